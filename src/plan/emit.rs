//! Emit: a group of written items becomes a kernel: code in registers, views as layouts of loads.
//!
//! In: a trace, what is written, a group. Out: kernels, or the item that must be written first because strides cannot
//! say a view of it.

use std::collections::HashMap;

use smallvec::{SmallVec, smallvec};

use super::fuse::{self, Group};
use super::kernel::*;
use super::rows::Rows;
use super::trace::{Trace, What};
use crate::base::{DType, Layout, Shape};
use crate::graph::prim::Body;
use crate::graph::{Attr, Attrs, Fold, Index, Leaf, Prim};

/// An item that has to be memory before this can be planned.
pub struct MustWrite(pub u32);

type Emitted<T> = Result<T, MustWrite>;

/// One step from an item's own index space to that of the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Step {
    /// Through the view that is this item.
    View(u32),
    /// Stretched to the shape of this item.
    Stretch(u32),
    /// From the result of this fold to what it folds.
    Unfold(u32),
}

/// Steps, the last one taken first.
type Path = SmallVec<[Step; 4]>;

/// Builds kernels of one trace.
pub struct Emitter<'a> {
    pub trace: &'a Trace,
    /// Which items are memory.
    pub written: &'a [bool],
    /// Slot of each item that has one.
    pub slots: &'a [Option<usize>],
}

/// The kernel being built.
struct Body_ {
    domain: Shape,
    loads: Vec<Load>,
    /// Registers are numbered at the end.
    code: Vec<Line>,
    known: HashMap<(u32, Path), Value>,
    /// The items that this kernel computes: read from their registers, not from memory.
    own: Vec<u32>,
    /// It goes row by row.
    rows: Option<Rows>,
}

/// An instruction whose arguments are not registers yet.
struct Line {
    prim: &'static Prim,
    args: SmallVec<[Value; 3]>,
    dtype: DType,
    item: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Value {
    Load(usize),
    Code(usize),
}

impl Emitter<'_> {
    /// The kernels that write a group.
    pub fn kernels(&self, group: &Group) -> Emitted<Vec<Kernel>> {
        let first = group.items[0];
        if let Some(rows) = &group.rows {
            return Ok(vec![self.rows(group, rows)?]);
        }
        match &self.trace.items[first as usize].what {
            What::Op { prim, attrs, ins } => match &prim.body {
                Body::Map(_) | Body::View(_) | Body::Leaf(_) => Ok(vec![self.store(group)?]),
                Body::Reduce(_) => Ok(vec![self.fold(group)?]),
                Body::Scan(fold) => Ok(vec![self.scan(first, *fold, attrs, ins)?]),
                Body::Contract => Ok(vec![self.contract(first, ins)?]),
                Body::Index(Index::Join) => self.join(first, attrs, ins),
                Body::Index(Index::Place) => self.place(first, attrs, ins),
                Body::Index(kind) => Ok(vec![self.pick_or_put(first, *kind, attrs, ins)?]),
                Body::Sort(..) | Body::Host(_) => Ok(vec![self.host(first, prim, attrs, ins)?]),
            },
            // A leaf that must be copied to lie row-major.
            _ => Ok(vec![self.copy(first)?]),
        }
    }

    fn shape(&self, item: u32) -> &Shape {
        &self.trace.items[item as usize].shape
    }

    fn slot(&self, item: u32) -> usize {
        self.slots[item as usize].expect("written items have slots")
    }

    fn store(&self, group: &Group) -> Emitted<Kernel> {
        let domain = self.shape(group.items[0]).clone();
        let mut b = Body_::new(domain.clone());
        b.own = group.items.clone();
        let mut values = vec![];
        for &i in &group.items {
            values.push((self.root_value(&mut b, i)?, self.slot(i), Layout::contiguous(domain.clone())));
        }
        Ok(b.store(values))
    }

