//! The library: functions of WGSL by name, cut from the files in `shaders/`, so that a kernel holds only what it calls; and
//! the translation of a primitive's own snippet, which is the one place where the op is written.
//!
//! In a snippet a parameter's name stands for its register, and a called name for the function of the kernel's
//! dtype: `exp(x)` over f32 is `exp_f32(r0)`. What the library has not got for a dtype the device cannot do: the op then
//! runs on the CPU.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use crate::base::DType;
use crate::device::vulkan::context::Caps;

/// The files, in the order in which their parts stand in a kernel.
const FILES: &[&str] = &[
    include_str!("../../../../shaders/basic.wgsl"),
    include_str!("../../../../shaders/float32.wgsl"),
    include_str!("../../../../shaders/float64.wgsl"),
    include_str!("../../../../shaders/analysis64.wgsl"),
    include_str!("../../../../shaders/random.wgsl"),
    include_str!("../../../../shaders/float16.wgsl"),
    include_str!("../../../../shaders/order.wgsl"),
];

/// A function, constant or variable of the library.
struct Part {
    text: &'static str,
    order: usize,
    needs: Vec<&'static str>,
}

fn parts() -> &'static HashMap<&'static str, Part> {
    static PARTS: OnceLock<HashMap<&'static str, Part>> = OnceLock::new();
    PARTS.get_or_init(|| {
        let mut parts: HashMap<&'static str, Part> = HashMap::new();
        for file in FILES {
            for text in cut(file) {
                let name = name_of(text);
                parts.insert(name, Part { text, order: parts.len(), needs: vec![] });
            }
        }
        let names: BTreeSet<&'static str> = parts.keys().copied().collect();
        for (name, part) in parts.iter_mut() {
            let used = words(part.text).filter_map(|w| names.get(w).copied()).filter(|n| n != name);
            part.needs = used.collect::<BTreeSet<_>>().into_iter().collect();
        }
        parts
    })
}

/// The parts of a file: each begins at the start of a line with `fn`, `const` or `var`.
fn cut(file: &'static str) -> Vec<&'static str> {
    let begins = |line: &str| ["fn ", "const ", "var<"].iter().any(|k| line.starts_with(k));
    let (mut starts, mut at) = (vec![], 0);
    for line in file.split_inclusive('\n') {
        if begins(line) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().copied().skip(1).chain([file.len()]);
    // Comments in front of the next part belong to it.
    starts.iter().zip(ends).map(|(&a, b)| file[a..b].split("\n//").next().unwrap_or("").trim_end()).collect()
}

fn name_of(text: &'static str) -> &'static str {
    words(text).nth(if text.starts_with("var<") { 2 } else { 1 }).unwrap_or("")
}

/// The identifiers of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| w.starts_with(|c: char| c.is_alphabetic()))
}

/// Whether the library has it.
pub fn has(name: &str) -> bool {
    parts().contains_key(name)
}

/// The text of what `code` needs of the library, and of what that needs.
pub fn needed(code: &str) -> String {
    let parts = parts();
    let mut all: BTreeSet<(usize, &'static str)> = BTreeSet::new();
    let mut todo: Vec<&str> = words(code).collect();
    while let Some(word) = todo.pop() {
        if let Some((name, part)) = parts.get_key_value(word)
            && all.insert((part.order, name))
        {
            todo.extend(part.needs.iter().copied());
        }
    }
    all.iter().map(|(_, name)| format!("{}\n", parts[name].text)).collect()
}

/// Whether a device has the types that code and what it calls use.
pub fn allows(code: &str, caps: &Caps) -> bool {
    let all = needed(code) + code;
    let uses = |types: &[&str]| words(&all).any(|w| types.contains(&w));
    (caps.int64 || !uses(&["i64", "u64"])) && (caps.float64 || !uses(&["f64"])) && (caps.float16 || !uses(&["f16"]))
}

/// The ending of a dtype's functions.
pub fn suffix(dtype: DType) -> &'static str {
    dtype.name()
}

/// A snippet over these arguments, in the functions of a dtype; `None` where the library has not got one.
pub fn expression(snippet: &str, params: &[(&str, String)], dtype: DType) -> Option<String> {
    let mut out = String::new();
    let mut rest = snippet;
    while let Some(c) = rest.chars().next() {
        let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if !c.is_alphabetic() {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let word = &rest[..len];
        rest = &rest[len..];
        if rest.starts_with('(') && word != "select" {
            let name = format!("{word}_{}", suffix(dtype));
            if !has(&name) {
                return None;
            }
            out += &name;
        } else if let Some((_, value)) = params.iter().find(|(name, _)| *name == word) {
            out += value;
        } else {
            out += word;
        }
    }
    Some(out)
}

/// The type of a register. That of an f16 holds it as f32.
pub fn wgsl(dtype: DType) -> &'static str {
    match dtype {
        DType::F16 => DType::F32.name(),
        d => d.name(),
    }
}

/// Whether code uses a type.
pub fn mentions(code: &str, name: &str) -> bool {
    words(code).any(|w| w == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_become_calls() {
        let params = [("a", "r0".to_string()), ("b", "r1".to_string())];
        assert_eq!(expression("a + b", &params, DType::F32).as_deref(), Some("r0 + r1"));
        let called = expression("remainder(a, b)", &params, DType::F32);
        assert_eq!(called.as_deref(), Some("remainder_f32(r0, r1)"));
        assert_eq!(expression("remainder(a, b)", &params, DType::Bool), None);
        let text = needed("remainder_f32(r0, r1)");
        assert!(text.contains("fn remainder_f32") && !text.contains("fn exp_f32"), "{text}");
    }
}
