//! The interpreter's state, and what builtins may ask of it.
//!
//! In: programs, one after the other. Out: values. The variables of running functions lie in one stack of slots; those
//! that closures share are cells of their own.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

use super::cache::Cache;
use super::code::Lambda;
use super::eval::{Dry, Flow};
use super::function::Cell;
use super::names::{Globals, Library, Module};
use super::signature::Signature;
use super::value::Value;
use crate::base::{Fault, Result, Sources, Span};
use crate::graph::Place;
use crate::show::Style;

/// Everything that evaluation reads and changes.
pub struct Interp {
    /// Where `print` goes.
    pub out: Box<dyn Write>,
    /// How `print` shows arrays and numbers.
    pub style: Style,
    pub random: Random,
    /// Whether `exit()` ends the process: not where examples run.
    pub may_exit: bool,
    /// Where `tensor` puts things; `none` until somebody asks: looking for GPUs takes time.
    pub device: Option<Place>,
    pub sources: Sources,
    /// Called with the value of every expression statement at the top of the main program.
    pub echo: Option<Echo>,
    pub(super) globals: Globals,
    pub(super) modules: Vec<Module>,
    pub(super) library: Library,
    /// Variables that are computed when first read: `input`.
    pub(super) late: HashMap<Rc<str>, Late>,
    pub(super) stack: Vec<Option<Value>>,
    pub(super) base: usize,
    pub(super) cells: Vec<Cell>,
    pub(super) cell_base: usize,
    pub(super) depth: usize,
    /// A `break`, `continue` or `return` on its way out of an expression.
    pub(super) flow: Option<Flow>,
    pub(super) returned: Value,
    /// The derivative being taken.
    pub(super) form: Span,
    /// Files that were imported, with their records; `None` while one is running.
    pub(super) files: HashMap<PathBuf, Option<Value>>,
    /// The module whose top is running.
    pub(super) module: u32,
    pub(super) signatures: Cache<Rc<Signature>>,
    pub(super) scalar_types: Cache<super::prim::ScalarTypes>,
    /// Which sources, by number, are texts of the prelude; faults in them are shown where they were called.
    pub(super) house_sources: Vec<bool>,
    /// Loops and functions that ran so often leave the walk; `fast::NEVER` keeps them in it.
    pub hot: u32,
    /// And those that go on for so many turns become machine code; `fast::COLD` keeps them interpreted.
    pub warm: Option<u64>,
    pub(super) machine: super::fast::Machine,
    /// There while a program is only checked.
    pub(super) dry: Option<Box<Dry>>,
}

/// What shows a value.
pub type Echo = Box<dyn FnMut(&mut dyn Write, &Value) -> Result<()>>;

/// Computes a variable when it is first read.
pub type Late = Box<dyn FnOnce(&mut Interp) -> Result<Value>>;

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

/// The module that programs of the user run in.
pub const MAIN: u32 = 0;

impl Interp {
    pub fn new() -> Interp {
        Interp {
            out: Box::new(std::io::stdout()),
            style: Style::PLAIN,
            random: Random { seed: 0, calls: 0 },
            may_exit: true,
            device: None,
            sources: Sources::default(),
            echo: None,
            globals: Globals::default(),
            modules: vec![Module::default()],
            library: Library::default(),
            late: HashMap::new(),
            stack: vec![],
            base: 0,
            cells: vec![],
            cell_base: 0,
            depth: 0,
            flow: None,
            returned: Value::None,
            form: Span::default(),
            files: HashMap::new(),
            module: MAIN,
            signatures: Cache::default(),
            scalar_types: Cache::default(),
            house_sources: vec![],
            hot: super::fast::HOT,
            warm: super::fast::warm(),
            machine: super::fast::Machine::default(),
            dry: None,
        }
    }

    /// Where `tensor(x)` puts things.
    pub fn default_place(&mut self) -> Place {
        *self.device.get_or_insert_with(crate::device::best)
    }

    /// Calls a function value with positional arguments.
    pub fn call(&mut self, f: &Value, args: Vec<Value>) -> Result<Value> {
        self.call_value(f, super::args::Args::positional(args), None)
    }

    /// Writes to the program's output. A reader that went away ends the program where it can be ended quietly.
    pub fn print(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(|e| Fault::new(format!("cannot write the output: {e}")))
    }

    /// The value of a variable of the user's program.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let slot = *self.modules[MAIN as usize].slots.get(name)?;
        self.globals.values[slot as usize].as_ref()
    }

    /// Gives a variable of the user's program a value.
    pub fn set(&mut self, name: &str, value: Value) {
        let name: Rc<str> = name.into();
        let slot = match self.modules[MAIN as usize].slots.get(&name) {
            Some(&slot) => slot,
            None => {
                let slot = self.globals.add(&name, MAIN);
                self.modules[MAIN as usize].slots.insert(name, slot);
                slot
            }
        };
        self.globals.values[slot as usize] = Some(value);
    }

    /// A variable that is computed when it is first read.
    pub fn set_late(&mut self, name: &str, make: impl FnOnce(&mut Interp) -> Result<Value> + 'static) {
        self.late.insert(name.into(), Box::new(make));
    }

    /// The variables of a module that have a value, in the order first met.
    pub fn defined(&self, module: u32) -> impl Iterator<Item = &str> {
        let names = self.globals.names.iter().zip(&self.globals.values);
        names.filter(move |((_, m), v)| *m == module && v.is_some()).map(|((name, _), _)| &**name)
    }

    /// A name of the house, by its full name; a definition of the prelude is read when first asked for.
    pub fn house(&mut self, name: &str) -> Option<Result<Value>> {
        match self.library.find(name) {
            super::code::NONE => None,
            number => Some(self.library_value(number)),
        }
    }

    /// The source text under a span.
    pub fn source(&self, span: Span) -> &str {
        self.sources.text(span)
    }

    /// The code of a function written in the language.
    pub fn code_of(f: &Value) -> Option<Rc<Lambda>> {
        match f {
            Value::Function(f) => f.code(),
            _ => None,
        }
    }
}

impl Default for Interp {
    fn default() -> Interp {
        Interp::new()
    }
}
