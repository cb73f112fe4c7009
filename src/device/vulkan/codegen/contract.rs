//! Products: tiles of the result, each computed by a group of 256 threads from tiles of both sides in shared memory.
//!
//! A thread holds a block of 4 x 4 or 8 x 8 results in registers, as vectors of four (written out: loops over small arrays are
//! 13 to 18 times slower). While a tile is multiplied the next one is on its way from memory. Any layout: a side is read
//! along whichever of its axes is contiguous. Tiles are taken in bands of eight rows, so that neighbours share what the
//! cache holds. What is made of the product is made of registers (`ending`). Thin products (one row or column) are folds: see `thin`.

use super::coop::coop;
use super::ending::{Ending, leading};
use super::fold::Stage;
use super::text::{ENTRY, GROUP, Source, Text, Word, reach};
use crate::base::{DType, Layout};
use crate::device::vulkan::context::Caps;
use crate::plan::kernel::{BASE, Out};
use crate::plan::{From, Kernel, Load, Slot};

/// Rows, columns and depth of a tile, and the edge of a thread's block.
#[derive(Clone, Copy)]
struct Tile {
    m: usize,
    n: usize,
    k: usize,
    edge: usize,
}

const LARGE: Tile = Tile { m: 128, n: 128, k: 8, edge: 8 };
const SMALL: Tile = Tile { m: 64, n: 64, k: 16, edge: 4 };

/// The dtype that a product is computed in, and has: operands of f16 are read as f32.
pub fn computed(kernel: &Kernel) -> DType {
    match kernel.dtype(0) {
        DType::F16 => DType::F32,
        d => d,
    }
}

/// Whether a product has so few rows or columns that it is a fold.
pub fn is_thin(kernel: &Kernel) -> bool {
    let r = kernel.domain.rank();
    let (m, n) = (kernel.domain[r - 2], kernel.domain[r - 1]);
    m.min(n) <= 2 || m * n <= 64
}

/// Whether products of a dtype, with something to add up, have a text.
pub fn has_text(kernel: &Kernel) -> bool {
    let depth = kernel.loads[0].layout.shape[kernel.domain.rank() - 1];
    matches!(computed(kernel), DType::F32 | DType::F64 | DType::I64) && depth > 0
}

/// The text of a product in tiles; `None` where the device has not got what it needs. `out`: where a bare product lies; `more`:
/// it is added to what is there.
pub fn contract(kernel: &Kernel, outs: &[Out], out: &Layout, slots: &[Slot], more: bool, caps: &Caps) -> Option<Stage> {
    let dtype = computed(kernel);
    let (a, b) = (&kernel.loads[0], &kernel.loads[1]);
    let (From::Slot(from_a), From::Slot(from_b)) = (&a.from, &b.from) else { return None };
    let r = kernel.domain.rank();
    let (m, n, k) = (kernel.domain[r - 2], kernel.domain[r - 1], a.layout.shape[r - 1]);
    if !has_text(kernel) {
        return None;
    }
    if let Some(stage) = caps.coop.filter(|_| !more).and_then(|c| coop(kernel, outs, out, slots, c)) {
        return Some(stage);
    }
    let large = dtype == DType::F32 && m >= 256 && n >= 256;
    let tile = if large { LARGE } else { SMALL };
    let mut t = Text::default();
    let axes = leading(kernel, outs, out);
    let mut side = |from: usize, load: &Load| {
        let l = &load.layout;
        let relative = l.offset as isize - BASE as isize;
        let bind = t.bind(Source::Slot(from), load.dtype, false, reach(l, relative));
        (bind, Word::Offset { bind, relative, step: 0 })
    };
    let (bind_a, start_a) = side(*from_a, a);
    let (bind_b, start_b) = side(*from_b, b);
    let ending = Ending::new(&mut t, kernel, outs, out, slots, more, &axes)?;
    let tiles = (m.div_ceil(tile.m), n.div_ceil(tile.n));
    let count = axes.count(false);
    let mut main = head(&mut t, tiles, (m, n, k), count);
    main += &t.coordinates(&axes, &(0..axes.rank()).collect::<Vec<_>>(), "batch", "    ");
    let at_a = t.position(start_a, &axes.steps[0]);
    let at_b = t.position(start_b, &axes.steps[1]);
    main += &format!("    let base_a = {at_a};\n    let base_b = {at_b};\n{}", ending.lines);
    let (sa, sb) = (&a.layout.strides, &b.layout.strides);
    let ways = [
        Way { name: "a", bind: bind_a, outer: "row", size: "size_m", steps: (sa[r - 2], sa[r - 1]), wide: tile.m },
        Way { name: "b", bind: bind_b, outer: "col", size: "size_n", steps: (sb[r - 1], sb[r - 2]), wide: tile.n },
    ];
    main += &inner(&mut t, tile, dtype, &ways);
    main += &stores(tile, &ending);
    let ty = dtype.name();
    let shared: String = ways
        .iter()
        .map(|w| format!("var<workgroup> s{}: array<vec4<{ty}>, {}>;\n", w.name, w.wide * tile.k / 4))
        .collect();
    t.body = format!("{shared}{}{ENTRY}{GROUP}{main}", ending.text);
    let flag = t.flag();
    t.body += &(flag + "}\n");
    Some(Stage { text: t, groups: tiles.0 * tiles.1 * count })
}

