//! Write: values put into a part of an array that is on a device, where it lies.
//!
//! In: memory that nobody else has, a part of it as a layout, and values to stretch over that. Out: the same memory, changed
//! by a kernel that touches no more than the part. Kernels are kept by their shapes: where in the array the part begins is
//! passed when one is launched. A few values of the host go without a kernel of their own (`Device::poke`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::kernel::{BASE, Finish, From, Kernel, Load, Out, Slot, SlotKind};
use crate::base::{Buffer, DType, Fault, Layout, Result};
use crate::device::{self, Bound, Memory, Program};
use crate::graph::{Data, Expr, bits_of};

/// Values of the host that are few.
const FEW: usize = 64;
/// Kernels that are kept; past this many all are forgotten.
const KEPT: usize = 1000;

/// The slots of such a kernel.
const VALUES: usize = 0;
const TARGET: usize = 1;

type Kept = HashMap<Vec<u64>, Option<Rc<dyn Program>>>;

thread_local! {
    static PROGRAMS: RefCell<Kept> = RefCell::default();
}

/// Writes `v`, which is there, of the array's dtype and can be stretched to the part, into memory of device `number`.
/// `false` where that device cannot.
pub fn write(number: u8, target: &Arc<Buffer>, dtype: DType, part: &Layout, v: &Expr) -> Result<bool> {
    if part.size() == 0 {
        return Ok(true);
    }
    let device = device::of(number)?;
    if part.size() <= FEW
        && let Some(all) = near(v, part)
        && device.poke(target, dtype.size(), &mut all.into_iter())?
    {
        return Ok(true);
    }
    let (from, mut values) = match v.data() {
        Some(Data::Number(bits)) => (Bound::Number(*bits), Layout::contiguous(v.shape().clone())),
        Some(Data::Buffer(buffer, layout)) => (Bound::Buffer { buffer: buffer.clone(), offset: 0 }, layout.clone()),
        _ => return Err(Fault::new("internal: a value to be written is not there")),
    };
    values = values.broadcast(&part.shape);
    let mut part = part.clone();
    for axis in 0..part.shape.rank() {
        forwards(&mut part, &mut values, axis);
    }
    let bound = match from {
        Bound::Buffer { buffer, .. } => Bound::Buffer { buffer, offset: values.offset },
        number => number,
    };
    let Some(program) = program(number, target.bytes() / dtype.size(), dtype, &part, &values, &bound)? else {
        return Ok(false);
    };
    let target = Bound::Buffer { buffer: target.clone(), offset: part.offset };
    program.start(&Memory { bound: vec![bound, target] })?;
    Ok(true)
}

/// Turns an axis along which the part walks backwards, and the values with it: what is written begins at its first element.
fn forwards(part: &mut Layout, values: &mut Layout, axis: usize) {
    if part.strides[axis] < 0 {
        let last = part.shape[axis] as isize - 1;
        for layout in [part, values] {
            layout.offset = layout.offset.wrapping_add_signed(last * layout.strides[axis]);
            layout.strides[axis] = -layout.strides[axis];
        }
    }
}

/// The program that writes such values into such a part of `n` elements; `None` where the device has none.
fn program(
    number: u8,
    n: usize,
    dtype: DType,
    part: &Layout,
    values: &Layout,
    from: &Bound,
) -> Result<Option<Rc<dyn Program>>> {
    let one = matches!(from, Bound::Number(_));
    // What is written from end to end may be written in a wider way.
    let whole = part.offset == 0 && part.is_contiguous() && part.size() == n;
    let mut key = vec![number as u64, dtype as u64, one as u64, whole as u64, part.shape.rank() as u64];
    key.extend(part.shape.iter().map(|&d| d as u64));
    key.extend(part.strides.iter().chain(&values.strides).map(|&s| s as u64));
    if let Some(known) = PROGRAMS.with_borrow(|all| all.get(&key).cloned()) {
        return Ok(known);
    }
    let domain = part.shape.clone();
    let load = Load { from: From::Slot(VALUES), dtype, layout: Layout { offset: BASE, ..values.clone() } };
    let out = Out { reg: 0, slot: TARGET, layout: Layout { offset: 0, ..part.clone() } };
    let kernel = Kernel { domain, loads: vec![load], code: vec![], finish: Finish::Store(vec![out]) };
    let values = if one { SlotKind::Number(VALUES) } else { SlotKind::Leaf(VALUES) };
    let target = if whole { SlotKind::Made(n) } else { SlotKind::Leaf(TARGET) };
    let slots = [values, target].map(|kind| Slot { dtype, kind });
    let made = match device::can(number, &kernel, &slots) {
        true => Some(Rc::from(device::of(number)?.prepare(&kernel, &slots)?)),
        false => None,
    };
    PROGRAMS.with_borrow_mut(|all| {
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(key, made.clone());
    });
    Ok(made)
}

/// The places of a small part with the values that the host has for them.
fn near(v: &Expr, part: &Layout) -> Option<Vec<(usize, u64)>> {
    let places = elements(part);
    match v.data()? {
        Data::Number(bits) => Some(places.into_iter().map(|at| (at, *bits)).collect()),
        Data::Buffer(buffer, layout) if buffer.is_here() => {
            let from = elements(&layout.broadcast(&part.shape));
            let bits = |at: usize| crate::dispatch!(v.dtype(), T => bits_of(buffer.as_slice::<T>()[at]));
            Some(places.into_iter().zip(from.into_iter().map(bits)).collect())
        }
        _ => None,
    }
}

/// Where the elements of a small layout lie, in order.
fn elements(layout: &Layout) -> Vec<usize> {
    let mut all = vec![layout.offset as isize];
    for (&n, &step) in layout.shape.iter().zip(&layout.strides) {
        all = all.iter().flat_map(|&at| (0..n as isize).map(move |i| at + i * step)).collect();
    }
    all.into_iter().map(|at| at as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Shape;

    #[test]
    fn elements_are_in_order() {
        let whole = Layout::contiguous(Shape::new(&[3, 4]));
        assert_eq!(elements(&whole.slice(0, 2, 2, -1).slice(1, 1, 2, 2)), [9, 11, 5, 7]);
    }

    #[test]
    fn backwards_becomes_forwards() {
        let mut part = Layout::contiguous(Shape::new(&[6])).slice(0, 5, 3, -2);
        let mut values = Layout::contiguous(Shape::new(&[3]));
        forwards(&mut part, &mut values, 0);
        assert_eq!((part.offset, part.strides[0], values.offset, values.strides[0]), (1, 2, 2, -1));
    }
}
