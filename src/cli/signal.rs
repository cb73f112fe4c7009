//! Signals: Ctrl-C asks the evaluation to stop, a closed pipe ends us quietly, and whatever kills us leaves the
//! terminal as it was.
//!
//! Something may not look for long (a decomposition, a read from a terminal). A script is then ended after a second, as
//! it would have been without us; in the REPL, whose variables are worth something, it takes another Ctrl-C.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering::*};

use crate::base::{Exit, interrupt};

/// Whether something runs that can be asked to stop.
static RUNNING: AtomicBool = AtomicBool::new(false);
/// Whether `SAVED` holds the terminal's settings.
static GUARDED: AtomicBool = AtomicBool::new(false);
static SAVED: Settings = Settings(UnsafeCell::new(MaybeUninit::uninit()));

struct Settings(UnsafeCell<MaybeUninit<libc::termios>>);
// SAFETY: written once, before `GUARDED` is set, and only read afterwards.
unsafe impl Sync for Settings {}

/// Whether there is a conversation to go back to.
static TALKING: AtomicBool = AtomicBool::new(false);
/// Whether the person was told that one more Ctrl-C ends us.
static WARNED: AtomicBool = AtomicBool::new(false);

/// The status of a program whose reader went away.
const PIPE_CLOSED: i32 = 141;

/// Seconds until somebody should have looked.
const PATIENCE: u32 = 1;

/// From the first moment on: a reader that goes away ends us quietly (Rust would ignore the signal and fail a write), and
/// so does Ctrl-C while nothing runs that could stop by itself.
///
/// Both end in a status, not in death by the signal: who waits for us without a shell between sees 141 and 130 too.
pub fn start() {
    set(libc::SIGPIPE, on_pipe as *const () as libc::sighandler_t);
    catch();
}

/// From now on Ctrl-C ends what runs, never the process: there is somebody to go back to.
pub fn talk() {
    TALKING.store(true, Relaxed);
    catch();
}

fn catch() {
    set(libc::SIGINT, on_interrupt as *const () as libc::sighandler_t);
    set(libc::SIGALRM, on_alarm as *const () as libc::sighandler_t);
}

/// Runs something that Ctrl-C stops.
pub fn interruptible<R>(f: impl FnOnce() -> R) -> R {
    interrupt::clear();
    WARNED.store(false, Relaxed);
    RUNNING.store(true, Relaxed);
    // The editor of the REPL may have had handlers of its own.
    catch();
    let r = f();
    RUNNING.store(false, Relaxed);
    // SAFETY: a plain call.
    unsafe { libc::alarm(0) };
    interrupt::clear();
    r
}

/// Keeps the terminal's settings, to put them back should a signal end us in the middle of a line.
pub fn guard_terminal() {
    let mut now = MaybeUninit::uninit();
    // SAFETY: the call fills in what we hand it; nobody reads `SAVED` before `GUARDED` is set.
    unsafe {
        if libc::tcgetattr(libc::STDIN_FILENO, now.as_mut_ptr()) != 0 {
            return;
        }
        *SAVED.0.get() = now;
    }
    // The handler may run on another thread.
    GUARDED.store(true, Release);
    for signal in [libc::SIGTERM, libc::SIGHUP] {
        set(signal, on_end as *const () as libc::sighandler_t);
    }
}

fn set(signal: i32, handler: libc::sighandler_t) {
    // SAFETY: the struct is all zeroes but for the fields we set, and the handlers only call what a handler may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

extern "C" fn on_interrupt(_: i32) {
    if !RUNNING.load(Relaxed) {
        if !TALKING.load(Relaxed) {
            end(Exit::Interrupted as i32);
        }
        return;
    }
    if WARNED.load(Relaxed) {
        end(Exit::Interrupted as i32);
    }
    if interrupt::ask() == 1 {
        // SAFETY: safe in a handler.
        unsafe { libc::alarm(PATIENCE) };
    }
}

/// Nobody looked.
extern "C" fn on_alarm(_: i32) {
    const WARNING: &[u8] = b"\nstill stopping; Ctrl-C once more ends nevel\n";
    if !RUNNING.load(Relaxed) || !interrupt::asked() {
        return;
    }
    if !TALKING.load(Relaxed) {
        end(Exit::Interrupted as i32);
    }
    WARNED.store(true, Relaxed);
    // SAFETY: safe in a handler.
    unsafe { libc::write(libc::STDERR_FILENO, WARNING.as_ptr().cast(), WARNING.len()) };
}

extern "C" fn on_pipe(_: i32) {
    end(PIPE_CLOSED);
}

/// Ends the process from a handler.
fn end(status: i32) -> ! {
    restore();
    // SAFETY: safe in a handler.
    unsafe { libc::_exit(status) }
}

extern "C" fn on_end(signal: i32) {
    restore();
    // SAFETY: both calls are safe in a handler; the signal takes effect when the handler returns.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Echo and line mode back on, bracketed paste off.
fn restore() {
    if !GUARDED.load(Acquire) {
        return;
    }
    const PASTE_OFF: &[u8] = b"\x1b[?2004l";
    // SAFETY: both calls are safe in a handler, and `SAVED` was written before `GUARDED`.
    unsafe {
        libc::write(libc::STDERR_FILENO, PASTE_OFF.as_ptr().cast(), PASTE_OFF.len());
        libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, (*SAVED.0.get()).as_ptr());
    }
}
