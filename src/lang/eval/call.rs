//! Calls: arguments to slots, frames, and the guard against recursion without end.

use std::cell::RefCell;
use std::rc::Rc;

use super::Flow;
use crate::base::{DType, Fault, Result, Span, interrupt};
use crate::lang::args::Args;
use crate::lang::builtin::{Builtin, Run};
use crate::lang::code::*;
use crate::lang::convert::as_int;
use crate::lang::depth;
use crate::lang::function::{Cell, Function};
use crate::lang::interp::Interp;
use crate::lang::prelude::Wide;
use crate::lang::signature::{self, Signature};
use crate::lang::value::Value;
use crate::show::Style;

/// Where a call is written: what its faults point at.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    pub span: Span,
    /// The value that a method is called on, argument 0.
    pub first: Option<&'a Code>,
    pub args: &'a [Arg],
}

impl Interp {
    pub(super) fn call_code(&mut self, c: &Call, span: Span) -> Result<Value> {
        let f = self.eval(&c.f)?;
        if c.plain
            && let Value::Function(function) = &f
            && let Function::Closure { code, cells } = &**function
            && code.simple
            && code.params.len() == c.args.len()
        {
            let base = self.stack.len();
            for arg in &c.args {
                match self.eval(arg.code()) {
                    Ok(v) => self.stack.push(Some(v)),
                    Err(fault) => {
                        self.stack.truncate(base);
                        return Err(fault);
                    }
                }
            }
            if code.site.is_hot(self.hot)
                && self.dry.is_none()
                && let Some(v) = self.fast_call(function, base)?
            {
                self.stack.truncate(base);
                return Ok(v);
            }
            if code.house {
                self.mark(span);
            }
            return self.run(code, cells, base).map_err(|f| self.called(f, code, span));
        }
        let mut args = Args::default();
        if let (Value::Builtin(b), [Arg::One(code)]) = (&f, &*c.args) {
            let x = self.eval(code)?;
            if let (Run::Prim(prim), Value::Array(e)) = (&b.run, &x)
                && prim.params.len() == 1
                && self.dry.is_none()
                && let Some(e) = self.map(prim, e, span)
            {
                return Ok(Value::Array(e));
            }
            args.positional.push(x);
        } else {
            args = self.args(&c.args)?;
        }
        let site = Site { span, first: None, args: &c.args };
        self.call_value(&f, args, Some(site)).map_err(|fault| self.no_function(fault, &f, c))
    }

    /// A number before parentheses was meant to be multiplied, an array to be indexed.
    fn no_function(&self, fault: Fault, f: &Value, c: &Call) -> Fault {
        if is_callable(f) || fault.span != Some(c.f.span) {
            return fault;
        }
        let text = self.source(c.f.span);
        match f {
            Value::Array(e) if e.rank() > 0 => fault.hint(format!("index with brackets: {text}[…]")),
            Value::Int(_) | Value::Float(_) | Value::Array(_) => fault.hint(format!("to multiply, write {text}*(…)")),
            _ => fault,
        }
    }

    pub(super) fn args(&mut self, args: &[Arg]) -> Result<Args> {
        let mut out = Args::default();
        for arg in args {
            match arg {
                Arg::One(code) => out.positional.push(self.eval(code)?),
                Arg::Named(name, _, code) => {
                    let v = self.eval(code)?;
                    out.named.push((name.clone(), v));
                }
                Arg::Spread(code) => match self.eval(code)? {
                    Value::Record(r) => out.named.extend(r.fields().iter().cloned()),
                    v => {
                        let items = self.spread(v, code.span)?;
                        out.positional.extend(items);
                    }
                },
            }
        }
        Ok(out)
    }

