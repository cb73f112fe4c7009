//! Holds the layers to their order, and the files to their sizes.

use std::fs;
use std::path::{Path, PathBuf};

/// Left to right; each may use what stands before it, and its own.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["syntax"],
    &["graph"],
    &["ops"],
    &["grad"],
    &["device", "plan"],
    &["show"],
    &["io"],
    &["lang"],
    &["session"],
    &["cli"],
];

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir).expect("src is there").flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn level(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|l| l.contains(&layer))
}

/// The layers named as `crate::layer` in code, comments and tests left out.
fn uses(text: &str) -> Vec<(usize, String)> {
    let mut out = vec![];
    for (n, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        let code = line.split("//").next().unwrap_or("");
        for (at, _) in code.match_indices("crate::") {
            let name: String = code[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            out.push((n + 1, name));
        }
    }
    out
}

#[test]
fn layers_look_left() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![];
    sources(&root, &mut files);
    let mut wrong = vec![];
    for file in &files {
        let inside = file.strip_prefix(&root).expect("under src");
        let Some(layer) = inside.components().next().and_then(|c| c.as_os_str().to_str()) else { continue };
        let Some(mine) = level(layer) else { continue };
        if inside.to_string_lossy().contains("tests") {
            continue;
        }
        let text = fs::read_to_string(file).expect("readable");
        for (line, used) in uses(&text) {
            if level(&used).is_some_and(|theirs| theirs > mine) {
                wrong.push(format!("{}:{line} uses {used}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "text flows right; these look right:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![];
    sources(&root, &mut files);
    let mut sizes = vec![];
    for file in &files {
        let text = fs::read_to_string(file).expect("readable");
        assert!(text.starts_with("//!"), "{} does not open with //!", file.display());
        sizes.push((text.lines().count(), file.strip_prefix(&root).expect("under src").display().to_string()));
    }
    sizes.sort_by(|a, b| b.cmp(a));
    for (lines, file) in sizes.iter().take(10) {
        println!("{lines:5} {file}");
    }
    assert!(sizes[0].0 <= 900, "{} has {} lines: a room that wants a wall", sizes[0].1, sizes[0].0);
}