/// One side of the product: `outer` is the axis that it shares with the result.
pub(super) struct Way {
    pub name: &'static str,
    pub bind: usize,
    pub outer: &'static str,
    pub size: &'static str,
    /// Of the outer axis and of the inner one.
    pub steps: (isize, isize),
    pub wide: usize,
}

/// Which tile a group computes.
pub(super) fn head(t: &mut Text, (tm, tn): (usize, usize), (m, n, k): (usize, usize, usize), count: usize) -> String {
    let (tm, tn, total) = (t.is(tm), t.is(tn), t.is(tm * tn * count));
    let (m, n, k) = (t.is(m), t.is(n), t.is(k));
    format!(
        "    if group >= {total} {{ return; }}
    let size_m = {m};
    let size_n = {n};
    let size_k = {k};
    let batch = group / ({tm} * {tn});
    let within = group % ({tm} * {tn});
    let band = within / (8u * {tn});
    let rest = within % (8u * {tn});
    let high = min(8u, {tm} - band * 8u);
    let tile_m = band * 8u + rest % high;
    let tile_n = rest / high;
"
    )
}

/// The loop over the inner axis.
fn inner(t: &mut Text, tile: Tile, dtype: DType, ways: &[Way; 2]) -> String {
    let (ty, parts) = (dtype.name(), tile.edge / 4);
    let across = tile.n / tile.edge;
    let mut out = format!("    let tx = li % {across}u;\n    let ty = li / {across}u;\n");
    out += &format!("    let row0 = tile_m * {}u;\n    let col0 = tile_n * {}u;\n", tile.m, tile.n);
    for i in 0..tile.edge {
        for j in 0..parts {
            out += &format!("    var c{i}_{j} = vec4<{ty}>();\n");
        }
    }
    for w in ways {
        let (outer, depth) = (t.word(Word::Is(w.steps.0 as u32)), t.word(Word::Is(w.steps.1 as u32)));
        out += &format!("    let outer_{} = {outer};\n    let depth_{} = {depth};\n", w.name, w.name);
        for q in 0..w.wide * tile.k / 256 {
            out += &format!("    var p{}{q} = {ty}();\n", w.name);
        }
    }
    out += &fetch(t, tile, ways, "0u", "    ", ty);
    out += &format!("    for (var k0 = 0u; k0 < size_k; k0 += {}u) {{\n", tile.k);
    for w in ways {
        for q in 0..w.wide * tile.k / 256 {
            let (o, d) = spot(tile, w, q);
            out += &format!(
                "        {{ let at = {d} * {}u + {o}; s{}[at >> 2u][at & 3u] = p{}{q}; }}\n",
                w.wide, w.name, w.name
            );
        }
    }
    out += "        workgroupBarrier();\n";
    out += &format!("        if k0 + {}u < size_k {{\n", tile.k);
    out += &fetch(t, tile, ways, &format!("k0 + {}u", tile.k), "            ", ty);
    out += "        }\n";
    out += &format!("        for (var d = 0u; d < {}u; d++) {{\n", tile.k);
    for (name, by, wide) in [("a", "ty", tile.m), ("b", "tx", tile.n)] {
        for j in 0..parts {
            out += &format!(
                "            let {name}{j} = s{name}[d * {}u + {by} + {}u];\n",
                wide / 4,
                j * wide / 4 / parts
            );
        }
    }
    for i in 0..tile.edge {
        for j in 0..parts {
            out += &format!("            c{i}_{j} += a{}[{}u] * b{j};\n", i / 4, i % 4);
        }
    }
    out += "        }\n        workgroupBarrier();\n    }\n";
    out
}

/// Which element of a side's tile thread `li` moves as its q-th: along the contiguous axis.
fn spot(tile: Tile, w: &Way, q: usize) -> (String, String) {
    let at = format!("(li + {}u)", q * 256);
    if w.steps.1 == 1 {
        (format!("({at} / {}u)", tile.k), format!("({at} % {}u)", tile.k))
    } else {
        (format!("({at} % {}u)", w.wide), format!("({at} / {}u)", w.wide))
    }
}

/// Lines that bring a thread's elements of the next tiles into registers.
fn fetch(t: &Text, tile: Tile, ways: &[Way; 2], depth: &str, indent: &str, ty: &str) -> String {
    let mut out = String::new();
    for w in ways {
        for q in 0..w.wide * tile.k / 256 {
            let (o, d) = spot(tile, w, q);
            let n = w.name;
            out += &format!("{indent}{{ let o = {}0 + {o}; let d = {depth} + {d};\n", w.outer);
            out += &format!("{indent}p{n}{q} = {ty}();\n{indent}if o < {} && d < size_k {{ ", w.size);
            let read = t.load(w.bind, &format!("base_{n} + o * outer_{n} + d * depth_{n}"));
            out += &format!("p{n}{q} = {read}; }} }}\n");
        }
    }
    out
}

/// Lines that write a thread's block.
fn stores(tile: Tile, ending: &Ending) -> String {
    let parts = tile.edge / 4;
    let mut out = String::new();
    for i in 0..tile.edge {
        let row = format!("row0 + ty * 4u + {}u", i % 4 + i / 4 * tile.m / parts);
        out += &format!("    {{ let row = {row};\n    if row < size_m {{\n");
        for j in 0..parts {
            for c in 0..4 {
                let col = format!("col0 + tx * 4u + {}u", c + j * tile.n / parts);
                let write = ending.write(&format!("c{i}_{j}[{c}u]"));
                out += &format!("        {{ let col = {col}; if col < size_n {{ {write} }} }}\n");
            }
        }
        out += "    } }\n";
    }
    out
}
