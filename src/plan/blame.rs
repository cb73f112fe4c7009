//! Blame: where in the source a fault belongs that only the values show.
//!
//! In: a kernel that failed, with the memory that it read. Out: its fault, at the call that made what was being computed. A
//! kernel is many calls: those come into question whose lanes leave marks (`base::trouble`); of several it is the first
//! that fails when the kernel ends with it.

use smallvec::SmallVec;

use super::kernel::{Finish, Inst, Kernel, Out, Reg, Slot, SlotKind};
use super::schedule::Plan;
use super::trace::Trace;
use crate::base::{Buffer, DType, Fault, Layout, Result, Span, trouble};
use crate::device::{Bound, Memory};
use crate::graph::prim::{Body, Operands};

/// The places in the source of one launch.
#[derive(Clone)]
pub struct Places {
    /// Of the call whose value it writes.
    made: Option<Span>,
    /// Of the calls that leave marks, in the order of the kernel's suspects.
    suspects: SmallVec<[Option<Span>; 1]>,
}

/// The places of a plan's kernel, given the graph that the plan is launched for.
pub fn places(t: &Trace, plan: &Plan, kernel: usize) -> Places {
    let span = |item: u32| Some(t.nodes[item as usize].node().span).filter(|s| s.source != u32::MAX && s.end > 0);
    let made = plan.writes[kernel].first().and_then(|&slot| plan.item_of[slot]).and_then(span);
    let code = &plan.kernels[kernel].code;
    Places { made, suspects: plan.suspects[kernel].iter().map(|&k| span(code[k].item)).collect() }
}

/// The instructions of a kernel that leave a mark for some values.
pub fn suspects(kernel: &Kernel) -> Vec<usize> {
    let can = |k: &usize| {
        let inst = &kernel.code[*k];
        inst.args.last().is_some_and(|&last| can_mark(inst, kernel.dtype(last)))
    };
    (0..kernel.code.len()).filter(can).collect()
}

/// Whether the lane of an instruction on such operands leaves a mark for some values.
fn can_mark(inst: &Inst, dtype: DType) -> bool {
    let Body::Map(body) = &inst.prim.body else { return false };
    let Some(lane) = (body.lane)(dtype, Operands::Vectors) else { return false };
    // Zeros, and for ints -1: what a power does not take.
    let probes: &[u64] = if dtype == DType::I64 { &[0, u64::MAX] } else { &[0] };
    probes.iter().any(|probe| {
        let (ins, mut out) = ([(&raw const *probe).cast::<u8>(); 8], 0u64);
        if inst.args.len() > ins.len() {
            return false;
        }
        // SAFETY: one element of at most 8 bytes from as many operands as the instruction has, each of one element.
        unsafe { lane(ins.as_ptr(), (&raw mut out).cast(), 1) };
        trouble::check().is_err()
    })
}

/// The outcome of a launch on the CPU that just ended: its own fault or that of a mark, each at its place.
pub fn outcome<T>(
    launched: Result<T>,
    plan: &Plan,
    kernel: usize,
    memory: &Memory,
    places: impl Fn() -> Places,
) -> Result<T> {
    // Asked in any case: a mark that stays would be found by the next kernel.
    let marked = trouble::check().map_err(|f| marked(f, plan, kernel, memory, &places()));
    launched.and_then(|x| marked.map(|()| x)).map_err(|f| placed(f, &places()))
}

/// A fault at the call that made what was being computed, unless it has a place.
pub fn placed(mut fault: Fault, places: &Places) -> Fault {
    match places.made {
        Some(span) if !fault.is_interrupt() => {
            // Sides name arguments of that call, not of the one that looks.
            fault.sides.clear();
            fault.at(span)
        }
        _ => fault,
    }
}

/// A fault that a lane marked, at the call whose lane it was.
fn marked(fault: Fault, plan: &Plan, kernel: usize, memory: &Memory, places: &Places) -> Fault {
    let suspects = &plan.suspects[kernel];
    let guilty = match suspects.len() {
        0 | 1 => Some(0),
        _ => suspects.iter().position(|&k| ended(plan, kernel, k, memory).is_err()),
    };
    match guilty.and_then(|at| places.suspects.get(at).copied().flatten()) {
        Some(span) => fault.at(span),
        None => fault,
    }
}

/// Runs a kernel on the CPU up to instruction `k`, whose value it then writes to memory of its own.
fn ended(plan: &Plan, kernel: usize, k: usize, memory: &Memory) -> Result<()> {
    let whole = &plan.kernels[kernel];
    let (domain, reg) = (whole.domain.clone(), (whole.loads.len() + k) as Reg);
    let (n, dtype) = (domain.size(), whole.dtype(reg));
    let outs = vec![Out { reg, slot: plan.slots.len(), layout: Layout::contiguous(domain.clone()) }];
    let finish = match &whole.finish {
        Finish::Rows { axes, .. } => Finish::Rows { axes: axes.clone(), outs },
        Finish::Contract { .. } => Finish::Contract { outs },
        _ => Finish::Store(outs),
    };
    let kernel = Kernel { domain, loads: whole.loads.clone(), code: whole.code[..=k].to_vec(), finish };
    let slots: Vec<Slot> = plan.slots.iter().cloned().chain([Slot { dtype, kind: SlotKind::Made(n) }]).collect();
    let own = Bound::Buffer { buffer: Buffer::new(n.saturating_mul(dtype.size()))?, offset: 0 };
    let memory = Memory { bound: memory.bound.iter().cloned().chain([own]).collect() };
    crate::device::cpu().prepare(&kernel, &slots)?.launch(&memory)?;
    trouble::check()
}
