//! The command from outside: pipes, files, exit statuses, what goes to which stream.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A run of the command with nothing of the user's environment that changes what is shown.
fn nevel(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nevel"));
    command.args(args).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env_remove("NEVEL_DEVICE");
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A test runner that was started in the background ignores Ctrl-C, and hands that on.
    // SAFETY: one call that is allowed between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        })
    };
    command
}

fn run(args: &[&str]) -> Output {
    nevel(args).output().expect("the command starts")
}

/// Runs with bytes on standard input.
fn feed(args: &[&str], input: &[u8]) -> Output {
    let mut child = nevel(args).stdin(Stdio::piped()).spawn().expect("the command starts");
    // Whoever reads nothing closes the pipe early, which is fine.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("it ends")
}

fn out(o: &Output) -> &str {
    std::str::from_utf8(&o.stdout).expect("UTF-8")
}

fn err(o: &Output) -> &str {
    std::str::from_utf8(&o.stderr).expect("UTF-8")
}

fn code(o: &Output) -> i32 {
    o.status.code().unwrap_or(-1)
}

/// It succeeded, printed this, and nothing on standard error.
fn prints(o: &Output, want: &str) {
    assert_eq!((code(o), out(o), err(o)), (0, want, ""));
}

/// It failed with this status, these words on standard error and nothing on standard output.
fn fails(o: &Output, status: i32, words: &str) {
    assert!(code(o) == status && err(o).contains(words), "{} {:?} lacks {words:?}", code(o), err(o));
    assert_eq!(out(o), "");
}

/// A file of our own, in a directory of this test's.
fn file(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("it is made");
    std::fs::write(&path, bytes).expect("it is written");
    path.to_str().expect("UTF-8").into()
}

