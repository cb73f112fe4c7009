//! Whatever is typed ends in a value or in a fault that speaks to a person: random calls of every function with
//! arguments of every kind, random programs of the grammar run with real names in them, and inputs made to break things.
//!
//! In: random numbers (`NEVEL_ROBUST_SEED`, `NEVEL_ROBUST_RUNS`). A panic, a fault that begins with `internal:`, or a
//! program that goes on long after it was asked to stop fails the test, which prints the program.

#[path = "grammar/derive.rs"]
#[allow(dead_code)]
mod derive;
#[path = "grammar/ebnf.rs"]
#[allow(dead_code)]
mod ebnf;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use derive::{Dice, derive};
use ebnf::Grammar;
use nevel::base::interrupt;
use nevel::lang::{builtin, prelude};
use nevel::session::{Options, Session};

/// Values of every kind, among them those that functions forget about.
const VALUES: &str = "0 1 -1 2 3 7 1.5 -0.0 inf -inf nan 1e308 100000 9223372036854775807 (-9223372036854775807-1) \
    true false none \"\" \"a\" \"ij,jk->ik\" \"ij->\" \"sum\" \"é{1}\" f32 i64 bool f64 () (1,) (1,2) (0,0) (-1,-2) (none,) \
    (1,\"a\") ((1,2),(3,4)) ([1.0,2],[3.0,4]) (x->x,) {} {a:1} {a:[1.0,2],b:{c:3}} (x->x) (x->x^2) ((a,b)->a+b) (()->1) \
    sum [] [1] [1.0] [true] [1,2,3] [1.0,2,3] [0.5,-2,nan] [inf,-inf,0.0] [[1,2],[3,4]] [[1.0,2],[3,4]] zeros(0) \
    zeros(0,3) zeros(3,0) zeros(2,3) ones(2,3,4) ones(3,3) ones(1,1) eye(3) f32([1,2]) tensor([1.0,2]) tensor(ones(2,3)) \
    [true,false] [[true,false],[false,true]] arange(5) 0..3 0..0 5..0 ones(2,0,2) [9223372036854775807] [nan] zeros(()) \
    reshape(0..24,(2,3,4)) f32([]) track([1.0,2])";

const KEYWORDS: &str =
    "axis keepdims dtype shape k n by size p mode side ord weights reduction shift indices device eps";
const OPERATORS: &str = "+ - * / // % ^ @ == < & | xor << >> in and .. !=";
const SLICES: &str = ": 1: :-1 ::2 ::-1 ::0 9223372036854775807: :-9223372036854775807 ::9223372036854775807 ... none";
/// They end the process, wait for somebody, or write files.
const LEFT_OUT: [&str; 5] = ["exit", "readline", "save", "load", "progress"];

/// Every function with its parameters.
fn functions() -> Vec<(String, Vec<String>)> {
    let parameters = |signature: &str| -> Vec<String> {
        let inside = signature.split_once('(').map_or("", |(_, rest)| rest);
        let mut out = vec![];
        let (mut depth, mut start) = (0, 0);
        for (i, c) in inside.char_indices() {
            depth += "([{".contains(c) as i32 - ")]}".contains(c) as i32;
            if depth < 0 || (depth == 0 && c == ',') {
                out.push(inside[start..i].trim().to_string());
                start = i + 1;
            }
            if depth < 0 {
                break;
            }
        }
        out.retain(|p| !p.is_empty());
        out
    };
    let mut all: Vec<(String, Vec<String>)> =
        builtin::all().values().map(|b| (b.name.to_string(), parameters(b.signature))).collect();
    for name in prelude::names() {
        let text = prelude::source(name).unwrap_or_default();
        let head = text.lines().find(|l| !l.starts_with("##")).unwrap_or_default();
        all.push((name.to_string(), parameters(head)));
    }
    all.retain(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
    all.sort();
    all
}

/// Makes programs.
struct Maker<'a> {
    dice: Dice,
    functions: &'a [(String, Vec<String>)],
}

