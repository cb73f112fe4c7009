//! Loops over blocks, for any vector: one operation, two in a row, and folds.

use super::ops::{Made, Op};
use super::vector::Vector;
use crate::base::ahead;

/// An operand while a block runs: where the next vector is read, and how far the one after lies.
#[derive(Clone, Copy)]
pub(super) struct Reader<V: Vector> {
    at: *const V::T,
    step: usize,
}

/// Room for one number repeated as often as the widest vector holds it.
#[repr(align(64))]
pub(super) struct Repeated<T>([std::mem::MaybeUninit<T>; 16]);

impl<T: Copy> Repeated<T> {
    #[inline(always)]
    pub(super) fn new() -> Repeated<T> {
        Repeated([const { std::mem::MaybeUninit::uninit() }; 16])
    }
}

impl<V: Vector> Reader<V> {
    /// # Safety
    /// The operand holds one element where single.
    #[inline(always)]
    pub(super) unsafe fn new(p: *const u8, single: bool, room: &mut Repeated<V::T>) -> Reader<V> {
        let at = p.cast::<V::T>();
        if !single {
            return Reader { at, step: V::N };
        }
        // SAFETY: the caller's.
        room.0.fill(std::mem::MaybeUninit::new(unsafe { at.read_unaligned() }));
        Reader { at: room.0.as_ptr().cast(), step: 0 }
    }

    /// # Safety
    /// A vector is left.
    #[inline(always)]
    pub(super) unsafe fn next(&mut self) -> V {
        // SAFETY: the caller's.
        unsafe {
            let v = V::load(self.at);
            self.at = self.at.add(self.step);
            v
        }
    }

    /// # Safety
    /// Element `k` from here exists, or this is one number.
    #[inline(always)]
    pub(super) unsafe fn element(&self, k: usize) -> V::T {
        // SAFETY: the caller's.
        unsafe { self.at.add(if self.step == 0 { 0 } else { k }).read_unaligned() }
    }
}

/// Stores what `next` gives, `n / V::N` times; how far that went.
///
/// # Safety
/// `out` holds n elements, and `next` may be called as often.
#[inline(always)]
unsafe fn store_all<V: Vector>(mut out: *mut V::T, n: usize, mut next: impl FnMut() -> V) -> *mut V::T {
    // SAFETY: the caller's.
    unsafe {
        let mut left = n / V::N;
        if n * size_of::<V::T>() >= ahead::FAR {
            let line = (ahead::LINE / size_of::<V::T>() / V::N).max(1);
            for _ in 0..left / line {
                ahead::to_write(out.wrapping_byte_add(ahead::WRITES).cast());
                for _ in 0..line {
                    next().store(out);
                    out = out.add(V::N);
                }
            }
            left %= line;
        }
        for _ in 0..left {
            next().store(out);
            out = out.add(V::N);
        }
        out
    }
}

#[inline(always)]
pub unsafe fn alone<V: Vector, M: Made>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
    let mut rooms = [(); 2].map(|()| Repeated::new());
    let [ra, rb] = &mut rooms;
    // SAFETY: the lane's contract.
    unsafe {
        let mut a = Reader::<V>::new(*ins, single & 1 != 0, ra);
        let mut b = Reader::<V>::new(*ins.add(1), single & 2 != 0, rb);
        let out = store_all::<V>(out.cast(), n, || M::wide(a.next(), b.next()));
        for k in 0..n % V::N {
            out.add(k).write_unaligned(M::one(a.element(k), b.element(k)));
        }
    }
}

#[inline(always)]
pub unsafe fn pair<V: Vector, I: Op, O: Op>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
    let mut rooms = [(); 3].map(|()| Repeated::new());
    let [ra, rb, rc] = &mut rooms;
    // SAFETY: the lane's contract.
    unsafe {
        let mut a = Reader::<V>::new(*ins, single & 1 != 0, ra);
        let mut b = Reader::<V>::new(*ins.add(1), single & 2 != 0, rb);
        let mut c = Reader::<V>::new(*ins.add(2), single & 4 != 0, rc);
        let out = store_all::<V>(out.cast(), n, || O::wide(I::wide(a.next(), b.next()), c.next()));
        for k in 0..n % V::N {
            out.add(k).write_unaligned(O::one(I::one(a.element(k), b.element(k)), c.element(k)));
        }
    }
}

