//! The text of values: what `{x}` in a text and `print` write.
//!
//! Text stands bare at the top and quoted inside tuples and records.

use super::value::Value;
use crate::base::{Result, interrupt};
use crate::show::{self, FormatArg, Style};

/// The text of a value.
pub fn text(value: &Value, style: &Style) -> Result<String> {
    match value {
        Value::Text(t) => Ok((**t).clone()),
        _ => quoted(value, style, 0),
    }
}

/// The text of a value, to somebody who takes it in pieces.
pub fn text_to(value: &Value, style: &Style, to: show::array::Sink) -> Result<()> {
    match value {
        Value::Array(e) => show::array_to(&e.host()?, style, to),
        other => to(&text(other, style)?),
    }
}

/// The text of a value laid out by a format: `.3f`.
pub fn formatted(value: &Value, format: &str) -> Result<String> {
    match value {
        // Inside other text an array stays on its line.
        Value::Array(e) if format.is_empty() => show::line(&e.host()?, &Style::PLAIN),
        _ if format.is_empty() => text(value, &Style::PLAIN),
        Value::Bool(b) => show::format_spec(FormatArg::Bool(*b), format),
        Value::Int(i) => show::format_spec(FormatArg::Int(*i), format),
        Value::Float(x) => show::format_spec(FormatArg::Float(*x), format),
        Value::Text(t) => show::format_spec(FormatArg::Text(t), format),
        Value::Array(e) if e.rank() == 0 => formatted(&Value::number_of(e)?, format),
        Value::Array(e) => show::format_spec(FormatArg::Array(&e.host()?), format),
        Value::Range(r) => formatted(&Value::Array(r.to_expr()), format),
        _ => show::format_spec(FormatArg::Text(&text(value, &Style::PLAIN)?), format),
    }
}

/// As it stands inside another value; `indent` is the column it starts in.
fn quoted(value: &Value, style: &Style, indent: usize) -> Result<String> {
    let mut out = String::new();
    push(&mut out, value, style, indent)?;
    Ok(out)
}

/// Appends what `quoted` gives, and says whether it takes several lines.
fn push(out: &mut String, value: &Value, style: &Style, indent: usize) -> Result<bool> {
    interrupt::check()?;
    match value {
        Value::None => out.push_str("none"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(i) => out.push_str(&i.to_string()),
        Value::Float(x) => out.push_str(&show::number::float(*x, style)),
        Value::Text(t) => out.push_str(&quote(t)),
        Value::Array(e) => {
            let text = show::array_at(&e.host()?, style, indent)?;
            out.push_str(&text);
            return Ok(text.contains('\n'));
        }
        Value::Tuple(items) => {
            let lines = listed(out, ("(", ")"), items, indent, |out, v| push(out, v, style, indent + 1))?;
            if items.len() == 1 {
                out.insert(out.len() - 1, ',');
            }
            return Ok(lines);
        }
        Value::Record(r) => {
            return listed(out, ("{", "}"), r.fields(), indent, |out, (name, v)| {
                let quoted = if is_name(name) { name.to_string() } else { quote(name) };
                out.push_str(&quoted);
                out.push_str(": ");
                push(out, v, style, indent + name.chars().count() + 3)
            });
        }
        Value::Range(r) => out.push_str(&range(r)),
        Value::DType(d) => out.push_str(&d.to_string()),
        Value::Function(f) => out.push_str(&f.signature()),
        Value::Builtin(b) => out.push_str(b.signature),
        Value::Space(name) => out.push_str(&format!("namespace {name}")),
        Value::Stream(s) => out.push_str(&format!("{}(…)", s.name)),
    }
    Ok(false)
}

/// Items between brackets, on one line unless an item needs several. What is nested is written where it stands, not
/// put together and copied, so that a million levels take a million steps.
fn listed<T>(
    out: &mut String,
    (open, close): (&str, &str),
    items: &[T],
    indent: usize,
    mut push: impl FnMut(&mut String, &T) -> Result<bool>,
) -> Result<bool> {
    out.push_str(open);
    let (mut lines, mut between) = (false, vec![]);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            between.push(out.len());
            out.push_str(", ");
        }
        lines |= push(out, item)?;
    }
    if let (true, Some(&first)) = (lines, between.first()) {
        let pad = format!(",\n{}", " ".repeat(indent + 1));
        let tail = out.split_off(first);
        let ends = between[1..].iter().copied().chain([first + tail.len()]);
        for (at, end) in between.iter().zip(ends) {
            out.push_str(&pad);
            out.push_str(&tail[at + 2 - first..end - first]);
        }
    }
    out.push_str(close);
    Ok(lines)
}

fn range(r: &super::value::Range) -> String {
    match r.step {
        1 => format!("{}..{}", r.start, r.end),
        step => format!("{}..{} by {step}", r.start, r.end),
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || c == '_')
}

/// As a literal of the language.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '{' => out.push_str("\\{"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Expr;

    #[test]
    fn quoted_as_it_would_be_typed() {
        assert_eq!(quote("a\"b\\c\n{x}\u{1b}"), "\"a\\\"b\\\\c\\n\\{x}\\u{1b}\"");
        let inside = Value::tuple(vec![Value::text("a"), Value::Float(1.0), Value::None]);
        assert_eq!(text(&inside, &Style::PLAIN).as_deref().ok(), Some("(\"a\", 1, none)"));
        assert_eq!(text(&Value::text("a"), &Style::PLAIN).as_deref().ok(), Some("a"));
        assert_eq!(formatted(&Value::Int(7), "03d").as_deref().ok(), Some("007"));
    }

    #[test]
    fn items_of_several_lines_stand_on_lines_of_their_own() {
        let x = Value::Array(Expr::from_slice(&[2, 2], &[1i64, 2, 3, 4]).unwrap());
        let t = Value::tuple(vec![Value::Int(1), x.clone(), Value::tuple(vec![x])]);
        let want = "(1,\n [[1, 2],\n  [3, 4]],\n ([[1, 2],\n   [3, 4]],))";
        assert_eq!(text(&t, &Style::PLAIN).as_deref().ok(), Some(want));
    }

    #[test]
    fn names_that_are_none_are_quoted() {
        let r = Value::record(vec![("a b".into(), Value::Int(1)), ("c".into(), Value::Int(2))]);
        assert_eq!(text(&r, &Style::PLAIN).as_deref().ok(), Some("{\"a b\": 1, c: 2}"));
    }
}
