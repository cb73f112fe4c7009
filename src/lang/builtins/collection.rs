//! Tuples, records, and what can be gone through item by item.

use super::args::*;
use super::natives;
use super::stream::{Source, stream_of};
use crate::base::{Fault, Result, interrupt, memory};
use crate::lang::{Interp, Value};

natives! {
    /// The number of items: of a tuple, a record, a range, characters of a text, or along an array's first axis.
    ///
    /// > len([[1, 2], [3, 4], [5, 6]])
    /// 3
    "len(x)" => |_, a| Ok(Value::Int(match a.get(0) {
        Value::Tuple(t) => t.len(),
        Value::Record(r) => r.fields().len(),
        Value::Range(r) => match i64::try_from(r.len()) {
            Ok(n) => n as usize,
            Err(_) => return Err(a.wrong(0, Fault::new("the range has more ints than an int of 64 bits can count"))),
        },
        Value::Text(t) => t.chars().count(),
        Value::Array(e) if e.rank() > 0 => e.shape()[0],
        other => return Err(a.wrong(0, other.unlike("something with items"))),
    } as i64));

    /// A function's value for every item: of a tuple a tuple, of a record a record, of an array or range an array if
    /// the values stack. Function and items may come in either order.
    ///
    /// > map(x -> x^2, (1, 2, 3))
    /// (1, 4, 9)
    /// > [1, 2, 3] |> map(x -> 10 * x)
    /// [10, 20, 30]
    "map(f, x)" => |interp, a| {
        let (f, x) = either(&a)?;
        if let Value::Record(r) = x {
            let mut fields = vec![];
            for (name, v) in r.fields() {
                fields.push((name.clone(), interp.call(f, vec![v.clone()])?));
            }
            return Ok(Value::record(fields));
        }
        let mut out = vec![];
        for item in items(interp, &a, x)? {
            interrupt::check()?;
            out.push(interp.call(f, vec![item])?);
        }
        restacked(x, out)
    };

    /// The items for which a function says true.
    ///
    /// > filter(x -> x > 1, (1, 2, 3))
    /// (2, 3)
    "filter(f, x)" => |interp, a| {
        let (f, x) = either(&a)?;
        let mut out = vec![];
        for item in items(interp, &a, x)? {
            interrupt::check()?;
            if interp.call(f, vec![item.clone()])?.to_bool()? {
                out.push(item);
            }
        }
        restacked(x, out)
    };

    /// Items joined two at a time from the left by a function; `first` comes before them.
    ///
    /// > reduce((a, b) -> a + b, (1, 2, 3))
    /// 6
    "reduce(f, x, first=none)" => |interp, a| {
        let (f, x) = either(&a)?;
        let mut items = items(interp, &a, x)?.into_iter();
        let mut total = match (a.get(2), items.len()) {
            (Value::None, 0) => return Err(a.wrong(1, Fault::new("there are no items")).hint("give a first value: reduce(f, x, first=0)")),
            (Value::None, _) => items.next().unwrap_or(Value::None),
            (first, _) => first.clone(),
        };
        for item in items {
            interrupt::check()?;
            total = interp.call(f, vec![total, item])?;
        }
        Ok(total)
    };

    /// Tuples of the first items, the second ones and so on, as far as the shortest goes.
    ///
    /// > zip((1, 2), ("a", "b"))
    /// ((1, "a"), (2, "b"))
    "zip(*xs)" => |interp, a| {
        let lists: Vec<Vec<Value>> = a.rest(0).iter().map(|x| items(interp, &a, x)).collect::<Result<_>>()?;
        let n = lists.iter().map(Vec::len).min().unwrap_or(0);
        Ok(Value::tuple((0..n).map(|i| Value::tuple(lists.iter().map(|l| l[i].clone()).collect())).collect()))
    };

    /// Pairs of a number and an item.
    ///
    /// > enumerate(("a", "b"))
    /// ((0, "a"), (1, "b"))
    "enumerate(x, start=0)" => |interp, a| {
        let start = a.int(1)?;
        if let Value::Stream(_) = a.get(0) {
            return Ok(stream_of("enumerate", a.get(0).clone(), move |i, item| Value::tuple(vec![Value::Int(start + i as i64), item])));
        }
        let items = items(interp, &a, a.get(0))?;
        Ok(Value::tuple(items.into_iter().zip(start..).map(|(v, i)| Value::tuple(vec![Value::Int(i), v])).collect()))
    };

    /// The names of a record's fields.
    ///
    /// > keys({a: 1, b: 2})
    /// ("a", "b")
    "keys(record)" => |_, a| {
        let r = a.get(0).to_record().map_err(|f| a.wrong(0, f))?;
        Ok(Value::tuple(r.fields().iter().map(|(k, _)| Value::text(&**k)).collect()))
    };

    /// The values of a record's fields.
    ///
    /// > values({a: 1, b: 2})
    /// (1, 2)
    "values(record)" => |_, a| {
        let r = a.get(0).to_record().map_err(|f| a.wrong(0, f))?;
        Ok(Value::tuple(r.fields().iter().map(|(_, v)| v.clone()).collect()))
    };

    /// Pairs of name and value of a record's fields.
    ///
    /// > items({a: 1, b: 2})
    /// (("a", 1), ("b", 2))
    "items(record)" => |interp, a| {
        a.get(0).to_record().map_err(|f| a.wrong(0, f))?;
        items(interp, &a, a.get(0)).map(Value::tuple)
    };

    /// A tuple of what can be gone through item by item.
    ///
    /// > tuple(0..3)
    /// (0, 1, 2)
    "tuple(x)" => |interp, a| items(interp, &a, a.get(0)).map(Value::tuple);

    /// x itself where it is a tuple, else a tuple that holds it alone.
    ///
    /// > as_tuple(3)
    /// (3,)
    "as_tuple(x)" => |_, a| Ok(match a.get(0) {
        Value::Tuple(_) => a.get(0).clone(),
        one => Value::tuple(vec![one.clone()]),
    });

    /// A record of pairs of name and value.
    ///
    /// > record((("a", 1), ("b", 2)))
    /// {a: 1, b: 2}
    "record(pairs)" => |interp, a| {
        let mut out = crate::lang::Record::default();
        for pair in items(interp, &a, a.get(0))? {
            match &pair {
                Value::Tuple(t) if t.len() == 2 => out.set(t[0].to_text().map_err(|f| a.wrong(0, f))?, t[1].clone()),
                other => return Err(a.wrong(0, other.unlike("a pair of name and value"))),
            }
        }
        Ok(Value::Record(std::rc::Rc::new(out)))
    };

    /// A function's value for every array in records and tuples of one structure: what parameters are updated with.
    ///
    /// > tree_map((p, g) -> p - g, {w: 3, b: (1, 2)}, {w: 1, b: (1, 1)})
    /// {w: 2, b: (0, 1)}
    "tree_map(f, *trees)" => |interp, a| {
        let (f, trees): (&Value, Vec<Value>) = match (is_function(a.get(0)), a.rest(1)) {
            (true, rest) => (a.get(0), rest.to_vec()),
            (false, [f, rest @ ..]) if is_function(f) => (f, std::iter::once(a.get(0).clone()).chain(rest.iter().cloned()).collect()),
            _ => return Err(a.wrong(0, a.get(0).unlike("a function"))),
        };
        let Some(first) = trees.first() else {
            return Err(Fault::new("tree_map: expected at least one structure, found none"));
        };
        mapped(interp, f, first, &trees[1..].iter().collect::<Vec<_>>())
    };

    /// The arrays and numbers in nested records and tuples, as one tuple.
    ///
    /// > tree_leaves({w: 3, b: (1, 2)})
    /// (3, 1, 2)
    "tree_leaves(tree)" => |_, a| {
        let mut out = vec![];
        leaves(a.get(0), &mut out);
        Ok(Value::tuple(out))
    };
}

