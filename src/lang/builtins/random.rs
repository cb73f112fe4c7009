//! Random arrays. Every call takes the next key of the session's counter; the numbers are the primitives' (Philox), so
//! a seed gives one stream on every device and for any number of threads.

use super::args::*;
use super::natives;
use crate::base::{DType, Fault, Result, Shape, counted};
use crate::graph::{Attr, Expr, Place, cast, relocate};
use crate::lang::interp::Random;
use crate::lang::{Interp, Value};
use crate::ops;

natives! {
    /// Begins the stream of random numbers that belongs to n.
    ///
    /// > seed(1); a = rand(3); seed(1); all(a == rand(3))
    /// true
    "seed(n)" => |interp, a| {
        interp.random = Random { seed: a.int(0)? as u64, calls: 0 };
        Ok(Value::None)
    };

    /// Uniform random numbers in [0, 1).
    ///
    /// > rand(2, 3).shape
    /// (2, 3)
    "rand(*shape, dtype=none, device=none)" => |interp, a| {
        let (shape, kind) = (a.shape(0)?, a.kind(1, 2, DType::F64)?);
        draw(&a, interp, shape, kind, ops::random_uniform)
    };

    /// Standard normal random numbers.
    ///
    /// > abs(mean(randn(1000))) < 0.2
    /// true
    "randn(*shape, dtype=none, device=none)" => |interp, a| {
        let (shape, kind) = (a.shape(0)?, a.kind(1, 2, DType::F64)?);
        draw(&a, interp, shape, kind, ops::random_normal)
    };

    /// Uniform random numbers in [low, high). Without a size, one for each element of the bounds.
    ///
    /// > all(uniform(2, 3, size=100) >= 2)
    /// true
    /// > uniform(0, [1, 10]).shape
    /// (2,)
    "uniform(low=0.0, high=1.0, size=none, dtype=none, device=none)" => |interp, a| {
        let (low, high) = (a.expr(0)?, a.expr(1)?);
        let (shape, kind) = drawn_for(&a, &low, &high)?;
        let u = draw(&a, interp, shape, kind, ops::random_uniform)?.to_expr()?;
        done(&low + (&high - &low) * u)
    };

    /// Normal random numbers of a mean and a standard deviation. Without a size, one for each element of them.
    ///
    /// > normal(10, 0.1, size=(2, 2)).shape
    /// (2, 2)
    /// > normal([0, 100], 1).shape
    /// (2,)
    "normal(mean=0.0, std=1.0, size=none, dtype=none, device=none)" => |interp, a| {
        let (mean, std) = (a.expr(0)?, a.expr(1)?);
        if a.get(1).is_number() && a.float(1)? < 0.0 {
            let fault = Fault::new(format!("normal: a standard deviation cannot be negative, found {}", a.float(1)?));
            return Err(fault.side(1, "is negative"));
        }
        let (shape, kind) = drawn_for(&a, &mean, &std)?;
        let n = draw(&a, interp, shape, kind, ops::random_normal)?.to_expr()?;
        done(mean + std * n)
    };

    /// Random ints from low up to but without high; with one bound, from 0. Without a size, one for each element of the
    /// bounds.
    ///
    /// > all(randint(1, 7, size=100) <= 6)
    /// true
    /// > all(randint([0, 10], [10, 20]) >= [0, 10])
    /// true
    "randint(low, high=none, size=none, device=none)" => |interp, a| {
        let place = a.place(3)?.unwrap_or(Place::Array);
        let many = |v: &Value| matches!(v, Value::Array(e) if e.rank() > 0);
        if !many(a.get(0)) && !many(a.get(1)) {
            let (low, high) = if a.get(1).is_none() { (0, a.int(0)?) } else { (a.int(0)?, a.int(1)?) };
            let shape = a.maybe(2, |a, i| a.sizes(i))?.unwrap_or_default();
            return done(relocate(&ints(interp, low, high, &shape)?, place)?);
        }
        done(relocate(&ints_between(&a, interp)?, place)?)
    };

    /// The ints 0 to n-1, or the rows of x, in random order.
    ///
    /// > permutation(5).sort()
    /// [0, 1, 2, 3, 4]
    "permutation(x)" => |interp, a| {
        if a.get(0).is_number() {
            return done(order(interp, a.size(0)?));
        }
        shuffled(&a, interp)
    };

    /// The rows of x in random order.
    ///
    /// > shuffle([1, 2, 3]).sort()
    /// [1, 2, 3]
    "shuffle(x)" => |interp, a| shuffled(&a, interp);

    /// Random rows of x, or random ints below x; `replace=false` takes none twice, `p` weighs them.
    ///
    /// > choice([10, 20], size=4, p=[0, 1])
    /// [20, 20, 20, 20]
    "choice(x, size=(), replace=true, p=none)" => |interp, a| choice(&a, interp);
}

