//! The loops around the functions: arrays in, arrays out, with the machine's vector width chosen once per call.
//!
//! A chunk is copied to the stack first, so that the compiler knows that it does not overlap the destination even when
//! that is the source. The last chunk is filled up with copies of its first element: no scalar tail, and the
//! result for an element does not depend on where in the array it stands.
//!
//! The copy begins on a line of the cache. Where the stack happened to be otherwise, every vector of it lay across two
//! lines, and the exponential of an array took 14.4 ms instead of 7.2: the depth of the calls around it decided.

use super::num::{Fma, Fused, Num, Plain};
use crate::base::ahead;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// A function of one number. Three ways to compute it, of which a chunk of numbers takes the first that suits all of it.
pub trait Unary<T: Copy>: Copy {
    /// Right wherever `easy` holds. Branch-free.
    fn fast<A: Fma>(x: T) -> T;

    #[inline(always)]
    fn easy(_x: T) -> bool {
        true
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
type BaseFma = Fused;
#[cfg(not(any(target_arch = "aarch64", target_feature = "fma")))]
type BaseFma = Plain;

/// Elements of a chunk, and how many of them are computed at least. Both are multiples of every vector length.
const CHUNK: usize = 64;
const GROUP: usize = 16;

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
pub fn kernel2<T: Copy, F: Binary<T>>(isa: Isa, single: [bool; 2]) -> Kernel {
    match single {
        [false, false] => kernel2_of::<T, F, false, false>(isa),
        [true, false] => kernel2_of::<T, F, true, false>(isa),
        [false, true] => kernel2_of::<T, F, false, true>(isa),
        [true, true] => kernel2_of::<T, F, true, true>(isa),
    }
}

fn kernel2_of<T: Copy, F: Binary<T>, const X1: bool, const Y1: bool>(isa: Isa) -> Kernel {
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

unsafe fn base2<T: Copy, F: Binary<T>, const X1: bool, const Y1: bool>(ins: *const *const u8, out: *mut u8, n: usize) {
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
    unsafe { loop1::<T, F, Fused>((*ins).cast(), out.cast(), n, *around) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_2<T: Copy, F: Binary<T>, const X1: bool, const Y1: bool>(ins: *const *const u8, out: *mut u8, n: usize) {
    // SAFETY: passed on.
    unsafe { loop2::<T, F, Fused, X1, Y1>((*ins).cast(), (*ins.add(1)).cast(), out.cast(), n) }
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
    unsafe { loop1::<T, F, Fused>((*ins).cast(), out.cast(), n, *around) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn avx512_2<T: Copy, F: Binary<T>, const X1: bool, const Y1: bool>(
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
    let mut start = 0;
    // Read before anything is written: the result may lie on it.
    // SAFETY: a number is there, if anything is.
    let less = (!around.less.is_null()).then(|| unsafe { around.less.cast::<T>().read_unaligned() });
    let summed = !around.sum.is_null();
    let mut sums = [T::ZERO; SUMS];
    let (mut chunk, mut spare) = (Chunk::room(), Chunk::room());
    while start < n {
        // SAFETY: `start + len <= n`, and `spare` holds a chunk.
        unsafe {
            let len = (n - start).min(CHUNK);
            if !around.ask.is_null() {
                ahead::all_to_read(around.ask.wrapping_add(start * size_of::<T>()), CHUNK * size_of::<T>());
            }
            let x = match less {
                Some(less) => chunk.load_less(src, start, len, less),
                None => chunk.load(src, start, len),
            };
            let whole = len.is_multiple_of(GROUP);
            let out = if whole { dst.add(start) } else { spare.start() };
            chunk1::<T, F, A>(x, out, len.next_multiple_of(GROUP));
            if summed {
                add_to::<T>(&mut sums, out, len);
            }
            if !whole {
                std::ptr::copy_nonoverlapping(spare.start(), dst.add(start), len);
            }
            start += len;
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
unsafe fn loop2<T: Copy, F: Binary<T>, A: Fma, const X1: bool, const Y1: bool>(
    x: *const T,
    y: *const T,
    dst: *mut T,
    n: usize,
) {
    if n == 0 {
        return;
    }
    // Numbers that stand for all elements are read before anything is written: the result may lie on them.
    // SAFETY: there is at least one element.
    let (x1, y1) = unsafe { (Chunk::of(*x), Chunk::of(*y)) };
    let (mut a, mut b, mut spare) = (Chunk::room(), Chunk::room(), Chunk::room());
    let mut start = 0;
    while start < n {
        // SAFETY: as in `loop1`.
        unsafe {
            let len = (n - start).min(CHUNK);
            let a = if X1 { x1.get() } else { a.load(x, start, len) };
            let b = if Y1 { y1.get() } else { b.load(y, start, len) };
            let whole = len.is_multiple_of(GROUP);
            let out = if whole { dst.add(start) } else { spare.start() };
            chunk2::<T, F, A>(a, b, out, len.next_multiple_of(GROUP));
            if !whole {
                std::ptr::copy_nonoverlapping(spare.start(), dst.add(start), len);
            }
            start += len;
        }
    }
}

/// Room for a chunk, on a line of the cache.
#[repr(C, align(64))]
struct Chunk<T>(MaybeUninit<[T; CHUNK]>);

impl<T: Copy> Chunk<T> {
    #[inline(always)]
    fn room() -> Chunk<T> {
        Chunk(MaybeUninit::uninit())
    }

    #[inline(always)]
    fn of(x: T) -> Chunk<T> {
        Chunk(MaybeUninit::new([x; CHUNK]))
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

    /// The `len` elements from `start`, filled up with the first of them.
    #[inline(always)]
    unsafe fn load(&mut self, src: *const T, start: usize, len: usize) -> &[T; CHUNK] {
        // SAFETY: `src` holds `start + len` elements.
        unsafe {
            let src = src.add(start);
            if len == CHUNK {
                return self.0.write(*src.cast::<[T; CHUNK]>());
            }
            let chunk = self.0.write([*src; CHUNK]);
            std::ptr::copy_nonoverlapping(src, chunk.as_mut_ptr(), len);
            chunk
        }
    }
}

impl<T: Num> Chunk<T> {
    /// The same, with a number taken off each.
    #[inline(always)]
    unsafe fn load_less(&mut self, src: *const T, start: usize, len: usize, less: T) -> &[T; CHUNK] {
        // SAFETY: `src` holds `start + len` elements.
        unsafe {
            if len < CHUNK {
                self.load(src, start, len);
                let chunk = self.0.assume_init_mut();
                *chunk = chunk.map(|x| x - less);
                return chunk;
            }
            let src = src.add(start);
            let chunk = self.0.write([less; CHUNK]);
            for (k, x) in chunk.iter_mut().enumerate() {
                *x = *src.add(k) - less;
            }
            chunk
        }
    }
}

/// `len` is a multiple of `GROUP`, which spares the vector loops a scalar rest. The loop over the elements that take the
/// slow way is a second one, so that it does not keep the first from being vectorised.
#[inline(always)]
unsafe fn chunk1<T: Copy, F: Unary<T>, A: Fma>(x: &[T; CHUNK], out: *mut T, len: usize) {
    let len = (len & !(GROUP - 1)).min(CHUNK);
    let mut easy = true;
    for &x in &x[..len] {
        easy &= F::easy(x);
    }
    // SAFETY: `out` holds `len` elements, and `len <= CHUNK`.
    unsafe {
        if easy {
            for i in 0..len {
                *out.add(i) = F::fast::<A>(*x.get_unchecked(i));
            }
            return;
        }
        for i in 0..len {
            *out.add(i) = F::full::<A>(*x.get_unchecked(i));
        }
        for (i, &x) in x[..len].iter().enumerate() {
            if F::rare(x) {
                *out.add(i) = F::slow(x);
            }
        }
    }
}

#[inline(always)]
unsafe fn chunk2<T: Copy, F: Binary<T>, A: Fma>(x: &[T; CHUNK], y: &[T; CHUNK], out: *mut T, len: usize) {
    let len = (len & !(GROUP - 1)).min(CHUNK);
    let mut easy = true;
    for (&x, &y) in x[..len].iter().zip(&y[..len]) {
        easy &= F::easy(x, y);
    }
    // SAFETY: as in `chunk1`.
    unsafe {
        if easy {
            for i in 0..len {
                *out.add(i) = F::fast::<A>(*x.get_unchecked(i), *y.get_unchecked(i));
            }
            return;
        }
        for i in 0..len {
            *out.add(i) = F::full::<A>(*x.get_unchecked(i), *y.get_unchecked(i));
        }
    }
}
