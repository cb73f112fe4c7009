//! The text of values: what `{x}` in a text and `print` write.
//!
//! Text stands bare at the top and quoted inside tuples and records.

use super::value::Value;
use crate::base::Result;
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
    Ok(match value {
        Value::None => "none".into(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(x) => show::number::float(*x, style),
        Value::Text(t) => quote(t),
        Value::Array(e) => show::array_at(&e.host()?, style, indent)?,
        Value::Tuple(items) => tuple(items, style, indent)?,
        Value::Record(r) => {
            let fields: Result<Vec<String>> = r
                .fields
                .iter()
                .map(|(name, v)| {
                    let name = if is_name(name) { name.to_string() } else { quote(name) };
                    Ok(format!("{name}: {}", quoted(v, style, indent + name.chars().count() + 3)?))
                })
                .collect();
            listed("{", &fields?, "}", indent)
        }
        Value::Range(r) => range(r),
        Value::DType(d) => d.to_string(),
        Value::Function(f) => f.signature(),
        Value::Builtin(b) => b.signature.into(),
        Value::Space(name) => format!("namespace {name}"),
        Value::Stream(s) => format!("{}(…)", s.name),
    })
}

fn tuple(items: &[Value], style: &Style, indent: usize) -> Result<String> {
    let parts: Result<Vec<String>> = items.iter().map(|v| quoted(v, style, indent + 1)).collect();
    let parts = parts?;
    Ok(match parts.as_slice() {
        [one] => format!("({one},)"),
        _ => listed("(", &parts, ")", indent),
    })
}

/// On one line, unless an item needs several.
fn listed(open: &str, parts: &[String], close: &str, indent: usize) -> String {
    let pad = format!(",\n{}", " ".repeat(indent + 1));
    let between = if parts.iter().any(|p| p.contains('\n')) { pad.as_str() } else { ", " };
    format!("{open}{}{close}", parts.join(between))
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

    #[test]
    fn quoted_as_it_would_be_typed() {
        assert_eq!(quote("a\"b\\c\n{x}\u{1b}"), "\"a\\\"b\\\\c\\n\\{x}\\u{1b}\"");
        let inside = Value::tuple(vec![Value::text("a"), Value::Float(1.0), Value::None]);
        assert_eq!(text(&inside, &Style::PLAIN).as_deref().ok(), Some("(\"a\", 1, none)"));
        assert_eq!(text(&Value::text("a"), &Style::PLAIN).as_deref().ok(), Some("a"));
        assert_eq!(formatted(&Value::Int(7), "03d").as_deref().ok(), Some("007"));
    }

    #[test]
    fn names_that_are_none_are_quoted() {
        let r = Value::record(vec![("a b".into(), Value::Int(1)), ("c".into(), Value::Int(2))]);
        assert_eq!(text(&r, &Style::PLAIN).as_deref().ok(), Some("{\"a b\": 1, c: 2}"));
    }
}
