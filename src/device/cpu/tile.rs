//! Tiles: maps that read along one axis and write along another.
//!
//! In: a map's axes and strides. Out: the same map in parts, each over tiles of 32 by 32, so that a line of the cache that is
//! read across is used up while it is there: a transposed array read element by element would bring each line 8 or 16
//! times. The rest that fills no tile becomes parts of its own, in plain order.

use smallvec::SmallVec;

/// The side of a tile: a tile is one block.
pub const SIDE: usize = 32;
/// Smaller domains stay in the second-level cache as they are.
const WORTH: usize = 1 << 14;

type Axes<T> = SmallVec<[T; 4]>;

/// A part of a map: its axes, and for every operand its strides and how far its first element is from the whole's.
pub struct Part {
    pub dims: Axes<usize>,
    pub strides: Vec<Axes<isize>>,
    pub shifts: Vec<isize>,
}

/// A map over `dims` in parts. The first `loads` of the operands are read.
pub fn parts(dims: &[usize], strides: &[Axes<isize>], loads: usize) -> Vec<Part> {
    match across(dims, &strides[..loads]) {
        Some(axis) => tiled(dims, strides, axis),
        None => vec![Part { dims: dims.into(), strides: strides.to_vec(), shifts: vec![0; strides.len()] }],
    }
}

/// The axis along which a load lies that the last axis walks across.
fn across(dims: &[usize], loads: &[Axes<isize>]) -> Option<usize> {
    let last = dims.len() - 1;
    if dims[last] < SIDE || dims.iter().product::<usize>() < WORTH {
        return None;
    }
    let far = loads.iter().filter(|s| s[last].unsigned_abs() >= 8);
    far.filter_map(|s| (0..last).find(|&k| s[k] == 1 && dims[k] >= SIDE)).next()
}

fn tiled(dims: &[usize], strides: &[Axes<isize>], axis: usize) -> Vec<Part> {
    let last = dims.len() - 1;
    let whole = |n: usize| n / SIDE * SIDE;
    let (m, n) = (whole(dims[axis]), whole(dims[last]));
    let others: Axes<usize> = (0..last).filter(|&k| k != axis).collect();
    let mut order: Axes<usize> = others.iter().map(|&k| dims[k]).collect();
    order.extend([m / SIDE, n / SIDE, SIDE, SIDE]);
    let in_tiles = |s: &Axes<isize>| -> Axes<isize> {
        let side = SIDE as isize;
        let outer = others.iter().map(|&k| s[k]);
        outer.chain([s[axis] * side, s[last] * side, s[axis], s[last]]).collect()
    };
    let mut out =
        vec![Part { dims: order, strides: strides.iter().map(in_tiles).collect(), shifts: vec![0; strides.len()] }];
    // What lies beyond the tiles along an axis, as far as `most` along the other.
    let mut rest = |cut: usize, from: usize, other: usize, most: usize| {
        let mut dims: Axes<usize> = dims.into();
        (dims[cut], dims[other]) = (dims[cut] - from, most);
        if dims[cut] > 0 {
            let shifts = strides.iter().map(|s| s[cut] * from as isize).collect();
            out.push(Part { dims, strides: strides.to_vec(), shifts });
        }
    };
    rest(axis, m, last, dims[last]);
    rest(last, n, axis, m);
    out
}

/// Copies a tile that lies along its first axis: `to[i, j] = from[i + j * stride]`, `to` row-major.
///
/// # Safety
/// Both hold the tile.
pub unsafe fn turn<T: Copy>(from: *const T, stride: isize, to: *mut T) {
    for j in 0..SIDE {
        // SAFETY: the caller's.
        unsafe {
            let line = from.offset(j as isize * stride);
            for i in 0..SIDE {
                *to.add(i * SIDE + j) = *line.add(i);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_domain_once() {
        for (m, n) in [(128, 128), (130, 160), (257, 100), (40, 1000)] {
            let strides: Vec<Axes<isize>> =
                vec![[1, m as isize].into_iter().collect(), [n as isize, 1].into_iter().collect()];
            let mut seen = vec![0; m * n];
            let all = parts(&[m, n], &strides, 1);
            assert!(all.len() > 1 || m * n < WORTH || (m % SIDE, n % SIDE) == (0, 0));
            for part in all {
                for i in 0..part.dims.iter().product::<usize>() {
                    let (mut rest, mut at) = (i, [0isize; 2]);
                    for (k, d) in part.dims.iter().enumerate().rev() {
                        (0..2).for_each(|o| at[o] += (rest % d) as isize * part.strides[o][k]);
                        rest /= d;
                    }
                    let (read, write) = (at[0] + part.shifts[0], at[1] + part.shifts[1]);
                    let (row, column) = (write as usize / n, write as usize % n);
                    assert_eq!(read as usize, row + column * m);
                    seen[write as usize] += 1;
                }
            }
            assert!(seen.iter().all(|s| *s == 1));
        }
    }
}
