//! A kernel as the loops that it stands for: what `:kernel` shows.
//!
//! In: a kernel and its plan. Out: text such as
//!
//!     kernel 1 reduce
//!       for i < 1000, j < 50
//!         made #2[i] = sum(multiply(exp(data %0[i, j]), 2))
//!
//! Of a kernel for a device its source is shown.
//!
//! Registers that are used once are written where they are used; others get a line of their own.

use crate::graph::Place;
use crate::plan::kernel::{BASE, PRODUCT};
use crate::plan::{Finish, From, Kernel, Load, Plan, SlotKind};

/// Names of axes.
const AXES: [&str; 8] = ["i", "j", "k", "l", "m", "n", "o", "p"];

/// Every kernel of a plan.
pub fn kernels(plan: &Plan) -> String {
    let text = |(i, k): (usize, &Kernel)| {
        let device = plan.devices.get(i).copied().unwrap_or_default();
        match crate::device::source(device, k, &plan.slots) {
            Some(source) => format!("kernel {} {} on {}\n{source}", i + 1, k.family(), Place::Tensor(device).name()),
            None => kernel(plan, k, i + 1),
        }
    };
    plan.kernels.iter().enumerate().map(text).collect()
}

fn kernel(plan: &Plan, kernel: &Kernel, number: usize) -> String {
    let mut out = format!("kernel {number} {}\n", kernel.family());
    let loops: Vec<String> = kernel.domain.iter().enumerate().map(|(k, n)| format!("{} < {n}", axis(k))).collect();
    if !loops.is_empty() {
        out += &format!("  for {}\n", loops.join(", "));
    }
    for line in lines(plan, kernel) {
        out += &format!("    {line}\n");
    }
    out
}

fn axis(k: usize) -> String {
    AXES.get(k).map_or_else(|| format!("i{k}"), |a| a.to_string())
}

fn lines(plan: &Plan, kernel: &Kernel) -> Vec<String> {
    let results = results(plan, kernel);
    let loads = kernel.loads.len();
    let mut uses = vec![0; loads + kernel.code.len()];
    kernel
        .code
        .iter()
        .flat_map(|i| &i.args)
        .chain(results.iter().map(|(_, reg, _)| reg))
        .for_each(|r| uses[*r as usize] += 1);
    let mut text: Vec<String> = kernel.loads.iter().map(|l| load(plan, l)).collect();
    if kernel.epilogue(usize::MAX).is_some() {
        text[PRODUCT as usize] = format!("({} @ {})", text[0], text[1]);
    }
    let mut out = vec![];
    for (k, inst) in kernel.code.iter().enumerate() {
        let args: Vec<&str> = inst.args.iter().map(|a| text[*a as usize].as_str()).collect();
        let call = format!("{}({})", inst.prim.name, args.join(", "));
        if uses[loads + k] > 1 {
            out.push(format!("r{} = {call}", loads + k));
            text.push(format!("r{}", loads + k));
        } else {
            text.push(call);
        }
    }
    out.extend(results.into_iter().map(|(to, reg, how)| match how {
        Some(how) => format!("{to} = {how}({})", text[reg as usize]),
        None => format!("{to} = {}", text[reg as usize]),
    }));
    out.extend(others(plan, kernel, &text));
    out
}

/// What is written, from which register, through which fold.
fn results(plan: &Plan, kernel: &Kernel) -> Vec<(String, u16, Option<String>)> {
    match &kernel.finish {
        Finish::Contract { .. } if kernel.bare_product().is_some() => vec![],
        Finish::Store(outs) | Finish::Rows { outs, .. } | Finish::Contract { outs } => {
            let place = |o: &crate::plan::kernel::Out| index(&o.layout.strides, o.layout.offset as i64);
            outs.iter().map(|o| (format!("{}{}", slot(plan, o.slot), place(o)), o.reg, None)).collect()
        }
        Finish::Fold { axes, outs } => {
            let kept: Vec<String> = (0..kernel.domain.rank()).filter(|k| !axes.contains(k)).map(axis).collect();
            let place = if kept.is_empty() { String::new() } else { format!("[{}]", kept.join(", ")) };
            outs.iter().map(|o| (format!("{}{place}", slot(plan, o.slot)), o.reg, Some(o.fold.name().into()))).collect()
        }
        Finish::Scan { axis: along, fold, slot: to } => {
            vec![(slot(plan, *to), 0, Some(format!("running {} along {}", fold.name(), axis(*along))))]
        }
        _ => vec![],
    }
}

