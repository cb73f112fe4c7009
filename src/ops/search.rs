//! What looks at its input when called, for the shape of the result depends on it.

use super::arrange::checked;
use super::*;
use crate::base::{Elem, Result};

/// Positions of the elements that are not zero, one index array per axis. Looks at x: the shape depends on it.
pub fn nonzero(x: &Expr) -> Result<Vec<Expr>> {
    let host = x.host()?;
    let shape = host.shape().clone();
    let truth: Vec<bool> =
        crate::dispatch!(host.dtype, T => host.to_vec::<T>().into_iter().map(|v| v.to_bool()).collect());
    let flat: Vec<usize> = truth.iter().enumerate().filter_map(|(i, &t)| t.then_some(i)).collect();
    let strides = shape.strides();
    let axis = |k: usize| {
        let at: Vec<i64> = flat.iter().map(|&i| (i / strides[k] as usize % shape[k]) as i64).collect();
        Expr::from_slice(&[at.len()], &at)
    };
    (0..shape.rank()).map(axis).collect()
}

/// What `unique` finds; index arrays refer to the flattened input.
pub struct Unique {
    /// Ascending; every nan is its own.
    pub values: Expr,
    /// Where each value stands first.
    pub indices: Expr,
    /// For each element of the input its value's number, in the input's shape.
    pub inverse: Expr,
    pub counts: Expr,
}

/// The different elements of the flattened x. Looks at x: the shape depends on it.
pub fn unique(x: &Expr) -> Result<Unique> {
    let row = flat(x);
    let order = checked(argsort(&row, 0usize, false, true))?;
    let sorted = checked(gather(&row, std::slice::from_ref(&order)))?;
    let order = order.host()?.to_vec::<i64>();
    let host = sorted.host()?;
    let starts: Vec<usize> = crate::dispatch!(host.dtype, T => {
        let v = host.to_vec::<T>();
        (0..v.len()).filter(|&i| i == 0 || v[i] != v[i - 1]).collect()
    });
    let n = x.size();
    let ends = starts.iter().skip(1).copied().chain([n]);
    let counts: Vec<i64> = starts.iter().zip(ends).map(|(&s, e)| (e - s) as i64).collect();
    let indices: Vec<i64> = starts.iter().map(|&s| order[s]).collect();
    let mut inverse = vec![0i64; n];
    for (number, (&start, &count)) in starts.iter().zip(&counts).enumerate() {
        (start..start + count as usize).for_each(|i| inverse[order[i] as usize] = number as i64);
    }
    let indices = Expr::from_slice(&[indices.len()], &indices)?;
    Ok(Unique {
        values: checked(gather(&row, std::slice::from_ref(&indices)))?,
        indices,
        inverse: Expr::from_slice(x.shape(), &inverse)?,
        counts: Expr::from_slice(&[counts.len()], &counts)?,
    })
}
