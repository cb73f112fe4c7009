//! Literals: the nodes of numbers that are written beside an array, as in `x * 2`.
//!
//! In: a number's bits, the dtype of its kind, the dtype of the array that it meets. Out: its node, one for all places where it
//! is written, from a table: making and dropping a node for each costs as much as that of the operation. That
//! nobody can tell: a trace makes an item of every place (`Node::literal`), so that which plan fits a graph does not depend on
//! which numbers in it are equal.

use std::cell::RefCell;

use super::apply::convert;
use super::expr::Expr;
use super::place::Place;
use crate::base::{DType, Shape};

/// Numbers that are remembered; a newcomer takes the place of whoever had it.
const PLACES: usize = 64;

struct Known {
    bits: u64,
    from: DType,
    to: DType,
    node: Expr,
}

thread_local! {
    static KNOWN: RefCell<[Option<Known>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// A number of dtype `from` without a dtype of its own, beside an array of dtype `to`.
pub(super) fn literal(bits: u64, from: DType, to: DType) -> Expr {
    let place = (bits ^ (bits >> 32) ^ (to as u64) << 3).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58;
    KNOWN.with_borrow_mut(|known| {
        let known = &mut known[place as usize];
        match known {
            Some(k) if k.bits == bits && k.from == from && k.to == to => k.node.clone(),
            _ => {
                let node = if from == to {
                    Expr::weak_bits(bits, from)
                } else {
                    Expr::full(Shape::scalar(), convert(bits, from, to), to, Place::Array)
                };
                let node = node.into_literal();
                *known = Some(Known { bits, from, to, node: node.clone() });
                node
            }
        }
    })
}
