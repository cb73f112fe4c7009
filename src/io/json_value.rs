//! A JSON value read with an eye on Ctrl-C: serde's own reader looks at nothing until the whole text is a tree.
//!
//! In: text. Out: serde's value, the same that its own reader makes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::base::interrupt;

/// Items of a list that are read between two looks at whether somebody asked to stop.
const PIECE: usize = 1 << 12;

/// The value of a text. A stop is an error of serde's; whoever asks `interrupt::check` first sees it.
pub fn value(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str::<Polled>(text).map(|p| p.0)
}

struct Polled(Value);

impl<'de> Deserialize<'de> for Polled {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Polled, D::Error> {
        from.deserialize_any(Look).map(Polled)
    }
}

struct Look;

fn look<E: Error>() -> Result<(), E> {
    if interrupt::asked() { Err(E::custom("interrupted")) } else { Ok(()) }
}

impl<'de> Visitor<'de> for Look {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, x: bool) -> Result<Value, E> {
        Ok(x.into())
    }

    fn visit_i64<E>(self, x: i64) -> Result<Value, E> {
        Ok(x.into())
    }

    fn visit_u64<E>(self, x: u64) -> Result<Value, E> {
        Ok(x.into())
    }

    fn visit_f64<E>(self, x: f64) -> Result<Value, E> {
        Ok(Number::from_f64(x).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, x: &str) -> Result<Value, E> {
        Ok(x.into())
    }

    fn visit_string<E>(self, x: String) -> Result<Value, E> {
        Ok(x.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut out = vec![];
        while let Some(Polled(x)) = list.next_element()? {
            if out.len() % PIECE == PIECE - 1 {
                look()?;
            }
            out.push(x);
        }
        // Many short lists stop too.
        look()?;
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some((name, Polled(x))) = fields.next_entry::<String, Polled>()? {
            out.insert(name, x);
        }
        look()?;
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_serdes_own() {
        for text in [
            "null",
            "[1, -2, 3.5, 1e400]",
            "[18446744073709551615, 1e300, -0]",
            r#"{"b": [{}, "x\n"], "a": true, "b": 1}"#,
            "[1,",
            "{\"a\"}",
        ] {
            match (value(text), serde_json::from_str::<Value>(text)) {
                (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs),
                (Err(ours), Err(theirs)) => assert_eq!(ours.to_string(), theirs.to_string()),
                (ours, theirs) => panic!("{text}: {ours:?} {theirs:?}"),
            }
        }
    }
}
