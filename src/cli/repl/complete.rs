//! Completion: what could stand where the cursor is.
//!
//! In: the line, the cursor, and what is `Known` (names, values, signatures). Out: where the word begins and what may
//! take its place. The lexer says whether the cursor is inside a text (then it is a file name), after a dot (a field,
//! a method), inside a call's brackets (a keyword argument too), or plainly at a name.

use crate::lang::Value;
use crate::syntax::{KEYWORDS, TokenClass, tokens};

/// What a session can tell while a line is typed. Nothing here runs or computes.
pub trait Known {
    /// Every name in scope, ours and the user's; members of namespaces with their dots.
    fn names(&self) -> Vec<String>;
    /// The value that `a.b.c` has now.
    fn value(&self, path: &[&str]) -> Option<Value>;
    /// `f(x, y=2)` for the function of that (dotted) name.
    fn signature(&self, name: &str) -> Option<String>;
}

/// What the cursor is at.
#[derive(Debug, PartialEq)]
pub enum At {
    /// The first word after `:`.
    Command,
    /// A command's argument that is a file.
    File,
    /// In a text that begins at this byte.
    Text,
    /// After `a.b.`.
    Field(Vec<String>),
    /// After the dot behind something that has no name: a call, an index.
    Method,
    Name,
}

/// Properties that need no call.
const PROPERTIES: [&str; 7] = ["shape", "ndim", "size", "dtype", "device", "T", "mT"];

/// Candidates, sorted, and the byte where the word that they replace begins.
pub fn complete(line: &str, pos: usize, known: &dyn Known, commands: &[(&str, bool)]) -> (usize, Vec<String>) {
    let Some(before) = line.get(..pos) else { return (pos, vec![]) };
    let (start, at) = at(before, commands);
    let word = &before[start..];
    let all: Vec<String> = match at {
        At::Command => commands.iter().map(|c| format!(":{}", c.0)).collect(),
        At::File | At::Text => return (start, files(word)),
        At::Field(path) => fields(&path, known),
        At::Method => PROPERTIES.map(String::from).into_iter().chain(plain_names(known)).collect(),
        At::Name => {
            let keywords = KEYWORDS.iter().map(|k| k.to_string());
            arguments(before, start, known).into_iter().chain(plain_names(known)).chain(keywords).collect()
        }
    };
    let mut fitting: Vec<String> = all.into_iter().filter(|c| c.starts_with(word)).collect();
    // Names with an underscore in front are nobody's first wish.
    fitting.sort_by_key(|c| (!c.ends_with('='), c.starts_with('_'), c.to_lowercase()));
    fitting.dedup();
    (start, fitting)
}

/// What stands at the end of `before`, and where its word begins.
pub fn at(before: &str, commands: &[(&str, bool)]) -> (usize, At) {
    let lead = before.len() - before.trim_start().len();
    let mut code = 0;
    if before[lead..].starts_with(':') {
        let Some(space) = before[lead..].find(' ') else { return (lead, At::Command) };
        code = lead + space + 1;
        let name = &before[lead + 1..lead + space];
        if commands.iter().any(|(c, file)| *file && c.starts_with(name)) {
            return (code + before[code..].len() - before[code..].trim_start().len(), At::File);
        }
    } else if before[lead..].starts_with('?') {
        code = lead + 1;
    }
    if let Some((TokenClass::OpenText, range)) = tokens(&before[code..]).last() {
        return (code + range.start + 1, At::Text);
    }
    let start = word_start(before).max(code);
    let mut path = vec![];
    let mut rest = &before[code..start];
    while let Some(inner) = rest.strip_suffix('.').filter(|r| !r.ends_with('.')) {
        let begin = word_start(inner);
        if begin == inner.len() {
            return (
                start,
                if path.is_empty() && inner.ends_with([')', ']', '}', '"']) { At::Method } else { At::Name },
            );
        }
        path.insert(0, inner[begin..].to_string());
        rest = &inner[..begin];
    }
    // `1.` is a number.
    match path.first() {
        None => (start, At::Name),
        Some(first) if first.starts_with(|c: char| c.is_ascii_digit()) => (start, At::Name),
        Some(_) => (start, At::Field(path)),
    }
}

