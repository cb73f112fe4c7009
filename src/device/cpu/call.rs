//! Calls: running a step. In: where its operands are, and which of them are one number. Out: its result, in one pass.
//!
//! Which function it is depends on which operands are one number, and on these numbers: a divisor's reciprocal is found once for a
//! run of elements. `Found` is all that; over many blocks only the places of its operands change.

use super::block::{BLOCK, Frame};
use super::simd::{self, BasicLane};
use super::step::{Divisor, Step, Work};
use crate::base::ahead::{self, LINE};
use crate::base::math::Around;
use crate::base::{DType, fill, past};
use crate::graph::prim::{AroundLane, Lane};
use crate::plan::Reg;

/// Bytes that are made at a time on their way past the caches: few enough that their stores wait in the core while the next
/// ones are computed.
pub const PIECE: usize = 1024;

/// Quotients for which a divisor's reciprocal is worth finding.
const MANY: usize = 64;
static MINUS_ONE_F64: f64 = -1.0;
static MINUS_ONE_F32: f32 = -1.0;

/// What a step calls, and its operands for the first elements.
pub(super) struct Found {
    call: Call,
    /// Where the operands are that are not among the numbers.
    pub at: [*const u8; 3],
    /// Bytes from one element to the next; 0 where it is one number.
    pub steps: [usize; 3],
    /// What stands in for an operand that is one number: that with the other sign, or the reciprocal of it. Bit i of `own` says so.
    numbers: [u64; 3],
    own: u8,
    /// Operands that are one number and must be repeated, by bits.
    pub repeats: u8,
}

#[derive(Clone, Copy)]
enum Call {
    Lane(Lane),
    /// With the mask of operands that are one number.
    Basic(BasicLane, u8),
    /// The same, the lane of a difference before it, and how far from the operand lies what to ask for, or 0.
    Function(AroundLane, Option<BasicLane>, u8, usize),
}

/// What a step calls where that hangs neither on numbers nor on where operands are, and what `Found` has of it.
pub(super) struct Known {
    call: Call,
    steps: [usize; 3],
    repeats: u8,
}

impl Found {
    /// What is known of a step, with the places of its operands.
    #[inline(always)]
    pub(super) fn of(known: &Known, at: [*const u8; 3]) -> Found {
        let Known { call, steps, repeats } = *known;
        Found { call, at, steps, numbers: [0; 3], own: 0, repeats }
    }

    /// Where the operands are.
    #[inline(always)]
    fn operands(&self) -> [*const u8; 3] {
        let mut at = self.at;
        if self.own != 0 {
            for (i, number) in self.numbers.iter().enumerate().filter(|(i, _)| self.own >> i & 1 != 0) {
                at[i] = std::ptr::from_ref(number).cast();
            }
        }
        at
    }

    /// # Safety
    /// The operands hold n elements, or one where they are one number, and are repeated where they must be; `to` holds n.
    #[inline(always)]
    pub(super) unsafe fn run(&self, to: *mut u8, n: usize) {
        // SAFETY: the caller's.
        unsafe { self.call.run(self.operands(), to, n) }
    }

    /// As `run`, of a function; the sum of its results goes to `sum`.
    ///
    /// # Safety
    /// As `run`; there is room for the sum.
    #[inline(always)]
    pub(super) unsafe fn run_summing(&self, to: *mut u8, n: usize, sum: *mut u8) {
        if let Call::Function(lane, less, mask, ask) = self.call {
            // SAFETY: the caller's.
            unsafe { function_of(lane, less, mask, self.operands(), to, n, (ask, sum)) };
        }
    }

    /// From now on a function asks for memory that lies so far from its operand; 0 for none.
    pub(super) fn ask(&mut self, away: usize) {
        if let Call::Function(_, _, _, ask) = &mut self.call {
            *ask = away;
        }
    }
}

impl Step {
    /// # Safety
    /// Registers hold `n` elements, or one where single; `to` holds `n`.
    pub unsafe fn run(&self, frame: &Frame, to: *mut u8, n: usize, single: bool) {
        // SAFETY: the caller's.
        unsafe {
            let found = self.find(frame, n, single);
            if found.repeats == 0 {
                return found.run(to, n);
            }
            self.repeated(found, n, |found| found.run(to, n));
        }
    }

