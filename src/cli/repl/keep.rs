//! Commands that change the conversation: undo, reset, load, save, edit, settings.

use std::path::Path;
use std::process;

use super::{Repl, inspect};
use crate::base::{Fault, Result, counted, nearest};
use crate::cli::{script, transcript};
use crate::show::Style;

/// `:undo`: back before the last input that did something. Those that failed after it go with it: they changed nothing.
pub fn undo(repl: &mut Repl, _: &str) -> Result<()> {
    let Some(step) = repl.past.iter().rposition(|p| !p.failed) else {
        return Err(Fault::new("there is nothing to undo"));
    };
    let Some(mark) = repl.past[step].before.take() else {
        return Err(Fault::new(format!("only the last {} inputs can be undone", super::UNDO)));
    };
    repl.desk().restore(mark);
    let past = &repl.past[step];
    let first = past.input.lines().next().unwrap_or("").to_string();
    repl.lines = past.lines;
    repl.past.truncate(step);
    repl.note(&format!("as before: {first}"));
    Ok(())
}

/// `:reset`
pub fn reset(repl: &mut Repl, _: &str) -> Result<()> {
    repl.desk().reset()?;
    repl.past.clear();
    repl.lines = 0;
    repl.note("a fresh start");
    Ok(())
}

/// `:load FILE`: the file is one cell, named as it is.
pub fn load(repl: &mut Repl, file: &str) -> Result<()> {
    let path = Path::new(file.trim_matches('"'));
    let text = script::read(path)?;
    repl.file(&script::name_of(path), &text);
    Ok(())
}

/// `:save FILE`; without what Ctrl-C ended, which would run without end again.
pub fn save(repl: &mut Repl, file: &str) -> Result<()> {
    let path = Path::new(file.trim_matches('"'));
    let text: Vec<String> =
        repl.past.iter().filter(|p| !p.stopped).map(|p| transcript::written(&p.input, &p.shown)).collect();
    if text.is_empty() {
        return Err(Fault::new("there is nothing to save yet"));
    }
    std::fs::write(path, text.join("\n")).map_err(|e| Fault::new(format!("{}: {e}", path.display())))?;
    repl.note(&format!("{} in {1}; nevel test {1} runs them", counted(text.len(), "input"), path.display()));
    Ok(())
}

/// `:edit`: the last input (or what the editor makes of it) runs when the editor closes.
pub fn edit(repl: &mut Repl, _: &str) -> Result<()> {
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|v| std::env::var(v).ok().filter(|e| !e.trim().is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".into());
    let path = std::env::temp_dir().join(format!("nevel-{}.nev", process::id()));
    let before = repl.past.last().map_or("", |p| p.input.as_str()).to_string();
    let unusable = |e: std::io::Error| Fault::new(format!("{}: {e}", path.display()));
    std::fs::write(&path, format!("{}\n", before.trim_end())).map_err(unusable)?;
    // The variable may hold arguments, so the shell reads it.
    let status = process::Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&path).status();
    let text = std::fs::read_to_string(&path).map_err(unusable);
    let _ = std::fs::remove_file(&path);
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => return Err(Fault::new(format!("`{editor}` failed; nothing was run"))),
        Err(e) => return Err(Fault::new(format!("`{editor}` cannot be started: {e}")).hint("set EDITOR")),
    }
    let text = text?;
    let text = text.trim_end();
    if !text.is_empty() && text != before.trim_end() {
        repl.tell(text);
        repl.cell(text);
    }
    Ok(())
}

/// `:device [NAME]`
pub fn device(repl: &mut Repl, name: &str) -> Result<()> {
    if name.is_empty() {
        repl.tell(&inspect::devices());
        return Ok(());
    }
    repl.desk().set_device(name.trim_matches('"'))?;
    repl.note(&format!("tensors go to {name}"));
    Ok(())
}

/// One thing that `:set` changes.
struct Setting {
    name: &'static str,
    values: &'static str,
    get: fn(&Repl) -> String,
    set: fn(&mut Repl, &str) -> Option<()>,
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "digits",
        values: "1 to 17, or all",
        get: |r| r.desk().style().digits.map_or("all".into(), |d| d.to_string()),
        set: |r, v| {
            let digits = if v == "all" { None } else { Some(v.parse().ok().filter(|d| (1..=17).contains(d))?) };
            restyle(r, |style| style.digits = digits);
            Some(())
        },
    },
    Setting {
        name: "types",
        values: "on or off: say the type of what is shown",
        get: |r| on(r.settings.types),
        set: |r, v| {
            r.settings.types = switch(v)?;
            Some(())
        },
    },
    Setting {
        name: "time",
        values: "on or off: say how long each input took",
        get: |r| on(r.settings.time),
        set: |r, v| {
            r.settings.time = switch(v)?;
            Some(())
        },
    },
    Setting {
        name: "cut",
        values: "on or off: leave out the middle of big arrays",
        get: |r| on(r.desk().style().terminal),
        set: |r, v| {
            let yes = switch(v)?;
            restyle(r, |style| style.terminal = yes);
            Some(())
        },
    },
];

fn restyle(repl: &Repl, change: impl FnOnce(&mut Style)) {
    let mut desk = repl.desk();
    let mut style = desk.style();
    change(&mut style);
    desk.set_style(style);
}

fn on(yes: bool) -> String {
    if yes { "on" } else { "off" }.into()
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// `:set [KEY VALUE]`
pub fn set(repl: &mut Repl, argument: &str) -> Result<()> {
    let (key, value) = argument.split_once([' ', '=']).map_or((argument, ""), |(k, v)| (k.trim(), v.trim()));
    if key.is_empty() {
        let lines = SETTINGS.iter().map(|s| format!("{:8}{:6}{}\n", s.name, (s.get)(repl), s.values));
        repl.tell(&lines.collect::<String>());
        return Ok(());
    }
    let Some(setting) = SETTINGS.iter().find(|s| s.name == key) else {
        let fault = Fault::new(format!("there is no setting `{key}`"));
        let names = || SETTINGS.iter().map(|s| s.name);
        return Err(match nearest(key, names()) {
            Some(near) => fault.hint(format!(":set {near}")),
            None => fault.hint(format!("the settings are {}", names().collect::<Vec<_>>().join(", "))),
        });
    };
    if (setting.set)(repl, value).is_none() {
        return Err(Fault::new(format!(":set {key}: expected {}, found `{value}`", setting.values)));
    }
    repl.note(&format!("{key} {}", (setting.get)(repl)));
    Ok(())
}
