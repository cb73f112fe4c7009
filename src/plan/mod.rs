//! Plans: what is pending becomes kernels, the same ones for every device.
//!
//! In: roots. Out: their values. trace → fuse → emit → schedule → launch; a plan is kept by the structure of its
//! graph, so that the second iteration of a loop plans nothing.

pub mod blame;
pub mod doubt;
pub mod emit;
pub mod epilogue;
pub mod fuse;
pub mod kernel;
pub mod print;
pub mod rows;
pub mod run;
pub mod schedule;
pub mod trace;
pub mod write;

pub use kernel::{Finish, From, Inst, Kernel, Load, Reg, Slot, SlotKind};
pub use run::{force, plan_of};
pub use schedule::Plan;
