//! Split: a kernel of which a buffer is longer than one binding may be becomes several that each bind parts.
//!
//! In: a kernel. Out: kernels over parts of its index space, to be run in order. The longest buffer that is too long says
//! along which axis to cut: that along which it reaches farthest. Cut along an axis that it folds, a fold leaves one result a
//! part, which a further kernel folds; a scan puts before each part what came before it; a product adds up parts of its
//! depth. What is picked from or put into at any place (`windows`) is taken window by window.

use super::codegen::axes::span;
use super::codegen::index::Window;
use super::codegen::text::reach;
use super::context::Caps;
use crate::base::{DType, Layout, Shape};
use crate::plan::kernel::BASE;
use crate::plan::{Finish, From, Kernel, Load, Slot, SlotKind};

/// A kernel over a part of an index space.
#[derive(Clone)]
pub struct Part {
    pub kernel: Kernel,
    /// Where its result lies, over its domain; what is stored says so itself.
    pub out: Layout,
    /// For each index its place among all that are folded.
    pub place: Layout,
    /// The result is added to what is there.
    pub more: bool,
}

impl Part {
    /// All of a kernel.
    pub fn whole(kernel: &Kernel) -> Part {
        let all = Layout::contiguous(kernel.domain.clone());
        let (mut out, mut place) = (all.clone(), all);
        if let Finish::Fold { axes, .. } = &kernel.finish {
            out = only(&kernel.domain, |k| !axes.contains(&k));
            place = only(&kernel.domain, |k| axes.contains(&k));
        }
        Part { kernel: kernel.clone(), out, place, more: false }
    }

    /// How long an axis is; behind those of the domain stands the depth of a product.
    pub fn size(&self, axis: usize) -> usize {
        let r = self.kernel.domain.rank();
        if axis < r { self.kernel.domain[axis] } else { self.kernel.loads[0].layout.shape[r - 1] }
    }

    /// `len` steps of an axis from `start` on.
    pub fn cut(&self, axis: usize, start: usize, len: usize) -> Part {
        let mut part = self.clone();
        let r = self.kernel.domain.rank();
        let kernel = &mut part.kernel;
        for l in 0..kernel.loads.len() {
            if let Some(own) = self.axis_of(l, axis) {
                kernel.loads[l].layout = kernel.loads[l].layout.slice(own, start, len, 1);
            }
        }
        if let Finish::Store(outs) | Finish::Rows { outs, .. } = &mut kernel.finish {
            outs.iter_mut().for_each(|o| o.layout = o.layout.slice(axis, start, len, 1));
        }
        if axis < r {
            kernel.domain.0[axis] = len;
            part.out = part.out.slice(axis, start, len, 1);
            part.place = part.place.slice(axis, start, len, 1);
        }
        part
    }

    /// The axis of load `l` that an axis of the kernel walks along.
    fn axis_of(&self, l: usize, axis: usize) -> Option<usize> {
        let r = self.kernel.domain.rank();
        match &self.kernel.finish {
            Finish::Contract { .. } => match (l, axis) {
                (_, a) if a + 2 < r => Some(a),
                (0, a) if a + 2 == r => Some(r - 2),
                (1, a) if a + 1 == r => Some(r - 1),
                (0, a) if a == r => Some(r - 1),
                (1, a) if a == r => Some(r - 2),
                _ => None,
            },
            Finish::Gather { rest, .. } => match (l, axis.checked_sub(r - rest)) {
                (0, inner) => Some(self.kernel.loads[0].layout.shape.rank() - rest + inner?),
                (_, None) => Some(axis),
                _ => None,
            },
            _ => Some(axis),
        }
    }

    /// The steps of a buffer along each axis of the kernel.
    fn steps(&self, l: usize, layout: &Layout) -> Vec<isize> {
        let all = 0..=self.kernel.domain.rank();
        all.map(|axis| self.axis_of(l, axis).and_then(|own| layout.strides.get(own).copied()).unwrap_or(0)).collect()
    }

