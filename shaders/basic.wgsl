// Arithmetic, comparison, bits and conversion, by dtype: name_dtype(...). Each means what the CPU's formula means: nan falls
// on the same side, zero keeps its sign, ints wrap. A kernel holds only the functions that it calls.

// Set where something goes wrong; the kernel's end writes it where the host finds it.
var<private> trouble: u32 = 0u;

fn isnan_f32(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn isinf_f32(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }
fn isfinite_f32(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
fn isnan_f64(x: f64) -> bool { return (bitcast<u64>(x) & 0x7ffffffffffffffflu) > 0x7ff0000000000000lu; }
fn isinf_f64(x: f64) -> bool { return (bitcast<u64>(x) & 0x7ffffffffffffffflu) == 0x7ff0000000000000lu; }
fn isfinite_f64(x: f64) -> bool { return (bitcast<u64>(x) & 0x7ff0000000000000lu) != 0x7ff0000000000000lu; }
fn isnan_i64(x: i64) -> bool { return false; }
fn isinf_i64(x: i64) -> bool { return false; }
fn isfinite_i64(x: i64) -> bool { return true; }
fn isnan_bool(x: bool) -> bool { return false; }
fn isinf_bool(x: bool) -> bool { return false; }
fn isfinite_bool(x: bool) -> bool { return true; }

fn inf_f32() -> f32 { return bitcast<f32>(0x7f800000u); }
fn nan_f32() -> f32 { return bitcast<f32>(0x7fc00000u); }

// The magnitude of x with the sign of y.
fn signed_f32(x: f32, y: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(y) & 0x80000000u));
}
fn signed_f64(x: f64, y: f64) -> f64 {
    return bitcast<f64>((bitcast<u64>(x) & 0x7ffffffffffffffflu) | (bitcast<u64>(y) & 0x8000000000000000lu));
}

fn less_f32(a: f32, b: f32) -> bool { return a < b; }
fn less_f64(a: f64, b: f64) -> bool { return a < b; }
fn less_i64(a: i64, b: i64) -> bool { return a < b; }
fn less_bool(a: bool, b: bool) -> bool { return !a & b; }
fn less_equal_f32(a: f32, b: f32) -> bool { return a <= b; }
fn less_equal_f64(a: f64, b: f64) -> bool { return a <= b; }
fn less_equal_i64(a: i64, b: i64) -> bool { return a <= b; }
fn less_equal_bool(a: bool, b: bool) -> bool { return !a | b; }

fn larger_f32(a: f32, b: f32) -> f32 { return select(b, a, a >= b || isnan_f32(a)); }
fn larger_f64(a: f64, b: f64) -> f64 { return select(b, a, a >= b || isnan_f64(a)); }
fn larger_i64(a: i64, b: i64) -> i64 { return select(b, a, a > b); }
fn larger_bool(a: bool, b: bool) -> bool { return a | b; }
fn smaller_f32(a: f32, b: f32) -> f32 { return select(b, a, a <= b || isnan_f32(a)); }
fn smaller_f64(a: f64, b: f64) -> f64 { return select(b, a, a <= b || isnan_f64(a)); }
fn smaller_i64(a: i64, b: i64) -> i64 { return select(b, a, a < b); }
fn smaller_bool(a: bool, b: bool) -> bool { return a & b; }

fn abs_f32(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0x7fffffffu); }
fn abs_f64(x: f64) -> f64 { return bitcast<f64>(bitcast<u64>(x) & 0x7ffffffffffffffflu); }
fn abs_i64(x: i64) -> i64 { return select(x, -x, x < 0li); }
fn sign_f32(x: f32) -> f32 { return select(select(x, -1.0, x < 0.0), 1.0, x > 0.0); }
fn sign_f64(x: f64) -> f64 { return select(select(x, -1.0lf, x < 0.0lf), 1.0lf, x > 0.0lf); }
fn sign_i64(x: i64) -> i64 { return select(select(0li, -1li, x < 0li), 1li, x > 0li); }

fn floor_f32(x: f32) -> f32 { return signed_f32(floor(x), x); }
fn ceil_f32(x: f32) -> f32 { return signed_f32(ceil(x), x); }
fn round_f32(x: f32) -> f32 { return signed_f32(round(x), x); }
fn trunc_f32(x: f32) -> f32 { return signed_f32(trunc(x), x); }
fn floor_f64(x: f64) -> f64 { return signed_f64(floor(x), x); }
fn ceil_f64(x: f64) -> f64 { return signed_f64(ceil(x), x); }
// By way of floor: some drivers' round and trunc of f64 are wrong (lavapipe's on CPUs with AVX2 only: 1.5 became 1).
fn round_f64(x: f64) -> f64 {
    let a = abs_f64(x);
    let below = floor(a);
    let rest = a - below;
    let odd = below - 2.0lf * floor(below * 0.5lf) == 1.0lf;
    let up = rest > 0.5lf || (rest == 0.5lf && odd);
    return signed_f64(select(below, below + 1.0lf, up), x);
}
fn trunc_f64(x: f64) -> f64 { return signed_f64(floor(abs_f64(x)), x); }
fn floor_i64(x: i64) -> i64 { return x; }
fn ceil_i64(x: i64) -> i64 { return x; }
fn round_i64(x: i64) -> i64 { return x; }
fn trunc_i64(x: i64) -> i64 { return x; }

