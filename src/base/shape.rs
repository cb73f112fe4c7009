//! Shapes: the sizes of an array's axes, and how two shapes stretch to one.

use smallvec::SmallVec;

use super::fault::Fault;

/// The sizes of the axes, outermost first. `[]` is one number.
#[derive(Eq, Default)]
pub struct Shape(pub SmallVec<[usize; 4]>);

/// Every node has shapes: one copy of five words, where the derived form walks element by element.
impl Clone for Shape {
    #[inline(always)]
    fn clone(&self) -> Shape {
        Shape(copy_of(&self.0))
    }
}

/// A copy of a few words; those that lie inside are copied as they lie, without looking how many there are.
#[inline(always)]
pub(super) fn copy_of<T: Copy>(words: &SmallVec<[T; 4]>) -> SmallVec<[T; 4]> {
    if words.spilled() {
        return SmallVec::from_slice(words);
    }
    // SAFETY: nothing outside belongs to it, and its elements are plain words.
    unsafe { std::ptr::read(words) }
}

impl std::hash::Hash for Shape {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Without a call, which costs more than the few words.
impl PartialEq for Shape {
    #[inline(always)]
    fn eq(&self, other: &Shape) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| a == b)
    }
}

impl Shape {
    pub fn new(axes: &[usize]) -> Shape {
        Shape(SmallVec::from_slice(axes))
    }

    pub fn scalar() -> Shape {
        Shape::default()
    }

    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements; saturates, so that an absurd shape stays absurd.
    #[inline]
    pub fn size(&self) -> usize {
        self.0.iter().fold(1usize, |n, &d| n.saturating_mul(d))
    }

    /// Row-major strides, in elements.
    #[inline(always)]
    pub fn strides(&self) -> SmallVec<[isize; 4]> {
        if self.rank() == 1 {
            return SmallVec::from_buf_and_len([1, 0, 0, 0], 1);
        }
        self.strides_of_many()
    }

    fn strides_of_many(&self) -> SmallVec<[isize; 4]> {
        let mut strides: SmallVec<[isize; 4]> = SmallVec::from_elem(1, self.rank());
        for i in (0..self.rank().saturating_sub(1)).rev() {
            strides[i] = strides[i + 1].saturating_mul(self.0[i + 1].max(1) as isize);
        }
        strides
    }

    /// Both shapes stretched to one, by NumPy's rule: aligned at the last axis, a size 1 stretches.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let mut out = SmallVec::with_capacity(rank);
        for i in 0..rank {
            let size = |s: &Shape| (i + s.rank()).checked_sub(rank).map_or(1, |j| s.0[j]);
            match (size(self), size(other)) {
                (a, b) if a == b => out.push(a),
                (1, b) => out.push(b),
                (a, 1) => out.push(a),
                _ => return None,
            }
        }
        Some(Shape(out))
    }

    /// The axis that a user's number names: negative ones count from the end.
    pub fn axis(&self, axis: i64) -> Result<usize, Fault> {
        let rank = self.rank() as i64;
        if (-rank..rank).contains(&axis) {
            return Ok(((axis + rank) % rank) as usize);
        }
        let fault = Fault::new(format!("axis {axis} is out of range for shape {self}"));
        Err(match rank {
            0 => fault.hint("a single number has no axes; leave `axis` out"),
            _ => fault.hint(format!("its axes are 0 to {}, or -{rank} to -1", rank - 1)),
        })
    }
}

impl std::ops::Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl std::ops::DerefMut for Shape {
    fn deref_mut(&mut self) -> &mut [usize] {
        &mut self.0
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(axes: I) -> Shape {
        Shape(axes.into_iter().collect())
    }
}

/// `[3, 4]`, as a user reads it.
impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{:?}", self.0.as_slice())
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{:?}", self.0.as_slice())
    }
}
