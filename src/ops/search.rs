//! What looks at its input when called, for the shape of the result depends on it.

use super::arrange::checked;
use super::*;
use crate::base::memory::{push, room};
use crate::base::{Elem, Result, interrupt};

/// Positions of the elements that are not zero, one index array per axis. Looks at x: the shape depends on it.
pub fn nonzero(x: &Expr) -> Result<Vec<Expr>> {
    let host = x.host()?;
    let shape = host.shape().clone();
    let mut flat: Vec<usize> = vec![];
    let mut full = Ok(());
    crate::dispatch!(host.dtype, T => {
        let look = |i: usize, v: &T| {
            if full.is_ok() && v.to_bool() {
                full = push(&mut flat, i);
            }
        };
        match host.as_slice::<T>() {
            Some(all) => each(all, look)?,
            None => each(&host.to_vec::<T>()?, look)?,
        }
    });
    full?;
    let strides = shape.strides();
    let axis = |k: usize| {
        room(2 * flat.len() * size_of::<i64>(), "an array")?;
        let mut at: Vec<i64> = Vec::with_capacity(flat.len());
        each(&flat, |_, &i| at.push((i / strides[k] as usize % shape[k]) as i64))?;
        Expr::from_slice(&[at.len()], &at)
    };
    (0..shape.rank()).map(axis).collect()
}

/// Calls `look` with every item and its number, until somebody asks to stop.
fn each<T>(all: &[T], mut look: impl FnMut(usize, &T)) -> Result<()> {
    const PIECE: usize = 1 << 16;
    for (k, piece) in all.chunks(PIECE).enumerate() {
        interrupt::check()?;
        piece.iter().enumerate().for_each(|(i, x)| look(k * PIECE + i, x));
    }
    Ok(())
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
    let order = order.host()?.to_vec::<i64>()?;
    let host = sorted.host()?;
    let mut starts: Vec<usize> = vec![];
    crate::dispatch!(host.dtype, T => {
        let v = host.to_vec::<T>()?;
        each(&v, |i, x| if i == 0 || *x != v[i - 1] { starts.push(i) })?;
    });
    let n = x.size();
    let ends = starts.iter().skip(1).copied().chain([n]);
    let counts: Vec<i64> = starts.iter().zip(ends).map(|(&s, e)| (e - s) as i64).collect();
    let indices: Vec<i64> = starts.iter().map(|&s| order[s]).collect();
    let mut inverse = vec![0i64; n];
    let mut number = 0;
    each(&order, |i, &at| {
        number += starts.get(number + 1).is_some_and(|&next| i == next) as usize;
        inverse[at as usize] = number as i64;
    })?;
    let indices = Expr::from_slice(&[indices.len()], &indices)?;
    Ok(Unique {
        values: checked(gather(&row, std::slice::from_ref(&indices)))?,
        indices,
        inverse: Expr::from_slice(x.shape(), &inverse)?,
        counts: Expr::from_slice(&[counts.len()], &counts)?,
    })
}
