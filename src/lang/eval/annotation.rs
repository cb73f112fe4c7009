//! Annotations: `x: f32[batch, 784]` checked when the function is called.

use std::rc::Rc;

use crate::base::{DType, Fault, Result, Shape, counted};
use crate::lang::code::{Lambda, Slot};
use crate::lang::interp::Interp;
use crate::lang::value::Value;
use crate::syntax::ast::{Annotation, AxisSize};

/// The sizes that names stand for during one call.
pub type Sizes = Vec<(Rc<str>, usize)>;

impl Interp {
    pub(super) fn check_params(&mut self, code: &Lambda) -> Result<Sizes> {
        let mut sizes = vec![];
        for (i, p) in code.params.iter().enumerate() {
            let Some(annotation) = &p.annotation else { continue };
            let slot = match code.boxed.iter().find(|(slot, _)| *slot == i as u32) {
                Some((_, cell)) => Slot::Cell(*cell),
                None => Slot::Local(i as u32),
            };
            let held = self.take(slot);
            if held.as_ref().is_some_and(|v| super::sound(v).is_err()) {
                self.put_back(slot, held);
                continue;
            }
            let done = held.as_ref().map_or(Ok(()), |v| fits(annotation, v, &mut sizes));
            let kind = held.as_ref().map_or(String::new(), Value::type_name);
            self.put_back(slot, held);
            if let Err(why) = done {
                let wanted = self.source(annotation.span);
                let fault = Fault::new(format!("{}: `{}` must be {wanted}, found {kind}: {why}", code.name, p.name));
                return Err(fault.at(p.span).label(p.span, format!("found {kind}")));
            }
        }
        Ok(sizes)
    }

    pub(super) fn check_result(
        &self,
        code: &Lambda,
        annotation: &Annotation,
        v: &Value,
        mut sizes: Sizes,
    ) -> Result<()> {
        fits(annotation, v, &mut sizes).map_err(|why| {
            let wanted = self.source(annotation.span);
            let kind = v.type_name();
            let fault = Fault::new(format!("{}: the result must be {wanted}, found {kind}: {why}", code.name));
            fault.at(annotation.span).label(annotation.span, format!("found {kind}"))
        })
    }
}

/// Whether a value is as annotated; why not, in words.
fn fits(annotation: &Annotation, v: &Value, sizes: &mut Sizes) -> Result<(), String> {
    let name = &*annotation.dtype.text;
    if name == "_" && annotation.axes.is_none() {
        return Ok(());
    }
    let (dtype, shape) = match v {
        Value::Array(e) => ((!e.is_weak()).then(|| e.dtype()), e.shape().clone()),
        // A number takes the dtype that is wanted, unless that would lose something.
        Value::Int(_) | Value::Bool(_) => (None, Shape::scalar()),
        Value::Float(_) => (Some(DType::F64).filter(|_| int_wanted(annotation)), Shape::scalar()),
        Value::Range(r) => (Some(DType::I64), Shape::new(&[r.len()])),
        _ => return Err(format!("{} is no array", v.article())),
    };
    if let Some(d) = dtype.filter(|d| name != "_" && d.name() != name) {
        return Err(format!("its dtype is {d}"));
    }
    let Some(axes) = &annotation.axes else { return Ok(()) };
    let rest = axes.iter().position(|a| matches!(a, AxisSize::Rest(_)));
    let fixed = axes.len() - rest.is_some() as usize;
    if shape.rank() < fixed || (rest.is_none() && shape.rank() != fixed) {
        return Err(format!("it has {}", counted(shape.rank(), "axis")));
    }
    let skipped = shape.rank() - fixed;
    for (k, axis) in axes.iter().enumerate() {
        let at = if rest.is_some_and(|r| k > r) { k - 1 + skipped } else { k };
        match axis {
            AxisSize::Any(_) | AxisSize::Rest(_) => {}
            AxisSize::Fixed(n, _) if shape[at] == *n => {}
            AxisSize::Fixed(n, _) => return Err(format!("axis {at} is {}, not {n}", shape[at])),
            AxisSize::Named(name) => match sizes.iter().find(|(n, _)| *n == name.text) {
                Some((_, n)) if shape[at] != *n => {
                    return Err(format!("axis {at} is {}, but {} is {n} in this call", shape[at], name.text));
                }
                Some(_) => {}
                None => sizes.push((name.text.clone(), shape[at])),
            },
        }
    }
    Ok(())
}

fn int_wanted(annotation: &Annotation) -> bool {
    DType::from_name(&annotation.dtype.text).is_some_and(|d| !d.is_float())
}
