//! Fold kernels: values computed in blocks and folded along some axes, never stored.
//!
//! Three shapes of loop, by which axis is innermost:
//!
//! | innermost axis | loop | accumulators |
//! | --- | --- | --- |
//! | folded | rows: each output folds a run of the domain; short rows share a block, long rows are cut into chunks | one per row and chunk |
//! | kept | columns: blocks hold whole lines (or a piece of a long one), line after line is folded into a vector | one per column and chunk |
//! | kept, and few are folded | `short`: an operation on two operands and the fold of it in one pass | one per column, in registers |
//!
//! Sums are pairwise: over lanes, over blocks, over chunks; chunks depend on the shape only. So the error grows with
//! the logarithm of the length, and the result does not depend on the number of threads.
//!
//! Floor: bytes of the loads over the memory's bandwidth.

mod functions;
mod lines;
mod pack;
mod position;
mod runs;
mod short;

use super::block::{BLOCK, Code, merge, strides_in};
use crate::base::{DType, Fault, Result};
use crate::device::{Memory, Program};
use crate::graph::Fold;
use crate::plan::kernel::FoldOut;
use crate::plan::{Kernel, Slot};
use smallvec::SmallVec;

pub(super) use functions::{Functions, MadeFold, functions, made_fold};
pub(super) use lines::{Levels, combine, lines_of_chunk};
use pack::{Pack, packed, turn};
pub(super) use runs::{pairwise, whole};
use short::{Order, Short, short};

/// What folds a stretch of at most `BLOCK` elements.
pub fn stretch_of(fold: Fold, dtype: DType) -> Option<unsafe fn(*const u8, usize, *mut u8)> {
    functions(fold, dtype).map(|f| f.segment)
}

/// Elements of one chunk.
const CHUNK: usize = 64 * BLOCK;

pub struct Folds {
    code: Code,
    packs: Vec<Pack>,
    short: Option<Short>,
    /// What is folded is made of two operands where they lie.
    made: Option<MadeFold>,
    outs: Vec<Target>,
    /// Outputs before the folded axes, folded elements, outputs inside.
    outer: usize,
    folded: usize,
    inner: usize,
}

struct Target {
    reg: u16,
    slot: usize,
    fold: Fold,
    /// The dtype of the values; positions are made of it too.
    dtype: DType,
    functions: Functions,
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
        let lie = Order { axes: &order, before: before.len(), folded: axes.len() };
        let short = if inner > 1 { short(kernel, &loads, &lie, outs) } else { None };
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
        let outs: Vec<Target> = outs.iter().map(target).collect::<Result<_>>()?;
        let made = made(&code, &outs, folded, inner);
        Ok(Folds { code, packs, short, made, outs, outer, folded, inner })
    }

    fn cost(&self) -> usize {
        self.code.estimate(self.outer * self.folded * self.inner, 0)
    }
}

/// The fold of what one step makes of operands that lie as needed: then no block is stored between. They do where every run that is
/// folded, or every line, lies along the innermost axis.
fn made(code: &Code, outs: &[Target], folded: usize, inner: usize) -> Option<MadeFold> {
    let ([step], [out]) = (&code.steps[..], outs) else { return None };
    let made = step.made.filter(|_| step.result == out.reg)?;
    let runs = match code.dims[..] {
        [.., last] if inner == 1 => last % folded.max(1) == 0,
        [.., lines, last] => last == inner && lines % folded.max(1) == 0,
        _ => false,
    };
    let whole = |r: u16| code.loads.get(r as usize).is_some_and(|l| l.contiguous || l.single);
    let lies = |r: u16| whole(r) || runs && code.lies_along(r);
    made_fold(out.fold, &made, out.dtype).filter(|f| f.args.iter().all(|&r| lies(r)))
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
        } else if let Some(short) = &self.short {
            self.run_short(memory, short)
        } else if self.inner > 1 {
            self.columns(memory)
        } else {
            self.rows(memory)
        }
    }
}
