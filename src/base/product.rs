//! Products of small matrices.
//!
//! In: two matrices of any layout. Out: their product, row-major. A library's product of 8 by 8 spends most of its time on
//! finding out how to do it. Sums go along the inner size in order, fused multiply-adds where the CPU has them; a product
//! of the same sizes is computed here whoever asks, so it has the same bits.
//! Floor: 2·m·n·k operations over the multiply-add peak.

use super::DType;
use super::math::{BaseFma, Fma, Isa};

/// Multiplications from which a library's product is as fast.
const MOST: usize = 4096;
/// Elements of a row that are summed side by side, and rows.
const W: usize = 8;
const ROWS: usize = 4;

/// A matrix in memory: its first element, and how far the next row and the next column are, in elements.
#[derive(Clone, Copy)]
pub struct Side {
    pub at: *const u8,
    pub row: isize,
    pub column: isize,
}

/// Multiplies `[m, k]` by `[k, n]` into `m * n` elements, row-major.
pub type Product = unsafe fn(a: Side, b: Side, c: *mut u8, m: usize, n: usize, k: usize);

/// The product of matrices of these sizes, if they are small.
pub fn small(dtype: DType, m: usize, n: usize, k: usize) -> Option<Product> {
    if m.saturating_mul(n).saturating_mul(k) > MOST {
        return None;
    }
    match (dtype, Isa::chosen()) {
        #[cfg(target_arch = "x86_64")]
        (DType::F64, Isa::Avx2 | Isa::Avx512) => Some(avx2::<f64>),
        #[cfg(target_arch = "x86_64")]
        (DType::F32, Isa::Avx2 | Isa::Avx512) => Some(avx2::<f32>),
        (DType::F64, _) => Some(plain::<f64>),
        (DType::F32, _) => Some(plain::<f32>),
        _ => None,
    }
}

trait Number: Copy {
    const ZERO: Self;
    /// `self * a + b`; rounded once if `FUSED`.
    fn with<const FUSED: bool>(self, a: Self, b: Self) -> Self;
}

macro_rules! number {
    ($t:ty) => {
        impl Number for $t {
            const ZERO: $t = 0.0;
            #[inline(always)]
            fn with<const FUSED: bool>(self, a: $t, b: $t) -> $t {
                if FUSED { self.mul_add(a, b) } else { self * a + b }
            }
        }
    };
}
number!(f32);
number!(f64);

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<T: Number>(a: Side, b: Side, c: *mut u8, m: usize, n: usize, k: usize) {
    // SAFETY: passed on.
    unsafe { product::<T, true>(a, b, c, m, n, k) }
}

unsafe fn plain<T: Number>(a: Side, b: Side, c: *mut u8, m: usize, n: usize, k: usize) {
    // SAFETY: passed on.
    unsafe { product::<T, { BaseFma::FMA }>(a, b, c, m, n, k) }
}

#[inline(always)]
unsafe fn product<T: Number, const FUSED: bool>(a: Side, b: Side, c: *mut u8, m: usize, n: usize, k: usize) {
    let mut packed: Vec<T> = vec![];
    let (mut at, mut row) = (b.at.cast::<T>(), b.row);
    if b.column != 1 && n > 1 {
        // Rows of the second matrix next to each other.
        let element = |l: usize, j: usize| at.wrapping_offset(l as isize * b.row + j as isize * b.column);
        // SAFETY: the layout stays inside its array.
        packed.extend((0..k * n).map(|i| unsafe { element(i / n, i % n).read() }));
        (at, row) = (packed.as_ptr(), n as isize);
    }
    let rest = Rest { a: [a.row, a.column], b: row, n, k };
    for i in (0..m / ROWS * ROWS).step_by(ROWS) {
        // SAFETY: the rows are there.
        unsafe { rows::<T, FUSED, ROWS>(a.at.cast(), at, c.cast(), i, &rest) };
    }
    for i in m / ROWS * ROWS..m {
        // SAFETY: as above.
        unsafe { rows::<T, FUSED, 1>(a.at.cast(), at, c.cast(), i, &rest) };
    }
}

/// Strides of the first matrix, the second one's rows, and sizes.
struct Rest {
    a: [isize; 2],
    b: isize,
    n: usize,
    k: usize,
}

/// `R` rows of the product from row `i` on.
#[inline(always)]
unsafe fn rows<T: Number, const FUSED: bool, const R: usize>(a: *const T, b: *const T, c: *mut T, i: usize, s: &Rest) {
    // SAFETY: the caller's.
    unsafe {
        let a = a.offset(i as isize * s.a[0]);
        for j in (0..s.n / W * W).step_by(W) {
            tile::<T, FUSED, R, W>(a, b.add(j), c.add(i * s.n + j), s);
        }
        for j in s.n / W * W..s.n {
            tile::<T, FUSED, R, 1>(a, b.add(j), c.add(i * s.n + j), s);
        }
    }
}

#[inline(always)]
unsafe fn tile<T: Number, const FUSED: bool, const R: usize, const C: usize>(
    a: *const T,
    b: *const T,
    c: *mut T,
    s: &Rest,
) {
    let mut sums = [[T::ZERO; C]; R];
    // SAFETY: the caller's.
    unsafe {
        for l in 0..s.k as isize {
            let y = b.offset(l * s.b).cast::<[T; C]>().read();
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = *a.offset(r as isize * s.a[0] + l * s.a[1]);
                for (sum, y) in sums.iter_mut().zip(y) {
                    *sum = x.with::<FUSED>(y, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            c.add(r * s.n).cast::<[T; C]>().write(*sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_three_loops_whatever_lies_how() {
        for (m, n, k) in [(1, 1, 1), (8, 8, 8), (5, 9, 3), (4, 17, 2), (1, 30, 7), (13, 1, 6), (3, 4, 0)] {
            for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
                let a: Vec<f64> = (0..m * k).map(|i| (i * 7 % 11) as f64 - 5.0).collect();
                let b: Vec<f64> = (0..k * n).map(|i| (i * 5 % 13) as f64 - 6.0).collect();
                let side = |v: &[f64], rows: usize, columns: usize, turned: bool| Side {
                    at: v.as_ptr().cast(),
                    row: if turned { 1 } else { columns as isize },
                    column: if turned { rows as isize } else { 1 },
                };
                let (sa, sb) = (side(&a, m, k, ta), side(&b, k, n, tb));
                let mut c = vec![f64::NAN; m * n];
                let product = small(DType::F64, m, n, k).expect("small");
                // SAFETY: the sizes are those of the vectors.
                unsafe { product(sa, sb, c.as_mut_ptr().cast(), m, n, k) };
                for (at, &found) in c.iter().enumerate() {
                    let (i, j) = ((at / n) as isize, (at % n) as isize);
                    let x = |l: isize| a[(i * sa.row + l * sa.column) as usize];
                    let y = |l: isize| b[(l * sb.row + j * sb.column) as usize];
                    let sum: f64 = (0..k as isize).map(|l| x(l) * y(l)).sum();
                    assert_eq!(found, sum, "[{m}, {k}] @ [{k}, {n}] at {i}, {j}");
                }
            }
        }
        assert!(small(DType::F64, 64, 64, 64).is_none());
    }
}
