//! The line being typed: what rustyline asks about it.
//!
//! In: the text and the cursor, at every key. Out: colours, whether Enter ends the input, candidates for Tab, and a
//! faint hint: the signature of the call around the cursor, else how the newest line with this beginning went on.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::SearchDirection;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::commands;
use super::complete::{self, Known};
use super::highlight::highlight;
use crate::cli::desk::Desk;
use crate::syntax;

/// What answers rustyline.
pub struct Line {
    desk: Rc<RefCell<Desk>>,
    color: bool,
    /// The line is drawn for the last time: nothing depends on the cursor any more.
    last: Cell<bool>,
}

/// What is shown behind the cursor.
pub struct Ghost {
    shown: String,
    /// Whether the right arrow takes it.
    taken: bool,
}

/// Signatures longer than this are cut.
const LONGEST: usize = 70;

impl Hint for Ghost {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        self.taken.then_some(&self.shown)
    }
}

impl Hinter for Line {
    type Hint = Ghost;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<Ghost> {
        if pos < line.len() || line.trim().is_empty() {
            return None;
        }
        if let Some(signature) = self.signature(line) {
            return Some(Ghost { shown: format!("   {signature}"), taken: false });
        }
        let newest = context.history().len().checked_sub(1)?;
        let found = context.history().starts_with(line, newest, SearchDirection::Reverse).ok()??;
        let rest = found.entry.get(line.len()..).filter(|r| !r.is_empty() && !r.contains('\n'))?;
        Some(Ghost { shown: rest.to_string(), taken: true })
    }
}

impl Line {
    pub fn new(desk: Rc<RefCell<Desk>>, color: bool) -> Line {
        Line { desk, color, last: Cell::new(false) }
    }

    /// The signature of the call that the end of the line is in.
    fn signature(&self, line: &str) -> Option<String> {
        let (name, _) = complete::call(line)?;
        let desk = self.desk.try_borrow().ok()?;
        let method = || name.rsplit_once('.').and_then(|(_, method)| desk.signature(method));
        let signature = desk.signature(&name).or_else(method)?;
        Some(match signature.char_indices().nth(LONGEST) {
            Some((cut, _)) => format!("{}…", &signature[..cut]),
            None => signature,
        })
    }
}

impl Completer for Line {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        match self.desk.try_borrow() {
            Ok(desk) => Ok(complete::complete(line, pos, &*desk, &commands::names())),
            Err(_) => Ok((pos, vec![])),
        }
    }
}

impl Validator for Line {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(if waits(context.input()) { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

/// Whether an input wants another line. An empty last line ends what only might go on (`x =`, a help text), so that
/// nobody gets stuck; inside brackets it is a line like any other, and Ctrl-C is the way out.
pub fn waits(input: &str) -> bool {
    let ended = input.trim_end_matches([' ', '\t']).ends_with('\n');
    let waits = |code: &str| if ended { syntax::is_open(code) } else { syntax::incomplete(code) };
    match commands::split(input) {
        Some((command, argument)) => commands::takes_code(command) && waits(argument),
        None => !input.trim_start().starts_with('?') && waits(input),
    }
}

impl Highlighter for Line {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        let cursor = if self.last.get() { usize::MAX } else { pos };
        if self.color { Cow::Owned(highlight(line, cursor)) } else { Cow::Borrowed(line) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.color { Cow::Owned(format!("\x1b[2m{hint}\x1b[0m")) } else { Cow::Borrowed(hint) }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.last.set(kind == CmdKind::ForcedRefresh);
        self.color
    }
}

impl Helper for Line {}

#[cfg(test)]
mod tests {
    use super::waits;

    #[test]
    fn inputs_wait_for_what_is_missing() {
        for text in ["f(", "[1,\n2", "for i in 0..3 {", "x =", "1 +", ":time f("] {
            assert!(waits(text), "{text:?}");
        }
        // A blank line inside brackets is one like any other.
        for text in ["f(\n", "for i in 0..3 {\n\n", "fn g(x) {\n \nx + 1\n\n", "[1,2\n", "x = {a: 1,\n", ":time f(\n"] {
            assert!(waits(text), "{text:?}");
        }
        for text in
            ["", "1", "x = 1", "x =\n", "1 +\n \n", "f()\n", "f(]\n", ":load a (b", "?(", ":help", "1)", ":vars"]
        {
            assert!(!waits(text), "{text:?}");
        }
    }
}
