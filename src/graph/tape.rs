//! Marks: which derivatives being taken a value takes part in.
//!
//! There is no separate tape. While a derivative is taken at depth d, its variable carries bit d and so does all
//! that is computed from it; a marked node keeps its inputs after it is realised, and so the graph itself is the
//! tape. When the derivative's backward pass begins its bit is closed: what is computed from then on does not carry
//! it, and is let go like anything else. `track(x)` uses one bit that is never closed.

use std::cell::Cell;

use crate::base::{Fault, Result};

/// A set of derivatives by depth, valid in one epoch (the time during which at least one is being taken).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Marks {
    bits: u32,
    epoch: u32,
}

const TRACK: u32 = 1 << 31;
const DEEPEST: u32 = 30;

thread_local! {
    static OPEN: Cell<Open> = const { Cell::new(Open { bits: TRACK, depth: 0, epoch: 1 }) };
}

#[derive(Clone, Copy)]
struct Open {
    bits: u32,
    depth: u32,
    epoch: u32,
}

/// One derivative being taken; closed when dropped at the latest.
pub struct Level {
    depth: u32,
}

impl Level {
    /// Begins a derivative; at most 31 may be nested.
    pub fn open() -> Result<Level> {
        let open = OPEN.get();
        if open.depth >= DEEPEST {
            return Err(Fault::new("gradients are nested more than 30 deep"));
        }
        OPEN.set(Open { bits: open.bits | 1 << open.depth, depth: open.depth + 1, ..open });
        Ok(Level { depth: open.depth })
    }

    /// The mark of this derivative's variable.
    pub fn mark(&self) -> Marks {
        Marks { bits: 1 << self.depth, epoch: OPEN.get().epoch }
    }

    /// Stops recording for this derivative: the backward pass begins.
    pub fn close(&self) {
        let open = OPEN.get();
        OPEN.set(Open { bits: open.bits & !(1 << self.depth), ..open });
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        self.close();
        let open = OPEN.get();
        let epoch = if self.depth == 0 { open.epoch + 1 } else { open.epoch };
        OPEN.set(Open { bits: open.bits, depth: self.depth, epoch });
    }
}

impl Marks {
    /// The mark of `track(x)`: never closed.
    pub const TRACKED: Marks = Marks { bits: TRACK, epoch: 0 };

    /// The bits that still count.
    fn current(self) -> u32 {
        let open = OPEN.get();
        let bits = if self.epoch == open.epoch { self.bits } else { self.bits & TRACK };
        bits & open.bits
    }

    /// What a value computed from values with these marks carries.
    pub fn join(self, other: Marks) -> Marks {
        if self.bits | other.bits == 0 {
            return Marks::default();
        }
        Marks { bits: self.current() | other.current(), epoch: OPEN.get().epoch }
    }

    /// Whether some derivative still records this value.
    pub fn live(self) -> bool {
        self.bits != 0 && self.current() != 0
    }

    /// Whether some derivative may still walk back through this value: one that records, or one whose backward passes
    /// are under way. What is forced meanwhile (an overlong chain, a row of a jacobian) must keep its inputs.
    pub fn held(self) -> bool {
        let open = OPEN.get();
        let bits = if self.epoch == open.epoch { self.bits } else { self.bits & TRACK };
        bits & (((1 << open.depth) - 1) | TRACK) != 0
    }

    /// Whether the value was recorded at this depth or a deeper one, or tracked by hand, open or just closed.
    pub fn reaches(self, level: Marks) -> bool {
        let bits = if self.epoch == OPEN.get().epoch { self.bits } else { self.bits & TRACK };
        bits & (level.bits | TRACK) != 0
    }

    pub fn is_tracked(self) -> bool {
        self.bits & TRACK != 0
    }
}

/// Whether any derivative is being taken: loops then keep what they carry on the tape instead of forcing it.
pub fn recording() -> bool {
    OPEN.get().depth > 0
}
