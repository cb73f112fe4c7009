//! The loops around the functions: arrays in, arrays out, with the machine's vector width chosen once per call.
//!
//! A chunk is copied to the stack first, so that the compiler knows that it does not overlap the destination even when
//! that is the source. What is left goes in groups, the last one filled up with copies of its first element: no scalar tail, and the
//! result for an element does not depend on where in the array it stands. Chunks and groups are loops of a length that
//! the compiler knows.
//!
//! The copy begins on a line of the cache. Where the stack happened to be otherwise, every vector of it lay across two
//! lines, and the exponential of an array took 14.4 ms instead of 7.2: the depth of the calls around it decided.

use super::num::{Easy, Fma, Fused, Num, Plain};
#[cfg(target_arch = "x86_64")]
use super::num::{FusedPairs, FusedWider};
use crate::base::ahead;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// A function of one number. Three ways to compute it, of which a chunk of numbers takes the first that suits all of it.
pub trait Unary<T: Num>: Copy {
    /// Right wherever `easy` holds. Branch-free.
    fn fast<A: Fma>(x: T) -> T;

    /// Which numbers are easy, where so simple a rule says it.
    const EASY: Easy<T> = Easy::All;

    #[inline(always)]
    fn easy(x: T) -> bool {
        x.is_easy(Self::EASY)
    }

    /// `fast` for a chunk, by lanes, as far as all is easy; how far that was. Each is read before its result is written.
    ///
    /// # Safety
    /// A chunk is there to read, with a number to take off, and room for one.
    #[inline(always)]
    unsafe fn lanes<A: Fma>(_from: *const T, _less: Option<T>, _to: *mut T) -> usize {
        0
    }

    /// Right wherever `rare` does not hold, and equal to `fast` bit for bit where `easy` holds. Branch-free.
    #[inline(always)]
    fn full<A: Fma>(x: T) -> T {
        Self::fast::<A>(x)
    }

    #[inline(always)]
    fn rare(_x: T) -> bool {
        false
    }

    /// Right everywhere: called for single elements.
    #[inline(never)]
    fn slow(x: T) -> T {
        Self::full::<Plain>(x)
    }
}

/// A function of two numbers, with two of the ways: `full` is right everywhere.
pub trait Binary<T: Copy>: Copy {
    fn fast<A: Fma>(x: T, y: T) -> T;

    #[inline(always)]
    fn easy(_x: T, _y: T) -> bool {
        true
    }

    #[inline(always)]
    fn full<A: Fma>(x: T, y: T) -> T {
        Self::fast::<A>(x, y)
    }
}

/// The instruction sets that loops are compiled for. Wider ones go here, into `chosen` and into the kernels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Isa {
    /// What every machine of the target has.
    Base,
    /// 256-bit vectors, fused multiply-add, conversion of f16.
    Avx2,
    /// 512-bit vectors and 32 of them: twice as fast again, measured for every function here.
    Avx512,
}

impl Isa {
    /// Whether this machine has it. The detection is cached by the standard library.
    #[inline]
    pub fn here(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        let there = match self {
            Isa::Base => true,
            Isa::Avx2 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
            }
            Isa::Avx512 => {
                Isa::Avx2.here()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
            }
        };
        #[cfg(not(target_arch = "x86_64"))]
        let there = self == Isa::Base;
        there
    }

    /// The best one of this machine; `NEVEL_CPU=baseline` or `avx2` takes a lesser one (tests run them all). The one place
    /// that decides which path every kernel takes.
    #[inline]
    pub fn chosen() -> Isa {
        static CHOSEN: OnceLock<Isa> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let most = match std::env::var("NEVEL_CPU").as_deref() {
                Ok("baseline") => 0,
                Ok("avx2") => 1,
                _ => 2,
            };
            let better = [Isa::Avx2, Isa::Avx512];
            better[..most].iter().rev().copied().find(|isa| isa.here()).unwrap_or(Isa::Base)
        })
    }
}

