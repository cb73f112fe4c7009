//! The arithmetic under the functions: multiply-add where the machine has it, and sums and products with their error.
//!
//! In: scalars. Out: scalars. The idea: every helper is branch-free and inlined, so that a loop around it becomes vector
//! code of whatever width the enclosing function is compiled for.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A float: f64, or f32 where it suffices.
pub trait Num:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    /// `2^k + 1`, with `k` half of the bits of a number: its product splits a number into halves.
    const SPLIT: Self;
    /// A whole number of as many bits: what is counted beside numbers fills vectors as they do.
    type Count: Copy + Default + PartialEq + From<bool> + From<u8> + Add<Output = Self::Count>;
    fn fused(self, b: Self, c: Self) -> Self;
}

impl Num for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const SPLIT: f64 = 134_217_729.0;
    type Count = u64;
    #[inline(always)]
    fn fused(self, b: f64, c: f64) -> f64 {
        self.mul_add(b, c)
    }
}

impl Num for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const SPLIT: f32 = 4097.0;
    type Count = u32;
    #[inline(always)]
    fn fused(self, b: f32, c: f32) -> f32 {
        self.mul_add(b, c)
    }
}

/// Whether the code is compiled for a machine with fused multiply-add. Without one, `f64::mul_add` is a library call of
/// some 40 ns, so the choice is made by the type.
pub trait Fma: Copy + 'static {
    const FMA: bool;
    /// Whether two vectors are computed in a turn of a loop: sixteen registers of 256 bits leave the machine idle with one (f64 on a
    /// Zen 3: expm1 2.7 and 2.0 ns an element, log 2.1 and 1.7, sin 2.2 and 1.8).
    const PAIRS: bool = false;

    /// `a * b + c`, rounded once or twice.
    #[inline(always)]
    fn mad<T: Num>(a: T, b: T, c: T) -> T {
        if Self::FMA { a.fused(b, c) } else { a * b + c }
    }

    /// `c[0] + c[1] x + c[2] x² + …` by Horner's rule; from seven terms on the even and the odd ones side by side, since
    /// one chain is then so long that too few of the next elements fit the processor's window to keep it busy.
    #[inline(always)]
    fn poly<T: Num, const N: usize>(x: T, c: &[T; N]) -> T {
        if N < 7 {
            return c.iter().rev().skip(1).fold(c[N - 1], |sum, &c| Self::mad(sum, x, c));
        }
        let square = x * x;
        let (mut i, mut j) = ((N - 1) & !1, (N - 2) | 1);
        let (mut even, mut odd) = (c[i], c[j]);
        while i >= 2 {
            i -= 2;
            even = Self::mad(even, square, c[i]);
        }
        while j >= 3 {
            j -= 2;
            odd = Self::mad(odd, square, c[j]);
        }
        Self::mad(odd, x, even)
    }
}

/// Compiled where the target has fused multiply-add.
#[derive(Clone, Copy)]
pub struct Fused;

/// The same for AVX2.
#[derive(Clone, Copy)]
pub struct FusedPairs;

/// Compiled for any machine: products are rounded, and exact ones are split by Dekker's method.
#[derive(Clone, Copy)]
pub struct Plain;

impl Fma for Fused {
    const FMA: bool = true;
}

impl Fma for FusedPairs {
    const FMA: bool = true;
    const PAIRS: bool = true;
}

impl Fma for Plain {
    const FMA: bool = false;
}

/// A number as an unevaluated sum: the first part is the sum rounded (or nearly), the second what that leaves out.
pub(super) type Pair<T = f64> = (T, T);

/// `a + b` with its error, for `|a| >= |b|` or `a == 0`.
#[inline(always)]
pub(super) fn fast_two_sum<T: Num>(a: T, b: T) -> Pair<T> {
    let sum = a + b;
    (sum, (a - sum) + b)
}

/// `a + b` with its error.
#[inline(always)]
pub(super) fn two_sum<T: Num>(a: T, b: T) -> Pair<T> {
    let sum = a + b;
    let from_b = sum - a;
    (sum, (a - (sum - from_b)) + (b - from_b))
}

/// `a * b` with its error. Without fused multiply-add the factors must stay below 2^996 (2^115 in f32).
#[inline(always)]
pub(super) fn two_mul<A: Fma, T: Num>(a: T, b: T) -> Pair<T> {
    let product = a * b;
    if A::FMA {
        return (product, a.fused(b, -product));
    }
    let ((a1, a2), (b1, b2)) = (halves(a), halves(b));
    (product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2)
}

/// Two summands of half the bits each.
#[inline(always)]
fn halves<T: Num>(a: T) -> Pair<T> {
    let c = T::SPLIT * a;
    let high = c - (c - a);
    (high, a - high)
}

/// `c - a * b` with one rounding at most, where the result is known to need no more bits than a number has.
#[inline(always)]
pub(super) fn minus_product<A: Fma, T: Num>(c: T, a: T, b: T) -> T {
    if A::FMA {
        return (-a).fused(b, c);
    }
    let (high, low) = two_mul::<A, T>(a, b);
    (c - high) - low
}

/// The quotient of two pairs as a pair: good to some 2^-100 in its sum.
#[inline(always)]
pub(super) fn divide<A: Fma, T: Num>(a: Pair<T>, b: Pair<T>) -> Pair<T> {
    let inverse = T::ONE / b.0;
    let high = a.0 * inverse;
    let rest = minus_product::<A, T>(a.0, high, b.0) + A::mad(-high, b.1, a.1);
    (high, rest * inverse)
}

/// One where the condition holds, the other elsewhere: a blend once vectorised.
#[inline(always)]
pub(super) fn pick<T: Copy>(condition: bool, yes: T, no: T) -> T {
    if condition { yes } else { no }
}
