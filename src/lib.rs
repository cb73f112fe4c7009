//! Nevel: an array language with gradients.

pub mod base;
pub mod syntax;
