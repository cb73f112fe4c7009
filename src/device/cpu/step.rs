//! Steps: the instructions of a kernel as calls of lanes, some of them two at a time.
//!
//! In: instructions. Out: steps, each with the registers it reads and the one it writes, and which scratch each
//! register gets. Two operations of arithmetic in a row, the first needed by nobody else, become one step: the value
//! between them never leaves the machine's registers. A division by one number that is a power of two is done as a multiplication by its
//! reciprocal, which is exact and so gives the same bits.

use smallvec::{SmallVec, smallvec};

use super::block::{BLOCK, Frame, fill};
use super::simd::{self, Arith, BasicLane, Outer};
use crate::base::ahead::LINE;
use crate::base::{DType, Fault, Result, past};
use crate::graph::prim::{Basic, Body, Lane, MapBody, Operands};
use crate::plan::{Inst, Reg};

/// One pass over a block.
pub struct Step {
    pub args: SmallVec<[Reg; 3]>,
    pub result: Reg,
    work: Work,
    /// Bytes of an element of each argument, then of the result.
    pub sizes: SmallVec<[usize; 4]>,
    /// One operation on two registers, or its square.
    pub made: Option<Made>,
}

/// What a step makes of two registers: an operation's value, or its square.
#[derive(Clone, Copy)]
pub struct Made {
    pub op: Arith,
    pub args: [Reg; 2],
    pub squared: bool,
}

/// Bytes that are made at a time on their way past the caches: few enough that their stores wait in the core while the next
/// ones are computed.
pub const PIECE: usize = 1024;

/// The argument that stands for the number -1, which negating multiplies by.
const MINUS_ONE: Reg = Reg::MAX;
static MINUS_ONE_F64: f64 = -1.0;
static MINUS_ONE_F32: f32 = -1.0;

enum Work {
    Lane {
        vectors: Lane,
        /// Two operands: the lanes for one number on one side.
        mixed: Option<(Lane, Lane)>,
    },
    Basic {
        lane: BasicLane,
        dtype: DType,
        /// Which argument divides, and the lane that multiplies by it instead.
        divisor: Option<(usize, BasicLane)>,
    },
}

/// An operation of arithmetic on its way to a step.
struct Plain {
    op: Arith,
    args: [Reg; 2],
    dtype: DType,
}

/// The steps of some instructions (those that are maps) after some loads, which are one number where `single`. `outputs` are registers that others read at the end.
pub fn steps(single: &[bool], code: &[Inst], dtype: &dyn Fn(Reg) -> DType, outputs: &[Reg]) -> Result<Vec<Step>> {
    let loads = single.len();
    let plain: Vec<Option<Plain>> = code.iter().map(|inst| plain(inst, dtype)).collect();
    let mut uses = vec![0u32; loads + code.len()];
    for inst in code {
        inst.args.iter().for_each(|&a| uses[a as usize] += 1);
    }
    outputs.iter().for_each(|&o| uses[o as usize] += 1);
    // Which instruction each one is done together with.
    let mut taken = vec![false; code.len()];
    let mut first_of: Vec<Option<usize>> = vec![None; code.len()];
    // Not a row's value with an element's: that would be computed for every element.
    let reach = reach(single, code);
    for (k, inst) in code.iter().enumerate() {
        let Some(outer) = &plain[k] else { continue };
        let squares = outer.args[0] == outer.args[1];
        for &arg in &inst.args {
            let Some(j) = (arg as usize).checked_sub(loads) else { continue };
            let Some(inner) = &plain[j] else { continue };
            let alone = uses[arg as usize] == if squares { 2 } else { 1 };
            if alone
                && !taken[j]
                && first_of[j].is_none()
                && inner.dtype == outer.dtype
                && reach[arg as usize] == reach[loads + k]
                && (!squares || outer.op == Arith::Mul)
            {
                (taken[j], first_of[k]) = (true, Some(j));
                break;
            }
        }
    }
    let mut out = vec![];
    for (k, inst) in code.iter().enumerate().filter(|(k, inst)| !taken[*k] && !inst.prim.is_reduce()) {
        let result = (loads + k) as Reg;
        out.push(match (&plain[k], first_of[k].and_then(|j| plain[j].as_ref().map(|p| (j, p)))) {
            (Some(outer), Some((j, inner))) => pair(inner, outer, (loads + j) as Reg, result)?,
            (Some(p), None) => alone(p, result)?,
            _ => {
                let Body::Map(map) = &inst.prim.body else { return Err(Fault::new("internal: only maps are inlined")) };
                general(map, inst, result, dtype)?
            }
        });
    }
    Ok(out)
}

