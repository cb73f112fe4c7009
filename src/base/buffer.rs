//! Storage: pooled, 64-byte-aligned bytes.
//!
//! A freed buffer goes back to a pool of its size class, so that a loop that makes the same temporaries again neither
//! faults pages in nor asks the system. Fresh large buffers ask for huge pages (first-touch faults of 4 KiB pages
//! cost more than the work that follows; figures in `docs/performance.md`).
//!
//! A buffer is one value that may lie in two places: here, or away in the memory of a device (`Remote`), or both. What
//! is only away comes here when somebody asks for its bytes; since values never change, both copies stay good.

use std::alloc::{Layout, alloc, dealloc};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicUsize, fence};

use super::copy;
use super::elem::Elem;
use super::fault::Fault;
use super::interrupt;
use super::memory::available;

const ALIGN: usize = 64;
const SMALL: usize = 64 << 10;
/// What a thread keeps of one small class, in bytes: of memory, and of buffers that were let go whole.
const SMALL_CAP: usize = 1 << 19;
/// Small classes: powers of two from 64 bytes.
const CLASSES: usize = SMALL.trailing_zeros() as usize - 5;
const HUGE: usize = 2 << 20;
/// What the pool may keep idle, in bytes.
const POOL_CAP: usize = 1 << 30;

/// Aligned bytes of one array. Shared by `Arc`; written only by whoever holds it alone, or while a kernel makes it.
pub struct Buffer {
    /// Null while the bytes are only on a device.
    ptr: AtomicPtr<u8>,
    bytes: AtomicUsize,
    class: usize,
    away: Mutex<Option<Arc<dyn Remote>>>,
    /// Whether a device ever had the bytes: asked where the lock would cost too much.
    travelled: AtomicBool,
}

/// The bytes of a buffer in the memory of a device.
pub trait Remote: Send + Sync {
    /// The number of the device's place.
    fn device(&self) -> u8;
    /// Copies the first `bytes` to `to`, which holds as many; waits for whatever still writes them.
    fn download(&self, to: *mut u8, bytes: usize) -> Result<(), Fault>;
    /// Whether the bytes were made there; else they are a copy of what the host has.
    fn is_made_there(&self) -> bool {
        true
    }
    /// For the device, to find its own kind again.
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

// SAFETY: a buffer is plain memory; who writes it has exclusive access by the rules above.
unsafe impl Send for Buffer {}
unsafe impl Sync for Buffer {}

static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
static IDLE: AtomicUsize = AtomicUsize::new(0);
static LARGE_POOL: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

thread_local! {
    static SMALL_POOL: RefCell<[Vec<NonNull<u8>>; CLASSES]> = const { RefCell::new([const { Vec::new() }; CLASSES]) };
    static SPARE: RefCell<Spare> = const { RefCell::new(Spare([const { Vec::new() }; CLASSES])) };
    static COUNT: Count = const { Count { now: Cell::new(0), high: Cell::new(0) } };
}

/// Small buffers that nobody holds, by class: the next one of that size is one of them as it is.
struct Spare([Vec<Arc<Buffer>>; CLASSES]);

impl Drop for Spare {
    fn drop(&mut self) {
        // What lies here is not counted, and each will be as it goes.
        self.0.iter().flatten().for_each(|buffer| count(buffer.class as isize));
    }
}

/// The bytes that a thread took, less those it gave back, since it last told; and the most they were. Telling at every
/// small buffer would cost as much as the buffer.
struct Count {
    now: Cell<isize>,
    high: Cell<isize>,
}

impl Count {
    #[cold]
    fn tell(&self) {
        let now = self.now.take();
        let before = LIVE.fetch_add(now, Relaxed);
        PEAK.fetch_max(before + self.high.take(), Relaxed);
    }
}

#[inline]
fn count(bytes: isize) {
    COUNT.with(|c| {
        let now = c.now.get() + bytes;
        c.now.set(now);
        c.high.set(c.high.get().max(now));
        if now.unsigned_abs() >= SMALL {
            c.tell();
        }
    });
}

/// The small class of some bytes, as the place of its lists.
#[inline]
fn small(class: usize) -> usize {
    class.trailing_zeros() as usize - 6
}

/// Small classes are powers of two from 64 bytes; larger ones keep three bits below the leading one, so at most 1/8 is lost.
fn class_of(bytes: usize) -> Option<usize> {
    if bytes <= SMALL {
        return Some(bytes.max(64).next_power_of_two());
    }
    let step = (bytes.next_power_of_two() >> 4).max(ALIGN);
    bytes.checked_next_multiple_of(step).filter(|&c| c <= isize::MAX as usize / 2)
}

impl Buffer {
    /// Uninitialised bytes; a fault where the machine has not that much memory.
    pub fn new(bytes: usize) -> Result<Arc<Buffer>, Fault> {
        let too_much = || {
            Fault::new(format!("not enough memory for an array of {}", human(bytes)))
                .hint("make it smaller, or work on slices of it")
        };
        let class = class_of(bytes).ok_or_else(too_much)?;
        if class <= SMALL
            && let Some(buffer) = SPARE.with(|s| s.borrow_mut().0[small(class)].pop())
        {
            buffer.bytes.store(bytes, Relaxed);
            count(class as isize);
            return Ok(buffer);
        }
        let ptr = memory_of(class).ok_or_else(too_much)?;
        Ok(Arc::new(Buffer {
            ptr: AtomicPtr::new(ptr.as_ptr()),
            bytes: AtomicUsize::new(bytes),
            class,
            away: Mutex::new(None),
            travelled: AtomicBool::new(false),
        }))
    }

