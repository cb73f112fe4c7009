//! Rows: the innermost axis is folded.
//!
//! Each output folds a run of the domain. Short rows share a block; long ones are cut into chunks that threads share.

use smallvec::SmallVec;

use super::functions::Functions;
use super::{CHUNK, Folds};
use crate::base::{Result, fill};
use crate::device::Memory;
use crate::device::cpu::block::{BLOCK, Frame, with_frame};
use crate::device::cpu::simd::{SIDES, SIDES_OF, Segments};
use crate::device::cpu::tasks::{self, Shared};

impl Folds {
    /// Rows: innermost axis folded.
    pub(super) fn rows(&self, memory: &Memory) -> Result<()> {
        let (rows, n) = (self.outer, self.folded);
        let chunks = n.div_ceil(CHUNK).max(1);
        if chunks == 1 {
            let per_task = (CHUNK / n.max(1)).clamp(1, rows.max(1));
            return tasks::run(rows.div_ceil(per_task), self.cost(), |t| {
                // SAFETY: each task has its own rows.
                unsafe { self.some_rows(memory, t * per_task, ((t + 1) * per_task).min(rows)) };
            });
        }
        self.long_rows(memory, chunks)
    }

    /// # Safety
    /// Rows `from .. to` of the outputs are this call's alone.
    unsafe fn some_rows(&self, memory: &Memory, from: usize, to: usize) {
        let n = self.folded;
        with_frame(|frame| {
            // SAFETY: within the domain.
            let mut row = from + unsafe { self.rows_side_by_side(memory, from, to) };
            while row < to {
                // Short rows share a block; a long one takes several.
                let together = (BLOCK / n).clamp(1, to - row);
                if n <= BLOCK
                    && let Some(made) = &self.made
                {
                    let f = &self.outs[0].functions;
                    for r in row..row + together {
                        // SAFETY: within the domain.
                        unsafe {
                            let (ins, single) = self.operands(memory, made.args, r * n);
                            (made.segment)(ins, single, n, memory.pointer(self.outs[0].slot, f.size).add(r * f.size));
                        }
                    }
                } else if n <= BLOCK {
                    // SAFETY: within the domain; the frame holds a block.
                    unsafe {
                        self.code.run(memory, frame, row * n, together * n, &[]);
                        for o in &self.outs {
                            let f = &o.functions;
                            let out = memory.pointer(o.slot, f.size).add(row * f.size);
                            let from =
                                whole(frame.at[o.reg as usize], frame.single[o.reg as usize], together * n, f.size);
                            for r in 0..together {
                                (f.segment)(from.pointer().add(r * n * f.size), n, out.add(r * f.size));
                            }
                        }
                    }
                } else {
                    // SAFETY: as above.
                    unsafe {
                        self.run_of_blocks(memory, frame, row * n, (row + 1) * n, |k| {
                            let o = &self.outs[k];
                            memory.pointer(o.slot, o.functions.size).add(row * o.functions.size)
                        })
                    };
                }
                row += together;
            }
        });
    }

    /// Folds rows from `from` on that lie in memory as they are, some at a time, each from a stretch of its own of those up to `to`, so
    /// that memory is read in as many places on and on; how many it did.
    ///
    /// # Safety
    /// As `some_rows`.
    unsafe fn rows_side_by_side(&self, memory: &Memory, from: usize, to: usize) -> usize {
        let [o] = &self.outs[..] else { return 0 };
        let (f, n) = (&o.functions, self.folded);
        let Some(((sides, segments), base)) = self.segments(f).zip(self.code.in_place(memory, o.reg)) else { return 0 };
        let each = (to - from) / sides;
        let (apart, step) = (each * n * f.size, each * f.size);
        for row in from..from + each {
            // SAFETY: the caller's.
            unsafe {
                let out = memory.pointer(o.slot, f.size).add(row * f.size);
                rows_beside(f, (sides, segments), base.add(row * n * f.size), apart, n, out, step);
            }
        }
        sides * each
    }

    /// Whether what is read for a fold is more than caches hold.
    fn is_far(&self, f: &Functions) -> bool {
        const CACHED: usize = 2 << 20;
        self.outer * self.folded * self.inner * f.size > CACHED
    }

