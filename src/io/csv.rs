//! Tables as text: csv (also with `;`) and tsv.
//!
//! With a header a table is a record of columns: int, float or bool arrays, tuples of text. Without one it is a matrix
//! (a vector if it has one column), or a record of `c0`, `c1` … if it holds text. A row of names is told from a row of
//! data by a field that is no number above a column of numbers; in a table of nothing but text, by names that do not
//! occur below. Empty fields, `NA`, `null` and the like are nan in a column of numbers.
//!
//! One pass takes every column for ints until a field says otherwise; only columns that turn out to be text are gone
//! through again.

use std::io::Write;
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use ndarray::Array2;

use super::data::{Data, host_from};
use super::field::{Field, field};
use super::written::{Form, Written, flush, write_rows};
use super::{Codec, ReadOptions, from_ndarray, is_text, unwritten, utf8};
use crate::base::{Fault, Host, Result, Shape, counted, interrupt};
use crate::dispatch;

pub const CSV: Codec = Codec {
    name: "csv",
    suffixes: &["csv"],
    about: "a table with commas: a record of columns, or a matrix",
    sniff: |bytes| sniff(bytes, b','),
    read: |bytes, options| read(bytes, options, delimiter(bytes)),
    write: |data, out| write(data, out, ','),
};

pub const TSV: Codec = Codec {
    name: "tsv",
    suffixes: &["tsv", "tab"],
    about: "a table with tabs: a record of columns, or a matrix",
    sniff: |bytes| sniff(bytes, b'\t'),
    read: |bytes, options| read(bytes, options, b'\t'),
    write: |data, out| write(data, out, '\t'),
};

// ---- looking ----

/// The first lines of a text, without a byte order mark; whole lines only, if there is one.
pub(super) fn head(bytes: &[u8]) -> &str {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut bytes = &bytes[..bytes.len().min(4096)];
    if bytes.len() == 4096
        && let Some(end) = bytes.iter().rposition(|&b| b == b'\n')
    {
        bytes = &bytes[..end];
    }
    let valid = std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len);
    std::str::from_utf8(&bytes[..valid]).unwrap_or("")
}

/// A table has the delimiter in its first line and a number in a field of its first two; prose seldom does.
fn sniff(bytes: &[u8], delimiter: u8) -> bool {
    let mut lines = head(bytes).lines().filter(|l| !l.trim().is_empty());
    let first = lines.next().unwrap_or("");
    let parts = |l: &str| l.matches(delimiter as char).count();
    if !is_text(bytes) || first.starts_with(['{', '[']) || parts(first) == 0 {
        return false;
    }
    let second = lines.next();
    let number =
        |l: &str| l.split(delimiter as char).any(|f| matches!(field(f.as_bytes()), Field::Int(_) | Field::Float(_)));
    number(first) || second.is_some_and(|l| number(l) || (parts(l) == parts(first) && !l.contains(' ')))
}

/// `;` where the first line has that and no comma, as spreadsheets write it in half of Europe.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = head(bytes).lines().next().unwrap_or("");
    if first.contains(';') && !first.contains(',') { b';' } else { b',' }
}

// ---- reading ----

/// A column as it fills. It begins as ints and gives way to what comes.
pub enum Column {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Bools(Vec<bool>),
    Text,
}

impl Default for Column {
    fn default() -> Column {
        Column::Ints(vec![])
    }
}

impl Column {
    pub fn push(&mut self, value: Field) {
        match (&mut *self, value) {
            (Column::Ints(ints), Field::Int(i)) => ints.push(i),
            (Column::Ints(ints), Field::Bool(b)) if ints.is_empty() => *self = Column::Bools(vec![b]),
            (Column::Ints(ints), Field::Float(_) | Field::Missing) => {
                *self = Column::Floats(ints.iter().map(|&i| i as f64).collect());
                self.push(value);
            }
            (Column::Floats(floats), Field::Int(i)) => floats.push(i as f64),
            (Column::Floats(floats), Field::Float(x)) => floats.push(x),
            (Column::Floats(floats), Field::Missing) => floats.push(f64::NAN),
            (Column::Bools(bools), Field::Bool(b)) => bools.push(b),
            _ => *self = Column::Text,
        }
    }

