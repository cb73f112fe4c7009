//! The REPL from outside: a pseudo-terminal, somebody who types, and what appears.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use expectrl::session::OsSession;
use expectrl::{Expect, Session};

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const UP: &str = "\x1b[A";
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with somebody in front.
struct Talk {
    session: OsSession,
    /// All that appeared, and how much of it was already asked for.
    seen: String,
    asked: usize,
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("repl");
    std::fs::create_dir_all(&folder).expect("it is made");
    folder.join(name)
}

/// A pseudo-terminal begins without echo, unlike those that people have.
fn command(program: &str, args: &[&str], history: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "stty sane; exec \"$0\" \"$@\"", program])
        .args(args)
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8");
    command.env("NEVEL_HISTORY", if history.is_empty() { PathBuf::new() } else { scratch(history) });
    command
}

impl Talk {
    fn with(command: Command) -> Talk {
        let mut session = Session::spawn(command).expect("a pseudo-terminal");
        session.get_process_mut().set_window_size(100, 40).expect("a size");
        Talk { session, seen: String::new(), asked: 0 }
    }

    /// A fresh REPL that is ready.
    fn new(history: &str) -> Talk {
        let mut talk = Talk::with(command(env!("CARGO_BIN_EXE_nevel"), &[], history));
        talk.expect("> ");
        talk
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.session.try_read(&mut bytes) {
            Ok(0) => false,
            Ok(n) => {
                self.seen.push_str(&String::from_utf8_lossy(&bytes[..n]));
                true
            }
            Err(e) => e.kind() == std::io::ErrorKind::WouldBlock,
        }
    }

