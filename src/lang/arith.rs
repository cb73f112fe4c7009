//! Arithmetic of plain numbers. Ints are checked: what does not fit is a fault, never a wrong number.

use super::code::{BinaryOp, Relation};
use super::value::Value;
use crate::base::{Fault, Result};

/// A number on its way through an operator.
#[derive(Clone, Copy, Debug)]
pub enum Num {
    Int(i64),
    Float(f64),
}

impl Num {
    /// Bools count as ints.
    #[inline(always)]
    pub fn of(v: &Value) -> Option<Num> {
        match v {
            Value::Int(i) => Some(Num::Int(*i)),
            Value::Float(x) => Some(Num::Float(*x)),
            _ => Num::of_bool(v),
        }
    }

    fn of_bool(v: &Value) -> Option<Num> {
        match v {
            Value::Bool(b) => Some(Num::Int(*b as i64)),
            _ => None,
        }
    }

    #[inline(always)]
    fn float(self) -> f64 {
        match self {
            Num::Int(i) => i as f64,
            Num::Float(x) => x,
        }
    }
}

/// `a op b`; `None` where numbers know no such operator.
#[inline(always)]
pub fn arith(op: BinaryOp, a: Num, b: Num) -> Result<Option<Value>> {
    if let (Num::Int(x), Num::Int(y)) = (a, b) {
        return int(op, x, y);
    }
    let (x, y) = (a.float(), b.float());
    Ok(Some(Value::Float(match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => x * y,
        BinaryOp::Div => x / y,
        _ => return float(op, x, y),
    })))
}

/// The operators of tight loops, where they cannot fail; `None` for all else.
#[inline(always)]
pub fn quick(op: BinaryOp, a: Num, b: Num) -> Option<Num> {
    match (a, b) {
        (Num::Float(x), Num::Float(y)) => quick_float(op, x, y),
        (Num::Int(x), Num::Int(y)) => match op {
            BinaryOp::Add => x.checked_add(y).map(Num::Int),
            BinaryOp::Sub => x.checked_sub(y).map(Num::Int),
            BinaryOp::Mul => x.checked_mul(y).map(Num::Int),
            BinaryOp::Rem if y > 0 => Some(Num::Int(x.rem_euclid(y))),
            _ => None,
        },
        _ => quick_float(op, a.float(), b.float()),
    }
}

#[inline(always)]
fn quick_float(op: BinaryOp, x: f64, y: f64) -> Option<Num> {
    Some(Num::Float(match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => x * y,
        BinaryOp::Div => x / y,
        _ => return None,
    }))
}

/// The rarer ones.
fn float(op: BinaryOp, x: f64, y: f64) -> Result<Option<Value>> {
    Ok(Some(Value::Float(match op {
        BinaryOp::Floor => floor_quotient(x, y),
        BinaryOp::Rem => floor_remainder(x, y),
        BinaryOp::Pow => power(x, y),
        _ => return Ok(None),
    })))
}

/// Powers of small whole exponents by multiplication where that is exact enough, the rest by the library.
pub fn power(x: f64, y: f64) -> f64 {
    match y {
        2.0 => x * x,
        0.5 if x > 0.0 => x.sqrt(),
        _ => x.powf(y),
    }
}

#[inline(always)]
fn int(op: BinaryOp, x: i64, y: i64) -> Result<Option<Value>> {
    let done = match op {
        BinaryOp::Add => x.checked_add(y),
        BinaryOp::Sub => x.checked_sub(y),
        BinaryOp::Mul => x.checked_mul(y),
        _ => return int_rest(op, x, y),
    };
    match done {
        Some(i) => Ok(Some(Value::Int(i))),
        None => Err(overflow(op, x, y)),
    }
}

