//! What files hold: numbers, text, arrays, and nests of them. The language's values are made of it and into it.

use std::rc::Rc;
use std::sync::Arc;

use crate::base::{Buffer, DType, Elem, Fault, Host, Result, Shape};
use crate::dispatch;

/// A value on its way from or to a file.
#[derive(Clone)]
pub enum Data {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    Array(Host),
    Tuple(Vec<Data>),
    Record(Vec<(Rc<str>, Data)>),
}

impl Data {
    /// What it is, for a message: `f64[3, 4]`, `a record`.
    pub fn describe(&self) -> String {
        match self {
            Data::None => "none".into(),
            Data::Bool(_) => "a bool".into(),
            Data::Int(_) | Data::Float(_) => "a number".into(),
            Data::Text(_) => "text".into(),
            Data::Array(host) => format!("{}{}", host.dtype, host.shape()),
            Data::Tuple(_) => "a tuple".into(),
            Data::Record(_) => "a record".into(),
        }
    }

    /// A number or array as host data.
    pub fn to_host(&self) -> Result<Option<Host>> {
        Ok(Some(match self {
            Data::Bool(b) => Host::scalar(*b)?,
            Data::Int(i) => Host::scalar(*i)?,
            Data::Float(x) => Host::scalar(*x)?,
            Data::Array(host) => host.clone(),
            _ => return Ok(None),
        }))
    }

    /// An array without axes is the number it holds, as far as a scalar has that type.
    pub fn from_host(host: Host) -> Data {
        if host.shape().rank() > 0 {
            return Data::Array(host);
        }
        match host.dtype {
            DType::Bool => Data::Bool(host.buffer.as_slice::<bool>()[host.layout.offset]),
            DType::I64 => Data::Int(host.buffer.as_slice::<i64>()[host.layout.offset]),
            DType::F64 => Data::Float(host.buffer.as_slice::<f64>()[host.layout.offset]),
            DType::F16 | DType::F32 => Data::Array(host),
        }
    }

    /// A list as it comes from a file: one array where the items are numbers, bools, or arrays of one shape; else a
    /// tuple. `none` between numbers is nan.
    pub fn from_list(items: Vec<Data>) -> Result<Data> {
        let numbers = items.iter().filter(|d| matches!(d, Data::Int(_) | Data::Float(_))).count();
        let all = |test: fn(&Data) -> bool| items.iter().all(test);
        if items.is_empty() || (numbers > 0 && all(|d| matches!(d, Data::Int(_) | Data::Float(_) | Data::None))) {
            let shape = Shape::new(&[items.len()]);
            if numbers > 0 && all(|d| matches!(d, Data::Int(_))) {
                return Ok(Data::Array(host_from(
                    shape,
                    items.iter().map(|d| if let Data::Int(i) = d { *i } else { 0 }),
                )?));
            }
            let float = |d: &Data| match d {
                Data::Int(i) => *i as f64,
                Data::Float(x) => *x,
                _ => f64::NAN,
            };
            return Ok(Data::Array(host_from(shape, items.iter().map(float))?));
        }
        if all(|d| matches!(d, Data::Bool(_))) {
            let bools = items.iter().map(|d| matches!(d, Data::Bool(true)));
            return Ok(Data::Array(host_from(Shape::new(&[items.len()]), bools)?));
        }
        Ok(stack(&items)?.unwrap_or(Data::Tuple(items)))
    }
}

/// Arrays of one shape, all numbers or all bools, as one array with an axis more.
fn stack(items: &[Data]) -> Result<Option<Data>> {
    let hosts: Vec<&Host> = items.iter().filter_map(|d| if let Data::Array(h) = d { Some(h) } else { None }).collect();
    let Some(first) = hosts.first().filter(|_| hosts.len() == items.len()) else { return Ok(None) };
    let alike = |h: &&Host| h.shape() == first.shape() && (h.dtype == DType::Bool) == (first.dtype == DType::Bool);
    if !hosts.iter().all(alike) {
        return Ok(None);
    }
    let dtype = hosts.iter().fold(first.dtype, |d, h| d.promote(h.dtype));
    let shape: Shape = [items.len()].into_iter().chain(first.shape().iter().copied()).collect();
    // An i64 does not survive the way through f64, so equal types are copied as they are.
    let host = if hosts.iter().all(|h| h.dtype == dtype) {
        dispatch!(dtype, T => {
            let all = hosts.iter().map(|h| h.to_vec::<T>()).collect::<Result<Vec<_>>>()?;
            host_from(shape, all.into_iter().flatten())?
        })
    } else {
        let all = hosts.iter().map(|h| h.to_f64s()).collect::<Result<Vec<_>>>()?;
        host_from(shape, all.into_iter().flatten())?
    };
    Ok(Some(Data::Array(host)))
}

/// A row-major array of what an iterator yields, written once; the iterator must yield the shape's size.
pub fn host_from<T: Elem>(shape: Shape, items: impl Iterator<Item = T>) -> Result<Host> {
    let n = shape.size();
    let bytes =
        n.checked_mul(size_of::<T>()).ok_or_else(|| Fault::input(format!("shape {shape} is beyond any memory")))?;
    let buffer: Arc<Buffer> = Buffer::new(bytes)?;
    let slots = buffer.ptr().cast::<T>();
    let mut filled = 0;
    for item in items.take(n) {
        // SAFETY: `filled` is below `n`, the buffer has room for `n`, and nobody else has it yet.
        unsafe { slots.add(filled).write(item) };
        filled += 1;
    }
    assert_eq!(filled, n, "as many elements as the shape has");
    Ok(Host { dtype: T::DTYPE, layout: crate::base::Layout::contiguous(shape), buffer })
}

/// For tests and failing assertions: types included.
impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Data::None => write!(f, "none"),
            Data::Bool(b) => write!(f, "{b}"),
            Data::Int(i) => write!(f, "{i}"),
            Data::Float(x) => write!(f, "{x:?}"),
            Data::Text(t) => write!(f, "{t:?}"),
            Data::Array(h) => write!(
                f,
                "{}{}{}",
                h.dtype,
                h.shape(),
                crate::show::line(h, &crate::show::Style::PLAIN).unwrap_or_default()
            ),
            Data::Tuple(items) => f.debug_list().entries(items).finish(),
            Data::Record(fields) => f.debug_map().entries(fields.iter().map(|(k, v)| (k, v))).finish(),
        }
    }
}
