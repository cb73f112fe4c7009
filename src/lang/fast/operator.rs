//! Operators and primitives on numbers whose types are known: which instruction does it.

use super::build::Build;
use super::expr::Val;
use super::inst::*;
use super::ty::Ty;
use crate::base::DType;
use crate::graph::prim::Operands;
use crate::graph::{Attrs, Body, Call, Expr, ParamKind, Place, Prim, Types};
use crate::lang::code::{BinaryOp, Code, Relation, Unary, UnaryOp};
use crate::lang::eval::relation_prim;
use crate::ops;

/// Ints up to here are floats without a loss.
const EXACT: i64 = 1 << 53;

impl<'a> Build<'a, '_> {
    pub fn binary(&mut self, op: BinaryOp, prim: &'static Prim, x: Val, y: Val, want: Option<Reg>) -> Option<Val> {
        let (a, b) = (self.type_in(x), self.type_in(y));
        if a.is_weak() && b.is_weak() {
            return self.weak_binary(op, x, y, want);
        }
        if op == BinaryOp::Other {
            return None;
        }
        if op == BinaryOp::Pow {
            return self.strong_power(prim, x, y, want);
        }
        self.map(prim, &[x, y], want)
    }

    fn weak_binary(&mut self, op: BinaryOp, x: Val, y: Val, want: Option<Reg>) -> Option<Val> {
        let (s, t) = (self.type_in(x), self.type_in(y));
        if !(s.is_int() && t.is_int()) {
            return self.float_binary(op, x, y, want).map(|d| Val::Reg(d, Ty::Float));
        }
        if let Some(v) = self.by_constant(op, x, y, want) {
            return Some(v);
        }
        let bools = s == Ty::Bool && t == Ty::Bool;
        let (a, b, d) = (self.reg(x)?, self.reg(y)?, self.dest(want)?);
        let ty = match op {
            BinaryOp::Div => Ty::Float,
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor if bools => Ty::Bool,
            _ => Ty::Int,
        };
        self.emit(match op {
            BinaryOp::Add => Inst::AddI { d, a, b },
            BinaryOp::Sub => Inst::SubI { d, a, b },
            BinaryOp::Mul => Inst::MulI { d, a, b },
            BinaryOp::Div => Inst::DivI { d, a, b },
            BinaryOp::Floor => Inst::FloorI { d, a, b },
            BinaryOp::Rem => Inst::RemI { d, a, b },
            BinaryOp::And => Inst::AndB { d, a, b },
            BinaryOp::Or => Inst::OrB { d, a, b },
            BinaryOp::Xor => Inst::XorB { d, a, b },
            BinaryOp::Pow | BinaryOp::Left | BinaryOp::Right => Inst::IntI { op, d, a, b },
            BinaryOp::Other => return None,
        });
        Some(Val::Reg(d, ty))
    }

    /// An int and a constant that have an instruction of their own.
    fn by_constant(&mut self, op: BinaryOp, x: Val, y: Val, want: Option<Reg>) -> Option<Val> {
        let (x, k) = match (x, y, op) {
            (Val::Int(k), Val::Reg(..), BinaryOp::Add) => (y, k),
            (Val::Reg(..), Val::Int(k), _) => (x, k),
            _ => return None,
        };
        let (power, small) = (k > 0 && k & (k - 1) == 0, k.unsigned_abs() < 1 << 30);
        match op {
            BinaryOp::Add | BinaryOp::Sub if small => {
                let (a, d) = (self.reg(x)?, self.dest(want)?);
                self.emit(Inst::AddK { d, a, k: if op == BinaryOp::Add { k } else { -k } as i32 });
                Some(Val::Reg(d, Ty::Int))
            }
            BinaryOp::Rem if power => {
                let (a, b, d) = (self.reg(x)?, self.constant((k - 1) as u64)?, self.dest(want)?);
                self.emit(Inst::AndB { d, a, b });
                Some(Val::Reg(d, Ty::Int))
            }
            BinaryOp::Floor if power => {
                let (a, d) = (self.reg(x)?, self.dest(want)?);
                self.emit(Inst::ShiftK { d, a, k: k.trailing_zeros() as u16 });
                Some(Val::Reg(d, Ty::Int))
            }
            _ => None,
        }
    }

    /// Of f64 and whatever becomes f64.
    fn float_binary(&mut self, op: BinaryOp, x: Val, y: Val, want: Option<Reg>) -> Option<Reg> {
        if !matches!(
            op,
            BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Floor
                | BinaryOp::Rem
                | BinaryOp::Pow
        ) {
            return None;
        }
        let (a, b) = (self.as_dtype(x, DType::F64)?, self.as_dtype(y, DType::F64)?);
        let d = self.dest(want)?;
        let inst = match op {
            BinaryOp::Add | BinaryOp::Sub => self.fused(op, d, a, b),
            BinaryOp::Mul => Inst::MulF { d, a, b },
            BinaryOp::Div => Inst::DivF { d, a, b },
            BinaryOp::Floor => Inst::FloorF { d, a, b },
            BinaryOp::Rem => Inst::RemF { d, a, b },
            _ => Inst::PowF { d, a, b },
        };
        self.emit(inst);
        Some(d)
    }

    /// A sum or difference; with the product before it in one instruction where it is one of the two.
    fn fused(&mut self, op: BinaryOp, d: Reg, a: Reg, b: Reg) -> Inst {
        let plain = if op == BinaryOp::Add { Inst::AddF { d, a, b } } else { Inst::SubF { d, a, b } };
        let Some(&Inst::MulF { d: product, a: x, b: y }) = self.insts.last() else { return plain };
        let free = self.insts.len() > self.barrier && self.is_temp(product) && a != b;
        if !free || (a != product && b != product) {
            return plain;
        }
        self.cut(self.insts.len() - 1);
        match op {
            BinaryOp::Add => Inst::MulAddF { d, a: x, b: y, c: if a == product { b } else { a } },
            _ if a == product => Inst::MulSubF { d, a: x, b: y, c: b },
            _ => Inst::SubMulF { d, a: x, b: y, c: a },
        }
    }

    /// The register that holds a number in some dtype, as `cast` makes it.
    pub fn as_dtype(&mut self, v: Val, to: DType) -> Option<Reg> {
        let from = self.type_in(v).dtype()?;
        if from == to {
            return self.reg(v);
        }
        match (v, to) {
            (Val::Int(i), DType::F64) => return self.constant((i as f64).to_bits()),
            (Val::Bool(b), DType::F64) => return self.constant((b as i64 as f64).to_bits()),
            _ => {}
        }
        let (a, d) = (self.reg(v)?, self.temp()?);
        self.emit(match (from, to) {
            (DType::I64 | DType::Bool, DType::F64) => Inst::IntToF { d, a },
            (DType::Bool, DType::I64) => Inst::Move { d, a },
            _ => Inst::Convert { d, a, from, to },
        });
        Some(d)
    }

    /// Powers of numbers with a dtype: products where the walk makes products.
    fn strong_power(&mut self, prim: &'static Prim, x: Val, y: Val, want: Option<Reg>) -> Option<Val> {
        let floats = self.type_in(x).dtype()?.is_float();
        let strong = !self.type_in(x).is_weak();
        let multiply = &ops::arith::multiply::PRIM;
        match y {
            Val::Int(2) => self.map(multiply, &[x, x], want),
            Val::Float(2.0) if floats => self.map(multiply, &[x, x], want),
            Val::Int(3) if !floats => {
                let square = self.map(multiply, &[x, x], None)?;
                self.map(multiply, &[square, x], want)
            }
            Val::Int(1) if strong => Some(x),
            Val::Float(1.0) if floats && strong => Some(x),
            Val::Int(-1) | Val::Float(-1.0) if floats => {
                self.map(&ops::arith::divide::PRIM, &[Val::Float(1.0), x], want)
            }
            // Which way it goes depends on the number.
            Val::Reg(_, ty) if ty.is_weak() => None,
            _ => self.map(prim, &[x, y], want),
        }
    }

    pub fn unary(&mut self, u: &'a Unary, want: Option<Reg>) -> Option<Val> {
        let v = self.expr(&u.x, None)?;
        let ty = self.type_in(v);
        match (u.op, ty) {
            (UnaryOp::Plus, Ty::Int | Ty::Float | Ty::Strong(..)) => return Some(v),
            (UnaryOp::Minus | UnaryOp::Invert, Ty::Strong(..)) => return self.map(u.prim?, &[v], want),
            _ => {}
        }
        let (a, d) = (self.reg(v)?, self.dest(want)?);
        let (inst, ty) = match (u.op, ty) {
            (UnaryOp::Minus, Ty::Int | Ty::Bool) => (Inst::NegI { d, a }, Ty::Int),
            (UnaryOp::Minus, Ty::Float) => (Inst::NegF { d, a }, Ty::Float),
            (UnaryOp::Invert, Ty::Int) => (Inst::InvI { d, a }, Ty::Int),
            (UnaryOp::Invert, Ty::Bool) => (Inst::NotB { d, a }, Ty::Bool),
            (UnaryOp::Not, Ty::Bool | Ty::Strong(DType::Bool, _)) => (Inst::NotB { d, a }, Ty::Bool),
            _ => return None,
        };
        self.emit(inst);
        Some(Val::Reg(d, ty))
    }

    /// A comparison as a value.
    pub fn compare(&mut self, op: Relation, x: Val, y: Val, want: Option<Reg>) -> Option<Val> {
        if matches!(op, Relation::In | Relation::NotIn) {
            return None;
        }
        let (s, t) = (self.type_in(x), self.type_in(y));
        if !(s.is_weak() && t.is_weak()) {
            return self.map(relation_prim(op), &[x, y], want);
        }
        let inst = match self.pair(x, y)? {
            Pair::Ints(a, b) => Inst::CompareI { op, d: self.dest(want)?, a, b },
            Pair::Floats(a, b) => Inst::CompareF { op, d: self.dest(want)?, a, b },
            Pair::Mixed(a, b, turned) => {
                let op = if turned { mirrored(op) } else { op };
                Inst::CompareIF { op, d: self.dest(want)?, a, b }
            }
        };
        let d = match inst {
            Inst::CompareI { d, .. } | Inst::CompareF { d, .. } | Inst::CompareIF { d, .. } => d,
            _ => return None,
        };
        self.emit(inst);
        Some(Val::Reg(d, Ty::Bool))
    }

    /// Jumps where `x op y` is `sense`.
    pub fn branch_pair(&mut self, op: Relation, x: Val, y: Val, sense: bool, to: Label) -> Option<()> {
        let (s, t) = (self.type_in(x), self.type_in(y));
        result_type(&[s, t], DType::Bool)?;
        if s.is_int() && t.is_int() && !matches!(op, Relation::In | Relation::NotIn) {
            let (v, k, op) = match (x, y) {
                (v, Val::Int(k)) => (v, Some(k), op),
                (Val::Int(k), v) => (v, Some(k), mirrored(op)),
                _ => (x, None, op),
            };
            if let Some(k) = k.and_then(|k| i16::try_from(k).ok()) {
                let a = self.reg(v)?;
                self.emit(constant_jump(op, a, k, sense, to));
                return Some(());
            }
        }
        let pair = match (s.is_weak() && t.is_weak(), s.dtype()?, t.dtype()?) {
            (true, ..) => self.pair(x, y)?,
            (false, DType::F64, DType::F64) => Pair::Floats(self.reg(x)?, self.reg(y)?),
            (false, DType::I64, DType::I64) => Pair::Ints(self.reg(x)?, self.reg(y)?),
            // An array's float with a plain int: the int is converted first.
            (false, DType::F64, DType::I64) if t == Ty::Int => {
                Pair::Floats(self.reg(x)?, self.as_dtype(y, DType::F64)?)
            }
            (false, DType::I64, DType::F64) if s == Ty::Int => {
                Pair::Floats(self.as_dtype(x, DType::F64)?, self.reg(y)?)
            }
            _ => Pair::Mixed(0, 0, false),
        };
        if matches!(op, Relation::In | Relation::NotIn) {
            return None;
        }
        let inst = match pair {
            Pair::Ints(a, b) => int_jump(op, a, b, sense, to),
            Pair::Floats(a, b) => float_jump(op, a, b, sense, to),
            Pair::Mixed(..) => {
                let v = self.compare(op, x, y, None)?;
                let a = self.reg(v)?;
                if sense { Inst::If { a, to } } else { Inst::Unless { a, to } }
            }
        };
        self.emit(inst);
        Some(())
    }

    /// Two plain numbers to compare. An int that is a float without a loss is compared as one.
    fn pair(&mut self, x: Val, y: Val) -> Option<Pair> {
        let (s, t) = (self.type_in(x), self.type_in(y));
        let exact = |v: Val| matches!(v, Val::Int(i) if (-EXACT..=EXACT).contains(&i)) || matches!(v, Val::Bool(_));
        Some(match (s.is_int(), t.is_int()) {
            (true, true) => Pair::Ints(self.reg(x)?, self.reg(y)?),
            (false, false) => Pair::Floats(self.reg(x)?, self.reg(y)?),
            (true, false) if exact(x) => Pair::Floats(self.as_dtype(x, DType::F64)?, self.reg(y)?),
            (false, true) if exact(y) => Pair::Floats(self.reg(x)?, self.as_dtype(y, DType::F64)?),
            (true, false) => Pair::Mixed(self.reg(x)?, self.reg(y)?, false),
            (false, true) => Pair::Mixed(self.reg(y)?, self.reg(x)?, true),
        })
    }

    /// An elementwise primitive on single numbers: its own lane, one element wide, as the walk calls it.
    pub fn map(&mut self, prim: &'static Prim, args: &[Val], want: Option<Reg>) -> Option<Val> {
        let Body::Map(body) = &prim.body else { return None };
        if args.len() != prim.params.len() || args.len() > 3 || prim.params.iter().any(|p| p.kind != ParamKind::Array) {
            return None;
        }
        let tys: Vec<Ty> = args.iter().map(|v| self.type_in(*v)).collect();
        let types = self.types_of(prim, args, 0)?;
        // A rule may look at a plain int; one whose answer depends on it is the walk's.
        let others = self.types_of(prim, args, -1)?;
        if (types.out, &types.ins) != (others.out, &others.ins) {
            return None;
        }
        let ty = result_type(&tys, types.out)?;
        if types.ins.len() < args.len() {
            return None;
        }
        let regs: Vec<Reg> = args.iter().zip(&types.ins).map(|(v, d)| self.as_dtype(*v, *d)).collect::<Option<_>>()?;
        let alike = types.ins.iter().all(|d| *d == types.ins[0]);
        if alike && let Some(inst) = self.known(prim, types.ins[0], &regs, want)? {
            let d = inst.1;
            self.emit(inst.0);
            return Some(Val::Reg(d, ty));
        }
        let lane = (body.lane)(types.ins[args.len() - 1], Operands::Vectors)?;
        let mut slots = [0; 3];
        slots[..regs.len()].copy_from_slice(&regs);
        let dtype = types.ins[0];
        let plain = if alike && types.out == dtype { plain(prim).map(|p| (p, dtype)) } else { None };
        let float = alike && dtype == DType::F64;
        self.sh.lanes.push(LaneCall { lane, args: slots, count: regs.len(), float, plain });
        let (d, k) = (self.dest(want)?, u16::try_from(self.sh.lanes.len() - 1).ok()?);
        self.emit(Inst::Lane { d, k });
        Some(Val::Reg(d, ty))
    }

    /// What the rule says of these operands; `any` stands for ints that are not known.
    fn types_of(&self, prim: &'static Prim, args: &[Val], any: i64) -> Option<Types> {
        let sample = |v: &Val| match v {
            Val::Int(i) => Some(Expr::weak(*i)),
            Val::Float(x) => Some(Expr::weak(*x)),
            Val::Bool(b) => Some(Expr::weak(*b)),
            Val::Reg(_, Ty::Int) => Some(Expr::weak(any)),
            Val::Reg(_, ty) => ty.sample(),
        };
        let ins: Vec<Expr> = args.iter().map(sample).collect::<Option<_>>()?;
        (prim.dtype)(&Call { prim, ins: &ins, attrs: Attrs::new() }).ok()
    }

    /// The primitives that have an instruction: the same formula without a call.
    #[allow(clippy::type_complexity)]
    fn known(&mut self, prim: &Prim, dtype: DType, regs: &[Reg], want: Option<Reg>) -> Option<Option<(Inst, Reg)>> {
        let is = |p: &Prim| std::ptr::eq(prim, p);
        let d = self.dest(want)?;
        let inst = match (dtype, regs) {
            (DType::F64, &[a, b]) if is(&ops::arith::add::PRIM) => self.fused(BinaryOp::Add, d, a, b),
            (DType::F64, &[a, b]) if is(&ops::arith::subtract::PRIM) => self.fused(BinaryOp::Sub, d, a, b),
            (DType::F64, &[a, b]) if is(&ops::arith::multiply::PRIM) => Inst::MulF { d, a, b },
            (DType::F64, &[a, b]) if is(&ops::arith::divide::PRIM) => Inst::DivF { d, a, b },
            (DType::F64, &[a]) if is(&ops::arith::negative::PRIM) => Inst::NegF { d, a },
            (DType::F64, &[a]) if is(&ops::arith::abs::PRIM) => Inst::AbsF { d, a },
            (DType::F64, &[a]) if is(&ops::exponential::sqrt::PRIM) => Inst::SqrtF { d, a },
            (DType::F64 | DType::I64, &[a, b]) => {
                let relations = [
                    Relation::Equal,
                    Relation::NotEqual,
                    Relation::Less,
                    Relation::LessEqual,
                    Relation::Greater,
                    Relation::GreaterEqual,
                ];
                match relations.into_iter().find(|&op| is(relation_prim(op))) {
                    Some(op) if dtype == DType::F64 => Inst::CompareF { op, d, a, b },
                    Some(op) => Inst::CompareI { op, d, a, b },
                    None => return Some(None),
                }
            }
            _ => return Some(None),
        };
        Some(Some((inst, d)))
    }

    /// The value of the code as an index: an int, with a dtype or without.
    pub fn index_of(&mut self, code: &'a Code) -> Option<Reg> {
        let v = self.expr(code, None)?;
        match self.type_in(v) {
            Ty::Int | Ty::Strong(DType::I64, _) => self.reg(v),
            _ => None,
        }
    }
}

