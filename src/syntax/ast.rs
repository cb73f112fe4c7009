//! The syntax tree: what was typed, with its places, and no meaning yet.
//!
//! In: nothing. Out: the types that the parser makes and the resolver reads. Nothing here knows a function's name:
//! `grad(…)` is a call like any other until the resolver looks.

use std::rc::Rc;

pub use super::dump::dump;
use super::token::Operator;
pub use super::walk::{each_child, each_in, height};
use crate::base::Span;

/// Trees are at most this high, so that whatever walks one may recurse.
pub const DEPTH: u32 = 10_000;

/// A name where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    pub text: Rc<str>,
    pub span: Span,
}

/// An expression. `depth` is the height of the tree under it, kept so that trees too deep to walk are refused early.
#[derive(Debug)]
pub struct Ast {
    pub kind: Kind,
    pub span: Span,
    pub depth: u32,
}

#[derive(Debug)]
pub enum Kind {
    Name(Rc<str>),
    Int(i64),
    Float(f64),
    /// `2i`: the imaginary part.
    Imaginary(f64),
    Bool(bool),
    None,
    /// `"a {x:.3f} b"`: literal pieces and interpolated expressions in order.
    Text(Vec<Piece>),
    /// `[a, b]`: always an array.
    List(Vec<Ast>),
    /// `[body for p in iter if cond]`; clauses nest left to right as in Python.
    Comprehension {
        body: Box<Ast>,
        clauses: Vec<Clause>,
    },
    /// `(a, b)`, `(a,)`, `()`, also bare `a, b` after `return`, `=` and as a statement. Items may be spread.
    Tuple(Vec<Item>),
    Record(Vec<Entry>),
    /// `(a)`: only grouping.
    Paren(Box<Ast>),
    Block(Vec<Stmt>),
    If {
        cond: Box<Ast>,
        then: Vec<Stmt>,
        otherwise: Option<Box<Ast>>,
    },
    Try {
        body: Vec<Stmt>,
        name: Option<Name>,
        handler: Vec<Stmt>,
    },
    Lambda {
        params: Vec<Param>,
        body: Rc<Ast>,
    },
    /// Prefix operator: `-x`, `+x`, `~x`, `not x`.
    Unary {
        op: &'static Operator,
        x: Box<Ast>,
    },
    /// Elementwise binary operator, arithmetic, bits and logic (`and`, `or` are their own, comparisons too).
    Binary {
        op: &'static Operator,
        op_span: Span,
        a: Box<Ast>,
        b: Box<Ast>,
    },
    /// `a < b <= c`: each pair must hold; every operand is evaluated once. `in` and `not in` are among the operators.
    Compare {
        first: Box<Ast>,
        rest: Vec<(&'static Operator, Span, Ast)>,
    },
    And(Box<Ast>, Box<Ast>),
    Or(Box<Ast>, Box<Ast>),
    Range {
        start: Box<Ast>,
        end: Box<Ast>,
        inclusive: bool,
        by: Option<Box<Ast>>,
    },
    Call {
        f: Box<Ast>,
        args: Vec<Arg>,
    },
    /// `x.f(a)`: a field of x if it has one of that name, else `f(x, a)`.
    Method {
        x: Box<Ast>,
        name: Name,
        args: Vec<Arg>,
    },
    Field {
        x: Box<Ast>,
        name: Name,
    },
    Index {
        x: Box<Ast>,
        items: Vec<Subscript>,
    },
    /// `a |> f(b)`.
    Pipe {
        x: Box<Ast>,
        into: Box<Ast>,
    },
    /// `_` as an argument right of `|>`.
    Hole,
}

#[derive(Debug)]
pub enum Piece {
    Text(Rc<str>),
    /// The format after `:` as it is written, `""` without one, and the expressions in its braces: `{x:{width}d}`.
    Value {
        value: Ast,
        format: Rc<str>,
        nested: Vec<Ast>,
    },
}

#[derive(Debug)]
pub enum Clause {
    For { pattern: Pattern, iter: Ast },
    If(Ast),
}

/// An item of a tuple.
#[derive(Debug)]
pub enum Item {
    One(Ast),
    Spread(Ast),
}

/// An entry of a record.
#[derive(Debug)]
pub enum Entry {
    Field(Name, Ast),
    Spread(Ast),
}

/// An argument of a call.
#[derive(Debug)]
pub enum Arg {
    One(Ast),
    Named(Name, Ast),
    Spread(Ast),
}

/// One item between `[` and `]` of an index.
// A slice is wide, but indices are few; a box for each bound would cost every `x[a:b]` three allocations.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Subscript {
    At(Ast),
    Slice {
        start: Option<Ast>,
        stop: Option<Ast>,
        step: Option<Ast>,
        span: Span,
    },
    /// `...`
    Rest(Span),
}

