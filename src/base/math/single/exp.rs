//! exp, exp2, expm1 in f32.
//!
//! `x = n ln 2 + r`, and `e^r` is `1 + r` with its error, and `r² Q(r)` on top. expm1 keeps the error of `r` as well.

use super::super::drive::{Unary, in_lanes};
use super::super::exp::{Exp, Exp2, Expm1, exp2m1_short};
use super::super::num::{Easy, Fma, Lanes, Pair, fast_two_sum, pick, two_mul};
use super::{LN2_HIGH, LN2_LOW, LOG2_E, ROUND, clamp, power, scale};

/// `(e^r - 1 - r) / r²` on half of ln 2 either side of zero: 2^-28.2 of `e^r`.
const EXP: [f32; 5] = [0.49999994, 0.1666652, 0.04166826, 0.008368857, 0.0013821768];
/// The same to 2^-31 of `e^r - 1`.
const EXPM1: [f32; 6] = [0.5, 0.16666667, 0.041666485, 0.0083332015, 0.001393307, 0.00019950076];

/// `e^x` as a power of two, given as `n + ROUND`, times a pair near one: for `|x|` up to 105.
#[inline(always)]
pub(super) fn exp_pair<A: Fma, T: Lanes<f32>>(x: T) -> (T, Pair<T>) {
    let shifted = A::mad(x, T::of(LOG2_E), T::of(ROUND));
    let n = shifted - T::of(ROUND);
    let r = A::mad(n, T::of(-LN2_LOW), A::mad(n, T::of(-LN2_HIGH), x));
    let (high, rest) = fast_two_sum(T::of(1.0), r);
    (shifted, (high, A::mad(r * r, A::poly(r, &EXP), rest)))
}

#[inline(always)]
fn exp<A: Fma, T: Lanes<f32>>(x: T) -> T {
    let (shifted, e) = exp_pair::<A, T>(x);
    (e.0 + e.1) * power(shifted)
}

impl Unary<f32> for Exp {
    in_lanes!(f32, f32, exp, 4);

    const EASY: Easy<f32> = Easy::Magnitude(87.0);

    #[inline(always)]
    fn full<A: Fma>(x: f32) -> f32 {
        let (shifted, e) = exp_pair::<A, _>(clamp(x, -105.0, 89.0));
        scale(e.0 + e.1, shifted)
    }
}

/// `ln 2` and what that leaves out.
const LN2: Pair<f32> = (std::f32::consts::LN_2, -1.904_654_3e-9);

#[inline(always)]
fn exp2_pair<A: Fma, T: Lanes<f32>>(x: T) -> (T, Pair<T>) {
    let shifted = x + T::of(ROUND);
    let t = x - (shifted - T::of(ROUND));
    let (r, low) = two_mul::<A, _>(t, T::of(LN2.0));
    let (high, rest) = fast_two_sum(T::one(), r);
    let rest = rest + A::mad(t, T::of(LN2.1), low);
    (shifted, (high, A::mad(r * r, A::poly(r, &EXP), rest)))
}

#[inline(always)]
fn exp2<A: Fma, T: Lanes<f32>>(x: T) -> T {
    let (shifted, e) = exp2_pair::<A, _>(x);
    (e.0 + e.1) * power(shifted)
}

impl Unary<f32> for Exp2 {
    in_lanes!(f32, f32, exp2, 4);

    const EASY: Easy<f32> = Easy::Magnitude(125.0);

    #[inline(always)]
    fn full<A: Fma>(x: f32) -> f32 {
        let (shifted, e) = exp2_pair::<A, _>(clamp(x, -151.0, 129.0));
        scale(e.0 + e.1, shifted)
    }
}

/// With fused multiply-add.
#[inline(always)]
fn expm1<A: Fma, T: Lanes<f32>>(x: T) -> T {
    let shifted = A::mad(x, T::of(LOG2_E), T::of(ROUND));
    let n = shifted - T::of(ROUND);
    let high = A::mad(n, T::of(-LN2_HIGH), x);
    let less = n * T::of(LN2_LOW);
    let r = high - less;
    let low = (high - r) - less;
    let (e, low) = fast_two_sum(r, A::mad(r * r, A::poly(r, &EXPM1), low));
    let power = power(shifted);
    // 2^n - 1 is exact up to 2^24 and the 1 is lost beyond; there it would be worth half a unit of the result.
    let whole = power - T::one();
    let lost = (power - whole) - T::one();
    let (sum, rest) = fast_two_sum(whole, power * e);
    (sum + A::mad(power, low, rest + lost)).signed(x)
}

impl Unary<f32> for Expm1 {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        if !A::FMA {
            // The roundings of products bring it to 1.03 units, and four numbers of f32 are no faster than two of f64.
            return (exp2m1_short::<A, _>(x as f64 * std::f64::consts::LOG2_E) as f32).copysign(x);
        }
        expm1::<A, _>(x)
    }

    in_lanes!(f32, f32, expm1, 4, by lanes);

    const EASY: Easy<f32> = Easy::Magnitude(87.0);

    #[inline(always)]
    fn full<A: Fma>(x: f32) -> f32 {
        pick(x > 87.0, Exp::full::<A>(x), Self::fast::<A>(pick(x < -40.0, -40.0, x)))
    }
}
