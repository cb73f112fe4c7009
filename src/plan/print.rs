//! Plans and graphs as text: what `:plan` and `:graph` show and what golden files hold.

use std::fmt::Write;

use super::kernel::*;
use super::schedule::Plan;
use super::trace::{Trace, What};
use crate::base::Layout;
use crate::graph::Place;

/// The graph, one line a node.
pub fn graph(t: &Trace) -> String {
    let mut out = String::new();
    for (i, item) in t.items.iter().enumerate() {
        let line = match &item.what {
            What::Buffer(_) => "data".to_string(),
            What::Number => "number".to_string(),
            What::Op { prim, attrs, ins } => {
                let mut parts: Vec<String> = ins.iter().map(|k| format!("%{k}")).collect();
                let names = prim.params.iter().filter(|p| !p.is_array());
                parts.extend(names.zip(attrs).filter(|(_, a)| !a.is_none()).map(|(p, a)| format!("{}={a}", p.name)));
                format!("{}({})", prim.name, parts.join(", "))
            }
        };
        let root = if t.roots.contains(&(i as u32)) { "  <- wanted" } else { "" };
        let _ = writeln!(out, "%{i} = {line}  {}{}{root}", item.dtype, item.shape);
    }
    out
}

/// The kernels, in order.
pub fn plan(p: &Plan) -> String {
    let mut out = String::new();
    for (i, kernel) in p.kernels.iter().enumerate() {
        let on = if p.devices.iter().all(|&d| d == 0) {
            String::new()
        } else {
            format!(" on {}", Place::Tensor(p.devices[i]).name())
        };
        let _ = writeln!(out, "kernel {} {} over {}{on}", i + 1, kernel.family(), kernel.domain);
        for (r, load) in kernel.loads.iter().enumerate() {
            let _ = writeln!(out, "  r{r} = {}", load_line(p, load));
        }
        for (k, inst) in kernel.code.iter().enumerate() {
            let args: Vec<String> = inst.args.iter().map(|a| format!("r{a}")).collect();
            let _ =
                writeln!(out, "  r{} = {} {}  {}", kernel.loads.len() + k, inst.prim.name, args.join(" "), inst.dtype);
        }
        for line in finish_lines(p, kernel) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

fn slot_name(p: &Plan, slot: usize) -> String {
    match p.slots[slot].kind {
        SlotKind::Leaf(i) => format!("data %{i}"),
        SlotKind::Number(i) => format!("number %{i}"),
        SlotKind::Made(_) => format!("made #{slot}"),
    }
}

fn load_line(p: &Plan, load: &Load) -> String {
    match &load.from {
        From::Slot(s) if matches!(p.slots[*s].kind, SlotKind::Number(_)) => {
            format!("{}  {}", slot_name(p, *s), load.dtype)
        }
        From::Slot(s) => format!("load {}{}  {}", slot_name(p, *s), strides(&load.layout), load.dtype),
        From::Product => format!("product of r0 and r1  {}", load.dtype),
        From::Position { prim, .. } => format!("{}{}  {}", prim.name, strides(&load.layout), load.dtype),
    }
}

/// Nothing where the layout is row-major.
fn strides(l: &Layout) -> String {
    if l.is_contiguous() && l.offset == BASE {
        return String::new();
    }
    let offset = l.offset as i64 - BASE as i64;
    let plus = if offset == 0 { String::new() } else { format!(" from {offset}") };
    format!(" by {:?}{plus}", l.strides.as_slice())
}

fn finish_lines(p: &Plan, kernel: &Kernel) -> Vec<String> {
    let to = |slot: usize| slot_name(p, slot);
    match &kernel.finish {
        Finish::Store(outs) | Finish::Rows { outs, .. } | Finish::Contract { outs } => {
            let layout = |o: &Out| {
                if o.layout.is_contiguous() && o.layout.offset == 0 {
                    String::new()
                } else {
                    format!(" by {:?} from {}", o.layout.strides.as_slice(), o.layout.offset)
                }
            };
            outs.iter().map(|o| format!("store r{} to {}{}", o.reg, to(o.slot), layout(o))).collect()
        }
        Finish::Fold { axes, outs } => outs
            .iter()
            .map(|o| format!("{} r{} over axes {:?} to {}", o.fold.name(), o.reg, axes.as_slice(), to(o.slot)))
            .collect(),
        Finish::Scan { axis, fold, slot } => {
            vec![format!("running {} of r0 along axis {axis} to {}", fold.name(), to(*slot))]
        }
        Finish::Gather { slot, .. } => vec![format!("pick to {}", to(*slot))],
        Finish::Put { slot, add, .. } => vec![format!("{} to {}", if *add { "add" } else { "put" }, to(*slot))],
        Finish::Sort { prim, slot, .. } => vec![format!("{} of r0 to {}", prim.name, to(*slot))],
        Finish::Host { prim, slot, .. } => vec![format!("{} on the host to {}", prim.name, to(*slot))],
    }
}
