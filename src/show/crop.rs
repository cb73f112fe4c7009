//! The part of a source that a report needs, made safe to draw.
//!
//! In: a source text and the byte ranges to be marked. Out: a text in which those ranges keep their line numbers, and
//! where each range lies in it. Lines that carry no mark are empty; of a long line only the neighbourhood of its marks
//! stays (a minified data line of 270 kB once printed 800 kB); control characters, which could move a terminal's
//! cursor or be taken for line ends by the renderer, become blanks.

use std::ops::Range;

/// A source cut down to what is marked.
pub struct Crop {
    pub text: String,
    /// The marks, in bytes of `text`, in the order given.
    pub marks: Vec<Range<usize>>,
}

/// One line with the marks' ends on it: `(mark number, is it the end, byte column)`.
struct Line {
    number: usize,
    range: Range<usize>,
    ends: Vec<(usize, bool, usize)>,
}

/// `first_line` is the number of the text's first line, from 1; `radius` how many characters stay around a mark.
pub fn crop(text: &str, marks: &[Range<usize>], first_line: usize, radius: usize) -> Crop {
    let starts = line_starts(text);
    let mut lines: Vec<Line> = vec![];
    let mut out = Crop { text: String::new(), marks: vec![0..0; marks.len()] };
    for (i, mark) in marks.iter().enumerate() {
        let (start, end) = ends(text, mark);
        add_end(&mut lines, &starts, text, (i, false, start));
        add_end(&mut lines, &starts, text, (i, true, end));
    }
    lines.sort_by_key(|l| l.number);
    let mut reached = 1;
    for line in &lines {
        let number = first_line + line.number;
        out.text.extend(std::iter::repeat_n('\n', number - reached));
        reached = number;
        copy_line(&mut out, text, line, radius);
    }
    // An empty mark is a place between characters: mark the one that follows.
    for mark in &mut out.marks {
        if mark.start == mark.end {
            mark.end = mark.start + out.text[mark.start..].chars().next().map_or(0, char::len_utf8);
        }
    }
    out
}

