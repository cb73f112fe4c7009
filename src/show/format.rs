//! Python's format mini-language: what stands after `:` in `"{loss:.3f}"`.
//!
//! In: a value and a spec, `[[fill]align][sign][z][#][0][width][, or _][.precision][type]`. Out: text, or a fault that
//! says which part is wrong and what could stand there. An array is formatted element by element.
//!
//! Two liberties, since `6.0` prints as `6` here: whole floats go where Python wants an int (`d x b o c`), and a bare
//! precision (`.3`) drops trailing zeros. A bool without a type is `true` or `false`.

use crate::base::{Fault, Host, Result};

use super::array;
use super::number::{self, split_exponent, trim_zeros, with_exponent};

/// What can be formatted.
#[derive(Clone, Copy)]
pub enum FormatArg<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Array(&'a Host),
}

/// Beyond this a width or precision is a slip of the pen, and costs memory.
const WIDEST: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
    Center,
    /// `=`: padding goes between the sign and the digits.
    Inside,
}

#[derive(Clone)]
struct Spec<'a> {
    text: &'a str,
    fill: char,
    align: Option<Align>,
    sign: char,
    no_negative_zero: bool,
    alternate: bool,
    width: usize,
    group: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// A number taken apart, so that padding and grouping can go between the parts.
struct Parts {
    negative: bool,
    prefix: &'static str,
    /// Digits before the point, or a word such as `nan`.
    whole: String,
    /// The rest: point, fraction, exponent, `%`.
    rest: String,
}

/// `value` laid out as `spec` says.
pub fn format_spec(value: FormatArg, spec: &str) -> Result<String> {
    let spec = parse(spec)?;
    match value {
        FormatArg::Array(host) => array_with(host, &spec),
        _ => one(value, &spec),
    }
}

fn one(value: FormatArg, spec: &Spec) -> Result<String> {
    match (value, spec.kind) {
        (FormatArg::Text(text), _) => text_with(text, spec),
        (FormatArg::Bool(b), None) => text_with(if b { "true" } else { "false" }, spec),
        (FormatArg::Bool(b), Some(_)) => int_with(b as i64, spec),
        (FormatArg::Int(i), _) => int_with(i, spec),
        (FormatArg::Float(x), _) => float_with(x, spec),
        (FormatArg::Array(host), _) => array_with(host, spec),
    }
}

/// The one-line form, each element formatted by itself.
fn array_with(host: &Host, spec: &Spec) -> Result<String> {
    array::line_with(host, &mut |at, out| {
        let element = match host.dtype {
            crate::base::DType::Bool => FormatArg::Bool(host.buffer.as_slice::<bool>()[at]),
            crate::base::DType::I64 => FormatArg::Int(host.buffer.as_slice::<i64>()[at]),
            crate::base::DType::F16 => {
                let x = host.buffer.as_slice::<crate::base::Half>()[at];
                FormatArg::Float(widened(x.to_f32() as f64, || x.decimal(), spec))
            }
            crate::base::DType::F32 => {
                let x = host.buffer.as_slice::<f32>()[at];
                let decimal = || number::shortest32(x).parse().unwrap_or(x as f64);
                FormatArg::Float(widened(x as f64, decimal, spec))
            }
            crate::base::DType::F64 => FormatArg::Float(host.buffer.as_slice::<f64>()[at]),
        };
        out.push_str(&one(element, spec)?);
        Ok(())
    })
}

/// A narrower float for formatting: where nothing asks for digits, the f64 whose shortest text is its own.
fn widened(x: f64, decimal: impl Fn() -> f64, spec: &Spec) -> f64 {
    let asked = spec.precision.is_some() || spec.kind.is_some();
    if asked { x } else { decimal() }
}

// ---- reading the spec ----

