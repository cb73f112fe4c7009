//! The operations of arithmetic on floats, alone, in pairs and as folds, for every CPU.
//!
//! In: operations. Out: functions over blocks that do one, or two in a row, in one pass: `a * b + c` reads three blocks and
//! writes one, where two passes would write and read the product too. In cache a pass is bound by its loads and
//! stores, so this is where chains of cheap operations spend their time.
//!
//! Nothing is contracted: each operation rounds, so results are those of the operations one by one, to the bit.
//! Operands that are one number are repeated in a vector that is read again and again (a step of 0): one function serves
//! vectors and numbers alike, at the price of a load that always hits the first-level cache.

use crate::base::DType;
use crate::graph::lane::{Cpu, cpu};

/// Computes `n` elements from two or three operands; bit i of the mask says that operand i is one number. `out` may be an
/// operand.
pub type BasicLane = unsafe fn(ins: *const *const u8, single: u8, out: *mut u8, n: usize);

/// An operation of arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    /// The larger; a nan wins, and of equal ones the first.
    Max,
    Min,
}

/// What the second operation of a pair does with the first one's value `i` and the third operand `c`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outer {
    /// `i op c`
    Left(Arith),
    /// `c op i`
    Right(Arith),
    /// `i * i`
    Square,
}

/// A vector of floats.
trait Vector: Copy {
    type T: Copy + Float;
    const N: usize;
    /// Sums, products, maxima and minima of nothing.
    const STARTS: [Self::T; 4] = [Self::T::ZERO, Self::T::ONE, Self::T::LOW, Self::T::HIGH];
    unsafe fn load(p: *const Self::T) -> Self;
    unsafe fn store(self, p: *mut Self::T);
    unsafe fn add(self, o: Self) -> Self;
    unsafe fn sub(self, o: Self) -> Self;
    unsafe fn mul(self, o: Self) -> Self;
    unsafe fn div(self, o: Self) -> Self;
    unsafe fn max(self, o: Self) -> Self;
    unsafe fn min(self, o: Self) -> Self;
}

/// What the rest of a block, shorter than a vector, is computed with.
trait Float:
    Copy
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    const LOW: Self;
    const HIGH: Self;
}
macro_rules! float {
    ($t:ty) => {
        impl Float for $t {
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            const LOW: $t = <$t>::NEG_INFINITY;
            const HIGH: $t = <$t>::INFINITY;
        }
    };
}
float!(f32);
float!(f64);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    macro_rules! vector {
        ($v:ty, $t:ty, $n:literal, $load:ident $store:ident $add:ident $sub:ident $mul:ident $div:ident
            $max:ident $min:ident |$a:ident, $m:ident| $nan:expr) => {
            // SAFETY (all): only called from functions that the features are enabled in.
            impl Vector for $v {
                type T = $t;
                const N: usize = $n;
                #[inline(always)]
                unsafe fn load(p: *const $t) -> Self {
                    unsafe { $load(p) }
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut $t) {
                    unsafe { $store(p, self) }
                }
                #[inline(always)]
                unsafe fn add(self, o: Self) -> Self {
                    unsafe { $add(self, o) }
                }
                #[inline(always)]
                unsafe fn sub(self, o: Self) -> Self {
                    unsafe { $sub(self, o) }
                }
                #[inline(always)]
                unsafe fn mul(self, o: Self) -> Self {
                    unsafe { $mul(self, o) }
                }
                #[inline(always)]
                unsafe fn div(self, o: Self) -> Self {
                    unsafe { $div(self, o) }
                }
                // The machine's instruction gives its second operand where both are equal or one is a nan: the operands are
                // swapped, and where the other is a nan, it is put back.
                #[inline(always)]
                unsafe fn max(self, o: Self) -> Self {
                    let ($a, $m) = unsafe { (o, $max(o, self)) };
                    unsafe { $nan }
                }
                #[inline(always)]
                unsafe fn min(self, o: Self) -> Self {
                    let ($a, $m) = unsafe { (o, $min(o, self)) };
                    unsafe { $nan }
                }
            }
        };
    }
    vector!(__m512d, f64, 8, _mm512_loadu_pd _mm512_storeu_pd _mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_div_pd
        _mm512_max_pd _mm512_min_pd |a, m| _mm512_mask_mov_pd(m, _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(a, a), a));
    vector!(__m512, f32, 16, _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps
        _mm512_max_ps _mm512_min_ps |a, m| _mm512_mask_mov_ps(m, _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a), a));
    vector!(__m256d, f64, 4, _mm256_loadu_pd _mm256_storeu_pd _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_div_pd
        _mm256_max_pd _mm256_min_pd |a, m| _mm256_blendv_pd(m, a, _mm256_cmp_pd::<_CMP_UNORD_Q>(a, a)));
    vector!(__m256, f32, 8, _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps
        _mm256_max_ps _mm256_min_ps |a, m| _mm256_blendv_ps(m, a, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a)));
}

