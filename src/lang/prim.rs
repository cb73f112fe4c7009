//! Calls of primitives: arguments to arrays and attributes.
//!
//! In: the values of a call. Out: the result. Numbers alone go through the primitive's own lane, one element wide, and
//! no node is made; so `sin(0.5)` and `sin([0.5])` give the same digits.

use smallvec::SmallVec;

use super::args::Args;
use super::arith::{self, Num};
use super::builtins::stacked;
use super::code::BinaryOp;
use super::index;
use super::interp::Interp;
use super::signature;
use super::value::Value;
use crate::base::{DType, Fault, Kind, Result, trouble};
use crate::graph::prim::Default;
use crate::graph::{Attr, Attrs, Body, Call, Expr, Param, ParamKind, Prim, apply, bits_of};

/// Calls a primitive; which argument each array input came from is written to `origin`.
pub fn call(prim: &'static Prim, signature: &str, args: &Args, origin: &mut Vec<Option<usize>>) -> Result<Value> {
    let mut ins: SmallVec<[Expr; 4]> = SmallVec::new();
    if args.named.is_empty()
        && args.positional.len() == prim.params.len()
        && prim.params.iter().all(|p| p.kind == ParamKind::Array)
    {
        for (i, v) in args.positional.iter().enumerate() {
            origin.push(Some(i));
            ins.push(array(prim, &prim.params[i], v, i)?);
        }
        return apply(prim, &ins, Attrs::new()).map(Value::from_expr);
    }
    // An array, and nothing said besides: `sum(x)`.
    if let ([Value::Array(x)], []) = (&*args.positional, &*args.named)
        && let [Param { kind: ParamKind::Array, .. }, rest @ ..] = prim.params
        && let Some(attrs) = rest.iter().map(|p| p.default.attr()).collect::<Option<Attrs>>()
    {
        origin.push(Some(0));
        return apply(prim, std::slice::from_ref(x), attrs).map(Value::from_expr);
    }
    let bound = bind(prim, signature, args)?;
    let mut attrs = Attrs::new();
    let single = prim.params.iter().filter(|p| p.is_array()).count() == 1;
    for (p, given) in prim.params.iter().zip(bound) {
        match p.kind {
            ParamKind::Array => {
                let (i, v) = given.one(prim, p, signature, args)?;
                origin.push(Some(i));
                let k = ins.len();
                ins.push(array(prim, p, v, k)?);
            }
            ParamKind::Arrays => {
                for (i, e) in arrays(prim, p, &given, args, single)? {
                    origin.push(Some(i));
                    ins.push(e);
                }
            }
            _ if is_flattened(prim, p, &given, args) => {
                ins.iter_mut().for_each(|e| *e = crate::ops::flat(e));
                attrs.push(Attr::Int(0));
            }
            _ => attrs.push(attribute(prim, p, &given, signature, args)?),
        }
    }
    apply(prim, &ins, attrs).map(Value::from_expr)
}

/// Several arrays along no axis are flattened first: `concat((a, b), axis=none)`.
fn is_flattened(prim: &Prim, p: &Param, given: &Given, args: &Args) -> bool {
    let none = given.0.first().and_then(|&i| args.get(i)).is_some_and(Value::is_none);
    none && p.name == "axis" && prim.params.iter().any(|p| p.kind == ParamKind::Arrays)
}

/// The arguments of one parameter, by number.
#[derive(Clone, Default)]
struct Given(SmallVec<[usize; 4]>);

impl Given {
    fn one<'a>(&self, prim: &Prim, p: &Param, signature: &str, args: &'a Args) -> Result<(usize, &'a Value)> {
        let found = self.0.first().and_then(|&i| Some((i, args.get(i)?)));
        found.ok_or_else(|| signature::missing(signature, prim.name, p.name))
    }
}

