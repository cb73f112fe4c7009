//! Maps: every index computed on its own, registers written to memory.
//!
//! - wide: everything lies element after element (or is one number): a thread takes four elements, 16 bytes of f32 at a
//!   time; needs offsets that are multiples of four, which only the launch knows;
//! - plain: any layouts: a thread takes one element, or four where bools are written (they are words of four).
//!
//! Bools written into a part of an array (a join, a slice that is set) go byte by byte, with atomic operations.

use super::axes::Axes;
use super::library::wgsl;
use super::text::{ENTRY, GROUP, Source, Text, Word, reach, stored, value_type};
use crate::base::{DType, Layout};
use crate::plan::kernel::Out;
use crate::plan::{From, Kernel, Slot, SlotKind};

/// A map's text.
#[derive(Clone)]
pub struct MapText {
    pub text: Text,
    /// Elements per thread.
    pub lanes: usize,
    /// Whether the launch may begin at any index.
    pub parts: bool,
    /// Whether offsets must be multiples of four.
    pub wide: bool,
    /// Indices in all.
    pub count: usize,
}

fn axes(kernel: &Kernel, outs: &[Out]) -> Axes {
    let layouts: Vec<&Layout> = kernel.loads.iter().map(|l| &l.layout).chain(outs.iter().map(|o| &o.layout)).collect();
    Axes::new(&kernel.domain, &[], &layouts)
}

/// Whether an output is its slot's whole memory, in order: then what lies behind its end may be written too.
fn is_whole(o: &Out, slots: &[Slot]) -> bool {
    let all = slots[o.slot].kind == SlotKind::Made(o.layout.size());
    all && o.layout.offset == 0 && o.layout.is_contiguous()
}

/// The wide form, where the layouts allow it.
pub fn wide(kernel: &Kernel, outs: &[Out], slots: &[Slot]) -> Option<MapText> {
    let axes = axes(kernel, outs);
    let n = kernel.loads.len();
    let memory =
        |l: &crate::plan::Load| matches!(l.from, From::Slot(s) if !matches!(slots[s].kind, SlotKind::Number(_)));
    let linear = (0..n).all(|l| !memory(&kernel.loads[l]) || axes.is_linear(l) || axes.is_single(l));
    if axes.rank() > 1 || !linear || !outs.iter().all(|o| is_whole(o, slots)) {
        return None;
    }
    let mut t = Text::default();
    let loads = t.loads(kernel, slots, &axes)?;
    let (mut before, mut params) = (String::new(), vec!["c0: u32".to_string()]);
    let mut args: Vec<[String; 4]> = vec![];
    let mut inside = String::new();
    for (l, load) in kernel.loads.iter().enumerate() {
        let dtype = load.dtype;
        if !memory(load) || axes.is_single(l) {
            inside += &format!("    let r{l}: {} = {};\n", wgsl(dtype), loads[l]);
            continue;
        }
        params.push(format!("r{l}: {}", wgsl(dtype)));
        let relative = load.layout.offset as isize - crate::plan::kernel::BASE as isize;
        let bind = t.binding_of(load)?;
        let start = t.word(Word::Offset { bind, relative, step: axes.only_step(l) });
        args.push(match dtype {
            DType::F32 | DType::F16 => {
                t.types[bind] = format!("vec4<{dtype}>");
                before += &format!("    let x{l} = vec4<f32>(b{bind}[({start} >> 2u) + u]);\n");
                ["x", "y", "z", "w"].map(|part| format!("x{l}.{part}"))
            }
            DType::Bool => {
                before += &format!("    let x{l} = b{bind}[({start} >> 2u) + u];\n");
                [0, 8, 16, 24].map(|s| format!("((x{l} >> {s}u) & 1u) != 0u"))
            }
            _ => [0, 1, 2, 3].map(|k| format!("b{bind}[{start} + first + {k}u]")),
        });
    }
    let regs: Vec<u16> = outs.iter().map(|o| o.reg).collect();
    let value_code = t.code(kernel)?;
    let values: Vec<String> = regs.iter().map(|r| format!("r{r}")).collect();
    t.body = value_type(kernel, &regs);
    t.body += &format!("fn value({}) -> Value {{\n{inside}{value_code}", params.join(", "));
    t.body += &format!("    return Value({});\n}}\n", values.join(", "));
    let count = t.word(Word::Count);
    let mut main = format!("{ENTRY}{GROUP}    let u = group * 256u + li;\n    let first = 4u * u;\n");
    main += &format!("    if first >= {count} {{ return; }}\n{before}");
    let guarded = super::library::needed(&t.body).contains("var<private> trouble");
    for lane in 0..4 {
        let given: Vec<String> = args.iter().map(|a| a[lane].clone()).collect();
        let given: String = given.iter().map(|a| format!(", {a}")).collect();
        if guarded && lane > 0 {
            main += &format!("    let t{lane} = trouble;\n");
        }
        main += &format!("    let y{lane} = value(first + {lane}u{given});\n");
        if guarded && lane > 0 {
            // What lies behind the end is nobody's trouble.
            main += &format!("    if first + {lane}u >= {count} {{ trouble = t{lane}; }}\n");
        }
    }
    for (k, o) in outs.iter().enumerate() {
        let dtype = kernel.dtype(o.reg);
        let bind = t.bind(Source::Slot(o.slot), dtype, true, reach(&o.layout, 0));
        let start = t.word(Word::Offset { bind, relative: 0, step: 1 });
        let all: Vec<String> = (0..4).map(|lane| format!("y{lane}.v{k}")).collect();
        main += &match dtype {
            DType::F32 | DType::F16 => {
                t.types[bind] = format!("vec4<{dtype}>");
                format!("    b{bind}[({start} >> 2u) + u] = vec4<{dtype}>(vec4<f32>({}));\n", all.join(", "))
            }
            DType::Bool => {
                let bytes: Vec<String> =
                    all.iter().enumerate().map(|(i, v)| format!("select(0u, {}u, {v})", 1u32 << (8 * i))).collect();
                format!("    b{bind}[({start} >> 2u) + u] = {};\n", bytes.join(" | "))
            }
            _ => all.iter().enumerate().map(|(i, v)| format!("    b{bind}[{start} + first + {i}u] = {v};\n")).collect(),
        };
    }
    t.body += &main;
    let flag = t.flag();
    t.body += &(flag + "}\n");
    Some(MapText { text: t, lanes: 4, parts: true, wide: true, count: kernel.domain.size() })
}

