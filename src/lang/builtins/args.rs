//! The bound arguments of a native: read as what the body needs, faults named after the function and the argument.

use crate::base::{DType, Fault, Result, Shape};
use crate::graph::{Expr, Place};
use crate::lang::Value;

/// One value per parameter of the signature, in order; a `*rest` parameter is a tuple.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    pub name: &'static str,
    pub values: &'a [Value],
}

impl<'a> Args<'a> {
    pub fn get(&self, i: usize) -> &'a Value {
        self.values.get(i).unwrap_or(&Value::None)
    }

    /// A fault about argument `i`.
    pub fn wrong(&self, i: usize, mut fault: Fault) -> Fault {
        if !fault.message.starts_with(self.name) {
            fault.message = format!("{}: {}", self.name, fault.message);
        }
        if fault.sides.is_empty() && !self.get(i).is_none() {
            let words = format!("is {}", self.get(i).article());
            return fault.side(i, words);
        }
        fault
    }

    fn read<T>(&self, i: usize, read: impl Fn(&Value) -> Result<T>) -> Result<T> {
        read(self.get(i)).map_err(|f| self.wrong(i, f))
    }

    pub fn expr(&self, i: usize) -> Result<Expr> {
        self.read(i, Value::to_expr)
    }

    pub fn int(&self, i: usize) -> Result<i64> {
        self.read(i, Value::to_int)
    }

    pub fn size(&self, i: usize) -> Result<usize> {
        self.read(i, Value::to_size)
    }

    pub fn float(&self, i: usize) -> Result<f64> {
        self.read(i, Value::to_float)
    }

    pub fn bool(&self, i: usize) -> Result<bool> {
        self.read(i, Value::to_bool)
    }

    pub fn text(&self, i: usize) -> Result<&'a str> {
        self.get(i).to_text().map_err(|f| self.wrong(i, f))
    }

    /// Ints that name axes.
    pub fn axes(&self, i: usize) -> Result<Vec<i64>> {
        if self.get(i).is_no_axis() {
            return Err(self.wrong(i, self.get(i).unlike("an int or a tuple of ints")));
        }
        self.ints(i)
    }

    pub fn ints(&self, i: usize) -> Result<Vec<i64>> {
        self.read(i, Value::to_ints)
    }

    /// `none` is `None`.
    pub fn maybe<T>(&self, i: usize, read: impl Fn(&Self, usize) -> Result<T>) -> Result<Option<T>> {
        if self.get(i).is_none() { Ok(None) } else { read(self, i).map(Some) }
    }

    /// What a `*rest` parameter collected.
    pub fn rest(&self, i: usize) -> &'a [Value] {
        match self.get(i) {
            Value::Tuple(t) => t,
            _ => &[],
        }
    }

    /// The one of the first axis' range that argument `i` names in `shape`.
    pub fn axis(&self, i: usize, shape: &Shape) -> Result<usize> {
        if self.get(i).is_no_axis() {
            return Err(self.wrong(i, self.get(i).unlike("an int")));
        }
        shape.axis(self.int(i)?).map_err(|f| self.wrong(i, f))
    }

    /// The arrays of a tuple, or the rows of one array.
    pub fn arrays(&self, i: usize) -> Result<Vec<Expr>> {
        match self.get(i) {
            Value::Tuple(items) => items.iter().map(|v| v.to_expr().map_err(|f| self.wrong(i, f))).collect(),
            _ => {
                let x = self.expr(i)?;
                if x.rank() == 0 {
                    return Err(self.wrong(i, self.get(i).unlike("a tuple of arrays")));
                }
                rows(&x)
            }
        }
    }

    /// Sizes of `f(2, 3)` or `f((2, 3))`.
    pub fn shape(&self, i: usize) -> Result<Shape> {
        let rest = self.rest(i);
        let given = match rest {
            [one] => one.to_ints(),
            many => many.iter().map(Value::to_int).collect(),
        };
        given.and_then(|given| sizes(&given)).map_err(|mut f| {
            f.message = format!("{}: {}", self.name, f.message);
            match rest {
                [one] => f.side(i, format!("is {}", one.article())),
                _ => f,
            }
        })
    }

    /// Sizes of an int or a tuple.
    pub fn sizes(&self, i: usize) -> Result<Shape> {
        sizes(&self.ints(i)?).map_err(|f| self.wrong(i, f))
    }

    pub fn dtype(&self, i: usize) -> Result<Option<DType>> {
        self.maybe(i, |a, i| a.read(i, Value::to_dtype))
    }

    /// The place that `device=` names.
    pub fn place(&self, i: usize) -> Result<Option<Place>> {
        self.maybe(i, |a, i| place_of(a.text(i)?).map_err(|f| a.wrong(i, f)))
    }

    /// dtype and place of something new: an array unless a device is named; on a device floats are f32.
    pub fn kind(&self, dtype: usize, device: usize, natural: DType) -> Result<(DType, Place)> {
        let place = self.place(device)?.unwrap_or(Place::Array);
        let natural = if natural.is_float() { place.float() } else { natural };
        Ok((self.dtype(dtype)?.unwrap_or(natural), place))
    }
}

