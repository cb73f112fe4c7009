//! Products with what is made of them: a map of a product's elements and of what lies beside them is part of the product.

use nevel::base::DType;
use nevel::graph::{Attr, Expr, Place, cast, relocate};
use nevel::ops;

/// Leading axes, rows, depth and columns: in tiles, in pieces of rows and of columns, in a stack, with odd ends.
pub const SHAPES: &[(&[usize], [usize; 3])] = &[
    (&[], [70, 30, 90]),
    (&[], [300, 20, 260]),
    (&[], [65, 100, 1200]),
    (&[], [700, 9, 500]),
    (&[5], [20, 40, 30]),
    (&[2, 3], [33, 17, 65]),
];

fn numbers(shape: &[usize], dtype: DType, place: Place, seed: usize) -> Expr {
    let n: usize = shape.iter().product();
    let at = |i: usize| ((i * 2_654_435_761 + seed * 97) % 1009) as f64 / 1009.0 - 0.5;
    let whole = |i: usize| ((i * 7919 + seed) % 19) as f64 - 9.0;
    let values: Vec<f64> = (0..n).map(|i| if dtype.is_float() { at(i) } else { whole(i) }).collect();
    let x = Expr::from_slice(shape, &values).expect("fits");
    let x = cast(&x, dtype).expect("casts").host().expect("computes");
    Expr::from_host(x, place)
}

fn beside(lead: &[usize], rest: &[usize]) -> Vec<usize> {
    lead.iter().chain(rest).copied().collect()
}

/// A product, and by name what is made of it; each has its own product, which nobody else holds, if `own`.
pub fn forms(
    lead: &[usize],
    [m, k, n]: [usize; 3],
    dtype: DType,
    place: Place,
    own: bool,
) -> Vec<(&'static str, Expr)> {
    let a = numbers(&beside(lead, &[m, k]), dtype, place, 1);
    let b = numbers(&beside(lead, &[k, n]), dtype, place, 2);
    let held = ops::matmul(&a, &b);
    if !own {
        held.force().expect("computes");
    }
    let p = || if own { ops::matmul(&a, &b) } else { held.clone() };
    let bias = numbers(&[n], dtype, place, 3);
    let column = numbers(&[m, 1], dtype, place, 4);
    let all = numbers(&beside(lead, &[m, n]), dtype, place, 5);
    let r = lead.len() + 2;
    let turned: Vec<usize> = (0..r - 2).chain([r - 1, r - 2]).collect();
    let across = ops::permute_dims(&numbers(&beside(lead, &[n, m]), dtype, place, 6), &turned[..]);
    let mut out = vec![
        ("a bias", p() + &bias),
        ("numbers", p() * 3.0 - 1.0),
        ("a column and a stack", ops::maximum(&(p() - &column), &all)),
        ("another order", p() * &across),
        ("twice", {
            let p = p();
            &p * &p + &p
        }),
    ];
    if dtype.is_float() {
        out.push(("a function", ops::tanh(&(p() + &bias)) * 0.5));
        let shape: Vec<i64> = beside(lead, &[m, n]).iter().map(|&d| d as i64).collect();
        let i = ops::iota(&Expr::weak(0.0), &Expr::weak(0.25), Attr::ints([shape.iter().product()]));
        let i =
            cast(&relocate(&ops::reshape(&i, Attr::ints(shape)), place).expect("moves"), DType::F32).expect("casts");
        out.push(("positions", p() + cast(&i, dtype).expect("casts")));
        out.push(("another dtype", cast(&(p() * &bias), DType::F16).expect("casts")));
        out.push(("a choice", ops::where_(&ops::greater(&p(), &Expr::weak(0.0)), &all, &bias)));
    }
    out
}
