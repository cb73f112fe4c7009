//! Steps: the instructions of a kernel as calls of lanes, some of them two at a time.
//!
//! In: instructions. Out: steps, each with the registers it reads and the one it writes, and which scratch each
//! register gets (`call` runs them). Two operations of arithmetic in a row, the first needed by nobody else, become one step: the value
//! between them never leaves the machine's registers. A division by one number that is a power of two is done as a multiplication by its
//! reciprocal, which is exact and so gives the same bits; by another number, as `simd::quotient` does it.

use smallvec::{SmallVec, smallvec};

use super::block::Frame;
use super::simd::{self, Arith, BasicLane, Outer, Quotient};
use crate::base::{DType, Fault, Result};
use crate::graph::prim::{AroundLane, Basic, Body, Lane, MapBody, Operands};
use crate::plan::{Inst, Reg};

/// One pass over a block.
pub struct Step {
    pub args: SmallVec<[Reg; 3]>,
    pub result: Reg,
    pub(super) work: Work,
    /// Bytes of an element of each argument, then of the result.
    pub sizes: SmallVec<[usize; 4]>,
    /// One operation on two registers, or its square.
    pub made: Option<Made>,
    /// Which arguments lie in memory, by bits: what follows them there is asked for while this is computed.
    pub far: u8,
    /// A load that another step reads: this function asks for the next block of it meanwhile.
    pub asks: Option<Reg>,
    /// Which arguments stand for the number -1, by bits.
    pub(super) negates: u8,
}

/// What a step makes of two registers: an operation's value, or its square.
#[derive(Clone, Copy)]
pub struct Made {
    pub op: Arith,
    pub args: [Reg; 2],
    pub squared: bool,
}

/// The argument that stands for the number -1, which negating multiplies by.
pub(super) const MINUS_ONE: Reg = Reg::MAX;

pub(super) enum Work {
    Lane {
        vectors: Lane,
        /// Two operands: the lanes for one number on one side.
        mixed: Option<(Lane, Lane)>,
    },
    /// An elementary function; of a difference where there is a second argument, with the lane that makes it where it is no
    /// single number.
    Function { lane: AroundLane, less: Option<BasicLane> },
    Basic {
        lane: BasicLane,
        dtype: DType,
        /// An argument that divides.
        divisor: Option<Divisor>,
        /// Which arguments, each one number, are taken with the other sign.
        minus: u8,
    },
}

/// An argument that divides, and the lanes for where it is one number: what multiplies by it instead, and what divides all by the
/// same.
pub(super) struct Divisor {
    pub arg: usize,
    pub multiplies: BasicLane,
    pub by_one: Option<BasicLane>,
}

/// An operation of arithmetic on its way to a step.
struct Plain {
    op: Arith,
    args: [Reg; 2],
    dtype: DType,
    /// Which arguments, each one number, are taken with the other sign.
    minus: u8,
}

/// The steps of some instructions (those that are maps) after some loads, which are one number where `single`, and lie as they are
/// needed where `near`. `outputs` are registers that others read at the end.
pub fn steps(
    single: &[bool],
    near: &[bool],
    code: &[Inst],
    dtype: &dyn Fn(Reg) -> DType,
    outputs: &[Reg],
) -> Result<Vec<Step>> {
    let loads = single.len();
    let mut plain: Vec<Option<Plain>> = code.iter().map(|inst| plain(inst, dtype)).collect();
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
    negate_numbers(loads, &mut plain, &reach, &uses, &mut taken);
    let stage = stages(loads, code);
    let rows = stage.iter().any(|&s| s > 0);
    // What an operation makes of what lies there is made again in a later stage, rather than kept.
    let lies = |r: Reg| r == MINUS_ONE || reach[r as usize] < 2 || near.get(r as usize).is_some_and(|n| *n);
    let again = |j: usize, k: usize| {
        let fits = |p: &Plain| p.args.iter().all(|&r| lies(r));
        stage[loads + j] < stage[loads + k] && reach[loads + j] == 2 && plain[j].as_ref().is_some_and(fits)
    };
    for (k, inst) in code.iter().enumerate() {
        if taken[k] {
            continue;
        }
        if is_function(inst, dtype) {
            let arg = inst.args[0];
            let Some(j) = (arg as usize).checked_sub(loads).filter(|&j| !taken[j] && first_of[j].is_none()) else {
                continue;
            };
            let Some(Plain { op: Arith::Sub, args: [x, less], dtype: d, .. }) = plain[j] else { continue };
            let one = reach.get(less as usize).is_some_and(|&r| r < 2) && reach[x as usize] == 2;
            // In a kernel of rows the difference may turn out not to be needed elsewhere.
            let free = uses[arg as usize] == 1 || rows && lies(x);
            if one && free && d == inst.dtype {
                uses[arg as usize] -= 1;
                taken[j] = uses[arg as usize] == 0;
                first_of[k] = Some(j);
            }
            continue;
        }
        let Some(outer) = &plain[k] else { continue };
        let squares = outer.args[0] == outer.args[1];
        for arg in outer.args.into_iter().filter(|&a| a != MINUS_ONE) {
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
            if again(j, k) && inner.dtype == outer.dtype && !squares && !taken[j] {
                uses[arg as usize] -= 1;
                taken[j] = uses[arg as usize] == 0;
                first_of[k] = Some(j);
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
            (None, inner) if is_function(inst, dtype) => function(inst, inner.map(|i| i.1), result)?,
            _ => {
                let Body::Map(map) = &inst.prim.body else { return Err(Fault::new("internal: only maps are inlined")) };
                general(map, inst, result, dtype)?
            }
        });
    }
    Ok(out)
}

