//! Zeros and their signs, infinities, nan, subnormal numbers and the ends of domains: exact answers.

use super::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;
const PI: f64 = std::f64::consts::PI;

/// The same number down to the sign of zero, or both nan.
fn same(got: f64, want: f64) -> bool {
    (got.is_nan() && want.is_nan()) || got.to_bits() == want.to_bits()
}

/// Each case alone, so that its chunk is one of special cases, and among ordinary numbers.
fn cases<F: Unary<f64> + Unary<f32>>(name: &str, cases: &[(f64, f64)]) {
    for isa in sets() {
        for &(x, want) in cases {
            for neighbour in [x, 0.75] {
                let got = on1::<f64, F>(isa, &[neighbour, x])[1];
                assert!(same(got, want), "{name}({x:e}) = {got:e}, not {want:e}, on {isa:?}");
                let got = on1::<f32, F>(isa, &[neighbour as f32, x as f32])[1];
                assert!(same(got as f64, want as f32 as f64), "f32 {name}({x:e}) = {got:e}, not {want:e}, on {isa:?}");
            }
        }
        assert!(on1::<f64, F>(isa, &[-NAN])[0].is_nan());
        assert!(on1::<f64, F>(isa, &[f64::from_bits(0x7ff0_0000_dead_beef)])[0].is_nan());
    }
}

/// Odd functions that are nearly x next to zero: exactly x for the smallest numbers.
fn odd<F: Unary<f64> + Unary<f32>>(name: &str) {
    cases::<F>(name, &[(0.0, 0.0), (-0.0, -0.0), (NAN, NAN)]);
    for isa in sets() {
        for x in [5e-324, -5e-324, 1e-310, -2.2250738585072014e-308, 1e-200] {
            let got = on1::<f64, F>(isa, &[x])[0];
            assert!(same(got, x), "{name}({x:e}) = {got:e} on {isa:?}");
        }
        for x in [1e-45f32, -1e-45, 1e-39, -1.1754944e-38] {
            let got = on1::<f32, F>(isa, &[x])[0];
            assert!(got.to_bits() == x.to_bits(), "f32 {name}({x:e}) = {got:e} on {isa:?}");
        }
    }
}

#[test]
fn exponentials() {
    let zero_one = [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e5, INF), (-1e5, 0.0)];
    cases::<Exp>("exp", &zero_one);
    cases::<Exp2>("exp2", &zero_one);
    cases::<Exp2>("exp2", &[(10.0, 1024.0), (-1.0, 0.5), (100.0, 1.2676506002282294e30)]);
    odd::<Expm1>("expm1");
    cases::<Expm1>("expm1", &[(INF, INF), (-INF, -1.0), (1e5, INF), (-1e5, -1.0)]);
    for isa in sets() {
        let edge = on1::<f64, Exp>(isa, &[709.782712893384, 709.7827128933841, -745.1332191019411, -745.1332191019412]);
        assert!(edge[0] > 1.797e308 && edge[0] < INF && edge[1..] == [INF, 5e-324, 0.0], "{edge:?}");
        assert_eq!(on1::<f64, Exp2>(isa, &[1024.0, -1074.0, -1075.0, -1022.0]), [INF, 5e-324, 0.0, f64::MIN_POSITIVE]);
        assert_eq!(
            on1::<f32, Exp2>(isa, &[128.0, -149.0, -150.0, -126.0]),
            [f32::INFINITY, 1e-45, 0.0, f32::MIN_POSITIVE]
        );
    }
}

#[test]
fn logarithms() {
    let ends = [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-1.0, NAN), (-INF, NAN), (NAN, NAN)];
    cases::<Log>("log", &ends);
    cases::<Log2>("log2", &ends);
    cases::<Log10>("log10", &ends);
    cases::<Log2>("log2", &[(8.0, 3.0), (0.125, -3.0), (1e-45f32 as f64, -149.0)]);
    cases::<Log10>("log10", &[(1000.0, 3.0), (1e10, 10.0)]);
    odd::<Log1p>("log1p");
    cases::<Log1p>("log1p", &[(-1.0, -INF), (INF, INF), (-1.5, NAN), (-INF, NAN)]);
    for isa in sets() {
        assert_eq!(on1::<f64, Log2>(isa, &[5e-324, f64::MIN_POSITIVE / 4.0]), [-1074.0, -1024.0]);
        assert_eq!(on1::<f64, Log>(isa, &[5e-324, f64::MAX]), [-744.4400719213812, 709.782712893384]);
        assert_eq!(on1::<f64, Log1p>(isa, &[f64::MAX]), [709.782712893384]);
        let powers: Vec<f64> = (-300..=300).map(|i| format!("1e{i}").parse().expect("a number")).collect();
        for (i, log) in (-300..).zip(on1::<f64, Log10>(isa, &powers)) {
            assert_eq!(log, i as f64);
        }
    }
}

