//! What this machine can do: bytes a second between memory and its cores, multiplications and additions a second in its
//! registers. What a kernel's own figures are held against.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::simd::{self, Arith, Outer};
use super::tasks::{Shared, run, threads};
use crate::base::{Buffer, DType, Result};

/// Elements of each of three arrays: 32 MiB each, beyond most caches.
const N: usize = 8 << 20;
const PIECE: usize = 64 << 10;
/// How long runs are repeated: other users of the machine slow single ones down by half.
const LONG: Duration = Duration::from_millis(100);

/// Bytes per second of `a = b + 2c` with all threads, the best run of a tenth of a second; measured once. As in the STREAM benchmark, the lines of `a` that are read before they are written do not count.
pub fn bandwidth() -> Result<f64> {
    static ONCE: OnceLock<f64> = OnceLock::new();
    if let Some(known) = ONCE.get() {
        return Ok(*known);
    }
    let [a, b, c] = [Buffer::new(N * 4)?, Buffer::new(N * 4)?, Buffer::new(N * 4)?];
    let [a, b, c] = [&a, &b, &c].map(|buffer| Shared(buffer.ptr().cast::<f32>()));
    run(N / PIECE, usize::MAX, |i| {
        for array in [a, b, c] {
            // SAFETY: each piece writes its own part of arrays that nobody else has.
            unsafe { std::slice::from_raw_parts_mut(array.get().add(i * PIECE), PIECE) }.fill(1.0);
        }
    })?;
    let mut best = f64::INFINITY;
    let two = 2.0f32;
    let Some(triad) = simd::pair_lane(Arith::Mul, Outer::Left(Arith::Add), DType::F32) else {
        return Ok(f64::INFINITY);
    };
    let number = Shared((&raw const two).cast_mut());
    let begin = Instant::now();
    while begin.elapsed() < LONG {
        let start = Instant::now();
        run(N / PIECE, usize::MAX, |i| {
            // SAFETY: as above; `b` and `c` are only read, and the second operand is one number.
            unsafe {
                let [a, b, c] = [a, b, c].map(|p| p.get().add(i * PIECE).cast::<u8>());
                triad([c.cast_const(), number.get().cast(), b].as_ptr(), 0b010, a, PIECE);
            }
        })?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(*ONCE.get_or_init(|| (3 * N * 4) as f64 / best))
}

/// Operations per second of multiplications with an addition (two operations each), all threads, nothing read or written:
/// the best of four runs, measured once per dtype, in some milliseconds. 0 where the dtype is no float.
pub fn peak(dtype: DType) -> Result<f64> {
    static ONCE: [OnceLock<f64>; 2] = [const { OnceLock::new() }; 2];
    const TURNS: usize = 50_000;
    let Some(burn) = simd::burn(dtype) else { return Ok(0.0) };
    let once = &ONCE[usize::from(dtype == DType::F32)];
    if let Some(known) = once.get() {
        return Ok(*known);
    }
    let pieces = 4 * threads();
    let mut best = f64::INFINITY;
    let done = std::sync::atomic::AtomicUsize::new(0);
    for _ in 0..5 {
        done.store(0, Relaxed);
        let start = Instant::now();
        run(pieces, usize::MAX, |_| {
            // SAFETY: it only uses registers.
            done.fetch_add(unsafe { burn(TURNS) }, Relaxed);
        })?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(*once.get_or_init(|| done.load(Relaxed) as f64 / best))
}
