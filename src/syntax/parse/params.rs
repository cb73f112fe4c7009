//! The rules for what names values: parameters, patterns and annotations.
//!
//! In: the rule for expressions (defaults). Out: rules for definitions, functions and loops.

use chumsky::prelude::*;
use chumsky::primitive::select;

use super::expr::{between, commas};
use super::wrong::Part;
use super::{Extra, Rule, State, name, tok};
use crate::base::{Fault, Span};
use crate::syntax::ast::*;
use crate::syntax::literal;
use crate::syntax::token::Token;

pub fn params<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Vec<Param>> {
    let rest = tok(Token::Star).ignore_then(name()).map_with(|name, e| Param {
        pattern: Pattern::Name(name),
        default: None,
        annotation: None,
        rest: true,
        span: e.span(),
    });
    let annotation = tok(Token::Colon).ignore_then(annotation()).or_not();
    let default = tok(Token::Assign).ignore_then(expr).or_not();
    let plain = pattern().then(annotation).then(default).map_with(|((pattern, annotation), default), e| Param {
        pattern,
        default,
        annotation,
        rest: false,
        span: e.span(),
    });
    commas(rest.or(plain).labelled(Part::Param))
}

/// A name, `_`, or `(a, (b, c))`.
pub fn pattern<'t>() -> Rule<'t, Pattern> {
    recursive(|pattern| {
        let name = select(|token, e: &mut Extra<'t, '_>| {
            let span = e.span();
            matches!(token, Token::Name | Token::Hole | Token::ArgName).then(|| Pattern::Name(e.state().name(span)))
        });
        let more = tok(Token::Comma).ignore_then(pattern.clone()).repeated().collect::<Vec<_>>();
        let inside = pattern.then(more).then(tok(Token::Comma).or_not());
        let tuple = between(Token::ParenOpen, inside, Token::ParenClose).map_with(|((first, mut more), comma), e| {
            if more.is_empty() && comma.is_none() {
                return first;
            }
            more.insert(0, first);
            Pattern::Tuple(more, e.span())
        });
        name.or(tuple).labelled(Part::Pattern).boxed()
    })
    .boxed()
}

/// `i`, or `i, (a, b)` without parentheses.
pub fn patterns<'t>() -> Rule<'t, Vec<Pattern>> {
    pattern().separated_by(tok(Token::Comma)).at_least(1).collect().boxed()
}

/// `f32[batch, 784]`, `f32`, `_[...]`.
pub fn annotation<'t>() -> Rule<'t, Annotation> {
    let dtype = select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        matches!(token, Token::Name | Token::Hole).then(|| e.state().name(span))
    })
    .labelled(Part::Name);
    let axis = select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        Some(match token {
            Token::Name => AxisSize::Named(e.state().name(span)),
            Token::Number => AxisSize::Fixed(axis_size(e.state(), span), span),
            Token::Hole => AxisSize::Any(span),
            Token::Rest => AxisSize::Rest(span),
            _ => return None,
        })
    });
    let axes = between(Token::BracketOpen, commas(axis), Token::BracketClose).or_not();
    dtype.then(axes).map_with(|(dtype, axes), e| Annotation { dtype, axes, span: e.span() }).boxed()
}

fn axis_size(state: &mut State, span: Span) -> usize {
    match literal::number(state.text(span)) {
        Ok(Kind::Int(n)) if n >= 0 => n as usize,
        _ => {
            let fault = Fault::syntax("the size of an axis is a whole number").at(span);
            state.faults.push(fault.label(span, "not a size").hint("a name stands for any one size, `_` for any"));
            0
        }
    }
}
