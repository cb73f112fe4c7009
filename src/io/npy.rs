//! npy, NumPy's file of one array.
//!
//! `\x93NUMPY`, two version bytes, the header's length (u16, from version 2 on u32), the header (a Python dict of
//! `descr`, `fortran_order`, `shape`), the elements. Read: bools, ints, floats of both byte orders, widened where that
//! loses nothing, and text. Written: version 1, little endian, row-major, header padded to a multiple of 64.

use std::io::Write;

use ndarray::{ArrayView, IxDyn, ShapeBuilder};

use super::data::{Data, host_from};
use super::{Codec, ReadOptions, from_ndarray, unwritten};
use crate::base::{DType, Elem, Fault, Half, Host, Result, Shape, counted, interrupt};
use crate::dispatch;

pub const CODEC: Codec = Codec {
    name: "npy",
    suffixes: &["npy"],
    about: "NumPy's file of one array",
    sniff: |bytes| bytes.starts_with(MAGIC),
    read: |bytes, _: &ReadOptions| read(bytes),
    write,
};

const MAGIC: &[u8] = b"\x93NUMPY";

/// What the header says.
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

/// The array in an npy file's bytes.
pub fn read(bytes: &[u8]) -> Result<Data> {
    let (header, elements) = split(bytes)?;
    let spec = Spec::parse(&header.descr)?;
    let shape = Shape::new(&header.shape);
    // NumPy refuses these too: sizes of axes count even where another axis is empty.
    let spread = header.shape.iter().filter(|&&d| d > 0).try_fold(1usize, |n, &d| n.checked_mul(d));
    let bytes = spread.and_then(|n| n.checked_mul(spec.size.max(1))).filter(|&n| n <= isize::MAX as usize);
    let needed = if shape.size() == 0 { Some(0) } else { bytes };
    let (Some(needed), Some(_)) = (needed, bytes) else {
        return Err(short(&shape, &spec, "more bytes than any machine has", elements.len()));
    };
    let Some(elements) = elements.get(..needed) else {
        return Err(short(&shape, &spec, &counted(needed, "byte"), elements.len()));
    };
    if header.fortran && shape.rank() > 1 {
        if spec.kind == 'U' || spec.kind == 'S' {
            return Err(Fault::input("its text is in Fortran order").hint("save it with numpy.ascontiguousarray(x)"));
        }
        let flat = spec.numbers(elements, Shape::new(&[shape.size()]))?;
        return Ok(Data::from_host(dispatch!(flat.dtype, T => c_order::<T>(&flat, &shape)?)));
    }
    match spec.kind {
        'U' | 'S' => spec.texts(elements, &shape),
        _ => Ok(Data::from_host(spec.numbers(elements, shape)?)),
    }
}

fn short(shape: &Shape, spec: &Spec, needs: &str, found: usize) -> Fault {
    Fault::input(format!("its header promises {}{shape}, {needs}; found {}", spec.text, counted(found, "byte")))
        .hint("the file is cut off or damaged: save or fetch it again")
}

/// Elements in column-major order, turned to row-major.
fn c_order<T: Elem>(flat: &Host, shape: &Shape) -> Result<Host> {
    let elements = flat.as_slice::<T>().unwrap_or(&[]);
    let view = ArrayView::from_shape(IxDyn(shape).f(), elements);
    from_ndarray(view.map_err(|e| Fault::input(format!("shape {shape}: {e}")))?)
}

// ---- the header ----

fn split(bytes: &[u8]) -> Result<(Header, &[u8])> {
    let cut = || Fault::input("its npy header is cut off").hint("the file is incomplete: save or fetch it again");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| {
        Fault::input("it is not an npy file: that begins with \\x93NUMPY").hint("name its real format with `format=`")
    })?;
    let (len, rest) = match rest {
        [1, _, a, b, rest @ ..] => (u16::from_le_bytes([*a, *b]) as usize, rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        [1..=3, ..] | [] => return Err(cut()),
        [version, ..] => {
            return Err(Fault::input(format!("it is npy version {version}; versions 1 to 3 are known"))
                .hint("save it again with numpy.save"));
        }
    };
    let text = rest.get(..len).ok_or_else(cut)?;
    let text = String::from_utf8_lossy(text);
    let header = Reader { text: &text, at: 0 }.header().map_err(|why| {
        let shown: String = text.trim_end().chars().take(120).collect();
        let fault = Fault::input(format!("its npy header {why}: {shown}"));
        match why.contains("structured") {
            true => fault.hint("save the fields one by one: numpy.savez(path, a=x['a'], b=x['b'])"),
            false => fault.hint("save it again with numpy.save"),
        }
    })?;
    Ok((header, &rest[len..]))
}

