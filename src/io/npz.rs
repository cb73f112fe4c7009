//! npz, NumPy's zip of npy files: a record of arrays.
//!
//! A record in a record is a folder: field `w` of field `l1` is `l1/w.npy`. A tuple's items are `arr_0`, `arr_1` …, as
//! numpy.savez calls them; it comes back as a record of those names.

use std::io::{Cursor, Write};
use std::rc::Rc;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::data::Data;
use super::gzip::{Unread, read_all};
use super::{Codec, ReadOptions, npy, unwritten};
use crate::base::{Fault, Result};

pub const CODEC: Codec = Codec {
    name: "npz",
    suffixes: &["npz"],
    about: "NumPy's zip of arrays: a record",
    sniff: |bytes| bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06"),
    read: |bytes, _: &ReadOptions| read(bytes),
    write,
};

fn read(bytes: &[u8]) -> Result<Data> {
    let damaged = |e: zip::result::ZipError| {
        Fault::input(format!("it is not a whole npz (zip) file: {e}")).hint("save or fetch it again")
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut fields = vec![];
    for i in 0..archive.len() {
        let file = archive.by_index(i).map_err(damaged)?;
        let name = file.name().to_string();
        let Some(path) = name.strip_suffix(".npy") else { continue };
        let inside = |f: Fault| Fault::input(format!("in {name}: {}", f.message)).hint(f.hints.join("; "));
        let bytes = read_all(file).map_err(|e| match e {
            Unread::Memory(fault) => fault,
            Unread::Io(e) => inside(Fault::input(format!("damaged: {e}")).hint("save or fetch the file again")),
        })?;
        let data = npy::read(&bytes).map_err(inside)?;
        place(&mut fields, path, data);
    }
    if fields.is_empty() && !archive.is_empty() {
        return Err(
            Fault::input("this zip holds no .npy files, so it is no npz").hint("unzip it and load what is inside")
        );
    }
    Ok(Data::Record(fields))
}

/// Puts a value where its path says, making the records on the way. Where a value already stands on the way, the
/// whole path becomes the name.
fn place(fields: &mut Vec<(Rc<str>, Data)>, path: &str, data: Data) {
    if let Some((first, rest)) = path.split_once('/').filter(|(a, b)| !a.is_empty() && !b.is_empty()) {
        match fields.iter().position(|(k, _)| **k == *first) {
            None => {
                let mut inner = vec![];
                place(&mut inner, rest, data);
                fields.push((first.into(), Data::Record(inner)));
                return;
            }
            Some(i) => {
                if let Data::Record(inner) = &mut fields[i].1 {
                    return place(inner, rest, data);
                }
            }
        }
    }
    match fields.iter_mut().find(|(k, _)| **k == *path) {
        Some(field) => field.1 = data,
        None => fields.push((path.into(), data)),
    }
}

fn write(data: &Data, out: &mut dyn Write) -> Result<()> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    match data {
        Data::Record(_) | Data::Tuple(_) => add(&mut zip, "", data)?,
        other => add(&mut zip, "arr_0", other)?,
    }
    let bytes = zip.finish().map_err(|e| Fault::input(format!("writing failed: {e}")))?.into_inner();
    out.write_all(&bytes).map_err(unwritten)
}

fn add(zip: &mut ZipWriter<Cursor<Vec<u8>>>, path: &str, data: &Data) -> Result<()> {
    let under = |name: &str| if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
    match data {
        Data::Record(fields) => return fields.iter().try_for_each(|(name, d)| add(zip, &under(name), d)),
        Data::Tuple(items) if items.iter().any(|d| !matches!(d, Data::Text(_))) => {
            return items.iter().enumerate().try_for_each(|(i, d)| add(zip, &under(&format!("arr_{i}")), d));
        }
        Data::None => {
            return Err(Fault::input(format!("npz has no none, and `{path}` is none"))
                .hint("leave the field out, or save as json"));
        }
        _ => {}
    }
    let mut bytes = vec![];
    (npy::CODEC.write)(data, &mut bytes)?;
    // No times: equal values give equal files. Sizes beyond 4 GiB need the long form of the directory.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(zip::DateTime::default())
        .large_file(bytes.len() > u32::MAX as usize);
    let failed = |e: zip::result::ZipError| Fault::input(format!("`{path}` cannot be written: {e}"));
    zip.start_file(format!("{path}.npy"), options).map_err(failed)?;
    zip.write_all(&bytes).map_err(unwritten)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Host, Shape};

    fn record() -> Data {
        let w = Data::Array(Host::from_slice(Shape::new(&[2, 2]), &[1f32, 2.0, 3.0, 4.0]).unwrap());
        let layer = Data::Record(vec![("w".into(), w), ("b".into(), Data::Float(0.5))]);
        Data::Record(vec![
            ("l1".into(), layer),
            ("step".into(), Data::Int(7)),
            ("name".into(), Data::Text("net".into())),
        ])
    }

    #[test]
    fn a_nested_record_reads_back() {
        let (mut bytes, mut again) = (vec![], vec![]);
        write(&record(), &mut bytes).unwrap();
        write(&record(), &mut again).unwrap();
        assert_eq!(bytes, again);
        assert_eq!(format!("{:?}", read(&bytes).unwrap()), format!("{:?}", record()));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("l1/w.npy") && text.contains("step.npy"));
    }

    #[test]
    fn an_archive_put_together_by_hand() {
        // A zip with one stored member `a.npy`, as numpy.savez writes it: local header, data, directory, end.
        let mut npy = vec![];
        (npy::CODEC.write)(&Data::Int(3), &mut npy).unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(&npy);
        let (crc, size) = (crc.sum().to_le_bytes(), (npy.len() as u32).to_le_bytes());
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &crc, &size, &size, &[5, 0, 0, 0]].concat();
        let local = [b"PK\x03\x04", &common[..], b"a.npy", &npy].concat();
        let central = [b"PK\x01\x02\x14\0", &common[..], &[0; 14], b"a.npy"].concat();
        let sizes = [(central.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes()].concat();
        let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &sizes[..], &[0, 0]].concat();
        let bytes = [local, central, end].concat();
        assert_eq!(format!("{:?}", read(&bytes).unwrap()), "{\"a\": 3}");
    }

    #[test]
    fn tuples_numbers_and_what_cannot_be_held() {
        let mut bytes = vec![];
        write(&Data::Tuple(vec![Data::Int(1), Data::Float(2.5)]), &mut bytes).unwrap();
        assert_eq!(format!("{:?}", read(&bytes).unwrap()), "{\"arr_0\": 1, \"arr_1\": 2.5}");
        let none = Data::Record(vec![("x".into(), Data::None)]);
        assert!(write(&none, &mut vec![]).unwrap_err().message.contains("`x` is none"));
        bytes.truncate(bytes.len() / 2);
        assert!(read(&bytes).unwrap_err().message.contains("not a whole npz"));
    }
}
