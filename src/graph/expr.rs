//! `Expr`: a handle on one node of the expression graph. Cloning shares the node; two equal literals are two nodes.
//!
//! A node is *realised* (it has its values) or *pending* (it has a primitive and inputs). Forcing turns one into the
//! other; the inputs are then let go, so that memory is what is reachable, unless a tape needs them (`Marks`).

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;

use super::place::Place;
use super::prim::{Attrs, Prim};
use super::tape::Marks;
use crate::base::{Buffer, DType, Elem, Fault, Host, Layout, Result, Shape, Span};

/// A shared node of the graph.
#[derive(Clone)]
pub struct Expr(pub(super) Rc<Node>);

/// The inputs of a node.
pub type Ins = SmallVec<[Expr; 3]>;

/// One node. Everything but `ins` and `data` is fixed when it is made. Laid out as it is written: what is asked of every node when a
/// graph is forced shares the first lines of memory.
#[repr(C)]
pub struct Node {
    pub prim: &'static Prim,
    /// The last trace that saw it, and which item it was there.
    pub item: Cell<(u32, u32)>,
    pub dtype: DType,
    pub place: Place,
    /// A number without a dtype of its own (NEP 50): it takes the dtype of the array it meets.
    pub weak: bool,
    /// A number that is written somewhere; see `literal`.
    pub literal: bool,
    /// Whether a plan already computed it on the way to something else, without keeping it.
    pub seen: Cell<bool>,
    /// Whether a call took it as an input: "does not use x" is said of a variable that none did.
    pub read: Cell<bool>,
    /// How many pending nodes hang below, at most; bounds what one force has to plan.
    pub pending: Cell<u32>,
    /// The derivatives being taken that this value takes part in.
    pub marks: Marks,
    /// The call in the source that made it: where faults that only the values show are placed.
    pub span: Span,
    pub(super) ins: RefCell<Ins>,
    pub shape: Shape,
    pub(super) data: OnceCell<Data>,
    pub attrs: Attrs,
}

/// What a node is made of; the rest of it is the same for all that are new.
pub(super) struct Made {
    pub prim: &'static Prim,
    pub attrs: Attrs,
    pub shape: Shape,
    pub dtype: DType,
    pub place: Place,
    pub weak: bool,
    pub marks: Marks,
    pub pending: u32,
    pub span: Span,
    pub ins: Ins,
}

/// The values of a realised node.
#[derive(Clone)]
pub enum Data {
    Buffer(Arc<Buffer>, Layout),
    /// One number (or one number stretched), as the bits of its dtype: no memory behind it.
    Number(u64),
    /// Values that could not be had. A formula cannot return an error; whoever uses this gets it.
    Broken(Fault),
}

impl Expr {
    /// A node, each field written where it stays: made on the stack and moved there it would take as long again.
    #[inline(always)]
    pub(super) fn build(made: Made, data: impl FnOnce() -> OnceCell<Data>) -> Expr {
        let Made { prim, attrs, shape, dtype, place, weak, marks, pending, span, ins } = made;
        // (`Rc::new_uninit` asks for its memory by two calls that are not inlined.)
        let mut node = Rc::new(std::mem::MaybeUninit::<Node>::uninit());
        if let Some(to) = Rc::get_mut(&mut node) {
            let to = to.as_mut_ptr();
            // SAFETY: the node is ours alone; should `data` panic, nothing of it is dropped.
            unsafe {
                (&raw mut (*to).prim).write(prim);
                (&raw mut (*to).attrs).write(attrs);
                (&raw mut (*to).shape).write(shape);
                (&raw mut (*to).dtype).write(dtype);
                (&raw mut (*to).place).write(place);
                (&raw mut (*to).weak).write(weak);
                (&raw mut (*to).literal).write(false);
                (&raw mut (*to).marks).write(marks);
                (&raw mut (*to).pending).write(Cell::new(pending));
                (&raw mut (*to).span).write(span);
                (&raw mut (*to).seen).write(Cell::new(false));
                (&raw mut (*to).read).write(Cell::new(false));
                (&raw mut (*to).item).write(Cell::new((0, 0)));
                (&raw mut (*to).ins).write(RefCell::new(ins));
                (&raw mut (*to).data).write(data());
            }
        }
        // SAFETY: all of it was just written (a fresh node has one handle, so that `get_mut` gave it; a field that is
        // added fails to compile, below `Drop`).
        Expr(unsafe { node.assume_init() })
    }

