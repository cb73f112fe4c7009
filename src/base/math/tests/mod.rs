//! Accuracy, special cases and the loops around them, on every instruction set of the machine.

mod loops;
mod special;
mod truth;

use rayon::prelude::*;

use super::num::Num;
use super::*;

/// The instruction sets that can be tried here.
fn sets() -> Vec<Isa> {
    [Isa::Base, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.here()).collect()
}

fn on1<T: super::num::Num, F: Unary<T>>(isa: Isa, x: &[T]) -> Vec<T> {
    let mut out = x.to_vec();
    let ins = [x.as_ptr().cast()];
    // SAFETY: both hold the length, and `isa` comes from `sets`.
    unsafe { kernel1::<T, F>(isa)(ins.as_ptr(), out.as_mut_ptr().cast(), x.len()) };
    out
}

fn on2<T: Num, F: Binary<T>>(isa: Isa, x: &[T], y: &[T]) -> Vec<T> {
    let mut out = x.to_vec();
    let ins = [x.as_ptr().cast(), y.as_ptr().cast()];
    // SAFETY: as above.
    unsafe { kernel2::<T, F>(isa, [false; 2])(ins.as_ptr(), out.as_mut_ptr().cast(), x.len().min(y.len())) };
    out
}

/// Random doubles: the numbers of a counter, mixed.
struct Dice(u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly from an interval.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 / 9_007_199_254_740_992.0)
    }

    /// Of all sizes `2^low` to `2^high`.
    fn sized(&mut self, low: f64, high: f64) -> f64 {
        let size = self.between(low, high).exp2();
        if self.bits() & 1 == 0 { size } else { -size }
    }
}

/// Half of the points evenly from an interval, a quarter next to a place in it, a quarter of all sizes that fit.
fn points(n: usize, (low, high): (f64, f64), place: f64) -> Vec<f64> {
    let mut dice = Dice(n as u64 + low.to_bits());
    let inside = |x: f64| if x >= low && x <= high { x } else { low + (high - low) / 3.0 };
    (0..n)
        .map(|i| match i % 4 {
            0 => inside(place + dice.sized(-50.0, -1.0)),
            1 => inside(dice.sized(-960.0, 1000.0)),
            _ => dice.between(low, high),
        })
        .collect()
}

/// Twenty thousand points of an interval against the reference, within `bound` units of the last place.
fn near<F: Unary<f64>>(name: &str, truth: fn(f64) -> truth::Truth, range: (f64, f64), place: f64, bound: f64) {
    let x = points(20_000, range, place);
    let truths: Vec<_> = x.iter().map(|&x| truth(x)).collect();
    for isa in sets() {
        for ((&x, &truth), got) in x.iter().zip(&truths).zip(on1::<f64, F>(isa, &x)) {
            let off = truth::ulps(got, truth);
            assert!(off <= bound, "{name}({x:e}) = {got:e} on {isa:?}: {off} ulp from {truth:?}");
        }
    }
}

fn near2<F: Binary<f64>>(name: &str, truth: fn(f64, f64) -> truth::Truth, x: &[f64], y: &[f64], bound: f64) {
    let truths: Vec<_> = x.iter().zip(y).map(|(&x, &y)| truth(x, y)).collect();
    for isa in sets() {
        for (i, got) in on2::<f64, F>(isa, x, y).into_iter().enumerate() {
            let off = truth::ulps(got, truths[i]);
            assert!(
                off <= bound,
                "{name}({:e}, {:e}) = {got:e} on {isa:?}: {off} ulp from {:?}",
                x[i],
                y[i],
                truths[i]
            );
        }
    }
}

#[test]
fn exponentials_f64() {
    near::<Exp>("exp", |x| truth::exp(truth::Dd::of(x)), (-745.0, 709.7), 0.0, 0.80);
    near::<Exp2>("exp2", truth::exp2, (-1074.0, 1023.9), 0.0, 0.80);
    near::<Expm1>("expm1", truth::expm1, (-50.0, 709.7), 0.0, 0.85);
    near::<Expm1>("expm1", truth::expm1, (-1.0, 1.0), 0.35, 0.85);
}

#[test]
fn logarithms_f64() {
    for top in [4.0, 1e300] {
        near::<Log>("log", truth::log, (1e-300, top), 1.0, 0.80);
        near::<Log2>("log2", truth::log2, (1e-300, top), 1.0, 0.51);
        near::<Log10>("log10", truth::log10, (1e-300, top), 1.0, 0.51);
        near::<Log1p>("log1p", truth::log1p, (-0.999, top), 0.0, 0.80);
    }
}

