//! Straight code: maps whose loads lie in memory as the domain walks them, or are one number, as most do.
//!
//! In: a range of the domain. Out: its results, in memory. What `Code::run` finds anew for every block (where operands are, which
//! function, a divisor's reciprocal) is found once here; then blocks are calls, and places that move on.

use super::block::{BLOCK, Code, Frame};
use super::call::{Found, Known};
use super::step::{Step, reach};
use crate::base::{ahead, fill};
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

/// What is the same of a step whenever it is placed.
pub(super) struct Fixed {
    /// What it calls, unless that hangs on numbers or on where operands are.
    known: Option<Known>,
    /// The registers it reads, the first load where there are fewer than three: that is then not looked at.
    args: [usize; 3],
    moves: [usize; 3],
    to_moves: usize,
    /// Which of the outputs it makes.
    out: Option<usize>,
    /// Its operands are one number each, and so is its result.
    single: bool,
}

/// Whether code after such loads is straight: all in place, and every output an element's.
pub(super) fn is_straight(single: &[bool], contiguous: &[bool], code: &[Inst], outputs: &[Reg]) -> bool {
    let reach = reach(single, code);
    let made =
        |(k, &o): (usize, &Reg)| o as usize >= single.len() && reach[o as usize] == 2 && !outputs[..k].contains(&o);
    single.iter().zip(contiguous).all(|(s, c)| *s || *c) && outputs.iter().enumerate().all(made)
}

/// What is fixed of steps after so many loads, with the bytes of each register, and which are one number. What is neither a load nor
/// an output is made anew for each block.
pub(super) fn fixed(steps: &[Step], loads: usize, sizes: &[usize], single: &[bool], outputs: &[Reg]) -> Vec<Fixed> {
    let out = |r: usize| outputs.iter().position(|&o| o as usize == r);
    let moves = |r: usize| if !single[r] && (r < loads || out(r).is_some()) { sizes[r] } else { 0 };
    let fix = |step: &Step| {
        let (mut args, mut each, mut numbers) = ([0; 3], [0; 3], 0);
        for (i, a) in step.reads() {
            args[i] = a as usize;
            each[i] = moves(a as usize);
            numbers |= (single[a as usize] as u8) << i;
        }
        let result = step.result as usize;
        let known = step.known(numbers);
        Fixed { known, args, moves: each, to_moves: moves(result), out: out(result), single: single[result] }
    };
    steps.iter().map(fix).collect()
}

impl Code {
    /// Computes elements `from..to`. Each output has the place of the domain's first element and the bytes of one. `far`: what is written is asked for beforehand.
    ///
    /// # Safety
    /// The code is straight; memory holds what the loads address, and outputs the domain.
    pub unsafe fn run_straight(
        &self,
        memory: &Memory,
        frame: &mut Frame,
        (from, to): (usize, usize),
        outs: &[(*mut u8, usize)],
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
                for &(base, size) in outs {
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
    unsafe fn place_steps(&self, memory: &Memory, frame: &mut Frame, from: usize, outs: &[(*mut u8, usize)], n: usize) {
        frame.prepare_for(self.sizes.len(), self.scratch, self.repeats * BLOCK);
        frame.single[..self.single.len()].copy_from_slice(&self.single);
        frame.placed.clear();
        frame.placed.reserve(self.steps.len());
        for (r, load) in self.loads.iter().enumerate() {
            let at = self.begin(memory, load);
            frame.at[r] = if self.single[r] { at } else { at.wrapping_add(from * self.sizes[r]) };
        }
        let mut rooms = 0;
        let scratch = frame.scratch(Some(0));
        for (step, fixed) in self.steps.iter().zip(&self.fixed) {
            let r = step.result as usize;
            let to = match fixed.out {
                Some(k) => outs[k].0.wrapping_add(from * outs[k].1),
                None => scratch.wrapping_add(self.scratch_of[r].unwrap_or(0) * BLOCK * size_of::<u64>()),
            };
            if fixed.single {
                // SAFETY: the register holds an element.
                unsafe { step.run(frame, to, 1, true) };
            } else {
                let mut found = match &fixed.known {
                    Some(known) => Found::of(known, fixed.args.map(|a| frame.at[a])),
                    // SAFETY: registers hold an element.
                    None => unsafe { step.find(frame, n, false) },
                };
                for i in (0..3).filter(|i| found.repeats >> i & 1 != 0) {
                    let room = frame.room(rooms * BLOCK);
                    rooms += 1;
                    // SAFETY: one element is there, and room for a block.
                    unsafe { fill(found.at[i], room, n, step.sizes[i]) };
                    found.at[i] = room;
                }
                let asks = step.asks.map(|l| Asked { at: frame.at[l as usize], moves: self.sizes[l as usize] });
                frame.placed.push(Placed { found, moves: fixed.moves, to, to_moves: fixed.to_moves, asks });
            }
            frame.at[r] = to;
        }
    }
}
