//! Folds, kernels of rows, scans and products on the device: a few kernels in a row, with memory of their own between them.

use std::sync::Arc;

use super::Prepared;
use super::codegen::contract::{contract, has_text};
use super::codegen::fold::{FoldText, fold, products};
use super::codegen::rows::rows;
use super::codegen::scan::{ScanText, scan};
use super::codegen::text::Text;
use super::context::{Caps, Gpu};
use super::jobs::is_thin;
use super::launch::{Ready, Watch, bytes, can_fail};
use super::memory::{Kind, Mem};
use super::split::Part;
use crate::base::{DType, Result};
use crate::device::Memory;
use crate::plan::{Finish, Slot};

/// Kernels that run one after the other.
pub struct Stages {
    /// With their groups, and what runs in their place where they read fours and cannot.
    stages: Vec<(Ready, Option<Ready>, usize)>,
    /// Elements and dtype of each memory between them.
    between: Vec<(usize, DType)>,
}

/// What the text of a kernel is made of: texts with their groups, and the memory between them.
pub type Texts = (Vec<(Text, usize)>, Vec<(usize, DType)>);

/// A fold's texts, flat.
pub fn folds(f: FoldText) -> Texts {
    (f.first.into_iter().chain(f.second).map(|s| (s.text, s.groups)).collect(), f.between)
}

/// The texts of a fold, a kernel of rows, a scan or a product; `None` where the device cannot run it.
pub fn texts(part: &Part, slots: &[Slot], caps: &Caps) -> Option<Texts> {
    let (kernel, out) = (&part.kernel, &part.out);
    let texts: Texts = match &kernel.finish {
        Finish::Fold { axes, outs } => folds(fold(&[(kernel, &part.place)], axes, outs, out, slots)?),
        Finish::Rows { axes, outs } => {
            let s = rows(kernel, axes, outs, slots)?;
            (vec![(s.text, s.groups)], vec![])
        }
        Finish::Scan { axis, fold, slot } => {
            let ScanText { stages, between, dtype } = scan(kernel, *axis, *fold, *slot, out)?;
            (stages, if between > 0 { vec![(between, dtype); 2] } else { vec![] })
        }
        Finish::Contract { .. } if is_thin(part) && has_text(kernel) => {
            folds(products(&[kernel], kernel.bare_product()?, out)?)
        }
        Finish::Contract { outs } => {
            let s = contract(kernel, outs, out, slots, part.more, caps)?;
            (vec![(s.text, s.groups)], vec![])
        }
        _ => return None,
    };
    texts.0.iter().all(|(t, _)| t.fits(caps, false)).then_some(texts)
}

impl Stages {
    pub fn new(gpu: &'static Gpu, (stages, between): Texts) -> Stages {
        let ready = |(mut text, groups): (Text, usize)| {
            let single = text.single.take().map(|text| Ready::new(gpu, *text));
            (Ready::new(gpu, text), single, groups)
        };
        let stages = stages.into_iter().map(ready).collect();
        Stages { stages, between }
    }
}

impl Prepared for Stages {
    fn compile(&self) -> Result<()> {
        let all = self.stages.iter().flat_map(|(ready, single, _)| [Some(ready), single.as_ref()]);
        all.flatten().try_for_each(Ready::compile)
    }

    fn launch(&self, memory: &Memory, watch: &mut Watch) -> Result<()> {
        let gpu = self.stages[0].0.gpu;
        let own = |&(n, dtype): &(usize, DType)| gpu.alloc(Kind::Device, bytes(n, dtype), false);
        let own: Vec<Arc<Mem>> = self.between.iter().map(own).collect::<Result<_>>()?;
        for (ready, single, groups) in &self.stages {
            let backing = ready.backing(memory, &own, watch.flag(&ready.text)?.as_ref())?;
            let ready = single.as_ref().filter(|_| !ready.is_even(&backing)).unwrap_or(ready);
            ready.run(memory, &backing, 0, 0, *groups)?;
            if can_fail(&ready.text, memory) {
                watch.suspect();
            }
        }
        Ok(())
    }
}
