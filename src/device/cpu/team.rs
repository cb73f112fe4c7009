//! The team: threads that wait for the next piece of work by looking, not by sleeping.
//!
//! In: a number of pieces and a function of a piece. Out: every piece done once, by the caller and whoever of the team
//! comes in time. A pool that sleeps between jobs costs some 20 µs a job (measured), more than most kernels on arrays
//! that fit the caches; a helper that looks at one shared word joins in a few hundred nanoseconds. Helpers
//! look for `AWAKE` and then sleep, so an idle program uses no CPU; waking them costs tens of microseconds, and is
//! only done for work that is worth it.
//!
//! A helper that is woken on the caller's own core only takes time from it. It moves to another one, also where that is busy;
//! where there is none it sleeps again at once, and the next waking waits until more work has been done alone. (It used to look
//! for work there: every second kernel of 20 µs took 120.)
//!
//! Who does what: each has a range of the pieces of its own, the same one every time, so that arrays that fit a core's
//! caches are found there by the next kernel. Who is done takes from the others' far ends.
//! TRIED: going through the pieces backwards in every second job (what was touched last is what the caches hold):
//! sums over memory took half as long again, nothing gained for sure.
//!
//! One job runs at a time: who finds the team busy (a kernel inside a piece of another, a second caller) works alone.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Mutex, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::base::trouble;

/// How long a helper looks for work before it sleeps.
const AWAKE: Duration = Duration::from_micros(100);
/// Looks between two looks at the clock.
const LOOKS: usize = 64;

/// Estimated nanoseconds of work for which helpers are woken: at first, and at most while they come in on the caller's core.
const WORTH_WAKING: usize = 50_000;
const WORTH_AT_MOST: usize = 3_200_000;

/// The door's word: the job's number above, then whether it may be joined, then how many helpers are in.
const OPEN: u64 = 1 << 16;
const INSIDE: u64 = OPEN - 1;
const JOB: u64 = OPEN << 1;

type Work<'a> = &'a (dyn Fn(usize) + Sync);

struct Team {
    door: AtomicU64,
    job: UnsafeCell<Job>,
    asleep: AtomicUsize,
    /// A piece panicked on a helper: the caller says so.
    broken: AtomicBool,
    /// What lanes met on helpers, for the caller.
    marks: AtomicU8,
    /// The core that the caller runs on.
    core: AtomicU32,
    /// What waking is worth now.
    patience: AtomicUsize,
    busy: Mutex<()>,
    crew: OnceLock<Crew>,
}

struct Crew {
    helpers: Vec<Thread>,
    /// What is left of everybody's range: the caller's first, then the helpers'.
    ranges: Box<[Range]>,
}

/// Pieces `low .. high`, in one word: low above. In a cache line of its own.
#[repr(align(64))]
struct Range(AtomicU64);

#[derive(Clone, Copy)]
struct Job {
    work: Option<Work<'static>>,
}

// SAFETY: `job` is written only while the door is shut and nobody is inside, and read only inside.
unsafe impl Sync for Team {}

static TEAM: Team = Team {
    door: AtomicU64::new(0),
    job: UnsafeCell::new(Job { work: None }),
    asleep: AtomicUsize::new(0),
    broken: AtomicBool::new(false),
    marks: AtomicU8::new(0),
    core: AtomicU32::new(NO_CORE),
    patience: AtomicUsize::new(WORTH_WAKING),
    busy: Mutex::new(()),
    crew: OnceLock::new(),
};

impl Range {
    fn set(&self, low: usize, high: usize) {
        self.0.store((low as u64) << 32 | high as u64, Relaxed);
    }

