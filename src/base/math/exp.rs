//! exp, exp2, expm1.
//!
//! f64: `x = n ln 2 + r` with `ln 2` in two parts (Cody and Waite), so that `r` is known with its error; `e^r` is
//! `1 + r + r²/2 + r³ P(r)`, summed so that only the last addition rounds visibly; `2^n` is made from the bits of `n`.
//! Where the result is subnormal or overflows, `full` multiplies by two powers of two in turn.
//! f32: the same in f64 with a shorter polynomial, so that the conversion makes the only visible rounding and also
//! takes care of overflow and subnormal results.

use super::drive::{Unary, in_lanes};
use super::num::{Easy, Fma, Lanes, Pair, fast_two_sum, pick, two_mul};

/// Adding it rounds to an integer; the sum's low bits are that integer plus the bias of exponents.
pub(super) const ROUND: f64 = 6_755_399_441_055_744.0 + 1023.0;
pub(super) const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// `ln 2` to 42 bits, so that its product with an exponent is exact, and the rest.
pub(super) const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fefa_3800);
pub(super) const LN2_LOW: f64 = f64::from_bits(0x3d2e_f357_93c7_6730);
/// `ln 2` to 53 bits, and the rest.
const LN2: Pair = (std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);

/// `(e^r - 1 - r - r²/2) / r³` on half of ln 2 either side of zero: 2^-55 of `e^r - 1`, by Remez.
const EXP: [f64; 9] = [
    0.16666666666666602,
    0.04166666666661985,
    0.00833333333338853,
    0.0013888888920575227,
    0.0001984126970914872,
    2.480151624856077e-05,
    2.7557425100424266e-06,
    2.7622272703133774e-07,
    2.5045949830559564e-08,
];

/// The same to 2^-59, for differences from one.
const EXPM1: [f64; 10] = [
    0.16666666666666677,
    0.041666666666666574,
    0.008333333333322125,
    0.0013888888888942974,
    0.00019841269885046176,
    2.4801587197675044e-05,
    2.7557245176270488e-06,
    2.755738741576623e-07,
    2.5108731842224474e-08,
    2.087883293404377e-09,
];

/// `(2^t - 1) / t` on half either side of zero: 2^-28.9 of `2^t`.
const EXP2_F32: [f64; 6] = [
    0.6931472029039383,
    0.24022647906246014,
    0.05550332348387167,
    0.009618437916871404,
    0.0013398926475260736,
    0.00015353307532625394,
];

/// `2^n` from `n + ROUND`, for exponents of normal numbers.
#[inline(always)]
pub(super) fn power<T: Lanes<f64>>(shifted: T) -> T {
    shifted.left::<52>()
}

/// `x` as `n ln 2 + r`: `n + ROUND`, and `r` as a pair.
#[inline(always)]
pub(super) fn reduce<A: Fma, T: Lanes<f64>>(x: T) -> (T, Pair<T>) {
    let shifted = A::mad(x, T::of(LOG2_E), T::of(ROUND));
    let n = shifted - T::of(ROUND);
    let high = A::mad(n, T::of(-LN2_HIGH), x);
    let low = n * T::of(LN2_LOW);
    let r = high - low;
    (shifted, (r, (high - r) - low))
}

/// `e^(r + low)` for a small `r`, as a pair.
#[inline(always)]
pub(super) fn around_zero<A: Fma, T: Lanes<f64>>((r, low): Pair<T>) -> Pair<T> {
    let (high, rest) = fast_two_sum(T::of(1.0), r);
    let half = A::mad(r, A::poly(r, &EXP), T::of(0.5));
    (high, rest + A::mad(r * r, half, low))
}

/// `e^x` as a pair and a power of two as `n + ROUND`: for `|x|` up to 1080 or so.
#[inline(always)]
pub(super) fn exp_pair<A: Fma, T: Lanes<f64>>(x: T) -> (T, Pair<T>) {
    let (shifted, r) = reduce::<A, _>(x);
    (shifted, around_zero::<A, _>(r))
}

/// The same for a pair whose second part may be more than a rounding.
#[inline(always)]
pub(super) fn exp_of_pair<A: Fma, T: Lanes<f64>>((x, low): Pair<T>) -> (T, Pair<T>) {
    let (shifted, (r, rest)) = reduce::<A, _>(x);
    (shifted, around_zero::<A, _>(fast_two_sum(r, rest + low)))
}

/// `value` times `2^n` given as `n + ROUND`, rounded once, for `n` from -1075 to 1030 and values near one.
#[inline(always)]
pub(super) fn scale(value: f64, shifted: f64) -> f64 {
    let n = shifted - ROUND;
    let first = pick(n < -1021.0, -1021.0, n);
    let first = pick(first > 1023.0, 1023.0, first);
    value * power(first + ROUND) * power((n - first) + ROUND)
}

