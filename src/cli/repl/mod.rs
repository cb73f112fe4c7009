//! The REPL: lines in, values out, until Ctrl-D.
//!
//! A line is code, `?name`, or a `:command`. Values go to standard output; types, prompts and reports are for the
//! person in front. Every cell is remembered with what it showed, so that it can be undone and saved.

pub mod commands;
pub mod complete;
pub mod highlight;
mod history;
mod inspect;
mod keep;
mod line;
mod loops;
pub mod measure;
mod verify;

use std::cell::{RefCell, RefMut};
use std::fs;
use std::io::IsTerminal;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::rc::Rc;

use rustyline::config::Behavior;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Cmd, ColorMode, CompletionType, Config, Editor, EventHandler, KeyCode, KeyEvent, Modifiers};

use super::args::Options;
use super::desk::{Desk, Mark, Outcome};
use super::fail::Failure;
use super::{signal, transcript};
use crate::base::{Fault, Result};
use crate::lang::Value;
use crate::show::{Stream, Style};

pub use inspect::devices;
pub use measure::{aligned, duration};

/// A conversation.
pub struct Repl {
    desk: Rc<RefCell<Desk>>,
    /// How reports look.
    errors: Style,
    /// What was typed and shown, in order.
    past: Vec<Past>,
    /// Lines of code typed so far: reports count them.
    lines: usize,
    leaving: bool,
    settings: Settings,
}

/// One cell that ran.
struct Past {
    input: String,
    /// As a transcript shows it.
    shown: String,
    /// Ctrl-C ended it: nobody can run it again and see the same.
    stopped: bool,
    /// It failed, so every variable stayed as it was.
    failed: bool,
    /// The variables before it; `None` if it failed, and once there is too much to keep.
    before: Option<Mark>,
    /// Lines before it.
    lines: usize,
}

/// What `:set` changes.
struct Settings {
    /// Say the type of what is shown and assigned.
    types: bool,
    /// Say how long each input took.
    time: bool,
}

/// How a cell runs: `Desk::line` where it was typed, `Desk::run` where it is a file.
type Run = fn(&mut Desk, &str, &str) -> Outcome;

/// Cells that can be undone: their variables are kept.
const UNDO: usize = 50;

/// Talks until Ctrl-D.
pub fn run(desk: Desk, options: &Options) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() && !take_terminal() {
        let fault = Fault::input("there is no terminal to talk to").hint("leave out -i");
        return Err(Failure::plain(fault, options));
    }
    signal::guard_terminal();
    signal::talk();
    desk.out.keep();
    let errors = Style::of(Stream::Err, options.color);
    let mut repl = Repl {
        desk: Rc::new(RefCell::new(desk)),
        errors,
        past: vec![],
        lines: 0,
        leaving: false,
        settings: Settings { types: true, time: options.time },
    };
    let mut editor = match editor(&repl) {
        Ok(editor) => editor,
        Err(e) => return Err(Failure::plain(Fault::new(format!("the terminal cannot be used: {e}")), options)),
    };
    eprintln!("{}", errors.faint(concat!("nevel ", env!("CARGO_PKG_VERSION"), "   :help, ?name, Ctrl-D to leave")));
    repl.talk(&mut editor);
    Ok(())
}

/// Puts the terminal in standard input's place, which held data.
fn take_terminal() -> bool {
    match fs::File::open("/dev/tty") {
        // SAFETY: both descriptors are open; our own handles to the old input were made before.
        Ok(tty) => unsafe { libc::dup2(tty.as_raw_fd(), libc::STDIN_FILENO) == libc::STDIN_FILENO },
        Err(_) => false,
    }
}

type Lines = Editor<line::Line, FileHistory>;

