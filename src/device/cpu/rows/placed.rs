//! Rows one by one, with every step's function and places found once for some of them.
//!
//! In: stages, for rows of at least half a block. Out: for each step, fold and output of each stage where its operands are in the
//! first row, and how they move from row to row and from block to block. Then a block of a row is calls: what `Staged::block` finds
//! anew each time is as much work as computing a block of 1000 f32. A step whose function depends on a row's value (a divisor)
//! is found anew for it.

use super::stages::{Home, Level, Stage};
use super::{Folded, Partials, Rows};
use crate::base::copy;
use crate::device::Memory;
use crate::device::cpu::block::{BLOCK, Code, Frame};
use crate::device::cpu::call::Found;
use crate::device::cpu::fold::pairwise;
use crate::plan::Reg;

/// Where a register is: that of the first row's first element, and the bytes from row to row and from element to element.
#[derive(Clone, Copy)]
struct Place {
    at: *const u8,
    row: isize,
    element: usize,
    single: bool,
}

impl Place {
    /// The same everywhere.
    fn fixed(at: *const u8, single: bool) -> Place {
        Place { at, row: 0, element: 0, single }
    }

    #[inline(always)]
    fn of(&self, row: usize, done: usize) -> *const u8 {
        self.at.wrapping_offset(row as isize * self.row).wrapping_add(done * self.element)
    }
}

/// A step with its operands found.
struct PlacedStep {
    /// Which of the code.
    step: usize,
    found: Found,
    args: [Place; 3],
    to: Place,
    /// What it asks for meanwhile.
    asks: Option<Place>,
    /// Found anew for each block.
    anew: bool,
    /// The fold of its stage that takes its sum.
    sums: Option<usize>,
}

/// What is stored at the end of a block, beyond what steps wrote where it belongs.
enum Stored {
    /// A row's value: where it is, its output.
    Row(*const u8, Place),
    /// Elements that lie elsewhere, their output.
    Elements(Place, Place),
}

/// The steps, folds and outputs of all stages, one after the other.
#[derive(Default)]
pub struct Placement {
    /// Of each register, as far as it is known.
    places: Vec<Option<Place>>,
    steps: Vec<PlacedStep>,
    folds: Vec<[Place; 2]>,
    stored: Vec<(Stored, usize)>,
    /// For each stage, its steps over rows' values, its steps, folds and outputs: where they end.
    ends: Vec<[usize; 4]>,
}

impl Rows {
    /// Finds all for rows from `first` on; false where a row's blocks differ in more than their places.
    pub fn place(&self, memory: &Memory, frame: &mut Frame, first: usize, to: &mut Placement) -> bool {
        to.steps.clear();
        to.folds.clear();
        to.stored.clear();
        to.ends.clear();
        if self.together > 1 {
            return false;
        }
        let mut places = std::mem::take(&mut to.places);
        places.clear();
        places.resize(self.code.sizes.len(), None);
        for &(r, level) in &self.staged.values {
            if let Level::One(_) | Level::Row { .. } = level {
                places[r] = Some(Place::fixed(frame.at[r], true));
            }
        }
        for (r, &level) in self.staged.level.iter().enumerate() {
            if let Level::Element(home) = level {
                places[r] = self.home(memory, frame, r, home, first);
            }
        }
        let mut stages = self.staged.stages.iter();
        let all = stages.all(|stage| self.place_stage(memory, frame, first, stage, &mut places, to).is_some());
        to.places = places;
        all
    }

    fn home(&self, memory: &Memory, frame: &mut Frame, r: usize, home: Home, first: usize) -> Option<Place> {
        let size = self.code.sizes[r];
        match home {
            Home::Kept(at) => Some(Place { at: frame.room(at), row: 0, element: size, single: false }),
            Home::Out(o) => Some(self.elements(memory.pointer(self.staged.outs[o].slot, size), size, first)),
            Home::Load => self.load(memory, r, first),
            Home::Block => None,
        }
    }

    /// The place of an array of the domain's elements.
    fn elements(&self, base: *const u8, size: usize, first: usize) -> Place {
        let row = self.n * size;
        Place { at: base.wrapping_add(first * row), row: row as isize, element: size, single: false }
    }

