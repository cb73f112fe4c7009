//! Picking and putting by index arrays. An index out of range is a fault that names it.

use std::sync::Mutex;

use smallvec::SmallVec;

use super::block::collect;
use super::tasks::{self, Shared};
use super::{Whole, loads};
use crate::base::{DType, Fault, Layout, Result, Shape, copy};
use crate::device::{Memory, Program};
use crate::plan::Kernel;

/// Picks per task.
const TASK: usize = 4096;

/// What picking and putting share: index arrays over one shape, and the array they index.
struct Picks {
    indices: Vec<Whole>,
    /// Sizes of the indexed axes.
    axes: SmallVec<[usize; 4]>,
    /// The numbers by which a fault calls them.
    names: SmallVec<[usize; 4]>,
    /// The shape of the index arrays.
    shape: Shape,
}

/// What goes wrong inside tasks: of the first of them that stops, its number, the axis and the index.
#[derive(Default)]
struct Stray(Mutex<Option<(usize, usize, i64)>>);

impl Stray {
    /// Task `t` stops. Which one does so earlier is chance, which index is told is not.
    #[cold]
    fn note(&self, t: usize, axis: usize, index: i64) {
        if let Ok(mut first) = self.0.lock()
            && first.is_none_or(|(before, ..)| t < before)
        {
            *first = Some((t, axis, index));
        }
    }

    fn check(&self, picks: &Picks) -> Result<()> {
        let Some((_, k, index)) = self.0.lock().ok().and_then(|first| *first) else { return Ok(()) };
        let (size, axis) = (picks.axes[k], picks.names[k]);
        let fault = Fault::new(format!("index {index} is out of range: axis {axis} has size {size}"));
        Err(match size {
            0 => fault,
            _ => fault.hint(format!("valid indices are 0 to {}, or -{size} to -1", size - 1)),
        })
    }
}

/// The indices of one axis along a row of picks.
struct Axis {
    at: *const i64,
    step: isize,
    /// The axis's size, and how far one step along it is.
    size: usize,
    stride: isize,
}

impl Axis {
    /// How far the j-th index reaches, or the index that is out of range.
    ///
    /// # Safety
    /// There are more than j.
    #[inline(always)]
    unsafe fn place(&self, j: usize) -> std::result::Result<isize, i64> {
        // SAFETY: the caller's.
        let index = unsafe { *self.at.offset(j as isize * self.step) };
        Ok(within(index, self.size)? as isize * self.stride)
    }
}

impl Picks {
    fn size(&self) -> usize {
        self.shape.size()
    }

    /// Calls `visit` with each of some picks and its position in an array whose indexed axes have these strides, up to one that is out of
    /// range.
    ///
    /// # Safety
    /// `bases` are where the index arrays begin.
    unsafe fn each(
        &self,
        bases: &[Shared<i64>],
        strides: &[isize],
        some: std::ops::Range<usize>,
        stray: &Stray,
        mut visit: impl FnMut(usize, isize),
    ) {
        // Along the last axis an index array goes on by equal steps.
        let row = self.shape.last().map_or(1, |&n| n.max(1));
        let mut i = some.start;
        while i < some.end {
            let n = (row - i % row).min(some.end - i);
            let axes: SmallVec<[Axis; 4]> = (self.indices.iter().zip(bases))
                .enumerate()
                .map(|(k, (load, base))| Axis {
                    // SAFETY: the caller's.
                    at: unsafe { base.get().offset(offset_of(&load.layout, &self.shape, i)) },
                    step: load.layout.strides.last().copied().unwrap_or(0),
                    size: self.axes[k],
                    stride: strides[k],
                })
                .collect();
            for j in 0..n {
                let mut at = 0isize;
                for (k, axis) in axes.iter().enumerate() {
                    // SAFETY: within the row.
                    match unsafe { axis.place(j) } {
                        Ok(by) => at += by,
                        Err(index) => return stray.note((i + j) / TASK, k, index),
                    }
                }
                visit(i + j, at);
            }
            i += n;
        }
    }

    /// One array of indices whose elements lie at equal distances, which this is.
    fn row(&self) -> Option<isize> {
        let [load] = &self.indices[..] else { return None };
        even(&self.shape, &load.layout.strides)
    }

    fn bases(&self, memory: &Memory) -> Vec<Shared<i64>> {
        self.indices.iter().map(|l| Shared(l.base(memory).cast())).collect()
    }
}

/// The place that an index means on an axis of a size, negative ones from its end; itself where it is out of range.
#[inline(always)]
fn within(index: i64, size: usize) -> std::result::Result<usize, i64> {
    let place = if index < 0 { index.wrapping_add(size as i64) } else { index } as u64;
    if place < size as u64 { Ok(place as usize) } else { Err(index) }
}

