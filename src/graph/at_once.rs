//! At once: what is computed while it is recorded, since recording it would cost more than having it.
//!
//! In: a call whose inputs are there and small. Out: its values, or `None` where that is not so. `one` and `two` are the
//! commonest calls of all, spared every general step; `data` is for whatever else a node is made of.

use std::cell::Cell;

use smallvec::SmallVec;

use super::apply::{convert, is_watched};
use super::expr::{Data, Expr, Ins, Node, bits_of};
use super::place::Place;
use super::prim::*;
use crate::base::{Buffer, DType, Elem, Fault, Layout, Result, Shape, fill, product, trouble};

/// Maps over at most this many elements are computed at once.
const AT_ONCE: usize = 2048;

/// One side of an operator.
#[derive(Clone, Copy)]
pub enum Side<'a> {
    Array(&'a Expr),
    /// A number without a dtype of its own: its bits, in the dtype of its kind.
    Number(u64, DType),
}

/// What an elementwise primitive does with a side that is like the result, and what it makes.
type Recipe = Option<(Lane, DType)>;

/// Recipes that are remembered; a newcomer takes the place of whoever had it.
const PLACES: usize = 256;

thread_local! {
    static RECIPES: [Cell<(usize, u32, Recipe)>; PLACES] = const { [const { Cell::new((0, 0, None)) }; PLACES] };
}

/// A side as it lies.
struct At<'a> {
    /// The node, of an array.
    node: Option<&'a Node>,
    /// The first element; of a number its bits.
    word: u64,
    dtype: DType,
    weak: bool,
    number: bool,
}

/// `None` for what is not there or belongs on a device (asking where it lies would bring it here), does not lie row-major, or
/// is recorded by a derivative.
#[inline(always)]
fn at<'a>(side: Side<'a>) -> Option<At<'a>> {
    let e = match side {
        Side::Number(word, dtype) => return Some(At { node: None, word, dtype, weak: true, number: true }),
        Side::Array(e) => e,
    };
    let node = e.node();
    if node.place.is_remote() {
        return None;
    }
    let (word, number) = match node.data.get()? {
        Data::Buffer(buffer, layout) if layout.is_contiguous() && buffer.is_here() => {
            // SAFETY: the offset lies in the buffer.
            (unsafe { buffer.ptr().add(layout.offset * node.dtype.size()) } as u64, false)
        }
        Data::Number(bits) => (*bits, true),
        _ => return None,
    };
    (!node.marks.live()).then_some(At { node: Some(node), word, dtype: node.dtype, weak: node.weak, number })
}

/// The lane for operands that all have this dtype, where the rule leaves them in it.
#[inline]
fn recipe(prim: &'static Prim, like: &Node, kind: u32, ins: impl FnOnce() -> Ins) -> Recipe {
    let operands = match kind & 3 {
        1 => Operands::LastScalar,
        2 => Operands::FirstScalar,
        _ => Operands::Vectors,
    };
    let learn = || {
        let Body::Map(body) = &prim.body else { return None };
        let types = (prim.dtype)(&Call { prim, ins: &ins(), attrs: Attrs::new() }).ok()?;
        // Of three the first is a condition.
        let (first, rest) = types.ins.split_at(usize::from(kind & 3 == CHOICE));
        let meets = rest.iter().all(|&d| d == like.dtype) && first.iter().all(|&d| d == DType::Bool);
        let fits = meets && !types.has(DType::F16);
        Some(((body.lane)(like.dtype, operands).filter(|_| fits)?, types.out))
    };
    // Of ints a rule may ask for the value, as that of powers does.
    if !like.dtype.is_float() {
        return learn();
    }
    let key = std::ptr::from_ref(prim) as usize;
    let what = kind | (like.dtype as u32) << 8 | (like.place.is_tensor() as u32) << 16;
    RECIPES.with(|all| {
        let place = &all[((key >> 4) ^ (key >> 11) ^ (what as usize).wrapping_mul(0x9E37)) % PLACES];
        let (k, w, known) = place.get();
        if k == key && w == what {
            return known;
        }
        let learned = learn();
        place.set((key, what, learned));
        learned
    })
}

/// Whether a map over so many elements is computed at once.
pub(super) fn is_small(shape: &Shape) -> bool {
    shape.size() <= AT_ONCE
}

