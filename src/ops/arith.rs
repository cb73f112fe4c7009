//! Arithmetic, element by element.

use super::*;
use crate::base::trouble;
use crate::prims;

prims! {
    /// Sum of two arrays, element by element. Bools count as the ints 0 and 1: `|` is their "or".
    ///
    /// > add([1, 2], 10)
    /// [11, 12]
    /// > add([true, true], [true, false])
    /// [2, 1]
    add(a, b) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "a + b", basic: Add, f: a + b, i: a.wrapping_add(b) },
        vjp(g, _): [g.clone(), g.clone()],
    }

    /// Difference of two arrays, element by element.
    ///
    /// > subtract([1, 2], 10)
    /// [-9, -8]
    subtract(a, b) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "a - b", basic: Sub, f: a - b, i: a.wrapping_sub(b) },
        vjp(g, _): [g.clone(), -g],
    }

    /// Product of two arrays, element by element. Bools count as the ints 0 and 1: `&` is their "and".
    ///
    /// > multiply([1, 2], 3)
    /// [3, 6]
    /// > multiply([true, true], [true, false])
    /// [1, 0]
    multiply(a, b) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "a * b", basic: Mul, f: a * b, i: a.wrapping_mul(b) },
        vjp(g, _): [g * b, g * a],
    }

    /// Quotient of two arrays, element by element; ints give floats, and 0 below gives inf, -inf or nan, as in NumPy. Of
    /// two plain ints `1 / 0` is an error, as in Python: write `1 / 0.0` for inf.
    ///
    /// > divide([1, 2, 3], 2)
    /// [0.5, 1, 1.5]
    divide(a, b) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 4, wgsl: "a / b", basic: Div, f: a / b },
        vjp(g, y): [g / b, -(g * y / b)],
    }

    /// Quotient rounded down. Ints stay ints; an int divided by 0 is an error, a float gives inf or nan.
    ///
    /// > floor_divide([7, -7], 2)
    /// [3, -4]
    floor_divide(a, b) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 8, wgsl: "floor_divide(a, b)", f: a.floor_quotient(b), i: if b == 0 { trouble::zero_division() } else {
            let q = a.wrapping_div(b);
            if a.wrapping_rem(b) != 0 && (a < 0) != (b < 0) { q - 1 } else { q }
        } },
        vjp: zero,
    }

    /// Remainder with the divisor's sign: `a - b * floor(a / b)`.
    ///
    /// > remainder([7, -7], 3)
    /// [1, 2]
    remainder(a, b) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 10, wgsl: "remainder(a, b)", f: a.floor_remainder(b), i: if b == 0 { trouble::zero_division() } else {
            let r = a.wrapping_rem(b);
            if r != 0 && (r < 0) != (b < 0) { r + b } else { r }
        } },
        vjp(g, _): [g.clone(), -(g * floor_divide(a, b))],
    }

    /// Each element negated.
    ///
    /// > negative([1, -2])
    /// [-1, 2]
    negative(x) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "-x", basic: Negate, f: -x, i: x.wrapping_neg() },
        vjp(g, _): [-g],
    }

    /// Distance from zero.
    ///
    /// > abs([-2, 3])
    /// [2, 3]
    abs(x) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "abs(x)", f: x.abs(), i: x.wrapping_abs() },
        vjp(g, _): [g * sign(x)],
    }

    /// -1, 0 or 1 by sign; nan stays nan.
    ///
    /// > sign([-2, 0, 3])
    /// [-1, 0, 1]
    sign(x) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 2, wgsl: "sign(x)", f: if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x }, i: x.signum() },
        vjp: zero,
    }

    /// The larger of two, element by element; nan if either is nan. The gradient of a tie is shared.
    ///
    /// > maximum([1, 5], [3, 2])
    /// [3, 5]
    maximum(a, b) {
        dtype: rule::any,
        shape: rule::broadcast,
        map: { cost: 2, wgsl: "larger(a, b)", basic: Max, f: if a >= b || a.is_nan() { a } else { b }, i: if a > b { a } else { b }, b: a | b },
        vjp(g, _) "a gets g where a > b, b gets g where b > a, each gets g / 2 where they are equal": [g * share(a, b), g * share(b, a)],
    }

    /// The smaller of two, element by element; nan if either is nan. The gradient of a tie is shared.
    ///
    /// > minimum([1, 5], [3, 2])
    /// [1, 2]
    minimum(a, b) {
        dtype: rule::any,
        shape: rule::broadcast,
        map: { cost: 2, wgsl: "smaller(a, b)", basic: Min, f: if a <= b || a.is_nan() { a } else { b }, i: if a < b { a } else { b }, b: a & b },
        vjp(g, _) "a gets g where a < b, b gets g where b < a, each gets g / 2 where they are equal": [g * share(b, a), g * share(a, b)],
    }

    /// Rounded down.
    ///
    /// > floor([1.5, -1.5])
    /// [1, -2]
    floor(x) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "floor(x)", f: x.floor(), i: x },
        vjp: zero,
    }

    /// Rounded up.
    ///
    /// > ceil([1.5, -1.5])
    /// [2, -1]
    ceil(x) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "ceil(x)", f: x.ceil(), i: x },
        vjp: zero,
    }

    /// Rounded to the nearest, halves to even.
    ///
    /// > round([0.5, 1.5, 2.6])
    /// [0, 2, 3]
    round(x) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "round(x)", f: x.round_ties_even(), i: x },
        vjp: zero,
    }

    /// Rounded towards zero.
    ///
    /// > trunc([1.5, -1.5])
    /// [1, -1]
    trunc(x) {
        dtype: rule::number,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "trunc(x)", f: x.trunc(), i: x },
        vjp: zero,
    }

    /// Elements of `a` where the condition holds, of `b` elsewhere.
    ///
    /// > where([true, false], [1, 2], 0)
    /// [1, 0]
    where_(condition, a, b) {
        dtype: rule::select,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "select(b, a, condition)", f: if condition { a } else { b }, i: if condition { a } else { b }, b: if condition { a } else { b } },
        vjp(g, _) "a gets where(condition, g, 0), b gets where(condition, 0, g)": [skip(), where_(condition, g, &Expr::weak(0i64)), where_(condition, &Expr::weak(0i64), g)],
    }
}

