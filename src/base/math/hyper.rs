//! tanh, sinh, cosh and their inverses.
//!
//! With `a = |x|` and `E = e^2a - 1`: `tanh a = E / (E + 2)`; with `E = e^a - 1`: `sinh a = (E + E / (E + 1)) / 2`, all in
//! pairs; signs come back last. The inverses are log1p of a pair: asinh of `a + (√(1 + a²) - 1)`, acosh of
//! `d + √(d (x + 1))` with `d = x - 1`, atanh (half of it) of `2a / (1 - a)`. f32: the same in f64 without pairs.

use super::drive::{Unary, in_lanes};
use super::exp::{LOG2_E, exp_pair, exp2m1_short, parts, scale};
use super::log::{log_of, log1p_of, log1p_short, split};
use super::num::{Easy, Fma, Lanes, Pair, divide, fast_two_sum, minus_product, pick, two_mul, two_sum};

#[derive(Clone, Copy)]
pub struct Tanh;

#[inline(always)]
fn tanh<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let (power, (e, low)) = parts::<A, T>(T::of(2.0) * x.abs().at_most(20.0));
    let (above, rest) = fast_two_sum(power - T::one(), e);
    let (whole, lost) = fast_two_sum(power, T::one());
    let (below, rest2) = fast_two_sum(whole, e);
    let (high, low) = divide::<A, _>((above, rest + low), (below, (rest2 + lost) + low));
    (high + low).signed(x)
}

impl Unary<f64> for Tanh {
    in_lanes!(f64, f64, tanh, 4);
}

/// Beyond this, sinh and cosh are half the exponential. (Splitting factors for exact products overflows soon after.)
const BIG: f64 = 600.0;

#[inline(always)]
fn half_exp<A: Fma>(a: f64) -> f64 {
    let (shifted, e) = exp_pair::<A, _>(pick(a > 712.0, 712.0, a));
    scale(e.0 + e.1, shifted - 1.0)
}

#[derive(Clone, Copy)]
pub struct Sinh;

#[inline(always)]
fn sinh<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let (power, (e, low)) = parts::<A, T>(x.abs());
    let (whole, lost) = fast_two_sum(power, T::of(-1.0));
    let (less, rest) = fast_two_sum(whole, e);
    let less_low = (rest + lost) + low;
    let (full, rest) = fast_two_sum(power, e);
    let (q, q_low) = divide::<A, _>((less, less_low), (full, rest + low));
    let (high, rest) = fast_two_sum(less, q);
    (T::of(0.5) * (high + (rest + (less_low + q_low)))).signed(x)
}

impl Unary<f64> for Sinh {
    in_lanes!(f64, f64, sinh, 2);

    const EASY: Easy<f64> = Easy::Magnitude(BIG);

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        pick(x.abs() > BIG, half_exp::<A>(x.abs()).copysign(x), Self::fast::<A>(x))
    }
}

#[inline(always)]
fn sinh_f32<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let e = exp2m1_short::<A, T>(T::of(LOG2_E) * x.abs().at_most(100.0));
    (T::of(0.5) * (e + e / (e + T::one()))).signed(x)
}

impl Unary<f32> for Sinh {
    in_lanes!(f32, f64, sinh_f32, 4);
}

#[derive(Clone, Copy)]
pub struct Cosh;

#[inline(always)]
fn cosh<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let (power, (e, low)) = parts::<A, T>(x.abs());
    let (full, rest) = fast_two_sum(power, e);
    let (q, q_low) = divide::<A, _>((T::one(), T::of(0.0)), (full, rest + low));
    let (high, rest2) = fast_two_sum(full, q);
    T::of(0.5) * (high + (rest2 + ((rest + low) + q_low)))
}

impl Unary<f64> for Cosh {
    in_lanes!(f64, f64, cosh, 2);

    const EASY: Easy<f64> = Easy::Magnitude(BIG);

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        pick(x.abs() > BIG, half_exp::<A>(x.abs()), Self::fast::<A>(x))
    }
}

#[inline(always)]
fn cosh_f32<A: Fma, T: Lanes<f64>>(x: T) -> T {
    let e = T::one() + exp2m1_short::<A, T>(T::of(LOG2_E) * x.abs().at_most(100.0));
    T::of(0.5) * (e + T::one() / e)
}

impl Unary<f32> for Cosh {
    in_lanes!(f32, f64, cosh_f32, 4);
}

/// The root of a pair as a pair; zero stays zero.
#[inline(always)]
fn root<A: Fma>((a, low): Pair) -> Pair {
    let root = a.sqrt();
    let rest = (minus_product::<A, _>(a, root, root) + low) / (root + root);
    (root, pick(a > 0.0, rest, 0.0))
}

