//! Statements and blocks.

use super::Flow;
use super::resume::Visit;
use crate::base::{Fault, Result, interrupt};
use crate::graph::{Expr, engine, tape};
use crate::lang::code::*;
use crate::lang::interp::Interp;
use crate::lang::value::{Range, Value};

/// Of a long tuple that a loop carries only so many items, the last ones, are looked at, and of tuples in tuples only so
/// many levels: earlier iterations saw the rest. What is missed that way is forced when its chain gets long.
const LAST: usize = 64;
const LEVELS: usize = 12;
const DICTIONARY: usize = 1024;

impl Interp {
    #[inline]
    pub(super) fn exec(&mut self, stmt: &Stmt) -> Result<Flow> {
        match &stmt.op {
            Op::Set(slot, code) => match self.eval(code) {
                Ok(v) => {
                    self.store(*slot, v);
                    Ok(Flow::Next)
                }
                Err(fault) => self.leave(stmt, fault),
            },
            Op::If(c) => {
                if match self.condition(&c.cond) {
                    Ok(b) => b,
                    Err(fault) => return self.undecided(stmt, c, fault),
                } {
                    self.exec_block(&c.then)
                } else {
                    match &c.otherwise {
                        Some(code) => self.exec_branch(code),
                        None => Ok(Flow::Next),
                    }
                }
            }
            Op::Break => Ok(Flow::Break),
            Op::Continue => Ok(Flow::Continue),
            _ => match self.exec_other(stmt) {
                Err(fault) => self.leave(stmt, fault),
                done => done,
            },
        }
    }

    /// A fault, or what looks like one on its way out of an expression: `break` in a block that is a value.
    #[cold]
    fn leave(&mut self, stmt: &Stmt, fault: Fault) -> Result<Flow> {
        match self.flow.take() {
            Some(flow) => Ok(flow),
            None if self.dry.is_some() => self.pass_over(stmt, fault),
            // Memory that runs out is nobody's mistake in particular: the statement that ran is the place.
            None if fault.span.is_none() && fault.message == interrupt::NO_MEMORY && !self.is_house(stmt.span) => {
                Err(fault.at(stmt.span))
            }
            None => Err(fault),
        }
    }

    #[cold]
    fn undecided(&mut self, stmt: &Stmt, c: &If, fault: Fault) -> Result<Flow> {
        match self.is_open(&fault) {
            true => self.both_branches(c),
            false => self.leave(stmt, fault),
        }
    }

    fn exec_other(&mut self, stmt: &Stmt) -> Result<Flow> {
        match &stmt.op {
            Op::Expr(code) => {
                self.eval(code)?;
            }
            Op::Unpack(target, code) => {
                let v = self.eval(code)?;
                self.unpack(target, v, code.span)?;
            }
            Op::Path(path, code) => {
                let v = self.eval(code)?;
                self.assign(path, v, code.span)?;
            }
            Op::Block(b) => return self.exec_block(b),
            Op::Try(t) => return self.exec_try(t),
            Op::For(f) if self.dry.is_some() => return self.dry_for(f),
            Op::For(f) => return self.for_in(f),
            Op::While(w) if self.dry.is_some() => return self.dry_while(w),
            Op::While(w) => return self.while_true(w),
            Op::Return(code) => {
                self.returned = match code {
                    Some(code) => self.eval(code)?,
                    None => Value::None,
                };
                return Ok(Flow::Return);
            }
            Op::Assert(a) => self.assert(&a.0, a.1.as_ref())?,
            Op::Import(i) => self.import(i)?,
            Op::Set(..) | Op::If(_) | Op::Break | Op::Continue => {}
        }
        Ok(Flow::Next)
    }

    /// An `else`: a block or another `if`.
    pub(super) fn exec_branch(&mut self, code: &Code) -> Result<Flow> {
        match &code.node {
            Node::Block(b) => self.exec_block(b),
            Node::If(c) => {
                if match self.condition(&c.cond) {
                    Err(fault) if self.is_open(&fault) => return self.both_branches(c),
                    Err(fault) => return self.land(fault),
                    Ok(b) => b,
                } {
                    self.exec_block(&c.then)
                } else {
                    c.otherwise.as_ref().map_or(Ok(Flow::Next), |e| self.exec_branch(e))
                }
            }
            Node::Try(t) => self.exec_try(t).or_else(|fault| self.land(fault)),
            _ => match self.eval(code) {
                Ok(_) => Ok(Flow::Next),
                Err(fault) => self.land(fault),
            },
        }
    }

    /// The jump that a fault stands for, out of an expression that ends a block.
    fn land(&mut self, fault: Fault) -> Result<Flow> {
        self.flow.take().ok_or(fault)
    }

