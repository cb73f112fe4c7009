//! f16: IEEE half precision as a type of storage. Computed with as f32: every conversion here rounds once, to the nearest,
//! halves to even, and nans keep sign and the upper bits of their payload.
//!
//! In: blocks of f32 or f16. Out: the other. By the machine's own instruction where it has one, else by integer
//! arithmetic that the compiler vectorises; both give the same bits, also for nans and subnormal numbers.

use std::fmt::{Display, Formatter, LowerExp, Result};

use super::math::{Isa, Kernel};

/// One f16, as its bits.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Half(pub u16);

/// What an f16 with all bits of the exponent set is as an f32, without sign and fraction.
const SPECIAL: u32 = 0x7f80_0000;
/// The difference of the exponents' biases, in its place.
const BIAS: u32 = 112 << 23;

impl Half {
    pub const EPSILON: f64 = 1.0 / 1024.0;
    pub const MAX: f64 = 65504.0;
    pub const MIN_POSITIVE: f64 = 1.0 / 16384.0;

    #[inline(always)]
    pub fn to_f32(self) -> f32 {
        let (sign, rest) = ((self.0 as u32 & 0x8000) << 16, self.0 as u32 & 0x7fff);
        let normal = (rest << 13) + BIAS;
        let special = rest << 13 | SPECIAL | if rest > 0x7c00 { 0x40_0000 } else { 0 };
        // Multiples of 2^-24, which f32 holds as normal numbers.
        let small = (rest as f32 * (1.0 / 16_777_216.0)).to_bits();
        let large = if rest >= 0x7c00 { special } else { normal };
        f32::from_bits(sign | if rest < 0x400 { small } else { large })
    }

    /// The nearest f16, of two equally near ones the even one; what is beyond 65520 is infinite.
    #[inline(always)]
    pub fn from_f32(x: f32) -> Half {
        let bits = x.to_bits();
        let (sign, size) = (bits >> 16 & 0x8000, bits & 0x7fff_ffff);
        let normal = (size.wrapping_sub(BIAS).wrapping_add(0xfff + (size >> 13 & 1)) >> 13).min(0x7c00);
        // Beside 0.5 an f32 counts in steps of 2^-24, as small f16 do: the addition rounds.
        let small = (f32::from_bits(size) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
        let finite = if size < 113 << 23 { small } else { normal };
        let nan = 0x7e00 | (size >> 13 & 0x3ff);
        Half((sign | if size > SPECIAL { nan } else { finite }) as u16)
    }

    /// As `from_f32`, rounded once: the f32 on the way is made odd where it is not exact, so that no tie comes of it.
    #[inline(always)]
    pub fn from_f64(x: f64) -> Half {
        let near = x as f32;
        let bits = near.to_bits() - u32::from((near as f64).abs() > x.abs());
        let odd = bits | u32::from(near as f64 != x);
        Half::from_f32(if near.is_nan() { near } else { f32::from_bits(odd) })
    }

    /// The f64 whose shortest text is the shortest text of this number: of the decimals that read back as it, one with
    /// the fewest digits, and of these the nearest.
    pub fn decimal(self) -> f64 {
        let x = self.to_f32() as f64;
        if !x.is_finite() || x == 0.0 {
            return x;
        }
        // Five digits tell all f16 apart. Beside a power of two the nearest may belong to the neighbour, and the next
        // one not.
        for digits in 0..5 {
            let text = format!("{:.digits$e}", x.abs());
            let Some((number, exponent)) = text.split_once('e') else { return x };
            let Ok(near) = number.replace('.', "").parse::<i64>() else { return x };
            for whole in [near, near + 1] {
                let shift = exponent.parse::<i32>().unwrap_or(0) - digits as i32;
                let y = format!("{whole}e{shift}").parse::<f64>().unwrap_or(x);
                if Half::from_f64(y).0 == self.0 & 0x7fff {
                    return y.copysign(x);
                }
            }
        }
        x
    }
}

/// As floats: nan is unlike itself, the zeros are alike.
impl PartialEq for Half {
    fn eq(&self, other: &Half) -> bool {
        self.to_f32() == other.to_f32()
    }
}

impl PartialOrd for Half {
    fn partial_cmp(&self, other: &Half) -> Option<std::cmp::Ordering> {
        self.to_f32().partial_cmp(&other.to_f32())
    }
}

impl Display for Half {
    fn fmt(&self, f: &mut Formatter) -> Result {
        Display::fmt(&self.decimal(), f)
    }
}

impl LowerExp for Half {
    fn fmt(&self, f: &mut Formatter) -> Result {
        LowerExp::fmt(&self.decimal(), f)
    }
}

/// f16 to f32, by blocks.
pub fn widen() -> Kernel {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => widen_f16c,
        _ => widen_base,
    }
}

