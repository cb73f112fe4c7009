//! Memory that holds machine code: written first, then made executable, never both at once.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The system has said no, and will again.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Whether it is worth trying.
pub fn is_refused() -> bool {
    REFUSED.load(Relaxed)
}

/// Whole pages of their own, given back when dropped.
pub struct Memory {
    at: NonNull<u8>,
    size: usize,
}

impl Memory {
    /// A copy of the code that can be run. `None` where the system has no such memory, or allows none.
    pub fn of(code: &[u8]) -> Option<Memory> {
        let size = code.len();
        let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
        // SAFETY: new pages, which nothing else knows.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), size, rights, kind, -1, 0) };
        if at == libc::MAP_FAILED {
            return None;
        }
        let memory = Memory { at: NonNull::new(at.cast())?, size };
        // SAFETY: they are `size` bytes long, writable, and somewhere else than the code.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), memory.at.as_ptr(), size) };
        // SAFETY: the pages of before, whole.
        let done = unsafe { libc::mprotect(at, size, libc::PROT_READ | libc::PROT_EXEC) };
        if done != 0 {
            REFUSED.store(true, Relaxed);
            return None;
        }
        Some(memory)
    }

    /// Where the byte of that number lies.
    pub fn address(&self, offset: usize) -> *const u8 {
        debug_assert!(offset < self.size);
        self.at.as_ptr().wrapping_add(offset)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by `of` with this size; who runs the code holds what holds it.
        unsafe { libc::munmap(self.at.as_ptr().cast(), self.size) };
    }
}
