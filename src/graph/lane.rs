//! Lanes: one elementwise formula over a block of elements, for every CPU.
//!
//! In: a formula as a zero-sized type. Out: functions over raw blocks that the compiler vectorises, one per CPU path,
//! chosen once at run time.
//!
//! A lane loads a chunk into an array, computes it, stores it. That is what makes `out` free to be one of the inputs:
//! a plain loop over three slices is guarded by an overlap check that fails in place and falls into scalar code
//! (3.3 times slower, measured). The formulas are inlined into functions with the wider instruction sets enabled.
//!
//! TRIED: these chunks compiled for AVX-512 (`m * m` over 10M f64 took 46 ms where AVX2 takes 6: the arrays go through
//! the stack element by element). The elementary functions, which loop over a chunk, do gain from it and have it.

use super::prim::{AroundLane, Lane, Operands};
use crate::base::DType;
use crate::base::math::{Binary, Isa, Unary, kernel1, kernel1_around, kernel2};

/// Elements per chunk: two AVX-512 or four AVX2 registers of f64.
const W: usize = 16;

/// A formula of one operand.
pub trait Map1<A, R> {
    fn at(a: A) -> R;
}
/// A formula of two operands.
pub trait Map2<A, B, R> {
    fn at(a: A, b: B) -> R;
}
/// A formula of three operands.
pub trait Map3<A, B, C, R> {
    fn at(a: A, b: B, c: C) -> R;
}

/// Reads chunk `i` of an operand.
#[inline(always)]
unsafe fn chunk<T: Copy>(p: *const T, i: usize) -> [T; W] {
    // SAFETY: the caller guarantees `W` elements from `i * W`.
    unsafe { p.add(i * W).cast::<[T; W]>().read_unaligned() }
}

#[inline(always)]
unsafe fn run1<A: Copy, R: Copy, F: Map1<A, R>>(ins: *const *const u8, out: *mut u8, n: usize) {
    // SAFETY: the lane's contract: one operand and the output hold n elements.
    unsafe {
        let (a, out) = ((*ins).cast::<A>(), out.cast::<R>());
        for i in 0..n / W {
            let x = chunk(a, i);
            let y: [R; W] = std::array::from_fn(|k| F::at(x[k]));
            out.add(i * W).cast::<[R; W]>().write_unaligned(y);
        }
        for i in n / W * W..n {
            *out.add(i) = F::at(*a.add(i));
        }
    }
}

#[inline(always)]
unsafe fn run2<A: Copy, B: Copy, R: Copy, F: Map2<A, B, R>, const SA: bool, const SB: bool>(
    ins: *const *const u8,
    out: *mut u8,
    n: usize,
) {
    // SAFETY: the lane's contract, operands marked single hold one element.
    unsafe {
        let (a, b, out) = ((*ins).cast::<A>(), (*ins.add(1)).cast::<B>(), out.cast::<R>());
        if n == 0 {
            return;
        }
        // Single numbers are read once, before anything is written: the output may lie over them.
        let (first, last) = (*a, *b);
        for i in 0..n / W {
            let x = if SA { [first; W] } else { chunk(a, i) };
            let z = if SB { [last; W] } else { chunk(b, i) };
            let y: [R; W] = std::array::from_fn(|k| F::at(x[k], z[k]));
            out.add(i * W).cast::<[R; W]>().write_unaligned(y);
        }
        for i in n / W * W..n {
            let x = if SA { first } else { *a.add(i) };
            let z = if SB { last } else { *b.add(i) };
            *out.add(i) = F::at(x, z);
        }
    }
}

#[inline(always)]
unsafe fn run3<A: Copy, B: Copy, C: Copy, R: Copy, F: Map3<A, B, C, R>>(ins: *const *const u8, out: *mut u8, n: usize) {
    // SAFETY: the lane's contract.
    unsafe {
        let (a, b, c) = ((*ins).cast::<A>(), (*ins.add(1)).cast::<B>(), (*ins.add(2)).cast::<C>());
        let out = out.cast::<R>();
        for i in 0..n / W {
            let (x, z, w) = (chunk(a, i), chunk(b, i), chunk(c, i));
            let y: [R; W] = std::array::from_fn(|k| F::at(x[k], z[k], w[k]));
            out.add(i * W).cast::<[R; W]>().write_unaligned(y);
        }
        for i in n / W * W..n {
            *out.add(i) = F::at(*a.add(i), *b.add(i), *c.add(i));
        }
    }
}

