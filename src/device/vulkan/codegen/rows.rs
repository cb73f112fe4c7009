//! Rows: maps and folds over the rows of one domain, in stages, so that softmax, layer norm and their gradients are one
//! kernel.
//!
//! A group of 256 threads per row (a thread per row where rows are short): each stage goes over the row, computes what its
//! folds take (again from the loads, which the cache holds by then: arithmetic is cheaper than memory), and folds it; the last
//! pass stores. A fold belongs to the stage after those of the folds that it needs.

use super::axes::Axes;
use super::fold::{Stage, reader, steps as in_steps, store};
use super::library::{has, wgsl};
use super::text::{ENTRY, GROUP, Source, Text, Word, reach};
use crate::base::{DType, Layout};
use crate::graph::Fold;
use crate::graph::prim::Body;
use crate::plan::kernel::Out;
use crate::plan::{Kernel, Slot};

/// A fold among the instructions.
struct Step {
    /// Its register, and the one that it folds.
    reg: usize,
    of: usize,
    fold: Fold,
    dtype: DType,
    stage: usize,
}

impl Step {
    fn call(&self, what: &str) -> String {
        format!("{what}_{}_{}", self.fold.name(), self.dtype.name())
    }
}

/// The text of a kernel of rows; `None` where the device has not got what it needs.
pub fn rows(kernel: &Kernel, folded: &[usize], outs: &[Out], slots: &[Slot]) -> Option<Stage> {
    let n = kernel.loads.len();
    let layouts: Vec<&Layout> = kernel.loads.iter().map(|l| &l.layout).chain(outs.iter().map(|o| &o.layout)).collect();
    let axes = Axes::new(&kernel.domain, folded, &layouts);
    let steps = steps(kernel)?;
    if !steps.iter().all(|s| has(&s.call("two"))) {
        return None;
    }
    let mut t = Text::default();
    let loads = t.loads(kernel, slots, &axes)?;
    for s in &steps {
        t.body += &format!("var<private> g{}: {};\n", s.reg, s.dtype.name());
    }
    let stages = steps.iter().map(|s| s.stage + 1).max().unwrap_or(0);
    let every: Vec<usize> = (0..axes.rank()).collect();
    let params: Vec<String> = every.iter().map(|k| format!("c{k}: u32")).collect();
    for stage in 0..stages {
        let wanted: Vec<usize> = steps.iter().filter(|s| s.stage == stage).map(|s| s.of).collect();
        function(&mut t, kernel, &loads, &steps, &params, stage, &wanted)?;
    }
    let stored: Vec<usize> = outs.iter().map(|o| o.reg as usize).collect();
    function(&mut t, kernel, &loads, &steps, &params, stages, &stored)?;
    let (kept, length) = (axes.count(false), axes.count(true));
    let alone = length < 64;
    let (total, all) = (t.is(kept), t.is(length));
    let mut main = String::from(ENTRY) + GROUP;
    main += &match alone {
        true => format!(
            "    let k = group * 256u + li;\n    if k >= {total} {{ return; }}\n    let begin = 0u;\n    let by = 1u;\n"
        ),
        false => {
            format!("    let k = group;\n    if k >= {total} {{ return; }}\n    let begin = li;\n    let by = 256u;\n")
        }
    };
    main += &t.coordinates(&axes, &axes.of(false), "k", "    ");
    let along = t.coordinates(&axes, &axes.of(true), "f", "            ");
    let mut shared = String::new();
    for stage in 0..stages {
        let mine: Vec<&Step> = steps_of(&steps, stage);
        for s in &mine {
            main += &format!("    var x{} = {}();\n", s.reg, s.call("none"));
        }
        let (reads, call) = reader(&mut t, &axes, &format!("stage{stage}"), &format!("Value{stage}"), None);
        t.body += &reads;
        let fold = |y: &str, _: &str| -> String {
            let one =
                |(i, s): (usize, &&Step)| format!("        x{} = {}(x{}, {y}.v{i});\n", s.reg, s.call("two"), s.reg);
            mine.iter().enumerate().map(one).collect()
        };
        main += if stage == 0 { "    var f = begin;\n" } else { "    f = begin;\n" };
        main += &in_steps(&|f| call("read", f), &all, &fold);
        if alone {
            mine.iter().for_each(|s| main += &format!("    g{} = x{};\n", s.reg, s.reg));
        } else {
            main += &together(&mine, &mut shared);
        }
    }
    let (reads, call) = reader(&mut t, &axes, &format!("stage{stages}"), &format!("Value{stages}"), None);
    t.body += &reads;
    let mut stores = String::new();
    for (k, o) in outs.iter().enumerate() {
        let relative = o.layout.offset as isize;
        let bind = t.bind(Source::Slot(o.slot), kernel.dtype(o.reg), true, reach(&o.layout, relative));
        let at = t.position(Word::Offset { bind, relative, step: 0 }, &axes.steps[n + k]);
        let row = axes.of(true).iter().all(|&a| axes.steps[n + k][a] == 0);
        stores += if row { "            if f == 0u {\n" } else { "            {\n" };
        stores += &store(&mut t, bind, &at, &format!("y.v{k}"));
        stores += "            }\n";
    }
    // In a block of its own, where `f` and `y` are those of one element.
    let each = |y: &str, f: &str| {
        let names = if y == "y" { String::new() } else { format!("            let y = {y};\n") };
        let index = if f == "f" { String::new() } else { format!("            let f = {f};\n") };
        format!("        {{\n{names}{index}{along}{stores}        }}\n")
    };
    main += if stages == 0 { "    var f = begin;\n" } else { "    f = begin;\n" };
    main += &in_steps(&|f| call("read", f), &all, &each);
    t.body += &(shared + &main);
    let flag = t.flag();
    t.body += &(flag + "}\n");
    Some(Stage { text: t, groups: if alone { kept.div_ceil(256) } else { kept } })
}

