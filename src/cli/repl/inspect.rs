//! Commands that look and change nothing: help, variables, types, times, graphs, plans.

use std::time::Instant;

use super::{Repl, aligned, commands, loops, measure, verify};
use crate::base::buffer::{self, human};
use crate::base::{Fault, Result, counted};
use crate::cli::desk::{self, Desk};
use crate::cli::signal;
use crate::device::cpu;
use crate::graph::{Expr, engine};
use crate::lang::Value;
use crate::plan::{self, print};

const HELP: &str = "\
?name shows the page of a function. Tab completes, the right arrow takes a hint.
Alt-Enter starts a new line. An input goes on until its brackets close, over blank
lines too; Ctrl-C drops it. An input that begins with |>, .name or an operator
goes on from the last value, ans: * 2 is ans * 2, and with a blank behind the
sign + 1 is ans + 1 and - 1 is ans - 1 (-1 is a number of its own). A ; at the
end shows nothing. Ctrl-C stops what runs.";

/// `:help`, `:help NAME`, `?NAME`.
pub fn help(repl: &mut Repl, name: &str) -> Result<()> {
    if name.is_empty() {
        repl.tell(&format!("{}\n{HELP}", commands::list()));
        return Ok(());
    }
    if let Some(command) = name.strip_prefix(':') {
        let command = commands::find(command)?;
        repl.tell(&format!(":{}  {}", command.name, command.help));
        return Ok(());
    }
    let page = repl.desk().page(name)?;
    let style = repl.desk().style();
    repl.tell(&page.text(&style));
    Ok(())
}

/// `:vars`
pub fn vars(repl: &mut Repl, _: &str) -> Result<()> {
    let mut variables = repl.desk().variables();
    variables.retain(|(name, value)| name != "args" || !matches!(value, Value::Tuple(t) if t.is_empty()));
    if variables.is_empty() {
        repl.note("no variables yet");
        return Ok(());
    }
    let mut table = vec![["name", "type", "memory", "device"].map(String::from)];
    table.extend(variables.iter().map(|(name, value)| variable(name, value)));
    repl.tell(&left_aligned(&table));
    Ok(())
}

fn variable(name: &str, value: &Value) -> [String; 4] {
    let arrays = desk::arrays(value);
    let bytes: usize = arrays.iter().map(|e| e.size() * e.dtype().size()).sum();
    let waiting = arrays.iter().any(|e| !e.is_realised());
    let memory = match (arrays.is_empty(), waiting) {
        (true, _) => String::new(),
        (_, true) => format!("{} when computed", human(bytes)),
        (_, false) => human(bytes),
    };
    let mut devices: Vec<&str> = arrays.iter().filter(|e| e.place().is_tensor()).map(|e| e.place().name()).collect();
    devices.dedup();
    let kind = match value {
        Value::Function(f) => f.signature(),
        _ => brief_type(value),
    };
    [name.to_string(), kind, memory, devices.join(", ")]
}

/// As `aligned`, all columns to the left.
fn left_aligned<const N: usize>(table: &[[String; N]]) -> String {
    let width = |k: usize| table.iter().map(|row| row[k].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(c, w)| format!("{c}{}  ", " ".repeat(w - c.chars().count())));
        cells.collect::<String>().trim_end().to_string() + "\n"
    };
    table.iter().map(line).collect()
}

/// The value of code that is looked at, not kept: afterwards every variable is as before.
fn glance<R>(repl: &Repl, code: &str, look: impl FnOnce(&mut Desk, &str) -> Result<R, Vec<Fault>>) -> Option<R> {
    let mut desk = repl.desk();
    let mark = desk.mark();
    let seen = signal::interruptible(|| look(&mut desk, code));
    desk.restore(mark);
    // What it printed is no part of the transcript.
    desk.out.take();
    drop(desk);
    match seen {
        Ok(seen) => Some(seen),
        Err(faults) => {
            repl.complain(&faults);
            None
        }
    }
}

fn value_of(desk: &mut Desk, code: &str) -> Result<Value, Vec<Fault>> {
    let outcome = desk.line("<repl>", code);
    match outcome.value {
        _ if !outcome.faults.is_empty() => Err(outcome.faults),
        Some(value) => Ok(value),
        None => Err(vec![valueless()]),
    }
}

fn valueless() -> Fault {
    Fault::new("this has no value to look at").hint("give an expression: x + 1")
}

/// `:type EXPR`
pub fn type_of(repl: &mut Repl, code: &str) -> Result<()> {
    let seen = glance(repl, code, |desk, code| match desk.glance("<repl>", code)? {
        Some(value) if arrays_are_known(&value) => Ok(value),
        Some(_) => Err(vec![only_running(code)]),
        None => Err(vec![valueless()]),
    });
    if let Some(value) = seen {
        repl.tell(&deep_type(&value));
    }
    Ok(())
}

fn arrays_are_known(value: &Value) -> bool {
    desk::arrays(value).iter().all(|e| !e.is_broken())
}

/// A type that hangs on values: of a mask, a file, a branch.
fn only_running(code: &str) -> Fault {
    let fault = Fault::new("its type hangs on values, which are not computed here");
    fault.hint(format!("run it: {}", code.lines().next().unwrap_or("")))
}