#[test]
fn trigonometry() {
    odd::<Sin>("sin");
    odd::<Tan>("tan");
    cases::<Sin>("sin", &[(INF, NAN), (-INF, NAN)]);
    cases::<Cos>("cos", &[(INF, NAN), (-INF, NAN), (0.0, 1.0), (-0.0, 1.0), (NAN, NAN)]);
    cases::<Tan>("tan", &[(INF, NAN), (-INF, NAN)]);
    for isa in sets() {
        // Known values: the sine of the rounded π is what was rounded off, and 10^22 is the classic of argument reduction.
        assert_eq!(on1::<f64, Sin>(isa, &[PI, 1e22]), [1.2246467991473532e-16, -0.8522008497671888]);
        assert_eq!(on1::<f64, Cos>(isa, &[PI / 2.0, 1e22]), [6.123233995736766e-17, 0.523214785395139]);
        assert_eq!(on1::<f64, Tan>(isa, &[PI / 2.0, 1e22])[0], 1.633123935319537e16);
        assert_eq!(on1::<f32, Sin>(isa, &[1e30f32])[0], (1e30f32 as f64).sin() as f32);
        // A few far ones among near ones.
        let x: Vec<f64> = (0..100).map(|i| if i % 7 == 3 { 1e15 + i as f64 } else { i as f64 }).collect();
        for (x, got) in x.iter().zip(on1::<f64, Sin>(isa, &x)) {
            assert!((got - x.sin()).abs() <= 1.2e-16, "sin({x})");
        }
    }
}

#[test]
fn arcs() {
    odd::<Asin>("asin");
    odd::<Atan>("atan");
    cases::<Asin>("asin", &[(1.0, PI / 2.0), (-1.0, -PI / 2.0), (1.5, NAN), (-2.0, NAN), (INF, NAN)]);
    cases::<Acos>("acos", &[(1.0, 0.0), (0.0, PI / 2.0), (-1.0, PI), (1.5, NAN), (-2.0, NAN), (INF, NAN), (NAN, NAN)]);
    cases::<Atan>("atan", &[(INF, PI / 2.0), (-INF, -PI / 2.0), (1.0, PI / 4.0), (1e30, PI / 2.0)]);
}

#[test]
fn hyperbolic() {
    odd::<Sinh>("sinh");
    odd::<Tanh>("tanh");
    odd::<Asinh>("asinh");
    odd::<Atanh>("atanh");
    cases::<Sinh>("sinh", &[(INF, INF), (-INF, -INF), (1e4, INF), (-1e4, -INF)]);
    cases::<Cosh>("cosh", &[(INF, INF), (-INF, INF), (1e4, INF), (0.0, 1.0), (-0.0, 1.0), (NAN, NAN)]);
    cases::<Tanh>("tanh", &[(INF, 1.0), (-INF, -1.0), (100.0, 1.0), (-1e30, -1.0)]);
    cases::<Asinh>("asinh", &[(INF, INF), (-INF, -INF)]);
    cases::<Acosh>("acosh", &[(1.0, 0.0), (INF, INF), (0.5, NAN), (-3.0, NAN), (-INF, NAN), (NAN, NAN)]);
    cases::<Atanh>("atanh", &[(1.0, INF), (-1.0, -INF), (1.5, NAN), (-INF, NAN)]);
    for isa in sets() {
        assert_eq!(on1::<f64, Asinh>(isa, &[1e200, f64::MAX]), [461.2101657793691, 710.475860073944]);
        assert_eq!(on1::<f64, Acosh>(isa, &[1e200, f64::MAX]), [461.2101657793691, 710.475860073944]);
        let edge = on1::<f64, Sinh>(isa, &[710.4758600739439, 710.475860073944]);
        assert!(edge[0] > 1.797e308 && edge[0] < INF && edge[1] == INF, "{edge:?}");
    }
}

#[test]
fn error_functions() {
    cases::<Erf>("erf", &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN), (10.0, 1.0)]);
    cases::<Erfc>(
        "erfc",
        &[(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (NAN, NAN), (-10.0, 2.0), (30.0, 0.0), (1e-30, 1.0)],
    );
    for isa in sets() {
        assert_eq!(on1::<f64, Erf>(isa, &[5e-324, -1e-310]), [5e-324, -1.12837916709551e-310]);
        assert!(on1::<f64, Erfc>(isa, &[27.2])[0] > 0.0);
    }
}

#[test]
fn roots() {
    cases::<Cbrt>("cbrt", &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN), (27.0, 3.0), (-8.0, -2.0)]);
    for isa in sets() {
        assert_eq!(
            on1::<f64, Cbrt>(isa, &[5e-324, -1e-309, f64::MAX]),
            [1.7031839360032603e-108, -1.0000000000000006e-103, 5.643803094122362e102]
        );
    }
}

