//! Functions, blocks, calls, and the ways out.
//!
//! Three kinds of functions: the entry (context to how it ended), a unit (context, calls that are left, arguments, to
//! its value and whether it stopped), and a door, through which the interpreter calls a unit.

use std::collections::HashMap;
use std::ops::Range;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F64, I64};
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, Function, InstBuilder, MemFlagsData, Signature, Type, UserFuncName, Value,
};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};

use super::Ctx;
use crate::lang::fast::inst::*;
use crate::lang::fast::run::Elements;

/// A unit of so many instructions goes into its caller's place, with what it calls in turn.
pub const SMALL: usize = 60;

/// How deep units go into each other; below `ROOM`.
pub const NESTED: usize = 4;

/// Ways out; `Passed` carries what a unit handed up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    Stopped = 1,
    Interrupted = 2,
    Passed = 3,
}

/// What is compiled, and for which machine.
pub struct Plan<'r> {
    pub isa: &'static OwnedTargetIsa,
    pub r: &'r Routine,
    pub dense: &'r [bool],
}

/// Where an array lies, loaded when the function is entered.
#[derive(Clone, Copy)]
pub struct Place {
    pub ptr: Value,
    pub n: [Value; 2],
    /// In elements; of the last axis `None` where it is 1.
    pub strides: [Option<Value>; 2],
}

/// Registers and code of one frame: that of the function, or of a unit in its caller's place.
pub struct Frame {
    insts: Range<usize>,
    vars: Vec<Option<(Variable, Variable)>>,
    consts: HashMap<Reg, u64>,
    blocks: HashMap<u32, Block>,
    /// Where its value goes; `None`: it is returned.
    pub done: Option<Block>,
    /// Its value is a float.
    pub float: bool,
    pub depth: usize,
    /// The instruction of the entering frame that is under way.
    pub call: Option<usize>,
}

/// One function in the making.
pub struct Making<'r, 'f> {
    pub b: FunctionBuilder<'f>,
    pub r: &'r Routine,
    pub plan: &'r Plan<'r>,
    pub ctx: Value,
    pub flag: Value,
    /// The value of a unit that did not come to one.
    pub unit: Option<Type>,
    pub left: Value,
    pub turns: Variable,
    pub places: Vec<Option<Place>>,
    pub outs: HashMap<(u32, Why), Block>,
    pub nested: Vec<u16>,
    pub called: Vec<u16>,
    /// What functions leave for whoever called; see `with_mail`.
    pub mail: Option<Frame>,
}

/// Memory that is there, and aligned.
pub fn known() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// And that nothing changes while machine code runs.
pub fn fixed() -> MemFlagsData {
    known().with_readonly().with_can_move()
}

pub fn type_of(float: bool) -> Type {
    if float { F64 } else { I64 }
}

macro_rules! field {
    ($t:ty, $name:ident) => {
        std::mem::offset_of!($t, $name) as i32
    };
}
pub(super) use field;

impl<'r> Plan<'r> {
    pub fn signature(&self, params: &[Type], returns: &[Type]) -> Signature {
        let mut s = Signature::new(self.isa.default_call_conv());
        s.params.extend(params.iter().map(|t| AbiParam::new(*t)));
        s.returns.extend(returns.iter().map(|t| AbiParam::new(*t)));
        s
    }

    pub fn unit_signature(&self, k: u16) -> Signature {
        let unit = &self.r.units[k as usize];
        let mut params = vec![I64, I64];
        params.extend(unit.floats.iter().map(|f| type_of(*f)));
        self.signature(&params, &[type_of(unit.float), I64])
    }

