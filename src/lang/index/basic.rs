//! Subscripts matched with axes, and the parts that strides can say.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Sub, Subs, clip, position};
use crate::base::{Buffer, DType, Elem, Fault, Host, Layout, Result, Shape, counted, memory};
use crate::graph::{Data, Expr, Place};
use crate::ops;

/// What happens to one axis, or where a new one comes. In the order of the subscripts, every axis once.
pub enum Step {
    Slice {
        start: usize,
        n: usize,
        step: i64,
    },
    Int(usize),
    New,
    /// Positions, none negative; or ints that are only on a device, and not looked at. One mask of k axes makes k of these.
    Array(Expr),
}

pub struct Plan {
    pub steps: Vec<Step>,
    /// How many steps stand before the `...`, which keeps arrays apart even where it stands for no axis.
    pub gap: Option<usize>,
}

impl Plan {
    pub fn has_arrays(&self) -> bool {
        self.steps.iter().any(|s| matches!(s, Step::Array(_)))
    }

    /// The steps that take an axis, with its number.
    pub fn axes(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.steps.iter().filter(|s| !matches!(s, Step::New)).enumerate()
    }

    /// The shape of the part, where no arrays are among the subscripts.
    pub fn shape(&self) -> Shape {
        self.steps
            .iter()
            .filter_map(|s| match s {
                Step::Slice { n, .. } => Some(*n),
                Step::New => Some(1),
                _ => None,
            })
            .collect()
    }

    /// The part of a layout, where no arrays are among the subscripts.
    pub fn view(&self, layout: &Layout) -> Layout {
        let mut out = Layout { shape: Shape::scalar(), strides: Default::default(), offset: 0 };
        let (mut offset, mut axis) = (layout.offset as isize, 0);
        for step in &self.steps {
            match step {
                Step::New => {
                    out.shape.0.push(1);
                    out.strides.push(0);
                    continue;
                }
                Step::Int(i) => offset += *i as isize * layout.strides[axis],
                Step::Slice { start, n, step } => {
                    if *n > 0 {
                        offset += *start as isize * layout.strides[axis];
                    }
                    out.shape.0.push(*n);
                    out.strides.push(layout.strides[axis] * *step as isize);
                }
                Step::Array(_) => {}
            }
            axis += 1;
        }
        out.offset = if out.shape.size() == 0 { 0 } else { offset as usize };
        out
    }
}

/// Who looks at indices that are only on a device.
#[derive(Clone, Copy, PartialEq)]
pub enum Looks {
    /// The host, before anything is computed.
    Host,
    /// The kernel that puts. It calls an axis by its number among those that are indexed, so these must come first.
    Put,
    /// The kernel that picks.
    Pick,
}

