//! The functions again, to some 90 bits: what the fast ones are measured by.
//!
//! In: doubles. Out: a pair of doubles times a power of two. The idea: double-double arithmetic, whose operations are a few
//! lines, and the slowest obvious method for each function: Taylor series after halving, Newton's method on the inverse, a
//! continued fraction for erfc. Nothing is shared with the code under test, coefficients least of all.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// An unevaluated sum of two doubles.
#[derive(Clone, Copy, Debug)]
pub struct Dd(pub f64, pub f64);

/// `self.0 * 2^self.1`: kept apart, so that results below the smallest normal number keep their bits.
#[derive(Clone, Copy, Debug)]
pub struct Truth(pub Dd, pub i32);

const LN2: Dd = Dd(std::f64::consts::LN_2, 2.3190468138462996e-17);
const LN10: Dd = Dd(std::f64::consts::LN_10, -2.1707562233822494e-16);
const HALF_PI: Dd = Dd(std::f64::consts::FRAC_PI_2, 6.123233995736766e-17);
const HALF_PI_REST: f64 = -1.4973849048591698e-33;
const TWO_OVER_ROOT_PI: Dd = Dd(std::f64::consts::FRAC_2_SQRT_PI, 1.533545961316588e-17);

fn two_sum(a: f64, b: f64) -> Dd {
    let s = a + b;
    let t = s - a;
    Dd(s, (a - (s - t)) + (b - t))
}

impl Dd {
    pub fn of(x: f64) -> Dd {
        Dd(x, 0.0)
    }

    fn sqrt(self) -> Dd {
        if self.0 <= 0.0 {
            return Dd::of(0.0);
        }
        let root = Dd::of(self.0.sqrt());
        root + (self - root * root) / (root + root)
    }

    /// Times a power of two that leaves it normal.
    fn scale(self, k: i32) -> Dd {
        Dd(self.0 * power(k), self.1 * power(k))
    }
}

impl Add for Dd {
    type Output = Dd;
    fn add(self, o: Dd) -> Dd {
        let (s, t) = (two_sum(self.0, o.0), two_sum(self.1, o.1));
        let s = two_sum(s.0, s.1 + t.0);
        two_sum(s.0, s.1 + t.1)
    }
}

impl Neg for Dd {
    type Output = Dd;
    fn neg(self) -> Dd {
        Dd(-self.0, -self.1)
    }
}

impl Sub for Dd {
    type Output = Dd;
    fn sub(self, o: Dd) -> Dd {
        self + -o
    }
}

impl Mul for Dd {
    type Output = Dd;
    fn mul(self, o: Dd) -> Dd {
        let p = self.0 * o.0;
        let e = self.0.mul_add(o.0, -p);
        two_sum(p, e + (self.0 * o.1 + self.1 * o.0))
    }
}

impl Div for Dd {
    type Output = Dd;
    fn div(self, o: Dd) -> Dd {
        let q = self.0 / o.0;
        let r = self - o * Dd::of(q);
        let q2 = r.0 / o.0;
        let r = r - o * Dd::of(q2);
        two_sum(q, q2) + Dd::of(r.0 / o.0)
    }
}

/// `2^k`, for normal numbers.
pub fn power(k: i32) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

/// `Σ x^(i + first) / (i + first)!` from the last of `n` terms.
fn taylor(x: Dd, first: usize, n: usize) -> Dd {
    let mut factorials = Dd::of(1.0);
    for i in 1..=first {
        factorials = factorials * Dd::of(i as f64);
    }
    let (mut term, mut sum) = (Dd::of(1.0) / factorials, Dd::of(0.0));
    for _ in 0..first {
        term = term * x;
    }
    for i in 0..n {
        sum = sum + term;
        term = term * x / Dd::of((first + i + 1) as f64);
    }
    sum
}

pub fn exp(x: Dd) -> Truth {
    let k = (x.0 / LN2.0).round();
    let mut e = taylor((x - LN2 * Dd::of(k)).scale(-6), 0, 14);
    for _ in 0..6 {
        e = e * e;
    }
    Truth(e, k as i32)
}

/// Of a number that is not too small for it.
fn whole(t: Truth) -> Dd {
    if t.1 < -1000 { Dd::of(0.0) } else { t.0.scale(t.1 / 2).scale(t.1 - t.1 / 2) }
}

pub fn exp2(x: f64) -> Truth {
    exp(LN2 * Dd::of(x))
}

fn expm1_dd(x: Dd) -> Dd {
    if x.0.abs() < 0.25 { taylor(x, 1, 22) } else { whole(exp(x)) - Dd::of(1.0) }
}

