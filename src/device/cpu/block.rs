//! Blocks: a kernel's loads and code over a run of the domain, a few hundred elements at a time.
//!
//! In: the loads' layouts and the instructions. Out: for any run `start .. start + n` of the flattened domain, a
//! pointer per register. A load that lies in memory as the run needs it is read in place; one that repeats is one
//! number, and so is what is computed from numbers; anything else is collected into a register first. Registers are
//! 8 KiB each and shared by liveness, so that a block stays in the first-level cache.

use std::cell::RefCell;

use smallvec::SmallVec;

use super::rows::Placement;
use super::step::{Step, allocate, reach, steps};
use super::straight::{Fixed, Placed, fixed, is_straight};
use super::tile;
use crate::base::past::Maker;
use crate::base::{DType, Fault, Layout, Result, ahead, copy};
use crate::device::Memory;
use crate::graph::prim::{Body, PositionFn};
use crate::plan::kernel::BASE;
use crate::plan::{From, Inst, Load, Reg};

/// Elements of a block: 8 KiB of f64.
pub const BLOCK: usize = 1024;

/// Straight-line code over blocks.
pub struct Code {
    /// The domain, neighbouring axes merged where every load allows it; never empty.
    pub dims: SmallVec<[usize; 4]>,
    pub(super) loads: Vec<Operand>,
    pub(super) steps: Vec<Step>,
    /// Bytes of an element of each register.
    pub(super) sizes: Vec<usize>,
    /// Scratch register of each register that has one.
    pub(super) scratch_of: Vec<Option<usize>>,
    pub(super) scratch: usize,
    /// Bytes of an element of the widest register that has one for each element.
    pub(super) widest: usize,
    /// Estimated tenths of a nanosecond per element, loads from cache included.
    pub cost: usize,
    /// Bytes that are read per element.
    pub bytes: usize,
    /// What the last step is, which makes results.
    pub ends: Maker,
    /// One pass that reads memory where it lies and can write its result where it belongs: a block of any length will do.
    one_pass: bool,
    /// `straight` can run it: then what is fixed of its steps is found, which registers are one number, and how many operands may
    /// have to be repeated in memory.
    straight: bool,
    pub(super) fixed: Vec<Fixed>,
    pub(super) single: Vec<bool>,
    pub(super) repeats: usize,
}

pub(super) struct Operand {
    from: Source,
    size: usize,
    dtype: DType,
    strides: SmallVec<[isize; 4]>,
    offset: isize,
    /// Row-major over the whole domain.
    pub(super) contiguous: bool,
    /// One number everywhere.
    pub(super) single: bool,
}

impl Operand {
    /// Whether what lies on the innermost axis is read in place, or is one number.
    fn along(&self) -> bool {
        matches!(self.strides[..], [.., 0 | 1])
    }
}

enum Source {
    Slot(usize),
    Position { fill: PositionFn, ins: SmallVec<[(usize, usize); 2]> },
}

/// Where the registers of the running block are.
pub struct Frame {
    pub at: Vec<*const u8>,
    /// The register is one number.
    pub single: Vec<bool>,
    memory: Vec<u64>,
    /// What a kernel of rows keeps for longer than a block.
    room: Vec<u64>,
    positions: Vec<u64>,
    /// What straight code has for a piece: its steps.
    pub(super) placed: Vec<Placed>,
    /// What a kernel of rows has found for some rows.
    pub(super) rows: Placement,
}

