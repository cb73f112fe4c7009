//! What is read as what. Beside it: where statements end, and what errors say.

mod errors;
mod layout;

use super::*;

/// The dump of a text that must parse, statements joined by ` / `.
fn d(text: &str) -> String {
    let parsed = parse(0, text);
    let faults: Vec<String> = parsed.faults.iter().map(|f| format!("{f} {:?} {:?}", f.labels, f.hints)).collect();
    assert!(faults.is_empty(), "{text:?}: {faults:#?}");
    ast::dump(&parsed.program).trim_end().replace('\n', " / ")
}

/// What is wrong with a text: for each fault `message @ marked text: label | hint`.
fn wrong(text: &str) -> Vec<String> {
    let parsed = parse(0, text);
    let words = |f: &crate::base::Fault| {
        let span = f.span.expect("a place");
        assert!(span.end as usize <= text.len(), "{text:?}");
        let labels: Vec<&str> = f.labels.iter().map(|l| &*l.1).collect();
        format!("{f} @ {}: {} | {}", &text[span.range()], labels.join(", "), f.hints.join(", "))
    };
    parsed.faults.iter().map(words).collect()
}

fn one_wrong(text: &str) -> String {
    let all = wrong(text);
    assert_eq!(all.len(), 1, "{text:?}: {all:#?}");
    all.into_iter().next().unwrap_or_default()
}

#[track_caller]
fn same(pairs: &[(&str, &str)]) {
    for (text, tree) in pairs {
        assert_eq!(&d(text), tree, "{text:?}");
    }
}

#[track_caller]
fn says(pairs: &[(&str, &str)]) {
    let silent = |(text, part): &&(&str, &str)| !wrong(text).iter().any(|w| w.contains(part));
    let silent: Vec<_> = pairs.iter().filter(silent).map(|(text, part)| (text, part, wrong(text))).collect();
    assert!(silent.is_empty(), "should say, says {silent:#?}");
}

