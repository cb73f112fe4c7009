//! The arithmetic under the functions: multiply-add where the machine has it, and sums and products with their error.
//!
//! In: scalars. Out: scalars. The idea: every helper is branch-free and inlined, so that a loop around it becomes vector
//! code of whatever width the enclosing function is compiled for.

#[cfg(target_arch = "x86_64")]
use super::wide::{Doubles, Singles, WiderDoubles, WiderSingles};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// What arithmetic is done with: a float, or several of them side by side.
pub trait Arith:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// `self * b + c`, rounded once.
    fn fused(self, b: Self, c: Self) -> Self;
    /// `2^k + 1`, with `k` half of the bits of a number: its product splits a number into halves.
    fn splitter() -> Self;
    fn one() -> Self;
}

/// The numbers that a function's quick way is right for.
#[derive(Clone, Copy)]
pub enum Easy<T> {
    All,
    /// Those of this magnitude at most, and nans.
    Magnitude(T),
    /// These and what lies between, and no nans.
    Between(T, T),
}

/// Floats of the type `T` that are computed side by side: a float itself, which is one of them, or some vectors.
pub trait Lanes<T: Num>: Arith {
    /// The same number in every lane.
    fn of(x: T) -> Self;
    fn abs(self) -> Self;
    /// The sign of the other.
    fn signed(self, sign: Self) -> Self;
    /// The bound where a number is above it.
    fn at_most(self, bound: T) -> Self;
    /// The bound where a number is below it.
    fn at_least(self, bound: T) -> Self;
    /// The first where `self` is above the bound, else the other.
    fn above(self, bound: T, yes: Self, no: Self) -> Self;
    /// Whether all of them are.
    fn is_easy(self, easy: Easy<T>) -> bool;
    /// The first where `self` is the number, else the other.
    fn equal(self, number: T, yes: Self, no: Self) -> Self;
    /// The first where the lowest bit is set, else the other.
    fn odd(self, yes: Self, no: Self) -> Self;
    /// The bits as an integer: a number added to it, and it taken from a number; and so on.
    fn plus_bits(self, bits: T::Bits) -> Self;
    fn bits_from(self, bits: T::Bits) -> Self;
    fn and_bits(self, bits: T::Bits) -> Self;
    fn or_bits(self, bits: T::Bits) -> Self;
    fn xor(self, bits: Self) -> Self;
    fn left<const BY: i32>(self) -> Self;
    fn right<const BY: i32>(self) -> Self;
}

/// Lanes that are read from numbers of a type and written as such, which may be a narrower one.
pub trait Moved<T>: Copy {
    const COUNT: usize;
    /// As many as there are lanes, with a number taken off each.
    ///
    /// # Safety
    /// They are there.
    unsafe fn load(from: *const T, less: Option<T>) -> Self;
    /// # Safety
    /// There is room for them.
    unsafe fn store(self, to: *mut T);
}

/// A float: f64, or f32 where it suffices.
pub trait Num: Lanes<Self> + Moved<Self> {
    const ZERO: Self;
    /// A whole number of as many bits: what is counted beside numbers fills vectors as they do.
    type Bits: Copy + Default + PartialEq + From<bool> + From<u8> + Add<Output = Self::Bits>;
    /// Several of them, where a machine computes those faster than the compiler's loop over one.
    type Wide<const N: usize>: Lanes<Self> + Moved<Self>;
    /// The same of vectors of twice the bits.
    type Wider<const N: usize>: Lanes<Self> + Moved<Self>;
}

