//! `nevel check`: right programs pass without a word, wrong ones are told what is wrong with them, and nothing is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Checks a program, and says how long that took.
fn check(name: &str, text: &str) -> (Output, Duration) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("check");
    std::fs::create_dir_all(&folder).expect("a directory");
    std::fs::write(folder.join(name), text).expect("it is written");
    check_file(&folder, name)
}

fn check_file(folder: &Path, name: &str) -> (Output, Duration) {
    let begin = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nevel"));
    let o = command.args(["check", name]).current_dir(folder).output().expect("the command starts");
    (o, begin.elapsed())
}

fn quiet(name: &str, text: &str) {
    let (o, _) = check(name, text);
    let said = String::from_utf8_lossy(&o.stderr).into_owned() + &String::from_utf8_lossy(&o.stdout);
    assert_eq!((o.status.code(), said.as_str()), (Some(0), ""), "{text}");
}

/// It complains in these words, as often as there are words, and with status 1.
fn wrong(name: &str, text: &str, words: &[&str]) {
    let (o, _) = check(name, text);
    let said = String::from_utf8_lossy(&o.stderr);
    assert_eq!((o.status.code(), said.matches("error: ").count()), (Some(1), words.len()), "{text}\n{said}");
    words.iter().for_each(|w| assert!(said.contains(w), "{text}\n{said} lacks {w}"));
    assert!(o.stdout.is_empty());
}

#[test]
fn examples_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("the examples") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        if !name.ends_with(".nev") {
            continue;
        }
        seen += 1;
        let (o, took) = check_file(&folder, &name);
        assert_eq!((o.status.code(), o.stderr.len(), o.stdout.len()), (Some(0), 0, 0), "{name}: {o:?}");
        assert!(took < Duration::from_secs(10), "{name} took {took:?}");
    }
    assert!(seen >= 2);
}

#[test]
fn an_example_made_wrong_is_found_in_its_loop_and_behind() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let text = std::fs::read_to_string(folder.join("digits.nev")).expect("the example");
    let text = text.replace("{here}", folder.to_str().expect("UTF-8"));
    let inside = text.replace("w1: tensor(randn(64, 64)", "w1: tensor(randn(65, 64)");
    wrong("digits1.nev", &inside, &["the inner axes differ, 64 and 65"]);
    let behind = text.replace("guess = argmax(network(p, x_test), axis=1)", "guess = network(p, x_test).T @ ones(3)");
    wrong("digits2.nev", &behind, &["the inner axes differ, 360 and 3"]);
}

#[test]
fn shapes_and_dtypes() {
    wrong(
        "a.nev",
        "x = ones(32, 784)\nw = ones(10, 784)\ny = x @ w\nprint(y)\n",
        &["the inner axes differ, 784 and 10"],
    );
    wrong("b.nev", "a = zeros(3) + zeros(4)\nb = a + 1\nc = ones(2, 2).reshape(3)\n", &["[3] and [4]", "reshape"]);
    wrong("c.nev", "f(x) = x @ ones(3)\nf(ones(3))\nf(ones(4))\n", &["4 and 3"]);
    wrong("d.nev", "for i in 0..1000 { if i == 700 { ones(2) @ ones(3) } }\n", &["2 and 3"]);
    wrong("e.nev", "if sum(randn(9)) > 0 { a = 1 } else { a = ones(2) + ones(3) }\nprint(a)\n", &["[2] and [3]"]);
    wrong("f.nev", "x = randn(5, 3)\nloss(w) = mean((x @ w)^2)\nw = zeros(4)\ng = grad(loss(w), w)\n", &["3 and 4"]);
    wrong("g.nev", "if ones(3) > 2 { print(1) }\n", &["expected one bool"]);
}

/// A name that means nothing is said once, and what hangs on it is no fault of its own.
#[test]
fn an_unknown_name_hides_nothing_else() {
    wrong(
        "names_and_more.nev",
        "x = foo + 1\ny = ones(2) + ones(3)\nz = x @ ones(3)\nprint(bar(x), z, x.shape)\nf(a) = a\nf(1, 2)\n\
         for i in foo { print(i) }\nif foo { w = 1 } else { w = ones(2) @ ones(5) }\ng(a) = baz(a)[0]\nu = g(1) + 1\n\
         v = np.sum(x)\nv[0] = 3\nq = grad(foo^2, x)\nbar.qux(1)\nu.sum(axis=3).reshape(3)\nones(4).reshape(3)\n",
        &[
            "unknown name `foo`",
            "[2] and [3]",
            "unknown name `bar`",
            "f: found 2 arguments",
            "unknown name `foo`",
            "unknown name `foo`",
            "2 and 5",
            "unknown name `baz`",
            "unknown name `np`",
            "unknown name `foo`",
            "unknown name `bar`",
            "reshape",
        ],
    );
    let (o, _) = check("order.nev", "a = ones(2) + ones(3)\nprint(foo)\nb = ones(4) + ones(5)\n");
    let said = String::from_utf8_lossy(&o.stderr).into_owned();
    let at: Vec<Option<usize>> = ["[2] and [3]", "`foo`", "[4] and [5]"].iter().map(|w| said.find(w)).collect();
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{said}");
    assert_eq!(o.status.code(), Some(1));
}

