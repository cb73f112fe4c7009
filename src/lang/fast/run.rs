//! The machine: one instruction after the other, registers in one flat array, nothing owned and nothing dropped.
//!
//! In: a routine, with its variables in registers. Out: how it ended; the registers hold what the variables are then.

use super::inst::*;
use crate::base::{interrupt, trouble};
use crate::graph::apply::convert;
use crate::lang::arith::{self, Num};
use crate::lang::convert::as_int;
use crate::lang::value::{Range, Value};

/// Where an array's elements lie.
#[derive(Clone, Copy)]
pub struct Elements {
    pub ptr: *mut u8,
    pub n: [i64; 2],
    /// In elements.
    pub strides: [isize; 2],
}

#[derive(Clone, Copy)]
struct Frame {
    pc: usize,
    base: usize,
    size: usize,
    d: Reg,
}

/// Registers and frames; kept by the interpreter, so that entering allocates nothing.
#[derive(Default)]
pub struct Machine {
    pub regs: Vec<u64>,
    pub elements: Vec<Elements>,
    frames: Vec<Frame>,
    /// Turns of loops and calls since it was entered.
    pub turns: u64,
    /// And in all visits that ended by themselves.
    pub total: u64,
    /// And in machine code.
    pub native: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// By itself, with these types.
    Exit(u32),
    /// The walk goes on at this stop.
    Stop(u32),
    /// Ctrl-C, seen at this stop.
    Interrupted(u32),
}

impl Machine {
    /// Room for a routine's first frame.
    pub fn reserve(&mut self, regs: usize) {
        if self.regs.len() < regs {
            self.regs.resize(regs.next_power_of_two().max(256), 0);
        }
    }

    /// Runs a routine from its beginning. `deepest`: how many calls may be inside each other.
    /// So many turns, and it goes on as machine code if it can.
    pub fn run(&mut self, r: &Routine, deepest: usize, warm: Option<u64>) -> End {
        self.frames.clear();
        self.reserve(r.regs);
        self.turns = 0;
        let left = r.native.left(r.insts.len(), warm, deepest);
        if left == 0
            && let Some(end) = r.native.enter(self, r, 0, deepest)
        {
            return end;
        }
        // SAFETY: `build` gives out registers below a frame's size only, frames lie inside `regs` (here, and at `Call`
        // below), jumps go to instructions of the routine (`patched`), the last of which never falls through (`Stop`,
        // `Exit`, `Return` or a jump ends every way), and tables are indexed by numbers that `build` took from them.
        let end = unsafe { self.go(r, deepest, left) };
        r.native.count(self.turns);
        end
    }

