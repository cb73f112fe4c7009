// Values from positions: the CPU's stream of random numbers, bit for bit (Philox 4x32-10), and steps.

// The high word of a product.
fn high_u32(a: u32, b: u32) -> u32 {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & 0xffffu;
    let bh = b >> 16u;
    let low = al * bl;
    let m1 = ah * bl + (low >> 16u);
    let m2 = al * bh + (m1 & 0xffffu);
    return ah * bh + (m1 >> 16u) + (m2 >> 16u);
}

fn philox_u32(counter: u32, key: i64) -> vec4<u32> {
    var x = vec4<u32>(counter, 0u, 0u, 0u);
    var k0 = u32(bitcast<u64>(key) & 0xfffffffflu);
    var k1 = u32(bitcast<u64>(key) >> 32u);
    for (var i = 0; i < 10; i++) {
        let p = 0xD2511F53u * x.x;
        let ph = high_u32(0xD2511F53u, x.x);
        let q = 0xCD9E8D57u * x.z;
        let qh = high_u32(0xCD9E8D57u, x.z);
        x = vec4<u32>(qh ^ x.y ^ k0, q, ph ^ x.w ^ k1, p);
        k0 = k0 + 0x9E3779B9u;
        k1 = k1 + 0xBB67AE85u;
    }
    return x;
}

fn unit_f32(w: u32) -> f32 { return f32(w >> 8u) * (1.0 / 16777216.0); }

fn random_uniform_f32(at: u32, key: i64) -> f32 { return unit_f32(philox_u32(at >> 2u, key)[at & 3u]); }

fn random_normal_f32(at: u32, key: i64) -> f32 {
    let w = philox_u32(at >> 2u, key);
    let a = select(w.x, w.z, (at & 2u) != 0u);
    let b = select(w.y, w.w, (at & 2u) != 0u);
    let r = sqrt(-2.0 * log_f32(1.0 - unit_f32(a)));
    let t = 6.2831855 * unit_f32(b);
    return r * select(cos_f32(t), sin_f32(t), (at & 1u) != 0u);
}

fn pair_u64(at: u32, key: i64) -> u64 {
    let w = philox_u32(at >> 1u, key);
    return select((u64(w.x) << 32u) | u64(w.y), (u64(w.z) << 32u) | u64(w.w), (at & 1u) != 0u);
}

fn random_uniform_f64(at: u32, key: i64) -> f64 { return f64(pair_u64(at, key) >> 11u) * (1.0lf / 9007199254740992.0lf); }
fn random_bits_i64(at: u32, key: i64) -> i64 { return bitcast<i64>(pair_u64(at, key) >> 1u); }

// In f64 and rounded once, as the CPU does.
fn iota_f32(at: u32, start: f32, step: f32) -> f32 { return f32(f64(start) + f64(step) * f64(at)); }
fn iota_f64(at: u32, start: f64, step: f64) -> f64 { return start + step * f64(at); }
fn iota_i64(at: u32, start: i64, step: i64) -> i64 { return start + step * i64(at); }
