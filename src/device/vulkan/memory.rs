//! Memory: arrays on the device, in pooled buffers.
//!
//! A dropped buffer goes back to a list of its size class together with the number of the last batch of commands that uses
//! it. Commands run in order, so a kernel may have it again at once; the host may write into it only when that batch is done.
//! Buffers of 4 MB and more have an allocation of their own, so that `trim` really gives memory back. That is done before
//! more than the budget is taken, which others on the device leave (VK_EXT_memory_budget, where there is one), and before
//! anybody is told that memory has run out.

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use ash::vk;
use vulkano::buffer::{Buffer, BufferCreateInfo, BufferUsage, Subbuffer};
use vulkano::device::Device;
use vulkano::device::physical::{PhysicalDevice, PhysicalDeviceType};
use vulkano::memory::allocator::{
    AllocationCreateInfo, GenericMemoryAllocatorCreateInfo, MemoryAllocatePreference, MemoryTypeFilter,
    StandardMemoryAllocator,
};
use vulkano::memory::{MemoryHeapFlags, MemoryPropertyFlags};
use vulkano::{Version, VulkanObject};

use super::context::Gpu;
use super::error;
use super::found::Found;
use super::options::Options;
use crate::base::{Fault, Result, interrupt};
use crate::plan::doubt::{self, Doubt};

/// From here on a buffer has an allocation of its own.
const LARGE: u64 = 4 << 20;
/// Buffers end on such a boundary, so that a kernel may read and write whole groups of four elements.
const STEP: u64 = 256;

/// Which memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// The device's own.
    Device,
    /// The host's, that the device can reach.
    Host,
}

/// Bytes that the device can reach. Given back to the pool when the last handle goes.
pub struct Mem {
    gpu: &'static Gpu,
    buffer: Option<Subbuffer<[u8]>>,
    pub bytes: u64,
    kind: Kind,
    /// Where the host sees it.
    pub mapped: Option<NonNull<u8>>,
    /// The number of the last batch that uses it.
    pub last: AtomicU64,
    /// Launches that may have failed, whose results these bytes are or are made of.
    doubts: Mutex<Vec<Arc<Doubt>>>,
}

// SAFETY: the mapped pointer is plain memory; who writes there holds the only handle or has waited for the device.
unsafe impl Send for Mem {}
unsafe impl Sync for Mem {}

/// Idle buffers by kind and size class, with the last batch that uses each.
type Idle = HashMap<(Kind, u64), Vec<(Subbuffer<[u8]>, u64)>>;

/// Dropped buffers, to be used again.
pub struct Pool {
    allocator: Arc<StandardMemoryAllocator>,
    idle: Mutex<Idle>,
    idle_bytes: AtomicU64,
    live_bytes: AtomicU64,
    /// The most bytes that lie idle.
    keep: u64,
    /// The most bytes that are taken from the driver, in use or idle.
    most: u64,
    found: Arc<PhysicalDevice>,
    /// The heap of the device's own memory, where the driver says what is left of it.
    heap: Option<usize>,
    unified: bool,
}

impl Pool {
    pub fn new(device: &Arc<Device>, found: &Found, options: &Options) -> Pool {
        let properties = found.physical.memory_properties();
        let near = |t: &vulkano::memory::MemoryType| {
            let flags = MemoryPropertyFlags::DEVICE_LOCAL
                | MemoryPropertyFlags::HOST_VISIBLE
                | MemoryPropertyFlags::HOST_COHERENT;
            t.property_flags.contains(flags)
        };
        let shared = matches!(
            found.physical.properties().device_type,
            PhysicalDeviceType::Cpu | PhysicalDeviceType::IntegratedGpu
        );
        let unified = shared && !options.staging && properties.memory_types.iter().any(near);
        let sizes: Vec<u64> = properties.memory_types.iter().map(|_| 32 << 20).collect();
        let info = GenericMemoryAllocatorCreateInfo { block_sizes: &sizes, ..Default::default() };
        let allocator = Arc::new(StandardMemoryAllocator::new(device.clone(), info));
        Pool {
            allocator,
            idle: Mutex::default(),
            idle_bytes: AtomicU64::new(0),
            live_bytes: AtomicU64::new(0),
            keep: found.memory / 4,
            most: options.memory.unwrap_or(found.memory),
            heap: budgeted(&found.physical),
            found: found.physical.clone(),
            unified,
        }
    }

