//! Jobs: what a device does for a kernel, one after the other; mostly one thing.
//!
//! In: a kernel. Out: its texts, family by family, or nothing where the device cannot run it. This is the one place that
//! knows which families have texts: whether a device can, what it prints and what it launches all come from here.

use super::codegen::contract;
use super::codegen::fold::{fold, products};
use super::codegen::index::{GatherText, gather};
use super::codegen::map::MapText;
use super::codegen::scan::carry;
use super::codegen::sort::{SortText, sort};
use super::codegen::text::Text;
use super::context::{Caps, Gpu};
use super::fold::{Stages, Texts, folds, texts};
use super::index::{Gather, Put, PutText, put_text};
use super::map::{Map, forms};
use super::sort::{Sort, stages};
use super::split::{Part, countable, windows};
use super::{Prepared, Spare};
use crate::base::Result;
use crate::plan::{Finish, Kernel, Slot, SlotKind};

/// Jobs that one kernel may become.
const MOST: usize = 4096;

/// One thing to do.
#[allow(clippy::large_enum_variant)]
pub enum Job {
    /// Forms of a map, best first.
    Map(Vec<MapText>),
    /// One text for each window of what is picked from.
    Gather(Vec<GatherText>, Kernel),
    Put(PutText, Kernel),
    Sort(SortText),
    Stages(Texts),
}

/// What a device does for a kernel; `None` where it cannot.
pub fn jobs(kernel: &Kernel, slots: &[Slot], caps: &Caps) -> Option<Vec<Job>> {
    let part = Part::whole(kernel);
    if let Some(job) = one(&part, slots, caps) {
        return Some(vec![job]);
    }
    // What is divided adds up parts of its depth: a product with which more is done cannot.
    if matches!(kernel.finish, Finish::Contract { .. }) {
        kernel.bare_product()?;
    }
    // Only what would do were there no limits is divided.
    text(&part, slots, &Caps { range: u64::MAX / 2, ..caps.clone() })?;
    let mut out = vec![];
    divide(&part, slots, caps, &mut out)?;
    Some(out)
}

/// Whether the indices of a part can be counted.
fn small(part: &Part) -> bool {
    let most = u32::MAX as usize / 2;
    part.kernel.domain.size() < most && part.kernel.loads.iter().all(countable)
}

/// A part as one job; `None` where it has to be divided, or the device cannot do it.
fn one(part: &Part, slots: &[Slot], caps: &Caps) -> Option<Job> {
    if small(part) { text(part, slots, caps) } else { None }
}

fn text(part: &Part, slots: &[Slot], caps: &Caps) -> Option<Job> {
    let kernel = &part.kernel;
    let own = || kernel.clone();
    Some(match &kernel.finish {
        Finish::Store(outs) => {
            let forms = forms(kernel, outs, slots, caps);
            // A wide form asks for offsets that only the launch knows.
            forms.iter().any(|f| !f.wide).then_some(())?;
            Job::Map(forms)
        }
        Finish::Gather { slot, rest, .. } => {
            let packed = part.out.offset == 0
                && part.out.is_contiguous()
                && slots[*slot].kind == SlotKind::Made(part.out.size());
            let one = |window| gather(kernel, *slot, *rest, &part.out, packed, window);
            let all: Vec<GatherText> = windows(&kernel.loads[0], caps).into_iter().map(one).collect::<Option<_>>()?;
            all.iter().all(|g| g.text.fits(caps, false)).then_some(Job::Gather(all, own()))?
        }
        Finish::Put { .. } => Job::Put(put_text(kernel, slots, caps)?, own()),
        Finish::Sort { sort: what, prim, attrs, slot } => {
            let attr = |name: &str| prim.attr_index(name).and_then(|i| attrs.get(i));
            let (axis, down) = (attr("axis")?.as_int() as usize, attr("descending")?.as_bool());
            let text = sort(kernel, *what, axis, down, *slot, &part.out)?;
            stages(&text).iter().all(|s| s.text.fits(caps, false)).then_some(Job::Sort(text))?
        }
        // Kernels of further forms run on the CPU until they have a text here.
        _ => Job::Stages(texts(part, slots, caps)?),
    })
}

/// Halves a part until its halves can be done.
fn divide(part: &Part, slots: &[Slot], caps: &Caps, out: &mut Vec<Job>) -> Option<()> {
    if let Some(job) = one(part, slots, caps) {
        out.push(job);
        return (out.len() <= MOST).then_some(());
    }
    let axis = part.longest(caps, slots)?;
    let n = part.size(axis);
    match &part.kernel.finish {
        Finish::Fold { axes, .. } if axes.contains(&axis) => {
            let kept = (0..part.kernel.domain.rank()).filter(|k| !axes.contains(k)).collect();
            fold_in_pieces(part, axis, kept, slots, caps, out)?
        }
        Finish::Contract { .. } if axis == part.kernel.domain.rank() && is_thin(part) => {
            fold_in_pieces(part, axis, (0..axis).collect(), slots, caps, out)?
        }
        Finish::Scan { axis: along, .. } if axis == *along => scan_in_pieces(part, axis, slots, caps, out)?,
        Finish::Rows { axes, .. } if axes.contains(&axis) => return None,
        Finish::Sort { prim, attrs, .. } if attrs.get(prim.attr_index("axis")?)?.as_int() as usize == axis => {
            return None;
        }
        Finish::Put { .. } | Finish::Host { .. } => return None,
        _ => {
            divide(&part.cut(axis, 0, n / 2), slots, caps, out)?;
            let mut rest = part.cut(axis, n / 2, n - n / 2);
            // The second half of the depth of a product is added to the first.
            rest.more |= axis == part.kernel.domain.rank();
            divide(&rest, slots, caps, out)?;
        }
    }
    (out.len() <= MOST).then_some(())
}

