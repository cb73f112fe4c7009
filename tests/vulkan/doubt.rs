//! Only looking waits: launches that may fail are followed by others before anybody knows, and a fault is found where
//! somebody looks, in the CPU's words.

use super::*;
use nevel::plan::doubt;

/// A session on the device. Gives the fault of a cell (if it has one), how often it waited for the device, and what came back.
fn session() -> impl FnMut(&str) -> (Option<String>, u64) {
    let mut session = Session::new(Options::default());
    let mut run = move |text: &str| {
        let before = device::vulkan::waited();
        let outcome = session.run_cell("<doubt>", text);
        // What is shown is looked at.
        let looked = match &outcome.value {
            Some(nevel::lang::Value::Array(e)) if !outcome.hushed => e.host().map(|_| ()),
            _ => Ok(()),
        };
        (
            outcome.faults.into_iter().next().or(looked.err()).map(|f| f.message.clone()),
            device::vulkan::waited() - before,
        )
    };
    assert_eq!(run("default_device(\"vulkan:cpu\")").0, None);
    run
}

const ZERO: &str = "division of ints by zero";

/// What both devices say about a program.
fn both(program: &str) -> [(String, String); 2] {
    let on = |d: &str| nevel("nocache", &["-e", &format!("default_device(\"{d}\")\n{program}")]);
    [on("cpu"), on("vulkan:cpu")].map(|(out, errors)| (out, errors.replace("\"vulkan:cpu\"", "\"cpu\"")))
}

#[test]
fn a_fault_is_that_of_the_cpu_wherever_it_is_found() {
    if software().is_none() {
        return;
    }
    let x = "x = force(tensor(arange(5000)) * 1); n = force(x - 77)";
    for (program, message, place) in [
        ("y = force(x // n)\nsum(y)", ZERO, "x // n"),
        // Through several plans.
        ("y = force(x % n)\nz = force(y + 1)\nw = force(cumsum(z) * 2)\nw[3]", ZERO, "x % n"),
        // One kernel of several calls that may fail, the second of which does.
        ("p = force(n * 0 + 3); y = force(x // p + x // n + x % p)\nz = force(y * 2)\nz", ZERO, "x // n"),
        // Beside a product, in rows and in a fold.
        ("y = force(sum(x % n))\ny + 1", ZERO, "x % n"),
        ("a = x.reshape(50, 100); y = force((a - max(a, axis=1, keepdims=true)) // n.reshape(50, 100))\ny", ZERO, "//"),
        ("y = force(2 ^ n)\nz = force(y + 1)\nz[0] + 1", "an int to a negative int", "2 ^ n"),
        ("y = force(take(x, x * 2))\nsum(y)", "index 5000 is out of range: axis 0 has size 5000", "take(x, x * 2)"),
        (
            "y = force(x[x * 2])\nz = force(y + 1)\nsum(z)",
            "index 5000 is out of range: axis 0 has size 5000",
            "x[x * 2]",
        ),
        ("y = force(scatter_add(x, n * 2, x))\nsum(y)", "index 5000 is out of range", "scatter_add("),
        // Axes by the numbers that they have for the user.
        (
            "a = x.reshape(50, 100); i = force(x[:3] * 60); y = force(a[:, i])\nsum(y)",
            "index 120 is out of range: axis 1 has size 100",
            "a[:, i]",
        ),
        (
            "a = x.reshape(50, 100); i = force(x[:3] * 60); y = force(take(a, i, axis=1))\nsum(y)",
            "index 120 is out of range: axis 1 has size 100",
            "take(a, i, axis=1)",
        ),
    ] {
        let [(cpu_out, cpu), (out, errors)] = both(&format!("{x}\n{program}"));
        assert!(out.is_empty() && cpu_out.is_empty(), "{program}: {cpu_out}{out}");
        assert!(errors.contains(message) && errors.contains(place), "{program}: {errors}");
        let first = |text: &str| text.lines().take(2).map(str::to_string).collect::<Vec<_>>();
        assert_eq!(first(&cpu), first(&errors), "{program}\n{cpu}\n{errors}");
    }
}