fn sizes(given: &[i64]) -> Result<Shape> {
    match given.iter().find(|&&n| n < 0) {
        Some(bad) => Err(Fault::new(format!("a size cannot be negative, found {bad}"))),
        None => Ok(given.iter().map(|&n| n as usize).collect()),
    }
}

/// The items of an array along its first axis.
pub fn rows(x: &Expr) -> Result<Vec<Expr>> {
    let n = x.shape().first().copied().unwrap_or(0);
    let row = |i| {
        crate::base::interrupt::check()?;
        row(x, i)
    };
    (0..n).map(row).collect()
}

/// Item i of an array along its first axis.
pub fn row(x: &Expr, i: usize) -> Result<Expr> {
    crate::lang::index::row(x, i)
}

/// The place that a device's name means. It is opened here: a device that cannot be is a fault of whoever names it.
pub fn place_of(name: &str) -> Result<Place> {
    let place = crate::device::named(name)?;
    crate::device::of(place.device())?;
    Ok(place)
}

/// A finished expression as a value.
pub fn done(e: Expr) -> Result<Value> {
    crate::ops::arrange::checked(e).map(Value::from_expr)
}

/// A tuple of arrays.
pub fn tuple(items: Vec<Expr>) -> Result<Value> {
    Ok(Value::tuple(items.into_iter().map(done).collect::<Result<_>>()?))
}

/// A record of arrays.
pub fn record<const N: usize>(fields: [(&str, Expr); N]) -> Result<Value> {
    let fields: Result<Vec<_>> = fields.into_iter().map(|(name, e)| Ok((name.into(), done(e)?))).collect();
    Ok(Value::record(fields?))
}

/// The same structure with `f` done to every leaf; a leaf is what is no record and no tuple.
pub fn tree(value: &Value, f: &mut dyn FnMut(&Value) -> Result<Value>) -> Result<Value> {
    match value {
        Value::Record(r) => {
            let fields: Result<Vec<_>> = r.fields().iter().map(|(k, v)| Ok((k.clone(), tree(v, f)?))).collect();
            Ok(Value::record(fields?))
        }
        Value::Tuple(t) => Ok(Value::tuple(t.iter().map(|v| tree(v, f)).collect::<Result<_>>()?)),
        leaf => f(leaf),
    }
}

/// The leaves of a structure, in order.
pub fn leaves(value: &Value, out: &mut Vec<Value>) {
    match value {
        Value::Record(r) => r.fields().iter().for_each(|(_, v)| leaves(v, out)),
        Value::Tuple(t) => t.iter().for_each(|v| leaves(v, out)),
        leaf => out.push(leaf.clone()),
    }
}

/// One array of numbers, arrays, and nests of tuples of them.
pub fn stacked(value: &Value) -> Result<Expr> {
    match value {
        Value::Tuple(items) if items.is_empty() => Expr::from_slice::<f64>(&[0], &[]),
        Value::Tuple(items) => {
            let parts: Vec<Expr> = items.iter().map(stacked).collect::<Result<_>>()?;
            let stacked = crate::ops::arrange::stack(&parts, 0)?;
            crate::graph::relocate(&stacked, stacked.place())
        }
        other => other.to_expr(),
    }
}

/// Whether a value can be called.
pub fn is_function(value: &Value) -> bool {
    matches!(value, Value::Function(_) | Value::Builtin(_) | Value::DType(_))
}
