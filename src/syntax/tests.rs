//! What is read as what, and what the errors say.

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

#[test]
fn layout_rules() {
    same(&[
        // A newline ends a statement …
        ("a\nb", "a / b"),
        ("a\n-b", "a / (- b)"),
        ("a\n+b\n(c)\n[d]", "a / (+ b) / (paren c) / (list d)"),
        ("a;b", "a / b"),
        // … unless a bracket is open,
        ("f(a,\n\nb\n)", "(call f a b)"),
        ("[1\n,2\n]", "(list 1 2)"),
        ("{a: 1,\n b: 2\n}", "(record \"a\" 1 \"b\" 2)"),
        ("{\n a: 1}", "(record \"a\" 1)"),
        ("f(x -> {\n a = x\n a\n})", "(call f (-> (x) (block {(= a x); a})))"),
        // the line cannot end there,
        ("a +\nb", "(+ a b)"),
        ("x =\n  1", "(= x 1)"),
        ("a,\nb", "(tuple a b)"),
        ("x ->\nx", "(-> (x) x)"),
        ("a and\nnot\nb", "(and a (not b))"),
        // or the next line cannot start like that.
        ("x\n|> f\n|> g", "(|> (|> x f) g)"),
        ("x\n  .f()\n  .g", "(field (method x f) g)"),
        ("a\n* b\n== c", "(compare (* a b) == c)"),
        ("a\nand b", "(and a b)"),
        ("a\nnot in b", "(compare a not in b)"),
        ("a\nnot b", "a / (not b)"),
        ("if a { 1 }\nelse { 2 }", "(if a {1} (block {2}))"),
        ("try { 1 }\ncatch e { 2 }", "(try {1} e {2})"),
        ("0..10\nby 2", "(.. 0 10 2)"),
        // Joined by hand; comments are nothing.
        ("a \\\n- b", "(- a b)"),
        ("a # b\n# c\n|> f # d", "(|> a f)"),
        ("a +  # b\nc", "(+ a c)"),
        // `name:`, text, `...` and `}` open a record, anything else a block.
        ("{a}", "(block {a})"),
        ("{...p}", "(record (... p))"),
        ("{\"a\": 1}", "(record \"a\" 1)"),
        ("{\"a\"}", "(block {(text \"a\")})"),
        ("f(x) = {a: x}", "(define f (x) (record \"a\" x))"),
        ("while c {}\nx", "(while c {}) / x"),
    ]);
    // A definition only at the start of a statement.
    assert!(!parse(0, "g(f(x) = 1)").faults.is_empty());
    // `.` at the end of a line does not go on.
    assert_eq!(one_wrong("y = x.\nz = 3"), "unexpected end of the line @ \n: expected a name | ");
}

#[test]
fn hushed_and_docs() {
    assert!(parse(0, "x = 1;").program.hushed);
    assert!(parse(0, "x = 1; # done\n").program.hushed);
    assert!(!parse(0, "x = 1; y").program.hushed);
    assert_eq!(d("## One.\n##\n## > f(1)\nf(x) = x"), "(define f (x) \"One.\\n\\n> f(1)\" x)");
    assert_eq!(d("## One.\n# no\nfn f(x) { x }"), "(define f (x) \"One.\" (block {x}))");
    assert_eq!(d("## One.\n\nf(x) = x"), "(define f (x) x)");
    assert_eq!(d("{\n  ## In.\n  f(x) = x\n}"), "(block {(define f (x) \"In.\" x)})");
    assert_eq!(d("y = 1 ## no\nf(x) = x"), "(= y 1) / (define f (x) x)");
}

#[test]
fn incomplete_input() {
    for text in [
        "f(",
        "[1,",
        "{",
        "{a: 1",
        "fn f(x) {",
        "if a {\n",
        "x =",
        "x = \n",
        "1 +",
        "x |>",
        "a and",
        "not",
        "x ->",
        "for",
        "a \\\n",
        "\"{f(",
        "## Doc",
        "if a { 1 } else",
        "a,",
        "(1 +",
    ] {
        let want = !text.starts_with('"');
        assert_eq!(incomplete(text), want, "{text:?}");
        assert_eq!(parse(0, text).incomplete, want, "{text:?}");
    }
    for text in
        ["", "x", "x = 1", "f()", "f)", "[1, 2)", "if c:", "x.", "\"abc", "x++", "# c", "x = 1 ## c", "return", "2x"]
    {
        assert!(!incomplete(text), "{text:?}");
    }
}

#[test]
fn lines_that_continue() {
    for text in ["|> f", ".sum()", "* 2", "/ 2", "^2", "== 3", "and b", "in xs", "not in xs", "  @ w", "by 2", "& m"] {
        assert!(continues(text), "{text:?}");
    }
    for text in ["", "x", "-1", "+1", "(2)", "[0]", "not x", ".5", "~x", "# |> f", "= 2", "-> x"] {
        assert!(!continues(text), "{text:?}");
    }
}

