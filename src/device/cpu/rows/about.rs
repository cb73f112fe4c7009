//! Sums of squared distances from a column's value, from one reading: a variance along the first axis.
//!
//! In: folds of `(x - m)²` along columns, where `m` is known only when `x` has been read. Out: their values, without reading `x` again.
//! Some lines at a time have a pivot `p` for each column, the mean of their first few; with `s = sum of (x - p)` and
//! `q = sum of (x - p)²`, the sum of `(x - m)²` over n lines is `q - s²/n + n (p - m + s/n)²`: the squares about the lines'
//! own mean, and its distance from `m` (Chan, Golub, LeVeque 1979). All terms are positive, and `s²/n` is small beside `q`, for
//! the pivot lies among the lines: far from zero too, distances are taken from a number nearby.
//!
//! Floor: one reading. The lines are read eight at a time, for the folds that need them themselves and twice for these sums.

use super::stages::{Folding, Level, Staged};
use crate::device::cpu::block::{Code, Frame};
use crate::device::cpu::fold::{Functions, Levels, MadeFold, made_fold};
use crate::device::cpu::simd::Arith;
use crate::device::cpu::step::Made;
use crate::graph::Fold;
use crate::plan::{Kernel, Reg};

/// Lines whose mean is the pivot, and that are read together.
pub const TOGETHER: usize = 8;

/// A fold of `(x - m)²`.
pub struct About {
    pub x: Reg,
    m: Reg,
    result: Reg,
    /// Where `m` is known.
    pub stage: usize,
    functions: Functions,
    sums: MadeFold,
    squares: MadeFold,
}

/// What some columns have about their pivots, lines after lines.
#[derive(Default)]
pub struct Pivoted {
    /// Pivots, sums, squares, and these of the next lines.
    memory: Vec<u64>,
    /// How many lines each three are of.
    lines: Vec<usize>,
}

/// The running sums of some lines.
pub struct Sums {
    pivots: Vec<u64>,
    sums: Levels,
    squares: Levels,
    lines: usize,
}

/// Takes the folds that can be had so out of their stages: where the first stage only folds, and `x` among others.
pub fn take(staged: &mut Staged, kernel: &Kernel, code: &Code) -> Vec<About> {
    let mut out = vec![];
    let Some((first, later)) = staged.stages.split_first_mut() else { return out };
    let level = &staged.level;
    let lies = |r: Reg| code.loads.get(r as usize).is_some_and(|l| l.contiguous);
    let about = |f: &Folding, stage: usize| -> Option<About> {
        let squares = f.made.filter(|m| m.squares)?;
        let [x, m] = if lies(squares.args[0]) { squares.args } else { [squares.args[1], squares.args[0]] };
        let read = |g: &Folding| g.made.map_or(g.arg == x, |made| made.args.contains(&x));
        let fits = lies(x) && matches!(level[m as usize], Level::Row { .. }) && first.folds.iter().any(read);
        let sums = made_fold(Fold::Sum, &Made { op: Arith::Sub, args: [x, m], squared: false }, kernel.dtype(x))?;
        fits.then_some(About { x, m, result: f.result, stage, functions: f.functions, sums, squares })
    };
    for (k, stage) in later.iter_mut().enumerate() {
        stage.folds.retain(|f| match about(f, k + 1) {
            Some(about) => {
                out.push(about);
                false
            }
            None => true,
        });
    }
    out
}

impl About {
    fn words(&self, width: usize) -> usize {
        (width * self.functions.size).div_ceil(8)
    }

    /// Running sums for lines of which the first `count` are here.
    ///
    /// # Safety
    /// The lines hold `width` elements.
    pub unsafe fn start(&self, from: *const u8, stride: usize, count: usize, width: usize) -> Sums {
        let count = count.min(TOGETHER);
        let mut mean = Levels::new(self.functions, width);
        let mut pivots = vec![0u64; self.words(width)];
        // SAFETY: the caller's; the pivots hold `width` elements.
        unsafe {
            mean.add(from, stride, count);
            mean.finish(pivots.as_mut_ptr().cast());
            for i in 0..width {
                let sum = self.get(pivots.as_ptr().cast(), i);
                self.set(pivots.as_mut_ptr().cast(), i, sum / count as f64);
            }
        }
        Sums { pivots, sums: Levels::new(self.functions, width), squares: Levels::new(self.functions, width), lines: 0 }
    }

    /// Takes some lines.
    ///
    /// # Safety
    /// The lines hold as many elements as there are sums.
    pub unsafe fn add(&self, to: &mut Sums, from: *const u8, stride: usize, count: usize) {
        let pivots = to.pivots.as_ptr().cast::<u8>();
        // SAFETY: the caller's; the pivots are the same line again and again.
        unsafe {
            to.sums.add_made(&self.sums, [from, pivots], [stride as isize, 0], 0, count);
            to.squares.add_made(&self.squares, [from, pivots], [stride as isize, 0], 0, count);
        }
        to.lines += count;
    }

    /// Keeps them until `m` is known.
    pub fn keep(&self, mut sums: Sums, width: usize, to: &mut Pivoted) {
        let (words, end) = (self.words(width), to.memory.len());
        to.memory.extend_from_slice(&sums.pivots);
        to.memory.resize(end + 3 * words, 0);
        // SAFETY: there is room for a line each.
        unsafe {
            sums.sums.finish(to.memory[end + words..].as_mut_ptr().cast());
            sums.squares.finish(to.memory[end + 2 * words..].as_mut_ptr().cast());
        }
        to.lines.push(sums.lines);
    }

    /// The folds' values, now that `m` is known.
    ///
    /// # Safety
    /// There is room for `width` values.
    pub unsafe fn finish(&self, staged: &Staged, frame: &mut Frame, kept: &Pivoted, width: usize) {
        let (Level::Row { at: m, .. }, Level::Row { at: to, .. }) =
            (staged.level[self.m as usize], staged.level[self.result as usize])
        else {
            return;
        };
        let (m, to, words) = (frame.room(m).cast_const(), frame.room(to), self.words(width));
        for i in 0..width {
            let mut total = 0.0;
            // SAFETY: all hold `width` elements.
            unsafe {
                let m = self.get(m, i);
                for (lines, three) in kept.lines.iter().zip(kept.memory.chunks_exact(3 * words)) {
                    let [p, s, q] = [0, 1, 2].map(|k| self.get(three[k * words..].as_ptr().cast(), i));
                    let n = *lines as f64;
                    let own = if q.is_infinite() { q } else { q - s * (s / n) };
                    let off = (p - m) + s / n;
                    total += if own < 0.0 { 0.0 } else { own };
                    total += n * (off * off);
                }
                self.set(to, i, total);
            }
        }
    }

    /// # Safety
    /// Element i is there.
    unsafe fn get(&self, at: *const u8, i: usize) -> f64 {
        // SAFETY: the caller's.
        unsafe {
            match self.functions.size {
                4 => at.cast::<f32>().add(i).read_unaligned() as f64,
                _ => at.cast::<f64>().add(i).read_unaligned(),
            }
        }
    }

    /// # Safety
    /// As `get`.
    unsafe fn set(&self, at: *mut u8, i: usize, x: f64) {
        // SAFETY: the caller's.
        unsafe {
            match self.functions.size {
                4 => at.cast::<f32>().add(i).write_unaligned(x as f32),
                _ => at.cast::<f64>().add(i).write_unaligned(x),
            }
        }
    }
}
