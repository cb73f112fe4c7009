//! Types of registers. A register holds the bits of its type's number, low bytes first, as `graph::bits_of` makes them.

use crate::base::{DType, Kind, Shape};
use crate::graph::{Data, Expr, Place, bits_of};
use crate::lang::value::Value;

/// What a variable holds at some place of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ty {
    /// No value yet.
    Unset,
    /// A value that registers do not hold.
    Other,
    /// Weak numbers.
    Int,
    Float,
    Bool,
    /// A number with a dtype of its own: `x[i]`.
    Strong(DType, Place),
    /// The array of that number in the routine's table.
    Array(u16),
    /// The function of that number in the routine's table.
    Callable(u16),
    /// A tuple of numbers, each in a register: the one of that number in the routine's table.
    Tuple(u16),
}

/// What a function is given, or gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Given {
    /// A number, or what goes along without a register.
    One(Ty),
    /// A tuple of numbers.
    Items(Vec<Ty>),
}

impl Given {
    pub fn types(&self) -> &[Ty] {
        match self {
            Given::One(ty) => std::slice::from_ref(ty),
            Given::Items(items) => items,
        }
    }

    /// The items of a tuple.
    pub fn items(&self) -> &[Ty] {
        match self {
            Given::One(_) => &[],
            Given::Items(items) => items,
        }
    }
}

/// Items of the longest tuple that registers hold.
pub const WIDEST: usize = 8;

impl Ty {
    /// The dtype of a number's bits.
    pub fn dtype(self) -> Option<DType> {
        match self {
            Ty::Int => Some(DType::I64),
            Ty::Float => Some(DType::F64),
            Ty::Bool => Some(DType::Bool),
            Ty::Strong(d, _) => Some(d),
            _ => None,
        }
    }

    pub fn is_weak(self) -> bool {
        matches!(self, Ty::Int | Ty::Float | Ty::Bool)
    }

    /// Weak numbers that arithmetic takes for ints.
    pub fn is_int(self) -> bool {
        matches!(self, Ty::Int | Ty::Bool)
    }

    pub fn place(self) -> Place {
        match self {
            Ty::Strong(_, p) => p,
            _ => Place::Array,
        }
    }

    /// The type that a result without a dtype of its own has.
    pub fn weak(kind: Kind) -> Ty {
        match kind {
            Kind::Bool => Ty::Bool,
            Kind::Int => Ty::Int,
            Kind::Float => Ty::Float,
        }
    }

    /// Some number of this type: what dtype rules are asked about.
    pub fn sample(self) -> Option<Expr> {
        Some(match self {
            Ty::Int => Expr::weak(0i64),
            Ty::Float => Expr::weak(0.0),
            Ty::Bool => Expr::weak(false),
            Ty::Strong(d, p) => Expr::full(Shape::scalar(), 0, d, p),
            _ => return None,
        })
    }

    /// The value of a register.
    pub fn value(self, bits: u64) -> Option<Value> {
        Some(match self {
            Ty::Int => Value::Int(bits as i64),
            Ty::Float => Value::Float(f64::from_bits(bits)),
            Ty::Bool => Value::Bool(bits != 0),
            Ty::Strong(d, p) => Value::Array(Expr::full(Shape::scalar(), bits, d, p)),
            _ => return None,
        })
    }
}

/// The type and bits of a number; `None` for anything else. Pending ones are computed.
#[inline]
pub fn number(v: &Value) -> Option<(Ty, u64)> {
    Some(match v {
        Value::Int(i) => (Ty::Int, *i as u64),
        Value::Float(x) => (Ty::Float, x.to_bits()),
        Value::Bool(b) => (Ty::Bool, bits_of(*b)),
        Value::Array(e) if e.rank() == 0 => {
            if e.is_weak() || e.node().marks.live() || !has_lanes(e.dtype()) {
                return None;
            }
            let bits = match e.data() {
                Some(Data::Number(bits)) => *bits,
                _ => e.item_bits().ok()?,
            };
            (Ty::Strong(e.dtype(), e.place()), bits)
        }
        _ => return None,
    })
}

/// The items of a tuple of a few numbers.
pub fn numbers(v: &Value) -> Option<Vec<(Ty, u64)>> {
    match v {
        Value::Tuple(items) if (1..=WIDEST).contains(&items.len()) => items.iter().map(number).collect(),
        _ => None,
    }
}

/// An array whose elements can be read one by one: dtype, place, rank.
pub fn array(v: &Value) -> Option<(DType, Place, usize)> {
    match v {
        Value::Array(e)
            if (1..=2).contains(&e.rank()) && !e.node().marks.live() && !e.is_broken() && has_lanes(e.dtype()) =>
        {
            Some((e.dtype(), e.place(), e.rank()))
        }
        _ => None,
    }
}

/// Whether numbers of a dtype are computed with as they are; f16 go the way of arrays, through f32.
fn has_lanes(dtype: DType) -> bool {
    dtype != DType::F16
}
