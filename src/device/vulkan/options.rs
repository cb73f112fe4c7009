//! `NEVEL_VULKAN`: switches for looking for trouble and for tests, as words with commas between them.
//!
//! | word | does |
//! | --- | --- |
//! | `off` | no Vulkan device is looked for |
//! | `library=PATH` | the Vulkan library to load |
//! | `noint64` `nofloat64` `nofloat16` | the device counts as one without these types |
//! | `nocoop` | the device counts as one without cooperative matrices |
//! | `nopush` | descriptor sets from a pool instead of push descriptors |
//! | `staging` | host memory counts as out of the device's reach, as on a card |
//! | `range=BYTES` | the most that one binding may span |
//! | `memory=BYTES` | the most that the device gives |
//! | `nocompile` | no kernel compiles |
//! | `panic` | compiling a kernel panics |
//! | `lose=N` | the device is lost at the N-th submission |
//! | `nocache` | pipelines are not kept on disk |

use std::sync::OnceLock;

/// What the words say.
#[derive(Default, Debug, Clone)]
pub struct Options {
    pub off: bool,
    pub library: Option<String>,
    pub no_int64: bool,
    pub no_float64: bool,
    pub no_float16: bool,
    pub no_coop: bool,
    pub no_push: bool,
    pub staging: bool,
    pub range: Option<u64>,
    pub memory: Option<u64>,
    pub lose: Option<u64>,
    pub no_cache: bool,
    pub no_compile: bool,
    pub panic: bool,
}

impl Options {
    /// Those of this process.
    pub fn get() -> &'static Options {
        static OPTIONS: OnceLock<Options> = OnceLock::new();
        OPTIONS.get_or_init(|| Options::read(&std::env::var("NEVEL_VULKAN").unwrap_or_default()))
    }

    /// Unknown words are passed over: an old setting must not break a new program.
    fn read(text: &str) -> Options {
        let mut o = Options::default();
        for word in text.split(',').map(str::trim) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name {
                "off" => o.off = true,
                "library" => o.library = Some(value.to_string()),
                "noint64" => o.no_int64 = true,
                "nofloat64" => o.no_float64 = true,
                "nofloat16" => o.no_float16 = true,
                "nocoop" => o.no_coop = true,
                "nopush" => o.no_push = true,
                "staging" => o.staging = true,
                "range" => o.range = value.parse().ok(),
                "memory" => o.memory = value.parse().ok(),
                "lose" => o.lose = value.parse().ok(),
                "nocache" => o.no_cache = true,
                "nocompile" => o.no_compile = true,
                "panic" => o.panic = true,
                _ => {}
            }
        }
        o
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read() {
        let o = Options::read("nopush, range=4096,unheard");
        assert!(o.no_push && o.range == Some(4096) && !o.off && o.lose.is_none());
    }
}
