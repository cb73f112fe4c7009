//! From tree to values: names to slots (`resolve`), then a walk over the resolved code (`eval`).
//!
//! In: the syntax tree. Out: values. Numbers, bools and text are computed here and never touch the graph; whatever
//! holds arrays becomes calls of primitives. Loops over numbers leave the walk once they have run for a while (`fast`).

pub mod args;
pub mod arith;
pub mod builtin;
pub mod builtins;
mod cache;
pub mod check;
pub mod code;
pub mod convert;
pub mod depth;
pub mod eval;
pub mod fast;
pub mod forms;
pub mod function;
pub mod index;
pub mod interp;
pub mod names;
pub mod prelude;
pub mod prim;
pub mod resolve;
pub mod signature;
pub mod stack;
pub mod text;
pub mod uses;
pub mod value;

pub use builtin::{Builtin, Run};
pub use depth::with_stack;
pub use function::Function;
pub use interp::Interp;
pub use value::{Range, Record, Value};
