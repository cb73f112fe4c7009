//! `nevel test`: examples are run, and what they show is compared or rewritten.
//!
//! In: files and directories. Out: how many agree, and a unified diff of each file where some do not. A file's examples
//! share one session; a program's own text runs first, so that its definitions are there.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::Options;
use super::desk::{Desk, Setup};
use super::fail::Failure;
use super::out::Out;
use super::transcript::{Case, Kind, STYLE, cases, rewritten};
use super::{diff, script, signal};
use crate::base::{Exit, Fault, Result};

/// How the examples of some files fared.
#[derive(Default, Debug)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    /// What is wrong, ready to be read.
    pub said: String,
}

/// Directories that hold nothing of ours.
const SKIPPED: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// `nevel test [PATH…] [--bless]`
pub fn run(paths: &[PathBuf], bless: bool, options: &Options) -> Result<(), Failure> {
    if let Some(n) = options.threads {
        crate::device::cpu::set_threads(n);
    }
    let here = [PathBuf::from(".")];
    let setup = Setup { seed: options.seed.unwrap_or(0), device: options.device.clone(), args: vec![] };
    let mut all = Tally::default();
    for path in if paths.is_empty() { &here } else { paths } {
        let tally = test_with(path, bless, &setup).map_err(|fault| Failure::plain(fault, options))?;
        print!("{}", tally.said);
        all.passed += tally.passed;
        all.failed += tally.failed;
    }
    let what = if bless { "rewritten" } else { "failed" };
    println!("{} passed, {} {what}", all.passed, all.failed);
    if all.failed > 0 && !bless { Err(Failure::status(Exit::Failed)) } else { Ok(()) }
}

/// Runs the examples of a file, or of all files under a directory; with `bless` expectations that differ are rewritten,
/// and count as failed.
pub fn test_path(path: &Path, bless: bool) -> Result<Tally> {
    test_with(path, bless, &Setup::default())
}

fn test_with(path: &Path, bless: bool, setup: &Setup) -> Result<Tally> {
    if path.is_dir() {
        let mut all = Tally::default();
        for file in files(path) {
            all.add(test_file(&file, bless, setup, false)?);
        }
        return Ok(all);
    }
    test_file(path, bless, setup, true)
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.said += &other.said;
    }
}

/// Every file under a directory that may hold examples, sorted.
fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return vec![] };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    let hidden = |p: &PathBuf| {
        let name = p.file_name().map_or("".into(), |n| n.to_string_lossy());
        name.starts_with('.') || SKIPPED.contains(&&*name)
    };
    paths.retain(|p| !hidden(p));
    paths
        .into_iter()
        .flat_map(|p| {
            if p.is_dir() {
                files(&p)
            } else if Kind::of(&p).is_some() {
                vec![p]
            } else {
                vec![]
            }
        })
        .collect()
}

/// `named`: the user asked for this very file.
fn test_file(path: &Path, bless: bool, setup: &Setup, named: bool) -> Result<Tally> {
    let kind = match Kind::of(path) {
        Some(kind) => kind,
        None if path.exists() => {
            return Err(Fault::syntax(format!("{}: examples are in .nev, .md and .txt files", path.display())));
        }
        None => Kind::Source,
    };
    let text = read(path, kind)?;
    let cases = match cases(&text, kind) {
        // A text that does not begin with an input is somebody's notes.
        _ if kind == Kind::Text && !named && !begins_with_input(&text) => vec![],
        found => found,
    };
    if cases.is_empty() {
        return Ok(Tally::default());
    }
    let program = (kind == Kind::Source).then_some((path, text.as_str()));
    let shown = match signal::interruptible(|| shown(&cases, kind, program, setup)) {
        Ok(shown) => shown,
        Err(fault) if fault.is_interrupt() => return Err(fault),
        // One program that does not run says nothing of the others.
        Err(fault) => return Ok(Tally { passed: 0, failed: cases.len(), said: format!("{fault}\n") }),
    };
    let failed = cases.iter().zip(&shown).filter(|(case, shown)| case.expected != **shown).count();
    let mut tally = Tally { passed: cases.len() - failed, failed, said: String::new() };
    if failed > 0 {
        let now = rewritten(&text, &cases, &shown);
        if bless {
            fs::write(path, &now).map_err(|e| Fault::input(format!("{}: {e}", path.display())))?;
        } else {
            let (old, new): (Vec<&str>, Vec<&str>) = (text.lines().collect(), now.lines().collect());
            tally.said = diff::unified(&path.display().to_string(), &old, &new);
        }
    }
    Ok(tally)
}

fn read(path: &Path, kind: Kind) -> Result<String> {
    match kind {
        Kind::Source => script::read(path),
        _ => fs::read_to_string(path).map_err(|e| Fault::input(format!("{}: {e}", path.display()))),
    }
}

fn begins_with_input(text: &str) -> bool {
    text.lines().find(|l| !l.trim().is_empty() && !l.starts_with('#')).is_some_and(|l| l.starts_with("> "))
}

/// What every case shows, in one session.
fn shown(cases: &[Case], kind: Kind, program: Option<(&Path, &str)>, setup: &Setup) -> Result<Vec<Vec<String>>> {
    let mut desk = Desk::new(setup.clone(), Out::kept(), STYLE)?;
    desk.keep_process();
    if let Some((path, text)) = program {
        desk.set_path(Some(path.to_path_buf()));
        let faults = desk.program(&script::name_of(path), text, false);
        if !faults.is_empty() {
            let report = desk.reports(&faults, &STYLE);
            return Err(Fault::new(format!("{} does not run, so its examples cannot\n{report}", path.display())));
        }
        desk.out.take();
    }
    let mut line = 1;
    let mut out = vec![];
    for case in cases {
        let text = show_case(&mut desk, &case.input, line)?;
        line += case.input.lines().count().max(1);
        out.push(case.lines_of(&text, kind));
    }
    Ok(out)
}

/// What one input shows: what it prints, then its value or the reports.
fn show_case(desk: &mut Desk, input: &str, line: usize) -> Result<String> {
    let outcome = desk.line(&format!("<repl>:{line}"), input);
    let value = outcome.value.filter(|v| !v.is_none() && !outcome.hushed);
    let mut faults = outcome.faults;
    faults.extend(value.as_ref().and_then(|value| super::desk::look(value).err()));
    if faults.iter().any(Fault::is_interrupt) {
        return Err(Fault::interrupted());
    }
    let mut text = desk.out.take();
    match value {
        _ if !faults.is_empty() => text += &desk.reports(&faults, &STYLE),
        Some(value) => text += &desk.shown(&value)?,
        None => {}
    }
    Ok(text)
}