/// The distance from one element to the next, where it is the same for all.
fn even(shape: &[usize], strides: &[isize]) -> Option<isize> {
    let mut step = None;
    for (&n, &s) in shape.iter().zip(strides).rev() {
        if n == 1 {
            continue;
        }
        match step {
            None => step = Some((s, s * n as isize)),
            Some((first, next)) if s == next => step = Some((first, next * n as isize)),
            Some(_) => return None,
        }
    }
    Some(step.map_or(0, |(first, _)| first))
}

/// The element position of row-major index `i`.
fn offset_of(layout: &Layout, shape: &Shape, i: usize) -> isize {
    if shape.rank() == 1 {
        return i as isize * layout.strides[0];
    }
    let (mut rest, mut at) = (i, 0isize);
    for k in (0..shape.rank()).rev() {
        at += (rest % shape[k]) as isize * layout.strides[k];
        rest /= shape[k];
    }
    at
}

/// Picks single elements from one axis: little between one read and the next, so that many are on their way at once.
/// The index that is out of range, where one is.
///
/// # Safety
/// The arrays hold what their strides say.
unsafe fn pick_row<T: Copy>(
    from: *const T,
    stride: isize,
    size: usize,
    at: *const i64,
    step: isize,
    some: std::ops::Range<usize>,
    to: *mut T,
) -> std::result::Result<(), i64> {
    for i in some {
        // SAFETY: the caller's; the position is checked.
        unsafe {
            let index = *at.offset(i as isize * step);
            *to.add(i) = *from.offset(within(index, size)? as isize * stride);
        }
    }
    Ok(())
}

/// Puts single elements along one axis, in order. The index that is out of range, where one is.
///
/// # Safety
/// The arrays hold what their strides say.
unsafe fn put_row<T: Copy>(
    to: *mut T,
    size: usize,
    (at, step): (*const i64, isize),
    (values, value_step): (*const T, isize),
    some: std::ops::Range<usize>,
    two: impl Fn(T, T) -> T,
) -> std::result::Result<(), i64> {
    for i in some {
        // SAFETY: the caller's; the position is checked.
        unsafe {
            let index = *at.offset(i as isize * step);
            let place = to.add(within(index, size)?);
            *place = two(*place, *values.offset(i as isize * value_step));
        }
    }
    Ok(())
}

fn picks(indices: &[Whole], x: &Shape) -> Picks {
    Picks {
        axes: x[..indices.len()].iter().copied().collect(),
        names: (0..indices.len()).collect(),
        shape: indices.first().map(|i| i.layout.shape.clone()).unwrap_or_default(),
        indices: indices.to_vec(),
    }
}

pub struct Gather {
    x: Whole,
    picks: Picks,
    slot: usize,
    rest: usize,
}

impl Gather {
    /// `axes`: what a fault calls the indexed axes, by number; nothing where they are the first.
    pub fn new(kernel: &Kernel, slot: usize, rest: usize, axes: &[usize]) -> Gather {
        let mut all = loads(kernel);
        let x = all.remove(0);
        let mut picks = picks(&all, &x.layout.shape);
        if axes.len() == picks.names.len() {
            picks.names = axes.into();
        }
        Gather { picks, x, slot, rest }
    }

    fn typed<T: Copy>(&self, memory: &Memory) -> Result<()> {
        let rank = self.x.layout.shape.rank();
        let dims: SmallVec<[usize; 4]> = self.x.layout.shape[rank - self.rest..].iter().copied().collect();
        let strides = &self.x.layout.strides[rank - self.rest..];
        let each: usize = dims.iter().product();
        let from = Shared(self.x.base(memory).cast::<T>());
        let to = Shared(memory.pointer(self.slot, size_of::<T>()).cast::<T>());
        let bases = self.picks.bases(memory);
        let stray = Stray::default();
        let n = self.picks.size();
        let row = self.picks.row();
        // Whether what one pick brings lies together.
        let together = even(&dims, strides) == Some(1);
        tasks::run(n.div_ceil(TASK), n * (each + 4), |t| {
            let (from, to) = (from, to);
            if let (1, Some(step)) = (each, row) {
                // SAFETY: as below.
                unsafe {
                    let some = t * TASK..((t + 1) * TASK).min(n);
                    let (at, stride) = (bases[0].get().cast_const(), self.x.layout.strides[0]);
                    let (from, to) = (from.get().cast_const(), to.get());
                    if let Err(index) = pick_row(from, stride, self.picks.axes[0], at, step, some, to) {
                        stray.note(t, 0, index);
                    }
                }
                return;
            }
            let some = t * TASK..((t + 1) * TASK).min(n);
            // SAFETY: positions are checked; each pick writes its own part.
            unsafe {
                self.picks.each(&bases, &self.x.layout.strides, some, &stray, |i, at| {
                    let (from, to) = (from.get().cast_const().offset(at), to.get().add(i * each));
                    if each == 1 {
                        *to = *from;
                    } else if together {
                        copy(from, to, each);
                    } else if each > 0 {
                        collect::<T>(from, &dims, strides, 0, each, to);
                    }
                });
            }
        })?;
        stray.check(&self.picks)
    }
}

