//! Values as Rust wants them: what a builtin asks of its arguments. Faults say what was expected and what was found.

use std::rc::Rc;

use super::names::foreign_dtype;
use super::value::{Range, Record, Value};
use crate::base::dtype::to_come;
use crate::base::{DType, Fault, Kind, Result};
use crate::graph::Expr;

impl Value {
    /// The array of an array, number, bool or range. Numbers are weak.
    pub fn to_expr(&self) -> Result<Expr> {
        Ok(match self {
            Value::Array(e) => e.clone(),
            Value::Int(i) => Expr::weak(*i),
            Value::Float(x) => Expr::weak(*x),
            Value::Bool(b) => Expr::weak(*b),
            Value::Range(r) => r.to_expr(),
            Value::Tuple(items) if items.iter().all(|v| matches!(v, Value::Array(_)) || v.is_number()) => {
                return Err(self.unlike("an array").hint("stack the items of a tuple of one shape: stack(t)"));
            }
            _ => return Err(self.unlike("an array")),
        })
    }

    /// The number, if it is one that is no array; arrays of no axes count only where they are weak and on no tape.
    pub fn from_expr(e: Expr) -> Value {
        if e.is_weak() && e.rank() == 0 && e.is_realised() && !e.node().marks.live() {
            return Value::number_of(&e).unwrap_or(Value::Array(e));
        }
        Value::Array(e)
    }

    /// The one element of an array of size 1 as a plain number.
    pub fn number_of(e: &Expr) -> Result<Value> {
        Ok(match e.dtype().kind() {
            Kind::Bool => Value::Bool(e.item::<bool>()?),
            Kind::Int => Value::Int(e.item::<i64>()?),
            Kind::Float => Value::Float(e.item::<f64>()?),
        })
    }

    /// A whole number; floats count where they are whole, arrays where they are one int.
    pub fn to_int(&self) -> Result<i64> {
        match self {
            Value::Int(i) => Ok(*i),
            Value::Bool(b) => Ok(*b as i64),
            Value::Float(x) if *x == x.trunc() && x.abs() < 9.2e18 => Ok(*x as i64),
            Value::Float(x) => {
                Err(Fault::new(format!("expected an int, found {x}"))
                    .hint("round it: int(round(x)), or int(x) to cut off"))
            }
            Value::Array(e) if e.rank() == 0 => Value::number_of(e)?.to_int(),
            _ => Err(self.unlike("an int")),
        }
    }

    /// Floats and bools name no axis, whole or not: Python takes ints only.
    pub fn is_no_axis(&self) -> bool {
        match self {
            Value::Float(_) | Value::Bool(_) => true,
            Value::Array(e) => e.dtype().kind() != Kind::Int && e.size() > 0,
            Value::Tuple(t) => t.iter().any(Value::is_no_axis),
            _ => false,
        }
    }

    /// A size or count: an int that is not negative.
    pub fn to_size(&self) -> Result<usize> {
        let i = self.to_int()?;
        usize::try_from(i).map_err(|_| Fault::new(format!("expected a number that is not negative, found {i}")))
    }

    pub fn to_float(&self) -> Result<f64> {
        match self {
            Value::Int(i) => Ok(*i as f64),
            Value::Float(x) => Ok(*x),
            Value::Bool(b) => Ok(*b as i64 as f64),
            Value::Array(e) if e.rank() == 0 => e.item::<f64>(),
            _ => Err(self.unlike("a number")),
        }
    }

    /// One bool: what a condition needs.
    pub fn to_bool(&self) -> Result<bool> {
        match self {
            Value::Bool(b) => Ok(*b),
            Value::Array(e) if e.rank() == 0 && e.dtype() == DType::Bool => e.item::<bool>(),
            Value::Array(e) if e.rank() > 0 => {
                Err(Fault::new(format!("expected one bool, found {}", self.type_name()))
                    .hint("all(x) asks whether all elements hold, any(x) whether some do"))
            }
            Value::Int(_) | Value::Float(_) | Value::Array(_) => Err(self.unlike("a bool").hint("compare it: x != 0")),
            Value::None => Err(self.unlike("a bool").hint("compare it: x == none")),
            Value::Text(_) | Value::Tuple(_) => Err(self.unlike("a bool").hint("ask for its length: len(x) > 0")),
            _ => Err(self.unlike("a bool")),
        }
    }