pub fn expm1(x: f64) -> Truth {
    if x > 600.0 { exp(Dd::of(x)) } else { Truth(expm1_dd(Dd::of(x)), 0) }
}

/// log(1 + x) for `|x| < 1/8`: twice the inverse hyperbolic tangent of `x / (2 + x)`.
fn log_near(x: Dd) -> Dd {
    let s = x / (Dd::of(2.0) + x);
    let z = s * s;
    let mut sum = Dd::of(0.0);
    for i in (0..16).rev() {
        sum = sum * z + Dd::of(1.0) / Dd::of((2 * i + 1) as f64);
    }
    (s + s) * sum
}

/// Newton's method on exp, after taking out the exponent.
fn log_dd(x: Dd) -> Dd {
    let tiny = x.0 < 1e-290;
    let x = if tiny { Dd(x.0 * power(100), x.1 * power(100)) } else { x };
    let k = ((x.0.to_bits() >> 52) as i32) - 1023;
    let m = x.scale(-k / 2).scale(-k - -k / 2);
    let near = (m - Dd::of(1.0)).0.abs() < 0.1;
    let log = if near {
        log_near(m - Dd::of(1.0))
    } else {
        let first = Dd::of(m.0.ln());
        first + log_near(m * whole(exp(-first)) - Dd::of(1.0))
    };
    log + LN2 * Dd::of(k as f64 - if tiny { 100.0 } else { 0.0 })
}

pub fn log(x: f64) -> Truth {
    Truth(if (x - 1.0).abs() < 0.1 { log_near(Dd::of(x - 1.0)) } else { log_dd(Dd::of(x)) }, 0)
}

pub fn log2(x: f64) -> Truth {
    Truth(log(x).0 / LN2, 0)
}

pub fn log10(x: f64) -> Truth {
    Truth(log(x).0 / LN10, 0)
}

fn log1p_dd(x: Dd) -> Dd {
    if x.0.abs() < 0.1 { log_near(x) } else { log_dd(Dd::of(1.0) + x) }
}

pub fn log1p(x: f64) -> Truth {
    Truth(log1p_dd(Dd::of(x)), 0)
}

/// sin and cos of a pair up to a few turns.
fn sin_cos_dd(x: Dd) -> (Dd, Dd) {
    let n = (x.0 / HALF_PI.0).round();
    let n_dd = Dd::of(n);
    let r = (x - n_dd * Dd::of(HALF_PI.0)) - n_dd * Dd::of(HALF_PI.1) - Dd::of(n * HALF_PI_REST);
    let z = -(r * r);
    let (mut s, mut c) = (Dd::of(0.0), Dd::of(0.0));
    for i in (0..14).rev() {
        let i = (2 * i) as f64;
        s = Dd::of(1.0) + s * z / Dd::of((i + 2.0) * (i + 3.0));
        c = Dd::of(1.0) + c * z / Dd::of((i + 1.0) * (i + 2.0));
    }
    let s = s * r;
    match (n as i64).rem_euclid(4) {
        0 => (s, c),
        1 => (c, -s),
        2 => (-s, -c),
        _ => (-c, s),
    }
}

pub fn sin(x: f64) -> Truth {
    Truth(sin_cos_dd(Dd::of(x)).0, 0)
}

pub fn cos(x: f64) -> Truth {
    Truth(sin_cos_dd(Dd::of(x)).1, 0)
}

pub fn tan(x: f64) -> Truth {
    let (s, c) = sin_cos_dd(Dd::of(x));
    Truth(s / c, 0)
}

/// Newton's method on tan, third order.
fn atan_dd(v: Dd) -> Dd {
    let first = Dd::of(v.0.atan());
    let (s, c) = sin_cos_dd(first);
    first + (v * c - s) / (c + v * s)
}

pub fn atan(x: f64) -> Truth {
    Truth(atan_dd(Dd::of(x)), 0)
}

pub fn asin(x: f64) -> Truth {
    let one = Dd::of(1.0);
    let rest = ((one - Dd::of(x)) * (one + Dd::of(x))).sqrt();
    Truth(if rest.0 == 0.0 { HALF_PI * Dd::of(x) } else { atan_dd(Dd::of(x) / rest) }, 0)
}

pub fn acos(x: f64) -> Truth {
    let (less, more) = (Dd::of(1.0) - Dd::of(x), Dd::of(1.0) + Dd::of(x));
    let half = if more.0 == 0.0 { HALF_PI } else { atan_dd((less / more).sqrt()) };
    Truth(half + half, 0)
}

