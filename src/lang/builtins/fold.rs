//! Folds and running folds whose result's dtype can be named: natives over the primitives of the same names.

use super::args::*;
use super::natives;
use crate::base::{DType, Result};
use crate::graph::{Attr, Expr, cast};
use crate::ops::{self, Pad};

natives! {
    /// Sum of the elements, of all or along `axis`. Bools are counted. `dtype` is that of the sum.
    ///
    /// > sum([[1, 2], [3, 4]])
    /// 10
    /// > sum([[1, 2], [3, 4]], axis=0)
    /// [4, 6]
    "sum(x, axis=none, keepdims=false, dtype=none)" => |_, a| done(ops::sum(&input(&a, 3)?, axes(&a)?, a.bool(2)?));

    /// Product of the elements, of all or along `axis`. `dtype` is that of the product.
    ///
    /// > prod([1, 2, 3, 4])
    /// 24
    "prod(x, axis=none, keepdims=false, dtype=none)" => |_, a| done(ops::prod(&input(&a, 3)?, axes(&a)?, a.bool(2)?));

    /// Running sum along one axis; with `include_initial` it begins with 0.
    ///
    /// > cumulative_sum([1, 2, 3])
    /// [1, 3, 6]
    /// > cumulative_sum([1, 2, 3], include_initial=true)
    /// [0, 1, 3, 6]
    "cumulative_sum(x, axis=-1, include_initial=false, dtype=none)" => |_, a| {
        let x = input(&a, 3)?;
        done(begun(&a, ops::cumulative_sum(&x, a.int(1)?), 0.0)?)
    };

    /// Running product along one axis; with `include_initial` it begins with 1.
    ///
    /// > cumulative_prod([1, 2, 3, 4])
    /// [1, 2, 6, 24]
    "cumulative_prod(x, axis=-1, include_initial=false, dtype=none)" => |_, a| {
        let x = input(&a, 3)?;
        done(begun(&a, ops::cumulative_prod(&x, a.int(1)?), 1.0)?)
    };
}

/// The array to fold, in the dtype that is asked for; numbers of a tuple are stacked.
fn input(a: &Args, dtype: usize) -> Result<Expr> {
    let x = stacked(a.get(0)).map_err(|f| a.wrong(0, f))?;
    match a.dtype(dtype)? {
        Some(DType::Bool) | None => Ok(x),
        Some(d) => cast(&x, d),
    }
}

fn axes(a: &Args) -> Result<Attr> {
    Ok(a.maybe(1, |a, i| a.axes(i))?.map_or(Attr::None, Attr::ints))
}

/// A running fold with what it starts from in front, where that is wanted.
fn begun(a: &Args, y: Expr, first: f64) -> Result<Expr> {
    let y = ops::arrange::checked(y)?;
    if !a.bool(2)? {
        return Ok(y);
    }
    let mut widths = vec![(0, 0); y.rank()];
    widths[a.axis(1, y.shape())?] = (1, 0);
    ops::pad(&y, &widths, Pad::Constant(first))
}