/// A float is one lane.
macro_rules! float {
    ($float:ident, $bits:ident, $splitter:expr, $wide:ident, $wider:ident) => {
        impl Arith for $float {
            #[inline(always)]
            fn fused(self, b: $float, c: $float) -> $float {
                self.mul_add(b, c)
            }

            #[inline(always)]
            fn splitter() -> $float {
                $splitter
            }

            #[inline(always)]
            fn one() -> $float {
                1.0
            }
        }

        impl Lanes<$float> for $float {
            #[inline(always)]
            fn of(x: $float) -> $float {
                x
            }

            #[inline(always)]
            fn abs(self) -> $float {
                $float::abs(self)
            }

            #[inline(always)]
            fn signed(self, sign: $float) -> $float {
                self.copysign(sign)
            }

            #[inline(always)]
            fn at_most(self, bound: $float) -> $float {
                pick(self > bound, bound, self)
            }

            #[inline(always)]
            fn at_least(self, bound: $float) -> $float {
                pick(self < bound, bound, self)
            }

            #[inline(always)]
            fn above(self, bound: $float, yes: $float, no: $float) -> $float {
                pick(self > bound, yes, no)
            }

            #[inline(always)]
            fn is_easy(self, easy: Easy<$float>) -> bool {
                match easy {
                    Easy::All => true,
                    Easy::Magnitude(most) => !($float::abs(self) > most),
                    Easy::Between(low, high) => (self >= low) & (self <= high),
                }
            }

            #[inline(always)]
            fn equal(self, number: $float, yes: $float, no: $float) -> $float {
                pick(self == number, yes, no)
            }

            #[inline(always)]
            fn odd(self, yes: $float, no: $float) -> $float {
                pick(self.to_bits() & 1 != 0, yes, no)
            }

            #[inline(always)]
            fn plus_bits(self, bits: $bits) -> $float {
                $float::from_bits(self.to_bits().wrapping_add(bits))
            }

            #[inline(always)]
            fn bits_from(self, bits: $bits) -> $float {
                $float::from_bits(bits.wrapping_sub(self.to_bits()))
            }

            #[inline(always)]
            fn and_bits(self, bits: $bits) -> $float {
                $float::from_bits(self.to_bits() & bits)
            }

            #[inline(always)]
            fn or_bits(self, bits: $bits) -> $float {
                $float::from_bits(self.to_bits() | bits)
            }

            #[inline(always)]
            fn xor(self, bits: $float) -> $float {
                $float::from_bits(self.to_bits() ^ bits.to_bits())
            }

            #[inline(always)]
            fn left<const BY: i32>(self) -> $float {
                $float::from_bits(self.to_bits() << BY)
            }

            #[inline(always)]
            fn right<const BY: i32>(self) -> $float {
                $float::from_bits(self.to_bits() >> BY)
            }
        }

        impl Num for $float {
            const ZERO: $float = 0.0;
            type Bits = $bits;
            #[cfg(target_arch = "x86_64")]
            type Wide<const N: usize> = $wide<N>;
            #[cfg(target_arch = "x86_64")]
            type Wider<const N: usize> = $wider<N>;
            #[cfg(not(target_arch = "x86_64"))]
            type Wide<const N: usize> = $float;
            #[cfg(not(target_arch = "x86_64"))]
            type Wider<const N: usize> = $float;
        }
    };
}

float!(f64, u64, 134_217_729.0, Doubles, WiderDoubles);
float!(f32, u32, 4097.0, Singles, WiderSingles);

macro_rules! moved {
    ($float:ident, $stored:ident) => {
        impl Moved<$stored> for $float {
            const COUNT: usize = 1;

            #[inline(always)]
            unsafe fn load(from: *const $stored, less: Option<$stored>) -> $float {
                // SAFETY: the caller's.
                let x = unsafe { from.read_unaligned() };
                less.map_or(x, |less| x - less) as $float
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $stored) {
                // SAFETY: the caller's.
                unsafe { to.write_unaligned(self as $stored) }
            }
        }
    };
}

moved!(f64, f64);
moved!(f64, f32);
moved!(f32, f32);

