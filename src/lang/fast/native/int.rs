//! Ints: checked where the interpreter checks them, by comparisons that are off the way of the result where they can be.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F64, I32, I64};
use cranelift_codegen::ir::{InstBuilder, Value};

use super::flow::{Frame, Making};
use super::helper;
use crate::lang::code::BinaryOp;
use crate::lang::fast::inst::*;

impl Making<'_, '_> {
    pub fn int_inst(&mut self, f: &mut Frame, pc: usize, inst: &Inst) -> Option<()> {
        let (d, v) = match *inst {
            Inst::AddI { d, a, b } => match (self.const_of(f, a), self.const_of(f, b)) {
                (_, Some(k)) => (d, self.add_constant(f, pc, a, k as i64)),
                (Some(k), _) => (d, self.add_constant(f, pc, b, k as i64)),
                _ => {
                    let (a, b) = (self.int(f, a), self.int(f, b));
                    let (v, over) = self.b.ins().sadd_overflow(a, b);
                    self.stop_if(f, pc, over);
                    (d, v)
                }
            },
            Inst::SubI { d, a, b } => {
                let (a, b) = (self.int(f, a), self.int(f, b));
                let (v, over) = self.b.ins().ssub_overflow(a, b);
                self.stop_if(f, pc, over);
                (d, v)
            }
            Inst::MulI { d, a, b } => match (self.const_of(f, a), self.const_of(f, b)) {
                (_, Some(k)) if k as i64 > 1 => (d, self.mul_constant(f, pc, a, k as i64)),
                (Some(k), _) if k as i64 > 1 => (d, self.mul_constant(f, pc, b, k as i64)),
                _ => {
                    let (a, b) = (self.int(f, a), self.int(f, b));
                    let (v, over) = self.b.ins().smul_overflow(a, b);
                    self.stop_if(f, pc, over);
                    (d, v)
                }
            },
            Inst::AddK { d, a, k } => (d, self.add_constant(f, pc, a, k as i64)),
            Inst::ShiftK { d, a, k } => {
                let a = self.int(f, a);
                (d, self.b.ins().sshr_imm_u(a, k as i64))
            }
            Inst::DivI { d, a, b } => {
                let (a, b) = (self.int(f, a), self.int(f, b));
                let zero = self.b.ins().icmp_imm_s(IntCC::Equal, b, 0);
                self.stop_if(f, pc, zero);
                let (a, b) = (self.b.ins().fcvt_from_sint(F64, a), self.b.ins().fcvt_from_sint(F64, b));
                let v = self.b.ins().fdiv(a, b);
                self.set_float(f, d, v);
                return Some(());
            }
            Inst::FloorI { d, a, b } => (d, self.floor_division(f, pc, a, b, true)),
            Inst::RemI { d, a, b } => (d, self.floor_division(f, pc, a, b, false)),
            Inst::IntI { op, d, a, b } => return self.int_operator(f, pc, inst, op, (d, a, b)),
            Inst::NegI { d, a } => {
                let a = self.int(f, a);
                self.stop_at_least(f, pc, a);
                (d, self.b.ins().ineg(a))
            }
            Inst::AbsI { d, a } => {
                let a = self.int(f, a);
                self.stop_at_least(f, pc, a);
                (d, self.b.ins().iabs(a))
            }
            Inst::InvI { d, a } => {
                let a = self.int(f, a);
                (d, self.b.ins().bnot(a))
            }
            Inst::AndB { d, a, b } => {
                let (a, b) = (self.int(f, a), self.int(f, b));
                (d, self.b.ins().band(a, b))
            }
            Inst::OrB { d, a, b } => {
                let (a, b) = (self.int(f, a), self.int(f, b));
                (d, self.b.ins().bor(a, b))
            }
            Inst::XorB { d, a, b } => {
                let (a, b) = (self.int(f, a), self.int(f, b));
                (d, self.b.ins().bxor(a, b))
            }
            Inst::NotB { d, a } => {
                let a = self.int(f, a);
                (d, self.b.ins().bxor_imm_s(a, 1))
            }
            Inst::FToInt { d, a } => {
                let x = self.float(f, a);
                let (least, most) = (self.b.ins().f64const(i64::MIN as f64), self.b.ins().f64const(-(i64::MIN as f64)));
                let below = self.b.ins().fcmp(FloatCC::UnorderedOrLessThan, x, least);
                self.stop_if(f, pc, below);
                let above = self.b.ins().fcmp(FloatCC::GreaterThanOrEqual, x, most);
                self.stop_if(f, pc, above);
                (d, self.b.ins().fcvt_to_sint_sat(I64, x))
            }
            _ => return None,
        };
        self.set_int(f, d, v);
        Some(())
    }

