//! Reads a grammar.
//!
//! In: the text of `language.ebnf`. Out: rules as plain alternatives of numbers.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// A symbol of a rule: a rule's number or a token's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Symbol {
    Rule(usize),
    Token(usize),
}

/// Rules as plain alternatives; groups and repetitions have become rules without a name.
#[derive(Default)]
pub struct Grammar {
    pub names: HashMap<String, usize>,
    pub tokens: Vec<String>,
    pub alternatives: Vec<Vec<Vec<Symbol>>>,
    pub defined: Vec<bool>,
    pub used: HashSet<String>,
    /// The least nesting that each rule needs.
    pub height: Vec<usize>,
    pub nullable: Vec<bool>,
    /// Which alternatives `derive` has taken, by rule and position.
    pub taken: RefCell<HashSet<(usize, usize)>>,
}

struct Reader<'a> {
    words: Vec<&'a str>,
    at: usize,
}

/// Words of a grammar: names, quoted tokens, and `::= ( ) ? * + |`.
fn words(text: &str) -> Vec<&str> {
    let mut words = vec![];
    for line in text.lines() {
        let mut rest = line.trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            let len = match rest.as_bytes()[0] {
                b'"' => 2 + rest[1..].find('"').expect("a closing quote"),
                b':' => 3,
                b if b.is_ascii_alphabetic() => rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len()),
                _ => 1,
            };
            words.push(&rest[..len]);
            rest = rest[len..].trim_start();
        }
    }
    words
}

impl Grammar {
    pub fn read(text: &str) -> Grammar {
        let mut grammar = Grammar::default();
        let mut reader = Reader { words: words(text), at: 0 };
        while reader.at < reader.words.len() {
            let name = reader.words[reader.at].to_string();
            assert_eq!(reader.words[reader.at + 1], "::=", "after {name}");
            reader.at += 2;
            let rule = grammar.rule(&name);
            assert!(!grammar.defined[rule], "{name} is defined twice");
            grammar.defined[rule] = true;
            grammar.alternatives[rule] = grammar.choice(&mut reader);
        }
        grammar.measure();
        grammar
    }

    fn rule(&mut self, name: &str) -> usize {
        if let Some(&rule) = self.names.get(name) {
            return rule;
        }
        let rule = self.fresh();
        self.defined[rule] = false;
        self.names.insert(name.to_string(), rule);
        rule
    }

    fn fresh(&mut self) -> usize {
        self.alternatives.push(vec![]);
        self.defined.push(true);
        self.alternatives.len() - 1
    }

    fn token(&mut self, name: &str) -> usize {
        self.tokens.iter().position(|t| t == name).unwrap_or_else(|| {
            self.tokens.push(name.to_string());
            self.tokens.len() - 1
        })
    }

    fn choice(&mut self, reader: &mut Reader) -> Vec<Vec<Symbol>> {
        let mut all = vec![self.sequence(reader)];
        while reader.words.get(reader.at) == Some(&"|") {
            reader.at += 1;
            all.push(self.sequence(reader));
        }
        all
    }

    fn sequence(&mut self, reader: &mut Reader) -> Vec<Symbol> {
        let mut all = vec![];
        while let Some(&word) = reader.words.get(reader.at) {
            if matches!(word, "|" | ")") || reader.words.get(reader.at + 1) == Some(&"::=") {
                break;
            }
            reader.at += 1;
            let symbol = match word {
                "(" => {
                    let group = self.fresh();
                    self.alternatives[group] = self.choice(reader);
                    assert_eq!(reader.words.get(reader.at), Some(&")"));
                    reader.at += 1;
                    Symbol::Rule(group)
                }
                _ if word.starts_with('"') => Symbol::Token(self.token(word.trim_matches('"'))),
                _ if word.bytes().all(|b| b.is_ascii_uppercase()) => Symbol::Token(self.token(word)),
                _ => {
                    self.used.insert(word.to_string());
                    Symbol::Rule(self.rule(word))
                }
            };
            all.push(self.repeated(symbol, reader));
        }
        all
    }

    fn repeated(&mut self, symbol: Symbol, reader: &mut Reader) -> Symbol {
        let Some(&mark @ ("?" | "*" | "+")) = reader.words.get(reader.at) else { return symbol };
        reader.at += 1;
        let rule = self.fresh();
        let own = Symbol::Rule(rule);
        self.alternatives[rule] = match mark {
            "?" => vec![vec![], vec![symbol]],
            "*" => vec![vec![], vec![own, symbol]],
            _ => vec![vec![symbol], vec![own, symbol]],
        };
        own
    }

    /// Heights and nullability, as the least solution of their equations.
    fn measure(&mut self) {
        let n = self.alternatives.len();
        self.height = vec![usize::MAX; n];
        self.nullable = vec![false; n];
        let mut changed = true;
        while changed {
            changed = false;
            for rule in 0..n {
                let least = self.alternatives[rule].iter().filter_map(|a| self.needs(a)).min();
                let empty = |s: &Symbol| matches!(s, Symbol::Rule(r) if self.nullable[*r]);
                let nullable = self.alternatives[rule].iter().any(|a| a.iter().all(empty));
                if let Some(h) = least.map(|h| h + 1).filter(|&h| h < self.height[rule]) {
                    (self.height[rule], changed) = (h, true);
                }
                if nullable && !self.nullable[rule] {
                    (self.nullable[rule], changed) = (true, true);
                }
            }
        }
    }

    pub fn needs(&self, alternative: &[Symbol]) -> Option<usize> {
        let height = |s: &Symbol| match s {
            Symbol::Token(_) => 0,
            Symbol::Rule(r) => self.height[*r],
        };
        alternative.iter().map(height).max().or(Some(0)).filter(|&h| h < usize::MAX)
    }
}