    /// Calls any value that can be called.
    pub(in crate::lang) fn call_value(&mut self, f: &Value, args: Args, site: Option<Site>) -> Result<Value> {
        match f {
            Value::Function(function) => match &**function {
                Function::Closure { code, cells } => self.call_closure(code, cells, args, site),
                Function::Made { name, run } => {
                    if let Some((given, _)) = args.named.first() {
                        return Err(Fault::new(format!("{name}: takes its arguments by position, found `{given}=`")));
                    }
                    let done = run(self, args.positional.into_vec());
                    done.map_err(|f| match site {
                        Some(s) => f.at(s.span),
                        None => f,
                    })
                }
            },
            Value::Builtin(builtin) => self.call_builtin(builtin, args, site),
            Value::DType(dtype) => {
                let [x] = args.positional.as_slice() else {
                    let fault = Fault::new(format!("{dtype}(x) converts one value, found {}", args.positional.len()));
                    return Err(site.map_or(fault.clone(), |s| fault.at(s.span)));
                };
                let done = converted(x, *dtype);
                done.map_err(|f| site.map_or(f.clone(), |s| f.at(s.span)))
            }
            _ => {
                let fault = f.unlike("a function");
                Err(match site {
                    Some(s) => {
                        let callee = Span { end: s.args.first().map_or(s.span.end, |_| s.span.end), ..s.span };
                        fault.at(self.callee(callee))
                    }
                    None => fault,
                })
            }
        }
    }

    /// The part of a call before its parenthesis.
    fn callee(&self, call: Span) -> Span {
        let text = self.source(call);
        let name = text.char_indices().take_while(|(_, c)| c.is_alphanumeric() || *c == '_').last();
        match name {
            Some((i, c)) => Span { end: call.start + (i + c.len_utf8()) as u32, ..call },
            None => call,
        }
    }

    /// Whether a place is in code of the house.
    #[inline]
    pub(super) fn is_house(&self, span: Span) -> bool {
        self.house_sources.get(span.source as usize).is_some_and(|&house| house)
    }

    /// Nodes made from now on belong to this call; code of the house works for the user's call that runs it.
    pub(in crate::lang) fn mark(&self, span: Span) {
        if !self.is_house(span) {
            crate::graph::apply::set_call(span);
        }
    }

    fn call_builtin(&mut self, b: &'static Builtin, args: Args, site: Option<Site>) -> Result<Value> {
        if let Some(site) = &site {
            self.mark(site.span);
        }
        if self.dry.is_some() {
            return self.dry_builtin(b, args, site);
        }
        self.perform(b, args, site)
    }

    pub(super) fn perform(&mut self, b: &'static Builtin, args: Args, site: Option<Site>) -> Result<Value> {
        let mut origin = vec![];
        let done = match b.run {
            Run::Prim(prim) => {
                let plain = if args.named.is_empty() { self.scalar_call(prim, &args.positional) } else { Ok(None) };
                match plain {
                    Ok(Some(v)) => return Ok(v),
                    Ok(None) => crate::lang::prim::call(prim, b.signature, &args, &mut origin),
                    Err(fault) => {
                        origin.extend((0..args.positional.len()).map(Some));
                        Err(fault)
                    }
                }
            }
            Run::Native(f) => {
                let signature = self.signature(b);
                if args.named.is_empty() && signature.plain && args.positional.len() == signature.params.len() {
                    let done = f(self, &args.positional);
                    return done.map_err(|fault| {
                        origin.extend((0..args.positional.len()).map(Some));
                        self.explain_builtin(fault, b, &args, &origin, site)
                    });
                }
                match signature.bind(b, &args, &mut origin) {
                    Ok(values) => f(self, &values),
                    Err(fault) => Err(fault),
                }
            }
        };
        done.map_err(|fault| self.explain_builtin(fault, b, &args, &origin, site))
    }

    fn signature(&mut self, b: &'static Builtin) -> Rc<Signature> {
        let key = std::ptr::from_ref(b) as usize;
        if let Some(known) = self.signatures.get(key) {
            return known.clone();
        }
        let signature = Rc::new(Signature::read(b.signature));
        self.signatures.put(key, signature.clone());
        signature
    }

    fn call_closure(&mut self, code: &Rc<Lambda>, cells: &[Cell], args: Args, site: Option<Site>) -> Result<Value> {
        if let (true, Some(site)) = (code.house, &site) {
            self.mark(site.span);
        }
        let base = self.stack.len();
        if let Err(fault) = self.bind(code, args) {
            self.stack.truncate(base);
            return Err(match site {
                Some(s) => {
                    let place = s.place(&fault);
                    fault.at(place)
                }
                None => fault,
            });
        }
        if let Some(site) = &site
            && code.house
        {
            self.mark(site.span);
        }
        self.run(code, cells, base).map_err(|f| match site {
            Some(s) => self.called(f, code, s.span),
            None => f,
        })
    }

