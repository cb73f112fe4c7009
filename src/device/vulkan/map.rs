//! Maps on the device: the wide form where offsets allow it, else the plain one.

use super::codegen::map::{MapText, plain, wide};
use super::context::{Caps, Gpu};
use super::launch::{Ready, can_fail, flag, is_set};
use super::{Prepared, Spare};
use crate::base::{Fault, Result};
use crate::device::{Bound, Memory, Program};
use crate::plan::kernel::Out;
use crate::plan::{Kernel, Slot};

/// A map that the device can run.
pub struct Map {
    forms: Vec<(MapText, Ready)>,
    /// What says what went wrong, should something.
    cpu: Spare,
}

/// The forms of a map that the device can run, best first.
pub fn forms(kernel: &Kernel, outs: &[Out], slots: &[Slot], caps: &Caps) -> Vec<MapText> {
    let all = [wide(kernel, outs, slots), plain(kernel, outs, slots)];
    all.into_iter().flatten().filter(|f| f.text.fits(caps, f.parts)).collect()
}

impl Map {
    pub fn new(gpu: &'static Gpu, forms: Vec<MapText>, cpu: Spare) -> Map {
        let ready = |f: MapText| {
            let ready = Ready::new(gpu, f.text.clone());
            (f, ready)
        };
        Map { forms: forms.into_iter().map(ready).collect(), cpu }
    }
}

impl Prepared for Map {
    fn compile(&self) -> Result<()> {
        self.forms.iter().try_for_each(|(_, ready)| ready.compile())
    }
}

impl Program for Map {
    fn launch(&self, memory: &Memory) -> Result<()> {
        for (form, ready) in &self.forms {
            let flag = if form.text.flagged { Some(flag(ready.gpu)?) } else { None };
            let backing = ready.backing(memory, &[], flag.as_ref())?;
            if form.wide && backing.iter().any(|(_, first)| first % 4 != 0) || !aligned(form) {
                continue;
            }
            let part = if form.parts { form.text.part(&ready.gpu.caps).min(form.count) } else { form.count };
            let mut start = 0;
            while start < form.count {
                let count = part.min(form.count - start);
                ready.run(memory, &backing, start, count, count.div_ceil(256 * form.lanes))?;
                start += count;
            }
            if let Some(flag) = flag
                && can_fail(&form.text, memory)
                && is_set(&flag)?
            {
                return blame(&*self.cpu, memory);
            }
            return Ok(());
        }
        Err(Fault::new("internal: no form of a kernel fits its memory"))
    }
}

/// Whether a wide form's loads begin at multiples of four, as far as the plan says.
fn aligned(form: &MapText) -> bool {
    use super::codegen::text::Word;
    let even = |w: &Word| match w {
        Word::Offset { relative, step, .. } => *step == 0 || relative % 4 == 0,
        _ => true,
    };
    !form.wide || form.text.words.iter().all(even)
}

/// Something went wrong on the device: the CPU does the same and says what, in its own words.
pub fn blame(cpu: &dyn Program, memory: &Memory) -> Result<()> {
    let here = memory.bound.iter().map(|b| match b {
        Bound::Nothing => Ok(Bound::Nothing),
        Bound::Number(bits) => Ok(Bound::Number(*bits)),
        Bound::Buffer { buffer, offset } => {
            buffer.fetch()?;
            Ok(Bound::Buffer { buffer: buffer.clone(), offset: *offset })
        }
    });
    let memory = Memory { bound: here.collect::<Result<_>>()? };
    // Marks that it leaves are found by whoever launched this.
    cpu.launch(&memory)
}
