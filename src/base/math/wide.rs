//! Two or four vectors side by side: of 256 bits, of which a machine has sixteen, or of 512, of which it has thirty-two.
//!
//! In and out: lanes, as the functions are written over them.
//!
//! A function of one vector is a chain of operations that wait for each other, and so long a one that too little of the next vector's
//! fits the processor's window. The compiler's loop over two vectors is no better: it orders their operations one chain after the other, to
//! save registers. Here an operation is done on all of them before the next one is begun, and `kept` holds the compiler to it.

use super::num::{Arith, Easy, Lanes, Moved};
use std::arch::asm;
use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// An operation on each of the vectors, in order. Written out, not a closure: the compiler makes functions of closures, which have none of
/// the instructions that these need.
macro_rules! sides {
    ($name:ident: $first:ident in $one:expr $(, $v:ident in $from:expr)* => $result:expr) => {{
        let mut all = $one.0;
        let mut k = 0;
        while k < N {
            let $first = $one.0[k];
            $(let $v = $from.0[k];)*
            // SAFETY: only kernels for machines with these vectors come here.
            all[k] = unsafe { $result };
            k += 1;
        }
        // SAFETY: the same.
        unsafe { $name(all).kept() }
    }};
}

/// What is done by comparisons and shifts of 256 bits: comparisons are vectors.
macro_rules! vectors {
    (choose $blend:ident $yes:expr, $no:expr; $compare:ident $by:ident $a:expr, $b:expr) => {
        $blend($no, $yes, $compare::<$by>($a, $b))
    };
    (odd $blend:ident $yes:expr, $no:expr; $test:ident $of_bits:ident $left:ident $float:ident $bits:expr, $one:expr) => {
        $blend($no, $yes, $of_bits($left::<{ size_of::<$float>() as i32 * 8 - 1 }>($bits)))
    };
    (none $set:ident) => {
        $set(0.0)
    };
    (mark $marks:ident $or:ident; $compare:ident $by:ident $a:expr, $b:expr) => {
        $marks = $or($marks, $compare::<$by>($a, $b))
    };
    (is_none $signs:ident $marks:ident) => {
        $signs($marks) == 0
    };
    (shift $by:ident $shift:ident $set_bits:ident $int:ident $bits:expr) => {
        $shift::<$by>($bits)
    };
}

/// The same of 512 bits: comparisons are masks.
macro_rules! masks {
    (choose $blend:ident $yes:expr, $no:expr; $compare:ident $by:ident $a:expr, $b:expr) => {
        $blend($compare::<$by>($a, $b), $no, $yes)
    };
    (odd $blend:ident $yes:expr, $no:expr; $test:ident $of_bits:ident $left:ident $float:ident $bits:expr, $one:expr) => {
        $blend($test($bits, $one), $no, $yes)
    };
    (none $set:ident) => {
        0
    };
    (mark $marks:ident $or:ident; $compare:ident $by:ident $a:expr, $b:expr) => {
        $marks |= $compare::<$by>($a, $b)
    };
    (is_none $signs:ident $marks:ident) => {
        $marks == 0
    };
    // The compiler makes an instruction with a number of it.
    (shift $by:ident $shift:ident $set_bits:ident $int:ident $bits:expr) => {
        $shift($bits, $set_bits($by as $int))
    };
}

