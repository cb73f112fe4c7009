//! Faults get their places: sides become labels, and `{0}` in a hint the source of an argument.

use super::call::Site;
use crate::base::{Fault, Span, trouble};
use crate::lang::args::Args;
use crate::lang::builtin::{Builtin, Run};
use crate::lang::code::*;
use crate::lang::interp::Interp;
use crate::lang::signature;
use crate::lang::value::Value;
use crate::syntax::ast::{Ast, Kind, StmtKind};
use crate::syntax::{self};

/// One side of a mismatch: where it is written, what it is, and whether it needs parentheses.
struct Side {
    span: Span,
    kind: String,
    compound: bool,
}

impl Interp {
    #[cold]
    pub(super) fn explain_operands(&self, fault: Fault, codes: &[&Code], values: &[Value], span: Span) -> Fault {
        let side = |i: usize| {
            let (code, v) = (codes.get(i)?, values.get(i)?);
            Some(Side { span: code.span, kind: v.type_name(), compound: code.is_compound() })
        };
        self.explain(fault, side).at(span)
    }

    #[cold]
    pub(super) fn explain_items(&self, fault: Fault, codes: &[Code], values: &[Value]) -> Fault {
        let side = |i: usize| {
            let (code, v) = (codes.get(i)?, values.get(i)?);
            Some(Side { span: code.span, kind: v.type_name(), compound: code.is_compound() })
        };
        self.explain(fault, side)
    }

    /// `origin` says which argument each parameter came from.
    #[cold]
    pub(super) fn explain_builtin(
        &self,
        mut fault: Fault,
        b: &Builtin,
        args: &Args,
        origin: &[Option<usize>],
        site: Option<Site>,
    ) -> Fault {
        if fault.span.is_some() || fault.is_interrupt() || self.flow.is_some() {
            return fault;
        }
        let bare = b.name.rsplit('.').next().unwrap_or(b.name);
        // The words of `error("…")` are the user's.
        if bare == "error" {
        } else if !fault.message.contains(": ") || !fault.message.starts_with(|c: char| c.is_alphabetic()) {
            fault.message = format!("{bare}: {}", fault.message);
        } else if let Run::Native(_) = b.run
            && !fault.message.starts_with(bare)
        {
            fault.message = format!("{bare}: {}", fault.message);
        }
        let Some(site) = site else { return fault };
        let side = |i: usize| {
            let at = origin.get(i).copied().flatten()?;
            let (code, v) = (site.code(at)?, args.get(at)?);
            Some(Side { span: code.span, kind: v.type_name(), compound: code.is_compound() })
        };
        let place = site.place(&fault);
        self.explain(fault, side).at(place)
    }

    /// A lane's mark in an array that was computed late is placed at the call that made it: there is nothing left of
    /// that call but its text, which says where the operand is that cannot be.
    #[cold]
    pub(super) fn explain_marked(&self, fault: Fault) -> Fault {
        let Some(span) = fault.span.filter(|_| fault.labels.is_empty() && trouble::is_mark(&fault)) else {
            return fault;
        };
        let parsed = syntax::parse(span.source, self.source(span));
        let place = match parsed.program.body.first().map(|stmt| &stmt.kind) {
            Some(StmtKind::Expr(Ast { kind: Kind::Binary { b, .. }, .. })) => b.span,
            Some(StmtKind::Update { value, .. }) => value.span,
            _ => return fault,
        };
        let place = Span { start: span.start + place.start, end: span.start + place.end, ..span };
        let words =
            if fault.message.contains("zero") { "has a 0 among its elements" } else { "has a negative element" };
        fault.label(place, words)
    }

    /// Sides 0 and 1 of an update, `place op= value`.
    #[cold]
    pub(super) fn explain_update(&self, fault: Fault, places: [Span; 2], values: [&Value; 2]) -> Fault {
        let side = |i: usize| {
            let (span, v) = (*places.get(i)?, *values.get(i)?);
            Some(Side { span, kind: v.type_name(), compound: true })
        };
        self.explain(fault, side).at(places[0].to(places[1]))
    }

    fn explain(&self, mut fault: Fault, side: impl Fn(usize) -> Option<Side>) -> Fault {
        for (i, words) in std::mem::take(&mut fault.sides) {
            if let Some(side) = side(i) {
                // Words that only repeat what it is say nothing.
                let same = words.strip_prefix("is ").is_some_and(|w| w.ends_with(&*side.kind));
                let text = if same { side.kind } else { format!("{}, {words}", side.kind) };
                fault.labels.push((side.span, text));
            }
        }
        for hint in &mut fault.hints {
            for i in 0..4 {
                let hole = format!("{{{i}}}");
                if !hint.contains(&hole) {
                    continue;
                }
                let text = match side(i) {
                    Some(side) => self.argument_text(&side),
                    None => "x".into(),
                };
                *hint = hint.replace(&hole, &text);
            }
        }
        fault
    }

    /// The source of an argument, to be put into a larger expression.
    fn argument_text(&self, side: &Side) -> String {
        let text = self.source(side.span);
        if side.compound && !is_wrapped(text) { format!("({text})") } else { text.to_string() }
    }
}

impl<'a> Site<'a> {
    /// Where a fault about the call as a whole belongs: at the argument that it cannot take, else at the call.
    pub fn place(&self, fault: &Fault) -> Span {
        let unknown = fault.message.split_once("unknown argument `").map(|(_, rest)| rest);
        let twice = fault.message.split_once("` is given twice").and_then(|(start, _)| start.rsplit_once('`'));
        let wrong = unknown.and_then(|rest| rest.split_once('`')).or(twice.map(|(_, name)| (name, "")));
        let named = self.args.iter().find_map(|a| match (a, wrong) {
            (Arg::Named(name, span, _), Some((w, _))) if **name == *w => Some(*span),
            _ => None,
        });
        let surplus = || match fault.sides[..] {
            [(i, ref words)] if words == signature::SURPLUS => self.code(i).map(|code| code.span),
            _ => None,
        };
        named.or_else(surplus).unwrap_or(self.span)
    }

    /// The code of argument i, if no spread comes before it.
    fn code(&self, i: usize) -> Option<&'a Code> {
        if let Some(first) = self.first {
            if i == 0 {
                return Some(first);
            }
            return Site { first: None, ..*self }.code(i - 1);
        }
        // Positional ones come first in the count, wherever the named ones are written.
        let positional = self.args.iter().filter(|a| matches!(a, Arg::One(_)));
        let named = self.args.iter().filter(|a| matches!(a, Arg::Named(..)));
        let spread = self.args.iter().any(|a| matches!(a, Arg::Spread(_)));
        if spread {
            return None;
        }
        positional.chain(named).nth(i).map(Arg::code)
    }
}

/// Whether one pair of parentheses is around all of it.
fn is_wrapped(text: &str) -> bool {
    let mut depth = 0;
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return c == ')' && i + 1 == text.len();
        }
    }
    false
}
