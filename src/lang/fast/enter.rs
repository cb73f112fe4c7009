//! Entering the machine and leaving it: variables into registers and back, arrays that are written to out of their
//! variables and back, routines found again by the types they were compiled for.

use std::rc::Rc;

use super::build::{Build, Point, Shared, Turns, finished};
use super::call::{lambda_of, unit};
use super::inst::*;
use super::run::{Elements, End};
use super::ty::{self, Given, Ty};
use super::{MOST, Site};
use crate::base::{Host, Layout, Result, interrupt};
use crate::graph::{Data, Expr, Place};
use crate::lang::code::*;
use crate::lang::depth;
use crate::lang::function::Function;
use crate::lang::index::{own, stays_away};
use crate::lang::interp::Interp;
use crate::lang::value::Value;

/// A visit too short to pay for itself.
const SHORT: u64 = 3;
/// Bytes that come from a device and go back in the time that the walk takes for a turn.
const PER_TURN: usize = 4096;

/// What came of the attempt.
pub enum Ran {
    /// Nothing: the walk does it.
    Not,
    /// The loop has ended.
    Done,
    /// The walk goes on at this place of the body; counters of ranges on the way there: (next, left, step).
    Stopped(Vec<Crumb>, Counters),
}

/// The registers of ranges that are under way.
pub type Counters = Vec<(Reg, (i64, usize, i64))>;

/// An array that was taken out of its variable.
struct Taken {
    slot: Slot,
    host: Host,
    place: Place,
    /// It was shared.
    copied: bool,
}