    /// As `run`, of more than one number, to memory past the caches: piece after piece is made at `here`, which holds `PIECE`
    /// bytes, and goes on its way while the next one is computed.
    ///
    /// # Safety
    /// As `run`, and `here` is nobody's operand.
    pub unsafe fn run_past(&self, frame: &Frame, here: *mut u8, to: *mut u8, n: usize) {
        let size = self.sizes[self.args.len()];
        let most = (PIECE / size).min(BLOCK);
        let pieces = |found: &Found| {
            let (mut at, steps) = (found.operands(), found.steps);
            // Pieces end with lines, so that most lines are written whole.
            let mut some = most - to.addr() % LINE / size;
            let mut done = 0;
            while done < n {
                some = some.min(n - done);
                // SAFETY: the caller's; operands are walked element by element.
                unsafe {
                    self.ask(at, steps, some);
                    found.call.run(at, here, some);
                    past::copy(here, to.add(done * size), some * size);
                }
                for (at, step) in at.iter_mut().zip(steps) {
                    *at = at.wrapping_add(some * step);
                }
                done += some;
                some = most;
            }
        };
        // SAFETY: the caller's. What is repeated is so for a piece.
        unsafe {
            let found = self.find(frame, most.min(n), false);
            if found.repeats == 0 {
                return pieces(&found);
            }
            self.repeated(found, most.min(n), pieces);
        }
    }

    /// Asks for what follows in memory, where the function does not do so itself.
    #[inline(always)]
    fn ask(&self, at: [*const u8; 3], steps: [usize; 3], n: usize) {
        if self.far != 0 && !matches!(self.work, Work::Function { .. }) {
            for i in (0..3).filter(|i| self.far >> i & 1 != 0) {
                ahead::all_to_read(at[i].wrapping_add(ahead::NEXT), n * steps[i]);
            }
        }
    }

    /// `run` for a step that `sums`, where not every operand is one number; the sum goes to `sum`.
    ///
    /// # Safety
    /// As `run`; there is room for the sum.
    pub unsafe fn run_summing(&self, frame: &Frame, to: *mut u8, n: usize, sum: *mut u8) {
        // SAFETY: the caller's.
        unsafe { self.find(frame, n, false).run_summing(to, n, sum) }
    }

    /// Whether `find` looks at operands that are one number and `change`, for what its function is or is given.
    pub(super) fn looks_at_numbers(&self, frame: &Frame, change: impl Fn(Reg) -> bool) -> bool {
        let Work::Basic { divisor, minus, .. } = &self.work else { return false };
        let divides = |i: usize| divisor.as_ref().is_some_and(|d| d.arg == i);
        let mut numbers = self.reads().filter(|&(i, a)| minus >> i & 1 != 0 || divides(i) && frame.single[a as usize]);
        numbers.any(|(_, a)| change(a))
    }

    /// What is known of a step over elements with such operands, those in `mask` being one number.
    pub(super) fn known(&self, mask: u8) -> Option<Known> {
        let (call, repeats) = match &self.work {
            Work::Lane { vectors, mixed } => self.lane(*vectors, *mixed, mask, false),
            Work::Basic { lane, divisor, minus: 0, .. }
                if self.negates == 0 && divisor.as_ref().is_none_or(|d| mask >> d.arg & 1 == 0) =>
            {
                (Call::Basic(*lane, mask), 0)
            }
            Work::Basic { .. } | Work::Function { .. } => return None,
        };
        let mut steps = [0; 3];
        for (i, _) in self.reads().filter(|(i, _)| mask >> i & 1 == 0) {
            steps[i] = self.sizes[i];
        }
        Some(Known { call, steps, repeats })
    }

    /// The lane of a map for such operands, and which of them it needs repeated.
    #[inline(always)]
    fn lane(&self, vectors: Lane, mixed: Option<(Lane, Lane)>, mask: u8, single: bool) -> (Call, u8) {
        match (mixed, mask) {
            (Some((first, _)), 1) if !single => (Call::Lane(first), 0),
            (Some((_, last)), 2) if !single => (Call::Lane(last), 0),
            (None, _) if self.args.len() == 3 && !single => (Call::Lane(vectors), mask),
            _ => (Call::Lane(vectors), 0),
        }
    }