impl Maker<'_> {
    fn word(&mut self, words: &'static str) -> &'static str {
        let all: Vec<&str> = words.split_whitespace().collect();
        let word: &&str = self.dice.pick(&all);
        word
    }

    fn value(&mut self, depth: usize) -> String {
        match self.dice.below(if depth < 3 { 24 } else { 100 }) {
            0..=2 => self.call(depth + 1),
            3 => {
                let (a, op, b) = (self.value(depth + 1), self.word(OPERATORS), self.value(depth + 1));
                format!("({a} {op} {b})")
            }
            4 => format!("({}){}", self.value(depth + 1), self.index(depth + 1)),
            _ => self.word(VALUES).to_string(),
        }
    }

    fn index(&mut self, depth: usize) -> String {
        let items: Vec<String> = (0..1 + self.dice.below(3))
            .map(|_| if self.dice.below(2) == 0 { self.word(SLICES).to_string() } else { self.value(depth + 1) })
            .collect();
        format!("[{}]", items.join(","))
    }

    /// A call, most often with as many arguments as there are parameters.
    fn call(&mut self, depth: usize) -> String {
        let (name, parameters) = self.functions[self.dice.below(self.functions.len())].clone();
        let mut args = vec![];
        if self.dice.below(6) == 0 {
            args.extend((0..self.dice.below(5)).map(|_| self.value(depth)));
            if self.dice.below(3) == 0 {
                args.push(format!("{}={}", self.word(KEYWORDS), self.value(depth)));
            }
        } else {
            for p in &parameters {
                match p.split_once('=') {
                    Some((p, _)) if self.dice.below(3) == 0 => args.push(format!("{}={}", p.trim(), self.value(depth))),
                    Some(_) => {}
                    None if p.starts_with('*') => args.extend((0..self.dice.below(3)).map(|_| self.value(depth))),
                    None => args.push(self.value(depth)),
                }
            }
        }
        match self.dice.below(8) {
            0 if !args.is_empty() && !args[0].contains('=') => {
                format!("({}).{name}({})", args[0], args[1..].join(", "))
            }
            _ => format!("{name}({})", args.join(", ")),
        }
    }

    fn program(&mut self) -> String {
        let (name, _) = self.functions[self.dice.below(self.functions.len())].clone();
        let (v, w) = (self.value(0), self.value(1));
        match self.dice.below(24) {
            0 => format!("x = {v}; x{} = {w}; x", self.index(0)),
            1 => format!("x = {v}; x{} += {w}; x", self.index(0)),
            2 => format!("x = {v}; grad(sum({name}(x)), x)"),
            3 => format!("x = {v}; jacobian({name}(x, {w}), x)"),
            4 => format!("x = [1.5, -2.0]; hessian(sum({name}(x)), x)"),
            5 => format!("x = [[1.5, -2.0], [0.0, 1.0]]; gradcheck(sum({name}(x, {w})), x)"),
            6 => format!("vmap({name})({v}, {w})"),
            7 => format!("for q in {v} {{ print(q) }}"),
            8 => format!("\"{{{v}:{}}}\"", self.word("d .2f x g >10 ^5 e % c n s z 010, +_b #o")),
            9 => format!("{{a, b}} = {v}; (a, (b, c)) = {w}"),
            _ => self.call(0),
        }
    }
}

/// Tells a program to stop when its time is up; the test's own time is up some seconds later.
struct Watchdog {
    /// Milliseconds since `begin` at which the running program began; 0 while none runs.
    since: AtomicU64,
    over: AtomicBool,
    begin: Instant,
}

const PATIENCE: Duration = Duration::from_millis(500);
const END: Duration = Duration::from_secs(20);

impl Watchdog {
    fn now(&self) -> u64 {
        self.begin.elapsed().as_millis() as u64 + 1
    }

    fn watch(&self, running: &std::sync::Mutex<String>) {
        while !self.over.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
            let since = self.since.load(Relaxed);
            let took = Duration::from_millis(if since == 0 { 0 } else { self.now() - since });
            if took > END {
                eprintln!("this does not stop: {}", running.lock().map(|t| t.clone()).unwrap_or_default());
                std::process::abort();
            }
            if took > PATIENCE {
                interrupt::ask();
            }
        }
    }
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|v| v.parse().ok()).unwrap_or(usual)
}

/// Runs programs one after the other; what is wrong with them. Stops after `most` seconds.
fn run(name: &str, programs: impl Iterator<Item = String> + Send + 'static, most: u64) -> (usize, Vec<String>) {
    let last = format!("{}/robust-{name}.txt", env!("CARGO_TARGET_TMPDIR"));
    let dog = Watchdog { since: AtomicU64::new(0), over: AtomicBool::new(false), begin: Instant::now() };
    let running = std::sync::Mutex::new(String::new());
    std::thread::scope(|scope| {
        scope.spawn(|| dog.watch(&running));
        let (dog, running) = (&dog, &running);
        let work = move || {
            let fresh = || {
                let mut session = Session::new(Options::default());
                session.interp.out = Box::new(std::io::sink());
                session.interp.may_exit = false;
                session
            };
            let mut session = fresh();
            let (mut ran, mut wrong) = (0, vec![]);
            for text in programs {
                if dog.begin.elapsed().as_secs() >= most {
                    break;
                }
                *running.lock().expect("the lock") = text.clone();
                // Where the whole process ends nobody is left to say which program did it.
                std::fs::write(&last, &text).expect("the log is written");
                dog.since.store(dog.now(), Relaxed);
                let outcome = session.run_cell("<robust>", &text);
                let shown = outcome.value.as_ref().map(|v| nevel::lang::text::text(v, &nevel::show::Style::PLAIN));
                dog.since.store(0, Relaxed);
                let broken = shown.and_then(|s| s.err());
                for fault in outcome.faults.iter().chain(&broken).filter(|f| f.message.contains("internal")) {
                    wrong.push(format!("{text}\n    {}", fault.message));
                }
                ran += 1;
                if ran % 64 == 0 {
                    session = fresh();
                }
            }
            (ran, wrong)
        };
        let done =
            std::thread::Builder::new().stack_size(256 << 20).spawn_scoped(scope, work).expect("a thread").join();
        dog.over.store(true, Relaxed);
        done.expect("no panic")
    })
}