/// Independent sums of a stretch that is folded into one element, as many as where a function's results are summed at once.
pub const LANES: usize = crate::base::math::SUMS;

/// What is folded, by position.
pub(super) trait Source<V: Vector>: Copy {
    unsafe fn wide(self, k: usize) -> V;
    unsafe fn one(self, k: usize) -> V::T;
}

/// Elements where they lie; where `ASK`, what lies behind them is asked for.
#[derive(Clone, Copy)]
pub(super) struct There<T, const ASK: bool>(pub(super) *const T);

impl<V: Vector, const ASK: bool> Source<V> for There<V::T, ASK> {
    #[inline(always)]
    unsafe fn wide(self, k: usize) -> V {
        if ASK {
            ahead::to_read(self.0.wrapping_add(k).wrapping_byte_add(ahead::READS).cast());
        }
        // SAFETY: the caller's.
        unsafe { V::load(self.0.add(k)) }
    }
    #[inline(always)]
    unsafe fn one(self, k: usize) -> V::T {
        // SAFETY: the caller's.
        unsafe { self.0.add(k).read_unaligned() }
    }
}

/// What an operation makes of two operands, each of many elements, or one number where not `A`, `B`.
struct Of<T, M, const A: bool, const B: bool>(*const T, *const T, std::marker::PhantomData<M>);

impl<T, M, const A: bool, const B: bool> Clone for Of<T, M, A, B> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, M, const A: bool, const B: bool> Copy for Of<T, M, A, B> {}

impl<V: Vector, M: Made, const A: bool, const B: bool> Source<V> for Of<V::T, M, A, B> {
    #[inline(always)]
    unsafe fn wide(self, k: usize) -> V {
        // SAFETY: the caller's.
        unsafe {
            let a = if A { V::load(self.0.add(k)) } else { V::splat(self.0.read_unaligned()) };
            let b = if B { V::load(self.1.add(k)) } else { V::splat(self.1.read_unaligned()) };
            M::wide(a, b)
        }
    }
    #[inline(always)]
    unsafe fn one(self, k: usize) -> V::T {
        // SAFETY: the caller's.
        unsafe {
            let (a, b) = (if A { self.0.add(k) } else { self.0 }, if B { self.1.add(k) } else { self.1 });
            M::one(a.read_unaligned(), b.read_unaligned())
        }
    }
}

/// Folds n elements into one: 32 running values, then their halves.
#[inline(always)]
pub unsafe fn segment<V: Vector, O: Op>(from: *const u8, n: usize, start: V::T, out: *mut u8) {
    // SAFETY: n elements from `from`, one at `out`.
    unsafe { out.cast::<V::T>().write_unaligned(folded::<V, O>(There::<_, false>(from.cast()), n, start)) }
}

/// Folds what n elements of two operands make into one, as `segment` would fold it from memory, to the bit. Bit i of `single`
/// says that operand i is one number.
#[inline(always)]
pub unsafe fn segment_of<V: Vector, M: Made, O: Op>(
    ins: [*const u8; 2],
    single: u8,
    n: usize,
    start: V::T,
    out: *mut u8,
) {
    let (a, b) = (ins[0].cast::<V::T>(), ins[1].cast::<V::T>());
    let made = std::marker::PhantomData::<M>;
    // SAFETY: the operands hold n elements, or one where single; one at `out`.
    unsafe {
        let all = match single & 3 {
            0 => folded::<V, O>(Of::<_, M, true, true>(a, b, made), n, start),
            1 => folded::<V, O>(Of::<_, M, false, true>(a, b, made), n, start),
            2 => folded::<V, O>(Of::<_, M, true, false>(a, b, made), n, start),
            _ => folded::<V, O>(Of::<_, M, false, false>(a, b, made), n, start),
        };
        out.cast::<V::T>().write_unaligned(all);
    }
}

