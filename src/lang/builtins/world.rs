//! The world outside: output, input, time, and the end.

use std::io::{ErrorKind, Write};
use std::time::Instant;

use super::args::*;
use super::natives;
use crate::base::{Fault, Result, interrupt};
use crate::graph::Expr;
use crate::io::standard;
use crate::lang::text::{text, text_to};
use crate::lang::{Interp, Value};
use crate::show::Style;

natives! {
    /// Writes values on one line, with `sep` between them and `end` behind.
    ///
    /// > print("loss", 0.5)
    /// loss 0.5
    "print(*values, sep=\" \", end=\"\\n\")" => |interp, a| {
        super::stream::above_bar(|| print(interp, &a))?;
        Ok(Value::None)
    };

    /// Ends the evaluation with a message, unless `try` catches it.
    ///
    /// > try { error("no data") } catch err { err.message }
    /// "no data"
    "error(message)" => |_, a| Err(Fault::new(text(a.get(0), &Style::PLAIN)?));

    /// Seconds of a steady clock.
    ///
    /// > t = clock(); clock() >= t
    /// true
    "clock()" => |_, _| {
        use std::sync::OnceLock;
        static START: OnceLock<Instant> = OnceLock::new();
        Ok(Value::Float(START.get_or_init(Instant::now).elapsed().as_secs_f64()))
    };

    /// x, computed now; of a record or tuple all that is in it.
    ///
    /// > force([1, 2] + 1)
    /// [2, 3]
    "force(x)" => |_, a| {
        let mut all = vec![];
        leaves(a.get(0), &mut all);
        let arrays: Vec<Expr> = all.iter().filter_map(|v| if let Value::Array(e) = v { Some(e.clone()) } else { None }).collect();
        crate::graph::engine::force(&arrays)?;
        Ok(a.get(0).clone())
    };

    /// The next line of standard input without its end, or `none` behind the last one.
    "readline()" => |interp, _| readline(interp);

    /// Ends the program with an exit status.
    "exit(status=0)" => |interp, a| {
        let status = a.int(0)?;
        if !interp.may_exit {
            return Err(Fault::new("exit: an example cannot end the program that tests it"));
        }
        let _ = interp.out.flush();
        std::process::exit(status.clamp(0, 255) as i32)
    };
}

fn print(interp: &mut Interp, a: &Args) -> Result<()> {
    let style = interp.style;
    let (sep, end) = (a.text(1)?, a.text(2)?);
    for (i, value) in a.rest(0).iter().enumerate() {
        if i > 0 {
            interp.print(sep)?;
        }
        text_to(value, &style, &mut |text| interp.print(text))?;
    }
    interp.print(end)
}

/// What was printed so far is shown first: it may be the question.
fn readline(interp: &mut Interp) -> Result<Value> {
    let _ = interp.out.flush();
    match standard::line() {
        Ok(line) => Ok(line.map_or(Value::None, Value::text)),
        Err(e) if e.kind() == ErrorKind::Interrupted => Err(interrupt::fault()),
        Err(e) => Err(Fault::input(format!("readline: standard input cannot be read: {e}"))),
    }
}
