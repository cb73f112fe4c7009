//! Picking and putting: by arrays of indices, one after the other, at every n-th place.

use smallvec::SmallVec;

use super::*;
use crate::base::{DType, Fault, Result, Shape};
use crate::graph::prim::{Default, Rule};
use crate::graph::{Back, Body, Call, Index, Param, ParamKind, Types, Vjp};

const fn array(name: &'static str) -> Param {
    Param { name, kind: ParamKind::Array, default: Default::Required }
}
const fn int(name: &'static str) -> Param {
    Param { name, kind: ParamKind::Int, default: Default::Required }
}
const fn arrays(name: &'static str) -> Param {
    Param { name, kind: ParamKind::Arrays, default: Default::Required }
}

/// Elements of x at index arrays for its first axes; the index arrays have one shape.
pub static GATHER: Prim = Prim {
    name: "gather",
    params: &[array("x"), arrays("indices")],
    doc: "Elements at arrays of indices for the first axes: what `x[i, j]` calls.\n\n> gather([10, 20, 30], [2, 0])\n[30, 10]\n",
    dtype: |c| Ok(indexed(c, 1, c.ins[0].dtype())),
    shape: |c| {
        let b = index_shape(c, 1)?;
        Ok(b.iter().chain(c.ins[0].shape()[c.ins.len() - 1..].iter()).copied().collect())
    },
    body: Body::Index(Index::Gather),
    vjp: Vjp::Formula(|b| {
        let zero = zeros_like(&b.ins[0], b.g);
        let mut ins = vec![zero, b.g.clone()];
        ins.extend_from_slice(&b.ins[1..]);
        only_first(b, build(&SCATTER_ADD, &ins, Attrs::new()))
    }),
    rule: Rule::Words("x gets scatter_add(0, g, indices)"),
};

/// x with `v` at index arrays for its first axes.
pub static SCATTER: Prim = Prim {
    name: "scatter",
    params: &[array("x"), array("values"), arrays("indices")],
    doc: "x with values put at arrays of indices for its first axes; of equal indices the last wins.\n\n> scatter([10, 20, 30], [1], 0)\n[10, 0, 30]\n",
    dtype: |c| Ok(indexed(c, 2, c.ins[0].dtype())),
    shape: put_shape,
    body: Body::Index(Index::Set),
    vjp: Vjp::Formula(put_back),
    rule: Rule::Words(
        "x gets g with 0 where values were put, values gets gather(g, indices), 0 where a later value was put",
    ),
};

/// x with `v` added at index arrays for its first axes.
pub static SCATTER_ADD: Prim = Prim {
    name: "scatter_add",
    params: &[array("x"), array("values"), arrays("indices")],
    doc: "x with values added at arrays of indices for its first axes; equal indices add up.\n\n> scatter_add([0, 0, 0], [1, 1, 2], [1, 2, 3])\n[0, 3, 3]\n",
    dtype: |c| {
        let d = rule::meet(&c.ins[..2]);
        Ok(indexed(c, 2, if d == DType::Bool { DType::I64 } else { d }))
    },
    shape: put_shape,
    body: Body::Index(Index::Add),
    vjp: Vjp::Formula(|b| {
        let mut ins = vec![b.g.clone()];
        ins.extend_from_slice(&b.ins[2..]);
        let mut out = vec![None; b.ins.len()];
        out[0] = Some(b.g.clone());
        out[1] = b.wanted[1].then(|| build(&GATHER, &ins, Attrs::new()));
        out
    }),
    rule: Rule::Words("x gets g, values gets gather(g, indices)"),
};

/// Arrays one after the other along an axis that they have.
pub static JOIN: Prim = Prim {
    name: "concat",
    params: &[arrays("arrays"), Param { name: "axis", kind: ParamKind::Int, default: Default::Int(0) }],
    doc: "Arrays one after the other along an axis; with `axis=none` all elements of all of them in one axis.\n\n> concat(([1, 2], [3]))\n[1, 2, 3]\n> concat(([[1], [2]], [[3], [4]]), axis=1)\n[[1, 3], [2, 4]]\n> concat(([[1], [2]], [[3, 4]]), axis=none)\n[1, 2, 3, 4]\n",
    dtype: rule::any,
    shape: joined,
    body: Body::Index(Index::Join),
    vjp: Vjp::Formula(|b| {
        let axis = b.attrs[0].as_int() as usize;
        let mut start = 0usize;
        let mut out = Vec::with_capacity(b.ins.len());
        for (e, &wanted) in b.ins.iter().zip(b.wanted) {
            let n = e.shape()[axis];
            out.push(wanted.then(|| slice(b.g, axis, start, n, 1i64)));
            start += n;
        }
        out
    }),
    rule: Rule::Words("each array gets its piece of g"),
};

