//! Functions: closures of the language, and functions that Rust makes at run time (`grad(f)`).

use std::cell::RefCell;
use std::rc::Rc;

use super::interp::Interp;
use super::value::Value;
use crate::base::Result;

/// A variable that a closure shares with the function around it; empty until it is assigned.
pub type Cell = Rc<RefCell<Option<Value>>>;

/// A function that is a value.
pub struct Function {
    pub name: Rc<str>,
    pub kind: Kind,
}

/// What runs.
pub enum Kind {
    /// Made in Rust: gets positional arguments as they come.
    Made(Made),
}

/// The body of a function made in Rust.
pub type Made = Box<dyn Fn(&mut Interp, Vec<Value>) -> Result<Value>>;

impl Function {
    /// A function value from Rust.
    pub fn made(name: &str, run: impl Fn(&mut Interp, Vec<Value>) -> Result<Value> + 'static) -> Value {
        Value::Function(Rc::new(Function { name: name.into(), kind: Kind::Made(Box::new(run)) }))
    }
}

impl Function {
    /// As a user reads it: `f(x, y=2)`.
    pub fn signature(&self) -> String {
        format!("{}(…)", self.name)
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}(…)", self.name)
    }
}
