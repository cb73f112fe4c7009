//! Buffers longer than a binding: every family in parts, against the CPU.
//!
//! A process has one limit, so these run in processes of their own, with a small artificial one.

use super::*;

/// Runs a program on the device with a binding limit, where it must stay, and on the CPU.
fn in_parts(range: usize, program: &str) {
    if software().is_none() {
        return;
    }
    let file = std::env::temp_dir().join(format!("nevel-split-{}-{}.nev", std::process::id(), program.len()));
    std::fs::write(&file, program).expect("writes");
    let path = file.to_str().expect("text");
    let (want, errors) = nevel("", &[path, "cpu"]);
    assert!(!want.is_empty() && errors.is_empty(), "{errors}");
    let (got, errors) = nevel(&format!("nocache,range={range}"), &[path, "vulkan:cpu"]);
    let _ = std::fs::remove_file(file);
    assert_eq!(got, want, "{errors}");
}

#[test]
fn maps_are_taken_in_parts() {
    in_parts(
        20_000,
        r#"
x = tensor(reshape(arange(60000) % 97, 200, 300), dtype=f32, device=args[0])
print(sum(array(x * 2 + 1)), array(x * 2)[199, 299])
print(sum(array(x.T + x[0, :200])), array(x.T * 2)[299, 100])
y = x[::-1, ::3] + 1; print(sum(array(y)), array(y)[0, 99], array(y)[199, 0])
b = x.T > 40; print(sum(array(b)), array(b)[1:4, 7])
c = concat((x, x * 2, x[:, :10]), axis=1); print(c.shape, sum(array(c)), array(c)[150, 600:])
z = reshape(x, 20, 10, 300); print(sum(array(permute_dims(z, (2, 0, 1)) * z[0, 0, 0])))
r = rand(300, 200, dtype=f32, device=args[0]); print("{sum(array(r.T * 2)):.1f}")
"#,
    );
}

#[test]
fn folds_and_scans_are_taken_in_parts() {
    in_parts(
        20_000,
        r#"
x = tensor(reshape((arange(60000) * 7919) % 1009, 200, 300), dtype=f32, device=args[0])
n = tensor(reshape((arange(60000) * 7919) % 1009, 200, 300), device=args[0])
print(max(x), sum(n), prod(n > 0))
print(array(sum(x, axis=0))[[0, 7, 299]], array(sum(x, axis=1))[[0, 7, 199]])
print(array(max(n, axis=0))[[0, 7, 299]], array(min(x.T, axis=0))[[0, 7, 199]])
print(argmax(x), argmin(reshape(n, 60000)), array(argmax(x, axis=0))[:9], array(argmin(n, axis=1))[-9:])
print(argmax(x.T), argmin(n[:, 1:].T), argmax(n[::-1, ::-1]))
z = reshape(n, 20, 50, 60)
print(array(sum(z, axis=1))[3, :4], array(sum(z, axis=(0, 2)))[:5], array(argmax(z, axis=1))[19, -4:])
print(all(x >= 0), any(x > 1008), array(any(x > 1000, axis=0))[:8])
s = cumulative_sum(reshape(n, 60000)); print(array(s)[[0, 5000, 30000, 59999]])
c = array(cumulative_sum(n, axis=0)); print(c[0, 0], c[100, 7], c[199, 299])
c = array(cumulative_sum(n, axis=1)); print(c[0, 0], c[100, 7], c[199, 299])
c = array(cumulative_sum(z, axis=1)); print(c[0, 0, 0], c[10, 20, 30], c[19, 49, 59])
"#,
    );
}

