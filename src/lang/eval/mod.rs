//! The walk over resolved code: expressions to values.
//!
//! In: code. Out: values, or a fault with its place. Numbers are read in place and computed on the spot; a step of a
//! loop over numbers allocates nothing. What a walk holds of the interpreter is only a frame: where its slots begin.

mod annotation;
mod assign;
mod call;
mod compare;
mod dry;
mod explain;
mod field;
mod join;
mod operator;
mod probe;
mod program;
mod range;
mod resume;
mod stmt;
mod wide;

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use super::arith::{self, Num};
use super::code::*;
use super::function::{Cell, Function};
use super::interp::Interp;
use super::names::LibraryItem;
use super::value::{Record, Value};
use super::{stack, text};
use crate::base::{Fault, Result, Span, interrupt, memory};
pub use call::{Site, is_callable};
pub use compare::{equal, relation_prim};
pub use dry::Dry;
pub use operator::operate;
pub use program::Snapshot;

/// Where a statement leaves to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    Next,
    Break,
    Continue,
    /// With the value in `Interp::returned`.
    Return,
}

/// What a variable holds, unless that is a value that could not be had.
#[inline(always)]
fn sound(v: &Value) -> Result<Value> {
    match v {
        Value::Array(e) if e.is_broken() => Err(e.fault().unwrap_or_else(Fault::unknown)),
        v => Ok(v.clone()),
    }
}

impl Interp {
    /// The value of an expression.
    #[inline]
    pub(super) fn eval(&mut self, code: &Code) -> Result<Value> {
        match &code.node {
            Node::Const(v) => Ok(v.clone()),
            Node::Local(i, named) => match &self.stack[self.base + *i as usize] {
                Some(v) => sound(v),
                None => self.unset(named, code.span),
            },
            Node::Global(slot, library) => match &self.globals.values[*slot as usize] {
                Some(v) => sound(v),
                None => match self.library.items.get(*library as usize) {
                    Some(LibraryItem { value: Some(v), .. }) => Ok(v.clone()),
                    _ => self.stand_in(*slot, *library, code.span),
                },
            },
            Node::Binary(b) => match self.try_numbers(b) {
                Some(n) => Ok(n.value()),
                None => self.binary(b, code.span),
            },
            Node::Call(c) => self.call_code(c, code.span),
            Node::Compare(c) => self.compare(c, code.span),
            node => self.eval_other(node, code.span),
        }
    }

    fn eval_other(&mut self, node: &Node, span: Span) -> Result<Value> {
        match node {
            Node::Cell(i, named) => self.cell(*i, named, span),
            Node::Library(number) => self.library_value(*number).map_err(|f| f.at(span)),
            Node::Text(pieces) => self.text(pieces),
            Node::List(items) => self.list(items, span),
            Node::Comprehension(c) => self.comprehension(c, span),
            Node::Tuple(items) => self.tuple(items),
            Node::Grown(slot, items) => self.grown(*slot, items),
            Node::Record(entries) => self.record(entries),
            Node::Block(b) => self.block_value(b),
            Node::If(c) => self.if_value(c),
            Node::Try(t) => self.try_value(t),
            Node::Lambda(code) => Ok(self.closure(code)),
            Node::Unary(u) => self.unary(u, span),
            Node::And(x) => Ok(Value::Bool(self.condition(&x.0)? && self.condition(&x.1)?)),
            Node::Or(x) => Ok(Value::Bool(self.condition(&x.0)? || self.condition(&x.1)?)),
            Node::Range(r) => self.range(r, span),
            Node::Method(m) => self.method(m, span),
            Node::Field(x, name) => {
                let x = self.eval(x)?;
                self.field(&x, name, span)
            }
            Node::Index(x) => self.index(x, span),
            Node::Let(x) => {
                let v = self.eval(&x.1)?;
                self.stack[self.base + x.0 as usize] = Some(v);
                let result = self.eval(&x.2);
                self.stack[self.base + x.0 as usize] = None;
                result
            }
            Node::Form(f) => self.form(f, span),
            Node::Const(_)
            | Node::Local(..)
            | Node::Global(..)
            | Node::Binary(_)
            | Node::Call(_)
            | Node::Compare(_) => Err(Fault::new("internal: an expression went astray").at(span)),
        }
    }