    /// The function that begins at one of the heads; and the units it calls.
    pub fn entry(&self, heads: &[u32]) -> Option<(Function, Vec<u16>)> {
        let mut func = Function::with_name_signature(UserFuncName::default(), self.signature(&[I64], &[I64]));
        let mut memory = FunctionBuilderContext::new();
        let mut m = Making::new(FunctionBuilder::new(&mut func, &mut memory), self, None);
        let end = self.r.units.iter().map(|u| u.start as usize).min().unwrap_or(self.r.insts.len());
        let mut frame = Frame::new(0..end, self.r.regs, &self.r.consts);
        let regs = m.load(m.ctx, field!(Ctx, regs));
        for reg in 0..self.r.regs as Reg {
            // Not `fixed`: the ways out write there.
            let v = m.load(regs, 8 * reg as i32);
            m.set_int(&mut frame, reg, v);
        }
        let zero = m.b.ins().iconst(I64, 0);
        m.b.def_var(m.turns, zero);
        let head = m.load(m.ctx, field!(Ctx, head));
        m.body(&mut frame, heads, Some(head))?;
        m.ways_out(&mut frame, regs);
        let called = m.end();
        Some((func, called))
    }

    pub fn unit(&self, k: u16) -> Option<(Function, Vec<u16>)> {
        let unit = &self.r.units[k as usize];
        let mut func = Function::with_name_signature(UserFuncName::default(), self.unit_signature(k));
        let mut memory = FunctionBuilderContext::new();
        let mut m = Making::new(FunctionBuilder::new(&mut func, &mut memory), self, Some(k));
        let mut frame = Frame::new(self.insts_of(k), unit.regs, &unit.consts);
        frame.float = unit.float;
        for (i, float) in unit.floats.iter().enumerate() {
            let v = m.b.block_params(m.b.current_block()?)[2 + i];
            m.set(&mut frame, i as Reg, v, *float);
        }
        // The call itself.
        let one = m.b.ins().iconst(I64, 1);
        m.b.def_var(m.turns, one);
        m.poll_flag(&mut frame, unit.start as usize);
        m.nested.push(k);
        m.body(&mut frame, &[unit.start], None)?;
        m.ways_back();
        let called = m.end();
        Some((func, called))
    }

    /// From the interpreter to a unit: arguments lie in memory, and so will the result.
    pub fn door(&self, k: u16) -> Option<Function> {
        let unit = &self.r.units[k as usize];
        let mut func = Function::with_name_signature(UserFuncName::default(), self.signature(&[I64, I64], &[I64]));
        let mut memory = FunctionBuilderContext::new();
        let mut b = FunctionBuilder::new(&mut func, &mut memory);
        let block = b.create_block();
        b.append_block_params_for_function_params(block);
        b.switch_to_block(block);
        let (ctx, from) = (b.block_params(block)[0], b.block_params(block)[1]);
        let left = b.ins().load(I64, known(), ctx, field!(Ctx, left));
        let mut args = vec![ctx, left];
        for (i, float) in unit.floats.iter().enumerate() {
            args.push(b.ins().load(type_of(*float), known(), from, 8 * i as i32));
        }
        let units = b.ins().load(I64, known(), ctx, field!(Ctx, units));
        let callee = b.ins().load(I64, known(), units, 8 * k as i32);
        let signature = b.import_signature(self.unit_signature(k));
        let call = b.ins().call_indirect(signature, callee, &args);
        let (v, status) = (b.inst_results(call)[0], b.inst_results(call)[1]);
        b.ins().store(known(), v, ctx, field!(Ctx, result));
        b.ins().return_(&[status]);
        b.seal_all_blocks();
        b.finalize(self.isa.frontend_config());
        Some(func)
    }

    pub fn insts_of(&self, k: u16) -> Range<usize> {
        let start = self.r.units[k as usize].start as usize;
        let next = self.r.units.iter().map(|u| u.start as usize).filter(|s| *s > start).min();
        start..next.unwrap_or(self.r.insts.len())
    }