/// What is compiled.
enum What<'a> {
    Range(&'a For, Slot),
    While(&'a While),
    Call(&'a Function, Vec<Given>),
}

impl Interp {
    /// What a variable holds; `None` for cells, which are not looked into.
    pub(super) fn seen(&self, slot: Slot) -> Option<Option<&Value>> {
        match slot {
            Slot::Local(i) => Some(self.stack.get(self.base + i as usize)?.as_ref()),
            Slot::Global(i) => Some(self.globals.values.get(i as usize)?.as_ref()),
            Slot::Cell(_) => None,
        }
    }

    /// Turns of loops and calls that were no walk.
    pub fn fast_turns(&self) -> u64 {
        self.machine.total
    }

    /// Turns of loops and calls that were machine code.
    pub fn native_turns(&self) -> u64 {
        self.machine.native
    }

    /// The turns of a range that are left.
    pub(in crate::lang) fn fast_range(&mut self, f: &For, slot: Slot, turns: (i64, usize, i64)) -> Result<Ran> {
        let Some(r) = self.routine(&f.site, || What::Range(f, slot)) else { return Ok(Ran::Not) };
        self.machine.reserve(r.regs);
        let c = r.counter.unwrap_or(0) as usize;
        self.machine.regs[c..c + 3].copy_from_slice(&[turns.1 as u64, turns.0 as u64, turns.2 as u64]);
        self.visit(&f.site, &r, turns.1)
    }

    /// The turns of a `while` that are left.
    pub(in crate::lang) fn fast_while(&mut self, w: &While) -> Result<Ran> {
        match self.routine(&w.site, || What::While(w)) {
            Some(r) => self.visit(&w.site, &r, usize::MAX),
            None => Ok(Ran::Not),
        }
    }

    /// A call whose arguments lie on the stack from `base` on.
    pub(in crate::lang) fn fast_call(&mut self, f: &Function, base: usize) -> Result<Option<Value>> {
        let Some(lambda) = lambda_of(f) else { return Ok(None) };
        let site = &lambda.site;
        let Some((given, bits)) = given(&self.stack[base..]) else {
            site.disappoint();
            return Ok(None);
        };
        let fits = |r: &Routine| r.call.as_ref().is_some_and(|entered| entered.args == given);
        let Some(r) = self.routine_for(site, fits, || What::Call(f, given.clone())) else { return Ok(None) };
        self.machine.reserve(r.regs);
        self.machine.regs[..bits.len()].copy_from_slice(&bits);
        match (self.visit(site, &r, usize::MAX)?, &r.call) {
            (Ran::Done, Some(entered)) => {
                let mut values = entered.registers().filter_map(|(reg, ty)| ty.value(self.machine.regs[reg as usize]));
                Ok(match entered.gives {
                    Given::One(_) => values.next(),
                    Given::Items(_) => Some(Value::tuple(values.collect())),
                })
            }
            _ => Ok(None),
        }
    }

    fn routine<'a>(&self, site: &Site, what: impl FnOnce() -> What<'a>) -> Option<Rc<Routine>> {
        self.routine_for(site, |_| true, what)
    }

    /// What was compiled for the types of now, or is.
    fn routine_for<'a>(
        &self,
        site: &Site,
        fits: impl Fn(&Routine) -> bool,
        what: impl FnOnce() -> What<'a>,
    ) -> Option<Rc<Routine>> {
        let known = site.routines.borrow().iter().find(|r| fits(r) && self.suits(r)).cloned();
        if known.is_some() {
            return known;
        }
        if site.routines.borrow().len() >= MOST {
            site.off.set(true);
            return None;
        }
        match compiled(self, what()) {
            Some(r) => {
                let r = Rc::new(r);
                site.routines.borrow_mut().push(r.clone());
                Some(r)
            }
            None => {
                site.disappoint();
                None
            }
        }
    }

    /// Whether every variable is of the type that it was compiled for.
    fn suits(&self, r: &Routine) -> bool {
        r.vars.iter().all(|var| match (var.entry, self.seen(var.slot).flatten()) {
            (Ty::Unset, v) => v.is_none(),
            (_, None) => false,
            (Ty::Callable(k), Some(v)) => r.callables[k as usize].is(v),
            (Ty::Array(k), Some(v)) => {
                let a = &r.arrays[k as usize];
                ty::array(v) == Some((a.dtype, a.place, a.rank))
            }
            (Ty::Tuple(k), Some(v)) => ty::numbers(v).is_some_and(|items| {
                r.tuples[k as usize].items.iter().copied().eq(items.into_iter().map(|(ty, _)| ty))
            }),
            (Ty::Other, Some(v)) => {
                let known = matches!(v, Value::Function(_) | Value::Builtin(_)) || ty::array(v).is_some();
                !known && type_of(v).is_none() && ty::numbers(v).is_none()
            }
            (ty, Some(v)) => type_of(v) == Some(ty),
        })
    }

    /// The bytes of the largest array that the routine needs here and that is changed where it is, on a device.
    fn far(&self, r: &Routine) -> Option<usize> {
        let used = r.arrays.iter().filter(|a| a.used && a.place.is_remote());
        let bytes = |a: &ArrayOf| match self.seen(r.vars[a.var].slot).flatten() {
            Some(Value::Array(e)) if stays_away(e) => Some(e.size().saturating_mul(a.dtype.size())),
            _ => None,
        };
        used.filter_map(bytes).max()
    }

    /// Loads, runs, writes back. `turns`: how many there are at most.
    fn visit(&mut self, site: &Site, r: &Routine, turns: usize) -> Result<Ran> {
        let far = self.far(r);
        // The walk, which writes to it there, would be done sooner. Once it has looked at an element the array is here.
        if far.is_some_and(|bytes| bytes / PER_TURN > turns) {
            return Ok(Ran::Not);
        }
        self.machine.reserve(r.regs);
        for &(bits, reg) in &r.consts {
            self.machine.regs[reg as usize] = bits;
        }
        for var in &r.vars {
            let Some(v) = self.seen(var.slot).flatten() else { continue };
            let bits = match var.entry {
                Ty::Tuple(_) => ty::numbers(v).unwrap_or_default(),
                _ => ty::number(v).into_iter().collect(),
            };
            for ((reg, _), (_, bits)) in r.registers(var, var.entry).zip(bits) {
                self.machine.regs[reg as usize] = bits;
            }
        }
        // Numbers that arrays are, stretched: they are read through a stride of 0.
        let mut numbers = vec![0u64; r.arrays.len()];
        let Some(taken) = self.take_arrays(r, &mut numbers) else {
            site.off.set(true);
            return Ok(Ran::Not);
        };
        let deepest = depth::most().saturating_sub(self.depth);
        let end = self.machine.run(r, deepest, self.warm);
        let copied = taken.iter().any(|t| t.copied);
        self.give_arrays(taken);
        match end {
            End::Exit(k) => {
                self.machine.total += self.machine.turns;
                self.write_back(r, &r.exits[k as usize]);
                Ok(Ran::Done)
            }
            End::Interrupted(k) => {
                self.write_back(r, &r.stops[k as usize].types);
                Err(interrupt::fault())
            }
            End::Stop(k) => {
                let stop = &r.stops[k as usize];
                self.write_back(r, &stop.types);
                // What comes from a device again and again is better written to there.
                if far.is_some() && self.machine.turns < SHORT {
                    site.off.set(true);
                }
                // A call that stops begins anew in the walk; an array that is shared again at every stop is copied again.
                match self.machine.turns {
                    SHORT.. if r.call.is_none() && !copied => site.bad.set(0),
                    _ => site.disappoint(),
                }
                Ok(Ran::Stopped(stop.place.clone(), self.counters(r, &stop.place)))
            }
        }
    }

    /// Where the elements of the routine's arrays lie. Those that are written to are taken out of their variables.
    fn take_arrays(&mut self, r: &Routine, numbers: &mut [u64]) -> Option<Vec<Taken>> {
        self.machine.elements.clear();
        let mut taken: Vec<Taken> = vec![];
        for (k, a) in r.arrays.iter().enumerate() {
            let slot = r.vars[a.var].slot;
            let here = if !a.used {
                Some(Elements { ptr: std::ptr::null_mut(), n: [0; 2], strides: [0; 2] })
            } else if a.written {
                self.take_array(slot).map(|t| {
                    let e = elements(t.host.buffer.ptr(), &t.host.layout, a.dtype.size());
                    taken.push(t);
                    e
                })
            } else {
                self.look_at_array(slot, &mut numbers[k], a.dtype.size())
            };
            match here {
                Some(e) => self.machine.elements.push(e),
                None => {
                    self.give_arrays(taken);
                    return None;
                }
            }
        }
        Some(taken)
    }

    fn give_arrays(&mut self, taken: Vec<Taken>) {
        for t in taken {
            self.put_back(t.slot, Some(Value::Array(Expr::from_host(t.host, t.place))));
        }
    }

    fn take_array(&mut self, slot: Slot) -> Option<Taken> {
        let value = self.take(slot);
        let Some(Value::Array(e)) = value else {
            self.put_back(slot, value);
            return None;
        };
        let (dtype, place) = (e.dtype(), e.place());
        let before = match e.data() {
            Some(Data::Buffer(b, _)) if b.fetch().is_ok() => b.ptr(),
            _ => std::ptr::null_mut(),
        };
        match own(e) {
            Ok((buffer, layout, ..)) => {
                let copied = buffer.ptr() != before;
                Some(Taken { slot, host: Host { dtype, layout, buffer }, place, copied })
            }
            Err((e, _)) => {
                self.put_back(slot, Some(Value::Array(e)));
                None
            }
        }
    }

    fn look_at_array(&self, slot: Slot, number: &mut u64, size: usize) -> Option<Elements> {
        let Some(Value::Array(e)) = self.seen(slot)? else { return None };
        match e.force().ok()? {
            Data::Buffer(buffer, layout) => {
                buffer.fetch().ok()?;
                Some(elements(buffer.ptr(), layout, size))
            }
            Data::Number(bits) => {
                *number = *bits;
                let mut n = [1; 2];
                n.iter_mut().zip(e.shape().iter()).for_each(|(n, d)| *n = *d as i64);
                Some(Elements { ptr: (&raw mut *number).cast(), n, strides: [0; 2] })
            }
            Data::Broken(_) => None,
        }
    }

    /// Gives the variables that are assigned the values of their registers.
    fn write_back(&mut self, r: &Routine, types: &[Ty]) {
        for (k, var) in r.vars.iter().enumerate().filter(|(_, v)| v.assigned) {
            let ty = types.get(k).copied().unwrap_or(var.entry);
            let mut values = r.registers(var, ty).filter_map(|(reg, ty)| ty.value(self.machine.regs[reg as usize]));
            let value = match ty {
                Ty::Tuple(_) => Some(Value::tuple(values.collect())),
                _ => values.next(),
            };
            if let Some(v) = value {
                self.store(var.slot, v);
            }
        }
    }

    fn counters(&self, r: &Routine, place: &[Crumb]) -> Counters {
        let own = r.counter.into_iter();
        let inner = place.iter().filter_map(|c| if let Crumb::Turn(reg) = c { Some(*reg) } else { None });
        let read = |c: Reg| match self.machine.regs.get(c as usize..c as usize + 3) {
            Some(&[left, next, step]) => (c, (next as i64, left as usize, step as i64)),
            _ => (c, (0, 0, 1)),
        };
        own.chain(inner).map(read).collect()
    }
}

