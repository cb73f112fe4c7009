//! `grad(expr, x)` and its like: the first argument is code, the second names what to differentiate by.

use std::rc::Rc;

use super::Resolver;
use crate::base::{Fault, Span};
use crate::lang::code::*;
use crate::syntax::ast::{self, Ast, Kind};

/// The form of that name.
pub fn kind(name: &str) -> Option<FormKind> {
    Some(match name {
        "grad" | "∇" => FormKind::Grad,
        "value_and_grad" => FormKind::ValueAndGrad,
        "jacobian" => FormKind::Jacobian,
        "hessian" => FormKind::Hessian,
        "vjp" => FormKind::Vjp,
        "jvp" => FormKind::Jvp,
        "hvp" => FormKind::Hvp,
        "gradcheck" => FormKind::Gradcheck,
        _ => return None,
    })
}

impl Resolver<'_> {
    /// `first` is what a pipe puts before the arguments.
    pub(super) fn form(
        &mut self,
        kind: FormKind,
        name: &str,
        args: &[ast::Arg],
        first: Option<Code>,
        span: Span,
    ) -> Code {
        if let Some(ast::Arg::Named(_, e) | ast::Arg::Spread(e)) = args.iter().find(|a| !matches!(a, ast::Arg::One(_)))
        {
            self.fault(Fault::new(format!("{name}: its arguments go by position: {name}(expr, x)")).at(e.span));
            return self.nothing(span);
        }
        let mut rest = args.iter();
        let expr = match first {
            Some(code) => code,
            None => match rest.next() {
                Some(ast::Arg::One(e)) => self.expr(e),
                _ => {
                    let fault = Fault::new(format!("{name}: expected an expression and a variable")).at(span);
                    self.fault(fault.hint(format!("{name}(sum(x^2), x)")));
                    return self.nothing(span);
                }
            },
        };
        let rest: Vec<&ast::Arg> = rest.collect();
        let target = match rest.first() {
            Some(ast::Arg::One(e)) => self.wrt(e),
            _ => None,
        };
        let args = rest
            .iter()
            .filter_map(|arg| match arg {
                ast::Arg::One(e) => Some(Arg::One(self.expr(e))),
                _ => None,
            })
            .collect();
        Code::new(Node::Form(Box::new(Form { kind, expr, target, args })), span)
    }

    /// A variable, a field somewhere in one, or a tuple of such.
    fn wrt(&mut self, e: &Ast) -> Option<Wrt> {
        match &e.kind {
            Kind::Paren(inner) => self.wrt(inner),
            Kind::Tuple(items) if !items.is_empty() => {
                let mut parts = vec![];
                for item in items {
                    let ast::Item::One(e) = item else { return None };
                    parts.push(self.wrt(e)?);
                }
                Some(Wrt::Tuple(parts.into()))
            }
            Kind::Name(_) | Kind::Field { .. } => {
                let mut fields: Vec<Rc<str>> = vec![];
                let mut root = e;
                while let Kind::Field { x, name } = &root.kind {
                    fields.push(name.text.clone());
                    root = x;
                }
                let Kind::Name(name) = &root.kind else { return None };
                fields.reverse();
                let read = self.name(name, root.span);
                let slot = self.holder(&read)?;
                let text = self.context.text.get(e.span.range()).unwrap_or(name).into();
                Some(Wrt::Name { read, slot, fields: fields.into(), text })
            }
            _ => None,
        }
    }

    /// The slot that a name is read from.
    fn holder(&mut self, read: &Code) -> Option<Slot> {
        match &read.node {
            Node::Local(i, _) => Some(Slot::Local(*i)),
            Node::Cell(i, _) => Some(Slot::Cell(*i)),
            Node::Global(i, _) => Some(Slot::Global(*i)),
            _ => None,
        }
    }
}
