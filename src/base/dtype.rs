//! Element types: the list, their sizes, and how two of them meet.
//!
//! To add one: a row here, an `Elem` in `elem.rs`, a row of the lane list in `ops/lanes.rs`.

/// The type of an array's elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum DType {
    Bool,
    I64,
    /// Storage only: computed with as f32, every result rounded once.
    F16,
    F32,
    F64,
}

/// What arithmetic a dtype stands for. Ordered: promotion between kinds goes to the later one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Kind {
    Bool,
    Int,
    Float,
}

/// (dtype, name, bytes per element, kind)
const TABLE: &[(DType, &str, usize, Kind)] = &[
    (DType::Bool, "bool", 1, Kind::Bool),
    (DType::I64, "i64", 8, Kind::Int),
    (DType::F16, "f16", 2, Kind::Float),
    (DType::F32, "f32", 4, Kind::Float),
    (DType::F64, "f64", 8, Kind::Float),
];

/// Dtypes of the language that are not there yet, and what serves until then.
const TO_COME: &[(&[&str], &str)] = &[
    (&["i8", "i16", "i32", "u8", "u16", "u32", "u64"], "i64 holds such numbers"),
    (&["bf16"], "f32 holds such numbers, f16 those up to 65504"),
    (&["c64", "c128"], "complex numbers are to come; keep real and imaginary part in two arrays"),
];

/// What to do without a dtype of the language that is not there yet.
pub fn to_come(name: &str) -> Option<&'static str> {
    TO_COME.iter().find(|(names, _)| names.contains(&name)).map(|(_, instead)| *instead)
}

impl DType {
    /// Every dtype, lowest first.
    pub fn all() -> impl Iterator<Item = DType> {
        TABLE.iter().map(|row| row.0)
    }

    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        TABLE[self as usize].2
    }

    pub fn kind(self) -> Kind {
        TABLE[self as usize].3
    }

    pub fn is_float(self) -> bool {
        self.kind() == Kind::Float
    }

    pub fn from_name(name: &str) -> Option<DType> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The dtype both are converted to when two arrays meet (array API 2025.12; an int array with a float array
    /// takes the float array's dtype; bool counts as the lowest integer).
    pub fn promote(self, other: DType) -> DType {
        if self.kind() == other.kind() {
            self.max(other)
        } else if self.kind() > other.kind() {
            self
        } else {
            other
        }
    }

    /// The dtype when this array meets a weak scalar of the given kind (NEP 50): only a higher kind moves it.
    pub fn meet_weak(self, kind: Kind) -> DType {
        match kind {
            k if k <= self.kind() => self,
            Kind::Int => DType::I64,
            _ => DType::F64,
        }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
