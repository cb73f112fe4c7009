//! Signals: Ctrl-C asks the evaluation to stop, a closed pipe ends us quietly, and whatever kills us leaves the
//! terminal as it was.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::base::interrupt;

/// Whether something runs that can be asked to stop.
static RUNNING: AtomicBool = AtomicBool::new(false);
/// Whether `SAVED` holds the terminal's settings.
static GUARDED: AtomicBool = AtomicBool::new(false);
static SAVED: Settings = Settings(UnsafeCell::new(MaybeUninit::uninit()));

struct Settings(UnsafeCell<MaybeUninit<libc::termios>>);
// SAFETY: written once, before `GUARDED` is set, and only read afterwards.
unsafe impl Sync for Settings {}

/// A third Ctrl-C that nobody looked at ends the process.
const PATIENCE: u32 = 3;

/// A reader that goes away ends us as it ends other programs; Rust would ignore the signal and fail a write.
pub fn end_with_pipe() {
    set(libc::SIGPIPE, libc::SIG_DFL);
}

/// From now on Ctrl-C asks, see `base::interrupt`.
pub fn catch_interrupts() {
    set(libc::SIGINT, on_interrupt as *const () as libc::sighandler_t);
}

/// Runs something that Ctrl-C stops.
pub fn interruptible<R>(f: impl FnOnce() -> R) -> R {
    interrupt::clear();
    RUNNING.store(true, Relaxed);
    let r = f();
    RUNNING.store(false, Relaxed);
    interrupt::clear();
    r
}

/// Ends the process as Ctrl-C would have: whoever started us sees the signal (130 to a shell).
pub fn die_interrupted() -> ! {
    set(libc::SIGINT, libc::SIG_DFL);
    // SAFETY: plain calls; the second is reached only where the signal is blocked.
    unsafe {
        libc::raise(libc::SIGINT);
        libc::_exit(130)
    }
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
    GUARDED.store(true, Relaxed);
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
        return;
    }
    if interrupt::ask() >= PATIENCE {
        restore();
        // SAFETY: safe in a handler; nothing else is.
        unsafe { libc::_exit(130) }
    }
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
    if !GUARDED.load(Relaxed) {
        return;
    }
    const PASTE_OFF: &[u8] = b"\x1b[?2004l";
    // SAFETY: both calls are safe in a handler, and `SAVED` was written before `GUARDED`.
    unsafe {
        libc::write(libc::STDERR_FILENO, PASTE_OFF.as_ptr().cast(), PASTE_OFF.len());
        libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, (*SAVED.0.get()).as_ptr());
    }
}
