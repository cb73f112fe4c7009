//! Forms: `grad(expr, x)` and its like.
//!
//! In: code and the variables to differentiate by, or a function and its argument. Out: derivatives, as values of the
//! same structure. Both come down to one thing, a *run*: give x a value, get the result; `derive` has the mathematics.

pub mod custom;
mod derive;
mod functions;
mod leaves;
#[cfg(test)]
mod tests;
mod vmap;

use super::builtin::Builtin;
use super::code::{Code, Form, FormKind, Node, Slot, Wrt};
use super::eval::is_callable;
use super::interp::Interp;
use super::value::{Record, Value};
use crate::base::{Fault, Result, Span};
use std::rc::Rc;

use derive::At;
pub use functions::BUILTINS;

/// Gives x a value and evaluates.
pub(super) type Run<'a> = &'a mut dyn FnMut(&mut Interp, &Value) -> Result<Value>;

/// The form's function of that name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|b| b.name == name)
}

impl Interp {
    /// Evaluates a form.
    pub(super) fn form(&mut self, form: &Form, span: Span) -> Result<Value> {
        let around = std::mem::replace(&mut self.form, span);
        let done = self.form_unplaced(form, span);
        self.form = around;
        done.map_err(|f| mark_sides(f, form).at(span))
    }

    fn form_unplaced(&mut self, form: &Form, span: Span) -> Result<Value> {
        if let Some(f) = self.function_at(&form.expr)? {
            return self.form_of_function(form, f);
        }
        let Some(wrt) = &form.target else {
            // Not a name: then the expression must be a function.
            let f = self.eval(&form.expr)?;
            if is_callable(&f) {
                return self.form_of_function(form, f);
            }
            return Err(self.no_variable(form, span));
        };
        let vector = match form.kind {
            FormKind::Vjp | FormKind::Jvp | FormKind::Hvp => match form.args.get(1) {
                Some(arg) => Some(self.eval(arg.code())?),
                None => return Err(missing_vector(form.kind, span)),
            },
            _ => None,
        };
        if let Some(extra) = form.args.get(1 + vector.is_some() as usize) {
            let name = form.kind.name();
            let fault = Fault::new(format!("{name}: one argument too many")).at(extra.code().span);
            return Err(fault.hint(format!("several variables go into a tuple: {name}(expr, (w, b))")));
        }
        let x = self.target_value(wrt)?;
        let mut made = None;
        let mut run = |interp: &mut Interp, v: &Value| {
            let saved = interp.set_target(wrt, v)?;
            let result = interp.eval(&form.expr);
            interp.reset_target(saved);
            if let Ok(f) = &result
                && is_callable(f)
            {
                made = Some(f.clone());
            }
            result
        };
        let done = self.derive(form.kind, At { x: &x, each: matches!(wrt, Wrt::Tuple(_)) }, vector.as_ref(), &mut run);
        if let Some(f) = made {
            return self.form_of_function(form, f);
        }
        done.map_err(|f| self.explain_form(f, form, wrt))
    }

    /// The function that an expression is, where finding out costs nothing.
    fn function_at(&mut self, code: &Code) -> Result<Option<Value>> {
        if !matches!(
            code.node,
            Node::Local(..) | Node::Cell(..) | Node::Global(..) | Node::Library(_) | Node::Lambda(_) | Node::Field(..)
        ) {
            return Ok(None);
        }
        let v = self.eval(code)?;
        Ok(is_callable(&v).then_some(v))
    }

    fn form_of_function(&mut self, form: &Form, f: Value) -> Result<Value> {
        let mut args = vec![];
        for arg in &form.args {
            args.push(self.eval(arg.code())?);
        }
        self.derive_function(form.kind, f, args)
    }

    fn no_variable(&self, form: &Form, span: Span) -> Fault {
        let name = form.kind.name();
        match form.args.first() {
            Some(arg) => Fault::new(format!("{name}: expected a variable to differentiate by"))
                .at(arg.code().span)
                .hint(format!("give it a name first: x = {}; {name}(…, x)", self.source(arg.code().span)))
                .hint(format!("or differentiate a function: {name}(x -> …, x0)")),
            None => Fault::new(format!("{name}: expected a variable to differentiate by"))
                .at(span)
                .hint(format!("{name}({}, x), or a function: {name}(f)", self.source(form.expr.span))),
        }
    }

    /// What the variables hold now; a tuple for several.
    fn target_value(&mut self, wrt: &Wrt) -> Result<Value> {
        match wrt {
            Wrt::Name { read, fields, .. } => {
                let mut v = self.eval(read)?;
                for name in fields {
                    v = self.field(&v, name, read.span)?;
                }
                Ok(v)
            }
            Wrt::Tuple(parts) => {
                let mut values = vec![];
                for part in parts {
                    values.push(self.target_value(part)?);
                }
                Ok(Value::tuple(values))
            }
        }
    }

    /// Gives the variables a value; what they held comes back, to be put back in reverse.
    fn set_target(&mut self, wrt: &Wrt, v: &Value) -> Result<Vec<(Slot, Option<Value>)>> {
        let mut saved = vec![];
        match self.set_targets(wrt, v, &mut saved) {
            Ok(()) => Ok(saved),
            Err(fault) => {
                self.reset_target(saved);
                Err(fault)
            }
        }
    }

