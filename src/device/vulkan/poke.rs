//! Poke: a few elements of an array on the device, given by the host, written where they lie.
//!
//! In: memory, and places with the bits that are to stand there. Out: one command for all that were given before something
//! else is to run: a loop that assigns element after element would else be a launch each. What waits is kept by words of
//! 32 bits, so that one kernel does for every dtype, and of two that write one place the later stands.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use smallvec::smallvec;

use super::codegen::text::{ENTRY, GROUP, Source, Text, Word};
use super::compile::Pipe;
use super::context::Gpu;
use super::launch::pass;
use super::memory::Mem;
use super::stream::{Bind, Command};
use crate::base::{DType, Fault, Result};
use crate::plan::trace::Fx;

/// Words that wait at most.
const MOST: usize = 1 << 16;

/// What waits to be written on a device.
#[derive(Default)]
pub struct Pokes {
    waiting: Mutex<Option<Waiting>>,
    /// Whether something waits: asked at every command.
    some: AtomicBool,
    /// The kernel; none where it does not compile.
    pipe: OnceLock<Option<Arc<Pipe>>>,
}

/// Words of one memory: per word which of its bits are new, and what they are.
struct Waiting {
    mem: Arc<Mem>,
    words: HashMap<u32, (u32, u32), Fx>,
}

/// The kernel: a thread per word, which the list names with its new bits.
pub fn text() -> Text {
    let mut t = Text::default();
    let mut words = |n: usize, write: bool| {
        let bind = t.bind(Source::Own(n), DType::F32, write, (0, 0));
        t.types[bind] = "u32".into();
        bind
    };
    let (to, list) = (words(0, true), words(1, false));
    let count = t.word(Word::Count);
    t.body = format!("{ENTRY}{GROUP}    let u = group * 256u + li;\n    if u >= {count} {{ return; }}\n");
    t.body += &format!("    let at = b{list}[3u * u];\n");
    t.body += &format!("    b{to}[at] = (b{to}[at] & ~b{list}[3u * u + 1u]) | b{list}[3u * u + 2u];\n}}\n");
    t
}

impl Waiting {
    /// Element `place` of `size` bytes is to be `bits`.
    fn put(&mut self, place: usize, size: usize, bits: u64) {
        let at = place * size;
        let word = (at / 4) as u32;
        let mut one = |word: u32, mask: u32, value: u32| {
            let (m, v) = self.words.entry(word).or_default();
            (*m, *v) = (*m | mask, (*v & !mask) | (value & mask));
        };
        match size {
            1 | 2 => {
                let shift = 8 * (at % 4) as u32;
                one(word, ((1u32 << (8 * size)) - 1) << shift, (bits as u32) << shift);
            }
            4 => one(word, u32::MAX, bits as u32),
            _ => {
                one(word, u32::MAX, bits as u32);
                one(word + 1, u32::MAX, (bits >> 32) as u32);
            }
        }
    }

    /// Per word: which, its new bits' mask, and they.
    fn list(&self) -> Vec<u32> {
        self.words.iter().flat_map(|(&word, &(mask, value))| [word, mask, value]).collect()
    }
}

impl Gpu {
    /// Has elements of `size` bytes written, each at its place; `false` where this device cannot.
    pub fn poke(
        &'static self,
        mem: &Arc<Mem>,
        size: usize,
        of: &mut dyn Iterator<Item = (usize, u64)>,
    ) -> Result<bool> {
        self.check()?;
        let made = || self.pipe(&text().finish(), text().binds()).ok();
        if mem.bytes > self.caps.range || self.pokes.pipe.get_or_init(made).is_none() {
            return Ok(false);
        }
        let full = |w: &Waiting| !Arc::ptr_eq(&w.mem, mem) || w.words.len() >= MOST;
        if self.waiting()?.as_ref().is_some_and(full) {
            self.write_pokes()?;
        }
        let mut waiting = self.waiting()?;
        let all = waiting.get_or_insert_with(|| Waiting { mem: mem.clone(), words: HashMap::default() });
        of.for_each(|(place, bits)| all.put(place, size, bits));
        self.pokes.some.store(true, Relaxed);
        Ok(true)
    }

    fn waiting(&self) -> Result<std::sync::MutexGuard<'_, Option<Waiting>>> {
        self.pokes.waiting.lock().map_err(|_| Fault::new("internal: an assignment panicked"))
    }

    /// Gives the command for what waits; before every other command.
    pub fn write_pokes(&self) -> Result<()> {
        if !self.pokes.some.swap(false, Relaxed) {
            return Ok(());
        }
        let Some(waiting) = self.waiting()?.take() else { return Ok(()) };
        let Some(Some(pipe)) = self.pokes.pipe.get() else { return Ok(()) };
        let written = self.write_list(pipe, &waiting.mem, &waiting.list());
        if written.is_err() {
            // It still has to be written, should that be possible later.
            *self.waiting()? = Some(waiting);
            self.pokes.some.store(true, Relaxed);
        }
        written
    }

    fn write_list(&self, pipe: &Arc<Pipe>, mem: &Arc<Mem>, list: &[u32]) -> Result<()> {
        let passed = pass(mem.gpu(), list)?;
        let whole = |m: &Mem, write: bool| Bind { buffer: m.handle(), offset: 0, range: m.bytes, write };
        let count = list.len() / 3;
        let x = count.div_ceil(256);
        let binds = smallvec![whole(mem, true), whole(&passed, false)];
        let command =
            Command::Run { pipe: pipe.clone(), binds, words: smallvec![count as u32], groups: [x as u32, 1, 1] };
        self.push(command, [&**mem, &*passed])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_compiles() {
        crate::device::vulkan::spirv(&text().finish(), (1, 3), false).expect("compiles");
    }
}