/// Whether the code is compiled for a machine with fused multiply-add. Without one, `f64::mul_add` is a library call of
/// some 40 ns, so the choice is made by the type.
pub trait Fma: Copy + 'static {
    const FMA: bool;
    /// Whether two vectors are computed in a turn of a loop: sixteen registers of 256 bits leave the machine idle with one (f64 on a
    /// Zen 3: expm1 2.7 and 2.0 ns an element, log 2.1 and 1.7, sin 2.2 and 1.8).
    const PAIRS: bool = false;
    /// Whether they are of 512 bits.
    const WIDER: bool = false;

    /// `a * b + c`, rounded once or twice.
    #[inline(always)]
    fn mad<T: Arith>(a: T, b: T, c: T) -> T {
        if Self::FMA { a.fused(b, c) } else { a * b + c }
    }

    /// `c[0] + c[1] x + c[2] x² + …` by Horner's rule; from seven terms on the even and the odd ones side by side, since
    /// one chain is then so long that too few of the next elements fit the processor's window to keep it busy.
    #[inline(always)]
    fn poly<C: Num, T: Lanes<C>, const N: usize>(x: T, c: &[C; N]) -> T {
        if N < 7 {
            let mut sum = T::of(c[N - 1]);
            for k in (0..N - 1).rev() {
                sum = Self::mad(sum, x, T::of(c[k]));
            }
            return sum;
        }
        let square = x * x;
        let (mut i, mut j) = ((N - 1) & !1, (N - 2) | 1);
        let (mut even, mut odd) = (T::of(c[i]), T::of(c[j]));
        while i >= 2 {
            i -= 2;
            even = Self::mad(even, square, T::of(c[i]));
        }
        while j >= 3 {
            j -= 2;
            odd = Self::mad(odd, square, T::of(c[j]));
        }
        Self::mad(odd, x, even)
    }
}

/// Compiled where the target has fused multiply-add.
#[derive(Clone, Copy)]
pub struct Fused;

/// The same for AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct FusedPairs;

/// The same for AVX-512.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct FusedWider;

/// Compiled for any machine: products are rounded, and exact ones are split by Dekker's method.
#[derive(Clone, Copy)]
pub struct Plain;

impl Fma for Fused {
    const FMA: bool = true;
}

#[cfg(target_arch = "x86_64")]
impl Fma for FusedPairs {
    const FMA: bool = true;
    const PAIRS: bool = true;
}

#[cfg(target_arch = "x86_64")]
impl Fma for FusedWider {
    const FMA: bool = true;
    const PAIRS: bool = true;
    const WIDER: bool = true;
}

impl Fma for Plain {
    const FMA: bool = false;
}

/// A number as an unevaluated sum: the first part is the sum rounded (or nearly), the second what that leaves out.
pub(super) type Pair<T = f64> = (T, T);

/// `a + b` with its error, for `|a| >= |b|` or `a == 0`.
#[inline(always)]
pub(super) fn fast_two_sum<T: Arith>(a: T, b: T) -> Pair<T> {
    let sum = a + b;
    (sum, (a - sum) + b)
}

/// `a + b` with its error.
#[inline(always)]
pub(super) fn two_sum<T: Arith>(a: T, b: T) -> Pair<T> {
    let sum = a + b;
    let from_b = sum - a;
    (sum, (a - (sum - from_b)) + (b - from_b))
}

/// `a * b` with its error. Without fused multiply-add the factors must stay below 2^996 (2^115 in f32).
#[inline(always)]
pub(super) fn two_mul<A: Fma, T: Arith>(a: T, b: T) -> Pair<T> {
    let product = a * b;
    if A::FMA {
        return (product, a.fused(b, -product));
    }
    let ((a1, a2), (b1, b2)) = (halves(a), halves(b));
    (product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2)
}

/// Two summands of half the bits each.
#[inline(always)]
fn halves<T: Arith>(a: T) -> Pair<T> {
    let c = T::splitter() * a;
    let high = c - (c - a);
    (high, a - high)
}

/// `c - a * b` with one rounding at most, where the result is known to need no more bits than a number has.
#[inline(always)]
pub(super) fn minus_product<A: Fma, T: Arith>(c: T, a: T, b: T) -> T {
    if A::FMA {
        return (-a).fused(b, c);
    }
    let (high, low) = two_mul::<A, T>(a, b);
    (c - high) - low
}

/// The quotient of two pairs as a pair: good to some 2^-100 in its sum.
#[inline(always)]
pub(super) fn divide<A: Fma, T: Arith>(a: Pair<T>, b: Pair<T>) -> Pair<T> {
    let inverse = T::one() / b.0;
    let high = a.0 * inverse;
    let rest = minus_product::<A, T>(a.0, high, b.0) + A::mad(-high, b.1, a.1);
    (high, rest * inverse)
}

/// One where the condition holds, the other elsewhere: a blend once vectorised.
#[inline(always)]
pub(super) fn pick<T: Copy>(condition: bool, yes: T, no: T) -> T {
    if condition { yes } else { no }
}
