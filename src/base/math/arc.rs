//! asin, acos, atan, atan2.
//!
//! asin: `t + t³ P(t²)` up to 1/2; beyond, the half-angle formula with `t = √((1 - |x|) / 2)`, whose rounding error is
//! computed and carried. atan: the ratio is turned back by a quarter of π or a half where that makes it less than
//! tan(π/8), as a pair, and then `t + t³ Q(t²)`. Both add the multiple of π/4 as a pair. f32: the same in f64 without pairs.

use super::drive::{Binary, Unary};
use super::num::{Fma, Pair, divide, fast_two_sum, minus_product, pick, two_sum};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// `(asin t / t - 1) / t²` in `t²` up to 1/2: 2^-59.8 of the arc sine.
const ASIN: [f64; 13] = [
    0.1666666666666676,
    0.07499999999970809,
    0.04464285717464809,
    0.030381942704570633,
    0.02237221510943409,
    0.017351609375290334,
    0.013980856713746416,
    0.011398584061941695,
    0.010782253086672083,
    0.0036983015130349784,
    0.021728407858036397,
    -0.021030352246987863,
    0.03264914727600745,
];
/// 2^-31.7.
const ASIN_F32: [f64; 6] = [
    0.1666665997347223,
    0.07500505360168383,
    0.04451670948342959,
    0.03180992132713396,
    0.014429751817354541,
    0.03752955654461899,
];
/// `(atan t / t - 1) / t²` in `t²` up to tan(π/8): 2^-59.4 of the arc tangent.
const ATAN: [f64; 11] = [
    -0.333333333333332,
    0.19999999999953624,
    -0.14285714280191875,
    0.1111111078301428,
    -0.09090897741707898,
    0.076920598995151,
    -0.06663100280911421,
    0.05847861211975373,
    -0.05039176878817046,
    0.03806131127188304,
    -0.01790367057333777,
];
/// 2^-35.3.
const ATAN_F32: [f64; 6] = [
    -0.33333332497134466,
    0.19999903725867121,
    -0.14282002352740866,
    0.11044622004957176,
    -0.08475864805782657,
    0.047431796974669545,
];
/// What the rounded π/2 leaves out of π/2.
const HALF_PI_LOW: f64 = 6.123233995736766e-17;
const TAN_PI_8: f64 = 0.41421356237309503;
const TAN_3_PI_8: f64 = 2.414213562373095;

/// `t` and what to add to it for `asin t`, with `t` either `|x|` or the sine of half the angle that is missing to π/2.
#[inline(always)]
fn half_angle<A: Fma>(a: f64) -> (bool, Pair) {
    let far = a > 0.5;
    let half = 0.5 - 0.5 * a;
    let root = half.sqrt();
    let error = pick(half > 0.0, minus_product::<A, _>(half, root, root) / (root + root), 0.0);
    let (t, low) = (pick(far, root, a), pick(far, error, 0.0));
    let z = pick(far, half, a * a);
    (far, (t, A::mad(t * z, A::poly(z, &ASIN), low)))
}

/// The same without the errors.
#[inline(always)]
fn half_angle_f32<A: Fma>(a: f64) -> (bool, f64) {
    let far = a > 0.5;
    let half = 0.5 - 0.5 * a;
    let t = pick(far, half.sqrt(), a);
    let z = pick(far, half, a * a);
    (far, t * A::mad(z, A::poly(z, &ASIN_F32), 1.0))
}

#[derive(Clone, Copy)]
pub struct Asin;

impl Unary<f64> for Asin {
    #[inline(always)]
    fn fast<A: Fma>(x: f64) -> f64 {
        let (far, (t, tail)) = half_angle::<A>(x.abs());
        let (high, rest) = fast_two_sum(FRAC_PI_2, -2.0 * t);
        let missing = high + (rest + A::mad(-2.0, tail, HALF_PI_LOW));
        pick(far, missing, t + tail).copysign(x)
    }
}

