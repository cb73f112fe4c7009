//! Products of f16 by cooperative matrices: a subgroup multiplies small matrices at once and adds in f32.
//!
//! A group computes a tile of the result: both sides' parts of it go through workgroup memory, zeros beyond their ends,
//! and each subgroup holds a block of small matrices of the result. As in `contract` the next parts are on their way from
//! memory meanwhile, tiles are taken in bands, and any layout is read along its contiguous axis, which is also the
//! order in workgroup memory: the other order is a matter of how small matrices are loaded. Four elements are read at a
//! time where offset and steps are multiples of four, which the launch knows. Results leave by way of workgroup memory,
//! so that ends need no form of their own.
//!
//! The device says how large its small matrices are and how many threads a subgroup has (`Coop`); naga knows square ones
//! of 8 and 16.

use super::contract::{Way, head};
use super::ending::{Ending, leading};
use super::fold::Stage;
use super::text::{GROUP, Source, Text, Word, reach};
use crate::base::{DType, Layout, Shape};
use crate::device::vulkan::context::Coop;
use crate::plan::kernel::{BASE, Out, PRODUCT};
use crate::plan::{Finish, From, Kernel, Load, Slot};

/// How a group's work is laid out.
#[derive(Clone, Copy)]
struct Plan {
    /// Rows and columns of a small matrix.
    edge: usize,
    /// Rows, columns and depth of a tile.
    m: usize,
    n: usize,
    k: usize,
    /// Subgroups along the rows and the columns of a tile.
    high: usize,
    wide: usize,
    /// Threads of a subgroup.
    lanes: usize,
}

impl Plan {
    fn new(coop: Coop, m: usize, n: usize) -> Plan {
        let (edge, lanes) = (coop.edge, coop.lanes);
        if edge < 16 {
            return Plan { edge, m: 32, n: 32, k: 16, high: 2, wide: 2, lanes };
        }
        let side = if m >= 256 && n >= 256 { 128 } else { 64 };
        let wide = if lanes <= 32 { 4 } else { 2 };
        Plan { edge, m: side, n: side, k: 32, high: 2, wide, lanes }
    }

    fn threads(self) -> usize {
        self.high * self.wide * self.lanes
    }

    /// Small matrices of a subgroup along rows and columns.
    fn block(self) -> (usize, usize) {
        (self.m / self.high / self.edge, self.n / self.wide / self.edge)
    }
}

/// Elements between lines in workgroup memory, whose banks lines would share.
const PAD: usize = 8;

/// The text of a product of f16; `None` where it is another product or too small to be worth it.
pub fn coop(kernel: &Kernel, outs: &[Out], out: &Layout, slots: &[Slot], coop: Coop) -> Option<Stage> {
    let (a, b) = (&kernel.loads[0], &kernel.loads[1]);
    let (From::Slot(from_a), From::Slot(from_b)) = (&a.from, &b.from) else { return None };
    let r = kernel.domain.rank();
    let (m, n, k) = (kernel.domain[r - 2], kernel.domain[r - 1], a.layout.shape[r - 1]);
    let halves = a.dtype == DType::F16 && b.dtype == DType::F16;
    let plan = Plan::new(coop, m, n);
    let loads = plan.m * plan.k / 4;
    let even = loads.is_multiple_of(plan.threads()) && plan.block().0.min(plan.block().1) > 0;
    if !halves || !even || m.min(n) < 16 || k < 8 {
        return None;
    }
    let mut t = Text::default();
    let axes = leading(kernel, outs, out);
    // Each side is bound twice: by elements and by fours.
    let mut side = |from: usize, load: &Load| {
        let relative = load.layout.offset as isize - BASE as isize;
        let bind = t.bind(Source::Slot(from), DType::F16, false, reach(&load.layout, relative));
        let fours = t.bind(Source::Slot(from), DType::F16, false, reach(&load.layout, relative));
        t.types[fours] = "vec4<f16>".into();
        (bind, Word::Offset { bind, relative, step: 0 })
    };
    let (bind_a, start_a) = side(*from_a, a);
    let (bind_b, start_b) = side(*from_b, b);
    let ending = Ending::new(&mut t, kernel, outs, out, slots, false, &axes)?;
    let tiles = (m.div_ceil(plan.m), n.div_ceil(plan.n));
    let count = axes.count(false);
    let mut main = head(&mut t, tiles, (m, n, k), count);
    main += &t.coordinates(&axes, &(0..axes.rank()).collect::<Vec<_>>(), "batch", "    ");
    let at_a = t.position(start_a, &axes.steps[0]);
    let at_b = t.position(start_b, &axes.steps[1]);
    main += &format!("    let base_a = {at_a};\n    let base_b = {at_b};\n{}", ending.lines);
    let (sa, sb) = (&a.layout.strides, &b.layout.strides);
    let ways = [
        Way { name: "a", bind: bind_a, outer: "row", size: "size_m", steps: (sa[r - 2], sa[r - 1]), wide: plan.m },
        Way { name: "b", bind: bind_b, outer: "col", size: "size_n", steps: (sb[r - 1], sb[r - 2]), wide: plan.n },
    ];
    main += &inner(&mut t, plan, &ways);
    main += &results(plan, &ending);
    let threads = plan.threads();
    let mut shared: String = ways
        .iter()
        .map(|w| {
            format!("var<workgroup> s{}: array<vec4<f16>, {}>;\n", w.name, lines(plan, w).0 * lines(plan, w).1 / 4)
        })
        .collect();
    shared += &format!("var<workgroup> sc: array<f32, {}>;\n", plan.high * plan.wide * plan.edge * plan.edge);
    let entry = format!(
        "@compute @workgroup_size({threads})\nfn main(@builtin(workgroup_id) wg: vec3<u32>, \
         @builtin(num_workgroups) ng: vec3<u32>, @builtin(local_invocation_index) li: u32, \
         @builtin(subgroup_id) sub: u32, @builtin(subgroup_invocation_id) lane: u32) {{\n"
    );
    t.body = format!("{shared}{}{entry}{GROUP}{main}", ending.text);
    let flag = t.flag();
    t.body += &(flag + "}\n");
    Some(Stage { text: t, groups: tiles.0 * tiles.1 * count })
}

