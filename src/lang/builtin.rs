//! Builtins: functions of the house that a user calls by name. Primitives become builtins by themselves; the ones here
//! need values that are no arrays, the interpreter, or the world outside. One record each.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::builtins::NATIVE;
use super::interp::Interp;
use super::value::Value;
use crate::base::Result;
use crate::graph::Prim;
use crate::graph::prim::Default;

/// A callable of the house.
pub struct Builtin {
    /// With its namespace where it has one: `linalg.solve`.
    pub name: &'static str,
    /// As a user reads it: `zeros(*shape, dtype=f64)`; the parameters' names and defaults are taken from here.
    /// A default is a number, a text, `true`, `false`, `none`, `()` or a dtype's name.
    pub signature: &'static str,
    /// Prose, then examples in the `> ` notation.
    pub doc: &'static str,
    pub run: Run,
}

/// What a builtin does when called.
pub enum Run {
    /// A primitive: arguments are turned into arrays and attributes by its parameters.
    Prim(&'static Prim),
    /// Arguments bound to the signature's parameters in order; absent optional ones are their defaults.
    /// A `*rest` parameter comes as a tuple. Sides of a fault count these parameters.
    Native(fn(&mut Interp, &[Value]) -> Result<Value>),
}

/// Every builtin by its full name: what is written in Rust, then the primitives.
pub fn all() -> &'static HashMap<&'static str, &'static Builtin> {
    static ALL: OnceLock<HashMap<&'static str, &'static Builtin>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all: HashMap<&'static str, &'static Builtin> = HashMap::new();
        for prim in crate::ops::all() {
            // One record per primitive for the life of the process.
            let record = Builtin {
                name: prim.name,
                signature: Box::leak(signature_of(prim).into_boxed_str()),
                doc: prim.doc,
                run: Run::Prim(prim),
            };
            all.insert(prim.name, Box::leak(Box::new(record)));
        }
        for builtin in NATIVE.iter().flat_map(|list| list.iter()) {
            all.insert(builtin.name, builtin);
        }
        all
    })
}

/// The builtin of that full name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    all().get(name).copied()
}

/// `sum(x, axis=none, keepdims=false)` from a primitive's parameters.
pub fn signature_of(prim: &Prim) -> String {
    let params: Vec<String> = prim
        .params
        .iter()
        .map(|p| match p.default {
            Default::Required => p.name.to_string(),
            Default::None => format!("{}=none", p.name),
            Default::Bool(b) => format!("{}={b}", p.name),
            Default::Int(i) => format!("{}={i}", p.name),
            Default::Float(x) => format!("{}={x}", p.name),
            Default::Text(t) => format!("{}=\"{t}\"", p.name),
        })
        .collect();
    format!("{}({})", prim.name, params.join(", "))
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