/// The vector of CPUs without a path of their own: the compiler makes of it what the target always has (SSE2, NEON).
#[derive(Clone, Copy)]
struct Four<T>([T; 4]);

macro_rules! four {
    ($t:ty) => {
        // SAFETY (all): the caller's pointers hold four elements.
        impl Vector for Four<$t> {
            type T = $t;
            const N: usize = 4;
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                Four(unsafe { p.cast::<[$t; 4]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                unsafe { p.cast::<[$t; 4]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn add(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| self.0[k] + o.0[k]))
            }
            #[inline(always)]
            unsafe fn sub(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| self.0[k] - o.0[k]))
            }
            #[inline(always)]
            unsafe fn mul(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| self.0[k] * o.0[k]))
            }
            #[inline(always)]
            unsafe fn div(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| self.0[k] / o.0[k]))
            }
            #[inline(always)]
            unsafe fn max(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| Max::one(self.0[k], o.0[k])))
            }
            #[inline(always)]
            unsafe fn min(self, o: Self) -> Self {
                Four(std::array::from_fn(|k| Min::one(self.0[k], o.0[k])))
            }
        }
    };
}
four!(f32);
four!(f64);

/// An operation as a type.
trait Op {
    unsafe fn wide<V: Vector>(a: V, b: V) -> V;
    fn one<T: Float>(a: T, b: T) -> T;
}

struct Add;
struct Sub;
struct Mul;
struct Div;
/// The operands the other way round.
struct Swapped<O>(std::marker::PhantomData<O>);

macro_rules! op {
    ($name:ident $method:ident $sign:tt) => {
        impl Op for $name {
            #[inline(always)]
            unsafe fn wide<V: Vector>(a: V, b: V) -> V {
                // SAFETY: the caller's.
                unsafe { a.$method(b) }
            }
            #[inline(always)]
            fn one<T: Float>(a: T, b: T) -> T {
                a $sign b
            }
        }
    };
}
op!(Add add +);
op!(Sub sub -);
op!(Mul mul *);
op!(Div div /);

struct Max;
struct Min;

macro_rules! most {
    ($name:ident $method:ident $sign:tt) => {
        impl Op for $name {
            #[inline(always)]
            unsafe fn wide<V: Vector>(a: V, b: V) -> V {
                // SAFETY: the caller's.
                unsafe { a.$method(b) }
            }
            #[inline(always)]
            #[allow(clippy::eq_op)]
            fn one<T: Float>(a: T, b: T) -> T {
                if a $sign b || a != a { a } else { b }
            }
        }
    };
}
most!(Max max >=);
most!(Min min <=);
impl<O: Op> Op for Swapped<O> {
    #[inline(always)]
    unsafe fn wide<V: Vector>(a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe { O::wide(b, a) }
    }
    #[inline(always)]
    fn one<T: Float>(a: T, b: T) -> T {
        O::one(b, a)
    }
}

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
unsafe fn alone<V: Vector, O: Op>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
    let mut rooms = [(); 2].map(|()| Repeated::new());
    let [ra, rb] = &mut rooms;
    // SAFETY: the lane's contract.
    unsafe {
        let mut a = Reader::<V>::new(*ins, single & 1 != 0, ra);
        let mut b = Reader::<V>::new(*ins.add(1), single & 2 != 0, rb);
        let mut out = out.cast::<V::T>();
        for _ in 0..n / V::N {
            O::wide(a.next(), b.next()).store(out);
            out = out.add(V::N);
        }
        for k in 0..n % V::N {
            out.add(k).write_unaligned(O::one(a.element(k), b.element(k)));
        }
    }
}

#[inline(always)]
unsafe fn pair<V: Vector, I: Op, O: Op>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
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

