//! The rules for statements and programs.
//!
//! In: the rule for expressions. Out: the rule for programs. A statement that goes wrong is skipped up to its end, so
//! that the next one is still read and several faults are reported.

use chumsky::prelude::*;
use chumsky::primitive::select;
use std::rc::Rc;

use super::atom::plain_text;
use super::expr::expression;
use super::params::{annotation, params, patterns};
use super::target::{self, Write};
use super::wrong::Part;
use super::{Extra, Rule, State, name, node, tok};
use crate::base::{Fault, Span};
use crate::syntax::ast::*;
use crate::syntax::token::{Operator, Token};

pub fn program<'t>() -> Rule<'t, Vec<Stmt>> {
    recursive(|statements| {
        let block =
            statements.delimited_by(tok(Token::BraceOpen).labelled(Part::Block), tok(Token::BraceClose)).boxed();
        let expr = expression(block.clone());
        list(statement(expr, block))
    })
    .then_ignore(end())
    .boxed()
}

/// Statements and what separates them. One that is wrong becomes nothing; its fault stays.
fn list<'t>(statement: Rule<'t, Stmt>) -> Rule<'t, Vec<Stmt>> {
    let sep = tok(Token::Sep);
    let ended = choice((sep.ignored(), tok(Token::BraceClose).ignored(), end())).rewind().labelled(Part::End);
    statement
        .then_ignore(ended)
        .map(Some)
        .recover_with(via_parser(skip().map(|()| None)))
        .separated_by(sep.repeated().at_least(1))
        .allow_leading()
        .allow_trailing()
        .collect::<Vec<_>>()
        .map(|all| all.into_iter().flatten().collect())
        .boxed()
}

/// The rest of a statement, brackets and what they hold included; `layout` has matched them.
fn skip<'t>() -> Rule<'t, ()> {
    let plain = |inside: bool| {
        select(move |token: Token, _: &mut Extra<'t, '_>| {
            (!token.opens() && !token.closes() && (inside || token != Token::Sep)).then_some(())
        })
    };
    let group = recursive(|group| {
        let open = select(|token: Token, _: &mut Extra<'t, '_>| token.opens().then_some(()));
        let close = select(|token: Token, _: &mut Extra<'t, '_>| token.closes().then_some(()));
        group.or(plain(true)).repeated().delimited_by(open, close)
    })
    .boxed();
    group.or(plain(false)).repeated().at_least(1).boxed()
}

fn statement<'t>(expr: Rule<'t, Ast>, block: Rule<'t, Vec<Stmt>>) -> Rule<'t, Stmt> {
    let values = expressions(expr.clone());
    choice((
        definition(expr.clone(), values.clone()),
        function(expr.clone(), block.clone()),
        each(expr.clone(), block.clone()),
        tok(Token::While)
            .ignore_then(expr.clone())
            .then(block)
            .map(|(cond, body)| StmtKind::While { cond, body })
            .boxed(),
        tok(Token::Return).ignore_then(values.clone().or_not()).map(StmtKind::Return).boxed(),
        tok(Token::Break).to(()).map(|_| StmtKind::Break),
        tok(Token::Continue).to(()).map(|_| StmtKind::Continue),
        assert(expr),
        import(),
        from(),
        unpack(values.clone()),
        simple(values),
    ))
    .map_with(|kind, e| Stmt { kind, span: e.span() })
    .labelled(Part::Statement)
    .boxed()
}

/// `a` or `a, b` without parentheses. No trailing comma: it would go on in the next line.
fn expressions<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Ast> {
    let more = tok(Token::Comma).ignore_then(expr.clone()).repeated().collect::<Vec<_>>();
    expr.then(more)
        .map_with(|(first, more), e| match more.is_empty() {
            true => first,
            false => node(Kind::Tuple(std::iter::once(first).chain(more).map(Item::One).collect()), e),
        })
        .boxed()
}

fn define(name: Name, params: Vec<Param>, result: Option<Annotation>, body: Ast, e: &mut Extra) -> StmtKind {
    let span: Span = e.span();
    let docs = e.state().docs.get(&span.start).cloned().unwrap_or_default();
    StmtKind::Define(Rc::new(Definition { name, params, result, body: Rc::new(body), docs, span }))
}

fn in_parens<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Vec<Param>> {
    params(expr).delimited_by(tok(Token::ParenOpen), tok(Token::ParenClose)).boxed()
}

/// `f(x, y=2) = x^2 + y`.
fn definition<'t>(expr: Rule<'t, Ast>, values: Rule<'t, Ast>) -> Rule<'t, StmtKind> {
    let name = select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        (token == Token::DefineName).then(|| e.state().name(span))
    })
    .labelled(Part::Expression);
    name.then(in_parens(expr))
        .then_ignore(tok(Token::Assign))
        .then(values)
        .map_with(|((name, params), body), e| define(name, params, None, body, e))
        .boxed()
}

