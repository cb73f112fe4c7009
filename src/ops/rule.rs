//! Rules: the dtype and the shape of a result, shared by the declarations.
//!
//! Faults name sides by argument number; the evaluator turns them into labelled places.

use smallvec::{SmallVec, smallvec};

use crate::base::{DType, Fault, Kind, Result, Shape};
use crate::graph::{Attr, Call, Expr, Types};

/// The dtype that values of these expressions meet in (NEP 50 for weak numbers).
pub fn meet(ins: &[Expr]) -> DType {
    let strong = ins.iter().filter(|e| !e.is_weak()).map(|e| e.dtype()).reduce(DType::promote);
    let weak = ins.iter().filter(|e| e.is_weak()).map(|e| e.dtype().kind()).max();
    let float = ins.iter().map(|e| e.place()).max().map_or(DType::F64, |p| p.float());
    match (strong, weak) {
        (Some(d), Some(Kind::Float)) if !d.is_float() => float,
        (Some(d), Some(kind)) => d.meet_weak(kind),
        (Some(d), None) => d,
        (None, Some(Kind::Float)) => DType::F64,
        (None, Some(Kind::Int)) => DType::I64,
        _ => DType::Bool,
    }
}

/// As `meet`, bools counted as ints: what arithmetic does.
pub fn number(c: &Call) -> Result<Types> {
    let d = match meet(c.ins) {
        DType::Bool => DType::I64,
        d => d,
    };
    Ok(Types::all(c.ins.len(), d, d))
}

/// As `meet`, ints made floats: what functions of analysis do.
pub fn float(c: &Call) -> Result<Types> {
    let d = float_of(c.ins);
    Ok(Types::all(c.ins.len(), d, d))
}

/// The float dtype of these inputs together.
pub fn float_of(ins: &[Expr]) -> DType {
    let d = meet(ins);
    if d.is_float() { d } else { ins.iter().map(|e| e.place()).max().map_or(DType::F64, |p| p.float()) }
}

/// The dtype stays, whatever it is.
pub fn any(c: &Call) -> Result<Types> {
    let d = meet(c.ins);
    Ok(Types::all(c.ins.len(), d, d))
}

/// Inputs meet, the result is bool.
pub fn compare(c: &Call) -> Result<Types> {
    Ok(Types::all(c.ins.len(), meet(c.ins), DType::Bool))
}

/// Inputs are read as bools, and so is the result.
pub fn logic(c: &Call) -> Result<Types> {
    Ok(Types::all(c.ins.len(), DType::Bool, DType::Bool))
}

/// Bools or ints, the result alike.
pub fn bits(c: &Call) -> Result<Types> {
    let d = meet(c.ins);
    if d.is_float() {
        let at = c.ins.iter().position(|e| e.dtype().is_float()).unwrap_or(0);
        let fault = Fault::new(format!("{}: expected bools or ints, found {d}", c.prim.name));
        return Err(fault.side(at, "is not made of bools or ints").hint("compare first: x > 0 & y > 0"));
    }
    Ok(Types::all(c.ins.len(), d, d))
}

/// A condition, then two that meet.
pub fn select(c: &Call) -> Result<Types> {
    let d = meet(&c.ins[1..]);
    Ok(Types { ins: smallvec![DType::Bool, d, d], out: d })
}

/// Positions, from whatever can be compared.
pub fn position(c: &Call) -> Result<Types> {
    Ok(Types { ins: smallvec![c.ins[0].dtype()], out: DType::I64 })
}

/// All inputs stretched to one shape.
pub fn broadcast(c: &mut Call) -> Result<Shape> {
    let mut out = c.ins[0].shape().clone();
    for (i, e) in c.ins.iter().enumerate().skip(1) {
        out = match out.broadcast(e.shape()) {
            Some(shape) => shape,
            None => return Err(misfit(c.prim.name, c.ins, &out, i)),
        };
    }
    Ok(out)
}

/// Says which axis does not fit, and what would.
fn misfit(name: &str, ins: &[Expr], so_far: &Shape, at: usize) -> Fault {
    let (a, b) = (so_far, ins[at].shape());
    let rank = a.rank().min(b.rank());
    let clash = (1..=rank).find(|&k| {
        let (x, y) = (a[a.rank() - k], b[b.rank() - k]);
        x != y && x != 1 && y != 1
    });
    let k = clash.unwrap_or(1);
    let (x, y) = (a[a.rank() - k], b[b.rank() - k]);
    let place = match k {
        1 => "last axis".to_string(),
        _ => format!("axis -{k}"),
    };
    let mut fault = Fault::new(format!("{name}: shapes {a} and {b} do not fit together: {x} and {y} at the {place}"))
        .side(at - 1, format!("its {place} is {x}"))
        .side(at, format!("its {place} is {y}"));
    if a.rank() == 2 && b.rank() == 1 && a[0] == b[0] {
        fault = fault.hint(format!("make the right side a column: {{{at}}}[:, none] has shape [{}, 1]", b[0]));
    } else if b.rank() == 2 && a.rank() == 1 && a[0] == b[0] {
        fault = fault.hint(format!("make the left side a column: {{{}}}[:, none] has shape [{}, 1]", at - 1, a[0]));
    } else if a.rank() == 1 && b.rank() == 1 {
        fault = fault.hint(format!("for every pair, make one a column: {{{}}}[:, none] gives [{x}, {y}]", at - 1));
    } else if a.rank() == 2 && b.rank() == 2 && a[0] == b[1] && a[1] == b[0] {
        fault = fault.hint(format!("transpose the right side: {{{at}}}.T has shape {a}"));
    } else {
        fault = fault.hint("sizes must be equal or 1, counted from the last axis");
    }
    fault
}

