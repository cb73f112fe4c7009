//! Shapes and orders: natives over `ops::arrange`, where arguments come in more forms than a primitive takes.

use super::args::*;
use super::natives;
use crate::base::{Fault, Result, Shape, memory};
use crate::graph::Expr;
use crate::lang::Value;
use crate::ops::{self, Pad, arrange::checked};

natives! {
    /// Arrays of one shape, or numbers, under a new axis.
    ///
    /// > stack(([1, 2], [3, 4]))
    /// [[1, 2], [3, 4]]
    /// > stack((1, 2, 3))
    /// [1, 2, 3]
    "stack(arrays, axis=0)" => |_, a| done(ops::stack(&a.arrays(0)?, a.int(1)?)?);

    /// The items along an axis, as a tuple.
    ///
    /// > unstack([[1, 2], [3, 4]])
    /// ([1, 2], [3, 4])
    "unstack(x, axis=0)" => |_, a| {
        let x = a.expr(0)?;
        let axis = a.axis(1, x.shape())?;
        tuple(rows(&ops::move_axes(&x, &[axis], &[0])?)?)
    };

    /// `parts` equal pieces along an axis, or pieces cut before each index of a tuple. A text is split at `parts`
    /// (at spaces if there is none).
    ///
    /// > split([1, 2, 3, 4], 2)
    /// ([1, 2], [3, 4])
    /// > split([1, 2, 3, 4], (1, 3))
    /// ([1], [2, 3], [4])
    /// > split("a,b", ",")
    /// ("a", "b")
    "split(x, parts=none, axis=0)" => |_, a| match a.get(0) {
        Value::Text(t) => super::strings::split(t, a.maybe(1, |a, i| a.text(i))?),
        _ => split(&a, true),
    };

    /// `parts` pieces along an axis, the first ones longer by one where it does not come out even.
    ///
    /// > array_split([1, 2, 3, 4, 5], 2)
    /// ([1, 2, 3], [4, 5])
    "array_split(x, parts, axis=0)" => |_, a| split(&a, false);

    /// Each element `n` times in a row along an axis, or of the flattened x; `n` may give a count for each.
    ///
    /// > repeat([1, 2], 2)
    /// [1, 1, 2, 2]
    /// > repeat([[1, 2], [3, 4]], [1, 2], axis=0)
    /// [[1, 2], [3, 4], [3, 4]]
    "repeat(x, n, axis=none)" => |_, a| {
        let x = a.expr(0)?;
        let (x, axis) = if a.get(2).is_none() { (ops::flat(&x), 0) } else { let axis = a.axis(2, x.shape())?; (x, axis) };
        let counts = match a.get(1) { Value::Tuple(_) => stacked(a.get(1))?, _ => a.expr(1)? };
        if counts.size() == 1 {
            let n = counts.item::<i64>()?;
            let n = Value::Int(n).to_size().map_err(|f| a.wrong(1, f))?;
            return done(ops::repeat(&x, n, axis)?);
        }
        done(ops::repeat_each(&x, &counts, axis)?)
    };

    /// The whole of x side by side, `reps[k]` times along axis k.
    ///
    /// > tile([1, 2], 2)
    /// [1, 2, 1, 2]
    /// > tile([1, 2], (2, 1))
    /// [[1, 2], [1, 2]]
    "tile(x, *reps)" => |_, a| done(ops::tile(&a.expr(0)?, &a.shape(1)?)?);

    /// Elements moved by `shift` places along an axis (of the flattened x if none), those that fall off put in at the
    /// other end.
    ///
    /// > roll([1, 2, 3], 1)
    /// [3, 1, 2]
    "roll(x, shift, axis=none)" => |_, a| {
        let axes = a.maybe(2, |a, i| a.axes(i))?;
        done(ops::roll(&a.expr(0)?, &a.ints(1)?, axes.as_deref())?)
    };

    /// x with elements put around it: `widths` is one number, (before, after), or one such pair for each axis. `mode` is
    /// "constant" (`value`), "edge", "reflect", "symmetric" or "wrap".
    ///
    /// > pad([1, 2], 1)
    /// [0, 1, 2, 0]
    /// > pad([1, 2, 3], (2, 0), mode="reflect")
    /// [3, 2, 1, 2, 3]
    "pad(x, widths, mode=\"constant\", value=0)" => |_, a| {
        let x = a.expr(0)?;
        done(ops::pad(&x, &widths(&a, x.rank())?, mode(&a)?)?)
    };

    /// A vector on the diagonal of a matrix of zeros, or the diagonal of a matrix; `k` moves it up.
    ///
    /// > diag([1, 2])
    /// [[1, 0], [0, 2]]
    /// > diag([[1, 2], [3, 4]])
    /// [1, 4]
    "diag(x, k=0)" => |_, a| {
        let x = a.expr(0)?;
        done(if x.rank() < 2 { ops::on_diagonal(&x, a.int(1)?)? } else { ops::diagonal(&x, a.int(1)?, -2, -1)? })
    };

    /// The diagonals of two axes as the last axis; `offset` moves them up.
    ///
    /// > diagonal([[1, 2], [3, 4]], offset=1)
    /// [2]
    "diagonal(x, offset=0, axis1=-2, axis2=-1)" => |_, a| done(ops::diagonal(&a.expr(0)?, a.int(1)?, a.int(2)?, a.int(3)?)?);

    /// The lower triangle of each matrix, zeros above; `k` moves the diagonal up.
    ///
    /// > tril([[1, 2], [3, 4]])
    /// [[1, 0], [3, 4]]
    "tril(x, k=0)" => |_, a| done(ops::triangle(&a.expr(0)?, a.int(1)?, true)?);

    /// The upper triangle of each matrix, zeros below; `k` moves the diagonal up.
    ///
    /// > triu([[1, 2], [3, 4]])
    /// [[1, 2], [0, 4]]
    "triu(x, k=0)" => |_, a| done(ops::triangle(&a.expr(0)?, a.int(1)?, false)?);

    /// For vectors, arrays of one shape in which each varies along its own axis; `"xy"` exchanges the first two axes.
    ///
    /// > meshgrid([1, 2], [10, 20, 30])
    /// ([[1, 2], [1, 2], [1, 2]], [[10, 10], [20, 20], [30, 30]])
    "meshgrid(*arrays, indexing=\"xy\")" => |_, a| {
        let arrays: Vec<Expr> = a.rest(0).iter().map(Value::to_expr).collect::<Result<_>>().map_err(|f| a.wrong(0, f))?;
        match a.text(1)? {
            "xy" => tuple(ops::meshgrid(&arrays, true)?),
            "ij" => tuple(ops::meshgrid(&arrays, false)?),
            other => Err(Fault::new(format!("meshgrid: indexing is \"xy\" or \"ij\", found \"{other}\""))),
        }
    };

    /// x without axes of size 1: all of them, or those that `axis` names.
    ///
    /// > squeeze([[1, 2]]).shape
    /// (2,)
    "squeeze(x, axis=none)" => |_, a| {
        let x = a.expr(0)?;
        let axes = match a.maybe(1, |a, i| a.axes(i))? {
            None => (0..x.rank()).filter(|&k| x.shape()[k] == 1).collect(),
            Some(given) => given.iter().map(|&k| x.shape().axis(k)).collect::<Result<Vec<_>>>().map_err(|f| a.wrong(1, f))?,
        };
        if let Some(&k) = axes.iter().find(|&&k| x.shape()[k] != 1) {
            let fault = Fault::new(format!("squeeze: axis {k} has size {}, not 1", x.shape()[k]));
            return Err(fault.side(0, format!("has shape {}", x.shape())));
        }
        done(ops::reshape(&x, &ops::rule::without(x.shape(), &axes, false)))
    };

    /// x with axes of size 1 put in, so that they are `axis` of the result.
    ///
    /// > expand_dims([1, 2], 0).shape
    /// (1, 2)
    "expand_dims(x, axis=0)" => |_, a| {
        let (x, given) = (a.expr(0)?, a.axes(1)?);
        let rank = x.rank() + given.len();
        let wide = Shape::new(&vec![1; rank]);
        let mut axes = given.iter().map(|&k| wide.axis(k)).collect::<Result<Vec<_>>>().map_err(|f| a.wrong(1, f))?;
        axes.sort_unstable();
        let mut shape = x.shape().clone();
        axes.iter().for_each(|&k| shape.0.insert(k, 1));
        if shape.rank() != rank || axes.windows(2).any(|w| w[0] == w[1]) {
            return Err(Fault::new("expand_dims: an axis is named twice"));
        }
        done(ops::reshape(&x, &shape))
    };

    /// Axes moved to other places, the rest in order.
    ///
    /// > moveaxis(zeros(2, 3, 4), 0, -1).shape
    /// (3, 4, 2)
    "moveaxis(x, source, destination)" => |_, a| {
        let x = a.expr(0)?;
        let axes = |i: usize| a.axes(i)?.iter().map(|&k| x.shape().axis(k)).collect::<Result<Vec<_>>>().map_err(|f| a.wrong(i, f));
        done(ops::move_axes(&x, &axes(1)?, &axes(2)?)?)
    };

    /// Two axes exchanged.
    ///
    /// > swapaxes(zeros(2, 3, 4), 0, 2).shape
    /// (4, 3, 2)
    "swapaxes(x, axis1, axis2)" => |_, a| {
        let x = a.expr(0)?;
        swapped(&x, a.axis(1, x.shape())?, a.axis(2, x.shape())?)
    };

    /// The axes in reverse order, or in the order of a tuple; two axes alone are exchanged.
    ///
    /// > transpose([[1, 2], [3, 4]])
    /// [[1, 3], [2, 4]]
    /// > transpose(zeros(2, 3, 4), (1, 2, 0)).shape
    /// (3, 4, 2)
    "transpose(x, *axes)" => |_, a| {
        let x = a.expr(0)?;
        let order: Vec<i64> = match a.rest(1) {
            [] | [Value::None] => (0..x.rank() as i64).rev().collect(),
            [one] => one.to_ints().map_err(|f| a.wrong(1, f))?,
            [i, j] => {
                let axis = |v: &Value| v.to_int().and_then(|k| x.shape().axis(k)).map_err(|f| a.wrong(1, f));
                return swapped(&x, axis(i)?, axis(j)?);
            }
            many => many.iter().map(Value::to_int).collect::<Result<_>>().map_err(|f| a.wrong(1, f))?,
        };
        done(ops::permute_dims(&x, crate::graph::Attr::ints(order)))
    };

    /// The last two axes exchanged: what `x.mT` is.
    ///
    /// > matrix_transpose([[1, 2], [3, 4]])
    /// [[1, 3], [2, 4]]
    "matrix_transpose(x)" => |_, a| {
        let x = a.expr(0)?;
        if x.rank() < 2 {
            return Err(a.wrong(0, Fault::new(format!("expected a matrix, found shape {}", x.shape()))));
        }
        done(ops::contract::swap(&x))
    };

    /// All elements in one axis.
    ///
    /// > ravel([[1, 2], [3, 4]])
    /// [1, 2, 3, 4]
    "ravel(x)" => |_, a| done(ops::flat(&a.expr(0)?));

    /// The axes from `start` to `stop` made one; all of them if none are named.
    ///
    /// > flatten(zeros(2, 3, 4), 1).shape
    /// (2, 12)
    "flatten(x, start=0, stop=-1)" => |_, a| {
        let x = a.expr(0)?;
        if x.rank() == 0 {
            return done(ops::flat(&x));
        }
        let (from, to) = (a.axis(1, x.shape())?, a.axis(2, x.shape())?);
        if from > to {
            return Err(Fault::new(format!("flatten: axis {from} comes after axis {to}")));
        }
        let s = x.shape();
        let middle: usize = s[from..=to].iter().product();
        let shape: Shape = s[..from].iter().copied().chain([middle]).chain(s[to + 1..].iter().copied()).collect();
        done(ops::reshape(&x, &shape))
    };

    /// x with the named axes (all if none) joined into one, the last: what sorting along several axes needs.
    ///
    /// > lanes([[1, 2], [3, 4]], axis=0)
    /// [[1, 3], [2, 4]]
    "lanes(x, axis=none)" => |_, a| {
        let x = a.expr(0)?;
        let Some(given) = a.maybe(1, |a, i| a.axes(i))? else { return done(ops::flat(&x)) };
        let named = crate::graph::Attr::ints(given);
        let axes = ops::rule::axes_of(&named, x.shape()).map_err(|f| a.wrong(1, f))?;
        let kept: Vec<usize> = (0..x.rank()).filter(|k| !axes.contains(k)).collect();
        let order: Vec<usize> = kept.iter().chain(&axes).copied().collect();
        let moved = ops::permute_dims(&x, &order[..]);
        let lane: usize = axes.iter().map(|&k| x.shape()[k]).product();
        let shape: Shape = kept.iter().map(|&k| x.shape()[k]).chain([lane]).collect();
        done(ops::reshape(&moved, &shape))
    };

    /// Arrays stretched to one shape.
    ///
    /// > broadcast_arrays([1, 2], [[3], [4]])
    /// ([[1, 2], [1, 2]], [[3, 3], [4, 4]])
    "broadcast_arrays(*arrays)" => |_, a| {
        let arrays: Vec<Expr> = a.rest(0).iter().map(Value::to_expr).collect::<Result<_>>().map_err(|f| a.wrong(0, f))?;
        let shape = together(arrays.iter().map(|e| e.shape().clone()))?;
        tuple(arrays.iter().map(|e| ops::broadcast_to(e, &shape)).collect())
    };

    /// The shape to which shapes stretch together.
    ///
    /// > broadcast_shapes((2, 1), (3,))
    /// (2, 3)
    "broadcast_shapes(*shapes)" => |_, a| {
        let shapes: Vec<Shape> = a.rest(0).iter().map(|v| Ok(v.to_ints()?.iter().map(|&n| n.max(0) as usize).collect()))
            .collect::<Result<_>>().map_err(|f| a.wrong(0, f))?;
        let shape = together(shapes.into_iter())?;
        Ok(Value::tuple(shape.iter().map(|&n| Value::Int(n as i64)).collect()))
    };
}

