//! Where an array lives: the host, or a device as a tensor.

use std::sync::RwLock;

use crate::base::DType;

/// What users call the devices after the CPU, in the order of their numbers; the device layer says it.
static NAMES: RwLock<Vec<&'static str>> = RwLock::new(Vec::new());

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

    /// The number of the device that computes what lives here; 0 is the CPU.
    #[inline]
    pub fn device(self) -> u8 {
        match self {
            Place::Array => 0,
            Place::Tensor(n) => n,
        }
    }

    /// Whether it is a device with a memory of its own.
    #[inline]
    pub fn is_remote(self) -> bool {
        self.device() > 0
    }

    /// What a user calls the device.
    pub fn name(self) -> &'static str {
        match self.device() {
            0 => "cpu",
            n => NAMES.read().ok().and_then(|names| names.get(n as usize - 1).copied()).unwrap_or("gpu"),
        }
    }
}

/// Says what the devices after the CPU are called.
pub fn name_devices(names: Vec<&'static str>) {
    if let Ok(mut all) = NAMES.write() {
        *all = names;
    }
}