fn editor(repl: &Repl) -> rustyline::Result<Lines> {
    let color = repl.errors.color;
    let config = Config::builder()
        .max_history_size(history::LINES)?
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .color_mode(if color { ColorMode::Forced } else { ColorMode::Disabled })
        .behavior(if std::io::stdout().is_terminal() { Behavior::Stdio } else { Behavior::PreferTerm })
        .tab_stop(4)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(line::Line::new(repl.desk.clone(), color)));
    let newline = EventHandler::Simple(Cmd::Newline);
    editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), newline);
    if let Some(path) = history::path() {
        if let Some(folder) = path.parent() {
            // Without the folder there is no history, and nothing else amiss.
            let _ = fs::create_dir_all(folder);
        }
        let _ = editor.load_history(&path);
    }
    Ok(editor)
}

impl Repl {
    fn talk(&mut self, editor: &mut Lines) {
        let path = history::path();
        let color = self.errors.color;
        let prompt = ("> ", if color { "\x1b[1;34m>\x1b[0m " } else { "> " });
        while !self.leaving {
            match editor.readline(&prompt) {
                Ok(input) => {
                    remember(editor, &input, path.as_ref());
                    self.input(&input);
                }
                // The line is dropped; the next one is asked for.
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => break,
                Err(e) => {
                    eprintln!("error: the terminal cannot be read: {e}");
                    break;
                }
            }
        }
    }

