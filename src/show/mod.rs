//! What people read: numbers, arrays, formatted text, error reports.
//!
//! In: values of `base` and a `Style`, which says what the output can show. Out: text, ready to be written. Nothing
//! here prints, and nothing outside asks what a terminal can do: that is decided once, in `Style::of`.

pub mod array;
pub mod crop;
pub mod format;
pub mod number;
pub mod report;

pub use array::{array, array_at, array_to, line};
pub use format::{FormatArg, format_spec};
pub use report::{report, report_json, reports};

/// Who the output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// A person looks: rows are aligned and wrapped, big arrays are cut. Otherwise every element is written.
    pub terminal: bool,
    /// Columns of the terminal; not read elsewhere.
    pub width: usize,
    pub color: bool,
    /// Significant digits of a float; `None` is as many as it takes to read the same number back.
    pub digits: Option<u8>,
    /// Only ASCII may be drawn.
    pub ascii: bool,
}

/// What `--color` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// Which of our two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// Elements that a terminal shows at most before an array is cut, and what stays at either end of an axis then.
const THRESHOLD: usize = 1000;
const EDGE: usize = 3;

impl Style {
    /// For a file or a pipe: all of it, exactly, without decoration.
    pub const PLAIN: Style = Style { terminal: false, width: 80, color: false, digits: None, ascii: false };

    /// What a stream of this process can show: asks the system and `NO_COLOR`, `CLICOLOR_FORCE`, `TERM`, the locale.
    pub fn of(stream: Stream, color: Color) -> Style {
        use std::io::IsTerminal;
        let terminal = match stream {
            Stream::Out => std::io::stdout().is_terminal(),
            Stream::Err => std::io::stderr().is_terminal(),
        };
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0");
        Style {
            terminal,
            width: columns(stream).unwrap_or(80),
            color: match color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => !set("NO_COLOR") && (forced || (terminal && !dumb)),
            },
            digits: terminal.then_some(6),
            ascii: (terminal && dumb) || !utf8_locale(),
        }
    }

    /// `…`, or what stands for it.
    pub fn ellipsis(&self) -> &'static str {
        if self.ascii { "..." } else { "…" }
    }

    /// `text` in a faint colour, where there are colours.
    pub fn faint(&self, text: &str) -> String {
        if self.color { format!("\x1b[2m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// The first of these that is set decides, as in setlocale(3). None set is the C locale, but a bare environment (a
/// container, a service) reads UTF-8 more often than not, so only a locale that says otherwise counts.
fn utf8_locale() -> bool {
    let value = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()));
    value.is_none_or(|v| {
        let v = v.to_ascii_lowercase();
        v.contains("utf-8") || v.contains("utf8") || !(v == "c" || v == "posix" || v.contains('.'))
    })
}

/// Columns of the terminal behind a stream; `COLUMNS` where the system does not know.
fn columns(stream: Stream) -> Option<usize> {
    let fd = if stream == Stream::Out { libc::STDOUT_FILENO } else { libc::STDERR_FILENO };
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call fills in a `winsize` that lives on our stack.
    let known = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &mut size) } == 0 && size.ws_col > 0;
    if known {
        return Some(size.ws_col as usize);
    }
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|&n| n > 0)
}