    /// The lowest piece that is left, or the highest.
    fn take(&self, highest: bool) -> Option<usize> {
        let mut now = self.0.load(Relaxed);
        loop {
            let (low, high) = (now >> 32, now & u32::MAX as u64);
            if low >= high {
                return None;
            }
            let (piece, rest) = if highest { (high - 1, now - 1) } else { (low, now + (1 << 32)) };
            match self.0.compare_exchange_weak(now, rest, Relaxed, Relaxed) {
                Ok(_) => return Some(piece as usize),
                Err(other) => now = other,
            }
        }
    }
}

/// Whether a helper is looking for work right now.
pub fn awake() -> bool {
    TEAM.crew.get().is_some_and(|crew| TEAM.asleep.load(Relaxed) < crew.helpers.len())
}

/// Estimated nanoseconds of work from which it pays to wake helpers now.
pub fn worth_waking() -> usize {
    TEAM.patience.load(Relaxed)
}

/// Where it is not known on which core a thread runs.
const NO_CORE: u32 = u32::MAX;

/// The core that this thread runs on, for now.
fn core() -> u32 {
    #[cfg(target_os = "linux")]
    // SAFETY: it only asks.
    let core = u32::try_from(unsafe { libc::sched_getcpu() }).unwrap_or(NO_CORE);
    #[cfg(not(target_os = "linux"))]
    let core = NO_CORE;
    core
}

/// Whether this helper has only the caller's core to run on.
fn is_in_the_way() -> bool {
    let core = core();
    core != NO_CORE && core == TEAM.core.load(Relaxed)
}

/// Moves this helper to any other core that the process may use; whether there is one.
fn leave_core() -> bool {
    #[cfg(target_os = "linux")]
    // SAFETY: sets of cores are plain bits; both calls only read or write one.
    let left = unsafe {
        let size = size_of::<libc::cpu_set_t>();
        let mut cores: libc::cpu_set_t = std::mem::zeroed();
        let caller = TEAM.core.load(Relaxed) as usize;
        // What the process may use, which is what its first thread may.
        let known = libc::sched_getaffinity(libc::getpid(), size, &raw mut cores) == 0;
        if known && caller < libc::CPU_SETSIZE as usize {
            libc::CPU_CLR(caller, &mut cores);
        }
        known && libc::CPU_COUNT(&cores) > 0 && libc::sched_setaffinity(0, size, &raw const cores) == 0
    };
    #[cfg(not(target_os = "linux"))]
    let left = false;
    left
}

/// Does every piece `i < count`, together with `threads - 1` helpers. `false`: the team was busy and nothing was done.
pub fn run(threads: usize, count: usize, work: Work) -> bool {
    let Ok(_mine) = TEAM.busy.try_lock() else { return false };
    if count > u32::MAX as usize {
        return false;
    }
    let crew = TEAM.crew.get_or_init(|| hire(threads.saturating_sub(1)));
    // SAFETY: the door is shut and everybody left: the last job ended so. The borrow outlives the job: `close` waits.
    unsafe {
        *TEAM.job.get() = Job { work: Some(std::mem::transmute::<Work<'_>, Work<'static>>(work)) };
    }
    let all = crew.ranges.len();
    for (k, range) in crew.ranges.iter().enumerate() {
        range.set(count * k / all, count * (k + 1) / all);
    }
    TEAM.core.store(core(), Relaxed);
    let number = (TEAM.door.load(Relaxed) & !(JOB - 1)).wrapping_add(JOB);
    TEAM.door.store(number | OPEN, SeqCst);
    if TEAM.asleep.load(SeqCst) > 0 {
        crew.helpers.iter().for_each(Thread::unpark);
    }
    let closing = Closing(crew);
    crew.pieces(work, 0);
    drop(closing);
    trouble::give(TEAM.marks.swap(0, Relaxed));
    assert!(!TEAM.broken.swap(false, Relaxed), "a piece of a kernel failed on another thread");
    true
}

