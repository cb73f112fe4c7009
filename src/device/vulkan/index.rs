//! Picking and putting on the device.
//!
//! Whether an index is out of range: where the index arrays are on the host, as they mostly are, they are looked at there
//! and nothing waits; where they are only on the device, the launch waits for the flag. A put sorts its picks by place on
//! the host (so index arrays that are only on the device come here first) and hands the order to the device.

use std::sync::Arc;

use super::Prepared;
use super::codegen::index::{GatherText, put};
use super::codegen::map::plain;
use super::codegen::text::Text;
use super::context::{Caps, Gpu};
use super::launch::{Ready, flag, is_set};
use super::map::{Map, blame};
use super::memory::Mem;
use crate::base::{Fault, Layout, Result, Shape};
use crate::device::{Bound, Memory, Program};
use crate::plan::kernel::{BASE, Out};
use crate::plan::{Finish, From, Kernel, Load, Slot};

/// An array of indices as the host reads it.
struct Indices {
    slot: usize,
    layout: Layout,
    /// The size of the axis it indexes.
    size: usize,
}

fn indices(kernel: &Kernel, data: usize) -> Vec<Indices> {
    let sizes = &kernel.loads[0].layout.shape;
    let one = |(load, &size): (&Load, &usize)| match load.from {
        From::Slot(slot) => Some(Indices { slot, layout: load.layout.clone(), size }),
        From::Position { .. } => None,
    };
    kernel.loads[data..].iter().zip(sizes.iter()).filter_map(one).collect()
}

impl Indices {
    /// Whether looking at them needs no waiting.
    fn is_here(&self, memory: &Memory) -> bool {
        !matches!(&memory.bound[self.slot], Bound::Buffer { buffer, .. } if !buffer.is_here())
    }

    /// Calls `visit` with each, counted from the front; stops at the first that is out of range.
    fn each(&self, memory: &Memory, mut visit: impl FnMut(usize, usize)) -> bool {
        let base = memory.pointer(self.slot, 8).cast::<i64>();
        let relative = self.layout.offset as isize - BASE as isize;
        let (shape, strides) = (&self.layout.shape, &self.layout.strides);
        let mut index = vec![0usize; shape.rank()];
        let mut at = relative;
        for pick in 0..shape.size() {
            // SAFETY: layouts stay inside their arrays.
            let i = unsafe { *base.offset(at) };
            let i = if i < 0 { i + self.size as i64 } else { i };
            if !(0..self.size as i64).contains(&i) {
                return false;
            }
            visit(pick, i as usize);
            for k in (0..shape.rank()).rev() {
                index[k] += 1;
                at += strides[k];
                if index[k] < shape[k] {
                    break;
                }
                at -= strides[k] * shape[k] as isize;
                index[k] = 0;
            }
        }
        true
    }
}

pub struct Gather {
    ready: Ready,
    threads: usize,
    indices: Vec<Indices>,
    cpu: Box<dyn Program>,
}

impl Gather {
    pub fn new(gpu: &'static Gpu, text: GatherText, kernel: &Kernel, cpu: Box<dyn Program>) -> Gather {
        Gather { ready: Ready::new(gpu, text.text), threads: text.threads, indices: indices(kernel, 1), cpu }
    }
}

impl Prepared for Gather {
    fn compile(&self) -> Result<()> {
        self.ready.compile()
    }
}

impl Program for Gather {
    fn launch(&self, memory: &Memory) -> Result<()> {
        let here = self.indices.iter().all(|i| i.is_here(memory));
        if here && !self.indices.iter().all(|i| i.each(memory, |_, _| {})) {
            return blame(&*self.cpu, memory);
        }
        let flag = flag(self.ready.gpu)?;
        let backing = self.ready.backing(memory, &[], Some(&flag))?;
        self.ready.run(memory, &backing, 0, 0, self.threads.div_ceil(256))?;
        if !here && is_set(&flag)? {
            return blame(&*self.cpu, memory);
        }
        Ok(())
    }
}

pub struct Put {
    ready: Ready,
    copy: Map,
    indices: Vec<Indices>,
    picks: usize,
    /// Elements that one pick moves.
    each: usize,
    cpu: Box<dyn Program>,
}

