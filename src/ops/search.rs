//! What looks at its input when called, for the shape of the result depends on it.

use std::sync::Arc;

use rayon::prelude::*;

use super::arrange::checked;
use super::*;
use crate::base::{Buffer, DType, Elem, Host, Layout, Result, Shape, interrupt};
use crate::graph::Place;

/// Positions of the elements that are not zero, one index array per axis. Looks at x: the shape depends on it.
pub fn nonzero(x: &Expr) -> Result<Vec<Expr>> {
    let host = x.host()?;
    let shape = host.shape().clone();
    let flat = crate::dispatch!(host.dtype, T => match host.as_slice::<T>() {
        Some(all) => positions(all)?,
        None => positions(&host.to_vec::<T>()?)?,
    });
    let n = flat.bytes() / size_of::<i64>();
    let row = |buffer| {
        let layout = Layout::contiguous(Shape::new(&[n]));
        Expr::from_host(Host { dtype: DType::I64, layout, buffer }, Place::Array)
    };
    if shape.rank() == 1 {
        return Ok(vec![row(flat)]);
    }
    let strides = shape.strides();
    let flat = &flat.as_slice::<i64>()[..n];
    let axis = |k: usize| {
        let mut at = Buffer::new(size_of_val(flat))?;
        let (stride, size) = (strides[k] as u64, shape[k] as u64);
        let to = Arc::get_mut(&mut at).map(|b| b.as_mut_slice::<i64>()).unwrap_or_default();
        let parts = to.chunks_mut(PIECE).zip(flat.chunks(PIECE)).collect();
        shared(parts, |(to, from): (&mut [i64], &[i64])| {
            interrupt::check()?;
            to.iter_mut().zip(from).for_each(|(to, &i)| *to = (i as u64 / stride % size) as i64);
            Ok(())
        })?;
        Ok(row(at))
    };
    (0..shape.rank()).map(axis).collect()
}

/// Elements that are looked at between two looks at whether somebody asked to stop.
const PIECE: usize = 1 << 16;

/// The positions of what is not zero: counted piece by piece, then written, each piece where its own begin.
fn positions<T: Elem>(all: &[T]) -> Result<Arc<Buffer>> {
    let count = |piece: &[T]| -> Result<usize> {
        interrupt::check()?;
        Ok(piece.iter().map(|x| usize::from(x.to_bool())).sum())
    };
    let counts = shared(all.chunks(PIECE).collect(), count)?;
    let mut flat = Buffer::new(counts.iter().sum::<usize>() * size_of::<i64>())?;
    let mut rest = Arc::get_mut(&mut flat).map(|b| b.as_mut_slice::<i64>()).unwrap_or_default();
    let mut parts = vec![];
    for (k, &n) in counts.iter().enumerate() {
        let (mine, others) = rest.split_at_mut(n);
        (rest, _) = (others, parts.push((k * PIECE, mine)));
    }
    shared(parts, |(first, mine): (usize, &mut [i64])| {
        interrupt::check()?;
        let piece = &all[first..all.len().min(first + PIECE)];
        // Written in any case, and kept where it counts: no branch to be foreseen wrongly.
        const TOGETHER: usize = 256;
        let (mut found, mut done) = ([0i64; TOGETHER + 1], 0);
        for (k, some) in piece.chunks(TOGETHER).enumerate() {
            let mut n = 0;
            for (i, x) in some.iter().enumerate() {
                found[n] = (first + k * TOGETHER + i) as i64;
                n += usize::from(x.to_bool());
            }
            mine[done..done + n].copy_from_slice(&found[..n]);
            done += n;
        }
        Ok(())
    })?;
    Ok(flat)
}

/// Does pieces of work, on all cores where there are several.
fn shared<P: Send, R: Send>(pieces: Vec<P>, work: impl Fn(P) -> Result<R> + Sync + Send) -> Result<Vec<R>> {
    match pieces.len() {
        0 | 1 => pieces.into_iter().map(work).collect(),
        _ => pieces.into_par_iter().map(work).collect(),
    }
}

/// Calls `look` with every item and its number, until somebody asks to stop.
fn each<T>(all: &[T], mut look: impl FnMut(usize, &T)) -> Result<()> {
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

/// The different elements of the flattened x, ascending; every nan is its own. Looks at x: the shape depends on it.
pub fn different(x: &Expr) -> Result<Expr> {
    if x.node().marks.live() {
        // Its gradient goes back to where each value came from.
        return Ok(unique(x)?.values);
    }
    let sorted = checked(sort(&flat(x), 0usize, false, true))?;
    let host = sorted.host()?;
    Ok(crate::dispatch!(host.dtype, T => {
        let all = match host.as_slice::<T>() {
            Some(all) => all,
            None => &host.to_vec::<T>()?,
        };
        // The last of equal ones: of -0 and 0 that is 0.
        let keep = |i: usize| all.get(i + 1).is_none_or(|next| *next != all[i]);
        let parts: Vec<_> = (0..all.len()).step_by(PIECE).map(|at| at..(at + PIECE).min(all.len())).collect();
        let kept = shared(parts, |part| {
            interrupt::check()?;
            Ok(part.filter(|&i| keep(i)).map(|i| all[i]).collect::<Vec<T>>())
        })?.concat();
        Expr::from_host(Host::from_slice(Shape::new(&[kept.len()]), &kept)?, x.place())
    }))
}

/// The different elements of the flattened x, and where they are. Looks at x: the shape depends on it.
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
