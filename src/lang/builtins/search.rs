//! Picking and finding: where, nonzero, unique, take.

use super::args::*;
use super::natives;
use crate::base::{Fault, Result, Shape};
use crate::graph::{Attrs, Expr, Prim, apply};
use crate::lang::Value;
use crate::ops;

natives! {
    /// Items along an axis (of the flattened x if none) at an array of indices.
    ///
    /// > take([10, 20, 30], [2, 0])
    /// [30, 10]
    "take(x, indices, axis=none)" => |_, a| {
        let (x, indices) = (a.expr(0)?, stacked(a.get(1)).map_err(|f| a.wrong(1, f))?);
        done(ops::take(&x, &indices, a.maybe(2, |a, i| a.int(i))?)?)
    };

    /// Elements along one axis picked by indices that have x's other axes, such as `argsort` gives.
    ///
    /// > x = [[3, 1], [2, 4]]; take_along_axis(x, argsort(x), axis=1)
    /// [[1, 3], [2, 4]]
    "take_along_axis(x, indices, axis=-1)" => |_, a| done(ops::take_along_axis(&a.expr(0)?, &a.expr(1)?, a.int(2)?)?);

    /// Elements of `a` where the condition holds, of `b` elsewhere. With the condition alone, the positions where it
    /// holds, one index array per axis.
    ///
    /// > where([true, false], [1, 2], 0)
    /// [1, 0]
    /// > where([0, 5, 7] > 1)
    /// ([1, 2],)
    "where(condition, a=none, b=none)" => |_, a| match (a.get(1).is_none(), a.get(2).is_none()) {
        (true, true) => tuple(ops::nonzero(&a.expr(0)?)?),
        (false, false) => done(ops::where_(&a.expr(0)?, &a.expr(1)?, &a.expr(2)?)),
        _ => Err(Fault::new("where: expected one or three arguments, found two").hint("where(condition, a, b)")),
    };

    /// For each value the position where it would go into a sorted vector: before its equals, or with
    /// `side="right"` after them. `sorter` are the positions that sort the vector if it is not sorted.
    ///
    /// > searchsorted([10, 20, 30], [20, 25])
    /// [1, 2]
    /// > searchsorted([10, 20, 30], 20, side="right")
    /// 2
    /// > searchsorted([30, 10, 20], 25, sorter=[1, 2, 0])
    /// 2
    "searchsorted(sorted, values, side=\"left\", sorter=none)" => |_, a| {
        let (x, order) = (a.expr(0)?, a.maybe(3, |a, i| a.expr(i))?);
        let x = order.map_or(Ok(x.clone()), |order| ops::take(&x, &order, None))?;
        done(ops::searchsorted(&x, &a.expr(1)?, a.text(2)?))
    };

    /// Positions of the elements that are not zero, one index array per axis.
    ///
    /// > nonzero([0, 5, 7])
    /// ([1, 2],)
    "nonzero(x)" => |_, a| tuple(ops::nonzero(&a.expr(0)?)?);

    /// Positions of the elements that are not zero in the flattened x.
    ///
    /// > flatnonzero([[0, 5], [7, 0]])
    /// [1, 2]
    "flatnonzero(x)" => |_, a| tuple(ops::nonzero(&ops::flat(&a.expr(0)?))?).map(|t| match t {
        Value::Tuple(items) => items.first().cloned().unwrap_or(Value::None),
        other => other,
    });

    /// Positions of the elements that are not zero, one row each.
    ///
    /// > argwhere([[0, 5], [7, 0]])
    /// [[0, 1], [1, 0]]
    "argwhere(x)" => |_, a| {
        let x = a.expr(0)?;
        // A number has no axes: what is there has a place of no indices.
        if x.rank() == 0 {
            return done(Expr::from_slice::<i64>(&[x.item::<bool>()? as usize, 0], &[])?);
        }
        done(ops::stack(&ops::nonzero(&x)?, 1)?)
    };

    /// x with values added at indices for its first axis, or at a tuple of index arrays for its first axes, as NumPy's
    /// `np.add.at(x, indices, values)` does; equal indices add up. Of four arguments the second is an axis and the others are
    /// as in PyTorch's `x.scatter_add(axis, index, source)`: each element of source goes where its index says along that axis.
    ///
    /// > scatter_add([0, 0, 0], [1, 1, 2], [10, 20, 30])
    /// [0, 30, 30]
    /// > scatter_add(zeros(2, 3), ([0, 1], [2, 0]), 5)
    /// [[0, 0, 5], [5, 0, 0]]
    /// > zeros(2, 2).scatter_add(1, [[0, 0], [1, 1]], [[1, 2], [3, 4]])
    /// [[3, 0], [0, 7]]
    "scatter_add(x, indices, values, source=none)" => |_, a| scattered(&a, &ops::SCATTER_ADD);

    /// x with values put at indices for its first axis, or at a tuple of index arrays for its first axes: what
    /// `x[indices] = values` gives; of equal indices the last wins. Of four arguments the second is an axis and the others are
    /// as in PyTorch's `x.scatter(axis, index, source)`.
    ///
    /// > scatter([10, 20, 30], [1], 0)
    /// [10, 0, 30]
    /// > zeros(2, 2).scatter(1, [[1], [0]], [[5], [6]])
    /// [[0, 5], [6, 0]]
    "scatter(x, indices, values, source=none)" => |_, a| scattered(&a, &ops::SCATTER);

    /// The different elements in ascending order, or the different parts of x along `axis`; with flags a tuple, followed
    /// by where each stands first, which one each element is, and how often each comes.
    ///
    /// > unique([3, 1, 3])
    /// [1, 3]
    /// > unique([3, 1, 3], return_counts=true)
    /// ([1, 3], [1, 2])
    /// > unique([[2, 1], [0, 5], [2, 1]], axis=0)
    /// [[0, 5], [2, 1]]
    "unique(x, return_index=false, return_inverse=false, return_counts=false, axis=none)" => |_, a| {
        let x = a.expr(0)?;
        if a.get(4).is_none() && !a.bool(1)? && !a.bool(2)? && !a.bool(3)? {
            return done(ops::different(&x)?);
        }
        let u = match a.get(4).is_none() {
            true => ops::unique(&x)?,
            false => unique_parts(&x, a.axis(4, x.shape())?)?,
        };
        let mut parts = vec![u.values];
        for (i, part) in [(1, u.indices), (2, u.inverse), (3, u.counts)] {
            if a.bool(i)? {
                parts.push(part);
            }
        }
        if parts.len() > 1 { tuple(parts) } else { done(parts.remove(0)) }
    };

    /// The different elements in ascending order.
    ///
    /// > unique_values([3, 1, 3])
    /// [1, 3]
    "unique_values(x)" => |_, a| done(ops::different(&a.expr(0)?)?);

    /// The different elements and how often each comes.
    ///
    /// > unique_counts([3, 1, 3])
    /// {values: [1, 3], counts: [1, 2]}
    "unique_counts(x)" => |_, a| { let u = ops::unique(&a.expr(0)?)?; record([("values", u.values), ("counts", u.counts)]) };

    /// The different elements, and for each element of x which one it is.
    ///
    /// > unique_inverse([3, 1, 3])
    /// {values: [1, 3], inverse_indices: [1, 0, 1]}
    "unique_inverse(x)" => |_, a| {
        let u = ops::unique(&a.expr(0)?)?;
        record([("values", u.values), ("inverse_indices", u.inverse)])
    };

    /// The different elements, where each stands first, which one each element of x is, and how often each comes.
    ///
    /// > unique_all([3, 1, 3]).indices
    /// [1, 0]
    "unique_all(x)" => |_, a| {
        let u = ops::unique(&a.expr(0)?)?;
        record([("values", u.values), ("indices", u.indices), ("inverse_indices", u.inverse), ("counts", u.counts)])
    };
}

