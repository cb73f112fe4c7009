//! Scans: a running fold along one axis; a group per line.
//!
//! A group takes 256 elements at a time: doubling steps in shared memory, then what came before is put in front. Long
//! lines are cut into blocks: one kernel folds each block, a second runs over the blocks' folds, a third runs over the
//! blocks with what came before them.

use super::axes::Axes;
use super::fold::store;
use super::library::has;
use super::text::{ENTRY, GROUP, Source, Text, Word, reach};
use crate::base::{DType, Layout};
use crate::graph::Fold;
use crate::plan::kernel::BASE;
use crate::plan::{From, Kernel};

/// The kernels of a scan, in order; memory between them is own memory 0 and 1.
#[derive(Clone)]
pub struct ScanText {
    pub stages: Vec<(Text, usize)>,
    /// Elements of each own memory.
    pub between: usize,
    pub dtype: DType,
}

/// Elements of a block of a long line.
const BLOCK: usize = 8192;

/// The text of a scan; `None` where the device has not got what it needs. `out`: where the results lie.
pub fn scan(kernel: &Kernel, axis: usize, fold: Fold, slot: usize, out: &Layout) -> Option<ScanText> {
    let dtype = kernel.dtype(0);
    let call = |what: &str| format!("{what}_{}_{}", fold.name(), dtype.name());
    if !has(&call("two")) {
        return None;
    }
    let n = kernel.domain[axis];
    let lines = kernel.domain.size() / n.max(1);
    let blocks = if lines < 64 { n.div_ceil(BLOCK) } else { 1 };
    let input = kernel.loads[0].layout.clone();
    let from = match kernel.loads[0].from {
        From::Slot(s) => Source::Slot(s),
        From::Position { .. } | From::Product => return None,
    };
    let job = Job { kernel, axis, dtype, two: call("two"), none: call("none") };
    if blocks == 1 {
        let only = job.run(from, &input, Source::Slot(slot), out, (lines, n, 1), None);
        return Some(ScanText { stages: vec![only], between: 0, dtype });
    }
    let first = job.totals(from.clone(), &input, (lines, n, blocks));
    let second = job.between((lines, blocks));
    let third = job.run(from, &input, Source::Slot(slot), out, (lines, n, blocks), Some(()));
    Some(ScanText { stages: vec![first, second, third], between: lines * blocks, dtype })
}

/// Puts in front of the scan of a piece of its lines what stands before the piece: a thread per element. `out`: where the
/// piece lies, with the element before it.
pub fn carry(kernel: &Kernel, axis: usize, fold: Fold, slot: usize, out: &Layout) -> Option<(Text, usize)> {
    let dtype = kernel.dtype(0);
    let two = format!("two_{}_{}", fold.name(), dtype.name());
    let axes = Axes::new(&out.shape, &[axis], &[out]);
    let length = out.shape[axis] - 1;
    let total = out.shape.size() / out.shape[axis] * length;
    let mut t = Text::default();
    let relative = out.offset as isize;
    let bind = t.bind(Source::Slot(slot), dtype, true, reach(out, relative));
    let mut place = "fn place(line: u32, i: u32) -> u32 {\n".to_string();
    place += &t.coordinates(&axes, &axes.of(false), "line", "    ");
    place += &t.coordinates(&axes, &axes.of(true), "i", "    ");
    place += &format!("    return {};\n}}\n", t.position(Word::Offset { bind, relative, step: 0 }, &axes.steps[0]));
    let (all, n) = (t.is(total), t.is(length));
    let mut main = format!("{place}{ENTRY}{GROUP}    let u = group * 256u + li;\n    if u >= {all} {{ return; }}\n");
    main += &format!("    let line = u / {n};\n    let at = place(line, u % {n} + 1u);\n");
    main += &format!("    b{bind}[at] = {two}(b{bind}[place(line, 0u)], b{bind}[at]);\n}}\n");
    t.body = main;
    // Bytes of several elements in a word would be written one over the other.
    (dtype != DType::Bool && has(&two)).then_some((t, total.div_ceil(256)))
}

struct Job<'a> {
    kernel: &'a Kernel,
    axis: usize,
    dtype: DType,
    two: String,
    none: String,
}

