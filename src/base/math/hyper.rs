//! tanh, sinh, cosh and their inverses.
//!
//! `tanh a = E / (E + 2)` with `E = e^2a - 1`, all in pairs, for `a = |x|`; the sign comes back last.

use super::drive::Unary;
use super::exp::{LOG2_E, exp2m1_of_f32, expm1_pair};
use super::num::{Fma, divide, pick, two_sum};

#[derive(Clone, Copy)]
pub struct Tanh;

impl Unary<f64> for Tanh {
    #[inline(always)]
    fn fast<A: Fma>(x: f64) -> f64 {
        let a = x.abs();
        let (e, low) = expm1_pair::<A>(2.0 * pick(a > 22.0, 22.0, a));
        let (below, rest) = two_sum(e, 2.0);
        let (high, low) = divide::<A>((e, low), (below, rest + low));
        (high + low).copysign(x)
    }
}

impl Unary<f32> for Tanh {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let a = x.abs() as f64;
        let e = exp2m1_of_f32::<A>(2.0 * LOG2_E * pick(a > 12.0, 12.0, a));
        ((e / (e + 2.0)) as f32).copysign(x)
    }
}
