//! Sums about a pivot: of elements, of their distances from a number among them, and of the squares of these, from one reading.
//!
//! What a variance needs is known after one reading so, whatever the mean turns out to be (`rows::about` says how). The sums of the
//! elements are to the bit those of `lanes`.
//!
//! Floor: the reading. Each vector takes a load and five operations, a third of what a core does while memory brings the next one.

use super::lanes::{LANES, LINES, Running, There, folded, is_far};
use super::ops::Add;
use super::vector::{Float, Vector};
use crate::base::ahead;

/// Elements from whose mean distances are taken, and running sums of distances: fewer than of elements, so that all stay in registers.
const FEW: usize = 16;

/// What a stretch has about its pivot, each in a word of its own.
#[derive(Clone, Copy, Default)]
pub struct Pivoted {
    pub sum: u64,
    pub pivot: u64,
    /// The sum of the distances from the pivot.
    pub off: u64,
    pub squares: u64,
}

/// A stretch while it is read.
#[derive(Clone, Copy)]
struct Reading<V: Vector, const R: usize, const H: usize> {
    sums: Running<V, R>,
    pivot: V,
    off: [V; H],
    squares: [V; H],
}

/// `S` stretches of n elements, `apart` bytes from one to the next: some of one, some of the next. Where `ASK`, what lies behind is
/// asked for.
///
/// # Safety
/// The stretches are there, at least one element each, and as many results.
#[inline(always)]
pub unsafe fn stretches<V: Vector, const S: usize, const ASK: bool>(
    from: *const u8,
    apart: usize,
    n: usize,
    out: *mut Pivoted,
) {
    // SAFETY: the caller's.
    unsafe {
        match V::N {
            16 => read::<V, 2, 1, S, ASK>(from, apart, n, out),
            8 => read::<V, 4, 2, S, ASK>(from, apart, n, out),
            _ => read::<V, 8, 4, S, ASK>(from, apart, n, out),
        }
    }
}

#[inline(always)]
unsafe fn read<V: Vector, const R: usize, const H: usize, const S: usize, const ASK: bool>(
    from: *const u8,
    apart: usize,
    n: usize,
    out: *mut Pivoted,
) {
    /// Whole `LANES` that are read of a stretch at a time.
    const SOME: usize = 4;
    let zero = V::STARTS[0];
    // SAFETY: the caller's; `R` vectors are `LANES` elements, `H` are `FEW`.
    unsafe {
        let at: [*const V::T; S] = std::array::from_fn(|s| from.add(s * apart).cast());
        // No closures: they would not have this function's vectors.
        let none = V::splat(zero);
        let sums = Running::new(zero);
        let mut all = [Reading::<V, R, H> { sums, pivot: none, off: [none; H], squares: [none; H] }; S];
        for s in 0..S {
            all[s].pivot = V::splat(pivot::<V>(at[s], n));
        }
        let lanes = n / LANES;
        for first in (0..lanes).step_by(SOME) {
            let last = (first + SOME).min(lanes);
            for (r, at) in all.iter_mut().zip(at) {
                r.sums.advance::<Add>(There::<_, ASK>(at), first, last);
                for k in (first * LANES..last * LANES).step_by(FEW) {
                    for h in 0..H {
                        let d = V::load(at.add(k + h * V::N)).sub(r.pivot);
                        r.off[h] = r.off[h].add(d);
                        r.squares[h] = r.squares[h].add(d.mul(d));
                    }
                }
            }
        }
        for (s, (r, at)) in all.into_iter().zip(at).enumerate() {
            let mut pivots = [zero; FEW];
            for h in 0..H {
                r.pivot.store(pivots.as_mut_ptr().add(h * V::N));
            }
            let (pivot, mut off, mut squares) = (pivots[0], r.off, r.squares);
            for first in (lanes * LANES..n).step_by(FEW) {
                // What is missing in the last ones is as far as the pivot.
                let mut rest = pivots;
                for (k, x) in rest.iter_mut().enumerate().take(n - first) {
                    *x = at.add(first + k).read_unaligned();
                }
                for h in 0..H {
                    let d = V::load(rest.as_ptr().add(h * V::N)).sub(r.pivot);
                    off[h] = off[h].add(d);
                    squares[h] = squares[h].add(d.mul(d));
                }
            }
            let sum = r.sums.finish::<Add>(There::<_, false>(at), n, zero);
            let (off, squares) = (halves(off), halves(squares));
            out.add(s).write(Pivoted { sum: word(sum), pivot: word(pivot), off: word(off), squares: word(squares) });
        }
    }
}