/// The type, of records and tuples that of each part.
pub fn deep_type(value: &Value) -> String {
    match value {
        Value::Record(r) if !r.fields().is_empty() => {
            let parts: Vec<String> = r.fields().iter().map(|(n, v)| format!("{n}: {}", deep_type(v))).collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::Tuple(items) if !items.is_empty() && items.len() <= 8 => {
            let parts: Vec<String> = items.iter().map(deep_type).collect();
            if let [one] = &parts[..] { format!("({one},)") } else { format!("({})", parts.join(", ")) }
        }
        Value::Function(f) => f.signature(),
        Value::Builtin(b) => b.signature.into(),
        other => other.type_name(),
    }
}

/// The deep type where it is short.
pub fn brief_type(value: &Value) -> String {
    let deep = deep_type(value);
    if deep.chars().count() <= 60 { deep } else { value.type_name() }
}

/// Runs code and computes all of its value.
fn run_all(desk: &mut Desk, code: &str) -> Result<(), Vec<Fault>> {
    let outcome = desk.line("<repl>", code);
    if !outcome.faults.is_empty() {
        return Err(outcome.faults);
    }
    let assigned = outcome.assigned.iter().filter_map(|(name, _)| desk.get(name));
    let arrays: Vec<Expr> = outcome.value.into_iter().chain(assigned).flat_map(|v| desk::arrays(&v)).collect();
    engine::force(&arrays).map_err(|f| vec![f])
}

/// `:time EXPR`: once as it is, for what is wrong with it and to plan; then as the body of a function, again and again.
pub fn time(repl: &mut Repl, code: &str) -> Result<()> {
    let seen = glance(repl, code, |desk, code| {
        let mark = desk.mark();
        run_all(desk, code)?;
        desk.restore(mark);
        let body = value_of(desk, &format!("() -> {{\n{code}\n}}"))?;
        desk.out.hush(true);
        let times = measure::times(|| {
            let value = desk.call(&body)?;
            engine::force(&desk::arrays(&value))
        });
        desk.out.hush(false);
        times.map_err(|fault| vec![fault])
    });
    if let Some(times) = seen {
        repl.tell(&measure::times_line(&times));
    }
    Ok(())
}

/// `:profile EXPR`
pub fn profile(repl: &mut Repl, code: &str) -> Result<()> {
    let seen = glance(repl, code, |desk, code| {
        let bandwidth = cpu::bandwidth().map_err(|f| vec![f])?;
        // The first run plans and prepares; the second is what a loop sees.
        let mark = desk.mark();
        run_all(desk, code)?;
        desk.restore(mark);
        buffer::reset_peak();
        let (before, _) = buffer::live_and_peak();
        let start = Instant::now();
        let (ran, samples) = plan::run::profile(|| run_all(desk, code));
        let total = start.elapsed().as_secs_f64();
        let (_, peak) = buffer::live_and_peak();
        let memory = format!("arrays took {} at most, {} of it before\n", human(peak), human(before));
        ran.map(|()| measure::profile(&samples, total, bandwidth, |places| desk.quoted(places)) + &memory)
    });
    if let Some(table) = seen {
        repl.tell(&table);
    }
    Ok(())
}

/// What is pending in a value.
fn pending(desk: &mut Desk, code: &str) -> Result<Vec<Expr>, Vec<Fault>> {
    let value = value_of(desk, code)?;
    let arrays = desk::arrays(&value);
    let pending: Vec<Expr> = arrays.iter().filter(|e| !e.is_realised()).cloned().collect();
    if pending.is_empty() {
        let fault = match arrays.is_empty() {
            true => Fault::new(format!("{} has no graph: only arrays are recorded", value.article())),
            false => Fault::new(format!("{} is already computed: there is nothing left to plan", value.article()))
                .hint("small arrays are computed at once; try a bigger one: ones(1000, 1000) + 1"),
        };
        return Err(vec![fault]);
    }
    Ok(pending)
}

/// `:graph EXPR`
pub fn graph(repl: &mut Repl, code: &str) -> Result<()> {
    planned(repl, code, |roots| Ok(print::graph(&plan::plan_of(roots)?.0)))
}

/// `:plan EXPR`
pub fn plan(repl: &mut Repl, code: &str) -> Result<()> {
    planned(repl, code, |roots| Ok(print::plan(&plan::plan_of(roots)?.1)))
}

/// `:kernel EXPR`
pub fn kernel(repl: &mut Repl, code: &str) -> Result<()> {
    planned(repl, code, |roots| Ok(loops::kernels(&plan::plan_of(roots)?.1)))
}

/// `:verify EXPR`
pub fn verify(repl: &mut Repl, code: &str) -> Result<()> {
    planned(repl, code, verify::verify)
}

fn planned(repl: &mut Repl, code: &str, print: impl Fn(&[Expr]) -> Result<String>) -> Result<()> {
    let seen = glance(repl, code, |desk, code| print(&pending(desk, code)?).map_err(|f| vec![f]));
    if let Some(text) = seen {
        repl.tell(&text);
    }
    Ok(())
}

/// What can compute, for `:device` and `nevel devices`.
pub fn devices() -> String {
    let row = |name: &str, what: String| [name.to_string(), what];
    let memory = human(crate::base::memory::total());
    let mut rows = vec![row("cpu", format!("{}, {memory} of memory", counted(cpu::threads(), "thread")))];
    match crate::device::others() {
        Ok(others) => rows.extend(others.into_iter().map(|o| row(o.name, o.what))),
        Err(why) => rows.push(row("gpu", format!("none: {why}"))),
    }
    aligned(&rows)
}