fn ended(child: &mut Child, within: Duration) -> std::process::ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it can be asked") {
            return status;
        }
        if start.elapsed() > within {
            let _ = child.kill();
            panic!("still running after {within:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn expressions() {
    prints(&run(&["-e", "1 + 1"]), "2\n");
    prints(&run(&["-e", "x = 3", "-e", "x^2", "-e", "x + 1"]), "4\n");
    prints(&run(&["-e", "-2^2"]), "-4\n");
    prints(&run(&["-e", "-1"]), "-1\n");
    prints(&run(&["-e", "x = 3"]), "");
    prints(&run(&["-e", "none"]), "");
    prints(&run(&["-e", "print(1); 2"]), "1\n2\n");
    prints(&run(&["-e", "args", "a", "--b", "-c"]), "(\"a\", \"--b\", \"-c\")\n");
    prints(&run(&["-e", "1/3"]), "0.3333333333333333\n");
    prints(&run(&["-e", "\"text\""]), "text\n");
}

#[test]
fn the_readme_of_the_language() {
    let o = run(&["-e", "x = [0.1, 0.2]; grad(sum(sin(x)^2), x)"]);
    let g: Vec<f64> = serde_json::from_str(out(&o)).expect("two numbers");
    for (x, g) in [0.1f64, 0.2].into_iter().zip(g) {
        assert!((g - (2.0 * x).sin()).abs() < 1e-15, "{g}");
    }
}

#[test]
fn nothing_is_left_out_without_a_terminal() {
    let o = run(&["-e", "arange(2000)"]);
    assert_eq!(out(&o).matches(',').count(), 1999);
    assert!(!out(&o).contains('…') && out(&o).contains(" 1000,"));
}

#[test]
fn exit_statuses() {
    fails(&run(&["-e", "error(\"no\")"]), 1, "error: no");
    fails(&run(&["-e", "nosuchname"]), 1, "nosuchname");
    fails(&run(&["-e", "1 +"]), 2, "expected an expression");
    fails(&run(&["--tiem", "-e", "1"]), 2, "--tiem");
    fails(&run(&["tset"]), 2, "did you mean `nevel test`?");
    fails(&run(&["-o", "x.npy", "p.nev"]), 2, "-o needs an expression");
    fails(&run(&["nosuch.nev"]), 3, "nosuch.nev: there is no such file");
    fails(&run(&["/"]), 3, "is a directory");
    fails(&run(&["-e", "load(\"nosuch.csv\")"]), 3, "nosuch.csv");
    fails(&feed(&["-e", "input"], b"\x00\x01\x02"), 3, "its format is not known");
    fails(&feed(&["-e", "input", "--from", "cvs"], b"1"), 2, "did you mean `csv`?");
    fails(&run(&["-e", "input"]), 3, "standard input");
    fails(&run(&["--device", "cup", "-e", "1"]), 2, "cup");
    let o = nevel(&["-e", "1"]).env("NEVEL_DEVICE", "cup").output().expect("it starts");
    fails(&o, 2, "cup");
    assert_eq!(code(&run(&["--version"])), 0);
    assert_eq!(code(&run(&["--help"])), 0);
}

#[test]
fn a_fault_points_at_the_text() {
    let o = run(&["-e", "x = ones(32, 784); w = ones(10, 784)", "-e", "x @ w"]);
    assert_eq!(code(&o), 1);
    for words in ["matmul: the inner axes differ, 784 and 10", "x @ w.mT", "f64[10, 784], its first axis is 10"] {
        assert!(err(&o).contains(words), "{}", err(&o));
    }
    assert!(!err(&o).contains('\x1b'));
    let o = run(&["--color", "always", "-e", "nosuch"]);
    assert!(err(&o).contains("\x1b["));
}

#[test]
fn faults_as_json() {
    let o = run(&["--error-format", "json", "-e", "1 +\n 2 *"]);
    assert_eq!((code(&o), out(&o)), (2, ""));
    let fault: serde_json::Value = serde_json::from_str(err(&o).trim()).expect("one object on one line");
    assert_eq!((&fault["exit"], &fault["spans"][0]["line"]), (&2.into(), &2.into()));
    let o = run(&["--error-format=json", "nosuch.nev"]);
    let fault: serde_json::Value = serde_json::from_str(err(&o).trim()).expect("faults of no source too");
    assert_eq!(fault["exit"], 3);
}

#[test]
fn programs_on_standard_input_show_their_values() {
    prints(&feed(&[], b"x = 3\nx + 1\nprint(\"p\")\n[1, 2] * x\n"), "4\np\n[3, 6]\n");
    prints(&feed(&["-"], b"x = 3\nx + 1\nprint(x)"), "3\n");
    prints(&feed(&[], b""), "");
    let o = feed(&[], b"1\nnosuch()\n2\n");
    assert_eq!((code(&o), out(&o)), (1, ""), "names are checked before a program runs");
    let o = feed(&[], b"1\nerror(\"x\")\n2\n");
    assert_eq!((code(&o), out(&o)), (1, "1\n"));
}

#[test]
fn scripts() {
    let script = file("script.nev", "#!/usr/bin/env nevel\nprint(args)\n1 + 1\nfor i in 0..2 { print(i) }\n");
    prints(&run(&[&script, "-x", "--help", "a b"]), "(\"-x\", \"--help\", \"a b\")\n0\n1\n");
    let script = file("windows.nev", "\u{feff}x = 1\r\nprint(x)\r\n");
    prints(&run(&[&script]), "1\n");
    let script = file("fails.nev", "f(x) = error(\"deep\")\nprint(1)\n\nf(2)\n");
    let o = run(&[&script]);
    assert_eq!((code(&o), out(&o)), (1, "1\n"));
    assert!(err(&o).contains("fails.nev:4:1"), "{}", err(&o));
}

#[test]
fn imports_are_relative_to_the_script() {
    file("lib/part.nev", "f(x) = x + 1\n");
    let script = file("uses.nev", "import \"lib/part.nev\"\nprint(part.f(1))\n");
    prints(&run(&[&script]), "2\n");
}

#[test]
fn what_is_no_program_is_refused() {
    let script = file("latin.nev", b"x = 1\ny = \"\xe4\"\n");
    fails(&run(&[&script]), 3, "byte 11 (line 2) is 0xe4, which is not UTF-8");
    fails(&feed(&[], b"\xff"), 3, "standard input: byte 0");
    let data = file("data.csv", "1,2\n");
    fails(&run(&[&data]), 3, "is csv data, not a program");
    file("program.nev", "1");
    let o = run(&[&file("x.nev", "").replace("x.nev", "progrm.nev")]);
    fails(&o, 3, "program.nev`?");
}

#[test]
fn input_is_read_when_it_is_mentioned() {
    prints(&feed(&["-e", "sum(input, axis=0)"], b"1,2\n3,4\n"), "[4, 6]\n");
    prints(&feed(&["-e", "input.b + 1"], b"a,b\n1,2\n3,4\n"), "[3, 5]\n");
    prints(&feed(&["-e", "input[1]", "--from", "lines"], b"1\n2\n"), "2\n");
    prints(&feed(&["-e", "f(x) = sum(input) + x", "-e", "f(1)"], b"[1, 2]"), "4\n");
    let script = file("input.nev", "print(sum(input))");
    prints(&feed(&[&script], b"1 2 3"), "6\n");
    // Nobody closes this pipe, so that whoever read it would wait for ever.
    let mut child = nevel(&["-e", "1 + 1"]).stdin(Stdio::piped()).spawn().expect("it starts");
    let held = child.stdin.take();
    assert!(ended(&mut child, Duration::from_secs(20)).success());
    drop(held);
}

#[test]
fn formats_out() {
    prints(&run(&["--to", "json", "-e", "{a: [1, 2], b: \"x\"}"]), "{\"a\":[1,2],\"b\":\"x\"}\n");
    prints(&run(&["--to", "csv", "-e", "[[1, 2], [3, 4]]"]), "1,2\n3,4\n");
    let o = run(&["--to", "npy", "-e", "[1.5]"]);
    assert!(o.stdout.starts_with(b"\x93NUMPY") && o.stdout.ends_with(&1.5f64.to_le_bytes()));
    fails(&run(&["--to", "jsno", "-e", "1"]), 2, "did you mean `json`?");
    fails(&run(&["-e", "1", "-o", "out.nosuch"]), 1, "`--to csv` with `-o`");
    fails(&run(&["--to", "json", "-e", "x = 1"]), 1, "no value to write");
    for name in ["out.npy", "out.csv.gz", "out.json"] {
        let path = file(name, "");
        prints(&run(&["-o", &path, "-e", "[1, 2, 3]"]), "");
        prints(&run(&["-e", &format!("load(\"{path}\")")]), "[1, 2, 3]\n");
    }
    fails(&run(&["-o", "/nosuchdir/x.npy", "-e", "1"]), 1, "/nosuchdir/x.npy");
    prints(&feed(&["-e", "input * 2", "--to", "csv"], b"1,2\n"), "2,4\n");
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let mut child = nevel(&["-e", "for i in 0..100000000 { print(i) }"]).spawn().expect("it starts");
    let mut first = [0; 2];
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut first).expect("it prints");
    drop(stdout);
    let status = ended(&mut child, Duration::from_secs(30));
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
    // A status of ours, which is the same with a shell between and without.
    assert_eq!((&first, status.code(), said.as_str()), (b"0\n", Some(141), ""));
    let piped = format!("'{}' -e 'arange(1000000)' | head -c 3; echo", env!("CARGO_BIN_EXE_nevel"));
    let o = Command::new("sh").args(["-c", &piped]).output().expect("a shell");
    assert_eq!((out(&o), err(&o)), ("[0,\n", ""));
}

