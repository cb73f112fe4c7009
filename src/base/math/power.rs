//! pow.
//!
//! `x^y = e^(y log x)`: the product may be 745, so the logarithm is kept to 66 bits (`log_pair`) and the product with its
//! error, which leaves 2^-55 or so for the exponential. `fast` knows positive normal `x` and results well inside the range;
//! `full` adds the table of special cases, the sign, and results that are subnormal or overflow.
//! f32: in f64 without pairs.

use super::drive::Binary;
use super::exp::{clamp, exp_of_pair, exp2_short, power, scale};
use super::log::{Log2, exponent, log_pair_of, split, split_any};
use super::num::{Fma, Pair, pick, two_mul};

/// x to the power of y.
#[derive(Clone, Copy)]
pub struct Pow;

/// `y log(2^k m)` as a pair.
#[inline(always)]
fn exponent_of<A: Fma>(k: f64, m: f64, y: f64) -> Pair {
    let (log, log_low) = log_pair_of::<A, _>(k, (m - 1.0, 0.0));
    let (high, low) = two_mul::<A, _>(y, log);
    (high, A::mad(y, log_low, low))
}

/// Whether `y` is an integer, and whether an odd one.
#[inline(always)]
fn integer(y: f64) -> (bool, bool) {
    const UNIT: f64 = 4_503_599_627_370_496.0; // 2^52: from here on all numbers are integers
    let a = y.abs();
    let shifted = a + UNIT;
    let big = a >= UNIT;
    let whole = big | (shifted - UNIT == a);
    let last = pick(big, a.to_bits(), shifted.to_bits()) & 1 != 0;
    (whole, whole & last & (a < 2.0 * UNIT))
}

/// Puts in the sign and what a power is where it is not `e^(y log |x|)`.
#[inline(always)]
fn special(x: f64, y: f64, plain: f64) -> f64 {
    let a = x.abs();
    let end = pick((a == 0.0) == (y < 0.0), f64::INFINITY, 0.0);
    let size = pick((a == 0.0) | (a == f64::INFINITY), end, plain);
    let (whole, odd) = integer(y);
    let value = pick(odd, size.copysign(x), size);
    let undefined = (x.is_nan() | y.is_nan()) | ((x < 0.0) & !whole & (a < f64::INFINITY));
    pick((y == 0.0) | (x == 1.0), 1.0, pick(undefined, f64::NAN, value))
}

impl Binary<f64> for Pow {
    #[inline(always)]
    fn fast<A: Fma>(x: f64, y: f64) -> f64 {
        let (k, m) = split(x);
        let (high, low) = exponent_of::<A>(k, m, y);
        let (shifted, e) = exp_of_pair::<A, _>((high, low));
        (e.0 + e.1) * power(shifted)
    }

    /// A bound of the result's exponent is all it takes.
    #[inline(always)]
    fn easy(x: f64, y: f64) -> bool {
        let normal = (x >= f64::MIN_POSITIVE) & (x < f64::INFINITY);
        normal & (y.abs() * (exponent(x).abs() + 1.0) < 1020.0)
    }

    #[inline(always)]
    fn full<A: Fma>(x: f64, y: f64) -> f64 {
        let (k, m) = split_any(x.abs());
        // Beyond 2^70 every x but one is out of range in one direction.
        let (high, low) = exponent_of::<A>(k, m, clamp(y, -1.2e21, 1.2e21));
        let low = pick(high.abs() > 750.0, 0.0, low);
        let (shifted, e) = exp_of_pair::<A, _>((clamp(high, -750.0, 712.0), low));
        special(x, y, scale(e.0 + e.1, shifted))
    }
}

impl Binary<f32> for Pow {
    #[inline(always)]
    fn fast<A: Fma>(x: f32, y: f32) -> f32 {
        let (k, m) = split(x as f64);
        exp2_short::<A, _>(clamp(y as f64 * Log2::sum_f32::<A>(k, m), -200.0, 200.0)) as f32
    }

    #[inline(always)]
    fn easy(x: f32, y: f32) -> bool {
        (x > 0.0) & (x < f32::INFINITY) & (y.abs() < f32::INFINITY)
    }

    #[inline(always)]
    fn full<A: Fma>(x: f32, y: f32) -> f32 {
        let (k, m) = split(x.abs() as f64);
        let log = Log2::sum_f32::<A>(k, m);
        let plain = exp2_short::<A, _>(clamp(clamp(y as f64, -1e30, 1e30) * log, -200.0, 200.0));
        special(x as f64, y as f64, plain) as f32
    }
}