/// The recipe of one or two sides, the arrays among which are like one of them.
pub(super) fn recipe_of(prim: &'static Prim, like: &Node, sides: &[Side]) -> Recipe {
    let kind = match *sides {
        [Side::Array(_)] => 0,
        [Side::Array(_), Side::Array(_)] => pair_kind(0, false, like.dtype),
        [_, Side::Number(_, dtype)] => pair_kind(1, true, dtype),
        [Side::Number(_, dtype), _] => pair_kind(2, true, dtype),
        _ => return None,
    };
    recipe(prim, like, kind, || sides.iter().map(|side| side.expr()).collect())
}

/// Of what the recipe of a condition and two sides begins with.
const CHOICE: u32 = 3;

/// What of two sides their recipe depends on.
#[inline]
fn pair_kind(number: u32, weak: bool, dtype: DType) -> u32 {
    number | (weak as u32) << 2 | (dtype as u32) << 3
}

/// A map of one small array that is there, lies row-major and is on no tape.
#[inline]
pub fn one(prim: &'static Prim, x: &Expr) -> Option<Expr> {
    let a = at(Side::Array(x))?;
    let like = a.node.filter(|_| !a.number && !a.weak)?;
    let n = like.shape.size();
    if n > AT_ONCE || n == 0 || !prim.is_map() || is_watched() {
        return None;
    }
    let (lane, out) = recipe(prim, like, 0, || SmallVec::from_elem(x.clone(), 1))?;
    let buffer = Buffer::new(n * out.size()).ok()?;
    // SAFETY: the operand holds n elements; the buffer is fresh and holds n.
    unsafe { lane([a.word as *const u8].as_ptr(), buffer.ptr(), n) };
    trouble::check().ok()?;
    Some(Expr::made(buffer, &like.shape, out, like.place))
}

/// A map of two small arrays of one shape and dtype, or of one and a number, that are there, lie row-major and are on no
/// tape. What goes wrong is `None` too: the general way finds it again, and has the words. `spent` is one of the two that
/// nobody needs afterwards: if nobody else holds it, it becomes the result.
#[inline]
pub fn two(prim: &'static Prim, x: Side, y: Side, spent: Option<&Expr>) -> Option<Expr> {
    match prim.body {
        Body::Map(_) => {}
        Body::Contract => return matrices(x, y),
        _ => return None,
    }
    let (a, b) = (at(x)?, at(y)?);
    let (like, other, kind) = match (a.number, b.number) {
        (false, false) => (&a, &b, 0),
        (false, true) => (&a, &b, 1),
        (true, false) => (&b, &a, 2),
        (true, true) => return None,
    };
    let node = like.node?;
    let fits = match other.node {
        _ if other.weak => other.dtype.kind() <= like.dtype.kind() && other.node.is_none_or(|o| o.shape.is_empty()),
        Some(o) => {
            let stretches = other.number && o.shape.size() == 1 && o.shape.rank() <= node.shape.rank();
            (o.shape == node.shape || stretches) && o.dtype == node.dtype && o.place == node.place
        }
        None => false,
    };
    let n = node.shape.size();
    if !fits || like.weak || n > AT_ONCE || n == 0 || is_watched() {
        return None;
    }
    let kind = pair_kind(kind, other.weak, other.dtype);
    let ins = || [x, y].into_iter().map(Side::expr).collect();
    let (lane, out) = recipe(prim, node, kind, ins)?;
    let bits = if other.dtype == like.dtype { other.word } else { convert(other.word, other.dtype, like.dtype) };
    let operand = |side: &At| if side.number { (&raw const bits).cast() } else { side.word as *const u8 };
    let operands = [operand(&a), operand(&b)];
    if let Some(e) = spent
        && let Some(over) = [&a, &b].into_iter().find(|s| s.node.is_some_and(|n| std::ptr::eq(n, e.node())))
        && !over.number
        && out == node.dtype
        && out.is_float()
        && is_spent(e)
    {
        // SAFETY: as below; what is written over is an operand that is like the result, which nobody else sees.
        unsafe { lane(operands.as_ptr(), over.word as *mut u8, n) };
        return Some(e.clone());
    }
    let buffer = Buffer::new(n * out.size()).ok()?;
    // SAFETY: operands hold n elements, or one where single; the buffer is fresh and holds n.
    unsafe { lane(operands.as_ptr(), buffer.ptr(), n) };
    trouble::check().ok()?;
    Some(Expr::made(buffer, &node.shape, out, node.place))
}