    /// As `push`, in front of all others.
    fn push_first(&mut self, value: Field) {
        self.push(value);
        match self {
            Column::Ints(all) => all.rotate_right(1),
            Column::Floats(all) => all.rotate_right(1),
            Column::Bools(all) => all.rotate_right(1),
            Column::Text => {}
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Column::Text)
    }

    fn floats(&self) -> Vec<f64> {
        match self {
            Column::Ints(all) => all.iter().map(|&x| x as f64).collect(),
            Column::Floats(all) => all.clone(),
            Column::Bools(all) => all.iter().map(|&b| b as i64 as f64).collect(),
            Column::Text => vec![],
        }
    }

    fn host(self) -> Result<Host> {
        match self {
            Column::Ints(all) => Host::from_slice(Shape::new(&[all.len()]), &all),
            Column::Floats(all) => Host::from_slice(Shape::new(&[all.len()]), &all),
            Column::Bools(all) => Host::from_slice(Shape::new(&[all.len()]), &all),
            Column::Text => host_from::<f64>(Shape::new(&[0]), std::iter::empty()),
        }
    }
}

/// Columns of numbers side by side; one column is a vector.
pub fn matrix(columns: Vec<Column>, rows: usize) -> Result<Host> {
    if columns.iter().any(Column::is_text) {
        return Err(Fault::input("a column mixes true or false with numbers").hint("write 1 and 0 instead"));
    }
    if columns.len() <= 1 {
        let column = columns.into_iter().next();
        return column.map_or_else(|| host_from::<f64>(Shape::new(&[0]), std::iter::empty()), Column::host);
    }
    let size = (columns.len(), rows);
    // Columns stand one after the other; seen the other way round they are the matrix.
    macro_rules! turned {
        ($kind:ident, $columns:expr) => {{
            let all = $columns.iter().flat_map(|c| if let Column::$kind(all) = c { &all[..] } else { &[] });
            let all = Array2::from_shape_vec(size, all.copied().collect());
            from_ndarray(all.map_err(unequal)?.t())
        }};
    }
    if columns.iter().all(|c| matches!(c, Column::Ints(_))) {
        turned!(Ints, columns)
    } else if columns.iter().all(|c| matches!(c, Column::Bools(_))) {
        turned!(Bools, columns)
    } else {
        let columns: Vec<Column> = columns.iter().map(|c| Column::Floats(c.floats())).collect();
        turned!(Floats, columns)
    }
}

fn unequal(e: ndarray::ShapeError) -> Fault {
    Fault::input(format!("its columns are not equally long: {e}"))
}

/// A row whose length is not the first one's.
pub fn ragged(line: usize, found: usize, first_line: usize, expected: usize, format: &str) -> Fault {
    Fault::input(format!("line {line} has {}, line {first_line} has {expected}", counted(found, "field"))).hint(format!(
        "make every row {expected} wide, or read it as text, not as {format}: `format=\"lines\"` in `load`, `--from lines` in a pipe"
    ))
}

fn reader(text: &str, delimiter: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes())
}

/// A field that begins with a quote ends with one. The csv crate takes what is wrong here for something: a quote that
/// does not close swallows what comes up to the next one, or all of it.
fn quotes_close(text: &[u8], delimiter: u8) -> Result<()> {
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        interrupt::check()?;
        if text[at] == b'"' {
            let opened = line;
            at += 1;
            loop {
                match (text.get(at), text.get(at + 1)) {
                    (None, _) => return Err(unclosed(opened)),
                    (Some(b'"'), Some(b'"')) => at += 1,
                    (Some(b'"'), _) => break,
                    (Some(b'\n'), _) => line += 1,
                    _ => {}
                }
                at += 1;
            }
            at += 1;
            let behind = text[at..].iter().find(|b| !matches!(b, b' ' | b'\r'));
            if behind.is_some_and(|&b| b != delimiter && b != b'\n') {
                return Err(misplaced(line, opened));
            }
        }
        let rest = &text[at..];
        let end = rest.iter().position(|&b| b == delimiter || b == b'\n').unwrap_or(rest.len());
        line += (rest.get(end) == Some(&b'\n')) as usize;
        at += end + 1;
    }
    Ok(())
}

fn unclosed(line: usize) -> Fault {
    Fault::input(format!("line {line} opens a quote that never closes"))
        .hint("end the field with `\"`; a quote inside a quoted field is written twice: `\"\"`")
}

