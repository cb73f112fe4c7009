//! Picking and putting by arrays of indices.
//!
//! A pick is a thread per element (four where bools are words): it reads the indices, counts negative ones from the end, and
//! sets the flag where one is out of range. A put is a thread per place that is written, with the picks that write there in
//! their order, which the launch has sorted out: so equal indices add up in order, the same every time.

use super::axes::Axes;
use super::fold::store;
use super::library::wgsl;
use super::text::{ENTRY, GROUP, Source, Text, Word, reach, stored};
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

/// The text of a pick.
pub fn gather(kernel: &Kernel, slot: usize, rest: usize) -> Option<GatherText> {
    let x = &kernel.loads[0];
    let indices = &kernel.loads[1..];
    let picked = x.layout.shape.rank() - rest;
    let b = indices.first().map(|i| i.layout.shape.clone()).unwrap_or_default();
    let tail: Shape = x.layout.shape[picked..].iter().copied().collect();
    let all: Shape = b.iter().chain(tail.iter()).copied().collect();
    let moves = beside(&b, &tail, &x.layout.strides[picked..], true);
    let reads: Vec<Layout> = indices.iter().map(|i| beside(&b, &tail, &i.layout.strides, false)).collect();
    let layouts: Vec<&Layout> = std::iter::once(&moves).chain(&reads).collect();
    let axes = Axes::new(&all, &[], &layouts);
    let mut t = Text::default();
    let (bind_x, start_x) = bound(&mut t, x)?;
    let coords: Vec<String> = (0..axes.rank()).map(|k| format!("c{k}: u32")).collect();
    let mut value = format!("fn value({}) -> {} {{\n", coords.join(", "), wgsl(x.dtype));
    value += &format!("    var at = {};\n", t.position(start_x, &axes.steps[0]));
    for (j, index) in indices.iter().enumerate() {
        let (bind, start) = bound(&mut t, index)?;
        let place = t.position(start, &axes.steps[j + 1]);
        let (size, step) = (t.is(x.layout.shape[j]), t.word(Word::Is(x.layout.strides[j] as u32)));
        value += &format!(
            "    var i{j} = b{bind}[{place}];\n    if i{j} < 0li {{ i{j} += i64({size}); }}\n    \
             if i{j} < 0li || i{j} >= i64({size}) {{ trouble = 1u; i{j} = 0li; }}\n    at += u32(i{j}) * {step};\n"
        );
    }
    value += &format!("    return {};\n}}\n", t.load(bind_x, "at"));
    let n = all.size();
    let out = t.bind(Source::Slot(slot), x.dtype, true, (0, n as isize - 1));
    let start = t.word(Word::Offset { bind: out, relative: 0, step: 0 });
    let count = t.is(n);
    let every: Vec<usize> = (0..axes.rank()).collect();
    let lanes = if x.dtype == DType::Bool { 4 } else { 1 };
    let mut main =
        format!("{ENTRY}{GROUP}    let u = group * 256u + li;\n    if u * {lanes}u >= {count} {{ return; }}\n");
    let call: Vec<String> = every.iter().map(|k| format!("c{k}")).collect();
    let call = call.join(", ");
    if lanes == 4 {
        main += "    var z = 0u;\n    for (var j = 0u; j < 4u; j++) {\n        let e = u * 4u + j;\n";
        main += &format!("        if e >= {count} {{ break; }}\n");
        main += &t.coordinates(&axes, &every, "e", "        ");
        main += &format!("        z |= select(0u, 1u, value({call})) << (8u * j);\n    }}\n");
        main += &format!("    b{out}[({start} >> 2u) + u] = z;\n");
    } else {
        main += "    let e = u;\n";
        main += &t.coordinates(&axes, &every, "e", "    ");
        main += &format!("    b{out}[{start} + e] = {};\n", stored(x.dtype, &format!("value({call})")));
    }
    t.body = value + &main;
    let flag = t.flag();
    t.body += &(flag + "}\n");
    Some(GatherText { text: t, threads: n.div_ceil(lanes) })
}

/// The text of a put into memory that holds a copy of load 0. Own memory: 0 the picks sorted by place, 1 where each place's
/// picks begin, 2 the places. `Word::Count` is the number of places.
pub fn put(kernel: &Kernel, slot: usize, add: bool, rest: usize) -> Option<Text> {
    let (x, values) = (&kernel.loads[0], &kernel.loads[1]);
    let cut = values.layout.shape.rank() - rest;
    let b: Shape = values.layout.shape[..cut].iter().copied().collect();
    let tail: Shape = values.layout.shape[cut..].iter().copied().collect();
    let mut t = Text::default();
    let (bind_v, start_v) = bound(&mut t, values)?;
    let word = |t: &mut Text, n: usize| {
        let bind = t.bind(Source::Own(n), DType::F32, false, (0, 0));
        t.types[bind] = "u32".into();
        bind
    };
    let (order, begins, places) = (word(&mut t, 0), word(&mut t, 1), word(&mut t, 2));
    let to = t.bind(Source::Slot(slot), x.dtype, true, (0, x.layout.shape.size() as isize - 1));
    let own = t.word(Word::Offset { bind: to, relative: 0, step: 0 });
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
    let (each, count) = (t.is(tail.size()), t.word(Word::Count));
    let read = t.load(bind_v, "pick_at(pick) + inside");
    let mut main =
        format!("{ENTRY}{GROUP}    let u = group * 256u + li;\n    if u >= {count} * {each} {{ return; }}\n");
    main += &format!("    let place = u / {each};\n    let rest = u % {each};\n    let inside = rest_at(rest);\n");
    main += &format!("    let at = {own} + b{places}[place] * {each} + rest;\n");
    main += &format!("    let end = b{begins}[place + 1u];\n");
    if add {
        main += &format!("    var sum = b{to}[at];\n    for (var i = b{begins}[place]; i < end; i++) {{\n");
        main += &format!("        let pick = b{order}[i];\n        sum += {read};\n    }}\n    {{\n");
        main += &store(&mut t, to, "at", "sum");
    } else {
        main += &format!("    {{\n        let pick = b{order}[end - 1u];\n");
        main += &store(&mut t, to, "at", &read);
    }
    t.body = body + &main + "    }\n}\n";
    Some(t)
}