#[inline(always)]
unsafe fn squared<V: Vector, I: Op>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
    let mut rooms = [(); 2].map(|()| Repeated::new());
    let [ra, rb] = &mut rooms;
    // SAFETY: the lane's contract.
    unsafe {
        let mut a = Reader::<V>::new(*ins, single & 1 != 0, ra);
        let mut b = Reader::<V>::new(*ins.add(1), single & 2 != 0, rb);
        let mut out = out.cast::<V::T>();
        for _ in 0..n / V::N {
            let i = I::wide(a.next(), b.next());
            i.mul(i).store(out);
            out = out.add(V::N);
        }
        for k in 0..n % V::N {
            let i = I::one(a.element(k), b.element(k));
            out.add(k).write_unaligned(i * i);
        }
    }
}

/// Independent sums of a stretch that is folded into one element: enough to hide the latency of an addition. Part of the result:
/// which elements are added to which depends on it.
pub const LANES: usize = 32;

/// Folds n elements into one: 32 running values, then their halves.
#[inline(always)]
unsafe fn segment<V: Vector, O: Op>(from: *const u8, n: usize, start: V::T, out: *mut u8) {
    let from = from.cast::<V::T>();
    let mut lanes = [start; LANES];
    // SAFETY: n elements from `from`, one at `out`.
    unsafe {
        match LANES / V::N {
            2 => running::<V, O, 2>(from, n, &mut lanes),
            4 => running::<V, O, 4>(from, n, &mut lanes),
            _ => running::<V, O, 8>(from, n, &mut lanes),
        }
        for (k, i) in (n / LANES * LANES..n).enumerate() {
            lanes[k] = O::one(lanes[k], from.add(i).read_unaligned());
        }
        let mut half = LANES / 2;
        while half > 0 {
            for k in 0..half {
                lanes[k] = O::one(lanes[k], lanes[k + half]);
            }
            half /= 2;
        }
        out.cast::<V::T>().write_unaligned(lanes[0]);
    }
}

#[inline(always)]
unsafe fn running<V: Vector, O: Op, const R: usize>(from: *const V::T, n: usize, lanes: &mut [V::T; LANES]) {
    // SAFETY: `R` vectors are `LANES` elements.
    unsafe {
        let mut sums: [V; R] = std::array::from_fn(|r| V::load(lanes.as_ptr().add(r * V::N)));
        for i in 0..n / LANES {
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = O::wide(*sum, V::load(from.add(i * LANES + r * V::N)));
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            sum.store(lanes.as_mut_ptr().add(r * V::N));
        }
    }
}

/// Folds n elements into one.
pub type Segment = unsafe fn(from: *const u8, n: usize, out: *mut u8);
/// Folds n elements into n accumulators.
pub type Line = unsafe fn(from: *const u8, n: usize, into: *mut u8);

