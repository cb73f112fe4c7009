//! Loops over blocks, for any vector: one operation, two in a row, and folds.

use super::ops::{Made, Op};
use super::vector::Vector;

/// An operand while a block runs: where the next vector is read, and how far the one after lies.
#[derive(Clone, Copy)]
struct Reader<V: Vector> {
    at: *const V::T,
    step: usize,
}

/// Room for one number repeated as often as the widest vector holds it.
#[repr(align(64))]
struct Repeated<T>([std::mem::MaybeUninit<T>; 16]);

impl<T: Copy> Repeated<T> {
    #[inline(always)]
    fn new() -> Repeated<T> {
        Repeated([const { std::mem::MaybeUninit::uninit() }; 16])
    }
}

impl<V: Vector> Reader<V> {
    /// # Safety
    /// The operand holds one element where single.
    #[inline(always)]
    unsafe fn new(p: *const u8, single: bool, room: &mut Repeated<V::T>) -> Reader<V> {
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
    unsafe fn next(&mut self) -> V {
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
    unsafe fn element(&self, k: usize) -> V::T {
        // SAFETY: the caller's.
        unsafe { self.at.add(if self.step == 0 { 0 } else { k }).read_unaligned() }
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
        let mut out = out.cast::<V::T>();
        for _ in 0..n / V::N {
            M::wide(a.next(), b.next()).store(out);
            out = out.add(V::N);
        }
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
        let mut out = out.cast::<V::T>();
        for _ in 0..n / V::N {
            O::wide(I::wide(a.next(), b.next()), c.next()).store(out);
            out = out.add(V::N);
        }
        for k in 0..n % V::N {
            out.add(k).write_unaligned(O::one(I::one(a.element(k), b.element(k)), c.element(k)));
        }
    }
}

/// Independent sums of a stretch that is folded into one element: enough to hide the latency of an addition. Part of the result:
/// which elements are added to which depends on it.
pub const LANES: usize = 32;

/// Folds n elements into one: 32 running values, then their halves.
#[inline(always)]
pub unsafe fn segment<V: Vector, O: Op>(from: *const u8, n: usize, start: V::T, out: *mut u8) {
    let from = from.cast::<V::T>();
    // SAFETY: n elements from `from`, one at `out`.
    unsafe {
        let all = match LANES / V::N {
            2 => running::<V, O, 2>(from, n, start),
            4 => running::<V, O, 4>(from, n, start),
            _ => running::<V, O, 8>(from, n, start),
        };
        out.cast::<V::T>().write_unaligned(all);
    }
}

#[inline(always)]
unsafe fn running<V: Vector, O: Op, const R: usize>(from: *const V::T, n: usize, start: V::T) -> V::T {
    // SAFETY: `R` vectors are `LANES` elements.
    unsafe {
        let mut sums = [V::splat(start); R];
        for i in 0..n / LANES {
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = O::wide(*sum, V::load(from.add(i * LANES + r * V::N)));
            }
        }
        let mut lanes = [start; LANES];
        if !n.is_multiple_of(LANES) {
            for (r, sum) in sums.iter_mut().enumerate() {
                let at = lanes.as_mut_ptr().add(r * V::N);
                sum.store(at);
                // What of the rest these values take.
                let first = n / LANES * LANES + r * V::N;
                for k in 0..n.saturating_sub(first).min(V::N) {
                    *at.add(k) = O::one(*at.add(k), from.add(first + k).read_unaligned());
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
