//! Products of a matrix and a vector: each element of the matrix is read once, in the order of memory.
//!
//! In: a matrix whose rows or columns lie in memory, and a vector. Out: their product. Where a sum runs along memory, some rows go together
//! (`simd::thin`); where sums lie side by side, lines are added up, each times its number. Work is cut by shape where that shows in the
//! bits, so these are the same for any number of threads.
//!
//! Floor: the matrix's bytes over the memory's bandwidth. 5000 by 4000 f64 on a Zen 3, GB/s with one thread and with two: along rows 15.6 and
//! 27.7, lines 15.4 and 26.1, a sum over the same 16.0 and 26.7; the crate gemm 12.5 and 21, 7.6 and 12.4.

use super::panels::Side;
use super::simd::{Dots, Weighted};
use super::tasks::{self, Shared};
use crate::base::{Buffer, Result};
use std::sync::Arc;

/// Elements of a task, some 20 µs of memory.
const TASK: usize = 1 << 15;
/// Sums that are enough for every core, without cutting the depth.
const ENOUGH: usize = 64;
/// Elements of a line that are summed together: what is written stays in the first-level cache.
const LINE: usize = 2048;
/// Sums side by side from which lines pay.
const SIDE_BY_SIDE: usize = 32;

/// `out = matrix @ vector`: as many sums as the matrix has rows.
pub struct Thin<T> {
    pub matrix: Side<T>,
    pub vector: *const T,
    /// Elements from one number of the vector to the next.
    pub step: isize,
    pub out: *mut T,
    pub rows: usize,
    pub depth: usize,
}

// SAFETY: places only; who writes there promises to be the only one.
unsafe impl<T> Sync for Thin<T> {}

impl<T: Copy + Default + std::ops::Add<Output = T>> Thin<T> {
    /// Whether it is computed here; else the crate does it.
    pub fn suits(&self) -> bool {
        self.depth > 0 && (self.in_rows() || self.in_lines())
    }

    fn in_rows(&self) -> bool {
        // A vector that has gaps is copied, which should serve some rows.
        self.rows > 0 && self.matrix.column == 1 && (self.step == 1 || self.rows >= 8)
    }

    fn in_lines(&self) -> bool {
        self.rows >= SIDE_BY_SIDE && self.matrix.row == 1
    }

    /// Computes it, with the team unless it is busy. `follow` is called with the first sum and the number of each piece that is done.
    ///
    /// # Safety
    /// Matrix and vector lie in memory; nobody else touches `out`, and what `follow` touches of it is its piece.
    pub unsafe fn run(&self, (dots, weighted): (Dots, Weighted), follow: impl Fn(usize, usize) + Sync) -> Result<()> {
        let (rows, depth) = (self.rows, self.depth);
        let cost = (rows * depth * size_of::<T>() / 15).max(1);
        if self.in_rows() {
            let copied = (self.step != 1).then(|| gathered(self.vector, self.step, depth)).transpose()?;
            let vector = Shared(copied.as_ref().map_or(self.vector.cast_mut(), |b| b.ptr().cast()));
            let sums = |at: usize, n: usize, l: usize, depth: usize, out: *mut T| {
                let from = self.matrix.at.wrapping_offset(at as isize * self.matrix.row).wrapping_add(l);
                let whole = vector;
                let vector = whole.get().wrapping_add(l);
                // SAFETY: the caller's; each piece of the output is one task's.
                unsafe { dots(n, depth, from.cast(), self.matrix.row, vector.cast(), out.cast()) }
            };
            let each = (TASK / depth).max(4).next_multiple_of(4);
            return self.pieces(each, TASK, cost, sums, follow);
        }
        let sums = |at: usize, n: usize, l: usize, depth: usize, out: *mut T| {
            let from = self.matrix.at.wrapping_add(at).wrapping_offset(l as isize * self.matrix.column);
            let vector = self.vector.wrapping_offset(l as isize * self.step);
            // SAFETY: as above.
            unsafe { weighted(depth, n, from.cast(), self.matrix.column, vector.cast(), self.step, out.cast()) }
        };
        // Where a line is cut does not show in the bits, so threads may decide it.
        let each = rows.div_ceil(4 * tasks::threads()).clamp(LINE / 4, LINE).next_multiple_of(64);
        let deep = (4 * TASK / rows).max(64).next_multiple_of(8);
        self.pieces(each, deep, cost, sums, follow)
    }

