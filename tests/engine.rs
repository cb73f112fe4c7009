//! The engine against its definition: fused kernels on the fast device against one node at a time on the slow one.

#[path = "common/epilogues.rs"]
mod epilogues;
#[path = "common/graphs.rs"]
mod graphs;
#[path = "common/paths.rs"]
mod paths;

use graphs::{Move, step};
use nevel::base::{DType, Shape};
use nevel::graph::{Attr, Expr, Level, Place, alias, engine};
use nevel::{device, ops, plan};
use proptest::prelude::*;

fn start() {
    engine::install(plan::force, device::fold_of);
}

fn values(e: &Expr) -> Vec<f64> {
    e.host().expect("computes").to_f64s().expect("fits in memory")
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()))
}

#[test]
fn a_chain_is_one_kernel() {
    start();
    let n = 100_000;
    let x = ops::iota(&Expr::weak(0.0), &Expr::weak(1e-4), Attr::ints([n]));
    let x = Expr::from_host(x.host().expect("computes"), Place::Array);
    let y = ops::exp(&-(&x * &x)) * 2.0 + 1.0;
    let (_, p) = plan::plan_of(std::slice::from_ref(&y)).expect("plans");
    assert_eq!(p.kernels.len(), 1, "{}", plan::print::plan(&p));
    let got = values(&y);
    for (i, g) in got.iter().enumerate() {
        let x = i as f64 * 1e-4;
        assert!(close(*g, (-x * x).exp() * 2.0 + 1.0), "at {i}: {g}");
    }
    let s = ops::sum(&y, Attr::None, false);
    assert!(close(values(&s)[0], got.iter().sum()));
}

#[test]
fn products_and_their_layouts() {
    start();
    let a = Expr::from_slice(&[3, 40], &(0..120).map(|i| i as f64).collect::<Vec<_>>()).expect("fits");
    let b = Expr::from_slice(&[3, 40], &(0..120).map(|i| (i % 7) as f64).collect::<Vec<_>>()).expect("fits");
    let c = ops::matmul(&a, &ops::permute_dims(&b, &[1usize, 0][..]));
    let (av, bv) = (values(&a), values(&b));
    for i in 0..3 {
        for j in 0..3 {
            let want: f64 = (0..40).map(|k| av[i * 40 + k] * bv[j * 40 + k]).sum();
            assert_eq!(values(&c)[i * 3 + j], want);
        }
    }
}

/// What is made of a product while its elements are at hand is what is made of it afterwards, bit for bit.
#[test]
fn what_follows_a_product_agrees_with_one_by_one() {
    start();
    for dtype in [DType::F64, DType::F32, DType::I64, DType::F16] {
        for &(lead, sizes) in epilogues::SHAPES {
            let together = epilogues::forms(lead, sizes, dtype, Place::Array, true);
            let after = epilogues::forms(lead, sizes, dtype, Place::Array, false);
            for ((name, a), (_, b)) in together.iter().zip(&after) {
                let (_, p) = plan::plan_of(std::slice::from_ref(a)).expect("plans");
                // An f16 has no room for an f32, and a product of f16 is widened first.
                let one = dtype == DType::F16 || a.dtype() == DType::F16 || p.kernels.len() == 1;
                assert!(one, "{name} of {dtype} {lead:?} {sizes:?}:\n{}", plan::print::plan(&p));
                let bits = |e: &Expr| values(e).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert!(bits(a) == bits(b), "{name} of {dtype} {lead:?} {sizes:?}");
            }
        }
    }
    for (lead, sizes) in [(&[][..], [20, 5, 33]), (&[3], [9, 7, 12])] {
        let fast = epilogues::forms(lead, sizes, DType::F64, Place::Array, true);
        let slow = epilogues::forms(lead, sizes, DType::F64, Place::Array, true);
        device::with_reference(|| slow.iter().try_for_each(|(_, e)| plan::force(std::slice::from_ref(e))))
            .expect("computes");
        for ((name, a), (_, b)) in fast.iter().zip(&slow) {
            let same = values(a).iter().zip(values(b)).all(|(a, b)| close(*a, b));
            assert!(same, "{name} {lead:?} {sizes:?}: not what the reference computes");
        }
    }
}

