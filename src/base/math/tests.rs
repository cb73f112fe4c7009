//! Accuracy and special cases of every function, on every instruction set of the machine.

use super::*;

/// Maps a slice, on each instruction set; also in place, and in pieces of every length up to a few chunks.
fn each<T: Copy + PartialEq, F: Unary<T>>(x: &[T]) -> Vec<Vec<T>> {
    sets().into_iter().map(|isa| on::<T, F>(isa, x)).collect()
}

fn sets() -> Vec<Isa> {
    if Isa::best() == Isa::Base { vec![Isa::Base] } else { vec![Isa::Base, Isa::best()] }
}

fn on<T: Copy, F: Unary<T>>(isa: Isa, x: &[T]) -> Vec<T> {
    let mut out = x.to_vec();
    unsafe { map1_on::<T, F>(isa, x.as_ptr(), out.as_mut_ptr(), x.len()) };
    out
}

/// Distance from the truth in units of the last place of f32.
fn ulp32(got: f32, truth: f64) -> f64 {
    if got.is_nan() || truth.is_nan() || got.is_infinite() {
        let right = (got.is_nan() && truth.is_nan()) || got == truth as f32;
        return if right { 0.0 } else { f64::INFINITY };
    }
    let exponent = if truth == 0.0 { -126 } else { (truth.abs().log2().floor() as i32).clamp(-126, 127) };
    (got as f64 - truth).abs() / 2f64.powi(exponent - 23)
}

/// Every 20011th f32 there is, against the standard library in f64.
fn sweep<F: Unary<f32>>(name: &str, bound: f64, truth: fn(f64) -> f64) {
    let x: Vec<f32> = (0..=u32::MAX).step_by(20_011).map(f32::from_bits).collect();
    for out in each::<f32, F>(&x) {
        for (&x, &got) in x.iter().zip(&out) {
            let off = ulp32(got, truth(x as f64));
            assert!(off <= bound, "{name}({x:e}) = {got:e}: {off} ulp from {:e}", truth(x as f64));
        }
    }
}

#[test]
fn every_f32() {
    sweep::<Exp>("exp", 0.54, f64::exp);
    sweep::<Exp2>("exp2", 0.54, f64::exp2);
    sweep::<Expm1>("expm1", 0.51, f64::exp_m1);
    sweep::<Log>("log", 0.501, f64::ln);
    sweep::<Log1p>("log1p", 0.501, f64::ln_1p);
    sweep::<Log2>("log2", 0.501, f64::log2);
    sweep::<Log10>("log10", 0.501, f64::log10);
    sweep::<Sin>("sin", 0.501, f64::sin);
    sweep::<Cos>("cos", 0.501, f64::cos);
    sweep::<Tan>("tan", 0.501, f64::tan);
    sweep::<Tanh>("tanh", 0.51, f64::tanh);
}
