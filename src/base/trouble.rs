//! Trouble inside a kernel: a lane cannot return a fault, so it leaves a mark that whoever launched it reads.

use std::cell::Cell;

use super::fault::Fault;

const DIVISION: &str = "division of ints by zero";
const POWER: &str = "an int to a negative int is no int";

const ZERO_DIVISION: u8 = 1;
const NEGATIVE_POWER: u8 = 2;

thread_local! {
    /// What this thread's lanes met. Helpers of a kernel hand theirs to whoever launched it (`take`, `give`).
    static MARKS: Cell<u8> = const { Cell::new(0) };
}

/// Marks a division of ints by zero; its value for the lane to go on with.
#[cold]
pub fn zero_division() -> i64 {
    mark(ZERO_DIVISION)
}

/// Marks an int raised to a negative int, which is no int; its value for the lane to go on with.
#[cold]
pub fn negative_power() -> i64 {
    mark(NEGATIVE_POWER)
}

fn mark(what: u8) -> i64 {
    give(what);
    0
}

/// This thread's marks, which are gone then: for another thread.
pub fn take() -> u8 {
    MARKS.take()
}

/// Adds marks that another thread's lanes left.
pub fn give(marks: u8) {
    MARKS.set(MARKS.get() | marks);
}

/// The fault of what was marked since the last check.
#[inline]
pub fn check() -> Result<(), Fault> {
    if MARKS.get() == 0 { Ok(()) } else { Err(marked()) }
}

/// Whether a fault is that of a mark.
pub fn is_mark(fault: &Fault) -> bool {
    [DIVISION, POWER].contains(&&*fault.message)
}

#[cold]
fn marked() -> Fault {
    if take() & ZERO_DIVISION != 0 {
        return Fault::new(DIVISION)
            .hint("divide floats (`/`) for inf and nan, or leave the zeros out: a // where(b == 0, 1, b)");
    }
    Fault::new(POWER).hint("make the base float: f64(a) ^ b")
}