    unsafe fn go(&mut self, r: &Routine, deepest: usize, mut left: u64) -> End {
        let insts = r.insts.as_ptr();
        let elements = self.elements.as_ptr();
        let (mut pc, mut base, mut size, mut turns) = (0usize, 0usize, r.regs, 0u64);
        let mut regs = self.regs.as_mut_ptr();
        macro_rules! get {
            ($r:expr) => {
                unsafe { *regs.add($r as usize) }
            };
        }
        macro_rules! int {
            ($r:expr) => {
                get!($r) as i64
            };
        }
        macro_rules! float {
            ($r:expr) => {
                f64::from_bits(get!($r))
            };
        }
        macro_rules! set {
            ($r:expr, $bits:expr) => {{
                let bits: u64 = $bits;
                unsafe { *regs.add($r as usize) = bits }
            }};
        }
        macro_rules! set_float {
            ($r:expr, $x:expr) => {
                set!($r, f64::to_bits($x))
            };
        }
        // The stop of the running instruction, or of the call that the entering frame is in.
        macro_rules! stop {
            () => {{
                let at = self.frames.first().map_or(pc, |f| f.pc) - 1;
                self.turns = turns;
                return End::Stop(r.stop_of[at]);
            }};
        }
        macro_rules! interrupted {
            () => {{
                let at = self.frames.first().map_or(pc, |f| f.pc) - 1;
                self.turns = turns;
                return End::Interrupted(r.stop_of[at]);
            }};
        }
        macro_rules! poll {
            () => {
                turns += 1;
                if interrupt::asked() {
                    interrupted!();
                }
            };
        }
        // After a jump back: what went on for long goes on as machine code.
        macro_rules! warm {
            () => {
                if turns >= left && self.frames.is_empty() {
                    self.turns = turns;
                    if let Some(end) = r.native.enter(self, r, pc as u32, deepest) {
                        return end;
                    }
                    left = u64::MAX;
                }
            };
        }
        macro_rules! checked {
            ($d:expr, $done:expr) => {
                match $done {
                    Some(i) => set!($d, i as u64),
                    None => stop!(),
                }
            };
        }
        macro_rules! jump_if {
            ($cond:expr, $to:expr) => {
                if $cond {
                    pc = $to as usize;
                }
            };
        }
        macro_rules! jump_unless {
            ($cond:expr, $to:expr) => {
                match $cond {
                    true => {}
                    false => pc = $to as usize,
                }
            };
        }
        macro_rules! element {
            ($array:expr, $i:expr) => {{
                let e = unsafe { &*elements.add($array as usize) };
                let (i, n) = (int!($i), e.n[0]);
                let i = if i < 0 { i.wrapping_add(n) } else { i };
                if i as u64 >= n as u64 {
                    stop!();
                }
                (e.ptr, i as isize * e.strides[0])
            }};
            ($array:expr, $i:expr, $j:expr) => {{
                let e = unsafe { &*elements.add($array as usize) };
                let (i, j, n, m) = (int!($i), int!($j), e.n[0], e.n[1]);
                let i = if i < 0 { i.wrapping_add(n) } else { i };
                let j = if j < 0 { j.wrapping_add(m) } else { j };
                if i as u64 >= n as u64 || j as u64 >= m as u64 {
                    stop!();
                }
                (e.ptr, i as isize * e.strides[0] + j as isize * e.strides[1])
            }};
        }
        macro_rules! load {
            ($t:ty, $d:expr, $place:expr) => {{
                let (p, at) = $place;
                set!($d, unsafe { *p.cast::<$t>().offset(at) } as u64)
            }};
        }
        macro_rules! store {
            ($t:ty, $v:expr, $place:expr) => {{
                let (p, at) = $place;
                let bits = get!($v);
                unsafe { *p.cast::<$t>().offset(at) = bits as $t }
            }};
        }
        loop {
            let inst = unsafe { &*insts.add(pc) };
            pc += 1;
            match *inst {
                Inst::Move { d, a } | Inst::MoveF { d, a } => set!(d, get!(a)),
                Inst::Outer { d, a } | Inst::Fetch { d, a } => set!(d, unsafe { *regs.sub(base).add(a as usize) }),
                Inst::Leave { to, a } => {
                    let bits = get!(a);
                    unsafe { *regs.sub(base).add(to as usize) = bits };
                }
                Inst::AddI { d, a, b } => checked!(d, int!(a).checked_add(int!(b))),
                Inst::SubI { d, a, b } => checked!(d, int!(a).checked_sub(int!(b))),
                Inst::MulI { d, a, b } => checked!(d, int!(a).checked_mul(int!(b))),
                Inst::AddK { d, a, k } => checked!(d, int!(a).checked_add(k as i64)),
                Inst::ShiftK { d, a, k } => set!(d, (int!(a) >> k) as u64),
                Inst::DivI { d, a, b } => match int!(b) {
                    0 => stop!(),
                    y => set_float!(d, int!(a) as f64 / y as f64),
                },
                Inst::FloorI { d, a, b } => {
                    let (x, y) = (int!(a), int!(b));
                    if y == 0 {
                        stop!();
                    }
                    checked!(d, x.checked_div(y).map(|q| q - i64::from(x % y != 0 && (x < 0) != (y < 0))));
                }
                Inst::RemI { d, a, b } => {
                    let (x, y) = (int!(a), int!(b));
                    if y == 0 {
                        stop!();
                    }
                    let r = if (x | y) >> 32 == 0 { (x as u32 % y as u32) as i64 } else { x.wrapping_rem(y) };
                    set!(d, if r != 0 && (r < 0) != (y < 0) { r + y } else { r } as u64);
                }
                Inst::IntI { op, d, a, b } => match arith::arith(op, Num::Int(int!(a)), Num::Int(int!(b))) {
                    Ok(Some(Value::Int(i))) => set!(d, i as u64),
                    _ => stop!(),
                },
                Inst::NegI { d, a } => checked!(d, int!(a).checked_neg()),
                Inst::InvI { d, a } => set!(d, !get!(a)),
                Inst::AbsI { d, a } => checked!(d, int!(a).checked_abs()),
                Inst::AndB { d, a, b } => set!(d, get!(a) & get!(b)),
                Inst::OrB { d, a, b } => set!(d, get!(a) | get!(b)),
                Inst::XorB { d, a, b } => set!(d, get!(a) ^ get!(b)),
                Inst::NotB { d, a } => set!(d, get!(a) ^ 1),
                Inst::AddF { d, a, b } => set_float!(d, float!(a) + float!(b)),
                Inst::SubF { d, a, b } => set_float!(d, float!(a) - float!(b)),
                Inst::MulF { d, a, b } => set_float!(d, float!(a) * float!(b)),
                Inst::DivF { d, a, b } => set_float!(d, float!(a) / float!(b)),
                Inst::FloorF { d, a, b } => set_float!(d, arith::floor_quotient(float!(a), float!(b))),
                Inst::RemF { d, a, b } => set_float!(d, arith::floor_remainder(float!(a), float!(b))),
                Inst::PowF { d, a, b } => set_float!(d, arith::power(float!(a), float!(b))),
                Inst::MulAddF { d, a, b, c } => set_float!(d, float!(a) * float!(b) + float!(c)),
                Inst::MulSubF { d, a, b, c } => set_float!(d, float!(a) * float!(b) - float!(c)),
                Inst::SubMulF { d, a, b, c } => set_float!(d, float!(c) - float!(a) * float!(b)),
                Inst::NegF { d, a } => set_float!(d, -float!(a)),
                Inst::SqrtF { d, a } => set_float!(d, float!(a).sqrt()),
                Inst::AbsF { d, a } => set_float!(d, float!(a).abs()),
                Inst::IntToF { d, a } => set_float!(d, int!(a) as f64),
                Inst::FToInt { d, a } => checked!(d, as_int(float!(a))),
                Inst::Convert { d, a, from, to } => set!(d, convert(get!(a), from, to)),
                Inst::Lane { d, k } => {
                    let call = unsafe { r.lanes.get_unchecked(k as usize) };
                    let (mut ins, mut out) = ([std::ptr::null::<u8>(); 3], 0u64);
                    for (p, &reg) in ins.iter_mut().zip(&call.args[..call.count]) {
                        *p = unsafe { regs.add(reg as usize) }.cast();
                    }
                    // SAFETY: one element from operands of one element each, in the dtypes the lane was chosen for.
                    unsafe { (call.lane)(ins.as_ptr(), (&raw mut out).cast(), 1) };
                    if trouble::check().is_err() {
                        stop!();
                    }
                    set!(d, out);
                }
                Inst::CompareI { op, d, a, b } => {
                    set!(d, arith::compare(op, Num::Int(int!(a)), Num::Int(int!(b))) as u64)
                }
                Inst::CompareF { op, d, a, b } => {
                    set!(d, arith::compare(op, Num::Float(float!(a)), Num::Float(float!(b))) as u64)
                }
                Inst::CompareIF { op, d, a, b } => {
                    set!(d, arith::compare(op, Num::Int(int!(a)), Num::Float(float!(b))) as u64)
                }
                Inst::Jump { to } => pc = to as usize,
                Inst::Again { to } => {
                    poll!();
                    pc = to as usize;
                    warm!();
                }
                Inst::If { a, to } => jump_if!(get!(a) != 0, to),
                Inst::Unless { a, to } => jump_if!(get!(a) == 0, to),
                Inst::IfLessI { a, b, to } => jump_if!(int!(a) < int!(b), to),
                Inst::IfLessEqualI { a, b, to } => jump_if!(int!(a) <= int!(b), to),
                Inst::IfEqual { a, b, to } => jump_if!(get!(a) == get!(b), to),
                Inst::IfNotEqual { a, b, to } => jump_if!(get!(a) != get!(b), to),
                Inst::IfLessK { a, k, to } => jump_if!(int!(a) < k as i64, to),
                Inst::IfLessEqualK { a, k, to } => jump_if!(int!(a) <= k as i64, to),
                Inst::IfGreaterK { a, k, to } => jump_if!(int!(a) > k as i64, to),
                Inst::IfGreaterEqualK { a, k, to } => jump_if!(int!(a) >= k as i64, to),
                Inst::IfEqualK { a, k, to } => jump_if!(int!(a) == k as i64, to),
                Inst::IfNotEqualK { a, k, to } => jump_if!(int!(a) != k as i64, to),
                Inst::IfLessF { a, b, to } => jump_if!(float!(a) < float!(b), to),
                Inst::IfLessEqualF { a, b, to } => jump_if!(float!(a) <= float!(b), to),
                Inst::UnlessLessF { a, b, to } => jump_unless!(float!(a) < float!(b), to),
                Inst::UnlessLessEqualF { a, b, to } => jump_unless!(float!(a) <= float!(b), to),
                Inst::IfEqualF { a, b, to } => jump_if!(float!(a) == float!(b), to),
                Inst::IfNotEqualF { a, b, to } => jump_if!(float!(a) != float!(b), to),
                Inst::Range { counter, start, end, step } => {
                    let range = Range { start: int!(start), end: int!(end), step: int!(step) };
                    if range.step == 0 {
                        stop!();
                    }
                    set!(counter, range.len() as u64);
                    set!(counter + 1, range.start as u64);
                    set!(counter + 2, range.step as u64);
                }
                Inst::Turn { counter, d, to } => match get!(counter) {
                    0 => pc = to as usize,
                    left => {
                        poll!();
                        let next = get!(counter + 1);
                        set!(counter, left - 1);
                        set!(d, next);
                        set!(counter + 1, next.wrapping_add(get!(counter + 2)));
                        warm!();
                    }
                },
                Inst::TurnBack { counter, d, to } => {
                    let left = get!(counter);
                    if left != 0 {
                        poll!();
                        let next = get!(counter + 1);
                        set!(counter, left - 1);
                        set!(d, next);
                        set!(counter + 1, next.wrapping_add(get!(counter + 2)));
                        pc = to as usize;
                        warm!();
                    }
                }
                Inst::Load8 { d, array, i } => load!(u64, d, element!(array, i)),
                Inst::Load4 { d, array, i } => load!(u32, d, element!(array, i)),
                Inst::Load1 { d, array, i } => load!(u8, d, element!(array, i)),
                Inst::Store8 { array, i, v } => store!(u64, v, element!(array, i)),
                Inst::Store4 { array, i, v } => store!(u32, v, element!(array, i)),
                Inst::Store1 { array, i, v } => store!(u8, v, element!(array, i)),
                Inst::Load8At { d, array, i, j } => load!(u64, d, element!(array, i, j)),
                Inst::Load4At { d, array, i, j } => load!(u32, d, element!(array, i, j)),
                Inst::Load1At { d, array, i, j } => load!(u8, d, element!(array, i, j)),
                Inst::Store8At { array, i, j, v } => store!(u64, v, element!(array, i, j)),
                Inst::Store4At { array, i, j, v } => store!(u32, v, element!(array, i, j)),
                Inst::Store1At { array, i, j, v } => store!(u8, v, element!(array, i, j)),
                Inst::Length { d, array, axis } => {
                    let n = unsafe { &*elements.add(array as usize) }.n;
                    set!(d, n.get(axis as usize).copied().unwrap_or(n[0] * n[1]) as u64)
                }
                Inst::Call { d, unit, args } => {
                    poll!();
                    if self.frames.len() >= deepest {
                        stop!();
                    }
                    if turns >= left {
                        self.turns = turns;
                        let deeper = deepest - self.frames.len() - 1;
                        let called = r.native.call(self, r, unit, base + args as usize, deeper);
                        turns = self.turns;
                        match called {
                            Some(Ok(bits)) => {
                                set!(d, bits);
                                continue;
                            }
                            Some(Err(true)) => interrupted!(),
                            Some(Err(false)) => stop!(),
                            None => {}
                        }
                    }
                    let unit = unsafe { r.units.get_unchecked(unit as usize) };
                    self.frames.push(Frame { pc, base, size, d });
                    let from = base + args as usize;
                    base += size;
                    size = unit.regs;
                    if self.regs.len() < base + size {
                        self.regs.resize((base + size).next_power_of_two(), 0);
                    }
                    regs = unsafe { self.regs.as_mut_ptr().add(base) };
                    let args = unsafe { self.regs.as_ptr().add(from) };
                    for k in 0..unit.params {
                        set!(k, unsafe { *args.add(k) });
                    }
                    for &(bits, reg) in &unit.consts {
                        set!(reg, bits);
                    }
                    pc = unit.start as usize;
                }
                Inst::Return { a } => {
                    let bits = get!(a);
                    // Units are entered by calls only.
                    let Some(frame) = self.frames.pop() else { stop!() };
                    (pc, base, size) = (frame.pc, frame.base, frame.size);
                    regs = unsafe { self.regs.as_mut_ptr().add(base) };
                    set!(frame.d, bits);
                }
                Inst::Exit { k } => {
                    self.turns = turns;
                    return End::Exit(k);
                }
                Inst::Stop => stop!(),
            }
        }
    }
}
