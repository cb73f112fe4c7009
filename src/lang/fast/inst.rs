//! Instructions, and a compiled routine.
//!
//! Operands are registers of the running frame. Constants lie in registers too; only what loops and recursions
//! do all the time with small ints has a second form. What may go wrong names no reason: it stops, and the walk finds out.

use std::rc::{Rc, Weak};

use super::native::Native;
use super::ty::{Given, Ty};
use crate::base::DType;
use crate::graph::Place;
use crate::graph::prim::Lane;
use crate::lang::builtin::Builtin;
use crate::lang::code::{BinaryOp, Relation, Slot};
use crate::lang::function::Function;
use crate::lang::value::Value;

/// A register.
pub type Reg = u16;

/// Where an instruction goes; a label until the routine is finished, then the number of an instruction.
pub type Label = u32;

#[rustfmt::skip]
#[derive(Clone, Copy, Debug)]
pub enum Inst {
    Move { d: Reg, a: Reg },
    /// Of an f64: machine code keeps those elsewhere.
    MoveF { d: Reg, a: Reg },
    /// A variable of the frame that entered the machine.
    Outer { d: Reg, a: Reg },
    /// An item of the tuple that a function gives, left in a register of that frame; and fetched from there by whoever called.
    Leave { to: Reg, a: Reg },
    Fetch { d: Reg, a: Reg },
    AddI { d: Reg, a: Reg, b: Reg },
    SubI { d: Reg, a: Reg, b: Reg },
    MulI { d: Reg, a: Reg, b: Reg },
    /// With a small constant, which calls then need not bring along.
    AddK { d: Reg, a: Reg, k: i32 },
    /// Floored division by a power of two.
    ShiftK { d: Reg, a: Reg, k: u16 },
    DivI { d: Reg, a: Reg, b: Reg },
    FloorI { d: Reg, a: Reg, b: Reg },
    RemI { d: Reg, a: Reg, b: Reg },
    /// The rarer operators of ints whose result is an int.
    IntI { op: BinaryOp, d: Reg, a: Reg, b: Reg },
    NegI { d: Reg, a: Reg },
    InvI { d: Reg, a: Reg },
    AbsI { d: Reg, a: Reg },
    AndB { d: Reg, a: Reg, b: Reg },
    OrB { d: Reg, a: Reg, b: Reg },
    XorB { d: Reg, a: Reg, b: Reg },
    NotB { d: Reg, a: Reg },
    AddF { d: Reg, a: Reg, b: Reg },
    SubF { d: Reg, a: Reg, b: Reg },
    MulF { d: Reg, a: Reg, b: Reg },
    DivF { d: Reg, a: Reg, b: Reg },
    FloorF { d: Reg, a: Reg, b: Reg },
    RemF { d: Reg, a: Reg, b: Reg },
    PowF { d: Reg, a: Reg, b: Reg },
    /// a * b + c, rounded twice, as the two instructions it stands for.
    MulAddF { d: Reg, a: Reg, b: Reg, c: Reg },
    /// a * b - c
    MulSubF { d: Reg, a: Reg, b: Reg, c: Reg },
    /// c - a * b
    SubMulF { d: Reg, a: Reg, b: Reg, c: Reg },
    NegF { d: Reg, a: Reg },
    SqrtF { d: Reg, a: Reg },
    AbsF { d: Reg, a: Reg },
    IntToF { d: Reg, a: Reg },
    /// Cut off; stops where no int is near.
    FToInt { d: Reg, a: Reg },
    /// The bits of a number in another dtype.
    Convert { d: Reg, a: Reg, from: DType, to: DType },
    /// A primitive on single numbers, by its number in the table.
    Lane { d: Reg, k: u16 },
    CompareI { op: Relation, d: Reg, a: Reg, b: Reg },
    CompareF { op: Relation, d: Reg, a: Reg, b: Reg },
    /// An int with a float, exactly.
    CompareIF { op: Relation, d: Reg, a: Reg, b: Reg },
    Jump { to: Label },
    /// A jump back: looks for Ctrl-C.
    Again { to: Label },
    If { a: Reg, to: Label },
    Unless { a: Reg, to: Label },
    IfLessI { a: Reg, b: Reg, to: Label },
    IfLessEqualI { a: Reg, b: Reg, to: Label },
    IfEqual { a: Reg, b: Reg, to: Label },
    IfNotEqual { a: Reg, b: Reg, to: Label },
    IfLessK { a: Reg, k: i16, to: Label },
    IfLessEqualK { a: Reg, k: i16, to: Label },
    IfGreaterK { a: Reg, k: i16, to: Label },
    IfGreaterEqualK { a: Reg, k: i16, to: Label },
    IfEqualK { a: Reg, k: i16, to: Label },
    IfNotEqualK { a: Reg, k: i16, to: Label },
    IfLessF { a: Reg, b: Reg, to: Label },
    IfLessEqualF { a: Reg, b: Reg, to: Label },
    UnlessLessF { a: Reg, b: Reg, to: Label },
    UnlessLessEqualF { a: Reg, b: Reg, to: Label },
    IfEqualF { a: Reg, b: Reg, to: Label },
    IfNotEqualF { a: Reg, b: Reg, to: Label },
    /// Registers `counter`, +1, +2: how many turns are left, the next number, the step.
    Range { counter: Reg, start: Reg, end: Reg, step: Reg },
    /// Begins the next turn of a range, or jumps where none is left.
    Turn { counter: Reg, d: Reg, to: Label },
    /// Jumps to the next turn of a range, or goes on where none is left.
    TurnBack { counter: Reg, d: Reg, to: Label },
    Load8 { d: Reg, array: u16, i: Reg },
    Load4 { d: Reg, array: u16, i: Reg },
    Load1 { d: Reg, array: u16, i: Reg },
    Store8 { array: u16, i: Reg, v: Reg },
    Store4 { array: u16, i: Reg, v: Reg },
    Store1 { array: u16, i: Reg, v: Reg },
    /// Two indices.
    Load8At { d: Reg, array: u16, i: Reg, j: Reg },
    Load4At { d: Reg, array: u16, i: Reg, j: Reg },
    Load1At { d: Reg, array: u16, i: Reg, j: Reg },
    Store8At { array: u16, i: Reg, j: Reg, v: Reg },
    Store4At { array: u16, i: Reg, j: Reg, v: Reg },
    Store1At { array: u16, i: Reg, j: Reg, v: Reg },
    /// The size of an axis of an array; axis 2 is all of them together.
    Length { d: Reg, array: u16, axis: u16 },
    /// Arguments lie from `args` on.
    Call { d: Reg, unit: u16, args: Reg },
    Return { a: Reg },
    /// The end, with the types that variables have there.
    Exit { k: u32 },
    /// The walk goes on here.
    Stop,
}

