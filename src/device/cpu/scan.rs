//! Scan kernels: running folds along one axis.
//!
//! | case | loop |
//! | --- | --- |
//! | lines that lie next to each other element by element (an axis before others) | line after line of the inner elements, some columns a task |
//! | many lines | eight of them side by side, for each is one chain of operations |
//! | few long lines | runs are folded, the runs' totals scanned, the runs scanned from there, eight runs side by side |
//! | anything else | each line alone |
//!
//! Long lines go in groups that stay in the last cache between their totals and their scan: memory is read once. Runs
//! depend on the shape only, so the result does not depend on the number of threads.
//! Floor: bytes of input and output over the memory's bandwidth.

use super::tasks::{self, Shared};
use super::{Whole, loads};
use crate::base::{DType, Elem, Fault, Result, Shape, copy};
use crate::device::{Memory, Program};
use crate::graph::Fold;
use crate::plan::Kernel;

/// Elements of a run, and runs that are done side by side: a chain of operations waits for each of its own.
const RUN: usize = 1040;
const SIDE: usize = 8;
/// Runs of one task.
const TASK: usize = 64;
/// Tasks of a group: 8 MiB of f64.
const GROUP: usize = 16;
/// Lines from which each is one piece of work.
const MANY: usize = 16;
/// Columns of a task.
const COLUMNS: usize = 512;

pub struct Scan {
    input: Vec<Whole>,
    slot: usize,
    fold: Fold,
    axis: usize,
    shape: Shape,
}

/// A running fold's operation, and what it does nothing with.
#[derive(Clone, Copy)]
struct Op<T, F> {
    two: F,
    start: T,
}

/// The lines of a scan, in elements.
#[derive(Clone, Copy)]
struct Lines<'a> {
    shape: &'a Shape,
    strides: &'a [isize],
    axis: usize,
    n: usize,
    inner: usize,
}

impl Lines<'_> {
    /// Where a line begins, in the input and in the output.
    fn begin(&self, line: usize) -> (isize, usize) {
        let (mut at, mut rest) = (0isize, line);
        for k in (0..self.shape.rank()).rev().filter(|&k| k != self.axis) {
            at += (rest % self.shape[k]) as isize * self.strides[k];
            rest /= self.shape[k];
        }
        (at, line / self.inner * self.n * self.inner + line % self.inner)
    }

    /// Whether the elements after the axis lie next to each other.
    fn inner_is_plain(&self) -> bool {
        let mut expect = 1isize;
        (self.axis + 1..self.shape.rank()).rev().all(|k| {
            let fits = self.shape[k] == 1 || self.strides[k] == expect;
            expect *= self.shape[k] as isize;
            fits
        })
    }
}

impl Scan {
    pub fn new(kernel: &Kernel, axis: usize, fold: Fold, slot: usize) -> Scan {
        Scan { input: loads(kernel), slot, fold, axis, shape: kernel.domain.clone() }
    }

    fn typed<T: Elem>(&self, memory: &Memory, start: T, two: impl Fn(T, T) -> T + Sync + Copy) -> Result<()> {
        let Some(input) = self.input.first() else { return Err(Fault::new("internal: a scan has one input")) };
        let n = self.shape[self.axis];
        let inner: usize = self.shape[self.axis + 1..].iter().product();
        let outer: usize = self.shape[..self.axis].iter().product();
        let lines = outer * inner;
        if n == 0 || lines == 0 {
            return Ok(());
        }
        let op = Op { two, start };
        let from = Shared(input.base(memory).cast::<T>());
        let to = Shared(memory.pointer(self.slot, size_of::<T>()).cast::<T>());
        let all = Lines { shape: &self.shape, strides: &input.layout.strides, axis: self.axis, n, inner };
        let step = all.strides[self.axis];
        let plain = step == 1 && inner == 1;
        if inner >= SIDE && all.inner_is_plain() {
            return columns(from, to, &all, outer, op);
        }
        // Not a question of threads: how a line is cut shows in the last bit of a sum.
        if plain && n >= SIDE * RUN && lines < MANY {
            for line in 0..lines {
                let (a, b) = all.begin(line);
                // SAFETY: a line lies inside its arrays.
                let (from, to) = unsafe { (Shared(from.get().offset(a)), Shared(to.get().add(b))) };
                long(from, to, n, op)?;
            }
            return Ok(());
        }
        let per = (RUN * TASK / n).max(1).next_multiple_of(SIDE);
        tasks::run(lines.div_ceil(per), 2 * lines * n, |t| {
            let (from, to) = (from, to);
            let last = ((t + 1) * per).min(lines);
            let mut line = t * per;
            // SAFETY: each line is one task's; layouts stay inside their arrays.
            unsafe {
                while plain && line + SIDE <= last {
                    let at: [(isize, usize); SIDE] = std::array::from_fn(|k| all.begin(line + k));
                    let from = at.map(|(a, _)| from.get().offset(a).cast_const());
                    side_by_side(from, at.map(|(_, b)| to.get().add(b)), n, [op.start; SIDE], op);
                    line += SIDE;
                }
                for line in line..last {
                    let (a, b) = all.begin(line);
                    run(from.get().offset(a), step, to.get().add(b), inner, n, op.start, op);
                }
            }
        })
    }
}

