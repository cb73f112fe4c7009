//! Epilogues: a map that follows a product over the same domain becomes part of it, so that a bias or an activation is
//! computed while the product's elements are in registers or in cache.
//!
//! In: kernels in an order that runs. Out: fewer of them. A product that nobody else reads and nobody holds is then not
//! memory of its own; one that is read again is written beside what is made of it, by devices that gain from that.

use super::kernel::*;
use super::trace::Trace;
use crate::base::Layout;

/// Kernels and, for each, the items that it computes.
pub struct Kernels {
    pub kernels: Vec<Kernel>,
    pub items: Vec<Vec<u32>>,
}

/// Merges what can be. `written`: per item whether it is memory; `of_item`: its slot.
pub fn merge(t: &Trace, all: &mut Kernels, written: &mut [bool], slots: &[Slot], of_item: &[Option<usize>]) {
    let mut k = 0;
    while k < all.kernels.len() {
        match follower(t, all, k, written, slots, of_item) {
            Some((at, j, kernel)) => {
                let product = all.items[k].clone();
                let dropped = !kernel.writes().iter().any(|&s| Some(s) == of_item[product[0] as usize]);
                if dropped {
                    written[product[0] as usize] = false;
                }
                let items = product.into_iter().chain(all.items[j].iter().copied()).collect();
                (all.kernels[at], all.items[at]) = (kernel, items);
                let gone = if at == k { j } else { k };
                all.kernels.remove(gone);
                all.items.remove(gone);
                // What came next stands here now, if the product moved back.
                k += usize::from(at == k);
            }
            None => k += 1,
        }
    }
}

/// The place, the map and the kernel that product `k` and that map become.
fn follower(
    t: &Trace,
    all: &Kernels,
    k: usize,
    written: &[bool],
    slots: &[Slot],
    of_item: &[Option<usize>],
) -> Option<(usize, usize, Kernel)> {
    let product = &all.kernels[k];
    let slot = product.bare_product()?;
    let item = all.items[k][0] as usize;
    debug_assert!(written[item] && of_item[item] == Some(slot), "a product's item has its slot");
    let reads = |j: usize| all.kernels[j].reads().contains(&slot);
    let j = (k + 1..all.kernels.len()).find(|&j| reads(j) && follows(product, &all.kernels[j], slot))?;
    if t.items[item].device != t.items[all.items[j][0] as usize].device {
        return None;
    }
    // Where the map stands, unless somebody needs the product before; else where the product stands, if the map can.
    let ready = |s: &usize| *s == slot || !(k..j).any(|other| all.kernels[other].writes().contains(s));
    let at = if !(k + 1..j).any(reads) {
        j
    } else if all.kernels[j].reads().iter().all(ready) {
        k
    } else {
        return None;
    };
    let held = t.roots.contains(&(item as u32)) || t.held.contains(&(item as u32));
    let keep = held || (k + 1..all.kernels.len()).any(|other| other != j && reads(other));
    let merged = merged(product, &all.kernels[j], slot, keep);
    let device = t.items[item].device;
    let pays = match device {
        0 => crate::device::cpu::fits(&merged, slots),
        _ => crate::device::can(device, &merged, slots),
    };
    pays.then_some((at, j, merged))
}

/// Whether a kernel is a map of a product's elements, each read where it lies.
fn follows(product: &Kernel, map: &Kernel, slot: usize) -> bool {
    let Finish::Store(outs) = &map.finish else { return false };
    let plain = |l: &Layout, offset: usize| l.offset == offset && l.is_contiguous();
    let lies = |l: &Load| !matches!(l.from, From::Slot(s) if s == slot) || plain(&l.layout, BASE);
    map.domain == product.domain && outs.iter().all(|o| plain(&o.layout, 0)) && map.loads.iter().all(lies)
}

fn merged(product: &Kernel, map: &Kernel, slot: usize, keep: bool) -> Kernel {
    let mut loads = product.loads.clone();
    let mut of_load: Vec<Reg> = vec![];
    for load in &map.loads {
        if matches!(load.from, From::Slot(s) if s == slot) {
            of_load.push(PRODUCT);
        } else {
            of_load.push(loads.len() as Reg);
            loads.push(load.clone());
        }
    }
    let reg = |r: Reg| match of_load.get(r as usize) {
        Some(&load) => load,
        None => r - map.loads.len() as Reg + loads.len() as Reg,
    };
    let mut code = map.code.clone();
    code.iter_mut().flat_map(|inst| &mut inst.args).for_each(|a| *a = reg(*a));
    let Finish::Store(after) = &map.finish else { return product.clone() };
    let mut outs: Vec<Out> = vec![];
    if keep {
        outs.push(Out { reg: PRODUCT, slot, layout: Layout::contiguous(product.domain.clone()) });
    }
    outs.extend(after.iter().map(|o| Out { reg: reg(o.reg), ..o.clone() }));
    Kernel { domain: product.domain.clone(), loads, code, finish: Finish::Contract { outs } }
}
