//! The Vulkan back end: the CPU's kernels, on any vendor's GPU.
//!
//! In: kernels of a plan. Out: commands for the device. A kernel's WGSL is made from its instructions' own snippets
//! (`codegen`), compiled once per structure (`compile`), launched with the memory of one call (`launch`) into a
//! stream of commands that runs on its own (`stream`); only looking waits. Values are buffers that may lie here, there or
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
//! | `map` `fold` `index` | what a family launches, in which order |
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
mod launch;
mod map;
mod memory;
mod options;
mod stream;
mod transfer;

use std::cell::OnceCell;
use std::sync::{Arc, OnceLock};

use super::{Bound, Device, Memory, Program};
use crate::base::{Buffer, DType, Fault, Result};
use crate::graph::prim::Body;
use crate::graph::{Leaf, Prim};
use crate::plan::{Finish, Kernel, Slot};

pub use compile::spirv;
pub use context::{Caps, Coop, Gpu};
pub use found::{Found, all};

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
        let gpu: &'static Gpu = Box::leak(Box::new(Gpu::open(number, found)?));
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
        let cpu = || super::cpu().prepare(kernel, slots);
        let none = || Fault::new("internal: the device has no kernel for this");
        let caps = &self.gpu.caps;
        let inner: Box<dyn Prepared> = match &kernel.finish {
            Finish::Store(outs) => Box::new(map::Map::new(self.gpu, kernel, outs, slots)?),
            Finish::Gather { slot, rest } => {
                let text = codegen::index::gather(kernel, *slot, *rest).ok_or_else(none)?;
                Box::new(index::Gather::new(self.gpu, text, kernel, cpu()?))
            }
            Finish::Put { .. } => {
                let text = index::put_text(kernel, slots, caps).ok_or_else(none)?;
                Box::new(index::Put::new(self.gpu, text, kernel, slots, cpu()?)?)
            }
            _ => Box::new(fold::Stages::new(self.gpu, fold::texts(kernel, slots, caps).ok_or_else(none)?, cpu()?)),
        };
        let (reads, writes) = (kernel.reads().to_vec(), kernel.writes().to_vec());
        Ok(Box::new(Guarded { gpu: self.gpu, inner, cpu: cpu()?, reads, writes, compiled: OnceCell::new() }))
    }

    fn alloc(&self, bytes: usize) -> Result<Arc<Buffer>> {
        let mem = self.gpu.alloc(memory::Kind::Device, bytes as u64, false)?;
        Ok(Buffer::away_only(bytes, mem))
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

/// A program that can say beforehand whether it compiles.
trait Prepared: Program {
    fn compile(&self) -> Result<()>;
}

/// A program of the device, and the CPU's for when a driver refuses to compile it.
struct Guarded {
    gpu: &'static Gpu,
    inner: Box<dyn Prepared>,
    cpu: Box<dyn Program>,
    reads: Vec<usize>,
    writes: Vec<usize>,
    compiled: OnceCell<bool>,
}

impl Program for Guarded {
    fn launch(&self, memory: &Memory) -> Result<()> {
        self.gpu.check()?;
        if *self.compiled.get_or_init(|| self.inner.compile().is_ok()) {
            return self.inner.launch(memory);
        }
        self.gpu.check()?;
        memory.fetch(&self.reads)?;
        for &slot in &self.writes {
            if let Bound::Buffer { buffer, .. } = &memory.bound[slot] {
                buffer.come_home()?;
            }
        }
        self.cpu.launch(memory)
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
pub fn wgsl(caps: &Caps, kernel: &Kernel, slots: &[Slot]) -> Vec<String> {
    if !can(caps, kernel, slots) {
        return vec![];
    }
    match &kernel.finish {
        Finish::Store(outs) => map::forms(kernel, outs, slots, caps).iter().map(|f| f.text.finish()).collect(),
        Finish::Gather { slot, rest } => {
            codegen::index::gather(kernel, *slot, *rest).map(|g| g.text.finish()).into_iter().collect()
        }
        Finish::Put { .. } => index::put_text(kernel, slots, caps).map(|t| t.finish()).into_iter().collect(),
        _ => fold::texts(kernel, slots, caps).iter().flat_map(|(t, _)| t.iter().map(|(t, _)| t.finish())).collect(),
    }
}

/// Whether a device can run a kernel; if not, the CPU does.
pub fn can(caps: &Caps, kernel: &Kernel, slots: &[Slot]) -> bool {
    match &kernel.finish {
        Finish::Store(outs) => map::forms(kernel, outs, slots, caps).iter().any(|f| !f.wide),
        Finish::Gather { slot, rest } => {
            let small = kernel.domain.size() < u32::MAX as usize / 2;
            small && codegen::index::gather(kernel, *slot, *rest).is_some_and(|g| g.text.fits(caps, false))
        }
        Finish::Put { .. } => index::put_text(kernel, slots, caps).is_some(),
        // Kernels of further forms run on the CPU until they have a text here.
        _ => fold::texts(kernel, slots, caps).is_some(),
    }
}
