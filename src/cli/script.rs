//! Scripts, programs on standard input, and `-e`.
//!
//! In: what to run. Out: what it prints; for `-e` its last value, as text, in a format, or in a file.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::Path;

use super::args::{Options, Order};
use super::desk::{Desk, Setup};
use super::fail::Failure;
use super::out::Out;
use super::{repl, signal};
use crate::base::{Fault, Result, nearest};
use crate::device::cpu;
use crate::io::{self, ReadOptions};
use crate::lang::Value;
use crate::lang::builtins::file::{data_of, value_of};
use crate::show::{Stream, Style};

/// Runs what was ordered, then the REPL where it was asked for.
pub fn run(order: Order, options: &Options) -> Result<(), Failure> {
    let begin = std::time::Instant::now();
    let args = match &order {
        Order::File(_, args) | Order::Eval(_, args) => args.clone(),
        _ => vec![],
    };
    let mut desk = desk(options, args).map_err(|fault| Failure::plain(fault, options))?;
    let terminal = std::io::stdin().is_terminal();
    // With -i alone, standard input is data to talk about.
    let only_repl = order == Order::Standard && (terminal || options.interactive);
    let program_there = match &order {
        Order::Standard => !only_repl,
        Order::File(file, _) => file == Path::new("-"),
        _ => false,
    };
    let typed_there = only_repl && terminal;
    if !(program_there || typed_there) {
        // A handle of its own, as the REPL may take standard input's place later.
        let (from, stdin) = (options.from.clone(), std::io::stdin().as_fd().try_clone_to_owned());
        desk.set_input(move || input(stdin.map(File::from), from.as_deref()));
    }
    let ran = match order {
        Order::Standard if only_repl => Ok(Ok(())),
        Order::Standard => read_stdin().map(|text| program(&mut desk, "<stdin>", &text, true, options)),
        Order::File(file, _) => read(&file).map(|text| {
            desk.set_path(Some(file.clone()).filter(|f| f != Path::new("-")));
            let ran = program(&mut desk, &name_of(&file), &text, false, options);
            desk.set_path(None);
            ran
        }),
        Order::Eval(texts, _) => Ok(eval(&mut desk, &texts, options)),
        Order::Command(_) => Ok(Ok(())),
    };
    let mut ran = ran.unwrap_or_else(|fault| Err(Failure::plain(fault, options)));
    if options.time && !only_repl {
        eprintln!("time: {}", repl::duration(begin.elapsed().as_secs_f64()));
    }
    if only_repl || options.interactive {
        repl::run(desk, options)?;
        ran = Ok(());
    }
    ran
}

/// A session as the options want it.
pub fn desk(options: &Options, args: Vec<String>) -> Result<Desk> {
    if let Some(n) = options.threads {
        cpu::set_threads(n);
    }
    let chosen = || std::env::var("NEVEL_DEVICE").ok().filter(|name| !name.is_empty());
    let device = options.device.clone().or_else(chosen);
    let setup = Setup { seed: options.seed.unwrap_or(0), device, args };
    Desk::new(setup, Out::standard(), Style::of(Stream::Out, options.color))
}

fn program(desk: &mut Desk, name: &str, text: &str, echo: bool, options: &Options) -> Result<(), Failure> {
    let faults = signal::interruptible(|| desk.program(name, text, echo));
    ended(desk, &faults, options)
}

/// Flushes, then reports.
fn ended(desk: &mut Desk, faults: &[Fault], options: &Options) -> Result<(), Failure> {
    let written = desk.out.finish();
    if !faults.is_empty() {
        return Err(Failure::report(desk, faults, options));
    }
    written.map_err(|fault| Failure::plain(fault, options))
}

fn eval(desk: &mut Desk, texts: &[String], options: &Options) -> Result<(), Failure> {
    let many = texts.len() > 1;
    let faults = signal::interruptible(|| {
        let mut last = None;
        for (i, text) in texts.iter().enumerate() {
            let name = if many { format!("<-e {}>", i + 1) } else { "<-e>".into() };
            let outcome = desk.run(&name, text);
            if !outcome.faults.is_empty() {
                return outcome.faults;
            }
            last = outcome.value;
        }
        show(desk, last, options).err().into_iter().collect()
    });
    ended(desk, &faults, options)
}

