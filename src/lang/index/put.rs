//! `x[…] = v`: in place where nothing else holds the memory, by primitives where a derivative records it.
//!
//! The array comes in by value, so that the caller's hold on it is gone, and goes out changed, or as it was if the
//! assignment fails: all checks come before the first write.

use std::sync::Arc;

use super::basic::{Looks, Plan, Step, is_away, own, plan, stays_away};
use super::fancy::{self, Pick};
use super::{Sub, Subs, VALUE, Value, one_bool};
use crate::base::{Buffer, DType, Elem, Fault, Half, Host, Kind, Layout, Result, Shape, copy_slice};
use crate::device;
use crate::graph::{Attrs, Data, Expr, apply, cast, engine, from_bits};
use crate::ops;
use crate::plan::write::write;

/// The array with `v` at the subscripts, and whether that went well.
pub fn put(e: Expr, subs: &Subs, v: &Value) -> (Expr, Result<()>) {
    match one_bool(subs) {
        Ok(None) => {}
        Ok(Some((_, false))) => return (e, Ok(())),
        Ok(Some((at, true))) => {
            let mut subs = subs.clone();
            subs[at] = Sub::New;
            return put(e, &subs, v);
        }
        Err(fault) => return (e, Err(fault)),
    }
    if let Some(bits) = plain_bits(v, e.dtype()) {
        let e = match put_number(e, subs, bits) {
            Ok(e) => return (e, Ok(())),
            Err(e) => e,
        };
        return put_any(e, subs, v);
    }
    put_any(e, subs, v)
}

/// The bits of a plain number in a dtype that takes it.
fn plain_bits(v: &Value, dtype: DType) -> Option<u64> {
    use crate::graph::bits_of;
    Some(match (v, dtype) {
        (Value::Float(x), DType::F64) => bits_of(*x),
        (Value::Float(x), DType::F32) => bits_of(*x as f32),
        (Value::Float(x), DType::F16) => bits_of(Half::from_f64(*x)),
        (Value::Int(i), DType::F16) => bits_of(Half::from_i64(*i)),
        (Value::Int(i), DType::F64) => bits_of(*i as f64),
        (Value::Int(i), DType::F32) => bits_of(*i as f32),
        (Value::Int(i), DType::I64) => bits_of(*i),
        (Value::Bool(b), DType::Bool) => bits_of(*b),
        // The number that x[i] + 1 is: a node, but nobody's variable.
        (Value::Array(e), _) if e.rank() == 0 && e.dtype() == dtype && !e.node().marks.live() => match e.data() {
            Some(Data::Number(bits)) => *bits,
            _ => return None,
        },
        _ => return None,
    })
}

/// One number at plain ints, in place; the array comes back if this is not such a case.
fn put_number(e: Expr, subs: &Subs, bits: u64) -> Result<Expr, Expr> {
    if subs.len() != e.rank() || e.node().marks.live() || stays_away(&e) {
        return Err(e);
    }
    let Some(Data::Buffer(buffer, layout)) = e.data() else { return Err(e) };
    // What cannot be had has a fault that the general way tells.
    if buffer.fetch().is_err() {
        return Err(e);
    }
    let mut at = layout.offset as isize;
    for (k, sub) in subs.iter().enumerate() {
        let n = layout.shape[k] as i64;
        match sub {
            Sub::Int(i) if (-n..n).contains(i) => at += (if *i < 0 { i + n } else { *i }) as isize * layout.strides[k],
            _ => return Err(e),
        }
    }
    let (dtype, place) = (e.dtype(), e.place());
    let (mut buffer, layout) = e.into_own_buffer()?;
    if let Some(buffer) = Arc::get_mut(&mut buffer) {
        crate::dispatch!(dtype, T => buffer.as_mut_slice::<T>()[at as usize] = from_bits::<T>(bits));
    }
    Ok(Expr::from_host(Host { dtype, layout, buffer }, place))
}

