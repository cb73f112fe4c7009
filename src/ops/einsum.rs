//! einsum: sums of products over named axes, as views, products, sums and matrix products, so that gradients come free.
//!
//! In: `"ij,jk->ik"` and arrays. Every array is brought to distinct labels (a repeated one takes the diagonal), labels
//! that nobody else needs are summed, then two arrays at a time are contracted: of up to `SEARCHED` arrays in the order that
//! takes the fewest multiplications in all, of more those first whose result is smallest.
//! A pair becomes one matmul `[shared…, left, summed] @ [shared…, summed, right]`, or a fused product where there is
//! nothing to sum or nothing beside it.

use super::*;
use crate::base::{Fault, Result, Shape, counted};

/// A named axis. Those of an ellipsis count from the last one, above every letter.
type Label = u32;
const ELLIPSIS: Label = 1 << 24;

/// An array and the labels of its axes.
#[derive(Clone)]
struct Term {
    value: Expr,
    labels: Vec<Label>,
}

/// Sums of products over named axes.
pub fn einsum(spec: &str, arrays: &[Expr]) -> Result<Expr> {
    let (inputs, output) = parse(spec, arrays.len())?;
    let mut terms = vec![];
    for (i, (text, value)) in inputs.iter().zip(arrays).enumerate() {
        terms.push(Term { labels: labels(spec, text, value, i)?, value: value.clone() });
    }
    let sizes = sizes(spec, &terms)?;
    let output = match output {
        Some(text) => named(spec, &text, &terms)?,
        None => implied(&terms),
    };
    for term in &mut terms {
        distinct(term)?;
    }
    if (3..=SEARCHED).contains(&terms.len()) {
        let order = Order::new(&terms, &output, &sizes);
        terms = vec![order.contracted(order.splits.len() - 1)?];
    }
    while terms.len() > 1 {
        let (i, j) = cheapest(&terms, &output, &sizes);
        let (b, a) = (terms.remove(j), terms.remove(i));
        let kept = |l: &Label| output.contains(l) || terms.iter().any(|t| t.labels.contains(l));
        let joined = contract(a, b, kept)?;
        terms.push(joined);
    }
    let Some(last) = terms.pop() else {
        return Err(Fault::new("einsum: expected at least one array, found none"));
    };
    arranged(reduced(last, |l| output.contains(l)), &output)
}

/// The parts between the commas, and the output's if it is given.
fn parse(spec: &str, count: usize) -> Result<(Vec<String>, Option<String>)> {
    let clean: String = spec.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match clean.split_once("->") {
        Some((l, r)) => (l, Some(r.to_string())),
        None => (clean.as_str(), None),
    };
    let inputs: Vec<String> = left.split(',').map(str::to_string).collect();
    for part in inputs.iter().chain(&right) {
        let bare = part.replacen("...", "", 1);
        if let Some(bad) = bare.chars().find(|c| !c.is_ascii_alphabetic()) {
            let fault =
                Fault::new(format!("einsum: unexpected `{bad}` in \"{spec}\"")).side(0, "names axes by letters");
            return Err(fault.hint("einsum(\"ij,jk->ik\", a, b) is a matrix product"));
        }
    }
    if inputs.len() != count {
        let fault = Fault::new(format!("einsum: \"{spec}\" names {}, found {count}", counted(inputs.len(), "array")));
        return Err(fault.side(0, "has one part between commas for each array"));
    }
    Ok((inputs, right))
}

/// A label for every axis of an array.
fn labels(spec: &str, text: &str, value: &Expr, i: usize) -> Result<Vec<Label>> {
    let rank = value.rank();
    let letters = text.chars().filter(char::is_ascii_alphabetic).count();
    let wrong = || {
        let found =
            format!("einsum: \"{text}\" of \"{spec}\" names {}, array {i} has {rank}", counted(letters, "axis"));
        Fault::new(found).side(i + 1, format!("has shape {}", value.shape()))
    };
    match text.split_once("...") {
        None if letters != rank => Err(wrong()),
        None => Ok(text.chars().map(|c| c as Label).collect()),
        Some(_) if letters > rank => Err(wrong()),
        Some((before, after)) => {
            let free = (rank - letters) as Label;
            let middle = (0..free).map(|k| ELLIPSIS + free - 1 - k);
            Ok(before.chars().map(|c| c as Label).chain(middle).chain(after.chars().map(|c| c as Label)).collect())
        }
    }
}

