//! The loops around the functions: arrays in, arrays out, with the machine's vector width chosen once per call.
//!
//! A chunk is copied to the stack first, so that the compiler knows that it does not overlap the destination even when
//! that is the source. The last chunk is filled up with copies of its first element: no scalar tail, and the
//! result for an element does not depend on where in the array it stands.

use super::num::{Fma, Fused, Plain};

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

/// A function of two numbers, with the same three ways.
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

    #[inline(always)]
    fn rare(_x: T, _y: T) -> bool {
        false
    }

    #[inline(never)]
    fn slow(x: T, y: T) -> T {
        Self::full::<Plain>(x, y)
    }
}

/// The instruction sets that loops are compiled for. Wider ones go here, into `best` and into `enter!`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Isa {
    /// What every machine of the target has.
    Base,
    /// 256-bit vectors and fused multiply-add.
    Avx2,
}

impl Isa {
    /// The best one of this machine. The detection is cached by the standard library.
    #[inline]
    pub fn best() -> Isa {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Isa::Avx2;
        }
        Isa::Base
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

/// `dst[i] = f(src[i])` for `n` elements.
///
/// # Safety
/// `src` and `dst` hold `n` elements each, and are the same or do not overlap.
pub unsafe fn map1<T: Copy, F: Unary<T>>(src: *const T, dst: *mut T, n: usize) {
    unsafe { map1_on::<T, F>(Isa::best(), src, dst, n) }
}

/// `dst[i] = f(x[i], y[i])` for `n` elements.
///
/// # Safety
/// `x`, `y` and `dst` hold `n` elements each; `dst` is the same as one of the others or does not overlap it.
pub unsafe fn map2<T: Copy, F: Binary<T>>(x: *const T, y: *const T, dst: *mut T, n: usize) {
    unsafe { map2_on::<T, F>(Isa::best(), x, y, dst, n) }
}

/// `map1` with a given instruction set.
///
/// # Safety
/// As `map1`; and the machine has the instructions.
pub unsafe fn map1_on<T: Copy, F: Unary<T>>(isa: Isa, src: *const T, dst: *mut T, n: usize) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { map1_avx2::<T, F>(src, dst, n) },
        _ => unsafe { loop1::<T, F, BaseFma>(src, dst, n) },
    }
}

/// `map2` with a given instruction set.
///
/// # Safety
/// As `map2`; and the machine has the instructions.
pub unsafe fn map2_on<T: Copy, F: Binary<T>>(isa: Isa, x: *const T, y: *const T, dst: *mut T, n: usize) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { map2_avx2::<T, F>(x, y, dst, n) },
        _ => unsafe { loop2::<T, F, BaseFma>(x, y, dst, n) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn map1_avx2<T: Copy, F: Unary<T>>(src: *const T, dst: *mut T, n: usize) {
    unsafe { loop1::<T, F, Fused>(src, dst, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn map2_avx2<T: Copy, F: Binary<T>>(x: *const T, y: *const T, dst: *mut T, n: usize) {
    unsafe { loop2::<T, F, Fused>(x, y, dst, n) }
}

#[inline(always)]
unsafe fn loop1<T: Copy, F: Unary<T>, A: Fma>(src: *const T, dst: *mut T, n: usize) {
    let mut start = 0;
    while start < n {
        let len = (n - start).min(CHUNK);
        let padded = len.next_multiple_of(GROUP);
        let x = unsafe { load(src.add(start), len) };
        let mut spare = [x[0]; CHUNK];
        let out = if len == padded { unsafe { dst.add(start) } } else { spare.as_mut_ptr() };
        unsafe { chunk1::<T, F, A>(&x, out, padded) };
        if len < padded {
            unsafe { std::ptr::copy_nonoverlapping(spare.as_ptr(), dst.add(start), len) };
        }
        start += len;
    }
}

#[inline(always)]
unsafe fn loop2<T: Copy, F: Binary<T>, A: Fma>(x: *const T, y: *const T, dst: *mut T, n: usize) {
    let mut start = 0;
    while start < n {
        let len = (n - start).min(CHUNK);
        let padded = len.next_multiple_of(GROUP);
        let (a, b) = unsafe { (load(x.add(start), len), load(y.add(start), len)) };
        let mut spare = [a[0]; CHUNK];
        let out = if len == padded { unsafe { dst.add(start) } } else { spare.as_mut_ptr() };
        unsafe { chunk2::<T, F, A>(&a, &b, out, padded) };
        if len < padded {
            unsafe { std::ptr::copy_nonoverlapping(spare.as_ptr(), dst.add(start), len) };
        }
        start += len;
    }
}

/// The next elements, filled up with the first.
#[inline(always)]
unsafe fn load<T: Copy>(src: *const T, len: usize) -> [T; CHUNK] {
    if len == CHUNK {
        return unsafe { *(src as *const [T; CHUNK]) };
    }
    let mut chunk = [unsafe { *src }; CHUNK];
    unsafe { std::ptr::copy_nonoverlapping(src, chunk.as_mut_ptr(), len) };
    chunk
}

/// `len` is a multiple of `GROUP`, which spares the vector loops a scalar rest.
#[inline(always)]
unsafe fn chunk1<T: Copy, F: Unary<T>, A: Fma>(x: &[T; CHUNK], out: *mut T, len: usize) {
    let len = len & !(GROUP - 1);
    let mut hard = 0u64;
    for &x in &x[..len] {
        hard |= !F::easy(x) as u64;
    }
    if hard == 0 {
        for i in 0..len {
            unsafe { *out.add(i) = F::fast::<A>(*x.get_unchecked(i)) };
        }
        return;
    }
    for i in 0..len {
        unsafe { *out.add(i) = F::full::<A>(*x.get_unchecked(i)) };
    }
    for (i, &x) in x[..len].iter().enumerate() {
        if F::rare(x) {
            unsafe { *out.add(i) = F::slow(x) };
        }
    }
}

#[inline(always)]
unsafe fn chunk2<T: Copy, F: Binary<T>, A: Fma>(x: &[T; CHUNK], y: &[T; CHUNK], out: *mut T, len: usize) {
    let len = len & !(GROUP - 1);
    let mut hard = 0u64;
    for (&x, &y) in x[..len].iter().zip(&y[..len]) {
        hard |= !F::easy(x, y) as u64;
    }
    if hard == 0 {
        for i in 0..len {
            unsafe { *out.add(i) = F::fast::<A>(*x.get_unchecked(i), *y.get_unchecked(i)) };
        }
        return;
    }
    for i in 0..len {
        unsafe { *out.add(i) = F::full::<A>(*x.get_unchecked(i), *y.get_unchecked(i)) };
    }
    for i in 0..len {
        let (x, y) = (x[i], y[i]);
        if F::rare(x, y) {
            unsafe { *out.add(i) = F::slow(x, y) };
        }
    }
}
