//! The prelude and the natives where they are easily wrong: gradients against differences, ties, empty arrays, dtypes.

use nevel::lang::text::text;
use nevel::session::{Options, Session, with_stack};
use nevel::show::Style;

const SETUP: &str = "
A = [[0.3, -1.2, 0.7, 2.1], [1.1, 0.4, -0.6, 0.2], [-0.9, 1.7, 0.05, -2.2]]
W = [[0.3, -0.7, 0.2, 1.1], [0.9, 0.8, -0.6, 0.5], [-0.1, 0.45, 0.33, 0.77]]
S = [[1.0, 0.2, -0.4], [0.3, 2.0, 0.5], [0.1, -0.7, 1.5]]
p = [0.2, 0.5, 0.3]
z = [0.0, 0, 0]
empty = zeros(0)
t = tensor([1.5, 2.5])
";

/// Every row's text against what is wanted; all that differ at once.
fn check(rows: &[(String, String)]) {
    let rows = rows.to_vec();
    let wrong = with_stack(move || {
        let mut session = Session::new(Options::default());
        assert!(session.run_cell("<setup>", SETUP).is_ok());
        let mut wrong = vec![];
        for (input, want) in rows {
            let outcome = session.run_cell("<test>", &input);
            let got = match (outcome.faults.first(), outcome.value) {
                (Some(f), _) => format!("error: {}", f.message),
                (None, Some(v)) => text(&v, &Style::PLAIN).unwrap_or_else(|f| format!("error: {}", f.message)),
                (None, None) => String::new(),
            };
            let got = got.split_whitespace().collect::<Vec<_>>().join(" ");
            if got != want {
                wrong.push(format!("{input}\n  want {want}\n  got  {got}"));
            }
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn table(rows: &[(&str, &str)]) {
    check(&rows.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect::<Vec<_>>());
}

/// Gradients of these at A, where nothing ties.
const SMOOTH_A: &[&str] = &[
    "mean(A)",
    "sum(W*softmax(A))",
    "sum(W*log_softmax(A, axis=0))",
    "logsumexp(A)",
    "sum(logsumexp(A, axis=1)^2)",
    "var(A)",
    "sum(std(A, axis=0, correction=1))",
    "median(A)",
    "sum(median(A, axis=1)^2)",
    "sum(quantile(A, [0.2, 0.7], axis=1))",
    "sum(ptp(A, axis=0)^2)",
    "sum(sigmoid(A)^2)",
    "sum(softplus(A)^2)",
    "sum(gelu(A)^2)",
    r#"sum(gelu(A, approximate="tanh"))"#,
    "sum(silu(A)^2)",
    "sum(mish(A)^2)",
    "sum(elu(A)^2)",
    "sum(selu(A)^2)",
    "sum(leaky_relu(A)^2)",
    "sum(softsign(A)^2)",
    "sum(relu(A)^2)",
    "sum(log_sigmoid(A))",
    "cross_entropy(A, [0, 3, 1])",
    "cross_entropy(A, softmax(W))",
    "cross_entropy(A, [0, 3, 1], label_smoothing=0.1)",
    "mse(A, W)",
    "huber(A, W)",
    "mae(A, W)",
    "bce(sigmoid(A), W > 0)",
    "bce_with_logits(A, W > 0)",
    "sum(layer_norm(A) * W)",
    "sum(normalize(A) * W)",
    "sum(nn.rms_norm(A) * W)",
    "sum(cov(A)^2)",
    "sum(corrcoef(A) * S)",
    "sum(cumsum(A, axis=1) * W)",
    "sum(cumprod(A, axis=1) * W)",
    "sum(diff(A)^2)",
    "sum(gradient(A, axis=0)^2)",
    "sum(trapezoid(A)^2)",
    "sum(interp(A, [-1, 0, 1], [2, 5, 3])^2)",
    "norm(A)",
    "sum(norm(A, axis=0, ord=3))",
    r#"norm(A, ord="nuc")"#,
    "norm(A, ord=2)",
    "sum(pinv(A) * W.mT)",
    "sum(lstsq(A.mT, [1.0, 2, 3, 4])^2)",
    "sum(kron(A, S)^2)",
    "sum(convolve(A[0], A[1])^2)",
    "sum(unwrap(A)^2)",
    "sum(zscore(A, axis=1) * W)",
    "sum(sinc(A)^2)",
    "sum(hypot(A, W))",
    "sum(logaddexp(A, W)*A)",
    "sum(cbrt(A))",
    "sum(nanmean(A, axis=0)^2)",
    "sum(sort(A, axis=0) * W)",
    "sum(take_along_axis(A, argsort(A), axis=1) * W)",
    "sum(clip(A, -0.5, 0.5)^2)",
    "sum(nn.attention(A, W, W))",
    r#"sum(pad(A, 1, mode="reflect")^2)"#,
    "sum(roll(A, 1) * W)",
    "sum(tile(A, 2)^2)",
    "sum(repeat(A, 2)^2)",
    r#"sum(einsum("ij,kj->ik", A, W)^2)"#,
    "sum(tensordot(A, W, axes=((1,), (1,)))^2)",
    "sum(outer(A, A))",
    "sum(vander(A[0])^2)",
    r#"sum(convolve(A[0], [1, 2, 3], "same")^2)"#,
    "sum(dropout(A, 0.5, training=false)^2)",
    "global_norm({a: A})",
    "sum(apply_along_axis(x -> softmax(x), 1, A) * W)",
    "sum(put_along_axis(A, [[0], [1], [2]], 3.0, axis=1)^2)",
    "sum(unique(A)^3)",
    "sum(average(A, axis=1, weights=[1, 2, 3, 4])^2)",
    "stats.skew(A)",
    "stats.kurtosis(A)",
    "sum(A.reshape(4, 3) @ A)",
    "sum(bincount([0, 1, 1], weights=A[:, 0])^2)",
    "sum(histogram(A, [-1, 0, 1], weights=A).counts^2)",
    "sum(stack(map(x -> x^2, unstack(A))))",
    "kl_div(softmax(A[0]), softmax(W[0]))",
];

/// Gradients of these at S, an ordinary square matrix.
const SMOOTH_S: &[&str] = &[
    "det(S)",
    "slogdet(S).logabsdet",
    "sum(inv(S)^2)",
    "sum(solve(S, p)^2)",
    "sum(linalg.expm(S)^2)",
    "sum(matrix_power(S, 3)^2)",
    "sum(matrix_power(S, 0)) + S[0, 0]",
    "sum(cholesky(S @ S.T)^3)",
    "sum(eigvalsh(S)^2 * p)",
    "sum(svdvals(S) * p)",
    "trace(S @ S)",
    "linalg.cond(S)",
    "sum(cross(S, S @ S)^2)",
    "sum(qr(S).Q^3) + sum(qr(S).R^2)",
    "sum(cofactors(S)^2)",
];

#[test]
fn gradients_agree_with_differences() {
    let rows = |list: &[&str], x: &str| -> Vec<(String, String)> {
        list.iter().map(|f| (format!("gradcheck({f}, {x})"), "true".to_string())).collect()
    };
    check(&[rows(SMOOTH_A, "A"), rows(SMOOTH_S, "S")].concat());
}

/// Gradients of gradients, where values are shared, forced in between, or needed for several rows.
#[test]
fn second_gradients_agree_with_differences() {
    let functions = [
        "sum(layer_norm(A)^3)",
        "sum((A / sum(A)) * (A / sum(A)) * (A / sum(A)))",
        "cross_entropy(A, [0, 3, 1])",
        "sum(gelu(A))",
        "sum(cumprod(A, axis=1))",
        "var(A)^2",
        "logsumexp(A)^2",
        "sum(softmax(A) * W)^2",
        "sum(sort(A)^3)",
        "sum(einsum(\"ij,kj->ik\", A, A)^2)",
        "sum(svdvals(A)^3)",
        "sum(kron(A, A))",
        "sum(quantile(A, 0.3, axis=0)^3)",
    ];
    let square = [
        "sum(cholesky(S @ S.T)^3)",
        "sum(eigvalsh(S)^3)",
        "slogdet(S).logabsdet",
        "sum(inv(S)^2)",
        "det(S)^2",
        "sum(solve(S, p)^2)",
        "sum(qr(S).R^3)",
        "sum(qr(S).Q * S)",
        "sum(linalg.expm(S))",
    ];
    let row = |f: &str, x: &str| (format!("gradcheck(sum(grad({f}, {x})^2), {x})"), "true".to_string());
    check(&functions.iter().map(|f| row(f, "A")).chain(square.iter().map(|f| row(f, "S"))).collect::<Vec<_>>());
    table(&[
        ("x = [3.0, 1, 2]; round(hessian(det(outer(x, x) + eye(3)), x), 9) + 0", "[[2, 0, 0], [0, 2, 0], [0, 0, 2]]"),
        ("0 + round(jacobian(grad(sum(x)^3 / 6, x), x), 9)", "[[6, 6, 6], [6, 6, 6], [6, 6, 6]]"),
    ]);
}

#[test]
fn gradients_at_ties_and_edges() {
    table(&[
        ("grad(sum(relu(z)), z)", "[0, 0, 0]"),
        ("grad(sum(softplus(z)), z)", "[0.5, 0.5, 0.5]"),
        ("hessian(sum(softplus(z)), z)", "[[0.25, 0, 0], [0, 0.25, 0], [0, 0, 0.25]]"),
        ("grad(sum(sigmoid(z)), z)", "[0.25, 0.25, 0.25]"),
        ("grad(sum(elu(z)), z)", "[1, 1, 1]"),
        ("grad(max(z), z) * 3", "[1, 1, 1]"),
        ("grad(var(z), z)", "[0, 0, 0]"),
        ("grad(norm(z), z)", "[0, 0, 0]"),
        ("x = [0.0, 1, 2]; grad(sum(clip(x, 0, 1)), x)", "[1, 1, 0]"),
        ("x = [0.0, -inf, 0]; softmax(x)", "[0.5, 0, 0.5]"),
        ("grad(logsumexp(x), x)", "[0.5, 0, 0.5]"),
        ("x = [-1000.0, 1000]; grad(sum(sigmoid(x)) + sum(softplus(x)), x)", "[0, 1]"),
        ("grad(bce_with_logits(x, [1, 0]), x)", "[-0.5, 0.5]"),
        ("grad(cross_entropy(x, 0), x)", "[-1, 1]"),
        ("x = [1.0, 1, 2]; grad(sum(sort(x)^2), x)", "[2, 2, 4]"),
        ("grad(sum(unique(x)), x)", "[1, 0, 1]"),
        ("x = zeros(2, 2); grad(det(x), x)", "[[0, 0], [0, 0]]"),
        ("x = [[1.0, 2], [2, 4]]; round(grad(det(x), x), 12)", "[[4, -2], [-2, 1]]"),
        ("x = [[1.0, 2], [3, 4]]; round(hessian(det(x), x)[0, 0], 9)", "[[0, 0], [0, 1]]"),
    ]);
}

#[test]
fn empty_and_single() {
    table(&[
        ("mean(empty)", "nan"),
        ("var([1], correction=1)", "nan"),
        ("var([1, 2], correction=3)", "nan"),
        ("median(empty)", "nan"),
        ("median([1, nan, 2])", "nan"),
        ("mean(ones(2, 0), axis=1)", "[nan, nan]"),
        ("sum(ones(2, 0), axis=0).shape", "(0,)"),
        ("max(empty)", "error: max: there is nothing to choose from in shape [0]"),
        ("quantile(empty, 0.5)", "error: quantile: there is nothing to choose from in shape (0,)"),
        ("(mean(5), median(3), std(2))", "(5, 3, 0)"),
        ("sort(empty).shape", "(0,)"),
        ("argsort(ones(0, 3)).shape", "(0, 3)"),
        ("unique(empty).shape", "(0,)"),
        ("bincount([])", "[]"),
        ("bincount([], minlength=2)", "[0, 0]"),
        ("cumsum(empty).shape", "(0,)"),
        ("det(zeros(0, 0))", "1"),
        ("det(zeros(3, 3))", "0"),
        ("slogdet(zeros(2, 2))", "{sign: 0, logabsdet: -inf}"),
        ("histogram(empty, 2).counts", "[0, 0]"),
        ("nonzero(empty)[0].shape", "(0,)"),
        ("stack(())", "error: stack: expected at least one array, found none"),
        ("pad(empty, 1)", "[0, 0]"),
        ("roll(empty, 3).shape", "(0,)"),
        ("interp([0, 1], [1], [10])", "[10, 10]"),
    ]);
}

#[test]
fn dtypes_are_kept() {
    for f in [
        "mean(t)",
        "var(t)",
        "std(t)",
        "median(t)",
        "quantile(t, 0.3)",
        "softmax(t)",
        "log_softmax(t)",
        "logsumexp(t)",
        "sigmoid(t)",
        "relu(t)",
        "gelu(t)",
        "silu(t)",
        "softplus(t)",
        "elu(t)",
        "leaky_relu(t)",
        "mse(t, 0)",
        "norm(t)",
        "normalize(t)",
        "layer_norm(t)",
        "cumsum(t)",
        "diff(t)",
        "clip(t, 0, 1)",
        "sort(t)",
        "solve(outer(t, t) + tensor(eye(2)), t)",
        "pinv(outer(t, t))",
        "svd(outer(t, t)).S",
        "cross_entropy(t, 0)",
        "one_hot(tensor([0, 1]))",
        "dropout(t)",
        "rand_like(t)",
        "interp(t, t, t)",
        "trapezoid(t)",
        "cov(outer(t, t))",
        "histogram(t, 2, weights=t).counts",
        "adam(t).m",
        "update(adam(t), t, t)[0]",
        "update(sgd(t, momentum=0.9), t, t)[0]",
        "zscore(t)",
        "hypot(t, t)",
        "logaddexp(t, t)",
        "linalg.expm(outer(t, t) / 9)",
        "kron(t, t)",
        "tile(t, 2)",
        "pad(t, 1)",
        "round(t, 1)",
    ] {
        check(&[(format!("dtype({f})"), "f32".into())]);
    }
    table(&[
        ("dtype(relu([-1, 2]))", "i64"),
        ("dtype(clip([1, 5], 2, 3))", "i64"),
        ("dtype(cumsum([1, 2]))", "i64"),
        ("dtype(mean([1, 2]))", "f64"),
        ("dtype(tensor(3.5))", "f32"),
        ("dtype(tensor([1, 2]))", "i64"),
        ("dtype(zeros(2, device=\"cpu\"))", "f32"),
        ("dtype(zeros(2))", "f64"),
        ("dtype(arange(3))", "i64"),
        ("dtype(arange(3.0))", "f64"),
    ]);
}

#[test]
fn faults_speak_in_the_name_of_what_was_called() {
    table(&[
        ("mean([[1, 2], [3, 4]], axis=2)", "error: mean: axis 2 is out of range for shape [2, 2]"),
        (
            "mse([1.0, 2], [[1.0], [2]])",
            "error: mse: shapes (2,) and (2, 1) differ; reshape the target: target.reshape((2,))",
        ),
        (
            "cross_entropy([[1.0, 2]], [1.0])",
            "error: cross_entropy: class numbers must be ints, found f64: i64(target) converts them",
        ),
        ("one_hot([0, 5], 3)", "error: one_hot: class numbers must lie in 0 to 2, found 0 to 5"),
        ("train_test_split([1, 2, 3], [1, 2])", "error: train_test_split: the arrays differ in length: 3 and 2 rows"),
        ("max([1, 2], [3, 4])", "error: max: the axis is i64[2]"),
        ("zeros(-1)", "error: zeros: a size cannot be negative, found -1"),
        ("zeros(2, 3.5)", "error: zeros: expected an int, found 3.5"),
        ("error(\"no: data\")", "error: no: data"),
        ("force(solve([[1, 2], [2, 4]], [1, 2]))", "error: solve: the matrix is singular: pivot 1 is 0"),
        ("batches([1, 2], [1, 2, 3])", "error: batches: the arrays differ in length: 2 rows, and shape [3]"),
    ]);
}

#[test]
fn random_numbers_follow_the_seed() {
    table(&[
        ("seed(3); a = randn(4); b = rand(2); seed(3); (all(a == randn(4)), all(b == rand(2)))", "(true, true)"),
        ("a = rand(4); any(a == rand(4))", "false"),
        (
            "a, b = train_test_split(arange(10), test=0.3, seed=5); c, d = train_test_split(arange(10), test=0.3, seed=5); (all(a == c), len(b))",
            "(true, 3)",
        ),
        ("sort(concat((a, b)))", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"),
        ("x = randint(-2, 3, 10000); (min(x), max(x))", "(-2, 2)"),
        ("sort(choice(5, 5, replace=false))", "[0, 1, 2, 3, 4]"),
        ("unique(choice(3, 1000, p=[0.5, 0, 0.5]))", "[0, 2]"),
        ("sort(choice(4, 3, replace=false, p=[0.2, 0, 0.5, 0.3]))", "[0, 2, 3]"),
        ("x = randn(100000); (abs(mean(x)) < 0.02, abs(std(x) - 1) < 0.02)", "(true, true)"),
        ("n = 0; for (a, b) in batches(arange(7), arange(7) * 2, size=3) { n += sum(b - 2 * a); n += len(a) }; n", "7"),
    ]);
}

#[test]
fn optimizers_find_the_bottom() {
    for make in [
        "sgd(q, lr=0.1)",
        "sgd(q, lr=0.05, momentum=0.9, nesterov=true)",
        "adam(q, lr=0.1)",
        "adamw(q, lr=0.1, weight_decay=0.0)",
        "rmsprop(q, lr=0.01)",
        "adagrad(q, lr=0.9)",
    ] {
        let program = format!(
            "q = {{w: [1.0, -2.0], b: (3.0, [0.5])}}; opt = {make}
             loss(q) = sum((q.w - 1)^2) + (q.b[0] + 1)^2 + sum(q.b[1]^2)
             for i in 0..600 {{ q, opt = opt.update(q, grad(loss(q), q)) }}
             loss(q) < 0.001"
        );
        check(&[(program, "true".into())]);
    }
}
