//! Trace: the pending graph below some roots as a flat list, inputs before users, with a key of its structure.
//!
//! In: roots. Out: items that name each other by index, the leaves with their values, and the key: two graphs with
//! one key get one plan. Values of numbers, buffers and offsets are not part of it: they are passed at launch.

use std::cell::{Cell, OnceCell};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use smallvec::SmallVec;

use super::kernel::BASE;
use crate::base::{DType, Layout, Shape};
use crate::graph::expr::Node;
use crate::graph::prim::Body;
use crate::graph::{Attrs, Data, Expr, Prim};

/// A flat graph.
pub struct Trace {
    /// What planning looks at.
    pub items: Items,
    /// The node behind each item.
    pub nodes: Rc<Vec<Expr>>,
    /// Items whose values are wanted.
    pub roots: Vec<u32>,
    /// Products that somebody outside this graph may ask for again, or for what is made of them.
    pub held: Vec<u32>,
    pub key: Key,
}

/// The items of a flat graph. Only planning asks for them, and a graph whose plan is known is not planned: they are made
/// when they are first looked at, of what the graph was when it was traced.
pub struct Items {
    nodes: Rc<Vec<Expr>>,
    kinds: Vec<Kind>,
    /// The items that each item reads, one after the other.
    ins: Vec<u32>,
    made: OnceCell<Vec<Item>>,
}

/// What an item was when it was traced, the number of its device, and the end of what it reads.
#[derive(Clone, Copy)]
struct Kind {
    tag: u8,
    device: u8,
    end: u32,
}

const BUFFER: u8 = 1;
const NUMBER: u8 = 2;
const OP: u8 = 3;

/// The structure of a graph, and its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    hash: u64,
    words: Vec<u64>,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// One node of a flat graph.
pub struct Item {
    pub shape: Shape,
    pub dtype: DType,
    /// The number of the device that computes it; a view has its input's.
    pub device: u8,
    pub what: What,
}

pub enum What {
    /// A realised array; offsets are relative to its own first element.
    Buffer(Layout),
    /// One number.
    Number,
    Op {
        prim: &'static Prim,
        attrs: Attrs,
        ins: SmallVec<[u32; 4]>,
    },
}

thread_local! {
    /// The number of the last trace: nodes carry the number of the trace that saw them last, and their item's.
    static TRACES: Cell<u32> = const { Cell::new(0) };
}

/// Flattens what is pending below the roots. Pending nodes that an earlier plan already computed on the way to
/// something else become roots too: nothing is computed a third time.
pub fn trace(roots: &[Expr]) -> Trace {
    let number = TRACES.get().wrapping_add(1).max(1);
    TRACES.set(number);
    // Two items for every pending node, as in `x * 2`: more is rare.
    let pending: usize = roots.iter().map(|r| r.node().pending.get() as usize).sum();
    let items = 2 * pending.min(2000) + 4;
    let mut flat = Flat {
        number,
        nodes: Vec::with_capacity(items),
        kinds: Vec::with_capacity(items),
        ins: Vec::with_capacity(items),
        key: Vec::with_capacity(3 * items),
        roots: vec![],
        products: false,
        seen: false,
    };
    // Nodes some of whose inputs are not items yet, and which inputs are next.
    let mut stack: Vec<(&Expr, std::slice::Iter<Expr>)> = Vec::with_capacity(32);
    for root in roots {
        if !flat.meet(root) {
            continue;
        }
        let (mut e, mut rest) = (root, flat.ins_of(root).iter());
        loop {
            if let Some(below) = rest.find(|i| flat.meet(i)) {
                stack.push((e, rest));
                (e, rest) = (below, flat.ins_of(below).iter());
                continue;
            }
            flat.op(e);
            match stack.pop() {
                Some(above) => (e, rest) = above,
                None => break,
            }
        }
    }
    flat.finish(roots)
}

