//! The fast path of loops and of functions that call functions: typed, unboxed registers instead of a walk.
//!
//! In: a loop (or a function) that has run for a while, and the values its variables have at this moment. Out: the
//! variables as the walk would have left them, or a place where the walk has to go on.
//!
//! The idea: numbers keep their types for most of a loop's life. So the loop is compiled for the types that its
//! variables have when it is entered; a place that is reached with other types is compiled once more for those
//! (`build`), so that no types need to be inferred and a sum that becomes an `f64` after the first turn costs nothing.
//! What cannot be compiled, and whatever goes wrong (an int that overflows, an index out of range), is a *stop*: the
//! variables are written back and the walk goes on at that very statement (`eval/resume.rs`), so that there is one
//! definition of what happens then: the walk's. A statement changes nothing before its last instruction; that is what
//! makes it safe to begin it again.
//!
//! | file | holds |
//! | --- | --- |
//! | `ty` | types of registers, and the way from and to values |
//! | `inst` | instructions, and a compiled routine |
//! | `build` | registers, labels, the points of a program that still have to be compiled |
//! | `stmt` `expr` `operator` `element` `call` `tuple` | one kind of code each |
//! | `run` | the machine |
//! | `native/` | machine code for what runs long; `interpreted` stands in where there is none |
//! | `enter` | loading registers, writing them back, what is kept of a loop from one time to the next |

mod build;
mod call;
mod element;
mod enter;
mod expr;
mod inst;
#[cfg(all(feature = "jit", unix, target_arch = "x86_64"))]
mod native;
#[cfg(not(all(feature = "jit", unix, target_arch = "x86_64")))]
#[path = "interpreted.rs"]
mod native;
mod operator;
mod run;
mod stmt;
mod tuple;
mod ty;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub(super) use enter::{Counters, Ran};
pub(super) use inst::Crumb;
use inst::Routine;
pub(super) use run::Machine;

/// Turns of a loop, or calls of a function, before it is compiled: what ends sooner is not worth it.
pub const HOT: u32 = 40;

/// Never compile: what `Interp::hot` is set to where the walk is wanted.
pub const NEVER: u32 = u32::MAX;

/// No machine code: what `Interp::warm` is set to where the interpreter is wanted.
pub const COLD: Option<u64> = Some(u64::MAX);

/// `NEVEL_JIT=0` never makes machine code, another number makes it after so many turns: tests and timings. Else it is
/// made when it pays.
pub fn warm() -> Option<u64> {
    match std::env::var("NEVEL_JIT").ok()?.parse().ok()? {
        0 => COLD,
        turns => Some(turns),
    }
}

/// Compiled forms of one loop for different types; more of them, and it is left to the walk.
const MOST: usize = 6;

/// So many short visits in a row, and the loop is left to the walk.
const PATIENCE: u32 = 12;

/// What is known of one loop or function: how often it ran, and what was compiled.
#[derive(Default)]
pub struct Site {
    heat: Cell<u32>,
    off: Cell<bool>,
    bad: Cell<u32>,
    routines: RefCell<Vec<Rc<Routine>>>,
}

impl Site {
    /// Counts a turn; whether it is time to leave the walk.
    #[inline(always)]
    pub fn is_hot(&self, hot: u32) -> bool {
        let heat = self.heat.get();
        if heat < hot {
            self.heat.set(heat + 1);
            return false;
        }
        !self.off.get() && hot != NEVER
    }

    /// A visit that was not worth its while.
    fn disappoint(&self) {
        self.bad.set(self.bad.get() + 1);
        if self.bad.get() > PATIENCE {
            self.off.set(true);
        }
    }
}