    /// A kernel of rows: every item that is memory is stored, what they need of each other stays in registers.
    fn rows(&self, group: &Group, rows: &Rows) -> Emitted<Kernel> {
        let mut b = Body_::new(rows.domain.clone());
        b.own = group.items.clone();
        b.rows = Some(rows.clone());
        let is_fold = |&i: &u32| matches!(fuse::op(&self.trace.items[i as usize]), Some((p, _)) if p.is_reduce());
        let fold = group.items.iter().copied().find(is_fold).ok_or(MustWrite(group.items[0]))?;
        let mut values = vec![];
        for &i in group.items.iter().filter(|i| self.written[**i as usize]) {
            let full = *self.shape(i) == rows.domain;
            let path: Path = if full { Path::new() } else { smallvec![Step::Unfold(fold)] };
            let v = self.value(&mut b, i, path).map_err(|_| MustWrite(i))?;
            let layout = if full { Layout::contiguous(rows.domain.clone()) } else { row_layout(rows) };
            values.push((v, self.slot(i), layout));
        }
        let n = b.loads.len();
        let outs = values.into_iter().map(|(v, slot, layout)| Out { reg: v.reg(n), slot, layout }).collect();
        Ok(b.finish(Finish::Rows { axes: rows.axes.clone(), outs }))
    }

    fn copy(&self, item: u32) -> Emitted<Kernel> {
        let domain = self.shape(item).clone();
        let mut b = Body_::new(domain.clone());
        let What::Buffer(layout) = &self.trace.items[item as usize].what else { return Err(MustWrite(item)) };
        let slot = self.slots[self.trace.items.len() + item as usize].expect("leaves have slots");
        let v = b.load(Load {
            from: From::Slot(slot),
            dtype: self.trace.items[item as usize].dtype,
            layout: layout.clone(),
        });
        Ok(b.store(vec![(v, self.slot(item), Layout::contiguous(domain))]))
    }

    fn fold(&self, group: &Group) -> Emitted<Kernel> {
        let parts = |i: u32| match &self.trace.items[i as usize].what {
            What::Op { prim: Prim { body: Body::Reduce(fold), .. }, attrs, ins } => (*fold, attrs, ins[0]),
            _ => unreachable!("a fold group holds folds"),
        };
        let (_, attrs, input) = parts(group.items[0]);
        let axes = attrs[0].as_sizes();
        let mut b = Body_::new(self.shape(input).clone());
        let mut values = vec![];
        for &i in &group.items {
            let (fold, _, input) = parts(i);
            values.push((self.value(&mut b, input, Path::new())?, fold, self.slot(i)));
        }
        let n = b.loads.len();
        let outs = values.iter().map(|&(v, fold, slot)| FoldOut { reg: v.reg(n), fold, slot }).collect();
        Ok(b.finish(Finish::Fold { axes, outs }))
    }

    fn scan(&self, item: u32, fold: Fold, attrs: &Attrs, ins: &[u32]) -> Emitted<Kernel> {
        let mut b = Body_::new(self.shape(item).clone());
        let load = self.memory(ins[0])?;
        b.load(load);
        Ok(b.finish(Finish::Scan { axis: attrs[0].as_int() as usize, fold, slot: self.slot(item) }))
    }

    fn contract(&self, item: u32, ins: &[u32]) -> Emitted<Kernel> {
        let halves = fuse::reads_halves(self.trace, item);
        let (mut a, mut c) = (self.seen(ins[0], halves)?, self.seen(ins[1], halves)?);
        let mut domain = self.shape(item).clone();
        if c.layout.shape.rank() == 1 {
            c.layout = with_axis(&c.layout, 1);
            domain.0.push(1);
        }
        if a.layout.shape.rank() == 1 {
            a.layout = with_axis(&a.layout, 0);
            domain.0.insert(domain.rank() - 1, 1);
        }
        for load in [&mut a, &mut c] {
            let r = load.layout.shape.rank();
            let mut to: Shape = domain[..domain.rank() - 2].iter().copied().collect();
            to.0.extend_from_slice(&load.layout.shape[r - 2..]);
            load.layout = load.layout.broadcast(&to);
        }
        let out = Layout::contiguous(domain.clone());
        let made = Layout { offset: BASE, ..out.clone() };
        let product = Load { from: From::Product, dtype: self.trace.items[item as usize].dtype, layout: made };
        let mut b = Body_::new(domain);
        b.loads = vec![a, c, product];
        Ok(b.finish(Finish::Contract { outs: vec![Out { reg: PRODUCT, slot: self.slot(item), layout: out }] }))
    }

    fn join(&self, item: u32, attrs: &Attrs, ins: &[u32]) -> Emitted<Vec<Kernel>> {
        let axis = attrs[0].as_int() as usize;
        let whole = Layout::contiguous(self.shape(item).clone());
        let mut start = 0;
        let mut kernels = vec![];
        for &i in ins {
            let n = self.shape(i)[axis];
            if self.shape(i).size() > 0 {
                let mut b = Body_::new(self.shape(i).clone());
                let v = self.value(&mut b, i, Path::new())?;
                kernels.push(b.store(vec![(v, self.slot(item), whole.slice(axis, start, n, 1))]));
            }
            start += n;
        }
        Ok(kernels)
    }

