//! What only `for` reads: progress bars and batches, and the source of items behind them.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::rc::Rc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::*;
use super::natives;
use super::random::order;
use crate::base::{Fault, Result, counted};
use crate::graph::Expr;
use crate::lang::value::{Steps, Stream};
use crate::lang::{Interp, Value};
use crate::ops;

natives! {
    /// The items of x, with a bar on a terminal's standard error once they take longer than a second.
    ///
    /// > for i in progress(0..3) { print(i) }
    /// 0
    /// 1
    /// 2
    "progress(x, label=\"\")" => |_, a| {
        let (x, label) = (a.get(0).clone(), a.text(1)?.to_string());
        Ok(Value::Stream(Rc::new(Stream { name: "progress", start: Box::new(move |interp| {
            let source = Source::of(interp, &x)?;
            Ok(Box::new(Bar { total: source.len(), source, label: label.clone(), done: 0, start: Instant::now(), bar: None }))
        }) })))
    };

    /// The rows of arrays in pieces of `size`, in a new random order each time a loop begins: `for (xb, yb) in
    /// batches(x, y, size=64)`. The last piece may be smaller unless `drop_last`.
    ///
    /// > for b in batches(arange(5), size=2, shuffle=false) { print(b) }
    /// [0, 1]
    /// [2, 3]
    /// [4]
    "batches(*arrays, size=32, shuffle=true, drop_last=false)" => |_, a| batches(&a);
}

/// Where items come from, one after the other.
pub enum Source {
    /// Next int, step, how many are left.
    Range(i64, i64, usize),
    Items(std::vec::IntoIter<Value>),
    Rows(Expr, usize),
    Steps(Box<dyn Steps>),
}

impl Source {
    /// The items of a value, as `for` gives them.
    pub fn of(interp: &mut Interp, x: &Value) -> Result<Source> {
        Ok(match x {
            Value::Range(r) => Source::Range(r.start, r.step, r.len()),
            Value::Tuple(t) => Source::Items(t.iter().cloned().collect::<Vec<_>>().into_iter()),
            Value::Record(r) => {
                let pairs: Vec<Value> =
                    r.fields().iter().map(|(k, v)| Value::tuple(vec![Value::text(&**k), v.clone()])).collect();
                Source::Items(pairs.into_iter())
            }
            Value::Text(t) => Source::Items(t.chars().map(Value::text).collect::<Vec<_>>().into_iter()),
            Value::Array(e) if e.rank() > 0 => {
                // Rows are views of what lies in memory.
                if !crate::graph::tape::recording() {
                    crate::graph::engine::force(std::slice::from_ref(e))?;
                }
                Source::Rows(e.clone(), 0)
            }
            Value::Stream(s) => Source::Steps((s.start)(interp)?),
            other => return Err(other.unlike("something with items")),
        })
    }

    /// How many are left, where that is known.
    pub fn len(&self) -> Option<usize> {
        match self {
            Source::Range(_, _, left) => Some(*left),
            Source::Items(items) => Some(items.len()),
            Source::Rows(e, at) => Some(e.shape()[0] - at),
            Source::Steps(_) => None,
        }
    }

    pub fn next(&mut self, interp: &mut Interp) -> Result<Option<Value>> {
        Ok(match self {
            Source::Range(_, _, 0) => None,
            Source::Range(at, step, left) => {
                let i = *at;
                *at = at.wrapping_add(*step);
                *left -= 1;
                Some(Value::Int(i))
            }
            Source::Items(items) => items.next(),
            Source::Rows(e, at) if *at < e.shape()[0] => {
                *at += 1;
                Some(done(row(e, *at - 1)?)?)
            }
            Source::Rows(..) => None,
            Source::Steps(steps) => steps.next(interp)?,
        })
    }
}

/// A stream that changes every item of another value.
pub fn stream_of(name: &'static str, x: Value, change: impl Fn(usize, Value) -> Value + 'static) -> Value {
    let change = Rc::new(change);
    Value::Stream(Rc::new(Stream {
        name,
        start: Box::new(move |interp| {
            Ok(Box::new(Changed { source: Source::of(interp, &x)?, change: change.clone(), at: 0 }))
        }),
    }))
}

struct Changed<F> {
    source: Source,
    change: Rc<F>,
    at: usize,
}

