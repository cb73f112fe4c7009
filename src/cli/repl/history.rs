//! Where typed lines are kept from one session to the next.

use std::path::PathBuf;

/// Lines that are kept.
pub const LINES: usize = 10_000;

/// The history file: `NEVEL_HISTORY`, else in the user's state directory. `None` (or an empty variable): nothing is kept.
pub fn path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NEVEL_HISTORY") {
        return Some(PathBuf::from(path)).filter(|p| !p.as_os_str().is_empty());
    }
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("nevel/history"))
}

/// As an entry: without the newline that ended it, and not at all where it begins with a blank or says nothing.
pub fn entry(input: &str) -> Option<&str> {
    let input = input.trim_end();
    (!input.is_empty() && !input.starts_with(' ')).then_some(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries() {
        assert_eq!(entry("x = 1\n\n"), Some("x = 1"));
        assert_eq!(entry(" secret"), None);
        assert_eq!(entry("\n"), None);
    }
}
