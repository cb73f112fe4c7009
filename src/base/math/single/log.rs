//! log, log2, log10, log1p in f32.
//!
//! `x = 2^k m` with `m` between the roots of 1/2 and 2 and `f = m - 1` exact; `log m` is `f + f² P(f)`. Only the largest
//! terms need their errors: `k ln 2 + f`, whose first product is exact, and in other bases the product of `f`.

use super::super::drive::{Unary, in_lanes};
use super::super::log::{Log1p, LogTo};
use super::super::num::{Easy, Fma, Lanes, Pair, fast_two_sum, pick, two_mul, two_sum};
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
fn split<T: Lanes<f32>>(x: T) -> (T, T) {
    let bits = x.plus_bits(TO_ONE);
    let k = bits.right::<23>().or_bits(INTEGER) - T::of(INTEGER_BIAS);
    (k, bits.and_bits(0x007f_ffff).plus_bits(ROOT_HALF))
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
fn beyond<A: Fma, T: Lanes<f32>>(f: T) -> Pair<T> {
    (f * f, A::mad(f, A::poly(f, &LOG), T::of(-0.5)))
}

/// `k ln 2 + log(1 + f + low)`.
#[inline(always)]
fn log_of<A: Fma, T: Lanes<f32>>(k: T, f: T, low: T) -> T {
    let (square, factor) = beyond::<A, T>(f);
    let (high, rest) = fast_two_sum(k * T::of(LN2_HIGH), f);
    high + A::mad(square, factor, A::mad(k, T::of(LN2_LOW), rest + low))
}

/// `1 / ln 2` and `1 / ln 10` with what these leave out, and `log10(2)` to 15 bits, and the rest.
const INV_LN2: Pair<f32> = (std::f32::consts::LOG2_E, 1.925_963_e-8);
const INV_LN10: Pair<f32> = (std::f32::consts::LOG10_E, -1.010_305_e-8);
const LOG10_2: Pair<f32> = (0.301_025_4, 4.605_039e-6);

/// `log(1 + f) unit + k step` where the first part of `k step` is exact.
#[inline(always)]
fn log_in<A: Fma, T: Lanes<f32>>(k: T, f: T, unit: Pair<f32>, step: Pair<f32>) -> T {
    let (unit, step) = ((T::of(unit.0), T::of(unit.1)), (T::of(step.0), T::of(step.1)));
    let (square, factor) = beyond::<A, T>(f);
    let (log, error) = fast_two_sum(f, square * factor);
    let (p, low) = two_mul::<A, _>(log, unit.0);
    let (high, rest) = fast_two_sum(k * step.0, p);
    high + (rest + A::mad(k, step.1, A::mad(log, unit.1, A::mad(error, unit.0, low))))
}

impl<const BASE: u8> LogTo<BASE> {
    #[inline(always)]
    fn single<A: Fma, T: Lanes<f32>>(k: T, m: T) -> T {
        let f = m - T::one();
        match BASE {
            2 => log_in::<A, T>(k, f, INV_LN2, (1.0, 0.0)),
            10 => log_in::<A, T>(k, f, INV_LN10, LOG10_2),
            _ => log_of::<A, T>(k, f, T::of(0.0)),
        }
    }

    #[inline(always)]
    fn log_single<A: Fma, T: Lanes<f32>>(x: T) -> T {
        let (k, m) = split(x);
        Self::single::<A, T>(k, m)
    }
}

impl<const BASE: u8> Unary<f32> for LogTo<BASE> {
    in_lanes!(f32, f32, Self::log_single, 4);

    const EASY: Easy<f32> = Easy::Between(f32::MIN_POSITIVE, f32::MAX);

    #[inline(always)]
    fn full<A: Fma>(x: f32) -> f32 {
        let (k, m) = split_any(x);
        ends(x, Self::single::<A, f32>(k, m))
    }
}

#[inline(always)]
fn log1p<A: Fma, T: Lanes<f32>>(x: T) -> T {
    let (y, rest) = two_sum(T::one(), x);
    let bits = y.plus_bits(TO_ONE);
    let biased = bits.right::<23>();
    let k = biased.or_bits(INTEGER) - T::of(INTEGER_BIAS);
    let m = bits.and_bits(0x007f_ffff).plus_bits(ROOT_HALF);
    // 2^(1-k); for k = 128 it comes out as zero, and then so is the rest.
    let unscale = T::of(0.5) * biased.bits_from(255).left::<23>();
    let (f, low) = fast_two_sum(m - T::one(), rest * unscale);
    // The derivative 1 / (1 + f), to the few bits that the low part needs.
    log_of::<A, T>(k, f, low * (T::one() - A::mad(-f, f, f))).signed(x)
}

impl Unary<f32> for Log1p {
    in_lanes!(f32, f32, log1p, 4);

    const EASY: Easy<f32> = Easy::Between(-1.0 + f32::EPSILON / 2.0, f32::MAX);

    #[inline(always)]
    fn full<A: Fma>(x: f32) -> f32 {
        let end = pick(x == -1.0, f32::NEG_INFINITY, pick(x < -1.0, f32::NAN, x));
        pick(x > -1.0 && x < f32::INFINITY, Self::fast::<A>(x), end)
    }
}
