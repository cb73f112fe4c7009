//! Expressions.

use std::rc::Rc;

use super::Resolver;
use super::function::Definition;
use super::scope::constant;
use crate::base::{Fault, Span, nearest};
use crate::lang::code::*;
use crate::lang::names;
use crate::lang::stack;
use crate::lang::uses::{NameSet, Uses, pattern_names};
use crate::lang::value::Value;
use crate::syntax::ast::{self, Ast, Kind};
use crate::syntax::operators;

impl Resolver<'_> {
    pub(super) fn expr(&mut self, e: &Ast) -> Code {
        let node = match &e.kind {
            Kind::Name(name) => return self.name(name, e.span),
            Kind::Int(i) => Node::Const(Value::Int(*i)),
            Kind::Float(x) => Node::Const(Value::Float(*x)),
            Kind::Bool(b) => Node::Const(Value::Bool(*b)),
            Kind::None => Node::Const(Value::None),
            Kind::Imaginary(_) => {
                self.fault(Fault::new("complex numbers are not there yet").at(e.span));
                Node::Const(Value::None)
            }
            Kind::Text(pieces) => self.text(pieces),
            Kind::List(items) => self.list(items),
            Kind::Comprehension { body, clauses } => self.comprehension(body, clauses),
            Kind::Tuple(items) => self.tuple(items),
            Kind::Record(entries) => self.record(entries),
            Kind::Paren(inner) => return Code { span: e.span, ..self.expr(inner) },
            Kind::Block(stmts) => Node::Block(Box::new(self.block(stmts))),
            Kind::If { cond, then, otherwise } => Node::If(Box::new(self.if_else(cond, then, otherwise.as_deref()))),
            Kind::Try { body, name, handler } => Node::Try(Box::new(self.try_catch(body, name.as_ref(), handler))),
            Kind::Lambda { params, body } => {
                Node::Lambda(self.lambda(Definition { name: "", params, body, result: None, docs: "" }, e.span))
            }
            Kind::Unary { op, x } => return self.unary(op.calls, x, e.span),
            Kind::Binary { op, a, b, .. } => {
                let (op, prim) = arith(op.calls);
                Node::Binary(Box::new(Binary::new(op, prim, self.expr(a), self.expr(b))))
            }
            Kind::Compare { first, rest } => {
                let first = self.expr(first);
                let rest = rest.iter().map(|(op, _, e)| (relation(op.calls), self.expr(e))).collect();
                Node::Compare(Box::new(Compare { first, rest }))
            }
            Kind::And(a, b) => Node::And(Box::new((self.expr(a), self.expr(b)))),
            Kind::Or(a, b) => Node::Or(Box::new((self.expr(a), self.expr(b)))),
            Kind::Range { start, end, inclusive, by } => Node::Range(Box::new(RangeCode {
                start: self.expr(start),
                end: self.expr(end),
                inclusive: *inclusive,
                by: by.as_ref().map(|e| self.expr(e)),
            })),
            Kind::Call { f, args } => return self.call(f, args, None, e.span),
            Kind::Method { x, name, args } => return self.method(x, name, args, None, e.span),
            Kind::Field { x, name } => return self.field(x, name, e.span),
            Kind::Index { x, items } => Node::Index(Box::new(Index { x: self.expr(x), items: self.subscripts(items) })),
            Kind::Pipe { x, into } => return self.pipe(x, into, e.span),
            Kind::Hole => match self.holes.last() {
                Some(&slot) => Node::Local(slot, Rc::new(Named { name: "_".into(), outer: None })),
                None => {
                    let fault = Fault::syntax("`_` stands for the value that a pipe brings; there is none here");
                    self.fault(fault.at(e.span).hint("x |> f(2, _) is f(2, x)"));
                    Node::Const(Value::None)
                }
            },
        };
        Code::new(node, e.span)
    }

    fn text(&mut self, pieces: &[ast::Piece]) -> Node {
        if let [ast::Piece::Text(t)] = pieces {
            return Node::Const(Value::text(&**t));
        }
        if pieces.is_empty() {
            return Node::Const(Value::text(""));
        }
        let piece = |p: &ast::Piece| match p {
            ast::Piece::Text(t) => Piece::Text(t.clone()),
            ast::Piece::Value { value, format, nested } => {
                Piece::Value(self.expr(value), format.clone(), nested.iter().map(|e| self.expr(e)).collect())
            }
        };
        Node::Text(pieces.iter().map(piece).collect())
    }

    /// A list of constants is built here, once.
    fn list(&mut self, items: &[Ast]) -> Node {
        let items: Box<[Code]> = items.iter().map(|e| self.expr(e)).collect();
        let constants: Option<Vec<Value>> = items.iter().map(|c| constant(c).cloned()).collect();
        match constants.map(|values| stack::stack(&values)) {
            Some(Ok(array)) => Node::Const(array),
            _ => Node::List(items),
        }
    }

    fn tuple(&mut self, items: &[ast::Item]) -> Node {
        let item = |item: &ast::Item| match item {
            ast::Item::One(e) => Item { spread: false, code: self.expr(e) },
            ast::Item::Spread(e) => Item { spread: true, code: self.expr(e) },
        };
        let items: Box<[Item]> = items.iter().map(item).collect();
        let constants = items.iter().map(|i| if i.spread { None } else { constant(&i.code).cloned() });
        match constants.collect::<Option<Vec<Value>>>() {
            Some(values) => Node::Const(Value::tuple(values)),
            None => Node::Tuple(items),
        }
    }

    fn record(&mut self, entries: &[ast::Entry]) -> Node {
        let entry = |entry: &ast::Entry| match entry {
            ast::Entry::Field(name, e) => Entry::Field(name.text.clone(), self.expr(e)),
            ast::Entry::Spread(e) => Entry::Spread(self.expr(e)),
        };
        Node::Record(entries.iter().map(entry).collect())
    }

    /// Negative numbers are constants.
    fn unary(&mut self, calls: &str, x: &Ast, span: Span) -> Code {
        let x = self.expr(x);
        let op = match calls {
            "positive" => UnaryOp::Plus,
            "negative" => UnaryOp::Minus,
            "not" => UnaryOp::Not,
            _ => UnaryOp::Invert,
        };
        let node = match (op, &x.node) {
            (UnaryOp::Minus, Node::Const(Value::Int(i))) if *i != i64::MIN => Node::Const(Value::Int(-i)),
            (UnaryOp::Minus, Node::Const(Value::Float(f))) => Node::Const(Value::Float(-f)),
            _ => {
                let prim = match op {
                    UnaryOp::Minus => crate::ops::find("negative"),
                    UnaryOp::Invert => crate::ops::find("bitwise_invert"),
                    _ => None,
                };
                Node::Unary(Box::new(Unary { op, prim, x }))
            }
        };
        Code::new(node, span)
    }

    pub(super) fn subscripts(&mut self, items: &[ast::Subscript]) -> Box<[Subscript]> {
        let mut out = vec![];
        for item in items {
            out.push(match item {
                ast::Subscript::At(e) => Subscript::At(self.expr(e)),
                ast::Subscript::Slice { start, stop, step, span } => Subscript::Slice {
                    start: start.as_ref().map(|e| self.expr(e)),
                    stop: stop.as_ref().map(|e| self.expr(e)),
                    step: step.as_ref().map(|e| self.expr(e)),
                    span: *span,
                },
                ast::Subscript::Rest(span) => Subscript::Rest(*span),
            });
        }
        out.into()
    }

    /// The variables live in slots of their own and are gone afterwards.
    fn comprehension(&mut self, body: &Ast, clauses: &[ast::Clause]) -> Node {
        let shared = shared_inside(body, clauses);
        let depth = self.scope().hiding.len();
        let mut out = vec![];
        for clause in clauses {
            out.push(match clause {
                ast::Clause::If(cond) => Clause::If(self.expr(cond)),
                ast::Clause::For { pattern, iter } => {
                    let iter = self.expr(iter);
                    let mut names = vec![];
                    pattern_names(pattern, &mut names);
                    let (_, fresh) = self.hide_all(&names, &shared);
                    Clause::For { target: self.pattern(pattern), iter, fresh: fresh.into() }
                }
            });
        }
        let body = self.expr(body);
        self.scope().hiding.truncate(depth);
        Node::Comprehension(Box::new(Comprehension { clauses: out.into(), body }))
    }

    pub(super) fn pattern(&mut self, pattern: &ast::Pattern) -> Target {
        match pattern {
            ast::Pattern::Name(name) => Target::Slot(self.slot(&name.text)),
            ast::Pattern::Tuple(parts, span) => Target::Tuple(parts.iter().map(|p| self.pattern(p)).collect(), *span),
        }
    }

    /// `first` is what a pipe puts before the arguments.
    fn call(&mut self, f: &Ast, args: &[ast::Arg], first: Option<Code>, span: Span) -> Code {
        if let Kind::Name(name) = &f.kind
            && let Some(kind) = super::form::kind(name)
            && !self.is_users(name)
        {
            return self.form(kind, name, args, first, span);
        }
        let f = self.expr(f);
        let args = self.args(args, first);
        let plain = args.iter().all(|a| matches!(a, Arg::One(_)));
        Code::new(Node::Call(Box::new(Call { f, args, plain })), span)
    }

    pub(super) fn args(&mut self, args: &[ast::Arg], first: Option<Code>) -> Box<[Arg]> {
        let mut out: Vec<Arg> = first.map(Arg::One).into_iter().collect();
        for arg in args {
            out.push(match arg {
                ast::Arg::One(e) => Arg::One(self.expr(e)),
                ast::Arg::Named(name, e) => Arg::Named(name.text.clone(), name.span, self.expr(e)),
                ast::Arg::Spread(e) => Arg::Spread(self.expr(e)),
            });
        }
        out.into()
    }

    fn method(&mut self, x: &Ast, name: &ast::Name, args: &[ast::Arg], first: Option<Code>, span: Span) -> Code {
        if let Some(fault) = self.foreign(x, name) {
            self.fault(fault);
            return self.nothing(span);
        }
        let x = self.owner(x, name);
        // A name that nothing defines may still be a field; that shows when x is known.
        let f = match self.variable(&name.text, name.span) {
            Some(code) => code,
            None => self.global(&name.text, name.span),
        };
        let args = self.args(args, first);
        let method = Method { x, name: name.text.clone(), name_span: name.span, f: Some(f), args };
        Code::new(Node::Method(Box::new(method)), span)
    }

    fn field(&mut self, x: &Ast, name: &ast::Name, span: Span) -> Code {
        if let Some(fault) = self.foreign(x, name).or_else(|| self.bare_exponent(x, name, span)) {
            self.fault(fault);
            return self.nothing(span);
        }
        Code::new(Node::Field(Box::new(self.owner(x, name)), name.text.clone()), span)
    }

    /// What stands before `.name`. Where nothing defines it, a name that only models and optimizers of other libraries
    /// have says best what is meant: `loss.backward()`.
    fn owner(&mut self, x: &Ast, name: &ast::Name) -> Code {
        let before = self.faults.len();
        let code = self.expr(x);
        if let (Kind::Name(_), Some(advice)) = (&x.kind, names::advice(&name.text))
            && matches!(&*name.text, "backward" | "zero_grad" | "step" | "parameters")
            && let Some(fault) = self.faults.get_mut(before)
        {
            fault.hints = vec![advice.into()];
        }
        code
    }

    /// `1.e3`: a float, elsewhere.
    fn bare_exponent(&mut self, x: &Ast, name: &ast::Name, span: Span) -> Option<Fault> {
        let Kind::Int(i) = x.kind else { return None };
        let digits = name.text.strip_prefix(['e', 'E'])?;
        digits.chars().all(|c| c.is_ascii_digit()).then(|| {
            // Of `1.e-3` the rest is another token.
            let digits = if digits.is_empty() { "-3" } else { digits };
            let fault = Fault::syntax(format!("`{i}.{}` is no number", name.text)).at(span);
            fault.label(span, "a digit follows the point").hint(format!("write `{i}.0e{digits}`"))
        })
    }

    /// `np.sum`
    fn foreign(&mut self, x: &Ast, name: &ast::Name) -> Option<Fault> {
        let root = library_of(x);
        let Kind::Name(library) = &root.kind else { return None };
        if !names::is_foreign_library(library) || self.is_users(library) {
            return None;
        }
        let fault = Fault::new(format!("unknown name `{library}`: functions need no module here")).at(root.span);
        if let Kind::Field { name: space, .. } = &x.kind {
            let full = format!("{}.{}", space.text, name.text);
            if self.interp.library.find(&full) != NONE {
                return Some(fault.hint(format!("write `{full}`")));
            }
        }
        if let Some(advice) = names::advice(&name.text) {
            return Some(fault.hint(advice));
        }
        if self.interp.library.find(&name.text) != NONE || self.is_users(&name.text) {
            return Some(fault.hint(format!("write `{}`", name.text)));
        }
        let mut known: Vec<&str> = names::house_names().collect();
        known.sort_unstable();
        if let Some(full) = known.iter().find(|n| n.split_once('.').is_some_and(|(_, rest)| rest == &*name.text)) {
            return Some(fault.hint(format!("write `{full}`")));
        }
        Some(match nearest(&name.text, known) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        })
    }

    /// A call takes the value as its first argument, or where `_` stands; anything else is called with it.
    fn pipe(&mut self, x: &Ast, into: &Ast, span: Span) -> Code {
        let args = match &into.kind {
            Kind::Call { args, .. } | Kind::Method { args, .. } => args,
            _ => {
                if let Kind::Name(name) = &into.kind
                    && let Some(kind) = super::form::kind(name)
                    && !self.is_users(name)
                {
                    let x = self.expr(x);
                    return self.form(kind, name, &[], Some(x), span);
                }
                let x = self.expr(x);
                let f = self.expr(into);
                return Code::new(Node::Call(Box::new(Call { f, args: [Arg::One(x)].into(), plain: true })), span);
            }
        };
        let x = self.expr(x);
        if !args.iter().any(has_hole) {
            return self.piped(into, Some(x), span);
        }
        let slot = self.scope().local();
        self.holes.push(slot);
        let call = self.piped(into, None, span);
        self.holes.pop();
        Code::new(Node::Let(Box::new((slot, x, call))), span)
    }

    fn piped(&mut self, into: &Ast, first: Option<Code>, span: Span) -> Code {
        match &into.kind {
            Kind::Call { f, args } => self.call(f, args, first, span),
            Kind::Method { x, name, args } => self.method(x, name, args, first, span),
            _ => self.expr(into),
        }
    }
}

