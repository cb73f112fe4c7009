//! Maps on the device: the wide form where offsets allow it, else the plain one.

use super::Prepared;
use super::codegen::map::{MapText, plain, wide};
use super::context::{Caps, Gpu};
use super::launch::{Ready, Watch, can_fail};
use crate::base::{Fault, Result};
use crate::device::Memory;
use crate::plan::kernel::Out;
use crate::plan::{Kernel, Slot};

/// A map that the device can run.
pub struct Map {
    forms: Vec<(MapText, Ready)>,
}

/// The forms of a map that the device can run, best first.
pub fn forms(kernel: &Kernel, outs: &[Out], slots: &[Slot], caps: &Caps) -> Vec<MapText> {
    let all = [wide(kernel, outs, slots), plain(kernel, outs, slots)];
    all.into_iter().flatten().filter(|f| f.text.fits(caps, f.parts)).collect()
}

impl Map {
    pub fn new(gpu: &'static Gpu, forms: Vec<MapText>) -> Map {
        let ready = |f: MapText| {
            let ready = Ready::new(gpu, f.text.clone());
            (f, ready)
        };
        Map { forms: forms.into_iter().map(ready).collect() }
    }
}

impl Prepared for Map {
    fn compile(&self) -> Result<()> {
        self.forms.iter().try_for_each(|(_, ready)| ready.compile())
    }

    fn launch(&self, memory: &Memory, watch: &mut Watch) -> Result<()> {
        for (form, ready) in &self.forms {
            let backing = ready.backing(memory, &[], watch.flag(&form.text)?.as_ref())?;
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
            if can_fail(&form.text, memory) {
                watch.suspect();
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
