//! Text: what every kernel's WGSL begins with: buffers, words, the library, and the function that computes the registers
//! at an index.
//!
//! In: a kernel and its merged axes. Out: text, and what must be bound and passed when it is launched. Buffers of bools are
//! words of four; a number is passed as words; an index is u32, and steps that walk backwards wrap around.

use super::axes::{Axes, span};
use super::library::{allows, expression, mentions, needed, wgsl};
use crate::base::{DType, Layout};
use crate::device::vulkan::compile::WORDS;
use crate::device::vulkan::context::Caps;
use crate::graph::Leaf;
use crate::graph::prim::Body;
use crate::plan::kernel::BASE;
use crate::plan::{From, Kernel, Load, Slot, SlotKind};

/// What a bound buffer is.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Slot(usize),
    /// Memory of the launch itself, by number.
    Own(usize),
}

/// One buffer to bind.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    pub source: Source,
    pub dtype: DType,
    pub write: bool,
    /// Elements from the source's first to the lowest and the highest that are used.
    pub span: (isize, isize),
}

/// A word passed at a launch.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    Is(u32),
    /// The low or high half of a slot's number.
    Number {
        slot: usize,
        high: bool,
    },
    /// Where in binding `bind` the array's element `relative` lies; `step` elements further for each index that the launch
    /// begins at.
    Offset {
        bind: usize,
        relative: isize,
        step: isize,
    },
    /// A position that moves in the same way.
    Moving {
        start: isize,
        step: isize,
    },
    /// How many indices the launch has.
    Count,
}

/// A kernel's text in the making.
#[derive(Default, Clone)]
pub struct Text {
    pub bindings: Vec<Binding>,
    /// How the elements of a binding are typed, where not by its dtype.
    pub types: Vec<String>,
    pub words: Vec<Word>,
    pub body: String,
    /// Whether a flag says that something went wrong.
    pub flagged: bool,
    /// For each line that can go wrong the slot of its last operand, where that is read as it is: what is one number above zero
    /// neither divides by zero nor is a power that ints have not got.
    pub guarded: Vec<Option<usize>>,
    /// What runs in its place where a binding of four elements at a time does not begin at a multiple of four.
    pub single: Option<Box<Text>>,
}

impl Text {
    /// The expression of a word; equal ones are one.
    pub fn word(&mut self, word: Word) -> String {
        let known = self.words.iter().position(|w| *w == word);
        let at = known.unwrap_or_else(|| {
            self.words.push(word);
            self.words.len() - 1
        });
        format!("p.w{at}")
    }

    pub fn is(&mut self, x: usize) -> String {
        self.word(Word::Is(x as u32))
    }

    /// A new binding; its number.
    pub fn bind(&mut self, source: Source, dtype: DType, write: bool, span: (isize, isize)) -> usize {
        self.bindings.push(Binding { source, dtype, write, span });
        self.types.push(storage(dtype).to_string());
        self.bindings.len() - 1
    }

    /// The element at an index expression.
    pub fn load(&self, bind: usize, at: &str) -> String {
        match (self.bindings[bind].dtype, self.types[bind].as_str()) {
            (DType::Bool, _) => format!("(((b{bind}[({at}) >> 2u] >> ((({at}) & 3u) << 3u)) & 1u) != 0u)"),
            (DType::F16, _) => format!("f32(b{bind}[{at}])"),
            _ => format!("b{bind}[{at}]"),
        }
    }

    /// The number in a slot, from words.
    pub(super) fn number(&mut self, slot: usize, dtype: DType) -> String {
        let low = self.word(Word::Number { slot, high: false });
        let mut wide = || {
            let high = self.word(Word::Number { slot, high: true });
            format!("(u64({low}) | (u64({high}) << 32u))")
        };
        match dtype {
            DType::Bool => format!("(({low} & 1u) != 0u)"),
            DType::F16 => format!("unpack2x16float({low}).x"),
            DType::F32 => format!("bitcast<f32>({low})"),
            DType::I64 => format!("bitcast<i64>({})", wide()),
            DType::F64 => format!("bitcast<f64>({})", wide()),
        }
    }

    /// The one number behind a slot: passed, or read from memory.
    pub(super) fn single(&mut self, slot: usize, slots: &[Slot]) -> String {
        let dtype = slots[slot].dtype;
        if matches!(slots[slot].kind, SlotKind::Number(_)) {
            return self.number(slot, dtype);
        }
        let bind = self.bind(Source::Slot(slot), dtype, false, (0, 0));
        let at = self.word(Word::Offset { bind, relative: 0, step: 0 });
        self.load(bind, &at)
    }

    /// The element that a layout names at coordinates `c0 …`, as an expression of u32.
    pub fn position(&mut self, start: Word, steps: &[isize]) -> String {
        let mut at = self.word(start);
        for (k, &step) in steps.iter().enumerate() {
            match step {
                0 => {}
                1 => at += &format!(" + c{k}"),
                s => {
                    let step = self.word(Word::Is(s as u32));
                    at += &format!(" + c{k} * {step}");
                }
            }
        }
        at
    }