#[test]
fn more_text_than_memory_goes_on_its_way() {
    // A number stretched to 10^12 elements: a reader gets the first of them at once and may go.
    for args in [&["-e", "print(broadcast_to(1, (10^6, 10^6)))"][..], &["-e", "broadcast_to(1, (10^6, 10^6))"]] {
        let mut child = nevel(args).spawn().expect("it starts");
        let mut first = [0; 5];
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut first).expect("it prints");
        drop(stdout);
        assert_eq!((&first, ended(&mut child, Duration::from_secs(30)).code()), (b"[[1, ", Some(141)));
    }
    fails(&run(&["--to", "csv", "-e", "broadcast_to(1, (10^7, 10^7))"]), 1, "not enough memory for an array");
    fails(&run(&["-e", "nonzero(broadcast_to(1, (10^7, 10^7)))"]), 1, "not enough memory for an array");
}

#[test]
fn a_quote_that_never_closes_is_said() {
    fails(&feed(&["-e", "input"], b"a,b\n1,\"x\n2,y\n"), 3, "standard input: line 2 opens a quote that never closes");
}

#[test]
fn a_full_disk_is_said() {
    if let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") {
        let o = nevel(&["-e", "1"]).stdout(full).output().expect("it starts");
        assert!(code(&o) == 1 && err(&o).contains("cannot write the output"), "{} {}", code(&o), err(&o));
    }
}

