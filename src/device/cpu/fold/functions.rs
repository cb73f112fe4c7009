//! What a fold does with elements: a stretch into one value, a line into accumulators.
//!
//! In: the fold and the dtype. Out: functions for this CPU; by vectors for the arithmetic of floats, by the compiler's
//! loops for the rest.

use crate::base::math::Isa;
use crate::base::{DType, ahead};
use crate::device::cpu::simd::{self, Arith, SIDES, UNASKED};
use crate::device::cpu::step::Made;
use crate::graph::Fold;
use crate::plan::Reg;

/// Works on n elements from one pointer into another.
type Stretch = unsafe fn(*const u8, usize, *mut u8);

/// A fold over one element type.
#[derive(Clone, Copy)]
pub struct Functions {
    pub size: usize,
    /// Writes the value of folding nothing.
    pub(super) start: unsafe fn(*mut u8),
    /// Folds n elements into one.
    pub segment: Stretch,
    /// The same of several stretches side by side, and how many: so memory is read fastest.
    pub segments: Option<(usize, simd::Segments)>,
    /// Folds n elements into n accumulators.
    pub(super) line: Stretch,
    /// Folds several lines at once, with the same bits.
    pub(super) lines: Option<simd::Lines>,
}

/// One fold over one type: start and combination.
trait Combine<T> {
    const START: T;
    fn two(a: T, b: T) -> T;
}

struct Add;
struct Mul;
struct Most;
struct Least;
struct And;
struct Or;

macro_rules! folds {
    ($($name:ident<$t:ty> $start:expr, |$a:ident, $b:ident| $two:expr;)+) => { $(
        impl Combine<$t> for $name {
            const START: $t = $start;
            #[inline(always)]
            fn two($a: $t, $b: $t) -> $t { $two }
        }
    )+ };
}
folds! {
    Add<f64> 0.0, |a, b| a + b;
    Add<f32> 0.0, |a, b| a + b;
    Add<i64> 0, |a, b| a.wrapping_add(b);
    Mul<f64> 1.0, |a, b| a * b;
    Mul<f32> 1.0, |a, b| a * b;
    Mul<i64> 1, |a, b| a.wrapping_mul(b);
    Most<f64> f64::NEG_INFINITY, |a, b| if a >= b || a.is_nan() { a } else { b };
    Most<f32> f32::NEG_INFINITY, |a, b| if a >= b || a.is_nan() { a } else { b };
    Most<i64> i64::MIN, |a, b| if a > b { a } else { b };
    Most<bool> false, |a, b| a | b;
    Least<f64> f64::INFINITY, |a, b| if a <= b || a.is_nan() { a } else { b };
    Least<f32> f32::INFINITY, |a, b| if a <= b || a.is_nan() { a } else { b };
    Least<i64> i64::MAX, |a, b| if a < b { a } else { b };
    Least<bool> true, |a, b| a & b;
    And<bool> true, |a, b| a & b;
    Or<bool> false, |a, b| a | b;
}

/// Lanes of a segment: enough independent chains to hide the latency of an addition.
const W: usize = simd::LANES;

#[inline(always)]
unsafe fn segment_body<T: Copy, F: Combine<T>>(from: *const u8, n: usize, out: *mut u8) {
    let from = from.cast::<T>();
    let mut lanes = [F::START; W];
    // SAFETY: n elements from `from`; one at `out`.
    unsafe {
        for i in 0..n / W {
            let x = from.add(i * W).cast::<[T; W]>().read_unaligned();
            for k in 0..W {
                lanes[k] = F::two(lanes[k], x[k]);
            }
        }
        for (k, i) in (n / W * W..n).enumerate() {
            lanes[k] = F::two(lanes[k], *from.add(i));
        }
        let mut half = W / 2;
        while half > 0 {
            for k in 0..half {
                lanes[k] = F::two(lanes[k], lanes[k + half]);
            }
            half /= 2;
        }
        out.cast::<T>().write_unaligned(lanes[0]);
    }
}

