// Sorting: elements as words whose order as unsigned ints is the order wanted, and back. The largest word is a nan, last in
// both directions. The CPU makes the same words.

fn key_f32(x: f32, down: u32) -> u32 {
    if isnan_f32(x) { return 0xffffffffu; }
    let bits = bitcast<u32>(x);
    let key = select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
    return select(key, ~key, down != 0u);
}
fn element_f32(word: u32, down: u32) -> f32 {
    if word == 0xffffffffu { return nan_f32(); }
    let key = select(word, ~word, down != 0u);
    return bitcast<f32>(select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u));
}
fn key_f64(x: f64, down: u32) -> u64 {
    if isnan_f64(x) { return 0xfffffffffffffffflu; }
    let bits = bitcast<u64>(x);
    let key = select(bits | 0x8000000000000000lu, ~bits, (bits & 0x8000000000000000lu) != 0lu);
    return select(key, ~key, down != 0u);
}
fn element_f64(word: u64, down: u32) -> f64 {
    if word == 0xfffffffffffffffflu { return bitcast<f64>(0x7ff8000000000000lu); }
    let key = select(word, ~word, down != 0u);
    return bitcast<f64>(select(~key, key & 0x7ffffffffffffffflu, (key & 0x8000000000000000lu) != 0lu));
}
fn key_i64(x: i64, down: u32) -> u64 {
    let key = bitcast<u64>(x) ^ 0x8000000000000000lu;
    return select(key, ~key, down != 0u);
}
fn element_i64(word: u64, down: u32) -> i64 {
    return bitcast<i64>(select(word, ~word, down != 0u) ^ 0x8000000000000000lu);
}
fn key_bool(x: bool, down: u32) -> u32 { return select(0u, 1u, x != (down != 0u)); }
fn element_bool(word: u32, down: u32) -> bool { return (word != 0u) != (down != 0u); }

// -0 made 0, by its bits: the hardware may take subnormal numbers for zero.
fn plain_f32(x: f32) -> f32 { return select(x, 0.0, bitcast<u32>(x) == 0x80000000u); }
fn plain_f64(x: f64) -> f64 { return select(x, 0.0lf, bitcast<u64>(x) == 0x8000000000000000lu); }
fn plain_i64(x: i64) -> i64 { return x; }
fn plain_bool(x: bool) -> bool { return x; }
