//! The door to what computes. The engine stands to the right of this layer (plan, device), so it is let in here by a
//! function that it installs; whoever holds an `Expr` can force it without knowing plans or devices.

use std::cell::Cell;

use super::expr::Expr;
use crate::base::{Fault, Result};

/// Realises the given nodes, and nothing that they do not need.
pub type Force = fn(&[Expr]) -> Result<()>;

thread_local! {
    static ENGINE: Cell<Option<Force>> = const { Cell::new(None) };
}

/// Lets the engine in, for this thread.
pub fn install(force: Force) {
    ENGINE.set(Some(force));
}

/// Computes the pending ones among `roots` now, together, so that what they share is computed once.
pub fn force(roots: &[Expr]) -> Result<()> {
    if roots.iter().all(|r| r.is_realised()) {
        return Ok(());
    }
    match ENGINE.get() {
        Some(force) => force(roots),
        None => Err(Fault::new("internal: no engine is installed")),
    }
}
