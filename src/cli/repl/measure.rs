//! `:time` and `:profile`: how long, where, and how close to what the machine can do.
//!
//! In: what is to be run, or samples of launched kernels. Out: a line, or a table of kernels: time, share of it, bytes
//! moved, share of the memory's bandwidth, operations.

use std::time::{Duration, Instant};

use crate::base::buffer::human;
use crate::base::{Layout, Result, Span, counted};
use crate::plan::run::Sample;
use crate::plan::{Finish, From, Kernel, Plan};

/// Times that `:time` takes: at least this many unless one takes half a second, at most this many or for this long.
const LEAST: usize = 5;
const MOST: usize = 1000;
const LONG: Duration = Duration::from_millis(500);
/// A time is that of so many runs that it is at least this long, for the clock's sake.
const SHORT: f64 = 20e-6;

/// Runs something again and again; the times of one run in seconds, shortest first.
pub fn times(mut run: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    let mut once = |n: usize| -> Result<f64> {
        let start = Instant::now();
        (0..n).try_for_each(|_| run())?;
        Ok(start.elapsed().as_secs_f64() / n as f64)
    };
    let begin = Instant::now();
    let n = (SHORT / once(1)?.max(1e-9)).ceil().clamp(1.0, 1000.0) as usize;
    let mut all = vec![];
    loop {
        all.push(once(n)?);
        let enough = begin.elapsed() >= LONG && (all.len() >= LEAST || begin.elapsed() >= 2 * LONG);
        if enough || all.len() >= MOST {
            break;
        }
    }
    all.sort_by(f64::total_cmp);
    Ok(all)
}

/// `1.23 ms (median of 120; half of them 1.21 ms to 1.4 ms)`
pub fn times_line(sorted: &[f64]) -> String {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    match sorted.len() {
        0 => String::new(),
        1 => format!("{} (one run)", duration(sorted[0])),
        n => {
            let (low, middle, high) = (at(0.25), at(0.5), at(0.75));
            format!("{} (median of {n}; half of them {} to {})", duration(middle), duration(low), duration(high))
        }
    }
}

/// Three significant digits and a unit.
pub fn duration(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1e-9, "ns"));
    let x = seconds / size;
    let places = if x >= 99.95 {
        0
    } else if x >= 9.995 {
        1
    } else {
        2
    };
    format!("{x:.places$} {unit}")
}

/// One row of a profile.
struct Row {
    what: String,
    places: Vec<Span>,
    runs: usize,
    seconds: f64,
    bytes: f64,
    flops: f64,
}

/// The table for what was launched within `total` seconds; `bandwidth` in bytes a second; `quote` gives the source text
/// of places.
pub fn profile(samples: &[Sample], total: f64, bandwidth: f64, quote: impl Fn(&[Span]) -> String) -> String {
    let mut rows: Vec<(*const Plan, usize, Row)> = vec![];
    for s in samples {
        let key = (std::rc::Rc::as_ptr(&s.plan), s.kernel);
        let at = rows.iter().position(|r| (r.0, r.1) == key).unwrap_or_else(|| {
            let what = describe(&s.plan.kernels[s.kernel]);
            rows.push((key.0, key.1, Row { what, places: vec![], runs: 0, seconds: 0.0, bytes: 0.0, flops: 0.0 }));
            rows.len() - 1
        });
        let (row, kernel) = (&mut rows[at].2, &s.plan.kernels[s.kernel]);
        row.runs += 1;
        row.seconds += s.seconds;
        row.places.extend(&s.places);
        row.bytes += moved(&s.plan, kernel) as f64;
        row.flops += flops(kernel) as f64;
    }
    let mut rows: Vec<Row> = rows.into_iter().map(|r| r.2).collect();
    rows.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let inside: f64 = rows.iter().map(|r| r.seconds).sum();
    let mut table =
        vec![["time", "share", "runs", "moved", "of memory speed", "flop/s", "kernel", "source"].map(String::from)];
    table.extend(rows.iter().map(|r| cells(r, total, bandwidth, quote(&r.places))));
    let other = Row {
        what: "outside of kernels".into(),
        places: vec![],
        runs: 0,
        seconds: total - inside,
        bytes: 0.0,
        flops: 0.0,
    };
    table.push(cells(&other, total, bandwidth, String::new()));
    format!(
        "{}total {}, {}; memory speed {}/s, measured\n",
        aligned(&table),
        duration(total),
        counted(samples.len(), "kernel"),
        human(bandwidth as usize)
    )
}

