//! The backward pass: from a result back to the values it was computed from.
//!
//! In: a result, the variables, a seed cotangent. Out: one cotangent per variable, as ordinary expressions: they
//! fuse with the forward pass and have gradients themselves. The tape is the graph: marked nodes kept their inputs.

use std::collections::HashMap;

use crate::base::{Fault, Result, Shape};
use crate::graph::{Back, Expr, Ins, Marks, Vjp};
use crate::ops;

/// The cotangents of `wrt` given that of `out`; `None` where `out` does not depend on it.
/// `level` is the mark of the derivative being taken.
pub fn backward(out: &Expr, seed: &Expr, wrt: &[Expr], level: Marks) -> Result<Vec<Option<Expr>>> {
    let mut order = tape(out, wrt, level);
    let mut cotangents: HashMap<usize, Expr> = HashMap::from([(out.id(), seed.clone())]);
    while let Some((e, ins)) = order.pop() {
        if wrt.iter().any(|w| w.same(&e)) {
            continue;
        }
        let Some(g) = cotangents.remove(&e.id()) else { continue };
        step(&e, &ins, &g, level, &mut cotangents)?;
    }
    Ok(wrt.iter().map(|w| cotangents.get(&w.id()).cloned()).collect())
}

/// Passes the cotangent of one node on to its inputs.
fn step(e: &Expr, ins: &[Expr], g: &Expr, level: Marks, cotangents: &mut HashMap<usize, Expr>) -> Result<()> {
    let formula = match &e.prim().vjp {
        Vjp::Zero => return Ok(()),
        Vjp::None(why) => return Err(Fault::new(format!("{} has no gradient: {why}", e.prim().name))),
        Vjp::Formula(formula) => formula,
    };
    let wanted: Vec<bool> = ins.iter().map(|i| i.node().marks.reaches(level) && i.dtype().is_float()).collect();
    if !wanted.contains(&true) {
        return Ok(());
    }
    let parts = formula(&Back { g, ins, y: e, attrs: e.attrs(), wanted: &wanted });
    for ((input, part), wanted) in ins.iter().zip(parts).zip(wanted) {
        let (Some(part), true) = (part, wanted) else { continue };
        if let Some(fault) = part.fault() {
            return Err(fault);
        }
        let part = unbroadcast(&part, input.shape());
        let part = if part.dtype() == input.dtype() { part } else { crate::graph::cast(&part, input.dtype())? };
        let total = match cotangents.remove(&input.id()) {
            Some(sum) => &sum + &part,
            None => part,
        };
        cotangents.insert(input.id(), total);
    }
    Ok(())
}

/// The marked nodes below `out` and their inputs, each after its inputs. Iterative: a tape may be a hundred thousand
/// long. The inputs are held here because the derivative is closed by now: a node that is realised while the walk
/// goes on (a formula looks at a value, a long chain is forced) lets its own go.
fn tape(out: &Expr, wrt: &[Expr], level: Marks) -> Vec<(Expr, Ins)> {
    let mut order: Vec<(Expr, Ins)> = vec![];
    let mut seen: HashMap<usize, bool> = HashMap::new();
    let mut stack = vec![(out.clone(), false)];
    while let Some((e, done)) = stack.pop() {
        if done {
            let ins = e.ins();
            order.push((e, ins));
            continue;
        }
        if !e.node().marks.reaches(level) || seen.insert(e.id(), true).is_some() {
            continue;
        }
        stack.push((e.clone(), true));
        if wrt.iter().any(|w| w.same(&e)) {
            continue;
        }
        e.with_ins(|ins| stack.extend(ins.iter().map(|i| (i.clone(), false))));
    }
    order
}

/// What broadcasting repeated is summed: the one place where it is undone, so that no formula has to.
pub fn unbroadcast(g: &Expr, shape: &Shape) -> Expr {
    if g.shape() == shape {
        return g.clone();
    }
    let skip = g.rank().saturating_sub(shape.rank());
    let stretched = |k: usize| k < skip || (shape[k - skip] == 1 && g.shape()[k] != 1);
    let axes: Vec<usize> = (0..g.rank()).filter(|&k| stretched(k)).collect();
    if axes.is_empty() && g.size() < shape.size() {
        // A formula may give a smaller cotangent that stands for each element, such as a number.
        return ops::broadcast_to(g, shape);
    }
    let summed = if axes.is_empty() { g.clone() } else { ops::sum(g, &axes[..], true) };
    if summed.rank() != shape.rank() || summed.shape() != shape {
        let fits = summed.size() == shape.size();
        return if fits { ops::reshape(&summed, shape) } else { ops::broadcast_to(&summed, shape) };
    }
    summed
}

/// Whether `out` was computed from `x` under this derivative.
pub fn depends(out: &Expr, x: &Expr, level: Marks) -> bool {
    tape(out, std::slice::from_ref(x), level).iter().any(|(e, _)| e.same(x))
}
