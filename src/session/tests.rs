//! The language as a session runs it: a text in, the text of its value or its fault out.

use super::*;
use crate::lang::text::text;
use crate::show::Style;

/// Cells one after the other in one session; the text of the last value, or the first fault.
pub fn cells(texts: &[&str]) -> std::result::Result<String, String> {
    let texts: Vec<String> = texts.iter().map(|t| t.to_string()).collect();
    with_stack(move || {
        let mut session = Session::new(Options::default());
        let mut last = String::new();
        for t in &texts {
            let outcome = session.run_line("<test>", t);
            if let Some(f) = outcome.faults.first() {
                return Err(format!("{}{}", f.message, f.hints.iter().map(|h| format!(" | {h}")).collect::<String>()));
            }
            last =
                outcome.value.map_or(String::new(), |v| text(&v, &Style::PLAIN).unwrap_or_else(|f| f.message.clone()));
            last = one_line(&last);
        }
        Ok(last)
    })
}

/// Arrays of several rows on one line.
fn one_line(text: &str) -> String {
    let mut lines = text.split('\n').map(str::trim_start);
    let first = lines.next().unwrap_or_default().to_string();
    lines.fold(first, |all, line| format!("{all} {line}"))
}

pub fn ok(source: &str, want: &str) {
    assert_eq!(cells(&[source]).as_deref(), Ok(want), "{source}");
}

pub fn fails(source: &str, want: &str) {
    match cells(&[source]) {
        Err(message) => assert!(message.contains(want), "{source}: {message}"),
        Ok(value) => panic!("{source} gave {value}"),
    }
}

#[test]
fn numbers() {
    ok("1 + 2 * 3", "7");
    ok("7 / 2", "3.5");
    ok("-7 // 2", "-4");
    ok("-7 % 3", "2");
    ok("2^10", "1024");
    ok("2^-1", "0.5");
    ok("-2^2", "-4");
    ok("1 + true", "2");
    ok("true & false", "false");
    ok("6 & 3", "2");
    ok("1 < 2 < 3", "true");
    ok("1 < 2 > 3", "false");
    fails("2^62 * 4", "does not fit into an int");
    fails("1 // 0", "division of ints by zero");
    ok("sin(0.5)", "0.479425538604203");
    ok("abs(-3)", "3");
    ok("0xff", "255");
}

#[test]
fn functions_and_scope() {
    ok("f(x, y=2) = x^2 + y; f(3)", "11");
    ok("f(x, y=2) = x^2 + y; f(3, y=1)", "10");
    ok("fn fib(n) { if n < 2 { return n }; fib(n - 1) + fib(n - 2) }; fib(20)", "6765");
    ok("n = 1; fn g() { n += 1; n }; (g(), g(), n)", "(2, 2, 1)");
    ok("g() = k; k = 5; g()", "5");
    ok("fn f(x, *rest) { (x, rest) }; f(1, 2, 3)", "(1, (2, 3))");
    ok("add3 = x -> y -> z -> x + y + z; add3(1)(2)(3)", "6");
    ok("f = ((a, b), c) -> a * b + c; f((2, 3), 4)", "10");
    ok("fn counter() { c = 0; fn next() { c += 1; c }; next }; counter()()", "1");
    ok("fs = (); for i in 0..3 { fs = (...fs, () -> i) }; (fs[0](), fs[1](), fs[2](), i)", "(0, 1, 2, 2)");
    ok("fn make() { fs = (); for i in 0..3 { fs = (...fs, () -> i) }; fs }; t = make(); (t[0](), t[2]())", "(0, 2)");
    ok("fn f(x) { if x > 0 { return \"pos\" } else { return \"neg\" } }; f(1)", "pos");
    ok("fn f(x) { y = if x > 0 { return 1 } else { 2 }; y + 10 }; (f(1), f(-1))", "(1, 12)");
    fails("f(x, y) = x; f(1)", "`y` is missing: f(x, y)");
    fails("f(x) = x; f(1, 2)", "found 2 arguments");
    fails("f(x) = x; f(z=1)", "unknown argument `z`");
    assert_eq!(cells(&["f() = g()", "g() = 1", "f()"]).as_deref(), Ok("1"));
    assert_eq!(cells(&["g() = 1; f() = g()", "g() = 2", "f()"]).as_deref(), Ok("2"));
}

#[test]
fn deep_recursion() {
    ok("fn f(n) { if n == 0 { 0 } else { 1 + f(n - 1) } }; f(10000)", "10000");
    fails("f(n) = f(n + 1) + 1; f(0)", "deep recursion");
}

