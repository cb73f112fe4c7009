//! Contractions: batched matrix products of any layout, without copying transposes (strides are passed on).
//!
//! The products themselves are the crate gemm's, but for small ones (`base::product`), those of a matrix and a vector
//! (`thin`), of a column and a row (`outer`) and, on CPUs with AVX2, large ones (`panels`). Floor: 2·m·n·k over the
//! machine's multiply-add peak, or the bytes for thin ones. What is done with a product (a bias, an activation) is done
//! piece by piece, while the piece is in cache.

use gemm::Parallelism;

use super::map::Map;
use super::outer::OuterProduct;
use super::panels::{self, Panels, Side};
use super::simd::{self, Arith, BasicLane, Outer};
use super::tasks::{self, Shared};
use super::thin::Thin;
use super::{Whole, loads};
use crate::base::{Buffer, DType, Fault, Layout, Result, Shape, half, product};
use crate::device::{Bound, Memory, Program};
use crate::plan::kernel::{BASE, Out, PRODUCT};
use crate::plan::{Finish, Kernel, Slot};

/// Operations from which a product is cut both ways, so that the pieces of its sides stay in cache.
const LARGE: usize = 1 << 32;
/// Rows and columns of such a piece, and the depth of a panel: some 40 ms, after which Ctrl-C is seen.
const PIECE: (usize, usize, usize) = (512, 1024, 4096);
/// Bytes of a product that stay in a core's cache until something is done with them.
const CACHED: usize = 1 << 19;
/// Columns from which the rows of a piece are long enough to be gone through one by one.
const WIDE: usize = 256;

pub struct Contract {
    ins: Vec<Whole>,
    /// Where the product lies: one of the plan's slots, or the first behind them.
    slot: usize,
    /// Bytes of the product, where it has no slot of the plan's.
    own: Option<usize>,
    /// `[…, m, n]`.
    domain: Shape,
    then: Option<Map>,
}

/// Where a product may lie: in memory of its own, or in that of the one thing that is made of it.
fn place(kernel: &Kernel, outs: &[Out], slots: &[Slot]) -> Option<usize> {
    let plain = |o: &&Out| o.layout.offset == 0 && o.layout.is_contiguous();
    if let Some(bare) = outs.iter().filter(plain).find(|o| o.reg == PRODUCT) {
        return Some(bare.slot);
    }
    match outs {
        [out] if plain(&out) && slots[out.slot].dtype.size() == kernel.dtype(PRODUCT).size() => Some(out.slot),
        _ => None,
    }
}

/// Whether a product and what is made of it need no more memory than what is asked for.
pub fn fits(kernel: &Kernel, slots: &[Slot]) -> bool {
    matches!(&kernel.finish, Finish::Contract { outs } if place(kernel, outs, slots).is_some())
}

impl Contract {
    pub fn new(kernel: &Kernel, outs: &[Out], slots: &[Slot]) -> Result<Contract> {
        let placed = place(kernel, outs, slots);
        let slot = placed.unwrap_or(slots.len());
        let own = placed.is_none().then(|| kernel.domain.size() * kernel.dtype(PRODUCT).size());
        let map = |then: Kernel| match &then.finish {
            Finish::Store(outs) => Map::new(&then, outs, slots),
            _ => Err(Fault::new("internal: what follows a product is no map")),
        };
        let then = kernel.epilogue(slot).map(map).transpose()?;
        let ins = loads(kernel).into_iter().take(PRODUCT as usize).collect();
        Ok(Contract { ins, slot, own, domain: kernel.domain.clone(), then })
    }

    /// The map that follows, where it is run on each piece as soon as that is there.
    fn at_once(&self, flops: usize, size: usize) -> Option<&Map> {
        let (m, n, _) = self.sizes();
        let pieces = Pieces::new(m, n, flops, Some(size));
        let long = self.many() || pieces.columns == n || pieces.columns >= WIDE;
        self.then.as_ref().filter(|map| map.goes_straight() && flops < LARGE && long)
    }