/// The size of every label; a size of 1 stretches.
fn sizes(spec: &str, terms: &[Term]) -> Result<Vec<(Label, usize)>> {
    let mut sizes: Vec<(Label, usize, usize)> = vec![];
    for (i, term) in terms.iter().enumerate() {
        for (&l, &n) in term.labels.iter().zip(term.value.shape().iter()) {
            match sizes.iter_mut().find(|s| s.0 == l) {
                None => sizes.push((l, n, i)),
                Some(s) if s.1 == n || n == 1 => {}
                Some(s) if s.1 == 1 => *s = (l, n, i),
                Some(s) => {
                    let name = char::from_u32(l).filter(|_| l < ELLIPSIS).map_or("...".to_string(), |c| c.to_string());
                    let fault = Fault::new(format!(
                        "einsum: axis {name} of \"{spec}\" has size {} in array {} and {n} in array {i}",
                        s.1, s.2
                    ));
                    return Err(fault
                        .side(s.2 + 1, format!("here {name} is {}", s.1))
                        .side(i + 1, format!("here {name} is {n}")));
                }
            }
        }
    }
    Ok(sizes.into_iter().map(|(l, n, _)| (l, n)).collect())
}

fn ellipsis(terms: &[Term]) -> Vec<Label> {
    let mut found: Vec<Label> =
        terms.iter().flat_map(|t| t.labels.iter().copied()).filter(|&l| l >= ELLIPSIS).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    found
}

/// The labels of an output that is written out.
fn named(spec: &str, text: &str, terms: &[Term]) -> Result<Vec<Label>> {
    let (before, after) = text.split_once("...").unwrap_or((text, ""));
    let middle = if text.contains("...") { ellipsis(terms) } else { vec![] };
    let letters = |t: &str| t.chars().map(|c| c as Label).collect::<Vec<_>>();
    let out = [letters(before), middle, letters(after)].concat();
    for (i, l) in out.iter().enumerate() {
        let name = char::from_u32(*l).unwrap_or('?');
        if !terms.iter().any(|t| t.labels.contains(l)) {
            return Err(Fault::new(format!("einsum: the output of \"{spec}\" names {name}, which no array has"))
                .side(0, "ends with it"));
        }
        if out[..i].contains(l) {
            return Err(
                Fault::new(format!("einsum: the output of \"{spec}\" names {name} twice")).side(0, "ends with it")
            );
        }
    }
    Ok(out)
}

/// Without an output: the ellipsis, then every letter that stands once, in the order of the alphabet.
fn implied(terms: &[Term]) -> Vec<Label> {
    let all: Vec<Label> = terms.iter().flat_map(|t| t.labels.iter().copied()).collect();
    let mut once: Vec<Label> =
        all.iter().copied().filter(|l| *l < ELLIPSIS && all.iter().filter(|m| *m == l).count() == 1).collect();
    once.sort_unstable();
    [ellipsis(terms), once].concat()
}

/// A label that stands twice takes the diagonal of its axes.
fn distinct(term: &mut Term) -> Result<()> {
    while let Some((i, j)) = twice(&term.labels) {
        let label = term.labels[i];
        // One of the two may have size 1 and stretches.
        let mut wide = term.value.shape().clone();
        let n = wide[i].max(wide[j]);
        (wide[i], wide[j]) = (n, n);
        term.value = diagonal(&broadcast_to(&term.value, &wide), 0, i as i64, j as i64)?;
        term.labels.remove(j);
        term.labels.remove(i);
        term.labels.push(label);
    }
    Ok(())
}

fn twice(labels: &[Label]) -> Option<(usize, usize)> {
    (0..labels.len()).find_map(|j| labels[..j].iter().position(|l| *l == labels[j]).map(|i| (i, j)))
}