/// A trace in the making.
struct Flat {
    number: u32,
    nodes: Vec<Expr>,
    kinds: Vec<Kind>,
    ins: Vec<u32>,
    roots: Vec<u32>,
    key: Vec<u64>,
    /// Whether some item is a product.
    products: bool,
    /// Whether some node was computed before, without being kept.
    seen: bool,
}

impl Flat {
    /// The item of a node, if this trace has seen it.
    fn item(&self, e: &Expr) -> Option<u32> {
        let (number, item) = e.node().item.get();
        (number == self.number).then_some(item)
    }

    fn finish(mut self, roots: &[Expr]) -> Trace {
        for r in roots {
            if let Some(item) = self.item(r) {
                root(&mut self.roots, &mut self.key, item);
            }
        }
        let nodes = Rc::new(self.nodes);
        let items = Items { nodes: nodes.clone(), kinds: self.kinds, ins: self.ins, made: OnceCell::new() };
        if self.seen {
            for item in items.third(&self.roots) {
                root(&mut self.roots, &mut self.key, item);
            }
        }
        let held = if self.products { items.held(&self.roots) } else { vec![] };
        self.key.extend(held.iter().map(|&item| 0x4E1D_0000_0000 | item as u64));
        let hash = hash_of(&self.key);
        Trace { items, nodes, roots: self.roots, held, key: Key { hash, words: self.key } }
    }

    /// The inputs of a node below the roots.
    #[inline(always)]
    fn ins_of<'a>(&self, e: &'a Expr) -> &'a [Expr] {
        // SAFETY: nothing is realised, nor let go, while a graph is traced.
        unsafe { e.ins_as_they_are() }
    }

    /// Whether the node is pending and its inputs must become items before it does. Leaves become items here; but a literal
    /// does where it is used, each time.
    #[inline(always)]
    fn meet(&mut self, e: &Expr) -> bool {
        if e.node().literal || self.item(e).is_some() {
            return false;
        }
        if e.is_realised() {
            e.node().item.set((self.number, self.nodes.len() as u32));
            self.leaf(e.clone());
            return false;
        }
        true
    }

    fn leaf(&mut self, e: Expr) {
        let node = e.node();
        let tag = if let Some(Data::Buffer(_, layout)) = e.data() {
            self.key.push(head(BUFFER, e.place().device(), node.dtype, node.shape.rank(), 0));
            sizes(&mut self.key, &layout.shape);
            self.key.extend(layout.strides.iter().map(|&s| s as u64));
            BUFFER
        } else {
            self.key.push(head(NUMBER, 0, node.dtype, node.shape.rank(), 0));
            sizes(&mut self.key, &node.shape);
            NUMBER
        };
        self.kinds.push(Kind { tag, device: e.place().device(), end: self.ins.len() as u32 });
        self.nodes.push(e);
    }

    /// The item of an input, and how the key names it. A number that is written beside an array becomes one here, for an operation
    /// whose inputs begin at `first`; its place among the items follows from the rest of the key.
    #[inline(always)]
    fn input(&mut self, e: &Expr, first: usize) -> (u32, u32) {
        let node = e.node();
        if !node.literal {
            debug_assert!(self.item(e).is_some(), "inputs come before their users");
            let item = node.item.get().1;
            return (item, item);
        }
        let item = self.nodes.len() as u32;
        self.kinds.push(Kind { tag: NUMBER, device: 0, end: first as u32 });
        self.nodes.push(e.clone());
        (item, LITERAL | node.dtype as u32)
    }

    /// A pending node whose inputs are items, but for literals.
    #[inline(always)]
    fn op(&mut self, e: &Expr) {
        let node = e.node();
        let first = self.ins.len();
        let all = self.ins_of(e);
        let prim = std::ptr::from_ref(node.prim) as u64;
        let shape: &[usize] = &node.shape;
        if let [a, b] = all {
            let (a, b) = (self.input(a, first), self.input(b, first));
            self.ins.extend_from_slice(&[a.0, b.0]);
            let head = self.op_head(node, shape.len(), first);
            let names = pair(a.1, b.1);
            if let &[n] = shape {
                self.key.extend_from_slice(&[head, prim, names, n as u64]);
            } else {
                self.key.extend_from_slice(&[head, prim, names]);
                sizes(&mut self.key, shape);
            }
        } else {
            let mut names: SmallVec<[u32; 4]> = SmallVec::new();
            for i in all {
                let (item, name) = self.input(i, first);
                self.ins.push(item);
                names.push(name);
            }
            let head = self.op_head(node, shape.len(), first);
            self.key.extend_from_slice(&[head, prim]);
            self.key.extend(names.chunks(2).map(|two| pair(two[0], two.get(1).copied().unwrap_or(0))));
            sizes(&mut self.key, shape);
        }
        for attr in &node.attrs {
            attr.key(&mut self.key);
        }
        self.seen |= node.seen.get();
        node.item.set((self.number, self.nodes.len() as u32));
        self.nodes.push(e.clone());
    }

    /// The word that begins an operation whose inputs begin at `first`; its kind is noted.
    #[inline(always)]
    fn op_head(&mut self, node: &Node, rank: usize, first: usize) -> u64 {
        let mut device = node.place.device();
        let ins = &self.ins[first..];
        match &node.prim.body {
            Body::View(_) => device = ins.first().map_or(0, |&i| self.kinds[i as usize].device),
            body => {
                self.products |= matches!(body, Body::Contract);
                if device > 0 {
                    let dtypes: SmallVec<[DType; 4]> = ins.iter().map(|&i| self.nodes[i as usize].dtype()).collect();
                    if !crate::device::takes(device, node.prim, &dtypes, node.dtype) {
                        device = 0;
                    }
                }
            }
        }
        let word = head(OP, device, node.dtype, rank, ins.len());
        self.kinds.push(Kind { tag: OP, device, end: self.ins.len() as u32 });
        word
    }
}

