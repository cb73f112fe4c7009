//! Forms: `grad(expr, x)` and its like.

use super::builtin::Builtin;
use super::code::Form;
use super::interp::Interp;
use super::value::Value;
use crate::base::{Fault, Result, Span};

/// The forms as functions, for calls on functions and in pipes.
pub static BUILTINS: &[Builtin] = &[];

/// The form's function of that name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|b| b.name == name)
}

impl Interp {
    pub(super) fn form(&mut self, _form: &Form, span: Span) -> Result<Value> {
        Err(Fault::new("grad is not there yet").at(span))
    }
}