fn sqrt_f32(x: f32) -> f32 { return sqrt(x); }
fn sqrt_f64(x: f64) -> f64 { return sqrt(x); }

// The exact remainder of a division that truncates (C's fmod): bit by bit, as the quotient of floats may have 277 of them.
fn fmod_f32(a: f32, b: f32) -> f32 {
    let ua = bitcast<u32>(a) & 0x7fffffffu;
    let ub = bitcast<u32>(b) & 0x7fffffffu;
    if ub == 0u || ua >= 0x7f800000u || ub > 0x7f800000u { return nan_f32(); }
    if ua < ub { return a; }
    if ua == ub { return signed_f32(0.0, a); }
    var ea = i32(ua >> 23u);
    let eb = max(i32(ub >> 23u), 1);
    var ma = select((ua & 0x7fffffu) | 0x800000u, ua & 0x7fffffu, ea == 0);
    let mb = select((ub & 0x7fffffu) | 0x800000u, ub & 0x7fffffu, (ub >> 23u) == 0u);
    ea = max(ea, 1);
    ma = ma % mb;
    for (var e = ea; e > eb && ma != 0u; e--) { ma = (ma << 1u) % mb; }
    if ma == 0u { return signed_f32(0.0, a); }
    // ma * 2^(eb - 150), made normal again.
    let shift = i32(countLeadingZeros(ma)) - 8;
    var bits = 0u;
    if eb > shift { bits = ((ma << u32(shift)) & 0x7fffffu) | (u32(eb - shift) << 23u); } else { bits = ma << u32(eb - 1); }
    return signed_f32(bitcast<f32>(bits), a);
}

fn floor_divide_f32(a: f32, b: f32) -> f32 {
    if b == 0.0 || isinf_f32(a) { return a / b; }
    if isinf_f32(b) { return floor_f32(a / b); }
    let r = fmod_f32(a, b);
    var q = (a - r) / b;
    if !(r == 0.0) && (r < 0.0) != (b < 0.0) { q = q - 1.0; }
    if q == 0.0 { return signed_f32(0.0, a / b); }
    return round(q);
}

fn remainder_f32(a: f32, b: f32) -> f32 {
    let r = fmod_f32(a, b);
    if r == 0.0 { return signed_f32(0.0, b); }
    return select(r, r + b, (r < 0.0) != (b < 0.0));
}

fn divided_i64(a: i64, b: i64) -> i64 {
    // The lowest int has no positive twin: dividing it by -1 wraps, and must not reach the hardware.
    if b == -1li { return -a; }
    return a / b;
}

fn floor_divide_i64(a: i64, b: i64) -> i64 {
    if b == 0li { trouble = 1u; return 0li; }
    let q = divided_i64(a, b);
    return select(q, q - 1li, q * b != a && (a < 0li) != (b < 0li));
}

fn remainder_i64(a: i64, b: i64) -> i64 {
    if b == 0li { trouble = 1u; return 0li; }
    let r = a - divided_i64(a, b) * b;
    return select(r, r + b, r != 0li && (r < 0li) != (b < 0li));
}

fn xor_i64(a: i64, b: i64) -> i64 { return a ^ b; }
fn xor_bool(a: bool, b: bool) -> bool { return a != b; }
fn invert_i64(x: i64) -> i64 { return ~x; }
fn invert_bool(x: bool) -> bool { return !x; }
fn shift_left_i64(a: i64, b: i64) -> i64 {
    if b < 0li || b > 63li { return 0li; }
    return a << u32(b);
}
fn shift_right_i64(a: i64, b: i64) -> i64 {
    if b < 0li || b > 63li { return a >> 63u; }
    return a >> u32(b);
}

fn nextafter_f32(a: f32, b: f32) -> f32 {
    if isnan_f32(a) || isnan_f32(b) { return nan_f32(); }
    if a == b { return b; }
    if a == 0.0 { return bitcast<f32>(select(1u, 0x80000001u, b < 0.0)); }
    let bits = bitcast<u32>(a);
    return bitcast<f32>(select(bits - 1u, bits + 1u, (a < b) == (a > 0.0)));
}

