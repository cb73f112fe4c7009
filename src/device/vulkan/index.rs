//! Picking and putting on the device.
//!
//! Whether an index is out of range: where the index arrays are on the host, as they mostly are, they are looked at there;
//! where they are only on the device, the launch is in doubt. A put sorts its picks by place where the indices are.

use std::sync::Arc;

use super::codegen::fold::Stage;
use super::codegen::index::{GatherText, picks, places, put};
use super::codegen::sort::{Passes, passes};
use super::codegen::text::Text;
use super::context::{Caps, Gpu};
use super::jobs::{Job, jobs};
use super::launch::{Ready, Watch};
use super::memory::Mem;
use super::sort::Radix;
use super::split::{over, windows};
use super::{Prepared, Spare};
use crate::base::{Fault, Layout, Result, Shape};
use crate::device::{Bound, Memory};
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
        From::Position { .. } | From::Product => None,
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
    /// One for each window of what is picked from, and its threads.
    all: Vec<(Ready, usize)>,
    indices: Vec<Indices>,
    cpu: Spare,
}

impl Gather {
    pub fn new(gpu: &'static Gpu, all: Vec<GatherText>, kernel: &Kernel, cpu: Spare) -> Gather {
        let all = all.into_iter().map(|g| (Ready::new(gpu, g.text), g.threads)).collect();
        Gather { all, indices: indices(kernel, 1), cpu }
    }
}

impl Prepared for Gather {
    fn compile(&self) -> Result<()> {
        self.all.iter().try_for_each(|(ready, _)| ready.compile())
    }

    fn launch(&self, memory: &Memory, watch: &mut Watch) -> Result<()> {
        let here = self.indices.iter().all(|i| i.is_here(memory));
        if here && !self.indices.iter().all(|i| i.each(memory, |_, _| {})) {
            return self.cpu.blame(memory);
        }
        for (ready, threads) in &self.all {
            let backing = ready.backing(memory, &[], watch.flag(&ready.text)?.as_ref())?;
            ready.run(memory, &backing, 0, 0, threads.div_ceil(256))?;
        }
        if !here {
            watch.suspect();
        }
        Ok(())
    }
}

pub struct Put {
    /// One for each pair of windows.
    all: Vec<Ready>,
    copy: Vec<Box<dyn Prepared>>,
    indices: Vec<Indices>,
    /// Finds and sorts the places on the device, if it can.
    away: Option<(Ready, Radix)>,
    picks: usize,
    /// Elements that one pick moves.
    each: usize,
    cpu: Spare,
}

/// What a put does.
pub struct PutText {
    /// Copies what is written into.
    copy: Vec<Job>,
    /// Where places are found and sorted on the device.
    away: Option<(Stage, Passes)>,
    /// Writes; one for each window of what is written and of the values.
    all: Vec<Text>,
}

impl PutText {
    /// All texts, in the order in which they first run.
    pub fn texts(&self) -> Vec<String> {
        let sorts = self.away.iter().flat_map(|(places, p)| [places, &p.count, &p.begins, &p.scatter]);
        let own = sorts.map(|s| &s.text).chain(&self.all).map(Text::finish);
        self.copy.iter().flat_map(Job::texts).chain(own).collect()
    }
}

/// The texts of a put; `None` where the device cannot run it.
pub fn put_text(kernel: &Kernel, slots: &[Slot], caps: &Caps) -> Option<PutText> {
    let Finish::Put { slot, add, rest } = kernel.finish else { return None };
    let copy = jobs(&copy_of(kernel, slot), slots, caps)?;
    let written = over((0, kernel.domain.size() as isize - 1), kernel.dtype(0), caps);
    let values = windows(&kernel.loads[1], caps);
    let pairs = written.iter().flat_map(|w| values.iter().map(move |v| [*w, *v]));
    let all: Vec<Text> = pairs.map(|pair| put(kernel, slot, add, rest, pair)).collect::<Option<_>>()?;
    let fits = |s: &Stage| s.text.fits(caps, false);
    let sorts = |(places, p): &(Stage, Passes)| [places, &p.count, &p.begins, &p.scatter].into_iter().all(fits);
    let away = places(kernel).map(|s| (s, passes(picks(kernel)))).filter(sorts);
    all.iter().all(|t| t.fits(caps, false)).then_some(PutText { copy, away, all })
}

