//! Values that come from nowhere: each element from its own position. Also random numbers, which are just that.
//!
//! Random numbers are Philox 4x32-10 (Salmon et al., SC 2011), keyed by the seed and the number of the call, indexed by the
//! element: every device, thread count and fusion gives the same stream.

use super::*;
use crate::base::math::{Cos, Isa, Kernel, Log, Sin, kernel1};
use crate::base::{DType, Elem, Fault, Half, Result, Shape};
use crate::graph::{Call, Types, bits_of, from_bits};
use crate::prims;

prims! {
    /// `start + step * i` for the row-major position i: what `arange`, ranges and `linspace` are made of.
    ///
    /// > iota(10, 2, shape=3)
    /// [10, 12, 14]
    iota(start, step; shape: Ints = Required) {
        dtype: rule::number,
        shape: numbers_to_shape,
        position: { wgsl: "iota(at, start, step)", |at, out, n, ins, dtype| unsafe {
            // SAFETY: the contract of `PositionFn`.
            match dtype {
                DType::F64 => steps::<f64>(at, out, n, ins, |s, d, i| s + d * i as f64),
                DType::F16 => steps::<Half>(at, out, n, ins, |s, d, i| Half::from_f64(s.to_f64() + d.to_f64() * i as f64)),
                DType::F32 => steps::<f32>(at, out, n, ins, |s, d, i| (s as f64 + d as f64 * i as f64) as f32),
                _ => steps::<i64>(at, out, n, ins, |s, d, i| s.wrapping_add(d.wrapping_mul(i as i64))),
            }
        } },
        vjp(g, _) "start gets sum(g), step gets sum(g * iota(0, 1, shape))": [
            sum(g, Attr::None, false),
            sum(&(g * iota(&Expr::weak(0i64), &Expr::weak(1i64), shape)), Attr::None, false)
        ],
    }

    /// Uniform numbers in [0, 1) from a key; `rand` draws the key for you.
    ///
    /// > sum(random_uniform(7, shape=1000, dtype=f64) < 1)
    /// 1000
    random_uniform(key; shape: Ints = Required, dtype: DType = Required) {
        dtype: drawn,
        shape: numbers_to_shape,
        position: { wgsl: "random_uniform(at, key)", |at, out, n, ins, dtype| unsafe {
            // SAFETY: the contract of `PositionFn`.
            match dtype {
                // Eleven bits: what is rounded to that many might be 1.
                DType::F16 => draw::<Half, 4>(at, out, n, ins[0], each(|w| w.map(|w| Half::from_f32((w >> 21) as f32 / 2048.0)))),
                DType::F32 => draw::<f32, 4>(at, out, n, ins[0], each(|w| w.map(unit32))),
                _ => draw::<f64, 2>(at, out, n, ins[0], each(|w| [unit64(w[0], w[1]), unit64(w[2], w[3])])),
            }
        } },
        vjp: zero,
    }

    /// Standard normal numbers from a key (Box–Muller); `randn` draws the key for you.
    ///
    /// > abs(mean(random_normal(7, shape=10000, dtype=f64))) < 0.05
    /// true
    random_normal(key; shape: Ints = Required, dtype: DType = Required) {
        dtype: drawn,
        shape: numbers_to_shape,
        position: { wgsl: "random_normal(at, key)", |at, out, n, ins, dtype| unsafe {
            // SAFETY: the contract of `PositionFn`.
            match dtype {
                DType::F16 => draw::<Half, 4>(at, out, n, ins[0], |words, values, count| {
                    let mut normal = [[0f32; 4]; SOME];
                    normal32(words, &mut normal, count);
                    values.iter_mut().zip(normal).take(count).for_each(|(v, x)| *v = x.map(Half::from_f32));
                }),
                DType::F32 => draw::<f32, 4>(at, out, n, ins[0], normal32),
                _ => draw::<f64, 2>(at, out, n, ins[0], normal64),
            }
        } },
        vjp: zero,
    }

    /// Random ints in 0 … 2^63-1 from a key; `randint` draws the key and folds them into a range.
    ///
    /// > all(random_bits(7, shape=100) >= 0)
    /// true
    random_bits(key; shape: Ints = Required) {
        dtype: |_| Ok(Types::all(1, DType::I64, DType::I64)),
        shape: numbers_to_shape,
        position: { wgsl: "random_bits(at, key)", |at, out, n, ins, _| unsafe {
            // SAFETY: the contract of `PositionFn`.
            draw::<i64, 2>(at, out, n, ins[0], each(|w| {
                let join = |a: u32, b: u32| (((a as u64) << 32 | b as u64) >> 1) as i64;
                [join(w[0], w[1]), join(w[2], w[3])]
            }))
        } },
        vjp: zero,
    }
}