    fn place(&self, item: u32, attrs: &Attrs, ins: &[u32]) -> Emitted<Vec<Kernel>> {
        let whole = Layout::contiguous(self.shape(item).clone());
        let mut b = Body_::new(self.shape(item).clone());
        let v = self.value(&mut b, ins[0], Path::new())?;
        let mut kernels = vec![b.store(vec![(v, self.slot(item), whole.clone())])];
        if self.shape(ins[1]).size() > 0 {
            let mut b = Body_::new(self.shape(ins[1]).clone());
            let v = self.value(&mut b, ins[1], Path::new())?;
            let (axis, start, step) =
                (attrs[0].as_int() as usize, attrs[1].as_int() as usize, attrs[2].as_int() as isize);
            let part = whole.slice(axis, start, self.shape(ins[1])[axis], step);
            kernels.push(b.store(vec![(v, self.slot(item), part)]));
        }
        Ok(kernels)
    }

    fn pick_or_put(&self, item: u32, kind: Index, attrs: &Attrs, ins: &[u32]) -> Emitted<Kernel> {
        let data = if kind == Index::Gather { 1 } else { 2 };
        let picked = ins.len() - data;
        let rest = self.shape(ins[0]).rank() - picked;
        let index = ins[data..].iter().fold(Shape::scalar(), |s, &i| s.broadcast(self.shape(i)).unwrap_or(s));
        let mut b = Body_::new(self.shape(item).clone());
        for (k, &i) in ins.iter().enumerate() {
            let mut load = self.memory(i)?;
            if k >= data {
                load.layout = load.layout.broadcast(&index);
            } else if k == 1 {
                let to: Shape = index.iter().chain(&self.shape(ins[0])[picked..]).copied().collect();
                load.layout = load.layout.broadcast(&to);
            }
            b.loads.push(load);
        }
        let slot = self.slot(item);
        Ok(b.finish(match kind {
            Index::Gather => {
                let axes = attrs.first().map(Attr::as_ints).unwrap_or_default();
                Finish::Gather { slot, rest, axes: axes.iter().map(|&k| k as usize).collect() }
            }
            _ => Finish::Put { slot, add: kind == Index::Add, rest },
        }))
    }

    fn host(&self, item: u32, prim: &'static Prim, attrs: &Attrs, ins: &[u32]) -> Emitted<Kernel> {
        let mut b = Body_::new(self.shape(item).clone());
        for &i in ins {
            let load = self.memory(i)?;
            b.loads.push(load);
        }
        let (attrs, slot) = (attrs.clone(), self.slot(item));
        Ok(b.finish(match prim.body {
            Body::Sort(sort, _) => Finish::Sort { sort, prim, attrs, slot },
            _ => Finish::Host { prim, attrs, slot },
        }))
    }

    /// An operand as memory: a written item or a leaf, seen through views.
    fn memory(&self, item: u32) -> Emitted<Load> {
        self.seen(item, false)
    }

    /// As `memory`; of an f32 that is made of an f16, the f16 if `halves`.
    fn seen(&self, item: u32, halves: bool) -> Emitted<Load> {
        let mut chain: SmallVec<[u32; 4]> = smallvec![];
        let mut at = item;
        while !self.is_memory(at) {
            let What::Op { prim, ins, .. } = &self.trace.items[at as usize].what else { break };
            if prim.is_view() {
                chain.push(at);
            } else if !(halves && fuse::is_widening(self.trace, at)) {
                return Err(MustWrite(at));
            }
            at = ins[0];
        }
        let path: Path = chain.iter().map(|&v| Step::View(v)).collect();
        self.load_through(at, &path, None)
    }

    fn is_memory(&self, item: u32) -> bool {
        self.written[item as usize] || !matches!(self.trace.items[item as usize].what, What::Op { .. })
    }

    /// The value of an item that this kernel is to write: computed even though it counts as memory.
    fn root_value(&self, b: &mut Body_, item: u32) -> Emitted<Value> {
        let key = (item, Path::new());
        if let Some(&v) = b.known.get(&key) {
            return Ok(v);
        }
        let v = self.compute(b, item, Path::new())?;
        b.known.insert(key, v);
        Ok(v)
    }

