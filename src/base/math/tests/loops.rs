//! What an element becomes does not depend on where it stands, on its neighbours, or on which way its chunk took.

use super::*;

/// Doubles of every kind, the special ones often.
fn mixed(n: usize) -> Vec<f64> {
    let special = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NAN, 1e-310, 1e300, 1e12, 709.0, -740.0];
    let mut dice = Dice(n as u64);
    (0..n)
        .map(|i| match i % 5 {
            0 => f64::from_bits(dice.bits()),
            1 => special[(dice.bits() % 11) as usize],
            _ => dice.between(-30.0, 30.0),
        })
        .collect()
}

fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| if x.is_nan() { 1 } else { x.to_bits() }).collect()
}

fn bits32(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| if x.is_nan() { 1 } else { x.to_bits() }).collect()
}

/// Chunks, single elements and all fusing instruction sets agree to the bit.
fn steady<F: Unary<f64> + Unary<f32>>() {
    let x = mixed(1000);
    let narrow: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let mut fused: Option<(Vec<u64>, Vec<u32>)> = None;
    for isa in sets() {
        let all = (bits(&on1::<f64, F>(isa, &x)), bits32(&on1::<f32, F>(isa, &narrow)));
        let alone: Vec<f64> = x.iter().map(|&x| on1::<f64, F>(isa, &[x])[0]).collect();
        assert_eq!(all.0, bits(&alone), "{isa:?}");
        let alone: Vec<f32> = narrow.iter().map(|&x| on1::<f32, F>(isa, &[x])[0]).collect();
        assert_eq!(all.1, bits32(&alone), "{isa:?}");
        if isa != Isa::Base {
            assert_eq!(*fused.get_or_insert_with(|| all.clone()), all);
        }
    }
}

fn steady2<F: Binary<f64>>() {
    let (x, y) = (mixed(1000), mixed(1003));
    for isa in sets() {
        let all = on2::<f64, F>(isa, &x, &y);
        let alone: Vec<f64> = x.iter().zip(&y).map(|(&x, &y)| on2::<f64, F>(isa, &[x], &[y])[0]).collect();
        assert_eq!(bits(&all), bits(&alone), "{isa:?}");
    }
}

/// One number that is not easy, at every place of a chunk of easy ones, which are written over: those before it, those after it and it
/// come out as they do alone.
fn undisturbed<F: Unary<f64> + Unary<f32>>() {
    let mut dice = Dice(5);
    let easy: Vec<f64> = (0..150).map(|_| dice.between(0.1, 0.9)).collect();
    for isa in sets() {
        for (place, hard) in
            (0..64).zip([0.0, -0.0, -1.0, f64::INFINITY, f64::NAN, 1e-310, 1e300, -740.0].into_iter().cycle())
        {
            let mut x = easy.clone();
            x[64 + place] = hard;
            let mut narrow: Vec<f32> = x.iter().map(|&x| x as f32).collect();
            let alone: Vec<f64> = x.iter().map(|&x| on1::<f64, F>(isa, &[x])[0]).collect();
            let alone32: Vec<f32> = narrow.iter().map(|&x| on1::<f32, F>(isa, &[x])[0]).collect();
            // SAFETY: the result lies on the operand.
            unsafe {
                kernel1::<f64, F>(isa)([x.as_ptr().cast()].as_ptr(), x.as_mut_ptr().cast(), 150);
                kernel1::<f32, F>(isa)([narrow.as_ptr().cast()].as_ptr(), narrow.as_mut_ptr().cast(), 150);
            }
            assert_eq!((bits(&x), bits32(&narrow)), (bits(&alone), bits32(&alone32)), "{isa:?} {place} {hard}");
        }
    }
}

/// Runs a test for every function of one number.
macro_rules! every {
    ($test:ident) => {
        $test::<Exp>();
        $test::<Exp2>();
        $test::<Expm1>();
        $test::<Log>();
        $test::<Log1p>();
        $test::<Log2>();
        $test::<Log10>();
        $test::<Sin>();
        $test::<Cos>();
        $test::<Tan>();
        $test::<Asin>();
        $test::<Acos>();
        $test::<Atan>();
        $test::<Sinh>();
        $test::<Cosh>();
        $test::<Tanh>();
        $test::<Asinh>();
        $test::<Acosh>();
        $test::<Atanh>();
        $test::<Erf>();
        $test::<Erfc>();
        $test::<Cbrt>();
    };
}

#[test]
fn every_function_is_steady() {
    every!(steady);
    steady2::<Pow>();
    steady2::<Atan2>();
}

#[test]
fn every_function_is_undisturbed() {
    every!(undisturbed);
}

/// Every length, in place and not, without touching what lies behind.
#[test]
fn lengths_and_places() {
    let x = mixed(300);
    for isa in sets() {
        let want = on1::<f64, Exp>(isa, &x);
        for n in 0..200 {
            let mut out = vec![7.0; n + 1];
            let ins = [x.as_ptr().cast()];
            // SAFETY: both hold `n` elements.
            unsafe { kernel1::<f64, Exp>(isa)(ins.as_ptr(), out.as_mut_ptr().cast(), n) };
            assert_eq!(bits(&out[..n]), bits(&want[..n]));
            assert_eq!(out[n], 7.0);
            let mut place = x.clone();
            let ins = [place.as_ptr().cast()];
            // SAFETY: in place is allowed.
            unsafe { kernel1::<f64, Exp>(isa)(ins.as_ptr(), place.as_mut_ptr().cast(), n) };
            assert_eq!((bits(&place[..n]), bits(&place[n..])), (bits(&want[..n]), bits(&x[n..])));
        }
    }
}

/// An operand that is one number is as good as an array of it; and `out` may be either operand.
#[test]
fn single_operands() {
    let (x, y) = (mixed(100), [0.5; 100]);
    for isa in sets() {
        for (single, left, right) in
            [([false, true], &x[..], &y[..]), ([true, false], &y[..], &x[..]), ([true; 2], &y[..], &y[..])]
        {
            let want = on2::<f64, Pow>(isa, left, right);
            let left: Vec<f64> = if single[0] { vec![left[0]] } else { left.to_vec() };
            let right: Vec<f64> = if single[1] { vec![right[0]] } else { right.to_vec() };
            let mut out = vec![0.0; 100];
            let ins = [left.as_ptr().cast(), right.as_ptr().cast()];
            // SAFETY: operands that are not single hold 100 elements.
            unsafe { kernel2::<f64, Pow>(isa, single)(ins.as_ptr(), out.as_mut_ptr().cast(), 100) };
            assert_eq!(bits(&out), bits(&want));
        }
        let mut over = vec![0.5; 100];
        let ins = [over.as_ptr().cast(), x.as_ptr().cast()];
        // SAFETY: the result lies on the single operand.
        unsafe { kernel2::<f64, Pow>(isa, [true, false])(ins.as_ptr(), over.as_mut_ptr().cast(), 100) };
        assert_eq!(bits(&over), bits(&on2::<f64, Pow>(isa, &y, &x)));
        let (mut a, b) = (x.clone(), mixed(101));
        let ins = [a.as_ptr().cast(), b.as_ptr().cast()];
        // SAFETY: the result is the first operand.
        unsafe { kernel2::<f64, Pow>(isa, [false; 2])(ins.as_ptr(), a.as_mut_ptr().cast(), 100) };
        assert_eq!(bits(&a), bits(&on2::<f64, Pow>(isa, &x, &b)));
    }
}
