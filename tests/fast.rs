//! The fast path of loops and functions against the walk: programs must come to the same variables, bit by bit, and to
//! the same faults, whether they are walked, interpreted or machine code. `NEVEL_SEEDS=20000 cargo test --test fast` tries more of them.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard};

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
                let (f, a) = (self.dice.pick(&["abs", "gcd2", "fib", "int", "count", "deep"]), self.int(0));
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
            _ => self.dice.pick(&["p", "q", "s", "true", "o[0]", "o[1]", "o[-1]", "o[a % 2]"]).into(),
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
        let line = match self.dice.roll(if room == 0 { 15 } else { 21 }) {
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
            14 => match self.dice.roll(6) {
                0 => format!(
                    "o = {}",
                    self.dice.pick(&["(o[1], o[0])", "o", "(2, true)", "h", "(o, 1)", "(\"no\", o[1])"])
                ),
                1 => format!("x, y = {}", self.dice.pick(&["o", "o", "h"])),
                2 if self.dice.roll(3) == 0 => "h = o".into(),
                2 => format!(
                    "{} = {}({}, {})",
                    self.dice.pick(&["o", "h", "x, y", "y, o", "h, z"]),
                    self.dice.pick(&["swap", "meet", "some"]),
                    self.dice.pick(&["o", "o", "h", "(a, x)", "swap(a, o)"]),
                    self.number(1)
                ),
                3 => format!("o, z = {}, {}", self.dice.pick(&["o", "(1, 2)", "h", "a"]), self.number(1)),
                _ => format!("o = ({}, {})", self.number(1), self.number(1)),
            },
            15 | 16 => {
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
            17..=19 => return self.range(depth, room),
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
s = v[1]; u = v; o = (1, 0.5); h = (2, 3)";

const FUNCTIONS: &str = "fib(n) = if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
half(x) = x / 2
gcd2(n) = { m = 12; while m != 0 { n, m = m, n % m }; n }
pick(a, b) = if a > b { return a } else { b - scale }
count(n) = { s = 0; for i in 0..n { if i == 5 { continue }; s += i * scale }; s }
swap(o, x) = (x, if a > 3 { 1 } else { 2 })
meet(o, x) = { late = o[1]; o = (late, o[0], x); if o[2] == 0 { return (o[2], late) }; (o[0] + 1, o[2]) }
some(o, x) = if x == x { (o[1], x) } else { (x, o[0]) }
pair(n) = if n < 1 { (n, 1.5) } else { p = pair(n - 1); (p[0] + scale, p[1] * 0.5) }
deep(n) = pair(n)[0]
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
        w.text += "  (a, b, c, x, y, z, p, q, v, w, k, t, n, m, s, u, o, h)\n}\nanswer = g()\n";
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
fn outcome(program: &str, hot: u32, warm: Option<u64>) -> (String, u64, u64) {
    let mut session = Session::new(Options { undo: false, ..Options::default() });
    (session.interp.hot, session.interp.warm) = (hot, warm);
    let done = session.run_cell("program", program);
    let mut out = String::new();
    for (name, v) in session.interp.variables() {
        let _ = writeln!(out, "{name} = {}", shown(v));
    }
    for f in &done.faults {
        let _ = writeln!(out, "{} {:?} {:?} {:?} {:?}", f.message, f.span, f.labels, f.hints, f.chain);
    }
    (out, session.interp.fast_turns(), session.interp.native_turns())
}

/// Turns before the walk is left, and before the interpreter is left for machine code: from the beginning, and in the
/// midst of a loop.
const WAYS: [(u32, Option<u64>); 5] = [(0, fast::COLD), (3, fast::COLD), (0, Some(0)), (0, Some(1)), (3, Some(7))];

/// How many turns of loops were no walk, and how many of them machine code.
fn agrees(program: &str, what: &str) -> (u64, u64) {
    let (walked, none, _) = outcome(program, fast::NEVER, fast::COLD);
    assert_eq!(none, 0);
    let mut turns = (0, 0);
    for (hot, warm) in WAYS {
        let (fast, some, native) = outcome(program, hot, warm);
        turns = (turns.0 + some, turns.1 + native);
        assert!(warm != fast::COLD || native == 0);
        assert!(fast == walked, "{what}hot {hot}, warm {warm:?}:\n{program}\n--- walked\n{walked}\n--- fast\n{fast}");
    }
    turns
}

/// Tests that ask for Ctrl-C, or look at what the process has mapped, stand alone.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(|e| e.into_inner())
}

/// There is machine code here.
const NATIVE: bool = cfg!(all(feature = "jit", unix, target_arch = "x86_64"));

/// Programs for every kind of instruction, and for what goes wrong in the midst of a statement.
const PROGRAMS: &[&str] = &[
    // Ints that do not fit.
    "a = 9223372036854770000; b = 0; for i in 0..500 { b = i; a = a + i }",
    "a = -9223372036854770000; b = 0; for i in 0..500 { b = i; a = a - i }",
    "a = 9223372036854775000; for i in 0..900 { a += 1; b = i }",
    "a = -9223372036854775000; for i in 0..900 { a -= 1; b = i }",
    "a = 3; b = 0; for i in 1..100 { b = i; a = a * (i + 1) - a }",
    "a = 7; b = 0; while true { b += 1; a = a * 3 + (b % 2) }",
    "a = -7; b = 0; while true { b += 1; a = 10 * a }",
    "a = 1; for i in 0..80 { a = a << 1; b = i }",
    "a = 1; for i in 0..80 { b = a << i; c = i }",
    "a = 2; for i in 0..80 { b = a^i; c = i }",
    "a = 0; for i in 0..80 { a = (a + i) >> (i % 5); b = -i >> 70; c = i << 3 }",
    "a = 0; for i in 0..80 { b = i; a = i >> (40 - i) }",
    "x = [1, -9223372036854775807 - 1]; a = 0; for i in 0..60 { b = i; a = -(int(x[i // 59]) + i - i) }",
    "m = -9223372036854775807 - 1; a = 0; for i in 0..60 { b = i; a = abs(if i < 50 { i } else { m }) }",
    "m = -9223372036854775807 - 1; a = 0; for i in 0..60 { b = i; a = -(if i < 50 { i } else { m }) }",
    // Quotients and remainders of all signs.
    "s = 0; t = 0; for i in -20..20 { for j in -7..8 { if j != 0 { s += i // j * 31; t += i % j * 17 } } }",
    "s = 0; t = 0; for i in -50..50 { s += i // 7 + i // -7 + i // 8; t += i % 7 * 3 + i % -7 + i % 16 + i % -1 }",
    "m = -9223372036854775807 - 1; s = 0; for i in -60..60 { s = s % 1000 + m // (i * 2 + 1) % 10; b = i }",
    "m = -9223372036854775807 - 1; s = 0; for i in -60..60 { s = s + m % (i * 2 + 1); b = i }",
    "s = 0; for i in -60..60 { s = s + 100 // i; b = i }",
    "s = 0; for i in -60..60 { b = i; s = s + 100 % i }",
    "s = 0; for i in -60..60 { b = i; s = s + 3 / i }",
    "s = 5000000000; for i in 1..60 { s = s * 3 % 7000000001; b = 60000000000 // i + s // (i + 4294967296) }",
    // Floats: zeros, nan, infinities.
    "x = 0.0; y = 1.0; for i in -60..60 { x = x * 0.5 + i; y = y / (i * 0.25) - x * 1.5; z = 2.0 - x * y }",
    "n = nan; c = 0; for i in 0..60 { if n < i { c += 1 }; if not (n < i) { c += 2 }; if n == n { c += 4 }; if n != n { c += 8 } }",
    "n = [1.0, nan, 2.0, inf, -inf, 0.0, -0.0]; c = 0
     for i in 0..7 { for j in 0..7 { a = n[i]; b = n[j]
       if a < b { c += 1 }; if a <= b { c += 2 }; if a > b { c += 4 }; if a >= b { c += 8 }; if a == b { c += 16 }; if a != b { c += 32 }
       if not (a < b) { c += 64 }; if not (a >= b) { c += 128 }
       p = a < b; q = a <= b; r = a != b; s = a == b; t = not p; u = a > b or q; w = r and s } }",
    "n = [1.5, nan, -2.5, inf, -inf, 0.0, -0.0, 0.5]; v = zeros(8, 8)
     for i in 0..8 { for j in 0..8 { v[i, j] = max(n[i], n[j]) + min(n[i], n[j]) * 3 } }; w = 1 / v",
    "n = [1.5, nan, -2.5, inf, -inf, 0.0, -0.0, 0.5, 2.5]; v = zeros(9, 7)
     for i in 0..9 { x = n[i]; v[i, 0] = floor(x); v[i, 1] = ceil(x); v[i, 2] = round(x); v[i, 3] = trunc(x); v[i, 4] = abs(x); v[i, 5] = -x; v[i, 6] = sqrt(x) }
     w = 1 / v",
    "n = [1.5, nan, -2.5, inf, -inf, 0.0, -0.0, 3]; v = zeros(8, 8); u = zeros(8, 8)
     for i in 0..8 { for j in 0..8 { a = float(n[i]); b = float(n[j]); v[i, j] = a // b; u[i, j] = a % b } }; w = 1 / v",
    "x = 0.0; for i in 0..60 { x += (i * 0.5)^2 + (i * 0.25)^0.5 + (i + 0.5)^1.7 + (i * 1.0)^-1 }",
    "s = 0; for i in 0..60 { s += int(i * 2.7 - 60.5) }; for i in 0..80 { b = i; s = int(2.0^i) }",
    "s = 0; for i in 0..60 { b = i; s = int(if i == 50 { nan } else { i * 1.0 }) }",
    "s = 0; for i in 0..60 { if i < 9007199254740993.0 { s += 1 }; if i == i * 1.0 { s += 2 }; q = i <= 30.5; r = i > 30.5 }",
    "s = 0.0; for i in 0..60 { s += sin(i) + exp(-i * 0.1) + log(i + 1) + atan2(i, 3) }",
    // Ranges.
    "s = 0; for i in 100..0 by -7 { s += i }; for i in 0..=100 by 9 { s += i }; for i in 5..=5 { s += i }; for i in 5..5 { s += 1000 }",
    "s = 0; for k in 1..9 { for i in 0..60 by k { s += i }; for i in 60..0 by -k { s -= i * 2 }; for i in k..k - 3 { s += 1 } }",
    "s = 0; for k in -3..4 { b = k; for i in 0..60 by k { s += i } }",
    "s = 0; for i in -9223372036854775807..9223372036854775807 { s += 1; if s == 70 { break } }",
    "for i in 0..50 { for j in 0..i { for k in j..i { x = i * 100 + j * 10 + k } } }",
    // Tuples of numbers.
    "p = (0, 1); for i in 0..60 { p = (p[1], (p[0] + p[1]) % 1000) }",
    "p = (0, 1); for _ in 0..60 { p = (p[1], p[0] + p[1]) }; q = p; a, b = q",
    "p = (0, 1); for i in 0..120 { b = i; p = (p[1], p[0] + p[1]) }",
    "p = (1, 2.5, true); q = (0, 0, 0); for i in 0..60 { p = (p[1], p[0] + i, not p[2]); q = p; a, b, c = p }",
    "p = (1, 2); for i in 0..60 { p = (p[1], p[0]); if i % 7 == 0 { p = (p[0] + 0.5, p[1]) }; if i == 50 { p = (1, 2, 3) } }",
    "p = (1, 2); for i in 0..60 { p = (i, p[-1] + p[-2] % 5); if i == 40 { p = \"text\" } }",
    "p = (1, 2); for i in 0..60 { b = i; p = (p[1], p[i // 50]) }",
    "p = (1, 2); for i in 0..60 { b = i; p = (p[0] + 1, p[1 + i // 50]) }",
    "p = (1, 2); s = 0; for i in 0..60 { s += p[0]; if i == 30 { p = (2, (3, 4)) }; if i == 40 { p = (5, 6) } }",
    "x = [1.5, 2.5, 3.5]; p = (x[0], 1); for i in 0..60 { p = (x[i % 3], p[0] + p[1]) }",
    "step(p) = (p[1], p[0] + 1); p = (1, 2); for i in 0..60 { p = step(p) }; k = (3, 4); f(a) = a + k[0]; for i in 0..60 { s = f(i) }",
    "p = (0.0, 1.0); q = (1.0, 0.0); for i in 0..80 { p, q = (p[0] + q[0] * 0.1, p[1]), q; q = (q[0] - p[0] * 0.1, q[1]) }",
    "p = (0, 1); i = 0; while p[0] < 500 { i += 1; p = (p[0] + i, p[1]) ; if i == 20 { continue }; q = (i, p[0]) }",
    "f() = { p = (0, 1); for i in 0..60 { p = (p[1], p[0] + i); for j in 0..3 { p = (p[0] - j, p[1]) } }; p }; r = f()",
    // Elements that change places.
    "x = [5.0, 3, 1, 4, 2, 9, -1]; for i in 0..7 { for j in 0..6 - i { if x[j] > x[j + 1] { x[j], x[j + 1] = x[j + 1], x[j] } } }",
    "w = arange(9); for i in 0..60 { w[i % 9], w[(i * 7) % 9] = w[(i * 5) % 9] + 1, w[i % 9] % 100 }; for i in 0..60 { b = i; w[i % 9], w[i - 50] = 3, i }",
    "w = arange(9); for i in 0..60 { w[0], w[w[0] % 9] = i, w[1]; w[1], w[2], w[1] = w[2], i, i + 1 }",
    "m = zeros(3, 4); t = f32(arange(5)); for i in 0..60 { m[i % 3, i % 4], m[0][1] = m[2, 3] + 0.5, i; t[i % 5], m[1, 1] = t[0] * 0.5, t[1] }; for i in 0..60 { b = i; m[0, 0], m[1, i // 10] = i, 2 * i }",
    "x = [1.0, 2]; y = x; for i in 0..60 { x[0], x[1] = x[1], x[0] + i; if i == 50 { y = x } }; for i in 0..60 { x[0], x[1] = x[1], \"no\" }",
    // Tuples that functions take and give.
    "turn(p) = (p[1], (p[0] + p[1]) % 1000); p = (0, 1); for i in 0..90 { p = turn(p) }; a, b = turn((3, 4))",
    "times(p, q) = (p[0] * q[0] - p[1] * q[1], p[0] * q[1] + p[1] * q[0]); p = (0.6, 0.8); q = (1.0, 0.0); for i in 0..90 { q = times(p, q); if i % 30 == 0 { q = times(q, times(p, q)) } }",
    "both(a, b) = (a // b, a % b); s = 0; for i in 1..90 { q, r = both(1000, i); s += q * 3 + r }; for i in 0..90 { b = i; q, r = both(7, 60 - i) }",
    "egcd(a, b) = if b == 0 { (a, 1, 0) } else { g, x, y = egcd(b, a % b); (g, y, x - a // b * y) }; s = 0; for i in 1..60 { for j in 1..30 { g, x, y = egcd(i, j); s += g + x * 3 + y } }",
    "fib2(n) = if n == 0 { (0, 1) } else { p = fib2(n // 2); a = p[0]; b = p[1]; c = a * (2 * b - a); d = a * a + b * b; if n % 2 == 0 { (c, d) } else { (d, c + d) } }; x = fib2(60); for i in 0..80 { p = fib2(i) }; p = fib2(200)",
    "f(n) = { p = (0, 1); for i in 0..n { p = (p[1], p[0] + i); q = p; q = (q[1], q[0], true) }; q }; s = 0; for k in 1..60 { a, b, c = f(k); s += a * 2 + b }",
    "f(n, p, x) = { late = n; p = (p[1], p[0] + late, x); (x, p[2], p[0] + n) }; u = (1, 2); for i in 0..60 { v = f(i, u, 2.5); u = (v[2] % 100, i) }",
    "g(i) = if i < 70 { (i, 1) } else { i }; s = 0; for i in 0..90 { s = g(i) }; h(i) = if i < 70 { (i, 1) } else { (i, 1.5) }; for i in 0..90 { b = h(i) }",
    "k = (3, 0.5); f(i) = i * k[0] + k[1]; g(i) = (f(i), k[0]); x = 0.0; for i in 0..90 { x += f(i); p = g(i); x -= p[1] }; k = (4, 1); for i in 0..90 { x += f(i) }",
    "swap(a, b) = (b, a); f(a, b) = { b, a = swap(a, b); swap(a * 2, b) }; a = 1; b = 2; for i in 0..60 { a, b = f(a, b); a %= 1000; b %= 777 }",
    "down(n) = if n == 0 { (0, 0.5) } else { p = down(n - 1); (p[0] + 1, p[1] * 0.5) }; for i in 0..60 { p = down(i) }; q = down(49000)",
    "down(n) = if n == 0 { (0, 0.5) } else { p = down(n - 1); (p[0] + 1, p[1] * 0.5) }; for i in 0..60 { p = down(i) }; q = down(60000)",
    "walk(p, n) = { for i in 0..n { p = (p[1], p[0] + i * 0.5, p[2]) }; p }; r = (1, 2.0, true); for k in 0..60 { r = walk((1, 2.0, true), k) }; s = walk((1, 2, 3), 5); t = walk((1, \"no\", 3), 1)",
    "f(x) = (x, x, x, x, x, x, x, x + 1); g(x) = (x, x, x, x, x, x, x, x, x); for i in 0..60 { p = f(i); a = p[7] }; for i in 0..60 { p = g(i); a = p[8] }",
    "last(p) = p[-1]; one(x) = (x,); s = 0; for i in 0..90 { s += last((i, 2, s % 7)) + last(one(i)) }; for i in 0..90 { s = s % 100 + last(if i < 80 { (1, i) } else { (i, 2) }) }",
    "v = [1.5, 2.5, 3.5]; ends(x, i) = (x[i], x[-1 - i], len(x)); s = 0.0; for i in 0..90 { a, b, c = ends(v, i % 3); s = s * 0.5 + a * b - c }; for i in 0..90 { a, b, c = ends(v, i // 25) }",
    // Ways out.
    "s = 0; for i in 0..90 { if i % 3 == 0 { continue }; if i > 70 { break }; for j in 0..i { if j > 20 { break }; s += j } }",
    "s = 0; k = 0; while k < 90 { k += 1; if k % 2 == 0 { continue }; j = 0; while true { j += 1; if j > k { break } }; s += j }",
    "find(n, m) = { for i in 2..n { if i * i > m { return i } }; -1 }; s = 0; for k in 0..90 { s += find(k, 50) }",
    "s = 0; for i in 0..80 { assert i < 70; s += i }",
    "s = 0; for i in 0..80 { s += i; if i == 60 { s = \"text\" } }",
    // Functions.
    "fib(n) = if n < 2 { n } else { fib(n - 1) + fib(n - 2) }; x = fib(15)",
    "half(x) = x * 0.5; both(x, y) = half(x) + half(y) * 3; s = 0.0; for i in 0..90 { s = both(s, i) + both(i, s) }",
    "scale = 3; add(a, b) = a * scale + b; s = 0; for i in 0..90 { s = add(i, s) % 1000 }",
    "grow(n) = n * 4611686018427387904; s = 0; for i in 0..90 { b = i; s = grow(i // 80) + grow(i // 85) }",
    "even(n) = if n == 0 { true } else { odd(n - 1) }; odd(n) = if n == 0 { false } else { even(n - 1) }; c = 0; for i in 0..90 { if even(i) { c += 1 } }",
    "down(n) = if n == 0 { 0 } else { 1 + down(n - 1) }; s = 0; for i in 0..60 { s += down(i) }; x = down(49000)",
    "down(n) = if n == 0 { 0 } else { 1 + down(n - 1) }; s = 0; for i in 0..60 { s += down(i) }; x = down(60000)",
    "sum3(x, n) = { s = 0.0; for i in 0..n { s += x[i] }; s }; v = [1.5, 2, 3, 4]; t = 0.0; for k in 0..90 { t += sum3(v, k % 5) }",
    "mix(i, x, p, y, j) = if p { i + x * y - j } else { x - y }; s = 0.0; for k in 0..90 { s += mix(k, s * 0.5, k % 3 == 0, 2.5, 7) }",
    // Elements.
    "x = zeros(10); for i in -10..10 { x[i] += i; x[i] = x[i] * 2 }; b = 0; for i in 0..20 { b = i; x[i] = x[i] + 1 }",
    "x = zeros(10); b = 0; for i in 0..60 { b = i; x[5 - i] += 1 }",
    "m = zeros(5, 7); for i in -5..5 { for j in -7..7 { m[i, j] += i * 10 + j; m[i][j] -= 1 } }; b = 0; for j in 0..9 { b = j; m[1, j] = 1 }",
    "m = arange(35.0).reshape(5, 7); t = m.T; v = m[:, 2]; s = 0.0; for i in 0..5 { for j in 0..7 { s = s * 0.9 + t[j, i] + v[i] * m[i, -j] } }",
    "v = arange(60)[::-1]; w = broadcast_to(3.5, (60,)); s = 0.0; for i in 0..60 { s = s * 0.5 + v[i] + w[i] }",
    "k = zeros(60) > 0; for i in 0..60 { k[i] = i % 3 == 0; k[-i - 1] = not k[i] }; c = 0; for i in 0..60 { if k[i] { c += 1 } }",
    "t = f32(arange(60)); for i in 0..60 { t[i] = t[i] * 0.1 + 1.5; t[i] = t[i] / 3; t[i] = max(t[i], f32(2)) - floor(t[i]) }; s = 0.0; for i in 0..60 { s += t[i] }",
    "w = arange(60); for i in 0..60 { w[i] = w[i] * 4611686018427387904 + i; w[i] = -w[i] + abs(w[i]) - 3; w[i] = min(w[i], i * 7) + max(w[i], -9) }; s = 0; for i in 0..60 { s += w[i] }",
    "w = arange(60); for i in 0..60 { b = i; w[i] = w[i] // (w[i] - 50) + w[i] % 7 }",
    "s = 0; x = zeros(3, 4); for i in 0..60 { s += len(x) + x.size + x.shape[1] + x.ndim }",
    "f(x, k) = { s = 0.0; for i in 0..len(x) { s += x[i] * k }; s }; a = arange(40.0); r = 0.0; for k in 0..50 { r += f(a, k) }; b = arange(80.0)[::2]; for k in 0..50 { r += f(b, k) }; r += f(a, 2)",
    "total() = { s = 0.0; for i in 0..len(x) { s += x[i] }; s }; x = arange(60.0); a = 0.0; for k in 0..9 { a += total() }; x = x[::-2]; for k in 0..9 { a += total() }; x = ones(60); for k in 0..9 { a += total() }",
    "x = [3.0, 1, 2]; y = x; for i in 0..60 { x[i % 3] += i; if i == 40 { z = x } }",
    "a, b = 0, 1; for i in 0..60 { a, b = b, (a + b) % 1000003; x, y = b * 0.5, a }; u = a & b; for i in 0..60 { u = (u | i) xor (i & 5); v = not (u > 3) }",
];

#[test]
fn every_instruction_agrees() {
    let _alone = alone();
    let native =
        with_stack(|| PROGRAMS.iter().map(|program| agrees(program, "")).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)));
    println!("{native:?} turns were no walk, machine code");
    assert!(!NATIVE || native.1 > native.0 / 3, "{native:?}: there was hardly any machine code");
}

#[test]
fn agrees_with_the_walk() {
    let _alone = alone();
    let seeds = std::env::var("NEVEL_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1500u64);
    let first = std::env::var("NEVEL_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0u64);
    let same = |seed| agrees(&program(seed), &format!("seed {seed}, "));
    let turns = with_stack(move || (first..first + seeds).map(same).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)));
    println!("{turns:?} turns of {seeds} programs were no walk, machine code");
    assert!(turns.0 > 50 * seeds, "{turns:?} turns of {seeds} programs: the fast path was hardly taken");
    assert!(!NATIVE || turns.1 > turns.0 / 3, "{turns:?}: there was hardly any machine code");
}

/// What machine code was doing is found as if it had been interpreted.
#[test]
fn an_interrupt_leaves_the_variables() {
    let _alone = alone();
    with_stack(|| {
        for (program, warm) in [
            ("x = 0; y = 0.5; while true { x += 1; y = y * 0.5 + 1 }", Some(5)),
            ("x = 0; f(n) = { k = 0; while k < n { k += 1 }; k }; while true { x += f(100) }", Some(5)),
            ("x = 0; f(n) = { k = 0; while k < n { k += 1 }; k }; while true { x += f(100) }", fast::COLD),
        ] {
            let mut session = Session::new(Options { undo: false, ..Options::default() });
            session.interp.warm = warm;
            let press = std::thread::spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(100));
                nevel::base::interrupt::ask()
            });
            let done = session.run_cell("program", program);
            press.join().unwrap();
            nevel::base::interrupt::clear();
            assert!(done.faults.iter().any(|f| f.message.contains("interrupted")), "{:?}", done.faults);
            let x = session.interp.variables().find(|(name, _)| *name == "x").map(|(_, v)| shown(v));
            let x = x.unwrap();
            let x: u64 = x.trim_start_matches("int ").parse().unwrap_or_else(|e| panic!("{e}: {x}"));
            assert!(x > 10_000, "{program}: {x}");
        }
    });
}