    /// The register that holds an item, seen along a path.
    fn value(&self, b: &mut Body_, item: u32, path: Path) -> Emitted<Value> {
        let key = (item, path);
        if let Some(&v) = b.known.get(&key) {
            return Ok(v);
        }
        let v = if b.own.contains(&item) && (key.1.is_empty() || b.rows.is_some()) {
            if self.shape(item) == &b.domain && !key.1.is_empty() && b.rows.is_some() {
                // Elements of a row seen another way are not in its registers.
                return Err(MustWrite(item));
            }
            self.compute(b, item, key.1.clone())?
        } else if self.is_memory(item) {
            b.load(self.load_through(item, &key.1, Some(&b.domain))?)
        } else {
            self.compute(b, item, key.1.clone())?
        };
        b.known.insert(key, v);
        Ok(v)
    }

    fn compute(&self, b: &mut Body_, item: u32, path: Path) -> Emitted<Value> {
        let it = &self.trace.items[item as usize];
        let What::Op { prim, ins, .. } = &it.what else {
            let load = self.load_through(item, &path, Some(&b.domain))?;
            return Ok(b.load(load));
        };
        match &prim.body {
            Body::View(_) => self.value(b, ins[0], extend(&path, Step::View(item))),
            Body::Map(_) => {
                let mut args: SmallVec<[Value; 3]> = smallvec![];
                for &k in ins {
                    let stretched = self.shape(k) != &it.shape;
                    let path = if stretched { extend(&path, Step::Stretch(item)) } else { path.clone() };
                    args.push(self.value(b, k, path)?);
                }
                Ok(b.instruction(Line { prim, args, dtype: it.dtype, item }))
            }
            Body::Reduce(_) if b.own.contains(&item) => self.row_value(b, item, prim, ins[0], &path),
            Body::Leaf(Leaf::Position(fill, _)) => {
                let mut layout = Layout::contiguous(it.shape.clone());
                layout.offset = BASE;
                let layout = self.walk(layout, &path, Some(&b.domain))?;
                let ins = ins.iter().map(|&k| self.number_slot(k)).collect::<Emitted<_>>()?;
                Ok(b.load(Load { from: From::Position { prim, fill: *fill, ins }, dtype: it.dtype, layout }))
            }
            _ => Err(MustWrite(item)),
        }
    }

    /// The value of a fold in a kernel of rows, where each element takes that of its own row.
    fn row_value(&self, b: &mut Body_, item: u32, prim: &'static Prim, input: u32, path: &Path) -> Emitted<Value> {
        let rows = b.rows.clone().ok_or(MustWrite(item))?;
        let it = &self.trace.items[item as usize];
        let layout = Layout { offset: BASE, ..Layout::contiguous(it.shape.clone()) };
        let seen = self.walk(layout, path, Some(&b.domain))?;
        let own = row_layout(&rows);
        let same = seen.strides.iter().zip(&own.strides).zip(rows.domain.iter()).all(|((a, b), &n)| n == 1 || a == b);
        if seen.offset != BASE || !same || *self.shape(input) != rows.domain {
            return Err(MustWrite(item));
        }
        let key = (item, Path::new());
        if let Some(&v) = b.known.get(&key) {
            return Ok(v);
        }
        let x = self.value(b, input, Path::new())?;
        b.code.push(Line { prim, args: smallvec![x], dtype: it.dtype, item });
        let v = Value::Code(b.code.len() - 1);
        b.known.insert(key, v);
        Ok(v)
    }

    /// The slot of an input that must be one number.
    fn number_slot(&self, item: u32) -> Emitted<usize> {
        if !self.is_memory(item) {
            return Err(MustWrite(item));
        }
        self.read_slot(item)
    }

    fn read_slot(&self, item: u32) -> Emitted<usize> {
        let leaf = !matches!(self.trace.items[item as usize].what, What::Op { .. });
        let at =
            if leaf && !self.written[item as usize] { self.trace.items.len() + item as usize } else { item as usize };
        self.slots[at].ok_or(MustWrite(item))
    }

    fn load_through(&self, item: u32, path: &Path, domain: Option<&Shape>) -> Emitted<Load> {
        let it = &self.trace.items[item as usize];
        let layout = match &it.what {
            What::Buffer(layout) if !self.written[item as usize] => layout.clone(),
            What::Number => {
                let strides = SmallVec::from_elem(0, it.shape.rank());
                Layout { shape: it.shape.clone(), strides, offset: BASE }
            }
            _ => Layout { offset: BASE, ..Layout::contiguous(it.shape.clone()) },
        };
        let layout = self.walk(layout, path, domain)?;
        Ok(Load { from: From::Slot(self.read_slot(item)?), dtype: it.dtype, layout })
    }

