//! The functions of the house that are written in Rust, one file per subject; each file has its own list.

mod args;
mod arrange;
mod collection;
mod create;
pub mod file;
mod fold;
mod linear;
mod number;
mod random;
mod search;
mod stream;
mod strings;
mod world;

pub use args::{Args, stacked};

use super::builtin::Builtin;

/// Every list. A name here wins over a primitive of the same name, and over the prelude.
pub static NATIVE: &[&[Builtin]] = &[
    arrange::LIST,
    collection::LIST,
    create::LIST,
    file::LIST,
    fold::LIST,
    linear::LIST,
    number::LIST,
    random::LIST,
    search::LIST,
    stream::LIST,
    strings::LIST,
    world::LIST,
];

/// Whether a native only calls primitives, so that its gradient is theirs.
pub fn calls_primitives(builtin: &Builtin) -> bool {
    [arrange::LIST, fold::LIST, linear::LIST].iter().any(|list| list.iter().any(|b| b.name == builtin.name))
}

/// The name in front of a signature's bracket.
const fn name_of(signature: &'static str) -> &'static str {
    let bytes = signature.as_bytes();
    let mut i = 0;
    while i < bytes.len() && bytes[i] != b'(' {
        i += 1;
    }
    signature.split_at(i).0
}

/// Declares natives: docs, signature, body. The body sees the interpreter and the bound arguments.
macro_rules! natives {
    ($( $(#[doc = $doc:literal])+ $signature:literal => |$interp:pat_param, $args:pat_param| $body:expr; )+) => {
        /// Every function of this file, in the order written.
        pub static LIST: &[crate::lang::Builtin] = &[$(
            crate::lang::Builtin {
                name: $crate::lang::builtins::name_of($signature),
                signature: $signature,
                doc: concat!($($doc, "\n"),+),
                run: crate::lang::Run::Native({
                    fn run(interp: &mut crate::lang::Interp, values: &[crate::lang::Value]) -> crate::base::Result<crate::lang::Value> {
                        let $interp = interp;
                        let $args = $crate::lang::builtins::Args { name: $crate::lang::builtins::name_of($signature), values };
                        $body
                    }
                    run
                }),
            },
        )+];
    };
}
use natives;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_whole() {
        let mut seen = std::collections::HashSet::new();
        for b in NATIVE.iter().flat_map(|list| list.iter()) {
            assert!(seen.insert(b.name), "{} is declared twice", b.name);
            assert!(b.signature.ends_with(')'), "{}", b.signature);
            let prose = b.doc.split("\n\n").next().unwrap_or("").trim_end();
            assert!(prose.ends_with('.'), "{}: {prose}", b.name);
        }
    }
}
