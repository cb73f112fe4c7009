//! Arrangements: other shapes and orders of the same elements, composed of views, joins and gathers, so that their
//! gradients come with them.

use super::*;
use crate::base::{DType, Fault, Result, Shape, counted};
use crate::graph::{Place, apply::convert};

/// One value stretched to a shape, of the dtype and at the place of `like`.
pub fn filled(like: &Expr, shape: Shape, value: f64) -> Expr {
    Expr::full(shape, convert(value.to_bits(), DType::F64, like.dtype()), like.dtype(), like.place())
}

/// 0, 1 … n-1 along axis `axis` of `rank` axes, the others of size 1.
pub fn positions(n: usize, axis: usize, rank: usize) -> Expr {
    let mut shape = Shape::new(&vec![1; rank]);
    shape[axis] = n;
    iota(&Expr::weak(0i64), &Expr::weak(1i64), &shape)
}

/// Index arrays that pick along one axis and stay in place along the others.
pub fn along(indices: &Expr, axis: usize) -> Vec<Expr> {
    let rank = indices.rank();
    let at = |k: usize| match k {
        k if k == axis => indices.clone(),
        k => broadcast_to(&positions(indices.shape()[k], k, rank), indices.shape()),
    };
    (0..rank).map(at).collect()
}

/// Elements along one axis picked by indices that have x's other axes.
pub fn take_along_axis(x: &Expr, indices: &Expr, axis: i64) -> Result<Expr> {
    let axis = x.shape().axis(axis)?;
    if indices.rank() != x.rank() {
        let fault = Fault::new(format!(
            "take_along_axis: x has {}, the indices have {}",
            counted(x.rank(), "axis"),
            indices.rank()
        ));
        return Err(fault
            .side(0, format!("has shape {}", x.shape()))
            .side(1, format!("has shape {}", indices.shape())));
    }
    let (mut wide, mut wide_indices) = (x.shape().clone(), indices.shape().clone());
    for k in (0..x.rank()).filter(|&k| k != axis) {
        let (a, b) = (wide[k], wide_indices[k]);
        if a != b && a != 1 && b != 1 {
            let fault = Fault::new(format!("take_along_axis: axis {k} has size {a} in x and {b} in the indices"));
            return Err(fault
                .side(0, format!("has shape {}", x.shape()))
                .side(1, format!("has shape {}", indices.shape())));
        }
        let size = if a == 1 { b } else { a };
        (wide[k], wide_indices[k]) = (size, size);
    }
    let indices = along(&broadcast_to(indices, &wide_indices), axis);
    checked(gather(&broadcast_to(x, &wide), &indices))
}

/// Rows of x along an axis (or elements of the flattened x) at an array of indices.
pub fn take(x: &Expr, indices: &Expr, axis: Option<i64>) -> Result<Expr> {
    let Some(axis) = axis else {
        return checked(gather(&flat(x), std::slice::from_ref(indices)));
    };
    let axis = x.shape().axis(axis)?;
    let front = move_axes(x, &[axis], &[0])?;
    let picked = checked(gather_of(&front, std::slice::from_ref(indices), std::iter::once(axis)))?;
    // The axes of the indices stand first; they belong where the axis was.
    let r = indices.rank();
    let order: Vec<usize> = (r..r + axis).chain(0..r).chain(r + axis..picked.rank()).collect();
    checked(permute_dims(&picked, &order[..]))
}

/// All elements in one axis.
pub fn flat(x: &Expr) -> Expr {
    reshape(x, &[x.size()][..])
}

/// Axes moved to other places, the rest in order.
pub fn move_axes(x: &Expr, from: &[usize], to: &[usize]) -> Result<Expr> {
    if from.len() != to.len() {
        return Err(Fault::new(format!(
            "moveaxis: {} for {}",
            counted(from.len(), "axis"),
            counted(to.len(), "place")
        )));
    }
    let mut pairs: Vec<(usize, usize)> = to.iter().copied().zip(from.iter().copied()).collect();
    pairs.sort_unstable();
    let mut order: Vec<usize> = (0..x.rank()).filter(|k| !from.contains(k)).collect();
    for (place, axis) in pairs {
        order.insert(place.min(order.len()), axis);
    }
    checked(permute_dims(x, &order[..]))
}

