//! Assignments to parts that ints and slices name: made where the array is, with the CPU's results.

use super::*;

/// What a program shows on both devices, `{d}` standing for the device.
fn both(program: &str, switches: &str) -> [(String, String); 2] {
    ["cpu", "vulkan:cpu"].map(|d| nevel(switches, &["-e", &program.replace("{d}", d)]))
}

#[test]
fn parts_are_the_same() {
    if software().is_none() {
        return;
    }
    let mut program = String::new();
    for dtype in ["bool", "i64", "f16", "f32", "f64"] {
        // Sizes that fill words and that do not; few values, many, of one number, of the host, of the device, stretched.
        program += &format!(
            "x = force(tensor(reshape(arange(1001), 7, 11, 13) % 3, device=\"{{d}}\", dtype={dtype}) * 1)
             x = force({dtype}(x))
             one = {dtype}(tensor(1, device=\"{{d}}\"))
             v = force({dtype}(tensor(arange(143) % 2, device=\"{{d}}\").reshape(11, 13)) * one)
             v = force({dtype}(v))
             y = x; x[0, 0, 0] = one; x[-1, 3, -2] = true; x[2, 1] = false; x[3:5, 2, 1:12:5] = true
             x[6] = v; x[5, ::-1] = v; x[4, :, ::-3] = v[:, 1:6]; x[::2, -1, 3] = one; x[1:3] = v[0]
             x[:, :, 12] = array(v)[:, 2]; x[0:0] = true; x[2:6, 5:2:-1, 4] = v[3:6, 3]; x[3, ..., 7] = v[2, 2]
             x[0, :, none, 3:5] = v[:, none, 7:9]; x[1:, 1:, 1:] = x[:-1, :-1, :-1]
             print(sum(y), sum(x)); print(ravel(x)[:500]); print(ravel(x)[500:])
             z = x; z[...] = true; z[3] = false; print(sum(z), sum(x)); x[:] = v; print(sum(x, axis=0))
             w = x[2:4]; x = 0; w[1, 2] = true; w[0, :, 1::3] = false; print(w)\n",
        );
    }
    for switches in ["nocache", "nocache,nopush,staging", "nocache,range=1024"] {
        let [(cpu, a), (there, b)] = both(&program, switches);
        assert!(a.is_empty() && b.is_empty() && cpu.len() > 10_000, "{a}{b}");
        for (cpu, there) in cpu.lines().zip(there.lines()) {
            assert_eq!(cpu, there, "{switches}");
        }
        assert_eq!(cpu.len(), there.len());
    }
}

#[test]
fn faults_are_the_same() {
    if software().is_none() {
        return;
    }
    for line in [
        "x[3] = 1",
        "x[0, -5] = 1",
        "x[:, 4] = x[:, 0]",
        "x[0] = [1.0, 2.0]",
        "x[0, 1] = [1.0, 2.0]",
        "x[0, 1, 2] = 1",
        "x[1] = \"text\"",
        "b = force(x > 3); b[0, 1] = 2.5",
        "i = force(i64(x)); i[:, 1] = 2.5",
    ] {
        let program = format!("x = force(tensor(reshape(arange(12), 3, 4), device=\"{{d}}\", dtype=f32) * 2)\n{line}");
        let [(_, cpu), (_, there)] = both(&program, "nocache").map(|(out, e)| (out, e.replace(" vulkan:cpu", "")));
        assert!(there.contains("error"), "{line}: {there}");
        let plain = |e: &str| e.lines().take(2).map(str::to_string).collect::<Vec<_>>();
        assert_eq!(plain(&cpu), plain(&there), "{cpu}{there}");
    }
}

/// A loop with assignments moves nothing and waits for nobody.
#[test]
fn the_array_stays_on_the_device() {
    with_stack(|| {
        let Some(_) = software() else { return };
        let mut session = Session::new(Options::default());
        let mut run = |text: &str| {
            let (before, waits) = (device::vulkan::moved(), device::vulkan::waited());
            let outcome = session.run_cell("<assign>", text);
            assert!(outcome.faults.is_empty(), "{text}: {}", outcome.faults[0].message);
            let moved = device::vulkan::moved();
            (moved[0] - before[0] + moved[1] - before[1], device::vulkan::waited() - waits)
        };
        run("default_device(\"vulkan:cpu\"); x = force(tensor(zeros(3000000)) + 1); y = force(x[:2000] * 3)");
        // Behind the loop's own writes stands what reads them; what is shared is copied once, there.
        let turn = "x[i] = i; x[i + 5000:i + 5010] = 7; x[20000:22000] = y; x[-1] = 5; s = s + x[:10]";
        let before = "s = force(tensor(zeros(10)) * 1); z = x";
        assert_eq!(run(&format!("{before}; for i in 0..2000 {{ {turn} }}; none")), (0, 0));
        let sum = "2000 * 1999 / 2 + 2009 * 7 + 2000 * 3 + 5 + 3000000 - 2000 - 2009 - 2000 - 1";
        run(&format!("assert sum(f64(x)) == {sum}; assert all(array(z) == 1)"));
        run("assert array(s)[0] == 0 and array(s)[1] == 1999 + 1 and array(s)[9] == 9 * 1991 + 9");
        // What the host made and the device has read is changed there too, and is not sent again and again.
        run("t = tensor(arange(100000), dtype=f32); u = force(t * 2)");
        let (moved, waits) = run("for i in 0..100 { t[i] = 1; u = u + t }; none");
        assert!(moved <= 400_000 && waits == 0, "{moved} bytes, {waits} waits");
        run("assert array(u)[100] == 102 * 100 and array(u)[99] == 99 * 101 + 1 and array(t)[3] == 1");
    });
}
