//! log, log2, log10, log1p in f32.
//!
//! `x = 2^k m` with `m` between the roots of 1/2 and 2 and `f = m - 1` exact; `log m` is `f + f² P(f)`. Only the largest
//! terms need their errors: `k ln 2 + f`, whose first product is exact, and in other bases the product of `f`.

use super::super::drive::Unary;
use super::super::log::{Log1p, LogTo};
use super::super::num::{Fma, Pair, fast_two_sum, pick, two_mul, two_sum};
use super::{LN2_HIGH, LN2_LOW};

/// `(log(1 + f) - f) / f²` beyond its constant -1/2, over `f`: 2^-30 of the logarithm.
const LOG: [f32; 9] =
    [0.33333313, -0.2500001, 0.20002073, -0.16667995, 0.14220317, -0.12406052, 0.11883743, -0.11671484, 0.06750534];

/// The bits of the root of one half, and their distance from those of one.
const ROOT_HALF: u32 = 0x3f35_04f3;
const TO_ONE: u32 = 0x3f80_0000 - ROOT_HALF;
/// A float whose low bits are an integer, and its value less the bias of exponents.
const INTEGER: u32 = 0x4b00_0000;
const INTEGER_BIAS: f32 = 8_388_608.0 + 127.0;

/// `k` and `m` with `x = 2^k m` and `m` between the roots of 1/2 and 2: for positive normal numbers.
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    let bits = x.to_bits().wrapping_add(TO_ONE);
    let k = f32::from_bits((bits >> 23) | INTEGER) - INTEGER_BIAS;
    (k, f32::from_bits((bits & 0x007f_ffff).wrapping_add(ROOT_HALF)))
}

/// `split` for all positive finite numbers.
#[inline(always)]
fn split_any(x: f32) -> (f32, f32) {
    let small = x < f32::MIN_POSITIVE;
    let (k, m) = split(pick(small, x * 16_777_216.0, x));
    (pick(small, k - 24.0, k), m)
}

/// Puts in what a logarithm is at the ends of its domain.
#[inline(always)]
fn ends(x: f32, inside: f32) -> f32 {
    let end = pick(x == 0.0, f32::NEG_INFINITY, pick(x < 0.0, f32::NAN, x));
    pick(x > 0.0 && x < f32::INFINITY, inside, end)
}

/// `f²` and what to multiply it by to have `log(1 + f) - f`.
#[inline(always)]
fn beyond<A: Fma>(f: f32) -> Pair<f32> {
    (f * f, A::mad(f, A::poly(f, &LOG), -0.5))
}

/// `k ln 2 + log(1 + f + low)`.
#[inline(always)]
fn log_of<A: Fma>(k: f32, f: f32, low: f32) -> f32 {
    let (square, factor) = beyond::<A>(f);
    let (high, rest) = fast_two_sum(k * LN2_HIGH, f);
    high + A::mad(square, factor, A::mad(k, LN2_LOW, rest + low))
}

/// `1 / ln 2` and `1 / ln 10` with what these leave out, and `log10(2)` to 15 bits, and the rest.
const INV_LN2: Pair<f32> = (std::f32::consts::LOG2_E, 1.925_963_e-8);
const INV_LN10: Pair<f32> = (std::f32::consts::LOG10_E, -1.010_305_e-8);
const LOG10_2: Pair<f32> = (0.301_025_4, 4.605_039e-6);

/// `log(1 + f) unit + k step` where the first part of `k step` is exact.
#[inline(always)]
fn log_in<A: Fma>(k: f32, f: f32, unit: Pair<f32>, step: Pair<f32>) -> f32 {
    let (square, factor) = beyond::<A>(f);
    let (log, error) = fast_two_sum(f, square * factor);
    let (p, low) = two_mul::<A, _>(log, unit.0);
    let (high, rest) = fast_two_sum(k * step.0, p);
    high + (rest + A::mad(k, step.1, A::mad(log, unit.1, A::mad(error, unit.0, low))))
}

impl<const BASE: u8> LogTo<BASE> {
    #[inline(always)]
    fn single<A: Fma>(k: f32, m: f32) -> f32 {
        match BASE {
            2 => log_in::<A>(k, m - 1.0, INV_LN2, (1.0, 0.0)),
            10 => log_in::<A>(k, m - 1.0, INV_LN10, LOG10_2),
            _ => log_of::<A>(k, m - 1.0, 0.0),
        }
    }
}

impl<const BASE: u8> Unary<f32> for LogTo<BASE> {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let (k, m) = split(x);
        Self::single::<A>(k, m)
    }

    #[inline(always)]
    fn easy(x: f32) -> bool {
        (x >= f32::MIN_POSITIVE) & (x < f32::INFINITY)
    }

    #[inline(always)]
    fn full<A: Fma>(x: f32) -> f32 {
        let (k, m) = split_any(x);
        ends(x, Self::single::<A>(k, m))
    }
}

impl Unary<f32> for Log1p {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let (y, rest) = two_sum(1.0, x);
        let bits = y.to_bits().wrapping_add(TO_ONE);
        let biased = bits >> 23;
        let k = f32::from_bits(biased | INTEGER) - INTEGER_BIAS;
        let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(ROOT_HALF));
        // 2^(1-k); for k = 128 it comes out as zero, and then so is the rest.
        let unscale = 0.5 * f32::from_bits(255u32.wrapping_sub(biased) << 23);
        let (f, low) = fast_two_sum(m - 1.0, rest * unscale);
        // The derivative 1 / (1 + f), to the few bits that the low part needs.
        log_of::<A>(k, f, low * (1.0 - A::mad(-f, f, f))).copysign(x)
    }

    #[inline(always)]
    fn easy(x: f32) -> bool {
        x > -1.0 && x < f32::INFINITY
    }

    #[inline(always)]
    fn full<A: Fma>(x: f32) -> f32 {
        let end = pick(x == -1.0, f32::NEG_INFINITY, pick(x < -1.0, f32::NAN, x));
        pick(x > -1.0 && x < f32::INFINITY, Self::fast::<A>(x), end)
    }
}
