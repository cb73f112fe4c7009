//! Sorts: elements become words whose order as unsigned ints is the order wanted (`shaders/order.wgsl`), nan the largest.
//!
//! - short lines: a group sorts as many lines as fit 1024 places of shared memory, with a bitonic network over pairs of word
//!   and position: no two pairs are equal, so it is stable;
//! - long lines: a radix sort, four bits a pass from the lowest on: `count` says how many elements of a block have each
//!   digit, `begins` where each block's elements of each digit begin, `scatter` puts them there in order.
//!
//! The radix passes know nothing of elements: a put sorts the places of its picks with them.

use super::axes::Axes;
use super::fold::{Stage, store};
use super::library::{has, wgsl};
use super::text::{ENTRY, GROUP, Source, Text, Word, reach};
use crate::base::{DType, Layout};
use crate::graph::Sort;
use crate::plan::kernel::BASE;
use crate::plan::{From, Kernel};

/// The longest line that one group sorts.
pub const SHORT: usize = 1024;
/// Elements of a block of a long line, 16 a thread.
const BLOCK: usize = 4096;
/// Own memory of the passes: words and positions as they are, where digits begin, words and positions as they become.
pub const WORDS: usize = 0;
pub const POSITIONS: usize = 1;
pub const BEGINS: usize = 2;
pub const NEXT_WORDS: usize = 3;
pub const NEXT_POSITIONS: usize = 4;

/// Lines of words to sort.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    pub count: usize,
    pub length: usize,
    /// Words of 64 bits, else of 32.
    pub wide: bool,
    /// Whether positions move along with the words.
    pub pairs: bool,
    /// How many bits of a word count.
    pub bits: usize,
}

/// The three kernels of a pass.
#[derive(Clone)]
pub struct Passes {
    pub lines: Lines,
    pub count: Stage,
    pub begins: Stage,
    pub scatter: Stage,
}

/// How a sort is done.
#[derive(Clone)]
#[allow(clippy::large_enum_variant)]
pub enum SortText {
    Short(Stage),
    Long { words: Stage, passes: Passes, finish: Stage },
}

/// The text of a sort to where `out` says; `None` where the device has not got what it needs.
pub fn sort(kernel: &Kernel, what: Sort, axis: usize, down: bool, slot: usize, out: &Layout) -> Option<SortText> {
    let dtype = kernel.dtype(0);
    let From::Slot(from) = kernel.loads[0].from else { return None };
    let size = kernel.domain.size();
    if !has(&format!("key_{}", wgsl(dtype))) || size == 0 {
        return None;
    }
    let length = kernel.domain[axis];
    let lines = Lines {
        count: size / length,
        length,
        wide: dtype.size() == 8,
        pairs: what == Sort::Positions,
        bits: match dtype {
            DType::Bool => 1,
            d if d.size() == 8 => 64,
            _ => 32,
        },
    };
    let job = Job { kernel, axis, dtype, down, from: Source::Slot(from), to: Source::Slot(slot), out, lines };
    if length <= SHORT {
        return Some(SortText::Short(job.short()));
    }
    Some(SortText::Long { words: job.words(), passes: passes(lines), finish: job.finish() })
}

struct Job<'a> {
    kernel: &'a Kernel,
    axis: usize,
    dtype: DType,
    down: bool,
    from: Source,
    to: Source,
    out: &'a Layout,
    lines: Lines,
}

