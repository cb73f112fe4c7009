//! Values that come from nowhere: each element from its own position. Also random numbers, which are just that.
//!
//! Random numbers are Philox 4x32-10 (Salmon et al., SC 2011), keyed by the seed and the number of the call, indexed by the
//! element: every device, thread count and fusion gives the same stream.

use super::*;
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
                DType::F16 => draw::<Half, 4>(at, out, n, ins[0], |w| w.map(|w| Half::from_f32((w >> 21) as f32 / 2048.0))),
                DType::F32 => draw::<f32, 4>(at, out, n, ins[0], |w| w.map(unit32)),
                _ => draw::<f64, 2>(at, out, n, ins[0], |w| [unit64(w[0], w[1]), unit64(w[2], w[3])]),
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
                DType::F16 => draw::<Half, 4>(at, out, n, ins[0], |w| normal32(w).map(Half::from_f32)),
                DType::F32 => draw::<f32, 4>(at, out, n, ins[0], normal32),
                _ => draw::<f64, 2>(at, out, n, ins[0], |w| {
                    let r = (-2.0 * (1.0 - unit64(w[0], w[1])).ln()).sqrt();
                    let (s, c) = (std::f64::consts::TAU * unit64(w[2], w[3])).sin_cos();
                    [r * c, r * s]
                }),
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
            draw::<i64, 2>(at, out, n, ins[0], |w| {
                let join = |a: u32, b: u32| (((a as u64) << 32 | b as u64) >> 1) as i64;
                [join(w[0], w[1]), join(w[2], w[3])]
            })
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
    let (start, step) = (from_bits::<T>(ins[0]), from_bits::<T>(ins[1]));
    let out = out.cast::<T>();
    for k in 0..n {
        // SAFETY: both hold n elements.
        unsafe { *out.add(k) = f(start, step, *at.add(k)) };
    }
}

/// Element i is value `i % PER` of block `i / PER`; neighbours share the work of a block.
///
/// # Safety
/// The contract of `PositionFn`; `T` is the dtype's type.
unsafe fn draw<T: Elem, const PER: usize>(
    at: *const u64,
    out: *mut u8,
    n: usize,
    key: u64,
    make: impl Fn([u32; 4]) -> [T; PER],
) {
    let out = out.cast::<T>();
    let mut last = u64::MAX;
    let mut values = make([0; 4]);
    for k in 0..n {
        // SAFETY: both hold n elements.
        let i = unsafe { *at.add(k) };
        let block = i / PER as u64;
        if block != last {
            values = make(philox(block, key));
            last = block;
        }
        // SAFETY: as above.
        unsafe { *out.add(k) = values[(i % PER as u64) as usize] };
    }
}

/// One block of Philox 4x32-10: four words from a counter and a key.
#[inline(always)]
pub fn philox(counter: u64, key: u64) -> [u32; 4] {
    let mut x = [counter as u32, (counter >> 32) as u32, 0, 0];
    let mut k = [key as u32, (key >> 32) as u32];
    for _ in 0..10 {
        let (p, q) = (0xD251_1F53u64 * x[0] as u64, 0xCD9E_8D57u64 * x[2] as u64);
        x = [(q >> 32) as u32 ^ x[1] ^ k[0], q as u32, (p >> 32) as u32 ^ x[3] ^ k[1], p as u32];
        k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
    }
    x
}

/// 24 bits to [0, 1).
#[inline(always)]
fn unit32(w: u32) -> f32 {
    (w >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// 53 bits to [0, 1).
#[inline(always)]
fn unit64(a: u32, b: u32) -> f64 {
    (((a as u64) << 32 | b as u64) >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

#[inline(always)]
fn polar32(a: u32, b: u32) -> (f32, f32) {
    let r = (-2.0 * (1.0 - unit32(a)).ln()).sqrt();
    let (s, c) = (std::f32::consts::TAU * unit32(b)).sin_cos();
    (r * c, r * s)
}

fn normal32(w: [u32; 4]) -> [f32; 4] {
    let ((a, b), (c, d)) = (polar32(w[0], w[1]), polar32(w[2], w[3]));
    [a, b, c, d]
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
