//! Sessions: one cell in, one outcome out. What the REPL, scripts and pipes all sit on.
//!
//! In: the text of a cell (a line, a file, an argument of `-e`). Out: its value, what it assigned, or its faults; and
//! whatever it printed, through `Interp::out`. A failing cell leaves no trace: every variable is as before.

#[cfg(test)]
pub mod tests;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;

use crate::base::{Fault, Result, Span, interrupt};
use crate::lang::uses::{Uses, import_name};
use crate::lang::{Interp, Value};
use crate::syntax::{self, ast};

pub use crate::lang::with_stack;

/// How a session behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of the random functions.
    pub seed: u64,
    /// Failing cells leave no trace. Costs a copy of an array when a cell first writes into it; a script that ends at
    /// its first fault does without.
    pub undo: bool,
    /// A cell is a whole program: names that nothing in it defines are faults in functions too, before it runs.
    pub whole: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { seed: 0, undo: true, whole: false }
    }
}

/// Variables and settings that live from cell to cell.
pub struct Session {
    pub interp: Interp,
    pub options: Options,
}

/// What a cell came to.
#[derive(Default)]
pub struct Outcome {
    /// The value of its last statement, if that was an expression.
    pub value: Option<Value>,
    /// The names it assigned, with the types they have now.
    pub assigned: Vec<(Rc<str>, String)>,
    /// Its last statement ended in `;`: show nothing.
    pub hushed: bool,
    pub faults: Vec<Fault>,
    /// What is missing may come with the next line; `faults` says so too.
    pub incomplete: bool,
}

impl Outcome {
    pub fn is_ok(&self) -> bool {
        self.faults.is_empty()
    }

    /// The exit status of a program that came to this.
    pub fn exit(&self) -> i32 {
        self.faults.first().map_or(0, |f| f.exit as i32)
    }
}

impl Session {
    pub fn new(options: Options) -> Session {
        install();
        let mut interp = Interp::new();
        interp.random.seed = options.seed;
        interp.set("args", Value::tuple(vec![]));
        Session { interp, options }
    }

    /// `args`: the command line's.
    pub fn set_args(&mut self, args: &[String]) {
        self.interp.set("args", Value::tuple(args.iter().map(|a| Value::text(a.as_str())).collect()));
    }

    /// `input`: read when first mentioned.
    pub fn set_input(&mut self, read: impl FnOnce(&mut Interp) -> Result<Value> + 'static) {
        self.interp.set_late("input", read);
    }

    /// The file that imports are relative to.
    pub fn set_path(&mut self, path: Option<PathBuf>) {
        self.interp.set_main_path(path);
    }

    /// Reads, resolves and runs one cell. `name` is what reports call it: `<repl>:3`, `main.nev`.
    pub fn run_cell(&mut self, name: &str, text: &str) -> Outcome {
        interrupt::clear();
        let source = self.interp.sources.add(name, text);
        let parsed = syntax::parse(source, text);
        if !parsed.faults.is_empty() || parsed.incomplete {
            return Outcome { faults: parsed.faults, incomplete: parsed.incomplete, ..Outcome::default() };
        }
        self.run(&parsed.program, text)
    }

    /// Runs what somebody typed: a cell that may begin with an operator, and then goes on from the last value.
    pub fn run_line(&mut self, name: &str, text: &str) -> Outcome {
        match self.whole_line(name, text) {
            Ok(text) => self.run_cell(name, &text),
            Err(fault) => Outcome { faults: vec![fault], ..Outcome::default() },
        }
    }

    /// What the value of a typed line would be, as far as types go: nothing is computed, printed or changed. `None`
    /// where the line has no value.
    pub fn glance(&mut self, name: &str, text: &str) -> Result<Option<Value>, Vec<Fault>> {
        interrupt::clear();
        let text = self.whole_line(name, text).map_err(|fault| vec![fault])?;
        let source = self.interp.sources.add(name, &*text);
        let parsed = syntax::parse(source, &text);
        if !parsed.faults.is_empty() {
            return Err(parsed.faults);
        }
        let run = AssertUnwindSafe(|| self.interp.value_dry(parsed.program, &text));
        catch_unwind(run).unwrap_or_else(|_| {
            self.interp.end_dry();
            Err(vec![internal()])
        })
    }

