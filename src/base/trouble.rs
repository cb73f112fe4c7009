//! Trouble inside a kernel: a lane cannot return a fault, so it leaves a mark that whoever launched it reads.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::fault::Fault;

const DIVISION: &str = "division of ints by zero";
const POWER: &str = "an int to a negative int is no int";

static MARKED: AtomicBool = AtomicBool::new(false);
static ZERO_DIVISION: AtomicBool = AtomicBool::new(false);
static NEGATIVE_POWER: AtomicBool = AtomicBool::new(false);

/// Marks a division of ints by zero; its value for the lane to go on with.
#[cold]
pub fn zero_division() -> i64 {
    mark(&ZERO_DIVISION)
}

/// Marks an int raised to a negative int, which is no int; its value for the lane to go on with.
#[cold]
pub fn negative_power() -> i64 {
    mark(&NEGATIVE_POWER)
}

fn mark(what: &AtomicBool) -> i64 {
    what.store(true, Relaxed);
    MARKED.store(true, Relaxed);
    0
}

/// The fault of what was marked since the last check.
#[inline]
pub fn check() -> Result<(), Fault> {
    if MARKED.load(Relaxed) { Err(marked()) } else { Ok(()) }
}

/// Whether a fault is that of a mark.
pub fn is_mark(fault: &Fault) -> bool {
    [DIVISION, POWER].contains(&&*fault.message)
}

#[cold]
fn marked() -> Fault {
    MARKED.store(false, Relaxed);
    let powers = NEGATIVE_POWER.swap(false, Relaxed);
    if ZERO_DIVISION.swap(false, Relaxed) {
        return Fault::new(DIVISION)
            .hint("divide floats (`/`) for inf and nan, or leave the zeros out: a // where(b == 0, 1, b)");
    }
    debug_assert!(powers);
    Fault::new(POWER).hint("make the base float: f64(a) ^ b")
}
