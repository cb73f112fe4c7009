//! Values: what a name holds. Sixteen bytes; numbers are unboxed and never touch the graph.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::builtin::Builtin;
use super::function::Function;
use super::interp::Interp;
use crate::base::{DType, Result};
use crate::graph::Expr;

/// A value of the language. Cloning is cheap and never aliases observably: values do not change.
#[derive(Clone)]
pub enum Value {
    None,
    Bool(bool),
    /// A weak int: it takes the dtype of the array it meets.
    Int(i64),
    /// A weak float.
    Float(f64),
    Text(Rc<String>),
    /// An array or tensor, also of no axes (`x[0]`, `sum(x)`): a number with a dtype of its own.
    Array(Expr),
    Tuple(Rc<Vec<Value>>),
    Record(Rc<Record>),
    Range(Rc<Range>),
    /// `f64`, as in `astype(x, f64)`; calling it converts.
    DType(DType),
    /// A function written in the language.
    Function(Rc<Function>),
    /// A function of the house: a primitive, or one written in Rust.
    Builtin(&'static Builtin),
    /// A namespace of the house: `linalg`.
    Space(Rc<String>),
    /// Something that only `for` can read: `progress(x)`.
    Stream(Rc<Stream>),
}

/// What `for` reads item by item. Each loop starts it anew; what it hands out is dropped when the loop ends.
pub struct Stream {
    pub name: &'static str,
    pub start: Start,
}

/// Begins to go through a stream.
pub type Start = Box<dyn Fn(&mut Interp) -> Result<Box<dyn Steps>>>;

/// A started stream.
pub trait Steps {
    /// The next item; `None` at the end.
    fn next(&mut self, interp: &mut Interp) -> Result<Option<Value>>;
}

/// Named fields in order. Where they are few a scan beats a map; many are found by an index, made when first asked.
#[derive(Default)]
pub struct Record {
    fields: Vec<(Rc<str>, Value)>,
    index: RefCell<Index>,
}

/// Where the first `known` fields are; of equal names the first counts. Fields come last and never go, so what is known
/// stays true.
#[derive(Default)]
struct Index {
    known: usize,
    at: HashMap<Rc<str>, usize>,
}

/// Up to so many fields are scanned.
const FEW: usize = 16;

/// `start..end by step`; exclusive ends are stored, so that `0..=10` has end 11.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub start: i64,
    pub end: i64,
    pub step: i64,
}

impl Clone for Record {
    fn clone(&self) -> Record {
        Record::from(self.fields.clone())
    }
}

impl From<Vec<(Rc<str>, Value)>> for Record {
    fn from(fields: Vec<(Rc<str>, Value)>) -> Record {
        Record { fields, index: RefCell::default() }
    }
}

impl Record {
    pub fn fields(&self) -> &[(Rc<str>, Value)] {
        &self.fields
    }

    fn find(&self, name: &str) -> Option<usize> {
        if self.fields.len() <= FEW {
            return self.fields.iter().position(|(n, _)| &**n == name);
        }
        let mut index = self.index.borrow_mut();
        for (i, (n, _)) in self.fields.iter().enumerate().skip(index.known) {
            index.at.entry(n.clone()).or_insert(i);
        }
        index.known = self.fields.len();
        index.at.get(name).copied()
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.find(name).map(|i| &self.fields[i].1)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.find(name).map(|i| &mut self.fields[i].1)
    }

    /// As `set`, sharing the name.
    pub fn put(&mut self, name: &Rc<str>, value: Value) {
        match self.get_mut(name) {
            Some(slot) => *slot = value,
            None => self.fields.push((name.clone(), value)),
        }
    }

    /// Replaces the field in place or adds it last.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.get_mut(name) {
            Some(slot) => *slot = value,
            None => self.fields.push((name.into(), value)),
        }
    }
}

impl Range {
    /// The number of ints in it.
    pub fn len(&self) -> usize {
        let (span, step) = ((self.end as i128) - (self.start as i128), self.step as i128);
        if step == 0 || (span > 0) != (step > 0) || span == 0 {
            0
        } else {
            (span.unsigned_abs().div_ceil(step.unsigned_abs())) as usize
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Value {
    pub fn text(s: impl Into<String>) -> Value {
        Value::Text(Rc::new(s.into()))
    }

    pub fn tuple(items: Vec<Value>) -> Value {
        Value::Tuple(Rc::new(items))
    }

    pub fn record(fields: Vec<(Rc<str>, Value)>) -> Value {
        Value::Record(Rc::new(Record::from(fields)))
    }

    /// What a message calls it: `f64[3, 4]`, `int`, `text`, `a record`.
    pub fn type_name(&self) -> String {
        match self {
            Value::None => "none".into(),
            Value::Bool(_) => "bool".into(),
            Value::Int(_) => "int".into(),
            Value::Float(_) => "float".into(),
            Value::Text(_) => "text".into(),
            Value::Array(e) => e.type_name(),
            Value::Tuple(t) => format!("tuple of {}", t.len()),
            Value::Record(_) => "record".into(),
            Value::Range(_) => "range".into(),
            Value::DType(_) => "dtype".into(),
            Value::Function(_) | Value::Builtin(_) => "function".into(),
            Value::Space(_) => "namespace".into(),
            Value::Stream(_) => "stream".into(),
        }
    }
}

impl From<Expr> for Value {
    fn from(e: Expr) -> Value {
        Value::Array(e)
    }
}
