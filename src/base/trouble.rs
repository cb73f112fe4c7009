//! Trouble inside a kernel: a lane cannot return a fault, so it leaves a mark that whoever launched it reads.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::fault::Fault;

static ZERO_DIVISION: AtomicBool = AtomicBool::new(false);

/// Marks a division of ints by zero; its value for the lane to go on with.
#[cold]
pub fn zero_division() -> i64 {
    ZERO_DIVISION.store(true, Relaxed);
    0
}

/// The fault of what was marked since the last check.
#[inline]
pub fn check() -> Result<(), Fault> {
    if ZERO_DIVISION.load(Relaxed) {
        ZERO_DIVISION.store(false, Relaxed);
        return Err(
            Fault::new("division of ints by zero").hint("divide floats (`/`) for inf and nan, or use where(b == 0, …)")
        );
    }
    Ok(())
}