/// What each register has a value for: 0 everything, 1 a row (folds, and what is made of them), 2 an element. `single` says
/// which loads are one number.
pub fn reach(single: &[bool], code: &[Inst]) -> Vec<u8> {
    let mut out: Vec<u8> = single.iter().map(|&s| if s { 0 } else { 2 }).collect();
    for inst in code {
        let args = inst.args.iter().map(|&a| out[a as usize]).max().unwrap_or(0);
        out.push(if inst.prim.is_reduce() { 1 } else { args });
    }
    out
}

fn plain(inst: &Inst, dtype: &dyn Fn(Reg) -> DType) -> Option<Plain> {
    let Body::Map(MapBody { basic: Some(op), .. }) = &inst.prim.body else { return None };
    let fits = inst.dtype.is_float() && inst.args.iter().all(|&a| dtype(a) == inst.dtype);
    let args = match (op, &inst.args[..]) {
        (Basic::Negate, &[x]) => [x, MINUS_ONE],
        (_, &[a, b]) => [a, b],
        _ => return None,
    };
    let op = match op {
        Basic::Add => Arith::Add,
        Basic::Sub => Arith::Sub,
        Basic::Mul | Basic::Negate => Arith::Mul,
        Basic::Div => Arith::Div,
        Basic::Max => Arith::Max,
        Basic::Min => Arith::Min,
    };
    fits.then_some(Plain { op, args, dtype: inst.dtype })
}

/// The operation of arithmetic on floats that an instruction is, with its operands.
pub fn arithmetic(inst: &Inst, dtype: &dyn Fn(Reg) -> DType) -> Option<(Arith, [Reg; 2])> {
    plain(inst, dtype).map(|p| (p.op, p.args))
}

fn missing() -> Fault {
    Fault::new("internal: arithmetic has no lane for this dtype")
}

fn alone(p: &Plain, result: Reg) -> Result<Step> {
    let lane = |op| simd::lane(op, p.dtype).ok_or_else(missing);
    let divisor = if p.op == Arith::Div { Some((1, lane(Arith::Mul)?)) } else { None };
    let work = Work::Basic { lane: lane(p.op)?, dtype: p.dtype, divisor };
    let made = (p.args[1] != MINUS_ONE).then_some(Made { op: p.op, args: p.args, squared: false });
    Ok(Step { args: SmallVec::from_slice(&p.args), result, work, sizes: smallvec![p.dtype.size(); 3], made })
}

/// `inner`, whose value is called `between`, and then `outer`.
fn pair(inner: &Plain, outer: &Plain, between: Reg, result: Reg) -> Result<Step> {
    let lane = |op, then| simd::pair_lane(op, then, outer.dtype).ok_or_else(missing);
    let (then, other) = match outer.args {
        [a, b] if a == between && b == between => (Outer::Square, None),
        [a, b] if a == between => (Outer::Left(outer.op), Some(b)),
        [a, _] => (Outer::Right(outer.op), Some(a)),
    };
    let divisor = if then == Outer::Left(Arith::Div) {
        Some((2, lane(inner.op, Outer::Left(Arith::Mul))?))
    } else if inner.op == Arith::Div {
        Some((1, lane(Arith::Mul, then)?))
    } else {
        None
    };
    let work = Work::Basic { lane: lane(inner.op, then)?, dtype: outer.dtype, divisor };
    let mut args: SmallVec<[Reg; 3]> = SmallVec::from_slice(&inner.args);
    args.extend(other);
    let sizes = SmallVec::from_elem(outer.dtype.size(), args.len() + 1);
    let squared = then == Outer::Square && inner.args[1] != MINUS_ONE;
    let made = squared.then_some(Made { op: inner.op, args: inner.args, squared });
    Ok(Step { args, result, work, sizes, made })
}

