//! Elements as text in files: always exact, and floats stay floats when they are read again.

use std::io::Write;

use super::unwritten;
use crate::base::{Elem, Half, Host, Result, interrupt};
use crate::dispatch;
use crate::show::number::push_shortest;

/// How a format spells numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `6`, `nan`, `inf`: for eyes and line tools.
    Bare,
    /// `6.0`, `nan`, `inf`: a column of floats reads back as one.
    Table,
    /// `6.0`, and `null` for what JSON has no number for.
    Json,
}

/// An element that can be written.
pub trait Written: Elem {
    fn push(self, out: &mut String, form: Form);
}

impl Written for bool {
    fn push(self, out: &mut String, _: Form) {
        out.push_str(if self { "true" } else { "false" });
    }
}

impl Written for i64 {
    fn push(self, out: &mut String, _: Form) {
        use std::fmt::Write;
        // Writing to a String cannot fail.
        let _ = write!(out, "{self}");
    }
}

macro_rules! float {
    ($($t:ty)+) => { $(impl Written for $t {
        fn push(self, out: &mut String, form: Form) {
            let size = self.to_f64();
            if form == Form::Json && !size.is_finite() {
                return out.push_str("null");
            }
            let start = out.len();
            push_shortest(out, self, size);
            let whole = out.as_bytes()[start..].iter().all(|b| b.is_ascii_digit() || *b == b'-');
            if form != Form::Bare && whole {
                out.push_str(".0");
            }
        }
    })+ };
}
float! { Half f32 f64 }

/// The rows of an array of at most two axes, or the elements of one axis as rows, with `between` in a row.
pub fn write_rows(host: &Host, between: char, form: Form, out: &mut dyn Write) -> Result<()> {
    let columns = if host.shape().rank() == 2 { host.shape()[1] } else { 1 };
    let mut text = String::new();
    dispatch!(host.dtype, T => for (i, x) in host.to_vec::<T>()?.into_iter().enumerate() {
        x.push(&mut text, form);
        text.push(if (i + 1) % columns == 0 { '\n' } else { between });
        flush(&mut text, out, 1 << 16)?;
    });
    flush(&mut text, out, 0)
}

/// Hands text on once there is more than `limit` of it, unless somebody asks to stop.
pub fn flush(text: &mut String, out: &mut dyn Write, limit: usize) -> Result<()> {
    if text.len() > limit {
        interrupt::check()?;
        out.write_all(text.as_bytes()).map_err(unwritten)?;
        text.clear();
    }
    Ok(())
}
