//! A failure of the parser in words: what was found, what would have gone on, and the edit that was probably meant.
//!
//! In: `Wrong` and the tokens around it. Out: a fault. The habits of other languages are a table of cases, one line each.

use super::wrong::{Part, Wrong};
use crate::base::{Fault, Span, nearest};
use crate::syntax::lex::Spanned;
use crate::syntax::token::Token;

/// A place in the tokens, to look around from.
struct Around<'a> {
    tokens: &'a [Spanned],
    text: &'a str,
    at: usize,
}

impl<'a> Around<'a> {
    fn token(&self, offset: isize) -> Option<Token> {
        Some(self.tokens.get(self.at.checked_add_signed(offset)?)?.0)
    }

    fn word(&self, offset: isize) -> &'a str {
        let at = self.at.checked_add_signed(offset).and_then(|i| self.tokens.get(i));
        at.and_then(|t| self.text.get(t.1.range())).unwrap_or("")
    }

    /// Whether the token before touches this one: `&&`, `=>`.
    fn touches(&self) -> bool {
        let span = |i: usize| self.tokens.get(i).map(|t| t.1);
        match (self.at.checked_sub(1).and_then(span), span(self.at)) {
            (Some(before), Some(this)) => before.end == this.start,
            _ => false,
        }
    }

    /// The innermost bracket that is open here.
    fn inside(&self) -> Option<Token> {
        let mut depth = 0usize;
        for &(token, _) in self.tokens[..self.at.min(self.tokens.len())].iter().rev() {
            match token {
                _ if token.closes() => depth += 1,
                _ if token.opens() && depth == 0 => return Some(token),
                _ if token.opens() => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// The first token of the statement that this stands in, and its word.
    fn first(&self) -> (Option<Token>, &'a str) {
        let (mut i, mut depth) = (self.at.min(self.tokens.len()), 0usize);
        while let Some(&(token, _)) = i.checked_sub(1).and_then(|j| self.tokens.get(j)) {
            match token {
                Token::Sep if depth == 0 => break,
                _ if token.closes() => depth += 1,
                _ if token.opens() && depth == 0 => break,
                _ if token.opens() => depth -= 1,
                _ => {}
            }
            i -= 1;
        }
        let word = self.tokens.get(i).and_then(|t| self.text.get(t.1.range())).unwrap_or("");
        (self.tokens.get(i).map(|t| t.0), word)
    }
}

/// Nothing where the lexer has already said it.
pub fn explain(wrong: &Wrong, text: &str, tokens: &[Spanned]) -> Option<Fault> {
    let at = tokens.partition_point(|t| t.1.start < wrong.span.start);
    let around = Around { tokens, text, at };
    let found = around.token(0);
    if found == Some(Token::Wrong) {
        return None;
    }
    let span = tokens.get(at).map_or(wrong.span, |t| t.1);
    let message = match found {
        None => "unexpected end".to_string(),
        Some(Token::Sep) if around.word(0) == ";" => "unexpected `;`".to_string(),
        Some(Token::Sep) => "unexpected end of the line".to_string(),
        Some(Token::Name | Token::ArgName | Token::LambdaName | Token::DefineName | Token::Number | Token::Hole) => {
            format!("unexpected `{}`", crop(around.word(0)))
        }
        Some(Token::Text) => format!("unexpected {}", crop(around.word(0))),
        Some(Token::TextOpen) => "unexpected text".to_string(),
        // Of its two spellings the one that was typed.
        Some(Token::Power) => format!("unexpected `{}`", around.word(0)),
        Some(token) => format!("unexpected {}", token.words()),
    };
    let mut fault = Fault::syntax(message).at(span);
    fault = match wrong.expected() {
        Some(expected) => fault.label(span, format!("expected {expected}")),
        None => fault.label(span, "not expected here"),
    };
    Some(match habit(&around, wrong) {
        Some(hint) => fault.hint(hint),
        None => fault,
    })
}

fn crop(word: &str) -> String {
    match word.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &word[..at]),
        None => word.to_string(),
    }
}

/// What somebody who typed this probably meant.
fn habit(around: &Around, wrong: &Wrong) -> Option<String> {
    let (first, first_word) = around.first();
    statement_habit(around, wrong, first, first_word)
        .or_else(|| misspelt(around, first, first_word))
        .or_else(|| glued_habit(around))
        .or_else(|| token_habit(around, wrong, first))
        .or_else(|| neighbours_habit(around, wrong))
        .or_else(|| wrong.expects(Part::Block).then(|| "a block stands in braces: `if c { … }`".into()))
}