#[test]
fn control_c_ends_a_script() {
    let mut child = nevel(&["-e", "print(\"on\")\nwhile true {}"]).spawn().expect("it starts");
    std::thread::sleep(Duration::from_millis(500));
    // SAFETY: a plain call.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let status = ended(&mut child, Duration::from_secs(5));
    let (mut o, mut e) = (String::new(), String::new());
    child.stdout.take().expect("a pipe").read_to_string(&mut o).expect("UTF-8");
    child.stderr.take().expect("a pipe").read_to_string(&mut e).expect("UTF-8");
    // What was printed is not lost.
    assert_eq!((status.code(), o.as_str(), e.as_str()), (Some(130), "on\n", ""));
}

/// Presses Ctrl-C after a while; the program must be gone at once, before the clock that ends what does not look.
fn stops(program: &str) {
    let mut child = nevel(&["-e", program]).stdout(Stdio::null()).spawn().expect("it starts");
    std::thread::sleep(Duration::from_millis(700));
    assert!(child.try_wait().expect("it can be asked").is_none(), "{program} was done already");
    let start = Instant::now();
    // SAFETY: a plain call.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let status = ended(&mut child, Duration::from_secs(10));
    assert_eq!(status.code(), Some(130), "{program}");
    assert!(start.elapsed() < Duration::from_millis(800), "{program}: {:?}", start.elapsed());
}

#[test]
fn control_c_stops_what_takes_long() {
    // faer does not look for Ctrl-C; sorts and picks move much memory; printing is text without an end.
    stops("solve(rand(6000, 6000), ones(6000))");
    stops("x = inv(rand(5000, 5000)); x[0, 0]");
    stops("x = eigh(rand(3000, 3000)); print(x)");
    stops("x = svd(rand(3000, 3000)); print(x)");
    stops("x = qr(rand(5000, 5000)); print(x)");
    stops("for i in 0..100 { force(permutation(2 * 10^7)) }");
    stops("x = rand(2 * 10^7); for i in 0..100 { force(x[x > 0.1]) }");
    stops("print(broadcast_to(1, (10^6, 10^6)))");
    stops("save(\"/dev/null\", rand(3 * 10^7), format=\"csv\")");
    stops("x = rand(10^7); while true { save(\"/dev/null\", x, format=\"npy\") }");
    stops("x = rand(10^6); while true { tolist(x) }");
    // Loops and calls that have become machine code by then.
    stops("x = 0.0; for i in 0..10^15 { x = x * 0.5 + 1 }");
    stops("x = zeros(10); k = 0; while true { x[k % 10] += 1; k += 1 }");
    stops("fib(n) = if n < 2 { n } else { fib(n - 1) + fib(n - 2) }; fib(90)");
    stops("f(n) = { while n > 0 { n += 1 }; n }; for i in 0..10 { f(i % 10 - 8) }; for i in 0..100 { f(i) }");
}

#[test]
fn control_c_ends_a_script_that_waits() {
    // One waits for data, one for a line, one for its program.
    for args in [&["-e", "input"][..], &["-e", "readline()"], &[]] {
        let mut child = nevel(args).stdin(Stdio::piped()).spawn().expect("it starts");
        let held = child.stdin.take();
        std::thread::sleep(Duration::from_millis(300));
        // SAFETY: a plain call.
        unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
        assert_eq!(ended(&mut child, Duration::from_secs(10)).code(), Some(130), "{args:?}");
        drop(held);
    }
}

#[test]
fn threads_change_nothing() {
    let program = "x = sin(arange(1000003) * 0.37) * 1e3
print(sum(x), mean(x), var(x), max(x), sum(cumsum(x)))
y = reshape(x[:1000000], (1000, 1000))
print(sum(y, axis=0)[::100], sum(y, axis=1)[::100], (y @ y)[::300, ::300])
print(sum(rand(100000)))";
    let one = feed(&["-j", "1"], program.as_bytes());
    assert_eq!(code(&one), 0, "{}", err(&one));
    for n in ["2", "4"] {
        assert_eq!(out(&feed(&["-j", n], program.as_bytes())), out(&one), "-j {n}");
    }
    prints(&run(&["-j", "3", "--seed", "7", "-e", "rand(3) == rand(3)"]), "[false, false, false]\n");
    assert_eq!(run(&["--seed", "7", "-e", "rand(3)"]).stdout, run(&["--seed", "7", "-e", "rand(3)"]).stdout);
    assert_ne!(run(&["--seed", "7", "-e", "rand(3)"]).stdout, run(&["--seed", "8", "-e", "rand(3)"]).stdout);
}

