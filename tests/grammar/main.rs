//! The parser and `grammar/language.ebnf` say the same.
//!
//! In: the grammar, random numbers (`NEVEL_GRAMMAR_SEED`), every Nevel text in the project. Three proofs: whatever the
//! grammar makes, the parser reads; whatever a token changed in it makes, both judge alike; whatever the project's
//! files hold, both accept. A recogniser after Earley (1970) decides for the grammar, over the tokens of the real lexer.

mod derive;
mod earley;
mod ebnf;

use std::path::{Path, PathBuf};

use derive::{Dice, derive, mutate, seed};
use earley::Earley;
use ebnf::Grammar;
use nevel::syntax;

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
            let text = if syntax::continues(text).is_some() { format!("ans {text}") } else { text.to_string() };
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