/// The texts of a put; `None` where the device cannot run it.
pub fn put_text(kernel: &Kernel, slots: &[Slot], caps: &Caps) -> Option<Text> {
    let Finish::Put { slot, add, rest } = kernel.finish else { return None };
    let text = put(kernel, slot, add, rest)?;
    let (copy, outs) = copy_of(kernel, slot);
    let copies = plain(&copy, &outs, slots)?.text.fits(caps, false);
    let small = kernel.domain.size().max(kernel.loads[1].layout.size()) < u32::MAX as usize / 2;
    (copies && small && text.fits(caps, false)).then_some(text)
}

/// A map that copies load 0 to the result.
fn copy_of(kernel: &Kernel, slot: usize) -> (Kernel, Vec<Out>) {
    let x = kernel.loads[0].clone();
    let domain: Shape = x.layout.shape.clone();
    let outs = vec![Out { reg: 0, slot, layout: Layout::contiguous(domain.clone()) }];
    (Kernel { domain, loads: vec![x], code: vec![], finish: Finish::Store(outs.clone()) }, outs)
}

impl Put {
    pub fn new(gpu: &'static Gpu, text: Text, kernel: &Kernel, slots: &[Slot], cpu: Box<dyn Program>) -> Result<Put> {
        let Finish::Put { slot, rest, .. } = kernel.finish else { return Err(Fault::new("internal: not a put")) };
        let (copy, outs) = copy_of(kernel, slot);
        let copy = Map::new(gpu, &copy, &outs, slots)?;
        let values = &kernel.loads[1].layout.shape;
        let cut = values.rank() - rest;
        let (picks, each) = (values[..cut].iter().product(), values[cut..].iter().product());
        Ok(Put { ready: Ready::new(gpu, text), copy, indices: indices(kernel, 2), picks, each, cpu })
    }

    /// Per pick the place that it writes; `None` where an index is out of range.
    fn places(&self, memory: &Memory) -> Option<Vec<u32>> {
        let mut places = vec![0u32; self.picks];
        for indices in &self.indices {
            let inside = indices.each(memory, |pick, i| {
                places[pick] = places[pick].wrapping_mul(indices.size as u32).wrapping_add(i as u32);
            });
            if !inside {
                return None;
            }
        }
        Some(places)
    }
}

/// Picks in the order of their places, where each place's begin, and the places.
fn sorted(places: &[u32]) -> [Vec<u32>; 3] {
    let mut keys: Vec<u64> = places.iter().enumerate().map(|(i, &p)| (p as u64) << 32 | i as u64).collect();
    keys.sort_unstable();
    let (mut begins, mut targets) = (vec![], vec![]);
    for (i, key) in keys.iter().enumerate() {
        let place = (key >> 32) as u32;
        if targets.last() != Some(&place) {
            begins.push(i as u32);
            targets.push(place);
        }
    }
    begins.push(keys.len() as u32);
    [keys.iter().map(|&k| k as u32).collect(), begins, targets]
}

impl Prepared for Put {
    fn compile(&self) -> Result<()> {
        self.copy.compile()?;
        self.ready.compile()
    }
}

impl Program for Put {
    fn launch(&self, memory: &Memory) -> Result<()> {
        let gpu = self.ready.gpu;
        let slots: Vec<usize> = self.indices.iter().map(|i| i.slot).collect();
        memory.fetch(&slots)?;
        let Some(places) = self.places(memory) else { return blame(&*self.cpu, memory) };
        self.copy.launch(memory)?;
        let [order, begins, targets] = sorted(&places);
        if targets.is_empty() || self.each == 0 {
            return Ok(());
        }
        let send = |v: &Vec<u32>| gpu.upload(&v.iter().flat_map(|x| x.to_ne_bytes()).collect::<Vec<u8>>());
        let own: Vec<Arc<Mem>> = [&order, &begins, &targets].into_iter().map(send).collect::<Result<_>>()?;
        let backing = self.ready.backing(memory, &own, None)?;
        let groups = (targets.len() * self.each).div_ceil(256);
        self.ready.run(memory, &backing, 0, targets.len(), groups)
    }
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn picks_are_sorted_by_place_in_order() {
        assert_eq!(sorted(&[5, 2, 5, 5]), [vec![1, 0, 2, 3], vec![0, 1, 4], vec![2, 5]]);
    }
}