    /// A realised node that lies row-major without gaps in a buffer of its own.
    #[inline(always)]
    pub(super) fn made(buffer: Arc<Buffer>, shape: &Shape, dtype: DType, place: Place) -> Expr {
        let layout = || Layout { shape: shape.clone(), strides: shape.strides(), offset: 0 };
        Expr::of_data(shape.clone(), dtype, place, || OnceCell::from(Data::Buffer(buffer, layout())))
    }

    #[inline(always)]
    fn of_data(shape: Shape, dtype: DType, place: Place, data: impl FnOnce() -> OnceCell<Data>) -> Expr {
        let made = Made {
            prim: &super::leaf::DATA,
            attrs: Attrs::new(),
            shape,
            dtype,
            place,
            weak: false,
            marks: Marks::default(),
            pending: 0,
            span: Span::default(),
            ins: Ins::new(),
        };
        Expr::build(made, data)
    }

    /// A realised node.
    #[inline(always)]
    pub fn realised(data: Data, shape: Shape, dtype: DType, place: Place) -> Expr {
        Expr::of_data(shape, dtype, place, || OnceCell::from(data))
    }

    /// An array from host data; shares its buffer.
    pub fn from_host(host: Host, place: Place) -> Expr {
        let shape = host.shape().clone();
        Expr::realised(Data::Buffer(host.buffer, host.layout), shape, host.dtype, place)
    }

    /// An array of the given elements, row-major.
    pub fn from_slice<T: Elem>(shape: &[usize], data: &[T]) -> Result<Expr> {
        Ok(Expr::from_host(Host::from_slice(Shape::new(shape), data)?, Place::Array))
    }

    /// One number of a dtype of its own, stretched to `shape`.
    #[inline]
    pub fn full(shape: Shape, bits: u64, dtype: DType, place: Place) -> Expr {
        Expr::of_data(shape, dtype, place, || OnceCell::from(Data::Number(bits)))
    }

    /// A weak number: int, float or bool.
    pub fn weak<T: Elem>(x: T) -> Expr {
        Expr::weak_bits(bits_of(x), T::DTYPE)
    }

    /// A weak number by its bits, in the dtype of its kind.
    pub(super) fn weak_bits(bits: u64, dtype: DType) -> Expr {
        let mut e = Expr::full(Shape::scalar(), bits, dtype, Place::Array);
        if let Some(node) = Rc::get_mut(&mut e.0) {
            node.weak = true;
        }
        e
    }

    /// The node of a number as one that stands for it wherever it is written.
    pub(super) fn into_literal(mut self) -> Expr {
        if let Some(node) = Rc::get_mut(&mut self.0) {
            node.literal = true;
        }
        self
    }

    /// A value that is not there; the fault comes out where it is used.
    pub fn broken(fault: Fault) -> Expr {
        Expr::realised(Data::Broken(fault), Shape::scalar(), DType::F64, Place::Array)
    }

    /// An array of which only the type is known; of use while the engine is blind.
    pub fn untold(shape: Shape, dtype: DType, place: Place, weak: bool) -> Expr {
        let mut e = Expr::of_data(shape, dtype, place, OnceCell::new);
        if let Some(node) = Rc::get_mut(&mut e.0) {
            (node.weak, node.pending) = (weak, Cell::new(1));
        }
        e
    }

    pub fn shape(&self) -> &Shape {
        &self.0.shape
    }

    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    pub fn place(&self) -> Place {
        self.0.place
    }

    pub fn rank(&self) -> usize {
        self.0.shape.rank()
    }