pub fn atan2(y: f64, x: f64) -> Truth {
    let pi = HALF_PI + HALF_PI;
    let angle = atan_dd(Dd::of(y.abs()) / Dd::of(x.abs()));
    let angle = if x < 0.0 { pi - angle } else { angle };
    Truth(if y < 0.0 { -angle } else { angle }, 0)
}

pub fn sinh(x: f64) -> Truth {
    let Truth(e, k) = exp(Dd::of(x.abs()));
    if k > 200 {
        return Truth(if x < 0.0 { -e } else { e }, k - 1);
    }
    let e = expm1_dd(Dd::of(x.abs()));
    Truth((e + e / (e + Dd::of(1.0))) * Dd::of(0.5f64.copysign(x)), 0)
}

pub fn cosh(x: f64) -> Truth {
    let e = exp(Dd::of(x.abs()));
    if e.1 > 200 {
        return Truth(e.0, e.1 - 1);
    }
    let e = whole(e);
    Truth((e + Dd::of(1.0) / e) * Dd::of(0.5), 0)
}

pub fn tanh(x: f64) -> Truth {
    let e = expm1_dd(Dd::of(2.0 * x));
    Truth(e / (e + Dd::of(2.0)), 0)
}

pub fn asinh(x: f64) -> Truth {
    let a = Dd::of(x.abs());
    let square = a * a;
    let one = Dd::of(1.0);
    let log = log1p_dd(a + square / (one + (one + square).sqrt()));
    Truth(if x < 0.0 { -log } else { log }, 0)
}

pub fn acosh(x: f64) -> Truth {
    let d = Dd::of(x) - Dd::of(1.0);
    Truth(log1p_dd(d + (d * (d + Dd::of(2.0))).sqrt()), 0)
}

pub fn atanh(x: f64) -> Truth {
    let twice = Dd::of(2.0 * x) / (Dd::of(1.0) - Dd::of(x));
    Truth(log1p_dd(twice) * Dd::of(0.5), 0)
}

/// `2/√π e^-x² Σ 2^n x^(2n+1) / (2n+1)!!`: all terms have the sign of x.
fn erf_dd(x: f64) -> Dd {
    let square = Dd::of(x) * Dd::of(x);
    let (mut term, mut sum, mut n) = (Dd::of(x), Dd::of(0.0), 1.0);
    while term.0.abs() > sum.0.abs() * 1e-33 {
        sum = sum + term;
        n += 2.0;
        term = term * (square + square) / Dd::of(n);
    }
    TWO_OVER_ROOT_PI * sum * whole(exp(-square))
}

pub fn erf(x: f64) -> Truth {
    let far = if x < 0.0 { -1.0 } else { 1.0 };
    Truth(if x.abs() > 6.5 { Dd::of(far) } else { erf_dd(x) }, 0)
}

/// Beyond two the continued fraction of Laplace.
pub fn erfc(x: f64) -> Truth {
    if x < 2.0 {
        return Truth(Dd::of(1.0) - erf(x).0, 0);
    }
    let mut below = Dd::of(x);
    for i in (1..=120).rev() {
        below = Dd::of(x) + Dd::of(0.5 * i as f64) / below;
    }
    let Truth(e, k) = exp(-(Dd::of(x) * Dd::of(x)));
    Truth(e * TWO_OVER_ROOT_PI * Dd::of(0.5) / below, k)
}

pub fn cbrt(x: f64) -> Truth {
    let first = Dd::of(x.cbrt());
    let square = first * first;
    Truth(first - (square * first - Dd::of(x)) / (square * Dd::of(3.0)), 0)
}

pub fn pow(x: f64, y: f64) -> Truth {
    exp(log(x).0 * Dd::of(y))
}

/// How far a result is from the truth, in units of its last place; infinite where only one of them is finite or nan.
pub fn ulps(got: f64, Truth(m, k): Truth) -> f64 {
    if m.0.is_nan() || !got.is_finite() {
        let overflow = got.is_infinite() && m.0 * got.signum() > 0.0 && k + exponent(m.0) > 1022;
        return if overflow || (m.0.is_nan() && got.is_nan()) { 0.0 } else { f64::INFINITY };
    }
    let unit = (exponent(m.0) - 52).max(-1074 - k);
    // Both are brought to the size of the truth before they are compared.
    let got = got * power(-k / 2) * power(-k - -k / 2);
    ((got - m.0) - m.1).abs() / power(unit)
}

fn exponent(x: f64) -> i32 {
    ((x.abs().to_bits() >> 52) as i32 - 1023).max(-1000)
}
