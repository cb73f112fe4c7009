//! JSON, and ndjson: a JSON value on every line.
//!
//! Objects are records, lists of numbers (nested ones too, if their shapes agree) are arrays, other lists tuples. In a
//! list of numbers `null` is nan, and nan and the infinities, which JSON cannot write, become `null`. Floats are
//! written with a point, so that they come back as floats.
//!
//! ndjson of objects with the same names is a table: a record of columns.

use std::io::Write;
use std::rc::Rc;

use serde_json::Value;

use super::data::Data;
use super::written::{Form, Written, flush};
use super::{Codec, ReadOptions, is_text, json_value, utf8};
use crate::base::{Elem, Fault, Host, Result, interrupt};
use crate::dispatch;

pub const JSON: Codec = Codec {
    name: "json",
    suffixes: &["json"],
    about: "JSON: objects are records, lists of numbers arrays",
    sniff: |bytes| is_text(bytes) && opens(super::csv::head(bytes).trim_start()),
    read: |bytes, _: &ReadOptions| read(bytes),
    write: |data, out| {
        let mut text = String::new();
        push(&mut text, data, out)?;
        text.push('\n');
        flush(&mut text, out, 0)
    },
};

pub const NDJSON: Codec = Codec {
    name: "ndjson",
    suffixes: &["ndjson", "jsonl"],
    about: "a JSON value on every line; objects make a table",
    sniff: sniff_lines,
    read: |bytes, _: &ReadOptions| read_lines(bytes),
    write: write_lines,
};

fn opens(text: &str) -> bool {
    text.starts_with(['{', '['])
}

/// The first line is a whole value and the next begins another.
fn sniff_lines(bytes: &[u8]) -> bool {
    let mut lines = super::csv::head(bytes).lines().filter(|l| !l.trim().is_empty());
    let whole = |l: &str| opens(l.trim_start()) && serde_json::from_str::<Value>(l).is_ok();
    is_text(bytes) && lines.next().is_some_and(whole) && lines.next().is_some_and(|l| opens(l.trim_start()))
}

fn read(bytes: &[u8]) -> Result<Data> {
    let text = utf8(bytes)?;
    let value = json_value::value(text);
    interrupt::check()?;
    data(value.map_err(|e| broken(&e, e.line(), text.lines().nth(e.line().saturating_sub(1))))?)
}

/// The place, serde's words without theirs, and the text there.
fn broken(e: &serde_json::Error, line: usize, text: Option<&str>) -> Fault {
    let words = e.to_string();
    let words = words.split(" at line ").next().unwrap_or("");
    let near: String = text.unwrap_or("").chars().skip(e.column().saturating_sub(20)).take(40).collect();
    let fault = Fault::input(format!("line {line}, column {}: {words}, near `{}`", e.column(), near.trim()));
    match () {
        _ if words.starts_with("trailing characters") => {
            fault.hint("one value a line is ndjson: `--from ndjson`, or `format=\"ndjson\"` in `load`")
        }
        _ if words.starts_with("EOF") => fault.hint("the file is cut off: fetch it again"),
        _ => fault.hint("check it with `python3 -m json.tool`"),
    }
}

fn data(value: Value) -> Result<Data> {
    interrupt::check()?;
    Ok(match value {
        Value::Null => Data::None,
        Value::Bool(b) => Data::Bool(b),
        Value::Number(n) => n.as_i64().map_or_else(|| Data::Float(n.as_f64().unwrap_or(f64::NAN)), Data::Int),
        Value::String(s) => Data::Text(s.into()),
        Value::Array(items) => Data::from_list(items.into_iter().map(data).collect::<Result<_>>()?)?,
        Value::Object(map) => {
            Data::Record(map.into_iter().map(|(k, v)| Ok((k.into(), data(v)?))).collect::<Result<_>>()?)
        }
    })
}

fn read_lines(bytes: &[u8]) -> Result<Data> {
    let mut items = vec![];
    for (i, line) in utf8(bytes)?.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let value: Value = serde_json::from_str(line).map_err(|e| broken(&e, i + 1, Some(line)))?;
        items.push(data(value)?);
    }
    table(&items)?.map_or_else(|| Data::from_list(items), Ok)
}

/// Records with the same names, turned to a record of columns.
fn table(rows: &[Data]) -> Result<Option<Data>> {
    let Some(Data::Record(first)) = rows.first() else { return Ok(None) };
    let mut columns: Vec<Vec<Data>> = first.iter().map(|_| vec![]).collect();
    for row in rows {
        let Data::Record(fields) = row else { return Ok(None) };
        if fields.len() != first.len() {
            return Ok(None);
        }
        for ((name, _), column) in first.iter().zip(&mut columns) {
            let Some((_, value)) = fields.iter().find(|(k, _)| k == name) else { return Ok(None) };
            column.push(value.clone());
        }
    }
    let fields = first.iter().zip(columns).map(|((name, _), column)| Ok((name.clone(), Data::from_list(column)?)));
    Ok(Some(Data::Record(fields.collect::<Result<_>>()?)))
}