impl Unary<f32> for Asin {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let (far, t) = half_angle_f32::<A>(x.abs() as f64);
        (pick(far, A::mad(-2.0, t, FRAC_PI_2), t) as f32).copysign(x)
    }
}

#[derive(Clone, Copy)]
pub struct Acos;

impl Unary<f64> for Acos {
    #[inline(always)]
    fn fast<A: Fma>(x: f64) -> f64 {
        let (far, (t, tail)) = half_angle::<A>(x.abs());
        // Near zero π/2 - asin x; near one 2 asin t; near minus one π - 2 asin t.
        let negative = x < 0.0;
        let factor = pick(far, 2.0, -1.0);
        let factor = pick(negative, -factor, factor);
        let (t, tail) = (factor * t, factor * tail);
        let whole = pick(far, pick(negative, 2.0, 0.0), 1.0);
        let (high, rest) = fast_two_sum(whole * FRAC_PI_2, t);
        high + (rest + A::mad(whole, HALF_PI_LOW, tail))
    }
}

impl Unary<f32> for Acos {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let x = x as f64;
        let (far, t) = half_angle_f32::<A>(x.abs());
        let near = FRAC_PI_2 - t.copysign(x);
        let double = t + t;
        pick(far, pick(x < 0.0, PI - double, double), near) as f32
    }
}

/// `base + atan(t)`, for `|t|` up to tan(π/8), rounded once or so, with multiples of π/4 as pairs.
#[inline(always)]
fn sum<A: Fma>(base: Pair, (t, low): Pair) -> Pair {
    let z = t * t;
    let tail = A::mad(t * z, A::poly(z, &ATAN), low);
    let (high, rest) = fast_two_sum(base.0, t);
    (high, rest + (base.1 + tail))
}

#[inline(always)]
fn atan_short<A: Fma>(t: f64) -> f64 {
    let z = t * t;
    t * A::mad(z, A::poly(z, &ATAN_F32), 1.0)
}

#[derive(Clone, Copy)]
pub struct Atan;

impl Unary<f64> for Atan {
    #[inline(always)]
    fn fast<A: Fma>(x: f64) -> f64 {
        let a = x.abs();
        let a = pick(a > 1e20, 1e20, a); // the quotient of infinity would be lost in its remainder
        let (far, mid) = (a > TAN_3_PI_8, a > TAN_PI_8);
        let (less, more) = (two_sum(a, -1.0), two_sum(a, 1.0));
        let above = (pick(far, -1.0, pick(mid, less.0, a)), pick(mid & !far, less.1, 0.0));
        let below = (pick(far, a, pick(mid, more.0, 1.0)), pick(mid & !far, more.1, 0.0));
        let quarters = pick(far, 1.0, pick(mid, 0.5, 0.0));
        let base = (quarters * FRAC_PI_2, quarters * HALF_PI_LOW);
        let (high, low) = sum::<A>(base, divide::<A, _>(above, below));
        (high + low).copysign(x)
    }
}

impl Unary<f32> for Atan {
    #[inline(always)]
    fn fast<A: Fma>(x: f32) -> f32 {
        let a = x.abs() as f64;
        let (far, mid) = (a > TAN_3_PI_8, a > TAN_PI_8);
        let above = pick(far, -1.0, pick(mid, a - 1.0, a));
        let below = pick(far, a, pick(mid, a + 1.0, 1.0));
        let base = pick(far, FRAC_PI_2, pick(mid, FRAC_PI_4, 0.0));
        ((base + atan_short::<A>(above / below)) as f32).copysign(x)
    }
}

/// The angle of the point (x, y) from the x axis, given y first.
#[derive(Clone, Copy)]
pub struct Atan2;