fn steps_of(steps: &[Step], stage: usize) -> Vec<&Step> {
    steps.iter().filter(|s| s.stage == stage).collect()
}

/// The folds among the instructions, with the stage of each.
fn steps(kernel: &Kernel) -> Option<Vec<Step>> {
    let n = kernel.loads.len();
    // Per register, how many stages must be over before it is known.
    let mut level = vec![0usize; n];
    let mut steps = vec![];
    for (k, inst) in kernel.code.iter().enumerate() {
        let below = inst.args.iter().map(|&a| level[a as usize]).max().unwrap_or(0);
        match &inst.prim.body {
            Body::Map(_) => level.push(below),
            Body::Reduce(fold) if !fold.is_arg() => {
                let of = inst.args[0] as usize;
                let dtype = kernel.dtype(inst.args[0]);
                steps.push(Step { reg: n + k, of, fold: *fold, dtype, stage: below });
                level.push(below + 1);
            }
            _ => return None,
        }
    }
    Some(steps)
}

/// `fn stageS(c0: u32, …) -> ValueS`: these registers, given the folds of the stages before.
fn function(
    t: &mut Text,
    kernel: &Kernel,
    loads: &[String],
    steps: &[Step],
    params: &[String],
    stage: usize,
    wanted: &[usize],
) -> Option<()> {
    let n = kernel.loads.len();
    // What is needed, found from the end.
    let mut needed = vec![false; n + kernel.code.len()];
    wanted.iter().for_each(|&r| needed[r] = true);
    for k in (0..kernel.code.len()).rev() {
        let is_fold = steps.iter().any(|s| s.reg == n + k);
        if needed[n + k] && !is_fold {
            kernel.code[k].args.iter().for_each(|&a| needed[a as usize] = true);
        }
    }
    let fields: Vec<String> =
        wanted.iter().enumerate().map(|(i, &r)| format!("v{i}: {}", wgsl(kernel.dtype(r as u16)))).collect();
    let mut text = format!("struct Value{stage} {{ {} }}\n", fields.join(", "));
    text += &format!("fn stage{stage}({}) -> Value{stage} {{\n", params.join(", "));
    for (l, load) in loads.iter().enumerate().filter(|(l, _)| needed[*l]) {
        text += &format!("    let r{l}: {} = {load};\n", wgsl(kernel.loads[l].dtype));
    }
    for k in (0..kernel.code.len()).filter(|k| needed[n + k]) {
        text += &match steps.iter().any(|s| s.reg == n + k) {
            true => format!("    let r{} = g{};\n", n + k, n + k),
            false => t.line(kernel, k)?,
        };
    }
    let values: Vec<String> = wanted.iter().map(|r| format!("r{r}")).collect();
    t.body += &format!("{text}    return Value{stage}({});\n}}\n", values.join(", "));
    Some(())
}

/// Lines that fold what the threads of a group have, so that all of them know it.
fn together(steps: &[&Step], shared: &mut String) -> String {
    let (mut lines, mut halves, mut after) = (String::new(), String::new(), String::new());
    for s in steps {
        let r = s.reg;
        *shared += &format!("var<workgroup> s{r}: array<{}, 256>;\n", s.dtype.name());
        lines += &format!("    s{r}[li] = x{r};\n");
        halves += &format!("            s{r}[li] = {}(s{r}[li], s{r}[li + h]);\n", s.call("two"));
        after += &format!("    g{r} = s{r}[0];\n");
    }
    lines += "    workgroupBarrier();\n    for (var h = 128u; h > 0u; h = h >> 1u) {\n        if li < h {\n";
    lines + &halves + "        }\n        workgroupBarrier();\n    }\n" + &after
}