impl Job<'_> {
    /// `fn name(line, i) -> u32`: where element i of a line lies.
    fn place(&self, t: &mut Text, name: &str, start: Word, layout: &Layout) {
        let axes = Axes::new(&self.kernel.domain, &[self.axis], &[layout]);
        let mut text = format!("fn {name}(line: u32, i: u32) -> u32 {{\n");
        text += &t.coordinates(&axes, &axes.of(false), "line", "    ");
        text += &t.coordinates(&axes, &axes.of(true), "i", "    ");
        let at = t.position(start, &axes.steps[0]);
        t.body += &(text + &format!("    return {at};\n}}\n"));
    }

    /// The word of element i of a line.
    fn word(&self, t: &mut Text) -> String {
        let input = &self.kernel.loads[0].layout;
        let relative = input.offset as isize - BASE as isize;
        let bind = t.bind(self.from.clone(), self.dtype, false, reach(input, relative));
        self.place(t, "source", Word::Offset { bind, relative, step: 0 }, input);
        let (name, down, element) = (wgsl(self.dtype), t.is(self.down as usize), t.load(bind, "source(line, i)"));
        match self.lines.pairs {
            true => format!("key_{name}(plain_{name}({element}), {down})"),
            false => format!("key_{name}({element}, {down})"),
        }
    }

    /// The line that stores what stands at place i of a line, from its word or its position.
    fn result(&self, t: &mut Text, word: &str, position: &str) -> String {
        let (out, relative) = (self.out, self.out.offset as isize);
        let dtype = if self.lines.pairs { DType::I64 } else { self.dtype };
        let bind = t.bind(self.to.clone(), dtype, true, reach(out, relative));
        self.place(t, "dest", Word::Offset { bind, relative, step: 0 }, out);
        let down = t.is(self.down as usize);
        let value = match self.lines.pairs {
            true => format!("i64({position})"),
            false => format!("element_{}({word}, {down})", wgsl(dtype)),
        };
        store(t, bind, "dest(line, i)", &value)
    }

    fn short(&self) -> Stage {
        let Lines { count, length, wide, .. } = self.lines;
        let width = length.next_power_of_two();
        let mut t = Text::default();
        let word = self.word(&mut t);
        let result = self.result(&mut t, "w[e]", "q[e]");
        let (lines, all, m, each) = (t.is(count), t.is(length), t.is(width), t.is(SHORT / width));
        let (ty, most) = word_type(wide);
        let mut main = format!("var<workgroup> w: array<{ty}, {SHORT}>;\nvar<workgroup> q: array<u32, {SHORT}>;\n");
        main += &format!("{ENTRY}{GROUP}    for (var j = 0u; j < 4u; j++) {{\n        let e = j * 256u + li;\n");
        main += &format!("        let line = group * {each} + e / {m};\n        let i = e % {m};\n");
        main += &format!("        var x = {most};\n        if line < {lines} && i < {all} {{ x = {word}; }}\n");
        main += "        w[e] = x;\n        q[e] = i;\n    }\n    workgroupBarrier();\n";
        main += &format!("    for (var size = 2u; size <= {m}; size = size << 1u) {{\n");
        main += "        for (var h = size >> 1u; h > 0u; h = h >> 1u) {\n";
        main += "            for (var j = 0u; j < 2u; j++) {\n                let t = j * 256u + li;\n";
        main += "                let a = ((t & ~(h - 1u)) << 1u) | (t & (h - 1u));\n                let b = a | h;\n";
        // The last round merges whole lines, all of them upwards.
        main += &format!("                let up = size == {m} || (a & size) == 0u;\n");
        main += "                let wa = w[a];\n                let wb = w[b];\n";
        main += "                let qa = q[a];\n                let qb = q[b];\n";
        main += "                if (wa > wb || (wa == wb && qa > qb)) == up {\n";
        main += "                    w[a] = wb;\n                    w[b] = wa;\n";
        main += "                    q[a] = qb;\n                    q[b] = qa;\n                }\n            }\n";
        main += "            workgroupBarrier();\n        }\n    }\n";
        main += "    for (var j = 0u; j < 4u; j++) {\n        let e = j * 256u + li;\n";
        main += &format!("        let line = group * {each} + e / {m};\n        let i = e % {m};\n");
        main += &format!("        if line < {lines} && i < {all} {{\n{result}        }}\n    }}\n}}\n");
        t.body += &main;
        Stage { text: t, groups: count.div_ceil(SHORT / width) }
    }

    /// The words of all lines, and their positions.
    fn words(&self) -> Stage {
        let mut t = Text::default();
        let word = self.word(&mut t);
        let to = own_words(&mut t, WORDS, self.lines, true);
        let mut main = head(&mut t, self.lines);
        main += &format!("    b{to}[u] = {word};\n");
        if self.lines.pairs {
            let positions = own(&mut t, POSITIONS, self.lines, true);
            main += &format!("    b{positions}[u] = i;\n");
        }
        t.body += &(main + "}\n");
        Stage { text: t, groups: (self.lines.count * self.lines.length).div_ceil(256) }
    }

    /// What the sorted words or positions stand for.
    fn finish(&self) -> Stage {
        let mut t = Text::default();
        let from = match self.lines.pairs {
            true => own(&mut t, POSITIONS, self.lines, false),
            false => own_words(&mut t, WORDS, self.lines, false),
        };
        let at = format!("b{from}[u]");
        let result = self.result(&mut t, &at, &at);
        let main = head(&mut t, self.lines);
        t.body += &format!("{main}    {{\n{result}    }}\n}}\n");
        Stage { text: t, groups: (self.lines.count * self.lines.length).div_ceil(256) }
    }
}

