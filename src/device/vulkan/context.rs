//! Context: one opened device. Everything that talks to the driver hangs on it.
//!
//! Opened on first use and kept to the end of the process: values hold memory of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use vulkano::device::{Device, DeviceCreateInfo, DeviceExtensions, DeviceFeatures, Queue, QueueCreateInfo, QueueFlags};
use vulkano::{Version, VulkanObject};

use super::compile::Compiler;
use super::error;
use super::found::Found;
use super::memory::Pool;
use super::options::Options;
use super::poke::Pokes;
use super::stream::Stream;
use crate::base::{Fault, Result};

/// What the device can do, as far as we ask.
#[derive(Clone, Debug)]
pub struct Caps {
    pub int64: bool,
    pub float64: bool,
    /// f16 in buffers and in registers.
    pub float16: bool,
    /// Small matrices that a subgroup multiplies: f16 with sums of f32.
    pub coop: Option<Coop>,
    pub push_descriptors: bool,
    /// The most bytes that one binding may span.
    pub range: u64,
    /// The alignment of a binding's offset.
    pub align: u64,
    /// Buffers that one kernel may bind.
    pub bindings: usize,
    /// The most groups along x.
    pub groups: u32,
    /// The host can write into the device's own memory.
    pub unified: bool,
    /// Nan, infinities and the sign of zero can be asked to be kept.
    pub preserve: bool,
}

/// Cooperative matrices of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Coop {
    /// Rows, columns and depth.
    pub edge: usize,
    /// Threads of a subgroup.
    pub lanes: usize,
}

impl Caps {
    /// A device that can do everything: for texts without a device.
    pub fn all() -> Caps {
        Caps {
            int64: true,
            float64: true,
            float16: true,
            coop: None,
            push_descriptors: true,
            range: u64::MAX / 2,
            align: 16,
            bindings: 32,
            groups: 65535,
            unified: true,
            preserve: true,
        }
    }
}

/// An opened device.
pub struct Gpu {
    /// The number of its place.
    pub number: u8,
    /// What a user calls it.
    pub name: &'static str,
    pub caps: Caps,
    pub device: Arc<Device>,
    pub queue: Arc<Queue>,
    pub compiler: Compiler,
    pub pool: Pool,
    pub stream: Mutex<Stream>,
    /// Elements that wait to be written.
    pub pokes: Pokes,
    /// The number of the last batch that is known to be done.
    pub(super) finished: AtomicU64,
    lost: AtomicBool,
}

impl Gpu {
    /// Opens a device; a driver that panics is one that cannot be opened.
    pub fn open(number: u8, found: &Found) -> Result<Gpu> {
        let opened = catch_unwind(AssertUnwindSafe(|| open(number, found)));
        opened.unwrap_or_else(|_| Err(Fault::new(format!("{}: the Vulkan driver failed", found.name))))
    }

    /// A fault if the device is gone.
    pub fn check(&self) -> Result<()> {
        if self.lost.load(Relaxed) { Err(error::lost(self.name)) } else { Ok(()) }
    }

    /// The fault of a call that failed; remembers a lost device.
    pub fn fault(&self, what: &str, e: vulkano::VulkanError) -> Fault {
        if e == vulkano::VulkanError::DeviceLost {
            self.lost.store(true, Relaxed);
        }
        error::vulkan(what, self.name, e)
    }

    /// The fault of a call of the raw interface.
    pub fn raw(&self, what: &str, result: ash::vk::Result) -> Result<()> {
        match result {
            ash::vk::Result::SUCCESS => Ok(()),
            e => Err(self.fault(what, e.into())),
        }
    }

    pub fn handle(&self) -> ash::vk::Device {
        self.device.handle()
    }
}

/// The square matrices of f16 with sums of f32 that naga knows, the larger ones first.
fn small_matrices(found: &Found) -> Option<Coop> {
    use ash::vk::{ComponentTypeKHR as Type, CooperativeMatrixPropertiesKHR as Kind, ScopeKHR};
    let physical = &found.physical;
    if !physical.supported_extensions().khr_cooperative_matrix {
        return None;
    }
    let lanes = physical.properties().subgroup_size? as usize;
    let ask = physical.instance().fns().khr_cooperative_matrix.get_physical_device_cooperative_matrix_properties_khr;
    let mut count = 0u32;
    // SAFETY: the device has the extension; a null list asks for the number of entries.
    unsafe { ask(physical.handle(), &mut count, std::ptr::null_mut()) }.result().ok()?;
    let mut all = vec![Kind::default(); count as usize];
    // SAFETY: the list holds as many entries.
    unsafe { ask(physical.handle(), &mut count, all.as_mut_ptr()) }.result().ok()?;
    let fits = |p: &Kind, edge: u32| {
        let halves = p.a_type == Type::FLOAT16 && p.b_type == Type::FLOAT16;
        let sums = p.c_type == Type::FLOAT32 && p.result_type == Type::FLOAT32;
        halves && sums && p.scope == ScopeKHR::SUBGROUP && [p.m_size, p.n_size, p.k_size] == [edge; 3]
    };
    let edge = [16, 8].into_iter().find(|&edge| all.iter().any(|p| fits(p, edge)))?;
    Some(Coop { edge: edge as usize, lanes })
}