/// Reads the Python literals that stand in headers.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn header(mut self) -> Result<Header, String> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.take("}") {
            let key = self.string()?;
            self.expect(":")?;
            match key {
                "descr" if self.peek() == Some('[') => return Err("describes fields (a structured array)".into()),
                "descr" => descr = Some(self.string()?.to_string()),
                "fortran_order" => fortran = Some(self.bool()?),
                "shape" => shape = Some(self.tuple()?),
                _ => return Err(format!("has an unknown key `{key}`")),
            }
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) => Ok(Header { descr, fortran, shape }),
            _ => Err("lacks one of descr, fortran_order, shape".into()),
        }
    }

    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        &self.text[self.at..]
    }

    fn peek(&mut self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("lacks a `{token}` at byte {}", self.at)) }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = self.peek().filter(|c| matches!(c, '\'' | '"')).ok_or("lacks a quoted word")?;
        let body = &self.rest()[1..];
        let end = body.find(quote).ok_or("has a quote that does not close")?;
        self.at += end + 2;
        Ok(&body[..end])
    }

    fn bool(&mut self) -> Result<bool, String> {
        if self.take("True") {
            return Ok(true);
        }
        if self.take("False") { Ok(false) } else { Err("says neither True nor False for fortran_order".into()) }
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        let mut axes = vec![];
        self.expect("(")?;
        while !self.take(")") {
            let rest = self.rest();
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            axes.push(rest[..digits].parse().map_err(|_| "has a shape that is no tuple of sizes".to_string())?);
            self.at += digits;
            self.take("L"); // Python 2 wrote longs so
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(axes)
    }
}

// ---- the elements ----

/// An element type as NumPy spells it: byte order, kind, bytes.
struct Spec<'a> {
    text: &'a str,
    big: bool,
    kind: char,
    /// Bytes of one element.
    size: usize,
}

