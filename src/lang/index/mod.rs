//! Indexing: `x[…]`, read and written.
//!
//! In: a value and evaluated subscripts. Out: the part, or the value with the part replaced. Faults name subscripts by
//! their number, as sides.

mod basic;
mod fancy;
mod put;

pub(super) use basic::{own, stays_away};

use std::rc::Rc;

use smallvec::SmallVec;

use super::code::{Index, Subscript};
use super::interp::Interp;
use super::value::Value;
use crate::base::{DType, Fault, Layout, Result, Shape, Span, nearest};
use crate::graph::{Data, Expr, bits_of};
use crate::ops::{self, arrange::checked};

/// An evaluated subscript.
#[derive(Clone)]
pub enum Sub {
    Int(i64),
    Slice(Option<i64>, Option<i64>, i64),
    /// `none`: a new axis.
    New,
    /// `...`
    Rest,
    /// Ints of a range: a slice where all of them are there.
    Range(super::value::Range),
    /// Ints or bools.
    Array(Expr),
    Text(Rc<String>),
}

/// The side of a fault that is no subscript but the value to be written; its words are about the part.
pub const VALUE: usize = usize::MAX;

pub type Subs = SmallVec<[Sub; 4]>;

impl Interp {
    pub(super) fn index(&mut self, x: &Index, span: Span) -> Result<Value> {
        if let [Subscript::At(at)] = &*x.items
            && let Some(v) = self.at_once(&x.x, at)
        {
            return Ok(v);
        }
        let v = self.eval(&x.x)?;
        let subs = self.subs(&x.items)?;
        self.mark(span);
        read(&v, &subs).map_err(|f| self.explain_subs(f, &x.items, span))
    }

    /// A variable's item at a plain int, where nothing can go wrong.
    fn at_once(&self, x: &super::code::Code, at: &super::code::Code) -> Option<Value> {
        let super::arith::Num::Int(i) = self.number(at)? else { return None };
        match self.peek(x)? {
            Value::Tuple(t) => t.get(position(i, t.len(), 0, "").ok()?).cloned(),
            Value::Array(e) => fast_read(e, &Subs::from_iter([Sub::Int(i)])),
            _ => None,
        }
    }

    pub(super) fn subs(&mut self, items: &[Subscript]) -> Result<Subs> {
        let mut subs = Subs::new();
        for item in items {
            match item {
                Subscript::Rest(_) => subs.push(Sub::Rest),
                Subscript::At(code) => {
                    let v = self.eval(code)?;
                    match v {
                        Value::Int(i) => subs.push(Sub::Int(i)),
                        Value::Tuple(t) if items.len() == 1 => {
                            for v in t.iter() {
                                subs.push(sub_of(v.clone()).map_err(|f| f.at(code.span))?);
                            }
                        }
                        v => subs.push(sub_of(v).map_err(|f| f.at(code.span))?),
                    }
                }
                Subscript::Slice { start, stop, step, span } => {
                    let mut bound = |code: &Option<super::code::Code>| match code {
                        None => Ok(None),
                        Some(code) => match self.eval(code)? {
                            Value::None => Ok(None),
                            v => v.to_int().map(Some).map_err(|f| f.at(code.span)),
                        },
                    };
                    let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?);
                    if step == Some(0) {
                        return Err(Fault::new("a slice cannot go by 0").at(*span));
                    }
                    subs.push(Sub::Slice(start, stop, step.unwrap_or(1)));
                }
            }
        }
        Ok(subs)
    }

    /// Sides that name subscripts become labels.
    #[cold]
    pub(super) fn explain_subs(&self, mut fault: Fault, items: &[Subscript], span: Span) -> Fault {
        for (i, words) in std::mem::take(&mut fault.sides) {
            let place = match items.get(i) {
                Some(Subscript::At(code)) => code.span,
                Some(Subscript::Slice { span, .. } | Subscript::Rest(span)) => *span,
                None => span,
            };
            fault.labels.push((place, words));
        }
        fault.at(span)
    }
}

