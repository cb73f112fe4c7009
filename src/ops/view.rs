//! Other indices for the same elements: no data moves.

use super::*;
use crate::base::{Fault, Layout, Result, Shape, counted};
use crate::graph::{Call, Types};
use crate::prims;

prims! {
    /// The same elements in the same order under another shape; one size may be -1 and is worked out.
    ///
    /// > reshape([1, 2, 3, 4], 2, 2)
    /// [[1, 2], [3, 4]]
    reshape(x; shape: Ints = Required) {
        dtype: keep,
        shape: reshaped,
        view: { |layout, _, shape| layout.reshape(shape) },
        vjp(g, _) "x gets reshape(g, x.shape)": [reshape(g, x.shape())],
    }

    /// The axes in another order: axis k of the result is axis `axes[k]` of x.
    ///
    /// > permute_dims([[1, 2], [3, 4]], 1, 0)
    /// [[1, 3], [2, 4]]
    permute_dims(x; axes: Ints = Required) {
        dtype: keep,
        shape: permuted,
        view: { |layout, attrs, _| Some(layout.permute(&attrs[0].as_sizes())) },
        vjp(g, _) "x gets permute_dims(g, argsort(axes))": [permute_dims(g, inverse(axes))],
    }

    /// Repeated along axes of size 1, and along new ones in front, until it has the shape.
    ///
    /// > broadcast_to([1, 2], 2, 2)
    /// [[1, 2], [1, 2]]
    broadcast_to(x; shape: Ints = Required) {
        dtype: keep,
        shape: stretched,
        view: { |layout, _, shape| Some(layout.broadcast(shape)) },
        vjp(g, _) "x gets g, summed along the axes it was repeated along": [g.clone()],
    }

    /// The elements in reverse order, along all axes or along `axis`.
    ///
    /// > flip([1, 2, 3])
    /// [3, 2, 1]
    flip(x; axis: Ints = None) {
        dtype: keep,
        shape: flipped,
        view: { |layout, attrs, _| Some(attrs[0].as_sizes().iter().fold(layout.clone(), |l, &k| {
            let n = l.shape[k];
            l.slice(k, n.saturating_sub(1), n, -1)
        })) },
        vjp(g, _): [flip(g, axis)],
    }

    /// `length` elements along one axis from `start`, every `step`-th. What `x[a:b:c]` calls, with bounds worked out.
    ///
    /// > slice([1, 2, 3, 4], axis=0, start=1, length=2, step=1)
    /// [2, 3]
    slice(x; axis: Int = Required, start: Int = Required, length: Int = Required, step: Int = Int(1)) {
        dtype: keep,
        shape: sliced,
        view: { |layout, attrs, _| Some(layout.slice(
            attrs[0].as_int() as usize, attrs[1].as_int() as usize, attrs[2].as_int() as usize, attrs[3].as_int() as isize)) },
        vjp(g, _) "x gets g where its elements were taken from, and 0 elsewhere": [place(&zeros_like(x, g), g, axis, start, step)],
    }
}

/// Zeros of x's shape, to put a cotangent into.
pub fn zeros_like(x: &Expr, g: &Expr) -> Expr {
    Expr::full(x.shape().clone(), 0, g.dtype(), g.place())
}

fn keep(c: &Call) -> Result<Types> {
    let d = c.ins[0].dtype();
    Ok(Types::all(c.ins.len(), d, d))
}