#[test]
fn time_goes_to_standard_error() {
    let o = run(&["--time", "-e", "1"]);
    assert_eq!((code(&o), out(&o)), (0, "1\n"));
    assert!(err(&o).starts_with("time: ") && err(&o).trim_end().ends_with('s'), "{}", err(&o));
}

#[test]
fn check() {
    let good = file("good.nev", "f(x) = x + 1\nwhile true { f(1) }\n");
    prints(&run(&["check", &good]), "");
    let bad = file("bad.nev", "f(x) = y + 1\nprint(nosuch)\n");
    let o = run(&["check", &bad]);
    assert!(code(&o) == 1 && err(&o).contains("`y`") && err(&o).contains("nosuch"), "{} {}", code(&o), err(&o));
    let worse = file("worse.nev", "f(x = 1\n");
    fails(&run(&["check", &good, &worse]), 2, "worse.nev");
}

#[test]
fn fmt() {
    let ugly = file("ugly.nev", "x=1+2\nif x>1{print( x )}\n");
    let o = run(&["fmt", "--check", &ugly]);
    assert!(
        code(&o) == 1 && out(&o).contains("-if x>1{print( x )}\n+x = 1") && out(&o).contains("+if x > 1 { print(x) }"),
        "{}",
        out(&o)
    );
    prints(&run(&["fmt", &ugly]), "");
    prints(&run(&["fmt", "--check", &ugly]), "");
    prints(&feed(&["fmt", "-"], b"y=2"), "y = 2\n");
    fails(&feed(&["fmt", "-"], b"y=("), 2, "`(` is not closed");
}

#[test]
fn doc_and_devices_and_completions() {
    let o = run(&["doc", "sum"]);
    assert!(out(&o).starts_with("sum(x") && out(&o).contains("    > sum("), "{}", out(&o));
    fails(&run(&["doc", "summ"]), 1, "did you mean `sum`?");
    let rule = |name: &str| {
        let page = out(&run(&["doc", name])).to_string();
        let rule = page.split_once("Gradient: ").map_or("", |(_, rule)| rule);
        rule.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(rule("sum"), "x gets g, repeated along the summed axes, where g is the gradient of the result");
    assert_eq!(rule("argmax"), "zero: where the result changes at all, it jumps");
    assert_eq!(rule("f32"), "x gets g, converted back to its dtype, where g is the gradient of the result");
    assert!(rule("linalg.svd").starts_with("x gets U @ "));
    assert_eq!(
        (rule("softmax").as_str(), rule("stack").as_str()),
        ("that of its body", "that of the primitives it calls")
    );
    assert_eq!(rule("print"), "");
    let o = run(&["doc"]);
    assert!(out(&o).lines().count() > 60 && out(&o).contains("\nexp "), "{}", out(&o));
    // Threads that no core could run are not started.
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let many = run(&["devices", "-j", "100000"]);
    assert!(out(&many).contains(&format!(" {} threads", 4 * cores)), "{}", out(&many));
    let o = run(&["devices", "-j", "2"]);
    let devices = out(&o);
    assert!(devices.starts_with("cpu ") && devices.contains(" 2 threads"), "{devices}");
    assert!(out(&run(&["completions", "bash"])).contains("--error-format"));
    assert!(out(&run(&["help", "test"])).contains("--bless"));
}

#[test]
fn examples_are_run_and_rewritten() {
    let text = "# A transcript.\n\n> x = [1.0, 2.0]\n> x * 2\n[2, 4]\n\n> x + nosuch\n> f(a) = {\n.     a + 1\n. }\n> f(x)\n[2, 2]\n";
    let path = file("t/one.txt", text);
    let program = file(
        "t/lib.nev",
        "## Twice.\n##\n## > twice(2)\n## 4\n## > print(1)\n## 1\ntwice(x) = 2*x\nprint(\"not seen\")\n",
    );
    let document = file("t/doc.md", "# Title\n\n```\n> 1 + 1\n2\n```\n\n```sh\n> no\n```\n");
    prints(&run(&["test", &program, &document]), "3 passed, 0 failed\n");
    let o = run(&["test", &path]);
    assert_eq!(code(&o), 1);
    assert!(out(&o).contains("-[2, 2]\n+[2, 3]\n") && out(&o).contains("+error: unknown name `nosuch`"), "{}", out(&o));
    assert!(out(&o).ends_with("3 passed, 2 failed\n"), "{}", out(&o));
    prints(&run(&["test", "--bless", &path]), "3 passed, 2 rewritten\n");
    prints(&run(&["test", &path]), "5 passed, 0 failed\n");
    let blessed = std::fs::read_to_string(&path).expect("it is there");
    assert!(blessed.contains("[ <repl>:3:5 ]") && blessed.contains("[2, 3]\n"), "{blessed}");
    let folder = path.replace("/one.txt", "");
    prints(&run(&["test", &folder]), "8 passed, 0 failed\n");
    fails(&run(&["test", "nosuch.txt"]), 3, "nosuch.txt");
    let broken = file("t2/broken.nev", "## > 1\n## 1\nf() = nosuch\n");
    let o = run(&["test", &broken, &program]);
    assert!(code(&o) == 1 && out(&o).contains("unknown name `nosuch`"), "{}", out(&o));
    assert!(out(&o).ends_with("2 passed, 1 failed\n"), "{}", out(&o));
}

#[test]
fn hostile_programs_are_errors() {
    fails(&feed(&[], "(".repeat(10_000).as_bytes()), 2, "error");
    fails(&feed(&[], "f(x) = f(x) + 1; f(1)".as_bytes()), 1, "deep recursion");
    fails(&run(&["-e", "zeros(10^12)"]), 1, "this machine has");
    let chain = format!("x = 1.0 {}\nprint(x)\n", "+ 1".repeat(100_000));
    let o = feed(&[], chain.as_bytes());
    assert!((0..=2).contains(&code(&o)), "{:?}", o.status);
    let npy = file(
        "cut.npy",
        &b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846976,), }"[..],
    );
    fails(&run(&["-e", &format!("load(\"{npy}\")")]), 3, "cut.npy");
    let ragged = file("ragged.csv", "a,b\n1,2\n3\n");
    fails(&run(&["-e", &format!("load(\"{ragged}\")")]), 3, "ragged.csv");
}

