//! Signatures of builtins: `zeros(*shape, dtype=f64)` read into parameters, and arguments put in their order.

use std::rc::Rc;

use super::args::Args;
use super::builtin::Builtin;
use super::value::Value;
use crate::base::{DType, Fault, Result, counted, nearest};

/// The parameters of a builtin.
pub struct Signature {
    pub params: Vec<Parameter>,
    /// Nothing is collected: as many arguments as parameters need no sorting.
    pub plain: bool,
}

pub struct Parameter {
    pub name: Rc<str>,
    /// `None`: it must be given.
    pub default: Option<Value>,
    /// `*rest`: takes all further positional arguments, as a tuple.
    pub rest: bool,
}

impl Signature {
    /// Reads `name(a, b=1, *rest)`.
    pub fn read(text: &str) -> Signature {
        let inside = text.split_once('(').map_or("", |(_, rest)| rest);
        let inside = inside.rsplit_once(')').map_or(inside, |(inside, _)| inside);
        let params: Vec<Parameter> = split(inside).into_iter().map(parameter).collect();
        Signature { plain: params.iter().all(|p| !p.rest), params }
    }

    /// The arguments in the order of the parameters; which argument each came from is written to `origin`.
    pub fn bind(&self, builtin: &Builtin, args: &Args, origin: &mut Vec<Option<usize>>) -> Result<Vec<Value>> {
        let mut out: Vec<Option<Value>> = vec![None; self.params.len()];
        origin.resize(self.params.len(), None);
        let mut given = args.positional.iter().enumerate();
        for (k, p) in self.params.iter().enumerate() {
            if p.rest {
                origin[k] = (args.positional.len() > k).then_some(k);
                out[k] = Some(Value::tuple(given.by_ref().map(|(_, v)| v.clone()).collect()));
                break;
            }
            let Some((i, v)) = given.next() else { break };
            out[k] = Some(v.clone());
            origin[k] = Some(i);
        }
        if given.next().is_some() {
            return Err(too_many(builtin.signature, builtin.name, args.positional.len()));
        }
        for (i, (name, v)) in args.named.iter().enumerate() {
            let Some(k) = self.params.iter().position(|p| p.name == *name) else {
                return Err(unknown_keyword(
                    builtin.signature,
                    builtin.name,
                    name,
                    self.params.iter().map(|p| &*p.name),
                ));
            };
            if out[k].is_some() && !self.params[k].rest {
                return Err(Fault::new(format!("{}: `{name}` is given twice", builtin.name)));
            }
            out[k] = Some(v.clone());
            origin[k] = Some(args.positional.len() + i);
        }
        out.into_iter()
            .zip(&self.params)
            .map(|(v, p)| {
                v.or_else(|| p.default.clone()).ok_or_else(|| missing(builtin.signature, builtin.name, &p.name))
            })
            .collect()
    }
}

/// At commas that stand in no brackets or quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start) = (0i32, false, 0);
    let mut parts = vec![];
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 && !quoted => {
                parts.push(text[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|p| !p.is_empty() && *p != "*" && *p != "/");
    parts
}

fn parameter(text: &str) -> Parameter {
    let (name, default) = match text.split_once('=') {
        Some((name, default)) => (name.trim(), Some(literal(default.trim()))),
        None => (text, None),
    };
    match name.strip_prefix('*') {
        Some(name) => Parameter { name: name.into(), default: Some(Value::tuple(vec![])), rest: true },
        None => Parameter { name: name.into(), default, rest: false },
    }
}

fn literal(text: &str) -> Value {
    match text {
        "none" => Value::None,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "()" => Value::tuple(vec![]),
        "{}" => Value::record(vec![]),
        "inf" => Value::Float(f64::INFINITY),
        _ => {
            if let Ok(i) = text.parse::<i64>() {
                Value::Int(i)
            } else if let Ok(x) = text.parse::<f64>() {
                Value::Float(x)
            } else if let Some(d) = DType::from_name(text) {
                Value::DType(d)
            } else {
                Value::text(text.trim_matches('"').replace("\\n", "\n"))
            }
        }
    }
}

/// What the side says of the first argument too many.
pub const SURPLUS: &str = "is one too many";

pub fn too_many(signature: &str, name: &str, found: usize) -> Fault {
    let most = Signature::read(signature).params.len();
    let fault = Fault::new(format!("{name}: found {}, more than it takes: {signature}", counted(found, "argument")))
        .side(most, SURPLUS);
    match name {
        "max" | "min" => fault.hint(format!("{name}((a, b, c, d)) takes any number of them")),
        _ => fault,
    }
}

pub fn missing(signature: &str, name: &str, param: &str) -> Fault {
    Fault::new(format!("{name}: `{param}` is missing: {signature}"))
}

/// What people write who come from elsewhere.
const HABITS: &[(&str, &str)] = &[
    ("dim", "axis"),
    ("dims", "axis"),
    ("axes", "axis"),
    ("keepdim", "keepdims"),
    ("keep_dims", "keepdims"),
    ("ddof", "correction"),
    ("unbiased", "correction"),
    ("learning_rate", "lr"),
    ("requires_grad", ""),
    ("size", "shape"),
    ("input", "x"),
    ("a", "x"),
];

pub fn unknown_keyword<'a>(signature: &str, name: &str, given: &str, known: impl Iterator<Item = &'a str>) -> Fault {
    let known: Vec<&str> = known.filter(|k| !k.is_empty()).collect();
    let fault = Fault::new(format!("{name}: unknown argument `{given}`: {signature}"));
    let habit = HABITS.iter().find(|(from, to)| *from == given && known.contains(to)).map(|(_, to)| *to);
    match habit.or_else(|| nearest(given, known)) {
        Some(meant) => fault.hint(format!("did you mean `{meant}=`?")),
        None if given == "requires_grad" => fault.hint("leave it out: grad(expr, x) works on any x"),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_read() {
        let s = Signature::read("f(x, *rest, axis=none, t=(), name=\"a, b\", dtype=f32, k=-1.5)");
        let names: Vec<&str> = s.params.iter().map(|p| &*p.name).collect();
        assert_eq!(names, ["x", "rest", "axis", "t", "name", "dtype", "k"]);
        assert!(s.params[0].default.is_none() && s.params[1].rest);
        assert!(matches!(&s.params[4].default, Some(Value::Text(t)) if **t == "a, b"));
        assert!(matches!(s.params[5].default, Some(Value::DType(DType::F32))));
        assert!(matches!(s.params[6].default, Some(Value::Float(x)) if x == -1.5));
        assert!(Signature::read("now()").params.is_empty());
    }
}