#[test]
fn token_classes() {
    use TokenClass::*;
    let classes = |text: &str| tokens(text).into_iter().map(|t| (t.0, text[t.1].to_string())).collect::<Vec<_>>();
    let want = |all: &[(TokenClass, &str)]| all.iter().map(|t| (t.0, t.1.to_string())).collect::<Vec<_>>();
    assert_eq!(
        classes("x = if \"a{1:d}\" # c"),
        want(&[
            (Name, "x"),
            (Mark, "="),
            (Keyword, "if"),
            (Text, "\""),
            (Text, "a"),
            (Bracket, "{"),
            (Number, "1"),
            (Text, ":d"),
            (Bracket, "}"),
            (Text, "\""),
            (Comment, "# c"),
        ])
    );
    assert_eq!(classes("load(\"data/x"), want(&[(Name, "load"), (Bracket, "("), (OpenText, "\"data/x")]));
    assert_eq!(classes("\"a\nb"), want(&[(Text, "\"a"), (Name, "b")]));
    assert_eq!(classes("a ' b"), want(&[(Name, "a"), (Error, "'"), (Name, "b")]));
}

#[track_caller]
fn formats(pairs: &[(&str, &str)]) {
    for (text, want) in pairs {
        let got = fmt(text).expect("a text that parses");
        assert_eq!(&got, want, "{text:?}");
        assert_eq!(fmt(&got).as_ref().ok(), Some(&got), "twice: {text:?}");
        assert_eq!(d(&got), d(text), "another tree: {text:?}");
        assert_eq!(parse(0, &got).program.hushed, parse(0, text).program.hushed, "{text:?}");
    }
}

#[test]
fn formatting() {
    formats(&[
        ("", ""),
        ("x=1", "x = 1\n"),
        ("\n\n x  =  f ( a,b , c = 2 ) [ 1 : 2 , ... ]\n\n\n\ny\n", "x = f(a, b, c=2)[1:2, ...]\n\ny\n"),
        ("2*x + 1-y; 0..n-1; 0 .. 3; a *b", "2*x + 1-y\n0..n-1\n0 .. 3\na * b\n"),
        ("- x ^ - 2 + ~ y; not  a", "-x ^ -2 + ~y\nnot a\n"),
        ("a<b&c==d|e", "a < b & c == d | e\n"),
        ("x|>f(2,_)|>x->x+1", "x |> f(2, _) |> x -> x+1\n"),
        ("{a:1,\"b\":2,...p}; {}; { w,b }=p", "{a: 1, \"b\": 2, ...p}\n{}\n{w, b} = p\n"),
        ("if a{1}else{2}", "if a { 1 } else { 2 }\n"),
        ("if a{\n1}\nelse{2\n}", "if a {\n    1\n} else {\n    2\n}\n"),
        ("if a { 1 }\n# why\nelse { 2 }", "if a { 1 }\n# why\nelse { 2 }\n"),
        ("f(x)={a=x;a}", "f(x) = { a = x; a }\n"),
        ("f(x)={;a=x;;a;\n}", "f(x) = {\n    a = x\n    a\n}\n"),
        ("fn f ( x:f32[n , 2],* r )->f32[ n ]{\nx }", "fn f(x: f32[n, 2], *r) -> f32[n] {\n    x\n}\n"),
        ("x\n|>f\n|>g(\n1,\n2)", "x\n    |> f\n    |> g(\n        1,\n        2)\n"),
        ("x =\n1 +\n2", "x =\n    1 +\n    2\n"),
        ("a \\\n- b", "a \\\n    - b\n"),
        ("a # one\n# two\n|> f # three", "a  # one\n    # two\n    |> f  # three\n"),
        ("while c { # why\n\n\nx\n\n# end\n\n}", "while c {  # why\n\n    x\n\n    # end\n}\n"),
        ("f(x->{\na\n})", "f(x -> {\n    a\n})\n"),
        ("f([\n1,\n2\n])", "f([\n    1,\n    2\n])\n"),
        ("x = 1 ;", "x = 1;\n"),
        ("x = 1; # c\n;", "x = 1  # c\n;\n"),
        ("## Doc.\n;f(x)=x", "## Doc.\nf(x) = x\n"),
        ("\"a{ x+1 :.3f}b{ {a:1} }\"", "\"a{x+1:.3f}b{{a: 1}}\"\n"),
        ("1. .max(); 1 .max()", "1. .max()\n1.max()\n"),
        ("[i*j for i,j in a if i>1]", "[i*j for i, j in a if i > 1]\n"),
        ("return", "return\n"),
        ("import \"a.nev\" as b", "import \"a.nev\" as b\n"),
        ("try{f()}catch e{0}", "try { f() } catch e { 0 }\n"),
        ("(...t,4); (a,); [ ]", "(...t, 4)\n(a,)\n[]\n"),
        ("x[::2,:,1:-1,a:b:c]", "x[::2, :, 1:-1, a:b:c]\n"),
        ("# only\n", "# only\n"),
        (";", ";\n"),
    ]);
    assert!(fmt("x = ").is_err());
}