/// The shape, dtype and place of numbers that two parameters are for. Without a size they are drawn as the parameters
/// are: in their shape, dtype and place.
fn drawn_for(a: &Args, p: &Expr, q: &Expr) -> Result<(Shape, (DType, Place))> {
    let kind = a.kind(3, 4, DType::F64)?;
    if let Some(shape) = a.maybe(2, |a, i| a.sizes(i))? {
        return Ok((shape, kind));
    }
    let shape = together(a, p, q)?;
    let natural = if p.is_weak() && q.is_weak() { kind.0 } else { ops::rule::float_of(&[p.clone(), q.clone()]) };
    let place = if a.get(4).is_none() { p.place().max(q.place()) } else { kind.1 };
    Ok((shape, (if a.get(3).is_none() { natural } else { kind.0 }, place)))
}

/// The shape that the first two arguments have together.
fn together(a: &Args, p: &Expr, q: &Expr) -> Result<Shape> {
    p.shape().broadcast(q.shape()).ok_or_else(|| {
        let fault = Fault::new(format!("{}: shapes {} and {} do not fit together", a.name, p.shape(), q.shape()));
        fault.side(0, format!("has shape {}", p.shape())).side(1, format!("has shape {}", q.shape()))
    })
}

type Draw = fn(&Expr, Attr, Attr) -> Expr;

/// Numbers from a primitive under a fresh key. Half-open ranges and such are the primitive's business.
fn draw(a: &Args, interp: &mut Interp, shape: Shape, (dtype, place): (DType, Place), prim: Draw) -> Result<Value> {
    if !dtype.is_float() {
        return Err(Fault::new(format!("{}: expected a float dtype, found {dtype}", a.name)).hint("randint makes ints"));
    }
    let key = Expr::weak(interp.random.key());
    let drawn = prim(&key, Attr::from(&shape), Attr::DType(dtype));
    let drawn = relocate(&ops::arrange::checked(drawn)?, place)?;
    if shape.rank() == 0 && place == Place::Array && dtype == DType::F64 {
        return Value::number_of(&drawn);
    }
    done(drawn)
}

/// How many ints lie from low up to high.
fn span(low: i64, high: i64) -> Result<i64> {
    let span = high as i128 - low as i128;
    if span <= 0 {
        return Err(Fault::new(format!("randint: there are no ints from {low} up to {high}"))
            .hint("the first bound must be the smaller one"));
    }
    i64::try_from(span).map_err(|_| {
        let most = i64::MAX;
        Fault::new(format!("randint: from {low} up to {high} there are {span} ints; it draws from {most} at most"))
    })
}

fn ints(interp: &mut Interp, low: i64, high: i64, shape: &Shape) -> Result<Expr> {
    let span = span(low, high)?;
    let bits = ops::random_bits(&Expr::weak(interp.random.key()), shape);
    ops::arrange::checked(ops::remainder(&bits, &Expr::weak(span)) + Expr::weak(low))
}

/// As `ints`, with a pair of bounds for each element.
fn ints_between(a: &Args, interp: &mut Interp) -> Result<Expr> {
    let (low, high) = match a.get(1).is_none() {
        true => (Expr::weak(0i64), a.expr(0)?),
        false => (a.expr(0)?, a.expr(1)?),
    };
    for (i, e) in [(0, a.get(0)), (1, a.get(1))] {
        if !e.is_none() && e.to_expr()?.dtype() != DType::I64 {
            return Err(a.wrong(i, e.unlike("ints")));
        }
    }
    let both = together(a, &low, &high)?;
    let shape = a.maybe(2, |a, i| a.sizes(i))?.unwrap_or_else(|| both.clone());
    if both.broadcast(&shape).as_ref() != Some(&shape) {
        let fault = Fault::new(format!("randint: bounds of shape {both} do not fit size {shape}"));
        return Err(fault.side(2, "is the size"));
    }
    let (low, high) = (ops::broadcast_to(&low, &shape), ops::broadcast_to(&high, &shape));
    // Each pair is looked at by itself: of wrapped differences nobody could tell what was wrong.
    let pairs = low.host()?.to_vec::<i64>()?.into_iter().zip(high.host()?.to_vec::<i64>()?);
    for (low, high) in pairs {
        span(low, high)?;
    }
    let bits = ops::random_bits(&Expr::weak(interp.random.key()), &shape);
    ops::arrange::checked(ops::remainder(&bits, &(&high - &low)) + low)
}