fn parse(text: &str) -> Result<Spec<'_>> {
    let mut spec = Spec {
        text,
        fill: ' ',
        align: None,
        sign: '-',
        no_negative_zero: false,
        alternate: false,
        width: 0,
        group: None,
        precision: None,
        kind: None,
    };
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    if let Some(align) = chars.get(1).copied().and_then(align_of) {
        (spec.fill, spec.align, at) = (chars[0], Some(align), 2);
    } else if let Some(align) = chars.first().copied().and_then(align_of) {
        (spec.align, at) = (Some(align), 1);
    }
    let take = |set: &str, at: &mut usize| -> Option<char> {
        let c = chars.get(*at).copied().filter(|c| set.contains(*c))?;
        *at += 1;
        Some(c)
    };
    spec.sign = take("+- ", &mut at).unwrap_or('-');
    spec.no_negative_zero = take("z", &mut at).is_some();
    spec.alternate = take("#", &mut at).is_some();
    if take("0", &mut at).is_some() && spec.align.is_none() {
        (spec.fill, spec.align) = ('0', Some(Align::Inside));
    }
    spec.width = digits(&chars, &mut at, text, "width")?.unwrap_or(0);
    spec.group = take(",_", &mut at);
    if chars.get(at) == Some(&'.') {
        at += 1;
        let missing = || bad(text, "a number must follow the `.`").hint("three digits after the point: `.3f`");
        spec.precision = Some(digits(&chars, &mut at, text, "precision")?.ok_or_else(missing)?);
    }
    spec.kind = take("sbcdoxXneEfFgG%", &mut at);
    match chars.get(at) {
        None => Ok(spec),
        Some(&c) => Err(left_over(text, c, spec.kind)),
    }
}

fn align_of(c: char) -> Option<Align> {
    Some(match c {
        '<' => Align::Left,
        '>' => Align::Right,
        '^' => Align::Center,
        '=' => Align::Inside,
        _ => return None,
    })
}

fn digits(chars: &[char], at: &mut usize, text: &str, what: &str) -> Result<Option<usize>> {
    let mut value = None;
    while let Some(d) = chars.get(*at).and_then(|c| c.to_digit(10)) {
        let next = value.unwrap_or(0usize) * 10 + d as usize;
        if next > WIDEST {
            return Err(bad(text, &format!("its {what} is beyond {WIDEST}")).hint(format!("use {WIDEST} or less")));
        }
        value = Some(next);
        *at += 1;
    }
    Ok(value)
}

fn bad(text: &str, why: &str) -> Fault {
    Fault::new(format!("format `{text}`: {why}"))
}

fn left_over(text: &str, c: char, kind: Option<char>) -> Fault {
    match kind {
        Some(k) => bad(text, &format!("`{c}` stands after the type `{k}`, which ends a format"))
            .hint("the order is fill, align, sign, width, `,`, `.precision`, type: `*>+12,.2f`"),
        None => bad(text, &format!("`{c}` is not a type"))
            .hint("the types are d (int), f e g % (float), x o b (bits), s (text): `.3f`, `>10`, `,`, `x`"),
    }
}

// ---- laying out ----

fn text_with(text: &str, spec: &Spec) -> Result<String> {
    if let Some(k) = spec.kind.filter(|&k| k != 's') {
        return Err(bad(spec.text, &format!("`{k}` formats a number, this is text"))
            .hint(format!("leave `{k}` out, or convert the text with float(...)")));
    }
    let number_only = [
        (spec.group.is_some(), "grouping digits"),
        (spec.sign != '-', "a sign"),
        (spec.alternate, "`#`"),
        (spec.align == Some(Align::Inside) && spec.fill != '0', "`=`"),
    ];
    if let Some((_, what)) = number_only.iter().find(|row| row.0) {
        return Err(
            bad(spec.text, &format!("{what} is for numbers, this is text")).hint("align text with `<`, `>` or `^`")
        );
    }
    let cut: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
    let align = spec.align.filter(|&a| a != Align::Inside).unwrap_or(Align::Left);
    Ok(pad("", &cut, spec, align))
}

fn int_with(i: i64, spec: &Spec) -> Result<String> {
    let kind = spec.kind.unwrap_or('d');
    if "eEfFgG%".contains(kind) {
        return float_with(i as f64, spec);
    }
    if kind == 's' {
        return Err(bad(spec.text, "`s` formats text, this is a number").hint("use `d`, or leave the type out: `>10`"));
    }
    if spec.precision.is_some() {
        return Err(bad(spec.text, "an int has no digits after the point")
            .hint(format!("drop the precision, or add `f`: `{}f`", spec.text.trim_end_matches(kind))));
    }
    if kind == 'c' {
        let c = u32::try_from(i).ok().and_then(char::from_u32);
        let c =
            c.ok_or_else(|| bad(spec.text, &format!("{i} is not a character")).hint("use `d` to print the number"))?;
        return Ok(pad("", &c.to_string(), spec, spec.align.unwrap_or(Align::Left)));
    }
    let n = i.unsigned_abs();
    let (prefix, whole) = match kind {
        'x' => ("0x", format!("{n:x}")),
        'X' => ("0X", format!("{n:X}")),
        'o' => ("0o", format!("{n:o}")),
        'b' => ("0b", format!("{n:b}")),
        _ => ("", n.to_string()),
    };
    if spec.group == Some(',') && !prefix.is_empty() {
        return Err(bad(spec.text, &format!("`,` groups decimal digits, not `{kind}`")).hint("group by four with `_`"));
    }
    let prefix = if spec.alternate { prefix } else { "" };
    Ok(number_with(Parts { negative: i < 0, prefix, whole, rest: String::new() }, spec))
}