/// As `segment_of` where the second operand is one number, and asks for what lies so many bytes behind the first.
#[inline(always)]
pub unsafe fn segment_asking<V: Vector, M: Made, O: Op>(
    ins: [*const u8; 2],
    away: usize,
    n: usize,
    start: V::T,
    out: *mut u8,
) {
    // SAFETY: n elements, a number; one at `out`.
    unsafe {
        let of = Of::<V::T, M, true, false>(ins[0].cast(), ins[1].cast(), std::marker::PhantomData);
        out.cast::<V::T>().write_unaligned(folded::<V, O>(Asking { of, away }, n, start));
    }
}

/// What is made of an operand and a number, while memory is asked for.
struct Asking<T, M> {
    of: Of<T, M, true, false>,
    away: usize,
}

impl<T, M> Clone for Asking<T, M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, M> Copy for Asking<T, M> {}

impl<V: Vector, M: Made> Source<V> for Asking<V::T, M> {
    #[inline(always)]
    unsafe fn wide(self, k: usize) -> V {
        ahead::to_read(self.of.0.wrapping_add(k).wrapping_byte_add(self.away).cast());
        // SAFETY: the caller's.
        unsafe { self.of.wide(k) }
    }
    #[inline(always)]
    unsafe fn one(self, k: usize) -> V::T {
        // SAFETY: the caller's.
        unsafe { Source::<V>::one(self.of, k) }
    }
}

#[inline(always)]
pub(super) unsafe fn folded<V: Vector, O: Op>(from: impl Source<V>, n: usize, start: V::T) -> V::T {
    // SAFETY: passed on.
    unsafe {
        match LANES / V::N {
            2 => running::<V, O, 2>(from, n, start),
            4 => running::<V, O, 4>(from, n, start),
            _ => running::<V, O, 8>(from, n, start),
        }
    }
}

/// Lines that `lines` folds in one pass over the accumulators.
pub const LINES: usize = 8;

/// Folds `count` lines of n elements, `stride` bytes from one to the next, into n accumulators, one after the other.
#[inline(always)]
pub unsafe fn lines<V: Vector, O: Op>(from: *const u8, stride: isize, count: usize, n: usize, into: *mut u8) {
    let into = into.cast::<V::T>();
    // SAFETY: the lines and the accumulators hold n elements.
    unsafe {
        let wide = n / V::N * V::N;
        for c in (0..count).step_by(LINES) {
            let from = from.offset(c as isize * stride);
            match count - c {
                LINES.. if is_far(stride) => some_lines::<V, O, LINES, true>(from, stride, wide, into),
                LINES.. => some_lines::<V, O, LINES, false>(from, stride, wide, into),
                rest => {
                    for k in 0..rest {
                        some_lines::<V, O, 1, false>(from.offset(k as isize * stride), stride, wide, into);
                    }
                }
            }
        }
        for j in wide..n {
            let mut all = into.add(j).read_unaligned();
            for c in 0..count {
                all = O::one(all, from.offset(c as isize * stride).cast::<V::T>().add(j).read_unaligned());
            }
            into.add(j).write_unaligned(all);
        }
    }
}

/// Whether lines that lie so far apart are in memory: then the next ones are asked for.
#[inline(always)]
pub(super) fn is_far(stride: isize) -> bool {
    LINES * stride.unsigned_abs() >= ahead::FAR && ahead::reads()
}

#[inline(always)]
unsafe fn some_lines<V: Vector, O: Op, const R: usize, const FAR: bool>(
    from: *const u8,
    stride: isize,
    n: usize,
    into: *mut V::T,
) {
    // SAFETY: the caller's.
    unsafe {
        let at: [*const V::T; R] = std::array::from_fn(|r| from.offset(r as isize * stride).cast());
        for j in (0..n).step_by(V::N) {
            let mut all = V::load(into.add(j));
            for line in at {
                if FAR {
                    ahead::to_read(line.wrapping_add(j).wrapping_byte_offset(R as isize * stride).cast());
                }
                all = O::wide(all, V::load(line.add(j)));
            }
            all.store(into.add(j));
        }
    }
}

