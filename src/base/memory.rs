//! Memory: how much there is, and a fault before it runs out instead of the end of the process after.
//!
//! Linux gives memory away that it has not got and ends the process at the first touch, so asking first is what turns
//! `zeros(10^12)` into an error. Large things ask when they are made (`room`); what grows in small pieces, a tuple in a
//! loop say, is found by a thread that looks every now and then and asks the evaluation to stop.

use std::fs::read_to_string;
use std::sync::{Once, OnceLock};
use std::time::Duration;

use super::buffer::{human, trim};
use super::fault::Fault;
use super::interrupt;

/// Smaller things are made without asking.
const LARGE: usize = 32 << 20;
/// How often the watching thread looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A fault where the machine has not that much memory for `what`.
pub fn room(bytes: usize, what: &str) -> Result<(), Fault> {
    if bytes < LARGE || bytes <= available() {
        return Ok(());
    }
    trim();
    if bytes <= available() {
        return Ok(());
    }
    Err(short(bytes, what))
}

/// An empty list with a place for `n`; a fault where there is none, small or large. What is pushed up to `n` needs no more.
pub fn list<T>(n: usize, what: &str) -> Result<Vec<T>, Fault> {
    let bytes = n.saturating_mul(size_of::<T>());
    room(bytes, what)?;
    let mut out = vec![];
    // A limit on addresses may be nearer than what is worth asking for.
    if out.try_reserve_exact(n).is_err() {
        trim();
        out.try_reserve_exact(n).map_err(|_| short(bytes, what))?;
    }
    Ok(out)
}

fn short(bytes: usize, what: &str) -> Fault {
    Fault::new(format!("not enough memory for {what} of {}", human(bytes)))
        .hint("make it smaller, or work on slices of it")
}

/// Appends; where that means a larger place for all of it, asks first.
pub fn push<T>(all: &mut Vec<T>, x: T) -> Result<(), Fault> {
    if all.len() == all.capacity() {
        room(2 * all.capacity() * size_of::<T>(), "a list")?;
    }
    all.push(x);
    Ok(())
}

/// Bytes that the system can still give this process: without swapping, within the limits of its group and its own.
pub fn available() -> usize {
    meminfo("MemAvailable:").min(group_room()).min(address_room())
}

/// Bytes of memory in this machine, or that this process's group may have.
pub fn total() -> usize {
    static TOTAL: OnceLock<usize> = OnceLock::new();
    *TOTAL.get_or_init(|| meminfo("MemTotal:").min(group_limit().unwrap_or(usize::MAX)))
}

fn meminfo(field: &str) -> usize {
    let text = read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text.lines().find_map(|l| l.strip_prefix(field)?.trim().strip_suffix("kB")?.trim().parse::<usize>().ok());
    kib.map_or(isize::MAX as usize, |k| k * 1024)
}

/// What a container may use; `None` without a limit.
fn group_limit() -> Option<usize> {
    static LIMIT: OnceLock<Option<usize>> = OnceLock::new();
    *LIMIT.get_or_init(|| number_in("/sys/fs/cgroup/memory.max"))
}

fn group_room() -> usize {
    let Some(limit) = group_limit() else { return usize::MAX };
    let used = number_in("/sys/fs/cgroup/memory.current").unwrap_or(0);
    // Pages of files are given back when they are needed.
    let stat = read_to_string("/sys/fs/cgroup/memory.stat").unwrap_or_default();
    let cached = stat.lines().find_map(|l| l.strip_prefix("inactive_file ")?.parse::<usize>().ok()).unwrap_or(0);
    limit.saturating_sub(used.saturating_sub(cached))
}

fn number_in(path: &str) -> Option<usize> {
    read_to_string(path).ok()?.trim().parse().ok()
}

/// What `ulimit -v` leaves.
fn address_room() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes the struct it is given.
    let done = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) };
    if done != 0 || limit.rlim_cur == libc::RLIM_INFINITY {
        return usize::MAX;
    }
    (limit.rlim_cur as usize).saturating_sub(statm(0))
}

/// Bytes of this process: field 0 is its addresses, field 1 what is in memory.
fn statm(field: usize) -> usize {
    let text = read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(field).and_then(|n| n.parse::<usize>().ok()).map_or(0, |pages| pages * page())
}

/// Bytes of a page: 4096 on x86, up to 64 KB on ARM.
fn page() -> usize {
    // SAFETY: it only asks.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Starts the thread that stops an evaluation which is about to use up the memory; once in a process.
pub fn watch() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // Without the thread large things still ask.
        let _ = std::thread::Builder::new().name("memory".into()).stack_size(128 << 10).spawn(look);
    });
}

fn look() {
    loop {
        std::thread::sleep(PAUSE);
        // A cheap look first: a small process cannot be the reason.
        let used = statm(1);
        if used < 256 << 20 {
            continue;
        }
        let left = available();
        if left < total() / 32 && left < used / 2 {
            interrupt::ask_for_memory();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_is_a_fault() {
        assert!(room(1 << 10, "a text").is_ok());
        let fault = room(1 << 60, "a text").expect_err("no machine has that");
        assert!(fault.message.starts_with("not enough memory for a text of 1.2 EB"), "{fault}");
        assert!(available() <= total());
    }
}
