//! `Prim`: the record that is one operation. Everything that the rest of the house knows of an op is in its record.
//!
//! In: declarations in `ops/`. Out: names, parameters, docs, rules, body and gradient, read by apply, the tape, the
//! planner, the back ends, the help pages and the automatic checks. Nobody compares names: code asks for the family.

use std::sync::Arc;

use smallvec::SmallVec;

use super::expr::Expr;
use crate::base::{DType, Host, Kind, Layout, Result, Shape};

/// The record of one operation.
pub struct Prim {
    pub name: &'static str,
    pub params: &'static [Param],
    /// Prose, then examples in the `> ` notation.
    pub doc: &'static str,
    /// The dtype each input is converted to, and the result's.
    pub dtype: fn(&Call) -> Result<Types>,
    /// The result's shape. May write attributes in canonical form (axes positive, `none` spelled out).
    pub shape: fn(&mut Call) -> Result<Shape>,
    pub body: Body,
    pub vjp: Vjp,
    /// What the help page says of the gradient.
    pub rule: Rule,
}

/// What a rule sees of a call: the inputs and the attributes.
pub struct Call<'a> {
    pub prim: &'static Prim,
    pub ins: &'a [Expr],
    pub attrs: Attrs,
}

/// The dtypes of a call: what each input is converted to first, and the result's.
pub struct Types {
    pub ins: SmallVec<[DType; 4]>,
    pub out: DType,
}

/// One parameter of a primitive. Arrays come first, then attributes.
#[derive(Debug)]
pub struct Param {
    pub name: &'static str,
    pub kind: ParamKind,
    pub default: Default,
}

/// What a parameter takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParamKind {
    /// An array, tensor or number.
    Array,
    /// A tuple of arrays (or one array, taken apart along axis 0); always the only array parameter.
    Arrays,
    /// One int.
    Int,
    /// An int or a tuple of ints; also several ints in a row where it is the last positional parameter (`zeros(2, 3)`).
    Ints,
    Float,
    Bool,
    DType,
    Text,
}

/// What a parameter is when the call leaves it out.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    Required,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'static str),
}

impl Default {
    /// The attribute that is left out; `None` where it must be given.
    pub fn attr(self) -> Option<Attr> {
        Some(match self {
            Default::Required => return None,
            Default::None => Attr::None,
            Default::Bool(b) => Attr::Bool(b),
            Default::Int(i) => Attr::Int(i),
            Default::Float(x) => Attr::Float(x),
            Default::Text(t) => Attr::Text(t.into()),
        })
    }
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Ints(SmallVec<[i64; 4]>),
    DType(DType),
    Text(Arc<str>),
}

/// The attributes of a node, in the order of the parameters. Most nodes have none: a list beside them costs those least.
pub type Attrs = Vec<Attr>;

impl Attr {
    pub fn ints(values: impl IntoIterator<Item = i64>) -> Attr {
        Attr::Ints(values.into_iter().collect())
    }

    pub fn axes(values: impl IntoIterator<Item = usize>) -> Attr {
        Attr::Ints(values.into_iter().map(|x| x as i64).collect())
    }

    /// The ints of an `Int` or `Ints`; empty for anything else.
    pub fn as_ints(&self) -> &[i64] {
        match self {
            Attr::Ints(v) => v,
            Attr::Int(i) => std::slice::from_ref(i),
            _ => &[],
        }
    }

    /// The ints as sizes or axes; rules have made them non-negative.
    pub fn as_sizes(&self) -> SmallVec<[usize; 4]> {
        self.as_ints().iter().map(|&i| i.max(0) as usize).collect()
    }

    pub fn as_int(&self) -> i64 {
        self.as_ints().first().copied().unwrap_or(0)
    }

    pub fn as_bool(&self) -> bool {
        *self == Attr::Bool(true)
    }

    pub fn as_float(&self) -> f64 {
        match self {
            Attr::Float(x) => *x,
            Attr::Int(i) => *i as f64,
            _ => 0.0,
        }
    }

    pub fn as_text(&self) -> &str {
        match self {
            Attr::Text(t) => t,
            _ => "",
        }
    }

    pub fn is_none(&self) -> bool {
        *self == Attr::None
    }