/// Inputs must be single numbers; the shape is the attribute's.
fn numbers_to_shape(c: &mut Call) -> Result<Shape> {
    if let Some(at) = c.ins.iter().position(|e| e.size() != 1) {
        let fault = Fault::new(format!("{}: expected one number, found shape {}", c.prim.name, c.ins[at].shape()));
        return Err(fault.side(at, "is not one number"));
    }
    let shape = rule::sizes(c.prim.name, c.attr("shape"))?;
    let dtype = (c.prim.dtype)(c)?.out;
    rule::sized(shape, dtype)
}

fn drawn(c: &Call) -> Result<Types> {
    match c.attr("dtype") {
        Attr::DType(d) if d.is_float() => Ok(Types { ins: smallvec::smallvec![DType::I64], out: *d }),
        other => Err(Fault::new(format!("{}: expected a float dtype, found {other}", c.prim.name))
            .hint("dtype=f16, dtype=f32 or dtype=f64")),
    }
}

/// # Safety
/// The contract of `PositionFn`; `T` is the dtype's type.
unsafe fn steps<T: Elem>(at: *const u64, out: *mut u8, n: usize, ins: &[u64], f: impl Fn(T, T, u64) -> T) {
    // SAFETY: passed on; `wide` only where the machine has these vectors.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            unsafe fn wide<T: Elem>(at: *const u64, out: *mut u8, n: usize, ins: &[u64], f: impl Fn(T, T, u64) -> T) {
                // SAFETY: passed on.
                unsafe { each_step(at, out, n, ins, f) }
            }
            if Isa::chosen() != Isa::Base {
                return wide(at, out, n, ins, f);
            }
        }
        each_step(at, out, n, ins, f);
    }
}

/// # Safety
/// As `steps`.
#[inline(always)]
unsafe fn each_step<T: Elem>(at: *const u64, out: *mut u8, n: usize, ins: &[u64], f: impl Fn(T, T, u64) -> T) {
    let (start, step) = (from_bits::<T>(ins[0]), from_bits::<T>(ins[1]));
    let out = out.cast::<T>();
    for k in 0..n {
        // SAFETY: both hold n elements.
        unsafe { *out.add(k) = f(start, step, *at.add(k)) };
    }
}

/// Blocks of random words that are drawn together.
const SOME: usize = 64;
/// Blocks that are computed side by side: what vectors hold.
const BESIDE: usize = 8;

/// The first words of some blocks, the second ones, and so on.
type Words = [[u32; SOME]; 4];

/// What becomes of the words of each block by itself.
#[inline(always)]
fn each<T: Copy, const PER: usize>(
    make: impl Fn([u32; 4]) -> [T; PER] + Copy,
) -> impl Fn(&Words, &mut [[T; PER]; SOME], usize) + Copy {
    #[inline(always)]
    move |[a, b, c, d], values, count| {
        for (i, value) in values.iter_mut().enumerate().take(count) {
            *value = make([a[i], b[i], c[i], d[i]]);
        }
    }
}

