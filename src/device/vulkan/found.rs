//! Which Vulkan devices this machine has, and what users call them.
//!
//! In: the driver's list. Out: the best GPU first, as `gpu`, then `gpu:1` …, software devices last as `vulkan:cpu` ….
//! Looked for once, when somebody first asks: loading the library and its drivers takes some 100 ms.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use vulkano::device::QueueFlags;
use vulkano::device::physical::{PhysicalDevice, PhysicalDeviceType};
use vulkano::instance::{Instance, InstanceCreateFlags, InstanceCreateInfo};
use vulkano::library::DynamicLibraryLoader;
use vulkano::memory::MemoryHeapFlags;
use vulkano::{Version, VulkanLibrary};

use super::options::Options;
use crate::base::buffer::human;
use crate::graph::place;

/// One device, not yet opened.
pub struct Found {
    /// What a user calls it.
    pub name: &'static str,
    pub physical: Arc<PhysicalDevice>,
    /// It computes on the CPU: never taken unless asked for.
    pub software: bool,
    /// Bytes of its own memory.
    pub memory: u64,
}

impl Found {
    /// Name, driver, memory, and what it has beyond f32.
    pub fn describe(&self) -> String {
        let (p, f) = (self.physical.properties(), self.physical.supported_features());
        let driver = p.driver_name.as_deref().unwrap_or("unknown driver");
        let version = p.driver_info.as_deref().unwrap_or("").to_string();
        let coop = self.physical.supported_extensions().khr_cooperative_matrix;
        let half = f.shader_float16 && f.storage_buffer16_bit_access && f.uniform_and_storage_buffer16_bit_access;
        let has = [("f64", f.shader_float64), ("i64", f.shader_int64), ("f16", half), ("coopmat", coop)];
        let has: Vec<&str> = has.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        let parts = [
            p.device_name.clone(),
            format!("{driver} {version}").trim().to_string(),
            format!("{} of memory", human(self.memory as usize)),
            format!("has {}", has.join(" ")),
        ];
        parts.join(", ")
    }
}

/// The devices in the order of their numbers, which begin at 1; or why there are none.
pub fn all() -> &'static Result<Vec<Found>, String> {
    static ALL: OnceLock<Result<Vec<Found>, String>> = OnceLock::new();
    ALL.get_or_init(|| {
        // Drivers are not ours: a panic on the way to them must not end the session.
        let found = catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| Err("the Vulkan driver failed".into()))?;
        place::name_devices(found.iter().map(|f| f.name).collect());
        Ok(found)
    })
}

fn look() -> Result<Vec<Found>, String> {
    let options = Options::get();
    if options.off {
        return Err("Vulkan is switched off (NEVEL_VULKAN=off)".into());
    }
    let library = match &options.library {
        // SAFETY: a path that the user names as a Vulkan library.
        Some(path) => unsafe { DynamicLibraryLoader::new(path) }.and_then(VulkanLibrary::with_loader),
        None => VulkanLibrary::new(),
    };
    let library = library.map_err(|_| "no Vulkan library is installed (libvulkan.so.1)".to_string())?;
    let info = InstanceCreateInfo {
        flags: InstanceCreateFlags::ENUMERATE_PORTABILITY,
        application_name: Some("nevel".into()),
        max_api_version: Some(Version::V1_3),
        ..Default::default()
    };
    let instance = Instance::new(library, info).map_err(|_| "no Vulkan driver is installed".to_string())?;
    let devices = instance.enumerate_physical_devices().map_err(|e| format!("the Vulkan driver failed: {e}"))?;
    let mut usable: Vec<(u32, u64, Arc<PhysicalDevice>)> =
        devices.filter(computes).map(|p| (rank(&p), memory(&p), p)).collect();
    usable.sort_by_key(|(rank, memory, _)| (*rank, std::cmp::Reverse(*memory)));
    let (mut real, mut soft) = (0, 0);
    let found: Vec<Found> = usable
        .into_iter()
        .map(|(rank, memory, physical)| {
            let software = rank == SOFTWARE;
            let (kind, n) = if software { ("vulkan:cpu", &mut soft) } else { ("gpu", &mut real) };
            let name = if *n == 0 { kind.to_string() } else { format!("{kind}:{n}") };
            *n += 1;
            Found { name: Box::leak(name.into_boxed_str()), physical, software, memory }
        })
        .collect();
    if found.is_empty() { Err("the Vulkan driver has no device that computes".into()) } else { Ok(found) }
}

/// Vulkan 1.1 with a queue for kernels: what the shaders here need.
fn computes(p: &Arc<PhysicalDevice>) -> bool {
    p.api_version() >= Version::V1_1
        && p.queue_family_properties().iter().any(|q| q.queue_flags.contains(QueueFlags::COMPUTE))
}

const SOFTWARE: u32 = 9;

fn rank(p: &PhysicalDevice) -> u32 {
    match p.properties().device_type {
        PhysicalDeviceType::DiscreteGpu => 0,
        PhysicalDeviceType::IntegratedGpu => 1,
        PhysicalDeviceType::VirtualGpu => 2,
        PhysicalDeviceType::Cpu => SOFTWARE,
        _ => 3,
    }
}

fn memory(p: &PhysicalDevice) -> u64 {
    let heaps = &p.memory_properties().memory_heaps;
    heaps.iter().filter(|h| h.flags.contains(MemoryHeapFlags::DEVICE_LOCAL)).map(|h| h.size).max().unwrap_or(0)
}
