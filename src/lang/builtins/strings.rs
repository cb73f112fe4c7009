//! Text: what csv columns and file names need. Positions count characters.

use super::natives;
use crate::base::Result;
use crate::lang::Value;

natives! {
    /// The text in capitals.
    ///
    /// > upper("abc")
    /// "ABC"
    "upper(text)" => |_, a| Ok(Value::text(a.text(0)?.to_uppercase()));

    /// The text in small letters.
    ///
    /// > lower("ABC")
    /// "abc"
    "lower(text)" => |_, a| Ok(Value::text(a.text(0)?.to_lowercase()));

    /// The text without white space (or the given characters) at both ends.
    ///
    /// > strip("  a b ")
    /// "a b"
    "strip(text, chars=none)" => |_, a| {
        let text = a.text(0)?;
        Ok(Value::text(match a.maybe(1, |a, i| a.text(i))? {
            None => text.trim(),
            Some(chars) => text.trim_matches(|c| chars.contains(c)),
        }))
    };

    /// The lines of a text.
    ///
    /// > lines("a\nb\n")
    /// ("a", "b")
    "lines(text)" => |_, a| Ok(Value::tuple(a.text(0)?.lines().map(Value::text).collect()));

    /// Texts one after the other with a text between them; the two may come in either order.
    ///
    /// > join(("a", "b"), ", ")
    /// "a, b"
    "join(items, between=\"\")" => |_, a| {
        let (items, between) = match (a.get(0), a.get(1)) {
            (Value::Text(t), Value::Tuple(items)) => (items, t.as_str()),
            (_, _) => (a.get(0).to_tuple().map_err(|f| a.wrong(0, f))?, a.text(1)?),
        };
        let parts: Vec<&str> = items.iter().map(Value::to_text).collect::<Result<_>>()
            .map_err(|f| a.wrong(0, f.hint("map(text, t) makes texts of anything")))?;
        Ok(Value::text(parts.join(between)))
    };

    /// The text with every `old` replaced by `new`.
    ///
    /// > replace("a-b-c", "-", "+")
    /// "a+b+c"
    "replace(text, old, new)" => |_, a| Ok(Value::text(a.text(0)?.replace(a.text(1)?, a.text(2)?)));

    /// Whether the text begins with another.
    ///
    /// > startswith("nevel", "ne")
    /// true
    "startswith(text, start)" => |_, a| Ok(Value::Bool(a.text(0)?.starts_with(a.text(1)?)));

    /// Whether the text ends with another.
    ///
    /// > endswith("x.csv", ".csv")
    /// true
    "endswith(text, end)" => |_, a| Ok(Value::Bool(a.text(0)?.ends_with(a.text(1)?)));

    /// Position of the first `part` in the text, -1 if there is none.
    ///
    /// > find("hello", "l")
    /// 2
    "find(text, part)" => |_, a| {
        let text = a.text(0)?;
        Ok(Value::Int(text.find(a.text(1)?).map_or(-1, |at| text[..at].chars().count() as i64)))
    };

    /// The characters of a text.
    ///
    /// > chars("añb")
    /// ("a", "ñ", "b")
    "chars(text)" => |_, a| Ok(Value::tuple(a.text(0)?.chars().map(Value::text).collect()));

    /// The number of a text's first character in Unicode.
    ///
    /// > ord("A")
    /// 65
    "ord(text)" => |_, a| match a.text(0)?.chars().next() {
        Some(c) => Ok(Value::Int(c as i64)),
        None => Err(a.wrong(0, a.get(0).unlike("a character"))),
    };

    /// The character of a number in Unicode.
    ///
    /// > chr(65)
    /// "A"
    "chr(n)" => |_, a| match u32::try_from(a.int(0)?).ok().and_then(char::from_u32) {
        Some(c) => Ok(Value::text(c)),
        None => Err(a.wrong(0, a.get(0).unlike("the number of a character"))),
    };
}

/// Pieces between a text, or between runs of white space.
pub fn split(text: &str, between: Option<&str>) -> Result<Value> {
    let pieces: Vec<Value> = match between {
        None => text.split_whitespace().map(Value::text).collect(),
        Some("") => {
            return Err(crate::base::Fault::new("split: the text to split at is empty")
                .hint("chars(text) gives the characters"));
        }
        Some(t) => text.split(t).map(Value::text).collect(),
    };
    Ok(Value::tuple(pieces))
}
