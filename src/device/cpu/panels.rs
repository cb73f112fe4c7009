//! Products of large matrices on CPUs with AVX2: both sides packed in panels, tiles summed in registers (`simd::product`).
//!
//! In: two matrices of any layout. Out: their product, row-major. The depth is cut into panels of some 256, so that a tile's part of
//! the second side stays in the first-level cache while the rows go by, and a block of rows of the first side in the second-level
//! one (after Goto and van de Geijn 2008). The team packs both sides of a panel, then shares the blocks of the result.
//! An element's products are summed in the order of the depth, which alone decides how they are cut: neither the number of
//! threads nor the place of an element shows in its bits.
//!
//! TRIED with AVX-512 on an Ice Lake: tiles of 12 rows and two vectors, panels of 128, 192, 256 and 320 steps. The tile alone, from the first-level
//! cache, reaches 80 and 165 GFLOP/s (peak 89 and 178), but in blocks 45 and 110, whatever is asked for ahead, where the crate gemm has 62 to 76
//! and 130 to 150 (f64 and f32, 1024 columns): there the crate stays.
//!
//! Floor: 2·m·n·k over the multiply-add peak. On a Zen 3, one thread, GFLOP/s, f64 and f32 of 49 and 98: 256 columns 39 and 80 (the crate
//! gemm 33 to 40 and 73), 1024 41 and 82 (37 and 74), 2048 38 and 77 (32 and 64); NumPy's OpenBLAS 38 and 79. Medians on a noisy day: see docs/performance.md.

use super::simd::{ROWS, Tile};
use super::tasks::{self, Shared};
use crate::base::ahead::{self, LINE};
use crate::base::{Buffer, Result};

/// The most steps of depth in a panel: what a tile reads of the second side is then 20 KB.
const DEPTH: usize = 320;
/// The most rows and columns whose panels are packed at once. Every block reads the columns' panel, which the last cache should hold (6 MB of
/// f64); of the rows' panel each reads its own part, and fewer, longer ones leave the team fewer times to wait for each other.
const MOST: (usize, usize) = (4096, 2400);
/// Bytes of the first side's panel that a block of the result goes through again and again: part of a second-level cache.
const BLOCK: usize = 300 << 10;
/// Rows and columns of a block at least: what is read of the second side should be used a few times, and a row of a block is gone
/// through by what follows the product.
const LEAST: (usize, usize) = (4 * ROWS, 256);

/// Pieces that the last block of each of the team is cut into, and the fewest columns of one: who is done takes some of them from the other, and
/// waits less for it in the end.
const FINE: (usize, usize) = (8, 64);

/// Strips that are packed together: lines of the cache that lie in a row.
const BESIDE: usize = 4;

/// A matrix in memory: its first element, and how many elements the next row and the next column are away.
#[derive(Clone, Copy)]
pub struct Side<T> {
    pub at: *mut T,
    pub row: isize,
    pub column: isize,
}

// SAFETY: a place only; who reads or writes there promises to be the only one who writes.
unsafe impl<T> Sync for Side<T> {}

impl<T> Side<T> {
    /// What begins at a row and a column.
    pub fn from(self, row: usize, column: usize) -> Side<T> {
        let by = row as isize * self.row + column as isize * self.column;
        Side { at: self.at.wrapping_offset(by), ..self }
    }

    /// Columns for rows.
    pub fn turned(self) -> Side<T> {
        Side { at: self.at, row: self.column, column: self.row }
    }
}

/// `c = a @ b`: m rows, n columns, a depth of k. `c` is row-major, its rows `n` apart.
#[derive(Clone, Copy)]
pub struct Panels<T> {
    pub tile: Tile,
    /// Of a tile.
    pub columns: usize,
    pub a: Side<T>,
    pub b: Side<T>,
    pub c: *mut T,
    pub sizes: (usize, usize, usize),
    /// Whether something is done with each block: then rows stay whole. TRIED: blocks of 32 to 256 KB for that, so that it finds them in
    /// the second-level cache: a training loop's step took as long.
    pub followed: bool,
}

// SAFETY: places only; who writes there promises to be the only one.
unsafe impl<T> Sync for Panels<T> {}

/// What a panel's numbers are.
pub trait Number: Copy + Default + std::ops::Add<Output = Self> {}
impl Number for f32 {}
impl Number for f64 {}

