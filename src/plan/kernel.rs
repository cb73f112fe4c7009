//! Kernels: what back ends see. A kernel is a tree of maps over views, finished by at most one fold, scan, product,
//! pick or put; or maps and folds over the rows of one domain. Back ends know families and layouts, never an op's name.

use smallvec::SmallVec;

use crate::base::{DType, Layout, Shape};
use crate::graph::prim::PositionFn;
use crate::graph::{Attrs, Fold, Prim, Sort};

/// Offsets of loads are counted from here, so that a view that walks backwards stays positive in a `Layout`.
pub const BASE: usize = 1 << 60;

/// A place for one array (or number) while a plan runs.
#[derive(Clone, Debug)]
pub struct Slot {
    pub dtype: DType,
    pub kind: SlotKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SlotKind {
    /// Leaf number n of the graph that is forced.
    Leaf(usize),
    /// A leaf that is one number: no memory, its bits are passed.
    Number(usize),
    /// Made by the plan: row-major, this many elements.
    Made(usize),
}

impl Slot {
    /// Bytes of what the plan makes there; none of what it is given.
    pub fn bytes(&self) -> Option<usize> {
        match self.kind {
            SlotKind::Made(n) => Some(n.saturating_mul(self.dtype.size())),
            SlotKind::Leaf(_) | SlotKind::Number(_) => None,
        }
    }
}

/// A register of a kernel: loads come first, then one per instruction.
pub type Reg = u16;

/// The register of a product.
pub const PRODUCT: Reg = 2;

/// One launch.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The index space.
    pub domain: Shape,
    pub loads: Vec<Load>,
    pub code: Vec<Inst>,
    pub finish: Finish,
}

/// What a register holds at each index of the domain before any instruction.
#[derive(Debug, Clone)]
pub struct Load {
    pub from: From,
    pub dtype: DType,
    /// Over the domain. For a slot, element positions relative to the array's first element, plus `BASE`; for a position, the row-major position itself, plus `BASE`.
    pub layout: Layout,
}

#[derive(Debug, Clone)]
pub enum From {
    Slot(usize),
    /// The product of loads 0 and 1; as load 2 of a kernel that ends with one.
    Product,
    /// Values made from their own position; `ins` are slots of single numbers.
    Position {
        prim: &'static Prim,
        fill: PositionFn,
        ins: SmallVec<[usize; 2]>,
    },
}

/// One elementwise instruction; in a kernel of rows also a fold of each row.
#[derive(Debug, Clone)]
pub struct Inst {
    pub prim: &'static Prim,
    pub args: SmallVec<[Reg; 3]>,
    /// The result's.
    pub dtype: DType,
    /// The item of the graph that it computes; of several equal ones the first.
    pub item: u32,
}