/// A thread per element.
fn head(t: &mut Text, lines: Lines) -> String {
    let (total, length) = (t.is(lines.count * lines.length), t.is(lines.length));
    format!(
        "{ENTRY}{GROUP}    let u = group * 256u + li;\n    if u >= {total} {{ return; }}\n    \
         let line = u / {length};\n    let i = u % {length};\n"
    )
}

fn word_type(wide: bool) -> (&'static str, &'static str) {
    if wide { ("u64", "0xfffffffffffffffflu") } else { ("u32", "0xffffffffu") }
}

/// Own memory of a word of 32 bits per element.
pub fn own(t: &mut Text, n: usize, lines: Lines, write: bool) -> usize {
    let bind = t.bind(Source::Own(n), DType::F32, write, (0, (lines.count * lines.length) as isize - 1));
    t.types[bind] = "u32".into();
    bind
}

/// Own memory of the words to sort.
fn own_words(t: &mut Text, n: usize, lines: Lines, write: bool) -> usize {
    let dtype = if lines.wide { DType::I64 } else { DType::F32 };
    let bind = t.bind(Source::Own(n), dtype, write, (0, (lines.count * lines.length) as isize - 1));
    t.types[bind] = word_type(lines.wide).0.into();
    bind
}

impl Lines {
    pub fn blocks(self) -> usize {
        self.length.div_ceil(BLOCK)
    }

    /// Elements of the memory that says where digits begin.
    pub fn begins(self) -> usize {
        16 * self.count * self.blocks()
    }
}

fn begins(t: &mut Text, lines: Lines, write: bool) -> usize {
    let bind = t.bind(Source::Own(BEGINS), DType::F32, write, (0, lines.begins() as isize - 1));
    t.types[bind] = "u32".into();
    bind
}

/// The kernels of a pass; a launch begins at the bit that counts.
pub fn passes(lines: Lines) -> Passes {
    Passes { lines, count: count(lines), begins: running(lines), scatter: scatter(lines) }
}

/// A group per block: `line`, `block`, and its elements from `begin` to `end`, counted over all lines.
fn block(t: &mut Text, lines: Lines) -> String {
    let (blocks, total, length) = (t.is(lines.blocks()), t.is(lines.blocks() * lines.count), t.is(lines.length));
    format!(
        "    if group >= {total} {{ return; }}\n    let line = group / {blocks};\n    let block = group % {blocks};\n    \
         let begin = line * {length} + block * {BLOCK}u;\n    let end = min(begin + {BLOCK}u, (line + 1u) * {length});\n"
    )
}

/// The digit of a word, at the bit where the launch begins.
fn digit(t: &mut Text, word: &str) -> String {
    let shift = t.word(Word::Moving { start: 0, step: 1 });
    format!("(u32({word} >> {shift}) & 15u)")
}

/// How many elements of each block have each digit, digit by digit.
fn count(lines: Lines) -> Stage {
    let mut t = Text::default();
    let words = own_words(&mut t, WORDS, lines, false);
    let to = begins(&mut t, lines, true);
    let mut main = format!("var<workgroup> c: array<atomic<u32>, 16>;\n{ENTRY}{GROUP}");
    main += &block(&mut t, lines);
    let digit = digit(&mut t, &format!("b{words}[at]"));
    main += "    if li < 16u { atomicStore(&c[li], 0u); }\n    workgroupBarrier();\n";
    main += "    for (var at = begin + li; at < end; at += 256u) {\n";
    main += &format!("        let d = {digit};\n        atomicAdd(&c[d], 1u);\n    }}\n    workgroupBarrier();\n");
    let blocks = t.is(lines.blocks());
    main += &format!("    if li < 16u {{ b{to}[(line * 16u + li) * {blocks} + block] = atomicLoad(&c[li]); }}\n}}\n");
    t.body = main;
    Stage { text: t, groups: lines.count * lines.blocks() }
}

