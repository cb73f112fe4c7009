//! Golden plans: what becomes one kernel, and how often memory is read. A change in fusion shows up in review.
//!
//! Each case is a program whose last value is planned, not computed. `NEVEL_BLESS=1 cargo test --test plans` rewrites
//! `tests/plans/*.txt`; the diff is the review.

use std::fs;
use std::path::Path;

use nevel::graph::Expr;
use nevel::lang::Value;
use nevel::plan;
use nevel::session::{Options, Session, with_stack};

/// (file, what it shows, program)
const CASES: &[(&str, &str, &str)] = &[
    ("chain", "a chain is one kernel, one pass", "x = D(1); exp(-((x - 0.3) / 1.7)^2 / 2) / 4.26"),
    (
        "fold",
        "a chain that ends in a fold is one kernel, and stores nothing in between",
        "x = D(1); y = D(2); sum((x - y)^2)",
    ),
    ("folds", "folds of one thing over one axis read it once", "x = D(1); (sum(x), sum(x * x))"),
    ("broadcast", "broadcasting is strides", "x = D(1); y = D(2); x[:, none] - y[none, :]"),
    ("views", "views are strides too", "x = M(1); (x.T[::-1, 1:] * 2).reshape(-1)"),
    ("softmax", "softmax of rows", "softmax(M(1), axis=1)"),
    ("variance", "two kernels over the data: the mean, then the squares", "var(M(1), axis=0)"),
    ("product", "a transposed operand is not copied, what follows is fused", "relu(M(1) @ M(2).T + 1)"),
    (
        "outputs",
        "values of one shape from the same inputs are one kernel with several outputs",
        "x = D(1); y = x * 2; (exp(y), sin(y), y)",
    ),
    ("branches", "what two kernels need is written once", "x = M(1); y = exp(x); y / sum(y, axis=1, keepdims=true)"),
    ("join", "parts are written straight into their places", "x = D(1); concat((x * 2, -x))"),
    ("pick", "picking by indices", "x = D(1); i = arange(3000) % 7; x[i] + 1"),
    (
        "gradient",
        "forward and backward are planned together",
        "w = M(1); x = M(2); g = grad(sum(tanh(x @ w.T)^2), w); g",
    ),
    (
        "step",
        "a step of Adam is one kernel a parameter",
        "p = {w: M(1)}; opt = adam(p, lr=0.1); p, opt = opt.update(p, {w: M(2)}); (p.w, opt.m.w, opt.v.w)",
    ),
];

/// Data that is there: `D(n)` has 3000 numbers, `M(n)` is 60 by 50.
const DATA: &str = "D(n) = force(arange(3000) * 0.001 + n); M(n) = force(reshape(D(n), 60, 50));";

fn exprs(value: &Value, out: &mut Vec<Expr>) {
    match value {
        Value::Array(e) => out.push(e.clone()),
        Value::Tuple(items) => items.iter().for_each(|v| exprs(v, out)),
        other => panic!("no arrays in {}", other.type_name()),
    }
}

fn planned(program: &str) -> String {
    let mut session = Session::new(Options::default());
    let data = session.run_cell("<data>", DATA);
    assert!(data.is_ok(), "{}", data.faults[0].message);
    let outcome = session.run_cell("<plan>", program);
    assert!(outcome.is_ok(), "`{program}`: {}", outcome.faults[0].message);
    let mut roots = vec![];
    exprs(&outcome.value.expect("ends in a value"), &mut roots);
    roots.retain(|e| !e.is_realised());
    let (_, plan) = plan::plan_of(&roots).expect("plans");
    plan::print::plan(&plan)
}

#[test]
fn plans_are_as_they_were() {
    with_stack(|| {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
        let bless = std::env::var("NEVEL_BLESS").is_ok();
        let mut wrong = vec![];
        for (name, about, program) in CASES {
            let text = format!("{about}\n\n> {program}\n\n{}", planned(program));
            let path = dir.join(format!("{name}.txt"));
            if bless {
                fs::write(&path, &text).expect("writable");
            } else if fs::read_to_string(&path).unwrap_or_default() != text {
                wrong.push(format!("{name}: now\n{text}"));
            }
        }
        assert!(wrong.is_empty(), "plans changed; NEVEL_BLESS=1 rewrites them\n{}", wrong.join("\n"));
    });
}
