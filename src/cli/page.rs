//! Help pages: signature, prose, examples, gradient.
//!
//! In: what a function says about itself. Out: text for the terminal. `?name`, `help(name)` and `nevel doc` show it.

use crate::graph::prim::Rule;
use crate::graph::{Prim, Vjp};
use crate::lang::builtins::calls_primitives;
use crate::lang::{Run, Value};
use crate::show::Style;

/// What a page is made of.
#[derive(Default)]
pub struct Page {
    pub signature: String,
    /// Prose, then examples in the `> ` notation; every line may begin with one blank.
    pub doc: String,
    /// The gradient rule in words, where there is one.
    pub gradient: Option<String>,
}

impl Page {
    /// The page as it is shown.
    pub fn text(&self, style: &Style) -> String {
        let mut out = format!("{}\n", strong(&self.signature, style));
        let (mut prose, mut example) = (String::new(), false);
        let doc = if self.doc.trim().is_empty() { String::new() } else { format!("\n{}", self.doc.trim_end()) };
        for line in doc.lines() {
            let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
            example = line.starts_with("> ") || (example && !line.is_empty());
            // Prose is one text up to a blank line, an example, or a line that is set in.
            if !example && !line.is_empty() && !line.starts_with(' ') {
                prose = format!("{prose} {line}");
                continue;
            }
            out.push_str(&wrapped(&std::mem::take(&mut prose), style.width));
            let shown = match line {
                _ if line.starts_with("> ") && style.color => super::repl::highlight::highlight(line, usize::MAX),
                _ => line.to_string(),
            };
            out.push_str(format!("{}{shown}", if example { "    " } else { "" }).trim_end());
            out.push('\n');
        }
        out.push_str(&wrapped(&prose, style.width));
        if let Some(rule) = &self.gradient {
            out.push('\n');
            out.push_str(&wrapped(&format!("Gradient: {rule}"), style.width));
        }
        out
    }

    /// The first sentence.
    pub fn about(&self) -> String {
        let prose = self.doc.trim();
        let prose = prose.split("\n\n").next().unwrap_or(prose).split("\n > ").next().unwrap_or(prose);
        let words: Vec<&str> = prose.split_whitespace().collect();
        let prose = words.join(" ");
        match prose.find(". ") {
            Some(end) => prose[..=end].to_string(),
            None => prose,
        }
    }
}

/// The page of a value; one that is no function says what it is.
pub fn page_of(name: &str, value: &Value) -> Page {
    match value {
        Value::Builtin(b) => Page {
            signature: b.signature.into(),
            doc: b.doc.into(),
            gradient: match b.run {
                Run::Prim(prim) => Some(gradient(prim)),
                Run::Native(_) => behind(b.name)
                    .map(gradient)
                    .or_else(|| calls_primitives(b).then(|| "that of the primitives it calls".into())),
            },
        },
        Value::Function(f) => {
            Page { signature: f.signature(), doc: f.docs().into(), gradient: Some("that of its body".into()) }
        }
        Value::DType(d) => Page {
            signature: format!("{d}(x)"),
            doc: "x converted to this dtype; without brackets the dtype itself.".into(),
            gradient: Some(gradient(crate::graph::cast::to(*d))),
        },
        other => Page { signature: format!("{name}: {}", other.type_name()), ..Page::default() },
    }
}

/// The primitive that a function of the house stands in front of and takes its gradient from: the one of its name, or
/// the one whose packed results it cuts apart.
fn behind(name: &str) -> Option<&'static Prim> {
    crate::ops::find(name).or_else(|| crate::ops::find(&format!("{name}_parts")))
}

fn gradient(prim: &Prim) -> String {
    match prim.vjp {
        Vjp::Formula(_) => formula(prim),
        Vjp::Zero => "zero: where the result changes at all, it jumps".into(),
        Vjp::None(why) => format!("none: {why}"),
    }
}

/// `a gets g * b, b gets g * a, where g is the gradient of the result`.
fn formula(prim: &Prim) -> String {
    let rule = match prim.rule {
        Rule::Words(words) => words.to_string(),
        Rule::Written(code) => in_words(prim, code),
    };
    let uses_y = words(&rule).any(|w| w == "y") && !prim.params.iter().any(|p| p.name == "y");
    format!("{rule}, where g is the gradient of the result{}", if uses_y { " y" } else { "" })
}

/// `a gets g * b, b gets g * a` of `(g, _): [g * b, g * a]`.
fn in_words(prim: &Prim, code: &str) -> String {
    let list = code.split_once('[').and_then(|(_, rest)| rest.rsplit_once(']')).map_or(code, |(list, _)| list);
    let inputs = prim.params.iter().filter(|p| p.is_array());
    let parts = inputs.map(|p| p.name).zip(top_level(list).map(plain));
    let said: Vec<String> =
        parts.filter(|(_, rule)| rule != "skip()").map(|(name, rule)| format!("{name} gets {rule}")).collect();
    said.join(", ")
}