    /// Whether there are so many products that each thread has some for itself; else the threads share each.
    fn many(&self) -> bool {
        self.batch() >= 2 * tasks::threads()
    }

    fn batch(&self) -> usize {
        self.domain[..self.domain.rank() - 2].iter().product()
    }

    /// What follows, for a piece of the product that begins at element `at`.
    ///
    /// # Safety
    /// The piece is there, and it is nobody else's.
    unsafe fn follow(&self, map: &Map, memory: &Memory, at: usize, (rows, columns): (usize, usize)) {
        let n = self.domain[self.domain.rank() - 1];
        // SAFETY: the caller's.
        unsafe {
            if columns == n {
                return map.range(memory, at, at + rows * n);
            }
            (0..rows).for_each(|i| map.range(memory, at + i * n, at + i * n + columns));
        }
    }

    /// Runs `product(a, b, c)` with the element offsets of every batch.
    fn batches(&self, flops: usize, product: impl Fn(isize, isize, usize, bool) + Sync) -> Result<()> {
        let r = self.domain.rank();
        let batch = self.batch();
        let mn = self.domain[r - 2] * self.domain[r - 1];
        let at = |load: &Whole, b: usize| {
            let (mut rest, mut at) = (b, 0isize);
            for k in (0..r - 2).rev() {
                at += (rest % self.domain[k]) as isize * load.layout.strides[k];
                rest /= self.domain[k];
            }
            at
        };
        let many = self.many();
        let work = |b: usize| product(at(&self.ins[0], b), at(&self.ins[1], b), b * mn, !many);
        if many {
            tasks::run(batch, batch * flops / 20, work)
        } else {
            (0..batch).try_for_each(|b| {
                work(b);
                crate::base::interrupt::check()
            })
        }
    }

    fn sizes(&self) -> (usize, usize, usize) {
        let r = self.domain.rank();
        let k = self.ins[0].layout.shape[self.ins[0].layout.shape.rank() - 1];
        (self.domain[r - 2], self.domain[r - 1], k)
    }

    fn strides(&self, i: usize) -> (isize, isize) {
        let s = &self.ins[i].layout.strides;
        (s[s.len() - 2], s[s.len() - 1])
    }

    /// The product, and what follows it.
    fn float<T: Float>(&self, memory: &Memory) -> Result<()> {
        let (m, n, k) = self.sizes();
        let flops = (2 * m).saturating_mul(n).saturating_mul(k);
        let then = self.at_once(flops, size_of::<T>());
        self.products::<T>(memory, then)?;
        match &self.then {
            Some(map) if then.is_none() => map.launch(memory),
            _ => Ok(()),
        }
    }

