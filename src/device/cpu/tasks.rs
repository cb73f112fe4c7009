//! Tasks: a fixed number of pieces of work, shared by the cores.
//!
//! How work is cut is the caller's business and depends on shapes only; here it is only decided who does which piece,
//! and whether it is worth waking anybody: a fork and join costs some 20 µs.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rayon::prelude::*;

use crate::base::{Result, interrupt};

/// Estimated nanoseconds from which threads pay.
const WORTH: usize = 60_000;

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Sets the number of threads, before the first kernel runs; 0 is the number of cores.
pub fn set_threads(n: usize) {
    THREADS.store(n, Relaxed);
    // A second call finds the pool built; then the number stays.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(n).thread_name(|i| format!("nevel-{i}")).build_global();
}

pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Runs `work(i)` for every `i < count`. `cost` is the whole work in nanoseconds, estimated. Between pieces Ctrl-C is
/// looked at.
pub fn run(count: usize, cost: usize, work: impl Fn(usize) + Sync) -> Result<()> {
    if count <= 1 || cost < WORTH || THREADS.load(Relaxed) == 1 {
        for i in 0..count {
            interrupt::check()?;
            work(i);
        }
        return Ok(());
    }
    let done = (0..count).into_par_iter().try_for_each(|i| {
        if interrupt::asked() {
            return Err(());
        }
        work(i);
        Ok(())
    });
    done.map_err(|()| interrupt::fault())
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