    /// The size of a unit with all that it calls; `None` for one that has loops or comes back to itself.
    pub fn weight(&self, k: u16, depth: usize) -> Option<usize> {
        let insts = &self.r.insts[self.insts_of(k)];
        insts.iter().try_fold(0, |sum, inst| match inst {
            _ if sum > SMALL || depth > NESTED => None,
            Inst::Call { unit, .. } => Some(sum + self.weight(*unit, depth + 1)?),
            Inst::Turn { .. } | Inst::TurnBack { .. } | Inst::Again { .. } => None,
            _ => Some(sum + 1),
        })
    }
}

impl Frame {
    pub fn new(insts: Range<usize>, regs: usize, consts: &[(u64, Reg)]) -> Frame {
        let consts = consts.iter().map(|(bits, reg)| (*reg, *bits)).collect();
        Frame {
            insts,
            vars: vec![None; regs],
            consts,
            blocks: HashMap::new(),
            done: None,
            float: false,
            depth: 0,
            call: None,
        }
    }
}

impl<'r, 'f> Making<'r, 'f> {
    fn new(b: FunctionBuilder<'f>, plan: &'r Plan<'r>, unit: Option<u16>) -> Making<'r, 'f> {
        let mut b = b;
        let block = b.create_block();
        b.append_block_params_for_function_params(block);
        b.switch_to_block(block);
        let ctx = b.block_params(block)[0];
        let left = match unit {
            Some(_) => b.block_params(block)[1],
            None => b.ins().load(I64, known(), ctx, field!(Ctx, left)),
        };
        let flag = b.ins().load(I64, fixed(), ctx, field!(Ctx, flag));
        let turns = b.declare_var(I64);
        let unit = unit.map(|k| type_of(plan.r.units[k as usize].float));
        let mut m = Making {
            b,
            r: plan.r,
            plan,
            ctx,
            flag,
            unit,
            left,
            turns,
            places: vec![],
            outs: HashMap::new(),
            nested: vec![],
            called: vec![],
            mail: None,
        };
        m.find_arrays();
        m
    }

    fn find_arrays(&mut self) {
        let table = self.b.ins().load(I64, fixed(), self.ctx, field!(Ctx, elements));
        for (k, a) in self.r.arrays.iter().enumerate() {
            let at = (k * size_of::<Elements>()) as i32;
            let mut word = |offset: i32| self.b.ins().load(I64, fixed(), table, at + offset);
            let place = a.used.then(|| {
                let (n, strides) = (field!(Elements, n), field!(Elements, strides));
                let mut strides = [Some(word(strides)), Some(word(strides + 8))];
                if self.plan.dense[k] {
                    strides[a.rank - 1] = None;
                }
                Place { ptr: word(field!(Elements, ptr)), n: [word(n), word(n + 8)], strides }
            });
            self.places.push(place);
        }
    }

    fn end(mut self) -> Vec<u16> {
        self.b.seal_all_blocks();
        self.b.finalize(self.plan.isa.frontend_config());
        self.called
    }

    pub fn load(&mut self, from: Value, offset: i32) -> Value {
        self.b.ins().load(I64, known(), from, offset)
    }

    // Registers.

    fn vars(&mut self, f: &mut Frame, reg: Reg) -> (Variable, Variable) {
        let b = &mut self.b;
        *f.vars[reg as usize].get_or_insert_with(|| (b.declare_var(I64), b.declare_var(F64)))
    }

    /// The bits of a register that nothing changes.
    pub fn const_of(&self, f: &Frame, reg: Reg) -> Option<u64> {
        f.consts.get(&reg).copied()
    }

    pub fn int(&mut self, f: &mut Frame, reg: Reg) -> Value {
        match self.const_of(f, reg) {
            Some(bits) => self.b.ins().iconst(I64, bits as i64),
            None => {
                let var = self.vars(f, reg).0;
                self.b.use_var(var)
            }
        }
    }

    pub fn float(&mut self, f: &mut Frame, reg: Reg) -> Value {
        match self.const_of(f, reg) {
            Some(bits) => self.b.ins().f64const(f64::from_bits(bits)),
            None => {
                let var = self.vars(f, reg).1;
                self.b.use_var(var)
            }
        }
    }

