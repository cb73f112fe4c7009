//! Schedule: from a trace to a plan: kernels in order, slots, and which slot is last read where.

use smallvec::SmallVec;

use super::emit::Emitter;
use super::epilogue::{self, Kernels};
use super::fuse::{Group, fuse};
use super::kernel::*;
use super::rows::{Refused, cluster};
use super::trace::{Trace, What};
use crate::base::{Fault, Result};

/// Tries at kernels of rows before they are given up for a trace.
const TRIES: usize = 8;

/// What runs when a graph is forced; made once per structure.
pub struct Plan {
    pub slots: Vec<Slot>,
    pub kernels: Vec<Kernel>,
    /// Per kernel, the number of the device that runs it.
    pub devices: Vec<u8>,
    /// Per kernel, the items that it computes.
    pub items: Vec<Vec<u32>>,
    /// Per kernel, the slots that nobody reads after it; not those of numbers, which have no memory.
    pub dead_after: Vec<Vec<usize>>,
    /// Per kernel, what it writes and what dies with it, where the one may take the memory of the other.
    pub in_place: Vec<Option<(usize, usize)>>,
    /// Items that are written and their slots: they become realised.
    pub written: Vec<(u32, usize)>,
    /// Per slot, the item that is written there.
    pub item_of: Vec<Option<u32>>,
    /// Per kernel, the slots that it reads, and those that it writes.
    pub reads: Vec<SmallVec<[usize; 8]>>,
    pub writes: Vec<SmallVec<[usize; 4]>>,
    /// Per kernel, the instructions that may leave a mark.
    pub suspects: Vec<Vec<usize>>,
    /// Items that were computed in registers only.
    pub inlined: Vec<u32>,
    /// The kernels as a device prepared them.
    pub programs: std::cell::OnceCell<Vec<Box<dyn crate::device::Program>>>,
}

/// Plans a trace; `by_rows` where devices that take kernels of rows are to get them.
pub fn schedule(t: &Trace, by_rows: bool) -> Result<Plan> {
    let mut must = vec![false; t.items.len()];
    let refuses = |i: &u32| !crate::device::takes_rows(t.items[*i as usize].device);
    let mut refused: Refused = (0..t.items.len() as u32).filter(refuses).collect();
    let mut by_rows = by_rows;
    // Each failed try names one more item that has to be memory, or one more pair that stays apart, so this ends.
    for tries in 0..=t.items.len() + 2 * TRIES {
        let mut fusion = fuse(t, &must);
        by_rows &= tries < TRIES;
        if by_rows {
            cluster(t, &mut fusion, &refused);
        }
        let (slots, of_item) = slots(t, &fusion.written);
        let emitter = Emitter { trace: t, written: &fusion.written, slots: &of_item };
        let mut all = Kernels { kernels: vec![], items: vec![] };
        let mut failed = None;
        // Leaves that must be copied come first: they need nothing.
        let (copies, rest): (Vec<_>, Vec<_>) =
            fusion.groups.iter().partition(|g| !matches!(t.items[g.items[0] as usize].what, What::Op { .. }));
        for group in copies.into_iter().chain(rest) {
            match emitter.kernels(group) {
                Ok(more) => {
                    all.items.extend(more.iter().map(|_| group.items.clone()));
                    all.kernels.extend(more);
                }
                Err(must) => {
                    failed = Some((must.0, group));
                    break;
                }
            }
        }
        if let Some((item, Group { rows: Some(_), .. })) = failed {
            // That item does not fit into its rows: alone from now on.
            refused.insert(item);
            continue;
        }
        if let Some((item, _)) = failed {
            if must[item as usize] {
                return Err(Fault::new("internal: a view cannot be planned"));
            }
            must[item as usize] = true;
            continue;
        }
        epilogue::merge(t, &mut all, &mut fusion.written, &slots, &of_item);
        let mut plan = finish(t, slots, of_item, all.kernels, &fusion.written);
        plan.devices = devices(t, &plan, &all.items);
        plan.items = all.items;
        return Ok(plan);
    }
    Err(Fault::new("internal: planning did not end"))
}