    /// Arithmetic of plain numbers where nothing can go wrong; `None` leaves it to the walk. Reads only.
    #[inline]
    fn try_numbers(&self, b: &Binary) -> Option<Num> {
        if !b.simple {
            return None;
        }
        let x = match &b.a.node {
            Node::Binary(inner) => self.try_numbers(inner)?,
            _ => self.number(&b.a)?,
        };
        let y = match &b.b.node {
            Node::Binary(inner) => self.try_numbers(inner)?,
            _ => self.number(&b.b)?,
        };
        arith::quick(b.op, x, y)
    }

    /// A comparison of plain numbers, as `try_numbers`.
    #[inline]
    fn try_comparison(&self, c: &Compare) -> Option<bool> {
        let [(op, b)] = &*c.rest else { return None };
        let x = match &c.first.node {
            Node::Binary(inner) => self.try_numbers(inner)?,
            _ => self.number(&c.first)?,
        };
        let y = match &b.node {
            Node::Binary(inner) => self.try_numbers(inner)?,
            _ => self.number(b)?,
        };
        (!matches!(op, Relation::In | Relation::NotIn)).then(|| arith::compare(*op, x, y))
    }

    /// The number under a name or constant, without moving it.
    #[inline(always)]
    pub(in crate::lang) fn number(&self, code: &Code) -> Option<Num> {
        match self.peek(code)? {
            Value::Int(i) => Some(Num::Int(*i)),
            Value::Float(x) => Some(Num::Float(*x)),
            _ => None,
        }
    }

    /// The value under a name or constant, without moving it.
    #[inline(always)]
    pub(in crate::lang) fn peek<'a>(&'a self, code: &'a Code) -> Option<&'a Value> {
        match &code.node {
            Node::Const(v) => Some(v),
            Node::Local(i, _) => self.stack[self.base + *i as usize].as_ref(),
            Node::Global(i, _) => self.globals.values[*i as usize].as_ref(),
            _ => None,
        }
    }

    fn cell(&mut self, i: u32, named: &Named, span: Span) -> Result<Value> {
        let held = self.cells[self.cell_base + i as usize].borrow().clone();
        match held {
            Some(v) => sound(&v),
            None => self.unset(named, span),
        }
    }

    /// A variable without a value: what is outside of the function stands in.
    #[cold]
    fn unset(&mut self, named: &Named, span: Span) -> Result<Value> {
        let Some(outer) = &named.outer else {
            return Err(Fault::new(format!("`{}` has no value yet", named.name)).at(span));
        };
        if let Node::Global(slot, NONE) = &outer.node
            && self.globals.values[*slot as usize].is_none()
            && !self.late.contains_key(&named.name)
        {
            return Err(Fault::new(format!("`{}` has no value yet", named.name)).at(span));
        }
        self.eval(outer)
    }

    /// A module's variable without a value: computed late, or the house's function of that name.
    #[cold]
    fn stand_in(&mut self, slot: u32, library: u32, span: Span) -> Result<Value> {
        if library != NONE {
            return self.library_value(library).map_err(|f| f.at(span));
        }
        let (name, module) = self.globals.names[slot as usize].clone();
        if self.dry.is_some() && self.late.contains_key(&name) {
            return Err(Fault::unknown().at(span));
        }
        if let Some(make) = self.late.remove(&name) {
            let v = make(self).map_err(|f| f.at(span))?;
            self.globals.values[slot as usize] = Some(v.clone());
            // Should this program fail its variables go; what was read from outside must not.
            let kept = v.clone();
            self.late.insert(name, Box::new(move |_| Ok(kept)));
            return Ok(v);
        }
        let known: Vec<&str> = self.defined(module).collect();
        Err(super::resolve::unknown_name(&name, &known).at(span))
    }

    /// Writes a variable.
    #[inline(always)]
    pub(in crate::lang) fn store(&mut self, slot: Slot, value: Value) {
        match slot {
            Slot::Local(i) => self.stack[self.base + i as usize] = Some(value),
            Slot::Global(i) => self.globals.values[i as usize] = Some(value),
            Slot::Cell(i) => *self.cells[self.cell_base + i as usize].borrow_mut() = Some(value),
        }
    }

