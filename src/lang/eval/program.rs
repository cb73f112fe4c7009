//! Whole programs: the user's, imported files, and texts of the prelude.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::call::is_callable;
use super::join::nobody_knows;
use crate::base::{Exit, Fault, Result, Span, nearest};
use crate::lang::code::*;
use crate::lang::interp::{Interp, MAIN, Random};
use crate::lang::names::Module;
use crate::lang::resolve::{self, Context};
use crate::lang::value::{Record, Value};
use crate::lang::{depth, prelude};
use crate::syntax::{self, ast};

/// What a failing program must leave as it was.
pub struct Snapshot {
    globals: Vec<Option<Value>>,
    random: Random,
    device: Option<crate::graph::Place>,
}

impl Interp {
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { globals: self.globals.values.clone(), random: self.random, device: self.device }
    }

    /// Back to the snapshot. What the house or an imported file defined meanwhile stays.
    pub fn restore(&mut self, snapshot: Snapshot) {
        for (i, v) in self.globals.values.iter_mut().enumerate() {
            if self.globals.names[i].1 == MAIN {
                *v = snapshot.globals.get(i).cloned().flatten();
            }
        }
        self.random = snapshot.random;
        self.device = snapshot.device;
        self.settle();
    }

    /// After a fault: no frames, no jumps, no files half imported.
    pub fn settle(&mut self) {
        self.stack.clear();
        self.cells.clear();
        (self.base, self.cell_base, self.depth, self.module) = (0, 0, 0, MAIN);
        self.flow = None;
        self.files.retain(|_, record| record.is_some());
    }

    /// Reads, resolves and runs a text of the user. `whole`: it is all there is, such as a file.
    pub fn run_main(&mut self, program: &ast::Program, text: &str, whole: bool) -> Result<Option<Value>, Vec<Fault>> {
        let code = resolve::program(self, program, Context { module: MAIN, text, whole })?;
        self.run_program(&code, MAIN).map_err(|f| vec![self.explain_marked(f)])
    }

    /// Names, arity, shapes and dtypes of a text, without running it.
    pub fn check_main(&mut self, program: &ast::Program, text: &str) -> Vec<Fault> {
        // The name is there whenever the program runs.
        if !self.late.contains_key("input") {
            self.set_late("input", |_| Err(Fault::unknown()));
        }
        let resolved = resolve::resolved(self, program, Context { module: MAIN, text, whole: true });
        let (code, mut faults) = (resolved.code, resolved.faults);
        if faults.iter().any(|f| f.exit == Exit::Usage) {
            return faults;
        }
        // Of what has no meaning nothing is known, and nothing more is said.
        for &slot in &resolved.unknown {
            self.globals.values[slot as usize] = Some(nobody_knows());
        }
        let calls = crate::lang::check::arity(self, &code);
        let sites: Vec<_> = calls.iter().filter_map(|f| f.span).collect();
        let inside = |s: Span| sites.iter().any(|t| t.start <= s.start && s.end <= t.end);
        faults.extend(calls);
        for fault in self.run_dry(&code) {
            let known = faults.iter().any(|f| f.span == fault.span);
            if !known && !fault.span.is_some_and(inside) {
                faults.push(fault);
            }
        }
        for &slot in &resolved.unknown {
            self.globals.values[slot as usize] = None;
        }
        faults.sort_by_key(|f| f.span.map(|s| (s.source, s.start)));
        faults
    }

    /// The file whose folder the main program's imports are relative to.
    pub fn set_main_path(&mut self, path: Option<PathBuf>) {
        self.modules[MAIN as usize].path = path;
    }

    /// Runs a program in a frame of its own; the value of its last statement, if that is an expression.
    pub(in crate::lang) fn run_program(&mut self, program: &Program, module: u32) -> Result<Option<Value>> {
        depth::guard(self.depth)?;
        let frame = self.frame();
        let before = std::mem::replace(&mut self.module, module);
        self.base = self.stack.len();
        self.cell_base = self.cells.len();
        self.depth += 1;
        for _ in 0..program.locals {
            self.stack.push(None);
        }
        for _ in 0..program.cells {
            self.cells.push(Rc::new(RefCell::new(None)));
        }
        let done = self.top(program, module);
        self.restore_frame(frame);
        self.module = before;
        done
    }

    fn top(&mut self, program: &Program, module: u32) -> Result<Option<Value>> {
        if self.dry.is_some() {
            return self.dry_top(program);
        }
        let mut last = None;
        for stmt in &program.body {
            crate::base::interrupt::check()?;
            let v = match &stmt.op {
                Op::Expr(code) => self.eval(code)?,
                Op::If(c) => self.if_value(c)?,
                Op::Block(b) => self.block_value(b)?,
                Op::Try(t) => self.try_value(t)?,
                _ => {
                    self.exec(stmt)?;
                    last = None;
                    continue;
                }
            };
            if module == MAIN
                && let Some(mut echo) = self.echo.take()
            {
                let done = echo(&mut *self.out, &v);
                self.echo = Some(echo);
                done.map_err(|f| f.at(stmt.span))?;
            }
            last = Some(v);
        }
        Ok(last)
    }

    /// The value of a name of the house; a text of the prelude is run when it is first wanted.
    pub(in crate::lang) fn library_value(&mut self, number: u32) -> Result<Value> {
        let item = &self.library.items[number as usize];
        if let Some(v) = &item.value {
            return Ok(v.clone());
        }
        let name = item.name.clone();
        let v = self.load(&name)?;
        self.library.items[number as usize].value = Some(v.clone());
        Ok(v)
    }

    fn load(&mut self, name: &str) -> Result<Value> {
        let broken = |why: &str| Fault::new(format!("internal: the house's `{name}` {why}"));
        let text = prelude::source(name).ok_or_else(|| broken("has no text"))?;
        let source = self.sources.add(format!("<nevel>/{name}"), text);
        if self.house_sources.len() <= source as usize {
            self.house_sources.resize(source as usize + 1, false);
        }
        self.house_sources[source as usize] = true;
        let parsed = syntax::parse(source, text);
        if let Some(fault) = parsed.faults.into_iter().next() {
            return Err(fault);
        }
        self.modules.push(Module { house: true, ..Module::default() });
        let module = (self.modules.len() - 1) as u32;
        let code = resolve::program(self, &parsed.program, Context { module, text, whole: true })
            .map_err(|faults| faults.into_iter().next().unwrap_or_else(|| broken("does not resolve")))?;
        self.run_program(&code, module)?;
        let bare: &str = name.rsplit('.').next().unwrap_or(name);
        let slot =
            self.modules[module as usize].slots.get(bare).copied().ok_or_else(|| broken("defines another name"))?;
        self.globals.values[slot as usize].clone().ok_or_else(|| broken("has no value"))
    }

    pub(super) fn import(&mut self, import: &Import) -> Result<()> {
        let record = self.file(&import.path).map_err(|f| f.at(import.path_span))?;
        if let Some(slot) = import.whole {
            self.store(slot, record);
            return Ok(());
        }
        let fields = record.to_record()?.clone();
        for (name, span, slot) in &import.names {
            match fields.get(name) {
                Some(v) => self.store(*slot, v.clone()),
                None => {
                    let fault = Fault::new(format!("\"{}\" defines no `{name}`", import.path)).at(*span);
                    return Err(match nearest(name, fields.fields().iter().map(|(n, _)| &**n)) {
                        Some(near) => fault.hint(format!("did you mean `{near}`?")),
                        None => fault,
                    });
                }
            }
        }
        Ok(())
    }

    /// The record of a file's definitions; a file runs once.
    fn file(&mut self, written: &str) -> Result<Value> {
        let around = self.modules[self.module as usize].path.as_ref().and_then(|p| p.parent());
        let path = around.map_or_else(|| PathBuf::from(written), |folder| folder.join(written));
        let path = std::fs::canonicalize(&path).map_err(|e| unreadable(&path, &e))?;
        match self.files.get(&path) {
            Some(Some(record)) => return Ok(record.clone()),
            Some(None) => {
                let fault = Fault::new(format!("\"{written}\" is being imported already: the files import each other"));
                return Err(fault.hint("move what both need into a third file"));
            }
            None => {}
        }
        let bytes = std::fs::read(&path).map_err(|e| unreadable(&path, &e))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            Fault::input(format!("\"{written}\" is no text: byte {} is not UTF-8", e.utf8_error().valid_up_to()))
        })?;
        self.files.insert(path.clone(), None);
        let done = self.run_file(written, &path, &text);
        match done {
            Ok(record) => {
                self.files.insert(path, Some(record.clone()));
                Ok(record)
            }
            Err(fault) => {
                self.files.remove(&path);
                Err(fault)
            }
        }
    }

    fn run_file(&mut self, written: &str, path: &Path, text: &str) -> Result<Value> {
        let source = self.sources.add(written, text);
        let parsed = syntax::parse(source, text);
        if let Some(fault) = parsed.faults.into_iter().next() {
            return Err(fault);
        }
        self.modules.push(Module { path: Some(path.to_path_buf()), ..Module::default() });
        let module = (self.modules.len() - 1) as u32;
        let code = resolve::program(self, &parsed.program, Context { module, text, whole: true })
            .map_err(|faults| faults.into_iter().next().unwrap_or_else(|| Fault::new("the file does not resolve")))?;
        self.run_program(&code, module)?;
        let mut record = Record::default();
        for ((name, m), v) in self.globals.names.iter().zip(&self.globals.values) {
            if let (true, Some(v)) = (*m == module, v) {
                record.put(name, v.clone());
            }
        }
        Ok(Value::Record(Rc::new(record)))
    }

    /// The variables of the user with a value, in the order first met; functions too.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &Value)> {
        let names = self.globals.names.iter().zip(&self.globals.values);
        names.filter(|((_, m), _)| *m == MAIN).filter_map(|((name, _), v)| Some((&**name, v.as_ref()?)))
    }

    /// Forgets every variable of the user.
    pub fn reset(&mut self) {
        for (i, v) in self.globals.values.iter_mut().enumerate() {
            if self.globals.names[i].1 == MAIN {
                *v = None;
            }
        }
        self.files.clear();
        self.settle();
    }

    /// Whether a value can be called.
    pub fn is_callable(v: &Value) -> bool {
        is_callable(v)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    let path = path.display();
    let why = match error.kind() {
        std::io::ErrorKind::NotFound => {
            return Fault::input(format!("there is no file \"{path}\""))
                .hint("paths are relative to the file that imports");
        }
        std::io::ErrorKind::PermissionDenied => "it may not be read".to_string(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_string(),
        _ => error.to_string(),
    };
    Fault::input(format!("cannot read \"{path}\": {why}"))
}
