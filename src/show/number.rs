//! Floats as text: the shortest that reads back the same, or so many significant digits.
//!
//! Both forms are positional between 1e-4 and some upper bound and scientific beyond it, with the exponent written
//! `e-07`, `e+16`, as NumPy and C print it. Whole floats have no point: `6`.

use std::fmt::{Display, LowerExp, Write};

use super::Style;
use crate::base::Half;

/// The shortest text that reads back as the same f64.
pub fn shortest(x: f64) -> String {
    let mut out = String::new();
    push_shortest(&mut out, x, x);
    out
}

/// The shortest text that reads back as the same f32.
pub fn shortest32(x: f32) -> String {
    let mut out = String::new();
    push_shortest(&mut out, x, x as f64);
    out
}

/// A float in a style: all digits or so many.
pub fn float(x: f64, style: &Style) -> String {
    style.digits.map_or_else(|| shortest(x), |n| brief(x, n))
}

/// As `float`, for an f32, whose shortest text has fewer digits.
pub fn float32(x: f32, style: &Style) -> String {
    narrow(shortest32(x), x as f64, style)
}

/// As `float`, for an f16.
pub fn float16(x: Half, style: &Style) -> String {
    let mut exact = String::new();
    push_shortest(&mut exact, x, x.to_f32() as f64);
    narrow(exact, x.to_f32() as f64, style)
}

fn narrow(exact: String, x: f64, style: &Style) -> String {
    match style.digits.map(|n| brief(x, n)) {
        // Digits beyond its own are those of the binary fraction, and mean nothing.
        Some(text) if text.len() < exact.len() => text,
        _ => exact,
    }
}

/// Appends the shortest text of `x`, a float; `size` is its value.
pub fn push_shortest<T: Display + LowerExp>(out: &mut String, x: T, size: f64) {
    let abs = size.abs();
    // Writing to a String cannot fail.
    let _ = if !size.is_finite() {
        out.push_str(special(size));
        Ok(())
    } else if size == size.trunc() && abs < 1e15 && (size != 0.0 || size.is_sign_positive()) {
        write!(out, "{}", size as i64)
    } else if (1e-4..1e16).contains(&abs) || abs == 0.0 {
        write!(out, "{x}")
    } else {
        out.push_str(&c_exponent(&format!("{x:e}")));
        Ok(())
    };
}

/// At most `digits` significant digits, trailing zeros dropped; whole numbers keep all their digits while a float
/// holds them exactly, because `1.23457e+06` for 1234567 would hide what is known.
pub fn brief(x: f64, digits: u8) -> String {
    if !x.is_finite() {
        return special(x).to_string();
    }
    if x == x.trunc() && x.abs() < 1e15 {
        return shortest(x);
    }
    let digits = digits.clamp(1, 17) as usize;
    let scientific = format!("{:.*e}", digits - 1, x);
    let (_, exponent) = split_exponent(&scientific);
    if exponent < -4 || exponent >= digits as i32 {
        return c_exponent(&scientific);
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    let exact = shortest(x);
    let text = format!("{x:.decimals$}");
    let text = trim_zeros(&text);
    if text.len() >= exact.len() { exact } else { text.to_string() }
}

/// `nan`, `inf`, `-inf`.
pub fn special(x: f64) -> &'static str {
    match x {
        x if x.is_nan() => "nan",
        x if x > 0.0 => "inf",
        _ => "-inf",
    }
}

/// Rust's `1.5e-7`, taken apart: `("1.5", -7)`.
pub(super) fn split_exponent(text: &str) -> (&str, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa, exponent.parse().unwrap_or(0))
}

/// Rust's `1.50e-7` as C has it: `1.5e-07`.
fn c_exponent(text: &str) -> String {
    let (mantissa, exponent) = split_exponent(text);
    with_exponent(trim_zeros(mantissa), exponent)
}

/// A mantissa with a C-like exponent: a sign and at least two digits.
pub(super) fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Without zeros that end a fraction, and without a point that ends it then.
pub(super) fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortest_is_what_numpy_prints_without_the_point() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (6.0, "6"),
            (-12.0, "-12"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.19866933079506122, "0.19866933079506122"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1e-7, "1e-07"),
            (1.25e-7, "1.25e-07"),
            (123456789012345.0, "123456789012345"),
            (1e15, "1000000000000000"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (9007199254740993.0, "9007199254740992"),
        ];
        for (x, text) in cases {
            assert_eq!(shortest(x), text);
        }
    }

    #[test]
    fn shortest_reads_back_as_the_same_bits() {
        // A linear congruential walk over bit patterns: every exponent, both signs.
        let mut bits = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let x = f64::from_bits(bits);
            if x.is_finite() {
                assert_eq!(shortest(x).parse::<f64>().map(f64::to_bits), Ok(x.to_bits()), "{x:e}");
            }
            let y = f32::from_bits((bits >> 32) as u32);
            if y.is_finite() {
                assert_eq!(shortest32(y).parse::<f32>().map(f32::to_bits), Ok(y.to_bits()), "{y:e}");
            }
        }
    }

    #[test]
    fn an_f32_has_its_own_shortest_text() {
        for (x, text) in [(0.1f32, "0.1"), (1e-7, "1e-07"), (16777216.0, "16777216"), (0.33333334, "0.33333334")] {
            assert_eq!(shortest32(x), text);
        }
        let style = |n| Style { digits: Some(n), ..Style::PLAIN };
        assert_eq!([float32(0.1, &style(6)), float32(0.1, &style(12))], ["0.1", "0.1"]);
        assert_eq!(float32(1.0 / 3.0, &style(3)), "0.333");
    }

    #[test]
    fn brief_keeps_six_digits_and_whole_numbers() {
        let cases = [
            (std::f64::consts::PI, "3.14159"),
            (2.0, "2"),
            (0.5, "0.5"),
            (-2.7365841, "-2.73658"),
            (1234567.0, "1234567"),
            (1234567.8, "1.23457e+06"),
            (123456.7, "123457"),
            (99999.95, "99999.9"),
            (999999.5, "1e+06"),
            (0.000123456789, "0.000123457"),
            (0.0000123456789, "1.23457e-05"),
            (1e-7, "1e-07"),
            (0.1 + 0.2, "0.3"),
            (1e20, "1e+20"),
            (1.0 / 3.0, "0.333333"),
            (f64::NAN, "nan"),
            (-0.0, "-0"),
        ];
        for (x, text) in cases {
            assert_eq!(brief(x, 6), text, "{x:e}");
        }
        assert_eq!(brief(std::f64::consts::PI, 3), "3.14");
        assert_eq!(brief(std::f64::consts::PI, 0), "3");
        assert_eq!(brief(std::f64::consts::PI, 255), "3.141592653589793");
    }
}
