//! The Vulkan back end: the CPU's kernels, on any vendor's GPU.
//!
//! In: kernels of a plan. Out: commands for the device. A kernel's WGSL is made from its instructions' own snippets
//! (`codegen`), compiled once per structure (`compile`), launched with the memory of one call (`launch`) into a
//! stream of commands that runs on its own (`stream`); only looking waits, also for whether a launch failed (`plan::doubt`). Values are buffers that may lie here, there or
//! both (`base::buffer`); `memory` pools what lies there, `transfer` moves it.
//!
//! | file | from … to … |
//! | --- | --- |
//! | `found` | the driver's list to names, best first |
//! | `context` | a found device to an opened one |
//! | `codegen` | kernels to WGSL: `library` (functions), `axes` (merged index spaces), `text` (what all begin with), a file per family |
//! | `compile` | WGSL to pipelines; the driver's cache on disk |
//! | `memory` `transfer` | arrays there; bytes to and fro |
//! | `launch` `stream` | a text with the memory of a call to commands; commands to the queue |
//! | `poke` | elements that the host assigns, one after the other, to one command |
//! | `jobs` `split` | a kernel to what is launched for it; to several where buffers are too long |
//! | `map` `fold` `index` `sort` | what a family launches, in which order |
//!
//! What a device cannot do (an op without a function for the dtype in `shaders/`, a family without a kernel, a host
//! function) runs on the CPU, and the plan says so. `Finish` forms that have no text here are "cannot" too.
//!
//! The next person must know:
//!
//! - No real GPU has run this yet: correctness is tested on lavapipe, speed is not known. `nevel bench gpu` fills the
//!   table in `docs/vulkan.md`.
//! - Names in WGSL: `from`, `target` and many other harmless words are reserved, and a kernel with one fails only
//!   when it is compiled; the tests compile the texts of every family, with shapes that reach every form.
//! - A kernel that does not compile runs on the CPU, so a test that only compares results does not notice; the tests of
//!   texts do.
//! - A driver may take `(a + b) - a` for `b`: functions that add up rounding errors are named in `compile::is_exact`.
//! - A dropped buffer is reused at once by later commands and only later by the host (`Mem::last`); a command holds no
//!   memory alive, the pool does.
//! - TRIED: `a != b` and `min`/`max` of WGSL (wrong with nan); f64 functions of the driver (garbage); `x + x * p(x * x)` for an
//!   odd function (loses the sign of zero where p is negative).
//! - Missing: what `docs/vulkan.md` lists under that name.

pub mod codegen;
mod compile;
mod context;
mod error;
mod fold;
mod found;
mod index;
mod jobs;
mod launch;
mod map;
mod memory;
mod options;
mod poke;
mod sort;
mod split;
mod stream;
#[cfg(test)]
mod tests;
mod transfer;

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use super::{Bound, Device, Memory, Program};
use crate::base::{Buffer, DType, Fault, Result};
use crate::graph::prim::Body;
use crate::graph::{Leaf, Prim};
use crate::plan::doubt::{self, Doubt};
use crate::plan::{Kernel, Slot};
use launch::Watch;

pub use compile::spirv;
pub use context::{Caps, Coop, Gpu};
pub use found::{Found, all};
pub use stream::waited;
pub use transfer::moved;

/// The devices that were opened, by number.
static OPEN: [OnceLock<Result<&'static Vulkan>>; 16] = [const { OnceLock::new() }; 16];

/// An opened device, as the planner sees it.
pub struct Vulkan {
    pub gpu: &'static Gpu,
}

/// Device number n; opened when first asked for.
pub fn open(number: u8) -> Result<&'static Vulkan> {
    let none = || Fault::new(format!("there is no Vulkan device number {number}"));
    let cell = OPEN.get(number as usize).ok_or_else(none)?;
    let opened = cell.get_or_init(|| {
        let found = all().as_ref().map_err(|why| Fault::new(why.clone()))?;
        let found = found.get(number as usize - 1).ok_or_else(none)?;
        let mut gpu = Gpu::open(number, found)?;
        // Better no cooperative matrices than kernels that the driver leaves to the CPU.
        let takes = |kind| codegen::coop::sample(kind).is_some_and(|t| gpu.pipe(&t.finish(), t.binds()).is_ok());
        if gpu.caps.coop.is_some_and(|kind| !takes(kind)) {
            gpu.caps.coop = None;
        }
        let gpu: &'static Gpu = Box::leak(Box::new(gpu));
        Ok(Box::leak(Box::new(Vulkan { gpu })))
    });
    opened.clone()
}

