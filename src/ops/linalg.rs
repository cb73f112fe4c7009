//! Linear algebra: solving and factorising, over the last two axes of stacks of matrices.
//!
//! A factorisation has several results and a primitive one: its parts come packed in one vector per matrix, and
//! builders (`qr`, `eigh`, `svd`) cut them apart, so that a gradient formula sees the cotangents of all parts.
//! Gradients of factorisations: Giles 2008 ("Collected matrix derivative results"), Townsend 2016 for the thin SVD,
//! Walter & Lehmann 2012 for QR of wide matrices. Where eigen- or singular values coincide their vectors are free to
//! turn, and the part of the cotangent that depends on them counts as 0.

use super::host::factor::{Stack, real};
use super::*;
use crate::base::{Fault, Result, Shape, counted};
use crate::graph::Call;
use crate::prims;

prims! {
    /// The x with `a @ x == b`: b is a vector or a stack of matrices; leading axes broadcast. A singular matrix is an error.
    ///
    /// > solve([[2, 1], [0, 4]], [4, 8])
    /// [1, 2]
    solve(a, b) {
        dtype: rule::float,
        shape: solved,
        host: { |ins, _, out| real!(out.dtype, T => Stack::new("solve", ins, out).solve::<T>()) },
        vjp(g, y) "b gets solve(a.mT, g), a gets -solve(a.mT, g) @ y.mT": [-matmul(&solve_columns(g, a, b), &swap(&columns(y, b))), {
            let back = solve_columns(g, a, b);
            if b.rank() == 1 { last_dropped(&back) } else { back }
        }],
    }

    /// The inverse of each square matrix; a singular one is an error. `solve(a, b)` is better than `inv(a) @ b`.
    ///
    /// > inv([[2, 0], [0, 4]])
    /// [[0.5, 0], [0, 0.25]]
    inv(x) {
        dtype: rule::float,
        shape: square,
        host: { |ins, _, out| real!(out.dtype, T => Stack::new("inv", ins, out).inv::<T>()) },
        vjp(g, y) "x gets -y.mT @ g @ y.mT": [-matmul(&swap(y), &matmul(g, &swap(y)))],
    }

    /// The determinant of each square matrix.
    ///
    /// > det([[1, 2], [3, 4]])
    /// -2
    det(x) {
        dtype: rule::float,
        shape: one_each,
        host: { |ins, _, out| real!(out.dtype, T => Stack::new("det", ins, out).det::<T>()) },
        vjp(g, y) "x gets g * cofactors(x), which is g * y * inv(x).mT": [matrix_of(g) * match any_zero(y) {
            Ok(true) => cofactors(x),
            Ok(false) => matrix_of(y) * swap(&inv(x)),
            Err(fault) => Expr::broken(fault),
        }],
    }

    /// The matrix of cofactors of each square matrix, also of a singular one: the derivative of its determinant.
    ///
    /// > cofactors([[1, 2], [3, 4]]) |> round(12)
    /// [[4, -3], [-2, 1]]
    cofactors(x) {
        dtype: rule::float,
        shape: square,
        host: { |ins, _, out| real!(out.dtype, T => Stack::new("cofactors", ins, out).cofactors::<T>()) },
        vjp(g, y) "x gets sum(g * b) * y - det(x) * b @ g.mT @ b with b = inv(x).mT": [cofactors_back(g, x, y)],
    }

    /// Sign and logarithm of the size of each determinant, packed in one axis of 2: what `slogdet` cuts apart.
    ///
    /// > slogdet_parts([[1, 0], [0, -1]])
    /// [-1, 0]
    slogdet_parts(x) {
        dtype: rule::float,
        shape: |c| { let mut s = one_each(c)?; s.0.push(2); Ok(s) },
        host: { |ins, _, out| real!(out.dtype, T => Stack::new("slogdet", ins, out).slogdet::<T>()) },
        vjp(g, _) "x gets h * inv(x).mT with h the part of g that belongs to the logarithm": [matrix_of(&part(g, 1, &[])) * swap(&inv(x))],
    }

    /// The lower triangular L with `L @ L.mT == x` for symmetric positive definite matrices, or its transpose.
    /// Of a matrix that is not symmetric the symmetric part is taken.
    ///
    /// > cholesky([[4, 2], [2, 5]])
    /// [[2, 0], [1, 2]]
    cholesky(x; upper: Bool = Bool(false)) {
        dtype: rule::float,
        shape: square,
        host: { |ins, attrs, out| real!(out.dtype, T => Stack::new("cholesky", ins, out).cholesky::<T>(attrs[0].as_bool())) },
        vjp(g, y) "x gets the symmetric part of inv(y).mT @ h @ inv(y), h the lower triangle of y.mT @ g with half its diagonal (y lower triangular)": [match upper.as_bool() {
            true => cholesky_back(&swap(g), &swap(y)),
            false => cholesky_back(g, y),
        }],
    }

    /// Q and R of each matrix, flattened one after the other: what `qr` cuts apart.
    ///
    /// > qr_parts([[0], [2]])
    /// [0, 1, 2]
    qr_parts(x; complete: Bool = Bool(false)) {
        dtype: rule::float,
        shape: |c| {
            let complete = c.attr("complete").as_bool();
            packed(c, |m, n| { let k = if complete { m } else { m.min(n) }; m * k + k * n })
        },
        host: { |ins, attrs, out| real!(out.dtype, T => Stack::new("qr", ins, out).qr::<T>(attrs[0].as_bool())) },
        vjp(g, y) "x gets (gQ + Q @ h) @ inv(R).mT, h the symmetric matrix with the lower triangle of R @ gR.mT - gQ.mT @ Q (x not wider than high)": [{
            let (m, n) = sides(x);
            if complete.as_bool() && m > n {
                return vec![Some(Expr::broken(no_gradient("qr", "mode=\"complete\"", "the reduced mode")))];
            }
            let k = m.min(n);
            let cut = |e: &Expr| (part(e, 0, &[m, k]), part(e, m * k, &[k, n]));
            let ((gq, gr), (q, r)) = (cut(g), cut(y));
            qr_back(&gq, &gr, x, &q, &r)
        }],
    }

    /// Eigenvalues and eigenvectors of each symmetric matrix, flattened one after the other: what `eigh` cuts apart.
    ///
    /// > eigh_parts([[2, 0], [0, 1]])
    /// [1, 2, 0, 1, 1, 0]
    eigh_parts(x) {
        dtype: rule::float,
        shape: |c| { square(c)?; packed(c, |n, _| n + n * n) },
        host: { |ins, _, out| real!(out.dtype, T => Stack::new("eigh", ins, out).eigh::<T>()) },
        vjp(g, y) "x gets the symmetric part of V @ (diag(gw) + d * (V.mT @ gV)) @ V.mT with d[i, j] = 1 / (w[j] - w[i]), 0 where they are equal": [{
            let (n, _) = sides(x);
            let cut = |e: &Expr| (part(e, 0, &[n]), part(e, n, &[n, n]));
            let ((gw, gv), (w, v)) = (cut(g), cut(y));
            eigh_back(&gw, &gv, &w, &v)
        }],
    }

    /// Eigenvalues and eigenvectors of each square matrix whose eigenvalues are real, flattened one after the other: what
    /// `eig` cuts apart.
    ///
    /// > eig_parts([[2, 0], [0, 1]])
    /// [1, 2, 0, 1, 1, 0]
    eig_parts(x) {
        dtype: rule::float,
        shape: |c| { square(c)?; packed(c, |n, _| n + n * n) },
        host: { |ins, _, out| real!(out.dtype, T => Stack::new("eig", ins, out).eig::<T>()) },
        vjp(g, y) "x gets inv(v).mT @ (diag(gw) + f * (v.mT @ (gv - v * sum(v * gv, axis=-2)))) @ v.mT with eigenvalues w, vectors v, f[i, j] = 1 / (w[j] - w[i]), 0 where they are equal": [{
            let (n, _) = sides(x);
            let cut = |e: &Expr| (part(e, 0, &[n]), part(e, n, &[n, n]));
            let ((gw, gv), (w, v)) = (cut(g), cut(y));
            eig_back(&gw, &gv, &w, &v)
        }],
    }

    /// U, singular values and V transposed of each matrix, flattened one after the other: what `svd` cuts apart.
    ///
    /// > svd_parts([[3, 0], [0, 4]])
    /// [0, 1, 1, 0, 4, 3, 0, 1, 1, 0]
    svd_parts(x; full_matrices: Bool = Bool(false)) {
        dtype: rule::float,
        shape: |c| {
            let full = c.attr("full_matrices").as_bool();
            packed(c, |m, n| if full { m * m + m.min(n) + n * n } else { m.min(n) * (m + n + 1) })
        },
        host: { |ins, attrs, out| real!(out.dtype, T => Stack::new("svd", ins, out).svd::<T>(attrs[0].as_bool())) },
        vjp(g, y) "x gets U @ (diag(gs) + (d * skew(U.mT @ gU)) @ S + S @ (d * skew(V.mT @ gV))) @ V.mT with S = diag(s), d[i, j] = 1 / (s[j]^2 - s[i]^2), 0 where they are equal, and skew(a) = a - a.mT; what of gU and gV leaves the spans of U and V is divided by s and added": [{
            let (m, n) = sides(x);
            if full_matrices.as_bool() && m != n {
                return vec![Some(Expr::broken(no_gradient("svd", "full_matrices=true", "full_matrices=false")))];
            }
            svd_back(&svd_cut(g, m, n, false), &svd_cut(y, m, n, false))
        }],
    }
}

