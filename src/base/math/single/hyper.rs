//! tanh in f32.
//!
//! Up to 1.02 `x + x P(x² - 1/2)`: away from zero the powers are small, so that their roundings are. Beyond,
//! `1 - 2 / (e^2a + 1)`, where the roundings of the quotient count a quarter.
//!
//! TRIED: `x + x³ P(x²)` up to 1 (1.15 units off); that up to 9/16 and pairs beyond (0.74 units, but no faster than f64).

use super::super::drive::{Unary, in_lanes};
use super::super::exp::exp2m1_short;
use super::super::hyper::Tanh;
use super::super::num::{Fma, Lanes, pick};
use super::exp::exp_pair;
use super::power;

/// `tanh x / x - 1` in `x² - 1/2` for `x` up to 1.021: 2^-27.2.
const TANH: [f32; 9] = [
    -0.13894282,
    -0.2317669,
    0.07672234,
    -0.025802165,
    0.008701598,
    -0.0029270065,
    0.0009431659,
    -0.00035005953,
    0.00018539515,
];

/// With fused multiply-add.
#[inline(always)]
fn tanh<A: Fma, T: Lanes<f32>>(x: T) -> T {
    let a = x.abs();
    let near = A::mad(a, A::poly(A::mad(a, a, T::of(-0.5)), &TANH), a);
    let (shifted, (e, tail)) = exp_pair::<A, T>(T::of(2.0) * a.at_most(10.0));
    let far = T::one() - T::of(2.0) / A::mad(e + tail, power(shifted), T::one());
    a.above(1.02, far, near).signed(x)
}

impl Unary<f32> for Tanh {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        if !A::FMA {
            let a = x.abs();
            // The roundings of products bring it to 1.13 units, and four numbers of f32 are no faster than two of f64.
            let e = exp2m1_short::<A, _>(2.0 * std::f64::consts::LOG2_E * pick(a > 12.0, 12.0, a) as f64);
            return ((e / (e + 2.0)) as f32).copysign(x);
        }
        tanh::<A, _>(x)
    }

    in_lanes!(f32, f32, tanh, 4, by lanes);
}
