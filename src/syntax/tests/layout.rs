//! Where statements end, what a REPL waits for, how programs are formatted and coloured.

use super::*;

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
        "a \\",
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
        assert!(continues(text).is_some(), "{text:?}");
    }
    for text in ["", "x", "-1", "+1", "(2)", "[0]", "not x", ".5", "~x", "# |> f", "= 2", "-> x"] {
        assert!(continues(text).is_none(), "{text:?}");
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