    /// Stops at the int that has no opposite.
    fn stop_at_least(&mut self, f: &Frame, pc: usize, a: Value) {
        let least = self.b.ins().icmp_imm_s(IntCC::Equal, a, i64::MIN);
        self.stop_if(f, pc, least);
    }

    /// A comparison with the last int that may be added to is off the way of the sum.
    fn add_constant(&mut self, f: &mut Frame, pc: usize, a: Reg, k: i64) -> Value {
        let a = self.int(f, a);
        let over = match k {
            0.. => self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, a, i64::MAX - k),
            _ => self.b.ins().icmp_imm_s(IntCC::SignedLessThan, a, i64::MIN - k),
        };
        self.stop_if(f, pc, over);
        self.b.ins().iadd_imm_s(a, k)
    }

    /// By more than 1.
    fn mul_constant(&mut self, f: &mut Frame, pc: usize, a: Reg, k: i64) -> Value {
        let a = self.int(f, a);
        let (least, most) = (i64::MIN / k, i64::MAX / k);
        let above = self.b.ins().iadd_imm_s(a, least.wrapping_neg());
        let room = (most - least) as u64 as i64;
        let room = self.b.ins().iconst(I64, room);
        let over = self.b.ins().icmp(IntCC::UnsignedGreaterThan, above, room);
        self.stop_if(f, pc, over);
        let k = self.b.ins().iconst(I64, k);
        self.b.ins().imul(a, k)
    }

    /// Quotient rounded down, or its remainder.
    fn floor_division(&mut self, f: &mut Frame, pc: usize, a: Reg, b: Reg, quotient: bool) -> Value {
        let known = self.const_of(f, b).map(|k| k as i64);
        let (x, y) = (self.int(f, a), self.int(f, b));
        if known.is_some_and(|k| k != 0 && k != -1) {
            return self.floored(x, y, quotient);
        }
        let zero = self.b.ins().icmp_imm_s(IntCC::Equal, y, 0);
        self.stop_if(f, pc, zero);
        // Where both are small and not negative, half the width takes half the time.
        let (small, large, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(done, I64);
        let bits = self.b.ins().bor(x, y);
        let high = self.b.ins().ushr_imm_u(bits, 32);
        self.branch(high, large, small);
        self.b.switch_to_block(small);
        let (s, t) = (self.b.ins().ireduce(I32, x), self.b.ins().ireduce(I32, y));
        let v = if quotient { self.b.ins().udiv(s, t) } else { self.b.ins().urem(s, t) };
        let v = self.b.ins().uextend(I64, v);
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(large);
        if quotient {
            let (least, minus) =
                (self.b.ins().icmp_imm_s(IntCC::Equal, x, i64::MIN), self.b.ins().icmp_imm_s(IntCC::Equal, y, -1));
            let over = self.b.ins().band(least, minus);
            self.stop_if(f, pc, over);
        }
        let v = self.floored(x, y, quotient);
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(done);
        result
    }

    /// For divisors and quotients that are.
    fn floored(&mut self, x: Value, y: Value, quotient: bool) -> Value {
        let rest = self.b.ins().srem(x, y);
        let (some, signs) = (self.b.ins().icmp_imm_s(IntCC::NotEqual, rest, 0), self.b.ins().bxor(rest, y));
        let turned = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, signs, 0);
        let off = self.b.ins().band(some, turned);
        if quotient {
            let (q, off) = (self.b.ins().sdiv(x, y), self.b.ins().uextend(I64, off));
            return self.b.ins().isub(q, off);
        }
        let up = self.b.ins().iadd(rest, y);
        self.b.ins().select(off, up, rest)
    }

    fn int_operator(
        &mut self,
        f: &mut Frame,
        pc: usize,
        inst: &Inst,
        op: BinaryOp,
        (d, a, b): (Reg, Reg, Reg),
    ) -> Option<()> {
        let by = self.const_of(f, b).map(|k| k as i64);
        let (x, y) = (self.int(f, a), self.int(f, b));
        let v = match (op, by) {
            (BinaryOp::Right, Some(0..)) => self.b.ins().sshr_imm_u(x, by?.min(63)),
            (BinaryOp::Left, Some(0..=62)) => {
                let v = self.b.ins().ishl_imm_u(x, by?);
                let back = self.b.ins().sshr_imm_u(v, by?);
                let lost = self.b.ins().icmp(IntCC::NotEqual, back, x);
                self.stop_if(f, pc, lost);
                v
            }
            _ => {
                let at = self.address(inst);
                let none = self.helper(helper::int as *const (), &[self.ctx, at, x, y], I64);
                self.stop_if(f, pc, none);
                self.take_result(f, d);
                return Some(());
            }
        };
        self.set_int(f, d, v);
        Some(())
    }
}
