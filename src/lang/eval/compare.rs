//! Comparisons, chains of them, and `in`.

use smallvec::smallvec;

use super::operator::{call_plain, side};
use crate::base::{Fault, Result, Span};
use crate::graph::at_once;
use crate::lang::arith::{self, Num};
use crate::lang::code::*;
use crate::lang::interp::Interp;
use crate::lang::value::Value;
use crate::ops;

impl Interp {
    #[inline]
    pub(super) fn compare(&mut self, c: &Compare, span: Span) -> Result<Value> {
        match self.try_comparison(c) {
            Some(b) => Ok(Value::Bool(b)),
            None => self.chain(c, span),
        }
    }

    /// Each pair must hold. Single bools stop at the first that does not; arrays are joined element by element.
    fn chain(&mut self, c: &Compare, span: Span) -> Result<Value> {
        let mut a = self.eval(&c.first)?;
        let mut a_code = &c.first;
        let mut so_far: Option<Value> = None;
        for (op, code) in &c.rest {
            let b = self.eval(code)?;
            self.mark(span);
            let one = relate(*op, &a, &b)
                .map_err(|f| self.explain_operands(f, &[a_code, code], &[a.clone(), b.clone()], span))?;
            let joined = match so_far {
                None | Some(Value::Bool(true)) => one,
                Some(before) => {
                    let ins = smallvec![before.to_expr()?, one.to_expr()?];
                    call_plain(&ops::compare::logical_and::PRIM, ins).map_err(|f| f.at(span))?
                }
            };
            if matches!(joined, Value::Bool(false)) {
                return Ok(joined);
            }
            so_far = Some(joined);
            (a, a_code) = (b, code);
        }
        Ok(so_far.unwrap_or(Value::Bool(true)))
    }
}

/// `a op b` of any values. Sides of a fault are 0 and 1.
pub fn relate(op: Relation, a: &Value, b: &Value) -> Result<Value> {
    match op {
        Relation::In => return contains(b, a).map(Value::Bool),
        Relation::NotIn => return contains(b, a).map(|x| Value::Bool(!x)),
        _ => {}
    }
    if let (Some(x), Some(y)) = (Num::of(a), Num::of(b)) {
        return Ok(Value::Bool(arith::compare(op, x, y)));
    }
    let arrays = |v: &Value| matches!(v, Value::Array(_) | Value::Range(_)) || v.is_number();
    let both_ranges = matches!((a, b), (Value::Range(_), Value::Range(_)));
    if let (Some(x), Some(y)) = (side(a), side(b))
        && let Some(e) = at_once::two(relation_prim(op), x, y, None)
    {
        return Ok(Value::from_expr(e));
    }
    if arrays(a) && arrays(b) && !both_ranges {
        return call_plain(relation_prim(op), smallvec![a.to_expr()?, b.to_expr()?]);
    }
    match op {
        Relation::Equal => return equal(a, b).map(Value::Bool),
        Relation::NotEqual => return equal(a, b).map(|x| Value::Bool(!x)),
        _ => {}
    }
    if let (Value::Text(x), Value::Text(y)) = (a, b) {
        return Ok(Value::Bool(match op {
            Relation::Less => x < y,
            Relation::LessEqual => x <= y,
            Relation::Greater => x > y,
            _ => x >= y,
        }));
    }
    Err(Fault::new(format!("{} and {} have no order", a.article(), b.article()))
        .hint("`==` and `!=` compare any values"))
}

pub fn relation_prim(op: Relation) -> &'static crate::graph::Prim {
    match op {
        Relation::NotEqual => &ops::compare::not_equal::PRIM,
        Relation::Less => &ops::compare::less::PRIM,
        Relation::LessEqual => &ops::compare::less_equal::PRIM,
        Relation::Greater => &ops::compare::greater::PRIM,
        Relation::GreaterEqual => &ops::compare::greater_equal::PRIM,
        _ => &ops::compare::equal::PRIM,
    }
}

/// Whether two values are the same, as one bool: arrays if shape and all elements are.
pub fn equal(a: &Value, b: &Value) -> Result<bool> {
    if let (Some(x), Some(y)) = (Num::of(a), Num::of(b)) {
        return Ok(arith::compare(Relation::Equal, x, y));
    }
    Ok(match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Text(x), Value::Text(y)) => x == y,
        (Value::DType(x), Value::DType(y)) => x == y,
        (Value::Range(x), Value::Range(y)) => x == y || (x.is_empty() && y.is_empty()),
        (Value::Tuple(x), Value::Tuple(y)) => {
            x.len() == y.len() && all(x.iter().zip(y.iter()).map(|(a, b)| equal(a, b)))?
        }
        (Value::Record(x), Value::Record(y)) => {
            x.fields().len() == y.fields().len()
                && all(x.fields().iter().map(|(name, v)| y.get(name).map_or(Ok(false), |w| equal(v, w))))?
        }
        (Value::Function(x), Value::Function(y)) => std::rc::Rc::ptr_eq(x, y),
        (Value::Builtin(x), Value::Builtin(y)) => std::ptr::eq(*x, *y),
        (Value::Space(x), Value::Space(y)) => x == y,
        (Value::Array(_), _) | (_, Value::Array(_)) => {
            let (Ok(x), Ok(y)) = (a.to_expr(), b.to_expr()) else { return Ok(false) };
            x.shape() == y.shape() && x.host()?.to_f64s()? == y.host()?.to_f64s()?
        }
        _ => false,
    })
}

fn all(parts: impl Iterator<Item = Result<bool>>) -> Result<bool> {
    for part in parts {
        if !part? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `x in whole`.
fn contains(whole: &Value, x: &Value) -> Result<bool> {
    match whole {
        Value::Tuple(items) => {
            for item in items.iter() {
                if equal(item, x)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Record(r) => match x {
            Value::Text(name) => Ok(r.get(name).is_some()),
            _ => Err(x.unlike("a field's name, which is a text").side(0, "is no text")),
        },
        Value::Range(r) => match Num::of(x) {
            Some(Num::Int(i)) => Ok(r.contains(i)),
            Some(Num::Float(f)) => Ok(f == f.trunc() && r.contains(f as i64)),
            None => Ok(matches!(x, Value::Array(e) if e.rank() == 0) && r.contains(x.to_int()?)),
        },
        Value::Text(t) => match x {
            Value::Text(part) => Ok(t.contains(part.as_str())),
            _ => Err(x.unlike("a text").side(0, "is no text")),
        },
        Value::Array(e) => {
            let needle = x.to_float().map_err(|f| f.side(0, "is not one number"))?;
            Ok(e.host()?.to_f64s()?.contains(&needle))
        }
        _ => Err(whole
            .unlike("something with elements: a tuple, record, range, text or array")
            .side(1, "has no elements")),
    }
}
