//! Faults as a person reads them, drawn by ariadne, and as a program reads them.
//!
//! In: a `Fault`, the `Sources` its places lie in, a `Style`. Out: text with a final newline:
//!
//! ```text
//! error: matmul: the inner axes differ, 784 and 10
//!    ╭─[ <repl>:2:1 ]
//!  2 │ x @ w
//!    │ ┬   ┬
//!    │ │   ╰── f64[10, 784], its first axis is 10
//!    │ ╰────── f64[32, 784], its last axis is 784
//!    │
//!    │ help: transpose the right side: x @ w.mT gives [32, 10]
//! ───╯
//! ```
//!
//! Ariadne draws the box with the sources in it. It is handed cropped sources (`crop.rs`); its spacer lines are taken
//! out; the calls and the help go in before the line that closes the box.

use std::collections::HashMap;
use std::ops::Range;

use ariadne::{Cache, CharSet, Config, IndexType, Label, Report, ReportKind};
use serde_json::{Value, json};

use super::Style;
use super::crop::{crop, line_column};
use crate::base::{Fault, Sources, Span, counted};

/// Reports beyond this are counted, not shown.
const MOST: usize = 20;
/// Calls shown at either end of a long chain.
const CALLS: usize = 8;

/// A source and characters of its cropped text.
type Place = (u32, Range<usize>);

/// Several faults of one run, at most 20 of them.
pub fn reports(faults: &[Fault], sources: &Sources, style: &Style) -> String {
    let mut out: String = faults.iter().take(MOST).map(|f| report(f, sources, style)).collect();
    if faults.len() > MOST {
        out.push_str(&format!("{} and {}\n", style.ellipsis(), counted(faults.len() - MOST, "more error")));
    }
    out
}

/// One fault.
pub fn report(fault: &Fault, sources: &Sources, style: &Style) -> String {
    let labels = labels(fault, sources);
    let mut tail = chain(fault, sources, style);
    tail.extend(fault.hints.iter().flat_map(|hint| help(hint, style)));
    let head = format!("{} {}\n", paint(style, "1;31", "error:"), clean(&fault.message));
    if labels.is_empty() {
        return tail.iter().fold(head, |text, line| text + line + "\n");
    }
    head + &boxed(&draw(fault, &labels, sources, style), &tail, style)
}

/// One fault as a line of JSON; lines and columns count from 1, columns in characters, ends are exclusive.
pub fn report_json(fault: &Fault, sources: &Sources) -> String {
    let place = |span: Span| {
        let source = sources.get(span.source)?;
        let (name, first) = first_line(&source.name);
        let (line, column) = line_column(&source.text, span.start as usize);
        let (end_line, end_column) = line_column(&source.text, span.end.max(span.start) as usize);
        Some(json!({"file": name, "line": line + first - 1, "column": column,
                    "end_line": end_line + first - 1, "end_column": end_column}))
    };
    let with = |value: Option<Value>, key: &str, text: &str| {
        value.map(|mut v| {
            v[key] = text.into();
            v
        })
    };
    let mut labels = fault.labels.clone();
    // The first span is the fault's own place.
    if let Some(span) = fault.span {
        let own = labels.iter().position(|l| l.0 == span).map_or((span, String::new()), |i| labels.remove(i));
        labels.insert(0, own);
    }
    let spans: Vec<Value> = labels.iter().filter_map(|(s, words)| with(place(*s), "label", words)).collect();
    let calls: Vec<Value> = fault.chain.iter().filter_map(|(s, name)| with(place(*s), "function", name)).collect();
    json!({"message": fault.message, "exit": fault.exit as i32, "spans": spans, "calls": calls, "hints": fault.hints})
        .to_string()
}

/// What to mark: the fault's labels, and its own place if no label is there. Only places in known sources.
fn labels(fault: &Fault, sources: &Sources) -> Vec<(Span, String)> {
    let mut labels = fault.labels.clone();
    if let Some(span) = fault.span
        && !labels.iter().any(|(l, _)| {
            l.source == span.source && l.start < span.end.max(span.start + 1) && l.end.max(l.start + 1) > span.start
        })
    {
        labels.insert(0, (span, "here".into()));
    }
    labels.retain(|(span, _)| sources.get(span.source).is_some());
    labels
}

