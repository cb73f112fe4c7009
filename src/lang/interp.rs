//! The interpreter's state, and what builtins may ask of it.

use std::io::Write;

use super::value::Value;
use crate::base::{Fault, Result};
use crate::graph::Place;

/// Everything that evaluation reads and changes.
pub struct Interp {
    /// Where `print` goes.
    pub out: Box<dyn Write>,
    pub random: Random,
    /// The command line's arguments: `args`.
    pub args: Vec<String>,
    /// Where `tensor(x)` puts things.
    pub device: Place,
}

/// The state of the random functions: the stream is Philox keyed by seed and number of the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Random {
    pub seed: u64,
    pub calls: u64,
}

impl Random {
    /// The key of the next call.
    pub fn key(&mut self) -> i64 {
        self.calls += 1;
        crate::ops::source::key_of(self.seed, self.calls)
    }
}

impl Interp {
    /// Calls a function value with positional arguments.
    pub fn call(&mut self, f: &Value, args: Vec<Value>) -> Result<Value> {
        let _ = args;
        Err(Fault::new(format!("{} is no function", f.type_name())))
    }

    /// Writes to the program's output. A reader that went away ends the program where it can be ended quietly.
    pub fn print(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(|e| Fault::new(format!("cannot write the output: {e}")))
    }
}
