//! cbrt.
//!
//! `z = x^(-1/3)` from a third of the bits (as a float, since vectors have no division of integers), good to 10 %, then one
//! step of fourth order and one of second without a division; `x z²` is the root, and its residual, computed in a pair,
//! corrects it. f32: in f64 without the last step.

use super::drive::Unary;
use super::num::{Fma, pick, two_mul};

/// `((1 - e)^(-1/3) - 1) / e` for `|e|` up to 0.103: 2^-23.
const START: [f64; 4] = [0.33332899723162335, 0.22221452095376915, 0.1744989303890283, 0.1459192122651225];

/// `x` to the power of minus a third, to 2^-44: for positive normal numbers.
#[inline(always)]
fn inverse<A: Fma>(x: f64) -> f64 {
    const UNIT: f64 = 4_503_599_627_370_496.0; // 2^52: the low bits of numbers from here on are integers
    let high = f64::from_bits((x.to_bits() >> 32) | UNIT.to_bits()) - UNIT;
    let third = A::mad(high, -1.0 / 3.0, 1_430_186_414.0) + UNIT;
    let z = f64::from_bits(third.to_bits() << 32);
    let e = A::mad(-(x * z), z * z, 1.0);
    let z = A::mad(z * e, A::poly(e, &START), z);
    let e = A::mad(-(x * z), z * z, 1.0);
    A::mad(z * e, 1.0 / 3.0, z)
}

/// The cube root.
#[derive(Clone, Copy)]
pub struct Cbrt;

/// Numbers between which neither the cube of the rounded root overflows nor its residual underflows.
const SMALL: f64 = 1e-280;
const LARGE: f64 = 1e300;

/// For numbers from `SMALL` to `LARGE`.
#[inline(always)]
fn positive<A: Fma>(x: f64) -> f64 {
    let z = inverse::<A>(x);
    let y = x * z * z;
    let (square, low) = two_mul::<A, _>(y, y);
    let (cube, low2) = two_mul::<A, _>(square, y);
    let rest = (x - cube) - A::mad(low, y, low2);
    A::mad(rest * (z * z), 1.0 / 3.0, y)
}

impl Unary<f64> for Cbrt {
    #[inline(always)]
    fn fast<A: Fma>(x: f64) -> f64 {
        positive::<A>(x.abs()).copysign(x)
    }

    #[inline(always)]
    fn easy(x: f64) -> bool {
        (x.abs() > SMALL) & (x.abs() < LARGE)
    }

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        const UP: f64 = f64::from_bits((1023 + 162) << 52);
        const DOWN: f64 = 1.0 / UP;
        const ROOT_UP: f64 = f64::from_bits((1023 + 54) << 52);
        let a = x.abs();
        let scale = pick(a <= SMALL, UP, pick(a >= LARGE, DOWN, 1.0));
        let unscale = pick(a <= SMALL, 1.0 / ROOT_UP, pick(a >= LARGE, ROOT_UP, 1.0));
        let root = positive::<A>(a * scale) * unscale;
        pick((x == 0.0) | !(a < f64::INFINITY), x, root.copysign(x))
    }
}

impl Unary<f32> for Cbrt {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let a = x.abs() as f64;
        let z = inverse::<A>(a);
        let root = ((a * z * z) as f32).copysign(x);
        pick((x == 0.0) | !(x.abs() < f32::INFINITY), x, root)
    }
}