    /// Waits for words that were not there before.
    fn expect(&mut self, words: &str) {
        let start = Instant::now();
        loop {
            let open = self.read();
            if let Some(at) = self.seen[self.asked..].find(words) {
                self.asked += at + words.len();
                return;
            }
            assert!(open && start.elapsed() < PATIENCE, "no {words:?} in {:?}", &self.seen[self.asked..]);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn keys(&mut self, keys: &str) {
        self.session.send(keys).expect("it can be typed");
    }

    /// Types a line; the words must stand at the beginning of a line of what it shows, before the next prompt.
    fn line(&mut self, line: &str, words: &str) {
        self.keys(line);
        self.keys("\r");
        self.expect(&format!("\n{words}"));
        self.expect("> ");
    }

    /// It ends of its own accord, well.
    fn ends(mut self) {
        let start = Instant::now();
        while self.read() {
            assert!(start.elapsed() < PATIENCE, "still there: {:?}", &self.seen[self.asked..]);
            std::thread::sleep(Duration::from_millis(2));
        }
        let status = self.session.get_process().wait().expect("it ended");
        assert!(format!("{status:?}").contains("Exited") && format!("{status:?}").ends_with(" 0)"), "{status:?}");
    }
}

#[test]
fn values_have_their_type() {
    let mut t = Talk::new("");
    t.line("1 + 1", "2\r\n");
    t.line("x = [1.5, 2.0]", "# x: f64[2]\r\n");
    t.line("x * 2", "[3, 4]  # f64[2]\r\n");
    t.line("ones(2, 2)", "[[1, 1],\r\n [1, 1]]\r\n# f64[2, 2]\r\n");
    t.line("f(a, b=2) = a^b", "# f(a, b=2)\r\n");
    t.line("pi", "3.14159\r\n");
    t.line("\"text\"", "\"text\"\r\n");
    // A semicolon hushes.
    t.keys("x + 40;\r");
    t.line("7 * 6", "42\r\n");
    assert!(!t.seen.contains("41.5"));
    t.keys(CTRL_D);
    t.ends();
}

#[test]
fn the_last_value_goes_on() {
    let mut t = Talk::new("");
    t.line("[1, 4]", "[1, 4]  # i64[2]");
    t.line("* 10", "[10, 40]");
    t.line("|> sum", "50");
    t.line("ans + 1", "51");
    t.line("x = ones(3, 4)", "# x: f64[3, 4]");
    t.line("x", "[[1,");
    t.line(".shape", "(3, 4)");
    t.keys("exit\r");
    t.ends();
}

#[test]
fn inputs_go_on_until_brackets_close() {
    let mut t = Talk::new("");
    t.keys("for i in 1..4 {\r");
    t.keys("print(i * 111)\r");
    t.line("}", "111\r\n222\r\n333\r\n");
    t.keys("(1 +\r");
    t.line("2) * 100", "300\r\n");
    // Alt-Enter begins a new line in an input that could have ended.
    t.keys("a = 5\x1b\r");
    t.line("a * 3", "15\r\n");
    // A blank line inside brackets is one like any other.
    t.keys("fn g(x) {\r\r");
    t.keys("x + 1\r  \r");
    t.line("}", "# g(x)\r\n");
    t.keys("[7, 8\r\r");
    t.line("] + 40", "[47, 48]");
    t.keys("r = {a: 1,\r\rb: 2\r");
    t.line("}", "# r: {a: int, b: int}");
    // What never closes is dropped with Ctrl-C.
    t.keys("g(1,\r\r");
    t.keys(CTRL_C);
    t.expect("> ");
    // A blank line ends what only might go on.
    t.keys("a =\r");
    t.line("", "error: ");
    // A paste is one input.
    t.keys("\x1b[200~b = 1\nc = 2\nb + c + 100\n\x1b[201~");
    t.line("", "103\r\n");
    t.keys(CTRL_D);
    t.ends();
}

#[test]
fn tab_completes() {
    let mut t = Talk::new("");
    t.line("p = {weight: 7, width: 8}", "# p: {weight: int, width: int}");
    t.line("p.we\t", "7\r\n");
    t.line("p.wi\t + 1", "9\r\n");
    t.line("my_long_name = 11", "# my_long_name: int");
    t.line("my_\t * 2", "22\r\n");
    t.line("sum(ones(2, 3), ax\t1)", "[3, 3]");
    t.line(":va\t", "name");
    // Several candidates are listed.
    t.keys("p.w\t\t");
    t.expect("weight");
    t.expect("width\r\n");
    t.keys(CTRL_C);
    // The list is drawn with prompts of its own, so that waiting for one says little: this conversation ends here.
    drop(t);
    let mut t = Talk::new("");
    let data = scratch("completed_name.csv");
    std::fs::write(&data, "5,6\n").expect("it is written");
    let path = data.to_str().expect("UTF-8");
    t.line(&format!("load(\"{}\t\")", &path[..path.len() - 8]), "[[5, 6]]");
    t.keys(CTRL_D);
    t.ends();
}

#[test]
fn signatures_and_earlier_lines_are_hinted() {
    let mut t = Talk::new("");
    t.line("wide(first, second=2) = first + second", "# wide(first, second=2)");
    t.keys("wide(");
    t.expect("wide(   wide(first, second=2)");
    t.keys(CTRL_C);
    t.expect("> ");
    // Of a primitive, and of a function that is written in Nevel.
    t.keys("reshape(");
    t.expect("reshape(   reshape(x, shape)");
    t.keys(CTRL_C);
    t.expect("> ");
    t.keys("softmax(");
    t.expect("softmax(   softmax(x, axis=-1)");
    t.keys(CTRL_C);
    t.expect("> ");
    t.line("1000 + 234", "1234");
    t.keys("1000");
    t.expect("1000 + 234");
    // The right arrow takes it.
    t.keys("\x1b[C");
    t.line("", "1234\r\n");
    t.keys(CTRL_D);
    t.ends();
}

#[test]
fn history_outlives_a_session() {
    let _ = std::fs::remove_file(scratch("history"));
    let mut t = Talk::new("history");
    t.line("40 + 2", "42");
    t.keys("for i in 0..2 {\r");
    t.line("print(i + 700) }", "700\r\n701");
    t.keys(" 123 + 321\r");
    t.expect("\n444");
    t.expect("> ");
    t.keys(CTRL_D);
    t.ends();
    let mut t = Talk::new("history");
    // Several lines are one entry; what begins with a blank is none.
    t.line(UP, "700\r\n701");
    // From the last line of an entry to its first, then to the entry before.
    t.keys(UP);
    t.keys(UP);
    t.keys(UP);
    t.line("", "42");
    t.keys(CTRL_D);
    t.ends();
    let kept = std::fs::read_to_string(scratch("history")).expect("a file");
    assert!(kept.contains("40 + 2") && !kept.contains("123 + 321"), "{kept}");
}

/// Presses Ctrl-C and says how long it took until the REPL said so.
fn interrupt(t: &mut Talk) -> Duration {
    let start = Instant::now();
    t.keys(CTRL_C);
    t.expect("interrupted");
    let took = start.elapsed();
    t.expect("> ");
    took
}

/// What a person feels as at once, and what a loaded machine with a slow build adds.
const AT_ONCE: Duration = Duration::from_millis(100 + 400);

#[test]
fn control_c_stops_what_runs_and_keeps_the_rest() {
    let mut t = Talk::new("");
    t.line("kept = 12345", "# kept: int");
    t.keys("while true { kept += 1 }\r");
    std::thread::sleep(Duration::from_millis(300));
    let loops = interrupt(&mut t);
    t.line("kept", "12345\r\n");
    t.keys("sum(arange(10^9) * 1.5)\r");
    std::thread::sleep(Duration::from_millis(300));
    let kernel = interrupt(&mut t);
    t.line("kept", "12345\r\n");
    t.keys("while true { x = ones(300, 300) @ ones(300, 300); sum(x) > 0 }\r");
    std::thread::sleep(Duration::from_millis(300));
    let mixed = interrupt(&mut t);
    t.line("kept + 1", "12346\r\n");
    assert!([loops, kernel, mixed].iter().all(|d| *d < AT_ONCE), "{loops:?} {kernel:?} {mixed:?}");
    // What is left behind disturbs nothing.
    t.keys("big = eigh(rand(3000, 3000)).eigenvalues; big[0]\r");
    std::thread::sleep(Duration::from_millis(600));
    let matrix = interrupt(&mut t);
    t.line("sum(arange(10))", "45");
    t.line("solve([[2, 1], [0, 4]], [4, 8])", "[1, 2]");
    t.line("kept", "12345\r\n");
    assert!(matrix < AT_ONCE, "{matrix:?}");
    // A line that is waited for, and what was typed of it.
    t.keys("answer = readline()\r");
    std::thread::sleep(Duration::from_millis(300));
    t.keys("half a li");
    let line = interrupt(&mut t);
    t.line("kept", "12345\r\n");
    t.line("answer", "error: unknown name `answer`");
    assert!(line < AT_ONCE, "{line:?}");
    t.keys("answer = readline()\r");
    std::thread::sleep(Duration::from_millis(300));
    t.line("a whole line", "# answer: text");
    t.line("answer", "\"a whole line\"");
    // At the prompt it drops the line.
    t.keys("9999 + garbage");
    t.keys(CTRL_C);
    t.expect("> ");
    t.line("6 * 7", "42\r\n");
    t.keys(CTRL_D);
    t.ends();
}

#[test]
fn what_does_not_look_is_left_with_another_control_c() {
    let mut t = Talk::new("");
    t.line("x = 1", "# x: int");
    let pipe = scratch("pipe");
    let _ = std::fs::remove_file(&pipe);
    let path = std::ffi::CString::new(pipe.to_str().expect("UTF-8")).expect("no zero in it");
    // SAFETY: a plain call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let read = format!("l = load(\"{}\", format=\"lines\"); print(l)\r", pipe.display());
    t.keys(&read);
    std::thread::sleep(Duration::from_millis(300));
    t.keys(CTRL_C);
    t.expect("Ctrl-C once more ends nevel");
    // What it waited for comes after all.
    std::fs::write(&pipe, "a line\n").expect("it is read");
    t.expect("interrupted");
    t.expect("> ");
    t.line("x + 41", "42");
    t.keys(&read);
    std::thread::sleep(Duration::from_millis(300));
    t.keys(CTRL_C);
    t.expect("Ctrl-C once more ends nevel");
    t.keys(CTRL_C);
    while t.read() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let status = t.session.get_process().wait().expect("it ended");
    assert!(format!("{status:?}").ends_with(" 130)"), "{status:?}");
}

#[test]
fn errors_do_no_harm() {
    let mut t = Talk::new("");
    t.line("x = 3", "# x: int");
    t.line("x = 4; nosuch(x)", "error: unknown name `nosuch`");
    t.line("x", "3\r\n");
    t.line("1 + + )", "error: ");
    t.line("zeros(10^12)", "error: zeros");
    t.line("f(n) = f(n + 1) + 1", "# f(n)");
    t.line("f(0)", "error: deep recursion");
    t.line(&"(".repeat(300), "error: ");
    t.line("x + 1", "4\r\n");
    t.keys(CTRL_D);
    t.ends();
}

#[test]
fn commands_look() {
    let mut t = Talk::new("");
    t.line("x = ones(500, 500)", "# x: f64[500, 500]");
    t.line("x[0, 0] + 0", "1  # f64");
    t.line(":vars", "name  type");
    assert!(t.seen.contains("x     f64[500, 500]  2.0 MB"), "{}", t.seen);
    t.line(":type {a: x, b: (1, \"t\")}", "{a: f64[500, 500], b: (int, text)}");
    // Nothing runs: no output, no effects, no work without end.
    t.line(":type print(3)", "none\r\n");
    t.line(":type {print(\"shown\"); x @ x}", "f64[500, 500]\r\n");
    assert!(!t.seen.contains("\nshown"), "{}", t.seen);
    t.line(":type readline()", "error: its type hangs on values");
    t.line(":type {x = 1; x}", "int\r\n");
    t.line(":type x[x > 0]", "error: its type hangs on values");
    t.line(":type x = 3", "error: this has no value to look at");
    t.line(":type nosuch + 1", "error: unknown name `nosuch`");
    t.line(":type x @ ones(3, 3)", "error: matmul: the inner axes differ, 500 and 3");
    t.line(":type x", "f64[500, 500]\r\n");
    t.line(":time sum(x)", "");
    assert!(t.seen.contains("(median of "), "{}", t.seen);
    t.line(":graph sum(exp(x))", "%0 = ");
    assert!(t.seen.contains("= exp(%0)"), "{}", t.seen);
    t.line(":plan sum(exp(x))", "kernel 1 reduce over [500, 500]");
    t.line(":kernel sum(exp(x))", "kernel 1 reduce\r\n  for i < 500, j < 500");
    t.keys(":profile sum(exp(x))\r");
    t.expect("\ntotal ");
    t.expect("> ");
    assert!(t.seen.contains("reduce [500, 500]: exp sum  sum(exp(x))"), "{}", t.seen);
    // A derivative's way back is the derivative's; a function of the house is where it was called.
    t.keys(":profile grad(sum(relu(sum(x @ x, axis=0))), x)\r");
    t.expect("\ntotal ");
    t.expect("> ");
    for source in ["  x @ x\r\n", "  grad(sum(relu(sum(x @ x, axis=0))), x)\r\n"] {
        assert!(t.seen.contains(source), "{}", t.seen);
    }
    t.line(":plan 1 + 1", "error: an int has no graph");
    t.line(":help", ":help [NAME]");
    t.line("?exp", "exp(x)");
    t.line("help(sum)", "sum(x");
    t.line("?summ", "error: there is no `summ`\r\nhelp: did you mean `sum`?");
    t.line(":tpye x", "error: there is no command :tpye\r\nhelp: did you mean :type?");
    t.line(":type", "error: :type needs an expression");
    t.line(":device", "cpu  ");
    t.line(":device cpu", "# tensors go to cpu");
    t.line(":device cup", "error: ");
    t.line(":set digits 3", "# digits 3");
    t.line("pi", "3.14\r\n");
    t.line(":set digts 3", "error: there is no setting `digts`");
    t.keys(":quit\r");
    t.ends();
}

#[test]
fn commands_change() {
    let mut t = Talk::new("");
    t.line("x = 1", "# x: int");
    t.line("x = 2", "# x: int");
    // What failed changed nothing: it is no step.
    t.line("x = nosuch", "error: unknown name `nosuch`");
    t.line("x = 1 + )", "error: ");
    t.line(":undo", "# as before: x = 2");
    t.line("x", "1\r\n");
    t.line("print(\"shown\"); x + nosuch", "error: unknown name `nosuch`");
    t.keys("g(a) = {\ra * 50\r");
    t.line("}", "# g(a)");
    t.line("g(x) + ones(2)", "[51, 51]");
    // What was stopped is not saved: a test of the transcript would never end.
    t.keys("while true { }\r");
    std::thread::sleep(Duration::from_millis(300));
    interrupt(&mut t);
    let saved = scratch("saved.txt");
    t.line(&format!(":save {}", saved.display()), "# ");
    let script = scratch("loaded.nev");
    std::fs::write(&script, "y = 640\nprint(\"from the file\")\n").expect("it is written");
    t.line(&format!(":load {}", script.display()), "from the file");
    t.line("y + 1", "641");
    t.line(":reset", "# a fresh start");
    t.line("x", "error: unknown name `x`");
    t.keys("quit()\r");
    t.ends();
    let text = std::fs::read_to_string(&saved).expect("a transcript");
    assert!(text.contains("> g(a) = {\n. a * 50\n. }\n") && text.contains("[51, 51]\n"), "{text}");
    assert!(!text.contains("while true"), "{text}");
    let tested = Command::new(env!("CARGO_BIN_EXE_nevel")).args(["test", saved.to_str().expect("UTF-8")]).output();
    let tested = tested.expect("it runs");
    assert!(tested.status.success(), "{}{text}", String::from_utf8_lossy(&tested.stdout));
}

#[test]
fn the_editor_gets_the_last_input() {
    let mut shell = command(env!("CARGO_BIN_EXE_nevel"), &[], "");
    shell.env("EDITOR", "sed -i -e s/21/50/").env_remove("VISUAL");
    let mut t = Talk::with(shell);
    t.expect("> ");
    t.line("2 * 21", "42");
    t.line(":edit", "2 * 50\r\n100\r\n");
    t.keys(CTRL_D);
    t.ends();
}

#[test]
fn a_dumb_terminal_does_too() {
    let mut dumb = command(env!("CARGO_BIN_EXE_nevel"), &[], "");
    dumb.env("TERM", "dumb");
    let mut t = Talk::with(dumb);
    t.expect("> ");
    t.line("6 * 7", "42\r\n");
    t.keys("(1 +\r");
    t.line("2) * 100", "300\r\n");
    t.line("nosuch + 1", "error: unknown name `nosuch`");
    assert!(t.seen.is_ascii(), "{:?}", t.seen);
    t.keys(CTRL_D);
    t.ends();
}

#[test]
fn data_on_standard_input_and_then_a_conversation() {
    let line = format!("printf '1,2\\n3,4\\n' | '{}' -i", env!("CARGO_BIN_EXE_nevel"));
    let mut t = Talk::with(command("sh", &["-c", &line], ""));
    t.expect("> ");
    t.line("input + nosuch", "error: unknown name `nosuch`");
    t.line("sum(input)", "10");
    t.keys(CTRL_D);
    t.ends();
    let mut t = Talk::with(command(env!("CARGO_BIN_EXE_nevel"), &["-i", "-e", "z = 20", "-e", "nosuch"], ""));
    t.expect("> ");
    t.line("z + 1", "21");
    t.keys(CTRL_D);
    t.ends();
}

#[test]
fn whatever_ends_it_leaves_the_terminal_as_it_was() {
    let line = format!("'{}'; stty -a", env!("CARGO_BIN_EXE_nevel"));
    let mut t = Talk::with(command("sh", &["-c", &line], ""));
    t.expect("> ");
    let shell = t.session.get_process().pid().as_raw();
    let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).expect("Linux");
    let child: i32 = children.trim().parse().expect("one child");
    // SAFETY: a plain call.
    unsafe { libc::kill(child, libc::SIGTERM) };
    t.expect(" icanon");
    t.expect(" echo ");
}

/// `:verify` runs an expression on every device that there is.
#[test]
fn verify_compares_the_devices() {
    let mut t = Talk::new("");
    match nevel::device::named("vulkan:cpu") {
        Ok(_) => {
            t.line(":verify (arange(10^4) * 3 + 1) // 2", "vulkan:cpu: the same in every bit that counts");
            t.line("x = f32(arange(10^4)) / 10^3", "# x");
            t.keys(":verify tan(x) * 2\r");
            t.expect("ulp at most, at element");
            t.expect("> ");
        }
        // A machine without a driver says why there is nothing to compare.
        Err(_) => t.line(":verify arange(10) + 1", "cpu is the only device: "),
    }
    t.line("6 * 7", "42");
    t.keys(CTRL_D);
    t.ends();
}
