//! Fuse: which values are written to memory, and which exist only in registers of somebody's kernel.
//!
//! In: a trace. Out: per item its fate. The rules, in order:
//!
//! - what ends a kernel (fold, scan, product, pick, put, host) is written, and so is a root;
//! - a map is written if it is needed as memory (an operand of a product …), if kernels that cannot be merged both
//!   need it and computing it twice costs more than reading it, or if a reader repeats it many times (broadcast);
//! - chains longer than `LONGEST` are cut, so that a kernel's registers stay in cache;
//! - everything else is inlined.
//!
//! Kernels that store over one domain at one stage are one kernel with several outputs; folds alike. `rows` then merges
//! what goes over the same rows.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::rows::Rows;
use super::trace::{Item, Trace, What};
use crate::base::Shape;
use crate::graph::cast;
use crate::graph::prim::Body;
use crate::graph::{Index, Leaf, Prim};

/// Instructions that may be inlined into one kernel.
const LONGEST: u32 = 96;
/// Work per element (tenths of ns) that is done twice rather than written and read.
const CHEAP: u32 = 3;

/// What fusion decided.
pub struct Fusion {
    /// Items that are written to memory.
    pub written: Vec<bool>,
    /// Written items in the groups that are one kernel each, in an order that runs.
    pub groups: Vec<Group>,
}

/// Items that one kernel writes. Items of a `Join` or `Place` stand alone and become several kernels.
pub struct Group {
    pub items: Vec<u32>,
    /// The kernel goes over its domain row by row, in stages.
    pub rows: Option<Rows>,
}

/// Where an inlined item ends up: the kernels that compute it.
type Owners = SmallVec<[u32; 2]>;

/// Decides, given items that must be written whatever the rules say (views that could not be expressed).
pub fn fuse(t: &Trace, must: &[bool]) -> Fusion {
    let n = t.items.len();
    let mut written = must.to_vec();
    written.resize(n, false);
    for &r in &t.roots {
        written[r as usize] |= op(&t.items[r as usize]).is_some();
    }
    ends_and_operands(t, &mut written);
    crossings(t, &mut written);
    let weight = cut_chains(t, &mut written);
    let class = classes(t);
    shared(t, &mut written, &weight, &class);
    let groups = groups(t, &written, &class);
    Fusion { written, groups }
}

pub(super) fn op(item: &Item) -> Option<(&'static Prim, &[u32])> {
    match &item.what {
        What::Op { prim, ins, .. } => Some((prim, ins)),
        _ => None,
    }
}

/// Whether an op's value can live in registers.
fn inlines(prim: &Prim) -> bool {
    matches!(prim.body, Body::Map(_) | Body::View(_) | Body::Leaf(Leaf::Position(..)))
}

/// Whether an op reads its inputs as memory, through layouts, instead of inlining them.
pub fn reads_memory(prim: &Prim) -> bool {
    match prim.body {
        Body::Contract | Body::Host(_) | Body::Sort(..) | Body::Scan(_) => true,
        Body::Index(kind) => !matches!(kind, Index::Join | Index::Place),
        Body::Leaf(Leaf::Position(..)) => true,
        _ => false,
    }
}

fn is_view(t: &Trace, k: usize) -> bool {
    op(&t.items[k]).is_some_and(|(p, _)| p.is_view())
}

/// Whether an item makes f32 of f16.
pub(super) fn is_widening(t: &Trace, k: u32) -> bool {
    op(&t.items[k as usize]).is_some_and(|(p, ins)| cast::widens(p, t.items[ins[0] as usize].dtype))
}

/// Whether an item reads operands of f16 as f32: a product on a device does, where half of the bytes are half of the time.
pub(super) fn reads_halves(t: &Trace, i: u32) -> bool {
    let item = &t.items[i as usize];
    item.device > 0 && op(item).is_some_and(|(p, _)| matches!(p.body, Body::Contract))
}

