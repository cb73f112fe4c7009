//! The kernel of products by cooperative matrices, on devices without them: its text with small matrices of our own, of
//! which every thread has all elements. So all that the text does with places, ends and workgroup memory is held to
//! what the CPU makes of the same product.

use std::sync::Arc;

use super::codegen::coop::coop;
use super::codegen::text::Text;
use super::context::Coop;
use super::launch::Ready;
use crate::base::{Buffer, DType, Half, Layout, Shape};
use crate::device::{Bound, Memory};
use crate::plan::kernel::{BASE, Out, PRODUCT};
use crate::plan::{Finish, From, Kernel, Load};

/// What stands for the matrices: whole ones, loaded from a side's part in one of the two orders, and stored.
fn matrices(edge: usize) -> String {
    let side = |name: &str, order: &str, place: &str| {
        format!(
            "fn load_{name}{order}(at: u32, by: u32) -> Mat {{\n    var m = Mat();\n    \
             for (var e = 0u; e < {size}u; e++) {{\n        let i = {place};\n        \
             m.v[e] = f32(s{name}[at + (i >> 2u)][i & 3u]);\n    }}\n    return m;\n}}\n",
            size = edge * edge
        )
    };
    let (row, column) = (format!("(e / {edge}u)"), format!("(e % {edge}u)"));
    let by_rows = format!("{row} * by * 4u + {column}");
    let by_columns = format!("{column} * by * 4u + {row}");
    let mut out = format!("struct Mat {{ v: array<f32, {}> }}\n", edge * edge);
    for name in ["a", "b"] {
        out += &side(name, "T", &by_rows);
        out += &side(name, "", &by_columns);
    }
    out += &format!(
        "fn coopMultiplyAdd_(a: Mat, b: Mat, c: Mat) -> Mat {{\n    var x = a;\n    var y = b;\n    var m = c;\n    \
         for (var e = 0u; e < {size}u; e++) {{\n        for (var d = 0u; d < {edge}u; d++) {{\n            \
         m.v[e] += x.v[e / {edge}u * {edge}u + d] * y.v[d * {edge}u + e % {edge}u];\n        }}\n    }}\n    \
         return m;\n}}\nfn store_(c: Mat, at: u32, by: u32) {{\n    var m = c;\n    \
         for (var e = 0u; e < {size}u; e++) {{ sc[at + e / {edge}u * by + e % {edge}u] = m.v[e]; }}\n}}\n",
        size = edge * edge
    );
    out
}

/// The text with those, for a device that has no others.
fn emulated(text: &Text, kind: Coop) -> Text {
    let edge = kind.edge;
    let mut body = text.body.replace(&format!("coop_mat{edge}x{edge}<f32, C>()"), "Mat()");
    for (name, role) in [("a", "A"), ("b", "B")] {
        for order in ["T", ""] {
            let load = format!("coopLoad{order}<coop_mat{edge}x{edge}<f16, {role}>>(&s{name}[");
            let parts: Vec<&str> = body.split(&load).collect();
            let ours: Vec<String> = parts[1..].iter().map(|p| p.replacen("],", ",", 1)).collect();
            body = [parts[0].to_string()]
                .into_iter()
                .chain(ours)
                .collect::<Vec<_>>()
                .join(&format!("load_{name}{order}("));
        }
    }
    body = body.replace("coopMultiplyAdd(", "coopMultiplyAdd_(");
    body = body.replace("coopStoreT(", "store_(").replace("&sc[own], line)", "own, line)");
    body = body.replace(
        "@builtin(subgroup_id) sub: u32, @builtin(subgroup_invocation_id) lane: u32) {\n",
        &format!(") {{\n    let sub = li / {0}u;\n    let lane = li % {0}u;\n", kind.lanes),
    );
    assert!(!body.contains("coop_mat") && !body.contains("subgroup"), "{body}");
    let at = body.find("@compute").expect("an entry");
    body.insert_str(at, &matrices(edge));
    Text { body, ..text.clone() }
}