    /// Feeds the attribute to a structure key.
    pub fn key(&self, out: &mut Vec<u64>) {
        match self {
            Attr::None => out.push(0),
            Attr::Bool(b) => out.extend([1, *b as u64]),
            Attr::Int(i) => out.extend([2, *i as u64]),
            Attr::Float(x) => out.extend([3, x.to_bits()]),
            Attr::Ints(v) => {
                out.extend([4, v.len() as u64]);
                out.extend(v.iter().map(|&i| i as u64));
            }
            Attr::DType(d) => out.extend([5, *d as u64]),
            Attr::Text(t) => {
                out.extend([6, t.len() as u64]);
                out.extend(t.bytes().map(u64::from));
            }
        }
    }
}

impl std::fmt::Display for Attr {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Attr::None => f.write_str("none"),
            Attr::Bool(b) => write!(f, "{b}"),
            Attr::Int(i) => write!(f, "{i}"),
            Attr::Float(x) => write!(f, "{x}"),
            Attr::Ints(v) => {
                let parts: Vec<String> = v.iter().map(|i| i.to_string()).collect();
                write!(f, "({})", parts.join(", "))
            }
            Attr::DType(d) => write!(f, "{d}"),
            Attr::Text(t) => write!(f, "\"{t}\""),
        }
    }
}

/// What computes the values. Back ends see nothing but these families.
pub enum Body {
    /// Values that come from nowhere: data, or the kernel's own index. See `Leaf`.
    Leaf(Leaf),
    /// Element by element, inputs broadcast together.
    Map(MapBody),
    /// Axes folded into one value each: attribute `axis` lists them (canonical), `keepdims` leaves size 1.
    Reduce(Fold),
    /// Running fold along the one axis of attribute `axis`; the shape stays.
    Scan(Fold),
    /// Other indices for the same elements; `None` where strides cannot say it and the input must be copied first.
    View(fn(&Layout, &Attrs, &Shape) -> Option<Layout>),
    /// Elements picked or put by arrays of indices. See `Index`.
    Index(Index),
    /// Batched matrix product of inputs 0 `[…, m, k]` and 1 `[…, k, n]`, leading axes broadcast.
    Contract,
    /// Every line along attribute `axis` in ascending order, or in descending order where attribute `descending` says so;
    /// nan last in both. With what does it on the host, as `Host` would.
    Sort(Sort, HostFn),
    /// Anything else, on the host: whole inputs, row-major, in; whole outputs out.
    Host(HostFn),
}

/// Whole inputs, row-major, the attributes, and the output to fill.
pub type HostFn = fn(&[Host], &Attrs, &Host) -> Result<()>;

/// What a sort gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    /// The elements; -0 comes before 0.
    Values,
    /// Where the elements stood; equal ones, of which -0 and 0 are two, stay in order.
    Positions,
}

/// Values without inputs that depend on data.
#[derive(Clone, Copy)]
pub enum Leaf {
    /// A realised array; never reaches a planner unrealised.
    Data,
    /// Each element from its own row-major position: inputs are single numbers. With the same as an expression of WGSL over
    /// the position `at` and the parameters' names.
    Position(PositionFn, &'static str),
}

/// Fills `out[..n]` from the row-major positions `at[..n]`, given the inputs' bits (one number each) and the dtype.
pub type PositionFn = unsafe fn(at: *const u64, out: *mut u8, n: usize, ins: &[u64], dtype: DType);

/// An elementwise body.
pub struct MapBody {
    /// The lane for inputs of one dtype and one shape of operands; `None` where the op is not defined on that dtype.
    pub lane: fn(DType, Operands) -> Option<Lane>,
    /// The same as an expression of WGSL over the parameters' names. A called name is a function of `shaders/` for the
    /// last input's dtype; where there is none, devices leave the op to the CPU.
    pub wgsl: &'static str,
    /// Rough cost of one element in tenths of a nanosecond (add is 1, exp 15).
    pub cost: u32,
    /// One of the operations that a back end may do two at a time.
    pub basic: Option<Basic>,
    /// The lane of an elementary function that also takes a number off before, and sums the results.
    pub around: Option<fn(DType) -> Option<AroundLane>>,
}

/// The operations of arithmetic that cost less than bringing their operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basic {
    Add,
    Sub,
    Mul,
    Div,
    Negate,
    /// Where one is a nan, that; of equal ones the first.
    Max,
    Min,
}

/// A lane of one operand that does more in the same pass.
pub type AroundLane = crate::base::math::AroundKernel;

/// Computes `n` elements. Inputs and output are 64-byte aligned or at least element-aligned; `out` may be an input.
pub type Lane = unsafe fn(ins: *const *const u8, out: *mut u8, n: usize);

/// Which operands of a two-operand lane are one number for the whole block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operands {
    Vectors,
    /// The last operand is one number.
    LastScalar,
    /// The first operand is one number.
    FirstScalar,
}