#[test]
fn rows_products_and_picks_are_taken_in_parts() {
    in_parts(
        20_000,
        r#"
x = tensor(reshape((arange(60000) * 7919) % 1009, 200, 300), dtype=f32, device=args[0]) / 100
w = tensor(reshape((arange(60000) * 31) % 13, 300, 200), dtype=f32, device=args[0])
p = array(softmax(x, axis=1)); print("{sum(p):.3f} {p[7, 3]:.5f}")
v = array(var(x, axis=1)); print("{sum(v):.2f} {v[199]:.4f}")
y = array(x @ w); print("{sum(y):.0f} {y[0, 0]:.2f} {y[199, 199]:.2f} {y[63, 130]:.2f}")
y = array(x.T @ w.T); print("{sum(y):.0f} {y[0, 0]:.2f} {y[299, 299]:.2f}")
y = array(w[:, 0] @ w); print("{sum(y):.0f} {y[11]:.2f}")
a = reshape(x, 10, 20, 300); b = reshape(w, 10, 300, 20)
y = array(a @ b); print(y.shape, "{sum(y):.0f} {y[9, 19, 19]:.2f}")
i = (arange(9000) * 7) % 200
y = array(x[i]); print(y.shape, "{sum(y):.1f} {y[8999, 299]:.2f}")
y = array(x[i, (arange(9000) * 11) % 300]); print("{sum(y):.1f} {y[8999]:.2f}")
y = array((x > 5)[i[:100]]); print(sum(y), y[99, :5])
g = grad(sum(x[i[:500]] * 2), x); print(sum(array(g)), array(g)[7, 3])
s = array(sort(x, axis=1)); print("{s[0, 0]:.2f} {s[199, 299]:.2f} {s[100, 150]:.2f}")
print(array(argsort(x[:, :100], axis=1))[5, :6])
"#,
    );
}

/// What is divided runs on the device, wherever it is cut.
#[test]
fn plans_of_parts_stay_on_the_device() {
    start();
    let caps = Caps { range: 20_000, ..Caps::all() };
    for dtype in DType::all() {
        let x = array(&[200, 300], dtype);
        let stack = ops::reshape(&x, Attr::ints([20, 50, 60]));
        let turned = ops::permute_dims(&x, &[1usize, 0][..]);
        let i = Expr::from_slice(&[900], &(0..900).map(|i| i % 200).collect::<Vec<i64>>()).expect("fits");
        let mut roots = vec![
            ("map", ops::where_(&ops::greater(&x, &ops::flip(&x, 0usize)), &x, &x)),
            ("turned", ops::where_(&ops::greater(&turned, &turned), &turned, &ops::flip(&turned, 1usize))),
            ("join", ops::join(&[x.clone(), x.clone()], 1usize)),
            ("gather", ops::gather(&x, std::slice::from_ref(&i))),
            ("max", ops::max(&x, 0usize, false)),
            ("max of all", ops::max(&ops::reshape(&x, Attr::ints([-1])), 0usize, false)),
            ("argmax", ops::argmax(&stack, 1usize, false)),
            ("sort", ops::sort(&x, 1usize, false, true)),
        ];
        if dtype != DType::Bool {
            let v = array(&[900, 300], dtype);
            roots.push(("scatter_add", ops::scatter_add(&x, &v, &[i])));
            roots.push(("scan", ops::cumulative_sum(&x, 0usize)));
            roots.push(("long scan", ops::cumulative_max(&ops::reshape(&x, Attr::ints([-1])), 0usize)));
            roots.push(("product", ops::matmul(&turned, &x)));
            roots.push(("stack of products", ops::matmul(&stack, &ops::permute_dims(&stack, &[0usize, 2, 1][..]))));
            roots.push(("thin product", ops::matmul(&turned, &ops::slice(&x, 1usize, 0usize, 1usize, 1i64))));
        }
        if dtype.is_float() {
            roots.extend(rows_of(&x, 1).into_iter().map(|e| ("rows", e)));
        }
        for (what, root) in roots {
            let what = format!("{what} of {dtype}");
            let plan = kernels(std::slice::from_ref(&root));
            let left = plan.kernels.iter().find(|k| wgsl(&caps, k, &plan.slots).is_empty());
            assert!(left.is_none(), "{what} is left to the CPU: {}", plan::print::plan(&plan));
            compiled(&[root], &caps, &what);
        }
    }
}

/// What cannot be cut is the CPU's: one line of a sort, and a row of several folds, that are longer than a binding.
#[test]
fn what_cannot_be_cut_is_left_to_the_cpu() {
    start();
    let caps = Caps { range: 20_000, ..Caps::all() };
    let line = array(&[60_000], DType::F32);
    let left = |e: &Expr| {
        let plan = kernels(std::slice::from_ref(e));
        plan.kernels.iter().any(|k| wgsl(&caps, k, &plan.slots).is_empty())
    };
    assert!(left(&ops::sort(&line, 0usize, false, true)));
    assert!(left(&rows_of(&array(&[200, 6000], DType::F32), 1)[0]));
    assert!(!left(&ops::sum(&line, 0usize, false)));
}
