//! One instruction after the other: what `run` does, in the code generator's terms.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, Value};

use super::flow::{Frame, Making, Why, fixed, type_of};
use super::{Ctx, helper, is_float};
use crate::base::DType;
use crate::lang::code::Relation;
use crate::lang::fast::inst::*;

impl Making<'_, '_> {
    /// Translates an instruction; whether the one behind it follows.
    pub fn inst(&mut self, f: &mut Frame, pc: usize) -> Option<bool> {
        let inst = &self.r.insts[pc];
        match *inst {
            Inst::Move { d, a } => {
                let v = self.int(f, a);
                self.set_int(f, d, v);
            }
            Inst::MoveF { d, a } => {
                let v = self.float(f, a);
                self.set_float(f, d, v);
            }
            Inst::Outer { d, a } => self.outer(f, d, a),
            Inst::Leave { to, a } => self.leave_item(f, to, a),
            Inst::Fetch { d, a } => self.fetch_item(f, d, a),
            Inst::AddI { .. }
            | Inst::SubI { .. }
            | Inst::MulI { .. }
            | Inst::AddK { .. }
            | Inst::ShiftK { .. }
            | Inst::DivI { .. }
            | Inst::FloorI { .. }
            | Inst::RemI { .. }
            | Inst::IntI { .. }
            | Inst::NegI { .. }
            | Inst::InvI { .. }
            | Inst::AbsI { .. }
            | Inst::AndB { .. }
            | Inst::OrB { .. }
            | Inst::XorB { .. }
            | Inst::NotB { .. }
            | Inst::FToInt { .. } => self.int_inst(f, pc, inst)?,
            Inst::AddF { .. }
            | Inst::SubF { .. }
            | Inst::MulF { .. }
            | Inst::DivF { .. }
            | Inst::FloorF { .. }
            | Inst::RemF { .. }
            | Inst::PowF { .. }
            | Inst::MulAddF { .. }
            | Inst::MulSubF { .. }
            | Inst::SubMulF { .. }
            | Inst::NegF { .. }
            | Inst::SqrtF { .. }
            | Inst::AbsF { .. }
            | Inst::IntToF { .. } => self.float_inst(f, inst)?,
            Inst::Convert { d, a, from, to } => self.convert(f, inst, (d, a), (from, to)),
            Inst::Lane { d, k } => self.lane(f, pc, d, k)?,
            Inst::CompareI { op, d, a, b } => {
                let (a, b) = (self.int(f, a), self.int(f, b));
                let holds = self.b.ins().icmp(int_relation(op)?, a, b);
                self.set_truth(f, d, holds);
            }
            Inst::CompareF { op, d, a, b } => {
                let (a, b) = (self.float(f, a), self.float(f, b));
                let holds = self.b.ins().fcmp(float_relation(op)?, a, b);
                self.set_truth(f, d, holds);
            }
            Inst::CompareIF { d, a, b, .. } => {
                let (at, a, b) = (self.address(inst), self.int(f, a), self.float(f, b));
                let v = self.helper(helper::compare as *const (), &[at, a, b], I64);
                self.set_int(f, d, v);
            }
            Inst::Jump { to } => {
                let to = self.block(f, to);
                self.jump(to);
                return Some(false);
            }
            Inst::Again { to } => {
                self.poll(f, pc);
                let to = self.block(f, to);
                self.jump(to);
                return Some(false);
            }
            Inst::Range { counter, start, end, step } => self.range(f, pc, counter, [start, end, step]),
            Inst::Turn { counter, d, to } => {
                let (left, to, next) = (self.int(f, counter), self.block(f, to), self.b.create_block());
                self.branch(left, next, to);
                self.b.switch_to_block(next);
                self.next_turn(f, pc, counter, d);
            }
            Inst::TurnBack { counter, d, to } => {
                let (left, next) = (self.int(f, counter), self.b.create_block());
                let behind = self.block(f, pc as u32 + 1);
                self.branch(left, next, behind);
                self.b.switch_to_block(next);
                self.next_turn(f, pc, counter, d);
                let to = self.block(f, to);
                self.jump(to);
                return Some(false);
            }
            Inst::Load8 { d, array, i } => {
                let float = self.r.arrays[array as usize].dtype == DType::F64;
                let at = self.element(f, pc, array, [i, i], 3)?;
                self.load_8(f, d, at, float);
            }
            Inst::Load8At { d, array, i, j } => {
                let float = self.r.arrays[array as usize].dtype == DType::F64;
                let at = self.element(f, pc, array, [i, j], 3)?;
                self.load_8(f, d, at, float);
            }
            Inst::Load4 { d, array, i } => self.load_4(f, pc, d, array, [i, i])?,
            Inst::Load4At { d, array, i, j } => self.load_4(f, pc, d, array, [i, j])?,
            Inst::Load1 { d, array, i } => self.load_1(f, pc, d, array, [i, i])?,
            Inst::Load1At { d, array, i, j } => self.load_1(f, pc, d, array, [i, j])?,
            Inst::Store8 { array, i, v } => self.store_8(f, pc, array, [i, i], v)?,
            Inst::Store8At { array, i, j, v } => self.store_8(f, pc, array, [i, j], v)?,
            Inst::Store4 { array, i, v } => self.store_4(f, pc, array, [i, i], v)?,
            Inst::Store4At { array, i, j, v } => self.store_4(f, pc, array, [i, j], v)?,
            Inst::Store1 { array, i, v } => self.store_1(f, pc, array, [i, i], v)?,
            Inst::Store1At { array, i, j, v } => self.store_1(f, pc, array, [i, j], v)?,
            Inst::Length { d, array, axis } => {
                let n = self.places[array as usize]?.n;
                let v = match n.get(axis as usize) {
                    Some(n) => *n,
                    None => self.b.ins().imul(n[0], n[1]),
                };
                self.set_int(f, d, v);
            }
            Inst::Call { d, unit, args } => self.call(f, pc, d, unit, args)?,
            Inst::Return { a } => {
                self.give(f, a);
                return Some(false);
            }
            Inst::Exit { k } => {
                self.exit(f, k);
                return Some(false);
            }
            Inst::Stop => {
                self.leave(f, pc, Why::Stopped);
                return Some(false);
            }
            _ => {
                self.conditional(f, pc, inst)?;
                return Some(false);
            }
        }
        Some(true)
    }

