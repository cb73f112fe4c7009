//! Making arrays and tensors, moving them between places and dtypes, and asking what they are.

use super::args::*;
use super::natives;
use crate::base::{DType, Fault, Half, Result, Shape};
use crate::graph::apply::convert;
use crate::graph::{Data, Expr, Place, cast, relocate};
use crate::lang::Value;
use crate::ops;

natives! {
    /// Zeros of a shape.
    ///
    /// > zeros(2, 3)
    /// [[0, 0, 0], [0, 0, 0]]
    /// > zeros((2,), dtype=i64).dtype
    /// i64
    "zeros(*shape, dtype=none, device=none)" => |_, a| constant(&a, 0.0);

    /// Ones of a shape.
    ///
    /// > ones(3)
    /// [1, 1, 1]
    "ones(*shape, dtype=none, device=none)" => |_, a| constant(&a, 1.0);

    /// An array to be written, of zeros for now.
    ///
    /// > empty(2).shape
    /// (2,)
    "empty(*shape, dtype=none, device=none)" => |_, a| constant(&a, 0.0);

    /// One value in a shape.
    ///
    /// > full((2, 2), 7)
    /// [[7, 7], [7, 7]]
    "full(shape, value, dtype=none, device=none)" => |_, a| {
        let value = a.expr(1)?;
        let (dtype, place) = a.kind(2, 3, value.dtype())?;
        filled(&value, a.sizes(0)?, dtype, place)
    };

    /// Zeros like x: its shape, dtype and place; of a record or tuple, one for each array in it.
    ///
    /// > zeros_like([1.5, 2])
    /// [0, 0]
    "zeros_like(x, dtype=none)" => |_, a| like(&a, &Value::Int(0), 1);

    /// Ones like x: its shape, dtype and place; of a record or tuple, one for each array in it.
    ///
    /// > ones_like([[1, 2], [3, 4]])
    /// [[1, 1], [1, 1]]
    "ones_like(x, dtype=none)" => |_, a| like(&a, &Value::Int(1), 1);

    /// An array like x to be written, of zeros for now.
    ///
    /// > empty_like([1, 2]).dtype
    /// i64
    "empty_like(x, dtype=none)" => |_, a| like(&a, &Value::Int(0), 1);

    /// One value in x's shape, dtype and place; of a record or tuple, one for each array in it.
    ///
    /// > full_like([1.5, 2], 3)
    /// [3, 3]
    "full_like(x, value, dtype=none)" => |_, a| like(&a, a.get(1), 2);

    /// Ones on a diagonal, zeros elsewhere; `k` moves it up.
    ///
    /// > eye(2)
    /// [[1, 0], [0, 1]]
    /// > eye(2, 3, k=1)
    /// [[0, 1, 0], [0, 0, 1]]
    "eye(n, m=none, k=0, dtype=none, device=none)" => |_, a| {
        let n = a.size(0)?;
        let (dtype, place) = a.kind(3, 4, DType::F64)?;
        done(ops::eye(n, a.maybe(1, |a, i| a.size(i))?.unwrap_or(n), a.int(2)?, dtype, place)?)
    };

    /// Numbers from start (0 if there is only one argument) up to but without stop.
    ///
    /// > arange(4)
    /// [0, 1, 2, 3]
    /// > arange(1, 2, 0.25)
    /// [1, 1.25, 1.5, 1.75]
    "arange(start, stop=none, step=1, dtype=none, device=none)" => |_, a| arange(&a);

    /// `num` numbers in even steps from start to stop, both included (`endpoint=false` leaves stop out). Of arrays
    /// in even steps too, along a new first axis.
    ///
    /// > linspace(0, 1, 5)
    /// [0, 0.25, 0.5, 0.75, 1]
    "linspace(start, stop, num=50, endpoint=true, dtype=none, device=none)" => |_, a| linspace(&a);

    /// A tensor: on the default device (or `device=`), where floats become f32 unless `dtype=` says otherwise.
    /// A tuple is stacked; of a record every array is moved.
    ///
    /// > tensor([1.5, 2]).dtype
    /// f32
    /// > tensor((1, 2, 3))
    /// [1, 2, 3]
    "tensor(x, dtype=none, device=none)" => |interp, a| {
        let place = match a.place(2)? { Some(place) => place, None => interp.default_place() };
        let dtype = a.dtype(1)?;
        arrays(&a, &mut |e| {
            let natural = if e.dtype().is_float() { DType::F32 } else { e.dtype() };
            relocate(&cast(e, dtype.unwrap_or(natural))?, place)
        })
    };

    /// An array for general work: host data that keeps its dtype. A tuple is stacked; of a record every tensor is moved.
    ///
    /// > array((1, 2.5))
    /// [1, 2.5]
    /// > array(tensor([1.5])).dtype
    /// f32
    "array(x, dtype=none)" => |_, a| {
        let dtype = a.dtype(1)?;
        arrays(&a, &mut |e| relocate(&cast(e, dtype.unwrap_or(e.dtype()))?, Place::Array))
    };

    /// The array behind a tensor; shares its memory where the device is the CPU.
    ///
    /// > tensor([1.5, 2]).numpy()
    /// [1.5, 2]
    "numpy(x)" => |_, a| arrays(&a, &mut |e| relocate(e, Place::Array));

    /// A tensor that keeps the array's dtype; shares its memory where the device is the CPU.
    ///
    /// > from_numpy([1.5]).dtype
    /// f64
    "from_numpy(x)" => |interp, a| { let device = interp.default_place(); arrays(&a, &mut |e| relocate(e, device)) };

    /// x on a device (`"cpu"`, `"gpu"`), as a tensor that keeps its dtype; or x in a dtype.
    ///
    /// > to([1.5], "cpu").dtype
    /// f64
    /// > to([1, 2], f32).dtype
    /// f32
    "to(x, device)" => |_, a| match a.get(1) {
        Value::DType(d) => { let d = *d; arrays(&a, &mut |e| cast(e, d)) }
        _ => { let place = place_of(a.text(1)?).map_err(|f| a.wrong(1, f))?; arrays(&a, &mut |e| relocate(e, place)) }
    };

    /// x with its elements converted; floats to ints are cut off towards zero.
    ///
    /// > astype([1.9, -1.9], i64)
    /// [1, -1]
    "astype(x, dtype)" => |_, a| {
        let Some(dtype) = a.dtype(1)? else { return Err(a.wrong(1, Value::None.unlike("a dtype"))) };
        arrays(&a, &mut |e| cast(e, dtype))
    };

    /// The name of the place where x is.
    ///
    /// > device(tensor([1]))
    /// "cpu"
    "device(x)" => |_, a| Ok(a.expr(0)?.place().name().into());

    /// The names of the devices that tensors can be on.
    ///
    /// > "cpu" in devices()
    /// true
    "devices()" => |_, _| {
        let others = crate::device::others().unwrap_or_default();
        Ok(Value::tuple(std::iter::once("cpu").chain(others.iter().map(|o| o.name)).map(Value::text).collect()))
    };

    /// The device that `tensor` puts things on; with a name, sets it.
    ///
    /// > default_device("cpu")
    /// "cpu"
    "default_device(name=none)" => |interp, a| {
        if let Some(place) = a.place(0)? {
            interp.device = Some(place);
        }
        Ok(interp.default_place().name().into())
    };

    /// The sizes of x's axes.
    ///
    /// > shape([[1, 2, 3]])
    /// (1, 3)
    "shape(x)" => |_, a| Ok(Value::tuple(a.expr(0)?.shape().iter().map(|&n| Value::Int(n as i64)).collect()));

    /// The number of x's axes.
    ///
    /// > ndim([[1, 2, 3]])
    /// 2
    "ndim(x)" => |_, a| Ok(Value::Int(a.expr(0)?.rank() as i64));

    /// The number of x's elements, or of those along one axis or several.
    ///
    /// > size([[1, 2, 3]])
    /// 3
    "size(x, axis=none)" => |_, a| {
        let x = a.expr(0)?;
        let axes = a.maybe(1, |a, i| a.axes(i))?.unwrap_or_else(|| (0..x.rank() as i64).collect());
        let sizes = axes.iter().map(|&k| Ok(x.shape()[x.shape().axis(k)?])).collect::<Result<Vec<_>>>();
        Ok(Value::Int(sizes.map_err(|f| a.wrong(1, f))?.iter().product::<usize>() as i64))
    };

    /// The dtype of x's elements.
    ///
    /// > dtype([1, 2])
    /// i64
    "dtype(x)" => |_, a| Ok(Value::DType(a.expr(0)?.dtype()));

    /// What x is, as text.
    ///
    /// > type([1.5, 2])
    /// "f64[2]"
    "type(x)" => |_, a| Ok(Value::text(a.get(0).type_name()));

    /// The dtype in which values of these meet.
    ///
    /// > result_type(i64, f32)
    /// f32
    "result_type(*values)" => |_, a| {
        let part = |v: &Value| match v {
            Value::DType(d) => Ok(Expr::full(Shape::scalar(), 0, *d, Place::Array)),
            other => other.to_expr(),
        };
        let parts: Vec<Expr> = a.rest(0).iter().map(part).collect::<Result<_>>().map_err(|f| a.wrong(0, f))?;
        if parts.is_empty() {
            return Err(Fault::new("result_type: expected at least one value, found none"));
        }
        Ok(Value::DType(ops::rule::meet(&parts)))
    };

    /// Whether a dtype converts to another without losing its kind: bool to int to float, and to a wider one.
    ///
    /// > (can_cast(i64, f32), can_cast(f64, i64))
    /// (true, false)
    "can_cast(from, to)" => |_, a| {
        let one = |i: usize| match a.get(i) {
            Value::Array(e) => Ok(e.dtype()),
            _ => a.dtype(i)?.ok_or_else(|| a.wrong(i, Value::None.unlike("a dtype"))),
        };
        let (from, to) = (one(0)?, one(1)?);
        Ok(Value::Bool(from.promote(to) == to))
    };

    /// Whether a dtype is of a kind: `"bool"`, `"integral"`, `"real floating"`, `"numeric"`, or a dtype.
    ///
    /// > isdtype(f32, "real floating")
    /// true
    "isdtype(dtype, kind)" => |_, a| {
        let Some(d) = a.dtype(0)? else { return Err(a.wrong(0, Value::None.unlike("a dtype"))) };
        is_kind(d, a.get(1)).map(Value::Bool).map_err(|f| a.wrong(1, f))
    };

    /// What a float dtype can hold: bits, eps, max, min, smallest_normal.
    ///
    /// > finfo(f32).bits
    /// 32
    "finfo(dtype)" => |_, a| {
        let d = match a.get(0) { Value::Array(e) => Some(e.dtype()), _ => a.dtype(0)? };
        let limits = match d {
            Some(DType::F16) => (Half::EPSILON, Half::MAX, Half::MIN_POSITIVE),
            Some(DType::F32) => (f32::EPSILON as f64, f32::MAX as f64, f32::MIN_POSITIVE as f64),
            Some(DType::F64) => (f64::EPSILON, f64::MAX, f64::MIN_POSITIVE),
            _ => return Err(a.wrong(0, a.get(0).unlike("a float dtype")).hint("iinfo tells about ints")),
        };
        let bits = d.map_or(0, |d| d.size() as i64 * 8);
        let fields = [("eps", limits.0), ("max", limits.1), ("min", -limits.1), ("smallest_normal", limits.2)];
        let mut all = vec![("bits".into(), Value::Int(bits))];
        all.extend(fields.map(|(name, x)| (name.into(), Value::Float(x))));
        Ok(Value::record(all))
    };

    /// What an int dtype can hold: bits, max, min.
    ///
    /// > iinfo(i64).max
    /// 9223372036854775807
    "iinfo(dtype)" => |_, a| match a.dtype(0)? {
        Some(DType::I64) => Ok(Value::record(vec![
            ("bits".into(), Value::Int(64)), ("max".into(), Value::Int(i64::MAX)), ("min".into(), Value::Int(i64::MIN)),
        ])),
        _ => Err(a.wrong(0, a.get(0).unlike("an int dtype")).hint("finfo tells about floats")),
    };
}