#[test]
fn statements() {
    ok("x = 0; for i in 0..5 { if i == 3 { break }; x += i }; x", "3");
    ok("x = 0; for i in 0..5 { if i % 2 == 0 { continue }; x += i }; x", "4");
    ok("x = 10; while x > 3 { x -= 2 }; x", "2");
    ok("a, b = (1, 2); a, b = b, a; (a, b)", "(2, 1)");
    ok("(a, (b, c)) = (1, (2, 3)); a + b + c", "6");
    ok("{w, b} = {w: 1, b: 2, c: 3}; w + b", "3");
    ok("s = 0; for (k, v) in {a: 1, b: 2} { s += v }; (s, k)", "(3, \"b\")");
    ok("s = \"\"; for c in \"abc\" { s = c + s }; s", "cba");
    ok("x = if 1 > 2 { 3 } else if 2 > 1 { 4 } else { 5 }; x", "4");
    ok("f() = 1 // 0; try { f() } catch err { err.message }", "`//`: division of ints by zero");
    fails("assert 1 > 2, \"no {1 + 1}\"", "assertion failed: no 2");
    fails("a, b = (1, 2, 3)", "expected 2 values to unpack, found 3");
    fails("if [1, 2] > 1 { 3 }", "expected one bool, found bool[2] | all(x)");
}

#[test]
fn texts() {
    ok("x = 3.14159; \"pi is {x:.2f}, {x > 3}\"", "pi is 3.14, true");
    ok("\"a\\tb\"", "a\tb");
    ok("(\"a\", 1)", "(\"a\", 1)");
    ok("\"abc\"[1]", "b");
    ok("\"abc\"[::-1]", "cba");
    ok("\"b\" in \"abc\"", "true");
}

#[test]
fn records_and_tuples() {
    ok("p = {w: 1, b: {c: 2}}; p.b.c", "2");
    ok("p = {w: 1}; p.w = 5; p.v = 6; p", "{w: 5, v: 6}");
    ok("p = {w: 1}; q = p; q.w = 2; (p.w, q.w)", "(1, 2)");
    ok("p = {a: (1, {b: 2})}; p.a[1].b += 40; p", "{a: (1, {b: 42})}");
    ok("{...{a: 1, b: 2}, b: 3}", "{a: 1, b: 3}");
    ok("t = (1, 2, 3); (t[0], t[-1], t[1:])", "(1, 3, (2, 3))");
    ok("(1, ...(2, 3), 4)", "(1, 2, 3, 4)");
    ok("\"w\" in {w: 1}", "true");
    ok("3 in 0..5", "true");
    ok("5 not in (1, 2)", "true");
    ok("(1, (2, 3)) == (1, (2, 3))", "true");
    fails("{w: 1}.v", "no field `v`");
    fails("(1, 2)[2]", "index 2 is out of range: the tuple has size 2");
}

#[test]
fn pipes_and_methods() {
    ok("3 |> x -> x + 1", "4");
    ok("f(a, b) = a - b; 10 |> f(3)", "7");
    ok("f(a, b) = a - b; 10 |> f(3, _)", "-7");
    ok("f(a, b) = a - b; 10.f(4)", "6");
    ok("{f: x -> x + 1}.f(2)", "3");
    ok("[[1, 2], [3, 4]].T", "[[1, 3], [2, 4]]");
    ok("ones = [[1.0, 2], [3, 4]]; ones.shape", "(2, 2)");
    ok("[1, 2].dtype == i64", "true");
}

#[test]
fn indexing() {
    ok("x = [[1, 2, 3], [4, 5, 6]]; x[1]", "[4, 5, 6]");
    ok("x = [[1, 2, 3], [4, 5, 6]]; x[:, 1]", "[2, 5]");
    ok("x = [[1, 2, 3], [4, 5, 6]]; x[-1, ::-1]", "[6, 5, 4]");
    ok("x = [[1, 2, 3], [4, 5, 6]]; x[..., 0:10]", "[[1, 2, 3], [4, 5, 6]]");
    ok("x = [1, 2, 3]; x[:, none]", "[[1], [2], [3]]");
    ok("x = [1, 2, 3]; x[0] = 9; x", "[9, 2, 3]");
    ok("x = [1, 2, 3]; y = x; x[0] = 9; y", "[1, 2, 3]");
    ok("x = [[1, 2], [3, 4]]; x[:, 0] = [7, 8]; x", "[[7, 2], [8, 4]]");
    ok("x = [1, 2, 3, 4]; x[1:] = x[:-1]; x", "[1, 1, 2, 3]");
    ok("x = [1, 2, 3, 4]; x[[0, 2]] = 0; x", "[0, 2, 0, 4]");
    ok("x = [1, 2, 3, 4]; x[x > 2] = -1; x", "[1, 2, -1, -1]");
    ok("x = [1, 2, 3]; x[1] += 10; x", "[1, 12, 3]");
    ok("x = [[1, 2], [3, 4]]; x[0][1] = 9; x", "[[1, 9], [3, 4]]");
    ok("x = [[1, 2, 3], [4, 5, 6]]; x[[0, 1], :, none] = [[[7]], [[8]]]; x", "[[7, 7, 7], [8, 8, 8]]");
    fails("x = [1, 2, 3]; x[3]", "index 3 is out of range: axis 0 has size 3");
    fails("x = [1, 2, 3]; x[0, 0]", "2 indices for 1 axis");
    fails("x = [1, 2, 3]; x[0] = 2.5", "cannot be put into an array of i64");
    fails("x = [1, 2, 3]; x[1.5]", "an index must be an int");
}

