//! Text to raw tokens.
//!
//! In: a text. Out: every token with its span, newlines and comments among them, and faults for what is no token.
//! logos sees only the `"` of a text; the body is scanned here, and what stands in its `{…}` goes into the same flat
//! stream between `InterpOpen` and `InterpClose`. So spans, highlighting, completion and errors inside a text need
//! nothing special anywhere.

use logos::Logos;

use super::literal;
use super::token::Token;
use crate::base::{Fault, Span};

pub type Spanned = (Token, Span);

/// The raw tokens of a text.
#[derive(Default)]
pub struct Lexed {
    pub tokens: Vec<Spanned>,
    pub faults: Vec<Fault>,
    /// Where a text begins that its line does not close.
    pub open_text: Option<usize>,
}

/// A bracket that is open; an interpolation remembers where its text begins.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Paren,
    Bracket,
    Brace,
    Interp { quote: usize },
}

struct Driver<'t> {
    source: u32,
    text: &'t str,
    logos: logos::Lexer<'t, Token>,
    open: Vec<Open>,
    out: Lexed,
}

pub fn lex(source: u32, text: &str) -> Lexed {
    let mut driver = Driver { source, text, logos: Token::lexer(text), open: vec![], out: Lexed::default() };
    while let Some(token) = driver.logos.next() {
        let range = driver.logos.span();
        driver.token(token.unwrap_or(Token::Wrong), range.start, range.end);
    }
    driver.unclosed_text(text.len());
    driver.out
}

