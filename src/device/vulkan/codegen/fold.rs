//! Folds: axes of the index space folded into one value each, with the producers computed on the way.
//!
//! - rows: a group of 256 threads per result; the threads step through the folded axes side by side, then fold what they have
//!   in shared memory, halving: for folded inner axes and long folds;
//! - columns: a thread per result steps through the folded axes alone: for kept inner axes and short folds.
//!
//! A thread of a row takes four elements at a time where they lie side by side in f32 or f16: one load, or four where the
//! launch finds that they do not begin at a multiple of four. Both add up in the same order.
//!
//! Where there are few results and much to fold, the fold is cut into chunks whose results a second kernel folds. How it
//! is cut depends on the sizes only, so that the same sum comes out every time.

use super::axes::Axes;
use super::library::has;
use super::text::{ENTRY, GROUP, Source, Text, Word, reach, stored};
use crate::base::{DType, Layout, Shape};
use crate::graph::Fold;
use crate::plan::kernel::{BASE, FoldOut};
use crate::plan::{From, Kernel, Slot, SlotKind};

/// Elements a group from which on its threads take four at a time. TRIED: from 1024 on; on lavapipe, where a group costs twice
/// as much then, sums of rows of 1024 to 4096 took 1.6 to 1.8 times as long, while longer ones took 0.88.
const FOURS: usize = 8192;

/// A fold's kernels.
#[derive(Clone)]
pub struct FoldText {
    /// One for each piece of what is folded.
    pub first: Vec<Stage>,
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

/// A piece of what is folded: a text with its `value`; its axes, with the steps of the places among all that is folded and
/// then of the result behind those of the loads; and the place of its first index.
pub struct Piece {
    text: Text,
    axes: Axes,
    start: usize,
    /// Where a thread takes four elements at a time.
    fours: Option<Fours>,
}

impl Piece {
    /// The steps of the layout that many from the end.
    fn steps(&self, back: usize) -> Vec<isize> {
        self.axes.steps[self.axes.steps.len() - back].clone()
    }
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

fn cut(axes: &Axes) -> Cut {
    let (kept, folded) = (axes.count(false), axes.count(true));
    let inner = axes.folded.last() == Some(&true);
    let rows = folded >= 64 && (inner || kept < 64);
    let chunks = match rows {
        true => folded.div_ceil(4096).min(512usize.div_ceil(kept)),
        false => folded.div_ceil(64).min(16384usize.div_ceil(kept)),
    };
    Cut { rows, chunks: chunks.max(1) }
}

/// What a fold folds; `None` where the device has not got what it needs. `out`: where results lie, over the kernel's domain.
fn parts(kernel: &Kernel, outs: &[FoldOut]) -> Option<Vec<Part>> {
    let one = |o: &FoldOut| Part { fold: o.fold, dtype: kernel.dtype(o.reg), dest: Source::Slot(o.slot) };
    let parts: Vec<Part> = outs.iter().map(one).collect();
    let arg = parts.iter().any(|p| p.fold.is_arg());
    let known = |p: &Part| has(&p.call(if p.fold.is_arg() { "wins" } else { "two" }));
    (parts.iter().all(known) && (!arg || parts.len() == 1)).then_some(parts)
}

/// The text of a fold in pieces: kernels that differ in which part of a folded axis they have, with the place of each index
/// among all that is folded; `None` where the device has not got what it needs. `out`: where the results lie.
pub fn fold(
    pieces: &[(&Kernel, &Layout)],
    folded: &[usize],
    outs: &[FoldOut],
    out: &Layout,
    slots: &[Slot],
) -> Option<FoldText> {
    let parts = parts(pieces.first()?.0, outs)?;
    let regs: Vec<u16> = outs.iter().map(|o| o.reg).collect();
    let piece = |(kernel, place): &(&Kernel, &Layout)| {
        let own = Layout { shape: kernel.domain.clone(), ..out.clone() };
        let layouts: Vec<&Layout> = kernel.loads.iter().map(|l| &l.layout).chain([*place, &own]).collect();
        let axes = Axes::new(&kernel.domain, folded, &layouts);
        let arg = parts.iter().any(|p| p.fold.is_arg());
        let given = if arg { vec![] } else { side_by_side(kernel, slots, &axes) };
        let all = |vector: bool| {
            let mut text = Text::default();
            text.value(kernel, slots, &axes, &regs, &given)?;
            let fours = match given.is_empty() {
                true => None,
                false => Some(Fours::new(&mut text, kernel, &axes, &given, vector)?),
            };
            Some(Piece { text, axes: axes.clone(), start: place.offset, fours })
        };
        Some((all(true)?, if given.is_empty() { None } else { Some(all(false)?) }))
    };
    Some(stages(pieces.iter().map(piece).collect::<Option<_>>()?, parts, out))
}

/// The loads whose elements lie side by side along the one axis that is folded, in rows that begin at multiples of four as
/// the array does; none where the rows are not cut among groups, or too short for four a thread.
fn side_by_side(kernel: &Kernel, slots: &[Slot], axes: &Axes) -> Vec<usize> {
    let Some(last) = axes.rank().checked_sub(1) else { return vec![] };
    let how = cut(axes);
    let long = axes.sizes[last] / how.chunks >= FOURS && axes.sizes[last].is_multiple_of(4);
    if !how.rows || axes.of(true) != [last] || !long {
        return vec![];
    }
    let fits = |&l: &usize| {
        let (load, steps) = (&kernel.loads[l], &axes.steps[l]);
        let memory = matches!(load.from, From::Slot(s) if !matches!(slots[s].kind, SlotKind::Number(_)));
        let four = matches!(load.dtype, DType::F32 | DType::F16);
        memory && four && steps[last] == 1 && steps[..last].iter().all(|s| s % 4 == 0)
    };
    (0..kernel.loads.len()).filter(fits).collect()
}

/// Four values at a time, of which the given loads are read together.
struct Fours {
    /// Per given load the four elements from an index along the folded axis, which stands there as its coordinate.
    reads: Vec<(usize, String)>,
    /// The axis that is folded, the last one.
    last: usize,
}

impl Fours {
    /// `vector`: the elements are one load, not four.
    fn new(t: &mut Text, kernel: &Kernel, axes: &Axes, given: &[usize], vector: bool) -> Option<Fours> {
        let mut reads = vec![];
        for &l in given {
            let load = &kernel.loads[l];
            let bind = t.binding_of(load)?;
            let relative = load.layout.offset as isize - BASE as isize;
            let at = t.position(Word::Offset { bind, relative, step: axes.only_step(l) }, &axes.steps[l]);
            let four = match vector {
                true => {
                    t.types[bind] = format!("vec4<{}>", load.dtype);
                    format!("b{bind}[({at}) >> 2u]")
                }
                false => [0, 1, 2, 3].map(|k| t.load(bind, &format!("{at} + {k}u"))).join(", "),
            };
            reads.push((l, format!("vec4<f32>({four})")));
        }
        Some(Fours { reads, last: axes.rank() - 1 })
    }

