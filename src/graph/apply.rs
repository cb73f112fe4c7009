//! Apply: one call of a primitive becomes one node.
//!
//! In: a record, inputs, attributes. Out: a node with its dtype and shape, or a fault that names both sides. Nothing
//! is computed, with three exceptions that nobody sees: a view of realised data is a layout; a map over few elements and a
//! product of small matrices are done at once (recording costs twice what they do, see docs/performance.md); a very long chain is forced.

use std::cell::{Cell, OnceCell, RefCell};

use smallvec::SmallVec;

use super::expr::{Data, Expr, Ins, Node, bits_of};
use super::leaf::ALIAS;
use super::place::Place;
use super::prim::*;
use super::tape::Marks;
use crate::base::product::{self, Side};
use crate::base::{Buffer, DType, Fault, Half, Layout, Result, Shape, Span, trouble};

/// Maps over at most this many elements are computed at once.
const AT_ONCE: usize = 2048;
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

/// Calls a primitive.
pub fn apply(prim: &'static Prim, ins: &[Expr], attrs: Attrs) -> Result<Expr> {
    if let ([_, _], Body::Map(body)) = (ins, &prim.body)
        && let Some(done) = pair_at_once(prim, body, ins)
    {
        return done;
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
    let data = at_once(prim, &inputs, &attrs, &shape, types.out, place)?;
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
    let expr = Expr::from_node(Node {
        prim,
        attrs,
        shape,
        dtype: types.out,
        place,
        weak,
        marks,
        pending: Cell::new(pending),
        span: CALL.get(),
        seen: Cell::new(false),
        read: Cell::new(false),
        item: Cell::new((0, 0)),
        ins: RefCell::new(inputs),
        data: OnceCell::new(),
    });
    if let Some(data) = data {
        let _ = expr.0.data.set(data);
    } else if pending > LONGEST {
        super::engine::force(std::slice::from_ref(&expr))?;
    }
    Ok(expr)
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
    Expr::from_node(Node {
        prim: &ALIAS,
        attrs: Attrs::new(),
        shape: e.shape().clone(),
        dtype: e.dtype(),
        place: e.place(),
        weak: e.is_weak(),
        marks,
        pending: Cell::new(if data.is_some() { 0 } else { e.0.pending.get().saturating_add(1) }),
        span: CALL.get(),
        seen: Cell::new(false),
        read: Cell::new(false),
        item: Cell::new((0, 0)),
        ins: RefCell::new(if keep { SmallVec::from_elem(e.clone(), 1) } else { SmallVec::new() }),
        data: data.map(OnceCell::from).unwrap_or_default(),
    })
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

/// The values, where making a node and planning it would cost more than having them.
fn at_once(
    prim: &'static Prim,
    ins: &[Expr],
    attrs: &Attrs,
    shape: &Shape,
    out: DType,
    place: Place,
) -> Result<Option<Data>> {
    if shape.contains(&0) {
        // No elements: no kernel has anything to do, and none needs to know this case.
        return Ok(Some(Data::Buffer(Buffer::new(0)?, Layout::contiguous(shape.clone()))));
    }
    match &prim.body {
        Body::View(index) => Ok(match ins[0].data() {
            Some(Data::Buffer(buffer, layout)) => {
                index(layout, attrs, shape).map(|layout| Data::Buffer(buffer.clone(), layout))
            }
            Some(Data::Number(bits)) => Some(Data::Number(*bits)),
            _ => None,
        }),
        Body::Map(body) if shape.size() <= AT_ONCE && ins.iter().all(Expr::is_realised) && is_near(ins, place) => {
            small_map(body, ins, shape, out).map(Some)
        }
        Body::Contract if shape.rank() == 2 && ins.iter().all(Expr::is_realised) && is_near(ins, place) => {
            small_product(ins, shape, out)
        }
        _ => Ok(None),
    }
}

/// A product of two small matrices that are there.
fn small_product(ins: &[Expr], shape: &Shape, out: DType) -> Result<Option<Data>> {
    let [a, b] = ins else { return Ok(None) };
    let (Some(Data::Buffer(x, at)), Some(Data::Buffer(y, bt))) = (a.data(), b.data()) else { return Ok(None) };
    let (m, n, k) = (shape[0], shape[1], a.shape()[1]);
    let Some(product) = product::small(out, m, n, k) else { return Ok(None) };
    let side = |buffer: &Buffer, layout: &Layout| Side {
        // SAFETY: the offset lies in the buffer.
        at: unsafe { buffer.ptr().add(layout.offset * out.size()) },
        row: layout.strides[0],
        column: layout.strides[1],
    };
    let buffer = Buffer::new(m * n * out.size())?;
    // SAFETY: layouts stay inside their arrays; the buffer is fresh and holds the product.
    unsafe { product(side(x, at), side(y, bt), buffer.ptr(), m, n, k) };
    Ok(Some(Data::Buffer(buffer, Layout::contiguous(shape.clone()))))
}

/// Whether the host has all that a map needs: what lives on a device is recorded and stays there, numbers are everywhere.
fn is_near(ins: &[Expr], place: Place) -> bool {
    !place.is_remote() || ins.iter().all(|e| matches!(e.data(), Some(Data::Number(_))))
}

/// The commonest call of all, spared every general step: two small arrays of one shape and dtype, or one and a number,
/// lying as the lane needs them, on no tape. `None` where it is not that.
fn pair_at_once(prim: &'static Prim, body: &MapBody, ins: &[Expr]) -> Option<Result<Expr>> {
    let (x, y) = (&*ins[0].0, &*ins[1].0);
    let numbers = [matches!(x.data.get()?, Data::Number(_)), matches!(y.data.get()?, Data::Number(_))];
    let (like, other, operands) = match numbers {
        [false, false] => (x, y, Operands::Vectors),
        [false, true] => (x, y, Operands::LastScalar),
        [true, false] => (y, x, Operands::FirstScalar),
        [true, true] => return None,
    };
    let alike = other.shape == like.shape && other.dtype == like.dtype && other.place == like.place;
    let fits = if other.weak { other.dtype.kind() <= like.dtype.kind() && other.shape.is_empty() } else { alike };
    let n = like.shape.size();
    if !fits
        || like.place.is_remote()
        || like.weak
        || n > AT_ONCE
        || n == 0
        || x.marks.live()
        || y.marks.live()
        || WATCHER.get().is_some()
    {
        return None;
    }
    let mut number_bits = [0u64; 1];
    let mut at = [std::ptr::null::<u8>(); 2];
    for (at, e) in at.iter_mut().zip([x, y]) {
        *at = match e.data.get()? {
            Data::Buffer(buffer, layout) if layout.is_contiguous() => {
                // SAFETY: the offset lies in the buffer.
                unsafe { buffer.ptr().add(layout.offset * e.dtype.size()) }
            }
            Data::Number(number) => {
                number_bits[0] = if e.dtype == like.dtype { *number } else { convert(*number, e.dtype, like.dtype) };
                number_bits.as_ptr().cast()
            }
            _ => return None,
        };
    }
    let types = match (prim.dtype)(&Call { prim, ins, attrs: Attrs::new() }) {
        Ok(types) => types,
        Err(fault) => return Some(Err(fault)),
    };
    if types.ins.iter().any(|&d| d != like.dtype) {
        return None;
    }
    let lane = (body.lane)(like.dtype, operands)?;
    let run = || {
        let buffer = Buffer::new(n * types.out.size())?;
        // SAFETY: operands hold n elements, or one where single; the buffer is fresh and holds n.
        unsafe { lane(at.as_ptr(), buffer.ptr(), n) };
        trouble::check().map_err(|f| sided(f, ins))?;
        let shape = like.shape.clone();
        let data = Data::Buffer(buffer, Layout::contiguous(shape.clone()));
        Ok(Expr::realised(data, shape, types.out, like.place))
    };
    Some(run())
}

/// A map over few elements, inputs realised: load, one lane, done.
fn small_map(body: &MapBody, ins: &[Expr], shape: &Shape, out: DType) -> Result<Data> {
    let n = shape.size();
    let missing = || Fault::new("internal: no lane for this dtype");
    let numbers = ins.iter().all(|e| matches!(e.data(), Some(Data::Number(_))));
    let count = if numbers { 1 } else { n };
    // Only two-operand lanes take one number for a whole block, and only one of the two may be one.
    let mut scratch: SmallVec<[Scratch; 3]> = SmallVec::new();
    for e in ins {
        let single = count == 1 || (ins.len() == 2 && !scratch.iter().any(Scratch::single));
        scratch.push(operand(e, shape, single)?);
    }
    let pointers: SmallVec<[*const u8; 3]> = scratch.iter().map(Scratch::pointer).collect();
    let last = scratch.len() - 1;
    let operands = match (scratch.len(), scratch[0].single(), scratch[last].single()) {
        (2, false, true) if count > 1 => Operands::LastScalar,
        (2, true, false) if count > 1 => Operands::FirstScalar,
        _ => Operands::Vectors,
    };
    let lane = (body.lane)(ins[last].dtype(), operands).ok_or_else(missing)?;
    if numbers {
        let mut bits = 0u64;
        // SAFETY: one element of at most 8 bytes from operands of one element.
        unsafe { lane(pointers.as_ptr(), (&raw mut bits).cast(), 1) };
        trouble::check().map_err(|f| sided(f, ins))?;
        return Ok(Data::Number(bits));
    }
    let buffer = Buffer::new(n * out.size())?;
    // SAFETY: the buffer is fresh and holds n elements; each operand holds n, or one where the lane reads one.
    unsafe { lane(pointers.as_ptr(), buffer.ptr(), n) };
    trouble::check().map_err(|f| sided(f, ins))?;
    Ok(Data::Buffer(buffer, Layout::contiguous(shape.clone())))
}

/// The fault of a marked lane with both sides named: the second operand is the one that holds what cannot be.
#[cold]
fn sided(fault: Fault, ins: &[Expr]) -> Fault {
    let [a, b] = ins else { return fault };
    let at = |k: usize, n: i64| match b.rank() {
        0 => format!("is {n}"),
        1 => format!("has {n} at index {k}"),
        _ => {
            let of = |axis: usize| k / b.shape()[axis + 1..].iter().product::<usize>() % b.shape()[axis];
            let index: Vec<String> = (0..b.rank()).map(|axis| of(axis).to_string()).collect();
            format!("has {n} at index [{}]", index.join(", "))
        }
    };
    let bad = |n: i64| if fault.message.contains("zero") { n == 0 } else { n < 0 };
    let ints = b.host().and_then(|host| {
        crate::dispatch!(host.dtype, T => {
            Ok(host.to_vec::<T>()?.into_iter().map(crate::base::Elem::to_i64).collect::<Vec<i64>>())
        })
    });
    let found = ints.ok().and_then(|ints| ints.iter().position(|&n| bad(n)).map(|k| at(k, ints[k])));
    fault.side(0, format!("is {}", a.type_name())).side(1, found.unwrap_or_default())
}

/// An operand of a small map: in place, one number, or copied to lie row-major.
enum Scratch {
    InPlace(*const u8),
    Single(u64),
    Copied(std::sync::Arc<Buffer>),
}

impl Scratch {
    fn pointer(&self) -> *const u8 {
        match self {
            Scratch::InPlace(p) => *p,
            Scratch::Single(bits) => (&raw const *bits).cast(),
            Scratch::Copied(b) => b.ptr(),
        }
    }

    fn single(&self) -> bool {
        matches!(self, Scratch::Single(_))
    }
}

fn operand(e: &Expr, shape: &Shape, single: bool) -> Result<Scratch> {
    match e.data() {
        Some(Data::Buffer(b, l)) if l.shape == *shape && l.is_contiguous() => {
            // SAFETY: the offset lies in the buffer.
            Ok(Scratch::InPlace(unsafe { b.ptr().add(l.offset * e.dtype().size()) }))
        }
        Some(Data::Number(bits)) if single => Ok(Scratch::Single(*bits)),
        Some(Data::Buffer(b, l)) if single && l.size() == 1 => Ok(crate::dispatch!(e.dtype(), T => {
            Scratch::Single(bits_of(b.as_slice::<T>()[l.offset]))
        })),
        _ => {
            let host = e.host()?;
            let host = crate::base::Host { layout: host.layout.broadcast(shape), ..host };
            crate::dispatch!(e.dtype(), T => Buffer::from_slice(&host.to_vec::<T>()?)).map(Scratch::Copied)
        }
    }
}
