//! Steps of random graphs: the ops that every check of whole graphs is made of.

use nevel::graph::{Attr, Expr};
use nevel::ops;

/// One step of a random graph: which op, on which earlier values.
#[derive(Clone, Debug)]
pub struct Move {
    pub op: usize,
    pub a: usize,
    pub b: usize,
    pub k: usize,
}

/// Ops 0 to 13 on two earlier values; `None` where they do not fit.
pub fn step(m: &Move, a: &Expr, b: &Expr) -> Option<Expr> {
    let fits = a.shape().broadcast(b.shape()).is_some();
    match m.op {
        0 if fits => Some(a + b),
        1 if fits => Some(a * b),
        2 if fits => Some(ops::maximum(a, b)),
        3 => Some(ops::tanh(a)),
        4 => Some(-a),
        5 if a.rank() > 0 => Some(ops::sum(a, m.k % a.rank(), m.b.is_multiple_of(2))),
        6 if a.rank() > 0 => Some(ops::max(a, m.k % a.rank(), true)),
        7 if a.rank() > 1 => {
            let mut order: Vec<usize> = (0..a.rank()).collect();
            order.rotate_left(m.k % a.rank());
            Some(ops::permute_dims(a, &order[..]))
        }
        8 => Some(ops::flip(a, Attr::None)),
        9 => Some(ops::reshape(a, Attr::ints([-1]))),
        10 if a.rank() > 0 && a.shape()[0] > 1 => Some(ops::slice(a, 0usize, 1usize, a.shape()[0] - 1, 1i64)),
        11 if a.rank() > 0 => Some(ops::cumulative_sum(a, m.k % a.rank())),
        12 if a.rank() > 0 => Some(ops::join(&[a.clone(), ops::flip(a, 0usize)], m.k % a.rank())),
        13 if a.rank() == 2 && b.rank() == 2 && a.shape()[1] == b.shape()[1] => Some(ops::matmul(a, &ops::swap(b))),
        _ => None,
    }
}
