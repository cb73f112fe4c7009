//! The fast path of loops and functions against the walk: random programs must come to the same variables, bit by bit,
//! and to the same faults. `NEVEL_SEEDS=20000 cargo test --test fast` tries more of them.

use std::fmt::Write;

use nevel::lang::{Value, fast};
use nevel::session::{Options, Session, with_stack};

/// xorshift64*: programs by number.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// Programs: a few variables of every kind, loops over them, functions of numbers.
struct Writer {
    dice: Dice,
    text: String,
    /// Names of loop variables that mean something here.
    loops: Vec<String>,
    made: usize,
}

const INTS: &[&str] = &["a", "b", "c"];
const FLOATS: &[&str] = &["x", "y", "z"];
const ARRAYS: &[(&str, &str)] = &[("v", "f64"), ("w", "i64"), ("k", "bool"), ("t", "f32"), ("n", "number")];

impl Writer {
    fn int(&mut self, depth: usize) -> String {
        let leaf = depth == 0;
        match self.dice.roll(if leaf { 4 } else { 14 }) {
            0 | 1 => self.dice.pick(INTS).into(),
            2 => match self.loops.len() {
                0 => self.dice.pick(INTS).into(),
                n => self.loops[self.dice.roll(n)].clone(),
            },
            3 => self
                .dice
                .pick(&[
                    "v.size",
                    "m.shape[1]",
                    "m.shape[-2]",
                    "len(w)",
                    "m.size",
                    "m.ndim",
                    "0",
                    "1",
                    "2",
                    "3",
                    "7",
                    "-1",
                    "-5",
                    "100",
                    "4611686018427387904",
                ])
                .into(),
            4..=9 => {
                let op = self.dice.pick(&["+", "-", "*", "//", "%", "+", "-", "%", "<<", ">>", "&", "xor", "|"]);
                let (a, b) = (self.int(depth - 1), self.int(depth - 1));
                format!("({a} {op} {b})")
            }
            10 => format!("-{}", self.int(0)),
            11 => {
                let (c, a, b) = (self.condition(depth - 1), self.int(depth - 1), self.int(depth - 1));
                format!("(if {c} {{ {a} }} else {{ {b} }})")
            }
            12 => {
                let (f, a) = (self.dice.pick(&["abs", "gcd2", "fib", "int", "count"]), self.int(0));
                format!("{f}({a} % 9)")
            }
            _ => {
                let (a, b) = (self.int(0), self.int(0));
                let f = self.dice.pick(&["min", "max", "pick"]);
                format!("{f}({a}, {b})")
            }
        }
    }

    fn float(&mut self, depth: usize) -> String {
        let leaf = depth == 0;
        match self.dice.roll(if leaf { 4 } else { 15 }) {
            0..=2 => self.dice.pick(FLOATS).into(),
            3 => self.dice.pick(&["0.5", "1.5", "-2.0", "1e300", "0.0", "nan", "inf", "pi"]).into(),
            4..=8 => {
                let op = self.dice.pick(&["+", "-", "*", "/", "+", "*", "//", "%"]);
                let (a, b) = (self.number(depth - 1), self.float(depth - 1));
                if self.dice.roll(2) == 0 { format!("({a} {op} {b})") } else { format!("({b} {op} {a})") }
            }
            9 => {
                let (a, e) = (self.number(0), self.dice.pick(&["2", "0.5", "3", "-1", "2.0", "-1.0", "1", "x", "b"]));
                format!("({a})^({e})")
            }
            10 => {
                let f = self.dice.pick(&["sqrt", "exp", "abs", "floor", "sin", "float", "half", "round"]);
                format!("{f}({})", self.number(depth - 1))
            }
            11 | 12 => self.element(),
            13 => format!("-{}", self.float(0)),
            _ => {
                let (c, a, b) = (self.condition(depth - 1), self.float(depth - 1), self.float(depth - 1));
                format!("(if {c} {{ {a} }} else {{ {b} }})")
            }
        }
    }

    fn number(&mut self, depth: usize) -> String {
        match self.dice.roll(8) {
            0..=2 => self.int(depth),
            3..=5 => self.float(depth),
            6 => self.element(),
            _ => self.dice.pick(&["p", "q", "s", "true"]).into(),
        }
    }

    fn index(&mut self, size: usize) -> String {
        match self.dice.roll(6) {
            0 => format!("{}", self.dice.roll(size)),
            1 => format!("-{}", 1 + self.dice.roll(size)),
            2 => self.int(1),
            _ => format!("({}) % {size}", self.int(1)),
        }
    }