/// Writes the last value where and how it is wanted.
fn show(desk: &mut Desk, value: Option<Value>, options: &Options) -> Result<()> {
    let wanted = options.output.is_some() || options.to.is_some();
    let value = match value {
        Some(value) if wanted || !value.is_none() => value,
        None if wanted => {
            return Err(Fault::new("there is no value to write: the last statement is no expression")
                .hint("end with the value: nevel -o out.csv -e 'x = [1, 2]; x'"));
        }
        _ => return Ok(()),
    };
    match (&options.output, &options.to) {
        (Some(path), to) => io::write_path(path, &data_of(&value)?, to.as_deref()),
        (None, Some(format)) => io::write_to(&mut desk.out, &data_of(&value)?, format),
        (None, None) => desk.write(&value),
    }
}

/// The value of `input`.
fn input(stdin: std::io::Result<File>, from: Option<&str>) -> Result<Value> {
    let stdin = stdin.map_err(|e| Fault::input(format!("standard input cannot be read: {e}")))?;
    if stdin.is_terminal() {
        return Err(Fault::input("`input` is data on standard input, and nothing is fed to it")
            .hint("cat data.csv | nevel -e '…'")
            .hint("a file: load(\"data.csv\")"));
    }
    let data = io::read_stream(stdin, "standard input", from, &ReadOptions::default())?;
    value_of(data)
}

// ---- reading programs ----

/// A program's text from a file; `-` is standard input.
pub fn read(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        return read_stdin();
    }
    let name = name_of(path);
    let bytes = std::fs::read(path).map_err(|e| unread(path, &e))?;
    if let Some(format) = data_format(path, &bytes) {
        return Err(Fault::input(format!("{name} is {format} data, not a program"))
            .hint(format!("nevel -e 'load(\"{name}\")'")));
    }
    text_of(bytes, &name)
}

fn read_stdin() -> Result<String> {
    let mut bytes = vec![];
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|e| Fault::input(format!("standard input cannot be read: {e}")))?;
    text_of(bytes, "standard input")
}

/// As text, or a fault that names the first byte that is none.
fn text_of(bytes: Vec<u8>, name: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let (at, bytes) = (e.utf8_error().valid_up_to(), e.as_bytes());
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
        Fault::input(format!("{name}: byte {at} (line {line}) is {:#04x}, which is not UTF-8", bytes[at]))
            .hint("programs are UTF-8; Latin-1 is converted with `iconv -f ISO-8859-1 -t UTF-8`")
    })
}

/// The format of a file that is no program, by its name, or by bytes that no text has.
fn data_format(path: &Path, bytes: &[u8]) -> Option<&'static str> {
    let suffix = path.extension()?.to_str()?;
    let by_name = io::codecs().iter().find(|c| c.suffixes.contains(&suffix) && suffix != "txt");
    let binary = || io::codecs().iter().find(|c| bytes.contains(&0) && (c.sniff)(bytes));
    by_name.or_else(binary).map(|c| c.name)
}

fn unread(path: &Path, e: &std::io::Error) -> Fault {
    let name = name_of(path);
    if path.is_dir() {
        return Fault::input(format!("{name} is a directory, not a program"));
    }
    let why = match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "it may not be read".into(),
        _ => e.to_string(),
    };
    let fault = Fault::input(format!("{name}: {why}"));
    match neighbour(path) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        // What no name of a program holds, and most expressions do.
        None if name.contains(['(', '[', '+', '*', '=', '|']) => {
            fault.hint(format!("an expression follows -e: nevel -e '{name}'"))
        }
        None => fault,
    }
}

/// The file beside it whose name is nearest.
fn neighbour(path: &Path) -> Option<String> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> =
        std::fs::read_dir(parent).ok()?.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    let near = nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(path.with_file_name(near).display().to_string())
}

/// What reports call it.
pub fn name_of(path: &Path) -> String {
    if path == Path::new("-") { "<stdin>".into() } else { path.display().to_string() }
}