/// A map that copies load 0 to the result.
fn copy_of(kernel: &Kernel, slot: usize) -> Kernel {
    let x = kernel.loads[0].clone();
    let domain: Shape = x.layout.shape.clone();
    let outs = vec![Out { reg: 0, slot, layout: Layout::contiguous(domain.clone()) }];
    Kernel { domain, loads: vec![x], code: vec![], finish: Finish::Store(outs) }
}

impl Put {
    pub fn new(gpu: &'static Gpu, text: PutText, kernel: &Kernel, cpu: Spare) -> Result<Put> {
        let Finish::Put { rest, .. } = kernel.finish else { return Err(Fault::new("internal: not a put")) };
        let copy = text.copy.into_iter().map(|job| job.prepare(gpu, &cpu)).collect::<Result<_>>()?;
        let values = &kernel.loads[1].layout.shape;
        let each = values[values.rank() - rest..].iter().product();
        let away = text.away.map(|(places, passes)| (Ready::new(gpu, places.text), Radix::new(gpu, passes)));
        let all = text.all.into_iter().map(|t| Ready::new(gpu, t)).collect();
        Ok(Put { all, copy, indices: indices(kernel, 2), away, picks: picks(kernel).length, each, cpu })
    }

    fn copy(&self, memory: &Memory, watch: &mut Watch) -> Result<()> {
        self.copy.iter().try_for_each(|c| c.launch(memory, watch))
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

    /// Writes, given the places in order and the picks beside them.
    fn write(&self, memory: &Memory, own: &[Arc<Mem>]) -> Result<()> {
        self.all.iter().try_for_each(|ready| {
            let backing = ready.backing(memory, own, None)?;
            ready.run(memory, &backing, 0, 0, (self.picks * self.each).div_ceil(256))
        })
    }

    /// The places are found where the indices are.
    fn launch_away(&self, memory: &Memory, places: &Ready, radix: &Radix, watch: &mut Watch) -> Result<()> {
        let own = radix.memory()?;
        let backing = places.backing(memory, &own, watch.flag(&places.text)?.as_ref())?;
        places.run(memory, &backing, 0, 0, self.picks.div_ceil(256))?;
        watch.suspect();
        self.copy(memory, watch)?;
        self.write(memory, &radix.run(memory, own)?)
    }
}

/// The places in order, and the picks that write them: those of one place in their own order.
fn sorted(places: &[u32]) -> [Vec<u32>; 2] {
    let mut keys: Vec<u64> = places.iter().enumerate().map(|(i, &p)| (p as u64) << 32 | i as u64).collect();
    keys.sort_unstable();
    [keys.iter().map(|&k| (k >> 32) as u32).collect(), keys.iter().map(|&k| k as u32).collect()]
}

impl Prepared for Put {
    fn compile(&self) -> Result<()> {
        self.copy.iter().try_for_each(|c| c.compile())?;
        if let Some((places, radix)) = &self.away {
            places.compile()?;
            radix.compile()?;
        }
        self.all.iter().try_for_each(Ready::compile)
    }

    fn launch(&self, memory: &Memory, watch: &mut Watch) -> Result<()> {
        if self.picks == 0 || self.each == 0 {
            return self.copy(memory, watch);
        }
        let Some(Ready { gpu, .. }) = self.all.first() else { return Ok(()) };
        if let Some((places, radix)) = self.away.as_ref().filter(|_| !self.indices.iter().all(|i| i.is_here(memory))) {
            return self.launch_away(memory, places, radix, watch);
        }
        let slots: Vec<usize> = self.indices.iter().map(|i| i.slot).collect();
        memory.fetch(&slots)?;
        let Some(places) = self.places(memory) else { return self.cpu.blame(memory) };
        self.copy(memory, watch)?;
        let send = |v: &Vec<u32>| gpu.upload(&v.iter().flat_map(|x| x.to_ne_bytes()).collect::<Vec<u8>>());
        let own: Vec<Arc<Mem>> = sorted(&places).iter().map(send).collect::<Result<_>>()?;
        self.write(memory, &own)
    }
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn picks_are_sorted_by_place_in_order() {
        assert_eq!(sorted(&[5, 2, 5, 5]), [vec![2, 5, 5, 5], vec![1, 0, 2, 3]]);
    }
}
