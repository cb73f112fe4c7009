//! Folds: axes of the index space folded into one value each, with the producers computed on the way.
//!
//! - rows: a group of 256 threads per result; the threads step through the folded axes side by side, then fold what they have
//!   in shared memory, halving: for folded inner axes and long folds;
//! - columns: a thread per result steps through the folded axes alone: for kept inner axes and short folds.
//!
//! Where there are few results and much to fold, the fold is cut into chunks whose results a second kernel folds. How it
//! is cut depends on the sizes only, so that the same sum comes out every time.

use super::axes::Axes;
use super::library::has;
use super::text::{ENTRY, GROUP, Source, Text, Word, reach, stored};
use crate::base::{DType, Layout};
use crate::graph::Fold;
use crate::plan::kernel::{BASE, FoldOut};
use crate::plan::{From, Kernel, Slot};

/// A fold's text or texts.
#[derive(Clone)]
pub struct FoldText {
    pub first: Stage,
    /// Folds what the chunks of the first came to.
    pub second: Option<Stage>,
    /// Per own memory between the two: elements and their dtype.
    pub between: Vec<(usize, DType)>,
}

#[derive(Clone)]
pub struct Stage {
    pub text: Text,
    pub groups: usize,
}

/// What is folded how.
struct Part {
    fold: Fold,
    /// Of the elements.
    dtype: DType,
    dest: Source,
}

impl Part {
    fn call(&self, what: &str) -> String {
        format!("{what}_{}_{}", self.fold.name(), self.dtype.name())
    }

    fn out(&self) -> DType {
        if self.fold.is_arg() { DType::I64 } else { self.dtype }
    }
}

/// The shape of the work.
struct Cut {
    rows: bool,
    chunks: usize,
}

fn cut(axes: &Axes, arg: bool) -> Cut {
    let (kept, folded) = (axes.count(false), axes.count(true));
    let inner = axes.folded.last() == Some(&true);
    let rows = folded >= 64 && (inner || kept < 64);
    let chunks = match (arg, rows) {
        (true, _) => 1,
        (false, true) => folded.div_ceil(4096).min(512usize.div_ceil(kept)),
        (false, false) => folded.div_ceil(64).min(16384usize.div_ceil(kept)),
    };
    Cut { rows, chunks: chunks.max(1) }
}

/// The text of a fold; `None` where the device has not got what it needs.
pub fn fold(kernel: &Kernel, folded: &[usize], outs: &[FoldOut], slots: &[Slot]) -> Option<FoldText> {
    let layouts: Vec<&Layout> = kernel.loads.iter().map(|l| &l.layout).collect();
    let axes = Axes::new(&kernel.domain, folded, &layouts);
    let parts: Vec<Part> =
        outs.iter().map(|o| Part { fold: o.fold, dtype: kernel.dtype(o.reg), dest: Source::Slot(o.slot) }).collect();
    let arg = parts.iter().any(|p| p.fold.is_arg());
    if arg && parts.len() > 1 || !parts.iter().all(|p| has(&p.call(if p.fold.is_arg() { "wins" } else { "two" }))) {
        return None;
    }
    let mut t = Text::default();
    let regs: Vec<u16> = outs.iter().map(|o| o.reg).collect();
    t.value(kernel, slots, &axes, &regs)?;
    Some(stages(t, &axes, parts))
}

