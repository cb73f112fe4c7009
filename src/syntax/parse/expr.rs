//! The rules for expressions, from operands up to functions.
//!
//! In: the rule for blocks. Out: the rule for expressions. Levels of operators that may nest in any way are one Pratt
//! table each (arithmetic, bits, logic); between them stand the levels that chain (comparisons) or do not (ranges).

use std::rc::Rc;

use chumsky::pratt::{infix, left, prefix, right};
use chumsky::prelude::*;
use chumsky::primitive::select;

use super::atom::atom;
use super::params::params;
use super::target::fold_pipe;
use super::wrong::Part;
use super::{Ex, Extra, In, Rule, name, node, tok};
use crate::base::Span;
use crate::syntax::ast::*;
use crate::syntax::token::{Level, Operator, Token};

/// What may follow an operand.
enum Trailer {
    Args(Vec<Arg>),
    Index(Vec<Subscript>),
    Field(Name),
    Method(Name, Vec<Arg>),
}

type Op = (&'static Operator, Span);

pub fn expression<'t>(block: Rule<'t, Vec<Stmt>>) -> Rule<'t, Ast> {
    recursive(move |expr| {
        let expr = expr.boxed();
        let atom = atom(expr.clone(), block);
        let operand = postfix(expr.clone(), atom);
        let logic = logic(bits(compare(range(arithmetic(operand)))));
        let lambda = lambda(expr);
        let stage = lambda.clone().or(logic.clone());
        let pipe = logic.foldl_with(tok(Token::Pipe).labelled(Part::Operator).ignore_then(stage).repeated(), fold_pipe);
        lambda.or(pipe).labelled(Part::Expression)
    })
    .boxed()
}

/// Zero or more, separated by commas, one more comma allowed.
pub fn commas<'t, T: 't>(one: impl Parser<'t, In<'t>, T, Ex<'t>> + 't) -> Rule<'t, Vec<T>> {
    one.separated_by(tok(Token::Comma)).allow_trailing().collect().boxed()
}

pub fn between<'t, T: 't>(open: Token, inner: impl Parser<'t, In<'t>, T, Ex<'t>> + 't, close: Token) -> Rule<'t, T> {
    inner.delimited_by(tok(open), tok(close)).boxed()
}

fn args<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Vec<Arg>> {
    let key = select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        (token == Token::ArgName).then(|| e.state().name(span))
    })
    .labelled(Part::Expression);
    let named = key.then_ignore(tok(Token::Assign)).then(expr.clone()).map(|(name, value)| Arg::Named(name, value));
    let spread = tok(Token::Rest).ignore_then(expr.clone()).map(Arg::Spread);
    let arg = choice((spread, named, expr.map(Arg::One)));
    between(Token::ParenOpen, commas(arg), Token::ParenClose).boxed()
}

/// What stands between the brackets of `x[…]`.
fn subscripts<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Vec<Subscript>> {
    let colon = tok(Token::Colon);
    let step = colon.ignore_then(expr.clone().or_not()).or_not().map(Option::flatten);
    let bounds = colon.ignore_then(expr.clone().or_not()).then(step).boxed();
    let rest = tok(Token::Rest).map_with(|_, e| Subscript::Rest(e.span()));
    let open = bounds.clone().map_with(|(stop, step), e| Subscript::Slice { start: None, stop, step, span: e.span() });
    let at = expr.then(bounds.or_not()).map_with(|(x, bounds), e| match bounds {
        None => Subscript::At(x),
        Some((stop, step)) => Subscript::Slice { start: Some(x), stop, step, span: e.span() },
    });
    let item = choice((rest, open, at)).labelled(Part::Index);
    let items = item.separated_by(tok(Token::Comma)).allow_trailing().at_least(1).collect();
    between(Token::BracketOpen, items, Token::BracketClose).boxed()
}

fn postfix<'t>(expr: Rule<'t, Ast>, atom: Rule<'t, Ast>) -> Rule<'t, Ast> {
    let args = args(expr.clone());
    let field = tok(Token::Dot).ignore_then(name()).then(args.clone().or_not()).map(|(name, args)| match args {
        Some(args) => Trailer::Method(name, args),
        None => Trailer::Field(name),
    });
    let trailer = choice((args.map(Trailer::Args), subscripts(expr).map(Trailer::Index), field));
    atom.foldl_with(trailer.labelled(Part::Operator).repeated(), |x, trailer, e| {
        let x = Box::new(x);
        let kind = match trailer {
            Trailer::Args(args) => Kind::Call { f: x, args },
            Trailer::Index(items) => Kind::Index { x, items },
            Trailer::Field(name) => Kind::Field { x, name },
            Trailer::Method(name, args) => Kind::Method { x, name, args },
        };
        node(kind, e)
    })
    .boxed()
}