/// What pow has to be, by the standard for floating-point arithmetic.
#[test]
fn powers() {
    let table = [
        (0.0, 3.0, 0.0),
        (-0.0, 3.0, -0.0),
        (-0.0, 2.0, 0.0),
        (-0.0, 0.5, 0.0),
        (0.0, -2.0, INF),
        (-0.0, -3.0, -INF),
        (-0.0, -2.0, INF),
        (-0.0, -0.5, INF),
        (0.0, -INF, INF),
        (0.0, INF, 0.0),
        (INF, 0.5, INF),
        (INF, -0.5, 0.0),
        (-INF, 3.0, -INF),
        (-INF, 2.0, INF),
        (-INF, 0.5, INF),
        (-INF, -3.0, -0.0),
        (-INF, -2.0, 0.0),
        (0.5, INF, 0.0),
        (0.5, -INF, INF),
        (2.0, INF, INF),
        (2.0, -INF, 0.0),
        (-2.0, INF, INF),
        (-1.0, INF, 1.0),
        (-1.0, -INF, 1.0),
        (1.0, NAN, 1.0),
        (NAN, 0.0, 1.0),
        (NAN, -0.0, 1.0),
        (INF, 0.0, 1.0),
        (0.0, 0.0, 1.0),
        (-3.0, 0.0, 1.0),
        (NAN, 1.0, NAN),
        (2.0, NAN, NAN),
        (-8.0, 1.0 / 3.0, NAN),
        (-2.0, 3.0, -8.0),
        (-2.0, 4.0, 16.0),
        (-2.0, -1.0, -0.5),
        (10.0, 2.0, 100.0),
        (-1.0, 9_007_199_254_740_992.0, 1.0),
        (-1.0, 1e300, 1.0),
        (0.5, 1e300, 0.0),
        (1e300, 1e300, INF),
        (-1e300, 3.0, -INF),
        (2.0, -2000.0, 0.0),
    ];
    for isa in sets() {
        for (x, y, want) in table {
            let got = on2::<f64, Pow>(isa, &[x], &[y])[0];
            assert!(same(got, want), "pow({x:e}, {y:e}) = {got:e}, not {want:e}, on {isa:?}");
            if x.abs() < 1e30 || x.is_infinite() {
                let got = on2::<f32, Pow>(isa, &[x as f32], &[y as f32])[0] as f64;
                assert!(same(got, want as f32 as f64), "f32 pow({x:e}, {y:e}) = {got:e}, not {want:e}, on {isa:?}");
            }
        }
        let odd = 9_007_199_254_740_991.0;
        assert_eq!(
            on2::<f64, Pow>(isa, &[-1.0, -1.0, -1.0], &[odd, odd - 1.0, 4_503_599_627_370_497.0]),
            [-1.0, 1.0, -1.0]
        );
        assert_eq!(
            on2::<f64, Pow>(isa, &[2.0, 2.0, 5e-324], &[-1074.0, -1075.0, 0.5]),
            [5e-324, 0.0, 2.2227587494850775e-162]
        );
        for i in 0..300 {
            assert_eq!(
                on2::<f64, Pow>(isa, &[3.0, -7.0], &[(i % 33) as f64, (i % 18) as f64]),
                [3f64.powi(i % 33), (-7f64).powi(i % 18)]
            );
        }
    }
}

#[test]
fn angles() {
    let (half, quarter) = (PI / 2.0, PI / 4.0);
    let table = [
        (0.0, 1.0, 0.0),
        (-0.0, 1.0, -0.0),
        (0.0, -1.0, PI),
        (-0.0, -1.0, -PI),
        (0.0, 0.0, 0.0),
        (-0.0, 0.0, -0.0),
        (0.0, -0.0, PI),
        (-0.0, -0.0, -PI),
        (1.0, 0.0, half),
        (-1.0, 0.0, -half),
        (1.0, -0.0, half),
        (INF, INF, quarter),
        (-INF, INF, -quarter),
        (INF, -INF, 3.0 * quarter),
        (-INF, -INF, -3.0 * quarter),
        (1.0, INF, 0.0),
        (-1.0, INF, -0.0),
        (1.0, -INF, PI),
        (-1.0, -INF, -PI),
        (INF, 1.0, half),
        (-INF, 1.0, -half),
        (1.0, 1.0, quarter),
        (-1.0, -1.0, -3.0 * quarter),
        (NAN, 1.0, NAN),
        (1.0, NAN, NAN),
        (INF, NAN, NAN),
    ];
    for isa in sets() {
        for (y, x, want) in table {
            let got = on2::<f64, Atan2>(isa, &[y], &[x])[0];
            assert!(same(got, want), "atan2({y:e}, {x:e}) = {got:e}, not {want:e}, on {isa:?}");
            let got = on2::<f32, Atan2>(isa, &[y as f32], &[x as f32])[0] as f64;
            assert!(same(got, want as f32 as f64), "f32 atan2({y:e}, {x:e}) = {got:e}, not {want:e}, on {isa:?}");
        }
        let (y, x) = ([5e-324, 1e308, 1e308, 5e-324, 1e-300, 2e-320], [1.0, 1e308, 5e-324, 1e308, -1e300, 5e-300]);
        assert_eq!(on2::<f64, Atan2>(isa, &y, &x)[..5], [5e-324, quarter, half, 0.0, PI]);
        assert!((on2::<f64, Atan2>(isa, &y, &x)[5] / (y[5] / x[5]) - 1.0).abs() < 3e-16);
    }
}
