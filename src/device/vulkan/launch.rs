//! Launch: a kernel's text with the memory of one call: offsets, numbers, bindings, groups; in parts where a buffer is
//! longer than a binding may be.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use smallvec::SmallVec;

use super::codegen::text::{Binding, Source, Text, Word};
use super::compile::Pipe;
use super::context::Gpu;
use super::memory::{Kind, Mem};
use super::stream::{Bind, Command};
use crate::base::{DType, Fault, Result};
use crate::device::{Bound, Memory};
use crate::plan::doubt::{Doubt, Flag};

/// A text and its pipeline, compiled at the first launch.
pub struct Ready {
    pub gpu: &'static Gpu,
    pub text: Text,
    pipe: OnceCell<Arc<Pipe>>,
}

/// The memory behind a binding: where, and which element of it is the source's first.
type Backing = (Arc<Mem>, isize);

impl Ready {
    pub fn new(gpu: &'static Gpu, text: Text) -> Ready {
        Ready { gpu, text, pipe: OnceCell::new() }
    }

    /// Compiles it, if that was not done yet.
    pub fn compile(&self) -> Result<()> {
        self.pipe().map(|_| ())
    }

    fn pipe(&self) -> Result<&Arc<Pipe>> {
        if let Some(pipe) = self.pipe.get() {
            return Ok(pipe);
        }
        let pipe = self.gpu.pipe(&self.text.finish(), self.text.binds())?;
        Ok(self.pipe.get_or_init(|| pipe))
    }

    /// The memory behind every binding.
    pub fn backing(&self, memory: &Memory, own: &[Arc<Mem>], flag: Option<&Arc<Mem>>) -> Result<Vec<Backing>> {
        let gone = || Fault::new("internal: an array of a kernel has no memory");
        let one = |b: &Binding| match b.source {
            Source::Slot(slot) => match &memory.bound[slot] {
                Bound::Buffer { buffer, offset } => Ok((self.gpu.bring(buffer)?, *offset as isize)),
                // A plan that was made for memory and is given a number: it gets memory.
                Bound::Number(bits) => Ok((self.gpu.upload(&bits.to_le_bytes())?, 0)),
                Bound::Nothing => Err(gone()),
            },
            Source::Own(usize::MAX) => Ok((flag.ok_or_else(gone)?.clone(), 0)),
            Source::Own(n) => Ok((own.get(n).ok_or_else(gone)?.clone(), 0)),
        };
        self.text.bindings.iter().map(one).collect()
    }

    /// Whether all that is read by fours begins at a multiple of four.
    pub fn is_even(&self, backing: &[Backing]) -> bool {
        self.text.words.iter().all(|w| match w {
            Word::Offset { bind, relative, .. } if self.text.types[*bind].starts_with("vec4") => {
                (backing[*bind].1 + relative) % 4 == 0
            }
            _ => true,
        })
    }

    /// Gives the command that runs the kernel over `count` indices from `start` (0: over all), in `groups` groups.
    pub fn run(&self, memory: &Memory, backing: &[Backing], start: usize, count: usize, groups: usize) -> Result<()> {
        let (gpu, pipe) = (self.gpu, self.pipe()?);
        let mut binds: SmallVec<[Bind; 6]> = SmallVec::new();
        // The element of its source at which each bound part begins.
        let mut begins: SmallVec<[isize; 6]> = SmallVec::new();
        for (i, (b, (mem, first))) in self.text.bindings.iter().zip(backing).enumerate() {
            let (bind, begin) = self.window(i, b, mem, *first, start, count)?;
            binds.push(bind);
            begins.push(begin);
        }
        let mut words: SmallVec<[u32; 32]> = SmallVec::new();
        for word in &self.text.words {
            words.push(match word {
                Word::Is(x) => *x,
                Word::Number { slot, high } => (number(memory, *slot)? >> if *high { 32 } else { 0 }) as u32,
                Word::Offset { bind, relative, step } => {
                    (backing[*bind].1 + relative + step * start as isize - begins[*bind]) as u32
                }
                Word::Moving { start: at, step } => (at + step * start as isize) as u32,
                Word::Count => count as u32,
            });
        }
        let passed;
        let mut uses: SmallVec<[&Mem; 8]> = backing.iter().map(|(mem, _)| &**mem).collect();
        if self.text.spills() {
            passed = pass(gpu, &words)?;
            binds.push(Bind { buffer: passed.handle(), offset: 0, range: passed.bytes, write: false });
            uses.push(&passed);
            words.clear();
        }
        let x = groups.min(gpu.caps.groups as usize).max(1);
        let groups = [x as u32, groups.div_ceil(x).max(1) as u32, 1];
        gpu.push(Command::Run { pipe: pipe.clone(), binds, words, groups }, uses)
    }