    fn load(&self, memory: &Memory, r: usize, first: usize) -> Option<Place> {
        let (reg, size) = (r as Reg, self.code.sizes[r]);
        if let Some(base) = self.code.in_place(memory, reg) {
            return Some(self.elements(base, size, first));
        }
        // Along the row in memory, and as far from one row to the next everywhere.
        if !self.code.lies_along(reg) || self.code.dims[..] != [self.rows, self.n] {
            return None;
        }
        let (at, single) = self.code.along(memory, reg, first * self.n);
        let element = if single { 0 } else { size };
        Some(Place { at, row: self.code.line_stride(reg), element, single })
    }

    fn place_stage(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        first: usize,
        stage: &Stage,
        places: &mut [Option<Place>],
        to: &mut Placement,
    ) -> Option<()> {
        let code = &self.code;
        for &k in &stage.row_steps {
            let r = code.steps[k].result as usize;
            let (Level::One(at) | Level::Row { at, .. }) = self.staged.level[r] else { return None };
            let into = Place::fixed(frame.room(at), true);
            to.steps.push(placed_step(code, frame, k, places, into, None)?);
        }
        let row_steps = to.steps.len();
        for &k in &stage.steps {
            let r = code.steps[k].result as usize;
            let Level::Element(home) = self.staged.level[r] else { return None };
            let into = match home {
                Home::Block => Place::fixed(frame.scratch(stage.scratch_of[r]), false),
                _ => places[r]?,
            };
            let sums = stage.folds.iter().position(|f| f.by == Some(k));
            let placed = placed_step(code, frame, k, places, into, sums)?;
            // The same along the row: that is another way.
            if code.steps[k].is_single(frame) {
                return None;
            }
            to.steps.push(placed);
            places[r] = Some(into);
        }
        for f in &stage.folds {
            let Level::Row { .. } = self.staged.level[f.result as usize] else { return None };
            let args = f.made.map_or([f.arg; 2], |m| m.args).map(|a| places[a as usize]);
            let args = [args[0]?, args[1]?];
            if f.made.is_none() && args[0].single {
                return None;
            }
            to.folds.push(args);
        }
        for &o in &stage.outs {
            let target = &self.staged.outs[o];
            let (r, size) = (target.reg as usize, target.size);
            let base = memory.pointer(target.slot, size).cast_const();
            match (target.row, self.staged.level[r]) {
                (true, Level::Row { at, .. }) => {
                    let into =
                        Place { at: base.wrapping_add(first * size), row: size as isize, element: 0, single: true };
                    to.stored.push((Stored::Row(frame.room(at).cast_const(), into), size));
                }
                (false, Level::Element(_)) => {
                    let (from, into) = (places[r]?, self.elements(base, size, first));
                    if from.single {
                        return None;
                    }
                    if from.at != into.at {
                        to.stored.push((Stored::Elements(from, into), size));
                    }
                }
                _ => return None,
            }
        }
        to.ends.push([row_steps, to.steps.len(), to.folds.len(), to.stored.len()]);
        Some(())
    }

    /// Row `row` of those that were placed through all stages.
    ///
    /// # Safety
    /// This row of the outputs is this call's alone; all was placed for this frame and memory.
    pub unsafe fn one_placed(&self, frame: &mut Frame, placement: &mut Placement, row: usize, folded: Option<Folded>) {
        let blocks = self.n.div_ceil(BLOCK);
        let mut from = [0; 4];
        for (s, (stage, ends)) in self.staged.stages.iter().zip(&placement.ends).enumerate() {
            let [row_steps, steps, folds, stored] = *ends;
            for step in &mut placement.steps[from[0]..row_steps] {
                // SAFETY: there is room for a value.
                unsafe { step.run(&self.code, frame, 0, 0, 1) };
            }
            if self.put(frame, s, folded) {
                from = [steps, steps, folds, stored];
                continue;
            }
            let mut partials = Partials::new();
            if blocks > 1 {
                partials.resize(stage.folds.len() * blocks, 0);
            }
            let mut done = 0;
            while done < self.n && !stage.is_idle() {
                let n = BLOCK.min(self.n - done);
                // SAFETY: all lie in their arrays and registers; there is room for a value of the row.
                unsafe {
                    let mut sums = [0u64; super::SUMMED];
                    for step in &mut placement.steps[row_steps..steps] {
                        match step.sums {
                            Some(f) => step.run_summing(row, done, n, &mut sums[f]),
                            None => step.run(&self.code, frame, row, done, n),
                        }
                    }
                    for (k, (f, args)) in stage.folds.iter().zip(&placement.folds[from[2]..folds]).enumerate() {
                        let Level::Row { at, .. } = self.staged.level[f.result as usize] else { continue };
                        let out: *mut u8 = match blocks {
                            1 => frame.room(at),
                            _ => (&raw mut partials[k * blocks + done / BLOCK]).cast(),
                        };
                        let ins = args.map(|a| a.of(row, done));
                        match f.made {
                            _ if f.by.is_some() => {
                                let size = self.code.sizes[f.arg as usize];
                                std::ptr::copy_nonoverlapping((&raw const sums[k]).cast(), out, size);
                            }
                            Some(made) => {
                                let single = args[0].single as u8 | (args[1].single as u8) << 1;
                                f.run_made(&made, ins, single, n, out);
                            }
                            None => (f.functions.segment)(ins[0], n, out),
                        }
                    }
                    for (stored, size) in &placement.stored[from[3]..stored] {
                        match stored {
                            Stored::Row(from, to) if done == 0 => {
                                std::ptr::copy_nonoverlapping(*from, to.of(row, 0).cast_mut(), *size);
                            }
                            Stored::Row(..) => {}
                            Stored::Elements(from, to) => {
                                copy(from.of(row, done), to.of(row, done).cast_mut(), n * size);
                            }
                        }
                    }
                }
                done += n;
            }
            for (f, partials) in stage.folds.iter().zip(partials.chunks_exact_mut(blocks)) {
                if let Level::Row { at, .. } = self.staged.level[f.result as usize] {
                    // SAFETY: there is room for a value.
                    unsafe { pairwise(&f.functions, partials, frame.room(at)) };
                }
            }
            from = [steps, steps, folds, stored];
        }
    }
}