/// Kernel ends are written; what must be memory for them is written, seen through views.
fn ends_and_operands(t: &Trace, written: &mut [bool]) {
    for (i, item) in t.items.iter().enumerate() {
        let Some((prim, ins)) = op(item) else { continue };
        if !inlines(prim) {
            written[i] = true;
        }
        if !reads_memory(prim) {
            continue;
        }
        let halves = reads_halves(t, i as u32);
        for &k in ins {
            let mut k = k as usize;
            while !written[k] && (is_view(t, k) || halves && is_widening(t, k as u32)) {
                k = op(&t.items[k]).map_or(k, |(_, ins)| ins[0] as usize);
            }
            if op(&t.items[k]).is_some() {
                written[k] = true;
            }
        }
    }
}

/// What one device makes and another reads is written: it is memory that moves. Only values made from positions are made
/// where they are read, if that device can.
fn crossings(t: &Trace, written: &mut [bool]) {
    for item in t.items.iter() {
        let Some((prim, ins)) = op(item) else { continue };
        if prim.is_view() {
            continue;
        }
        for &k in ins {
            let mut k = k as usize;
            while !written[k] && op(&t.items[k]).is_some_and(|(p, _)| p.is_view()) {
                k = op(&t.items[k]).map_or(k, |(_, ins)| ins[0] as usize);
            }
            let below = &t.items[k];
            let Some((made, ins)) = op(below).filter(|_| below.device != item.device) else { continue };
            let anywhere = matches!(made.body, Body::Leaf(Leaf::Position(..)))
                && ins.iter().all(|&i| op(&t.items[i as usize]).is_none())
                && crate::device::takes(item.device, made, &[], below.dtype);
            written[k] |= !anywhere;
        }
    }
}

/// Work per element of each item if everything below is inlined; long chains are cut.
fn cut_chains(t: &Trace, written: &mut [bool]) -> Vec<u32> {
    let n = t.items.len();
    let (mut weight, mut count) = (vec![0u32; n], vec![0u32; n]);
    for i in 0..n {
        let Some((prim, ins)) = op(&t.items[i]) else { continue };
        let (own, one) = match &prim.body {
            Body::Map(map) => (map.cost, 1),
            Body::Leaf(_) => (10, 1),
            _ => (0, 0),
        };
        let below = |v: &[u32]| ins.iter().filter(|&&k| !written[k as usize]).map(|&k| v[k as usize]).sum::<u32>();
        weight[i] = own + below(&weight);
        count[i] = one + below(&count);
        if count[i] > LONGEST && inlines(prim) && !prim.is_view() {
            written[i] = true;
        }
        if written[i] {
            (weight[i], count[i]) = (0, 0);
        }
    }
    weight
}

/// A name for (stage, device, domain) per item that could end a store kernel: kernels of one class can be one kernel. The
/// stage counts the kernel ends below, so that nothing in a class can need another's memory through a kernel end.
fn classes(t: &Trace) -> Vec<u32> {
    let n = t.items.len();
    let mut stage = vec![0u32; n];
    let mut names: HashMap<(u32, u8, Shape), u32> = HashMap::new();
    let mut class = vec![0u32; n];
    for i in 0..n {
        if let Some((_, ins)) = op(&t.items[i]) {
            let after = |k: u32| stage[k as usize] + op(&t.items[k as usize]).is_some_and(|(p, _)| !inlines(p)) as u32;
            stage[i] = ins.iter().map(|&k| after(k)).max().unwrap_or(0);
        }
        let next = n as u32 + names.len() as u32;
        class[i] = *names.entry((stage[i], t.items[i].device, t.items[i].shape.clone())).or_insert(next);
    }
    class
}

