//! Compiling: registers, labels, and the points that still have to be compiled.
//!
//! In: a loop or function, and the interpreter, whose variables are looked at and left alone. Out: a routine.
//!
//! A *point* is a place between statements where ways may meet. It is compiled once for every list of types that it is
//! reached with; what is queued is a point with its types and the label that jumps to it already use. Nothing is ever
//! inferred: a type is what the instructions before it made.

use std::collections::HashMap;

use super::inst::*;
use super::native::Native;
use super::ty::{self, Given, Ty};
use crate::base::DType;
use crate::lang::code::*;
use crate::lang::interp::Interp;
use crate::lang::value::Value;

/// A routine that grows beyond this is no tight loop.
const LONGEST: usize = 6000;

/// Functions that call functions that call …
const DEEPEST: usize = 12;

const UNBOUND: u32 = u32::MAX;

/// What a list of statements belongs to, and so where its end leads.
#[derive(Clone, Copy)]
pub enum Up {
    /// Behind that statement of that list.
    After(usize, usize),
    /// To the next turn of that loop.
    Loop(usize),
    /// The function ends.
    Return,
}

/// A list of statements in its place.
pub struct List<'a> {
    pub stmts: &'a [Stmt],
    pub last: Option<&'a Code>,
    pub up: Up,
    /// The way here for the walk.
    pub path: Vec<Crumb>,
    /// The loop that `break` leaves.
    pub inside: Option<usize>,
    /// The value of its last expression is the function's.
    pub tail: bool,
}

pub enum Turns<'a> {
    Range { counter: Reg, slot: Slot },
    While(&'a Code),
}

pub struct Looped<'a> {
    pub turns: Turns<'a>,
    pub body: usize,
    /// Where it is left to; `None` ends the routine.
    pub after: Option<(usize, usize)>,
    pub path: Vec<Crumb>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    Stmt(usize, usize),
    Head(usize),
    Out,
}

/// What all units of a routine have in common.
pub struct Shared<'a> {
    pub interp: &'a Interp,
    pub vars: Vec<Var>,
    pub arrays: Vec<ArrayOf>,
    pub tuples: Vec<TupleOf>,
    pub callables: Vec<Value>,
    pub lanes: Vec<LaneCall>,
    pub stops: Vec<Stop>,
    pub exits: Vec<Vec<Ty>>,
    pub units: Vec<UnitOf>,
    /// The next free register of the frame that enters the machine.
    pub next: Reg,
    /// The registers of that frame where functions leave the items of tuples that they give.
    pub mail: Option<Reg>,
    pub depth: usize,
    /// Some unit was called before its result was known.
    pub early: bool,
}

/// A function for some types of arguments.
pub struct UnitOf {
    pub lambda: *const Lambda,
    pub args: Vec<Given>,
    pub result: Option<Given>,
    pub open: bool,
    pub insts: Vec<Inst>,
    pub regs: usize,
    pub consts: Vec<(u64, Reg)>,
}

/// One frame's code in the making.
pub struct Build<'a, 's> {
    pub sh: &'s mut Shared<'a>,
    /// `None` for the frame that enters the machine.
    pub unit: Option<usize>,
    pub insts: Vec<Inst>,
    pub stop_of: Vec<u32>,
    /// The stop of the statement that is being compiled.
    pub here: u32,
    labels: Vec<u32>,
    /// No instruction before this one may be taken back: something jumps here.
    pub barrier: usize,
    temps: Vec<Reg>,
    free: Vec<Reg>,
    /// The next free register of a unit's frame.
    pub next: Reg,
    /// A unit's parameters, and the items that it is given, which lie behind them and before its other variables.
    pub given: (usize, usize),
    pub consts: Vec<(u64, Reg)>,
    pub lists: Vec<List<'a>>,
    pub loops: Vec<Looped<'a>>,
    known: HashMap<usize, usize>,
    known_loops: HashMap<usize, usize>,
    points: HashMap<(Point, Vec<Ty>), Label>,
    queue: Vec<(Point, Vec<Ty>, Label)>,
    pub state: Vec<Ty>,
}