fn constant(a: &Args, value: f64) -> Result<Value> {
    let (dtype, place) = a.kind(1, 2, DType::F64)?;
    filled(&Expr::weak(value), a.shape(0)?, dtype, place)
}

/// One value in a shape; keeps the value's tape.
fn filled(value: &Expr, shape: Shape, dtype: DType, place: Place) -> Result<Value> {
    let shape = ops::rule::sized(shape, dtype)?;
    // A number that no tape knows is that number everywhere.
    if let (Some(Data::Number(bits)), 0, false) = (value.data(), value.rank(), value.node().marks.live()) {
        return done(Expr::full(shape, convert(*bits, value.dtype(), dtype), dtype, place));
    }
    done(ops::broadcast_to(&relocate(&cast(value, dtype)?, place)?, &shape))
}

fn like(a: &Args, value: &Value, dtype: usize) -> Result<Value> {
    let dtype = a.dtype(dtype)?;
    let value = value.to_expr().map_err(|f| a.wrong(1, f))?;
    tree(a.get(0), &mut |leaf| {
        let x = leaf.to_expr().map_err(|f| a.wrong(0, f))?;
        filled(&value, x.shape().clone(), dtype.unwrap_or(x.dtype()), x.place())
    })
}

/// Does `f` to an array, to what a tuple stacks to, or to every array of a record.
fn arrays(a: &Args, f: &mut dyn FnMut(&Expr) -> Result<Expr>) -> Result<Value> {
    let mut one = |v: &Value| done(f(&stacked(v).map_err(|e| a.wrong(0, e))?)?);
    match a.get(0) {
        Value::Record(_) => fields(a.get(0), &mut one),
        other => one(other),
    }
}