// ---- writing ----

fn push(text: &mut String, data: &Data, out: &mut dyn Write) -> Result<()> {
    flush(text, out, 1 << 16)?;
    match data {
        Data::None => text.push_str("null"),
        Data::Bool(b) => b.push(text, Form::Json),
        Data::Int(i) => i.push(text, Form::Json),
        Data::Float(x) => x.push(text, Form::Json),
        Data::Text(t) => text.push_str(&Value::from(&**t).to_string()),
        Data::Array(host) => {
            dispatch!(host.dtype, T => push_axis::<T>(text, host, &host.to_vec::<T>()?, 0, out))?;
        }
        Data::Tuple(items) => {
            for (i, item) in items.iter().enumerate() {
                text.push(if i == 0 { '[' } else { ',' });
                push(text, item, out)?;
            }
            text.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Data::Record(fields) => push_record(text, fields, out)?,
    }
    Ok(())
}

fn push_record(text: &mut String, fields: &[(Rc<str>, Data)], out: &mut dyn Write) -> Result<()> {
    text.push('{');
    for (i, (name, value)) in fields.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(&**name).to_string());
        text.push(':');
        push(text, value, out)?;
    }
    text.push('}');
    Ok(())
}

/// The elements of one index of the axes before `axis`.
fn push_axis<T: Elem + Written>(
    text: &mut String,
    host: &Host,
    all: &[T],
    axis: usize,
    out: &mut dyn Write,
) -> Result<()> {
    flush(text, out, 1 << 16)?;
    let Some(&n) = host.shape().get(axis) else {
        all.iter().for_each(|x| x.push(text, Form::Json));
        return Ok(());
    };
    let step = all.len().checked_div(n).unwrap_or(0);
    text.push('[');
    for i in 0..n {
        if i > 0 {
            text.push(',');
        }
        push_axis(text, host, &all[i * step..(i + 1) * step], axis + 1, out)?;
    }
    text.push(']');
    Ok(())
}

/// A tuple's items, an array's first axis, or a table's rows, one a line; anything else is one line.
fn write_lines(data: &Data, out: &mut dyn Write) -> Result<()> {
    let mut text = String::new();
    let mut line = |item: &Data, out: &mut dyn Write| {
        push(&mut text, item, out)?;
        text.push('\n');
        flush(&mut text, out, 1 << 16)
    };
    match data {
        Data::Tuple(items) => items.iter().try_for_each(|item| line(item, out))?,
        Data::Array(host) if host.shape().rank() > 0 => {
            (0..host.shape()[0]).try_for_each(|i| line(&row(host, i), out))?;
        }
        Data::Record(fields) => match rows(fields) {
            Some(n) => (0..n).try_for_each(|i| {
                line(&Data::Record(fields.iter().map(|(k, v)| (k.clone(), item(v, i))).collect()), out)
            })?,
            None => line(data, out)?,
        },
        other => line(other, out)?,
    }
    flush(&mut text, out, 0)
}

/// The length of a table's columns; `None` where the record is no table.
fn rows(fields: &[(Rc<str>, Data)]) -> Option<usize> {
    let length = |data: &Data| match data {
        Data::Array(host) => host.shape().first().copied(),
        Data::Tuple(items) => Some(items.len()),
        _ => None,
    };
    let n = length(&fields.first()?.1)?;
    fields.iter().all(|(_, d)| length(d) == Some(n)).then_some(n)
}

fn item(column: &Data, i: usize) -> Data {
    match column {
        Data::Array(host) => row(host, i),
        Data::Tuple(items) => items[i].clone(),
        other => other.clone(),
    }
}