/// How the key names an input that is a literal, beside its dtype: no item has such a number.
const LITERAL: u32 = 1 << 31;

#[inline(always)]
fn pair(a: u32, b: u32) -> u64 {
    a as u64 | (b as u64) << 32
}

fn root(roots: &mut Vec<u32>, key: &mut Vec<u64>, item: u32) {
    if !roots.contains(&item) {
        roots.push(item);
        key.push(0xF007_0000_0000 | item as u64);
    }
}

/// The word that begins an item: its kind, where it is, its dtype, its rank, how many inputs; then come its sizes.
#[inline(always)]
fn head(tag: u8, device: u8, dtype: DType, rank: usize, inputs: usize) -> u64 {
    tag as u64 | (device as u64) << 8 | (dtype as u64) << 16 | (rank as u64) << 24 | (inputs as u64) << 32
}

#[inline(always)]
fn sizes(key: &mut Vec<u64>, shape: &[usize]) {
    key.extend(shape.iter().map(|&d| d as u64));
}

impl Trace {
    /// How often items of this graph read an item.
    pub fn users(&self, item: u32) -> usize {
        self.items.ins.iter().filter(|&&k| k == item).count()
    }
}

impl std::ops::Deref for Items {
    type Target = [Item];
    fn deref(&self) -> &[Item] {
        self.made.get_or_init(|| (0..self.kinds.len()).map(|i| self.make(i)).collect())
    }
}

impl Items {
    /// Products that somebody can ask for again: who holds them, or what is made of them and is not kept either. (A training loop that
    /// shows its loss forces the weights, but not yet the optimizer's state: without this both compute the weights' gradient.)
    fn held(&self, roots: &[u32]) -> Vec<u32> {
        let count = self.kinds.len();
        let is_product = |i: usize| self.kinds[i].tag == OP && matches!(self.nodes[i].prim().body, Body::Contract);
        let users = self.readers();
        // What products read is memory, and kept where somebody holds it.
        let mut memory = vec![false; count];
        for &i in (0..count).filter(|&i| is_product(i)).flat_map(|i| self.ins_of(i)) {
            let mut below = i as usize;
            while self.kinds[below].tag == OP && self.nodes[below].prim().is_view() {
                below = self.ins_of(below)[0] as usize;
            }
            memory[below] = true;
        }
        let mut again = vec![false; count];
        for i in (0..count).rev().filter(|&i| self.kinds[i].tag == OP) {
            let held = self.is_held(i, &users);
            again[i] |= held;
            let kept = is_product(i) || held && memory[i] || roots.contains(&(i as u32));
            if again[i] && !kept {
                self.ins_of(i).iter().for_each(|&below| again[below as usize] = true);
            }
        }
        (0..count).filter(|&i| again[i] && is_product(i)).map(|i| i as u32).collect()
    }