/// Statements of other languages, by their first word.
fn statement_habit(around: &Around, wrong: &Wrong, first: Option<Token>, word: &str) -> Option<String> {
    let named = matches!(first, Some(Token::Name | Token::LambdaName | Token::DefineName));
    // Two words side by side: the first is no variable.
    let begins = named && around.word(-1) == word;
    let import = matches!(first, Some(Token::Import | Token::From));
    let hint = match word {
        "def" | "function" | "func" | "fun" | "proc" if named => "define with `f(x) = x^2` or `fn f(x) { … }`",
        "let" | "var" | "const" | "mut" | "local" | "val" if named => "assign without a keyword: `x = 1`",
        "elif" | "elseif" | "elsif" if named => "write `else if c { … }`, on the line of the `}` or the next",
        "except" | "finally" if named => "write `try { … } catch err { … }`",
        "raise" | "throw" if named => "write `error(\"…\")`",
        "switch" | "match" | "case" if named => "write `if c { … } else if d { … } else { … }`",
        "do" | "loop" | "until" | "repeat" if named => "write `while c { … }` or `for i in 0..n { … }`",
        "class" | "struct" if named => "records hold named values: `p = {w: 1, b: 2}`",
        "del" if named => "variables need no deleting; assign `none` to let go of a large one",
        "end" | "endif" | "endfor" | "fi" | "done" if named => "blocks end with `}`",
        "lambda" if named => "write `x -> x^2`",
        "with" if begins && around.word(0) == "open" => {
            "no file needs closing: `load(\"f.csv\")` reads one, `save(\"f.csv\", x)` writes one"
        }
        "with" if begins => "leave `with` out: write what stands in its block; only `grad(expr, x)` records anything",
        "async" | "await" if begins => "leave it out: nothing waits here; define with `f(x) = x^2`",
        "global" | "nonlocal" if begins => "a function assigns names of its own: return the value, `x = f(x)`",
        "fn" if around.token(0) == Some(Token::Assign) => "write `f(x) = …` without `fn`, or `fn f(x) { … }`",
        "fn" if wrong.expects_token(Token::ParenOpen) => "write `fn f() { … }`",
        "fn" if around.token(-1) == Some(Token::Fn) => "a function without a name is `x -> x^2`",
        "import" | "from" if import && matches!(around.token(0), Some(Token::Name)) => {
            "import takes a file in quotes: `import \"lib.nev\"`; the standard library needs no import"
        }
        _ => return None,
    };
    Some(hint.into())
}

/// A keyword with a slip of the finger: at the start of a statement where an operand or a block follows, or behind a
/// block.
fn misspelt(around: &Around, first: Option<Token>, word: &str) -> Option<String> {
    use Token::*;
    let operand = |t: Token| {
        matches!(
            t,
            Name | LambdaName | Number | Text | TextOpen | True | False | Nothing | If | BraceOpen | RecordBrace
        )
    };
    let starts = ["fn", "if", "for", "while", "return", "import", "from", "try", "assert"];
    let follows = ["else", "catch"];
    let found = around.token(0)?;
    let near = match found {
        Name if around.token(-1) == Some(BraceClose) => nearest(around.word(0), follows),
        _ if !matches!(first, Some(Name | LambdaName | DefineName)) => None,
        BraceOpen if around.token(-1) != Some(Name) => nearest(word, starts),
        _ if operand(found) && around.word(-1) == word => nearest(word, starts),
        _ => None,
    }?;
    Some(format!("did you mean `{near}`?"))
}

/// Operators of other languages, which read as two of ours that touch.
fn glued_habit(around: &Around) -> Option<String> {
    use Token::*;
    if !around.touches() {
        return None;
    }
    let hint = match (around.token(-1)?, around.token(0)?) {
        (BitAnd, BitAnd) => "write `and` for single bools, `&` for each element",
        (BitOr, BitOr) => "write `or` for single bools, `|` for each element",
        (Assign, Greater) => "write `->`: `x -> x^2`",
        (Less, Greater) => "write `!=`",
        (Equal, Assign) | (NotEqual, Assign) => "write `==` or `!=`",
        (Colon, Colon) => "a field is `p.name`",
        (Slash, Star) => "a comment starts with `#`, on each of its lines",
        (Dot, Star | Slash | Power | Plus | Minus) => {
            "without the dot: `x * y`, `x ^ 2` go element by element; matrices multiply by `x @ y`"
        }
        _ => return None,
    };
    Some(hint.into())
}