#[inline(always)]
unsafe fn line_body<T: Copy, F: Combine<T>>(from: *const u8, n: usize, into: *mut u8) {
    let (from, into) = (from.cast::<T>(), into.cast::<T>());
    // SAFETY: n elements each.
    unsafe {
        for i in 0..n / 16 {
            let x = from.add(i * 16).cast::<[T; 16]>().read_unaligned();
            let a = into.add(i * 16).cast::<[T; 16]>().read_unaligned();
            let y: [T; 16] = std::array::from_fn(|k| F::two(a[k], x[k]));
            into.add(i * 16).cast::<[T; 16]>().write_unaligned(y);
        }
        for i in n / 16 * 16..n {
            into.add(i).write_unaligned(F::two(into.add(i).read_unaligned(), from.add(i).read_unaligned()));
        }
    }
}

unsafe fn segment<T: Copy, F: Combine<T>>(from: *const u8, n: usize, out: *mut u8) {
    // SAFETY: passed on.
    unsafe { segment_body::<T, F>(from, n, out) }
}
unsafe fn line<T: Copy, F: Combine<T>>(from: *const u8, n: usize, into: *mut u8) {
    // SAFETY: passed on.
    unsafe { line_body::<T, F>(from, n, into) }
}
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn segment_avx2<T: Copy, F: Combine<T>>(from: *const u8, n: usize, out: *mut u8) {
    // SAFETY: passed on.
    unsafe { segment_body::<T, F>(from, n, out) }
}
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn line_avx2<T: Copy, F: Combine<T>>(from: *const u8, n: usize, into: *mut u8) {
    // SAFETY: passed on.
    unsafe { line_body::<T, F>(from, n, into) }
}
unsafe fn start<T: Copy, F: Combine<T>>(out: *mut u8) {
    // SAFETY: one element.
    unsafe { out.cast::<T>().write_unaligned(F::START) }
}

/// Of ints and bools, which may be folded in any order: as many side by side as the compiler keeps in registers (with `W` of 8 bytes it
/// goes through memory: 0.4 ns an int, 0.1 so).
#[inline(always)]
unsafe fn exact_body<T: Copy, F: Combine<T>, const N: usize>(from: *const u8, n: usize, out: *mut u8) {
    let from = from.cast::<T>();
    let mut lanes = [F::START; N];
    // SAFETY: n elements from `from`; one at `out`.
    unsafe {
        for i in 0..n / N {
            for (k, lane) in lanes.iter_mut().enumerate() {
                *lane = F::two(*lane, from.add(i * N + k).read_unaligned());
            }
        }
        let rest = (n / N * N..n).fold(F::START, |a, i| F::two(a, from.add(i).read_unaligned()));
        out.cast::<T>().write_unaligned(lanes.into_iter().fold(rest, F::two));
    }
}

unsafe fn exact<T: Copy, F: Combine<T>, const N: usize>(from: *const u8, n: usize, out: *mut u8) {
    // SAFETY: passed on.
    unsafe { exact_body::<T, F, N>(from, n, out) }
}
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn exact_avx2<T: Copy, F: Combine<T>, const N: usize>(from: *const u8, n: usize, out: *mut u8) {
    // SAFETY: passed on.
    unsafe { exact_body::<T, F, N>(from, n, out) }
}

/// Of ints and bools.
fn any_order<T: Copy, F: Combine<T>, const N: usize>() -> Functions {
    let segment: Stretch = match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => exact_avx2::<T, F, N>,
        _ => exact::<T, F, N>,
    };
    Functions { segment, ..of::<T, F>() }
}

fn of<T: Copy, F: Combine<T>>() -> Functions {
    let (segment, line): (Stretch, Stretch) = match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => (segment_avx2::<T, F>, line_avx2::<T, F>),
        _ => (segment::<T, F>, line::<T, F>),
    };
    Functions { size: size_of::<T>(), start: start::<T, F>, segment, segments: None, line, lines: None }
}

