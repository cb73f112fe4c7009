//! Lines of standard input, one by one, waited for in a way that Ctrl-C ends at once.
//!
//! In: the descriptor. Out: a line without its end. What was read beyond it is kept for the next one.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Mutex, PoisonError};

use crate::base::interrupt;

/// What was read and not yet asked for.
static AHEAD: Mutex<Vec<u8>> = Mutex::new(vec![]);
/// Bytes asked for at once.
const CHUNK: usize = 1 << 13;
/// Milliseconds until somebody looks whether to stop: a signal that another thread takes does not wake this one.
const LOOK: i32 = 20;

/// The next line, or `None` behind the last one; `ErrorKind::Interrupted` if Ctrl-C came first. What was typed of the
/// line then stays for the next one who asks.
pub fn line() -> Result<Option<String>> {
    let mut ahead = AHEAD.lock().unwrap_or_else(PoisonError::into_inner);
    let mut seen = 0;
    loop {
        let found = ahead[seen..].iter().position(|&b| b == b'\n').map(|at| seen + at + 1);
        seen = ahead.len();
        let end = match found {
            Some(end) => end,
            None if more(&mut ahead)? => continue,
            None if seen == 0 => return Ok(None),
            None => seen,
        };
        let line: Vec<u8> = ahead.drain(..end).collect();
        let line = String::from_utf8(line).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8"))?;
        return Ok(Some(line.trim_end_matches(['\n', '\r']).to_string()));
    }
}

/// Reads on; `false` at the end.
fn more(ahead: &mut Vec<u8>) -> Result<bool> {
    wait()?;
    let before = ahead.len();
    ahead.resize(before + CHUNK, 0);
    // SAFETY: the room from `before` on is ours, and CHUNK bytes long.
    let read = unsafe { libc::read(libc::STDIN_FILENO, ahead[before..].as_mut_ptr().cast(), CHUNK) };
    ahead.truncate(before + read.max(0) as usize);
    match read {
        0.. => Ok(read > 0),
        _ => Err(Error::last_os_error()),
    }
}

/// Until there is something to read, or nothing more to come.
fn wait() -> Result<()> {
    let mut asked = libc::pollfd { fd: libc::STDIN_FILENO, events: libc::POLLIN, revents: 0 };
    loop {
        if interrupt::asked() {
            return Err(ErrorKind::Interrupted.into());
        }
        // SAFETY: one descriptor, which is ours to look at.
        match unsafe { libc::poll(&mut asked, 1, LOOK) } {
            0 => {}
            1.. => return Ok(()),
            _ if Error::last_os_error().kind() == ErrorKind::Interrupted => {}
            _ => return Err(Error::last_os_error()),
        }
    }
}