    pub fn get(&mut self, f: &mut Frame, reg: Reg, float: bool) -> Value {
        if float { self.float(f, reg) } else { self.int(f, reg) }
    }

    pub fn set_int(&mut self, f: &mut Frame, reg: Reg, v: Value) {
        let (int, float) = self.vars(f, reg);
        let bits = self.b.ins().bitcast(F64, MemFlagsData::new(), v);
        self.b.def_var(int, v);
        self.b.def_var(float, bits);
    }

    pub fn set_float(&mut self, f: &mut Frame, reg: Reg, v: Value) {
        let (int, float) = self.vars(f, reg);
        let bits = self.b.ins().bitcast(I64, MemFlagsData::new(), v);
        self.b.def_var(int, bits);
        self.b.def_var(float, v);
    }

    /// Both forms of the same bits.
    pub fn set_both(&mut self, f: &mut Frame, reg: Reg, int: Value, float: Value) {
        let vars = self.vars(f, reg);
        self.b.def_var(vars.0, int);
        self.b.def_var(vars.1, float);
    }

    pub fn set(&mut self, f: &mut Frame, reg: Reg, v: Value, float: bool) {
        if float { self.set_float(f, reg, v) } else { self.set_int(f, reg, v) }
    }

    // Blocks.

    /// The instructions of a frame from its heads on: those that can be reached, in their order.
    pub fn body(&mut self, f: &mut Frame, heads: &[u32], which: Option<Value>) -> Option<()> {
        let reached = self.reach(f, heads);
        for (k, head) in heads.iter().enumerate().skip(1) {
            let (is, to) = (self.b.ins().icmp_imm_s(IntCC::Equal, which?, k as i64), self.block(f, *head));
            let next = self.b.create_block();
            self.branch(is, to, next);
            self.b.switch_to_block(next);
        }
        let first = self.block(f, heads[0]);
        self.jump(first);
        let mut open = false;
        for pc in f.insts.clone() {
            if let Some(&block) = f.blocks.get(&(pc as u32)) {
                if open {
                    self.jump(block);
                }
                self.b.switch_to_block(block);
                open = true;
            }
            if open && reached[pc - f.insts.start] {
                open = self.inst(f, pc)?;
            }
        }
        Some(())
    }

    /// Which instructions can be reached; a block is made for every one that is jumped to.
    fn reach(&mut self, f: &mut Frame, heads: &[u32]) -> Vec<bool> {
        let mut reached = vec![false; f.insts.len()];
        let mut open: Vec<u32> = heads.to_vec();
        for head in heads {
            self.block(f, *head);
        }
        while let Some(pc) = open.pop() {
            let seen = &mut reached[pc as usize - f.insts.start];
            if std::mem::replace(seen, true) {
                continue;
            }
            let mut inst = self.r.insts[pc as usize];
            let goes_on = !matches!(
                inst,
                Inst::Jump { .. } | Inst::Again { .. } | Inst::Return { .. } | Inst::Exit { .. } | Inst::Stop
            );
            if let Some(&mut to) = inst.target() {
                self.block(f, to);
                open.push(to);
                if goes_on {
                    self.block(f, pc + 1);
                }
            }
            if goes_on {
                open.push(pc + 1);
            }
        }
        reached
    }

    pub fn block(&mut self, f: &mut Frame, pc: u32) -> Block {
        *f.blocks.entry(pc).or_insert_with(|| self.b.create_block())
    }

    pub fn jump(&mut self, to: Block) {
        self.b.ins().jump(to, &[] as &[BlockArg]);
    }

    pub fn branch(&mut self, cond: Value, yes: Block, no: Block) {
        self.b.ins().brif(cond, yes, &[] as &[BlockArg], no, &[] as &[BlockArg]);
    }
}