/// A step on the way to a statement, from the outermost list inwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crumb {
    /// The statement of that number; one behind the last is the list's value.
    At(u32),
    Then,
    Else,
    /// The body of the block that stands there.
    Block,
    /// A turn of the range whose counter is that register.
    Turn(Reg),
    /// A turn of a `while`.
    While,
    /// The condition of a `while`.
    Condition,
}

/// Where the walk goes on, and what the variables are there.
pub struct Stop {
    pub place: Vec<Crumb>,
    pub types: Vec<Ty>,
}

/// A variable of the loop: where it lives, what it was compiled for.
pub struct Var {
    pub slot: Slot,
    pub entry: Ty,
    pub reg: Reg,
    /// Some statement assigns it.
    pub assigned: bool,
    /// A function that is called reads it, so nothing may assign it.
    pub pinned: bool,
}

/// An array whose elements are read or written.
pub struct ArrayOf {
    pub var: usize,
    pub dtype: DType,
    pub place: Place,
    pub rank: usize,
    pub written: bool,
    pub used: bool,
}

/// What a variable of a frame may hold: numbers in a row of registers.
pub struct TupleOf {
    /// The frame's unit; `None` for the one that enters the machine.
    pub unit: Option<usize>,
    pub var: usize,
    pub items: Vec<Ty>,
    pub first: Reg,
}

