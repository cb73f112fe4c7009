//! The operations of arithmetic on floats, alone, in pairs and as folds, for every CPU.
//!
//! In: operations. Out: functions over blocks that do one, or two in a row, in one pass: `a * b + c` reads three blocks and
//! writes one, where two passes would write and read the product too. In cache a pass is bound by its loads and
//! stores, so this is where chains of cheap operations spend their time.
//!
//! Nothing is contracted: each operation rounds, so results are those of the operations one by one, to the bit.
//! Operands that are one number are repeated in a vector that is read again and again (a step of 0): one function serves
//! vectors and numbers alike, at the price of a load that always hits the first-level cache.

mod about;
mod beside;
mod lanes;
mod ops;
mod product;
mod quotient;
mod short;
mod thin;
mod vector;

use crate::base::DType;
use crate::base::math::Isa;

pub use about::Pivoted;
pub use beside::{SIDES, SIDES_OF, UNASKED};
pub use lanes::LANES;
use ops::{Add, Div, Made, Max, Min, Mul, Op, Plain, Squared, Sub, Swapped};
pub use product::{ROWS, Tile};
pub use short::{Lie, Short};
pub use thin::{Dots, Weighted};
use vector::{Four, Vector};

/// Computes `n` elements from two or three operands; bit i of the mask says that operand i is one number. `out` may be an
/// operand.
pub type BasicLane = unsafe fn(ins: *const *const u8, single: u8, out: *mut u8, n: usize);

/// An operation of arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    /// The larger; a nan wins, and of equal ones the first.
    Max,
    Min,
}

/// What the second operation of a pair does with the first one's value `i` and the third operand `c`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outer {
    /// `i op c`
    Left(Arith),
    /// `c op i`
    Right(Arith),
    /// `i * i`
    Square,
}
/// A division by one number, and what is done before or after in the same pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quotient {
    Alone,
    /// What is divided is made by this; the divisor is the third operand.
    After(Arith),
    /// What is done with the quotient; the divisor is the second operand.
    Before(Outer),
}
/// Does so many turns of multiplications and additions in registers; returns how many operations that were.
pub type Burn = unsafe fn(turns: usize) -> usize;

/// Folds n elements into one.
pub type Segment = unsafe fn(from: *const u8, n: usize, out: *mut u8);
/// Folds some stretches of n elements, so many bytes apart, into elements that are `step` bytes apart.
pub type Segments = unsafe fn(from: *const u8, apart: usize, n: usize, out: *mut u8, step: usize);
/// Folds n elements into n accumulators.
pub type Line = unsafe fn(from: *const u8, n: usize, into: *mut u8);
/// Folds so many lines of n elements into n accumulators; the stride is in bytes.
pub type Lines = unsafe fn(from: *const u8, stride: isize, count: usize, n: usize, into: *mut u8);
/// What folds by one operation: a stretch into one element, `UNASKED` stretches, `SIDES` whose memory is asked for, a line, several lines.
pub struct Folding {
    pub segment: Segment,
    pub segments: Segments,
    pub asking: Segments,
    pub line: Line,
    pub lines: Lines,
}
/// Folds what n elements of two operands make into one; bit i of the mask says that operand i is one number.
pub type SegmentOf = unsafe fn(ins: [*const u8; 2], single: u8, n: usize, out: *mut u8);
/// Folds what so many lines of two operands make into n accumulators; strides are in bytes.
pub type LinesOf =
    unsafe fn(ins: [*const u8; 2], strides: [isize; 2], single: u8, count: usize, n: usize, into: *mut u8);

/// The same where the second operand is one number; asks for what lies so many bytes behind the first.
pub type AskingOf = unsafe fn(ins: [*const u8; 2], away: usize, n: usize, out: *mut u8);
/// The same of `SIDES_OF` stretches of two operands, so many bytes apart, into elements that are `step` bytes apart.
pub type SegmentsOf = unsafe fn(ins: [*const u8; 2], apart: usize, n: usize, out: *mut u8, step: usize);
/// What folds what an operation makes of two operands.
#[derive(Clone, Copy)]
pub struct FoldingOf {
    pub segment: SegmentOf,
    pub asking: AskingOf,
    pub segments: SegmentsOf,
    pub lines: LinesOf,
}