fn misplaced(line: usize, opened: usize) -> Fault {
    let of = if opened == line { String::new() } else { format!(", which opens on line {opened}") };
    Fault::input(format!("line {line} has text behind the closing quote of a field{of}"))
        .hint("a quote inside a quoted field is written twice: `\"\"`")
}

fn broken(e: csv::Error) -> Fault {
    Fault::input(format!("the table cannot be read: {e}"))
}

/// What the first pass knows.
struct Table {
    first: Vec<String>,
    columns: Vec<Column>,
    /// Rows after the first.
    rows: usize,
}

fn read(bytes: &[u8], options: &ReadOptions, delimiter: u8) -> Result<Data> {
    let text = utf8(bytes)?;
    quotes_close(text.as_bytes(), delimiter)?;
    let Some(mut table) = first_pass(text, delimiter)? else {
        return Err(Fault::input("it is empty: a table has at least one row").hint("check what wrote it"));
    };
    let texts = second_pass(text, delimiter, &table.columns)?;
    let header = options.header.unwrap_or_else(|| has_header(&table, &texts));
    if header {
        let names = names(&table.first);
        return record(names, table.columns, texts);
    }
    for (column, text) in table.columns.iter_mut().zip(&table.first) {
        column.push_first(field(text.as_bytes()));
    }
    let bools = table.columns.iter().filter(|c| matches!(c, Column::Bools(_))).count();
    if !table.columns.iter().any(Column::is_text) && (bools == 0 || bools == table.columns.len()) {
        return Ok(Data::Array(matrix(table.columns, table.rows + 1)?));
    }
    // The first row may have made text of a column that was numbers below it: then its texts are not there yet.
    let mut texts = second_pass(text, delimiter, &table.columns)?;
    for (column, first) in texts.iter_mut().zip(&table.first) {
        column.insert(0, first.as_str().into());
    }
    let names = (0..table.columns.len()).map(|i| format!("c{i}").into()).collect();
    record(names, table.columns, texts)
}

fn first_pass(text: &str, delimiter: u8) -> Result<Option<Table>> {
    let mut reader = reader(text, delimiter);
    let mut row = ByteRecord::new();
    if !reader.read_byte_record(&mut row).map_err(broken)? {
        return Ok(None);
    }
    let first: Vec<String> = row.iter().map(|f| String::from_utf8_lossy(f).trim().to_string()).collect();
    let first_at = row.position().map_or(0, |p| p.byte());
    let mut table = Table { columns: first.iter().map(|_| Column::default()).collect(), first, rows: 0 };
    while reader.read_byte_record(&mut row).map_err(broken)? {
        interrupt::check()?;
        if row.len() != table.columns.len() {
            let (line, first_line) = (line_at(text, row.position().map_or(0, |p| p.byte())), line_at(text, first_at));
            return Err(ragged(line, row.len(), first_line, table.columns.len(), "csv"));
        }
        for (column, text) in table.columns.iter_mut().zip(&row) {
            if !column.is_text() {
                column.push(field(text));
            }
        }
        table.rows += 1;
    }
    Ok(Some(table))
}

/// The line on which the row after byte `at` begins; blank lines, which do not count as rows, may come before it.
fn line_at(text: &str, at: u64) -> usize {
    let bytes = text.as_bytes();
    let at = (at as usize).min(bytes.len());
    let blanks = bytes[at..].iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
    bytes[..at + blanks].iter().filter(|&&b| b == b'\n').count() + 1
}

/// The texts of the columns that are text, without the first row; other columns stay empty.
fn second_pass(text: &str, delimiter: u8, columns: &[Column]) -> Result<Vec<Vec<Rc<str>>>> {
    let mut out = vec![vec![]; columns.len()];
    if !columns.iter().any(Column::is_text) {
        return Ok(out);
    }
    let mut reader = reader(text, delimiter);
    let mut row = ByteRecord::new();
    reader.read_byte_record(&mut row).map_err(broken)?;
    while reader.read_byte_record(&mut row).map_err(broken)? {
        interrupt::check()?;
        for ((texts, column), text) in out.iter_mut().zip(columns).zip(&row) {
            if column.is_text() {
                texts.push(String::from_utf8_lossy(text).into());
            }
        }
    }
    Ok(out)
}