/// Bytes of memory that holds machine code made while running.
#[cfg(target_os = "linux")]
fn executable() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let sizes = maps.lines().filter(|l| l.contains("r-xp") && l.split_whitespace().count() == 5).map(|l| {
        let (from, to) = l.split_whitespace().next().unwrap().split_once('-').unwrap();
        usize::from_str_radix(to, 16).unwrap() - usize::from_str_radix(from, 16).unwrap()
    });
    sizes.sum()
}

#[test]
#[cfg(target_os = "linux")]
fn machine_code_is_gone_with_its_function() {
    let _alone = alone();
    let before = executable();
    let (early, late) = with_stack(|| {
        let mut session = Session::new(Options { undo: false, ..Options::default() });
        (session.interp.hot, session.interp.warm) = (0, Some(0));
        let mut seen = vec![];
        for k in 0..400 {
            let cell = format!("f(n) = {{ s = {k}; for i in 0..n {{ s += i }}; s }}\nx = f(10) + f(20)");
            assert!(session.run_cell("cell", &cell).faults.is_empty());
            seen.push(executable());
        }
        (seen[50], seen[399])
    });
    assert!(!NATIVE || early > before, "no machine code was made");
    assert!(late <= early + 16 * 4096, "{early} bytes after 50 functions, {late} after 400");
    assert_eq!(executable(), before);
}
