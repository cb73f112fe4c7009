//! erf, erfc.
//!
//! erf: `x + x P(x²)` up to 0.85 (in f32 up to 1); beyond, `1 - e^-a² G` with `G = e^a² erfc a` as a polynomial in `(a - 3) / (a + 3)`.
//! erfc: up to 0.65 one less erf; beyond, `e^-a² F / (1 + 2a)` with `F` a polynomial in `(a - 4) / (a + 4)`; the square,
//! the exponential, `F` and the quotient are pairs, since a relative error of a last place is asked for down to the
//! smallest numbers. Left of zero it is two less that. f32: the same in f64 with shorter polynomials and without pairs.

use super::drive::{Unary, in_lanes};
use super::exp::{LOG2_E, exp_of_pair, exp2_short, power, scale};
use super::num::{Fma, Lanes, Pair, divide, fast_two_sum, pick, two_mul, two_sum};

/// `erf x / x - 1` in `x²` up to 0.85, first the constant term: 2^-56.3 of erf.
const NEAR_FIRST: f64 = 0.1283791670955126;
const NEAR: [f64; 11] = [
    -0.3761263890318416,
    0.11283791670977109,
    -0.02686617064977409,
    0.005223977675776619,
    -0.0008548330206774643,
    0.00012055458332167113,
    -1.4928810035327324e-05,
    1.6512918715223066e-06,
    -1.6864916012030402e-07,
    1.745066570910357e-08,
    -1.6978291651274487e-09,
];
/// Up to 1: 2^-34.8.
const NEAR_F32: [f64; 8] = [
    0.12837916705803076,
    -0.3761263843472855,
    0.11283781975174115,
    -0.026865400095563114,
    0.005220945560169372,
    -0.0008482830401184471,
    0.00011256957268513492,
    -9.641537936810701e-06,
];
/// `e^a² erfc a` in `(a - 3) / (a + 3)` for `a` from 0.85 to 6, weighted as erf needs it: 2^-58.9.
const FAR: [f64; 13] = [
    0.17900115118137985,
    -0.3262335600438579,
    0.24560380169808305,
    -0.15011593646908553,
    0.07166584077510245,
    -0.024392450203726684,
    0.004269495736906941,
    0.0007094062492138636,
    -0.0005919611110653363,
    5.575841130692077e-05,
    7.805422603324135e-05,
    -2.1283777532000585e-06,
    -5.3058587539587025e-06,
];
/// The same in `a` from 1 to 4: 2^-31.
const FAR_F32: [f64; 10] = [
    0.9957877398137372,
    -1.0998608367040552,
    0.9123143540771661,
    -0.5892659600293734,
    0.29364961207040824,
    -0.10972767421827335,
    0.029468794957444474,
    -0.005333374850949149,
    0.0005793374050663652,
    -2.8417266819511952e-05,
];
/// `(1 + 2a) e^a² erfc a` in `(a - 2.5) / (a + 2.5)` up to 10.5: 2^-30.
const TAIL_F32: [f64; 12] = [
    1.264838183623011,
    -0.12235676266662707,
    -0.09902445069780391,
    0.15762992714207938,
    -0.10296877573419956,
    0.03276014120927076,
    0.0009438503672248911,
    -0.004373416179616336,
    0.0004565085440463786,
    0.0005970677081139145,
    -4.828831206671572e-05,
    -5.9930167140522604e-05,
];
/// The same in `(a - 4) / (a + 4)` from 0.65 to 27.3: 2^-56. The constant term is a pair of its own.
const TAIL: [f64; 21] = [
    -0.13962111684056247,
    0.015379652102619514,
    0.06809705425468729,
    -0.10103906603628533,
    0.0937328349985869,
    -0.06633036581281747,
    0.03716751553270506,
    -0.016197734048254853,
    0.005031970030878549,
    -0.0007577733763239322,
    -0.0001992570485792388,
    0.000150622176904673,
    -2.4397708637172336e-05,
    -1.1223867909621099e-05,
    5.705575510105127e-06,
    2.981417721170802e-07,
    -8.18030516175782e-07,
    6.830710081422872e-08,
    1.0193276495531634e-07,
    -1.271709123690183e-08,
    -9.146076825099874e-09,
];
const TAIL_FIRST: Pair = (1.2329951186255526, -4.509250484149117e-17);