fn int_rest(op: BinaryOp, x: i64, y: i64) -> Result<Option<Value>> {
    let done = match op {
        BinaryOp::Div if y == 0 => return Err(zero_division("/").hint("divide floats for inf or nan: a / 0.0")),
        BinaryOp::Div => return Ok(Some(Value::Float(x as f64 / y as f64))),
        BinaryOp::Floor | BinaryOp::Rem if y == 0 => {
            return Err(zero_division(if op == BinaryOp::Floor { "//" } else { "%" }));
        }
        BinaryOp::Floor => x.checked_div(y).map(|q| if x % y != 0 && (x < 0) != (y < 0) { q - 1 } else { q }),
        BinaryOp::Rem => Some(match x.wrapping_rem(y) {
            r if r != 0 && (r < 0) != (y < 0) => r + y,
            r => r,
        }),
        BinaryOp::Pow if y < 0 => return Ok(Some(Value::Float((x as f64).powf(y as f64)))),
        BinaryOp::Pow => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)).or(match x {
            0 | 1 => Some(x),
            -1 => Some(if y % 2 == 0 { 1 } else { -1 }),
            _ => None,
        }),
        BinaryOp::And => Some(x & y),
        BinaryOp::Or => Some(x | y),
        BinaryOp::Xor => Some(x ^ y),
        BinaryOp::Left => match y {
            0..=62 if (x << y) >> y == x => Some(x << y),
            0.. if x == 0 => Some(0),
            i64::MIN..0 => return Err(Fault::new(format!("a shift must not be negative, found {y}"))),
            _ => None,
        },
        BinaryOp::Right if y < 0 => return Err(Fault::new(format!("a shift must not be negative, found {y}"))),
        BinaryOp::Right => Some(x >> y.min(63)),
        _ => return Ok(None),
    };
    match done {
        Some(i) => Ok(Some(Value::Int(i))),
        None => Err(overflow(op, x, y)),
    }
}

#[cold]
fn zero_division(op: &str) -> Fault {
    Fault::new(format!("`{op}`: division of ints by zero")).side(1, "is 0")
}

#[cold]
fn overflow(op: BinaryOp, x: i64, y: i64) -> Fault {
    let glyph = match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Pow => "^",
        BinaryOp::Left => "<<",
        _ => "//",
    };
    let shown = |i: i64| if i < 0 { format!("({i})") } else { i.to_string() };
    let fault = Fault::new(format!("{} {glyph} {} does not fit into an int of 64 bits", shown(x), shown(y)));
    match op {
        // Only ints have bits to shift.
        BinaryOp::Left => fault.hint("floats go further, less exactly: {0} * 2.0^{1}"),
        _ => fault.hint(format!("floats go further, less exactly: float({{0}}) {glyph} {{1}}")),
    }
}

/// The quotient rounded down, as the primitive on arrays does it.
pub fn floor_quotient(a: f64, b: f64) -> f64 {
    if b == 0.0 || a.is_infinite() {
        return a / b;
    }
    if b.is_infinite() {
        return (a / b).floor();
    }
    let r = a % b;
    let q = (a - r) / b;
    let q = if r != 0.0 && (r < 0.0) != (b < 0.0) { q - 1.0 } else { q };
    if q == 0.0 { 0.0f64.copysign(a / b) } else { q.round() }
}

pub fn floor_remainder(a: f64, b: f64) -> f64 {
    let r = a % b;
    match r {
        0.0 => 0.0f64.copysign(b),
        _ if (r < 0.0) != (b < 0.0) => r + b,
        _ => r,
    }
}

/// Two bools under `&`, `|`, `xor` stay a bool.
pub fn truth(op: BinaryOp, a: bool, b: bool) -> Option<bool> {
    match op {
        BinaryOp::And => Some(a & b),
        BinaryOp::Or => Some(a | b),
        BinaryOp::Xor => Some(a ^ b),
        _ => None,
    }
}

