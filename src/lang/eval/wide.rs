//! Functions of the prelude on f16: `mean`, `softmax`, `update` and their like are one operation to those who call them, so
//! all that they are made of is computed in f32, and their results are rounded once.

use crate::base::{DType, Result};
use crate::graph::cast;
use crate::lang::interp::Interp;
use crate::lang::prelude::Wide;
use crate::lang::value::Value;

/// What a function was given that computes in f32 now.
pub(super) enum Given {
    Arrays,
    /// Its arguments as they came.
    Trees(Vec<Value>),
}

impl Interp {
    /// Makes the f16 arrays among `n` arguments from `base` on f32, if there are some and, for arrays, nothing wider.
    pub(super) fn widen(&mut self, wide: Wide, n: usize, base: usize) -> Result<Option<Given>> {
        let args = || self.stack.get(base..base + n).unwrap_or(&[]).iter().flatten();
        let deep = wide == Wide::Trees;
        if !args().any(|v| has(v, deep, &|d| d == DType::F16)) {
            return Ok(None);
        }
        if !deep && args().any(|v| has(v, true, &|d| d.is_float() && d != DType::F16)) {
            return Ok(None);
        }
        let given = if deep { Given::Trees(args().cloned().collect()) } else { Given::Arrays };
        for k in base..base + n {
            let Some(v) = self.stack[k].take() else { continue };
            match converted(v, deep, DType::F16, DType::F32) {
                Ok(v) => self.stack[k] = Some(v),
                Err(fault) => {
                    self.stack.truncate(base);
                    return Err(fault);
                }
            }
        }
        Ok(Some(given))
    }
}

impl Given {
    /// The result in the dtypes that a caller expects.
    pub(super) fn narrow(self, result: Value) -> Result<Value> {
        match self {
            Given::Arrays => converted(result, true, DType::F32, DType::F16),
            Given::Trees(args) => match &result {
                // Several results: each for itself.
                Value::Tuple(items) if !args.iter().any(|a| alike(a, &result)) => {
                    Ok(Value::tuple(items.iter().map(|v| as_given(v, &args)).collect::<Result<_>>()?))
                }
                _ => as_given(&result, &args),
            },
        }
    }
}

/// A value in the dtypes of the last argument that is made like it; what is made like none stays.
fn as_given(v: &Value, args: &[Value]) -> Result<Value> {
    args.iter().rev().find(|a| alike(a, v)).map_or(Ok(v.clone()), |a| like(v, a))
}

/// Whether a value, or with `deep` one in it, is an array of such a dtype; numbers without one of their own are none.
fn has(v: &Value, deep: bool, is: &dyn Fn(DType) -> bool) -> bool {
    match v {
        Value::Array(e) => !e.is_weak() && is(e.dtype()),
        Value::Tuple(items) if deep => items.iter().any(|v| has(v, deep, is)),
        Value::Record(r) if deep => r.fields().iter().any(|(_, v)| has(v, deep, is)),
        _ => false,
    }
}

/// A value with its arrays of one dtype, with `deep` also those in it, made arrays of another.
fn converted(v: Value, deep: bool, from: DType, to: DType) -> Result<Value> {
    Ok(match v {
        Value::Array(e) if e.dtype() == from && !e.is_weak() => Value::Array(cast(&e, to)?),
        Value::Tuple(items) if deep => {
            Value::tuple(items.iter().map(|v| converted(v.clone(), deep, from, to)).collect::<Result<_>>()?)
        }
        Value::Record(r) if deep => {
            let fields = r.fields().iter().map(|(name, v)| Ok((name.clone(), converted(v.clone(), deep, from, to)?)));
            Value::record(fields.collect::<Result<_>>()?)
        }
        other => other,
    })
}

/// Whether two values have one structure, with arrays of one shape at its ends.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.shape() == b.shape(),
        (Value::Tuple(a), Value::Tuple(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| alike(a, b)),
        (Value::Record(a), Value::Record(b)) => {
            let (a, b) = (a.fields(), b.fields());
            a.len() == b.len() && a.iter().zip(b).all(|((n, a), (m, b))| n == m && alike(a, b))
        }
        (Value::Array(_) | Value::Tuple(_) | Value::Record(_), _) => false,
        (_, Value::Array(_) | Value::Tuple(_) | Value::Record(_)) => false,
        _ => true,
    }
}

/// A value with f16 where another of its structure has them.
fn like(v: &Value, a: &Value) -> Result<Value> {
    Ok(match (v, a) {
        (Value::Array(v), Value::Array(a)) if a.dtype() == DType::F16 && v.dtype() == DType::F32 => {
            Value::Array(cast(v, DType::F16)?)
        }
        (Value::Tuple(v), Value::Tuple(a)) => {
            Value::tuple(v.iter().zip(a.iter()).map(|(v, a)| like(v, a)).collect::<Result<_>>()?)
        }
        (Value::Record(v), Value::Record(a)) => {
            let both = v.fields().iter().zip(a.fields());
            let fields = both.map(|((name, v), (_, a))| Ok((name.clone(), like(v, a)?)));
            Value::record(fields.collect::<Result<_>>()?)
        }
        _ => v.clone(),
    })
}