/// Element i is value `i % PER` of block `i / PER`; `make` turns the words of so many blocks into values.
///
/// # Safety
/// The contract of `PositionFn`; `T` is the dtype's type.
unsafe fn draw<T: Elem, const PER: usize>(
    at: *const u64,
    out: *mut u8,
    n: usize,
    key: u64,
    make: impl Fn(&Words, &mut [[T; PER]; SOME], usize),
) {
    // SAFETY: passed on; `wide` only where the machine has these vectors.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            unsafe fn wide<T: Elem, const PER: usize>(
                at: *const u64,
                out: *mut u8,
                n: usize,
                key: u64,
                make: impl Fn(&Words, &mut [[T; PER]; SOME], usize),
            ) {
                // SAFETY: passed on.
                unsafe { draw_all(at, out, n, key, make) }
            }
            if Isa::chosen() != Isa::Base {
                return wide(at, out, n, key, make);
            }
        }
        draw_all(at, out, n, key, make);
    }
}

/// # Safety
/// As `draw`.
#[inline(always)]
unsafe fn draw_all<T: Elem, const PER: usize>(
    at: *const u64,
    out: *mut u8,
    n: usize,
    key: u64,
    make: impl Fn(&Words, &mut [[T; PER]; SOME], usize),
) {
    let out = out.cast::<T>();
    let per = PER as u64;
    let mut words = [[0; SOME]; 4];
    let mut values = [[T::from_i64(0); PER]; SOME];
    let mut k = 0;
    while k < n {
        // SAFETY: `at` and `out` hold n elements, and `most` is no more than are left.
        unsafe {
            let first = *at.add(k);
            let skip = (first % per) as usize;
            let most = (SOME * PER - skip).min(n - k);
            let off = (0..most).fold(0, |off, i| off | (*at.add(k + i) ^ first.wrapping_add(i as u64)));
            if off == 0 {
                let blocks = (skip + most).div_ceil(PER);
                philox(|i| first / per + i as u64, blocks, key, &mut words);
                make(&words, &mut values, blocks);
                let from = values.as_flattened().as_ptr().add(skip);
                std::ptr::copy_nonoverlapping(from, out.add(k), most);
                k += most;
            } else {
                let count = SOME.min(n - k);
                philox(|i| if i < count { *at.add(k + i) / per } else { 0 }, count, key, &mut words);
                make(&words, &mut values, count);
                for (i, value) in values.iter().enumerate().take(count) {
                    *out.add(k + i) = value[(*at.add(k + i) % per) as usize];
                }
                k += count;
            }
        }
    }
}

/// Some blocks of Philox 4x32-10: four words each from a counter and a key. Words stand in the low halves of u64, which is how
/// vectors multiply them; what is above is of no account.
#[inline(always)]
fn philox(counter: impl Fn(usize) -> u64, blocks: usize, key: u64, words: &mut Words) {
    const LOW: u64 = u32::MAX as u64;
    for at in (0..blocks).step_by(BESIDE) {
        let [mut x0, mut x1, mut x2, mut x3] = [[0u64; BESIDE]; 4];
        for (l, (low, high)) in x0.iter_mut().zip(&mut x1).enumerate() {
            let counter = counter(at + l);
            (*low, *high) = (counter, counter >> 32);
        }
        let mut k = [key as u32, (key >> 32) as u32];
        for _ in 0..10 {
            for l in 0..BESIDE {
                let (p, q) = (0xD251_1F53 * (x0[l] & LOW), 0xCD9E_8D57 * (x2[l] & LOW));
                let (a, c) = ((q >> 32) ^ x1[l] ^ k[0] as u64, (p >> 32) ^ x3[l] ^ k[1] as u64);
                (x0[l], x1[l], x2[l], x3[l]) = (a, q, c, p);
            }
            k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
        }
        for (words, x) in words.iter_mut().zip([x0, x1, x2, x3]) {
            words[at..at + BESIDE].iter_mut().zip(x).for_each(|(word, x)| *word = x as u32);
        }
    }
}

