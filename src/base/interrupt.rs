//! Ctrl-C, and memory that runs out: one flag that is set from outside and everything long-running polls.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::fault::Fault;

static ASKED: AtomicU32 = AtomicU32::new(0);
/// The bit that says why; below it they are counted.
const MEMORY: u32 = 1 << 31;

/// Asks the running evaluation to stop; safe in a signal handler. Returns how often it was asked and not yet seen.
pub fn ask() -> u32 {
    (ASKED.fetch_add(1, Relaxed) + 1) & !MEMORY
}

/// Asks it to stop because memory is nearly used up.
pub fn ask_for_memory() {
    ASKED.fetch_or(MEMORY, Relaxed);
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

/// Where machine code looks whether somebody asked: anything but 0.
pub fn flag() -> *const u32 {
    ASKED.as_ptr()
}

/// A fault if somebody asked.
#[inline(always)]
pub fn check() -> Result<(), Fault> {
    if asked() { Err(fault()) } else { Ok(()) }
}

/// The message of an evaluation that was stopped because of its memory.
pub const NO_MEMORY: &str = "memory is nearly used up";

/// What an evaluation that was asked to stop ends with.
#[cold]
pub fn fault() -> Fault {
    if ASKED.load(Relaxed) == MEMORY {
        return Fault::new(NO_MEMORY).hint("keep less at a time: work in parts, or let go of what is done");
    }
    Fault::interrupted()
}