fn fields(value: &Value, f: &mut dyn FnMut(&Value) -> Result<Value>) -> Result<Value> {
    match value {
        Value::Record(r) => {
            let fields: Result<Vec<_>> = r.fields().iter().map(|(k, v)| Ok((k.clone(), fields(v, f)?))).collect();
            Ok(Value::record(fields?))
        }
        Value::Text(_) => Ok(value.clone()),
        other => f(other),
    }
}

fn arange(a: &Args) -> Result<Value> {
    let (start, stop) = if a.get(1).is_none() { (&Value::Int(0), a.get(0)) } else { (a.get(0), a.get(1)) };
    let step = a.get(2);
    let whole = |v: &Value| match v {
        Value::Int(_) | Value::Bool(_) => true,
        Value::Array(e) => !e.dtype().is_float(),
        _ => false,
    };
    let ints = whole(start) && whole(stop) && whole(step);
    let (from, to, by) = (number(a, 0, start)?, number(a, 1, stop)?, number(a, 2, step)?);
    if by == 0.0 || !(from.is_finite() && to.is_finite() && by.is_finite()) {
        return Err(Fault::new(format!("arange: cannot step from {from} to {to} by {by}")));
    }
    let n = if ints {
        let (from, to, by) = (start.to_int()? as i128, stop.to_int()? as i128, step.to_int()? as i128);
        let span = if by > 0 { to - from } else { from - to };
        if span <= 0 { 0.0 } else { (span as u128).div_ceil(by.unsigned_abs()) as f64 }
    } else {
        ((to - from) / by).ceil().max(0.0)
    };
    let natural = if ints { DType::I64 } else { DType::F64 };
    let (dtype, place) = a.kind(3, 4, natural)?;
    let shape = ops::rule::sized(Shape::new(&[n as usize]), dtype)?;
    let (start, step) = (start.to_expr()?, step.to_expr()?);
    let start = if ints { start } else { cast(&start, DType::F64)? };
    done(relocate(&cast(&ops::iota(&start, &step, &shape), dtype)?, place)?)
}

