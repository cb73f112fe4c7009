//! sin, cos, tan.
//!
//! `x = n π/2 + r` with `π/2` in three parts: the first difference is exact, the second is kept with its error, so `r` is
//! good to 2^-100 or so even next to a multiple of `π/2`. Both `sin r` and `cos r` are summed (odd and even polynomial,
//! largest terms last and with their errors) and the low bits of `n` choose. Beyond `LIMIT` the standard library.
//! f32: in f64 with two parts of `π/2` and half as many terms.

use super::drive::{Unary, in_lanes};
use super::num::{Easy, Fma, Lanes, Pair, divide, fast_two_sum, minus_product, two_mul};

/// Adding it rounds to an integer, which are then the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Beyond this the reduction is left to the standard library.
const LIMIT: f64 = 1_073_741_824.0;
const LIMIT_F32: f32 = 1_000_000.0;
const HALF_PI: [f64; 3] = [std::f64::consts::FRAC_PI_2, 6.123233995736766e-17, -1.4973849048591698e-33];
/// The first 33 bits, and the rest.
const HALF_PI_F32: Pair = (1.5707963267341256, 6.077100506506192e-11);

/// The first 33 bits of π, and the rest.
const PI_F32: Pair = (2.0 * HALF_PI_F32.0, 2.0 * HALF_PI_F32.1);

/// `(sin r / r - 1) / r²` in `r²`: 2^-57.9 of the sine up to π/4.
const SIN: [f64; 6] = [
    -0.1666666666666663,
    0.00833333333332184,
    -0.000198412698293587,
    2.7557313538618466e-06,
    -2.5050734410393152e-08,
    1.5895434764479188e-10,
];
/// `(cos r - 1 + r²/2) / r⁴` in `r²`: 2^-64.
const COS: [f64; 6] = [
    0.041666666666666595,
    -0.0013888888888873335,
    2.4801587288995086e-05,
    -2.755731421436685e-07,
    2.087570496117596e-09,
    -1.135872360959641e-11,
];
/// The same for f32: 2^-37.
const SIN_F32: [f64; 4] = [-0.1666666664075512, 0.008333329299953991, -0.0001983931067706466, 2.7181062905986494e-06];
/// And 2^-43.
const COS_F32: [f64; 4] =
    [0.04166666661941988, -0.0013888883493902641, 2.4799458511380194e-05, -2.7205616791361205e-07];

/// `(sin r / r - 1) / r²` in `r²` up to π/2: 2^-35 of the sine.
const SIN_HALF_TURN: [f64; 5] = [
    -0.1666666662606066,
    0.008333331104842178,
    -0.00019840867709229747,
    2.752535814943933e-06,
    -2.3888435754543975e-08,
];

/// `n` as the low bits of a number, and `r` as a pair: for `|x|` up to `LIMIT`.
#[inline(always)]
fn reduce<A: Fma, T: Lanes<f64>>(x: T) -> (T, Pair<T>) {
    let shifted = A::mad(x, T::of(std::f64::consts::FRAC_2_PI), T::of(ROUND));
    let n = shifted - T::of(ROUND);
    let first = minus_product::<A, _>(x, n, T::of(HALF_PI[0]));
    let (second, error) = two_mul::<A, _>(n, T::of(HALF_PI[1]));
    let r = first - second;
    let rest = (first - r) - second;
    (shifted, (r, rest - A::mad(n, T::of(HALF_PI[2]), error)))
}

/// sin and cos of a pair of up to π/4, each as a pair whose first part may be off by the second.
#[inline(always)]
fn sin_cos<A: Fma, T: Lanes<f64>>((r, low): Pair<T>) -> (Pair<T>, Pair<T>) {
    let z = r * r;
    let half = T::of(0.5) * z;
    let (one, rest) = fast_two_sum(T::one(), -half);
    let sin = A::mad(low, one, r * z * A::poly(z, &SIN));
    let cos = A::mad(z * z, A::poly(z, &COS), A::mad(-r, low, rest));
    ((r, sin), (one, cos))
}

