//! Few elements folded for each of many outputs, made of two operands by one operation of arithmetic (or its square):
//! sums of squared differences, that is distances, and products that no contraction took.
//!
//! In: the kernel, its loads turned so that the loop runs along the outputs. Out: the vectors' loop for it, which keeps the
//! accumulators in registers. Floor: operations over the peak, for the operands stay in the first-level cache.

use smallvec::SmallVec;

use super::{CHUNK, Folds};
use crate::base::Result;
use crate::device::Memory;
use crate::device::cpu::block::{merge, strides_in};
use crate::device::cpu::simd::{self, Arith, Lie};
use crate::device::cpu::step::arithmetic;
use crate::device::cpu::tasks;
use crate::graph::Fold;
use crate::plan::kernel::{BASE, FoldOut};
use crate::plan::{From, Kernel, Load};

/// Elements folded at most: beyond, sums are taken in levels.
const MOST: usize = 63;
/// Bytes of operands that a tile of outputs reads: they stay in the first-level cache from row to row.
const TILE: usize = 24 << 10;

pub struct Short {
    lane: simd::Short,
    lie: Lie,
    slots: [usize; 2],
    offsets: [isize; 2],
    /// The axes of outputs before the folded ones, and the operands' strides along them.
    dims: SmallVec<[usize; 4]>,
    strides: [SmallVec<[isize; 4]>; 2],
    size: usize,
}

/// The axes of a fold in the loop's order: how many come before the folded ones, and how many are folded.
pub struct Order<'a> {
    pub axes: &'a [usize],
    pub before: usize,
    pub folded: usize,
}

/// The loop for a kernel that is of this kind.
pub fn short(kernel: &Kernel, loads: &[Load], order: &Order, outs: &[FoldOut]) -> Option<Short> {
    let ([out], [a, b]) = (outs, loads) else { return None };
    let (op, args, squared) = made(kernel, out)?;
    let fold = match out.fold {
        Fold::Sum => Arith::Add,
        Fold::Max => Arith::Max,
        Fold::Min => Arith::Min,
        _ => return None,
    };
    let lane = simd::short_lane(op, squared, fold, kernel.dtype(out.reg))?;
    let (before, rest) = order.axes.split_at(order.before);
    let (folded, inside) = rest.split_at(order.folded);
    let ins = if args == [0, 1] { [a, b] } else { [b, a] };
    let step = as_one(kernel, folded, ins, MOST)?;
    let along = as_one(kernel, inside, ins, usize::MAX)?;
    if along.iter().any(|s| !matches!(s, 0 | 1)) || along == [0, 0] {
        return None;
    }
    let slot = |l: &Load| match l.from {
        From::Slot(s) => Some(s),
        From::Position { .. } | From::Product => None,
    };
    Some(Short {
        lane,
        lie: Lie { step, vector: along.map(|s| s == 1) },
        slots: [slot(ins[0])?, slot(ins[1])?],
        offsets: ins.map(|l| l.layout.offset as isize - BASE as isize),
        dims: before.iter().map(|&k| kernel.domain[k]).collect(),
        strides: ins.map(|l| strides_in(&l.layout, before)),
        size: kernel.dtype(out.reg).size(),
    })
}

/// The operation that makes what is folded, its operands, and whether its square is.
fn made(kernel: &Kernel, out: &FoldOut) -> Option<(Arith, [u16; 2], bool)> {
    let dtype = |r| kernel.dtype(r);
    let (op, args) = arithmetic(kernel.code.first()?, &dtype)?;
    if !matches!(args, [0, 1] | [1, 0]) {
        return None;
    }
    match &kernel.code[1..] {
        [] if out.reg == 2 => Some((op, args, false)),
        [then] if out.reg == 3 => (arithmetic(then, &dtype)? == (Arith::Mul, [2, 2])).then_some((op, args, true)),
        _ => None,
    }
}

/// The operands' strides along some axes, if both walk them as one of at most so many elements.
fn as_one(kernel: &Kernel, axes: &[usize], ins: [&Load; 2], most: usize) -> Option<[isize; 2]> {
    let shape: SmallVec<[usize; 4]> = axes.iter().map(|&k| kernel.domain[k]).collect();
    let mut strides = ins.map(|l| strides_in(&l.layout, axes));
    let dims = merge(&shape, &mut strides);
    (dims.len() == 1 && dims[0] <= most).then(|| [strides[0][0], strides[1][0]])
}

impl Folds {
    pub(super) fn run_short(&self, memory: &Memory, short: &Short) -> Result<()> {
        let (rows, n) = (self.outer, self.inner);
        let together = (CHUNK / (self.folded * n).max(1)).clamp(1, rows);
        let vectors = short.lie.vector.iter().filter(|v| **v).count();
        let tile = (TILE / (self.folded * vectors * short.size).max(1)).max(64) / 64 * 64;
        let out = &self.outs[0];
        tasks::run(rows.div_ceil(together), self.cost(), |t| {
            for first in (0..n).step_by(tile) {
                for row in t * together..((t + 1) * together).min(rows) {
                    // SAFETY: within the arrays; each task has its own rows.
                    unsafe {
                        let to = memory.pointer(out.slot, short.size).add((row * n + first) * short.size);
                        let ins = [0, 1].map(|i| short.at(memory, i, row, first));
                        (short.lane)(ins, &short.lie, self.folded, tile.min(n - first), to);
                    }
                }
            }
        })
    }
}

impl Short {
    /// Where operand `i` of a row's outputs from `first` begins.
    ///
    /// # Safety
    /// The row and the output are there.
    unsafe fn at(&self, memory: &Memory, i: usize, row: usize, first: usize) -> *const u8 {
        let mut at = self.offsets[i] + if self.lie.vector[i] { first as isize } else { 0 };
        let mut rest = row;
        for (n, stride) in self.dims.iter().zip(&self.strides[i]).rev() {
            at += (rest % n) as isize * stride;
            rest /= n;
        }
        // SAFETY: layouts stay inside their arrays.
        unsafe { memory.pointer(self.slots[i], self.size).offset(at * self.size as isize) }
    }
}