    /// Pushes arguments in the order of the parameters; what a default will fill stays empty.
    fn bind(&mut self, code: &Lambda, mut args: Args) -> Result<()> {
        let name = if code.name.is_empty() { "the function" } else { &code.name };
        let found = args.positional.len();
        if let Some((given, _)) = args.named.iter().find(|(n, _)| !code.params.iter().any(|p| p.name == *n && !p.rest))
        {
            let known = code.params.iter().map(|p| &*p.name);
            return Err(signature::unknown_keyword(&code.signature, name, given, known));
        }
        let mut given = std::mem::take(&mut args.positional).into_iter();
        for p in &code.params {
            let v = if p.rest {
                Some(Value::tuple(given.by_ref().collect()))
            } else {
                let by_name = if args.named.is_empty() { None } else { args.take_named(&p.name) };
                match (given.next(), by_name) {
                    (Some(_), Some(_)) => return Err(Fault::new(format!("{name}: `{}` is given twice", p.name))),
                    (a, b) => a.or(b),
                }
            };
            if v.is_none() && p.default.is_none() {
                let what = if p.name.is_empty() { self.source(p.span).to_string() } else { p.name.to_string() };
                return Err(signature::missing(&code.signature, name, &what));
            }
            self.stack.push(v);
        }
        if given.next().is_some() {
            return Err(signature::too_many(&code.signature, name, found));
        }
        match args.named.first() {
            Some((given, _)) => Err(Fault::new(format!("{name}: `{given}` is given twice"))),
            None => Ok(()),
        }
    }

    /// Runs a function whose arguments were pushed from `base` on.
    pub(super) fn run(&mut self, code: &Lambda, cells: &[Cell], base: usize) -> Result<Value> {
        if code.wide == Wide::No {
            return self.run_as_given(code, cells, base);
        }
        let given = self.widen(code.wide, code.params.len(), base)?;
        let result = self.run_as_given(code, cells, base)?;
        match given {
            Some(given) => given.narrow(result),
            None => Ok(result),
        }
    }

    fn run_as_given(&mut self, code: &Lambda, cells: &[Cell], base: usize) -> Result<Value> {
        if self.dry.is_some() {
            return self.dry_run(code, cells, base);
        }
        self.enter(code, cells, base)
    }

    #[inline(always)]
    pub(super) fn enter(&mut self, code: &Lambda, cells: &[Cell], base: usize) -> Result<Value> {
        interrupt::check()?;
        if let Err(fault) = depth::guard(self.depth) {
            self.stack.truncate(base);
            return Err(fault);
        }
        let (old_base, old_cells, cell_len) = (self.base, self.cell_base, self.cells.len());
        for _ in code.params.len()..code.locals as usize {
            self.stack.push(None);
        }
        self.base = base;
        self.depth += 1;
        if code.cells > 0 {
            self.cell_base = cell_len;
            self.cells.extend(cells.iter().cloned());
            for _ in cells.len()..code.cells as usize {
                self.cells.push(Rc::new(RefCell::new(None)));
            }
            for &(slot, cell) in &code.boxed {
                let v = self.stack[base + slot as usize].take();
                *self.cells[cell_len + cell as usize].borrow_mut() = v;
            }
        }
        let result = if code.simple { self.tail(&code.body) } else { self.checked(code) };
        self.depth -= 1;
        self.stack.truncate(base);
        self.base = old_base;
        if code.cells > 0 {
            self.cells.truncate(cell_len);
            self.cell_base = old_cells;
        }
        result
    }

    /// With defaults, patterns and annotations.
    fn checked(&mut self, code: &Lambda) -> Result<Value> {
        for (i, p) in code.params.iter().enumerate() {
            let slot = match code.boxed.iter().find(|(slot, _)| *slot == i as u32) {
                Some((_, cell)) => Slot::Cell(*cell),
                None => Slot::Local(i as u32),
            };
            let held = self.take(slot);
            let v = match (held, &p.default) {
                (Some(v), _) => v,
                (None, Some(default)) => self.eval(default)?,
                (None, None) => continue,
            };
            match &p.target {
                Some(target) => self.unpack(target, v, p.span)?,
                None => self.put_back(slot, Some(v)),
            }
        }
        let sizes = self.check_params(code)?;
        let result = self.tail(&code.body)?;
        if let Some(annotation) = &code.result {
            self.check_result(code, annotation, &result, sizes)?;
        }
        Ok(result)
    }

