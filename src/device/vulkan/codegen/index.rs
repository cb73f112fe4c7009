//! Picking and putting by arrays of indices.
//!
//! A pick is a thread per element (four where bools are words): it reads the indices, counts negative ones from the end, and
//! sets the flag where one is out of range. A put sorts its picks by the place that they write, here or on the host; then a
//! thread per place and element takes its picks in their order: so equal indices add up in order, the same every time.

use super::axes::Axes;
use super::fold::{Stage, store};
use super::library::wgsl;
use super::sort::{Lines, POSITIONS, WORDS, own};
use super::text::{ENTRY, GROUP, Source, Text, Word, reach};
use crate::base::{DType, Layout, Shape};
use crate::plan::kernel::BASE;
use crate::plan::{From, Kernel, Load};

/// Elements and threads of a pick.
#[derive(Clone)]
pub struct GatherText {
    pub text: Text,
    pub threads: usize,
}

fn bound(t: &mut Text, load: &Load) -> Option<(usize, Word)> {
    let From::Slot(slot) = load.from else { return None };
    let relative = load.layout.offset as isize - BASE as isize;
    let bind = t.bind(Source::Slot(slot), load.dtype, false, reach(&load.layout, relative));
    Some((bind, Word::Offset { bind, relative, step: 0 }))
}

/// A layout over `[first…, second…]` that steps only through one of the two.
fn beside(first: &Shape, second: &Shape, steps: &[isize], second_moves: bool) -> Layout {
    let shape: Shape = first.iter().chain(second.iter()).copied().collect();
    let still = |n: usize| std::iter::repeat_n(0isize, n);
    let strides = match second_moves {
        true => still(first.rank()).chain(steps.iter().copied()).collect(),
        false => steps.iter().copied().chain(still(second.rank())).collect(),
    };
    Layout { shape, strides, offset: 0 }
}

/// Elements of an array, from its first, that a launch takes: the rest of the array is another launch's.
pub type Window = (isize, isize);

/// Where in a binding an element lies that stands `at` elements behind the array's first: an expression, and whether it is there.
fn within(t: &mut Text, bind: usize, at: &str, (low, high): Window) -> (String, String) {
    let start = t.word(Word::Offset { bind, relative: low, step: 0 });
    let (low, count) = (t.word(Word::Is(low as u32)), t.is((high - low + 1) as usize));
    (format!("{start} + ({at} - {low})"), format!("({at} - {low}) < {count}"))
}

