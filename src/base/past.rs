//! Stores past the caches: what is not read again soon goes to memory without its lines being read first, which is a third
//! of what a map over one array moves.
//!
//! In: bytes that lie in a first-level cache. Out: the same bytes in memory. It pays where the result is many times what
//! the core's caches hold: for smaller ones whoever reads the result next would have found it in a cache.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use super::ahead::LINE;
use super::maker::is_intel;
#[cfg(target_arch = "x86_64")]
use super::math::Isa;

/// Bytes of a result from which it pays: measured on an Intel server (2 MB of second-level cache a core), a map with a sum
/// after it takes 5 % more time at 8 MB, 10 % less at 16 MB, 20 % less at 32 MB and beyond.
const PAYS: usize = 14 << 20;

/// What makes results, by how long it takes beside bringing them to memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Maker {
    /// It waits for memory.
    Arithmetic,
    /// A function in f32 that takes no longer than its result does to memory.
    Quick,
    Function,
}

/// Whether results of so many bytes should go past the caches, on this CPU.
///
/// On AMD's only those of arithmetic should: of 10M elements on a Zen 3, chains of f64 take 10.5 ms instead of 13.2 with two threads, outer
/// differences 3.2 instead of 4.8, but exponentials 11.5 instead of 9.2 (on a Zen 5 chains took as long, exponentials longer). On Intel's
/// what takes longer than memory does not either: on an Ice Lake, one thread, tanh of f64 takes 23 ms past the caches and 18 through them, sin
/// 16.7 and 15, of f32 8.3 and 7.3 both, exp of f64 14 both, but exp of f32 6.1 and 7.7, a product with a number 8.2 and 13.2.
pub fn pays(bytes: usize, made: Maker) -> bool {
    static HERE: OnceLock<For> = OnceLock::new();
    bytes >= PAYS
        && match HERE.get_or_init(here) {
            For::None => false,
            For::Cheap => made == Maker::Arithmetic,
            For::Quick => made != Maker::Function,
            For::All => true,
        }
}

/// What should go past the caches.
enum For {
    None,
    Cheap,
    Quick,
    All,
}

/// `NEVEL_PAST=0` or `1` decides by hand.
fn here() -> For {
    match std::env::var("NEVEL_PAST").as_deref() {
        Ok("0") => For::None,
        _ if cfg!(not(target_arch = "x86_64")) => For::None,
        Ok("1") => For::All,
        _ if is_intel() => For::Quick,
        _ => For::Cheap,
    }
}

/// Copies bytes past the caches. `done` must follow before another thread is told of them.
///
/// # Safety
/// `from` and `to` hold so many bytes and do not overlap.
#[cfg(target_arch = "x86_64")]
pub unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    // SAFETY: the caller's; the instructions are there.
    unsafe {
        let head = to.align_offset(LINE).min(bytes);
        std::ptr::copy_nonoverlapping(from, to, head);
        let (from, to, bytes) = (from.add(head), to.add(head), bytes - head);
        let lines = bytes / LINE;
        match Isa::chosen() {
            Isa::Avx512 => whole_lines(from, to, lines),
            Isa::Avx2 => half_lines(from, to, lines),
            _ => quarter_lines(from, to, lines),
        }
        let whole = lines * LINE;
        std::ptr::copy_nonoverlapping(from.add(whole), to.add(whole), bytes - whole);
    }
}

/// A line is one store: the next block is computed while these wait.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn whole_lines(from: *const u8, to: *mut u8, lines: usize) {
    use std::arch::x86_64::{__m512i, _mm512_loadu_si512, _mm512_stream_si512};
    let (from, to) = (from.cast::<__m512i>(), to.cast::<__m512i>());
    for k in 0..lines {
        // SAFETY: the caller's; `to` begins a line.
        unsafe { _mm512_stream_si512(to.add(k), _mm512_loadu_si512(from.add(k))) };
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn half_lines(from: *const u8, to: *mut u8, lines: usize) {
    use std::arch::x86_64::{__m256i, _mm256_loadu_si256, _mm256_stream_si256};
    let (from, to) = (from.cast::<__m256i>(), to.cast::<__m256i>());
    for k in 0..2 * lines {
        // SAFETY: the caller's; `to` begins a line.
        unsafe { _mm256_stream_si256(to.add(k), _mm256_loadu_si256(from.add(k))) };
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn quarter_lines(from: *const u8, to: *mut u8, lines: usize) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
    let (from, to) = (from.cast::<__m128i>(), to.cast::<__m128i>());
    for k in 0..4 * lines {
        // SAFETY: the caller's; `to` begins a line.
        unsafe { _mm_stream_si128(to.add(k), _mm_loadu_si128(from.add(k))) };
    }
}

/// As above, through the caches.
///
/// # Safety
/// As above.
#[cfg(not(target_arch = "x86_64"))]
pub unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    // SAFETY: the caller's.
    unsafe { super::copy(from, to, bytes) }
}

/// What was copied so is there for other threads once they hear of it.
pub fn done() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a fence is part of every x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_arrives_whatever_it_begins_at() {
        let from: Vec<u8> = (0..1000).map(|i| (i * 7 % 251) as u8).collect();
        for (shift, n) in [(0, 1000), (1, 999), (63, 64), (5, 3), (64, 128), (17, 700), (0, 0)] {
            let mut to = vec![255u8; 1200];
            // SAFETY: both hold as many.
            unsafe { super::copy(from.as_ptr(), to.as_mut_ptr().add(shift), n) };
            super::done();
            assert_eq!(&to[shift..shift + n], &from[..n]);
            assert!(to[..shift].iter().chain(&to[shift + n..]).all(|&b| b == 255));
        }
    }
}