/// f32 to f16, by blocks.
pub fn narrow() -> Kernel {
    match Isa::chosen() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => narrow_f16c,
        _ => narrow_base,
    }
}

unsafe fn widen_base(ins: *const *const u8, out: *mut u8, n: usize) {
    // SAFETY: the kernel's contract: n elements each, which do not overlap, as their sizes differ.
    unsafe {
        let (from, to) = ((*ins).cast::<Half>(), out.cast::<f32>());
        for i in 0..n {
            to.add(i).write_unaligned(from.add(i).read_unaligned().to_f32());
        }
    }
}

unsafe fn narrow_base(ins: *const *const u8, out: *mut u8, n: usize) {
    // SAFETY: as above.
    unsafe {
        let (from, to) = ((*ins).cast::<f32>(), out.cast::<Half>());
        for i in 0..n {
            to.add(i).write_unaligned(Half::from_f32(from.add(i).read_unaligned()));
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn widen_f16c(ins: *const *const u8, out: *mut u8, n: usize) {
    use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};
    // SAFETY: as above; only chosen where the CPU has the features.
    unsafe {
        let (from, to) = ((*ins).cast::<Half>(), out.cast::<f32>());
        for i in (0..n / 8 * 8).step_by(8) {
            _mm256_storeu_ps(to.add(i), _mm256_cvtph_ps(_mm_loadu_si128(from.add(i).cast())));
        }
        for i in n / 8 * 8..n {
            to.add(i).write_unaligned(from.add(i).read_unaligned().to_f32());
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn narrow_f16c(ins: *const *const u8, out: *mut u8, n: usize) {
    use std::arch::x86_64::{_MM_FROUND_TO_NEAREST_INT, _mm_storeu_si128, _mm256_cvtps_ph, _mm256_loadu_ps};
    // SAFETY: as above.
    unsafe {
        let (from, to) = ((*ins).cast::<f32>(), out.cast::<Half>());
        for i in (0..n / 8 * 8).step_by(8) {
            let halves = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(from.add(i)));
            _mm_storeu_si128(to.add(i).cast(), halves);
        }
        for i in n / 8 * 8..n {
            to.add(i).write_unaligned(Half::from_f32(from.add(i).read_unaligned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By definition: sign, exponent, fraction.
    fn value(bits: u16) -> f64 {
        let (sign, exponent, fraction) = (bits >> 15, (bits >> 10 & 31) as i32, (bits & 1023) as f64);
        let size = match exponent {
            0 => fraction * 2f64.powi(-24),
            31 => [f64::NAN, f64::INFINITY][usize::from(fraction == 0.0)],
            _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
        };
        if sign == 1 { -size } else { size }
    }

    fn block<A: Copy, B: Copy + Default>(kernel: Kernel, from: &[A]) -> Vec<B> {
        let mut out = vec![B::default(); from.len()];
        let at = from.as_ptr().cast::<u8>();
        // SAFETY: as many elements on both sides.
        unsafe { kernel(&at, out.as_mut_ptr().cast(), from.len()) };
        out
    }

    #[test]
    fn every_f16_is_its_value_and_comes_back() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        for kernel in [widen_base as Kernel, widen()] {
            let wide: Vec<f32> = block(kernel, &all);
            for (&bits, x) in all.iter().zip(&wide) {
                let want = value(bits);
                assert!(*x as f64 == want || (x.is_nan() && want.is_nan()), "{bits:#x}: {x} {want}");
                assert_eq!(x.is_sign_negative(), bits >> 15 == 1, "{bits:#x}");
                // A signalling nan becomes a quiet one.
                let back = if x.is_nan() { bits | 0x200 } else { bits };
                assert_eq!((Half::from_f32(*x).0, Half::from_f64(*x as f64).0), (back, back), "{bits:#x}");
            }
            assert_eq!(wide.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), {
                let plain: Vec<f32> = block(widen_base, &all);
                plain.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            });
        }
    }

    #[test]
    fn rounding_is_to_the_nearest_and_to_even() {
        for bits in 0..0x7c00u16 {
            let (a, b) = (value(bits), if bits == 0x7bff { 65536.0 } else { value(bits + 1) });
            let middle = (a + b) / 2.0;
            let even = if bits & 1 == 0 { bits } else { bits + 1 };
            let (below, above) = (f64::from_bits(middle.to_bits() - 1), f64::from_bits(middle.to_bits() + 1));
            for (x, want) in [(middle, even), (below, bits), (above, bits + 1)] {
                assert_eq!((Half::from_f64(x).0, Half::from_f64(-x).0), (want, want | 0x8000), "{x:e}");
            }
            let m = middle as f32;
            let (below, above) = (f32::from_bits(m.to_bits() - 1), f32::from_bits(m.to_bits() + 1));
            for (x, want) in [(m, even), (below, bits), (above, bits + 1)] {
                assert_eq!((Half::from_f32(x).0, Half::from_f32(-x).0), (want, want | 0x8000), "{x:e}");
            }
        }
        for (x, want) in [(f64::INFINITY, 0x7c00), (1e300, 0x7c00), (1e-300, 0), (-1e-300, 0x8000), (65519.9, 0x7bff)] {
            assert_eq!(Half::from_f64(x).0, want, "{x:e}");
        }
        assert!(Half::from_f64(f64::NAN).to_f32().is_nan());
    }

    #[test]
    fn instructions_and_integers_agree() {
        // Every exponent, and fractions on all sides of what is cut off; odd lengths reach the rest behind vectors.
        let fractions = [0, 1, 0xfff, 0x1000, 0x1001, 0x1fff, 0x2fff, 0x3000, 0x3001, 0x7f_f000, 0x7f_ffff, 0x40_0000];
        let mut all: Vec<f32> = vec![];
        for head in 0..512u32 {
            all.extend(fractions.iter().map(|f| f32::from_bits(head << 23 | f)));
        }
        all.push(1.0);
        let (one, other): (Vec<u16>, Vec<u16>) = (block(narrow_base, &all), block(narrow(), &all));
        for ((x, a), b) in all.iter().zip(&one).zip(&other) {
            assert_eq!(a, b, "{:#x}", x.to_bits());
        }
    }

    #[test]
    fn texts_are_the_shortest_that_read_back() {
        let cases = [(0x3555, "0.3333"), (0x2e66, "0.1"), (1, "0.00000006"), (0x7bff, "65500"), (0x3c01, "1.001")];
        for (bits, want) in cases {
            assert_eq!(Half(bits).to_string(), want);
        }
        for bits in 1..0x7c00u16 {
            let text = format!("{:e}", Half(bits));
            let y: f64 = text.parse().unwrap();
            assert_eq!(Half::from_f64(y).0, bits, "{text}");
            // No decimal with a digit less does.
            let digits = text.split('e').next().unwrap().replace('.', "").len();
            if digits > 1 {
                let x = Half(bits).to_f32() as f64;
                let shorter = format!("{:.*e}", digits - 2, x);
                let (number, exponent) = shorter.split_once('e').unwrap();
                let whole: i64 = number.replace('.', "").parse().unwrap();
                let shift = exponent.parse::<i32>().unwrap() - (digits as i32 - 2);
                for w in [whole - 1, whole, whole + 1] {
                    let y: f64 = format!("{w}e{shift}").parse().unwrap();
                    assert_ne!(Half::from_f64(y).0, bits, "{text} and {y:e}");
                }
            }
        }
    }
}
