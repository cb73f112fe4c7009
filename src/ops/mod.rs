//! The vocabulary: every primitive as a record, declared in one place each. No loops over data here.
//!
//! In: nothing. Out: `ALL` (the records), one builder per record, and operators on `Expr` for gradient formulas.

mod prims;

pub mod arith;
pub mod arrange;
pub mod compare;
pub mod contract;
pub mod einsum;
pub mod exponential;
pub mod host;
pub mod index;
pub mod linalg;
pub mod reduce;
pub mod rule;
pub mod search;
pub mod sort;
pub mod source;
pub mod view;

pub use arith::*;
pub use arrange::*;
pub use compare::*;
pub use contract::*;
pub use einsum::einsum;
pub use exponential::*;
pub use index::*;
pub use linalg::*;
pub use reduce::*;
pub use search::*;
pub use sort::*;
pub use source::*;
pub use view::*;

use crate::graph::{Attr, Attrs, Expr, Prim, apply};

/// Every file of declarations.
static FILES: &[&[&Prim]] = &[
    arith::ALL,
    compare::ALL,
    contract::ALL,
    exponential::ALL,
    index::ALL,
    linalg::ALL,
    reduce::ALL,
    sort::ALL,
    source::ALL,
    view::ALL,
];

/// Every primitive.
pub fn all() -> impl Iterator<Item = &'static Prim> {
    FILES.iter().flat_map(|file| file.iter().copied())
}

/// The primitive of that name.
pub fn find(name: &str) -> Option<&'static Prim> {
    use std::collections::HashMap;
    use std::sync::OnceLock;
    static BY_NAME: OnceLock<HashMap<&'static str, &'static Prim>> = OnceLock::new();
    BY_NAME.get_or_init(|| all().map(|p| (p.name, p)).collect()).get(name).copied()
}

/// A call inside a formula: it cannot return a fault, so a broken value carries it to whoever looks.
pub fn build(prim: &'static Prim, ins: &[Expr], attrs: Attrs) -> Expr {
    apply(prim, ins, attrs).unwrap_or_else(Expr::broken)
}

/// The name a user types: `where_` is a keyword's twin.
pub const fn plain_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [.., b'_'] => name.split_at(name.len() - 1).0,
        _ => name,
    }
}

/// "No cotangent": in the list of a formula.
pub fn skip() -> Option<Expr> {
    None
}

macro_rules! operator {
    ($($trait:ident $method:ident => $build:path;)+) => { $(
        impl std::ops::$trait<&Expr> for &Expr { type Output = Expr; fn $method(self, o: &Expr) -> Expr { $build(self, o) } }
        impl std::ops::$trait<Expr> for &Expr { type Output = Expr; fn $method(self, o: Expr) -> Expr { $build(self, &o) } }
        impl std::ops::$trait<&Expr> for Expr { type Output = Expr; fn $method(self, o: &Expr) -> Expr { $build(&self, o) } }
        impl std::ops::$trait<Expr> for Expr { type Output = Expr; fn $method(self, o: Expr) -> Expr { $build(&self, &o) } }
        impl std::ops::$trait<f64> for &Expr { type Output = Expr; fn $method(self, o: f64) -> Expr { $build(self, &Expr::weak(o)) } }
        impl std::ops::$trait<f64> for Expr { type Output = Expr; fn $method(self, o: f64) -> Expr { $build(&self, &Expr::weak(o)) } }
        impl std::ops::$trait<&Expr> for f64 { type Output = Expr; fn $method(self, o: &Expr) -> Expr { $build(&Expr::weak(self), o) } }
        impl std::ops::$trait<Expr> for f64 { type Output = Expr; fn $method(self, o: Expr) -> Expr { $build(&Expr::weak(self), &o) } }
    )+ };
}
operator! {
    Add add => arith::add;
    Sub sub => arith::subtract;
    Mul mul => arith::multiply;
    Div div => arith::divide;
}
impl std::ops::Neg for &Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        arith::negative(self)
    }
}
impl std::ops::Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        arith::negative(&self)
    }
}

impl From<i64> for Attr {
    fn from(i: i64) -> Attr {
        Attr::Int(i)
    }
}
impl From<usize> for Attr {
    fn from(i: usize) -> Attr {
        Attr::Int(i as i64)
    }
}
impl From<f64> for Attr {
    fn from(x: f64) -> Attr {
        Attr::Float(x)
    }
}
impl From<bool> for Attr {
    fn from(b: bool) -> Attr {
        Attr::Bool(b)
    }
}
impl From<&[usize]> for Attr {
    fn from(v: &[usize]) -> Attr {
        Attr::axes(v.iter().copied())
    }
}
impl From<&crate::base::Shape> for Attr {
    fn from(s: &crate::base::Shape) -> Attr {
        Attr::axes(s.iter().copied())
    }
}
impl From<&Attr> for Attr {
    fn from(a: &Attr) -> Attr {
        a.clone()
    }
}
impl From<&str> for Attr {
    fn from(t: &str) -> Attr {
        Attr::Text(t.into())
    }
}