    /// A block whose value nobody wants.
    pub(super) fn exec_block(&mut self, b: &Block) -> Result<Flow> {
        for stmt in &b.stmts {
            match self.exec(stmt)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        match &b.last {
            Some(code) => self.exec_branch(code),
            None => Ok(Flow::Next),
        }
    }

    pub(super) fn exec_stmts(&mut self, stmts: &[Stmt]) -> Result<Flow> {
        for stmt in stmts {
            match self.exec(stmt)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    /// A block as a value. What leaves it goes up as a fault that a statement will know.
    pub(super) fn block_value(&mut self, b: &Block) -> Result<Value> {
        for stmt in &b.stmts {
            match self.exec(stmt)? {
                Flow::Next => {}
                flow => {
                    self.flow = Some(flow);
                    return Err(Fault::new("internal: a jump out of an expression"));
                }
            }
        }
        match &b.last {
            Some(code) => self.eval(code),
            None => Ok(Value::None),
        }
    }

    pub(super) fn if_value(&mut self, c: &If) -> Result<Value> {
        if match self.condition(&c.cond) {
            Err(fault) if self.is_open(&fault) => return self.both_values(c),
            known => known?,
        } {
            return self.block_value(&c.then);
        }
        match &c.otherwise {
            Some(code) => self.eval(code),
            None => Ok(Value::None),
        }
    }

    pub(super) fn try_value(&mut self, t: &Try) -> Result<Value> {
        if self.dry.is_some() {
            return self.dry_try(t);
        }
        let frame = self.frame();
        match self.block_value(&t.body) {
            Err(fault) if self.catches(&fault) => {
                self.caught(t, fault, frame);
                self.block_value(&t.handler)
            }
            done => done,
        }
    }

    fn exec_try(&mut self, t: &Try) -> Result<Flow> {
        if self.dry.is_some() {
            return self.dry_try(t).map(|_| Flow::Next);
        }
        let frame = self.frame();
        match self.exec_block(&t.body) {
            Err(fault) if self.catches(&fault) => {
                self.caught(t, fault, frame);
                self.exec_block(&t.handler)
            }
            done => done,
        }
    }

    /// Ctrl-C and jumps are not to be caught.
    fn catches(&self, fault: &Fault) -> bool {
        self.flow.is_none() && !fault.is_interrupt()
    }

    fn caught(&mut self, t: &Try, fault: Fault, frame: Frame) {
        self.restore_frame(frame);
        if let Some(slot) = t.slot {
            let hints = fault.hints.iter().map(|h| Value::text(h.as_str())).collect();
            let err =
                vec![("message".into(), Value::text(fault.message.clone())), ("hints".into(), Value::tuple(hints))];
            self.store(slot, Value::record(err));
        }
    }

    fn assert(&mut self, cond: &Code, message: Option<&Code>) -> Result<()> {
        let v = self.eval(cond)?;
        let holds = v.to_bool().map_err(|f| f.at(cond.span).label(cond.span, v.type_name()))?;
        if holds || self.dry.is_some() {
            return Ok(());
        }
        let words = match message {
            Some(code) => {
                let v = self.eval(code)?;
                format!("assertion failed: {}", crate::lang::text::text(&v, &self.style)?)
            }
            None => "assertion failed".into(),
        };
        let fault = Fault::new(words).at(cond.span);
        Err(self.sides_of(cond).into_iter().fold(fault, |f, (span, text)| f.label(span, text)))
    }

    /// What the two sides of a failed comparison were, if reading them again is safe.
    fn sides_of(&self, cond: &Code) -> Vec<(crate::base::Span, String)> {
        let Node::Compare(c) = &cond.node else { return vec![] };
        let sides = std::iter::once(&c.first).chain(c.rest.iter().map(|(_, code)| code));
        let shown = sides.filter(|code| !matches!(code.node, Node::Const(_))).filter_map(|code| {
            let v = self.peek(code)?;
            let text = crate::lang::text::text(v, &self.style).ok()?;
            (text.len() < 60 && !text.contains('\n')).then(|| (code.span, format!("is {text}")))
        });
        shown.collect()
    }

    fn for_in(&mut self, f: &For) -> Result<Flow> {
        let v = self.eval(&f.iter)?;
        if let (Value::Range(r), Target::Slot(slot), true) = (&v, &f.target, f.fresh.is_empty()) {
            return self.count(f, **r, *slot);
        }
        let mut items = self.items(v).map_err(|fault| fault.at(f.iter.span))?;
        while let Some(item) = items.next(self).map_err(|fault| fault.at(f.iter.span))? {
            interrupt::check()?;
            if !f.fresh.is_empty() {
                self.renew(&f.fresh);
            }
            match &f.target {
                Target::Slot(slot) => self.store(*slot, item),
                target => self.unpack(target, item, f.iter.span)?,
            }
            self.export(&f.export);
            let flow = self.exec_stmts(&f.body)?;
            self.export(&f.export);
            match flow {
                Flow::Next | Flow::Continue => {}
                Flow::Break => break,
                Flow::Return => return Ok(flow),
            }
            self.carry(&f.carried)?;
        }
        Ok(Flow::Next)
    }

    /// The plainest loop: ints into one variable.
    fn count(&mut self, f: &For, r: Range, slot: Slot) -> Result<Flow> {
        self.count_on(f, slot, r, r.len())
    }

    /// The turns of a range that are left, from its start on.
    pub(super) fn count_on(&mut self, f: &For, slot: Slot, r: Range, mut left: usize) -> Result<Flow> {
        let mut next = r.start;
        while left > 0 {
            let visit = match f.site.is_hot(self.hot) {
                true => self.hurry_range(f, slot, r.step, &mut next, &mut left)?,
                false => Visit::Not,
            };
            let flow = match visit {
                Visit::Over => break,
                Visit::Turn(flow) => flow,
                Visit::Not => {
                    interrupt::check()?;
                    self.store(slot, Value::Int(next));
                    next = next.wrapping_add(r.step);
                    left -= 1;
                    self.exec_stmts(&f.body)?
                }
            };
            match flow {
                Flow::Next | Flow::Continue => {}
                Flow::Break => break,
                Flow::Return => return Ok(Flow::Return),
            }
            self.carry(&f.carried)?;
        }
        Ok(Flow::Next)
    }

    pub(super) fn export(&mut self, export: &[(u32, Slot)]) {
        for &(cell, slot) in export {
            let v = self.cells[self.cell_base + cell as usize].borrow().clone();
            self.put_back(slot, v);
        }
    }

    pub(super) fn while_true(&mut self, w: &While) -> Result<Flow> {
        loop {
            let visit = match w.site.is_hot(self.hot) {
                true => self.hurry_while(w)?,
                false => Visit::Not,
            };
            let flow = match visit {
                Visit::Over => break,
                Visit::Turn(flow) => flow,
                Visit::Not => {
                    if !self.condition(&w.cond)? {
                        break;
                    }
                    interrupt::check()?;
                    self.exec_stmts(&w.body)?
                }
            };
            match flow {
                Flow::Next | Flow::Continue => {}
                Flow::Break => break,
                Flow::Return => return Ok(Flow::Return),
            }
            self.carry(&w.carried)?;
        }
        Ok(Flow::Next)
    }

    /// Ends an iteration: what it hands on is computed now, so that no chain grows from one to the next. Not while a
    /// derivative is taken, whose tape wants the chain.
    #[inline]
    pub(super) fn carry(&mut self, carried: &[Slot]) -> Result<()> {
        let plain = |v: &Option<Value>| match v {
            Some(Value::Array(e)) => e.is_realised(),
            v => !matches!(v, Some(Value::Tuple(_) | Value::Record(_))),
        };
        let all_plain = carried.iter().all(|slot| match slot {
            Slot::Local(i) => plain(&self.stack[self.base + *i as usize]),
            Slot::Global(i) => plain(&self.globals.values[*i as usize]),
            Slot::Cell(_) => false,
        });
        if all_plain { Ok(()) } else { self.carry_arrays(carried) }
    }

    fn carry_arrays(&mut self, carried: &[Slot]) -> Result<()> {
        if tape::recording() {
            return Ok(());
        }
        let mut roots = vec![];
        for &slot in carried {
            match slot {
                Slot::Local(i) => pending(self.stack[self.base + i as usize].as_ref(), LEVELS, &mut roots),
                Slot::Global(i) => pending(self.globals.values[i as usize].as_ref(), LEVELS, &mut roots),
                Slot::Cell(i) => pending(self.cells[self.cell_base + i as usize].borrow().as_ref(), LEVELS, &mut roots),
            }
        }
        if roots.is_empty() { Ok(()) } else { engine::force(&roots) }
    }

    pub(super) fn frame(&self) -> Frame {
        Frame {
            stack: self.stack.len(),
            base: self.base,
            cells: self.cells.len(),
            cell_base: self.cell_base,
            depth: self.depth,
        }
    }

    /// As it was when `frame` was asked for: whatever a fault left behind is dropped.
    pub(super) fn restore_frame(&mut self, frame: Frame) {
        self.stack.truncate(frame.stack);
        self.base = frame.base;
        self.cells.truncate(frame.cells);
        self.cell_base = frame.cell_base;
        self.depth = frame.depth;
    }
}

/// Where the running function's slots are.
#[derive(Clone, Copy)]
pub struct Frame {
    stack: usize,
    base: usize,
    cells: usize,
    cell_base: usize,
    depth: usize,
}

/// The arrays in a value that are not computed yet.
fn pending(v: Option<&Value>, levels: usize, out: &mut Vec<Expr>) {
    match v {
        Some(Value::Array(e)) if !e.is_realised() => out.push(e.clone()),
        Some(Value::Tuple(t)) if levels > 0 => {
            t.iter().rev().take(LAST).for_each(|v| pending(Some(v), levels - 1, out));
        }
        Some(Value::Record(r)) if levels > 0 => {
            // Parameters have names, and each may change in every turn; a record of thousands is a dictionary.
            let last = if r.fields().len() > DICTIONARY { LAST } else { DICTIONARY };
            r.fields().iter().rev().take(last).for_each(|(_, v)| pending(Some(v), levels - 1, out));
        }
        _ => {}
    }
}
