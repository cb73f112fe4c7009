//! The border to ndarray: views of our arrays without a copy, and its arrays as ours with one.
//!
//! ndarray wants strides that are not negative; a layout that walks backwards is viewed forwards and turned round.

use ndarray::{ArrayView, ArrayViewD, ArrayViewMut, Axis, Dimension, IxDyn, ShapeBuilder};

use crate::base::{Buffer, Elem, Host, Layout, Result, Shape};

/// The elements where they lie. `T` must be the array's element type.
pub fn host_view<T: Elem>(host: &Host) -> ArrayViewD<'_, T> {
    assert_eq!(T::DTYPE, host.dtype, "the element type is the dtype's");
    let shape = &host.shape()[..];
    if host.layout.size() == 0 {
        // SAFETY: no element is ever read.
        return unsafe { ArrayView::from_shape_ptr(IxDyn(shape), std::ptr::NonNull::<T>::dangling().as_ptr()) };
    }
    let mut start = host.layout.offset as isize;
    let mut strides = vec![0; shape.len()];
    for (axis, &stride) in host.layout.strides.iter().enumerate() {
        if stride < 0 {
            start += stride * (shape[axis] as isize - 1);
        }
        strides[axis] = stride.unsigned_abs();
    }
    let first = host.buffer.as_slice::<T>()[start as usize..].as_ptr();
    // SAFETY: a layout addresses only elements of its buffer, the view borrows the host that keeps it alive, and
    // strides were made positive from the lowest address that the layout reaches.
    let mut view = unsafe { ArrayView::from_shape_ptr(IxDyn(shape).strides(IxDyn(&strides)), first) };
    for (axis, &stride) in host.layout.strides.iter().enumerate() {
        if stride < 0 {
            view.invert_axis(Axis(axis));
        }
    }
    view
}

/// A row-major copy of an ndarray view of any layout.
pub fn from_ndarray<T: Elem, D: Dimension>(view: ArrayView<T, D>) -> Result<Host> {
    let shape: Shape = view.shape().iter().copied().collect();
    let buffer = Buffer::new(view.len() * size_of::<T>())?;
    let slots = buffer.ptr().cast::<std::mem::MaybeUninit<T>>();
    // SAFETY: the buffer is fresh, holds as many elements as the view, and its elements count as uninitialised.
    let out = unsafe { ArrayViewMut::from_shape_ptr(view.raw_dim(), slots) };
    view.assign_to(out);
    Ok(Host { dtype: T::DTYPE, layout: Layout::contiguous(shape), buffer })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> Host {
        Host::from_slice(Shape::new(&[2, 3]), &[0i64, 1, 2, 3, 4, 5]).unwrap()
    }

    #[test]
    fn views_see_what_the_layout_says() {
        let mut host = counting();
        assert_eq!(host_view::<i64>(&host).sum(), 15);
        host.layout = host.layout.permute(&[1, 0]).slice(0, 2, 3, -1);
        let view = host_view::<i64>(&host);
        assert_eq!(view.shape(), [3, 2]);
        assert_eq!(view.iter().copied().collect::<Vec<_>>(), host.to_vec::<i64>().unwrap());
        assert_eq!(from_ndarray(view).unwrap().to_vec::<i64>().unwrap(), [2, 5, 1, 4, 0, 3]);
    }

    #[test]
    fn broadcast_empty_and_axisless_arrays() {
        let mut host = Host::from_slice(Shape::new(&[1, 2]), &[1.5, 2.5]).unwrap();
        host.layout = host.layout.broadcast(&Shape::new(&[3, 2]));
        assert_eq!(host_view::<f64>(&host).sum(), 12.0);
        let empty = Host::from_slice::<f64>(Shape::new(&[0, 3]), &[]).unwrap();
        assert_eq!(host_view::<f64>(&empty).shape(), [0, 3]);
        assert_eq!(&from_ndarray(host_view::<f64>(&empty)).unwrap().shape()[..], [0, 3]);
        assert_eq!(host_view::<bool>(&Host::scalar(true).unwrap()).first(), Some(&true));
    }
}
