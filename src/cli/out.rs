//! Standard output: values and `print`, nothing else.
//!
//! On a terminal every write is seen at once; into a pipe or file they are collected. A copy can be kept, which is how
//! transcripts see what a cell printed.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::rc::Rc;

use crate::base::{Fault, Result};

/// A handle to the one output; clones write to the same place.
#[derive(Clone)]
pub struct Out(Rc<RefCell<Sink>>);

struct Sink {
    /// `None`: only the copy is kept.
    to: Option<BufWriter<File>>,
    /// Somebody watches.
    terminal: bool,
    copy: Option<Vec<u8>>,
    /// What is written is dropped.
    hushed: bool,
}

/// What a copy holds at most; a cell that prints more is not worth a transcript.
const MOST: usize = 1 << 20;

impl Out {
    /// This process's standard output.
    pub fn standard() -> Out {
        let to = io::stdout().as_fd().try_clone_to_owned().ok().map(|fd| BufWriter::with_capacity(1 << 16, fd.into()));
        Out(Rc::new(RefCell::new(Sink { to, terminal: io::stdout().is_terminal(), copy: None, hushed: false })))
    }

    /// Writes nowhere and keeps everything.
    pub fn kept() -> Out {
        Out(Rc::new(RefCell::new(Sink { to: None, terminal: false, copy: Some(vec![]), hushed: false })))
    }

    /// From now on keeps a copy as well.
    pub fn keep(&self) {
        self.0.borrow_mut().copy.get_or_insert_default();
    }

    /// Drops what is written, until it is called again.
    pub fn hush(&self, yes: bool) {
        self.0.borrow_mut().hushed = yes;
    }

    /// What was kept since the last time.
    pub fn take(&self) -> String {
        let mut sink = self.0.borrow_mut();
        let bytes = sink.copy.as_mut().map(std::mem::take).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes a line.
    pub fn line(&mut self, text: &str) -> Result<()> {
        self.write_all(text.as_bytes()).and_then(|()| self.write_all(b"\n")).map_err(unwritten)
    }

    /// Hands everything to the system.
    pub fn finish(&mut self) -> Result<()> {
        self.flush().map_err(unwritten)
    }
}

pub fn unwritten(e: io::Error) -> Fault {
    Fault::new(format!("cannot write the output: {e}"))
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sink = self.0.borrow_mut();
        if sink.hushed {
            return Ok(bytes.len());
        }
        let terminal = sink.terminal;
        if let Some(to) = &mut sink.to {
            to.write_all(bytes)?;
            if terminal {
                to.flush()?;
            }
        }
        if let Some(copy) = &mut sink.copy {
            let room = MOST.saturating_sub(copy.len()).min(bytes.len());
            copy.extend_from_slice(&bytes[..room]);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().to.as_mut().map_or(Ok(()), |to| to.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_output_is_taken_once() {
        let mut out = Out::kept();
        let mut other = out.clone();
        out.line("a").unwrap();
        other.write_all(b"b").unwrap();
        assert_eq!((out.take().as_str(), out.take().as_str()), ("a\nb", ""));
    }
}
