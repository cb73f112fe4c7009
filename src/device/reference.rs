//! The reference device: one element at a time, every family as its definition says. The oracle of the tests.
//!
//! It shares with the fast device only the lanes (called for one element) and what reads whole memory.

use smallvec::SmallVec;

use super::{Bound, Device, Memory, Program};
use crate::base::{Buffer, DType, Elem, Fault, Half, Layout, Result, Shape};
use crate::graph::prim::{Body, Operands};
use crate::graph::{Fold, bits_of, from_bits};
use crate::plan::kernel::{BASE, FoldOut, Out, PRODUCT};
use crate::plan::{Finish, From, Inst, Kernel, Load, Slot};

pub struct Reference;

impl Device for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn prepare(&self, kernel: &Kernel, slots: &[Slot]) -> Result<Box<dyn Program>> {
        let finish = match &kernel.finish {
            Finish::Store(outs) => Ending::Store(outs.clone()),
            Finish::Fold { axes, outs } => Ending::Fold(axes.to_vec(), outs.clone()),
            Finish::Scan { axis, fold, slot } => Ending::Scan(*axis, *fold, *slot),
            Finish::Contract { outs } => return self.product(kernel, outs, slots),
            // Whole memory in, whole memory out: there is only one way to say these.
            _ => return super::cpu::Cpu.prepare(kernel, slots),
        };
        Ok(Box::new(Slow {
            domain: kernel.domain.clone(),
            loads: kernel.loads.clone(),
            code: kernel.code.clone(),
            dtypes: (0..kernel.loads.len() + kernel.code.len()).map(|r| kernel.dtype(r as u16)).collect(),
            finish,
        }))
    }
}

impl Reference {
    /// A product by itself, then what is done with it as a map.
    fn product(&self, kernel: &Kernel, outs: &[Out], slots: &[Slot]) -> Result<Box<dyn Program>> {
        let alone = outs.iter().find(|o| o.reg == PRODUCT).map(|o| o.slot);
        // Behind the plan's own slots, if nobody else wants it.
        let slot = alone.unwrap_or(slots.len());
        let product = Slow {
            domain: kernel.domain.clone(),
            loads: kernel.loads.clone(),
            code: vec![],
            dtypes: kernel.loads.iter().map(|l| l.dtype).collect(),
            finish: Ending::Contract(slot),
        };
        let then = kernel.epilogue(slot).map(|map| self.prepare(&map, slots)).transpose()?;
        let bytes = alone.is_none().then(|| kernel.domain.size() * kernel.dtype(PRODUCT).size());
        Ok(Box::new(Product { product, bytes, then }))
    }
}

struct Product {
    product: Slow,
    /// Of memory of its own.
    bytes: Option<usize>,
    then: Option<Box<dyn Program>>,
}

impl Program for Product {
    fn launch(&self, memory: &Memory) -> Result<()> {
        let mut bound = memory.bound.clone();
        if let Some(bytes) = self.bytes {
            bound.push(Bound::Buffer { buffer: Buffer::new(bytes)?, offset: 0 });
        }
        let memory = Memory { bound };
        self.product.launch(&memory)?;
        self.then.as_ref().map_or(Ok(()), |map| map.launch(&memory))
    }
}

struct Slow {
    domain: Shape,
    loads: Vec<Load>,
    code: Vec<Inst>,
    dtypes: Vec<DType>,
    finish: Ending,
}

enum Ending {
    Store(Vec<Out>),
    Fold(Vec<usize>, Vec<FoldOut>),
    Scan(usize, Fold, usize),
    Contract(usize),
}

/// Calls `visit` with every index of a shape.
fn indices(shape: &[usize], mut visit: impl FnMut(&[usize])) {
    let size: usize = shape.iter().product();
    let mut index = vec![0; shape.len()];
    for _ in 0..size {
        visit(&index);
        for k in (0..shape.len()).rev() {
            index[k] += 1;
            if index[k] < shape[k] {
                break;
            }
            index[k] = 0;
        }
    }
}

fn position(layout: &Layout, index: &[usize]) -> isize {
    layout.offset as isize + index.iter().zip(&layout.strides).map(|(&i, &s)| i as isize * s).sum::<isize>()
}

