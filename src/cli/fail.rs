//! How a run that failed ends: what was said, and with which status.

use std::process::ExitCode;

use super::args::{ErrorFormat, Options};
use super::desk::Desk;
use crate::base::{Exit, Fault, Sources};
use crate::show::{self, Stream, Style};

/// A failure that has been reported.
#[derive(Debug)]
pub struct Failure(Exit);

impl Failure {
    /// Reports faults that lie in sources of a session.
    pub fn report(desk: &Desk, faults: &[Fault], options: &Options) -> Failure {
        let text = match options.error_format {
            ErrorFormat::Human => desk.reports(faults, &Style::of(Stream::Err, options.color)),
            ErrorFormat::Json => desk.reports_json(faults),
        };
        Failure::said(&text, faults)
    }

    /// Reports a fault of no source, before or beside a session.
    pub fn plain(fault: Fault, options: &Options) -> Failure {
        let sources = Sources::default();
        let text = match options.error_format {
            ErrorFormat::Human => show::report(&fault, &sources, &Style::of(Stream::Err, options.color)),
            ErrorFormat::Json => show::report_json(&fault, &sources) + "\n",
        };
        Failure::said(&text, &[fault])
    }

    /// Reports faults before the options are known.
    pub fn early(faults: &[Fault]) -> Failure {
        let style = Style::of(Stream::Err, show::Color::Auto);
        Failure::said(&show::reports(faults, &Sources::default(), &style), faults)
    }

    /// A failure that said what it had to.
    pub fn status(exit: Exit) -> Failure {
        Failure(exit)
    }

    fn said(text: &str, faults: &[Fault]) -> Failure {
        let interrupted = faults.iter().any(Fault::is_interrupt);
        if !interrupted {
            eprint!("{text}");
        }
        let exit = faults.first().map_or(Exit::Failed, |f| f.exit);
        Failure(if interrupted { Exit::Interrupted } else { exit })
    }

    pub fn code(self) -> ExitCode {
        ExitCode::from(self.0 as u8)
    }
}