/// From how many there are to where they begin, line by line; a group per line.
fn running(lines: Lines) -> Stage {
    let mut t = Text::default();
    let to = begins(&mut t, lines, true);
    let (count, all) = (t.is(lines.count), t.is(16 * lines.blocks()));
    let mut main = format!("var<workgroup> s: array<u32, 256>;\n{ENTRY}{GROUP}    if group >= {count} {{ return; }}\n");
    main += &format!("    let first = group * {all};\n    var before = 0u;\n");
    main += &format!("    for (var base = 0u; base < {all}; base += {BLOCK}u) {{\n        var sum = 0u;\n");
    main += "        for (var j = 0u; j < 16u; j++) {\n            let at = base + li * 16u + j;\n";
    main += &format!("            if at < {all} {{ sum += b{to}[first + at]; }}\n        }}\n");
    main += "        var x = sum;\n        s[li] = x;\n        workgroupBarrier();\n";
    main += "        for (var h = 1u; h < 256u; h = h << 1u) {\n            if li >= h { x += s[li - h]; }\n";
    main += "            workgroupBarrier();\n            s[li] = x;\n            workgroupBarrier();\n        }\n";
    main += "        var run = before + x - sum;\n        before += s[255];\n        workgroupBarrier();\n";
    main += "        for (var j = 0u; j < 16u; j++) {\n            let at = base + li * 16u + j;\n";
    main += &format!("            if at < {all} {{\n                let here = b{to}[first + at];\n");
    main += &format!("                b{to}[first + at] = run;\n                run += here;\n            }}\n");
    main += "        }\n    }\n}\n";
    t.body = main;
    Stage { text: t, groups: lines.count }
}

/// Elements to where those of their digit stand, in order. Per thread the counts of two digits share a word: a block has
/// fewer elements than 16 bits can count.
fn scatter(lines: Lines) -> Stage {
    let mut t = Text::default();
    let words = own_words(&mut t, WORDS, lines, false);
    let starts = begins(&mut t, lines, false);
    let next = own_words(&mut t, NEXT_WORDS, lines, true);
    let mut main = format!("var<workgroup> c: array<u32, 2048>;\n{ENTRY}{GROUP}");
    main += &block(&mut t, lines);
    let digit = digit(&mut t, "x");
    let rows = |line: &dyn Fn(usize) -> String| (0..8).map(line).collect::<String>();
    main += &rows(&|q| format!("    c[{}u + li] = 0u;\n", q * 256));
    let each = format!(
        "    for (var j = 0u; j < 16u; j++) {{\n        let at = begin + li * 16u + j;\n        if at >= end {{ break; }}\n        \
         let x = b{words}[at];\n        let d = {digit};\n        let row = (d >> 1u) * 256u + li;\n        \
         let half = (d & 1u) << 4u;\n"
    );
    main += &format!("{each}        c[row] += 1u << half;\n    }}\n    workgroupBarrier();\n");
    main += "    for (var h = 1u; h < 256u; h = h << 1u) {\n";
    main += &rows(&|q| format!("        var a{q} = 0u;\n"));
    main += "        if li >= h {\n";
    main += &rows(&|q| format!("            a{q} = c[{}u + li - h];\n", q * 256));
    main += "        }\n        workgroupBarrier();\n";
    main += &rows(&|q| format!("        c[{}u + li] += a{q};\n", q * 256));
    main += "        workgroupBarrier();\n    }\n";
    // What the threads before this one have.
    main += &rows(&|q| format!("    var e{q} = 0u;\n"));
    main += "    if li > 0u {\n";
    main += &rows(&|q| format!("        e{q} = c[{}u + li - 1u];\n", q * 256));
    main += "    }\n    workgroupBarrier();\n";
    main += &rows(&|q| format!("    c[{}u + li] = e{q};\n", q * 256));
    let (blocks, length) = (t.is(lines.blocks()), t.is(lines.length));
    main += &format!("{each}        let rank = (c[row] >> half) & 0xffffu;\n        c[row] += 1u << half;\n");
    main += &format!("        let to = line * {length} + b{starts}[(line * 16u + d) * {blocks} + block] + rank;\n");
    main += &format!("        b{next}[to] = x;\n");
    if lines.pairs {
        let (from, to) = (own(&mut t, POSITIONS, lines, false), own(&mut t, NEXT_POSITIONS, lines, true));
        main += &format!("        b{to}[to] = b{from}[at];\n");
    }
    t.body = main + "    }\n}\n";
    Stage { text: t, groups: lines.count * lines.blocks() }
}
