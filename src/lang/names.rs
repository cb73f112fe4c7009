//! The tables that names are looked up in: the variables of modules, and the functions of the house.
//!
//! In: names, while code is resolved. Out: numbers, while it runs. A module's variable that has no value stands back for
//! the function of the house of the same name, so a user's `sum` hides ours, at once and everywhere, and only there.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

use super::builtin::{self, Run};
use super::code::NONE;
use super::forms;
use super::prelude;
use super::value::Value;
use crate::base::DType;

/// The variables of all modules, by slot.
#[derive(Default)]
pub struct Globals {
    pub values: Vec<Option<Value>>,
    /// Name and module of every slot.
    pub names: Vec<(Rc<str>, u32)>,
}

/// The names of one program or file.
#[derive(Default)]
pub struct Module {
    pub slots: HashMap<Rc<str>, u32>,
    /// Names that functions of this module read: loops at the top then carry them.
    pub read_by_functions: HashSet<Rc<str>>,
    /// The file, whose folder imports are relative to.
    pub path: Option<PathBuf>,
    /// A program of the house: it sees no user's variables.
    pub house: bool,
}

/// The functions and constants of the house, by number; made when first mentioned.
#[derive(Default)]
pub struct Library {
    numbers: HashMap<Rc<str>, u32>,
    pub items: Vec<LibraryItem>,
}

pub struct LibraryItem {
    pub name: Rc<str>,
    /// `None` for a definition of the prelude that nobody used yet.
    pub value: Option<Value>,
}

/// Constants: name, value, help.
const CONSTANTS: &[(&str, Value, &str)] = &[
    ("pi", Value::Float(std::f64::consts::PI), "The circumference of a circle of diameter 1."),
    ("e", Value::Float(std::f64::consts::E), "The base of the natural logarithm: exp(1)."),
    ("inf", Value::Float(f64::INFINITY), "The float above all others; -inf is below them."),
    ("nan", Value::Float(f64::NAN), "The float that is no number, and equals nothing, itself included: ask isnan(x)."),
    ("newaxis", Value::None, "As an index, a new axis of size 1: x[:, newaxis]. The same as none."),
];

/// The one name of the house that depends on where it is read: the resolver knows the file.
pub const HERE: &str = "here";

const ABOUT_HERE: &str = "The folder of the running file, for files that lie beside it: load(\"{here}/data.csv\").
In the REPL and with -e it is \".\", the working directory, to which file names are relative.";

/// What people write who come from Python, and what it is here.
const HABITS: &[(&str, &str)] = &[
    ("True", "true"),
    ("False", "false"),
    ("None", "none"),
    ("null", "none"),
    ("nil", "none"),
    ("NULL", "none"),
    ("Null", "none"),
    ("nullptr", "none"),
    ("undefined", "none"),
    ("NA", "nan"),
    ("np", ""),
    ("numpy", ""),
    ("torch", ""),
    ("jnp", ""),
    ("jax", ""),
    ("math", ""),
    ("F", "nn"),
    ("scipy", ""),
    ("range", "0..n"),
    ("lambda", "x -> …"),
    ("self", ""),
    ("str", "text"),
    ("elif", "else if"),
    ("def", "fn f(x) { … }"),
    ("dtype", "x.dtype"),
    ("shape", "x.shape"),
];

/// What people look for who come from Python and PyTorch, and what there is in its place.
const ADVICE: &[(&str, &str)] = &[
    ("fft", "Fourier transforms come with complex numbers, which are not there yet; convolve and correlate are"),
    ("plot", "plots are not there yet: save(x, \"x.csv\") writes what another program can plot"),
    ("cuda", "to(x, \"gpu\") moves x; devices() lists the devices"),
    ("cpu", "to(x, \"cpu\") moves x, array(x) makes it an array"),
    ("backward", "grad(loss, x) gives the gradient by x"),
    ("zero_grad", "leave it out: grad(expr, x) starts anew every time"),
    ("requires_grad_", "leave it out: grad(expr, x) works on any x"),
    ("no_grad", "leave it out: only what grad(expr, x) evaluates is recorded; stop(x) cuts"),
    ("manual_seed", "write `seed(3)`"),
    ("parameters", "parameters are a record of yours: p = {w: randn(3, 2), b: zeros(2)}"),
    ("step", "p, opt = opt.update(p, g) makes a step, after opt = optim.adam(p)"),
    ("Sequential", "a model is a function of yours: f(p, x) = relu(x @ p.w1) @ p.w2"),
    ("Module", "a model is a function of yours: f(p, x) = relu(x @ p.w1) @ p.w2"),
    ("CrossEntropyLoss", "write `cross_entropy(logits, target)`"),
    ("MSELoss", "write `mse(x, target)`"),
    ("L1Loss", "write `mae(x, target)`"),
    ("BCELoss", "write `bce(p, target)`"),
    ("BCEWithLogitsLoss", "write `bce_with_logits(logits, target)`"),
    ("autograd", "grad(expr, x) gives the gradient by x"),
    ("push", "t = (...t, x) adds x to a tuple, append(a, x) to an array"),
    ("extend", "t = (...t, ...u) joins tuples, concat((a, b)) arrays"),
    ("pop", "t[:-1] is a tuple or an array without the last item, t[-1] is that item"),
    ("view", "write `reshape`"),
    ("t", "write `x.T`"),
    ("numel", "write `x.size`"),
    ("nelement", "write `x.size`"),
    ("dim", "write `x.ndim`"),
    ("clone", "leave it out: values never change, so `y = x` is as good as a copy"),
    ("copy", "leave it out: values never change, so `y = x` is as good as a copy"),
    ("deepcopy", "leave it out: values never change, so `y = x` is as good as a copy"),
    ("contiguous", "leave it out: how an array lies in memory never shows"),
    ("half", "write `f16(x)`"),
    ("double", "write `f64(x)`"),
    ("long", "write `i64(x)`"),
    ("float32", "write `f32`"),
    ("float64", "write `f64`"),
    ("float16", "write `f16`"),
    ("int64", "write `i64`"),
    ("int32", "write `i64`"),
    ("length", "write `len(x)`, or `x.size` for the number of all elements"),
    ("end", "the last element is x[-1], a slice to the end x[2:]; a block ends with `}`"),
    ("read_csv", "load(\"data.csv\") reads a file"),
    ("to_csv", "save(\"data.csv\", x) writes a file"),
    ("argv", "write `args`"),
    ("list", "a tuple holds mixed things: (a, b); an array holds numbers: [a, b]"),
    ("dict", "a record has named fields: {a: 1, b: 2}"),
    ("set", "unique(x) keeps one of each"),
    ("object", "a record has named fields: {a: 1, b: 2}"),
    ("open", "load(path) reads a file and save(path, x) writes one"),
    ("sorted", "write `sort`"),
    ("time", "clock() gives seconds"),
    ("isinstance", "type(x) names the type of x as text"),
    ("println", "write `print`"),
    ("printf", "print(\"x is {x:.3f}\") formats"),
    ("echo", "write `print`"),
    ("quit", "exit() ends the program, Ctrl-D the REPL"),
    ("help", "?name shows a page in the REPL, nevel doc NAME in a shell"),
    ("del", "variables need no deleting; assign none to let go of a large one"),
    ("pass", "an empty block is { }"),
    ("Inf", "write `inf`"),
    ("NaN", "write `nan`"),
    ("PI", "write `pi`"),
    ("Tensor", "write `tensor`"),
];

