//! Short folds of what two operands make, for many outputs at once: the distances between points.
//!
//! In: two operands and how they lie. Out: `out[j] = fold over f of made(a[f, j], b[f, j])`, the accumulators in registers from
//! the first element folded to the last: one load an element where block after block would take five loads and stores.
//! The order is that of lines folded one after the other; a product is rounded with the sum it joins where the machine can (a sum of
//! squared differences is two operations an element instead of three: some 10 % less time for 1000 by 1000 points of 16 numbers on an Ice Lake).

use super::ops::{Made, Op};
use super::vector::Vector;

/// How the two operands of a short fold lie, in elements: from one folded element to the next; and whether there is one
/// for every output (next to each other) or one number for all.
#[derive(Clone, Copy, Debug)]
pub struct Lie {
    pub step: [isize; 2],
    pub vector: [bool; 2],
}

/// Folds `folded` elements for each of `n` outputs.
pub type Short = unsafe fn(ins: [*const u8; 2], lie: &Lie, folded: usize, n: usize, out: *mut u8);

/// Vectors of outputs that are folded together: enough to hide the latency of an addition.
const TOGETHER: usize = 4;

#[inline(always)]
pub unsafe fn short<V: Vector, M: Made, F: Op>(
    ins: [*const u8; 2],
    lie: &Lie,
    folded: usize,
    n: usize,
    start: V::T,
    out: *mut u8,
) {
    // SAFETY: the caller's.
    unsafe {
        match lie.vector {
            [true, true] => of::<V, M, F, true, true>(ins, lie.step, folded, n, start, out),
            [true, false] => of::<V, M, F, true, false>(ins, lie.step, folded, n, start, out),
            [false, _] => of::<V, M, F, false, true>(ins, lie.step, folded, n, start, out),
        }
    }
}

#[inline(always)]
unsafe fn of<V: Vector, M: Made, F: Op, const A: bool, const B: bool>(
    ins: [*const u8; 2],
    step: [isize; 2],
    folded: usize,
    n: usize,
    start: V::T,
    out: *mut u8,
) {
    let out = out.cast::<V::T>();
    let at = |j: usize| {
        let (a, b) = (ins[0].cast::<V::T>(), ins[1].cast::<V::T>());
        (a.wrapping_add(if A { j } else { 0 }), b.wrapping_add(if B { j } else { 0 }))
    };
    let mut j = 0;
    // SAFETY: n outputs; every operand holds what its lie says.
    unsafe {
        while j + TOGETHER * V::N <= n {
            tile::<V, M, F, A, B, TOGETHER>(at(j), step, folded, start, out.add(j));
            j += TOGETHER * V::N;
        }
        while j + V::N <= n {
            tile::<V, M, F, A, B, 1>(at(j), step, folded, start, out.add(j));
            j += V::N;
        }
        while j < n {
            let (mut a, mut b) = at(j);
            // By a vector of one number, for the same rounding.
            let mut sum = V::splat(start);
            for _ in 0..folded {
                sum = M::into::<V, F>(sum, V::splat(a.read_unaligned()), V::splat(b.read_unaligned()));
                (a, b) = (a.wrapping_offset(step[0]), b.wrapping_offset(step[1]));
            }
            let mut all = [start; 16];
            sum.store(all.as_mut_ptr());
            out.add(j).write_unaligned(all[0]);
            j += 1;
        }
    }
}

#[inline(always)]
unsafe fn tile<V: Vector, M: Made, F: Op, const A: bool, const B: bool, const R: usize>(
    (mut a, mut b): (*const V::T, *const V::T),
    step: [isize; 2],
    folded: usize,
    start: V::T,
    out: *mut V::T,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [V::splat(start); R];
        for _ in 0..folded {
            let one = [V::splat(a.read_unaligned()), V::splat(b.read_unaligned())];
            for (r, sum) in sums.iter_mut().enumerate() {
                let x = if A { V::load(a.add(r * V::N)) } else { one[0] };
                let y = if B { V::load(b.add(r * V::N)) } else { one[1] };
                *sum = M::into::<V, F>(*sum, x, y);
            }
            (a, b) = (a.wrapping_offset(step[0]), b.wrapping_offset(step[1]));
        }
        for (r, sum) in sums.iter().enumerate() {
            sum.store(out.add(r * V::N));
        }
    }
}