fn number(a: &Args, i: usize, v: &Value) -> Result<f64> {
    v.to_float().map_err(|f| a.wrong(i, f))
}

fn linspace(a: &Args) -> Result<Value> {
    let (start, stop, n) = (a.expr(0)?, a.expr(1)?, a.size(2)?);
    let (dtype, place) = a.kind(4, 5, DType::F64)?;
    let steps = if a.bool(3)? { n.saturating_sub(1) } else { n };
    let (start, stop) = (cast(&start, DType::F64)?, cast(&stop, DType::F64)?);
    let step = crate::ops::arrange::checked((&stop - &start) / steps.max(1) as f64)?;
    let lead = [n].into_iter().chain(step.shape().iter().copied()).collect();
    ops::rule::sized(lead, DType::F64)?;
    let at = ops::reshape(
        &ops::positions(n, 0, 1),
        &[n].into_iter().chain(step.shape().iter().map(|_| 1)).collect::<Shape>(),
    );
    let line = match step.rank() {
        0 => ops::iota(&start, &step, &Shape::new(&[n])),
        _ => &start + &(&step * &at),
    };
    // The last one is stop itself, whatever rounding says.
    let line = match a.bool(3)? && n > 1 {
        true => ops::where_(&ops::equal(&at, &Expr::weak(steps as i64)), &stop, &line),
        false => line,
    };
    done(relocate(&cast(&line, dtype)?, place)?)
}

fn is_kind(d: DType, kind: &Value) -> Result<bool> {
    use crate::base::Kind;
    Ok(match kind {
        Value::DType(k) => d == *k,
        Value::Tuple(kinds) => {
            for k in kinds.iter() {
                if is_kind(d, k)? {
                    return Ok(true);
                }
            }
            false
        }
        other => match other.to_text()? {
            "bool" => d.kind() == Kind::Bool,
            "signed integer" | "integral" => d.kind() == Kind::Int,
            "unsigned integer" | "complex floating" => false,
            "real floating" => d.kind() == Kind::Float,
            "numeric" => d.kind() != Kind::Bool,
            t => {
                return Err(Fault::new(format!("unknown kind \"{t}\""))
                    .hint("\"bool\", \"integral\", \"real floating\" or \"numeric\""));
            }
        },
    })
}