#[test]
fn trigonometry_f64() {
    for far in [7.0, 1e9] {
        near::<Sin>("sin", truth::sin, (-far, far), 0.0, 0.85);
        near::<Cos>("cos", truth::cos, (-far, far), std::f64::consts::FRAC_PI_2, 0.85);
        near::<Tan>("tan", truth::tan, (-far, far), std::f64::consts::FRAC_PI_2, 1.0);
    }
}

#[test]
fn arcs_f64() {
    near::<Asin>("asin", truth::asin, (-1.0, 1.0), 1.0, 0.65);
    near::<Acos>("acos", truth::acos, (-1.0, 1.0), 1.0, 0.65);
    near::<Atan>("atan", truth::atan, (-3.0, 3.0), 0.4142135623730951, 0.80);
    near::<Atan>("atan", truth::atan, (-1e300, 1e300), 2.414213562373095, 0.80);
    let (mut dice, n) = (Dice(5), 20_000);
    let mut side = || -> Vec<f64> { (0..n).map(|_| dice.sized(-20.0, 20.0)).collect() };
    near2::<Atan2>("atan2", truth::atan2, &side(), &side(), 0.80);
}

#[test]
fn hyperbolic_f64() {
    for far in [2.0, 710.0] {
        near::<Sinh>("sinh", truth::sinh, (-far, far), 0.0, 0.80);
        near::<Cosh>("cosh", truth::cosh, (-far, far), 0.0, 0.80);
        near::<Tanh>("tanh", truth::tanh, (-far.min(30.0), far.min(30.0)), 0.0, 1.0);
        near::<Asinh>("asinh", truth::asinh, (-far, far), 0.0, 0.85);
        near::<Acosh>("acosh", truth::acosh, (1.0, far), 1.0, 0.85);
    }
    near::<Atanh>("atanh", truth::atanh, (-1.0 + 1e-9, 1.0 - 1e-9), 0.0, 0.80);
}

#[test]
fn error_function_f64() {
    near::<Erf>("erf", truth::erf, (-6.2, 6.2), 0.0, 1.0);
    near::<Erf>("erf", truth::erf, (-1.5, 1.5), 0.85, 1.0);
    near::<Erfc>("erfc", truth::erfc, (-6.0, 27.2), 0.0, 1.0);
    near::<Erfc>("erfc", truth::erfc, (-1.5, 1.5), 0.65, 1.0);
}

#[test]
fn powers_f64() {
    near::<Cbrt>("cbrt", truth::cbrt, (-9.0, 9.0), 1.0, 0.501);
    near::<Cbrt>("cbrt", truth::cbrt, (-1e290, 1e290), 0.0, 0.501);
    let (mut dice, n) = (Dice(6), 20_000);
    let x: Vec<f64> =
        (0..n).map(|i| if i % 2 == 0 { dice.sized(-900.0, 900.0).abs() } else { dice.between(0.5, 2.0) }).collect();
    let y: Vec<f64> = x.iter().map(|x| dice.between(-1074.0, 1023.9) / x.log2()).collect();
    near2::<Pow>("pow", truth::pow, &x, &y, 0.80);
    let y: Vec<f64> = x.iter().map(|_| dice.between(-1.1, 1.1)).collect();
    near2::<Pow>("pow", truth::pow, &x, &y, 0.80);
}

/// Distance from the truth in units of the last place of f32.
fn ulps32(got: f32, truth: f64) -> f64 {
    if got.is_nan() || truth.is_nan() || got.is_infinite() {
        let right = (got.is_nan() && truth.is_nan()) || got == truth as f32;
        return if right { 0.0 } else { f64::INFINITY };
    }
    let exponent = ((truth.abs().to_bits() >> 52) as i32 - 1023).clamp(-126, 127);
    (got as f64 - truth).abs() / truth::power(exponent - 23)
}

