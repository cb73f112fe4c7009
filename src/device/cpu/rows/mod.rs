//! Kernels of rows: maps and folds over the rows of one domain, in stages, a few rows at a time.
//!
//! In: instructions, some of them folds of a row. Out: what is stored. The instructions are sorted into stages by the number
//! of folds that lie before them; a row (or as many short ones as make a block) goes through all stages before the next
//! is begun, so the second stage finds it in cache.
//!
//! | value | where it lives |
//! | --- | --- |
//! | of every element, used in its own stage only | a block's register, shared by liveness |
//! | of every element, used in later stages | the output it is stored to, or room for a row |
//! | of a row (a fold, or made of folds) | one element a row; repeated for the elements where several rows share a block |
//! | of everything (made of numbers) | one element |
//!
//! Folds are those of `fold`: blocks, then pairs of blocks, so a row's sum is the same to the bit whichever kernel makes it.
//! Floor: bytes of the loads and the outputs over the memory's bandwidth; the passes between are over cache.

mod about;
mod columns;
mod first;
mod placed;
mod stages;

use smallvec::SmallVec;

use super::block::{BLOCK, Code, Frame, merge, strides_in, with_frame};
use super::fold::{pairwise, whole};
use super::simd::Pivoted;
use super::tasks;
use crate::base::past::{self, Maker};
use crate::base::{Result, copy, fill};
use crate::device::{Memory, Program};
use crate::plan::kernel::Out;
use crate::plan::{Kernel, Reg, Slot};

pub use columns::Columns;
use first::{First, Folded};
pub use placed::Placement;
use stages::{Level, SUMMED, Sizes, Stage, Staged, Target, spread};

/// Elements of one task: enough to be worth handing over.
const TASK: usize = 16 * 1024;
/// Elements of a row that is worth calls of its own.
const LONG: usize = 32;
/// Rows whose values are computed together, where no elements are needed for them.
const GROUP: usize = 256;

pub struct Rows {
    code: Code,
    rows: usize,
    /// Elements of a row.
    n: usize,
    /// Rows that go through the stages together.
    together: usize,
    staged: Staged,
    /// The first stage, where it is made apart.
    first: Option<First>,
}

/// What the blocks of a row were folded into, fold after fold.
type Partials = SmallVec<[u64; 32]>;

impl Rows {
    pub fn new(kernel: &Kernel, axes: &[usize], outs: &[Out], slots: &[Slot]) -> Result<Rows> {
        let n: usize = axes.iter().map(|&k| kernel.domain[k]).product();
        let code = code(kernel, outs)?;
        let rows = kernel.domain.size() / n.max(1);
        let mut together = (BLOCK / n.max(1)).clamp(1, rows.max(1));
        let made = |sizes: &Sizes, apart: bool| -> Result<(Staged, Option<First>)> {
            let mut staged = Staged::new(kernel, &code, axes, outs, slots, sizes)?.with_made_folds(kernel, &code);
            let first = if apart { First::take(&mut staged, kernel, &code, rows, n) } else { None };
            Ok((staged, first))
        };
        // What rows have is computed for many at once where only the first stage reads elements.
        let (mut staged, mut first) = made(&Sizes { elements: n, values: GROUP, repeated: false }, n >= LONG)?;
        if first.as_ref().is_some_and(|first| first.once) {
            together = 1;
        } else {
            let sizes = Sizes { elements: together * n, values: together, repeated: together > 1 };
            (staged, first) = made(&sizes, together == 1)?;
        }
        let staged = match together {
            1 => staged.with_sums(kernel, &code).with_asking(&code, rows, n),
            _ => staged,
        };
        let staged = staged.with_registers(kernel, &code);
        Ok(Rows { code, rows, n, together, staged, first })
    }

