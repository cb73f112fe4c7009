//! Positions of the largest or smallest element of each row.

use super::{Folds, Target};
use crate::base::{Elem, Result};
use crate::device::Memory;
use crate::device::cpu::block::{Frame, with_frame};
use crate::device::cpu::tasks;
use crate::graph::Fold;

impl Folds {
    /// Positions of the largest or smallest: row by row.
    pub(super) fn positions(&self, memory: &Memory) -> Result<()> {
        let (rows, n) = (self.outer, self.folded);
        tasks::run(rows, self.cost(), |row| {
            with_frame(|frame| {
                for o in &self.outs {
                    // SAFETY: each task writes its own row.
                    unsafe {
                        let at = crate::dispatch!(o.dtype, T => self.position::<T>(memory, frame, o, row * n));
                        *memory.pointer(o.slot, 8).cast::<i64>().add(row) = at;
                    }
                }
            });
        })
    }

    /// # Safety
    /// `T` is the type of the values.
    unsafe fn position<T: Elem + PartialOrd>(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        o: &Target,
        from: usize,
    ) -> i64 {
        let to = from + self.folded;
        let mut best: Option<(T, usize)> = None;
        let mut start = from;
        while start < to {
            let n = self.code.block(start, to);
            // SAFETY: within the domain.
            unsafe { self.code.run(memory, frame, start, n, &[]) };
            let at = frame.at[o.reg as usize].cast::<T>();
            for k in 0..n {
                // SAFETY: the register holds n elements, or one where single.
                let x = unsafe { *at.add(if frame.single[o.reg as usize] { 0 } else { k }) };
                let is_nan = |x: T| x.partial_cmp(&x).is_none();
                let wins = match best {
                    None => true,
                    Some((b, _)) if is_nan(b) => false,
                    Some((b, _)) => is_nan(x) || if o.fold == Fold::ArgMax { x > b } else { x < b },
                };
                if wins {
                    best = Some((x, start + k - from));
                }
            }
            start += n;
        }
        best.map_or(0, |(_, i)| i as i64)
    }
}
