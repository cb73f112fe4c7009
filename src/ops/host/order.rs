//! Sorting: elements become 64-bit keys whose order as unsigned ints is the order wanted, nan last in both directions.
//!
//! Comparing keys needs no branches, and a key beside its position is a stable sort by any sort. Lanes are sorted in
//! parallel; a single long lane by rayon's merge sort. Both give one answer for any number of threads.

use rayon::prelude::*;

use crate::base::{Elem, Half, Result, interrupt};

/// A single lane at least this long is sorted by several threads.
const LONG: usize = 1 << 14;
/// Blocks smaller than this together are not worth a thread.
const SMALL: usize = 1 << 12;

/// An element as a sortable word and back.
pub trait Key: Elem {
    /// Ascending in the element, or descending where asked; nan is the largest word either way.
    fn key(self, descending: bool) -> u64;
    /// The element of a key made with the same direction.
    fn of_key(key: u64, descending: bool) -> Self;
    /// -0 made 0: the two compare equal.
    fn plain(self) -> Self {
        self
    }
}

impl Key for bool {
    fn key(self, descending: bool) -> u64 {
        (self != descending) as u64
    }
    fn of_key(key: u64, descending: bool) -> bool {
        (key != 0) != descending
    }
}

impl Key for i64 {
    fn key(self, descending: bool) -> u64 {
        let key = self as u64 ^ 1 << 63;
        if descending { !key } else { key }
    }
    fn of_key(key: u64, descending: bool) -> i64 {
        ((if descending { !key } else { key }) ^ 1 << 63) as i64
    }
}

macro_rules! float_key {
    ($($t:ty, $bits:ty;)+) => { $(impl Key for $t {
        fn key(self, descending: bool) -> u64 {
            if self.is_nan() {
                return u64::MAX;
            }
            const SIGN: $bits = 1 << (<$bits>::BITS - 1);
            let bits = self.to_bits();
            let key = if bits & SIGN != 0 { !bits } else { bits | SIGN };
            (if descending { !key } else { key }) as u64
        }
        fn of_key(key: u64, descending: bool) -> $t {
            if key == u64::MAX {
                return <$t>::NAN;
            }
            const SIGN: $bits = 1 << (<$bits>::BITS - 1);
            let key = if descending { !(key as $bits) } else { key as $bits };
            <$t>::from_bits(if key & SIGN != 0 { key & !SIGN } else { !key })
        }
        fn plain(self) -> $t {
            self + 0.0
        }
    })+ };
}
/// As the f32 of the same value.
impl Key for Half {
    fn key(self, descending: bool) -> u64 {
        self.to_f32().key(descending)
    }
    fn of_key(key: u64, descending: bool) -> Half {
        Half::from_f32(f32::of_key(key, descending))
    }
    fn plain(self) -> Half {
        Half::from_f32(self.to_f32().plain())
    }
}
float_key! { f32, u32; f64, u64; }

/// Sorts every lane along the middle of (blocks, lane length, step).
pub fn sort<T: Key>(x: &[T], out: &mut [T], around: (usize, usize, usize), descending: bool) -> Result<()> {
    lanes(x, out, around, |lane, long| {
        let mut keys: Vec<u64> = lane.map(|x| x.key(descending)).collect();
        ordered(&mut keys, long);
        keys.into_iter().map(move |k| T::of_key(k, descending))
    })
}

/// The positions that would sort every lane; equal elements stay in order.
pub fn argsort<T: Key>(x: &[T], out: &mut [i64], around: (usize, usize, usize), descending: bool) -> Result<()> {
    lanes(x, out, around, |lane, long| {
        let mut pairs: Vec<(u64, i64)> = lane.zip(0..).map(|(x, i)| (x.plain().key(descending), i)).collect();
        ordered(&mut pairs, long);
        pairs.into_iter().map(|(_, i)| i)
    })
}

/// Sorts one lane. One that takes longer than a tenth of a second looks for Ctrl-C while comparing and then unwinds
/// (quietly: no panic is reported); whoever launched this asks again and finds the interrupt.
fn ordered<K: Ord + Send>(keys: &mut [K], long: bool) {
    const SLOW: usize = 1 << 21;
    if keys.len() >= SLOW {
        let stoppable = || {
            keys.par_sort_unstable_by(|a, b| {
                if interrupt::asked() {
                    std::panic::resume_unwind(Box::new("interrupted"));
                }
                a.cmp(b)
            });
        };
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(stoppable));
    } else if long {
        keys.par_sort_unstable();
    } else {
        keys.sort_unstable();
    }
}

