//! The expression graph: records of operations, shared nodes, and how a call becomes a node. Computes nothing large.

pub mod apply;
pub mod at_once;
pub mod cast;
pub mod engine;
pub mod expr;
pub mod lane;
pub mod leaf;
mod literal;
pub mod place;
pub mod prim;
pub mod tape;

pub use apply::{alias, apply, cast, relocate};
pub use expr::{Data, Expr, Ins, bits_of, from_bits};
pub use place::Place;
pub use prim::{Attr, Attrs, Back, Body, Call, Fold, Index, Leaf, Param, ParamKind, Prim, Sort, Types, Vjp};
pub use tape::{Level, Marks};