    /// Lines that name four values from index `f` on `y_0` to `y_3`.
    fn values(&self, y: &str, f: &str) -> String {
        let coordinate = format!("c{}", self.last);
        let read = |(l, four): &(usize, String)| format!("        let {y}q{l} = {};\n", four.replace(&coordinate, f));
        let value = |k: usize| {
            let coords = (0..self.last).map(|c| format!("c{c}")).chain([format!("{f} + {k}u")]);
            let values = self.reads.iter().map(|(l, _)| format!("{y}q{l}[{k}]"));
            format!("        let {y}_{k} = value({});\n", coords.chain(values).collect::<Vec<_>>().join(", "))
        };
        self.reads.iter().map(read).chain([0, 1, 2, 3].map(value)).collect()
    }
}

/// A product of two loads as a fold over their inner axis, in pieces of that: for results of few rows or columns.
pub fn products(pieces: &[&Kernel], slot: usize, out: &Layout) -> Option<FoldText> {
    let dtype = super::contract::computed(pieces.first()?);
    let all = pieces.iter().map(|kernel| Some((product(kernel, out)?, None))).collect::<Option<_>>()?;
    let mut shape = out.shape.clone();
    shape.0.push(1);
    let out = Layout { shape, strides: out.strides.iter().copied().chain([0]).collect(), offset: out.offset };
    Some(stages(all, vec![Part { fold: Fold::Sum, dtype, dest: Source::Slot(slot) }], &out))
}

fn product(kernel: &Kernel, out: &Layout) -> Option<Piece> {
    let r = kernel.domain.rank();
    let mut domain = kernel.domain.clone();
    domain.0.push(kernel.loads[0].layout.shape[r - 1]);
    // Sides [.., m, k] and [.., k, n] over [.., m, n, k].
    let wide = |l: &Layout, own: usize, inner: usize| {
        let mut steps: Vec<isize> = l.strides[..r - 2].to_vec();
        let (outer, depth) = (l.strides[own], l.strides[inner]);
        steps.extend(if own == r - 2 { [outer, 0] } else { [0, outer] });
        steps.push(depth);
        Layout { shape: domain.clone(), strides: steps.into_iter().collect(), offset: l.offset }
    };
    let (a, b) = (wide(&kernel.loads[0].layout, r - 2, r - 1), wide(&kernel.loads[1].layout, r - 1, r - 2));
    let to =
        Layout { shape: domain.clone(), strides: out.strides.iter().copied().chain([0]).collect(), offset: out.offset };
    let axes = Axes::new(&domain, &[r], &[&a, &b, &to, &to]);
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
    t.body = format!("struct Value {{ v0: {} }}\n", dtype.name());
    t.body += &format!("fn value({}) -> Value {{ return Value({}); }}\n", coords.join(", "), values.join(" * "));
    Some(Piece { text: t, axes, start: 0, fours: None })
}

/// The stages of a fold whose values are there; beside a piece, what runs in its place where it reads fours and cannot.
fn stages(pieces: Vec<(Piece, Option<Piece>)>, parts: Vec<Part>, out: &Layout) -> FoldText {
    let arg = parts.iter().any(|p| p.fold.is_arg());
    let cuts: Vec<Cut> = pieces.iter().map(|(p, _)| cut(&p.axes)).collect();
    let chunks: usize = cuts.iter().map(|c| c.chunks).sum();
    let kept = pieces.first().map_or(1, |(p, _)| p.axes.count(false));
    let mut before = 0;
    let mut first = vec![];
    for ((piece, single), cut) in pieces.into_iter().zip(cuts) {
        let to = if chunks == 1 { To::Result(reach(out, out.offset as isize)) } else { To::Chunks { before, chunks } };
        before += cut.chunks;
        let mut made = stage(piece, &parts, &cut, &to, out.offset);
        made.text.single = single.map(|p| Box::new(stage(p, &parts, &cut, &to, out.offset).text));
        first.push(made);
    }
    if chunks == 1 {
        return FoldText { first, second: None, between: vec![] };
    }
    let all = chunks * kept;
    let between = parts.iter().flat_map(|p| [(all, p.dtype)].into_iter().chain(arg.then_some((all, DType::F32))));
    let between = between.collect();
    let second = Some(if arg { again_where(&parts[0], chunks, out) } else { again(&parts, chunks, out) });
    FoldText { first, second, between }
}

/// The kept axes, of chunks that lie one after the other (step 0) and of the result (step 1).
fn kept_axes(out: &Layout) -> Axes {
    let size = |(&n, &s): (&usize, &isize)| if s == 0 { 1 } else { n };
    let shape: Shape = out.shape.iter().zip(&out.strides).map(size).collect();
    let own = Layout { shape: shape.clone(), ..out.clone() };
    Axes::new(&shape, &[], &[&Layout::contiguous(shape.clone()), &own])
}

/// The second kernel: chunks `[chunks, kept…]` folded along the first axis.
fn again(parts: &[Part], chunks: usize, out: &Layout) -> Stage {
    let inner = kept_axes(out);
    let kept = inner.count(false);
    let ahead = |first: isize, steps: &[isize]| std::iter::once(first).chain(steps.iter().copied()).collect();
    let axes = Axes {
        sizes: std::iter::once(chunks).chain(inner.sizes.iter().copied()).collect(),
        folded: std::iter::once(true).chain(inner.folded.iter().copied()).collect(),
        steps: vec![ahead(kept as isize, &inner.steps[0]), ahead(0, &inner.steps[1]), ahead(0, &inner.steps[1])],
    };
    let mut t = Text::default();
    let (mut fields, mut values) = (vec![], vec![]);
    for (i, p) in parts.iter().enumerate() {
        let bind = t.bind(Source::Own(i), p.dtype, false, (0, (chunks * kept) as isize - 1));
        let at = t.position(Word::Offset { bind, relative: 0, step: 0 }, &axes.steps[0]);
        fields.push(format!("v{i}: {}", p.dtype.name()));
        values.push(t.load(bind, &at));
    }
    let coords: Vec<String> = (0..axes.rank()).map(|k| format!("c{k}: u32")).collect();
    t.body = format!("struct Value {{ {} }}\n", fields.join(", "));
    t.body += &format!("fn value({}) -> Value {{ return Value({}); }}\n", coords.join(", "), values.join(", "));
    let rows = chunks >= 64 && kept < 64;
    let piece = Piece { text: t, axes, start: 0, fours: None };
    stage(piece, parts, &Cut { rows, chunks: 1 }, &To::Result(reach(out, out.offset as isize)), out.offset)
}

/// The second kernel of a fold to a position: a thread per result goes over the chunks in order.
fn again_where(p: &Part, chunks: usize, out: &Layout) -> Stage {
    let axes = kept_axes(out);
    let kept = axes.count(false);
    let mut t = Text::default();
    let last = (chunks * kept) as isize - 1;
    let (best, place) = (t.bind(Source::Own(0), p.dtype, false, (0, last)), words(&mut t, 1, last, false));
    let (all, count) = (t.is(kept), t.is(chunks));
    let mut main = format!("{ENTRY}{GROUP}    let k = group * 256u + li;\n    if k >= {all} {{ return; }}\n");
    main += &t.coordinates(&axes, &axes.of(false), "k", "    ");
    main += &format!("    var x: {};\n    var n = 0xffffffffu;\n", p.dtype.name());
    main += &format!("    for (var c = 0u; c < {count}; c++) {{\n        let at = c * {all} + k;\n");
    main += &format!("        let y = {};\n        let m = b{place}[at];\n", t.load(best, "at"));
    // Of equals the one whose place is the first, in whichever chunk it is.
    let wins = p.call("wins");
    main += &format!("        let better = {wins}(x, y) || (!{wins}(y, x) && m < n);\n");
    main += "        if m != 0xffffffffu && (n == 0xffffffffu || better) {\n";
    main += "            x = y;\n            n = m;\n        }\n    }\n    {\n";
    let (bind, at) = result(&mut t, p, &axes.steps[1], out.offset, reach(out, out.offset as isize));
    main += &store(&mut t, bind, &at, "i64(n)");
    t.body = main + "    }\n}\n";
    Stage { text: t, groups: kept.div_ceil(256) }
}

/// Own memory of words of 32 bits.
fn words(t: &mut Text, n: usize, last: isize, write: bool) -> usize {
    let bind = t.bind(Source::Own(n), DType::F32, write, (0, last));
    t.types[bind] = "u32".into();
    bind
}

/// Where a stage writes.
enum To {
    /// To the results, which reach from here to there.
    Result((isize, isize)),
    /// Behind the chunks that pieces before it write, of so many in all.
    Chunks { before: usize, chunks: usize },
}

/// The binding of a result, and where in it the one at the kept axes' coordinates lies.
fn result(t: &mut Text, p: &Part, steps: &[isize], offset: usize, reach: (isize, isize)) -> (usize, String) {
    let bind = t.bind(p.dest.clone(), p.out(), true, reach);
    let at = t.position(Word::Offset { bind, relative: offset as isize, step: 0 }, steps);
    (bind, at)
}

/// The lines that write what part `i` came to: its value, and where that was found.
fn write(
    t: &mut Text,
    (i, p): (usize, &Part),
    (steps, offset, kept): (&[isize], usize, usize),
    to: &To,
    (value, place): (&str, &str),
) -> String {
    match to {
        To::Result(reach) => {
            let (bind, at) = result(t, p, steps, offset, *reach);
            let value = if p.fold.is_arg() { format!("i64({place})") } else { value.to_string() };
            store(t, bind, &at, &value)
        }
        To::Chunks { before, chunks } => {
            let last = (chunks * kept) as isize - 1;
            let bind = t.bind(Source::Own(i), p.dtype, true, (0, last));
            let at = format!("(c + {}) * {} + k", t.is(*before), t.is(kept));
            let mut lines = store(t, bind, &at, value);
            if p.fold.is_arg() {
                lines += &format!("        b{}[{at}] = {place};\n", words(t, i + 1, last, true));
            }
            lines
        }
    }
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

fn stage(piece: Piece, parts: &[Part], cut: &Cut, to: &To, offset: usize) -> Stage {
    let (out, places) = (piece.steps(1), piece.steps(2));
    let Piece { text: mut t, axes, start, fours } = piece;
    let axes = &axes;
    let (kept, folded) = (axes.count(false), axes.count(true));
    let chunks = cut.chunks;
    let mut main = String::from(ENTRY) + GROUP;
    let total = t.is(kept * chunks);
    let each = t.is(match &fours {
        Some(_) => folded.div_ceil(chunks).next_multiple_of(4),
        None => folded.div_ceil(chunks),
    });
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
    let (from, step) = match (cut.rows, &fours) {
        (true, Some(_)) => ("c * each + 4u * li", "1024u"),
        (true, None) => ("c * each + li", "256u"),
        _ => ("c * each", "1u"),
    };
    main += &format!("    let each = {each};\n    let end = min(c * each + each, {all});\n    let by = {step};\n");
    let arg = parts.iter().any(|p| p.fold.is_arg());
    let place = if arg { Some(t.position(Word::Is(start as u32), &places)) } else { None };
    let (reads, call) = reader(&mut t, axes, "value", "Value", place.as_deref());
    if fours.is_none() {
        t.body += &reads;
    }
    let fold = |y: &str, f: &str| -> String {
        let one = |(i, p): (usize, &Part)| match p.fold.is_arg() {
            false => format!("        x{i} = {}(x{i}, {y}.v{i});\n", p.call("two")),
            true => format!(
                "        if n{i} == 0xffffffffu || {}(x{i}, {y}.v{i}) {{ x{i} = {y}.v{i}; n{i} = {}; }}\n",
                p.call("wins"),
                call("place", f)
            ),
        };
        parts.iter().enumerate().map(one).collect()
    };
    main += &format!("    var f = {from};\n");
    main += &match &fours {
        Some(fours) => steps_of_four(fours, "end", &|y| fold(y, "")),
        None => steps(&|f| call("read", f), "end", &fold),
    };
    let mut shared = String::new();
    if cut.rows {
        main += &across(parts, &mut shared);
        main += "    if li == 0u {\n";
    } else {
        main += "    {\n";
    }
    for (i, p) in parts.iter().enumerate() {
        let (value, place) = match cut.rows {
            false => (format!("x{i}"), format!("n{i}")),
            true => (format!("s{i}[0]"), format!("m{i}[0]")),
        };
        main += &write(&mut t, (i, p), (&out, offset, kept), to, (&value, &place));
    }
    main += "    }\n";
    t.body += &(shared + &main);
    let flag = t.flag();
    t.body += &(flag + "}\n");
    let groups = if cut.rows { kept * chunks } else { (kept * chunks).div_ceil(256) };
    Stage { text: t, groups }
}

/// What calls a reader: its name and the index along the folded axes, to the call.
type Call = Box<dyn Fn(&str, &str) -> String>;

/// `fn read_VALUE(f, kept coordinates…)`: the values at an index along the folded axes; where `place` says how, also
/// `fn place_VALUE(…)`, its place among all that is folded.
pub fn reader(t: &mut Text, axes: &Axes, value: &str, ty: &str, place: Option<&str>) -> (String, Call) {
    let kept = axes.of(false);
    let params: String = kept.iter().map(|k| format!(", c{k}: u32")).collect();
    let coords: Vec<String> = (0..axes.rank()).map(|k| format!("c{k}")).collect();
    let inside = t.coordinates(axes, &axes.of(true), "f", "    ");
    let mut out = format!("fn read_{value}(f: u32{params}) -> {ty} {{\n{inside}");
    out += &format!("    return {value}({});\n}}\n", coords.join(", "));
    if let Some(place) = place {
        out += &format!("fn place_{value}(f: u32{params}) -> u32 {{\n{inside}    return {place};\n}}\n");
    }
    let given: String = kept.iter().map(|k| format!(", c{k}")).collect();
    let value = value.to_string();
    (out, Box::new(move |what, f| format!("{what}_{value}({f}{given})")))
}

/// A loop of `f` by `by` up to `end`: four steps at a time, whose reads are on their way together, then one at a time. `each`
/// is what is done with a value that was read at an index.
pub fn steps(read: &dyn Fn(&str) -> String, end: &str, each: &dyn Fn(&str, &str) -> String) -> String {
    let mut out = format!("    for (; f + 3u * by < {end}; f += 4u * by) {{\n");
    let at = |j: usize| if j == 0 { "f".to_string() } else { format!("f + {j}u * by") };
    (0..4).for_each(|j| out += &format!("        let y{j} = {};\n", read(&at(j))));
    (0..4).for_each(|j| out += &each(&format!("y{j}"), &at(j)));
    out += &format!("    }}\n    for (; f < {end}; f += by) {{\n        let y = {};\n", read("f"));
    out + &each("y", "f") + "    }\n"
}

/// As `steps`, of four values a read, two reads at a time.
fn steps_of_four(fours: &Fours, end: &str, each: &dyn Fn(&str) -> String) -> String {
    let four = |y: &str| -> String { (0..4).map(|k| each(&format!("{y}_{k}"))).collect() };
    let mut out = format!("    for (; f + by < {end}; f += 2u * by) {{\n        let g = f + by;\n");
    out += &(fours.values("y", "f") + &fours.values("z", "g") + &four("y") + &four("z"));
    out += &format!("    }}\n    for (; f < {end}; f += by) {{\n");
    out + &fours.values("y", "f") + &four("y") + "    }\n"
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