/// `np` of `np.random.randn`.
fn library_of(mut x: &Ast) -> &Ast {
    while let Kind::Field { x: inner, .. } = &x.kind {
        x = inner;
    }
    x
}

fn has_hole(arg: &ast::Arg) -> bool {
    let (ast::Arg::One(e) | ast::Arg::Named(_, e) | ast::Arg::Spread(e)) = arg;
    mentions_hole(e)
}

/// `_` anywhere in it, but for pipes inside, whose `_` is their own.
fn mentions_hole(e: &Ast) -> bool {
    match &e.kind {
        Kind::Hole => true,
        Kind::Pipe { x, .. } => mentions_hole(x),
        kind => {
            let mut found = false;
            ast::each_child(kind, &mut |child| found |= mentions_hole(child));
            found
        }
    }
}

/// The names that functions inside a comprehension reach.
fn shared_inside(body: &Ast, clauses: &[ast::Clause]) -> NameSet {
    let mut uses = Uses::default();
    for clause in clauses {
        match clause {
            ast::Clause::For { iter, .. } => uses.expr(iter),
            ast::Clause::If(cond) => uses.expr(cond),
        }
    }
    uses.expr(body);
    uses.inner
}

/// What an operator does with numbers, and the primitive that does it with arrays.
pub fn arith(calls: &str) -> (BinaryOp, &'static crate::graph::Prim) {
    let op = match calls {
        "add" => BinaryOp::Add,
        "subtract" => BinaryOp::Sub,
        "multiply" => BinaryOp::Mul,
        "divide" => BinaryOp::Div,
        "floor_divide" => BinaryOp::Floor,
        "remainder" => BinaryOp::Rem,
        "pow" => BinaryOp::Pow,
        "bitwise_and" => BinaryOp::And,
        "bitwise_or" => BinaryOp::Or,
        "bitwise_xor" => BinaryOp::Xor,
        "bitwise_left_shift" => BinaryOp::Left,
        "bitwise_right_shift" => BinaryOp::Right,
        _ => BinaryOp::Other,
    };
    let prim = crate::ops::find(calls);
    debug_assert!(prim.is_some(), "operator {calls} names a primitive");
    (op, prim.unwrap_or(&crate::ops::arith::add::PRIM))
}

fn relation(calls: &str) -> Relation {
    match calls {
        "equal" => Relation::Equal,
        "not_equal" => Relation::NotEqual,
        "less" => Relation::Less,
        "less_equal" => Relation::LessEqual,
        "greater" => Relation::Greater,
        "greater_equal" => Relation::GreaterEqual,
        "not_in" => Relation::NotIn,
        _ => Relation::In,
    }
}

/// Every operator between operands calls a primitive that exists.
pub fn operators_have_primitives() -> Result<(), String> {
    let relations = ["in", "not_in", "not", "positive", "invert", ""];
    match operators().iter().find(|o| !relations.contains(&o.calls) && crate::ops::find(o.calls).is_none()) {
        Some(o) => Err(format!("{} calls {}", o.glyph, o.calls)),
        None => Ok(()),
    }
}
