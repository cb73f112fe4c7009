//! The command line as typed, taken apart.
//!
//! In: the words after `nevel`. Out: `Order`, what is to be done, and `Options`, how. Words are read in two steps,
//! because a FILE and a command stand in the same place: options up to the first plain word are ours; that word is a
//! command with arguments of its own if there is one of that name, else a FILE if it has a `/` or an extension or
//! exists (a file named `test` is `./test`). What follows a FILE belongs to the script, dashes included.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::base::{Exit, Fault, nearest};
use crate::show::Color;

/// An array language with gradients.
#[derive(Parser)]
#[command(name = "nevel", version, max_term_width = 100, after_help = AFTER)]
#[command(override_usage = "nevel [OPTIONS]                   the REPL, or the program on standard input\n       \
                            nevel [OPTIONS] FILE [ARGS]...    a script\n       \
                            nevel [OPTIONS] -e EXPR [-e ...]  an expression; data on standard input is `input`\n       \
                            nevel [OPTIONS] COMMAND")]
struct Words {
    /// Evaluate EXPR, several in order; the last value is printed
    #[arg(short = 'e', long = "eval", value_name = "EXPR", allow_hyphen_values = true)]
    eval: Vec<String>,
    /// Go on into the REPL afterwards
    #[arg(short, long)]
    interactive: bool,
    /// Format of the data on standard input, if its first bytes do not tell: csv, json, npy, ...
    #[arg(long, value_name = "FORMAT")]
    from: Option<String>,
    /// Print the value as csv, json, npy, ...
    #[arg(long, value_name = "FORMAT")]
    to: Option<String>,
    /// Write the value to a file; the suffix says the format
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    shared: Shared,
    /// A script (`-` is standard input) and its arguments, or a command
    #[arg(value_name = "FILE", trailing_var_arg = true)]
    rest: Vec<OsString>,
}

const AFTER: &str = "\
Commands:
  check FILE               Check names, arity, shapes and dtypes without running the work
  test [PATH] [--bless]    Run the `> ` examples of programs and transcripts
  fmt [--check] FILE...    Lay programs out
  devices                  List what can compute
  bench [NAME...]          Time the workloads on this machine; `bench gpu`: the best device against the CPU
  doc [NAME]               Show the help page of a function
  completions SHELL        Print completions for bash, zsh, fish, ...

Exit status: 0 ok, 1 the program failed, 2 wrong usage or syntax, 3 an input that cannot be read,
130 interrupted, 141 the reader of a pipe went away.";

/// Options that every way in understands.
#[derive(Args, Clone, Default)]
struct Shared {
    /// Where tensors go: cpu, gpu, ...
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Threads to compute with, all cores if left out; at most 4 for each core
    #[arg(short = 'j', value_name = "N")]
    threads: Option<usize>,
    /// Seed of the random functions
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Say on standard error how long it took
    #[arg(long)]
    time: bool,
    /// Colours: auto, always, never
    #[arg(long, value_name = "WHEN")]
    color: Option<When>,
    /// Errors for people or one JSON object a line
    #[arg(long, value_name = "FORMAT")]
    error_format: Option<ErrorFormat>,
}

#[derive(Clone, Copy, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ErrorFormat {
    #[default]
    Human,
    Json,
}

#[derive(Parser)]
#[command(name = "nevel", max_term_width = 100)]
struct CommandWords {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    shared: Shared,
}

