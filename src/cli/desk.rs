//! The session as the command line uses it: the one file that knows its face.
//!
//! In: texts with their names. Out: what they came to, rendered or not; what is known of names while a line is typed.

use std::cell::{OnceCell, RefCell};
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

use super::out::Out;
use super::page::{Page, page_of};
use super::repl::complete::Known;
use crate::base::{Exit, Fault, Result, Span, nearest};
use crate::graph::{Expr, engine};
use crate::lang::eval::Snapshot;
use crate::lang::text::{quote, text as text_of, text_to};
use crate::lang::{Value, builtin, names};
use crate::session::{Options, Session};
use crate::show::{self, Style};

pub use crate::session::Outcome;

/// A session and its output.
pub struct Desk {
    session: Session,
    pub out: Out,
    style: Style,
    setup: Setup,
    /// Data on standard input, read when it is first mentioned, and kept: a failing cell gives it back.
    input: Option<Rc<Input>>,
}

struct Input {
    read: RefCell<Option<Read>>,
    value: OnceCell<Value>,
}

type Read = Box<dyn FnOnce() -> Result<Value>>;

/// Every variable as it was.
pub type Mark = Snapshot;

/// What a session starts with.
#[derive(Clone, Default)]
pub struct Setup {
    pub seed: u64,
    pub device: Option<String>,
    pub args: Vec<String>,
}

impl Desk {
    pub fn new(setup: Setup, out: Out, style: Style) -> Result<Desk> {
        let mut session = Session::new(Options { seed: setup.seed, ..Options::default() });
        session.interp.out = Box::new(out.clone());
        session.interp.style = style;
        session.set_args(&setup.args);
        let mut desk = Desk { session, out, style, setup, input: None };
        desk.start()?;
        Ok(desk)
    }

    /// Forgets every variable.
    pub fn reset(&mut self) -> Result<()> {
        self.session.reset();
        self.session.set_args(&self.setup.args);
        self.start()
    }

    /// `exit()` does not end the process: it is not the program's own.
    pub fn keep_process(&mut self) {
        self.session.interp.may_exit = false;
    }

    /// Settings of the command line.
    fn start(&mut self) -> Result<()> {
        match self.setup.device.clone() {
            Some(name) => self.set_device(&name).map_err(|fault| fault.exit(Exit::Usage)),
            None => Ok(()),
        }
    }

    /// The file that imports are relative to.
    pub fn set_path(&mut self, path: Option<PathBuf>) {
        self.session.set_path(path);
    }

    /// Runs one cell.
    pub fn run(&mut self, name: &str, text: &str) -> Outcome {
        self.offer_input();
        self.session.run_cell(name, text)
    }

    /// Runs one cell that somebody typed: it may go on from the last value.
    pub fn line(&mut self, name: &str, text: &str) -> Outcome {
        self.offer_input();
        self.session.run_line(name, text)
    }

    /// What the value of a typed line would be, as far as types go; nothing runs.
    pub fn glance(&mut self, name: &str, text: &str) -> Result<Option<Value>, Vec<Fault>> {
        self.offer_input();
        self.session.glance(name, text)
    }

    /// Runs a whole program; with `echo` the value of each expression statement is shown.
    pub fn program(&mut self, name: &str, text: &str, echo: bool) -> Vec<Fault> {
        self.offer_input();
        let cells = self.session.options.clone();
        self.session.options = Options { undo: false, whole: true, ..cells.clone() };
        if echo {
            let style = self.style;
            self.session.interp.echo = Some(Box::new(move |out, value| {
                if value.is_none() {
                    return Ok(());
                }
                let mut put = |text: &str| out.write_all(text.as_bytes()).map_err(super::out::unwritten);
                text_to(value, &style, &mut put)?;
                put("\n")
            }));
        }
        let outcome = self.session.run_cell(name, text);
        self.session.interp.echo = None;
        self.session.options = cells;
        outcome.faults
    }