impl<'a> Shared<'a> {
    pub fn new(interp: &'a Interp) -> Shared<'a> {
        Shared {
            interp,
            vars: vec![],
            arrays: vec![],
            tuples: vec![],
            callables: vec![],
            lanes: vec![],
            stops: vec![],
            exits: vec![],
            units: vec![],
            next: 0,
            mail: None,
            depth: 0,
            early: false,
        }
    }

    /// The number of a variable of the interpreter.
    pub fn var(&mut self, slot: Slot) -> Option<usize> {
        if let Some(v) = self.vars.iter().position(|v| v.slot == slot) {
            return Some(v);
        }
        let entry = match self.interp.seen(slot)? {
            None => Ty::Unset,
            Some(v) => self.type_of(v),
        };
        if let Ty::Array(k) = entry {
            self.arrays[k as usize].var = self.vars.len();
        }
        let reg = self.next;
        self.next = self.next.checked_add(1)?;
        self.vars.push(Var { slot, entry, reg, assigned: false, pinned: false });
        Some(self.vars.len() - 1)
    }

    fn type_of(&mut self, v: &Value) -> Ty {
        if let Some((ty, _)) = ty::number(v) {
            return ty;
        }
        if let Some((dtype, place, rank)) = ty::array(v) {
            self.arrays.push(ArrayOf { var: 0, dtype, place, rank, written: false, used: false });
            return Ty::Array((self.arrays.len() - 1) as u16);
        }
        if let Some(items) = ty::numbers(v) {
            let items = items.into_iter().map(|(ty, _)| ty).collect();
            let var = self.vars.len();
            return self.tuple(None, var, items, |sh, n| sh.block(n)).unwrap_or(Ty::Other);
        }
        match v {
            Value::Function(_) | Value::Builtin(_) => {
                self.callables.push(v.clone());
                Ty::Callable((self.callables.len() - 1) as u16)
            }
            _ => Ty::Other,
        }
    }

    pub fn may_nest(&self) -> bool {
        self.depth < DEEPEST
    }
}

impl<'a, 's> Build<'a, 's> {
    pub fn new(sh: &'s mut Shared<'a>, unit: Option<usize>) -> Build<'a, 's> {
        Build {
            sh,
            unit,
            insts: vec![],
            stop_of: vec![],
            here: 0,
            labels: vec![],
            barrier: 0,
            temps: vec![],
            free: vec![],
            next: 0,
            given: (0, 0),
            consts: vec![],
            lists: vec![],
            loops: vec![],
            known: HashMap::new(),
            known_loops: HashMap::new(),
            points: HashMap::new(),
            queue: vec![],
            state: vec![],
        }
    }

    // Registers.

    /// A register that nothing else uses.
    pub fn fresh(&mut self) -> Option<Reg> {
        self.block(1)
    }

    /// So many registers in a row.
    pub fn block(&mut self, n: usize) -> Option<Reg> {
        if self.unit.is_none() {
            return self.sh.block(n);
        }
        let first = self.next;
        self.next = first.checked_add(u16::try_from(n).ok()?)?;
        Some(first)
    }

    /// A register until the statement ends.
    pub fn temp(&mut self) -> Option<Reg> {
        let reg = match self.free.pop() {
            Some(reg) => reg,
            None => self.fresh()?,
        };
        self.temps.push(reg);
        Some(reg)
    }

    pub fn is_temp(&self, reg: Reg) -> bool {
        self.temps.contains(&reg)
    }

    pub fn end_temps(&mut self) {
        self.free.append(&mut self.temps);
    }

    pub fn constant(&mut self, bits: u64) -> Option<Reg> {
        if let Some((_, reg)) = self.consts.iter().find(|(b, _)| *b == bits) {
            return Some(*reg);
        }
        let reg = self.fresh()?;
        self.consts.push((bits, reg));
        Some(reg)
    }

    pub fn regs(&self) -> usize {
        if self.unit.is_some() { self.next as usize } else { self.sh.next as usize }
    }

    // Instructions and labels.

    pub fn emit(&mut self, inst: Inst) {
        self.insts.push(inst);
        self.stop_of.push(self.here);
    }

    /// Takes back what a statement that cannot be compiled left.
    pub fn cut(&mut self, to: usize) {
        self.insts.truncate(to);
        self.stop_of.truncate(to);
    }

    pub fn label(&mut self) -> Label {
        self.labels.push(UNBOUND);
        (self.labels.len() - 1) as Label
    }

    pub fn bind(&mut self, label: Label) {
        self.labels[label as usize] = self.insts.len() as u32;
        self.barrier = self.insts.len();
    }

    /// The state of a statement, to stop at.
    pub fn stop_at(&mut self, place: Vec<Crumb>) {
        if self.unit.is_none() {
            self.sh.stops.push(Stop { place, types: self.state.clone() });
            self.here = (self.sh.stops.len() - 1) as u32;
        }
    }

    // Points.

    /// The list of statements of some node of the tree, met before or not.
    pub fn list(&mut self, of: usize, make: impl FnOnce() -> List<'a>) -> usize {
        if let Some(&known) = self.known.get(&of) {
            return known;
        }
        self.lists.push(make());
        self.known.insert(of, self.lists.len() - 1);
        self.lists.len() - 1
    }

    /// The loop of some node of the tree, if it was met before.
    pub fn loop_of(&self, of: usize) -> Option<usize> {
        self.known_loops.get(&of).copied()
    }

    pub fn add_loop(&mut self, of: usize, new: Looped<'a>) -> usize {
        self.loops.push(new);
        self.known_loops.insert(of, self.loops.len() - 1);
        self.loops.len() - 1
    }

    /// The types as they are, without those at the end that variables were entered with.
    fn canonical(&self, mut types: Vec<Ty>) -> Vec<Ty> {
        while let Some(last) = types.last()
            && self.unit.is_none()
            && self.sh.vars[types.len() - 1].entry == *last
        {
            types.pop();
        }
        types
    }

    /// The label of a point for the types of now.
    pub fn at(&mut self, point: Point) -> Label {
        let types = self.canonical(self.state.clone());
        if let Some(&label) = self.points.get(&(point, types.clone())) {
            return label;
        }
        let label = self.label();
        self.points.insert((point, types.clone()), label);
        self.queue.push((point, types, label));
        label
    }