/// A side of a product: its elements, and their layout.
fn side(shape: &[usize], turned: bool, start: usize) -> (Arc<Buffer>, Layout) {
    let n: usize = shape.iter().product();
    let all: Vec<Half> = (0..n + start).map(|i| Half::from_f64(((i * 7919 % 101) as f64 - 50.0) / 16.0)).collect();
    let mut layout = Layout::contiguous(Shape::new(shape));
    layout.offset = start;
    if turned {
        let r = shape.len();
        let mut order: Vec<usize> = (0..r).collect();
        order.swap(r - 1, r - 2);
        layout = layout.permute(&order);
    }
    (Buffer::from_slice(&all).expect("fits"), layout)
}

fn product(gpu: &'static super::Gpu, kind: Coop, sizes: [usize; 4], turned: usize, start: usize) {
    let [batch, m, k, n] = sizes;
    let flip = |t: bool, a: usize, b: usize| if t { [batch, b, a] } else { [batch, a, b] };
    let (a, la) = side(&flip(turned & 1 > 0, m, k), turned & 1 > 0, start);
    let (b, lb) = side(&flip(turned & 2 > 0, k, n), turned & 2 > 0, 2 * start);
    let load = |slot: usize, l: &Layout| Load {
        from: From::Slot(slot),
        dtype: DType::F16,
        layout: Layout { offset: l.offset + BASE, ..l.clone() },
    };
    let domain = Shape::new(&[batch, m, n]);
    let to = Layout::contiguous(domain.clone());
    let made = Layout { offset: BASE, ..to.clone() };
    let product = Load { from: From::Product, dtype: DType::F32, layout: made };
    let outs = vec![Out { reg: PRODUCT, slot: 2, layout: to.clone() }];
    let loads = vec![load(0, &la), load(1, &lb), product];
    let kernel = Kernel { domain, loads, code: vec![], finish: Finish::Contract { outs: outs.clone() } };
    let stage = coop(&kernel, &outs, &to, &[], kind).expect("has a text");
    let bytes = 4 * batch * m * n;
    let out = Buffer::away_only(bytes, gpu.alloc(super::memory::Kind::Device, bytes as u64, false).expect("room"));
    let bound = |buffer: &Arc<Buffer>| Bound::Buffer { buffer: buffer.clone(), offset: 0 };
    let memory = Memory { bound: vec![bound(&a), bound(&b), bound(&out)] };
    let ready = Ready::new(gpu, emulated(&stage.text, kind));
    let backing = ready.backing(&memory, &[], None).expect("memory");
    ready.run(&memory, &backing, 0, 0, stage.groups).expect("runs");
    let got = out.as_slice::<f32>();
    let at = |l: &Layout, i: [usize; 3]| {
        (l.offset as isize + i.iter().zip(&l.strides).map(|(&i, &s)| i as isize * s).sum::<isize>()) as usize
    };
    let (a, b) = (a.as_slice::<Half>(), b.as_slice::<Half>());
    assert_eq!(got.len(), batch * m * n);
    for (i, &found) in got.iter().enumerate() {
        let (z, row, column) = (i / (m * n), i / n % m, i % n);
        // Products of such numbers and their sums are exact in f32.
        let want: f32 = (0..k).map(|d| a[at(&la, [z, row, d])].to_f32() * b[at(&lb, [z, d, column])].to_f32()).sum();
        assert_eq!(found, want, "{kind:?} {sizes:?} turned {turned} from {start}: [{z}, {row}, {column}]");
    }
}

#[test]
fn products_by_small_matrices_are_right() {
    let Ok(place) = crate::device::named("vulkan:cpu") else {
        eprintln!("vulkan: skipped");
        assert!(std::env::var_os("CI").is_none(), "in CI there must be a driver");
        return;
    };
    let gpu = super::open(place.device()).expect("opens").gpu;
    for turned in 0..4 {
        // By fours where all is even, and element by element where it is not.
        for (sizes, start) in [([1, 40, 24, 36], 4), ([2, 37, 21, 50], 0), ([1, 32, 16, 32], 3)] {
            product(gpu, Coop { edge: 8, lanes: 8 }, sizes, turned, start);
        }
    }
    // Other kinds differ in numbers only; software takes long over them.
    product(gpu, Coop { edge: 16, lanes: 32 }, [1, 40, 36, 68], 2, 0);
}
