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

    /// Uniform random numbers in [low, high).
    ///
    /// > all(uniform(2, 3, size=100) >= 2)
    /// true
    "uniform(low=0.0, high=1.0, size=(), dtype=none, device=none)" => |interp, a| {
        let kind = a.kind(3, 4, DType::F64)?;
        let u = draw(&a, interp, a.sizes(2)?, kind, ops::random_uniform)?.to_expr()?;
        let (low, high) = (a.expr(0)?, a.expr(1)?);
        done(&low + (&high - &low) * u)
    };

    /// Normal random numbers of a mean and a standard deviation.
    ///
    /// > normal(10, 0.1, size=(2, 2)).shape
    /// (2, 2)
    "normal(mean=0.0, std=1.0, size=(), dtype=none, device=none)" => |interp, a| {
        let kind = a.kind(3, 4, DType::F64)?;
        let n = draw(&a, interp, a.sizes(2)?, kind, ops::random_normal)?.to_expr()?;
        done(a.expr(0)? + a.expr(1)? * n)
    };

    /// Random ints from low up to but without high; with one bound, from 0.
    ///
    /// > all(randint(1, 7, size=100) <= 6)
    /// true
    "randint(low, high=none, size=(), device=none)" => |interp, a| {
        let (low, high) = if a.get(1).is_none() { (0, a.int(0)?) } else { (a.int(0)?, a.int(1)?) };
        let place = a.place(3)?.unwrap_or(Place::Array);
        let shape = a.sizes(2)?;
        done(relocate(&ints(interp, low, high, &shape)?, place)?)
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

fn ints(interp: &mut Interp, low: i64, high: i64, shape: &Shape) -> Result<Expr> {
    let span = high as i128 - low as i128;
    if span <= 0 || span > i64::MAX as i128 {
        return Err(Fault::new(format!("randint: there are no ints from {low} up to {high}"))
            .hint("the first bound must be the smaller one"));
    }
    let bits = ops::random_bits(&Expr::weak(interp.random.key()), shape);
    ops::arrange::checked(ops::remainder(&bits, &Expr::weak(span as i64)) + Expr::weak(low))
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
