//! Transcripts: the one notation of help pages, documents, saved sessions and tests.
//!
//! `> ` starts an input, `. ` continues it, and what follows is what it shows, up to a blank line before the next
//! input. In: a text and where in it examples may stand. Out: cases with the lines they came from, so that what they
//! show can be compared, or written in their place.
//!
//!     > x = [1.0, 2.0]
//!     > for v in x {
//!     .     print(v)
//!     . }
//!     1
//!     2

use std::ops::Range;

use crate::show::Style;

/// How values and reports look in a transcript: as on a wide terminal without colours.
pub const STYLE: Style = Style { terminal: true, width: 10_000, color: false, digits: Some(6), ascii: false };

/// Where examples stand in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// All of it; lines that begin with `#` after a blank line are remarks.
    Text,
    /// In fenced blocks of no other language whose first line is an input.
    Markdown,
    /// In `##` comments of a program.
    Source,
}

/// One input and what it is to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The line of the input, counted from 0.
    pub line: usize,
    pub input: String,
    pub expected: Vec<String>,
    /// The lines of the text that hold `expected`.
    pub lines: Range<usize>,
    /// What stands in front of every line: `## ` in a program.
    pub prefix: String,
}

impl Kind {
    /// By the file's name; `None` where no examples are looked for.
    pub fn of(path: &std::path::Path) -> Option<Kind> {
        match path.extension()?.to_str()? {
            "txt" => Some(Kind::Text),
            "md" => Some(Kind::Markdown),
            "nev" => Some(Kind::Source),
            _ => None,
        }
    }
}

/// The cases of a text, in order.
pub fn cases(text: &str, kind: Kind) -> Vec<Case> {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = vec![];
    let mut at = 0;
    while at < lines.len() {
        let block = match kind {
            Kind::Text => (at == 0).then_some((0..lines.len(), 0)),
            Kind::Markdown => fenced(&lines, at),
            Kind::Source => comment(&lines, at),
        };
        match block {
            Some((range, indent)) => {
                at = range.end + 1;
                // Blocks of other languages are stepped over: what is inside them is no fence.
                if kind != Kind::Markdown || is_ours(lines[range.start - 1]) {
                    read_block(&lines, range, indent, kind, &mut out);
                }
            }
            None => at += 1,
        }
    }
    out
}

/// Whether a fence says that its block may hold examples.
fn is_ours(fence: &str) -> bool {
    matches!(fence.trim().trim_start_matches('`').trim(), "" | "text" | "nevel" | "nev")
}

/// The lines inside a fence that opens at `at`, and the fence's indent.
fn fenced(lines: &[&str], at: usize) -> Option<(Range<usize>, usize)> {
    let open = lines[at].trim_start();
    let indent = lines[at].len() - open.len();
    let fence = &open[..open.bytes().take_while(|b| *b == b'`').count()];
    if fence.len() < 3 {
        return None;
    }
    let inside = lines[at + 1..].iter().take_while(|l| l.trim() != fence).count();
    Some((at + 1..at + 1 + inside, indent))
}

/// A run of `##` lines that starts at `at`, and their indent with the marks.
fn comment(lines: &[&str], at: usize) -> Option<(Range<usize>, usize)> {
    let indent = lines[at].len() - lines[at].trim_start().len();
    let is_doc = |l: &&&str| l.trim_start().starts_with("##");
    let count = lines[at..].iter().take_while(is_doc).count();
    (count > 0).then_some((at..at + count, indent + 2))
}

/// Takes the cases out of a run of lines that share an indent.
fn read_block(lines: &[&str], range: Range<usize>, indent: usize, kind: Kind, out: &mut Vec<Case>) {
    let body = |i: usize| -> &str {
        let line = lines[i].get(indent..).unwrap_or("");
        if kind == Kind::Source { line.strip_prefix(' ').unwrap_or(line) } else { line }
    };
    let first = range.clone().find(|&i| !body(i).trim().is_empty()).map_or("", body);
    if kind == Kind::Markdown && input(first).is_none() {
        return;
    }
    let mut i = range.start;
    while i < range.end {
        let Some(head) = input(body(i)) else {
            i += 1;
            continue;
        };
        let (line, mut text) = (i, head.to_string());
        i += 1;
        while let Some(more) = (i < range.end).then(|| continuation(body(i))).flatten() {
            text.push('\n');
            text.push_str(more);
            i += 1;
        }
        let start = i;
        while i < range.end && input(body(i)).is_none() && !ends(kind, &body, start, i) {
            i += 1;
        }
        let mut end = i;
        while end > start && body(end - 1).trim().is_empty() {
            end -= 1;
        }
        let prefix = match kind {
            Kind::Source => format!("{} ", &lines[line][..indent]),
            _ => lines[line].get(..indent).unwrap_or("").to_string(),
        };
        let expected = (start..end).map(|k| body(k).trim_end().to_string()).collect();
        out.push(Case { line, input: text, expected, lines: start..end, prefix });
    }
}

