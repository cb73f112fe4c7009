//! Vectors of floats: those of the CPUs that have a path of their own, and four numbers for all others.

use super::ops::Op;
use crate::base::math::{BaseFma, Fma};

/// A vector of floats.
pub trait Vector: Copy {
    type T: Copy + Float;
    const N: usize;
    /// Sums, products, maxima and minima of nothing.
    const STARTS: [Self::T; 4] = [Self::T::ZERO, Self::T::ONE, Self::T::LOW, Self::T::HIGH];
    unsafe fn load(p: *const Self::T) -> Self;
    unsafe fn splat(x: Self::T) -> Self;
    unsafe fn store(self, p: *mut Self::T);
    unsafe fn add(self, o: Self) -> Self;
    unsafe fn sub(self, o: Self) -> Self;
    unsafe fn mul(self, o: Self) -> Self;
    unsafe fn div(self, o: Self) -> Self;
    unsafe fn max(self, o: Self) -> Self;
    unsafe fn min(self, o: Self) -> Self;
    /// As `max` and `min`, but of nans nothing is promised.
    unsafe fn quick_max(self, o: Self) -> Self;
    unsafe fn quick_min(self, o: Self) -> Self;
    /// Whether nans were seen, by element.
    type Nans: Copy;
    unsafe fn no_nans() -> Self::Nans;
    /// What was seen, and now in these two.
    unsafe fn nans(seen: Self::Nans, a: Self, b: Self) -> Self::Nans;
    unsafe fn is_any(seen: Self::Nans) -> bool;
    /// `self * a + b`, rounded once where the machine can.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    /// Whether the magnitudes of all elements of all of these are in `Float::DIVIDED`, or a millionth above it.
    unsafe fn between<const G: usize>(all: &[Self; G]) -> bool;
}

/// What the rest of a block, shorter than a vector, is computed with.
pub trait Float:
    Copy
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    const LOW: Self;
    const HIGH: Self;
    /// Magnitudes of numbers and divisors whose quotients, and the steps to them, are far from the ends of the normal numbers.
    const DIVIDED: [Self; 2];
    const DIVISORS: [Self; 2];
    fn of(n: usize) -> Self;
}
macro_rules! float {
    ($t:ty, $divided:literal, $divisors:literal) => {
        impl Float for $t {
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            const LOW: $t = <$t>::NEG_INFINITY;
            const HIGH: $t = <$t>::INFINITY;
            const DIVIDED: [$t; 2] = [1.0 / power($divided) as $t, power($divided) as $t];
            const DIVISORS: [$t; 2] = [1.0 / power($divisors) as $t, power($divisors) as $t];
            fn of(n: usize) -> $t {
                n as $t
            }
        }
    };
}
float!(f32, 96, 24);
float!(f64, 800, 100);

