//! Arguments of a call on their way to a function.

use std::rc::Rc;

use smallvec::SmallVec;

use super::value::Value;

/// The values of a call's arguments, in the order written.
#[derive(Default)]
pub struct Args {
    pub positional: SmallVec<[Value; 4]>,
    pub named: Vec<(Rc<str>, Value)>,
}

impl Args {
    pub fn positional(values: Vec<Value>) -> Args {
        Args { positional: SmallVec::from_vec(values), named: vec![] }
    }

    /// Argument i, positional ones first.
    pub fn get(&self, i: usize) -> Option<&Value> {
        self.positional.get(i).or_else(|| self.named.get(i.checked_sub(self.positional.len())?).map(|(_, v)| v))
    }

    pub fn take_named(&mut self, name: &str) -> Option<Value> {
        let i = self.named.iter().position(|(n, _)| &**n == name)?;
        Some(self.named.remove(i).1)
    }
}