    /// Binds the loads of a kernel, and says per load the expression of its value at coordinates. `None` where the device
    /// has not got what it needs.
    pub fn loads(&mut self, kernel: &Kernel, slots: &[Slot], axes: &Axes) -> Option<Vec<String>> {
        let mut out = vec![];
        for (l, load) in kernel.loads.iter().enumerate() {
            let relative = load.layout.offset as isize - BASE as isize;
            out.push(match &load.from {
                From::Slot(s) if matches!(slots[*s].kind, SlotKind::Number(_)) => self.number(*s, load.dtype),
                From::Slot(s) => {
                    let bind = self.bind(Source::Slot(*s), load.dtype, false, reach(&load.layout, relative));
                    let step = axes.only_step(l);
                    let at = self.position(Word::Offset { bind, relative, step }, &axes.steps[l]);
                    self.load(bind, &at)
                }
                // Its epilogue has a text of its own.
                From::Product => return None,
                From::Position { prim, ins, .. } => {
                    let Body::Leaf(Leaf::Position(_, snippet)) = &prim.body else { return None };
                    let at = self.position(Word::Moving { start: relative, step: axes.only_step(l) }, &axes.steps[l]);
                    let mut params = vec![("at", format!("({at})"))];
                    let names = prim.params.iter().filter(|p| p.is_array());
                    for (p, &slot) in names.zip(ins) {
                        params.push((p.name, self.single(slot, slots)));
                    }
                    let value = expression(snippet, &params, load.dtype)?;
                    if can_fail(&value) {
                        self.guarded.push(None);
                    }
                    value
                }
            });
        }
        Some(out)
    }

    /// Lines that compute the registers behind the loads, named `r0 …`.
    pub fn code(&mut self, kernel: &Kernel) -> Option<String> {
        (0..kernel.code.len()).map(|k| self.line(kernel, k)).collect()
    }

    /// The line of one instruction.
    pub fn line(&mut self, kernel: &Kernel, k: usize) -> Option<String> {
        let inst = &kernel.code[k];
        let Body::Map(map) = &inst.prim.body else { return None };
        let names = inst.prim.params.iter().map(|p| p.name);
        let params: Vec<(&str, String)> = names.zip(inst.args.iter().map(|a| format!("r{a}"))).collect();
        let last = inst.args.last().map_or(DType::F32, |&a| kernel.dtype(a));
        let value = expression(map.wgsl, &params, last)?;
        if can_fail(&value) {
            let load = inst.args.last().and_then(|&a| kernel.loads.get(a as usize));
            self.guarded.push(load.and_then(|l| if let From::Slot(s) = l.from { Some(s) } else { None }));
        }
        Some(format!("    let r{}: {} = {value};\n", kernel.loads.len() + k, wgsl(inst.dtype)))
    }

    /// `fn value(c0: u32, …) -> Value`: these registers at coordinates. The values of loads in `given` are parameters behind them.
    pub fn value(&mut self, kernel: &Kernel, slots: &[Slot], axes: &Axes, regs: &[u16], given: &[usize]) -> Option<()> {
        let loads = self.loads(kernel, slots, axes)?;
        let coords = (0..axes.rank()).map(|k| format!("c{k}: u32"));
        let values = given.iter().map(|&l| format!("r{l}: {}", wgsl(kernel.loads[l].dtype)));
        let params: Vec<String> = coords.chain(values).collect();
        let mut text = value_type(kernel, regs);
        text += &format!("fn value({}) -> Value {{\n", params.join(", "));
        for (l, load) in loads.iter().enumerate().filter(|(l, _)| !given.contains(l)) {
            text += &format!("    let r{l}: {} = {load};\n", wgsl(kernel.loads[l].dtype));
        }
        text += &self.code(kernel)?;
        let values: Vec<String> = regs.iter().map(|r| format!("r{r}")).collect();
        text += &format!("    return Value({});\n}}\n", values.join(", "));
        self.body += &text;
        Some(())
    }

    /// Lines that take a linear index over some axes apart into their coordinates.
    pub fn coordinates(&mut self, axes: &Axes, which: &[usize], index: &str, indent: &str) -> String {
        let Some((&first, rest)) = which.split_first() else { return String::new() };
        let mut out = String::new();
        let mut left = index.to_string();
        for (i, &k) in rest.iter().enumerate().rev() {
            let size = self.is(axes.sizes[k]);
            out += &format!("{indent}let c{k} = {left} % {size};\n{indent}let {index}_{i} = {left} / {size};\n");
            left = format!("{index}_{i}");
        }
        out + &format!("{indent}let c{first} = {left};\n")
    }

    /// The flag that something went wrong, as a line at the end of the kernel; none where nothing can.
    pub fn flag(&mut self) -> String {
        if !can_fail(&self.body) && !self.body.contains("trouble") {
            return String::new();
        }
        self.flagged = true;
        let bind = self.bind(Source::Own(usize::MAX), DType::F32, true, (0, 0));
        self.types[bind] = "u32".into();
        format!("    if trouble != 0u {{ b{bind}[0] = trouble; }}\n")
    }