/// The diagonal of two axes, as the last axis of the result.
pub fn diagonal(x: &Expr, offset: i64, axis1: i64, axis2: i64) -> Result<Expr> {
    if x.rank() < 2 {
        return Err(Fault::new(format!("diagonal: expected a matrix, found shape {}", x.shape()))
            .side(0, "has fewer than two axes"));
    }
    let (a, b) = (x.shape().axis(axis1)?, x.shape().axis(axis2)?);
    if a == b {
        return Err(Fault::new(format!("diagonal: expected two axes, found axis {a} twice")));
    }
    let r = x.rank();
    let moved = move_axes(x, &[a, b], &[r - 2, r - 1])?;
    let (m, n) = (moved.shape()[r - 2], moved.shape()[r - 1]);
    let (up, down) = (offset.max(0) as usize, (-offset).max(0) as usize);
    let length = m.saturating_sub(down).min(n.saturating_sub(up));
    let mut shape: Shape = moved.shape()[..r - 2].iter().copied().collect();
    shape.0.push(m * n);
    // In a row-major matrix the diagonal is every (n + 1)-th element.
    let start = if length == 0 { 0 } else { down * n + up };
    checked(slice(&reshape(&moved, &shape), r - 2, start, length, n + 1))
}

/// A vector on a diagonal of a square matrix of zeros; leading axes stay.
pub fn on_diagonal(x: &Expr, offset: i64) -> Result<Expr> {
    if x.rank() == 0 {
        return Err(Fault::new("diag: expected a vector or a matrix, found a single number"));
    }
    let n = x.shape()[x.rank() - 1];
    let size = n + offset.unsigned_abs() as usize;
    let (up, down) = (offset.max(0) as usize, (-offset).max(0) as usize);
    let mut shape: Shape = x.shape()[..x.rank() - 1].iter().copied().collect();
    shape.0.push(size * size);
    let zeros = filled(x, super::rule::sized(shape.clone(), x.dtype())?, 0.0);
    let flat = if n == 0 { zeros } else { place(&zeros, x, x.rank() - 1, down * size + up, size + 1) };
    shape.0.pop();
    shape.0.extend([size, size]);
    checked(reshape(&flat, &shape))
}

/// Elements moved along an axis, those that fall off put in at the other end.
pub fn roll(x: &Expr, shifts: &[i64], axes: Option<&[i64]>) -> Result<Expr> {
    let Some(axes) = axes else {
        let [shift] = shifts else {
            return Err(Fault::new(format!("roll: {} shifts need as many axes", shifts.len()))
                .hint("roll(x, (1, 2), axis=(0, 1))"));
        };
        return checked(reshape(&roll_one(&flat(x), *shift, 0), x.shape()));
    };
    if shifts.len() != axes.len() && shifts.len() != 1 {
        return Err(Fault::new(format!(
            "roll: {} for {}",
            counted(shifts.len(), "shift"),
            counted(axes.len(), "axis")
        )));
    }
    let mut out = x.clone();
    for (i, &axis) in axes.iter().enumerate() {
        out = roll_one(&out, shifts[i.min(shifts.len() - 1)], x.shape().axis(axis)?);
    }
    checked(out)
}

fn roll_one(x: &Expr, shift: i64, axis: usize) -> Expr {
    let n = x.shape()[axis];
    let shift = if n == 0 { 0 } else { shift.rem_euclid(n as i64) as usize };
    if shift == 0 {
        return x.clone();
    }
    let tail = slice(x, axis, n - shift, shift, 1i64);
    join(&[tail, slice(x, axis, 0usize, n - shift, 1i64)], axis)
}

/// Each element n times in a row along an axis.
pub fn repeat(x: &Expr, n: usize, axis: usize) -> Result<Expr> {
    let mut wide = x.shape().clone();
    wide.0.insert(axis + 1, n);
    let stretched = broadcast_to(&expand(x, axis + 1), &super::rule::sized(wide, x.dtype())?);
    let mut shape = x.shape().clone();
    shape[axis] *= n;
    checked(reshape(&stretched, &shape))
}

/// Element i `counts[i]` times along an axis; the counts are looked at, for the shape depends on them.
pub fn repeat_each(x: &Expr, counts: &Expr, axis: usize) -> Result<Expr> {
    let n = x.shape()[axis];
    let host = crate::graph::cast(counts, DType::I64)?.host()?;
    let counts = host.to_vec::<i64>()?;
    if counts.len() != n {
        let fault = Fault::new(format!("repeat: {} for an axis of size {n}", counted(counts.len(), "count")));
        return Err(fault.side(1, "needs one count for each element, or one for all"));
    }
    if let Some(bad) = counts.iter().find(|&&c| c < 0) {
        return Err(Fault::new(format!("repeat: a count cannot be negative, found {bad}")).side(1, "holds it"));
    }
    let total = counts.iter().fold(0usize, |n, &c| n.saturating_add(c as usize));
    super::rule::sized(Shape::new(&[total]), DType::I64)?;
    let picks: Vec<i64> = (0i64..).zip(&counts).flat_map(|(i, &c)| std::iter::repeat_n(i, c as usize)).collect();
    take(x, &Expr::from_slice(&[picks.len()], &picks)?, Some(axis as i64))
}