impl Globals {
    pub fn add(&mut self, name: &Rc<str>, module: u32) -> u32 {
        self.values.push(None);
        self.names.push((name.clone(), module));
        (self.values.len() - 1) as u32
    }
}

impl Library {
    /// The number of a name of the house, or `NONE`.
    pub fn find(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let Some(value) = make(name) else { return NONE };
        let name: Rc<str> = name.into();
        self.items.push(LibraryItem { name: name.clone(), value });
        let number = (self.items.len() - 1) as u32;
        self.numbers.insert(name, number);
        number
    }
}

/// The value of a name of the house; `Some(None)` if the prelude has it.
fn make(name: &str) -> Option<Option<Value>> {
    let builtin = builtin::find(name);
    if let Some(b) = builtin.filter(|b| matches!(b.run, Run::Native(_))) {
        return Some(Some(Value::Builtin(b)));
    }
    if let Some(b) = forms::find(name) {
        return Some(Some(Value::Builtin(b)));
    }
    if prelude::source(name).is_some() {
        return Some(None);
    }
    if let Some(b) = builtin {
        return Some(Some(Value::Builtin(b)));
    }
    if let Some((_, value, _)) = CONSTANTS.iter().find(|(n, ..)| *n == name) {
        return Some(Some(value.clone()));
    }
    if name == HERE {
        return Some(Some(Value::text(".")));
    }
    if let Some(dtype) = DType::from_name(name) {
        return Some(Some(Value::DType(dtype)));
    }
    is_space(name).then(|| Some(Value::Space(Rc::new(name.to_string()))))
}

/// Every name of the house, namespaces' members with their dots.
pub fn house_names() -> impl Iterator<Item = &'static str> {
    let constants = CONSTANTS.iter().map(|(n, ..)| *n).chain([HERE]);
    let dtypes = DType::all().map(|d| d.name());
    let forms = forms::BUILTINS.iter().map(|b| b.name);
    builtin::all().keys().copied().chain(forms).chain(prelude::names()).chain(constants).chain(dtypes)
}

/// The help of a constant of the house; empty for other names.
pub fn about(name: &str) -> &'static str {
    let constant = || CONSTANTS.iter().find(|(n, ..)| *n == name).map_or("", |(_, _, about)| about);
    if name == HERE { ABOUT_HERE } else { constant() }
}

/// Whether some name of the house is in that namespace.
pub fn is_space(name: &str) -> bool {
    house_names().any(|n| n.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// What a name from another language is called here; empty where it is to be left out.
pub fn habit(name: &str) -> Option<&'static str> {
    HABITS.iter().find(|(n, _)| *n == name).map(|(_, ours)| *ours)
}

/// What to write in place of a name from another language, where that is more than another name.
pub fn advice(name: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(n, _)| *n == name).map(|(_, words)| *words)
}

/// The dtype that other languages call so.
pub fn foreign_dtype(name: &str) -> Option<&'static str> {
    Some(match name {
        "float32" | "single" => "f32",
        "float" | "float64" | "double" => "f64",
        "float16" | "half" => "f16",
        "int" | "long" | "int64" | "int32" | "int16" | "int8" | "uint8" | "uint16" | "uint32" | "uint64" => "i64",
        "boolean" => "bool",
        _ => return None,
    })
}

/// Whether it is a library of Python's that people put before function names.
pub fn is_foreign_library(name: &str) -> bool {
    matches!(
        name,
        "np" | "numpy" | "torch" | "jnp" | "jax" | "math" | "F" | "scipy" | "plt" | "pd" | "tf" | "sys" | "os"
    )
}