    pub fn address<T>(&mut self, of: &T) -> Value {
        self.b.ins().iconst(I64, std::ptr::from_ref(of) as i64)
    }

    fn set_truth(&mut self, f: &mut Frame, d: Reg, holds: Value) {
        let v = self.b.ins().uextend(I64, holds);
        self.set_int(f, d, v);
    }

    /// A variable of the entering frame, which nothing assigns.
    fn outer(&mut self, f: &mut Frame, d: Reg, a: Reg) {
        let regs = self.b.ins().load(I64, fixed(), self.ctx, std::mem::offset_of!(Ctx, regs) as i32);
        let float = self.r.vars.iter().any(|v| self.r.registers(v, v.entry).any(|(reg, ty)| reg == a && is_float(ty)));
        let v = self.b.ins().load(type_of(float), fixed(), regs, 8 * a as i32);
        self.set(f, d, v, float);
    }

    /// Jumps on a condition; the instruction behind it has a block of its own.
    fn conditional(&mut self, f: &mut Frame, pc: usize, inst: &Inst) -> Option<()> {
        use {FloatCC as F, IntCC as I};
        let (cond, to) = match *inst {
            Inst::If { a, to } => (self.int(f, a), to),
            Inst::Unless { a, to } => (self.compare_k(f, I::Equal, a, 0), to),
            Inst::IfLessI { a, b, to } => (self.compare_int(f, I::SignedLessThan, a, b), to),
            Inst::IfLessEqualI { a, b, to } => (self.compare_int(f, I::SignedLessThanOrEqual, a, b), to),
            Inst::IfEqual { a, b, to } => (self.compare_int(f, I::Equal, a, b), to),
            Inst::IfNotEqual { a, b, to } => (self.compare_int(f, I::NotEqual, a, b), to),
            Inst::IfLessK { a, k, to } => (self.compare_k(f, I::SignedLessThan, a, k), to),
            Inst::IfLessEqualK { a, k, to } => (self.compare_k(f, I::SignedLessThanOrEqual, a, k), to),
            Inst::IfGreaterK { a, k, to } => (self.compare_k(f, I::SignedGreaterThan, a, k), to),
            Inst::IfGreaterEqualK { a, k, to } => (self.compare_k(f, I::SignedGreaterThanOrEqual, a, k), to),
            Inst::IfEqualK { a, k, to } => (self.compare_k(f, I::Equal, a, k), to),
            Inst::IfNotEqualK { a, k, to } => (self.compare_k(f, I::NotEqual, a, k), to),
            Inst::IfLessF { a, b, to } => (self.compare_float(f, F::LessThan, a, b), to),
            Inst::IfLessEqualF { a, b, to } => (self.compare_float(f, F::LessThanOrEqual, a, b), to),
            // Not less is not the same as greater or equal: nan is neither.
            Inst::UnlessLessF { a, b, to } => (self.compare_float(f, F::UnorderedOrGreaterThanOrEqual, a, b), to),
            Inst::UnlessLessEqualF { a, b, to } => (self.compare_float(f, F::UnorderedOrGreaterThan, a, b), to),
            Inst::IfEqualF { a, b, to } => (self.compare_float(f, F::Equal, a, b), to),
            Inst::IfNotEqualF { a, b, to } => (self.compare_float(f, F::NotEqual, a, b), to),
            _ => return None,
        };
        let (to, behind) = (self.block(f, to), self.block(f, pc as u32 + 1));
        self.branch(cond, to, behind);
        Some(())
    }

