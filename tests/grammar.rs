//! The parser and `grammar/language.ebnf` say the same.
//!
//! In: the grammar, random numbers (`NEVEL_GRAMMAR_SEED`), every Nevel text in the project. Three proofs: whatever the
//! grammar makes, the parser reads; whatever a token changed in it makes, both judge alike; whatever the project's
//! files hold, both accept. A recogniser after Earley (1970) decides for the grammar, over the tokens of the real lexer.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use nevel::syntax;

// ---------------------------------------------------------------------------------------------- reading the grammar

/// A symbol of a rule: a rule's number or a token's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Symbol {
    Rule(usize),
    Token(usize),
}

/// Rules as plain alternatives; groups and repetitions have become rules without a name.
#[derive(Default)]
struct Grammar {
    names: HashMap<String, usize>,
    tokens: Vec<String>,
    alternatives: Vec<Vec<Vec<Symbol>>>,
    defined: Vec<bool>,
    used: HashSet<String>,
    /// The least nesting that each rule needs.
    height: Vec<usize>,
    nullable: Vec<bool>,
    /// Which alternatives `derive` has taken, by rule and position.
    taken: RefCell<HashSet<(usize, usize)>>,
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
    fn read(text: &str) -> Grammar {
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

    fn needs(&self, alternative: &[Symbol]) -> Option<usize> {
        let height = |s: &Symbol| match s {
            Symbol::Token(_) => 0,
            Symbol::Rule(r) => self.height[*r],
        };
        alternative.iter().map(height).max().or(Some(0)).filter(|&h| h < usize::MAX)
    }
}

// ------------------------------------------------------------------------------------------------- making programs

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

fn seed() -> u64 {
    std::env::var("NEVEL_GRAMMAR_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

/// Tokens of a random program, as spelled. `budget` bounds the nesting.
fn derive(grammar: &Grammar, dice: &mut Dice, budget: usize) -> Vec<String> {
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
fn mutate(grammar: &Grammar, tokens: &[String], dice: &mut Dice) -> Vec<String> {
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

// ------------------------------------------------------------------------------------------------------- recogniser

/// A rule's alternative, read up to `dot`, begun at `origin`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Item {
    rule: u32,
    alternative: u32,
    dot: u32,
    origin: u32,
}

struct Earley<'g> {
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
    fn new(grammar: &'g Grammar) -> Earley<'g> {
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

    fn derives(&self, text: &str) -> bool {
        syntax::terminals(text).is_some_and(|all| {
            // `not in` is one token for the parser and two for the grammar.
            let split = |t: &(&'static str, _)| if t.0 == "not in" { vec!["not", "in"] } else { vec![t.0] };
            self.accepts(&all.iter().flat_map(split).collect::<Vec<_>>())
        })
    }
}

// ------------------------------------------------------------------------------------------------------------ tests

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn grammar() -> Grammar {
    Grammar::read(&std::fs::read_to_string(root().join("grammar/language.ebnf")).expect("the grammar"))
}

/// Runs on a large stack, as the interpreter does.
fn roomy(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 << 20).spawn(run).expect("a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn faults(text: &str) -> Vec<String> {
    syntax::parse(0, text).faults.iter().map(|f| format!("{f} at {:?}", f.span)).collect()
}

#[test]
fn the_grammar_is_whole() {
    let grammar = grammar();
    for (name, &rule) in &grammar.names {
        assert!(grammar.defined[rule], "{name} is used and not defined");
        assert!(grammar.used.contains(name) || name == "program", "{name} is defined and not used");
        assert!(grammar.height[rule] < usize::MAX, "{name} never ends");
    }
    assert!((45..=75).contains(&grammar.names.len()), "{} rules", grammar.names.len());
    let class = |t: &String| t.bytes().all(|b| b.is_ascii_uppercase()) || "()[]{}".contains(t.as_str());
    let token = |t: &String| syntax::terminals(t).is_some_and(|all| all.len() == 1 && all[0].0 == t);
    let strange: Vec<_> = grammar.tokens.iter().filter(|t| !class(t) && !token(t)).collect();
    assert!(strange.is_empty(), "no such tokens: {strange:?}");
    // Every operator and keyword of the lexer's table is in the grammar.
    let missing = |glyph: &&str| !grammar.tokens.iter().any(|t| t == glyph);
    let glyphs = syntax::operators().iter().map(|o| o.glyph).filter(|g| *g != "not in").chain(syntax::KEYWORDS);
    assert_eq!(glyphs.filter(missing).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// The table in the README lists the operators of the lexer's table, tightest first, with the functions they call.
#[test]
fn the_readme_agrees() {
    let readme = std::fs::read_to_string(root().join("grammar/README.md")).expect("the page");
    let table = readme.split("## Precedence").nth(1).expect("the table").replace("\\|", "¦");
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|l| l.starts_with("| `")).map(|l| l.split(" | ").collect()).collect();
    let row_of = |op: &syntax::Operator| {
        let (glyph, calls) = (format!("`{}`", op.glyph.replace('|', "¦")), format!("`{}`", op.calls));
        let fits = |row: &Vec<&str>| row[0].contains(&glyph) && (op.calls.is_empty() || row[2].contains(&calls));
        rows.iter().rposition(fits).unwrap_or_else(|| panic!("{op:?} is not in the README's table"))
    };
    for (a, b) in syntax::operators().iter().flat_map(|a| syntax::operators().iter().map(move |b| (a, b))) {
        assert_eq!(a.level.cmp(&b.level), row_of(b).cmp(&row_of(a)), "{} and {}", a.glyph, b.glyph);
    }
    let listed = readme.split("Keywords: `").nth(1).and_then(|rest| rest.split('`').next()).expect("the keywords");
    let mut keywords = syntax::KEYWORDS.to_vec();
    keywords.sort();
    assert_eq!(listed.split_whitespace().collect::<Vec<_>>(), keywords);
}

#[test]
fn what_the_grammar_makes_parses() {
    roomy(|| {
        let (grammar, mut dice) = (grammar(), Dice(seed()));
        let mut tokens = 0;
        for _ in 0..3000 {
            let budget = 30 + dice.below(60);
            let program = derive(&grammar, &mut dice, budget);
            tokens += program.len();
            let text = program.join(" ");
            let faults = faults(&text);
            assert!(faults.is_empty(), "the grammar makes this, the parser refuses it:\n{text}\n{faults:#?}");
        }
        assert!(tokens > 30_000, "programs too short to prove anything: {tokens} tokens");
        let all =
            grammar.alternatives.iter().enumerate().flat_map(|(rule, all)| (0..all.len()).map(move |i| (rule, i)));
        let missed: Vec<_> = all.filter(|one| !grammar.taken.borrow().contains(one)).collect();
        assert!(missed.is_empty(), "alternatives that no program took: {missed:?}");
    });
}

/// The tree of a text that parses, and whether it hushes.
fn tree(text: &str) -> Option<(String, bool)> {
    let parsed = syntax::parse(0, text);
    parsed.faults.is_empty().then(|| (syntax::ast::dump(&parsed.program), parsed.program.hushed))
}

fn first_difference(a: &str, b: &str) -> String {
    let at = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count().saturating_sub(40);
    let around = |s: &str| s.chars().skip(at).take(120).collect::<String>();
    format!("{:?}\n{:?}", around(a), around(b))
}

#[test]
fn formatting_changes_no_tree() {
    roomy(|| {
        let (grammar, mut dice) = (grammar(), Dice(seed() ^ 0x1234));
        let mut formatted = 0;
        let blanks: [&[&str]; 3] = [&[" "], &[" ", ""], &[" ", "", "  ", "\n", " \\\n", " # c\n", "\n\n\n", "## d\n"]];
        for i in 0..2000 {
            let budget = 30 + dice.below(50);
            let program = derive(&grammar, &mut dice, budget);
            let text: String = program.iter().flat_map(|t| [t.as_str(), *dice.pick::<&str>(blanks[i % 3])]).collect();
            let Some(meant) = tree(&text) else { continue };
            let once = syntax::fmt(&text).expect("a text that parses");
            let kept = tree(&once).unwrap_or_else(|| panic!("{:?}\nin {once}\nfrom {text}", faults(&once)));
            assert!(
                kept == meant,
                "{}\nformatting changes\n{text}\n--- into\n{once}",
                first_difference(&meant.0, &kept.0)
            );
            let twice = syntax::fmt(&once).expect("a text that parses");
            let differ = once.lines().zip(twice.lines()).find(|(a, b)| a != b);
            assert!(once == twice, "formatting twice changes {differ:?}\n{text}");
            formatted += 1;
        }
        assert!(formatted > 800, "{formatted}");
    });
}

#[test]
fn both_judge_changed_programs_alike() {
    roomy(|| {
        let (grammar, mut dice) = (grammar(), Dice(seed() ^ 0xabcd));
        let earley = Earley::new(&grammar);
        let (mut good, mut bad) = (0, 0);
        while good + bad < 1500 {
            let budget = 30 + dice.below(40);
            let program = derive(&grammar, &mut dice, budget);
            if !(2..60).contains(&program.len()) {
                continue;
            }
            let text = mutate(&grammar, &program, &mut dice).join(" ");
            let (faults, derived) = (faults(&text), earley.derives(&text));
            assert_eq!(faults.is_empty(), derived, "parser {faults:#?}, grammar {derived}:\n{text}");
            if derived { good += 1 } else { bad += 1 }
        }
        assert!(good > 100 && bad > 100, "{good} good, {bad} bad");
    });
}

/// Every file in some places with one of some suffixes.
fn files(places: &[&str], suffixes: &[&str]) -> Vec<PathBuf> {
    let mut stack: Vec<PathBuf> = places.iter().map(|f| root().join(f)).collect();
    let mut found = vec![];
    while let Some(path) = stack.pop() {
        if path.is_dir() {
            stack.extend(std::fs::read_dir(&path).expect("a folder").map(|e| e.expect("an entry").path()));
        } else if path.extension().is_some_and(|e| suffixes.iter().any(|s| e == *s)) && path.exists() {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The inputs of a transcript: lines after `> `, continued by lines after `. `. REPL commands are none.
fn inputs(text: &str) -> Vec<String> {
    let mut all: Vec<String> = vec![];
    let mut open = false;
    for line in text.lines() {
        let line = line.trim_start();
        let line = ["///", "##"].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line).trim_start();
        if let Some(input) = line.strip_prefix("> ") {
            all.push(input.to_string());
            open = true;
        } else if let (true, Some(more), Some(last)) = (open, line.strip_prefix(". "), all.last_mut()) {
            last.push('\n');
            last.push_str(more);
        } else {
            open = false;
        }
    }
    all.retain(|input| !input.trim_start().starts_with([':', '?']));
    all
}

#[test]
fn the_projects_files_derive() {
    roomy(|| {
        let grammar = grammar();
        let earley = Earley::new(&grammar);
        // An input may show an error; then both must see it.
        let check = |text: &str, path: &Path| {
            let text = if syntax::continues(text) { format!("ans {text}") } else { text.to_string() };
            let (faults, derived) = (faults(&text), earley.derives(&text));
            let place = path.display();
            assert_eq!(faults.is_empty(), derived, "{place}: parser {faults:?}, grammar {derived}:\n{text}");
            derived
        };
        let mut programs = 0;
        for path in files(&["examples", "tests", "grammar", "benches", "src"], &["nev"]) {
            let text = std::fs::read_to_string(&path).expect("a text");
            assert!(check(&text, &path), "{} does not parse: {:?}", path.display(), faults(&text));
            for input in inputs(&text) {
                check(&input, &path);
            }
            programs += 1;
        }
        for path in files(&["README.md", "docs", "tests", "grammar", "src/ops"], &["md", "txt", "transcript", "rs"]) {
            let text = std::fs::read_to_string(&path).expect("a text");
            for input in inputs(&text) {
                check(&input, &path);
            }
        }
        assert!(programs > 0, "no program found");
    });
}

#[test]
fn the_recogniser_can_say_no() {
    let grammar = grammar();
    let earley = Earley::new(&grammar);
    for good in ["", "x = 1", "f(x) = x^2; f(3)", "x |> f(_, 2)", "{w, b} = p", "\"a{x:.2f}b\"", "a not in b"] {
        assert!(earley.derives(good), "{good}");
    }
    for bad in ["x =", "1 = x", "f(_)", "x[]", "1 + not x", "() = t", "(a, b) += 1", "a = b = c", "x |> f(_)[0]"] {
        assert!(!earley.derives(bad), "{bad}");
    }
}
