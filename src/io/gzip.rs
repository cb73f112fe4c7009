//! gzip around any format, and reading no more into memory than there is.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::base::{Buffer, Fault, Result, interrupt};

/// How much is read between two questions to the system whether there is memory.
const STEP: usize = 64 << 20;

pub fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// The bytes inside; several members one after the other count as one.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    read_all(MultiGzDecoder::new(bytes)).map_err(|e| match e {
        Unread::Memory(fault) => fault,
        Unread::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Fault::input("its gzip data ends early").hint("the file is cut off: fetch it again")
        }
        Unread::Io(e) => Fault::input(format!("its gzip data is damaged: {e}")).hint("check it with `gzip -t`"),
    })
}

/// gzip data of bytes; without a time, so that equal values give equal files.
pub fn pack(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(bytes).map_err(super::unwritten)?;
    encoder.finish().map_err(super::unwritten)
}

/// Why a stream was not read to its end.
pub enum Unread {
    /// There is not enough of it, or somebody asked to stop.
    Memory(Fault),
    Io(std::io::Error),
}

/// All that a stream gives. Asks for memory before it takes it: a small file can unpack to more than there is, and the
/// system would end the process instead of refusing.
pub fn read_all(mut stream: impl Read) -> Result<Vec<u8>, Unread> {
    let mut out = Vec::new();
    loop {
        let got = stream.by_ref().take(STEP as u64).read_to_end(&mut out).map_err(Unread::Io)?;
        if got < STEP {
            return Ok(out);
        }
        interrupt::check().map_err(Unread::Memory)?;
        // The vector may double; a buffer of that size is refused where memory is short, and is never touched.
        Buffer::new(out.len()).map_err(|f| Unread::Memory(f.exit(crate::base::Exit::Input)))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_and_cut_off() {
        let text = b"1,2\n".repeat(1000);
        let packed = pack(&text).unwrap();
        assert!(is(&packed) && packed.len() < 200);
        assert_eq!(unpack(&packed).unwrap(), text);
        let twice = [packed.clone(), packed.clone()].concat();
        assert_eq!(unpack(&twice).unwrap().len(), 8000);
        assert!(unpack(&packed[..packed.len() - 9]).unwrap_err().message.contains("ends early"));
        let mut damaged = packed;
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0xff;
        assert_eq!(unpack(&damaged).unwrap_err().exit, crate::base::Exit::Input);
    }

    #[test]
    fn a_file_from_gzip_itself() {
        // `printf hello | gzip -n`
        let bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x106\x05\0\0\0";
        assert_eq!(unpack(bytes).unwrap(), b"hello");
    }
}
