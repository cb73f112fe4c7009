//! Gradients that the language itself computes: `custom_grad`, and `checkpoint`, which computes f again.
//!
//! A node of its own holds the result and the arguments; its formula calls back into the interpreter. The formula is a
//! plain function, so the interpreter is lent to it: whoever walks a tape back puts it on a shelf for that time.

use std::cell::RefCell;
use std::rc::Rc;

use super::functions::must_be_callable;
use super::leaves::{arrays, map_arrays, rebuild};
use crate::base::{Fault, Result, counted};
use crate::graph::prim::Default;
use crate::graph::{Attr, Back, Body, Expr, Marks, Param, ParamKind, Prim, Types, Vjp, alias, apply, engine};
use crate::lang::code::FormKind;
use crate::lang::eval::equal;
use crate::lang::function::Function;
use crate::lang::interp::{Interp, Random};
use crate::lang::value::Value;

thread_local! {
    /// The interpreter, while a tape is walked back.
    static SHELF: RefCell<Option<Interp>> = const { RefCell::new(None) };
    static RULES: RefCell<Vec<Rule>> = const { RefCell::new(Vec::new()) };
}

/// How the gradient of one kind of node is computed.
struct Rule {
    how: How,
    /// The structures of arguments met so far; a node says which is its own.
    structures: Vec<Value>,
}

#[derive(Clone)]
enum How {
    /// Calls this function with the cotangent and the arguments.
    Backward(Value),
    /// Runs this function again, and walks its tape back.
    Again(Value),
}

/// The result, and the arguments that its gradient is computed from: ins = [y, arguments…].
static CUSTOM: Prim = Prim {
    name: "custom",
    params: &[
        Param { name: "y", kind: ParamKind::Array, default: Default::Required },
        Param { name: "rule", kind: ParamKind::Int, default: Default::Required },
        Param { name: "structure", kind: ParamKind::Int, default: Default::Required },
        Param { name: "calls", kind: ParamKind::Int, default: Default::Required },
    ],
    doc: "",
    dtype: |c| Ok(Types { ins: c.ins.iter().map(|e| e.dtype()).collect(), out: c.ins[0].dtype() }),
    shape: |c| Ok(c.ins[0].shape().clone()),
    body: Body::View(|layout, _, _| Some(layout.clone())),
    vjp: Vjp::Formula(back),
    rule: crate::graph::prim::Rule::Words("each argument gets what backward gives"),
};

/// Runs `f` with the interpreter on the shelf.
pub fn lend<R>(interp: &mut Interp, f: impl FnOnce() -> R) -> R {
    let outer = SHELF.with(|s| s.borrow_mut().replace(std::mem::take(interp)));
    let result = f();
    if let Some(back) = SHELF.with(|s| std::mem::replace(&mut *s.borrow_mut(), outer)) {
        *interp = back;
    }
    result
}

/// f with `backward` as its gradient.
pub fn custom_grad(f: &Value, backward: &Value) -> Result<Value> {
    must_be_callable(f, 0)?;
    must_be_callable(backward, 1)?;
    let rule = new_rule(How::Backward(backward.clone()));
    let f = f.clone();
    Ok(Function::made("custom_grad", move |interp, args| {
        let cut = stopped(&args)?;
        let y = interp.call(&f, cut)?;
        let calls = interp.random.calls;
        node(&y, &Value::tuple(args), rule, calls)
    }))
}

/// f(args), computed again when its gradient is.
pub fn checkpoint(interp: &mut Interp, f: &Value, args: &Rc<Vec<Value>>) -> Result<Value> {
    must_be_callable(f, 0)?;
    let before = interp.random;
    let y = interp.call(f, stopped(args)?)?;
    if !crate::graph::tape::recording() {
        return Ok(y);
    }
    let kept = arrays(&y)?.iter().any(|e| e.node().marks.live());
    if kept || y.to_expr().is_err() {
        // It reads other variables, or returns several arrays: the plain tape knows the way back.
        interp.random = before;
        return interp.call(f, args.to_vec());
    }
    let rule = rule_of(f);
    node(&y, &Value::Tuple(args.clone()), rule, before.calls)
}

fn new_rule(how: How) -> usize {
    RULES.with(|rules| {
        let mut rules = rules.borrow_mut();
        rules.push(Rule { how, structures: vec![] });
        rules.len() - 1
    })
}

/// One rule per function that is run again.
fn rule_of(f: &Value) -> usize {
    let known = RULES.with(|rules| {
        rules.borrow().iter().position(|r| matches!(&r.how, How::Again(g) if equal(f, g).unwrap_or(false)))
    });
    known.unwrap_or_else(|| new_rule(How::Again(f.clone())))
}

/// Arguments that no derivative follows.
fn stopped(args: &[Value]) -> Result<Vec<Value>> {
    args.iter()
        .map(|v| {
            map_arrays(v, &mut |e| Ok(alias(e, Marks::default())))
                .map(|cut| if v.is_number() { v.clone() } else { cut })
        })
        .collect()
}