/// The whole array side by side, `reps[k]` times along axis k (counted from the last, as broadcasting does).
pub fn tile(x: &Expr, reps: &[usize]) -> Result<Expr> {
    let rank = x.rank().max(reps.len());
    let size = |k: usize| (k + x.rank()).checked_sub(rank).map_or(1, |j| x.shape()[j]);
    let rep = |k: usize| (k + reps.len()).checked_sub(rank).map_or(1, |j| reps[j]);
    // [r0, s0, r1, s1, …] by stretching the r's, then neighbours joined.
    let narrow: Shape = (0..rank).flat_map(|k| [1, size(k)]).collect();
    let wide: Shape = (0..rank).flat_map(|k| [rep(k), size(k)]).collect();
    let shape: Shape = (0..rank).map(|k| rep(k).saturating_mul(size(k))).collect();
    super::rule::sized(shape.clone(), x.dtype())?;
    checked(reshape(&broadcast_to(&reshape(x, &narrow), &wide), &shape))
}

/// How `pad` makes the elements around.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pad {
    Constant(f64),
    /// The outermost element again and again.
    Edge,
    /// Mirrored at the outermost element, which is not repeated.
    Reflect,
    /// Mirrored, the outermost element repeated.
    Symmetric,
    /// From the other end.
    Wrap,
}

/// x with `widths[k]` elements (before, after) more along axis k.
pub fn pad(x: &Expr, widths: &[(usize, usize)], how: Pad) -> Result<Expr> {
    let mut out = x.clone();
    for (axis, &(before, after)) in widths.iter().enumerate() {
        let n = x.shape()[axis];
        let mut parts = vec![];
        if before > 0 {
            parts.push(margin(&out, axis, before, how, true)?);
        }
        parts.push(out.clone());
        if after > 0 {
            parts.push(margin(&out, axis, after, how, false)?);
        }
        if parts.len() > 1 {
            let mut shape = out.shape().clone();
            shape[axis] = n.saturating_add(before).saturating_add(after);
            super::rule::sized(shape, out.dtype())?;
            out = checked(join(&parts, axis))?;
        }
    }
    Ok(out)
}

fn margin(x: &Expr, axis: usize, width: usize, how: Pad, before: bool) -> Result<Expr> {
    let n = x.shape()[axis];
    let mut shape = x.shape().clone();
    shape[axis] = width;
    let most = match how {
        Pad::Constant(value) => return Ok(filled(x, super::rule::sized(shape, x.dtype())?, value)),
        Pad::Edge => {
            if n > 0 {
                usize::MAX
            } else {
                0
            }
        }
        Pad::Reflect => n.saturating_sub(1),
        Pad::Symmetric | Pad::Wrap => n,
    };
    if width > most && n > 0 {
        super::rule::sized(shape, x.dtype())?;
        let picks: Vec<i64> = (0..width as i64)
            .map(|k| folded(if before { k - width as i64 } else { n as i64 + k }, n as i64, how))
            .collect();
        return take(x, &Expr::from_slice(&[width], &picks)?, Some(axis as i64));
    }
    if width > most {
        let fault =
            Fault::new(format!("pad: {}, where an axis of size {n} can give none", counted(width, "more element")));
        return Err(fault.hint("mode=\"constant\" makes them from nothing"));
    }
    let part = |start: usize, step: i64| slice(x, axis, start, width, step);
    Ok(match (how, before) {
        (Pad::Edge, _) => broadcast_to(&slice(x, axis, if before { 0 } else { n - 1 }, 1usize, 1i64), &shape),
        (Pad::Reflect, true) => part(width, -1),
        (Pad::Reflect, false) => part(n - 2, -1),
        (Pad::Symmetric, true) => part(width - 1, -1),
        (Pad::Symmetric, false) => part(n - 1, -1),
        (_, true) => part(n - width, 1),
        (_, false) => part(0, 1),
    })
}