    /// Whether nobody but the caller has these bytes, here or on a device: they may be written over.
    #[inline]
    pub fn is_alone(buffer: &Arc<Buffer>) -> bool {
        let alone = Arc::strong_count(buffer) == 1;
        // Whoever let go of it last did so after reading it, and after whatever sent it on its way: a processor that reads out of
        // order looks there only now.
        fence(Acquire);
        alone && !buffer.travelled.load(Relaxed) && buffer.is_here()
    }

    /// Lets go of a buffer; a small one that nobody else holds is kept whole for the next of its size.
    #[inline]
    pub fn let_go(buffer: Arc<Buffer>) {
        if buffer.class > SMALL || !Buffer::is_alone(&buffer) {
            return;
        }
        let class = buffer.class;
        // The lists of a thread that is ending are gone.
        let _ = SPARE.try_with(|s| {
            let list = &mut s.borrow_mut().0[small(class)];
            if list.len() * class < SMALL_CAP {
                list.push(buffer);
                count(-(class as isize));
            }
        });
    }

    /// A buffer whose bytes are on a device and nowhere else.
    pub fn away_only(bytes: usize, remote: Arc<dyn Remote>) -> Arc<Buffer> {
        let class = class_of(bytes).unwrap_or(bytes);
        Arc::new(Buffer {
            ptr: AtomicPtr::new(null_mut()),
            bytes: AtomicUsize::new(bytes),
            class,
            away: Mutex::new(Some(remote)),
            travelled: AtomicBool::new(true),
        })
    }

    /// Its bytes on a device, if they are on one.
    pub fn away(&self) -> Option<Arc<dyn Remote>> {
        self.away.lock().ok()?.clone()
    }

    /// Keeps the same bytes on a device; they must be here, or on their way to it.
    pub fn keep_away(&self, remote: Arc<dyn Remote>) {
        self.travelled.store(true, Relaxed);
        if let Ok(mut away) = self.away.lock() {
            *away = Some(remote);
        }
    }

    /// Brings the bytes here and forgets what a device has: they are about to be written.
    pub fn come_home(&self) -> Result<(), Fault> {
        self.fetch()?;
        if let Ok(mut away) = self.away.lock() {
            *away = None;
        }
        Ok(())
    }

    /// Whether the bytes are in this memory.
    #[inline]
    pub fn is_here(&self) -> bool {
        !self.ptr.load(Relaxed).is_null()
    }

    /// Brings the bytes here, if they are only on a device.
    pub fn fetch(&self) -> Result<(), Fault> {
        if self.is_here() {
            return Ok(());
        }
        let lost = || Fault::new("internal: a buffer's bytes are nowhere");
        let away = self.away.lock().map_err(|_| lost())?;
        // Somebody may have been faster.
        if self.is_here() {
            return Ok(());
        }
        let remote = away.as_ref().ok_or_else(lost)?;
        let ptr = memory_of(self.class).ok_or_else(|| {
            Fault::new(format!("not enough memory to bring an array of {} to the host", human(self.bytes())))
        })?;
        if let Err(fault) = remote.download(ptr.as_ptr(), self.bytes()) {
            count(-(self.class as isize));
            give_back(ptr, self.class);
            return Err(fault);
        }
        self.ptr.store(ptr.as_ptr(), Release);
        Ok(())
    }

    /// Everybody who can return a fault has called `fetch` before; what is left is a device that went away meanwhile.
    #[cold]
    fn fetched(&self) -> *mut u8 {
        if let Err(fault) = self.fetch() {
            panic!("{fault}");
        }
        self.ptr.load(Acquire)
    }

    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// Where its bytes are; brings them here first if they are on a device.
    #[inline]
    pub fn ptr(&self) -> *mut u8 {
        let ptr = self.ptr.load(Acquire);
        if ptr.is_null() { self.fetched() } else { ptr }
    }

    /// The whole buffer as elements of `T`.
    pub fn as_slice<T: Elem>(&self) -> &[T] {
        // SAFETY: aligned to 64, holds `bytes` bytes, and every buffer is filled before it is shared.
        unsafe { std::slice::from_raw_parts(self.ptr().cast(), self.bytes() / size_of::<T>()) }
    }

    /// All of its bytes.
    pub fn as_slice_of_bytes(&self) -> &[u8] {
        // SAFETY: it holds `bytes` bytes, and every buffer is filled before it is shared.
        unsafe { std::slice::from_raw_parts(self.ptr(), self.bytes()) }
    }