fn swapped(x: &Expr, i: usize, j: usize) -> Result<Value> {
    let mut order: Vec<usize> = (0..x.rank()).collect();
    order.swap(i, j);
    done(ops::permute_dims(x, &order[..]))
}

fn together(mut shapes: impl Iterator<Item = Shape>) -> Result<Shape> {
    shapes.try_fold(Shape::scalar(), |all, s| {
        all.broadcast(&s).ok_or_else(|| Fault::new(format!("shapes {all} and {s} do not fit together")))
    })
}

fn split(a: &Args, even: bool) -> Result<Value> {
    let x = a.expr(0)?;
    let axis = a.axis(2, x.shape())?;
    let n = x.shape()[axis];
    let bounds: Vec<usize> = match a.get(1) {
        Value::Int(_) => {
            let parts = a.size(1)?;
            if parts == 0 || (even && n % parts != 0) {
                let fault = Fault::new(format!("{}: an axis of size {n} has no {parts} equal parts", a.name));
                return Err(if parts > 0 {
                    fault.hint(format!("array_split({{0}}, {parts}) makes the first ones longer"))
                } else {
                    fault
                });
            }
            // Every piece is a node of the graph.
            memory::room(parts.saturating_mul(256), "a tuple")?;
            let (size, longer) = (n / parts, n % parts);
            (1..parts).map(|i| i * size + i.min(longer)).collect()
        }
        // Counted from the end where negative, cut off at the end, as slices are.
        _ => a
            .ints(1)?
            .iter()
            .map(|&i| if i < 0 { (n as i64 + i).max(0) as usize } else { (i as usize).min(n) })
            .collect(),
    };
    tuple(ops::split(&x, &bounds, axis).into_iter().map(checked).collect::<Result<_>>()?)
}

