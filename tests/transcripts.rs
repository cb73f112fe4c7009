//! Every transcript shows what it says it shows, and so do the examples in documents and programs;
//! `NEVEL_BLESS=1 cargo test --test transcripts` rewrites what they expect.

use std::path::Path;

fn agree(paths: &'static [&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bless = std::env::var_os("NEVEL_BLESS").is_some_and(|v| v == "1");
    let tallies = nevel::session::with_stack(move || {
        let run = |path: &&str| nevel::cli::test_path(&root.join(path), bless).map_err(|f| format!("{path}: {f}"));
        paths.iter().map(run).collect::<Result<Vec<_>, _>>()
    });
    let tallies = tallies.expect("they can be read");
    tallies.iter().for_each(|t| print!("{}", t.said));
    let (passed, failed) = tallies.iter().fold((0, 0), |sum, t| (sum.0 + t.passed, sum.1 + t.failed));
    assert!(passed > 0 && (bless || failed == 0), "{passed} passed, {failed} failed");
}

/// One test, one evaluator: Ctrl-C is the process's, so two at a time would hear of each other's.
#[test]
fn what_is_written_is_what_shows() {
    agree(&["tests/transcripts", "README.md", "examples", "grammar", "docs", "src"]);
}