    /// The whole buffer as elements of `T`, to fill it while nobody else has it.
    pub fn as_mut_slice<T: Elem>(&mut self) -> &mut [T] {
        let ptr = self.ptr();
        // What a device has is the old value from now on.
        if let Ok(away) = self.away.get_mut() {
            *away = None;
        }
        // SAFETY: as above, and `&mut self` says that nobody else looks.
        unsafe { std::slice::from_raw_parts_mut(ptr.cast(), self.bytes() / size_of::<T>()) }
    }

    /// A buffer holding a copy of `data`.
    pub fn from_slice<T: Elem>(data: &[T]) -> Result<Arc<Buffer>, Fault> {
        let buffer = Buffer::new(size_of_val(data))?;
        // In pieces, for Ctrl-C: fresh memory comes at a gigabyte a second on some machines.
        for (i, piece) in data.chunks(PIECE).enumerate() {
            if i > 0 {
                interrupt::check()?;
            }
            // SAFETY: fresh, long enough, nobody else has it.
            unsafe {
                let to = buffer.ptr().cast::<T>().add(i * PIECE);
                copy(piece.as_ptr(), to, piece.len());
            }
        }
        Ok(buffer)
    }
}

/// Elements that are copied between two looks at whether somebody asked to stop.
const PIECE: usize = 1 << 20;

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(ptr) = NonNull::new(*self.ptr.get_mut()) {
            count(-(self.class as isize));
            give_back(ptr, self.class);
        }
    }
}

/// Memory of a class, counted as live.
fn memory_of(class: usize) -> Option<NonNull<u8>> {
    let ptr = match take_pooled(class) {
        Some(ptr) => ptr,
        None => fresh(class)?,
    };
    count(class as isize);
    Some(ptr)
}

fn take_pooled(class: usize) -> Option<NonNull<u8>> {
    if class <= SMALL {
        return SMALL_POOL.with(|p| p.borrow_mut()[small(class)].pop());
    }
    let mut pool = LARGE_POOL.lock().ok()?;
    let at = pool.iter().rposition(|&(c, _)| c == class)?;
    let (_, ptr) = pool.swap_remove(at);
    IDLE.fetch_sub(class, Relaxed);
    NonNull::new(ptr as *mut u8)
}

fn give_back(ptr: NonNull<u8>, class: usize) {
    if class <= SMALL {
        // The pool of a thread that is ending is gone; then the memory goes back to the system.
        let kept = SMALL_POOL.try_with(|p| {
            let list = &mut p.borrow_mut()[small(class)];
            let room = list.len() * class < SMALL_CAP;
            if room {
                list.push(ptr);
            }
            room
        });
        if kept != Ok(true) {
            release(ptr, class);
        }
        return;
    }
    if IDLE.load(Relaxed) + class <= POOL_CAP
        && let Ok(mut pool) = LARGE_POOL.lock()
    {
        IDLE.fetch_add(class, Relaxed);
        pool.push((class, ptr.as_ptr() as usize));
        return;
    }
    release(ptr, class);
}

/// Gives the idle memory of the pool back to the system.
pub fn trim() {
    let all = LARGE_POOL.lock().map(|mut p| std::mem::take(&mut *p)).unwrap_or_default();
    for (class, ptr) in all {
        IDLE.fetch_sub(class, Relaxed);
        if let Some(ptr) = NonNull::new(ptr as *mut u8) {
            release(ptr, class);
        }
    }
}

fn memory_layout(class: usize) -> Option<Layout> {
    Layout::from_size_align(class, if class >= HUGE { HUGE } else { ALIGN }).ok()
}

fn fresh(class: usize) -> Option<NonNull<u8>> {
    if class >= HUGE && class > available() {
        trim();
        if class > available() {
            return None;
        }
    }
    // SAFETY: the size is not zero.
    let ptr = NonNull::new(unsafe { alloc(memory_layout(class)?) })?;
    #[cfg(target_os = "linux")]
    if class >= HUGE {
        // SAFETY: the range is ours; the call is advice.
        unsafe { libc::madvise(ptr.as_ptr().cast(), class, libc::MADV_HUGEPAGE) };
    }
    Some(ptr)
}

fn release(ptr: NonNull<u8>, class: usize) {
    if let Some(layout) = memory_layout(class) {
        // SAFETY: allocated by `fresh` with this very layout.
        unsafe { dealloc(ptr.as_ptr(), layout) };
    }
}

/// Bytes of arrays alive now, and the most there ever were since `reset_peak`.
pub fn live_and_peak() -> (usize, usize) {
    COUNT.with(Count::tell);
    (LIVE.load(Relaxed).max(0) as usize, PEAK.load(Relaxed).max(0) as usize)
}

pub fn reset_peak() {
    COUNT.with(Count::tell);
    PEAK.store(LIVE.load(Relaxed), Relaxed);
}

/// `80 MB`: bytes for a person.
pub fn human(bytes: usize) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut x, mut unit) = (bytes as f64, 0);
    while x >= 999.5 && unit + 1 < units.len() {
        x /= 1000.0;
        unit += 1;
    }
    if x >= 10.0 || unit == 0 { format!("{x:.0} {}", units[unit]) } else { format!("{x:.1} {}", units[unit]) }
}
