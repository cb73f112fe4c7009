//! Plain text: a tuple of its lines, or all of it as one text.

use std::io::Write;

use super::data::Data;
use super::{Codec, ReadOptions, is_text, unwritten, utf8};
use crate::base::{Fault, Result};

pub const LINES: Codec = Codec {
    name: "lines",
    suffixes: &["md", "log"],
    about: "text as a tuple of its lines",
    sniff: is_text,
    read: |bytes, _: &ReadOptions| Ok(Data::Tuple(utf8(bytes)?.lines().map(|l| Data::Text(l.into())).collect())),
    write,
};

/// Never guessed: every text is also lines.
pub const TEXT: Codec = Codec {
    name: "text",
    suffixes: &[],
    about: "all of it as one text",
    sniff: |_| false,
    read: |bytes, _: &ReadOptions| Ok(Data::Text(utf8(bytes)?.into())),
    write,
};

/// A text as it is (with a line end), a tuple one item a line.
fn write(data: &Data, out: &mut dyn Write) -> Result<()> {
    match data {
        Data::Tuple(items) => items.iter().try_for_each(|item| write(item, out)),
        Data::Text(text) if text.ends_with('\n') => out.write_all(text.as_bytes()).map_err(unwritten),
        Data::Text(text) => writeln!(out, "{text}").map_err(unwritten),
        Data::Bool(_) | Data::Int(_) | Data::Float(_) | Data::Array(_) => (super::words::CODEC.write)(data, out),
        other => Err(Fault::input(format!("text has no form for {}", other.describe())).hint("write it as json")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_text() {
        let bytes = "\u{feff}a b\r\n\nc".as_bytes();
        let lines = (LINES.read)(bytes, &ReadOptions::default()).unwrap();
        assert_eq!(format!("{lines:?}"), r#"["a b", "", "c"]"#);
        let text = (TEXT.read)(bytes, &ReadOptions::default()).unwrap();
        assert_eq!(format!("{text:?}"), r#""a b\r\n\nc""#);
        let mut out = vec![];
        write(&lines, &mut out).unwrap();
        assert_eq!(out, b"a b\n\nc\n");
    }
}