/// Where each kernel runs: where its items are to be made, if that device can. Kernels that write one slot run together.
fn devices(t: &Trace, plan: &Plan, items: &[Vec<u32>]) -> Vec<u8> {
    let mut devices: Vec<u8> = items.iter().map(|items| t.items[items[0] as usize].device).collect();
    for (k, kernel) in plan.kernels.iter().enumerate() {
        if devices[k] == 0 || crate::device::can(devices[k], kernel, &plan.slots) {
            continue;
        }
        let writes = kernel.writes();
        for (other, kernel) in plan.kernels.iter().enumerate() {
            if kernel.writes().iter().any(|slot| writes.contains(slot)) {
                devices[other] = 0;
            }
        }
    }
    devices
}

/// Slots for leaves (numbered `items + i`) and for written items (numbered `i`).
fn slots(t: &Trace, written: &[bool]) -> (Vec<Slot>, Vec<Option<usize>>) {
    let n = t.items.len();
    let mut slots = vec![];
    let mut of_item = vec![None; 2 * n];
    for (i, item) in t.items.iter().enumerate() {
        let leaf = match item.what {
            What::Buffer(_) => Some(SlotKind::Leaf(i)),
            What::Number => Some(SlotKind::Number(i)),
            What::Op { .. } => None,
        };
        if let Some(kind) = leaf {
            of_item[n + i] = Some(slots.len());
            slots.push(Slot { dtype: item.dtype, kind });
        }
        if written[i] {
            of_item[i] = Some(slots.len());
            slots.push(Slot { dtype: item.dtype, kind: SlotKind::Made(item.shape.size()) });
        }
    }
    (slots, of_item)
}

fn finish(t: &Trace, slots: Vec<Slot>, of_item: Vec<Option<usize>>, kernels: Vec<Kernel>, written: &[bool]) -> Plan {
    let op = |i: usize| matches!(t.items[i].what, What::Op { .. });
    let out: Vec<(u32, usize)> =
        (0..t.items.len()).filter(|&i| written[i] && op(i)).filter_map(|i| Some((i as u32, of_item[i]?))).collect();
    let inlined = (0..t.items.len()).filter(|&i| !written[i] && op(i)).map(|i| i as u32).collect();
    let mut dead_after: Vec<Vec<usize>> = vec![vec![]; kernels.len()];
    for slot in (0..slots.len()).filter(|&s| !matches!(slots[s].kind, SlotKind::Number(_))) {
        if let Some(k) = kernels.iter().rposition(|k| k.reads().contains(&slot)) {
            dead_after[k].push(slot);
        }
    }
    let mut item_of = vec![None; slots.len()];
    out.iter().for_each(|&(item, slot)| item_of[slot] = Some(item));
    let (reads, writes) = kernels.iter().map(|k| (k.reads(), k.writes())).unzip();
    let suspects: Vec<Vec<usize>> = kernels.iter().map(super::blame::suspects).collect();
    // What is written over cannot be read again to find which of several calls failed.
    let plain = |(k, dead): (usize, &Vec<usize>)| in_place(&kernels[k], dead, &slots).filter(|_| suspects[k].len() < 2);
    let in_place = dead_after.iter().enumerate().map(plain).collect();
    Plan {
        slots,
        kernels,
        in_place,
        devices: vec![],
        items: vec![],
        dead_after,
        written: out,
        item_of,
        reads,
        writes,
        suspects,
        inlined,
        programs: std::cell::OnceCell::new(),
    }
}

/// The slot of a map's result, and of an operand that nobody reads afterwards and that lies just as the result does: every element
/// is read before its place is written.
fn in_place(kernel: &Kernel, dead: &[usize], slots: &[Slot]) -> Option<(usize, usize)> {
    let Finish::Store(outs) = &kernel.finish else { return None };
    let [out] = &outs[..] else { return None };
    let like = |s: usize| match (&slots[s].kind, &slots[out.slot].kind) {
        (SlotKind::Made(n), SlotKind::Made(m)) => n == m && slots[s].dtype.size() == slots[out.slot].dtype.size(),
        _ => false,
    };
    let plain = kernel.domain.strides();
    let lies = |load: &Load| load.layout.offset == BASE && load.layout.strides == plain;
    let reads = |s: usize| kernel.loads.iter().filter(move |l| matches!(l.from, From::Slot(other) if other == s));
    if out.layout.strides != plain || (out.reg as usize) < kernel.loads.len() {
        return None;
    }
    let dying = dead.iter().copied().find(|&s| like(s) && reads(s).all(lies))?;
    Some((out.slot, dying))
}
