//! Ranges, and going through values item by item.

use std::rc::Rc;

use crate::base::{Fault, Result, Span};
use crate::graph::Expr;
use crate::lang::code::*;
use crate::lang::interp::Interp;
use crate::lang::value::{Range, Steps, Value};

/// A value being gone through.
pub enum Items {
    Range {
        next: i64,
        step: i64,
        left: usize,
    },
    Tuple(Rc<Vec<Value>>, usize),
    /// (name, value) of each field.
    Record(Rc<crate::lang::value::Record>, usize),
    /// Along the first axis.
    Array(Expr, usize),
    Text(Rc<String>, usize),
    Stream(Box<dyn Steps>),
}

impl Items {
    #[inline]
    pub fn next(&mut self, interp: &mut Interp) -> Result<Option<Value>> {
        match self {
            Items::Range { next, step, left } => {
                if *left == 0 {
                    return Ok(None);
                }
                let i = *next;
                *left -= 1;
                *next = i.wrapping_add(*step);
                Ok(Some(Value::Int(i)))
            }
            _ => self.next_other(interp),
        }
    }

    fn next_other(&mut self, interp: &mut Interp) -> Result<Option<Value>> {
        Ok(match self {
            Items::Range { .. } => None,
            Items::Tuple(t, i) => {
                *i += 1;
                t.get(*i - 1).cloned()
            }
            Items::Record(r, i) => {
                *i += 1;
                r.fields().get(*i - 1).map(|(name, v)| Value::tuple(vec![Value::text(&**name), v.clone()]))
            }
            Items::Array(e, i) => {
                if *i >= e.shape()[0] {
                    return Ok(None);
                }
                *i += 1;
                Some(Value::Array(crate::lang::index::row(e, *i - 1)?))
            }
            Items::Text(t, i) => {
                let c = t.get(*i..).and_then(|rest| rest.chars().next());
                *i += c.map_or(0, char::len_utf8);
                c.map(Value::text)
            }
            Items::Stream(s) => s.next(interp)?,
        })
    }
}

impl Interp {
    /// Begins to go through a value.
    pub(in crate::lang) fn items(&mut self, v: Value) -> Result<Items> {
        Ok(match v {
            Value::Range(r) => Items::Range { next: r.start, step: r.step, left: r.len() },
            Value::Tuple(t) => Items::Tuple(t, 0),
            Value::Record(r) => Items::Record(r, 0),
            Value::Array(e) if e.rank() > 0 => {
                // Rows are views of what lies in memory.
                if !crate::graph::tape::recording() {
                    crate::graph::engine::force(std::slice::from_ref(&e))?;
                }
                Items::Array(e, 0)
            }
            Value::Text(t) => Items::Text(t, 0),
            Value::Stream(s) => Items::Stream((s.start)(self)?),
            Value::Int(n) => {
                return Err(Fault::new("expected something to go through, found an int")
                    .hint(format!("0..{n} counts from 0 to {}", n.saturating_sub(1))));
            }
            v => return Err(v.unlike("something to go through: a range, array, tuple, record or text")),
        })
    }

    pub(super) fn range(&mut self, r: &RangeCode, span: Span) -> Result<Value> {
        let start = self.bound(&r.start)?;
        let end = self.bound(&r.end)?;
        let step = match &r.by {
            Some(by) => self.bound(by)?,
            None => 1,
        };
        if step == 0 {
            let place = r.by.as_ref().map_or(span, |b| b.span);
            return Err(Fault::new("a range cannot go by 0").at(place));
        }
        let end = match r.inclusive {
            true => end
                .checked_add(step.signum())
                .ok_or_else(|| Fault::new("the end of the range is too large").at(span))?,
            false => end,
        };
        Ok(Value::Range(Rc::new(Range { start, end, step })))
    }

    fn bound(&mut self, code: &Code) -> Result<i64> {
        match self.eval(code)? {
            Value::Int(i) => Ok(i),
            Value::Float(x) if x != x.trunc() || x.abs() > 9.2e18 => {
                let fault = Fault::new(format!("a range is made of ints, found {x}")).at(code.span);
                Err(fault.hint("linspace(a, b, n) and arange(a, b, step) make floats"))
            }
            v => v.to_int().map_err(|f| f.at(code.span)),
        }
    }
}
