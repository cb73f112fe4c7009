//! Compile: WGSL to SPIR-V to a pipeline, kept by its text; and the driver's part of the work kept on disk.
//!
//! In: text, and how many buffers it binds. Out: a pipeline with its layout. naga takes 0.1 to 0.3 ms for a fused kernel and
//! is not worth a file; the driver's compiler takes 1 to 100 ms, and its cache is kept in
//! `$XDG_CACHE_HOME/nevel/`, one file per device and driver, with a header that is checked before the driver sees it.
//!
//! naga's words are patched: a workgroup array must not have a stride (some drivers refuse it), and where the device can,
//! it is told to keep nan, infinities and the sign of zero; where rounding errors are added up, to leave sums as they are. What naga gets wrong on purpose or by mistake and is written
//! differently in our text instead: `a != b` is false for nan (we write `!(a == b)`), min and max drop nan.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Once};

use naga::back::spv;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use vulkano::VulkanObject;
use vulkano::descriptor_set::layout::{
    DescriptorSetLayout, DescriptorSetLayoutBinding, DescriptorSetLayoutCreateFlags, DescriptorSetLayoutCreateInfo,
    DescriptorType,
};
use vulkano::device::Device;
use vulkano::pipeline::PipelineShaderStageCreateInfo;
use vulkano::pipeline::cache::{PipelineCache, PipelineCacheCreateInfo};
use vulkano::pipeline::compute::{ComputePipeline, ComputePipelineCreateInfo};
use vulkano::pipeline::layout::{PipelineLayout, PipelineLayoutCreateInfo, PushConstantRange};
use vulkano::shader::{ShaderModule, ShaderModuleCreateInfo, ShaderStages};

use super::codegen::library::mentions;
use super::context::Gpu;
use super::error;
use super::options::Options;
use crate::base::{Fault, Result};

/// Words of numbers that a launch can pass without a buffer: what every device has.
pub const WORDS: usize = 32;

/// A kernel that the device can run.
pub struct Pipe {
    pipeline: Arc<ComputePipeline>,
    layout: Arc<PipelineLayout>,
    /// Buffers that it binds.
    pub binds: usize,
}

impl Pipe {
    pub fn handle(&self) -> ash::vk::Pipeline {
        self.pipeline.handle()
    }

    pub fn layout(&self) -> ash::vk::PipelineLayout {
        self.layout.handle()
    }

    pub fn set_layout(&self) -> ash::vk::DescriptorSetLayout {
        self.layout.set_layouts()[0].handle()
    }
}

/// Makes pipelines and keeps them.
pub struct Compiler {
    pipes: Mutex<HashMap<String, Arc<Pipe>>>,
    layouts: Mutex<HashMap<usize, Arc<PipelineLayout>>>,
    cache: Option<Arc<PipelineCache>>,
    file: Option<PathBuf>,
    /// Bytes of the cache when it was last written.
    saved: Mutex<usize>,
}

impl Compiler {
    pub fn new(device: &Arc<Device>, options: &Options) -> Compiler {
        let file = if options.no_cache { None } else { disk::file(device) };
        let initial_data = file.as_deref().and_then(|f| disk::read(f, device)).unwrap_or_default();
        let saved = Mutex::new(initial_data.len());
        let info = PipelineCacheCreateInfo { initial_data, ..Default::default() };
        // SAFETY: the data is empty, or was written by this driver and its checksum is right.
        let cache = unsafe { PipelineCache::new(device.clone(), info) }.ok();
        Compiler { pipes: Mutex::default(), layouts: Mutex::default(), cache, file, saved }
    }

    /// Writes the driver's cache if it grew; called now and then, and at the end.
    pub fn save(&self, device: &Arc<Device>) {
        let (Some(cache), Some(file)) = (&self.cache, &self.file) else { return };
        let (Ok(data), Ok(mut saved)) = (cache.get_data(), self.saved.lock()) else { return };
        if data.len() > *saved {
            *saved = data.len();
            disk::write(file, device, &data);
        }
    }
}

impl Gpu {
    /// The pipeline of a text that binds `binds` buffers.
    pub fn pipe(&self, text: &str, binds: usize) -> Result<Arc<Pipe>> {
        let broken = |_| Fault::new("internal: a compiler of kernels panicked");
        if let Some(pipe) = self.compiler.pipes.lock().map_err(|_| broken(()))?.get(text) {
            return Ok(pipe.clone());
        }
        let pipe = quietly(|| self.make(text, binds))?;
        let mut pipes = self.compiler.pipes.lock().map_err(|_| broken(()))?;
        pipes.insert(text.to_string(), pipe.clone());
        let count = pipes.len();
        drop(pipes);
        if count.is_multiple_of(8) {
            self.compiler.save(&self.device);
        }
        Ok(pipe)
    }

