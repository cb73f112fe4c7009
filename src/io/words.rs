//! Numbers between blanks, a row a line: what `seq`, `awk` and numpy.savetxt write.
//!
//! One number is a number, one row or one column a vector, the rest a matrix; `#` starts a comment, blank lines do not
//! count. All ints make an int array, all bools a bool array.

use std::io::Write;

use super::data::Data;
use super::field::{Field, field};
use super::written::{Form, write_rows};
use super::{Codec, ReadOptions, csv, utf8};
use crate::base::{Fault, Host, Result, interrupt};

pub const CODEC: Codec = Codec {
    name: "numbers",
    suffixes: &["dat"],
    about: "numbers between blanks, a row a line",
    sniff,
    read: |bytes, _: &ReadOptions| read(bytes),
    write,
};

/// The words of a line, without its comment.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split('#').next().unwrap_or("").split_ascii_whitespace()
}

fn sniff(bytes: &[u8]) -> bool {
    if !super::is_text(bytes) {
        return false;
    }
    let head = super::csv::head(bytes);
    let first = head.lines().find(|l| words(l).next().is_some());
    first.is_some_and(|l| words(l).all(|w| matches!(field(w.as_bytes()), Field::Int(_) | Field::Float(_))))
}

fn read(bytes: &[u8]) -> Result<Data> {
    let text = utf8(bytes)?;
    let mut columns: Vec<csv::Column> = vec![];
    let (mut rows, mut first_line) = (0, 0);
    for (i, line) in text.lines().enumerate() {
        interrupt::check()?;
        let mut found = 0;
        for word in words(line) {
            let value = field(word.as_bytes());
            if value == Field::Text {
                return Err(Fault::input(format!("line {} holds `{word}`, which is not a number", i + 1)).hint(
                    "for text use `--from lines` (`format=\"lines\"` in `load`), for a table with commas `csv`",
                ));
            }
            if rows == 0 {
                columns.push(csv::Column::default());
            }
            if let Some(column) = columns.get_mut(found) {
                column.push(value);
            }
            found += 1;
        }
        if found == 0 {
            continue;
        }
        if rows == 0 {
            first_line = i + 1;
        } else if found != columns.len() {
            return Err(csv::ragged(i + 1, found, first_line, columns.len(), "numbers"));
        }
        rows += 1;
    }
    let matrix = csv::matrix(columns, rows)?;
    Ok(match (&matrix.shape()[..], rows) {
        ([1], _) => Data::from_host(reshaped(matrix, &[])),
        ([1, n], _) => {
            let n = *n;
            Data::Array(reshaped(matrix, &[n]))
        }
        _ => Data::Array(matrix),
    })
}

fn reshaped(mut host: Host, shape: &[usize]) -> Host {
    host.layout = crate::base::Layout::contiguous(crate::base::Shape::new(shape));
    host
}

fn write(data: &Data, out: &mut dyn Write) -> Result<()> {
    let Some(host) = data.to_host()? else {
        return Err(Fault::input(format!("`numbers` holds numbers, this is {}", data.describe()))
            .hint("write a record as csv, anything as json"));
    };
    if host.shape().rank() > 2 {
        return Err(Fault::input(format!("rows of numbers have two axes, this is {}", data.describe()))
            .hint("reshape it, or write npy"));
    }
    write_rows(&host, ' ', Form::Bare, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        read(text.as_bytes()).map_or_else(|f| format!("fault: {}", f.message), |d| format!("{d:?}"))
    }

    #[test]
    fn shapes_follow_loadtxt() {
        let cases = [
            ("42\n", "42"),
            ("4.5", "4.5"),
            ("1\n2\n3\n", "i64[3][1, 2, 3]"),
            ("1 2 3\n", "i64[3][1, 2, 3]"),
            ("1 2\n3 4\n", "i64[2, 2][[1, 2], [3, 4]]"),
            ("1 2.5\r\n3\tnan\r\n", "f64[2, 2][[1, 2.5], [3, nan]]"),
            ("# head\n\n1 2 # tail\n3 4", "i64[2, 2][[1, 2], [3, 4]]"),
            ("true false", "bool[2][true, false]"),
            ("true 1", "f64[2][1, 1]"),
            ("", "f64[0][]"),
            ("1 2\n\n3\n", "fault: line 3 has 1 field, line 1 has 2"),
            ("1 x\n", "fault: line 1 holds `x`, which is not a number"),
        ];
        for (text, want) in cases {
            assert_eq!(shown(text), want, "{text:?}");
        }
    }

    #[test]
    fn rows_are_written_in_full() {
        let mut out = vec![];
        let host = Host::from_slice(crate::base::Shape::new(&[2, 2]), &[1.0, 0.1, 1e-7, f64::NAN]).unwrap();
        write(&Data::Array(host), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "1 0.1\n1e-07 nan\n");
    }
}
