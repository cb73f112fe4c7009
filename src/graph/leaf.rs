//! Records of the nodes that no call makes: data, and a value seen again.

use super::prim::*;
use crate::base::{DType, Layout, Shape};

/// A realised array.
pub static DATA: Prim = Prim {
    name: "data",
    params: &[],
    doc: "",
    dtype: |_| Ok(Types::all(0, DType::F64, DType::F64)),
    shape: |_| Ok(Shape::scalar()),
    body: Body::Leaf(Leaf::Data),
    vjp: Vjp::Zero,
    rule: Rule::Words(""),
};

static X: [Param; 1] = [Param { name: "x", kind: ParamKind::Array, default: Default::Required }];

/// The same value as a node of its own: a derivative's variable, or a value cut from its tape.
pub static ALIAS: Prim = Prim {
    name: "alias",
    params: &X,
    doc: "",
    dtype: |c| Ok(Types::all(1, c.ins[0].dtype(), c.ins[0].dtype())),
    shape: |c| Ok(c.ins[0].shape().clone()),
    body: Body::View(|layout: &Layout, _, _| Some(layout.clone())),
    vjp: Vjp::Formula(|b| vec![Some(b.g.clone())]),
    rule: Rule::Words("x gets g"),
};