    /// How many stretches are folded at once, and by what, where memory is read.
    fn segments(&self, f: &Functions) -> Option<(usize, Segments)> {
        f.segments.filter(|_| self.code.steps.is_empty() && self.is_far(f))
    }

    /// Where two loads that lie as needed have position `start`, and which of them are one number from there on.
    pub(super) fn operands(&self, memory: &Memory, args: [u16; 2], start: usize) -> ([*const u8; 2], u8) {
        let [a, b] = args.map(|r| self.code.along(memory, r, start));
        ([a.0, b.0], a.1 as u8 | (b.1 as u8) << 1)
    }

    /// Folds positions `from .. to` into one value per output: per block, then pairwise over the blocks.
    ///
    /// # Safety
    /// `into(k)` is where output k's value goes.
    unsafe fn run_of_blocks(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        from: usize,
        to: usize,
        into: impl Fn(usize) -> *mut u8,
    ) {
        // In place for rows of some thousand elements: an allocation a row would show.
        let mut partials: SmallVec<[SmallVec<[u64; 16]>; 2]> = self.outs.iter().map(|_| SmallVec::new()).collect();
        let mut start = from;
        if let Some(made) = &self.made {
            let bytes = self.outs[0].functions.size;
            let there = || made.args.iter().all(|&r| self.code.in_place(memory, r).is_some());
            if let Some(segments) = made.segments.filter(|_| self.is_far(&self.outs[0].functions) && there()) {
                let each = (to - from) / BLOCK / SIDES_OF;
                partials[0].resize(SIDES_OF * each, 0);
                for k in 0..each {
                    let mut bits = [0u64; SIDES_OF];
                    let (ins, _) = self.operands(memory, made.args, from + k * BLOCK);
                    // SAFETY: within the arrays.
                    unsafe { segments(ins, each * BLOCK * bytes, BLOCK, bits.as_mut_ptr().cast(), 8) };
                    bits.iter().enumerate().for_each(|(s, &bits)| partials[0][s * each + k] = bits);
                }
                start += SIDES_OF * each * BLOCK;
            }
            while start < to {
                let n = BLOCK.min(to - start);
                let mut bits = 0u64;
                // SAFETY: within the arrays.
                unsafe {
                    let (ins, single) = self.operands(memory, made.args, start);
                    (made.segment)(ins, single, n, (&raw mut bits).cast());
                }
                partials[0].push(bits);
                start += n;
            }
        } else if let [o] = &self.outs[..]
            && let Some(base) = self.code.in_place(memory, o.reg)
        {
            // Memory is folded where it lies.
            let (f, partial) = (&o.functions, &mut partials[0]);
            if let Some((sides, segments)) = self.segments(f) {
                // The same blocks, but in several places at once.
                let each = (to - from) / BLOCK / sides;
                partial.resize(sides * each, 0);
                for k in 0..each {
                    let mut bits = [0u64; SIDES];
                    let at = base.wrapping_add((from + k * BLOCK) * f.size);
                    // SAFETY: within the array.
                    unsafe { segments(at, each * BLOCK * f.size, BLOCK, bits.as_mut_ptr().cast(), 8) };
                    bits[..sides].iter().enumerate().for_each(|(s, &bits)| partial[s * each + k] = bits);
                }
                start += sides * each * BLOCK;
            }
            while start < to {
                let n = BLOCK.min(to - start);
                let mut bits = 0u64;
                // SAFETY: within the array.
                unsafe { (f.segment)(base.add(start * f.size), n, (&raw mut bits).cast()) };
                partial.push(bits);
                start += n;
            }
        }
        while start < to {
            let n = self.code.block(start, to);
            // SAFETY: within the domain.
            unsafe { self.code.run(memory, frame, start, n, &[]) };
            for (o, partial) in self.outs.iter().zip(&mut partials) {
                let f = &o.functions;
                // SAFETY: the register holds n elements, or one where single.
                unsafe {
                    let all = whole(frame.at[o.reg as usize], frame.single[o.reg as usize], n, f.size);
                    let mut bits = 0u64;
                    (f.segment)(all.pointer(), n, (&raw mut bits).cast());
                    partial.push(bits);
                }
            }
            start += n;
        }
        for (k, (o, partial)) in self.outs.iter().zip(&mut partials).enumerate() {
            // SAFETY: the caller's.
            unsafe { pairwise(&o.functions, partial, into(k)) };
        }
    }

