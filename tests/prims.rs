//! Every primitive, checked from its own record.
//!
//! The examples of its docs give the sample inputs (whatever the examples call is collected while they run); then
//! rules are held against results, the fast device against the slow one, gradients and second gradients against finite
//! differences, and elementwise ops go through the special numbers. A primitive without an example fails.

#[path = "common/paths.rs"]
mod paths;
#[path = "common/samples.rs"]
mod samples;

use nevel::base::{DType, Half, Host};
use nevel::graph::apply::alias;
use nevel::graph::{Body, Data, Expr, Level, Place, Vjp, apply, engine};
use nevel::session::with_stack;
use nevel::{device, grad, ops};
use samples::{Sample, samples};

fn exprs(s: &Sample) -> Vec<Expr> {
    let one = |(h, &weak): (&Host, &bool)| {
        if !weak {
            return Expr::from_host(h.clone(), Place::Array);
        }
        match h.dtype {
            DType::Bool => Expr::weak(h.to_vec::<bool>().expect("fits in memory")[0]),
            DType::I64 => Expr::weak(h.to_vec::<i64>().expect("fits in memory")[0]),
            _ => Expr::weak(h.to_f64s().expect("fits in memory")[0]),
        }
    };
    s.ins.iter().zip(&s.weak).map(one).collect()
}

fn run(s: &Sample) -> Expr {
    apply(s.prim, &exprs(s), s.attrs.clone()).unwrap_or_else(|f| panic!("{}: {f}", s.prim.name))
}

fn same(a: f64, b: f64, tolerance: f64) -> bool {
    a.to_bits() == b.to_bits()
        || (a.is_nan() && b.is_nan())
        || (tolerance > 0.0 && (a == b || (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))))
}

/// Rules against results, and one device against the other.
fn check_values(s: &Sample) {
    let y = run(s);
    let host = y.host().unwrap_or_else(|f| panic!("{}: {f}", s.prim.name));
    assert_eq!(host.shape(), y.shape(), "{}: the shape rule", s.prim.name);
    assert_eq!(host.dtype, y.dtype(), "{}: the dtype rule", s.prim.name);
    if let Some(Data::Buffer(b, _)) = y.data() {
        assert!(b.bytes() >= y.dtype().size() * y.size().min(1), "{}: the buffer", s.prim.name);
    }
    let tolerance = if s.prim.is_map() || s.prim.is_view() { 0.0 } else { 1e-12 };
    device::with_reference(|| {
        let slow = run(s).host().unwrap_or_else(|f| panic!("{} on the reference: {f}", s.prim.name));
        for (i, (a, b)) in
            host.to_f64s().expect("fits in memory").iter().zip(slow.to_f64s().expect("fits in memory")).enumerate()
        {
            assert!(same(*a, b, tolerance), "{} element {i}: cpu {a}, reference {b}", s.prim.name);
        }
    });
}

/// A sample as large and in the other float dtype, to reach the block paths: elementwise ops only.
fn stretched(s: &Sample, dtype: DType, values: &[f64]) -> Option<Sample> {
    let n = 1500;
    let mut ins = vec![];
    for (k, h) in s.ins.iter().enumerate() {
        let pick = |i: usize| values[(i * (k + 1) + i / values.len()) % values.len()];
        ins.push(match h.dtype {
            DType::Bool => {
                Host::from_slice([n].into_iter().collect(), &(0..n).map(|i| i % (k + 2) == 0).collect::<Vec<_>>())
                    .ok()?
            }
            DType::I64 => return None,
            _ if dtype == DType::F16 => {
                let halves: Vec<Half> = (0..n).map(|i| Half::from_f64(pick(i))).collect();
                Host::from_slice([n].into_iter().collect(), &halves).ok()?
            }
            _ if dtype == DType::F32 => {
                Host::from_slice([n].into_iter().collect(), &(0..n).map(|i| pick(i) as f32).collect::<Vec<_>>()).ok()?
            }
            _ => Host::from_slice([n].into_iter().collect(), &(0..n).map(pick).collect::<Vec<_>>()).ok()?,
        });
    }
    let weak = vec![false; ins.len()];
    Some(Sample { ins, weak, ..s.clone() })
}