/// `2^n`.
const fn power(n: u64) -> f64 {
    f64::from_bits((1023 + n) << 52)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Float, Vector};
    use std::arch::x86_64::*;

    macro_rules! vector {
        ($v:ty, $t:ty, $n:literal, $splat:ident $load:ident $store:ident $add:ident $sub:ident $mul:ident $div:ident
            $max:ident $min:ident $fma:ident |$a:ident, $m:ident| $nan:expr, |$x:ident, $low:ident, $high:ident| $between:expr,
            $nans:ty, $none:expr, |$seen:ident, $p:ident, $q:ident| $see:expr, $any:expr) => {
            // SAFETY (all): only called from functions that the features are enabled in.
            impl Vector for $v {
                type T = $t;
                const N: usize = $n;
                #[inline(always)]
                unsafe fn load(p: *const $t) -> Self {
                    unsafe { $load(p) }
                }
                #[inline(always)]
                unsafe fn splat(x: $t) -> Self {
                    unsafe { $splat(x) }
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut $t) {
                    unsafe { $store(p, self) }
                }
                #[inline(always)]
                unsafe fn add(self, o: Self) -> Self {
                    unsafe { $add(self, o) }
                }
                #[inline(always)]
                unsafe fn sub(self, o: Self) -> Self {
                    unsafe { $sub(self, o) }
                }
                #[inline(always)]
                unsafe fn mul(self, o: Self) -> Self {
                    unsafe { $mul(self, o) }
                }
                #[inline(always)]
                unsafe fn div(self, o: Self) -> Self {
                    unsafe { $div(self, o) }
                }
                #[inline(always)]
                unsafe fn mul_add(self, a: Self, b: Self) -> Self {
                    unsafe { $fma(self, a, b) }
                }
                #[inline(always)]
                unsafe fn quick_max(self, o: Self) -> Self {
                    unsafe { $max(o, self) }
                }
                #[inline(always)]
                unsafe fn quick_min(self, o: Self) -> Self {
                    unsafe { $min(o, self) }
                }
                type Nans = $nans;
                #[inline(always)]
                #[allow(unused_unsafe)]
                unsafe fn no_nans() -> $nans {
                    unsafe { $none }
                }
                #[inline(always)]
                unsafe fn nans($seen: $nans, $p: Self, $q: Self) -> $nans {
                    unsafe { $see }
                }
                #[inline(always)]
                #[allow(unused_unsafe)]
                unsafe fn is_any($seen: $nans) -> bool {
                    unsafe { $any }
                }
                #[inline(always)]
                unsafe fn between<const G: usize>(all: &[Self; G]) -> bool {
                    let ($x, [$low, $high]) = (all, <$t as Float>::DIVIDED);
                    unsafe { $between }
                }
                // The machine's instruction gives its second operand where both are equal or one is a nan: the operands are
                // swapped, and where the other is a nan, it is put back.
                #[inline(always)]
                unsafe fn max(self, o: Self) -> Self {
                    let ($a, $m) = unsafe { (o, $max(o, self)) };
                    unsafe { $nan }
                }
                #[inline(always)]
                unsafe fn min(self, o: Self) -> Self {
                    let ($a, $m) = unsafe { (o, $min(o, self)) };
                    unsafe { $nan }
                }
            }
        };
    }
    vector!(__m512d, f64, 8, _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_div_pd
    _mm512_max_pd _mm512_min_pd _mm512_fmadd_pd |a, m| _mm512_mask_mov_pd(m, _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(a, a), a),
    |all, low, high| {
        let mut there = u8::MAX;
        for x in all {
            let x = _mm512_abs_pd(*x);
            there = _mm512_mask_cmp_pd_mask::<_CMP_GE_OQ>(there, x, _mm512_set1_pd(low));
            there = _mm512_mask_cmp_pd_mask::<_CMP_LE_OQ>(there, x, _mm512_set1_pd(high));
        }
        there == u8::MAX
    }, __mmask8, 0, |seen, p, q| seen | _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(p, q), seen != 0);
    vector!(__m512, f32, 16, _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps
    _mm512_max_ps _mm512_min_ps _mm512_fmadd_ps |a, m| _mm512_mask_mov_ps(m, _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a), a),
    |all, low, high| {
        let mut there = u16::MAX;
        for x in all {
            let x = _mm512_abs_ps(*x);
            there = _mm512_mask_cmp_ps_mask::<_CMP_GE_OQ>(there, x, _mm512_set1_ps(low));
            there = _mm512_mask_cmp_ps_mask::<_CMP_LE_OQ>(there, x, _mm512_set1_ps(high));
        }
        there == u16::MAX
    }, __mmask16, 0, |seen, p, q| seen | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(p, q), seen != 0);
    vector!(__m256d, f64, 4, _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_div_pd
    _mm256_max_pd _mm256_min_pd _mm256_fmadd_pd |a, m| _mm256_blendv_pd(m, a, _mm256_cmp_pd::<_CMP_UNORD_Q>(a, a)),
    // Of the upper halves of the bits, how far they are above the lowest, or very far if they are below. Halves are compared, for there is
    // no maximum of 64 bits.
    |all, low, high| {
        let (low, high) = (low.to_bits() >> 32 << 32, high.to_bits() >> 32 << 32);
        let mut above = _mm256_setzero_si256();
        for x in all {
            let x = _mm256_and_si256(_mm256_castpd_si256(*x), _mm256_set1_epi64x(i64::MAX >> 32 << 32));
            above = _mm256_max_epu32(above, _mm256_sub_epi32(x, _mm256_set1_epi64x(low as i64)));
        }
        let most = _mm256_max_epu32(above, _mm256_set1_epi64x((high - low) as i64));
        _mm256_movemask_epi8(_mm256_cmpeq_epi64(most, _mm256_set1_epi64x((high - low) as i64))) == -1
    }, __m256d, _mm256_setzero_pd(), |seen, p, q| _mm256_or_pd(seen, _mm256_cmp_pd::<_CMP_UNORD_Q>(p, q)),
    _mm256_movemask_pd(seen) != 0);
    vector!(__m256, f32, 8, _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps
    _mm256_max_ps _mm256_min_ps _mm256_fmadd_ps |a, m| _mm256_blendv_ps(m, a, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a)),
    |all, low, high| {
        let (low, high) = (low.to_bits() as i32, high.to_bits() as i32);
        let mut above = _mm256_setzero_si256();
        for x in all {
            let x = _mm256_and_si256(_mm256_castps_si256(*x), _mm256_set1_epi32(i32::MAX));
            above = _mm256_max_epu32(above, _mm256_sub_epi32(x, _mm256_set1_epi32(low)));
        }
        let most = _mm256_max_epu32(above, _mm256_set1_epi32(high - low));
        _mm256_movemask_epi8(_mm256_cmpeq_epi32(most, _mm256_set1_epi32(high - low))) == -1
    }, __m256, _mm256_setzero_ps(), |seen, p, q| _mm256_or_ps(seen, _mm256_cmp_ps::<_CMP_UNORD_Q>(p, q)),
    _mm256_movemask_ps(seen) != 0);
}