/// Beyond this, asinh and acosh are `log 2x` and squares may overflow.
const HUGE: f64 = 1e150;

/// `log 2x` for a large finite number; infinity and nan stay.
#[inline(always)]
fn log_double<A: Fma>(x: f64) -> f64 {
    let (k, m) = split(x);
    pick(x < f64::INFINITY, log_of::<A, _>(k + 1.0, m - 1.0, 0.0), x)
}

#[derive(Clone, Copy)]
pub struct Asinh;

impl Unary<f64> for Asinh {
    #[inline(always)]
    fn fast<A: Fma>(x: f64) -> f64 {
        let a = x.abs();
        let (square, low) = two_mul::<A, _>(a, a);
        let (sum, rest) = two_sum(1.0, square);
        let (root, root_low) = root::<A>((sum, rest + low));
        let (above, rest) = two_sum(root, -1.0);
        let (u, rest2) = two_sum(a, above);
        log1p_of::<A, _>((u, rest2 + (rest + root_low))).copysign(x)
    }

    #[inline(always)]
    fn easy(x: f64) -> bool {
        x.abs() < HUGE
    }

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        pick(x.abs() < HUGE, Self::fast::<A>(x), log_double::<A>(x.abs()).copysign(x))
    }
}

impl Unary<f32> for Asinh {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let a = x.abs() as f64;
        let square = a * a;
        let far = log1p_short::<A>(a + ((1.0 + square).sqrt() - 1.0));
        // The difference from one loses too much where a few terms of the series do.
        let near = A::mad(a * square, -1.0 / 6.0, a);
        (pick(a < 1.0 / 512.0, near, far) as f32).copysign(x)
    }

    #[inline(always)]
    fn easy(x: f32) -> bool {
        x.abs() < f32::INFINITY
    }

    #[inline(always)]
    fn full<A: Fma>(x: f32) -> f32 {
        pick(x.abs() < f32::INFINITY, Self::fast::<A>(x), x)
    }
}

#[derive(Clone, Copy)]
pub struct Acosh;

impl Unary<f64> for Acosh {
    #[inline(always)]
    fn fast<A: Fma>(x: f64) -> f64 {
        let (d, d_low) = two_sum(x, -1.0);
        let (s, s_low) = two_sum(x, 1.0);
        let (product, low) = two_mul::<A, _>(d, s);
        let (root, root_low) = root::<A>((product, low + A::mad(d, s_low, d_low * s)));
        let (u, rest) = fast_two_sum(root, d);
        log1p_of::<A, _>((u, rest + (d_low + root_low)))
    }

    #[inline(always)]
    fn easy(x: f64) -> bool {
        (x >= 1.0) & (x < HUGE)
    }

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        let inside = pick(x < HUGE, Self::fast::<A>(x), log_double::<A>(x));
        pick(x >= 1.0, inside, f64::NAN)
    }
}

impl Unary<f32> for Acosh {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let x = x as f64;
        let d = x - 1.0;
        log1p_short::<A>(d + (d * (x + 1.0)).sqrt()) as f32
    }

    #[inline(always)]
    fn easy(x: f32) -> bool {
        (x >= 1.0) & (x < f32::INFINITY)
    }

    #[inline(always)]
    fn full<A: Fma>(x: f32) -> f32 {
        pick(x >= 1.0, pick(x < f32::INFINITY, Self::fast::<A>(x), x), f32::NAN)
    }
}

#[derive(Clone, Copy)]
pub struct Atanh;

impl Unary<f64> for Atanh {
    #[inline(always)]
    fn fast<A: Fma>(x: f64) -> f64 {
        let a = x.abs();
        let u = divide::<A, _>((a + a, 0.0), fast_two_sum(1.0, -a));
        (0.5 * log1p_of::<A, _>(u)).copysign(x)
    }

    #[inline(always)]
    fn easy(x: f64) -> bool {
        x.abs() < 1.0
    }

    #[inline(always)]
    fn full<A: Fma>(x: f64) -> f64 {
        let end = pick(x.abs() == 1.0, f64::INFINITY, f64::NAN).copysign(x);
        pick(x.abs() < 1.0, Self::fast::<A>(x), end)
    }
}

impl Unary<f32> for Atanh {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let a = x.abs() as f64;
        ((0.5 * log1p_short::<A>(2.0 * a / (1.0 - a))) as f32).copysign(x)
    }

    #[inline(always)]
    fn easy(x: f32) -> bool {
        x.abs() < 1.0
    }

    #[inline(always)]
    fn full<A: Fma>(x: f32) -> f32 {
        let end = pick(x.abs() == 1.0, f32::INFINITY, f32::NAN).copysign(x);
        pick(x.abs() < 1.0, Self::fast::<A>(x), end)
    }
}