fn floats(s: &Sample) -> Sample {
    let convert = |h: &Host| match h.dtype {
        DType::I64 => Host::from_slice(h.shape().clone(), &h.to_f64s().expect("fits in memory")).expect("fits"),
        _ => h.clone(),
    };
    Sample { ins: s.ins.iter().map(convert).collect(), weak: vec![false; s.ins.len()], ..s.clone() }
}

/// Fixed weights, so that the gradient of the weighted sum tells elements apart.
fn weights(n: usize, salt: usize) -> Vec<f64> {
    (0..n).map(|i| (((i + salt) * 2654435761) % 1000) as f64 / 500.0 - 0.95).collect()
}

fn weigh(y: &Expr, salt: usize) -> Expr {
    let w = Expr::from_slice(y.shape(), &weights(y.size(), salt)).expect("fits");
    ops::sum(&(y * &w), nevel::graph::Attr::None, false)
}

fn call(s: &Sample, ins: &[Expr]) -> Expr {
    apply(s.prim, ins, s.attrs.clone()).unwrap_or_else(|f| panic!("{}: {f}", s.prim.name))
}

/// The gradient of the weighted sum with respect to input k, weighted and summed again if `twice`.
fn scalar(s: &Sample, ins: &[Expr], k: usize, twice: bool) -> Option<Expr> {
    if !twice {
        return Some(weigh(&call(s, ins), 3));
    }
    let level = Level::open().expect("opens");
    let mut ins = ins.to_vec();
    let leaf = alias(&ins[k], nevel::graph::Marks::default().join(ins[k].node().marks).join(level.mark()));
    ins[k] = leaf.clone();
    let out = weigh(&call(s, &ins), 3);
    level.close();
    let one = Expr::full(Default::default(), 1f64.to_bits(), DType::F64, Place::Array);
    let g = grad::backward(&out, &one, &[leaf], level.mark()).unwrap_or_else(|f| panic!("{}: {f}", s.prim.name));
    g[0].as_ref().map(|g| weigh(g, 11))
}

fn check_gradient(s: &Sample, twice: bool) {
    for k in 0..s.ins.len() {
        if !s.ins[k].dtype.is_float() || !run(s).dtype().is_float() {
            continue;
        }
        let base = exprs(s);
        let analytic: Vec<f64> = {
            let level = Level::open().expect("opens");
            let leaf = alias(&base[k], level.mark());
            let mut ins = base.clone();
            ins[k] = leaf.clone();
            let Some(out) = scalar(s, &ins, k, twice) else { continue };
            level.close();
            let one = Expr::full(Default::default(), 1f64.to_bits(), DType::F64, Place::Array);
            let g =
                grad::backward(&out, &one, &[leaf], level.mark()).unwrap_or_else(|f| panic!("{}: {f}", s.prim.name));
            match &g[0] {
                Some(g) => {
                    g.host().unwrap_or_else(|f| panic!("{}: {f}", s.prim.name)).to_f64s().expect("fits in memory")
                }
                None => vec![0.0; s.ins[k].layout.size()],
            }
        };
        let x = s.ins[k].to_f64s().expect("fits in memory");
        for i in 0..x.len() {
            let h = 1e-5 * (1.0 + x[i].abs());
            let at = |d: f64| -> f64 {
                let mut moved = x.clone();
                moved[i] += d;
                let mut ins = base.clone();
                ins[k] = Expr::from_slice(s.ins[k].shape(), &moved).expect("fits");
                scalar(s, &ins, k, twice).map_or(0.0, |e| e.item::<f64>().expect("one number"))
            };
            let (up, down, mid) = (at(h), at(-h), at(0.0));
            // At a kink the two sides differ, at a step the quotient grows: there is no derivative to compare with.
            let (right, left) = ((up - mid) / h, (mid - down) / h);
            let numeric = (up - down) / (2.0 * h);
            let closer = (at(h / 8.0) - at(-h / 8.0)) / (h / 4.0);
            let differ = |a: f64, b: f64| (a - b).abs() > 1e-2 * (1.0 + numeric.abs());
            if !numeric.is_finite() || differ(right, left) || differ(numeric, closer) {
                continue;
            }
            assert!(
                (analytic[i] - numeric).abs() <= 2e-4 * (1.0 + numeric.abs()),
                "{}{}: d/d(input {k})[{i}] at {x:?}: formula {}, differences {numeric}",
                s.prim.name,
                if twice { " (second)" } else { "" },
                analytic[i]
            );
        }
    }
}