    /// Rows cut into chunks that threads share.
    fn long_rows(&self, memory: &Memory, chunks: usize) -> Result<()> {
        let (rows, n) = (self.outer, self.folded);
        let mut partials: Vec<Vec<u64>> = vec![vec![0u64; rows * chunks]; self.outs.len()];
        let into: SmallVec<[Shared<u64>; 2]> = partials.iter_mut().map(|p| Shared(p.as_mut_ptr())).collect();
        tasks::run(rows * chunks, self.cost(), |t| {
            let (row, chunk) = (t / chunks, t % chunks);
            let from = row * n + chunk * CHUNK;
            let to = (from + CHUNK).min((row + 1) * n);
            with_frame(|frame| {
                // SAFETY: each task writes its own partial.
                unsafe { self.run_of_blocks(memory, frame, from, to, |k| into[k].get().add(t).cast()) };
            });
        })?;
        for (o, partials) in self.outs.iter().zip(&mut partials) {
            for row in 0..rows {
                // SAFETY: the output holds `rows` elements.
                unsafe {
                    let out = memory.pointer(o.slot, o.functions.size).add(row * o.functions.size);
                    pairwise(&o.functions, &mut partials[row * chunks..(row + 1) * chunks], out);
                }
            }
        }
        Ok(())
    }
}

/// Folds rows of n elements, `apart` bytes from one to the next, as many as the function does side by side, into elements that are `step`
/// bytes apart.
///
/// # Safety
/// The rows and the elements are there.
unsafe fn rows_beside(
    f: &Functions,
    (sides, segments): (usize, Segments),
    rows: *const u8,
    apart: usize,
    n: usize,
    out: *mut u8,
    step: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        if n <= BLOCK {
            return segments(rows, apart, n, out, step);
        }
        let mut partials: [SmallVec<[u64; 16]>; SIDES] = Default::default();
        for start in (0..n).step_by(BLOCK) {
            let mut bits = [0u64; SIDES];
            let some = BLOCK.min(n - start);
            segments(rows.add(start * f.size), apart, some, bits.as_mut_ptr().cast(), 8);
            partials.iter_mut().zip(bits).for_each(|(partials, bits)| partials.push(bits));
        }
        for (s, partials) in partials[..sides].iter_mut().enumerate() {
            pairwise(f, partials, out.add(s * step));
        }
    }
}

/// A register as n elements: where it is one number, stretched.
pub enum Stretched {
    At(*const u8),
    Own(Box<[u64; BLOCK]>),
}

impl Stretched {
    pub fn pointer(&self) -> *const u8 {
        match self {
            Stretched::At(p) => *p,
            Stretched::Own(b) => b.as_ptr().cast(),
        }
    }
}

/// # Safety
/// `at` holds n elements, or one where single.
pub unsafe fn whole(at: *const u8, single: bool, n: usize, size: usize) -> Stretched {
    if !single {
        return Stretched::At(at);
    }
    let mut own = Box::new([0u64; BLOCK]);
    // SAFETY: a block holds n elements.
    unsafe { fill(at, own.as_mut_ptr().cast(), n, size) };
    Stretched::Own(own)
}

/// Folds values (each in a word of its own) pairwise: neighbours, then neighbours of those.
///
/// # Safety
/// `out` holds one element.
pub unsafe fn pairwise(f: &Functions, values: &mut [u64], out: *mut u8) {
    let mut n = values.len();
    while n > 1 {
        let half = n / 2;
        for i in 0..half {
            let mut a = values[2 * i];
            // SAFETY: one element each.
            unsafe { (f.line)((&raw const values[2 * i + 1]).cast(), 1, (&raw mut a).cast()) };
            values[i] = a;
        }
        if n % 2 == 1 {
            values[half] = values[n - 1];
        }
        n = n.div_ceil(2);
    }
    // SAFETY: the caller's.
    unsafe {
        match values.first() {
            Some(v) => std::ptr::copy_nonoverlapping((&raw const *v).cast(), out, f.size),
            None => (f.start)(out),
        }
    }
}
