//! The functions of the house that are written in the language itself; parsed one by one, when first used.
//!
//! A name may carry its namespace: `optim.adam`. The text of a name is a program whose last definition is it. What it
//! mentions beyond that are names of the house, whatever a user defines. A file is cut before every definition (with
//! the `##` lines above it); names that begin with `_` are for the house alone.

use std::collections::HashMap;
use std::sync::OnceLock;

/// A file of definitions.
struct Theme {
    /// The namespace in which its names can be found too.
    space: &'static str,
    text: &'static str,
    /// Names that only the namespace has.
    only: &'static [&'static str],
    /// What its functions do with f16.
    wide: Wide,
}

/// Whether a function is one operation to its callers, which of f16 computes in f32 and rounds its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wide {
    /// It takes f16 as they come: each of its own operations rounds.
    No,
    /// Of its arguments that are arrays.
    Arrays,
    /// Also of arrays in records; a result that is made like an argument gets that one's dtypes, and what is new stays f32.
    Trees,
}

/// Functions of themes that compute which look at their array's dtype, only move elements, or call the user's functions.
const AS_GIVEN: &[&str] = &[
    "nan_to_num",
    "one_hot",
    "embedding",
    "dropout",
    "piecewise",
    "mode",
    "positive",
    "real",
    "imag",
    "conj",
    "diff",
    "block_diag",
];

static THEMES: &[Theme] = &[
    Theme { space: "", text: include_str!("math.nev"), only: &[], wide: Wide::Arrays },
    Theme { space: "", text: include_str!("shape.nev"), only: &[], wide: Wide::No },
    Theme { space: "", text: include_str!("sets.nev"), only: &[], wide: Wide::No },
    Theme { space: "", text: include_str!("data.nev"), only: &[], wide: Wide::No },
    Theme {
        space: "stats",
        text: include_str!("stats.nev"),
        only: &["mode", "skew", "kurtosis", "iqr", "mad"],
        wide: Wide::Arrays,
    },
    Theme { space: "", text: include_str!("numeric.nev"), only: &[], wide: Wide::Arrays },
    Theme {
        space: "linalg",
        text: include_str!("linalg.nev"),
        only: &["cond", "expm", "multi_dot"],
        wide: Wide::Arrays,
    },
    Theme {
        space: "random",
        text: include_str!("random.nev"),
        only: &["exponential", "laplace", "gumbel", "cauchy", "lognormal", "rayleigh", "poisson", "binomial"],
        wide: Wide::No,
    },
    Theme {
        space: "nn",
        text: include_str!("nn.nev"),
        only: &["glu", "attention", "rms_norm", "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"],
        wide: Wide::Arrays,
    },
    Theme { space: "nn", text: include_str!("loss.nev"), only: &[], wide: Wide::Arrays },
    Theme {
        space: "optim",
        text: include_str!("optim.nev"),
        only: &["cosine_lr", "warmup_lr", "step_lr"],
        wide: Wide::Trees,
    },
];

/// Other names: those of the array standard, NumPy and PyTorch, and members of namespaces that are written in Rust.
static OTHER_NAMES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "absolute = abs",
            "amax = max",
            "amin = min",
            "arccos = acos",
            "arccosh = acosh",
            "arcsin = asin",
            "arcsinh = asinh",
            "arctan = atan",
            "arctan2 = atan2",
            "arctanh = atanh",
            "asarray = array",
            "bitwise_not = bitwise_invert",
            "cat = concat",
            "clamp = clip",
            "concatenate = concat",
            "conjugate = conj",
            "detach = stop",
            "fix = trunc",
            "identity = eye",
            "in1d = isin",
            "invert = bitwise_invert",
            "left_shift = bitwise_left_shift",
            "mod = remainder",
            "movedim = moveaxis",
            "permute = permute_dims",
            "power = pow",
            "randperm = permutation",
            "right_shift = bitwise_right_shift",
            "row_stack = vstack",
            "swapdims = swapaxes",
            "trapz = trapezoid",
            "unsqueeze = expand_dims",
        ],
    ),
    (
        "linalg",
        &[
            "cholesky = cholesky",
            "det = det",
            "diagonal = diagonal",
            "eig = eig",
            "eigh = eigh",
            "eigvals = eigvals",
            "eigvalsh = eigvalsh",
            "inv = inv",
            "matmul = matmul",
            "matrix_transpose = matrix_transpose",
            "qr = qr",
            "slogdet = slogdet",
            "solve = solve",
            "svd = svd",
            "svdvals = svdvals",
            "tensordot = tensordot",
        ],
    ),
    (
        "random",
        &[
            "choice = choice",
            "normal = normal",
            "permutation = permutation",
            "rand = rand",
            "randint = randint",
            "randn = randn",
            "random = rand",
            "seed = seed",
            "shuffle = shuffle",
            "standard_normal = randn",
            "uniform = uniform",
        ],
    ),
    ("nn", &["tanh = tanh", "dot_product_attention = nn.attention"]),
    ("special", &["erf = erf", "expit = sigmoid", "log1p = log1p", "expm1 = expm1"]),
    ("special", &["logit = logit", "logsumexp = logsumexp", "softmax = softmax", "xlogy = xlogy", "sinc = sinc"]),
    ("io", &["load = load", "save = save"]),
];

