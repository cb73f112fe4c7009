//! Rows: folds along some axes of a domain, and what uses their values over the same domain, become one kernel.
//!
//! In: the groups that fusion made. Out: fewer of them, some with `rows`. Softmax is four kernels by the rules of `fuse`
//! (largest, exponentials, sum, quotient), each a pass over memory; but each row needs only itself. Such a kernel goes
//! over the domain row by row, in stages: what the next stage needs of a row is still in cache. So softmax, layer norm, a
//! variance along the last axis, and their gradients, read their input from memory once. On the CPU the folded axes may be
//! others too: then some columns at a time go through the stages.
//!
//! A cluster grows from a fold by what stands next to it: maps and folds over its domain, and maps over its result.
//! It must not need what needs it: no path leaves a cluster and comes back.

use std::collections::{BinaryHeap, HashSet};

use smallvec::SmallVec;

use super::fuse::{Fusion, Group, op};
use super::trace::Trace;
use crate::base::Shape;
use crate::graph::prim::Body;

/// The most elements of a row: what a core's second-level cache holds a few of.
const LONGEST: usize = 16 * 1024;
/// The fewest columns, so that blocks are not too short; from which there is work for several cores; and from which there is where they are
/// so long that reading memory once is worth more than many cores.
const COLUMNS: usize = 16;
const MANY_COLUMNS: usize = 1024;
const SOME_COLUMNS: usize = 256;
const FAR: usize = 1 << 20;
/// Clusters that are not grown any more.
const MOST: usize = 64;

/// What makes a group's kernel go row by row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows {
    /// The number of the device that goes over them.
    pub device: u8,
    /// The index space.
    pub domain: Shape,
    /// The axes of a row: the last ones, or some in a row before.
    pub axes: SmallVec<[usize; 4]>,
}

/// Items whose groups stay alone: they could not be expressed in a kernel of rows.
pub type Refused = HashSet<u32>;

/// Merges groups into clusters, and unwrites what only their own cluster reads.
pub fn cluster(t: &Trace, fusion: &mut Fusion, refused: &Refused) {
    let n = fusion.groups.len();
    let alone: Vec<bool> = fusion.groups.iter().map(|g| g.items.iter().any(|i| refused.contains(i))).collect();
    let folds: Vec<usize> = (0..n).filter(|&g| !alone[g] && rows_of(t, &fusion.groups[g]).is_some()).collect();
    if folds.is_empty() {
        return;
    }
    let web = Web::new(t, fusion);
    let mut cluster_of: Vec<Option<usize>> = vec![None; n];
    let mut made: Vec<(Rows, Vec<usize>)> = vec![];
    for &f in &folds {
        let Some(rows) = rows_of(t, &fusion.groups[f]).filter(|_| cluster_of[f].is_none()) else { continue };
        let members = grow(t, fusion, &web, &cluster_of, f, &rows, &alone);
        let over_domain = |&&g: &&usize| role(t, &fusion.groups[g], &rows).is_some_and(|r| r != Role::Row);
        if members.iter().filter(over_domain).count() < 2 {
            continue;
        }
        members.iter().for_each(|&g| cluster_of[g] = Some(made.len()));
        // Checked as it grew against single groups; clusters made before are one group too.
        if web.is_cyclic(&members, &cluster_of, &made) {
            members.iter().for_each(|&g| cluster_of[g] = None);
            continue;
        }
        made.push((rows, members));
    }
    if made.is_empty() {
        return;
    }
    unwrite(t, fusion, &web, &made);
    merge(fusion, &web, &cluster_of, made);
}

