//! Run: forcing. Finds or makes the plan, gives it memory, launches its kernels in order.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::blame::{self, outcome, placed};
use super::doubt;
use super::kernel::{Kernel, SlotKind};
use super::schedule::{Plan, schedule};
use super::trace::{Fx, Key, Trace, trace};
use crate::base::{Buffer, Fault, Layout, Result, Span, interrupt};
use crate::device::{Bound, Memory};
use crate::graph::prim::Body;
use crate::graph::{Data, Expr};

/// Plans that are kept; past this many all are forgotten (a program that makes that many structures reuses none).
const KEPT: usize = 2000;

thread_local! {
    static PLANS: RefCell<HashMap<Key, Rc<Plan>, Fx>> = RefCell::default();
    static SAMPLES: RefCell<Option<Vec<Sample>>> = const { RefCell::new(None) };
    static PROFILING: Cell<bool> = const { Cell::new(false) };
}

/// One launch, as `profile` saw it.
pub struct Sample {
    pub plan: Rc<Plan>,
    /// Which of the plan's kernels.
    pub kernel: usize,
    pub seconds: f64,
    /// Where in the source its nodes come from.
    pub places: Vec<Span>,
}

/// Runs `f` and says what each kernel took that was launched meanwhile on this thread, in order.
pub fn profile<R>(f: impl FnOnce() -> R) -> (R, Vec<Sample>) {
    let before = SAMPLES.replace(Some(vec![]));
    PROFILING.set(true);
    let r = f();
    PROFILING.set(before.is_some());
    (r, SAMPLES.replace(before).unwrap_or_default())
}

/// Realises the roots together.
pub fn force(roots: &[Expr]) -> Result<()> {
    let bases: Vec<Expr> = roots.iter().filter(|r| !r.is_realised()).map(base).collect();
    let t = trace(&bases);
    let plan = plan(&t)?;
    execute(&t, &plan)?;
    for root in roots {
        look_through(root)?;
    }
    Ok(())
}

/// The plan that forcing these roots would run, and the graph that it is for.
pub fn plan_of(roots: &[Expr]) -> Result<(Trace, Rc<Plan>)> {
    let bases: Vec<Expr> = roots.iter().filter(|r| !r.is_realised()).map(base).collect();
    let t = trace(&bases);
    let p = plan(&t)?;
    Ok((t, p))
}

/// Below views that show all of it, what is to be computed: the views are then layouts of its memory.
fn base(root: &Expr) -> Expr {
    let mut at = root.clone();
    while !at.is_realised() && at.prim().is_view() {
        let below = at.with_ins(|ins| ins[0].clone());
        if below.size() > at.size() {
            return root.clone();
        }
        at = below;
    }
    at
}

/// Realises the views between a root and its base.
fn look_through(root: &Expr) -> Result<()> {
    if root.is_realised() {
        return Ok(());
    }
    let mut chain = vec![];
    let mut at = root.clone();
    while !at.is_realised() {
        let below = at.with_ins(|ins| ins.first().cloned());
        let Some(below) = below.filter(|_| at.prim().is_view()) else { break };
        chain.push(at);
        at = below;
    }
    for e in chain.iter().rev() {
        let Body::View(index) = &e.prim().body else { continue };
        let data = match at.data() {
            Some(Data::Buffer(buffer, layout)) => {
                index(layout, e.attrs(), e.shape()).map(|l| Data::Buffer(buffer.clone(), l))
            }
            Some(other) => Some(other.clone()),
            None => None,
        };
        match data {
            Some(data) => e.realise(data),
            // Strides cannot say it: this view is copied.
            None => {
                let t = trace(std::slice::from_ref(e));
                execute(&t, &plan(&t)?)?;
            }
        }
        at = e.clone();
    }
    Ok(())
}

fn plan(t: &Trace) -> Result<Rc<Plan>> {
    if let Some(plan) = PLANS.with(|p| p.borrow().get(&t.key).cloned()) {
        return Ok(plan);
    }
    let plan = Rc::new(schedule(t, crate::device::cpu().takes_rows())?);
    sound(&plan)?;
    PLANS.with(|p| {
        let mut plans = p.borrow_mut();
        if plans.len() >= KEPT {
            plans.clear();
        }
        plans.insert(t.key.clone(), plan.clone());
    });
    Ok(plan)
}

/// Every kernel reads what is there when it runs. Asked once per plan: a plan that is wrong must not reach memory.
fn sound(plan: &Plan) -> Result<()> {
    let mut there: Vec<bool> = plan.slots.iter().map(|s| !matches!(s.kind, SlotKind::Made(_))).collect();
    for (k, dead) in plan.dead_after.iter().enumerate() {
        if plan.reads[k].iter().any(|&slot| !there[slot]) {
            return Err(Fault::new("internal: a kernel runs before one that writes what it reads"));
        }
        plan.writes[k].iter().for_each(|&slot| there[slot] = true);
        dead.iter().for_each(|&slot| there[slot] = false);
    }
    Ok(())
}