/// Which arguments go to which parameter.
fn bind(prim: &'static Prim, signature: &str, args: &Args) -> Result<Vec<Given>> {
    let mut out = vec![Given::default(); prim.params.len()];
    let (mut next, n) = (0, args.positional.len());
    for (k, p) in prim.params.iter().enumerate() {
        if next >= n {
            break;
        }
        out[k].0.push(next);
        next += 1;
        // Several in a row: `zeros(2, 3)`, `concat(a, b)`.
        let follows = prim.params.get(k + 1).map(|p| p.kind);
        let more = |v: &Value| match p.kind {
            ParamKind::Ints => {
                matches!(v, Value::Int(_)) && !matches!(follows, Some(ParamKind::Int | ParamKind::Float))
            }
            ParamKind::Arrays => matches!(v, Value::Array(_) | Value::Range(_)),
            _ => false,
        };
        while next < n && more(&args.positional[next]) && more(&args.positional[next - 1]) {
            out[k].0.push(next);
            next += 1;
        }
    }
    if next < n {
        return Err(signature::too_many(signature, prim.name, n));
    }
    for (i, (name, _)) in args.named.iter().enumerate() {
        let Some(k) = prim.params.iter().position(|p| p.name == &**name) else {
            return Err(signature::unknown_keyword(signature, prim.name, name, prim.params.iter().map(|p| p.name)));
        };
        if !out[k].0.is_empty() {
            return Err(Fault::new(format!("{}: `{name}` is given twice", prim.name)));
        }
        out[k].0.push(n + i);
    }
    Ok(out)
}

fn array(prim: &Prim, p: &Param, v: &Value, side: usize) -> Result<Expr> {
    // As `sum` does: a tuple of numbers is folded like an array.
    let folds = matches!(prim.name, "all" | "any") && matches!(v, Value::Tuple(_));
    let e = if folds { stacked(v) } else { v.to_expr() };
    e.map_err(|f| {
        let mut fault = Fault::new(format!("{}: `{}`: {}", prim.name, p.name, f.message)).side(side, "is no array");
        fault.hints = f.hints.clone();
        fault
    })
}

fn arrays(prim: &Prim, p: &Param, given: &Given, args: &Args, single: bool) -> Result<Vec<(usize, Expr)>> {
    let mut out = vec![];
    for &i in &given.0 {
        let Some(v) = args.get(i) else { continue };
        match v {
            Value::Tuple(items) => {
                for item in items.iter() {
                    out.push((i, array(prim, p, item, out.len())?));
                }
            }
            Value::Array(e) if single && given.0.len() == 1 && e.rank() > 0 => {
                for k in 0..e.shape()[0] {
                    out.push((i, index::row(e, k)?));
                }
            }
            _ => out.push((i, array(prim, p, v, out.len())?)),
        }
    }
    Ok(out)
}

fn attribute(prim: &Prim, p: &Param, given: &Given, signature: &str, args: &Args) -> Result<Attr> {
    let Some(&first) = given.0.first() else {
        return p.default.attr().ok_or_else(|| signature::missing(signature, prim.name, p.name));
    };
    let Some(v) = args.get(first) else { return Ok(Attr::None) };
    if v.is_none() && matches!(p.default, Default::None) {
        return Ok(Attr::None);
    }
    let converted = match p.kind {
        ParamKind::Int | ParamKind::Ints if p.name == "axis" && v.is_no_axis() => Err(v.unlike("an int")),
        ParamKind::Int => v.to_int().map(Attr::Int),
        ParamKind::Ints if given.0.len() > 1 => {
            given.0.iter().filter_map(|&i| args.get(i)).map(Value::to_int).collect::<Result<Vec<_>>>().map(Attr::ints)
        }
        ParamKind::Ints => v.to_ints().map(Attr::ints),
        ParamKind::Float => v.to_float().map(Attr::Float),
        ParamKind::Bool => v.to_bool().map(Attr::Bool),
        ParamKind::DType => v.to_dtype().map(Attr::DType),
        ParamKind::Text => v.to_text().map(|t| Attr::Text(t.into())),
        ParamKind::Array | ParamKind::Arrays => Ok(Attr::None),
    };
    converted.map_err(|f| {
        let mut fault = Fault::new(format!("{}: `{}`: {}", prim.name, p.name, f.message));
        fault.hints = f.hints.clone();
        fault
    })
}