/// `scatter` and its like in NumPy's order of arguments, or in PyTorch's.
fn scattered(a: &Args, prim: &'static Prim) -> Result<Value> {
    let x = a.expr(0)?;
    let (values, indices) = match a.get(3).is_none() {
        true => {
            let indices = match a.get(1) {
                Value::Tuple(t) => {
                    t.iter().map(Value::to_expr).collect::<Result<Vec<_>>>().map_err(|f| a.wrong(1, f))?
                }
                _ => vec![a.expr(1)?],
            };
            (a.expr(2)?, indices)
        }
        false => along_axis(a, &x)?,
    };
    let mut ins = vec![x, values];
    ins.extend(indices);
    apply(prim, &ins, Attrs::new()).map(Value::from_expr).map_err(|mut f| {
        // The primitive has the values first.
        for (side, _) in &mut f.sides {
            *side = match *side {
                0 => 0,
                1 => 2,
                _ => 1,
            };
        }
        f
    })
}

/// The values and an index array for every axis, of `scatter(x, axis, index, source)`.
fn along_axis(a: &Args, x: &Expr) -> Result<(Expr, Vec<Expr>)> {
    let (axis, index, source) = (a.axis(1, x.shape())?, a.expr(2)?, a.expr(3)?);
    let shape = index.shape().clone();
    let fits = |e: &Expr| e.rank() == shape.rank() && (0..shape.rank()).all(|k| shape[k] <= e.shape()[k]);
    if x.rank() != shape.rank() || source.rank() > 0 && !fits(&source) {
        let fault = Fault::new(format!("{}: the index has shape {shape}, which is not within the others", a.name));
        return Err(fault.side(0, "is what it goes into").side(2, "is the index").side(3, "is what goes there"));
    }
    let mut values = source;
    if values.rank() > 0 {
        for k in 0..shape.rank() {
            values = ops::slice(&values, k, 0usize, shape[k], 1i64);
        }
    }
    let all = (0..shape.rank()).map(|k| {
        if k == axis {
            return index.clone();
        }
        let mut along = Shape::new(&vec![1; shape.rank()]);
        along[k] = shape[k];
        let count = ops::iota(&Expr::weak(0i64), &Expr::weak(1i64), &Shape::new(&[shape[k]]));
        ops::broadcast_to(&ops::reshape(&count, &along), &shape)
    });
    Ok((values, all.collect()))
}

