//! Linear algebra with several results or arguments in several forms.

use super::args::*;
use super::natives;
use crate::base::{Fault, Result, counted};
use crate::graph::Expr;
use crate::lang::Value;
use crate::ops;

natives! {
    /// Sums of products over named axes: an axis named in several arrays is multiplied, one that the output leaves out is
    /// summed. Without `->` the output has the letters that stand once, in order. `...` stands for any axes.
    ///
    /// > einsum("ij,jk->ik", [[1, 2], [3, 4]], [[1, 0], [0, 1]])
    /// [[1, 2], [3, 4]]
    /// > einsum("ii", [[1, 2], [3, 4]])
    /// 5
    "einsum(spec, *arrays)" => |_, a| {
        let arrays: Vec<Expr> = a.rest(1).iter().map(Value::to_expr).collect::<Result<_>>().map_err(|f| a.wrong(1, f))?;
        done(ops::einsum(a.text(0)?, &arrays)?)
    };

    /// Sums of products over the last `axes` axes of x and the first of y, or over a pair of tuples of axes.
    ///
    /// > tensordot([[1, 2], [3, 4]], [1, 1], axes=1)
    /// [3, 7]
    "tensordot(x, y, axes=2)" => |_, a| {
        let (x, y) = (a.expr(0)?, a.expr(1)?);
        let (left, right) = pairs(&a, &x, &y)?;
        done(ops::einsum(&spec(x.rank(), y.rank(), &left, &right)?, &[x, y])?)
    };

    /// Q and R with `Q @ R == x`: Q has orthonormal columns, R is upper triangular with a diagonal that is not negative.
    /// `mode="complete"` makes Q square.
    ///
    /// > q, r = qr([[0, 1], [2, 0]]); (q, r)
    /// ([[0, 1], [1, 0]], [[2, 0], [0, 1]])
    "qr(x, mode=\"reduced\")" => |_, a| {
        let complete = match a.text(1)? {
            "reduced" => false,
            "complete" => true,
            other => return Err(Fault::new(format!("qr: mode is \"reduced\" or \"complete\", found \"{other}\""))),
        };
        let (q, r) = ops::qr(&a.expr(0)?, complete)?;
        record([("Q", q), ("R", r)])
    };

    /// Eigenvalues, ascending, and eigenvectors, as columns, of symmetric matrices.
    ///
    /// > eigh([[2, 0], [0, 1]])
    /// {eigenvalues: [1, 2], eigenvectors: [[0, 1], [1, 0]]}
    "eigh(x)" => |_, a| {
        let (w, v) = ops::eigh(&a.expr(0)?)?;
        record([("eigenvalues", w), ("eigenvectors", v)])
    };

    /// Eigenvalues of symmetric matrices, ascending.
    ///
    /// > eigvalsh([[2, 0], [0, 1]])
    /// [1, 2]
    "eigvalsh(x)" => |_, a| done(ops::eigh(&a.expr(0)?)?.0);

    /// Eigenvalues, ascending, and eigenvectors of length 1, as columns, of square matrices whose eigenvalues are real; others
    /// are an error until there are complex dtypes.
    ///
    /// > eig([[2, 1], [0, 1]]).eigenvalues
    /// [1, 2]
    "eig(x)" => |_, a| {
        let (w, v) = ops::eig(&a.expr(0)?)?;
        record([("eigenvalues", w), ("eigenvectors", v)])
    };

    /// Eigenvalues, ascending, of square matrices whose eigenvalues are real.
    ///
    /// > eigvals([[2, 1], [0, 1]])
    /// [1, 2]
    "eigvals(x)" => |_, a| done(ops::eig(&a.expr(0)?)?.0);

    /// U, S and Vh with `(U * S) @ Vh == x`, singular values descending. With `full_matrices` U and Vh are square; their
    /// gradient needs `full_matrices=false`.
    ///
    /// > svd([[3, 0], [0, 4]]).S
    /// [4, 3]
    "svd(x, full_matrices=true)" => |_, a| {
        let [u, s, vh] = ops::svd(&a.expr(0)?, a.bool(1)?)?;
        record([("U", u), ("S", s), ("Vh", vh)])
    };

    /// Singular values, descending.
    ///
    /// > svdvals([[3, 0], [0, 4]])
    /// [4, 3]
    "svdvals(x)" => |_, a| { let [_, s, _] = ops::svd(&a.expr(0)?, false)?; done(s) };

    /// Sign of the determinant and logarithm of its size, where the determinant itself would be out of range.
    ///
    /// > slogdet([[1, 0], [0, -1]])
    /// {sign: -1, logabsdet: 0}
    "slogdet(x)" => |_, a| {
        let (sign, log) = ops::slogdet(&a.expr(0)?)?;
        record([("sign", sign), ("logabsdet", log)])
    };
}

/// The axes of x and y that are contracted.
fn pairs(a: &Args, x: &Expr, y: &Expr) -> Result<(Vec<usize>, Vec<usize>)> {
    let wrong = |f| a.wrong(2, f);
    let (left, right): (Vec<i64>, Vec<i64>) = match a.get(2) {
        Value::Tuple(t) => match &t[..] {
            [l, r] => (l.to_ints().map_err(wrong)?, r.to_ints().map_err(wrong)?),
            _ => return Err(wrong(Fault::new("expected an int or two tuples of axes"))),
        },
        _ => {
            let n = a.size(2)?;
            if n > x.rank() || n > y.rank() {
                let fault =
                    Fault::new(format!("tensordot: {} of shapes {} and {}", counted(n, "axis"), x.shape(), y.shape()));
                return Err(fault.hint("axes=1 is the matrix product"));
            }
            ((0..n as i64).map(|i| x.rank() as i64 - n as i64 + i).collect(), (0..n as i64).collect())
        }
    };
    if left.len() != right.len() {
        return Err(Fault::new(format!("tensordot: {} of x for {} of y", counted(left.len(), "axis"), right.len())));
    }
    let axes = |e: &Expr, given: &[i64]| given.iter().map(|&k| e.shape().axis(k)).collect::<Result<Vec<_>>>();
    Ok((axes(x, &left).map_err(wrong)?, axes(y, &right).map_err(wrong)?))
}

/// The contraction in einsum's words.
fn spec(m: usize, n: usize, left: &[usize], right: &[usize]) -> Result<String> {
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    if m + n > letters.len() {
        return Err(Fault::new("tensordot: too many axes"));
    }
    let x = &letters[..m];
    let other = |k: usize| right.iter().position(|&r| r == k);
    let y: Vec<char> = (0..n).map(|k| other(k).map_or(letters[m + k], |i| x[left[i]])).collect();
    let free =
        (0..m).filter(|k| !left.contains(k)).map(|k| x[k]).chain((0..n).filter(|k| !right.contains(k)).map(|k| y[k]));
    let out: String = free.collect();
    Ok(format!("{},{}->{out}", x.iter().collect::<String>(), y.iter().collect::<String>()))
}