/// Q and R with `Q @ R == x`, R's diagonal not negative.
pub fn qr(x: &Expr, complete: bool) -> Result<(Expr, Expr)> {
    let parts = checked(qr_parts(x, complete))?;
    let (m, n) = sides(x);
    let k = if complete { m } else { m.min(n) };
    Ok((part(&parts, 0, &[m, k]), part(&parts, m * k, &[k, n])))
}

/// Ascending eigenvalues, and eigenvectors as columns.
pub fn eigh(x: &Expr) -> Result<(Expr, Expr)> {
    let parts = checked(eigh_parts(x))?;
    let (n, _) = sides(x);
    Ok((part(&parts, 0, &[n]), part(&parts, n, &[n, n])))
}

/// Ascending real eigenvalues, and eigenvectors as columns.
pub fn eig(x: &Expr) -> Result<(Expr, Expr)> {
    let parts = checked(eig_parts(x))?;
    let (n, _) = sides(x);
    Ok((part(&parts, 0, &[n]), part(&parts, n, &[n, n])))
}

/// U, descending singular values, and V transposed.
pub fn svd(x: &Expr, full_matrices: bool) -> Result<[Expr; 3]> {
    let parts = checked(svd_parts(x, full_matrices))?;
    let (m, n) = sides(x);
    Ok(svd_cut(&parts, m, n, full_matrices))
}