    fn compare_int(&mut self, f: &mut Frame, cc: IntCC, a: Reg, b: Reg) -> Value {
        let (a, b) = (self.int(f, a), self.int(f, b));
        self.b.ins().icmp(cc, a, b)
    }

    fn compare_k(&mut self, f: &mut Frame, cc: IntCC, a: Reg, k: i16) -> Value {
        let a = self.int(f, a);
        self.b.ins().icmp_imm_s(cc, a, k as i64)
    }

    fn compare_float(&mut self, f: &mut Frame, cc: FloatCC, a: Reg, b: Reg) -> Value {
        let (a, b) = (self.float(f, a), self.float(f, b));
        self.b.ins().fcmp(cc, a, b)
    }

    // Turns.

    fn range(&mut self, f: &mut Frame, pc: usize, counter: Reg, bounds: [Reg; 3]) {
        let known = self.const_of(f, bounds[2]).map(|k| k as i64);
        let [start, end, step] = bounds.map(|reg| self.int(f, reg));
        let n = match known {
            Some(1) => self.span(IntCC::SignedGreaterThan, start, end),
            Some(-1) => self.span(IntCC::SignedLessThan, start, end),
            _ => {
                let none = self.b.ins().icmp_imm_s(IntCC::Equal, step, 0);
                self.stop_if(f, pc, none);
                self.helper(helper::length as *const (), &[start, end, step], I64)
            }
        };
        self.set_int(f, counter, n);
        self.set_int(f, counter + 1, start);
        self.set_int(f, counter + 2, step);
    }

    /// How far it is from the start to the end, if the end lies where the steps lead.
    fn span(&mut self, cc: IntCC, start: Value, end: Value) -> Value {
        let (ahead, zero) = (self.b.ins().icmp(cc, end, start), self.b.ins().iconst(I64, 0));
        let (up, down) = (self.b.ins().isub(end, start), self.b.ins().isub(start, end));
        self.b.ins().select(ahead, if cc == IntCC::SignedGreaterThan { up } else { down }, zero)
    }

    fn next_turn(&mut self, f: &mut Frame, pc: usize, counter: Reg, d: Reg) {
        self.poll(f, pc);
        let (left, next, step) = (self.int(f, counter), self.int(f, counter + 1), self.int(f, counter + 2));
        let fewer = self.b.ins().iadd_imm_s(left, -1);
        self.set_int(f, counter, fewer);
        self.set_int(f, d, next);
        let then = self.b.ins().iadd(next, step);
        self.set_int(f, counter + 1, then);
    }
}

fn int_relation(op: Relation) -> Option<IntCC> {
    Some(match op {
        Relation::Equal => IntCC::Equal,
        Relation::NotEqual => IntCC::NotEqual,
        Relation::Less => IntCC::SignedLessThan,
        Relation::LessEqual => IntCC::SignedLessThanOrEqual,
        Relation::Greater => IntCC::SignedGreaterThan,
        Relation::GreaterEqual => IntCC::SignedGreaterThanOrEqual,
        Relation::In | Relation::NotIn => return None,
    })
}

/// With nan nothing holds but `!=`.
fn float_relation(op: Relation) -> Option<FloatCC> {
    Some(match op {
        Relation::Equal => FloatCC::Equal,
        Relation::NotEqual => FloatCC::NotEqual,
        Relation::Less => FloatCC::LessThan,
        Relation::LessEqual => FloatCC::LessThanOrEqual,
        Relation::Greater => FloatCC::GreaterThan,
        Relation::GreaterEqual => FloatCC::GreaterThanOrEqual,
        Relation::In | Relation::NotIn => return None,
    })
}
