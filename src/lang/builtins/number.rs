//! Single numbers: conversions from text and arrays, and functions that take numbers as well as arrays.

use super::args::*;
use super::natives;
use crate::base::{DType, Fault, Kind, Result, counted};
use crate::graph::Expr;
use crate::lang::Value;
use crate::lang::convert::as_int;
use crate::lang::text::text;
use crate::ops;
use crate::show::Style;

natives! {
    /// An int from a number (cut off towards zero), a text, or an array of one element.
    ///
    /// > int("42") + int(1.9)
    /// 43
    "int(x)" => |_, a| match a.get(0) {
        Value::Text(t) => parse_int(t).map(Value::Int).ok_or_else(|| unread(&a, t, "an int")),
        v => match single(&a, v)? {
            Value::Float(x) => as_int(x).map(Value::Int).ok_or_else(|| {
                Fault::new(format!("int: {} is no int of 64 bits", x.to_string().to_lowercase())).side(0, "cannot be an int")
            }),
            other => other.to_int().map(Value::Int),
        },
    };

    /// A float from a number, a text, or an array of one element.
    ///
    /// > float("1e3")
    /// 1000
    "float(x)" => |_, a| match a.get(0) {
        Value::Text(t) => t.trim().replace('_', "").parse().map(Value::Float).map_err(|_| unread(&a, t, "a number")),
        v => single(&a, v)?.to_float().map(Value::Float),
    };

    /// The text of any value, as `print` writes it.
    ///
    /// > text([1, 2])
    /// "[1, 2]"
    "text(x)" => |_, a| Ok(Value::text(text(a.get(0), &Style::PLAIN)?));

    /// The text of any value, as `print` writes it.
    ///
    /// > str(1.5)
    /// "1.5"
    "str(x)" => |_, a| Ok(Value::text(text(a.get(0), &Style::PLAIN)?));

    /// The text of a value in a format of Python's mini-language, as after the `:` in `"{x:.3f}"`.
    ///
    /// > format(3.14159, ".2f")
    /// "3.14"
    "format(x, spec=\"\")" => |_, a| crate::lang::text::formatted(a.get(0), a.text(1)?).map(Value::text);

    /// The one element of an array of size 1 as a plain number, or the one at a position: one index for each axis, or one
    /// in the flattened x.
    ///
    /// > item([[7]])
    /// 7
    /// > item([[1, 2], [3, 4]], 2)
    /// 3
    "item(x, *index)" => |_, a| match a.rest(1) {
        [] => single(&a, a.get(0)),
        [i] => Value::number_of(&at(&ops::flat(&a.expr(0)?), std::slice::from_ref(i)).map_err(|f| a.wrong(1, f))?),
        many => Value::number_of(&at(&a.expr(0)?, many).map_err(|f| a.wrong(1, f))?),
    };

    /// The elements as nested tuples of plain numbers.
    ///
    /// > tolist([[1, 2], [3, 4]])
    /// ((1, 2), (3, 4))
    "tolist(x)" => |_, a| { let x = a.expr(0)?; nested(&x) };

    /// The largest element, of all or along `axis`; of two or three numbers the largest. nan if there is one. The
    /// gradient of a tie is shared.
    ///
    /// > max([[1, 5], [7, 2]], axis=1)
    /// [5, 7]
    /// > max(3, 5), max(3, 5, 9)
    /// (5, 9)
    "max(x, axis=none, keepdims=false)" => |_, a| extreme(&a, ops::maximum, ops::max);

    /// The smallest element, of all or along `axis`; of two or three numbers the smallest. nan if there is one. The
    /// gradient of a tie is shared.
    ///
    /// > min([[1, 5], [7, 2]], axis=1)
    /// [1, 2]
    /// > min(3, 5), min(3, 5, 1)
    /// (3, 1)
    "min(x, axis=none, keepdims=false)" => |_, a| extreme(&a, ops::minimum, ops::min);

    /// Rounded to the nearest, halves to even; so many `decimals` after the point are kept.
    ///
    /// > round([0.5, 1.5, 2.6])
    /// [0, 2, 3]
    /// > round(3.14159, 2)
    /// 3.14
    "round(x, decimals=0)" => |_, a| {
        let (x, digits) = (a.expr(0)?, a.int(1)?);
        if digits == 0 || (digits > 0 && !x.dtype().is_float()) {
            return done(ops::round(&x));
        }
        // Dividing by a power of ten is exact to the last bit where multiplying by its inverse is not.
        let scale = Expr::weak(10f64.powi(digits.unsigned_abs().min(300) as i32));
        let rounded = if digits > 0 { ops::round(&(&x * &scale)) / &scale } else { ops::round(&(&x / &scale)) * &scale };
        done(if x.dtype() == crate::base::DType::I64 { crate::graph::cast(&rounded, x.dtype())? } else { rounded })
    };
}