    fn products<T: Float>(&self, memory: &Memory, then: Option<&Map>) -> Result<()> {
        let (m, n, k) = self.sizes();
        let (a, b) = (Shared(self.ins[0].base(memory).cast::<T>()), Shared(self.ins[1].base(memory).cast::<T>()));
        let c = Shared(memory.pointer(self.slot, size_of::<T>()).cast::<T>());
        let ((ar, ac), (br, bc)) = (self.strides(0), self.strides(1));
        let flops = (2 * m).saturating_mul(n).saturating_mul(k);
        if let Some(product) = product::small(self.ins[0].dtype, m, n, k) {
            return self.batches(flops, |at_a, at_b, at_c, _| {
                let (a, b, c) = (a, b, c);
                let side = |p: *const T, (row, column)| product::Side { at: p.cast(), row, column };
                // SAFETY: layouts stay inside their arrays; each product writes its own part of the output.
                unsafe {
                    let (a, b) = (a.get().cast_const().offset(at_a), b.get().cast_const().offset(at_b));
                    product(side(a, (ar, ac)), side(b, (br, bc)), c.get().add(at_c).cast(), m, n, k);
                    then.inspect(|map| self.follow(map, memory, at_c, (m, n)));
                };
            });
        }
        self.batches(flops, |at_a, at_b, at_c, alone| {
            let (a, b, c) = (a, b, c);
            // SAFETY: layouts stay inside their arrays.
            let (a, b) = unsafe { (a.get().offset(at_a), b.get().offset(at_b)) };
            // SAFETY: each product writes its own part of the output.
            let c = unsafe { c.get().add(at_c) };
            let whole = Product {
                a: Side { at: a, row: ar, column: ac },
                b: Side { at: b, row: br, column: bc },
                c: Side { at: c, row: n as isize, column: 1 },
                sizes: (m, n, k),
            };
            // SAFETY: as above; what follows a piece touches that piece only.
            let follow = |at: usize, size: (usize, usize)| unsafe {
                then.inspect(|map| self.follow(map, memory, at, size));
            };
            if let Some(thin) = whole.thin()
                && let Some(lanes) = simd::thin(self.ins[0].dtype)
            {
                let size = |count: usize| if n == 1 { (count, 1) } else { (1, count) };
                // SAFETY: as above.
                let done = unsafe { thin.run(lanes, |at, count| follow(at_c + at, size(count))) };
                // As for the panels: without room the crate does it.
                if done.is_ok() || crate::base::interrupt::asked() {
                    return;
                }
            }
            if let Some((outer, lane)) = whole.outer(self.ins[0].dtype) {
                let each = then.map(|_| |(i, j): (usize, usize), size| follow(at_c + i * n + j, size));
                // SAFETY: as above.
                let done = unsafe { outer.run(lane, each) };
                if done.is_ok() || crate::base::interrupt::asked() {
                    return;
                }
            }
            if let Some(panels) = whole.in_tiles(self.ins[0].dtype, then.is_some()) {
                // Ctrl-C is looked at by `batches`; who is one of many finds the team busy.
                // SAFETY: as above.
                let done = unsafe { panels.run(|(i, j), size| follow(at_c + i * n + j, size)) };
                match done {
                    Ok(()) => return,
                    Err(_) if crate::base::interrupt::asked() => return,
                    // No room for the panels: the crate packs less at a time.
                    Err(_) => {}
                }
            }
            if alone {
                let pieces = Pieces::new(m, n, flops, then.map(|_| size_of::<T>()));
                // Ctrl-C is looked at by `batches`.
                let _ = tasks::run(pieces.count, flops / 50, |p| {
                    let (i, j, rows, columns) = pieces.at(p);
                    // SAFETY: as above; a part is one call's.
                    unsafe { whole.part((i, rows), (j, columns), (0, k)).in_panels() };
                    follow(at_c + i * n + j, (rows, columns));
                });
            } else {
                // SAFETY: as above.
                unsafe { whole.in_panels() };
                follow(at_c, (m, n));
            }
        })
    }

    /// Ints: three loops, the inner one over contiguous output.
    fn int(&self, memory: &Memory) -> Result<()> {
        let (m, n, k) = self.sizes();
        let (a, b) = (Shared(self.ins[0].base(memory).cast::<i64>()), Shared(self.ins[1].base(memory).cast::<i64>()));
        let c = Shared(memory.pointer(self.slot, 8).cast::<i64>());
        let ((ar, ac), (br, bc)) = (self.strides(0), self.strides(1));
        self.batches(2 * m * n * k, |at_a, at_b, at_c, _| {
            let (a, b, c) = (a, b, c);
            for i in 0..m {
                // SAFETY: layouts stay inside their arrays.
                unsafe {
                    let row = std::slice::from_raw_parts_mut(c.get().add(at_c + i * n), n);
                    row.fill(0);
                    for l in 0..k {
                        let x = *a.get().offset(at_a + i as isize * ar + l as isize * ac);
                        for (j, y) in row.iter_mut().enumerate() {
                            let z = *b.get().offset(at_b + l as isize * br + j as isize * bc);
                            *y = y.wrapping_add(x.wrapping_mul(z));
                        }
                    }
                }
            }
        })?;
        self.then.as_ref().map_or(Ok(()), |map| map.launch(memory))
    }
}

