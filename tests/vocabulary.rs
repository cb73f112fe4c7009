//! Checks of what the Host family and the arrangements compute, and of their gradients against finite differences.

use nevel::base::{DType, Result};
use nevel::graph::{Attr, Expr, Level, Place, apply};
use nevel::ops::*;

fn array(shape: &[usize], data: &[f64]) -> Expr {
    nevel::graph::engine::install(nevel::plan::force, nevel::device::fold_of);
    Expr::from_slice(shape, data).unwrap()
}

fn numbers(e: &Expr) -> Vec<f64> {
    e.host().unwrap().to_f64s().expect("fits in memory")
}

fn close(a: &[f64], b: &[f64], within: f64) {
    assert_eq!(a.len(), b.len(), "{a:?} {b:?}");
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() <= within * (1.0 + y.abs()) || (x.is_nan() && y.is_nan()), "{a:?}\n{b:?}");
    }
}

/// Numbers without pattern in -1 … 1.
fn noise(n: usize, seed: u64) -> Vec<f64> {
    (0..n as u64).map(|i| (source::key_of(seed, i) as f64) / i64::MAX as f64).collect()
}

/// The gradient of a weighted sum of `f(x)` by the tape, against central differences.
fn gradient(shape: &[usize], data: &[f64], f: &dyn Fn(&Expr) -> Result<Expr>) {
    let x = array(shape, data);
    let weigh = |y: &Expr| {
        let w = array(y.shape(), &noise(y.size(), 99));
        sum(&(y * w), Attr::None, false)
    };
    let level = Level::open().unwrap();
    let leaf = apply::alias(&x, level.mark());
    let out = weigh(&f(&leaf).unwrap());
    level.close();
    let seed = array(&[], &[1.0]);
    let g = nevel::grad::backward(&out, &seed, std::slice::from_ref(&leaf), level.mark()).unwrap();
    let g = numbers(g[0].as_ref().expect("the result depends on x"));
    let h = 1e-6;
    let slope = |i: usize| {
        let at = |d: f64| {
            let mut moved = data.to_vec();
            moved[i] += d;
            numbers(&weigh(&f(&array(shape, &moved)).unwrap()))[0]
        };
        (at(h) - at(-h)) / (2.0 * h)
    };
    let slopes: Vec<f64> = (0..data.len()).map(slope).collect();
    close(&g, &slopes, 1e-5);
}

#[test]
fn gradients_of_linear_algebra() {
    let a = noise(18, 1);
    let one = |f: fn(&Expr) -> Expr| move |x: &Expr| Ok(f(x));
    gradient(&[2, 3, 3], &a, &one(inv));
    gradient(&[2, 3, 3], &a, &one(det));
    gradient(&[2, 3, 3], &a, &one(slogdet_parts));
    gradient(&[2, 3, 3], &a, &|x| Ok(solve(x, &array(&[3], &[1.0, 2.0, 3.0]))));
    gradient(&[2, 3, 3], &a, &|x| Ok(solve(x, &array(&[3, 2], &noise(6, 2)))));
    gradient(&[3], &[1.0, 2.0, 3.0], &|b| Ok(solve(&array(&[2, 3, 3], &noise(18, 1)), b)));
    gradient(&[2, 3, 1], &noise(6, 3), &|b| Ok(solve(&array(&[3, 3], &noise(9, 1)), b)));
    let spd = |x: &Expr| matmul(x, &contract::swap(x)) + eye(3, 3, 0, DType::F64, Place::Array).unwrap();
    gradient(&[2, 3, 3], &a, &|x| Ok(cholesky(&spd(x), false)));
    gradient(&[3, 3], &numbers(&spd(&array(&[3, 3], &noise(9, 4)))), &|x| Ok(cholesky(x, true)));
    gradient(&[2, 3, 3], &a, &|x| eigh(x).map(|(w, v)| join(&[flat(&w), flat(&(&v * &v))], 0)));
}

#[test]
fn gradients_of_factorisations() {
    let all = |parts: &[Expr]| Ok(join(&parts.iter().map(flat).collect::<Vec<_>>(), 0));
    for (m, n) in [(3, 3), (4, 2), (2, 4)] {
        let a = noise(2 * m * n, 5);
        gradient(&[2, m, n], &a, &|x| qr(x, false).and_then(|(q, r)| all(&[q, r])));
        gradient(&[2, m, n], &a, &|x| svd(x, false).and_then(|p| all(&p)));
    }
    // Singular: the determinant's derivative is the matrix of cofactors.
    gradient(&[2, 2], &[1.0, 2.0, 2.0, 4.0], &|x| Ok(det(x)));
    gradient(&[3, 3], &[1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 1.0, 0.0, 1.0], &|x| Ok(det(x)));
}