impl<'a> Spec<'a> {
    fn parse(text: &'a str) -> Result<Spec<'a>> {
        let rest = text.trim_start_matches(['<', '>', '|', '=']);
        let mut chars = rest.chars();
        let kind = chars.next().unwrap_or('?');
        let number = chars.as_str().parse::<usize>().ok();
        let known = match (kind, number) {
            ('b', Some(1)) | ('i' | 'u', Some(1 | 2 | 4 | 8)) | ('f', Some(2 | 4 | 8)) => true,
            ('U', Some(n)) => n <= usize::MAX / 4,
            ('S', Some(_)) => true,
            _ => false,
        };
        let Some(size) = number.filter(|_| known) else { return Err(unknown(text, kind)) };
        Ok(Spec { text, big: text.starts_with('>'), kind, size: if kind == 'U' { 4 * size } else { size } })
    }

    fn numbers(&self, raw: &[u8], shape: Shape) -> Result<Host> {
        let big = self.big;
        // One arm per type: the loop inside knows the width and runs at memory speed.
        macro_rules! decode {
            ($t:ty, $n:literal, $to:expr) => {
                host_from(
                    shape,
                    raw.chunks_exact($n).map(|c| {
                        let mut b = [0u8; $n];
                        b.copy_from_slice(c);
                        $to(if big { <$t>::from_be_bytes(b) } else { <$t>::from_le_bytes(b) })
                    }),
                )
            };
        }
        match (self.kind, self.size) {
            ('b', _) => host_from(shape, raw.iter().map(|&b| b != 0)),
            ('i', 1) => decode!(i8, 1, |x| x as i64),
            ('i', 2) => decode!(i16, 2, |x| x as i64),
            ('i', 4) => decode!(i32, 4, |x| x as i64),
            ('i', _) => decode!(i64, 8, |x| x),
            ('u', 1) => decode!(u8, 1, |x| x as i64),
            ('u', 2) => decode!(u16, 2, |x| x as i64),
            ('u', 4) => decode!(u32, 4, |x| x as i64),
            ('u', _) => {
                let host = decode!(u64, 8, |x| x as i64)?;
                let beyond = host.as_slice::<i64>().unwrap_or(&[]).iter().position(|&x| x < 0);
                beyond.map_or(Ok(host), |at| Err(beyond_i64(at)))
            }
            ('f', 2) => decode!(u16, 2, Half),
            ('f', 4) => decode!(f32, 4, |x| x),
            _ => decode!(f64, 8, |x| x),
        }
    }

    /// Text of fixed width, padded with NULs: UTF-32 for `U`, bytes for `S`.
    fn texts(&self, raw: &[u8], shape: &Shape) -> Result<Data> {
        if shape.rank() > 1 {
            return Err(Fault::input(format!("it holds text of shape {shape}; text of one axis is read"))
                .hint("save x.ravel() instead"));
        }
        let n = shape.size();
        let one = |i: usize| {
            let item = &raw[i * self.size..(i + 1) * self.size];
            let text: String = if self.kind == 'S' {
                String::from_utf8_lossy(item).into_owned()
            } else {
                item.chunks_exact(4).map(|c| self.character([c[0], c[1], c[2], c[3]])).collect()
            };
            Data::Text(text.trim_end_matches('\0').into())
        };
        Ok(if shape.rank() == 0 { one(0) } else { Data::Tuple((0..n).map(one).collect()) })
    }

    fn character(&self, bytes: [u8; 4]) -> char {
        let code = if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

fn unknown(descr: &str, kind: char) -> Fault {
    let what = match kind {
        'O' => "Python objects",
        'c' => "complex numbers",
        'M' | 'm' => "dates or durations",
        'f' => "floats of an unusual width",
        'V' => "raw records",
        _ => "elements that are not known",
    };
    Fault::input(format!("it holds {what} (dtype {descr})"))
        .hint("bool, int, float and text are read: convert in NumPy, x.astype('f8')")
}

fn beyond_i64(at: usize) -> Fault {
    Fault::input(format!("element {at} of its u64 array is beyond i64")).hint("convert in NumPy: x.astype('f8')")
}

// ---- writing ----

fn write(data: &Data, out: &mut dyn Write) -> Result<()> {
    match (data.to_host()?, texts_of(data)) {
        (Some(host), _) => write_host(&host, out),
        (None, Some((texts, axes))) => write_texts(&texts, &axes, out),
        _ => Err(Fault::input(format!("npy holds one array, this is {}", data.describe()))
            .hint("a record of arrays goes into an npz, anything into json")),
    }
}

/// A text, or a tuple of nothing but texts, with its shape.
fn texts_of(data: &Data) -> Option<(Vec<&str>, Vec<usize>)> {
    let text = |d: &'_ Data| matches!(d, Data::Text(_));
    match data {
        Data::Text(t) => Some((vec![t], vec![])),
        Data::Tuple(items) if !items.is_empty() && items.iter().all(text) => {
            let texts = items.iter().filter_map(|d| if let Data::Text(t) = d { Some(&**t) } else { None });
            Some((texts.collect(), vec![items.len()]))
        }
        _ => None,
    }
}

fn write_host(host: &Host, out: &mut dyn Write) -> Result<()> {
    let descr = match host.dtype {
        DType::Bool => "|b1",
        DType::I64 => "<i8",
        DType::F16 => "<f2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
    };
    out.write_all(&header_bytes(descr, host.shape())).map_err(unwritten)?;
    match host.dtype {
        DType::Bool => elements(&host.to_vec::<bool>()?, |x| [x as u8], out),
        DType::I64 => elements(&host.to_vec::<i64>()?, i64::to_le_bytes, out),
        DType::F16 => elements(&host.to_vec::<Half>()?, |x| x.0.to_le_bytes(), out),
        DType::F32 => elements(&host.to_vec::<f32>()?, f32::to_le_bytes, out),
        DType::F64 => elements(&host.to_vec::<f64>()?, f64::to_le_bytes, out),
    }
}

fn elements<T: Elem, const N: usize>(all: &[T], bytes: fn(T) -> [u8; N], out: &mut dyn Write) -> Result<()> {
    for block in all.chunks(8192) {
        interrupt::check()?;
        let block: Vec<u8> = block.iter().flat_map(|&x| bytes(x)).collect();
        out.write_all(&block).map_err(unwritten)?;
    }
    Ok(())
}

fn write_texts(texts: &[&str], axes: &[usize], out: &mut dyn Write) -> Result<()> {
    let width = texts.iter().map(|t| t.chars().count()).max().unwrap_or(0).max(1);
    let mut bytes = header_bytes(&format!("<U{width}"), axes);
    for text in texts {
        let codes = text.chars().map(|c| c as u32).chain(std::iter::repeat(0)).take(width);
        bytes.extend(codes.flat_map(u32::to_le_bytes));
    }
    out.write_all(&bytes).map_err(unwritten)
}

/// All that comes before the elements; its length is a multiple of 64.
fn header_bytes(descr: &str, shape: &[usize]) -> Vec<u8> {
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if axes.len() == 1 { "," } else { "" };
    let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}", axes.join(", "));
    // Magic, version and length take 10 bytes, the newline one.
    let length = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let mut out = [MAGIC, &[1, 0], &(length as u16).to_le_bytes()[..], dict.as_bytes()].concat();
    out.resize(10 + length - 1, b' ');
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version 1 file put together by hand.
    fn file(descr: &str, fortran: bool, shape: &str, elements: &[u8]) -> Vec<u8> {
        let fortran = if fortran { "True" } else { "False" };
        let dict = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\0", &(dict.len() as u16).to_le_bytes()[..], dict.as_bytes(), elements].concat()
    }
    fn shown(bytes: &[u8]) -> String {
        read(bytes).map_or_else(|f| format!("fault: {}", f.message), |d| format!("{d:?}"))
    }
    fn written(data: &Data) -> Vec<u8> {
        let mut out = vec![];
        write(data, &mut out).unwrap();
        out
    }

    #[test]
    fn the_bytes_that_numpy_writes() {
        // numpy.save of numpy.array([1.5, -2.0]): 128 bytes of header, two doubles.
        let mut want = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }".to_vec();
        want.resize(127, b' ');
        want.extend(b"\n\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\xc0");
        let host = Host::from_slice(Shape::new(&[2]), &[1.5, -2.0]).unwrap();
        assert_eq!(written(&Data::Array(host)), want);
        assert_eq!(shown(&want), "f64[2][1.5, -2]");
    }

    #[test]
    fn every_dtype_and_byte_order_is_widened() {
        let cases: &[(&str, &[u8], &str)] = &[
            ("|b1", &[0, 1], "bool[2][false, true]"),
            ("|i1", &[1, 0xff], "i64[2][1, -1]"),
            ("|u1", &[1, 0xff], "i64[2][1, 255]"),
            ("<i2", &[1, 0, 0xfe, 0xff], "i64[2][1, -2]"),
            (">i2", &[0, 1, 0xff, 0xfe], "i64[2][1, -2]"),
            ("<u2", &[1, 0, 0xff, 0xff], "i64[2][1, 65535]"),
            (">i4", &[0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff], "i64[2][256, -1]"),
            ("<u4", &[0, 0, 0, 0x80, 1, 0, 0, 0], "i64[2][2147483648, 1]"),
            ("<i8", &[1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "i64[2][1, -1]"),
            ("<f2", &[0, 0x3c, 1, 0], "f16[2][1, 6e-08]"),
            (">f2", &[0xfc, 0, 0x7b, 0xff], "f16[2][-inf, 65504]"),
            ("<f4", &[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0], "f32[2][1, -2]"),
            (">f8", &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0], "f64[2][1.5, 2]"),
            ("|S2", b"ab\xc3\xa9", "[\"ab\", \"é\"]"),
            ("<U1", &[0x61, 0, 0, 0, 0xe9, 0, 0, 0], "[\"a\", \"é\"]"),
            (">U1", &[0, 0, 0, 0x61, 0, 0, 0, 0], "[\"a\", \"\"]"),
        ];
        for (descr, elements, want) in cases {
            assert_eq!(shown(&file(descr, false, "(2,)", elements)), *want, "{descr}");
        }
    }

    #[test]
    fn fortran_order_and_newer_versions() {
        assert_eq!(shown(&file("|i1", true, "(2, 3)", &[0, 1, 2, 3, 4, 5])), "i64[2, 3][[0, 2, 4], [1, 3, 5]]");
        assert_eq!(shown(&file("|i1", true, "(3,)", &[0, 1, 2])), "i64[3][0, 1, 2]");
        let mut two = file("|i1", false, "(1,)", &[7]);
        two[6] = 2;
        two.splice(10..10, [0, 0]);
        assert_eq!(shown(&two), "i64[1][7]");
        two[6] = 3;
        assert_eq!(shown(&two), "i64[1][7]");
        assert_eq!(shown(&file("<f8", false, "()", &[0, 0, 0, 0, 0, 0, 0xf8, 0x3f])), "1.5");
        assert_eq!(shown(&file("<f4", false, "(0, 3L)", &[])), "f32[0, 3][]");
    }

    #[test]
    fn what_is_written_reads_back() {
        let f32s = Host::from_slice(Shape::new(&[2, 1, 2]), &[1f32, f32::NAN, -0.0, 1e-40]).unwrap();
        let halves = [0x3555, 0x8000, 0x7e00, 1].map(Half);
        let halves = Host::from_slice(Shape::new(&[4]), &halves).unwrap();
        let mut turned = Host::from_slice(Shape::new(&[2, 2]), &[1i64, 2, 3, i64::MIN]).unwrap();
        turned.layout = turned.layout.permute(&[1, 0]);
        let empty = Host::from_slice::<bool>(Shape::new(&[0, 4]), &[]).unwrap();
        let texts = Data::Tuple(vec![Data::Text("a".into()), Data::Text("日本".into())]);
        let all = [f32s, halves, turned, empty].map(Data::Array);
        for data in
            all.into_iter().chain([Data::Int(-3), Data::Float(0.1), Data::Bool(true), Data::Text("é".into()), texts])
        {
            let bytes = written(&data);
            assert_eq!(format!("{:?}", read(&bytes).unwrap()), format!("{data:?}"));
            let header = 10 + u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
            assert_eq!((header % 64, bytes[header - 1]), (0, b'\n'));
        }
    }

    #[test]
    fn damage_is_named() {
        let cases: &[(Vec<u8>, &str)] = &[
            (b"hello".to_vec(), "is not an npy file"),
            (b"\x93NUMPY\x01".to_vec(), "header is cut off"),
            (b"\x93NUMPY\x01\0\x80\0{'de".to_vec(), "header is cut off"),
            (b"\x93NUMPY\x09\0\0\0".to_vec(), "npy version 9"),
            (file("<f8", false, "(3,)", &[0; 16]), "promises <f8[3], 24 bytes; found 16 bytes"),
            (file("<f8", false, "(1152921504606846976,)", &[0; 8]), "more bytes than any machine has"),
            (file("|i1", false, "(1152921504606846976,)", &[0; 8]), "promises |i1[1152921504606846976]"),
            (file("<f8", false, "(4294967296, 4294967296, 4294967296)", &[]), "more bytes than"),
            (file("<f8", true, "(0, 4294967296, 4294967296, 4294967296)", &[]), "more bytes than"),
            (file("<f8", false, "(99999999999999999999999,)", &[]), "has a shape that is no tuple"),
            (file("<f8", false, "(-1,)", &[]), "has a shape that is no tuple"),
            (file("<f8", false, "3", &[]), "lacks a `(`"),
            (file("|O", false, "(1,)", &[0; 8]), "Python objects"),
            (file("<c16", false, "(1,)", &[0; 16]), "complex numbers"),
            (file("<M8[ns]", false, "(1,)", &[0; 8]), "dates"),
            (file("<f16", false, "(1,)", &[0; 16]), "unusual width"),
            (file("<U99999999999999999999", false, "(1,)", &[]), "not known"),
            (file("<u8", false, "(2,)", &[[0; 8], [0xff; 8]].concat()), "element 1 of its u64 array"),
            (b"\x93NUMPY\x01\0\x11\0{'descr': [('a',]".to_vec(), "structured array"),
        ];
        for (bytes, words) in cases {
            let fault = read(bytes).unwrap_err();
            assert!(fault.message.contains(words), "{words}: {}", fault.message);
            assert_eq!(fault.exit, crate::base::Exit::Input);
            assert!(!fault.hints.is_empty());
        }
        let record = Data::Record(vec![]);
        assert!(write(&record, &mut vec![]).unwrap_err().message.contains("npy holds one array, this is a record"));
    }
}