/// Labels that need not be kept summed away.
fn reduced(term: Term, kept: impl Fn(&Label) -> bool) -> Term {
    let gone: Vec<usize> = (0..term.labels.len()).filter(|&k| !kept(&term.labels[k])).collect();
    if gone.is_empty() {
        return term;
    }
    let labels = term.labels.iter().copied().filter(|l| kept(l)).collect();
    Term { value: sum(&term.value, &gone[..], false), labels }
}

/// Arrays of which every order is looked at: 3^8 pairs of sets.
const SEARCHED: usize = 8;

/// The order of contractions with the fewest multiplications, found set by set (Bellman and Held-Karp's way): the best for a set
/// is the best for two parts of it and the contraction of the two.
struct Order<'a> {
    terms: &'a [Term],
    output: &'a [Label],
    /// For each set of terms, as bits: one of the two parts that are contracted last.
    splits: Vec<usize>,
}

impl<'a> Order<'a> {
    fn new(terms: &'a [Term], output: &'a [Label], sizes: &[(Label, usize)]) -> Order<'a> {
        let all = 1usize << terms.len();
        let bit = |l: Label| sizes.iter().position(|s| s.0 == l).map_or(0, |k| 1u128 << (k % 128));
        let of = |labels: &[Label]| labels.iter().fold(0u128, |set, &l| set | bit(l));
        let own: Vec<u128> = terms.iter().map(|t| of(&t.labels)).collect();
        let any = |set: usize| (0..terms.len()).filter(|k| set >> k & 1 == 1).fold(0u128, |s, k| s | own[k]);
        // What a contracted set still has: what somebody outside of it needs.
        let left: Vec<u128> = (0..all).map(|set| any(set) & (any(!set & (all - 1)) | of(output))).collect();
        let work = |labels: u128| -> f64 {
            sizes.iter().enumerate().filter(|(k, _)| labels >> (k % 128) & 1 == 1).map(|(_, s)| s.1 as f64).product()
        };
        let (mut costs, mut splits) = (vec![0.0f64; all], vec![0usize; all]);
        for set in (1..all).filter(|s| s.count_ones() > 1) {
            let mut best = f64::INFINITY;
            let mut part = (set - 1) & set;
            while part > 0 {
                let other = set & !part;
                if part < other {
                    let cost = costs[part] + costs[other] + work(left[part] | left[other]);
                    if cost < best {
                        (best, splits[set]) = (cost, part);
                    }
                }
                part = (part - 1) & set;
            }
            costs[set] = best;
        }
        Order { terms, output, splits }
    }

    /// A set of terms as one.
    fn contracted(&self, set: usize) -> Result<Term> {
        if set.is_power_of_two() {
            return Ok(self.terms[set.trailing_zeros() as usize].clone());
        }
        let part = self.splits[set];
        let (a, b) = (self.contracted(part)?, self.contracted(set & !part)?);
        let outside = |l: &Label| (0..self.terms.len()).any(|k| set >> k & 1 == 0 && self.terms[k].labels.contains(l));
        contract(a, b, |l| self.output.contains(l) || outside(l))
    }
}

/// The pair whose result is smallest.
fn cheapest(terms: &[Term], output: &[Label], sizes: &[(Label, usize)]) -> (usize, usize) {
    let size = |l: &Label| sizes.iter().find(|s| s.0 == *l).map_or(1.0, |s| s.1 as f64);
    let mut best = (f64::INFINITY, 0, 1);
    for j in 1..terms.len() {
        for i in 0..j {
            let needed = |l: &&Label| {
                output.contains(l) || terms.iter().enumerate().any(|(k, t)| k != i && k != j && t.labels.contains(l))
            };
            let both = terms[i].labels.iter().chain(terms[j].labels.iter().filter(|l| !terms[i].labels.contains(l)));
            let work: f64 = both.clone().map(size).product();
            // Ties of the result's size go to the pair with less work.
            let result: f64 = both.filter(needed).map(size).product();
            let cost = result + work * 1e-6;
            if cost < best.0 {
                best = (cost, i, j);
            }
        }
    }
    (best.1, best.2)
}