    /// The axis to cut: of the longest buffer that is too long, the one along which it reaches farthest. Where none is, the
    /// longest axis: then there are too many indices.
    pub fn longest(&self, caps: &Caps, slots: &[Slot]) -> Option<usize> {
        let (kernel, r) = (&self.kernel, self.kernel.domain.rank());
        let depth = usize::from(matches!(kernel.finish, Finish::Contract { .. }));
        let mut buffers: Vec<(Vec<isize>, DType)> = vec![];
        for (l, load) in kernel.loads.iter().enumerate() {
            // What is picked from is taken in windows.
            let windows = l == 0 && matches!(kernel.finish, Finish::Gather { .. });
            if in_memory(load, slots) && !windows {
                buffers.push((self.steps(l, &load.layout), load.dtype));
            }
        }
        match &kernel.finish {
            Finish::Store(outs) | Finish::Rows { outs, .. } => {
                buffers.extend(outs.iter().map(|o| (o.layout.strides.to_vec(), slots[o.slot].dtype)));
            }
            _ => buffers.extend(kernel.writes().iter().map(|&s| (self.out.strides.to_vec(), slots[s].dtype))),
        }
        let far = |steps: &[isize], axis: usize| {
            (self.size(axis).max(1) - 1) as u64 * steps.get(axis).map_or(0, |s| s.unsigned_abs() as u64)
        };
        let axes = || (0..r + depth).filter(|&axis| self.size(axis) > 1);
        let bytes = |(steps, dtype): &(Vec<isize>, DType)| {
            (axes().map(|axis| far(steps, axis)).sum::<u64>() + 1) * dtype.size() as u64
        };
        let longest = buffers.iter().max_by_key(|b| bytes(b))?;
        if bytes(longest) + room(caps) <= caps.range {
            return axes().filter(|&axis| axis < r).max_by_key(|&axis| self.size(axis));
        }
        axes().filter(|&axis| far(&longest.0, axis) > 0).max_by_key(|&axis| far(&longest.0, axis))
    }
}

/// A layout that walks row by row over some axes of a domain and stands still along the others.
fn only(domain: &Shape, walks: impl Fn(usize) -> bool) -> Layout {
    let some: Shape = domain.iter().enumerate().map(|(k, &n)| if walks(k) { n } else { 1 }).collect();
    let mut layout = Layout::contiguous(some);
    layout.shape = domain.clone();
    (0..domain.rank()).filter(|&k| !walks(k)).for_each(|k| layout.strides[k] = 0);
    layout
}

fn in_memory(load: &Load, slots: &[Slot]) -> bool {
    matches!(load.from, From::Slot(s) if !matches!(slots[s].kind, SlotKind::Number(_)))
}

/// What a binding may span more than the elements that are used.
fn room(caps: &Caps) -> u64 {
    2 * caps.align.max(32) + 32
}

/// The windows of a load that is read anywhere; one that is all of it where that can be bound.
pub fn windows(load: &Load, caps: &Caps) -> Vec<Option<Window>> {
    let relative = load.layout.offset as isize - BASE as isize;
    over(reach(&load.layout, relative), load.dtype, caps)
}

/// The same of elements from here to there.
pub fn over((low, high): Window, dtype: DType, caps: &Caps) -> Vec<Option<Window>> {
    let size = dtype.size() as u64;
    if (high - low + 1) as u64 * size + room(caps) <= caps.range {
        return vec![None];
    }
    let each = (caps.range.saturating_sub(room(caps)) / size).max(1) as isize;
    (0..).map(|i| low + i * each).take_while(|&l| l <= high).map(|l| Some((l, (l + each - 1).min(high)))).collect()
}

/// Whether 32 bits count the elements that a load reaches; of one made from positions, the positions themselves.
pub fn countable(load: &Load) -> bool {
    let (low, high) = span(&load.layout);
    let begin = match load.from {
        From::Slot(_) => low,
        From::Position { .. } | From::Product => BASE as isize - load.layout.offset as isize,
    };
    ((high - begin) as u64) < u64::from(u32::MAX)
}
