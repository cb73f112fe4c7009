//! The formatter.
//!
//! In: a text that parses. Out: the same program with even indentation and spacing. It works on tokens, so comments
//! stay where they are and nothing is lost: line breaks of the author stay, statements get lines of their own, a block
//! is on one line or has its braces' ends on lines of their own. Arithmetic keeps the air that the author gave it
//! (`2*x + 1`, `0..n-1`); uneven air becomes even. Tested with generated programs: formatting changes no tree, and
//! formatting twice changes nothing.

use super::layout::{self, Laid, ends_operand};
use super::lex::{self, Lexed, Spanned};
use super::token::{Level, Token};
use crate::base::{Fault, Span};

const INDENT: usize = 4;

/// The text formatted, or what is wrong with it.
pub fn fmt(text: &str) -> Result<String, Vec<Fault>> {
    let parsed = super::parse(0, text);
    if !parsed.faults.is_empty() {
        return Err(parsed.faults);
    }
    let lexed = lex::lex(0, text);
    let laid = layout::layout(text, &lexed);
    let mut writer = Writer::new(text, &lexed, &laid);
    for i in 0..writer.tokens.len() {
        writer.step(i);
    }
    Ok(writer.finish())
}

/// A token with the meaning that layout gave it; a newline that ends a statement is `Sep`.
fn with_meaning(lexed: &Lexed, laid: &Laid) -> Vec<Spanned> {
    let mut refined = laid.tokens.iter().peekable();
    let meaning = |&(token, span): &Spanned| {
        let same = refined.next_if(|r| r.1.start == span.start);
        let refined = same.map_or(token, |r| r.0);
        (if token == Token::Semi { Token::Semi } else { refined }, span)
    };
    lexed.tokens.iter().map(meaning).collect()
}

struct Bracket {
    token: Token,
    /// Where the line began on which it was opened.
    outer: usize,
    inner: usize,
    /// A block of several lines.
    tall: bool,
    /// A block where a record could stand, with nothing in it so far: `{;}`, which without its `;` is a record.
    vacant: bool,
}

/// What was written last.
#[derive(Clone, Copy)]
struct Last {
    token: Token,
    span: Span,
    prefix: bool,
    tight: bool,
}

struct Writer<'a> {
    text: &'a str,
    tokens: Vec<Spanned>,
    out: String,
    brackets: Vec<Bracket>,
    last: Option<Last>,
    /// Whether a comment was written after `last`.
    comment: bool,
    /// Newlines since then.
    newlines: usize,
    /// A `;` since then.
    split: bool,
    join: bool,
    /// Whether the next token starts a statement.
    fresh: bool,
    /// Where the line begins that is being written.
    indent: usize,
    /// The last token that is no comment.
    end: Option<usize>,
}

fn is_blank(token: Token) -> bool {
    matches!(token, Token::Newline | Token::Sep | Token::Comment | Token::Doc | Token::Join)
}

