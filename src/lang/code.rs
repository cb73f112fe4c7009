//! Resolved code: the tree that is walked. Names are slots, operators their primitives, constants values.
//!
//! In: what `resolve` makes of a syntax tree. Out: nothing by itself; `eval` reads it. A node knows its place in the
//! source, so that a fault can be shown there.

use std::rc::Rc;

use super::fast::Site;
use super::prelude::Wide;
use super::value::Value;
use crate::base::Span;
use crate::graph::Prim;
use crate::syntax::ast::Annotation;

/// An expression.
pub struct Code {
    pub node: Node,
    pub span: Span,
}

pub enum Node {
    Const(Value),
    /// A variable of the running function.
    Local(u32, Rc<Named>),
    /// A variable of the running function that a closure shares.
    Cell(u32, Rc<Named>),
    /// A variable of the module; where it has no value, the function of the house with that number (`NONE`: none).
    Global(u32, u32),
    /// A function or constant of the house, for the house's own code, which no user's variable reaches.
    Library(u32),
    Text(Box<[Piece]>),
    /// `[a, b]`
    List(Box<[Code]>),
    Comprehension(Box<Comprehension>),
    Tuple(Box<[Item]>),
    /// `(...t, a)` on its way into the variable t, whose value nobody needs any more: it grows in place.
    Grown(Slot, Box<[Item]>),
    Record(Box<[Entry]>),
    Block(Box<Block>),
    If(Box<If>),
    Try(Box<Try>),
    Lambda(Rc<Lambda>),
    Unary(Box<Unary>),
    Binary(Box<Binary>),
    Compare(Box<Compare>),
    And(Box<(Code, Code)>),
    Or(Box<(Code, Code)>),
    Range(Box<RangeCode>),
    Call(Box<Call>),
    Method(Box<Method>),
    Field(Box<Code>, Rc<str>),
    Index(Box<Index>),
    /// A value kept in a slot while the rest is evaluated: what `_` reads.
    Let(Box<(u32, Code, Code)>),
    Form(Box<Form>),
}

/// No function of the house has that name.
pub const NONE: u32 = u32::MAX;

/// What a variable is called, and what is read while it has no value.
pub struct Named {
    pub name: Rc<str>,
    pub outer: Option<Code>,
}

/// Where an assignment goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    Local(u32),
    Cell(u32),
    Global(u32),
}

pub enum Piece {
    Text(Rc<str>),
    /// A value, its format, and what stands in the braces of the format.
    Value(Code, Rc<str>, Box<[Code]>),
}

pub struct Item {
    pub spread: bool,
    pub code: Code,
}

pub enum Entry {
    Field(Rc<str>, Code),
    Spread(Code),
}

pub struct Comprehension {
    pub clauses: Box<[Clause]>,
    pub body: Code,
}

pub enum Clause {
    For { target: Target, iter: Code, fresh: Box<[u32]> },
    If(Code),
}

/// Statements, then the expression that is the value.
pub struct Block {
    pub stmts: Box<[Stmt]>,
    pub last: Option<Code>,
}

pub struct If {
    pub cond: Code,
    pub then: Block,
    pub otherwise: Option<Code>,
}

pub struct Try {
    pub body: Block,
    pub slot: Option<Slot>,
    pub handler: Block,
}

pub struct Unary {
    pub op: UnaryOp,
    pub prim: Option<&'static Prim>,
    pub x: Code,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOp {
    Plus,
    Minus,
    Invert,
    Not,
}

pub struct Binary {
    pub op: BinaryOp,
    pub prim: &'static Prim,
    pub a: Code,
    pub b: Code,
    /// Nothing but arithmetic of names and constants, a few levels high: worth trying as numbers first.
    pub simple: bool,
    /// It replaces its first operand, which is that variable: a text grows where it lies, a small array is written over.
    pub grows: Option<Slot>,
}

impl Binary {
    pub fn new(op: BinaryOp, prim: &'static Prim, a: Code, b: Code) -> Binary {
        let simple = height(&a).max(height(&b)).is_some_and(|h| h < SIMPLE);
        let simple = simple && height(&a).is_some() && height(&b).is_some();
        Binary { op, prim, a, b, simple, grows: None }
    }
}

/// A try that fails goes down one side only, but once per level.
const SIMPLE: u32 = 4;

/// The height of arithmetic over names and constants; `None` for anything else.
fn height(code: &Code) -> Option<u32> {
    match &code.node {
        Node::Const(Value::Int(_) | Value::Float(_)) | Node::Local(..) | Node::Global(..) => Some(0),
        Node::Binary(b) if b.simple => Some(1 + height(&b.a)?.max(height(&b.b)?)),
        _ => None,
    }
}

/// The binary operators that numbers have a path of their own for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Floor,
    Rem,
    Pow,
    And,
    Or,
    Xor,
    Left,
    Right,
    /// Only arrays know it: matmul.
    Other,
}

pub struct Compare {
    pub first: Code,
    pub rest: Box<[(Relation, Code)]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
}

pub struct RangeCode {
    pub start: Code,
    pub end: Code,
    pub inclusive: bool,
    pub by: Option<Code>,
}

pub struct Call {
    pub f: Code,
    pub args: Box<[Arg]>,
    /// All arguments are by position and none is spread.
    pub plain: bool,
}

