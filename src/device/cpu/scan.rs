//! Scan kernels: running folds along one axis.
//!
//! | case | loop |
//! | --- | --- |
//! | many lines | each line alone, lines shared by the cores |
//! | few long lines | chunks folded, chunk totals scanned, chunks scanned from their start: two reads, one write |
//!
//! Chunks depend on the shape only, so the result does not depend on the number of threads.

use super::tasks::{self, Shared};
use super::{Whole, loads};
use crate::base::{DType, Elem, Fault, Result, Shape};
use crate::device::{Memory, Program};
use crate::graph::Fold;
use crate::plan::Kernel;

/// Lines from which each is one piece of work.
const MANY: usize = 16;
/// Elements per chunk of a long line.
const CHUNK: usize = 1 << 16;

pub struct Scan {
    input: Vec<Whole>,
    slot: usize,
    fold: Fold,
    axis: usize,
    shape: Shape,
}

impl Scan {
    pub fn new(kernel: &Kernel, axis: usize, fold: Fold, slot: usize) -> Scan {
        Scan { input: loads(kernel), slot, fold, axis, shape: kernel.domain.clone() }
    }

    fn typed<T: Elem>(&self, memory: &Memory, two: impl Fn(T, T) -> T + Sync + Copy) -> Result<()> {
        let Some(input) = self.input.first() else { return Err(Fault::new("internal: a scan has one input")) };
        let n = self.shape[self.axis];
        let inner: usize = self.shape[self.axis + 1..].iter().product();
        let outer: usize = self.shape[..self.axis].iter().product();
        let lines = outer * inner;
        if n == 0 || lines == 0 {
            return Ok(());
        }
        let from = Shared(input.base(memory).cast::<T>());
        let to = Shared(memory.pointer(self.slot, size_of::<T>()).cast::<T>());
        let strides = &input.layout.strides;
        // Where a line begins, in the input and in the output.
        let begin = |line: usize| {
            let (mut at, mut rest) = (0isize, line);
            for k in (0..self.shape.rank()).rev().filter(|&k| k != self.axis) {
                at += (rest % self.shape[k]) as isize * strides[k];
                rest /= self.shape[k];
            }
            (at, line / inner * n * inner + line % inner)
        };
        let step = strides[self.axis];
        let chunks = n.div_ceil(CHUNK);
        // Not a question of threads: how a line is cut shows in the last bit of a sum.
        if chunks == 1 || lines >= MANY {
            let per = (CHUNK / n).max(1);
            return tasks::run(lines.div_ceil(per), lines * n, |t| {
                let (from, to) = (from, to);
                for line in t * per..((t + 1) * per).min(lines) {
                    let (a, b) = begin(line);
                    // SAFETY: each line is one task's; layouts stay inside their arrays.
                    unsafe { run(from.get().offset(a), step, to.get().add(b), inner, n, None, two) };
                }
            });
        }
        for line in 0..lines {
            let (a, b) = begin(line);
            let mut totals = vec![None; chunks];
            let shared = Shared(totals.as_mut_ptr());
            tasks::run(chunks, n, |c| {
                let (from, shared) = (from, shared);
                let (lo, hi) = (c * CHUNK, ((c + 1) * CHUNK).min(n));
                // SAFETY: each task writes its own total.
                unsafe {
                    let mut total = *from.get().offset(a + lo as isize * step);
                    for i in lo + 1..hi {
                        total = two(total, *from.get().offset(a + i as isize * step));
                    }
                    *shared.get().add(c) = Some(total);
                }
            })?;
            let mut before: Option<T> = None;
            for total in &mut totals {
                let here = *total;
                *total = before;
                before = match (before, here) {
                    (Some(b), Some(h)) => Some(two(b, h)),
                    (b, h) => b.or(h),
                };
            }
            tasks::run(chunks, n, |c| {
                let (from, to) = (from, to);
                let (lo, hi) = (c * CHUNK, ((c + 1) * CHUNK).min(n));
                // SAFETY: each chunk is one task's.
                unsafe {
                    run(
                        from.get().offset(a + lo as isize * step),
                        step,
                        to.get().add(b + lo * inner),
                        inner,
                        hi - lo,
                        totals[c],
                        two,
                    )
                };
            })?;
        }
        Ok(())
    }
}

/// # Safety
/// `n` elements from each pointer by its step.
unsafe fn run<T: Copy>(
    from: *const T,
    step: isize,
    to: *mut T,
    stride: usize,
    n: usize,
    before: Option<T>,
    two: impl Fn(T, T) -> T,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut total = match before {
            Some(b) => two(b, *from),
            None => *from,
        };
        *to = total;
        for i in 1..n {
            total = two(total, *from.offset(i as isize * step));
            *to.add(i * stride) = total;
        }
    }
}

impl Program for Scan {
    fn launch(&self, memory: &Memory) -> Result<()> {
        macro_rules! float {
            ($t:ty) => {
                match self.fold {
                    Fold::Sum => self.typed::<$t>(memory, |a, b| a + b),
                    Fold::Prod => self.typed::<$t>(memory, |a, b| a * b),
                    Fold::Max => self.typed::<$t>(memory, |a, b| if a >= b || a.is_nan() { a } else { b }),
                    _ => self.typed::<$t>(memory, |a, b| if a <= b || a.is_nan() { a } else { b }),
                }
            };
        }
        match self.input.first().map(|i| i.dtype) {
            Some(DType::F64) => float!(f64),
            Some(DType::F32) => float!(f32),
            Some(DType::I64) => match self.fold {
                Fold::Sum => self.typed::<i64>(memory, i64::wrapping_add),
                Fold::Prod => self.typed::<i64>(memory, i64::wrapping_mul),
                Fold::Max => self.typed::<i64>(memory, i64::max),
                _ => self.typed::<i64>(memory, i64::min),
            },
            _ => Err(Fault::new("internal: no scan for this dtype")),
        }
    }
}