macro_rules! wide {
    ($name:ident, $ways:ident, $features:literal, $register:ident, $vector:ident, $float:ident, $bits:ident, $int:ident, $lanes:literal,
     $set:ident, $set_bits:ident, $to_bits:ident, $of_bits:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $div:ident,
     $fused:ident, $and:ident, $andnot:ident, $or:ident, $xor:ident, $min:ident, $max:ident, $compare:ident, $signs:ident, $blend:ident,
     $test:ident, $plus:ident, $minus:ident, $left:ident, $right:ident) => {
        #[derive(Clone, Copy)]
        pub struct $name<const N: usize>([$vector; N]);

        impl<const N: usize> $name<N> {
            /// The compiler must have all of it before it goes on. Of other numbers of vectors nothing is promised.
            #[target_feature(enable = $features)]
            #[inline]
            unsafe fn kept(self) -> Self {
                let mut v = self.0;
                // SAFETY: no instruction.
                unsafe {
                    if N == 2 {
                        asm!("/* {} {} */", inout($register) v[0], inout($register) v[1], options(pure, nomem, nostack, preserves_flags));
                    }
                    if N == 4 {
                        asm!("/* {} {} {} {} */", inout($register) v[0], inout($register) v[1], inout($register) v[2], inout($register) v[3],
                            options(pure, nomem, nostack, preserves_flags));
                    }
                }
                $name(v)
            }
        }

        impl<const N: usize> Add for $name<N> {
            type Output = Self;
            #[inline(always)]
            fn add(self, o: Self) -> Self {
                sides!($name: a in self, b in o => $add(a, b))
            }
        }

        impl<const N: usize> Sub for $name<N> {
            type Output = Self;
            #[inline(always)]
            fn sub(self, o: Self) -> Self {
                sides!($name: a in self, b in o => $sub(a, b))
            }
        }

        impl<const N: usize> Mul for $name<N> {
            type Output = Self;
            #[inline(always)]
            fn mul(self, o: Self) -> Self {
                sides!($name: a in self, b in o => $mul(a, b))
            }
        }

        impl<const N: usize> Div for $name<N> {
            type Output = Self;
            #[inline(always)]
            fn div(self, o: Self) -> Self {
                sides!($name: a in self, b in o => $div(a, b))
            }
        }

        impl<const N: usize> Neg for $name<N> {
            type Output = Self;
            // Not kept: a negated factor is part of the multiply-add.
            #[inline(always)]
            fn neg(self) -> Self {
                let mut all = self.0;
                let mut k = 0;
                while k < N {
                    // SAFETY: as in `sides`.
                    all[k] = unsafe { $xor(all[k], $set(-0.0)) };
                    k += 1;
                }
                $name(all)
            }
        }

        impl<const N: usize> Arith for $name<N> {
            #[inline(always)]
            fn fused(self, b: Self, c: Self) -> Self {
                sides!($name: a in self, b in b, c in c => $fused(a, b, c))
            }

            #[inline(always)]
            fn splitter() -> Self {
                Self::of($float::splitter())
            }

            #[inline(always)]
            fn one() -> Self {
                Self::of(1.0)
            }
        }

        impl<const N: usize> Lanes<$float> for $name<N> {
            #[inline(always)]
            fn of(x: $float) -> Self {
                // SAFETY: as in `sides`.
                $name([unsafe { $set(x) }; N])
            }

            #[inline(always)]
            fn abs(self) -> Self {
                sides!($name: a in self => $andnot($set(-0.0), a))
            }

            #[inline(always)]
            fn signed(self, sign: Self) -> Self {
                sides!($name: a in self, b in sign => $or($andnot($set(-0.0), a), $and($set(-0.0), b)))
            }

            #[inline(always)]
            fn at_most(self, bound: $float) -> Self {
                sides!($name: a in self => $min($set(bound), a))
            }

            #[inline(always)]
            fn at_least(self, bound: $float) -> Self {
                sides!($name: a in self => $max($set(bound), a))
            }

            #[inline(always)]
            fn above(self, bound: $float, yes: Self, no: Self) -> Self {
                sides!($name: a in self, y in yes, n in no => $ways!(choose $blend y, n; $compare _CMP_GT_OQ a, $set(bound)))
            }

            #[inline(always)]
            fn is_easy(self, easy: Easy<$float>) -> bool {
                // SAFETY: as in `sides`.
                unsafe {
                    let mut hard = $ways!(none $set);
                    for x in self.0 {
                        match easy {
                            Easy::All => {}
                            Easy::Magnitude(most) => {
                                $ways!(mark hard $or; $compare _CMP_GT_OQ $andnot($set(-0.0), x), $set(most));
                            }
                            Easy::Between(low, high) => {
                                $ways!(mark hard $or; $compare _CMP_NGE_UQ x, $set(low));
                                $ways!(mark hard $or; $compare _CMP_NLE_UQ x, $set(high));
                            }
                        }
                    }
                    $ways!(is_none $signs hard)
                }
            }

            #[inline(always)]
            fn equal(self, number: $float, yes: Self, no: Self) -> Self {
                sides!($name: a in self, y in yes, n in no => $ways!(choose $blend y, n; $compare _CMP_EQ_OQ a, $set(number)))
            }

            #[inline(always)]
            fn odd(self, yes: Self, no: Self) -> Self {
                sides!($name: a in self, y in yes, n in no => $ways!(odd $blend y, n; $test $of_bits $left $float $to_bits(a), $set_bits(1)))
            }

            #[inline(always)]
            fn plus_bits(self, bits: $bits) -> Self {
                sides!($name: a in self => $of_bits($plus($to_bits(a), $set_bits(bits as $int))))
            }

            #[inline(always)]
            fn bits_from(self, bits: $bits) -> Self {
                sides!($name: a in self => $of_bits($minus($set_bits(bits as $int), $to_bits(a))))
            }

            #[inline(always)]
            fn and_bits(self, bits: $bits) -> Self {
                sides!($name: a in self => $and(a, $of_bits($set_bits(bits as $int))))
            }

            #[inline(always)]
            fn or_bits(self, bits: $bits) -> Self {
                sides!($name: a in self => $or(a, $of_bits($set_bits(bits as $int))))
            }

            #[inline(always)]
            fn xor(self, bits: Self) -> Self {
                sides!($name: a in self, b in bits => $xor(a, b))
            }

            #[inline(always)]
            fn left<const BY: i32>(self) -> Self {
                sides!($name: a in self => $of_bits($ways!(shift BY $left $set_bits $int $to_bits(a))))
            }

            #[inline(always)]
            fn right<const BY: i32>(self) -> Self {
                sides!($name: a in self => $of_bits($ways!(shift BY $right $set_bits $int $to_bits(a))))
            }
        }

        impl<const N: usize> Moved<$float> for $name<N> {
            const COUNT: usize = N * $lanes;

            #[inline(always)]
            unsafe fn load(from: *const $float, less: Option<$float>) -> Self {
                let mut x = Self::of(0.0);
                let mut k = 0;
                while k < N {
                    // SAFETY: the caller's.
                    x.0[k] = unsafe { $load(from.add(k * $lanes)) };
                    k += 1;
                }
                match less {
                    Some(less) => x - Self::of(less),
                    None => x,
                }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $float) {
                let mut k = 0;
                while k < N {
                    // SAFETY: the caller's.
                    unsafe { $store(to.add(k * $lanes), self.0[k]) };
                    k += 1;
                }
            }
        }
    };
}

