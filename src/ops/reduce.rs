//! Folds along axes, and running folds.

use super::*;
use crate::base::{DType, Result};
use crate::graph::{Call, Types};
use crate::prims;

prims! {
    /// Sum of the elements, of all or along `axis`. Bools are counted.
    ///
    /// > sum([[1, 2], [3, 4]])
    /// 10
    /// > sum([[1, 2], [3, 4]], axis=0)
    /// [4, 6]
    sum(x; axis: Ints = None, keepdims: Bool = Bool(false)) {
        dtype: rule::number,
        shape: rule::reduce,
        reduce: { Sum },
        vjp(g, _) "x gets g, repeated along the summed axes": [spread(g, x, axis)],
    }

    /// Product of the elements, of all or along `axis`.
    ///
    /// > prod([1, 2, 3, 4])
    /// 24
    prod(x; axis: Ints = None, keepdims: Bool = Bool(false)) {
        dtype: rule::number,
        shape: rule::reduce,
        reduce: { Prod },
        vjp(g, _) "x gets g times the product of the other elements": [spread(g, x, axis) * others(x, axis)],
    }

    /// The largest element, of all or along `axis`; nan if there is one. The gradient of a tie is shared.
    ///
    /// > max([[1, 5], [7, 2]], axis=1)
    /// [5, 7]
    max(x; axis: Ints = None, keepdims: Bool = Bool(false)) {
        dtype: rule::any,
        shape: rule::reduce_some,
        reduce: { Max },
        vjp(g, y) "x gets g where x == y, divided among equals, and 0 elsewhere": [winners(g, x, y, axis)],
    }

    /// The smallest element, of all or along `axis`; nan if there is one. The gradient of a tie is shared.
    ///
    /// > min([[1, 5], [7, 2]], axis=1)
    /// [1, 2]
    min(x; axis: Ints = None, keepdims: Bool = Bool(false)) {
        dtype: rule::any,
        shape: rule::reduce_some,
        reduce: { Min },
        vjp(g, y) "x gets g where x == y, divided among equals, and 0 elsewhere": [winners(g, x, y, axis)],
    }

    /// Whether all elements hold (are not zero).
    ///
    /// > all([true, false])
    /// false
    all(x; axis: Ints = None, keepdims: Bool = Bool(false)) {
        dtype: rule::logic,
        shape: rule::reduce,
        reduce: { All },
        vjp: zero,
    }

    /// Whether some element holds (is not zero).
    ///
    /// > any([true, false])
    /// true
    any(x; axis: Ints = None, keepdims: Bool = Bool(false)) {
        dtype: rule::logic,
        shape: rule::reduce,
        reduce: { Any },
        vjp: zero,
    }

    /// Position of the first largest element along `axis`, or in the flattened array. A nan counts as largest.
    ///
    /// > argmax([3, 9, 9])
    /// 1
    argmax(x; axis: Ints = None, keepdims: Bool = Bool(false)) {
        dtype: rule::position,
        shape: rule::reduce_arg,
        reduce: { ArgMax },
        vjp: zero,
    }

    /// Position of the first smallest element along `axis`, or in the flattened array. A nan counts as smallest.
    ///
    /// > argmin([3, 1, 1])
    /// 1
    argmin(x; axis: Ints = None, keepdims: Bool = Bool(false)) {
        dtype: rule::position,
        shape: rule::reduce_arg,
        reduce: { ArgMin },
        vjp: zero,
    }

    /// Running sum along one axis.
    ///
    /// > cumulative_sum([1, 2, 3])
    /// [1, 3, 6]
    cumulative_sum(x; axis: Int = Int(-1)) {
        dtype: rule::number,
        shape: rule::one_axis,
        scan: { Sum },
        vjp(g, _) "x gets flip(cumulative_sum(flip(g))) along the axis": [reverse_sum(g, axis)],
    }

    /// Running product along one axis.
    ///
    /// > cumulative_prod([1, 2, 3, 4])
    /// [1, 2, 6, 24]
    cumulative_prod(x; axis: Int = Int(-1)) {
        dtype: rule::number,
        shape: rule::one_axis,
        scan: { Prod },
        vjp(g, y) "x gets flip(cumulative_sum(flip(g * y))) / x along the axis, and its limit where x is 0": [running_product_back(g, x, y, axis)],
    }

    /// Running maximum along one axis.
    ///
    /// > cumulative_max([1, 3, 2])
    /// [1, 3, 3]
    cumulative_max(x; axis: Int = Int(-1)) {
        dtype: scanned,
        shape: rule::one_axis,
        scan: { Max },
        vjp: none "the running maximum has no gradient here; use max along an axis",
    }

    /// Running minimum along one axis.
    ///
    /// > cumulative_min([3, 1, 2])
    /// [3, 1, 1]
    cumulative_min(x; axis: Int = Int(-1)) {
        dtype: scanned,
        shape: rule::one_axis,
        scan: { Min },
        vjp: none "the running minimum has no gradient here; use min along an axis",
    }
}