/// The text that defines `name`, with its `##` docs.
pub fn source(name: &str) -> Option<&'static str> {
    table().texts.get(name).copied()
}

/// Every name that `source` knows and a user may type.
pub fn names() -> impl Iterator<Item = &'static str> {
    table().names.iter().copied()
}

/// What a function does with f16.
pub fn wide(name: &str) -> Wide {
    table().wide.get(name).copied().unwrap_or(Wide::No)
}

struct Table {
    texts: HashMap<&'static str, &'static str>,
    wide: HashMap<&'static str, Wide>,
    names: Vec<&'static str>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut all = Table { texts: HashMap::new(), wide: HashMap::new(), names: vec![] };
        for theme in THEMES {
            for (name, text) in definitions(theme.text) {
                if !name.starts_with('_') && !AS_GIVEN.contains(&name) {
                    all.wide.insert(name, theme.wide);
                }
                if !theme.only.contains(&name) {
                    all.add("", name, text);
                }
                if !theme.space.is_empty() && !name.starts_with('_') {
                    all.add(theme.space, name, text);
                }
            }
        }
        for (space, lines) in OTHER_NAMES {
            for line in *lines {
                if let Some((name, _)) = line.split_once(' ') {
                    all.add(space, name, line);
                }
            }
        }
        all
    })
}

impl Table {
    fn add(&mut self, space: &str, name: &'static str, text: &'static str) {
        // One text per name for the life of the process.
        let full: &'static str = if space.is_empty() { name } else { Box::leak(format!("{space}.{name}").into()) };
        self.texts.insert(full, text);
        if !name.starts_with('_') {
            self.names.push(full);
        }
    }
}

/// The definitions of a file: name, and text from its first `##` line to the next definition's.
fn definitions(text: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut starts: Vec<(usize, &'static str)> = vec![];
    let (mut at, mut docs) = (0, None);
    for line in text.split_inclusive('\n') {
        if line.starts_with("##") {
            docs.get_or_insert(at);
        } else {
            if let Some(name) = defined(line) {
                starts.push((docs.unwrap_or(at), name));
            }
            docs = None;
        }
        at += line.len();
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|s| s.0).chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(|((start, name), end)| (name, &text[start..end])).collect()
}

/// The name that a line at the margin defines: `fn f(` or `f(x) = `.
fn defined(line: &'static str) -> Option<&'static str> {
    let rest = line.strip_prefix("fn ").unwrap_or(line);
    let (name, _) = rest.split_once('(')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (is_name && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_parses_and_is_documented() {
        assert!(names().count() > 200);
        for (name, text) in &table().texts {
            let parsed = crate::syntax::parse(0, text);
            assert!(parsed.faults.is_empty(), "{name}: {:?}\n{text}", parsed.faults);
            let is_other_name = !text.contains('(');
            if !name.starts_with('_') && !is_other_name {
                let first = text.lines().next().unwrap();
                assert!(
                    first.starts_with("## ") && text.contains("\n## > "),
                    "{name} lacks docs or an example:\n{text}"
                );
            }
        }
    }

    #[test]
    fn no_theme_defines_what_another_does() {
        let mut seen = std::collections::HashSet::new();
        for (name, _) in THEMES.iter().flat_map(|t| definitions(t.text)) {
            assert!(seen.insert(name), "{name} is defined twice");
        }
    }
}