/// The vector of CPUs without a path of their own: the compiler makes of it what the target always has (SSE2, NEON).
#[derive(Clone, Copy)]
pub struct Four<T>([T; 4]);

macro_rules! four {
    ($t:ty) => {
        // SAFETY (all): the caller's pointers hold four elements.
        impl Vector for Four<$t> {
            type T = $t;
            const N: usize = 4;
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                Four(unsafe { p.cast::<[$t; 4]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self {
                Four([x; 4])
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                unsafe { p.cast::<[$t; 4]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn add(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| self.0[k] + o.0[k]))
            }
            #[inline(always)]
            unsafe fn sub(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| self.0[k] - o.0[k]))
            }
            #[inline(always)]
            unsafe fn mul(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| self.0[k] * o.0[k]))
            }
            #[inline(always)]
            unsafe fn div(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| self.0[k] / o.0[k]))
            }
            #[inline(always)]
            unsafe fn mul_add(self, a: Self, b: Self) -> Self {
                Four(std::array::from_fn(|k| BaseFma::mad(self.0[k], a.0[k], b.0[k])))
            }
            #[inline(always)]
            unsafe fn quick_max(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| if self.0[k] >= o.0[k] { self.0[k] } else { o.0[k] }))
            }
            #[inline(always)]
            unsafe fn quick_min(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| if self.0[k] <= o.0[k] { self.0[k] } else { o.0[k] }))
            }
            type Nans = [bool; 4];
            #[inline(always)]
            unsafe fn no_nans() -> [bool; 4] {
                [false; 4]
            }
            #[inline(always)]
            unsafe fn nans(seen: [bool; 4], a: Self, b: Self) -> [bool; 4] {
                std::array::from_fn(|k| seen[k] | a.0[k].is_nan() | b.0[k].is_nan())
            }
            #[inline(always)]
            unsafe fn is_any(seen: [bool; 4]) -> bool {
                seen.contains(&true)
            }
            #[inline(always)]
            unsafe fn between<const G: usize>(all: &[Self; G]) -> bool {
                let [low, high] = <$t as Float>::DIVIDED;
                all.iter().all(|x| x.0.iter().all(|x| (low..=high).contains(&x.abs())))
            }
            #[inline(always)]
            unsafe fn max(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| super::ops::Max::one(self.0[k], o.0[k])))
            }
            #[inline(always)]
            unsafe fn min(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| super::ops::Min::one(self.0[k], o.0[k])))
            }
        }
    };
}
four!(f32);
four!(f64);