#[test]
fn every_primitive() {
    with_stack(|| {
        engine::install(nevel::plan::force, nevel::device::fold_of);
        let by_name = samples();
        let special =
            [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-310, 1e300, -3.5, 0.3];
        let ordinary = [0.3, 0.7, 1.3, 2.1, 0.45, 1.9];
        for prim in ops::all() {
            let list = by_name.get(prim.name).map(Vec::as_slice).unwrap_or(&[]);
            assert!(!list.is_empty(), "{} has no example that calls it", prim.name);
            for s in list.iter().take(6) {
                check_values(s);
                let s = floats(s);
                // Ints that index stay ints: converting them would be another call.
                let s = if apply(s.prim, &exprs(&s), s.attrs.clone()).is_ok() { s } else { list[0].clone() };
                if !matches!(prim.vjp, Vjp::None(_)) {
                    check_gradient(&s, false);
                    check_gradient(&s, true);
                }
                if matches!(prim.body, Body::Map(_)) {
                    for dtype in [DType::F64, DType::F32, DType::F16] {
                        for values in [&special[..], &ordinary[..]] {
                            if let Some(big) = stretched(&s, dtype, values) {
                                check_values(&big);
                            }
                        }
                    }
                    let off_ties = Sample {
                        ins: s
                            .ins
                            .iter()
                            .enumerate()
                            .map(|(k, h)| match h.dtype.is_float() {
                                true => {
                                    let v: Vec<f64> = (0..h.layout.size())
                                        .map(|i| ordinary[(i + 2 * k) % 6] + 0.01 * k as f64)
                                        .collect();
                                    Host::from_slice(h.shape().clone(), &v).expect("fits")
                                }
                                false => h.clone(),
                            })
                            .collect(),
                        ..s.clone()
                    };
                    check_gradient(&off_ties, false);
                    check_gradient(&off_ties, true);
                }
            }
        }
    });
}

/// The bits of an f16 result, and those of the same call on f32, rounded; nan counts as one number.
fn rounded(y: &Expr) -> Vec<u16> {
    let bits = |h: Half| if h.to_f32().is_nan() { 0x7e00 } else { h.0 };
    let host = y.host().expect("computes");
    match host.dtype {
        DType::F16 => host.to_vec::<Half>().expect("room").into_iter().map(bits).collect(),
        _ => host.to_f64s().expect("room").into_iter().map(|x| bits(Half::from_f64(x))).collect(),
    }
}

fn halves(shape: &[usize], scale: f64) -> Expr {
    let n: usize = shape.iter().product();
    let v: Vec<Half> = (0..n).map(|i| Half::from_f64(((i * 7919 % 1013) as f64 / 500.0 - 1.0) * scale)).collect();
    Expr::from_slice(shape, &v).expect("fits")
}

fn wide(x: &Expr) -> Expr {
    nevel::graph::cast(x, DType::F32).expect("converts")
}

