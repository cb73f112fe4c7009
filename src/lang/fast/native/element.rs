//! Elements of arrays: where they lie was loaded when the function was entered.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, Value};

use super::flow::{Frame, Making, known, type_of};
use crate::base::DType;
use crate::lang::fast::inst::*;

impl Making<'_, '_> {
    /// The address of an element, its size given as a power of two; stops where there is none.
    pub fn element(&mut self, f: &mut Frame, pc: usize, array: u16, at: [Reg; 2], size: i64) -> Option<Value> {
        let place = self.places[array as usize]?;
        let rank = self.r.arrays[array as usize].rank;
        let mut sum = None;
        for (axis, reg) in at.into_iter().enumerate().take(rank) {
            let i = self.position(f, pc, reg, place.n[axis]);
            let i = match place.strides[axis] {
                Some(stride) => self.b.ins().imul(i, stride),
                None => i,
            };
            sum = Some(match sum {
                Some(sum) => self.b.ins().iadd(sum, i),
                None => i,
            });
        }
        let bytes = self.b.ins().ishl_imm_u(sum?, size);
        Some(self.b.ins().iadd(place.ptr, bytes))
    }

    /// A position along an axis; negative ones count from the end.
    fn position(&mut self, f: &mut Frame, pc: usize, reg: Reg, n: Value) -> Value {
        let i = self.int(f, reg);
        let (within, other) = (self.b.create_block(), self.b.create_block());
        let at = self.b.append_block_param(within, I64);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, i, n);
        self.b.ins().brif(inside, within, &[i.into()], other, &[]);
        self.b.set_cold_block(other);
        self.b.switch_to_block(other);
        // Below zero: what is behind the end stays there. Sizes are far below what could go around.
        let (negative, back) = (self.b.ins().icmp_imm_s(IntCC::SignedLessThan, i, 0), self.b.ins().iadd(i, n));
        let i = self.b.ins().select(negative, back, i);
        let outside = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, i, n);
        self.stop_if(f, pc, outside);
        self.b.ins().jump(within, &[i.into()]);
        self.b.switch_to_block(within);
        at
    }

    pub fn load_8(&mut self, f: &mut Frame, d: Reg, at: Value, float: bool) {
        let v = self.b.ins().load(type_of(float), known(), at, 0);
        self.set(f, d, v, float);
    }

    pub fn load_4(&mut self, f: &mut Frame, pc: usize, d: Reg, array: u16, at: [Reg; 2]) -> Option<()> {
        let at = self.element(f, pc, array, at, 2)?;
        let v = self.b.ins().uload32(known(), at, 0);
        self.set_int(f, d, v);
        Some(())
    }

    pub fn load_1(&mut self, f: &mut Frame, pc: usize, d: Reg, array: u16, at: [Reg; 2]) -> Option<()> {
        let at = self.element(f, pc, array, at, 0)?;
        let v = self.b.ins().uload8(I64, known(), at, 0);
        self.set_int(f, d, v);
        Some(())
    }

    pub fn store_8(&mut self, f: &mut Frame, pc: usize, array: u16, at: [Reg; 2], v: Reg) -> Option<()> {
        let float = self.r.arrays[array as usize].dtype == DType::F64;
        let at = self.element(f, pc, array, at, 3)?;
        let v = self.get(f, v, float);
        self.b.ins().store(known(), v, at, 0);
        Some(())
    }

    pub fn store_4(&mut self, f: &mut Frame, pc: usize, array: u16, at: [Reg; 2], v: Reg) -> Option<()> {
        let at = self.element(f, pc, array, at, 2)?;
        let v = self.int(f, v);
        self.b.ins().istore32(known(), v, at, 0);
        Some(())
    }

    pub fn store_1(&mut self, f: &mut Frame, pc: usize, array: u16, at: [Reg; 2], v: Reg) -> Option<()> {
        let at = self.element(f, pc, array, at, 0)?;
        let v = self.int(f, v);
        self.b.ins().istore8(known(), v, at, 0);
        Some(())
    }
}