/// `erf x / x - 1` as a pair, from the square: what that left out counts with the derivative, roughly.
#[inline(always)]
fn near<A: Fma, T: Lanes<f64>>((square, low): Pair<T>) -> Pair<T> {
    let (high, rest) = two_mul::<A, _>(square, A::poly(square, &NEAR));
    let (sum, rest2) = two_sum(T::of(NEAR_FIRST), high);
    (sum, rest2 + A::mad(low, T::of(-0.3), rest))
}

#[derive(Clone, Copy)]
pub struct Erf;

#[inline(always)]
fn erf<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let a = x.abs();
    let b = a.at_most(6.0);
    let (square, low) = two_mul::<A, _>(b, b);
    let (n, rest) = near::<A, T>((square, low));
    let near = a + A::mad(a, n, a * rest);
    let (shifted, e) = exp_of_pair::<A, T>((-square, -low));
    // Next to 0.85 a rounding of t would move the result by half a last place: its error, times the derivative.
    let (t, t_low) = divide::<A, _>(fast_two_sum(T::of(-3.0), b), fast_two_sum(T::of(3.0), b));
    let g = A::mad(t_low, A::mad(t, T::of(1.13), T::of(-0.165)), A::poly(t, &FAR));
    let g = g * power(shifted);
    let (high, rest) = fast_two_sum(T::one(), -(e.0 * g));
    let far = high + A::mad(-e.1, g, rest);
    a.above(0.85, far, near).signed(x)
}

/// To the precision of f32, for machines without fused multiply-add; with it `single` has a quicker one.
#[inline(always)]
pub(super) fn erf_short<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let a = x.abs();
    let near = A::mad(a, A::poly(a * a, &NEAR_F32), a);
    let b = a.at_most(4.0);
    let far = A::mad(-exp2_short::<A, T>(T::of(-LOG2_E) * b * b), A::poly(b, &FAR_F32), T::one());
    a.above(1.0, far, near).signed(x)
}

impl Unary<f64> for Erf {
    in_lanes!(f64, f64, erf, 2);
}

#[derive(Clone, Copy)]
pub struct Erfc;

/// erfc beyond 0.65, as a pair and a power of two as `n + ROUND`, from a number and its square.
#[inline(always)]
fn tail<A: Fma>(a: f64, (square, low): Pair) -> (f64, Pair) {
    let (shifted, e) = exp_of_pair::<A, _>((-square, -low));
    let e = fast_two_sum(e.0, e.1);
    let t = (a - 4.0) / (a + 4.0);
    let (f, rest) = fast_two_sum(TAIL_FIRST.0, t * A::poly(t, &TAIL));
    let (below, rest2) = two_sum(1.0, 2.0 * a);
    let q = divide::<A, _>((f, rest + TAIL_FIRST.1), (below, rest2));
    let (high, low) = two_mul::<A, _>(e.0, q.0);
    (shifted, (high, low + A::mad(e.0, q.1, e.1 * q.0)))
}

impl Unary<f64> for Erfc {
    #[inline(always)]
    fn fast<A: Fma>(x: f64) -> f64 {
        let a = x.abs();
        let (one_less, rest) = fast_two_sum(1.0, -pick(a < 0.65, x, 0.0));
        let b = pick(a > 27.3, 27.3, a);
        let square = two_mul::<A, _>(b, b);
        let (n, n_low) = near::<A, _>(square);
        let near = one_less + A::mad(-x, n, A::mad(-x, n_low, rest));
        let (shifted, (high, low)) = tail::<A>(b, square);
        let far = scale(high + low, shifted);
        pick(a < 0.65, near, pick(x < 0.0, 2.0 - far, far))
    }
}

impl Unary<f32> for Erfc {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let x = x as f64;
        let a = pick(x.abs() > 10.5, 10.5, x.abs());
        let t = (a - 2.5) / (a + 2.5);
        let far = exp2_short::<A, _>(-LOG2_E * a * a) * A::poly(t, &TAIL_F32) / (1.0 + 2.0 * a);
        pick(x < 0.0, 2.0 - far, far) as f32
    }
}
