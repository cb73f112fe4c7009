//! Folds of stretches side by side: some of one, some of the next. Memory is read faster in more than one place.
//!
//! What one core reads of 80 MB in 1, 2, 4, 8 and 16 places, GB/s: an Intel Ice Lake that is asked for 512 bytes ahead 11.8, 12.4, 13.2, 14.4
//! and 14.8 (8 that are not asked for 13.6; 2 KB ahead 13.5), its two cores 22.7, 23.9, 25.5, 27.1 and 28.1. A Zen 3, which does not like to be
//! asked, reads best in two.

use super::lanes::{LANES, Running, Source, There, folded, in_sequence};
use super::ops::{Made, Op};
use super::vector::{Float, Vector};

/// Stretches that are folded side by side: where what is read is asked for ahead, and where it is not.
pub const SIDES: usize = 8;
pub const UNASKED: usize = 2;
/// Stretches of what is made of two operands.
pub const SIDES_OF: usize = 4;

/// Folds `S` stretches of n elements, `apart` bytes from one to the next, each into an element, these `step` bytes apart: some of
/// one, some of the next. To the bit what `segment` makes of each. Where
/// `ASK`, what lies behind is asked for.
///
/// # Safety
/// The stretches and the results are there.
#[inline(always)]
pub unsafe fn side_by_side<V: Vector, O: Op, const S: usize, const ASK: bool>(
    from: *const u8,
    apart: usize,
    n: usize,
    start: V::T,
    out: *mut u8,
    step: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let at: [There<V::T, ASK>; S] = std::array::from_fn(|s| There(from.add(s * apart).cast()));
        if O::GROUPS && in_sequence::<V>() {
            return extremes::<V, O, S, ASK>(at, n, start, out, step);
        }
        beside::<V, O, _, S>(at, n, start, out, step);
    }
}

/// As `side_by_side` and `segment_of`: `SIDES_OF` stretches of what an operation makes of two operands, `apart` bytes from one to the next in
/// both, which are asked for.
///
/// # Safety
/// The operands and the results are there.
#[inline(always)]
pub unsafe fn made_side_by_side<V: Vector, M: Made, O: Op>(
    ins: [*const u8; 2],
    apart: usize,
    n: usize,
    start: V::T,
    out: *mut u8,
    step: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let at: [Asked<V::T, M>; SIDES_OF] = std::array::from_fn(|s| {
            let [a, b] = ins.map(|p| There(p.add(s * apart).cast()));
            Asked(a, b, std::marker::PhantomData)
        });
        beside::<V, O, _, SIDES_OF>(at, n, start, out, step);
    }
}

/// What an operation makes of two operands that are asked for.
struct Asked<T, M>(There<T, true>, There<T, true>, std::marker::PhantomData<M>);

impl<T: Copy, M> Clone for Asked<T, M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Copy, M> Copy for Asked<T, M> {}

impl<V: Vector, M: Made> Source<V> for Asked<V::T, M> {
    #[inline(always)]
    unsafe fn wide(self, k: usize) -> V {
        // SAFETY: the caller's.
        unsafe { M::wide(self.0.wide(k), self.1.wide(k)) }
    }
    #[inline(always)]
    unsafe fn one(self, k: usize) -> V::T {
        // SAFETY: the caller's.
        unsafe { M::one(Source::<V>::one(self.0, k), Source::<V>::one(self.1, k)) }
    }
}

#[inline(always)]
unsafe fn beside<V: Vector, O: Op, F: Source<V>, const S: usize>(
    at: [F; S],
    n: usize,
    start: V::T,
    out: *mut u8,
    step: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        match LANES / V::N {
            2 => running_beside::<V, O, F, 2, S>(at, n, start, out, step),
            4 => running_beside::<V, O, F, 4, S>(at, n, start, out, step),
            _ => running_beside::<V, O, F, 8, S>(at, n, start, out, step),
        }
    }
}