/// An operator of one level.
fn op<'t>(level: Level) -> impl Parser<'t, In<'t>, Op, Ex<'t>> + Clone {
    select(move |token: Token, e: &mut Extra<'t, '_>| {
        token.infix().filter(|op| op.level == level).map(|op| (op, e.span()))
    })
    .labelled(Part::Operator)
}

fn sign<'t>(level: Level) -> impl Parser<'t, In<'t>, &'static Operator, Ex<'t>> + Clone {
    select(move |token: Token, _: &mut Extra<'t, '_>| token.prefix().filter(|op| op.level == level))
        .labelled(Part::Expression)
}

fn binary(a: Ast, (op, op_span): Op, b: Ast, e: &mut Extra) -> Ast {
    node(Kind::Binary { op, op_span, a: Box::new(a), b: Box::new(b) }, e)
}

fn unary(op: &'static Operator, x: Ast, e: &mut Extra) -> Ast {
    if op.token == Token::Minus && matches!(x.kind, Kind::Int(i64::MIN)) {
        e.state().edges.remove(&x.span.start);
        return node(x.kind, e);
    }
    node(Kind::Unary { op, x: Box::new(x) }, e)
}

fn arithmetic<'t>(operand: Rule<'t, Ast>) -> Rule<'t, Ast> {
    operand
        .pratt((
            infix(right(Level::Power as u16), op(Level::Power), binary),
            prefix(Level::Sign as u16, sign(Level::Sign), unary),
            infix(left(Level::Product as u16), op(Level::Product), binary),
            infix(left(Level::Sum as u16), op(Level::Sum), binary),
            infix(left(Level::Shift as u16), op(Level::Shift), binary),
        ))
        .boxed()
}

fn range<'t>(sum: Rule<'t, Ast>) -> Rule<'t, Ast> {
    let by = tok(Token::By).labelled(Part::Operator).ignore_then(sum.clone()).or_not();
    sum.clone()
        .then(op(Level::Range).then(sum).then(by).or_not())
        .map_with(|(start, rest), e| match rest {
            None => start,
            Some((((dots, _), end), by)) => {
                let inclusive = dots.token == Token::Through;
                let (start, end, by) = (Box::new(start), Box::new(end), by.map(Box::new));
                node(Kind::Range { start, end, inclusive, by }, e)
            }
        })
        .boxed()
}

fn compare<'t>(range: Rule<'t, Ast>) -> Rule<'t, Ast> {
    let pair = op(Level::Compare).then(range.clone()).map(|((op, span), b)| (op, span, b));
    range
        .then(pair.repeated().collect::<Vec<_>>())
        .map_with(|(first, rest), e| match rest.is_empty() {
            true => first,
            false => node(Kind::Compare { first: Box::new(first), rest }, e),
        })
        .boxed()
}

fn bits<'t>(compare: Rule<'t, Ast>) -> Rule<'t, Ast> {
    compare
        .pratt((
            infix(left(Level::BitAnd as u16), op(Level::BitAnd), binary),
            infix(left(Level::BitXor as u16), op(Level::BitXor), binary),
            infix(left(Level::BitOr as u16), op(Level::BitOr), binary),
        ))
        .boxed()
}

fn logic<'t>(bits: Rule<'t, Ast>) -> Rule<'t, Ast> {
    bits.pratt((
        prefix(Level::Not as u16, sign(Level::Not), unary),
        infix(left(Level::And as u16), op(Level::And), |a, _: Op, b, e: &mut Extra<'t, '_>| {
            node(Kind::And(Box::new(a), Box::new(b)), e)
        }),
        infix(left(Level::Or as u16), op(Level::Or), |a, _: Op, b, e: &mut Extra<'t, '_>| {
            node(Kind::Or(Box::new(a), Box::new(b)), e)
        }),
    ))
    .boxed()
}

/// `x -> x^2`, `(x, (a, b), y=1) -> x*y`.
fn lambda<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Ast> {
    let one = select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        (token == Token::LambdaName).then(|| {
            let pattern = Pattern::Name(e.state().name(span));
            vec![Param { pattern, default: None, annotation: None, rest: false, span }]
        })
    });
    let many = between(Token::LambdaParen, params(expr.clone()), Token::ParenClose);
    one.or(many)
        .labelled(Part::Expression)
        .then_ignore(tok(Token::Arrow))
        .then(expr)
        .map_with(|(params, body), e| node(Kind::Lambda { params, body: Rc::new(body) }, e))
        .boxed()
}
