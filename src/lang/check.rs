//! What can be said of a program without running it: unknown names (the resolver says those), and calls of known
//! functions with arguments that cannot fit.

use super::code::Program;
use super::interp::Interp;
use crate::base::Fault;

/// Calls that give a function of the same text too many arguments, or leave some out.
pub fn arity(_interp: &Interp, _program: &Program) -> Vec<Fault> {
    vec![]
}
