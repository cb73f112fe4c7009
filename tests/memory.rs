//! What a long program keeps: the memory of a process that trains for 10,000 steps is that of one that trained for 1,000.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const PROGRAM: &str = "
x = tensor(randn(128, 64)); y = randint(10, size=128)
p = {w: tensor(randn(64, 32) * 0.1), b: tensor(zeros(32)), v: tensor(randn(32, 10) * 0.1)}
loss(p, x) = cross_entropy(relu(x @ p.w + p.b) @ p.v, y)
opt = adam(p, lr=1e-3)
for step in 1..=10000 {
    p, opt = opt.update(p, grad(loss(p, x), p))
    if step in (100, 10000) { print(step); readline() }
}
";

/// Kilobytes that a process has in memory.
fn resident(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_long_training_keeps_nothing() {
    let file = std::env::temp_dir().join(format!("nevel-memory-{}.nev", std::process::id()));
    std::fs::write(&file, PROGRAM).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_nevel"))
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = vec![];
    for step in ["100", "10000"] {
        assert_eq!(lines.next().unwrap().unwrap(), step);
        seen.push(resident(child.id()));
        writeln!(child.stdin.as_mut().unwrap()).unwrap();
    }
    assert!(child.wait().unwrap().success());
    std::fs::remove_file(&file).unwrap();
    // Two megabytes for what the system does as it likes.
    assert!(seen[1] <= seen[0] + 2048, "{seen:?} kB after 100 and after 10000 steps");
}
