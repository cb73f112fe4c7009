//! The ways out of a function: stops, ends, calls.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F64, I32, I64};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Type, Value};

use super::flow::{Frame, Making, NESTED, SMALL, Why, field, fixed, known, type_of};
use super::{Ctx, is_float};
use crate::lang::fast::inst::*;
use crate::lang::fast::ty::{Ty, WIDEST};

impl Making<'_, '_> {
    fn out(&mut self, f: &Frame, pc: usize, why: Why) -> Block {
        // A unit hands up to whoever called it; what is in its caller's place stops where that one does.
        let stop = if self.unit.is_some() { 0 } else { self.r.stop_of[f.call.unwrap_or(pc)] };
        let b = &mut self.b;
        *self.outs.entry((stop, why)).or_insert_with(|| {
            let block = b.create_block();
            b.set_cold_block(block);
            if why == Why::Passed {
                b.append_block_param(block, I64);
            }
            block
        })
    }

    pub fn leave(&mut self, f: &Frame, pc: usize, why: Why) {
        let out = self.out(f, pc, why);
        self.jump(out);
    }

    /// Stops where a condition holds.
    pub fn stop_if(&mut self, f: &Frame, pc: usize, cond: Value) {
        self.leave_if(f, pc, cond, Why::Stopped);
    }

    pub fn leave_if(&mut self, f: &Frame, pc: usize, cond: Value, why: Why) {
        let (out, next) = (self.out(f, pc, why), self.b.create_block());
        self.branch(cond, out, next);
        self.b.switch_to_block(next);
    }

    pub fn count_turn(&mut self) {
        let turns = self.b.use_var(self.turns);
        let more = self.b.ins().iadd_imm_s(turns, 1);
        self.b.def_var(self.turns, more);
    }

    /// A turn: it is counted, and Ctrl-C looked for.
    pub fn poll(&mut self, f: &mut Frame, pc: usize) {
        self.count_turn();
        self.poll_flag(f, pc);
    }

    pub fn poll_flag(&mut self, f: &mut Frame, pc: usize) {
        let asked = self.b.ins().load(I32, known(), self.flag, 0);
        self.leave_if(f, pc, asked, Why::Interrupted);
    }

    /// Turns are added to those in the context.
    fn give_turns(&mut self) {
        let (before, turns) = (self.load(self.ctx, field!(Ctx, turns)), self.b.use_var(self.turns));
        let sum = self.b.ins().iadd(before, turns);
        self.b.ins().store(known(), sum, self.ctx, field!(Ctx, turns));
    }

    /// Writes the variables of the entering frame back, as their types are.
    fn write_back(&mut self, f: &mut Frame, regs: Value, types: &[Ty]) {
        for (k, var) in self.r.vars.iter().enumerate().filter(|(_, v)| v.assigned) {
            let ty = types.get(k).copied().unwrap_or(var.entry);
            for (reg, ty) in self.r.registers(var, ty) {
                self.write_register(f, regs, reg, is_float(ty));
            }
        }
    }

    fn write_register(&mut self, f: &mut Frame, regs: Value, reg: Reg, float: bool) {
        let v = self.get(f, reg, float);
        self.b.ins().store(known(), v, regs, 8 * reg as i32);
    }

    /// The end of the routine, with these types.
    pub fn exit(&mut self, f: &mut Frame, k: u32) {
        let regs = self.load(self.ctx, field!(Ctx, regs));
        self.write_back(f, regs, &self.r.exits[k as usize]);
        for (reg, ty) in self.r.call.iter().flat_map(Entered::registers) {
            self.write_register(f, regs, reg, is_float(ty));
        }
        self.give_turns();
        let code = self.b.ins().iconst(I64, k as i64);
        self.b.ins().return_(&[code]);
    }

    /// The blocks that the entry's stops lead to.
    pub fn ways_out(&mut self, f: &mut Frame, regs: Value) {
        for ((k, why), block) in self.sorted_outs() {
            self.b.switch_to_block(block);
            let status = match why {
                Why::Passed => self.b.block_params(block)[0],
                why => self.b.ins().iconst(I64, why as i64),
            };
            let stop = &self.r.stops[k as usize];
            self.write_back(f, regs, &stop.types);
            let inner = stop.place.iter().filter_map(|c| if let Crumb::Turn(reg) = c { Some(*reg) } else { None });
            let counters: Vec<Reg> = self.r.counter.into_iter().chain(inner).collect();
            for reg in counters.into_iter().flat_map(|c| c..c + 3) {
                self.write_register(f, regs, reg, false);
            }
            self.give_turns();
            let high = self.b.ins().ishl_imm_u(status, 32);
            let code = self.b.ins().bor_imm_s(high, k as i64);
            self.b.ins().return_(&[code]);
        }
    }

    /// The blocks that a unit's stops lead to.
    pub fn ways_back(&mut self) {
        for ((_, why), block) in self.sorted_outs() {
            self.b.switch_to_block(block);
            let status = match why {
                Why::Passed => self.b.block_params(block)[0],
                why => self.b.ins().iconst(I64, why as i64),
            };
            let nothing = match self.unit {
                Some(F64) => self.b.ins().f64const(0.0),
                _ => self.b.ins().iconst(I64, 0),
            };
            self.give_turns();
            self.b.ins().return_(&[nothing, status]);
        }
    }

