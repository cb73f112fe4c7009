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

use super::about::{self, About, Kept};
use super::code;
use super::stages::{Folding, Level, Sizes, Stage, Staged};
use crate::base::{Result, copy, fill};
use crate::device::cpu::block::{BLOCK, Code, Frame, with_frame};
use crate::device::cpu::fold::{Levels, combine, lines_of_chunk, whole};
use crate::device::cpu::tasks::{self, Shared};
use crate::device::{Memory, Program};
use crate::plan::kernel::Out;
use crate::plan::{Kernel, Reg, Slot};

/// Bytes of a tile: a core's share of the last cache.
const TILE: usize = 4 << 20;
/// The fewest columns of a tile, where there are as many: whole lines of the cache, several at a time.
const LEAST: usize = 64;
/// Columns of a tile where nothing is read twice: three sums of them, and the lines that are read together, lie in a second cache. Whole
/// lines are read faster than pieces: of 80 MB, 512 columns at a time take 6.9 ms, 1024 6.3, all 2500 5.6.
const READ_ONCE: usize = 4096;

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
    about: Option<About>,
    /// Nothing is read twice.
    once: bool,
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
        let mut about = if first { about::take(&mut found, kernel, &code) } else { None };
        let once = n > 0 && about.as_ref().is_some_and(|about| about.is_all(&found.stages[1..]));
        if once {
            width = inner.div_ceil(inner.div_ceil(READ_ONCE).max(1)).max(1);
            (together, found) = made(width)?;
            about = about::take(&mut found, kernel, &code);
        }
        let staged = found.with_registers(kernel, &code);
        let direct = staged.stages.iter().map(|stage| is_direct(&code, &staged, stage)).collect();
        Ok(Columns { code, staged, outer, n, inner, width, together, direct, about, once })
    }

    /// A tile through all stages; what the first makes of its pieces may be there.
    ///
    /// # Safety
    /// These columns of the outputs are this call's alone.
    unsafe fn tile(&self, memory: &Memory, frame: &mut Frame, tile: Tile, mut made: Option<&mut [u64]>) {
        self.staged.prepare(frame, &self.code);
        let (lines, pieces) = (self.lines_together(), self.pieces());
        let mut rooms: SmallVec<[Vec<u64>; 4]> = self.direct.iter().map(|_| vec![]).collect();
        let mut kept: SmallVec<[Kept; 16]> = SmallVec::new();
        for (s, (stage, room)) in self.staged.stages.iter().zip(&mut rooms).enumerate() {
            // SAFETY: the caller's.
            unsafe {
                self.values(memory, frame, stage, tile.width);
                if let Some(about) = self.about.as_ref().filter(|_| s > 0) {
                    about.columns(&self.staged, frame, s, &kept, tile.width);
                }
                if stage.is_idle() {
                    continue;
                }
                if self.direct[s] {
                    self.store(memory, frame, stage, tile, 0, 0, 0);
                } else {
                    self.repeat(frame, stage, tile.width);
                }
                let words = self.words(s, tile);
                let made = made.take().unwrap_or_else(|| {
                    room.resize(pieces * words, 0);
                    for piece in 0..pieces {
                        self.piece(memory, frame, tile, s, piece, &mut room[piece * words..][..words]);
                    }
                    room
                });
                for (k, f) in stage.folds.iter().enumerate() {
                    let Level::Row { at, .. } = self.staged.level[f.result as usize] else { continue };
                    let base = made.as_mut_ptr();
                    let line = |piece: usize| base.add(piece * words + k * tile.width).cast();
                    combine(&f.functions, line, pieces, tile.width, frame.room(at));
                }
                if self.about.is_some() && s == 0 {
                    let about = stage.folds.len() * tile.width;
                    for (piece, made) in made.chunks_exact(words).take(pieces).enumerate() {
                        kept.push(Kept { memory: &made[about..], lines: lines.min(self.n - piece * lines) });
                    }
                }
            }
        }
    }

    /// Lines that are folded before they join others.
    fn lines_together(&self) -> usize {
        lines_of_chunk(self.n, self.inner)
    }

    fn pieces(&self) -> usize {
        self.n.div_ceil(self.lines_together())
    }

    /// Words that a stage makes of some lines of a tile: a line for each fold, and three about pivots.
    fn words(&self, s: usize, tile: Tile) -> usize {
        let about = if s == 0 && self.about.is_some() { 3 } else { 0 };
        (self.staged.stages[s].folds.len() + about) * tile.width
    }

    /// What a stage makes of some lines of a tile.
    ///
    /// # Safety
    /// As `tile`.
    unsafe fn piece(&self, memory: &Memory, frame: &mut Frame, tile: Tile, s: usize, piece: usize, to: &mut [u64]) {
        let (stage, direct) = (&self.staged.stages[s], self.direct[s]);
        let lines = self.lines_together();
        let some = piece * lines..((piece + 1) * lines).min(self.n);
        let mut levels: SmallVec<[Levels; 2]> =
            stage.folds.iter().map(|f| Levels::new(f.functions, tile.width)).collect();
        let (folds, about) = to.split_at_mut(stage.folds.len() * tile.width);
        // SAFETY: the caller's; what is about a value lies in place; a line has as many words.
        unsafe {
            match self.about.as_ref().filter(|_| s == 0) {
                Some(of) => {
                    let base = self.code.in_place(memory, of.x).unwrap_or(std::ptr::null());
                    let size = self.code.size_of(of.x);
                    let from = (tile.outer * self.n + some.start) * self.inner + tile.first;
                    let from = base.wrapping_add(from * size);
                    // Some at a time, so that they are read from memory once.
                    let others = |levels: &mut [Levels], lines: std::ops::Range<usize>| {
                        let lines = some.start + lines.start..some.start + lines.end;
                        self.lines_there(memory, frame, stage, tile, lines, levels, of.sum);
                    };
                    of.lines(from, self.inner * size, some.len(), tile.width, &mut levels, about, others);
                }
                None if direct => self.lines_there(memory, frame, stage, tile, some, &mut levels, None),
                None => self.lines(memory, frame, stage, tile, some, &mut levels),
            }
            for (levels, to) in levels.iter_mut().zip(folds.chunks_exact_mut(tile.width)) {
                levels.finish(to.as_mut_ptr().cast());
            }
        }
    }

    /// Some lines of a tile, folded where they lie, but for one fold.
    ///
    /// # Safety
    /// As `tile`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn lines_there(
        &self,
        memory: &Memory,
        frame: &Frame,
        stage: &Stage,
        tile: Tile,
        lines: std::ops::Range<usize>,
        levels: &mut [Levels],
        but: Option<usize>,
    ) {
        let start = (tile.outer * self.n + lines.start) * self.inner + tile.first;
        let folds = stage.folds.iter().zip(levels).enumerate().filter(|(k, _)| Some(*k) != but);
        for (f, levels) in folds.map(|(_, f)| f) {
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
        let tile = |t: usize| {
            let first = t % tiles * self.width;
            Tile { outer: t / tiles, first, width: self.width.min(self.inner - first) }
        };
        // Where nothing is read twice, pieces of few large tiles are shared, not the tiles.
        let (pieces, tiles) = (self.pieces(), self.outer * tiles);
        if !self.once || pieces == 1 || tiles >= 4 * tasks::threads() {
            return tasks::run(tiles, cost, |t| {
                // SAFETY: tasks have different columns.
                with_frame(|frame| unsafe { self.tile(memory, frame, tile(t), None) });
            });
        }
        let most = self.words(0, tile(0)) * pieces;
        let mut made = vec![0u64; tiles * most];
        let into = Shared(made.as_mut_ptr());
        tasks::run(tiles * pieces, cost, |t| {
            with_frame(|frame| {
                self.staged.prepare(frame, &self.code);
                let (tile, piece) = (tile(t / pieces), t % pieces);
                let words = self.words(0, tile);
                // SAFETY: each task makes its own piece.
                unsafe {
                    let to = into.get().add(t / pieces * most + piece * words);
                    self.values(memory, frame, &self.staged.stages[0], tile.width);
                    self.piece(memory, frame, tile, 0, piece, std::slice::from_raw_parts_mut(to, words));
                }
            });
        })?;
        for (t, made) in made.chunks_exact_mut(most.max(1)).enumerate() {
            // SAFETY: alone.
            with_frame(|frame| unsafe { self.tile(memory, frame, tile(t), Some(made)) });
        }
        Ok(())
    }
}