    pub fn to_text(&self) -> Result<&str> {
        match self {
            Value::Text(t) => Ok(t),
            _ => Err(self.unlike("a text")),
        }
    }

    /// Ints of an int, a tuple of ints, a range, or an array of ints.
    pub fn to_ints(&self) -> Result<Vec<i64>> {
        match self {
            Value::Tuple(items) => items.iter().map(Value::to_int).collect(),
            Value::Range(r) => Ok(r.iter().collect()),
            Value::Array(e) if e.rank() == 1 && !e.dtype().is_float() => {
                let host = e.host()?;
                Ok(crate::dispatch!(host.dtype, T => {
                    use crate::base::Elem;
                    host.to_vec::<T>()?.into_iter().map(|x| x.to_i64()).collect()
                }))
            }
            _ => Ok(vec![self.to_int().map_err(|_| self.unlike("an int or a tuple of ints"))?]),
        }
    }

    pub fn to_dtype(&self) -> Result<DType> {
        let names = || DType::all().map(|d| d.name()).collect::<Vec<_>>().join(" ");
        match self {
            Value::DType(d) => Ok(*d),
            Value::Text(t) => DType::from_name(t).ok_or_else(|| {
                if let Some(instead) = to_come(t) {
                    return Fault::new(format!("the dtype \"{t}\" is not there yet")).hint(instead);
                }
                let fault = Fault::new(format!("unknown dtype \"{t}\""));
                match foreign_dtype(t) {
                    Some(ours) => fault.hint(format!("write `{ours}`")),
                    None => fault.hint(format!("the dtypes are {}", names())),
                }
            }),
            Value::Builtin(b) if foreign_dtype(b.name).is_some() => {
                let ours = foreign_dtype(b.name).unwrap_or("f64");
                Err(self.unlike("a dtype").hint(format!("write `{ours}`")))
            }
            _ => Err(self.unlike("a dtype").hint(format!("the dtypes are {}", names()))),
        }
    }

    pub fn to_record(&self) -> Result<&Rc<Record>> {
        match self {
            Value::Record(r) => Ok(r),
            _ => Err(self.unlike("a record")),
        }
    }

    pub fn to_tuple(&self) -> Result<&Rc<Vec<Value>>> {
        match self {
            Value::Tuple(t) => Ok(t),
            _ => Err(self.unlike("a tuple")),
        }
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    /// Whether it is a plain number or bool.
    pub fn is_number(&self) -> bool {
        matches!(self, Value::Int(_) | Value::Float(_) | Value::Bool(_))
    }

    /// "expected …, found …".
    pub fn unlike(&self, expected: &str) -> Fault {
        Fault::new(format!("expected {expected}, found {}", self.article()))
    }

    /// The type with its article: `a text`, `an int`, `f64[3]`.
    pub fn article(&self) -> String {
        let name = self.type_name();
        match self {
            Value::None | Value::Array(_) => name,
            Value::Int(_) => format!("an {name}"),
            _ => format!("a {name}"),
        }
    }
}

/// A float cut off towards zero, where ints reach that far.
pub fn as_int(x: f64) -> Option<i64> {
    // 2^63 is the first float that is too large.
    (x >= i64::MIN as f64 && x < -(i64::MIN as f64)).then_some(x as i64)
}

impl Range {
    /// The ints as an i64 array.
    pub fn to_expr(&self) -> Expr {
        let shape = crate::base::Shape::new(&[self.len()]);
        crate::ops::iota(&Expr::weak(self.start), &Expr::weak(self.step), &shape)
    }

    pub fn iter(&self) -> impl Iterator<Item = i64> + use<> {
        let r = *self;
        (0..r.len() as i64).map(move |i| r.start.wrapping_add(i.wrapping_mul(r.step)))
    }

    pub fn contains(&self, i: i64) -> bool {
        let d = i as i128 - self.start as i128;
        let n = self.len() as i128;
        n > 0 && d % self.step as i128 == 0 && (0..n).contains(&(d / self.step as i128))
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Bool(b)
    }
}
impl From<i64> for Value {
    fn from(i: i64) -> Value {
        Value::Int(i)
    }
}
impl From<f64> for Value {
    fn from(x: f64) -> Value {
        Value::Float(x)
    }
}
impl From<&str> for Value {
    fn from(t: &str) -> Value {
        Value::text(t)
    }
}
