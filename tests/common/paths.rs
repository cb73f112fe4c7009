//! The tests of this program once more on the lesser CPU paths of this machine.
//!
//! A path is chosen once per process, by `NEVEL_CPU`, so the test program runs itself. On the baseline path all
//! code is the portable one that machines without a path of their own run.

use std::process::Command;

use nevel::base::math::Isa;

/// Runs those tests of this program whose names contain one of `tests` on each path; `caller` is not among them.
pub fn again(tests: &[&str], caller: &str) {
    let exe = std::env::current_exe().expect("a running test has a file");
    for (path, isa) in [("baseline", Isa::Base), ("avx2", Isa::Avx2)] {
        if !isa.here() || std::env::var_os("NEVEL_CPU").is_some() {
            continue;
        }
        let run = Command::new(&exe)
            .args(tests)
            .args(["the_path_is_taken", "--skip", caller])
            .env("NEVEL_CPU", path)
            .output();
        let run = run.expect("it starts");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "on {path}:\n{said}{}", String::from_utf8_lossy(&run.stderr));
        assert!(!said.contains("running 0 tests") && !said.contains("running 1 test\n"), "on {path}:\n{said}");
    }
}

#[test]
fn the_path_is_taken() {
    let asked = std::env::var("NEVEL_CPU").unwrap_or_default();
    let most = match asked.as_str() {
        "baseline" => Isa::Base,
        "avx2" => Isa::Avx2,
        _ => Isa::Avx512,
    };
    let best = [Isa::Avx512, Isa::Avx2, Isa::Base].into_iter().skip_while(|&isa| isa != most).find(|isa| isa.here());
    assert_eq!(Some(Isa::chosen()), best);
}
