//! Derivatives of everything that a program can be made of, against what they are.

use crate::session::tests::{cells, fails, ok};

#[test]
fn gradients() {
    ok("w = [1.0, 2.0]; f(w) = sum(w^3); grad(f(w), w)", "[3, 12]");
    ok("w = [1.0, 2.0]; f(w) = sum(w^3); grad(grad(f(w), w)[0], w)", "[6, 0]");
    ok("p = {w: [1.0, 2.0], b: 0.5}; grad(sum(p.w * p.b), p)", "{w: [0.5, 0.5], b: 3}");
    ok("p = {w: [1.0, 2.0], b: 0.5}; grad(sum(p.w * p.b), p.w)", "[0.5, 0.5]");
    ok("w = [1.0, 2.0]; b = 3.0; grad(sum(w * b), (w, b))", "([3, 3], 3)");
    ok("x = 3.0; grad(x^2, x)", "6");
    ok("x = 3; grad(x^2, x)", "6");
    ok("x = [1, 2]; grad(sum(x^2), x)", "[2, 4]");
    ok("x = 2.0; grad(grad(grad(x^4, x), x), x)", "48");
    ok("grad(x -> x^2, 3.0)", "6");
    ok("g = grad(x -> sum(x^2)); g([1.0, 2])", "[2, 4]");
    ok("f(x, y) = x^2 * y; grad(f)(3.0, 2.0)", "12");
    ok("(x -> x^3) |> grad |> (g -> g(2.0))", "12");
    ok("x = 2.0; y = 3.0; grad(grad(x^2 * y^3, x), y)", "108");
    ok("x = [1.0, 2.0]; value_and_grad(sum(x^2), x)", "(5, [2, 4])");
}

#[test]
fn through_everything() {
    ok("w = 2.0; f() = w^2; grad(f(), w)", "4");
    ok("fn g(w) { h = () -> w * w; grad(h(), w) }; g(3.0)", "6");
    ok("x = 2.0; grad({ y = x; for i in 0..3 { y = y * x }; y }, x)", "32");
    ok("x = 2.0; y = 1.0; v = grad(if x > 0 { x^2 } else { -x }, x); (v, x)", "(4, 2)");
    ok("pow_(x, n) = if n == 0 { 1.0 } else { x * pow_(x, n - 1) }; x = 2.0; grad(pow_(x, 5), x)", "80");
    ok("x = [1.0, 2, 3]; grad({ y = x * 1.0; y[0] = 10 * x[2]; sum(y^2) }, x)", "[0, 4, 606]");
    ok("x = [1.0, 2, 3]; grad({ y = x * 1; y[[0, 2]] = x[1] * 2; sum(y * [1, 10, 100]) }, x)", "[0, 212, 0]");
    ok("x = [[1.0, 2], [3, 4]]; grad(sum(x[:, 1] * x[0]), x)", "[[2, 5], [0, 2]]");
    ok("x = [1.0, -2, 3]; grad(sum(x[x > 0]^2), x)", "[2, 0, 6]");
    ok("x = [3.0, 4]; n = 0; grad({ s = 0.0; for v in x { s += v^2 }; s }, x)", "[6, 8]");
    ok("x = 3.0; grad(sum([x, x^2, 1.0]), x)", "7");
    ok("x = [1.0, 2]; grad(sum([v * k for (v, k) in ((x[0], 2), (x[1], 5))]), x)", "[2, 5]");
}

#[test]
fn the_variable_is_as_before() {
    ok("x = [1.0, 2]; g = grad(sum(x^2), x); x", "[1, 2]");
    assert!(cells(&["x = 3.0", "grad(nothing(), x)"]).is_err());
    ok("f(x) = 1 // 0; x = 3.0; try { grad(f(x), x) } catch e { 0 }; x + 1", "4");
}

