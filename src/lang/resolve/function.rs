//! Functions: their variables sorted into slots and cells, and what a closure takes along.

use std::rc::Rc;

use super::Resolver;
use super::scope::{Scope, Var};
use crate::base::dtype::to_come;
use crate::base::{DType, Fault, Span};
use crate::lang::code::*;
use crate::lang::fast::Site;
use crate::lang::names::foreign_dtype;
use crate::lang::prelude;
use crate::lang::uses::Uses;
use crate::syntax::ast::{self, Ast};

/// The names that a pattern binds.
fn names_of<'a>(pattern: &'a ast::Pattern, out: &mut Vec<&'a ast::Name>) {
    match pattern {
        ast::Pattern::Name(name) => out.push(name),
        ast::Pattern::Tuple(parts, _) => parts.iter().for_each(|p| names_of(p, out)),
    }
}

/// A function as it is written.
pub(super) struct Definition<'a> {
    pub name: &'a str,
    pub params: &'a [ast::Param],
    pub body: &'a Ast,
    pub result: Option<&'a ast::Annotation>,
    pub docs: &'a str,
}

impl Resolver<'_> {
    pub(super) fn lambda(&mut self, d: Definition, span: Span) -> Rc<Lambda> {
        self.refuse_twins(d.params);
        d.params.iter().filter_map(|p| p.annotation.as_ref()).chain(d.result).for_each(|a| self.refuse_unknown(a));
        let uses = Uses::of_function(d.params, d.body);
        let mut scope = Scope { exposed: uses.exposed, ..Scope::default() };
        // What it reaches of the variables around comes along as cells.
        let mut captures = vec![];
        let inner = uses.inner;
        let around = self.scope();
        for name in &scope.exposed.list {
            let found = around.hiding.iter().rev().find(|(n, _)| n == name).map(|(_, v)| *v);
            let var = found.or_else(|| around.vars.get(name).copied());
            let cell = match var {
                Some(Var::Cell(i)) => Some(i),
                Some(Var::Local(_)) => None,
                None => around.captures.get(name).copied(),
            };
            if let Some(cell) = cell {
                scope.captures.insert(name.clone(), captures.len() as u32);
                captures.push(cell);
            }
        }
        scope.cells = captures.len() as u32;
        scope.locals = d.params.len() as u32;
        let mut boxed = vec![];
        for (i, p) in d.params.iter().enumerate() {
            if let ast::Pattern::Name(name) = &p.pattern {
                let mut var = Var::Local(i as u32);
                if inner.contains(&name.text) {
                    let cell = scope.cell();
                    boxed.push((i as u32, cell));
                    var = Var::Cell(cell);
                }
                scope.vars.insert(name.text.clone(), var);
            }
        }
        for name in &uses.assigned.list {
            if !scope.vars.contains_key(name) {
                let var = if inner.contains(name) { Var::Cell(scope.cell()) } else { Var::Local(scope.local()) };
                scope.vars.insert(name.clone(), var);
            }
        }
        self.scopes.push(scope);
        let holes = std::mem::take(&mut self.holes);
        let params: Box<[Param]> = d.params.iter().map(|p| self.param(p)).collect();
        let body = self.expr(d.body);
        self.holes = holes;
        let scope = self.scopes.pop().unwrap_or_default();
        let simple = d.result.is_none()
            && params.iter().all(|p| p.target.is_none() && !p.rest && p.annotation.is_none() && p.default.is_none());
        Rc::new(Lambda {
            name: d.name.into(),
            signature: self.signature(&d).into(),
            docs: d.docs.into(),
            params,
            body,
            locals: scope.locals,
            cells: scope.cells,
            captures: captures.into(),
            boxed: boxed.into(),
            simple,
            result: d.result.cloned(),
            house: self.house,
            wide: if self.house { prelude::wide(d.name) } else { prelude::Wide::No },
            span,
            site: Site::default(),
        })
    }

    /// Two parameters of one name are a mistake: the first could never be read.
    fn refuse_twins(&mut self, params: &[ast::Param]) {
        let mut seen: Vec<&ast::Name> = vec![];
        let mut names: Vec<&ast::Name> = vec![];
        params.iter().for_each(|p| names_of(&p.pattern, &mut names));
        for name in names.into_iter().filter(|n| &*n.text != "_") {
            if let Some(first) = seen.iter().find(|n| n.text == name.text) {
                let fault = Fault::syntax(format!("two parameters are called `{}`", name.text)).at(name.span);
                let fault = fault.label(first.span, "the first").label(name.span, "the second");
                self.faults.push(fault.hint("give one of them another name"));
            } else {
                seen.push(name);
            }
        }
    }

    /// An annotation that no value could be held against.
    fn refuse_unknown(&mut self, annotation: &ast::Annotation) {
        let ast::Name { text: name, span } = &annotation.dtype;
        if &**name == "_" || DType::from_name(name).is_some() {
            return;
        }
        let fault = match to_come(name) {
            Some(instead) => Fault::new(format!("the dtype `{name}` is not there yet")).hint(instead),
            None => {
                let known: Vec<&str> = DType::all().map(|d| d.name()).collect();
                let fault = Fault::new(format!("expected a dtype, found `{name}`")).label(*span, "no dtype");
                fault.hint(match foreign_dtype(name) {
                    Some(ours) => format!("write `{ours}`; `_` is anything"),
                    None => format!("the dtypes are {}; `_` is anything", known.join(" ")),
                })
            }
        };
        self.fault(fault.at(*span));
    }

    fn param(&mut self, p: &ast::Param) -> Param {
        let default = p.default.as_ref().map(|e| self.expr(e));
        let (name, target) = match &p.pattern {
            ast::Pattern::Name(name) => (name.text.clone(), None),
            pattern => ("".into(), Some(self.pattern(pattern))),
        };
        Param { name, target, default, annotation: p.annotation.clone(), rest: p.rest, span: p.span }
    }

    /// `f(x, y=2)`, as it is written.
    fn signature(&self, d: &Definition) -> String {
        let text = |span: Span| self.context.text.get(span.range()).unwrap_or("").to_string();
        let params: Vec<String> = d.params.iter().map(|p| text(p.span)).collect();
        match d.name {
            "" => format!("({}) -> …", params.join(", ")),
            name => format!("{name}({})", params.join(", ")),
        }
    }
}
