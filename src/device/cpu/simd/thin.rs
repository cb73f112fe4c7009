//! The innermost parts of products of a matrix and a vector: sums along rows that lie in memory, and sums of lines.

use super::vector::{Float, Vector};

/// Multiplies so many rows of `depth` elements, `row` elements apart, by a vector: one sum for each.
pub type Dots = unsafe fn(rows: usize, depth: usize, a: *const u8, row: isize, v: *const u8, out: *mut u8);
/// Sums `depth` lines of n elements, `line` elements apart, each times a number; the numbers are `step` elements apart.
pub type Weighted =
    unsafe fn(depth: usize, n: usize, a: *const u8, line: isize, v: *const u8, step: isize, out: *mut u8);

/// Rows that go together: what is read of the vector serves them all, and memory is read in as many places.
const TOGETHER: usize = 4;
/// Elements of a row that are summed before the sum is added to the row's: errors grow with these and with their number, not with
/// their product.
const STRETCH: usize = 4096;
/// Lines that go together: what is written is written once for all of them.
const LINES: usize = 8;

#[inline(always)]
pub unsafe fn dots<V: Vector>(rows: usize, depth: usize, a: *const u8, row: isize, v: *const u8, out: *mut u8) {
    let (a, v, out) = (a.cast::<V::T>(), v.cast::<V::T>(), out.cast::<V::T>());
    // SAFETY: the caller's.
    unsafe {
        let whole = rows - rows % TOGETHER;
        for r in (0..whole).step_by(TOGETHER) {
            some_dots::<V, TOGETHER>(depth, a.offset(r as isize * row), row, v, out.add(r));
        }
        for r in whole..rows {
            some_dots::<V, 1>(depth, a.offset(r as isize * row), row, v, out.add(r));
        }
    }
}

/// A row's sum has the same bits, however many go together.
#[inline(always)]
unsafe fn some_dots<V: Vector, const R: usize>(
    depth: usize,
    a: *const V::T,
    row: isize,
    v: *const V::T,
    out: *mut V::T,
) {
    let mut totals = [V::T::ZERO; R];
    // SAFETY: the caller's.
    unsafe {
        for from in (0..depth).step_by(STRETCH) {
            let n = STRETCH.min(depth - from);
            let mut sums = [[V::splat(V::T::ZERO); 2]; R];
            let mut l = 0;
            while l + 2 * V::N <= n {
                let x = [V::load(v.add(from + l)), V::load(v.add(from + l + V::N))];
                for (r, sums) in sums.iter_mut().enumerate() {
                    let at = a.offset(r as isize * row).add(from + l);
                    *sums = [V::load(at).mul_add(x[0], sums[0]), V::load(at.add(V::N)).mul_add(x[1], sums[1])];
                }
                l += 2 * V::N;
            }
            for (r, total) in totals.iter_mut().enumerate() {
                let mut parts = [V::T::ZERO; 16];
                sums[r][0].add(sums[r][1]).store(parts.as_mut_ptr());
                let mut half = V::N / 2;
                while half > 0 {
                    for k in 0..half {
                        parts[k] = parts[k] + parts[k + half];
                    }
                    half /= 2;
                }
                let mut sum = parts[0];
                for l in l..n {
                    sum = sum + *a.offset(r as isize * row).add(from + l) * *v.add(from + l);
                }
                *total = *total + sum;
            }
        }
        for (r, total) in totals.into_iter().enumerate() {
            out.add(r).write(total);
        }
    }
}

#[inline(always)]
pub unsafe fn weighted<V: Vector>(
    depth: usize,
    n: usize,
    a: *const u8,
    line: isize,
    v: *const u8,
    step: isize,
    out: *mut u8,
) {
    let (a, v, out) = (a.cast::<V::T>(), v.cast::<V::T>(), out.cast::<V::T>());
    // SAFETY: the caller's.
    unsafe {
        for j in 0..n {
            out.add(j).write(V::T::ZERO);
        }
        let whole = depth - depth % LINES;
        for l in (0..whole).step_by(LINES) {
            some_lines::<V, LINES>(n, a.offset(l as isize * line), line, v.offset(l as isize * step), step, out);
        }
        for l in whole..depth {
            some_lines::<V, 1>(n, a.offset(l as isize * line), line, v.offset(l as isize * step), step, out);
        }
    }
}

/// One after the other, so that it does not matter how many go together, nor where a line is cut.
#[inline(always)]
unsafe fn some_lines<V: Vector, const L: usize>(
    n: usize,
    a: *const V::T,
    line: isize,
    v: *const V::T,
    step: isize,
    out: *mut V::T,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut weights = [V::splat(V::T::ZERO); L];
        for (l, weight) in weights.iter_mut().enumerate() {
            *weight = V::splat(*v.offset(l as isize * step));
        }
        let mut j = 0;
        while j + V::N <= n {
            let mut sum = V::load(out.add(j));
            for (l, weight) in weights.iter().enumerate() {
                sum = V::load(a.offset(l as isize * line).add(j)).mul_add(*weight, sum);
            }
            sum.store(out.add(j));
            j += V::N;
        }
        if j == n {
            return;
        }
        // What is left goes through vectors too: a multiply-add of one number might round twice.
        let mut rest = [V::T::ZERO; 16];
        for k in j..n {
            rest[k - j] = *out.add(k);
        }
        let mut sum = V::load(rest.as_ptr());
        for (l, weight) in weights.iter().enumerate() {
            let mut some = [V::T::ZERO; 16];
            for k in j..n {
                some[k - j] = *a.offset(l as isize * line).add(k);
            }
            sum = V::load(some.as_ptr()).mul_add(*weight, sum);
        }
        sum.store(rest.as_mut_ptr());
        for k in j..n {
            out.add(k).write(rest[k - j]);
        }
    }
}
