//! The CPU back end: fused kernels over cache-sized blocks, on all cores.
//!
//! A kernel is prepared once (axes merged, registers placed, lanes chosen for this machine) and launched many times.
//! Work is split by shape alone, and partial results are combined in a fixed order, so that results do not depend on
//! the number of threads.

pub mod block;
mod call;
mod contract;
mod fold;
mod index;
mod limits;
mod map;
mod outer;
mod panels;
mod rows;
mod scan;
mod simd;
mod step;
mod straight;
mod tasks;
mod team;
mod thin;
mod tile;

use super::{Device, Memory, Program};
use crate::base::{Host, Layout, Result};
use crate::graph::Body;
use crate::plan::{Finish, From, Kernel, Slot};

pub use contract::fits;
pub use fold::stretch_of as fold_of;
pub use limits::{bandwidth, peak};
pub use tasks::{set_threads, threads};

/// The device of arrays, and of tensors on `cpu`.
pub struct Cpu;

impl Device for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn takes_rows(&self) -> bool {
        true
    }

    fn takes_columns(&self) -> bool {
        true
    }

    fn prepare(&self, kernel: &Kernel, slots: &[Slot]) -> Result<Box<dyn Program>> {
        Ok(match &kernel.finish {
            Finish::Rows { axes, outs } => match axes.last() {
                Some(&last) if last + 1 < kernel.domain.rank() => {
                    Box::new(rows::Columns::new(kernel, axes, outs, slots)?)
                }
                _ => Box::new(rows::Rows::new(kernel, axes, outs, slots)?),
            },
            Finish::Store(outs) => Box::new(map::Map::new(kernel, outs, slots)?),
            Finish::Fold { axes, outs } => Box::new(fold::Folds::new(kernel, axes, outs, slots)?),
            Finish::Scan { axis, fold, slot } => Box::new(scan::Scan::new(kernel, *axis, *fold, *slot)),
            Finish::Contract { outs } => Box::new(contract::Contract::new(kernel, outs, slots)?),
            Finish::Gather { slot, rest, axes } => Box::new(index::Gather::new(kernel, *slot, *rest, axes)),
            Finish::Put { slot, add, rest } => Box::new(index::Put::new(kernel, *slot, *add, *rest)),
            Finish::Sort { prim, attrs, slot, .. } | Finish::Host { prim, attrs, slot, .. } => {
                let (Body::Sort(_, run) | Body::Host(run)) = prim.body else {
                    return Err(crate::base::Fault::new("internal: not a host function"));
                };
                // The domain of such a kernel is the shape of its result.
                let out = Layout::contiguous(kernel.domain.clone());
                let (attrs, loads, slot) = (attrs.clone(), loads(kernel), *slot);
                Box::new(OnHost { run, attrs, loads, slot, dtype: slots[slot].dtype, out })
            }
        })
    }
}

/// A load of whole memory: slot, element size, layout relative to the array.
#[derive(Clone)]
pub(super) struct Whole {
    pub slot: usize,
    pub dtype: crate::base::DType,
    pub layout: Layout,
}

/// The loads of a kernel that reads memory only.
pub(super) fn loads(kernel: &Kernel) -> Vec<Whole> {
    let whole = |load: &crate::plan::Load| match load.from {
        From::Slot(slot) => Some(Whole { slot, dtype: load.dtype, layout: load.layout.clone() }),
        From::Position { .. } | From::Product => None,
    };
    kernel.loads.iter().filter_map(whole).collect()
}

impl Whole {
    /// Where element 0 of the layout lies.
    pub fn base(&self, memory: &Memory) -> *mut u8 {
        let size = self.dtype.size();
        let offset = self.layout.offset as isize - crate::plan::kernel::BASE as isize;
        // SAFETY: layouts stay inside their arrays.
        unsafe { memory.pointer(self.slot, size).offset(offset * size as isize) }
    }

    /// As host data; copied where it is a number, which has no memory.
    fn host(&self, memory: &Memory) -> Result<Host> {
        let relative = self.layout.offset as isize - crate::plan::kernel::BASE as isize;
        match &memory.bound[self.slot] {
            super::Bound::Buffer { buffer, offset } => {
                let layout = Layout { offset: (*offset as isize + relative) as usize, ..self.layout.clone() };
                Host { dtype: self.dtype, layout, buffer: buffer.clone() }.compact()
            }
            super::Bound::Number(bits) => crate::dispatch!(self.dtype, T => {
                let data = vec![crate::graph::from_bits::<T>(*bits); self.layout.size()];
                Host::from_slice(self.layout.shape.clone(), &data)
            }),
            super::Bound::Nothing => Err(crate::base::Fault::new("internal: an input has no memory")),
        }
    }
}

/// A function of the host.
struct OnHost {
    run: crate::graph::prim::HostFn,
    attrs: crate::graph::Attrs,
    loads: Vec<Whole>,
    slot: usize,
    dtype: crate::base::DType,
    out: Layout,
}

impl Program for OnHost {
    fn launch(&self, memory: &Memory) -> Result<()> {
        let ins = self.loads.iter().map(|l| l.host(memory)).collect::<Result<Vec<_>>>()?;
        let super::Bound::Buffer { buffer, .. } = &memory.bound[self.slot] else {
            return Err(crate::base::Fault::new("internal: an output has no memory"));
        };
        let out = Host { dtype: self.dtype, layout: self.out.clone(), buffer: buffer.clone() };
        // They work on copies, and some on places of elements.
        let bytes: usize = ins.iter().map(|h| h.layout.size() * h.dtype.size().max(8)).sum();
        crate::base::memory::room(2 * bytes, "copies")?;
        (self.run)(&ins, &self.attrs, &out)
    }
}
