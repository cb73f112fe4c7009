//! erf in f32.
//!
//! Up to 1.05 `x + x P(x² - 1/2)`: away from zero the powers are small, so that their roundings are. Beyond, one less erfc as a
//! polynomial in `a - 5/2`, which from 4 on is 1. Neither takes an exponential or a quotient: what is taken off 1 is at most 0.14, so
//! that its roundings count little. In L1 of a Zen 3 0.65 ns an element, in f64 with an exponential 1.8.
//!
//! TRIED: `x + x P(x²)` (1.09 units off), the two meeting at 1 (0.98) or at 1.1 about 3/5 (1.01), erfc's odd and even powers side by
//! side (1.02).

use super::super::drive::{Unary, in_lanes};
use super::super::erf::{Erf, erf_short};
use super::super::num::{Fma, Lanes};

/// `erf x / x - 1` in `x² - 1/2` up to 1.05: 2^-30 of erf.
const NEAR: [f32; 8] =
    [-0.03453126, -0.28107217, 0.07941002, -0.01828408, 0.0034799653, -0.0005600756, 7.9320846e-5, -1.1430055e-5];
/// `erfc a` in `a - 5/2` for `a` from 1 to 4: 2^-30.9.
const FAR: [f32; 16] = [
    0.00040695228,
    -0.0021782795,
    0.005445693,
    -0.0083501935,
    0.008622566,
    -0.0061166873,
    0.0027976716,
    -0.0005442974,
    -0.0002588986,
    0.00025313912,
    -8.0977087e-5,
    -7.5735597e-6,
    1.5674816e-5,
    -3.5221126e-6,
    -8.8388526e-7,
    3.5900015e-7,
];

/// With fused multiply-add.
#[inline(always)]
fn erf<A: Fma, T: Lanes<f32>>(x: T) -> T {
    let a = x.abs();
    let near = A::mad(a, A::poly(A::mad(a, a, T::of(-0.5)), &NEAR), a);
    let t = a.at_most(4.0) - T::of(2.5);
    let mut less = T::of(FAR[FAR.len() - 1]);
    for &c in FAR.iter().rev().skip(1) {
        less = A::mad(less, t, T::of(c));
    }
    a.above(1.05, T::one() - less, near).signed(x)
}

impl Unary<f32> for Erf {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        if !A::FMA {
            // The roundings of products bring it to 1.14 units.
            return erf_short::<A, _>(x as f64) as f32;
        }
        erf::<A, _>(x)
    }

    in_lanes!(f32, f32, erf, 4, by lanes);
}
