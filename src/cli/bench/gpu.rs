//! `nevel bench gpu`: how fast the best device is, each row against the CPU in the same run.
//!
//! In: a device. Out: a table on standard output: what a copy moves, what a fused chain, softmax and sums reach of that,
//! what sorts do, products in TFLOP/s, what a small kernel costs, and a training step. The shorter of several runs counts. Sizes are
//! those of a card; a device that computes on the CPU gets smaller ones, and its table says so.

use std::time::Instant;

use crate::base::{DType, Result, Shape};
use crate::cli::desk::{Desk, Setup};
use crate::cli::out::Out;
use crate::cli::repl::aligned;
use crate::device;
use crate::graph::{Attr, Attrs, Data, Expr, Place, apply, bits_of, cast, engine, relocate};
use crate::ops;
use crate::show::Style;

/// Runs of one workload.
const RUNS: usize = 5;

/// One workload on one device: seconds.
type Work<'a> = &'a dyn Fn(Place) -> Result<f64>;

/// The table for the device of that name, or the best one.
pub fn table(name: Option<&str>) -> Result<String> {
    let place = match name {
        Some(name) => device::named(name)?,
        None => match device::best() {
            Place::Tensor(0) => device::named("gpu")?,
            place => place,
        },
    };
    crate::session::install();
    device::of(place.device())?;
    let soft = place.name().starts_with("vulkan:cpu");
    let mut rows = vec![["workload".to_string(), place.name().to_string(), "cpu".to_string(), "faster".to_string()]];
    let mut row = |what: &str, work: Work, unit: &dyn Fn(f64) -> String| -> Result<f64> {
        let (there, here) = (work(place)?, work(Place::CPU)?);
        rows.push([what.to_string(), unit(there), unit(here), format!("{:.2}x", here / there)]);
        Ok(there)
    };
    let n: usize = if soft { 1 << 22 } else { 1 << 26 };
    let rate = |bytes: usize| move |s: f64| format!("{:.1} GB/s", bytes as f64 / s / 1e9);
    let copy = row("copy f32", &|p| map(p, n, |x| -x), &rate(8 * n))?;
    row("copy f16", &|p| halves(p, n), &rate(4 * n))?;
    row("chain exp(-x*x)*2+1", &|p| map(p, n, |x| ops::exp(&-(x * x)) * 2.0 + 1.0), &rate(8 * n))?;
    row("softmax of rows of 1024", &|p| map(p, n, softmax), &rate(8 * n))?;
    row("sums of rows of 1024", &|p| map(p, n, |x| ops::sum(x, 1usize, false)), &rate(4 * n))?;
    row("sums of columns", &|p| map(p, n, |x| ops::sum(x, 0usize, false)), &rate(4 * n))?;
    let keys = |s: f64| format!("{:.0} M/s", (n / 4) as f64 / s / 1e6);
    row("sort of rows of 1024", &|p| map(p, n / 4, |x| ops::sort(x, 1usize, false, true)), &keys)?;
    let line = |x: &Expr| ops::sort(&ops::reshape(x, Attr::ints([-1])), 0usize, false, true);
    row("sort of one line", &|p| map(p, n / 4, line), &keys)?;
    for m in if soft { vec![256, 512] } else { vec![1024, 4096, 8192] } {
        let flops = 2.0 * (m as f64).powi(3);
        let unit = move |s: f64| format!("{:.3} TFLOP/s", flops / s / 1e12);
        row(&format!("product f32 {m}"), &|p| product(p, m, DType::F32), &unit)?;
        row(&format!("product f16 {m}"), &|p| product(p, m, DType::F16), &unit)?;
    }
    let micro = |s: f64| format!("{:.1} us", s * 1e6);
    row("small kernel", &small, &micro)?;
    let milli = |s: f64| format!("{:.2} ms", s * 1e3);
    let size = if soft { 64 } else { 512 };
    row(&format!("step 784-1024-1024-10, batch {size}"), &|p| step(p, NET, size), &milli)?;
    row("step of digits, 64-64-10, batch 32", &|p| step(p, DIGITS, 32), &milli)?;
    let mut out = aligned(&rows);
    out += &format!("a copy moves {:.1} GB/s; products of f16 go {}\n", 8.0 * n as f64 / copy / 1e9, way(place));
    if soft {
        out += "this device computes on the CPU: sizes are small, and the times judge nothing\n";
    }
    Ok(out)
}

/// Waits until a place has done what it was given.
fn wait(place: Place) -> Result<()> {
    device::of(place.device())?.settle()
}