/// Line and column of a byte, from 1; columns count characters.
pub fn line_column(text: &str, at: usize) -> (usize, usize) {
    let at = floor(text, at);
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect()
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

/// A mark's ends on character boundaries, without line ends that it trails over.
fn ends(text: &str, mark: &Range<usize>) -> (usize, usize) {
    let start = floor(text, mark.start);
    let end = text.ceil_char_boundary(mark.end.clamp(start, text.len()));
    let trimmed = text[start..end].trim_end_matches(['\n', '\r']).len();
    (start, start + trimmed)
}

fn add_end(lines: &mut Vec<Line>, starts: &[usize], text: &str, (mark, is_end, at): (usize, bool, usize)) {
    let number = starts.partition_point(|&s| s <= at) - 1;
    let start = starts[number];
    let end = starts.get(number + 1).map_or(text.len(), |&next| next - 1);
    let end = (mark, is_end, (at - start), end);
    match lines.iter_mut().find(|l| l.number == number) {
        Some(line) => line.ends.push((end.0, end.1, end.2)),
        None => lines.push(Line { number, range: start..end.3, ends: vec![(end.0, end.1, end.2)] }),
    }
}

/// Copies the parts of a line near its marks, and says where the marks came to lie.
fn copy_line(out: &mut Crop, text: &str, line: &Line, radius: usize) {
    let source = text[line.range.clone()].trim_end_matches('\r');
    let mut kept: Vec<Range<usize>> = line.ends.iter().map(|e| near(source, e.2, radius)).collect();
    kept.sort_by_key(|r| r.start);
    kept.dedup_by(|next, last| {
        let touches = next.start <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    let mut done = 0;
    for piece in kept {
        if piece.start > done {
            out.text.push('…');
        }
        let base = out.text.len();
        // Blanks replace control characters byte for byte, so that columns stay what they are.
        for c in source[piece.clone()].chars() {
            if breaks(c) {
                out.text.extend(std::iter::repeat_n(' ', c.len_utf8()));
            } else {
                out.text.push(c);
            }
        }
        done = piece.end;
        for &(mark, is_end, column) in
            line.ends.iter().filter(|e| (piece.start..=piece.end).contains(&e.2.min(source.len())))
        {
            let at = base + column.min(source.len()) - piece.start;
            let range = &mut out.marks[mark];
            if is_end {
                range.end = at;
            } else {
                *range = at..at;
            }
        }
    }
    if done < source.len() {
        out.text.push('…');
    }
    // A blank to point at, for a mark at the very end.
    if out.marks.iter().any(|m| m.start == out.text.len()) {
        out.text.push(' ');
    }
}

/// Bytes within `radius` characters of `column`; the whole line where it is not long.
fn near(source: &str, column: usize, radius: usize) -> Range<usize> {
    if source.len() <= 2 * radius {
        return 0..source.len();
    }
    let column = floor(source, column);
    let start = source[..column].char_indices().rev().take(radius).last().map_or(column, |(i, _)| i);
    let end = source[column..].char_indices().nth(radius).map_or(source.len(), |(i, _)| column + i);
    start..end
}

/// Characters that a terminal or the renderer would act on, other than a tab.
fn breaks(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // one mark is a list of one range
mod tests {
    use super::*;

    fn marked(text: &str, marks: &[Range<usize>], radius: usize) -> (String, Vec<String>) {
        let c = crop(text, marks, 1, radius);
        let texts = c.marks.iter().map(|m| c.text[m.clone()].to_string()).collect();
        (c.text, texts)
    }

    #[test]
    fn lines_keep_their_numbers_and_marks_their_text() {
        let text = "one\ntwo three\nfour\nfive";
        let (out, marks) = marked(text, &[8..13, 19..23], 120);
        assert_eq!(out, "\ntwo three\n\nfive");
        assert_eq!(marks, ["three", "five"]);
        assert_eq!(crop(text, &[8..13], 41, 120).text.matches('\n').count(), 41);
    }

    #[test]
    fn a_mark_over_lines_keeps_both_ends() {
        let (out, marks) = marked("a {\n1\n2\n}\nb", &[2..9], 120);
        assert_eq!((out.as_str(), marks[0].as_str()), ("a {\n\n\n}", "{\n\n\n}"));
        let (out, marks) = marked("abc\n\n", &[0..5], 120);
        assert_eq!((out.as_str(), marks[0].as_str()), ("abc", "abc"));
    }

    #[test]
    fn a_long_line_is_cut_around_its_marks() {
        let text = format!("{}X{}Y{}", "é".repeat(5000), "b".repeat(5000), "c".repeat(5000));
        let (x, y) = (10000, 15001);
        let (out, marks) = marked(&text, &[x..x + 1, y..y + 1], 20);
        assert!(out.chars().count() < 100, "{out}");
        assert_eq!(marks, ["X", "Y"]);
        assert_eq!(out.matches('…').count(), 3);
    }

    #[test]
    fn places_at_the_end_and_beyond_are_still_places() {
        assert_eq!(marked("ab", &[2..2], 120), ("ab ".into(), vec![" ".into()]));
        assert_eq!(marked("", &[0..0], 120), (" ".into(), vec![" ".into()]));
        assert_eq!(marked("ab\n", &[3..3], 120).1, [" "]);
        assert_eq!(marked("ab", &[7..900], 120).1, [" "]);
        assert_eq!(marked("aéb", &[2..2], 120).1, ["é"]);
    }

    #[test]
    fn control_characters_become_blanks() {
        let (out, marks) = marked("a\x1b[2Jb\u{2028}c\r\n", &[5..6], 120);
        assert_eq!(out, "a [2Jb   c");
        assert_eq!(marks, ["b"]);
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(line_column("aé\nçd", 6), (2, 2));
        assert_eq!(line_column("", 5), (1, 1));
    }
}
