//! Names to slots: the syntax tree becomes the code that is walked.
//!
//! In: a program, and the tables of names. Out: code, or every name in it that means nothing, all at once; for a check
//! both, with the variables that stand for what means nothing.
//!
//! What a name means. In a function, a name that it assigns anywhere (or takes as a parameter) is its own; until it has
//! a value, the one outside is read, so `n += 1` starts from the outer n and makes a local one. Any other name belongs
//! to the function around it, and in the end to the module. Variables of functions that closures share live in cells,
//! all others in slots of the frame. A variable of a module is looked up when it is read, and the house's function of
//! that name stands in for it.
//!
//! Unknown names are faults before anything runs: at the top always, if the text assigns it nowhere; in a function too
//! if the text is a whole file. At a prompt the function may mention what the next line will define.

mod expr;
mod form;
mod function;
mod scope;
mod stmt;

use std::collections::HashSet;
use std::rc::Rc;

use super::code::*;
use super::interp::Interp;
use super::uses::Uses;
use crate::base::Fault;
use crate::syntax::ast;
use scope::Scope;

pub use expr::arith;
pub use expr::operators_have_primitives;
pub use form::kind as form_kind;
pub use scope::unknown_name;

/// What resolving needs to know of a text.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub module: u32,
    pub text: &'a str,
    /// The text is all there is of the module: names that nothing defines are faults in functions too.
    pub whole: bool,
}

pub(super) struct Resolver<'a> {
    interp: &'a mut Interp,
    context: Context<'a>,
    house: bool,
    scopes: Vec<Scope>,
    faults: Vec<Fault>,
    /// Names that the program assigns at its top.
    assigned: HashSet<Rc<str>>,
    /// Slots that `_` reads, of the pipes around.
    holes: Vec<u32>,
    /// Variables of the module that nothing defines.
    unknown: Vec<u32>,
}

/// A program with what is wrong with its names.
pub struct Resolved {
    pub code: Program,
    pub faults: Vec<Fault>,
    /// The variables that stand for what nothing defines.
    pub unknown: Vec<u32>,
}

/// Resolves a program.
pub fn program(interp: &mut Interp, program: &ast::Program, context: Context) -> Result<Program, Vec<Fault>> {
    let Resolved { code, faults, .. } = resolved(interp, program, context);
    if faults.is_empty() { Ok(code) } else { Err(faults) }
}

/// Resolves a program as far as its names mean something.
pub fn resolved(interp: &mut Interp, program: &ast::Program, context: Context) -> Resolved {
    let uses = Uses::of_stmts(&program.body);
    let house = interp.modules[context.module as usize].house;
    let mut r = Resolver {
        interp,
        context,
        house,
        scopes: vec![Scope::top()],
        faults: vec![],
        assigned: uses.assigned.list.into_iter().collect(),
        holes: vec![],
        unknown: vec![],
    };
    let body = r.stmts(&program.body);
    let mut faults = std::mem::take(&mut r.faults);
    // The variable of a form is read twice.
    faults.dedup_by(|a, b| a.span == b.span && a.message == b.message);
    let (locals, cells) = (r.scopes[0].locals, r.scopes[0].cells);
    Resolved { code: Program { body: body.into(), locals, cells }, faults, unknown: r.unknown }
}

impl Resolver<'_> {
    fn scope(&mut self) -> &mut Scope {
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    fn at_top(&self) -> bool {
        self.scopes.len() == 1
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
}