/// Matches subscripts with the axes of a shape.
pub fn plan(subs: &Subs, shape: &Shape, looks: Looks) -> Result<Plan> {
    let takes = |s: &Sub| match s {
        Sub::New | Sub::Rest => 0,
        Sub::Array(e) if e.dtype() == DType::Bool => e.rank(),
        _ => 1,
    };
    let taken: usize = subs.iter().map(takes).sum();
    if taken > shape.rank() {
        let mut count = 0;
        let at = subs.iter().position(|s| {
            count += takes(s);
            count > shape.rank()
        });
        let what = match shape.rank() {
            0 => "a single number has no axes to index".to_string(),
            rank => {
                format!("{} for {}: the shape is {shape}", counted(taken, "index"), counted(rank, "axis"))
            }
        };
        return Err(Fault::new(what).side(at.unwrap_or(0), "one too many"));
    }
    let mut rest = shape.rank() - taken;
    let mut steps = vec![];
    let mut axis = 0;
    let mut gap = None;
    let full = |n: usize| Step::Slice { start: 0, n, step: 1 };
    for (side, sub) in subs.iter().enumerate() {
        match sub {
            Sub::New => steps.push(Step::New),
            Sub::Rest if gap.is_some() => {
                return Err(Fault::new("only one `...` can stand in an index").side(side, "the second"));
            }
            Sub::Rest => {
                gap = Some(steps.len());
                steps.extend(shape[axis..axis + rest].iter().map(|&n| full(n)));
                axis += rest;
                rest = 0;
            }
            Sub::Int(i) => {
                let n = shape[axis];
                steps.push(Step::Int(position(*i, n, side, &format!("axis {axis}"))?));
                axis += 1;
            }
            Sub::Slice(start, stop, step) => {
                let (start, n, step) = clip(*start, *stop, *step, shape[axis]);
                steps.push(Step::Slice { start, n, step });
                axis += 1;
            }
            Sub::Range(r) => {
                let (n, size) = (r.len(), shape[axis] as i64);
                let last = r.start.saturating_add((n as i64 - 1).saturating_mul(r.step));
                if let Some(bad) = [r.start, last].into_iter().find(|i| n > 0 && !(-size..size).contains(i)) {
                    position(bad, shape[axis], side, &format!("axis {axis}"))?;
                }
                let below = n > 0 && r.start < 0 && last < 0;
                let start = if below { r.start + size } else { r.start };
                if n > 0 && !below && (r.start < 0 || last < 0) {
                    // From the end and on from the start: no slice says that.
                    steps.push(Step::Array(positions(&r.to_expr(), shape[axis], axis, side)?));
                } else {
                    steps.push(Step::Slice { start: if n == 0 { 0 } else { start as usize }, n, step: r.step });
                }
                axis += 1;
            }
            Sub::Array(e) if e.dtype() == DType::Bool => {
                steps.extend(mask(e, shape, axis, side)?.into_iter().map(Step::Array));
                axis += e.rank();
            }
            Sub::Array(e) => {
                let knows = match looks {
                    Looks::Host => false,
                    Looks::Put => !steps.iter().any(|s| matches!(s, Step::Slice { .. })),
                    Looks::Pick => true,
                };
                let trusted = knows && e.dtype() == DType::I64 && is_away(e);
                steps.push(Step::Array(if trusted { e.clone() } else { positions(e, shape[axis], axis, side)? }));
                axis += 1;
            }
            Sub::Text(t) => {
                let fault =
                    Fault::new(format!("an array has no field \"{t}\"")).side(side, "a text names a record's field");
                return Err(fault);
            }
        }
    }
    steps.extend(shape[axis..].iter().map(|&n| full(n)));
    Ok(Plan { steps, gap })
}

/// Whether the elements are, or are going to be, only on a device.
pub fn is_away(e: &Expr) -> bool {
    match e.data() {
        Some(Data::Buffer(buffer, _)) => !buffer.is_here(),
        Some(_) => false,
        None => e.place().is_remote(),
    }
}

/// Whether an array is changed on its device: where the host has not got it, or has it only because it made it.
pub fn stays_away(e: &Expr) -> bool {
    e.place().is_remote()
        && match e.data() {
            Some(Data::Buffer(buffer, _)) => !buffer.is_here() || buffer.away().is_some_and(|a| !a.is_made_there()),
            data => data.is_none(),
        }
}

/// Ints checked against an axis, negative ones counted from its end.
fn positions(e: &Expr, n: usize, axis: usize, side: usize) -> Result<Expr> {
    let size = n as i64;
    let host = e.host()?;
    if let (DType::I64, Some(ints)) = (host.dtype, host.as_slice::<i64>())
        && all_within(ints, size)
    {
        return Ok(e.clone());
    }
    let ints = ints_of(&host)?;
    if let Some(bad) = ints.iter().find(|i| !(-size..size).contains(i)) {
        return Err(position(*bad, n, side, &format!("axis {axis}"))
            .err()
            .unwrap_or_else(|| Fault::new("internal: an index")));
    }
    if e.dtype() == DType::I64 && ints.iter().all(|&i| i >= 0) {
        return Ok(e.clone());
    }
    let ints: Vec<i64> = ints.into_iter().map(|i| if i < 0 { i + size } else { i }).collect();
    Ok(Expr::from_host(Host::from_slice(e.shape().clone(), &ints)?, e.place()))
}

