//! Elementary functions over arrays of f32 and f64: vectorised, within one unit of the last place.
//!
//! In: blocks of numbers and a function as a zero-sized type. Out: blocks of results. The idea: each function is written
//! once, branch-free, for one number, as `fast` (ordinary arguments), `full` (all of them) and, for the few that need it,
//! `slow` (the standard library); `drive` puts loops around them, compiled for each instruction set. A chunk of 64 takes the
//! cheapest way that suits all of its elements, and the result for an element is the same to the bit whichever that is,
//! wherever the element stands, and with either AVX2 or AVX-512.
//!
//! f64 works in pairs of doubles where a rounding would show. Of f32, exp, exp2, expm1, log (to all bases), log1p, tanh and erf are
//! computed in f32 (`single`), the rest in f64 and rounded once. `docs/accuracy.md` has the errors, beside our peers', and
//! `benches/accuracy` makes it. Results differ only between machines with fused multiply-add and without.
//!
//! Time on one core in L1, in ns an element:
//!
//! | function | f64 AVX2 | AVX-512 | f32 AVX2 | AVX-512 |
//! | --- | --- | --- | --- | --- |
//! | exp | 1.01 | 0.42 | 0.28 | 0.14 |
//! | exp2 | 0.91 | 0.41 | 0.29 | 0.15 |
//! | expm1 | 1.65 | 0.73 | 0.55 | 0.26 |
//! | log | 1.17 | 0.50 | 0.41 | 0.20 |
//! | log2 | 2.51 | 1.18 | 0.62 | 0.31 |
//! | log10 | 2.60 | 1.21 | 0.63 | 0.30 |
//! | log1p | 1.70 | 0.74 | 0.66 | 0.31 |
//! | sin | 1.37 | 0.62 | 0.59 | 0.32 |
//! | cos | 1.31 | 0.62 | 0.62 | 0.35 |
//! | tan | 2.06 | 0.99 | 0.89 | 0.44 |
//! | asin | 1.39 | 0.60 | 0.92 | 0.42 |
//! | acos | 1.38 | 0.63 | 0.86 | 0.41 |
//! | atan | 1.67 | 0.80 | 0.87 | 0.45 |
//! | sinh | 2.44 | 1.14 | 0.94 | 0.45 |
//! | cosh | 2.10 | 0.99 | 0.81 | 0.42 |
//! | tanh | 2.32 | 1.10 | 0.58 | 0.28 |
//! | asinh | 3.17 | 1.47 | 2.31 | 1.07 |
//! | acosh | 2.98 | 1.35 | 1.83 | 0.94 |
//! | atanh | 2.55 | 1.18 | 1.82 | 0.86 |
//! | erf | 2.91 | 1.36 | 1.38 | 0.64 |
//! | erfc | 3.95 | 1.93 | 1.50 | 0.68 |
//! | cbrt | 1.75 | 0.75 | 1.12 | 0.57 |
//!
//! On a Zen 3, whose window is smaller, with AVX2 and two or four vectors at once (`wide`): f64 exp 0.97, log 1.4, sin 1.6, tanh 2.4; f32 exp
//! 0.31, log 0.57, sin 0.73, tanh 0.74, erf 0.65 (in the table it is still the one computed in f64).
//!
//! On an Ice Lake of 2.8 GHz with AVX-512 and four vectors at once: f64 exp 0.71, log 0.90, sin 1.03, tanh 1.6; f32 exp 0.24, log 0.35, sin 0.56, tanh
//! 0.55, erf 0.45.
//!
//! Beyond 2^30 (f32: 10^6) sin, cos and tan are those of the standard library, one element at a time; no other function
//! has such elements. Errors nearer to one half would take tables, and so gathers, or pairs all the way through.
//!
//! Where the coefficients come from: minimax fits of the function named in each comment (weighted so that the error counts
//! relative to the result), by Remez exchange in 200-bit arithmetic on a grid of 30 points a coefficient; then each
//! coefficient is rounded to a double in turn, lowest first, and the others are fitted again, unless rounding all
//! at once came out better. The error in the comment is that of the rounded coefficients.
//!
//! TRIED and left: Horner's rule in one chain for the long polynomials (up to 8 % slower), even and odd terms side by side for
//! the short ones (up to 6 % slower); two quarter-turn polynomials for sin in f32 (0.78 ns, where one over a half turn takes
//! 0.64); the check for ordinary arguments counted in a u64 (the masks of f32 were widened for it: exp in f32 took 0.3 ns
//! on AVX-512, 0.14 since), or kept as a flag (packed vector by vector): it is counted in a number as wide as the element.

// Comparisons are written so that nan falls on the intended side, and so that they become one vector comparison each.
#![allow(clippy::neg_cmp_op_on_partial_ord, clippy::manual_range_contains)]

mod arc;
mod drive;
mod erf;
mod exp;
mod hyper;
mod log;
mod num;
mod power;
mod root;
mod single;
mod trig;
#[cfg(target_arch = "x86_64")]
mod wide;

pub use arc::{Acos, Asin, Atan, Atan2};
pub use drive::{Around, AroundKernel, BaseFma, Binary, Isa, Kernel, SUMS, Unary, kernel1, kernel1_around, kernel2};
pub use erf::{Erf, Erfc};
pub use exp::{Exp, Exp2, Expm1};
pub use hyper::{Acosh, Asinh, Atanh, Cosh, Sinh, Tanh};
pub use log::{Log, Log1p, Log2, Log10};
pub use num::{Fma, Fused, Plain};
pub use power::Pow;
pub use root::Cbrt;
pub use trig::{Cos, Sin, Tan};

#[cfg(test)]
mod tests;