/// 0 … n-1 in random order.
pub fn order(interp: &mut Interp, n: usize) -> Expr {
    let bits = ops::random_bits(&Expr::weak(interp.random.key()), &Shape::new(&[n]));
    ops::argsort(&bits, 0usize, false, true)
}

fn shuffled(a: &Args, interp: &mut Interp) -> Result<Value> {
    if let Value::Tuple(items) = a.get(0) {
        let order = order(interp, items.len()).host()?.to_vec::<i64>()?;
        return Ok(Value::tuple(order.into_iter().map(|i| items[i as usize].clone()).collect()));
    }
    let x = a.expr(0)?;
    if x.rank() == 0 {
        return Err(a.wrong(0, a.get(0).unlike("an array with axes")));
    }
    let order = order(interp, x.shape()[0]);
    done(ops::take(&x, &order, Some(0))?)
}

fn choice(a: &Args, interp: &mut Interp) -> Result<Value> {
    let (shape, replace) = (a.sizes(1)?, a.bool(2)?);
    let from = a.expr(0)?;
    let n = if from.rank() == 0 { a.size(0)? } else { from.shape()[0] };
    if n == 0 && shape.size() > 0 {
        return Err(Fault::new("choice: there is nothing to choose from").side(0, "is empty"));
    }
    if !replace && shape.size() > n {
        let fault = Fault::new(format!("choice: {} different ones of {n}", shape.size()));
        return Err(fault.hint("replace=true takes one more than once"));
    }
    let picks = match (a.get(3).is_none(), replace) {
        (true, true) => ints(interp, 0, n.max(1) as i64, &shape)?,
        (true, false) => head(&order(interp, n), &shape),
        (false, _) => weighed(a, interp, n, &shape, replace)?,
    };
    if from.rank() == 0 { done(picks) } else { done(ops::take(&from, &picks, Some(0))?) }
}

fn head(order: &Expr, shape: &Shape) -> Expr {
    let n = shape.size();
    ops::reshape(
        &if n == 0 {
            ops::slice(order, 0usize, 0usize, 0usize, 1i64)
        } else {
            ops::slice(order, 0usize, 0usize, n, 1i64)
        },
        shape,
    )
}

/// With weights: by the running sum where one may come twice; else the largest of log p + Gumbel noise.
fn weighed(a: &Args, interp: &mut Interp, n: usize, shape: &Shape, replace: bool) -> Result<Expr> {
    let p = cast(&a.expr(3)?, DType::F64)?;
    let weights = p.host()?.to_vec::<f64>()?;
    let total: f64 = weights.iter().sum();
    let possible = weights.iter().filter(|&&w| w > 0.0).count();
    if p.rank() != 1 || weights.len() != n || weights.iter().any(|&w| w < 0.0 || !w.is_finite()) || total <= 0.0 {
        let fault = Fault::new(format!(
            "choice: p must give {}, none of them negative, found {}",
            counted(n, "weight"),
            p.type_name()
        ));
        return Err(fault.side(3, "are the weights"));
    }
    let uniform = |interp: &mut Interp, shape: &Shape| {
        ops::random_uniform(&Expr::weak(interp.random.key()), shape, Attr::DType(DType::F64))
    };
    if replace {
        let steps = ops::cumulative_sum(&(&p / total), 0usize);
        // Rounding may leave the last step below 1: then the last one with a weight is meant.
        let last = weights.iter().rposition(|&w| w > 0.0).unwrap_or(0) as i64;
        let at = ops::searchsorted(&steps, &uniform(interp, shape), "right");
        return ops::arrange::checked(ops::minimum(&at, &Expr::weak(last)));
    }
    if shape.size() > possible {
        return Err(Fault::new(format!("choice: {} different ones, but only {possible} have a weight", shape.size()))
            .side(3, "has zeros"));
    }
    let u = uniform(interp, &Shape::new(&[n]));
    let score = ops::log(&p) - ops::log(&-ops::log(&(1.0 - u)));
    ops::arrange::checked(head(&ops::argsort(&score, 0usize, true, true), shape))
}