/// The functions of one CPU path and dtype.
macro_rules! path {
    ($module:ident, $v64:ty, $v32:ty $(, #[$feature:meta])?) => {
        mod $module {
            use super::*;
            #[allow(unused_imports)]
            #[cfg(target_arch = "x86_64")]
            use std::arch::x86_64::*;

            $(#[$feature])?
            unsafe fn alone<V: Vector, O: Op>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
                // SAFETY: passed on.
                unsafe { super::alone::<V, O>(ins, single, out, n) }
            }
            $(#[$feature])?
            unsafe fn pair<V: Vector, I: Op, O: Op>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
                // SAFETY: passed on.
                unsafe { super::pair::<V, I, O>(ins, single, out, n) }
            }
            $(#[$feature])?
            unsafe fn squared<V: Vector, I: Op>(ins: *const *const u8, single: u8, out: *mut u8, n: usize) {
                // SAFETY: passed on.
                unsafe { super::squared::<V, I>(ins, single, out, n) }
            }

            $(#[$feature])?
            unsafe fn line<V: Vector, O: Op>(from: *const u8, n: usize, into: *mut u8) {
                // SAFETY: an accumulator is an operand and the result.
                unsafe { super::alone::<V, O>([into.cast_const(), from].as_ptr(), 0, into, n) }
            }
            $(#[$feature])?
            unsafe fn segment<V: Vector, O: Op, const K: usize>(from: *const u8, n: usize, out: *mut u8) {
                // SAFETY: passed on.
                unsafe { super::segment::<V, O>(from, n, V::STARTS[K], out) }
            }

            fn folding<V: Vector>(op: Arith) -> Option<(Segment, Line)> {
                Some(match op {
                    Arith::Add => (segment::<V, Add, 0>, line::<V, Add>),
                    Arith::Mul => (segment::<V, Mul, 1>, line::<V, Mul>),
                    Arith::Max => (segment::<V, Max, 2>, line::<V, Max>),
                    Arith::Min => (segment::<V, Min, 3>, line::<V, Min>),
                    Arith::Sub | Arith::Div => return None,
                })
            }

            pub fn fold_lanes(op: Arith, dtype: DType) -> Option<(Segment, Line)> {
                match dtype {
                    DType::F64 => folding::<$v64>(op),
                    DType::F32 => folding::<$v32>(op),
                    _ => None,
                }
            }

            fn one<V: Vector>(op: Arith) -> BasicLane {
                match op {
                    Arith::Add => alone::<V, Add>,
                    Arith::Sub => alone::<V, Sub>,
                    Arith::Mul => alone::<V, Mul>,
                    Arith::Div => alone::<V, Div>,
                    Arith::Max => alone::<V, Max>,
                    Arith::Min => alone::<V, Min>,
                }
            }

            fn outer<V: Vector, I: Op>(outer: Outer) -> BasicLane {
                match outer {
                    Outer::Left(Arith::Add) | Outer::Right(Arith::Add) => pair::<V, I, Add>,
                    Outer::Left(Arith::Mul) | Outer::Right(Arith::Mul) => pair::<V, I, Mul>,
                    Outer::Left(Arith::Sub) => pair::<V, I, Sub>,
                    Outer::Right(Arith::Sub) => pair::<V, I, Swapped<Sub>>,
                    Outer::Left(Arith::Div) => pair::<V, I, Div>,
                    Outer::Right(Arith::Div) => pair::<V, I, Swapped<Div>>,
                    Outer::Left(Arith::Max) => pair::<V, I, Max>,
                    Outer::Right(Arith::Max) => pair::<V, I, Swapped<Max>>,
                    Outer::Left(Arith::Min) => pair::<V, I, Min>,
                    Outer::Right(Arith::Min) => pair::<V, I, Swapped<Min>>,
                    Outer::Square => squared::<V, I>,
                }
            }

            fn two<V: Vector>(inner: Arith, then: Outer) -> BasicLane {
                match inner {
                    Arith::Add => outer::<V, Add>(then),
                    Arith::Sub => outer::<V, Sub>(then),
                    Arith::Mul => outer::<V, Mul>(then),
                    Arith::Div => outer::<V, Div>(then),
                    Arith::Max => outer::<V, Max>(then),
                    Arith::Min => outer::<V, Min>(then),
                }
            }

            pub fn lane(op: Arith, dtype: DType) -> Option<BasicLane> {
                match dtype {
                    DType::F64 => Some(one::<$v64>(op)),
                    DType::F32 => Some(one::<$v32>(op)),
                    _ => None,
                }
            }

            pub fn pair_lane(inner: Arith, then: Outer, dtype: DType) -> Option<BasicLane> {
                match dtype {
                    DType::F64 => Some(two::<$v64>(inner, then)),
                    DType::F32 => Some(two::<$v32>(inner, then)),
                    _ => None,
                }
            }
        }
    };
}
path!(baseline, Four<f64>, Four<f32>);
#[cfg(target_arch = "x86_64")]
path!(avx2, __m256d, __m256, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
path!(avx512, __m512d, __m512, #[target_feature(enable = "avx512f")]);

/// One operation, for the dtypes that have a lane here.
pub fn lane(op: Arith, dtype: DType) -> Option<BasicLane> {
    match cpu() {
        #[cfg(target_arch = "x86_64")]
        Cpu::Avx512 => avx512::lane(op, dtype),
        #[cfg(target_arch = "x86_64")]
        Cpu::Avx2 => avx2::lane(op, dtype),
        _ => baseline::lane(op, dtype),
    }
}

/// Two operations in one pass.
pub fn pair_lane(inner: Arith, then: Outer, dtype: DType) -> Option<BasicLane> {
    match cpu() {
        #[cfg(target_arch = "x86_64")]
        Cpu::Avx512 => avx512::pair_lane(inner, then, dtype),
        #[cfg(target_arch = "x86_64")]
        Cpu::Avx2 => avx2::pair_lane(inner, then, dtype),
        _ => baseline::pair_lane(inner, then, dtype),
    }
}

/// Folds of floats by an operation: of a stretch into one element, and of a line into accumulators.
pub fn fold_lanes(op: Arith, dtype: DType) -> Option<(Segment, Line)> {
    match cpu() {
        #[cfg(target_arch = "x86_64")]
        Cpu::Avx512 => avx512::fold_lanes(op, dtype),
        #[cfg(target_arch = "x86_64")]
        Cpu::Avx2 => avx2::fold_lanes(op, dtype),
        _ => baseline::fold_lanes(op, dtype),
    }
}
