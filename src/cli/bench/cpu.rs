//! `nevel bench`: the workloads of docs/performance.md on this machine's CPU.
//!
//! In: which workloads. Out: a row for each as it is done: the time of one call, bytes moved and operations done a second,
//! and what share that is of the memory's bandwidth and of the peak of the arithmetic, both measured here first. Bytes and
//! operations are those of the kernels that were launched; what never becomes a kernel (loops over numbers, small arrays)
//! has a time only. A share above 100 % comes from the caches.

use std::time::{Duration, Instant};

use crate::base::{DType, Fault, Result, counted};
use crate::cli::desk::{Desk, Setup};
use crate::cli::out::Out;
use crate::cli::repl::measure::{duration, flops, moved};
use crate::device::cpu;
use crate::lang::Value;
use crate::plan;
use crate::show::Style;

const WORKLOADS: &str = include_str!("../../../benches/workloads.nev");

/// A workload is run at least so often, and for at least so long.
const LEAST: usize = 3;
const LONG: Duration = Duration::from_millis(300);

/// Runs the workloads whose names match one of the patterns (`*` stands for anything; none means all), telling each row.
pub fn table(patterns: &[String], mut say: impl FnMut(&str)) -> Result<()> {
    let mut desk = Desk::new(Setup::default(), Out::kept(), Style::PLAIN)?;
    run(&mut desk, WORKLOADS)?;
    let names: Vec<String> = match desk.get("workloads") {
        Some(Value::Record(r)) => r.fields().iter().map(|(name, _)| name.to_string()).collect(),
        _ => return Err(Fault::new("internal: the workloads are no record")),
    };
    let wanted = |name: &&String| patterns.is_empty() || patterns.iter().any(|p| fits(p, name));
    let chosen: Vec<&String> = names.iter().filter(wanted).collect();
    if chosen.is_empty() {
        let fault = Fault::new(format!("no workload is called {}", patterns.join(" or ")));
        return Err(fault.hint(format!("the workloads: {}; `*` stands for anything", names.join(" "))));
    }
    let (bandwidth, f64s, f32s) = (cpu::bandwidth()?, cpu::peak(DType::F64)?, cpu::peak(DType::F32)?);
    say(&format!(
        "{}; memory {:.1} GB/s (a = b + 2c); f64 {:.0} and f32 {:.0} GFLOP/s (multiply-adds in registers)\n\n",
        counted(cpu::threads(), "thread"),
        bandwidth / 1e9,
        f64s / 1e9,
        f32s / 1e9
    ));
    say(&format!(
        "{:22}{:>10}{:>11}{:>11}{:>13}{:>9}\n",
        "workload", "time", "GB/s", "of memory", "GFLOP/s", "of peak"
    ));
    for name in chosen {
        let row = measure(&mut desk, name)?;
        let peak = if row.narrow { f32s } else { f64s };
        let mut line = format!("{name:22}{:>10}", duration(row.seconds));
        if row.bytes > 0.0 {
            let (moved, done) = (row.bytes / row.seconds, row.flops / row.seconds);
            line += &format!("{:>11.1}{:>11}", moved / 1e9, percent(moved / bandwidth));
            line += &format!("{:>13.1}{:>9}", done / 1e9, percent(done / peak));
        }
        say(&format!("{}\n", line.trim_end()));
    }
    Ok(())
}

struct Row {
    /// The shortest of several calls.
    seconds: f64,
    bytes: f64,
    flops: f64,
    /// Computed in f32.
    narrow: bool,
}

fn measure(desk: &mut Desk, name: &str) -> Result<Row> {
    // The data of one workload at a time.
    run(desk, "run = none;")?;
    run(desk, &format!("run = workloads[\"{name}\"]();"))?;
    let Some(call) = desk.get("run") else { return Err(Fault::new("internal: a workload made nothing")) };
    // The first calls plan, prepare and keep the data; the third is looked at.
    desk.call(&call)?;
    desk.call(&call)?;
    let (ran, samples) = plan::run::profile(|| desk.call(&call));
    ran?;
    let kernels = || samples.iter().map(|s| (&s.plan, &s.plan.kernels[s.kernel]));
    let mut row = Row {
        seconds: f64::INFINITY,
        bytes: kernels().map(|(plan, k)| moved(plan, k) as f64).sum(),
        flops: kernels().map(|(_, k)| flops(k) as f64).sum(),
        narrow: kernels().any(|(_, k)| k.loads.iter().any(|l| l.dtype == DType::F32)),
    };
    drop(samples);
    let begin = Instant::now();
    let mut times = 0;
    while times < LEAST || begin.elapsed() < LONG {
        let start = Instant::now();
        desk.call(&call)?;
        row.seconds = row.seconds.min(start.elapsed().as_secs_f64());
        times += 1;
    }
    Ok(row)
}

fn run(desk: &mut Desk, text: &str) -> Result<()> {
    desk.run("<bench>", text).faults.into_iter().next().map_or(Ok(()), Err)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Whether a name is what a pattern says; `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(tail) = name.strip_prefix(head) else { return false };
    (0..=tail.len()).any(|i| tail.is_char_boundary(i) && fits(rest, &tail[i..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(fits("a_*_1k", "a_fma_f64_1k") && fits("*", "x") && fits("x", "x"));
        assert!(!fits("a_*_1k", "a_fma_f64_10k ") && !fits("a", "ab") && !fits("b*", "ab"));
    }

    #[test]
    fn a_row_has_its_bytes_and_operations() {
        let mut text = String::new();
        table(&["f_outerdiff".into()], |part| text += part).unwrap();
        let row: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(row[0], "f_outerdiff");
        // 4000 x 2500 numbers written, one operation each.
        let time: f64 = row[1].parse().unwrap();
        let unit = if row[2] == "ms" { 1e-3 } else { 1e-6 };
        let bytes: f64 = row[3].parse().unwrap();
        // Of a slow machine, or an emulated one, the one decimal that is shown is not much.
        let near = 80e6 / 1e9 / (time * unit);
        assert!((bytes - near).abs() < 0.05 + 0.05 * near, "{text}");
        assert!(table(&["nothing".into()], |_| ()).is_err());
    }
}