/// A map of two small arrays of one shape that are there, lie row-major and are on no tape, but whose dtypes differ: both are
/// converted first.
pub(super) fn mixed(prim: &'static Prim, ins: &[Expr]) -> Option<Expr> {
    let [x, y] = ins else { return None };
    let (a, b) = (at(Side::Array(x))?, at(Side::Array(y))?);
    let strong = !a.number && !b.number && !a.weak && !b.weak;
    let n = x.shape().size();
    if !strong
        || a.dtype == b.dtype
        || x.shape() != y.shape()
        || x.place() != y.place()
        || n > AT_ONCE
        || !prim.is_map()
    {
        return None;
    }
    let types = (prim.dtype)(&Call { prim, ins, attrs: Attrs::new() }).ok()?;
    if types.has(DType::F16) || is_watched() {
        return None;
    }
    let convert = |e: &Expr, to: DType| if e.dtype() == to { Some(e.clone()) } else { one(super::cast::to(to), e) };
    let (x, y) = (convert(x, types.ins[0])?, convert(y, types.ins[1])?);
    let spent = if a.dtype == types.ins[0] { &y } else { &x };
    two(prim, Side::Array(&x), Side::Array(&y), Some(spent))
}

/// A small map of a condition and two sides, such as `where`: both arrays of one float dtype and of the condition's shape, or one
/// of them a number, which is repeated first; all there, row-major and on no tape.
pub(super) fn choice(prim: &'static Prim, ins: [&Expr; 3]) -> Option<Expr> {
    let [c, a, b] = ins.map(|e| at(Side::Array(e)));
    let (c, a, b) = (c?, a?, b?);
    let node = [&a, &b].into_iter().find(|s| !s.number && !s.weak)?.node?;
    let beside = |n: &Node| n.shape == node.shape && n.place == node.place;
    let n = node.shape.size();
    let chooses = c.dtype == DType::Bool && !c.number && c.node.is_some_and(beside);
    if !chooses || !node.dtype.is_float() || n > AT_ONCE || n == 0 || !prim.is_map() || is_watched() {
        return None;
    }
    let alike = |s: &At| match s.node {
        Some(n) if s.number => n.shape.is_empty() && (s.weak || n.dtype == node.dtype && n.place == node.place),
        Some(n) => !s.weak && n.dtype == node.dtype && beside(n),
        None => false,
    };
    if !alike(&a) || !alike(&b) {
        return None;
    }
    let kind = CHOICE | (a.weak as u32) << 2 | (b.weak as u32) << 3;
    let (lane, out) = recipe(prim, node, kind, || ins.into_iter().cloned().collect())?;
    let size = node.dtype.size();
    let repeated = |s: &At| {
        if !s.number {
            return Some(None);
        }
        let bits = if s.dtype == node.dtype { s.word } else { convert(s.word, s.dtype, node.dtype) };
        let buffer = Buffer::new(n * size).ok()?;
        // SAFETY: fresh, with room for n elements.
        unsafe { fill((&raw const bits).cast(), buffer.ptr(), n, size) };
        Some(Some(buffer))
    };
    let (x, y) = (repeated(&a)?, repeated(&b)?);
    let lies = |s: &At, own: &Option<std::sync::Arc<Buffer>>| match own {
        Some(buffer) => buffer.ptr().cast_const(),
        None => s.word as *const u8,
    };
    let buffer = Buffer::new(n * out.size()).ok()?;
    // SAFETY: operands hold n elements; the buffer is fresh and holds n.
    unsafe { lane([c.word as *const u8, lies(&a, &x), lies(&b, &y)].as_ptr(), buffer.ptr(), n) };
    [x, y].into_iter().flatten().for_each(Buffer::let_go);
    trouble::check().ok()?;
    Some(Expr::made(buffer, &node.shape, out, node.place))
}

/// Whether nobody else has a node or its bytes, and it is nothing but its values. (On floats no lane leaves a mark, so that
/// nothing can go wrong that would ask for the operand.)
fn is_spent(e: &Expr) -> bool {
    let alone = matches!(e.data(), Some(Data::Buffer(buffer, _)) if Buffer::is_alone(buffer));
    alone && e.holders() == 1 && std::ptr::eq(e.prim(), &super::leaf::DATA)
}

