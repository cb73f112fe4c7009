//! Ctrl-C: one flag that a signal handler sets and everything long-running polls.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::fault::Fault;

static ASKED: AtomicU32 = AtomicU32::new(0);

/// Asks the running evaluation to stop; safe in a signal handler. Returns how often it was asked and not yet seen.
pub fn ask() -> u32 {
    ASKED.fetch_add(1, Relaxed) + 1
}

/// Forgets what was asked: at the start of an evaluation.
pub fn clear() {
    ASKED.store(0, Relaxed);
}

/// Whether somebody asked. One relaxed load: cheap enough for every block of a kernel.
#[inline(always)]
pub fn asked() -> bool {
    ASKED.load(Relaxed) != 0
}

/// A fault if somebody asked.
#[inline(always)]
pub fn check() -> Result<(), Fault> {
    if asked() { Err(Fault::interrupted()) } else { Ok(()) }
}
