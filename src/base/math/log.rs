//! log, log2, log10, log1p.
//!
//! `x = 2^k m` with `m` between the roots of 1/2 and 2, by arithmetic on the bits; `f = m - 1` is exact and
//! `log m = 2 atanh s` with `s = f / (2 + f)`, whose odd series converges as fast as `s² < 0.03` does. log and log1p
//! sum it as `f - f²/2 + s (f²/2 + R(s²))`, where only small terms round. log2, log10, powers and the inverse hyperbolic
//! functions take `log_pair`, which keeps `s`, the cubic term and the sum in pairs: some 66 bits.
//! f32: in f64, where the series to `s^9` suffices and every f32 but zero is normal.

use super::drive::{Unary, in_lanes};
use super::exp::{LN2_HIGH, LN2_LOW};
use super::num::{Easy, Fma, Lanes, Pair, divide, fast_two_sum, pick, two_mul, two_sum};

/// `(2 atanh(s) / s - 2) / s²` in `s²`: 2^-59 of the logarithm.
const ATANH: [f64; 7] = [
    0.6666666666666735,
    0.3999999999940932,
    0.2857142874370193,
    0.22222198426598297,
    0.18183572518092153,
    0.15313827028111457,
    0.14798319070408952,
];

/// The same beyond its constant 2/3: 2^-66.
const ATANH_LONG: [f64; 7] = [
    0.4000000000000227,
    0.28571428570091195,
    0.22222222521488444,
    0.18181784224490385,
    0.15386764142589643,
    0.13256653925878717,
    0.13197894205480395,
];
const TWO_THIRDS: Pair = (0.6666666666666666, 3.700743415417188e-17);

/// The same for f32: 2^-37.
const ATANH_F32: [f64; 4] = [0.6666666564119247, 0.400003362738741, 0.28537233211589474, 0.23583686118584488];

const INV_LN2: Pair = (std::f64::consts::LOG2_E, 2.0355273740931033e-17);
const INV_LN10: Pair = (std::f64::consts::LOG10_E, 1.098319650216765e-17);
/// `log10(2)` to 42 bits, and the rest.
const LOG10_2: Pair = (0.30102999566395283, 2.8363394551044964e-14);

/// The bits of the root of one half, and their distance from those of one.
const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
const TO_ONE: u64 = 0x3ff0_0000_0000_0000 - ROOT_HALF;
/// A double whose low bits are an integer, and its value less the bias of exponents.
const INTEGER: u64 = 0x4330_0000_0000_0000;
const INTEGER_BIAS: f64 = 4_503_599_627_370_496.0 + 1023.0;

/// `k` and `m` with `x = 2^k m` and `m` between the roots of 1/2 and 2: for positive normal numbers.
#[inline(always)]
pub(super) fn split<T: Lanes<f64>>(x: T) -> (T, T) {
    (exponent(x), x.plus_bits(TO_ONE).and_bits(0x000f_ffff_ffff_ffff).plus_bits(ROOT_HALF))
}

/// The `k` of `split`.
#[inline(always)]
pub(super) fn exponent<T: Lanes<f64>>(x: T) -> T {
    x.plus_bits(TO_ONE).right::<52>().or_bits(INTEGER) - T::of(INTEGER_BIAS)
}

/// `split` for all positive finite numbers.
#[inline(always)]
pub(super) fn split_any(x: f64) -> (f64, f64) {
    let small = x < f64::MIN_POSITIVE;
    let (k, m) = split(pick(small, x * 18_014_398_509_481_984.0, x));
    (pick(small, k - 54.0, k), m)
}

/// `k ln 2 + log(1 + f + low)`.
#[inline(always)]
pub(super) fn log_of<A: Fma, T: Lanes<f64>>(k: T, f: T, low: T) -> T {
    let s = f / (T::of(2.0) + f);
    let z = s * s;
    let half = T::of(0.5) * f * f;
    let (high, rest) = fast_two_sum(k * T::of(LN2_HIGH), f);
    let tail = A::mad(s, A::mad(z, A::poly(z, &ATANH), half), A::mad(k, T::of(LN2_LOW), low));
    high + (rest - A::mad(T::of(0.5) * f, f, -tail))
}

/// `log(1 + f)` as a pair: some 66 bits.
#[inline(always)]
pub(super) fn log_pair<A: Fma, T: Lanes<f64>>((f, low): Pair<T>) -> Pair<T> {
    let (below, rest) = fast_two_sum(T::of(2.0), f);
    let (s, s_low) = divide::<A, _>((f, low), (below, rest + low));
    let (z, z_low) = two_mul::<A, _>(s, s);
    let z_low = A::mad(T::of(2.0) * s, s_low, z_low);
    let (c, c_rest) = fast_two_sum(T::of(TWO_THIRDS.0), z * A::poly(z, &ATANH_LONG));
    let c_low = c_rest + T::of(TWO_THIRDS.1);
    let (u, u_low) = two_mul::<A, _>(s, z);
    let u_low = u_low + A::mad(s, z_low, s_low * z);
    let (v, v_low) = two_mul::<A, _>(u, c);
    let v_low = v_low + A::mad(u, c_low, u_low * c);
    let (high, rest) = fast_two_sum(T::of(2.0) * s, v);
    (high, rest + A::mad(T::of(2.0), s_low, v_low))
}

/// `k ln 2 + log(1 + f)` as a pair.
#[inline(always)]
pub(super) fn log_pair_of<A: Fma, T: Lanes<f64>>(k: T, f: Pair<T>) -> Pair<T> {
    let (log, low) = log_pair::<A, T>(f);
    let (high, rest) = fast_two_sum(k * T::of(LN2_HIGH), log);
    (high, rest + A::mad(k, T::of(LN2_LOW), low))
}

