//! The rules for expressions, from atoms up to functions.
//!
//! In: the rule for blocks. Out: the rule for expressions. Levels of operators that may nest in any way are one Pratt
//! table each (arithmetic, bits, logic); between them stand the levels that chain (comparisons) or do not (ranges).

use chumsky::pratt::{infix, left, prefix, right};
use chumsky::prelude::*;
use chumsky::primitive::select;
use std::rc::Rc;

use super::target::fold_pipe;
use super::wrong::Part;
use super::{Ex, Extra, In, Rule, State, name, node, tok};
use crate::base::{Fault, Span};
use crate::syntax::ast::*;
use crate::syntax::literal;
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

fn between<'t, T: 't>(open: Token, inner: impl Parser<'t, In<'t>, T, Ex<'t>> + 't, close: Token) -> Rule<'t, T> {
    inner.delimited_by(tok(open), tok(close)).boxed()
}

fn atom<'t>(expr: Rule<'t, Ast>, block: Rule<'t, Vec<Stmt>>) -> Rule<'t, Ast> {
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
            state.faults.push(fault.hint(format!("write `{}.0` for a float", state.text(span))));
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

/// `"a {x:.3f} b"`.
fn text<'t>(expr: Rule<'t, Ast>) -> Rule<'t, Ast> {
    let literal = tok(Token::TextPiece).map_with(|_, e: &mut Extra<'t, '_>| {
        let span = e.span();
        Piece::Text(piece(e.state(), span))
    });
    let format = select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        (token == Token::Format).then(|| Rc::<str>::from(e.state().text(span).trim_start_matches(':')))
    });
    let value = between(Token::InterpOpen, expr.then(format.or_not()), Token::InterpClose)
        .map(|(value, format)| Piece::Value { value, format: format.unwrap_or_default() });
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