/// A command.
#[derive(Subcommand, Debug, PartialEq)]
pub enum Command {
    /// Check names, arity, shapes and dtypes without running the work
    Check {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Run the `> ` examples of programs and transcripts
    Test {
        /// Files and directories; the current directory if none
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Rewrite what is expected as it is now
        #[arg(long)]
        bless: bool,
    },
    /// Lay programs out: spaces, indentation, blank lines
    Fmt {
        /// Change nothing; fail if something would change
        #[arg(long)]
        check: bool,
        /// Programs; `-` is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// List what can compute
    Devices,
    /// Time the workloads of docs/performance.md on this machine, or the best device against the CPU
    Bench {
        /// Workloads, all if none is named (`*` stands for anything); or `gpu`: the best device, or the one that --device names
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Show the help page of a function, or all names
    Doc { name: Option<String> },
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Order {
    /// Nothing was named: the REPL on a terminal, else the program on standard input.
    Standard,
    File(PathBuf, Vec<String>),
    Eval(Vec<String>, Vec<String>),
    Command(Command),
}

/// How it is to be done.
#[derive(Debug)]
pub struct Options {
    pub interactive: bool,
    pub from: Option<String>,
    pub to: Option<String>,
    pub output: Option<PathBuf>,
    pub device: Option<String>,
    pub threads: Option<usize>,
    pub seed: Option<u64>,
    pub time: bool,
    pub color: Color,
    pub error_format: ErrorFormat,
}

/// What ends the reading early.
pub enum Stop {
    /// clap's own: wrong words, `--help`, `--version`.
    Clap(clap::Error),
    Fault(Fault),
}

/// Reads the words after the program's name.
pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<(Order, Options), Stop> {
    let words = std::iter::once("nevel".into()).chain(words);
    let Words { eval, interactive, from, to, output, mut shared, rest } =
        Words::try_parse_from(words).map_err(Stop::Clap)?;
    let mut rest = rest.into_iter();
    let order = if !eval.is_empty() {
        Order::Eval(eval, texts(rest)?)
    } else {
        match rest.next() {
            None => Order::Standard,
            Some(first) if is_file(&first) => Order::File(first.into(), texts(rest)?),
            Some(word) => {
                let (command, more) = command(&word, rest)?;
                shared = more.over(shared);
                Order::Command(command)
            }
        }
    };
    let options = Options {
        interactive,
        from,
        to,
        output,
        device: shared.device,
        threads: shared.threads,
        seed: shared.seed,
        time: shared.time,
        color: match shared.color {
            None | Some(When::Auto) => Color::Auto,
            Some(When::Always) => Color::Always,
            Some(When::Never) => Color::Never,
        },
        error_format: shared.error_format.unwrap_or_default(),
    };
    options.check(&order).map_err(Stop::Fault)?;
    Ok((order, options))
}

impl Shared {
    /// These options, and `below` where one was not given.
    fn over(self, below: Shared) -> Shared {
        Shared {
            device: self.device.or(below.device),
            threads: self.threads.or(below.threads),
            seed: self.seed.or(below.seed),
            time: self.time || below.time,
            color: self.color.or(below.color),
            error_format: self.error_format.or(below.error_format),
        }
    }
}

impl Options {
    /// Refuses what would be ignored.
    fn check(&self, order: &Order) -> Result<(), Fault> {
        if self.threads == Some(0) {
            return Err(
                Fault::syntax("-j: expected a number of threads, found 0").hint("leave it out to use all cores")
            );
        }
        for format in [&self.from, &self.to].into_iter().flatten() {
            crate::io::codec(format).map_err(|fault| fault.exit(Exit::Usage))?;
        }
        let one_value = matches!(order, Order::Eval(..));
        let extra = [("--to", self.to.is_some()), ("-o", self.output.is_some())].into_iter().find(|(_, given)| *given);
        if let Some((name, _)) = extra.filter(|_| !one_value) {
            return Err(Fault::syntax(format!("{name} needs an expression, whose value it writes"))
                .hint(format!("nevel {name} … -e 'EXPR'"))
                .hint("a program writes with save(\"out.csv\", x)"));
        }
        if matches!(order, Order::Command(_)) && (self.interactive || self.from.is_some()) {
            let name = if self.interactive { "-i" } else { "--from" };
            return Err(Fault::syntax(format!("{name} goes with a program, not with a command")));
        }
        Ok(())
    }
}

/// Whether the word in FILE's place is one, rather than a command.
fn is_file(word: &OsStr) -> bool {
    let path = Path::new(word);
    if CommandWords::command().get_subcommands().any(|c| word == c.get_name()) {
        return false;
    }
    word == "-" || word.as_encoded_bytes().contains(&b'/') || path.extension().is_some() || path.exists()
}

fn command(word: &OsStr, rest: impl Iterator<Item = OsString>) -> Result<(Command, Shared), Stop> {
    if word == "help" {
        return Err(help(rest.collect()));
    }
    let known = CommandWords::command();
    let names: Vec<&str> = known.get_subcommands().map(|c| c.get_name()).collect();
    if !names.iter().any(|n| word == *n) {
        return Err(Stop::Fault(unknown(&word.to_string_lossy(), &names)));
    }
    let words = [OsString::from("nevel"), word.to_owned()].into_iter().chain(rest);
    // Options may stand behind the command's own words too.
    let mut matches = known.mut_args(|a| a.global(true)).try_get_matches_from(words).map_err(Stop::Clap)?;
    let read = CommandWords::from_arg_matches_mut(&mut matches).map_err(Stop::Clap)?;
    Ok((read.command, read.shared))
}

/// The page of a command, or of everything.
fn help(command: Vec<OsString>) -> Stop {
    let words = || ["nevel".into()].into_iter().chain(command.clone()).chain(["--help".into()]);
    let page = match command.is_empty() {
        true => Words::try_parse_from(words()).err(),
        false => CommandWords::try_parse_from(words()).err(),
    };
    Stop::Clap(page.unwrap_or_else(|| Words::command().error(clap::error::ErrorKind::InvalidValue, "no such page")))
}

fn unknown(word: &str, names: &[&str]) -> Fault {
    let fault = Fault::syntax(format!("`{word}` is neither a file nor a command"));
    let fault = match nearest(word, names.iter().copied()) {
        Some(near) => fault.hint(format!("did you mean `nevel {near}`?")),
        None => fault,
    };
    fault.hint(format!("an expression follows -e: nevel -e '{word}'")).hint("nevel --help lists the commands")
}

fn texts(words: impl Iterator<Item = OsString>) -> Result<Vec<String>, Stop> {
    let text = |word: OsString| {
        word.into_string()
            .map_err(|word| Stop::Fault(Fault::syntax(format!("an argument is not UTF-8: {}", word.to_string_lossy()))))
    };
    words.map(text).collect()
}

/// One description of everything, for shell completions.
pub fn whole() -> clap::Command {
    let commands: Vec<clap::Command> = CommandWords::command().get_subcommands().cloned().collect();
    Words::command().subcommands(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(words: &[&str]) -> Order {
        match read(words.iter().map(OsString::from)) {
            Ok((order, _)) => order,
            Err(Stop::Clap(e)) => panic!("{e}"),
            Err(Stop::Fault(f)) => panic!("{f}"),
        }
    }

    fn fault(words: &[&str]) -> Fault {
        match read(words.iter().map(OsString::from)) {
            Err(Stop::Fault(f)) => f,
            _ => panic!("{words:?} is no fault"),
        }
    }

    #[test]
    fn clap_is_content() {
        Words::command().debug_assert();
        CommandWords::command().debug_assert();
        whole().debug_assert();
    }

    #[test]
    fn the_first_plain_word_decides() {
        let eval = |e: &[&str], a: &[&str]| {
            Order::Eval(e.iter().map(|s| s.to_string()).collect(), a.iter().map(|s| s.to_string()).collect())
        };
        assert_eq!(order(&[]), Order::Standard);
        assert_eq!(order(&["-e", "-x^2"]), eval(&["-x^2"], &[]));
        assert_eq!(order(&["-e", "-1", "-e", "2", "a", "--b"]), eval(&["-1", "2"], &["a", "--b"]));
        assert_eq!(order(&["-e-1"]), eval(&["-1"], &[]));
        let file = |f: &str, a: &[&str]| Order::File(f.into(), a.iter().map(|s| s.to_string()).collect());
        assert_eq!(order(&["x.nev", "-e", "--seed", "-h"]), file("x.nev", &["-e", "--seed", "-h"]));
        assert_eq!(order(&["-j", "2", "./test", "-j"]), file("./test", &["-j"]));
        assert_eq!(order(&["-"]), file("-", &[]));
        assert_eq!(order(&["check", "f.nev"]), Order::Command(Command::Check { files: vec!["f.nev".into()] }));
        assert_eq!(
            order(&["test", "--bless", "a"]),
            Order::Command(Command::Test { paths: vec!["a".into()], bless: true })
        );
    }

    #[test]
    fn options_stand_before_and_after_a_command() {
        for words in [["--color", "never", "devices", "-j2"], ["devices", "-j", "2", "--color=never"]] {
            let Ok((_, options)) = read(words.iter().map(OsString::from)) else { panic!("{words:?}") };
            assert_eq!((options.threads, options.color), (Some(2), Color::Never));
        }
    }

    #[test]
    fn wrong_words_are_explained() {
        let f = fault(&["tset"]);
        assert_eq!(f.hints[0], "did you mean `nevel test`?");
        assert_eq!(f.exit, crate::base::Exit::Usage);
        assert!(fault(&["-o", "x.npy", "prog.nev"]).message.starts_with("-o needs an expression"));
        assert!(fault(&["-j", "0", "-e", "1"]).message.contains("found 0"));
        assert!(fault(&["-i", "devices"]).message.starts_with("-i goes with a program"));
        assert!(matches!(read(["--tiem".into()]), Err(Stop::Clap(e)) if e.exit_code() == 2));
    }
}