/// By the token that was found.
fn token_habit(around: &Around, wrong: &Wrong, first: Option<Token>) -> Option<String> {
    use Token::*;
    let operand_before = wrong.expects(Part::Operator);
    let first_name = first == Some(Name);
    let header = matches!(first, Some(If | Else | For | While | Fn | Try | BraceClose));
    let hint = match around.token(0)? {
        Colon if around.token(1) == Some(Assign) => "assign with `=`",
        Colon if first == Some(Colon) && around.token(1) == Some(Name) => {
            "commands with a colon are the REPL's; `nevel --help` lists those of a shell"
        }
        Colon if around.token(-2) == Some(UnpackBrace) => "take fields by their names: `{w, b} = p`",
        Colon if around.inside() == Some(BracketOpen) => "a slice is `start:stop:step`",
        Colon
            if matches!(around.token(-2), Option::None | Some(Sep))
                && first_name
                && matches!(around.token(2), Some(Assign | BracketOpen)) =>
        {
            "assign with `=`: `x = 1`; only parameters are annotated"
        }
        BraceClose if wrong.expects_token(Colon) => "a field is `name: value`",
        Colon if header || around.token(-1) == Some(Else) => "a block stands in braces: `if c { … }`",
        Colon => "`a:b` slices only work inside `x[...]`; a range is `a..b`",
        Assign if around.inside() == Some(InterpOpen) && around.token(-1) == Some(Name) => {
            return Some(format!("write the name before the braces: `\"{0} = {{{0}}}\"`", crop(around.word(-1))));
        }
        // `() => x`
        Assign if around.token(1) == Some(Greater) => "write `->`: `x -> x^2`",
        Assign | ArgName if header => "compare with `==`; `=` assigns, as a statement of its own",
        ArgName => "compare with `==`; `name=value` is an argument of a call",
        Assign => "compare with `==`; `=` assigns, one target to a statement",
        Sep if around.word(0) == ";" => {
            "rows of an array are arrays: `[[1, 2], [3, 4]]`; arguments are separated by `,`"
        }
        Sep if wrong.expects(Part::Block) => "the `{` goes on the same line: `if c {`",
        If if operand_before => "write `if c { a } else { b }`",
        For if operand_before => "a comprehension stands in brackets: `[x^2 for x in xs]`",
        LambdaName | LambdaParen => "put a function that is an operand in parentheses: `(x -> x^2)`",
        Not => "put it in parentheses: `(not a)`",
        Arrow => "before `->` stands a name or `(a, b)`; a definition is `f(x) = x^2`",
        To | Through => "a range has two ends, and a step after `by`: `0..10 by 2`",
        Power if wrong.expects(Part::Param) => "named arguments come one by one, `f(a=1, b=2)`, or in a record: `f(p)`",
        // `a, *b = t`
        Star if matches!(around.token(-1), Option::None | Some(Sep | BraceOpen | Comma))
            && around.inside().is_none_or(|t| t == BraceOpen) =>
        {
            "take the rest apart by index: `a = t[0]; b = t[1:]`"
        }
        Star | Power if around.inside() == Some(BracketOpen) && !operand_before => "join arrays with `concat((a, b))`",
        Star | Power if around.token(-1) == Some(ParenOpen) || around.token(-1) == Some(Comma) => {
            "spread with `f(...xs)`"
        }
        BitOr if !operand_before && around.token(1) == Some(Name) && matches!(around.token(2), Some(BitOr | Comma)) => {
            "a function without a name is `x -> x + 1`"
        }
        At if !operand_before && around.token(1) == Some(ParenOpen) => "a function without a name is `x -> x + 1`",
        At if !operand_before && around.token(1) == Some(Name) => "there are no decorators: define f, then `f = g(f)`",
        Floor if !operand_before => "a comment starts with `#`",
        // `%timeit f(x)`
        Percent if first == Some(Percent) && matches!(around.word(1), "time" | "timeit") => {
            "write `:time f(x)` in the REPL"
        }
        Percent if first == Some(Percent) => "commands of the REPL begin with a colon: `:help`",
        Slash if !operand_before && around.token(1) == Some(Star) => "a comment starts with `#`, on each of its lines",
        InterpClose if around.token(-1) == Some(InterpOpen) => {
            "the value stands in the braces: `\"x is {x}\"`; a brace that is only a brace is `\\{`"
        }
        InterpClose => "a brace that is only a brace is `\\{`",
        Rest => "`...` stands in calls, tuples, records and `x[...]`",
        Format => "a format follows the value: `{x:.3f}`",
        Else => "`else` follows the `}` of an `if`",
        Catch => "`catch` follows the `}` of a `try`",
        Comma if first == Some(Import) => "one file for each `import`",
        token if token.is_keyword() && wrong.expects(Part::Name) || keyword_target(around) => {
            return Some(format!("`{}` is a keyword; choose another name", around.word(0)));
        }
        _ => return None,
    };
    Some(hint.into())
}

