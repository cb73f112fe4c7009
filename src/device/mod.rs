//! Devices: what runs kernels. They see families and layouts, never an op's name.
//!
//! In: kernels and memory. Out: filled memory. `reference` is slow and obvious and defines what each family means;
//! `cpu` is fast and agrees with it.

pub mod cpu;
pub mod reference;

use std::cell::Cell;
use std::sync::Arc;

use crate::base::{Buffer, Result};
use crate::plan::{Kernel, Slot};

/// A place where kernels run.
pub trait Device {
    /// What `device(t)` says: `cpu`.
    fn name(&self) -> &'static str;
    /// Whether it runs kernels of rows; otherwise their parts come as kernels of their own.
    fn takes_rows(&self) -> bool {
        false
    }
    /// Makes a kernel ready to be launched many times.
    fn prepare(&self, kernel: &Kernel, slots: &[Slot]) -> Result<Box<dyn Program>>;
}

/// A kernel made ready.
pub trait Program {
    /// Runs it on this memory. Outputs are bound and unshared.
    fn launch(&self, memory: &Memory) -> Result<()>;
}

/// What stands behind each slot while a plan runs.
pub struct Memory {
    pub bound: Vec<Bound>,
}

#[derive(Clone)]
pub enum Bound {
    Nothing,
    Number(u64),
    Buffer {
        buffer: Arc<Buffer>,
        /// The array's first element.
        offset: usize,
    },
}

thread_local! {
    static SLOW: Cell<bool> = const { Cell::new(false) };
}

/// The device for arrays and for tensors on `cpu`.
pub fn cpu() -> &'static dyn Device {
    if SLOW.get() { &reference::Reference } else { &cpu::Cpu }
}

/// Runs `f` on the reference device: the oracle of the tests. Plans made meanwhile are not shared with the fast one.
pub fn with_reference<R>(f: impl FnOnce() -> R) -> R {
    crate::plan::run::forget();
    SLOW.set(true);
    let r = f();
    SLOW.set(false);
    crate::plan::run::forget();
    r
}

impl Memory {
    /// Where a slot's array begins; for a number, where its bits lie.
    pub fn pointer(&self, slot: usize, size: usize) -> *mut u8 {
        match &self.bound[slot] {
            Bound::Nothing => std::ptr::null_mut(),
            Bound::Number(bits) => (&raw const *bits).cast_mut().cast(),
            // SAFETY: the offset lies in the buffer.
            Bound::Buffer { buffer, offset } => unsafe { buffer.ptr().add(offset * size) },
        }
    }

    /// The bits of a slot that is one number or an array of one.
    pub fn number(&self, slot: usize, size: usize) -> u64 {
        let mut bits = 0u64;
        // SAFETY: the slot holds at least one element of `size` bytes.
        unsafe { std::ptr::copy_nonoverlapping(self.pointer(slot, size), (&raw mut bits).cast(), size) };
        bits
    }
}
