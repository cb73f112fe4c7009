//! The door to what computes. The engine stands to the right of this layer (plan, device), so it is let in here by a
//! function that it installs; whoever holds an `Expr` can force it without knowing plans or devices.

use std::cell::Cell;

use super::expr::Expr;
use super::prim::Fold;
use crate::base::{DType, Fault, Result};

/// Realises the given nodes, and nothing that they do not need.
pub type Force = fn(&[Expr]) -> Result<()>;

/// What folds a stretch of elements of a dtype into the place of one, if there is such: `(from, n, out)`.
pub type Stretch = unsafe fn(*const u8, usize, *mut u8);
pub type Folds = fn(Fold, DType) -> Option<Stretch>;

thread_local! {
    static ENGINE: Cell<Option<Force>> = const { Cell::new(None) };
    static FOLDS: Cell<Option<Folds>> = const { Cell::new(None) };
    static BLIND: Cell<bool> = const { Cell::new(false) };
    static MISSED: Cell<bool> = const { Cell::new(false) };
}

/// From now on nothing is computed, or everything again: `check` wants shapes and dtypes only. Who then asks for a
/// value gets an unknown fault.
pub fn blind(on: bool) {
    BLIND.set(on);
}

pub fn is_blind() -> bool {
    BLIND.get()
}

/// What a value that is not computed while blind gives to whoever asks for it.
pub fn unknown() -> Fault {
    MISSED.set(true);
    Fault::unknown()
}

/// Whether an unknown value was asked for since the last time this was asked. Code that puts its own words in the place
/// of a fault it got hides that its own depends on an unknown value; this tells.
pub fn missed() -> bool {
    MISSED.replace(false)
}

/// Lets the engine in, for this thread.
pub fn install(force: Force, folds: Folds) {
    ENGINE.set(Some(force));
    FOLDS.set(Some(folds));
}

/// What folds few elements.
pub(super) fn fold(fold: Fold, dtype: DType) -> Option<Stretch> {
    FOLDS.get()?(fold, dtype)
}

/// Computes the pending ones among `roots` now, together, so that what they share is computed once.
pub fn force(roots: &[Expr]) -> Result<()> {
    if roots.iter().all(|r| r.is_realised()) {
        return Ok(());
    }
    if BLIND.get() {
        return Ok(());
    }
    match ENGINE.get() {
        Some(force) => force(roots),
        None => Err(Fault::new("internal: no engine is installed")),
    }
}