/// A product cut into pieces by its shape (so that its bits are the same for any number of threads), for the team, which is
/// asked in less than a microsecond.
struct Pieces {
    m: usize,
    n: usize,
    /// Of a piece.
    rows: usize,
    columns: usize,
    count: usize,
}

impl Pieces {
    /// `then`: bytes of an element, where something is done with each piece. Then pieces are rows and stay in cache.
    fn new(m: usize, n: usize, flops: usize, then: Option<usize>) -> Pieces {
        let (rows, columns) = Pieces::size(m, n, flops, then);
        Pieces { m, n, rows, columns, count: (m.div_ceil(rows) * n.div_ceil(columns)).max(1) }
    }

    fn size(m: usize, n: usize, flops: usize, then: Option<usize>) -> (usize, usize) {
        if let Some(size) = then
            && m * n * size > 4 * CACHED
            && m >= 128
        {
            return ((CACHED / (n * size)).clamp(64, m.div_ceil(2)).next_multiple_of(8), n);
        }
        let even = |side: usize, most: usize| side.div_ceil(side.div_ceil(most).max(1)).next_multiple_of(8);
        if flops >= LARGE && m.max(n) >= 2 * PIECE.0 {
            return (even(m, PIECE.0), even(n, PIECE.1));
        }
        // Every piece packs the operand that they share, so pieces are few and not thin; and a power of two, so that they
        // come out even.
        let most = (flops / 400_000).min(m.max(n) / 64).clamp(1, 8);
        let each = m.max(n).div_ceil(1 << most.ilog2()).next_multiple_of(8);
        if m > n { (each.max(1), n.max(1)) } else { (m.max(1), each.max(1)) }
    }

    /// First row and column, numbers of rows and columns.
    fn at(&self, p: usize) -> (usize, usize, usize, usize) {
        let across = self.n.div_ceil(self.columns).max(1);
        let (i, j) = (p / across * self.rows, p % across * self.columns);
        (i, j, self.rows.min(self.m - i), self.columns.min(self.n - j))
    }
}

/// A float that gemm multiplies.
trait Float: panels::Number + Send + Sync + 'static {
    const ONE: Self;
}

impl Float for f32 {
    const ONE: f32 = 1.0;
}

impl Float for f64 {
    const ONE: f64 = 1.0;
}

/// `c = a @ b`, with m rows, n columns and a depth of k.
#[derive(Clone, Copy)]
struct Product<T> {
    a: Side<T>,
    b: Side<T>,
    c: Side<T>,
    sizes: (usize, usize, usize),
}

impl<T: Float> Product<T> {
    /// Some of its rows, columns and depth, each from where on and how many.
    fn part(&self, (i, m): (usize, usize), (j, n): (usize, usize), (l, k): (usize, usize)) -> Product<T> {
        Product { a: self.a.from(i, l), b: self.b.from(l, j), c: self.c.from(i, j), sizes: (m, n, k) }
    }

    /// The product of a matrix and a vector, on either side.
    fn thin(&self) -> Option<Thin<T>> {
        let (m, n, depth) = self.sizes;
        let (matrix, vector, step, rows) = match (m, n) {
            (_, 1) => (self.a, self.b.at, self.b.row, m),
            (1, _) => (self.b.turned(), self.a.at, self.a.column, n),
            _ => return None,
        };
        Some(Thin { matrix, vector, step, out: self.c.at, rows, depth }).filter(Thin::suits)
    }

    /// The product of a column and a row, with what multiplies and adds.
    fn outer(&self, dtype: DType) -> Option<(OuterProduct<T>, BasicLane)> {
        let (m, n, depth) = self.sizes;
        let product = OuterProduct { column: self.a, row: self.b, out: self.c.at, sizes: (m, n) };
        let lane = simd::pair_lane(Arith::Mul, Outer::Left(Arith::Add), dtype)?;
        (depth == 1 && product.suits()).then_some((product, lane))
    }