/// An op on f16 is the op on f32, rounded once: whatever the op.
#[test]
fn f16_is_f32_rounded() {
    with_stack(|| {
        engine::install(nevel::plan::force, nevel::device::fold_of);
        let ordinary = [0.3, 0.7, 1.3, 2.1, 0.45, 1.9, -0.6, 300.0, 1e-6, 0.0, f64::INFINITY, f64::NAN];
        let by_name = samples();
        let mut checked = 0;
        for prim in ops::all().filter(|p| p.is_map()) {
            let Some(half) = by_name[prim.name].first().and_then(|s| stretched(&floats(s), DType::F16, &ordinary))
            else {
                continue;
            };
            let ins = exprs(&half);
            let Ok(y) = apply(prim, &ins, half.attrs.clone()) else { continue };
            let single: Vec<Expr> =
                ins.iter().map(|e| if e.dtype() == DType::F16 { wide(e) } else { e.clone() }).collect();
            let z = apply(prim, &single, half.attrs.clone()).expect("as on f16");
            assert_eq!(y.dtype(), if z.dtype() == DType::F32 { DType::F16 } else { z.dtype() }, "{}", prim.name);
            assert_eq!(rounded(&y), rounded(&z), "{}", prim.name);
            checked += 1;
        }
        assert!(checked > 50, "{checked}");
        let (x, m) = (halves(&[70, 90], 3.0), halves(&[90, 40], 1.0));
        let none = nevel::graph::Attr::None;
        for axis in [&none, &nevel::graph::Attr::axes([0]), &nevel::graph::Attr::axes([1])] {
            assert_eq!(rounded(&ops::sum(&x, axis, false)), rounded(&ops::sum(&wide(&x), axis, false)));
            assert_eq!(rounded(&ops::max(&x, axis, false)), rounded(&ops::max(&wide(&x), axis, false)));
        }
        assert_eq!(rounded(&ops::matmul(&x, &m)), rounded(&ops::matmul(&wide(&x), &wide(&m))));
        assert_eq!(rounded(&ops::cumulative_sum(&x, 1usize)), rounded(&ops::cumulative_sum(&wide(&x), 1usize)));
        let i = Expr::from_slice(&[5], &[3i64, 3, 0, 3, -1]).expect("fits");
        let (v, w) = (halves(&[5, 90], 0.1), wide(&halves(&[5, 90], 0.1)));
        let at = [i];
        let (added, want) = (ops::scatter_add(&x, &v, &at), ops::scatter_add(&wide(&x), &w, &at));
        assert_eq!((added.dtype(), rounded(&added)), (DType::F16, rounded(&want)));
    });
}

/// What is fused rounds where what is not does, and moving elements about changes none.
#[test]
fn f16_does_not_depend_on_fusion() {
    with_stack(|| {
        engine::install(nevel::plan::force, nevel::device::fold_of);
        for shape in [&[130usize, 70][..], &[3, 5000], &[9000]] {
            let x = halves(shape, 2.0);
            let chain = |look: fn(Expr) -> Expr| {
                let a = look(&x * 0.3 + 0.7);
                let b = look(ops::exp(&look(-(&a * &a))));
                let c = look(&b / look(&a + 2.5));
                [ops::sum(&c, 0usize, false), look(ops::maximum(&c, &look(ops::tanh(&x))) - &a)]
            };
            let now = |e: Expr| {
                e.force().expect("computes");
                e
            };
            let (fused, single) = (chain(|e| e), chain(now));
            engine::force(&fused).expect("computes");
            for (f, s) in fused.iter().zip(&single) {
                assert_eq!((f.dtype(), rounded(f)), (DType::F16, rounded(s)), "{shape:?}");
            }
            let slow = device::with_reference(|| rounded(&chain(now)[1]));
            assert_eq!(rounded(&fused[1]), slow);
            let order: Vec<usize> = (0..shape.len()).rev().collect();
            let moved = ops::flip(&ops::permute_dims(&x, &order[..]), nevel::graph::Attr::None);
            let joined = ops::join(&[moved.clone(), moved.clone()], 0);
            let wide_moved = ops::flip(&ops::permute_dims(&wide(&x), &order[..]), nevel::graph::Attr::None);
            assert_eq!(rounded(&joined), [rounded(&wide_moved), rounded(&wide_moved)].concat());
            assert_eq!(rounded(&ops::sort(&x, 0usize, true, true)), rounded(&ops::sort(&wide(&x), 0usize, true, true)));
        }
    });
}

#[test]
fn on_every_path() {
    paths::again(&["every_primitive", "f16_"], "on_every_path");
}
