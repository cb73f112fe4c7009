//! Vulkan against the CPU: every primitive from its own record, random graphs, every kernel's text, broken circumstances.
//!
//! What needs a device runs on the software one (`vulkan:cpu`). Without a driver it says loudly that it did not run; where
//! `CI` is set that is a failure. What needs none (texts are compiled and validated) runs everywhere.

#![cfg(feature = "vulkan")]

use std::process::Command;

#[path = "vulkan/assign.rs"]
mod assign;
#[path = "vulkan/doubt.rs"]
mod doubt;
#[path = "common/epilogues.rs"]
mod epilogues;
#[path = "vulkan/fours.rs"]
mod fours;
#[path = "common/graphs.rs"]
mod graphs;
#[path = "vulkan/order.rs"]
mod order;
#[path = "common/samples.rs"]
mod samples;
#[path = "vulkan/split.rs"]
mod split;
#[path = "vulkan/trouble.rs"]
mod trouble;

use graphs::{Move, step};
use nevel::base::{DType, Half, Host, Layout, Shape};
use nevel::device::vulkan::{Caps, Coop, spirv, wgsl};
use nevel::graph::apply::watch;
use nevel::graph::{Attr, Attrs, Body, Expr, Place, Prim, apply, engine, relocate};
use nevel::session::{Options, Session, with_stack};
use nevel::{device, ops, plan};
use proptest::prelude::*;
use samples::{Sample, collect, inputs, samples, taken};

/// The software device; none without a driver.
fn software() -> Option<Place> {
    match device::named("vulkan:cpu") {
        Ok(place) => Some(place),
        Err(fault) => {
            eprintln!("vulkan: skipped ({fault})");
            assert!(std::env::var_os("CI").is_none(), "in CI there must be a driver: {fault}");
            None
        }
    }
}

fn start() {
    engine::install(plan::force, device::fold_of);
}

/// Units in the last place between two floats of a dtype; 0 for equal, both nan, or both too small to be told from zero.
fn ulps(a: f64, b: f64, dtype: DType) -> f64 {
    if a == b && (a != 0.0 || a.is_sign_positive() == b.is_sign_positive()) || (a.is_nan() && b.is_nan()) {
        return 0.0;
    }
    let (digits, tiny) = match dtype {
        DType::F16 => (11, Half::MIN_POSITIVE),
        DType::F32 => (24, f32::MIN_POSITIVE as f64),
        _ => (53, f64::MIN_POSITIVE),
    };
    // Devices may take subnormal numbers for zero.
    if a.abs() < tiny && b.abs() < tiny && a.is_sign_positive() == b.is_sign_positive() {
        return 0.0;
    }
    if !a.is_finite() || !b.is_finite() || (a == 0.0 && b == 0.0) {
        return f64::INFINITY;
    }
    let exponent = a.abs().max(b.abs()).max(tiny).log2().floor() as i32;
    (a - b).abs() / 2f64.powi(exponent - digits + 1)
}

// ---- primitives ----

fn host_of(dtype: DType, values: &[f64], shape: &[usize]) -> Host {
    let shape = Shape::new(shape);
    match dtype {
        DType::Bool => Host::from_slice(shape, &values.iter().map(|x| *x != 0.0).collect::<Vec<_>>()),
        DType::I64 => Host::from_slice(shape, &values.iter().map(|x| *x as i64).collect::<Vec<_>>()),
        DType::F16 => Host::from_slice(shape, &values.iter().map(|x| Half::from_f64(*x)).collect::<Vec<_>>()),
        DType::F32 => Host::from_slice(shape, &values.iter().map(|x| *x as f32).collect::<Vec<_>>()),
        DType::F64 => Host::from_slice(shape, values),
    }
    .expect("fits")
}

/// The call with its arrays on a place; numbers without a dtype stay numbers.
fn call(s: &Sample, place: Place) -> Result<Host, nevel::base::Fault> {
    let one = |(h, &weak): (&Host, &bool)| match (weak, h.dtype) {
        (false, _) => Expr::from_host(h.clone(), place),
        (true, DType::Bool) => Expr::weak(h.to_vec::<bool>().expect("room")[0]),
        (true, DType::I64) => Expr::weak(h.to_vec::<i64>().expect("room")[0]),
        (true, _) => Expr::weak(h.to_f64s().expect("room")[0]),
    };
    let ins: Vec<Expr> = s.ins.iter().zip(&s.weak).map(one).collect();
    let e = apply(s.prim, &ins, s.attrs.clone())?;
    relocate(&e, place)?.host()
}

/// The CPU's result against the device's.
fn check(s: &Sample, place: Place, most: f64, what: &str, wrong: &mut Vec<String>) {
    let (cpu, gpu) = (call(s, Place::CPU), call(s, place));
    let (cpu, gpu) = match (cpu, gpu) {
        (Ok(cpu), Ok(gpu)) => (cpu, gpu),
        (Err(a), Err(b)) if a.message == b.message => return,
        (a, b) => return wrong.push(format!("{} {what}: cpu {:?}, vulkan {:?}", s.prim.name, a.err(), b.err())),
    };
    assert_eq!((cpu.dtype, cpu.shape()), (gpu.dtype, gpu.shape()), "{}", s.prim.name);
    let distance = |a: f64, b: f64| match cpu.dtype.is_float() {
        true => ulps(a, b, cpu.dtype),
        false if a == b => 0.0,
        false => f64::INFINITY,
    };
    let all = cpu
        .to_f64s()
        .expect("room")
        .into_iter()
        .zip(gpu.to_f64s().expect("room"))
        .map(|(a, b)| (distance(a, b), a, b))
        .enumerate();
    let Some((i, (d, a, b))) = all.max_by(|x, y| x.1.0.total_cmp(&y.1.0)).filter(|x| x.1.0 > most) else { return };
    let ins: Vec<f64> = s.ins.iter().filter_map(|h| h.to_f64s().expect("room").get(i).copied()).collect();
    wrong.push(format!(
        "{} of {} {what} element {i} of {ins:?}: cpu {a:e}, vulkan {b:e}, {d:.1} ulp",
        s.prim.name, cpu.dtype
    ));
}