    /// The whole text. More words than a launch passes go through a buffer behind the others.
    pub fn finish(&self) -> String {
        let mut out = String::new();
        for (i, b) in self.bindings.iter().enumerate() {
            let access = if b.write { "read_write" } else { "read" };
            out += &format!("@group(0) @binding({i}) var<storage, {access}> b{i}: array<{}>;\n", self.types[i]);
        }
        if !self.words.is_empty() {
            let fields: Vec<String> = (0..self.words.len()).map(|i| format!("w{i}: u32")).collect();
            out += &format!("struct P {{ {} }}\n", fields.join(", "));
            out += &match self.spills() {
                false => "var<immediate> p: P;\n".to_string(),
                true => format!("@group(0) @binding({}) var<storage, read> p: P;\n", self.bindings.len()),
            };
        }
        out += &(needed(&self.body) + &self.body);
        let enabled = [("f16", "f16"), ("subgroup_id", "wgpu_cooperative_matrix")];
        let enabled: String = enabled
            .iter()
            .filter(|(word, _)| mentions(&out, word))
            .map(|(_, name)| format!("enable {name};\n"))
            .collect();
        enabled + &out
    }

    /// The binding of a load from a slot, once it is bound.
    pub fn binding_of(&self, load: &Load) -> Option<usize> {
        let From::Slot(slot) = load.from else { return None };
        let span = reach(&load.layout, load.layout.offset as isize - BASE as isize);
        self.bindings.iter().position(|b| b.source == Source::Slot(slot) && !b.write && b.span == span)
    }

    /// Whether the words need a buffer.
    pub fn spills(&self) -> bool {
        self.words.len() > WORDS
    }

    /// Buffers that a launch binds.
    pub fn binds(&self) -> usize {
        self.bindings.len() + usize::from(self.spills())
    }

    /// The most indices of a launch that is a part: what fits the bindings, in whole groups of four elements.
    pub fn part(&self, caps: &Caps) -> usize {
        let bytes = |w: &Word| match w {
            Word::Offset { bind, step, .. } if *step != 0 => {
                Some(step.unsigned_abs() as u64 * self.bindings[*bind].dtype.size() as u64)
            }
            _ => None,
        };
        let room = caps.range.saturating_sub(2 * caps.align.max(32) + 64);
        let most = self.words.iter().filter_map(bytes).max().map_or(u64::MAX, |widest| room / widest);
        let group = if most >= 1024 { 1024 } else { 4 };
        (most / group * group) as usize
    }

    /// Whether the device has the types, the ranges (or the kernel can be launched in parts) and the bindings.
    pub fn fits(&self, caps: &Caps, parts: bool) -> bool {
        let reached = |b: &Binding| parts || window(b, caps.align) <= caps.range;
        if parts && self.part(caps) == 0 {
            return false;
        }
        let single = self.single.as_ref().is_none_or(|text| text.fits(caps, parts));
        single && self.bindings.iter().all(reached) && self.binds() <= caps.bindings && allows(&self.finish(), caps)
    }
}

/// Whether code calls what may find that values are not as they must be.
pub(super) fn can_fail(code: &str) -> bool {
    needed(code).contains("var<private> trouble")
}

/// `struct Value { v0: f32, … }`
pub fn value_type(kernel: &Kernel, regs: &[u16]) -> String {
    let fields: Vec<String> =
        regs.iter().enumerate().map(|(i, &r)| format!("v{i}: {}", wgsl(kernel.dtype(r)))).collect();
    format!("struct Value {{ {} }}\n", fields.join(", "))
}

/// Bytes that a binding spans at most, alignment included.
pub fn window(b: &Binding, align: u64) -> u64 {
    (b.span.1 - b.span.0 + 1) as u64 * b.dtype.size() as u64 + 2 * align.max(32) + 32
}

/// The elements a layout uses, from its array's first.
pub fn reach(layout: &Layout, relative: isize) -> (isize, isize) {
    let (low, high) = span(layout);
    (relative + low, relative + high)
}

/// How elements lie in a buffer.
pub fn storage(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "u32",
        d => d.name(),
    }
}

/// A register's value as what a buffer of that dtype holds; bools are packed by those who store them.
pub fn stored(dtype: DType, value: &str) -> String {
    match dtype {
        DType::F16 => format!("f16({value})"),
        _ => value.to_string(),
    }
}

/// The launch's group, where the device takes only so many along x.
pub const GROUP: &str = "    let group = wg.x + wg.y * ng.x;\n";
/// The head of an entry point with 256 threads.
pub const ENTRY: &str = "@compute @workgroup_size(256)\nfn main(@builtin(workgroup_id) wg: vec3<u32>, \
    @builtin(num_workgroups) ng: vec3<u32>, @builtin(local_invocation_index) li: u32) {\n";