    fn make(&self, text: &str, binds: usize) -> Result<Arc<Pipe>> {
        let options = Options::get();
        if options.no_compile {
            return Err(Fault::new("kernels do not compile (NEVEL_VULKAN=nocompile)"));
        }
        assert!(!options.panic, "kernels make the compiler panic (NEVEL_VULKAN=panic)");
        let layout = self.layout(binds)?;
        let version = if self.device.api_version() >= vulkano::Version::V1_2 { (1, 5) } else { (1, 3) };
        let words = spirv(text, version, self.caps.preserve)?;
        let failed = |e| error::validated("compiling a kernel", self.name, e);
        // SAFETY: naga validated the module.
        let module = unsafe { ShaderModule::new(self.device.clone(), ShaderModuleCreateInfo::new(&words)) };
        let entry = module.map_err(failed)?.single_entry_point();
        let entry = entry.ok_or_else(|| Fault::new("internal: a kernel without an entry"))?;
        let mut stage = PipelineShaderStageCreateInfo::new(entry);
        if let Some(coop) = self.caps.coop.filter(|_| mentions(text, "subgroup_id")) {
            // The text was made for subgroups of that size.
            let fixed = self.device.enabled_features().subgroup_size_control;
            stage.required_subgroup_size = fixed.then_some(coop.lanes as u32);
        }
        let info = ComputePipelineCreateInfo::stage_layout(stage, layout.clone());
        let pipeline = ComputePipeline::new(self.device.clone(), self.compiler.cache.clone(), info).map_err(failed)?;
        Ok(Arc::new(Pipe { pipeline, layout, binds }))
    }

    /// One layout per number of buffers, shared by all kernels; all have room for `WORDS` words.
    fn layout(&self, binds: usize) -> Result<Arc<PipelineLayout>> {
        let mut layouts =
            self.compiler.layouts.lock().map_err(|_| Fault::new("internal: a maker of layouts panicked"))?;
        if let Some(layout) = layouts.get(&binds) {
            return Ok(layout.clone());
        }
        let failed = |e| error::validated("a layout", self.name, e);
        let binding = DescriptorSetLayoutBinding {
            stages: ShaderStages::COMPUTE,
            ..DescriptorSetLayoutBinding::descriptor_type(DescriptorType::StorageBuffer)
        };
        let flags = match self.caps.push_descriptors {
            true => DescriptorSetLayoutCreateFlags::PUSH_DESCRIPTOR,
            false => DescriptorSetLayoutCreateFlags::empty(),
        };
        let bindings = (0..binds as u32).map(|i| (i, binding.clone())).collect();
        let set = DescriptorSetLayoutCreateInfo { flags, bindings, ..Default::default() };
        let set = DescriptorSetLayout::new(self.device.clone(), set).map_err(failed)?;
        let range = PushConstantRange { stages: ShaderStages::COMPUTE, offset: 0, size: 4 * WORDS as u32 };
        let info = PipelineLayoutCreateInfo {
            set_layouts: vec![set],
            push_constant_ranges: vec![range],
            ..Default::default()
        };
        let layout = PipelineLayout::new(self.device.clone(), info).map_err(failed)?;
        layouts.insert(binds, layout.clone());
        Ok(layout)
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs what may panic without being ours: then a fault, with what the panic said.
fn quietly<R>(make: impl FnOnce() -> Result<R>) -> Result<R> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                report(info)
            }
        }));
    });
    QUIET.set(true);
    let made = catch_unwind(AssertUnwindSafe(make));
    QUIET.set(false);
    made.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(Fault::new(format!("the compiler of kernels panicked: {}", said.unwrap_or("it did not say why"))))
    })
}

/// WGSL to SPIR-V, validated. Needs no device: tests compile every kernel with it.
pub fn spirv(text: &str, version: (u8, u8), preserve: bool) -> Result<Vec<u32>> {
    let wrong = |what: String| Fault::new(format!("internal: a kernel does not compile: {what}\n{text}"));
    let module = naga::front::wgsl::parse_str(text).map_err(|e| wrong(e.emit_to_string(text)))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .map_err(|e| wrong(e.emit_to_string(text)))?;
    let options = spv::Options {
        lang_version: version,
        flags: spv::WriterFlags::empty(),
        fake_missing_bindings: true,
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        // The generator writes the guards that are needed; these cost 5 to 30 % in a product.
        force_loop_bounding: false,
        emit_int_div_checks: false,
        use_storage_input_output_16: false,
        ..Default::default()
    };
    let words = spv::write_vec(&module, &info, &options, None).map_err(|e| wrong(e.to_string()))?;
    Ok(patched(&words, preserve, is_exact(text)))
}

/// The instructions of a module behind its header, as (opcode, words).
fn instructions(words: &[u32]) -> impl Iterator<Item = (u32, &[u32])> {
    let mut at = 5;
    std::iter::from_fn(move || {
        let first = *words.get(at)?;
        let part = words.get(at..at + ((first >> 16).max(1) as usize))?;
        at += part.len();
        Some((first & 0xffff, part))
    })
}

