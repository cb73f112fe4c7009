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

use smallvec::SmallVec;

use super::block::{BLOCK, Code, Frame, Run, fill, merge, strides_in, with_frame};
use super::fold::{Functions, functions, pairwise, whole};
use super::step::{Step, allocate, reach};
use super::tasks;
use crate::base::{Fault, Result};
use crate::device::{Memory, Program};
use crate::graph::prim::Body;
use crate::plan::kernel::Out;
use crate::plan::{Kernel, Reg, Slot};

/// Elements of one task: enough to be worth handing over.
const TASK: usize = 16 * 1024;

pub struct Rows {
    code: Code,
    rows: usize,
    /// Elements of a row.
    n: usize,
    /// Rows that go through the stages together.
    together: usize,
    level: Vec<Level>,
    stages: Vec<Stage>,
    outs: Vec<Target>,
    /// Words of room that all registers but the blocks' take.
    room: usize,
}

/// What a register has a value for, and where that is kept.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Level {
    /// Everything: the word where it is.
    One(usize),
    /// A row: the word where the values of the rows begin; and where they are repeated, if somebody wants that.
    Row { at: usize, repeated: Option<usize> },
    /// An element.
    Element(Home),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Home {
    Load,
    Block,
    /// The word where the rows' elements begin.
    Kept(usize),
    Out(usize),
}

#[derive(Default)]
struct Stage {
    /// Steps over one value a row.
    row_steps: Vec<usize>,
    /// Rows' values that steps over elements take.
    repeats: Vec<Reg>,
    loads: Vec<usize>,
    steps: Vec<usize>,
    folds: Vec<Folding>,
    /// Outputs whose value is there after this stage.
    outs: Vec<usize>,
    scratch_of: Vec<Option<usize>>,
    scratch: usize,
}

/// What blocks of a row were folded into.
type Partials = SmallVec<[u64; 16]>;

struct Folding {
    arg: Reg,
    result: Reg,
    functions: Functions,
}

struct Target {
    reg: Reg,
    slot: usize,
    size: usize,
    /// One value a row.
    row: bool,
}

impl Rows {
    pub fn new(kernel: &Kernel, axes: &[usize], outs: &[Out], slots: &[Slot]) -> Result<Rows> {
        let rank = kernel.domain.rank();
        let n: usize = axes.iter().map(|&k| kernel.domain[k]).product();
        let order: Vec<usize> = (0..rank).collect();
        let mut strides: Vec<SmallVec<[isize; 4]>> =
            kernel.loads.iter().map(|l| strides_in(&l.layout, &order)).collect();
        let dims = merge(&kernel.domain, &mut strides);
        let regs: Vec<Reg> = outs.iter().map(|o| o.reg).collect();
        let rows = kernel.domain.size() / n.max(1);
        let target = |o: &Out| Target {
            reg: o.reg,
            slot: o.slot,
            size: slots[o.slot].dtype.size(),
            row: axes.iter().all(|&k| o.layout.strides[k] == 0),
        };
        let mut out = Rows {
            code: Code::new(dims, &kernel.loads, &strides, &kernel.code, &regs)?,
            rows,
            n,
            together: (BLOCK / n.max(1)).clamp(1, rows.max(1)),
            level: vec![],
            stages: vec![],
            outs: outs.iter().map(target).collect(),
            room: 0,
        };
        out.arrange(kernel)?;
        Ok(out)
    }

