//! What can go wrong on the way to a device, as faults that say what to do.

use vulkano::buffer::AllocateBufferError;
use vulkano::memory::allocator::MemoryAllocatorError;
use vulkano::{Validated, VulkanError};

use crate::base::Fault;
use crate::base::buffer::human;

/// A fault of a call to the driver.
pub fn vulkan(what: &str, device: &str, error: VulkanError) -> Fault {
    match error {
        VulkanError::DeviceLost => lost(device),
        VulkanError::OutOfDeviceMemory | VulkanError::OutOfHostMemory => {
            Fault::new(format!("{device}: out of memory ({what})"))
                .hint("work on smaller parts, or let go of what is done")
        }
        other => Fault::new(format!("{device}: {what} failed: {other:?}"))
            .hint("default_device(\"cpu\") computes without it"),
    }
}

/// As `vulkan`, for calls that vulkano checks first.
pub fn validated(what: &str, device: &str, error: Validated<VulkanError>) -> Fault {
    match error {
        Validated::Error(e) => vulkan(what, device, e),
        Validated::ValidationError(e) => {
            Fault::new(format!("internal: {device}: {what}: {e}")).hint("default_device(\"cpu\") computes without it")
        }
    }
}

/// The device went away: a driver reset, an unplugged card, a kernel that hung.
pub fn lost(device: &str) -> Fault {
    Fault::new(format!("the device {device} was lost: what was only there is gone"))
        .hint("default_device(\"cpu\") goes on without it; start nevel again to use it again")
}

/// No memory for an array.
pub fn no_memory(device: &str, bytes: u64) -> Fault {
    Fault::new(format!("{device}: not enough memory for an array of {}", human(bytes as usize)))
        .hint("make it smaller, work on slices of it, or compute it there: to(x, \"cpu\")")
}

/// Whether an allocation failed for want of memory, so that giving some back may help.
pub fn is_memory(error: &Validated<AllocateBufferError>) -> bool {
    match error {
        Validated::Error(AllocateBufferError::AllocateMemory(MemoryAllocatorError::AllocateDeviceMemory(e))) => {
            matches!(e, Validated::Error(VulkanError::OutOfDeviceMemory | VulkanError::OutOfHostMemory))
        }
        Validated::Error(AllocateBufferError::CreateBuffer(e) | AllocateBufferError::BindMemory(e)) => {
            matches!(e, VulkanError::OutOfDeviceMemory | VulkanError::OutOfHostMemory)
        }
        // A size beyond the device's limits is one that it has no memory for.
        Validated::ValidationError(_) => true,
        _ => false,
    }
}