fn keyword_target(around: &Around) -> bool {
    let token = around.token(0);
    token.is_some_and(Token::is_keyword) && around.token(1) == Some(Token::Assign)
}

/// By two operands side by side.
fn neighbours_habit(around: &Around, wrong: &Wrong) -> Option<String> {
    use Token::*;
    if !wrong.expects(Part::Operator) {
        return None;
    }
    let (before, found) = (around.token(-1)?, around.token(0)?);
    let (left, right) = (crop(around.word(-1)), crop(around.word(0)));
    let operand = matches!(found, Name | Number | Text | TextOpen | ParenOpen | BracketOpen | RecordBrace);
    Some(match (before, found) {
        (_, Number) if right.starts_with('.') => format!("an element of a tuple is `t[{}]`", &right[1..]),
        (_, Name) if matches!(&*right, "then" | "do") => "a block stands in braces: `if c { … }`".into(),
        (_, Name) if matches!(&*right, "elif" | "elseif" | "elsif") => "write `else if c { … }`".into(),
        (_, Name) if right == "is" && around.token(1) == Some(Not) => "compare with `!=`".into(),
        (_, Name) if matches!(&*right, "is" | "eq") => "compare with `==`".into(),
        (Name, Name) if around.token(-2) == Some(Floor) => "a comment starts with `#`".into(),
        (Name, Text | TextOpen) if around.touches() && is_text_prefix(&left) => prefix_hint(&left),
        _ if operand && wrong.expects(Part::Block) => return None,
        _ if operand && wrong.expects_token(Comma) && around.inside().is_some_and(|t| t != BraceOpen) => {
            "a `,` separates the two; a product needs `*`".into()
        }
        (Name, Text) => format!("a call needs parentheses: `{left}({right})`"),
        (Name, TextOpen) => format!("a call needs parentheses: `{left}(\"…\")`"),
        (Name, Name | Number) => {
            format!("a call needs parentheses: `{left}({right})`; a product needs `*`: `{left}*{right}`")
        }
        (Number | ParenClose | BracketClose, Name | ParenOpen | Number) => {
            "there is no implicit multiplication: write `*` between the two".into()
        }
        _ => return None,
    })
}

/// What other languages write before a quote.
fn is_text_prefix(word: &str) -> bool {
    matches!(&*word.to_lowercase(), "f" | "r" | "b" | "u" | "fr" | "rf" | "br" | "rb")
}

fn prefix_hint(prefix: &str) -> String {
    let lower = prefix.to_lowercase();
    let why = match (lower.contains('r'), lower.contains('f')) {
        (true, _) => "; a backslash is `\\\\`",
        (_, true) => ": braces in any text are filled in, `\"x is {x}\"`",
        _ => "",
    };
    format!("leave the `{prefix}` out{why}")
}

/// `_` with nothing to stand for.
pub fn hole(span: Span) -> Fault {
    Fault::syntax("`_` stands for nothing here")
        .at(span)
        .label(span, "not an argument of the call right of `|>`")
        .hint("right of a pipe it is the piped value: `x |> f(2, _)`; elsewhere write a name")
}

/// 2^63 without its minus.
pub fn overflow(span: Span, text: &str) -> Fault {
    let digits = text.get(span.range()).unwrap_or("");
    Fault::syntax(format!("`{digits}` does not fit into a 64-bit integer"))
        .at(span)
        .label(span, "the largest is 9223372036854775807")
        .hint(format!("write `{digits}.0` for a float"))
}