/// Runs `work` on every lane and stores what it gives.
fn lanes<T: Elem, R: Elem, I>(
    x: &[T],
    out: &mut [R],
    (blocks, n, step): (usize, usize, usize),
    work: impl Fn(&mut dyn Iterator<Item = T>, bool) -> I + Sync,
) -> Result<()>
where
    I: Iterator<Item = R>,
{
    if x.is_empty() {
        return Ok(());
    }
    let alone = blocks * step == 1 && n >= LONG;
    let block = n * step;
    let together = (SMALL / block).max(1);
    out.par_chunks_mut(block).zip(x.par_chunks(block)).with_min_len(together).try_for_each(|(out, x)| {
        interrupt::check()?;
        // A long lane takes a second to be read into fresh memory and to be written, so both stop when asked to.
        let goes_on = || !interrupt::asked();
        for k in 0..step {
            let sorted = work(&mut x[k..].iter().step_by(step).copied().take_while(|_| goes_on()), alone);
            interrupt::check()?;
            let stored = out[k..].iter_mut().step_by(step).zip(sorted).take_while(|_| goes_on());
            stored.for_each(|(slot, value)| *slot = value);
        }
        Ok(())
    })
}

/// For each value the position where it would be put into `sorted`: before its equals, or after them.
pub fn search<T: Key>(sorted: &[T], values: &[T], out: &mut [i64], right: bool) {
    let find = |(slot, v): (&mut i64, &T)| {
        let key = v.plain().key(false);
        let before = |s: &T| {
            let s = s.plain().key(false);
            if right { s <= key } else { s < key }
        };
        *slot = sorted.partition_point(before) as i64;
    };
    if values.len() < SMALL {
        out.iter_mut().zip(values).for_each(find);
    } else {
        out.par_iter_mut().zip(values).for_each(find);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_order_and_come_back() {
        let x = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
        for w in x.windows(2) {
            assert!(w[0].key(false) < w[1].key(false), "{w:?}");
        }
        for w in x[..7].windows(2) {
            assert!(w[0].key(true) > w[1].key(true), "{w:?}");
        }
        for v in x {
            assert_eq!(f64::of_key(v.key(true), true).to_bits(), v.to_bits());
            assert_eq!(f32::of_key((v as f32).key(false), false).to_bits(), (v as f32).to_bits());
        }
        assert_eq!(f32::NAN.key(true), u64::MAX);
        assert_eq!(i64::of_key(i64::MIN.key(true), true), i64::MIN);
        assert!((-3i64).key(false) < 2i64.key(false));
        assert!(bool::of_key(true.key(true), true));
    }

    #[test]
    fn lanes_sort_along_any_axis() {
        let x = [3.0, 1.0, f64::NAN, 2.0, 0.0, -1.0];
        let mut out = [0.0; 6];
        sort(&x, &mut out, (1, 3, 2), false).unwrap();
        // Columns 3, nan, 0 and 1, 2, -1.
        assert_eq!(out[..4], [0.0, -1.0, 3.0, 1.0]);
        assert!(out[4].is_nan() && out[5] == 2.0);
        let mut order = [0i64; 6];
        argsort(&x, &mut order, (2, 3, 1), true).unwrap();
        assert_eq!(order, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_long_lane_is_stable() {
        let x: Vec<i64> = (0..50_000).map(|i| (i * 7919) % 100).collect();
        let mut order = vec![0i64; x.len()];
        argsort(&x, &mut order, (1, x.len(), 1), true).unwrap();
        let fine = order.windows(2).all(|w| {
            let (a, b) = (x[w[0] as usize], x[w[1] as usize]);
            a > b || (a == b && w[0] < w[1])
        });
        assert!(fine);
    }

    #[test]
    fn search_finds_both_sides() {
        let mut out = [0i64; 4];
        search(&[1.0, 2.0, 2.0, f64::NAN], &[2.0, 0.0, -0.0, f64::NAN], &mut out, false);
        assert_eq!(out, [1, 0, 0, 3]);
        search(&[1.0, 2.0, 2.0, f64::NAN], &[2.0, 0.0, 1.0, f64::NAN], &mut out, true);
        assert_eq!(out, [3, 0, 1, 4]);
    }
}
