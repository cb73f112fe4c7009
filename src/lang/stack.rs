//! `[a, b]`: values of one shape become one array with an axis more.
//!
//! In: values. Out: an array. Numbers and small arrays that lie in memory are copied at once; anything else is joined
//! by primitives, so that gradients pass. Records and tuples, which only comprehensions and `vmap` make, are stacked
//! part by part.

use std::rc::Rc;

use super::value::{Record, Value};
use crate::base::{Buffer, DType, Elem, Fault, Host, Layout, Result, Shape};
use crate::graph::{Data, Expr, Place, cast, from_bits};
use crate::ops;

/// More elements than this are joined by a primitive.
const AT_ONCE: usize = 4096;

/// The array of these elements. Sides of a fault count the elements.
pub fn stack(values: &[Value]) -> Result<Value> {
    if let Some(array) = numbers(values)? {
        return Ok(array.into());
    }
    let exprs: Vec<Expr> = values.iter().enumerate().map(|(i, v)| element(i, v)).collect::<Result<_>>()?;
    same_shape(&exprs)?;
    stack_exprs(&exprs).map(Value::Array)
}

/// As `stack`, records and tuples part by part.
pub fn stack_deep(values: &[Value]) -> Result<Value> {
    match values.first() {
        Some(Value::Record(first)) => {
            let mut out = Record::default();
            for (name, _) in first.fields() {
                let parts = values.iter().enumerate().map(|(i, v)| match v {
                    Value::Record(r) if r.fields().len() == first.fields().len() => {
                        r.get(name).cloned().ok_or_else(|| unlike_first(i, &format!("has no field `{name}`")))
                    }
                    _ => Err(unlike_first(i, &format!("is {}", v.article()))),
                });
                out.put(name, stack_deep(&parts.collect::<Result<Vec<_>>>()?)?);
            }
            Ok(Value::Record(Rc::new(out)))
        }
        Some(Value::Tuple(first)) => {
            let mut out = vec![];
            for k in 0..first.len() {
                let parts = values.iter().enumerate().map(|(i, v)| match v {
                    Value::Tuple(t) if t.len() == first.len() => Ok(t[k].clone()),
                    _ => Err(unlike_first(i, &format!("is {}", v.article()))),
                });
                out.push(stack_deep(&parts.collect::<Result<Vec<_>>>()?)?);
            }
            Ok(Value::tuple(out))
        }
        _ => stack(values),
    }
}

fn unlike_first(i: usize, what: &str) -> Fault {
    Fault::new(format!("the elements of an array must be alike: element {i} {what}, unlike element 0"))
}

fn element(i: usize, v: &Value) -> Result<Expr> {
    v.to_expr().map_err(|_| {
        let fault = Fault::new(format!("an array is made of numbers or arrays; element {i} is {}", v.article()));
        let fault = fault.side(i, "cannot be in an array");
        match v {
            Value::Record(_) | Value::Text(_) => fault.hint("keep mixed things in a tuple: (a, b)"),
            _ => fault,
        }
    })
}

fn same_shape(exprs: &[Expr]) -> Result<()> {
    let Some(first) = exprs.first() else { return Ok(()) };
    let Some(i) = exprs.iter().position(|e| e.shape() != first.shape()) else { return Ok(()) };
    let shown = |e: &Expr| if e.rank() == 0 { "a number".to_string() } else { format!("shape {}", e.shape()) };
    let (a, b) = (shown(first), shown(&exprs[i]));
    let fault = Fault::new(format!("the elements of an array must have one shape: element 0 has {a}, element {i} {b}"));
    let fault = fault.side(0, "unlike the other").side(i, "unlike the first");
    let joined = first.rank() > 0 && exprs.iter().all(|e| e.rank() == first.rank());
    Err(if joined {
        fault.hint("concat((a, b)) puts arrays one after the other")
    } else {
        fault.hint("a tuple holds mixed things: (a, b)")
    })
}

