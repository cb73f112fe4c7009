//! Stages: the instructions of a kernel of rows or columns, by the number of folds that lie before them.
//!
//! In: a kernel's code. Out: for every register what it has a value for and where that is kept, and for every stage what it
//! computes and folds. `rows` and `columns` go through the stages, each over its own pieces of the domain.

use smallvec::SmallVec;

use crate::base::{Fault, Result, fill};
use crate::device::Memory;
use crate::device::cpu::block::{BLOCK, Code, Frame, Run};
use crate::device::cpu::call::PIECE;
use crate::device::cpu::fold::{Functions, MadeFold, functions, made_fold};
use crate::device::cpu::simd::Arith;
use crate::device::cpu::step::{Made, Step, allocate, reach, stages};
use crate::graph::Fold;
use crate::graph::prim::Body;
use crate::plan::kernel::Out;
use crate::plan::{Kernel, Reg, Slot};

/// Folds of a stage that steps may do, the first ones.
pub const SUMMED: usize = 4;

/// What a register has a value for, and where that is kept.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Level {
    /// Everything: the word where it is.
    One(usize),
    /// A row: the word where the values of the rows begin; and where they are repeated, if somebody wants that.
    Row { at: usize, repeated: Option<usize> },
    /// An element.
    Element(Home),
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Home {
    Load,
    Block,
    /// The word where the rows' elements begin.
    Kept(usize),
    Out(usize),
}

#[derive(Default)]
pub struct Stage {
    /// Steps over one value a row.
    pub row_steps: Vec<usize>,
    /// Rows' values that steps over elements take.
    pub repeats: Vec<Reg>,
    pub loads: Vec<usize>,
    pub steps: Vec<usize>,
    pub folds: Vec<Folding>,
    /// Outputs whose value is there after this stage.
    pub outs: Vec<usize>,
    pub scratch_of: Vec<Option<usize>>,
    pub scratch: usize,
}

pub struct Folding {
    pub arg: Reg,
    pub result: Reg,
    pub functions: Functions,
    /// What is folded is made of these two, and never stored.
    pub made: Option<MadeFold>,
    /// The step that makes what is folded, where that sums it as it goes.
    pub by: Option<usize>,
    /// The bytes of a row of its first operand, where it asks for the next one meanwhile: what another stage will read first.
    pub asks: usize,
}

impl Folding {
    /// Folds n elements of what is made of two operands; bit i of `single` says that operand i is one number.
    ///
    /// # Safety
    /// The operands hold n elements, or one; one at `out`.
    #[inline(always)]
    pub unsafe fn run_made(&self, made: &MadeFold, ins: [*const u8; 2], single: u8, n: usize, out: *mut u8) {
        // SAFETY: the caller's.
        unsafe {
            match made.asking {
                Some(asking) if self.asks != 0 && single == 2 => asking(ins, self.asks, n, out),
                _ => (made.segment)(ins, single, n, out),
            }
        }
    }
}

pub struct Target {
    pub reg: Reg,
    pub slot: usize,
    pub size: usize,
    /// One value a row.
    pub row: bool,
}

/// What goes through the stages together.
pub struct Sizes {
    /// Elements that are kept for later stages.
    pub elements: usize,
    /// Values of rows.
    pub values: usize,
    /// Rows' values are repeated for the elements of a block.
    pub repeated: bool,
}

/// A kernel's stages.
pub struct Staged {
    pub level: Vec<Level>,
    /// The registers that have one value, or one a row.
    pub values: Vec<(usize, Level)>,
    /// The registers whose elements are kept.
    homes: Vec<(usize, Home)>,
    pub stages: Vec<Stage>,
    pub outs: Vec<Target>,
    /// The word where pieces are made on their way past the caches.
    piece: usize,
    /// The registers that are made for an output and not read again.
    written: Vec<bool>,
    /// Words of room that all registers but the blocks' take.
    room: usize,
    /// Registers whose elements are kept.
    pub kept: usize,
    /// By stage and register: read there as elements.
    wanted: Vec<Vec<bool>>,
    reach: Vec<u8>,
}

impl Stage {
    /// Whether it does nothing with elements.
    pub fn is_idle(&self) -> bool {
        self.steps.is_empty() && self.folds.is_empty() && self.outs.is_empty()
    }
}

