//! Calls: of the user's functions, compiled for the types of their arguments into units of the same routine, and of
//! what the house computes with numbers.

use super::build::{Build, List, Shared, UnitOf, Up};
use super::expr::Val;
use super::inst::*;
use super::tuple::Got;
use super::ty::{Given, Ty};
use crate::base::DType;
use crate::lang::builtin::{Builtin, Run};
use crate::lang::code::*;
use crate::lang::function::Function;
use crate::lang::names::LibraryItem;
use crate::lang::resolve;
use crate::lang::value::Value;
use crate::ops;

/// How often a function is compiled anew because its result was not known when it called itself.
const ROUNDS: usize = 3;

impl<'a> Build<'a, '_> {
    pub fn call(&mut self, c: &'a Call, want: Option<Reg>) -> Option<Got> {
        if !c.plain {
            return None;
        }
        match self.callee(&c.f)? {
            Value::Builtin(b) => self.builtin(b, c, want).map(Got::One),
            Value::Function(f) => self.closure(&f, c, want),
            _ => None,
        }
    }

    /// Whether it is a function of the user's that is called.
    pub fn calls_closure(&mut self, c: &'a Call) -> bool {
        c.plain && matches!(self.callee(&c.f), Some(Value::Function(_)))
    }

    /// The function that is called, which nothing may change from now on.
    fn callee(&mut self, code: &'a Code) -> Option<Value> {
        let (var, library) = match &code.node {
            Node::Global(slot, library) => (self.sh.var(Slot::Global(*slot))?, *library),
            Node::Local(i, _) if self.unit.is_none() => (self.sh.var(Slot::Local(*i))?, NONE),
            Node::Library(number) => return self.sh.interp.library.items.get(*number as usize)?.value.clone(),
            _ => return None,
        };
        self.sh.vars[var].pinned = true;
        match self.sh.vars[var].entry {
            Ty::Callable(k) => Some(self.sh.callables[k as usize].clone()),
            Ty::Unset => match self.sh.interp.library.items.get(library as usize) {
                Some(LibraryItem { value, .. }) => value.clone(),
                None => None,
            },
            _ => None,
        }
    }

    fn builtin(&mut self, b: &'static Builtin, c: &'a Call, want: Option<Reg>) -> Option<Val> {
        if let ("len", [arg]) = (b.name, &*c.args) {
            return self.length(arg.code(), want);
        }
        let args: Vec<Val> = c.args.iter().map(|a| self.expr(a.code(), None)).collect::<Option<_>>()?;
        let weak = args.iter().all(|v| self.type_in(*v).is_weak());
        let prim = match b.run {
            Run::Prim(prim) => prim,
            Run::Native(_) => return self.native(b.name, &args, want),
        };
        // Ints are checked where the operator of the same meaning checks them.
        let (op, found) = resolve::arith(prim.name);
        if let (true, true, &[x, y]) = (weak, op != BinaryOp::Other && std::ptr::eq(found, prim), &args[..]) {
            return self.binary(op, prim, x, y, want);
        }
        if let (true, &[x]) = (std::ptr::eq(prim, &ops::arith::abs::PRIM), &args[..])
            && self.type_in(x).is_int()
        {
            let (a, d) = (self.reg(x)?, self.dest(want)?);
            self.emit(Inst::AbsI { d, a });
            return Some(Val::Reg(d, Ty::Int));
        }
        self.map(prim, &args, want)
    }

    /// Functions of numbers that are no primitives.
    fn native(&mut self, name: &str, args: &[Val], want: Option<Reg>) -> Option<Val> {
        match (name, args) {
            ("min", &[x, y]) => self.map(&ops::arith::minimum::PRIM, &[x, y], want),
            ("max", &[x, y]) => self.map(&ops::arith::maximum::PRIM, &[x, y], want),
            ("min" | "max", &[x, y, z]) if self.type_in(z) != Ty::Bool => {
                let two = self.native(name, &[x, y], None)?;
                self.native(name, &[two, z], want)
            }
            ("float", &[x]) => self.as_dtype(x, DType::F64).map(|reg| Val::Reg(reg, Ty::Float)),
            ("int", &[x]) => match self.type_in(x).dtype()? {
                DType::I64 | DType::Bool => self.reg(x).map(|reg| Val::Reg(reg, Ty::Int)),
                _ => {
                    let (a, d) = (self.as_dtype(x, DType::F64)?, self.dest(want)?);
                    self.emit(Inst::FToInt { d, a });
                    Some(Val::Reg(d, Ty::Int))
                }
            },
            _ => None,
        }
    }

    fn length(&mut self, code: &'a Code, want: Option<Reg>) -> Option<Val> {
        let (array, d) = (self.array_of(code)?, self.dest(want)?);
        self.emit(Inst::Length { d, array, axis: 0 });
        Some(Val::Reg(d, Ty::Int))
    }

    fn closure(&mut self, f: &Function, c: &'a Call, want: Option<Reg>) -> Option<Got> {
        let lambda = lambda_of(f)?;
        if lambda.params.len() != c.args.len() {
            return None;
        }
        // Tuples first: how many items there are says how many registers the call takes.
        let early = |arg: &'a Arg| match self.may_be_tuple(arg.code()) {
            true => self.got(arg.code(), None).map(Some),
            false => Some(None),
        };
        let early = c.args.iter().map(early).collect::<Option<Vec<Option<Got>>>>()?;
        let items: usize = early.iter().map(|got| if let Some(Got::Items(all)) = got { all.len() } else { 0 }).sum();
        let args = self.block(c.args.len() + items)?;
        let mut item = args + c.args.len() as Reg;
        let mut given = vec![];
        for ((arg, code), got) in (args..).zip(c.args.iter().map(Arg::code)).zip(early) {
            let v = match got {
                Some(Got::Items(all)) => {
                    given.push(Given::Items(all.iter().map(|v| self.type_in(*v)).collect()));
                    for v in all {
                        self.put(v, item)?;
                        item += 1;
                    }
                    continue;
                }
                Some(Got::One(v)) => v,
                // An array goes along as its number; no register holds it.
                None => match self.array_of(code) {
                    Some(array) => {
                        given.push(Given::One(Ty::Array(array)));
                        continue;
                    }
                    None => self.expr(code, Some(arg))?,
                },
            };
            given.push(Given::One(self.type_in(v)));
            self.put(v, arg)?;
        }
        // SAFETY: while it is compiled the list of callables keeps the function, or the library does for good.
        let lambda: &'a Lambda = unsafe { &*std::ptr::from_ref(lambda) };
        let (unit, result) = unit(self.sh, lambda, &given)?;
        match result {
            Given::One(ty) => {
                let d = self.dest(want)?;
                self.emit(Inst::Call { d, unit, args });
                Some(Got::One(Val::Reg(d, ty)))
            }
            Given::Items(types) => {
                let d = self.temp()?;
                self.emit(Inst::Call { d, unit, args });
                let first = self.sh.mail()?;
                let fetch = |(a, ty)| {
                    let d = self.temp()?;
                    self.emit(Inst::Fetch { d, a });
                    Some(Val::Reg(d, ty))
                };
                (first..).zip(types).map(fetch).collect::<Option<_>>().map(Got::Items)
            }
        }
    }
}