/// A part of a side: from where on, and how many.
type Part = (usize, usize);

/// Equal parts of at most so many.
fn parts(all: usize, most: usize, multiple: usize) -> impl Iterator<Item = Part> {
    let each = all.div_ceil(all.div_ceil(most).max(1)).next_multiple_of(multiple).max(1);
    (0..all).step_by(each).map(move |at| (at, each.min(all - at)))
}

/// Whether this is how products of these sizes are computed. For thin and small ones it is much to pack, and the crate is quicker (128
/// columns of f64: 42 and 38 GFLOP/s).
pub fn suits((m, n, k): (usize, usize, usize)) -> bool {
    const SIDES: usize = 96;
    const WORK: usize = 15_000_000;
    m.min(n).min(k) >= SIDES && m.saturating_mul(n).saturating_mul(k) >= WORK
}

impl<T: Number> Panels<T> {
    /// Computes it, with the team unless it is busy. `follow` is called with the first row, first column, rows and columns of
    /// each block that is done.
    ///
    /// # Safety
    /// The sides lie in memory; nobody else touches `c`, and what `follow` touches of it is its block.
    pub unsafe fn run(&self, follow: impl Fn((usize, usize), (usize, usize)) + Sync) -> Result<()> {
        let (m, n, k) = self.sizes;
        let room = |side: usize, multiple: usize| {
            let side = side.next_multiple_of(multiple) + multiple;
            Buffer::new(side * k.min(DEPTH) * size_of::<T>())
        };
        let (a, b) = (room(m.min(MOST.0), ROWS)?, room(n.min(MOST.1), self.columns)?);
        let (packed_a, packed_b) = (Shared(a.ptr().cast::<T>()), Shared(b.ptr().cast::<T>()));
        for columns in parts(n, MOST.1, self.columns) {
            for depth in parts(k, DEPTH, 1) {
                for rows in parts(m, MOST.0, ROWS) {
                    // SAFETY: the caller's; the rooms hold a panel each.
                    unsafe {
                        if rows.0 == 0 {
                            self.pack(self.b.turned(), depth, columns, self.columns, packed_b)?;
                        }
                        self.pack(self.a, depth, rows, ROWS, packed_a)?;
                        self.blocks(rows, columns, depth, packed_a, packed_b, &follow)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Packs some rows of a side, `together` at a time, step by step of the depth; the last ones are filled up with zeros.
    ///
    /// # Safety
    /// They are there, and so is the room.
    unsafe fn pack(&self, side: Side<T>, (l, k): Part, (i, m): Part, together: usize, to: Shared<T>) -> Result<()> {
        // Some 64 KB a task.
        let some = ((64 << 10) / (together * k * size_of::<T>())).max(BESIDE) * together;
        tasks::run(m.div_ceil(some), m * k / 2, |t| {
            // Whole, not field by field.
            let (to, side) = (to, side);
            let (mut at, end) = (t * some, ((t + 1) * some).min(m));
            while at < end {
                // SAFETY: the caller's; each strip is one task's.
                unsafe {
                    let (from, to) = (side.from(i + at, l), to.get().add(at * k));
                    at += match (together, end - at >= BESIDE * together && side.row == 1) {
                        (8, true) => strips::<T, 8>(from, k, to),
                        (16, true) => strips::<T, 16>(from, k, to),
                        _ => strip(from, together.min(m - at), together, k, to),
                    };
                }
            }
        })
    }

    /// The blocks of so many rows and columns: enough for everybody, if that can be, and the last ones of everybody's share in finer pieces.
    /// How they are cut does not show in the bits.
    fn pieces(&self, rows: usize, columns: usize, depth: usize) -> Vec<(Part, Part)> {
        let threads = tasks::threads();
        let wanted = if threads == 1 { 1 } else { 4 * threads };
        let most = (BLOCK / (depth * size_of::<T>())).min(rows.div_ceil(wanted)).max(LEAST.0);
        let down: Vec<Part> = parts(rows, most, ROWS).collect();
        let most = columns.div_ceil(wanted.div_ceil(down.len())).max(LEAST.1);
        let across: Vec<Part> = parts(columns, most, self.columns).collect();
        let count = down.len() * across.len();
        let mut pieces = Vec::with_capacity(count + threads * FINE.0);
        for block in 0..count {
            let (down, (j, n)) = (down[block / across.len()], across[block % across.len()]);
            // The team's shares are the blocks in order, in as many parts as it has threads. What follows likes whole rows.
            if self.followed || threads == 1 || (block + 1) * threads / count == block * threads / count {
                pieces.push((down, (j, n)));
            } else {
                let fine = parts(n, n.div_ceil(FINE.0).max(FINE.1), self.columns);
                pieces.extend(fine.map(|(at, some)| (down, (j + at, some))));
            }
        }
        pieces
    }

    /// Multiplies packed panels.
    ///
    /// # Safety
    /// As `run`; the panels hold these rows and columns.
    unsafe fn blocks(
        &self,
        rows: Part,
        columns: Part,
        (l, k): Part,
        a: Shared<T>,
        b: Shared<T>,
        follow: &(impl Fn((usize, usize), (usize, usize)) + Sync),
    ) -> Result<()> {
        let done = l + k == self.sizes.2;
        let pieces = self.pieces(rows.1, columns.1, k);
        let work = 2 * rows.1 * columns.1 * k;
        tasks::run(pieces.len(), work / 40, |p| {
            let (a, b) = (a, b);
            let ((i, m), (j, n)) = pieces[p];
            let strip = k * self.columns * size_of::<T>();
            let share = strip.div_ceil(m.div_ceil(ROWS)).next_multiple_of(LINE);
            for y in (j..j + n).step_by(self.columns) {
                let next = b.get().wrapping_add((y + self.columns) * k).cast::<u8>();
                for (t, x) in (i..i + m).step_by(ROWS).enumerate() {
                    // Each tile asks for its share of what the next ones read of the second side.
                    ahead::all_to_read(next.wrapping_add(t * share), share.min(strip.saturating_sub(t * share)));
                    // SAFETY: the caller's; each block is one task's.
                    unsafe {
                        let size = (ROWS.min(rows.1 - x), self.columns.min(columns.1 - y));
                        let (a, b) = (a.get().add(x * k), b.get().add(y * k));
                        self.tile(a, b, k, (rows.0 + x, columns.0 + y), size, l > 0);
                    }
                }
            }
            if done {
                follow((rows.0 + i, columns.0 + j), (m, n));
            }
        })
    }

    /// One tile, or what there is of it at an edge.
    ///
    /// # Safety
    /// As `blocks`.
    unsafe fn tile(
        &self,
        a: *const T,
        b: *const T,
        k: usize,
        (i, j): (usize, usize),
        (m, n): (usize, usize),
        adds: bool,
    ) {
        let row = self.sizes.1;
        // SAFETY: the caller's; the largest tile is that of f32.
        unsafe {
            let c = self.c.add(i * row + j);
            if (m, n) == (ROWS, self.columns) {
                return (self.tile)(k, a.cast(), b.cast(), c.cast(), row, adds);
            }
            let mut whole = [T::default(); ROWS * 16];
            (self.tile)(k, a.cast(), b.cast(), whole.as_mut_ptr().cast(), self.columns, false);
            for r in 0..m {
                for q in 0..n {
                    let (to, sum) = (c.add(r * row + q), whole[r * self.columns + q]);
                    to.write(if adds { to.read() + sum } else { sum });
                }
            }
        }
    }
}

/// Packs `BESIDE` strips of rows that lie side by side, and asks for what lies some steps on: a row of the matrix from one step to the next is
/// further than a CPU looks ahead by itself. How many rows it packed.
///
/// # Safety
/// As `strip`, for each.
unsafe fn strips<T: Number, const R: usize>(side: Side<T>, k: usize, to: *mut T) -> usize {
    const STEPS: isize = 16;
    for l in 0..k {
        let from = side.at.wrapping_offset(l as isize * side.column);
        ahead::all_to_read(from.wrapping_offset(STEPS * side.column).cast(), BESIDE * R * size_of::<T>());
        for s in 0..BESIDE {
            // SAFETY: the caller's.
            unsafe {
                let some = from.add(s * R).cast::<[T; R]>().read_unaligned();
                to.add((s * k + l) * R).cast::<[T; R]>().write_unaligned(some);
            }
        }
    }
    BESIDE * R
}

/// Packs `m` rows, filled up to `together`; how many that makes.
///
/// # Safety
/// The rows have `k` elements, and there is room for as many columns of `together`.
unsafe fn strip<T: Number>(side: Side<T>, m: usize, together: usize, k: usize, to: *mut T) -> usize {
    // SAFETY: the caller's.
    unsafe {
        match together {
            ROWS if m == ROWS => whole_strip::<T, ROWS>(side, k, to),
            8 if m == 8 => whole_strip::<T, 8>(side, k, to),
            16 if m == 16 => whole_strip::<T, 16>(side, k, to),
            _ => {
                for l in 0..k {
                    for r in 0..together {
                        let from = side.at.wrapping_offset(r as isize * side.row + l as isize * side.column);
                        to.add(l * together + r).write(if r < m { from.read() } else { T::default() });
                    }
                }
            }
        }
    }
    together
}

/// # Safety
/// As `strip`.
unsafe fn whole_strip<T: Number, const R: usize>(side: Side<T>, k: usize, to: *mut T) {
    // SAFETY: the caller's.
    unsafe {
        let to = to.cast::<[T; R]>();
        if side.row == 1 {
            for l in 0..k {
                to.add(l).write(side.at.offset(l as isize * side.column).cast::<[T; R]>().read_unaligned());
            }
            return;
        }
        let rows: [*const T; R] = std::array::from_fn(|r| side.at.offset(r as isize * side.row).cast_const());
        for l in 0..k {
            to.add(l).write(rows.map(|row| row.offset(l as isize * side.column).read()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd;
    use super::*;
    use crate::base::DType;

    /// Sums of products of small whole numbers are exact, in any order.
    fn check<T: Number + From<i8> + PartialEq + std::fmt::Debug>(
        dtype: DType,
        sizes: (usize, usize, usize),
        lies: [bool; 2],
        followed: bool,
    ) {
        let Some((tile, columns)) = simd::tile(dtype) else { return };
        let (m, n, k) = sizes;
        let number = |i: usize, j: usize, seed: usize| T::from(((i * 7 + j * 13 + seed) % 5) as i8 - 2);
        let lay = |rows: usize, columns: usize, turned: bool, seed: usize| -> Vec<T> {
            let at = |p: usize| if turned { (p % rows, p / rows) } else { (p / columns, p % columns) };
            (0..rows * columns).map(|p| number(at(p).0, at(p).1, seed)).collect()
        };
        let (a, b) = (lay(m, k, lies[0], 0), lay(k, n, lies[1], 3));
        let side = |at: &[T], rows: usize, columns: usize, turned: bool| {
            let (row, column) = if turned { (1, rows as isize) } else { (columns as isize, 1) };
            Side { at: at.as_ptr().cast_mut(), row, column }
        };
        let mut c = vec![T::from(99); m * n];
        let seen = std::sync::Mutex::new(vec![0u8; m * n]);
        let (a, b) = (side(&a, m, k, lies[0]), side(&b, k, n, lies[1]));
        let all = Panels { tile, columns, a, b, c: c.as_mut_ptr(), sizes, followed };
        let follow = |(i, j): (usize, usize), (rows, columns): (usize, usize)| {
            let mut seen = seen.lock().unwrap();
            (0..rows).for_each(|r| (0..columns).for_each(|q| seen[(i + r) * n + j + q] += 1));
        };
        // SAFETY: the sides are these vectors.
        unsafe { all.run(follow).unwrap() };
        assert!(seen.into_inner().unwrap().iter().all(|&times| times == 1), "{sizes:?}");
        for (p, &got) in c.iter().enumerate() {
            let products = (0..k)
                .map(|l| (((p / n) * 7 + l * 13) % 5) as i32 - 2)
                .zip((0..k).map(|l| ((l * 7 + (p % n) * 13 + 3) % 5) as i32 - 2));
            let want: i32 = products.map(|(x, y)| x * y).sum();
            let sum = (0..want.abs()).fold(T::default(), |s, _| s + T::from(want.signum() as i8));
            assert_eq!(got, sum, "{sizes:?} at {p}");
        }
    }

    #[test]
    fn every_size_and_layout_is_multiplied_and_every_block_followed() {
        for sizes in
            [(6, 16, 1), (24, 32, 33), (25, 33, 321), (47, 70, 700), (131, 515, 40), (4110, 33, 32), (30, 2435, 35)]
        {
            for lies in [[false, false], [true, false], [false, true], [true, true]] {
                check::<f64>(DType::F64, sizes, lies, false);
                check::<f32>(DType::F32, sizes, lies, true);
            }
        }
    }
}