/// How a kernel ends.
#[derive(Debug, Clone)]
pub enum Finish {
    /// Registers written to memory.
    Store(Vec<Out>),
    /// Row by row, the rows being these axes, the last ones: instructions may be folds of a row, whose value other
    /// instructions take for every element of it. What is stored of a row's value has stride 0 along the axes.
    Rows { axes: SmallVec<[usize; 4]>, outs: Vec<Out> },
    /// Registers folded over some axes of the domain.
    Fold { axes: SmallVec<[usize; 4]>, outs: Vec<FoldOut> },
    /// Register 0 folded along one axis, every intermediate value kept.
    Scan { axis: usize, fold: Fold, slot: usize },
    /// Loads 0 `[…, m, k]` and 1 `[…, k, n]` multiplied; the domain is `[…, m, n]`, both have its leading axes. The product
    /// is load 2: registers are computed from it, and from further loads over the domain, while it is at hand.
    Contract { outs: Vec<Out> },
    /// Load 0 read at the indices in loads 1…; `rest` trailing axes of load 0 are copied whole. `axes` are what a fault calls
    /// the axes that are read at indices, where those are not the first of the array that the user has.
    Gather { slot: usize, rest: usize, axes: SmallVec<[usize; 4]> },
    /// Load 1 written (or added) into a copy of load 0 at the indices in loads 2….
    Put { slot: usize, add: bool, rest: usize },
    /// Load 0 sorted along attribute `axis`, `descending` or not; the body of `prim` does it on the host.
    Sort { sort: Sort, prim: &'static Prim, attrs: Attrs, slot: usize },
    /// A function of the host over whole arrays.
    Host { prim: &'static Prim, attrs: Attrs, slot: usize },
}

#[derive(Debug, Clone)]
pub struct Out {
    pub reg: Reg,
    pub slot: usize,
    /// Over the domain.
    pub layout: Layout,
}

#[derive(Debug, Clone)]
pub struct FoldOut {
    pub reg: Reg,
    pub fold: Fold,
    pub slot: usize,
}

impl Kernel {
    /// The dtype of a register.
    pub fn dtype(&self, reg: Reg) -> DType {
        let reg = reg as usize;
        self.loads.get(reg).map_or_else(|| self.code[reg - self.loads.len()].dtype, |l| l.dtype)
    }

    /// The slots it reads, each once.
    pub fn reads(&self) -> SmallVec<[usize; 8]> {
        let mut out: SmallVec<[usize; 8]> = SmallVec::new();
        for load in &self.loads {
            match &load.from {
                From::Slot(s) => out.push(*s),
                From::Product => {}
                From::Position { ins, .. } => out.extend(ins.iter().copied()),
            }
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// The slots it writes.
    pub fn writes(&self) -> SmallVec<[usize; 4]> {
        match &self.finish {
            Finish::Store(outs) | Finish::Rows { outs, .. } | Finish::Contract { outs } => {
                outs.iter().map(|o| o.slot).collect()
            }
            Finish::Fold { outs, .. } => outs.iter().map(|o| o.slot).collect(),
            Finish::Scan { slot, .. }
            | Finish::Gather { slot, .. }
            | Finish::Put { slot, .. }
            | Finish::Sort { slot, .. }
            | Finish::Host { slot, .. } => SmallVec::from_elem(*slot, 1),
        }
    }

    /// The slot of a product with which nothing more is done.
    pub fn bare_product(&self) -> Option<usize> {
        match &self.finish {
            Finish::Contract { outs } => match &outs[..] {
                [out] if out.reg == PRODUCT => Some(out.slot),
                _ => None,
            },
            _ => None,
        }
    }

    /// What is done with a product, as a map that reads it in `slot` and need not write it there.
    pub fn epilogue(&self, slot: usize) -> Option<Kernel> {
        let Finish::Contract { outs } = &self.finish else { return None };
        let outs: Vec<Out> = outs.iter().filter(|o| o.slot != slot || o.reg != PRODUCT).cloned().collect();
        if outs.is_empty() {
            return None;
        }
        let mut loads = self.loads[PRODUCT as usize..].to_vec();
        loads[0].from = From::Slot(slot);
        let mut code = self.code.clone();
        code.iter_mut().flat_map(|inst| &mut inst.args).for_each(|a| *a -= PRODUCT);
        let outs = outs.into_iter().map(|o| Out { reg: o.reg - PRODUCT, ..o }).collect();
        Some(Kernel { domain: self.domain.clone(), loads, code, finish: Finish::Store(outs) })
    }

    pub fn family(&self) -> &'static str {
        match &self.finish {
            Finish::Store(_) => "map",
            Finish::Rows { .. } => "rows",
            Finish::Fold { .. } => "reduce",
            Finish::Scan { .. } => "scan",
            Finish::Contract { .. } => "contract",
            Finish::Gather { .. } => "gather",
            Finish::Put { add: false, .. } => "put",
            Finish::Put { add: true, .. } => "scatter_add",
            Finish::Sort { .. } => "sort",
            Finish::Host { .. } => "host",
        }
    }
}