#[test]
fn factorisations_multiply_back() {
    for (m, n) in [(3, 3), (5, 2), (2, 5), (1, 1)] {
        let x = array(&[2, m, n], &noise(2 * m * n, 6));
        for complete in [false, true] {
            let (q, r) = qr(&x, complete).unwrap();
            close(&numbers(&matmul(&q, &r)), &numbers(&x), 1e-12);
            let k = q.shape()[2];
            let one = matmul(&contract::swap(&q), &q) - eye(k, k, 0, DType::F64, Place::Array).unwrap();
            assert!(numbers(&one).iter().all(|d| d.abs() < 1e-12));
            let [u, s, vh] = svd(&x, complete).unwrap();
            let k = m.min(n);
            let (u, vh) = (slice(&u, 2usize, 0usize, k, 1i64), slice(&vh, 1usize, 0usize, k, 1i64));
            close(&numbers(&matmul(&(u * expand(&s, 1)), &vh)), &numbers(&x), 1e-12);
        }
    }
    close(&numbers(&det(&array(&[3, 3], &[0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0]))), &[2.0], 0.0);
    close(&numbers(&det(&array(&[2, 2], &[0.0, 1.0, 1.0, 0.0]))), &[-1.0], 0.0);
    close(&numbers(&det(&array(&[0, 0], &[]))), &[1.0], 0.0);
    let wrong = inv(&array(&[2, 2], &[1.0, 2.0, 2.0, 4.0])).host().err().expect("singular");
    assert_eq!(wrong.message, "inv: the matrix is singular: pivot 1 is 0");
}

#[test]
fn gradients_of_arrangements() {
    let a = noise(12, 7);
    gradient(&[3, 4], &a, &|x| Ok(sort(x, 0i64, false, true)));
    gradient(&[3, 4], &a, &|x| Ok(sort(x, -1i64, true, true)));
    gradient(&[3, 4], &a, &|x| roll(x, &[1, -2], Some(&[0, 1])));
    gradient(&[3, 4], &a, &|x| roll(x, &[5], None));
    gradient(&[3, 4], &a, &|x| repeat(x, 3, 1));
    gradient(&[3, 4], &a, &|x| repeat_each(x, &array(&[3], &[2.0, 0.0, 1.0]), 0));
    gradient(&[3, 4], &a, &|x| tile(x, &[2, 1, 2]));
    for how in [Pad::Constant(1.0), Pad::Edge, Pad::Reflect, Pad::Symmetric, Pad::Wrap] {
        gradient(&[3, 4], &a, &|x| pad(x, &[(2, 1), (0, 2)], how));
    }
    gradient(&[3, 4], &a, &|x| diagonal(x, 1, 0, 1));
    gradient(&[3, 4], &a, &|x| on_diagonal(x, -1));
    gradient(&[3, 4], &a, &|x| triangle(x, 1, true));
    gradient(&[3, 4], &a, &|x| take(x, &index(&[2, 2], &[0, 3, 3, 1]), Some(1)));
    gradient(&[3, 4], &a, &|x| take_along_axis(x, &argsort(x, 0usize, false, true), 0));
    gradient(&[3, 4], &a, &|x| stack(&[x.clone(), x * 2.0], 1));
    gradient(&[3, 4], &a, &|x| Ok(join(&split(x, &[1, 1, 3], 1).into_iter().rev().collect::<Vec<_>>(), 1)));
}

fn index(shape: &[usize], data: &[i64]) -> Expr {
    nevel::graph::engine::install(nevel::plan::force, nevel::device::fold_of);
    Expr::from_slice(shape, data).unwrap()
}