/// v at every `step`-th place of x along an axis, from `start`.
pub static PLACE: Prim = Prim {
    name: "place",
    params: &[array("x"), array("values"), int("axis"), int("start"), int("step")],
    doc: "x with values at every step-th place along one axis, from start: what `x[a:b:c] = v` calls.\n\n> place([0, 0, 0, 0], [1, 2], axis=0, start=1, step=2)\n[0, 1, 0, 2]\n",
    dtype: |c| Ok(Types::all(2, c.ins[0].dtype(), c.ins[0].dtype())),
    shape: placed,
    body: Body::Index(Index::Place),
    vjp: Vjp::Formula(|b| {
        let n = b.ins[1].shape()[b.attrs[0].as_int() as usize];
        let (axis, start, step) = (&b.attrs[0], &b.attrs[1], &b.attrs[2]);
        let zero = Expr::full(b.ins[1].shape().clone(), 0, b.g.dtype(), b.g.place());
        vec![
            b.wanted[0].then(|| place(b.g, &zero, axis, start, step)),
            b.wanted[1].then(|| slice(b.g, axis, start, n, step)),
        ]
    }),
    rule: Rule::Words("x gets g with 0 where values were put, values gets the elements of g at these places"),
};

pub(super) static ALL: &[&Prim] = &[&GATHER, &SCATTER, &SCATTER_ADD, &JOIN, &PLACE];

pub fn gather(x: &Expr, indices: &[Expr]) -> Expr {
    gather_of(x, indices, std::iter::empty())
}

/// As `gather`, where x is an array with its axes moved: a fault calls those that are indexed by these numbers.
pub fn gather_of(x: &Expr, indices: &[Expr], axes: impl Iterator<Item = usize>) -> Expr {
    let mut ins = vec![x.clone()];
    ins.extend_from_slice(indices);
    let axes: SmallVec<[i64; 4]> = axes.map(|k| k as i64).collect();
    let in_order = axes.iter().enumerate().all(|(i, &k)| i as i64 == k);
    build(&GATHER, &ins, if in_order { Attrs::new() } else { vec![Attr::Ints(axes)] })
}

pub fn scatter_add(x: &Expr, values: &Expr, indices: &[Expr]) -> Expr {
    let mut ins = vec![x.clone(), values.clone()];
    ins.extend_from_slice(indices);
    build(&SCATTER_ADD, &ins, Attrs::new())
}

pub fn join(arrays: &[Expr], axis: usize) -> Expr {
    build(&JOIN, arrays, vec![axis.into()])
}

pub fn place(x: &Expr, values: &Expr, axis: impl Into<Attr>, start: impl Into<Attr>, step: impl Into<Attr>) -> Expr {
    build(&PLACE, &[x.clone(), values.clone()], [axis.into(), start.into(), step.into()].into_iter().collect())
}

/// Data inputs of one dtype, index inputs i64.
fn indexed(c: &Call, data: usize, dtype: DType) -> Types {
    Types { ins: (0..c.ins.len()).map(|i| if i < data { dtype } else { DType::I64 }).collect(), out: dtype }
}

/// The one shape of the index arrays.
fn index_shape(c: &Call, first: usize) -> Result<Shape> {
    let (x, count) = (&c.ins[0], c.ins.len() - first);
    if count > x.rank() {
        return Err(Fault::new(format!(
            "{}: {} for {}",
            c.prim.name,
            crate::base::counted(count, "index"),
            crate::base::counted(x.rank(), "axis")
        ))
        .side(0, "has too few axes"));
    }
    let mut shape = Shape::scalar();
    for (i, e) in c.ins.iter().enumerate().skip(first) {
        if e.dtype() == DType::Bool || e.dtype().is_float() {
            let fault = Fault::new(format!("{}: an index must be made of ints, found {}", c.prim.name, e.type_name()));
            return Err(fault.side(i, "is not made of ints"));
        }
        shape = shape.broadcast(e.shape()).ok_or_else(|| {
            Fault::new(format!("{}: index shapes {shape} and {} do not fit together", c.prim.name, e.shape()))
                .side(i, "does not fit")
        })?;
    }
    Ok(shape)
}

