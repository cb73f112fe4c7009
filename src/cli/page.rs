//! Help pages: signature, prose, examples, gradient.
//!
//! In: what a function says about itself. Out: text for the terminal. `?name`, `help(name)` and `nevel doc` show it.

use crate::graph::{Prim, Vjp};
use crate::lang::{Run, Value, builtin};
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
        let mut example = false;
        for (i, line) in self.doc.trim_end().lines().enumerate() {
            let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
            if i == 0 {
                out.push('\n');
            }
            example = line.starts_with("> ") || (example && !line.is_empty());
            let shown = match line {
                _ if line.starts_with("> ") && style.color => super::repl::highlight::highlight(line, usize::MAX),
                _ => line.to_string(),
            };
            out.push_str(format!("{}{shown}", if example { "    " } else { "" }).trim_end());
            out.push('\n');
        }
        if let Some(rule) = &self.gradient {
            out.push_str(&format!("\nGradient: {rule}\n"));
        }
        out
    }

    /// The first sentence.
    pub fn about(&self) -> &str {
        self.doc.trim().lines().next().unwrap_or("").trim()
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
                Run::Native(_) => None,
            },
        },
        Value::Function(f) => Page { signature: f.signature(), doc: f.docs().into(), gradient: None },
        Value::Space(space) => Page { signature: space.to_string(), doc: members(space), gradient: None },
        other => Page { signature: format!("{name}: {}", other.type_name()), ..Page::default() },
    }
}

/// The members of a namespace, a line each.
fn members(space: &str) -> String {
    let mut all: Vec<(&str, &str)> = builtin::all()
        .values()
        .filter(|b| b.name.strip_prefix(space).is_some_and(|rest| rest.starts_with('.')))
        .map(|b| (b.signature, b.doc.trim().lines().next().unwrap_or("")))
        .collect();
    all.sort();
    all.iter().map(|(signature, about)| format!("{signature}\n  {about}\n")).collect()
}

fn gradient(prim: &Prim) -> String {
    match prim.vjp {
        Vjp::Formula(_) => formula(prim).unwrap_or_else(|| "there is one".into()),
        Vjp::Zero => "zero: it is flat wherever it has a slope".into(),
        Vjp::None(why) => format!("none: {why}"),
    }
}

/// `a gets g * b, b gets g * a, where g is the gradient of the result`, from the formula as it was written; nothing
/// where that is more than an expression per input.
fn formula(prim: &Prim) -> Option<String> {
    let (_, list) = prim.formula.split_once('[')?;
    let (list, _) = list.rsplit_once(']')?;
    if list.contains(['{', '|']) {
        return None;
    }
    let inputs = prim.params.iter().filter(|p| p.is_array());
    let parts: Vec<(&str, String)> = inputs.map(|p| p.name).zip(top_level(list).map(plain)).collect();
    let said: Vec<String> =
        parts.iter().filter(|(_, rule)| rule != "skip()").map(|(name, rule)| format!("{name} gets {rule}")).collect();
    let uses_y = parts.iter().any(|(_, rule)| words(rule).any(|w| w == "y")) && !parts.iter().any(|(n, _)| *n == "y");
    let result = if uses_y { "the result y" } else { "the result" };
    (!said.is_empty()).then(|| format!("{}, where g is the gradient of {result}", said.join(", ")))
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

fn strong(text: &str, style: &Style) -> String {
    if style.color { format!("\x1b[1m{text}\x1b[0m") } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn gradients_are_said_as_they_are_written() {
        let rule = |name: &str| gradient(crate::ops::find(name).unwrap());
        assert_eq!(rule("exp"), "x gets g * y, where g is the gradient of the result y");
        assert_eq!(rule("multiply"), "a gets g * b, b gets g * a, where g is the gradient of the result");
        assert_eq!(rule("log2"), "x gets g / (x * log(2)), where g is the gradient of the result");
        assert_eq!(rule("floor"), "zero: it is flat wherever it has a slope");
        for prim in crate::ops::all() {
            assert!(!rule(prim.name).contains(['&', '{']), "{}: {}", prim.name, rule(prim.name));
        }
    }
}