/// What the base of this target offers: all 64-bit ARM machines fuse, x86 ones only where the build says so.
#[cfg(any(target_arch = "aarch64", target_feature = "fma"))]
pub type BaseFma = Fused;
#[cfg(not(any(target_arch = "aarch64", target_feature = "fma")))]
pub type BaseFma = Plain;

/// `Unary::fast` and `Unary::lanes` of a function over any lanes of a type. A macro, for a function that is passed would be compiled
/// without the instructions of who calls it.
macro_rules! in_lanes {
    ($float:ident, $computed:ident, $($function:ident)::+, $vectors:literal) => {
        #[inline(always)]
        fn fast<A: Fma>(x: $float) -> $float {
            $($function)::+::<A, $computed>(x as $computed) as $float
        }

        in_lanes!($float, $computed, $($function)::+, $vectors, by lanes);
    };
    ($float:ident, $computed:ident, $($function:ident)::+, $vectors:literal, by lanes) => {
        #[inline(always)]
        unsafe fn lanes<A: Fma>(from: *const $float, less: Option<$float>, to: *mut $float) -> usize {
            use $crate::base::math::num::Num;
            // SAFETY: the caller's.
            unsafe {
                if A::WIDER {
                    return in_lanes!($float, $computed, <$computed as Num>::Wider<4>, $($function)::+, from, less, to);
                }
                in_lanes!($float, $computed, <$computed as Num>::Wide<$vectors>, $($function)::+, from, less, to)
            }
        }
    };
    ($float:ident, $computed:ident, $wide:ty, $($function:ident)::+, $from:ident, $less:ident, $to:ident) => {{
        use $crate::base::math::drive::CHUNK;
        use $crate::base::math::num::{Easy, Lanes, Moved};
        let easy: Easy<$computed> = match <Self as Unary<$float>>::EASY {
            Easy::All => Easy::All,
            Easy::Magnitude(most) => Easy::Magnitude(most as $computed),
            Easy::Between(low, high) => Easy::Between(low as $computed, high as $computed),
        };
        let mut done = 0;
        while done < CHUNK {
            let x = <$wide as Moved<$float>>::load($from.add(done), $less);
            if !x.is_easy(easy) {
                break;
            }
            Moved::<$float>::store($($function)::+::<A, $wide>(x), $to.add(done));
            done += <$wide as Moved<$float>>::COUNT;
        }
        done
    }};
}
pub(super) use in_lanes;

/// Elements of a chunk, and how many of them are computed at least. Both are multiples of every vector length.
pub(super) const CHUNK: usize = 64;
const GROUP: usize = 16;
/// Elements that are copied at once.
const COPIED: usize = 8;

/// A function over blocks of erased type: pointers to the operands, the result, and its length.
pub type Kernel = unsafe fn(ins: *const *const u8, out: *mut u8, n: usize);

/// What a function's kernel does besides, in the same pass: a softmax takes the largest number off before the exponential and sums what
/// comes out.
#[derive(Clone, Copy)]
pub struct Around {
    /// A number that is taken off each operand first, or null.
    pub less: *const u8,
    /// Where the sum of the results goes, or null: of `SUMS` running sums, to which they are added in turn, and which are
    /// then halved until one is left.
    pub sum: *mut u8,
    /// Memory to ask for while the function is computed, as many bytes as the operand has, or null.
    pub ask: *const u8,
}

/// Running sums of a stretch: enough to hide the latency of an addition. Part of the result: which elements are added to which
/// depends on it.
pub const SUMS: usize = 32;

/// A kernel of one operand that does more.
pub type AroundKernel = unsafe fn(ins: *const *const u8, out: *mut u8, n: usize, around: &Around);

/// As `kernel1`, with what is done besides.
pub fn kernel1_around<T: Num, F: Unary<T>>(isa: Isa) -> AroundKernel {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2_around::<T, F>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512_around::<T, F>,
        _ => base_around::<T, F>,
    }
}

/// The kernel of a function of one operand. It may be called with operands of `n` elements, of which the result is
/// one or which it does not overlap, on machines that have the instructions.
pub fn kernel1<T: Num, F: Unary<T>>(isa: Isa) -> Kernel {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2_1::<T, F>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512_1::<T, F>,
        _ => base1::<T, F>,
    }
}