/// `fn f(x: f32[n]) -> f32 { … }`.
fn function<'t>(expr: Rule<'t, Ast>, block: Rule<'t, Vec<Stmt>>) -> Rule<'t, StmtKind> {
    let result = tok(Token::Arrow).ignore_then(annotation()).or_not();
    let body = block.map_with(|body, e| node(Kind::Block(body), e));
    tok(Token::Fn)
        .ignore_then(name())
        .then(in_parens(expr))
        .then(result)
        .then(body)
        .map_with(|(((name, params), result), body), e| define(name, params, result, body, e))
        .boxed()
}

fn each<'t>(expr: Rule<'t, Ast>, block: Rule<'t, Vec<Stmt>>) -> Rule<'t, StmtKind> {
    tok(Token::For)
        .ignore_then(patterns())
        .then_ignore(tok(Token::In))
        .then(expr)
        .then(block)
        .map(|((patterns, iter), body)| StmtKind::For { patterns, iter, body })
        .boxed()
}

fn assert<'t>(expr: Rule<'t, Ast>) -> Rule<'t, StmtKind> {
    tok(Token::Assert)
        .ignore_then(expr.clone())
        .then(tok(Token::Comma).ignore_then(expr).or_not())
        .map(|(cond, message)| StmtKind::Assert { cond, message })
        .boxed()
}

fn path<'t>() -> Rule<'t, (Rc<str>, Span)> {
    select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        (token == Token::Text).then(|| (plain_text(e.state(), span), span))
    })
    .labelled(Part::Path)
    .boxed()
}

fn import<'t>() -> Rule<'t, StmtKind> {
    tok(Token::Import)
        .ignore_then(path())
        .then(tok(Token::As).ignore_then(name()).or_not())
        .map(|((path, path_span), alias)| StmtKind::Import { path, path_span, alias })
        .boxed()
}

fn from<'t>() -> Rule<'t, StmtKind> {
    tok(Token::From)
        .ignore_then(path())
        .then_ignore(tok(Token::Import))
        .then(name().separated_by(tok(Token::Comma)).at_least(1).collect())
        .map(|((path, path_span), names)| StmtKind::From { path, path_span, names })
        .boxed()
}

/// `{w, b} = p`.
fn unpack<'t>(values: Rule<'t, Ast>) -> Rule<'t, StmtKind> {
    let names = name().separated_by(tok(Token::Comma)).allow_trailing().at_least(1).collect();
    let target = names
        .delimited_by(tok(Token::UnpackBrace), tok(Token::BraceClose))
        .map_with(|names, e| Target::Record(names, e.span()));
    target
        .labelled(Part::Expression)
        .then_ignore(tok(Token::Assign))
        .then(values)
        .map(|(target, value)| StmtKind::Assign { target, value })
        .boxed()
}

/// `x <- 3`: an assignment of other languages, here a comparison with -3 that nobody wants as a statement.
fn refuse_arrow(x: &Ast, state: &mut State) {
    let Kind::Compare { first, rest } = &x.kind else { return };
    let [(Operator { token: Token::Less, .. }, less, value)] = &rest[..] else { return };
    let place = matches!(first.kind, Kind::Name(_) | Kind::Index { .. } | Kind::Field { .. });
    let text = state.text(value.span);
    let Some(meant) = text.strip_prefix('-').filter(|t| t.starts_with([' ', '\t'])).map(str::trim) else { return };
    if !place || less.end != value.span.start {
        return;
    }
    let (name, arrow) = (state.text(first.span), Span { end: less.end + 1, ..*less });
    let fault = Fault::syntax("`<-` does not assign").at(arrow).label(arrow, "reads as `< -`");
    let fault = fault.hint(format!("write `{name} = {meant}`; a comparison is `{name} < -{meant}`"));
    state.faults.push(fault);
}

/// Expressions, and assignments to what reads like some: which of the two is known at the `=`.
fn simple<'t>(values: Rule<'t, Ast>) -> Rule<'t, StmtKind> {
    let update = select(|token: Token, e: &mut Extra<'t, '_>| token.update().map(|op| Write::Update(op, e.span())));
    let set = tok(Token::Assign).to(()).map(|_| Write::Set);
    let write = set.or(update.labelled(Part::Operator)).then(values.clone());
    values
        .then(write.or_not())
        .map_with(|(x, write), e| match write {
            None => {
                refuse_arrow(&x, e.state());
                StmtKind::Expr(x)
            }
            Some((write, value)) => target::write(x, write, value, e.state()),
        })
        .boxed()
}