    /// The product by tiles of our own, where the CPU has them and they are filled.
    fn in_tiles(&self, dtype: DType, followed: bool) -> Option<Panels<T>> {
        let (tile, columns) = simd::tile(dtype).filter(|_| panels::suits(self.sizes))?;
        Some(Panels { tile, columns, a: self.a, b: self.b, c: self.c.at, sizes: self.sizes, followed })
    }

    /// Computes it, or adds it to what lies there.
    ///
    /// # Safety
    /// The sides lie in memory; nobody else touches `c`.
    unsafe fn run(&self, adds: bool) {
        let (a, b, c, (m, n, k)) = (self.a, self.b, self.c, self.sizes);
        // SAFETY: the caller's.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                c.at,
                c.column,
                c.row,
                adds,
                a.at,
                a.column,
                a.row,
                b.at,
                b.column,
                b.row,
                T::ONE,
                T::ONE,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }

    /// Computes it on this thread; a long one in panels, so that Ctrl-C is seen between them. How it is cut depends on the sizes only.
    ///
    /// # Safety
    /// As `run`.
    unsafe fn in_panels(&self) {
        const LONG: usize = 10_000_000_000;
        let (m, n, k) = self.sizes;
        if (2 * m).saturating_mul(n).saturating_mul(k) < LONG {
            // SAFETY: the caller's.
            return unsafe { self.run(false) };
        }
        let (rows, columns, depth) = PIECE;
        for i in (0..m).step_by(rows) {
            for j in (0..n).step_by(columns) {
                for l in (0..k).step_by(depth) {
                    if crate::base::interrupt::asked() {
                        return;
                    }
                    let panel = self.part((i, rows.min(m - i)), (j, columns.min(n - j)), (l, depth.min(k - l)));
                    // SAFETY: the caller's.
                    unsafe { panel.run(l > 0) };
                }
            }
        }
    }
}

impl Contract {
    /// Operands of f16, which only devices read as they are, made f32 first.
    fn widened(&self, memory: &Memory) -> Result<()> {
        let mut bound = memory.bound.clone();
        let mut ins = self.ins.clone();
        for load in ins.iter_mut().filter(|i| i.dtype == DType::F16) {
            let host = load.host(memory)?;
            let n = host.layout.size();
            let buffer = Buffer::new(4 * n)?;
            // SAFETY: both hold n elements; `host` made them row-major, and the buffer is fresh.
            unsafe {
                half::widen()(&host.buffer.as_slice_of_bytes().as_ptr().add(2 * host.layout.offset), buffer.ptr(), n)
            };
            let layout = Layout { offset: BASE, ..Layout::contiguous(host.shape().clone()) };
            *load = Whole { slot: bound.len(), dtype: DType::F32, layout };
            bound.push(Bound::Buffer { buffer, offset: 0 });
        }
        let product = Contract { ins, then: None, own: None, domain: self.domain.clone(), ..*self };
        let memory = Memory { bound };
        product.products::<f32>(&memory, None)?;
        self.then.as_ref().map_or(Ok(()), |map| map.launch(&memory))
    }
}

impl Program for Contract {
    fn launch(&self, memory: &Memory) -> Result<()> {
        if let Some(bytes) = self.own {
            let mut bound = memory.bound.clone();
            bound.push(Bound::Buffer { buffer: Buffer::new(bytes)?, offset: 0 });
            return self.computed(&Memory { bound });
        }
        self.computed(memory)
    }
}

impl Contract {
    fn computed(&self, memory: &Memory) -> Result<()> {
        if self.ins.iter().any(|i| i.dtype == DType::F16) {
            return self.widened(memory);
        }
        match self.ins.first().map(|i| i.dtype) {
            Some(DType::F64) => self.float::<f64>(memory),
            Some(DType::F32) => self.float::<f32>(memory),
            Some(DType::I64) => self.int(memory),
            _ => Err(Fault::new("internal: no product for this dtype")),
        }
    }
}
