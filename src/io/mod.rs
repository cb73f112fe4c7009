//! Files and streams: bytes to values and back.
//!
//! In: bytes, a path, or a value. Out: `Data`, which knows no language and no device, or written bytes. One codec is
//! one record of `CODECS` and one file; the table answers by name (`--from`, `to=`), by suffix and by the first bytes.
//! gzip wraps any of them (`gzip.rs`). To add a format: write a file, add its row.

pub mod csv;
pub mod data;
mod field;
mod file;
mod gzip;
mod json;
mod json_value;
mod lines;
mod ndarray;
mod npy;
mod npz;
pub mod standard;
mod words;
mod written;

use std::io::Write;

pub use data::Data;
pub use file::{read_path, read_path_with, read_stream, write_path};
pub use ndarray::{from_ndarray, host_view};

use crate::base::{Fault, Result, nearest};

/// One format.
pub struct Codec {
    pub name: &'static str,
    /// Ends of file names, without the dot.
    pub suffixes: &'static [&'static str],
    /// One line for help pages.
    pub about: &'static str,
    /// Whether bytes look like this format; asked in the order of the table.
    pub sniff: fn(&[u8]) -> bool,
    pub read: fn(&[u8], &ReadOptions) -> Result<Data>,
    pub write: fn(&Data, &mut dyn Write) -> Result<()>,
}

/// What a user may say about an input beyond its format.
#[derive(Clone, Copy, Default, Debug)]
pub struct ReadOptions {
    /// Whether the first row of a table names the columns; `None` looks.
    pub header: Option<bool>,
}

static CODECS: [Codec; 9] =
    [npy::CODEC, npz::CODEC, json::NDJSON, json::JSON, csv::TSV, csv::CSV, words::CODEC, lines::LINES, lines::TEXT];

/// Formats that we can name but not read: their first bytes, what they are, and the way out.
const FOREIGN: &[(&[u8], &str, &str)] = &[
    (b"PAR1", "a parquet file", "convert it to csv or npy"),
    (b"\x89HDF", "an HDF5 file", "convert it to npy or npz"),
    (b"\x89PNG", "a PNG image", "convert it to npy"),
    (b"\xff\xd8\xff", "a JPEG image", "convert it to npy"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "decompress it with `zstd -d`"),
    (b"\xfd7zXZ", "compressed by xz", "decompress it with `xz -d`"),
    (b"BZh", "compressed by bzip2", "decompress it with `bzip2 -d`"),
    (b"\x80\x04\x95", "a Python pickle", "save it with numpy.save"),
    (b"\x80\x05\x95", "a Python pickle", "save it with numpy.save"),
    (b"%PDF", "a PDF", "copy the numbers into a csv"),
    (b"\x7fELF", "a program", "name a data file"),
];

/// Every format, in the order in which bytes are asked about.
pub fn codecs() -> &'static [Codec] {
    &CODECS
}

/// The format of a name as users write it; other names of a format are its suffixes.
pub fn codec(name: &str) -> Result<&'static Codec> {
    let lower = name.trim_start_matches('.').to_ascii_lowercase();
    let found = CODECS.iter().find(|c| c.name == lower).or_else(|| by_suffix(&lower));
    found.ok_or_else(|| {
        let fault = Fault::new(format!("`{name}` is not a format"));
        let fault = match nearest(&lower, CODECS.iter().map(|c| c.name)) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        };
        fault.hint(known())
    })
}

/// The format of decoded-from-gzip file name end `suffix`.
fn by_suffix(suffix: &str) -> Option<&'static Codec> {
    CODECS.iter().find(|c| c.suffixes.contains(&suffix))
}

fn known() -> String {
    let names: Vec<&str> = CODECS.iter().map(|c| c.name).collect();
    format!("the formats are {}, each also gzipped", names.join(", "))
}

/// Decodes bytes; `from` names the format, otherwise the bytes tell.
pub fn read_bytes(bytes: &[u8], from: Option<&str>) -> Result<Data> {
    read_bytes_with(bytes, from, &ReadOptions::default())
}

/// As `read_bytes`, with what the user said about the input.
pub fn read_bytes_with(bytes: &[u8], from: Option<&str>, options: &ReadOptions) -> Result<Data> {
    let from = from.map(codec).transpose()?;
    decode(bytes, from, options)
}

/// Writes a value in a format.
pub fn write_to(out: &mut dyn Write, data: &Data, format: &str) -> Result<()> {
    (codec(format)?.write)(data, out).map_err(file::as_failure)
}

fn decode(bytes: &[u8], from: Option<&'static Codec>, options: &ReadOptions) -> Result<Data> {
    if gzip::is(bytes) {
        return decode(&gzip::unpack(bytes)?, from, options);
    }
    let codec = match from {
        Some(codec) => codec,
        None => sniff(bytes)?,
    };
    (codec.read)(bytes, options)
}

