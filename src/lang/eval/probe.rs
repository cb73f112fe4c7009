//! The check of a whole program, and of its functions whose annotations say what they take.
//!
//! In: a resolved program. Out: faults; every variable is as before. A function is called with arguments of the annotated
//! dtypes and shapes. Its named sizes are different primes once, so that none is taken for another, and large round
//! numbers once, so that what divides or slices them goes well: only what fails both times is a fault of the function.

use std::rc::Rc;

use super::Dry;
use super::join::nobody_knows;
use crate::base::{DType, Fault, Shape};
use crate::graph::{Expr, Place, engine};
use crate::lang::code::{Lambda, Param, Program};
use crate::lang::function::Function;
use crate::lang::interp::{Interp, MAIN};
use crate::lang::resolve::{self, Context};
use crate::lang::value::Value;
use crate::syntax::ast::{self, Annotation, AxisSize};

const PRIMES: [usize; 16] = [7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67];
const ROUND: usize = 720;

impl Interp {
    /// Runs a program dry.
    pub(super) fn run_dry(&mut self, code: &Program) -> Vec<Fault> {
        let (snapshot, files) = (self.snapshot(), std::mem::take(&mut self.files));
        self.set("args", nobody_knows());
        let mut faults = self.dry_program(code);
        self.settle();
        self.dry = Some(Box::new(Dry::begin()));
        for function in self.annotated() {
            faults.extend(self.probe(&function));
        }
        self.end_dry();
        self.restore(snapshot);
        self.files = files;
        faults
    }

    /// The value of a program's last expression, as far as types go; unknown where only running tells. `None` where it
    /// ends in no expression.
    pub fn value_dry(&mut self, mut program: ast::Program, text: &str) -> Result<Option<Value>, Vec<Fault>> {
        // A name that nobody can type takes the value.
        const KEPT: &str = "the value";
        let Some(ast::Stmt { kind, span }) = program.body.pop() else { return Ok(None) };
        let ast::StmtKind::Expr(value) = kind else { return Ok(None) };
        let target = ast::Target::Name(ast::Name { text: KEPT.into(), span: value.span });
        program.body.push(ast::Stmt { kind: ast::StmtKind::Assign { target, value }, span });
        let code = resolve::program(self, &program, Context { module: MAIN, text, whole: false })?;
        let (snapshot, files) = (self.snapshot(), std::mem::take(&mut self.files));
        let faults = self.dry_program(&code);
        let value = self.get(KEPT).cloned();
        self.end_dry();
        self.restore(snapshot);
        self.files = files;
        if faults.is_empty() { Ok(value) } else { Err(faults) }
    }

    /// From now on everything is computed again.
    pub fn end_dry(&mut self) {
        self.dry = None;
        engine::blind(false);
    }

    /// Runs a program blind, and leaves everything as it is then.
    fn dry_program(&mut self, code: &Program) -> Vec<Fault> {
        engine::blind(true);
        engine::missed();
        self.dry = Some(Box::new(Dry::begin()));
        let ran = self.run_program(code, MAIN);
        self.found(ran.err())
    }

    /// What a run found; `last` is what ended it.
    fn found(&mut self, last: Option<Fault>) -> Vec<Fault> {
        let mut faults = self.dry.as_mut().map_or(vec![], |dry| std::mem::take(&mut dry.faults));
        faults.extend(last.filter(|f| f.is_interrupt() || !(engine::missed() || f.unknown)));
        faults
    }

    /// The user's functions that say what they take.
    fn annotated(&self) -> Vec<Rc<Function>> {
        let functions =
            self.variables().filter_map(|(_, v)| if let Value::Function(f) = v { Some(f.clone()) } else { None });
        let told = |p: &Param| p.annotation.is_some() || p.default.is_some();
        let sayable = |code: &Lambda| {
            let plain = code.params.iter().all(|p| told(p) && !p.rest && p.target.is_none());
            plain && (code.result.is_some() || code.params.iter().any(|p| p.annotation.is_some()))
        };
        functions.filter(|f| f.code().is_some_and(|code| !code.house && sayable(&code))).collect()
    }

    fn probe(&mut self, function: &Function) -> Vec<Fault> {
        let first = self.probe_with(function, |k| PRIMES[k % PRIMES.len()], DType::F64, 1);
        if first.is_empty() {
            return first;
        }
        let second = self.probe_with(function, |k| ROUND * (k + 1), DType::I64, 0);
        first.into_iter().filter(|f| second.iter().any(|g| g.span == f.span)).collect()
    }

    /// `any`: what stands for the dtype `_`; `rest`: the number of axes for `...`.
    fn probe_with(&mut self, f: &Function, size: impl Fn(usize) -> usize, any: DType, rest: usize) -> Vec<Fault> {
        let Function::Closure { code, cells } = f else { return vec![] };
        let fixed: Vec<usize> =
            code.params.iter().filter_map(|p| p.annotation.as_ref()).flat_map(fixed_sizes).collect();
        let mut named: Vec<(Rc<str>, usize)> = vec![];
        let mut next = (0..).map(size).filter(|n| !fixed.contains(n));
        let mut fresh = || next.next().unwrap_or(ROUND);
        let base = self.stack.len();
        let mut labels = vec![];
        for p in &code.params {
            let v = p.annotation.as_ref().map(|a| placeholder(a, any, rest, &mut named, &mut fresh));
            if let Some(Value::Array(e)) = v.as_ref().filter(|v| super::sound(v).is_ok()) {
                labels.push((p.span, format!("taken as {}", e.type_name())));
            }
            self.stack.push(v);
        }
        let ran = self.run(code, cells, base);
        self.settle();
        let mut faults = self.found(ran.err());
        for fault in &mut faults {
            fault.span.get_or_insert(code.span);
            let said: Vec<_> =
                labels.iter().filter(|(s, _)| !fault.labels.iter().any(|(t, _)| t == s)).cloned().collect();
            fault.labels.extend(said);
        }
        faults
    }
}

fn fixed_sizes(a: &Annotation) -> Vec<usize> {
    let axes = a.axes.iter().flatten();
    axes.filter_map(|axis| if let AxisSize::Fixed(n, _) = axis { Some(*n) } else { None }).collect()
}

/// An array as annotated; of a bare dtype nothing is known, as any shape will do.
fn placeholder(
    a: &Annotation,
    any: DType,
    rest: usize,
    named: &mut Vec<(Rc<str>, usize)>,
    fresh: &mut dyn FnMut() -> usize,
) -> Value {
    let dtype = if &*a.dtype.text == "_" { Some(any) } else { DType::from_name(&a.dtype.text) };
    let (Some(dtype), Some(axes)) = (dtype, &a.axes) else { return nobody_knows() };
    let mut shape = vec![];
    for axis in axes {
        match axis {
            AxisSize::Fixed(n, _) => shape.push(*n),
            AxisSize::Any(_) => shape.push(fresh()),
            AxisSize::Rest(_) => (0..rest).for_each(|_| shape.push(5)),
            AxisSize::Named(name) => {
                let known = named.iter().find(|(n, _)| *n == name.text).map(|(_, n)| *n);
                let n = known.unwrap_or_else(|| {
                    let n = fresh();
                    named.push((name.text.clone(), n));
                    n
                });
                shape.push(n);
            }
        }
    }
    Value::Array(Expr::untold(Shape::new(&shape), dtype, Place::Array, false))
}