/// The code of a function that units can be made of: parameters are plain, nothing is shared with other functions.
pub fn lambda_of(f: &Function) -> Option<&Lambda> {
    match f {
        Function::Closure { code, cells } if code.simple && code.cells == 0 && cells.is_empty() => Some(code),
        _ => None,
    }
}

/// The number and result of a function for these arguments, compiled if it was not yet. `None` also while the result
/// of a function that calls itself is not known.
pub fn unit<'a>(sh: &mut Shared<'a>, lambda: &'a Lambda, args: &[Given]) -> Option<(u16, Given)> {
    let same = |u: &UnitOf| std::ptr::eq(u.lambda, lambda) && u.args == args;
    let k = match sh.units.iter().position(same) {
        Some(k) => {
            if sh.units[k].open && sh.units[k].result.is_none() {
                sh.early = true;
            }
            return Some((k as u16, sh.units[k].result.clone()?));
        }
        None => sh.units.len(),
    };
    if !sh.may_nest() {
        return None;
    }
    sh.units.push(UnitOf {
        lambda,
        args: args.to_vec(),
        result: None,
        open: true,
        insts: vec![],
        regs: 0,
        consts: vec![],
    });
    sh.depth += 1;
    let outer = std::mem::replace(&mut sh.early, false);
    let mut done = None;
    for _ in 0..ROUNDS {
        sh.early = false;
        done = body(sh, k, lambda, args);
        if !sh.early || sh.units[k].result.is_none() || done.is_none() {
            break;
        }
    }
    sh.depth -= 1;
    sh.units[k].open = false;
    if sh.early || done.is_none() {
        // It waits for the result of a function around it, or cannot be: not to be found again as it is.
        sh.units[k].lambda = std::ptr::null();
    }
    sh.early |= outer;
    done?;
    Some((u16::try_from(k).ok()?, sh.units[k].result.clone()?))
}

/// Compiles the body of unit k.
fn body<'a>(sh: &mut Shared<'a>, k: usize, lambda: &'a Lambda, args: &[Given]) -> Option<()> {
    // What the last round made has no registers in this one.
    sh.tuples.iter_mut().filter(|t| t.unit == Some(k)).for_each(|t| t.unit = Some(usize::MAX));
    let mut build = Build::new(sh, Some(k));
    let items = args.iter().map(|given| given.items().len()).sum::<usize>();
    build.given = (args.len(), items);
    build.block(lambda.locals as usize + items)?;
    build.state = vec![Ty::Unset; lambda.locals as usize];
    let mut item = u16::try_from(args.len()).ok()?;
    for (var, given) in args.iter().enumerate() {
        build.state[var] = match given {
            Given::One(ty) => *ty,
            Given::Items(items) => {
                let first = item;
                item += items.len() as Reg;
                build.sh.tuple(Some(k), var, items.clone(), |_, _| Some(first))?
            }
        };
    }
    let list = List { stmts: &[], last: Some(&lambda.body), up: Up::Return, path: vec![], inside: None, tail: true };
    build.start(list)?;
    let (insts, regs, consts) = (build.patched(0)?, build.regs(), std::mem::take(&mut build.consts));
    let unit = &mut sh.units[k];
    (unit.insts, unit.regs, unit.consts) = (insts, regs, consts);
    Some(())
}
