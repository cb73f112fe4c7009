//! Host data: a dtype, a layout and the buffer it describes. What files are read into and written from.

use std::sync::Arc;

use super::buffer::Buffer;
use super::dtype::DType;
use super::elem::Elem;
use super::fault::Fault;
use super::interrupt;
use super::layout::Layout;
use super::memory::list;
use super::shape::Shape;

/// An n-d array in memory. Cloning shares the buffer.
#[derive(Clone)]
pub struct Host {
    pub dtype: DType,
    pub layout: Layout,
    pub buffer: Arc<Buffer>,
}

impl Host {
    /// Row-major elements under `shape`; their number must be the shape's size.
    pub fn from_slice<T: Elem>(shape: Shape, data: &[T]) -> Result<Host, Fault> {
        debug_assert_eq!(shape.size(), data.len());
        Ok(Host { dtype: T::DTYPE, layout: Layout::contiguous(shape), buffer: Buffer::from_slice(data)? })
    }

    /// One number.
    pub fn scalar<T: Elem>(x: T) -> Result<Host, Fault> {
        Host::from_slice(Shape::scalar(), &[x])
    }

    pub fn shape(&self) -> &Shape {
        &self.layout.shape
    }

    /// The elements in row-major order, where they lie so without gaps and `T` is their type.
    pub fn as_slice<T: Elem>(&self) -> Option<&[T]> {
        if T::DTYPE != self.dtype || !self.layout.is_contiguous() {
            return None;
        }
        let n = self.layout.size();
        if n == 0 {
            return Some(&[]);
        }
        self.buffer.as_slice::<T>().get(self.layout.offset..self.layout.offset + n)
    }

    /// The elements in row-major order, copied; a fault where memory has no room for them or somebody asked to stop.
    /// `T` must be their type.
    pub fn to_vec<T: Elem>(&self) -> Result<Vec<T>, Fault> {
        assert_eq!(T::DTYPE, self.dtype, "the element type is the dtype's");
        // A number stretched to a huge shape has that many elements and next to no memory behind it.
        let mut out = list(self.layout.size(), "an array")?;
        if let Some(all) = self.as_slice::<T>() {
            out.extend_from_slice(all);
            return Ok(out);
        }
        let data = self.buffer.as_slice::<T>();
        self.walk(|at| out.push(data[at]))?;
        Ok(out)
    }

    /// The elements converted to f64, in row-major order.
    pub fn to_f64s(&self) -> Result<Vec<f64>, Fault> {
        crate::dispatch!(self.dtype, T => Ok(self.to_vec::<T>()?.into_iter().map(|x| x.to_f64()).collect()))
    }

    /// Calls `visit` with the buffer position of every element, in row-major order, until
    /// somebody asks to stop.
    pub fn walk(&self, mut visit: impl FnMut(usize)) -> Result<(), Fault> {
        let (shape, strides) = (&self.layout.shape, &self.layout.strides);
        let (rank, size) = (shape.rank(), self.layout.size());
        let mut index = vec![0usize; rank];
        let mut at = self.layout.offset as isize;
        for n in 0..size {
            if n % (1 << 16) == 0 {
                interrupt::check()?;
            }
            visit(at as usize);
            for k in (0..rank).rev() {
                index[k] += 1;
                at += strides[k];
                if index[k] < shape[k] {
                    break;
                }
                at -= strides[k] * shape[k] as isize;
                index[k] = 0;
            }
        }
        Ok(())
    }

    /// The same array, row-major from element 0; copies only where it must.
    pub fn compact(&self) -> Result<Host, Fault> {
        if self.layout.is_contiguous() && self.layout.offset == 0 {
            return Ok(self.clone());
        }
        crate::dispatch!(self.dtype, T => Host::from_slice(self.shape().clone(), &self.to_vec::<T>()?))
    }
}