/// What a primitive makes of plain numbers: dtypes in and out, or the operator that checks its ints.
#[derive(Clone, Copy)]
pub struct ScalarTypes {
    ins: [DType; 3],
    out: DType,
    checked: Option<BinaryOp>,
}

impl Interp {
    /// An elementwise primitive on plain numbers; `None` where the arguments are something else.
    pub(super) fn scalar_call(&mut self, prim: &'static Prim, args: &[Value]) -> Result<Option<Value>> {
        let Body::Map(body) = &prim.body else { return Ok(None) };
        if args.len() != prim.params.len() || args.len() > 3 || args.is_empty() {
            return Ok(None);
        }
        let mut kinds = 0u8;
        for v in args {
            kinds = kinds << 2
                | match v {
                    Value::Bool(_) => 1,
                    Value::Int(_) => 2,
                    Value::Float(_) => 3,
                    _ => return Ok(None),
                };
        }
        // Kinds are at most six bits; no two records are so near to each other.
        let key = std::ptr::from_ref(prim) as usize ^ (kinds as usize) << 56;
        let types = match self.scalar_types.get(key) {
            Some(types) => *types,
            None => {
                let types = scalar_types(prim, args)?;
                self.scalar_types.put(key, types);
                types
            }
        };
        if let (Some(op), [a, b]) = (types.checked, args)
            && let (Some(a), Some(b)) = (Num::of(a), Num::of(b))
        {
            return arith::arith(op, a, b);
        }
        if let ([Value::Int(i64::MIN)], "abs") = (args, prim.name) {
            return Err(Fault::new(format!("abs({}) does not fit into an int of 64 bits", i64::MIN)));
        }
        let last = types.ins[args.len() - 1];
        let Some(lane) = (body.lane)(last, crate::graph::prim::Operands::Vectors) else { return Ok(None) };
        let mut bits = [0u64; 3];
        for (k, v) in args.iter().enumerate() {
            bits[k] = number_bits(v, types.ins[k]);
        }
        let ins = [(&raw const bits[0]).cast::<u8>(), (&raw const bits[1]).cast(), (&raw const bits[2]).cast()];
        let mut out = 0u64;
        // SAFETY: one element of at most 8 bytes from operands of one element each, in the dtypes the rule named.
        unsafe { lane(ins.as_ptr(), (&raw mut out).cast(), 1) };
        trouble::check()?;
        Ok(Some(match types.out.kind() {
            Kind::Bool => Value::Bool(out & 1 != 0),
            Kind::Int => Value::Int(out as i64),
            Kind::Float => Value::Float(f64::from_bits(out)),
        }))
    }
}

/// The dtypes a rule gives to weak numbers of these kinds; never f32, as no tensor is among them.
fn scalar_types(prim: &'static Prim, args: &[Value]) -> Result<ScalarTypes> {
    let ins: SmallVec<[Expr; 3]> = args.iter().map(Value::to_expr).collect::<Result<_>>()?;
    let types = (prim.dtype)(&Call { prim, ins: &ins, attrs: Attrs::new() })?;
    let mut dtypes = [DType::F64; 3];
    for (k, &d) in types.ins.iter().enumerate().take(3) {
        dtypes[k] = d;
    }
    let (op, found) = super::resolve::arith(prim.name);
    let checked = (op != BinaryOp::Other && std::ptr::eq(found, prim)).then_some(op);
    Ok(ScalarTypes { ins: dtypes, out: types.out, checked })
}

fn number_bits(v: &Value, dtype: DType) -> u64 {
    use crate::base::Elem;
    let (x, i) = match v {
        Value::Float(x) => (*x, *x as i64),
        Value::Int(i) => (*i as f64, *i),
        Value::Bool(b) => (*b as i64 as f64, *b as i64),
        _ => (0.0, 0),
    };
    crate::dispatch!(dtype, T => bits_of(if T::DTYPE.is_float() || matches!(v, Value::Float(_)) { T::from_f64(x) } else { T::from_i64(i) }))
}
