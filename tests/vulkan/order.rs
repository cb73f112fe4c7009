//! Sorts on the device, and what needs them: the CPU's results to the bit.

use super::*;

/// Elements with everything that is hard to put in order.
fn unsorted(dtype: DType, shape: &[usize]) -> Host {
    let n: usize = shape.iter().product();
    let odd = [f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, -f64::NAN, 1e-42, -1e-42];
    let value = |i: usize| match i % 11 {
        0 => odd[i / 11 % odd.len()],
        1 => (i % 5) as f64,
        _ => (((i * 7919 + i / 13) % 100_003) as f64 - 50_000.0) * 0.37,
    };
    let values: Vec<f64> = (0..n).map(value).collect();
    match dtype {
        DType::I64 => {
            let ends = [i64::MIN, i64::MAX, -1, 0];
            let ints = (0..n).map(|i| if i % 9 == 0 { ends[i / 9 % 4] } else { values[i] as i64 * 1_000_003 });
            Host::from_slice(Shape::new(shape), &ints.collect::<Vec<_>>()).expect("fits")
        }
        _ => host_of(dtype, &values, shape),
    }
}

/// Bits, with all nan alike.
fn bits(h: &Host) -> Vec<u64> {
    match h.dtype {
        DType::Bool => h.to_vec::<bool>().expect("room").into_iter().map(u64::from).collect(),
        DType::I64 => h.to_vec::<i64>().expect("room").into_iter().map(|x| x as u64).collect(),
        _ => h.to_f64s().expect("room").into_iter().map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).collect(),
    }
}

#[test]
fn sorts_are_the_same() {
    start();
    let Some(place) = software() else { return };
    // Lines that one group sorts, one that just fits, longer ones, and of several blocks; alone, and beside others.
    let cases: &[(&[usize], usize)] = &[
        (&[1], 0),
        (&[7], 0),
        (&[1000, 3], 1),
        (&[1024], 0),
        (&[1025], 0),
        (&[3, 1500], 1),
        (&[1500, 3], 0),
        (&[2, 4099, 2], 1),
        (&[40_000], 0),
        (&[5, 40, 3], 1),
    ];
    for dtype in DType::all() {
        for (shape, axis) in cases {
            let host = unsorted(dtype, shape);
            for down in [false, true] {
                let both = |place: Place| {
                    let x = Expr::from_host(host.clone(), place);
                    let turned = ops::flip(&x, Attr::None);
                    let results = [
                        ops::sort(&x, *axis, down, true),
                        ops::argsort(&x, *axis, down, true),
                        ops::argsort(&turned, *axis, down, true),
                    ];
                    results.map(|e| bits(&e.host().expect("sorts")))
                };
                let (cpu, gpu) = (both(Place::CPU), both(place));
                for (k, (cpu, gpu)) in cpu.iter().zip(&gpu).enumerate() {
                    let differs = cpu.iter().zip(gpu).position(|(a, b)| a != b);
                    assert_eq!(differs, None, "result {k} of {dtype}{shape:?} along {axis}, down: {down}");
                }
            }
        }
    }
}

/// What sorts by way of the primitives runs on the device too.
#[test]
fn sorts_run_on_the_device() {
    start();
    let Some(place) = software() else { return };
    let x = relocate(&array(&[100, 3000], DType::F32), place).expect("moves");
    let order = ops::argsort(&(&x * &x), 0i64, false, true);
    let (_, p) = plan::plan_of(&[ops::sort(&x, 1i64, true, true), order]).expect("plans");
    assert!(p.devices.iter().all(|&d| d == place.device()), "{}", plan::print::plan(&p));
}

/// Puts by indices that are only on the device sort them there: they do not come back.
#[test]
fn puts_by_indices_of_the_device_stay_there() {
    with_stack(|| {
        let Some(place) = software() else { return };
        start();
        let n = 20_000usize;
        let picks: Vec<i64> = (0..n as i64).map(|i| (i * 7919) % 601 - 300).collect();
        let values = host_of(DType::F32, &ordinary(n * 2, 2.0), &[n, 2]);
        let run = |place: Place, add: bool| {
            let x = Expr::from_host(host_of(DType::F32, &ordinary(1202, 1.0), &[601, 2]), place);
            let i = Expr::from_host(Host::from_slice(Shape::new(&[n]), &picks).expect("fits"), place);
            let v = Expr::from_host(values.clone(), place);
            // Made by a kernel: the host has not got them.
            let i = &i + &Expr::weak(0i64);
            engine::force(std::slice::from_ref(&i)).expect("computes");
            let before = device::vulkan::moved()[1];
            let y = match add {
                true => ops::scatter_add(&x, &v, &[i]),
                false => apply(&ops::SCATTER, &[x, v, i], Attrs::new()).expect("builds"),
            };
            engine::force(std::slice::from_ref(&y)).expect("computes");
            let back = device::vulkan::moved()[1] - before;
            (y.host().expect("is there").to_f64s().expect("room"), back)
        };
        for add in [true, false] {
            let ((cpu, _), (there, back)) = (run(Place::CPU, add), run(place, add));
            assert!(back < 100, "{back} bytes came back");
            for (i, (a, b)) in cpu.iter().zip(&there).enumerate() {
                assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "add: {add}, element {i}: cpu {a}, vulkan {b}");
            }
        }
    });
}

#[test]
fn a_put_out_of_range_names_the_index() {
    start();
    let Some(place) = software() else { return };
    let on = |place: Place| {
        let i = &Expr::from_host(host_of(DType::I64, &[3.0, 700.0, 699.0], &[3]), place) + &Expr::weak(0i64);
        engine::force(std::slice::from_ref(&i)).expect("computes");
        let x = Expr::from_host(host_of(DType::F32, &ordinary(700, 1.0), &[700]), place);
        let y = ops::scatter_add(&x, &Expr::from_host(host_of(DType::F32, &[1.0, 2.0, 3.0], &[3]), place), &[i]);
        y.host().err().expect("there are only 700").message.clone()
    };
    assert_eq!(on(place), "index 700 is out of range: axis 0 has size 700");
    assert_eq!(on(place), on(Place::CPU));
}

/// What is only on the device is changed there.
#[test]
fn an_assignment_by_indices_stays_on_the_device() {
    with_stack(|| {
        let Some(_) = software() else { return };
        let mut session = Session::new(Options::default());
        let mut run = |text: &str| {
            let outcome = session.run_cell("<assignment>", text);
            assert!(outcome.faults.is_empty(), "{text}: {}", outcome.faults[0].message);
        };
        run(
            "x = tensor(reshape(arange(60000), 200, 300), dtype=f32, device=\"vulkan:cpu\") * 2; force(x); i = [3, 199, 3]",
        );
        let before = device::vulkan::moved()[1];
        run("x[i] = tensor([[1.0], [2.0], [5.0]], dtype=f32, device=\"vulkan:cpu\"); x[:, [0, -1]] = 7; force(x)");
        assert!(device::vulkan::moved()[1] - before < 1000, "{}", device::vulkan::moved()[1] - before);
        run(
            "a = array(x); assert a[3, 5] == 5 and a[199, 7] == 2 and a[3, 0] == 7 and a[50, 299] == 7 and a[50, 9] == 30018",
        );
    });
}
