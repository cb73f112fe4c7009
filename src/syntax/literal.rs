//! What numbers and texts spell.
//!
//! In: the source of one token. Out: its value, or a fault's words. Nothing is evaluated here.

use super::ast::Kind;

/// The value of a number. 2^63 comes back as `i64::MIN`: only `-9223372036854775808` may spell it.
pub fn number(text: &str) -> Result<Kind, String> {
    let digits: String = text.chars().filter(|&c| c != '_').collect();
    let radix = match digits.get(..2) {
        Some("0x" | "0X") => 16,
        Some("0b" | "0B") => 2,
        Some("0o" | "0O") => 8,
        _ => 10,
    };
    if radix != 10 {
        return match i64::from_str_radix(&digits[2..], radix) {
            Ok(n) => Ok(Kind::Int(n)),
            Err(_) if digits.len() == 2 => Err(format!("`{text}` has no digits")),
            Err(_) => Err(format!("`{text}` does not fit into 64 bits")),
        };
    }
    if let Some(imaginary) = digits.strip_suffix('i') {
        return float(imaginary).map(Kind::Imaginary);
    }
    if digits.contains(['.', 'e', 'E']) {
        return float(&digits).map(Kind::Float);
    }
    match digits.parse::<u64>() {
        Ok(n) if n <= 1 << 63 => Ok(Kind::Int(n as i64)),
        _ => Err(format!("`{text}` does not fit into a 64-bit integer")),
    }
}

/// Whether every `_` of a number has a digit on both sides; in front the `x` of `0x_ff` will do.
pub fn separates(text: &str) -> bool {
    let (bytes, based) = (text.as_bytes(), text.len() > 1 && text.as_bytes()[1].is_ascii_alphabetic());
    let digit = |b: &u8| if based { b.is_ascii_alphanumeric() } else { b.is_ascii_digit() };
    let at = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(digit);
    (0..bytes.len()).all(|i| bytes[i] != b'_' || (at(i.checked_sub(1)) && at(i.checked_add(1))))
}

fn float(digits: &str) -> Result<f64, String> {
    digits.parse().map_err(|_| format!("`{digits}` is no number"))
}

/// What a piece of text spells. On failure: where, how long, and what is wrong with it.
pub fn unescape(text: &str) -> Result<String, (usize, usize, String)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let (c, len) = one_escape(escape)
            .map_err(|(len, words)| (text.len() - rest.len() + at, (1 + len).min(rest.len() - at), words))?;
        out.push(c);
        rest = &escape[len..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The character behind `\` and the bytes it takes.
fn one_escape(escape: &str) -> Result<(char, usize), (usize, String)> {
    let Some(first) = escape.chars().next() else { return Err((0, "a text cannot end with a single `\\`".into())) };
    let plain = match first {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        'e' => '\u{1b}',
        '\\' | '"' | '{' | '}' => first,
        'x' => return code(escape.get(1..3).unwrap_or(""), 3, "`\\x` takes two hexadecimal digits, as in `\\x41`"),
        'u' => {
            let inner = escape.get(1..).and_then(|r| r.strip_prefix('{')).and_then(|r| r.split_once('}'));
            let digits = inner.map_or("", |(digits, _)| digits);
            return code(digits, digits.len() + 3, "`\\u` takes a code point in braces, as in `\\u{221e}`");
        }
        c => return Err((c.len_utf8(), format!("there is no escape `\\{c}`; a backslash is `\\\\`"))),
    };
    Ok((plain, 1))
}

fn code(digits: &str, len: usize, words: &str) -> Result<(char, usize), (usize, String)> {
    let code = match digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => u32::from_str_radix(digits, 16).ok().and_then(char::from_u32),
        false => None,
    };
    code.map(|c| (c, len)).ok_or((1, words.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let int = |t: &str| match number(t) {
            Ok(Kind::Int(n)) => Some(n),
            _ => None,
        };
        assert_eq!(int("1_000"), Some(1000));
        assert_eq!(int("0xff"), Some(255));
        assert_eq!(int("0b1_01"), Some(5));
        assert_eq!(int("0o17"), Some(15));
        assert_eq!(int("9223372036854775807"), Some(i64::MAX));
        assert_eq!(int("9223372036854775808"), Some(i64::MIN));
        assert_eq!(int("9223372036854775809"), None);
        assert!(number("0x").is_err() && number("0xffffffffffffffff").is_err());
        for bad in ["1__0", "1_", "1_.5", "1._5", "0xf_", "0x__f", "1e1_"] {
            assert!(!separates(bad), "{bad}");
        }
        assert!(["1_000", "0x_ff", "1_0.2_5e1_0i", "0b1_0"].into_iter().all(separates));
        assert_eq!(int("0x_ff"), Some(255));
        assert!(matches!(number("2.5e-3"), Ok(Kind::Float(x)) if x == 0.0025));
        assert!(matches!(number(".5"), Ok(Kind::Float(0.5))));
        assert!(matches!(number("1."), Ok(Kind::Float(1.0))));
        assert!(matches!(number("2i"), Ok(Kind::Imaginary(2.0))));
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(r#"a\n\t\"\{\}\\\x41\u{221e}"#).as_deref(), Ok("a\n\t\"{}\\A∞"));
        assert_eq!(unescape(r"ab\qc").map_err(|e| (e.0, e.1)), Err((2, 2)));
        for bad in [r"\x4", r"\xzz", r"\u12", r"\u{110000}", r"\u{", "\\", r"\é", r"\x+1"] {
            let (at, len, _) = unescape(bad).expect_err(bad);
            assert!(bad.get(at..at + len).is_some(), "{bad}");
        }
    }
}
