//! Expressions, and conditions as jumps.

use super::build::Build;
use super::inst::*;
use super::tuple::Got;
use super::ty::Ty;
use crate::base::DType;
use crate::lang::code::*;
use crate::lang::names::LibraryItem;
use crate::lang::value::Value;

/// A number on its way: known now, or in a register.
#[derive(Clone, Copy, Debug)]
pub enum Val {
    Int(i64),
    Float(f64),
    Bool(bool),
    Reg(Reg, Ty),
}

impl Val {
    pub fn of(v: &Value) -> Option<Val> {
        match v {
            Value::Int(i) => Some(Val::Int(*i)),
            Value::Float(x) => Some(Val::Float(*x)),
            Value::Bool(b) => Some(Val::Bool(*b)),
            _ => None,
        }
    }
}

impl<'a> Build<'a, '_> {
    pub fn type_in(&self, v: Val) -> Ty {
        match v {
            Val::Int(_) => Ty::Int,
            Val::Float(_) => Ty::Float,
            Val::Bool(_) => Ty::Bool,
            Val::Reg(_, ty) => ty,
        }
    }

    /// The register that holds it.
    pub fn reg(&mut self, v: Val) -> Option<Reg> {
        match v {
            Val::Int(i) => self.constant(i as u64),
            Val::Float(x) => self.constant(x.to_bits()),
            Val::Bool(b) => self.constant(b as u64),
            Val::Reg(reg, _) => Some(reg),
        }
    }

    /// Sees to it that `d` holds it.
    pub fn put(&mut self, v: Val, d: Reg) -> Option<()> {
        let a = self.reg(v)?;
        if a != d {
            let float = self.type_in(v).dtype() == Some(DType::F64);
            self.emit(if float { Inst::MoveF { d, a } } else { Inst::Move { d, a } });
        }
        Some(())
    }

    /// Where a result goes: `want`, or a register of its own.
    pub fn dest(&mut self, want: Option<Reg>) -> Option<Reg> {
        match want {
            Some(reg) => Some(reg),
            None => self.temp(),
        }
    }

    /// The value of an expression. The last instruction alone may write to `want`. `None`: it is left to the walk.
    pub fn expr(&mut self, code: &'a Code, want: Option<Reg>) -> Option<Val> {
        match &code.node {
            Node::Const(v) => Val::of(v),
            Node::Local(i, _) => self.variable(Slot::Local(*i)),
            Node::Global(slot, library) => self.global(*slot, *library),
            Node::Library(number) => {
                self.sh.interp.library.items.get(*number as usize)?.value.as_ref().and_then(Val::of)
            }
            Node::Binary(b) => {
                let x = self.expr(&b.a, None)?;
                let y = self.expr(&b.b, None)?;
                self.binary(b.op, b.prim, x, y, want)
            }
            Node::Unary(u) => self.unary(u, want),
            Node::Compare(c) if c.rest.len() == 1 => {
                let x = self.expr(&c.first, None)?;
                let y = self.expr(&c.rest[0].1, None)?;
                self.compare(c.rest[0].0, x, y, want)
            }
            Node::Compare(_) | Node::And(_) | Node::Or(_) => self.truth(code),
            Node::If(c) => self.choice(c),
            Node::Call(c) => match self.call(c, want)? {
                Got::One(v) => Some(v),
                Got::Items(_) => None,
            },
            Node::Index(x) => self.read_element(x, want),
            Node::Field(x, name) => self.property(x, name, want),
            // A block of nothing but a value.
            Node::Block(b) if b.stmts.is_empty() => self.expr(b.last.as_ref()?, want),
            _ => None,
        }
    }

    fn variable(&mut self, slot: Slot) -> Option<Val> {
        let var = match (self.unit, slot) {
            (Some(_), Slot::Local(i)) => i as usize,
            _ => self.sh.var(slot)?,
        };
        let ty = self.type_of(var);
        ty.dtype().map(|_| Val::Reg(self.reg_of(var), ty))
    }

    fn global(&mut self, slot: u32, library: u32) -> Option<Val> {
        let var = self.sh.var(Slot::Global(slot))?;
        let ty = if self.unit.is_some() { self.outer_type(var) } else { self.type_of(var) };
        if ty == Ty::Unset {
            return match self.sh.interp.library.items.get(library as usize) {
                Some(LibraryItem { value: Some(v), .. }) => Val::of(v),
                _ => None,
            };
        }
        ty.dtype()?;
        let a = self.sh.vars[var].reg;
        if self.unit.is_none() {
            return Some(Val::Reg(a, ty));
        }
        let d = self.temp()?;
        self.emit(Inst::Outer { d, a });
        Some(Val::Reg(d, ty))
    }

    /// A variable of the entering frame that a function reads: nothing may assign it from now on.
    pub fn outer_type(&mut self, var: usize) -> Ty {
        self.sh.vars[var].pinned = true;
        self.sh.vars[var].entry
    }

    /// A bool from jumps.
    fn truth(&mut self, code: &'a Code) -> Option<Val> {
        let (d, no) = (self.temp()?, self.constant(0)?);
        let yes = self.constant(1)?;
        let end = self.label();
        self.emit(Inst::Move { d, a: no });
        self.branch(code, false, end)?;
        self.emit(Inst::Move { d, a: yes });
        self.bind(end);
        Some(Val::Reg(d, Ty::Bool))
    }

    /// `if a { b } else { c }` as a value: both of one type.
    fn choice(&mut self, c: &'a If) -> Option<Val> {
        if !c.then.stmts.is_empty() {
            return None;
        }
        let (no, end, d) = (self.label(), self.label(), self.temp()?);
        self.branch(&c.cond, false, no)?;
        let a = self.expr(c.then.last.as_ref()?, Some(d))?;
        let ty = self.type_in(a);
        self.put(a, d)?;
        self.emit(Inst::Jump { to: end });
        self.bind(no);
        let b = self.expr(c.otherwise.as_ref()?, Some(d))?;
        if self.type_in(b) != ty {
            return None;
        }
        self.put(b, d)?;
        self.bind(end);
        Some(Val::Reg(d, ty))
    }

    /// Jumps to `to` where the condition is `sense`, else goes on behind.
    pub fn branch(&mut self, code: &'a Code, sense: bool, to: Label) -> Option<()> {
        match &code.node {
            Node::And(x) if !sense => {
                self.branch(&x.0, false, to)?;
                self.branch(&x.1, false, to)
            }
            Node::Or(x) if sense => {
                self.branch(&x.0, true, to)?;
                self.branch(&x.1, true, to)
            }
            Node::And(x) | Node::Or(x) => {
                let short = self.label();
                self.branch(&x.0, !sense, short)?;
                self.branch(&x.1, sense, to)?;
                self.bind(short);
                Some(())
            }
            Node::Unary(u) if u.op == UnaryOp::Not => self.branch(&u.x, !sense, to),
            Node::Compare(c) => self.branch_compare(c, sense, to),
            _ => {
                let v = self.expr(code, None)?;
                self.branch_on(v, sense, to)
            }
        }
    }

    fn branch_on(&mut self, v: Val, sense: bool, to: Label) -> Option<()> {
        if self.type_in(v).dtype()? != DType::Bool {
            return None;
        }
        let a = self.reg(v)?;
        self.emit(if sense { Inst::If { a, to } } else { Inst::Unless { a, to } });
        Some(())
    }

    fn branch_compare(&mut self, c: &'a Compare, sense: bool, to: Label) -> Option<()> {
        let mut x = self.expr(&c.first, None)?;
        if let [(op, code)] = &*c.rest {
            let y = self.expr(code, None)?;
            return self.branch_pair(*op, x, y, sense, to);
        }
        // A chain stops at the first pair that does not hold; numbers with a dtype are all compared by the walk.
        let short = self.label();
        let ((last_op, last), firsts) = c.rest.split_last()?;
        for (op, code) in firsts {
            let y = self.expr(code, None)?;
            if !self.type_in(x).is_weak() || !self.type_in(y).is_weak() {
                return None;
            }
            self.branch_pair(*op, x, y, false, if sense { short } else { to })?;
            x = y;
        }
        let y = self.expr(last, None)?;
        if !self.type_in(x).is_weak() || !self.type_in(y).is_weak() {
            return None;
        }
        self.branch_pair(*last_op, x, y, sense, to)?;
        self.bind(short);
        Some(())
    }
}
