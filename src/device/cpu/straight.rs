//! Straight code: maps whose loads lie in memory as the domain walks them, or are one number, as most do.
//!
//! In: a range of the domain. Out: its results, in memory. What `Code::run` finds anew for every block (where operands are, which
//! function, a divisor's reciprocal) is found once here; then blocks are calls, and places that move on.

use super::block::{BLOCK, Code, Frame, fill};
use super::call::Found;
use super::step::reach;
use crate::base::ahead;
use crate::device::Memory;
use crate::plan::{Inst, Reg};

/// A step with its operands found.
pub(super) struct Placed {
    found: Found,
    /// Bytes that each operand moves for an element: none where it is one number, or made anew for each block.
    moves: [usize; 3],
    to: *mut u8,
    to_moves: usize,
    asks: Option<Asked>,
}

/// A load that a function asks for, one block ahead, and the bytes of its elements.
struct Asked {
    at: *const u8,
    moves: usize,
}

/// Whether code after such loads is straight: all in place, and every output an element's.
pub(super) fn is_straight(single: &[bool], contiguous: &[bool], code: &[Inst], outputs: &[Reg]) -> bool {
    let reach = reach(single, code);
    let made =
        |(k, &o): (usize, &Reg)| o as usize >= single.len() && reach[o as usize] == 2 && !outputs[..k].contains(&o);
    single.iter().zip(contiguous).all(|(s, c)| *s || *c) && outputs.iter().enumerate().all(made)
}

impl Code {
    /// Computes elements `from..to`. Each output has its register, the place of the domain's first element and the bytes of
    /// one. `far`: what is written is asked for beforehand.
    ///
    /// # Safety
    /// The code is straight; memory holds what the loads address, and outputs the domain.
    pub unsafe fn run_straight(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        (from, to): (usize, usize),
        outs: &[(Reg, *mut u8, usize)],
        far: bool,
    ) {
        let most = self.straight_block(to - from);
        // SAFETY: the caller's.
        unsafe { self.place_steps(memory, frame, from, outs, most.min(to - from)) };
        let mut steps = std::mem::take(&mut frame.placed);
        let mut start = from;
        while start < to {
            let n = most.min(to - start);
            if far && !self.one_pass() {
                for &(_, base, size) in outs {
                    ahead::all_to_write(base.wrapping_add(start * size), n * size);
                }
            }
            for step in &mut steps {
                if let Some(asked) = &mut step.asks {
                    let next = asked.at.addr().wrapping_add(most * asked.moves);
                    step.found.ask(next.wrapping_sub(step.found.at[0].addr()));
                    asked.at = asked.at.wrapping_add(n * asked.moves);
                }
                // SAFETY: the caller's; registers hold a block.
                unsafe { step.found.run(step.to, n) };
                for (at, moves) in step.found.at.iter_mut().zip(step.moves) {
                    *at = at.wrapping_add(n * moves);
                }
                step.to = step.to.wrapping_add(n * step.to_moves);
            }
            start += n;
        }
        frame.placed = steps;
    }

    /// Elements of a block: the widest register has 8 KiB of them.
    fn straight_block(&self, n: usize) -> usize {
        if self.one_pass() {
            return n;
        }
        BLOCK * size_of::<u64>() / self.widest
    }

    /// Finds the steps over elements, from element `from` on; what is one number is computed.
    ///
    /// # Safety
    /// As `run_straight`, and the range is not empty.
    unsafe fn place_steps(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        from: usize,
        outs: &[(Reg, *mut u8, usize)],
        n: usize,
    ) {
        let repeats: usize = self.steps.iter().map(|s| if s.takes_any_length() { 0 } else { s.args.len() }).sum();
        frame.prepare_for(self.sizes.len(), self.scratch, repeats * BLOCK);
        frame.placed.clear();
        frame.moves.clear();
        frame.moves.resize(self.sizes.len(), 0);
        for (r, load) in self.loads.iter().enumerate() {
            frame.single[r] = load.single;
            let base = if load.single { None } else { self.in_place(memory, r as Reg) };
            frame.at[r] = match base {
                Some(base) => {
                    frame.moves[r] = self.sizes[r];
                    base.wrapping_add(from * self.sizes[r])
                }
                None => self.single_at(memory, r),
            };
        }
        let mut rooms = 0;
        for step in &self.steps {
            let r = step.result as usize;
            let single = step.is_single(frame);
            let mut to = frame.scratch(self.scratch_of[r]);
            if let Some((_, base, size)) = outs.iter().find(|o| o.0 as usize == r) {
                (to, frame.moves[r]) = (base.wrapping_add(from * size), *size);
            }
            if single {
                // SAFETY: the register holds an element.
                unsafe { step.run(frame, to, 1, true) };
            } else {
                // SAFETY: registers hold an element.
                let mut found = unsafe { step.find(frame, n, false) };
                for i in (0..3).filter(|i| found.repeats >> i & 1 != 0) {
                    let room = frame.room(rooms * BLOCK);
                    rooms += 1;
                    // SAFETY: one element is there, and room for a block.
                    unsafe { fill(found.at[i], room, n, step.sizes[i]) };
                    found.at[i] = room;
                }
                let mut each = [0; 3];
                for (i, a) in step.reads() {
                    each[i] = frame.moves[a as usize];
                }
                let asks = step.asks.map(|l| Asked { at: frame.at[l as usize], moves: frame.moves[l as usize] });
                frame.placed.push(Placed { found, moves: each, to, to_moves: frame.moves[r], asks });
            }
            (frame.at[r], frame.single[r]) = (to, single);
        }
    }
}