/// Sums some stretches of n elements about their pivots, so many bytes apart.
pub type Stretches = unsafe fn(from: *const u8, apart: usize, n: usize, out: *mut Pivoted);
/// Sums lines of n elements about pivots into three lines of accumulators: of elements, of distances, of their squares.
pub type LinesAbout =
    unsafe fn(from: *const u8, stride: isize, pivots: *const u8, count: usize, n: usize, into: [*mut u8; 3]);
/// What sums about a pivot: one stretch, `UNASKED` of them, `SIDES` whose memory is asked for, lines.
#[derive(Clone, Copy)]
pub struct AboutLanes {
    pub alone: Stretches,
    pub unasked: Stretches,
    pub asking: Stretches,
    pub lines: LinesAbout,
}

/// The functions of one CPU path and dtype.
macro_rules! path {
    ($module:ident, $v64:ty, $v32:ty $(, #[$feature:meta])?) => {
        mod $module {
            use super::*;
            #[allow(unused_imports)]
            #[cfg(target_arch = "x86_64")]
            use std::arch::x86_64::*;

            $(#[$feature])?
            unsafe fn alone<V: Vector, M: Made>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
                // SAFETY: passed on.
                unsafe { lanes::alone::<V, M>(ins, single, out, n) }
            }
            $(#[$feature])?
            unsafe fn pair<V: Vector, I: Op, O: Op>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
                // SAFETY: passed on.
                unsafe { lanes::pair::<V, I, O>(ins, single, out, n) }
            }
            $(#[$feature])?
            unsafe fn line<V: Vector, O: Op>(from: *const u8, n: usize, into: *mut u8) {
                // SAFETY: an accumulator is an operand and the result.
                unsafe { lanes::alone::<V, Plain<O>>([into.cast_const(), from].as_ptr(), 0, into, n) }
            }
            $(#[$feature])?
            unsafe fn segment<V: Vector, O: Op, const K: usize>(from: *const u8, n: usize, out: *mut u8) {
                // SAFETY: passed on.
                unsafe { lanes::segment::<V, O>(from, n, V::STARTS[K], out) }
            }

            $(#[$feature])?
            unsafe fn segments<V: Vector, O: Op, const K: usize, const S: usize, const ASK: bool>(
                from: *const u8,
                apart: usize,
                n: usize,
                out: *mut u8,
                step: usize,
            ) {
                // SAFETY: passed on.
                unsafe { beside::side_by_side::<V, O, S, ASK>(from, apart, n, V::STARTS[K], out, step) }
            }

            $(#[$feature])?
            unsafe fn lines<V: Vector, O: Op>(from: *const u8, stride: isize, count: usize, n: usize, into: *mut u8) {
                // SAFETY: passed on.
                unsafe { lanes::lines::<V, O>(from, stride, count, n, into) }
            }
            $(#[$feature])?
            unsafe fn segment_of<V: Vector, M: Made, O: Op, const K: usize>(
                ins: [*const u8; 2],
                single: u8,
                n: usize,
                out: *mut u8,
            ) {
                // SAFETY: passed on.
                unsafe { lanes::segment_of::<V, M, O>(ins, single, n, V::STARTS[K], out) }
            }
            $(#[$feature])?
            unsafe fn lines_of<V: Vector, M: Made, O: Op>(
                ins: [*const u8; 2],
                strides: [isize; 2],
                single: u8,
                count: usize,
                n: usize,
                into: *mut u8,
            ) {
                // SAFETY: passed on.
                unsafe { lanes::lines_of::<V, M, O>(ins, strides, single, count, n, into) }
            }

            $(#[$feature])?
            unsafe fn asking_of<V: Vector, M: Made, O: Op, const K: usize>(
                ins: [*const u8; 2],
                away: usize,
                n: usize,
                out: *mut u8,
            ) {
                // SAFETY: passed on.
                unsafe { lanes::segment_asking::<V, M, O>(ins, away, n, V::STARTS[K], out) }
            }

            $(#[$feature])?
            unsafe fn segments_of<V: Vector, M: Made, O: Op, const K: usize>(
                ins: [*const u8; 2],
                apart: usize,
                n: usize,
                out: *mut u8,
                step: usize,
            ) {
                // SAFETY: passed on.
                unsafe { beside::made_side_by_side::<V, M, O>(ins, apart, n, V::STARTS[K], out, step) }
            }

            fn folding_of<V: Vector, M: Made, O: Op, const K: usize>() -> FoldingOf {
                FoldingOf {
                    segment: segment_of::<V, M, O, K>,
                    asking: asking_of::<V, M, O, K>,
                    segments: segments_of::<V, M, O, K>,
                    lines: lines_of::<V, M, O>,
                }
            }

            fn folds_of<V: Vector, M: Made>(fold: Arith) -> Option<FoldingOf> {
                Some(match fold {
                    Arith::Add => folding_of::<V, M, Add, 0>(),
                    Arith::Max => folding_of::<V, M, Max, 2>(),
                    Arith::Min => folding_of::<V, M, Min, 3>(),
                    Arith::Sub | Arith::Mul | Arith::Div => return None,
                })
            }

            fn made_folds<V: Vector>(op: Arith, squared: bool, fold: Arith) -> Option<FoldingOf> {
                match (op, squared) {
                    (Arith::Add, false) => folds_of::<V, Plain<Add>>(fold),
                    (Arith::Sub, false) => folds_of::<V, Plain<Sub>>(fold),
                    (Arith::Mul, false) => folds_of::<V, Plain<Mul>>(fold),
                    (Arith::Sub, true) => folds_of::<V, Squared<Sub>>(fold),
                    _ => None,
                }
            }

            pub fn made_fold_lanes(op: Arith, squared: bool, fold: Arith, dtype: DType) -> Option<FoldingOf> {
                match dtype {
                    DType::F64 => made_folds::<$v64>(op, squared, fold),
                    DType::F32 => made_folds::<$v32>(op, squared, fold),
                    _ => None,
                }
            }

            $(#[$feature])?
            unsafe fn stretches<V: Vector, const S: usize, const ASK: bool>(
                from: *const u8,
                apart: usize,
                n: usize,
                out: *mut Pivoted,
            ) {
                // SAFETY: passed on.
                unsafe { about::stretches::<V, S, ASK>(from, apart, n, out) }
            }
            $(#[$feature])?
            unsafe fn lines_about<V: Vector>(
                from: *const u8,
                stride: isize,
                pivots: *const u8,
                count: usize,
                n: usize,
                into: [*mut u8; 3],
            ) {
                // SAFETY: passed on.
                unsafe { about::lines::<V>(from, stride, pivots, count, n, into) }
            }

            fn sums_about<V: Vector>() -> AboutLanes {
                AboutLanes {
                    alone: stretches::<V, 1, false>,
                    unasked: stretches::<V, UNASKED, false>,
                    asking: stretches::<V, SIDES, true>,
                    lines: lines_about::<V>,
                }
            }

            pub fn about_lanes(dtype: DType) -> Option<AboutLanes> {
                match dtype {
                    DType::F64 => Some(sums_about::<$v64>()),
                    DType::F32 => Some(sums_about::<$v32>()),
                    _ => None,
                }
            }

            $(#[$feature])?
            unsafe fn short<V: Vector, M: Made, F: Op, const K: usize>(
                ins: [*const u8; 2],
                lie: &Lie,
                folded: usize,
                n: usize,
                out: *mut u8,
            ) {
                // SAFETY: passed on.
                unsafe { super::short::short::<V, M, F>(ins, lie, folded, n, V::STARTS[K], out) }
            }

            $(#[$feature])?
            unsafe fn tile_of<V: Vector>(depth: usize, a: *const u8, b: *const u8, c: *mut u8, row: usize, adds: bool) {
                // SAFETY: passed on.
                unsafe { super::product::tile::<V>(depth, a, b, c, row, adds) }
            }

            // Of use where six rows of two vectors are what the registers hold.
            #[allow(dead_code)]
            pub fn tile(dtype: DType) -> Option<(Tile, usize)> {
                match dtype {
                    DType::F64 => Some((tile_of::<$v64>, 2 * <$v64>::N)),
                    DType::F32 => Some((tile_of::<$v32>, 2 * <$v32>::N)),
                    _ => None,
                }
            }

            $(#[$feature])?
            unsafe fn dots_of<V: Vector>(rows: usize, depth: usize, a: *const u8, row: isize, v: *const u8, out: *mut u8) {
                // SAFETY: passed on.
                unsafe { thin::dots::<V>(rows, depth, a, row, v, out) }
            }

            $(#[$feature])?
            unsafe fn weighted_of<V: Vector>(
                depth: usize,
                n: usize,
                a: *const u8,
                line: isize,
                v: *const u8,
                step: isize,
                out: *mut u8,
            ) {
                // SAFETY: passed on.
                unsafe { thin::weighted::<V>(depth, n, a, line, v, step, out) }
            }

            pub fn thin(dtype: DType) -> Option<(Dots, Weighted)> {
                match dtype {
                    DType::F64 => Some((dots_of::<$v64>, weighted_of::<$v64>)),
                    DType::F32 => Some((dots_of::<$v32>, weighted_of::<$v32>)),
                    _ => None,
                }
            }

            $(#[$feature])?
            unsafe fn burning<V: Vector>(turns: usize) -> usize {
                // SAFETY: passed on.
                unsafe { super::lanes::burn::<V>(turns) }
            }

            pub fn burn(dtype: DType) -> Option<Burn> {
                match dtype {
                    DType::F64 => Some(burning::<$v64>),
                    DType::F32 => Some(burning::<$v32>),
                    _ => None,
                }
            }

            fn shorts<V: Vector, M: Made>(fold: Arith) -> Option<Short> {
                Some(match fold {
                    Arith::Add => short::<V, M, Add, 0>,
                    Arith::Max => short::<V, M, Max, 2>,
                    Arith::Min => short::<V, M, Min, 3>,
                    Arith::Sub | Arith::Mul | Arith::Div => return None,
                })
            }

            fn made<V: Vector>(op: Arith, squared: bool, fold: Arith) -> Option<Short> {
                match (op, squared) {
                    (Arith::Add, false) => shorts::<V, Plain<Add>>(fold),
                    (Arith::Sub, false) => shorts::<V, Plain<Sub>>(fold),
                    (Arith::Mul, false) => shorts::<V, Plain<Mul>>(fold),
                    (Arith::Sub, true) => shorts::<V, Squared<Sub>>(fold),
                    _ => None,
                }
            }

            pub fn short_lane(op: Arith, squared: bool, fold: Arith, dtype: DType) -> Option<Short> {
                match dtype {
                    DType::F64 => made::<$v64>(op, squared, fold),
                    DType::F32 => made::<$v32>(op, squared, fold),
                    _ => None,
                }
            }

            fn folding_by<V: Vector, O: Op, const K: usize>() -> Folding {
                Folding {
                    segment: segment::<V, O, K>,
                    segments: segments::<V, O, K, UNASKED, false>,
                    asking: segments::<V, O, K, SIDES, true>,
                    line: line::<V, O>,
                    lines: lines::<V, O>,
                }
            }

            fn folding<V: Vector>(op: Arith) -> Option<Folding> {
                Some(match op {
                    Arith::Add => folding_by::<V, Add, 0>(),
                    Arith::Mul => folding_by::<V, Mul, 1>(),
                    Arith::Max => folding_by::<V, Max, 2>(),
                    Arith::Min => folding_by::<V, Min, 3>(),
                    Arith::Sub | Arith::Div => return None,
                })
            }

            pub fn fold_lanes(op: Arith, dtype: DType) -> Option<Folding> {
                match dtype {
                    DType::F64 => folding::<$v64>(op),
                    DType::F32 => folding::<$v32>(op),
                    _ => None,
                }
            }

            fn one<V: Vector>(op: Arith) -> BasicLane {
                match op {
                    Arith::Add => alone::<V, Plain<Add>>,
                    Arith::Sub => alone::<V, Plain<Sub>>,
                    Arith::Mul => alone::<V, Plain<Mul>>,
                    Arith::Div => alone::<V, Plain<Div>>,
                    Arith::Max => alone::<V, Plain<Max>>,
                    Arith::Min => alone::<V, Plain<Min>>,
                }
            }

            fn outer<V: Vector, I: Op>(outer: Outer) -> BasicLane {
                match outer {
                    Outer::Left(Arith::Add) | Outer::Right(Arith::Add) => pair::<V, I, Add>,
                    Outer::Left(Arith::Mul) | Outer::Right(Arith::Mul) => pair::<V, I, Mul>,
                    Outer::Left(Arith::Sub) => pair::<V, I, Sub>,
                    Outer::Right(Arith::Sub) => pair::<V, I, Swapped<Sub>>,
                    Outer::Left(Arith::Div) => pair::<V, I, Div>,
                    Outer::Right(Arith::Div) => pair::<V, I, Swapped<Div>>,
                    Outer::Left(Arith::Max) => pair::<V, I, Max>,
                    Outer::Right(Arith::Max) => pair::<V, I, Swapped<Max>>,
                    Outer::Left(Arith::Min) => pair::<V, I, Min>,
                    Outer::Right(Arith::Min) => pair::<V, I, Swapped<Min>>,
                    Outer::Square => alone::<V, Squared<I>>,
                }
            }

            fn two<V: Vector>(inner: Arith, then: Outer) -> BasicLane {
                match inner {
                    Arith::Add => outer::<V, Add>(then),
                    Arith::Sub => outer::<V, Sub>(then),
                    Arith::Mul => outer::<V, Mul>(then),
                    Arith::Div => outer::<V, Div>(then),
                    Arith::Max => outer::<V, Max>(then),
                    Arith::Min => outer::<V, Min>(then),
                }
            }

            $(#[$feature])?
            unsafe fn by_alone<V: Vector>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
                // SAFETY: passed on.
                unsafe { quotient::alone::<V>(ins, single, out, n) }
            }
            $(#[$feature])?
            unsafe fn by_squared<V: Vector>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
                // SAFETY: passed on.
                unsafe { quotient::squared::<V>(ins, single, out, n) }
            }
            $(#[$feature])?
            unsafe fn by_after<V: Vector, I: Op>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
                // SAFETY: passed on.
                unsafe { quotient::after::<V, I>(ins, single, out, n) }
            }
            $(#[$feature])?
            unsafe fn by_before<V: Vector, O: Op>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
                // SAFETY: passed on.
                unsafe { quotient::before::<V, O>(ins, single, out, n) }
            }

            fn quotients<V: Vector>(of: Quotient) -> BasicLane {
                match of {
                    Quotient::Alone => by_alone::<V>,
                    Quotient::After(Arith::Add) => by_after::<V, Add>,
                    Quotient::After(Arith::Sub) => by_after::<V, Sub>,
                    Quotient::After(Arith::Mul) => by_after::<V, Mul>,
                    Quotient::After(Arith::Div) => by_after::<V, Div>,
                    Quotient::After(Arith::Max) => by_after::<V, Max>,
                    Quotient::After(Arith::Min) => by_after::<V, Min>,
                    Quotient::Before(Outer::Left(Arith::Add) | Outer::Right(Arith::Add)) => by_before::<V, Add>,
                    Quotient::Before(Outer::Left(Arith::Mul) | Outer::Right(Arith::Mul)) => by_before::<V, Mul>,
                    Quotient::Before(Outer::Left(Arith::Sub)) => by_before::<V, Sub>,
                    Quotient::Before(Outer::Right(Arith::Sub)) => by_before::<V, Swapped<Sub>>,
                    Quotient::Before(Outer::Left(Arith::Div)) => by_before::<V, Div>,
                    Quotient::Before(Outer::Right(Arith::Div)) => by_before::<V, Swapped<Div>>,
                    Quotient::Before(Outer::Left(Arith::Max)) => by_before::<V, Max>,
                    Quotient::Before(Outer::Right(Arith::Max)) => by_before::<V, Swapped<Max>>,
                    Quotient::Before(Outer::Left(Arith::Min)) => by_before::<V, Min>,
                    Quotient::Before(Outer::Right(Arith::Min)) => by_before::<V, Swapped<Min>>,
                    Quotient::Before(Outer::Square) => by_squared::<V>,
                }
            }

            // On x86 the baseline has no multiply-add to do it with; whether it pays on ARM is not measured.
            #[allow(dead_code)]
            pub fn quotient_lane(of: Quotient, dtype: DType) -> Option<BasicLane> {
                match dtype {
                    DType::F64 => Some(quotients::<$v64>(of)),
                    DType::F32 => Some(quotients::<$v32>(of)),
                    _ => None,
                }
            }

            pub fn lane(op: Arith, dtype: DType) -> Option<BasicLane> {
                match dtype {
                    DType::F64 => Some(one::<$v64>(op)),
                    DType::F32 => Some(one::<$v32>(op)),
                    _ => None,
                }
            }

            pub fn pair_lane(inner: Arith, then: Outer, dtype: DType) -> Option<BasicLane> {
                match dtype {
                    DType::F64 => Some(two::<$v64>(inner, then)),
                    DType::F32 => Some(two::<$v32>(inner, then)),
                    _ => None,
                }
            }
        }
    };
}
path!(baseline, Four<f64>, Four<f32>);
#[cfg(target_arch = "x86_64")]
path!(avx2, __m256d, __m256, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
path!(avx512, __m512d, __m512, #[target_feature(enable = "avx512f")]);

/// One operation, for the dtypes that have a lane here.
pub fn lane(op: Arith, dtype: DType) -> Option<BasicLane> {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::lane(op, dtype),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::lane(op, dtype),
        _ => baseline::lane(op, dtype),
    }
}

/// Two operations in one pass.
pub fn pair_lane(inner: Arith, then: Outer, dtype: DType) -> Option<BasicLane> {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::pair_lane(inner, then, dtype),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::pair_lane(inner, then, dtype),
        _ => baseline::pair_lane(inner, then, dtype),
    }
}

/// As `lane` and `pair_lane`, with the same bits, for a division by one number that `divides_by` is true of; where the machine has a
/// multiply-add that makes it faster.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
pub fn quotient_lane(of: Quotient, dtype: DType) -> Option<BasicLane> {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::quotient_lane(of, dtype),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::quotient_lane(of, dtype),
        _ => None,
    }
}

/// Whether quotients by this number can be had from its reciprocal.
///
/// # Safety
/// One element is there.
pub unsafe fn divides_by(at: *const u8, dtype: DType) -> bool {
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            DType::F64 => quotient::suits::<f64>(at),
            DType::F32 => quotient::suits::<f32>(at),
            _ => false,
        }
    }
}

/// Folds of floats by an operation: of a stretch into one element, of a line into accumulators, and of several lines.
pub fn fold_lanes(op: Arith, dtype: DType) -> Option<Folding> {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::fold_lanes(op, dtype),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::fold_lanes(op, dtype),
        _ => baseline::fold_lanes(op, dtype),
    }
}

/// Short folds of what an operation makes of two operands, or of its square.
pub fn short_lane(op: Arith, squared: bool, fold: Arith, dtype: DType) -> Option<Short> {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::short_lane(op, squared, fold, dtype),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::short_lane(op, squared, fold, dtype),
        _ => baseline::short_lane(op, squared, fold, dtype),
    }
}

/// Folds of what an operation makes of two operands, or of its square: of a stretch, and of lines.
pub fn made_fold_lanes(op: Arith, squared: bool, fold: Arith, dtype: DType) -> Option<FoldingOf> {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::made_fold_lanes(op, squared, fold, dtype),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::made_fold_lanes(op, squared, fold, dtype),
        _ => baseline::made_fold_lanes(op, squared, fold, dtype),
    }
}

/// Sums about a pivot.
pub fn about_lanes(dtype: DType) -> Option<AboutLanes> {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::about_lanes(dtype),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::about_lanes(dtype),
        _ => baseline::about_lanes(dtype),
    }
}

/// A tile of a product, and its columns, for the CPU path whose registers it is made for.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
pub fn tile(dtype: DType) -> Option<(Tile, usize)> {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::tile(dtype),
        _ => None,
    }
}

/// What multiplies a matrix by a vector: sums along rows, and sums of lines.
pub fn thin(dtype: DType) -> Option<(Dots, Weighted)> {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::thin(dtype),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::thin(dtype),
        _ => baseline::thin(dtype),
    }
}

/// What measures the machine's peak.
pub fn burn(dtype: DType) -> Option<Burn> {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::burn(dtype),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::burn(dtype),
        _ => baseline::burn(dtype),
    }
}
