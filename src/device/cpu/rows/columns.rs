//! Kernels of columns: maps and folds along axes that others follow, in stages, some columns at a time.
//!
//! In: as `rows`, where the folded axes are not the last ones. Out: what is stored. A tile is all lines of some columns;
//! it goes through all stages before the next is begun, so that what a later stage reads again is in cache: a variance
//! along the first axis, a softmax of columns, the normalization of a batch read memory once.
//!
//! A fold has a value for every column of the tile: a line is folded into them at once. Lines join in the levels and
//! chunks of `fold::lines`, so that a column's sum is the same to the bit whichever kernel makes it.
//! Floor: bytes of the loads and the outputs over the memory's bandwidth; the passes between are over the last cache.

use smallvec::SmallVec;

use super::about::{self, About, Pivoted};
use super::code;
use super::stages::{Folding, Level, Sizes, Stage, Staged};
use crate::base::{Result, copy, fill};
use crate::device::cpu::block::{BLOCK, Code, Frame, with_frame};
use crate::device::cpu::fold::{Levels, combine, lines_of_chunk, whole};
use crate::device::cpu::tasks;
use crate::device::{Memory, Program};
use crate::plan::kernel::Out;
use crate::plan::{Kernel, Reg, Slot};

/// Bytes of a tile: a core's share of the last cache.
const TILE: usize = 4 << 20;
/// The fewest columns of a tile, where there are as many: whole lines of the cache, several at a time.
const LEAST: usize = 64;
/// Columns of a tile where nothing is read twice: eight lines of them are in the first cache.
const READ_ONCE: usize = 512;

pub struct Columns {
    code: Code,
    staged: Staged,
    /// Outputs before the folded axes, folded elements, columns.
    outer: usize,
    n: usize,
    inner: usize,
    /// Columns of a tile, and lines of a block.
    width: usize,
    together: usize,
    /// By stage: it only folds what lies in memory, or what is made of that.
    direct: Vec<bool>,
    /// Folds of later stages that are had from the first one's reading.
    about: Vec<About>,
}

/// Some columns: of which line of the axes before, the first, and how many.
#[derive(Clone, Copy)]
struct Tile {
    outer: usize,
    first: usize,
    width: usize,
}

/// Whether a stage needs no blocks: it folds loads where they lie, or what is made of such and of columns' values.
fn is_direct(code: &Code, staged: &Staged, stage: &Stage) -> bool {
    let lies = |r: Reg| match staged.level[r as usize] {
        Level::Element(_) => code.loads.get(r as usize).is_some_and(|l| l.contiguous),
        Level::One(_) | Level::Row { .. } => true,
    };
    let folds = |f: &Folding| match &f.made {
        Some(made) => made.args.iter().all(|&r| lies(r)),
        None => matches!(staged.level[f.arg as usize], Level::Element(_)) && lies(f.arg),
    };
    let rows = |&o: &usize| matches!(staged.level[staged.outs[o].reg as usize], Level::Row { .. });
    stage.steps.is_empty() && stage.folds.iter().all(folds) && stage.outs.iter().all(rows)
}