/// A product of two loads as a fold over their inner axis of size `k`: for results of few rows or columns.
pub fn products(kernel: &Kernel, slot: usize, k: usize) -> Option<FoldText> {
    let r = kernel.domain.rank();
    let mut domain = kernel.domain.clone();
    domain.0.push(k);
    // Sides [.., m, k] and [.., k, n] over [.., m, n, k].
    let wide = |l: &Layout, own: usize, inner: usize| {
        let mut steps: Vec<isize> = l.strides[..r - 2].to_vec();
        let (outer, depth) = (l.strides[own], l.strides[inner]);
        steps.extend(if own == r - 2 { [outer, 0] } else { [0, outer] });
        steps.push(depth);
        Layout { shape: domain.clone(), strides: steps.into_iter().collect(), offset: l.offset }
    };
    let (a, b) = (wide(&kernel.loads[0].layout, r - 2, r - 1), wide(&kernel.loads[1].layout, r - 1, r - 2));
    let axes = Axes::new(&domain, &[r], &[&a, &b]);
    let dtype = super::contract::computed(kernel);
    let mut t = Text::default();
    let mut values = vec![];
    for (l, (load, layout)) in kernel.loads.iter().zip([&a, &b]).enumerate() {
        let From::Slot(from) = load.from else { return None };
        let relative = layout.offset as isize - BASE as isize;
        let bind = t.bind(Source::Slot(from), load.dtype, false, reach(layout, relative));
        let at = t.position(Word::Offset { bind, relative, step: 0 }, &axes.steps[l]);
        values.push(t.load(bind, &at));
    }
    let coords: Vec<String> = (0..axes.rank()).map(|k| format!("c{k}: u32")).collect();
    t.body = format!(
        "struct Value {{ v0: {} }}
",
        dtype.name()
    );
    t.body += &format!(
        "fn value({}) -> Value {{ return Value({}); }}
",
        coords.join(", "),
        values.join(" * ")
    );
    Some(stages(t, &axes, vec![Part { fold: Fold::Sum, dtype, dest: Source::Slot(slot) }]))
}

/// The stages of a fold whose values are there.
fn stages(t: Text, axes: &Axes, parts: Vec<Part>) -> FoldText {
    let cut = cut(axes, parts.iter().any(|p| p.fold.is_arg()));
    if cut.chunks == 1 {
        return FoldText { first: stage(t, axes, &parts, &cut), second: None, between: vec![] };
    }
    let kept = axes.count(false);
    let own: Vec<Part> =
        parts.iter().enumerate().map(|(i, p)| Part { dest: Source::Own(i), fold: p.fold, dtype: p.dtype }).collect();
    let first = stage(t, axes, &own, &cut);
    let between = parts.iter().map(|p| (cut.chunks * kept, p.dtype)).collect();
    FoldText { first, second: Some(again(&parts, cut.chunks, kept)), between }
}

/// The second kernel: chunks `[chunks, kept]` folded along the first axis.
fn again(parts: &[Part], chunks: usize, kept: usize) -> Stage {
    let axes = Axes { sizes: vec![chunks, kept], folded: vec![true, false], steps: vec![] };
    let mut t = Text::default();
    let row = t.is(kept);
    let (mut fields, mut values) = (vec![], vec![]);
    for (i, p) in parts.iter().enumerate() {
        let bind = t.bind(Source::Own(i), p.dtype, false, (0, (chunks * kept) as isize - 1));
        fields.push(format!("v{i}: {}", p.dtype.name()));
        values.push(t.load(bind, &format!("c0 * {row} + c1")));
    }
    t.body = format!("struct Value {{ {} }}\n", fields.join(", "));
    t.body += &format!("fn value(c0: u32, c1: u32) -> Value {{ return Value({}); }}\n", values.join(", "));
    let rows = chunks >= 64 && kept < 64;
    stage(t, &axes, parts, &Cut { rows, chunks: 1 })
}

/// The lines that write result `k` of chunk `c`.
fn write(t: &mut Text, p: &Part, value: &str, kept: usize, chunks: usize) -> String {
    let last = (kept * chunks) as isize - 1;
    let bind = t.bind(p.dest.clone(), p.out(), true, (0, last));
    let start = t.word(Word::Offset { bind, relative: 0, step: 0 });
    let at = match chunks {
        1 => format!("{start} + k"),
        _ => format!("{start} + c * {} + k", t.is(kept)),
    };
    store(t, bind, &at, value)
}

/// The line that stores a value; bools go byte by byte.
pub fn store(t: &mut Text, bind: usize, at: &str, value: &str) -> String {
    if t.bindings[bind].dtype != DType::Bool {
        return format!("        b{bind}[{at}] = {};\n", stored(t.bindings[bind].dtype, value));
    }
    t.types[bind] = "atomic<u32>".into();
    format!(
        "        let a{bind} = {at};\n        let s{bind} = (a{bind} & 3u) << 3u;\n        \
         atomicAnd(&b{bind}[a{bind} >> 2u], ~(255u << s{bind}));\n        \
         atomicOr(&b{bind}[a{bind} >> 2u], select(0u, 1u, {value}) << s{bind});\n"
    )
}