    /// Pieces of so many sums; where there are few sums, of so much depth, added up in order. `sums` computes some from one on, over a part of
    /// the depth.
    fn pieces(
        &self,
        each: usize,
        deep: usize,
        cost: usize,
        sums: impl Fn(usize, usize, usize, usize, *mut T) + Sync,
        follow: impl Fn(usize, usize) + Sync,
    ) -> Result<()> {
        let (rows, depth) = (self.rows, self.depth);
        let out = Shared(self.out);
        let few = if self.in_rows() { rows < ENOUGH } else { rows < 2 * LINE };
        if !few || depth < 2 * deep {
            return tasks::run(rows.div_ceil(each), cost, |p| {
                let (at, out) = (p * each, out);
                let n = each.min(rows - at);
                sums(at, n, 0, depth, out.get().wrapping_add(at));
                follow(at, n);
            });
        }
        let parts = depth.div_ceil(deep);
        let room = Buffer::new(parts * rows * size_of::<T>())?;
        let partial = Shared(room.ptr().cast::<T>());
        tasks::run(parts, cost, |p| {
            let (l, partial) = (p * deep, partial);
            sums(0, rows, l, deep.min(depth - l), partial.get().wrapping_add(p * rows));
        })?;
        for i in 0..rows {
            // SAFETY: every part has made its sums; the output is ours.
            unsafe {
                let all = (0..parts).map(|p| *partial.get().add(p * rows + i));
                out.get().add(i).write(all.fold(T::default(), |sum, x| sum + x));
            }
        }
        follow(0, rows);
        Ok(())
    }
}

/// A vector of so many elements, `step` apart, without gaps. It lies in memory.
pub fn gathered<T: Copy>(vector: *const T, step: isize, n: usize) -> Result<Arc<Buffer>> {
    let buffer = Buffer::new(n * size_of::<T>())?;
    for l in 0..n {
        // SAFETY: the caller's word, and there is room.
        unsafe { buffer.ptr().cast::<T>().add(l).write(*vector.offset(l as isize * step)) };
    }
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::super::panels::Number;
    use super::super::simd;
    use super::*;
    use crate::base::DType;
    use std::sync::Mutex;

    /// Sums of products of small whole numbers are exact, in any order.
    fn check<T: Number + From<i8> + PartialEq + std::fmt::Debug>(
        dtype: DType,
        rows: usize,
        depth: usize,
        turned: bool,
        step: usize,
    ) {
        let at = |i: usize, l: usize| ((i * 7 + l * 13) % 5) as i8 - 2;
        let number = |l: usize| ((l * 11 + 1) % 7) as i8 - 3;
        let matrix: Vec<T> = (0..rows * depth)
            .map(|p| if turned { at(p % rows, p / rows) } else { at(p / depth, p % depth) })
            .map(T::from)
            .collect();
        let vector: Vec<T> =
            (0..depth * step).map(|p| T::from(if p % step == 0 { number(p / step) } else { 99 })).collect();
        let (row, column) = if turned { (1, rows as isize) } else { (depth as isize, 1) };
        let mut out = vec![T::from(99); rows];
        let thin = Thin {
            matrix: Side { at: matrix.as_ptr().cast_mut(), row, column },
            vector: vector.as_ptr(),
            step: step as isize,
            out: out.as_mut_ptr(),
            rows,
            depth,
        };
        assert!(thin.suits());
        let seen = Mutex::new(vec![0u8; rows]);
        let follow = |at: usize, n: usize| seen.lock().unwrap()[at..at + n].iter_mut().for_each(|times| *times += 1);
        // SAFETY: all of it are these vectors.
        unsafe { thin.run(simd::thin(dtype).unwrap(), follow).unwrap() };
        assert!(seen.into_inner().unwrap().iter().all(|&times| times == 1), "{rows} {depth}");
        for (i, &got) in out.iter().enumerate() {
            let want: i32 = (0..depth).map(|l| at(i, l) as i32 * number(l) as i32).sum();
            let sum = (0..want.abs()).fold(T::default(), |s, _| s + T::from(want.signum() as i8));
            assert_eq!(got, sum, "{rows} {depth} {turned} {step} at {i}");
        }
    }

    #[test]
    fn every_size_and_layout_is_summed_and_every_sum_followed() {
        // Fewer rows and more than go together; depths beyond a stretch, and cut; lines beyond a piece.
        let rows = [(1, 1), (1, 37), (1, 70_001), (3, 4099), (4, 8192), (5, 31), (9, 200_003), (70, 9000), (1001, 60)];
        let lines = [(32, 1), (33, 7), (33, 5003), (64, 8), (100, 4001), (2050, 19), (5003, 64), (40, 300_001)];
        for ((rows, depth), turned) in rows.map(|s| (s, false)).into_iter().chain(lines.map(|s| (s, true))) {
            for step in [1, 3] {
                if step == 1 || turned || rows >= 8 {
                    check::<f64>(DType::F64, rows, depth, turned, step);
                    check::<f32>(DType::F32, rows, depth, turned, step);
                }
            }
        }
    }
}
