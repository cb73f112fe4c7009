//! sin, cos, tan.
//!
//! `x = n π/2 + r` with `π/2` in three parts: the first difference is exact, the second is kept with its error, so `r` is
//! good to 2^-100 or so even next to a multiple of `π/2`. Both `sin r` and `cos r` are summed (odd and even polynomial,
//! largest terms last and with their errors) and the low bits of `n` choose. Beyond `LIMIT` the standard library.
//! f32: in f64 with two parts of `π/2` and half as many terms.

use super::drive::Unary;
use super::num::{Fma, Pair, divide, fast_two_sum, minus_product, pick, two_mul};

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
fn reduce<A: Fma>(x: f64) -> (u64, Pair) {
    let shifted = A::mad(x, std::f64::consts::FRAC_2_PI, ROUND);
    let n = shifted - ROUND;
    let first = minus_product::<A, _>(x, n, HALF_PI[0]);
    let (second, error) = two_mul::<A, _>(n, HALF_PI[1]);
    let r = first - second;
    let rest = (first - r) - second;
    (shifted.to_bits(), (r, rest - A::mad(n, HALF_PI[2], error)))
}

/// sin and cos of a pair of up to π/4, each as a pair whose first part may be off by the second.
#[inline(always)]
fn sin_cos<A: Fma>((r, low): Pair) -> (Pair, Pair) {
    let z = r * r;
    let half = 0.5 * z;
    let (one, rest) = fast_two_sum(1.0, -half);
    let sin = A::mad(low, one, r * z * A::poly(z, &SIN));
    let cos = A::mad(z * z, A::poly(z, &COS), A::mad(-r, low, rest));
    ((r, sin), (one, cos))
}

/// The sine of `x + quarters π/2`.
#[inline(always)]
fn turn<A: Fma>(x: f64, quarters: u64) -> f64 {
    let (n, r) = reduce::<A>(x);
    let n = n.wrapping_add(quarters);
    let (sin, cos) = sin_cos::<A>(r);
    let value = pick(n & 1 == 0, sin.0 + sin.1, cos.0 + cos.1);
    f64::from_bits(value.to_bits() ^ ((n & 2) << 62))
}

/// The sine of `x + half π`, where `half` is 0 or 1/2, to the accuracy of f32: one polynomial over a half turn is
/// cheaper than two over a quarter.
#[inline(always)]
fn half_turn_f32<A: Fma>(x: f64, half: f64) -> f32 {
    let shifted = A::mad(x, std::f64::consts::FRAC_1_PI, half) + ROUND;
    let n = (shifted - ROUND) - half;
    let r = A::mad(-n, PI_F32.1, A::mad(-n, PI_F32.0, x));
    let z = r * r;
    let sin = r * A::mad(z, A::poly(z, &SIN_HALF_TURN), 1.0);
    f64::from_bits(sin.to_bits() ^ (shifted.to_bits() << 63)) as f32
}

#[inline(always)]
fn reduce_f32<A: Fma>(x: f64) -> (u64, f64) {
    let shifted = A::mad(x, std::f64::consts::FRAC_2_PI, ROUND);
    let n = shifted - ROUND;
    (shifted.to_bits(), A::mad(-n, HALF_PI_F32.1, A::mad(-n, HALF_PI_F32.0, x)))
}

#[inline(always)]
fn sin_cos_f32<A: Fma>(r: f64) -> (f64, f64) {
    let z = r * r;
    let sin = r * A::mad(z, A::poly(z, &SIN_F32), 1.0);
    let cos = A::mad(z, A::mad(z, A::poly(z, &COS_F32), -0.5), 1.0);
    (sin, cos)
}

/// The three functions, without the arguments beyond the limit.
trait Periodic: Copy {
    fn near<A: Fma>(x: f64) -> f64;
    fn near_f32<A: Fma>(x: f64) -> f32;
    fn far(x: f64) -> f64;
}

#[derive(Clone, Copy)]
pub struct Sin;

impl Periodic for Sin {
    #[inline(always)]
    fn near<A: Fma>(x: f64) -> f64 {
        // The sum loses the sign of zero.
        pick(x == 0.0, x, turn::<A>(x, 0))
    }

    #[inline(always)]
    fn near_f32<A: Fma>(x: f64) -> f32 {
        half_turn_f32::<A>(x, 0.0)
    }

    fn far(x: f64) -> f64 {
        x.sin()
    }
}

#[derive(Clone, Copy)]
pub struct Cos;

impl Periodic for Cos {
    #[inline(always)]
    fn near<A: Fma>(x: f64) -> f64 {
        turn::<A>(x, 1)
    }

    #[inline(always)]
    fn near_f32<A: Fma>(x: f64) -> f32 {
        half_turn_f32::<A>(x, 0.5)
    }

    fn far(x: f64) -> f64 {
        x.cos()
    }
}

#[derive(Clone, Copy)]
pub struct Tan;

impl Periodic for Tan {
    #[inline(always)]
    fn near<A: Fma>(x: f64) -> f64 {
        let (n, r) = reduce::<A>(x);
        let (sin, cos) = sin_cos::<A>(r);
        let (sin, cos) = (fast_two_sum(sin.0, sin.1), fast_two_sum(cos.0, cos.1));
        let odd = n & 1 != 0;
        let above = (pick(odd, cos.0, sin.0), pick(odd, cos.1, sin.1));
        let below = (pick(odd, -sin.0, cos.0), pick(odd, -sin.1, cos.1));
        let (high, low) = divide::<A, _>(above, below);
        pick(x == 0.0, x, high + low)
    }

    #[inline(always)]
    fn near_f32<A: Fma>(x: f64) -> f32 {
        let (n, r) = reduce_f32::<A>(x);
        let (sin, cos) = sin_cos_f32::<A>(r);
        let odd = n & 1 != 0;
        (pick(odd, -cos, sin) / pick(odd, sin, cos)) as f32
    }

    fn far(x: f64) -> f64 {
        x.tan()
    }
}

impl<F: Periodic> Unary<f64> for F {
    #[inline(always)]
    fn fast<A: Fma>(x: f64) -> f64 {
        F::near::<A>(x)
    }

    #[inline(always)]
    fn easy(x: f64) -> bool {
        !(x.abs() > LIMIT)
    }

    #[inline(always)]
    fn rare(x: f64) -> bool {
        x.abs() > LIMIT
    }

    fn slow(x: f64) -> f64 {
        F::far(x)
    }
}

impl<F: Periodic> Unary<f32> for F {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        F::near_f32::<A>(x as f64)
    }

    #[inline(always)]
    fn easy(x: f32) -> bool {
        !(x.abs() > LIMIT_F32)
    }

    #[inline(always)]
    fn rare(x: f32) -> bool {
        x.abs() > LIMIT_F32
    }

    fn slow(x: f32) -> f32 {
        F::far(x as f64) as f32
    }
}
