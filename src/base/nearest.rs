//! Did you mean: the known word nearest to an unknown one.
//!
//! Damerau-Levenshtein distance (insert, delete, replace, swap neighbours), case ignored at first and counted half at
//! the end. A word is near if about a third of its letters or fewer differ; a word of one or two letters only if it is
//! the same but for case or order.

/// The candidate nearest to `word`, if any is near enough to have been meant; among equals one of the
/// same length (letters swapped or replaced, none lost), then the first.
pub fn nearest<'a, I>(word: &str, candidates: I) -> Option<&'a str>
where
    I: IntoIterator<Item = &'a str>,
{
    let letters = fold(word);
    let limit = 2 * (letters.len() / 3).clamp(1, 3);
    let mut best: Option<((usize, usize), &str)> = None;
    for candidate in candidates {
        let cost = cost(word, &letters, candidate);
        let near = match letters.len() {
            0..=2 => cost <= 1 || swapped(&letters, &fold(candidate)),
            _ => cost <= limit,
        };
        let key = (cost, letters.len().abs_diff(candidate.chars().count()));
        if near && best.is_none_or(|(b, _)| key < b) && candidate != word {
            best = Some((key, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn fold(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).collect()
}

/// Twice the distance, plus one where only case differs somewhere, minus one for the same first letter: people
/// seldom mistype that one.
fn cost(word: &str, letters: &[char], candidate: &str) -> usize {
    let other = fold(candidate);
    // The distance is at least the difference in length; do not fill a table for that.
    if letters.len().abs_diff(other.len()) > 3 {
        return usize::MAX;
    }
    let distance = distance(letters, &other);
    let case = (distance == 0 && word != candidate) as usize;
    let first = (distance > 1 && letters.first() == other.first()) as usize;
    2 * distance + case - first
}

fn swapped(a: &[char], b: &[char]) -> bool {
    a.len() == 2 && b.len() == 2 && a[0] == b[1] && a[1] == b[0]
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let replace = row[j - 1] + (a[i - 1] != b[j - 1]) as usize;
            let mut d = replace.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                d = d.min(before[j - 2] + 1);
            }
            next.push(d);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_mistype() {
        let known =
            ["sum", "mae", "mean", "median", "reshape", "keepdims", "axis", "softmax", "log_softmax", "pi", "sin", "x"];
        let cases = [
            ("summ", Some("sum")),
            ("smu", Some("sum")),
            ("Sum", Some("sum")),
            ("maen", Some("mean")),
            ("keepdim", Some("keepdims")),
            ("KEEPDIMS", Some("keepdims")),
            ("resahpe", Some("reshape")),
            ("sotfmax", Some("softmax")),
            ("logsoftmax", Some("log_softmax")),
            ("ip", Some("pi")),
            ("Pi", Some("pi")),
            ("X", Some("x")),
            ("y", None),
            ("qq", None),
            ("foo", None),
            ("transpose", None),
            ("", None),
        ];
        for (word, want) in cases {
            assert_eq!(nearest(word, known), want, "{word}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        let d = |a: &str, b: &str| distance(&fold(a), &fold(b));
        assert_eq!(
            [d("", ""), d("", "abc"), d("abc", "abc"), d("abc", "acb"), d("kitten", "sitting")],
            [0, 3, 0, 1, 3]
        );
    }

    #[test]
    fn the_word_itself_is_no_suggestion() {
        assert_eq!(nearest("sum", ["sum", "sub"]), Some("sub"));
    }
}