thread_local! {
    static FRAME: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f` with a frame of this thread's.
pub fn with_frame<R>(f: impl FnOnce(&mut Frame) -> R) -> R {
    let mut frame = FRAME.with(|p| p.borrow_mut().pop()).unwrap_or_else(|| Frame {
        at: vec![],
        single: vec![],
        memory: vec![],
        room: vec![],
        positions: vec![],
        placed: vec![],
        rows: Placement::default(),
    });
    let r = f(&mut frame);
    FRAME.with(|p| p.borrow_mut().push(frame));
    r
}

/// Merges neighbouring axes wherever every layout walks them as one.
pub fn merge(shape: &[usize], layouts: &mut [SmallVec<[isize; 4]>]) -> SmallVec<[usize; 4]> {
    let mut dims: SmallVec<[usize; 4]> = SmallVec::new();
    let mut out: Vec<SmallVec<[isize; 4]>> = vec![SmallVec::new(); layouts.len()];
    for k in 0..shape.len() {
        if shape[k] == 1 {
            continue;
        }
        let joins = !dims.is_empty()
            && layouts.iter().zip(&out).all(|(l, o)| o.last().copied() == Some(l[k] * shape[k] as isize));
        if joins {
            if let Some(d) = dims.last_mut() {
                *d *= shape[k];
            }
            for (l, o) in layouts.iter().zip(&mut out) {
                if let Some(s) = o.last_mut() {
                    *s = l[k];
                }
            }
        } else {
            dims.push(shape[k]);
            for (l, o) in layouts.iter().zip(&mut out) {
                o.push(l[k]);
            }
        }
    }
    if dims.is_empty() {
        dims.push(1);
        out.iter_mut().for_each(|o| o.push(0));
    }
    layouts.clone_from_slice(&out);
    dims
}

/// The cost of a function that takes no longer than its result to memory, in f32.
const QUICK: u32 = 15;

/// Bytes of loads from which they are asked for ahead: then they do not stay in a core's own caches.
const FAR: usize = 2 << 20;

/// Tells steps which memory they ask for beside their work: functions, which have enough of it, ask for what they read, or for what
/// others do; what is left is asked for by the step that reads it first. In kernels of rows only functions ask: the rest is
/// short passes there, which asking made longer.
fn mark_far(steps: &mut [Step], operands: &[Operand], n: usize, rows: bool) {
    let moving = || operands.iter().enumerate().filter(|(_, o)| o.contiguous && !o.single);
    if moving().map(|(_, o)| n.saturating_mul(o.size)).fold(0, usize::saturating_add) < FAR {
        return;
    }
    for (load, operand) in moving() {
        let reads = |s: &Step| s.args.iter().position(|&a| a as usize == load);
        if let Some(own) = steps.iter_mut().find(|s| s.sums() && reads(s) == Some(0)) {
            own.far |= 1;
        } else if rows {
            continue;
        } else if let Some(idle) =
            steps.iter_mut().find(|s| s.sums() && s.far == 0 && s.asks.is_none() && s.sizes[0] == operand.size)
        {
            idle.asks = Some(load as Reg);
        } else if ahead::reads()
            && let Some(first) = steps.iter_mut().find(|s| reads(s).is_some())
            && let Some(i) = reads(first)
        {
            first.far |= 1 << i;
        }
    }
}

impl Code {
    /// Code over a domain whose axes were put in the order `dims`, with the loads' strides in that order.
    /// `outputs` are registers that must survive to the end.
    pub fn new(
        dims: SmallVec<[usize; 4]>,
        loads: &[Load],
        strides: &[SmallVec<[isize; 4]>],
        code: &[Inst],
        outputs: &[Reg],
    ) -> Result<Code> {
        let mut contiguous: SmallVec<[isize; 4]> = SmallVec::from_elem(1, dims.len());
        for k in (0..dims.len() - 1).rev() {
            contiguous[k] = contiguous[k + 1] * dims[k + 1] as isize;
        }
        if loads.iter().any(|l| matches!(l.from, From::Product)) {
            return Err(Fault::new("internal: what follows a product reads it as memory"));
        }
        let operand = |(load, strides): (&Load, &SmallVec<[isize; 4]>)| Operand {
            from: match &load.from {
                From::Slot(s) => Source::Slot(*s),
                From::Product => unreachable!("refused above"),
                From::Position { prim: _, fill, ins } => {
                    Source::Position { fill: *fill, ins: ins.iter().map(|&s| (s, 8)).collect() }
                }
            },
            size: load.dtype.size(),
            dtype: load.dtype,
            strides: strides.clone(),
            offset: load.layout.offset as isize - BASE as isize,
            contiguous: matches!(load.from, From::Slot(_))
                && strides.iter().zip(&contiguous).zip(&dims).all(|((a, b), &d)| a == b || d == 1),
            single: matches!(load.from, From::Slot(_)) && strides.iter().zip(&dims).all(|(&s, &d)| s == 0 || d == 1),
        };
        let operands: Vec<Operand> = loads.iter().zip(strides).map(operand).collect();
        let dtype = |r: Reg| loads.get(r as usize).map_or_else(|| code[r as usize - loads.len()].dtype, |l| l.dtype);
        let mut cost = loads.len();
        let bytes = operands.iter().filter(|o| !o.single).map(|o| o.size).sum();
        for inst in code {
            // A fold of a row costs what an addition does.
            cost += match &inst.prim.body {
                Body::Map(map) => map.cost as usize,
                _ => 1,
            };
        }
        let single: Vec<bool> = operands.iter().map(|l| l.single).collect();
        let near: Vec<bool> = operands.iter().map(|l| l.single || l.contiguous).collect();
        let mut steps = steps(&single, &near, code, &dtype, outputs)?;
        let reach = reach(&single, code);
        let in_order: Vec<bool> = operands.iter().map(|o| o.contiguous).collect();
        let straight = is_straight(&single, &in_order, code, outputs);
        let mut kept = outputs.to_vec();
        if straight {
            // What is one number is computed once, before all blocks, and must outlive each: it comes first, and keeps its register.
            steps.sort_by_key(|s| reach[s.result as usize] == 2);
            kept.extend(steps.iter().map(|s| s.result).filter(|&r| reach[r as usize] < 2));
        }
        let ends = match steps.last().filter(|step| step.sums()) {
            None => Maker::Arithmetic,
            Some(step) => {
                let inst = &code[step.result as usize - loads.len()];
                let quick = matches!(&inst.prim.body, Body::Map(map) if map.cost <= QUICK) && inst.dtype == DType::F32;
                if quick { Maker::Quick } else { Maker::Function }
            }
        };
        mark_far(&mut steps, &operands, dims.iter().product(), code.iter().any(|i| i.prim.is_reduce()));
        let registers = loads.len() + code.len();
        let collected: Vec<bool> = operands.iter().map(|l| !l.contiguous && !l.single).collect();
        let (scratch_of, scratch) = allocate(registers, &collected, &steps.iter().collect::<Vec<_>>(), &kept);
        let sizes: Vec<usize> = (0..registers).map(|r| dtype(r as Reg).size()).collect();
        let one_pass = matches!(&steps[..], [step] if step.takes_any_length())
            && operands.iter().all(|o| o.contiguous || o.single);
        let widest = (0..registers).filter(|&r| reach[r] == 2).map(|r| dtype(r as Reg).size()).max().unwrap_or(8);
        let single: Vec<bool> = reach.iter().map(|&r| r < 2).collect();
        let fixed = if straight { fixed(&steps, loads.len(), &sizes, &single, outputs) } else { vec![] };
        let repeats = steps.iter().map(|s| if s.takes_any_length() { 0 } else { s.args.len() }).sum();
        Ok(Code {
            dims,
            loads: operands,
            steps,
            sizes,
            scratch_of,
            scratch,
            widest,
            cost,
            bytes,
            ends,
            one_pass,
            straight,
            fixed,
            single,
            repeats,
        })
    }

    /// Estimated nanoseconds for `n` elements: what does not fit the caches comes from memory, at some 15 GB/s a core.
    pub fn estimate(&self, n: usize, written: usize) -> usize {
        const CACHED: usize = 4 << 20;
        let bytes = n.saturating_mul(self.bytes + written);
        let memory = if bytes > CACHED { bytes / 15 } else { 0 };
        (n.saturating_mul(self.cost) / 10).max(memory)
    }

    pub fn size(&self) -> usize {
        self.dims.iter().product()
    }

    /// The innermost axis after merging.
    pub fn row(&self) -> usize {
        self.dims[self.dims.len() - 1]
    }

    pub fn size_of(&self, reg: Reg) -> usize {
        self.sizes[reg as usize]
    }

    /// Where a load that is one number lies.
    pub(super) fn single_at(&self, memory: &Memory, load: usize) -> *const u8 {
        self.begin(memory, &self.loads[load])
    }

    /// Where a load of memory begins.
    #[inline(always)]
    pub(super) fn begin(&self, memory: &Memory, load: &Operand) -> *const u8 {
        let Source::Slot(slot) = load.from else { return std::ptr::null() };
        // SAFETY: layouts stay inside their arrays.
        unsafe { memory.pointer(slot, load.size).offset(load.offset * load.size as isize) }
    }

    /// Where a register's values lie in memory, if it is a load of all of the domain in its order.
    pub fn in_place(&self, memory: &Memory, reg: Reg) -> Option<*const u8> {
        let load = self.loads.get(reg as usize).filter(|l| l.contiguous)?;
        Some(self.begin(memory, load))
    }

    /// Whether a register is a load that lies in memory in order.
    pub(super) fn lies(&self, reg: Reg) -> bool {
        self.loads.get(reg as usize).is_some_and(|l| l.contiguous)
    }

    /// Whether a load lies along the innermost axis, or is one number on all of it.
    pub(super) fn lies_along(&self, reg: Reg) -> bool {
        self.loads.get(reg as usize).is_some_and(|l| matches!(l.from, Source::Slot(_)) && l.along())
    }

    /// Where such a load has position `start`, and whether it is one number on the rest of that line.
    pub(super) fn along(&self, memory: &Memory, reg: Reg, start: usize) -> (*const u8, bool) {
        let load = &self.loads[reg as usize];
        let Source::Slot(slot) = load.from else { return (std::ptr::null(), true) };
        let at =
            if load.contiguous { start as isize } else { self.place(load, start / self.row(), start % self.row()) };
        // SAFETY: layouts stay inside their arrays.
        let at = unsafe { memory.pointer(slot, load.size).offset((load.offset + at) * load.size as isize) };
        (at, load.strides.last() == Some(&0))
    }

    /// Bytes from one line of a load to the next, of the lines along the innermost axis.
    pub(super) fn line_stride(&self, reg: Reg) -> isize {
        let load = &self.loads[reg as usize];
        load.strides.iter().rev().nth(1).map_or(0, |s| s * load.size as isize)
    }

    /// Elements from a load's first to that in a line and column.
    fn place(&self, load: &Operand, mut line: usize, column: usize) -> isize {
        let last = self.dims.len() - 1;
        let mut at = column as isize * load.strides[last];
        for k in (0..last).rev() {
            at += (line % self.dims[k]) as isize * load.strides[k];
            line /= self.dims[k];
        }
        at
    }

    /// Whether it is one pass, whose lane asks for memory itself.
    pub fn one_pass(&self) -> bool {
        self.one_pass
    }

    /// Whether all loads lie as the domain walks them, or are one number, and each output is made of elements.
    pub fn is_straight(&self) -> bool {
        self.straight
    }

    /// Whether anything is computed of what is loaded. (Asking for the memory of what is only copied costs as much as copying it.)
    pub fn computes(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Whether the register is what the last step makes.
    pub fn is_last(&self, reg: Reg) -> bool {
        self.steps.last().is_some_and(|step| step.result == reg)
    }

    /// The length of the block from `start` where all results go straight to memory.
    pub fn direct_block(&self, start: usize, end: usize) -> usize {
        if self.one_pass { end - start } else { self.block(start, end) }
    }

    /// The length of the block from `start` that fits: at most `BLOCK`, and within a row where rows are long, so that loads are read in place.
    pub fn block(&self, start: usize, end: usize) -> usize {
        let row = self.row();
        let most = BLOCK.min(end - start);
        if self.dims.len() > 1 && row >= BLOCK / 4 { most.min(row - start % row) } else { most }
    }

    /// Computes all registers for `n <= BLOCK` elements from `start`. `direct` are registers whose result goes straight to memory.
    ///
    /// # Safety
    /// Memory holds what the loads address; `direct` pointers hold n elements.
    pub unsafe fn run(&self, memory: &Memory, frame: &mut Frame, start: usize, n: usize, direct: &[(Reg, *mut u8)]) {
        // SAFETY: the caller's.
        unsafe { self.run_to(memory, frame, start, n, direct, None) }
    }

    /// As `run`; what the last step makes goes past the caches, piece by piece made at `past`.
    ///
    /// # Safety
    /// As `run`, and `past` holds a piece.
    pub unsafe fn run_to(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        start: usize,
        n: usize,
        direct: &[(Reg, *mut u8)],
        past: Option<*mut u8>,
    ) {
        frame.prepare(self);
        let row = self.row();
        let (line, column) = (start / row, start % row);
        for (r, load) in self.loads.iter().enumerate() {
            let scratch = match direct {
                // What is only brought into order goes where it belongs at once. (Beside steps it might lie on what they read.)
                [(d, p)] if self.steps.is_empty() && *d as usize == r => *p,
                _ => frame.scratch(self.scratch_of[r]),
            };
            // SAFETY: the caller's.
            let (at, single) = unsafe { self.load(load, memory, frame, scratch, Run { start, n, line, column }) };
            frame.at[r] = at;
            frame.single[r] = single;
        }
        for (k, step) in self.steps.iter().enumerate() {
            let r = step.result as usize;
            let single = step.is_single(frame);
            let to = match direct.iter().find(|(d, _)| *d as usize == r) {
                Some((_, p)) => *p,
                None => frame.scratch(self.scratch_of[r]),
            };
            // SAFETY: registers hold n elements, or one where single.
            unsafe {
                match past {
                    Some(here) if !single && k + 1 == self.steps.len() => step.run_past(frame, here, to, n),
                    _ => step.run(frame, to, if single { 1 } else { n }, single),
                }
            }
            frame.at[r] = to;
            frame.single[r] = single;
        }
    }

    /// # Safety
    /// As `run`.
    pub(super) unsafe fn load(
        &self,
        load: &Operand,
        memory: &Memory,
        frame: &mut Frame,
        scratch: *mut u8,
        run: Run,
    ) -> (*const u8, bool) {
        let Run { start, n, line, column } = run;
        let row = self.row();
        let last = self.dims.len() - 1;
        let slot = match &load.from {
            Source::Slot(slot) => *slot,
            Source::Position { fill, ins } => {
                let positions = &mut frame.positions;
                collect_positions(&self.dims, &load.strides, load.offset, start, n, positions);
                let bits: SmallVec<[u64; 2]> =
                    ins.iter().map(|&(s, _)| memory.number(s, memory_size(memory, s))).collect();
                // SAFETY: scratch holds a block.
                unsafe { fill(positions.as_ptr(), scratch, n, &bits, load.dtype) };
                return (scratch, false);
            }
        };
        // SAFETY: layouts stay inside their arrays.
        unsafe {
            let base = memory.pointer(slot, load.size).offset(load.offset * load.size as isize);
            if load.single {
                return (base, true);
            }
            if load.contiguous {
                return (base.add(start * load.size), false);
            }
            if column + n <= row && load.along() {
                let at = self.place(load, line, column);
                return (base.offset(at * load.size as isize), load.strides[last] == 0);
            }
            if n == tile::SIDE * tile::SIDE && start % n == 0 && self.dims.ends_with(&[tile::SIDE; 2]) {
                // A tile that lies along its rows: each line of it is read once.
                if load.strides[last - 1] == 1 {
                    let mut at = 0;
                    if last > 1 {
                        walk(&self.dims[..last - 1], &load.strides[..last - 1], start / n, 1, |p, _, _| at = p);
                    }
                    let (from, to) = (base.offset(at * load.size as isize), scratch);
                    match load.size {
                        1 => tile::turn::<u8>(from.cast(), load.strides[last], to.cast()),
                        2 => tile::turn::<u16>(from.cast(), load.strides[last], to.cast()),
                        4 => tile::turn::<u32>(from.cast(), load.strides[last], to.cast()),
                        _ => tile::turn::<u64>(from.cast(), load.strides[last], to.cast()),
                    }
                    return (scratch, false);
                }
            }
            match load.size {
                1 => collect::<u8>(base.cast(), &self.dims, &load.strides, start, n, scratch.cast()),
                2 => collect::<u16>(base.cast(), &self.dims, &load.strides, start, n, scratch.cast()),
                4 => collect::<u32>(base.cast(), &self.dims, &load.strides, start, n, scratch.cast()),
                _ => collect::<u64>(base.cast(), &self.dims, &load.strides, start, n, scratch.cast()),
            }
        }
        (scratch, false)
    }
}

/// A run of elements: the flat position of the first, how many, and which line and column of the merged domain that is.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub start: usize,
    pub n: usize,
    pub line: usize,
    pub column: usize,
}

/// Single numbers are passed as eight bytes of bits; a made 0-d array may be shorter.
fn memory_size(memory: &Memory, slot: usize) -> usize {
    match &memory.bound[slot] {
        crate::device::Bound::Buffer { buffer, offset } => (buffer.bytes() - offset.min(&buffer.bytes())).clamp(1, 8),
        _ => 8,
    }
}

impl Frame {
    fn prepare(&mut self, code: &Code) {
        self.prepare_for(code.sizes.len(), code.scratch, 0);
    }

    /// Makes room for `n` registers, `scratch` blocks, and `room` words beside them.
    pub(super) fn prepare_for(&mut self, n: usize, scratch: usize, room: usize) {
        self.at.resize(n.max(self.at.len()), std::ptr::null());
        self.single.resize(n.max(self.single.len()), false);
        // Eight spare words let the registers begin at a multiple of 64 bytes.
        let words = scratch * BLOCK + 8;
        if self.memory.len() < words {
            self.memory.resize(words, 0);
        }
        if self.room.len() < room + 8 {
            self.room.resize(room + 8, 0);
        }
    }

    /// Word `at` of the room, which begins at a multiple of 64 bytes.
    pub(super) fn room(&mut self, at: usize) -> *mut u8 {
        let base = self.room.as_mut_ptr();
        let skip = base.align_offset(64).min(7);
        // SAFETY: `prepare_for` made room for every word.
        unsafe { base.add(skip + at).cast() }
    }

    pub(super) fn scratch(&mut self, register: Option<usize>) -> *mut u8 {
        let Some(register) = register else { return std::ptr::null_mut() };
        let base = self.memory.as_mut_ptr();
        let skip = base.align_offset(64).min(7);
        // SAFETY: `prepare` made room for every scratch register.
        unsafe { base.add(skip + register * BLOCK).cast() }
    }
}

/// Copies elements `start .. start + n` of a strided array, in row-major order, next to each other.
///
/// # Safety
/// The layout stays inside the array; `to` holds n elements.
pub unsafe fn collect<T: Copy>(base: *const T, dims: &[usize], strides: &[isize], start: usize, n: usize, to: *mut T) {
    let mut done = 0;
    // SAFETY: the caller's.
    walk(dims, strides, start, n, |at, stride, run| unsafe {
        let (from, to) = (base.offset(at), to.add(done));
        match stride {
            1 => copy(from, to, run),
            0 => std::slice::from_raw_parts_mut(to, run).fill(*from),
            _ => (0..run).for_each(|k| *to.add(k) = *from.offset(k as isize * stride)),
        }
        done += run;
    });
}

/// Copies n elements that lie next to each other to elements `start .. start + n` of a strided array.
///
/// # Safety
/// As `collect`.
pub unsafe fn spread<T: Copy>(from: *const T, base: *mut T, dims: &[usize], strides: &[isize], start: usize, n: usize) {
    let mut done = 0;
    // SAFETY: the caller's.
    walk(dims, strides, start, n, |at, stride, run| unsafe {
        let (to, from) = (base.offset(at), from.add(done));
        match stride {
            1 => copy(from, to, run),
            _ => (0..run).for_each(|k| *to.offset(k as isize * stride) = *from.add(k)),
        }
        done += run;
    });
}

fn collect_positions(dims: &[usize], strides: &[isize], offset: isize, start: usize, n: usize, out: &mut Vec<u64>) {
    out.clear();
    walk(dims, strides, start, n, |at, stride, run| {
        let first = (offset + at) as u64;
        match stride {
            // Known, so that it is no multiplication.
            1 => out.extend((0..run as u64).map(|k| first + k)),
            _ => out.extend((0..run as isize).map(|k| first.wrapping_add_signed((k * stride) as i64))),
        }
    });
}

/// Calls `visit(position, stride, length)` for each piece of a row in `start .. start + n`.
fn walk(dims: &[usize], strides: &[isize], start: usize, n: usize, mut visit: impl FnMut(isize, isize, usize)) {
    if n == 0 {
        return;
    }
    let last = dims.len() - 1;
    let row = dims[last];
    let mut index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, dims.len());
    let mut rest = start / row;
    let mut at = 0isize;
    for k in (0..last).rev() {
        index[k] = rest % dims[k];
        rest /= dims[k];
        at += index[k] as isize * strides[k];
    }
    let (mut column, mut left) = (start % row, n);
    while left > 0 {
        let run = left.min(row - column);
        visit(at + column as isize * strides[last], strides[last], run);
        left -= run;
        column = 0;
        for k in (0..last).rev() {
            index[k] += 1;
            at += strides[k];
            if index[k] < dims[k] {
                break;
            }
            at -= strides[k] * dims[k] as isize;
            index[k] = 0;
        }
    }
}

/// The strides of loads and outputs in a given order of axes.
pub fn strides_in(layout: &Layout, order: &[usize]) -> SmallVec<[isize; 4]> {
    order.iter().map(|&k| layout.strides[k]).collect()
}