/// The kernel of a function of two operands; `single` says which of them are one number for all elements. The result may
/// be either operand, also where that is a single number with room behind it.
pub fn kernel2<T: Num, F: Binary<T>>(isa: Isa, single: [bool; 2]) -> Kernel {
    match single {
        [false, false] => kernel2_of::<T, F, false, false>(isa),
        [true, false] => kernel2_of::<T, F, true, false>(isa),
        [false, true] => kernel2_of::<T, F, false, true>(isa),
        [true, true] => kernel2_of::<T, F, true, true>(isa),
    }
}

fn kernel2_of<T: Num, F: Binary<T>, const X1: bool, const Y1: bool>(isa: Isa) -> Kernel {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2_2::<T, F, X1, Y1>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512_2::<T, F, X1, Y1>,
        _ => base2::<T, F, X1, Y1>,
    }
}

// The loops are in the kernels that do more, once: beside a chunk of 64 what they ask is nothing.
unsafe fn base1<T: Num, F: Unary<T>>(ins: *const *const u8, out: *mut u8, n: usize) {
    // SAFETY: passed on.
    unsafe { base_around::<T, F>(ins, out, n, &NOTHING) }
}

#[inline(never)]
unsafe fn base_around<T: Num, F: Unary<T>>(ins: *const *const u8, out: *mut u8, n: usize, around: &Around) {
    // SAFETY: passed on.
    unsafe { loop1::<T, F, BaseFma>((*ins).cast(), out.cast(), n, *around) }
}

