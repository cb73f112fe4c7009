//! Columns: the innermost axis is kept.
//!
//! Blocks hold whole lines, or a piece of a long one, and line after line is folded into a vector of accumulators.

use smallvec::SmallVec;

use super::functions::{Functions, MadeFold};
use super::runs::whole;
use super::{CHUNK, Folds};
use crate::base::{Result, fill};
use crate::device::Memory;
use crate::device::cpu::block::{BLOCK, with_frame};
use crate::device::cpu::simd::LinesAbout;
use crate::device::cpu::tasks::{self, Shared};

/// Lines that are folded into one vector before it joins the next level.
const RADIX: usize = 64;

/// Lines that are folded before they join others: how lines are cut depends on the shape only, and there are few
/// chunks, for each has accumulators of its own.
pub fn lines_of_chunk(n: usize, inner: usize) -> usize {
    (CHUNK / inner.max(1)).max(RADIX).max(n.div_ceil(16))
}

impl Folds {
    /// Columns: innermost axis kept.
    pub(super) fn columns(&self, memory: &Memory) -> Result<()> {
        let (outer, n, inner) = (self.outer, self.folded, self.inner);
        let lines = lines_of_chunk(n, inner);
        let chunks = n.div_ceil(lines).max(1);
        let there = self.outs.iter().all(|o| self.code.in_place(memory, o.reg).is_some());
        let in_place = there || self.made.is_some();
        let tile = inner.min(if in_place { 4 * BLOCK } else { BLOCK });
        let tiles = inner.div_ceil(tile);
        let bytes: Vec<usize> = self.outs.iter().map(|o| chunks * outer * inner * o.functions.size).collect();
        let mut partials: Vec<Vec<u64>> =
            if chunks > 1 { bytes.iter().map(|b| vec![0u64; b.div_ceil(8)]).collect() } else { vec![] };
        let into: SmallVec<[Shared<u8>; 2]> = (0..self.outs.len())
            .map(|k| match partials.get_mut(k) {
                Some(p) => Shared(p.as_mut_ptr().cast()),
                None => Shared(memory.pointer(self.outs[k].slot, self.outs[k].functions.size)),
            })
            .collect();
        tasks::run(chunks * outer * tiles, self.cost(), |t| {
            let (chunk, rest) = (t / (outer * tiles), t % (outer * tiles));
            let (o, first) = (rest / tiles, rest % tiles * tile);
            let width = tile.min(inner - first);
            let lines = (chunk * lines)..((chunk + 1) * lines).min(n);
            let into = |k: usize| {
                // SAFETY: each task writes its own part of the accumulators.
                unsafe { into[k].get().add(((chunk * outer + o) * inner + first) * self.outs[k].functions.size) }
            };
            // SAFETY: as above.
            unsafe { self.lines(memory, o, lines, first, width, into) };
        })?;
        for (o, partial) in self.outs.iter().zip(&mut partials) {
            let (from, bytes) = (partial.as_mut_ptr().cast::<u8>(), outer * inner * o.functions.size);
            let out = memory.pointer(o.slot, o.functions.size);
            // SAFETY: the accumulators and the output hold `outer * inner` elements each.
            unsafe { combine(&o.functions, |c| from.add(c * bytes), chunks, outer * inner, out) };
        }
        Ok(())
    }

    /// Bytes from one line of a load to the next.
    fn line_bytes(&self, reg: u16) -> isize {
        // Lines of what lies in one piece may have been merged into one.
        match self.code.loads[reg as usize].contiguous {
            true => (self.inner * self.code.size_of(reg)) as isize,
            false => self.code.line_stride(reg),
        }
    }

    /// Folds some lines of `width` columns into accumulators, in levels of `RADIX` lines.
    ///
    /// # Safety
    /// `into(k)` holds `width` elements of output k.
    unsafe fn lines(
        &self,
        memory: &Memory,
        at: usize,
        lines: std::ops::Range<usize>,
        first: usize,
        width: usize,
        into: impl Fn(usize) -> *mut u8,
    ) {
        let (n, inner) = (self.folded, self.inner);
        let whole_lines = width == inner;
        let together = if whole_lines { (BLOCK / inner).max(1) } else { 1 };
        with_frame(|frame| {
            let mut levels: SmallVec<[Levels; 2]> = self.outs.iter().map(|o| Levels::new(o.functions, width)).collect();
            let mut line = lines.start;
            if let Some(made) = &self.made {
                // SAFETY: within the arrays.
                unsafe {
                    let (ins, single) = self.operands(memory, made.args, (n * at + line) * inner + first);
                    let strides = made.args.map(|r| self.line_bytes(r));
                    levels[0].add_made(made, ins, strides, single, lines.end - line);
                }
                line = lines.end;
            } else if let [o] = &self.outs[..]
                && let Some(base) = self.code.in_place(memory, o.reg)
            {
                let size = o.functions.size;
                // SAFETY: within the array.
                unsafe {
                    let from = base.add(((n * at + line) * inner + first) * size);
                    levels[0].add(from, inner * size, lines.end - line);
                }
                line = lines.end;
            }
            while line < lines.end {
                let count = together.min(lines.end - line);
                let start = (at * n + line) * inner + first;
                // SAFETY: within the domain; a block holds `count` lines.
                unsafe {
                    self.code.run(memory, frame, start, count * width, &[]);
                    for (o, levels) in self.outs.iter().zip(&mut levels) {
                        let all = whole(
                            frame.at[o.reg as usize],
                            frame.single[o.reg as usize],
                            count * width,
                            o.functions.size,
                        );
                        levels.add(all.pointer(), width * o.functions.size, count);
                    }
                }
                line += count;
            }
            for (k, levels) in levels.iter_mut().enumerate() {
                // SAFETY: the caller's.
                unsafe { levels.finish(into(k)) };
            }
        });
    }
}