fn word_start(text: &str) -> usize {
    text.char_indices()
        .rev()
        .take_while(|(_, c)| c.is_alphanumeric() || *c == '_')
        .last()
        .map_or(text.len(), |(i, _)| i)
}

/// Names without the members of namespaces, which come after the dot.
fn plain_names(known: &dyn Known) -> Vec<String> {
    let first = |name: String| name.split_once('.').map_or(name.clone(), |(space, _)| space.to_string());
    known.names().into_iter().map(first).collect()
}

fn fields(path: &[String], known: &dyn Known) -> Vec<String> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match known.value(&names) {
        Some(Value::Record(r)) => r.fields().iter().map(|(name, _)| name.to_string()).collect(),
        Some(Value::Space(space)) => members(&space, known),
        Some(Value::Array(_)) => PROPERTIES.map(String::from).into_iter().chain(plain_names(known)).collect(),
        Some(_) => plain_names(known),
        None => members(&names.join("."), known),
    }
}

fn members(space: &str, known: &dyn Known) -> Vec<String> {
    let member = |n: String| n.strip_prefix(space).and_then(|n| n.strip_prefix('.')).map(String::from);
    known.names().into_iter().filter_map(member).collect()
}

/// `axis=` and its like, where the word is the start of an argument.
fn arguments(before: &str, start: usize, known: &dyn Known) -> Vec<String> {
    let opens = before[..start].trim_end();
    if !opens.ends_with(['(', ',']) {
        return vec![];
    }
    let Some((name, _)) = call(&before[..start]) else { return vec![] };
    known.signature(&name).map_or(vec![], |s| keywords(&s))
}