/// Kernels that are no straight-line code.
fn others(plan: &Plan, kernel: &Kernel, loads: &[String]) -> Vec<String> {
    let list = |from: usize| loads.get(from..).unwrap_or(&[]).join(", ");
    if let Some(to) = kernel.bare_product() {
        return vec![format!("{} = {} @ {}", slot(plan, to), loads[0], loads[1])];
    }
    match &kernel.finish {
        Finish::Gather { slot: to, .. } => vec![format!("{} = {} at ({})", slot(plan, *to), loads[0], list(1))],
        Finish::Put { slot: to, add, .. } => {
            let sign = if *add { "+=" } else { "=" };
            vec![format!("{} = {}; at ({}) {sign} {}", slot(plan, *to), loads[0], list(2), loads[1])]
        }
        Finish::Sort { prim, slot: to, .. } | Finish::Host { prim, slot: to, .. } => {
            vec![format!("{} = {}({})", slot(plan, *to), prim.name, list(0))]
        }
        _ => vec![],
    }
}

fn slot(plan: &Plan, slot: usize) -> String {
    match plan.slots[slot].kind {
        SlotKind::Leaf(i) => format!("data %{i}"),
        SlotKind::Number(i) => format!("number %{i}"),
        SlotKind::Made(_) => format!("made #{slot}"),
    }
}

fn load(plan: &Plan, load: &Load) -> String {
    let offset = load.layout.offset as i64 - BASE as i64;
    match &load.from {
        From::Slot(s) if matches!(plan.slots[*s].kind, SlotKind::Number(_)) => slot(plan, *s),
        From::Slot(s) => format!("{}{}", slot(plan, *s), index(&load.layout.strides, offset)),
        From::Product => String::new(),
        From::Position { prim, .. } => format!("{}{}", prim.name, index(&load.layout.strides, offset)),
    }
}

/// The element that the loops are at: `[1000*i + j]`.
fn index(strides: &[isize], offset: i64) -> String {
    let term = |(k, s): (usize, &isize)| match *s {
        0 => None,
        1 => Some(axis(k)),
        s => Some(format!("{s}*{}", axis(k))),
    };
    let mut terms: Vec<String> = strides.iter().enumerate().filter_map(term).collect();
    if offset != 0 || terms.is_empty() {
        terms.push(offset.to_string());
    }
    format!("[{}]", terms.join(" + ").replace("+ -", "- "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Expr, Place};
    use crate::{base::Shape, ops};

    #[test]
    fn loops_are_written_out() {
        let x = Expr::full(Shape::new(&[40, 50]), 1.5f64.to_bits(), crate::base::DType::F64, Place::Array);
        let y = ops::exp(&ops::iota(&Expr::weak(0i64), &Expr::weak(1i64), &Shape::new(&[40, 50])));
        let sum = ops::sum(&(&x * &y), crate::graph::Attr::axes([1]), false);
        let (_, plan) = crate::plan::plan_of(&[sum]).unwrap();
        let text = kernels(&plan);
        assert!(text.starts_with("kernel 1 reduce\n  for i < 40, j < 50\n    made #"), "{text}");
        assert!(text.contains("[i] = sum(multiply(number %") && text.contains("exp("), "{text}");
        assert!(text.contains("[50*i + j]"), "{text}");
    }

    #[test]
    fn places() {
        assert_eq!(index(&[1000, 1], 0), "[1000*i + j]");
        assert_eq!(index(&[0, -1], 49), "[-1*j + 49]");
        assert_eq!(index(&[0], 0), "[0]");
        assert_eq!(index(&[2], -3), "[2*i - 3]");
    }
}