#[test]
fn annotated_functions() {
    let right = "fn f(x: f32[batch, 784], w: f32[784, out]) -> f32[batch, out] { x @ w }\n\
        fn halves(x: f64[n]) { x.reshape(2, x.shape[0] // 2) }\n\
        fn first(x: f64[n, ...]) { x[:100] }\n\
        fn scaled(x: f32[n], k: f32, times=2) -> f32[n] { for i in 0..times { x = x * k }; x }\n";
    quiet("right.nev", right);
    wrong(
        "swapped.nev",
        "fn f(x: f32[b, 784], w: f32[784, out]) -> f32[b, out] { w @ x }\n",
        &["the inner axes differ, 11 and 7"],
    );
    wrong("result.nev", "fn f(x: f64[n, m]) -> f64[m, n] { x }\n", &["the result must be f64[m, n]"]);
    wrong("dtype.nev", "fn f(x: f32[n]) -> f64[n] { x * 2 }\n", &["its dtype is f32"]);
}

#[test]
fn what_only_running_tells_is_no_fault() {
    quiet(
        "assert.nev",
        "x = randn(3)\nassert all(x > 100), \"no\"\nassert 1 > 2\nif args[3] == \"a\" { error(\"b\") }\nerror(\"c\")\n",
    );
    quiet(
        "mask.nev",
        "x = randn(30)\ny = x[x > 0]\nz = y @ y\nfor v in y { print(v + z) }\nn = int(sum(x > 0))\nw = zeros(n) @ ones(4)\n",
    );
    quiet(
        "missing.nev",
        "t = load(\"there is no such file.csv\")\nx = t.a @ t.b\nx[3] = 1\nprint(x, input)\nexit(3)\n",
    );
    quiet(
        "try.nev",
        "y = try { ones(2) @ ones(3) } catch err { zeros(2) }\nprint(y @ ones(2))\ntry { 1 + \"a\" } catch err { print(err.message) }\n",
    );
    quiet("join.nev", "w = zeros(3)\nif sum(randn(9)) > 0 { w = zeros(4) }\nprint(w @ ones(4))\n");
    quiet(
        "grow.nev",
        "all = ()\nx = ones(1)\nfor i in 0..100 { all = (...all, i); x = concat((x, x)) }\nx @ ones(3)\nall[90]\n",
    );
    quiet("return.nev", "fn f(x) { if sum(x) > 0 { return ones(4) }; ones(3) }\nf(randn(9)) @ ones(4)\n");
    quiet("line.nev", "while true { line = readline(); if line == none { break }; print(len(line)) }\n");
}

#[test]
fn it_ends_and_leaves_no_trace() {
    let text = "i = 0\nwhile true { i += 1; x = randn(1000, 1000) @ randn(1000, 1000) }\n";
    let (o, took) = check("forever.nev", text);
    assert!(o.status.success() && took < Duration::from_secs(10), "{took:?} {o:?}");
    let (o, took) = check(
        "fib.nev",
        "fib(n) = if n < 2 { n } else { fib(n - 1) + fib(n - 2) }\nfib(80)\nfib(int(sum(randn(9))))\n",
    );
    assert!(o.status.success() && took < Duration::from_secs(10), "{took:?} {o:?}");
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("check").join("written.npy");
    quiet("save.nev", "save(\"written.npy\", ones(3))\nprint(\"hello\")\nprint(ones(3))\n");
    assert!(!file.exists());
}

#[test]
fn syntax_and_names_as_before() {
    let (o, _) = check("syntax.nev", "x = (1 +\n");
    assert_eq!(o.status.code(), Some(2));
    wrong("names.nev", "print(foo)\n", &["unknown name `foo`"]);
    wrong("arity.nev", "f(x) = x\nf(1, 2)\n", &["f"]);
}