    /// The part of a buffer to bind, and the element of it at which that begins: all of it, if the device can.
    fn window(
        &self,
        i: usize,
        b: &Binding,
        mem: &Mem,
        first: isize,
        start: usize,
        count: usize,
    ) -> Result<(Bind, isize)> {
        let (gpu, size) = (self.gpu, b.dtype.size() as u64);
        let whole = Bind { buffer: mem.handle(), offset: 0, range: mem.bytes, write: b.write };
        if mem.bytes <= gpu.caps.range {
            return Ok((whole, 0));
        }
        let step = self.text.words.iter().find_map(|w| match w {
            Word::Offset { bind, step, .. } if *bind == i && *step != 0 && count > 0 => Some((*step, start, count)),
            _ => None,
        });
        // Where the launch is a part, so is what it reads.
        let (low, high) = match step {
            Some((step, start, count)) => {
                let (a, z) = (step * start as isize, step * (start + count.max(1) - 1) as isize);
                let from = if step < 0 { b.span.1 } else { b.span.0 };
                (from + a.min(z), from + a.max(z))
            }
            None => b.span,
        };
        let align = gpu.caps.align.max(32);
        let offset = ((first + low).max(0) as u64 * size) / align * align;
        // Kernels take whole groups of four.
        let end = (((first + high) as u64 + 4) * size).next_multiple_of(32).min(mem.bytes);
        if end - offset > gpu.caps.range {
            return Err(Fault::new(format!("internal: {}: a part of a kernel is longer than it can bind", gpu.name)));
        }
        Ok((Bind { offset, range: end - offset, ..whole }, (offset / size) as isize))
    }
}

fn number(memory: &Memory, slot: usize) -> Result<u64> {
    match &memory.bound[slot] {
        Bound::Number(bits) => Ok(*bits),
        Bound::Buffer { buffer, .. } => {
            buffer.fetch()?;
            Ok(memory.number(slot, buffer.bytes().min(8)))
        }
        Bound::Nothing => Err(Fault::new("internal: a number of a kernel is not there")),
    }
}

/// Words in host memory that the device reaches.
pub fn pass(gpu: &'static Gpu, words: &[u32]) -> Result<Arc<Mem>> {
    let mem = gpu.alloc(Kind::Host, 4 * words.len() as u64, true)?;
    let to = mem.mapped.ok_or_else(|| Fault::new("internal: host memory is not mapped"))?;
    // SAFETY: it holds as many bytes, and no command uses it.
    unsafe { std::ptr::copy_nonoverlapping(words.as_ptr().cast(), to.as_ptr(), 4 * words.len()) };
    Ok(mem)
}

/// What the launches of one kernel leave behind besides its results.
pub struct Watch {
    gpu: &'static Gpu,
    /// Four bytes that it sets where something goes wrong.
    flag: Option<Arc<Mem>>,
    /// Whether anybody has to look at the flag.
    doubtful: bool,
}

impl Watch {
    pub fn new(gpu: &'static Gpu) -> Watch {
        Watch { gpu, flag: None, doubtful: false }
    }

    /// The flag, for a text that sets one. It lies where the host reads it without asking the device.
    pub fn flag(&mut self, text: &Text) -> Result<Option<Arc<Mem>>> {
        if text.flagged && self.flag.is_none() {
            self.flag = Some(pass(self.gpu, &[0])?);
        }
        Ok(self.flag.clone())
    }

    /// The flag has to be looked at, since the text of a launch can fail.
    pub fn suspect(&mut self) {
        self.doubtful = true;
    }

    /// The flag, where somebody has to look at it.
    pub fn doubt(self) -> Option<Arc<Doubt>> {
        self.flag.filter(|_| self.doubtful).map(|flag| Doubt::new(Box::new(flag)))
    }
}

impl Flag for Arc<Mem> {
    fn seen(&self) -> Option<bool> {
        let word = self.mapped.filter(|_| self.last.load(Relaxed) <= self.gpu().done())?.cast::<u32>();
        // SAFETY: it holds four bytes, and no command uses it any more.
        Some(unsafe { word.read_volatile() } != 0)
    }

    fn wait(&self) -> Result<bool> {
        self.gpu().wait(self)?;
        self.seen().ok_or_else(|| Fault::new("internal: a flag is not where the host sees it"))
    }
}

/// Whether a flagged kernel's flag must be looked at: not where all that it divides by are numbers above zero.
pub fn can_fail(text: &Text, memory: &Memory) -> bool {
    let fine = |slot: &Option<usize>| {
        let bound = slot.and_then(|s| memory.bound.get(s));
        matches!(bound, Some(&Bound::Number(bits)) if bits as i64 > 0)
    };
    // A text that looks at indices sets the flag itself.
    let own = text.guarded.is_empty() || text.body.contains("trouble = 1u");
    text.flagged && (own || !text.guarded.iter().all(fine))
}

/// Elements of a dtype as bytes.
pub fn bytes(count: usize, dtype: DType) -> u64 {
    count as u64 * dtype.size() as u64
}