impl Program for Gather {
    fn launch(&self, memory: &Memory) -> Result<()> {
        match self.x.dtype.size() {
            1 => self.typed::<u8>(memory),
            2 => self.typed::<u16>(memory),
            4 => self.typed::<u32>(memory),
            _ => self.typed::<u64>(memory),
        }
    }
}

/// Writes or adds values into a copy; in order, so that equal indices have a meaning.
pub struct Put {
    x: Whole,
    values: Whole,
    picks: Picks,
    slot: usize,
    rest: usize,
    add: bool,
}

impl Put {
    pub fn new(kernel: &Kernel, slot: usize, add: bool, rest: usize) -> Put {
        let mut all = loads(kernel);
        let x = all.remove(0);
        let values = all.remove(0);
        Put { picks: picks(&all, &x.layout.shape), x, values, slot, rest, add }
    }

    fn typed<T: Copy>(&self, memory: &Memory, two: impl Fn(T, T) -> T) -> Result<()> {
        let shape = &self.x.layout.shape;
        let own = Layout::contiguous(shape.clone());
        let to = memory.pointer(self.slot, size_of::<T>()).cast::<T>();
        let dims: Vec<usize> = if shape.rank() == 0 { vec![1] } else { shape.to_vec() };
        let strides: Vec<isize> = if shape.rank() == 0 { vec![0] } else { self.x.layout.strides.to_vec() };
        let picked = shape.rank() - self.rest;
        let rest: Vec<usize> = if self.rest == 0 { vec![1] } else { shape[picked..].to_vec() };
        let value_strides = &self.values.layout.strides;
        let cut = value_strides.len() - self.rest;
        let rest_strides: Vec<isize> = if self.rest == 0 { vec![0] } else { value_strides[cut..].to_vec() };
        let each: usize = rest.iter().product();
        let value_shape: Shape = self.picks.shape.clone();
        let value_outer = Layout { shape: value_shape.clone(), strides: value_strides[..cut].into(), offset: 0 };
        let bases = self.picks.bases(memory);
        let stray = Stray::default();
        let mut line: Vec<T> = Vec::with_capacity(each);
        // SAFETY: layouts stay inside their arrays; positions are checked.
        unsafe {
            collect::<T>(self.x.base(memory).cast(), &dims, &strides, 0, shape.size(), to);
            let values = self.values.base(memory).cast::<T>();
            let n = self.picks.size();
            let value_step = even(&value_shape, &value_outer.strides);
            if let (1, 1, Some(step), Some(value_step)) = (each, shape.rank(), self.picks.row(), value_step) {
                for t in 0..n.div_ceil(TASK) {
                    crate::base::interrupt::check()?;
                    let (at, some) = ((bases[0].get().cast_const(), step), t * TASK..((t + 1) * TASK).min(n));
                    if let Err(index) = put_row(to, shape[0], at, (values.cast_const(), value_step), some, &two) {
                        stray.note(t, 0, index);
                        break;
                    }
                }
                return stray.check(&self.picks);
            }
            for t in 0..n.div_ceil(TASK) {
                crate::base::interrupt::check()?;
                let some = t * TASK..((t + 1) * TASK).min(n);
                self.picks.each(&bases, &own.strides, some, &stray, |i, at| {
                    let by = value_step.map(|step| i as isize * step);
                    let from = values.offset(by.unwrap_or_else(|| offset_of(&value_outer, &value_shape, i)));
                    if each == 1 {
                        *to.offset(at) = two(*to.offset(at), *from);
                        return;
                    }
                    collect::<T>(from, &rest, &rest_strides, 0, each, line.as_mut_ptr());
                    line.set_len(each);
                    for (k, &v) in line.iter().enumerate() {
                        let place = to.offset(at).add(k);
                        *place = two(*place, v);
                    }
                });
                stray.check(&self.picks)?;
            }
        }
        stray.check(&self.picks)
    }
}

impl Program for Put {
    fn launch(&self, memory: &Memory) -> Result<()> {
        match (self.add, self.x.dtype) {
            (true, DType::F64) => self.typed::<f64>(memory, |a, b| a + b),
            (true, DType::F32) => self.typed::<f32>(memory, |a, b| a + b),
            (true, DType::I64) => self.typed::<i64>(memory, i64::wrapping_add),
            (_, d) => match d.size() {
                1 => self.typed::<u8>(memory, |_, b| b),
                2 => self.typed::<u16>(memory, |_, b| b),
                4 => self.typed::<u32>(memory, |_, b| b),
                _ => self.typed::<u64>(memory, |_, b| b),
            },
        }
    }
}