/// What the step of a stage that gives a register makes of two others; where it squares a difference that another step makes, of
/// that step's two.
fn squared_difference(stage: &Stage, code: &Code, reg: Reg) -> Option<Made> {
    let made = |r: Reg| stage.steps.iter().map(|&k| &code.steps[k]).find(|s| s.result == r)?.made;
    let outer = made(reg)?;
    if outer.op != Arith::Mul || outer.squared || outer.args[0] != outer.args[1] {
        return Some(outer);
    }
    match made(outer.args[0]) {
        Some(inner) if inner.op == Arith::Sub && !inner.squared => Some(Made { squared: true, ..inner }),
        _ => Some(outer),
    }
}

/// Whether a stage reads the elements of a register.
fn is_read(stage: &Stage, outs: &[Target], code: &Code, r: Reg) -> bool {
    let mut steps = stage.steps.iter().flat_map(|&k| code.steps[k].reads());
    let mut folds = stage.folds.iter();
    steps.any(|(_, a)| a == r)
        || stage.outs.iter().any(|&o| outs[o].reg == r)
        || folds.any(|f| f.made.map_or(f.arg == r, |m| m.args.contains(&r)))
}

impl Staged {
    /// Makes room for all registers.
    pub fn prepare(&self, frame: &mut Frame, code: &Code) {
        frame.prepare_for(code.sizes.len(), self.stages.iter().map(|s| s.scratch).max().unwrap_or(0), self.room);
    }

