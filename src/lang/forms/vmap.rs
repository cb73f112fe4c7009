//! vmap: a function over every slice along an axis.
//!
//! A loop, with the results stacked: right for any function, and what it records is fused like anything else. It does
//! not turn the calls into one call on larger arrays.

use super::functions::must_be_callable;
use crate::base::{Fault, Result, counted, interrupt};
use crate::lang::function::Function;
use crate::lang::index::{self, Sub, Subs};
use crate::lang::stack;
use crate::lang::value::Value;

pub fn vmap(f: &Value, axis: &Value) -> Result<Value> {
    must_be_callable(f, 0)?;
    let (f, axis) = (f.clone(), axis.clone());
    Ok(Function::made("vmap", move |interp, args| {
        let axes: Vec<Option<i64>> = (0..args.len()).map(|i| axis_of(&axis, i)).collect::<Result<_>>()?;
        let mut n = None;
        for (v, axis) in args.iter().zip(&axes) {
            if let Some(axis) = axis {
                length(v, *axis, &mut n)?;
            }
        }
        let n = n.ok_or_else(|| Fault::new("vmap: no argument has the axis to go along"))?;
        let mut out = Vec::with_capacity(n);
        for i in 0..n {
            interrupt::check()?;
            let slices = args.iter().zip(&axes).map(|(v, axis)| match axis {
                Some(axis) => slice(v, *axis, i),
                None => Ok(v.clone()),
            });
            let slices = slices.collect::<Result<Vec<Value>>>()?;
            out.push(interp.call(&f, slices)?);
        }
        stack::stack_deep(&out)
    }))
}

fn axis_of(axis: &Value, i: usize) -> Result<Option<i64>> {
    match axis {
        Value::None => Ok(None),
        Value::Tuple(t) => match t.get(i) {
            Some(axis) => axis_of(axis, i),
            None => Err(Fault::new(format!(
                "vmap: axes are given for {}, but there is an argument {i}",
                counted(t.len(), "argument")
            ))),
        },
        v => v.to_int().map(Some),
    }
}

/// The common length along the axis of every array in a value.
fn length(v: &Value, axis: i64, n: &mut Option<usize>) -> Result<()> {
    match v {
        Value::Array(e) if e.rank() > 0 => {
            let here = e.shape()[e.shape().axis(axis)?];
            match n {
                Some(n) if *n != here => Err(Fault::new(format!("vmap: the arguments have {n} and {here} slices"))),
                _ => {
                    *n = Some(here);
                    Ok(())
                }
            }
        }
        Value::Tuple(t) => t.iter().try_for_each(|v| length(v, axis, n)),
        Value::Record(r) => r.fields().iter().try_for_each(|(_, v)| length(v, axis, n)),
        _ => Ok(()),
    }
}

fn slice(v: &Value, axis: i64, i: usize) -> Result<Value> {
    Ok(match v {
        Value::Array(e) if e.rank() > 0 => {
            let mut subs: Subs = (0..e.shape().axis(axis)?).map(|_| Sub::Slice(None, None, 1)).collect();
            subs.push(Sub::Int(i as i64));
            index::read(v, &subs)?
        }
        Value::Tuple(t) => Value::tuple(t.iter().map(|v| slice(v, axis, i)).collect::<Result<_>>()?),
        Value::Record(r) => {
            let fields: Result<Vec<_>> = r.fields().iter().map(|(n, v)| Ok((n.clone(), slice(v, axis, i)?))).collect();
            Value::record(fields?)
        }
        _ => v.clone(),
    })
}
