//! Fold kernels: values computed in blocks and folded along some axes, never stored.
//!
//! Two shapes of loop, by which axis is innermost:
//!
//! | innermost axis | loop | accumulators |
//! | --- | --- | --- |
//! | folded | rows: each output folds a run of the domain; short rows share a block, long rows are cut into chunks | one per row and chunk |
//! | kept | columns: blocks hold whole lines (or a piece of a long one), line after line is folded into a vector | one per column and chunk |
//!
//! Sums are pairwise: over lanes, over blocks, over chunks; chunks depend on the shape only. So the error grows with
//! the logarithm of the length, and the result does not depend on the number of threads.
//!
//! Floor: bytes of the loads over the memory's bandwidth.

use smallvec::SmallVec;

use super::block::{BLOCK, Code, collect, fill, merge, strides_in, with_frame};
use super::simd::{self, Arith};
use super::tasks::{self, Shared};
use crate::base::{Buffer, DType, Elem, Fault, Result};
use crate::device::{Bound, Memory, Program};
use crate::graph::Fold;
use crate::graph::lane::{Cpu, cpu};
use crate::plan::kernel::{BASE, FoldOut};
use crate::plan::{From, Kernel, Load, Slot};

/// Elements of one chunk.
const CHUNK: usize = 64 * BLOCK;
/// Lines that are folded into one vector before it joins the next level.
const RADIX: usize = 64;

pub struct Folds {
    code: Code,
    packs: Vec<Pack>,
    outs: Vec<Target>,
    /// Outputs before the folded axes, folded elements, outputs inside.
    outer: usize,
    folded: usize,
    inner: usize,
}

/// A load that is copied before the loop, so that it lies as the loop reads it: `y` in the distances between the rows of
/// `x` and `y`, which every row of `x` reads again.
struct Pack {
    from: Load,
    dims: SmallVec<[usize; 4]>,
    strides: SmallVec<[isize; 4]>,
}

struct Target {
    reg: u16,
    slot: usize,
    fold: Fold,
    /// The dtype of the values; positions are made of it too.
    dtype: DType,
    functions: Functions,
}

/// Works on n elements from one pointer into another.
type Stretch = unsafe fn(*const u8, usize, *mut u8);

/// A fold over one element type.
#[derive(Clone, Copy)]
pub(super) struct Functions {
    size: usize,
    /// Writes the value of folding nothing.
    start: unsafe fn(*mut u8),
    /// Folds n elements into one.
    pub(super) segment: Stretch,
    /// Folds n elements into n accumulators.
    line: Stretch,
}

impl Folds {
    pub fn new(kernel: &Kernel, axes: &[usize], outs: &[FoldOut], slots: &[Slot]) -> Result<Folds> {
        let rank = kernel.domain.rank();
        let arg = outs.iter().any(|o| o.fold.is_arg());
        let last_folded = (0..rank).rev().find(|k| axes.contains(k) && kernel.domain[*k] > 1);
        let turned = if arg { None } else { turn(kernel, axes) };
        let inside: Vec<usize> = match turned {
            Some(k) => vec![k],
            None => (0..rank).filter(|k| !axes.contains(k) && !arg && last_folded.is_some_and(|l| *k > l)).collect(),
        };
        let before: Vec<usize> = (0..rank).filter(|k| !axes.contains(k) && !inside.contains(k)).collect();
        let size = |axes: &[usize]| axes.iter().map(|&k| kernel.domain[k]).product::<usize>();
        let (outer, folded, inner) = (size(&before), size(axes), size(&inside));
        let order: Vec<usize> = before.iter().chain(axes).chain(&inside).copied().collect();
        let shape: Vec<usize> = order.iter().map(|&k| kernel.domain[k]).collect();
        let (loads, packs) = match turned {
            Some(_) => packed(kernel, &order, slots.len()),
            None => (kernel.loads.clone(), vec![]),
        };
        let mut strides: Vec<SmallVec<[isize; 4]>> = loads.iter().map(|l| strides_in(&l.layout, &order)).collect();
        // Rows and lines may merge with each other where loads allow it: blocks are addressed by flat positions.
        let dims = merge(&shape, &mut strides);
        let regs: Vec<u16> = outs.iter().map(|o| o.reg).collect();
        let code = Code::new(dims, &loads, &strides, &kernel.code, &regs)?;
        let target = |o: &FoldOut| -> Result<Target> {
            let dtype = kernel.dtype(o.reg);
            let functions = functions(o.fold, dtype).ok_or_else(|| Fault::new("internal: no fold for this dtype"))?;
            debug_assert!(o.fold.is_arg() || slots[o.slot].dtype == dtype);
            Ok(Target { reg: o.reg, slot: o.slot, fold: o.fold, dtype, functions })
        };
        let outs = outs.iter().map(target).collect::<Result<_>>()?;
        Ok(Folds { code, packs, outs, outer, folded, inner })
    }

