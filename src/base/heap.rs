//! The heap: small blocks go back to a list of the thread that evaluates, and come from it again.
//!
//! A call of the language makes and drops a handful of small things: the node, the handle of its buffer, the lists of a
//! plan that runs. The system's allocator takes some 150 instructions for such a pair, and many times that once more
//! than seven of a size are free; a list takes 25. Only a thread that asked (`keep`) has lists: helpers of kernels
//! make nothing small, and whoever ends gives back what it kept.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// The largest block of a list.
const MOST: usize = 1024;
/// Sizes of blocks are 8 bytes more than a multiple of 16: what the system's allocator loses least with.
const CLASSES: usize = class_of(MOST) + 1;
/// What the list of one size keeps, in bytes.
const CAP: usize = 128 << 10;
/// What every block is aligned to.
const ALIGN: usize = 16;

/// Where everything that is not an array's elements lies.
pub struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

struct Lists {
    /// The first block of each list; each block begins with where the next one is.
    first: [Cell<*mut u8>; CLASSES],
    /// How many blocks more each list takes.
    room: [Cell<usize>; CLASSES],
}

thread_local! {
    static LISTS: Lists = const {
        Lists { first: [const { Cell::new(null_mut()) }; CLASSES], room: [const { Cell::new(0) }; CLASSES] }
    };
    static END: End = const { End };
}

/// Gives back what a thread kept when the thread ends.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        LISTS.with(|lists| {
            lists.room.iter().for_each(|room| room.set(0));
            for (class, first) in lists.first.iter().enumerate() {
                let mut at = first.replace(null_mut());
                while !at.is_null() {
                    // SAFETY: a block of a list holds where the next one is, and came from the system in this layout.
                    unsafe {
                        let next = at.cast::<*mut u8>().read();
                        System.dealloc(at, layout_of(class));
                        at = next;
                    }
                }
            }
        });
    }
}

/// From now on this thread keeps what small blocks it frees.
pub fn keep() {
    END.with(|_| {});
    LISTS.with(|lists| {
        for (class, room) in lists.room.iter().enumerate() {
            if room.get() == 0 && lists.first[class].get().is_null() {
                room.set(CAP / layout_of(class).size());
            }
        }
    });
}

const fn class_of(bytes: usize) -> usize {
    (bytes + 7) >> 4
}

fn layout_of(class: usize) -> Layout {
    // SAFETY: the alignment is a power of two, and no class is near the largest size.
    unsafe { Layout::from_size_align_unchecked((class << 4) + 8, ALIGN) }
}

#[inline(always)]
fn is_small(layout: Layout) -> bool {
    layout.size() <= MOST && layout.align() <= ALIGN
}

// SAFETY: a block is the system's, of its class's layout whoever asks and whoever frees it, so that any thread's list may
// hold it; it is in a list only between a `dealloc` and the next `alloc` that gives it out.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_small(layout) {
            // SAFETY: passed on.
            return unsafe { System.alloc(layout) };
        }
        let class = class_of(layout.size());
        LISTS.with(|lists| {
            let at = lists.first[class].get();
            if at.is_null() {
                // SAFETY: the size is not zero.
                return unsafe { System.alloc(layout_of(class)) };
            }
            // SAFETY: a block of a list holds where the next one is.
            lists.first[class].set(unsafe { at.cast::<*mut u8>().read() });
            lists.room[class].set(lists.room[class].get() + 1);
            at
        })
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if !is_small(layout) {
            // SAFETY: passed on.
            return unsafe { System.dealloc(at, layout) };
        }
        let class = class_of(layout.size());
        LISTS.with(|lists| {
            let room = lists.room[class].get();
            if room == 0 {
                // SAFETY: `alloc` had it from the system in this layout.
                return unsafe { System.dealloc(at, layout_of(class)) };
            }
            // SAFETY: the block is free and has room for an address.
            unsafe { at.cast::<*mut u8>().write(lists.first[class].get()) };
            lists.first[class].set(at);
            lists.room[class].set(room - 1);
        })
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !is_small(layout) {
            // SAFETY: passed on.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the block is as long as asked.
        unsafe {
            let at = self.alloc(layout);
            if !at.is_null() {
                at.write_bytes(0, layout.size());
            }
            at
        }
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's sizes fit, with this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_small(layout), is_small(wanted)) {
            // SAFETY: passed on.
            (false, false) => unsafe { System.realloc(at, layout, size) },
            (true, true) if class_of(layout.size()) == class_of(size) => at,
            // SAFETY: both blocks hold what is copied, and the old one is let go once.
            _ => unsafe {
                let new = self.alloc(wanted);
                if !new.is_null() {
                    std::ptr::copy_nonoverlapping(at, new, layout.size().min(size));
                    self.dealloc(at, layout);
                }
                new
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_again_and_hold_what_they_held() {
        std::thread::spawn(|| {
            keep();
            let mut all: Vec<Vec<u8>> = vec![];
            for round in 0..3 {
                all = (0..2000).map(|n| vec![(n % 251) as u8; n]).collect();
                for (n, bytes) in all.iter_mut().enumerate() {
                    assert!(bytes.len() == n && bytes.iter().all(|&b| b == (n % 251) as u8), "{round}");
                    bytes.extend([7; 9]);
                    bytes.shrink_to_fit();
                    assert!(bytes[..n].iter().all(|&b| b == (n % 251) as u8) && bytes.ends_with(&[7; 9]));
                }
            }
            let zeros = vec![0u64; 100];
            assert!(zeros.iter().all(|&x| x == 0));
            // Another thread may free what this one made.
            std::thread::spawn(move || drop(all)).join().expect("the other thread ends well");
        })
        .join()
        .expect("the thread ends well");
    }
}