impl Driver<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    fn push(&mut self, token: Token, start: usize, end: usize) {
        let span = self.span(start, end);
        self.out.tokens.push((token, span));
    }

    fn token(&mut self, token: Token, start: usize, end: usize) {
        match token {
            Token::Quote => return self.text_from(start, end),
            Token::Number => return self.number(start, end),
            Token::Wrong => return self.wrong(start, end),
            Token::Newline => self.unclosed_text(start),
            Token::ParenOpen => self.open.push(Open::Paren),
            Token::BracketOpen => self.open.push(Open::Bracket),
            Token::BraceOpen => self.open.push(Open::Brace),
            Token::ParenClose => self.close(Open::Paren),
            Token::BracketClose => self.close(Open::Bracket),
            Token::BraceClose => {
                if let Some(quote) = self.interp_closed_here() {
                    self.push(Token::InterpClose, start, end);
                    return self.text_body(quote, end);
                }
                self.close(Open::Brace);
            }
            Token::Colon if matches!(self.open.last(), Some(Open::Interp { .. })) => return self.format(start, end),
            _ => {}
        }
        self.push(token, start, end);
    }

    fn close(&mut self, bracket: Open) {
        if self.open.last() == Some(&bracket) {
            self.open.pop();
        }
    }

    /// A `}` ends an interpolation unless a `{` inside it is open. An open `(` or `[` does not hide it: then the
    /// layout pass can point at that bracket.
    fn interp_closed_here(&mut self) -> Option<usize> {
        let at = self.open.iter().rposition(|o| matches!(o, Open::Interp { .. } | Open::Brace))?;
        let Open::Interp { quote } = self.open[at] else { return None };
        self.open.truncate(at);
        Some(quote)
    }

    /// The text that begins at `quote`.
    fn text_from(&mut self, quote: usize, body: usize) {
        let end = self.piece_end(body);
        match self.text.as_bytes().get(end) {
            Some(b'"') => {
                self.push(Token::Text, quote, end + 1);
                self.logos.bump(end + 1 - body);
            }
            Some(b'{') => {
                self.push(Token::TextOpen, quote, body);
                self.text_body(quote, body);
            }
            // Inside another text's `{…}` it is more likely that one's closing quote, and that one says so.
            _ if self.open.iter().any(|o| matches!(o, Open::Interp { .. })) => {
                self.push(Token::Wrong, quote, end);
                self.logos.bump(end - body);
            }
            _ => {
                self.push(Token::Text, quote, end);
                self.logos.bump(end - body);
                self.fault_unclosed(quote, end);
            }
        }
    }

    /// The rest of an interpolated text, from behind its quote or behind a `}`.
    fn text_body(&mut self, quote: usize, from: usize) {
        let end = self.piece_end(from);
        if end > from {
            self.push(Token::TextPiece, from, end);
        }
        let next = self.text.as_bytes().get(end).copied();
        let skip = match next {
            Some(b'"') => {
                self.push(Token::TextClose, end, end + 1);
                1
            }
            Some(b'{') => {
                self.push(Token::InterpOpen, end, end + 1);
                self.open.push(Open::Interp { quote });
                1
            }
            _ => {
                self.push(Token::TextClose, end, end);
                self.fault_unclosed(quote, end);
                0
            }
        };
        self.logos.bump(end + skip - from);
    }

    /// Where a literal piece ends: at `"`, `{`, a newline or the end of everything.
    fn piece_end(&self, from: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = from;
        while let Some(&b) = bytes.get(at) {
            match b {
                b'"' | b'{' | b'\n' => return at,
                // The brace of `\u{221e}` belongs to the escape.
                b'\\' if bytes[at + 1..].starts_with(b"u{") => at += 3,
                b'\\' if bytes.get(at + 1).is_some_and(|&b| b != b'\n') => at += 2,
                _ => at += 1,
            }
        }
        bytes.len().min(at)
    }

    /// A format runs to the `}`, over braces in it; nothing in it is a token.
    fn format(&mut self, colon: usize, from: usize) {
        let rest = &self.text[from..];
        let mut depth = 0;
        let end = |c: char| {
            depth += (c == '{') as i32 - (c == '}') as i32;
            depth < 0 || matches!(c, '"' | '\n')
        };
        let len = rest.find(end).unwrap_or(rest.len());
        self.push(Token::Format, colon, from + len);
        if rest[len..].starts_with('"') {
            self.unclosed_text(from + len);
            return self.logos.bump(len + 1);
        }
        self.logos.bump(len);
    }

    /// At a newline or the end: texts whose `{` is still open are closed with a fault, so that lines stay independent.
    fn unclosed_text(&mut self, at: usize) {
        let Some(first) = self.open.iter().position(|o| matches!(o, Open::Interp { .. })) else { return };
        let Open::Interp { quote } = self.open[first] else { return };
        for open in self.open.split_off(first).into_iter().rev() {
            match open {
                Open::Interp { .. } => {
                    self.push(Token::InterpClose, at, at);
                    self.push(Token::TextClose, at, at);
                }
                Open::Paren => self.push(Token::ParenClose, at, at),
                Open::Bracket => self.push(Token::BracketClose, at, at),
                Open::Brace => self.push(Token::BraceClose, at, at),
            }
        }
        self.fault_unclosed(quote, at);
    }

    fn fault_unclosed(&mut self, quote: usize, end: usize) {
        if self.out.open_text.is_some_and(|at| at <= quote) && end == self.text.len() {
            return;
        }
        if end == self.text.len() {
            self.out.open_text = Some(quote);
        }
        let opened = self.span(quote, quote + 1);
        let mut fault = Fault::syntax("a text is not closed on its line").at(opened).label(opened, "opened here");
        fault = match self.text[quote..end].contains('{') {
            true => fault.hint("close `{` with `}` and the text with `\"`; a brace that is only a brace is `\\{`"),
            false => fault.hint("close it with `\"`; a newline inside a text is `\\n`"),
        };
        self.out.faults.push(fault);
    }

    /// `2x` and `0b12` are caught here, with the whole word in hand.
    fn number(&mut self, start: usize, end: usize) {
        let rest =
            self.text[end..].split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '∇')).next().unwrap_or("");
        if !rest.is_empty() {
            let (number, at) = (&self.text[start..end], self.span(start, end + rest.len()));
            let based = number.len() > 2 && number.starts_with('0') && number.as_bytes()[1].is_ascii_alphabetic();
            let wrong = |words: &str| Fault::syntax(format!("`{number}{rest}` is no number")).label(at, words);
            let fault = match number {
                "0" if matches!(rest, "x" | "X") => wrong("hexadecimal digits follow `0x`").hint("write `0xff`"),
                "0" if matches!(rest, "b" | "B") => wrong("binary digits follow `0b`").hint("write `0b101`"),
                "0" if matches!(rest, "o" | "O") => wrong("octal digits follow `0o`").hint("write `0o17`"),
                _ if rest.starts_with(|c: char| c.is_ascii_digit()) || based => wrong("a digit that its base lacks"),
                _ => Fault::syntax("a name can't follow a number directly")
                    .label(at, "there is no implicit multiplication")
                    .hint(format!("write `{number}*{rest}`")),
            };
            self.out.faults.push(fault.at(at));
            self.logos.bump(rest.len());
        } else if !literal::separates(&self.text[start..end]) {
            let (number, at) = (&self.text[start..end], self.span(start, end));
            let fault = Fault::syntax(format!("`{number}` is no number")).at(at);
            let fault = fault.label(at, "a single `_` may stand between two digits").hint("write `1_000`");
            self.out.faults.push(fault);
        }
        self.push(Token::Number, start, end);
    }

    /// `'abc'` and its like in one piece, unless the quote stands behind an operand as a transpose would.
    fn foreign_quote(&mut self, start: usize, end: usize) -> bool {
        let close = match &self.text[start..end] {
            "'" => '\'',
            "`" => '`',
            "‘" => '’',
            "“" | "„" => '”',
            _ => return false,
        };
        let behind_operand = self.text[..start].ends_with(|c: char| c.is_alphanumeric() || ")]}_".contains(c));
        let line = self.text[end..].split('\n').next().unwrap_or("");
        let Some(len) = line.find(close).filter(|_| !behind_operand) else { return false };
        let all = len + close.len_utf8();
        let span = self.span(start, end + all);
        self.push(Token::Wrong, start, end + all);
        let fault =
            Fault::syntax("a text in foreign quotes").at(span).label(span, "texts stand in straight double quotes");
        self.out.faults.push(fault.hint(format!("write `\"{}\"`", &line[..len])));
        self.logos.bump(all);
        true
    }

    fn wrong(&mut self, start: usize, end: usize) {
        if &self.text[start..end] == "\\" && self.text[end..].trim().is_empty() {
            // A REPL's line ends without its newline.
            return self.push(Token::Join, start, end);
        }
        if self.foreign_quote(start, end) {
            return;
        }
        let run = matches!(self.out.tokens.last(), Some((Token::Wrong, s)) if s.end as usize == start);
        self.push(Token::Wrong, start, end);
        if run {
            return;
        }
        let span = self.span(start, end);
        let what = self.text[start..end].chars().next().unwrap_or(' ');
        let fault = Fault::syntax(match what.is_control() {
            true => format!("a character that means nothing here: U+{:04X}", what as u32),
            false => format!("a character that means nothing here: `{what}`"),
        });
        let fault = fault.at(span).label(span, "not part of the language");
        self.out.faults.push(match self.advice_here(what, start, end).or_else(|| advice(what).map(String::from)) {
            Some(hint) => fault.hint(hint),
            None => fault,
        });
    }

    /// What was wanted with a character where it stands.
    fn advice_here(&self, what: char, start: usize, end: usize) -> Option<String> {
        let (before, rest) = (&self.text[..start], self.text[end..].split('\n').next().unwrap_or(""));
        match what {
            // `?sum`
            '?' if before.rsplit('\n').next().is_none_or(|line| line.trim_start_matches('?').trim().is_empty()) => {
                let name = rest.trim_start_matches('?').trim();
                let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
                (is_name && !name.is_empty())
                    .then(|| format!("write `nevel doc {name}` in a shell; `?{name}` is for the REPL"))
            }
            // `sum?`
            '?' if rest.trim_start_matches('?').trim().is_empty() => {
                let at = before.rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).map_or(0, |at| at + 1);
                let name = before.get(at..)?.trim_start_matches(|c: char| !c.is_alphabetic());
                (!name.is_empty()).then(|| format!("write `?{name}` in the REPL, `nevel doc {name}` in a shell"))
            }
            // `"{x!r}"`
            '!' if matches!(self.open.last(), Some(Open::Interp { .. })) => {
                let letter = rest.chars().next().filter(|c| matches!(c, 'r' | 's' | 'a'))?;
                Some(format!("leave `!{letter}` out: `{{x}}` is what print(x) shows"))
            }
            _ => None,
        }
    }
}

/// What somebody who typed this character wanted.
fn advice(c: char) -> Option<&'static str> {
    Some(match c {
        '\'' => "text goes in double quotes: \"…\"; a transpose is `x.T`",
        '‘' | '’' | '“' | '”' | '„' | '«' | '»' | '`' => "text goes in straight double quotes: \"…\"",
        '!' => "write `not x` for one bool, `~x` for each element, `!=` for unequal",
        '?' => "write `if c { a } else { b }`",
        '\\' => "`\\` joins two lines only as the last character of a line; inside a text write `\\\\`",
        '$' => "names need no mark: write `x`; in a text `{x}`",
        '²' => "write `x^2`",
        '³' => "write `x^3`",
        '√' => "write `sqrt(x)`",
        '∞' => "write `inf`",
        '∑' => "write `sum(x)`",
        '⋅' | '∙' | '•' | '∗' => "write `*`",
        '–' | '—' => "write `-`",
        '…' => "write `...`",
        '→' => "write `->`",
        '⇒' => "write `->`",
        '∈' => "write `in`",
        '∧' => "write `and`, or `&` for each element",
        '∨' => "write `or`, or `|` for each element",
        '¬' => "write `not`, or `~` for each element",
        _ => return None,
    })
}