fn put_shape(c: &mut Call) -> Result<Shape> {
    let b = index_shape(c, 2)?;
    let x = c.ins[0].shape().clone();
    let want: Shape = b.iter().chain(x[c.ins.len() - 2..].iter()).copied().collect();
    let v = c.ins[1].shape();
    if v.broadcast(&want).as_ref() != Some(&want) {
        let fault =
            Fault::new(format!("{}: values of shape {v} do not fit the selection of shape {want}", c.prim.name));
        return Err(fault.side(1, format!("must stretch to {want}")));
    }
    Ok(x)
}

/// The cotangent is cut out where values were put, and read there for the values.
fn put_back(b: &Back) -> Vec<Option<Expr>> {
    let mut out = vec![None; b.ins.len()];
    if b.wanted[0] {
        let mut ins = vec![b.g.clone(), Expr::weak(0.0)];
        ins.extend_from_slice(&b.ins[2..]);
        out[0] = Some(build(&SCATTER, &ins, Attrs::new()));
    }
    if b.wanted[1] {
        out[1] = Some(last_writers(b));
    }
    out
}

/// Of equal indices only the last one's value is in the result, and only it has a cotangent.
fn last_writers(b: &Back) -> Expr {
    let indices = &b.ins[2..];
    let picked = gather(b.g, indices);
    let count: Shape = picked.shape()[..picked.rank() - (b.ins[0].rank() - indices.len())].iter().copied().collect();
    let order = iota(&Expr::weak(0i64), &Expr::weak(1i64), &count);
    let axes: Shape = b.ins[0].shape()[..indices.len()].iter().copied().collect();
    let mut ins = vec![Expr::full(axes, 0, DType::I64, b.g.place()), order.clone()];
    ins.extend_from_slice(indices);
    let winner = gather(&build(&SCATTER, &ins, Attrs::new()), indices);
    let mut wide = count.clone();
    wide.0.extend(std::iter::repeat_n(1, picked.rank() - count.rank()));
    where_(&reshape(&equal(&winner, &order), &wide), &picked, &Expr::weak(0.0))
}

fn only_first(b: &Back, e: Expr) -> Vec<Option<Expr>> {
    let mut out = vec![None; b.ins.len()];
    out[0] = Some(e);
    out
}

fn joined(c: &mut Call) -> Result<Shape> {
    let Some(first) = c.ins.first() else {
        return Err(Fault::new(format!("{}: expected at least one array, found none", c.prim.name)));
    };
    if first.rank() == 0 {
        let fault = Fault::new(format!("{}: single numbers have no axis to join along", c.prim.name));
        return Err(fault.hint("stack makes an array of numbers"));
    }
    let mut shape = rule::one_axis(c)?;
    let axis = c.attr("axis").as_int() as usize;
    for (i, e) in c.ins.iter().enumerate().skip(1) {
        let fits = e.rank() == shape.rank() && (0..shape.rank()).all(|k| k == axis || e.shape()[k] == shape[k]);
        if !fits {
            let what = format!(
                "{}: shapes {} and {} differ in more than axis {axis}",
                c.prim.name,
                c.ins[0].shape(),
                e.shape()
            );
            return Err(Fault::new(what).side(i, "does not fit the arrays before it"));
        }
        shape[axis] += e.shape()[axis];
    }
    Ok(shape)
}

fn placed(c: &mut Call) -> Result<Shape> {
    let shape = rule::one_axis(c)?;
    let axis = c.attr("axis").as_int() as usize;
    let (start, step) = (c.attr("start").as_int(), c.attr("step").as_int());
    let v = c.ins[1].shape();
    let n = if v.rank() == shape.rank() { v[axis] as i64 } else { -1 };
    let size = shape[axis] as i64;
    let last = start + (n - 1).max(0) * step;
    let fits = n >= 0 && (0..shape.rank()).all(|k| k == axis || v[k] == shape[k]);
    if !fits || (n > 0 && !(0 <= start && start < size && 0 <= last && last < size)) {
        return Err(
            Fault::new(format!("place: values of shape {v} do not fit into {shape} there")).side(1, "does not fit")
        );
    }
    Ok(shape)
}