/// Puts in what a logarithm is at the ends of its domain.
#[inline(always)]
fn ends(x: f64, inside: f64) -> f64 {
    let end = pick(x == 0.0, f64::NEG_INFINITY, pick(x < 0.0, f64::NAN, x));
    pick(x > 0.0 && x < f64::INFINITY, inside, end)
}

/// `log(1 + f)` to 2^-37.
#[inline(always)]
fn log_short<A: Fma>(f: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    A::mad(s * z, A::poly(z, &ATANH_F32), 2.0 * s)
}

/// The logarithm to a base.
#[derive(Clone, Copy)]
pub struct LogTo<const BASE: u8>;

/// The natural logarithm.
pub type Log = LogTo<0>;
pub type Log2 = LogTo<2>;
pub type Log10 = LogTo<10>;

impl<const BASE: u8> LogTo<BASE> {
    #[inline(always)]
    fn log<A: Fma, T: Lanes<f64>>(x: T) -> T {
        let (k, m) = split(x);
        Self::sum::<A, T>(k, m)
    }

    /// The logarithm of `2^k m`.
    #[inline(always)]
    fn sum<A: Fma, T: Lanes<f64>>(k: T, m: T) -> T {
        let f = m - T::one();
        match BASE {
            2 => {
                let (high, low) = in_units::<A, T>(log_pair::<A, T>((f, T::of(0.0))), INV_LN2);
                let (sum, rest) = fast_two_sum(k, high);
                sum + (rest + low)
            }
            10 => {
                let (high, low) = in_units::<A, T>(log_pair::<A, T>((f, T::of(0.0))), INV_LN10);
                let (sum, rest) = fast_two_sum(k * T::of(LOG10_2.0), high);
                sum + (rest + A::mad(k, T::of(LOG10_2.1), low))
            }
            _ => log_of::<A, T>(k, f, T::of(0.0)),
        }
    }

    /// The same to the accuracy of f32.
    #[inline(always)]
    pub(super) fn sum_f32<A: Fma>(k: f64, m: f64) -> f64 {
        match BASE {
            2 => A::mad(log_short::<A>(m - 1.0), INV_LN2.0, k),
            10 => A::mad(log_short::<A>(m - 1.0), INV_LN10.0, k * std::f64::consts::LOG10_2),
            _ => A::mad(k, std::f64::consts::LN_2, log_short::<A>(m - 1.0)),
        }
    }
}

/// The product of two pairs.
#[inline(always)]
fn in_units<A: Fma, T: Lanes<f64>>(a: Pair<T>, unit: Pair) -> Pair<T> {
    let unit = (T::of(unit.0), T::of(unit.1));
    let (high, low) = two_mul::<A, _>(a.0, unit.0);
    (high, A::mad(a.0, unit.1, A::mad(a.1, unit.0, low)))
}

impl<const BASE: u8> Unary<f64> for LogTo<BASE> {
    in_lanes!(f64, f64, Self::log, 4);

    const EASY: Easy<f64> = Easy::Between(f64::MIN_POSITIVE, f64::MAX);

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        let (k, m) = split_any(x);
        ends(x, Self::sum::<A, f64>(k, m))
    }
}

/// log(1 + x), without the loss of forming 1 + x.
#[derive(Clone, Copy)]
pub struct Log1p;

/// `1 + u` for `u > -1` as `2^k (1 + f)`: `k`, and `f` as a pair; for `k = 0` the pair is `u` unrounded.
#[inline(always)]
pub(super) fn split_1p<T: Lanes<f64>>((u, u_low): Pair<T>) -> (T, Pair<T>) {
    let (y, rest) = two_sum(T::one(), u);
    let bits = y.plus_bits(TO_ONE);
    let biased = bits.right::<52>();
    let k = biased.or_bits(INTEGER) - T::of(INTEGER_BIAS);
    let m = bits.and_bits(0x000f_ffff_ffff_ffff).plus_bits(ROOT_HALF);
    // 2^(1-k); for k = 1024 it comes out as zero, and then so is the rest.
    let unscale = T::of(0.5) * biased.bits_from(2047).left::<52>();
    let (f, low) = fast_two_sum(m - T::one(), rest * unscale);
    (k, (f, u_low * unscale + low))
}

/// log1p of a pair, rounded once or so, for `-1 < u < 2^1023`.
#[inline(always)]
pub(super) fn log1p_of<A: Fma, T: Lanes<f64>>(u: Pair<T>) -> T {
    let (k, (f, low)) = split_1p(u);
    // The derivative 1 / (1 + f), to the few bits that the low part needs.
    log_of::<A, T>(k, f, low * (T::one() - A::mad(-f, f, f)))
}

/// log1p to 2^-36, for `-1 < u < 2^1023`. In f64, `1 + u` is rounded, but its error is known.
#[inline(always)]
pub(super) fn log1p_short<A: Fma>(u: f64) -> f64 {
    let (k, (f, low)) = split_1p((u, 0.0));
    A::mad(k, std::f64::consts::LN_2, log_short::<A>(f) + low)
}

#[inline(always)]
fn log1p<A: Fma, T: Lanes<f64>>(x: T) -> T {
    log1p_of::<A, T>((x, T::of(0.0))).signed(x)
}

impl Unary<f64> for Log1p {
    in_lanes!(f64, f64, log1p, 4);

    const EASY: Easy<f64> = Easy::Between(-1.0 + f64::EPSILON / 2.0, f64::MAX);

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        let end = pick(x == -1.0, f64::NEG_INFINITY, pick(x < -1.0, f64::NAN, x));
        pick(x > -1.0 && x < f64::INFINITY, Self::fast::<A>(x), end)
    }
}
