//! The team: threads that wait for the next piece of work by looking, not by sleeping.
//!
//! In: a number of pieces and a function of a piece. Out: every piece done once, by the caller and whoever of the team
//! comes in time. A pool that sleeps between jobs costs some 20 µs a job (measured), more than most kernels on arrays
//! that fit the caches; a helper that looks at one shared word joins in a few hundred nanoseconds. Helpers
//! look for `AWAKE` and then sleep, so an idle program uses no CPU; waking them costs tens of microseconds, and is
//! only done for work that is worth it.
//!
//! One job runs at a time: who finds the team busy (a kernel inside a piece of another, a second caller) works alone.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Mutex, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::base::trouble;

/// How long a helper looks for work before it sleeps.
const AWAKE: Duration = Duration::from_micros(100);
/// Looks between two looks at the clock.
const LOOKS: usize = 64;

/// The door's word: the job's number above, then whether it may be joined, then how many helpers are in.
const OPEN: u64 = 1 << 16;
const INSIDE: u64 = OPEN - 1;
const JOB: u64 = OPEN << 1;

type Work<'a> = &'a (dyn Fn(usize) + Sync);

struct Team {
    door: AtomicU64,
    job: UnsafeCell<Job>,
    next: AtomicUsize,
    asleep: AtomicUsize,
    /// Helpers are to sleep at once: another pool needs the cores.
    rest: AtomicBool,
    /// A piece panicked on a helper: the caller says so.
    broken: AtomicBool,
    /// What lanes met on helpers, for the caller.
    marks: AtomicU8,
    busy: Mutex<()>,
    helpers: OnceLock<Vec<Thread>>,
}

#[derive(Clone, Copy)]
struct Job {
    work: Option<Work<'static>>,
    count: usize,
}

// SAFETY: `job` is written only while the door is shut and nobody is inside, and read only inside.
unsafe impl Sync for Team {}

static TEAM: Team = Team {
    door: AtomicU64::new(0),
    job: UnsafeCell::new(Job { work: None, count: 0 }),
    next: AtomicUsize::new(0),
    asleep: AtomicUsize::new(0),
    rest: AtomicBool::new(false),
    broken: AtomicBool::new(false),
    marks: AtomicU8::new(0),
    busy: Mutex::new(()),
    helpers: OnceLock::new(),
};

/// Whether a helper is looking for work right now.
pub fn awake() -> bool {
    TEAM.helpers.get().is_some_and(|h| TEAM.asleep.load(Relaxed) < h.len())
}

/// Sends the helpers to sleep, before another pool uses the cores.
pub fn rest() {
    if awake() {
        TEAM.rest.store(true, Relaxed);
    }
}

/// Does every piece `i < count`, together with `threads - 1` helpers. `false`: the team was busy and nothing was done.
pub fn run(threads: usize, count: usize, work: Work) -> bool {
    let Ok(_mine) = TEAM.busy.try_lock() else { return false };
    let helpers = TEAM.helpers.get_or_init(|| hire(threads.saturating_sub(1)));
    // SAFETY: the door is shut and everybody left: the last job ended so. The borrow outlives the job: `close` waits.
    unsafe {
        *TEAM.job.get() = Job { work: Some(std::mem::transmute::<Work<'_>, Work<'static>>(work)), count };
    }
    TEAM.next.store(0, Relaxed);
    TEAM.rest.store(false, Relaxed);
    let number = (TEAM.door.load(Relaxed) & !(JOB - 1)).wrapping_add(JOB);
    TEAM.door.store(number | OPEN, SeqCst);
    if TEAM.asleep.load(SeqCst) > 0 {
        helpers.iter().for_each(Thread::unpark);
    }
    let closing = Closing;
    pieces(work, count);
    drop(closing);
    trouble::give(TEAM.marks.swap(0, Relaxed));
    assert!(!TEAM.broken.swap(false, Relaxed), "a piece of a kernel failed on another thread");
    true
}

/// Shuts the door and waits until everybody left, also if a piece panics: the job lives in the caller's frame.
struct Closing;

impl Drop for Closing {
    fn drop(&mut self) {
        // A panic leaves pieces undone; nobody shall begin one now.
        TEAM.next.fetch_max(usize::MAX / 2, Relaxed);
        TEAM.door.fetch_and(!OPEN, AcqRel);
        let mut looks = 0u32;
        while TEAM.door.load(Acquire) & INSIDE != 0 {
            looks += 1;
            // A helper that lost its core finishes only if it gets one.
            if looks > 20_000 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

fn pieces(work: Work, count: usize) {
    loop {
        let i = TEAM.next.fetch_add(1, Relaxed);
        if i >= count {
            return;
        }
        work(i);
    }
}

fn hire(n: usize) -> Vec<Thread> {
    let start = |i: usize| {
        let named = std::thread::Builder::new().name(format!("nevel-team-{i}"));
        named.spawn(help).ok().map(|handle| handle.thread().clone())
    };
    (0..n).map_while(start).collect()
}

fn help() {
    let mut seen = 0;
    loop {
        let Some(number) = wait(seen) else { continue };
        seen = number;
        // SAFETY: the helper is inside, so the job is whole and stays until it leaves.
        let Job { work, count } = unsafe { *TEAM.job.get() };
        let leaving = Leaving;
        if let Some(work) = work {
            // A panic is a fault of the house; it must not leave the door counted wrong.
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pieces(work, count)));
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
    loop {
        for _ in 0..LOOKS {
            if let Some(number) = enter(seen) {
                return Some(number);
            }
            std::hint::spin_loop();
        }
        if TEAM.rest.load(Relaxed) || since.elapsed() > AWAKE {
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