fn elements(ptr: *mut u8, layout: &Layout, size: usize) -> Elements {
    let (mut n, mut strides) = ([1; 2], [0; 2]);
    for (k, (d, s)) in layout.shape.iter().zip(&layout.strides).enumerate().take(2) {
        (n[k], strides[k]) = (*d as i64, *s);
    }
    // SAFETY: an offset lies in its buffer; where there are no elements nothing is read.
    Elements { ptr: unsafe { ptr.add(layout.offset * size) }, n, strides }
}

/// What a function is given by values, and their bits: one each, then the items of tuples.
fn given(values: &[Option<Value>]) -> Option<(Vec<Given>, Vec<u64>)> {
    let (mut given, mut bits, mut behind) = (vec![], vec![], vec![]);
    for v in values {
        let v = v.as_ref()?;
        match (ty::number(v), ty::numbers(v)) {
            (Some((ty, number)), _) => {
                given.push(Given::One(ty));
                bits.push(number);
            }
            (None, Some(items)) => {
                given.push(Given::Items(items.iter().map(|(ty, _)| *ty).collect()));
                bits.push(0);
                behind.extend(items.iter().map(|(_, bits)| *bits));
            }
            (None, None) => return None,
        }
    }
    bits.append(&mut behind);
    Some((given, bits))
}