/// A source named `<repl>:3` begins at line 3 of `<repl>`.
fn first_line(name: &str) -> (&str, usize) {
    let numbered = name.rsplit_once(':').filter(|(base, _)| base.starts_with('<') && base.ends_with('>'));
    match numbered.and_then(|(base, n)| Some((base, n.parse::<usize>().ok().filter(|&n| n > 0)?))) {
        Some((base, line)) => (base, line),
        None => (name, 1),
    }
}

fn place_text(span: Span, sources: &Sources) -> Option<String> {
    let source = sources.get(span.source)?;
    let (name, first) = first_line(&source.name);
    let (line, column) = line_column(&source.text, span.start as usize);
    Some(format!("{name}:{}:{column}", line + first - 1))
}

/// `in f, called from main.nev:3:5: y = f(x)`, innermost first; of a long chain its ends.
fn chain(fault: &Fault, sources: &Sources, style: &Style) -> Vec<String> {
    let n = fault.chain.len();
    let mut out = vec![];
    for (i, (span, name)) in fault.chain.iter().enumerate() {
        if n > 2 * CALLS + 1 && i == CALLS {
            out.push(style.faint(&format!("{} {}", style.ellipsis(), counted(n - 2 * CALLS, "more call"))));
        }
        if n > 2 * CALLS + 1 && (CALLS..n - CALLS).contains(&i) {
            continue;
        }
        let place = place_text(*span, sources).map_or(String::new(), |p| format!(", called from {p}"));
        let text = one_line(sources.text(*span), style);
        let text = if text.is_empty() { text } else { format!(": {text}") };
        out.push(format!("in {name}{}{text}", style.faint(&place)));
    }
    out
}

/// The first line of a source text, short enough to stand in a report.
fn one_line(text: &str, style: &Style) -> String {
    let first = text.lines().next().unwrap_or("");
    let cut: String = first.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut.chars().count() < text.trim_end().chars().count() { format!("{cut}{}", style.ellipsis()) } else { cut }
}

fn help(hint: &str, style: &Style) -> Vec<String> {
    let hint = clean(hint);
    let mut lines = hint.lines();
    let first = format!("{} {}", paint(style, "36", "help:"), lines.next().unwrap_or(""));
    std::iter::once(first).chain(lines.map(|l| format!("      {l}"))).collect()
}

/// Words that may quote a file: what would move a terminal's cursor or change its colours is replaced.
fn clean(words: &str) -> String {
    words.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

fn paint(style: &Style, code: &str, text: &str) -> String {
    if style.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
}

/// Ariadne's view of the sources: number to display name and cropped text.
struct Views<'a>(HashMap<u32, (&'a str, ariadne::Source<String>)>);

impl Cache<u32> for &mut Views<'_> {
    type Storage = String;

    fn fetch(&mut self, id: &u32) -> Result<&ariadne::Source<String>, impl std::fmt::Debug> {
        self.0.get(id).map(|v| &v.1).ok_or("no such source")
    }

    fn display<'b>(&self, id: &'b u32) -> Option<impl std::fmt::Display + 'b> {
        self.0.get(id).map(|v| v.0.to_string())
    }
}

