//! Positions of the largest or smallest element of each row.
//!
//! A block's extreme value is found by vectors; only where it beats what came before is the block searched for its place.
//! Long rows are cut into chunks that threads share; the first of equal ones wins, as chunks are compared in order.

use super::runs::whole;
use super::{CHUNK, Folds, Target};
use crate::base::{Elem, Result};
use crate::device::Memory;
use crate::device::cpu::block::{Frame, with_frame};
use crate::device::cpu::tasks::{self, Shared};
use crate::graph::Fold;

/// An extreme value and where it stands first.
type Best<T> = (T, usize);

impl Folds {
    pub(super) fn positions(&self, memory: &Memory) -> Result<()> {
        self.outs.iter().try_for_each(|o| crate::dispatch!(o.dtype, T => self.positions_of::<T>(memory, o)))
    }

    fn positions_of<T: Elem + PartialOrd>(&self, memory: &Memory, o: &Target) -> Result<()> {
        let (rows, n) = (self.outer, self.folded);
        let chunks = n.div_ceil(CHUNK).max(1);
        // Short rows go together, so that handing over costs little.
        let together = if chunks == 1 { (CHUNK / n.max(1)).clamp(1, rows) } else { 1 };
        let mut found: Vec<Option<Best<T>>> = vec![None; rows * chunks];
        let into = Shared(found.as_mut_ptr());
        tasks::run((rows * chunks).div_ceil(together), self.cost(), |t| {
            with_frame(|frame| {
                for part in t * together..((t + 1) * together).min(rows * chunks) {
                    let (row, chunk) = (part / chunks, part % chunks);
                    let from = row * n + chunk * CHUNK;
                    let to = (from + CHUNK).min((row + 1) * n);
                    // SAFETY: each task writes its own parts.
                    unsafe { *into.get().add(part) = self.position::<T>(memory, frame, o, from, to) };
                }
            });
        })?;
        let out = memory.pointer(o.slot, 8).cast::<i64>();
        for (row, chunks) in found.chunks(chunks).enumerate() {
            let best = chunks.iter().flatten().copied().reduce(|a, b| if beats(o.fold, b.0, a.0) { b } else { a });
            // SAFETY: one position a row.
            unsafe { *out.add(row) = best.map_or(0, |(_, at)| (at - row * n) as i64) };
        }
        Ok(())
    }

    /// The best of positions `from .. to` of the domain.
    ///
    /// # Safety
    /// `T` is the type of the values.
    unsafe fn position<T: Elem + PartialOrd>(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        o: &Target,
        from: usize,
        to: usize,
    ) -> Option<Best<T>> {
        let mut best: Option<Best<T>> = None;
        let mut start = from;
        while start < to {
            let n = self.code.block(start, to);
            // SAFETY: within the domain; the register holds n elements, or one where single.
            unsafe {
                self.code.run(memory, frame, start, n, &[]);
                let all = whole(frame.at[o.reg as usize], frame.single[o.reg as usize], n, o.functions.size);
                let block = all.pointer().cast::<T>();
                let mut most = 0u64;
                (o.functions.segment)(block.cast(), n, (&raw mut most).cast());
                let most = (&raw const most).cast::<T>().read();
                if best.is_none_or(|(b, _)| beats(o.fold, most, b)) {
                    best = first_of(block, n, most).map(|k| (most, start + k)).or(best);
                }
            }
            start += n;
        }
        best
    }
}

/// Where a value stands first.
///
/// # Safety
/// There are n elements.
unsafe fn first_of<T: Elem + PartialOrd>(block: *const T, n: usize, value: T) -> Option<usize> {
    // So many are compared without a jump between.
    const SOME: usize = 32;
    // SAFETY: below n.
    let at = |k: usize| unsafe { block.add(k).read_unaligned() };
    if is_nan(value) {
        return (0..n).find(|&k| is_nan(at(k)));
    }
    let whole = (0..n / SOME).find(|i| (0..SOME).fold(false, |found, k| found | (at(i * SOME + k) == value)));
    (whole.map_or(n / SOME * SOME, |i| i * SOME)..n).find(|&k| at(k) == value)
}

fn is_nan<T: PartialOrd>(x: T) -> bool {
    x.partial_cmp(&x).is_none()
}

/// Whether a later value takes the place of an earlier one: a nan does, and nothing does where one is.
fn beats<T: PartialOrd + Copy>(fold: Fold, later: T, earlier: T) -> bool {
    !is_nan(earlier) && (is_nan(later) || if fold == Fold::ArgMax { later > earlier } else { later < earlier })
}