/// The shape of the first input.
pub fn same(c: &mut Call) -> Result<Shape> {
    Ok(c.ins[0].shape().clone())
}

/// Attribute `axis` (one, several, or none for all) folded away; `keepdims` leaves size 1.
pub fn reduce(c: &mut Call) -> Result<Shape> {
    let shape = c.ins[0].shape().clone();
    let axes = axes_of(c.attr("axis"), &shape)?;
    let keep = c.attr("keepdims").as_bool();
    c.set("axis", Attr::axes(axes.iter().copied()));
    Ok(without(&shape, &axes, keep))
}

/// As `reduce`, refusing to fold nothing.
pub fn reduce_some(c: &mut Call) -> Result<Shape> {
    let out = reduce(c)?;
    let shape = c.ins[0].shape();
    let axes = c.attr("axis").as_sizes();
    if axes.iter().any(|&k| shape[k] == 0) && out.size() > 0 {
        let fault = Fault::new(format!("{}: there is nothing to choose from in shape {shape}", c.prim.name));
        return Err(fault.side(0, "has no elements along that axis"));
    }
    Ok(out)
}

/// `argmax` and its like: one axis, or all of them read as one.
pub fn reduce_arg(c: &mut Call) -> Result<Shape> {
    if c.attr("axis").as_ints().len() > 1 {
        let fault = Fault::new(format!("{}: takes one axis, found {}", c.prim.name, c.attr("axis")));
        return Err(fault.hint("leave `axis` out for the position in the flattened array"));
    }
    reduce_some(c)
}

/// Attribute `axis` as one axis in range.
pub fn one_axis(c: &mut Call) -> Result<Shape> {
    let shape = c.ins[0].shape().clone();
    let axis = shape.axis(c.attr("axis").as_int()).map_err(|f| f.side(0, "has that shape"))?;
    c.set("axis", Attr::Int(axis as i64));
    Ok(shape)
}

/// The axes an attribute names, positive, ascending, no axis twice; all of them for `none`.
pub fn axes_of(attr: &Attr, shape: &Shape) -> Result<SmallVec<[usize; 4]>> {
    if attr.is_none() {
        return Ok((0..shape.rank()).collect());
    }
    let mut axes: SmallVec<[usize; 4]> = SmallVec::new();
    for &a in attr.as_ints() {
        axes.push(shape.axis(a).map_err(|f| f.side(0, "has that shape"))?);
    }
    axes.sort_unstable();
    if let Some(twice) = axes.windows(2).find(|w| w[0] == w[1]) {
        return Err(Fault::new(format!("axis {} is named twice", twice[0])));
    }
    Ok(axes)
}

/// A shape with some axes left out, or left at size 1.
pub fn without(shape: &Shape, axes: &[usize], keep: bool) -> Shape {
    let kept = |k: usize, d: usize| if axes.contains(&k) { keep.then_some(1) } else { Some(d) };
    shape.iter().enumerate().filter_map(|(k, &d)| kept(k, d)).collect()
}

/// Refuses a shape that this machine cannot hold: the fault comes where it is asked for, not when it is touched.
pub fn sized(shape: Shape, dtype: DType) -> Result<Shape> {
    let bytes = (shape.size() as u128) * dtype.size() as u128;
    let most = crate::base::memory::total() as u128;
    if shape.size() == usize::MAX || bytes > most {
        let size = crate::base::buffer::human(usize::try_from(bytes).unwrap_or(usize::MAX));
        let fault = Fault::new(format!(
            "shape {shape} of {dtype} needs {size}; this machine has {}",
            crate::base::buffer::human(most as usize)
        ));
        return Err(fault.hint("ask for fewer elements"));
    }
    Ok(shape)
}

/// Sizes from an attribute of ints; `zeros(-1)` is a fault.
pub fn sizes(name: &str, attr: &Attr) -> Result<Shape> {
    if let Some(bad) = attr.as_ints().iter().find(|&&n| n < 0) {
        return Err(Fault::new(format!("{name}: a size cannot be negative, found {bad}")));
    }
    Ok(attr.as_sizes().into_iter().collect())
}