    /// Levels, stages and homes of all registers.
    fn arrange(&mut self, kernel: &Kernel) -> Result<()> {
        let loads = kernel.loads.len();
        let count = loads + kernel.code.len();
        let single: Vec<bool> = self.code.loads.iter().map(|l| l.single).collect();
        let reach = reach(&single, &kernel.code);
        let mut stage = vec![0usize; loads];
        for inst in &kernel.code {
            let args = || inst.args.iter().map(|&a| a as usize);
            let after = args().map(|a| stage[a]).max().unwrap_or(0);
            stage.push(after + inst.prim.is_reduce() as usize);
        }
        let stages = stage.iter().copied().max().unwrap_or(0) + 1;
        self.stages = (0..stages).map(|_| Stage::default()).collect();
        // The last stage in which a register is read as elements.
        let mut read_in: Vec<Option<usize>> = vec![None; count];
        let mut wanted: Vec<Vec<bool>> = vec![vec![false; count]; stages];
        let mut read = |r: usize, s: usize| {
            read_in[r] = read_in[r].max(Some(s));
            wanted[s][r] = true;
        };
        for (k, step) in self.code.steps.iter().enumerate() {
            let r = step.result as usize;
            if reach[r] < 2 {
                self.stages[stage[r]].row_steps.push(k);
            } else {
                self.stages[stage[r]].steps.push(k);
                step.reads().for_each(|(_, a)| read(a as usize, stage[r]));
            }
        }
        for (k, inst) in kernel.code.iter().enumerate().filter(|(_, i)| i.prim.is_reduce()) {
            let (arg, result) = (inst.args[0], (loads + k) as Reg);
            let s = stage[result as usize] - 1;
            let Body::Reduce(fold) = inst.prim.body else { continue };
            let functions =
                functions(fold, kernel.dtype(arg)).ok_or_else(|| Fault::new("internal: no fold for this dtype"))?;
            read(arg as usize, s);
            self.stages[s].folds.push(Folding { arg, result, functions });
        }
        for (i, o) in self.outs.iter().enumerate() {
            let r = o.reg as usize;
            read(r, stage[r]);
            self.stages[stage[r]].outs.push(i);
        }
        let elements = (self.together * self.n).next_multiple_of(8);
        let values = self.together.next_multiple_of(8);
        for r in 0..count {
            let mut take = |words: usize| {
                self.room += words;
                self.room - words
            };
            self.level.push(match reach[r] {
                0 => Level::One(take(8)),
                1 => {
                    let repeated = (self.together > 1 && read_in[r].is_some()).then(|| take(elements));
                    Level::Row { at: take(values), repeated }
                }
                _ if r < loads => Level::Element(Home::Load),
                _ => {
                    let whole = self.outs.iter().position(|o| o.reg as usize == r && !o.row);
                    Level::Element(match whole {
                        Some(o) => Home::Out(o),
                        None if read_in[r] > Some(stage[r]) => Home::Kept(take(elements)),
                        None => Home::Block,
                    })
                }
            });
        }
        for (s, wanted) in wanted.iter().enumerate() {
            let needs = |r: usize| wanted[r];
            let here: Vec<&Step> = self.stages[s].steps.iter().map(|&k| &self.code.steps[k]).collect();
            let loaded: Vec<usize> = (0..loads).filter(|&r| needs(r) && reach[r] == 2).collect();
            let collected: Vec<bool> =
                (0..loads).map(|r| loaded.contains(&r) && !self.code.loads[r].contiguous).collect();
            // Folded or stored at the end of the block.
            let mut last: Vec<Reg> = self.stages[s].folds.iter().map(|f| f.arg).collect();
            last.extend(self.stages[s].outs.iter().map(|&o| self.outs[o].reg));
            let (scratch_of, scratch) = allocate(count, &collected, &here, &last);
            let repeats = (0..count).filter(|&r| reach[r] == 1 && needs(r)).map(|r| r as Reg).collect();
            let stage = &mut self.stages[s];
            (stage.loads, stage.repeats, stage.scratch_of, stage.scratch) = (loaded, repeats, scratch_of, scratch);
        }
        Ok(())
    }

    /// Rows `row .. row + rows` through all stages.
    ///
    /// # Safety
    /// These rows of the outputs are this call's alone.
    unsafe fn some(&self, memory: &Memory, frame: &mut Frame, row: usize, rows: usize) {
        frame.prepare_for(self.code.sizes.len(), self.stages.iter().map(|s| s.scratch).max().unwrap_or(0), self.room);
        let (first, elements) = (row * self.n, rows * self.n);
        for stage in &self.stages {
            // SAFETY: the caller's.
            unsafe {
                self.row_values(memory, frame, stage, rows);
                let mut partials: SmallVec<[Partials; 2]> = stage.folds.iter().map(|_| Partials::new()).collect();
                if !(stage.steps.is_empty() && stage.folds.is_empty() && stage.outs.is_empty()) {
                    self.repeat(frame, stage, rows);
                    let mut done = 0;
                    while done < elements {
                        let n = BLOCK.min(elements - done);
                        self.block(memory, frame, stage, first, done, n);
                        self.fold(frame, stage, rows, n, &mut partials);
                        self.store(memory, frame, stage, row, rows, done, n);
                        done += n;
                    }
                }
                for (f, partial) in stage.folds.iter().zip(&mut partials) {
                    if let (1, Level::Row { at, .. }) = (rows, self.level[f.result as usize]) {
                        pairwise(&f.functions, partial, frame.room(at));
                    }
                }
            }
        }
    }

