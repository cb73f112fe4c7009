//! Decides whether a grammar derives some tokens, for any grammar (Earley, 1970).

use std::collections::{HashMap, HashSet};

use nevel::syntax;

use crate::ebnf::{Grammar, Symbol};

/// A rule's alternative, read up to `dot`, begun at `origin`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Item {
    rule: u32,
    alternative: u32,
    dot: u32,
    origin: u32,
}

pub struct Earley<'g> {
    grammar: &'g Grammar,
    start: usize,
    /// The grammar's number of a token.
    index: HashMap<&'g str, usize>,
}

#[derive(Default)]
struct Column {
    items: Vec<Item>,
    seen: HashSet<Item>,
    /// Items here that wait for a rule.
    waiting: HashMap<usize, Vec<Item>>,
}

impl Column {
    fn add(&mut self, item: Item) {
        if self.seen.insert(item) {
            self.items.push(item);
        }
    }
}

impl<'g> Earley<'g> {
    pub fn new(grammar: &'g Grammar) -> Earley<'g> {
        let index = grammar.tokens.iter().enumerate().map(|(i, t)| (t.as_str(), i)).collect();
        Earley { grammar, start: grammar.names["program"], index }
    }

    fn matches(&self, token: usize, found: &str) -> bool {
        self.index.get(found) == Some(&token) || (found == "INTEGER" && self.index.get("NUMBER") == Some(&token))
    }

    fn predict(&self, column: &mut Column, rule: usize, origin: usize) {
        for alternative in 0..self.grammar.alternatives[rule].len() {
            column.add(Item { rule: rule as u32, alternative: alternative as u32, dot: 0, origin: origin as u32 });
        }
    }

    fn accepts(&self, tokens: &[&str]) -> bool {
        let mut columns: Vec<Column> = (0..=tokens.len()).map(|_| Column::default()).collect();
        self.predict(&mut columns[0], self.start, 0);
        for at in 0..=tokens.len() {
            let mut next = 0;
            while let Some(&item) = columns[at].items.get(next) {
                next += 1;
                self.advance(item, at, tokens, &mut columns);
            }
            if at < tokens.len() && columns[at + 1].items.is_empty() {
                return false;
            }
        }
        let whole = |item: &Item| item.rule as usize == self.start && item.origin == 0 && self.after(item).is_none();
        columns[tokens.len()].items.iter().any(whole)
    }

    /// The symbol behind an item's dot.
    fn after(&self, item: &Item) -> Option<Symbol> {
        self.grammar.alternatives[item.rule as usize][item.alternative as usize].get(item.dot as usize).copied()
    }

    fn advance(&self, item: Item, at: usize, tokens: &[&str], columns: &mut [Column]) {
        let step = |item: Item| Item { dot: item.dot + 1, ..item };
        match self.after(&item) {
            Some(Symbol::Token(token)) => {
                if tokens.get(at).is_some_and(|found| self.matches(token, found)) {
                    columns[at + 1].add(step(item));
                }
            }
            Some(Symbol::Rule(rule)) => {
                let waiting = columns[at].waiting.entry(rule).or_default();
                waiting.push(item);
                if waiting.len() == 1 {
                    self.predict(&mut columns[at], rule, at);
                }
                // What is empty is complete where it begins, before its column could tell (Aycock and Horspool, 2002).
                if self.grammar.nullable[rule] {
                    columns[at].add(step(item));
                }
            }
            None => {
                let woken = columns[item.origin as usize].waiting.get(&(item.rule as usize));
                woken.cloned().unwrap_or_default().into_iter().for_each(|w| columns[at].add(step(w)));
            }
        }
    }

    pub fn derives(&self, text: &str) -> bool {
        syntax::terminals(text).is_some_and(|all| {
            // `not in` is one token for the parser and two for the grammar.
            let split = |t: &(&'static str, _)| if t.0 == "not in" { vec!["not", "in"] } else { vec![t.0] };
            self.accepts(&all.iter().flat_map(split).collect::<Vec<_>>())
        })
    }
}