    /// The memory with what is packed in slots behind the plan's.
    fn pack(&self, memory: &Memory) -> Result<Memory> {
        let mut bound = memory.bound.clone();
        for pack in &self.packs {
            let n: usize = pack.dims.iter().product();
            let size = pack.from.dtype.size();
            let buffer = Buffer::new(n * size)?;
            let From::Slot(slot) = pack.from.from else { continue };
            let offset = pack.from.layout.offset as isize - BASE as isize;
            // SAFETY: layouts stay inside their arrays; the buffer is fresh.
            unsafe {
                let base = memory.pointer(slot, size).offset(offset * size as isize);
                let (dims, strides, to) = (&pack.dims, &pack.strides, buffer.ptr());
                match size {
                    1 => collect::<u8>(base, dims, strides, 0, n, to),
                    4 => collect::<u32>(base.cast(), dims, strides, 0, n, to.cast()),
                    _ => collect::<u64>(base.cast(), dims, strides, 0, n, to.cast()),
                }
            }
            bound.push(Bound::Buffer { buffer, offset: 0 });
        }
        Ok(Memory { bound })
    }

    fn cost(&self) -> usize {
        self.code.estimate(self.outer * self.folded * self.inner, 0)
    }

    /// Rows: innermost axis folded.
    fn rows(&self, memory: &Memory) -> Result<()> {
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
            let mut row = from;
            while row < to {
                // Short rows share a block; a long one takes several.
                let together = (BLOCK / n).clamp(1, to - row);
                if n <= BLOCK {
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

    /// Folds positions `from .. to` into one value per output: per block, then pairwise over the blocks.
    ///
    /// # Safety
    /// `into(k)` is where output k's value goes.
    unsafe fn run_of_blocks(
        &self,
        memory: &Memory,
        frame: &mut super::block::Frame,
        from: usize,
        to: usize,
        into: impl Fn(usize) -> *mut u8,
    ) {
        // In place for rows of some thousand elements: an allocation a row would show.
        let mut partials: SmallVec<[SmallVec<[u64; 16]>; 2]> = self.outs.iter().map(|_| SmallVec::new()).collect();
        let mut start = from;
        if let [o] = &self.outs[..]
            && let Some(base) = self.code.in_place(memory, o.reg)
        {
            // Memory is folded where it lies.
            let (f, partial) = (&o.functions, &mut partials[0]);
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

    /// Columns: innermost axis kept.
    fn columns(&self, memory: &Memory) -> Result<()> {
        let (outer, n, inner) = (self.outer, self.folded, self.inner);
        // How lines are cut depends on the shape only. Few chunks: each has accumulators of its own.
        let lines = (CHUNK / inner.max(1)).max(RADIX).max(n.div_ceil(16));
        let chunks = n.div_ceil(lines).max(1);
        let in_place = self.outs.iter().all(|o| self.code.in_place(memory, o.reg).is_some());
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
            // SAFETY: the accumulators and the output hold `outer * inner` elements each.
            unsafe {
                combine(
                    &o.functions,
                    partial.as_mut_ptr().cast(),
                    chunks,
                    outer * inner,
                    memory.pointer(o.slot, o.functions.size),
                )
            };
        }
        Ok(())
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
            if let [o] = &self.outs[..]
                && let Some(base) = self.code.in_place(memory, o.reg)
            {
                for l in lines.clone() {
                    // SAFETY: within the array.
                    unsafe { levels[0].add(base.add(((self.folded * at + l) * inner + first) * o.functions.size)) };
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
                        for l in 0..count {
                            levels.add(all.pointer().add(l * width * o.functions.size));
                        }
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

    /// Positions of the largest or smallest: row by row.
    fn positions(&self, memory: &Memory) -> Result<()> {
        let (rows, n) = (self.outer, self.folded);
        tasks::run(rows, self.cost(), |row| {
            with_frame(|frame| {
                for o in &self.outs {
                    // SAFETY: each task writes its own row.
                    unsafe {
                        let at = crate::dispatch!(o.dtype, T => self.position::<T>(memory, frame, o, row * n));
                        *memory.pointer(o.slot, 8).cast::<i64>().add(row) = at;
                    }
                }
            });
        })
    }

    /// # Safety
    /// `T` is the type of the values.
    unsafe fn position<T: Elem + PartialOrd>(
        &self,
        memory: &Memory,
        frame: &mut super::block::Frame,
        o: &Target,
        from: usize,
    ) -> i64 {
        let to = from + self.folded;
        let mut best: Option<(T, usize)> = None;
        let mut start = from;
        while start < to {
            let n = self.code.block(start, to);
            // SAFETY: within the domain.
            unsafe { self.code.run(memory, frame, start, n, &[]) };
            let at = frame.at[o.reg as usize].cast::<T>();
            for k in 0..n {
                // SAFETY: the register holds n elements, or one where single.
                let x = unsafe { *at.add(if frame.single[o.reg as usize] { 0 } else { k }) };
                let is_nan = |x: T| x.partial_cmp(&x).is_none();
                let wins = match best {
                    None => true,
                    Some((b, _)) if is_nan(b) => false,
                    Some((b, _)) => is_nan(x) || if o.fold == Fold::ArgMax { x > b } else { x < b },
                };
                if wins {
                    best = Some((x, start + k - from));
                }
            }
            start += n;
        }
        best.map_or(0, |(_, i)| i as i64)
    }
}

impl Program for Folds {
    fn launch(&self, memory: &Memory) -> Result<()> {
        if self.outer * self.inner == 0 {
            return Ok(());
        }
        if self.folded == 0 {
            for o in &self.outs {
                for i in 0..self.outer * self.inner {
                    // SAFETY: the output holds that many elements.
                    unsafe { (o.functions.start)(memory.pointer(o.slot, o.functions.size).add(i * o.functions.size)) };
                }
            }
            return Ok(());
        }
        let packed;
        let memory = if self.packs.is_empty() {
            memory
        } else {
            packed = self.pack(memory)?;
            &packed
        };
        if self.outs.iter().any(|o| o.fold.is_arg()) {
            self.positions(memory)
        } else if self.inner > 1 {
            self.columns(memory)
        } else {
            self.rows(memory)
        }
    }
}

/// Few elements are folded per output, and next to each other, but outputs are many: then the loop runs along an axis of
/// outputs, which this is, and lines are folded instead of short rows.
fn turn(kernel: &Kernel, axes: &[usize]) -> Option<usize> {
    const SHORT: usize = 48;
    let rank = kernel.domain.rank();
    let folded: usize = axes.iter().map(|&k| kernel.domain[k]).product();
    let last = (0..rank).rev().find(|&k| kernel.domain[k] > 1)?;
    let along = (0..rank).rev().find(|k| !axes.contains(k) && kernel.domain[*k] > 1)?;
    if folded > SHORT || kernel.domain[along] < 64 || !axes.contains(&last) || kernel.code.is_empty() {
        return None;
    }
    let total = kernel.domain.size();
    let fits = |l: &Load| {
        matches!(l.from, From::Slot(_))
            && (matches!(l.layout.strides[along], 0 | 1) || distinct(kernel, l) * 8 <= total)
    };
    kernel.loads.iter().all(fits).then_some(along)
}

/// Elements of the domain that a load reads without reading any twice.
fn distinct(kernel: &Kernel, load: &Load) -> usize {
    let axes = kernel.domain.iter().zip(&load.layout.strides);
    axes.filter(|(_, s)| **s != 0).map(|(n, _)| *n).product()
}

/// The loads of a turned fold: those that do not lie along the last axis of the order are packed so that they do.
fn packed(kernel: &Kernel, order: &[usize], slots: usize) -> (Vec<Load>, Vec<Pack>) {
    let along = order[order.len() - 1];
    let mut packs = vec![];
    let mut loads = kernel.loads.clone();
    for load in &mut loads {
        if matches!(load.layout.strides[along], 0 | 1) {
            continue;
        }
        let kept: Vec<usize> = order.iter().copied().filter(|&k| load.layout.strides[k] != 0).collect();
        let dims: SmallVec<[usize; 4]> = kept.iter().map(|&k| kernel.domain[k]).collect();
        let strides = kept.iter().map(|&k| load.layout.strides[k]).collect();
        packs.push(Pack { from: load.clone(), dims: dims.clone(), strides });
        let mut step = 1isize;
        for (k, n) in kept.iter().zip(&dims).rev() {
            load.layout.strides[*k] = step;
            step *= *n as isize;
        }
        load.layout.offset = BASE;
        load.from = From::Slot(slots + packs.len() - 1);
    }
    (loads, packs)
}

/// A register as n elements: where it is one number, stretched.
pub(super) enum Stretched {
    At(*const u8),
    Own(Box<[u64; BLOCK]>),
}

impl Stretched {
    pub(super) fn pointer(&self) -> *const u8 {
        match self {
            Stretched::At(p) => *p,
            Stretched::Own(b) => b.as_ptr().cast(),
        }
    }
}

/// # Safety
/// `at` holds n elements, or one where single.
pub(super) unsafe fn whole(at: *const u8, single: bool, n: usize, size: usize) -> Stretched {
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
pub(super) unsafe fn pairwise(f: &Functions, values: &mut [u64], out: *mut u8) {
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

/// Folds the chunks' accumulators pairwise into the output.
///
/// # Safety
/// `partials` holds `chunks * n` elements, `out` n.
unsafe fn combine(f: &Functions, partials: *mut u8, chunks: usize, n: usize, out: *mut u8) {
    let at = |c: usize| unsafe { partials.add(c * n * f.size) };
    let mut step = 1;
    while step < chunks {
        for c in (0..chunks).step_by(2 * step) {
            if c + step < chunks {
                // SAFETY: both hold n elements.
                unsafe { (f.line)(at(c + step), n, at(c)) };
            }
        }
        step *= 2;
    }
    // SAFETY: the caller's.
    unsafe { std::ptr::copy_nonoverlapping(partials, out, n * f.size) };
}

/// Accumulators for lines: each level takes `RADIX` of the one below.
struct Levels {
    f: Functions,
    width: usize,
    memory: Vec<u64>,
    counts: SmallVec<[usize; 6]>,
}

impl Levels {
    fn new(f: Functions, width: usize) -> Levels {
        Levels { f, width, memory: vec![], counts: SmallVec::new() }
    }

    fn words(&self) -> usize {
        (self.width * self.f.size).div_ceil(8)
    }

    fn at(&mut self, level: usize) -> *mut u8 {
        let words = self.words();
        while self.counts.len() <= level {
            self.counts.push(0);
            self.memory.resize(self.memory.len() + words, 0);
            let from = self.memory.len() - words;
            for i in 0..self.width {
                // SAFETY: the level has room for `width` elements.
                unsafe { (self.f.start)(self.memory.as_mut_ptr().add(from).cast::<u8>().add(i * self.f.size)) };
            }
        }
        // SAFETY: the level is there now.
        unsafe { self.memory.as_mut_ptr().add(level * words).cast() }
    }

    /// # Safety
    /// `line` holds `width` elements.
    unsafe fn add(&mut self, line: *const u8) {
        let at = self.at(0);
        // SAFETY: both hold `width` elements.
        unsafe { (self.f.line)(line, self.width, at) };
        self.counts[0] += 1;
        let mut level = 0;
        while self.counts[level] == RADIX {
            let above = self.at(level + 1);
            let here = self.at(level);
            // SAFETY: as above.
            unsafe {
                (self.f.line)(here, self.width, above);
                for i in 0..self.width {
                    (self.f.start)(here.add(i * self.f.size));
                }
            }
            self.counts[level] = 0;
            self.counts[level + 1] += 1;
            level += 1;
        }
    }

    /// # Safety
    /// `out` holds `width` elements.
    unsafe fn finish(&mut self, out: *mut u8) {
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

/// One fold over one type: start and combination.
trait Combine<T> {
    const START: T;
    fn two(a: T, b: T) -> T;
}

struct Add;
struct Mul;
struct Most;
struct Least;
struct And;
struct Or;

macro_rules! folds {
    ($($name:ident<$t:ty> $start:expr, |$a:ident, $b:ident| $two:expr;)+) => { $(
        impl Combine<$t> for $name {
            const START: $t = $start;
            #[inline(always)]
            fn two($a: $t, $b: $t) -> $t { $two }
        }
    )+ };
}
folds! {
    Add<f64> 0.0, |a, b| a + b;
    Add<f32> 0.0, |a, b| a + b;
    Add<i64> 0, |a, b| a.wrapping_add(b);
    Mul<f64> 1.0, |a, b| a * b;
    Mul<f32> 1.0, |a, b| a * b;
    Mul<i64> 1, |a, b| a.wrapping_mul(b);
    Most<f64> f64::NEG_INFINITY, |a, b| if a >= b || a.is_nan() { a } else { b };
    Most<f32> f32::NEG_INFINITY, |a, b| if a >= b || a.is_nan() { a } else { b };
    Most<i64> i64::MIN, |a, b| if a > b { a } else { b };
    Most<bool> false, |a, b| a | b;
    Least<f64> f64::INFINITY, |a, b| if a <= b || a.is_nan() { a } else { b };
    Least<f32> f32::INFINITY, |a, b| if a <= b || a.is_nan() { a } else { b };
    Least<i64> i64::MAX, |a, b| if a < b { a } else { b };
    Least<bool> true, |a, b| a & b;
    And<bool> true, |a, b| a & b;
    Or<bool> false, |a, b| a | b;
}

/// Lanes of a segment: enough independent chains to hide the latency of an addition.
const W: usize = simd::LANES;

#[inline(always)]
unsafe fn segment_body<T: Copy, F: Combine<T>>(from: *const u8, n: usize, out: *mut u8) {
    let from = from.cast::<T>();
    let mut lanes = [F::START; W];
    // SAFETY: n elements from `from`; one at `out`.
    unsafe {
        for i in 0..n / W {
            let x = from.add(i * W).cast::<[T; W]>().read_unaligned();
            for k in 0..W {
                lanes[k] = F::two(lanes[k], x[k]);
            }
        }
        for (k, i) in (n / W * W..n).enumerate() {
            lanes[k] = F::two(lanes[k], *from.add(i));
        }
        let mut half = W / 2;
        while half > 0 {
            for k in 0..half {
                lanes[k] = F::two(lanes[k], lanes[k + half]);
            }
            half /= 2;
        }
        out.cast::<T>().write_unaligned(lanes[0]);
    }
}

#[inline(always)]
unsafe fn line_body<T: Copy, F: Combine<T>>(from: *const u8, n: usize, into: *mut u8) {
    let (from, into) = (from.cast::<T>(), into.cast::<T>());
    // SAFETY: n elements each.
    unsafe {
        for i in 0..n / 16 {
            let x = from.add(i * 16).cast::<[T; 16]>().read_unaligned();
            let a = into.add(i * 16).cast::<[T; 16]>().read_unaligned();
            let y: [T; 16] = std::array::from_fn(|k| F::two(a[k], x[k]));
            into.add(i * 16).cast::<[T; 16]>().write_unaligned(y);
        }
        for i in n / 16 * 16..n {
            into.add(i).write_unaligned(F::two(into.add(i).read_unaligned(), from.add(i).read_unaligned()));
        }
    }
}

unsafe fn segment<T: Copy, F: Combine<T>>(from: *const u8, n: usize, out: *mut u8) {
    // SAFETY: passed on.
    unsafe { segment_body::<T, F>(from, n, out) }
}
unsafe fn line<T: Copy, F: Combine<T>>(from: *const u8, n: usize, into: *mut u8) {
    // SAFETY: passed on.
    unsafe { line_body::<T, F>(from, n, into) }
}
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn segment_avx2<T: Copy, F: Combine<T>>(from: *const u8, n: usize, out: *mut u8) {
    // SAFETY: passed on.
    unsafe { segment_body::<T, F>(from, n, out) }
}
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn line_avx2<T: Copy, F: Combine<T>>(from: *const u8, n: usize, into: *mut u8) {
    // SAFETY: passed on.
    unsafe { line_body::<T, F>(from, n, into) }
}
unsafe fn start<T: Copy, F: Combine<T>>(out: *mut u8) {
    // SAFETY: one element.
    unsafe { out.cast::<T>().write_unaligned(F::START) }
}

fn of<T: Copy, F: Combine<T>>() -> Functions {
    let (segment, line): (Stretch, Stretch) = match cpu() {
        #[cfg(target_arch = "x86_64")]
        Cpu::Avx2 | Cpu::Avx512 => (segment_avx2::<T, F>, line_avx2::<T, F>),
        _ => (segment::<T, F>, line::<T, F>),
    };
    Functions { size: size_of::<T>(), start: start::<T, F>, segment, line }
}

pub(super) fn functions(fold: Fold, dtype: DType) -> Option<Functions> {
    let by_vectors = match fold {
        Fold::Sum => Some(Arith::Add),
        Fold::Prod => Some(Arith::Mul),
        Fold::Max => Some(Arith::Max),
        Fold::Min => Some(Arith::Min),
        _ => None,
    };
    let mut out = plain_functions(fold, dtype)?;
    if let Some((segment, line)) = by_vectors.and_then(|op| simd::fold_lanes(op, dtype)) {
        (out.segment, out.line) = (segment, line);
    }
    Some(out)
}

fn plain_functions(fold: Fold, dtype: DType) -> Option<Functions> {
    Some(match (fold, dtype) {
        (Fold::Sum, DType::F64) => of::<f64, Add>(),
        (Fold::Sum, DType::F32) => of::<f32, Add>(),
        (Fold::Sum, DType::I64) => of::<i64, Add>(),
        (Fold::Prod, DType::F64) => of::<f64, Mul>(),
        (Fold::Prod, DType::F32) => of::<f32, Mul>(),
        (Fold::Prod, DType::I64) => of::<i64, Mul>(),
        // Positions start from nothing and are found value by value.
        (Fold::Max | Fold::ArgMax, DType::F64) => of::<f64, Most>(),
        (Fold::Max | Fold::ArgMax, DType::F32) => of::<f32, Most>(),
        (Fold::Max | Fold::ArgMax, DType::I64) => of::<i64, Most>(),
        (Fold::Max | Fold::ArgMax, DType::Bool) => of::<bool, Most>(),
        (Fold::Min | Fold::ArgMin, DType::F64) => of::<f64, Least>(),
        (Fold::Min | Fold::ArgMin, DType::F32) => of::<f32, Least>(),
        (Fold::Min | Fold::ArgMin, DType::I64) => of::<i64, Least>(),
        (Fold::Min | Fold::ArgMin, DType::Bool) => of::<bool, Least>(),
        (Fold::All, DType::Bool) => of::<bool, And>(),
        (Fold::Any, DType::Bool) => of::<bool, Or>(),
        _ => return None,
    })
}