/// The parts between commas that stand in no brackets.
fn top_level(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let outside = move |c: char| {
        depth += i32::from("([".contains(c)) - i32::from(")]".contains(c));
        c == ',' && depth == 0
    };
    list.split(outside).map(str::trim).filter(|p| !p.is_empty())
}

/// Without what only Rust needs.
fn plain(rule: &str) -> String {
    let line: Vec<&str> = rule.split_whitespace().collect();
    let mut out = line.join(" ").replace(".clone()", "").replace('&', "").replace("std::f64::consts::", "");
    for name in ["LN_2", "LN_10"] {
        out = out.replace(name, &format!("log({})", &name[3..]));
    }
    out.replace("FRAC_2_SQRT_PI", "2 / sqrt(pi)").replace("Expr::weak(0i64)", "0").replace(".0", "")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// Lines of at most so many characters, broken between words.
fn wrapped(text: &str, width: usize) -> String {
    let (mut out, mut room) = (String::new(), 0);
    for word in text.split_whitespace() {
        let n = word.chars().count();
        let first = out.is_empty();
        if first || n + 1 > room {
            out.push_str(if first { "" } else { "\n" });
            room = width.clamp(20, 100).saturating_sub(n);
        } else {
            out.push(' ');
            room -= n + 1;
        }
        out.push_str(word);
    }
    if out.is_empty() { out } else { out + "\n" }
}

fn strong(text: &str, style: &Style) -> String {
    if style.color { format!("\x1b[1m{text}\x1b[0m") } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::names::house_names;

    #[test]
    fn a_page_has_all_parts() {
        let page = Page {
            signature: "exp(x)".into(),
            doc: " e raised to each element.\n\n > exp([0, 1])\n [1, 2.71828]\n\n More.\n".into(),
            gradient: Some("x: g * y".into()),
        };
        let want = "exp(x)\n\ne raised to each element.\n\n    > exp([0, 1])\n    [1, 2.71828]\n\nMore.\n\nGradient: x: g * y\n";
        assert_eq!(page.text(&Style::PLAIN), want);
        assert_eq!(page.about(), "e raised to each element.");
    }

    #[test]
    fn prose_is_wrapped() {
        assert_eq!(wrapped("aaaa bbbb cccc dddd eeee ffff", 20), "aaaa bbbb cccc dddd\neeee ffff\n");
        assert_eq!(wrapped("", 20), "");
        let page = Page { signature: "f()".into(), doc: " One\n two.\n\n > f()\n 1\n More.\n".into(), gradient: None };
        assert_eq!(page.text(&Style::PLAIN), "f()\n\nOne two.\n\n    > f()\n    1\n    More.\n");
    }

    #[test]
    fn gradients_are_said_as_they_are_written() {
        let rule = |name: &str| gradient(crate::ops::find(name).unwrap());
        assert_eq!(rule("exp"), "x gets g * y, where g is the gradient of the result y");
        assert_eq!(rule("multiply"), "a gets g * b, b gets g * a, where g is the gradient of the result");
        assert_eq!(rule("log2"), "x gets g / (x * log(2)), where g is the gradient of the result");
        assert_eq!(rule("matmul"), "a gets g @ b.mT, b gets a.mT @ g, where g is the gradient of the result");
        assert_eq!(rule("floor"), "zero: where the result changes at all, it jumps");
    }

    /// What a rule calls is a function that a user can call too, and every input that has a gradient gets one.
    #[test]
    fn every_primitive_says_its_gradient() {
        for prim in crate::ops::all() {
            let rule = gradient(prim);
            assert!(!rule.contains(['&', '{', '|']) && !rule.contains("::"), "{}: {rule}", prim.name);
            let Vjp::Formula(_) = prim.vjp else {
                assert!(rule.starts_with("zero: ") || rule.starts_with("none: "), "{}: {rule}", prim.name);
                continue;
            };
            assert!(rule.contains(" gets ") && rule.contains("where g is"), "{}: {rule}", prim.name);
            // `skew` says in its own rule what it is.
            let known = |name: &str| {
                ["", "skew"].contains(&name) || house_names().any(|n| n == name || n.ends_with(&format!(".{name}")))
            };
            for (at, _) in rule.match_indices('(') {
                let before = &rule[..at];
                let name = words(before).last().unwrap_or("");
                assert!(known(name), "{}: {rule}: what is {name}?", prim.name);
            }
        }
    }
}