/// Whether all of some ints are from 0 up to below a size.
fn all_within(ints: &[i64], size: i64) -> bool {
    const PART: usize = 1 << 16;
    // One that is not has a sign, or what is left to the last one has.
    let of = |ints: &[i64]| ints.iter().fold(0, |all, &i| all | i | (size - 1).wrapping_sub(i)) >= 0;
    if ints.len() <= PART { of(ints) } else { ints.par_chunks(PART).all(of) }
}

fn ints_of(host: &Host) -> Result<Vec<i64>> {
    if host.dtype == DType::I64 {
        return host.to_vec::<i64>();
    }
    let mut out = memory::list(host.layout.size(), "the positions of an index")?;
    crate::dispatch!(host.dtype, T => out.extend(host.to_vec::<T>()?.into_iter().map(|x| x.to_i64())));
    Ok(out)
}

/// The positions where a mask holds: one array of ints per axis.
fn mask(e: &Expr, shape: &Shape, axis: usize, side: usize) -> Result<Vec<Expr>> {
    let covered = &shape[axis..axis + e.rank()];
    if covered != &e.shape()[..] {
        let what = format!("a mask of shape {} does not fit axes of shape {covered:?}", e.shape());
        return Err(Fault::new(what).side(side, format!("has shape {}", e.shape())));
    }
    ops::nonzero(e)
}

/// The part without arrays of indices: a view where there is memory, else primitives.
pub fn read(e: &Expr, plan: &Plan) -> Result<Expr> {
    if let (Some(data), false) = (e.data(), e.node().marks.live()) {
        let shape = plan.shape();
        let part = match data {
            Data::Buffer(buffer, layout) => Data::Buffer(buffer.clone(), plan.view(layout)),
            other => other.clone(),
        };
        return Ok(Expr::realised(part, shape, e.dtype(), e.place()));
    }
    let out = ops::reshape(&sliced(e, plan), &plan.shape());
    out.fault().map_or(Ok(out), Err)
}

/// Every axis cut as planned, by primitives; ints leave an axis of size 1.
pub fn sliced(e: &Expr, plan: &Plan) -> Expr {
    let mut out = e.clone();
    for (axis, step) in plan.axes() {
        let (start, n, step) = match step {
            Step::Slice { start, n, step } => (*start, *n, *step),
            Step::Int(i) => (*i, 1, 1),
            _ => continue,
        };
        if (start, n, step) != (0, e.shape()[axis], 1) {
            out = ops::slice(&out, axis, start, n, step);
        }
    }
    out
}

/// Memory to write into, and what it is.
pub type Own = (Arc<Buffer>, Layout, DType, Place);

/// A row-major buffer that nobody else holds, on the host, with the values of an array.
pub fn own(e: Expr) -> Result<Own, (Expr, Fault)> {
    let (dtype, place) = (e.dtype(), e.place());
    let here = e.force().and_then(|data| if let Data::Buffer(buffer, _) = data { buffer.fetch() } else { Ok(()) });
    if let Err(fault) = here {
        return Err((e, fault));
    }
    match e.into_own_buffer() {
        Ok((buffer, layout)) => Ok((buffer, layout, dtype, place)),
        Err(e) => {
            let copied = e.host().and_then(|host| {
                let shape = host.shape().clone();
                let buffer = crate::dispatch!(dtype, T => copy::<T>(&host))?;
                Ok((buffer, Layout::contiguous(shape), dtype, place))
            });
            copied.map_err(|fault| (e, fault))
        }
    }
}

fn copy<T: Elem>(host: &Host) -> Result<Arc<Buffer>> {
    match host.as_slice::<T>() {
        Some(all) => Buffer::from_slice(all),
        None => Buffer::from_slice(&host.to_vec::<T>()?),
    }
}