#[test]
fn lists() {
    ok("[1, 2.5]", "[1, 2.5]");
    ok("[[1, 2], [3, 4]][1, 0]", "3");
    ok("a = 2; [a, a + 1]", "[2, 3]");
    ok("[i^2 for i in 0..5]", "[0, 1, 4, 9, 16]");
    ok("[i * j for i in 1..3 for j in 0..3 if i != j]", "[0, 2, 0, 2]");
    ok("[{a: i, b: 2.0 * i} for i in 0..2]", "{a: [0, 1], b: [0, 2]}");
    ok("i = 7; x = [i for i in 0..2]; i", "7");
    fails("[1, \"a\"]", "element 1 is a text");
    fails("[[1, 2], [3]]", "must have one shape");
}

#[test]
fn unknown_names() {
    fails("foo + 1", "unknown name `foo`");
    fails("value = 1; valeu", "did you mean `value`?");
    fails("np.sum(1)", "write `sum`");
    fails("True", "write `true`");
    fails("x = [1]; sum(x, dim=0)", "did you mean `axis=`?");
}

#[test]
fn a_failing_cell_leaves_no_trace() {
    let result = with_stack(|| {
        let mut s = Session::new(Options::default());
        assert!(s.run_cell("a", "x = [1, 2, 3]; n = 1").is_ok());
        assert!(!s.run_cell("b", "x[0] = 9; n = 2; m = 3; 1 // 0").is_ok());
        let v = s.run_cell("c", "(x, n)").value.map(|v| text(&v, &Style::PLAIN).unwrap_or_default());
        (v, s.run_cell("d", "m").faults.len())
    });
    assert_eq!(result, (Some("([1, 2, 3], 1)".into()), 1));
}

#[test]
fn answers() {
    assert_eq!(cells(&["1 + 2", "* 4"]).as_deref(), Ok("12"));
    let shown = with_stack(|| {
        let mut s = Session::new(Options::default());
        s.run_cell("a", "a = [1.0, 2]; f(x) = x").assigned.iter().map(|(n, t)| format!("{n}: {t}")).collect::<Vec<_>>()
    });
    assert_eq!(shown, ["a: f64[2]", "f: function"]);
}

#[test]
fn operators_are_complete() {
    assert_eq!(crate::lang::resolve::operators_have_primitives(), Ok(()));
}

#[test]
fn annotations() {
    ok("fn f(x: f64[n, 2], y: f64[n]) -> f64[n] { y }; f([[1.0, 2]], [3.0])", "[3]");
    fails("fn f(x: f64[n, 2], y: f64[n]) { y }; f([[1.0, 2]], [3.0, 4])", "axis 0 is 2, but n is 1 in this call");
    fails("fn f(x: f32[_]) { x }; f([1.0])", "its dtype is f64");
}

#[test]
fn checked_without_running() {
    let faults = with_stack(|| {
        let mut s = Session::new(Options::default());
        let text = "f(x, y=1) = x + y\nf()\nf(1, 2, 3)\nf(1, z=2)\nf(...(1, 2))\nlen()\nsum([1], dim=0)\nfoo(1)\nif false { f() }";
        let names = s.check("a.nev", "foo(1)").len();
        let rest = s.check("b.nev", &text.replace("\nfoo(1)", ""));
        (names, rest.iter().map(|f| f.message.split(':').take(2).collect::<String>()).collect::<Vec<_>>())
    });
    assert_eq!(faults.0, 1);
    assert_eq!(faults.1.len(), 6, "{:?}", faults.1);
}

#[test]
fn ranges_index_like_slices_that_must_fit() {
    ok("x = [1, 2, 3, 4]; x[1..3]", "[2, 3]");
    ok("x = [1, 2, 3, 4]; x[3..0 by -1]", "[4, 3, 2]");
    ok("x = [1, 2, 3, 4]; x[-2..0]", "[3, 4]");
    ok("x = [1, 2, 3, 4]; x[-1..1]", "[4, 1]");
    ok("x = [1, 2, 3, 4]; x[2..2]", "[]");
    ok("x = [1, 2, 3, 4]; x[1..3] = 0; x", "[1, 0, 0, 4]");
    fails("x = [1, 2, 3, 4]; x[2..6]", "index 5 is out of range: axis 0 has size 4");
}

