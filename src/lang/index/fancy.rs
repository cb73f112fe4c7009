//! Arrays of ints among the subscripts (masks have become such).
//!
//! NumPy's rule: all arrays, and the ints beside them, are broadcast together into the axes B; B stands where the first
//! of them stood if nothing but them lies between the first and the last, no `...` either, else in front.

use super::basic::{Plan, Step, sliced};
use crate::base::{Fault, Layout, Result, Shape};
use crate::graph::{Expr, Place};
use crate::ops;

/// How the part's axes come about.
pub struct Pick {
    /// The axes that arrays and ints index, with their positions.
    pub index: Vec<(usize, Expr)>,
    /// The other axes.
    pub rest: Vec<usize>,
    /// The common shape of the arrays.
    pub b: Shape,
    /// Axes of the result, in order.
    pub dims: Vec<Dim>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    B(usize),
    Rest(usize),
    New,
}

/// Sorts the subscripts out.
pub fn pick(plan: &Plan) -> Result<Pick> {
    let advanced = |s: &Step| matches!(s, Step::Array(_) | Step::Int(_));
    let first = plan.steps.iter().position(advanced).unwrap_or(0);
    let last = plan.steps.iter().rposition(advanced).unwrap_or(0);
    let parted = plan.gap.is_some_and(|gap| first < gap && gap <= last);
    let together = !parted && plan.steps[first..=last].iter().all(advanced);
    let mut index = vec![];
    let mut rest = vec![];
    let mut b = Shape::scalar();
    for (axis, step) in plan.axes() {
        let e = match step {
            Step::Array(e) => e.clone(),
            Step::Int(i) => Expr::full(Shape::scalar(), *i as u64, crate::base::DType::I64, Place::Array),
            _ => {
                rest.push(axis);
                continue;
            }
        };
        b = b.broadcast(e.shape()).ok_or_else(|| {
            Fault::new(format!("index arrays of shapes {b} and {} do not fit together", e.shape()))
                .hint("for every pair of rows and columns make the first a column: x[i[:, none], j]")
        })?;
        index.push((axis, e));
    }
    let mut dims: Vec<Dim> = vec![];
    let all_b = (0..b.rank()).map(Dim::B);
    if !together {
        dims.extend(all_b.clone());
    }
    let mut next = 0;
    for (k, step) in plan.steps.iter().enumerate() {
        match step {
            Step::New => dims.push(Dim::New),
            Step::Slice { .. } => {
                dims.push(Dim::Rest(next));
                next += 1;
            }
            _ if together && k == first => dims.extend(all_b.clone()),
            _ => {}
        }
    }
    Ok(Pick { index, rest, b, dims })
}

impl Pick {
    /// The shape of the part, given that of the array cut by the slices.
    pub fn shape(&self, cut: &Shape) -> Shape {
        self.dims
            .iter()
            .map(|d| match d {
                Dim::B(k) => self.b[*k],
                Dim::Rest(k) => cut[self.rest[*k]],
                Dim::New => 1,
            })
            .collect()
    }

    /// Where in the result's axes, new ones left out, the axes `B…, rest…` are.
    pub fn order(&self) -> Vec<usize> {
        let old: Vec<Dim> = self.dims.iter().copied().filter(|d| *d != Dim::New).collect();
        let wanted = (0..self.b.rank()).map(Dim::B).chain((0..self.rest.len()).map(Dim::Rest));
        wanted.filter_map(|d| old.iter().position(|o| *o == d)).collect()
    }

    /// Positions of index arrays, each stretched to B, row-major.
    pub fn positions(&self) -> Result<Vec<(usize, Vec<i64>)>> {
        self.index
            .iter()
            .map(|(axis, e)| {
                let host = e.host()?;
                let host = crate::base::Host { layout: host.layout.broadcast(&self.b), ..host };
                Ok((*axis, host.to_vec::<i64>()?))
            })
            .collect()
    }

    /// The layout of the axes that no array indexes.
    pub fn rest_of(&self, cut: &Layout) -> Layout {
        Layout {
            shape: self.rest.iter().map(|&k| cut.shape[k]).collect(),
            strides: self.rest.iter().map(|&k| cut.strides[k]).collect(),
            offset: cut.offset,
        }
    }
}

/// The part, by primitives.
pub fn read(e: &Expr, plan: &Plan) -> Result<Expr> {
    let pick = pick(plan)?;
    let cut = slices_only(e, plan);
    let shape = pick.shape(cut.shape());
    let axes = pick.index.iter().map(|(axis, _)| *axis);
    let picked = ops::gather_of(&to_front(&cut, &pick), &indices(&pick), axes);
    // The axes are B…, rest…; put them where they belong, then the new ones in.
    let order = pick.order();
    let mut back = vec![0; order.len()];
    for (k, &at) in order.iter().enumerate() {
        back[at] = k;
    }
    let placed = if back.is_sorted() { picked } else { ops::permute_dims(&picked, &back[..]) };
    let out = if placed.shape() == &shape { placed } else { ops::reshape(&placed, &shape) };
    out.fault().map_or(Ok(out), Err)
}

/// Slices applied; axes that arrays or ints index stay whole.
pub fn slices_only(e: &Expr, plan: &Plan) -> Expr {
    let only: Vec<Step> = plan
        .axes()
        .map(|(axis, step)| match step {
            Step::Slice { start, n, step } => Step::Slice { start: *start, n: *n, step: *step },
            _ => Step::Slice { start: 0, n: e.shape()[axis], step: 1 },
        })
        .collect();
    sliced(e, &Plan { steps: only, gap: None })
}

/// The indexed axes first.
pub fn to_front(e: &Expr, pick: &Pick) -> Expr {
    let order: Vec<usize> = pick.index.iter().map(|(axis, _)| *axis).chain(pick.rest.iter().copied()).collect();
    if order.is_sorted() { e.clone() } else { ops::permute_dims(e, &order[..]) }
}

/// The index arrays stretched to one shape.
pub fn indices(pick: &Pick) -> Vec<Expr> {
    let stretch = |e: &Expr| if *e.shape() == pick.b { e.clone() } else { ops::broadcast_to(e, &pick.b) };
    pick.index.iter().map(|(_, e)| stretch(e)).collect()
}
