//! Scopes: which variable a name is, seen from where it stands.

use std::collections::HashMap;
use std::rc::Rc;

use super::Resolver;
use crate::base::dtype::to_come;
use crate::base::{Fault, Span, nearest};
use crate::lang::code::*;
use crate::lang::names;
use crate::lang::uses::NameSet;
use crate::lang::value::Value;
use crate::syntax::KEYWORDS;
use crate::syntax::ast::Name;

/// A variable of a function.
#[derive(Clone, Copy, Debug)]
pub enum Var {
    Local(u32),
    Cell(u32),
}

/// One function being resolved; the first is the module's top.
#[derive(Default)]
pub struct Scope {
    /// Its own variables.
    pub vars: HashMap<Rc<str>, Var>,
    /// Variables of comprehensions and of loops at the top, innermost last.
    pub hiding: Vec<(Rc<str>, Var)>,
    /// Cells taken along from around it.
    pub captures: HashMap<Rc<str>, u32>,
    /// Names that it may read before it assigns them.
    pub exposed: NameSet,
    pub locals: u32,
    pub cells: u32,
    /// How many loops are around.
    pub loops: u32,
}

impl Scope {
    pub fn top() -> Scope {
        Scope::default()
    }

    /// A slot of the frame.
    pub fn local(&mut self) -> u32 {
        self.locals += 1;
        self.locals - 1
    }

    pub fn cell(&mut self) -> u32 {
        self.cells += 1;
        self.cells - 1
    }

    /// A variable that hides what has its name, until `hiding` is cut back.
    pub fn hide(&mut self, name: &Rc<str>, boxed: bool) -> Var {
        let var = if boxed { Var::Cell(self.cell()) } else { Var::Local(self.local()) };
        self.hiding.push((name.clone(), var));
        var
    }

    fn find(&self, name: &str) -> Option<Var> {
        let hiding = self.hiding.iter().rev().find(|(n, _)| &**n == name).map(|(_, v)| *v);
        hiding.or_else(|| self.vars.get(name).copied())
    }
}

impl Var {
    pub fn slot(self) -> Slot {
        match self {
            Var::Local(i) => Slot::Local(i),
            Var::Cell(i) => Slot::Cell(i),
        }
    }

    fn node(self, named: Named) -> Node {
        match self {
            Var::Local(i) => Node::Local(i, Rc::new(named)),
            Var::Cell(i) => Node::Cell(i, Rc::new(named)),
        }
    }
}