/// The node that stands for the call.
fn node(y: &Value, args: &Value, rule: usize, calls: u64) -> Result<Value> {
    let inputs = arrays(args)?;
    if !inputs.iter().any(|e| e.node().marks.live()) {
        return Ok(y.clone());
    }
    let e = &y.to_expr().map_err(|_| {
        Fault::new(format!("a function with a gradient of its own must return one array, found {}", y.article()))
    })?;
    // Computed now: the node is then realised from the start, and no plan ever meets it.
    engine::force(std::slice::from_ref(e))?;
    let mut ins = vec![alias(e, Marks::default())];
    ins.extend(inputs);
    let hollow = rebuild_hollow(args)?;
    let structure = RULES.with(|rules| {
        let structures = &mut rules.borrow_mut()[rule].structures;
        let known = structures.iter().position(|s| equal(s, &hollow).unwrap_or(false));
        known.unwrap_or_else(|| {
            structures.push(hollow);
            structures.len() - 1
        })
    });
    let attrs = [rule as i64, structure as i64, calls as i64].into_iter().map(Attr::Int).collect();
    apply(&CUSTOM, &ins, attrs).map(Value::Array)
}

/// The structure with 0.0 for every array in it.
fn rebuild_hollow(args: &Value) -> Result<Value> {
    Ok(match args {
        Value::Tuple(t) => Value::tuple(t.iter().map(rebuild_hollow).collect::<Result<_>>()?),
        Value::Record(r) => {
            let fields: Result<Vec<_>> = r.fields().iter().map(|(n, v)| Ok((n.clone(), rebuild_hollow(v)?))).collect();
            Value::record(fields?)
        }
        v if arrays(v)?.is_empty() => v.clone(),
        _ => Value::Float(0.0),
    })
}

/// The formula: asks the language.
fn back(b: &Back) -> Vec<Option<Expr>> {
    let Some(mut interp) = SHELF.with(|s| s.borrow_mut().take()) else {
        return vec![Some(Expr::broken(Fault::new("internal: no interpreter for a custom gradient")))];
    };
    let found = cotangents(&mut interp, b);
    SHELF.with(|s| *s.borrow_mut() = Some(interp));
    let mut out = vec![None];
    match found {
        Ok(parts) => out.extend(parts.into_iter().map(Some)),
        Err(fault) => out.extend(b.ins[1..].iter().map(|_| Some(Expr::broken(fault.clone())))),
    }
    out
}

fn cotangents(interp: &mut Interp, b: &Back) -> Result<Vec<Expr>> {
    let at = |k: usize| b.attrs[k].as_int() as usize;
    let rule = RULES.with(|rules| {
        let rules = rules.borrow();
        let rule = rules.get(at(0))?;
        Some((rule.how.clone(), rule.structures.get(at(1))?.clone()))
    });
    let Some((how, hollow)) = rule else { return Err(Fault::new("internal: a custom gradient lost its rule")) };
    let args = refill(&hollow, &mut b.ins[1..].iter().cloned().map(Value::Array));
    let args = args.to_tuple()?.to_vec();
    let given = match how {
        How::Backward(f) => {
            let mut all = vec![Value::Array(b.g.clone())];
            let single = args.len() == 1;
            all.extend(args);
            let found = interp.call(&f, all)?;
            if single { Value::tuple(vec![found]) } else { found }
        }
        How::Again(f) => {
            let now = interp.random;
            interp.random = Random { calls: b.attrs[2].as_int() as u64, ..now };
            let spread = Function::made("checkpoint", move |interp, mut packed| {
                let args = packed.pop().unwrap_or(Value::None);
                interp.call(&f, args.to_tuple()?.to_vec())
            });
            let g = Value::Array(b.g.clone());
            let done = interp.derive_function(FormKind::Vjp, spread, vec![Value::tuple(args), g]);
            interp.random = now;
            done?
        }
    };
    let parts = arrays(&given)?;
    if parts.len() != b.ins.len() - 1 {
        let what = format!(
            "the custom gradient must give {}, one per argument, found {}",
            counted(b.ins.len() - 1, "array"),
            parts.len()
        );
        return Err(Fault::new(what));
    }
    Ok(parts)
}

/// The structure with its arrays back in; what is no array is as it was.
fn refill(hollow: &Value, parts: &mut dyn Iterator<Item = Value>) -> Value {
    match hollow {
        Value::Tuple(t) => Value::tuple(t.iter().map(|v| refill(v, parts)).collect()),
        Value::Record(r) => Value::record(r.fields().iter().map(|(n, v)| (n.clone(), refill(v, parts))).collect()),
        Value::Float(_) => rebuild(hollow, parts),
        v => v.clone(),
    }
}
