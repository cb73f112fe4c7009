//! The derivatives themselves, of a run at a value.
//!
//! grad and vjp walk the tape back once, jacobian and hessian once per element of the result. jvp is the vjp of the vjp:
//! u ↦ J'u is linear, and its transpose is J. hvp is the gradient of (gradient · v).

use super::Run;
use super::custom;
use super::leaves::{Leaf, arrays, finish, mark, rebuild, result};
use crate::base::{DType, Fault, Result, Shape, counted, interrupt};
use crate::grad;
use crate::graph::apply::convert;
use crate::graph::{Attr, Expr, Level, Marks, alias, engine, tape};
use crate::lang::code::FormKind;
use crate::lang::eval::is_callable;
use crate::lang::interp::Interp;
use crate::lang::stack;
use crate::lang::value::Value;
use crate::ops;

/// Where to differentiate.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub x: &'a Value,
    /// It is a tuple of variables, every one of which must be used.
    pub each: bool,
}

impl Interp {
    /// A derivative of a run at x.
    pub(super) fn derive(&mut self, kind: FormKind, x: At, v: Option<&Value>, run: Run) -> Result<Value> {
        match kind {
            FormKind::Grad => Ok(self.value_and_grad(kind, x, run)?.1),
            FormKind::ValueAndGrad => {
                let (value, grad) = self.value_and_grad(kind, x, run)?;
                Ok(Value::tuple(vec![value, grad]))
            }
            FormKind::Vjp => self.vjp(x, v.unwrap_or(&Value::None), run),
            FormKind::Jvp => self.jvp(x, v.unwrap_or(&Value::None), run),
            FormKind::Hvp => self.hvp(x, v.unwrap_or(&Value::None), run),
            FormKind::Jacobian => self.jacobian(x, run),
            FormKind::Hessian => self.hessian(x, run),
            FormKind::Gradcheck => self.gradcheck(x, run),
        }
    }

    fn value_and_grad(&mut self, kind: FormKind, at: At, run: Run) -> Result<(Value, Value)> {
        let x = at.x;
        let level = Level::open()?;
        let (leaves, out) = self.recorded(x, &level, run)?;
        let y = one_number(kind, &out)?;
        uses_any(&y, &leaves, at, &level)?;
        level.close();
        let grads = self.back(&y, &ones(&y), &leaves, level.mark())?;
        drop(level);
        Ok((finish(&out)?, structure(x, &leaves, &grads)?))
    }

    /// Marks x and runs.
    fn recorded(&mut self, x: &Value, level: &Level, run: Run) -> Result<(Vec<Leaf>, Value)> {
        let mut leaves = vec![];
        let marked = mark(x, level, &mut leaves)?;
        if leaves.is_empty() {
            return Err(Fault::new(format!("expected numbers or arrays to differentiate by, found {}", x.article())));
        }
        let out = run(self, &marked)?;
        Ok((leaves, out))
    }

    /// The cotangents of the leaves; zeros where the result does not depend on one.
    fn back(&mut self, y: &Expr, seed: &Expr, leaves: &[Leaf], level: Marks) -> Result<Vec<Expr>> {
        let mut wrt: Vec<Expr> = leaves.iter().map(|l| l.expr.clone()).collect();
        wrt.extend(leaves.iter().filter_map(|l| l.tracked.clone()));
        self.mark(self.form);
        let found = custom::lend(self, || grad::backward(y, seed, &wrt, level))?;
        let (own, tracked) = found.split_at(leaves.len());
        let mut tracked = tracked.iter();
        let mut out = Vec::with_capacity(leaves.len());
        for (leaf, g) in leaves.iter().zip(own) {
            let before = if leaf.tracked.is_some() { tracked.next().cloned().flatten() } else { None };
            out.push(match (g, before) {
                (Some(a), Some(b)) => a + &b,
                (Some(a), None) => a.clone(),
                (None, Some(b)) => b,
                (None, None) => zeros(&leaf.expr),
            });
        }
        Ok(out)
    }

    fn vjp(&mut self, at: At, v: &Value, run: Run) -> Result<Value> {
        let x = at.x;
        let level = Level::open()?;
        let (leaves, out) = self.recorded(x, &level, run)?;
        let y = one_array(FormKind::Vjp, &out)?;
        uses_any(&y, &leaves, at, &level)?;
        let seed = vector_like(FormKind::Vjp, v, &y, (0, "the result"))?;
        level.close();
        let grads = self.back(&y, &seed, &leaves, level.mark())?;
        drop(level);
        structure(x, &leaves, &grads)
    }