    pub fn size(&self) -> usize {
        self.0.shape.size()
    }

    pub fn is_weak(&self) -> bool {
        self.0.weak
    }

    pub fn prim(&self) -> &'static Prim {
        self.0.prim
    }

    pub fn attrs(&self) -> &Attrs {
        &self.0.attrs
    }

    pub fn node(&self) -> &Node {
        &self.0
    }

    /// The inputs that are still held.
    pub fn ins(&self) -> Ins {
        self.0.ins.borrow().clone()
    }

    /// Runs `look` on the inputs without cloning them.
    #[inline(always)]
    pub fn with_ins<R>(&self, look: impl FnOnce(&[Expr]) -> R) -> R {
        look(&self.0.ins.borrow())
    }

    /// The inputs without asking whether somebody takes them meanwhile.
    ///
    /// # Safety
    /// The node is not realised while they are looked at.
    #[inline(always)]
    pub unsafe fn ins_as_they_are(&self) -> &[Expr] {
        // SAFETY: only realising a node and dropping it change its inputs.
        unsafe { &*self.0.ins.as_ptr() }
    }

    /// Identity: the same node.
    pub fn same(&self, other: &Expr) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// A number that names the node while it lives.
    pub fn id(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }

    /// How many handles there are on the node.
    pub fn holders(&self) -> usize {
        Rc::strong_count(&self.0)
    }

    pub fn is_realised(&self) -> bool {
        self.0.data.get().is_some()
    }

    pub fn data(&self) -> Option<&Data> {
        self.0.data.get()
    }

    pub fn is_broken(&self) -> bool {
        matches!(self.0.data.get(), Some(Data::Broken(_)))
    }

    pub fn fault(&self) -> Option<Fault> {
        match self.0.data.get() {
            Some(Data::Broken(fault)) => Some(fault.clone()),
            _ => None,
        }
    }

    /// Gives the node its values, and lets its inputs go unless a tape holds them.
    pub fn realise(&self, data: Data) {
        let _ = self.0.data.set(data);
        self.0.pending.set(0);
        if !self.0.marks.held() {
            let ins = std::mem::take(&mut *self.0.ins.borrow_mut());
            drop_deep(ins);
        }
    }

    /// Takes the buffer out if nobody else holds this node or its buffer, and it lies row-major without gaps.
    pub fn into_own_buffer(self) -> Result<(Arc<Buffer>, Layout), Expr> {
        let alone = Rc::strong_count(&self.0) == 1
            && match self.0.data.get() {
                Some(Data::Buffer(b, l)) => Arc::strong_count(b) == 1 && l.is_contiguous() && !self.0.marks.live(),
                _ => false,
            };
        if !alone {
            return Err(self);
        }
        let mut node = self.0;
        match Rc::get_mut(&mut node).and_then(|n| n.data.take()) {
            Some(Data::Buffer(b, l)) => Ok((b, l)),
            _ => Err(Expr(node)),
        }
    }

    /// The values, computed now if they are pending.
    pub fn force(&self) -> Result<&Data> {
        if self.0.data.get().is_none() {
            super::engine::force(std::slice::from_ref(self))?;
        }
        match self.0.data.get() {
            Some(Data::Broken(fault)) => Err(fault.clone()),
            Some(data) => Ok(data),
            None if super::engine::is_blind() => Err(super::engine::unknown()),
            None => Err(Fault::new("internal: a forced value has no data")),
        }
    }

    /// The values as host data. A stretched number is stretched in memory.
    pub fn host(&self) -> Result<Host> {
        let (shape, dtype) = (self.shape().clone(), self.dtype());
        match self.force()? {
            Data::Buffer(buffer, layout) => {
                buffer.fetch()?;
                Ok(Host { dtype, layout: layout.clone(), buffer: buffer.clone() })
            }
            Data::Number(bits) => {
                let strides = SmallVec::from_elem(0, shape.rank());
                let buffer = crate::dispatch!(dtype, T => Buffer::from_slice(&[from_bits::<T>(*bits)]))?;
                Ok(Host { dtype, layout: Layout { shape, strides, offset: 0 }, buffer })
            }
            Data::Broken(fault) => Err(fault.clone()),
        }
    }

    /// The one number of an array of size 1, converted.
    pub fn item<T: Elem>(&self) -> Result<T> {
        let bits = self.item_bits()?;
        Ok(crate::dispatch!(self.dtype(), S => {
            let x = from_bits::<S>(bits);
            if T::DTYPE.is_float() { T::from_f64(x.to_f64()) } else if T::DTYPE == DType::Bool { T::from_i64(x.to_bool() as i64) } else { T::from_i64(x.to_i64()) }
        }))
    }

    /// The bits of the one number of an array of size 1.
    pub fn item_bits(&self) -> Result<u64> {
        if self.size() != 1 {
            return Err(Fault::new(format!("expected one number, found shape {}", self.shape())));
        }
        let dtype = self.dtype();
        match self.force()? {
            Data::Number(bits) => Ok(*bits),
            Data::Buffer(buffer, layout) => {
                buffer.fetch()?;
                Ok(crate::dispatch!(dtype, T => bits_of(buffer.as_slice::<T>()[layout.offset])))
            }
            Data::Broken(fault) => Err(fault.clone()),
        }
    }

    /// `f64[3, 4]`, `f32[128] gpu`: the type as a user reads it.
    pub fn type_name(&self) -> String {
        let mut name = self.dtype().to_string();
        if self.rank() > 0 {
            name += &self.shape().to_string();
        }
        if self.place().is_remote() {
            name += " ";
            name += self.place().name();
        }
        name
    }
}