impl Slow {
    /// The bits of a load at an index.
    fn load(&self, memory: &Memory, load: &Load, index: &[usize]) -> u64 {
        let at = position(&load.layout, index) - BASE as isize;
        match &load.from {
            From::Slot(slot) => read(memory.pointer(*slot, load.dtype.size()), at, load.dtype),
            From::Product => 0,
            From::Position { fill, ins, .. } => {
                let bits: Vec<u64> = ins.iter().map(|&s| memory.number(s, 8)).collect();
                let mut out = 0u64;
                // SAFETY: one position, one element of at most 8 bytes.
                unsafe { fill(&(at as u64), (&raw mut out).cast(), 1, &bits, load.dtype) };
                out
            }
        }
    }

    /// Every register at an index, as bits.
    fn registers(&self, memory: &Memory, index: &[usize]) -> Result<Vec<u64>> {
        let mut regs: Vec<u64> = self.loads.iter().map(|l| self.load(memory, l, index)).collect();
        for inst in &self.code {
            let Body::Map(map) = &inst.prim.body else { return Err(Fault::new("internal: only maps are inlined")) };
            let last = inst.args.last().map_or(DType::F64, |&a| self.dtypes[a as usize]);
            let lane = (map.lane)(last, Operands::Vectors).ok_or_else(|| Fault::new("internal: no lane"))?;
            let at: SmallVec<[*const u8; 3]> =
                inst.args.iter().map(|&a| (&raw const regs[a as usize]).cast()).collect();
            let mut out = 0u64;
            // SAFETY: one element each.
            unsafe { lane(at.as_ptr(), (&raw mut out).cast(), 1) };
            regs.push(out);
        }
        Ok(regs)
    }
}

/// # Panics
/// Never: layouts stay inside their arrays.
fn read(base: *mut u8, at: isize, dtype: DType) -> u64 {
    crate::dispatch!(dtype, T => {
        // SAFETY: layouts stay inside their arrays.
        bits_of(unsafe { *base.cast::<T>().offset(at) })
    })
}

fn write(base: *mut u8, at: isize, bits: u64, dtype: DType) {
    crate::dispatch!(dtype, T => {
        // SAFETY: as `read`.
        unsafe { *base.cast::<T>().offset(at) = from_bits::<T>(bits) }
    })
}

/// One step of a fold, by definition.
fn two(fold: Fold, a: u64, b: u64, dtype: DType) -> u64 {
    let float = |a: f64, b: f64| match fold {
        Fold::Sum => a + b,
        Fold::Prod => a * b,
        Fold::Max if a.is_nan() || a >= b => a,
        Fold::Min if a.is_nan() || a <= b => a,
        _ => b,
    };
    match dtype {
        DType::F64 => bits_of(float(from_bits(a), from_bits(b))),
        DType::F32 => bits_of(float(from_bits::<f32>(a).to_f64(), from_bits::<f32>(b).to_f64()) as f32),
        DType::F16 => bits_of(Half::from_f64(float(from_bits::<Half>(a).to_f64(), from_bits::<Half>(b).to_f64()))),
        DType::I64 => {
            let (a, b) = (from_bits::<i64>(a), from_bits::<i64>(b));
            bits_of(match fold {
                Fold::Sum => a.wrapping_add(b),
                Fold::Prod => a.wrapping_mul(b),
                Fold::Max => a.max(b),
                _ => a.min(b),
            })
        }
        DType::Bool => {
            let (a, b) = (from_bits::<bool>(a), from_bits::<bool>(b));
            bits_of(if matches!(fold, Fold::All | Fold::Min) { a & b } else { a | b })
        }
    }
}

fn start(fold: Fold, dtype: DType) -> u64 {
    let (float, int) = fold.empty().unwrap_or((0.0, 0));
    crate::dispatch!(dtype, T => bits_of(if T::DTYPE.is_float() { T::from_f64(float) } else { T::from_i64(int) }))
}

impl Program for Slow {
    fn launch(&self, memory: &Memory) -> Result<()> {
        match &self.finish {
            Ending::Store(outs) => self.store(memory, outs),
            Ending::Fold(axes, outs) => outs.iter().try_for_each(|o| self.fold(memory, axes, o)),
            Ending::Scan(axis, fold, slot) => self.scan(memory, *axis, *fold, *slot),
            Ending::Contract(slot) => self.contract(memory, *slot),
        }
    }
}

impl Slow {
    fn store(&self, memory: &Memory, outs: &[Out]) -> Result<()> {
        let mut result = Ok(());
        indices(&self.domain, |index| match self.registers(memory, index) {
            Ok(regs) => {
                for o in outs {
                    let dtype = self.dtypes[o.reg as usize];
                    write(
                        memory.pointer(o.slot, dtype.size()),
                        position(&o.layout, index),
                        regs[o.reg as usize],
                        dtype,
                    );
                }
            }
            Err(fault) => result = Err(fault),
        });
        result
    }

