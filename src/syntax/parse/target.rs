//! What stands left of `=`, made from the expression that it reads like; and what `_` stands for right of `|>`.
//!
//! In: nodes that the rules have read. Out: targets, or faults that say why it is none.

use super::{Extra, State, node};
use crate::base::{Fault, Span};
use crate::syntax::ast::*;
use crate::syntax::token::Operator;

/// How a statement writes.
#[derive(Clone, Copy)]
pub enum Write {
    Set,
    Update(&'static Operator, Span),
}

type Found<T> = Result<T, Box<Fault>>;

pub fn write(x: Ast, write: Write, value: Ast, state: &mut State) -> StmtKind {
    let target = match write {
        Write::Set => target(x, state),
        Write::Update(op, _) => place_to_update(x, op, state),
    };
    let target = target.unwrap_or_else(|fault| {
        state.faults.push(*fault);
        Target::Tuple(vec![], Span::default())
    });
    match write {
        Write::Set => StmtKind::Assign { target, value },
        Write::Update(op, op_span) => StmtKind::Update { target, op, op_span, value },
    }
}

fn target(x: Ast, state: &mut State) -> Found<Target> {
    let span = x.span;
    match x.kind {
        Kind::Name(text) => Ok(Target::Name(Name { text, span })),
        Kind::Hole => {
            state.holes.remove(&span.start);
            Ok(Target::Name(state.name(span)))
        }
        Kind::Paren(inside) => target(*inside, state),
        Kind::Tuple(items) if !items.is_empty() => {
            let part = |item| match item {
                Item::One(x) => target(x, state),
                Item::Spread(x) => Err(refuse(x.span, "`...` takes apart on the right of `=` only", None)),
            };
            Ok(Target::Tuple(items.into_iter().map(part).collect::<Found<_>>()?, span))
        }
        _ => place(x),
    }
}

/// `x.w[0]`: a name and the way from it.
fn place(x: Ast) -> Found<Target> {
    let span = x.span;
    let mut path = vec![];
    let mut at = x;
    loop {
        let step_span = at.span;
        at = match at.kind {
            Kind::Field { x, name } => {
                path.push(Step::Field(name));
                *x
            }
            Kind::Index { x, items } => {
                path.push(Step::Index(items, step_span));
                *x
            }
            Kind::Name(text) if !path.is_empty() => {
                path.reverse();
                return Ok(Target::Place { root: Name { text, span: at.span }, path, span });
            }
            _ if !path.is_empty() && !matches!(at.kind, Kind::Call { .. } | Kind::Method { .. } | Kind::Paren(_)) => {
                let hint = "give it a name first: `t = …`, then `t[0] = 1`";
                return Err(refuse(at.span, "a value without a name cannot be written into", Some(hint)));
            }
            ref other => return Err(no_place(other, at.span)),
        }
    }
}

fn place_to_update(x: Ast, op: &Operator, state: &mut State) -> Found<Target> {
    let (span, glyph) = (x.span, op.glyph);
    match x.kind {
        Kind::Tuple(_) | Kind::Paren(_) | Kind::Hole => {
            state.holes.remove(&span.start);
            Err(refuse(span, &format!("`{glyph}=` changes one name, element or field"), None))
        }
        _ => target(x, state),
    }
}

fn no_place(kind: &Kind, span: Span) -> Box<Fault> {
    let (what, hint) = match kind {
        Kind::Call { .. } | Kind::Method { .. } => {
            ("the result of a call cannot be assigned to", "give it a name first: `t = f(x); t[0] = 1`")
        }
        Kind::Int(_) | Kind::Float(_) | Kind::Imaginary(_) | Kind::Bool(_) | Kind::None | Kind::Text(_) => {
            ("a value cannot be assigned to", "a name goes on the left: `x = 1`; compare with `==`")
        }
        Kind::List(_) => ("an array cannot be assigned to", "take apart with parentheses: `(a, b) = t`"),
        Kind::Tuple(_) => ("an empty tuple cannot be assigned to", "name at least one part: `(a,) = t`"),
        Kind::Record(_) => ("a record cannot be assigned to", "take its fields with `{w, b} = p`"),
        Kind::Paren(_) => ("a parenthesis cannot be assigned into", "leave the parentheses out: `x[0] = 1`"),
        _ => ("this cannot be assigned to", "a name, `x[i]` or `p.w` goes on the left of `=`; compare with `==`"),
    };
    refuse(span, what, Some(hint))
}

fn refuse(span: Span, what: &str, hint: Option<&str>) -> Box<Fault> {
    let fault = Fault::syntax(what).at(span).label(span, "no place to write to");
    Box::new(match hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    })
}

/// `x |> f(2, _)`: the `_` among the arguments of the call right of `|>` have a meaning.
pub fn fold_pipe(x: Ast, into: Ast, e: &mut Extra) -> Ast {
    if let Kind::Call { args, .. } | Kind::Method { args, .. } = &into.kind {
        for arg in args {
            if let Arg::One(hole) | Arg::Named(_, hole) = arg
                && matches!(hole.kind, Kind::Hole)
            {
                e.state().holes.remove(&hole.span.start);
            }
        }
    }
    node(Kind::Pipe { x: Box::new(x), into: Box::new(into) }, e)
}