/// Function and items, whichever comes first.
fn either<'a>(a: &Args<'a>) -> Result<(&'a Value, &'a Value)> {
    match (is_function(a.get(0)), is_function(a.get(1))) {
        (true, _) => Ok((a.get(0), a.get(1))),
        (false, true) => Ok((a.get(1), a.get(0))),
        _ => Err(a.wrong(0, a.get(0).unlike("a function"))),
    }
}

/// Every item, as `for` would give them.
fn items(interp: &mut Interp, a: &Args, x: &Value) -> Result<Vec<Value>> {
    if let Value::Tuple(t) = x {
        return Ok(t.to_vec());
    }
    let mut source = Source::of(interp, x).map_err(|f| a.wrong(0, f))?;
    let mut out = vec![];
    while let Some(item) = source.next(interp)? {
        interrupt::check()?;
        memory::push(&mut out, item)?;
    }
    Ok(out)
}

/// What was made from the items of `x`: an array again where it was one and they stack.
fn restacked(x: &Value, out: Vec<Value>) -> Result<Value> {
    let all = Value::tuple(out);
    match x {
        Value::Array(_) | Value::Range(_) => match stacked(&all) {
            Ok(e) => done(e),
            Err(_) => Ok(all),
        },
        _ => Ok(all),
    }
}

fn mapped(interp: &mut Interp, f: &Value, first: &Value, rest: &[&Value]) -> Result<Value> {
    let unlike = |what: String, other: &Value| {
        Fault::new(format!("tree_map: the structures differ: {what} here, {} there", other.article()))
    };
    match first {
        Value::Record(r) => {
            let mut fields = Vec::with_capacity(r.fields().len());
            for (name, v) in r.fields() {
                let mut others = vec![];
                for other in rest {
                    let Value::Record(o) = other else { return Err(unlike("a record".into(), other)) };
                    let Some(field) = o.get(name) else {
                        return Err(Fault::new(format!("tree_map: the structures differ: one has no field {name}")));
                    };
                    others.push(field);
                }
                fields.push((name.clone(), mapped(interp, f, v, &others)?));
            }
            Ok(Value::record(fields))
        }
        Value::Tuple(t) => {
            let mut out = Vec::with_capacity(t.len());
            for (i, v) in t.iter().enumerate() {
                let mut others = vec![];
                for other in rest {
                    let Value::Tuple(o) = other else { return Err(unlike("a tuple".into(), other)) };
                    if o.len() != t.len() {
                        return Err(unlike(format!("a tuple of {}", t.len()), other));
                    }
                    others.push(&o[i]);
                }
                out.push(mapped(interp, f, v, &others)?);
            }
            Ok(Value::tuple(out))
        }
        leaf => {
            let args = std::iter::once(leaf.clone()).chain(rest.iter().map(|v| (*v).clone())).collect();
            interp.call(f, args)
        }
    }
}
