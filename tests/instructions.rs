//! How many instructions fixed kernels take per element, counted by `valgrind --tool=callgrind`: what a clock cannot show on
//! a machine that others use too. Held within a tenth of `tests/instructions.txt`; `NEVEL_BLESS=1` writes that anew. Another
//! compiler makes other code: with one that the file does not name, counts are shown and not held.
//!
//! The AVX2 path is counted, as valgrind knows no AVX-512. Each program runs over n and over 2n elements: the difference is
//! that of n elements, without the start.

use std::fmt::Write as _;
use std::process::Command;

const N: usize = 100_000;

/// Name and program; `N` stands for the number of elements.
const PROGRAMS: [(&str, &str); 20] = [
    ("multiply_add_f64", "a = ones(N) * 2.5; b = a + 1; force((a, b)); force(a * b + a)"),
    ("multiply_add_f32", "a = f32(ones(N)) * 2.5; b = a + 1; force((a, b)); force(a * b + a)"),
    ("gauss_f64", "x = (ones(N) * 0.7); force(x); force(exp(-((x - 0.3) / 1.7)^2 / 2) / 4.26)"),
    ("gauss_f32", "x = f32((ones(N) * 0.7)); force(x); force(exp(-((x - 0.3) / 1.7)^2 / 2) / 4.26)"),
    ("sin_f64", "x = (ones(N) * 0.7); force(x); force(sin(x))"),
    ("log_f32", "x = f32((ones(N) * 1.7)); force(x); force(log(x))"),
    ("sum_f64", "x = (ones(N) * 0.7); force(x); force(sum(x))"),
    ("variance_of_rows", "x = (ones(N) * 0.7).reshape(N // 500, 500); force(x); force(var(x, axis=1))"),
    ("variance_of_columns", "x = (ones(N) * 0.7).reshape(N // 2000, 2000); force(x); force(var(x, axis=0))"),
    ("squared_distance", "x = ones(N) * 0.7; y = ones(N) * 0.5; force((x, y)); force(sum((x - y)^2))"),
    ("max_of_columns", "x = (ones(N) * 0.7).reshape(N // 500, 500); force(x); force(max(x, axis=0))"),
    ("softmax_f32", "x = f32((ones(N) * 0.7)).reshape(N // 500, 500); force(x); force(softmax(x, axis=1))"),
    (
        "distances",
        "x = linspace(-3, 3, N // 256 * 16).reshape(N // 256, 16); y = linspace(0, 1, 4096).reshape(256, 16)
        force((x, y)); force(sum((x[:, none, :] - y[none, :, :])^2, axis=-1))",
    ),
    ("where_f64", "x = (ones(N) * 0.7); force(x); force(where(x > 0, x, x * 0.5))"),
    ("cumsum_f64", "x = (ones(N) * 0.7); force(x); force(cumsum(x))"),
    ("pick_f64", "x = (ones(N) * 0.7); i = (arange(N) * 7919) % N; force((x, i)); force(x[i])"),
    ("number_loop", "x = 0.0; for i in 0..N { x = x * 1.000001 + 1 }; x"),
    ("product_f64", "a = ones(N // 256, 256) * 0.5; b = ones(256, 256) * 0.25; force((a, b)); force(a @ b)"),
    // A hundred elements are one turn of these.
    ("small_product", "b = ones(8, 8) / 8; c = b; for i in 0..N // 100 { c = c @ b }; force(c)"),
    (
        "launch_of_20_nodes",
        "x = arange(2100) * 1.0; force(x)
        for i in 0..N // 100 {
            force((((((((((((((((((((x + 1) * 2) - 3) / 4) + 7) * 5) - 1) * 3) + 5) * 2) - 2) * 3) + 4) / 4) - 5) * 2) + 3) * 7) - 1) * 9)
        }",
    ),
];

/// Instructions of a whole run.
fn count(program: &str, n: usize) -> Option<u64> {
    // Nothing is printed: the last value is none.
    let text = program.replace('N', &n.to_string()) + "; none";
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", env!("CARGO_BIN_EXE_nevel"), "-j", "1", "-e"])
        .arg(&text)
        .env("NEVEL_CPU", "avx2")
        .env("NEVEL_AHEAD", "1")
        .env("NEVEL_PAST", "0")
        .output()
        .ok()?;
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{text}: {err}");
    let line = err.lines().find(|l| l.contains("Collected :"))?;
    line.split_whitespace().last()?.parse().ok()
}

fn per_element(program: &str) -> f64 {
    let [once, twice] = [N, 2 * N].map(|n| count(program, n).expect("valgrind says how many"));
    (twice as f64 - once as f64) / N as f64
}

fn compiler() -> String {
    let out = Command::new("rustc").arg("--version").output();
    out.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_string()).unwrap_or_default()
}

#[test]
fn kernels_take_no_more_instructions_than_they_did() {
    if !nevel::base::math::Isa::Avx2.here() || Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("instructions: skipped (no valgrind here, or a processor without AVX2)");
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/instructions.txt");
    let known = std::fs::read_to_string(path).unwrap_or_default();
    let compiler = compiler();
    let mut text = format!("# Instructions per element, by tests/instructions.rs, with {compiler}\n");
    let mut faults = String::new();
    for (name, program) in PROGRAMS {
        let now = per_element(program);
        writeln!(text, "{name:20} {now:8.2}").unwrap();
        let before = known.lines().find_map(|l| l.strip_prefix(name)?.trim().parse::<f64>().ok());
        match before {
            Some(before) if (now / before - 1.0).abs() <= 0.1 => {}
            Some(before) => {
                writeln!(faults, "{name}: {before:.2} instructions an element before, {now:.2} now").unwrap()
            }
            None => writeln!(faults, "{name}: not in tests/instructions.txt").unwrap(),
        }
    }
    if std::env::var("NEVEL_BLESS").is_ok() {
        std::fs::write(path, text).unwrap();
    } else if !known.contains(&compiler) {
        eprintln!("instructions: {compiler} is not the compiler of tests/instructions.txt; not held:\n{faults}");
    } else {
        assert!(faults.is_empty(), "{faults}NEVEL_BLESS=1 writes the new counts, if they are better or worth it");
    }
}