impl Columns {
    pub fn new(kernel: &Kernel, axes: &[usize], outs: &[Out], slots: &[Slot]) -> Result<Columns> {
        let size = |axes: std::ops::Range<usize>| kernel.domain[axes].iter().product::<usize>();
        let (from, to) = (axes[0], axes[axes.len() - 1] + 1);
        let (outer, n, inner) = (size(0..from), size(from..to), size(to..kernel.domain.rank()));
        let code = code(kernel, outs)?;
        let staged = |sizes: &Sizes| Staged::new(kernel, &code, axes, outs, slots, sizes);
        let kept = staged(&Sizes { elements: n, values: 1, repeated: false })?.kept;
        // Columns do not depend on each other: how many are taken is free.
        let column = n * (code.bytes + 8 * (kept + outs.len()));
        let share = (outer * inner).div_ceil(2 * tasks::threads());
        let width = (TILE / column.max(1)).min(share).clamp(LEAST, BLOCK) / LEAST * LEAST;
        let made = |width: usize| -> Result<(usize, Staged)> {
            let width = width.min(inner);
            let together = if width == inner { (BLOCK / inner).clamp(1, n) } else { 1 };
            let sizes = Sizes { elements: n.max(together) * width, values: width, repeated: together > 1 };
            Ok((together, staged(&sizes)?.with_made_folds(kernel, &code)))
        };
        let mut width = width.min(inner);
        let (mut together, mut found) = made(width)?;
        let first = found.stages.first().is_some_and(|stage| is_direct(&code, &found, stage));
        let mut about = if first { about::take(&mut found, kernel, &code) } else { vec![] };
        if !about.is_empty() && found.stages[1..].iter().all(|s| s.folds.is_empty() && s.steps.is_empty()) && n > 0 {
            // Nothing is read twice: lines as long as the first cache holds some of.
            width = READ_ONCE.min(share).max(LEAST).min(inner);
            (together, found) = made(width)?;
            about = about::take(&mut found, kernel, &code);
        }
        let staged = found.with_registers(kernel, &code);
        let direct = staged.stages.iter().map(|stage| is_direct(&code, &staged, stage)).collect();
        Ok(Columns { code, staged, outer, n, inner, width, together, direct, about })
    }

    /// A tile through all stages.
    ///
    /// # Safety
    /// These columns of the outputs are this call's alone.
    unsafe fn tile(&self, memory: &Memory, frame: &mut Frame, tile: Tile) {
        self.staged.prepare(frame, &self.code);
        let mut kept: SmallVec<[Pivoted; 1]> = self.about.iter().map(|_| Pivoted::default()).collect();
        for (s, (stage, &direct)) in self.staged.stages.iter().zip(&self.direct).enumerate() {
            // SAFETY: the caller's.
            unsafe {
                self.values(memory, frame, stage, tile.width);
                for (about, kept) in self.about.iter().zip(&kept).filter(|(a, _)| a.stage == s) {
                    about.finish(&self.staged, frame, kept, tile.width);
                }
                if stage.is_idle() {
                    continue;
                }
                if direct {
                    self.store(memory, frame, stage, tile, 0, 0, 0);
                } else {
                    self.repeat(frame, stage, tile.width);
                }
                let lines = lines_of_chunk(self.n, self.inner);
                let words = |size: usize| (tile.width * size).div_ceil(8);
                let mut chunks: SmallVec<[Vec<u64>; 2]> = stage.folds.iter().map(|_| vec![]).collect();
                for from in (0..self.n).step_by(lines) {
                    let mut levels: SmallVec<[Levels; 2]> =
                        stage.folds.iter().map(|f| Levels::new(f.functions, tile.width)).collect();
                    let some = from..(from + lines).min(self.n);
                    if direct && s == 0 && !self.about.is_empty() {
                        self.lines_about(memory, frame, stage, tile, some, &mut levels, &mut kept);
                    } else if direct {
                        self.lines_there(memory, frame, stage, tile, some, &mut levels);
                    } else {
                        self.lines(memory, frame, stage, tile, some, &mut levels);
                    }
                    for ((f, levels), chunk) in stage.folds.iter().zip(&mut levels).zip(&mut chunks) {
                        let end = chunk.len();
                        chunk.resize(end + words(self.code.size_of(f.arg)), 0);
                        levels.finish(chunk[end..].as_mut_ptr().cast());
                    }
                }
                for (f, chunk) in stage.folds.iter().zip(&mut chunks) {
                    let Level::Row { at, .. } = self.staged.level[f.result as usize] else { continue };
                    let stride = words(self.code.size_of(f.arg)) * 8;
                    let count = chunk.len() * 8 / stride.max(1);
                    combine(&f.functions, chunk.as_mut_ptr().cast(), stride, count, tile.width, frame.room(at));
                }
            }
        }
    }