    /// Takes a variable's value out, so that nothing else holds it.
    pub(super) fn take(&mut self, slot: Slot) -> Option<Value> {
        match slot {
            Slot::Local(i) => self.stack[self.base + i as usize].take(),
            Slot::Global(i) => self.globals.values[i as usize].take(),
            Slot::Cell(i) => self.cells[self.cell_base + i as usize].borrow_mut().take(),
        }
    }

    /// Puts back what `take` took, emptiness included.
    pub(super) fn put_back(&mut self, slot: Slot, value: Option<Value>) {
        match slot {
            Slot::Local(i) => self.stack[self.base + i as usize] = value,
            Slot::Global(i) => self.globals.values[i as usize] = value,
            Slot::Cell(i) => *self.cells[self.cell_base + i as usize].borrow_mut() = value,
        }
    }

    /// New cells for the variables of an iteration.
    pub(super) fn renew(&mut self, fresh: &[u32]) {
        for &i in fresh {
            self.cells[self.cell_base + i as usize] = Rc::new(RefCell::new(None));
        }
    }

    fn closure(&mut self, code: &Rc<Lambda>) -> Value {
        let cells: Box<[Cell]> =
            code.captures.iter().map(|&i| self.cells[self.cell_base + i as usize].clone()).collect();
        Value::Function(Rc::new(Function::Closure { code: code.clone(), cells }))
    }

    /// One bool: what `if`, `while`, `and`, `or`, `assert` ask for.
    #[inline]
    pub(super) fn condition(&mut self, code: &Code) -> Result<bool> {
        if let Node::Compare(c) = &code.node
            && let Some(b) = self.try_comparison(c)
        {
            return Ok(b);
        }
        match self.eval(code)? {
            Value::Bool(b) => Ok(b),
            v => v.to_bool().map_err(|f| f.at(code.span).label(code.span, v.type_name())),
        }
    }