/// The share of a tie: 1 where `a` wins over `b`, 0 where it loses, a half each where they are equal.
fn share(a: &Expr, b: &Expr) -> Expr {
    let half = where_(&equal(a, b), &Expr::weak(0.5), &Expr::weak(0.0));
    where_(&greater(a, b), &Expr::weak(1.0), &half)
}

/// Division with the quotient rounded down (the algorithm of Python's `divmod` on floats: exact remainder first).
trait Floored: Sized {
    fn floor_quotient(self, b: Self) -> Self;
    fn floor_remainder(self, b: Self) -> Self;
}
macro_rules! floored {
    ($($t:ty)+) => { $(impl Floored for $t {
        #[inline(always)]
        fn floor_quotient(self, b: $t) -> $t {
            // As the standard wants it: infinities and zeros divide as `/` does, and that is rounded down.
            if b == 0.0 || self.is_infinite() {
                return self / b;
            }
            if b.is_infinite() {
                return (self / b).floor();
            }
            let r = self % b;
            let q = (self - r) / b;
            let q = if r != 0.0 && (r < 0.0) != (b < 0.0) { q - 1.0 } else { q };
            if q == 0.0 { (0.0 as $t).copysign(self / b) } else { q.round() }
        }
        #[inline(always)]
        fn floor_remainder(self, b: $t) -> $t {
            let r = self % b;
            if r == 0.0 {
                (0.0 as $t).copysign(b)
            } else if (r < 0.0) != (b < 0.0) {
                r + b
            } else {
                r
            }
        }
    })+ };
}
floored! { f32 f64 }