impl<'a> Writer<'a> {
    fn new(text: &'a str, lexed: &Lexed, laid: &Laid) -> Writer<'a> {
        let tokens = with_meaning(lexed, laid);
        let end = tokens.iter().rposition(|t| !is_blank(t.0));
        Writer {
            text,
            tokens,
            out: String::with_capacity(text.len() + text.len() / 8),
            brackets: vec![],
            last: None,
            comment: false,
            newlines: 0,
            split: false,
            join: false,
            fresh: true,
            indent: 0,
            end,
        }
    }

    fn step(&mut self, i: usize) {
        let (token, span) = self.tokens[i];
        match token {
            Token::Newline => self.newlines += 1,
            Token::Sep => {
                self.newlines += 1;
                self.fresh = true;
            }
            Token::Join => match self.tokens.get(i + 1) {
                // Only one that joins: between two tokens, on the line of the first.
                Some((next, _)) if self.on_a_line() && !is_blank(*next) && !next.closes() && *next != Token::Semi => {
                    self.join = true;
                }
                _ => self.newlines += 1,
            },
            Token::Comment | Token::Doc => self.comment(i, span),
            Token::Semi => self.semi(i),
            _ => self.token(i, token, span),
        }
    }

    fn finish(mut self) -> String {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out
    }

    fn source(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// At the top or directly in a block: where lines are statements.
    fn in_block(&self) -> bool {
        self.brackets.last().is_none_or(|b| b.token == Token::BraceOpen)
    }

    /// In a block on one line.
    fn in_flat(&self) -> bool {
        self.brackets.last().is_some_and(|b| !b.tall)
    }

    fn inner(&self) -> usize {
        self.brackets.last().map_or(0, |b| b.inner)
    }

    /// Whether the last token's line goes on so far.
    fn on_a_line(&self) -> bool {
        self.newlines == 0 && !self.split && !self.comment && self.last.is_some()
    }

    fn next_meant(&self, i: usize) -> Option<Token> {
        self.tokens[i + 1..].iter().map(|t| t.0).find(|&t| !is_blank(t) && t != Token::Semi)
    }

    fn behind_opener(&self) -> bool {
        !self.comment && self.last.is_some_and(|l| l.token.opens())
    }

    fn line(&mut self, blank: bool, indent: usize) {
        if !self.out.is_empty() {
            self.out.push_str(if blank { "\n\n" } else { "\n" });
        }
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.indent = indent;
    }

    fn settle(&mut self) {
        (self.newlines, self.split, self.join) = (0, false, false);
    }

    fn comment(&mut self, i: usize, span: Span) {
        let words = self.source(span).trim_end();
        if self.newlines > 0 || self.out.is_empty() {
            let blanks = self.tokens[i..].iter().take_while(|t| is_blank(t.0) || t.0 == Token::Semi);
            let ended = blanks.into_iter().any(|t| matches!(t.0, Token::Sep | Token::Semi));
            let goes_on = self.in_block() && !self.fresh && !ended;
            let indent = match self.next_meant(i) {
                Some(next) if goes_on && !next.closes() && !matches!(next, Token::Else | Token::Catch) => INDENT,
                _ => 0,
            };
            self.line(self.newlines > 1 && !self.behind_opener(), self.inner() + indent);
        } else {
            self.out.push_str("  ");
        }
        self.out.push_str(words);
        self.settle();
        self.comment = true;
    }

    /// The last `;` of a program hushes a REPL and stays; others are written between statements on one line only.
    fn semi(&mut self, i: usize) {
        self.fresh = true;
        if Some(i) == self.end {
            if self.comment {
                self.line(false, 0);
            }
            self.out.push(';');
            self.settle();
            self.comment = false;
        } else if self.brackets.last().is_some_and(|b| b.vacant) && self.next_meant(i) == Some(Token::BraceClose) {
            if self.comment {
                self.line(false, self.inner());
            }
            self.out.push(';');
            self.newlines = 0;
            if let Some(bracket) = self.brackets.last_mut() {
                bracket.vacant = false;
            }
        } else {
            // A line of `;` alone goes; a blank line beside it stays.
            self.newlines = if self.newlines > 1 { 2 } else { 0 };
            self.split = true;
        }
    }

    fn token(&mut self, i: usize, token: Token, span: Span) {
        let follows_brace = !self.comment && self.last.is_some_and(|l| l.token == Token::BraceClose);
        let joins = matches!(token, Token::Else | Token::Catch) && follows_brace;
        let empty = token.closes() && self.behind_opener();
        let body = self
            .last
            .is_some_and(|l| ends_operand(l.token) || matches!(l.token, Token::Else | Token::Try | Token::Catch));
        let ends_line = self.tokens.get(i + 1).is_some_and(|t| is_blank(t.0));
        let (prefix, tight) = (self.is_prefix(token), self.is_tight(i));
        if self.join {
            self.out.push_str(" \\");
            self.line(false, self.inner() + if self.in_block() { INDENT } else { 0 });
        } else if self.breaks(token) && !joins && !empty {
            let blank = self.newlines > 1 && !self.behind_opener() && !token.closes();
            self.line(blank, self.indent_of(token));
        } else if self.split && self.in_flat() && !token.closes() && !self.behind_opener() {
            self.out.push_str("; ");
        } else if self.spaced(token, prefix, tight, ends_line) {
            self.out.push(' ');
        }
        self.out.push_str(self.source(span));
        self.settle();
        self.note_bracket(i, token, body);
        // The `=` of `f(x=1)` stands tight.
        let tight = tight || (token == Token::Assign && self.last.is_some_and(|l| l.token == Token::ArgName));
        self.last = Some(Last { token, span, prefix, tight });
        self.comment = false;
        self.fresh = token == Token::BraceOpen;
    }

    /// Whether a token starts a new line.
    fn breaks(&self, token: Token) -> bool {
        if self.last.is_none() && !self.comment {
            return false;
        }
        let behind_tall = self.behind_opener() && self.brackets.last().is_some_and(|b| b.tall);
        let ends_tall = token == Token::BraceClose && self.brackets.last().is_some_and(|b| b.tall);
        self.newlines > 0 || self.comment || behind_tall || ends_tall || (self.split && !self.in_flat())
    }

    fn indent_of(&self, token: Token) -> usize {
        if token.closes() {
            return self.brackets.last().map_or(0, |b| b.outer);
        }
        let goes_on = self.in_block() && !self.fresh && !matches!(token, Token::Else | Token::Catch);
        self.inner() + if goes_on { INDENT } else { 0 }
    }

    fn note_bracket(&mut self, i: usize, token: Token, body: bool) {
        if let Some(around) = self.brackets.last_mut() {
            around.vacant = false;
        }
        if token.closes() {
            self.brackets.pop();
        } else if token.opens() {
            let tall = token == Token::BraceOpen && self.holds_newline(i);
            let vacant = token == Token::BraceOpen && (!body || self.fresh);
            self.brackets.push(Bracket { token, outer: self.indent, inner: self.indent + INDENT, tall, vacant });
        }
    }

    /// Whether a newline stands between a bracket and its other.
    fn holds_newline(&self, open: usize) -> bool {
        let mut depth = 0usize;
        for &(token, _) in &self.tokens[open..] {
            match token {
                Token::Newline | Token::Join | Token::Sep => return true,
                _ if token.opens() => depth += 1,
                _ if token.closes() => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return false;
            }
        }
        false
    }

    /// A sign, `~`, `not`, or the star of `*rest`.
    fn is_prefix(&self, token: Token) -> bool {
        let operand = !self.fresh && self.last.is_some_and(|l| ends_operand(l.token));
        !operand && (token.prefix().is_some() || token == Token::Star)
    }

    /// An arithmetic operator that the author wrote without any air.
    fn is_tight(&self, i: usize) -> bool {
        let (token, span) = self.tokens[i];
        let airy = !matches!(token.infix(), Some(op) if op.level >= Level::Range && !token.is_keyword());
        let before = i.checked_sub(1).map(|j| self.tokens[j]).is_some_and(|t| t.1.end == span.start && !is_blank(t.0));
        let after = self.tokens.get(i + 1).is_some_and(|t| t.1.start == span.end && !is_blank(t.0));
        !airy && before && after
    }

    /// Whether a blank goes between the last token and this one, on one line.
    fn spaced(&self, token: Token, prefix: bool, tight: bool, ends_line: bool) -> bool {
        use Token::*;
        let Some(last) = self.last else { return false };
        let in_index = self.brackets.last().is_some_and(|b| b.token == BracketOpen);
        match (last.token, token) {
            (BraceOpen, BraceClose) => false,
            (BraceOpen, _) => true,
            (_, BraceClose) => self.brackets.last().is_some_and(|b| b.token == BraceOpen),
            (Comma, Colon) => true,
            (_, Comma | Colon | Format | TextPiece | InterpOpen | TextClose) => false,
            (TextOpen | TextPiece, _) => false,
            // `1. .f` is no range, and `1 .` before a newline no `1.`.
            (_, Dot) => self.source(last.span).ends_with('.') || (last.token == Number && ends_line),
            (Dot | Rest, _) => false,
            (before, after) if before.opens() || after.closes() => false,
            // `--` at the end of a line would be taken for a decrement.
            _ if last.prefix => last.token.is_keyword() || last.token == token,
            (Colon, _) => !in_index,
            (ArgName, Assign) => false,
            (Assign, _) => !last.tight,
            (before, ParenOpen | BracketOpen) if ends_operand(before) => false,
            _ if last.token.infix().is_some() => !last.tight,
            _ if token.infix().is_some() && !prefix => !tight,
            _ => true,
        }
    }
}