    /// Items that a plan computed before without keeping them, and that could be asked for a third time: somebody holds them, or
    /// something that is made of them and is not wanted now.
    fn third(&self, roots: &[u32]) -> Vec<u32> {
        let users = self.readers();
        let mut wanted = vec![false; self.kinds.len()];
        roots.iter().for_each(|&item| wanted[item as usize] = true);
        let mut again = vec![false; self.kinds.len()];
        let mut third = vec![];
        for i in (0..self.kinds.len()).rev().filter(|&i| self.kinds[i].tag == OP) {
            if self.nodes[i].node().seen.get() && (again[i] || self.is_held(i, &users)) && !wanted[i] {
                wanted[i] = true;
                third.push(i as u32);
            }
            if !wanted[i] {
                self.ins_of(i).iter().for_each(|&below| again[below as usize] = true);
            }
        }
        third.reverse();
        third
    }

    /// How often items read each item.
    fn readers(&self) -> Vec<usize> {
        let mut users = vec![0; self.kinds.len()];
        self.ins.iter().for_each(|&i| users[i as usize] += 1);
        users
    }

    /// Whether somebody outside the graph holds an item.
    fn is_held(&self, i: usize, users: &[usize]) -> bool {
        let node = &self.nodes[i];
        node.node().marks.live() || node.holders() > 1 + users[i]
    }

    /// The items that an item reads.
    fn ins_of(&self, i: usize) -> &[u32] {
        let first = if i == 0 { 0 } else { self.kinds[i - 1].end };
        &self.ins[first as usize..self.kinds[i].end as usize]
    }

    fn make(&self, i: usize) -> Item {
        let (e, kind) = (&self.nodes[i], self.kinds[i]);
        let what = match (kind.tag, e.data()) {
            (BUFFER, Some(Data::Buffer(_, layout))) => What::Buffer(Layout { offset: BASE, ..layout.clone() }),
            (OP, _) => What::Op { prim: e.prim(), attrs: e.attrs().clone(), ins: self.ins_of(i).into() },
            _ => What::Number,
        };
        Item { shape: e.shape().clone(), dtype: e.dtype(), device: kind.device, what }
    }
}

/// A hash of a structure, in four strands: each step of one waits for the one before it.
fn hash_of(words: &[u64]) -> u64 {
    let mut strands = [0u64, 1, 2, 3].map(FxHasher);
    let mut fours = words.chunks_exact(4);
    for four in &mut fours {
        strands.iter_mut().zip(four).for_each(|(strand, &word)| strand.write_u64(word));
    }
    let mut hash = FxHasher(words.len() as u64);
    fours.remainder().iter().for_each(|&word| hash.write_u64(word));
    strands.iter().for_each(|strand| hash.write_u64(strand.0));
    hash.finish()
}

/// A fast hash for keys that are already well mixed or short (multiply and rotate, as in Firefox).
#[derive(Default, Clone, Copy)]
pub struct Fx;

pub struct FxHasher(u64);

impl std::hash::BuildHasher for Fx {
    type Hasher = FxHasher;
    fn build_hasher(&self) -> FxHasher {
        FxHasher(0)
    }
}

impl std::hash::Hasher for FxHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }
    fn write_u64(&mut self, x: u64) {
        self.0 = (self.0.rotate_left(5) ^ x).wrapping_mul(0x517C_C1B7_2722_0A95);
    }
    fn write_usize(&mut self, x: usize) {
        self.write_u64(x as u64);
    }
}