/// Numbers at which functions turn, end or are hard.
fn special() -> Vec<f64> {
    let mut v = vec![0.0, 1.0, 0.5, 2.0, f64::INFINITY, f64::NAN, 1e30, 3.5, 0.3, 1e-6, 88.5, 7.0, 1e-3, 89.5, 103.0];
    v.extend([
        0.9999999,
        1.0000001,
        f64::from(std::f32::consts::FRAC_PI_2),
        f64::from(std::f32::consts::PI),
        6.2831855,
        1000.0,
        2001.0,
        1e5,
        1e10,
        1e20,
        3e38,
        16777217.0,
    ]);
    let negative: Vec<f64> = v.iter().map(|x| -x).collect();
    v.extend(negative);
    v
}

fn ordinary(n: usize, scale: f64) -> Vec<f64> {
    (0..n).map(|i| ((i as f64 * 0.754877666).fract() * 2.0 - 1.0) * scale * (1.0 + (i % 7) as f64) / 7.0).collect()
}

/// A map over many elements of a dtype: every pair of the special values, then ordinary ones.
fn stretched(s: &Sample, dtype: DType, values: &[f64], n: usize) -> Option<Sample> {
    let Body::Map(map) = &s.prim.body else { return None };
    let last = s.ins.last()?.dtype;
    let to = |d: DType| if d == last || s.ins.len() < 3 { dtype } else { d };
    (map.lane)(to(last), nevel::graph::prim::Operands::Vectors)?;
    let m = values.len();
    let pick = |k: usize, i: usize| if k == 0 { values[i % m] } else { values[(i / m + i * (k - 1)) % m] };
    let ins = s.ins.iter().enumerate().map(|(k, h)| {
        let dtype = if s.ins.len() == 3 && k == 0 { DType::Bool } else { to(h.dtype) };
        let v: Vec<f64> = (0..n).map(|i| pick(k, i)).collect();
        host_of(dtype, &v, &[n])
    });
    Some(Sample { ins: ins.collect(), weak: vec![false; s.ins.len()], ..s.clone() })
}

/// Functions whose own error on the CPU's side and ours add up to more than four units.
fn allowance(prim: &Prim) -> f64 {
    if prim.is_map() || prim.is_view() { 4.0 } else { 64.0 }
}