/// Sign and logarithm of the size of the determinant.
pub fn slogdet(x: &Expr) -> Result<(Expr, Expr)> {
    let parts = checked(slogdet_parts(x))?;
    Ok((part(&parts, 0, &[]), part(&parts, 1, &[])))
}

fn checked(e: Expr) -> Result<Expr> {
    e.fault().map_or(Ok(e), Err)
}

fn svd_cut(e: &Expr, m: usize, n: usize, full: bool) -> [Expr; 3] {
    let k = m.min(n);
    let (wide, high) = if full { (m, n) } else { (k, k) };
    [part(e, 0, &[m, wide]), part(e, m * wide, &[k]), part(e, m * wide + k, &[high, n])]
}

/// A part of packed results, from a place in the last axis, with a shape of its own.
fn part(packed: &Expr, start: usize, shape: &[usize]) -> Expr {
    let last = packed.rank() - 1;
    let flat = slice(packed, last, start, shape.iter().product::<usize>(), 1i64);
    let whole: Shape = packed.shape()[..last].iter().chain(shape).copied().collect();
    reshape(&flat, &whole)
}

fn no_gradient(name: &str, with: &str, without: &str) -> Fault {
    Fault::new(format!("{name} has no gradient with {with}: the extra columns are free to turn"))
        .hint(format!("use {without}"))
}

/// Rows and columns of the matrices in the last two axes.
fn sides(x: &Expr) -> (usize, usize) {
    let s = x.shape();
    (s[s.rank() - 2], s[s.rank() - 1])
}

fn matrices(c: &mut Call) -> Result<Shape> {
    let shape = c.ins[0].shape().clone();
    if shape.rank() < 2 {
        let name = c.prim.name.trim_end_matches("_parts");
        return Err(
            Fault::new(format!("{name}: expected a matrix, found shape {shape}")).side(0, "has fewer than two axes")
        );
    }
    Ok(shape)
}

