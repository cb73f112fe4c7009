//! Tuples of a few numbers: a register for each item.
//!
//! A variable that holds one has registers of its own for every list of types that its items have (`TupleOf`). A function takes
//! one as its items, which lie behind its other arguments, and gives one by leaving the items in registers of the frame that
//! entered the machine (`Shared::mail`), where the caller fetches them at once.

use super::build::{Build, Shared};
use super::expr::Val;
use super::inst::*;
use super::ty::{Ty, WIDEST, numbers};
use crate::lang::code::*;
use crate::lang::value::Value;

/// An expression's value.
pub enum Got {
    One(Val),
    Items(Vec<Val>),
}

impl Shared<'_> {
    /// The type of a variable that holds such a tuple, whose registers are made by `block` if it has none yet.
    pub fn tuple(
        &mut self,
        unit: Option<usize>,
        var: usize,
        items: Vec<Ty>,
        block: impl FnOnce(&mut Self, usize) -> Option<Reg>,
    ) -> Option<Ty> {
        let known = self.tuples.iter().position(|t| t.unit == unit && t.var == var && t.items == items);
        let k = match known {
            Some(k) => k,
            None => {
                let first = block(self, items.len())?;
                self.tuples.push(TupleOf { unit, var, items, first });
                self.tuples.len() - 1
            }
        };
        u16::try_from(k).ok().map(Ty::Tuple)
    }

    /// The next registers of the frame that enters the machine.
    pub fn block(&mut self, n: usize) -> Option<Reg> {
        let first = self.next;
        self.next = first.checked_add(u16::try_from(n).ok()?)?;
        Some(first)
    }

    /// Where functions leave the items that they give.
    pub fn mail(&mut self) -> Option<Reg> {
        if self.mail.is_none() {
            self.mail = self.block(WIDEST);
        }
        self.mail
    }
}

impl<'a> Build<'a, '_> {
    /// Whether an expression is, or may turn out to be, a tuple that registers can hold.
    pub fn may_be_tuple(&mut self, code: &'a Code) -> bool {
        match &code.node {
            Node::Tuple(items) => (1..=WIDEST).contains(&items.len()) && items.iter().all(|i| !i.spread),
            Node::Const(v) => numbers(v).is_some(),
            Node::Call(c) => self.calls_closure(c),
            Node::Block(b) if b.stmts.is_empty() => b.last.as_ref().is_some_and(|last| self.may_be_tuple(last)),
            _ => self.items_of(code).is_some(),
        }
    }

    /// The value of an expression that may be a tuple.
    pub fn got(&mut self, code: &'a Code, want: Option<Reg>) -> Option<Got> {
        match &code.node {
            Node::Tuple(items) if self.may_be_tuple(code) => {
                items.iter().map(|i| self.expr(&i.code, None)).collect::<Option<_>>().map(Got::Items)
            }
            Node::Const(v @ Value::Tuple(items)) if numbers(v).is_some() => {
                items.iter().map(Val::of).collect::<Option<_>>().map(Got::Items)
            }
            Node::Call(c) => self.call(c, want),
            Node::Block(b) if b.stmts.is_empty() => self.got(b.last.as_ref()?, want),
            _ => match self.items_of(code) {
                Some(items) => Some(Got::Items(items)),
                None => self.expr(code, want).map(Got::One),
            },
        }
    }

    /// The items of a tuple in a variable.
    pub fn items_of(&mut self, code: &'a Code) -> Option<Vec<Val>> {
        let slot = match &code.node {
            Node::Local(i, _) => Slot::Local(*i),
            Node::Global(slot, _) => Slot::Global(*slot),
            _ => return None,
        };
        let far = self.unit.is_some() && matches!(slot, Slot::Global(_));
        let ty = match (self.unit, slot) {
            (Some(_), Slot::Local(i)) => self.type_of(i as usize),
            _ => {
                let var = self.sh.var(slot)?;
                if far { self.sh.vars[var].entry } else { self.type_of(var) }
            }
        };
        let Ty::Tuple(k) = ty else { return None };
        let tuple = &self.sh.tuples[k as usize];
        let (var, first, items) = (tuple.var, tuple.first, tuple.items.clone());
        if !far {
            return Some((first..).zip(items).map(|(reg, ty)| Val::Reg(reg, ty)).collect());
        }
        self.outer_type(var);
        let fetch = |(a, ty)| {
            let d = self.temp()?;
            self.emit(Inst::Outer { d, a });
            Some(Val::Reg(d, ty))
        };
        (first..).zip(items).map(fetch).collect()
    }

    /// Gives a variable the items of a tuple.
    pub fn set_items(&mut self, var: usize, mut items: Vec<Val>) -> Option<()> {
        // No assignment changes an item before all have been read.
        for v in &mut items {
            if let Val::Reg(a, ty) = *v
                && !self.is_temp(a)
            {
                let d = self.temp()?;
                self.put(*v, d)?;
                *v = Val::Reg(d, ty);
            }
        }
        let types = items.iter().map(|v| self.type_in(*v)).collect();
        let ty = self.tuple(var, types)?;
        let Ty::Tuple(k) = ty else { return None };
        for (d, v) in (self.sh.tuples[k as usize].first..).zip(items) {
            self.put(v, d)?;
        }
        self.set_type(var, ty);
        Some(())
    }

    fn tuple(&mut self, var: usize, items: Vec<Ty>) -> Option<Ty> {
        let (unit, mut next) = (self.unit, self.next);
        let ty = self.sh.tuple(unit, var, items, |sh, n| match unit {
            None => sh.block(n),
            Some(_) => {
                let first = next;
                next = next.checked_add(u16::try_from(n).ok()?)?;
                Some(first)
            }
        });
        self.next = next;
        ty
    }

    /// The items of a tuple, each in the register that `place` gives for its number.
    pub fn items(
        &mut self,
        code: &'a Code,
        mut place: impl FnMut(&mut Self, usize) -> Option<Reg>,
    ) -> Option<Vec<(Reg, Ty)>> {
        let mut out = vec![];
        let mut put = |build: &mut Self, i: usize, v: Option<Val>, code: Option<&'a Code>| {
            let reg = place(build, i)?;
            let v = match code {
                Some(code) => build.expr(code, Some(reg))?,
                None => v?,
            };
            build.put(v, reg)?;
            out.push((reg, build.type_in(v)));
            Some(())
        };
        match &code.node {
            Node::Tuple(items) if items.iter().all(|i| !i.spread) => {
                for (i, item) in items.iter().enumerate() {
                    put(self, i, None, Some(&item.code))?;
                }
            }
            _ => {
                let Got::Items(items) = self.got(code, None)? else { return None };
                for (i, v) in items.into_iter().enumerate() {
                    put(self, i, Some(v), None)?;
                }
            }
        }
        Some(out)
    }
}
