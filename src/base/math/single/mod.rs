//! The functions of f32 that are computed in f32: twice the numbers in a vector that f64 has.
//!
//! In: single f32. Out: the function, within one unit of the last place. The idea: as in f64 next door, with shorter
//! polynomials; whatever would cost a rounding that shows (the remainder of a reduction, the largest term of a sum) is
//! carried in a second number. Functions whose inner results need more bits than that are computed in f64 in the files next
//! door, and rounded.
//!
//! Over all 2^32 numbers, in units of the last place, with fused multiply-add | without: exp 0.80 | 0.80, exp2 0.79 | 0.80,
//! expm1 0.89 | 0.67, log 0.85 | 0.90, log2 0.98 | 0.99, log10 0.83 | 0.84, log1p 0.85 | 0.92, tanh 0.95 | 0.51, erf 0.95 | 0.51.

mod erf;
mod exp;
mod hyper;
mod log;

use super::num::{Lanes, pick};

/// Adding it rounds to an integer; the sum's low bits are that integer plus the bias of exponents.
const ROUND: f32 = 12_582_912.0 + 127.0;
const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// `ln 2` to 15 bits, so that its product with an exponent is exact, and the rest.
const LN2_HIGH: f32 = 0.693_145_75;
const LN2_LOW: f32 = 1.428_606_8e-6;

/// `2^n` from `n + ROUND`, for exponents of normal numbers.
#[inline(always)]
fn power<T: Lanes<f32>>(shifted: T) -> T {
    shifted.left::<23>()
}

/// `value` times `2^n` given as `n + ROUND`, rounded once, for `n` from -152 to 130 and values near one.
#[inline(always)]
fn scale(value: f32, shifted: f32) -> f32 {
    let n = shifted - ROUND;
    let first = pick(n < -125.0, -125.0, n);
    let first = pick(first > 127.0, 127.0, first);
    value * power(first + ROUND) * power((n - first) + ROUND)
}

/// Keeps nan, and infinities become the bounds.
#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = pick(x > high, high, x);
    pick(x < low, low, x)
}
