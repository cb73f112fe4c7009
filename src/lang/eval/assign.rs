//! Assignments: unpacking, and places inside values.
//!
//! `p.layers[0].w[1:3] = v` takes the value out of its variable, so that nothing else holds it, changes it along the
//! path, and puts it back, changed or not.

use std::rc::Rc;

use super::operator::operate;
use crate::base::{Fault, Result, Span, counted, nearest};
use crate::lang::code::*;
use crate::lang::index::{self, Subs};
use crate::lang::interp::Interp;
use crate::lang::value::{Record, Value};

/// A step of a path with its indices evaluated.
enum Way<'a> {
    Field(&'a Rc<str>, Span),
    Index(Subs, &'a [Subscript], Span),
}

impl Interp {
    pub(super) fn unpack(&mut self, target: &Target, v: Value, span: Span) -> Result<()> {
        match target {
            Target::Slot(slot) => {
                self.store(*slot, v);
                Ok(())
            }
            Target::Path(path) => self.assign(path, v, span),
            Target::Tuple(targets, place) => {
                let found = v.type_name();
                if let Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) = v {
                    return Err(v
                        .unlike(&format!("{} to unpack", counted(targets.len(), "value")))
                        .at(span)
                        .label(*place, "unpacked here"));
                }
                let fields = match &v {
                    Value::Record(r) => r.fields().iter().take(targets.len()).map(|(n, _)| n.to_string()).collect(),
                    _ => vec![],
                };
                // Results with several parts are records, and unpack as tuples do.
                let items = match &v {
                    Value::Record(r) => r.fields().iter().map(|(_, v)| v.clone()).collect(),
                    _ => self.spread(v, span)?,
                };
                if items.len() != targets.len() {
                    let what = format!("expected {} to unpack, found {}", counted(targets.len(), "value"), items.len());
                    let hint = match items.len() {
                        0 => "there is nothing in it".into(),
                        n if n < targets.len() => format!("write {}, one for each value", counted(n, "name")),
                        _ if fields.is_empty() => format!("take the first {} with [:{0}]", targets.len()),
                        _ => format!("take fields by their names: {{{}}} = …", fields.join(", ")),
                    };
                    return Err(Fault::new(what)
                        .at(span)
                        .label(span, found)
                        .label(*place, counted(targets.len(), "name"))
                        .hint(hint));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.unpack(target, item, span)?;
                }
                Ok(())
            }
            Target::Record(names, place) => {
                let Value::Record(r) = &v else {
                    return Err(v.unlike("a record to unpack").at(span).label(*place, "unpacked here"));
                };
                for (name, slot) in names {
                    let Some(field) = r.get(name) else { return Err(no_field(r, name).at(*place)) };
                    self.store(*slot, field.clone());
                }
                Ok(())
            }
        }
    }

    /// `x[i] = v`, `p.w += v`; the value is written at `from`.
    pub(super) fn assign(&mut self, path: &Path, v: Value, from: Span) -> Result<()> {
        let mut ways = Vec::with_capacity(path.steps.len());
        for step in &path.steps {
            ways.push(match step {
                Step::Field(name, span) => Way::Field(name, *span),
                Step::Index(items, span) => Way::Index(self.subs(items)?, items, *span),
            });
        }
        let held = self.take(path.slot);
        let mut value = match held {
            Some(v) if super::sound(&v).is_err() => {
                self.put_back(path.slot, Some(v));
                return Err(Fault::unknown().at(path.span));
            }
            Some(v) => v,
            None => self.eval(&path.read)?,
        };
        let done = self.write(&mut value, &ways, v, (path, from));
        self.put_back(path.slot, Some(value));
        done
    }

    fn write(&mut self, x: &mut Value, ways: &[Way], v: Value, (path, from): (&Path, Span)) -> Result<()> {
        let Some((way, rest)) = ways.split_first() else {
            let v = match path.update {
                Some((op, prim)) => {
                    self.mark(path.span.to(from));
                    operate(op, prim, x, &v).map_err(|f| self.explain_update(f, [path.span, from], [x, &v]))?
                }
                None => v,
            };
            *x = v;
            return Ok(());
        };
        match (way, &mut *x) {
            (Way::Field(name, span), Value::Record(r)) => {
                let record = Rc::make_mut(r);
                if let Some(field) = record.get_mut(name) {
                    return self.write(field, rest, v, (path, from));
                }
                if !rest.is_empty() || path.update.is_some() {
                    return Err(no_field(record, name).at(*span));
                }
                record.put(name, v);
                Ok(())
            }
            (Way::Field(name, span), x) => {
                let fault = Fault::new(format!("only records have fields to assign, found {}", x.article())).at(*span);
                Err(fault.label(*span, format!("`{name}` of {}", x.article())))
            }
            (Way::Index(subs, _, span), Value::Record(r)) => {
                let name = index::field_name(subs).map_err(|f| f.at(*span))?;
                let record = Rc::make_mut(r);
                if let Some(field) = record.get_mut(&name) {
                    return self.write(field, rest, v, (path, from));
                }
                if !rest.is_empty() || path.update.is_some() {
                    return Err(no_field(record, &name).at(*span));
                }
                record.put(&name, v);
                Ok(())
            }
            (Way::Index(subs, items, span), Value::Tuple(t)) => {
                let at = index::tuple_position(subs, t.len()).map_err(|f| self.explain_subs(f, items, *span))?;
                self.write(&mut Rc::make_mut(t)[at], rest, v, (path, from))
            }
            (Way::Index(subs, items, span), x) => {
                let place = |f: Fault, interp: &Interp| interp.explain_subs(f, items, *span);
                let v = if rest.is_empty() && path.update.is_none() {
                    v
                } else {
                    let mut part = index::read(x, subs).map_err(|f| place(f, self))?;
                    self.write(&mut part, rest, v, (path, from))?;
                    part
                };
                index::write(x, subs, &v).map_err(|mut f| {
                    // What does not fit is shown with what it should fit into.
                    if let Some(k) = f.sides.iter().position(|(side, _)| *side == index::VALUE) {
                        let words = f.sides.swap_remove(k).1;
                        f = f.at(path.span.to(from)).label(*span, words).label(from, v.type_name());
                    }
                    place(f, self)
                })
            }
        }
    }
}

fn no_field(r: &Record, name: &str) -> Fault {
    let fault = Fault::new(format!("the record has no field `{name}`"));
    match nearest(name, r.fields().iter().map(|(n, _)| &**n)) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault,
    }
}