    /// A line that begins with an operator, with the last value before it.
    fn whole_line<'t>(&mut self, name: &str, text: &'t str) -> Result<Cow<'t, str>> {
        let Some(operator) = syntax::continues(text) else { return Ok(text.into()) };
        if self.interp.get("ans").is_some() {
            let (before, rest) = text.split_at(operator.start);
            return Ok(format!("{before}ans {rest}").into());
        }
        let source = self.interp.sources.add(name, text);
        let span = Span::new(source, operator.start, operator.end);
        let what = format!("`{}` goes on from the last value, and there is none yet", &text[operator]);
        let fault = Fault::syntax(what).at(span).label(span, "nothing stands before it");
        Err(fault.hint("the last value is there as `ans` once an input has shown one"))
    }

    fn run(&mut self, program: &ast::Program, text: &str) -> Outcome {
        let before = self.options.undo.then(|| self.interp.snapshot());
        let hushed = program.hushed;
        match self.run_main(program, text) {
            Ok(value) => {
                if let Some(v) = value.as_ref().filter(|v| !v.is_none()) {
                    self.interp.set("ans", v.clone());
                }
                Outcome { value, assigned: self.assigned(program), hushed, ..Outcome::default() }
            }
            Err(faults) => {
                match before {
                    Some(snapshot) => self.interp.restore(snapshot),
                    None => self.interp.settle(),
                }
                Outcome { faults, hushed, ..Outcome::default() }
            }
        }
    }

    /// A panic is a mistake of ours; whoever sits here keeps the variables all the same.
    fn run_main(&mut self, program: &ast::Program, text: &str) -> Result<Option<Value>, Vec<Fault>> {
        let whole = self.options.whole;
        let run = AssertUnwindSafe(|| self.interp.run_main(program, text, whole));
        catch_unwind(run).unwrap_or_else(|_| Err(vec![internal()]))
    }

    /// What the top of a program assigns, in the order of the text.
    fn assigned(&self, program: &ast::Program) -> Vec<(Rc<str>, String)> {
        let mut names: Vec<Rc<str>> = vec![];
        for stmt in &program.body {
            match &stmt.kind {
                ast::StmtKind::Assign { .. } | ast::StmtKind::Update { .. } | ast::StmtKind::Define(_) => {
                    names.extend(Uses::of_stmts(std::slice::from_ref(stmt)).assigned.list);
                }
                ast::StmtKind::Import { path, alias, .. } => {
                    names.push(alias.as_ref().map_or_else(|| import_name(path), |n| n.text.clone()));
                }
                ast::StmtKind::From { names: given, .. } => names.extend(given.iter().map(|n| n.text.clone())),
                _ => {}
            }
        }
        let mut out: Vec<(Rc<str>, String)> = vec![];
        for name in names {
            if let Some(v) = self.interp.get(&name).filter(|_| !out.iter().any(|(n, _)| *n == name)) {
                out.push((name, v.type_name()));
            }
        }
        out
    }

    /// Names, and arguments of known functions, without running anything.
    pub fn check(&mut self, name: &str, text: &str) -> Vec<Fault> {
        let source = self.interp.sources.add(name, text);
        let parsed = syntax::parse(source, text);
        if !parsed.faults.is_empty() {
            return parsed.faults;
        }
        self.interp.check_main(&parsed.program, text)
    }

    /// Forgets every variable.
    pub fn reset(&mut self) {
        self.interp.reset();
        self.interp.set("args", Value::tuple(vec![]));
    }
}

/// A mistake of ours.
fn internal() -> Fault {
    let fault = Fault::new("internal: this should not have failed, and the mistake is not yours");
    fault.hint("report it with what you typed; your variables are as before")
}

/// Lets the engine in, for this thread.
pub fn install() {
    crate::graph::engine::install(crate::plan::force, crate::device::fold_of);
    crate::base::memory::watch();
}