fn square(c: &mut Call) -> Result<Shape> {
    let shape = matrices(c)?;
    let (m, n) = sides(&c.ins[0]);
    if m != n {
        let name = c.prim.name.trim_end_matches("_parts");
        let fault = Fault::new(format!("{name}: expected a square matrix, found shape {shape}"));
        let fault = fault.side(0, format!("has {} and {}", counted(m, "row"), counted(n, "column")));
        return Err(if name == "solve" { fault.hint("lstsq({0}, {1}) solves by least squares") } else { fault });
    }
    Ok(shape)
}

fn one_each(c: &mut Call) -> Result<Shape> {
    let shape = square(c)?;
    Ok(shape[..shape.rank() - 2].iter().copied().collect())
}

fn packed(c: &mut Call, size: impl Fn(usize, usize) -> usize) -> Result<Shape> {
    let shape = matrices(c)?;
    let (m, n) = sides(&c.ins[0]);
    Ok(shape[..shape.rank() - 2].iter().copied().chain([size(m, n)]).collect())
}

fn solved(c: &mut Call) -> Result<Shape> {
    let a = square(c)?;
    let b = c.ins[1].shape().clone();
    let (n, lead) = (a[a.rank() - 1], |s: &Shape| -> Shape { s[..s.rank() - 2].iter().copied().collect() });
    let rows = match b.rank() {
        0 => None,
        1 => Some(b[0]),
        r => Some(b[r - 2]),
    };
    if rows != Some(n) {
        let fault = Fault::new(format!("solve: shapes {a} and {b} do not fit together"));
        let found = rows.map_or("is a single number".into(), |r| format!("has {}", counted(r, "row")));
        return Err(fault.side(0, format!("needs {} on the right side", counted(n, "row"))).side(1, found));
    }
    if b.rank() == 1 {
        return Ok(lead(&a).iter().copied().chain([n]).collect());
    }
    let Some(mut out) = lead(&a).broadcast(&lead(&b)) else {
        return Err(Fault::new(format!("solve: the leading axes of {a} and {b} do not fit together"))
            .side(0, "leads with these")
            .side(1, "leads with others"));
    };
    out.0.extend([n, b[b.rank() - 1]]);
    Ok(out)
}

/// A result or cotangent as columns: a vector gets an axis of size 1.
fn columns(e: &Expr, b: &Expr) -> Expr {
    if b.rank() == 1 { expand(e, e.rank()) } else { e.clone() }
}

fn solve_columns(g: &Expr, a: &Expr, b: &Expr) -> Expr {
    solve(&swap(a), &columns(g, b))
}

fn last_dropped(x: &Expr) -> Expr {
    let shape: Shape = x.shape()[..x.rank() - 1].iter().copied().collect();
    reshape(x, &shape)
}

/// One number per matrix as matrices of size 1 by 1, to multiply with.
fn matrix_of(g: &Expr) -> Expr {
    let shape: Shape = g.shape().iter().copied().chain([1, 1]).collect();
    reshape(g, &shape)
}

fn any_zero(y: &Expr) -> Result<bool> {
    any(&equal(y, &Expr::weak(0.0)), Attr::None, false).item::<bool>()
}

/// With `B = inv(x).mT` and `C = det B`: `sum(g B) C - det B g.mT B`. A singular matrix has none here.
fn cofactors_back(g: &Expr, x: &Expr, y: &Expr) -> Expr {
    let d = det(x);
    match any_zero(&d) {
        Ok(false) => {
            let b = swap(&inv(x));
            let along = sum(&(g * &b), &[x.rank() - 2, x.rank() - 1][..], true);
            along * y - matrix_of(&d) * matmul(&matmul(&b, &swap(g)), &b)
        }
        Ok(true) => Expr::broken(Fault::new("the second derivative of det at a singular matrix is not there")),
        Err(fault) => Expr::broken(fault),
    }
}

/// Symmetric part of each matrix.
fn symmetric(x: &Expr) -> Expr {
    (x + swap(x)) * 0.5
}

/// 1 where `row - column` satisfies the test, else 0.
fn mask(n: usize, test: fn(&Expr, &Expr) -> Expr) -> Expr {
    let at = |shape: &[usize]| iota(&Expr::weak(0i64), &Expr::weak(1i64), shape);
    test(&reshape(&at(&[n]), &[n, 1][..]), &at(&[n]))
}

fn keep(x: &Expr, test: fn(&Expr, &Expr) -> Expr) -> Expr {
    where_(&mask(sides(x).1, test), x, &Expr::weak(0.0))
}

