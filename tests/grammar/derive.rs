//! Makes random programs.
//!
//! In: a grammar and dice. Out: tokens as they are spelled.

use crate::ebnf::{Grammar, Symbol};

/// SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

pub fn seed() -> u64 {
    std::env::var("NEVEL_GRAMMAR_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

/// Tokens of a random program, as spelled. `budget` bounds the nesting.
pub fn derive(grammar: &Grammar, dice: &mut Dice, budget: usize) -> Vec<String> {
    let mut out = vec![];
    let mut inside_text = 0;
    let mut stack = vec![(Symbol::Rule(grammar.names["program"]), budget)];
    while let Some((symbol, budget)) = stack.pop() {
        match symbol {
            Symbol::Token(token) => {
                let name = grammar.tokens[token].as_str();
                inside_text += (name == "TEXTOPEN") as i32 - (name == "TEXTCLOSE") as i32;
                out.push(spell(name, inside_text > 0, dice));
            }
            Symbol::Rule(rule) => {
                let all = &grammar.alternatives[rule];
                // Long programs die out: past some length the shortest way is taken.
                let budget = if out.len() + stack.len() > 150 { 0 } else { budget };
                let needs = |&i: &usize| grammar.needs(&all[i]).unwrap_or(usize::MAX);
                let fits: Vec<usize> = (0..all.len()).filter(|i| needs(i) < budget).collect();
                let least = || (0..all.len()).min_by_key(needs).expect("an alternative");
                // What was never taken comes first, so that rare forms are tried too.
                let fresh = fits.iter().find(|&&i| !grammar.taken.borrow().contains(&(rule, i))).copied();
                let chosen = fresh.unwrap_or_else(|| if fits.is_empty() { least() } else { *dice.pick(&fits) });
                grammar.taken.borrow_mut().insert((rule, chosen));
                stack.extend(all[chosen].iter().rev().map(|&s| (s, budget.saturating_sub(1))));
            }
        }
    }
    out
}

fn spell(token: &str, inside_text: bool, dice: &mut Dice) -> String {
    let all: &[&str] = match token {
        "NAME" => &["x", "y", "f", "w1", "loss", "π", "grad", "sum", "_a"],
        "NUMBER" => &["1", "2.5", ".5", "1e-3", "0xff", "2i", "1_000", "3."],
        "INTEGER" => &["3", "784"],
        "TEXT" => &["\"a\"", "\"\"", "\"b \\n\\{\"", "\"#\""],
        "TEXTOPEN" | "TEXTCLOSE" => &["\""],
        "TEXTPIECE" => &["a", "b c", "\\\"", "'"],
        "INTERPOPEN" => &["{"],
        "INTERPCLOSE" => &["}"],
        "FORMAT" => &[":.3f", ":>8", ":"],
        "SEP" if inside_text => &[";"],
        "SEP" => &["\n", ";", "\n\n", " # note\n"],
        "^" => &["^", "**"],
        "-" => &["-", "−"],
        _ => return token.to_string(),
    };
    dice.pick(all).to_string()
}

/// One token dropped, doubled, swapped with its neighbour, replaced by another or put between two.
pub fn mutate(grammar: &Grammar, tokens: &[String], dice: &mut Dice) -> Vec<String> {
    let mut out = tokens.to_vec();
    if out.len() < 2 {
        return out;
    }
    let at = dice.below(out.len() - 1);
    match dice.below(5) {
        0 => drop(out.remove(at)),
        1 => out.insert(at, out[at].clone()),
        2 => out.swap(at, at + 1),
        3 => out[at] = dice.pick(tokens).clone(),
        _ => out.insert(at, spell(dice.pick::<String>(&grammar.tokens), false, dice)),
    }
    out
}