    fn desk(&self) -> RefMut<'_, Desk> {
        self.desk.borrow_mut()
    }

    /// Does what one input says.
    fn input(&mut self, input: &str) {
        let trimmed = input.trim();
        if trimmed.is_empty() {
            return;
        }
        let done = if let Some((name, argument)) = commands::split(input) {
            commands::run(self, name, argument)
        } else if let Some(name) = trimmed.strip_prefix('?') {
            inspect::help(self, name.trim())
        } else if let Some(name) = self.asks_for_help(trimmed) {
            inspect::help(self, name)
        } else if self.says_goodbye(trimmed) {
            self.leaving = true;
            Ok(())
        } else {
            self.cell(input);
            Ok(())
        };
        if let Err(fault) = done {
            self.complain(&[fault]);
        }
    }

    /// The name in `help(name)`, unless `help` is somebody's variable.
    fn asks_for_help<'a>(&self, input: &'a str) -> Option<&'a str> {
        let rest = input.strip_prefix("help")?;
        let name = if rest.is_empty() { "" } else { rest.strip_prefix('(')?.strip_suffix(')')? };
        let plain = name.chars().all(|c| c.is_alphanumeric() || "_. \"".contains(c));
        (plain && self.desk().get("help").is_none()).then(|| name.trim_matches([' ', '"']))
    }

    /// `exit` and its like leave, unless they are somebody's variables.
    fn says_goodbye(&self, word: &str) -> bool {
        let name = word.strip_suffix("()").unwrap_or(word);
        matches!(name, "exit" | "quit") && self.desk().get(name).is_none()
    }

    /// Runs code and shows what it came to.
    fn cell(&mut self, input: &str) {
        self.code(&format!("<repl>:{}", self.lines + 1), input.trim_end(), Desk::line);
    }

    /// Runs a file's text as a cell of its own.
    fn file(&mut self, name: &str, text: &str) {
        self.code(name, text, Desk::run);
    }

    fn code(&mut self, name: &str, text: &str, run: Run) {
        let (before, lines) = (self.desk().mark(), self.lines);
        let start = std::time::Instant::now();
        let outcome = self.evaluate(name, text, run);
        let mut shown = self.desk().out.take();
        match &outcome {
            Ok(outcome) => shown += &self.show(outcome),
            Err(faults) => {
                self.complain(faults);
                shown += &self.desk().reports(faults, &transcript::STYLE);
            }
        }
        if self.settings.time {
            eprintln!("{}", self.errors.faint(&format!("time: {}", duration(start.elapsed().as_secs_f64()))));
        }
        let faults = match &outcome {
            Ok(outcome) => &outcome.faults,
            Err(faults) => faults,
        };
        let (failed, stopped) = (!faults.is_empty(), faults.iter().any(Fault::is_interrupt));
        let before = Some(before).filter(|_| !failed);
        self.past.push(Past { input: text.to_string(), shown, stopped, failed, before, lines });
        if let Some(old) = self.past.len().checked_sub(UNDO + 1) {
            self.past[old].before = None;
        }
    }

    /// Runs one cell; a value is computed before anybody sees it, so that what fails then is a fault of this cell.
    fn evaluate(&mut self, name: &str, text: &str, run: Run) -> Result<Outcome, Vec<Fault>> {
        self.lines += text.trim_end().lines().count().max(1);
        let mut desk = self.desk();
        let mark = desk.mark();
        let cell = || {
            let outcome = run(&mut desk, name, text);
            let forced = match &outcome.value {
                Some(value) if outcome.faults.is_empty() && outcome.hushed => {
                    crate::graph::engine::force(&super::desk::arrays(value))
                }
                Some(value) if outcome.faults.is_empty() => super::desk::look(value),
                _ => Ok(()),
            };
            (outcome, forced)
        };
        let (outcome, forced) = signal::interruptible(cell);
        if let Err(fault) = forced {
            desk.restore(mark);
            return Err(vec![fault]);
        }
        if outcome.faults.is_empty() { Ok(outcome) } else { Err(outcome.faults) }
    }

    /// Shows an outcome; what a transcript shows of it comes back.
    fn show(&mut self, outcome: &Outcome) -> String {
        if outcome.hushed {
            return String::new();
        }
        match &outcome.value {
            Some(value) if !value.is_none() => self.show_value(value),
            _ => {
                if self.settings.types && !outcome.assigned.is_empty() {
                    let types: Vec<String> = outcome.assigned.iter().map(|(n, t)| self.name_and_type(n, t)).collect();
                    self.note(&types.join(", "));
                }
                String::new()
            }
        }
    }

    fn name_and_type(&self, name: &str, kind: &str) -> String {
        match self.desk().get(name) {
            Some(Value::Function(f)) if f.name() == name => f.signature(),
            Some(Value::Function(f)) => format!("{name}: {}", f.signature()),
            Some(value) => format!("{name}: {}", inspect::brief_type(&value)),
            None => format!("{name}: {kind}"),
        }
    }

    fn show_value(&mut self, value: &Value) -> String {
        let shown = self.desk().shown(value);
        let text = match shown {
            Ok(text) => text,
            Err(fault) => {
                self.complain(&[fault]);
                return String::new();
            }
        };
        let Ok(plain) = super::desk::shown(value, &transcript::STYLE) else { return String::new() };
        let style = self.desk().style();
        let kind = match value {
            // What is left out of a big array is said with its type already.
            Value::Array(e) if self.settings.types && style.terminal && !text.contains(&e.type_name()) => e.type_name(),
            _ => String::new(),
        };
        let note = style.faint(&format!("# {kind}"));
        // On the same line where there is room.
        let room = !text.contains('\n') && text.chars().count() + kind.len() + 6 < style.width;
        let line = match (kind.is_empty(), room) {
            (true, _) => text,
            (_, true) => format!("{text}  {note}"),
            _ => format!("{text}\n{note}"),
        };
        let _ = self.desk().out.line(&line);
        let _ = self.desk().out.take();
        plain + "\n"
    }

    /// Something about the program rather than of it: to standard error, faint.
    fn note(&self, text: &str) {
        eprintln!("{}", self.errors.faint(&format!("# {text}")));
    }

    /// Text that a command shows.
    fn tell(&self, text: &str) {
        let mut desk = self.desk();
        let _ = desk.out.line(text.trim_end_matches('\n'));
        let _ = desk.out.take();
    }

    fn complain(&self, faults: &[Fault]) {
        if faults.iter().any(Fault::is_interrupt) {
            eprintln!("interrupted");
            return;
        }
        eprint!("{}", self.desk().reports(faults, &self.errors));
    }
}

/// Adds an input to the history, in memory and on disk.
fn remember(editor: &mut Lines, input: &str, path: Option<&PathBuf>) {
    let Some(entry) = history::entry(input) else { return };
    // A history that cannot be written is no reason to stop.
    if editor.add_history_entry(entry).unwrap_or(false)
        && let Some(path) = path
    {
        let _ = editor.append_history(path);
    }
}
