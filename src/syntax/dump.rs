//! A tree as one line per statement of nested parentheses, without spans: two texts mean the same to the parser if
//! their dumps are equal.
//!
//! In: a program. Out: text for tests. Recursive: give it a large stack for trees near `DEPTH`.

use std::fmt::Write;

use super::ast::*;

/// `x = 1 + 2` is `(= x (+ 1 2))`.
pub fn dump(program: &Program) -> String {
    let mut out = Dump(String::new());
    for stmt in &program.body {
        out.stmt(stmt);
        out.0.push('\n');
    }
    out.0
}

struct Dump(String);

impl Dump {
    fn put(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// `(head a b …)`.
    fn list(&mut self, head: &str, parts: impl FnOnce(&mut Dump)) {
        self.put("(");
        self.put(head);
        parts(self);
        self.put(")");
    }

    fn word(&mut self, text: &str) {
        if !self.0.ends_with(['(', '{']) {
            self.put(" ");
        }
        self.put(text);
    }

    fn quoted(&mut self, text: &str) {
        // Infallible: a String takes everything.
        let _ = write!(self.0, " {text:?}");
    }

    fn block(&mut self, body: &[Stmt]) {
        self.put(" {");
        for (i, stmt) in body.iter().enumerate() {
            if i > 0 {
                self.put("; ");
            }
            self.stmt(stmt);
        }
        self.put("}");
    }

    fn expr(&mut self, x: &Ast) {
        if !self.0.ends_with(['{', '\n']) && !self.0.ends_with("; ") && !self.0.is_empty() {
            self.put(" ");
        }
        match &x.kind {
            Kind::Name(name) => self.put(name),
            Kind::Int(n) => self.put(&n.to_string()),
            Kind::Float(x) => self.put(&format!("{x:?}")),
            Kind::Imaginary(x) => self.put(&format!("{x:?}i")),
            Kind::Bool(b) => self.put(&b.to_string()),
            Kind::None => self.put("none"),
            Kind::Hole => self.put("_"),
            Kind::Text(pieces) => self.text(pieces),
            Kind::List(items) => self.list("list", |d| items.iter().for_each(|x| d.expr(x))),
            Kind::Comprehension { body, clauses } => self.list("each", |d| {
                d.expr(body);
                clauses.iter().for_each(|c| d.clause(c));
            }),
            Kind::Tuple(items) => self.list("tuple", |d| items.iter().for_each(|item| d.item(item))),
            Kind::Record(entries) => self.list("record", |d| entries.iter().for_each(|e| d.entry(e))),
            Kind::Paren(x) => self.list("paren", |d| d.expr(x)),
            Kind::Block(body) => self.list("block", |d| d.block(body)),
            Kind::If { cond, then, otherwise } => self.list("if", |d| {
                d.expr(cond);
                d.block(then);
                otherwise.iter().for_each(|x| d.expr(x));
            }),
            Kind::Try { body, name, handler } => self.list("try", |d| {
                d.block(body);
                name.iter().for_each(|n| d.word(&n.text));
                d.block(handler);
            }),
            Kind::Lambda { params, body } => self.list("->", |d| {
                d.params(params);
                d.expr(body);
            }),
            Kind::Unary { op, x } => self.list(op.glyph, |d| d.expr(x)),
            Kind::Binary { op, a, b, .. } => self.pair(op.glyph, a, b),
            Kind::And(a, b) => self.pair("and", a, b),
            Kind::Or(a, b) => self.pair("or", a, b),
            Kind::Pipe { x, into } => self.pair("|>", x, into),
            Kind::Compare { first, rest } => self.list("compare", |d| {
                d.expr(first);
                for (op, _, x) in rest {
                    d.word(op.glyph);
                    d.expr(x);
                }
            }),
            Kind::Range { start, end, inclusive, by } => self.list(if *inclusive { "..=" } else { ".." }, |d| {
                d.expr(start);
                d.expr(end);
                by.iter().for_each(|x| d.expr(x));
            }),
            Kind::Call { f, args } => self.list("call", |d| {
                d.expr(f);
                args.iter().for_each(|a| d.arg(a));
            }),
            Kind::Method { x, name, args } => self.list("method", |d| {
                d.expr(x);
                d.word(&name.text);
                args.iter().for_each(|a| d.arg(a));
            }),
            Kind::Field { x, name } => self.list("field", |d| {
                d.expr(x);
                d.word(&name.text);
            }),
            Kind::Index { x, items } => self.list("index", |d| {
                d.expr(x);
                items.iter().for_each(|item| d.subscript(item));
            }),
        }
    }

    fn pair(&mut self, head: &str, a: &Ast, b: &Ast) {
        self.list(head, |d| {
            d.expr(a);
            d.expr(b);
        });
    }

    fn text(&mut self, pieces: &[Piece]) {
        self.list("text", |d| {
            for piece in pieces {
                match piece {
                    Piece::Text(text) => d.quoted(text),
                    Piece::Value { value, format, .. } => {
                        d.expr(value);
                        if !format.is_empty() {
                            d.word(":");
                            d.quoted(format);
                        }
                    }
                }
            }
        });
    }

    fn clause(&mut self, clause: &Clause) {
        match clause {
            Clause::For { pattern, iter } => {
                self.word("for");
                self.pattern(pattern);
                self.expr(iter);
            }
            Clause::If(cond) => {
                self.word("if");
                self.expr(cond);
            }
        }
    }

    fn spread(&mut self, x: &Ast) {
        self.word("(...");
        self.expr(x);
        self.put(")");
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::One(x) => self.expr(x),
            Item::Spread(x) => self.spread(x),
        }
    }

    fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Field(name, x) => {
                self.quoted(&name.text);
                self.expr(x);
            }
            Entry::Spread(x) => self.spread(x),
        }
    }

    fn arg(&mut self, arg: &Arg) {
        match arg {
            Arg::One(x) => self.expr(x),
            Arg::Named(name, x) => {
                self.word(&format!("{}=", name.text));
                self.expr(x);
            }
            Arg::Spread(x) => self.spread(x),
        }
    }

    fn subscript(&mut self, item: &Subscript) {
        match item {
            Subscript::At(x) => self.expr(x),
            Subscript::Rest(_) => self.word("..."),
            Subscript::Slice { start, stop, step, .. } => {
                self.word("(:");
                for part in [start, stop, step] {
                    match part {
                        Some(x) => self.expr(x),
                        None => self.word("-"),
                    }
                }
                self.put(")");
            }
        }
    }

    fn params(&mut self, params: &[Param]) {
        self.word("(");
        for param in params {
            if param.rest {
                self.word("*");
            }
            self.pattern(&param.pattern);
            if let Some(annotation) = &param.annotation {
                self.annotation(annotation);
            }
            if let Some(default) = &param.default {
                self.word("=");
                self.expr(default);
            }
        }
        self.put(")");
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match pattern {
            Pattern::Name(name) => self.word(&name.text),
            Pattern::Tuple(parts, _) => {
                self.word("(");
                parts.iter().for_each(|p| self.pattern(p));
                self.put(")");
            }
        }
    }

    fn annotation(&mut self, annotation: &Annotation) {
        self.put(":");
        self.put(&annotation.dtype.text);
        let Some(axes) = &annotation.axes else { return };
        let words: Vec<String> = axes
            .iter()
            .map(|axis| match axis {
                AxisSize::Fixed(n, _) => n.to_string(),
                AxisSize::Named(name) => name.text.to_string(),
                AxisSize::Any(_) => "_".into(),
                AxisSize::Rest(_) => "...".into(),
            })
            .collect();
        self.put(&format!("[{}]", words.join(",")));
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.word(&name.text),
            Target::Tuple(parts, _) => {
                self.word("(");
                parts.iter().for_each(|p| self.target(p));
                self.put(")");
            }
            Target::Record(names, _) => {
                self.word("{");
                names.iter().for_each(|n| self.word(&n.text));
                self.put("}");
            }
            Target::Place { root, path, .. } => {
                self.word("(at");
                self.word(&root.text);
                for step in path {
                    match step {
                        Step::Field(name) => self.word(&format!(".{}", name.text)),
                        Step::Index(items, _) => {
                            self.word("[");
                            items.iter().for_each(|item| self.subscript(item));
                            self.put("]");
                        }
                    }
                }
                self.put(")");
            }
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Expr(x) => self.expr(x),
            StmtKind::Assign { target, value } => self.list("=", |d| {
                d.target(target);
                d.expr(value);
            }),
            StmtKind::Update { target, op, value, .. } => self.list(&format!("{}=", op.glyph), |d| {
                d.target(target);
                d.expr(value);
            }),
            StmtKind::Define(definition) => self.define(definition),
            StmtKind::For { patterns, iter, body } => self.list("for", |d| {
                patterns.iter().for_each(|p| d.pattern(p));
                d.expr(iter);
                d.block(body);
            }),
            StmtKind::While { cond, body } => self.list("while", |d| {
                d.expr(cond);
                d.block(body);
            }),
            StmtKind::Return(x) => self.list("return", |d| x.iter().for_each(|x| d.expr(x))),
            StmtKind::Break => self.put("break"),
            StmtKind::Continue => self.put("continue"),
            StmtKind::Assert { cond, message } => self.list("assert", |d| {
                d.expr(cond);
                message.iter().for_each(|x| d.expr(x));
            }),
            StmtKind::Import { path, alias, .. } => self.list("import", |d| {
                d.quoted(path);
                alias.iter().for_each(|n| d.word(&n.text));
            }),
            StmtKind::From { path, names, .. } => self.list("from", |d| {
                d.quoted(path);
                names.iter().for_each(|n| d.word(&n.text));
            }),
        }
    }

    fn define(&mut self, definition: &Definition) {
        self.list("define", |d| {
            d.word(&definition.name.text);
            d.params(&definition.params);
            if let Some(result) = &definition.result {
                d.annotation(result);
            }
            if !definition.docs.is_empty() {
                d.quoted(&definition.docs);
            }
            d.expr(&definition.body);
        });
    }
}