/// The rows of a fold whose values could be used row by row.
fn rows_of(t: &Trace, group: &Group) -> Option<Rows> {
    let first = group.items[0] as usize;
    let (prim, ins) = op(&t.items[first])?;
    let Body::Reduce(fold) = prim.body else { return None };
    if fold.is_arg() {
        return None;
    }
    let domain = t.items[ins[0] as usize].shape.clone();
    let super::trace::What::Op { attrs, .. } = &t.items[first].what else { return None };
    let axes = attrs[0].as_sizes();
    let device = t.items[first].device;
    let (&from, &last) = (axes.first()?, axes.last()?);
    let length: usize = domain[from..=last].iter().product();
    let inner: usize = domain[last + 1..].iter().product();
    let columns = || {
        let all = domain[..from].iter().product::<usize>() * inner;
        let far = length * all >= FAR && all >= SOME_COLUMNS;
        crate::device::takes_columns(device) && inner >= COLUMNS && (all >= MANY_COLUMNS || far)
    };
    let fits = axes.iter().copied().eq(from..=last) && (2..=LONGEST).contains(&length);
    (fits && (last + 1 == domain.rank() || columns())).then_some(Rows { device, domain, axes })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Maps over the domain.
    Full,
    Fold,
    /// Maps over the folds' results.
    Row,
}

/// What a group could do in a kernel over these rows.
fn role(t: &Trace, group: &Group, rows: &Rows) -> Option<Role> {
    let first = group.items[0] as usize;
    let (prim, _) = op(&t.items[first])?;
    let shape = &t.items[first].shape;
    if t.items[first].device != rows.device {
        return None;
    }
    match prim.body {
        Body::Reduce(_) if rows_of(t, group).as_ref() == Some(rows) => Some(Role::Fold),
        Body::Map(_) if *shape == rows.domain => Some(Role::Full),
        Body::Map(_) if is_row(shape, rows) => Some(Role::Row),
        _ => None,
    }
}

/// Whether a shape is that of the folds' results, with the folded axes left out or of size 1.
pub fn is_row(shape: &Shape, rows: &Rows) -> bool {
    let all = 0..rows.domain.rank();
    let kept = all.clone().filter(|k| !rows.axes.contains(k)).map(|k| rows.domain[k]);
    let with_ones = all.map(|k| if rows.axes.contains(&k) { 1 } else { rows.domain[k] });
    shape.iter().copied().eq(kept) || shape.iter().copied().eq(with_ones)
}

/// Who reads whom, among groups.
struct Web {
    /// Which group writes an item.
    maker: Vec<Option<usize>>,
    /// The written items that each group reads.
    reads: Vec<Vec<u32>>,
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
}

impl Web {
    fn new(t: &Trace, fusion: &Fusion) -> Web {
        let n = fusion.groups.len();
        let mut web = Web {
            maker: vec![None; t.items.len()],
            reads: vec![vec![]; n],
            before: vec![vec![]; n],
            after: vec![vec![]; n],
        };
        for (g, group) in fusion.groups.iter().enumerate() {
            group.items.iter().for_each(|&i| web.maker[i as usize] = Some(g));
        }
        for (g, group) in fusion.groups.iter().enumerate() {
            let mut seen: HashSet<u32> = HashSet::new();
            let mut stack: Vec<u32> = group.items.clone();
            while let Some(i) = stack.pop() {
                let Some((_, ins)) = op(&t.items[i as usize]) else { continue };
                for &k in ins.iter().filter(|k| seen.insert(**k)) {
                    match web.maker[k as usize] {
                        Some(_) => web.reads[g].push(k),
                        None => stack.push(k),
                    }
                }
            }
            let mut before: Vec<usize> = web.reads[g].iter().filter_map(|&k| web.maker[k as usize]).collect();
            before.sort_unstable();
            before.dedup();
            before.retain(|&b| b != g);
            before.iter().for_each(|&b| web.after[b].push(g));
            web.before[g] = before;
        }
        web
    }

    /// Whether a path leaves some groups, made one, and comes back. Groups are in an order that runs, so nothing past the
    /// last member leads back, but for clusters, which stand at all of their members.
    fn is_cyclic(&self, members: &[usize], cluster_of: &[Option<usize>], made: &[(Rows, Vec<usize>)]) -> bool {
        let inside: HashSet<usize> = members.iter().copied().collect();
        let last = members.iter().copied().max().unwrap_or(0);
        let last = made.iter().flat_map(|(_, m)| m).copied().max().map_or(last, |m| last.max(m));
        let mut seen: HashSet<usize> = HashSet::new();
        let mut stack: Vec<usize> =
            members.iter().flat_map(|&m| self.after[m].iter().copied()).filter(|g| !inside.contains(g)).collect();
        while let Some(g) = stack.pop() {
            if inside.contains(&g) {
                return true;
            }
            if g > last || !seen.insert(g) {
                continue;
            }
            match cluster_of[g].and_then(|c| made.get(c)) {
                Some((_, others)) => others.iter().for_each(|&m| stack.extend(&self.after[m])),
                None => stack.extend(&self.after[g]),
            }
        }
        false
    }
}