    /// Levels, stages and homes of all registers.
    pub fn new(
        kernel: &Kernel,
        code: &Code,
        axes: &[usize],
        outs: &[Out],
        slots: &[Slot],
        sizes: &Sizes,
    ) -> Result<Staged> {
        let target = |o: &Out| Target {
            reg: o.reg,
            slot: o.slot,
            size: slots[o.slot].dtype.size(),
            row: axes.iter().all(|&k| o.layout.strides[k] == 0),
        };
        let mut out = Staged {
            level: vec![],
            values: vec![],
            homes: vec![],
            stages: vec![],
            outs: outs.iter().map(target).collect(),
            piece: 0,
            written: vec![],
            room: PIECE / 8,
            kept: 0,
            wanted: vec![],
            reach: vec![],
        };
        let loads = kernel.loads.len();
        let count = loads + kernel.code.len();
        let single: Vec<bool> = code.loads.iter().map(|l| l.single).collect();
        let reach = reach(&single, &kernel.code);
        let stage = stages(loads, &kernel.code);
        let stages = stage.iter().copied().max().unwrap_or(0) + 1;
        out.stages = (0..stages).map(|_| Stage::default()).collect();
        // The last stage in which a register is read as elements.
        let mut read_in: Vec<Option<usize>> = vec![None; count];
        let mut wanted: Vec<Vec<bool>> = vec![vec![false; count]; stages];
        let mut read = |r: usize, s: usize| {
            read_in[r] = read_in[r].max(Some(s));
            wanted[s][r] = true;
        };
        for (k, step) in code.steps.iter().enumerate() {
            let r = step.result as usize;
            if reach[r] < 2 {
                out.stages[stage[r]].row_steps.push(k);
            } else {
                out.stages[stage[r]].steps.push(k);
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
            out.stages[s].folds.push(Folding { arg, result, functions, made: None, by: None, asks: 0 });
        }
        for (i, o) in out.outs.iter().enumerate() {
            let r = o.reg as usize;
            read(r, stage[r]);
            out.stages[stage[r]].outs.push(i);
        }
        let elements = sizes.elements.next_multiple_of(8);
        let values = sizes.values.next_multiple_of(8);
        let block = if sizes.repeated { sizes.elements.min(BLOCK).next_multiple_of(8) } else { 0 };
        let mut kept = 0;
        for r in 0..count {
            let mut take = |words: usize| {
                out.room += words;
                out.room - words
            };
            out.level.push(match reach[r] {
                0 => Level::One(take(8)),
                1 => {
                    let repeated = (sizes.repeated && read_in[r].is_some()).then(|| take(block));
                    Level::Row { at: take(values), repeated }
                }
                _ if r < loads => Level::Element(Home::Load),
                _ => {
                    let whole = out.outs.iter().position(|o| o.reg as usize == r && !o.row);
                    Level::Element(match whole {
                        Some(o) => Home::Out(o),
                        None if read_in[r] > Some(stage[r]) => {
                            kept += 1;
                            Home::Kept(take(elements))
                        }
                        None => Home::Block,
                    })
                }
            });
        }
        (out.kept, out.wanted, out.reach) = (kept, wanted, reach);
        Ok(out)
    }

    /// Has folds of what is made of a load ask for the next row of it, where rows of `n` elements are read from memory, `rows` in all.
    pub fn with_asking(mut self, code: &Code, rows: usize, n: usize) -> Staged {
        /// Bytes of a row that a second-level cache holds beside others, and of an array that none does.
        const ROW: usize = 64 << 10;
        const FAR: usize = 2 << 20;
        let mut asked: SmallVec<[Reg; 4]> = SmallVec::new();
        for fold in self.stages.iter_mut().skip(1).flat_map(|s| &mut s.folds) {
            let Some(made) = fold.made.filter(|m| m.asking.is_some()) else { continue };
            let load = made.args[0];
            let bytes = n * code.size_of(load);
            if code.lies(load) && bytes <= ROW && rows * bytes > FAR && !asked.contains(&load) {
                fold.asks = bytes;
                asked.push(load);
            }
        }
        self
    }

    /// Takes steps out whose value only folds read that can do them themselves.
    pub fn with_made_folds(mut self, kernel: &Kernel, code: &Code) -> Staged {
        for stage in &mut self.stages {
            // Twice: a difference that is folded and whose square is folded is free after the square.
            for f in (0..stage.folds.len()).chain(0..stage.folds.len()) {
                let arg = stage.folds[f].arg;
                if stage.folds[f].made.is_some() || self.level[arg as usize] != Level::Element(Home::Block) {
                    continue;
                }
                let Some(made) = squared_difference(stage, code, arg) else { continue };
                let Some(inst) = kernel.code.get(stage.folds[f].result as usize - kernel.loads.len()) else { continue };
                let Body::Reduce(fold) = inst.prim.body else { continue };
                stage.folds[f].made = made_fold(fold, &made, kernel.dtype(arg));
                if !is_read(stage, &self.outs, code, arg) {
                    stage.steps.retain(|&k| code.steps[k].result != arg);
                } else {
                    // It is there already.
                    stage.folds[f].made = None;
                }
            }
        }
        // What is made again where it is needed later, or by the folds, may be needed no more.
        for stage in &mut self.stages {
            loop {
                let unread = |&k: &usize| {
                    let r = code.steps[k].result;
                    let own = self.level[r as usize] == Level::Element(Home::Block);
                    own && !is_read(stage, &self.outs, code, r)
                };
                let Some(at) = stage.steps.iter().position(unread) else { break };
                stage.steps.remove(at);
            }
        }
        self.values = self.level.iter().copied().enumerate().filter(|(_, l)| !matches!(l, Level::Element(_))).collect();
        let kept = |(r, level): (usize, Level)| match level {
            Level::Element(home @ (Home::Kept(_) | Home::Out(_))) => Some((r, home)),
            _ => None,
        };
        let read = |r: Reg| {
            let steps = self.stages.iter().flat_map(|s| s.steps.iter()).flat_map(|&k| code.steps[k].reads());
            let mut folds = self.stages.iter().flat_map(|s| s.folds.iter());
            let folded = folds.any(|f| f.arg == r || f.made.is_some_and(|m| m.args.contains(&r)));
            let outs = self.outs.iter().filter(|o| o.reg == r).count();
            steps.map(|(_, a)| a).any(|a| a == r) || folded || outs > 1
        };
        let written = |(r, level): (usize, &Level)| matches!(level, Level::Element(Home::Out(_))) && !read(r as Reg);
        self.written = self.level.iter().enumerate().map(written).collect();
        self.homes = self.level.iter().copied().enumerate().filter_map(kept).collect();
        self
    }

    /// Leaves sums to the steps that can sum what they make: for rows that do not share blocks.
    pub fn with_sums(mut self, kernel: &Kernel, code: &Code) -> Staged {
        for stage in &mut self.stages {
            for f in stage.folds.iter_mut().take(SUMMED).filter(|f| f.made.is_none()) {
                let inst = kernel.code.get(f.result as usize - kernel.loads.len());
                let is_sum = inst.is_some_and(|i| matches!(i.prim.body, Body::Reduce(Fold::Sum)));
                let by = |k: &&usize| code.steps[**k].result == f.arg && code.steps[**k].sums();
                f.by = stage.steps.iter().find(by).copied().filter(|_| is_sum);
            }
        }
        self
    }

    /// Which scratch register each register of a stage gets.
    pub fn with_registers(mut self, kernel: &Kernel, code: &Code) -> Staged {
        let (loads, count) = (kernel.loads.len(), code.sizes.len());
        let (all, reach) = (std::mem::take(&mut self.wanted), std::mem::take(&mut self.reach));
        for (s, wanted) in all.iter().enumerate() {
            let needs = |r: usize| wanted[r];
            let here: Vec<&Step> = self.stages[s].steps.iter().map(|&k| &code.steps[k]).collect();
            let loaded: Vec<usize> = (0..loads).filter(|&r| needs(r) && reach[r] == 2).collect();
            let collected: Vec<bool> = (0..loads).map(|r| loaded.contains(&r) && !code.loads[r].contiguous).collect();
            // Folded or stored at the end of the block.
            let folds = self.stages[s].folds.iter();
            let mut last: Vec<Reg> = folds.flat_map(|f| f.made.map_or([f.arg; 2], |m| m.args)).collect();
            last.extend(self.stages[s].outs.iter().map(|&o| self.outs[o].reg));
            let (scratch_of, scratch) = allocate(count, &collected, &here, &last);
            let repeats = (0..count).filter(|&r| reach[r] == 1 && needs(r)).map(|r| r as Reg).collect();
            let stage = &mut self.stages[s];
            (stage.loads, stage.repeats, stage.scratch_of, stage.scratch) = (loaded, repeats, scratch_of, scratch);
        }
        self
    }

    /// The steps of a stage over n elements from `start`, which are kept from element `done` of the room on. What steps sum goes
    /// to `sums`, by fold. Where `past`, what is not read again goes to memory past the caches.
    ///
    /// # Safety
    /// These elements of the outputs are this call's alone.
    #[allow(clippy::too_many_arguments)]
    pub unsafe fn block(
        &self,
        code: &Code,
        memory: &Memory,
        frame: &mut Frame,
        stage: &Stage,
        start: usize,
        done: usize,
        n: usize,
        sums: &mut [Option<u64>],
        past: bool,
    ) {
        for &r in &stage.loads {
            if let Some(base) = code.in_place(memory, r as Reg) {
                (frame.at[r], frame.single[r]) = (base.wrapping_add(start * code.sizes[r]), false);
                continue;
            }
            let row = code.row();
            let run = Run { start, n, line: start / row, column: start % row };
            let scratch = frame.scratch(stage.scratch_of[r]);
            // SAFETY: the caller's.
            let (at, single) = unsafe { code.load(&code.loads[r], memory, frame, scratch, run) };
            (frame.at[r], frame.single[r]) = (at, single);
        }
        for &(r, home) in &self.homes {
            // SAFETY: homes hold all elements of the rows.
            if let Some(at) = unsafe { self.home(code, memory, frame, r, home, start, done) } {
                (frame.at[r], frame.single[r]) = (at.cast_const(), false);
            }
        }
        for &k in &stage.steps {
            let step = &code.steps[k];
            let r = step.result as usize;
            let single = step.is_single(frame);
            let Level::Element(home) = self.level[r] else { continue };
            // SAFETY: as above; a block's register holds a block.
            unsafe {
                let kept = self.home(code, memory, frame, r, home, start, done);
                let to = kept.unwrap_or_else(|| frame.scratch(stage.scratch_of[r]));
                match stage.folds.iter().position(|f| f.by == Some(k)) {
                    Some(f) if !single => {
                        let mut sum = 0u64;
                        step.run_summing(frame, to, n, (&raw mut sum).cast());
                        sums[f] = Some(sum);
                    }
                    _ if past && !single && self.written[r] => {
                        let here = frame.room(self.piece);
                        step.run_past(frame, here, to, n);
                    }
                    _ => step.run(frame, to, if single { 1 } else { n }, single),
                }
                if single && kept.is_some() {
                    spread(to, n, code.sizes[r]);
                }
                (frame.at[r], frame.single[r]) = (to, single && kept.is_none());
            }
        }
    }

    /// Where a register's elements are kept for later stages, from the running block on.
    ///
    /// # Safety
    /// As `block`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn home(
        &self,
        code: &Code,
        memory: &Memory,
        frame: &mut Frame,
        r: usize,
        home: Home,
        start: usize,
        done: usize,
    ) -> Option<*mut u8> {
        let size = code.sizes[r];
        // SAFETY: both hold the element.
        unsafe {
            match home {
                Home::Kept(at) => Some(frame.room(at).add(done * size)),
                Home::Out(o) => Some(memory.pointer(self.outs[o].slot, size).add(start * size)),
                Home::Load | Home::Block => None,
            }
        }
    }
}

/// Repeats the element at `to` n times from there.
///
/// # Safety
/// `to` holds n elements.
pub unsafe fn spread(to: *mut u8, n: usize, size: usize) {
    let mut one = 0u64;
    // SAFETY: the caller's.
    unsafe {
        std::ptr::copy_nonoverlapping(to, (&raw mut one).cast(), size);
        fill((&raw const one).cast(), to, n, size);
    }
}
