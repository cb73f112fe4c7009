//! The functions of the house that are written in Rust, one file per subject; each file has its own list.

use super::builtin::Builtin;

/// Every list. A name here wins over a primitive of the same name, and over the prelude.
pub static NATIVE: &[&[Builtin]] = &[];