/// The mean of the first elements. What is about it is at least so many times the square of how far it lies from the mean of all, so that
/// little is lost when that is subtracted.
#[inline(always)]
unsafe fn pivot<V: Vector>(at: *const V::T, n: usize) -> V::T {
    let count = n.min(LANES);
    // SAFETY: n elements.
    unsafe { folded::<V, Add>(There::<_, false>(at), count, V::STARTS[0]) / V::T::of(count) }
}

/// The sum of all elements of some vectors.
#[inline(always)]
unsafe fn halves<V: Vector, const H: usize>(mut sums: [V; H]) -> V::T {
    let mut lanes = [V::STARTS[0]; FEW];
    // SAFETY: a vector is no more elements.
    unsafe {
        let mut half = H / 2;
        while half > 0 {
            for h in 0..half {
                sums[h] = sums[h].add(sums[h + half]);
            }
            half /= 2;
        }
        sums[0].store(lanes.as_mut_ptr());
    }
    let mut half = V::N / 2;
    while half > 0 {
        for k in 0..half {
            lanes[k] = lanes[k] + lanes[k + half];
        }
        half /= 2;
    }
    lanes[0]
}

fn word<T: Copy>(x: T) -> u64 {
    let mut word = 0u64;
    // SAFETY: a float is no more than a word.
    unsafe { (&raw mut word).cast::<T>().write_unaligned(x) };
    word
}