#[test]
fn every_primitive_is_the_same_on_vulkan() {
    with_stack(|| {
        start();
        let Some(place) = software() else { return };
        let by_name = samples();
        let mut wrong = vec![];
        for prim in ops::all() {
            for s in by_name[prim.name].iter().take(6) {
                check(s, place, allowance(prim), "as in its example", &mut wrong);
                let half = |h: &Host| match h.dtype {
                    DType::F64 => host_of(DType::F32, &h.to_f64s().expect("room"), h.shape()),
                    _ => h.clone(),
                };
                let single = Sample { ins: s.ins.iter().map(half).collect(), ..s.clone() };
                check(&single, place, 4.0 * allowance(prim), "in f32", &mut wrong);
                let short = |h: &Host| match h.dtype {
                    DType::F64 => host_of(DType::F16, &h.to_f64s().expect("room"), h.shape()),
                    _ => h.clone(),
                };
                let short = Sample { ins: s.ins.iter().map(short).collect(), ..s.clone() };
                // Functions differ by some units of f32: where that is beside a tie, by one of f16.
                check(&short, place, 1.0, "in f16", &mut wrong);
            }
            let Some(s) = by_name[prim.name].first() else { continue };
            let special = special();
            for dtype in DType::all() {
                let n = if s.ins.len() == 1 { special.len() } else { special.len() * special.len() };
                if let Some(s) = stretched(s, dtype, &special, n) {
                    check(&s, place, 4.0, "at special numbers", &mut wrong);
                }
                for scale in [1.0, 30.0] {
                    if let Some(s) = stretched(s, dtype, &ordinary(331, scale), 4001) {
                        check(&s, place, 4.0, "at ordinary numbers", &mut wrong);
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// What the transcripts of the suite call, call by call: the same calls on the device, in their dtype and in f32.
#[test]
fn every_call_of_the_transcripts_is_the_same() {
    with_stack(|| {
        start();
        let Some(place) = software() else { return };
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
        let mut files: Vec<_> = [root.clone(), root.join("numpy")]
            .iter()
            .flat_map(|dir| std::fs::read_dir(dir).expect("is there").flatten().map(|e| e.path()))
            .filter(|p| p.is_file())
            .collect();
        files.sort();
        let mut seen = std::collections::HashSet::new();
        let mut wrong = vec![];
        let mut count = 0;
        for file in files {
            let mut session = Session::new(Options::default());
            session.interp.out = Box::new(std::io::sink());
            session.interp.may_exit = false;
            watch(Some(collect));
            for input in inputs(&std::fs::read_to_string(&file).expect("readable")) {
                session.run_cell("<transcript>", &input);
            }
            watch(None);
            for s in taken() {
                let of = |h: &Host| format!("{}{:?}", h.dtype, h.layout);
                let key = format!(
                    "{} {:?} {:?} {:?}",
                    s.prim.name,
                    s.attrs,
                    s.weak,
                    s.ins.iter().map(of).collect::<Vec<_>>()
                );
                if s.ins.iter().any(|h| h.layout.size() > 5000) || !seen.insert(key) {
                    continue;
                }
                count += 1;
                check(&s, place, 4.0 * allowance(s.prim), "in a transcript", &mut wrong);
                let half = |h: &Host| match h.dtype {
                    DType::F64 => host_of(DType::F32, &h.to_f64s().expect("room"), h.shape()),
                    _ => h.clone(),
                };
                let single = Sample { ins: s.ins.iter().map(half).collect(), ..s.clone() };
                check(&single, place, 16.0 * allowance(s.prim), "in a transcript, in f32", &mut wrong);
            }
        }
        assert!(count > 100, "only {count} calls");
        assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    });
}

/// f32 functions at numbers of every size, from the bits.
#[test]
fn functions_hold_over_all_floats() {
    with_stack(|| {
        start();
        let Some(place) = software() else { return };
        let all: Vec<f32> = (0..=u32::MAX / 40_009).map(|i| f32::from_bits(i * 40_009)).collect();
        let host = Host::from_slice(Shape::new(&[all.len()]), &all).expect("fits");
        let mut wrong = vec![];
        for prim in ops::all().filter(|p| p.arity() == 1 && p.is_map()) {
            let s = Sample { prim, ins: vec![host.clone()], weak: vec![false], attrs: Attrs::new() };
            check(&s, place, 4.0, "over all floats", &mut wrong);
        }
        let exponents: Vec<f32> = (0..all.len()).map(|i| (i % 2003) as f32 / 50.0 - 20.0).collect();
        let exponents = Host::from_slice(Shape::new(&[all.len()]), &exponents).expect("fits");
        for prim in [&ops::pow::PRIM, &ops::atan2::PRIM, &ops::remainder::PRIM, &ops::floor_divide::PRIM] {
            let ins = vec![host.clone(), exponents.clone()];
            let s = Sample { prim, ins, weak: vec![false; 2], attrs: Attrs::new() };
            check(&s, place, 4.0, "over all floats", &mut wrong);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// The same on f64, and between the bits that hold many zeros.
#[test]
fn functions_hold_over_all_doubles() {
    with_stack(|| {
        start();
        let Some(place) = software() else { return };
        const STEP: u64 = 0x0001_2f3a_9d51_7b0b;
        let anywhere = (0..u64::MAX / STEP).map(|i| f64::from_bits(i * STEP));
        // Where most of them bend, and far out where angles take all of 2/pi.
        let near = (0..20_000).map(|i| (i as f64 - 10_000.0) * 0.000_737_1);
        let far = (0..5_000).map(|i| (1.07e9 + i as f64 * 3.7) * 1.1f64.powi(i % 1000));
        let all: Vec<f64> = anywhere.chain(near).chain(far).collect();
        let host = Host::from_slice(Shape::new(&[all.len()]), &all).expect("fits");
        let mut wrong = vec![];
        for prim in ops::all().filter(|p| p.arity() == 1 && p.is_map()) {
            let s = Sample { prim, ins: vec![host.clone()], weak: vec![false], attrs: Attrs::new() };
            check(&s, place, 4.0, "over all doubles", &mut wrong);
        }
        let others: Vec<f64> = (0..all.len()).map(|i| (i % 2003) as f64 / 50.0 - 20.0).collect();
        let others = Host::from_slice(Shape::new(&[all.len()]), &others).expect("fits");
        for prim in [&ops::pow::PRIM, &ops::atan2::PRIM, &ops::remainder::PRIM, &ops::floor_divide::PRIM] {
            for ins in [[host.clone(), others.clone()], [others.clone(), host.clone()]] {
                let s = Sample { prim, ins: ins.to_vec(), weak: vec![false; 2], attrs: Attrs::new() };
                check(&s, place, 4.0, "over all doubles", &mut wrong);
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

// ---- texts ----

/// The kernels that pending nodes become.
fn kernels(roots: &[Expr]) -> std::rc::Rc<plan::Plan> {
    plan::plan_of(roots).expect("plans").1
}

/// Compiles all texts of a plan; how many there were.
fn compiled(roots: &[Expr], caps: &Caps, what: &str) -> usize {
    let plan = kernels(roots);
    let mut n = 0;
    for kernel in &plan.kernels {
        for text in wgsl(caps, kernel, &plan.slots) {
            for (version, preserve) in [((1, 3), false), ((1, 5), true)] {
                let words = spirv(&text, version, preserve).unwrap_or_else(|f| panic!("{what}: {f}"));
                assert!(words.len() > 20, "{what}");
            }
            n += 1;
        }
    }
    n
}

fn array(shape: &[usize], dtype: DType) -> Expr {
    let n: usize = shape.iter().product();
    let v: Vec<f64> = (0..n).map(|i| (i % 7) as f64 - 3.0).collect();
    Expr::from_host(host_of(dtype, &v, shape), Place::Array)
}

/// Every elementwise op on every dtype it is defined on, in both forms: contiguous, and through views.
#[test]
fn texts_of_all_maps_compile() {
    start();
    for prim in ops::all() {
        let Body::Map(map) = &prim.body else { continue };
        let arity = prim.arity();
        for dtype in DType::all() {
            if (map.lane)(dtype, nevel::graph::prim::Operands::Vectors).is_none() {
                continue;
            }
            let straight: Vec<Expr> =
                (0..arity).map(|k| array(&[60, 50], if arity == 3 && k == 0 { DType::Bool } else { dtype })).collect();
            let turned: Vec<Expr> = straight
                .iter()
                .enumerate()
                .map(|(k, e)| {
                    if k == 0 { ops::permute_dims(e, &[1usize, 0][..]) } else { ops::reshape(e, Attr::ints([50, 60])) }
                })
                .collect();
            for ins in [straight, turned] {
                let what = format!("{} of {dtype}", prim.name);
                let e = apply(prim, &ins, Attrs::new()).unwrap_or_else(|f| panic!("{what}: {f}"));
                if ins[0].dtype() != dtype && arity < 3 || e.is_realised() {
                    continue;
                }
                assert!(compiled(&[e], &Caps::all(), &what) > 0, "{what} is left to the CPU");
            }
        }
    }
}

#[test]
fn texts_of_all_families_compile() {
    start();
    for dtype in DType::all() {
        for shape in [&[200usize, 300][..], &[3, 40000], &[40000, 3], &[2000, 2, 2], &[30, 20, 10], &[70000]] {
            let x = array(shape, dtype);
            for prim in ops::all() {
                let what = format!("{} of {dtype}{shape:?}", prim.name);
                let mut roots: Vec<Expr> = vec![];
                match &prim.body {
                    Body::Reduce(_) => {
                        let axes = (0..shape.len()).map(|k| Attr::ints([k as i64])).chain([Attr::None]);
                        for axis in axes {
                            roots.extend(apply(
                                prim,
                                std::slice::from_ref(&x),
                                [axis, Attr::Bool(false)].into_iter().collect(),
                            ));
                        }
                    }
                    Body::Scan(_) => {
                        for k in 0..shape.len() {
                            roots.extend(apply(
                                prim,
                                std::slice::from_ref(&x),
                                [Attr::Int(k as i64)].into_iter().collect(),
                            ));
                        }
                    }
                    Body::Sort(..) => {
                        for k in 0..shape.len() {
                            let attrs = [Attr::Int(k as i64), Attr::Bool(k > 0), Attr::Bool(true)];
                            roots.extend(apply(prim, std::slice::from_ref(&x), attrs.into_iter().collect()));
                        }
                    }
                    _ => continue,
                }
                for root in roots {
                    assert!(compiled(&[root], &Caps::all(), &what) > 0, "{what} has no text");
                }
            }
            if dtype == DType::F32 {
                for axis in 0..shape.len() {
                    assert!(compiled(&rows_of(&x, axis), &Caps::all(), "rows") > 0, "rows of {shape:?} have no text");
                }
            }
        }
    }
    for dtype in [DType::F32, DType::F64, DType::I64] {
        for (m, k, n) in [(300, 20, 300), (100, 50, 70), (1, 300, 300), (300, 300, 1), (5, 9000, 5)] {
            let (a, b) = (array(&[m, k], dtype), array(&[n, k], dtype));
            let b = ops::permute_dims(&b, &[1usize, 0][..]);
            assert!(compiled(&[ops::matmul(&a, &b)], &Caps::all(), "matmul") > 0);
        }
        let followed = epilogues::forms(&[3], [40, 20, 300], dtype, Place::CPU, true);
        for (name, e) in followed {
            // The CPU, whose plan this is, has no room for an f32 in an f16, or an int in an f32.
            let narrow = e.dtype().size() < dtype.size();
            let n = compiled(&[e], &Caps::all(), name);
            assert!(n == 1 || narrow, "{name} of {dtype}: {n} texts");
        }
        let stack = ops::matmul(&array(&[4, 1, 60, 30], dtype), &array(&[5, 30, 80], dtype));
        assert!(compiled(&[stack], &Caps::all(), "a stack of products") > 0);
    }
    for dtype in DType::all() {
        let x = array(&[50, 4, 6], dtype);
        let i = Expr::from_slice(&[3, 1], &[1i64, -1, 7]).expect("fits");
        let j = Expr::from_slice(&[2], &[0i64, 3]).expect("fits");
        let picked = ops::gather(&ops::flip(&x, Attr::None), &[i.clone(), j.clone()]);
        assert!(compiled(&[picked], &Caps::all(), "gather") > 0);
        let v = array(&[6], dtype);
        let put = apply(&ops::SCATTER, &[x.clone(), v.clone(), i.clone(), j.clone()], Attrs::new()).expect("builds");
        assert!(compiled(&[put], &Caps::all(), "put") > 0);
        if dtype != DType::Bool {
            let added = ops::scatter_add(&x, &v, &[i, j]);
            assert!(compiled(&[added], &Caps::all(), "scatter_add") > 0);
        }
    }
}

/// A product of f16 as a device's plan has it.
fn product_of_halves(a: Layout, b: Layout, domain: &[usize]) -> (plan::Kernel, Vec<plan::Slot>) {
    use plan::kernel::{BASE, Out, PRODUCT, SlotKind};
    let load = |slot: usize, layout: &Layout| plan::Load {
        from: plan::From::Slot(slot),
        dtype: DType::F16,
        layout: Layout { offset: layout.offset + BASE, ..layout.clone() },
    };
    let out = Layout::contiguous(Shape::new(domain));
    let made = Layout { offset: BASE, ..out.clone() };
    let product = plan::Load { from: plan::From::Product, dtype: DType::F32, layout: made };
    let kernel = plan::Kernel {
        domain: out.shape.clone(),
        loads: vec![load(0, &a), load(1, &b), product],
        code: vec![],
        finish: plan::Finish::Contract { outs: vec![Out { reg: PRODUCT, slot: 2, layout: out }] },
    };
    let slot = |dtype, n| plan::Slot { dtype, kind: SlotKind::Made(n) };
    let slots = vec![slot(DType::F16, a.size()), slot(DType::F16, b.size()), slot(DType::F32, domain.iter().product())];
    (kernel, slots)
}

/// Products of f16 of every layout, by tiles and by every kind of small matrices.
#[test]
fn texts_of_products_of_f16_compile() {
    start();
    let kinds = [None, Some((16, 32)), Some((16, 64)), Some((8, 8)), Some((8, 32))];
    for coop in kinds.map(|c| c.map(|(edge, lanes)| Coop { edge, lanes })) {
        let caps = Caps { coop, ..Caps::all() };
        for (m, k, n) in [(300, 70, 300), (64, 64, 64), (100, 30, 40), (1, 300, 300), (5, 300, 5)] {
            for turned in 0..4 {
                let side = |turned: bool, rows: usize, columns: usize| match turned {
                    true => Layout::contiguous(Shape::new(&[columns, rows])).permute(&[1, 0]),
                    false => Layout::contiguous(Shape::new(&[rows, columns])),
                };
                let (kernel, slots) =
                    product_of_halves(side(turned & 1 > 0, m, k), side(turned & 2 > 0, k, n), &[m, n]);
                let texts = wgsl(&caps, &kernel, &slots);
                assert!(!texts.is_empty(), "{m} {k} {n}");
                let small = coop.is_some() && m.min(n) >= 16;
                assert_eq!(texts[0].contains("coopMultiplyAdd"), small, "{m} {k} {n} {coop:?}");
                for text in texts {
                    for (version, preserve) in [((1, 3), false), ((1, 5), true)] {
                        spirv(&text, version, preserve).unwrap_or_else(|f| panic!("{m} {k} {n} {turned}: {f}"));
                    }
                }
            }
        }
        for (name, e) in epilogues::forms(&[], [100, 40, 300], DType::F32, Place::CPU, true) {
            let plan = kernels(&[e]);
            let mut kernel = plan.kernels[0].clone();
            let mut slots = plan.slots.clone();
            for load in &mut kernel.loads[..2] {
                load.dtype = DType::F16;
                let plan::From::Slot(slot) = load.from else { panic!("{name}: a side is not memory") };
                slots[slot].dtype = DType::F16;
            }
            let texts = wgsl(&caps, &kernel, &slots);
            assert_eq!(texts.len(), 1, "{name}");
            assert_eq!(texts[0].contains("coopMultiplyAdd"), coop.is_some(), "{name} {coop:?}");
            spirv(&texts[0], (1, 5), true).unwrap_or_else(|f| panic!("{name}: {f}"));
        }
        let whole = Layout::contiguous(Shape::new(&[4, 60, 30])).slice(2, 1, 14, 2);
        let (kernel, slots) = product_of_halves(whole, Layout::contiguous(Shape::new(&[4, 14, 80])), &[4, 60, 80]);
        wgsl(&caps, &kernel, &slots).iter().for_each(|t| assert!(spirv(t, (1, 5), true).is_ok(), "{t}"));
    }
}

/// On the device a product reads f16 where they lie, and is what the CPU makes of them.
#[test]
fn products_of_f16_are_the_same() {
    start();
    let Some(place) = software() else { return };
    for (m, k, n) in [(70, 40, 90), (33, 100, 65), (300, 16, 260), (1, 300, 40), (3, 5000, 5)] {
        for turned in 0..4 {
            let make = |place: Place| {
                let side = |turned: bool, rows: usize, columns: usize| {
                    let shape = if turned { [columns, rows] } else { [rows, columns] };
                    let x = Expr::from_host(host_of(DType::F16, &ordinary(rows * columns, 2.0), &shape), place);
                    if turned { ops::permute_dims(&x, &[1usize, 0][..]) } else { x }
                };
                ops::matmul(&side(turned & 1 > 0, m, k), &side(turned & 2 > 0, k, n))
            };
            let (cpu, gpu) = (make(Place::CPU), make(place));
            let plan = kernels(std::slice::from_ref(&gpu));
            let direct = plan.kernels.iter().any(|k| {
                matches!(k.finish, plan::Finish::Contract { .. }) && k.loads[..2].iter().all(|l| l.dtype == DType::F16)
            });
            assert!(direct, "{m} {k} {n}: the product reads f32");
            let (cpu, gpu) = (cpu.host().expect("computes"), gpu.host().expect("computes"));
            assert_eq!((cpu.dtype, gpu.dtype), (DType::F16, DType::F16));
            for (i, (a, b)) in cpu.to_f64s().expect("room").iter().zip(gpu.to_f64s().expect("room")).enumerate() {
                assert!(ulps(*a, b, DType::F16) <= 1.0, "{m} {k} {n} {turned} element {i}: cpu {a}, vulkan {b}");
            }
        }
    }
}

/// What is made of a product is made in its registers, and is what the CPU makes of it.
#[test]
fn what_follows_a_product_is_the_same() {
    start();
    let Some(place) = software() else { return };
    for dtype in [DType::F32, DType::F64, DType::I64, DType::F16] {
        // Small and large tiles, a stack; of the other dtypes a stack is enough, for compiling takes long.
        let all = epilogues::SHAPES.iter().filter(|(lead, [m, ..])| lead.len() == 2 || *m == 300 || *m == 70);
        for &(lead, sizes) in all.filter(|(lead, _)| dtype == DType::F32 || lead.len() == 2) {
            let cpu = epilogues::forms(lead, sizes, dtype, Place::CPU, false);
            let gpu = epilogues::forms(lead, sizes, dtype, place, true);
            for ((name, a), (_, b)) in cpu.iter().zip(&gpu) {
                let what = format!("{name} of {dtype} {lead:?} {sizes:?}");
                let p = kernels(std::slice::from_ref(b));
                assert_eq!(p.kernels.len(), 1, "{what}:\n{}", plan::print::plan(&p));
                let (a, b) = (a.host().expect("computes"), b.host().expect("computes"));
                assert_eq!(a.dtype, b.dtype);
                // Products add in another order; what cancels is off by parts of its terms, which are below the depth.
                let epsilon = match a.dtype {
                    DType::F64 => f64::EPSILON,
                    DType::F32 => f32::EPSILON as f64,
                    DType::F16 => 1e-3,
                    _ => 0.0,
                };
                let narrow = if dtype == DType::F16 { 1e-3 } else { epsilon };
                let near = |a: f64, b: f64| (a - b).abs() <= 16.0 * narrow.max(epsilon) * (1.0 + a.abs());
                for (i, (a, b)) in a.to_f64s().expect("room").iter().zip(b.to_f64s().expect("room")).enumerate() {
                    assert!(near(*a, b), "{what}, element {i}: cpu {a}, vulkan {b}");
                }
            }
        }
    }
}

/// Kernels of f16 are the device's own: a driver that refuses them leaves them to the CPU, which would not show in results.
#[test]
fn f16_stays_on_the_device() {
    start();
    let Some(place) = software() else { return };
    let on_device = |n: usize, shape: &[usize]| {
        let x = relocate(&Expr::from_host(host_of(DType::F16, &ordinary(n, 2.0), shape), Place::Array), place);
        x.expect("moves")
    };
    let (x, m) = (on_device(9000, &[90, 100]), on_device(8000, &[100, 80]));
    let i = Expr::from_slice(&[3], &[1i64, -1, 7]).expect("fits");
    let roots = [
        &x + 1.0,
        ops::exp(&ops::permute_dims(&x, &[1usize, 0][..])),
        ops::sum(&x, 1usize, false),
        ops::matmul(&x, &m),
        ops::gather(&x, std::slice::from_ref(&i)),
        ops::join(&[x.clone(), x.clone()], 1),
        nevel::graph::cast(&x, DType::F64).expect("converts"),
        nevel::graph::cast(&x, DType::I64).expect("converts"),
        rows_of(&x, 1)[0].clone(),
    ];
    let before = device::vulkan::moved()[1];
    engine::force(&roots).expect("computes");
    assert_eq!(device::vulkan::moved()[1] - before, 0, "bytes came back from the device");
}

/// Rounding to f16 and what is below its normal numbers, bit by bit; all f16 there and back.
#[test]
fn conversions_of_f16_are_the_same() {
    start();
    let Some(place) = software() else { return };
    let all: Vec<Half> = (0..=u16::MAX).map(Half).collect();
    let mut floats: Vec<f32> = (0..=u32::MAX / 60_013).map(|i| f32::from_bits(i * 60_013)).collect();
    for h in &all {
        let x = h.to_f32();
        // On ties and beside them.
        floats.extend([0x1000u32, 0x0fff, 0x1001, 0].map(|low| f32::from_bits(x.to_bits() | low)));
    }
    let on = |place: Place| {
        let halves = Expr::from_host(Host::from_slice(Shape::new(&[all.len()]), &all).expect("fits"), place);
        let floats = Expr::from_host(Host::from_slice(Shape::new(&[floats.len()]), &floats).expect("fits"), place);
        let to = |e: &Expr, d: DType| nevel::graph::cast(e, d).expect("converts").host().expect("computes");
        let wide = to(&halves, DType::F32).to_vec::<f32>().expect("room");
        let wide: Vec<u32> = wide.iter().map(|x| if x.is_nan() { 1 } else { x.to_bits() }).collect();
        let bits = |h: Host| -> Vec<u16> {
            let all = h.to_vec::<Half>().expect("room");
            all.iter().map(|x| if x.to_f32().is_nan() { 0x7e00 } else { x.0 }).collect()
        };
        let doubled = nevel::graph::cast(&floats, DType::F64).expect("converts") * 1.0;
        (wide, bits(to(&floats, DType::F16)), bits(to(&doubled, DType::F16)))
    };
    let (cpu, gpu) = (on(Place::CPU), on(place));
    assert!(cpu.0 == gpu.0, "f16 to f32");
    for (i, x) in floats.iter().enumerate() {
        // A subnormal f32 may count as zero.
        if x.is_normal() || *x == 0.0 || x.is_nan() || x.is_infinite() {
            assert_eq!((cpu.1[i], cpu.2[i]), (gpu.1[i], gpu.2[i]), "{x:e}");
        }
    }
}

/// What becomes one kernel over rows: softmax, a variance, layer norm; also a bool per element and one value per row.
fn rows_of(x: &Expr, axis: usize) -> Vec<Expr> {
    let e = ops::exp(&(x - ops::max(x, axis, true)));
    let soft = &e / ops::sum(&e, axis, true);
    let n = x.shape()[axis] as f64;
    let mean = ops::sum(x, axis, true) / n;
    let d = x - &mean;
    let var = ops::sum(&(&d * &d), axis, true) / n;
    let norm = &d / ops::sqrt(&(&var + 1e-5));
    vec![soft, ops::greater(&norm, &Expr::weak(0.5)), norm, var]
}

/// A device without wide types is asked for nothing that has them.
#[test]
fn a_lesser_device_gets_what_it_can() {
    start();
    let caps = Caps { int64: false, float64: false, float16: false, ..Caps::all() };
    let x = array(&[100, 100], DType::F32);
    assert!(compiled(&[ops::exp(&x) + 1.0], &caps, "f32") > 0);
    for dtype in [DType::I64, DType::F64, DType::F16] {
        let x = array(&[100, 100], dtype);
        assert_eq!(compiled(&[&x + &x], &caps, "other types"), 0);
    }
    let few = Caps { bindings: 3, ..Caps::all() };
    let y = array(&[100, 100], DType::F32);
    let z = array(&[100, 100], DType::F32);
    assert_eq!(compiled(&[&(&x + &y) + &z], &few, "four buffers"), 0);
}

// ---- random graphs ----

fn build(moves: &[Move], leaves: &[Expr]) -> Vec<Expr> {
    let mut all = leaves.to_vec();
    for m in moves {
        let (a, b) = (all[m.a % all.len()].clone(), all[m.b % all.len()].clone());
        let fits = a.shape().broadcast(b.shape()).is_some();
        let e = match m.op {
            0..14 => step(m, &a, &b),
            14 if fits => Some(ops::where_(&ops::greater(&a, &b), &a, &ops::exp(&ops::minimum(&b, &Expr::weak(1.0))))),
            15 if a.rank() > 0 && a.shape()[0] > 2 => {
                let i = Expr::from_slice(&[4], &[1i64, -1, 0, 1]).expect("fits");
                Some(ops::gather(&a, &[i]))
            }
            16 if a.rank() > 0 && a.shape()[0] > 2 => {
                let i = Expr::from_slice(&[3], &[2i64, -1, 2]).expect("fits");
                Some(ops::scatter_add(&a, &Expr::weak(0.25), &[i]))
            }
            // An op that only the CPU has: a crossing in the middle.
            17 if a.rank() > 0 => {
                let found = ops::searchsorted(&Expr::from_slice(&[1], &[1e30f32]).expect("fits"), &a, "left");
                Some(&a + &nevel::graph::cast(&found, a.dtype()).expect("casts"))
            }
            18 if a.rank() > 0 => Some(ops::sort(&a, m.k % a.rank(), m.b.is_multiple_of(2), true)),
            _ => None,
        };
        if let Some(e) = e.filter(|e| e.size() < 20_000 && !e.is_broken()) {
            all.push(e);
        }
    }
    all
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec(
        (0usize..19, 0usize..100, 0usize..100, 0usize..4).prop_map(|(op, a, b, k)| Move { op, a, b, k }),
        1..14,
    )
}

fn leaves(place: Place) -> Vec<Expr> {
    let make = |shape: &[usize], scale: f64| {
        let n: usize = shape.iter().product();
        let host = host_of(DType::F32, &ordinary(n, scale), shape);
        Expr::from_host(host, place)
    };
    vec![make(&[5, 7], 1.0), make(&[7], 0.5), make(&[5, 1], 2.0), make(&[2, 5, 7], 1.0), make(&[70], 1.0)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_graphs_are_the_same(moves in moves()) {
        start();
        let Some(place) = software() else { return Ok(()) };
        let (slow, fast) = (build(&moves, &leaves(Place::CPU)), build(&moves, &leaves(place)));
        prop_assert_eq!(slow.len(), fast.len());
        for (s, f) in slow.iter().rev().zip(fast.iter().rev()).take(4) {
            prop_assert!(f.place() == place);
            let (s, f) = (s.host().expect("computes"), f.host().expect("computes"));
            prop_assert_eq!(s.shape(), f.shape());
            let scale = s.to_f64s().expect("room").iter().filter(|x| x.is_finite()).fold(1f64, |m, x| m.max(x.abs()));
            for (i, (a, b)) in s.to_f64s().expect("room").into_iter().zip(f.to_f64s().expect("room")).enumerate() {
                let close = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-4 * scale;
                prop_assert!(close, "element {}: cpu {}, vulkan {} ({:?})", i, a, b, moves);
            }
        }
    }
}

#[test]
fn rows_are_the_same() {
    start();
    let Some(place) = software() else { return };
    for shape in [&[40usize, 300][..], &[300, 10], &[3, 5, 5000], &[70, 64], &[1000]] {
        let n = shape.iter().product();
        let host = host_of(DType::F32, &ordinary(n, 3.0), shape);
        let on = |place: Place| {
            let x = Expr::from_host(host.clone(), place);
            let roots = rows_of(&x, shape.len() - 1);
            engine::force(&roots).expect("computes");
            roots.iter().map(|r| r.host().expect("is there").to_f64s().expect("room")).collect::<Vec<_>>()
        };
        let (cpu, gpu) = (on(Place::CPU), on(place));
        for (k, (a, b)) in cpu.iter().zip(&gpu).enumerate() {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                // Whether it is more than a half can be told only away from it.
                let told = k != 1 || (cpu[2][i] - 0.5).abs() > 1e-4;
                let near = (a - b).abs() <= 2e-5 * (1.0 + a.abs());
                assert!(near || !told, "{shape:?}, result {k}, element {i}: cpu {a}, vulkan {b}");
            }
        }
    }
}

/// Training runs whole on the device: parameters and their gradients never come back, and batches go there once.
#[test]
fn training_stays_on_the_device() {
    with_stack(|| {
        let Some(_) = software() else { return };
        let mut session = Session::new(Options::default());
        let mut run = |text: &str| {
            let outcome = session.run_cell("<training>", text);
            assert!(outcome.faults.is_empty(), "{text}: {}", outcome.faults[0].message);
        };
        run("default_device(\"vulkan:cpu\")
             p = {w1: tensor(randn(64, 64) * 0.15), b1: tensor(zeros(64)), w2: tensor(randn(64, 10) * 0.15), b2: tensor(zeros(10))}
             x = tensor(rand(500, 64)); y = randint(10, size=500)
             loss(p, x, y) = cross_entropy(relu(x @ p.w1 + p.b1) @ p.w2 + p.b2, y)
             opt = adam(p, lr=1e-2)
             train(n) = { for i in 0..n { g = grad(loss(p, x, y), p); p, opt = opt.update(p, g) } }
             for i in 0..3 { g = grad(loss(p, x, y), p); p, opt = opt.update(p, g) }");
        let before = device::vulkan::moved();
        run("for i in 0..20 { g = grad(loss(p, x, y), p); p, opt = opt.update(p, g) }");
        let after = device::vulkan::moved();
        let (there, back) = (after[0] - before[0], after[1] - before[1]);
        // The parameters are 20 kB, their gradients as many, 20 times.
        assert!(back < 20_000, "{back} bytes came back");
        assert!(there < 1_000_000, "{there} bytes went there");
        run("assert loss(p, x, y) < 2.25, \"it learns\"");
    });
}

// ---- circumstances, each in a process of its own ----

/// Output and errors of a program on the command line.
fn nevel(switches: &str, args: &[&str]) -> (String, String) {
    nevel_with(&[("NEVEL_VULKAN", switches)], args)
}

fn nevel_with(env: &[(&str, &str)], args: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nevel"));
    command.args(["--color", "never"]).args(args).env_remove("NEVEL_DEVICE");
    let out = command.envs(env.iter().copied()).output().expect("runs");
    let text = |b: &[u8]| String::from_utf8_lossy(b).to_string();
    (text(&out.stdout), text(&out.stderr))
}

/// A program that uses every family on a device, and what it prints on the CPU.
const PROGRAM: &str = r#"
x = tensor(reshape(arange(60000) % 97, 200, 300) / 50 - 1, device=args[0])
w = tensor(reshape(arange(3000) % 13, 300, 10) / 9, device=args[0])
print("{sum(x * 2 + 1):.1f}", x.shape)
print("{sum(exp(x) @ w):.0f}", argmax(sum(x, axis=0)), argmax(x[:, 1:].T))
print(all(x > -2), "{sum(cumulative_sum(x[3])):.2f}", sum(x[[1, 5, -1], 2:9] > 0))
print("{sum(grad(sum(tanh(x[[0, 0, 1]] @ w)), x)):.3f}", "{sum(softmax(x, axis=1)):.2f}")
b = concat((x > 0, x < -0.5), axis=1); b[3, 1:7] = true
print(sum(b), sum(b[:, ::3]), to(x, "cpu").device, sum(sort(x[0]) == sort(to(x[0], "cpu").array())))
print(sum(tensor((arange(5000) % 7) * 3, device=args[0]) // 2))
n = arange(5000) % 7
print(sum(tensor(n + 1.5, dtype=f64, device=args[0]) / 2))
"#;

fn program(switches: &str, device: &str) -> (String, String) {
    let file = std::env::temp_dir().join(format!("nevel-vulkan-{}-{}.nev", std::process::id(), switches.len()));
    std::fs::write(&file, PROGRAM).expect("writes");
    let out = nevel(switches, &[file.to_str().expect("text"), device]);
    let _ = std::fs::remove_file(file);
    out
}

#[test]
fn every_way_to_the_device_gives_the_same() {
    if software().is_none() {
        return;
    }
    let (want, errors) = program("", "cpu");
    assert!(!want.is_empty() && errors.is_empty(), "{errors}");
    // Its own memory out of reach; descriptor sets; parts of 64 kB; lesser types; all of it.
    for switches in [
        "nocache",
        "staging,nocache",
        "nopush,nocache",
        "range=65536,nocache",
        "noint64,nocache",
        "nocompile,nocache",
        "nofloat64,staging,nopush,nocache",
    ] {
        let (got, errors) = program(switches, "vulkan:cpu");
        assert_eq!(got, want, "{switches}: {errors}");
    }
}

#[test]
fn buffers_beyond_the_range_are_taken_in_parts() {
    if software().is_none() {
        return;
    }
    let line = r#"x = tensor(arange(1000000) % 1001, dtype=f32, device="vulkan:cpu"); y = x * 2 + 1; (y[0], y[999999], sum(array(y)), sum(y > 1000))"#;
    let (whole, _) = nevel("nocache", &["-e", line]);
    let (parts, errors) = nevel("range=262144,nocache", &["-e", line]);
    assert_eq!(whole, parts, "{errors}");
    let (plan, _) = nevel_with(&[("NEVEL_VULKAN", "range=262144,nocache")], &["-e", line]);
    assert!(plan.starts_with("(1, "), "{plan}");
}

#[test]
fn without_vulkan_the_session_goes_on() {
    for (switches, why) in [("off", "switched off"), ("library=/nowhere/libvulkan.so", "no Vulkan library")] {
        let (out, errors) = nevel(switches, &["-e", "sum(tensor([1, 2, 3]) * 2)"]);
        assert_eq!(out, "12\n", "{errors}");
        let (_, errors) = nevel(switches, &["-e", "tensor([1.0], device=\"gpu\")"]);
        assert!(errors.contains(why) && errors.contains("there is no device \"gpu\""), "{errors}");
        let (out, _) = nevel(switches, &["devices"]);
        assert!(out.contains("cpu") && out.contains(why), "{out}");
        let (out, errors) = nevel(switches, &["-e", "try { tensor([1.0], device=\"vulkan:cpu\") } catch err { 7 }"]);
        assert_eq!(out, "7\n", "{errors}");
    }
}

#[test]
fn without_a_driver_too() {
    let nowhere = [("VK_DRIVER_FILES", "/nowhere.json"), ("VK_ICD_FILENAMES", "/nowhere.json")];
    let (out, errors) = nevel_with(&nowhere, &["-e", "(sum(tensor([1, 2, 3])), default_device())"]);
    assert_eq!(out, "(6, \"cpu\")\n", "{errors}");
    let (_, errors) = nevel_with(&nowhere, &["--device", "gpu", "-e", "1"]);
    assert!(errors.contains("there is no device \"gpu\" here"), "{errors}");
}

#[test]
fn a_software_device_is_never_the_default() {
    if software().is_none() {
        return;
    }
    let (out, _) = nevel("nocache", &["-e", "(default_device(), device(tensor([1])))"]);
    assert!(!out.contains("vulkan:cpu"), "{out}");
    let (out, _) = nevel_with(&[("NEVEL_DEVICE", "vulkan:cpu")], &["-e", "(default_device(), device(tensor([1])))"]);
    assert_eq!(out, "(\"vulkan:cpu\", \"vulkan:cpu\")\n");
    let (out, _) = nevel("nocache", &["devices"]);
    assert!(out.contains("vulkan:cpu") && out.contains("f64"), "{out}");
}

#[test]
fn a_lost_device_is_a_fault_and_the_cpu_goes_on() {
    if software().is_none() {
        return;
    }
    let lines = "x = tensor(ones(3000), device=\"vulkan:cpu\"); y = x + 1; a = [1, 2]\n\
                 r = try { force(sum(array(y))) } catch err { err.message }\n\
                 print(r); print(sum(array(x))); print(sum(a) + sum(tensor([1, 2], device=\"cpu\")))";
    let (out, errors) = nevel("lose=1,nocache", &["-e", lines]);
    let want = "the device vulkan:cpu was lost: what was only there is gone\n3000\n6\n";
    assert_eq!(out, format!("force: {want}"), "{errors}");
}

#[test]
fn too_little_memory_is_a_fault() {
    if software().is_none() {
        return;
    }
    let lines = "r = try { x = tensor(ones(1000000), device=\"vulkan:cpu\"); force(sum(array(x + 1))) } catch err { err.message }\n\
                 print(r); x = tensor(ones(1000), device=\"vulkan:cpu\"); print(sum(x + 1))";
    let (out, errors) = nevel("memory=3000000,nocache", &["-e", lines]);
    assert_eq!(out, "vulkan:cpu: not enough memory for an array of 4.0 MB\n2000\n", "{errors}");
}

#[test]
fn faults_of_values_come_from_the_device_with_their_place() {
    if software().is_none() {
        return;
    }
    for (line, message) in [
        ("x = tensor(arange(5000), device=\"vulkan:cpu\"); y = x // (x - 77); sum(y)", "division of ints by zero"),
        (
            "x = tensor(ones(5000), device=\"vulkan:cpu\"); i = tensor(arange(3000), device=\"vulkan:cpu\") * 2; sum(x[i])",
            "index 5",
        ),
    ] {
        let (out, errors) = nevel("nocache", &["-e", line]);
        assert!(out.is_empty() && errors.contains(message) && errors.contains("1 │"), "{line}: {out}{errors}");
    }
}

/// Ints divided by a number above zero cannot fail; nobody waits to hear whether others did.
#[test]
fn what_cannot_fail_is_not_waited_for() {
    with_stack(|| {
        let Some(_) = software() else { return };
        let mut session = Session::new(Options::default());
        let mut back = |text: &str| {
            let before = device::vulkan::moved()[1];
            let outcome = session.run_cell("<ints>", text);
            let back = device::vulkan::moved()[1] - before;
            (outcome.faults.first().map(|f| f.message.clone()), back)
        };
        assert_eq!(
            back("default_device(\"vulkan:cpu\"); x = force(tensor(arange(5000)) - 7); n = force(x * 0 + 2)"),
            (None, 0)
        );
        assert_eq!(
            back("y = force(x // 7 + x % 3 + x ^ 2); s = force(sum(x // 2)); z = force(x.reshape(50, 100).T // 5)"),
            (None, 0)
        );
        assert_eq!(back("w = force(x // n)"), (None, 0));
        for (text, message) in
            [("int(sum(x // 0))", "division of ints by zero"), ("int(sum(x % (n - 2)))", "division of ints by zero")]
        {
            let (fault, _) = back(text);
            assert!(fault.as_ref().is_some_and(|f| f.contains(message)), "{text}: {fault:?}");
        }
        assert_eq!(back("assert(all(array(y) == array(x) // 7 + array(x) % 3 + array(x) ^ 2))").0, None);
    });
}

/// Random numbers are the CPU's stream.
#[test]
fn random_numbers_are_the_same_stream() {
    if software().is_none() {
        return;
    }
    let line = |d: &str| {
        format!(
            "x = rand(5000, dtype=f32, device=\"{d}\"); y = x * 4; (sum(array(y)), array(y)[4321], randint(1000, size=7, device=\"{d}\") * 1)"
        )
    };
    let (a, _) = nevel("nocache", &["-e", &line("cpu")]);
    let (b, errors) = nevel("nocache", &["-e", &line("vulkan:cpu")]);
    assert_eq!(a, b, "{errors}");
}

#[test]
fn plans_show_the_crossing() {
    if software().is_none() {
        return;
    }
    start();
    let place = software().expect("asked above");
    let x = relocate(&array(&[100, 30], DType::F32), place).expect("moves");
    let row = ops::reshape(&ops::slice(&x, 0usize, 0usize, 1usize, 1i64), Attr::ints([30]));
    let y = ops::exp(&nevel::graph::cast(&ops::searchsorted(&row, &(&x * &x), "left"), DType::F32).expect("casts"));
    let (_, p) = plan::plan_of(&[y]).expect("plans");
    let text = plan::print::plan(&p);
    assert!(text.contains("host over [100, 30] on cpu") && text.contains("map over [100, 30] on vulkan:cpu"), "{text}");
}
