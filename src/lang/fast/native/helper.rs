//! What machine code calls: instructions that are functions of the house anyway. Each does what `run` does.

use super::Ctx;
use crate::base::trouble;
use crate::graph::apply;
use crate::lang::arith::{self, Num};
use crate::lang::fast::inst::{Inst, LaneCall};
use crate::lang::value::{Range, Value};

pub extern "C" fn floor(a: f64, b: f64) -> f64 {
    arith::floor_quotient(a, b)
}

pub extern "C" fn remainder(a: f64, b: f64) -> f64 {
    arith::floor_remainder(a, b)
}

pub extern "C" fn power(a: f64, b: f64) -> f64 {
    arith::power(a, b)
}

pub extern "C" fn length(start: i64, end: i64, step: i64) -> i64 {
    Range { start, end, step }.len() as i64
}

/// The result lies in the context; 1 where it is no int.
///
/// # Safety
/// The instruction and the context are those of the running routine.
pub unsafe extern "C" fn int(ctx: *mut Ctx, inst: *const Inst, a: i64, b: i64) -> i64 {
    // SAFETY: see above.
    let (inst, ctx) = unsafe { (&*inst, &mut *ctx) };
    let Inst::IntI { op, .. } = *inst else { return 1 };
    match arith::arith(op, Num::Int(a), Num::Int(b)) {
        Ok(Some(Value::Int(i))) => {
            ctx.result = i as u64;
            0
        }
        _ => 1,
    }
}

/// # Safety
/// The instruction is one of the running routine.
pub unsafe extern "C" fn compare(inst: *const Inst, a: i64, b: f64) -> i64 {
    // SAFETY: see above.
    match unsafe { *inst } {
        Inst::CompareIF { op, .. } => arith::compare(op, Num::Int(a), Num::Float(b)) as i64,
        _ => 0,
    }
}

/// # Safety
/// The instruction is one of the running routine.
pub unsafe extern "C" fn convert(inst: *const Inst, bits: u64) -> u64 {
    // SAFETY: see above.
    match unsafe { *inst } {
        Inst::Convert { from, to, .. } => apply::convert(bits, from, to),
        _ => bits,
    }
}

/// The result lies in the context; 1 where there was trouble.
///
/// # Safety
/// The call and the context are those of the running routine, and the operands are of the dtypes of the lane.
pub unsafe extern "C" fn lane(ctx: *mut Ctx, call: *const LaneCall, a: u64, b: u64, c: u64) -> i64 {
    let (ins, mut out) = ([a, b, c], 0u64);
    let places = ins.each_ref().map(|x| std::ptr::from_ref(x).cast::<u8>());
    // SAFETY: one element from operands of one element each.
    unsafe { ((*call).lane)(places.as_ptr(), (&raw mut out).cast(), 1) };
    if trouble::check().is_err() {
        return 1;
    }
    // SAFETY: see above.
    unsafe { (*ctx).result = out };
    0
}