fn cells(r: &Row, total: f64, bandwidth: f64, source: String) -> [String; 8] {
    let some = |yes: bool, text: String| if yes { text } else { String::new() };
    [
        duration(r.seconds.max(0.0)),
        format!("{:.0} %", 100.0 * r.seconds.max(0.0) / total.max(1e-12)),
        some(r.runs > 0, r.runs.to_string()),
        some(r.bytes > 0.0, human(r.bytes as usize)),
        some(r.bytes > 0.0, format!("{:.0} %", 100.0 * r.bytes / r.seconds.max(1e-12) / bandwidth)),
        some(r.flops > 0.0, rate(r.flops / r.seconds.max(1e-12))),
        r.what.clone(),
        source,
    ]
}

fn rate(x: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M")];
    let (size, unit) = units.into_iter().find(|(size, _)| x >= *size).unwrap_or((1e3, "k"));
    format!("{:.1} {unit}", x / size)
}

/// Columns of numbers to the right, the last two, which hold words, to the left.
pub fn aligned<const N: usize>(table: &[[String; N]]) -> String {
    let width = |k: usize| table.iter().map(|row| row[k].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for row in table {
        let mut line = String::new();
        for (k, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[k] - cell.chars().count());
            line += &if k + 2 < N { format!("{pad}{cell}  ") } else { format!("{cell}{pad}  ") };
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// `reduce [1000, 1000]: exp multiply, sum`
pub fn describe(kernel: &Kernel) -> String {
    let mut ops: Vec<String> = kernel.code.iter().map(|i| i.prim.name.to_string()).collect();
    match &kernel.finish {
        Finish::Fold { outs, .. } => ops.extend(outs.iter().map(|o| o.fold.name().to_string())),
        Finish::Scan { fold, .. } => ops.push(format!("running {}", fold.name())),
        Finish::Sort { prim, .. } | Finish::Host { prim, .. } => ops.push(prim.name.into()),
        _ => {}
    }
    ops.dedup();
    let list = if ops.is_empty() { String::new() } else { format!(": {}", ops.join(" ")) };
    format!("{} {}{list}", kernel.family(), kernel.domain)
}

/// Bytes that a launch reads and writes, each element once.
pub fn moved(plan: &Plan, kernel: &Kernel) -> usize {
    let touched =
        |l: &Layout| -> usize { l.shape.iter().zip(&l.strides).filter(|(_, s)| **s != 0).map(|(n, _)| *n).product() };
    let reads = kernel.loads.iter().filter(|l| matches!(l.from, From::Slot(_)));
    let read: usize = reads.map(|l| touched(&l.layout) * l.dtype.size()).sum();
    let made = |slot: &usize| match plan.slots[*slot].kind {
        crate::plan::SlotKind::Made(n) => n * plan.slots[*slot].dtype.size(),
        _ => 0,
    };
    read + kernel.writes().iter().map(made).sum::<usize>()
}

/// Operations on elements; a product and a sum count as two.
pub fn flops(kernel: &Kernel) -> usize {
    let n = kernel.domain.size();
    let finish = match &kernel.finish {
        Finish::Fold { outs, .. } => n * outs.len(),
        Finish::Scan { .. } => n,
        Finish::Contract { .. } => 2 * n * kernel.loads[0].layout.shape.last().copied().unwrap_or(1),
        _ => 0,
    };
    n * kernel.code.len() + finish
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let shown: Vec<String> = [12.34, 1.0, 0.5, 0.0999, 1.234e-5, 9.99e-4, 3e-10, 0.0].map(duration).to_vec();
        assert_eq!(shown, ["12.3 s", "1.00 s", "500 ms", "99.9 ms", "12.3 µs", "999 µs", "0.30 ns", "0.00 ns"]);
    }

    #[test]
    fn times_are_sorted_and_summed_up() {
        let mut n = 0;
        let all = times(|| {
            n += 1;
            Ok(())
        });
        let all = all.unwrap();
        assert!(n > 2 * MOST && all.len() == MOST, "{n}");
        assert!(all.is_sorted());
        assert_eq!(
            times_line(&[0.001, 0.002, 0.003, 0.004, 0.005]),
            "3.00 ms (median of 5; half of them 2.00 ms to 4.00 ms)"
        );
        assert_eq!(times_line(&[2.0]), "2.00 s (one run)");
    }

    #[test]
    fn tables_line_up() {
        let row = |a: &str, b: &str| [a.to_string(), b.to_string()];
        assert_eq!(aligned(&[row("a", "b"), row("long", "")]), "a     b\nlong\n");
        let row = |a: &str, b: &str, c: &str| [a.to_string(), b.to_string(), c.to_string()];
        assert_eq!(aligned(&[row("1", "b", "c"), row("100", "bb", "")]), "  1  b   c\n100  bb\n");
    }
}