/// Keeps nan, and infinities become the bounds.
#[inline(always)]
pub(super) fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let x = pick(x > high, high, x);
    pick(x < low, low, x)
}

#[inline(always)]
fn exp<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let (shifted, e) = exp_pair::<A, T>(x);
    (e.0 + e.1) * power(shifted)
}

/// e to the power of x.
#[derive(Clone, Copy)]
pub struct Exp;

impl Unary<f64> for Exp {
    in_lanes!(f64, f64, exp, 4);

    const EASY: Easy<f64> = Easy::Magnitude(708.0);

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        let (shifted, e) = exp_pair::<A, _>(clamp(x, -746.0, 711.0));
        scale(e.0 + e.1, shifted)
    }
}

/// `2^t` to 2^-28.9, for `|t|` up to 1020.
#[inline(always)]
pub(super) fn exp2_short<A: Fma, T: Lanes<f64>>(t: T) -> T {
    let shifted = t + T::of(ROUND);
    let r = t - (shifted - T::of(ROUND));
    A::mad(r, A::poly(r, &EXP2_F32), T::one()) * power(shifted)
}

/// 2 to the power of x.
#[derive(Clone, Copy)]
pub struct Exp2;

#[inline(always)]
fn exp2_pair<A: Fma, T: Lanes<f64>>(x: T) -> (T, Pair<T>) {
    let shifted = x + T::of(ROUND);
    let t = x - (shifted - T::of(ROUND));
    let (r, low) = two_mul::<A, _>(t, T::of(LN2.0));
    (shifted, around_zero::<A, _>((r, A::mad(t, T::of(LN2.1), low))))
}

#[inline(always)]
fn exp2<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let (shifted, e) = exp2_pair::<A, T>(x);
    (e.0 + e.1) * power(shifted)
}

impl Unary<f64> for Exp2 {
    in_lanes!(f64, f64, exp2, 4);

    const EASY: Easy<f64> = Easy::Magnitude(1020.0);

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        let (shifted, e) = exp2_pair::<A, _>(clamp(x, -1080.0, 1025.0));
        scale(e.0 + e.1, shifted)
    }
}

/// e to the power of x, less one.
#[derive(Clone, Copy)]
pub struct Expm1;

/// `2^n` and `e^x - 2^n` as a pair, for `|x|` up to 708.
#[inline(always)]
pub(super) fn parts<A: Fma, T: Lanes<f64>>(x: T) -> (T, Pair<T>) {
    let (shifted, (r, low)) = reduce::<A, _>(x);
    let power = power(shifted);
    let (square, error) = two_mul::<A, _>(r, r);
    let tail = A::mad(r * square, A::poly(r, &EXPM1), A::mad(T::of(0.5), error, low));
    let (high, rest) = fast_two_sum(r, T::of(0.5) * square);
    let (high, rest) = fast_two_sum(high, rest + tail);
    (power, (power * high, power * rest))
}

/// `e^x - 1` as a pair, for `x` from -60 to 708. The sign of zero is lost.
#[inline(always)]
pub(super) fn expm1_pair<A: Fma, T: Lanes<f64>>(x: T) -> Pair<T> {
    let (power, (e, low)) = parts::<A, T>(x);
    // 2^n - 1 is exact up to 2^53 and the 1 is lost beyond; there it would be worth half a unit of the result.
    let whole = power - T::one();
    let lost = (power - whole) - T::one();
    let (high, rest) = fast_two_sum(whole, e);
    (high, rest + (low + lost))
}

#[inline(always)]
fn expm1<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let (high, low) = expm1_pair::<A, _>(x.at_least(-60.0));
    (high + low).signed(x)
}

impl Unary<f64> for Expm1 {
    in_lanes!(f64, f64, expm1, 4);

    const EASY: Easy<f64> = Easy::Magnitude(708.0);

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        pick(x > 708.0, Exp::full::<A>(x), Self::fast::<A>(x))
    }
}

/// `(2^t - 1) / t` on half either side of zero: 2^-32 of itself.
const EXP2M1_F32: [f64; 7] = [
    0.6931471805817083,
    0.24022650920583677,
    0.05550410726885394,
    0.009618056920691025,
    0.0013333669950905567,
    0.00015461376774269278,
    1.5252647805729905e-05,
];

/// `2^t - 1` to the accuracy of f32, for `t` from -60 to 1000.
#[inline(always)]
pub(super) fn exp2m1_short<A: Fma, T: Lanes<f64>>(t: T) -> T {
    let shifted = t + T::of(ROUND);
    let r = t - (shifted - T::of(ROUND));
    let power = power(shifted);
    A::mad(power * r, A::poly(r, &EXP2M1_F32), power - T::one())
}
