//! The rules for atoms: names, numbers, texts, brackets, `if`, `try`.
//!
//! In: the rules for expressions and blocks. Out: the rule for what operators stand between.

use std::rc::Rc;

use chumsky::prelude::*;
use chumsky::primitive::select;

use super::expr::{between, commas};
use super::params::patterns;
use super::wrong::Part;
use super::{Extra, Rule, State, name, node, tok};
use crate::base::{Fault, Span};
use crate::syntax::ast::*;
use crate::syntax::literal;
use crate::syntax::token::Token;

pub fn atom<'t>(expr: Rule<'t, Ast>, block: Rule<'t, Vec<Stmt>>) -> Rule<'t, Ast> {
    choice((
        leaf(),
        paren(expr.clone()),
        list(expr.clone()),
        text(expr.clone()),
        record(expr.clone()),
        condition(expr, block.clone()),
        attempt(block.clone()),
        block.map_with(|body, e| node(Kind::Block(body), e)),
    ))
    .labelled(Part::Expression)
    .boxed()
}

/// Names, numbers, constants, whole texts: one look at one token.
fn leaf<'t>() -> Rule<'t, Ast> {
    select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        let state: &mut State = e.state();
        let kind = match token {
            Token::Name => Kind::Name(state.intern(span)),
            Token::Number => number(state, span),
            Token::True => Kind::Bool(true),
            Token::False => Kind::Bool(false),
            Token::Nothing => Kind::None,
            Token::Text => Kind::Text(vec![Piece::Text(plain_text(state, span))]),
            Token::Hole => {
                state.holes.insert(span.start, span);
                Kind::Hole
            }
            _ => return None,
        };
        Some(state.node(kind, span))
    })
    .boxed()
}

fn number(state: &mut State, span: Span) -> Kind {
    match literal::number(state.text(span)) {
        Ok(kind) => {
            if matches!(kind, Kind::Int(i64::MIN)) {
                state.edges.insert(span.start, span);
            }
            kind
        }
        Err(words) => {
            let fault = Fault::syntax(words).at(span).label(span, "the largest is 9223372036854775807");
            let decimal = state.text(span).bytes().all(|b| b.is_ascii_digit() || b == b'_');
            let float = decimal.then(|| format!("write `{}.0` for a float", state.text(span)));
            state.faults.push(float.into_iter().fold(fault, Fault::hint));
            Kind::None
        }
    }
}

/// What a text without interpolation spells.
pub fn plain_text(state: &mut State, span: Span) -> Rc<str> {
    let body = Span { start: span.start + 1, end: (span.end - 1).max(span.start + 1), ..span };
    piece(state, body)
}

fn piece(state: &mut State, span: Span) -> Rc<str> {
    match literal::unescape(state.text(span)) {
        Ok(text) => text.into(),
        Err((at, len, words)) => {
            let start = span.start + at as u32;
            let at = Span { start, end: start + len as u32, ..span };
            state.faults.push(Fault::syntax(words).at(at).label(at, "not an escape"));
            "".into()
        }
    }
}

/// What stands in the braces of a format: `{x:{width}.{digits}f}`. A name each, or a field of one.
fn nested(state: &mut State, format: Span) -> Vec<Ast> {
    let text = state.text(format).to_string();
    let opens = text.match_indices('{').map(|(at, _)| at + 1);
    let inner = opens.map(|at| (at, text[at..].find(['}', '{']).map_or(text.len(), |len| at + len)));
    inner
        .map(|(from, to)| {
            filled(state, Span { start: format.start + from as u32, end: format.start + to as u32, ..format })
        })
        .collect()
}

fn filled(state: &mut State, span: Span) -> Ast {
    let is_name = |t: &str| {
        t.starts_with(|c: char| c.is_alphabetic() || c == '_') && t.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let text = state.text(span).to_string();
    if !text.split('.').all(is_name) {
        let fault = Fault::syntax(format!("the braces of a format hold a name, found `{text}`")).at(span);
        state.faults.push(fault.hint("give it a name before: width = …, then {x:{width}d}"));
        return state.node(Kind::None, span);
    }
    let mut end = span.start;
    let mut whole: Option<Ast> = None;
    for part in text.split('.') {
        let at = Span { start: end, end: end + part.len() as u32, ..span };
        end = at.end + 1;
        let kind = match whole {
            None => Kind::Name(state.intern(at)),
            Some(x) => Kind::Field { x: Box::new(x), name: state.name(at) },
        };
        whole = Some(state.node(kind, Span { end: at.end, ..span }));
    }
    whole.unwrap_or_else(|| state.node(Kind::None, span))
}

/// `"a {x:.3f} b"`.
fn text<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Ast> {
    let literal = tok(Token::TextPiece).map_with(|_, e: &mut Extra<'t, '_>| {
        let span = e.span();
        Piece::Text(piece(e.state(), span))
    });
    let format = select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        (token == Token::Format).then(|| {
            let state: &mut State = e.state();
            (Rc::<str>::from(state.text(span).trim_start_matches(':')), nested(state, span))
        })
    });
    let value = between(Token::InterpOpen, expr.then(format.or_not()), Token::InterpClose).map(|(value, format)| {
        let (format, nested) = format.unwrap_or_default();
        Piece::Value { value, format, nested }
    });
    between(Token::TextOpen, literal.or(value).repeated().collect(), Token::TextClose)
        .map_with(|pieces, e| node(Kind::Text(pieces), e))
        .boxed()
}