/// 24 bits to [0, 1).
#[inline(always)]
fn unit32(w: u32) -> f32 {
    (w >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// 53 bits to [0, 1). Both parts and their sum are exact.
#[inline(always)]
fn unit64(a: u32, b: u32) -> f64 {
    a as f64 * (1.0 / 4_294_967_296.0) + (b >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// Two normal numbers of each block, by Box and Muller's formula.
fn normal64(words: &Words, values: &mut [[f64; 2]; SOME], count: usize) {
    let (mut r, mut turn) = ([0f64; SOME], [0f64; SOME]);
    for i in 0..count {
        r[i] = 1.0 - unit64(words[0][i], words[1][i]);
        turn[i] = std::f64::consts::TAU * unit64(words[2][i], words[3][i]);
    }
    let isa = Isa::chosen();
    let by = [kernel1::<f64, Log>(isa), kernel1::<f64, Sin>(isa), kernel1::<f64, Cos>(isa)];
    let (sin, cos) = polar(by, &mut r, &turn, count);
    for (i, value) in values.iter_mut().enumerate().take(count) {
        let r = (-2.0 * r[i]).sqrt();
        *value = [r * cos[i], r * sin[i]];
    }
}

/// Four of each block.
fn normal32(words: &Words, values: &mut [[f32; 4]; SOME], count: usize) {
    let isa = Isa::chosen();
    let by = [kernel1::<f32, Log>(isa), kernel1::<f32, Sin>(isa), kernel1::<f32, Cos>(isa)];
    for (pair, words) in words.as_chunks::<2>().0.iter().enumerate() {
        let (mut r, mut turn) = ([0f32; SOME], [0f32; SOME]);
        for i in 0..count {
            r[i] = 1.0 - unit32(words[0][i]);
            turn[i] = std::f32::consts::TAU * unit32(words[1][i]);
        }
        let (sin, cos) = polar(by, &mut r, &turn, count);
        for (i, value) in values.iter_mut().enumerate().take(count) {
            let r = (-2.0 * r[i]).sqrt();
            (value[2 * pair], value[2 * pair + 1]) = (r * cos[i], r * sin[i]);
        }
    }
}

/// Logarithms in place of some numbers, and the sines and cosines of some angles. By the functions of the language itself, which are the
/// same for any count.
fn polar<T: Copy>(by: [Kernel; 3], r: &mut [T; SOME], turn: &[T; SOME], count: usize) -> ([T; SOME], [T; SOME]) {
    let (mut sin, mut cos) = (*turn, *turn);
    let [log, sine, cosine] = by;
    // SAFETY: each holds `count` elements of the kernels' type, and is its own operand or another's.
    unsafe {
        log([r.as_ptr().cast()].as_ptr(), r.as_mut_ptr().cast(), count);
        sine([turn.as_ptr().cast()].as_ptr(), sin.as_mut_ptr().cast(), count);
        cosine([turn.as_ptr().cast()].as_ptr(), cos.as_mut_ptr().cast(), count);
    }
    (sin, cos)
}

/// The key of one call: seed and call number mixed (SplitMix64's finalizer), so that neighbours share nothing.
pub fn key_of(seed: u64, call: u64) -> i64 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    mix(mix(seed.wrapping_add(0x9E37_79B9_7F4A_7C15)).wrapping_add(call.wrapping_mul(0x9E37_79B9_7F4A_7C15))) as i64
}

/// One number stretched to a shape: no memory behind it until somebody writes.
pub fn full(shape: Shape, value: f64, dtype: DType) -> Result<Expr> {
    let shape = rule::sized(shape, dtype)?;
    let bits = crate::dispatch!(dtype, T => bits_of(T::from_f64(value)));
    Ok(Expr::full(shape, bits, dtype, crate::graph::Place::Array))
}