/// Whether line `i` is behind the output that starts at `start`: prose after a blank line in a comment, a remark after
/// one in a transcript.
fn ends<'a>(kind: Kind, body: &dyn Fn(usize) -> &'a str, start: usize, i: usize) -> bool {
    let after_blank = i == start || body(i - 1).trim().is_empty();
    match kind {
        Kind::Source => body(i).trim().is_empty(),
        Kind::Text => after_blank && i > start && body(i).starts_with('#'),
        Kind::Markdown => false,
    }
}

fn input(line: &str) -> Option<&str> {
    if line == ">" { Some("") } else { line.strip_prefix("> ") }
}

fn continuation(line: &str) -> Option<&str> {
    if line == "." { Some("") } else { line.strip_prefix(". ") }
}

impl Case {
    /// What was shown, as lines to compare and write: no blanks at line ends, no blank lines at either end; in a
    /// comment, where a blank line would end the output, none at all.
    pub fn lines_of(&self, shown: &str, kind: Kind) -> Vec<String> {
        let mut lines: Vec<String> = shown.lines().map(|l| l.trim_end().to_string()).collect();
        if kind == Kind::Source {
            lines.retain(|l| !l.is_empty());
        }
        while lines.last().is_some_and(|l| l.is_empty()) {
            lines.pop();
        }
        lines
    }
}

/// The text with other expectations: one list of lines per case.
pub fn rewritten(text: &str, cases: &[Case], shown: &[Vec<String>]) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out: Vec<String> = vec![];
    let mut at = 0;
    for (case, shown) in cases.iter().zip(shown) {
        out.extend(lines[at..case.lines.start].iter().map(|l| l.to_string()));
        out.extend(shown.iter().map(|l| format!("{}{l}", case.prefix).trim_end().to_string()));
        at = case.lines.end;
    }
    out.extend(lines[at..].iter().map(|l| l.to_string()));
    let mut text_out = out.join("\n");
    if text.ends_with('\n') {
        text_out.push('\n');
    }
    text_out
}

/// An input and what it showed in the notation: what `:save` writes.
pub fn written(input: &str, shown: &str) -> String {
    let mut out = String::new();
    for (i, line) in input.lines().enumerate() {
        let mark = if i == 0 { ">" } else { "." };
        out.push_str(format!("{mark} {line}").trim_end());
        out.push('\n');
    }
    let shown = shown.trim_end();
    if !shown.is_empty() {
        out.push_str(shown);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, kind: Kind) -> Vec<(String, Vec<String>)> {
        cases(text, kind).into_iter().map(|c| (c.input, c.expected)).collect()
    }

    fn case(input: &str, expected: &[&str]) -> (String, Vec<String>) {
        (input.into(), expected.iter().map(|s| s.to_string()).collect())
    }

    #[test]
    fn texts_are_cases_all_through() {
        let text = "# a remark\n\n> 1\n1\n> x = 2\n\n> for i in 0..2 {\n.   print(i)\n. }\n0\n1\n\n# more\n> zeros(1, 1, 1)\n[[[0]],\n\n [[1]]]\n\n\n";
        let want = [
            case("1", &["1"]),
            case("x = 2", &[]),
            case("for i in 0..2 {\n  print(i)\n}", &["0", "1"]),
            case("zeros(1, 1, 1)", &["[[[0]],", "", " [[1]]]"]),
        ];
        assert_eq!(read(text, Kind::Text), want);
    }

    #[test]
    fn documents_have_them_in_fences() {
        let text =
            "Prose.\n> a quote\n\n```text\n> 1\n1\n```\n\n```sh\nnevel -e 1\n> not\n```\n  ```\n  > 2\n  2\n  ```\n";
        assert_eq!(read(text, Kind::Markdown), [case("1", &["1"]), case("2", &["2"])]);
    }

    #[test]
    fn programs_have_them_in_comments() {
        let text = "## Twice.\n##\n## > f(2)\n## 4\n##\n## Prose > f(3)\nf(x) = 2*x\n# > no\n    ## > f(1)\n    ## 2\n";
        assert_eq!(read(text, Kind::Source), [case("f(2)", &["4"]), case("f(1)", &["2"])]);
    }

    #[test]
    fn blessing_changes_expectations_only() {
        for (text, kind) in [
            ("> 1\n\n> 2\nold\nlines\n\n# end\n", Kind::Text),
            ("a\n```\n> 1\n> 2\nold\n```\nb\n", Kind::Markdown),
            ("## f.\n## > 1\n## > 2\n## old\nf(x) = x\n", Kind::Source),
        ] {
            let all = cases(text, kind);
            let same: Vec<Vec<String>> = all.iter().map(|c| c.expected.clone()).collect();
            assert_eq!(rewritten(text, &all, &same), text);
            let new: Vec<Vec<String>> = all.iter().map(|c| vec![c.input.clone(), "x".into()]).collect();
            let blessed = rewritten(text, &all, &new);
            let again = cases(&blessed, kind);
            assert_eq!(again.iter().map(|c| c.expected.clone()).collect::<Vec<_>>(), new, "{blessed}");
            assert_eq!(rewritten(&blessed, &again, &new), blessed);
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = written("f(x) = {\n  x\n\n}", "") + &written("f(1)", "1\n");
        assert_eq!(read(&text, Kind::Text), [case("f(x) = {\n  x\n\n}", &[]), case("f(1)", &["1"])]);
    }
}