/// What machine code knows without a call.
fn plain(prim: &Prim) -> Option<Plain> {
    use ops::arith::*;
    let known = [
        (&add::PRIM, Plain::Add),
        (&subtract::PRIM, Plain::Subtract),
        (&multiply::PRIM, Plain::Multiply),
        (&divide::PRIM, Plain::Divide),
        (&negative::PRIM, Plain::Negative),
        (&abs::PRIM, Plain::Abs),
        (&floor::PRIM, Plain::Floor),
        (&ceil::PRIM, Plain::Ceil),
        (&round::PRIM, Plain::Round),
        (&trunc::PRIM, Plain::Trunc),
        (&maximum::PRIM, Plain::Larger),
        (&minimum::PRIM, Plain::Smaller),
    ];
    known.into_iter().find(|(p, _)| std::ptr::eq(*p, prim)).map(|(_, plain)| plain)
}

enum Pair {
    Ints(Reg, Reg),
    Floats(Reg, Reg),
    /// Int and float; turned if the float came first.
    Mixed(Reg, Reg, bool),
}

/// The type of what a primitive makes of these.
fn result_type(tys: &[Ty], out: DType) -> Option<Ty> {
    if tys.iter().all(|t| t.is_weak()) {
        // Numbers without a dtype are never computed in f32.
        return (out != DType::F32).then(|| Ty::weak(out.kind()));
    }
    let mut place = Place::Array;
    for ty in tys {
        match (place, ty.place()) {
            (Place::Tensor(a), Place::Tensor(b)) if a != b => return None,
            (_, p) => place = place.max(p),
        }
    }
    Some(Ty::Strong(out, place))
}