#[inline(always)]
unsafe fn running_beside<V: Vector, O: Op, F: Source<V>, const R: usize, const S: usize>(
    at: [F; S],
    n: usize,
    start: V::T,
    out: *mut u8,
    step: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut running = [Running::<V, R>::new(start); S];
        let some = if O::GROUPS { 4 } else { 1 };
        let all = n / LANES;
        for first in (0..all).step_by(some) {
            for (running, at) in running.iter_mut().zip(at) {
                running.advance::<O>(at, first, (first + some).min(all));
            }
        }
        for (s, (running, at)) in running.into_iter().zip(at).enumerate() {
            out.add(s * step).cast::<V::T>().write_unaligned(running.finish::<O>(at, n, start));
        }
    }
}

/// Running extremes of each stretch: half as many as alone, so that they and the marks of nans stay in the registers.
const FEW: usize = 4;

/// Extremes of stretches side by side. Their number only decides which zero is the first of several, and nans are only seen, not
/// found: both are found anew, as one stretch alone is folded.
#[inline(always)]
unsafe fn extremes<V: Vector, O: Op, const S: usize, const ASK: bool>(
    at: [There<V::T, ASK>; S],
    n: usize,
    start: V::T,
    out: *mut u8,
    step: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut best = [[V::splat(start); FEW]; S];
        let mut nans = [V::no_nans(); S];
        let turn = 2 * FEW * V::N;
        for first in (0..n / turn * turn).step_by(turn) {
            for (s, at) in at.into_iter().enumerate() {
                for (k, best) in best[s].iter_mut().enumerate() {
                    let (a, b) = (at.wide(first + 2 * k * V::N), at.wide(first + (2 * k + 1) * V::N));
                    nans[s] = V::nans(nans[s], a, b);
                    *best = O::quick(O::quick(*best, a), b);
                }
            }
        }
        for (s, at) in at.into_iter().enumerate() {
            let [a, b, c, d] = best[s];
            let mut lanes = [start; LANES];
            O::quick(O::quick(a, b), O::quick(c, d)).store(lanes.as_mut_ptr());
            let mut most = lanes[..V::N].iter().copied().fold(start, O::one);
            for k in n / turn * turn..n {
                most = O::one(most, Source::<V>::one(at, k));
            }
            // No number is unlike itself.
            #[allow(clippy::eq_op)]
            if V::is_any(nans[s]) || most == V::T::ZERO || most != most {
                most = folded::<V, O>(at, n, start);
            }
            out.add(s * step).cast::<V::T>().write_unaligned(most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arith, Folding, fold_lanes, made_fold_lanes};
    use super::*;
    use crate::base::DType;

    /// Numbers, and in some places nans, zeros of both signs and infinities.
    fn numbers(n: usize, nans: bool) -> Vec<f64> {
        let mut seed = 88172645463325252u64 + n as u64;
        let mut bits = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let special = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        let all = if nans { 5 } else { 2 };
        (0..n)
            .map(|_| match bits() % 97 {
                0 => special[(bits() % all) as usize],
                _ => (bits() >> 11) as f64 / (1u64 << 53) as f64 - 0.5,
            })
            .collect()
    }

    fn check(f: &Folding, bytes: &[u8], size: usize, n: usize, name: &str) {
        let mut each = [0u64; SIDES];
        // SAFETY: all stretches lie in the bytes.
        unsafe {
            for (s, each) in each.iter_mut().enumerate() {
                (f.segment)(bytes.as_ptr().add(s * n * size), n, (&raw mut *each).cast());
            }
            for (sides, segments) in [(UNASKED, f.segments), (SIDES, f.asking)] {
                let mut beside = [0u64; SIDES];
                segments(bytes.as_ptr(), n * size, n, beside.as_mut_ptr().cast(), 8);
                assert_eq!(each[..sides], beside[..sides], "{name} of {n}");
            }
        }
    }

    #[test]
    fn stretches_side_by_side_have_the_bits_of_each_alone() {
        for op in [Arith::Add, Arith::Mul, Arith::Max, Arith::Min] {
            for n in [0, 1, 31, 32, 33, 100, 128, 160, 511, 1000, 1024] {
                for (nans, side) in [(false, 0.0), (true, 0.0), (false, -1.0), (false, 1.0)] {
                    // Of numbers on one side of zero, a zero is the extreme.
                    let one_side = |x: f64| if side == 0.0 || x == 0.0 { x } else { x.abs() * side };
                    let wide: Vec<f64> = numbers(SIDES * n, nans).into_iter().map(one_side).collect();
                    let narrow: Vec<f32> = wide.iter().map(|&x| x as f32).collect();
                    let wide: Vec<u8> = wide.iter().flat_map(|x| x.to_ne_bytes()).collect();
                    let narrow: Vec<u8> = narrow.iter().flat_map(|x| x.to_ne_bytes()).collect();
                    check(&fold_lanes(op, DType::F64).unwrap(), &wide, 8, n, "f64");
                    check(&fold_lanes(op, DType::F32).unwrap(), &narrow, 4, n, "f32");
                }
            }
        }
    }

    #[test]
    fn what_is_made_of_two_operands_too() {
        for fold in [Arith::Add, Arith::Max, Arith::Min] {
            for n in [0, 1, 31, 32, 100, 160, 1024] {
                for (op, squared) in [(Arith::Mul, false), (Arith::Sub, true)] {
                    let f = made_fold_lanes(op, squared, fold, DType::F64).unwrap();
                    let (a, b) = (numbers(SIDES_OF * n, fold != Arith::Add), numbers(SIDES_OF * n + 1, false));
                    let (mut each, mut beside) = ([0u64; SIDES_OF], [0u64; SIDES_OF]);
                    // SAFETY: the stretches lie in the vectors.
                    unsafe {
                        for (s, each) in each.iter_mut().enumerate() {
                            let ins = [a.as_ptr().add(s * n).cast(), b.as_ptr().add(s * n).cast()];
                            (f.segment)(ins, 0, n, (&raw mut *each).cast());
                        }
                        let ins = [a.as_ptr().cast(), b.as_ptr().cast()];
                        (f.segments)(ins, n * 8, n, beside.as_mut_ptr().cast(), 8);
                    }
                    assert_eq!(each, beside, "{fold:?} of {op:?} {n}");
                    // Of a row and a number, while memory is asked for that need not be there.
                    let ins = [a.as_ptr().cast(), b.as_ptr().cast()];
                    let (mut plain, mut asking) = (0u64, 0u64);
                    // SAFETY: the row and the number lie in the vectors.
                    unsafe {
                        (f.segment)(ins, 2, n, (&raw mut plain).cast());
                        (f.asking)(ins, 1 << 30, n, (&raw mut asking).cast());
                    }
                    assert_eq!(plain, asking, "{fold:?} of {op:?} {n}");
                }
            }
        }
    }

    #[test]
    fn an_extreme_is_a_nan_where_there_is_one() {
        for n in [1, 40, 127, 128, 129, 300, 1024] {
            for at in [None, Some(0), Some(n / 2), Some(n - 1)] {
                let mut x = numbers(n, false);
                if let Some(at) = at {
                    x[at] = f64::NAN;
                }
                for (op, best) in [
                    (Arith::Max, x.iter().copied().fold(f64::MIN, f64::max)),
                    (Arith::Min, x.iter().copied().fold(f64::MAX, f64::min)),
                ] {
                    let mut out = 0f64;
                    // SAFETY: n elements, and room for one.
                    unsafe {
                        (fold_lanes(op, DType::F64).unwrap().segment)(x.as_ptr().cast(), n, (&raw mut out).cast())
                    };
                    assert!(
                        if at.is_some() { out.is_nan() } else { out == best },
                        "{op:?} of {n}, nan at {at:?}: {out}"
                    );
                }
            }
        }
    }
}
