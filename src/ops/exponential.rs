//! Functions of analysis, element by element.

use super::*;
use crate::base::trouble;
use crate::prims;

prims! {
    /// Square root; nan below zero.
    ///
    /// > sqrt([4, 2.25])
    /// [2, 1.5]
    sqrt(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 6, wgsl: "sqrt(x)", f: x.sqrt() },
        vjp(g, y): [g / (2.0 * y)],
    }

    /// e raised to each element.
    ///
    /// > exp([0, 1])
    /// [1, 2.718281828459045]
    exp(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 15, wgsl: "exp(x)", math: Exp },
        vjp(g, y): [g * y],
    }

    /// `exp(x) - 1`, accurate near zero.
    ///
    /// > expm1([0, 1e-10])
    /// [0, 1.00000000005e-10]
    expm1(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 20, wgsl: "expm1(x)", math: Expm1 },
        vjp(g, y): [g * (y + 1.0)],
    }

    /// Natural logarithm.
    ///
    /// > log([1, e])
    /// [0, 1]
    log(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 15, wgsl: "log(x)", math: Log },
        vjp(g, _): [g / x],
    }

    /// `log(1 + x)`, accurate near zero.
    ///
    /// > log1p([0, 1e-10])
    /// [0, 9.999999999500001e-11]
    log1p(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 25, wgsl: "log1p(x)", math: Log1p },
        vjp(g, _): [g / (x + 1.0)],
    }

    /// Logarithm to base 2.
    ///
    /// > log2([1, 8])
    /// [0, 3]
    log2(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 25, wgsl: "log2(x)", math: Log2 },
        vjp(g, _): [g / (x * std::f64::consts::LN_2)],
    }

    /// Logarithm to base 10.
    ///
    /// > log10([1, 1000])
    /// [0, 3]
    log10(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 25, wgsl: "log10(x)", math: Log10 },
        vjp(g, _): [g / (x * std::f64::consts::LN_10)],
    }

    /// Sine; radians.
    ///
    /// > sin([0, 1])
    /// [0, 0.8414709848078965]
    sin(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 20, wgsl: "sin(x)", math: Sin },
        vjp(g, _): [g * cos(x)],
    }

    /// Cosine; radians.
    ///
    /// > cos([0, 1])
    /// [1, 0.5403023058681398]
    cos(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 20, wgsl: "cos(x)", math: Cos },
        vjp(g, _): [-(g * sin(x))],
    }

    /// Tangent; radians.
    ///
    /// > tan([0, 1])
    /// [0, 1.5574077246549023]
    tan(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 25, wgsl: "tan(x)", math: Tan },
        vjp(g, y): [g * (y * y + 1.0)],
    }

    /// Angle whose sine it is, in -pi/2 … pi/2.
    ///
    /// > asin([0, 0.5])
    /// [0, 0.5235987755982989]
    asin(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 25, wgsl: "asin(x)", math: Asin },
        vjp(g, _): [g / sqrt(&(1.0 - x * x))],
    }

    /// Angle whose cosine it is, in 0 … pi.
    ///
    /// > acos([1, 0.5])
    /// [0, 1.0471975511965979]
    acos(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 25, wgsl: "acos(x)", math: Acos },
        vjp(g, _): [-(g / sqrt(&(1.0 - x * x)))],
    }

    /// Angle whose tangent it is, in -pi/2 … pi/2.
    ///
    /// > atan([0, 1])
    /// [0, 0.7853981633974483]
    atan(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 25, wgsl: "atan(x)", math: Atan },
        vjp(g, _): [g / (x * x + 1.0)],
    }

    /// Angle of the point (x, y), in -pi … pi.
    ///
    /// > atan2([1, 1], [0, 1]) / pi
    /// [0.5, 0.25]
    atan2(y, x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 40, wgsl: "atan2(y, x)", math: Atan2 },
        vjp(g, _): [g * x / (x * x + y * y), -(g * y / (x * x + y * y))],
    }

    /// Hyperbolic sine.
    ///
    /// > sinh([0, 1])
    /// [0, 1.1752011936438014]
    sinh(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 25, wgsl: "sinh(x)", math: Sinh },
        vjp(g, _): [g * cosh(x)],
    }

    /// Hyperbolic cosine.
    ///
    /// > cosh([0, 1])
    /// [1, 1.5430806348152437]
    cosh(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 25, wgsl: "cosh(x)", math: Cosh },
        vjp(g, _): [g * sinh(x)],
    }

    /// Hyperbolic tangent.
    ///
    /// > tanh([0, inf])
    /// [0, 1]
    tanh(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 20, wgsl: "tanh(x)", math: Tanh },
        vjp(g, y): [g * (1.0 - y * y)],
    }

    /// Inverse hyperbolic sine.
    ///
    /// > asinh([0, 1])
    /// [0, 0.881373587019543]
    asinh(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 40, wgsl: "asinh(x)", math: Asinh },
        vjp(g, _): [g / sqrt(&(x * x + 1.0))],
    }

    /// Inverse hyperbolic cosine; nan below 1.
    ///
    /// > acosh([1, 2])
    /// [0, 1.3169578969248168]
    acosh(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 40, wgsl: "acosh(x)", math: Acosh },
        vjp(g, _): [g / sqrt(&(x * x - 1.0))],
    }

    /// Inverse hyperbolic tangent.
    ///
    /// > atanh([0, 0.5])
    /// [0, 0.5493061443340549]
    atanh(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 40, wgsl: "atanh(x)", math: Atanh },
        vjp(g, _): [g / (1.0 - x * x)],
    }

    /// Error function: `2/sqrt(pi)` times the integral of `exp(-t^2)` from 0 to x.
    ///
    /// > erf([0, inf])
    /// [0, 1]
    erf(x) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 40, wgsl: "erf(x)", math: Erf },
        vjp(g, _): [g * exp(&-(x * x)) * std::f64::consts::FRAC_2_SQRT_PI],
    }

    /// `a` raised to `b`, element by element. Ints to a non-negative int stay ints; an array of ints
    /// to a plain negative number is float, to an array with a negative int it is an error.
    ///
    /// > pow([1, 2, 3], 2)
    /// [1, 4, 9]
    pow(a, b) {
        dtype: power,
        shape: rule::broadcast,
        map: { cost: 60, wgsl: "pow(a, b)", math: Pow, i: int_power(a, b) },
        vjp(g, y) "a gets g * b * a^(b - 1), b gets g * y * log(a)": [power_base(g, a, b), power_exponent(g, a, b, y)],
    }
}