fn stage(mut t: Text, axes: &Axes, parts: &[Part], cut: &Cut) -> Stage {
    let (kept, folded) = (axes.count(false), axes.count(true));
    let chunks = cut.chunks;
    let mut main = String::from(ENTRY) + GROUP;
    let total = t.is(kept * chunks);
    let each = t.is(folded.div_ceil(chunks));
    let all = t.is(folded);
    if cut.rows {
        main += &format!("    if group >= {total} {{ return; }}\n    let u = group;\n");
    } else {
        main += &format!("    let u = group * 256u + li;\n    if u >= {total} {{ return; }}\n");
    }
    main += &match chunks {
        1 => "    let k = u;\n    let c = 0u;\n".to_string(),
        _ => {
            let kept = t.is(kept);
            format!("    let k = u % {kept};\n    let c = u / {kept};\n")
        }
    };
    main += &t.coordinates(axes, &axes.of(false), "k", "    ");
    for (i, p) in parts.iter().enumerate() {
        match p.fold.is_arg() {
            false => main += &format!("    var x{i} = {}();\n", p.call("none")),
            true => main += &format!("    var x{i}: {};\n    var n{i} = 0xffffffffu;\n", p.dtype.name()),
        }
    }
    let (from, step) = if cut.rows { ("c * each + li", "256u") } else { ("c * each", "1u") };
    main += &format!("    let each = {each};\n    let end = min(c * each + each, {all});\n");
    main += &format!("    for (var f = {from}; f < end; f += {step}) {{\n");
    main += &t.coordinates(axes, &axes.of(true), "f", "        ");
    let coords: Vec<String> = (0..axes.rank()).map(|k| format!("c{k}")).collect();
    main += &format!("        let y = value({});\n", coords.join(", "));
    for (i, p) in parts.iter().enumerate() {
        main += &match p.fold.is_arg() {
            false => format!("        x{i} = {}(x{i}, y.v{i});\n", p.call("two")),
            true => format!(
                "        if n{i} == 0xffffffffu || {}(x{i}, y.v{i}) {{ x{i} = y.v{i}; n{i} = f; }}\n",
                p.call("wins")
            ),
        };
    }
    main += "    }\n";
    let mut shared = String::new();
    if cut.rows {
        main += &across(parts, &mut shared);
        main += "    if li == 0u {\n";
    } else {
        main += "    {\n";
    }
    for (i, p) in parts.iter().enumerate() {
        let value = match (p.fold.is_arg(), cut.rows) {
            (false, false) => format!("x{i}"),
            (true, false) => format!("i64(n{i})"),
            (false, true) => format!("s{i}[0]"),
            (true, true) => format!("i64(m{i}[0])"),
        };
        main += &write(&mut t, p, &value, kept, chunks);
    }
    main += "    }\n";
    t.body += &(shared + &main);
    let flag = t.flag();
    t.body += &(flag + "}\n");
    let groups = if cut.rows { kept * chunks } else { (kept * chunks).div_ceil(256) };
    Stage { text: t, groups }
}

/// Lines that fold what the threads of a group have; the result is the first's.
fn across(parts: &[Part], shared: &mut String) -> String {
    let mut lines = String::new();
    let mut halves = String::new();
    for (i, p) in parts.iter().enumerate() {
        *shared += &format!("var<workgroup> s{i}: array<{}, 256>;\n", p.dtype.name());
        lines += &format!("    s{i}[li] = x{i};\n");
        if p.fold.is_arg() {
            *shared += &format!("var<workgroup> m{i}: array<u32, 256>;\n");
            lines += &format!("    m{i}[li] = n{i};\n");
            let wins = p.call("wins");
            // The first of equals stays, wherever the threads found it.
            halves += &format!(
                "            let other = m{i}[li + h];\n            let mine = m{i}[li];\n            \
                 if other != 0xffffffffu && (mine == 0xffffffffu || {wins}(s{i}[li], s{i}[li + h]) || \
                 (!{wins}(s{i}[li + h], s{i}[li]) && other < mine)) {{\n                \
                 s{i}[li] = s{i}[li + h];\n                m{i}[li] = other;\n            }}\n"
            );
        } else {
            halves += &format!("            s{i}[li] = {}(s{i}[li], s{i}[li + h]);\n", p.call("two"));
        }
    }
    lines += "    workgroupBarrier();\n    for (var h = 128u; h > 0u; h = h >> 1u) {\n        if li < h {\n";
    lines + &halves + "        }\n        workgroupBarrier();\n    }\n"
}