fn put_any(e: Expr, subs: &Subs, v: &Value) -> (Expr, Result<()>) {
    // What is only on a device is changed there.
    let away = is_away(&e);
    let ready = plan(subs, e.shape(), if away { Looks::Put } else { Looks::Host })
        .and_then(|plan| Ok((plan, value_for(&e, v)?)));
    let (plan, v) = match ready {
        Ok(ready) => ready,
        Err(fault) => return (e, Err(fault)),
    };
    let unseen = engine::is_blind() && !(e.is_realised() && v.is_realised());
    let recorded = e.node().marks.live() || v.node().marks.live() || unseen;
    let done = match plan.has_arrays() {
        true => put_picked(e, &plan, &v, recorded || away),
        false if !recorded && stays_away(&e) => put_away(e, &plan, &v),
        false => put_view(e, &plan, &v, recorded),
    };
    match done {
        Ok(e) => (e, Ok(())),
        Err((e, fault)) => (e, Err(fault)),
    }
}

/// The value in the array's dtype, if that loses nothing of its kind.
fn value_for(e: &Expr, v: &Value) -> Result<Expr> {
    let value = v.to_expr().map_err(|f| f.side(VALUE, format!("a part of {}", e.type_name())))?;
    let (from, to) = (value.dtype(), e.dtype());
    let whole = matches!(v, Value::Float(x) if *x == x.trunc() && x.abs() < 9.2e18);
    let fits =
        from.kind() <= to.kind() && (to != DType::Bool || from == DType::Bool) || (whole && to.kind() == Kind::Int);
    if !fits {
        let kind = v.type_name();
        let fault = Fault::new(format!("{kind} cannot be put into an array of {to} without losing what it says"))
            .side(VALUE, format!("a part of {}", e.type_name()));
        return Err(match to.kind() {
            Kind::Bool => fault.hint("compare it: v != 0"),
            _ => fault.hint(format!("convert the array first, x = {from}(x), or the value: {to}(v)")),
        });
    }
    cast(&value, to)
}

fn check_fit(v: &Expr, part: &Shape) -> Result<()> {
    if v.shape().broadcast(part).as_ref() == Some(part) {
        return Ok(());
    }
    // Leading axes of size 1 may be dropped, as NumPy does.
    let fault = Fault::new(format!("a value of shape {} does not fit the part of shape {part}", v.shape()));
    Err(match (part.rank(), v.rank()) {
        (0, _) => fault.side(VALUE, "is the place of one number").hint("a slice has places for several: x[i:j] = v"),
        (1, 2..) if v.size() == part.size() => {
            fault.side(VALUE, format!("has shape {part}")).hint("flatten the value: ravel(v)")
        }
        _ => fault.side(VALUE, format!("has shape {part}")),
    })
}

/// Slices and ints, of an array on a device: in place if nobody else has it, else in a copy that is made there.
fn put_away(e: Expr, plan: &Plan, v: &Expr) -> Result<Expr, (Expr, Fault)> {
    let ready = check_fit(v, &plan.shape()).and_then(|()| v.force().map(|_| ())).and_then(|()| e.force().map(|_| ()));
    if let Err(fault) = ready {
        return Err((e, fault));
    }
    let (dtype, place, shape) = (e.dtype(), e.place(), e.shape().clone());
    let made =
        |buffer: Arc<Buffer>, layout: Layout| Expr::realised(Data::Buffer(buffer, layout), shape.clone(), dtype, place);
    let number = place.device();
    let (buffer, layout) = match e.into_own_buffer() {
        Ok((buffer, layout)) => match device::of(number).and_then(|d| d.claim(&buffer)) {
            Ok(claimed) => (claimed, layout),
            Err(fault) => return Err((made(buffer, layout), fault)),
        },
        Err(e) => {
            let layout = Layout::contiguous(shape.clone());
            let fresh = device::of(number).and_then(|d| d.alloc(shape.size() * dtype.size()));
            match fresh.and_then(|buffer| Ok((write(number, &buffer, dtype, &layout, &e)?, buffer))) {
                Ok((true, buffer)) => (buffer, layout),
                Ok((false, _)) => return put_view(e, plan, v, false),
                Err(fault) => return Err((e, fault)),
            }
        }
    };
    let written = write(number, &buffer, dtype, &plan.view(&layout), v);
    let e = made(buffer, layout);
    match written {
        Ok(true) => Ok(e),
        Ok(false) => put_view(e, plan, v, false),
        Err(fault) => Err((e, fault)),
    }
}