/// Ints stay ints while the exponent is a number that is not negative, or an array of ints.
fn power(c: &crate::graph::Call) -> crate::base::Result<crate::graph::Types> {
    // Of a float base it is a float anyway: the exponent is not looked at.
    let asks = !c.ins[0].dtype().is_float() && c.ins[1].is_weak() && c.ins[1].dtype() == crate::base::DType::I64;
    let negative = asks && c.ins[1].item::<i64>()? < 0;
    if negative { rule::float(c) } else { rule::number(c) }
}

/// By squaring; wraps like other int arithmetic on arrays. A negative exponent is marked: what it gives is no int.
fn int_power(mut a: i64, b: i64) -> i64 {
    if b < 0 {
        return trouble::negative_power();
    }
    let (mut b, mut y) = (b, 1i64);
    while b > 0 {
        if b & 1 == 1 {
            y = y.wrapping_mul(a);
        }
        a = a.wrapping_mul(a);
        b >>= 1;
    }
    y
}

/// `b a^(b-1)`; where b is 0 it is 0, also at a = 0.
fn power_base(g: &Expr, a: &Expr, b: &Expr) -> Expr {
    let zero = Expr::weak(0.0);
    let safe = where_(&equal(b, &zero), &Expr::weak(1.0), &(b - 1.0));
    g * where_(&equal(b, &zero), &zero, &(b * pow(a, &safe)))
}

/// `a^b log(a)`; at a = 0 it is 0 for b > 0 (the limit), and for b = 0, as PyTorch has it.
fn power_exponent(g: &Expr, a: &Expr, b: &Expr, y: &Expr) -> Expr {
    let zero = Expr::weak(0.0);
    let at_zero = logical_and(&equal(a, &zero), &greater_equal(b, &zero));
    let safe = where_(&at_zero, &Expr::weak(1.0), a);
    g * where_(&at_zero, &zero, &(y * log(&safe)))
}