/// The form for any layouts.
pub fn plain(kernel: &Kernel, outs: &[Out], slots: &[Slot]) -> Option<MapText> {
    let axes = axes(kernel, outs);
    let n = kernel.loads.len();
    let mut t = Text::default();
    let regs: Vec<u16> = outs.iter().map(|o| o.reg).collect();
    t.value(kernel, slots, &axes, &regs, &[])?;
    let packed = |o: &Out| kernel.dtype(o.reg) == DType::Bool && is_whole(o, slots);
    let lanes = if outs.iter().any(packed) { 4 } else { 1 };
    let count = t.word(Word::Count);
    let mut main = format!("{ENTRY}{GROUP}    let u = group * 256u + li;\n");
    main += &format!("    if u * {lanes}u >= {count} {{ return; }}\n");
    let indent = if lanes == 4 { "        " } else { "    " };
    if lanes == 4 {
        for k in 0..outs.len() {
            main += &format!("    var z{k} = 0u;\n");
        }
        main += "    for (var j = 0u; j < 4u; j++) {\n        let e = u * 4u + j;\n";
        main += &format!("        if e >= {count} {{ break; }}\n");
    } else {
        main += "    let e = u;\n";
    }
    let every: Vec<usize> = (0..axes.rank()).collect();
    main += &t.coordinates(&axes, &every, "e", indent);
    let coords: Vec<String> = every.iter().map(|k| format!("c{k}")).collect();
    main += &format!("{indent}let y = value({});\n", coords.join(", "));
    let mut after = String::new();
    for (k, o) in outs.iter().enumerate() {
        let dtype = kernel.dtype(o.reg);
        let relative = o.layout.offset as isize;
        let bind = t.bind(Source::Slot(o.slot), dtype, true, reach(&o.layout, relative));
        let step = axes.only_step(n + k);
        let start = Word::Offset { bind, relative, step };
        if packed(o) {
            let start = t.word(start);
            main += &format!("{indent}z{k} |= select(0u, 1u, y.v{k}) << (8u * j);\n");
            after += &format!("    b{bind}[({start} >> 2u) + u] = z{k};\n");
            continue;
        }
        let at = t.position(start, &axes.steps[n + k]);
        if dtype == DType::Bool {
            t.types[bind] = "atomic<u32>".into();
            main += &format!("{indent}let a{k} = {at};\n{indent}let s{k} = (a{k} & 3u) << 3u;\n");
            main += &format!("{indent}atomicAnd(&b{bind}[a{k} >> 2u], ~(255u << s{k}));\n");
            main += &format!("{indent}atomicOr(&b{bind}[a{k} >> 2u], select(0u, 1u, y.v{k}) << s{k});\n");
        } else {
            main += &format!("{indent}b{bind}[{at}] = {};\n", stored(dtype, &format!("y.v{k}")));
        }
    }
    if lanes == 4 {
        main += "    }\n";
    }
    t.body += &(main + &after);
    let flag = t.flag();
    t.body += &(flag + "}\n");
    Some(MapText { text: t, lanes, parts: axes.rank() == 1, wide: false, count: kernel.domain.size() })
}