/// Folds the chunks' accumulators pairwise into the output.
///
/// # Safety
/// `partial(c)` is where chunk c's n elements are; `out` holds n.
pub unsafe fn combine(f: &Functions, partial: impl Fn(usize) -> *mut u8, chunks: usize, n: usize, out: *mut u8) {
    let mut step = 1;
    while step < chunks {
        for c in (0..chunks).step_by(2 * step) {
            if c + step < chunks {
                // SAFETY: both hold n elements.
                unsafe { (f.line)(partial(c + step), n, partial(c)) };
            }
        }
        step *= 2;
    }
    // SAFETY: the caller's.
    unsafe { std::ptr::copy_nonoverlapping(partial(0), out, n * f.size) };
}

/// Accumulators for lines: each level takes `RADIX` of the one below.
pub struct Levels {
    f: Functions,
    width: usize,
    memory: Vec<u64>,
    counts: SmallVec<[usize; 6]>,
}

impl Levels {
    pub fn new(f: Functions, width: usize) -> Levels {
        Levels { f, width, memory: vec![], counts: SmallVec::new() }
    }

    fn words(&self) -> usize {
        (self.width * self.f.size).div_ceil(8)
    }

    /// Accumulators of nothing.
    ///
    /// # Safety
    /// There is room for `width` elements.
    unsafe fn clear(&self, at: *mut u8) {
        let mut one = 0u64;
        // SAFETY: the caller's.
        unsafe {
            (self.f.start)((&raw mut one).cast());
            fill((&raw const one).cast(), at, self.width, self.f.size);
        }
    }

    fn at(&mut self, level: usize) -> *mut u8 {
        let words = self.words();
        while self.counts.len() <= level {
            self.counts.push(0);
            self.memory.resize(self.memory.len() + words, 0);
            let from = self.memory.len() - words;
            // SAFETY: the level has room for `width` elements.
            unsafe {
                let at = self.memory.as_mut_ptr().add(from).cast();
                self.clear(at);
            }
        }
        // SAFETY: the level is there now.
        unsafe { self.memory.as_mut_ptr().add(level * words).cast() }
    }

    /// Takes `count` lines, `stride` bytes from one to the next.
    ///
    /// # Safety
    /// Each line holds `width` elements.
    pub unsafe fn add(&mut self, mut from: *const u8, stride: usize, mut count: usize) {
        while count > 0 {
            let at = self.at(0);
            let some = count.min(RADIX - self.counts[0]);
            // SAFETY: the caller's.
            unsafe {
                match self.f.lines {
                    Some(lines) => lines(from, stride as isize, some, self.width, at),
                    None => (0..some).for_each(|k| (self.f.line)(from.add(k * stride), self.width, at)),
                }
            }
            from = from.wrapping_add(some * stride);
            self.counts[0] += some;
            count -= some;
            self.carry();
        }
    }

    /// Takes what `count` lines of two operands make, so many bytes from one line to the next.
    ///
    /// # Safety
    /// Each line holds `width` elements, or one where single.
    pub unsafe fn add_made(
        &mut self,
        made: &MadeFold,
        mut ins: [*const u8; 2],
        strides: [isize; 2],
        single: u8,
        mut count: usize,
    ) {
        while count > 0 {
            let at = self.at(0);
            let some = count.min(RADIX - self.counts[0]);
            // SAFETY: the caller's.
            unsafe { (made.lines)(ins, strides, single, some, self.width, at) };
            for i in 0..2 {
                ins[i] = ins[i].wrapping_offset(some as isize * strides[i]);
            }
            self.counts[0] += some;
            count -= some;
            self.carry();
        }
    }

    /// Takes `count` lines into three sums about a line of pivots at once: of the elements, of their distances, of the squares of these.
    /// All three have taken as many before.
    ///
    /// # Safety
    /// Each line holds `width` elements.
    pub unsafe fn add_about(
        mut three: [&mut Levels; 3],
        lines: LinesAbout,
        mut from: *const u8,
        stride: usize,
        pivots: *const u8,
        mut count: usize,
    ) {
        while count > 0 {
            let at = three.each_mut().map(|levels| levels.at(0));
            let [levels, ..] = &three;
            let some = count.min(RADIX - levels.counts[0]);
            // SAFETY: the caller's.
            unsafe { lines(from, stride as isize, pivots, some, levels.width, at) };
            from = from.wrapping_add(some * stride);
            count -= some;
            for levels in &mut three {
                levels.counts[0] += some;
                levels.carry();
            }
        }
    }

    /// Full levels join the one above.
    fn carry(&mut self) {
        let mut level = 0;
        while self.counts[level] == RADIX {
            let above = self.at(level + 1);
            let here = self.at(level);
            // SAFETY: as above.
            unsafe {
                (self.f.line)(here, self.width, above);
                self.clear(here);
            }
            self.counts[level] = 0;
            self.counts[level + 1] += 1;
            level += 1;
        }
    }

    /// # Safety
    /// `out` holds `width` elements.
    pub unsafe fn finish(&mut self, out: *mut u8) {
        let total = self.at(0);
        for level in 1..self.counts.len() {
            let above = self.at(level);
            // SAFETY: both hold `width` elements.
            unsafe { (self.f.line)(above, self.width, total) };
        }
        // SAFETY: the caller's.
        unsafe { std::ptr::copy_nonoverlapping(total, out, self.width * self.f.size) };
    }
}