#[test]
fn files_beside_a_script() {
    file("here/data.csv", "1,2\n3,4\n");
    let script = file("here/a.nev", "print(sum(load(\"{here}/data.csv\")))\n");
    prints(&run(&[&script]), "10\n");
    let own = file("here/b.nev", "here = 3\nprint(here, \"\\u{221e}{here}\")\n");
    prints(&run(&[&own]), "3 ∞3\n");
    prints(&run(&["-e", "print(here)"]), ".\n");
}

/// What is longer than the caches goes past them on some CPUs: by whatever way, the elements are the same.
#[test]
fn long_results_are_the_same_past_the_caches() {
    let program = r#"
        n = 2_300_001
        check(name, whole, part) = {
            step = 200_003
            for k in 0..(n // step + 1) {
                i = k * step
                if not all(whole[i:i + step] == part(i, min(i + step, n))) { print(name + " differs from " + str(i)) }
            }
        }
        x = linspace(-3, 4, n); y = cos(x); p = x > 0
        check("sum", x * y + x, (a, b) -> x[a:b] * y[a:b] + x[a:b])
        check("chain", exp(-(x - 1)^2 / 2) / 7, (a, b) -> exp(-(x[a:b] - 1)^2 / 2) / 7)
        check("function", sin(x), (a, b) -> sin(x[a:b]))
        check("choice", where(p, x, -y), (a, b) -> where(p[a:b], x[a:b], -y[a:b]))
        check("number", where(p, x, 5), (a, b) -> where(p[a:b], x[a:b], 5))
        check("copy", copy(flip(x, 0)), (a, b) -> copy(flip(x, 0)[a:b]))
        f = astype(concat([x, y]), f32)
        w = 3 * f - 1
        if not all(w[n:] == 3 * f[n:] - 1) { print("f32 differs") }
        # Lines that begin anywhere in a cache line.
        rows = x[:2_299_000].reshape(2299, 1000); line = rows[7]
        z = rows - line
        for k in 0..45 { i = 50 * k; if not all(z[i] == rows[i] - line) { print("rows differ") } }
        big = tile(x, 7); t = big < 0.5
        if sum(t) != 7 * sum(x < 0.5) { print("bools differ") }
        print("done")
    "#;
    for past in ["0", "1"] {
        let out = nevel(&["-e", program]).env("NEVEL_PAST", past).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "done\n", "{}", String::from_utf8_lossy(&out.stderr));
    }
}