/// Walks from users to inputs: who would compute each inlined item? Written where several would and it costs.
fn shared(t: &Trace, written: &mut [bool], weight: &[u32], class: &[u32]) {
    let n = t.items.len();
    let mut owners: Vec<Owners> = vec![SmallVec::new(); n];
    let mut reach: Vec<usize> = vec![0; n];
    for i in (0..n).rev() {
        let Some((prim, ins)) = op(&t.items[i]) else { continue };
        let size = t.items[i].shape.size();
        if !written[i] && !prim.is_view() {
            let twice = owners[i].len() > 1 && weight[i] > CHEAP;
            let repeated = reach[i] > size && weight[i] > CHEAP;
            written[i] = twice || repeated;
        }
        let (mine, domain): (Owners, usize) = if !written[i] {
            (owners[i].clone(), reach[i].max(size))
        } else {
            let id = if inlines(prim) { class[i] } else { i as u32 };
            let domain =
                if matches!(prim.body, Body::Reduce(_)) { t.items[ins[0] as usize].shape.size() } else { size };
            (SmallVec::from_elem(id, 1), domain)
        };
        for &k in ins {
            let k = k as usize;
            // A slice or a join reads less than its input; only a stretch reads elements again.
            let domain = if prim.is_view() && size <= t.items[k].shape.size() && !written[i] && domain <= size {
                t.items[k].shape.size()
            } else {
                domain
            };
            reach[k] = reach[k].max(domain);
            for &o in &mine {
                if !owners[k].contains(&o) {
                    owners[k].push(o);
                }
            }
        }
    }
}

/// The kernels, in an order in which they can run.
fn groups(t: &Trace, written: &[bool], class: &[u32]) -> Vec<Group> {
    let n = t.items.len();
    // The longest path of kernels below each item: equal depth means no one needs the other's memory. `seen` is the depth
    // at which a kernel stands that reads the item, or what the item is made of, from memory.
    let (mut depth, mut seen) = (vec![0u32; n], vec![0u32; n]);
    let mut by_key: HashMap<(u32, u32, u64), usize> = HashMap::new();
    let mut groups: Vec<(u32, Group)> = vec![];
    for i in 0..n {
        let ins: &[u32] = op(&t.items[i]).map_or(&[], |(_, ins)| ins);
        let below = |&k: &u32| if in_register(t, i, k as usize, class) { depth[k as usize] } else { seen[k as usize] };
        depth[i] = ins.iter().map(below).max().unwrap_or(0);
        seen[i] = match written[i] {
            true => depth[i] + 1,
            false => ins.iter().map(|&k| seen[k as usize]).max().unwrap_or(0),
        };
        if !written[i] {
            continue;
        }
        let key = merge_key(t, i, class).map(|(a, b)| (depth[i], a, b));
        match key.and_then(|k| by_key.get(&k)) {
            Some(&g) => groups[g].1.items.push(i as u32),
            None => {
                if let Some(k) = key {
                    by_key.insert(k, groups.len());
                }
                groups.push((depth[i], Group { items: vec![i as u32], rows: None }));
            }
        }
    }
    groups.sort_by_key(|(depth, _)| *depth);
    groups.into_iter().map(|(_, g)| g).collect()
}

/// Whether item `i` can take item `k` from a register of the kernel that makes it: both are maps over one domain at one
/// stage, and nothing (no view, no stretch) lies between. Any other way to a written item, also through maps that a fold
/// makes for itself, counts as a step deeper, so that a kernel never runs before one that writes what it reads.
fn in_register(t: &Trace, i: usize, k: usize, class: &[u32]) -> bool {
    let is_map = |i: usize| op(&t.items[i]).is_some_and(|(p, _)| p.is_map());
    is_map(i) && is_map(k) && class[i] == class[k]
}

/// What must be equal for two written items to be one kernel; `None` for those that stand alone.
fn merge_key(t: &Trace, i: usize, class: &[u32]) -> Option<(u32, u64)> {
    match &t.items[i].what {
        What::Op { prim, attrs, ins } => match &prim.body {
            Body::Map(_) => Some((class[i], 0)),
            Body::Reduce(fold) if !fold.is_arg() => {
                let mut axes = 1 + t.items[i].device as u64;
                for &a in attrs[0].as_ints() {
                    axes = axes * 17 + a as u64 + 1;
                }
                Some((class[ins[0] as usize], axes))
            }
            _ => None,
        },
        _ => None,
    }
}
