//! Doubt: a launch on a device may turn out to have failed (an index out of range, ints divided by zero), and nobody waits
//! to hear whether it did.
//!
//! In: a launch, and the flag that it sets where something goes wrong. Out: what is known about it. The memory that it
//! writes is in doubt, and so is what is made of that (`device::vulkan`); looking resolves the doubts in the order of the
//! launches. The first that failed runs again on the CPU, which finds the fault in its own words, and that is what every
//! look at such memory reports. Until a launch is known to be fine its inputs are kept, so that they can be read again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use super::blame::{self, Places};
use super::schedule::Plan;
use crate::base::{Buffer, Fault, Result, trouble};
use crate::device::{Bound, Memory};

/// Launches in doubt at most; whoever launches more waits for the oldest.
const MOST: usize = 256;

/// What a launch sets where something goes wrong.
pub trait Flag: Send + Sync {
    /// Whether it was set, as far as that is known without waiting.
    fn seen(&self) -> Option<bool>;
    /// Whether it was set, once the launch is done.
    fn wait(&self) -> Result<bool>;
}

/// Whether a launch failed.
pub struct Doubt {
    /// Later launches have larger ones.
    number: u64,
    flag: Box<dyn Flag>,
    verdict: OnceLock<Result<()>>,
}

/// What is needed to find the fault of a launch: which it was, and what it read.
struct Case {
    doubt: Arc<Doubt>,
    plan: Rc<Plan>,
    kernel: usize,
    memory: Memory,
    places: Places,
}

static LAUNCHES: AtomicU64 = AtomicU64::new(0);
/// Doubts that are there and not known to be fine.
static LIVE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// In the order of the launches. Values stay on the thread that made them, so whoever looks finds the case here.
    static CASES: RefCell<VecDeque<Case>> = const { RefCell::new(VecDeque::new()) };
}

/// Whether nothing at all is in doubt.
pub fn none() -> bool {
    LIVE.load(Relaxed) == 0
}

/// Adds doubts to others, in the order of the launches; those that are known to be fine go.
pub fn merge(into: &mut Vec<Arc<Doubt>>, more: &[Arc<Doubt>]) {
    into.extend_from_slice(more);
    into.retain(|d| !d.is_fine());
    into.sort_unstable_by_key(|d| d.number);
    into.dedup_by_key(|d| d.number);
}

impl Doubt {
    pub fn new(flag: Box<dyn Flag>) -> Arc<Doubt> {
        LIVE.fetch_add(1, Relaxed);
        Arc::new(Doubt { number: LAUNCHES.fetch_add(1, Relaxed), flag, verdict: OnceLock::new() })
    }

    /// Whether the launch is known to have gone well; never waits.
    fn is_fine(&self) -> bool {
        match self.verdict.get() {
            Some(verdict) => verdict.is_ok(),
            None if self.flag.seen() == Some(false) => {
                self.judge(Ok(()));
                true
            }
            None => false,
        }
    }

    fn judge(&self, verdict: Result<()>) {
        let fine = verdict.is_ok();
        if self.verdict.set(verdict).is_ok() && fine {
            LIVE.fetch_sub(1, Relaxed);
        }
    }

    /// Waits for the launch; its fault, if it failed.
    pub fn resolve(&self) -> Result<()> {
        if let Some(verdict) = self.verdict.get() {
            return verdict.clone();
        }
        if !self.flag.wait()? {
            self.judge(Ok(()));
            poll();
            return Ok(());
        }
        let taken = CASES.with_borrow_mut(|cases| {
            let at = cases.iter().position(|c| c.doubt.number == self.number)?;
            cases.remove(at)
        });
        let Some(case) = taken else {
            return Err(Fault::new("internal: a launch failed that this thread knows nothing of"));
        };
        match case.fault() {
            Ok(fault) => self.judge(Err(fault.clone())),
            Err(other) => {
                // Ctrl-C, or a device that was lost: nothing is known yet.
                CASES.with_borrow_mut(|cases| {
                    let at = cases.partition_point(|c| c.doubt.number < self.number);
                    cases.insert(at, case);
                });
                return Err(other);
            }
        }
        self.verdict.get().cloned().unwrap_or(Ok(()))
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        if !matches!(self.verdict.get(), Some(Ok(()))) {
            LIVE.fetch_sub(1, Relaxed);
        }
    }
}

impl Case {
    /// The fault of a launch that failed, in the words of the CPU, which does the same again; an error where it cannot.
    fn fault(&self) -> Result<Fault> {
        let (plan, kernel) = (&self.plan, self.kernel);
        let mut bound = self.memory.bound.clone();
        self.memory.fetch(&plan.reads[kernel])?;
        for &slot in &plan.writes[kernel] {
            let bytes =
                plan.slots[slot].bytes().ok_or_else(|| Fault::new("internal: a kernel writes what is given"))?;
            bound[slot] = Bound::Buffer { buffer: Buffer::new(bytes)?, offset: 0 };
        }
        let memory = Memory { bound };
        let program = crate::device::cpu().prepare(&plan.kernels[kernel], &plan.slots)?;
        let launched = program.launch(&memory);
        if let Err(fault) = &launched
            && fault.is_interrupt()
        {
            trouble::take();
            return Err(fault.clone());
        }
        let outcome = blame::outcome(launched, plan, kernel, &memory, || self.places.clone());
        Ok(outcome.err().unwrap_or_else(|| Fault::new("internal: a device failed at what the CPU can do")))
    }
}

/// Keeps what is needed to find the fault of a launch, should it have failed: the memory that it reads stays as it is.
pub fn keep(doubt: Arc<Doubt>, plan: &Rc<Plan>, kernel: usize, memory: &Memory, places: Places) -> Result<()> {
    poll();
    let oldest = CASES.with_borrow(|cases| Some(cases.front()?.doubt.clone()).filter(|_| cases.len() >= MOST));
    if let Some(oldest) = oldest
        && let Err(fault) = oldest.resolve()
        && oldest.verdict.get().is_none()
    {
        // Not the fault of that launch, which is for those who look.
        return Err(fault);
    }
    let mut bound = vec![Bound::Nothing; memory.bound.len()];
    plan.reads[kernel].iter().for_each(|&slot| bound[slot] = memory.bound[slot].clone());
    let case = Case { doubt, plan: plan.clone(), kernel, memory: Memory { bound }, places };
    CASES.with_borrow_mut(|cases| cases.push_back(case));
    Ok(())
}

/// Lets go of what was kept for launches that are known to be fine, or whose values nobody has any more. Never waits.
pub fn poll() {
    let gone: Vec<Case> = CASES.with_borrow_mut(|cases| {
        let over = |c: &Case| c.doubt.is_fine() || Arc::strong_count(&c.doubt) == 1;
        let mut gone = vec![];
        if !cases.iter().any(over) {
            return gone;
        }
        for case in std::mem::take(cases) {
            if over(&case) { gone.push(case) } else { cases.push_back(case) }
        }
        gone
    });
    // Memory is let go when nobody borrows the cases any more.
    drop(gone);
}

/// Launches of this thread whose inputs are kept.
pub fn kept() -> usize {
    CASES.with_borrow(VecDeque::len)
}