/// The groups that join a fold, in order.
fn grow(
    t: &Trace,
    fusion: &Fusion,
    web: &Web,
    cluster_of: &[Option<usize>],
    f: usize,
    rows: &Rows,
    alone: &[bool],
) -> Vec<usize> {
    let mut members = vec![f];
    let mut tried: HashSet<usize> = HashSet::from([f]);
    let mut at = 0;
    while at < members.len() && members.len() < MOST {
        let g = members[at];
        at += 1;
        let around: Vec<usize> = web.after[g].iter().chain(&web.before[g]).copied().collect();
        for next in around {
            if cluster_of[next].is_some() || alone[next] || !tried.insert(next) {
                continue;
            }
            let follows = web.before[next].iter().any(|b| members.contains(b));
            let fits = match role(t, &fusion.groups[next], rows) {
                Some(Role::Row) => follows,
                Some(_) => true,
                None => false,
            };
            if !fits {
                continue;
            }
            members.push(next);
            if web.is_cyclic(&members, cluster_of, &[]) {
                members.pop();
                // Another member may close the way that led back.
                tried.remove(&next);
            }
        }
    }
    members.sort_unstable();
    members
}

/// What only a member's own cluster reads is not memory any more.
fn unwrite(t: &Trace, fusion: &mut Fusion, web: &Web, made: &[(Rows, Vec<usize>)]) {
    let mut outside: Vec<bool> = vec![false; t.items.len()];
    t.roots.iter().for_each(|&r| outside[r as usize] = true);
    let mut cluster: Vec<Option<usize>> = vec![None; fusion.groups.len()];
    for (c, (_, members)) in made.iter().enumerate() {
        members.iter().for_each(|&g| cluster[g] = Some(c));
    }
    for (g, reads) in web.reads.iter().enumerate() {
        for &k in reads {
            let maker = web.maker[k as usize].and_then(|m| cluster[m]);
            outside[k as usize] |= maker.is_none() || maker != cluster[g];
        }
    }
    for &g in made.iter().flat_map(|(_, members)| members) {
        for &i in &fusion.groups[g].items {
            fusion.written[i as usize] = outside[i as usize];
        }
    }
}

/// The groups again, clusters as one each, in an order that runs.
fn merge(fusion: &mut Fusion, web: &Web, cluster_of: &[Option<usize>], made: Vec<(Rows, Vec<usize>)>) {
    let n = fusion.groups.len();
    // A cluster goes by the name of its first member.
    let name = |g: usize| cluster_of[g].map_or(g, |c| made[c].1[0]);
    let mut after: Vec<Vec<usize>> = vec![vec![]; n];
    let mut waits = vec![0usize; n];
    for g in 0..n {
        for &b in &web.before[g] {
            if name(b) != name(g) {
                after[name(b)].push(name(g));
                waits[name(g)] += 1;
            }
        }
    }
    let ready = |g: usize| std::cmp::Reverse(g);
    let mut queue: BinaryHeap<_> = (0..n).filter(|&g| name(g) == g && waits[g] == 0).map(ready).collect();
    let mut out = vec![];
    while let Some(std::cmp::Reverse(g)) = queue.pop() {
        out.push(match cluster_of[g] {
            None => Group { items: std::mem::take(&mut fusion.groups[g].items), rows: None },
            Some(c) => {
                let (rows, members) = &made[c];
                let mut items: Vec<u32> = members.iter().flat_map(|&m| fusion.groups[m].items.clone()).collect();
                items.sort_unstable();
                Group { items, rows: Some(rows.clone()) }
            }
        });
        for &a in &after[g] {
            waits[a] -= 1;
            if waits[a] == 0 {
                queue.push(ready(a));
            }
        }
    }
    fusion.groups = out;
}
