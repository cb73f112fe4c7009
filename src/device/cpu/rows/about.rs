//! Sums of distances, and of their squares, from a row's or a column's value that is not known yet: a variance from one reading.
//!
//! In: folds of `x - m` and `(x - m)²` where `m` is known only when `x` has been read. Out: their values, without reading `x` again.
//! Some elements at a time have a pivot `p`, the mean of their first few; with `s = sum of (x - p)` and `q = sum of (x - p)²`, the
//! sum of `(x - m)²` over n of them is `q - s²/n + n (p - m + s/n)²`: the squares about their own mean, and its distance from `m`
//! (Chan, Golub, LeVeque 1979); that of `x - m` is `s + n (p - m)`. All terms of the first are positive, and `s²/n` is small beside `q`,
//! for the pivot lies among them: far from zero too, distances are taken from a number nearby.
//!
//! Floor: one reading. Elements are added to the three sums while they are in registers.

use smallvec::SmallVec;

use super::stages::{Folding, Level, Stage, Staged};
use crate::device::cpu::block::{Code, Frame};
use crate::device::cpu::fold::{Functions, Levels};
use crate::device::cpu::simd::{AboutLanes, Pivoted, about_lanes};
use crate::graph::Fold;
use crate::graph::prim::Body;
use crate::plan::{Kernel, Reg};

/// Lines whose mean is a column's pivot.
pub const TOGETHER: usize = 8;

/// What is folded about a value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Of {
    Distances,
    Squares,
}

/// A fold that is had from the sums about a pivot.
pub struct AboutFold {
    m: Reg,
    result: Reg,
    /// Where `m` is known.
    stage: usize,
    of: Of,
}

/// The folds about values of one operand.
pub struct About {
    pub x: Reg,
    /// The fold of the first stage that sums `x` itself.
    pub sum: Option<usize>,
    pub lanes: AboutLanes,
    /// How sums are put together.
    pub functions: Functions,
    folds: SmallVec<[AboutFold; 2]>,
}

/// Some elements' sums: how many they are, their pivot, the sum of their distances from it, that of the squares.
#[derive(Clone, Copy)]
struct Part {
    n: f64,
    pivot: f64,
    off: f64,
    squares: f64,
}

impl Part {
    /// What they are about another number.
    #[inline(always)]
    fn about(&self, m: f64, of: Of) -> f64 {
        let Part { n, pivot, off, squares } = *self;
        match of {
            Of::Distances => off + n * (pivot - m),
            Of::Squares => {
                let own = if squares.is_infinite() { squares } else { squares - off * (off / n) };
                let from = (pivot - m) + off / n;
                // A nan stays one.
                (if own < 0.0 { 0.0 } else { own }) + n * (from * from)
            }
        }
    }
}

/// What some lines' columns have about their pivots: these, sums, squares, as many words from one line to the next as there are columns.
pub struct Kept<'a> {
    pub memory: &'a [u64],
    pub lines: usize,
}

/// Takes the folds that can be had so out of their stages: where the first stage only folds, and `x` among others.
pub fn take(staged: &mut Staged, kernel: &Kernel, code: &Code) -> Option<About> {
    let (first, later) = staged.stages.split_first_mut()?;
    let level = &staged.level;
    let lies = |r: Reg| code.loads.get(r as usize).is_some_and(|l| l.contiguous);
    let reads = |f: &Folding, x: Reg| f.made.map_or(f.arg == x, |made| made.args.contains(&x));
    let about = |f: &Folding, stage: usize| -> Option<(Reg, AboutFold)> {
        let made = f.made?;
        let of = match (made.squares, made.differences) {
            (true, _) => Of::Squares,
            (_, true) => Of::Distances,
            _ => return None,
        };
        let [x, m] = match made.args {
            // Which is subtracted from which does not matter to a square.
            [m, x] if of == Of::Squares && lies(x) && !lies(m) => [x, m],
            args => args,
        };
        let fits = lies(x) && matches!(level[m as usize], Level::Row { .. }) && first.folds.iter().any(|f| reads(f, x));
        fits.then_some((x, AboutFold { m, result: f.result, stage, of }))
    };
    let mut found = later.iter().enumerate().flat_map(|(k, s)| s.folds.iter().filter_map(move |f| about(f, k + 1)));
    let all: SmallVec<[(Reg, AboutFold); 2]> = found.by_ref().collect();
    // Distances alone are as well read again.
    let x = all.iter().find(|(_, f)| f.of == Of::Squares)?.0;
    let folds: SmallVec<[AboutFold; 2]> = all.into_iter().filter(|(of, _)| *of == x).map(|(_, f)| f).collect();
    let dtype = kernel.dtype(x);
    let lanes = about_lanes(dtype)?;
    let functions = crate::device::cpu::fold::functions(Fold::Sum, dtype)?;
    for stage in later {
        stage.folds.retain(|f| folds.iter().all(|taken| taken.result != f.result));
    }
    let sum = first.folds.iter().position(|f| f.made.is_none() && f.arg == x && is_sum(kernel, f.result));
    Some(About { x, sum, lanes, functions, folds })
}

/// Whether a register is a sum.
pub fn is_sum(kernel: &Kernel, result: Reg) -> bool {
    let inst = kernel.code.get((result as usize).wrapping_sub(kernel.loads.len()));
    inst.is_some_and(|i| matches!(i.prim.body, Body::Reduce(Fold::Sum)))
}