fn device_version(found: &Found) -> Version {
    found.physical.api_version()
}

/// With cooperative matrices, if it has some; a driver that offers them and then refuses is opened without.
fn open(number: u8, found: &Found) -> Result<Gpu> {
    let options = Options::get();
    let coop = if options.no_coop || options.no_float16 { None } else { small_matrices(found) };
    let with = |coop| open_with(number, found, coop);
    if coop.is_none() { with(None) } else { with(coop).or_else(|_| with(None)) }
}

fn open_with(number: u8, found: &Found, coop: Option<Coop>) -> Result<Gpu> {
    let (physical, options) = (&found.physical, Options::get());
    let family = physical
        .queue_family_properties()
        .iter()
        .position(|q| q.queue_flags.contains(QueueFlags::COMPUTE))
        .ok_or_else(|| Fault::new(format!("{} has no queue that computes", found.name)))?;
    let features = *physical.supported_features()
        & DeviceFeatures {
            shader_int64: !options.no_int64,
            shader_float64: !options.no_float64,
            shader_float16: !options.no_float16,
            // naga asks for both, whatever the buffer.
            storage_buffer16_bit_access: !options.no_float16,
            uniform_and_storage_buffer16_bit_access: !options.no_float16,
            cooperative_matrix: coop.is_some(),
            vulkan_memory_model: coop.is_some(),
            subgroup_size_control: coop.is_some(),
            ..DeviceFeatures::empty()
        };
    let extensions = *physical.supported_extensions()
        & DeviceExtensions {
            khr_push_descriptor: !options.no_push,
            khr_portability_subset: true,
            khr_cooperative_matrix: coop.is_some(),
            // Part of Vulkan 1.2 and 1.3; before that they are asked for.
            khr_vulkan_memory_model: coop.is_some() && device_version(found) < Version::V1_2,
            ext_subgroup_size_control: coop.is_some() && device_version(found) < Version::V1_3,
            ..DeviceExtensions::empty()
        };
    let info = DeviceCreateInfo {
        queue_create_infos: vec![QueueCreateInfo { queue_family_index: family as u32, ..Default::default() }],
        enabled_extensions: extensions,
        enabled_features: features,
        ..Default::default()
    };
    let (device, mut queues) =
        Device::new(physical.clone(), info).map_err(|e| error::validated("opening it", found.name, e))?;
    let queue = queues.next().ok_or_else(|| Fault::new(format!("{} has no queue", found.name)))?;
    let limits = physical.properties();
    let pool = Pool::new(&device, found, options);
    let pushed = if extensions.khr_push_descriptor { limits.max_push_descriptors } else { None };
    let bindings = limits.max_per_stage_descriptor_storage_buffers.min(pushed.unwrap_or(u32::MAX));
    let caps = Caps {
        int64: features.shader_int64,
        float64: features.shader_float64 && features.shader_int64,
        float16: features.shader_float16
            && features.storage_buffer16_bit_access
            && features.uniform_and_storage_buffer16_bit_access,
        coop: coop.filter(|_| features.cooperative_matrix && features.vulkan_memory_model),
        push_descriptors: extensions.khr_push_descriptor,
        range: u64::from(limits.max_storage_buffer_range).min(options.range.unwrap_or(u64::MAX)),
        align: limits.min_storage_buffer_offset_alignment.as_devicesize(),
        bindings: bindings.min(32) as usize,
        groups: limits.max_compute_work_group_count[0].min(65535),
        unified: pool.unified(),
        preserve: limits.shader_signed_zero_inf_nan_preserve_float32 == Some(true)
            && device.api_version() >= Version::V1_2,
    };
    let compiler = Compiler::new(&device, options);
    let stream =
        Mutex::new(Stream::new(&device, family as u32).map_err(|e| error::validated("a stream", found.name, e))?);
    let lost = AtomicBool::new(false);
    let finished = AtomicU64::new(0);
    let pokes = Pokes::default();
    Ok(Gpu { number, name: found.name, caps, device, queue, compiler, pool, stream, pokes, finished, lost })
}
