//! Floats, other dtypes, and primitives on single numbers.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, F64, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};

use super::flow::{Frame, Making};
use super::{Ctx, helper};
use crate::base::DType;
use crate::lang::fast::inst::*;

impl Making<'_, '_> {
    pub fn float_inst(&mut self, f: &mut Frame, inst: &Inst) -> Option<()> {
        let (d, v) = match *inst {
            Inst::AddF { d, a, b } => {
                let (a, b) = (self.float(f, a), self.float(f, b));
                (d, self.b.ins().fadd(a, b))
            }
            Inst::SubF { d, a, b } => {
                let (a, b) = (self.float(f, a), self.float(f, b));
                (d, self.b.ins().fsub(a, b))
            }
            Inst::MulF { d, a, b } => {
                let (a, b) = (self.float(f, a), self.float(f, b));
                (d, self.b.ins().fmul(a, b))
            }
            Inst::DivF { d, a, b } => {
                let (a, b) = (self.float(f, a), self.float(f, b));
                (d, self.b.ins().fdiv(a, b))
            }
            Inst::FloorF { d, a, b } => {
                let (a, b) = (self.float(f, a), self.float(f, b));
                (d, self.helper(helper::floor as *const (), &[a, b], F64))
            }
            Inst::RemF { d, a, b } => {
                let (a, b) = (self.float(f, a), self.float(f, b));
                (d, self.helper(helper::remainder as *const (), &[a, b], F64))
            }
            Inst::PowF { d, a, b } => {
                let square = self.const_of(f, b) == Some(2.0f64.to_bits());
                let (a, b) = (self.float(f, a), self.float(f, b));
                (
                    d,
                    if square {
                        self.b.ins().fmul(a, a)
                    } else {
                        self.helper(helper::power as *const (), &[a, b], F64)
                    },
                )
            }
            // Rounded twice, as the interpreter does it.
            Inst::MulAddF { d, a, b, c } => {
                let (a, b, c) = (self.float(f, a), self.float(f, b), self.float(f, c));
                let product = self.b.ins().fmul(a, b);
                (d, self.b.ins().fadd(product, c))
            }
            Inst::MulSubF { d, a, b, c } => {
                let (a, b, c) = (self.float(f, a), self.float(f, b), self.float(f, c));
                let product = self.b.ins().fmul(a, b);
                (d, self.b.ins().fsub(product, c))
            }
            Inst::SubMulF { d, a, b, c } => {
                let (a, b, c) = (self.float(f, a), self.float(f, b), self.float(f, c));
                let product = self.b.ins().fmul(a, b);
                (d, self.b.ins().fsub(c, product))
            }
            Inst::NegF { d, a } => {
                let a = self.float(f, a);
                (d, self.b.ins().fneg(a))
            }
            Inst::SqrtF { d, a } => {
                let a = self.float(f, a);
                (d, self.b.ins().sqrt(a))
            }
            Inst::AbsF { d, a } => {
                let a = self.float(f, a);
                (d, self.b.ins().fabs(a))
            }
            Inst::IntToF { d, a } => {
                let a = self.int(f, a);
                (d, self.b.ins().fcvt_from_sint(F64, a))
            }
            _ => return None,
        };
        self.set_float(f, d, v);
        Some(())
    }

    pub fn convert(&mut self, f: &mut Frame, inst: &Inst, (d, a): (Reg, Reg), (from, to): (DType, DType)) {
        match (from, to) {
            (DType::F32, DType::F64) => {
                let bits = self.int(f, a);
                let bits = self.b.ins().ireduce(I32, bits);
                let x = self.b.ins().bitcast(F32, MemFlagsData::new(), bits);
                let v = self.b.ins().fpromote(F64, x);
                self.set_float(f, d, v);
            }
            (DType::F64, DType::F32) => {
                let x = self.float(f, a);
                let x = self.b.ins().fdemote(F32, x);
                let bits = self.b.ins().bitcast(I32, MemFlagsData::new(), x);
                let v = self.b.ins().uextend(I64, bits);
                self.set_int(f, d, v);
            }
            _ => {
                let (at, bits) = (self.address(inst), self.int(f, a));
                let v = self.helper(helper::convert as *const (), &[at, bits], I64);
                self.set_int(f, d, v);
            }
        }
    }

