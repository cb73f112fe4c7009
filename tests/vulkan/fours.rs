//! Folds whose threads read four elements at a time, wherever in its memory an array begins.

use super::*;

/// Elements `start..` of a line, as rows.
fn rows(place: Place, dtype: DType, start: usize, shape: &[usize]) -> Expr {
    let n: usize = shape.iter().product();
    let before: Vec<f64> = (0..start).map(|i| 1e3 + i as f64).collect();
    let line: Vec<f64> = before.into_iter().chain(ordinary(n, 2.0)).chain([7e3; 3]).collect();
    let all = Expr::from_host(host_of(dtype, &line, &[line.len()]), place);
    ops::reshape(&ops::slice(&all, 0usize, start, n, 1i64), Attr::ints(shape.iter().map(|&d| d as i64)))
}

#[test]
fn folds_by_fours_are_the_same() {
    start();
    let Some(place) = software() else { return };
    for dtype in [DType::F32, DType::F16] {
        // Rows that a group has to itself, and one that is cut into chunks of no multiple of four.
        for shape in [&[520usize, 8196][..], &[1, 4_200_004]] {
            let last = shape.len() - 1;
            let made = |place: Place, start: usize| -> Vec<Vec<f64>> {
                let x = rows(place, dtype, start, shape);
                let step = Expr::from_host(host_of(DType::F32, &ordinary(shape[last], 0.5), &[shape[last]]), place);
                // Alone, with what computes its elements, beside one that is stretched, and several at once.
                let all = [
                    ops::sum(&x, last, false),
                    ops::sum(&(ops::exp(&x) * &step), last, true),
                    ops::max(&(&x - 1.0), last, false),
                    ops::min(&x, last, false),
                    ops::sum(&(&x * &x), last, false),
                ];
                engine::force(&all).expect("computes");
                all.iter().map(|e| e.host().expect("is there").to_f64s().expect("room")).collect()
            };
            let (cpu, there) = (made(Place::CPU, 0), made(place, 0));
            for (k, (a, b)) in cpu.iter().flatten().zip(there.iter().flatten()).enumerate() {
                let room = if dtype == DType::F16 { 2e-3 } else { 2e-5 };
                // What is added up is larger than its sum.
                let size = 1.0 + a.abs() + 1e-4 * shape.iter().product::<usize>() as f64;
                assert!(a == b || (a - b).abs() <= room * size, "{dtype}{shape:?} result {k}: cpu {a}, vulkan {b}");
            }
            // Four loads of one, in the same order, where one load of four cannot be.
            for start in [1, 4] {
                assert_eq!(made(place, start), there, "{dtype}{shape:?} from {start}");
            }
        }
    }
}

#[test]
fn long_rows_are_read_by_fours() {
    start();
    let text = |dtype: DType, shape: &[usize]| {
        let x = array(shape, dtype);
        let sum = [ops::sum(&(&x * 2.0), shape.len() - 1, false)];
        assert!(compiled(&sum, &Caps::all(), "a sum") > 0);
        let p = kernels(&sum);
        wgsl(&Caps::all(), &p.kernels[0], &p.slots)
    };
    assert_eq!(text(DType::F32, &[600, 8192]).iter().filter(|t| t.contains("array<vec4<f32>>")).count(), 1);
    assert_eq!(text(DType::F32, &[600, 8192]).len(), 2);
    assert_eq!(text(DType::F16, &[600, 8192]).len(), 2);
    assert!(!text(DType::F32, &[600, 8191])[0].contains("vec4"));
}
