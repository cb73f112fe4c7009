//! The `:commands`, one row each.
//!
//! In: a name, perhaps shortened, and its argument. Out: what it does to the REPL. `:help`, completion and unknown names
//! read the same table; to add a command, add a row.

use super::{Repl, inspect, keep};
use crate::base::{Fault, Result, nearest};

/// One command.
pub struct Command {
    pub name: &'static str,
    pub takes: Takes,
    pub help: &'static str,
    run: fn(&mut Repl, &str) -> Result<()>,
}

/// What a command's argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    Nothing,
    /// Code, which may run over several lines.
    Expr,
    File,
    /// A name, which may be left out.
    Name,
    Setting,
}

use Takes::*;

pub static COMMANDS: &[Command] = &[
    row("help", Name, "the page of a function, or this list; ?name is short for it", inspect::help),
    row("vars", Nothing, "your variables: type, memory, device", inspect::vars),
    row("type", Expr, "the type of a value, which is not computed: nothing runs", inspect::type_of),
    row("time", Expr, "how long it takes: the median of several runs", inspect::time),
    row("profile", Expr, "where the time goes: kernels, bytes, operations", inspect::profile),
    row("graph", Expr, "what was recorded and waits to be computed", inspect::graph),
    row("plan", Expr, "the kernels that would compute it", inspect::plan),
    row("kernel", Expr, "the code inside these kernels", inspect::kernel),
    row("verify", Expr, "the same on every device, and how far apart the results are", inspect::verify),
    row("undo", Nothing, "every variable as before the last input that did something", keep::undo),
    row("reset", Nothing, "forget every variable", keep::reset),
    row("load", File, "run a file here", keep::load),
    row("save", File, "write what was typed and shown; nevel test runs it", keep::save),
    row("edit", Nothing, "edit the last input in $EDITOR, then run it", keep::edit),
    row("device", Name, "where tensors go; without a name: what there is", keep::device),
    row("set", Setting, "change how things are shown; alone: all settings", keep::set),
    row("quit", Nothing, "leave; Ctrl-D does too", |repl, _| {
        repl.leaving = true;
        Ok(())
    }),
];

const fn row(name: &'static str, takes: Takes, help: &'static str, run: fn(&mut Repl, &str) -> Result<()>) -> Command {
    Command { name, takes, help, run }
}

/// Name and argument of an input that is a command.
pub fn split(input: &str) -> Option<(&str, &str)> {
    let rest = input.trim().strip_prefix(':')?;
    Some(rest.split_once(char::is_whitespace).map_or((rest, ""), |(name, argument)| (name, argument.trim())))
}

/// The command of a name or of its beginning; of several the first in the table.
pub fn find(name: &str) -> Result<&'static Command> {
    let exact = COMMANDS.iter().find(|c| c.name == name);
    let short = || COMMANDS.iter().find(|c| !name.is_empty() && c.name.starts_with(name));
    exact.or_else(short).ok_or_else(|| {
        let fault = Fault::new(format!("there is no command :{name}"));
        match nearest(name, COMMANDS.iter().map(|c| c.name)) {
            Some(near) => fault.hint(format!("did you mean :{near}?")),
            None => fault.hint(":help lists the commands"),
        }
    })
}

/// Whether a command's argument is code.
pub fn takes_code(name: &str) -> bool {
    find(name).is_ok_and(|c| c.takes == Expr)
}

/// Runs a command.
pub fn run(repl: &mut Repl, name: &str, argument: &str) -> Result<()> {
    let command = find(name)?;
    match command.takes {
        Nothing if !argument.is_empty() => {
            Err(Fault::new(format!(":{} takes nothing, found `{argument}`", command.name)))
        }
        Expr if argument.is_empty() => {
            Err(Fault::new(format!(":{} needs an expression", command.name)).hint(format!(":{} x + 1", command.name)))
        }
        File if argument.is_empty() => {
            Err(Fault::new(format!(":{} needs a file name", command.name))
                .hint(format!(":{} session.txt", command.name)))
        }
        _ => (command.run)(repl, argument),
    }
}

/// Every name, and whether its argument is a file.
pub fn names() -> Vec<(&'static str, bool)> {
    COMMANDS.iter().map(|c| (c.name, c.takes == File)).collect()
}

/// The list that `:help` shows.
pub fn list() -> String {
    let argument = |c: &Command| match c.takes {
        Nothing => "",
        Expr => " EXPR",
        File => " FILE",
        Name => " [NAME]",
        Setting => " [KEY VALUE]",
    };
    let shown = |c: &Command| format!(":{}{}", c.name, argument(c));
    let width = COMMANDS.iter().map(|c| shown(c).len()).max().unwrap_or(0);
    COMMANDS.iter().map(|c| format!("{:width$}  {}\n", shown(c), c.help)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_short_or_nearly_right() {
        let name = |n: &str| find(n).map(|c| c.name).map_err(|f| f.hints[0].clone());
        assert_eq!(name("quit"), Ok("quit"));
        assert_eq!(name("q"), Ok("quit"));
        assert_eq!(name("h"), Ok("help"));
        assert_eq!(name("profle"), Err("did you mean :profile?".into()));
        assert_eq!(name("xyzzy"), Err(":help lists the commands".into()));
        assert_eq!(name(""), Err(":help lists the commands".into()));
    }

    #[test]
    fn inputs_split() {
        assert_eq!(split(" :time  sum(x)\n"), Some(("time", "sum(x)")));
        assert_eq!(split(":vars"), Some(("vars", "")));
        assert_eq!(split("x[:2]"), None);
    }

    #[test]
    fn every_name_is_its_own() {
        for (i, c) in COMMANDS.iter().enumerate() {
            assert!(COMMANDS[..i].iter().all(|d| d.name != c.name) && list().contains(c.help));
        }
    }
}