/// A value on its way through an expression may become the next one; one that somebody holds may not.
#[test]
fn only_what_nobody_holds_is_written_over() {
    ok("x = f64([1, 2]); y = x * 2 + 1; (x, y)", "([1, 2], [3, 5])");
    ok("x = f64([1, 2]) * 1; f(v) = v; y = f(x) + 1; (x, y)", "([1, 2], [2, 3])");
    ok("x = f64([1, 2]) * 1; t = (x, 0); y = t[0] + 1; (t[0], x, y)", "([1, 2], [1, 2], [2, 3])");
    ok("x = f64([1, 2, 3]) * 1; y = x[0:2] * 2; (x, y)", "([1, 2, 3], [2, 4])");
    ok("x = f64([1, 2, 3]) * 1; v = x[0:2]; y = (x + 1) * (x + 2); (x, v, y)", "([1, 2, 3], [1, 2], [6, 12, 20])");
    ok("x = f64([1, 2]) * 1; y = {z = x; z} + 1; (x, y)", "([1, 2], [2, 3])");
    ok("x = f64([1, 2]) * 1; s = 0; for i in 0..3 { s = (x + i) * 2 - x }; (x, s)", "([1, 2], [5, 6])");
    ok("x = f64([1, 2]) * 1; g = () -> x; y = g() * 3; (x, y)", "([1, 2], [3, 6])");
    ok("x = f64([1, 2]) * 1; grad(z -> sum((z * 2 + x) * z))(x)", "[5, 10]");
    ok("x = f32([1, 2]) * 1; y = (x + 0.5) > 2; (y, (x + 0.5) / 2)", "([false, true], [0.75, 1.25])");
}

#[test]
fn imports() {
    let dir = std::env::temp_dir().join(format!("nevel-imports-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("lib.nev"), "k = 3\nf(x) = x * k\n").unwrap();
    std::fs::write(dir.join("a.nev"), "import \"b.nev\"\n").unwrap();
    std::fs::write(dir.join("b.nev"), "import \"a.nev\"\n").unwrap();
    let main = dir.join("main.nev");
    let run = move |text: &'static str| {
        let main = main.clone();
        with_stack(move || {
            let mut s = Session::new(Options::default());
            s.set_path(Some(main));
            let o = s.run_cell("main.nev", text);
            match o.faults.first() {
                Some(f) => f.message.clone(),
                None => o.value.map_or(String::new(), |v| text_of(&v)),
            }
        })
    };
    assert_eq!(run("import \"lib.nev\"; lib.f(2) + lib.k"), "9");
    assert_eq!(run("import \"lib.nev\" as l; k = 100; l.f(2)"), "6");
    assert_eq!(run("from \"lib.nev\" import f; f(5)"), "15");
    assert_eq!(run("from \"lib.nev\" import g"), "\"lib.nev\" defines no `g`");
    assert!(run("import \"a.nev\"").contains("is being imported already"));
    assert!(run("import \"none.nev\"").contains("there is no file"));
    std::fs::remove_dir_all(&dir).unwrap();
}

fn text_of(v: &Value) -> String {
    text(v, &Style::PLAIN).unwrap_or_default()
}

#[test]
fn placement_of_picked_axes() {
    ok(
        "x = reshape(0..24, 2, 3, 4); (x[:, [0, 2], 1].shape, x[0, :, [1, 2, 3]].shape, x[[0, 1], [0, 2]].shape)",
        "((2, 2), (3, 3), (2, 4))",
    );
    ok("x = reshape(0..6, 2, 3); x[[[0], [1]], [0, 2]]", "[[0, 2], [3, 5]]");
    ok("x = reshape(0..6, 2, 3); x[x % 2 == 0]", "[0, 2, 4]");
    ok("x = reshape(0..6, 2, 3); x[[true, false], :]", "[[0, 1, 2]]");
    ok("x = reshape(0..6, 2, 3); x[:, [true, false, true]]", "[[0, 2], [3, 5]]");
    ok(
        "x = reshape(0..24, 2, 3, 4); x[0, :, [1, 2]] = [[7, 8, 9], [4, 5, 6]]; x[0, :, 1:3]",
        "[[7, 4], [8, 5], [9, 6]]",
    );
    ok("x = reshape(0..24, 2, 3, 4); x[..., 0, none].shape", "(2, 3, 1)");
    fails("x = reshape(0..6, 2, 3); x[[true, false, true]]", "a mask of shape [3] does not fit axes of shape [2]");
    fails("x = reshape(0..6, 2, 3); x[[0, 5]]", "index 5 is out of range: axis 0 has size 2");
}

#[test]
fn the_brace_of_an_escape_opens_no_interpolation() {
    ok("n = 3; \"a\\u{221e}{n}\"", "a∞3");
    ok("\"\\\\u{1 + 1}\"", "\\u2");
}
