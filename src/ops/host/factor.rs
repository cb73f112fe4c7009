//! Factorisations and what follows from them, through faer: one matrix after the other of a stack.
//!
//! Matrices of a stack run in parallel, each by one thread: faer's own threads would make the last bits depend on
//! their number. faer does not look for Ctrl-C, so a large matrix is worked on by a thread that can be left. What a factorisation leaves free is fixed, so that there is one answer: R's diagonal is not negative;
//! of each singular or eigenvector the largest component is positive.

use faer::linalg::solvers::{DenseSolveCore, Eigen, Solve};
use faer::{Mat, MatMut, MatRef, Side};
use rayon::prelude::*;

use crate::base::{Elem, Fault, Host, Result, Shape, interrupt};

/// A float that faer computes with.
pub trait Real: Elem + faer::traits::RealField {}
impl Real for f32 {}
impl Real for f64 {}

/// Runs a body for the Rust type of a float dtype.
macro_rules! real {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            crate::base::DType::F32 => {
                type $t = f32;
                $body
            }
            _ => {
                type $t = f64;
                $body
            }
        }
    };
}
pub(crate) use real;

/// Steps of a factorisation, in multiplications, from which on it may take longer than Ctrl-C may wait.
const LARGE: usize = 1 << 21;

/// What the matrix routines are called with. A clone shares the memory and keeps it there.
#[derive(Clone)]
pub struct Stack {
    /// The primitive, for messages.
    pub name: &'static str,
    pub ins: Vec<Host>,
    pub out: Host,
}

fn zero<T: Real>() -> T {
    <T as Elem>::from_f64(0.0)
}

fn view<T: Real>(x: &[T], rows: usize, cols: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(x, rows, cols)
}

fn store<T: Real>(m: MatRef<T>, out: &mut [T]) {
    let n = m.ncols();
    for i in 0..m.nrows() {
        for j in 0..n {
            // Adding 0 makes 0 of -0, which reflections leave in exact results.
            out[i * n + j] = m[(i, j)] + zero::<T>();
        }
    }
}

impl Stack {
    /// Rows and columns of the first input's matrices.
    fn sides(&self) -> (usize, usize) {
        let s = self.ins[0].shape();
        (s[s.rank() - 2], s[s.rank() - 1])
    }

    pub fn new(name: &'static str, ins: &[Host], out: &Host) -> Stack {
        Stack { name, ins: ins.to_vec(), out: out.clone() }
    }