/// The sine of `x + quarters π/2`.
#[inline(always)]
fn turn<A: Fma, T: Lanes<f64>>(x: T, quarters: u64) -> T {
    let (n, r) = reduce::<A, T>(x);
    let n = n.plus_bits(quarters);
    let (sin, cos) = sin_cos::<A, T>(r);
    let value = n.odd(cos.0 + cos.1, sin.0 + sin.1);
    value.xor(n.and_bits(2).left::<62>())
}

#[inline(always)]
fn sin<A: Fma, T: Lanes<f64>>(x: T) -> T {
    // The sum loses the sign of zero.
    x.equal(0.0, x, turn::<A, T>(x, 0))
}

#[inline(always)]
fn cos<A: Fma, T: Lanes<f64>>(x: T) -> T {
    turn::<A, T>(x, 1)
}

#[inline(always)]
fn tan<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let (n, r) = reduce::<A, T>(x);
    let (sin, cos) = sin_cos::<A, T>(r);
    let (sin, cos) = (fast_two_sum(sin.0, sin.1), fast_two_sum(cos.0, cos.1));
    let above = (n.odd(cos.0, sin.0), n.odd(cos.1, sin.1));
    let below = (n.odd(-sin.0, cos.0), n.odd(-sin.1, cos.1));
    let (high, low) = divide::<A, _>(above, below);
    x.equal(0.0, x, high + low)
}

/// The sine of `x + half π`, where `half` is 0 or 1/2, to the accuracy of f32: one polynomial over a half turn is
/// cheaper than two over a quarter.
#[inline(always)]
fn half_turn_f32<A: Fma, T: Lanes<f64>>(x: T, half: f64) -> T {
    let shifted = A::mad(x, T::of(std::f64::consts::FRAC_1_PI), T::of(half)) + T::of(ROUND);
    let n = (shifted - T::of(ROUND)) - T::of(half);
    let r = A::mad(n, T::of(-PI_F32.1), A::mad(n, T::of(-PI_F32.0), x));
    let z = r * r;
    let sin = r * A::mad(z, A::poly(z, &SIN_HALF_TURN), T::one());
    sin.xor(shifted.left::<63>())
}

#[inline(always)]
fn sin_f32<A: Fma, T: Lanes<f64>>(x: T) -> T {
    half_turn_f32::<A, T>(x, 0.0)
}

#[inline(always)]
fn cos_f32<A: Fma, T: Lanes<f64>>(x: T) -> T {
    half_turn_f32::<A, T>(x, 0.5)
}

#[inline(always)]
fn tan_f32<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let shifted = A::mad(x, T::of(std::f64::consts::FRAC_2_PI), T::of(ROUND));
    let n = shifted - T::of(ROUND);
    let r = A::mad(n, T::of(-HALF_PI_F32.1), A::mad(n, T::of(-HALF_PI_F32.0), x));
    let z = r * r;
    let sin = r * A::mad(z, A::poly(z, &SIN_F32), T::one());
    let cos = A::mad(z, A::mad(z, A::poly(z, &COS_F32), T::of(-0.5)), T::one());
    shifted.odd(-cos, sin) / shifted.odd(sin, cos)
}

#[derive(Clone, Copy)]
pub struct Sin;
#[derive(Clone, Copy)]
pub struct Cos;
#[derive(Clone, Copy)]
pub struct Tan;

/// A function up to the limit, and beyond that the standard library's.
macro_rules! periodic {
    ($name:ident, $near:ident, $near_f32:ident, $far:expr) => {
        impl Unary<f64> for $name {
            in_lanes!(f64, f64, $near, 2);

            const EASY: Easy<f64> = Easy::Magnitude(LIMIT);

            #[inline(always)]
            fn rare(x: f64) -> bool {
                x.abs() > LIMIT
            }

            fn slow(x: f64) -> f64 {
                $far(x)
            }
        }

        impl Unary<f32> for $name {
            in_lanes!(f32, f64, $near_f32, 4);

            const EASY: Easy<f32> = Easy::Magnitude(LIMIT_F32);

            #[inline(always)]
            fn rare(x: f32) -> bool {
                x.abs() > LIMIT_F32
            }

            fn slow(x: f32) -> f32 {
                $far(x as f64) as f32
            }
        }
    };
}

periodic!(Sin, sin, sin_f32, f64::sin);
periodic!(Cos, cos, cos_f32, f64::cos);
periodic!(Tan, tan, tan_f32, f64::tan);