/// `S = L^-T Φ(L^T g) L^-1`, symmetric part; Φ keeps the lower triangle with half the diagonal.
fn cholesky_back(g: &Expr, l: &Expr) -> Expr {
    let lt = swap(l);
    let p = matmul(&lt, &keep(g, greater_equal));
    let phi = keep(&p, greater) + keep(&p, equal) * 0.5;
    symmetric(&swap(&solve(&lt, &swap(&solve(&lt, &phi)))))
}

/// For tall or square matrices `(gQ + Q copyltu(M)) R^-T` with `M = R gR^T - gQ^T Q`; a wide one is `[X | Y]` with
/// `X = Q U` and `Y = Q V`.
fn qr_back(gq: &Expr, gr: &Expr, x: &Expr, q: &Expr, r: &Expr) -> Expr {
    let (m, n) = sides(x);
    if m >= n {
        let s = matmul(r, &swap(gr)) - matmul(&swap(gq), q);
        let low = keep(&s, greater);
        let inner = gq + matmul(q, &(keep(&s, greater_equal) + swap(&low)));
        return swap(&solve(r, &swap(&inner)));
    }
    let last = x.rank() - 1;
    let cut = |e: &Expr, start: usize, length: usize| slice(e, last, start, length, 1i64);
    let (y, gv) = (cut(x, m, n - m), cut(gr, m, n - m));
    let square = qr_back(&(gq + matmul(&y, &swap(&gv))), &cut(gr, 0, m), &cut(x, 0, m), q, &cut(r, 0, m));
    join(&[square, matmul(q, &gv)], last)
}

/// `1 / (w_j - w_i)` off the diagonal; 0 where they are equal.
fn gaps(w: &Expr) -> Expr {
    let r = w.rank();
    let d = expand(w, r - 1) - expand(w, r);
    let same = equal(&d, &Expr::weak(0.0));
    where_(&same, &Expr::weak(0.0), &(1.0 / where_(&same, &Expr::weak(1.0), &d)))
}

fn eigh_back(gw: &Expr, gv: &Expr, w: &Expr, v: &Expr) -> Expr {
    let inner = gaps(w) * matmul(&swap(v), gv);
    let n = sides(v).1;
    let diagonal = where_(&mask(n, equal), &expand(gw, gw.rank()), &Expr::weak(0.0));
    symmetric(&matmul(&matmul(v, &(inner + diagonal)), &swap(v)))
}

/// Boeddeker et al. 2017 for real eigenvalues: the vectors have length 1, which takes what lies along them out.
fn eig_back(gw: &Expr, gv: &Expr, w: &Expr, v: &Expr) -> Expr {
    let (n, vt) = (sides(v).1, swap(v));
    let along = sum(&(v * gv), Attr::axes([v.rank() - 2]), true);
    let inner = gaps(w) * matmul(&vt, &(gv - &(v * along)));
    let diagonal = where_(&mask(n, equal), &expand(gw, gw.rank()), &Expr::weak(0.0));
    solve(&vt, &matmul(&(inner + diagonal), &vt))
}

fn svd_back([gu, gs, gvh]: &[Expr; 3], [u, s, vh]: &[Expr; 3]) -> Expr {
    let (v, gv) = (swap(vh), swap(gvh));
    let f = gaps(&(s * s));
    let skew = |a: &Expr, g: &Expr| {
        let p = matmul(&swap(a), g);
        &p - swap(&p)
    };
    let row = expand(s, s.rank() - 1);
    let column = expand(s, s.rank());
    let k = s.shape()[s.rank() - 1];
    let middle = (&f * skew(u, gu)) * &row
        + &column * (&f * skew(&v, &gv))
        + where_(&mask(k, equal), &expand(gs, gs.rank()), &Expr::weak(0.0));
    let none = equal(s, &Expr::weak(0.0));
    let inverse = where_(&none, &Expr::weak(0.0), &(1.0 / where_(&none, &Expr::weak(1.0), s)));
    // What of gU and gV leaves the span of U and V.
    let off = |a: &Expr, g: &Expr| (g - matmul(a, &matmul(&swap(a), g))) * expand(&inverse, s.rank() - 1);
    let mut total = matmul(&matmul(u, &middle), vh);
    let ((m, _), (n, _)) = (sides(u), sides(&v));
    if m > k {
        total = total + matmul(&off(u, gu), vh);
    }
    if n > k {
        total = total + matmul(u, &swap(&off(&v, &gv)));
    }
    total
}