pub enum Arg {
    One(Code),
    Named(Rc<str>, Span, Code),
    Spread(Code),
}

pub struct Method {
    pub x: Code,
    pub name: Rc<str>,
    pub name_span: Span,
    /// The function of that name, should x have no such field.
    pub f: Option<Code>,
    pub args: Box<[Arg]>,
}

pub struct Index {
    pub x: Code,
    pub items: Box<[Subscript]>,
}

pub enum Subscript {
    At(Code),
    Slice { start: Option<Code>, stop: Option<Code>, step: Option<Code>, span: Span },
    Rest(Span),
}

/// A special form: its first argument is code, not a value.
pub struct Form {
    pub kind: FormKind,
    pub expr: Code,
    /// What to differentiate by; `None` where the second argument names nothing, or there is none.
    pub target: Option<Wrt>,
    /// The arguments after the first, as values: x0 where there is no target, then the vector.
    pub args: Box<[Arg]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FormKind {
    Grad,
    ValueAndGrad,
    Jacobian,
    Hessian,
    Vjp,
    Jvp,
    Hvp,
    Gradcheck,
}

/// Variables to differentiate by.
pub enum Wrt {
    /// A variable, or a field somewhere in it.
    Name {
        read: Code,
        slot: Slot,
        fields: Box<[Rc<str>]>,
        text: Rc<str>,
    },
    Tuple(Box<[Wrt]>),
}

pub struct Stmt {
    pub op: Op,
    pub span: Span,
}

pub enum Op {
    Expr(Code),
    Set(Slot, Code),
    Unpack(Target, Code),
    /// `x[i] = v`, `p.w += v`.
    Path(Box<Path>, Code),
    If(Box<If>),
    Block(Box<Block>),
    Try(Box<Try>),
    For(Box<For>),
    While(Box<While>),
    Return(Option<Code>),
    Break,
    Continue,
    Assert(Box<(Code, Option<Code>)>),
    Import(Box<Import>),
}

pub enum Target {
    Slot(Slot),
    Tuple(Box<[Target]>, Span),
    Record(Box<[(Rc<str>, Slot)]>, Span),
    Path(Box<Path>),
}

/// A place inside a variable's value.
pub struct Path {
    /// What the variable holds now.
    pub read: Code,
    pub slot: Slot,
    pub steps: Box<[Step]>,
    /// `+=`: what combines the old with the new.
    pub update: Option<(BinaryOp, &'static Prim)>,
    pub span: Span,
}

pub enum Step {
    Field(Rc<str>, Span),
    Index(Box<[Subscript]>, Span),
}

pub struct For {
    pub target: Target,
    pub iter: Code,
    pub body: Box<[Stmt]>,
    /// Cells that are new in every iteration.
    pub fresh: Box<[u32]>,
    /// Cells of the iteration whose value the module's variable takes as well.
    pub export: Box<[(u32, Slot)]>,
    pub carried: Box<[Slot]>,
    pub site: Site,
}

pub struct While {
    pub cond: Code,
    pub body: Box<[Stmt]>,
    pub carried: Box<[Slot]>,
    pub site: Site,
}

pub struct Import {
    pub path: Rc<str>,
    pub path_span: Span,
    /// `import … as name`: the record's slot.
    pub whole: Option<Slot>,
    pub names: Box<[(Rc<str>, Span, Slot)]>,
}

/// A function's code, shared by its closures.
pub struct Lambda {
    pub name: Rc<str>,
    /// `f(x, y=2)`
    pub signature: Rc<str>,
    pub docs: Rc<str>,
    pub params: Box<[Param]>,
    pub body: Code,
    /// Slots of a frame; arguments are the first ones.
    pub locals: u32,
    /// Cells of a frame: the captured ones first.
    pub cells: u32,
    /// Which cells of the function around it a closure takes along.
    pub captures: Box<[u32]>,
    /// Arguments that move into a cell: (slot, cell).
    pub boxed: Box<[(u32, u32)]>,
    /// Arguments are plain names without annotations, and nothing is collected.
    pub simple: bool,
    pub result: Option<Annotation>,
    /// Written in the house: faults inside are shown where it was called.
    pub house: bool,
    /// What it does with f16.
    pub wide: Wide,
    pub span: Span,
    pub site: Site,
}

pub struct Param {
    /// Empty for a pattern.
    pub name: Rc<str>,
    /// What a pattern unpacks into.
    pub target: Option<Target>,
    pub default: Option<Code>,
    pub annotation: Option<Annotation>,
    pub rest: bool,
    pub span: Span,
}

/// A whole program.
pub struct Program {
    pub body: Box<[Stmt]>,
    pub locals: u32,
    pub cells: u32,
}

impl Code {
    pub fn new(node: Node, span: Span) -> Code {
        Code { node, span }
    }

    /// Whether its source text must be put in parentheses before something is added to it.
    pub fn is_compound(&self) -> bool {
        use Node::*;
        matches!(self.node, Unary(_) | Binary(_) | Compare(_) | And(_) | Or(_) | Range(_) | If(_) | Lambda(_) | Let(_))
    }
}

impl Arg {
    pub fn code(&self) -> &Code {
        match self {
            Arg::One(c) | Arg::Named(_, _, c) | Arg::Spread(c) => c,
        }
    }
}