    fn jvp(&mut self, at: At, v: &Value, run: Run) -> Result<Value> {
        let x = at.x;
        let outer = Level::open()?;
        let inner = Level::open()?;
        let (leaves, out) = self.recorded(x, &inner, run)?;
        let y = one_array(FormKind::Jvp, &out)?;
        uses_any(&y, &leaves, at, &inner)?;
        let vectors = vectors_like(FormKind::Jvp, v, &leaves)?;
        inner.close();
        let u = alias(&zeros(&y), outer.mark());
        let grads = self.back(&y, &u, &leaves, inner.mark())?;
        let s = dot(&grads, &vectors);
        drop(inner);
        outer.close();
        let leaf = [Leaf { expr: u, tracked: None }];
        let tangent = self.back(&s, &ones(&s), &leaf, outer.mark())?;
        drop(outer);
        result(&tangent[0], y.is_weak())
    }

    fn hvp(&mut self, at: At, v: &Value, run: Run) -> Result<Value> {
        let x = at.x;
        let outer = Level::open()?;
        let mut leaves = vec![];
        let marked = mark(x, &outer, &mut leaves)?;
        let inner = Level::open()?;
        let (inner_leaves, out) = self.recorded(&marked, &inner, run)?;
        let y = one_number(FormKind::Hvp, &out)?;
        uses_any(&y, &inner_leaves, at, &inner)?;
        let vectors = vectors_like(FormKind::Hvp, v, &leaves)?;
        inner.close();
        let grads = self.back(&y, &ones(&y), &inner_leaves, inner.mark())?;
        let s = dot(&grads, &vectors);
        drop(inner);
        outer.close();
        let products = self.back(&s, &ones(&s), &leaves, outer.mark())?;
        drop(outer);
        structure(x, &leaves, &products)
    }

    fn jacobian(&mut self, at: At, run: Run) -> Result<Value> {
        let x = at.x;
        let level = Level::open()?;
        let (leaves, out) = self.recorded(x, &level, run)?;
        let y = one_array(FormKind::Jacobian, &out)?;
        uses_any(&y, &leaves, at, &level)?;
        level.close();
        let blocks = self.rows(&y, &leaves, level.mark())?;
        drop(level);
        structure(x, &leaves, &blocks)
    }

    /// Per leaf, the derivative of every element of y: shape of y, then of the leaf.
    fn rows(&mut self, y: &Expr, leaves: &[Leaf], level: Marks) -> Result<Vec<Expr>> {
        let n = y.size();
        let mut rows: Vec<Vec<Expr>> = leaves.iter().map(|_| Vec::with_capacity(n)).collect();
        for k in 0..n {
            interrupt::check()?;
            let grads = self.back(y, &one_hot(y, k)?, leaves, level)?;
            if !tape::recording() || grads.iter().all(|g| !g.node().marks.live()) {
                engine::force(&grads)?;
            }
            rows.iter_mut().zip(grads).for_each(|(row, g)| row.push(g));
        }
        let mut out = vec![];
        for (leaf, row) in leaves.iter().zip(rows) {
            let shape: Shape = y.shape().iter().chain(leaf.expr.shape().iter()).copied().collect();
            let stacked = match row.is_empty() {
                true => Expr::full(shape.clone(), 0, leaf.expr.dtype(), leaf.expr.place()),
                false => stack::stack_exprs(&row)?,
            };
            let block = ops::reshape(&stacked, &shape);
            out.push(block.fault().map_or(Ok(block), Err)?);
        }
        Ok(out)
    }

    fn hessian(&mut self, at: At, run: Run) -> Result<Value> {
        let x = at.x;
        let outer = Level::open()?;
        let mut leaves = vec![];
        let marked = mark(x, &outer, &mut leaves)?;
        let inner = Level::open()?;
        let (inner_leaves, out) = self.recorded(&marked, &inner, run)?;
        let y = one_number(FormKind::Hessian, &out)?;
        uses_any(&y, &inner_leaves, at, &inner)?;
        inner.close();
        let grads = self.back(&y, &ones(&y), &inner_leaves, inner.mark())?;
        drop(inner);
        outer.close();
        let mut blocks = vec![];
        for g in &grads {
            blocks.push(self.rows(g, &leaves, outer.mark())?);
        }
        drop(outer);
        let rows: Vec<Value> = blocks.iter().map(|row| structure(x, &leaves, row)).collect::<Result<_>>()?;
        Ok(rebuild(x, &mut rows.into_iter()))
    }