#[test]
fn random_calls_end_in_values_or_faults() {
    let runs = number("NEVEL_ROBUST_RUNS", 2500);
    let programs = std::iter::from_fn({
        let functions = functions();
        let mut dice = Dice(number("NEVEL_ROBUST_SEED", 20260923));
        move || {
            let mut maker = Maker { dice: Dice(dice.below(usize::MAX) as u64), functions: &functions };
            Some(maker.program())
        }
    });
    let (ran, wrong) = run("calls", programs.take(runs as usize), if runs == 2500 { 8 } else { u64::MAX });
    assert!(ran > 100, "{ran} programs");
    assert!(wrong.is_empty(), "{} of {ran}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Programs of the grammar, with variables that exist.
#[test]
fn programs_of_the_grammar_run() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/grammar/language.ebnf");
    let grammar = Grammar::read(&std::fs::read_to_string(path).expect("the grammar"));
    let mut dice = Dice(number("NEVEL_ROBUST_SEED", 7));
    let programs: Vec<String> = (0..number("NEVEL_ROBUST_RUNS", 400))
        .map(|_| {
            let budget = 20 + dice.below(40);
            let body = derive(&grammar, &mut dice, budget).join(" ");
            format!("x = [1.5, 2]; y = 3; w1 = {{x: x}}; loss = 1.0; f(a=1) = a + y; _a = (1, x)\n{body}")
        })
        .collect();
    let (ran, wrong) = run("grammar", programs.into_iter(), 5);
    assert!(ran > 20, "{ran} programs");
    assert!(wrong.is_empty(), "{} of {ran}:\n{}", wrong.len(), wrong.join("\n"));
}

/// What a session says to inputs made to break it, and that its variables outlive them.
#[test]
fn hard_inputs_are_faults_and_nothing_is_lost() {
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    let cases = [
        (nested("(", ")"), "brackets nest deeper"),
        (nested("[", "]"), "brackets nest deeper"),
        (nested("{a: ", "}"), "brackets nest deeper"),
        (nested("sum(", ")"), "brackets nest deeper"),
        (format!("kept{}", "+1".repeat(100_000)), "levels deep"),
        (format!("{}1", "-".repeat(100_000)), "levels deep"),
        (format!("{}1", "x -> ".repeat(100_000)), "levels deep"),
        ("f(n) = f(n + 1) + 1; f(0)".into(), "deep recursion"),
        ("f(x) = grad(f(x), x); f(1.0)".into(), "nested more than 30 deep"),
        ("f(x) = map(f, (x,)); f(1.0)".into(), "deep recursion"),
        ("zeros(10^12)".into(), "needs 8.0 TB"),
        ("zeros(2^62, 2^62)".into(), "needs"),
        ("x = zeros(10^6); x[:, none] + x".into(), "not enough memory"),
        ("\"{1:1000000000000}\"".into(), "beyond 4096"),
        ("abs(-9223372036854775807 - 1)".into(), "does not fit"),
        ("kept = 5; 1 // 0".into(), "division of ints by zero"),
    ];
    nevel::session::with_stack(move || {
        let mut session = Session::new(Options::default());
        assert!(session.run_cell("<robust>", "kept = [1, 2, 3]").is_ok());
        for (text, want) in cases {
            let outcome = session.run_cell("<robust>", &text);
            // Arrays are computed when somebody looks.
            let looked = outcome.value.as_ref().map(|v| nevel::lang::text::text(v, &nevel::show::Style::PLAIN));
            let fault = outcome.faults.first().cloned().or(looked.and_then(|l| l.err()));
            let message = fault.map_or(String::new(), |f| f.message.clone());
            assert!(message.contains(want), "{}: {message}", text.chars().take(60).collect::<String>());
            let kept = session.run_cell("<robust>", "all(kept == [1, 2, 3])").value;
            assert!(kept.is_some_and(|v| matches!(v.to_bool(), Ok(true))), "kept is lost by {want}");
        }
        for text in [
            "x = ones(600); for i in 0..100000 { x = x + 1 }; all(x == 100001)",
            "x = 2.0; fn f(x) { y = x; for i in 0..100000 { y = y * 1.0 }; y }; grad(f(x), x) == 1",
        ] {
            let outcome = session.run_cell("<robust>", text);
            assert!(outcome.value.is_some_and(|v| matches!(v.to_bool(), Ok(true))), "{text}");
        }
    });
}

/// What grows until memory is short ends in a fault; tried where 3 GB are all there is.
#[test]
fn growing_without_end_is_a_fault() {
    for text in ["t = \"ab\"; while true { t = t + t }", "t = (1,); while true { t = (...t, ...t) }"] {
        let shell = "ulimit -v 3000000; exec \"$0\" -e \"$1\"";
        let mut command = std::process::Command::new("sh");
        let done = command.args(["-c", shell, env!("CARGO_BIN_EXE_nevel"), text]).output().expect("a shell");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(1) && said.contains("memory"), "{text}: {} {said}", done.status);
    }
}
