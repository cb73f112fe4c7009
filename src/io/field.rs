//! One field of a text table: what it is.

/// A field taken for the most special thing that it can be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Field {
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Empty, or a word that says so.
    Missing,
    Text,
}

/// Words for a missing value.
const MISSING: &[&str] = &["", "na", "n/a", "null", "none", "nil", "-"];

/// Blanks around a field do not count. An integer literal beyond i64 is a float.
pub fn field(bytes: &[u8]) -> Field {
    let bytes = bytes.trim_ascii();
    let Some(&first) = bytes.first() else { return Field::Missing };
    if let Some(i) = int(bytes) {
        return Field::Int(i);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Field::Text };
    // Most text is sorted out by its first letter; what is left may be a word such as `inf`.
    if (first.is_ascii_digit() || b"+-.iInN".contains(&first))
        && let Ok(x) = text.parse::<f64>()
    {
        return Field::Float(x);
    }
    match text {
        "true" | "True" | "TRUE" => Field::Bool(true),
        "false" | "False" | "FALSE" => Field::Bool(false),
        _ if text.len() <= 4 && MISSING.iter().any(|m| text.eq_ignore_ascii_case(m)) => Field::Missing,
        _ => Field::Text,
    }
}

fn int(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut value = 0i64;
    for &b in digits {
        if !b.is_ascii_digit() {
            return None;
        }
        let digit = (b - b'0') as i64;
        value = value.checked_mul(10)?;
        // Counting down holds one more: i64::MIN.
        value = if negative { value.checked_sub(digit)? } else { value.checked_add(digit)? };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_what_they_look_like() {
        use Field::*;
        let cases = [
            ("1", Int(1)),
            (" -12 ", Int(-12)),
            ("+7", Int(7)),
            ("007", Int(7)),
            ("9223372036854775807", Int(i64::MAX)),
            ("-9223372036854775808", Int(i64::MIN)),
            ("9223372036854775808", Float(9223372036854775808.0)),
            ("1.5", Float(1.5)),
            ("1e3", Float(1000.0)),
            (".5", Float(0.5)),
            ("-inf", Float(f64::NEG_INFINITY)),
            ("Infinity", Float(f64::INFINITY)),
            ("true", Bool(true)),
            ("False", Bool(false)),
            ("", Missing),
            ("NA", Missing),
            ("n/a", Missing),
            ("null", Missing),
            ("-", Missing),
            ("-x", Text),
            ("1_000", Text),
            ("0x10", Text),
            ("12 monkeys", Text),
            ("nano", Text),
            ("e", Text),
        ];
        for (text, want) in cases {
            assert_eq!(field(text.as_bytes()), want, "{text:?}");
        }
        assert!(matches!(field(b"NaN"), Float(x) if x.is_nan()));
    }
}
