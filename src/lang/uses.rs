//! Who reads and writes which names: what has to be known of a function before its code is made.
//!
//! In: the syntax tree of a function, a loop or a whole program. Out: the names it assigns, those it may read before it
//! assigns them, and those that functions inside it reach. One walk, in the order things run.

use std::collections::HashSet;
use std::rc::Rc;

use crate::syntax::ast::*;

/// Names in the order first met.
#[derive(Default, Clone, Debug)]
pub struct NameSet {
    pub list: Vec<Rc<str>>,
    set: HashSet<Rc<str>>,
}

impl NameSet {
    pub fn add(&mut self, name: &Rc<str>) {
        if self.set.insert(name.clone()) {
            self.list.push(name.clone());
        }
    }

    pub fn contains(&self, name: &str) -> bool {
        self.set.contains(name)
    }
}

/// What one function, or a part of one, does with names.
#[derive(Default)]
pub struct Uses {
    /// Assigned anywhere in it, parameters included; not in functions inside it.
    pub assigned: NameSet,
    /// Possibly read before it is assigned.
    pub exposed: NameSet,
    /// Reached from functions inside it.
    pub inner: NameSet,
    /// Assigned whatever happens, up to the point of the walk.
    definite: HashSet<Rc<str>>,
    /// Variables of the comprehensions around the point of the walk.
    hidden: Vec<Rc<str>>,
}

/// The names of a pattern, in order.
pub fn pattern_names(pattern: &Pattern, out: &mut Vec<Name>) {
    match pattern {
        Pattern::Name(name) => out.push(name.clone()),
        Pattern::Tuple(parts, _) => parts.iter().for_each(|p| pattern_names(p, out)),
    }
}

/// The record's name that `import "dir/lib.nev"` brings: `lib`.
pub fn import_name(path: &str) -> Rc<str> {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.strip_suffix(".nev").unwrap_or(file).into()
}

impl Uses {
    /// Of a function: parameters count as assigned.
    pub fn of_function(params: &[Param], body: &Ast) -> Uses {
        let mut uses = Uses::default();
        for p in params {
            if let Some(default) = &p.default {
                uses.expr(default);
            }
            uses.pattern(&p.pattern);
        }
        uses.expr(body);
        uses
    }

    pub fn of_stmts(stmts: &[Stmt]) -> Uses {
        let mut uses = Uses::default();
        uses.stmts(stmts);
        uses
    }

    fn read(&mut self, name: &Rc<str>) {
        if !self.hidden.contains(name) && !self.definite.contains(name) {
            self.exposed.add(name);
        }
    }

    fn assign(&mut self, name: &Rc<str>) {
        self.assigned.add(name);
        self.definite.insert(name.clone());
    }

    pub fn pattern(&mut self, pattern: &Pattern) {
        let mut names = vec![];
        pattern_names(pattern, &mut names);
        names.iter().for_each(|n| self.assign(&n.text));
    }

    /// A function inside: all it reaches is read here.
    fn nested(&mut self, params: &[Param], body: &Ast) {
        for name in &Uses::of_function(params, body).exposed.list {
            if !self.hidden.contains(name) {
                self.inner.add(name);
            }
            self.read(name);
        }
    }

    /// Something that may not run: what it assigns is not sure afterwards.
    fn maybe(&mut self, run: impl FnOnce(&mut Uses)) -> HashSet<Rc<str>> {
        let before = self.definite.clone();
        run(self);
        std::mem::replace(&mut self.definite, before)
    }