/// The text of some product, to see whether a driver takes such texts.
pub fn sample(kind: Coop) -> Option<Text> {
    let layout = Layout { offset: BASE, ..Layout::contiguous(Shape::new(&[64, 64])) };
    let side = |slot| Load { from: From::Slot(slot), dtype: DType::F16, layout: layout.clone() };
    let out = Layout::contiguous(Shape::new(&[64, 64]));
    let product = Load { from: From::Product, dtype: DType::F32, layout: layout.clone() };
    let outs = vec![Out { reg: PRODUCT, slot: 2, layout: out.clone() }];
    let finish = Finish::Contract { outs: outs.clone() };
    let kernel = Kernel { domain: out.shape.clone(), loads: vec![side(0), side(1), product], code: vec![], finish };
    coop(&kernel, &outs, &out, &[], kind).map(|stage| stage.text)
}

/// Whether a side lies along the inner axis, in memory and so in workgroup memory.
fn along_depth(w: &Way) -> bool {
    w.steps.0 != 1
}

/// Lines of a side's part in workgroup memory, and elements from one to the next.
fn lines(plan: Plan, w: &Way) -> (usize, usize) {
    if along_depth(w) { (w.wide, plan.k + PAD) } else { (plan.k, w.wide + PAD) }
}

/// The loop over the inner axis.
fn inner(t: &mut Text, plan: Plan, ways: &[Way; 2]) -> String {
    let (rows, columns) = plan.block();
    let each = |w: &Way| w.wide * plan.k / 4 / plan.threads();
    let edge = plan.edge;
    let mut out = format!("    let row0 = tile_m * {}u;\n    let col0 = tile_n * {}u;\n", plan.m, plan.n);
    out += &format!("    let sub_row = sub / {0}u * {1}u;\n", plan.wide, rows * edge);
    out += &format!("    let sub_col = sub % {0}u * {1}u;\n", plan.wide, columns * edge);
    for i in 0..rows {
        for j in 0..columns {
            out += &format!("    var c{i}_{j} = coop_mat{edge}x{edge}<f32, C>();\n");
        }
    }
    for w in ways {
        let (name, outer, depth) = (w.name, t.word(Word::Is(w.steps.0 as u32)), t.word(Word::Is(w.steps.1 as u32)));
        out += &format!("    let outer_{name} = {outer};\n    let depth_{name} = {depth};\n");
        // By fours where every line begins at a multiple of four and ends at one.
        let (step, length) = if along_depth(w) { ("outer", "size_k") } else { ("depth", w.size) };
        let unit = if along_depth(w) { w.steps.1 == 1 } else { w.steps.0 == 1 };
        out += &format!("    let whole_{name} = {unit} && ((base_{name} | {step}_{name} | {length}) & 3u) == 0u;\n");
        for q in 0..each(w) {
            out += &format!("    var p{name}{q} = vec4<f16>();\n");
        }
    }
    out += &fetch(plan, ways, "0u", "    ");
    out += &format!("    for (var k0 = 0u; k0 < size_k; k0 += {}u) {{\n", plan.k);
    for w in ways {
        for q in 0..each(w) {
            let (line, at) = spot(plan, w, q);
            let (name, step) = (w.name, lines(plan, w).1 / 4);
            out += &format!("        s{name}[{line} * {step}u + {at}] = p{name}{q};\n");
        }
    }
    out += "        workgroupBarrier();\n";
    out += &format!("        if k0 + {}u < size_k {{\n", plan.k);
    out += &fetch(plan, ways, &format!("k0 + {}u", plan.k), "            ");
    out += "        }\n";
    for d in (0..plan.k).step_by(edge) {
        for (w, sub, count, role) in [(&ways[0], "sub_row", rows, "A"), (&ways[1], "sub_col", columns, "B")] {
            let step = lines(plan, w).1 / 4;
            // Small matrices of the left side are rows by depth, of the right one depth by columns.
            let by_rows = along_depth(w) == (role == "A");
            let load = if by_rows { "coopLoadT" } else { "coopLoad" };
            for i in 0..count {
                let name = w.name;
                let at = match along_depth(w) {
                    true => format!("({sub} + {}u) * {step}u + {}u", i * edge, d / 4),
                    false => format!("{d}u * {step}u + ({sub} + {}u) / 4u", i * edge),
                };
                out += &format!("        let at_{name}{d}_{i} = {at};\n        let by_{name}{d}_{i} = {step}u;\n");
                out += &format!(
                    "        let {name}{d}_{i} = {load}<coop_mat{edge}x{edge}<f16, {role}>>(&s{name}[at_{name}{d}_{i}], by_{name}{d}_{i});\n"
                );
            }
        }
        for i in 0..rows {
            for j in 0..columns {
                out += &format!("        c{i}_{j} = coopMultiplyAdd(a{d}_{i}, b{d}_{j}, c{i}_{j});\n");
            }
        }
    }
    out += "        workgroupBarrier();\n    }\n";
    out
}