    /// Whether so many more bytes are beyond what may be taken.
    fn is_over(&self, more: u64) -> bool {
        let taken = self.live_bytes.load(Relaxed) + self.idle_bytes.load(Relaxed);
        taken + more > self.most || (more >= LARGE && self.left().is_some_and(|left| more > left))
    }

    /// What the driver says is left for this process.
    fn left(&self) -> Option<u64> {
        let heap = self.heap?;
        let mut budget = vk::PhysicalDeviceMemoryBudgetPropertiesEXT::default();
        let mut all = vk::PhysicalDeviceMemoryProperties2::default().push_next(&mut budget);
        let ask = self.found.instance().fns().v1_1.get_physical_device_memory_properties2;
        // SAFETY: the instance is of version 1.1, and the device knows the structure.
        unsafe { ask(self.found.handle(), &mut all) };
        Some(budget.heap_budget[heap].saturating_sub(budget.heap_usage[heap]))
    }

    /// Whether the host writes into the device's memory itself.
    pub fn unified(&self) -> bool {
        self.unified
    }

    /// Gives back to the driver what lies idle and no command uses any more.
    pub fn trim(&self, done: u64) {
        let Ok(mut idle) = self.idle.lock() else { return };
        let mut freed = 0;
        for ((_, class), list) in idle.iter_mut() {
            let before = list.len();
            list.retain(|(_, last)| *last > done);
            freed += (before - list.len()) as u64 * class;
        }
        self.idle_bytes.fetch_sub(freed, Relaxed);
    }

    /// An idle buffer of a class; if the host is to write into it, one that no command uses any more.
    fn take(&self, kind: Kind, class: u64, done: Option<u64>) -> Option<(Subbuffer<[u8]>, u64)> {
        let mut idle = self.idle.lock().ok()?;
        let list = idle.get_mut(&(kind, class))?;
        let at = list.iter().rposition(|(_, last)| done.is_none_or(|done| *last <= done))?;
        self.idle_bytes.fetch_sub(class, Relaxed);
        Some(list.swap_remove(at))
    }

    /// Takes a dropped buffer in: commands may still use it, so it is not freed here.
    fn give(&self, kind: Kind, class: u64, buffer: Subbuffer<[u8]>, last: u64, done: u64) {
        self.live_bytes.fetch_sub(class, Relaxed);
        if let Ok(mut idle) = self.idle.lock() {
            self.idle_bytes.fetch_add(class, Relaxed);
            idle.entry((kind, class)).or_default().push((buffer, last));
        }
        if self.idle_bytes.load(Relaxed) > self.keep {
            self.trim(done);
        }
    }

    fn fresh(&self, kind: Kind, class: u64) -> Result<Subbuffer<[u8]>, bool> {
        let flags = MemoryPropertyFlags::HOST_VISIBLE | MemoryPropertyFlags::HOST_COHERENT;
        let memory_type_filter = match kind {
            Kind::Device if self.unified => MemoryTypeFilter {
                required_flags: MemoryPropertyFlags::DEVICE_LOCAL | flags,
                preferred_flags: MemoryPropertyFlags::HOST_CACHED,
                ..MemoryTypeFilter::empty()
            },
            Kind::Device => MemoryTypeFilter::PREFER_DEVICE,
            Kind::Host => MemoryTypeFilter {
                required_flags: flags,
                preferred_flags: MemoryPropertyFlags::HOST_CACHED,
                not_preferred_flags: MemoryPropertyFlags::DEVICE_LOCAL,
            },
        };
        let allocate_preference =
            if class >= LARGE { MemoryAllocatePreference::AlwaysAllocate } else { MemoryAllocatePreference::Unknown };
        let usage = BufferUsage::STORAGE_BUFFER | BufferUsage::TRANSFER_SRC | BufferUsage::TRANSFER_DST;
        let info = BufferCreateInfo { usage, ..Default::default() };
        let how = AllocationCreateInfo { memory_type_filter, allocate_preference, ..Default::default() };
        Buffer::new_slice::<u8>(self.allocator.clone(), info, how, class).map_err(|e| error::is_memory(&e))
    }
}

