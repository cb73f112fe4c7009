//! Elementary functions over arrays of f32 and f64: vectorised, within 1 ulp.

mod drive;
mod exp;
mod hyper;
mod later;
mod log;
mod num;
mod power;
mod trig;

pub use drive::{Binary, Isa, Unary, map1, map1_on, map2, map2_on};
pub use exp::{Exp, Exp2, Expm1};
pub use hyper::Tanh;
pub use later::{Acos, Acosh, Asin, Asinh, Atan, Atan2, Atanh, Cbrt, Cosh, Erf, Erfc, Sinh};
pub use log::{Log, Log1p, Log2, Log10};
pub use num::{Fma, Fused, Plain};
pub use power::Pow;
pub use trig::{Cos, Sin, Tan};

#[cfg(test)]
mod tests;