/// Which four elements of a side's part thread `li` moves as its q-th: line, and fours in the line.
fn spot(plan: Plan, w: &Way, q: usize) -> (String, String) {
    let fours = if along_depth(w) { plan.k / 4 } else { w.wide / 4 };
    let at = format!("(li + {}u)", q * plan.threads());
    (format!("({at} / {fours}u)"), format!("({at} % {fours}u)"))
}

/// Lines that bring a thread's elements of the next parts into registers.
fn fetch(plan: Plan, ways: &[Way; 2], depth: &str, indent: &str) -> String {
    let mut out = String::new();
    for w in ways {
        let (n, size) = (w.name, w.size);
        for q in 0..w.wide * plan.k / 4 / plan.threads() {
            let (line, at) = spot(plan, w, q);
            let (o, d) = match along_depth(w) {
                true => (line, format!("{at} * 4u")),
                false => (format!("{at} * 4u"), line),
            };
            out += &format!("{indent}{{ let o = {}0 + {o}; let d = {depth} + {d};\n", w.outer);
            out += &format!("{indent}let i = base_{n} + o * outer_{n} + d * depth_{n};\n");
            out += &format!("{indent}p{n}{q} = vec4<f16>();\n{indent}if o < {size} && d < size_k {{\n");
            out += &format!("{indent}    if whole_{n} {{ p{n}{q} = b{}[i >> 2u]; }} else {{\n", w.bind + 1);
            let (step, left) = match along_depth(w) {
                true => (format!("depth_{n}"), "size_k - d".to_string()),
                false => (format!("outer_{n}"), format!("{size} - o")),
            };
            out += &format!("{indent}        p{n}{q}.x = b{}[i];\n", w.bind);
            for (e, part) in ["y", "z", "w"].iter().enumerate() {
                let e = e + 1;
                out += &format!(
                    "{indent}        if {left} > {e}u {{ p{n}{q}.{part} = b{}[i + {e}u * {step}]; }}\n",
                    w.bind
                );
            }
            out += &format!("{indent}    }}\n{indent}}} }}\n");
        }
    }
    out
}

/// Lines that write a subgroup's block, a small matrix at a time.
fn results(plan: Plan, ending: &Ending) -> String {
    let (rows, columns) = plan.block();
    let (edge, lanes) = (plan.edge, plan.lanes);
    let mut out = format!("    let own = sub * {}u;\n    let line = {edge}u;\n", edge * edge);
    for i in 0..rows {
        for j in 0..columns {
            out += &format!("    coopStoreT(c{i}_{j}, &sc[own], line);\n    workgroupBarrier();\n");
            out += &format!("    for (var e = lane; e < {}u; e += {lanes}u) {{\n", edge * edge);
            out += &format!("        let row = row0 + sub_row + {}u + e / {edge}u;\n", i * edge);
            out += &format!("        let col = col0 + sub_col + {}u + e % {edge}u;\n", j * edge);
            out += &format!("        if row < size_m && col < size_n {{ {} }}\n", ending.write("sc[own + e]"));
            out += "    }\n    workgroupBarrier();\n";
        }
    }
    out
}