/// The largest heap of the device's own, if the driver says how much of it may be used.
fn budgeted(physical: &PhysicalDevice) -> Option<usize> {
    let asks = physical.supported_extensions().ext_memory_budget && physical.instance().api_version() >= Version::V1_1;
    let heaps = physical.memory_properties().memory_heaps.iter().enumerate();
    let own = heaps.filter(|(_, h)| h.flags.contains(MemoryHeapFlags::DEVICE_LOCAL));
    own.max_by_key(|(_, h)| h.size).map(|(i, _)| i).filter(|_| asks)
}

/// As the host's pool: powers of two while small, then three bits below the leading one.
fn class_of(bytes: u64) -> u64 {
    let bytes = bytes.max(STEP);
    if bytes <= 64 << 10 {
        return bytes.next_power_of_two();
    }
    bytes.next_multiple_of((bytes.next_power_of_two() >> 4).max(STEP))
}

impl Gpu {
    /// Memory for `bytes`; what is in it is anything. `write`: the host is going to write into it.
    pub fn alloc(&'static self, kind: Kind, bytes: u64, write: bool) -> Result<Arc<Mem>> {
        self.check()?;
        let class = class_of(bytes);
        let done = if write { Some(self.done()) } else { None };
        let taken = self.pool.take(kind, class, done);
        let (buffer, last) = match taken {
            Some(taken) => taken,
            None => (self.fresh(kind, class, bytes)?, 0),
        };
        self.pool.live_bytes.fetch_add(class, Relaxed);
        let mapped = buffer.mapped_slice().ok().map(NonNull::cast::<u8>);
        let (last, doubts) = (AtomicU64::new(last), Mutex::default());
        Ok(Arc::new(Mem { gpu: self, buffer: Some(buffer), bytes: class, kind, mapped, last, doubts }))
    }

    /// A new buffer; where there is no room, what lies idle is given back first.
    fn fresh(&'static self, kind: Kind, class: u64, bytes: u64) -> Result<Subbuffer<[u8]>> {
        let other = || Fault::new(format!("{}: a buffer could not be made", self.name));
        let full = || error::no_memory(self.name, bytes);
        if self.pool.is_over(class) {
            self.give_back()?;
        } else {
            match self.pool.fresh(kind, class) {
                Ok(buffer) => return Ok(buffer),
                Err(false) => return Err(other()),
                Err(true) => self.give_back()?,
            }
        }
        // What the driver says is left is a guess: only what was promised binds.
        if self.pool.live_bytes.load(Relaxed) + self.pool.idle_bytes.load(Relaxed) + class > self.pool.most {
            return Err(full());
        }
        self.pool.fresh(kind, class).map_err(|memory| if memory { full() } else { other() })
    }

    /// Gives back what is kept only to save time, once nothing uses it.
    fn give_back(&'static self) -> Result<()> {
        crate::device::let_go();
        self.settle()?;
        doubt::poll();
        self.pool.trim(self.done());
        interrupt::check()
    }
}

impl Mem {
    pub fn gpu(&self) -> &'static Gpu {
        self.gpu
    }

    /// The launches that may have failed, earlier ones first.
    pub fn doubts(&self) -> Vec<Arc<Doubt>> {
        self.doubts.lock().map(|d| d.clone()).unwrap_or_default()
    }

    /// What it holds is made of the results of these, too.
    pub fn inherit(&self, more: &[Arc<Doubt>]) {
        if let Ok(mut doubts) = self.doubts.lock() {
            doubt::merge(&mut doubts, more);
        }
    }

    pub fn handle(&self) -> ash::vk::Buffer {
        self.buffer.as_ref().map(|b| b.buffer().handle()).unwrap_or_default()
    }
}

impl Drop for Mem {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.gpu.pool.give(self.kind, self.bytes, buffer, self.last.load(Relaxed), self.gpu.done());
        }
    }
}
