//! Builtins: functions of the house that a user calls by name. Primitives become builtins by themselves; the ones here
//! need values that are no arrays, the interpreter, or the world outside. One record each.

use super::interp::Interp;
use super::value::Value;
use crate::base::Result;
use crate::graph::Prim;

/// A callable of the house.
pub struct Builtin {
    pub name: &'static str,
    /// As a user reads it: `zeros(*shape, dtype=f64)`; the parameters' names and defaults are taken from here.
    pub signature: &'static str,
    /// Prose, then examples in the `> ` notation.
    pub doc: &'static str,
    pub run: Run,
}

/// What a builtin does when called.
pub enum Run {
    /// A primitive: arguments are turned into arrays and attributes by its parameters.
    Prim(&'static Prim),
    /// Arguments bound to the signature's parameters in order; absent optional ones are their defaults.
    /// A `*rest` parameter comes as a tuple.
    Native(fn(&mut Interp, &[Value]) -> Result<Value>),
}
