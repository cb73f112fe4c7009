//! Sorting and searching along an axis; nan counts as largest and comes last in both directions.

use super::*;
use crate::base::{DType, Fault, Result, Shape};
use crate::graph::{Call, Types};
use crate::prims;

prims! {
    /// The elements in ascending order along one axis; nan last.
    ///
    /// > sort([3, 1, 2])
    /// [1, 2, 3]
    /// > sort([[3, 1], [2, 5]], axis=0, descending=true)
    /// [[3, 5], [2, 1]]
    sort(x; axis: Int = Int(-1), descending: Bool = Bool(false), stable: Bool = Bool(true)) {
        dtype: rule::any,
        shape: rule::one_axis,
        sort: { Values, |ins, attrs, out| {
            let (around, down) = (host::around(out.shape(), attrs[0].as_int() as usize), attrs[1].as_bool());
            // SAFETY: the family's promise: the output is ours, and has the input's dtype.
            crate::dispatch!(out.dtype, T => host::order::sort::<T>(host::input(&ins[0])?, unsafe { host::output(out) }, around, down))
        } },
        vjp(g, _) "x gets g with each element back where it came from, the place that argsort(x) names": [put_along(g, x, axis, descending)],
    }

    /// The positions that would sort the elements along one axis; equal elements stay in order, nan comes last.
    ///
    /// > argsort([30, 10, 20])
    /// [1, 2, 0]
    argsort(x; axis: Int = Int(-1), descending: Bool = Bool(false), stable: Bool = Bool(true)) {
        dtype: rule::position,
        shape: rule::one_axis,
        sort: { Positions, |ins, attrs, out| {
            let (around, down) = (host::around(out.shape(), attrs[0].as_int() as usize), attrs[1].as_bool());
            // SAFETY: the family's promise: the output is ours, and holds i64.
            crate::dispatch!(ins[0].dtype, T => host::order::argsort::<T>(host::input(&ins[0])?, unsafe { host::output(out) }, around, down))
        } },
        vjp: zero,
    }

    /// The positions of the k largest elements along one axis, in order, or of the k smallest; nan counts as largest. Of equal
    /// ones those that stand first are taken.
    ///
    /// > first_positions([30, 10, 20, 40], 2)
    /// [3, 0]
    first_positions(x; k: Int = Required, axis: Int = Int(-1), largest: Bool = Bool(true)) {
        dtype: rule::position,
        shape: of_first,
        host: { |ins, attrs, out| {
            let around = host::around(&ins[0].layout.shape, attrs[1].as_int() as usize);
            let (k, largest) = (attrs[0].as_int() as usize, attrs[2].as_bool());
            // SAFETY: the family's promise: the output is ours, and holds i64.
            crate::dispatch!(ins[0].dtype, T => host::order::first::<T>(host::input(&ins[0])?, unsafe { host::output(out) }, around, k, largest))
        } },
        vjp: zero,
    }

    /// For each value the position where it would go into a sorted vector: before its equals, or with
    /// `side="right"` after them.
    ///
    /// > searchsorted([10, 20, 30], [20, 25])
    /// [1, 2]
    /// > searchsorted([10, 20, 30], 20, side="right")
    /// 2
    searchsorted(sorted, values; side: Text = Text("left")) {
        dtype: |c| Ok(Types { ins: rule::any(c)?.ins, out: DType::I64 }),
        shape: searched,
        host: { |ins, attrs, out| {
            let right = attrs[0].as_text() == "right";
            // SAFETY: the family's promise: the output is ours, and holds i64.
            crate::dispatch!(ins[0].dtype, T => host::order::search::<T>(host::input(&ins[0])?, host::input(&ins[1])?, unsafe { host::output(out) }, right));
            Ok(())
        } },
        vjp: zero,
    }
}

/// Every cotangent goes back to where its element came from.
fn put_along(g: &Expr, x: &Expr, axis: &Attr, descending: &Attr) -> Expr {
    let order = argsort(x, axis, descending, true);
    scatter_add(&zeros_like(x, g), g, &along(&order, axis.as_int() as usize))
}

fn of_first(c: &mut Call) -> Result<Shape> {
    let mut shape = rule::one_axis(c)?;
    let (k, axis) = (c.attr("k").as_int(), c.attr("axis").as_int() as usize);
    let n = shape[axis];
    if k < 0 || k as usize > n {
        return Err(Fault::new(format!("k must lie in 0..={n}, the size of the axis; found {k}")));
    }
    shape.0[axis] = k as usize;
    Ok(shape)
}

fn searched(c: &mut Call) -> Result<Shape> {
    let side = c.attr("side").as_text();
    if side != "left" && side != "right" {
        return Err(Fault::new(format!("searchsorted: side is \"left\" or \"right\", found \"{side}\"")));
    }
    let sorted = c.ins[0].shape();
    if sorted.rank() != 1 {
        let fault = Fault::new(format!("searchsorted: expected a sorted vector first, found shape {sorted}"));
        return Err(fault.side(0, "is not a vector"));
    }
    Ok(c.ins[1].shape().clone())
}
