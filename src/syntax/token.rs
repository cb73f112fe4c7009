//! Tokens and the operator table.
/// One row of the operator table.
#[derive(Debug, PartialEq)]
pub struct Operator {
    /// As it is written: `+`, `//`, `not in`.
    pub glyph: &'static str,
    /// The function it calls: `add`, `floor_divide` (the array API's name where it has one).
    pub calls: &'static str,
}