/// Whether a text adds up rounding errors: its sums and products must be made as they are written.
fn is_exact(text: &str) -> bool {
    ["fn fast_sum_d(", "fn sum_d(", "fn product_d(", "fn sum_f32(", "fn product_f32("].iter().any(|f| text.contains(f))
}

/// Takes the stride from arrays in workgroup memory, asks for nan and the sign of zero to be kept, and, where `exact`, for
/// float arithmetic to be left as it is: drivers take `(a + b) - a` for `b`.
fn patched(words: &[u32], preserve: bool, exact: bool) -> Vec<u32> {
    const CAPABILITY: u32 = 17;
    const ENTRY: u32 = 15;
    const POINTER: u32 = 32;
    const DECORATE: u32 = 71;
    const WORKGROUP: u32 = 4;
    const ARRAY_STRIDE: u32 = 6;
    const PRESERVE: (u32, u32) = (4466, 4461);
    const NO_CONTRACTION: u32 = 42;
    /// Negation, sums, differences, products, quotients of floats; products of a vector and a number.
    const ARITHMETIC: [u32; 6] = [127, 129, 131, 133, 136, 142];
    let shared: Vec<u32> =
        instructions(words).filter(|(op, w)| *op == POINTER && w[2] == WORKGROUP).map(|(_, w)| w[3]).collect();
    let elsewhere: Vec<u32> =
        instructions(words).filter(|(op, w)| *op == POINTER && w[2] != WORKGROUP).map(|(_, w)| w[3]).collect();
    let mut out = words[..5].to_vec();
    let (mut first, mut kept) = (preserve, exact);
    for (op, w) in instructions(words) {
        let stride = op == DECORATE && w[2] == ARRAY_STRIDE;
        if stride && shared.contains(&w[1]) && !elsewhere.contains(&w[1]) {
            continue;
        }
        // Decorations stand in front of the types.
        if (op == DECORATE || (19..=39).contains(&op)) && std::mem::take(&mut kept) {
            for (_, w) in instructions(words).filter(|(op, _)| ARITHMETIC.contains(op)) {
                out.extend([3 << 16 | DECORATE, w[2], NO_CONTRACTION]);
            }
        }
        out.extend_from_slice(w);
        if op == CAPABILITY && std::mem::take(&mut first) {
            out.extend([2 << 16 | CAPABILITY, PRESERVE.0]);
        }
        if op == ENTRY && preserve {
            out.extend([4 << 16 | 16, w[2], PRESERVE.1, 32]);
        }
    }
    out
}

/// The file that keeps the driver's cache between processes.
mod disk {
    use std::hash::Hasher;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use vulkano::device::Device;

    use crate::plan::trace::Fx;

    const MAGIC: &[u8; 8] = b"nevelvk1";

    /// Who wrote it: this version, this device, this driver.
    fn who(device: &Arc<Device>) -> Vec<u8> {
        let p = device.physical_device().properties();
        let mut who = MAGIC.to_vec();
        who.extend(env!("CARGO_PKG_VERSION").as_bytes());
        who.extend(p.pipeline_cache_uuid);
        who.extend(p.driver_version.to_le_bytes());
        who.extend(p.vendor_id.to_le_bytes());
        who.extend(p.device_id.to_le_bytes());
        who
    }

    fn checksum(data: &[u8]) -> u64 {
        let mut h = std::hash::BuildHasher::build_hasher(&Fx);
        h.write(data);
        h.write_usize(data.len());
        h.finish()
    }

    pub fn file(device: &Arc<Device>) -> Option<PathBuf> {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
        let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
        Some(base.join("nevel").join(format!("pipelines-{:016x}", checksum(&who(device)))))
    }

    /// The driver's part, if the header and the checksum are right.
    pub fn read(file: &Path, device: &Arc<Device>) -> Option<Vec<u8>> {
        let bytes = std::fs::read(file).ok()?;
        let rest = bytes.strip_prefix(who(device).as_slice())?;
        let (sum, data) = rest.split_first_chunk::<8>()?;
        (u64::from_le_bytes(*sum) == checksum(data)).then(|| data.to_vec())
    }

    /// Whole or not at all: written beside it, then renamed. It is only a cache: failing is fine.
    pub fn write(file: &Path, device: &Arc<Device>, data: &[u8]) {
        let mut bytes = who(device);
        bytes.extend(checksum(data).to_le_bytes());
        bytes.extend(data);
        let beside = file.with_extension(std::process::id().to_string());
        let made = file.parent().is_some_and(|dir| std::fs::create_dir_all(dir).is_ok());
        if made && std::fs::write(&beside, bytes).is_ok() && std::fs::rename(&beside, file).is_err() {
            let _ = std::fs::remove_file(&beside);
        }
    }
}