fn to_bool_bool(x: bool) -> bool { return x; }
fn to_bool_f32(x: f32) -> bool { return !(x == 0.0); }
fn to_bool_f64(x: f64) -> bool { return !(x == 0.0lf); }
fn to_bool_i64(x: i64) -> bool { return x != 0li; }
fn to_f32_bool(x: bool) -> f32 { return select(0.0, 1.0, x); }
fn to_f32_f32(x: f32) -> f32 { return x; }
fn to_f32_f64(x: f64) -> f32 { return f32(x); }
// By way of f64, as the CPU does: rounded twice.
fn to_f32_i64(x: i64) -> f32 { return f32(f64(x)); }
fn to_f64_bool(x: bool) -> f64 { return select(0.0lf, 1.0lf, x); }
fn to_f64_f32(x: f32) -> f64 { return f64(x); }
fn to_f64_f64(x: f64) -> f64 { return x; }
fn to_f64_i64(x: i64) -> f64 { return f64(x); }
fn to_i64_bool(x: bool) -> i64 { return select(0li, 1li, x); }
fn to_i64_i64(x: i64) -> i64 { return x; }
fn most_i64() -> i64 { return 9223372036854775807li; }
fn to_i64_f32(x: f32) -> i64 {
    if isnan_f32(x) { return 0li; }
    if x >= 9.223372e18 { return most_i64(); }
    if x <= -9.223372e18 { return -most_i64() - 1li; }
    return i64(x);
}
fn to_i64_f64(x: f64) -> i64 {
    if isnan_f64(x) { return 0li; }
    if x >= 9223372036854775808.0lf { return most_i64(); }
    if x <= -9223372036854775808.0lf { return -most_i64() - 1li; }
    return i64(x);
}

// By squaring; wraps.
fn pow_i64(a: i64, b: i64) -> i64 {
    if b < 0li { trouble = 1u; return 0li; }
    var x = a;
    var n = b;
    var y = 1li;
    while n > 0li {
        if (n & 1li) == 1li { y = y * x; }
        x = x * x;
        n = n >> 1u;
    }
    return y;
}

// What a fold begins with.
fn none_sum_f32() -> f32 { return 0.0; }
fn none_sum_f64() -> f64 { return 0.0lf; }
fn none_sum_i64() -> i64 { return 0li; }
fn none_prod_f32() -> f32 { return 1.0; }
fn none_prod_f64() -> f64 { return 1.0lf; }
fn none_prod_i64() -> i64 { return 1li; }
fn none_max_f32() -> f32 { return -inf_f32(); }
fn none_max_f64() -> f64 { return bitcast<f64>(0xfff0000000000000lu); }
fn none_max_i64() -> i64 { return -most_i64() - 1li; }
fn none_max_bool() -> bool { return false; }
fn none_min_f32() -> f32 { return inf_f32(); }
fn none_min_f64() -> f64 { return bitcast<f64>(0x7ff0000000000000lu); }
fn none_min_i64() -> i64 { return most_i64(); }
fn none_min_bool() -> bool { return true; }
fn none_all_bool() -> bool { return true; }
fn none_any_bool() -> bool { return false; }
fn two_sum_f32(a: f32, b: f32) -> f32 { return a + b; }
fn two_sum_f64(a: f64, b: f64) -> f64 { return a + b; }
fn two_sum_i64(a: i64, b: i64) -> i64 { return a + b; }
fn two_prod_f32(a: f32, b: f32) -> f32 { return a * b; }
fn two_prod_f64(a: f64, b: f64) -> f64 { return a * b; }
fn two_prod_i64(a: i64, b: i64) -> i64 { return a * b; }
fn two_max_f32(a: f32, b: f32) -> f32 { return larger_f32(a, b); }
fn two_max_f64(a: f64, b: f64) -> f64 { return larger_f64(a, b); }
fn two_max_i64(a: i64, b: i64) -> i64 { return larger_i64(a, b); }
fn two_max_bool(a: bool, b: bool) -> bool { return a | b; }
fn two_min_f32(a: f32, b: f32) -> f32 { return smaller_f32(a, b); }
fn two_min_f64(a: f64, b: f64) -> f64 { return smaller_f64(a, b); }
fn two_min_i64(a: i64, b: i64) -> i64 { return smaller_i64(a, b); }
fn two_min_bool(a: bool, b: bool) -> bool { return a & b; }
fn two_all_bool(a: bool, b: bool) -> bool { return a & b; }
fn two_any_bool(a: bool, b: bool) -> bool { return a | b; }

// Whether x is better than the best so far: the first of equals stays, a nan wins.
fn wins_argmax_f32(best: f32, x: f32) -> bool { return !isnan_f32(best) && (isnan_f32(x) || x > best); }
fn wins_argmax_f64(best: f64, x: f64) -> bool { return !isnan_f64(best) && (isnan_f64(x) || x > best); }
fn wins_argmax_i64(best: i64, x: i64) -> bool { return x > best; }
fn wins_argmax_bool(best: bool, x: bool) -> bool { return x & !best; }
fn wins_argmin_f32(best: f32, x: f32) -> bool { return !isnan_f32(best) && (isnan_f32(x) || x < best); }
fn wins_argmin_f64(best: f64, x: f64) -> bool { return !isnan_f64(best) && (isnan_f64(x) || x < best); }
fn wins_argmin_i64(best: i64, x: i64) -> bool { return x < best; }
fn wins_argmin_bool(best: bool, x: bool) -> bool { return !x & best; }