fn sub_of(v: Value) -> Result<Sub> {
    Ok(match v {
        Value::Int(i) => Sub::Int(i),
        Value::None => Sub::New,
        Value::Text(t) => Sub::Text(t),
        Value::Bool(b) => Sub::Array(Expr::full(Shape::scalar(), bits_of(b), DType::Bool, crate::graph::Place::Array)),
        Value::Range(r) => Sub::Range(*r),
        // The literal `[]` has no elements to be ints.
        Value::Array(e) if e.size() == 0 && e.rank() > 0 && e.dtype() != DType::Bool => {
            Sub::Array(Expr::full(e.shape().clone(), 0, DType::I64, e.place()))
        }
        Value::Array(e) if e.dtype().is_float() => {
            let fault = Fault::new(format!("an index is made of ints, found {}", e.type_name()));
            return Err(match e.rank() {
                0 => fault.hint("round it: int(round(i)), or int(i) to cut off"),
                _ => fault.hint("convert it: x[i64(i)]"),
            });
        }
        Value::Array(e) if e.rank() == 0 && e.dtype() == DType::I64 => Sub::Int(e.item::<i64>()?),
        Value::Array(e) => Sub::Array(e),
        Value::Tuple(_) => return sub_of(Value::Array(super::builtins::stacked(&v)?)),
        Value::Float(x) if x == x.trunc() && x.abs() < 9e15 => {
            return Err(
                Fault::new(format!("an index must be an int, found the float {x}")).hint(format!("write {}", x as i64))
            );
        }
        Value::Float(x) => {
            return Err(Fault::new(format!("an index must be an int, found the float {x}"))
                .hint("int(i) cuts off, a // b divides ints"));
        }
        v => return Err(v.unlike("an index: an int, slice, array of ints or bools, or none")),
    })
}

/// `x[…]`.
pub fn read(x: &Value, subs: &Subs) -> Result<Value> {
    match x {
        Value::Array(e) => match fast_read(e, subs) {
            Some(v) => Ok(v),
            None => array(e, subs).map(Value::Array),
        },
        Value::Tuple(t) => match subs.as_slice() {
            [Sub::Slice(start, stop, step)] => {
                let (start, n, step) = clip(*start, *stop, *step, t.len());
                let items = (0..n).map(|k| t[(start as i64 + k as i64 * step) as usize].clone());
                Ok(Value::tuple(items.collect()))
            }
            _ => Ok(t[tuple_position(subs, t.len())?].clone()),
        },
        Value::Record(r) => {
            let name = field_name(subs).map_err(|f| match r.fields().first() {
                Some((first, _)) => f.hint(format!("its fields are {}: `.{first}` is the first", names(r))),
                None => f,
            })?;
            r.get(&name).cloned().ok_or_else(|| {
                let fault = Fault::new(format!("the record has no field \"{name}\""));
                match nearest(&name, r.fields().iter().map(|(n, _)| &**n)) {
                    Some(near) => fault.hint(format!("did you mean \"{near}\"?")),
                    None if r.fields().is_empty() => fault.hint("it has no fields at all"),
                    None => fault.hint(format!("its fields are {}", names(r))),
                }
            })
        }
        Value::Range(r) => match subs.as_slice() {
            [Sub::Int(i)] => Ok(Value::Int(r.start + position(*i, r.len(), 0, "the range")? as i64 * r.step)),
            [Sub::Slice(start, stop, step)] => {
                let (start, n, step) = clip(*start, *stop, *step, r.len());
                let start = r.start + start as i64 * r.step;
                let step = r.step * step;
                Ok(Value::Range(Rc::new(super::value::Range { start, end: start + n as i64 * step, step })))
            }
            _ => array(&r.to_expr(), subs).map(Value::Array),
        },
        Value::Text(t) => text(t, subs),
        Value::Int(_) | Value::Float(_) | Value::Bool(_) => match subs.as_slice() {
            [] => Ok(x.clone()),
            _ if subs.iter().all(|s| matches!(s, Sub::New | Sub::Rest)) => array(&x.to_expr()?, subs).map(Value::Array),
            _ => Err(Fault::new(format!("{} has no axes to index", x.article()))),
        },
        Value::Function(_) | Value::Builtin(_) => {
            Err(Fault::new("a function cannot be indexed").hint("call it with parentheses: f(x)"))
        }
        v => Err(Fault::new(format!("{} cannot be indexed", v.article()))),
    }
}

