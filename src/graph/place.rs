//! Where an array lives: the host, or a device as a tensor.

use crate::base::DType;

/// The two kinds of the one handle type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Place {
    /// Host data, f64 by default.
    Array,
    /// On device number n (0 is the CPU), f32 by default.
    Tensor(u8),
}

impl Place {
    /// The CPU as a tensor's device.
    pub const CPU: Place = Place::Tensor(0);

    /// The dtype that ints become where a float is needed, and that weak floats bring.
    pub fn float(self) -> DType {
        match self {
            Place::Array => DType::F64,
            Place::Tensor(_) => DType::F32,
        }
    }

    pub fn is_tensor(self) -> bool {
        self != Place::Array
    }
}