/// A product that a name holds is computed once, whatever is made of it.
#[test]
fn a_product_that_is_held_is_kept() {
    start();
    let x = Expr::from_slice(&[80, 80], &vec![0.5; 6400]).expect("fits");
    let held = ops::matmul(&x, &x);
    let y = ops::tanh(&held);
    let (_, p) = plan::plan_of(std::slice::from_ref(&y)).expect("plans");
    assert_eq!((p.kernels.len(), p.written.len()), (1, 2), "{}", plan::print::plan(&p));
    y.force().expect("computes");
    assert!(held.is_realised());
    assert_eq!(values(&y)[17], 20f64.tanh());
}

/// So is one below what a name holds: an optimizer's state and the weights are made of one gradient, and forced one after the other.
#[test]
fn a_product_below_what_is_held_is_kept() {
    start();
    let x = Expr::from_slice(&[80, 80], &vec![0.5; 6400]).expect("fits");
    let state = ops::matmul(&x, &x) * 0.1;
    let weight = ops::tanh(&(&state * 2.0));
    weight.force().expect("computes");
    let (_, p) = plan::plan_of(std::slice::from_ref(&state)).expect("plans");
    let products = p.kernels.iter().filter(|k| matches!(k.finish, plan::Finish::Contract { .. })).count();
    assert_eq!((p.kernels.len(), products), (1, 0), "{}", plan::print::plan(&p));
    assert_eq!(values(&state)[17], 2.0);
    // What was computed on the way and only leads to what is there by now is not computed again.
    let (a, b) = (Expr::from_slice(&[5000], &vec![0.5; 5000]).expect("fits"), Expr::weak(3.0));
    let held = ops::exp(&(&a * &b));
    ops::sum(&held, Attr::None, false).force().expect("computes");
    let (_, p) = plan::plan_of(&[ops::max(&held, Attr::None, false)]).expect("plans");
    assert_eq!(p.written.len(), 2, "{}", plan::print::plan(&p));
}

/// Rows of more than half a block, whose steps are found once for many of them.
#[test]
fn rows_of_every_length() {
    start();
    let wave = |k: usize| ((k * 2654435761) % 1000) as f64 / 500.0 - 0.9;
    let forms = |rows: usize, n: usize| {
        let array = |shape: &[usize], from: usize| {
            let data: Vec<f64> = (0..shape.iter().product()).map(|i| wave(i + from)).collect();
            Expr::from_slice(shape, &data).expect("fits")
        };
        let (x, w, c) = (array(&[rows, n], 1), array(&[n], 7000), array(&[rows, 1], 300));
        let (sum, max) = (|x: &Expr| ops::sum(x, 1usize, true), |x: &Expr| ops::max(x, 1usize, true));
        let e = ops::exp(&(&x - &max(&x)));
        let off = &x - &(sum(&x) / n as f64);
        let v = sum(&(&off * &off)) / n as f64;
        let total = sum(&e);
        vec![
            &e / &total,
            &x - &ops::log(&total),
            &off / &ops::sqrt(&(&v + 1e-5)),
            &(&off * &(1.0 / ops::sqrt(&(&v + 1e-5)))) * &w + &c,
            -&(&x * &c) / &sum(&(&x * &w)),
            ops::where_(&ops::less(&x, &c), &(&x / &total), &c),
            &(&x * 4.0) / &ops::max(&(&x * 0.0 + 2.0), 1usize, true),
            total,
        ]
    };
    for (rows, n) in [(9, 513), (40, 700), (5, 1024), (3, 1025), (4, 2500), (1, 900)] {
        let fast = forms(rows, n);
        engine::force(&fast).expect("computes");
        let alone = forms(rows, n);
        let slow = forms(rows, n);
        device::with_reference(|| slow.iter().try_for_each(|e| plan::force(std::slice::from_ref(e))))
            .expect("computes");
        for (k, ((a, b), c)) in fast.iter().zip(&alone).zip(&slow).enumerate() {
            let (a, b, c) = (values(a), values(b), values(c));
            assert!(a.iter().zip(&c).all(|(a, c)| close(*a, *c)), "form {k} of {rows} rows of {n}, together");
            assert!(b.iter().zip(&c).all(|(b, c)| close(*b, *c)), "form {k} of {rows} rows of {n}, alone");
        }
    }
}

