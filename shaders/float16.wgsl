// f16: values of f32 that have one. In memory they are f16, in registers f32; only `to_f16` rounds, by integers, so that
// no driver's way of rounding shows, and what is stored is stored exactly.

fn to_f16_f32(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let size = bits & 0x7fffffffu;
    // Beside 0.5 an f32 counts in steps of 2^-24, as small f16 do: the addition rounds.
    let small = f32(bitcast<u32>(bitcast<f32>(size) + 0.5) - 0x3f000000u) * (1.0 / 16777216.0);
    let kept = (size + 0xfffu + ((size >> 13u) & 1u)) & 0xffffe000u;
    let large = select(kept, 0x7f800000u, kept >= 0x47800000u);
    let rest = select(large, bitcast<u32>(small), size < 0x38800000u);
    return bitcast<f32>((bits & 0x80000000u) | select(rest, size | 0x400000u, size > 0x7f800000u));
}
fn to_f16_f16(x: f32) -> f32 { return x; }
fn to_f16_bool(x: bool) -> f32 { return select(0.0, 1.0, x); }
// What no f32 holds exactly is made odd in it, so that no tie comes of it.
fn to_f16_f64(x: f64) -> f32 {
    let near = f32(x);
    let back = f64(near);
    if back == x || isnan_f64(x) || isinf_f32(near) { return to_f16_f32(near); }
    let bits = bitcast<u32>(near) - select(0u, 1u, abs(back) > abs(x));
    return to_f16_f32(bitcast<f32>(bits | 1u));
}
// Beyond 2^24, where an f32 holds not all ints, all are infinite.
fn to_f16_i64(x: i64) -> f32 { return to_f16_f32(f32(x)); }
fn to_bool_f16(x: f32) -> bool { return !(x == 0.0); }
fn to_i64_f16(x: f32) -> i64 { return to_i64_f32(x); }
fn to_f32_f16(x: f32) -> f32 { return x; }
fn to_f64_f16(x: f32) -> f64 { return f64(x); }

fn iota_f16(at: u32, start: f32, step: f32) -> f32 { return to_f16_f64(f64(start) + f64(step) * f64(at)); }
fn random_uniform_f16(at: u32, key: i64) -> f32 { return f32(philox_u32(at >> 2u, key)[at & 3u] >> 21u) * (1.0 / 2048.0); }
fn random_normal_f16(at: u32, key: i64) -> f32 { return to_f16_f32(random_normal_f32(at, key)); }