/// Writes `x[…] = v`.
pub fn write(x: &mut Value, subs: &Subs, v: &Value) -> Result<()> {
    match x {
        Value::Array(_) => {
            let Value::Array(e) = std::mem::replace(x, Value::None) else { return Ok(()) };
            let (e, done) = put::put(e, subs, v);
            *x = Value::Array(e);
            done
        }
        Value::Text(_) => Err(Fault::new("a text cannot be changed in place").hint("make a new one: \"{a}{b}\"")),
        Value::Range(r) => {
            let mut array = Value::Array(r.to_expr());
            write(&mut array, subs, v)?;
            *x = array;
            Ok(())
        }
        v => Err(Fault::new(format!("{} cannot be indexed", v.article()))),
    }
}

/// The parts of an array.
fn array(e: &Expr, subs: &Subs) -> Result<Expr> {
    if let Some((at, holds)) = one_bool(subs)? {
        let mut subs = subs.clone();
        subs[at] = Sub::New;
        let out = array(e, &subs)?;
        let axes = |s: &Sub| match s {
            Sub::Int(_) => 0,
            Sub::Rest => e.rank() - subs.iter().filter(|s| !matches!(s, Sub::New | Sub::Rest)).count(),
            _ => 1,
        };
        let axis: usize = subs[..at].iter().map(axes).sum();
        return if holds { Ok(out) } else { checked(ops::slice(&out, axis, 0usize, 0usize, 1i64)) };
    }
    let plan = basic::plan(subs, e.shape(), basic::Looks::Pick)?;
    if plan.has_arrays() { fancy::read(e, &plan) } else { basic::read(e, &plan) }
}

/// One bool among the subscripts is a mask of no axes: a new axis that holds what there is, or nothing.
fn one_bool(subs: &Subs) -> Result<Option<(usize, bool)>> {
    let one = |s: &Sub| matches!(s, Sub::Array(e) if e.dtype() == DType::Bool && e.rank() == 0);
    let Some(at) = subs.iter().position(one) else { return Ok(None) };
    if subs.iter().any(|s| matches!(s, Sub::Array(_)) && !one(s)) {
        return Err(Fault::new("one bool cannot stand beside arrays of indices").side(at, "one bool"));
    }
    match &subs[at] {
        Sub::Array(e) => Ok(Some((at, e.item::<bool>()?))),
        _ => Ok(None),
    }
}

/// The position that an index names; negative ones count from the end.
pub fn position(i: i64, n: usize, side: usize, of: &str) -> Result<usize> {
    let size = n as i64;
    if (-size..size).contains(&i) {
        return Ok(if i < 0 { i + size } else { i } as usize);
    }
    let fault = Fault::new(format!("index {i} is out of range: {of} has size {n}"));
    Err(match n {
        0 => fault.side(side, "there is nothing to pick"),
        _ => fault.side(side, format!("must be in 0..{n}, or -{n}..0 from the end")),
    })
}