    fn fold(&self, memory: &Memory, axes: &[usize], o: &FoldOut) -> Result<()> {
        let dtype = self.dtypes[o.reg as usize];
        let out_dtype = if o.fold.is_arg() { DType::I64 } else { dtype };
        let kept: Shape = (0..self.domain.rank()).filter(|k| !axes.contains(k)).map(|k| self.domain[k]).collect();
        let folded: Shape = axes.iter().map(|&k| self.domain[k]).collect();
        let base = memory.pointer(o.slot, out_dtype.size());
        let (mut i, mut result) = (0, Ok(()));
        indices(&kept, |outer| {
            let mut total: Option<u64> = None;
            let (mut best, mut n) = (0i64, 0i64);
            indices(&folded, |inner| {
                let (mut a, mut b) = (outer.iter(), inner.iter());
                let next = |k: usize| if axes.contains(&k) { b.next() } else { a.next() };
                let index: Vec<usize> = (0..self.domain.rank()).map(next).map(|d| d.copied().unwrap_or(0)).collect();
                match self.registers(memory, &index) {
                    Ok(regs) => {
                        let x = regs[o.reg as usize];
                        if o.fold.is_arg() {
                            if total.is_none_or(|t| wins(o.fold, t, x, dtype)) {
                                (total, best) = (Some(x), n);
                            }
                        } else {
                            total = Some(total.map_or(x, |t| two(o.fold, t, x, dtype)));
                        }
                        n += 1;
                    }
                    Err(fault) => result = Err(fault),
                }
            });
            let bits = if o.fold.is_arg() { bits_of(best) } else { total.unwrap_or_else(|| start(o.fold, dtype)) };
            write(base, i, bits, out_dtype);
            i += 1;
        });
        result
    }

    fn scan(&self, memory: &Memory, axis: usize, fold: Fold, slot: usize) -> Result<()> {
        let dtype = self.dtypes[0];
        let base = memory.pointer(slot, dtype.size());
        let out = Layout::contiguous(self.domain.clone());
        indices(&self.domain, |index| {
            let x = self.load(memory, &self.loads[0], index);
            let y = if index[axis] == 0 {
                x
            } else {
                let mut before = index.to_vec();
                before[axis] -= 1;
                two(fold, read(base, position(&out, &before), dtype), x, dtype)
            };
            write(base, position(&out, index), y, dtype);
        });
        Ok(())
    }

    fn contract(&self, memory: &Memory, slot: usize) -> Result<()> {
        // Operands of f16 are read as f32.
        let dtype = if self.dtypes[0].is_float() { self.dtypes[0].max(DType::F32) } else { self.dtypes[0] };
        let base = memory.pointer(slot, dtype.size());
        let r = self.domain.rank();
        let k = self.loads[0].layout.shape[r - 1];
        let out = Layout::contiguous(self.domain.clone());
        indices(&self.domain, |index| {
            let (mut a, mut b) = (index.to_vec(), index.to_vec());
            let mut float = 0.0f64;
            let mut int = 0i64;
            for l in 0..k {
                (a[r - 1], b[r - 2]) = (l, l);
                let (x, y) = (self.load(memory, &self.loads[0], &a), self.load(memory, &self.loads[1], &b));
                match dtype {
                    DType::F32 | DType::F64 => float += float_of(x, self.dtypes[0]) * float_of(y, self.dtypes[1]),
                    _ => int = int.wrapping_add(from_bits::<i64>(x).wrapping_mul(from_bits::<i64>(y))),
                }
            }
            let bits = match dtype {
                DType::F64 => bits_of(float),
                DType::F32 => bits_of(float as f32),
                _ => bits_of(int),
            };
            write(base, position(&out, index), bits, dtype);
        });
        Ok(())
    }
}

fn float_of(bits: u64, dtype: DType) -> f64 {
    crate::dispatch!(dtype, T => from_bits::<T>(bits).to_f64())
}

/// Whether a value replaces the best so far: the first of equals stays, a nan wins.
fn wins(fold: Fold, best: u64, x: u64, dtype: DType) -> bool {
    crate::dispatch!(dtype, T => {
        let (b, x) = (from_bits::<T>(best).to_f64(), from_bits::<T>(x).to_f64());
        !b.is_nan() && (x.is_nan() || if fold == Fold::ArgMax { x > b } else { x < b })
    })
}
