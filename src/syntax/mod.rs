//! Text to tree: tokens, layout, parser, formatter. Knows no meanings.
//!
//!     text → lex → layout → parse
//!
//! In: a text (valid UTF-8; BOM and CRLF are fine). Out: a tree or faults. Trees are at most `DEPTH` levels high, and
//! dropping one fits into 2 MiB of stack; what walks a tree by recursion should run on a thread with 256 MiB or more.

pub mod ast;
mod dump;
mod fmt;
mod layout;
mod lex;
mod literal;
mod parse;
#[cfg(test)]
mod tests;
pub mod token;
mod walk;

use std::ops::Range;

use crate::base::Fault;
use token::Token;

pub use ast::DEPTH;
pub use fmt::fmt;
pub use token::{KEYWORDS, Operator, operators};

/// A text that was read.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Empty where there are faults.
    pub program: ast::Program,
    pub faults: Vec<Fault>,
    /// Whether what is missing may come with the next line.
    pub incomplete: bool,
}

/// Reads a program. Spans name `source`.
pub fn parse(source: u32, text: &str) -> Parsed {
    let mut lexed = lex::lex(source, text);
    let mut laid = layout::layout(text, &lexed);
    let mut faults = if laid.too_deep { vec![] } else { std::mem::take(&mut lexed.faults) };
    faults.append(&mut laid.faults);
    let mut program = ast::Program { body: vec![], hushed: laid.hushed };
    if laid.sound {
        let (body, mut wrong) = parse::parse(source, text, &laid);
        program.body = body;
        faults.append(&mut wrong);
    }
    if !faults.is_empty() {
        program = ast::Program::default();
        faults.sort_by_key(|f| f.span.map(|s| (s.start, s.end)));
        faults.dedup_by(|a, b| a.span == b.span && a.message == b.message);
    }
    Parsed { program, faults, incomplete: laid.incomplete }
}

/// Whether a REPL should wait for another line.
pub fn incomplete(text: &str) -> bool {
    layout::layout(text, &lex::lex(0, text)).incomplete
}

/// Whether a bracket is open at the end, and nothing is wrong with the others.
pub fn is_open(text: &str) -> bool {
    let laid = layout::layout(text, &lex::lex(0, text));
    laid.incomplete && !laid.sound
}

/// The operator with which a line goes on from the last value: `|>`, `.name`, an operator that is no sign, or `+` or `-`
/// with a blank behind it (`- 1` goes on, `-1` is a number).
pub fn continues(text: &str) -> Option<Range<usize>> {
    let lexed = lex::lex(0, text);
    let meant = |t: &&lex::Spanned| !matches!(t.0, Token::Newline | Token::Comment | Token::Doc | Token::Join);
    let mut tokens = lexed.tokens.iter().filter(meant);
    let &(token, span) = tokens.next()?;
    let goes_on = match token {
        Token::Not => tokens.next().is_some_and(|t| t.0 == Token::In),
        Token::Dot | Token::By => true,
        Token::Arrow => false,
        _ if token.prefix().is_some() => token.infix().is_some() && text[span.range().end..].starts_with([' ', '\t']),
        _ => token.infix().is_some(),
    };
    goes_on.then(|| span.range())
}

/// What a stretch of text is, for colours and completion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenClass {
    Keyword,
    Name,
    Number,
    Text,
    /// A text that nothing closes, from its quote to the end: where a file name is being typed.
    OpenText,
    Operator,
    Bracket,
    /// `,` `;` `:` `.` `=`
    Mark,
    Comment,
    Error,
}

/// Every token that is seen, in order, with its byte range.
pub fn tokens(text: &str) -> Vec<(TokenClass, Range<usize>)> {
    let lexed = lex::lex(0, text);
    let open = lexed.open_text.unwrap_or(usize::MAX);
    let mut out: Vec<(TokenClass, Range<usize>)> = vec![];
    for (token, span) in lexed.tokens {
        let range = span.range();
        if range.start >= open {
            out.push((TokenClass::OpenText, open..text.len()));
            break;
        }
        if let Some(class) = class(token).filter(|_| !range.is_empty()) {
            out.push((class, range));
        }
    }
    out
}

fn class(token: Token) -> Option<TokenClass> {
    use Token::*;
    Some(match token {
        Newline | Join | Sep => return None,
        Name | LambdaName | DefineName | ArgName | Hole => TokenClass::Name,
        Number => TokenClass::Number,
        Text | TextOpen | TextPiece | TextClose | Format | Quote => TokenClass::Text,
        Comment | Doc => TokenClass::Comment,
        Wrong => TokenClass::Error,
        Comma | Semi | Colon | Dot | Assign => TokenClass::Mark,
        _ if token.is_keyword() => TokenClass::Keyword,
        _ if token.opens() || token.closes() => TokenClass::Bracket,
        _ => TokenClass::Operator,
    })
}

/// The tokens that the grammar reads, under the names of `grammar/language.ebnf`; nothing where a bracket or a
/// character is wrong. A whole number is `INTEGER`, which stands for `NUMBER` too.
pub fn terminals(text: &str) -> Option<Vec<(&'static str, Range<usize>)>> {
    let lexed = lex::lex(0, text);
    let laid = layout::layout(text, &lexed);
    if !laid.sound || !lexed.faults.is_empty() || !laid.faults.is_empty() {
        return None;
    }
    let terminal =
        |&(token, span): &lex::Spanned| (terminal(token, text.get(span.range()).unwrap_or("")), span.range());
    Some(laid.tokens.iter().map(terminal).collect())
}

fn terminal(token: Token, text: &str) -> &'static str {
    use Token::*;
    match token {
        LambdaName if text == "_" => "_",
        Name | LambdaName | DefineName | ArgName => "NAME",
        Number if matches!(literal::number(text), Ok(ast::Kind::Int(_))) => "INTEGER",
        Number => "NUMBER",
        Text => "TEXT",
        TextOpen => "TEXTOPEN",
        TextPiece => "TEXTPIECE",
        InterpOpen => "INTERPOPEN",
        Format => "FORMAT",
        InterpClose => "INTERPCLOSE",
        TextClose => "TEXTCLOSE",
        Sep => "SEP",
        _ => token.glyph().unwrap_or("?"),
    }
}
