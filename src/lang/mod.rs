//! From tree to values: names to slots (`resolve`), then a walk over the resolved code (`eval`).
//!
//! In: the syntax tree. Out: values. Numbers, bools and text are computed here and never touch the graph; whatever
//! holds arrays becomes calls of primitives.

pub mod builtin;
pub mod builtins;
pub mod convert;
pub mod function;
pub mod interp;
pub mod prelude;
pub mod text;
pub mod value;

pub use builtin::{Builtin, Run};
pub use function::Function;
pub use interp::Interp;
pub use value::{Range, Record, Value};