/// `b op a` for `a op b`.
fn mirrored(op: Relation) -> Relation {
    match op {
        Relation::Less => Relation::Greater,
        Relation::LessEqual => Relation::GreaterEqual,
        Relation::Greater => Relation::Less,
        Relation::GreaterEqual => Relation::LessEqual,
        op => op,
    }
}

fn int_jump(op: Relation, a: Reg, b: Reg, sense: bool, to: Label) -> Inst {
    use Relation::*;
    match (op, sense) {
        (Less, true) | (GreaterEqual, false) => Inst::IfLessI { a, b, to },
        (LessEqual, true) | (Greater, false) => Inst::IfLessEqualI { a, b, to },
        (Greater, true) | (LessEqual, false) => Inst::IfLessI { a: b, b: a, to },
        (GreaterEqual, true) | (Less, false) => Inst::IfLessEqualI { a: b, b: a, to },
        (NotEqual, true) | (Equal, false) => Inst::IfNotEqual { a, b, to },
        _ => Inst::IfEqual { a, b, to },
    }
}

fn constant_jump(op: Relation, a: Reg, k: i16, sense: bool, to: Label) -> Inst {
    use Relation::*;
    match (op, sense) {
        (Less, true) | (GreaterEqual, false) => Inst::IfLessK { a, k, to },
        (LessEqual, true) | (Greater, false) => Inst::IfLessEqualK { a, k, to },
        (Greater, true) | (LessEqual, false) => Inst::IfGreaterK { a, k, to },
        (GreaterEqual, true) | (Less, false) => Inst::IfGreaterEqualK { a, k, to },
        (NotEqual, true) | (Equal, false) => Inst::IfNotEqualK { a, k, to },
        _ => Inst::IfEqualK { a, k, to },
    }
}

/// Not less is not the same as greater or equal: nan is neither.
fn float_jump(op: Relation, a: Reg, b: Reg, sense: bool, to: Label) -> Inst {
    use Relation::*;
    match (op, sense) {
        (Less, true) => Inst::IfLessF { a, b, to },
        (LessEqual, true) => Inst::IfLessEqualF { a, b, to },
        (Greater, true) => Inst::IfLessF { a: b, b: a, to },
        (GreaterEqual, true) => Inst::IfLessEqualF { a: b, b: a, to },
        (Less, false) => Inst::UnlessLessF { a, b, to },
        (LessEqual, false) => Inst::UnlessLessEqualF { a, b, to },
        (Greater, false) => Inst::UnlessLessF { a: b, b: a, to },
        (GreaterEqual, false) => Inst::UnlessLessEqualF { a: b, b: a, to },
        (NotEqual, true) | (Equal, false) => Inst::IfNotEqualF { a, b, to },
        _ => Inst::IfEqualF { a, b, to },
    }
}