    fn text(&mut self, pieces: &[Piece]) -> Result<Value> {
        if self.dry.is_some() {
            return self.dry_text(pieces);
        }
        let mut out = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(t) => out.push_str(t),
                Piece::Value(code, format, nested) => {
                    let v = self.eval(code)?;
                    let format = self.format(format, nested)?;
                    let piece = text::formatted(&v, &format).map_err(|f| f.at(code.span))?;
                    if out.len() + piece.len() > out.capacity() {
                        memory::room(2 * (out.len() + piece.len()), "a text").map_err(|f| f.at(code.span))?;
                    }
                    out.push_str(&piece);
                }
            }
        }
        Ok(Value::text(out))
    }

    /// A format with what stands in its braces filled in.
    pub(super) fn format<'a>(&mut self, format: &'a str, nested: &[Code]) -> Result<Cow<'a, str>> {
        if nested.is_empty() {
            return Ok(Cow::Borrowed(format));
        }
        let mut out = String::new();
        let mut rest = format;
        for code in nested {
            let Some((before, behind)) = rest.split_once('{') else { break };
            let v = self.eval(code)?;
            out += before;
            out += &text::text(&v, &self.style)?;
            rest = behind.split_once('}').map_or("", |(_, rest)| rest);
        }
        Ok(Cow::Owned(out + rest))
    }

    fn list(&mut self, items: &[Code], span: Span) -> Result<Value> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.eval(item)?);
        }
        stack::stack(&values).map_err(|f| self.explain_items(f, items, &values).at(span))
    }

    fn tuple(&mut self, items: &[Item]) -> Result<Value> {
        let mut out = Vec::with_capacity(items.len());
        self.gather(items, &mut out)?;
        Ok(Value::tuple(out))
    }

    fn gather(&mut self, items: &[Item], out: &mut Vec<Value>) -> Result<()> {
        for item in items {
            let v = self.eval(&item.code)?;
            if item.spread {
                out.extend(self.spread(v, item.code.span)?);
            } else {
                out.push(v);
            }
        }
        Ok(())
    }

    /// A tuple that begins with all of the variable that it replaces; what comes behind is evaluated first, so that a
    /// fault leaves the variable as it was.
    fn grown(&mut self, slot: Slot, items: &[Item]) -> Result<Value> {
        let Some((first, rest)) = items.split_first().filter(|_| self.dry.is_none()) else { return self.tuple(items) };
        let mut more = vec![];
        self.gather(rest, &mut more)?;
        let mut t = match self.take(slot) {
            Some(Value::Tuple(t)) => t,
            other => {
                self.put_back(slot, other);
                let v = self.eval(&first.code)?;
                let mut out = self.spread(v, first.code.span)?;
                out.append(&mut more);
                return Ok(Value::tuple(out));
            }
        };
        let fits = Rc::get_mut(&mut t).is_some_and(|t| t.len() + more.len() <= t.capacity());
        if !fits && let Err(fault) = memory::room(3 * size_of_val(&t[..]), "a tuple") {
            self.put_back(slot, Some(Value::Tuple(t)));
            return Err(fault.at(first.code.span));
        }
        Rc::make_mut(&mut t).append(&mut more);
        Ok(Value::Tuple(t))
    }

    /// The items of a tuple, range, text or array.
    pub(super) fn spread(&mut self, v: Value, span: Span) -> Result<Vec<Value>> {
        match v {
            Value::Tuple(t) => {
                memory::room(3 * size_of_val(&t[..]), "a tuple").map_err(|f| f.at(span))?;
                Ok(Rc::try_unwrap(t).unwrap_or_else(|t| (*t).clone()))
            }
            v => {
                let mut out = vec![];
                let mut items = self.items(v).map_err(|f| f.at(span))?;
                while let Some(item) = items.next(self).map_err(|f| f.at(span))? {
                    interrupt::check()?;
                    out.push(item);
                }
                Ok(out)
            }
        }
    }

    fn record(&mut self, entries: &[Entry]) -> Result<Value> {
        let mut out = Record::default();
        for entry in entries {
            match entry {
                Entry::Field(name, code) => {
                    let v = self.eval(code)?;
                    out.put(name, v);
                }
                Entry::Spread(code) => match self.eval(code)? {
                    Value::Record(r) => r.fields().iter().for_each(|(name, v)| out.put(name, v.clone())),
                    v => return Err(v.unlike("a record to spread").at(code.span)),
                },
            }
        }
        Ok(Value::Record(Rc::new(out)))
    }

    fn comprehension(&mut self, c: &Comprehension, span: Span) -> Result<Value> {
        if self.dry.is_some() {
            return self.dry_comprehension(c, span);
        }
        let mut out = vec![];
        self.clauses(&c.clauses, &c.body, &mut out)?;
        stack::stack_deep(&out).map_err(|f| self.no_elements(f, c, &out).at(span))
    }

    /// What a comprehension makes does not stack; a tuple holds anything.
    #[cold]
    fn no_elements(&self, mut fault: Fault, c: &Comprehension, made: &[Value]) -> Fault {
        if made.iter().any(|v| matches!(v, Value::Text(_) | Value::Record(_))) {
            let map = self.as_map(c).unwrap_or_else(|| "map(f, xs)".into());
            fault.hints = vec![format!("make a tuple: {map}")];
        }
        fault.label(c.body.span, "makes the elements")
    }

    /// `[f(i) for i in xs]` as a call of `map`.
    fn as_map(&self, c: &Comprehension) -> Option<String> {
        let [Clause::For { iter, .. }] = &*c.clauses else { return None };
        let between = Span { start: c.body.span.end, end: iter.span.start, ..iter.span };
        let name = self.source(between).trim().strip_prefix("for")?.strip_suffix("in")?.trim();
        let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        plain.then(|| format!("map({name} -> {}, {})", self.source(c.body.span), self.source(iter.span)))
    }

    fn clauses(&mut self, clauses: &[Clause], body: &Code, out: &mut Vec<Value>) -> Result<()> {
        match clauses.split_first() {
            None => {
                let v = self.eval(body)?;
                memory::push(out, v).map_err(|f| f.at(body.span))
            }
            Some((Clause::If(cond), rest)) => {
                if self.condition(cond)? {
                    self.clauses(rest, body, out)?;
                }
                Ok(())
            }
            Some((Clause::For { target, iter, fresh }, rest)) => {
                let v = self.eval(iter)?;
                let mut items = self.items(v).map_err(|f| f.at(iter.span))?;
                while let Some(item) = items.next(self).map_err(|f| f.at(iter.span))? {
                    interrupt::check()?;
                    self.step()?;
                    self.renew(fresh);
                    self.unpack(target, item, iter.span)?;
                    self.clauses(rest, body, out)?;
                }
                Ok(())
            }
        }
    }
}
