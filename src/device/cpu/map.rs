//! Map kernels: every element of the domain computed and stored, one pass over memory for all outputs.
//!
//! Floor: bytes of all loads and stores over the memory's bandwidth.

use smallvec::SmallVec;

use super::block::{BLOCK, Code, merge, spread, strides_in, with_frame};
use super::{tasks, tile};
use crate::base::{Result, ahead, copy, fill, past};
use crate::device::{Memory, Program};
use crate::plan::kernel::Out;
use crate::plan::{Kernel, Reg, Slot};

/// The most elements of one task: small enough to balance, and for Ctrl-C.
const TASK: usize = 64 * 1024;
/// The fewest: a few blocks, so that handing over costs little.
const LEAST: usize = 4 * BLOCK;

/// Bytes of a task's results from which the memory for them is asked for beforehand.
const ASKED: usize = 256 << 10;

pub struct Map {
    parts: Vec<Part>,
}

/// A map over a part of the domain.
struct Part {
    code: Code,
    outs: Vec<Target>,
}

struct Target {
    reg: Reg,
    slot: usize,
    size: usize,
    strides: SmallVec<[isize; 4]>,
    offset: isize,
    contiguous: bool,
}

impl Map {
    pub fn new(kernel: &Kernel, outs: &[Out], slots: &[Slot]) -> Result<Map> {
        let order: Vec<usize> = (0..kernel.domain.rank()).collect();
        let mut strides: Vec<SmallVec<[isize; 4]>> =
            kernel.loads.iter().map(|l| strides_in(&l.layout, &order)).collect();
        strides.extend(outs.iter().map(|o| strides_in(&o.layout, &order)));
        let dims = merge(&kernel.domain, &mut strides);
        let parts = tile::parts(&dims, &strides, kernel.loads.len());
        let parts = parts.into_iter().map(|p| Part::new(kernel, outs, slots, p)).collect::<Result<_>>()?;
        Ok(Map { parts })
    }
}

impl Map {
    /// Whether its elements are computed in the order of the domain, so that any range of them is one piece.
    pub fn goes_straight(&self) -> bool {
        self.parts.len() == 1
    }

    /// Elements `from..to` of the domain, of a map that goes straight.
    ///
    /// # Safety
    /// Nobody else writes them, or what they are made of.
    pub unsafe fn range(&self, memory: &Memory, from: usize, to: usize) {
        if from < to {
            // SAFETY: the caller's.
            self.parts.iter().for_each(|part| unsafe { part.piece(memory, from, to, false) });
        }
    }
}

impl Part {
    fn new(kernel: &Kernel, outs: &[Out], slots: &[Slot], part: tile::Part) -> Result<Part> {
        let regs: Vec<Reg> = outs.iter().map(|o| o.reg).collect();
        let (strides, out_strides) = part.strides.split_at(kernel.loads.len());
        let (shifts, out_shifts) = part.shifts.split_at(kernel.loads.len());
        let mut loads = kernel.loads.clone();
        for (load, shift) in loads.iter_mut().zip(shifts) {
            load.layout.offset = load.layout.offset.wrapping_add_signed(*shift);
        }
        let code = Code::new(part.dims, &loads, strides, &kernel.code, &regs)?;
        let target = |((o, strides), shift): ((&Out, &SmallVec<[isize; 4]>), &isize)| Target {
            reg: o.reg,
            slot: o.slot,
            size: slots[o.slot].dtype.size(),
            contiguous: is_row_major(&code.dims, strides),
            offset: o.layout.offset as isize + shift,
            strides: strides.clone(),
        };
        let outs = outs.iter().zip(out_strides).zip(out_shifts).map(target).collect();
        Ok(Part { code, outs })
    }

