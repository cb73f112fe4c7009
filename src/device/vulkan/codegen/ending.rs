//! How a product ends: each element written as it is, or what is made of it (a bias, an activation), so that the product
//! itself need not go to memory and back.

use super::axes::Axes;
use super::contract::computed;
use super::library::{expression, wgsl};
use super::text::{Source, Text, Word, can_fail, reach, stored, value_type};
use crate::base::{DType, Layout};
use crate::graph::Leaf;
use crate::graph::prim::Body;
use crate::plan::kernel::{BASE, Out, PRODUCT};
use crate::plan::{From, Kernel, Slot, SlotKind};

/// The text that takes elements of a product on.
pub struct Ending {
    /// Lines of the entry point, once coordinates of the leading axes are known.
    pub lines: String,
    /// Declarations.
    pub text: String,
    /// What stands for a written element, with `@` for the value; `row` and `col` say which it is.
    write: String,
}

/// The leading axes of a product, merged as far as everything allows that is read and written: its sides come first, then
/// either the result or further loads and outputs.
pub fn leading(kernel: &Kernel, outs: &[Out], out: &Layout) -> Axes {
    let r = kernel.domain.rank();
    let only = |l: &Layout| Layout {
        shape: kernel.domain[..r - 2].iter().copied().collect(),
        strides: l.strides[..r - 2].into(),
        offset: 0,
    };
    let loads = kernel.loads.iter().enumerate().filter(|(l, _)| *l != PRODUCT as usize).map(|(_, l)| only(&l.layout));
    let mut all: Vec<Layout> = loads.collect();
    match kernel.bare_product() {
        Some(_) => all.push(only(out)),
        None => all.extend(outs.iter().map(|o| only(&o.layout))),
    }
    let shape = all[0].shape.clone();
    Axes::new(&shape, &[], &all.iter().collect::<Vec<_>>())
}

impl Ending {
    /// `None` where there is no text for it. `out`: where a bare product lies; `more`: it is added to what is there.
    pub fn new(
        t: &mut Text,
        kernel: &Kernel,
        outs: &[Out],
        out: &Layout,
        slots: &[Slot],
        more: bool,
        axes: &Axes,
    ) -> Option<Ending> {
        match kernel.bare_product() {
            Some(slot) => Some(bare(t, kernel, slot, out, more, axes)),
            None if more => None,
            None => after(t, kernel, outs, slots, axes),
        }
    }

    /// The lines that write an element, whose `row` and `col` are known.
    pub fn write(&self, value: &str) -> String {
        self.write.replace('@', value)
    }
}

fn bare(t: &mut Text, kernel: &Kernel, slot: usize, out: &Layout, more: bool, axes: &Axes) -> Ending {
    let relative = out.offset as isize;
    let bind = t.bind(Source::Slot(slot), computed(kernel), true, reach(out, relative));
    let at = t.position(Word::Offset { bind, relative, step: 0 }, &axes.steps[PRODUCT as usize]);
    let line = t.word(Word::Is(out.strides[kernel.domain.rank() - 2] as u32));
    let sign = if more { "+=" } else { "=" };
    Ending {
        lines: format!("    let base_c = {at};\n    let line_c = {line};\n"),
        text: String::new(),
        write: format!("b{bind}[base_c + row * line_c + col] {sign} @;"),
    }
}

fn after(t: &mut Text, kernel: &Kernel, outs: &[Out], slots: &[Slot], axes: &Axes) -> Option<Ending> {
    let r = kernel.domain.rank();
    let steps = |layout: &Layout| [layout.strides[r - 2], layout.strides[r - 1]];
    let mut lines = String::new();
    let mut params = format!("r{PRODUCT}: {}, row: u32, col: u32", wgsl(computed(kernel)));
    let (mut given, mut inside) = (String::new(), String::new());
    for (l, load) in kernel.loads.iter().enumerate().skip(PRODUCT as usize + 1) {
        let relative = load.layout.offset as isize - BASE as isize;
        let start = match &load.from {
            From::Slot(s) if matches!(slots[*s].kind, SlotKind::Number(_)) => {
                inside += &format!("    let r{l}: {} = {};\n", wgsl(load.dtype), t.number(*s, load.dtype));
                continue;
            }
            From::Slot(s) => {
                let bind = t.bind(Source::Slot(*s), load.dtype, false, reach(&load.layout, relative));
                Word::Offset { bind, relative, step: 0 }
            }
            From::Position { .. } => Word::Moving { start: relative, step: 0 },
            From::Product => return None,
        };
        let bind = if let Word::Offset { bind, .. } = start { Some(bind) } else { None };
        // Leading axes first; the sides stand before further loads, and the product has no place among them.
        let at = t.position(start, &axes.steps[l - 1]);
        lines += &format!("    let e{l} = {at};\n");
        params += &format!(", e{l}: u32");
        given += &format!(", e{l}");
        let at = within(t, &format!("e{l}"), steps(&load.layout));
        let value = match (&load.from, bind) {
            (From::Position { prim, ins, .. }, _) => {
                let Body::Leaf(Leaf::Position(_, snippet)) = &prim.body else { return None };
                let mut params = vec![("at", format!("({at})"))];
                for (p, &slot) in prim.params.iter().filter(|p| p.is_array()).zip(ins) {
                    params.push((p.name, t.single(slot, slots)));
                }
                let value = expression(snippet, &params, load.dtype)?;
                if can_fail(&value) {
                    t.guarded.push(None);
                }
                value
            }
            (_, Some(bind)) => t.load(bind, &at),
            _ => return None,
        };
        inside += &format!("    let r{l}: {} = {value};\n", wgsl(load.dtype));
    }
    inside += &t.code(kernel)?;
    let regs: Vec<u16> = outs.iter().map(|o| o.reg).collect();
    let values: Vec<String> = regs.iter().map(|r| format!("r{r}")).collect();
    let mut write = format!("let y = after(@, row, col{given});");
    for (k, o) in outs.iter().enumerate() {
        let dtype = kernel.dtype(o.reg);
        // Bools are packed by four, which elements on their own are not.
        if dtype == DType::Bool {
            return None;
        }
        let relative = o.layout.offset as isize;
        let bind = t.bind(Source::Slot(o.slot), dtype, true, reach(&o.layout, relative));
        let start = Word::Offset { bind, relative, step: 0 };
        let at = t.position(start, &axes.steps[kernel.loads.len() - 1 + k]);
        lines += &format!("    let o{k} = {at};\n");
        let at = within(t, &format!("o{k}"), steps(&o.layout));
        write += &format!(" b{bind}[{at}] = {};", stored(dtype, &format!("y.v{k}")));
    }
    let mut text = value_type(kernel, &regs);
    text += &format!("fn after({params}) -> Value {{\n{inside}    return Value({});\n}}\n", values.join(", "));
    Some(Ending { lines, text, write })
}

/// The element at `row` and `col`, from where their axes begin.
fn within(t: &mut Text, start: &str, steps: [isize; 2]) -> String {
    let mut at = start.to_string();
    for (name, step) in ["row", "col"].into_iter().zip(steps) {
        match step {
            0 => {}
            1 => at += &format!(" + {name}"),
            s => at += &format!(" + {name} * {}", t.word(Word::Is(s as u32))),
        }
    }
    at
}