impl Side<'_> {
    fn expr(self) -> Expr {
        match self {
            Side::Array(e) => e.clone(),
            Side::Number(bits, dtype) => Expr::weak_bits(bits, dtype),
        }
    }
}

/// The values, where making a node and planning it would cost more than having them.
pub(super) fn data(
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
        // One random number. A check of a program does not know it.
        Body::Leaf(Leaf::Position(fill, _)) if shape.is_empty() && !place.is_remote() && !super::engine::is_blind() => {
            let bits = |e: &Expr| if let Some(Data::Number(bits)) = e.data() { Some(*bits) } else { None };
            let Some(ins) = ins.iter().map(bits).collect::<Option<SmallVec<[u64; 2]>>>() else { return Ok(None) };
            let mut made = 0u64;
            // SAFETY: one position, and room for an element.
            unsafe { fill([0u64].as_ptr(), (&raw mut made).cast(), 1, &ins, out) };
            Ok(Some(Data::Number(made)))
        }
        Body::Reduce(fold) if ins[0].is_realised() && is_near(ins, place) => {
            few_folded(*fold, &ins[0], attrs.first().map(Attr::as_sizes).unwrap_or_default(), shape, out)
        }
        Body::Contract if ins.iter().all(|e| e.rank() == 2 && e.is_realised()) && is_near(ins, place) => {
            let [a, b] = ins else { return Ok(None) };
            small_product(&[a, b], shape, out)
        }
        _ => Ok(None),
    }
}

/// The most elements of a row that is folded at once: what a kernel folds in one stretch, with the same bits.
const ROW: usize = 1024;

/// All of a small float array that is there, lies row-major and is on no tape, folded into one number, with nothing said of axes.
pub(super) fn whole(prim: &'static Prim, x: &Expr, attrs: &Attrs) -> Option<Expr> {
    // (Of floats these have their operand's dtype.)
    let Body::Reduce(fold @ (Fold::Sum | Fold::Prod | Fold::Max | Fold::Min)) = prim.body else { return None };
    let plain = matches!(&attrs[..], [Attr::None, rest @ ..] if !rest.iter().any(Attr::as_bool));
    let a = at(Side::Array(x))?;
    let node = a.node.filter(|_| !a.number && !a.weak)?;
    let n = node.shape.size();
    if !plain || n == 0 || n > ROW || !node.dtype.is_float() || is_watched() {
        return None;
    }
    let stretch = super::engine::fold(fold, node.dtype)?;
    let mut bits = 0u64;
    // SAFETY: n elements, and room for one.
    unsafe { stretch(a.word as *const u8, n, (&raw mut bits).cast()) };
    Some(Expr::full(Shape::scalar(), bits, node.dtype, node.place))
}

/// Rows of a small array, row-major in memory, each folded into one element.
fn few_folded(fold: Fold, e: &Expr, axes: SmallVec<[usize; 4]>, shape: &Shape, out: DType) -> Result<Option<Data>> {
    let Some(Data::Buffer(from, layout)) = e.data() else { return Ok(None) };
    let (n, rows, dtype) = (e.size(), shape.size(), e.dtype());
    let kept = e.shape().iter().enumerate().rposition(|(k, &d)| d > 1 && !axes.contains(&k));
    let first = e.shape().iter().enumerate().position(|(k, &d)| d > 1 && axes.contains(&k));
    let by_rows = kept.is_none_or(|kept| first.is_none_or(|first| kept < first));
    let picks = matches!(fold, Fold::ArgMax | Fold::ArgMin);
    if n == 0 || n > AT_ONCE || n / rows > ROW || !by_rows || picks || out != dtype || !layout.is_contiguous() {
        return Ok(None);
    }
    let Some(stretch) = super::engine::fold(fold, dtype) else { return Ok(None) };
    from.fetch()?;
    let size = dtype.size();
    // SAFETY: the offset lies in the buffer.
    let at = unsafe { from.ptr().add(layout.offset * size) };
    if rows == 1 {
        let mut bits = 0u64;
        // SAFETY: n elements, and room for one.
        unsafe { stretch(at, n, (&raw mut bits).cast()) };
        return Ok(Some(Data::Number(bits)));
    }
    let buffer = Buffer::new(rows * size)?;
    for row in 0..rows {
        // SAFETY: the rows lie one after the other; the buffer is fresh and holds an element of each.
        unsafe { stretch(at.add(row * (n / rows) * size), n / rows, buffer.ptr().add(row * size)) };
    }
    Ok(Some(Data::Buffer(buffer, Layout::contiguous(shape.clone()))))
}