    /// `true`, or a fault that says where the gradient and finite differences part.
    fn gradcheck(&mut self, at: At, run: Run) -> Result<Value> {
        let x = at.x;
        let (_, grad) = self.value_and_grad(FormKind::Gradcheck, at, run)?;
        let (xs, grads) = (arrays(x)?, arrays(&grad)?);
        for (k, (e, g)) in xs.iter().zip(&grads).enumerate() {
            let single = e.dtype() == DType::F32;
            let (values, exact) = (e.host()?.to_f64s()?, g.host()?.to_f64s()?);
            for (i, (&at, &exact)) in values.iter().zip(&exact).enumerate() {
                interrupt::check()?;
                let h = if single { 4e-3 } else { 6e-6 } * at.abs().max(1.0);
                let mut probe = |interp: &mut Interp, to: f64| -> Result<f64> {
                    let mut moved = values.clone();
                    moved[i] = to;
                    let v = replaced(x, k, &moved)?;
                    run(interp, &v)?.to_float()
                };
                let (up, down) = (probe(self, at + h)?, probe(self, at - h)?);
                let numeric = (up - down) / (2.0 * h);
                let tolerance = if single { 2e-2 } else { 1e-5 };
                let scale = exact.abs().max(numeric.abs()).max(1.0);
                if (exact - numeric).abs() > tolerance * scale || exact.is_nan() != numeric.is_nan() {
                    let what =
                        format!("gradcheck: at element {i} the gradient is {exact}, finite differences give {numeric}");
                    return Err(Fault::new(what).hint("a kink or a step there explains it; else the gradient is wrong"));
                }
            }
        }
        Ok(Value::Bool(true))
    }

    /// A derivative of a function: at its argument, or without one the function that takes it.
    pub(super) fn derive_function(&mut self, kind: FormKind, f: Value, args: Vec<Value>) -> Result<Value> {
        if args.is_empty() {
            let name = kind.name();
            return Ok(crate::lang::function::Function::made(name, move |interp, args| {
                if args.is_empty() {
                    return Err(Fault::new(format!("{name}: the argument to differentiate at is missing")));
                }
                interp.derive_function(kind, f.clone(), args)
            }));
        }
        let mut args = args.into_iter();
        let x = args.next().unwrap_or(Value::None);
        let mut rest: Vec<Value> = args.collect();
        let vector = match kind {
            FormKind::Vjp | FormKind::Jvp | FormKind::Hvp => Some(
                rest.pop()
                    .ok_or_else(|| Fault::new(format!("{0}: the vector is missing: {0}(f, x, v)", kind.name())))?,
            ),
            _ => None,
        };
        let mut run = |interp: &mut Interp, x: &Value| {
            let mut all = vec![x.clone()];
            all.extend(rest.iter().cloned());
            interp.call(&f, all)
        };
        let done = self.derive(kind, At { x: &x, each: false }, vector.as_ref(), &mut run);
        done.map_err(|mut fault| {
            fault.message =
                fault.message.replace("the expression does not use {x}", "the function does not use its argument");
            for hint in &mut fault.hints {
                *hint = hint.replace("{expr}", "f(x)").replace("{x}", "x");
            }
            fault
        })
    }
}

/// The result of an expression that must be one number.
fn one_number(kind: FormKind, out: &Value) -> Result<Expr> {
    let name = kind.name();
    let e = one_array(kind, out)?;
    if e.size() == 1 {
        return Ok(e);
    }
    let fault = Fault::new(format!("{name}: expected one number to differentiate, found {}", e.type_name()));
    Err(fault
        .hint(format!("add it up: {name}(sum({{expr}}), {{x}})"))
        .hint("for the derivative of every element: jacobian({expr}, {x})"))
}

fn one_array(kind: FormKind, out: &Value) -> Result<Expr> {
    let name = kind.name();
    let e = match out {
        Value::Array(_) | Value::Int(_) | Value::Float(_) | Value::Range(_) => out.to_expr()?,
        v if is_callable(v) => return Err(Fault::new(format!("{name}: found a function"))),
        v => {
            return Err(Fault::new(format!(
                "{name}: expected a number or an array to differentiate, found {}",
                v.article()
            )));
        }
    };
    if !e.dtype().is_float() && matches!(out, Value::Array(_)) && e.node().marks.live() {
        let fault = Fault::new(format!("{name}: {} has no derivative: it goes in steps", e.type_name()));
        return Err(fault.hint("differentiate something that is made of floats"));
    }
    Ok(e)
}

