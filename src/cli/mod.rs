//! The command line: everything a user meets before and around the language.
//!
//! In: words, standard input, a terminal. Out: values on standard output, everything else on standard error, an exit
//! status. `main` reads the words and hands over to a script, a command or the REPL.

mod args;
mod bench;
mod desk;
mod diff;
mod examples;
mod fail;
mod out;
mod page;
mod repl;
mod script;
mod signal;
mod tools;
pub mod transcript;

use std::process::ExitCode;

use args::{Order, Stop};
use fail::Failure;

pub use examples::{Tally, test_path};

/// The whole program.
pub fn main() -> ExitCode {
    signal::start();
    let (order, options) = match args::read(std::env::args_os().skip(1)) {
        Ok(read) => read,
        Err(Stop::Clap(e)) => e.exit(),
        Err(Stop::Fault(fault)) => return Failure::early(&[fault]).code(),
    };
    let status = crate::session::with_stack(move || match order {
        Order::Command(command) => tools::run(command, &options),
        order => script::run(order, &options),
    });
    crate::device::close();
    match status {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.code(),
    }
}