/// Lines of columns: what lies at the next place of the axis joins all columns at once.
fn columns<T: Elem>(
    from: Shared<T>,
    to: Shared<T>,
    all: &Lines,
    outer: usize,
    op: Op<T, impl Fn(T, T) -> T + Sync + Copy>,
) -> Result<()> {
    let (n, inner, step) = (all.n, all.inner, all.strides[all.axis]);
    let tiles = inner.div_ceil(COLUMNS);
    tasks::run(outer * tiles, outer * n * inner, |t| {
        let (from, to) = (from, to);
        let first = t % tiles * COLUMNS;
        let width = COLUMNS.min(inner - first);
        let (a, b) = all.begin(t / tiles * inner + first);
        // SAFETY: each column is one task's; layouts stay inside their arrays.
        unsafe {
            let (from, to) = (from.get().offset(a).cast_const(), to.get().add(b));
            copy(from, to, width);
            for i in 1..n {
                let line = std::slice::from_raw_parts(from.offset(i as isize * step), width);
                let above = std::slice::from_raw_parts(to.add((i - 1) * inner), width);
                let here = std::slice::from_raw_parts_mut(to.add(i * inner), width);
                for ((here, above), x) in here.iter_mut().zip(above).zip(line) {
                    *here = (op.two)(*above, *x);
                }
            }
        }
    })
}

/// One long line.
fn long<T: Elem>(from: Shared<T>, to: Shared<T>, n: usize, op: Op<T, impl Fn(T, T) -> T + Sync + Copy>) -> Result<()> {
    let runs = n.div_ceil(RUN);
    // What all runs before make, with the group's own runs to come.
    let mut before = op.start;
    let mut totals = vec![op.start; GROUP * TASK];
    // One thread needs no groups larger than what its own caches hold.
    let tasks_of_group = if tasks::threads() > 1 { GROUP } else { 1 };
    for first in (0..runs).step_by(tasks_of_group * TASK) {
        let count = runs.min(first + tasks_of_group * TASK) - first;
        let pieces = count.div_ceil(TASK);
        let shared = Shared(totals.as_mut_ptr());
        let some = |t: usize| (t * TASK..((t + 1) * TASK).min(count)).step_by(SIDE);
        let length = |r: usize| RUN.min(n - (first + r) * RUN);
        tasks::run(pieces, count * RUN / 2, |t| {
            let (from, shared) = (from, shared);
            for r in some(t) {
                // SAFETY: each run is one task's.
                unsafe {
                    let at = |r: usize| from.get().add((first + r) * RUN).cast_const();
                    let totals = shared.get().add(r);
                    if r + SIDE <= count && length(r + SIDE - 1) == RUN {
                        let all = totals_side_by_side(std::array::from_fn(|k| at(r + k)), op);
                        totals.cast::<[T; SIDE]>().write(all);
                    } else {
                        for k in 0..SIDE.min(count - r) {
                            let run = std::slice::from_raw_parts(at(r + k), length(r + k));
                            totals.add(k).write(run.iter().fold(op.start, |a, &x| (op.two)(a, x)));
                        }
                    }
                }
            }
        })?;
        for total in &mut totals[..count] {
            let here = *total;
            *total = before;
            before = (op.two)(before, here);
        }
        tasks::run(pieces, count * RUN, |t| {
            let (from, to, shared) = (from, to, shared);
            for r in some(t) {
                // SAFETY: as above.
                unsafe {
                    let at = |r: usize| from.get().add((first + r) * RUN).cast_const();
                    let into = |r: usize| to.get().add((first + r) * RUN);
                    let before = shared.get().add(r);
                    if r + SIDE <= count && length(r + SIDE - 1) == RUN {
                        let (from, to) = (std::array::from_fn(|k| at(r + k)), std::array::from_fn(|k| into(r + k)));
                        side_by_side(from, to, RUN, before.cast::<[T; SIDE]>().read(), op);
                    } else {
                        for k in 0..SIDE.min(count - r) {
                            run(at(r + k), 1, into(r + k), 1, length(r + k), before.add(k).read(), op);
                        }
                    }
                }
            }
        })?;
    }
    Ok(())
}

