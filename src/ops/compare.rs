//! Comparisons, logic and bits, element by element.

use super::*;
use crate::prims;

prims! {
    /// Whether elements are equal.
    ///
    /// > equal([1, 2], [1, 3])
    /// [true, false]
    equal(a, b) {
        dtype: rule::compare,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "a == b", -> bool, f: a == b, i: a == b, b: a == b },
        vjp: zero,
    }

    /// Whether elements differ; nan differs from everything.
    ///
    /// > not_equal([1, 2], [1, 3])
    /// [false, true]
    not_equal(a, b) {
        dtype: rule::compare,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "!(a == b)", -> bool, f: a != b, i: a != b, b: a != b },
        vjp: zero,
    }

    /// Whether the first is smaller.
    ///
    /// > less([1, 2], 2)
    /// [true, false]
    less(a, b) {
        dtype: rule::compare,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "less(a, b)", -> bool, f: a < b, i: a < b, b: !a & b },
        vjp: zero,
    }

    /// Whether the first is smaller or equal.
    ///
    /// > less_equal([1, 2, 3], 2)
    /// [true, true, false]
    less_equal(a, b) {
        dtype: rule::compare,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "less_equal(a, b)", -> bool, f: a <= b, i: a <= b, b: !a | b },
        vjp: zero,
    }

    /// Whether the first is larger.
    ///
    /// > greater([1, 2, 3], 2)
    /// [false, false, true]
    greater(a, b) {
        dtype: rule::compare,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "less(b, a)", -> bool, f: a > b, i: a > b, b: a & !b },
        vjp: zero,
    }

    /// Whether the first is larger or equal.
    ///
    /// > greater_equal([1, 2, 3], 2)
    /// [false, true, true]
    greater_equal(a, b) {
        dtype: rule::compare,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "less_equal(b, a)", -> bool, f: a >= b, i: a >= b, b: a | !b },
        vjp: zero,
    }

    /// Whether both hold.
    ///
    /// > logical_and([true, true], [true, false])
    /// [true, false]
    logical_and(a, b) {
        dtype: rule::logic,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "a & b", b: a & b },
        vjp: zero,
    }

    /// Whether one or both hold.
    ///
    /// > logical_or([true, false], [false, false])
    /// [true, false]
    logical_or(a, b) {
        dtype: rule::logic,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "a | b", b: a | b },
        vjp: zero,
    }

    /// Whether exactly one holds.
    ///
    /// > logical_xor([true, true], [true, false])
    /// [false, true]
    logical_xor(a, b) {
        dtype: rule::logic,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "a != b", b: a != b },
        vjp: zero,
    }

    /// Whether it does not hold.
    ///
    /// > logical_not([true, false])
    /// [false, true]
    logical_not(x) {
        dtype: rule::logic,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "!x", b: !x },
        vjp: zero,
    }

    /// Bits (of ints) or truths (of bools) that are in both.
    ///
    /// > bitwise_and([12, 5], 10)
    /// [8, 0]
    bitwise_and(a, b) {
        dtype: rule::bits,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "a & b", i: a & b, b: a & b },
        vjp: zero,
    }

    /// Bits or truths that are in one or both.
    ///
    /// > bitwise_or([12, 5], 10)
    /// [14, 15]
    bitwise_or(a, b) {
        dtype: rule::bits,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "a | b", i: a | b, b: a | b },
        vjp: zero,
    }

    /// Bits or truths that are in exactly one.
    ///
    /// > bitwise_xor([12, 5], 10)
    /// [6, 15]
    bitwise_xor(a, b) {
        dtype: rule::bits,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "xor(a, b)", i: a ^ b, b: a ^ b },
        vjp: zero,
    }

    /// Every bit or truth turned.
    ///
    /// > bitwise_invert([true, false])
    /// [false, true]
    bitwise_invert(x) {
        dtype: rule::bits,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "invert(x)", i: !x, b: !x },
        vjp: zero,
    }

    /// Bits shifted up: times two to the power of `b`. Shifting by 64 or more gives 0.
    ///
    /// > bitwise_left_shift(1, [0, 3])
    /// [1, 8]
    bitwise_left_shift(a, b) {
        dtype: ints,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "shift_left(a, b)", i: if (0..64).contains(&b) { a << b } else { 0 } },
        vjp: zero,
    }

    /// Bits shifted down, keeping the sign: divided by two to the power of `b`, rounded down. Shifting by 64 or more, or by
    /// a negative number, leaves the sign alone.
    ///
    /// > bitwise_right_shift([-9, 9], 1)
    /// [-5, 4]
    bitwise_right_shift(a, b) {
        dtype: ints,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "shift_right(a, b)", i: if (0..64).contains(&b) { a >> b } else { a >> 63 } },
        vjp: zero,
    }

    /// The number next to `a` in the direction of `b`.
    ///
    /// > nextafter([1.0, 0.0], [2.0, 0.0])
    /// [1.0000000000000002, 0]
    nextafter(a, b) {
        dtype: rule::float,
        shape: rule::broadcast,
        map: { cost: 4, wgsl: "nextafter(a, b)", f: if a.is_nan() || b.is_nan() { a + b } else if a == b { b } else if a < b { a.next_up() } else { a.next_down() } },
        vjp(g, _): [g.clone(), skip()],
    }

    /// Whether each element is not a number.
    ///
    /// > isnan([1, nan])
    /// [false, true]
    isnan(x) {
        dtype: rule::compare,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "isnan(x)", -> bool, f: x.is_nan(), i: never(x), b: never(x) },
        vjp: zero,
    }

    /// Whether each element is infinite.
    ///
    /// > isinf([1, inf, -inf])
    /// [false, true, true]
    isinf(x) {
        dtype: rule::compare,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "isinf(x)", -> bool, f: x.is_infinite(), i: never(x), b: never(x) },
        vjp: zero,
    }

    /// Whether each element is a number and finite.
    ///
    /// > isfinite([1, inf, nan])
    /// [true, false, false]
    isfinite(x) {
        dtype: rule::compare,
        shape: rule::broadcast,
        map: { cost: 1, wgsl: "isfinite(x)", -> bool, f: x.is_finite(), i: !never(x), b: !never(x) },
        vjp: zero,
    }
}

/// Ints only: bools are read as ints.
fn ints(c: &crate::graph::Call) -> crate::base::Result<crate::graph::Types> {
    let mut types = rule::bits(c)?;
    types.ins.fill(crate::base::DType::I64);
    types.out = crate::base::DType::I64;
    Ok(types)
}

/// False for any value: ints and bools are always finite numbers.
fn never<T>(_: T) -> bool {
    false
}