#[test]
fn errors_of_shape() {
    assert_eq!(one_wrong("[1, 2)"), "mismatched `)` @ ): does not match, `[` opened here | close with `]` first");
    assert_eq!(one_wrong("f(1))"), "`)` closes nothing @ ): nothing is open here | ");
    assert_eq!(one_wrong("f((1)"), "`(` is not closed @ (: opened here | close it with `)`");
    assert_eq!(one_wrong("w -= 0.1 * * g"), "unexpected `*` @ *: expected an expression | ");
    assert_eq!(one_wrong("x = "), "unexpected end @ : expected an expression | ");
    says(&[
        ("a b", "expected `,`, `=`, an operator or the end of the statement"),
        ("f(a b)", "expected `)`, `,` or an operator"),
        ("f(a; b)", "unexpected `;`"),
        ("\"abc", "a text is not closed on its line @ \": opened here | close it with `\"`"),
        ("\"a {x", "a brace that is only a brace is `\\{`"),
        ("\"a {x\" + 1\ny = 1", "a brace that is only a brace is `\\{`"),
        ("\"a {x:.2f b\"", "a text is not closed on its line"),
        ("\"{}\"", "unexpected `}` @ }: expected an expression | a brace that is only a brace is `\\{`"),
        ("\"a\\qb\"", "there is no escape `\\q`"),
        ("99999999999999999999", "does not fit into a 64-bit integer"),
        ("9223372036854775808", "write `9223372036854775808.0` for a float"),
        ("0b12", "`0b12` is no number"),
        ("x[]", "expected an index"),
        ("(1..2..3)", "0..10 by 2"),
        ("\"{(}\"", "mismatched `}`"),
    ]);
}

#[test]
fn errors_teach() {
    says(&[
        ("2x", "write `2*x`"),
        ("y = 3.5kg + 1", "write `3.5*kg`"),
        ("(a)(b)(c) d", "there is no implicit multiplication"),
        ("if x = 1 { }", "compare with `==`"),
        ("f(x == 1, y == (z = 2))", "compare with `==`"),
        ("a = b = 1", "one target to a statement"),
        ("“hi”", "write `\"hi\"`"),
        ("'hi'", "a text in foreign quotes @ 'hi'"),
        ("x' @ y'", "a transpose is `x.T`"),
        ("x = 'a' + ‘b’", "write `\"b\"`"),
        ("[1 2 3]", "a `,` separates the two"),
        ("x is y", "compare with `==`"),
        ("x[1:2:3:4]", "a slice is `start:stop:step`"),
        ("x: f32 = 1", "only parameters are annotated"),
        ("{a: 1, b}", "a field is `name: value`"),
        ("if x > 1", "a block stands in braces"),
        ("fn f { }", "write `fn f() { … }`"),
        ("f(1) = 2", "expected `)` or a parameter"),
        ("|> x", "unexpected `|>` @ |>: expected a statement"),
        ("a && b", "write `and`"),
        ("a || b", "write `or`"),
        ("!x", "write `not x`"),
        ("a <> b", "write `!=`"),
        ("x => x", "write `->`"),
        ("x := 1", "assign with `=`"),
        ("a === b", "write `==`"),
        ("c ? a : b", "if c { a } else { b }"),
        ("a if c else b", "if c { a } else { b }"),
        ("if c { 1 } elif d { 2 }", "else if"),
        ("if c { 1 }\nelif d { 2 }", "else if"),
        ("if c:\n  x", "a block stands in braces"),
        ("if c then x", "a block stands in braces"),
        ("for i in xs:\n  x", "a block stands in braces"),
        ("if c\n{ x }", "the `{` goes on the same line"),
        ("def f(x): x", "define with `f(x) = x^2`"),
        ("function f(x) { x }", "define with"),
        ("let x = 1", "assign without a keyword"),
        ("lambda x: x", "write `x -> x^2`"),
        ("fn f(x) = x", "without `fn`"),
        ("x = fn (a) { a }", "unexpected `fn`"),
        ("import numpy as np", "import takes a file in quotes"),
        ("x++", "write `x += 1`"),
        ("f(*xs)", "f(...xs)"),
        ("f(a, **kw)", "f(...xs)"),
        ("a:b", "slices only work inside `x[...]`"),
        ("t.0", "`t[0]`"),
        ("print x", "a call needs parentheses: `print(x)`"),
        ("in = 3", "`in` is a keyword"),
        ("by = 3", "`by` is a keyword"),
        ("x.f(1, 2) -> 3", "a definition is `f(x) = x^2`"),
        ("1 + x -> x", "put a function that is an operand in parentheses"),
        ("1 + not x", "put it in parentheses"),
        ("[1; 2]", "rows of an array are arrays"),
        ("f(_)", "`_` stands for nothing here"),
        ("x |> f(g(_))", "`_` stands for nothing here"),
        ("try { 1 } except e { 2 }", "expected `catch`"),
        ("raise x", "error("),
        ("x²", "write `x^2`"),
        ("a → b", "write `->`"),
    ]);
}