fn has_header(table: &Table, texts: &[Vec<Rc<str>>]) -> bool {
    let is_name = |text: &String| field(text.as_bytes()) == Field::Text;
    if !table.first.iter().any(is_name) {
        return false;
    }
    if table.rows == 0 {
        return table.first.iter().all(is_name);
    }
    if table.first.iter().zip(&table.columns).any(|(text, column)| is_name(text) && !column.is_text()) {
        return true;
    }
    let nothing_but_text = table.columns.iter().all(Column::is_text) && table.first.iter().all(is_name);
    nothing_but_text && table.first.iter().zip(texts).all(|(name, texts)| texts.iter().all(|t| **t != **name))
}

/// Names as they stand, but `c3` for an empty one and `x_2` for the second `x`.
fn names(first: &[String]) -> Vec<Rc<str>> {
    let mut names: Vec<Rc<str>> = vec![];
    for (i, name) in first.iter().enumerate() {
        let base = if name.is_empty() { format!("c{i}") } else { name.clone() };
        let taken = |name: &str| names.iter().any(|n| **n == *name);
        let numbered = (2..).map(|k| format!("{base}_{k}"));
        let free = std::iter::once(base.clone()).chain(numbered).find(|n| !taken(n));
        names.push(free.unwrap_or(base).into());
    }
    names
}

fn record(names: Vec<Rc<str>>, columns: Vec<Column>, texts: Vec<Vec<Rc<str>>>) -> Result<Data> {
    let fields = names.into_iter().zip(columns).zip(texts).map(|((name, column), texts)| {
        let data = match column {
            Column::Text => Data::Tuple(texts.into_iter().map(Data::Text).collect()),
            numbers => Data::Array(numbers.host()?),
        };
        Ok((name, data))
    });
    Ok(Data::Record(fields.collect::<Result<_>>()?))
}

// ---- writing ----

fn write(data: &Data, out: &mut dyn Write, delimiter: char) -> Result<()> {
    if let Data::Record(fields) = data {
        return write_record(fields, out, delimiter);
    }
    if let Some(host) = data.to_host()? {
        if host.shape().rank() > 2 {
            return Err(Fault::input(format!("a table has two axes, this is {}", data.describe()))
                .hint("reshape it, or write npy"));
        }
        return write_rows(&host, delimiter, Form::Table, out);
    }
    match data {
        Data::Text(_) => write_columns(&[column_of("", data)?], 1, out, delimiter),
        Data::Tuple(items) => write_columns(&[column_of("", data)?], items.len(), out, delimiter),
        other => Err(Fault::input(format!("a table has no form for {}", other.describe())).hint("write it as json")),
    }
}

/// The cells of a column, quoted where they must be.
fn column_of(name: &str, data: &Data) -> Result<Vec<String>> {
    let cell = |d: &Data| -> Option<String> {
        let mut out = String::new();
        match d {
            Data::None => {}
            Data::Bool(b) => b.push(&mut out, Form::Table),
            Data::Int(i) => i.push(&mut out, Form::Table),
            Data::Float(x) => x.push(&mut out, Form::Table),
            Data::Text(t) => out.push_str(&quoted(t)),
            _ => return None,
        }
        Some(out)
    };
    let cells = match data {
        Data::Array(host) if host.shape().rank() <= 1 => dispatch!(host.dtype, T => {
            let text = |x: T| { let mut out = String::new(); x.push(&mut out, Form::Table); out };
            Some(host.to_vec::<T>()?.into_iter().map(text).collect())
        }),
        Data::Tuple(items) => items.iter().map(cell).collect(),
        other => cell(other).map(|c| vec![c]),
    };
    let of = if name.is_empty() { String::new() } else { format!(" `{name}`") };
    cells.ok_or_else(|| {
        let what =
            if let Data::Tuple(_) = data { "a tuple of more than numbers and text".into() } else { data.describe() };
        Fault::input(format!("a column of a table has one axis; column{of} is {what}")).hint("write it as json or npz")
    })
}

