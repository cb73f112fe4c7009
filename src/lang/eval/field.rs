//! Fields, properties and methods.

use super::call::{Site, is_callable};
use crate::base::{Fault, Result, Span, nearest};
use crate::graph::Expr;
use crate::lang::code::*;
use crate::lang::interp::Interp;
use crate::lang::names;
use crate::lang::resolve::form_kind;
use crate::lang::value::Value;
use crate::ops;

/// What arrays have without a call.
pub const PROPERTIES: &[&str] = &["shape", "ndim", "size", "dtype", "device", "T", "mT"];

impl Interp {
    pub(in crate::lang) fn field(&mut self, x: &Value, name: &str, span: Span) -> Result<Value> {
        match x {
            Value::Record(r) => match r.get(name) {
                Some(v) => Ok(v.clone()),
                None => {
                    let fault = Fault::new(format!("the record has no field `{name}`")).at(span);
                    Err(match nearest(name, r.fields().iter().map(|(n, _)| &**n)) {
                        Some(near) => fault.hint(format!("did you mean `.{near}`?")),
                        None => fault.hint(fields_hint(r)),
                    })
                }
            },
            Value::Space(space) => self.member(space, name).map_err(|f| f.at(span)),
            _ => match self.property(x, name) {
                Some(done) => done.map_err(|f| f.at(span)),
                None => Err(self.no_field(x, name).at(span)),
            },
        }
    }

    fn member(&mut self, space: &str, name: &str) -> Result<Value> {
        match self.house(&format!("{space}.{name}")) {
            Some(found) => found,
            None => {
                let members: Vec<&str> =
                    names::house_names().filter_map(|n| n.strip_prefix(space)?.strip_prefix('.')).collect();
                let fault = Fault::new(format!("`{space}` has no `{name}`"));
                Err(match nearest(name, members) {
                    Some(near) => fault.hint(format!("did you mean `{space}.{near}`?")),
                    None => match names::advice(name) {
                        Some(advice) => fault.hint(advice),
                        None => fault,
                    },
                })
            }
        }
    }

    fn property(&mut self, x: &Value, name: &str) -> Option<Result<Value>> {
        if !PROPERTIES.contains(&name) {
            return None;
        }
        let e = match x {
            Value::Array(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Range(_) => x.to_expr(),
            _ => return None,
        };
        Some(e.and_then(|e| property_of(x, &e, name)))
    }

    fn no_field(&mut self, x: &Value, name: &str) -> Fault {
        let fault = Fault::new(format!("{} has no field `{name}`", x.article()));
        if form_kind(name).is_some() {
            return fault.hint(format!("write {name}(expr, x): the expression that is made from x, then x"));
        }
        if let Some(advice) = names::advice(name) {
            return fault.hint(advice);
        }
        if self.library.find(name) != NONE {
            return fault.hint(format!("{name} is a function: call it, x.{name}()"));
        }
        match (nearest(name, PROPERTIES.iter().copied()), x) {
            (_, Value::Tuple(items)) if !items.is_empty() => {
                fault.hint(format!("an item has a number, the first is [0]; a record's have names: {{{name}: 1}}"))
            }
            (Some(near), _) => fault.hint(format!("did you mean `.{near}`?")),
            (None, _) => fault,
        }
    }

    /// `x.f(a)`: a field of x, a member of a namespace, or a function with x as its first argument.
    pub(super) fn method(&mut self, m: &Method, span: Span) -> Result<Value> {
        let x = self.eval(&m.x)?;
        let field = match &x {
            Value::Record(r) => r.get(&m.name).cloned(),
            Value::Space(space) => Some(self.member(space, &m.name).map_err(|f| f.at(m.name_span))?),
            _ => None,
        };
        if let Some(f) = field {
            let args = self.args(&m.args)?;
            if !is_callable(&f) {
                return Err(f.unlike("a function").at(m.name_span));
            }
            return self.call_value(&f, args, Some(Site { span, first: None, args: &m.args }));
        }
        let f = match &m.f {
            Some(code) => self.eval(code).map_err(|fault| self.no_method(fault, &x, m))?,
            None => return Err(self.no_field(&x, &m.name).at(m.name_span)),
        };
        if !is_callable(&f) && PROPERTIES.contains(&&*m.name) {
            let fault = Fault::new(format!("`{}` is a property, no function", m.name)).at(m.name_span);
            return Err(fault.hint(format!("leave the parentheses out: .{}", m.name)));
        }
        let mut args = self.args(&m.args)?;
        args.positional.insert(0, x);
        self.call_value(&f, args, Some(Site { span, first: Some(&m.x), args: &m.args }))
    }

    fn no_method(&mut self, fault: Fault, x: &Value, m: &Method) -> Fault {
        if fault.span != Some(m.name_span) {
            return fault;
        }
        if PROPERTIES.contains(&&*m.name) {
            let fault = Fault::new(format!("`{}` is a property, no function", m.name)).at(m.name_span);
            return fault.hint(format!("leave the parentheses out: .{}", m.name));
        }
        let mut better =
            Fault::new(format!("{} has no method `{}`, and no function has that name", x.article(), m.name));
        better.hints = fault.hints.clone();
        better.at(m.name_span)
    }
}

fn fields_hint(r: &crate::lang::value::Record) -> String {
    let names: Vec<String> = r.fields().iter().take(8).map(|(n, _)| format!("`{n}`")).collect();
    match names.len() {
        0 => "it has no fields at all".into(),
        _ => format!("its fields are {}", names.join(", ")),
    }
}

fn property_of(x: &Value, e: &Expr, name: &str) -> Result<Value> {
    let int = |n: usize| Value::Int(n as i64);
    Ok(match name {
        "shape" => Value::tuple(e.shape().iter().map(|&d| int(d)).collect()),
        "ndim" => int(e.rank()),
        "size" => int(e.size()),
        "dtype" => Value::DType(e.dtype()),
        "device" => Value::text(e.place().name()),
        _ if e.rank() == 0 => x.clone(),
        "T" => {
            let axes: Vec<usize> = (0..e.rank()).rev().collect();
            transposed(e, &axes)?
        }
        _ => {
            let n = e.rank();
            if n < 2 {
                let fault = Fault::new(format!("`.mT` swaps the last two axes, found shape {}", e.shape()));
                return Err(fault.hint("make it a column: x[:, none]"));
            }
            let mut axes: Vec<usize> = (0..n).collect();
            axes.swap(n - 2, n - 1);
            transposed(e, &axes)?
        }
    })
}

fn transposed(e: &Expr, axes: &[usize]) -> Result<Value> {
    let out = ops::permute_dims(e, axes);
    out.fault().map_or(Ok(Value::Array(out)), Err)
}
