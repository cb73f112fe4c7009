//! Operators: numbers at once, arrays through their primitive.

use std::rc::Rc;

use smallvec::SmallVec;

use crate::base::{DType, Fault, Result, Shape, Span, memory};
use crate::graph::apply::record;
use crate::graph::at_once::{self, Side};
use crate::graph::{Attrs, Data, Expr, Prim, apply, bits_of};
use crate::lang::arith::{self, Num};
use crate::lang::code::*;
use crate::lang::interp::Interp;
use crate::lang::value::Value;
use crate::ops;

impl Interp {
    #[inline]
    pub(super) fn binary(&mut self, b: &Binary, span: Span) -> Result<Value> {
        let x = match self.number(&b.a) {
            Some(n) => n,
            None => {
                if let (Some(x), Some(y)) = (self.peek(&b.a), self.peek(&b.b)) {
                    // `x = x + b`: the variable is the only one that has the array, unless somebody else holds it.
                    let spent = (b.grows.is_some() && self.dry.is_none()).then_some(x);
                    if let Some(done) = small(b, x, y, spent) {
                        return Ok(done);
                    }
                    if let Value::Array(_) = x {
                        let (x, y) = (self.eval(&b.a)?, self.eval(&b.b)?);
                        return self.operate_large(b, x, y, span);
                    }
                }
                match self.eval(&b.a)? {
                    Value::Int(i) => Num::Int(i),
                    Value::Float(x) => Num::Float(x),
                    a => return self.binary_values(b, a, span),
                }
            }
        };
        let y = match self.number(&b.b) {
            Some(n) => n,
            None => {
                if let Some(y) = self.peek(&b.b)
                    && let Some(done) = small(b, &x.value(), y, None)
                {
                    return Ok(done);
                }
                match self.eval(&b.b)? {
                    Value::Int(i) => Num::Int(i),
                    Value::Float(x) => Num::Float(x),
                    v => return self.operate(b, x.value(), v, span),
                }
            }
        };
        match arith::arith(b.op, x, y) {
            Ok(Some(v)) => Ok(v),
            Ok(None) => self.operate(b, x.value(), y.value(), span),
            Err(fault) => Err(self.explain_operands(fault, &[&b.a, &b.b], &[x.value(), y.value()], span)),
        }
    }

    #[inline(never)]
    fn binary_values(&mut self, b: &Binary, a: Value, span: Span) -> Result<Value> {
        if let Some(y) = self.peek(&b.b) {
            if let Some(done) = small(b, &a, y, Some(&a)) {
                return Ok(done);
            }
            if let Value::Array(_) = a {
                let c = self.eval(&b.b)?;
                return self.operate_large(b, a, c, span);
            }
        }
        let c = self.eval(&b.b)?;
        if b.grows.is_some()
            && let Value::Array(e) = &a
            && matches!(self.peek(&b.a), Some(Value::Array(now)) if now.same(e))
        {
            return self.replaced(b, a, c, span);
        }
        match (b.grows, &a, &c) {
            (Some(slot), Value::Text(_), Value::Text(_)) if b.op == BinaryOp::Add && self.dry.is_none() => {
                self.appended(b, slot, a, c, span)
            }
            _ => self.operate(b, a, c, span),
        }
    }

    /// `x = x + b` of an array that x still has: see `binary`.
    #[inline(never)]
    fn replaced(&mut self, b: &Binary, a: Value, c: Value, span: Span) -> Result<Value> {
        drop(a);
        if let Some(x) = self.peek(&b.a) {
            let spent = self.dry.is_none().then_some(x);
            if let Some(done) = small(b, x, &c, spent) {
                return Ok(done);
            }
        }
        let a = self.eval(&b.a)?;
        self.operate_large(b, a, c, span)
    }

    /// `s = s + t` of texts: s grows in its variable's place, if nobody else has it.
    #[inline(never)]
    fn appended(&mut self, b: &Binary, slot: Slot, s: Value, t: Value, span: Span) -> Result<Value> {
        let (Value::Text(before), Value::Text(more)) = (&s, &t) else { return self.operate(b, s, t, span) };
        let mut text = match self.take(slot) {
            Some(Value::Text(text)) if Rc::ptr_eq(&text, before) => text,
            other => {
                self.put_back(slot, other);
                return self.operate(b, s, t, span);
            }
        };
        let all = text.len() + more.len();
        if all > text.capacity()
            && let Err(fault) = memory::room(2 * all, "a text")
        {
            self.put_back(slot, Some(s));
            return Err(fault.at(span));
        }
        drop(s);
        Rc::make_mut(&mut text).push_str(more);
        Ok(Value::Text(text))
    }

