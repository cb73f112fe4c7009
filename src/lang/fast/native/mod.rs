//! Machine code for routines that run for long: the same instructions, with registers of the processor.
//!
//! In: a routine that the interpreter (`run`) has gone round in often enough, and the instruction where it is just now.
//! Out: machine code that goes on from there, or from the beginning at the next visit. The interpreter stays what
//! defines an instruction: whatever is not to be had here (the system gives no memory for code, the processor is
//! another one, the routine is long) is interpreted, with the same results to the last bit.
//!
//! The idea: a register of a routine becomes two variables of the code generator, one of ints and one of floats. A value
//! that is assigned is assigned to both, one of them by its bits; what nobody reads is dropped by the generator. So no
//! types are inferred, and a number never leaves the kind of registers that it is computed in. Stops and exits write the
//! variables back to the machine's registers, where `enter` finds them as if they had been interpreted.
//!
//! A function that is called becomes a function of machine code, its body in the caller's place if it is small. It
//! returns its value and whether it stopped: units change nothing but their own frame, so a stop only has to find its
//! way to the frame that entered the machine.
//!
//! | file | holds |
//! | --- | --- |
//! | `flow` | functions, frames, blocks |
//! | `out` | stops, ends, calls |
//! | `translate` | one instruction after the other: moves, jumps, turns |
//! | `int` `float` `element` | the others |
//! | `helper` | what machine code calls |
//! | `memory` | pages for it |
//!
//! TRIED: `cranelift-jit` and `cranelift-module`, which link functions by name and bring five crates more; a table of
//! addresses and one mapping per routine does what is needed here, and is gone with its routine.

mod element;
mod float;
mod flow;
mod helper;
mod int;
mod memory;
mod out;
mod translate;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::OnceLock;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CompiledCode, Context};

use self::flow::{Plan, Why};
use self::memory::{Memory, is_refused};
use super::inst::Routine;
use super::run::{Elements, End, Machine};
use super::ty::Ty;
use crate::base::{DType, interrupt};

/// Instructions of a routine that is still compiled; the time it takes grows somewhat faster than they do.
const LONGEST: usize = 2500;

/// Turns that are interpreted before machine code is made, for each instruction of the routine: about as long as it
/// takes to make it.
const WARM: u64 = 4000;

/// Registers of the entering frame: all are loaded when machine code is entered.
const WIDEST: usize = 600;

/// Bytes of stack that one call may take: `depth` allows 50 000 calls and keeps 256 MB for whatever they do.
const FRAME: u32 = 2048;

/// Calls that must be left when machine code is entered: bodies in their caller's place are not counted one by one.
const ROOM: usize = 8;

/// Times that a routine is compiled: from the loop that was hot, from the beginning, and for other strides.
const MOST: u8 = 4;

/// What machine code and the machine share.
#[repr(C)]
pub struct Ctx {
    pub regs: *mut u64,
    pub elements: *const Elements,
    pub flag: *const u32,
    /// Addresses of the units.
    pub units: *const usize,
    /// Turns and calls.
    pub turns: u64,
    /// How many calls may be inside each other.
    pub left: u64,
    /// What a helper or a unit came to.
    pub result: u64,
    /// Where to begin: a number of `heads`.
    pub head: u64,
}

impl Ctx {
    fn new(machine: &mut Machine, left: usize) -> Ctx {
        Ctx {
            regs: machine.regs.as_mut_ptr(),
            elements: machine.elements.as_ptr(),
            flag: interrupt::flag(),
            units: std::ptr::null(),
            turns: 0,
            left: left as u64,
            result: 0,
            head: 0,
        }
    }
}

/// One compiled form of a routine.
struct Code {
    memory: Memory,
    /// Instructions that can be begun at.
    heads: Vec<u32>,
    entry: usize,
    units: Box<[usize]>,
    /// Where a unit is entered from the interpreter.
    doors: Vec<Option<usize>>,
    /// Arrays whose last axis must lie without gaps.
    dense: Vec<bool>,
}

/// What is known of a routine as machine code.
#[derive(Default)]
pub struct Native {
    turns: Cell<u64>,
    codes: RefCell<Vec<Rc<Code>>>,
    tries: Cell<u8>,
    /// Arrays were met that lie otherwise than those it was compiled for.
    any: Cell<bool>,
    off: Cell<bool>,
}