/// A parameter: pattern, optional default, optional annotation; `*rest` collects.
#[derive(Debug)]
pub struct Param {
    pub pattern: Pattern,
    pub default: Option<Ast>,
    pub annotation: Option<Annotation>,
    pub rest: bool,
    pub span: Span,
}

/// What a value is unpacked into by parameters, `for` and comprehensions.
#[derive(Clone, Debug)]
pub enum Pattern {
    Name(Name),
    Tuple(Vec<Pattern>, Span),
}

/// `f32[batch, 784]`, `f32`, `_[n]`.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// The dtype's name, `_` for any.
    pub dtype: Name,
    /// `None` without brackets: any shape.
    pub axes: Option<Vec<AxisSize>>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum AxisSize {
    Fixed(usize, Span),
    Named(Name),
    /// `_`
    Any(Span),
    /// `...`: any number of axes.
    Rest(Span),
}

#[derive(Debug)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum StmtKind {
    Expr(Ast),
    /// `a = v`, `a, b = v`, `{w, b} = p`, `x[i] = v`, `p.w = v`.
    Assign {
        target: Target,
        value: Ast,
    },
    /// `x += v`; the operator is the binary one (`+`).
    Update {
        target: Target,
        op: &'static Operator,
        op_span: Span,
        value: Ast,
    },
    /// `f(x) = expr` and `fn f(x) { … }`; `docs` are the `##` lines above it.
    Define(Rc<Definition>),
    For {
        patterns: Vec<Pattern>,
        iter: Ast,
        body: Vec<Stmt>,
    },
    While {
        cond: Ast,
        body: Vec<Stmt>,
    },
    Return(Option<Ast>),
    Break,
    Continue,
    /// `assert cond, "message"`.
    Assert {
        cond: Ast,
        message: Option<Ast>,
    },
    /// `import "lib.nev" as l`.
    Import {
        path: Rc<str>,
        path_span: Span,
        alias: Option<Name>,
    },
    /// `from "lib.nev" import f, g`.
    From {
        path: Rc<str>,
        path_span: Span,
        names: Vec<Name>,
    },
}

#[derive(Debug)]
pub struct Definition {
    pub name: Name,
    pub params: Vec<Param>,
    pub result: Option<Annotation>,
    pub body: Rc<Ast>,
    /// The `##` lines without their marks, joined by newlines; empty without any.
    pub docs: Rc<str>,
    pub span: Span,
}

/// What stands left of `=`.
#[derive(Debug)]
pub enum Target {
    Name(Name),
    Tuple(Vec<Target>, Span),
    /// `{w, b} = p`.
    Record(Vec<Name>, Span),
    /// `p.layers[0].w`, `x[i, :]`: a name and the way from it; never empty.
    Place {
        root: Name,
        path: Vec<Step>,
        span: Span,
    },
}

#[derive(Debug)]
pub enum Step {
    Field(Name),
    Index(Vec<Subscript>, Span),
}

/// A parsed text.
#[derive(Debug, Default)]
pub struct Program {
    pub body: Vec<Stmt>,
    /// Whether the last statement is followed by `;`: a REPL then shows nothing.
    pub hushed: bool,
}