/// The text of a pick to where `out` says, of the elements in a window if there is one. `packed`: bools may be written as
/// words, with what lies behind their end.
pub fn gather(
    kernel: &Kernel,
    slot: usize,
    rest: usize,
    out: &Layout,
    packed: bool,
    window: Option<Window>,
) -> Option<GatherText> {
    let x = &kernel.loads[0];
    let indices = &kernel.loads[1..];
    let picked = x.layout.shape.rank() - rest;
    let b = indices.first().map(|i| i.layout.shape.clone()).unwrap_or_default();
    let tail: Shape = x.layout.shape[picked..].iter().copied().collect();
    let all: Shape = b.iter().chain(tail.iter()).copied().collect();
    let moves = beside(&b, &tail, &x.layout.strides[picked..], true);
    let reads: Vec<Layout> = indices.iter().map(|i| beside(&b, &tail, &i.layout.strides, false)).collect();
    let layouts: Vec<&Layout> = [&moves].into_iter().chain(&reads).chain([out]).collect();
    let axes = Axes::new(&all, &[], &layouts);
    let mut t = Text::default();
    let (bind_x, start_x) = bound(&mut t, x)?;
    let coords: Vec<String> = (0..axes.rank()).map(|k| format!("c{k}: u32")).collect();
    let mut value = format!("fn value({}) -> {} {{\n", coords.join(", "), wgsl(x.dtype));
    let start_x = match window {
        Some(window) => {
            t.bindings[bind_x].span = window;
            Word::Is((x.layout.offset as isize - BASE as isize) as u32)
        }
        None => start_x,
    };
    value += &format!("    var at = {};\n", t.position(start_x, &axes.steps[0]));
    for (j, index) in indices.iter().enumerate() {
        let (bind, start) = bound(&mut t, index)?;
        let place = t.position(start, &axes.steps[j + 1]);
        let (size, step) = (t.is(x.layout.shape[j]), t.word(Word::Is(x.layout.strides[j] as u32)));
        value += &inside(&format!("b{bind}[{place}]"), j, &size);
        value += &format!("    at += u32(i{j}) * {step};\n");
    }
    if let Some(window) = window {
        let (place, there) = within(&mut t, bind_x, "at", window);
        value = format!("var<private> hit: bool;\n{value}    hit = {there};\n");
        value += &format!("    if !hit {{ return {}(); }}\n    at = {place};\n", wgsl(x.dtype));
    }
    value += &format!("    return {};\n}}\n", t.load(bind_x, "at"));
    let n = all.size();
    let relative = out.offset as isize;
    let to = t.bind(Source::Slot(slot), x.dtype, true, reach(out, relative));
    let start = Word::Offset { bind: to, relative, step: 0 };
    let count = t.is(n);
    let every: Vec<usize> = (0..axes.rank()).collect();
    let lanes = if x.dtype == DType::Bool && packed && window.is_none() { 4 } else { 1 };
    let mut main =
        format!("{ENTRY}{GROUP}    let u = group * 256u + li;\n    if u * {lanes}u >= {count} {{ return; }}\n");
    let call: Vec<String> = every.iter().map(|k| format!("c{k}")).collect();
    let call = call.join(", ");
    if lanes == 4 {
        let start = t.word(start);
        main += "    var z = 0u;\n    for (var j = 0u; j < 4u; j++) {\n        let e = u * 4u + j;\n";
        main += &format!("        if e >= {count} {{ break; }}\n");
        main += &t.coordinates(&axes, &every, "e", "        ");
        main += &format!("        z |= select(0u, 1u, value({call})) << (8u * j);\n    }}\n");
        main += &format!("    b{to}[({start} >> 2u) + u] = z;\n");
    } else {
        main += "    let e = u;\n";
        main += &t.coordinates(&axes, &every, "e", "    ");
        main += &format!("    let y = value({call});\n");
        let at = t.position(start, axes.steps.last().map_or(&[], |s| s));
        main += if window.is_some() { "    if hit {\n" } else { "    {\n" };
        main += &(store(&mut t, to, &at, "y") + "    }\n");
    }
    t.body = value + &main;
    let flag = t.flag();
    t.body += &(flag + "}\n");
    Some(GatherText { text: t, threads: n.div_ceil(lanes) })
}

/// The kernel that says which place each pick of a put writes, as words to sort with the picks beside them.
pub fn places(kernel: &Kernel) -> Option<Stage> {
    let sizes = &kernel.loads[0].layout.shape;
    let indices = &kernel.loads[2..];
    let b = indices.first().map(|i| i.layout.shape.clone()).unwrap_or_default();
    let layouts: Vec<&Layout> = indices.iter().map(|i| &i.layout).collect();
    let axes = Axes::new(&b, &[], &layouts);
    let lines = picks(kernel);
    let mut t = Text::default();
    let total = t.is(lines.length);
    let mut main = format!("{ENTRY}{GROUP}    let u = group * 256u + li;\n    if u >= {total} {{ return; }}\n");
    main += &t.coordinates(&axes, &(0..axes.rank()).collect::<Vec<_>>(), "u", "    ");
    main += "    var place = 0u;\n";
    for (j, index) in indices.iter().enumerate() {
        let (bind, start) = bound(&mut t, index)?;
        let (at, size) = (t.position(start, &axes.steps[j]), t.is(sizes[j]));
        main += &inside(&format!("b{bind}[{at}]"), j, &size);
        main += &format!("    place = place * {size} + u32(i{j});\n");
    }
    let (words, positions) = (own(&mut t, WORDS, lines, true), own(&mut t, POSITIONS, lines, true));
    main += &format!("    b{words}[u] = place;\n    b{positions}[u] = u;\n");
    t.body = main;
    let flag = t.flag();
    t.body += &(flag + "}\n");
    Some(Stage { text: t, groups: lines.length.div_ceil(256) })
}

/// The picks of a put, to be sorted by their places.
pub fn picks(kernel: &Kernel) -> Lines {
    let sizes = &kernel.loads[0].layout.shape[..kernel.loads.len() - 2];
    let places: usize = sizes.iter().product();
    let length = kernel.loads.get(2).map_or(1, |i| i.layout.shape.size());
    let bits = (usize::BITS - places.saturating_sub(1).leading_zeros()) as usize;
    Lines { count: 1, length, wide: false, pairs: true, bits }
}