#[test]
fn what_fails_spoils_only_what_is_made_of_it() {
    with_stack(|| {
        let Some(_) = software() else { return };
        let mut run = session();
        run("x = force(tensor(arange(5000)) * 1); n = force(x - 77); p = force(x * 0 + 3)");
        assert_eq!(
            run("bad = force(x // n); good = force(x // p); worse = force(bad + good); fine = force(good * 2);"),
            (None, 0)
        );
        let zero = Some(ZERO.to_string());
        for _ in 0..2 {
            assert_eq!(run("worse").0, zero);
            assert_eq!(run("bad[3]").0, zero);
            assert_eq!(run("for b in bad { print(b) }").0, zero);
            assert_eq!(run("s = 0; for i in 0..50 { s = s + bad[i] }; s").0, zero);
            assert_eq!(run("bad[3] = 5; bad").0, zero);
            assert_eq!(run("to(worse, \"cpu\") + 1").0, zero);
            assert_eq!(run("array(bad)").0, zero);
            assert_eq!(run("if all(worse > 0) { 1 } else { 2 }").0, zero);
            assert_eq!(run("sort(worse)").0, zero);
            assert_eq!(run("solve(f32(bad)[:4].reshape(2, 2), f32(x)[:2])").0, zero);
        }
        assert_eq!(run("assert all(array(good) == array(x) // 3) and all(array(fine) == array(x) // 3 * 2)").0, None);
        // The first that failed is the one that is told.
        assert_eq!(run("a = force(take(x, x * 2)); b = force(x % n); c = force(b + a);").0, None);
        assert_eq!(run("c").0, Some("index 5000 is out of range: axis 0 has size 5000".to_string()));
        assert_eq!(run("b").0, zero);
        // What is put over it is good again.
        assert_eq!(run("bad = x // p; assert sum(bad) == sum(array(x) // 3)").0, None);
        assert_eq!(run("a = 0; b = 0; c = 0; worse = 0;"), (None, 0));
        assert_eq!(run("sum(x // p)").0, None);
        assert_eq!(doubt::kept(), 0);
    });
}

/// An input that changes its name's value later is found as it was.
#[test]
fn inputs_stay_as_they_were() {
    with_stack(|| {
        let Some(_) = software() else { return };
        let mut run = session();
        run("x = force(tensor(arange(5000)) * 1); n = tensor(arange(5000)) - 77; force(n); m = force(n * 1)");
        assert_eq!(run("y = force(x // n); z = force(x // m); n[77] = 1; m[[77]] = 1;").0, None);
        assert_eq!(run("y").0, Some(ZERO.to_string()));
        assert_eq!(run("z + 1").0, Some(ZERO.to_string()));
        assert_eq!(run("assert sum(x // n) == sum(x // m)").0, None);
    });
}

#[test]
fn nobody_waits_between_launches() {
    with_stack(|| {
        let Some(_) = software() else { return };
        let mut run = session();
        run("x = force(tensor(arange(5000)) * 1); i = force(x * 7 % 4999); n = force(x * 0 + 2)");
        let picks = "for k in 0..20 { i = take(x, i); i = x[i]; y = i // n; x = scatter_add(x, i, y * 0) }; force(x)";
        assert_eq!(run(&format!("{picks}; none")), (None, 0));
        assert_eq!(run("assert sum(i) == sum(array(arange(5000)) * 7 % 4999)").0, None);
        assert!(run("i[3]").1 <= 1);
    });
}

/// Many launches in doubt keep little memory: what is known to be fine lets go.
#[test]
fn memory_stays_flat() {
    if software().is_none() {
        return;
    }
    // 3000 arrays of 400 kB in a device of 250 MB.
    let text = "x = force(tensor(arange(50000)) * 1); n = force(x * 0 + 1); for k in 0..3000 { x = x // n }; sum(x)";
    let (out, errors) = nevel("nocache,memory=250000000", &["-e", &format!("default_device(\"vulkan:cpu\"); {text}")]);
    assert_eq!((out.trim(), errors.as_str()), ("1249975000", ""));
    // Of those that failed and that somebody holds only so many are kept.
    let text = "x = force(tensor(arange(5000)) * 1); all = []; for k in 0..600 { all = (...all, force(x // x)) }; 1";
    with_stack(|| {
        assert_eq!(session()(text).0, None);
        assert!(doubt::kept() <= 256, "{}", doubt::kept());
    });
}

/// A device that is lost before anybody looked tells that it was lost, not that a launch failed.
#[test]
fn a_lost_device_is_no_fault_of_a_launch() {
    if software().is_none() {
        return;
    }
    let text = "x = force(tensor(arange(5000)) * 1); y = x; for k in 0..9 { y = force(y // x) }; sum(y)";
    let (out, errors) = nevel("nocache,lose=6", &["-e", &format!("default_device(\"vulkan:cpu\"); {text}")]);
    assert!(out.is_empty() && errors.contains("was lost"), "{out}{errors}");
}