    /// Rows `row .. row + rows` through all stages, but for the first where that was made apart; where `past`, what they store goes past
    /// the caches.
    ///
    /// # Safety
    /// These rows of the outputs are this call's alone.
    unsafe fn some(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        row: usize,
        rows: usize,
        past: bool,
        folded: Option<Folded>,
    ) {
        let (first, elements) = (row * self.n, rows * self.n);
        for (s, stage) in self.staged.stages.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                if self.together > 1 {
                    // Another stage may have repeated them.
                    self.values(memory, frame, rows);
                }
                self.row_values(frame, stage, rows);
                if self.put(frame, s, folded) {
                    continue;
                }
                let mut partials = Partials::new();
                let blocks = self.n.div_ceil(BLOCK);
                if blocks > 1 {
                    partials.resize(stage.folds.len() * blocks, 0);
                }
                if !stage.is_idle() {
                    if self.together > 1 {
                        self.repeat(frame, stage, rows);
                    }
                    let mut sums = [None; SUMMED];
                    let mut done = 0;
                    while done < elements {
                        let n = BLOCK.min(elements - done);
                        self.staged.block(&self.code, memory, frame, stage, first + done, done, n, &mut sums, past);
                        self.fold(frame, stage, rows, done, n, &mut sums, &mut partials);
                        self.store(memory, frame, stage, row, rows, done, n);
                        done += n;
                    }
                }
                for (f, partials) in stage.folds.iter().zip(partials.chunks_exact_mut(blocks)) {
                    if let Level::Row { at, .. } = self.staged.level[f.result as usize] {
                        pairwise(&f.functions, partials, frame.room(at));
                    }
                }
            }
        }
    }

    /// Rows `row .. row + rows` through all stages, where only the first reads elements.
    ///
    /// # Safety
    /// As `some`.
    unsafe fn values_of(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        first: &First,
        rows: std::ops::Range<usize>,
        pivoted: &mut Vec<Pivoted>,
    ) {
        let count = rows.len();
        for (s, stage) in self.staged.stages.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                self.values(memory, frame, count);
                self.row_values(frame, stage, count);
                match s {
                    0 => first.together(&self.code, memory, frame, self.n, rows.clone(), pivoted),
                    _ => first.put_about(&self.staged, frame, s, self.n, pivoted),
                }
                self.store(memory, frame, stage, rows.start, count, 0, 0);
            }
        }
    }

    /// Puts what the first stage made, if that was made apart, where a stage needs it; whether that is all there is to do in it.
    fn put(&self, frame: &mut Frame, s: usize, folded: Option<Folded>) -> bool {
        let Some((first, folded)) = self.first.as_ref().zip(folded) else { return false };
        match s {
            0 => first.put(frame, folded),
            _ => first.put_about(&self.staged, frame, s, self.n, folded.blocks()),
        }
        s == 0
    }

    /// Where what is computed once a row, or once, is found. For rows that go one by one that is the same for all of them.
    fn values(&self, memory: &Memory, frame: &mut Frame, rows: usize) {
        for &(r, level) in &self.staged.values {
            let (at, single) = match level {
                Level::One(_) if r < self.code.loads.len() => (self.code.single_at(memory, r), true),
                Level::One(at) => (frame.room(at).cast_const(), true),
                Level::Row { at, .. } => (frame.room(at).cast_const(), rows == 1),
                Level::Element(_) => continue,
            };
            (frame.at[r], frame.single[r]) = (at, single);
        }
    }

    /// What is computed once a row, or once.
    ///
    /// # Safety
    /// As `some`.
    unsafe fn row_values(&self, frame: &mut Frame, stage: &Stage, rows: usize) {
        for &k in &stage.row_steps {
            let step = &self.code.steps[k];
            let single = step.is_single(frame);
            let to = match self.staged.level[step.result as usize] {
                Level::One(at) | Level::Row { at, .. } => frame.room(at),
                Level::Element(_) => continue,
            };
            let size = self.code.sizes[step.result as usize];
            // SAFETY: there is room for a value a row.
            unsafe {
                step.run(frame, to, if single { 1 } else { rows }, single);
                if single && rows > 1 && matches!(self.staged.level[step.result as usize], Level::Row { .. }) {
                    spread(to, rows, size);
                }
            }
        }
    }

    /// Rows' values for every element of their row, where several rows share a block.
    ///
    /// # Safety
    /// As `some`.
    unsafe fn repeat(&self, frame: &mut Frame, stage: &Stage, rows: usize) {
        for &r in &stage.repeats {
            let Level::Row { at, repeated } = self.staged.level[r as usize] else { continue };
            let (from, size) = (frame.room(at), self.code.sizes[r as usize]);
            let Some(to) = repeated.filter(|_| rows > 1).map(|to| frame.room(to)) else {
                (frame.at[r as usize], frame.single[r as usize]) = (from, true);
                continue;
            };
            for i in 0..rows {
                // SAFETY: there is room for every element.
                unsafe { fill(from.add(i * size), to.add(i * self.n * size), self.n, size) };
            }
            (frame.at[r as usize], frame.single[r as usize]) = (to, false);
        }
    }

    /// # Safety
    /// As `some`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn fold(
        &self,
        frame: &mut Frame,
        stage: &Stage,
        rows: usize,
        done: usize,
        n: usize,
        sums: &mut [Option<u64>],
        partials: &mut Partials,
    ) {
        let blocks = self.n.div_ceil(BLOCK);
        for (k, f) in stage.folds.iter().enumerate() {
            let (arg, size) = (f.arg as usize, self.code.sizes[f.arg as usize]);
            let Level::Row { at, .. } = self.staged.level[f.result as usize] else { continue };
            // A row of several blocks is put together at its end.
            let (out, n): (*mut u8, usize) = match blocks {
                1 => (frame.room(at), self.n),
                _ => ((&raw mut partials[k * blocks + done / BLOCK]).cast(), n),
            };
            // SAFETY: the registers hold the rows' elements, or one where single; there is room for a value a row.
            unsafe {
                if let Some(sum) = sums.get_mut(k).and_then(Option::take) {
                    std::ptr::copy_nonoverlapping((&raw const sum).cast(), out, size);
                } else if let Some(made) = &f.made {
                    let args = made.args;
                    let single = args.map(|a| frame.single[a as usize]);
                    let mask = single[0] as u8 | (single[1] as u8) << 1;
                    let first = args.map(|a| frame.at[a as usize]);
                    for i in 0..rows {
                        let skip = i * self.n * size;
                        let ins = [0, 1].map(|i| first[i].wrapping_add(if single[i] { 0 } else { skip }));
                        f.run_made(made, ins, mask, n, out.add(i * size));
                    }
                } else {
                    let all = whole(frame.at[arg], frame.single[arg], rows * n, size);
                    for i in 0..rows {
                        (f.functions.segment)(all.pointer().add(i * self.n * size), n, out.add(i * size));
                    }
                }
            }
        }
    }

    /// Brings to memory what is not there already.
    ///
    /// # Safety
    /// As `some`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn store(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        stage: &Stage,
        row: usize,
        rows: usize,
        done: usize,
        n: usize,
    ) {
        for &o in &stage.outs {
            let Target { reg, slot, size, row: is_row } = self.staged.outs[o];
            let r = reg as usize;
            let base = memory.pointer(slot, size);
            // SAFETY: the output holds an element for each of the domain, or of the rows.
            unsafe {
                match (is_row, self.staged.level[r]) {
                    (true, _) if done > 0 => {}
                    (true, Level::Row { at, .. }) => {
                        copy(frame.room(at).cast_const(), base.add(row * size), rows * size);
                    }
                    (true, _) => {
                        // The same along a row: the first of each.
                        let step = if frame.single[r] { 0 } else { self.n * size };
                        for i in 0..rows {
                            let from = frame.at[r].add(i * step);
                            std::ptr::copy_nonoverlapping(from, base.add((row + i) * size), size);
                        }
                    }
                    (false, _) => {
                        let to = base.add((row * self.n + done) * size);
                        if frame.single[r] {
                            let mut one = 0u64;
                            std::ptr::copy_nonoverlapping(frame.at[r], (&raw mut one).cast(), size);
                            fill((&raw const one).cast(), to, n, size);
                        } else if !std::ptr::eq(frame.at[r], to) {
                            copy(frame.at[r], to, n * size);
                        }
                    }
                }
            }
        }
    }
}