/// As `lines`, of what an operation makes of two operands' lines. A stride of 0 is the same line again; bit i of `single` says that
/// operand i is one number.
#[inline(always)]
pub unsafe fn lines_of<V: Vector, M: Made, O: Op>(
    ins: [*const u8; 2],
    strides: [isize; 2],
    single: u8,
    count: usize,
    n: usize,
    into: *mut u8,
) {
    let into = into.cast::<V::T>();
    // SAFETY: the operands hold what their strides say, the accumulators n elements.
    unsafe {
        for c in (0..count).step_by(LINES) {
            let at = [0, 1].map(|i| ins[i].wrapping_offset(c as isize * strides[i]));
            match (count - c, single & 3) {
                (LINES.., 0) => made_lines::<V, M, O, LINES, true, true>(at, strides, n, into),
                (LINES.., 1) => made_lines::<V, M, O, LINES, false, true>(at, strides, n, into),
                (LINES.., 2) => made_lines::<V, M, O, LINES, true, false>(at, strides, n, into),
                (rest, single) => {
                    for k in 0..rest.min(LINES) as isize {
                        let at = [0, 1].map(|i| at[i].wrapping_offset(k * strides[i]));
                        match single {
                            0 => made_lines::<V, M, O, 1, true, true>(at, strides, n, into),
                            1 => made_lines::<V, M, O, 1, false, true>(at, strides, n, into),
                            2 => made_lines::<V, M, O, 1, true, false>(at, strides, n, into),
                            _ => made_lines::<V, M, O, 1, false, false>(at, strides, n, into),
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn made_lines<V: Vector, M: Made, O: Op, const R: usize, const A: bool, const B: bool>(
    ins: [*const u8; 2],
    strides: [isize; 2],
    n: usize,
    into: *mut V::T,
) {
    // SAFETY: the caller's.
    unsafe {
        let lines: [Of<V::T, M, A, B>; R] = std::array::from_fn(|r| {
            let at = |i: usize| ins[i].wrapping_offset(r as isize * strides[i]).cast();
            Of(at(0), at(1), std::marker::PhantomData)
        });
        let wide = n / V::N * V::N;
        for j in (0..wide).step_by(V::N) {
            let mut all = V::load(into.add(j));
            for line in lines {
                let made: V = line.wide(j);
                all = O::wide(all, made);
            }
            all.store(into.add(j));
        }
        for j in wide..n {
            let mut all = into.add(j).read_unaligned();
            for line in lines {
                all = O::one(all, Source::<V>::one(line, j));
            }
            into.add(j).write_unaligned(all);
        }
    }
}

#[inline(always)]
unsafe fn running<V: Vector, O: Op, const R: usize>(from: impl Source<V>, n: usize, start: V::T) -> V::T {
    // SAFETY: `R` vectors are `LANES` elements.
    unsafe {
        let mut all = Running::<V, R>::new(start);
        all.advance::<O>(from, 0, n / LANES);
        all.finish::<O>(from, n, start)
    }
}

/// The running values of a stretch, and whether nans were seen in it, where that is looked for apart.
#[derive(Clone, Copy)]
pub(super) struct Running<V: Vector, const R: usize> {
    sums: [V; R],
    nans: V::Nans,
}

/// Whether extremes are joined one after the other: of vectors up to 256 bits there are enough that nothing waits, and reading four
/// places in turn, as groups do, kept a Zen 3 from reading ahead (max of 80 MB 5.1 ms, the sum 2.9).
pub(super) const fn in_sequence<V>() -> bool {
    size_of::<V>() <= 32
}

impl<V: Vector, const R: usize> Running<V, R> {
    /// # Safety
    /// `R` vectors are `LANES` elements.
    #[inline(always)]
    pub(super) unsafe fn new(start: V::T) -> Running<V, R> {
        // SAFETY: the CPU has the vectors.
        unsafe { Running { sums: [V::splat(start); R], nans: V::no_nans() } }
    }

    /// Folds elements `first * LANES` to `last * LANES`.
    ///
    /// # Safety
    /// They are there.
    #[inline(always)]
    pub(super) unsafe fn advance<O: Op>(&mut self, from: impl Source<V>, mut first: usize, last: usize) {
        // SAFETY: the caller's.
        unsafe {
            // A nan wins; to look for them apart takes half the time.
            if O::GROUPS && in_sequence::<V>() {
                while first < last {
                    for r in (0..R).step_by(2) {
                        let at = first * LANES + r * V::N;
                        let (a, b) = (from.wide(at), from.wide(at + V::N));
                        self.nans = V::nans(self.nans, a, b);
                        self.sums[r] = O::quick(self.sums[r], a);
                        self.sums[r + 1] = O::quick(self.sums[r + 1], b);
                    }
                    first += 1;
                }
            } else if O::GROUPS {
                // An extreme takes longer than an addition: four are made one before they join, so that there is less to wait for.
                while first + 4 <= last {
                    for (r, sum) in self.sums.iter_mut().enumerate() {
                        let at = first * LANES + r * V::N;
                        let [a, b, c, d] = [0, 1, 2, 3].map(|k| from.wide(at + k * LANES));
                        self.nans = V::nans(V::nans(self.nans, a, b), c, d);
                        *sum = O::quick(*sum, O::quick(O::quick(a, b), O::quick(c, d)));
                    }
                    first += 4;
                }
            }
            for i in first..last {
                for (r, sum) in self.sums.iter_mut().enumerate() {
                    *sum = O::wide(*sum, from.wide(i * LANES + r * V::N));
                }
            }
        }
    }

    /// What they make together with the elements behind the last whole `LANES`.
    ///
    /// # Safety
    /// As `advance`, which did all `n / LANES`.
    #[inline(always)]
    pub(super) unsafe fn finish<O: Op>(mut self, from: impl Source<V>, n: usize, start: V::T) -> V::T {
        // SAFETY: the caller's.
        unsafe {
            if O::GROUPS && V::is_any(self.nans) {
                self.sums = [V::splat(start); R];
                for i in 0..n / LANES {
                    for (r, sum) in self.sums.iter_mut().enumerate() {
                        *sum = O::wide(*sum, from.wide(i * LANES + r * V::N));
                    }
                }
            }
            finish::<V, O, R>(self.sums, from, n, start)
        }
    }
}

/// What the running values and the elements behind the last whole `LANES` make.
#[inline(always)]
unsafe fn finish<V: Vector, O: Op, const R: usize>(
    mut sums: [V; R],
    from: impl Source<V>,
    n: usize,
    start: V::T,
) -> V::T {
    // SAFETY: as in `running`.
    unsafe {
        let mut lanes = [start; LANES];
        if !n.is_multiple_of(LANES) {
            for (r, sum) in sums.iter_mut().enumerate() {
                let at = lanes.as_mut_ptr().add(r * V::N);
                sum.store(at);
                // What of the rest these values take.
                let first = n / LANES * LANES + r * V::N;
                for k in 0..n.saturating_sub(first).min(V::N) {
                    *at.add(k) = O::one(*at.add(k), from.one(first + k));
                }
                *sum = V::load(at);
            }
        }
        let mut half = R / 2;
        while half > 0 {
            for r in 0..half {
                sums[r] = O::wide(sums[r], sums[r + half]);
            }
            half /= 2;
        }
        sums[0].store(lanes.as_mut_ptr());
        let mut half = V::N / 2;
        while half > 0 {
            for k in 0..half {
                lanes[k] = O::one(lanes[k], lanes[k + half]);
            }
            half /= 2;
        }
        lanes[0]
    }
}

/// Multiplications with an addition in registers, to see how many a second there are: how many operations were done.
#[inline(always)]
pub unsafe fn burn<V: Vector>(turns: usize) -> usize {
    // Enough chains to hide the latency of one, few enough for the registers.
    const CHAINS: usize = 12;
    // SAFETY: the caller's.
    unsafe {
        let (one, zero) = (V::splat(std::hint::black_box(V::STARTS[1])), V::splat(std::hint::black_box(V::STARTS[0])));
        let mut chains = [one; CHAINS];
        for _ in 0..turns {
            for chain in &mut chains {
                *chain = chain.mul_add(one, zero);
            }
        }
        std::hint::black_box(&chains);
    }
    turns * CHAINS * V::N * 2
}
