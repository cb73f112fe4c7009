//! `:verify EXPR`: the same graph on every device, and how far the results lie apart.
//!
//! In: pending nodes. Out: per device the largest difference from the CPU's result, in units in the last place. The graph
//! is built again with its leaves on each device, by the same calls.

use crate::base::{DType, Result};
use crate::device;
use crate::graph::{Expr, Place, apply, relocate};
use crate::plan::trace::{What, trace};

/// One line per device.
pub fn verify(roots: &[Expr]) -> Result<String> {
    let reference = values(roots, Place::CPU)?;
    let others = device::others();
    let mut out = String::new();
    for other in others.iter().flatten() {
        let place = device::named(other.name)?;
        device::of(place.device())?;
        let found = values(roots, place)?;
        let worst = reference.iter().zip(&found).flat_map(|(a, b)| difference(a, b)).max_by(|a, b| a.0.total_cmp(&b.0));
        out += &match worst {
            Some((ulps, i, a, b)) if ulps > 0.0 => {
                format!("{}: {ulps:.1} ulp at most, at element {i}: cpu {a}, here {b}\n", other.name)
            }
            _ => format!("{}: the same in every bit that counts\n", other.name),
        };
    }
    if out.is_empty() {
        let why = others.err().unwrap_or_default();
        out = format!("cpu is the only device: {why}\n");
    }
    Ok(out)
}

/// The values of the roots with everything on one place.
fn values(roots: &[Expr], place: Place) -> Result<Vec<(DType, Vec<f64>)>> {
    let t = trace(roots);
    let mut made: Vec<Expr> = Vec::with_capacity(t.items.len());
    for (item, node) in t.items.iter().zip(t.nodes.iter()) {
        let e = match &item.what {
            What::Op { prim, attrs, ins } => {
                let ins: Vec<Expr> = ins.iter().map(|&i| made[i as usize].clone()).collect();
                // What was made by a view of another place stays where everything is now.
                relocate(&apply(prim, &ins, attrs.clone())?, place)?
            }
            _ if node.is_weak() => node.clone(),
            _ => relocate(node, place)?,
        };
        made.push(e);
    }
    let wanted: Vec<Expr> = t.roots.iter().map(|&r| made[r as usize].clone()).collect();
    crate::graph::engine::force(&wanted)?;
    wanted.iter().map(|e| Ok((e.dtype(), e.host()?.to_f64s()?))).collect()
}

/// Per element: the distance, which it is, both values.
fn difference<'a>(
    a: &'a (DType, Vec<f64>),
    b: &'a (DType, Vec<f64>),
) -> impl Iterator<Item = (f64, usize, f64, f64)> + 'a {
    let dtype = a.0;
    let pairs = a.1.iter().zip(&b.1).enumerate();
    pairs.map(move |(i, (&x, &y))| (ulps(x, y, dtype), i, x, y))
}

/// Units in the last place between two numbers of a dtype; infinite where only one is a number.
fn ulps(a: f64, b: f64, dtype: DType) -> f64 {
    if a == b || (a.is_nan() && b.is_nan()) {
        return 0.0;
    }
    let digits = match dtype {
        DType::F16 => 11,
        DType::F32 => 24,
        DType::F64 => 53,
        _ => return f64::INFINITY,
    };
    if !a.is_finite() || !b.is_finite() {
        return f64::INFINITY;
    }
    let exponent = a.abs().max(b.abs()).max(f64::from(f32::MIN_POSITIVE)).log2().floor() as i32;
    (a - b).abs() / 2f64.powi(exponent - digits + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_the_dtype() {
        assert_eq!(ulps(1.0, 1.0 + f64::from(f32::EPSILON), DType::F32), 1.0);
        assert_eq!(ulps(1.0, 1.0 + 2.0 * f64::EPSILON, DType::F64), 2.0);
        assert_eq!(ulps(1.0, f64::NAN, DType::F64), f64::INFINITY);
        assert_eq!(ulps(3.0, 4.0, DType::I64), f64::INFINITY);
    }
}