    /// Calls a function without arguments.
    pub fn call(&mut self, f: &Value) -> Result<Value> {
        self.session.interp.call(f, vec![])
    }

    /// Looks a program through without running it.
    pub fn check(&mut self, name: &str, text: &str) -> Vec<Fault> {
        self.session.check(name, text)
    }

    /// How values are shown.
    pub fn style(&self) -> Style {
        self.style
    }

    pub fn set_style(&mut self, style: Style) {
        self.style = style;
        self.session.interp.style = style;
    }

    /// The text of a value, computed if need be; a text is quoted, as somebody looks at values, not at output.
    pub fn shown(&self, value: &Value) -> Result<String> {
        shown(value, &self.style)
    }

    /// Writes the text of a value as a line, computed if need be.
    pub fn write(&mut self, value: &Value) -> Result<()> {
        let out = &mut self.out;
        text_to(value, &self.style, &mut |text| out.write_all(text.as_bytes()).map_err(super::out::unwritten))?;
        out.line("")
    }

    pub fn reports(&self, faults: &[Fault], style: &Style) -> String {
        show::reports(faults, &self.session.interp.sources, style)
    }

    /// One line of JSON per fault.
    pub fn reports_json(&self, faults: &[Fault]) -> String {
        faults.iter().map(|f| show::report_json(f, &self.session.interp.sources) + "\n").collect()
    }

    /// The source text of places: those that lie in no other of them, each once and on one line.
    pub fn quoted(&self, places: &[Span]) -> String {
        let within = |a: &Span, b: &Span| a.source == b.source && b.start <= a.start && a.end <= b.end && a != b;
        let mut outer: Vec<Span> = places.iter().filter(|p| !places.iter().any(|q| within(p, q))).copied().collect();
        outer.sort_by_key(|p| (p.source, p.start));
        outer.dedup();
        let mut texts: Vec<String> = outer.iter().map(|p| self.quote_place(*p)).collect();
        texts.dedup();
        texts.join(" · ")
    }

    fn quote_place(&self, place: Span) -> String {
        const MOST: usize = 50;
        let sources = &self.session.interp.sources;
        let words: Vec<&str> = sources.text(place).split_whitespace().collect();
        let text = words.join(" ");
        match text.char_indices().nth(MOST) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text,
        }
    }

    /// The variable `input`.
    pub fn set_input(&mut self, read: impl FnOnce() -> Result<Value> + 'static) {
        self.input = Some(Rc::new(Input { read: RefCell::new(Some(Box::new(read))), value: OnceCell::new() }));
    }

    /// Before a cell: `input` is there, unless the user gave the name another value.
    fn offer_input(&mut self) {
        if let Some(input) = self.input.clone().filter(|_| self.get("input").is_none()) {
            self.session.interp.set_late("input", move |_| input.get());
        }
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        self.session.interp.get(name).cloned()
    }

    /// The user's variables, in the order first met.
    pub fn variables(&self) -> Vec<(String, Value)> {
        self.session.interp.variables().map(|(name, value)| (name.to_string(), value.clone())).collect()
    }

    /// What can be restored later: every variable as it is now.
    pub fn mark(&self) -> Mark {
        self.session.interp.snapshot()
    }

    pub fn restore(&mut self, mark: Mark) {
        self.session.interp.restore(mark);
    }

    /// The default device.
    pub fn set_device(&mut self, name: &str) -> Result<()> {
        let outcome = self.session.run_cell("<device>", &format!("default_device({})", quote(name)));
        outcome.faults.into_iter().next().map_or(Ok(()), |mut fault| {
            // The place is in a line that nobody typed.
            fault.span = None;
            fault.labels.clear();
            Err(fault)
        })
    }

    /// The help page of a function, of ours or the user's.
    pub fn page(&mut self, name: &str) -> Result<Page> {
        let (value, about) = match self.get(name) {
            Some(value) => (value, ""),
            None => (self.session.interp.house(name).ok_or_else(|| self.unknown(name))??, names::about(name)),
        };
        let mut page = match value {
            Value::Space(space) => Page { signature: space.to_string(), doc: self.members(&space), gradient: None },
            value => page_of(name, &value),
        };
        if page.doc.is_empty() {
            page.doc = about.into();
        }
        Ok(page)
    }

    /// The members of a namespace, each with its first sentence.
    fn members(&mut self, space: &str) -> String {
        let mut names: Vec<&str> = names::house_names().filter(|n| n.starts_with(&format!("{space}."))).collect();
        names.sort();
        names.dedup();
        let pages = names.iter().filter_map(|n| self.page(n).ok());
        pages.map(|p| format!("{}\n    {}\n", p.signature, p.about())).collect()
    }

    /// Every name of the house.
    pub fn house_names(&self) -> Vec<String> {
        names::house_names().map(String::from).collect()
    }

    fn unknown(&self, name: &str) -> Fault {
        let names = self.names();
        let fault = Fault::new(format!("there is no `{name}`"));
        // `solve` for `linalg.solve`.
        let member = names.iter().find(|n| n.rsplit_once('.').is_some_and(|(_, last)| last == name));
        match member.map(String::as_str).or_else(|| nearest(name, names.iter().map(String::as_str))) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        }
    }
}