/// The shortest of several runs, after one that plans and compiles.
fn best(place: Place, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut least = f64::INFINITY;
    for i in 0..=RUNS {
        wait(place)?;
        let start = Instant::now();
        run()?;
        wait(place)?;
        if i > 0 {
            least = least.min(start.elapsed().as_secs_f64());
        }
    }
    Ok(least)
}

/// Uniform numbers on a place.
fn numbers(place: Place, shape: &[usize]) -> Result<Expr> {
    let key = Expr::full(Shape::scalar(), bits_of(7i64), DType::I64, Place::Array);
    let attrs: Attrs = [Attr::axes(shape.iter().copied()), Attr::DType(DType::F32)].into_iter().collect();
    let x = apply(&ops::random_uniform::PRIM, &[key], attrs)?;
    x.force()?;
    let x = relocate(&x, place)?;
    // Brought there before the clock runs.
    engine::force(&[&x + 0.0])?;
    Ok(x)
}

fn forced(e: Expr) -> Result<()> {
    match e.force()? {
        Data::Broken(fault) => Err(fault.clone()),
        _ => Ok(()),
    }
}

fn map(place: Place, n: usize, f: impl Fn(&Expr) -> Expr) -> Result<f64> {
    let x = numbers(place, &[n / 1024, 1024])?;
    best(place, || forced(f(&x)))
}

/// As `map`, negating f16.
fn halves(place: Place, n: usize) -> Result<f64> {
    let x = narrowed(numbers(place, &[n / 1024, 1024])?)?;
    best(place, || forced(-&x))
}

fn narrowed(x: Expr) -> Result<Expr> {
    let x = cast(&x, DType::F16)?;
    x.force()?;
    Ok(x)
}

/// How a device multiplies matrices of f16.
fn way(place: Place) -> &'static str {
    #[cfg(feature = "vulkan")]
    if let Ok(device) = device::vulkan::open(place.device())
        && device.gpu.caps.coop.is_some()
    {
        return "by cooperative matrices";
    }
    let _ = place;
    "by tiles, in f32"
}

fn softmax(x: &Expr) -> Expr {
    let e = ops::exp(&(x - ops::max(x, 1usize, true)));
    &e / ops::sum(&e, 1usize, true)
}

fn product(place: Place, m: usize, dtype: DType) -> Result<f64> {
    let (a, b) = (numbers(place, &[m, m])?, numbers(place, &[m, m])?);
    let (a, b) = if dtype == DType::F16 { (narrowed(a)?, narrowed(b)?) } else { (a, b) };
    best(place, || forced(ops::matmul(&a, &b)))
}

/// A kernel of a few numbers, each needing the one before.
fn small(place: Place) -> Result<f64> {
    const TIMES: usize = 200;
    let x = numbers(place, &[4096])?;
    let all = best(place, || {
        let mut y = x.clone();
        for _ in 0..TIMES {
            y = &y * 0.5;
            y.force()?;
        }
        Ok(())
    })?;
    Ok(all / TIMES as f64)
}

const NET: &str = "{w1: randn(784, 1024), b1: zeros(1024), w2: randn(1024, 1024), b2: zeros(1024), w3: randn(1024, 10), b3: zeros(10)}";
const DIGITS: &str = "{w1: randn(64, 64), b1: zeros(64), w3: randn(64, 10), b3: zeros(10)}";

/// One step of training a network, in the language.
fn step(place: Place, parameters: &str, batch: usize) -> Result<f64> {
    let setup = Setup { seed: 0, device: Some(place.name().into()), args: vec![] };
    let mut desk = Desk::new(setup, Out::kept(), Style::PLAIN)?;
    let deep = parameters.contains("w2");
    let (width, inner) =
        if deep { (784, "relu(relu(x @ p.w1 + p.b1) @ p.w2 + p.b2)") } else { (64, "relu(x @ p.w1 + p.b1)") };
    let text = format!(
        "p = tensor({parameters}); x = tensor(rand({batch}, {width})); y = randint(10, size={batch})
loss(p, x, y) = cross_entropy({inner} @ p.w3 * 0.01 + p.b3, y)
opt = adam(p, lr=1e-3)
step() = {{ g = grad(loss(p, x, y), p); a, b = opt.update(p, g); force(a); a }}"
    );
    run(&mut desk, &text)?;
    best(place, || run(&mut desk, "step();"))
}

fn run(desk: &mut Desk, text: &str) -> Result<()> {
    desk.run("<bench>", text).faults.into_iter().next().map_or(Ok(()), Err)
}
