//! Text to tree: tokens, layout, parser, formatter. Knows no meanings.

pub mod ast;
pub mod token;