/// Eight running folds of n elements each.
///
/// # Safety
/// Every pointer holds n elements; outputs do not overlap.
#[inline(always)]
unsafe fn side_by_side<T: Copy>(
    from: [*const T; SIDE],
    to: [*mut T; SIDE],
    n: usize,
    mut total: [T; SIDE],
    op: Op<T, impl Fn(T, T) -> T>,
) {
    for i in 0..n {
        for k in 0..SIDE {
            // SAFETY: the caller's.
            unsafe {
                total[k] = (op.two)(total[k], *from[k].add(i));
                *to[k].add(i) = total[k];
            }
        }
    }
}

/// What eight runs make, each in order.
///
/// # Safety
/// Every pointer holds a run.
#[inline(always)]
unsafe fn totals_side_by_side<T: Copy>(from: [*const T; SIDE], op: Op<T, impl Fn(T, T) -> T>) -> [T; SIDE] {
    let mut total = [op.start; SIDE];
    for i in 0..RUN {
        for k in 0..SIDE {
            // SAFETY: the caller's.
            total[k] = (op.two)(total[k], unsafe { *from[k].add(i) });
        }
    }
    total
}

/// # Safety
/// `n` elements from each pointer by its step.
unsafe fn run<T: Copy>(
    from: *const T,
    step: isize,
    to: *mut T,
    stride: usize,
    n: usize,
    mut total: T,
    op: Op<T, impl Fn(T, T) -> T>,
) {
    for i in 0..n {
        // SAFETY: the caller's.
        unsafe {
            total = (op.two)(total, *from.offset(i as isize * step));
            *to.add(i * stride) = total;
        }
    }
}

impl Program for Scan {
    fn launch(&self, memory: &Memory) -> Result<()> {
        macro_rules! float {
            ($t:ty) => {
                match self.fold {
                    // Not 0: a sum that begins with -0 is -0.
                    Fold::Sum => self.typed::<$t>(memory, -0.0, |a, b| a + b),
                    Fold::Prod => self.typed::<$t>(memory, 1.0, |a, b| a * b),
                    Fold::Max => {
                        self.typed::<$t>(memory, <$t>::NEG_INFINITY, |a, b| if a >= b || a.is_nan() { a } else { b })
                    }
                    _ => self.typed::<$t>(memory, <$t>::INFINITY, |a, b| if a <= b || a.is_nan() { a } else { b }),
                }
            };
        }
        match self.input.first().map(|i| i.dtype) {
            Some(DType::F64) => float!(f64),
            Some(DType::F32) => float!(f32),
            Some(DType::I64) => match self.fold {
                Fold::Sum => self.typed::<i64>(memory, 0, i64::wrapping_add),
                Fold::Prod => self.typed::<i64>(memory, 1, i64::wrapping_mul),
                Fold::Max => self.typed::<i64>(memory, i64::MIN, i64::max),
                _ => self.typed::<i64>(memory, i64::MAX, i64::min),
            },
            _ => Err(Fault::new("internal: no scan for this dtype")),
        }
    }
}