#[test]
fn errors_of_targets() {
    says(&[
        ("1 = x", "a value cannot be assigned to"),
        ("f(x).a = 1; f(x)[0] = 1", "the result of a call cannot be assigned to"),
        ("() = t", "an empty tuple cannot be assigned to"),
        ("[a, b] = t", "take apart with parentheses"),
        ("(a, b) += 1", "`+=` changes one name, element or field"),
        ("a, b += 1", "`+=` changes one name, element or field"),
        ("a + b = 1", "this cannot be assigned to"),
        ("(x)[0] = 1", "a parenthesis cannot be assigned into"),
        ("(...a, b) = t", "`...` takes apart"),
        ("_ += 1", "`+=` changes one name"),
        ("{a: 1} = p", "take fields by their names"),
    ]);
}

#[test]
fn several_errors() {
    let all = wrong("x = * 2\ny = 1\nfn f(x) {\n  a = )\n}\nz = 2x");
    assert_eq!(all.len(), 2, "{all:#?}");
    let all = wrong("x = * 2\ny = 1\nfn f(x) {\n  a = / 1\n  b = 2\n  c = {a: 1 2}\n}\nz = 2x\n5 = w");
    assert_eq!(all.len(), 5, "{all:#?}");
    let all = wrong("if c { a b }\nelse { c d }");
    assert_eq!(all.len(), 2, "{all:#?}");
}

/// Long and deep input, on the 2 MiB stack of a thread.
#[test]
fn hostile_input() {
    let run = || {
        let many = |text: &str| text.repeat(10_000);
        for open in ["(", "[", "{", "\"{", "f(", "x -> (", "{a: ", "if a {"] {
            let fault = wrong(&many(open));
            assert!(fault[0].contains("nest deeper than 256"), "{open}: {fault:?}");
        }
        for (deep, end) in [("-", "1"), ("not ", "1"), ("2^", "1"), ("x -> ", "1"), ("1+", "1"), ("x.f", "")] {
            let text = deep.repeat(100_000) + end;
            let text = if deep == "x.f" { format!("x{}", ".f".repeat(100_000)) } else { text };
            let fault = wrong(&text);
            assert_eq!(fault.len(), 1, "{deep}");
            assert!(fault[0].starts_with("an expression more than 10000 levels deep"), "{deep}: {}", &fault[0][..80]);
        }
        let chain = format!("if a {{ 1 }}{}", " else if a { 1 }".repeat(20_000));
        assert!(one_wrong(&chain).starts_with("an expression more than 10000"));
        // The highest tree that is allowed, parsed and dropped.
        let high = "-".repeat(DEPTH as usize - 1) + "1";
        assert!(parse(0, &high).faults.is_empty());
        // One error, reported once, in linear time, wherever it stands.
        let nested = format!("{}* 1{}", "f([{a: x[".repeat(60), "]}])".repeat(60));
        assert_eq!(wrong(&nested).len(), 1);
        let lines = "x = * 1\n".repeat(2_000);
        assert_eq!(wrong(&lines).len(), 2_000);
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).expect("a thread").join().expect("no overflow");
}

/// Token soups: nothing panics, and every place lies in the text.
#[test]
fn soups() {
    let words: Vec<&str> = token::ALL_FIXED
        .iter()
        .filter_map(|t| t.glyph())
        .chain([
            "x", "f", "1", "2.5", "\"a\"", "\"a{", "}b\"", "\n", ";", " ", "#c\n", "\\\n", "'", "é", "∇", "\\", "\"",
        ])
        .collect();
    let mut seed = 42u64;
    let mut next = |n: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % n
    };
    for _ in 0..3000 {
        let text: String =
            (0..next(30)).map(|_| format!("{}{}", words[next(words.len())], [" ", ""][next(2)])).collect();
        let parsed = parse(0, &text);
        for fault in &parsed.faults {
            let spans = fault.span.iter().chain(fault.labels.iter().map(|l| &l.0));
            spans.for_each(|s| assert!(text.get(s.range()).is_some(), "{text:?} {s:?}"));
        }
        for (_, range) in tokens(&text) {
            assert!(text.get(range).is_some());
        }
        incomplete(&text);
        continues(&text);
    }
}