/// However memory is read, and by however many threads: the same bits.
#[test]
fn folds_are_the_same_however_memory_is_read() {
    let program = r#"
        x = randn(500_000); m = x[:499_800].reshape(204, 2450); r = x[:499_000].reshape(998, 500)
        for a in (x, m, r, astype(m, f32), astype(r, f32)) {
            for f in (sum, prod, max, min, mean, var) {
                print(f(a), sum(f(a, axis=-1)), max(f(a, axis=0)))
            }
        }
        print(sum((x[:250_000] - x[250_000:])^2), argmax(x), sum(cumsum(x)))
        y = randn(500_000)
        print(sum(softmax(m * r[0, 0], axis=1)[:, 3]) > 0, sum((m - max(m, axis=1, keepdims=true))[:, 5]))
        print(sum((x - y)^2), sum(x * y), max(f32(x) - f32(y)), sum(layer_norm(m) * y[:499_800].reshape(204, 2450)))
        for a in (m, r, astype(m, f32), x[:499_200].reshape(1560, 320), x.reshape(50, 10_000)) {
            centred = a - mean(a, axis=0)
            print(sum(std(a, axis=0)), sum(var(a, axis=1)), sum(centred^2, axis=0)[:3], sum(centred / std(a, axis=0)))
        }
        x[123_456] = nan
        print(max(x), min(x), sum(isnan(max(x.reshape(250, 2000), axis=1))))
    "#;
    let said: Vec<String> = [("0", "1", ""), ("1", "1", ""), ("0", "3", ""), ("1", "2", ""), ("1", "2", "avx2")]
        .iter()
        .map(|(ahead, threads, cpu)| {
            let mut run = nevel(&["-j", threads, "-e", program]);
            let out = run.env("NEVEL_AHEAD", ahead).env("NEVEL_CPU", cpu).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            String::from_utf8_lossy(&out.stdout).into_owned()
        })
        .collect();
    assert!(said[0].lines().count() > 35 && said.iter().all(|s| *s == said[0]), "{said:#?}");
}

/// A product's bits do not show how it was shared, and what follows it is done once everywhere.
#[test]
fn products_are_the_same_for_any_number_of_threads() {
    let program = r#"
        for s in ((70, 300, 90), (257, 129, 700), (2100, 100, 150), (130, 400, 2100), (600, 513, 310)) {
            m, k, n = s
            a = randn(m, k); b = randn(k, n)
            c = a @ b
            print(sum(c), sum(abs(c)), c[m // 2, n // 3], sum(relu(a @ b + 1)), sum(f32(a).T.T @ f32(b.T).T))
            t = relu(a @ b + b[0]) - maximum(c + b[0], 0)
            if max(abs(t)) > 1e-12 { print("what follows differs") }
            d = sum(a[:7, :, none] * b[none, :, :9], axis=1) - c[:7, :9]
            if max(abs(d)) > 1e-11 { print("differs from sums of products", max(abs(d))) }
        }
        for s in ((1, 300_001), (5, 70_000), (300, 4100), (3000, 90), (40_001, 33)) {
            m, k = s
            a = randn(m, k); v = randn(k); w = randn(m); t = copy(a.T)
            for b in (a @ v, v @ t, w @ a, t @ w, relu(a @ v - 1), f32(w) @ f32(a) + 1) { print(sum(b), sum(abs(b)), b[size(b) // 2]) }
            if max(abs(a @ v - sum(a * v, axis=1))) > 1e-9 { print("differs from sums of rows") }
            if max(abs(w @ a - sum(w[:, none] * a, axis=0))) > 1e-9 { print("differs from sums of lines") }
        }
    "#;
    let said: Vec<String> = ["1", "2", "5"]
        .iter()
        .map(|threads| {
            let out = nevel(&["-j", threads, "-e", program]).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            String::from_utf8_lossy(&out.stdout).into_owned()
        })
        .collect();
    assert!(said[0].lines().count() == 35 && said.iter().all(|s| *s == said[0]), "{said:#?}");
}