    #[inline(never)]
    fn operate(&mut self, b: &Binary, x: Value, y: Value, span: Span) -> Result<Value> {
        let spent = if matches!(&x, Value::Array(e) if e.holders() == 1) { &x } else { &y };
        if let Some(done) = small(b, &x, &y, Some(spent)) {
            return Ok(done);
        }
        self.operate_large(b, x, y, span)
    }

    /// Of values that `small` does not take.
    #[inline(never)]
    fn operate_large(&mut self, b: &Binary, x: Value, y: Value, span: Span) -> Result<Value> {
        self.mark(span);
        if b.op != BinaryOp::Pow
            && let (Some(x), Some(y)) = (side(&x), side(&y))
            && let Some(e) = record(b.prim, &[x, y])
        {
            return Ok(Value::Array(e));
        }
        operate(b.op, b.prim, &x, &y).map_err(|f| self.explain_operands(f, &[&b.a, &b.b], &[x, y], span))
    }

    /// An elementwise primitive of one array, where that is plain: computed if it is small, else recorded.
    #[inline]
    pub(super) fn map(&mut self, prim: &'static Prim, x: &Expr, span: Span) -> Option<Expr> {
        at_once::one(prim, x).or_else(|| {
            self.mark(span);
            record(prim, &[Side::Array(x)])
        })
    }

    pub(super) fn unary(&mut self, u: &Unary, span: Span) -> Result<Value> {
        if u.op == UnaryOp::Not {
            let v = self.eval(&u.x)?;
            if let Value::Array(e) = &v
                && e.rank() > 0
            {
                let fault = Fault::new(format!("`not` turns one bool, found {}", v.type_name())).at(u.x.span);
                return Err(fault.hint("~x turns every element"));
            }
            return v.to_bool().map(|b| Value::Bool(!b)).map_err(|f| f.at(u.x.span));
        }
        let v = self.eval(&u.x)?;
        if let (Value::Array(e), Some(prim)) = (&v, u.prim)
            && let Some(e) = self.map(prim, e, span)
        {
            return Ok(Value::Array(e));
        }
        self.mark(span);
        let done = match (u.op, &v) {
            (UnaryOp::Minus, Value::Int(i)) => match i.checked_neg() {
                Some(i) => Ok(Value::Int(i)),
                None => Err(Fault::new(format!("-({i}) does not fit into an int of 64 bits"))),
            },
            (UnaryOp::Minus, Value::Float(x)) => Ok(Value::Float(-x)),
            (UnaryOp::Minus, Value::Bool(b)) => Ok(Value::Int(-(*b as i64))),
            (UnaryOp::Invert, Value::Int(i)) => Ok(Value::Int(!i)),
            (UnaryOp::Invert, Value::Bool(b)) => Ok(Value::Bool(!b)),
            (UnaryOp::Plus, Value::Int(_) | Value::Float(_) | Value::Array(_)) => return Ok(v),
            (UnaryOp::Plus, _) => v.to_expr().map(Value::from_expr),
            (_, v) => match u.prim {
                Some(prim) => v.to_expr().and_then(|e| apply(prim, &[e], Attrs::new())).map(Value::from_expr),
                None => Err(Fault::new("internal: an operator has no primitive")),
            },
        };
        done.map_err(|f| self.explain_operands(f, &[&u.x], &[v], span))
    }
}

impl Num {
    #[inline(always)]
    pub fn value(self) -> Value {
        match self {
            Num::Int(i) => Value::Int(i),
            Num::Float(x) => Value::Float(x),
        }
    }
}

/// `x op y` of any values. Sides of a fault are 0 and 1.
pub fn operate(op: BinaryOp, prim: &'static Prim, x: &Value, y: &Value) -> Result<Value> {
    if let (Value::Bool(a), Value::Bool(b)) = (x, y)
        && let Some(b) = arith::truth(op, *a, *b)
    {
        return Ok(Value::Bool(b));
    }
    if let (Some(a), Some(b)) = (Num::of(x), Num::of(y))
        && let Some(v) = arith::arith(op, a, b)?
    {
        return Ok(v);
    }
    if let Some(e) = elements(op, x, y) {
        return Ok(Value::Array(e));
    }
    match (x, y) {
        (Value::Array(_), Value::Array(_)) => {}
        (Value::Text(a), Value::Text(b)) if op == BinaryOp::Add => {
            memory::room(a.len() + b.len(), "a text")?;
            return Ok(Value::text(format!("{a}{b}")));
        }
        (Value::Text(_), _) | (_, Value::Text(_)) if op == BinaryOp::Add => {
            return Err(sided(mismatch(prim, x, y), x, y).hint("put the value into the text: \"loss {x}\""));
        }
        (Value::Tuple(_), Value::Tuple(_)) if op == BinaryOp::Add => {
            return Err(sided(mismatch(prim, x, y), x, y).hint("join tuples by spreading them: (...{0}, ...{1})"));
        }
        _ => {}
    }
    let operand = |v: &Value, i: usize| {
        v.to_expr().map_err(|_| {
            let fault = mismatch(prim, x, y).side(i, "is no number or array");
            match text_habit(op, x, y) {
                Some(hint) => fault.hint(hint),
                None => fault,
            }
        })
    };
    let ins = [operand(x, 0)?, operand(y, 1)?];
    if op == BinaryOp::Pow
        && let Some(e) = small_power(&ins[0], y)?
    {
        return Ok(Value::from_expr(e));
    }
    apply(prim, &ins, Attrs::new()).map(Value::from_expr)
}