    /// What is computed once a row, or once.
    ///
    /// # Safety
    /// As `some`.
    unsafe fn row_values(&self, memory: &Memory, frame: &mut Frame, stage: &Stage, rows: usize) {
        for (r, level) in self.level.iter().enumerate() {
            let (at, single) = match *level {
                Level::One(_) if r < self.code.loads.len() => (self.code.single_at(memory, r), true),
                Level::One(at) => (frame.room(at).cast_const(), true),
                Level::Row { at, .. } => (frame.room(at).cast_const(), rows == 1),
                Level::Element(_) => continue,
            };
            (frame.at[r], frame.single[r]) = (at, single);
        }
        for &k in &stage.row_steps {
            let step = &self.code.steps[k];
            let single = step.is_single(frame);
            let to = match self.level[step.result as usize] {
                Level::One(at) | Level::Row { at, .. } => frame.room(at),
                Level::Element(_) => continue,
            };
            let size = self.code.sizes[step.result as usize];
            // SAFETY: there is room for a value a row.
            unsafe {
                step.run(frame, to, if single { 1 } else { rows }, single);
                if single && rows > 1 && matches!(self.level[step.result as usize], Level::Row { .. }) {
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
            let Level::Row { at, repeated } = self.level[r as usize] else { continue };
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

    /// The steps of a stage over elements `done .. done + n` of the rows that begin at `first`.
    ///
    /// # Safety
    /// As `some`.
    unsafe fn block(&self, memory: &Memory, frame: &mut Frame, stage: &Stage, first: usize, done: usize, n: usize) {
        let start = first + done;
        let row = self.code.row();
        let run = Run { start, n, line: start / row, column: start % row };
        for &r in &stage.loads {
            let scratch = frame.scratch(stage.scratch_of[r]);
            // SAFETY: the caller's.
            let (at, single) = unsafe { self.code.load(&self.code.loads[r], memory, frame, scratch, run) };
            (frame.at[r], frame.single[r]) = (at, single);
        }
        for (r, level) in self.level.iter().enumerate() {
            let Level::Element(home) = *level else { continue };
            // SAFETY: homes hold all elements of the rows.
            if let Some(at) = unsafe { self.home(memory, frame, r, home, start, done) } {
                (frame.at[r], frame.single[r]) = (at.cast_const(), false);
            }
        }
        for &k in &stage.steps {
            let step = &self.code.steps[k];
            let r = step.result as usize;
            let single = step.is_single(frame);
            let Level::Element(home) = self.level[r] else { continue };
            // SAFETY: as above; a block's register holds a block.
            unsafe {
                let kept = self.home(memory, frame, r, home, start, done);
                let to = kept.unwrap_or_else(|| frame.scratch(stage.scratch_of[r]));
                step.run(frame, to, if single { 1 } else { n }, single);
                if single && kept.is_some() {
                    spread(to, n, self.code.sizes[r]);
                }
                (frame.at[r], frame.single[r]) = (to, single && kept.is_none());
            }
        }
    }

    /// Where a register's elements are kept for later stages, from the running block on.
    ///
    /// # Safety
    /// As `some`.
    unsafe fn home(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        r: usize,
        home: Home,
        start: usize,
        done: usize,
    ) -> Option<*mut u8> {
        let size = self.code.sizes[r];
        // SAFETY: both hold the element.
        unsafe {
            match home {
                Home::Kept(at) => Some(frame.room(at).add(done * size)),
                Home::Out(o) => Some(memory.pointer(self.outs[o].slot, size).add(start * size)),
                Home::Load | Home::Block => None,
            }
        }
    }

    /// # Safety
    /// As `some`.
    unsafe fn fold(
        &self,
        frame: &mut Frame,
        stage: &Stage,
        rows: usize,
        n: usize,
        partials: &mut SmallVec<[Partials; 2]>,
    ) {
        for (f, partial) in stage.folds.iter().zip(partials) {
            let (arg, size) = (f.arg as usize, self.code.sizes[f.arg as usize]);
            let Level::Row { at, .. } = self.level[f.result as usize] else { continue };
            // SAFETY: the register holds n elements, or one where single.
            unsafe {
                let all = whole(frame.at[arg], frame.single[arg], n, size);
                if rows == 1 {
                    let mut bits = 0u64;
                    (f.functions.segment)(all.pointer(), n, (&raw mut bits).cast());
                    partial.push(bits);
                } else {
                    for i in 0..rows {
                        (f.functions.segment)(
                            all.pointer().add(i * self.n * size),
                            self.n,
                            frame.room(at).add(i * size),
                        );
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
            let Target { reg, slot, size, row: is_row } = self.outs[o];
            let r = reg as usize;
            let base = memory.pointer(slot, size);
            // SAFETY: the output holds an element for each of the domain, or of the rows.
            unsafe {
                match (is_row, self.level[r]) {
                    (true, _) if done > 0 => {}
                    (true, Level::Row { at, .. }) => {
                        std::ptr::copy_nonoverlapping(frame.room(at), base.add(row * size), rows * size);
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
                            std::ptr::copy_nonoverlapping(frame.at[r], to, n * size);
                        }
                    }
                }
            }
        }
    }
}

/// Repeats the element at `to` n times from there.
///
/// # Safety
/// `to` holds n elements.
unsafe fn spread(to: *mut u8, n: usize, size: usize) {
    let mut one = 0u64;
    // SAFETY: the caller's.
    unsafe {
        std::ptr::copy_nonoverlapping(to, (&raw mut one).cast(), size);
        fill((&raw const one).cast(), to, n, size);
    }
}

impl Program for Rows {
    fn launch(&self, memory: &Memory) -> Result<()> {
        if self.rows == 0 || self.n == 0 {
            return Ok(());
        }
        let written = self.outs.iter().filter(|o| !o.row).map(|o| o.size).sum();
        let cost = self.code.estimate(self.rows * self.n, written);
        let per_task = (TASK / self.n).max(1).next_multiple_of(self.together);
        tasks::run(self.rows.div_ceil(per_task), cost, |t| {
            with_frame(|frame| {
                let end = ((t + 1) * per_task).min(self.rows);
                let mut row = t * per_task;
                while row < end {
                    let rows = self.together.min(end - row);
                    // SAFETY: tasks have different rows.
                    unsafe { self.some(memory, frame, row, rows) };
                    row += rows;
                }
            });
        })
    }
}