/// Position i of an endless line made from n elements, in them: reflections go back and forth.
fn folded(i: i64, n: i64, how: Pad) -> i64 {
    let (period, back) = match how {
        Pad::Reflect if n == 1 => return 0,
        Pad::Reflect => (2 * (n - 1), 2 * (n - 1)),
        Pad::Symmetric => (2 * n, 2 * n - 1),
        _ => (n, n),
    };
    let k = i.rem_euclid(period);
    if k < n { k } else { back - k }
}

/// Arrays of one shape under a new axis.
pub fn stack(arrays: &[Expr], axis: i64) -> Result<Expr> {
    let Some(first) = arrays.first() else {
        return Err(Fault::new("stack: expected at least one array, found none"));
    };
    if let Some((i, e)) = arrays.iter().enumerate().find(|(_, e)| e.shape() != first.shape()) {
        let fault = Fault::new(format!(
            "stack: the arrays have different shapes: item 0 is {}, item {i} is {}",
            first.shape(),
            e.shape()
        ));
        return Err(fault.hint("concat joins along an axis that they have"));
    }
    let rank = first.rank() as i64 + 1;
    if !(-rank..rank).contains(&axis) {
        return Err(Fault::new(format!(
            "stack: axis {axis} is out of range for a result of {}",
            counted(rank, "axis")
        )));
    }
    let axis = axis.rem_euclid(rank) as usize;
    let parts: Vec<Expr> = arrays.iter().map(|e| expand(e, axis)).collect();
    checked(join(&parts, axis))
}

/// Pieces along an axis, cut before each of `bounds`; these ascend and lie in the axis.
pub fn split(x: &Expr, bounds: &[usize], axis: usize) -> Vec<Expr> {
    let n = x.shape()[axis];
    let mut start = 0;
    let ends = bounds.iter().copied().chain([n]);
    let piece = |end: usize| {
        let end = end.clamp(start, n);
        let piece = slice(x, axis, if start == end { 0 } else { start }, end - start, 1i64);
        start = end;
        piece
    };
    ends.map(piece).collect()
}

/// The lower (or upper) triangle of each matrix, zeros elsewhere; `k` moves the diagonal up.
pub fn triangle(x: &Expr, k: i64, lower: bool) -> Result<Expr> {
    let r = x.rank();
    if r < 2 {
        let name = if lower { "tril" } else { "triu" };
        return Err(Fault::new(format!("{name}: expected a matrix, found shape {}", x.shape()))
            .side(0, "has fewer than two axes"));
    }
    let row = positions(x.shape()[r - 2], 0, 2);
    let edge = add(&row, &Expr::weak(k));
    let column = positions(x.shape()[r - 1], 0, 1);
    let inside = if lower { less_equal(&column, &edge) } else { greater_equal(&column, &edge) };
    checked(where_(&inside, x, &filled(x, Shape::scalar(), 0.0)))
}

/// Zeros with ones on a diagonal.
pub fn eye(rows: usize, columns: usize, k: i64, dtype: DType, place: Place) -> Result<Expr> {
    super::rule::sized(Shape::new(&[rows, columns]), dtype)?;
    let diagonal = add(&positions(rows, 0, 2), &Expr::weak(k));
    let hit = equal(&positions(columns, 0, 1), &diagonal);
    crate::graph::relocate(&crate::graph::cast(&hit, dtype)?, place)
}

/// One array per argument, all of one shape: argument i varies along axis i (`xy` exchanges the first two).
pub fn meshgrid(arrays: &[Expr], xy: bool) -> Result<Vec<Expr>> {
    let rank = arrays.len();
    let axis_of = |i: usize| if xy && rank > 1 && i < 2 { 1 - i } else { i };
    let mut shape = Shape::new(&vec![1; rank]);
    for (i, e) in arrays.iter().enumerate() {
        if e.rank() > 1 {
            return Err(
                Fault::new(format!("meshgrid: expected vectors, found shape {}", e.shape())).side(i, "is not a vector")
            );
        }
        shape[axis_of(i)] = e.size();
    }
    arrays
        .iter()
        .enumerate()
        .map(|(i, e)| {
            let mut own = Shape::new(&vec![1; rank]);
            own[axis_of(i)] = e.size();
            checked(broadcast_to(&reshape(e, &own), &shape))
        })
        .collect()
}

/// The value, or the fault that it carries.
pub fn checked(e: Expr) -> Result<Expr> {
    e.fault().map_or(Ok(e), Err)
}
