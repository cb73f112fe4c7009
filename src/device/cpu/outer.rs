//! Products of a column and a row: each element is one multiplication, and all of the time goes into writing.
//!
//! In: two vectors. Out: their outer product, row by row. Floor: the result's bytes over the memory's bandwidth.

use super::call::PIECE;
use super::panels::Side;
use super::simd::BasicLane;
use super::tasks::{self, Shared};
use super::thin::gathered;
use crate::base::Result;
use crate::base::ahead::LINE;
use crate::base::past::{self, Maker};

/// Elements of a task.
const TASK: usize = 1 << 15;
/// Columns from which a row is worth a call.
const ROW: usize = 32;

/// `out = column @ row`, row-major.
pub struct OuterProduct<T> {
    pub column: Side<T>,
    pub row: Side<T>,
    pub out: *mut T,
    /// Rows and columns of the result.
    pub sizes: (usize, usize),
}

// SAFETY: places only; who writes there promises to be the only one.
unsafe impl<T> Sync for OuterProduct<T> {}

impl<T: Copy + Default> OuterProduct<T> {
    /// Whether it is computed here; else the crate does it.
    pub fn suits(&self) -> bool {
        self.sizes.0 > 1 && self.sizes.1 >= ROW
    }

    /// Computes it, with the team unless it is busy: `lane` multiplies two operands and adds a third, which makes the zeros those of a sum
    /// that begins with 0. `follow`, where something follows, is called with the first row and column, and rows and columns, of each piece
    /// that is done.
    ///
    /// # Safety
    /// The sides lie in memory; nobody else touches `out`, and what `follow` touches of it is its piece.
    pub unsafe fn run(
        &self,
        lane: BasicLane,
        follow: Option<impl Fn((usize, usize), (usize, usize)) + Sync>,
    ) -> Result<()> {
        let (m, n) = self.sizes;
        let size = size_of::<T>();
        let copied = (self.row.column != 1).then(|| gathered(self.row.at, self.row.column, n)).transpose()?;
        let row = Shared(copied.as_ref().map_or(self.row.at, |b| b.ptr().cast()));
        let out = Shared(self.out);
        let past = follow.is_none() && past::pays(m * n * size, Maker::Arithmetic);
        let columns = n.min(TASK);
        let rows = TASK / columns;
        let across = n.div_ceil(columns);
        tasks::run(m.div_ceil(rows) * across, (m * n * size / 10).max(1), |p| {
            let (row, out, zero) = (row, out, T::default());
            let (i, j) = (p / across * rows, p % across * columns);
            let (some, count) = (rows.min(m - i), columns.min(n - j));
            let mut piece = [const { std::mem::MaybeUninit::<u64>::uninit() }; PIECE / 8];
            for i in i..i + some {
                let number = self.column.from(i, 0).at;
                let to = out.get().wrapping_add(i * n + j);
                let from = row.get().wrapping_add(j);
                // SAFETY: the caller's; the mask says which operands are one number.
                let make = |at: usize, to: *mut T, count: usize| unsafe {
                    let ins = [number.cast_const().cast(), from.wrapping_add(at).cast(), (&raw const zero).cast()];
                    lane(ins.as_ptr(), 0b101, to.cast(), count);
                };
                if !past {
                    make(0, to, count);
                    continue;
                }
                // Pieces end with lines, so that most lines are written whole.
                let (mut at, mut some) = (0, (PIECE - to.addr() % LINE) / size);
                while at < count {
                    let (now, here) = (some.min(count - at), piece.as_mut_ptr().cast::<T>());
                    make(at, here, now);
                    // SAFETY: the piece was made, and belongs there.
                    unsafe { past::copy(here.cast(), to.wrapping_add(at).cast(), now * size) };
                    (at, some) = (at + now, PIECE / size);
                }
            }
            if past {
                past::done();
            }
            if let Some(follow) = &follow {
                follow((i, j), (some, count));
            }
        })
    }
}