/// One pair to one term.
fn contract(a: Term, b: Term, kept: impl Fn(&Label) -> bool) -> Result<Term> {
    let a = {
        let other = b.labels.clone();
        reduced(a, |l| kept(l) || other.contains(l))
    };
    let b = {
        let other = a.labels.clone();
        reduced(b, |l| kept(l) || other.contains(l))
    };
    let both = |l: &Label| a.labels.contains(l) && b.labels.contains(l);
    let shared: Vec<Label> = a.labels.iter().copied().filter(|l| both(l) && kept(l)).collect();
    let summed: Vec<Label> = a.labels.iter().copied().filter(|l| both(l) && !kept(l)).collect();
    let left: Vec<Label> = a.labels.iter().copied().filter(|l| !both(l)).collect();
    let right: Vec<Label> = b.labels.iter().copied().filter(|l| !both(l)).collect();
    let labels = [&shared[..], &left, &right].concat();
    if summed.is_empty() || (left.is_empty() && right.is_empty()) {
        let order = [&labels[..], &summed].concat();
        let product = &spread(&a, &order)? * &spread(&b, &order)?;
        let axes: Vec<usize> = (labels.len()..order.len()).collect();
        let value = if axes.is_empty() { product } else { sum(&product, &axes[..], false) };
        return Ok(Term { value: checked(value)?, labels });
    }
    let (a, b) = stretched(a, b, &summed)?;
    let size = |t: &Term, ls: &[Label]| -> Vec<usize> { ls.iter().map(|l| size_of(t, *l)).collect() };
    let (s, n) = (size(&a, &summed), size(&a, &left));
    let m = size(&b, &right);
    let product = |v: &[usize]| v.iter().product::<usize>();
    let lhs = arranged(a.clone(), &[&shared[..], &left, &summed].concat())?;
    let rhs = arranged(b.clone(), &[&shared[..], &summed, &right].concat())?;
    let shape = |t: &Term, tail: [usize; 2]| -> Shape { size(t, &shared).into_iter().chain(tail).collect() };
    let value = matmul(
        &reshape(&lhs, &shape(&a, [product(&n), product(&s)])),
        &reshape(&rhs, &shape(&b, [product(&s), product(&m)])),
    );
    let value = checked(value)?;
    let lead = &value.shape()[..shared.len()];
    let whole: Shape = lead.iter().copied().chain(n).chain(m).collect();
    Ok(Term { value: checked(reshape(&value, &whole))?, labels })
}

fn size_of(term: &Term, label: Label) -> usize {
    term.labels.iter().position(|l| *l == label).map_or(1, |k| term.value.shape()[k])
}

/// Summed labels of size 1 on one side stretched to the other's size: matmul wants them equal.
fn stretched(mut a: Term, mut b: Term, summed: &[Label]) -> Result<(Term, Term)> {
    let wider = |l: Label| if size_of(&a, l) == 1 { size_of(&b, l) } else { size_of(&a, l) };
    let sizes: Vec<usize> = summed.iter().map(|&l| wider(l)).collect();
    for t in [&mut a, &mut b] {
        let mut shape = t.value.shape().clone();
        for (l, n) in summed.iter().zip(&sizes) {
            if let Some(k) = t.labels.iter().position(|m| m == l) {
                shape[k] = *n;
            }
        }
        if shape != *t.value.shape() {
            t.value = checked(broadcast_to(&t.value, &shape))?;
        }
    }
    Ok((a, b))
}

/// Axes in the order of the labels; labels that the term has not become axes of size 1.
fn spread(term: &Term, order: &[Label]) -> Result<Expr> {
    let own: Vec<Label> = order.iter().copied().filter(|l| term.labels.contains(l)).collect();
    let value = arranged(term.clone(), &own)?;
    let shape: Shape = order.iter().map(|&l| size_of(term, l)).collect();
    checked(reshape(&value, &shape))
}

/// The axes in the order of the labels, which are the term's.
fn arranged(term: Term, order: &[Label]) -> Result<Expr> {
    let axes: Vec<usize> = order.iter().filter_map(|l| term.labels.iter().position(|m| m == l)).collect();
    if axes.iter().enumerate().all(|(i, &k)| i == k) {
        return checked(term.value);
    }
    checked(permute_dims(&term.value, &axes[..]))
}
