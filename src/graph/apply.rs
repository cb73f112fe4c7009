//! Apply: one call of a primitive becomes one node.
//!
//! In: a record, inputs, attributes. Out: a node with its dtype and shape, or a fault that names both sides. Nothing
//! is computed, with three exceptions that nobody sees: a view of realised data is a layout; a map over few elements and a
//! product of small matrices are done at once (recording costs twice what they do, see docs/performance.md); a very long chain is forced.

use std::cell::{Cell, OnceCell};

use smallvec::SmallVec;

use super::at_once::{self, Side};
use super::expr::{Data, Expr, Ins, Made, Node, bits_of};
use super::leaf::ALIAS;
use super::literal::literal;
use super::place::Place;
use super::prim::*;
use super::tape::Marks;
use crate::base::{DType, Fault, Half, Result, Span};

/// A node with more than this pending below it is forced when made.
const LONGEST: u32 = 1500;

/// Sees every call of a primitive: the inputs as given, the attributes in canonical form.
pub type Watcher = fn(&'static Prim, &[Expr], &Attrs);

thread_local! {
    static WATCHER: Cell<Option<Watcher>> = const { Cell::new(None) };
    static CALL: Cell<Span> = const { Cell::new(Span { source: u32::MAX, start: 0, end: 0 }) };
}

/// Says which call of the source the nodes made from now on belong to.
pub fn set_call(span: Span) {
    CALL.set(span);
}

/// Sets who watches calls on this thread: checks collect sample inputs from the examples that way.
pub fn watch(watcher: Option<Watcher>) {
    WATCHER.set(watcher);
}

/// Whether somebody watches.
#[inline]
pub(super) fn is_watched() -> bool {
    WATCHER.get().is_some()
}

/// Calls a primitive.
pub fn apply(prim: &'static Prim, ins: &[Expr], attrs: Attrs) -> Result<Expr> {
    let quick = match ins {
        [x] if attrs.is_empty() => at_once::one(prim, x).or_else(|| record(prim, &[Side::Array(x)])),
        [x, y] if attrs.is_empty() => {
            let (x, y) = (Side::Array(x), Side::Array(y));
            at_once::two(prim, x, y, None).or_else(|| record(prim, &[x, y])).or_else(|| at_once::mixed(prim, ins))
        }
        [x] => at_once::whole(prim, x, &attrs),
        [c, a, b] if attrs.is_empty() => at_once::choice(prim, [c, a, b]),
        _ => None,
    };
    if let Some(done) = quick {
        return Ok(done);
    }
    if let Some(fault) = ins.iter().find_map(Expr::fault) {
        return Err(fault);
    }
    let mut call = Call { prim, ins, attrs };
    let types = (prim.dtype)(&call)?;
    if types.has(DType::F16) && computes(prim) {
        return widely(call, &types);
    }
    let shape = (prim.shape)(&mut call)?;
    let attrs = call.attrs;
    if let Some(watcher) = WATCHER.get() {
        watcher(prim, ins, &attrs);
    }
    let (place, marks, weak) = meet(prim, ins)?;
    let mut inputs: Ins = SmallVec::with_capacity(ins.len());
    for (e, &want) in ins.iter().zip(&types.ins) {
        inputs.push(if e.dtype() == want { e.clone() } else { cast(e, want)? });
    }
    let data = at_once::data(prim, &inputs, &attrs, &shape, types.out, place)?;
    let pending = match data {
        Some(_) => 0,
        None => {
            // The deepest input counts whole, the others in part: in `d * d * d` they are mostly the same nodes.
            let (mut most, mut rest) = (0u32, 0u32);
            for n in inputs.iter().map(|e| e.0.pending.get()) {
                (most, rest) = (most.max(n), rest.saturating_add(most.min(n)));
            }
            most.saturating_add(rest / 64).saturating_add(1)
        }
    };
    // A realised node that no tape holds needs no inputs.
    if data.is_some() && !marks.held() {
        inputs.clear();
    }
    let (span, dtype) = (CALL.get(), types.out);
    let made = Made { prim, attrs, shape, dtype, place, weak, marks, pending, span, ins: inputs };
    let expr = Expr::build(made, || data.map(OnceCell::from).unwrap_or_default());
    if pending > LONGEST {
        super::engine::force(std::slice::from_ref(&expr))?;
    }
    Ok(expr)
}

/// Records an elementwise call of floats of one shape, dtype and place, or of such an array and a number: most calls of
/// all, spared the steps that find out just that. `None` where the general way must be gone.
pub fn record(prim: &'static Prim, sides: &[Side]) -> Option<Expr> {
    let mut arrays = sides.iter().filter_map(|side| match side {
        Side::Array(e) => Some(&e.0),
        Side::Number(..) => None,
    });
    let like = arrays.next()?;
    if !prim.is_map() || !like.dtype.is_float() || like.shape.contains(&0) || WATCHER.get().is_some() {
        return None;
    }
    let fits = |n: &Node| !n.weak && !matches!(n.data.get(), Some(Data::Broken(_)));
    let alike = |n: &Node| fits(n) && n.shape == like.shape && n.dtype == like.dtype && n.place == like.place;
    if !fits(like) || !arrays.clone().all(|e| alike(e)) {
        return None;
    }
    // What is there and small is computed at once.
    let there = like.data.get().is_some() && arrays.clone().all(|e| e.data.get().is_some());
    if there && at_once::is_small(&like.shape) {
        return None;
    }
    let (_, dtype) = at_once::recipe_of(prim, like, sides)?;
    let mut marks = like.marks;
    let (mut most, mut rest) = (like.pending.get(), 0u32);
    for e in arrays {
        marks = marks.join(e.marks);
        let n = e.pending.get();
        (most, rest) = (most.max(n), rest.saturating_add(most.min(n)));
    }
    let pending = most.saturating_add(rest / 64).saturating_add(1);
    if pending > LONGEST {
        return None;
    }
    let mut ins = Ins::new();
    for side in sides {
        ins.push(match *side {
            Side::Array(e) => {
                if e.0.marks.live() {
                    e.0.read.set(true);
                }
                e.clone()
            }
            Side::Number(bits, from) => literal(bits, from, like.dtype),
        });
    }
    let (shape, place, span) = (like.shape.clone(), like.place, CALL.get());
    let (attrs, weak) = (Attrs::new(), false);
    Some(Expr::build(Made { prim, attrs, shape, dtype, place, weak, marks, pending, span, ins }, OnceCell::new))
}

/// Whether an op does more with elements than make, move and convert them: what f16 is made f32 for.
fn computes(prim: &'static Prim) -> bool {
    match prim.body {
        Body::Leaf(_) | Body::View(_) => false,
        Body::Index(kind) => kind == Index::Add,
        _ => !super::cast::is(prim),
    }
}

/// A call on f16: its operands as f32, its result rounded. So the f16 an op gives are those of the op on f32, whatever is
/// fused with it, and no kernel computes with anything else.
fn widely(call: Call, types: &Types) -> Result<Expr> {
    let wide = |(e, &want): (&Expr, &DType)| match want {
        DType::F16 => cast(&cast(e, want)?, DType::F32),
        _ => Ok(e.clone()),
    };
    let ins = call.ins.iter().zip(&types.ins).map(wide).collect::<Result<Ins>>()?;
    let out = apply(call.prim, &ins, call.attrs)?;
    if types.out == DType::F16 { cast(&out, DType::F16) } else { Ok(out) }
}

/// The dtype conversion, as the primitive of the target dtype.
pub fn cast(e: &Expr, dtype: DType) -> Result<Expr> {
    if e.dtype() == dtype && !e.is_weak() {
        return Ok(e.clone());
    }
    // A number needs no kernel, and stays a number.
    if let (Some(Data::Number(bits)), false) = (e.data(), e.0.marks.live()) {
        return Ok(Expr::full(e.shape().clone(), convert(*bits, e.dtype(), dtype), dtype, e.place()));
    }
    let mut strong = apply(super::cast::to(dtype), std::slice::from_ref(e), Attrs::new())?;
    if let Some(node) = std::rc::Rc::get_mut(&mut strong.0) {
        node.weak = false;
    }
    Ok(strong)
}

/// The bits of a number in another dtype.
pub fn convert(bits: u64, from: DType, to: DType) -> u64 {
    use super::expr::from_bits;
    use crate::base::Elem;
    crate::dispatch!(from, S => {
        let x = from_bits::<S>(bits);
        match to {
            DType::Bool => bits_of(x.to_bool()),
            DType::I64 => bits_of(x.to_i64()),
            DType::F16 => bits_of(Half::from_f64(x.to_f64())),
            DType::F32 => bits_of(x.to_f64() as f32),
            DType::F64 => bits_of(x.to_f64()),
        }
    })
}

/// The same value as a node of its own, with marks of its own.
pub fn alias(e: &Expr, marks: Marks) -> Expr {
    let data = e.data().cloned();
    let keep = marks.held() || data.is_none();
    let made = Made {
        prim: &ALIAS,
        attrs: Attrs::new(),
        shape: e.shape().clone(),
        dtype: e.dtype(),
        place: e.place(),
        weak: e.is_weak(),
        marks,
        pending: if data.is_some() { 0 } else { e.0.pending.get().saturating_add(1) },
        span: CALL.get(),
        ins: if keep { SmallVec::from_elem(e.clone(), 1) } else { SmallVec::new() },
    };
    Expr::build(made, || data.map(OnceCell::from).unwrap_or_default())
}

/// The same value as a number without a dtype of its own: a derivative by a number is one.
pub fn weaken(e: &Expr) -> Expr {
    if e.is_weak() {
        return e.clone();
    }
    let mut out = alias(e, e.0.marks);
    if let Some(node) = std::rc::Rc::get_mut(&mut out.0) {
        node.weak = true;
    }
    out
}

/// The same value with the given place. Nothing moves here: a device takes what it has not got when a kernel reads it.
pub fn relocate(e: &Expr, place: Place) -> Result<Expr> {
    if e.place() == place && !e.is_weak() {
        return Ok(e.clone());
    }
    let mut out = alias(e, e.0.marks);
    if let Some(node) = std::rc::Rc::get_mut(&mut out.0) {
        node.place = place;
        node.weak = false;
    }
    Ok(out)
}

/// Where the result lives, what records it, and whether it is weak.
fn meet(prim: &'static Prim, ins: &[Expr]) -> Result<(Place, Marks, bool)> {
    let mut place = Place::Array;
    let mut marks = Marks::default();
    let mut weak = !ins.is_empty();
    for e in ins {
        if let (Place::Tensor(a), Place::Tensor(b)) = (place, e.place())
            && a != b
        {
            let fault = Fault::new(format!("{}: the tensors are on different devices", prim.name));
            return Err(fault.hint("move one of them: to(x, \"cpu\")"));
        }
        place = place.max(e.place());
        if e.0.marks.live() {
            e.0.read.set(true);
        }
        marks = marks.join(e.0.marks);
        weak &= e.is_weak();
    }
    Ok((place, marks, weak && (prim.is_map() || prim.is_view())))
}
