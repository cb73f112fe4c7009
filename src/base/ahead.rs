//! Asking for memory before its turn: what hardware does by itself for reads stops at the end of a page, and for writes it
//! does little. Asking costs an instruction a cache line, so it is done where the data do not lie in the first cache.

use std::sync::OnceLock;

use super::maker;

/// Bytes between what is asked for and what is written. Further ahead what was asked for begins to be pushed out again.
pub const WRITES: usize = 1024;
/// Bytes between what is asked for and what is read where memory is read in several places at once.
pub const READS: usize = 512;
/// Bytes between what is asked for and what a kernel reads of an array that lies in memory.
pub const NEXT: usize = 4096;
/// Bytes of a cache line.
pub const LINE: usize = 64;
/// Bytes of a result from which asking pays: half of a first-level cache.
pub const FAR: usize = 32 << 10;

/// Whether to ask for what a loop of cheap operations reads. Intel's CPUs read faster so; a Zen 3 reads slower (sums over memory 3.7 and
/// 2.4 ms). `NEVEL_AHEAD=0` and `1` decide by hand.
pub fn reads() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| match std::env::var("NEVEL_AHEAD").as_deref() {
        Ok("0") => false,
        Ok("1") => true,
        _ => maker::is_intel(),
    })
}

/// This line is going to be read. Any address will do.
#[inline(always)]
pub fn to_read(p: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: asking never faults, and is part of every x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch(p.cast(), std::arch::x86_64::_MM_HINT_T0)
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// This line is going to be written. Any address will do.
#[inline(always)]
pub fn to_write(p: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as above; where a CPU has no such instruction it does nothing.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) p, options(nostack, preserves_flags, readonly))
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// All of so many bytes are going to be read soon.
#[inline(always)]
pub fn all_to_read(p: *const u8, bytes: usize) {
    (0..bytes).step_by(LINE).for_each(|at| to_read(p.wrapping_add(at)));
}

/// All of so many bytes are going to be written soon.
#[inline(always)]
pub fn all_to_write(p: *mut u8, bytes: usize) {
    (0..bytes).step_by(LINE).for_each(|at| to_write(p.wrapping_add(at)));
}
