//! Transfer: bytes between the host and the device.
//!
//! Where both share memory the host writes and reads it directly. On a card they go through host memory that the card can
//! reach, from the same pool: a staging buffer is used again once the batch that copies it is done.

use std::any::Any;
use std::cell::Cell;
use std::sync::{Arc, Mutex, Weak};

use super::context::Gpu;
use super::memory::{Kind, Mem};
use super::stream::Command;
use crate::base::buffer::Remote;
use crate::base::{Buffer, Fault, Result};

/// A copy of what the host has: it may be given up for room.
struct Twin {
    device: u8,
    mem: Mutex<Option<Arc<Mem>>>,
}

thread_local! {
    static MOVED: Cell<[u64; 2]> = const { Cell::new([0; 2]) };
}

/// Bytes of arrays that this thread sent to devices, and that it got back, so far.
pub fn moved() -> [u64; 2] {
    MOVED.get()
}

fn count(way: usize, bytes: usize) {
    let mut all = MOVED.get();
    all[way] += bytes as u64;
    MOVED.set(all);
}

static TWINS: Mutex<Vec<Weak<Twin>>> = Mutex::new(Vec::new());

/// Gives up all copies of what the host has; they are made again when they are needed.
pub fn let_go() {
    let twins = TWINS.lock().map(|mut t| std::mem::take(&mut *t)).unwrap_or_default();
    for twin in twins.iter().filter_map(Weak::upgrade) {
        if let Ok(mut mem) = twin.mem.lock() {
            *mem = None;
        }
    }
}

impl Remote for Twin {
    fn device(&self) -> u8 {
        self.device
    }

    fn download(&self, _: *mut u8, _: usize) -> Result<()> {
        Err(Fault::new("internal: the host lost what it had"))
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Gpu {
    /// The bytes of a buffer on this device; copied there if they are not.
    pub fn bring(&'static self, buffer: &Buffer) -> Result<Arc<Mem>> {
        if let Some(away) = buffer.away().filter(|away| away.device() == self.number) {
            self.check()?;
            let away = away.as_any();
            if let Some(mem) = away.downcast_ref::<Twin>().and_then(|t| t.mem.lock().ok()?.clone()) {
                return Ok(mem);
            }
            if let Ok(mem) = away.downcast::<Mem>() {
                return Ok(mem);
            }
        }
        buffer.fetch()?;
        let mem = self.upload(buffer.as_slice_of_bytes())?;
        let twin = Arc::new(Twin { device: self.number, mem: Mutex::new(Some(mem.clone())) });
        if let Ok(mut twins) = TWINS.lock() {
            if twins.len() >= 1024 && twins.len().is_power_of_two() {
                twins.retain(|t| t.strong_count() > 0);
            }
            twins.push(Arc::downgrade(&twin));
        }
        buffer.keep_away(twin);
        Ok(mem)
    }

    /// Memory of the device with a copy of these bytes.
    pub fn upload(&'static self, bytes: &[u8]) -> Result<Arc<Mem>> {
        let (from, bytes) = (bytes.as_ptr(), bytes.len());
        count(0, bytes);
        let mem = self.alloc(Kind::Device, bytes as u64, self.caps.unified)?;
        if let (Some(to), true) = (mem.mapped, self.caps.unified) {
            // SAFETY: it holds as many bytes, and no command uses it.
            unsafe { std::ptr::copy_nonoverlapping(from, to.as_ptr(), bytes) };
            return Ok(mem);
        }
        let staging = self.alloc(Kind::Host, bytes as u64, true)?;
        let to = staging.mapped.ok_or_else(|| Fault::new("internal: host memory is not mapped"))?;
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(from, to.as_ptr(), bytes) };
        self.copy(&staging, &mem, bytes as u64)?;
        Ok(mem)
    }

    /// Copies the first bytes of one to the other, on the device.
    fn copy(&self, from: &Mem, to: &Mem, bytes: u64) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.push(Command::Copy { from: from.handle(), to: to.handle(), bytes }, [from, to])
    }
}

impl Remote for Mem {
    fn device(&self) -> u8 {
        self.gpu().number
    }

    fn download(&self, to: *mut u8, bytes: usize) -> Result<()> {
        let gpu = self.gpu();
        count(1, bytes);
        let read = |mem: &Mem| {
            gpu.wait(mem)?;
            let from = mem.mapped.ok_or_else(|| Fault::new("internal: host memory is not mapped"))?;
            // SAFETY: both hold as many bytes, and the last command that writes them is done.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, bytes) };
            Ok(())
        };
        if gpu.caps.unified {
            return read(self);
        }
        let staging = gpu.alloc(Kind::Host, bytes as u64, false)?;
        gpu.copy(self, &staging, bytes as u64)?;
        read(&staging)
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
