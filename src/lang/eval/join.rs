//! What two values have in common, for a check that does not know which of them a variable holds.

use std::rc::Rc;

use crate::base::{DType, Fault, Shape};
use crate::graph::{Expr, Place};
use crate::lang::function::{Cell, Function};
use crate::lang::value::{Record, Value};
use crate::ops;

/// The value of a variable of which nothing is known: who reads it gets an unknown fault.
pub fn nobody_knows() -> Value {
    Value::Array(Expr::broken(Fault::unknown()))
}

/// A value that stands for both; `None` where they differ in more than numbers.
pub fn join(a: &Value, b: &Value) -> Option<Value> {
    Some(match (a, b) {
        (Value::Array(x), Value::Array(y)) => {
            if x.same(y) {
                return Some(b.clone());
            }
            let alike = x.shape() == y.shape() && x.dtype() == y.dtype() && x.place() == y.place();
            if x.is_broken() || y.is_broken() || !alike || x.is_weak() != y.is_weak() {
                return None;
            }
            // A choice that nobody made yet keeps both on their tapes.
            let choice = Expr::untold(Shape::scalar(), DType::Bool, Place::Array, true);
            let met = ops::where_(&choice, x, y);
            if met.is_broken() || met.dtype() != x.dtype() || met.shape() != x.shape() {
                return None;
            }
            Value::Array(met)
        }
        (Value::Int(x), Value::Int(y)) if x == y => b.clone(),
        (Value::Float(x), Value::Float(y)) if x.to_bits() == y.to_bits() => b.clone(),
        (Value::Bool(x), Value::Bool(y)) if x == y => b.clone(),
        (Value::Int(_), Value::Int(_)) | (Value::Float(_), Value::Float(_)) | (Value::Bool(_), Value::Bool(_)) => {
            type_only(b)?
        }
        (Value::Array(x), n) | (n, Value::Array(x)) if x.is_weak() && x.rank() == 0 && !x.is_broken() => {
            join(&Value::Array(x.clone()), &type_only(n).filter(|_| n.is_number())?)?
        }
        (Value::Tuple(x), Value::Tuple(y)) if x.len() == y.len() => {
            Value::tuple(x.iter().zip(y.iter()).map(|(a, b)| join(a, b)).collect::<Option<_>>()?)
        }
        (Value::Record(x), Value::Record(y)) if x.fields().len() == y.fields().len() => {
            let pairs = x.fields().iter().zip(y.fields());
            let fields = pairs.map(|((m, a), (n, b))| if m == n { Some((n.clone(), join(a, b)?)) } else { None });
            Value::Record(Rc::new(Record::from(fields.collect::<Option<Vec<_>>>()?)))
        }
        (Value::None, Value::None) => Value::None,
        (Value::Text(x), Value::Text(y)) if x == y => b.clone(),
        (Value::Range(x), Value::Range(y)) if x == y => b.clone(),
        (Value::DType(x), Value::DType(y)) if x == y => b.clone(),
        (Value::Builtin(x), Value::Builtin(y)) if std::ptr::eq(*x, *y) => b.clone(),
        (Value::Space(x), Value::Space(y)) if x == y => b.clone(),
        (Value::Function(x), Value::Function(y)) if same_code(x, y) => b.clone(),
        _ => return None,
    })
}

/// Two closures of one definition do the same with captured values of the same types.
fn same_code(x: &Rc<Function>, y: &Rc<Function>) -> bool {
    alike_functions(x, y, 0)
}

fn alike_functions(x: &Rc<Function>, y: &Rc<Function>, depth: usize) -> bool {
    // A function that refers to itself is met again and again.
    if Rc::ptr_eq(x, y) || depth > 8 {
        return true;
    }
    match (&**x, &**y) {
        (Function::Closure { code: a, cells: m }, Function::Closure { code: b, cells: n }) => {
            let alike_cells = |(a, b): (&Cell, &Cell)| match (&*a.borrow(), &*b.borrow()) {
                (Some(v), Some(w)) => Rc::ptr_eq(a, b) || alike(v, w, depth + 1),
                (v, w) => v.is_none() && w.is_none(),
            };
            Rc::ptr_eq(a, b) && m.iter().zip(n.iter()).all(alike_cells)
        }
        _ => false,
    }
}

/// Whether two values differ in numbers only.
fn alike(a: &Value, b: &Value, depth: usize) -> bool {
    match (a, b) {
        (Value::Array(x), Value::Array(y)) => {
            let types = x.shape() == y.shape() && x.dtype() == y.dtype() && x.place() == y.place();
            types && !x.is_broken() && !y.is_broken()
        }
        (Value::Tuple(x), Value::Tuple(y)) => x.len() == y.len() && x.iter().zip(&**y).all(|(a, b)| alike(a, b, depth)),
        (Value::Record(x), Value::Record(y)) => {
            let pairs = x.fields().iter().zip(y.fields());
            x.fields().len() == y.fields().len() && { pairs }.all(|((m, a), (n, b))| m == n && alike(a, b, depth))
        }
        (Value::Function(x), Value::Function(y)) => alike_functions(x, y, depth),
        // A counter that an optimizer keeps.
        (Value::Int(_), Value::Int(_)) | (Value::Float(_), Value::Float(_)) => true,
        _ => join(a, b).is_some_and(|v| !matches!(v, Value::Array(_))),
    }
}

/// The value with its numbers forgotten: types and structure are left.
pub fn type_only(v: &Value) -> Option<Value> {
    let number = |dtype| Value::Array(Expr::untold(Shape::scalar(), dtype, Place::Array, true));
    Some(match v {
        Value::Int(_) => number(DType::I64),
        Value::Float(_) => number(DType::F64),
        Value::Bool(_) => number(DType::Bool),
        Value::Array(e) if e.is_broken() => return None,
        Value::Array(e) => Value::Array(Expr::untold(e.shape().clone(), e.dtype(), e.place(), e.is_weak())),
        Value::Tuple(t) => Value::tuple(t.iter().map(type_only).collect::<Option<_>>()?),
        Value::Record(r) => {
            let fields = r.fields().iter().map(|(name, v)| Some((name.clone(), type_only(v)?)));
            Value::Record(Rc::new(Record::from(fields.collect::<Option<Vec<_>>>()?)))
        }
        other => other.clone(),
    })
}