/// What operators do to texts elsewhere.
fn text_habit(op: BinaryOp, x: &Value, y: &Value) -> Option<&'static str> {
    Some(match (op, x, y) {
        (BinaryOp::Rem, Value::Text(_), _) => "put the value into the text: \"loss {x:.3f}\"",
        (BinaryOp::Mul, Value::Text(_), Value::Int(_)) => "repeat a text: join(map(_ -> {0}, 0..{1}))",
        (BinaryOp::Mul, Value::Int(_), Value::Text(_)) => "repeat a text: join(map(_ -> {1}, 0..{0}))",
        _ => return None,
    })
}

/// A side of an operator that arrays have.
#[inline]
pub(super) fn side(v: &Value) -> Option<Side<'_>> {
    match v {
        Value::Array(e) => Some(Side::Array(e)),
        Value::Float(x) => Some(Side::Number(bits_of(*x), DType::F64)),
        Value::Int(i) => Some(Side::Number(bits_of(*i), DType::I64)),
        Value::Bool(b) => Some(Side::Number(bits_of(*b), DType::Bool)),
        _ => None,
    }
}

/// The operator on small arrays, or one and a number: see `at_once::two`. Nobody needs `spent`, one of the two, afterwards.
#[inline]
fn small(b: &Binary, x: &Value, y: &Value, spent: Option<&Value>) -> Option<Value> {
    // Some powers are products.
    if b.op == BinaryOp::Pow {
        return None;
    }
    let spent = match spent {
        Some(Value::Array(e)) => Some(e),
        _ => None,
    };
    at_once::two(b.prim, side(x)?, side(y)?, spent).map(Value::Array)
}

/// Floats with a dtype of their own, such as `x[i]`: the arithmetic of loops over elements, without a call.
fn elements(op: BinaryOp, x: &Value, y: &Value) -> Option<Expr> {
    let number = |v: &Value| match v {
        Value::Float(x) => Some((*x, None)),
        Value::Int(i) => Some((*i as f64, None)),
        Value::Array(e) if e.rank() == 0 && !e.is_weak() && !e.node().marks.live() => match e.data() {
            Some(Data::Number(bits)) if e.dtype() == DType::F64 => Some((f64::from_bits(*bits), Some(e.place()))),
            _ => None,
        },
        _ => None,
    };
    let ((a, p), (b, q)) = (number(x)?, number(y)?);
    let place = p.max(q)?;
    let result = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        _ => return None,
    };
    if let (Some(p), Some(q)) = (p, q)
        && p != q
    {
        return None;
    }
    Some(Expr::full(Shape::scalar(), result.to_bits(), DType::F64, place))
}

/// Both sides shown.
fn sided(fault: Fault, x: &Value, y: &Value) -> Fault {
    fault.side(0, format!("is {}", x.type_name())).side(1, format!("is {}", y.type_name()))
}

fn mismatch(prim: &Prim, x: &Value, y: &Value) -> Fault {
    Fault::new(format!("{}: expected numbers or arrays, found {} and {}", prim.name, x.article(), y.article()))
}

/// Powers that are cheaper as products: correctly rounded, or as near as the power itself.
fn small_power(x: &Expr, exponent: &Value) -> Result<Option<Expr>> {
    let times = |a: &Expr, b: &Expr| apply(&ops::arith::multiply::PRIM, &[a.clone(), b.clone()], Attrs::new());
    let floats = x.dtype().is_float();
    let done = match exponent {
        Value::Int(2) => times(x, x)?,
        Value::Float(2.0) if floats => times(x, x)?,
        Value::Int(3) if !floats => times(&times(x, x)?, x)?,
        Value::Int(1) if !x.is_weak() => x.clone(),
        Value::Float(1.0) if floats && !x.is_weak() => x.clone(),
        Value::Int(-1) | Value::Float(-1.0) if floats => {
            let one = Expr::weak(1.0);
            apply(&ops::arith::divide::PRIM, &[one, x.clone()], Attrs::new())?
        }
        _ => return Ok(None),
    };
    Ok(Some(done))
}

/// Calls a primitive on arrays without attributes.
pub fn call_plain(prim: &'static Prim, ins: SmallVec<[Expr; 3]>) -> Result<Value> {
    apply(prim, &ins, Attrs::new()).map(Value::from_expr)
}