/// The bits of a number in its own dtype, low bytes first.
pub fn bits_of<T: Elem>(x: T) -> u64 {
    let mut bits = 0u64;
    // SAFETY: every element type has at most 8 bytes.
    unsafe { std::ptr::copy_nonoverlapping((&raw const x).cast::<u8>(), (&raw mut bits).cast::<u8>(), size_of::<T>()) };
    bits
}

/// The number behind bits made by `bits_of::<T>`.
pub fn from_bits<T: Elem>(bits: u64) -> T {
    // SAFETY: written by `bits_of` for the same type.
    unsafe { std::ptr::read_unaligned((&raw const bits).cast::<T>()) }
}

/// Drops inputs without recursion: a chain of a hundred thousand nodes must not use a hundred thousand stack frames. Those
/// that nothing hangs below, or that others hold, go at once.
fn drop_deep(ins: Ins) {
    let mut stack = ins;
    let mut next = stack.pop();
    while let Some(mut e) = next {
        // Most have one input that something hangs below: it is not put aside first.
        next = None;
        if let Some(node) = Rc::get_mut(&mut e.0) {
            for below in std::mem::take(node.ins.get_mut()) {
                if Rc::strong_count(&below.0) == 1 && !below.0.ins.borrow().is_empty() {
                    stack.extend(next.replace(below));
                }
            }
        }
        drop(e);
        next = next.or_else(|| stack.pop());
    }
}

impl Drop for Node {
    #[inline]
    fn drop(&mut self) {
        if !self.ins.get_mut().is_empty() {
            drop_deep(std::mem::take(self.ins.get_mut()));
        }
        if let Some(data) = self.data.get_mut()
            && let Data::Buffer(..) = data
            && let Data::Buffer(buffer, _) = std::mem::replace(data, Data::Number(0))
        {
            Buffer::let_go(buffer);
        }
    }
}

/// A field that is added to a node fails here: `Expr::build` has to write it.
const _: fn(&Node) = |node| {
    let Node {
        prim: _,
        attrs: _,
        shape: _,
        dtype: _,
        place: _,
        weak: _,
        literal: _,
        marks: _,
        pending: _,
        span: _,
        seen: _,
        read: _,
        item: _,
        ins: _,
        data: _,
    } = node;
};

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}:{}", self.prim().name, self.type_name())
    }
}