/// Whether a product is a fold.
pub fn is_thin(part: &Part) -> bool {
    contract::is_thin(&part.kernel) && !part.more
}

/// The pieces of a part along an axis, as many as are asked for or nearly, with where each begins.
fn pieces(part: &Part, axis: usize, count: usize) -> Vec<(Part, usize)> {
    let n = part.size(axis);
    let each = n.div_ceil(count);
    (0..n).step_by(each).map(|start| (part.cut(axis, start, each.min(n - start)), start)).collect()
}

/// More and more pieces, until `try_it` can do with them.
fn until<T>(part: &Part, axis: usize, try_it: impl Fn(&[(Part, usize)]) -> Option<T>) -> Option<T> {
    let n = part.size(axis).min(MOST);
    let counts = std::iter::successors(Some(2), |&c| Some(2 * c)).take_while(|&c| c < 2 * n);
    counts.map(|c| c.min(n)).find_map(|count| {
        let pieces = pieces(part, axis, count);
        if pieces.iter().all(|(p, _)| small(p)) { try_it(&pieces) } else { None }
    })
}

/// A fold, or a thin product, in pieces of an axis that is folded; what they come to must fit a binding, so where there are
/// many results those are halved first.
fn fold_in_pieces(
    part: &Part,
    axis: usize,
    kept: Vec<usize>,
    slots: &[Slot],
    caps: &Caps,
    out: &mut Vec<Job>,
) -> Option<()> {
    if let Some(job) = in_pieces(part, axis, slots, caps) {
        out.push(job);
        return Some(());
    }
    let longest = kept.into_iter().max_by_key(|&k| part.size(k)).filter(|&k| part.size(k) > 1)?;
    let half = part.size(longest) / 2;
    divide(&part.cut(longest, 0, half), slots, caps, out)?;
    divide(&part.cut(longest, half, part.size(longest) - half), slots, caps, out)
}

/// A fold, or a thin product, in pieces of an axis that is folded.
fn in_pieces(part: &Part, axis: usize, slots: &[Slot], caps: &Caps) -> Option<Job> {
    let texts = until(part, axis, |pieces| {
        let all = match &part.kernel.finish {
            Finish::Fold { axes, outs } => {
                let pieces: Vec<_> = pieces.iter().map(|(p, _)| (&p.kernel, &p.place)).collect();
                fold(&pieces, axes, outs, &part.out, slots)
            }
            Finish::Contract { .. } => {
                let all: Vec<_> = pieces.iter().map(|(p, _)| &p.kernel).collect();
                products(&all, part.kernel.bare_product()?, &part.out)
            }
            _ => None,
        };
        let all = folds(all?);
        all.0.iter().all(|(t, _)| t.fits(caps, false)).then_some(all)
    })?;
    Some(Job::Stages(texts))
}

/// A scan in pieces of its axis: each by itself, then with what came before it in front.
fn scan_in_pieces(part: &Part, axis: usize, slots: &[Slot], caps: &Caps, out: &mut Vec<Job>) -> Option<()> {
    let Finish::Scan { fold, slot, .. } = part.kernel.finish else { return None };
    out.extend(until(part, axis, |pieces| {
        let mut jobs = vec![];
        for (piece, start) in pieces {
            jobs.push(one(piece, slots, caps)?);
            if *start > 0 {
                let beside = part.out.slice(axis, start - 1, piece.size(axis) + 1, 1);
                let (text, groups) = carry(&piece.kernel, axis, fold, slot, &beside)?;
                let job = text.fits(caps, false).then_some((vec![(text, groups)], vec![]))?;
                jobs.push(Job::Stages(job));
            }
        }
        Some(jobs)
    })?);
    Some(())
}

impl Job {
    /// Its texts, in the order in which they run, as far as they are different.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Job::Map(forms) => forms.iter().map(|f| f.text.finish()).collect(),
            Job::Gather(all, _) => all.iter().map(|g| g.text.finish()).collect(),
            Job::Put(put, _) => put.texts(),
            Job::Sort(text) => stages(text).iter().map(|s| s.text.finish()).collect(),
            Job::Stages((stages, _)) => {
                let both = |(t, _): &'_ (Text, usize)| [Some(t.finish()), t.single.as_ref().map(|t| t.finish())];
                stages.iter().flat_map(both).flatten().collect()
            }
        }
    }

    /// Makes it ready. `spare`: what does all of the kernel on the CPU.
    pub fn prepare(self, gpu: &'static Gpu, spare: &Spare) -> Result<Box<dyn Prepared>> {
        let spare = spare.clone();
        Ok(match self {
            Job::Map(forms) => Box::new(Map::new(gpu, forms)),
            Job::Gather(all, kernel) => Box::new(Gather::new(gpu, all, &kernel, spare)),
            Job::Put(text, kernel) => Box::new(Put::new(gpu, text, &kernel, spare)?),
            Job::Sort(text) => Box::new(Sort::new(gpu, text)),
            Job::Stages(texts) => Box::new(Stages::new(gpu, texts)),
        })
    }
}