/// The box, as ariadne draws it, below a line that `boxed` replaces: ariadne colours that one unasked.
fn draw(fault: &Fault, labels: &[(Span, String)], sources: &Sources, style: &Style) -> String {
    let own = head(fault, labels, sources);
    let spans: Vec<Span> = labels.iter().map(|l| l.0).chain([own]).collect();
    let (views, places) = views(&spans, sources, style);
    let main = spans.iter().position(|&s| s == own).unwrap_or(0);
    // In byte mode ariadne 0.6 takes the place in a second source for bytes where it has characters, and panics.
    let config = Config::new().with_index_type(IndexType::Char).with_color(style.color).with_char_set(if style.ascii {
        CharSet::Ascii
    } else {
        CharSet::Unicode
    });
    // Within a line the rightmost label comes first, so that no line crosses another's words.
    let mut order: Vec<usize> = (0..labels.len()).collect();
    let line = |i: usize| {
        let (source, range) = &places[i];
        let last = range.end.saturating_sub(1).max(range.start);
        views.0.get(source).and_then(|v| v.1.get_offset_line(last)).map_or(0, |(_, line, _)| line)
    };
    order.sort_by_cached_key(|&i| {
        (places[i].0 != places[main].0, places[i].0, line(i), std::cmp::Reverse(places[i].1.start))
    });
    let marks = order.iter().enumerate().map(|(rank, &i)| {
        let color = if i == main { ariadne::Color::Red } else { [ariadne::Color::Cyan, ariadne::Color::Yellow][i % 2] };
        Label::new(places[i].clone()).with_message(clean(&labels[i].1)).with_order(rank as i32).with_color(color)
    });
    let report = Report::build(ReportKind::Custom("error", ariadne::Color::Red), places[main].clone())
        .with_config(config)
        .with_labels(marks)
        .finish();
    let (mut bytes, mut views) = (vec![], views);
    // Writing to a Vec cannot fail.
    let _ = report.write(&mut views, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The place in the box's head: the fault's own, marked or not; but where that begins on a line without a mark, which is
/// not drawn, the first mark in it.
fn head(fault: &Fault, labels: &[(Span, String)], sources: &Sources) -> Span {
    let Some(own) = fault.span.filter(|s| sources.get(s.source).is_some()) else { return labels[0].0 };
    let line = |span: Span| sources.get(span.source).map(|s| line_column(&s.text, span.start as usize).0);
    let marks = || labels.iter().map(|l| l.0).filter(|l| l.source == own.source);
    if marks().any(|mark| line(mark) == line(own)) {
        return own;
    }
    marks().filter(|mark| own.start <= mark.start && mark.start < own.end).min_by_key(|m| m.start).unwrap_or(own)
}

/// Every source cropped to its spans, and where the spans lie then.
fn views<'a>(spans: &[Span], sources: &'a Sources, style: &Style) -> (Views<'a>, Vec<Place>) {
    let radius = if style.terminal { (style.width / 2).saturating_sub(8).clamp(20, 120) } else { 120 };
    let mut views = Views(HashMap::new());
    let mut places: Vec<Place> = spans.iter().map(|span| (span.source, 0..0)).collect();
    for id in spans.iter().map(|span| span.source) {
        let Some(source) = sources.get(id).filter(|_| !views.0.contains_key(&id)) else { continue };
        let (name, first) = first_line(&source.name);
        let mine: Vec<usize> = (0..spans.len()).filter(|&i| spans[i].source == id).collect();
        let marks: Vec<Range<usize>> = mine.iter().map(|&i| spans[i].range()).collect();
        let cropped = crop(&source.text, &marks, first, radius);
        for (&i, mark) in mine.iter().zip(cropped.marks) {
            let start = cropped.text[..mark.start].chars().count();
            places[i].1 = start..start + cropped.text[mark].chars().count();
        }
        views.0.insert(id, (name, ariadne::Source::from(cropped.text)));
    }
    (views, places)
}

/// Takes the first line and the spacers out of a drawn box and puts further lines in before it closes.
fn boxed(drawn: &str, tail: &[String], style: &Style) -> String {
    let mut lines: Vec<&str> = drawn.lines().skip(1).collect();
    let close = lines.pop().unwrap_or("");
    let margin = bare(close).chars().filter(|c| matches!(c, '─' | '-')).count();
    let bar = if style.ascii { "|" } else { "│" };
    let bar = format!("{}{}", " ".repeat(margin), paint(style, "38;5;240", bar));
    let mut out = String::new();
    let mut after_source = false;
    for line in lines {
        let shown = bare(line);
        let bars_only = shown.chars().all(|c| matches!(c, ' ' | '│' | '|'));
        // In ASCII the underline of one character is a bar too; it stands right below the source.
        if !bars_only || (style.ascii && after_source) {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        after_source = shown.trim_start().starts_with(|c: char| c.is_ascii_digit());
    }
    if !tail.is_empty() {
        out.push_str(&format!("{bar}\n"));
        tail.iter().for_each(|l| out.push_str(&format!("{bar} {l}\n")));
    }
    out.push_str(close);
    out.push('\n');
    out
}

/// A line without its colours.
fn bare(line: &str) -> String {
    let mut out = String::new();
    let mut parts = line.split('\x1b');
    out.push_str(parts.next().unwrap_or(""));
    parts.for_each(|p| out.push_str(p.split_once('m').map_or("", |x| x.1)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(sources: &Sources, id: u32, words: &str) -> Span {
        let at = sources.get(id).unwrap().text.find(words).unwrap();
        Span::new(id, at, at + words.len())
    }

    fn matmul() -> (Fault, Sources) {
        let mut sources = Sources::default();
        sources.add("<repl>:1", "x = ones(32, 784); w = ones(10, 784)");
        let id = sources.add("<repl>:2", "x @ w");
        let fault = Fault::new("matmul: the inner axes differ, 784 and 10")
            .at(Span::new(id, 0, 5))
            .label(find(&sources, id, "x"), "f64[32, 784], its last axis is 784")
            .label(find(&sources, id, "w"), "f64[10, 784], its first axis is 10")
            .hint("transpose the right side: x @ w.mT gives [32, 10]");
        (fault, sources)
    }

    #[test]
    fn the_sample_of_the_language_page() {
        let (fault, sources) = matmul();
        let want = "\
error: matmul: the inner axes differ, 784 and 10
   ╭─[ <repl>:2:1 ]
 2 │ x @ w
   │ ┬   ┬
   │ │   ╰── f64[10, 784], its first axis is 10
   │ ╰────── f64[32, 784], its last axis is 784
   │
   │ help: transpose the right side: x @ w.mT gives [32, 10]
───╯
";
        assert_eq!(report(&fault, &sources, &Style::PLAIN), want);
    }

    #[test]
    fn ascii_and_colour() {
        let (fault, sources) = matmul();
        let ascii = report(&fault, &sources, &Style { ascii: true, ..Style::PLAIN });
        assert!(ascii.is_ascii(), "{ascii}");
        assert_eq!(ascii.lines().count(), 9, "{ascii}");
        let color = report(&fault, &sources, &Style { color: true, ..Style::PLAIN });
        assert!(color.contains("\x1b["));
        let stripped: String = color.lines().map(|l| format!("{}\n", bare(l))).collect();
        assert_eq!(stripped, report(&fault, &sources, &Style::PLAIN));
    }

    #[test]
    fn without_a_place_there_is_no_box() {
        let fault = Fault::new("no file `x`").hint("did you mean `y`?\nor `z`?");
        let text = report(&fault, &Sources::default(), &Style::PLAIN);
        assert_eq!(text, "error: no file `x`\nhelp: did you mean `y`?\n      or `z`?\n");
        let lost = Fault::new("m").at(Span::new(9, 0, 1)).called_at(Span::new(9, 0, 1), "f");
        assert_eq!(report(&lost, &Sources::default(), &Style::PLAIN), "error: m\nin f\n");
    }

    #[test]
    fn the_chain_of_calls_stands_in_the_box() {
        let mut sources = Sources::default();
        let lib = sources.add("lib.nev", "# lib\nf(x) = sqrt(x)\n");
        let main = sources.add("main.nev", "y = 1\nz = f(y)\n");
        let fault =
            Fault::new("sqrt: no").at(find(&sources, lib, "sqrt(x)")).called_at(find(&sources, main, "f(y)"), "f");
        let want = "\
error: sqrt: no
   ╭─[ lib.nev:2:8 ]
 2 │ f(x) = sqrt(x)
   │        ───┬───
   │           ╰───── here
   │
   │ in f, called from main.nev:2:5: f(y)
───╯
";
        assert_eq!(report(&fault, &sources, &Style::PLAIN), want);
        let mut deep = fault.clone();
        for _ in 0..5000 {
            deep = deep.called_at(find(&sources, main, "f(y)"), "f");
        }
        let text = report(&deep, &sources, &Style::PLAIN);
        assert!(text.contains("│ … 4985 more calls"), "{text}");
        assert!(text.lines().count() < 30);
    }

    #[test]
    fn labels_over_lines_and_sources() {
        let mut sources = Sources::default();
        let a = sources.add("a.nev", "f(x) = {\n  1\n  2\n}\ny = f(3)\n");
        let b = sources.add("b.nev", "g(x) = 1\n");
        let fault = Fault::new("two places")
            .at(find(&sources, a, "f(3)"))
            .label(find(&sources, a, "{\n  1\n  2\n}"), "this block")
            .label(find(&sources, b, "g(x)"), "and this");
        let text = report(&fault, &sources, &Style::PLAIN);
        for words in ["this block", "here", "and this", "[ b.nev:1:1 ]", "a.nev:5:5", "5 │", "1 │"] {
            assert!(text.contains(words), "{words}:\n{text}");
        }
        assert!(!text.contains("  2\n"), "{text}");
    }

    #[test]
    fn the_head_names_a_line_that_is_drawn() {
        let mut sources = Sources::default();
        let id = sources.add("a.nev", "x = 1\ny = x +\n  print(2)\n");
        let fault = Fault::new("m").at(find(&sources, id, "x +\n  print(2)"));
        let fault = fault.label(find(&sources, id, "print(2)"), "none, is no number or array");
        let text = report(&fault, &sources, &Style::PLAIN);
        assert!(text.contains("[ a.nev:3:3 ]") && text.contains(" 3 │   print(2)"), "{text}");
        // Where both lines are drawn the statement's beginning is named.
        let text = report(&fault.label(find(&sources, id, "x +"), "int"), &sources, &Style::PLAIN);
        assert!(text.contains("[ a.nev:2:5 ]"), "{text}");
    }

    #[test]
    fn a_huge_line_prints_little() {
        let mut sources = Sources::default();
        let id = sources.add("<-e>", format!("{} @ {}", "1,".repeat(100_000), "2,".repeat(100_000)));
        let fault = Fault::new("m").at(find(&sources, id, "@")).label(Span::new(id, 0, 399_000), "all of it");
        let text = report(&fault, &sources, &Style::PLAIN);
        assert!(text.len() < 6000, "{}", text.len());
    }

    #[test]
    fn any_place_in_any_text_is_drawn_without_a_panic() {
        let texts =
            ["", "\n", "\r\n\r\n", "a\tb\u{2028}c\nd", "日本語 = 1\nx\u{85}y\n", "a\n\n\nb", "\u{feff}x = 1", "é"];
        for text in texts {
            let mut sources = Sources::default();
            let id = sources.add("<repl>:7", text);
            for start in 0..text.len() + 2 {
                for end in 0..text.len() + 3 {
                    let fault = Fault::new("m").at(Span::new(id, start, end)).label(Span::new(id, end, start), "other");
                    let text = report(&fault, &sources, &Style::PLAIN);
                    assert!(text.starts_with("error: m\n") && text.contains("<repl>:"), "{text}");
                    assert!(!report_json(&fault, &sources).contains('\n'));
                }
            }
        }
    }

    #[test]
    fn many_labels_anywhere_are_drawn_without_a_panic() {
        let text = "f(x) = {\n\ty = \"日本\" # c\n\n  é\r\n}\nz = f(1)";
        let mut sources = Sources::default();
        let ids = [sources.add("a.nev", text), sources.add("<repl>:12", text)];
        let mut seed = 1u64;
        let mut random = |n: usize| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as usize % n
        };
        for _ in 0..3000 {
            let mut span = || {
                let (a, b) = (random(text.len() + 2), random(text.len() + 2));
                Span::new(ids[random(2)], a.min(b), a.max(b))
            };
            let fault = Fault::new("m").at(span()).label(span(), "one").label(span(), "two\nlines").label(span(), "");
            let out = report(&fault, &sources, &Style { ascii: span().start.is_multiple_of(2), ..Style::PLAIN });
            assert!(out.starts_with("error: m\n") && out.contains("one"), "{out}");
        }
    }

    #[test]
    fn words_cannot_drive_the_terminal() {
        let fault = Fault::new("near `\x1b[2J`").hint("\x07");
        assert!(!report(&fault, &Sources::default(), &Style::PLAIN).contains(['\x1b', '\x07']));
    }

    #[test]
    fn twenty_and_a_count() {
        let faults: Vec<Fault> = (0..35).map(|i| Fault::new(format!("number {i}"))).collect();
        let text = reports(&faults, &Sources::default(), &Style::PLAIN);
        assert_eq!(text.lines().count(), 21);
        assert!(text.ends_with("… and 15 more errors\n"));
    }

    #[test]
    fn json_is_one_line_with_places_from_one() {
        let (fault, sources) = matmul();
        let value: Value = serde_json::from_str(&report_json(&fault, &sources)).unwrap();
        assert_eq!(value["message"], "matmul: the inner axes differ, 784 and 10");
        assert_eq!(value["exit"], 1);
        assert_eq!(value["spans"].as_array().unwrap().len(), 3);
        let span = &value["spans"][2];
        let want = json!({"file": "<repl>", "line": 2, "column": 5, "end_line": 2, "end_column": 6,
                          "label": "f64[10, 784], its first axis is 10"});
        assert_eq!(*span, want);
        assert_eq!(value["spans"][0]["label"], "");
        assert_eq!(value["hints"][0], "transpose the right side: x @ w.mT gives [32, 10]");
    }
}
