//! Statements and blocks.

use std::rc::Rc;

use super::Resolver;
use super::expr::arith;
use super::function::Definition;
use super::scope::Var;
use crate::base::{Fault, Span};
use crate::lang::code::*;
use crate::lang::fast::Site;
use crate::lang::uses::{Uses, import_name, pattern_names};
use crate::syntax::ast::{self, Ast, StmtKind};

impl Resolver<'_> {
    pub(super) fn stmts(&mut self, stmts: &[ast::Stmt]) -> Vec<Stmt> {
        stmts.iter().map(|s| self.stmt(s)).collect()
    }

    /// Statements, the last of which is the value if it is an expression.
    pub(super) fn block(&mut self, stmts: &[ast::Stmt]) -> Block {
        match stmts.split_last() {
            Some((ast::Stmt { kind: StmtKind::Expr(e), .. }, before)) => {
                let stmts = self.stmts(before).into();
                Block { stmts, last: Some(self.expr(e)) }
            }
            _ => Block { stmts: self.stmts(stmts).into(), last: None },
        }
    }

    pub(super) fn if_else(&mut self, cond: &Ast, then: &[ast::Stmt], otherwise: Option<&Ast>) -> If {
        If { cond: self.expr(cond), then: self.block(then), otherwise: otherwise.map(|e| self.expr(e)) }
    }

    pub(super) fn try_catch(&mut self, body: &[ast::Stmt], name: Option<&ast::Name>, handler: &[ast::Stmt]) -> Try {
        Try { body: self.block(body), slot: name.map(|n| self.slot(&n.text)), handler: self.block(handler) }
    }

    fn stmt(&mut self, stmt: &ast::Stmt) -> Stmt {
        Stmt { op: self.op(stmt), span: stmt.span }
    }

    fn op(&mut self, stmt: &ast::Stmt) -> Op {
        match &stmt.kind {
            StmtKind::Expr(e) => {
                let code = self.expr(e);
                match code.node {
                    Node::If(x) => Op::If(x),
                    Node::Block(x) => Op::Block(x),
                    Node::Try(x) => Op::Try(x),
                    _ => Op::Expr(code),
                }
            }
            StmtKind::Assign { target, value } => {
                let grows = grows(target, value);
                let value = self.expr(value);
                match (self.target(target), value) {
                    (Target::Slot(slot), Code { node: Node::Tuple(items), span }) if grows => {
                        Op::Set(slot, Code::new(Node::Grown(slot, items), span))
                    }
                    (target, value) => set(target, value),
                }
            }
            StmtKind::Update { target, op, value, .. } => self.update(target, op.calls, value, stmt.span),
            StmtKind::Define(d) => {
                let slot = self.slot(&d.name.text);
                let definition = Definition {
                    name: &d.name.text,
                    params: &d.params,
                    body: &d.body,
                    result: d.result.as_ref(),
                    docs: &d.docs,
                };
                let lambda = self.lambda(definition, d.span);
                Op::Set(slot, Code::new(Node::Lambda(lambda), d.span))
            }
            StmtKind::For { patterns, iter, body } => Op::For(Box::new(self.for_in(patterns, iter, body))),
            StmtKind::While { cond, body } => {
                let mut uses = Uses::default();
                uses.expr(cond);
                uses.stmts(body);
                let carried = self.carried(&uses, &[]);
                let cond = self.expr(cond);
                Op::While(Box::new(While { cond, body: self.looped(body), carried, site: Site::default() }))
            }
            StmtKind::Return(value) => {
                if self.at_top() {
                    self.fault(Fault::syntax("`return` stands outside of a function").at(stmt.span));
                }
                Op::Return(value.as_ref().map(|e| self.expr(e)))
            }
            StmtKind::Break => self.leap(stmt.span, "break", Op::Break),
            StmtKind::Continue => self.leap(stmt.span, "continue", Op::Continue),
            StmtKind::Assert { cond, message } => {
                let cond = self.expr(cond);
                Op::Assert(Box::new((cond, message.as_ref().map(|e| self.expr(e)))))
            }
            StmtKind::Import { path, path_span, alias } => {
                let name = alias.as_ref().map_or_else(|| import_name(path), |n| n.text.clone());
                let whole = Some(self.slot(&name));
                Op::Import(Box::new(Import { path: path.clone(), path_span: *path_span, whole, names: [].into() }))
            }
            StmtKind::From { path, path_span, names } => {
                let names = names.iter().map(|n| (n.text.clone(), n.span, self.slot(&n.text))).collect();
                Op::Import(Box::new(Import { path: path.clone(), path_span: *path_span, whole: None, names }))
            }
        }
    }

    fn leap(&mut self, span: Span, word: &str, op: Op) -> Op {
        if self.scope().loops == 0 {
            self.fault(Fault::syntax(format!("`{word}` stands outside of a loop")).at(span));
        }
        op
    }

    fn update(&mut self, target: &ast::Target, calls: &str, value: &Ast, span: Span) -> Op {
        let (op, prim) = arith(calls);
        match target {
            ast::Target::Name(name) => {
                let a = self.name(&name.text, name.span);
                let b = self.expr(value);
                let slot = self.slot(&name.text);
                set(Target::Slot(slot), Code::new(Node::Binary(Box::new(Binary::new(op, prim, a, b))), span))
            }
            _ => {
                let value = self.expr(value);
                match self.target(target) {
                    Target::Path(mut path) => {
                        path.update = Some((op, prim));
                        Op::Path(path, value)
                    }
                    target => Op::Unpack(target, value),
                }
            }
        }
    }

    fn target(&mut self, target: &ast::Target) -> Target {
        match target {
            ast::Target::Name(name) => Target::Slot(self.slot(&name.text)),
            ast::Target::Tuple(parts, span) => Target::Tuple(parts.iter().map(|t| self.target(t)).collect(), *span),
            ast::Target::Record(names, span) => {
                Target::Record(names.iter().map(|n| (n.text.clone(), self.slot(&n.text))).collect(), *span)
            }
            ast::Target::Place { root, path, span } => {
                let read = self.name(&root.text, root.span);
                let slot = self.slot(&root.text);
                let mut steps = vec![];
                for step in path {
                    steps.push(match step {
                        ast::Step::Field(name) => Step::Field(name.text.clone(), name.span),
                        ast::Step::Index(items, span) => Step::Index(self.subscripts(items), *span),
                    });
                }
                Target::Path(Box::new(Path { read, slot, steps: steps.into(), update: None, span: *span }))
            }
        }
    }

    fn looped(&mut self, body: &[ast::Stmt]) -> Box<[Stmt]> {
        self.scope().loops += 1;
        let body = self.stmts(body);
        self.scope().loops -= 1;
        body.into()
    }

    fn for_in(&mut self, patterns: &[ast::Pattern], iter: &Ast, body: &[ast::Stmt]) -> For {
        let iter = self.expr(iter);
        let mut uses = Uses::default();
        let mut names = vec![];
        for pattern in patterns {
            uses.pattern(pattern);
            pattern_names(pattern, &mut names);
        }
        uses.stmts(body);
        let own: Vec<Rc<str>> = names.iter().map(|n| n.text.clone()).collect();
        let carried = self.carried(&uses, &own);
        let depth = self.scope().hiding.len();
        let (mut fresh, mut export) = (vec![], vec![]);
        for name in names.iter().filter(|n| uses.inner.contains(&n.text)) {
            match self.slot(&name.text) {
                Slot::Cell(i) => fresh.push(i),
                // At the top a closure gets a cell of its own iteration, and the module's variable follows it.
                slot => {
                    if let Var::Cell(i) = self.scope().hide(&name.text, true) {
                        fresh.push(i);
                        export.push((i, slot));
                    }
                }
            }
        }
        let target = match patterns {
            [one] => self.pattern(one),
            _ => Target::Tuple(patterns.iter().map(|p| self.pattern(p)).collect(), iter.span),
        };
        let body = self.looped(body);
        self.scope().hiding.truncate(depth);
        For { target, iter, body, fresh: fresh.into(), export: export.into(), carried, site: Site::default() }
    }

    /// The variables that an iteration hands to the next: assigned in it, and read before that.
    fn carried(&mut self, uses: &Uses, own: &[Rc<str>]) -> Box<[Slot]> {
        let read = |r: &Resolver, name: &Rc<str>| {
            let module = &r.interp.modules[r.context.module as usize];
            uses.exposed.contains(name) || (r.at_top() && module.read_by_functions.contains(name))
        };
        let names: Vec<Rc<str>> =
            uses.assigned.list.iter().filter(|n| !own.contains(n) && read(self, n)).cloned().collect();
        names.iter().map(|n| self.slot(n)).collect()
    }
}

fn set(target: Target, mut value: Code) -> Op {
    match target {
        Target::Slot(slot) => {
            if let Node::Binary(b) = &mut value.node
                && match (&b.a.node, slot) {
                    (Node::Local(i, _), Slot::Local(j)) => *i == j,
                    (Node::Global(i, _), Slot::Global(j)) => *i == j,
                    _ => false,
                }
            {
                b.grows = Some(slot);
            }
            Op::Set(slot, value)
        }
        Target::Path(path) => Op::Path(path, value),
        target => Op::Unpack(target, value),
    }
}

/// `t = (...t, a)`, where nothing behind `...t` assigns t.
fn grows(target: &ast::Target, value: &Ast) -> bool {
    let (ast::Target::Name(name), ast::Kind::Tuple(items)) = (target, &value.kind) else { return false };
    let Some((ast::Item::Spread(Ast { kind: ast::Kind::Name(first), .. }), rest)) = items.split_first() else {
        return false;
    };
    let mut uses = Uses::default();
    rest.iter().for_each(|(ast::Item::One(e) | ast::Item::Spread(e))| uses.expr(e));
    *first == name.text && !uses.assigned.contains(first)
}
