//! Nevel: an array language with gradients.

pub mod base;
pub mod device;
pub mod grad;
pub mod graph;
pub mod io;
pub mod lang;
pub mod ops;
pub mod plan;
pub mod show;
pub mod syntax;