fn float_with(x: f64, spec: &Spec) -> Result<String> {
    let kind = spec.kind;
    if let Some(k) = kind.filter(|&k| "dxXobc".contains(k)) {
        if x == x.trunc() && x.abs() < 9.2e18 {
            return int_with(x as i64, spec);
        }
        let shown = number::brief(x, 6);
        return Err(bad(spec.text, &format!("`{k}` formats an int, {shown} is not whole"))
            .hint("for a rounded number use `.0f`, for all digits leave the type out"));
    }
    if kind == Some('s') {
        return Err(bad(spec.text, "`s` formats text, this is a number").hint("use `g`, or leave the type out: `>10`"));
    }
    let mut negative = x.is_sign_negative() && !x.is_nan();
    let mut text = float_text(x.abs(), spec);
    if spec.no_negative_zero && !text.contains(|c: char| ('1'..='9').contains(&c) || c == 'i') {
        negative = false;
    }
    if kind.is_some_and(|k| k.is_ascii_uppercase()) {
        text = text.to_ascii_uppercase();
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = if x.is_finite() { digits } else { text.len() };
    let rest = text.split_off(whole);
    Ok(number_with(Parts { negative, prefix: "", whole: text, rest }, spec))
}

/// The magnitude as text, before signs, grouping and padding.
fn float_text(x: f64, spec: &Spec) -> String {
    let lower = spec.kind.map(|k| k.to_ascii_lowercase());
    let percent = if lower == Some('%') { "%" } else { "" };
    if !x.is_finite() {
        return format!("{}{percent}", number::special(x));
    }
    let p = spec.precision.unwrap_or(6);
    let point = if spec.alternate { "." } else { "" };
    match lower {
        Some('f') => format!("{x:.p$}{}", if p == 0 { point } else { "" }),
        Some('%') => format!("{:.p$}{}%", x * 100.0, if p == 0 { point } else { "" }),
        Some('e') => {
            let text = format!("{x:.p$e}");
            let (mantissa, exponent) = split_exponent(&text);
            with_exponent(&format!("{mantissa}{}", if p == 0 { point } else { "" }), exponent)
        }
        Some(_) => general(x, p, spec.alternate),
        None => spec.precision.map_or_else(|| number::shortest(x), |p| general(x, p, spec.alternate)),
    }
}

/// C's `%g`: `p` significant digits, scientific when the exponent is below -4 or reaches `p`.
fn general(x: f64, p: usize, keep_zeros: bool) -> String {
    let p = p.max(1);
    let scientific = format!("{:.*e}", p - 1, x);
    let (mantissa, exponent) = split_exponent(&scientific);
    let trim = |text: &str| if keep_zeros { text.to_string() } else { trim_zeros(text).to_string() };
    if exponent < -4 || exponent >= p as i32 {
        return with_exponent(&trim(mantissa), exponent);
    }
    let decimals = (p as i32 - 1 - exponent).max(0) as usize;
    trim(&format!("{x:.decimals$}"))
}

fn number_with(parts: Parts, spec: &Spec) -> String {
    let sign = match (parts.negative, spec.sign) {
        (true, _) => "-",
        (false, '+') => "+",
        (false, ' ') => " ",
        _ => "",
    };
    let head = format!("{sign}{}", parts.prefix);
    let align = spec.align.unwrap_or(Align::Right);
    let numeric = parts.whole.bytes().all(|b| b.is_ascii_hexdigit());
    let whole = match spec.group.filter(|_| numeric) {
        Some(mark) => {
            let every = if matches!(spec.kind, Some('x' | 'X' | 'o' | 'b')) { 4 } else { 3 };
            let fixed = head.len() + parts.rest.len();
            let zeros = spec.fill == '0' && align == Align::Inside;
            group(&parts.whole, mark, every, if zeros { spec.width.saturating_sub(fixed) } else { 0 })
        }
        None => parts.whole,
    };
    pad(&head, &format!("{whole}{}", parts.rest), spec, align)
}

/// Digits in groups, with zeros in front until they take `least` characters.
fn group(digits: &str, mark: char, every: usize, least: usize) -> String {
    let mut count = digits.len();
    while count + (count - 1) / every < least {
        count += 1;
    }
    let zeros = count - digits.len();
    let mut out = String::new();
    for (i, c) in std::iter::repeat_n('0', zeros).chain(digits.chars()).enumerate() {
        if i > 0 && (count - i).is_multiple_of(every) {
            out.push(mark);
        }
        out.push(c);
    }
    out
}

fn pad(head: &str, body: &str, spec: &Spec, align: Align) -> String {
    let room = spec.width.saturating_sub(head.chars().count() + body.chars().count());
    let fill = |n: usize| std::iter::repeat_n(spec.fill, n).collect::<String>();
    match align {
        Align::Left => format!("{head}{body}{}", fill(room)),
        Align::Right => format!("{}{head}{body}", fill(room)),
        Align::Center => format!("{}{head}{body}{}", fill(room / 2), fill(room - room / 2)),
        Align::Inside => format!("{head}{}{body}", fill(room)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Shape;

    fn float(x: f64, spec: &str) -> String {
        format_spec(FormatArg::Float(x), spec).unwrap()
    }
    fn int(x: i64, spec: &str) -> String {
        format_spec(FormatArg::Int(x), spec).unwrap()
    }
    fn text(x: &str, spec: &str) -> String {
        format_spec(FormatArg::Text(x), spec).unwrap()
    }

    #[test]
    fn floats_as_python_formats_them() {
        let pi = std::f64::consts::PI;
        let cases = [
            (pi, ".3f", "3.142"),
            (pi, "f", "3.141593"),
            (pi, ".0f", "3"),
            (pi, "#.0f", "3."),
            (pi, "10.2f", "      3.14"),
            (pi, "<10.2f", "3.14      "),
            (pi, "^10.2f", "   3.14   "),
            (pi, "*^10.2f", "***3.14***"),
            (pi, "+.2f", "+3.14"),
            (pi, " .2f", " 3.14"),
            (-pi, " .2f", "-3.14"),
            (-pi, "010.2f", "-000003.14"),
            (-pi, "=10.2f", "-     3.14"),
            (pi, "e", "3.141593e+00"),
            (pi, ".2E", "3.14E+00"),
            (1e-10, ".1e", "1.0e-10"),
            (1e100, ".0e", "1e+100"),
            (pi, "g", "3.14159"),
            (1e6, "g", "1e+06"),
            (123456.0, "g", "123456"),
            (0.0001, "g", "0.0001"),
            (0.00001, "g", "1e-05"),
            (1e-5, "G", "1E-05"),
            (100000.0, ".3g", "1e+05"),
            (1.0, "#g", "1.00000"),
            (pi, ".3", "3.14"),
            (1234.5, ",", "1,234.5"),
            (1234567.891, ",.2f", "1,234,567.89"),
            (1234567.891, "_.1f", "1_234_567.9"),
            (1234.5, "012,.1f", "00,001,234.5"),
            (0.256, "%", "25.600000%"),
            (0.256, ".1%", "25.6%"),
            (0.256, ">8.0%", "     26%"),
            (2.5, ".0f", "2"),
            (3.5, ".0f", "4"),
            (0.125, ".2f", "0.12"),
            (f64::NAN, ".3f", "nan"),
            (f64::NAN, "06.3f", "000nan"),
            (f64::INFINITY, "F", "INF"),
            (f64::NEG_INFINITY, "+f", "-inf"),
            (f64::INFINITY, "010,.1f", "0000000inf"),
            (-0.0001, ".2f", "-0.00"),
            (-0.0001, "z.2f", "0.00"),
            (-1.5, "z.1f", "-1.5"),
            (0.1, "", "0.1"),
            (6.0, "", "6"),
            (6.0, "d", "6"),
            (255.0, "x", "ff"),
            (0.1, ">8", "     0.1"),
            (1e300, ".3f", &format!("{:.3}", 1e300)),
        ];
        for (x, spec, want) in cases {
            assert_eq!(float(x, spec), want, "{x} with {spec:?}");
        }
    }

    #[test]
    fn ints_as_python_formats_them() {
        let cases = [
            (42, "d", "42"),
            (42, "", "42"),
            (42, "5", "   42"),
            (42, "<5", "42   "),
            (42, "05", "00042"),
            (-42, "06d", "-00042"),
            (42, "+d", "+42"),
            (1234567, ",", "1,234,567"),
            (1234567, "_", "1_234_567"),
            (123, ",", "123"),
            (1234, "08,", "0,001,234"),
            (1234, "09,d", "0,001,234"),
            (255, "x", "ff"),
            (255, "#X", "0XFF"),
            (255, "#010x", "0x000000ff"),
            (-255, "x", "-ff"),
            (5, "b", "101"),
            (5, "08b", "00000101"),
            (65535, "_b", "1111_1111_1111_1111"),
            (8, "o", "10"),
            (8, "#o", "0o10"),
            (955, "c", "λ"),
            (3, ".2f", "3.00"),
            (1, "%", "100.000000%"),
            (i64::MIN, "d", "-9223372036854775808"),
            (i64::MIN, ",", "-9,223,372,036,854,775,808"),
            (7, "λ^5", "λλ7λλ"),
            (7, "^4", " 7  "),
        ];
        for (x, spec, want) in cases {
            assert_eq!(int(x, spec), want, "{x} with {spec:?}");
        }
    }

    #[test]
    fn text_bools_and_arrays() {
        let cases = [
            ("ab", "", "ab"),
            ("ab", "5", "ab   "),
            ("ab", ">5", "   ab"),
            ("ab", "-^6", "--ab--"),
            ("abc", ".2", "ab"),
        ];
        for (x, spec, want) in cases {
            assert_eq!(text(x, spec), want);
        }
        assert_eq!(text("ab", "05"), "ab000");
        assert_eq!(text("é", ">3s"), "  é");
        assert_eq!(format_spec(FormatArg::Bool(true), ">6").unwrap(), "  true");
        assert_eq!(format_spec(FormatArg::Bool(true), "d").unwrap(), "1");
        let host = Host::from_slice(Shape::new(&[2, 2]), &[1.0, 0.25, -3.5, 1e9]).unwrap();
        assert_eq!(format_spec(FormatArg::Array(&host), ".1f").unwrap(), "[[1.0, 0.2], [-3.5, 1000000000.0]]");
        assert!(format_spec(FormatArg::Array(&host), "d").is_err());
        let single = Host::scalar(0.1f32).unwrap();
        assert_eq!(format_spec(FormatArg::Array(&single), ">6").unwrap(), "   0.1");
        assert_eq!(format_spec(FormatArg::Array(&single), ".10f").unwrap(), "0.1000000015");
    }

    #[test]
    fn a_wrong_spec_says_what_is_wrong() {
        let fault = |value, spec| format_spec(value, spec).unwrap_err();
        let cases = [
            (FormatArg::Float(1.5), "d", "`d` formats an int, 1.5 is not whole"),
            (FormatArg::Float(1.5), "q", "`q` is not a type"),
            (FormatArg::Float(1.5), ".f", "a number must follow the `.`"),
            (FormatArg::Float(1.5), ".3ff", "`f` stands after the type `f`"),
            (FormatArg::Float(1.5), ".99999f", "precision is beyond 4096"),
            (FormatArg::Float(1.5), "99999999999999999999", "width is beyond 4096"),
            (FormatArg::Int(1), ".2d", "no digits after the point"),
            (FormatArg::Int(1), ",x", "groups decimal digits"),
            (FormatArg::Int(-1), "c", "-1 is not a character"),
            (FormatArg::Int(1), "s", "`s` formats text"),
            (FormatArg::Text("a"), ".2f", "this is text"),
            (FormatArg::Text("a"), ",", "grouping digits is for numbers"),
            (FormatArg::Text("a"), "+", "a sign is for numbers"),
            (FormatArg::Text("a"), "=5", "`=` is for numbers"),
        ];
        for (value, spec, words) in cases {
            let f = fault(value, spec);
            assert!(f.message.contains(words), "{spec:?}: {}", f.message);
            assert!(!f.hints.is_empty(), "{spec:?} has no hint");
        }
    }
}