/// Lines that make index `j` count from the front; one that is out of range is trouble, and 0.
fn inside(index: &str, j: usize, size: &str) -> String {
    format!(
        "    var i{j} = {index};\n    if i{j} < 0li {{ i{j} += i64({size}); }}\n    \
         if i{j} < 0li || i{j} >= i64({size}) {{ trouble = 1u; i{j} = 0li; }}\n"
    )
}

/// The text of a put into memory that holds a copy of load 0. Own memory: 0 the places, sorted, 1 the picks that write them, in
/// their order where places are equal. `windows`: of what is written and of the values, where they are taken in parts.
pub fn put(kernel: &Kernel, slot: usize, add: bool, rest: usize, windows: [Option<Window>; 2]) -> Option<Text> {
    let (x, values) = (&kernel.loads[0], &kernel.loads[1]);
    let cut = values.layout.shape.rank() - rest;
    let b: Shape = values.layout.shape[..cut].iter().copied().collect();
    let tail: Shape = values.layout.shape[cut..].iter().copied().collect();
    let mut t = Text::default();
    let (bind_v, mut start_v) = bound(&mut t, values)?;
    if let Some(window) = windows[1] {
        t.bindings[bind_v].span = window;
        start_v = Word::Is((values.layout.offset as isize - BASE as isize) as u32);
    }
    let lines = picks(kernel);
    let (places, order) = (own(&mut t, WORDS, lines, false), own(&mut t, POSITIONS, lines, false));
    let written = windows[0].unwrap_or((0, x.layout.shape.size() as isize - 1));
    let to = t.bind(Source::Slot(slot), x.dtype, true, written);
    // Where a pick's values lie, and where an element of them does.
    let whole = Layout { shape: b.clone(), strides: values.layout.strides[..cut].into(), offset: 0 };
    let inner = Layout { shape: tail.clone(), strides: values.layout.strides[cut..].into(), offset: 0 };
    let (pa, ra) = (Axes::new(&b, &[], &[&whole]), Axes::new(&tail, &[], &[&inner]));
    let mut body = "fn pick_at(pick: u32) -> u32 {\n".to_string();
    body += &t.coordinates(&pa, &(0..pa.rank()).collect::<Vec<_>>(), "pick", "    ");
    body += &format!("    return {};\n}}\n", t.position(start_v, &pa.steps[0]));
    body += "fn rest_at(rest: u32) -> u32 {\n";
    body += &t.coordinates(&ra, &(0..ra.rank()).collect::<Vec<_>>(), "rest", "    ");
    body += &format!("    return {};\n}}\n", t.position(Word::Is(0), &ra.steps[0]));
    let (each, count) = (t.is(tail.size()), t.is(lines.length));
    let mut main =
        format!("{ENTRY}{GROUP}    let u = group * 256u + li;\n    if u >= {count} * {each} {{ return; }}\n");
    main += &format!("    let i = u / {each};\n    let rest = u % {each};\n    let place = b{places}[i];\n");
    // One thread a place: where its first pick stands, or its last.
    main += &match add {
        true => format!("    if i > 0u && b{places}[i - 1u] == place {{ return; }}\n"),
        false => format!("    if i + 1u < {count} && b{places}[i + 1u] == place {{ return; }}\n"),
    };
    main += &format!("    let inside = rest_at(rest);\n    let spot = place * {each} + rest;\n");
    let (at, there) = within(&mut t, to, "spot", written);
    main += &format!("    let at = {at};\n");
    if windows[0].is_some() {
        main += &format!("    if !({there}) {{ return; }}\n");
    }
    // The value of a pick, and whether this launch has it.
    let taken = |t: &mut Text| match windows[1] {
        Some(window) => within(t, bind_v, "value_at", window),
        None => ("value_at".to_string(), "true".to_string()),
    };
    let (value_at, has) = taken(&mut t);
    let read = t.load(bind_v, &value_at);
    if add {
        let begin = t.load(to, "at");
        main += &format!("    var sum = {begin};\n    var k = i;\n    loop {{\n        let pick = b{order}[k];\n");
        main += &format!("        let value_at = pick_at(pick) + inside;\n        if {has} {{ sum += {read}; }}\n");
        main +=
            &format!("        k++;\n        if k >= {count} || b{places}[k] != place {{ break; }}\n    }}\n    {{\n");
        main += &store(&mut t, to, "at", "sum");
    } else {
        main += &format!("    let pick = b{order}[i];\n    let value_at = pick_at(pick) + inside;\n    if {has} {{\n");
        main += &store(&mut t, to, "at", &read);
    }
    t.body = body + &main + "    }\n}\n";
    Some(t)
}