    /// The value of a function's body, where `return` gives the value instead of leaving.
    pub(super) fn tail(&mut self, code: &Code) -> Result<Value> {
        match &code.node {
            Node::Block(b) => self.tail_block(b),
            Node::If(c) => {
                if match self.condition(&c.cond) {
                    Err(fault) if self.is_open(&fault) => return self.both_tails(c),
                    known => known?,
                } {
                    self.tail_block(&c.then)
                } else {
                    match &c.otherwise {
                        Some(code) => self.tail(code),
                        None => Ok(Value::None),
                    }
                }
            }
            _ => match self.eval(code) {
                Err(_) if self.flow.is_some() => {
                    self.flow = None;
                    super::sound(&std::mem::replace(&mut self.returned, Value::None))
                }
                done => done,
            },
        }
    }

    pub(super) fn tail_block(&mut self, b: &Block) -> Result<Value> {
        for stmt in &b.stmts {
            if self.exec(stmt)? != Flow::Next {
                return super::sound(&std::mem::replace(&mut self.returned, Value::None));
            }
        }
        match &b.last {
            Some(code) => self.tail(code),
            None => Ok(Value::None),
        }
    }

    /// Notes the call in a fault from inside; one from the house's own code is shown at the call instead.
    #[cold]
    fn called(&self, mut fault: Fault, code: &Lambda, span: Span) -> Fault {
        if self.flow.is_some() {
            return fault;
        }
        if !code.house {
            let name = if code.name.is_empty() { "a function" } else { &code.name };
            return fault.at(code.span).called_at(span, name);
        }
        let inside = |s: &Span| self.is_house(*s);
        if fault.span.as_ref().is_some_and(inside) {
            fault.span = None;
            fault.message = spoken_by(&code.name, &fault.message);
        }
        fault.labels.retain(|(s, _)| !inside(s));
        fault.chain.retain(|(s, _)| !inside(s));
        fault.at(span)
    }
}

/// A message in the name of the function that was called, whichever of its own calls failed: `mean: axis 2 is …`.
fn spoken_by(name: &str, message: &str) -> String {
    let is_name = |word: &str| word.chars().all(|c| c.is_alphanumeric() || c == '_');
    let words = message.split_once(": ").filter(|(word, _)| is_name(word)).map_or(message, |(_, rest)| rest);
    format!("{name}: {words}")
}

/// `f32(x)`; a text is read as a number.
fn converted(x: &Value, dtype: DType) -> Result<Value> {
    let read = |t: &str| match (t.trim(), dtype) {
        ("true", DType::Bool) => Some(Value::Bool(true)),
        ("false", DType::Bool) => Some(Value::Bool(false)),
        (_, DType::Bool) => None,
        (t, DType::I64) => t.parse().ok().map(Value::Int),
        (t, _) => t.parse().ok().map(Value::Float),
    };
    let number = match x {
        Value::Text(t) => read(t).ok_or_else(|| {
            let fault = Fault::new(format!("{dtype}: cannot read a number in \"{t}\""));
            fault.hint(if dtype == DType::Bool {
                "bool reads \"true\" and \"false\""
            } else {
                "text such as \"2.5\" can be read"
            })
        })?,
        v => v.clone(),
    };
    if let (Value::Float(x), DType::I64) = (&number, dtype)
        && as_int(*x).is_none()
    {
        let fault =
            Fault::new(format!("i64: {} is no int of 64 bits", crate::lang::text::text(&number, &Style::PLAIN)?));
        return Err(fault.hint("bring it into range first: clip(x, -1e18, 1e18); of nan nan_to_num(x) makes 0"));
    }
    Ok(Value::Array(crate::graph::cast(&number.to_expr()?, dtype)?))
}

pub fn is_callable(f: &Value) -> bool {
    matches!(f, Value::Function(_) | Value::Builtin(_) | Value::DType(_))
}