fn reshaped(c: &mut Call) -> Result<Shape> {
    let from = c.ins[0].shape().clone();
    let want = c.attr("shape").as_ints();
    let unknown = want.iter().filter(|&&d| d == -1).count();
    let known: i64 = want.iter().filter(|&&d| d != -1).fold(1i64, |n, &d| n.saturating_mul(d));
    let size = from.size() as i64;
    if let Some(bad) = want.iter().find(|&&d| d < -1) {
        return Err(
            Fault::new(format!("reshape: a size cannot be negative, found {bad}")).hint("-1 means: work it out")
        );
    }
    let shown = Attr::ints(want.iter().copied());
    if unknown > 1 {
        return Err(Fault::new(format!("reshape: only one size can be -1, found {shown}")));
    }
    let fits = if unknown == 1 { known > 0 && size % known == 0 } else { known == size };
    if !fits {
        let fault = Fault::new(format!(
            "reshape: shape {from} has {}, {shown} {}",
            counted(size, "element"),
            match unknown {
                1 => format!("needs a multiple of {known}"),
                _ => format!("has {known}"),
            }
        ));
        let fault = fault.side(0, format!("has {}", counted(size, "element")));
        let divides = want.iter().take(want.len().saturating_sub(1)).fold(1i64, |n, &d| n.saturating_mul(d));
        return Err(if want.len() > 1 && divides > 0 && size % divides == 0 {
            fault.hint(format!("let the last size be worked out: -1 gives {}", size / divides))
        } else {
            fault.hint("-1 for one size lets it be worked out")
        });
    }
    let shape: Shape = want.iter().map(|&d| if d == -1 { (size / known) as usize } else { d as usize }).collect();
    c.set("shape", Attr::axes(shape.iter().copied()));
    Ok(shape)
}

fn permuted(c: &mut Call) -> Result<Shape> {
    let shape = c.ins[0].shape().clone();
    let given = c.attr("axes").as_ints().len();
    let mut order = Vec::with_capacity(given);
    for &a in c.attr("axes").as_ints() {
        order.push(shape.axis(a).map_err(|f| f.side(0, "has that shape"))?);
    }
    let mut seen = order.clone();
    seen.sort_unstable();
    if given != shape.rank() || seen.iter().enumerate().any(|(i, &k)| i != k) {
        let fault = Fault::new(format!(
            "permute_dims: expected each of the {} axes once, found {}",
            shape.rank(),
            c.attr("axes")
        ));
        return Err(fault.hint(format!("for example {}", Attr::axes((0..shape.rank()).rev()))));
    }
    c.set("axes", Attr::axes(order.iter().copied()));
    Ok(order.iter().map(|&k| shape[k]).collect())
}

fn inverse(axes: &Attr) -> Attr {
    let order = axes.as_sizes();
    let mut back = vec![0usize; order.len()];
    for (i, &k) in order.iter().enumerate() {
        back[k] = i;
    }
    Attr::axes(back)
}

fn stretched(c: &mut Call) -> Result<Shape> {
    let from = c.ins[0].shape().clone();
    let to = rule::sizes("broadcast_to", c.attr("shape"))?;
    if from.broadcast(&to).as_ref() != Some(&to) {
        let fault = Fault::new(format!("broadcast_to: shape {from} does not stretch to {to}"));
        return Err(fault.side(0, "only sizes of 1 stretch, counted from the last axis"));
    }
    Ok(to)
}

fn flipped(c: &mut Call) -> Result<Shape> {
    let shape = c.ins[0].shape().clone();
    let axes = rule::axes_of(c.attr("axis"), &shape)?;
    c.set("axis", Attr::axes(axes));
    Ok(shape)
}

/// Bounds are the caller's business; here they must hold.
fn sliced(c: &mut Call) -> Result<Shape> {
    let mut shape = rule::one_axis(c)?;
    let axis = c.attr("axis").as_int() as usize;
    let (start, length, step) = (c.attr("start").as_int(), c.attr("length").as_int(), c.attr("step").as_int());
    let last = (length - 1).checked_mul(step).and_then(|x| x.checked_add(start));
    let size = shape[axis] as i64;
    let inside = length == 0 || (start >= 0 && start < size && last.is_some_and(|l| l >= 0 && l < size));
    if length < 0 || step == 0 || !inside {
        let what = format!("slice: start {start}, length {length}, step {step} leave the axis of size {size}");
        return Err(Fault::new(what).side(0, format!("its axis {axis} has size {size}")));
    }
    shape[axis] = length as usize;
    Ok(shape)
}

/// Whether a layout can be read as this shape; used by callers that choose between a view and a copy.
pub fn views_as(layout: &Layout, shape: &Shape) -> bool {
    layout.reshape(shape).is_some()
}
