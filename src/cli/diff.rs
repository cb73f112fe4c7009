//! Two lists of lines and what must change from the one to the other, as a unified diff.
//!
//! In: what was expected and what is. Out: hunks of `-`, `+` and unchanged lines, or nothing where they are the same.
//! Common heads and tails are cut off first; what is left goes through the plain table of longest common
//! subsequences, or counts as changed altogether where that table would be too big.

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;
/// Cells of the largest table.
const TABLE: usize = 4_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Edit {
    Same(usize, usize),
    Gone(usize),
    New(usize),
}

/// The unified diff of two texts; empty if they agree.
pub fn unified(name: &str, old: &[&str], new: &[&str]) -> String {
    let edits = edits(old, new);
    let changes: Vec<usize> = (0..edits.len()).filter(|&i| !matches!(edits[i], Edit::Same(..))).collect();
    let Some((&first, _)) = changes.split_first() else { return String::new() };
    let mut out = format!("--- {name}\n+++ {name} (now)\n");
    let (mut start, mut last) = (first, first);
    for &i in &changes {
        if i > last + 2 * CONTEXT {
            out.push_str(&hunk(&edits, start, last, old, new));
            start = i;
        }
        last = i;
    }
    out.push_str(&hunk(&edits, start, last, old, new));
    out
}

fn hunk(edits: &[Edit], first: usize, last: usize, old: &[&str], new: &[&str]) -> String {
    let edits = &edits[first.saturating_sub(CONTEXT)..(last + 1 + CONTEXT).min(edits.len())];
    let in_old: Vec<usize> = edits.iter().filter_map(|e| e.in_old()).collect();
    let in_new: Vec<usize> = edits.iter().filter_map(|e| e.in_new()).collect();
    let range = |lines: &[usize]| format!("{},{}", lines.first().map_or(0, |l| l + 1), lines.len());
    let mut out = format!("@@ -{} +{} @@\n", range(&in_old), range(&in_new));
    for edit in edits {
        let (mark, line) = match *edit {
            Edit::Same(i, _) => (' ', old[i]),
            Edit::Gone(i) => ('-', old[i]),
            Edit::New(k) => ('+', new[k]),
        };
        out.push(mark);
        out.push_str(line);
        out.push('\n');
    }
    out
}

impl Edit {
    fn in_old(self) -> Option<usize> {
        match self {
            Edit::Same(i, _) | Edit::Gone(i) => Some(i),
            Edit::New(_) => None,
        }
    }

    fn in_new(self) -> Option<usize> {
        match self {
            Edit::Same(_, k) | Edit::New(k) => Some(k),
            Edit::Gone(_) => None,
        }
    }
}

fn edits(old: &[&str], new: &[&str]) -> Vec<Edit> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut out: Vec<Edit> = (0..head).map(|i| Edit::Same(i, i)).collect();
    out.extend(middle(a, b).into_iter().map(|e| match e {
        Edit::Same(i, k) => Edit::Same(i + head, k + head),
        Edit::Gone(i) => Edit::Gone(i + head),
        Edit::New(k) => Edit::New(k + head),
    }));
    out.extend((0..tail).map(|i| Edit::Same(old.len() - tail + i, new.len() - tail + i)));
    out
}

fn middle(a: &[&str], b: &[&str]) -> Vec<Edit> {
    if a.len().saturating_mul(b.len()) > TABLE {
        return (0..a.len()).map(Edit::Gone).chain((0..b.len()).map(Edit::New)).collect();
    }
    // lengths[i][k]: longest common subsequence of a[i..] and b[k..].
    let mut lengths = vec![vec![0u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for k in (0..b.len()).rev() {
            lengths[i][k] =
                if a[i] == b[k] { lengths[i + 1][k + 1] + 1 } else { lengths[i + 1][k].max(lengths[i][k + 1]) };
        }
    }
    let (mut i, mut k, mut out) = (0, 0, vec![]);
    while i < a.len() || k < b.len() {
        if i < a.len() && k < b.len() && a[i] == b[k] {
            out.push(Edit::Same(i, k));
            (i, k) = (i + 1, k + 1);
        } else if k == b.len() || (i < a.len() && lengths[i + 1][k] >= lengths[i][k + 1]) {
            out.push(Edit::Gone(i));
            i += 1;
        } else {
            out.push(Edit::New(k));
            k += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_shows_its_neighbours() {
        let old: Vec<String> = (0..20).map(|i| i.to_string()).collect();
        let mut new = old.clone();
        new[10] = "ten".into();
        new.insert(12, "more".into());
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        let want = "--- f\n+++ f (now)\n@@ -8,8 +8,9 @@\n 7\n 8\n 9\n-10\n+ten\n 11\n+more\n 12\n 13\n 14\n";
        assert_eq!(unified("f", &old, &new), want);
        assert_eq!(unified("f", &old, &old), "");
    }

    #[test]
    fn far_changes_have_hunks_of_their_own() {
        let old: Vec<String> = (0..30).map(|i| i.to_string()).collect();
        let mut new = old.clone();
        new[2] = "a".into();
        new[25] = "b".into();
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        assert_eq!(unified("f", &old, &new).matches("@@ -").count(), 2);
        assert_eq!(unified("f", &[], &["x"]), "--- f\n+++ f (now)\n@@ -0,0 +1,1 @@\n+x\n");
    }

    #[test]
    fn applying_the_edits_gives_the_new_lines() {
        let words = ["a", "b", "c"];
        let mut seed = 1u32;
        let mut list = || -> Vec<&str> {
            (0..8)
                .map(|_| {
                    seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
                    words[(seed >> 24) as usize % 3]
                })
                .collect()
        };
        for _ in 0..100 {
            let (old, new) = (list(), list());
            let edits = edits(&old, &new);
            let rebuilt: Vec<&str> = edits.iter().filter_map(|e| e.in_new()).map(|k| new[k]).collect();
            assert_eq!(rebuilt, new);
            assert!(edits.iter().all(|e| !matches!(e, Edit::Same(i, k) if old[*i] != new[*k])));
            assert_eq!(edits.iter().filter_map(|e| e.in_old()).collect::<Vec<_>>(), (0..old.len()).collect::<Vec<_>>());
        }
    }
}