/// The type of a number, without computing it.
fn type_of(v: &Value) -> Option<Ty> {
    match v {
        Value::Int(_) => Some(Ty::Int),
        Value::Float(_) => Some(Ty::Float),
        Value::Bool(_) => Some(Ty::Bool),
        v => ty::number(v).map(|(ty, _)| ty),
    }
}

fn compiled(interp: &Interp, what: What) -> Option<Routine> {
    let mut sh = Shared::new(interp);
    let call = match &what {
        What::Call(_, args) => {
            sh.block(args.len() + args.iter().map(|given| given.items().len()).sum::<usize>())?;
            Some(args.clone())
        }
        _ => None,
    };
    let mut build = Build::new(&mut sh, None);
    let (mut counter, mut result) = (None, None);
    match what {
        What::Range(f, slot) => {
            let own = build.block(3)?;
            counter = Some(own);
            enter_loop(&mut build, Turns::Range { counter: own, slot }, &f.body)?;
        }
        What::While(w) => enter_loop(&mut build, Turns::While(&w.cond), &w.body)?,
        What::Call(f, args) => {
            let (unit, gives) = unit(build.sh, lambda_of(f)?, &args)?;
            // A body without calls or loops is over before the machine is entered.
            if !worth(&build.sh.units[unit as usize].insts) {
                return None;
            }
            build.stop_at(vec![]);
            let d = build.fresh()?;
            build.emit(Inst::Call { d, unit, args: 0 });
            let mut first = d;
            if !gives.items().is_empty() {
                first = build.block(gives.items().len())?;
                let mail = build.sh.mail()?;
                (0..gives.items().len() as Reg).for_each(|i| build.emit(Inst::Fetch { d: first + i, a: mail + i }));
            }
            build.sh.exits.push(vec![]);
            build.emit(Inst::Exit { k: 0 });
            result = Some((first, gives));
        }
    }
    let (insts, consts) = (build.patched(0)?, std::mem::take(&mut build.consts));
    let stop_of = std::mem::take(&mut build.stop_of);
    let mut r = finished(sh, insts, stop_of, consts)?;
    r.counter = counter;
    r.call = call.zip(result).map(|(args, (result, gives))| Entered { args, result, gives });
    Some(r)
}

fn worth(insts: &[Inst]) -> bool {
    insts.iter().any(|i| matches!(i, Inst::Call { .. } | Inst::Turn { .. } | Inst::Again { .. }))
}

/// Compiles a loop from the beginning of a turn on.
fn enter_loop<'a>(build: &mut Build<'a, '_>, turns: Turns<'a>, body: &'a [Stmt]) -> Option<()> {
    let l = build.new_loop(0, turns, body, None, vec![]);
    build.begin(Point::Head(l))
}