    pub fn stmts(&mut self, stmts: &[Stmt]) {
        stmts.iter().for_each(|s| self.stmt(s));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Expr(e) => self.expr(e),
            StmtKind::Assign { target, value } => {
                self.expr(value);
                self.target(target);
            }
            StmtKind::Update { target, value, .. } => {
                self.expr(value);
                if let Target::Name(name) = target {
                    self.read(&name.text);
                }
                self.target(target);
            }
            StmtKind::Define(d) => {
                // Its own name is there by the time it runs.
                self.assign(&d.name.text);
                self.nested(&d.params, &d.body);
            }
            StmtKind::For { patterns, iter, body } => {
                self.expr(iter);
                self.maybe(|u| {
                    patterns.iter().for_each(|p| u.pattern(p));
                    u.stmts(body);
                });
            }
            StmtKind::While { cond, body } => {
                self.expr(cond);
                self.maybe(|u| u.stmts(body));
            }
            StmtKind::Return(value) => value.iter().for_each(|e| self.expr(e)),
            StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Assert { cond, message } => {
                self.expr(cond);
                message.iter().for_each(|e| self.expr(e));
            }
            StmtKind::Import { path, alias, .. } => match alias {
                Some(name) => self.assign(&name.text),
                None => self.assign(&import_name(path)),
            },
            StmtKind::From { names, .. } => names.iter().for_each(|n| self.assign(&n.text)),
        }
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.assign(&name.text),
            Target::Tuple(parts, _) => parts.iter().for_each(|t| self.target(t)),
            Target::Record(names, _) => names.iter().for_each(|n| self.assign(&n.text)),
            Target::Place { root, path, .. } => {
                self.read(&root.text);
                for step in path {
                    if let Step::Index(items, _) = step {
                        self.subscripts(items);
                    }
                }
                self.assign(&root.text);
            }
        }
    }

    fn subscripts(&mut self, items: &[Subscript]) {
        for item in items {
            match item {
                Subscript::At(e) => self.expr(e),
                Subscript::Slice { start, stop, step, .. } => {
                    [start, stop, step].into_iter().flatten().for_each(|e| self.expr(e));
                }
                Subscript::Rest(_) => {}
            }
        }
    }

    fn args(&mut self, args: &[Arg]) {
        for arg in args {
            match arg {
                Arg::One(e) | Arg::Named(_, e) | Arg::Spread(e) => self.expr(e),
            }
        }
    }

    pub fn expr(&mut self, e: &Ast) {
        match &e.kind {
            Kind::Name(name) => self.read(name),
            Kind::Int(_) | Kind::Float(_) | Kind::Imaginary(_) | Kind::Bool(_) | Kind::None | Kind::Hole => {}
            Kind::Text(pieces) => {
                for piece in pieces {
                    if let Piece::Value { value, nested, .. } = piece {
                        self.expr(value);
                        nested.iter().for_each(|e| self.expr(e));
                    }
                }
            }
            Kind::List(items) => items.iter().for_each(|e| self.expr(e)),
            Kind::Comprehension { body, clauses } => self.comprehension(body, clauses),
            Kind::Tuple(items) => {
                for item in items {
                    match item {
                        Item::One(e) | Item::Spread(e) => self.expr(e),
                    }
                }
            }
            Kind::Record(entries) => {
                for entry in entries {
                    match entry {
                        Entry::Field(_, e) | Entry::Spread(e) => self.expr(e),
                    }
                }
            }
            Kind::Paren(e) => self.expr(e),
            Kind::Block(stmts) => self.stmts(stmts),
            Kind::If { cond, then, otherwise } => {
                self.expr(cond);
                let a = self.maybe(|u| u.stmts(then));
                let b = self.maybe(|u| otherwise.iter().for_each(|e| u.expr(e)));
                self.definite = &a & &b;
            }
            Kind::Try { body, name, handler } => {
                self.maybe(|u| u.stmts(body));
                self.maybe(|u| {
                    name.iter().for_each(|n| u.assign(&n.text));
                    u.stmts(handler);
                });
            }
            Kind::Lambda { params, body } => self.nested(params, body),
            Kind::Unary { x, .. } => self.expr(x),
            Kind::Binary { a, b, .. } => {
                self.expr(a);
                self.expr(b);
            }
            Kind::Compare { first, rest } => {
                self.expr(first);
                rest.iter().for_each(|(_, _, e)| self.expr(e));
            }
            Kind::And(a, b) | Kind::Or(a, b) => {
                self.expr(a);
                self.maybe(|u| u.expr(b));
            }
            Kind::Range { start, end, by, .. } => {
                self.expr(start);
                self.expr(end);
                by.iter().for_each(|e| self.expr(e));
            }
            Kind::Call { f, args } => {
                self.expr(f);
                self.args(args);
            }
            Kind::Method { x, name, args } => {
                self.expr(x);
                self.read(&name.text);
                self.args(args);
            }
            Kind::Field { x, .. } => self.expr(x),
            Kind::Index { x, items } => {
                self.expr(x);
                self.subscripts(items);
            }
            Kind::Pipe { x, into } => {
                self.expr(x);
                self.expr(into);
            }
        }
    }

    fn comprehension(&mut self, body: &Ast, clauses: &[Clause]) {
        let depth = self.hidden.len();
        for clause in clauses {
            match clause {
                Clause::For { pattern, iter } => {
                    self.expr(iter);
                    let mut names = vec![];
                    pattern_names(pattern, &mut names);
                    self.hidden.extend(names.into_iter().map(|n| n.text));
                }
                Clause::If(cond) => self.expr(cond),
            }
        }
        self.expr(body);
        self.hidden.truncate(depth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(text: &str) -> [Vec<String>; 3] {
        let parsed = crate::syntax::parse(0, text);
        assert!(parsed.faults.is_empty(), "{:?}", parsed.faults);
        let u = Uses::of_stmts(&parsed.program.body);
        [u.assigned, u.exposed, u.inner].map(|set| set.list.iter().map(|n| n.to_string()).collect())
    }

    #[test]
    fn reads_before_writes_are_exposed() {
        let [assigned, exposed, inner] = uses("y = x; x = y; z = 1; z");
        assert_eq!((assigned.join(" "), exposed.join(" "), inner.len()), ("y x z".into(), "x".into(), 0));
        assert_eq!(uses("n += 1")[1], ["n"]);
        assert_eq!(uses("p.w = 1")[1], ["p"]);
        assert_eq!(uses("if c { a = 1 } else { a = 2 }; a")[1], ["c"]);
        assert_eq!(uses("if c { a = 1 }; a")[1], ["c", "a"]);
        assert_eq!(uses("for i in 0..3 { a = i }; a")[1], ["a"]);
    }

    #[test]
    fn functions_inside_reach_out() {
        let [_, exposed, inner] = uses("k = 1; f(x) = x * k + g; f(2)");
        assert_eq!((exposed.join(" "), inner.join(" ")), ("g".into(), "k g".into()));
        assert_eq!(uses("f(n) = if n > 0 { f(n - 1) } else { 0 }")[2], ["f"]);
    }

    #[test]
    fn variables_of_comprehensions_stay_inside() {
        let [assigned, exposed, _] = uses("v = [i * k for i in xs if i > 0]");
        assert_eq!((assigned.join(" "), exposed.join(" ")), ("v".into(), "xs k".into()));
    }
}