impl About {
    /// Whether all that later stages do with elements is done here.
    pub fn is_all(&self, later: &[Stage]) -> bool {
        later.iter().all(|s| s.folds.is_empty() && s.steps.is_empty())
    }

    /// Folds `count` lines: their elements to one of `folds`, what they have about pivots to `to`. `others` folds some lines to the rest of
    /// `folds`, while they are in the caches.
    ///
    /// # Safety
    /// The lines hold `width` elements; `to` as many words for each of three.
    #[allow(clippy::too_many_arguments)]
    pub unsafe fn lines(
        &self,
        from: *const u8,
        stride: usize,
        count: usize,
        width: usize,
        folds: &mut [Levels],
        to: &mut [u64],
        mut others: impl FnMut(&mut [Levels], std::ops::Range<usize>),
    ) {
        let levels = || Levels::new(self.functions, width);
        let (mut own, mut off, mut squares) = (levels(), levels(), levels());
        let [pivots, offs, all] = [0, 1, 2].map(|k| to[k * width..(k + 1) * width].as_mut_ptr().cast::<u8>());
        // Where the sums of the elements are all that is folded else, all lines go at once.
        let together = match (self.sum, folds.len()) {
            (Some(_), 1) => count.max(1),
            _ => TOGETHER,
        };
        // SAFETY: the caller's.
        unsafe {
            let some = count.min(TOGETHER);
            let mut mean = levels();
            mean.add(from, stride, some);
            mean.finish(pivots);
            match self.functions.size {
                4 => (0..width).for_each(|i| *pivots.cast::<f32>().add(i) /= some as f32),
                _ => (0..width).for_each(|i| *pivots.cast::<f64>().add(i) /= some as f64),
            }
            for line in (0..count).step_by(together) {
                let some = line..(line + together).min(count);
                others(folds, some.clone());
                let sums = match self.sum {
                    Some(k) => &mut folds[k],
                    None => &mut own,
                };
                let (from, f) = (from.add(line * stride), self.lanes.lines);
                Levels::add_about([sums, &mut off, &mut squares], f, from, stride, pivots, some.len());
            }
            off.finish(offs);
            squares.finish(all);
        }
    }

    /// The values of columns' folds that are about what is known in a stage.
    ///
    /// # Safety
    /// There is room for `width` values.
    pub unsafe fn columns(&self, staged: &Staged, frame: &mut Frame, stage: usize, kept: &[Kept], width: usize) {
        for (fold, m, to) in self.known(staged, frame, stage) {
            // SAFETY: the caller's.
            unsafe {
                match self.functions.size {
                    4 => self.column_values::<f32>(kept, fold.of, width, m, to),
                    _ => self.column_values::<f64>(kept, fold.of, width, m, to),
                }
            }
        }
    }

    /// # Safety
    /// As `columns`; values are of this type.
    unsafe fn column_values<T: Copy + Into<f64>>(
        &self,
        kept: &[Kept],
        of: Of,
        width: usize,
        m: *const u8,
        to: *mut u8,
    ) {
        let mut totals = vec![0f64; width];
        for Kept { memory, lines } in kept {
            let n = *lines as f64;
            let [p, s, q] = [0, 1, 2].map(|k| memory[k * width..].as_ptr().cast::<T>());
            for (i, total) in totals.iter_mut().enumerate() {
                // SAFETY: all hold `width` elements.
                let [m, pivot, off, squares] =
                    unsafe { [m.cast::<T>(), p, s, q].map(|at| at.add(i).read_unaligned().into()) };
                *total += Part { n, pivot, off, squares }.about(m, of);
            }
        }
        for (i, total) in totals.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { self.set(to, i, total) };
        }
    }

    /// The values of rows' folds that are about what is known in a stage; each row has so many blocks, the k-th of `of(k)` elements, and
    /// these sums.
    ///
    /// # Safety
    /// There is room for a value of each row.
    pub unsafe fn rows(
        &self,
        staged: &Staged,
        frame: &mut Frame,
        stage: usize,
        blocks: usize,
        of: impl Fn(usize) -> usize,
        sums: &[Pivoted],
    ) {
        for (fold, m, to) in self.known(staged, frame, stage) {
            for (i, row) in sums.chunks_exact(blocks).enumerate() {
                // SAFETY: words hold an element each.
                unsafe {
                    let m = self.get(m, i);
                    let about = |(k, p): (usize, &Pivoted)| {
                        let [pivot, off, squares] =
                            [p.pivot, p.off, p.squares].map(|word| self.get((&raw const word).cast(), 0));
                        Part { n: of(k) as f64, pivot, off, squares }.about(m, fold.of)
                    };
                    self.set(to, i, row.iter().enumerate().map(about).sum());
                }
            }
        }
    }

    /// The folds about what is known in a stage, where that is and where their values go.
    fn known(
        &self,
        staged: &Staged,
        frame: &mut Frame,
        stage: usize,
    ) -> SmallVec<[(&AboutFold, *const u8, *mut u8); 2]> {
        let mut out = SmallVec::new();
        for fold in self.folds.iter().filter(|f| f.stage == stage) {
            let (m, to) = (staged.level[fold.m as usize], staged.level[fold.result as usize]);
            if let (Level::Row { at: m, .. }, Level::Row { at: to, .. }) = (m, to) {
                out.push((fold, frame.room(m).cast_const(), frame.room(to)));
            }
        }
        out
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
