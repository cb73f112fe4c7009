//! Sorting: elements become 64-bit keys whose order as unsigned ints is the order wanted, nan last in both directions.
//!
//! Keys are sorted by their digits (`words`), and a key beside its position is a stable sort by any sort. Lanes are sorted in
//! parallel, a single long lane by all threads together. Both give one answer for any number of threads.

use std::hint::select_unpredictable;

use rayon::prelude::*;

use super::words;
use crate::base::{Elem, Half, Result, interrupt};

/// A single lane at least this long is sorted by several threads.
const LONG: usize = 1 << 14;
/// What is smaller than this together is not worth a thread.
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
    fn is_not_a_number(self) -> bool {
        false
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
        #[inline(always)]
        fn key(self, descending: bool) -> u64 {
            if self.is_nan() {
                return <$bits>::MAX as u64;
            }
            const SIGN: $bits = 1 << (<$bits>::BITS - 1);
            let bits = self.to_bits();
            let key = if bits & SIGN != 0 { !bits } else { bits | SIGN };
            (if descending { !key } else { key }) as u64
        }
        #[inline(always)]
        fn of_key(key: u64, descending: bool) -> $t {
            if key == <$bits>::MAX as u64 {
                return <$t>::NAN;
            }
            const SIGN: $bits = 1 << (<$bits>::BITS - 1);
            let key = if descending { !(key as $bits) } else { key as $bits };
            <$t>::from_bits(if key & SIGN != 0 { key & !SIGN } else { !key })
        }
        #[inline(always)]
        fn plain(self) -> $t {
            self + 0.0
        }
        fn is_not_a_number(self) -> bool {
            self.is_nan()
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
    fn is_not_a_number(self) -> bool {
        self.to_f32().is_nan()
    }
}
float_key! { f32, u32; f64, u64; }

/// Sorts every lane along the middle of (blocks, lane length, step).
pub fn sort<T: Key>(x: &[T], out: &mut [T], around: (usize, usize, usize), descending: bool) -> Result<()> {
    lanes(x, out, around, |lane, out, room, alone| {
        let (words, spare) = room.words(lane.len())?;
        make(words, lane, alone, |_, x| x.key(descending));
        give(out, words::order(words, spare, 0, alone), alone, |k| T::of_key(k, descending));
        Ok(())
    })
}

/// The positions that would sort every lane; equal elements stay in order.
pub fn argsort<T: Key>(x: &[T], out: &mut [i64], around: (usize, usize, usize), descending: bool) -> Result<()> {
    lanes(x, out, around, |lane, out, room, alone| positions(lane, out, room, alone, descending))
}

/// The positions of the first `k` elements of every lane in order, the smallest ones or the largest; nan counts as largest.
/// `around` is that of x.
pub fn first<T: Key>(
    x: &[T],
    out: &mut [i64],
    (blocks, n, step): (usize, usize, usize),
    k: usize,
    largest: bool,
) -> Result<()> {
    // So few that a look at each element costs more than what becomes of them.
    const SHARE: usize = 8;
    // So many are chosen from at a time.
    let most = (2 * k).max(k + 64);
    // Nan is the last word in both directions. No float has the first one.
    let key = |x: T| if largest && x.is_not_a_number() { 0 } else { x.plain().key(largest) };
    let choose = |lane: &[T]| -> Result<Vec<(u64, i64)>> {
        let mut found: Vec<(u64, i64)> = crate::base::memory::list(most, "the elements to choose from")?;
        let mut limit = u64::MAX;
        for (at, some) in lane.chunks(LONG).enumerate() {
            interrupt::check()?;
            for (i, &x) in some.iter().enumerate() {
                let key = key(x);
                if key < limit || found.len() < k {
                    found.push((key, (at * LONG + i) as i64));
                    if found.len() == most {
                        let (_, last, _) = found.select_nth_unstable(k - 1);
                        limit = last.0;
                        found.truncate(k);
                    }
                }
            }
        }
        if found.len() > k {
            found.select_nth_unstable(k - 1);
            found.truncate(k);
        }
        Ok(found)
    };
    let one = |lane: &[T], out: &mut dyn Iterator<Item = &mut i64>, alone: bool| -> Result<()> {
        let mut pairs = match k <= n / SHARE {
            true => choose(lane)?,
            false => lane.iter().map(|&x| key(x)).zip(0..).collect(),
        };
        let some = pairs.len();
        let mut spare = words::Room::new(some)?;
        let pairs = words::order(&mut pairs, spare.first(some), 0, alone);
        interrupt::check()?;
        out.zip(pairs).for_each(|(slot, (_, i))| *slot = *i);
        Ok(())
    };
    if k == 0 || x.is_empty() {
        return Ok(());
    }
    if step == 1 && blocks == 1 {
        return one(x, &mut out.iter_mut(), true);
    }
    if step == 1 {
        let all = out.par_chunks_mut(k).zip(x.par_chunks(n)).with_min_len((SMALL / n).max(1));
        return all.try_for_each(|(out, lane)| one(lane, &mut out.iter_mut(), false));
    }
    for (block, out) in x.chunks(n * step).zip(out.chunks_mut(k * step)) {
        for c in 0..step {
            let lane: Vec<T> = block[c..].iter().step_by(step).copied().collect();
            one(&lane, &mut out[c..].iter_mut().step_by(step), true)?;
        }
    }
    Ok(())
}

/// As `argsort`, of one lane: the highest 32 bits in which its keys differ are sorted beside the position in one word, and what agrees in
/// those afterwards.
fn positions<T: Key>(lane: &[T], out: &mut [i64], room: &mut Room, alone: bool, descending: bool) -> Result<()> {
    const LOW: u64 = u32::MAX as u64;
    let n = lane.len();
    let key = |x: T| x.plain().key(descending);
    let Some(first) = lane.first().map(|&x| key(x)) else { return Ok(()) };
    if n as u64 > LOW {
        let mut pairs: Vec<(u64, i64)> = crate::base::memory::list(n, "the positions to sort")?;
        pairs.extend(lane.iter().map(|&x| key(x)).zip(0..));
        let mut spare = words::Room::new(n)?;
        give(out, words::order(&mut pairs, spare.first(n), 0, alone), alone, |(_, i)| i);
        return Ok(());
    }
    let differ = |lane: &[T]| lane.iter().fold(0, |all, &x| all | (key(x) ^ first));
    let differ = if alone { lane.par_chunks(LONG).map(differ).reduce(|| 0, |a, b| a | b) } else { differ(lane) };
    let shift = (u64::BITS - differ.leading_zeros()).saturating_sub(32);
    let (words, spare) = room.words(n)?;
    make(words, lane, alone, |i, x| key(x) >> shift << 32 | i as u64);
    let words = words::order(words, spare, 32, alone);
    if interrupt::asked() {
        return Ok(());
    }
    let mut i = 1;
    while shift > 0 && i < n {
        let high = words[i] & !LOW;
        if high != words[i - 1] & !LOW {
            i += 1;
            continue;
        }
        let start = i - 1;
        let more = words[i..].iter().position(|w| w & !LOW != high);
        i = more.map_or(n, |more| i + more);
        let run = &mut words[start..i];
        let mut pairs: Vec<(u64, i64)> =
            run.iter().map(|w| (key(lane[(w & LOW) as usize]), (w & LOW) as i64)).collect();
        let mut spare = words::Room::new(pairs.len())?;
        let pairs = words::order(&mut pairs, spare.first(run.len()), 0, alone);
        run.iter_mut().zip(pairs).for_each(|(w, (_, i))| *w = *i as u64);
        if interrupt::asked() {
            return Ok(());
        }
        i += 1;
    }
    give(out, words, alone, |w| (w & LOW) as i64);
    Ok(())
}

/// What lanes are sorted in, one after the other.
#[derive(Default)]
struct Room(Option<[words::Room<u64>; 2]>, usize);

impl Room {
    /// Room for the words of a lane, twice.
    fn words(&mut self, n: usize) -> Result<(&mut [u64], &mut [u64])> {
        if self.0.is_none() || self.1 < n {
            *self = Room(Some([words::Room::new(n)?, words::Room::new(n)?]), n);
        }
        match &mut self.0 {
            Some([a, b]) => Ok((a.first(n), b.first(n))),
            None => Ok((&mut [], &mut [])),
        }
    }
}

/// Makes a word of each element, with several threads where nobody else sorts now.
fn make<T: Key>(words: &mut [u64], lane: &[T], alone: bool, word: impl Fn(usize, T) -> u64 + Sync) {
    let some = |(part, (words, lane)): (usize, (&mut [u64], &[T]))| {
        if !interrupt::asked() {
            words.iter_mut().zip(lane).enumerate().for_each(|(i, (w, &x))| *w = word(part * LONG + i, x));
        }
    };
    if alone {
        words.par_chunks_mut(LONG).zip(lane.par_chunks(LONG)).enumerate().for_each(some);
    } else {
        some((0, (words, lane)));
    }
}

/// Makes an element of each word.
fn give<W: words::Word, R: Elem>(out: &mut [R], words: &[W], alone: bool, element: impl Fn(W) -> R + Sync) {
    let some = |(out, words): (&mut [R], &[W])| {
        if !interrupt::asked() {
            out.iter_mut().zip(words).for_each(|(slot, &w)| *slot = element(w));
        }
    };
    if alone {
        out.par_chunks_mut(LONG).zip(words.par_chunks(LONG)).for_each(some);
    } else {
        some((out, words));
    }
}

/// A place that several threads write to, each its own elements.
struct Place<R>(*mut R);
// SAFETY: see `lanes`.
unsafe impl<R> Send for Place<R> {}
unsafe impl<R> Sync for Place<R> {}

impl<R> Place<R> {
    fn at(&self) -> *mut R {
        self.0
    }
}

/// Runs `work` on every lane, its result, room for both, and whether it is alone.
fn lanes<T: Elem, R: Elem>(
    x: &[T],
    out: &mut [R],
    (blocks, n, step): (usize, usize, usize),
    work: impl Fn(&[T], &mut [R], &mut Room, bool) -> Result<()> + Sync,
) -> Result<()> {
    if x.is_empty() {
        return Ok(());
    }
    if step == 1 {
        let one = |room: &mut Room, (out, x): (&mut [R], &[T]), alone: bool| {
            interrupt::check()?;
            work(x, out, room, alone)?;
            interrupt::check()
        };
        if blocks == 1 {
            return one(&mut Room::default(), (out, x), n >= LONG);
        }
        if x.len() < SMALL {
            let mut room = Room::default();
            return out.chunks_mut(n).zip(x.chunks(n)).try_for_each(|lane| one(&mut room, lane, false));
        }
        let together = (SMALL / n).max(1);
        let all = out.par_chunks_mut(n).zip(x.par_chunks(n)).with_min_len(together);
        return all.try_for_each_init(Room::default, |room, lane| one(room, lane, false));
    }
    // Some lanes at once, for their elements lie beside each other: the more a line of the cache holds, unless there are few.
    let some = (step / rayon::current_num_threads()).clamp(1, 64 / size_of::<T>());
    let across = step.div_ceil(some);
    let to = Place(out.as_mut_ptr());
    let tasks = (0..blocks * across).into_par_iter().with_min_len((SMALL / (n * some)).max(1));
    tasks.try_for_each_init(Default::default, |(room, values, results): &mut (Room, Vec<T>, Vec<R>), task| {
        let (block, first) = (task / across, task % across * some);
        let (from, count) = (block * n * step + first, some.min(step - first));
        values.clear();
        values.resize(count * n, x[from]);
        for (i, row) in x[from..].chunks(step).take(n).enumerate() {
            for (c, &x) in row[..count].iter().enumerate() {
                values[c * n + i] = x;
            }
        }
        results.clear();
        results.resize(count * n, R::from_i64(0));
        for (lane, result) in values.chunks(n).zip(results.chunks_mut(n)) {
            interrupt::check()?;
            work(lane, result, room, false)?;
            interrupt::check()?;
        }
        for i in 0..n {
            for c in 0..count {
                // SAFETY: within `out`, which has a lane for each of x; these are this task's alone.
                unsafe { to.at().add(from + i * step + c).write(results[c * n + i]) };
            }
        }
        Ok(())
    })
}

/// For each value the position where it would be put into `sorted`: before its equals, or after them.
pub fn search<T: Key>(sorted: &[T], values: &[T], out: &mut [i64], right: bool) {
    // Words, where they are looked at often enough.
    if values.len() >= sorted.len() / 4 && values.len() >= LOOKED {
        let words: Vec<u64> = match sorted.len() < LONG {
            true => sorted.iter().map(|s| s.plain().key(false)).collect(),
            false => sorted.par_iter().map(|s| s.plain().key(false)).collect(),
        };
        return find_all(&|i| words[i], words.len(), values, out, right);
    }
    find_all(&|i| sorted[i].plain().key(false), sorted.len(), values, out, right);
}

/// Values that are searched for side by side: while one waits for memory, the others go on. Among 10^6 numbers, ns a value, one thread
/// of a Zen 3: 93 for eight, 110 for sixteen, 290 by `partition_point`.
const LOOKED: usize = 8;

fn find_all<T: Key>(at: &(impl Fn(usize) -> u64 + Sync), n: usize, values: &[T], out: &mut [i64], right: bool) {
    let some = |(out, values): (&mut [i64], &[T])| {
        let mut words = [0u64; LOOKED];
        for (out, values) in out.chunks_mut(LOOKED).zip(values.chunks(LOOKED)) {
            words.iter_mut().zip(values).for_each(|(w, v)| *w = v.plain().key(false));
            let found = if right { find(at, n, |s, w| s <= w, &words) } else { find(at, n, |s, w| s < w, &words) };
            out.iter_mut().zip(found).for_each(|(slot, i)| *slot = i as i64);
        }
    };
    if values.len() < SMALL {
        some((out, values));
    } else {
        out.par_chunks_mut(SMALL).zip(values.par_chunks(SMALL)).for_each(some);
    }
}

/// How many words come before each, by halving what is left for all of them at once.
#[inline(always)]
fn find(
    at: &impl Fn(usize) -> u64,
    n: usize,
    before: impl Fn(u64, u64) -> bool,
    words: &[u64; LOOKED],
) -> [usize; LOOKED] {
    let mut first = [0; LOOKED];
    let mut left = n;
    while left > 1 {
        let half = left / 2;
        for k in 0..LOOKED {
            // No jump, for which way it goes cannot be foreseen: 40 ns a value among 100, 6 so.
            let behind = before(at(first[k] + half - 1), words[k]);
            first[k] = select_unpredictable(behind, first[k] + half, first[k]);
        }
        left -= half;
    }
    if n > 0 {
        for k in 0..LOOKED {
            first[k] += usize::from(before(at(first[k]), words[k]));
        }
    }
    first
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
        assert_eq!(f32::NAN.key(true), u32::MAX as u64);
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
