//! What errors say, and that none is a crash.

use super::*;

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
        ("\"{}\"", "unexpected `}` @ }: expected an expression | the value stands in the braces"),
        ("\"a\\qb\"", "there is no escape `\\q`"),
        ("99999999999999999999", "does not fit into a 64-bit integer"),
        ("9223372036854775808", "write `9223372036854775808.0` for a float"),
        ("0b12", "`0b12` is no number"),
        ("0x", "`0x` is no number @ 0x: hexadecimal digits follow `0x`"),
        ("x = 0b + 1", "`0b` is no number"),
        ("1__0", "`1__0` is no number @ 1__0: a single `_` may stand between two digits"),
        ("\"{\"", "a text is not closed on its line"),
        ("\"{a\"", "a text is not closed on its line"),
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
        ("f(() => 1)", "write `->`"),
        ("f = (x, y) => x", "write `->`"),
        ("%timeit f(x)", "write `:time f(x)` in the REPL"),
        ("%run f", "begin with a colon: `:help`"),
        (":time f(x)", "commands with a colon are the REPL's"),
        ("?sum", "write `nevel doc sum` in a shell"),
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
        ("whle x { 1 }", "did you mean `while`?"),
        ("wile true { 1 }", "did you mean `while`?"),
        ("fro i in 0..3 { 1 }", "did you mean `for`?"),
        ("retrun 3", "did you mean `return`?"),
        ("if c { 1 } esle { 2 }", "did you mean `else`?"),
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
        ("1 is 1", "compare with `==`"),
        ("x is not none", "compare with `!=`"),
        ("f(**kw) = kw", "unexpected `**` @ **: expected `)` or a parameter | named arguments come one by one"),
        ("fn f(a, **kw) { a }", "or in a record: `f(p)`"),
        ("a, *b = (1, 2, 3)", "take the rest apart by index: `a = t[0]; b = t[1:]`"),
        ("*a, b = t", "take the rest apart by index"),
        ("[*a, 3]", "join arrays with `concat((a, b))`"),
        ("with open(\"f\") as f { }", "`load(\"f.csv\")` reads one"),
        ("with torch.no_grad():\n  x", "leave `with` out"),
        ("async def f(): x", "define with `f(x) = x^2`"),
        ("global x", "return the value, `x = f(x)`"),
        ("f\"abc {1 + 2}\"", "leave the `f` out: braces in any text"),
        ("print(f\"abc {x}\", 2)", "leave the `f` out"),
        ("F\"abc\"", "leave the `F` out"),
        ("r\"abc\"", "leave the `r` out; a backslash is `\\\\`"),
        ("print \"a {x}\"", "a call needs parentheses: `print(\"…\")`"),
        ("\"{x=}\"", "write the name before the braces: `\"x = {x}\"`"),
        ("\"{x!r}\"", "leave `!r` out"),
        ("\"abc {}\".format(3)", "the value stands in the braces: `\"x is {x}\"`"),
        ("|x| x + 1", "a function without a name is `x -> x + 1`"),
        ("map(|x| x + 1, xs)", "a function without a name is `x -> x + 1`"),
        ("map(@(x) x + 1, xs)", "a function without a name is `x -> x + 1`"),
        ("@jit\nf(x) = x", "there are no decorators"),
        ("// a comment", "a comment starts with `#`"),
        ("x = 3 // a comment", "a comment starts with `#`"),
        ("/* a comment */", "a comment starts with `#`"),
        ("x = 3 /* a comment */", "a comment starts with `#`"),
        ("sum?", "write `?sum` in the REPL, `nevel doc sum` in a shell"),
        ("linalg.solve??", "write `?linalg.solve` in the REPL"),
        ("x <- 3", "`<-` does not assign @ <-: reads as `< -` | write `x = 3`; a comparison is `x < -3`"),
        ("p.w[0] <- 2 * y", "write `p.w[0] = 2 * y`"),
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
        ("(1, 2)[0] = 3", "a value without a name cannot be written into"),
        ("[1, 2][0] = 3", "give it a name first: `t = …`, then `t[0] = 1`"),
    ]);
    // Comparisons all the same.
    for text in ["x < -3", "x < - 3", "x <-3", "y = x <- 3", "f(x <- 3)"] {
        assert!(parse(0, text).faults.is_empty(), "{text:?}");
    }
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
