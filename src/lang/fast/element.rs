//! Elements of arrays, read and written by plain ints.
//!
//! An array is looked up once, when the machine is entered: where its memory is, its sizes and strides. One that is
//! written to is taken out of its variable first, so that it can be changed in place.

use super::build::Build;
use super::expr::Val;
use super::inst::*;
use super::ty::Ty;
use crate::base::DType;
use crate::lang::code::*;
use crate::lang::index::position;
use crate::lang::value::Value;

impl<'a> Build<'a, '_> {
    /// `x[i]`, `x[i, j]`, `x[i][j]`
    pub fn read_element(&mut self, x: &'a Index, want: Option<Reg>) -> Option<Val> {
        if let Some(items) = self.items_of(&x.x) {
            // Which item it is has to be known: they may be of different types.
            let [Subscript::At(Code { node: Node::Const(Value::Int(k)), .. })] = &*x.items else { return None };
            return items.get(position(*k, items.len(), 0, "").ok()?).copied();
        }
        let (array, items) = match &x.x.node {
            Node::Field(of, name) if &**name == "shape" => return self.axis(of, &x.items, want),
            Node::Index(outer) => {
                let [Subscript::At(_)] = &*outer.items else { return None };
                (self.array_of(&outer.x)?, outer.items.iter().chain(x.items.iter()).collect::<Vec<_>>())
            }
            _ => (self.array_of(&x.x)?, x.items.iter().collect()),
        };
        let (i, j) = self.subscripts(array, &items)?;
        self.load(array, i, j, want)
    }

    /// `x.size`, `x.ndim`
    pub fn property(&mut self, of: &'a Code, name: &str, want: Option<Reg>) -> Option<Val> {
        let array = self.array_of(of)?;
        match name {
            "ndim" => Some(Val::Int(self.sh.arrays[array as usize].rank as i64)),
            "size" => {
                let d = self.dest(want)?;
                self.emit(Inst::Length { d, array, axis: 2 });
                Some(Val::Reg(d, Ty::Int))
            }
            _ => None,
        }
    }

    /// `x.shape[0]`
    fn axis(&mut self, of: &'a Code, items: &[Subscript], want: Option<Reg>) -> Option<Val> {
        let [Subscript::At(Code { node: Node::Const(Value::Int(k)), .. })] = items else { return None };
        let array = self.array_of(of)?;
        let axis = position(*k, self.sh.arrays[array as usize].rank, 0, "").ok()? as u16;
        let d = self.dest(want)?;
        self.emit(Inst::Length { d, array, axis });
        Some(Val::Reg(d, Ty::Int))
    }

    /// `x[i] = v`, `x[i] += v`
    pub fn write_element(&mut self, path: &'a Path, code: &'a Code) -> Option<()> {
        if self.unit.is_some() {
            return None;
        }
        let v = self.expr(code, None)?;
        let (array, i, j) = self.place_of(path)?;
        let v = match path.update {
            None => v,
            Some((op, prim)) => {
                let old = self.load(array, i, j, None)?;
                self.binary(op, prim, old, v, None)?
            }
        };
        let v = self.fitted(array, v)?;
        self.store(array, i, j, v);
        Some(())
    }

    /// `x[i], x[j] = x[j], x[i]`
    pub fn write_elements(&mut self, targets: &'a [Target], code: &'a Code) -> Option<()> {
        if self.unit.is_some() {
            return None;
        }
        let values = self.items(code, |build, _| build.temp())?;
        if values.len() != targets.len() {
            return None;
        }
        let mut stores = vec![];
        for (target, (reg, ty)) in targets.iter().zip(values) {
            let Target::Path(path) = target else { return None };
            // The walk works out where a value goes after the ones before it have gone: no index may ask for them.
            let plain = |s: &Subscript| matches!(s, Subscript::At(code) if is_plain(code));
            let all_plain = |step: &Step| matches!(step, Step::Index(some, _) if some.iter().all(plain));
            if path.update.is_some() || !path.steps.iter().all(all_plain) {
                return None;
            }
            let (array, i, j) = self.place_of(path)?;
            stores.push((array, i, j, self.fitted(array, Val::Reg(reg, ty))?));
        }
        // What stops does so before anything is written.
        for &(array, i, j, _) in &stores {
            self.load(array, i, j, None)?;
        }
        for (array, i, j, v) in stores {
            self.store(array, i, j, v);
        }
        Some(())
    }

    /// The array and the indices of an element that is assigned.
    fn place_of(&mut self, path: &'a Path) -> Option<(u16, Reg, Option<Reg>)> {
        let array = self.array_of(&path.read)?;
        let mut items = vec![];
        for step in &path.steps {
            let Step::Index(some, _) = step else { return None };
            if path.steps.len() > 1 && some.len() != 1 {
                return None;
            }
            items.extend(some.iter());
        }
        let (i, j) = self.subscripts(array, &items)?;
        Some((array, i, j))
    }

    /// The number of the array that a variable holds.
    pub fn array_of(&mut self, code: &'a Code) -> Option<u16> {
        let ty = match &code.node {
            Node::Local(i, _) if self.unit.is_some() => self.type_of(*i as usize),
            Node::Local(i, _) => {
                let var = self.sh.var(Slot::Local(*i))?;
                self.type_of(var)
            }
            Node::Global(slot, _) => {
                let var = self.sh.var(Slot::Global(*slot))?;
                if self.unit.is_some() { self.outer_type(var) } else { self.type_of(var) }
            }
            _ => return None,
        };
        let Ty::Array(k) = ty else { return None };
        self.sh.arrays[k as usize].used = true;
        Some(k)
    }

    /// One plain int for every axis.
    fn subscripts(&mut self, array: u16, items: &[&'a Subscript]) -> Option<(Reg, Option<Reg>)> {
        if items.len() != self.sh.arrays[array as usize].rank {
            return None;
        }
        let mut regs = vec![];
        for item in items {
            let Subscript::At(code) = item else { return None };
            regs.push(self.index_of(code)?);
        }
        match regs[..] {
            [i] => Some((i, None)),
            [i, j] => Some((i, Some(j))),
            _ => None,
        }
    }

    fn load(&mut self, array: u16, i: Reg, j: Option<Reg>, want: Option<Reg>) -> Option<Val> {
        let (dtype, place) = (self.sh.arrays[array as usize].dtype, self.sh.arrays[array as usize].place);
        let d = self.dest(want)?;
        self.emit(match (dtype.size(), j) {
            (8, None) => Inst::Load8 { d, array, i },
            (4, None) => Inst::Load4 { d, array, i },
            (_, None) => Inst::Load1 { d, array, i },
            (8, Some(j)) => Inst::Load8At { d, array, i, j },
            (4, Some(j)) => Inst::Load4At { d, array, i, j },
            (_, Some(j)) => Inst::Load1At { d, array, i, j },
        });
        Some(Val::Reg(d, Ty::Strong(dtype, place)))
    }

    /// A number as an element of an array.
    fn fitted(&mut self, array: u16, v: Val) -> Option<Reg> {
        let dtype = self.sh.arrays[array as usize].dtype;
        let from = self.type_in(v).dtype()?;
        // What would lose something, and ints to f32, which are rounded once and not twice, are the walk's.
        if from.kind() > dtype.kind() || (from == DType::I64 && dtype == DType::F32) {
            return None;
        }
        self.as_dtype(v, dtype)
    }

    fn store(&mut self, array: u16, i: Reg, j: Option<Reg>, v: Reg) {
        let dtype = self.sh.arrays[array as usize].dtype;
        self.sh.arrays[array as usize].written = true;
        self.emit(match (dtype.size(), j) {
            (8, None) => Inst::Store8 { array, i, v },
            (4, None) => Inst::Store4 { array, i, v },
            (_, None) => Inst::Store1 { array, i, v },
            (8, Some(j)) => Inst::Store8At { array, i, j, v },
            (4, Some(j)) => Inst::Store4At { array, i, j, v },
            (_, Some(j)) => Inst::Store1At { array, i, j, v },
        });
    }
}

/// Whether an index is made of numbers and variables alone.
fn is_plain(code: &Code) -> bool {
    match &code.node {
        Node::Const(_) | Node::Local(..) | Node::Global(..) => true,
        Node::Binary(b) => is_plain(&b.a) && is_plain(&b.b),
        Node::Unary(u) => is_plain(&u.x),
        _ => false,
    }
}