pub fn functions(fold: Fold, dtype: DType) -> Option<Functions> {
    let by_vectors = match fold {
        Fold::Sum => Some(Arith::Add),
        Fold::Prod => Some(Arith::Mul),
        Fold::Max | Fold::ArgMax => Some(Arith::Max),
        Fold::Min | Fold::ArgMin => Some(Arith::Min),
        _ => None,
    };
    let mut out = plain_functions(fold, dtype)?;
    if let Some(by) = by_vectors.and_then(|op| simd::fold_lanes(op, dtype)) {
        out.segment = by.segment;
        out.segments = Some(if ahead::reads() { (SIDES, by.asking) } else { (UNASKED, by.segments) });
        (out.line, out.lines) = (by.line, Some(by.lines));
    }
    Some(out)
}

/// Folds of what a step makes of two operands, which need no block between.
#[derive(Clone, Copy)]
pub struct MadeFold {
    pub args: [Reg; 2],
    /// Folds a stretch.
    pub segment: simd::SegmentOf,
    /// The same where the second is one number, asking for memory, where that is read faster so.
    pub asking: Option<simd::AskingOf>,
    /// Folds `SIDES_OF` stretches, where memory is read faster so.
    pub(super) segments: Option<simd::SegmentsOf>,
    /// Folds lines.
    pub lines: simd::LinesOf,
    /// It sums squared differences.
    pub squares: bool,
    /// It sums differences: the first operand less the second.
    pub differences: bool,
}

/// The folds of what a step makes, where there are such.
pub fn made_fold(fold: Fold, made: &Made, dtype: DType) -> Option<MadeFold> {
    let by = match fold {
        Fold::Sum => Arith::Add,
        Fold::Max => Arith::Max,
        Fold::Min => Arith::Min,
        _ => return None,
    };
    let simd::FoldingOf { segment, asking, segments, lines } = simd::made_fold_lanes(made.op, made.squared, by, dtype)?;
    let (asking, segments) = ahead::reads().then_some((asking, segments)).unzip();
    let sums = by == Arith::Add && made.op == Arith::Sub;
    let (squares, differences) = (sums && made.squared, sums && !made.squared);
    Some(MadeFold { args: made.args, segment, asking, segments, lines, squares, differences })
}

fn plain_functions(fold: Fold, dtype: DType) -> Option<Functions> {
    Some(match (fold, dtype) {
        (Fold::Sum, DType::F64) => of::<f64, Add>(),
        (Fold::Sum, DType::F32) => of::<f32, Add>(),
        (Fold::Sum, DType::I64) => any_order::<i64, Add, 16>(),
        (Fold::Prod, DType::F64) => of::<f64, Mul>(),
        (Fold::Prod, DType::F32) => of::<f32, Mul>(),
        (Fold::Prod, DType::I64) => any_order::<i64, Mul, 16>(),
        // Positions are looked for where the extreme value is.
        (Fold::Max | Fold::ArgMax, DType::F64) => of::<f64, Most>(),
        (Fold::Max | Fold::ArgMax, DType::F32) => of::<f32, Most>(),
        (Fold::Max | Fold::ArgMax, DType::I64) => any_order::<i64, Most, 16>(),
        (Fold::Max | Fold::ArgMax, DType::Bool) => any_order::<bool, Most, 64>(),
        (Fold::Min | Fold::ArgMin, DType::F64) => of::<f64, Least>(),
        (Fold::Min | Fold::ArgMin, DType::F32) => of::<f32, Least>(),
        (Fold::Min | Fold::ArgMin, DType::I64) => any_order::<i64, Least, 16>(),
        (Fold::Min | Fold::ArgMin, DType::Bool) => any_order::<bool, Least, 64>(),
        (Fold::All, DType::Bool) => any_order::<bool, And, 64>(),
        (Fold::Any, DType::Bool) => any_order::<bool, Or, 64>(),
        _ => return None,
    })
}