/// The angle of a point, from its coordinates and the sizes of them, the larger first. No nan.
#[inline(always)]
fn angle<A: Fma>(y: f64, x: f64, large: f64, small: f64) -> f64 {
    let mid = small > TAN_PI_8 * large;
    let (less, more) = (two_sum(small, -large), two_sum(large, small));
    let above = (pick(mid, less.0, small), pick(mid, less.1, 0.0));
    let below = (pick(mid, more.0, large), pick(mid, more.1, 0.0));
    let (t, low) = divide::<A, _>(above, below);
    let quarters = pick(mid, 0.5, 0.0);
    // Over the diagonal the angle is π/2 less what was found, left of the axis π less that.
    let steep = y.abs() > x.abs();
    let left = x.is_sign_negative();
    let quarters = pick(steep, 1.0 - quarters, quarters);
    let quarters = pick(left, 2.0 - quarters, quarters);
    let turned = steep != left;
    let (t, low) = (pick(turned, -t, t), pick(turned, -low, low));
    // Three halves of the first half of the pair of π/2 do not fit a number.
    let base = fast_two_sum(FRAC_PI_2, pick(quarters == 1.5, FRAC_PI_4, 0.0));
    let base = (pick(quarters == 1.5, base.0, quarters * FRAC_PI_2), pick(quarters == 1.5, base.1, 0.0));
    let (high, rest) = sum::<A>((base.0, A::mad(quarters, HALF_PI_LOW, base.1)), (t, low));
    (high + rest).copysign(y)
}

#[inline(always)]
fn order(a: f64, b: f64) -> Pair {
    (pick(a > b, a, b), pick(a > b, b, a))
}

/// Coordinates between which the quotient, its remainder and the exact products of both stay normal numbers.
const SMALL: f64 = 1e-270;
const LARGE: f64 = 1e290;

impl Binary<f64> for Atan2 {
    #[inline(always)]
    fn fast<A: Fma>(y: f64, x: f64) -> f64 {
        let (large, small) = order(y.abs(), x.abs());
        angle::<A>(y, x, large, small)
    }

    #[inline(always)]
    fn easy(y: f64, x: f64) -> bool {
        let (large, small) = order(y.abs(), x.abs());
        (large > SMALL) & (large < LARGE) & ((small > SMALL) | (small == 0.0))
    }

    /// Scales by a power of two. Where both ends are out of bounds the quotient is zero anyway.
    #[inline(always)]
    fn full<A: Fma>(y: f64, x: f64) -> f64 {
        const UP: f64 = f64::from_bits((1023 + 600) << 52);
        const DOWN: f64 = f64::from_bits((1023 - 100) << 52);
        let (large, small) = order(y.abs(), x.abs());
        let infinite = large == f64::INFINITY;
        let small = pick(infinite, pick(small == f64::INFINITY, 1.0, 0.0), small);
        let large = pick(infinite | (large == 0.0), 1.0, large);
        let scale = pick(large < 1e100, UP, pick(large < LARGE, 1.0, DOWN));
        let scale = pick(Self::easy(y, x), 1.0, scale);
        let angle = angle::<A>(y, x, large * scale, small * scale);
        pick(x.is_nan() | y.is_nan(), f64::NAN, angle)
    }
}

impl Binary<f32> for Atan2 {
    #[inline(always)]
    fn fast<A: Fma>(y: f32, x: f32) -> f32 {
        let (a, b) = (y.abs() as f64, x.abs() as f64);
        let (a, b) = (pick(a > 1e200, 1e200, a), pick(b > 1e200, 1e200, b));
        let (large, small) = order(a, b);
        let mid = small > TAN_PI_8 * large;
        let above = pick(mid, small - large, small);
        let below = pick(mid, large + small, pick(large == 0.0, 1.0, large));
        let angle = pick(mid, FRAC_PI_4, 0.0) + atan_short::<A>(above / below);
        let angle = pick(a > b, FRAC_PI_2 - angle, angle);
        let angle = pick(x.is_sign_negative(), PI - angle, angle);
        (pick(x.is_nan() | y.is_nan(), f64::NAN, angle) as f32).copysign(y)
    }
}