wide!(
    Doubles,
    vectors,
    "avx2,fma",
    ymm_reg,
    __m256d,
    f64,
    u64,
    i64,
    4,
    _mm256_set1_pd,
    _mm256_set1_epi64x,
    _mm256_castpd_si256,
    _mm256_castsi256_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    _mm256_div_pd,
    _mm256_fmadd_pd,
    _mm256_and_pd,
    _mm256_andnot_pd,
    _mm256_or_pd,
    _mm256_xor_pd,
    _mm256_min_pd,
    _mm256_max_pd,
    _mm256_cmp_pd,
    _mm256_movemask_pd,
    _mm256_blendv_pd,
    _mm256_and_si256,
    _mm256_add_epi64,
    _mm256_sub_epi64,
    _mm256_slli_epi64,
    _mm256_srli_epi64
);
wide!(
    Singles,
    vectors,
    "avx2,fma",
    ymm_reg,
    __m256,
    f32,
    u32,
    i32,
    8,
    _mm256_set1_ps,
    _mm256_set1_epi32,
    _mm256_castps_si256,
    _mm256_castsi256_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_div_ps,
    _mm256_fmadd_ps,
    _mm256_and_ps,
    _mm256_andnot_ps,
    _mm256_or_ps,
    _mm256_xor_ps,
    _mm256_min_ps,
    _mm256_max_ps,
    _mm256_cmp_ps,
    _mm256_movemask_ps,
    _mm256_blendv_ps,
    _mm256_and_si256,
    _mm256_add_epi32,
    _mm256_sub_epi32,
    _mm256_slli_epi32,
    _mm256_srli_epi32
);
wide!(
    WiderDoubles,
    masks,
    "avx512f,avx512dq,avx512bw,avx512vl",
    zmm_reg,
    __m512d,
    f64,
    u64,
    i64,
    8,
    _mm512_set1_pd,
    _mm512_set1_epi64,
    _mm512_castpd_si512,
    _mm512_castsi512_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_add_pd,
    _mm512_sub_pd,
    _mm512_mul_pd,
    _mm512_div_pd,
    _mm512_fmadd_pd,
    _mm512_and_pd,
    _mm512_andnot_pd,
    _mm512_or_pd,
    _mm512_xor_pd,
    _mm512_min_pd,
    _mm512_max_pd,
    _mm512_cmp_pd_mask,
    _mm512_movepi64_mask,
    _mm512_mask_blend_pd,
    _mm512_test_epi64_mask,
    _mm512_add_epi64,
    _mm512_sub_epi64,
    _mm512_sllv_epi64,
    _mm512_srlv_epi64
);
wide!(
    WiderSingles,
    masks,
    "avx512f,avx512dq,avx512bw,avx512vl",
    zmm_reg,
    __m512,
    f32,
    u32,
    i32,
    16,
    _mm512_set1_ps,
    _mm512_set1_epi32,
    _mm512_castps_si512,
    _mm512_castsi512_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_div_ps,
    _mm512_fmadd_ps,
    _mm512_and_ps,
    _mm512_andnot_ps,
    _mm512_or_ps,
    _mm512_xor_ps,
    _mm512_min_ps,
    _mm512_max_ps,
    _mm512_cmp_ps_mask,
    _mm512_movepi32_mask,
    _mm512_mask_blend_ps,
    _mm512_test_epi32_mask,
    _mm512_add_epi32,
    _mm512_sub_epi32,
    _mm512_sllv_epi32,
    _mm512_srlv_epi32
);

