//! Where there is no machine code: the place of `native`, which says no to everything.

use super::inst::Routine;
use super::run::{End, Machine};

#[derive(Default)]
pub struct Native(());

impl Native {
    pub fn left(&self, _: usize, _: Option<u64>, _: usize) -> u64 {
        u64::MAX
    }

    pub fn count(&self, _: u64) {}

    pub fn enter(&self, _: &mut Machine, _: &Routine, _: u32, _: usize) -> Option<End> {
        None
    }

    pub fn call(&self, _: &mut Machine, _: &Routine, _: u16, _: usize, _: usize) -> Option<Result<u64, bool>> {
        None
    }
}
