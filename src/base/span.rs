//! Places in source text: what a fault points at.
//!
//! A `Span` is a byte range of one source; `Sources` owns the texts, so a span is small and `Copy`.

/// A byte range `start..end` of source number `source`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Span {
    pub source: u32,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(source: u32, start: usize, end: usize) -> Span {
        Span { source, start: start as u32, end: end as u32 }
    }

    /// The smallest span that holds both; both must lie in one source.
    pub fn to(self, other: Span) -> Span {
        Span { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One text that was read: a file, a line of the REPL, an argument of `-e`.
pub struct Source {
    /// What a report calls it: a path, `<repl>:3`, `<-e>`.
    pub name: String,
    pub text: String,
}

/// Every text of a session, in the order read. Spans index it.
#[derive(Default)]
pub struct Sources {
    all: Vec<Source>,
}

impl Sources {
    /// Adds a text and returns its number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> u32 {
        self.all.push(Source { name: name.into(), text: text.into() });
        (self.all.len() - 1) as u32
    }

    pub fn get(&self, source: u32) -> Option<&Source> {
        self.all.get(source as usize)
    }

    /// The text under a span; empty where the span is not of this table.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.source).and_then(|s| s.text.get(span.range())).unwrap_or("")
    }
}