/// Slices and ints.
fn put_view(e: Expr, plan: &Plan, v: &Expr, recorded: bool) -> Result<Expr, (Expr, Fault)> {
    let part = plan.shape();
    if let Err(fault) = check_fit(v, &part) {
        return Err((e, fault));
    }
    if recorded {
        // Axes that ints took come back at size 1, new ones go.
        let kept: Shape = plan.axes().map(|(_, s)| if let Step::Slice { n, .. } = s { *n } else { 1 }).collect();
        let stretched = ops::reshape(&ops::broadcast_to(v, &part), &kept);
        let out = place_axes(&e, plan, &stretched, 0);
        return match out.fault() {
            Some(fault) => Err((e, fault)),
            None => Ok(out),
        };
    }
    let value = match v.host() {
        Ok(host) => host.layout.broadcast(&part),
        Err(fault) => return Err((e, fault)),
    };
    let source = match v.host() {
        Ok(host) => host.buffer,
        Err(fault) => return Err((e, fault)),
    };
    let (mut buffer, layout, dtype, place) = own(e)?;
    if let Some(buffer) = Arc::get_mut(&mut buffer) {
        let target = plan.view(&layout);
        crate::dispatch!(dtype, T => copy_into::<T>(buffer, &target, &source, &value));
    }
    Ok(Expr::from_host(Host { dtype, layout, buffer }, place))
}

/// The array with v put at the planned part, axis by axis from the first on.
fn place_axes(e: &Expr, plan: &Plan, v: &Expr, from: usize) -> Expr {
    let cut = plan.axes().skip(from).find_map(|(axis, step)| match step {
        Step::Slice { start, n, step } if (*start, *n, *step) == (0, e.shape()[axis], 1) => None,
        Step::Slice { start, n, step } => Some((axis, *start, *n, *step)),
        Step::Int(i) => Some((axis, *i, 1, 1)),
        _ => None,
    });
    let Some((axis, start, n, step)) = cut else { return v.clone() };
    let part = ops::slice(e, axis, start, n, step);
    ops::place(e, &place_axes(&part, plan, v, axis + 1), axis, start, step)
}

/// Arrays among the subscripts.
fn put_picked(e: Expr, plan: &Plan, v: &Expr, recorded: bool) -> Result<Expr, (Expr, Fault)> {
    let pick = match fancy::pick(plan) {
        Ok(pick) => pick,
        Err(fault) => return Err((e, fault)),
    };
    let cut_plan = Plan {
        steps: plan
            .axes()
            .map(|(axis, step)| match step {
                Step::Slice { start, n, step } => Step::Slice { start: *start, n: *n, step: *step },
                _ => Step::Slice { start: 0, n: e.shape()[axis], step: 1 },
            })
            .collect(),
        gap: None,
    };
    let part = pick.shape(&cut_plan.shape());
    if let Err(fault) = check_fit(v, &part) {
        return Err((e, fault));
    }
    if recorded {
        let out = scatter(&e, plan, &cut_plan, &pick, v, &part);
        return match out {
            Ok(out) => Ok(out),
            Err(fault) => Err((e, fault)),
        };
    }
    let ready = v.host().and_then(|host| Ok((host, pick.positions()?)));
    let (host, positions) = match ready {
        Ok(ready) => ready,
        Err(fault) => return Err((e, fault)),
    };
    let (mut buffer, layout, dtype, place) = own(e)?;
    if let Some(buffer) = Arc::get_mut(&mut buffer) {
        let cut = cut_plan.view(&layout);
        // The value's axes in the order B…, rest….
        let stretched = host.layout.broadcast(&part);
        let olds: Vec<usize> = (0..pick.dims.len()).filter(|&k| pick.dims[k] != fancy::Dim::New).collect();
        let order: Vec<usize> = pick.order().into_iter().map(|k| olds[k]).collect();
        let value = stretched.permute(&order);
        crate::dispatch!(dtype, T => scatter_into::<T>(buffer, &cut, &pick, &positions, &host.buffer, &value));
    }
    Ok(Expr::from_host(Host { dtype, layout, buffer }, place))
}