/// `a op b` of numbers.
#[inline(always)]
pub fn compare(op: Relation, a: Num, b: Num) -> bool {
    use std::cmp::Ordering::*;
    let order = match (a, b) {
        (Num::Int(x), Num::Int(y)) => Some(x.cmp(&y)),
        (Num::Float(x), Num::Float(y)) => x.partial_cmp(&y),
        (Num::Int(x), Num::Float(y)) => mixed(x, y),
        (Num::Float(x), Num::Int(y)) => mixed(y, x).map(std::cmp::Ordering::reverse),
    };
    match op {
        Relation::Equal => order == Some(Equal),
        Relation::NotEqual => order != Some(Equal),
        Relation::Less => order == Some(Less),
        Relation::LessEqual => matches!(order, Some(Less | Equal)),
        Relation::Greater => order == Some(Greater),
        Relation::GreaterEqual => matches!(order, Some(Greater | Equal)),
        _ => false,
    }
}

/// 2^63: the first float that no int reaches.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// An int with a float, exactly: a large int is not rounded to a float first.
fn mixed(x: i64, y: f64) -> Option<std::cmp::Ordering> {
    if y.is_nan() {
        return None;
    }
    if y >= TOO_LARGE {
        return Some(std::cmp::Ordering::Less);
    }
    if y < -TOO_LARGE {
        return Some(std::cmp::Ordering::Greater);
    }
    let whole = y.trunc();
    Some(x.cmp(&(whole as i64)).then(0.0f64.total_cmp(&(y - whole))).then(std::cmp::Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
        match arith(op, Num::Int(a), Num::Int(b)) {
            Ok(Some(Value::Int(i))) => Some(i),
            _ => None,
        }
    }

    #[test]
    fn ints_never_wrap() {
        assert_eq!(int(BinaryOp::Mul, 1 << 62, 4), None);
        assert_eq!(int(BinaryOp::Add, i64::MAX, 1), None);
        assert_eq!(int(BinaryOp::Floor, i64::MIN, -1), None);
        assert_eq!(int(BinaryOp::Rem, i64::MIN, -1), Some(0));
        assert_eq!(int(BinaryOp::Pow, 2, 62), Some(1 << 62));
        assert_eq!(int(BinaryOp::Pow, 2, 63), None);
        assert_eq!(int(BinaryOp::Pow, -2, 63), Some(i64::MIN));
        assert_eq!(int(BinaryOp::Pow, -1, 1 << 40), Some(1));
        assert_eq!(int(BinaryOp::Left, 1, 63), None);
        assert_eq!(int(BinaryOp::Left, 0, 99), Some(0));
    }

    #[test]
    fn floored_like_the_divisor() {
        assert_eq!(int(BinaryOp::Floor, -7, 2), Some(-4));
        assert_eq!(int(BinaryOp::Rem, -7, 3), Some(2));
        assert_eq!(int(BinaryOp::Rem, 7, -3), Some(-2));
        assert_eq!(floor_remainder(-7.5, 2.0), 0.5);
        assert_eq!(floor_quotient(7.5, -2.0), -4.0);
        assert!(arith(BinaryOp::Floor, Num::Int(1), Num::Int(0)).is_err());
    }

    #[test]
    fn ints_and_floats_compare_exactly() {
        let big = (1i64 << 53) + 1;
        assert!(compare(Relation::Greater, Num::Int(big), Num::Float((1i64 << 53) as f64)));
        assert!(compare(Relation::Less, Num::Int(2), Num::Float(2.5)));
        assert!(compare(Relation::Greater, Num::Int(-2), Num::Float(-2.5)));
        assert!(compare(Relation::Equal, Num::Int(0), Num::Float(-0.0)));
        assert!(!compare(Relation::Equal, Num::Int(0), Num::Float(f64::NAN)));
        assert!(compare(Relation::NotEqual, Num::Int(0), Num::Float(f64::NAN)));
        assert!(compare(Relation::Less, Num::Int(i64::MAX), Num::Float(9.3e18)));
    }
}
