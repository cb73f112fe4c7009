//! The guard against recursion without end, and the thread with room for deep recursion that is no mistake.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use crate::base::{Fault, Result, heap};

/// Calls inside calls. Far above what a program means to do, and reached before memory becomes a matter.
const DEEPEST: usize = 50_000;

/// Stack of the thread that evaluates; mapped by the system as it is touched. Where addresses are limited the smaller
/// one must do, which recursion uses up sooner.
const STACKS: [usize; 2] = [1 << 30, 1 << 29];

/// What must be left for one walk over a tree of the greatest height, and for whatever a builtin does.
const RESERVE: usize = 256 << 20;

thread_local! {
    /// The address below which no call may begin; 0 on a thread that we did not start.
    static FLOOR: Cell<usize> = const { Cell::new(0) };
}

/// Runs `f` on a thread of its own with a large stack. Where the system has no room for one, there is nothing to go on
/// with: the process says so and ends.
pub fn with_stack<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    let work = Arc::new(Mutex::new(Some(f)));
    for stack in STACKS {
        let mine = work.clone();
        let run = move || {
            FLOOR.set(here().saturating_sub(stack - RESERVE));
            heap::keep();
            let f = mine.lock().ok().and_then(|mut f| f.take());
            f.map(|f| f())
        };
        let Ok(thread) = std::thread::Builder::new().name("nevel".into()).stack_size(stack).spawn(run) else {
            continue;
        };
        match thread.join() {
            Ok(Some(result)) => return result,
            Ok(None) => {}
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    eprintln!("error: not enough memory to start: {} MB of addresses are needed", STACKS[1] >> 20);
    std::process::exit(1)
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
