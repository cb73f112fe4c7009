//! Statements, and what comes after them.

use super::build::{Build, List, Looped, Point, Turns, Up};
use super::expr::Val;
use super::inst::*;
use super::tuple::Got;
use super::ty::{Given, Ty};
use crate::lang::code::*;

/// What follows a statement.
enum Then {
    /// The next one of the list; no other way leads there.
    Next,
    /// A place where ways meet.
    Join(Point),
    /// Nothing: it was left.
    End,
}

fn address<T>(node: &T) -> usize {
    std::ptr::from_ref(node) as usize
}

impl<'a> Build<'a, '_> {
    /// Compiles from a point on, until the way joins one that is compiled already. `None`: the routine is given up.
    pub fn go_on(&mut self, mut point: Point) -> Option<()> {
        loop {
            let then = match point {
                Point::Stmt(list, k) => match self.stmt(list, k)? {
                    Then::Next => {
                        point = Point::Stmt(list, k + 1);
                        continue;
                    }
                    then => then,
                },
                Point::Head(l) => self.head(l)?,
                Point::Out => {
                    self.sh.exits.push(self.state.clone());
                    let k = (self.sh.exits.len() - 1) as u32;
                    self.emit(Inst::Exit { k });
                    Then::End
                }
            };
            if self.is_long() {
                return None;
            }
            match then {
                Then::Join(next) if self.settle(next) => point = next,
                Then::Join(next) => match next {
                    Point::Head(l) => match self.turn_back(l)? {
                        Some(next) if self.settle(next) => point = next,
                        Some(next) => return self.jump(next),
                        None => return Some(()),
                    },
                    next => return self.jump(next),
                },
                Then::Next | Then::End => return Some(()),
            }
        }
    }

    fn jump(&mut self, point: Point) -> Option<()> {
        let to = self.at(point);
        self.emit(Inst::Jump { to });
        Some(())
    }

    fn place(&self, list: usize, k: usize) -> Vec<Crumb> {
        let mut path = self.lists[list].path.clone();
        path.push(Crumb::At(k as u32));
        path
    }

    fn stmt(&mut self, list: usize, k: usize) -> Option<Then> {
        let of = &self.lists[list];
        let (stmts, last, up, tail) = (of.stmts, of.last, of.up, of.tail);
        if k > stmts.len() || (k == stmts.len() && last.is_none()) {
            return Some(match up {
                Up::After(list, k) => Then::Join(Point::Stmt(list, k + 1)),
                Up::Loop(l) => Then::Join(Point::Head(l)),
                Up::Return => self.stop(),
            });
        }
        let place = self.place(list, k);
        self.stop_at(place);
        let before = self.insts.len();
        let barrier = self.barrier;
        let done = match stmts.get(k) {
            Some(stmt) => self.op(&stmt.op, list, k),
            None => last.and_then(|code| self.branch_code(code, list, k, tail)),
        };
        self.end_temps();
        Some(done.unwrap_or_else(|| {
            self.cut(before);
            self.barrier = barrier;
            self.stop()
        }))
    }

    fn stop(&mut self) -> Then {
        self.emit(Inst::Stop);
        Then::End
    }

    fn op(&mut self, op: &'a Op, list: usize, k: usize) -> Option<Then> {
        match op {
            Op::Set(slot, code) => {
                let var = self.assigned(*slot)?;
                let reg = self.reg_of(var);
                match self.got(code, Some(reg))? {
                    Got::One(v) => {
                        let ty = self.type_in(v);
                        self.put(v, reg)?;
                        self.set_type(var, ty);
                    }
                    Got::Items(items) => self.set_items(var, items)?,
                }
                Some(Then::Next)
            }
            Op::Unpack(Target::Tuple(targets, _), code) if targets.iter().all(|t| matches!(t, Target::Path(_))) => {
                self.write_elements(targets, code)?;
                Some(Then::Next)
            }
            Op::Unpack(Target::Tuple(targets, _), code) => self.unpack(targets, code),
            Op::Path(path, code) => {
                self.write_element(path, code)?;
                Some(Then::Next)
            }
            Op::Expr(code) => {
                self.expr(code, None)?;
                Some(Then::Next)
            }
            Op::If(c) => self.if_else(c, list, k, false),
            Op::Block(b) => Some(self.enter(b, Crumb::Block, list, k, false)),
            Op::For(f) => self.for_in(f, list, k),
            Op::While(w) => Some(self.while_true(w, list, k)),
            Op::Break => {
                let inside = self.lists[list].inside?;
                Some(Then::Join(self.after(inside)))
            }
            Op::Continue => Some(Then::Join(Point::Head(self.lists[list].inside?))),
            Op::Return(Some(code)) if self.unit.is_some() => self.give(code),
            Op::Assert(a) => {
                let fails = self.label();
                self.branch(&a.0, false, fails)?;
                let holds = self.label();
                self.emit(Inst::Jump { to: holds });
                self.bind(fails);
                self.emit(Inst::Stop);
                self.bind(holds);
                Some(Then::Next)
            }
            _ => None,
        }
    }

    /// An expression at the end of a list: a branch, or a value that the function gives or nobody wants.
    fn branch_code(&mut self, code: &'a Code, list: usize, k: usize, tail: bool) -> Option<Then> {
        match &code.node {
            Node::If(c) => self.if_else(c, list, k, tail),
            Node::Block(b) => Some(self.enter(b, Crumb::Block, list, k, tail)),
            _ if tail => self.give(code),
            _ => {
                self.expr(code, None)?;
                Some(Then::Join(Point::Stmt(list, k + 1)))
            }
        }
    }

    /// The value of the function.
    fn give(&mut self, code: &'a Code) -> Option<Then> {
        let got = self.got(code, None)?;
        let given = match &got {
            Got::One(v) => Given::One(self.type_in(*v)),
            Got::Items(items) => Given::Items(items.iter().map(|v| self.type_in(*v)).collect()),
        };
        let unit = &mut self.sh.units[self.unit?];
        if *unit.result.get_or_insert_with(|| given.clone()) != given {
            return None;
        }
        let a = match got {
            Got::One(v) => self.reg(v)?,
            Got::Items(items) => {
                for (to, v) in (self.sh.mail()?..).zip(items) {
                    let a = self.reg(v)?;
                    self.emit(Inst::Leave { to, a });
                }
                self.constant(0)?
            }
        };
        self.emit(Inst::Return { a });
        Some(Then::End)
    }

    /// Goes into a block of statement k.
    fn enter(&mut self, b: &'a Block, crumb: Crumb, list: usize, k: usize, tail: bool) -> Then {
        let mut path = self.place(list, k);
        path.push(crumb);
        let inside = self.lists[list].inside;
        let up = Up::After(list, k);
        let list = self.list(address(b), || List { stmts: &b.stmts, last: b.last.as_ref(), up, path, inside, tail });
        Then::Join(Point::Stmt(list, 0))
    }

    fn if_else(&mut self, c: &'a If, list: usize, k: usize, tail: bool) -> Option<Then> {
        let other = match &c.otherwise {
            None if tail => {
                let holds = self.label();
                self.branch(&c.cond, true, holds)?;
                self.emit(Inst::Stop);
                self.bind(holds);
                return Some(self.enter(&c.then, Crumb::Then, list, k, tail));
            }
            None => Point::Stmt(list, k + 1),
            Some(code) => self.otherwise(code, list, k, tail),
        };
        let to = self.at(other);
        self.branch(&c.cond, false, to)?;
        Some(self.enter(&c.then, Crumb::Then, list, k, tail))
    }

    fn otherwise(&mut self, code: &'a Code, list: usize, k: usize, tail: bool) -> Point {
        if let Node::Block(b) = &code.node
            && let Then::Join(point) = self.enter(b, Crumb::Else, list, k, tail)
        {
            return point;
        }
        // `else if`: a list of its own that has nothing but its value.
        let mut path = self.place(list, k);
        path.push(Crumb::Else);
        let (inside, up) = (self.lists[list].inside, Up::After(list, k));
        let new = || List { stmts: &[], last: Some(code), up, path, inside, tail };
        Point::Stmt(self.list(address(code), new), 0)
    }

    /// `a, b = b, a`
    fn unpack(&mut self, targets: &'a [Target], code: &'a Code) -> Option<Then> {
        let slots = targets.iter().map(|t| if let Target::Slot(slot) = t { Some(*slot) } else { None });
        let vars = slots.map(|slot| self.assigned(slot?)).collect::<Option<Vec<usize>>>()?;
        let values = self.items(code, |build, i| {
            // The last value goes where it belongs: nothing behind it reads what was there.
            let direct = i + 1 == vars.len() && !vars[..i].contains(&vars[i]);
            if direct { Some(build.reg_of(vars[i])) } else { build.temp() }
        })?;
        if values.len() != vars.len() {
            return None;
        }
        for (var, (reg, ty)) in vars.into_iter().zip(values) {
            self.put(Val::Reg(reg, ty), self.reg_of(var))?;
            self.set_type(var, ty);
        }
        Some(Then::Next)
    }

    fn for_in(&mut self, f: &'a For, list: usize, k: usize) -> Option<Then> {
        let (Target::Slot(slot), true, Node::Range(r)) = (&f.target, f.fresh.is_empty(), &f.iter.node) else {
            return None;
        };
        self.assigned(*slot)?;
        let l = match self.loop_of(address(f)) {
            Some(l) => l,
            None => {
                let mut path = self.place(list, k);
                let counter = self.block(3)?;
                path.push(Crumb::Turn(counter));
                let turns = Turns::Range { counter, slot: *slot };
                self.new_loop(address(f), turns, &f.body, Some((list, k)), path)
            }
        };
        let Turns::Range { counter, .. } = self.loops[l].turns else { return None };
        let start = self.bound_of(&r.start)?;
        let mut end = self.bound_of(&r.end)?;
        let step = match &r.by {
            Some(by) => self.bound_of(by)?,
            None => Val::Int(1),
        };
        if r.inclusive {
            let Val::Int(step) = step else { return None };
            let (d, a, b) = (self.temp()?, self.reg(end)?, self.constant(step.signum() as u64)?);
            self.emit(Inst::AddI { d, a, b });
            end = Val::Reg(d, Ty::Int);
        }
        let (start, end, step) = (self.reg(start)?, self.reg(end)?, self.reg(step)?);
        self.emit(Inst::Range { counter, start, end, step });
        Some(Then::Join(Point::Head(l)))
    }

    /// A bound of a range: an int, with a dtype of its own or without.
    fn bound_of(&mut self, code: &'a Code) -> Option<Val> {
        let v = self.expr(code, None)?;
        match (v, self.type_in(v)) {
            (_, Ty::Int) => Some(v),
            (Val::Reg(reg, _), Ty::Strong(crate::base::DType::I64, _)) => Some(Val::Reg(reg, Ty::Int)),
            _ => None,
        }
    }

    fn while_true(&mut self, w: &'a While, list: usize, k: usize) -> Then {
        let l = match self.loop_of(address(w)) {
            Some(l) => l,
            None => {
                let path = self.place(list, k);
                self.new_loop(address(w), Turns::While(&w.cond), &w.body, Some((list, k)), path)
            }
        };
        Then::Join(Point::Head(l))
    }

    /// A loop with the list of its body. A range's path ends in its turn, a `while`'s in its statement.
    pub fn new_loop(
        &mut self,
        of: usize,
        turns: Turns<'a>,
        body: &'a [Stmt],
        after: Option<(usize, usize)>,
        path: Vec<Crumb>,
    ) -> usize {
        let l = self.loops.len();
        let mut inner = path.clone();
        if matches!(turns, Turns::While(_)) && after.is_some() {
            inner.push(Crumb::While);
        }
        self.lists.push(List { stmts: body, last: None, up: Up::Loop(l), path: inner, inside: Some(l), tail: false });
        let body = self.lists.len() - 1;
        self.add_loop(of, Looped { turns, body, after, path })
    }

    /// Where a loop is left to.
    fn after(&self, l: usize) -> Point {
        self.loops[l].after.map_or(Point::Out, |(list, k)| Point::Stmt(list, k + 1))
    }

    /// The beginning of a turn.
    fn head(&mut self, l: usize) -> Option<Then> {
        let (body, after) = (self.loops[l].body, self.after(l));
        let mut path = self.loops[l].path.clone();
        match self.loops[l].turns {
            Turns::Range { counter, slot } => {
                self.stop_at(path);
                let to = self.at(after);
                let var = self.assigned(slot)?;
                let d = self.reg_of(var);
                self.emit(Inst::Turn { counter, d, to });
                self.set_type(var, Ty::Int);
            }
            Turns::While(cond) => {
                path.push(Crumb::Condition);
                self.stop_at(path);
                let to = self.at(after);
                let before = self.insts.len();
                let done = self.branch(cond, false, to);
                self.end_temps();
                if done.is_none() {
                    self.cut(before);
                    return Some(self.stop());
                }
            }
        }
        Some(Then::Join(Point::Stmt(body, 0)))
    }

    /// The end of a turn whose next one is compiled already; where the way goes on after the last.
    fn turn_back(&mut self, l: usize) -> Option<Option<Point>> {
        let path = self.loops[l].path.clone();
        self.stop_at(path);
        if let Turns::Range { counter, slot } = self.loops[l].turns {
            let var = self.assigned(slot)?;
            let (d, before) = (self.reg_of(var), self.type_of(var));
            self.set_type(var, Ty::Int);
            let body = self.bound(Point::Stmt(self.loops[l].body, 0));
            self.set_type(var, before);
            if let Some(to) = body {
                self.emit(Inst::TurnBack { counter, d, to });
                return Some(Some(self.after(l)));
            }
        }
        let to = self.at(Point::Head(l));
        self.emit(Inst::Again { to });
        Some(None)
    }

    // Variables.

    /// The variable of a slot that is about to be assigned.
    fn assigned(&mut self, slot: Slot) -> Option<usize> {
        match (self.unit, slot) {
            (Some(_), Slot::Local(i)) => Some(i as usize),
            (None, Slot::Local(_) | Slot::Global(_)) => {
                let var = self.sh.var(slot)?;
                self.sh.vars[var].assigned = true;
                Some(var)
            }
            _ => None,
        }
    }

    pub fn reg_of(&self, var: usize) -> Reg {
        let (params, items) = self.given;
        match self.unit {
            Some(_) if var < params => var as Reg,
            Some(_) => (var + items) as Reg,
            None => self.sh.vars[var].reg,
        }
    }
}