fn general(map: &MapBody, inst: &Inst, result: Reg, dtype: &dyn Fn(Reg) -> DType) -> Result<Step> {
    let missing = || Fault::new(format!("internal: {} has no lane for this dtype", inst.prim.name));
    // The last operand's dtype is the one computed in (a condition comes first).
    let d = dtype(*inst.args.last().ok_or_else(missing)?);
    let vectors = (map.lane)(d, Operands::Vectors).ok_or_else(missing)?;
    let mixed = match inst.args.len() {
        2 => Some((
            (map.lane)(d, Operands::FirstScalar).ok_or_else(missing)?,
            (map.lane)(d, Operands::LastScalar).ok_or_else(missing)?,
        )),
        _ => None,
    };
    let mut sizes: SmallVec<[usize; 4]> = inst.args.iter().map(|&a| dtype(a).size()).collect();
    sizes.push(inst.dtype.size());
    Ok(Step { args: inst.args.clone(), result, work: Work::Lane { vectors, mixed }, sizes, made: None })
}

impl Step {
    /// Registers it reads; the number -1 is none.
    pub fn reads(&self) -> impl Iterator<Item = (usize, Reg)> {
        self.args.iter().copied().enumerate().filter(|&(_, a)| a != MINUS_ONE)
    }

    /// Whether it does blocks of any length: it needs no operand repeated in memory.
    pub fn takes_any_length(&self) -> bool {
        self.args.len() < 3 || matches!(self.work, Work::Basic { .. })
    }

    /// Whether every operand is one number, and so the result.
    pub fn is_single(&self, frame: &Frame) -> bool {
        self.reads().all(|(_, a)| frame.single[a as usize])
    }

    /// # Safety
    /// Registers hold `n` elements, or one where single; `to` holds `n`.
    pub unsafe fn run(&self, frame: &Frame, to: *mut u8, n: usize, single: bool) {
        // SAFETY: the caller's.
        unsafe { self.with_operands(frame, n, single, |call, at, _| call.run(at, to, n)) }
    }

    /// As `run`, of more than one number, to memory past the caches: piece after piece is made at `here`, which holds `PIECE`
    /// bytes, and goes on its way while the next one is computed.
    ///
    /// # Safety
    /// As `run`, and `here` is nobody's operand.
    pub unsafe fn run_past(&self, frame: &Frame, here: *mut u8, to: *mut u8, n: usize) {
        let size = self.sizes[self.args.len()];
        let most = (PIECE / size).min(BLOCK);
        let pieces = |call: Call, mut at: [*const u8; 3], steps: [usize; 3]| {
            // Pieces end with lines, so that most lines are written whole.
            let mut some = most - to.addr() % LINE / size;
            let mut done = 0;
            while done < n {
                some = some.min(n - done);
                // SAFETY: the caller's; operands are walked element by element.
                unsafe {
                    call.run(at, here, some);
                    past::copy(here, to.add(done * size), some * size);
                }
                for (at, step) in at.iter_mut().zip(steps) {
                    *at = at.wrapping_add(some * step);
                }
                done += some;
                some = most;
            }
        };
        // SAFETY: the caller's.
        unsafe { self.with_operands(frame, most.min(n), false, pieces) }
    }

    /// The function to call, its operands for the first elements, and the bytes from one element to the next. What must be
    /// repeated is so for `n` elements.
    ///
    /// # Safety
    /// Registers hold an element.
    unsafe fn with_operands(
        &self,
        frame: &Frame,
        n: usize,
        single: bool,
        then: impl FnOnce(Call, [*const u8; 3], [usize; 3]),
    ) {
        let (mut at, mut steps) = ([std::ptr::null::<u8>(); 3], [0; 3]);
        let mut mask = 0u8;
        for (i, a) in self.reads() {
            at[i] = frame.at[a as usize];
            if frame.single[a as usize] { mask |= 1 << i } else { steps[i] = self.sizes[i] }
        }
        match &self.work {
            Work::Lane { vectors, mixed: Some((first, last)) } => {
                let lane = match mask {
                    1 if !single => first,
                    2 if !single => last,
                    _ => vectors,
                };
                then(Call::Lane(*lane), at, steps);
            }
            Work::Lane { vectors, mixed: None } if self.args.len() == 3 && !single && mask != 0 => {
                let mut stretched = [const { std::mem::MaybeUninit::<[u64; BLOCK]>::uninit() }; 3];
                for i in (0..3).filter(|i| mask & 1 << i != 0) {
                    // SAFETY: one element is there; the array holds a block.
                    unsafe { fill(at[i], stretched[i].as_mut_ptr().cast(), n, self.sizes[i]) };
                    at[i] = stretched[i].as_ptr().cast();
                }
                then(Call::Lane(*vectors), at, steps);
            }
            Work::Lane { vectors, mixed: None } => then(Call::Lane(*vectors), at, steps),
            Work::Basic { lane, dtype, divisor } => {
                // A negation of a negation has it twice.
                for i in (0..self.args.len()).filter(|&i| self.args[i] == MINUS_ONE) {
                    at[i] = match dtype {
                        DType::F32 => (&raw const MINUS_ONE_F32).cast(),
                        _ => (&raw const MINUS_ONE_F64).cast(),
                    };
                    mask |= 1 << i;
                }
                let mut reciprocal = 0u64;
                let mut lane = *lane;
                if let Some((i, multiplies)) = divisor
                    && mask & 1 << i != 0
                    // SAFETY: one element is there.
                    && let Some(bits) = unsafe { reciprocal_of(at[*i], *dtype) }
                {
                    reciprocal = bits;
                    (at[*i], lane) = ((&raw const reciprocal).cast(), *multiplies);
                }
                then(Call::Basic(lane, mask), at, steps);
                let _ = reciprocal;
            }
        }
    }
}