/// Functions of f32 that are computed in f64.
macro_rules! narrowed {
    ($name:ident, $lanes:literal, $load:ident, $sub:ident, $set:ident, $store:ident, $widened:ident, $narrowed:ident) => {
        impl<const N: usize> Moved<f32> for $name<N> {
            const COUNT: usize = N * $lanes;

            #[inline(always)]
            unsafe fn load(from: *const f32, less: Option<f32>) -> Self {
                let mut x = Self::of(0.0);
                let mut k = 0;
                while k < N {
                    // SAFETY: the caller's.
                    x.0[k] = unsafe {
                        let some = $load(from.add(k * $lanes));
                        $widened(match less {
                            Some(less) => $sub(some, $set(less)),
                            None => some,
                        })
                    };
                    k += 1;
                }
                x
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                let mut k = 0;
                while k < N {
                    // SAFETY: the caller's.
                    unsafe { $store(to.add(k * $lanes), $narrowed(self.0[k])) };
                    k += 1;
                }
            }
        }
    };
}

narrowed!(Doubles, 4, _mm_loadu_ps, _mm_sub_ps, _mm_set1_ps, _mm_storeu_ps, _mm256_cvtps_pd, _mm256_cvtpd_ps);
narrowed!(
    WiderDoubles,
    8,
    _mm256_loadu_ps,
    _mm256_sub_ps,
    _mm256_set1_ps,
    _mm256_storeu_ps,
    _mm512_cvtps_pd,
    _mm512_cvtpd_ps
);