    /// A primitive: in instructions where it has some, else by its lane.
    pub fn lane(&mut self, f: &mut Frame, pc: usize, d: Reg, k: u16) -> Option<()> {
        let call = &self.r.lanes[k as usize];
        let regs = call.args;
        let (a, b) = (regs[0], if call.count > 1 { regs[1] } else { regs[0] });
        match call.plain {
            Some((plain, DType::F64)) => {
                let (a, b) = (self.float(f, a), self.float(f, b));
                let v = self.plain_float(plain, a, b);
                self.set_float(f, d, v);
            }
            Some((plain, DType::F32)) => {
                let (a, b) = (self.single(f, a), self.single(f, b));
                let v = self.plain_float(plain, a, b);
                let bits = self.b.ins().bitcast(I32, MemFlagsData::new(), v);
                let v = self.b.ins().uextend(I64, bits);
                self.set_int(f, d, v);
            }
            Some((plain, DType::I64)) => {
                let (a, b) = (self.int(f, a), self.int(f, b));
                let v = self.plain_int(plain, a, b)?;
                self.set_int(f, d, v);
            }
            _ => self.call_lane(f, pc, d, call),
        }
        Some(())
    }

    /// The f32 whose bits a register holds.
    fn single(&mut self, f: &mut Frame, a: Reg) -> Value {
        let bits = self.int(f, a);
        let bits = self.b.ins().ireduce(I32, bits);
        self.b.ins().bitcast(F32, MemFlagsData::new(), bits)
    }

    /// As `ops::arith` has them for f32 and f64.
    fn plain_float(&mut self, plain: Plain, a: Value, b: Value) -> Value {
        match plain {
            Plain::Add => self.b.ins().fadd(a, b),
            Plain::Subtract => self.b.ins().fsub(a, b),
            Plain::Multiply => self.b.ins().fmul(a, b),
            Plain::Divide => self.b.ins().fdiv(a, b),
            Plain::Negative => self.b.ins().fneg(a),
            Plain::Abs => self.b.ins().fabs(a),
            Plain::Floor => self.b.ins().floor(a),
            Plain::Ceil => self.b.ins().ceil(a),
            Plain::Round => self.b.ins().nearest(a),
            Plain::Trunc => self.b.ins().trunc(a),
            Plain::Larger => self.one_of(FloatCC::GreaterThanOrEqual, a, b),
            Plain::Smaller => self.one_of(FloatCC::LessThanOrEqual, a, b),
        }
    }

    /// The first where it is in that relation to the second, or nan.
    fn one_of(&mut self, cc: FloatCC, a: Value, b: Value) -> Value {
        let (holds, nan) = (self.b.ins().fcmp(cc, a, b), self.b.ins().fcmp(FloatCC::Unordered, a, a));
        let first = self.b.ins().bor(holds, nan);
        self.b.ins().select(first, a, b)
    }

    /// As `ops::arith` has them for i64: what does not fit goes around.
    fn plain_int(&mut self, plain: Plain, a: Value, b: Value) -> Option<Value> {
        Some(match plain {
            Plain::Add => self.b.ins().iadd(a, b),
            Plain::Subtract => self.b.ins().isub(a, b),
            Plain::Multiply => self.b.ins().imul(a, b),
            Plain::Negative => self.b.ins().ineg(a),
            Plain::Abs => self.b.ins().iabs(a),
            Plain::Floor | Plain::Ceil | Plain::Round | Plain::Trunc => a,
            Plain::Larger => {
                let first = self.b.ins().icmp(IntCC::SignedGreaterThan, a, b);
                self.b.ins().select(first, a, b)
            }
            Plain::Smaller => {
                let first = self.b.ins().icmp(IntCC::SignedLessThan, a, b);
                self.b.ins().select(first, a, b)
            }
            Plain::Divide => return None,
        })
    }

    fn call_lane(&mut self, f: &mut Frame, pc: usize, d: Reg, call: &LaneCall) {
        let mut args = vec![self.ctx, self.address(call)];
        for i in 0..3 {
            args.push(match i < call.count {
                true if call.float => {
                    let x = self.float(f, call.args[i]);
                    self.b.ins().bitcast(I64, MemFlagsData::new(), x)
                }
                true => self.int(f, call.args[i]),
                false => self.b.ins().iconst(I64, 0),
            });
        }
        let trouble = self.helper(helper::lane as *const (), &args, I64);
        self.stop_if(f, pc, trouble);
        self.take_result(f, d);
    }

    /// What a helper left in the context.
    pub fn take_result(&mut self, f: &mut Frame, d: Reg) {
        let v = self.load(self.ctx, std::mem::offset_of!(Ctx, result) as i32);
        self.set_int(f, d, v);
    }
}