/// "Does not use x" is a fault, never a silent zero; of what was read but went into steps or constants it is zero. In a tuple of variables every one must be used.
fn uses_any(y: &Expr, leaves: &[Leaf], at: At, level: &Level) -> Result<()> {
    let used = |leaf: &Leaf| {
        leaf.expr.node().read.get()
            || grad::depends(y, &leaf.expr, level.mark())
            || leaf.tracked.as_ref().is_some_and(|t| grad::depends(y, t, level.mark()))
    };
    let groups: Vec<usize> = match at.x {
        Value::Tuple(t) if at.each => t.iter().map(|v| arrays(v).map_or(0, |a| a.len())).collect(),
        _ => vec![leaves.len()],
    };
    let mut rest = leaves;
    for (k, n) in groups.iter().enumerate() {
        let (group, after) = rest.split_at((*n).min(rest.len()));
        rest = after;
        if !group.is_empty() && !group.iter().any(used) {
            let which = if groups.len() > 1 { format!(" (number {} of them)", k + 1) } else { String::new() };
            return Err(Fault::new(format!("the expression does not use {{x}}{which}")));
        }
    }
    Ok(())
}

/// The cotangent that starts a walk back.
fn ones(y: &Expr) -> Expr {
    Expr::full(y.shape().clone(), convert(1.0f64.to_bits(), DType::F64, float_of(y)), float_of(y), y.place())
}

fn zeros(e: &Expr) -> Expr {
    Expr::full(e.shape().clone(), 0, float_of(e), e.place())
}

fn float_of(e: &Expr) -> DType {
    if e.dtype().is_float() { e.dtype() } else { DType::F64 }
}

fn one_hot(y: &Expr, k: usize) -> Result<Expr> {
    let mut data = vec![0.0f64; y.size()];
    data[k] = 1.0;
    let e = Expr::from_slice(y.shape(), &data)?;
    crate::graph::relocate(&crate::graph::cast(&e, float_of(y))?, y.place())
}

/// The vector of a product, of the shape of another argument or its result, which the words name.
fn vector_like(kind: FormKind, v: &Value, y: &Expr, (side, words): (usize, &str)) -> Result<Expr> {
    let bad = |f: Fault| Fault::new(format!("{}: the vector: {}", kind.name(), f.message)).side(2, "is no vector");
    let e = v.to_expr().map_err(bad)?;
    if e.shape() != y.shape() {
        let (name, want, found) = (kind.name(), y.shape(), e.shape());
        let fault = Fault::new(format!("{name}: the vector must have the shape of {words}, {want}, found {found}"));
        return Err(fault.side(2, format!("has shape {found}")).side(side, format!("has shape {want}")));
    }
    crate::graph::cast(&e, float_of(y))
}

/// The vectors of a product, one per leaf.
fn vectors_like(kind: FormKind, v: &Value, leaves: &[Leaf]) -> Result<Vec<Expr>> {
    let given = arrays(v)?;
    if given.len() != leaves.len() {
        let what = format!(
            "{}: the vector must be made like x: expected {}, found {}",
            kind.name(),
            counted(leaves.len(), "array"),
            given.len()
        );
        return Err(Fault::new(what).side(2, format!("holds {}", counted(given.len(), "array"))));
    }
    let like = |(e, leaf): (&Expr, &Leaf)| vector_like(kind, &Value::Array(e.clone()), &leaf.expr, (1, "x"));
    given.iter().zip(leaves).map(like).collect()
}

/// The sum of all products.
fn dot(a: &[Expr], b: &[Expr]) -> Expr {
    let parts = a.iter().zip(b).map(|(a, b)| ops::sum(&(a * b), Attr::None, false));
    parts.reduce(|a, b| a + b).unwrap_or_else(|| Expr::weak(0.0))
}

/// One derivative per leaf in the structure of x.
fn structure(x: &Value, leaves: &[Leaf], parts: &[Expr]) -> Result<Value> {
    let values: Vec<Value> =
        leaves.iter().zip(parts).map(|(leaf, e)| result(e, leaf.expr.is_weak())).collect::<Result<_>>()?;
    Ok(rebuild(x, &mut values.into_iter()))
}

/// x with the elements of its array number k replaced.
fn replaced(x: &Value, k: usize, elements: &[f64]) -> Result<Value> {
    let mut at = 0;
    super::leaves::map_arrays(x, &mut |e| {
        at += 1;
        if at - 1 != k {
            return Ok(e.clone());
        }
        if e.is_weak() {
            return Ok(Expr::weak(elements[0]));
        }
        let new = Expr::from_slice(e.shape(), elements)?;
        crate::graph::relocate(&crate::graph::cast(&new, float_of(e))?, e.place())
    })
}