/// Lines of n columns, `stride` bytes from one to the next, into accumulators: of the elements, of their distances from the columns' pivots,
/// of the squares of these.
///
/// # Safety
/// The lines, the pivots and the accumulators hold n elements.
#[inline(always)]
pub unsafe fn lines<V: Vector>(
    from: *const u8,
    stride: isize,
    pivots: *const u8,
    count: usize,
    n: usize,
    into: [*mut u8; 3],
) {
    // SAFETY: the caller's.
    unsafe {
        for c in (0..count).step_by(LINES) {
            let from = from.offset(c as isize * stride);
            match count - c {
                LINES.. if is_far(stride) => some_lines::<V, LINES, true>(from, stride, pivots, n, into),
                LINES.. => some_lines::<V, LINES, false>(from, stride, pivots, n, into),
                rest => {
                    for k in 0..rest as isize {
                        some_lines::<V, 1, false>(from.offset(k * stride), stride, pivots, n, into);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn some_lines<V: Vector, const R: usize, const FAR: bool>(
    from: *const u8,
    stride: isize,
    pivots: *const u8,
    n: usize,
    into: [*mut u8; 3],
) {
    let pivots = pivots.cast::<V::T>();
    let [sums, offs, squares] = into.map(|p| p.cast::<V::T>());
    // SAFETY: the caller's.
    unsafe {
        let at: [*const V::T; R] = std::array::from_fn(|r| from.offset(r as isize * stride).cast());
        let wide = n / V::N * V::N;
        for j in (0..wide).step_by(V::N) {
            let pivot = V::load(pivots.add(j));
            let (mut sum, mut off, mut square) = (V::load(sums.add(j)), V::load(offs.add(j)), V::load(squares.add(j)));
            for line in at {
                if FAR {
                    ahead::to_read(line.wrapping_add(j).wrapping_byte_offset(R as isize * stride).cast());
                }
                let x = V::load(line.add(j));
                let d = x.sub(pivot);
                sum = sum.add(x);
                off = off.add(d);
                square = square.add(d.mul(d));
            }
            sum.store(sums.add(j));
            off.store(offs.add(j));
            square.store(squares.add(j));
        }
        for j in wide..n {
            let pivot = pivots.add(j).read_unaligned();
            for line in at {
                let x = line.add(j).read_unaligned();
                let d = x - pivot;
                for (to, more) in [(sums, x), (offs, d), (squares, d * d)] {
                    to.add(j).write_unaligned(to.add(j).read_unaligned() + more);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arith, SIDES, UNASKED, about_lanes, fold_lanes};
    use super::*;
    use crate::base::DType;

    fn numbers(n: usize) -> Vec<f64> {
        let mut seed = 88172645463325252u64 + n as u64;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..n).map(|_| 1000.0 + next() - 0.5).collect()
    }

    #[test]
    fn a_stretch_has_its_sum_to_the_bit_and_its_squares_about_any_number_of_stretches() {
        let lanes = about_lanes(DType::F64).unwrap();
        let sum = fold_lanes(Arith::Add, DType::F64).unwrap().segment;
        for n in [1, 2, 31, 32, 33, 127, 128, 129, 300, 1000, 1024] {
            let x = numbers(SIDES * n);
            let mut alone = [Pivoted::default(); SIDES];
            for (s, alone) in alone.iter_mut().enumerate() {
                let mut plain = 0u64;
                // SAFETY: n elements each.
                unsafe {
                    (lanes.alone)(x.as_ptr().add(s * n).cast(), 0, n, alone);
                    sum(x.as_ptr().add(s * n).cast(), n, (&raw mut plain).cast());
                }
                assert_eq!(alone.sum, plain, "{n}");
                let [p, off, squares] = [alone.pivot, alone.off, alone.squares].map(f64::from_bits);
                let d = |of: f64| x[s * n..(s + 1) * n].iter().map(move |x| x - of);
                assert!((off - d(p).sum::<f64>()).abs() <= 1e-12 * n as f64, "{n}: {off}");
                let expected: f64 = d(p).map(|d| d * d).sum();
                assert!((squares - expected).abs() <= 1e-13 * expected, "{n}: {squares} {expected}");
            }
            for (sides, f) in [(UNASKED, lanes.unasked), (SIDES, lanes.asking)] {
                let mut beside = [Pivoted::default(); SIDES];
                // SAFETY: as many stretches.
                unsafe { f(x.as_ptr().cast(), 8 * n, n, beside.as_mut_ptr()) };
                for (a, b) in alone.iter().zip(&beside).take(sides) {
                    let all = |p: &Pivoted| [p.sum, p.pivot, p.off, p.squares];
                    assert_eq!(all(a), all(b), "{sides} stretches of {n}");
                }
            }
        }
    }

    #[test]
    fn lines_about_pivots_are_what_single_lines_make() {
        let lanes = about_lanes(DType::F64).unwrap();
        let sum = fold_lanes(Arith::Add, DType::F64).unwrap();
        for (count, n) in [(1, 1), (3, 7), (8, 16), (9, 33), (16, 5), (17, 100), (64, 1000)] {
            let (x, pivots) = (numbers(count * n), numbers(n));
            let (mut three, mut sums) = ([vec![0.0; n], vec![0.0; n], vec![0.0; n]], vec![0.0; n]);
            let [s, off, squares] = three.each_mut().map(|v| v.as_mut_ptr().cast::<u8>());
            // SAFETY: as many lines, pivots and sums.
            unsafe {
                let (x, stride) = (x.as_ptr().cast(), 8 * n as isize);
                (lanes.lines)(x, stride, pivots.as_ptr().cast(), count, n, [s, off, squares]);
                (sum.lines)(x, stride, count, n, sums.as_mut_ptr().cast());
            }
            assert_eq!(three[0], sums, "{count} lines of {n}");
            for j in 0..n {
                let d = || (0..count).map(|i| x[i * n + j] - pivots[j]);
                // One after the other: to the bit.
                assert_eq!(three[1][j], d().fold(0.0, |a, d| a + d), "{count} lines of {n}");
                assert_eq!(three[2][j], d().fold(0.0, |a, d| a + d * d), "{count} lines of {n}");
            }
        }
    }
}