/// The plain number of a number or an array of one element.
fn single(a: &Args, v: &Value) -> Result<Value> {
    if v.is_number() {
        return Ok(v.clone());
    }
    let x = v.to_expr().map_err(|f| a.wrong(0, f))?;
    if x.size() != 1 {
        let fault = Fault::new(format!("{}: expected one number, found {}", a.name, x.type_name()));
        return Err(fault
            .side(0, format!("has {}", counted(x.size(), "element")))
            .hint(format!("astype({{0}}, {}) converts every element", elementwise(a.name))));
    }
    Value::number_of(&x)
}

/// The dtype of the numbers that a function of one number makes.
fn elementwise(name: &str) -> &'static str {
    match name {
        "int" => "i64",
        "bool" => "bool",
        _ => "f64",
    }
}

/// The element at one index for each axis.
fn at(x: &Expr, index: &[Value]) -> Result<Expr> {
    if x.rank() != index.len() {
        return Err(Fault::new(format!("item: {} for {}", counted(index.len(), "index"), x.type_name())));
    }
    index
        .iter()
        .try_fold(x.clone(), |x, i| row(&x, crate::lang::index::position(i.to_int()?, x.shape()[0], 1, "the axis")?))
}

fn unread(a: &Args, text: &str, expected: &str) -> Fault {
    a.wrong(0, Fault::new(format!("expected {expected}, found \"{text}\"")))
}

/// As literals are written: signs, `_`, `0x`, `0b`, `0o`.
fn parse_int(text: &str) -> Option<i64> {
    let clean = text.trim().replace('_', "");
    let (sign, digits) = match clean.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", clean.strip_prefix('+').unwrap_or(&clean)),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

/// Read from the elements at once: a node for each of them would take ten times the memory.
fn nested(x: &Expr) -> Result<Value> {
    let host = x.host()?;
    let shape = &x.shape()[..];
    match x.dtype().kind() {
        Kind::Bool => grouped(shape, &mut host.to_vec::<bool>()?.into_iter().map(Value::Bool)),
        Kind::Int => grouped(shape, &mut host.to_vec::<i64>()?.into_iter().map(Value::Int)),
        Kind::Float => grouped(shape, &mut host.to_f64s()?.into_iter().map(Value::Float)),
    }
}

/// The next elements as nested tuples of a shape.
fn grouped(shape: &[usize], all: &mut dyn Iterator<Item = Value>) -> Result<Value> {
    crate::base::interrupt::check()?;
    match shape {
        [] => Ok(all.next().unwrap_or(Value::None)),
        [n, rest @ ..] => Ok(Value::tuple((0..*n).map(|_| grouped(rest, all)).collect::<Result<_>>()?)),
    }
}

type Pair = fn(&Expr, &Expr) -> Expr;
type Folded = fn(&Expr, crate::graph::Attr, bool) -> Expr;

/// `max(3, 5)` compares, `max(x, axis=0)` folds. A tuple of numbers is folded like an array.
fn extreme(a: &Args, pair: Pair, fold: Folded) -> Result<Value> {
    let x = match a.get(0) {
        Value::Tuple(_) => stacked(a.get(0)).map_err(|f| a.wrong(0, f))?,
        _ => a.expr(0)?,
    };
    let other = match a.get(1) {
        Value::Array(e) if e.rank() == 0 => Some(e.clone()),
        v if v.is_number() => Some(v.to_expr()?),
        Value::Array(e) => {
            let fault = Fault::new(format!("{}: the axis is {}", a.name, e.type_name())).side(1, "is no axis");
            return Err(fault.hint(format!("{}imum({{0}}, {{1}}) compares two arrays element by element", a.name)));
        }
        _ => None,
    };
    if let (0, Some(other)) = (x.rank(), other) {
        let two = pair(&x, &other);
        return match a.get(2) {
            Value::Bool(false) => done(two),
            // `max(a, b, c)`: what would be `keepdims` of an array.
            v if v.is_number() && !matches!(v, Value::Bool(_)) => done(pair(&two, &v.to_expr()?)),
            Value::Array(e) if e.rank() == 0 && e.dtype() != DType::Bool => done(pair(&two, e)),
            v => Err(a.wrong(2, v.unlike("a number")).hint(format!("{}((a, b, c)) takes any number of them", a.name))),
        };
    }
    let axis = match a.maybe(1, |a, i| a.axes(i))? {
        None => crate::graph::Attr::None,
        Some(axes) => crate::graph::Attr::ints(axes),
    };
    done(fold(&x, axis, a.bool(2)?))
}