#[test]
fn precedence() {
    same(&[
        ("1 + 2 * 3", "(+ 1 (* 2 3))"),
        ("a - b - c", "(- (- a b) c)"),
        ("-x^2", "(- (^ x 2))"),
        ("2^-1*4", "(* (^ 2 (- 1)) 4)"),
        ("2^3^2", "(^ 2 (^ 3 2))"),
        ("2 ** -x ** 2", "(^ 2 (- (^ x 2)))"),
        ("-a * b", "(* (- a) b)"),
        ("~x & y", "(& (~ x) y)"),
        ("a @ b * c // d % e / f", "(/ (% (// (* (@ a b) c) d) e) f)"),
        ("1 << 2 + 3", "(<< 1 (+ 2 3))"),
        ("0..n-1", "(.. 0 (- n 1))"),
        ("-1..=3 by 2", "(..= (- 1) 3 2)"),
        ("0..1 << 3", "(.. 0 (<< 1 3))"),
        ("0 < x <= 10", "(compare 0 < x <= 10)"),
        ("(a < b) < c", "(compare (paren (compare a < b)) < c)"),
        ("x > 0 & x < 1", "(& (compare x > 0) (compare x < 1))"),
        ("a | b xor c & d", "(| a (xor b (& c d)))"),
        ("not a | b", "(not (| a b))"),
        ("not a and b or c", "(or (and (not a) b) c)"),
        ("not x in xs", "(not (compare x in xs))"),
        ("x not in xs == ys", "(compare x not in xs == ys)"),
        ("x in 0..3", "(compare x in (.. 0 3))"),
        ("a or b |> f", "(|> (or a b) f)"),
        ("x |> f(2) |> g(_, 1)", "(|> (|> x (call f 2)) (call g _ 1))"),
        ("xs |> x -> x+1 |> f", "(|> xs (-> (x) (|> (+ x 1) f)))"),
        ("x |> stats.mean(axis=_)", "(|> x (method stats mean axis= _))"),
        ("a -> b -> a", "(-> (a) (-> (b) a))"),
        ("f(x)[0].a.b(1)", "(method (field (index (call f x) 0) a) b 1)"),
        ("-2.5.abs()", "(- (method 2.5 abs))"),
        ("2i^2", "(^ 2.0i 2)"),
        ("x − y × z ÷ w · v ≤ 1 ≠ 2", "(compare (- x (* (/ (* y z) w) v)) <= 1 != 2)"),
        ("∇(π, x)", "(call grad pi x)"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("1 - -9223372036854775808", "(- 1 -9223372036854775808)"),
    ]);
}

#[test]
fn values() {
    same(&[
        ("[1, 2.5, .5, 1., 0xff, 1_000]", "(list 1 2.5 0.5 1.0 255 1000)"),
        ("[]", "(list)"),
        ("[[1], [2],]", "(list (list 1) (list 2))"),
        ("()", "(tuple)"),
        ("(a)", "(paren a)"),
        ("(a,)", "(tuple a)"),
        ("(a, b)", "(tuple a b)"),
        ("(...t, 4)", "(tuple (... t) 4)"),
        ("(...t)", "(tuple (... t))"),
        ("{}", "(record)"),
        ("x = {a: 1, \"b c\": 2, ...p,}", "(= x (record \"a\" 1 \"b c\" 2 (... p)))"),
        ("{from: 1, in: 2}.from", "(field (record \"from\" 1 \"in\" 2) from)"),
        ("f(by=2, in=3)", "(call f by= 2 in= 3)"),
        ("{ a; b }", "(block {a; b})"),
        ("true, false, none", "(tuple true false none)"),
        (r#""a\n""#, r#"(text "a\n")"#),
        (r#""""#, r#"(text "")"#),
        (r#""loss {loss:.3f}, {x + 1}\{""#, r#"(text "loss " loss : ".3f" ", " (+ x 1) "{")"#),
        (r#""{f("a{b}")}{ {a: 1}["a"] }""#, r#"(text (call f (text "a" b)) (index (record "a" 1) (text "a")))"#),
        (r#""{x[1:2]:>8}""#, r#"(text (index x (: 1 2 -)) : ">8")"#),
        (r##""# no comment {1} #""##, r##"(text "# no comment " 1 " #")"##),
        ("[i^2 for i in 0..5]", "(each (^ i 2) for i (.. 0 5))"),
        (
            "[i*j for i, (k, _) in a if i > 1 for j in b if j]",
            "(each (* i j) for (i (k _)) a if (compare i > 1) for j b if j)",
        ),
        ("x -> {a: 1}", "(-> (x) (record \"a\" 1))"),
        ("x -> {a = 1; a}", "(-> (x) (block {(= a 1); a}))"),
        ("(x, (a, b), y=1, *rest) -> x", "(-> (x (a b) y = 1 * rest) x)"),
        ("() -> 1", "(-> () 1)"),
        ("_ -> 1", "(-> (_) 1)"),
        ("f(x -> x, ...xs, k=2,)", "(call f (-> (x) x) (... xs) k= 2)"),
        (
            "x[1, -1, 2:3, ::2, :, ..., none, m > 0, a:b:c,]",
            "(index x 1 (- 1) (: 2 3 -) (: - - 2) (: - - -) ... none (compare m > 0) (: a b c))",
        ),
        ("if a { 1 } else if b { 2 } else { 3 }", "(if a {1} (if b {2} (block {3})))"),
        ("x = if a { 1 }", "(= x (if a {1}))"),
        ("y = try { f() } catch err { err.message }", "(= y (try {(call f)} err {(field err message)}))"),
        ("try { 1 } catch { 2 }", "(try {1} {2})"),
        ("if {a: 1} == p { 1 }", "(if (compare (record \"a\" 1) == p) {1})"),
        ("if c {} else {}", "(if c {} (block {}))"),
        ("p.T.mT", "(field (field p T) mT)"),
    ]);
}

#[test]
fn statements() {
    same(&[
        ("x = 1", "(= x 1)"),
        ("x += 1, 2", "(+= x (tuple 1 2))"),
        ("x[0] //= 2; p.w @= m; x ^= 2; x **= 2", "(//= (at x [ 0]) 2) / (@= (at p .w) m) / (^= x 2) / (^= x 2)"),
        ("x <<= 1; y |= z", "(<<= x 1) / (|= y z)"),
        ("a, b = b, a", "(= (a b) (tuple b a))"),
        ("(a, (b, c)), _ = t", "(= ((a (b c)) _) t)"),
        ("(a,) = t; (b) = 1", "(= (a) t) / (= b 1)"),
        ("{w, b} = p", "(= {w b} p)"),
        ("p.layers[0].w[i, :] = v", "(= (at p .layers [ 0] .w [ i (: - - -)]) v)"),
        ("f(x) = x^2, 1", "(define f (x) (tuple (^ x 2) 1))"),
        ("f(x, y=2) = {\n  z = x\n  z + y\n}", "(define f (x y = 2) (block {(= z x); (+ z y)}))"),
        ("f((a, b), *c) = a", "(define f ((a b) * c) a)"),
        (
            "fn f(x: f32[batch, 784], w: _[..., _]) -> f32[batch, out] { return x, w }",
            "(define f (x:f32[batch,784] w:_[...,_]):f32[batch,out] (block {(return (tuple x w))}))",
        ),
        ("fn f() -> f32 { return }", "(define f ():f32 (block {(return)}))"),
        ("f(x) == 1", "(compare (call f x) == 1)"),
        ("for i in 0..10 { }", "(for i (.. 0 10) {})"),
        ("for (k, v) in r { break }", "(for (k v) r {break})"),
        ("for i, (a, b) in r { continue }", "(for i (a b) r {continue})"),
        ("while true { x += 1 }", "(while true {(+= x 1)})"),
        ("import \"lib.nev\"", "(import \"lib.nev\")"),
        ("import \"lib.nev\" as l", "(import \"lib.nev\" l)"),
        ("from \"lib.nev\" import f, g", "(from \"lib.nev\" f g)"),
        ("assert x > 0, \"no {x}\"", "(assert (compare x > 0) (text \"no \" x))"),
        ("assert x", "(assert x)"),
        ("a, b", "(tuple a b)"),
        ("", ""),
        (";;\n;", ""),
        ("\u{feff}x = 1\r\ny = 2\r\n", "(= x 1) / (= y 2)"),
    ]);
}
