//! Functions of the prelude on f16: `mean`, `softmax` and their like are one operation to those who call them, so all that
//! they are made of is computed in f32, and their results are rounded once.

use crate::base::{DType, Result};
use crate::graph::cast;
use crate::lang::interp::Interp;
use crate::lang::value::Value;

impl Interp {
    /// Makes the f16 arrays among `n` arguments from `base` on f32, where nothing wider is among them; says whether it did.
    pub(super) fn widen(&mut self, n: usize, base: usize) -> Result<bool> {
        let args = self.stack.get(base..base + n).unwrap_or(&[]);
        let plain = |v: &Value| matches!(v, Value::Array(e) if e.dtype() == DType::F16);
        if !args.iter().flatten().any(plain) || args.iter().flatten().any(has_wider) {
            return Ok(false);
        }
        for k in base..base + n {
            if let Some(Value::Array(e)) = &self.stack[k]
                && e.dtype() == DType::F16
            {
                match cast(e, DType::F32) {
                    Ok(wide) => self.stack[k] = Some(Value::Array(wide)),
                    Err(fault) => {
                        self.stack.truncate(base);
                        return Err(fault);
                    }
                }
            }
        }
        Ok(true)
    }
}

/// Whether a value holds a float array that is no f16: then results are as wide as that.
fn has_wider(v: &Value) -> bool {
    match v {
        Value::Array(e) => !e.is_weak() && e.dtype().is_float() && e.dtype() != DType::F16,
        Value::Tuple(items) => items.iter().any(has_wider),
        Value::Record(r) => r.fields().iter().any(|(_, v)| has_wider(v)),
        _ => false,
    }
}

/// A result with its f32 arrays rounded to f16.
pub(super) fn narrowed(v: Value) -> Result<Value> {
    Ok(match v {
        Value::Array(e) if e.dtype() == DType::F32 => Value::Array(cast(&e, DType::F16)?),
        Value::Tuple(items) => Value::tuple(items.iter().cloned().map(narrowed).collect::<Result<_>>()?),
        Value::Record(r) => {
            let fields = r.fields().iter().map(|(name, v)| Ok((name.clone(), narrowed(v.clone())?)));
            Value::record(fields.collect::<Result<_>>()?)
        }
        other => other,
    })
}