/// By primitives: scatter into the cut part, and put the part back.
fn scatter(e: &Expr, plan: &Plan, cut_plan: &Plan, pick: &Pick, v: &Expr, part: &Shape) -> Result<Expr> {
    let cut = fancy::slices_only(e, plan);
    let stretched = ops::broadcast_to(v, part);
    let without_new: Shape = (0..part.rank()).filter(|&k| pick.dims[k] != fancy::Dim::New).map(|k| part[k]).collect();
    let values = ops::permute_dims(&ops::reshape(&stretched, &without_new), &pick.order()[..]);
    let mut ins = vec![fancy::to_front(&cut, pick), values];
    ins.extend(fancy::indices(pick));
    let put = apply(&ops::SCATTER, &ins, Attrs::new())?;
    // The indexed axes back to their places.
    let order: Vec<usize> = pick.index.iter().map(|(axis, _)| *axis).chain(pick.rest.iter().copied()).collect();
    let mut back = vec![0; order.len()];
    for (k, &axis) in order.iter().enumerate() {
        back[axis] = k;
    }
    let put = ops::permute_dims(&put, &back[..]);
    let out = place_axes(e, cut_plan, &put, 0);
    out.fault().map_or(Ok(out), Err)
}

/// Copies every element of `value` to its place in `target`; both have one shape.
fn copy_into<T: Elem>(out: &mut Buffer, target: &Layout, source: &Buffer, value: &Layout) {
    let data = source.as_slice::<T>();
    let out = out.as_mut_slice::<T>();
    let n = target.size();
    if n == 0 {
        return;
    }
    if target.is_contiguous() && value.is_contiguous() {
        copy_slice(&data[value.offset..value.offset + n], &mut out[target.offset..target.offset + n]);
        return;
    }
    walk2(&target.shape, target, value, |to, from| out[to] = data[from]);
}

/// Visits the positions of two layouts of one shape together.
fn walk2(shape: &Shape, a: &Layout, b: &Layout, mut visit: impl FnMut(usize, usize)) {
    let rank = shape.rank();
    let (inner, sa, sb) = match rank {
        0 => (1, 0, 0),
        _ => (shape[rank - 1], a.strides[rank - 1], b.strides[rank - 1]),
    };
    let outer = shape.size() / inner.max(1);
    let mut index = vec![0usize; rank.saturating_sub(1)];
    let (mut i, mut j) = (a.offset as isize, b.offset as isize);
    for _ in 0..outer {
        for k in 0..inner as isize {
            visit((i + k * sa) as usize, (j + k * sb) as usize);
        }
        for k in (0..index.len()).rev() {
            index[k] += 1;
            i += a.strides[k];
            j += b.strides[k];
            if index[k] < shape[k] {
                break;
            }
            i -= a.strides[k] * shape[k] as isize;
            j -= b.strides[k] * shape[k] as isize;
            index[k] = 0;
        }
    }
}

fn scatter_into<T: Elem>(
    out: &mut Buffer,
    cut: &Layout,
    pick: &Pick,
    positions: &[(usize, Vec<i64>)],
    source: &Buffer,
    value: &Layout,
) {
    let data = source.as_slice::<T>();
    let out = out.as_mut_slice::<T>();
    let rest = pick.rest_of(cut);
    let (b_rank, count) = (pick.b.rank(), pick.b.size());
    let b_value = Layout {
        shape: pick.b.clone(),
        strides: value.strides[..b_rank].iter().copied().collect(),
        offset: value.offset,
    };
    let rest_value: smallvec::SmallVec<[isize; 4]> = value.strides[b_rank..].iter().copied().collect();
    if count == 0 || rest.size() == 0 {
        return;
    }
    let mut at = 0;
    let dummy = Layout::contiguous(pick.b.clone());
    walk2(&pick.b, &b_value, &dummy, |from, _| {
        let moved: isize = positions.iter().map(|(axis, ints)| ints[at] as isize * cut.strides[*axis]).sum();
        let target = Layout { offset: (rest.offset as isize + moved) as usize, ..rest.clone() };
        let value = Layout { shape: rest.shape.clone(), strides: rest_value.clone(), offset: from };
        walk2(&rest.shape, &target, &value, |to, from| out[to] = data[from]);
        at += 1;
    });
}
