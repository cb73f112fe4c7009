//! The walk goes on in the middle of a loop, where the fast path left off.
//!
//! In: a way from the loop's body down to a statement, and the ranges under way. Out: what the walk would have come to
//! had it been there all along. The statement at the end of the way has done nothing yet.

use super::Flow;
use crate::base::Result;
use crate::lang::code::*;
use crate::lang::fast::{Counters, Crumb, Ran};
use crate::lang::interp::Interp;
use crate::lang::value::Range;

/// A list of statements: a loop's body, or a block.
#[derive(Clone, Copy)]
struct List<'a> {
    stmts: &'a [Stmt],
    last: Option<&'a Code>,
}

/// What the fast path made of a loop.
pub(super) enum Visit {
    /// Nothing; the walk takes the next turn.
    Not,
    Over,
    /// The turn was ended by the walk.
    Turn(Flow),
}

impl Interp {
    /// The turns of a range that are left, as far as the fast path takes them; `next` and `left` are moved on.
    pub(super) fn hurry_range(
        &mut self,
        f: &For,
        slot: Slot,
        step: i64,
        next: &mut i64,
        left: &mut usize,
    ) -> Result<Visit> {
        match self.fast_range(f, slot, (*next, *left, step))? {
            Ran::Not => Ok(Visit::Not),
            Ran::Done => Ok(Visit::Over),
            Ran::Stopped(place, counters) => {
                if let Some((_, (n, l, _))) = counters.first() {
                    (*next, *left) = (*n, *l);
                }
                let body = List { stmts: &f.body, last: None };
                self.resume(body, &place, &counters).map(Visit::Turn)
            }
        }
    }

    /// As `hurry_range`. A stop in the condition leaves it to the walk.
    pub(super) fn hurry_while(&mut self, w: &While) -> Result<Visit> {
        match self.fast_while(w)? {
            Ran::Not => Ok(Visit::Not),
            Ran::Done => Ok(Visit::Over),
            Ran::Stopped(place, _) if place == [Crumb::Condition] => Ok(Visit::Not),
            Ran::Stopped(place, counters) => {
                let body = List { stmts: &w.body, last: None };
                self.resume(body, &place, &counters).map(Visit::Turn)
            }
        }
    }

    /// From the statement that the way leads to on, to the end of the list.
    fn resume(&mut self, list: List, way: &[Crumb], counters: &Counters) -> Result<Flow> {
        let Some((Crumb::At(k), inner)) = way.split_first() else { return Ok(Flow::Next) };
        let k = *k as usize;
        let flow = match (list.stmts.get(k), list.last) {
            (Some(stmt), _) if inner.is_empty() => self.exec(stmt)?,
            (Some(stmt), _) => self.resume_stmt(&stmt.op, inner, counters)?,
            (None, Some(code)) if inner.is_empty() => return self.exec_branch(code),
            (None, Some(code)) => return self.resume_code(code, inner, counters),
            (None, None) => Flow::Next,
        };
        if flow != Flow::Next || k >= list.stmts.len() {
            return Ok(flow);
        }
        match self.exec_stmts(&list.stmts[k + 1..])? {
            Flow::Next => list.last.map_or(Ok(Flow::Next), |code| self.exec_branch(code)),
            flow => Ok(flow),
        }
    }

    fn resume_stmt(&mut self, op: &Op, way: &[Crumb], counters: &Counters) -> Result<Flow> {
        match (op, way) {
            (Op::If(c), _) => self.resume_if(c, way, counters),
            (Op::Block(b), [Crumb::Block, inner @ ..]) => self.resume_block(b, inner, counters),
            (Op::For(f), [Crumb::Turn(counter), inner @ ..]) => {
                let Target::Slot(slot) = &f.target else { return Ok(Flow::Next) };
                let found = counters.iter().find(|(reg, _)| reg == counter);
                let (next, left, step) = found.map_or((0, 0, 1), |(_, turns)| *turns);
                let flow = self.resume(List { stmts: &f.body, last: None }, inner, counters)?;
                self.after_turn(flow, &f.carried, |interp| {
                    let rest = Range { start: next, end: next, step };
                    interp.count_on(f, *slot, rest, left)
                })
            }
            (Op::While(w), [Crumb::Condition, ..]) => self.while_true(w),
            (Op::While(w), [Crumb::While, inner @ ..]) => {
                let flow = self.resume(List { stmts: &w.body, last: None }, inner, counters)?;
                self.after_turn(flow, &w.carried, |interp| interp.while_true(w))
            }
            _ => Ok(Flow::Next),
        }
    }

    /// Ends a turn of a loop that stands inside another, and takes the rest of its turns.
    fn after_turn(
        &mut self,
        flow: Flow,
        carried: &[Slot],
        rest: impl FnOnce(&mut Interp) -> Result<Flow>,
    ) -> Result<Flow> {
        match flow {
            Flow::Next | Flow::Continue => {
                self.carry(carried)?;
                rest(self)
            }
            Flow::Break => Ok(Flow::Next),
            Flow::Return => Ok(Flow::Return),
        }
    }

    fn resume_if(&mut self, c: &If, way: &[Crumb], counters: &Counters) -> Result<Flow> {
        match (way, &c.otherwise) {
            ([Crumb::Then, inner @ ..], _) => self.resume_block(&c.then, inner, counters),
            ([Crumb::Else, inner @ ..], Some(code)) => match &code.node {
                Node::Block(b) => self.resume_block(b, inner, counters),
                _ => self.resume(List { stmts: &[], last: Some(code) }, inner, counters),
            },
            _ => Ok(Flow::Next),
        }
    }

    fn resume_block(&mut self, b: &Block, way: &[Crumb], counters: &Counters) -> Result<Flow> {
        self.resume(List { stmts: &b.stmts, last: b.last.as_ref() }, way, counters)
    }

    /// The expression at the end of a block.
    fn resume_code(&mut self, code: &Code, way: &[Crumb], counters: &Counters) -> Result<Flow> {
        match (&code.node, way) {
            (Node::If(c), _) => self.resume_if(c, way, counters),
            (Node::Block(b), [Crumb::Block, inner @ ..]) => self.resume_block(b, inner, counters),
            _ => Ok(Flow::Next),
        }
    }
}