#[test]
fn arrangements_by_hand() {
    let x = array(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let is = |e: Result<Expr>, shape: &[usize], data: &[f64]| {
        let e = e.unwrap();
        assert_eq!((&e.shape()[..], numbers(&e)), (shape, data.to_vec()));
    };
    is(pad(&x, &[(1, 0), (0, 1)], Pad::Edge), &[3, 4], &[1.0, 2.0, 3.0, 3.0, 1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 6.0, 6.0]);
    is(
        pad(&x, &[(0, 0), (2, 2)], Pad::Reflect),
        &[2, 7],
        &[3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 6.0, 5.0, 4.0, 5.0, 6.0, 5.0, 4.0],
    );
    is(
        pad(&x, &[(0, 0), (1, 2)], Pad::Symmetric),
        &[2, 6],
        &[1.0, 1.0, 2.0, 3.0, 3.0, 2.0, 4.0, 4.0, 5.0, 6.0, 6.0, 5.0],
    );
    is(pad(&x, &[(0, 0), (1, 2)], Pad::Wrap), &[2, 6], &[3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 6.0, 4.0, 5.0, 6.0, 4.0, 5.0]);
    is(
        pad(&x, &[(0, 0), (3, 0)], Pad::Reflect),
        &[2, 6],
        &[2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 5.0, 6.0, 5.0, 4.0, 5.0, 6.0],
    );
    assert!(pad(&array(&[0], &[]), &[(1, 0)], Pad::Reflect).is_err());
    is(diagonal(&x, -1, 0, 1), &[1], &[4.0]);
    is(diagonal(&x, 5, 0, 1), &[0], &[]);
    is(diagonal(&x, 1, 1, 0), &[1], &[4.0]);
    is(on_diagonal(&array(&[2], &[1.0, 2.0]), -1), &[3, 3], &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    is(tile(&x, &[2]), &[2, 6], &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 4.0, 5.0, 6.0]);
    is(tile(&x, &[0, 1]), &[0, 3], &[]);
    is(repeat(&x, 0, 0), &[0, 3], &[]);
    is(roll(&x, &[-1], Some(&[1])), &[2, 3], &[2.0, 3.0, 1.0, 5.0, 6.0, 4.0]);
    is(roll(&array(&[0], &[]), &[3], None), &[0], &[]);
    is(triangle(&x, 0, false), &[2, 3], &[1.0, 2.0, 3.0, 0.0, 5.0, 6.0]);
    is(take(&x, &index(&[], &[1]), Some(0)), &[3], &[4.0, 5.0, 6.0]);
    is(take(&x, &index(&[2], &[-1, 0]), Some(1)), &[2, 2], &[3.0, 1.0, 6.0, 4.0]);
    let u = unique(&array(&[2, 3], &[2.0, f64::NAN, 0.0, 2.0, -0.0, f64::NAN])).unwrap();
    assert_eq!(numbers(&u.values)[..2], [0.0, 2.0]);
    assert_eq!((numbers(&u.counts), numbers(&u.indices)), (vec![2.0, 2.0, 1.0, 1.0], vec![2.0, 0.0, 1.0, 5.0]));
    assert_eq!((&u.inverse.shape()[..], numbers(&u.inverse)), (&[2, 3][..], vec![1.0, 2.0, 0.0, 1.0, 0.0, 3.0]));
    assert_eq!(numbers(&unique(&array(&[0], &[])).unwrap().values), Vec::<f64>::new());
    let at = nonzero(&x).unwrap();
    assert_eq!(
        (numbers(&at[0]), numbers(&at[1])),
        (vec![0.0, 0.0, 0.0, 1.0, 1.0, 1.0], vec![0.0, 1.0, 2.0, 0.0, 1.0, 2.0])
    );
}

/// Every index by loops, from the spec alone.
fn einsum_by_loops(spec: &str, arrays: &[Expr]) -> Vec<f64> {
    let (left, right) = spec.split_once("->").unwrap();
    let parts: Vec<Vec<char>> = left.split(',').map(|p| p.chars().collect()).collect();
    let mut letters: Vec<char> = right.chars().collect();
    parts.iter().flatten().for_each(|c| {
        if !letters.contains(c) {
            letters.push(*c)
        }
    });
    let size = |c: &char| {
        let found = parts.iter().zip(arrays).filter_map(|(p, a)| p.iter().position(|d| d == c).map(|k| a.shape()[k]));
        found.max().unwrap()
    };
    let sizes: Vec<usize> = letters.iter().map(size).collect();
    let values: Vec<Vec<f64>> = arrays.iter().map(numbers).collect();
    let out_size: usize = sizes[..right.len()].iter().product();
    let mut out = vec![0.0; out_size];
    let total: usize = sizes.iter().product();
    for n in 0..total {
        let mut at = vec![0; letters.len()];
        let mut rest = n;
        for k in (0..letters.len()).rev() {
            at[k] = rest % sizes[k];
            rest /= sizes[k];
        }
        let mut product = 1.0;
        for ((p, a), v) in parts.iter().zip(arrays).zip(&values) {
            let strides = a.shape().strides();
            let place = |(k, c): (usize, &char)| {
                let i = at[letters.iter().position(|d| d == c).unwrap()];
                if a.shape()[k] == 1 { 0 } else { i * strides[k] as usize }
            };
            product *= v[p.iter().enumerate().map(place).sum::<usize>()];
        }
        let o: usize = (0..right.len()).fold(0, |o, k| o * sizes[k] + at[k]);
        out[o] += product;
    }
    out
}

#[test]
fn einsum_agrees_with_loops() {
    let make = |shape: &[usize], seed| array(shape, &noise(shape.iter().product(), seed));
    let cases: &[(&str, &[&[usize]])] = &[
        ("ij,jk->ik", &[&[2, 3], &[3, 4]]),
        ("ij,jk->ki", &[&[2, 3], &[3, 4]]),
        ("ij->", &[&[2, 3]]),
        ("ij->ji", &[&[2, 3]]),
        ("ii->i", &[&[3, 3]]),
        ("ii->", &[&[3, 3]]),
        ("iji->j", &[&[3, 2, 3]]),
        ("i,j->ij", &[&[2], &[3]]),
        ("i,i->", &[&[3], &[3]]),
        ("bij,bjk->bik", &[&[2, 2, 3], &[2, 3, 2]]),
        ("bi,bi->b", &[&[2, 3], &[2, 3]]),
        ("ij,kj,lk->il", &[&[2, 3], &[4, 3], &[2, 4]]),
        ("ijk,jl,kl->il", &[&[2, 3, 4], &[3, 2], &[4, 2]]),
        ("ab,cd,bc->ad", &[&[2, 3], &[4, 2], &[3, 4]]),
        ("ij,jk->ik", &[&[2, 1], &[3, 4]]),
        ("ij,ij->j", &[&[1, 3], &[2, 3]]),
        ("a,b,c->abc", &[&[2], &[1], &[3]]),
        ("ij,kl->", &[&[2, 3], &[3, 2]]),
        ("abcd,acef->bdef", &[&[2, 3, 2, 2], &[2, 2, 1, 3]]),
    ];
    for (spec, shapes) in cases {
        let arrays: Vec<Expr> = shapes.iter().enumerate().map(|(i, s)| make(s, i as u64)).collect();
        let got = einsum(spec, &arrays).unwrap_or_else(|f| panic!("{spec}: {f}"));
        close(&numbers(&got), &einsum_by_loops(spec, &arrays), 1e-12);
    }
    let (a, b) = (make(&[2, 3], 1), make(&[5, 3, 4], 2));
    let same = |spec: &str, like: Expr| {
        let got = einsum(spec, &[a.clone(), b.clone()]).unwrap();
        assert_eq!(got.shape(), like.shape(), "{spec}");
        close(&numbers(&got), &numbers(&like), 1e-12);
    };
    same("ij,...jk->...ik", matmul(&a, &b));
    same("ij,...jk", permute_dims(&matmul(&a, &b), &[0usize, 1, 2][..]));
    same("...j,ljk->l...k", matmul(&a, &b));
}

#[test]
fn einsum_faults_name_what_is_wrong() {
    let (a, b) = (array(&[2, 3], &noise(6, 1)), array(&[4, 2], &noise(8, 2)));
    let fault = |spec: &str| einsum(spec, &[a.clone(), b.clone()]).unwrap_err().message.clone();
    assert_eq!(fault("ij,jk->ik"), "einsum: axis j of \"ij,jk->ik\" has size 3 in array 0 and 4 in array 1");
    assert_eq!(fault("ijk,jk"), "einsum: \"ijk\" of \"ijk,jk\" names 3 axes, array 0 has 2");
    assert_eq!(fault("ij"), "einsum: \"ij\" names 1 array, found 2");
    assert_eq!(fault("ij,kl->im"), "einsum: the output of \"ij,kl->im\" names m, which no array has");
    assert_eq!(fault("ij,kl->ii"), "einsum: the output of \"ij,kl->ii\" names i twice");
    assert_eq!(fault("i1,kl"), "einsum: unexpected `1` in \"i1,kl\"");
}

#[test]
fn gradients_of_einsum() {
    let a = noise(12, 8);
    let b = || array(&[4, 2], &noise(8, 9));
    gradient(&[3, 4], &a, &|x| einsum("ij,jk->ki", &[x.clone(), b()]));
    gradient(&[3, 4], &a, &|x| einsum("ij,ij->j", &[x.clone(), x.clone()]));
    gradient(&[2, 2, 3], &a, &|x| einsum("iij->j", std::slice::from_ref(x)));
    gradient(&[3, 4], &a, &|x| einsum("ij,kl->il", &[x.clone(), b()]));
}
