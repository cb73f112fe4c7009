//! The innermost part of a product: a tile of it, summed in registers over the whole depth of two packed panels.

use super::vector::Vector;
use crate::base::ahead;

/// Rows of a tile. With two vectors a row, twelve of sixteen registers hold sums: enough to hide the latency of a multiply-add, and
/// a row's number and the two vectors fit beside them.
pub const ROWS: usize = 6;

/// Bytes of the first side that are asked for ahead: its panel lies in the second-level cache.
const AHEAD: usize = 384;
/// Steps before the end at which the result's lines are asked for. At the beginning it was too early: two panels go through the first-level
/// cache meanwhile.
const LATE: usize = 128;

/// Sums `depth` products for each element of a tile of `ROWS` rows and two vectors: `a` holds `ROWS` numbers a step, `b` two vectors.
/// Rows of the result lie `row` elements apart. Adds to what is there, or begins.
pub type Tile = unsafe fn(depth: usize, a: *const u8, b: *const u8, c: *mut u8, row: usize, adds: bool);

#[inline(always)]
pub unsafe fn tile<V: Vector>(depth: usize, a: *const u8, b: *const u8, c: *mut u8, row: usize, adds: bool) {
    let (mut a, mut b, c) = (a.cast::<V::T>(), b.cast::<V::T>(), c.cast::<V::T>());
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[V::splat(V::STARTS[0]); 2]; ROWS];
        let late = depth.min(LATE);
        for (steps, ends) in [(depth - late, false), (late, true)] {
            if ends {
                for r in 0..ROWS {
                    ahead::to_write(c.wrapping_add(r * row).cast());
                }
            }
            for _ in 0..steps {
                ahead::to_read(a.cast::<u8>().wrapping_add(AHEAD));
                let both = [V::load(b), V::load(b.add(V::N))];
                for (r, sums) in sums.iter_mut().enumerate() {
                    let one = V::splat(a.add(r).read());
                    *sums = [one.mul_add(both[0], sums[0]), one.mul_add(both[1], sums[1])];
                }
                (a, b) = (a.add(ROWS), b.add(2 * V::N));
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (h, sum) in sums.into_iter().enumerate() {
                let at = c.add(r * row + h * V::N);
                if adds { V::load(at).add(sum).store(at) } else { sum.store(at) }
            }
        }
    }
}
