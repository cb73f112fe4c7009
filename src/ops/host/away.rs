//! Work away from the evaluating thread: what does not look for Ctrl-C itself, and takes long.
//!
//! In: a number of pieces of work, each owning handles on what it reads and writes. Out: they are done, or the fault of
//! the first that failed. The evaluating thread waits and looks for Ctrl-C; when asked to stop it leaves. A piece that
//! is under way then runs to its end behind everybody's back, sees that nobody waits, and its memory goes with it.
//! The threads are no pool's, so that what is left behind holds up nothing that comes after.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use crate::base::{Fault, Result, interrupt};

/// How long Ctrl-C may go unseen.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs `work(k)` for every `k < count`, on as many threads as kernels have.
pub fn away(count: usize, work: impl Fn(usize) -> Result<()> + Send + Sync + 'static) -> Result<()> {
    let next = Arc::new((AtomicUsize::new(0), work));
    let (tell, told) = channel();
    for _ in 0..count.min(rayon::current_num_threads()) {
        let (next, tell) = (next.clone(), tell.clone());
        let run = move || {
            take(count, &next.0, &next.1, &tell);
            // Whoever waits is told last, when nothing is held here any more.
            drop(next);
            drop(tell);
        };
        Builder::new().name("nevel-away".into()).spawn(run).map_err(|e| Fault::new(format!("no thread: {e}")))?;
    }
    drop((next, tell));
    let (mut done, mut first) = (0, None::<(usize, Fault)>);
    loop {
        match told.recv_timeout(PAUSE) {
            Ok((k, result)) => {
                done += 1;
                if let Err(fault) = result
                    && first.as_ref().is_none_or(|(at, _)| k < *at)
                {
                    first = Some((k, fault));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        interrupt::check()?;
    }
    match first {
        Some((_, fault)) => Err(fault),
        None if done < count => Err(Fault::new("internal: work ended before it was done")),
        None => Ok(()),
    }
}

/// Takes one piece after the other, until none is left or nobody waits.
fn take(count: usize, next: &AtomicUsize, work: &impl Fn(usize) -> Result<()>, tell: &Sender<(usize, Result<()>)>) {
    loop {
        let k = next.fetch_add(1, Relaxed);
        if k >= count || tell.send((k, work(k))).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_done_once_and_the_first_fault_counts() {
        let sums: Arc<Vec<AtomicUsize>> = Arc::new((0..100).map(|_| AtomicUsize::new(0)).collect());
        let seen = sums.clone();
        away(100, move |k| {
            seen[k].fetch_add(1, Relaxed);
            Ok(())
        })
        .unwrap();
        assert!(sums.iter().all(|s| s.load(Relaxed) == 1) && Arc::strong_count(&sums) == 1);
        let fails = away(50, |k| if k % 20 == 7 { Err(Fault::new(format!("piece {k}"))) } else { Ok(()) });
        assert_eq!(fails.unwrap_err().message, "piece 7");
        away(0, |_| Ok(())).unwrap();
    }
}