/// Writes the drivers' caches of the devices that were opened.
pub fn close() {
    for device in OPEN.iter().filter_map(|cell| cell.get()?.as_ref().ok()) {
        device.gpu.compiler.save(&device.gpu.device);
    }
}

/// Gives up the copies of what the host has too.
pub fn let_go() {
    transfer::let_go();
}

/// What `nevel devices` says of each.
pub fn list() -> Result<Vec<super::Listed>, String> {
    let found = all().as_ref().map_err(String::clone)?;
    Ok(found.iter().map(|f| super::Listed { name: f.name, what: f.describe() }).collect())
}

impl Device for Vulkan {
    fn name(&self) -> &'static str {
        self.gpu.name
    }

    fn takes_rows(&self) -> bool {
        true
    }

    fn takes(&self, prim: &Prim, ins: &[DType], out: DType) -> bool {
        takes(&self.gpu.caps, prim, ins, out)
    }

    fn can(&self, kernel: &Kernel, slots: &[Slot]) -> bool {
        can(&self.gpu.caps, kernel, slots)
    }

    fn prepare(&self, kernel: &Kernel, slots: &[Slot]) -> Result<Box<dyn Program>> {
        let none = || Fault::new("internal: the device has no kernel for this");
        let cpu = Spare(Rc::from(super::cpu().prepare(kernel, slots)?));
        let jobs = jobs::jobs(kernel, slots, &self.gpu.caps).ok_or_else(none)?;
        let inner = jobs.into_iter().map(|job| job.prepare(self.gpu, &cpu)).collect::<Result<_>>()?;
        let (reads, writes) = (kernel.reads().to_vec(), kernel.writes().to_vec());
        Ok(Box::new(Guarded { gpu: self.gpu, inner, cpu, reads, writes, compiled: OnceCell::new() }))
    }

    fn alloc(&self, bytes: usize) -> Result<Arc<Buffer>> {
        let mem = self.gpu.alloc(memory::Kind::Device, bytes as u64, false)?;
        Ok(Buffer::away_only(bytes, mem))
    }

    fn claim(&self, buffer: &Arc<Buffer>) -> Result<Arc<Buffer>> {
        let away = buffer.away().filter(|away| away.is_made_there() && away.device() == self.gpu.number);
        match away {
            Some(_) if !buffer.is_here() => Ok(buffer.clone()),
            _ => Ok(Buffer::away_only(buffer.bytes(), self.gpu.bring(buffer)?)),
        }
    }

    fn poke(&self, buffer: &Arc<Buffer>, size: usize, of: &mut dyn Iterator<Item = (usize, u64)>) -> Result<bool> {
        self.gpu.poke(&self.gpu.bring(buffer)?, size, of)
    }

    fn source(&self, kernel: &Kernel, slots: &[Slot]) -> Option<String> {
        let texts = wgsl(&self.gpu.caps, kernel, slots);
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    fn settle(&self) -> Result<()> {
        self.gpu.settle()
    }

    fn flush(&self) -> Result<()> {
        self.gpu.flush()
    }
}

/// A part of a kernel, made ready.
trait Prepared {
    /// A fault where it does not compile.
    fn compile(&self) -> Result<()>;
    /// Gives the commands that run it.
    fn launch(&self, memory: &Memory, watch: &mut Watch) -> Result<()>;
}

/// What does a whole kernel on the CPU.
#[derive(Clone)]
struct Spare(Rc<dyn Program>);

impl Spare {
    /// Something is wrong with the values: the CPU does the same and says what, in its own words. Marks that it leaves are
    /// found by whoever launched this.
    fn blame(&self, memory: &Memory) -> Result<()> {
        let all: Vec<usize> = (0..memory.bound.len()).collect();
        memory.fetch(&all)?;
        self.0.launch(memory)
    }
}