    /// Calls `work(number, matrix, its part of the output)` for every matrix; `size` is what one gives.
    fn each<T: Real>(
        &self,
        size: usize,
        work: impl Fn(&Stack, usize, &[T], &mut [T]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<()> {
        let (m, n) = self.sides();
        self.split(size, move |stack, k, out| {
            let x = super::input::<T>(&stack.ins[0])?;
            work(stack, k, &x[k * m * n..][..m * n], out)
        })
    }

    /// Calls `work(number, its part of the output)` for every `size` elements of the output.
    fn split<T: Real>(
        &self,
        size: usize,
        work: impl Fn(&Stack, usize, &mut [T]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<()> {
        let (m, n) = self.sides();
        let total = self.out.layout.size();
        if size == 0 || total == 0 {
            return Ok(());
        }
        sequential();
        if m.max(n).pow(2).max(size).saturating_mul(m.min(n)) >= LARGE {
            let stack = self.clone();
            return super::away::away(total / size, move |k| {
                // SAFETY: the family's promise: the output is ours, and has the input's dtype; pieces are disjoint.
                work(&stack, k, unsafe { super::part::<T>(&stack.out, k * size, size) })
            });
        }
        // SAFETY: as above.
        let out = unsafe { super::part::<T>(&self.out, 0, total) };
        let all: Vec<Result<()>> = out
            .par_chunks_mut(size)
            .enumerate()
            .map(|(k, out)| {
                interrupt::check()?;
                work(self, k, out)
            })
            .collect();
        all.into_iter().collect()
    }

    /// `the matrix`, or which one of a stack.
    fn which(&self, k: usize) -> String {
        if self.ins[0].shape().rank() == 2 { "the matrix".into() } else { format!("matrix {k} of the stack") }
    }

    fn singular(&self, k: usize, pivot: usize) -> Fault {
        let which = self.which(k);
        let fault =
            Fault::new(format!("{}: {which} is singular: pivot {pivot} is 0", self.name)).side(0, "has no inverse");
        match self.name {
            "solve" => fault.hint("lstsq(a, b) gives the smallest solution of least squares"),
            _ => fault.hint("pinv(a) gives the pseudo-inverse"),
        }
    }

    fn finite<T: Real>(&self, k: usize, x: &[T]) -> Result<()> {
        if x.iter().all(|v| v.to_f64().is_finite()) {
            return Ok(());
        }
        Err(Fault::new(format!("{}: {} holds nan or inf", self.name, self.which(k)))
            .side(0, "is not finite everywhere"))
    }

    fn diverged(&self, k: usize) -> Fault {
        Fault::new(format!("{}: no convergence for {}", self.name, self.which(k)))
    }

    /// `a x = b`, leading axes broadcast; a vector b is one column.
    pub fn solve<T: Real>(&self) -> Result<()> {
        let (n, _) = self.sides();
        let (sa, sb, so) = (self.ins[0].shape(), self.ins[1].shape(), self.out.shape());
        let vector = sb.rank() == 1;
        let columns = if vector { 1 } else { sb[sb.rank() - 1] };
        let lead = |s: &Shape, tail: usize| -> Shape { s[..s.rank() - tail].iter().copied().collect() };
        let batch = lead(so, if vector { 1 } else { 2 });
        let from_a = offsets(&lead(sa, 2), &batch);
        let from_b = if vector { vec![0; batch.size()] } else { offsets(&lead(sb, 2), &batch) };
        self.split::<T>(n * columns, move |stack, k, out| {
            let (a, b) = (super::input::<T>(&stack.ins[0])?, super::input::<T>(&stack.ins[1])?);
            let lu = view(&a[from_a[k] * n * n..][..n * n], n, n).partial_piv_lu();
            if let Some(i) = (0..n).find(|&i| lu.U()[(i, i)] == zero()) {
                return Err(stack.singular(from_a[k], i));
            }
            out.copy_from_slice(&b[from_b[k] * n * columns..][..n * columns]);
            lu.solve_in_place(MatMut::from_row_major_slice_mut(out, n, columns));
            Ok(())
        })
    }

    pub fn inv<T: Real>(&self) -> Result<()> {
        let (n, _) = self.sides();
        self.each::<T>(n * n, move |stack, k, x, out| {
            let lu = view(x, n, n).partial_piv_lu();
            if let Some(i) = (0..n).find(|&i| lu.U()[(i, i)] == zero()) {
                return Err(stack.singular(k, i));
            }
            store(lu.inverse().as_ref(), out);
            Ok(())
        })
    }

    pub fn det<T: Real>(&self) -> Result<()> {
        let (n, _) = self.sides();
        self.each::<T>(1, move |_, _, x, out| {
            let (sign, pivots) = pivots(view(x, n, n));
            out[0] = match singular(&pivots) {
                true => zero(),
                false => <T as Elem>::from_f64(pivots.iter().fold(sign, |d, p| d * p.to_f64())),
            };
            Ok(())
        })
    }

    /// `det(U) det(V) U diag(products of the other singular values) V.mT`: right for every rank.
    pub fn cofactors<T: Real>(&self) -> Result<()> {
        let (n, _) = self.sides();
        self.each::<T>(n * n, move |stack, k, x, out| {
            stack.finite(k, x)?;
            let svd = view(x, n, n).svd().map_err(|_| stack.diverged(k))?;
            let (u, s, v) = (svd.U(), svd.S().column_vector(), svd.V());
            let det = |m: MatRef<T>| {
                let (sign, pivots) = pivots(m);
                pivots.iter().fold(sign, |d, p| d * p.to_f64().signum())
            };
            let turn = det(u) * det(v);
            let others = |i: usize| (0..n).filter(|&j| j != i).fold(turn, |d, j| d * s[j].to_f64());
            let scaled = Mat::<T>::from_fn(n, n, |r, c| u[(r, c)] * <T as Elem>::from_f64(others(c)));
            store((&scaled * v.transpose()).as_ref(), out);
            Ok(())
        })
    }

    /// Sign and logarithm of the determinant's size; 0 and -inf for a singular matrix.
    pub fn slogdet<T: Real>(&self) -> Result<()> {
        let (n, _) = self.sides();
        self.each::<T>(2, move |_, _, x, out| {
            let (sign, pivots) = pivots(view(x, n, n));
            if singular(&pivots) {
                (out[0], out[1]) = (zero(), <T as Elem>::from_f64(f64::NEG_INFINITY));
                return Ok(());
            }
            let sign = pivots.iter().fold(sign, |s, p| s * p.to_f64().signum());
            out[0] = <T as Elem>::from_f64(sign);
            out[1] = <T as Elem>::from_f64(pivots.iter().map(|p| p.to_f64().abs().ln()).sum());
            Ok(())
        })
    }

    /// L with `L @ L.mT` the symmetric part of the input.
    pub fn cholesky<T: Real>(&self, upper: bool) -> Result<()> {
        let (n, _) = self.sides();
        self.each::<T>(n * n, move |stack, k, x, out| {
            let llt = symmetric(x, n).llt(Side::Lower).map_err(|_| {
                let fault = Fault::new(format!("{}: {} is not positive definite", stack.name, stack.which(k)));
                fault.side(0, "has an eigenvalue that is not positive").hint("eigvalsh({0}) shows its eigenvalues")
            })?;
            let l = llt.L();
            for i in 0..n {
                for j in 0..n {
                    let (r, c) = if upper { (j, i) } else { (i, j) };
                    out[i * n + j] = if r >= c { l[(r, c)] } else { zero() };
                }
            }
            Ok(())
        })
    }

    /// Q then R, row-major, one after the other.
    pub fn qr<T: Real>(&self, complete: bool) -> Result<()> {
        let (m, n) = self.sides();
        let k = if complete { m } else { m.min(n) };
        self.each::<T>(m * k + k * n, move |_, _, x, out| {
            let qr = view(x, m, n).qr();
            let mut q = if complete { qr.compute_Q() } else { qr.compute_thin_Q() };
            let full = qr.R();
            let mut r = Mat::<T>::from_fn(k, n, |i, j| if i <= j && i < full.nrows() { full[(i, j)] } else { zero() });
            for i in 0..k.min(n) {
                if r[(i, i)] < zero() {
                    (0..n).for_each(|j| r[(i, j)] = zero::<T>() - r[(i, j)]);
                    (0..m).for_each(|j| q[(j, i)] = zero::<T>() - q[(j, i)]);
                }
            }
            store(q.as_ref(), out);
            store(r.as_ref(), &mut out[m * k..]);
            Ok(())
        })
    }

    /// Eigenvalues ascending, then the eigenvectors as columns, of the symmetric part of the input.
    pub fn eigh<T: Real>(&self) -> Result<()> {
        let (n, _) = self.sides();
        self.each::<T>(n + n * n, move |stack, k, x, out| {
            stack.finite(k, x)?;
            let eigen = symmetric(x, n).self_adjoint_eigen(Side::Lower).map_err(|_| stack.diverged(k))?;
            let (w, v) = (eigen.S().column_vector(), eigen.U());
            (0..n).for_each(|i| out[i] = w[i]);
            store(v, &mut out[n..]);
            (0..n).for_each(|j| {
                if leans_down(v, j) {
                    (0..n).for_each(|i| out[n + i * n + j] = zero::<T>() - v[(i, j)]);
                }
            });
            Ok(())
        })
    }

    /// Eigenvalues ascending, then the eigenvectors as columns of length 1, of a matrix whose eigenvalues are real.
    pub fn eig<T: Real>(&self) -> Result<()> {
        let (n, _) = self.sides();
        self.each::<T>(n + n * n, move |stack, k, x, out| {
            stack.finite(k, x)?;
            let eigen = Eigen::new_from_real(view(x, n, n)).map_err(|_| stack.diverged(k))?;
            let (w, v) = (eigen.S().column_vector(), eigen.U());
            if let Some(bad) = (0..n).map(|i| w[i]).find(|w| w.im != zero::<T>()) {
                let (re, im) = (bad.re.to_f64() + 0.0, bad.im.to_f64().abs());
                let what =
                    format!("{}: {} has complex eigenvalues, {re} ± {im}i among them", stack.name, stack.which(k));
                return Err(Fault::new(what).side(0, "is not symmetric").hint(
                    "complex dtypes are to come; until then eigh takes symmetric matrices, whose eigenvalues are real",
                ));
            }
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|&i, &j| w[i].re.to_f64().total_cmp(&w[j].re.to_f64()));
            let real = Mat::from_fn(n, n, |i, j| v[(i, order[j])].re);
            for (j, &from) in order.iter().enumerate() {
                out[j] = w[from].re;
                let length = (0..n).map(|i| real[(i, j)].to_f64().powi(2)).sum::<f64>().sqrt();
                let scale = if leans_down(real.as_ref(), j) { -1.0 / length } else { 1.0 / length };
                for i in 0..n {
                    out[n + i * n + j] = <T as Elem>::from_f64(real[(i, j)].to_f64() * scale) + zero::<T>();
                }
            }
            Ok(())
        })
    }

    /// U, the singular values descending, V transposed, one after the other.
    pub fn svd<T: Real>(&self, full: bool) -> Result<()> {
        let (m, n) = self.sides();
        let k = m.min(n);
        let (wide, high) = if full { (m, n) } else { (k, k) };
        self.each::<T>(m * wide + k + high * n, move |stack, number, x, out| {
            stack.finite(number, x)?;
            let a = view(x, m, n);
            let svd = if full { a.svd() } else { a.thin_svd() }.map_err(|_| stack.diverged(number))?;
            let (u, s, v) = (svd.U(), svd.S().column_vector(), svd.V());
            store(u, out);
            (0..k).for_each(|i| out[m * wide + i] = s[i]);
            let vh = m * wide + k;
            store(v.transpose(), &mut out[vh..]);
            for j in (0..k).filter(|&j| leans_down(u, j)) {
                (0..m).for_each(|i| out[i * wide + j] = zero::<T>() - u[(i, j)]);
                (0..n).for_each(|i| out[vh + j * n + i] = zero::<T>() - v[(i, j)]);
            }
            Ok(())
        })
    }
}

/// Whether the largest component of a column is negative.
fn leans_down<T: Real>(m: MatRef<T>, column: usize) -> bool {
    // Components within a part in a thousand count as equally large, so that rounding does not choose.
    let size = |i: usize| m[(i, column)].to_f64().abs();
    let most = (0..m.nrows()).map(size).fold(0.0, f64::max);
    (0..m.nrows()).find(|&i| size(i) >= 0.999 * most).is_some_and(|i| m[(i, column)] < zero())
}

fn symmetric<T: Real>(x: &[T], n: usize) -> Mat<T> {
    let half = <T as Elem>::from_f64(0.5);
    Mat::from_fn(n, n, |i, j| if i == j { x[i * n + j] } else { half * (x[i * n + j] + x[j * n + i]) })
}

/// The permutation's sign, and the pivots of the LU factorisation.
fn pivots<T: Real>(a: MatRef<T>) -> (f64, Vec<T>) {
    let lu = a.partial_piv_lu();
    let (order, _) = lu.P().arrays();
    let mut seen = vec![false; order.len()];
    let mut sign = 1.0;
    for start in 0..order.len() {
        let (mut at, mut length) = (start, 0);
        while !seen[at] {
            seen[at] = true;
            at = order[at];
            length += 1;
        }
        if length > 0 && length % 2 == 0 {
            sign = -sign;
        }
    }
    (sign, (0..a.nrows()).map(|i| lu.U()[(i, i)]).collect())
}

/// Whether a pivot is 0; what comes behind it has been divided by it and means nothing.
fn singular<T: Real>(pivots: &[T]) -> bool {
    pivots.iter().find(|p| **p == zero() || p.to_f64().is_nan()).is_some_and(|p| *p == zero())
}

/// For every matrix of the broadcast stack, which one of `own` it is.
fn offsets(own: &Shape, out: &Shape) -> Vec<usize> {
    let layout = crate::base::Layout::contiguous(own.clone()).broadcast(out);
    let strides = out.strides();
    (0..out.size())
        .map(|k| (0..out.rank()).map(|i| k / strides[i] as usize % out[i] * layout.strides[i] as usize).sum())
        .collect()
}

/// faer's own threads stay off: see the head of this file.
fn sequential() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| faer::set_global_parallelism(faer::Par::Seq));
}