/// Quotes where a delimiter, a quote, a line end or blanks at an end would be misread.
fn quoted(text: &str) -> String {
    let plain = !text.contains([',', ';', '\t', '"', '\n', '\r']) && text.trim() == text;
    if plain { text.to_string() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

fn write_record(fields: &[(Rc<str>, Data)], out: &mut dyn Write, delimiter: char) -> Result<()> {
    let columns = fields.iter().map(|(name, data)| column_of(name, data)).collect::<Result<Vec<_>>>()?;
    let rows = columns.first().map_or(0, Vec::len);
    if let Some(i) = columns.iter().position(|c| c.len() != rows) {
        let (a, b) = (&fields[0].0, &fields[i].0);
        return Err(Fault::input(format!("`{a}` has {}, `{b}` has {}", counted(rows, "row"), columns[i].len()))
            .hint("a table needs columns of one length; write it as json or npz"));
    }
    let names: Vec<String> = fields.iter().map(|(name, _)| quoted(name)).collect();
    writeln!(out, "{}", names.join(&delimiter.to_string())).map_err(unwritten)?;
    write_columns(&columns, rows, out, delimiter)
}

fn write_columns(columns: &[Vec<String>], rows: usize, out: &mut dyn Write, delimiter: char) -> Result<()> {
    let mut text = String::new();
    for i in 0..rows {
        for (j, column) in columns.iter().enumerate() {
            if j > 0 {
                text.push(delimiter);
            }
            // A row of one empty field would be a blank line, which readers skip.
            text.push_str(if columns.len() == 1 && column[i].is_empty() { "\"\"" } else { &column[i] });
        }
        text.push('\n');
        flush(&mut text, out, 1 << 16)?;
    }
    flush(&mut text, out, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        shown_with(text, None)
    }
    fn shown_with(text: &str, header: Option<bool>) -> String {
        let options = ReadOptions { header };
        (CSV.read)(text.as_bytes(), &options).map_or_else(|f| format!("fault: {}", f.message), |d| format!("{d:?}"))
    }
    fn written(data: &Data) -> String {
        let mut out = vec![];
        write(data, &mut out, ',').unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tables_with_and_without_names() {
        let cases = [
            ("a,b\n1,2\n3,4\n", r#"{"a": i64[2][1, 3], "b": i64[2][2, 4]}"#),
            ("a,b\r\n1,2.5\r\n3,\r\n", r#"{"a": i64[2][1, 3], "b": f64[2][2.5, nan]}"#),
            ("a,b\n1,x\nNA,y\n", r#"{"a": f64[2][1, nan], "b": ["x", "y"]}"#),
            ("ok,n\ntrue,1\nFalse,2\n", r#"{"ok": bool[2][true, false], "n": i64[2][1, 2]}"#),
            ("1,2\n3,4\n", "i64[2, 2][[1, 2], [3, 4]]"),
            ("1,2.5\n3,4\n", "f64[2, 2][[1, 2.5], [3, 4]]"),
            ("1,NA\n3,4\n", "f64[2, 2][[1, nan], [3, 4]]"),
            ("1;2\n3;4\n", "i64[2, 2][[1, 2], [3, 4]]"),
            ("1\n2\n3\n", "i64[3][1, 2, 3]"),
            ("1,2,3\n", "i64[1, 3][[1, 2, 3]]"),
            ("true,false\n", "bool[1, 2][[true, false]]"),
            ("x\n", r#"{"x": i64[0][]}"#),
            (
                "5.1,setosa\n4.9,setosa\n6.2,virginica\n",
                r#"{"c0": f64[3][5.1, 4.9, 6.2], "c1": ["setosa", "setosa", "virginica"]}"#,
            ),
            ("name,city\nann,bonn\nbob,rom\n", r#"{"name": ["ann", "bob"], "city": ["bonn", "rom"]}"#),
            ("ann,bonn\nbob,rom\nann,rom\n", r#"{"c0": ["ann", "bob", "ann"], "c1": ["bonn", "rom", "rom"]}"#),
            ("a,\"b,c\"\n1,\"x\ny\"\"z\"\n", r#"{"a": i64[1][1], "b,c": ["x\ny\"z"]}"#),
            ("a,a,,a\n1,2,3,4\n", r#"{"a": i64[1][1], "a_2": i64[1][2], "c2": i64[1][3], "a_3": i64[1][4]}"#),
            ("\u{feff}a\n1\n", r#"{"a": i64[1][1]}"#),
            ("a,b\n007,\n1,\n", r#"{"a": i64[2][7, 1], "b": f64[2][nan, nan]}"#),
            ("n\n9223372036854775808\n", r#"{"n": f64[1][9.223372036854776e+18]}"#),
        ];
        for (text, want) in cases {
            assert_eq!(shown(text), want, "{text:?}");
        }
        assert_eq!(shown_with("2019,2020\n1,2\n", Some(true)), r#"{"2019": i64[1][1], "2020": i64[1][2]}"#);
        assert_eq!(shown_with("a,b\n1,2\n", Some(false)), r#"{"c0": ["a", "1"], "c1": ["b", "2"]}"#);
    }

    #[test]
    fn ragged_and_empty_tables_are_faults() {
        assert_eq!(shown("a,b\n1,2\n3\n"), "fault: line 3 has 1 field, line 1 has 2");
        assert_eq!(shown("\n1,2\n\"x\ny\",2\n3,4,5\n"), "fault: line 5 has 3 fields, line 2 has 2");
        assert!(shown("").starts_with("fault: it is empty"));
    }

    #[test]
    fn a_quote_that_never_closes_is_a_fault() {
        let fault = |line| format!("fault: line {line} opens a quote that never closes");
        assert_eq!(shown("a,b\n1,\"x\n2,y\n"), fault(2));
        assert_eq!(shown("a,b\n\"u\nv\",x\n2,\"y\"\""), fault(4));
        assert_eq!(shown("a,b\n1,2\n\""), fault(3));
        assert_eq!(
            shown("a,b\n1,\"x\n2,y\n3,\"z\"\n"),
            "fault: line 4 has text behind the closing quote of a field, which opens on line 2"
        );
        assert_eq!(shown("a,b\n1,\"x\"y\n"), "fault: line 2 has text behind the closing quote of a field");
        assert_eq!(shown("a,b\n1,\"x\" \n2,\"y\"\n"), r#"{"a": i64[2][1, 2], "b": ["x ", "y"]}"#);
        assert_eq!(shown("a,b\r\n1,\"x\"\"y\"\r\n2,5\" disk\r\n"), r#"{"a": i64[2][1, 2], "b": ["x\"y", "5\" disk"]}"#);
    }

    #[test]
    fn what_is_written_reads_back() {
        let floats = Host::from_slice(Shape::new(&[3]), &[6.0, f64::NAN, 1e-7]).unwrap();
        let flags = Host::from_slice(Shape::new(&[3]), &[true, false, true]).unwrap();
        let texts = ["plain", "a,b \"c\"", ""].map(|t| Data::Text(t.into())).to_vec();
        let fields = vec![
            ("x".into(), Data::Array(floats)),
            ("ok".into(), Data::Array(flags)),
            ("t,".into(), Data::Tuple(texts)),
        ];
        let table = Data::Record(fields);
        let text = written(&table);
        assert_eq!(text, "x,ok,\"t,\"\n6.0,true,plain\nnan,false,\"a,b \"\"c\"\"\"\n1e-07,true,\n");
        assert_eq!(shown(&text), format!("{table:?}"));
        let matrix = Data::Array(Host::from_slice(Shape::new(&[2, 2]), &[1i64, -2, 3, i64::MAX]).unwrap());
        assert_eq!(shown(&written(&matrix)), format!("{matrix:?}"));
        assert_eq!(written(&Data::Float(2.0)), "2.0\n");
        assert_eq!(written(&Data::Record(vec![("a".into(), Data::Int(1)), ("b".into(), Data::None)])), "a,b\n1,\n");
    }

    #[test]
    fn what_is_no_table_says_so() {
        let f = |data: &Data| write(data, &mut vec![], ',').unwrap_err().message.clone();
        let cube = Data::Array(Host::from_slice(Shape::new(&[1, 1, 1]), &[1.0]).unwrap());
        assert_eq!(f(&cube), "a table has two axes, this is f64[1, 1, 1]");
        assert!(f(&Data::Record(vec![("w".into(), cube)])).contains("column `w` is f64[1, 1, 1]"));
        let pair = |n: usize| Data::Array(Host::from_slice(Shape::new(&[n]), &vec![1.0; n]).unwrap());
        assert_eq!(f(&Data::Record(vec![("a".into(), pair(2)), ("b".into(), pair(3))])), "`a` has 2 rows, `b` has 3");
    }
}