/// A step whose operands are where `places` says; `None` where it takes one that is not known.
fn placed_step(
    code: &Code,
    frame: &mut Frame,
    k: usize,
    places: &[Option<Place>],
    to: Place,
    sums: Option<usize>,
) -> Option<PlacedStep> {
    let step = &code.steps[k];
    for (_, a) in step.reads() {
        let place = places[a as usize]?;
        (frame.at[a as usize], frame.single[a as usize]) = (place.at, place.single);
    }
    let single = step.is_single(frame);
    // SAFETY: what a number says is found anew, but for those that are there before all rows.
    let found = unsafe { step.find(frame, if single { 1 } else { BLOCK }, single) };
    let anew =
        found.repeats != 0 || step.looks_at_numbers(frame, |r| !code.loads.get(r as usize).is_some_and(|l| l.single));
    let mut args = found.at.map(|at| Place::fixed(at, true));
    for (i, a) in step.reads() {
        args[i] = places[a as usize]?;
    }
    let asks = step.asks.and_then(|load| places[load as usize]);
    Some(PlacedStep { step: k, found, args, to, asks, anew, sums })
}

impl PlacedStep {
    /// # Safety
    /// As `Step::run`.
    #[inline(always)]
    unsafe fn run(&mut self, code: &Code, frame: &mut Frame, row: usize, done: usize, n: usize) {
        let to = self.to.of(row, done).cast_mut();
        // SAFETY: the caller's.
        unsafe {
            if self.anew {
                return self.run_anew(code, frame, row, done, to, n);
            }
            self.move_to(row, done);
            self.found.run(to, n);
        }
    }

    /// # Safety
    /// As `Step::run`.
    #[inline(never)]
    unsafe fn run_anew(&self, code: &Code, frame: &mut Frame, row: usize, done: usize, to: *mut u8, n: usize) {
        let step = &code.steps[self.step];
        for (i, a) in step.reads() {
            let place = &self.args[i];
            (frame.at[a as usize], frame.single[a as usize]) = (place.of(row, done), place.single);
        }
        // SAFETY: the caller's.
        unsafe { step.run(frame, to, n, step.is_single(frame)) };
    }

    /// # Safety
    /// As `Step::run_summing`.
    #[inline(always)]
    unsafe fn run_summing(&mut self, row: usize, done: usize, n: usize, sum: &mut u64) {
        self.move_to(row, done);
        // SAFETY: the caller's.
        unsafe { self.found.run_summing(self.to.of(row, done).cast_mut(), n, (&raw mut *sum).cast()) };
    }

    #[inline(always)]
    fn move_to(&mut self, row: usize, done: usize) {
        for (at, place) in self.found.at.iter_mut().zip(&self.args) {
            *at = place.of(row, done);
        }
        if let Some(asks) = &self.asks {
            // The next block of what another step reads.
            let next = asks.of(row, done + BLOCK).addr();
            self.found.ask(next.wrapping_sub(self.found.at[0].addr()));
        }
    }
}