/// The f32 whose bits are `step` apart against the standard library in f64, on every path: none is off by more than `bound`. Prints
/// the worst of each path.
fn sweep<F: Unary<f32>>(step: usize, name: &str, bound: f64, truth: fn(f64) -> f64) {
    const TOGETHER: usize = 1 << 18;
    let count = (1usize << 32).div_ceil(step);
    let parts = (0..count).into_par_iter().step_by(TOGETHER).map(|start| {
        let places = start..(start + TOGETHER).min(count);
        let x: Vec<f32> = places.map(|i| f32::from_bits((i * step) as u32)).collect();
        let truths: Vec<f64> = x.iter().map(|&x| truth(x as f64)).collect();
        let worst = |isa: Isa| {
            let got = on1::<f32, F>(isa, &x);
            let offs = got.iter().zip(&truths).map(|(&got, &truth)| ulps32(got, truth));
            offs.zip(&x).fold((0.0, 0.0), |worst, (off, &x)| if off > worst.0 { (off, x) } else { worst })
        };
        sets().into_iter().map(worst).collect::<Vec<_>>()
    });
    let larger = |a: (f64, f32), b: (f64, f32)| if b.0 > a.0 { b } else { a };
    let all = parts
        .reduce(|| vec![(0.0, 0.0); sets().len()], |a, b| a.into_iter().zip(b).map(|(a, b)| larger(a, b)).collect());
    let cells: Vec<String> = all.iter().map(|(off, x)| format!("{off:.3} | {x:e}")).collect();
    println!("| `{name}` | {} |", cells.join(" | "));
    for ((off, x), isa) in all.into_iter().zip(sets()) {
        assert!(off <= bound, "{name}({x:e}) on {isa:?} is off by {off} ulp");
    }
}

fn functions_of_f32(step: usize) {
    sweep::<Exp>(step, "exp", 0.80, f64::exp);
    sweep::<Exp2>(step, "exp2", 0.80, f64::exp2);
    sweep::<Expm1>(step, "expm1", 0.90, f64::exp_m1);
    sweep::<Log>(step, "log", 0.90, f64::ln);
    sweep::<Log1p>(step, "log1p", 0.92, f64::ln_1p);
    sweep::<Log2>(step, "log2", 0.99, f64::log2);
    sweep::<Log10>(step, "log10", 0.86, f64::log10);
    sweep::<Sin>(step, "sin", 0.501, f64::sin);
    sweep::<Cos>(step, "cos", 0.501, f64::cos);
    sweep::<Tan>(step, "tan", 0.501, f64::tan);
    sweep::<Asin>(step, "asin", 0.51, f64::asin);
    sweep::<Acos>(step, "acos", 0.51, f64::acos);
    sweep::<Atan>(step, "atan", 0.501, f64::atan);
    sweep::<Sinh>(step, "sinh", 0.51, f64::sinh);
    sweep::<Cosh>(step, "cosh", 0.51, f64::cosh);
    sweep::<Tanh>(step, "tanh", 0.95, f64::tanh);
    sweep::<Asinh>(step, "asinh", 0.501, libm::asinh);
    sweep::<Acosh>(step, "acosh", 0.501, |x| if x < 1.0 { f64::NAN } else { libm::acosh(x) });
    sweep::<Atanh>(step, "atanh", 0.501, libm::atanh);
    sweep::<Erf>(step, "erf", 0.96, libm::erf);
    sweep::<Erfc>(step, "erfc", 0.55, libm::erfc);
    sweep::<Cbrt>(step, "cbrt", 0.501, f64::cbrt);
}

#[test]
fn every_kind_of_f32() {
    functions_of_f32(8_009);
}

/// All 2^32, which takes an hour of a core: `benches/accuracy all` makes a table of it.
#[test]
#[ignore = "an hour"]
fn every_f32() {
    functions_of_f32(1);
}

#[test]
fn pairs_of_f32() {
    let mut dice = Dice(7);
    let mut any = || -> Vec<f32> { (0..100_000).map(|_| f32::from_bits(dice.bits() as u32)).collect() };
    let (x, y) = (any(), any());
    let near_one: Vec<f32> = x.iter().map(|x| 1.0 + x.sin() / 2.0).collect();
    let small: Vec<f32> = y.iter().map(|y| 40.0 * y.sin()).collect();
    for isa in sets() {
        for (x, y) in [(&x, &y), (&near_one, &small)] {
            let (pow, atan2) = (on2::<f32, Pow>(isa, x, y), on2::<f32, Atan2>(isa, x, y));
            for i in 0..x.len() {
                let (a, b) = (x[i] as f64, y[i] as f64);
                let off = ulps32(pow[i], a.powf(b));
                assert!(off <= 0.54, "pow({a:e}, {b:e}) = {:e} on {isa:?}: {off} ulp", pow[i]);
                let off = ulps32(atan2[i], a.atan2(b));
                assert!(off <= 0.51, "atan2({a:e}, {b:e}) = {:e} on {isa:?}: {off} ulp", atan2[i]);
            }
        }
    }
}