/// Gives a generic lane one function per CPU path.
macro_rules! paths {
    ($plain:ident $avx2:ident = $run:ident <$($g:ident),+> $(const $c:ident)* : $($bound:tt)+) => {
        unsafe fn $plain<$($g: Copy,)+ F: $($bound)+, $(const $c: bool),*>(ins: *const *const u8, out: *mut u8, n: usize) {
            // SAFETY: passed on.
            unsafe { $run::<$($g,)+ F, $($c),*>(ins, out, n) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn $avx2<$($g: Copy,)+ F: $($bound)+, $(const $c: bool),*>(ins: *const *const u8, out: *mut u8, n: usize) {
            // SAFETY: passed on; only chosen where the CPU has the features.
            unsafe { $run::<$($g,)+ F, $($c),*>(ins, out, n) }
        }
    };
}
paths!(plain1 avx2_1 = run1<A, R>: Map1<A, R>);
paths!(plain2 avx2_2 = run2<A, B, R> const SA const SB: Map2<A, B, R>);
paths!(plain3 avx2_3 = run3<A, B, C, R>: Map3<A, B, C, R>);

macro_rules! pick {
    ($plain:ident $avx2:ident <$($t:tt),+>) => {
        match Isa::chosen() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 => $avx2::<$($t),+>,
            _ => $plain::<$($t),+>,
        }
    };
}

/// The lane of a one-operand formula.
pub fn lane1<A: Copy, R: Copy, F: Map1<A, R>>() -> Lane {
    pick!(plain1 avx2_1 <A, R, F>)
}

/// The lane of a two-operand formula for a shape of operands.
pub fn lane2<A: Copy, B: Copy, R: Copy, F: Map2<A, B, R>>(operands: Operands) -> Lane {
    match operands {
        Operands::Vectors => pick!(plain2 avx2_2 <A, B, R, F, false, false>),
        Operands::LastScalar => pick!(plain2 avx2_2 <A, B, R, F, false, true>),
        Operands::FirstScalar => pick!(plain2 avx2_2 <A, B, R, F, true, false>),
    }
}

/// The lane of a three-operand formula.
pub fn lane3<A: Copy, B: Copy, C: Copy, R: Copy, F: Map3<A, B, C, R>>() -> Lane {
    pick!(plain3 avx2_3 <A, B, C, R, F>)
}

/// The lane of an elementary function, for the float dtypes.
pub fn math1<F: Unary<f32> + Unary<f64>>(dtype: DType) -> Option<Lane> {
    match dtype {
        DType::F32 => Some(kernel1::<f32, F>(Isa::chosen())),
        DType::F64 => Some(kernel1::<f64, F>(Isa::chosen())),
        _ => None,
    }
}

/// The same with what is done around it in the same pass.
pub fn math1_around<F: Unary<f32> + Unary<f64>>(dtype: DType) -> Option<AroundLane> {
    match dtype {
        DType::F32 => Some(kernel1_around::<f32, F>(Isa::chosen())),
        DType::F64 => Some(kernel1_around::<f64, F>(Isa::chosen())),
        _ => None,
    }
}

/// The lane of an elementary function of two numbers.
pub fn math2<F: Binary<f32> + Binary<f64>>(dtype: DType, operands: Operands) -> Option<Lane> {
    let single = [operands == Operands::FirstScalar, operands == Operands::LastScalar];
    match dtype {
        DType::F32 => Some(kernel2::<f32, F>(Isa::chosen(), single)),
        DType::F64 => Some(kernel2::<f64, F>(Isa::chosen(), single)),
        _ => None,
    }
}