/// The parameters of a signature that have a default, with their `=`.
fn keywords(signature: &str) -> Vec<String> {
    let inside = signature.split_once('(').map_or("", |(_, rest)| rest);
    let (mut depth, mut out) = (0, vec![]);
    for part in inside.split_inclusive([',', '(', ')', '[', ']', '{', '}']) {
        let name = part.split_once('=').map(|(name, _)| name.trim()).filter(|n| !n.is_empty() && depth == 0);
        out.extend(name.map(|n| format!("{n}=")));
        match part.chars().last() {
            Some('(' | '[' | '{') => depth += 1,
            Some(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
    }
    out
}

/// The call whose brackets the end of the text is in: the (dotted) name before its `(`, and how many arguments are
/// behind us.
pub fn call(before: &str) -> Option<(String, usize)> {
    let list = tokens(before);
    let (mut depth, mut commas) = (0usize, 0);
    for (i, (class, range)) in list.iter().enumerate().rev() {
        match (&before[range.clone()], class) {
            (_, TokenClass::OpenText) => return None,
            (")" | "]" | "}", TokenClass::Bracket) => depth += 1,
            ("(" | "[" | "{", TokenClass::Bracket) if depth > 0 => depth -= 1,
            ("(", TokenClass::Bracket) => return Some((name_before(before, &list[..i])?, commas)),
            ("[" | "{", TokenClass::Bracket) => return None,
            (",", _) if depth == 0 => commas += 1,
            _ => {}
        }
    }
    None
}

/// `a.b.c` in front of a bracket. A method's name stands alone: its object is the first argument.
fn name_before(before: &str, list: &[(TokenClass, std::ops::Range<usize>)]) -> Option<String> {
    let text = |i: usize| list.get(i).map_or("", |t| &before[t.1.clone()]);
    let mut i = list.len().checked_sub(1).filter(|&i| list[i].0 == TokenClass::Name)?;
    let mut name = text(i).to_string();
    while i >= 2 && text(i - 1) == "." && list[i - 2].0 == TokenClass::Name {
        i -= 2;
        name = format!("{}.{name}", text(i));
    }
    Some(name)
}

/// Files whose path begins with `word`; directories end in `/`.
fn files(word: &str) -> Vec<String> {
    let (dir, part) = word.rsplit_once('/').map_or(("", word), |(dir, part)| (&word[..dir.len() + 1], part));
    let Ok(entries) = std::fs::read_dir(if dir.is_empty() { "." } else { dir }) else { return vec![] };
    let mut out: Vec<String> = entries
        .filter_map(|e| {
            let e = e.ok()?;
            let name = e.file_name().into_string().ok()?;
            let fits = name.starts_with(part) && (part.starts_with('.') || !name.starts_with('.'));
            let slash = if e.path().is_dir() { "/" } else { "" };
            fits.then(|| format!("{dir}{name}{slash}"))
        })
        .collect();
    out.sort();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake;

    impl Known for Fake {
        fn names(&self) -> Vec<String> {
            ["sum", "sub", "_hidden", "linalg.solve", "linalg.inv", "p"].map(String::from).to_vec()
        }
        fn value(&self, path: &[&str]) -> Option<Value> {
            let inner = Value::record(vec![("width".into(), Value::Int(1))]);
            match path {
                ["p"] => Some(Value::record(vec![("w".into(), inner), ("weight".into(), Value::Int(1))])),
                ["p", "w"] => Some(inner),
                ["linalg"] => Some(Value::Space(std::rc::Rc::new("linalg".into()))),
                ["n"] => Some(Value::Int(3)),
                _ => None,
            }
        }
        fn signature(&self, name: &str) -> Option<String> {
            (name == "sum").then(|| "sum(x, axis=none, keepdims=false, pad=(1, k=2))".into())
        }
    }

    const COMMANDS: [(&str, bool); 3] = [("time", false), ("type", false), ("load", true)];

    fn done(line: &str) -> (usize, Vec<String>) {
        complete(line, line.len(), &Fake, &COMMANDS)
    }

    #[test]
    fn words_complete_by_where_they_stand() {
        let s = |words: &[&str]| words.iter().map(|w| w.to_string()).collect::<Vec<_>>();
        assert_eq!(done("1 + su"), (4, s(&["sub", "sum"])));
        assert_eq!(done("wh"), (0, s(&["while"])));
        assert_eq!(done("p."), (2, s(&["w", "weight"])));
        assert_eq!(done("x + p.w.wi"), (8, s(&["width"])));
        assert_eq!(done("linalg.s"), (7, s(&["solve"])));
        assert_eq!(done("lin"), (0, s(&["linalg"])));
        assert_eq!(done("sum(x, a"), (7, s(&["axis=", "and", "as", "assert"])));
        assert_eq!(done("sum(x, k"), (7, s(&["keepdims="])));
        assert_eq!(done("f(1).su"), (5, s(&["sub", "sum"])));
        assert_eq!(done("f(1).nd"), (5, s(&["ndim"])));
        assert_eq!(done(":t"), (0, s(&[":time", ":type"])));
        assert_eq!(done(":time su"), (6, s(&["sub", "sum"])));
        assert_eq!(done("?su"), (1, s(&["sub", "sum"])));
        assert_eq!(done("x = {a: p.we"), (10, s(&["weight"])));
        assert_eq!(done("n.sh"), (2, s(&[])));
        assert_eq!(done("0..su"), (3, s(&["sub", "sum"])));
        assert_eq!(at("1.", &[]).1, At::Name);
        assert_eq!(done("nothing.like.this"), (13, s(&[])));
    }

    #[test]
    fn texts_complete_as_files() {
        let (start, found) = done("load(\"src/cl");
        assert_eq!((start, found), (6, vec!["src/cli/".to_string()]));
        assert_eq!(done(":load src/cl").1, ["src/cli/"]);
        assert_eq!(done("load(\"src/lib.rs\") + su").1, ["sub", "sum"]);
    }

    #[test]
    fn the_call_around_the_cursor() {
        let call = |t: &str| super::call(t);
        assert_eq!(call("sum("), Some(("sum".into(), 0)));
        assert_eq!(call("1 + f(sum(x, [1, 2]), "), Some(("f".into(), 1)));
        assert_eq!(call("x.sum(1, 2, "), Some(("x.sum".into(), 2)));
        assert_eq!(call("f(1)"), None);
        assert_eq!(call("f([1, "), None);
        assert_eq!(call("(1, "), None);
        assert_eq!(call("load(\"a, "), None);
    }
}