    fn element(&mut self) -> String {
        match self.dice.roll(8) {
            0..=5 => {
                let (name, _) = ARRAYS[self.dice.roll(ARRAYS.len())];
                format!("{name}[{}]", self.index(6))
            }
            6 => format!("m[{}, {}]", self.index(3), self.index(4)),
            _ => format!("m[{}][{}]", self.index(3), self.index(4)),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let relation = ["<", "<=", "==", "!=", ">", ">="];
        match self.dice.roll(if depth == 0 { 5 } else { 9 }) {
            0..=2 => format!("{} {} {}", self.number(1), self.dice.pick(&relation), self.number(1)),
            3 => self.dice.pick(&["p", "q", "k[a % 6]", "not p"]).into(),
            4 => format!("{} % 2 == 0", self.int(0)),
            5 => format!("({}) and ({})", self.condition(depth - 1), self.condition(depth - 1)),
            6 => format!("({}) or ({})", self.condition(depth - 1), self.condition(depth - 1)),
            7 => format!("not ({})", self.condition(depth - 1)),
            _ => format!("{} < {} <= {}", self.number(0), self.number(0), self.number(0)),
        }
    }

    fn line(&mut self, depth: usize, words: &str) {
        let _ = writeln!(self.text, "{}{words}", "  ".repeat(depth));
    }

    fn stmts(&mut self, depth: usize, room: usize) {
        for _ in 0..1 + self.dice.roll(4) {
            self.stmt(depth, room);
        }
    }

    fn stmt(&mut self, depth: usize, room: usize) {
        let line = match self.dice.roll(if room == 0 { 14 } else { 20 }) {
            0..=2 => format!("{} = ({}) % 1000", self.dice.pick(INTS), self.int(2)),
            3 | 4 => {
                let op = self.dice.pick(&["+=", "-=", "*=", "="]);
                format!("{} {op} {}", self.dice.pick(FLOATS), self.number(2))
            }
            5 => format!("{} {} {}", self.dice.pick(INTS), self.dice.pick(&["+=", "-=", "*="]), self.int(1)),
            6 => format!("{} = {}", self.dice.pick(&["p", "q"]), self.condition(1)),
            7 | 8 => {
                let place = self.element();
                format!("{place} {} {}", self.dice.pick(&["=", "=", "+=", "*="]), self.number(1))
            }
            9 if self.dice.roll(3) == 0 => {
                let (x, y) = (self.dice.pick(FLOATS), self.dice.pick(FLOATS));
                format!("{x}, {y} = {}", self.dice.pick(&["0.0, 1", "y, x", "x * y + z, x - 1", "1.5, \"no\""]))
            }
            9 => {
                let (a, b) = (self.int(1), self.int(1));
                format!("{}, {} = ({a}) % 50, ({b}) % 50", self.dice.pick(INTS), self.dice.pick(INTS))
            }
            // What registers do not hold, and new names.
            10 => self.dice.pick(&["r = \"{a}\"", "h = (a, x)", "u = v", "d = sum(v)", "late += 1", "s = v[0]"]).into(),
            11 => format!("s = {}", self.number(1)),
            12 => match self.loops.is_empty() || self.dice.roll(3) > 0 {
                true => format!("y = {}", self.float(2)),
                false => format!("if {} {{ {} }}", self.condition(1), self.dice.pick(&["break", "continue"])),
            },
            13 => match self.dice.roll(3) {
                0 => format!("assert {} or a < 1000000", self.condition(0)),
                _ => format!("z = {}", self.number(2)),
            },
            14 | 15 => {
                let head = format!("if {} {{", self.condition(1));
                self.line(depth, &head);
                self.stmts(depth + 1, room - 1);
                match self.dice.roll(3) {
                    0 => {}
                    1 => {
                        self.line(depth, "} else {");
                        self.stmts(depth + 1, room - 1);
                    }
                    _ => {
                        let head = format!("}} else if {} {{", self.condition(1));
                        self.line(depth, &head);
                        self.stmts(depth + 1, room - 1);
                    }
                }
                return self.line(depth, "}");
            }
            16..=18 => return self.range(depth, room),
            _ => return self.while_true(depth, room),
        };
        self.line(depth, &line);
    }

    fn name(&mut self) -> String {
        self.made += 1;
        format!("i{}", self.made)
    }

    fn range(&mut self, depth: usize, room: usize) {
        let name = self.name();
        let range = match self.dice.roll(6) {
            0 => format!("0..{}", self.dice.roll(5)),
            1 => format!("{}..=-2 by -{}", self.dice.roll(6), 1 + self.dice.roll(2)),
            2 => format!("({}) % 4..5", self.int(1)),
            3 => format!("0..=({}) % 6", self.int(0)),
            _ => format!("0..{}", 3 + self.dice.roll(12)),
        };
        self.line(depth, &format!("for {name} in {range} {{"));
        self.loops.push(name);
        self.stmts(depth + 1, room - 1);
        self.loops.pop();
        self.line(depth, "}");
    }

    fn while_true(&mut self, depth: usize, room: usize) {
        let (name, n) = (self.name(), 2 + self.dice.roll(9));
        self.line(depth, &format!("{name} = 0"));
        let head = match self.dice.roll(3) {
            0 => format!("while {name} < {n} and ({}) {{", self.condition(0)),
            _ => format!("while {name} < {n} {{"),
        };
        self.line(depth, &head);
        // Counted first, so that `continue` ends.
        self.line(depth + 1, &format!("{name} += 1"));
        self.loops.push(name);
        self.stmts(depth + 1, room - 1);
        self.loops.pop();
        self.line(depth, "}");
    }
}

const BEGIN: &str = "a = 1; b = 2; c = -3; x = 0.5; y = -1.25; z = 3; p = true; q = false
v = [1.5, -2.0, 0.0, 4.0, 5.5, 6.25]; w = [3, -1, 4, 1, -5, 9]; k = [true, false, true, true, false, false]
t = tensor([0.5, 1.25, -3.0, 1.1, 2.2, 3.3]); n = zeros(6); m = [[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
s = v[1]; u = v";

const FUNCTIONS: &str = "fib(n) = if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
half(x) = x / 2
gcd2(n) = { m = 12; while m != 0 { n, m = m, n % m }; n }
pick(a, b) = if a > b { return a } else { b - scale }
count(n) = { s = 0; for i in 0..n { if i == 5 { continue }; s += i * scale }; s }
scale = 3
";

/// A program: everything at the top, or all of it in a function.
fn program(seed: u64) -> String {
    let mut w = Writer { dice: Dice::new(seed), text: String::new(), loops: vec![], made: 0 };
    let inside = seed % 3 == 2;
    if inside {
        w.text = format!("{FUNCTIONS}g() = {{\n{BEGIN}\n");
    } else {
        w.text = format!("{FUNCTIONS}{BEGIN}\n");
    }
    w.range(1, 3);
    w.stmts(1, 3);
    w.range(1, 2);
    if inside {
        w.text += "  (a, b, c, x, y, z, p, q, v, w, k, t, n, m, s, u)\n}\nanswer = g()\n";
    }
    w.text
}

/// A value with every bit of it.
fn shown(v: &Value) -> String {
    match v {
        Value::Float(x) if x.is_nan() => "nan".into(),
        Value::Float(x) => format!("float {x:?}"),
        Value::Tuple(items) => items.iter().map(shown).collect::<Vec<_>>().join("; "),
        Value::Array(e) => match e.host() {
            Ok(host) => format!("{} weak={} {:?}", e.type_name(), e.is_weak(), host.to_f64s()),
            Err(fault) => fault.message.clone(),
        },
        Value::Function(_) => "function".into(),
        v => {
            format!("{} {}", v.type_name(), nevel::lang::text::text(v, &nevel::show::Style::PLAIN).unwrap_or_default())
        }
    }
}

/// Every variable, and the fault.
fn outcome(program: &str, hot: u32) -> (String, u64) {
    let mut session = Session::new(Options { undo: false, ..Options::default() });
    session.interp.hot = hot;
    let done = session.run_cell("program", program);
    let mut out = String::new();
    for (name, v) in session.interp.variables() {
        let _ = writeln!(out, "{name} = {}", shown(v));
    }
    for f in &done.faults {
        let _ = writeln!(out, "{} {:?} {:?} {:?} {:?}", f.message, f.span, f.labels, f.hints, f.chain);
    }
    (out, session.interp.fast_turns())
}

/// How many turns of loops were no walk.
fn same(seed: u64) -> u64 {
    let program = program(seed);
    let (walked, none) = outcome(&program, fast::NEVER);
    assert_eq!(none, 0);
    let mut turns = 0;
    for hot in [0, 3] {
        let (fast, some) = outcome(&program, hot);
        turns += some;
        assert!(fast == walked, "seed {seed}, hot {hot}:\n{program}\n--- walked\n{walked}\n--- fast\n{fast}");
    }
    turns
}

#[test]
fn agrees_with_the_walk() {
    let seeds = std::env::var("NEVEL_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1500u64);
    let first = std::env::var("NEVEL_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0u64);
    let turns = with_stack(move || (first..first + seeds).map(same).sum::<u64>());
    println!("{} turns of {seeds} programs were no walk", turns);
    assert!(turns > 20 * seeds, "{turns} turns of {seeds} programs: the fast path was hardly taken");
}
