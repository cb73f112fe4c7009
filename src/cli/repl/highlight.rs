//! Colours of the line being typed.
//!
//! In: the text and the cursor. Out: the same text, as wide as before, with colours. The bracket at the cursor and its
//! partner stand out.

use crate::syntax::{TokenClass, tokens};

const RESET: &str = "\x1b[0m";
const BRACKET: &str = "\x1b[1;4m";

/// The colour of a class; nothing for what stays plain.
fn color(class: TokenClass) -> &'static str {
    match class {
        TokenClass::Keyword => "\x1b[35m",
        TokenClass::Number => "\x1b[36m",
        TokenClass::Text | TokenClass::OpenText => "\x1b[32m",
        TokenClass::Comment => "\x1b[2m",
        TokenClass::Error => "\x1b[4;31m",
        TokenClass::Name | TokenClass::Operator | TokenClass::Bracket | TokenClass::Mark => "",
    }
}

/// The text in colour. A cursor beyond the text marks no brackets.
pub fn highlight(text: &str, cursor: usize) -> String {
    let code = code_start(text);
    let list = tokens(&text[code..]);
    let pair = pair(&text[code..], &list, cursor.wrapping_sub(code));
    let mut out = String::with_capacity(text.len() * 2);
    paint(&mut out, "\x1b[34m", &text[..code]);
    let mut last = code;
    for (i, (class, range)) in list.iter().enumerate() {
        let range = range.start + code..range.end + code;
        out.push_str(&text[last..range.start]);
        let marked = pair.is_some_and(|(a, b)| a == i || b == i);
        paint(&mut out, if marked { BRACKET } else { color(*class) }, &text[range.clone()]);
        last = range.end;
    }
    out.push_str(&text[last..]);
    out
}

/// Where code begins: behind `:command` or `?`.
fn code_start(text: &str) -> usize {
    let trimmed = text.trim_start();
    let lead = text.len() - trimmed.len();
    match trimmed.chars().next() {
        Some(':') => lead + trimmed.find(char::is_whitespace).unwrap_or(trimmed.len()),
        Some('?') => lead + 1,
        _ => 0,
    }
}

fn paint(out: &mut String, color: &str, text: &str) {
    if color.is_empty() || text.is_empty() {
        return out.push_str(text);
    }
    // A colour that spans lines is taken up again on each, as terminals may drop it.
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        out.push_str(color);
        out.push_str(line);
        out.push_str(RESET);
    }
}

type Tokens = [(TokenClass, std::ops::Range<usize>)];

/// The bracket under or before the cursor and its partner, as positions in the list.
fn pair(text: &str, list: &Tokens, cursor: usize) -> Option<(usize, usize)> {
    let bracket = |i: &usize| list[*i].0 == TokenClass::Bracket;
    let under = (0..list.len()).filter(bracket).find(|&i| list[i].1.start == cursor);
    let before = || (0..list.len()).filter(bracket).find(|&i| list[i].1.end == cursor);
    let first = under.or_else(before)?;
    let opens = |i: usize| matches!(&text[list[i].1.clone()], "(" | "[" | "{");
    let mut depth = 0;
    let mut step = |i: usize| {
        depth += if opens(i) == opens(first) { 1 } else { -1 };
        depth == 0
    };
    let partner = if opens(first) {
        (first..list.len()).filter(bracket).find(|&i| step(i))
    } else {
        (0..=first).rev().filter(bracket).find(|&i| step(i))
    };
    partner.map(|p| (first, p))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(colored: &str) -> String {
        let mut out = String::new();
        let mut rest = colored;
        while let Some(at) = rest.find('\x1b') {
            out.push_str(&rest[..at]);
            rest = rest[at..].split_once('m').map_or("", |(_, r)| r);
        }
        out + rest
    }

    #[test]
    fn only_colours_are_added() {
        let texts = [
            "x = 1 + \"a{b:.2f}\" # note",
            ":time sum(x)",
            "?sum",
            "\"open",
            "for i in 0..3 {\n  \"a\n",
            "é§ 😀 ((",
            "",
        ];
        for text in texts {
            for cursor in 0..=text.len() + 1 {
                assert_eq!(plain(&highlight(text, cursor)), text);
            }
        }
        assert!(highlight("if 1", 0).contains("\x1b[35mif\x1b[0m"));
    }

    #[test]
    fn brackets_find_their_partner() {
        let find = |text: &str, cursor: usize| {
            let list = tokens(text);
            pair(text, &list, cursor).map(|(a, b)| (list[a].1.start, list[b].1.start))
        };
        assert_eq!(find("f((1), [2])", 1), Some((1, 10)));
        assert_eq!(find("f((1), [2])", 11), Some((10, 1)));
        assert_eq!(find("f((1), [2])", 7), Some((7, 9)));
        assert_eq!(find("f(", 1), None);
        assert_eq!(find("f(1)", 99), None);
    }
}