#[test]
fn what_has_no_gradient_says_so() {
    fails(
        "x = [1.0, 2]; grad(x^2, x)",
        "expected one number to differentiate, found f64[2] | add it up: grad(sum(x^2), x)",
    );
    fails("x = [1.0, 2]; y = sum(x); grad(y, x)", "does not use x; `y` was computed before");
    fails("x = [1.0, 2]; z = [1.0]; grad(sum(x), (x, z))", "does not use x, z (number 2 of them)");
    fails("x = [1.0]; grad(\"a\", x)", "expected a number or an array");
    fails("grad(3, 4)", "expected a variable to differentiate by");
}

#[test]
fn tracked() {
    ok("x = track([1.0, 2.0]); y = sum(x^2); grad(y, x)", "[2, 4]");
    ok("x = track(3.0); y = x^2; grad(y * x, x)", "27");
    ok("x = 3.0; grad(x * stop(x), x)", "3");
}

#[test]
fn products_and_matrices() {
    ok("x = [1.0, 2.0]; jacobian(x^2, x)", "[[2, 0], [0, 4]]");
    ok("x = [1.0, 2.0]; hessian(x[0]^2 * x[1], x)", "[[4, 2], [2, 0]]");
    ok("x = [1.0, 2.0]; vjp(x^2, x, [1.0, 10.0])", "[2, 40]");
    ok("x = [1.0, 2.0]; jvp(x^2, x, [1.0, 10.0])", "[2, 40]");
    ok("x = [1.0, 2.0]; hvp(sum(x^3), x, [1.0, 1.0])", "[6, 12]");
    ok(
        "p = {a: 2.0, b: [1.0, 3.0]}; hessian(p.a^2 * sum(p.b), p)",
        "{a: {a: 8, b: [4, 4]}, b: {a: [4, 4], b: [[0, 0], [0, 0]]}}",
    );
    ok("p = {a: 2.0, b: [1.0, 3.0]}; jvp(p.a * p.b, p, {a: 1.0, b: [0.0, 1.0]})", "[1, 5]");
    ok("x = 2.0; hessian(x^3, x)", "12");
    ok("x = [1.0, 2]; gradcheck(sum(sin(x) * x), x)", "true");
    fails("f = custom_grad(x -> x^2, (g, x) -> g); x = 3.0; gradcheck(f(x), x)", "finite differences give");
    ok("x = [1.0, 2.0]; grad(sum(jacobian(x^2, x)), x)", "[2, 2]");
    ok("x = [1.0, 2.0]; grad(jvp(sum(x^3), x, [1.0, 0.0]), x)", "[6, 0]");
}

#[test]
fn made_by_hand() {
    ok("r = custom_grad(x -> round(x), (g, x) -> g); x = [0.4, 1.7]; grad(sum(r(x)), x)", "[1, 1]");
    ok(
        "m = custom_grad((a, b) -> a * b, (g, a, b) -> (g * b * 10, g * a)); x = 2.0; y = 5.0; grad(m(x, y), (x, y))",
        "(50, 2)",
    );
    ok("x = [1.0, 2.0]; grad(checkpoint(x -> sum(x^2), x), x)", "[2, 4]");
    ok("x = [1.0, 2.0]; w = 3.0; grad(checkpoint(x -> sum(w * x^2), x), (x, w))", "([6, 12], 5)");
    ok("c = custom_grad(x -> x^3, (g, x) -> g * 3 * x^2); x = 2.0; grad(grad(c(x), x), x)", "12");
}

#[test]
fn mapped() {
    ok("vmap(x -> x / sum(x))([[1.0, 3.0], [2.0, 2.0]])", "[[0.25, 0.75], [0.5, 0.5]]");
    ok("vmap((x, y) -> x * y, axis=(0, none))([1.0, 2.0], 10)", "[10, 20]");
    ok("f(x) = sum(x^2); vmap(grad(f))([[1.0, 2], [3, 4]])", "[[2, 4], [6, 8]]");
    ok("vmap(r -> {s: r.a + r.b, d: r.a})({a: [1.0, 2], b: [3.0, 4]})", "{s: [4, 6], d: [1, 2]}");
}
