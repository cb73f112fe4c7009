//! Picking and finding: where, nonzero, unique, take.

use super::args::*;
use super::natives;
use crate::base::Fault;
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
    "argwhere(x)" => |_, a| done(ops::stack(&ops::nonzero(&a.expr(0)?)?, 1)?);

    /// The different elements in ascending order; with flags a tuple, followed by where each stands first, which one each
    /// element is, and how often each comes.
    ///
    /// > unique([3, 1, 3])
    /// [1, 3]
    /// > unique([3, 1, 3], return_counts=true)
    /// ([1, 3], [1, 2])
    "unique(x, return_index=false, return_inverse=false, return_counts=false)" => |_, a| {
        let u = ops::unique(&a.expr(0)?)?;
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
    "unique_values(x)" => |_, a| done(ops::unique(&a.expr(0)?)?.values);

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