impl Input {
    fn get(&self) -> Result<Value> {
        if let Some(value) = self.value.get() {
            return Ok(value.clone());
        }
        let read = self.read.take().ok_or_else(|| Fault::input("standard input could not be read before"))?;
        let value = read()?;
        Ok(self.value.get_or_init(|| value).clone())
    }
}

impl Known for Desk {
    fn names(&self) -> Vec<String> {
        self.variables().into_iter().map(|(name, _)| name).chain(self.house_names()).collect()
    }

    fn value(&self, path: &[&str]) -> Option<Value> {
        let (first, rest) = path.split_first()?;
        let mut at = self.get(first)?;
        for name in rest {
            let Value::Record(r) = &at else { return None };
            at = r.get(name)?.clone();
        }
        Some(at)
    }

    fn signature(&self, name: &str) -> Option<String> {
        let path: Vec<&str> = name.split('.').collect();
        match self.value(&path) {
            Some(Value::Function(f)) => return Some(f.signature()),
            Some(Value::Builtin(b)) => return Some(b.signature.into()),
            Some(_) => return None,
            None => {}
        }
        let prelude = || crate::lang::prelude::source(name).and_then(header);
        builtin::find(name).map(|b| b.signature.to_string()).or_else(prelude)
    }
}

/// `f(x, y=2)` of the text that defines f.
fn header(source: &str) -> Option<String> {
    let line = source.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'))?;
    let line = line.strip_prefix("fn ").unwrap_or(line);
    let mut depth = 0;
    let closes = |(_, c): &(usize, char)| {
        depth += i32::from(*c == '(') - i32::from(*c == ')');
        depth == 0 && matches!(c, '=' | ')')
    };
    let (end, last) = line.char_indices().find(closes)?;
    (last == ')').then(|| line[..=end].to_string())
}

/// A value as the REPL and transcripts show it.
pub fn shown(value: &Value, style: &Style) -> Result<String> {
    match value {
        Value::Text(t) => Ok(quote(t)),
        other => text_of(other, style),
    }
}

/// Computes a value that is to be shown, and brings it here: what fails then is a fault of who asked for it.
pub fn look(value: &Value) -> Result<()> {
    let all = arrays(value);
    engine::force(&all)?;
    all.iter().try_for_each(|e| e.host().map(|_| ()))
}

/// The arrays in a value, at any depth.
pub fn arrays(value: &Value) -> Vec<Expr> {
    match value {
        Value::Array(e) => vec![e.clone()],
        Value::Tuple(items) => items.iter().flat_map(arrays).collect(),
        Value::Record(r) => r.fields().iter().flat_map(|(_, v)| arrays(v)).collect(),
        _ => vec![],
    }
}
