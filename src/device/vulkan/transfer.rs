//! Transfer: bytes between the host and the device.
//!
//! Where both share memory the host writes and reads it directly. On a card they go through host memory that the card can
//! reach, from the same pool, in pieces: while the card copies one the host fills or empties the next, in a ring of a few
//! buffers of which each is used again once the batch that copies it is done.

use std::any::Any;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use super::context::Gpu;
use super::memory::{Kind, Mem};
use super::stream::Command;
use crate::base::buffer::Remote;
use crate::base::{Buffer, Fault, Result};
use crate::device::Bound;

/// A copy of what the host has: it may be given up for room.
struct Twin {
    device: u8,
    mem: Mutex<Option<Arc<Mem>>>,
}

/// Bytes of a piece on its way, and how many are on their way at once.
const PIECE: usize = 8 << 20;
const RING: usize = 3;

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

    fn is_made_there(&self) -> bool {
        false
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

    /// Where this device made the bytes of a slot, if it did.
    pub fn away(&self, bound: &Bound) -> Option<Arc<Mem>> {
        let Bound::Buffer { buffer, .. } = bound else { return None };
        let away = buffer.away().filter(|away| away.device() == self.number)?;
        away.as_any().downcast::<Mem>().ok()
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
        let mut ring: Vec<Arc<Mem>> = vec![];
        for (i, at) in (0..bytes).step_by(PIECE).enumerate() {
            let n = PIECE.min(bytes - at);
            if i < RING {
                ring.push(self.alloc(Kind::Host, n as u64, true)?);
            }
            let staging = &ring[i % RING];
            if i >= RING {
                self.wait(staging)?;
            }
            // SAFETY: it holds as many bytes, and no command uses it any more.
            unsafe { std::ptr::copy_nonoverlapping(from.add(at), mapped(staging)?, n) };
            self.copy((staging, 0), (&mem, at), n)?;
            // A long way begins at once.
            if bytes > PIECE {
                self.flush()?;
            }
        }
        Ok(mem)
    }

    /// Copies bytes behind an offset of one to an offset of another, on the device.
    fn copy(&self, (from, start): (&Mem, usize), (to, at): (&Mem, usize), bytes: usize) -> Result<()> {
        let (source, target) = ((from.handle(), start as u64), (to.handle(), at as u64));
        self.push(Command::Copy { from: source, to: target, bytes: bytes as u64 }, [from, to])
    }
}

/// Where the host sees memory that was made for it.
fn mapped(mem: &Mem) -> Result<*mut u8> {
    mem.mapped.map(|p| p.as_ptr()).ok_or_else(|| Fault::new("internal: host memory is not mapped"))
}

impl Remote for Mem {
    fn device(&self) -> u8 {
        self.gpu().number
    }

    fn download(&self, to: *mut u8, bytes: usize) -> Result<()> {
        let gpu = self.gpu();
        self.doubts().iter().try_for_each(|doubt| doubt.resolve())?;
        self.inherit(&[]);
        count(1, bytes);
        let read = |mem: &Mem, at: usize, n: usize| {
            gpu.wait(mem)?;
            // SAFETY: both hold as many bytes, and the last command that writes them is done.
            unsafe { std::ptr::copy_nonoverlapping(mapped(mem)?.cast_const(), to.add(at), n) };
            Ok(())
        };
        if gpu.caps.unified {
            return read(self, 0, bytes);
        }
        let mut ring: VecDeque<(Arc<Mem>, usize, usize)> = VecDeque::new();
        for at in (0..bytes).step_by(PIECE) {
            let n = PIECE.min(bytes - at);
            let staging = match ring.len() < RING {
                true => gpu.alloc(Kind::Host, n as u64, false)?,
                false => {
                    let Some((done, at, n)) = ring.pop_front() else { break };
                    read(&done, at, n)?;
                    done
                }
            };
            gpu.copy((self, at), (&staging, 0), n)?;
            gpu.flush()?;
            ring.push_back((staging, at, n));
        }
        ring.iter().try_for_each(|(mem, at, n)| read(mem, *at, *n))
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
