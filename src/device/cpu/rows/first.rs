//! The first stage of rows, where it only sums them where they lie and later stages ask for sums about a value: of several rows at once,
//! because memory is read faster in more than one place, with the sums about a pivot.
//!
//! In: a stage with one sum of an operand in memory. Out: its value for each of some rows, and their blocks' sums about pivots. Then the
//! other stages take these rows one by one, from the caches, or all at once where they read no elements.
//!
//! TRIED: the largest of eight rows of a softmax at once: nothing gained, for the exponentials ask for the next row themselves.

use smallvec::SmallVec;

use super::about::{self, About};
use super::stages::{Level, Staged};
use crate::device::Memory;
use crate::device::cpu::block::{BLOCK, Code, Frame};
use crate::device::cpu::fold::{Functions, pairwise};
use crate::device::cpu::simd::{Pivoted, SIDES};
use crate::plan::{Kernel, Reg};

pub struct First {
    x: Reg,
    /// The word where the fold's value belongs.
    at: usize,
    functions: Functions,
    about: About,
    /// Rows that are folded at once.
    pub sides: usize,
    /// Later stages read no elements.
    pub once: bool,
}

/// What the first stage of a row made.
#[derive(Clone, Copy)]
pub struct Folded<'a> {
    value: u64,
    /// Its blocks' sums about pivots, where later stages ask for them.
    blocks: &'a [Pivoted],
}

/// Some rows: the first one, how many, and how many rows from one to the next.
#[derive(Clone, Copy)]
struct These {
    row: usize,
    count: usize,
    apart: usize,
}

impl First {
    /// Takes the folds out of later stages that are had from the first one's reading. `rows` of n elements.
    pub fn take(staged: &mut Staged, kernel: &Kernel, code: &Code, rows: usize, n: usize) -> Option<First> {
        /// What is read by nobody else is as well read in one place.
        const FAR: usize = 2 << 20;
        /// Bytes of rows that are still in a second cache when later stages read them.
        const NEAR: usize = 256 << 10;
        let [stage, _, ..] = &staged.stages[..] else { return None };
        let [fold] = &stage.folds[..] else { return None };
        let (x, functions, made) = (fold.arg, fold.functions, fold.made.is_some());
        let Level::Row { at, .. } = staged.level[fold.result as usize] else { return None };
        let lies = code.loads.get(x as usize).is_some_and(|l| l.contiguous);
        if made || !lies || !stage.steps.is_empty() || !stage.outs.is_empty() {
            return None;
        }
        let (sides, _) = functions.segments?;
        let about = if about::is_sum(kernel, fold.result) { about::take(staged, kernel, code)? } else { return None };
        let is_row = |reg: Reg| matches!(staged.level[reg as usize], Level::Row { .. });
        let once = about.is_all(&staged.stages[1..]) && staged.outs.iter().all(|o| o.row && is_row(o.reg));
        let row = n * functions.size;
        let pays = rows * row > FAR && (once || sides * row <= NEAR);
        Some(First { x, at, functions, about, sides: if pays { sides } else { 1 }, once })
    }

    /// Folds rows `from .. to`, of n elements; `each` gets row by row what that made, some at a time, in any order.
    ///
    /// # Safety
    /// The rows are there.
    pub unsafe fn one_by_one(
        &self,
        code: &Code,
        memory: &Memory,
        n: usize,
        rows: std::ops::Range<usize>,
        mut each: impl FnMut(usize, Folded),
    ) {
        let blocks = n.div_ceil(BLOCK);
        let mut values = [0u64; SIDES];
        let mut pivoted = vec![Pivoted::default(); self.sides * blocks];
        for these in self.cut(rows) {
            // SAFETY: the caller's; there is room for `sides` of each.
            unsafe {
                self.fold(code, memory, n, these, values.as_mut_ptr().cast(), 8, pivoted.as_mut_ptr(), blocks);
            }
            for (s, &value) in values[..these.count].iter().enumerate() {
                let blocks = &pivoted[s * blocks..][..blocks];
                each(these.row + s * these.apart, Folded { value, blocks });
            }
        }
    }

