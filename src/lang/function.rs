//! Functions: closures of the language, and functions that Rust makes at run time (`grad(f)`).

use std::cell::RefCell;
use std::rc::Rc;

use super::code::Lambda;
use super::interp::Interp;
use super::value::Value;
use crate::base::Result;

/// A variable that a closure shares with the function around it; empty until it is assigned.
pub type Cell = Rc<RefCell<Option<Value>>>;

/// A function that is a value.
pub enum Function {
    /// Written in the language: its code, and the variables it took along.
    Closure { code: Rc<Lambda>, cells: Box<[Cell]> },
    /// Made in Rust: gets positional arguments as they come.
    Made { name: Rc<str>, run: Made },
}

/// The body of a function made in Rust.
pub type Made = Box<dyn Fn(&mut Interp, Vec<Value>) -> Result<Value>>;

impl Function {
    /// A function value from Rust.
    pub fn made(name: &str, run: impl Fn(&mut Interp, Vec<Value>) -> Result<Value> + 'static) -> Value {
        Value::Function(Rc::new(Function::Made { name: name.into(), run: Box::new(run) }))
    }

    /// Empty for one without a name.
    pub fn name(&self) -> &str {
        match self {
            Function::Closure { code, .. } => &code.name,
            Function::Made { name, .. } => name,
        }
    }

    /// As a user reads it: `f(x, y=2)`.
    pub fn signature(&self) -> String {
        match self {
            Function::Closure { code, .. } => code.signature.to_string(),
            Function::Made { name, .. } => format!("{name}(…)"),
        }
    }

    pub fn code(&self) -> Option<Rc<Lambda>> {
        match self {
            Function::Closure { code, .. } => Some(code.clone()),
            Function::Made { .. } => None,
        }
    }

    /// The `##` lines above its definition.
    pub fn docs(&self) -> &str {
        match self {
            Function::Closure { code, .. } => &code.docs,
            Function::Made { .. } => "",
        }
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.signature())
    }
}
