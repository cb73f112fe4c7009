//! Files: `load` and `save`, and values as the formats know them.

use std::rc::Rc;

use super::natives;
use crate::base::{Fault, Result};
use crate::graph::{Expr, Place};
use crate::io::{Data, ReadOptions, read_path_with, write_path};
use crate::lang::Value;

natives! {
    /// What a file holds: npy, npz, csv, tsv, json, ndjson, numbers or text, also gzipped. The suffix says the format,
    /// else the first bytes; `format` overrules both. `header` says whether a table's first row names its columns.
    "load(path, format=none, header=none)" => |_, a| {
        let options = ReadOptions { header: a.maybe(2, |a, i| a.bool(i))? };
        value_of(read_path_with(a.text(0)?, a.maybe(1, |a, i| a.text(i))?, &options)?)
    };

    /// Writes a value into a file, whole or not at all; the suffix says the format, `.gz` behind it compresses.
    /// Path and value may come in either order.
    "save(path, value, format=none)" => |_, a| {
        let (path, value) = match (a.get(0), a.get(1)) {
            (Value::Text(path), value) | (value, Value::Text(path)) => (path, value),
            _ => return Err(a.wrong(0, a.get(0).unlike("a file name"))),
        };
        write_path(path.as_str(), &data_of(value).map_err(|f| a.wrong(1, f))?, a.maybe(2, |a, i| a.text(i))?)?;
        Ok(Value::None)
    };
}

/// A value from what a file held.
pub fn value_of(data: Data) -> Result<Value> {
    Ok(match data {
        Data::None => Value::None,
        Data::Bool(b) => Value::Bool(b),
        Data::Int(i) => Value::Int(i),
        Data::Float(x) => Value::Float(x),
        Data::Text(t) => Value::text(&*t),
        Data::Array(host) => Value::Array(Expr::from_host(host, Place::Array)),
        Data::Tuple(items) => Value::tuple(items.into_iter().map(value_of).collect::<Result<_>>()?),
        Data::Record(fields) => {
            Value::record(fields.into_iter().map(|(k, v)| Ok((k, value_of(v)?))).collect::<Result<_>>()?)
        }
    })
}

/// A value as files hold it.
pub fn data_of(value: &Value) -> Result<Data> {
    Ok(match value {
        Value::None => Data::None,
        Value::Bool(b) => Data::Bool(*b),
        Value::Int(i) => Data::Int(*i),
        Value::Float(x) => Data::Float(*x),
        Value::Text(t) => Data::Text(Rc::from(t.as_str())),
        Value::Array(e) => Data::Array(e.host()?),
        Value::Range(r) => Data::Array(r.to_expr().host()?),
        Value::DType(d) => Data::Text(Rc::from(d.name())),
        Value::Tuple(items) => Data::Tuple(items.iter().map(data_of).collect::<Result<_>>()?),
        Value::Record(r) => {
            Data::Record(r.fields().iter().map(|(k, v)| Ok((k.clone(), data_of(v)?))).collect::<Result<_>>()?)
        }
        Value::Function(_) | Value::Builtin(_) | Value::Space(_) | Value::Stream(_) => {
            return Err(Fault::new(format!("a file cannot hold {}", value.article())));
        }
    })
}
