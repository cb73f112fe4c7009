//! The Rust types behind the dtypes.

use super::dtype::DType;
use super::half::Half;

/// A Rust type that is the element of an array. Bools are stored as bytes 0 and 1.
pub trait Elem: Copy + Send + Sync + PartialEq + std::fmt::Debug + 'static {
    const DTYPE: DType;
    /// Conversion as `astype` does it: to bool is `!= 0`, float to int truncates and saturates (nan gives 0).
    fn to_f64(self) -> f64;
    fn to_i64(self) -> i64;
    fn to_bool(self) -> bool;
    fn from_f64(x: f64) -> Self;
    fn from_i64(x: i64) -> Self;
}

impl Elem for bool {
    const DTYPE: DType = DType::Bool;
    fn to_f64(self) -> f64 {
        self as u8 as f64
    }
    fn to_i64(self) -> i64 {
        self as i64
    }
    fn to_bool(self) -> bool {
        self
    }
    fn from_f64(x: f64) -> bool {
        x != 0.0
    }
    fn from_i64(x: i64) -> bool {
        x != 0
    }
}

impl Elem for Half {
    const DTYPE: DType = DType::F16;
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.to_f32() as f64
    }
    #[inline(always)]
    fn to_i64(self) -> i64 {
        self.to_f32() as i64
    }
    #[inline(always)]
    fn to_bool(self) -> bool {
        self.0 & 0x7fff != 0
    }
    #[inline(always)]
    fn from_f64(x: f64) -> Half {
        Half::from_f64(x)
    }
    #[inline(always)]
    fn from_i64(x: i64) -> Half {
        // What an f64 does not hold exactly is far beyond the largest f16.
        Half::from_f64(x as f64)
    }
}

macro_rules! elem {
    ($($t:ty = $d:ident;)+) => { $(impl Elem for $t {
        const DTYPE: DType = DType::$d;
        #[inline(always)]
        fn to_f64(self) -> f64 { self as f64 }
        #[inline(always)]
        fn to_i64(self) -> i64 { self as i64 }
        #[inline(always)]
        fn to_bool(self) -> bool { self != 0 as $t }
        #[inline(always)]
        fn from_f64(x: f64) -> $t { x as $t }
        #[inline(always)]
        fn from_i64(x: i64) -> $t { x as $t }
    })+ };
}
elem! { i64 = I64; f32 = F32; f64 = F64; }

/// Runs a body once for the Rust type of a dtype: `dispatch!(dtype, T => expression using T)`.
#[macro_export]
macro_rules! dispatch {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::base::DType::Bool => {
                type $t = bool;
                $body
            }
            $crate::base::DType::I64 => {
                type $t = i64;
                $body
            }
            $crate::base::DType::F16 => {
                type $t = $crate::base::Half;
                $body
            }
            $crate::base::DType::F32 => {
                type $t = f32;
                $body
            }
            $crate::base::DType::F64 => {
                type $t = f64;
                $body
            }
        }
    };
}
