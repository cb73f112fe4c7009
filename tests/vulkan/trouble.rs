//! What goes wrong on a device, and how the session goes on.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn a_compiler_that_panics_leaves_a_working_session() {
    if software().is_none() {
        return;
    }
    let lines = "x = tensor(arange(3000), dtype=f32, device=\"vulkan:cpu\"); y = x * 2 + 1; print(sum(y), device(y))\n\
                 print(y[2999], sum(sort(y)))";
    let (out, errors) = nevel("panic,nocache", &["-e", lines]);
    assert_eq!(out, "9000000 vulkan:cpu\n5999 9000000\n", "{errors}");
    let note = "note: vulkan:cpu: a kernel does not compile, so the CPU computes it: the compiler of kernels panicked: \
                kernels make the compiler panic (NEVEL_VULKAN=panic)\n";
    assert_eq!(errors, note);
}

#[test]
fn what_does_not_compile_is_said_once() {
    if software().is_none() {
        return;
    }
    let line = "x = tensor(ones(3000), device=\"vulkan:cpu\"); print(sum(x + 1)); print(sum(x * 3))";
    let (out, errors) = nevel("nocompile,nocache", &["-e", line]);
    assert_eq!(out, "6000\n9000\n");
    assert_eq!(errors.matches("does not compile").count(), 1, "{errors}");
}

/// While the device computes, Ctrl-C is heard: the waiting ends, whatever the device still does.
#[test]
fn control_c_stops_waiting_for_the_device() {
    if software().is_none() {
        return;
    }
    for program in [
        "x = tensor(ones(1500, 1500), dtype=f32, device=\"vulkan:cpu\"); print(1)\nwhile true { y = x @ x; sum(y) > 0 }",
        "x = tensor(ones(10^6), dtype=f32, device=\"vulkan:cpu\"); print(1)\nwhile true { y = sort(sin(x)); sum(y) > 0 }",
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nevel"));
        command.args(["-e", program]).env("NEVEL_VULKAN", "nocache").env_remove("NEVEL_DEVICE");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(2500));
        assert!(child.try_wait().expect("it can be asked").is_none(), "{program} was done already");
        let start = Instant::now();
        // SAFETY: a plain call, to a child of this process.
        unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
        let status = loop {
            if let Some(status) = child.try_wait().expect("it can be asked") {
                break status;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{program} goes on");
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(status.code(), Some(130), "{program}");
        assert!(start.elapsed() < Duration::from_secs(2), "{program}: {:?}", start.elapsed());
    }
}

/// A device that is lost in the middle of a session: what the host has goes on.
#[test]
fn a_device_lost_later_keeps_what_the_host_has() {
    if software().is_none() {
        return;
    }
    let lines = "x = tensor(arange(3000), dtype=f32, device=\"vulkan:cpu\"); print(sum(x * 2)); y = x * 3\n\
                 r = try { force(y); print(sum(y)); \"fine\" } catch err { err.message }\n\
                 print(find(r, \"was lost\") > 0); print(sum(array(x)), sum(to(x, \"cpu\") * 2))\n\
                 print(try { force(sum(array(x + 1))); 6 } catch err { 7 })";
    let (out, errors) = nevel("lose=2,nocache", &["-e", lines]);
    assert_eq!(out, "8997000\ntrue\n4498500 8997000\n7\n", "{errors}");
}

/// What lies idle is given back before memory is said to have run out: these sizes never fit all at once.
#[test]
fn idle_memory_is_given_back_first() {
    if software().is_none() {
        return;
    }
    let lines = "s = 0; for n in [1, 2, 3, 4, 5, 6] { x = tensor(ones(n * 100000), dtype=f32, device=\"vulkan:cpu\")\n\
                 y = x + n; s += sum(y); x = 0; y = 0 }\nprint(s)";
    let (out, errors) = nevel("memory=6000000,nocache", &["-e", lines]);
    assert_eq!(out, "11200000\n", "{errors}");
}

/// On a card bytes travel in pieces, there and back, a few at a time.
#[test]
fn long_arrays_travel_in_pieces() {
    if software().is_none() {
        return;
    }
    let lines = "n = 5 * 10^6 + 3; x = tensor(arange(n), device=\"vulkan:cpu\"); y = array(x * 3 + 1)\n\
                 print(sum(y == arange(n) * 3 + 1) == n, y[0], y[-1])";
    let (out, errors) = nevel("staging,nocache", &["-e", lines]);
    assert_eq!(out, "true 1 15000007\n", "{errors}");
}
