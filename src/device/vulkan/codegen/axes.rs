//! Axes: a kernel's index space with as few axes as its layouts allow.
//!
//! Axes of size 1 go; neighbours of one kind (kept or folded) become one where every layout steps through them evenly.

use crate::base::{Layout, Shape};

/// Merged axes: sizes, which are folded, and per layout the step of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Axes {
    pub sizes: Vec<usize>,
    pub folded: Vec<bool>,
    pub steps: Vec<Vec<isize>>,
}

impl Axes {
    pub fn new(domain: &Shape, folded: &[usize], layouts: &[&Layout]) -> Axes {
        let mut a = Axes { sizes: vec![], folded: vec![], steps: vec![vec![]; layouts.len()] };
        for k in (0..domain.rank()).filter(|&k| domain[k] != 1) {
            let (size, kind) = (domain[k], folded.contains(&k));
            let fits = |(steps, l): (&Vec<isize>, &&Layout)| {
                steps.last().is_some_and(|&outer| outer == l.strides[k] * size as isize)
            };
            let joins = a.folded.last() == Some(&kind) && a.steps.iter().zip(layouts).all(fits);
            if !joins {
                a.sizes.push(1);
                a.folded.push(kind);
                a.steps.iter_mut().for_each(|s| s.push(0));
            }
            let last = a.sizes.len() - 1;
            a.sizes[last] *= size;
            a.steps.iter_mut().zip(layouts).for_each(|(s, l)| s[last] = l.strides[k]);
        }
        a
    }

    pub fn rank(&self) -> usize {
        self.sizes.len()
    }

    /// The axes of one kind.
    pub fn of(&self, folded: bool) -> Vec<usize> {
        (0..self.rank()).filter(|&k| self.folded[k] == folded).collect()
    }

    /// How many indices the axes of one kind have.
    pub fn count(&self, folded: bool) -> usize {
        self.of(folded).iter().map(|&k| self.sizes[k]).product()
    }

    /// Whether layout `l` reads or writes element after element.
    pub fn is_linear(&self, l: usize) -> bool {
        self.rank() == 0 || (self.rank() == 1 && self.steps[l][0] == 1)
    }

    /// The step of layout `l` where there is one axis: such a kernel can be launched in parts.
    pub fn only_step(&self, l: usize) -> isize {
        if self.rank() == 1 { self.steps[l][0] } else { 0 }
    }

    /// Whether layout `l` is one element.
    pub fn is_single(&self, l: usize) -> bool {
        self.steps[l].iter().all(|&s| s == 0)
    }
}

/// The lowest and highest element that a layout names, relative to its offset.
pub fn span(layout: &Layout) -> (isize, isize) {
    let mut span = (0, 0);
    for (&n, &s) in layout.shape.iter().zip(&layout.strides) {
        let far = (n.max(1) - 1) as isize * s;
        if far < 0 { span.0 += far } else { span.1 += far }
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_merge() {
        let shape = Shape::new(&[2, 1, 3, 4]);
        let row = Layout::contiguous(shape.clone());
        let a = Axes::new(&shape, &[], &[&row]);
        assert_eq!((a.sizes.as_slice(), a.is_linear(0)), (&[24][..], true));
        let turned = Layout::contiguous(Shape::new(&[4, 3, 1, 2])).permute(&[3, 2, 1, 0]);
        let a = Axes::new(&shape, &[], &[&row, &turned]);
        assert_eq!(a.sizes, [2, 3, 4]);
        let a = Axes::new(&shape, &[3], &[&row]);
        assert_eq!((a.sizes, a.folded), (vec![6, 4], vec![false, true]));
    }

    #[test]
    fn spans_reach_both_ways() {
        let l = Layout::contiguous(Shape::new(&[3, 4])).slice(0, 2, 3, -1);
        assert_eq!(span(&l), (-8, 3));
    }
}
