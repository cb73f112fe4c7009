//! Layouts: which element of a buffer an index names. Every view is a layout and moves no data.

use smallvec::SmallVec;

use super::shape::{Shape, copy_of};

/// Element `i` of an array lies at `offset + Σ i[k]·strides[k]`, counted in elements.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct Layout {
    pub shape: Shape,
    /// 0 repeats an axis (broadcast), negative walks it backwards.
    pub strides: SmallVec<[isize; 4]>,
    pub offset: usize,
}

impl Clone for Layout {
    #[inline]
    fn clone(&self) -> Layout {
        Layout { shape: self.shape.clone(), strides: copy_of(&self.strides), offset: self.offset }
    }
}

impl Layout {
    /// Row-major from element 0.
    #[inline]
    pub fn contiguous(shape: Shape) -> Layout {
        let strides = shape.strides();
        Layout { shape, strides, offset: 0 }
    }

    pub fn size(&self) -> usize {
        self.shape.size()
    }

    /// Row-major without gaps (the offset may be anything; axes of size 1 may have any stride).
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        if let ([d], [s]) = (&self.shape[..], &self.strides[..]) {
            return *s == 1 || *d <= 1;
        }
        let mut expect = 1isize;
        for (&d, &s) in self.shape.iter().zip(&self.strides).rev() {
            if d == 0 {
                return true;
            }
            if d != 1 && s != expect {
                return false;
            }
            expect *= d as isize;
        }
        true
    }

    /// Axes in a new order: axis `k` of the result is axis `order[k]` of this.
    pub fn permute(&self, order: &[usize]) -> Layout {
        Layout {
            shape: order.iter().map(|&k| self.shape[k]).collect(),
            strides: order.iter().map(|&k| self.strides[k]).collect(),
            offset: self.offset,
        }
    }

    /// Stretched to `shape`, which must be reachable by broadcasting.
    pub fn broadcast(&self, shape: &Shape) -> Layout {
        let skip = shape.rank() - self.shape.rank();
        let strides = (0..shape.rank())
            .map(|k| match k.checked_sub(skip) {
                Some(j) if self.shape[j] == shape[k] => self.strides[j],
                _ => 0,
            })
            .collect();
        Layout { shape: shape.clone(), strides, offset: self.offset }
    }

    /// Axis `axis` from `start`, `len` elements, every `step`-th; `step` may be negative.
    pub fn slice(&self, axis: usize, start: usize, len: usize, step: isize) -> Layout {
        let mut out = self.clone();
        if len > 0 {
            out.offset = (self.offset as isize + start as isize * self.strides[axis]) as usize;
        }
        out.strides[axis] = self.strides[axis] * step;
        out.shape[axis] = len;
        out
    }

    /// The same elements in the same order under another shape of equal size, where strides can say it.
    pub fn reshape(&self, shape: &Shape) -> Option<Layout> {
        if self.is_contiguous() || self.size() == 0 {
            return Some(Layout { offset: self.offset, ..Layout::contiguous(shape.clone()) });
        }
        // Walk both shapes from the end in groups of equal product; a group must be evenly strided inside.
        let mut strides: SmallVec<[isize; 4]> = SmallVec::from_elem(0, shape.rank());
        let (mut i, mut j) = (self.shape.rank(), shape.rank());
        while i > 0 || j > 0 {
            if i > 0 && self.shape[i - 1] == 1 {
                i -= 1;
                continue;
            }
            if j > 0 && shape[j - 1] == 1 {
                j -= 1;
                continue;
            }
            if i == 0 || j == 0 {
                return None;
            }
            let step = self.strides[i - 1];
            let (mut old, mut new) = (self.shape[i - 1], shape[j - 1]);
            let mut run = step * self.shape[i - 1] as isize;
            i -= 1;
            strides[j - 1] = step;
            let mut next = step * shape[j - 1] as isize;
            j -= 1;
            while old != new {
                if old < new {
                    let d = *self.shape.get(i.checked_sub(1)?)?;
                    if d != 1 {
                        if self.strides[i - 1] != run {
                            return None;
                        }
                        old *= d;
                        run *= d as isize;
                    }
                    i -= 1;
                } else {
                    let d = *shape.get(j.checked_sub(1)?)?;
                    strides[j - 1] = next;
                    new *= d;
                    next *= d as isize;
                    j -= 1;
                }
            }
        }
        Some(Layout { shape: shape.clone(), strides, offset: self.offset })
    }
}