/// Index `i` of the first axis.
fn row(host: &Host, i: usize) -> Data {
    let mut layout = host.layout.slice(0, i, 1, 1);
    layout.shape.0.remove(0);
    layout.strides.remove(0);
    Data::from_host(Host { layout, ..host.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Shape;

    fn shown(text: &str) -> String {
        read(text.as_bytes()).map_or_else(|f| format!("fault: {}", f.message), |d| format!("{d:?}"))
    }
    fn shown_lines(text: &str) -> String {
        read_lines(text.as_bytes()).map_or_else(|f| format!("fault: {}", f.message), |d| format!("{d:?}"))
    }
    fn written(codec: &Codec, data: &Data) -> String {
        let mut out = vec![];
        (codec.write)(data, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_become_what_they_are() {
        let cases = [
            ("1", "1"),
            ("1.0", "1.0"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("18446744073709551615", "1.8446744073709552e19"),
            ("null", "none"),
            ("[1, 2]", "i64[2][1, 2]"),
            ("[1, 2.5]", "f64[2][1, 2.5]"),
            ("[1, null]", "f64[2][1, nan]"),
            ("[[1, 2], [3, 4.5]]", "f64[2, 2][[1, 2], [3, 4.5]]"),
            ("[[1], [2, 3]]", "[i64[1][1], i64[2][2, 3]]"),
            ("[[1], [true]]", "[i64[1][1], bool[1][true]]"),
            ("[[9007199254740993], [1]]", "i64[2, 1][[9007199254740993], [1]]"),
            ("[true, false]", "bool[2][true, false]"),
            ("[1, true]", "[1, true]"),
            ("[1, \"a\"]", "[1, \"a\"]"),
            ("[]", "f64[0][]"),
            ("[null]", "[none]"),
            (r#"{"b": [1], "a": {"x": "é\n"}}"#, r#"{"b": i64[1][1], "a": {"x": "é\n"}}"#),
            (r#"[{"a": 1}, {"a": 2}]"#, r#"[{"a": 1}, {"a": 2}]"#),
        ];
        for (text, want) in cases {
            assert_eq!(shown(text), want, "{text}");
        }
    }

    #[test]
    fn lines_of_objects_are_a_table() {
        let table = r#"{"a": f64[2][1, 2.5], "t": ["x", "y"]}"#;
        assert_eq!(shown_lines("{\"a\":1,\"t\":\"x\"}\n\n{\"t\":\"y\",\"a\":2.5}\n"), table);
        assert_eq!(shown_lines("{\"a\":1}\n{\"b\":2}\n"), r#"[{"a": 1}, {"b": 2}]"#);
        assert_eq!(shown_lines("[1,2]\n[3,4]\n"), "i64[2, 2][[1, 2], [3, 4]]");
        assert_eq!(shown_lines("1\n2\n"), "i64[2][1, 2]");
    }

    #[test]
    fn damage_is_placed() {
        let cases = [
            ("[1, 2", "line 1, column 5: EOF while parsing a list, near `[1, 2`"),
            ("{\n \"a\": 1,\n \"b\" 2\n}", "line 3, column 6: expected `:`, near `\"b\" 2`"),
            ("[1] [2]", "line 1, column 5: trailing characters, near `[1] [2]`"),
        ];
        for (text, want) in cases {
            assert_eq!(shown(text), format!("fault: {want}"));
        }
        assert!(shown(&"[".repeat(100_000)).contains("recursion limit"));
        assert!(shown_lines("{}\n{]\n").contains("line 2, column 2"));
    }

    #[test]
    fn what_is_written_reads_back() {
        let x = Host::from_slice(Shape::new(&[2, 2]), &[1.0, 0.1, -1e-7, 1e300]).unwrap();
        let fields = vec![
            ("x".into(), Data::Array(x)),
            ("n".into(), Data::Int(-1)),
            ("\"q\"".into(), Data::Tuple(vec![Data::Text("a\u{1}".into()), Data::None, Data::Bool(true)])),
            ("f".into(), Data::Float(6.0)),
        ];
        let data = Data::Record(fields);
        let text = written(&JSON, &data);
        assert_eq!(
            text,
            "{\"x\":[[1.0,0.1],[-1e-07,1e+300]],\"n\":-1,\"\\\"q\\\"\":[\"a\\u0001\",null,true],\"f\":6.0}\n"
        );
        assert_eq!(shown(&text), format!("{data:?}"));
        let nan = Data::Array(Host::from_slice(Shape::new(&[2]), &[f64::NAN, 1.0]).unwrap());
        assert_eq!(written(&JSON, &nan), "[null,1.0]\n");
        let empty = Data::Array(Host::from_slice::<f64>(Shape::new(&[2, 0]), &[]).unwrap());
        assert_eq!(written(&JSON, &empty), "[[],[]]\n");
    }

    #[test]
    fn lines_are_rows() {
        let table = "{\"a\":1,\"t\":\"x\"}\n{\"a\":2,\"t\":\"y\"}\n";
        assert_eq!(written(&NDJSON, &read_lines(table.as_bytes()).unwrap()), table);
        let matrix = "[1,2]\n[3,4]\n";
        assert_eq!(written(&NDJSON, &read_lines(matrix.as_bytes()).unwrap()), matrix);
        assert_eq!(written(&NDJSON, &Data::Record(vec![("a".into(), Data::Int(1))])), "{\"a\":1}\n");
    }
}
