//! The commands: `nevel check`, `test`, `fmt`, `devices`, `bench`, `doc`, `completions`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::args::{Command, Options, whole};
use super::fail::Failure;
use super::page::Page;
use super::{diff, examples, repl, script};
use crate::base::{Exit, Fault, Sources};
use crate::show::{self, Stream, Style};
use crate::syntax;

/// Runs a command.
pub fn run(command: Command, options: &Options) -> Result<(), Failure> {
    match command {
        Command::Check { files } => each(&files, |file| check(file, options)),
        Command::Test { paths, bless } => examples::run(&paths, bless, options),
        Command::Fmt { check, files } => each(&files, |file| fmt(file, check, options)),
        Command::Devices => devices(options),
        Command::Bench { names } => bench(&names, options).map_err(|fault| Failure::plain(fault, options)),
        Command::Doc { name } => doc(name.as_deref(), options),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut whole(), "nevel", &mut std::io::stdout());
            Ok(())
        }
    }
}

fn bench(names: &[String], options: &Options) -> Result<(), Fault> {
    if let Some(n) = options.threads {
        crate::device::cpu::set_threads(n);
    }
    if names != ["gpu"] {
        // Row by row, as they are done.
        return super::bench::cpu::table(names, |part| {
            print!("{part}");
            let _ = std::io::stdout().flush();
        });
    }
    let chosen = std::env::var("NEVEL_DEVICE").ok().filter(|name| !name.is_empty());
    let name = options.device.clone().or(chosen);
    print!("{}", super::bench::gpu::table(name.as_deref())?);
    Ok(())
}

/// Does all of them; the first failure decides.
fn each(files: &[PathBuf], mut run: impl FnMut(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    let results: Vec<Result<(), Failure>> = files.iter().map(|f| run(f)).collect();
    results.into_iter().collect()
}

fn check(file: &Path, options: &Options) -> Result<(), Failure> {
    let plain = |fault| Failure::plain(fault, options);
    let text = script::read(file).map_err(plain)?;
    let mut desk = script::desk(options, vec![]).map_err(plain)?;
    desk.set_path(Some(file.to_path_buf()).filter(|f| f != Path::new("-")));
    let faults = desk.check(&script::name_of(file), &text);
    if faults.is_empty() { Ok(()) } else { Err(Failure::report(&desk, &faults, options)) }
}

fn fmt(file: &Path, check: bool, options: &Options) -> Result<(), Failure> {
    let plain = |fault| Failure::plain(fault, options);
    let text = script::read(file).map_err(plain)?;
    let name = script::name_of(file);
    let laid = match syntax::fmt(&text) {
        Ok(laid) => laid,
        Err(faults) => {
            let mut sources = Sources::default();
            sources.add(name, text);
            return Err(Failure::in_sources(&faults, &sources, options));
        }
    };
    if check {
        let change = diff::unified(&name, &text.lines().collect::<Vec<_>>(), &laid.lines().collect::<Vec<_>>());
        print!("{change}");
        return if text == laid { Ok(()) } else { Err(Failure::status(Exit::Failed)) };
    }
    if file == Path::new("-") {
        print!("{laid}");
        return Ok(());
    }
    if text != laid {
        std::fs::write(file, laid).map_err(|e| plain(Fault::input(format!("{name}: {e}"))))?;
    }
    Ok(())
}

fn devices(options: &Options) -> Result<(), Failure> {
    if let Some(n) = options.threads {
        crate::device::cpu::set_threads(n);
    }
    print!("{}", repl::devices());
    Ok(())
}

fn doc(name: Option<&str>, options: &Options) -> Result<(), Failure> {
    let plain = |fault| Failure::plain(fault, options);
    let mut desk = script::desk(options, vec![]).map_err(plain)?;
    let style = Style::of(Stream::Out, options.color);
    match name {
        Some(name) => print!("{}", desk.page(name).map_err(plain)?.text(&style)),
        None => {
            let mut names = desk.house_names();
            names.sort();
            names.dedup();
            let pages: Vec<Page> = names.iter().filter_map(|n| desk.page(n).ok()).collect();
            let width = names.iter().map(String::len).max().unwrap_or(0);
            names.iter().zip(&pages).for_each(|(n, p)| println!("{}", format!("{n:width$}  {}", p.about()).trim_end()));
        }
    }
    Ok(())
}

impl Failure {
    /// Reports faults that lie in sources of their own.
    fn in_sources(faults: &[Fault], sources: &Sources, options: &Options) -> Failure {
        let style = Style::of(Stream::Err, options.color);
        match options.error_format {
            super::args::ErrorFormat::Human => eprint!("{}", show::reports(faults, sources, &style)),
            super::args::ErrorFormat::Json => {
                faults.iter().for_each(|f| eprintln!("{}", show::report_json(f, sources)))
            }
        }
        Failure::status(faults.first().map_or(Exit::Failed, |f| f.exit))
    }
}