unsafe fn base2<T: Num, F: Binary<T>, const X1: bool, const Y1: bool>(ins: *const *const u8, out: *mut u8, n: usize) {
    // SAFETY: passed on.
    unsafe { loop2::<T, F, BaseFma, X1, Y1>((*ins).cast(), (*ins.add(1)).cast(), out.cast(), n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_1<T: Num, F: Unary<T>>(ins: *const *const u8, out: *mut u8, n: usize) {
    // SAFETY: passed on.
    unsafe { avx2_around::<T, F>(ins, out, n, &NOTHING) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
unsafe fn avx2_around<T: Num, F: Unary<T>>(ins: *const *const u8, out: *mut u8, n: usize, around: &Around) {
    // SAFETY: passed on.
    unsafe { loop1::<T, F, FusedPairs>((*ins).cast(), out.cast(), n, *around) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_2<T: Num, F: Binary<T>, const X1: bool, const Y1: bool>(ins: *const *const u8, out: *mut u8, n: usize) {
    // SAFETY: passed on.
    unsafe { loop2::<T, F, FusedPairs, X1, Y1>((*ins).cast(), (*ins.add(1)).cast(), out.cast(), n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn avx512_1<T: Num, F: Unary<T>>(ins: *const *const u8, out: *mut u8, n: usize) {
    // SAFETY: passed on.
    unsafe { avx512_around::<T, F>(ins, out, n, &NOTHING) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]
#[inline(never)]
unsafe fn avx512_around<T: Num, F: Unary<T>>(ins: *const *const u8, out: *mut u8, n: usize, around: &Around) {
    // SAFETY: passed on.
    unsafe { loop1::<T, F, FusedWider>((*ins).cast(), out.cast(), n, *around) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn avx512_2<T: Num, F: Binary<T>, const X1: bool, const Y1: bool>(
    ins: *const *const u8,
    out: *mut u8,
    n: usize,
) {
    // SAFETY: passed on.
    unsafe { loop2::<T, F, Fused, X1, Y1>((*ins).cast(), (*ins.add(1)).cast(), out.cast(), n) }
}

const NOTHING: Around = Around { less: std::ptr::null(), sum: std::ptr::null_mut(), ask: std::ptr::null() };

#[inline(always)]
unsafe fn loop1<T: Num, F: Unary<T>, A: Fma>(src: *const T, dst: *mut T, n: usize, around: Around) {
    // Read before anything is written: the result may lie on it.
    // SAFETY: a number is there, if anything is.
    let less = (!around.less.is_null()).then(|| unsafe { around.less.cast::<T>().read_unaligned() });
    let summed = !around.sum.is_null();
    let mut sums = [T::ZERO; SUMS];
    let mut room = Chunk::<T>::new();
    // SAFETY: all of these elements are there.
    unsafe {
        for start in (0..n).step_by(CHUNK) {
            let (from, to, len) = (src.add(start), dst.add(start), (n - start).min(CHUNK));
            let mut done = 0;
            if len == CHUNK {
                if !around.ask.is_null() {
                    ahead::all_to_read(around.ask.wrapping_add(start * size_of::<T>()), CHUNK * size_of::<T>());
                }
                if A::PAIRS {
                    done = F::lanes::<A>(from, less, to);
                }
                if done == 0 {
                    some1::<T, F, A, CHUNK>(room.load(from, less), to);
                    done = CHUNK;
                }
            }
            // The end, and what follows something that is not easy.
            while done < len {
                let some = (len - done).min(GROUP);
                let mut results = Chunk::<T>::new();
                some1::<T, F, A, GROUP>(room.load_some(from.add(done), some, less), results.start());
                std::ptr::copy_nonoverlapping(results.start(), to.add(done), some);
                done += some;
            }
            if summed {
                add_to::<T>(&mut sums, to, len);
            }
        }
    }
    if summed {
        let mut half = SUMS / 2;
        while half > 0 {
            for k in 0..half {
                sums[k] = sums[k] + sums[k + half];
            }
            half /= 2;
        }
        // SAFETY: there is room for a sum.
        unsafe { around.sum.cast::<T>().write_unaligned(sums[0]) };
    }
}

/// Adds a chunk's results to the running sums.
#[inline(always)]
unsafe fn add_to<T: Num>(sums: &mut [T; SUMS], from: *const T, len: usize) {
    // SAFETY: `len` results are there, and a chunk is a multiple of the sums.
    unsafe {
        if len == CHUNK {
            for i in (0..CHUNK).step_by(SUMS) {
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum = *sum + *from.add(i + k);
                }
            }
            return;
        }
        for i in 0..len {
            sums[i % SUMS] = sums[i % SUMS] + *from.add(i);
        }
    }
}

#[inline(always)]
unsafe fn loop2<T: Num, F: Binary<T>, A: Fma, const X1: bool, const Y1: bool>(
    x: *const T,
    y: *const T,
    dst: *mut T,
    n: usize,
) {
    if n == 0 {
        return;
    }
    let mut rooms = [(); 2].map(|()| Chunk::new());
    let [a, b] = &mut rooms;
    // SAFETY: as in `loop1`. Numbers that stand for all elements are read before anything is written: the result may lie on them.
    unsafe {
        if X1 {
            a.fill(*x);
        }
        if Y1 {
            b.fill(*y);
        }
        for start in (0..n / CHUNK * CHUNK).step_by(CHUNK) {
            let a = if X1 { a.get() } else { a.load(x.add(start), None) };
            let b = if Y1 { b.get() } else { b.load(y.add(start), None) };
            some2::<T, F, A, CHUNK>(a, b, dst.add(start));
        }
        for start in (n / CHUNK * CHUNK..n).step_by(GROUP) {
            let len = (n - start).min(GROUP);
            let a = if X1 { a.group() } else { a.load_some(x.add(start), len, None) };
            let b = if Y1 { b.group() } else { b.load_some(y.add(start), len, None) };
            let mut results = Chunk::new();
            some2::<T, F, A, GROUP>(a, b, results.start());
            std::ptr::copy_nonoverlapping(results.start(), dst.add(start), len);
        }
    }
}

/// Room for a chunk, on a line of the cache.
#[repr(C, align(64))]
struct Chunk<T>(MaybeUninit<[T; CHUNK]>);

impl<T: Num> Chunk<T> {
    #[inline(always)]
    fn new() -> Chunk<T> {
        Chunk(MaybeUninit::uninit())
    }

    #[inline(always)]
    fn start(&mut self) -> *mut T {
        self.0.as_mut_ptr().cast()
    }

    /// What was put there. Only after something was.
    #[inline(always)]
    unsafe fn get(&self) -> &[T; CHUNK] {
        // SAFETY: the caller's word.
        unsafe { self.0.assume_init_ref() }
    }

    /// The first of it.
    #[inline(always)]
    unsafe fn group(&self) -> &[T; GROUP] {
        // SAFETY: the caller's word.
        unsafe { &*self.0.as_ptr().cast() }
    }

    #[inline(always)]
    fn fill(&mut self, x: T) {
        self.0.write([x; CHUNK]);
    }

    /// A chunk, with a number taken off each.
    ///
    /// # Safety
    /// It is there.
    #[inline(always)]
    unsafe fn load(&mut self, from: *const T, less: Option<T>) -> &[T; CHUNK] {
        let to = self.start();
        // SAFETY: the caller's. Group by group: a copy of all would be a call.
        unsafe {
            for k in (0..CHUNK).step_by(COPIED) {
                let some = from.add(k).cast::<[T; COPIED]>().read_unaligned();
                let some = match less {
                    Some(less) => some.map(|x| x - less),
                    None => some,
                };
                to.add(k).cast::<[T; COPIED]>().write(some);
            }
            self.get()
        }
    }

    /// A group, of which `len` elements are there, filled up with the first of them.
    ///
    /// # Safety
    /// They are, and one at least.
    #[inline(always)]
    unsafe fn load_some(&mut self, from: *const T, len: usize, less: Option<T>) -> &[T; GROUP] {
        let to = self.start();
        // SAFETY: the caller's.
        unsafe {
            to.cast::<[T; GROUP]>().write([*from; GROUP]);
            std::ptr::copy_nonoverlapping(from, to, len);
            let group = &mut *to.cast::<[T; GROUP]>();
            if let Some(less) = less {
                *group = group.map(|x| x - less);
            }
            group
        }
    }
}

/// The loop over the elements that take the slow way is a second one, so that it does not keep the first from being vectorised.
///
/// # Safety
/// `out` holds `N` elements.
#[inline(always)]
unsafe fn some1<T: Num, F: Unary<T>, A: Fma, const N: usize>(x: &[T; N], out: *mut T) {
    // Counted, and in a number as wide as the elements: a flag would be packed into one of another width, vector by vector.
    let mut easy = T::Bits::default();
    for &x in x {
        easy = easy + T::Bits::from(F::easy(x));
    }
    // SAFETY: the caller's.
    unsafe {
        if easy == T::Bits::from(N as u8) {
            if A::PAIRS && N == CHUNK {
                for i in 0..N / 2 {
                    *out.add(i) = F::fast::<A>(x[i]);
                    *out.add(i + N / 2) = F::fast::<A>(x[i + N / 2]);
                }
                return;
            }
            for (i, &x) in x.iter().enumerate() {
                *out.add(i) = F::fast::<A>(x);
            }
            return;
        }
        for (i, &x) in x.iter().enumerate() {
            *out.add(i) = F::full::<A>(x);
        }
        for (i, &x) in x.iter().enumerate() {
            if F::rare(x) {
                *out.add(i) = F::slow(x);
            }
        }
    }
}

/// # Safety
/// As `some1`.
#[inline(always)]
unsafe fn some2<T: Num, F: Binary<T>, A: Fma, const N: usize>(x: &[T; N], y: &[T; N], out: *mut T) {
    let mut easy = T::Bits::default();
    for (&x, &y) in x.iter().zip(y) {
        easy = easy + T::Bits::from(F::easy(x, y));
    }
    // SAFETY: the caller's.
    unsafe {
        if easy == T::Bits::from(N as u8) {
            for i in 0..N {
                *out.add(i) = F::fast::<A>(x[i], y[i]);
            }
            return;
        }
        for i in 0..N {
            *out.add(i) = F::full::<A>(x[i], y[i]);
        }
    }
}
