//! Tasks: a fixed number of pieces of work, shared by the cores.
//!
//! How work is cut is the caller's business and depends on shapes only where results depend on it; here it is only decided
//! who does which piece, and whether it is worth asking anybody.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::team;
use crate::base::{Result, interrupt};

/// Estimated nanoseconds from which threads pay when helpers are awake; `team` says what waking them is worth.
const WORTH: usize = 8_000;

/// The most threads for each core: more help nobody, and thousands take minutes to start.
const PER_CORE: usize = 4;

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Sets the number of threads, before the first kernel runs; 0 is the number of cores, and there are at most four for each. Kernels run on a team of their own,
/// sorts and factorizations in rayon's pool.
pub fn set_threads(n: usize) {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let n = if n == 0 { cores } else { n.min(PER_CORE * cores) };
    THREADS.store(n, Relaxed);
    // A second call finds the pool built; then the number stays.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(n).thread_name(|i| format!("nevel-{i}")).build_global();
}

pub fn threads() -> usize {
    match THREADS.load(Relaxed) {
        0 => {
            set_threads(0);
            THREADS.load(Relaxed)
        }
        n => n,
    }
}

/// Work that was done alone because the helpers slept: a run of such pieces wakes them too.
static ALONE: AtomicUsize = AtomicUsize::new(0);

/// Whether work of so many nanoseconds, estimated, is worth sharing now.
pub fn pays(cost: usize) -> bool {
    if cost < WORTH || threads() == 1 {
        return false;
    }
    let waking = team::worth_waking();
    let pays = cost >= waking || team::awake() || ALONE.fetch_add(cost, Relaxed) + cost >= waking;
    if pays {
        ALONE.store(0, Relaxed);
    }
    pays
}

/// Runs `work(i)` for every `i < count`. `cost` is the whole work in nanoseconds, estimated. Between pieces Ctrl-C is
/// looked at.
pub fn run(count: usize, cost: usize, work: impl Fn(usize) + Sync) -> Result<()> {
    let piece = |i: usize| {
        if !interrupt::asked() {
            work(i);
        }
    };
    if count <= 1 || !pays(cost) || !team::run(threads(), count, &piece) {
        (0..count).for_each(piece);
    }
    interrupt::check()
}

/// A pointer that threads may share: each writes its own part.
#[derive(Clone, Copy)]
pub struct Shared<T>(pub *mut T);
// SAFETY: users write disjoint parts; `run` returns after all have.
unsafe impl<T> Send for Shared<T> {}
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn get(self) -> *mut T {
        self.0
    }
}