/// The product of two small matrices of one float dtype that are there and on no tape.
fn matrices(x: Side, y: Side) -> Option<Expr> {
    let (Side::Array(a), Side::Array(b)) = (x, y) else { return None };
    let alike = a.dtype() == b.dtype() && a.place() == b.place() && a.dtype().is_float() && a.dtype() != DType::F16;
    let ([m, k], [l, n]) = (&a.shape()[..], &b.shape()[..]) else { return None };
    let shut = [a, b].iter().any(|e| e.node().marks.live() || e.place().is_remote()) || is_watched();
    if !alike || shut || k != l || m * n * k == 0 {
        return None;
    }
    let shape = Shape::new(&[*m, *n]);
    match small_product(&[a, b], &shape, a.dtype()).ok()?? {
        Data::Buffer(buffer, _) => Some(Expr::made(buffer, &shape, a.dtype(), a.place())),
        _ => None,
    }
}

/// A product of two small matrices that are there.
fn small_product([a, b]: &[&Expr; 2], shape: &Shape, out: DType) -> Result<Option<Data>> {
    let (Some(Data::Buffer(x, at)), Some(Data::Buffer(y, bt))) = (a.data(), b.data()) else { return Ok(None) };
    let (m, n, k) = (shape[0], shape[1], a.shape()[1]);
    let Some(product) = product::small(out, m, n, k) else { return Ok(None) };
    // What lies on a device comes here; one that is lost is a fault.
    [x, y].iter().try_for_each(|buffer| buffer.fetch())?;
    let side = |buffer: &Buffer, layout: &Layout| product::Side {
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
            b.fetch()?;
            // SAFETY: the offset lies in the buffer.
            Ok(Scratch::InPlace(unsafe { b.ptr().add(l.offset * e.dtype().size()) }))
        }
        Some(Data::Number(bits)) if single => Ok(Scratch::Single(*bits)),
        Some(Data::Buffer(b, l)) if single && l.size() == 1 => {
            b.fetch()?;
            Ok(crate::dispatch!(e.dtype(), T => Scratch::Single(bits_of(b.as_slice::<T>()[l.offset]))))
        }
        Some(Data::Number(bits)) => {
            let (n, size) = (shape.size(), e.dtype().size());
            let buffer = Buffer::new(n * size)?;
            // SAFETY: fresh, with room for n elements.
            unsafe { fill((&raw const *bits).cast(), buffer.ptr(), n, size) };
            Ok(Scratch::Copied(buffer))
        }
        Some(Data::Buffer(b, l)) => {
            b.fetch()?;
            crate::dispatch!(e.dtype(), T => laid_out(b.as_slice::<T>(), &l.broadcast(shape))).map(Scratch::Copied)
        }
        _ => Err(e.fault().unwrap_or_else(|| Fault::new("internal: a small map of what is not there"))),
    }
}

/// Few elements copied to lie row-major.
fn laid_out<T: Elem>(from: &[T], layout: &Layout) -> Result<std::sync::Arc<Buffer>> {
    let (shape, strides) = (&layout.shape, &layout.strides);
    let buffer = Buffer::new(shape.size() * size_of::<T>())?;
    let last = shape.rank().saturating_sub(1);
    let (row, along) = (shape.last().copied().unwrap_or(1), strides.last().copied().unwrap_or(0));
    let mut index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, last);
    let mut start = layout.offset as isize;
    let mut to = buffer.ptr().cast::<T>();
    for _ in 0..shape.size() / row.max(1) {
        for k in 0..row {
            // SAFETY: the buffer is fresh and has room for every element.
            unsafe {
                to.write(from[(start + k as isize * along) as usize]);
                to = to.add(1);
            }
        }
        for k in (0..last).rev() {
            index[k] += 1;
            start += strides[k];
            if index[k] < shape[k] {
                break;
            }
            start -= strides[k] * shape[k] as isize;
            index[k] = 0;
        }
    }
    Ok(buffer)
}
