//! What can be said of a program without running it: unknown names (the resolver says those), and calls of known
//! functions with arguments that cannot fit.
//!
//! A function is known where its name is given a value exactly once, by a definition, or is the house's and the program
//! never assigns it.

use std::collections::HashMap;
use std::rc::Rc;

use super::builtin::Builtin;
use super::code::*;
use super::interp::Interp;
use super::signature::{self, Signature};
use super::value::Value;
use crate::base::Fault;

/// Calls that give a function more arguments than it takes, leave some out, or name one it has not.
pub fn arity(interp: &Interp, program: &Program) -> Vec<Fault> {
    let mut known = Known::default();
    let mut each = Walk { stmt: &mut |op| known.note(op), code: &mut |_| {}, deep: true };
    each.stmts(&program.body);
    let defined = known.defined;
    let mut faults = vec![];
    let mut each = Walk {
        stmt: &mut |_| {},
        code: &mut |code| {
            if let Node::Call(c) = &code.node
                && let Some(fault) = wrong_call(interp, &defined, c)
            {
                faults.push(fault.at(code.span));
            }
        },
        deep: true,
    };
    each.stmts(&program.body);
    faults
}

/// The module's variables that the program assigns; `None` for those assigned twice or to no function.
#[derive(Default)]
struct Known {
    defined: HashMap<u32, Option<Rc<Lambda>>>,
}

impl Known {
    fn note(&mut self, op: &Op) {
        let mut unknown = |slot: &Slot| {
            if let Slot::Global(i) = slot {
                self.defined.insert(*i, None);
            }
        };
        match op {
            Op::Set(Slot::Global(i), Code { node: Node::Lambda(f), .. }) => {
                let twice = self.defined.contains_key(i);
                self.defined.insert(*i, (!twice).then(|| f.clone()));
            }
            op => each_slot(op, &mut unknown),
        }
    }
}

/// The variables that a statement itself assigns, not those that statements inside it do.
fn each_slot(op: &Op, found: &mut dyn FnMut(&Slot)) {
    match op {
        Op::Set(slot, _) => found(slot),
        Op::Path(path, _) => found(&path.slot),
        Op::Unpack(target, _) => slots(target, found),
        Op::For(f) => {
            slots(&f.target, found);
            f.export.iter().for_each(|(_, slot)| found(slot));
        }
        Op::Import(i) => {
            i.whole.iter().for_each(&mut *found);
            i.names.iter().for_each(|(_, _, slot)| found(slot));
        }
        Op::Try(t) => t.slot.iter().for_each(found),
        _ => {}
    }
}

/// The variables of this frame that code assigns, each once. `go` walks the code.
pub fn assigned(go: impl FnOnce(&mut Walk)) -> Vec<Slot> {
    let mut all: Vec<Slot> = vec![];
    let mut note = |slot: &Slot| {
        if !all.contains(slot) {
            all.push(*slot);
        }
    };
    go(&mut Walk { stmt: &mut |op| each_slot(op, &mut note), code: &mut |_| {}, deep: false });
    all
}

pub fn slots(target: &Target, found: &mut dyn FnMut(&Slot)) {
    match target {
        Target::Slot(slot) => found(slot),
        Target::Tuple(parts, _) => parts.iter().for_each(|t| slots(t, found)),
        Target::Record(names, _) => names.iter().for_each(|(_, slot)| found(slot)),
        Target::Path(path) => found(&path.slot),
    }
}

fn wrong_call(interp: &Interp, defined: &HashMap<u32, Option<Rc<Lambda>>>, c: &Call) -> Option<Fault> {
    if c.args.iter().any(|a| matches!(a, Arg::Spread(_))) {
        return None;
    }
    let number = match &c.f.node {
        Node::Global(slot, library) => match defined.get(slot) {
            Some(Some(f)) => return wrong_for(f, c),
            Some(None) => return None,
            None if interp.globals.values[*slot as usize].is_some() => return None,
            None => *library,
        },
        Node::Library(number) => *number,
        _ => return None,
    };
    match interp.library.items.get(number as usize)?.value {
        Some(Value::Builtin(b)) => wrong_for_builtin(b, c),
        _ => None,
    }
}

/// The arguments of a call by number and by name.
fn given(c: &Call) -> (usize, Vec<&Rc<str>>) {
    let named = c.args.iter().filter_map(|a| if let Arg::Named(name, ..) = a { Some(name) } else { None }).collect();
    (c.args.iter().filter(|a| matches!(a, Arg::One(_))).count(), named)
}

fn wrong_for(f: &Lambda, c: &Call) -> Option<Fault> {
    let (positional, named) = given(c);
    let rest = f.params.iter().any(|p| p.rest);
    if let Some(name) = named.iter().find(|n| !f.params.iter().any(|p| p.name == ***n)) {
        return Some(signature::unknown_keyword(&f.signature, &f.name, name, f.params.iter().map(|p| &*p.name)));
    }
    if positional > f.params.len() && !rest {
        return Some(signature::too_many(&f.signature, &f.name, positional));
    }
    let missing = |(i, p): &(usize, &Param)| {
        !p.rest && *i >= positional && p.default.is_none() && !named.iter().any(|n| **n == p.name)
    };
    let left_out = f.params.iter().enumerate().find(missing)?;
    Some(signature::missing(&f.signature, &f.name, &left_out.1.name))
}