/// A primitive on single numbers.
pub struct LaneCall {
    pub lane: Lane,
    pub args: [Reg; 3],
    pub count: usize,
    /// Its operands are f64.
    #[allow(dead_code, reason = "machine code alone asks")]
    pub float: bool,
    /// What it is to machine code, in which dtype.
    #[allow(dead_code, reason = "machine code alone asks")]
    pub plain: Option<(Plain, DType)>,
}

/// Primitives that machine code needs no function for.
#[derive(Clone, Copy, Debug)]
pub enum Plain {
    Add,
    Subtract,
    Multiply,
    Divide,
    Negative,
    Abs,
    Floor,
    Ceil,
    Round,
    Trunc,
    Larger,
    Smaller,
}

/// A compiled function: where it begins, and what its frame needs.
pub struct Unit {
    pub start: u32,
    pub regs: usize,
    pub params: usize,
    pub consts: Vec<(u64, Reg)>,
    /// Which of its arguments are f64.
    #[allow(dead_code, reason = "machine code alone asks")]
    pub floats: Vec<bool>,
    /// Its value is an f64.
    #[allow(dead_code, reason = "machine code alone asks")]
    pub float: bool,
    /// Its value is a tuple: which of the items are f64.
    #[allow(dead_code, reason = "machine code alone asks")]
    pub items: Vec<bool>,
}

/// A function that is entered: what it is given, in registers from 0 on, and the first register of what it gives.
pub struct Entered {
    pub args: Vec<Given>,
    pub result: Reg,
    pub gives: Given,
}

impl Entered {
    /// The registers of its result, and what each holds.
    pub fn registers(&self) -> impl Iterator<Item = (Reg, Ty)> {
        (self.result..).zip(self.gives.types().iter().copied())
    }
}

/// A function that is called: held weakly, as it may hold the routine.
pub enum Known {
    Function(Weak<Function>),
    Builtin(&'static Builtin),
}

impl Known {
    pub fn of(v: &Value) -> Option<Known> {
        match v {
            Value::Function(f) => Some(Known::Function(Rc::downgrade(f))),
            Value::Builtin(b) => Some(Known::Builtin(b)),
            _ => None,
        }
    }

    pub fn is(&self, v: &Value) -> bool {
        match (self, v) {
            (Known::Function(a), Value::Function(b)) => std::ptr::eq(a.as_ptr(), Rc::as_ptr(b)),
            (Known::Builtin(a), Value::Builtin(b)) => std::ptr::eq(*a, *b),
            _ => false,
        }
    }
}

/// A compiled loop or function.
pub struct Routine {
    pub insts: Vec<Inst>,
    /// The stop of every instruction; of no meaning inside units.
    pub stop_of: Vec<u32>,
    pub stops: Vec<Stop>,
    pub exits: Vec<Vec<Ty>>,
    pub vars: Vec<Var>,
    pub arrays: Vec<ArrayOf>,
    pub tuples: Vec<TupleOf>,
    pub callables: Vec<Known>,
    pub lanes: Vec<LaneCall>,
    pub units: Vec<Unit>,
    pub consts: Vec<(u64, Reg)>,
    pub regs: usize,
    /// The counter of the loop itself, where that is one over a range.
    pub counter: Option<Reg>,
    /// It is a function.
    pub call: Option<Entered>,
    /// Where functions leave the items of tuples that they give.
    #[allow(dead_code, reason = "machine code alone asks")]
    pub mail: Reg,
    pub native: Native,
}

impl Routine {
    /// The registers that a variable has, where it is of that type, and what each holds.
    pub fn registers(&self, var: &Var, ty: Ty) -> impl Iterator<Item = (Reg, Ty)> {
        let (alone, items) = match ty {
            Ty::Tuple(k) => (None, Some(&self.tuples[k as usize])),
            ty => (ty.dtype().map(|_| (var.reg, ty)), None),
        };
        let items = items.into_iter().flat_map(|t| (t.first..).zip(t.items.iter().copied()));
        alone.into_iter().chain(items)
    }
}
