//! The work behind the primitives of the Host family: whole arrays in, a whole array out, on this machine's memory.
//!
//! The family promises inputs that lie row-major from element 0, and an output whose buffer nobody else holds.

mod away;
pub mod factor;
pub mod order;
mod words;

use crate::base::{Elem, Fault, Host, Result};

/// The elements of an input.
pub fn input<T: Elem>(host: &Host) -> Result<&[T]> {
    host.as_slice::<T>().ok_or_else(|| Fault::new("internal: an input does not lie row-major in memory"))
}

/// The elements of the output, to fill.
///
/// # Safety
/// Nobody else may hold the buffer while the slice lives, and it must hold elements of `T`.
pub unsafe fn output<'a, T: Elem>(host: &Host) -> &'a mut [T] {
    // SAFETY: the buffer holds the layout's elements, and the caller has it alone.
    unsafe { part(host, 0, host.layout.size()) }
}

/// Some of the elements of the output.
///
/// # Safety
/// As for `output`, of these elements.
pub unsafe fn part<'a, T: Elem>(host: &Host, from: usize, size: usize) -> &'a mut [T] {
    // SAFETY: the buffer holds the layout's elements, these are some of them, and the caller has them alone.
    unsafe { std::slice::from_raw_parts_mut(host.buffer.ptr().cast::<T>().add(host.layout.offset + from), size) }
}

/// What lies around an axis: (blocks before it, its size, elements of one step along it).
pub fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}
