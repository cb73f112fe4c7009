//! Turned folds: few elements for each of many outputs, with the loop along the outputs.
//!
//! In: a kernel. Out: the axis its loop should run along, and its loads as such a loop reads them: those that do not lie
//! so are copied before it.

use smallvec::SmallVec;

use super::Folds;
use crate::base::{Buffer, Result};
use crate::device::cpu::block::collect;
use crate::device::{Bound, Memory};
use crate::plan::kernel::BASE;
use crate::plan::{From, Kernel, Load};

/// A load that is copied before the loop, so that it lies as the loop reads it: `y` in the distances between the rows of
/// `x` and `y`, which every row of `x` reads again.
pub struct Pack {
    from: Load,
    dims: SmallVec<[usize; 4]>,
    strides: SmallVec<[isize; 4]>,
}

impl Folds {
    /// The memory with what is packed in slots behind the plan's.
    pub(super) fn pack(&self, memory: &Memory) -> Result<Memory> {
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
                    2 => collect::<u16>(base.cast(), dims, strides, 0, n, to.cast()),
                    4 => collect::<u32>(base.cast(), dims, strides, 0, n, to.cast()),
                    _ => collect::<u64>(base.cast(), dims, strides, 0, n, to.cast()),
                }
            }
            bound.push(Bound::Buffer { buffer, offset: 0 });
        }
        Ok(Memory { bound })
    }
}

/// Few elements are folded per output, and next to each other, but outputs are many: then the loop runs along an axis of
/// outputs, which this is, and lines are folded instead of short rows.
pub fn turn(kernel: &Kernel, axes: &[usize]) -> Option<usize> {
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
pub fn packed(kernel: &Kernel, order: &[usize], slots: usize) -> (Vec<Load>, Vec<Pack>) {
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