    /// Some lines of a tile, folded where they lie, and for the folds of squared distances: a few at a time, so that they are read from
    /// memory once.
    ///
    /// # Safety
    /// As `tile`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn lines_about(
        &self,
        memory: &Memory,
        frame: &Frame,
        stage: &Stage,
        tile: Tile,
        lines: std::ops::Range<usize>,
        levels: &mut [Levels],
        kept: &mut [Pivoted],
    ) {
        let at = |about: &About, line: usize| {
            let base = self.code.in_place(memory, about.x).unwrap_or(std::ptr::null());
            let size = self.code.size_of(about.x);
            (base.wrapping_add(((tile.outer * self.n + line) * self.inner + tile.first) * size), self.inner * size)
        };
        // SAFETY: the caller's; what is about a value lies in place.
        unsafe {
            let start = |about: &About| {
                let (from, stride) = at(about, lines.start);
                about.start(from, stride, lines.len(), tile.width)
            };
            let mut sums: SmallVec<[about::Sums; 1]> = self.about.iter().map(start).collect();
            for line in lines.clone().step_by(about::TOGETHER) {
                let some = line..(line + about::TOGETHER).min(lines.end);
                self.lines_there(memory, frame, stage, tile, some.clone(), levels);
                for (about, sums) in self.about.iter().zip(&mut sums) {
                    let (from, stride) = at(about, line);
                    about.add(sums, from, stride, some.len());
                }
            }
            for ((about, sums), kept) in self.about.iter().zip(sums).zip(kept) {
                about.keep(sums, tile.width, kept);
            }
        }
    }

    /// Some lines of a tile, folded where they lie.
    ///
    /// # Safety
    /// As `tile`.
    unsafe fn lines_there(
        &self,
        memory: &Memory,
        frame: &Frame,
        stage: &Stage,
        tile: Tile,
        lines: std::ops::Range<usize>,
        levels: &mut [Levels],
    ) {
        let start = (tile.outer * self.n + lines.start) * self.inner + tile.first;
        for (f, levels) in stage.folds.iter().zip(levels) {
            // Where an operand begins, and how far its next line is.
            let at = |r: Reg| match self.code.in_place(memory, r) {
                Some(base) => (base.wrapping_add(start * self.code.size_of(r)), self.inner * self.code.size_of(r)),
                None => (frame.at[r as usize], 0),
            };
            // SAFETY: the caller's.
            unsafe {
                match &f.made {
                    Some(made) => {
                        let ins = made.args.map(at);
                        let single = made.args.map(|r| matches!(self.staged.level[r as usize], Level::One(_)));
                        let mask = single[0] as u8 | (single[1] as u8) << 1;
                        let strides = [0, 1].map(|i| if single[i] { 0 } else { ins[i].1 as isize });
                        levels.add_made(made, ins.map(|i| i.0), strides, mask, lines.len());
                    }
                    None => {
                        let (from, stride) = at(f.arg);
                        levels.add(from, stride, lines.len());
                    }
                }
            }
        }
    }

    /// Some lines of a tile through one stage.
    ///
    /// # Safety
    /// As `tile`.
    unsafe fn lines(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        stage: &Stage,
        tile: Tile,
        lines: std::ops::Range<usize>,
        levels: &mut [Levels],
    ) {
        let mut line = lines.start;
        while line < lines.end {
            let count = self.together.min(lines.end - line);
            let n = count * tile.width;
            let start = (tile.outer * self.n + line) * self.inner + tile.first;
            // SAFETY: the caller's; a block holds `count` lines.
            unsafe {
                self.staged.block(&self.code, memory, frame, stage, start, line * tile.width, n, &mut [], false);
                for (f, levels) in stage.folds.iter().zip(&mut *levels) {
                    if let Some(made) = &f.made {
                        let single = made.args.map(|r| frame.single[r as usize]);
                        let mask = single[0] as u8 | (single[1] as u8) << 1;
                        let strides = [0, 1].map(|i| {
                            let bytes = tile.width * self.code.size_of(made.args[i]);
                            if single[i] { 0 } else { bytes as isize }
                        });
                        levels.add_made(made, made.args.map(|r| frame.at[r as usize]), strides, mask, count);
                        continue;
                    }
                    let (r, size) = (f.arg as usize, self.code.size_of(f.arg));
                    let all = whole(frame.at[r], frame.single[r], n, size);
                    levels.add(all.pointer(), tile.width * size, count);
                }
                self.store(memory, frame, stage, tile, line, start, n);
            }
            line += count;
        }
    }

    /// What is computed once a column, or once.
    ///
    /// # Safety
    /// As `tile`.
    unsafe fn values(&self, memory: &Memory, frame: &mut Frame, stage: &Stage, width: usize) {
        for &(r, level) in &self.staged.values {
            let (at, single) = match level {
                Level::One(_) if r < self.code.loads.len() => (self.code.single_at(memory, r), true),
                Level::One(at) => (frame.room(at).cast_const(), true),
                Level::Row { at, .. } => (frame.room(at).cast_const(), false),
                Level::Element(_) => continue,
            };
            (frame.at[r], frame.single[r]) = (at, single);
        }
        for &k in &stage.row_steps {
            let step = &self.code.steps[k];
            let single = step.is_single(frame);
            let (Level::One(at) | Level::Row { at, .. }) = self.staged.level[step.result as usize] else { continue };
            let to = frame.room(at);
            // SAFETY: there is room for a value a column.
            unsafe { step.run(frame, to, if single { 1 } else { width }, single) };
        }
    }

    /// Columns' values for every line of a block, where a block has several.
    ///
    /// # Safety
    /// As `tile`.
    unsafe fn repeat(&self, frame: &mut Frame, stage: &Stage, width: usize) {
        for &r in &stage.repeats {
            let Level::Row { at, repeated: Some(to) } = self.staged.level[r as usize] else { continue };
            let (from, to, bytes) = (frame.room(at), frame.room(to), width * self.code.size_of(r));
            for i in 0..self.together {
                // SAFETY: there is room for the elements of a block.
                unsafe { copy(from, to.add(i * bytes), bytes) };
            }
            frame.at[r as usize] = to;
        }
    }

    /// Brings to memory what is not there already.
    ///
    /// # Safety
    /// As `tile`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn store(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        stage: &Stage,
        tile: Tile,
        line: usize,
        start: usize,
        n: usize,
    ) {
        for &o in &stage.outs {
            let out = &self.staged.outs[o];
            let r = out.reg as usize;
            let base = memory.pointer(out.slot, out.size);
            let (to, n) = match out.row {
                true if line > 0 => continue,
                true => (tile.outer * self.inner + tile.first, tile.width),
                false => (start, n),
            };
            // SAFETY: the output holds an element for each of the domain, or of the columns.
            unsafe {
                let to = base.add(to * out.size);
                if frame.single[r] {
                    let mut one = 0u64;
                    std::ptr::copy_nonoverlapping(frame.at[r], (&raw mut one).cast(), out.size);
                    fill((&raw const one).cast(), to, n, out.size);
                } else if !std::ptr::eq(frame.at[r], to) {
                    copy(frame.at[r], to, n * out.size);
                }
            }
        }
    }
}

impl Program for Columns {
    fn launch(&self, memory: &Memory) -> Result<()> {
        if self.outer * self.n * self.inner == 0 {
            return Ok(());
        }
        let written = self.staged.outs.iter().filter(|o| !o.row).map(|o| o.size).sum();
        let cost = self.code.estimate(self.outer * self.n * self.inner, written);
        let tiles = self.inner.div_ceil(self.width);
        tasks::run(self.outer * tiles, cost, |t| {
            let first = t % tiles * self.width;
            let tile = Tile { outer: t / tiles, first, width: self.width.min(self.inner - first) };
            // SAFETY: tasks have different columns.
            with_frame(|frame| unsafe { self.tile(memory, frame, tile) });
        })
    }
}