fn execute(t: &Trace, plan: &Rc<Plan>) -> Result<()> {
    let device = |kernel: usize| crate::device::of(plan.devices[kernel]);
    let programs = match plan.programs.get() {
        Some(programs) => programs,
        None => {
            let prepared = |(i, k): (usize, &Kernel)| device(i)?.prepare(k, &plan.slots);
            let made = plan.kernels.iter().enumerate().map(prepared).collect::<Result<Vec<_>>>()?;
            plan.programs.get_or_init(|| made)
        }
    };
    let mut memory = bind(t, plan);
    let mut kept: Vec<(u32, Arc<Buffer>)> = Vec::with_capacity(plan.written.len());
    let wanted = &plan.item_of;
    for (i, program) in programs.iter().enumerate() {
        let places = || blame::places(t, plan, i);
        for &slot in &plan.writes[i] {
            if matches!(memory.bound[slot], Bound::Nothing) {
                let Some(bytes) = plan.slots[slot].bytes() else { continue };
                let buffer = match dying(plan, i, slot, &memory) {
                    Some(buffer) => buffer,
                    None => device(i)?.alloc(bytes).map_err(|f| placed(f, &places()))?,
                };
                if let Some(item) = wanted[slot]
                    && is_wanted(t, item)
                {
                    kept.push((item, buffer.clone()));
                }
                memory.bound[slot] = Bound::Buffer { buffer, offset: 0 };
            }
        }
        if plan.devices[i] == 0 {
            memory.fetch(&plan.reads[i])?;
        }
        let start = PROFILING.get().then(Instant::now);
        if let Some(doubt) = outcome(program.start(&memory), plan, i, &memory, places)? {
            doubt::keep(doubt, plan, i, &memory, places())?;
        }
        if let Some(start) = start {
            device(i)?.settle()?;
            let seconds = start.elapsed().as_secs_f64();
            let places = plan.items[i].iter().map(|&item| t.nodes[item as usize].node().span);
            let sample =
                Sample { plan: plan.clone(), kernel: i, seconds, places: places.filter(|p| p.end > 0).collect() };
            SAMPLES.with_borrow_mut(|samples| samples.get_or_insert_default().push(sample));
        }
        interrupt::check()?;
        for &slot in &plan.dead_after[i] {
            if let Bound::Buffer { buffer, .. } = std::mem::replace(&mut memory.bound[slot], Bound::Nothing) {
                Buffer::let_go(buffer);
            }
        }
    }
    for (i, &number) in plan.devices.iter().enumerate() {
        if number > 0 && !plan.devices[..i].contains(&number) {
            device(i)?.flush()?;
            doubt::poll();
        }
    }
    for (item, buffer) in kept {
        let node = &t.nodes[item as usize];
        node.realise(Data::Buffer(buffer, Layout::contiguous(node.shape().clone())));
    }
    // What nobody seemed to want may be reached again through a view of it, say a tensor's on another device.
    for &(item, _) in &plan.written {
        t.nodes[item as usize].node().seen.set(!t.nodes[item as usize].is_realised());
    }
    for &item in &plan.inlined {
        t.nodes[item as usize].node().seen.set(!t.nodes[item as usize].prim().is_view());
    }
    Ok(())
}

/// The memory that a kernel's result may have of an operand that ends here, if nobody else holds it.
fn dying(plan: &Plan, kernel: usize, slot: usize, memory: &Memory) -> Option<Arc<Buffer>> {
    let (_, dying) = plan.in_place[kernel].filter(|&(out, _)| out == slot && plan.devices[kernel] == 0)?;
    match &memory.bound[dying] {
        Bound::Buffer { buffer, offset: 0 }
            if Arc::strong_count(buffer) == 1 && buffer.is_here() && buffer.away().is_none() =>
        {
            Some(buffer.clone())
        }
        _ => None,
    }
}

/// Whether somebody besides this plan can still ask for an item, or for what is made of it: a root, a value that a name holds, a tape.
fn is_wanted(t: &Trace, item: u32) -> bool {
    t.roots.contains(&item)
        || t.held.contains(&item)
        || t.nodes[item as usize].node().marks.live()
        || t.nodes[item as usize].holders() > 1 + t.users(item)
}

/// What is known before anything runs: leaves and numbers.
fn bind(t: &Trace, plan: &Plan) -> Memory {
    let bound = plan.slots.iter().map(|slot| match slot.kind {
        SlotKind::Made(_) => Bound::Nothing,
        SlotKind::Leaf(item) | SlotKind::Number(item) => match t.nodes[item].data() {
            Some(Data::Buffer(buffer, layout)) => Bound::Buffer { buffer: buffer.clone(), offset: layout.offset },
            Some(Data::Number(bits)) => Bound::Number(*bits),
            _ => Bound::Nothing,
        },
    });
    Memory { bound: bound.collect() }
}

/// Forgets every plan.
pub fn forget() {
    PLANS.with(|p| p.borrow_mut().clear());
}