impl Job<'_> {
    /// The axis of the scan is the folded one.
    fn axes(&self, layouts: &[&Layout]) -> Axes {
        Axes::new(&self.kernel.domain, &[self.axis], layouts)
    }

    /// `fn at(line, i) -> u32` of a layout: where element i of a line lies.
    fn place(&self, t: &mut Text, name: &str, start: Word, axes: &Axes, l: usize) {
        let mut text = format!("fn {name}(line: u32, i: u32) -> u32 {{\n");
        text += &t.coordinates(axes, &axes.of(false), "line", "    ");
        text += &t.coordinates(axes, &axes.of(true), "i", "    ");
        let at = t.position(start, &axes.steps[l]);
        t.body += &(text + &format!("    return {at};\n}}\n"));
    }

    fn reads(&self, t: &mut Text, from: Source, input: &Layout, axes: &Axes) -> String {
        let relative = input.offset as isize - BASE as isize;
        let bind = t.bind(from, self.dtype, false, reach(input, relative));
        self.place(t, "source", Word::Offset { bind, relative, step: 0 }, axes, 0);
        t.load(bind, "source(line, i)")
    }

    /// The running fold of each block, beginning with what own memory 1 says, if it is there.
    fn run(
        &self,
        from: Source,
        input: &Layout,
        to: Source,
        out: &Layout,
        (lines, n, blocks): (usize, usize, usize),
        carried: Option<()>,
    ) -> (Text, usize) {
        let mut t = Text::default();
        let axes = self.axes(&[input, out]);
        let read = self.reads(&mut t, from, input, &axes);
        let relative = out.offset as isize;
        let bind = t.bind(to, self.dtype, true, reach(out, relative));
        self.place(&mut t, "dest", Word::Offset { bind, relative, step: 0 }, &axes, 1);
        let before = match carried {
            Some(()) => {
                let own = t.bind(Source::Own(1), self.dtype, false, (0, (lines * blocks) as isize - 1));
                t.load(own, "group")
            }
            None => format!("{}()", self.none),
        };
        let (count, total, all) = (t.is(blocks), t.is(lines * blocks), t.is(n));
        let block = t.is(if blocks == 1 { n } else { BLOCK });
        let two = &self.two;
        let mut main = format!("var<workgroup> s: array<{}, 256>;\n{ENTRY}{GROUP}", self.dtype.name());
        main += &format!("    if group >= {total} {{ return; }}\n    let line = group / {count};\n");
        main += &format!("    let begin = (group % {count}) * {block};\n    let end = min(begin + {block}, {all});\n");
        main += &format!("    var carry = {before};\n");
        main += "    for (var base = begin; base < end; base += 256u) {\n        let i = base + li;\n";
        main += &format!("        var x = {}();\n        if i < end {{ x = {read}; }}\n", self.none);
        main += "        s[li] = x;\n        workgroupBarrier();\n";
        main += "        for (var h = 1u; h < 256u; h = h << 1u) {\n";
        main += &format!("            if li >= h {{ x = {two}(s[li - h], x); }}\n");
        main += "            workgroupBarrier();\n            s[li] = x;\n            workgroupBarrier();\n        }\n";
        // A scan begins with its first element itself: nothing is put in front of it.
        let fresh = if carried.is_some() { "begin == 0u && base == 0u" } else { "base == begin" };
        main += &format!("        let y = select({two}(carry, x), x, {fresh});\n        let last = s[255];\n");
        main += &format!("        carry = select({two}(carry, last), last, {fresh});\n        if i < end {{\n");
        main += &store(&mut t, bind, "dest(line, i)", "y");
        main += "        }\n        workgroupBarrier();\n    }\n}\n";
        t.body += &main;
        (t, lines * blocks)
    }

    /// The fold of each block, to own memory 0.
    fn totals(&self, from: Source, input: &Layout, (lines, n, blocks): (usize, usize, usize)) -> (Text, usize) {
        let mut t = Text::default();
        let axes = self.axes(&[input]);
        let read = self.reads(&mut t, from, input, &axes);
        let bind = t.bind(Source::Own(0), self.dtype, true, (0, (lines * blocks) as isize - 1));
        let (count, total, all, block) = (t.is(blocks), t.is(lines * blocks), t.is(n), t.is(BLOCK));
        let two = &self.two;
        let mut main = format!("var<workgroup> s: array<{}, 256>;\n{ENTRY}{GROUP}", self.dtype.name());
        main += &format!("    if group >= {total} {{ return; }}\n    let line = group / {count};\n");
        main += &format!("    let begin = (group % {count}) * {block};\n    let end = min(begin + {block}, {all});\n");
        main += &format!("    var x = {}();\n", self.none);
        main += &format!("    for (var i = begin + li; i < end; i += 256u) {{ x = {two}(x, {read}); }}\n");
        main += "    s[li] = x;\n    workgroupBarrier();\n    for (var h = 128u; h > 0u; h = h >> 1u) {\n";
        main +=
            &format!("        if li < h {{ s[li] = {two}(s[li], s[li + h]); }}\n        workgroupBarrier();\n    }}\n");
        main += "    if li == 0u {\n";
        main += &store(&mut t, bind, "group", "s[0]");
        main += "    }\n}\n";
        t.body += &main;
        (t, lines * blocks)
    }

    /// Per line, what comes before each block: a thread each, as blocks are few.
    fn between(&self, (lines, blocks): (usize, usize)) -> (Text, usize) {
        let mut t = Text::default();
        let last = (lines * blocks) as isize - 1;
        let read = t.bind(Source::Own(0), self.dtype, false, (0, last));
        let bind = t.bind(Source::Own(1), self.dtype, true, (0, last));
        let (count, all) = (t.is(blocks), t.is(lines));
        let value = t.load(read, "at");
        let mut main = format!("{ENTRY}{GROUP}    let line = group * 256u + li;\n    if line >= {all} {{ return; }}\n");
        main += &format!("    var x = {}();\n    for (var b = 0u; b < {count}; b++) {{\n", self.none);
        main += &format!("        let at = line * {count} + b;\n");
        main += &store(&mut t, bind, "at", "x");
        main += &format!("        x = {}(x, {value});\n    }}\n}}\n", self.two);
        t.body += &main;
        (t, lines.div_ceil(256))
    }
}
