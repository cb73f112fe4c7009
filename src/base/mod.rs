//! What everything stands on: places, faults, element types, shapes, layouts, storage. No crate of ours below it.

pub mod ahead;
pub mod buffer;
pub mod copy;
pub mod counted;
pub mod dtype;
pub mod elem;
pub mod fault;
pub mod half;
pub mod heap;
pub mod host;
pub mod interrupt;
pub mod layout;
pub mod maker;
pub mod math;
pub mod memory;
pub mod nearest;
pub mod past;
pub mod product;
pub mod shape;
pub mod span;
pub mod trouble;

pub use buffer::Buffer;
pub use copy::{copy, copy_slice, fill};
pub use counted::counted;
pub use dtype::{DType, Kind};
pub use elem::Elem;
pub use fault::{Exit, Fault};
pub use half::Half;
pub use host::Host;
pub use layout::Layout;
pub use nearest::nearest;
pub use shape::Shape;
pub use span::{Source, Sources, Span};

/// What can fail.
pub type Result<T, E = Fault> = std::result::Result<T, E>;