fn sniff(bytes: &[u8]) -> Result<&'static Codec> {
    if bytes.is_empty() {
        return Err(Fault::input("it is empty")
            .hint("an empty input has no format; say one with `--from`, or `format=` in `load`"));
    }
    if let Some((_, what, way)) = FOREIGN.iter().find(|f| bytes.starts_with(f.0)) {
        return Err(Fault::input(format!("it is {what}, which is not read here")).hint(*way).hint(known()));
    }
    CODECS.iter().find(|c| (c.sniff)(bytes)).ok_or_else(|| {
        let first: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
        Fault::input(format!("its format is not known; it begins with the bytes {}", first.join(" "))).hint(known())
    })
}

/// The bytes as text, without a byte order mark; a fault that names the first byte that is no UTF-8.
fn utf8(bytes: &[u8]) -> Result<&str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        let line = bytes[..at].iter().filter(|&&b| b == b'\n').count() + 1;
        let fault = Fault::input(format!("byte {at} (line {line}) is {:#04x}, which is not UTF-8", bytes[at]));
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return fault.hint("it looks like UTF-16: convert it with `iconv -f UTF-16 -t UTF-8`");
        }
        fault.hint("if it is Latin-1, convert it with `iconv -f ISO-8859-1 -t UTF-8`")
    })
}

/// Whether bytes are text: valid UTF-8 (but for a character cut off at the end of what was looked at), no NUL.
fn is_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(4096)];
    let cut_off = |e: std::str::Utf8Error| e.error_len().is_none() && head.len() < bytes.len();
    !head.contains(&0) && std::str::from_utf8(head).map_or_else(cut_off, |_| true)
}

/// A failed write.
fn unwritten(e: std::io::Error) -> Fault {
    Fault::input(format!("writing failed: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniffed(text: &str) -> &'static str {
        sniff(text.as_bytes()).unwrap().name
    }

    #[test]
    fn bytes_tell_their_format() {
        let cases = [
            ("1,2\n3,4\n", "csv"),
            ("a,b\n1,2\n", "csv"),
            ("1,2\n3\n", "csv"),
            ("name,age\nann,31\n", "csv"),
            ("\u{feff}a,b\n1,2\n", "csv"),
            ("a\tb\n1\t2\n", "tsv"),
            ("1 2\n3 4\n", "numbers"),
            ("# a comment\n1 2\n", "numbers"),
            ("42", "numbers"),
            ("nan\n", "numbers"),
            ("{\"a\": 1}", "json"),
            ("[1,\n2]", "json"),
            ("[1, 2]\n", "json"),
            ("{\"a\": 1}\n{\"a\": 2}\n", "ndjson"),
            ("[1,2]\n[3,4]\n", "ndjson"),
            ("Hello, world\n", "lines"),
            ("some prose\nand more\n", "lines"),
        ];
        for (text, name) in cases {
            assert_eq!(sniffed(text), name, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_with_the_list() {
        let f = |bytes: &[u8]| sniff(bytes).err().unwrap();
        assert!(f(b"PAR1xxxx").message.contains("a parquet file"));
        assert!(f(b"").message.contains("empty"));
        let unknown = f(&[0, 1, 2, 3]);
        assert!(
            unknown.message.contains("00 01 02 03") && unknown.hints[0].contains("npy, npz"),
            "{}",
            unknown.message
        );
        let typo = codec("cvs").err().unwrap();
        assert_eq!(typo.hints[0], "did you mean `csv`?");
        assert!(codec("jsonl").is_ok() && codec(".npy").is_ok() && codec("CSV").is_ok());
    }

    #[test]
    fn invalid_utf8_names_the_byte() {
        for from in ["csv", "json", "numbers", "lines"] {
            let f = read_bytes(b"1,2\n3,\xff\n", Some(from)).unwrap_err();
            assert!(f.message.contains("byte 6 (line 2) is 0xff"), "{from}: {}", f.message);
            assert_eq!(f.exit, crate::base::Exit::Input);
        }
        assert!(read_bytes(b"\xff\xfea\0", Some("csv")).unwrap_err().hints[0].contains("UTF-16"));
    }

    #[test]
    fn no_bytes_make_a_reader_panic() {
        // Truncations and single-byte changes of valid files of every format.
        let mut seeds: Vec<Vec<u8>> =
            ["a,b\n1,\"x\ny\"\n2,z\n", "1\t2\n", "1 2\n3", "{\"a\":[1,[2]],\"b\":null}", "[1]\n[2]\n"]
                .iter()
                .map(|s| s.as_bytes().to_vec())
                .collect();
        let array = Data::Array(
            crate::base::Host::from_slice(crate::base::Shape::new(&[2, 2]), &[1.0, 2.0, 3.0, 4.0]).unwrap(),
        );
        let record = Data::Record(vec![("w".into(), array.clone()), ("t".into(), Data::Text("é".into()))]);
        for (data, format) in [(&array, "npy"), (&record, "npz")] {
            let mut bytes = vec![];
            write_to(&mut bytes, data, format).unwrap();
            seeds.push(gzip::pack(&bytes).unwrap());
            seeds.push(bytes);
        }
        for seed in seeds {
            for i in 0..seed.len() {
                let mut changed = seed.clone();
                changed[i] ^= 0x15 << (i % 3);
                for bytes in [&seed[..i], &changed[..]] {
                    let _ = read_bytes(bytes, None);
                    CODECS.iter().for_each(|c| drop(read_bytes(bytes, Some(c.name))));
                }
            }
        }
    }
}