impl<F: Fn(usize, Value) -> Value> Steps for Changed<F> {
    fn next(&mut self, interp: &mut Interp) -> Result<Option<Value>> {
        let item = self.source.next(interp)?;
        self.at += 1;
        Ok(item.map(|v| (self.change)(self.at - 1, v)))
    }
}

thread_local! {
    /// The bar that is drawn now: what is printed meanwhile must go above it.
    static DRAWN: RefCell<Option<ProgressBar>> = const { RefCell::new(None) };
}

/// Runs `write` with the bar taken off the terminal meanwhile.
pub fn above_bar<R>(write: impl FnOnce() -> R) -> R {
    match DRAWN.with(|d| d.borrow().clone()) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

struct Bar {
    source: Source,
    total: Option<usize>,
    label: String,
    done: u64,
    start: Instant,
    bar: Option<ProgressBar>,
}

impl Steps for Bar {
    fn next(&mut self, interp: &mut Interp) -> Result<Option<Value>> {
        if self.bar.is_none() && self.start.elapsed() > Duration::from_secs(1) && std::io::stderr().is_terminal() {
            self.show();
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        }
        self.done += 1;
        self.source.next(interp)
    }
}

impl Bar {
    fn show(&mut self) {
        let bar = ProgressBar::with_draw_target(self.total.map(|n| n as u64), ProgressDrawTarget::stderr_with_hz(10));
        let line = match self.total {
            Some(_) => "{prefix}{percent:>3}% {wide_bar} {pos}/{len} {elapsed}, {eta} left",
            None => "{prefix}{pos} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(line) {
            bar.set_style(style);
        }
        if !self.label.is_empty() {
            bar.set_prefix(format!("{} ", self.label));
        }
        let since = self.start.elapsed();
        let bar = bar.with_elapsed(since);
        DRAWN.with(|d| *d.borrow_mut() = Some(bar.clone()));
        self.bar = Some(bar);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            DRAWN.with(|d| *d.borrow_mut() = None);
        }
    }
}

fn batches(a: &Args) -> Result<Value> {
    let (size, shuffle, drop_last) = (a.size(1)?, a.bool(2)?, a.bool(3)?);
    let arrays: Vec<Expr> = a.rest(0).iter().map(Value::to_expr).collect::<Result<_>>().map_err(|f| a.wrong(0, f))?;
    let Some(rows) = arrays.first().and_then(|e| e.shape().first().copied()) else {
        return Err(
            Fault::new("batches: expected arrays with rows").hint("for (xb, yb) in batches(x, y, size=32) { … }")
        );
    };
    if let Some(e) = arrays.iter().find(|e| e.shape().first() != Some(&rows)) {
        let fault = Fault::new(format!(
            "batches: the arrays differ in length: {}, and shape {}",
            counted(rows, "row"),
            e.shape()
        ));
        return Err(if e.rank() == 0 { fault.hint("the size is named: size=32") } else { fault });
    }
    if size == 0 {
        return Err(Fault::new("batches: expected a size of at least 1, found 0"));
    }
    let end = if drop_last { rows / size * size } else { rows };
    Ok(Value::Stream(Rc::new(Stream {
        name: "batches",
        start: Box::new(move |interp| {
            let order = if shuffle { Some(order(interp, rows)) } else { None };
            Ok(Box::new(Batches { arrays: arrays.clone(), order, at: 0, size, end }))
        }),
    })))
}

struct Batches {
    arrays: Vec<Expr>,
    order: Option<Expr>,
    at: usize,
    size: usize,
    end: usize,
}

impl Steps for Batches {
    fn next(&mut self, _: &mut Interp) -> Result<Option<Value>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let (start, n) = (self.at, self.size.min(self.end - self.at));
        self.at += n;
        let piece = |e: &Expr| match &self.order {
            None => done(ops::slice(e, 0usize, start, n, 1i64)),
            Some(order) => done(ops::take(e, &ops::slice(order, 0usize, start, n, 1i64), Some(0))?),
        };
        let mut parts: Vec<Value> = self.arrays.iter().map(piece).collect::<Result<_>>()?;
        Ok(Some(if parts.len() == 1 { parts.remove(0) } else { Value::tuple(parts) }))
    }
}
