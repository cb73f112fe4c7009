//! Trace: the pending graph below some roots as a flat list, inputs before users, with a key of its structure.
//!
//! In: roots. Out: items that name each other by index, the leaves with their values, and the key: two graphs with
//! one key get one plan. Values of numbers, buffers and offsets are not part of it: they are passed at launch.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::kernel::BASE;
use crate::base::{DType, Layout, Shape};
use crate::graph::{Attrs, Data, Expr, Prim};

/// A flat graph.
pub struct Trace {
    pub items: Vec<Item>,
    /// The node behind each item.
    pub nodes: Vec<Expr>,
    /// Items whose values are wanted.
    pub roots: Vec<u32>,
    pub key: Vec<u64>,
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

/// Flattens what is pending below the roots. Pending nodes that an earlier plan already computed on the way to
/// something else become roots too: nothing is computed a third time.
pub fn trace(roots: &[Expr]) -> Trace {
    let mut t = Trace { items: vec![], nodes: vec![], roots: vec![], key: Vec::with_capacity(64) };
    let mut index: HashMap<usize, u32, Fx> = HashMap::default();
    let mut stack: Vec<(Expr, bool)> = roots.iter().rev().map(|r| (r.clone(), false)).collect();
    while let Some((e, inputs_done)) = stack.pop() {
        if index.contains_key(&e.id()) {
            continue;
        }
        if !inputs_done && !e.is_realised() {
            stack.push((e.clone(), true));
            e.with_ins(|ins| stack.extend(ins.iter().rev().map(|i| (i.clone(), false))));
            continue;
        }
        index.insert(e.id(), t.items.len() as u32);
        t.push(e, &index);
    }
    for r in roots {
        t.root(index[&r.id()]);
    }
    for i in 0..t.items.len() as u32 {
        if matches!(t.items[i as usize].what, What::Op { .. }) && t.nodes[i as usize].node().seen.get() {
            t.root(i);
        }
    }
    t
}

impl Trace {
    fn root(&mut self, item: u32) {
        if !self.roots.contains(&item) {
            self.roots.push(item);
            self.key.push(0xF007_0000_0000 | item as u64);
        }
    }

    /// How often items of this graph read an item.
    pub fn users(&self, item: u32) -> usize {
        let reads = |i: &Item| match &i.what {
            What::Op { ins, .. } => ins.iter().filter(|&&k| k == item).count(),
            _ => 0,
        };
        self.items.iter().map(reads).sum()
    }

    fn push(&mut self, e: Expr, index: &HashMap<usize, u32, Fx>) {
        let mut device = e.place().device();
        let what = match e.data() {
            Some(Data::Buffer(_, layout)) => {
                let layout = Layout { offset: BASE, ..layout.clone() };
                self.key.extend([1 | (device as u64) << 8, e.dtype() as u64, layout.shape.rank() as u64]);
                self.key.extend(layout.shape.iter().map(|&d| d as u64));
                self.key.extend(layout.strides.iter().map(|&s| s as u64));
                What::Buffer(layout)
            }
            Some(_) => {
                self.key.extend([2, e.dtype() as u64, e.rank() as u64]);
                self.key.extend(e.shape().iter().map(|&d| d as u64));
                What::Number
            }
            None => {
                let ins: SmallVec<[u32; 4]> = e.with_ins(|ins| ins.iter().map(|i| index[&i.id()]).collect());
                if e.prim().is_view() {
                    device = ins.first().map_or(0, |&i| self.items[i as usize].device);
                } else if device > 0 {
                    let dtypes: SmallVec<[DType; 4]> = ins.iter().map(|&i| self.items[i as usize].dtype).collect();
                    if !crate::device::takes(device, e.prim(), &dtypes, e.dtype()) {
                        device = 0;
                    }
                }
                let prim = std::ptr::from_ref(e.prim()) as u64;
                self.key.extend([3 | (device as u64) << 8, prim, e.dtype() as u64, ins.len() as u64]);
                self.key.extend(ins.iter().map(|&i| i as u64));
                self.key.push(e.rank() as u64);
                self.key.extend(e.shape().iter().map(|&d| d as u64));
                for attr in e.attrs() {
                    attr.key(&mut self.key);
                }
                What::Op { prim: e.prim(), attrs: e.attrs().clone(), ins }
            }
        };
        self.items.push(Item { shape: e.shape().clone(), dtype: e.dtype(), device, what });
        self.nodes.push(e);
    }
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