fn build(moves: &[Move], leaves: &[Expr]) -> Vec<Expr> {
    let mut all = leaves.to_vec();
    for m in moves {
        let (a, b) = (all[m.a % all.len()].clone(), all[m.b % all.len()].clone());
        let e = match m.op {
            0..14 => step(m, &a, &b),
            14 if a.rank() > 0 && a.shape()[0] > 0 => {
                let n = a.shape()[0] as i64;
                let at = Expr::from_slice(&[3], &[0, n - 1, -1]).expect("fits");
                Some(ops::gather(&a, &[at]))
            }
            15 if a.rank() > 0 && a.shape()[0] > 2 => {
                let head = ops::slice(&a, 0usize, 0usize, 1usize, 1i64);
                Some(ops::place(&a, &-&head, 0usize, 1usize, 1i64))
            }
            16 => Some(ops::where_(&ops::less(&a, &Expr::weak(0.3)), &a, &Expr::weak(0.5))),
            // Near one: of a product whose parts overflow here and underflow there, the order decides whether it is nan or 0.
            17 if a.rank() > 0 => Some(ops::prod(&(ops::tanh(&a) * 1e-3 + 1.0), Attr::None, false)),
            18 if a.rank() > 0 => Some(ops::argmax(&a, m.k % a.rank(), false) * 0.5),
            19 if a.rank() < 3 => {
                let mut shape = a.shape().clone();
                shape.0.insert(0, 3);
                Some(ops::broadcast_to(&a, &shape))
            }
            _ => None,
        };
        if let Some(e) = e.filter(|e| e.size() < 200_000) {
            assert!(e.fault().is_none(), "{m:?}: {:?}", e.fault());
            all.push(e);
        }
    }
    all
}

fn leaves(small: bool) -> Vec<Expr> {
    let (m, n) = if small { (3, 4) } else { (37, 41) };
    let wave = |k: usize| ((k * 2654435761) % 1000) as f64 / 700.0 - 0.7;
    let fill = |n: usize, s: usize| (0..n).map(|i| wave(i + s)).collect::<Vec<_>>();
    vec![
        Expr::from_slice(&[m, n], &fill(m * n, 1)).expect("fits"),
        Expr::from_slice(&[n], &fill(n, 5000)).expect("fits"),
        Expr::from_slice(&[2, m, n], &fill(2 * m * n, 9000)).expect("fits"),
        Expr::full(Shape::new(&[m, 1]), 1.25f64.to_bits(), DType::F64, Place::Array),
        ops::iota(&Expr::weak(-1.0), &Expr::weak(0.125), Attr::ints([n as i64])),
    ]
}