/// Programs of the device that do a kernel, and the CPU's for when a driver refuses to compile it.
struct Guarded {
    gpu: &'static Gpu,
    inner: Vec<Box<dyn Prepared>>,
    cpu: Spare,
    reads: Vec<usize>,
    writes: Vec<usize>,
    compiled: OnceCell<bool>,
}

impl Guarded {
    /// Whether all of it compiles; the first that does not is said, once.
    fn compiles(&self) -> bool {
        let Err(fault) = self.inner.iter().try_for_each(|p| p.compile()) else { return true };
        static SAID: AtomicBool = AtomicBool::new(false);
        if !SAID.swap(true, Relaxed) {
            let why = fault.message.lines().next().unwrap_or("");
            eprintln!("note: {}: a kernel does not compile, so the CPU computes it: {why}", self.gpu.name);
        }
        false
    }

    /// What is made of memory in doubt is in doubt, and so is what a launch makes that may fail.
    fn hand_on(&self, memory: &Memory, own: &Option<Arc<Doubt>>) {
        if doubt::none() {
            return;
        }
        let mut doubts: Vec<Arc<Doubt>> = own.iter().cloned().collect();
        let mems = |slots: &[usize]| slots.iter().filter_map(|&s| self.gpu.away(&memory.bound[s])).collect::<Vec<_>>();
        mems(&self.reads).iter().for_each(|mem| doubt::merge(&mut doubts, &mem.doubts()));
        mems(&self.writes).iter().for_each(|mem| mem.inherit(&doubts));
    }
}

impl Program for Guarded {
    fn launch(&self, memory: &Memory) -> Result<()> {
        self.start(memory).map(|_| ())
    }

    fn start(&self, memory: &Memory) -> Result<Option<Arc<Doubt>>> {
        self.gpu.check()?;
        if *self.compiled.get_or_init(|| self.compiles()) {
            let mut watch = Watch::new(self.gpu);
            self.inner.iter().try_for_each(|p| p.launch(memory, &mut watch))?;
            let doubt = watch.doubt();
            self.hand_on(memory, &doubt);
            return Ok(doubt);
        }
        self.gpu.check()?;
        memory.fetch(&self.reads)?;
        for &slot in &self.writes {
            if let Bound::Buffer { buffer, .. } = &memory.bound[slot] {
                buffer.come_home()?;
            }
        }
        self.cpu.0.launch(memory).map(|()| None)
    }
}

/// Whether a device can do an op; if not, the CPU does it.
pub fn takes(caps: &Caps, prim: &Prim, ins: &[DType], out: DType) -> bool {
    let typed = |d: DType| {
        (d != DType::F16 || caps.float16) && (d != DType::I64 || caps.int64) && (d != DType::F64 || caps.float64)
    };
    if !ins.iter().copied().chain([out]).all(typed) {
        return false;
    }
    let known = |snippet: &str, dtype: DType| {
        codegen::library::expression(snippet, &[], dtype).is_some_and(|e| codegen::library::allows(&e, caps))
    };
    match &prim.body {
        Body::Map(map) => known(map.wgsl, ins.last().copied().unwrap_or(out)),
        Body::Leaf(Leaf::Position(_, snippet)) => known(snippet, out),
        Body::View(_) => true,
        Body::Host(_) => false,
        _ => true,
    }
}

/// The WGSL of a kernel, in the order in which its parts run; empty where a device with these capabilities cannot run it.
/// What runs several times stands there once.
pub fn wgsl(caps: &Caps, kernel: &Kernel, slots: &[Slot]) -> Vec<String> {
    let mut texts: Vec<String> = vec![];
    for text in jobs::jobs(kernel, slots, caps).iter().flatten().flat_map(jobs::Job::texts) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// Whether a device can run a kernel; if not, the CPU does.
pub fn can(caps: &Caps, kernel: &Kernel, slots: &[Slot]) -> bool {
    jobs::jobs(kernel, slots, caps).is_some()
}