/// A product or a quotient of a negative and a number for all: the number is taken with the other sign instead, which has the same bits.
fn negate_numbers(loads: usize, plain: &mut [Option<Plain>], reach: &[u8], uses: &[u32], taken: &mut [bool]) {
    for k in 0..plain.len() {
        let Some(Plain { op: Arith::Mul | Arith::Div, args, dtype, minus: 0 }) = plain[k] else { continue };
        for i in 0..2 {
            let (arg, number) = (args[i] as usize, args[1 - i] as usize);
            let Some(j) = arg.checked_sub(loads).filter(|&j| j < k && uses[arg] == 1 && reach[arg] > 0) else {
                continue;
            };
            let negated = match &plain[j] {
                Some(p) if p.args[1] == MINUS_ONE && p.minus == 0 && p.dtype == dtype => p.args[0],
                _ => continue,
            };
            if reach.get(number) != Some(&0) {
                continue;
            }
            if let Some(p) = &mut plain[k] {
                p.args[i] = negated;
                p.minus = 1 << (1 - i);
            }
            taken[j] = true;
            break;
        }
    }
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

/// How many folds lie before each register, one after the other.
pub fn stages(loads: usize, code: &[Inst]) -> Vec<usize> {
    let mut out = vec![0usize; loads];
    for inst in code {
        let after = inst.args.iter().map(|&a| out[a as usize]).max().unwrap_or(0);
        out.push(after + inst.prim.is_reduce() as usize);
    }
    out
}

/// Whether an instruction is an elementary function of one operand.
fn is_function(inst: &Inst, dtype: &dyn Fn(Reg) -> DType) -> bool {
    let around = match &inst.prim.body {
        Body::Map(map) => map.around,
        _ => None,
    };
    around.is_some_and(|lane| inst.args.len() == 1 && dtype(inst.args[0]) == inst.dtype && lane(inst.dtype).is_some())
}

/// An elementary function, perhaps of a difference.
fn function(inst: &Inst, difference: Option<&Plain>, result: Reg) -> Result<Step> {
    let Body::Map(MapBody { around: Some(around), .. }) = &inst.prim.body else { return Err(missing()) };
    let lane = around(inst.dtype).ok_or_else(missing)?;
    let less = difference.map(|_| simd::lane(Arith::Sub, inst.dtype).ok_or_else(missing)).transpose()?;
    let args: SmallVec<[Reg; 3]> = match difference {
        Some(p) => SmallVec::from_slice(&p.args),
        None => inst.args.clone(),
    };
    let sizes = SmallVec::from_elem(inst.dtype.size(), args.len() + 1);
    Ok(Step::new(args, result, Work::Function { lane, less }, sizes, None))
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
    fits.then_some(Plain { op, args, dtype: inst.dtype, minus: 0 })
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
    let divisor = if p.op == Arith::Div {
        let by_one = simd::quotient_lane(Quotient::Alone, p.dtype);
        Some(Divisor { arg: 1, multiplies: lane(Arith::Mul)?, by_one })
    } else {
        None
    };
    let work = Work::Basic { lane: lane(p.op)?, dtype: p.dtype, divisor, minus: p.minus };
    let made = (p.args[1] != MINUS_ONE && p.minus == 0).then_some(Made { op: p.op, args: p.args, squared: false });
    Ok(Step::new(SmallVec::from_slice(&p.args), result, work, smallvec![p.dtype.size(); 3], made))
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
        let by_one = simd::quotient_lane(Quotient::After(inner.op), outer.dtype);
        Some(Divisor { arg: 2, multiplies: lane(inner.op, Outer::Left(Arith::Mul))?, by_one })
    } else if inner.op == Arith::Div {
        let by_one = simd::quotient_lane(Quotient::Before(then), outer.dtype);
        Some(Divisor { arg: 1, multiplies: lane(Arith::Mul, then)?, by_one })
    } else {
        None
    };
    // The outer one's number is the third argument.
    let minus = inner.minus | if outer.minus == 0 { 0 } else { 1 << 2 };
    let work = Work::Basic { lane: lane(inner.op, then)?, dtype: outer.dtype, divisor, minus };
    let mut args: SmallVec<[Reg; 3]> = SmallVec::from_slice(&inner.args);
    args.extend(other);
    let sizes = SmallVec::from_elem(outer.dtype.size(), args.len() + 1);
    let squared = then == Outer::Square && inner.args[1] != MINUS_ONE && minus == 0;
    let made = squared.then_some(Made { op: inner.op, args: inner.args, squared });
    Ok(Step::new(args, result, work, sizes, made))
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
    Ok(Step::new(inst.args.clone(), result, Work::Lane { vectors, mixed }, sizes, None))
}

impl Step {
    fn new(args: SmallVec<[Reg; 3]>, result: Reg, work: Work, sizes: SmallVec<[usize; 4]>, made: Option<Made>) -> Step {
        let negates = args.iter().enumerate().map(|(i, &a)| ((a == MINUS_ONE) as u8) << i).sum();
        Step { args, result, work, sizes, made, far: 0, asks: None, negates }
    }

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

    /// Whether it can sum its results as it goes.
    pub fn sums(&self) -> bool {
        matches!(self.work, Work::Function { .. })
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
