//! Every `> ` example in the docs of primitives and natives, run through a session. Those of the prelude are in files of
//! the language, which `nevel test` reads (tests/transcripts.rs).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;

use nevel::lang::text::{quote, text};
use nevel::lang::{Value, builtin, prelude};
use nevel::session::{Options, Session, with_stack};
use nevel::show::Style;

/// What a session prints, to be looked at.
#[derive(Clone, Default)]
struct Page(Rc<RefCell<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Inputs and the output that each should have.
fn examples(doc: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = vec![];
    let mut inside = false;
    for line in doc.lines() {
        let line = line.trim_start_matches("##").trim();
        if let Some(input) = line.strip_prefix("> ") {
            out.push((input.to_string(), String::new()));
            inside = true;
        } else if line.is_empty() {
            inside = false;
        } else if let (true, Some(last)) = (inside, out.last_mut()) {
            last.1 += line;
            last.1 += "\n";
        }
    }
    out
}

/// Line breaks inside brackets are a matter of width.
fn flat(text: &str) -> String {
    let (mut depth, mut out) = (0, String::new());
    for c in text.trim_end().chars() {
        depth += "([{".contains(c) as i32 - ")]}".contains(c) as i32;
        match c {
            '\n' | ' ' if depth > 0 && out.ends_with([' ', '[']) => {}
            '\n' if depth > 0 => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// What a doc's examples get wrong.
fn wrong(name: &str, doc: &str) -> Vec<String> {
    let page = Page::default();
    let mut session = Session::new(Options::default());
    session.interp.out = Box::new(page.clone());
    let mut out = vec![];
    for (input, want) in examples(doc) {
        page.0.borrow_mut().clear();
        let outcome = session.run_cell("<doc>", &input);
        let mut got = String::from_utf8_lossy(&page.0.borrow()).into_owned();
        if let Some(fault) = outcome.faults.first() {
            got += &format!("error: {}", fault.message);
        } else {
            got += &match outcome.value.filter(|_| !outcome.hushed) {
                None | Some(Value::None) => String::new(),
                Some(Value::Text(t)) => quote(&t),
                Some(v) => text(&v, &Style::PLAIN).unwrap_or_else(|f| format!("error: {}", f.message)),
            };
        }
        if flat(&got) != flat(&want) {
            out.push(format!("{name}: > {input}\n  want {}\n  got  {}", flat(&want), flat(&got)));
        }
    }
    out
}

fn docs() -> BTreeMap<String, String> {
    builtin::all().iter().map(|(n, b)| (n.to_string(), b.doc.to_string())).collect()
}

#[test]
fn every_example_in_the_docs_holds() {
    let faults = with_stack(|| docs().iter().flat_map(|(name, doc)| wrong(name, doc)).collect::<Vec<_>>());
    assert!(faults.is_empty(), "{} examples fail:\n{}", faults.len(), faults.join("\n"));
}

/// A name that only stands for another must mean something.
#[test]
fn every_name_has_a_value() {
    let missing = with_stack(|| {
        let mut session = Session::new(Options::default());
        let mut missing = vec![];
        for name in prelude::names() {
            let outcome = session.run_cell("<doc>", &format!("x = {name}"));
            if let Some(fault) = outcome.faults.first() {
                missing.push(format!("{name}: {}", fault.message));
            }
        }
        missing
    });
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