/// A slice with its bounds clipped: (start, length, step).
pub fn clip(start: Option<i64>, stop: Option<i64>, step: i64, n: usize) -> (usize, usize, i64) {
    let size = n as i64;
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let bound = |b: i64| (if b < 0 { b.saturating_add(size) } else { b }).clamp(low, high);
    let start = start.map_or(if step > 0 { low } else { high }, bound);
    let stop = stop.map_or(if step > 0 { high } else { low }, bound);
    let span = if step > 0 { stop - start } else { start - stop };
    if span <= 0 {
        return (0, 0, 1);
    }
    let n = (span as u64).div_ceil(step.unsigned_abs()) as usize;
    // The step of one element means nothing, and a huge one would overflow as a stride.
    (start as usize, n, if n > 1 { step } else { 1 })
}

/// The position in a tuple.
pub fn tuple_position(subs: &Subs, n: usize) -> Result<usize> {
    match subs.as_slice() {
        [Sub::Int(i)] => position(*i, n, 0, "the tuple"),
        _ => Err(Fault::new("a tuple is indexed by one int or a slice")),
    }
}

/// Some names of fields.
fn names(r: &crate::lang::value::Record) -> String {
    let first: Vec<&str> = r.fields().iter().take(6).map(|(name, _)| &**name).collect();
    let more = if r.fields().len() > first.len() { ", …" } else { "" };
    first.join(", ") + more
}

/// The field that a text names.
pub fn field_name(subs: &Subs) -> Result<Rc<str>> {
    match subs.as_slice() {
        [Sub::Text(t)] => Ok(t.as_str().into()),
        _ => Err(Fault::new("a record is indexed by the text of a field's name")),
    }
}

fn text(t: &str, subs: &Subs) -> Result<Value> {
    let n = t.chars().count();
    match subs.as_slice() {
        [Sub::Int(i)] => {
            let at = position(*i, n, 0, "the text")?;
            Ok(t.chars().nth(at).map_or(Value::None, Value::text))
        }
        [Sub::Slice(start, stop, step)] => {
            let (start, n, step) = clip(*start, *stop, *step, n);
            let chars: Vec<char> = t.chars().collect();
            let picked = (0..n).map(|k| chars[(start as i64 + k as i64 * step) as usize]);
            Ok(Value::text(picked.collect::<String>()))
        }
        _ => Err(Fault::new("a text is indexed by one int or a slice")),
    }
}

/// Plain ints on an array that lies in memory and that no derivative records.
#[inline]
fn fast_read(e: &Expr, subs: &Subs) -> Option<Value> {
    if subs.len() > e.rank() || e.node().marks.live() {
        return None;
    }
    let Data::Buffer(buffer, layout) = e.data()? else { return None };
    let mut at = layout.offset as isize;
    for (k, sub) in subs.iter().enumerate() {
        let Sub::Int(i) = sub else { return None };
        let n = layout.shape[k] as i64;
        if !(-n..n).contains(i) {
            return None;
        }
        at += (if *i < 0 { i + n } else { *i }) as isize * layout.strides[k];
    }
    let (dtype, place) = (e.dtype(), e.place());
    if subs.len() == layout.shape.rank() {
        // What cannot be had has a fault that the general way tells.
        buffer.fetch().ok()?;
        let bits = crate::dispatch!(dtype, T => bits_of(buffer.as_slice::<T>()[at as usize]));
        return Some(Value::Array(Expr::full(Shape::scalar(), bits, dtype, place)));
    }
    let shape: Shape = layout.shape[subs.len()..].iter().copied().collect();
    let strides = layout.strides[subs.len()..].iter().copied().collect();
    // An empty view must not point behind the buffer.
    let offset = if shape.size() == 0 { 0 } else { at as usize };
    let view = Layout { shape: shape.clone(), strides, offset };
    Some(Value::Array(Expr::realised(Data::Buffer(buffer.clone(), view), shape, dtype, place)))
}

/// `x[i]` along the first axis.
pub fn row(e: &Expr, i: usize) -> Result<Expr> {
    let subs: Subs = [Sub::Int(i as i64)].into_iter().collect();
    match fast_read(e, &subs) {
        Some(Value::Array(row)) => Ok(row),
        _ => array(e, &subs),
    }
}
