//! Elementary functions over arrays of f32 and f64: vectorised, within one unit of the last place.
//!
//! In: blocks of numbers and a function as a zero-sized type. Out: blocks of results. The idea: each function is written
//! once, branch-free, for one number, as `fast` (ordinary arguments), `full` (all of them) and, for the few that need it,
//! `slow` (the standard library); `drive` puts loops around them, compiled for each instruction set. A chunk of 64 takes the
//! cheapest way that suits all of its elements, and the result for an element is the same to the bit whichever that is,
//! wherever the element stands, and with either AVX2 or AVX-512.
//!
//! Largest error found, in units of the last place, against 140-bit arithmetic, over 250 000 or more points of all sizes and
//! next to the bad places (with fused multiply-add | without), and time on one core in L1 in ns an element:
//!
//! | function | f64 error | ns AVX2 | ns AVX-512 | f32 error | ns AVX2 | ns AVX-512 |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | exp | 0.76 \| 0.77 | 0.98 | 0.46 | 0.53 | 0.55 | 0.30 |
//! | exp2 | 0.77 \| 0.76 | 0.91 | 0.44 | 0.53 | 0.50 | 0.27 |
//! | expm1 | 0.82 \| 0.83 | 1.66 | 0.78 | 0.51 | 0.71 | 0.36 |
//! | log | 0.72 \| 0.77 | 1.17 | 0.55 | 0.50 | 0.97 | 0.67 |
//! | log2 | 0.50 \| 0.50 | 2.53 | 1.24 | 0.50 | 0.97 | 0.67 |
//! | log10 | 0.50 \| 0.50 | 2.60 | 1.27 | 0.50 | 0.98 | 0.69 |
//! | log1p | 0.69 \| 0.77 | 1.71 | 0.79 | 0.50 | 1.36 | 0.66 |
//! | sin | 0.76 \| 0.76 | 1.38 | 0.66 | 0.50 | 0.66 | 0.38 |
//! | cos | 0.77 \| 0.74 | 1.32 | 0.65 | 0.50 | 0.69 | 0.39 |
//! | tan | 0.92 \| 0.92 | 2.08 | 1.03 | 0.50 | 0.94 | 0.50 |
//! | asin | 0.62 \| 0.63 | 1.39 | 0.61 | 0.51 | 0.82 | 0.32 |
//! | acos | 0.58 \| 0.59 | 1.37 | 0.63 | 0.51 | 0.88 | 0.43 |
//! | atan | 0.79 \| 0.82 | 1.67 | 0.82 | 0.50 | 0.89 | 0.45 |
//! | atan2 | 0.75 \| 0.78 | 2.40 | 1.20 | 0.50 | 1.53 | 0.69 |
//! | sinh | 0.73 \| 0.70 | 2.42 | 1.18 | 0.51 | 0.96 | 0.47 |
//! | cosh | 0.68 \| 0.66 | 2.10 | 1.02 | 0.51 | 0.82 | 0.44 |
//! | tanh | 1.00 \| 1.00 | 2.33 | 1.12 | 0.51 | 0.83 | 0.41 |
//! | asinh | 0.77 \| 0.81 | 3.17 | 1.51 | 0.50 | 2.36 | 1.13 |
//! | acosh | 0.69 \| 0.76 | 2.95 | 1.42 | 0.50 | 1.90 | 0.99 |
//! | atanh | 0.72 \| 0.75 | 2.56 | 1.22 | 0.50 | 1.89 | 0.92 |
//! | erf | 0.94 \| 1.02 | 2.93 | 1.38 | 0.52 | 1.39 | 0.65 |
//! | erfc | 0.85 \| 0.93 | 4.08 | 1.96 | 0.55 | 1.52 | 0.69 |
//! | cbrt | 0.50 \| 0.50 | 1.78 | 0.81 | 0.50 | 1.15 | 0.57 |
//! | pow | 0.76 \| 0.73 | 4.21 | 2.08 | 0.53 | 1.78 | 1.11 |
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
//! 0.64); f32 in f32 arithmetic (a prototype took 0.45 to 1.25 ns for sin, exp, tanh, log, and was 0.8 to 2.4 units off).

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
mod trig;

pub use arc::{Acos, Asin, Atan, Atan2};
pub use drive::{Binary, Isa, Kernel, Unary, kernel1, kernel2, map1, map1_on, map2, map2_on};
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