    /// Elements `from..to`. Where `past`, what lies in order goes to memory past the caches, a block at a time.
    ///
    /// # Safety
    /// Outputs are unshared but for other tasks, which write other elements.
    unsafe fn piece(&self, memory: &Memory, from: usize, to: usize, past: bool) {
        let bases: SmallVec<[*mut u8; 4]> = self
            .outs
            .iter()
            // SAFETY: the offset lies in the output.
            .map(|o| unsafe { memory.pointer(o.slot, o.size).offset(o.offset * o.size as isize) })
            .collect();
        // What is written is on its way while it is computed, where there is more than a core's caches hold.
        let far = (to - from) * self.outs.iter().map(|o| o.size).sum::<usize>() >= ASKED;
        let straight = self.code.is_straight() && self.outs.iter().all(|o| o.contiguous);
        with_frame(|frame| {
            if straight && !past {
                let outs: SmallVec<[_; 4]> = self.outs.iter().zip(&bases).map(|(o, &b)| (b, o.size)).collect();
                // SAFETY: the domain is the outputs'.
                return unsafe { self.code.run_straight(memory, frame, (from, to), &outs, far) };
            }
            let mut start = from;
            let mut direct: SmallVec<[(Reg, *mut u8); 4]> = SmallVec::new();
            let direct_only = matches!(&self.outs[..], [o] if o.contiguous && o.reg as usize >= self.code.loads.len());
            // The last step's result on its way past the caches; others are brought there from a block.
            let on_its_way = past && direct_only && self.code.is_last(self.outs[0].reg);
            let blocks = past && !on_its_way;
            if past {
                frame.prepare_for(0, 0, self.outs.len() * BLOCK);
            }
            while start < to {
                let n = if direct_only { self.code.direct_block(start, to) } else { self.code.block(start, to) };
                let n = if blocks { n.min(BLOCK) } else { n };
                direct.clear();
                for (k, (o, &base)) in self.outs.iter().zip(&bases).enumerate() {
                    if o.contiguous && blocks {
                        direct.push((o.reg, frame.room(k * BLOCK)));
                    } else if o.contiguous {
                        // SAFETY: the domain is the output's.
                        let to = unsafe { base.add(start * o.size) };
                        if far && !past && !self.code.one_pass() && self.code.computes() {
                            ahead::all_to_write(to, n * o.size);
                        }
                        direct.push((o.reg, to));
                    }
                }
                // SAFETY: loads and outputs fit the domain.
                unsafe {
                    let here = on_its_way.then(|| frame.room(0));
                    self.code.run_to(memory, frame, start, n, &direct, here);
                }
                for (o, &base) in self.outs.iter().zip(&bases) {
                    // SAFETY: as above.
                    unsafe {
                        let (at, single) = (frame.at[o.reg as usize], frame.single[o.reg as usize]);
                        if blocks && o.contiguous && !single {
                            past::copy(at, base.add(start * o.size), n * o.size);
                        } else {
                            self.store(o, base, at, single, start, n);
                        }
                    }
                }
                start += n;
            }
            if past {
                past::done();
            }
        });
    }

    /// Brings a register to an output where it is not there already.
    ///
    /// # Safety
    /// As `piece`; `from` holds n elements, or one where `single`.
    unsafe fn store(&self, o: &Target, base: *mut u8, from: *const u8, single: bool, start: usize, n: usize) {
        // SAFETY: the caller's.
        unsafe {
            if o.contiguous {
                let to = base.add(start * o.size);
                if single {
                    let mut one = 0u64;
                    std::ptr::copy_nonoverlapping(from, (&raw mut one).cast(), o.size);
                    fill((&raw const one).cast(), to, n, o.size);
                } else if !std::ptr::eq(from, to) {
                    copy(from, to, n * o.size);
                }
                return;
            }
            let mut stretched;
            let from = if single {
                stretched = [const { std::mem::MaybeUninit::<u64>::uninit() }; super::block::BLOCK];
                let all: *mut u8 = stretched.as_mut_ptr().cast();
                fill(from, all, n, o.size);
                all.cast_const()
            } else {
                from
            };
            match o.size {
                1 => spread::<u8>(from, base, &self.code.dims, &o.strides, start, n),
                2 => spread::<u16>(from.cast(), base.cast(), &self.code.dims, &o.strides, start, n),
                4 => spread::<u32>(from.cast(), base.cast(), &self.code.dims, &o.strides, start, n),
                _ => spread::<u64>(from.cast(), base.cast(), &self.code.dims, &o.strides, start, n),
            }
        }
    }
}

/// Whether strides walk these axes without gaps.
fn is_row_major(dims: &[usize], strides: &[isize]) -> bool {
    let mut expect = 1isize;
    dims.iter().zip(strides).rev().all(|(&d, &s)| {
        let fits = d == 1 || s == expect;
        expect *= d as isize;
        fits
    })
}

impl Program for Map {
    fn launch(&self, memory: &Memory) -> Result<()> {
        self.parts.iter().try_for_each(|part| part.launch(memory))
    }
}

impl Part {
    /// Whether a result takes the place of an operand: its lines are in the caches already.
    fn in_place(&self, memory: &Memory) -> bool {
        self.outs.iter().any(|o| {
            let to = memory.pointer(o.slot, o.size).cast_const();
            (0..self.code.loads.len()).any(|l| self.code.in_place(memory, l as Reg) == Some(to))
        })
    }

    fn launch(&self, memory: &Memory) -> Result<()> {
        let n = self.code.size();
        if n == 0 {
            return Ok(());
        }
        let written = self.outs.iter().map(|o| o.size).sum();
        let past = past::pays(n * written, self.code.ends) && !self.in_place(memory);
        // Elements do not depend on each other, so here the cut may follow the number of threads: the same for each, four times where
        // there is enough.
        let threads = tasks::threads();
        let turns = if threads == 1 { 1 } else { threads * (n / threads / LEAST).clamp(1, 4) };
        let share = n.div_ceil(turns).next_multiple_of(BLOCK).clamp(LEAST, TASK);
        tasks::run(n.div_ceil(share), self.code.estimate(n, written), |i| {
            // SAFETY: tasks write disjoint elements.
            unsafe { self.piece(memory, i * share, ((i + 1) * share).min(n), past) };
        })
    }
}
