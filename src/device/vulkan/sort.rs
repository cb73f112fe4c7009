//! Sorts on the device: one kernel for short lines, passes of a radix sort for long ones.
//!
//! In: a kernel, or words that somebody else made (`Radix`). Out: sorted memory. A pass reads one pair of memories and
//! writes the other, and then they change places.

use std::sync::Arc;

use super::Prepared;
use super::codegen::fold::Stage;
use super::codegen::sort::{Lines, Passes, SortText};
use super::context::Gpu;
use super::launch::{Ready, Watch};
use super::memory::{Kind, Mem};
use crate::base::Result;
use crate::device::Memory;

/// Bits that a pass sorts by.
const DIGIT: usize = 4;

/// A kernel and its groups.
pub struct Step(Ready, usize);

impl Step {
    fn new(gpu: &'static Gpu, stage: Stage) -> Step {
        Step(Ready::new(gpu, stage.text), stage.groups)
    }

    fn run(&self, memory: &Memory, own: &[Arc<Mem>], start: usize) -> Result<()> {
        let backing = self.0.backing(memory, own, None)?;
        self.0.run(memory, &backing, start, 0, self.1)
    }
}

/// A radix sort of lines of words.
pub struct Radix {
    gpu: &'static Gpu,
    lines: Lines,
    pass: [Step; 3],
}

impl Radix {
    pub fn new(gpu: &'static Gpu, passes: Passes) -> Radix {
        let pass = [passes.count, passes.begins, passes.scatter].map(|stage| Step::new(gpu, stage));
        Radix { gpu, lines: passes.lines, pass }
    }

    pub fn compile(&self) -> Result<()> {
        self.pass.iter().try_for_each(|step| step.0.compile())
    }

    /// Memory for words and for positions; one and the same where there are no positions.
    pub fn memory(&self) -> Result<[Arc<Mem>; 2]> {
        let Lines { count, length, wide, pairs, .. } = self.lines;
        let room = |bytes: usize| self.gpu.alloc(Kind::Device, (count * length * bytes) as u64, false);
        let words = room(if wide { 8 } else { 4 })?;
        Ok([words.clone(), if pairs { room(4)? } else { words }])
    }

    /// Sorts the words, and moves the positions along.
    pub fn run(&self, memory: &Memory, [words, positions]: [Arc<Mem>; 2]) -> Result<[Arc<Mem>; 2]> {
        let begins = self.gpu.alloc(Kind::Device, 4 * self.lines.begins() as u64, false)?;
        let [next_words, next_positions] = self.memory()?;
        // In the order that the texts number them.
        let mut own = [words, positions, begins, next_words, next_positions];
        for shift in (0..self.lines.bits).step_by(DIGIT) {
            self.pass.iter().try_for_each(|step| step.run(memory, &own, shift))?;
            own.swap(0, 3);
            own.swap(1, 4);
        }
        let [words, positions, ..] = own;
        Ok([words, positions])
    }
}

/// A sort that the device can do; one per kernel of a plan.
#[allow(clippy::large_enum_variant)]
pub enum Sort {
    Short(Step),
    Long { words: Step, radix: Radix, finish: Step },
}

/// A sort's kernels, each once, in the order in which they first run.
pub fn stages(text: &SortText) -> Vec<&Stage> {
    match text {
        SortText::Short(only) => vec![only],
        SortText::Long { words, passes, finish } => {
            vec![words, &passes.count, &passes.begins, &passes.scatter, finish]
        }
    }
}

impl Sort {
    pub fn new(gpu: &'static Gpu, text: SortText) -> Sort {
        match text {
            SortText::Short(only) => Sort::Short(Step::new(gpu, only)),
            SortText::Long { words, passes, finish } => Sort::Long {
                words: Step::new(gpu, words),
                radix: Radix::new(gpu, passes),
                finish: Step::new(gpu, finish),
            },
        }
    }
}

impl Prepared for Sort {
    fn compile(&self) -> Result<()> {
        match self {
            Sort::Short(only) => only.0.compile(),
            Sort::Long { words, radix, finish } => {
                words.0.compile()?;
                radix.compile()?;
                finish.0.compile()
            }
        }
    }

    fn launch(&self, memory: &Memory, _: &mut Watch) -> Result<()> {
        match self {
            Sort::Short(only) => only.run(memory, &[], 0),
            Sort::Long { words, radix, finish } => {
                let own = radix.memory()?;
                words.run(memory, &own, 0)?;
                finish.run(memory, &radix.run(memory, own)?, 0)
            }
        }
    }
}