/// `(a)`, `(a, b)`, `(a,)`, `()`, `(...t, 4)`.
fn paren<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Ast> {
    let item = tok(Token::Rest).ignore_then(expr.clone()).map(Item::Spread).or(expr.map(Item::One)).boxed();
    let more = tok(Token::Comma).ignore_then(item.clone()).repeated().collect::<Vec<_>>();
    let items = item.then(more).then(tok(Token::Comma).or_not()).or_not();
    between(Token::ParenOpen, items, Token::ParenClose)
        .map_with(|items, e| {
            let kind = match items {
                None => Kind::Tuple(vec![]),
                Some(((Item::One(x), more), None)) if more.is_empty() => Kind::Paren(Box::new(x)),
                Some(((first, more), _)) => Kind::Tuple(std::iter::once(first).chain(more).collect()),
            };
            node(kind, e)
        })
        .boxed()
}

/// `[a, b]` and `[a for x in xs if c]`.
fn list<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Ast> {
    enum Rest {
        Clauses(Vec<Clause>),
        More(Vec<Ast>),
    }
    let each = tok(Token::For)
        .ignore_then(patterns())
        .then_ignore(tok(Token::In))
        .then(expr.clone())
        .map(|(mut patterns, iter)| {
            let pattern = if patterns.len() == 1 { patterns.remove(0) } else { tuple_of(patterns) };
            Clause::For { pattern, iter }
        })
        .boxed();
    let only = tok(Token::If).ignore_then(expr.clone()).map(Clause::If);
    let clauses = each.clone().then(each.or(only).repeated().collect::<Vec<_>>()).map(|(first, mut more)| {
        more.insert(0, first);
        Rest::Clauses(more)
    });
    let more = tok(Token::Comma).ignore_then(expr.clone()).repeated().collect().map(Rest::More);
    let inner = expr.then(clauses.or(more.then_ignore(tok(Token::Comma).or_not()))).or_not();
    between(Token::BracketOpen, inner, Token::BracketClose)
        .map_with(|inner, e| {
            let kind = match inner {
                None => Kind::List(vec![]),
                Some((body, Rest::Clauses(clauses))) => Kind::Comprehension { body: Box::new(body), clauses },
                Some((first, Rest::More(more))) => Kind::List(std::iter::once(first).chain(more).collect()),
            };
            node(kind, e)
        })
        .boxed()
}

fn tuple_of(patterns: Vec<Pattern>) -> Pattern {
    let span_of = |p: &Pattern| match p {
        Pattern::Name(name) => name.span,
        Pattern::Tuple(_, span) => *span,
    };
    let spans = patterns.iter().map(span_of);
    let span = spans.reduce(Span::to).unwrap_or_default();
    Pattern::Tuple(patterns, span)
}

/// `{}`, `{a: 1, "b": 2, ...p}`.
fn record<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Ast> {
    let key = select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        match token {
            Token::Name => Some(e.state().name(span)),
            Token::Text => Some(Name { text: plain_text(e.state(), span), span }),
            _ => None,
        }
    })
    .labelled(Part::Name);
    let field = key.then_ignore(tok(Token::Colon)).then(expr.clone()).map(|(name, value)| Entry::Field(name, value));
    let spread = tok(Token::Rest).ignore_then(expr).map(Entry::Spread);
    between(Token::RecordBrace, commas(field.or(spread)), Token::BraceClose)
        .map_with(|entries, e| node(Kind::Record(entries), e))
        .boxed()
}

/// `if a { b } else if c { d } else { e }`.
fn condition<'t>(expr: Rule<'t, Ast>, block: Rule<'t, Vec<Stmt>>) -> Rule<'t, Ast> {
    // The arms are read as a list and folded from the last: a chain of any length needs no recursion here.
    let arm = tok(Token::If).ignore_then(expr).then(block.clone()).map_with(|(c, b), e| (c, b, e.span()));
    let more = tok(Token::Else).ignore_then(arm.clone()).repeated().collect::<Vec<_>>();
    let last = tok(Token::Else).ignore_then(block.map_with(|b, e| node(Kind::Block(b), e))).or_not();
    arm.then(more)
        .then(last)
        .map_with(|((first, more), mut otherwise), e| {
            let end: Span = e.span();
            for (cond, then, span) in std::iter::once(first).chain(more).rev() {
                let kind = Kind::If { cond: Box::new(cond), then, otherwise: otherwise.take().map(Box::new) };
                otherwise = Some(e.state().node(kind, Span { end: end.end, ..span }));
            }
            // There is at least one arm, so the loop has set it.
            otherwise.unwrap_or(Ast { kind: Kind::None, span: end, depth: 1 })
        })
        .boxed()
}

/// `try { … } catch err { … }`.
fn attempt<'t>(block: Rule<'t, Vec<Stmt>>) -> Rule<'t, Ast> {
    tok(Token::Try)
        .ignore_then(block.clone())
        .then_ignore(tok(Token::Catch))
        .then(name().or_not())
        .then(block)
        .map_with(|((body, name), handler), e| node(Kind::Try { body, name, handler }, e))
        .boxed()
}
