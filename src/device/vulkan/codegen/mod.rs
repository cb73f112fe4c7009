//! Codegen: the families' kernels as WGSL. Needs no device, so that tests compile every kernel without one.

pub mod axes;
pub mod contract;
pub mod coop;
pub mod ending;
pub mod fold;
pub mod index;
pub mod library;
pub mod map;
pub mod rows;
pub mod scan;
pub mod sort;
pub mod text;