fn scanned(c: &Call) -> Result<Types> {
    let d = c.ins[0].dtype();
    Ok(Types::all(1, if d == DType::Bool { DType::I64 } else { d }, if d == DType::Bool { DType::I64 } else { d }))
}

/// A folded value with its folded axes back at size 1.
fn unfold(g: &Expr, x: &Expr, axis: &Attr) -> Expr {
    let axes = axis.as_sizes();
    let shape = rule::without(x.shape(), &axes, true);
    reshape(g, &shape)
}

/// A folded value repeated along the axes it was folded over.
fn spread(g: &Expr, x: &Expr, axis: &Attr) -> Expr {
    broadcast_to(&unfold(g, x, axis), x.shape())
}

/// The elements that were chosen, each with its share of the cotangent.
fn winners(g: &Expr, x: &Expr, y: &Expr, axis: &Attr) -> Expr {
    let hit = equal(x, &unfold(y, x, axis));
    let count = sum(&hit, axis, true);
    where_(&hit, &(unfold(g, x, axis) / count), &Expr::weak(0.0))
}

/// Per element, the product of all others along the axes: no division, so that zeros are right too.
fn others(x: &Expr, axis: &Attr) -> Expr {
    let axes = axis.as_sizes();
    let rank = x.rank();
    // The folded axes become one, last.
    let mut order: Vec<usize> = (0..rank).filter(|k| !axes.contains(k)).collect();
    let kept = order.len();
    order.extend(&axes);
    let moved = permute_dims(x, &order[..]);
    let mut flat: crate::base::Shape = moved.shape()[..kept].iter().copied().collect();
    let n: usize = moved.shape()[kept..].iter().product();
    flat.0.push(n);
    let rows = reshape(&moved, &flat);
    let product = &exclusive(&rows, kept) * &flip(&exclusive(&flip(&rows, kept), kept), kept);
    let back = reshape(&product, moved.shape());
    let mut inverse = vec![0usize; rank];
    for (i, &k) in order.iter().enumerate() {
        inverse[k] = i;
    }
    permute_dims(&back, &inverse[..])
}

/// Running product of the elements before each one.
fn exclusive(rows: &Expr, axis: usize) -> Expr {
    let n = rows.shape()[axis];
    if n == 0 {
        return rows.clone();
    }
    let mut first = rows.shape().clone();
    first[axis] = 1;
    let one = Expr::full(
        first,
        crate::graph::apply::convert(1.0f64.to_bits(), DType::F64, rows.dtype()),
        rows.dtype(),
        rows.place(),
    );
    let head = slice(rows, axis, 0usize, n - 1, 1i64);
    cumulative_prod(&join(&[one, head], axis), axis)
}

fn reverse_sum(g: &Expr, axis: &Attr) -> Expr {
    flip(&cumulative_sum(&flip(g, axis), axis), axis)
}

/// `dy_j/dx_i` is the product up to j without i. By division where no element is zero; the general case goes through
/// the exact sum over j.
fn running_product_back(g: &Expr, x: &Expr, y: &Expr, axis: &Attr) -> Expr {
    let zero = match any(&equal(x, &Expr::weak(0.0)), Attr::None, false).item::<bool>() {
        Ok(zero) => zero,
        Err(fault) => return Expr::broken(fault),
    };
    if !zero {
        return reverse_sum(&(g * y), axis) / x;
    }
    let axis = axis.as_int() as usize;
    let n = x.shape()[axis];
    let mut total: Option<Expr> = None;
    for j in 0..n {
        // The product of the first j + 1 elements as a fold, whose gradient knows zeros.
        let head = slice(x, axis, 0usize, j + 1, 1i64);
        let gj = slice(g, axis, j, 1usize, 1i64);
        let part = &broadcast_to(&gj, head.shape()) * &others(&head, &Attr::axes([axis]));
        let padded = pad_end(&part, axis, n - j - 1);
        total = Some(match total {
            Some(t) => &t + &padded,
            None => padded,
        });
    }
    total.unwrap_or_else(|| g.clone())
}

fn pad_end(x: &Expr, axis: usize, n: usize) -> Expr {
    if n == 0 {
        return x.clone();
    }
    let mut shape = x.shape().clone();
    shape[axis] = n;
    join(&[x.clone(), Expr::full(shape, 0, x.dtype(), x.place())], axis)
}