impl Native {
    /// The turns that are left until machine code pays; `warm` of them in all, or as many as its size asks for.
    pub fn left(&self, size: usize, warm: Option<u64>, deepest: usize) -> u64 {
        let warm = warm.unwrap_or(WARM * size as u64);
        if self.off.get() || deepest < ROOM { u64::MAX } else { warm.saturating_sub(self.turns.get()) }
    }

    pub fn count(&self, turns: u64) {
        self.turns.set(self.turns.get().saturating_add(turns));
    }

    /// Goes on as machine code at an instruction of the entering frame, until the end. `None`: there is none.
    #[cold]
    #[inline(never)]
    pub fn enter(&self, machine: &mut Machine, r: &Routine, at: u32, deepest: usize) -> Option<End> {
        let code = self.code(r, &machine.elements, at)?;
        let mut ctx = Ctx::new(machine, deepest);
        // SAFETY: `code` was compiled from this routine and fits its arrays; `Machine::run` reserved the registers, and
        // `depth::most` knows the stack.
        let end = unsafe { code.enter(&mut ctx, at) };
        machine.turns += ctx.turns;
        machine.native += ctx.turns;
        Some(end)
    }

    /// Calls a unit, whose arguments lie in registers from `args` on: its value, or whether it stopped for Ctrl-C.
    /// `None`: there is no machine code of it.
    #[cold]
    #[inline(never)]
    pub fn call(
        &self,
        machine: &mut Machine,
        r: &Routine,
        unit: u16,
        args: usize,
        deeper: usize,
    ) -> Option<Result<u64, bool>> {
        let code = self.unit(r, &machine.elements, unit)?;
        let mut ctx = Ctx::new(machine, deeper);
        let args = machine.regs.get(args..)?.as_ptr();
        // SAFETY: as above; arguments lie where the instruction says.
        let end = unsafe { code.call(&mut ctx, unit, args) }?;
        machine.turns += ctx.turns;
        machine.native += ctx.turns;
        Some(match end {
            0 => Ok(ctx.result),
            end => Err(end == Why::Interrupted as u64),
        })
    }

    /// The code that can go on at an instruction, compiled now if it was not yet.
    fn code(&self, r: &Routine, elements: &[Elements], at: u32) -> Option<Rc<Code>> {
        if self.off.get() {
            return None;
        }
        let mut codes = self.codes.borrow_mut();
        if let Some(code) = codes.iter().find(|c| c.heads.contains(&at)) {
            if code.fits(r, elements) {
                return Some(code.clone());
            }
            self.any.set(true);
            codes.clear();
        }
        self.tries.set(self.tries.get() + 1);
        let code = if self.tries.get() > MOST { None } else { compile(r, elements, at, self.any.get()).map(Rc::new) };
        match &code {
            Some(code) => codes.push(code.clone()),
            None => self.off.set(true),
        }
        code
    }

    /// The code of a unit that the interpreter is about to call.
    fn unit(&self, r: &Routine, elements: &[Elements], unit: u16) -> Option<Rc<Code>> {
        let known = self.codes.borrow().iter().find(|c| c.doors[unit as usize].is_some()).cloned();
        match known {
            Some(code) => code.fits(r, elements).then_some(code),
            // What the beginning calls; a unit that went into its callers is left to the interpreter.
            None if self.codes.borrow().iter().any(|c| c.heads.contains(&0)) => None,
            None => self.code(r, elements, 0).filter(|c| c.doors[unit as usize].is_some()),
        }
    }
}

impl Code {
    fn fits(&self, r: &Routine, elements: &[Elements]) -> bool {
        let mut arrays = self.dense.iter().zip(elements).zip(&r.arrays);
        arrays.all(|((dense, e), a)| !dense || is_dense(e, a.rank))
    }