    /// The layout of a fold's result (the folded axes left out, or of size 1) over what it folds.
    fn unfold(&self, mut layout: Layout, fold: u32) -> Layout {
        let What::Op { attrs, ins, .. } = &self.trace.items[fold as usize].what else { return layout };
        let domain = self.shape(ins[0]);
        if layout.shape.rank() < domain.rank() {
            for k in attrs[0].as_sizes() {
                layout = with_axis(&layout, k);
            }
        }
        layout.broadcast(domain)
    }

    /// A layout after the steps of a path, stretched to the domain.
    fn walk(&self, mut layout: Layout, path: &Path, domain: Option<&Shape>) -> Emitted<Layout> {
        for &step in path.iter().rev() {
            layout = match step {
                Step::Stretch(to) => layout.broadcast(self.shape(to)),
                Step::Unfold(fold) => self.unfold(layout, fold),
                Step::View(v) => {
                    let What::Op { prim, attrs, ins } = &self.trace.items[v as usize].what else { continue };
                    let Body::View(index) = &prim.body else { continue };
                    // What the view looks at has to lie row-major: written, or copied if it is a leaf.
                    index(&layout, attrs, self.shape(v)).ok_or(MustWrite(ins[0]))?
                }
            };
        }
        Ok(match domain {
            Some(domain) if layout.shape != *domain => layout.broadcast(domain),
            _ => layout,
        })
    }
}

/// The layout of one value a row, over the domain.
fn row_layout(rows: &Rows) -> Layout {
    let kept: Shape =
        (0..rows.domain.rank()).map(|k| if rows.axes.contains(&k) { 1 } else { rows.domain[k] }).collect();
    let mut layout = Layout::contiguous(kept);
    for &k in &rows.axes {
        (layout.shape.0[k], layout.strides[k]) = (rows.domain[k], 0);
    }
    layout
}

fn extend(path: &Path, step: Step) -> Path {
    let mut out = path.clone();
    out.push(step);
    out
}

fn with_axis(layout: &Layout, at: usize) -> Layout {
    let mut out = layout.clone();
    out.shape.0.insert(at, 1);
    out.strides.insert(at, 0);
    out
}

impl Value {
    fn reg(self, loads: usize) -> Reg {
        match self {
            Value::Load(i) => i as Reg,
            Value::Code(i) => (loads + i) as Reg,
        }
    }
}

impl Body_ {
    fn new(domain: Shape) -> Body_ {
        Body_ { domain, loads: vec![], code: vec![], known: HashMap::new(), own: vec![], rows: None }
    }

    /// The register of a load; equal loads are one.
    fn load(&mut self, load: Load) -> Value {
        let slot = |l: &Load| match &l.from {
            From::Slot(s) => Some(*s),
            From::Position { .. } | From::Product => None,
        };
        let same = |l: &Load| slot(l).is_some() && slot(l) == slot(&load) && l.layout == load.layout;
        if let Some(i) = self.loads.iter().position(same) {
            return Value::Load(i);
        }
        self.loads.push(load);
        Value::Load(self.loads.len() - 1)
    }

    /// The register of an instruction; equal ones are one, as gradients often have them.
    fn instruction(&mut self, line: Line) -> Value {
        let same = |l: &Line| std::ptr::eq(l.prim, line.prim) && l.args == line.args && l.dtype == line.dtype;
        let known = self.code.iter().position(same);
        Value::Code(known.unwrap_or_else(|| {
            self.code.push(line);
            self.code.len() - 1
        }))
    }

    fn store(self, values: Vec<(Value, usize, Layout)>) -> Kernel {
        let n = self.loads.len();
        let outs = values.into_iter().map(|(v, slot, layout)| Out { reg: v.reg(n), slot, layout }).collect();
        self.finish(Finish::Store(outs))
    }

    fn finish(self, finish: Finish) -> Kernel {
        let n = self.loads.len();
        let inst = |Line { prim, args, dtype, item }: Line| {
            let args = args.iter().map(|a| a.reg(n)).collect();
            Inst { prim, args, dtype, item }
        };
        let code = self.code.into_iter().map(inst).collect();
        Kernel { domain: self.domain, loads: self.loads, code, finish }
    }
}
