//! The guard against recursion without end, and the thread with room for deep recursion that is no mistake.

use std::cell::Cell;

use crate::base::{Fault, Result};

/// Calls inside calls. Far above what a program means to do, and reached before memory becomes a matter.
const DEEPEST: usize = 50_000;

/// Stack of the thread that evaluates; mapped by the system as it is touched.
const STACK: usize = 1 << 30;

/// What must be left for one walk over a tree of the greatest height, and for whatever a builtin does.
const RESERVE: usize = 256 << 20;

thread_local! {
    /// The address below which no call may begin; 0 on a thread that we did not start.
    static FLOOR: Cell<usize> = const { Cell::new(0) };
}

/// Runs `f` on a thread of its own with a large stack.
pub fn with_stack<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    let run = move || {
        FLOOR.set(here().saturating_sub(STACK - RESERVE));
        f()
    };
    let thread = std::thread::Builder::new().name("nevel".into()).stack_size(STACK).spawn(run);
    match thread.map(|t| t.join()) {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => panic!("the system gives no thread: {error}"),
    }
}

fn here() -> usize {
    let mark = 0u8;
    std::hint::black_box(&raw const mark) as usize
}

/// How many calls may be inside each other on this thread.
pub fn most() -> usize {
    if FLOOR.get() == 0 { 100 } else { DEEPEST }
}

/// A fault where one more call would be too deep.
#[inline]
pub fn guard(depth: usize) -> Result<()> {
    let floor = FLOOR.get();
    // On a foreign thread nothing is known but the usual size, 2 MiB.
    let too_deep = if floor == 0 { depth > 100 } else { depth >= DEEPEST || here() < floor };
    if too_deep { Err(deep(depth)) } else { Ok(()) }
}

#[cold]
fn deep(depth: usize) -> Fault {
    Fault::new(format!("deep recursion: {depth} calls inside each other"))
        .hint("check that the recursion ends; a loop can go on for as long as it likes")
}