/// Plain numbers, filled in directly.
fn numbers(values: &[Value]) -> Result<Option<Expr>> {
    let (mut floats, mut ints) = (values.is_empty(), false);
    for v in values {
        match v {
            Value::Float(_) => floats = true,
            Value::Int(_) => ints = true,
            Value::Bool(_) => {}
            _ => return Ok(None),
        }
    }
    let shape = [values.len()];
    if floats {
        let data: Vec<f64> = values.iter().map(|v| v.to_float()).collect::<Result<_>>()?;
        return Expr::from_slice(&shape, &data).map(Some);
    }
    if ints {
        let data: Vec<i64> = values.iter().map(|v| v.to_int()).collect::<Result<_>>()?;
        return Expr::from_slice(&shape, &data).map(Some);
    }
    let data: Vec<bool> = values.iter().map(|v| v.to_bool()).collect::<Result<_>>()?;
    Expr::from_slice(&shape, &data).map(Some)
}

/// Arrays of one shape, stacked along a new first axis.
pub fn stack_exprs(exprs: &[Expr]) -> Result<Expr> {
    let Some(first) = exprs.first() else {
        return Expr::from_slice::<f64>(&[0], &[]);
    };
    let dtype = ops::rule::meet(exprs);
    let mut shape = first.shape().clone();
    let at_once = exprs.iter().all(|e| e.is_realised() && !e.node().marks.live());
    if at_once && shape.size() * exprs.len() <= AT_ONCE {
        return copied(exprs, dtype);
    }
    shape.0.insert(0, 1);
    let rows: Vec<Expr> = exprs.iter().map(|e| Ok(ops::reshape(&cast(e, dtype)?, &shape))).collect::<Result<_>>()?;
    let joined = ops::join(&rows, 0);
    joined.fault().map_or(Ok(joined), Err)
}

fn copied(exprs: &[Expr], dtype: DType) -> Result<Expr> {
    let place = exprs.iter().map(|e| e.place()).max().unwrap_or(Place::Array);
    let mut shape: Shape = exprs[0].shape().clone();
    let each = shape.size();
    shape.0.insert(0, exprs.len());
    let buffer = crate::dispatch!(dtype, T => {
        let mut out: Vec<T> = Vec::with_capacity(each * exprs.len());
        for e in exprs {
            push_elements(e, each, &mut out)?;
        }
        Buffer::from_slice(&out)?
    });
    Ok(Expr::from_host(Host { dtype, layout: Layout::contiguous(shape), buffer }, place))
}

fn push_elements<T: Elem>(e: &Expr, n: usize, out: &mut Vec<T>) -> Result<()> {
    crate::dispatch!(e.dtype(), S => {
        let convert = |x: S| if T::DTYPE.is_float() { T::from_f64(x.to_f64()) } else { T::from_i64(x.to_i64()) };
        match e.data() {
            Some(Data::Number(bits)) => out.extend(std::iter::repeat_n(convert(from_bits::<S>(*bits)), n)),
            _ => {
                let host = e.host()?;
                let data = host.buffer.as_slice::<S>();
                host.walk(|at| out.push(convert(data[at])))?;
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dtype_of(values: &[Value]) -> Option<DType> {
        match stack(values) {
            Ok(Value::Array(e)) => Some(e.dtype()),
            _ => None,
        }
    }

    #[test]
    fn numbers_meet() {
        assert_eq!(dtype_of(&[Value::Int(1), Value::Bool(true)]), Some(DType::I64));
        assert_eq!(dtype_of(&[Value::Int(1), Value::Float(2.5)]), Some(DType::F64));
        assert_eq!(dtype_of(&[Value::Bool(true)]), Some(DType::Bool));
        assert_eq!(dtype_of(&[]), Some(DType::F64));
    }

    #[test]
    fn a_number_takes_the_dtype_of_the_arrays_beside_it() {
        let half = Expr::full(Shape::scalar(), crate::graph::bits_of(0.5f32), DType::F32, Place::Array);
        assert_eq!(dtype_of(&[Value::Array(half.clone()), Value::Int(1)]), Some(DType::F32));
        assert_eq!(dtype_of(&[Value::Array(half), Value::text("a")]), None);
    }
}