    /// The label of a point, if it was compiled for the types of now.
    pub fn bound(&self, point: Point) -> Option<Label> {
        let types = self.canonical(self.state.clone());
        let label = *self.points.get(&(point, types))?;
        (self.labels[label as usize] != UNBOUND).then_some(label)
    }

    pub fn is_long(&self) -> bool {
        self.insts.len() > LONGEST
    }

    /// Binds a point here if nothing was compiled for it yet.
    pub fn settle(&mut self, point: Point) -> bool {
        let label = self.at(point);
        if self.labels[label as usize] != UNBOUND {
            return false;
        }
        self.bind(label);
        true
    }

    /// Compiles until no point is left.
    pub fn drain(&mut self) -> Option<()> {
        while let Some((point, types, label)) = self.queue.pop() {
            if self.labels[label as usize] != UNBOUND {
                continue;
            }
            self.bind(label);
            self.state = types;
            self.go_on(point)?;
        }
        Some(())
    }

    /// Compiles a list of statements and all that is reached from it.
    pub fn start(&mut self, list: List<'a>) -> Option<()> {
        self.lists.push(list);
        self.begin(Point::Stmt(self.lists.len() - 1, 0))
    }

    pub fn begin(&mut self, point: Point) -> Option<()> {
        self.at(point);
        self.drain()
    }

    /// What a variable holds now.
    pub fn type_of(&self, var: usize) -> Ty {
        match self.state.get(var) {
            Some(ty) => *ty,
            None if self.unit.is_some() => Ty::Unset,
            None => self.sh.vars[var].entry,
        }
    }

    pub fn set_type(&mut self, var: usize, ty: Ty) {
        while self.state.len() <= var {
            let next = self.type_of(self.state.len());
            self.state.push(next);
        }
        self.state[var] = ty;
    }

    /// Labels become places, counted from `start`.
    pub fn patched(&mut self, start: u32) -> Option<Vec<Inst>> {
        let labels = std::mem::take(&mut self.labels);
        let mut insts = std::mem::take(&mut self.insts);
        for inst in &mut insts {
            if let Some(to) = inst.target() {
                *to = match labels[*to as usize] {
                    UNBOUND => return None,
                    at => at + start,
                };
            }
        }
        Some(insts)
    }
}

impl Inst {
    /// Where it may go.
    pub fn target(&mut self) -> Option<&mut Label> {
        use Inst::*;
        match self {
            Jump { to }
            | Again { to }
            | If { to, .. }
            | Unless { to, .. }
            | IfLessI { to, .. }
            | IfLessEqualI { to, .. }
            | IfEqual { to, .. }
            | IfNotEqual { to, .. }
            | IfLessK { to, .. }
            | IfLessEqualK { to, .. }
            | IfGreaterK { to, .. }
            | IfGreaterEqualK { to, .. }
            | IfEqualK { to, .. }
            | IfNotEqualK { to, .. }
            | IfLessF { to, .. }
            | IfLessEqualF { to, .. }
            | UnlessLessF { to, .. }
            | UnlessLessEqualF { to, .. }
            | IfEqualF { to, .. }
            | IfNotEqualF { to, .. }
            | Turn { to, .. }
            | TurnBack { to, .. } => Some(to),
            _ => None,
        }
    }
}

/// Puts the pieces together: the entering frame's code, then the units'.
pub fn finished(sh: Shared, mut insts: Vec<Inst>, mut stop_of: Vec<u32>, consts: Vec<(u64, Reg)>) -> Option<Routine> {
    if sh.vars.iter().any(|v| v.assigned && v.pinned) {
        return None;
    }
    let mut units = vec![];
    for mut unit in sh.units {
        let start = insts.len() as u32;
        for inst in &mut unit.insts {
            if let Some(to) = inst.target() {
                *to += start;
            }
        }
        insts.append(&mut unit.insts);
        stop_of.resize(insts.len(), 0);
        let is_float = |ty: &Ty| ty.dtype() == Some(DType::F64);
        let alone = |given: &Given| matches!(given, Given::One(ty) if is_float(ty));
        let items = unit.args.iter().flat_map(|given| given.items());
        let floats: Vec<bool> = unit.args.iter().map(alone).chain(items.map(is_float)).collect();
        let gives = unit.result.as_ref();
        units.push(Unit {
            start,
            regs: unit.regs,
            params: floats.len(),
            consts: unit.consts,
            floats,
            float: gives.is_some_and(alone),
            items: gives.map_or(&[][..], |given| given.items()).iter().map(is_float).collect(),
        });
    }
    Some(Routine {
        insts,
        stop_of,
        stops: sh.stops,
        exits: sh.exits,
        vars: sh.vars,
        arrays: sh.arrays,
        tuples: sh.tuples,
        callables: sh.callables.iter().filter_map(Known::of).collect(),
        lanes: sh.lanes,
        units,
        consts,
        regs: sh.next as usize,
        counter: None,
        call: None,
        mail: sh.mail.unwrap_or(0),
        native: Native::default(),
    })
}
