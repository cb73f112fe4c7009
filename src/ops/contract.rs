//! Matrix products.

use super::*;
use crate::base::{Fault, Result, Shape};
use crate::graph::Call;
use crate::prims;

prims! {
    /// Matrix product over the last two axes, leading axes broadcast together; one axis means a vector.
    ///
    /// > matmul([[1, 2], [3, 4]], [1, 1])
    /// [3, 7]
    matmul(a, b) {
        dtype: rule::number,
        shape: product,
        contract: {},
        vjp(g, _) "a gets g @ b.mT, b gets a.mT @ g": [back_left(g, a, b), back_right(g, a, b)],
    }
}

fn product(c: &mut Call) -> Result<Shape> {
    let (a, b) = (c.ins[0].shape().clone(), c.ins[1].shape().clone());
    for (i, s) in [&a, &b].into_iter().enumerate() {
        if s.rank() == 0 {
            let fault = Fault::new("matmul: expected arrays with axes, found a single number");
            return Err(fault.side(i, "has no axes").hint("`*` multiplies by a number"));
        }
    }
    let (inner, other) = (a[a.rank() - 1], b[b.rank().saturating_sub(2)]);
    if inner != other {
        return Err(inner_differ(&a, &b, inner, other));
    }
    let batch = |s: &Shape| -> Shape { s[..s.rank().saturating_sub(2)].iter().copied().collect() };
    let Some(mut out) = batch(&a).broadcast(&batch(&b)) else {
        return Err(Fault::new(format!("matmul: the leading axes of {a} and {b} do not fit together"))
            .side(0, "leads with these axes")
            .side(1, "leads with other axes"));
    };
    if a.rank() > 1 {
        out.0.push(a[a.rank() - 2]);
    }
    if b.rank() > 1 {
        out.0.push(b[b.rank() - 1]);
    }
    Ok(out)
}

fn inner_differ(a: &Shape, b: &Shape, inner: usize, other: usize) -> Fault {
    let ordinal = if b.rank() <= 2 { "first axis".to_string() } else { "axis -2".to_string() };
    let fault = Fault::new(format!("matmul: the inner axes differ, {inner} and {other}"))
        .side(0, format!("its last axis is {inner}"))
        .side(1, format!("its {ordinal} is {other}"));
    let result = |m: usize, n: usize| format!("[{m}, {n}]");
    match (a.rank(), b.rank()) {
        (2, 2) if b[1] == inner => {
            fault.hint(format!("transpose the right side: {{0}} @ {{1}}.mT gives {}", result(a[0], b[0])))
        }
        (2, 2) if a[0] == other => {
            fault.hint(format!("transpose the left side: {{0}}.mT @ {{1}} gives {}", result(a[1], b[1])))
        }
        (2, 1) if a[0] == other => fault.hint("transpose the left side: {0}.mT @ {1}"),
        (1, 2) if b[1] == inner => fault.hint("transpose the right side: {0} @ {1}.mT"),
        _ => fault.hint(first_fit(a.rank(), b.rank(), inner, other)),
    }
}

/// How to take as much of the larger side as fits.
fn first_fit(a: usize, b: usize, inner: usize, other: usize) -> String {
    let (words, edit) = match (inner > other, a, b) {
        (true, 1, _) => (format!("{other} elements of the left"), format!("{{0}}[:{other}] @ {{1}}")),
        (true, ..) => (format!("{other} columns of the left"), format!("{{0}}[..., :{other}] @ {{1}}")),
        (false, _, 1) => (format!("{inner} elements of the right"), format!("{{0}} @ {{1}}[:{inner}]")),
        (false, _, 2) => (format!("{inner} rows of the right"), format!("{{0}} @ {{1}}[:{inner}]")),
        (false, ..) => (format!("{inner} rows of the right"), format!("{{0}} @ {{1}}[..., :{inner}, :]")),
    };
    format!("they must be the same; the first {words} side fit: {edit}")
}

/// The last two axes exchanged.
pub fn swap(x: &Expr) -> Expr {
    let r = x.rank();
    let mut order: Vec<usize> = (0..r).collect();
    order.swap(r - 1, r - 2);
    permute_dims(x, &order[..])
}

/// With an axis of size 1 put in at `at`.
pub fn expand(x: &Expr, at: usize) -> Expr {
    let mut shape = x.shape().clone();
    shape.0.insert(at, 1);
    reshape(x, &shape)
}

/// Cotangent with the axes that vectors left out put back.
fn full_rank(g: &Expr, a: &Expr, b: &Expr) -> Expr {
    let g = if b.rank() == 1 { expand(g, g.rank()) } else { g.clone() };
    if a.rank() == 1 { expand(&g, g.rank() - 1) } else { g }
}

fn back_left(g: &Expr, a: &Expr, b: &Expr) -> Expr {
    let b2 = if b.rank() == 1 { expand(b, 1) } else { b.clone() };
    let d = matmul(&full_rank(g, a, b), &swap(&b2));
    if a.rank() == 1 { drop_axis(&d, d.rank() - 2) } else { d }
}

fn back_right(g: &Expr, a: &Expr, b: &Expr) -> Expr {
    let a2 = if a.rank() == 1 { expand(a, 0) } else { a.clone() };
    let d = matmul(&swap(&a2), &full_rank(g, a, b));
    if b.rank() == 1 { drop_axis(&d, d.rank() - 1) } else { d }
}

fn drop_axis(x: &Expr, at: usize) -> Expr {
    let mut shape = x.shape().clone();
    shape.0.remove(at);
    reshape(x, &shape)
}