/// (before, after) for every axis, from NumPy's three forms.
fn widths(a: &Args, rank: usize) -> Result<Vec<(usize, usize)>> {
    let wrong = || {
        let fault =
            Fault::new(format!("pad: expected a number, (before, after), or a pair for each of the {rank} axes"));
        a.wrong(1, fault)
    };
    let pair = |v: &Value| -> Result<(usize, usize)> {
        match v {
            Value::Tuple(t) => match &t[..] {
                [before, after] => Ok((before.to_size()?, after.to_size()?)),
                _ => Err(wrong()),
            },
            one => one.to_size().map(|n| (n, n)).map_err(|f| a.wrong(1, f)),
        }
    };
    match a.get(1) {
        Value::Tuple(t) if t.iter().any(|v| matches!(v, Value::Tuple(_))) => match (t.len() == rank, &t[..]) {
            (true, all) => all.iter().map(pair).collect(),
            (false, [one]) => Ok(vec![pair(one)?; rank]),
            _ => Err(wrong()),
        },
        all => Ok(vec![pair(all)?; rank]),
    }
}

fn mode(a: &Args) -> Result<Pad> {
    Ok(match a.text(2)? {
        "constant" => Pad::Constant(a.float(3)?),
        "edge" | "replicate" => Pad::Edge,
        "reflect" => Pad::Reflect,
        "symmetric" => Pad::Symmetric,
        "wrap" | "circular" => Pad::Wrap,
        other => {
            let fault = Fault::new(format!("pad: there is no mode \"{other}\""));
            return Err(fault.hint("\"constant\", \"edge\", \"reflect\", \"symmetric\" or \"wrap\""));
        }
    })
}