fn wrong_for_builtin(b: &Builtin, c: &Call) -> Option<Fault> {
    // Primitives take several ints, or several arrays, in a row: only names are sure there.
    let (positional, named) = given(c);
    let s = Signature::read(b.signature);
    if let Some(name) = named.iter().find(|n| !s.params.iter().any(|p| p.name == ***n)) {
        return Some(signature::unknown_keyword(b.signature, b.name, name, s.params.iter().map(|p| &*p.name)));
    }
    if !matches!(b.run, super::builtin::Run::Native(_)) {
        return None;
    }
    if positional > s.params.len() && s.plain {
        return Some(signature::too_many(b.signature, b.name, positional));
    }
    let missing = |(i, p): &(usize, &signature::Parameter)| {
        *i >= positional && p.default.is_none() && !named.iter().any(|n| **n == p.name)
    };
    let left_out = s.params.iter().enumerate().find(missing)?;
    Some(signature::missing(b.signature, b.name, &left_out.1.name))
}

/// Goes through every statement and expression.
pub struct Walk<'a> {
    stmt: &'a mut dyn FnMut(&Op),
    code: &'a mut dyn FnMut(&Code),
    /// Into functions, too, whose frames are others.
    deep: bool,
}

impl Walk<'_> {
    pub fn stmts(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            (self.stmt)(&stmt.op);
            match &stmt.op {
                Op::Expr(code) | Op::Set(_, code) | Op::Return(Some(code)) => self.code(code),
                Op::Unpack(target, code) => {
                    self.target(target);
                    self.code(code);
                }
                Op::Path(path, code) => {
                    self.path(path);
                    self.code(code);
                }
                Op::If(c) => self.if_else(c),
                Op::Block(b) => self.block(b),
                Op::Try(t) => {
                    self.block(&t.body);
                    self.block(&t.handler);
                }
                Op::For(f) => {
                    self.code(&f.iter);
                    self.stmts(&f.body);
                }
                Op::While(w) => {
                    self.code(&w.cond);
                    self.stmts(&w.body);
                }
                Op::Assert(a) => {
                    self.code(&a.0);
                    a.1.iter().for_each(|c| self.code(c));
                }
                Op::Return(None) | Op::Break | Op::Continue | Op::Import(_) => {}
            }
        }
    }

    pub fn block(&mut self, b: &Block) {
        self.stmts(&b.stmts);
        b.last.iter().for_each(|c| self.code(c));
    }

    pub fn if_else(&mut self, c: &If) {
        self.code(&c.cond);
        self.block(&c.then);
        c.otherwise.iter().for_each(|c| self.code(c));
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Tuple(parts, _) => parts.iter().for_each(|t| self.target(t)),
            Target::Path(path) => self.path(path),
            _ => {}
        }
    }

    fn path(&mut self, path: &Path) {
        for step in &path.steps {
            if let Step::Index(items, _) = step {
                self.subscripts(items);
            }
        }
    }

    fn subscripts(&mut self, items: &[Subscript]) {
        for item in items {
            match item {
                Subscript::At(c) => self.code(c),
                Subscript::Slice { start, stop, step, .. } => {
                    [start, stop, step].into_iter().flatten().for_each(|c| self.code(c));
                }
                Subscript::Rest(_) => {}
            }
        }
    }

    fn args(&mut self, args: &[Arg]) {
        args.iter().for_each(|a| self.code(a.code()));
    }

    pub fn code(&mut self, code: &Code) {
        (self.code)(code);
        match &code.node {
            Node::Const(_) | Node::Local(..) | Node::Cell(..) | Node::Global(..) | Node::Library(_) => {}
            Node::Text(pieces) => {
                for piece in pieces {
                    if let Piece::Value(c, _, nested) = piece {
                        self.code(c);
                        nested.iter().for_each(|c| self.code(c));
                    }
                }
            }
            Node::List(items) => items.iter().for_each(|c| self.code(c)),
            Node::Comprehension(c) => {
                for clause in &c.clauses {
                    match clause {
                        Clause::For { iter, .. } => self.code(iter),
                        Clause::If(cond) => self.code(cond),
                    }
                }
                self.code(&c.body);
            }
            Node::Tuple(items) | Node::Grown(_, items) => items.iter().for_each(|i| self.code(&i.code)),
            Node::Record(entries) => {
                for entry in entries {
                    match entry {
                        Entry::Field(_, c) | Entry::Spread(c) => self.code(c),
                    }
                }
            }
            Node::Block(b) => self.block(b),
            Node::If(c) => self.if_else(c),
            Node::Try(t) => {
                self.block(&t.body);
                self.block(&t.handler);
            }
            Node::Lambda(_) if !self.deep => {}
            Node::Lambda(f) => {
                f.params.iter().filter_map(|p| p.default.as_ref()).for_each(|c| self.code(c));
                self.code(&f.body);
            }
            Node::Unary(u) => self.code(&u.x),
            Node::Binary(b) => {
                self.code(&b.a);
                self.code(&b.b);
            }
            Node::Compare(c) => {
                self.code(&c.first);
                c.rest.iter().for_each(|(_, c)| self.code(c));
            }
            Node::And(x) | Node::Or(x) => {
                self.code(&x.0);
                self.code(&x.1);
            }
            Node::Range(r) => {
                self.code(&r.start);
                self.code(&r.end);
                r.by.iter().for_each(|c| self.code(c));
            }
            Node::Call(c) => {
                self.code(&c.f);
                self.args(&c.args);
            }
            Node::Method(m) => {
                self.code(&m.x);
                self.args(&m.args);
            }
            Node::Field(x, _) => self.code(x),
            Node::Index(x) => {
                self.code(&x.x);
                self.subscripts(&x.items);
            }
            Node::Let(x) => {
                self.code(&x.1);
                self.code(&x.2);
            }
            Node::Form(f) => {
                self.code(&f.expr);
                self.args(&f.args);
            }
        }
    }
}