/// What a step calls.
#[derive(Clone, Copy)]
enum Call {
    Lane(Lane),
    /// With the mask of operands that are one number.
    Basic(BasicLane, u8),
}

impl Call {
    /// # Safety
    /// The function fits its operands, which hold n elements where they should; `to` holds n.
    #[inline(always)]
    unsafe fn run(self, at: [*const u8; 3], to: *mut u8, n: usize) {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Call::Lane(lane) => lane(at.as_ptr(), to, n),
                Call::Basic(lane, mask) => lane(at.as_ptr(), mask, to, n),
            }
        }
    }
}

/// The bits of 1/x where x is a power of two whose reciprocal is a normal number: then x * (1/x) rounds as division does.
///
/// # Safety
/// One element is there.
unsafe fn reciprocal_of(at: *const u8, dtype: DType) -> Option<u64> {
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            DType::F64 => {
                let x = at.cast::<f64>().read_unaligned();
                (x.to_bits() << 12 == 0 && x.is_normal() && (1.0 / x).is_normal()).then(|| (1.0 / x).to_bits())
            }
            DType::F32 => {
                let x = at.cast::<f32>().read_unaligned();
                let plain = x.to_bits() << 9 == 0 && x.is_normal() && (1.0 / x).is_normal();
                plain.then(|| u64::from((1.0 / x).to_bits()))
            }
            _ => None,
        }
    }
}

/// Which scratch register each register gets: by liveness; outputs keep theirs to the end. `collected` says which loads
/// need one.
pub fn allocate(n: usize, collected: &[bool], steps: &[&Step], outputs: &[Reg]) -> (Vec<Option<usize>>, usize) {
    let mut last_use = vec![0usize; n];
    for (k, step) in steps.iter().enumerate() {
        step.reads().for_each(|(_, a)| last_use[a as usize] = k);
    }
    for &o in outputs {
        last_use[o as usize] = usize::MAX;
    }
    let mut out = vec![None; n];
    let mut free: Vec<usize> = vec![];
    let mut count = 0;
    let mut take = |free: &mut Vec<usize>| {
        free.pop().unwrap_or_else(|| {
            count += 1;
            count - 1
        })
    };
    for (r, _) in collected.iter().enumerate().filter(|(_, c)| **c) {
        out[r] = Some(take(&mut free));
    }
    for (k, step) in steps.iter().enumerate() {
        let size = step.sizes[step.args.len()];
        // Operands that end here may be overwritten in place: lanes allow it. But not by a result of another size.
        let mut released: SmallVec<[usize; 3]> = SmallVec::new();
        for (i, a) in step.reads() {
            if last_use[a as usize] == k
                && let Some(s) = out[a as usize]
                && !released.contains(&s)
            {
                released.push(s);
                if step.sizes[i] == size {
                    free.push(s);
                }
            }
        }
        let mine = take(&mut free);
        out[step.result as usize] = Some(mine);
        for (i, a) in step.reads() {
            if let Some(s) = out[a as usize]
                && released.contains(&s)
                && step.sizes[i] != size
                && s != mine
                && !free.contains(&s)
            {
                free.push(s);
            }
        }
    }
    (out, count)
}