/// What a reduction or scan does with each element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fold {
    Sum,
    Prod,
    Max,
    Min,
    All,
    Any,
    /// Position of the first largest element along the one axis folded.
    ArgMax,
    ArgMin,
}

/// Picking and putting by index arrays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Index {
    /// `ins = [x, i0, …, ik]`: result `[B…, rest of x…]`, where the i's (one shape B) index x's first axes.
    Gather,
    /// `ins = [x, v, i0, …, ik]`: x with `x[i0, …, ik] = v`; the last of equal indices wins.
    Set,
    /// `ins = [x, v, i0, …, ik]`: x with v added at the indices; equal indices add up, in order.
    Add,
    /// The inputs one after the other along attribute `axis`.
    Join,
    /// `ins = [x, v]`: x where nothing is put, and v at every `step`-th place from `start` along `axis`.
    Place,
}

/// A gradient's formula, for people.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// As it was written: `(g, y): [g * y]`.
    Written(&'static str),
    /// In words, `x gets g * y`: where the written one calls what no user knows.
    Words(&'static str),
}

/// How the gradient of an op is spelled.
pub enum Vjp {
    /// The inputs' cotangents from the output's, in the builders a user calls.
    Formula(fn(&Back) -> Vec<Option<Expr>>),
    /// Flat everywhere it is defined: comparisons, floor, sign.
    Zero,
    /// There is none; the words say why.
    None(&'static str),
}

/// What a gradient formula sees.
pub struct Back<'a> {
    /// The cotangent of the output; has its shape.
    pub g: &'a Expr,
    pub ins: &'a [Expr],
    pub y: &'a Expr,
    pub attrs: &'a Attrs,
    /// Which inputs' cotangents are wanted; others may be `None`.
    pub wanted: &'a [bool],
}

impl Call<'_> {
    /// The attribute of a parameter.
    pub fn attr(&self, name: &str) -> &Attr {
        static NONE: Attr = Attr::None;
        self.prim.attr_index(name).and_then(|i| self.attrs.get(i)).unwrap_or(&NONE)
    }

    pub fn set(&mut self, name: &str, value: Attr) {
        if let Some(i) = self.prim.attr_index(name)
            && let Some(slot) = self.attrs.get_mut(i)
        {
            *slot = value;
        }
    }
}

impl Prim {
    /// Where among the attributes a parameter's value is.
    pub fn attr_index(&self, name: &str) -> Option<usize> {
        self.params.iter().filter(|p| !p.is_array()).position(|p| p.name == name)
    }

    /// Number of array parameters.
    pub fn arity(&self) -> usize {
        self.params.iter().filter(|p| p.is_array()).count()
    }

    pub fn is_map(&self) -> bool {
        matches!(self.body, Body::Map(_))
    }

    pub fn is_reduce(&self) -> bool {
        matches!(self.body, Body::Reduce(_))
    }

    pub fn is_view(&self) -> bool {
        matches!(self.body, Body::View(_))
    }
}

impl Param {
    pub fn is_array(&self) -> bool {
        matches!(self.kind, ParamKind::Array | ParamKind::Arrays)
    }
}

impl Fold {
    /// The value of folding nothing, as f64 and i64; `None` where folding nothing is an error.
    pub fn empty(self) -> Option<(f64, i64)> {
        match self {
            Fold::Sum | Fold::Any => Some((0.0, 0)),
            Fold::Prod | Fold::All => Some((1.0, 1)),
            _ => None,
        }
    }

    /// Whether the result is a position, not an element.
    pub fn is_arg(self) -> bool {
        matches!(self, Fold::ArgMax | Fold::ArgMin)
    }

    pub fn name(self) -> &'static str {
        match self {
            Fold::Sum => "sum",
            Fold::Prod => "prod",
            Fold::Max => "max",
            Fold::Min => "min",
            Fold::All => "all",
            Fold::Any => "any",
            Fold::ArgMax => "argmax",
            Fold::ArgMin => "argmin",
        }
    }
}

impl Types {
    /// Every input converted to one dtype, the result another.
    pub fn all(n: usize, each: DType, out: DType) -> Types {
        Types { ins: SmallVec::from_elem(each, n), out }
    }

    /// Whether an input or the result has that dtype.
    pub fn has(&self, dtype: DType) -> bool {
        self.out == dtype || self.ins.contains(&dtype)
    }
}

impl std::fmt::Debug for Prim {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The dtype kind that a weak number brings.
pub fn weak_kind(dtype: DType) -> Kind {
    dtype.kind()
}