    /// In an order that does not change from run to run.
    fn sorted_outs(&mut self) -> Vec<((u32, Why), Block)> {
        let mut outs: Vec<_> = std::mem::take(&mut self.outs).into_iter().collect();
        outs.sort_by_key(|((k, why), _)| (*k, *why as u8));
        outs
    }

    /// Of a function of the house.
    pub fn helper(&mut self, f: *const (), args: &[Value], result: Type) -> Value {
        let params: Vec<Type> = args.iter().map(|v| self.b.func.dfg.value_type(*v)).collect();
        let signature = self.plan.signature(&params, &[result]);
        let signature = self.b.import_signature(signature);
        let callee = self.b.ins().iconst(I64, f as usize as i64);
        let call = self.b.ins().call_indirect(signature, callee, args);
        self.b.inst_results(call)[0]
    }

    pub fn call(&mut self, f: &mut Frame, pc: usize, d: Reg, unit: u16, args: Reg) -> Option<()> {
        let made = &self.r.units[unit as usize];
        let within = f.depth < NESTED
            && !self.nested.contains(&unit)
            && self.plan.weight(unit, f.depth).is_some_and(|w| w <= SMALL);
        let spent = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThanOrEqual, self.left, f.depth as i64);
        let args: Vec<Value> =
            made.floats.iter().enumerate().map(|(i, float)| self.get(f, args + i as Reg, *float)).collect();
        // Whoever enters machine code sees to it that there is room; a loop around looks for Ctrl-C.
        if self.unit.is_some() {
            self.stop_if(f, pc, spent);
        }
        if within {
            self.count_turn();
            let v = self.in_place(f, pc, unit, &args)?;
            self.set(f, d, v, made.float);
            return Some(());
        }
        let left = self.b.ins().iadd_imm_s(self.left, -(f.depth as i64 + 1));
        let units = self.b.ins().load(I64, fixed(), self.ctx, field!(Ctx, units));
        let callee = self.b.ins().load(I64, fixed(), units, 8 * unit as i32);
        let all: Vec<Value> = [self.ctx, left].into_iter().chain(args).collect();
        let signature = self.plan.unit_signature(unit);
        let signature = self.b.import_signature(signature);
        let call = self.b.ins().call_indirect(signature, callee, &all);
        let (v, status) = (self.b.inst_results(call)[0], self.b.inst_results(call)[1]);
        let (out, next) = (self.out(f, pc, Why::Passed), self.b.create_block());
        self.b.ins().brif(status, out, &[BlockArg::from(status)], next, &[] as &[BlockArg]);
        self.b.switch_to_block(next);
        self.set(f, d, v, made.float);
        self.called.push(unit);
        if !made.items.is_empty() {
            let regs = self.load(self.ctx, field!(Ctx, regs));
            for (i, float) in made.items.iter().enumerate() {
                let at = 8 * (self.r.mail as i32 + i as i32);
                let v = self.b.ins().load(type_of(*float), known(), regs, at);
                self.with_mail(|m, mail| m.set(mail, i as Reg, v, *float));
            }
        }
        Some(())
    }

    /// What functions leave for whoever called, as the registers of a frame.
    fn with_mail<R>(&mut self, f: impl FnOnce(&mut Self, &mut Frame) -> R) -> R {
        let mut mail = self.mail.take().unwrap_or_else(|| Frame::new(0..0, WIDEST, &[]));
        let r = f(self, &mut mail);
        self.mail = Some(mail);
        r
    }

    /// An item of the tuple that the unit gives: to memory, unless it stands in its caller's place.
    pub fn leave_item(&mut self, f: &mut Frame, to: Reg, a: Reg) {
        let v = self.int(f, a);
        if f.done.is_none() {
            let regs = self.load(self.ctx, field!(Ctx, regs));
            self.b.ins().store(known(), v, regs, 8 * to as i32);
            return;
        }
        let (int, float) = (v, self.float(f, a));
        self.with_mail(|m, mail| m.set_both(mail, to - m.r.mail, int, float));
    }

    pub fn fetch_item(&mut self, f: &mut Frame, d: Reg, a: Reg) {
        let (int, float) = self.with_mail(|m, mail| (m.int(mail, a - m.r.mail), m.float(mail, a - m.r.mail)));
        self.set_both(f, d, int, float);
    }

    /// The body of a unit in its caller's place; its value.
    fn in_place(&mut self, f: &Frame, pc: usize, k: u16, args: &[Value]) -> Option<Value> {
        let unit = &self.r.units[k as usize];
        let mut inner = Frame::new(self.plan.insts_of(k), unit.regs, &unit.consts);
        let done = self.b.create_block();
        let v = self.b.append_block_param(done, type_of(unit.float));
        (inner.done, inner.float) = (Some(done), unit.float);
        (inner.depth, inner.call) = (f.depth + 1, Some(f.call.unwrap_or(pc)));
        for (i, float) in unit.floats.iter().enumerate() {
            self.set(&mut inner, i as Reg, args[i], *float);
        }
        self.nested.push(k);
        self.body(&mut inner, &[unit.start], None)?;
        self.nested.pop();
        self.b.switch_to_block(done);
        Some(v)
    }

    /// The value of the unit that this frame is of.
    pub fn give(&mut self, f: &mut Frame, a: Reg) {
        let v = self.get(f, a, f.float);
        match f.done {
            Some(done) => {
                self.b.ins().jump(done, &[BlockArg::from(v)]);
            }
            None => {
                self.give_turns();
                let fine = self.b.ins().iconst(I64, 0);
                self.b.ins().return_(&[v, fine]);
            }
        }
    }
}