    fn set_targets(&mut self, wrt: &Wrt, v: &Value, saved: &mut Vec<(Slot, Option<Value>)>) -> Result<()> {
        match (wrt, v) {
            (Wrt::Tuple(parts), Value::Tuple(values)) => {
                for (part, v) in parts.iter().zip(values.iter()) {
                    self.set_targets(part, v, saved)?;
                }
                Ok(())
            }
            (Wrt::Tuple(_), _) => Err(Fault::new("internal: a tuple of variables takes a tuple")),
            (Wrt::Name { read, slot, fields, .. }, v) => {
                let new = if fields.is_empty() { v.clone() } else { with_field(self.eval(read)?, fields, v)? };
                let old = self.take(*slot);
                saved.push((*slot, old));
                self.store(*slot, new);
                Ok(())
            }
        }
    }

    fn reset_target(&mut self, saved: Vec<(Slot, Option<Value>)>) {
        for (slot, v) in saved.into_iter().rev() {
            self.put_back(slot, v);
        }
    }

    /// What went wrong with the result is shown at the expression.
    fn explain_form(&self, fault: Fault, form: &Form, wrt: &Wrt) -> Fault {
        if fault.span.is_some() {
            return fault;
        }
        let expr = self.source(form.expr.span).to_string();
        let mut fault = mark_sides(fault, form).at(form.expr.span);
        let x = wrt_text(wrt);
        for hint in &mut fault.hints {
            *hint = hint.replace("{expr}", &expr).replace("{x}", &x);
        }
        if fault.message.contains("{x}") {
            fault.message = fault.message.replace("{x}", &x);
            if let Some(before) = self.computed_before(&form.expr, &x) {
                fault.message.push_str(&format!("; `{before}` was computed before"));
                fault = fault.hint(format!(
                    "write out how {before} comes from {x}, or keep its tape: {x} = track({x}) before computing {before}"
                ));
            }
        }
        fault
    }

    /// A variable in the expression whose value is there already.
    fn computed_before(&self, code: &Code, x: &str) -> Option<String> {
        match &code.node {
            Node::Local(..) | Node::Global(..) => {
                let name = self.source(code.span);
                (name != x && matches!(self.peek(code), Some(Value::Array(_) | Value::Float(_) | Value::Int(_))))
                    .then(|| name.to_string())
            }
            Node::Binary(b) => self.computed_before(&b.a, x).or_else(|| self.computed_before(&b.b, x)),
            Node::Call(c) => c.args.iter().find_map(|a| self.computed_before(a.code(), x)),
            Node::Method(m) => self.computed_before(&m.x, x),
            Node::Unary(u) => self.computed_before(&u.x, x),
            Node::Index(i) => self.computed_before(&i.x, x),
            _ => None,
        }
    }
}

fn missing_vector(kind: FormKind, span: Span) -> Fault {
    let name = kind.name();
    Fault::new(format!("{name}: the vector is missing: {name}(expr, x, v)")).at(span)
}

fn wrt_text(wrt: &Wrt) -> String {
    match wrt {
        Wrt::Name { text, .. } => text.to_string(),
        Wrt::Tuple(parts) => parts.iter().map(wrt_text).collect::<Vec<_>>().join(", "),
    }
}

/// The record with the value at the end of a path of fields.
fn with_field(whole: Value, fields: &[Rc<str>], v: &Value) -> Result<Value> {
    let Some((first, rest)) = fields.split_first() else { return Ok(v.clone()) };
    let Value::Record(r) = &whole else { return Err(whole.unlike("a record")) };
    let mut record: Record = (**r).clone();
    let part = record.get(first).cloned().ok_or_else(|| Fault::new(format!("the record has no field `{first}`")))?;
    record.put(first, with_field(part, rest, v)?);
    Ok(Value::Record(Rc::new(record)))
}

impl FormKind {
    pub fn name(self) -> &'static str {
        match self {
            FormKind::Grad => "grad",
            FormKind::ValueAndGrad => "value_and_grad",
            FormKind::Jacobian => "jacobian",
            FormKind::Hessian => "hessian",
            FormKind::Vjp => "vjp",
            FormKind::Jvp => "jvp",
            FormKind::Hvp => "hvp",
            FormKind::Gradcheck => "gradcheck",
        }
    }
}

/// The arguments that a fault blames are marked: 0 is the expression, 1 the variable, 2 the vector.
fn mark_sides(mut fault: Fault, form: &Form) -> Fault {
    if fault.span.is_some() {
        return fault;
    }
    let code = |i: usize| match i {
        0 => Some(&form.expr),
        1 => form.args.first().map(|a| a.code()),
        // Functions of several arguments take them all before the vector.
        _ => form.args.last().map(|a| a.code()),
    };
    let sides = std::mem::take(&mut fault.sides);
    let marks: Vec<(Span, String)> = sides.into_iter().filter_map(|(i, words)| Some((code(i)?.span, words))).collect();
    match marks.first() {
        Some(&(place, _)) => {
            fault.labels.extend(marks);
            fault.at(place)
        }
        None => fault,
    }
}