    /// Folds rows `from .. to`, of n elements, their values to where they belong, side by side.
    ///
    /// # Safety
    /// The rows are there, and room for as many values.
    pub unsafe fn together(
        &self,
        code: &Code,
        memory: &Memory,
        frame: &mut Frame,
        n: usize,
        rows: std::ops::Range<usize>,
        pivoted: &mut Vec<Pivoted>,
    ) {
        let (blocks, size) = (n.div_ceil(BLOCK), self.functions.size);
        pivoted.clear();
        pivoted.resize(blocks * rows.len(), Pivoted::default());
        let values = frame.room(self.at);
        for these in self.cut(rows.clone()) {
            let at = these.row - rows.start;
            // SAFETY: the caller's.
            unsafe {
                let (to, about) = (values.add(at * size), pivoted.as_mut_ptr().add(at * blocks));
                self.fold(code, memory, n, these, to, these.apart * size, about, these.apart * blocks);
            }
        }
    }

    /// Cuts rows into what is folded at once: some from stretches as long as each other, then what is left.
    fn cut(&self, rows: std::ops::Range<usize>) -> impl Iterator<Item = These> + use<> {
        let (count, apart) = (self.sides, rows.len() / self.sides);
        let beside = (rows.start..rows.start + apart).map(move |row| These { row, count, apart });
        beside.chain((rows.start + count * apart..rows.end).map(|row| These { row, count: 1, apart: 0 }))
    }

    /// Folds rows of n elements. Their values are `step` bytes apart, what they have about pivots as many blocks as said.
    ///
    /// # Safety
    /// The rows are there, and room for what they make.
    #[allow(clippy::too_many_arguments)]
    unsafe fn fold(
        &self,
        code: &Code,
        memory: &Memory,
        n: usize,
        these: These,
        values: *mut u8,
        step: usize,
        pivoted: *mut Pivoted,
        blocks: usize,
    ) {
        let (f, size) = (&self.functions, self.functions.size);
        let Some(base) = code.in_place(memory, self.x) else { return };
        // SAFETY: the caller's.
        unsafe {
            let (at, apart) = (base.add(these.row * n * size), these.apart * n * size);
            let by = match these.count {
                1 => self.about.lanes.alone,
                SIDES => self.about.lanes.asking,
                _ => self.about.lanes.unasked,
            };
            for (k, start) in (0..n).step_by(BLOCK).enumerate() {
                let mut some = [Pivoted::default(); SIDES];
                by(at.add(start * size), apart, BLOCK.min(n - start), some.as_mut_ptr());
                for (s, one) in some[..these.count].iter().enumerate() {
                    *pivoted.add(s * blocks + k) = *one;
                }
            }
            for s in 0..these.count {
                let row = std::slice::from_raw_parts(pivoted.add(s * blocks), n.div_ceil(BLOCK));
                let mut sums: SmallVec<[u64; 16]> = row.iter().map(|block| block.sum).collect();
                pairwise(f, &mut sums, values.add(s * step));
            }
        }
    }

    /// Puts what a row's first stage made where the others look for it.
    pub fn put(&self, frame: &mut Frame, folded: Folded) {
        let value = folded.value;
        // SAFETY: there is room for a value of the row.
        unsafe {
            std::ptr::copy_nonoverlapping((&raw const value).cast(), frame.room(self.at), self.functions.size);
        }
    }

    /// Puts the values of some rows there that are about what a later stage knows now; all their blocks' sums, row after row.
    pub fn put_about(&self, staged: &Staged, frame: &mut Frame, stage: usize, n: usize, blocks: &[Pivoted]) {
        let of = |k: usize| BLOCK.min(n - k * BLOCK);
        // SAFETY: there is room for a value of each row.
        unsafe { self.about.rows(staged, frame, stage, n.div_ceil(BLOCK), of, blocks) };
    }
}

impl Folded<'_> {
    pub fn blocks(&self) -> &[Pivoted] {
        self.blocks
    }
}