    /// The function to call for n elements, and its operands for the first.
    ///
    /// # Safety
    /// Registers hold an element.
    #[inline]
    pub(super) unsafe fn find(&self, frame: &Frame, n: usize, single: bool) -> Found {
        let (mut at, mut steps) = ([std::ptr::null::<u8>(); 3], [0; 3]);
        let mut mask = 0u8;
        for (i, a) in self.reads() {
            at[i] = frame.at[a as usize];
            if frame.single[a as usize] { mask |= 1 << i } else { steps[i] = self.sizes[i] }
        }
        let (mut numbers, mut own, mut repeats) = ([0u64; 3], 0u8, 0);
        let call = match &self.work {
            Work::Lane { vectors, mixed } => {
                let call;
                (call, repeats) = self.lane(*vectors, *mixed, mask, single);
                call
            }
            Work::Function { lane, less } => {
                let ask = match self.asks {
                    Some(load) => {
                        let away = frame.at[load as usize].addr().wrapping_sub(at[0].addr());
                        away.wrapping_add(BLOCK * steps[0])
                    }
                    None if self.far & 1 != 0 => ahead::NEXT,
                    None => 0,
                };
                Call::Function(*lane, *less, mask, ask)
            }
            Work::Basic { lane, dtype, divisor, minus } => {
                if *minus != 0 {
                    own = *minus;
                    for i in (0..3).filter(|i| minus >> i & 1 != 0) {
                        // SAFETY: one element is there.
                        numbers[i] = unsafe { negative_of(at[i], *dtype) };
                    }
                }
                // A negation of a negation has it twice.
                if self.negates != 0 {
                    for i in (0..3).filter(|i| self.negates >> i & 1 != 0) {
                        at[i] = match dtype {
                            DType::F32 => (&raw const MINUS_ONE_F32).cast(),
                            _ => (&raw const MINUS_ONE_F64).cast(),
                        };
                    }
                    mask |= self.negates;
                }
                let mut lane = *lane;
                if let Some(Divisor { arg, multiplies, by_one }) = divisor
                    && mask & 1 << arg != 0
                {
                    let number = if own >> arg & 1 != 0 { (&raw const numbers[*arg]).cast() } else { at[*arg] };
                    // SAFETY: one element is there.
                    match unsafe { reciprocal_of(number, *dtype) } {
                        Some(bits) => {
                            (numbers[*arg], lane) = (bits, *multiplies);
                            own |= 1 << arg;
                        }
                        // SAFETY: as above.
                        None if n >= MANY && unsafe { simd::divides_by(number, *dtype) } => {
                            lane = by_one.unwrap_or(lane);
                        }
                        None => {}
                    }
                }
                Call::Basic(lane, mask)
            }
        };
        Found { call, at, steps, numbers, own, repeats }
    }

    /// With operands that are one number repeated for `n` elements. Apart, because the room for them costs all calls of what it is in.
    ///
    /// # Safety
    /// As `find`; a block at most.
    #[inline(never)]
    unsafe fn repeated(&self, mut found: Found, n: usize, then: impl FnOnce(&Found)) {
        let mut room = [const { std::mem::MaybeUninit::<[u64; BLOCK]>::uninit() }; 3];
        for i in (0..3).filter(|i| found.repeats >> i & 1 != 0) {
            let to = room[i].as_mut_ptr().cast();
            // SAFETY: one element is there; the array holds a block.
            unsafe { fill(found.at[i], to, n, self.sizes[i]) };
            found.at[i] = to;
        }
        then(&found);
    }
}

impl Call {
    /// # Safety
    /// The function fits its operands, which hold n elements where they should; `to` holds n.
    #[inline(always)]
    unsafe fn run(self, at: [*const u8; 3], to: *mut u8, n: usize) {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Call::Lane(lane) => lane(at.as_ptr(), to, n),
                Call::Basic(lane, mask) => lane(at.as_ptr(), mask, to, n),
                Call::Function(lane, less, mask, ask) => {
                    function_of(lane, less, mask, at, to, n, (ask, std::ptr::null_mut()))
                }
            }
        }
    }
}

/// An elementary function, of a difference where there is `less`: that is made on the way where it is one number that is taken off.
///
/// # Safety
/// As `Call::run`; there is room for the sum, if that is asked for.
unsafe fn function_of(
    lane: AroundLane,
    less: Option<BasicLane>,
    mask: u8,
    at: [*const u8; 3],
    to: *mut u8,
    n: usize,
    (ask, sum): (usize, *mut u8),
) {
    let ask = if ask == 0 { std::ptr::null() } else { at[0].wrapping_add(ask) };
    let (mut from, mut number) = (at[0], std::ptr::null());
    // SAFETY: the lanes fit their operands.
    unsafe {
        match less {
            Some(_) if mask & 2 != 0 && (n == 1 || mask & 1 == 0) => number = at[1],
            Some(less) => {
                less(at.as_ptr(), mask, to, n);
                from = to;
            }
            None => {}
        }
        lane(&raw const from, to, n, &Around { less: number, sum, ask });
    }
}

/// The bits of -x.
///
/// # Safety
/// One element is there.
unsafe fn negative_of(at: *const u8, dtype: DType) -> u64 {
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            DType::F32 => u64::from((-at.cast::<f32>().read_unaligned()).to_bits()),
            _ => (-at.cast::<f64>().read_unaligned()).to_bits(),
        }
    }
}

/// The bits of 1/x where x is a power of two whose reciprocal is a normal number: then x * (1/x) rounds as division does.
///
/// # Safety
/// One element is there.
unsafe fn reciprocal_of(at: *const u8, dtype: DType) -> Option<u64> {
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            DType::F64 => {
                let x = at.cast::<f64>().read_unaligned();
                (x.to_bits() << 12 == 0 && x.is_normal() && (1.0 / x).is_normal()).then(|| (1.0 / x).to_bits())
            }
            DType::F32 => {
                let x = at.cast::<f32>().read_unaligned();
                let plain = x.to_bits() << 9 == 0 && x.is_normal() && (1.0 / x).is_normal();
                plain.then(|| u64::from((1.0 / x).to_bits()))
            }
            _ => None,
        }
    }
}