/// The different parts of x along an axis, ascending as texts of numbers are: by the first element, then the next.
fn unique_parts(x: &Expr, axis: usize) -> Result<ops::Unique> {
    let front = ops::move_axes(x, &[axis], &[0])?;
    let n = front.shape()[0];
    let size: usize = front.shape()[1..].iter().product();
    let all = ops::reshape(&front, &Shape::new(&[n, size])).host()?.to_f64s()?;
    let part = |i: usize| &all[i * size..(i + 1) * size];
    let compare = |i: &usize, j: &usize| {
        let both = part(*i).iter().zip(part(*j));
        both.map(|(a, b)| a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())))
            .find(|o| o.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    };
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(compare);
    let (mut first, mut counts, mut inverse) = (vec![], vec![], vec![0i64; n]);
    for (k, &i) in order.iter().enumerate() {
        if k == 0 || part(order[k - 1]) != part(i) {
            first.push(i as i64);
            counts.push(0i64);
        }
        if let Some(count) = counts.last_mut() {
            *count += 1;
        }
        inverse[i] = first.len() as i64 - 1;
    }
    let indices = Expr::from_slice(&[first.len()], &first)?;
    let values = ops::move_axes(&ops::take(&front, &indices, Some(0))?, &[0], &[axis])?;
    let counts = Expr::from_slice(&[counts.len()], &counts)?;
    Ok(ops::Unique { values, indices, inverse: Expr::from_slice(&[n], &inverse)?, counts })
}