    /// Runs from a head on, to the end.
    ///
    /// # Safety
    /// The context is that of the routine which this was compiled from, whose elements it `fits`; all its registers are
    /// there; the stack has room for `left` calls.
    unsafe fn enter(&self, ctx: &mut Ctx, at: u32) -> End {
        ctx.head = self.heads.iter().position(|h| *h == at).unwrap_or(0) as u64;
        ctx.units = self.units.as_ptr();
        // SAFETY: `compile` made a function of this type there.
        let run: extern "C" fn(*mut Ctx) -> u64 = unsafe { std::mem::transmute(self.memory.address(self.entry)) };
        let end = run(ctx);
        match (end >> 32, end as u32) {
            (0, k) => End::Exit(k),
            (1, k) => End::Stop(k),
            (_, k) => End::Interrupted(k),
        }
    }

    /// Calls a unit; its arguments lie from `args` on. How it ended, as machine code says it.
    ///
    /// # Safety
    /// As for `enter`, and the arguments are there.
    unsafe fn call(&self, ctx: &mut Ctx, unit: u16, args: *const u64) -> Option<u64> {
        let door = self.doors[unit as usize]?;
        ctx.units = self.units.as_ptr();
        // SAFETY: `compile` made a function of this type there.
        let run: extern "C" fn(*mut Ctx, *const u64) -> u64 = unsafe { std::mem::transmute(self.memory.address(door)) };
        Some(run(ctx, args))
    }
}

fn is_dense(e: &Elements, rank: usize) -> bool {
    e.strides[rank - 1] == 1
}

/// Whether bits of that type are computed with as f64.
fn is_float(ty: Ty) -> bool {
    ty.dtype() == Some(DType::F64)
}

/// The processor we are on; `None` where the generator does not know it.
fn isa() -> Option<&'static OwnedTargetIsa> {
    static ISA: OnceLock<Option<OwnedTargetIsa>> = OnceLock::new();
    let make = || {
        let mut flags = settings::builder();
        flags.set("opt_level", "speed").ok()?;
        flags.set("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }).ok()?;
        flags.set("unwind_info", "false").ok()?;
        cranelift_native::builder().ok()?.finish(settings::Flags::new(flags)).ok()
    };
    ISA.get_or_init(make).as_ref()
}

/// Machine code under construction: functions one behind the other.
struct Pieces {
    bytes: Vec<u8>,
}

impl Pieces {
    /// Adds a function; where it begins.
    fn add(&mut self, func: Function, calls: bool) -> Option<usize> {
        let isa = isa()?;
        let mut context = Context::for_function(func);
        let code: &CompiledCode = context.compile(&**isa, &mut ControlPlane::default()).ok()?;
        // Nothing is linked: addresses are numbers or lie in tables.
        if !code.buffer.relocs().is_empty() || (calls && code.buffer.frame_layout()?.frame_to_fp_offset > FRAME) {
            return None;
        }
        while !self.bytes.len().is_multiple_of(64) {
            self.bytes.push(0);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(code.code_buffer());
        Some(start)
    }
}

fn compile(r: &Routine, elements: &[Elements], at: u32, any: bool) -> Option<Code> {
    if r.insts.len() > LONGEST || r.regs > WIDEST || is_refused() {
        return None;
    }
    let dense: Vec<bool> = r.arrays.iter().zip(elements).map(|(a, e)| !any && a.used && is_dense(e, a.rank)).collect();
    // The beginning too: that is where the next visit comes in.
    let heads = if at == 0 { vec![0] } else { vec![at, 0] };
    let plan = Plan { isa: isa()?, r, dense: &dense };
    let mut pieces = Pieces { bytes: vec![] };
    let (func, mut open) = plan.entry(&heads)?;
    let entry = pieces.add(func, false)?;
    let (mut units, mut doors) = (vec![0; r.units.len()], vec![None; r.units.len()]);
    while let Some(k) = open.pop() {
        if doors[k as usize].is_some() {
            continue;
        }
        let (func, calls) = plan.unit(k)?;
        units[k as usize] = pieces.add(func, true)?;
        doors[k as usize] = Some(pieces.add(plan.door(k)?, false)?);
        open.extend(calls);
    }
    let memory = Memory::of(&pieces.bytes)?;
    let units = units.iter().map(|start| memory.address(*start) as usize).collect();
    Some(Code { memory, heads, entry, units, doors, dense })
}
