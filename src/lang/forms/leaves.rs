//! The variables of a derivative: values of any structure, each array in them marked.

use std::rc::Rc;

use crate::base::{DType, Result};
use crate::graph::apply::weaken;
use crate::graph::{Expr, Level, Marks, alias, cast};
use crate::lang::value::{Record, Value};

/// One array or number to differentiate by.
pub struct Leaf {
    /// What the expression reads.
    pub expr: Expr,
    /// The array as it was, where what was computed from it earlier kept its tape (`track`).
    pub tracked: Option<Expr>,
}

/// The value with a marked leaf for every array and number in it.
pub fn mark(v: &Value, level: &Level, out: &mut Vec<Leaf>) -> Result<Value> {
    map_arrays(v, &mut |e| {
        let real = if e.dtype().is_float() { e.clone() } else { real(e)? };
        // A derivative by a variable reads it, also where what comes of it is constant.
        e.node().read.set(true);
        let expr = alias(&real, level.mark().join(real.node().marks));
        let tracked = e.node().marks.is_tracked().then(|| e.clone());
        out.push(Leaf { expr: expr.clone(), tracked });
        Ok(expr)
    })
}

/// Ints count as reals.
fn real(e: &Expr) -> Result<Expr> {
    if e.is_weak() {
        return Ok(Expr::weak(e.item::<f64>()?));
    }
    cast(e, e.place().float())
}

/// The value with every number and array in it replaced; what is neither stays. Bools are no reals.
pub fn map_arrays(v: &Value, f: &mut dyn FnMut(&Expr) -> Result<Expr>) -> Result<Value> {
    Ok(match v {
        Value::Array(e) if e.dtype() != DType::Bool => Value::Array(f(e)?),
        Value::Int(_) | Value::Float(_) | Value::Range(_) => Value::Array(f(&v.to_expr()?)?),
        Value::Tuple(t) => Value::tuple(t.iter().map(|v| map_arrays(v, f)).collect::<Result<_>>()?),
        Value::Record(r) => {
            let mut out = Record::default();
            for (name, v) in r.fields() {
                out.put(name, map_arrays(v, f)?);
            }
            Value::Record(Rc::new(out))
        }
        _ => v.clone(),
    })
}

/// The structure of a value filled with one part per array in it, in order; what is no array becomes `none`.
pub fn rebuild(v: &Value, parts: &mut dyn Iterator<Item = Value>) -> Value {
    match v {
        Value::Array(e) if e.dtype() != DType::Bool => parts.next().unwrap_or(Value::None),
        Value::Int(_) | Value::Float(_) | Value::Range(_) => parts.next().unwrap_or(Value::None),
        Value::Tuple(t) => Value::tuple(t.iter().map(|v| rebuild(v, parts)).collect()),
        Value::Record(r) => {
            let fields = r.fields().iter().map(|(name, v)| (name.clone(), rebuild(v, parts)));
            Value::Record(Rc::new(Record::from(fields.collect::<Vec<_>>())))
        }
        _ => Value::None,
    }
}

/// The arrays of a value, in order.
pub fn arrays(v: &Value) -> Result<Vec<Expr>> {
    let mut out = vec![];
    map_arrays(v, &mut |e| {
        out.push(e.clone());
        Ok(e.clone())
    })?;
    Ok(out)
}

/// A derivative by a leaf as a value: off every tape once the outermost derivative is done, a plain number where the
/// leaf was one.
pub fn result(e: &Expr, leaf_weak: bool) -> Result<Value> {
    if crate::graph::tape::recording() {
        return Ok(Value::Array(if leaf_weak && e.rank() == 0 { weaken(e) } else { e.clone() }));
    }
    if leaf_weak && e.rank() == 0 {
        return Value::number_of(e);
    }
    Ok(Value::Array(alias(e, Marks::default())))
}

/// A result on its way out of a derivative.
pub fn finish(v: &Value) -> Result<Value> {
    match v {
        Value::Array(e) => result(e, e.is_weak()),
        Value::Tuple(t) => Ok(Value::tuple(t.iter().map(finish).collect::<Result<_>>()?)),
        Value::Record(r) => {
            let fields: Result<Vec<_>> = r.fields().iter().map(|(n, v)| Ok((n.clone(), finish(v)?))).collect();
            Ok(Value::record(fields?))
        }
        _ => Ok(v.clone()),
    }
}
