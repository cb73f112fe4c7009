//! What the examples of every primitive call: sample inputs for checks of all of them.

use std::cell::RefCell;
use std::collections::HashMap;

use nevel::base::Host;
use nevel::graph::apply::watch;
use nevel::graph::{Attrs, Expr, Prim};
use nevel::ops;
use nevel::session::{Options, Session};

#[derive(Clone)]
pub struct Sample {
    pub prim: &'static Prim,
    pub ins: Vec<Host>,
    pub weak: Vec<bool>,
    pub attrs: Attrs,
}

thread_local! {
    static SEEN: RefCell<Vec<Sample>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what a call is made with, where it is there already.
pub fn collect(prim: &'static Prim, ins: &[Expr], attrs: &Attrs) {
    // Only what is already there is copied: forcing inside a call would change what is tested.
    let hosts: Option<Vec<Host>> = ins.iter().map(|e| if e.is_realised() { e.host().ok() } else { None }).collect();
    if let Some(hosts) = hosts {
        let weak = ins.iter().map(Expr::is_weak).collect();
        SEEN.with(|s| s.borrow_mut().push(Sample { prim, ins: hosts, weak, attrs: attrs.clone() }));
    }
}

/// What was collected since this was asked last.
pub fn taken() -> Vec<Sample> {
    SEEN.with(|s| std::mem::take(&mut *s.borrow_mut()))
}

/// The inputs of the `> ` lines of a doc text.
pub fn inputs(doc: &str) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    for line in doc.lines().map(str::trim_start) {
        if let Some(rest) = line.strip_prefix("> ") {
            out.push(rest.to_string());
        } else if let (Some(rest), Some(last)) = (line.strip_prefix(". "), out.last_mut()) {
            last.push('\n');
            last.push_str(rest);
        }
    }
    out
}

/// What the examples of every primitive call, by primitive.
pub fn samples() -> HashMap<&'static str, Vec<Sample>> {
    let mut by_name: HashMap<&'static str, Vec<Sample>> = HashMap::new();
    for prim in ops::all() {
        let mut session = Session::new(Options::default());
        watch(Some(collect));
        for input in inputs(prim.doc) {
            let outcome = session.run_cell("<example>", &input);
            assert!(outcome.faults.is_empty(), "{}: `{input}` fails: {}", prim.name, outcome.faults[0].message);
        }
        watch(None);
        let seen = taken();
        by_name.entry(prim.name).or_default().extend(seen.into_iter().filter(|s| std::ptr::eq(s.prim, prim)));
    }
    by_name
}