/// A kernel's loads and code over its domain in order.
fn code(kernel: &Kernel, outs: &[Out]) -> Result<Code> {
    let order: Vec<usize> = (0..kernel.domain.rank()).collect();
    let mut strides: Vec<SmallVec<[isize; 4]>> = kernel.loads.iter().map(|l| strides_in(&l.layout, &order)).collect();
    let dims = merge(&kernel.domain, &mut strides);
    let regs: Vec<Reg> = outs.iter().map(|o| o.reg).collect();
    Code::new(dims, &kernel.loads, &strides, &kernel.code, &regs)
}

impl Rows {
    /// Whether a result takes the place of an operand: its lines are in the caches already.
    fn in_place(&self, memory: &Memory) -> bool {
        self.staged.outs.iter().filter(|o| !o.row).any(|o| {
            let to = memory.pointer(o.slot, o.size).cast_const();
            (0..self.code.loads.len()).any(|l| self.code.in_place(memory, l as Reg) == Some(to))
        })
    }
}

impl Program for Rows {
    fn launch(&self, memory: &Memory) -> Result<()> {
        if self.rows == 0 || self.n == 0 {
            return Ok(());
        }
        let written = self.staged.outs.iter().filter(|o| !o.row).map(|o| o.size).sum();
        let cost = self.code.estimate(self.rows * self.n, written);
        let past =
            self.together == 1 && past::pays(self.rows * self.n * written, Maker::Quick) && !self.in_place(memory);
        let mut per_task = (TASK / self.n).max(1).next_multiple_of(self.together);
        if let Some(first) = self.first.as_ref().filter(|first| first.sides > 1) {
            // Enough for every place that is read.
            per_task = (per_task * first.sides).min(self.rows.div_ceil(4 * tasks::threads())).max(per_task);
        }
        tasks::run(self.rows.div_ceil(per_task), cost, |t| {
            with_frame(|frame| {
                let (from, end) = (t * per_task, ((t + 1) * per_task).min(self.rows));
                self.staged.prepare(frame, &self.code);
                self.values(memory, frame, 1);
                if let Some(first) = self.first.as_ref().filter(|first| first.once) {
                    let mut pivoted = vec![];
                    for row in (from..end).step_by(GROUP) {
                        // SAFETY: tasks have different rows.
                        unsafe { self.values_of(memory, frame, first, row..(row + GROUP).min(end), &mut pivoted) };
                    }
                    return;
                }
                let mut placement = std::mem::take(&mut frame.rows);
                let placed = !past && self.place(memory, frame, from, &mut placement);
                let mut rows = |row: usize, rows: usize, folded: Option<Folded>| {
                    // SAFETY: tasks have different rows.
                    unsafe {
                        match placed {
                            true => self.one_placed(frame, &mut placement, row - from, folded),
                            false => self.some(memory, frame, row, rows, past, folded),
                        }
                    }
                };
                match &self.first {
                    // SAFETY: within the array.
                    Some(first) => unsafe {
                        first.one_by_one(&self.code, memory, self.n, from..end, |row, f| rows(row, 1, Some(f)));
                    },
                    None => {
                        for row in (from..end).step_by(self.together) {
                            rows(row, self.together.min(end - row), None);
                        }
                    }
                }
                frame.rows = placement;
                if past {
                    past::done();
                }
            });
        })
    }
}