/// Shuts the door and waits until everybody left, also if a piece panics: the job lives in the caller's frame.
struct Closing<'a>(&'a Crew);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        // A panic leaves pieces undone; nobody shall begin one now.
        self.0.ranges.iter().for_each(|range| range.set(0, 0));
        TEAM.door.fetch_and(!OPEN, AcqRel);
        let mut looks = 0u32;
        while TEAM.door.load(Acquire) & INSIDE != 0 {
            looks += 1;
            // A helper that lost its core finishes only if it gets one.
            if looks > 20_000 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

impl Crew {
    /// Pieces of one's own, then those that others have not come to.
    fn pieces(&self, work: Work, me: usize) {
        let all = self.ranges.len();
        for k in 0..all {
            let range = &self.ranges[(me + k) % all];
            while let Some(i) = range.take(k > 0) {
                work(i);
            }
        }
    }
}

fn hire(n: usize) -> Crew {
    let start = |i: usize| {
        let named = std::thread::Builder::new().name(format!("nevel-team-{i}"));
        named.spawn(move || help(i + 1)).ok().map(|handle| handle.thread().clone())
    };
    let helpers: Vec<Thread> = (0..n).map_while(start).collect();
    let ranges = (0..=helpers.len()).map(|_| Range(AtomicU64::new(0))).collect();
    Crew { helpers, ranges }
}

fn help(me: usize) {
    let mut seen = 0;
    loop {
        let Some(number) = wait(seen) else { continue };
        seen = number;
        if TEAM.patience.load(Relaxed) != WORTH_WAKING && !is_in_the_way() {
            TEAM.patience.store(WORTH_WAKING, Relaxed);
        }
        // SAFETY: the helper is inside, so the job is whole and stays until it leaves.
        let Job { work } = unsafe { *TEAM.job.get() };
        let leaving = Leaving;
        if let (Some(work), Some(crew)) = (work, TEAM.crew.get()) {
            // A panic is a fault of the house; it must not leave the door counted wrong.
            let all = || crew.pieces(work, me);
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(all));
            TEAM.broken.fetch_or(done.is_err(), Relaxed);
            TEAM.marks.fetch_or(trouble::take(), Relaxed);
        }
        drop(leaving);
    }
}

struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        TEAM.door.fetch_sub(1, AcqRel);
    }
}

/// Looks for a job that is not the last one, and goes in; its number. `None` after a sleep.
fn wait(seen: u64) -> Option<u64> {
    let since = Instant::now();
    let mut moved = false;
    loop {
        for _ in 0..LOOKS {
            if let Some(number) = enter(seen) {
                return Some(number);
            }
            std::hint::spin_loop();
        }
        if is_in_the_way() {
            if moved || !leave_core() {
                let _ = TEAM.patience.fetch_update(Relaxed, Relaxed, |p| Some((2 * p).min(WORTH_AT_MOST)));
                break;
            }
            moved = true;
        }
        if since.elapsed() > AWAKE {
            break;
        }
    }
    TEAM.asleep.fetch_add(1, SeqCst);
    // A job that came before this was counted does not wake anybody.
    let found = enter(seen);
    if found.is_none() {
        std::thread::park();
    }
    TEAM.asleep.fetch_sub(1, SeqCst);
    found
}

fn enter(seen: u64) -> Option<u64> {
    let mut door = TEAM.door.load(SeqCst);
    while door & OPEN != 0 && door & !(JOB - 1) != seen {
        match TEAM.door.compare_exchange_weak(door, door + 1, AcqRel, Acquire) {
            Ok(_) => return Some(door & !(JOB - 1)),
            Err(now) => door = now,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once_whoever_does_it() {
        for round in 0..2000 {
            let count = round % 37 + 1;
            let done: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            let work = |i: usize| {
                done[i].fetch_add(1, Relaxed);
            };
            if !run(3, count, &work) {
                (0..count).for_each(work);
            }
            assert!(done.iter().all(|d| d.load(Relaxed) == 1));
            if round % 500 == 0 {
                std::thread::sleep(AWAKE * 3);
            }
        }
    }
}