fn check(moves: &[Move], small: bool) {
    start();
    let leaves = leaves(small);
    // Only the last few are asked for, so that the rest may be fused away.
    let fused = build(moves, &leaves);
    let asked: Vec<Expr> = fused.iter().rev().take(3).cloned().collect();
    engine::force(&asked).expect("computes");
    device::with_reference(|| {
        let slow = build(moves, &leaves);
        for e in &slow {
            engine::force(std::slice::from_ref(e)).expect("computes");
        }
        for (f, s) in fused.iter().rev().zip(slow.iter().rev()).take(3) {
            assert_eq!(f.shape(), s.shape());
            for (i, (a, b)) in values(f).iter().zip(values(s)).enumerate() {
                assert!(close(*a, b), "element {i}: fused {a}, one by one {b}");
            }
        }
    });
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = (0usize..20, 0usize..40, 0usize..40, 0usize..7).prop_map(|(op, a, b, k)| Move { op, a, b, k });
    proptest::collection::vec(one, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn fused_agrees_with_one_by_one(moves in moves()) {
        check(&moves, false);
    }

    #[test]
    fn small_agrees_with_one_by_one(moves in moves()) {
        check(&moves, true);
    }
}

/// Shapes that reach every loop of the folds: long rows, short rows, wide and narrow columns, axes in the middle.
#[test]
fn folds_of_every_shape() {
    start();
    let shapes: &[&[usize]] = &[
        &[200_003],
        &[3, 100_001],
        &[70_001, 3],
        &[900, 1500],
        &[2, 3000, 7],
        &[5, 1, 1100, 2],
        &[0, 4],
        &[4, 0],
        &[20_000, 16],
    ];
    for shape in shapes {
        let n: usize = shape.iter().product();
        let data: Vec<f64> = (0..n).map(|i| ((i * 2654435761) % 10_007) as f64 / 5000.0 - 1.0).collect();
        let x = Expr::from_slice(shape, &data).expect("fits");
        for axis in 0..shape.len() {
            let outer: usize = shape[..axis].iter().product();
            let inner: usize = shape[axis + 1..].iter().product();
            let column = |o: usize, i: usize| (0..shape[axis]).map(move |k| (o * shape[axis] + k) * inner + i);
            let sums = values(&ops::sum(&x, axis, false));
            // A view must not change what is folded.
            let flipped = values(&ops::sum(&ops::flip(&x, axis), axis, false));
            let squares = values(&ops::sum(&(&x * &x), axis, false));
            let best = if shape[axis] > 0 { values(&ops::max(&x, axis, false)) } else { vec![] };
            let at = if shape[axis] > 0 { values(&ops::argmax(&x, axis, false)) } else { vec![] };
            for o in 0..outer {
                for i in 0..inner {
                    let r = o * inner + i;
                    let want: f64 = column(o, i).map(|k| data[k]).sum();
                    assert!(close(sums[r], want) && close(flipped[r], want), "sum {shape:?} axis {axis} at {r}");
                    let want: f64 = column(o, i).map(|k| data[k] * data[k]).sum();
                    assert!(close(squares[r], want), "sum of squares {shape:?} axis {axis} at {r}");
                    if shape[axis] > 0 {
                        let most = column(o, i).map(|k| data[k]).fold(f64::NEG_INFINITY, f64::max);
                        assert_eq!(best[r], most, "max {shape:?} axis {axis} at {r}");
                        let first = column(o, i).position(|k| data[k] == most).expect("is there");
                        assert_eq!(at[r], first as f64, "argmax {shape:?} axis {axis} at {r}");
                    }
                }
            }
        }
        let all = values(&ops::sum(&x, Attr::None, false))[0];
        assert!(close(all, data.iter().sum()), "sum of all of {shape:?}");
        let running = values(&ops::cumulative_sum(&ops::reshape(&x, Attr::ints([-1])), 0usize));
        let mut total = 0.0;
        for (i, r) in running.iter().enumerate() {
            total += data[i];
            assert!(close(*r, total), "running sum of {shape:?} at {i}");
        }
    }
}

#[test]
fn an_index_out_of_range_is_a_fault() {
    start();
    let x = Expr::from_slice(&[3], &[1.0, 2.0, 3.0]).expect("fits");
    let i = Expr::from_slice(&[2], &[0i64, 3]).expect("fits");
    let fault = ops::gather(&x, &[i]).force().err().expect("3 is outside").message.clone();
    assert!(fault.contains('3') && fault.contains("axis 0 has size 3"), "{fault}");
}

#[test]
fn what_a_name_holds_is_computed_once_more_at_most() {
    start();
    let x = Expr::from_slice(&[5000], &vec![0.5; 5000]).expect("fits");
    let held = ops::exp(&x);
    ops::sum(&held, Attr::None, false).force().expect("computes");
    assert!(!held.is_realised(), "only looked through so far");
    ops::max(&held, Attr::None, false).force().expect("computes");
    assert!(held.is_realised(), "the second look keeps it");
}

/// Forcing in the middle of the walk back lets realised nodes drop their inputs; the walk must not need them.
#[test]
fn the_walk_back_outlives_forcing() {
    start();
    let x0 = Expr::from_slice(&[5000], &vec![0.5; 5000]).expect("fits");
    let level = Level::open().expect("opens");
    let x = alias(&x0, level.mark());
    // Long enough to be forced on the way forward and back.
    let y = (0..4000).fold(x.clone(), |y, _| &y * 1.0001);
    let out = ops::sum(&y, Attr::None, false);
    level.close();
    let one = Expr::full(Default::default(), 1f64.to_bits(), DType::F64, Place::Array);
    let g = nevel::grad::backward(&out, &one, &[x], level.mark()).expect("walks");
    let want = 1.0001f64.powi(4000);
    assert!((values(g[0].as_ref().expect("depends"))[7] - want).abs() < 1e-9);
}

#[test]
fn on_every_path() {
    paths::again(&["agrees_with_one_by_one", "folds_of_every_shape", "rows_of_every_length"], "on_every_path");
}

/// What is negated twice in one step multiplies by -1 twice.
#[test]
fn negated_twice() {
    start();
    for n in [1usize, 41, 5000] {
        let values: Vec<f64> = (0..n).map(|i| i as f64 - 7.0).collect();
        let x = Expr::from_slice(&[n], &values).expect("fits");
        let host = (-(-(&x * 1.5))).host().expect("computes");
        assert_eq!(host.to_f64s().expect("room"), values.iter().map(|v| v * 1.5).collect::<Vec<_>>());
        let held = -(-&x);
        assert_eq!((&held + &held).host().expect("computes").to_f64s().expect("room")[n - 1], 2.0 * values[n - 1]);
    }
}