impl Resolver<'_> {
    /// The reading of a name. A name that nothing defines is a fault, or left for the moment that it is read.
    pub(super) fn name(&mut self, name: &Rc<str>, span: Span) -> Code {
        if let Some(code) = self.variable(name, span) {
            return code;
        }
        let code = self.global(name, span);
        if self.is_unknown(&code, name) {
            let fault = self.unknown(name, span);
            self.fault(fault);
            if let Node::Global(slot, _) = code.node {
                self.unknown.push(slot);
            }
        }
        code
    }

    /// What stands in the place of something that means nothing, and has been said.
    pub(super) fn nothing(&mut self, span: Span) -> Code {
        let slot = self.global_slot(&"?".into());
        self.unknown.push(slot);
        Code::new(Node::Global(slot, NONE), span)
    }

    /// The reading of a name that is a variable of a function around.
    pub(super) fn variable(&mut self, name: &Rc<str>, span: Span) -> Option<Code> {
        let scope = self.scope();
        let exposed = scope.exposed.contains(name);
        if let Some(var) = scope.find(name) {
            let capture = scope.captures.get(name).copied().filter(|_| exposed);
            let outer = match capture {
                Some(c) => Some(self.captured(c, name, span)),
                None if exposed => Some(self.global(name, span)),
                None => None,
            };
            return Some(Code::new(var.node(Named { name: name.clone(), outer }), span));
        }
        let capture = scope.captures.get(name).copied()?;
        Some(self.captured(capture, name, span))
    }

    fn captured(&mut self, cell: u32, name: &Rc<str>, span: Span) -> Code {
        let outer = Some(self.global(name, span));
        Code::new(Node::Cell(cell, Rc::new(Named { name: name.clone(), outer })), span)
    }

    /// The reading of a module's variable or a name of the house.
    pub(super) fn global(&mut self, name: &Rc<str>, span: Span) -> Code {
        if &**name == names::HERE
            && !self.is_users(name)
            && let Some(folder) = self.folder()
        {
            return Code::new(Node::Const(folder), span);
        }
        let library = self.interp.library.find(name);
        let module = &mut self.interp.modules[self.context.module as usize];
        if self.scopes.len() > 1 && !module.read_by_functions.contains(name) {
            module.read_by_functions.insert(name.clone());
        }
        if self.house && library != NONE && !self.assigned.contains(name) && !module.slots.contains_key(name) {
            return Code::new(Node::Library(library), span);
        }
        let slot = self.global_slot(name);
        Code::new(Node::Global(slot, library), span)
    }

    /// The folder of the file that is resolved; `None` where there is no file.
    fn folder(&self) -> Option<Value> {
        let folder = self.interp.modules[self.context.module as usize].path.as_ref()?.parent()?;
        let text = folder.to_string_lossy();
        Some(Value::text(if text.is_empty() { ".".into() } else { text }))
    }

    pub(super) fn global_slot(&mut self, name: &Rc<str>) -> u32 {
        let id = self.context.module;
        let module = &mut self.interp.modules[id as usize];
        if let Some(&slot) = module.slots.get(name) {
            return slot;
        }
        let slot = self.interp.globals.add(name, id);
        self.interp.modules[id as usize].slots.insert(name.clone(), slot);
        slot
    }

    /// Where an assignment to the name goes.
    pub(super) fn slot(&mut self, name: &Rc<str>) -> Slot {
        match self.scope().find(name) {
            Some(var) => var.slot(),
            None => Slot::Global(self.global_slot(name)),
        }
    }

    /// Whether the name is something of the user's here: a variable of a function around, or of the module.
    pub(super) fn is_users(&mut self, name: &str) -> bool {
        let scope = self.scope();
        if scope.find(name).is_some() || scope.captures.contains_key(name) || self.assigned.contains(name) {
            return true;
        }
        let module = &self.interp.modules[self.context.module as usize];
        module.slots.get(name).is_some_and(|&s| self.interp.globals.values[s as usize].is_some())
    }

    fn is_unknown(&self, code: &Code, name: &Rc<str>) -> bool {
        let Node::Global(slot, NONE) = code.node else { return false };
        let defined = self.interp.globals.values[slot as usize].is_some() || self.interp.late.contains_key(name);
        !defined && !self.assigned.contains(name) && (self.at_top() || self.context.whole)
    }

    pub(super) fn unknown(&self, name: &str, span: Span) -> Fault {
        let mut known: Vec<&str> = vec![];
        for scope in self.scopes.iter().rev() {
            known.extend(scope.hiding.iter().map(|(n, _)| &**n));
            known.extend(scope.vars.keys().map(|n| &**n));
        }
        known.extend(self.assigned.iter().map(|n| &**n));
        known.extend(self.interp.defined(self.context.module));
        let fault = unknown_name(name, &known).at(span);
        // `x = 3 // words`
        match self.context.text.get(..span.start as usize).is_some_and(|t| t.trim_end().ends_with("//")) {
            true if fault.hints.is_empty() => fault.hint("a comment starts with `#`"),
            _ => fault,
        }
    }

    /// Variables for names that a function or a loop at the top binds, those in `shared` as cells.
    pub(super) fn hide_all(&mut self, names: &[Name], shared: &NameSet) -> (Vec<Var>, Vec<u32>) {
        let mut fresh = vec![];
        let mut vars = vec![];
        for name in names {
            let var = self.scope().hide(&name.text, shared.contains(&name.text));
            if let Var::Cell(i) = var {
                fresh.push(i);
            }
            vars.push(var);
        }
        (vars, fresh)
    }
}

/// "unknown name", with what may have been meant.
pub fn unknown_name(name: &str, known: &[&str]) -> Fault {
    if let Some(instead) = to_come(name) {
        return Fault::new(format!("the dtype `{name}` is not there yet")).hint(instead);
    }
    let fault = Fault::new(format!("unknown name `{name}`"));
    if names::is_foreign_library(name) {
        return fault.hint(format!("functions need no module here: {name}.sum is sum"));
    }
    if let Some(ours) = names::habit(name) {
        return match ours {
            "" => fault,
            _ => fault.hint(format!("write `{ours}`")),
        };
    }
    if let Some(advice) = names::advice(name) {
        return fault.hint(advice);
    }
    let house: Vec<&str> = names::house_names().collect();
    if let Some(near) = nearest(name, known.iter().copied()).or_else(|| nearest(name, plain(&house))) {
        return fault.hint(format!("did you mean `{near}`?"));
    }
    // A short name is near to too many.
    if let Some(near) = nearest(name, KEYWORDS).filter(|_| name.len() > 3) {
        return fault.hint(format!("did you mean `{near}`?"));
    }
    match house.iter().find(|n| n.split_once('.').is_some_and(|(_, rest)| rest == name)) {
        Some(full) => fault.hint(format!("write `{full}`")),
        None => fault,
    }
}

fn plain<'a>(names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let mut names: Vec<&str> = names.iter().copied().filter(|n| !n.contains('.')).collect();
    // Among equally near names the first wins: the table's order must not decide.
    names.sort_unstable();
    names.into_iter()
}

/// A constant's value without evaluating anything.
pub fn constant(code: &Code) -> Option<&Value> {
    match &code.node {
        Node::Const(v) => Some(v),
        _ => None,
    }
}
