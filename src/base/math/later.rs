//! Functions that go through `libm`, one element at a time.

use super::drive::{Binary, Unary};
use super::num::Fma;

macro_rules! scalar {
    ($($name:ident: $wide:ident, $narrow:ident;)+) => { $(
        #[derive(Clone, Copy)]
        pub struct $name;
        scalar!(@one $name, f64, $wide);
        scalar!(@one $name, f32, $narrow);
    )+ };
    (@one $name:ident, $t:ident, $f:ident) => {
        impl Unary<$t> for $name {
            #[inline(always)]
            fn fast<A: Fma>(x: $t) -> $t {
                x
            }

            #[inline(always)]
            fn easy(_x: $t) -> bool {
                false
            }

            #[inline(always)]
            fn rare(_x: $t) -> bool {
                true
            }

            fn slow(x: $t) -> $t {
                libm::$f(x)
            }
        }
    };
}

scalar! {
    Asin: asin, asinf;
    Acos: acos, acosf;
    Atan: atan, atanf;
    Sinh: sinh, sinhf;
    Cosh: cosh, coshf;
    Asinh: asinh, asinhf;
    Acosh: acosh, acoshf;
    Atanh: atanh, atanhf;
    Erf: erf, erff;
    Erfc: erfc, erfcf;
    Cbrt: cbrt, cbrtf;
}

/// The angle of the point (x, y), given as y and x.
#[derive(Clone, Copy)]
pub struct Atan2;

macro_rules! atan2 {
    ($t:ident $f:ident) => {
        impl Binary<$t> for Atan2 {
            #[inline(always)]
            fn fast<A: Fma>(y: $t, _x: $t) -> $t {
                y
            }

            #[inline(always)]
            fn easy(_y: $t, _x: $t) -> bool {
                false
            }

            #[inline(always)]
            fn rare(_y: $t, _x: $t) -> bool {
                true
            }

            fn slow(y: $t, x: $t) -> $t {
                libm::$f(y, x)
            }
        }
    };
}
atan2!(f64 atan2);
atan2!(f32 atan2f);
