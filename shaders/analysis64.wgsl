// Functions of analysis on f64, within 4 units in the last place of the CPU's: its own algorithms in pairs of doubles,
// without fused multiply-add, so that they are right on devices that have it and on those that have not. Of the driver only
// + - * / sqrt, floor and conversions are used. The polynomials are the CPU's, fitted for what the comments name.

// The sum as a pair, for |a| >= |b| or a = 0.
fn fast_sum_d(a: f64, b: f64) -> vec2<f64> {
    let s = a + b;
    return vec2<f64>(s, (a - s) + b);
}
fn sum_d(a: f64, b: f64) -> vec2<f64> {
    let s = a + b;
    let other = s - a;
    return vec2<f64>(s, (a - (s - other)) + (b - other));
}
// The product as a pair: the high halves have 26 bits, so all products here but the last are exact, fused or not.
fn product_d(a: f64, b: f64) -> vec2<f64> {
    let p = a * b;
    let ah = bitcast<f64>(bitcast<u64>(a) & 0xfffffffff8000000lu);
    let bh = bitcast<f64>(bitcast<u64>(b) & 0xfffffffff8000000lu);
    let al = a - ah;
    let bl = b - bh;
    return vec2<f64>(p, (((ah * bh - p) + ah * bl) + al * bh) + al * bl);
}
// c - a b, where the result needs no more bits than a number has.
fn minus_product_d(c: f64, a: f64, b: f64) -> f64 {
    let p = product_d(a, b);
    return (c - p.x) - p.y;
}
// The quotient of two pairs.
fn quotient_d(a: vec2<f64>, b: vec2<f64>) -> vec2<f64> {
    let inverse = 1.0lf / b.x;
    let high = a.x * inverse;
    let rest = minus_product_d(a.x, high, b.x) + (a.y - high * b.y);
    return vec2<f64>(high, rest * inverse);
}

fn nan_d() -> f64 { return bitcast<f64>(0x7ff8000000000000lu); }
fn inf_d() -> f64 { return bitcast<f64>(0x7ff0000000000000lu); }

// 2^n for n from -1022 to 1023.
fn power_d(n: i32) -> f64 { return bitcast<f64>(u64(u32(n + 1023)) << 52u); }

// x * 2^n for n from -1080 to 1030: in two steps, as 2^n alone may be no number.
fn scaled_d(x: f64, n: i32) -> f64 {
    let first = clamp(n, -1021, 1023);
    return (x * power_d(first)) * power_d(n - first);
}

// (e^r - 1 - r - r^2/2) / r^3 on half of ln 2 either side of zero.
fn exp_rest_d(t: f64) -> f64 {
    return 0.16666666666666602lf + t * (0.04166666666661985lf + t * (0.00833333333338853lf
        + t * (0.0013888888920575227lf + t * (0.0001984126970914872lf + t * (2.480151624856077e-05lf
        + t * (2.7557425100424266e-06lf + t * (2.7622272703133774e-07lf + t * (2.5045949830559564e-08lf))))))));
}

// n and a pair r with x = n ln 2 + r.
fn reduced_d(x: f64) -> vec3<f64> {
    let n = round_f64(x * 1.4426950408889634lf);
    let high = x - n * 0.6931471805598903lf;
    let low = n * 5.497923018708371e-14lf;
    let r = high - low;
    return vec3<f64>(n, r, (high - r) - low);
}

// e^(r + low) for a small r, as a pair.
fn exp_near_d(r: f64, low: f64) -> vec2<f64> {
    let s = fast_sum_d(1.0lf, r);
    return vec2<f64>(s.x, s.y + (r * r * (0.5lf + r * exp_rest_d(r)) + low));
}

// e^(x + low) as a pair and its power of two.
fn exp_of_pair_d(x: f64, low: f64) -> vec3<f64> {
    let t = reduced_d(x);
    let r = fast_sum_d(t.y, t.z + low);
    let e = exp_near_d(r.x, r.y);
    return vec3<f64>(t.x, e.x, e.y);
}

fn exp_f64(x: f64) -> f64 {
    if isnan_f64(x) { return x; }
    let t = exp_of_pair_d(clamp_d(x, -746.0lf, 711.0lf), 0.0lf);
    return scaled_d(t.y + t.z, i32(t.x));
}

fn clamp_d(x: f64, low: f64, high: f64) -> f64 { return select(select(x, low, x < low), high, x > high); }

// The same, closer, for differences from one.
fn expm1_rest_d(t: f64) -> f64 {
    return 0.16666666666666677lf + t * (0.041666666666666574lf + t * (0.008333333333322125lf
        + t * (0.0013888888888942974lf + t * (0.00019841269885046176lf + t * (2.4801587197675044e-05lf
        + t * (2.7557245176270488e-06lf + t * (2.755738741576623e-07lf + t * (2.5108731842224474e-08lf
        + t * (2.087883293404377e-09lf)))))))));
}

// 2^n, and e^x - 2^n as a pair, for |x| up to 708.
fn exp_parts_d(x: f64) -> vec3<f64> {
    let t = reduced_d(x);
    let r = t.y;
    let power = power_d(i32(t.x));
    let square = product_d(r, r);
    let tail = r * square.x * expm1_rest_d(r) + (0.5lf * square.y + t.z);
    let a = fast_sum_d(r, 0.5lf * square.x);
    let b = fast_sum_d(a.x, a.y + tail);
    return vec3<f64>(power, power * b.x, power * b.y);
}

fn expm1_f64(x: f64) -> f64 {
    if isnan_f64(x) { return x; }
    if x > 708.0lf { return exp_f64(x); }
    let t = exp_parts_d(select(x, -60.0lf, x < -60.0lf));
    let whole = t.x - 1.0lf;
    let lost = (t.x - whole) - 1.0lf;
    let s = fast_sum_d(whole, t.y);
    return signed_f64(s.x + (s.y + (t.z + lost)), x);
}

// The bits of a positive number as (bits of m, k), x = 2^k m with m between the roots of 1/2 and 2. Small numbers are
// made normal here: hardware may take them for zero.
fn split_d(bits: u64) -> vec2<u64> {
    var b = bits;
    var k = 0lu;
    while b < 0x0010000000000000lu {
        b = b << 1u;
        k++;
    }
    // The shift may have carried into the exponent, which is then right.
    let moved = b + 0x00095f619980c433lu;
    let m = (moved & 0x000ffffffffffffflu) + 0x3fe6a09e667f3bcdlu;
    return vec2<u64>(m, (moved >> 52u) - k);
}
// The k of `split_d`, as a number.
fn exponent_d(k: u64) -> f64 { return f64(bitcast<i64>(k) - 1023li); }

// (2 atanh(s) / s - 2) / s^2 in s^2.
fn atanh_rest_d(t: f64) -> f64 {
    return 0.6666666666666735lf + t * (0.3999999999940932lf + t * (0.2857142874370193lf
        + t * (0.22222198426598297lf + t * (0.18183572518092153lf + t * (0.15313827028111457lf
        + t * (0.14798319070408952lf))))));
}

// k ln 2 + log(1 + f) + low for a small low.
fn log_of_d(k: f64, f: f64, low: f64) -> f64 {
    let s = f / (2.0lf + f);
    let z = s * s;
    let half = 0.5lf * f * f;
    let sum = fast_sum_d(k * 0.6931471805598903lf, f);
    let tail = s * (z * atanh_rest_d(z) + half) + (k * 5.497923018708371e-14lf + low);
    return sum.x + (sum.y - (half - tail));
}

// The same beyond its constant 2/3.
fn atanh_long_d(t: f64) -> f64 {
    return 0.4000000000000227lf + t * (0.28571428570091195lf + t * (0.22222222521488444lf
        + t * (0.18181784224490385lf + t * (0.15386764142589643lf + t * (0.13256653925878717lf
        + t * (0.13197894205480395lf))))));
}

// log(1 + f) of a pair as a pair: some 66 bits.
fn log_pair_d(f: f64, low: f64) -> vec2<f64> {
    let below = fast_sum_d(2.0lf, f);
    let s = quotient_d(vec2<f64>(f, low), vec2<f64>(below.x, below.y + low));
    let z = product_d(s.x, s.x);
    let zl = z.y + 2.0lf * s.x * s.y;
    let c = fast_sum_d(0.6666666666666666lf, z.x * atanh_long_d(z.x));
    let cl = c.y + 3.700743415417188e-17lf;
    let u = product_d(s.x, z.x);
    let ul = u.y + (s.x * zl + s.y * z.x);
    let v = product_d(u.x, c.x);
    let vl = v.y + (u.x * cl + ul * c.x);
    let sum = fast_sum_d(2.0lf * s.x, v.x);
    return vec2<f64>(sum.x, sum.y + (2.0lf * s.y + vl));
}

// What a logarithm is where it is not a number between.
fn log_end_d(x: f64) -> f64 {
    let bits = bitcast<u64>(x);
    if (bits & 0x7ffffffffffffffflu) == 0lu { return -inf_d(); }
    if isnan_f64(x) { return x; }
    return select(x, nan_d(), bits >= 0x8000000000000000lu);
}
fn log_inside_d(x: f64) -> bool { return bitcast<u64>(x) - 1lu < 0x7feffffffffffffflu; }

fn log_f64(x: f64) -> f64 {
    if !log_inside_d(x) { return log_end_d(x); }
    let s = split_d(bitcast<u64>(x));
    return log_of_d(exponent_d(s.y), bitcast<f64>(s.x) - 1.0lf, 0.0lf);
}

fn log2_f64(x: f64) -> f64 {
    if !log_inside_d(x) { return log_end_d(x); }
    let s = split_d(bitcast<u64>(x));
    let l = log_pair_d(bitcast<f64>(s.x) - 1.0lf, 0.0lf);
    let p = product_d(l.x, 1.4426950408889634lf);
    let sum = fast_sum_d(exponent_d(s.y), p.x);
    return sum.x + (sum.y + (p.y + (l.x * 2.0355273740931033e-17lf + l.y * 1.4426950408889634lf)));
}

fn log10_f64(x: f64) -> f64 {
    if !log_inside_d(x) { return log_end_d(x); }
    let s = split_d(bitcast<u64>(x));
    let l = log_pair_d(bitcast<f64>(s.x) - 1.0lf, 0.0lf);
    let p = product_d(l.x, 0.4342944819032518lf);
    let k = exponent_d(s.y);
    let sum = fast_sum_d(k * 0.30102999566395283lf, p.x);
    let low = p.y + (l.x * 1.098319650216765e-17lf + l.y * 0.4342944819032518lf);
    return sum.x + (sum.y + (k * 2.8363394551044964e-14lf + low));
}

// log1p of a pair, for -1 < u < 2^1023.
fn log1p_of_d(u: f64, low: f64) -> f64 {
    let y = sum_d(1.0lf, u);
    let moved = bitcast<u64>(y.x) + 0x00095f619980c433lu;
    let biased = moved >> 52u;
    let m = bitcast<f64>((moved & 0x000ffffffffffffflu) + 0x3fe6a09e667f3bcdlu);
    // 2^-k; where there is none what it is multiplied by is nothing.
    let unscale = 0.5lf * bitcast<f64>((2047lu - biased) << 52u);
    let f = fast_sum_d(m - 1.0lf, y.y * unscale);
    let rest = low * unscale + f.y;
    return log_of_d(exponent_d(biased), f.x, rest * (1.0lf - f.x * (1.0lf - f.x)));
}

fn log1p_f64(x: f64) -> f64 {
    if isnan_f64(x) || x == inf_d() { return x; }
    if x <= -1.0lf { return select(nan_d(), -inf_d(), x == -1.0lf); }
    return signed_f64(log1p_of_d(x, 0.0lf), x);
}

// 2/pi in words, behind two words of zeros.
const TWO_OVER_PI_D = array<u32, 40>(
    0u, 0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu,
    0xdebbc561u, 0xb7246e3au, 0x424dd2e0u, 0x06492eeau, 0x09d1921cu, 0xfe1deb1cu, 0xb129a73eu, 0xe88235f5u,
    0x2ebb4484u, 0xe99c7026u, 0xb45f7e41u, 0x3991d639u, 0x835339f4u, 0x9c845f8bu, 0xbdf9283bu, 0x1ff897ffu,
    0xde05980fu, 0xef2f118bu, 0x5a0a6d1fu, 0x6d367ecfu, 0x27cb09b7u, 0x4f463f66u, 0x9e5fea2du, 0x7527bac7u,
    0xebe5f17bu, 0x3d0739f7u, 0x8a5292eau, 0x6bfb5fb1u, 0x1f8d5d08u, 0x56033046u, 0xfc7b6babu);

// 64 bits of it from bit `at`.
fn bits_of_two_over_pi_d(at: u32) -> u64 {
    var table = TWO_OVER_PI_D;
    let w = at >> 5u;
    let s = at & 31u;
    let both = (u64(table[w]) << 32u) | u64(table[min(w + 1u, 39u)]);
    let next = u64(table[min(w + 2u, 39u)]);
    return select((both << s) | (next >> (32u - s)), both, s == 0u);
}
fn high_u64(a: u64, b: u64) -> u64 {
    let mask = 0xfffffffflu;
    let low = (a & mask) * (b & mask);
    let mid = (a >> 32u) * (b & mask) + (low >> 32u);
    let other = (a & mask) * (b >> 32u) + (mid & mask);
    return (a >> 32u) * (b >> 32u) + (mid >> 32u) + (other >> 32u);
}
fn zeros_u64(x: u64) -> u32 {
    let high = u32(x >> 32u);
    return select(countLeadingZeros(high), 32u + countLeadingZeros(u32(x & 0xfffffffflu)), high == 0u);
}

// |x| as quarter turns (0 to 3, counted around) and a pair of up to an eighth of a turn. x is finite.
fn turned_d(x: f64) -> vec3<f64> {
    let a = abs_f64(x);
    if a < 1073741824.0lf {
        let n = round_f64(a * 0.6366197723675814lf);
        let first = minus_product_d(a, n, 1.5707963267948966lf);
        let second = product_d(n, 6.123233995736766e-17lf);
        let r = first - second.x;
        let rest = (first - r) - second.x;
        return vec3<f64>(f64(u32(n) & 3u), r, rest - (n * -1.4973849048591698e-33lf + second.y));
    }
    // Payne and Hanek: of 2/pi 192 bits matter, from those that are worth less than four quarter turns on.
    let bits = bitcast<u64>(a);
    let m = (bits & 0x000ffffffffffffflu) | 0x0010000000000000lu;
    let at = u32(bits >> 52u) - 1013u;
    let b = bits_of_two_over_pi_d(at + 64u);
    let c = bits_of_two_over_pi_d(at + 128u);
    var last = m * c;
    let part = m * b;
    var lo = part + high_u64(m, c);
    let carry = select(0lu, 1lu, lo < part);
    let top = m * bits_of_two_over_pi_d(at) + high_u64(m, b) + carry;
    let q = ((top + 0x2000000000000000lu) >> 62u) & 3lu;
    var hi = top - (q << 62u);
    let negative = (hi & 0x8000000000000000lu) != 0lu;
    if negative {
        last = ~last + 1lu;
        lo = ~lo + select(0lu, 1lu, last == 0lu);
        hi = ~hi + select(0lu, 1lu, last == 0lu && lo == 0lu);
    }
    var down = -62;
    if hi == 0lu {
        hi = lo;
        lo = last;
        last = 0lu;
        down = -126;
    }
    let up = zeros_u64(hi | 1lu);
    if up > 0u {
        hi = (hi << up) | (lo >> (64u - up));
        lo = (lo << up) | (last >> (64u - up));
    }
    let head = f64(hi >> 11u) * 2048.0lf;
    let tail = f64(hi & 0x7fflu) + f64(lo >> 11u) * 1.1102230246251565e-16lf;
    let p = product_d(head, 1.5707963267948966lf);
    let s = fast_sum_d(p.x, p.y + (tail * 1.5707963267948966lf + head * 6.123233995736766e-17lf));
    let scale = select(power_d(down - i32(up)), -power_d(down - i32(up)), negative);
    return vec3<f64>(f64(u32(q)), s.x * scale, s.y * scale);
}

// (sin r / r - 1) / r^2 in r^2.
fn sin_rest_d(t: f64) -> f64 {
    return -0.1666666666666663lf + t * (0.00833333333332184lf + t * (-0.000198412698293587lf
        + t * (2.7557313538618466e-06lf + t * (-2.5050734410393152e-08lf + t * (1.5895434764479188e-10lf)))));
}

// (cos r - 1 + r^2/2) / r^4 in r^2.
fn cos_rest_d(t: f64) -> f64 {
    return 0.041666666666666595lf + t * (-0.0013888888888873335lf + t * (2.4801587288995086e-05lf
        + t * (-2.755731421436685e-07lf + t * (2.087570496117596e-09lf + t * (-1.135872360959641e-11lf)))));
}

// sin and cos of a pair, each as a pair.
fn sin_near_d(r: f64, low: f64) -> vec2<f64> {
    let z = r * r;
    return vec2<f64>(r, low * (1.0lf - 0.5lf * z) + r * z * sin_rest_d(z));
}
fn cos_near_d(r: f64, low: f64) -> vec2<f64> {
    let z = r * r;
    let one = fast_sum_d(1.0lf, -0.5lf * z);
    return vec2<f64>(one.x, z * z * cos_rest_d(z) + (one.y - r * low));
}

fn sin_f64(x: f64) -> f64 {
    if !isfinite_f64(x) { return nan_d(); }
    let t = turned_d(x);
    let q = u32(t.x);
    var y = sin_near_d(t.y, t.z);
    if (q & 1u) != 0u { y = cos_near_d(t.y, t.z); }
    let value = y.x + y.y;
    // The sign of x, turned in the second half.
    let turn = select(value, -value, (q & 2u) != 0u);
    if x == 0.0lf { return x; }
    return select(turn, -turn, (bitcast<u64>(x) & 0x8000000000000000lu) != 0lu);
}

fn cos_f64(x: f64) -> f64 {
    if !isfinite_f64(x) { return nan_d(); }
    let t = turned_d(x);
    let q = u32(t.x);
    var y = cos_near_d(t.y, t.z);
    if (q & 1u) != 0u { y = sin_near_d(t.y, t.z); }
    let value = y.x + y.y;
    return select(value, -value, ((q + 1u) & 2u) != 0u);
}

fn tan_f64(x: f64) -> f64 {
    if !isfinite_f64(x) { return nan_d(); }
    if x == 0.0lf { return x; }
    let t = turned_d(x);
    let odd = (u32(t.x) & 1u) != 0u;
    let s = sin_near_d(t.y, t.z);
    let c = cos_near_d(t.y, t.z);
    let sin = fast_sum_d(s.x, s.y);
    let cos = fast_sum_d(c.x, c.y);
    var y = quotient_d(sin, cos);
    if odd { y = quotient_d(-cos, sin); }
    let value = y.x + y.y;
    return select(value, -value, (bitcast<u64>(x) & 0x8000000000000000lu) != 0lu);
}

// (asin t / t - 1) / t^2 in t^2 up to a half.
fn asin_rest_d(t: f64) -> f64 {
    return 0.1666666666666676lf + t * (0.07499999999970809lf + t * (0.04464285717464809lf
        + t * (0.030381942704570633lf + t * (0.02237221510943409lf + t * (0.017351609375290334lf
        + t * (0.013980856713746416lf + t * (0.011398584061941695lf + t * (0.010782253086672083lf
        + t * (0.0036983015130349784lf + t * (0.021728407858036397lf + t * (-0.021030352246987863lf
        + t * (0.03264914727600745lf))))))))))));
}

// t and what to add to it for asin t, with t either |x| or, beyond a half, the sine of half the angle that is missing.
fn half_angle_d(a: f64) -> vec2<f64> {
    if a <= 0.5lf { return vec2<f64>(a, a * (a * a) * asin_rest_d(a * a)); }
    let half = 0.5lf - 0.5lf * a;
    let root = sqrt(half);
    var error = 0.0lf;
    if half > 0.0lf { error = minus_product_d(half, root, root) / (root + root); }
    return vec2<f64>(root, root * half * asin_rest_d(half) + error);
}

fn asin_f64(x: f64) -> f64 {
    let a = abs_f64(x);
    if isnan_f64(x) || a > 1.0lf { return nan_d(); }
    let t = half_angle_d(a);
    if a <= 0.5lf { return signed_f64(t.x + t.y, x); }
    let s = fast_sum_d(1.5707963267948966lf, -2.0lf * t.x);
    return signed_f64(s.x + (s.y + (6.123233995736766e-17lf - 2.0lf * t.y)), x);
}

fn acos_f64(x: f64) -> f64 {
    let a = abs_f64(x);
    if isnan_f64(x) || a > 1.0lf { return nan_d(); }
    let t = half_angle_d(a);
    let negative = x < 0.0lf;
    // Near zero pi/2 - asin x; near one 2 asin t; near minus one pi - 2 asin t.
    var factor = select(-1.0lf, 2.0lf, a > 0.5lf);
    factor = select(factor, -factor, negative);
    let whole = select(1.0lf, select(0.0lf, 2.0lf, negative), a > 0.5lf);
    let s = fast_sum_d(whole * 1.5707963267948966lf, factor * t.x);
    return s.x + (s.y + (whole * 6.123233995736766e-17lf + factor * t.y));
}

// (atan t / t - 1) / t^2 in t^2 up to tan(pi/8).
fn atan_rest_d(t: f64) -> f64 {
    return -0.333333333333332lf + t * (0.19999999999953624lf + t * (-0.14285714280191875lf
        + t * (0.1111111078301428lf + t * (-0.09090897741707898lf + t * (0.076920598995151lf
        + t * (-0.06663100280911421lf + t * (0.05847861211975373lf + t * (-0.05039176878817046lf
        + t * (0.03806131127188304lf + t * (-0.01790367057333777lf))))))))));
}

// base + atan(t) of pairs.
fn atan_sum_d(base: vec2<f64>, t: vec2<f64>) -> f64 {
    let z = t.x * t.x;
    let tail = t.x * z * atan_rest_d(z) + t.y;
    let s = fast_sum_d(base.x, t.x);
    return s.x + (s.y + (base.y + tail));
}

fn atan_f64(x: f64) -> f64 {
    if isnan_f64(x) { return x; }
    let a = min_d(abs_f64(x), 1e20lf);
    if a <= 0.41421356237309503lf { return signed_f64(atan_sum_d(vec2<f64>(0.0lf), vec2<f64>(a, 0.0lf)), x); }
    if a > 2.414213562373095lf {
        let t = quotient_d(vec2<f64>(-1.0lf, 0.0lf), vec2<f64>(a, 0.0lf));
        return signed_f64(atan_sum_d(vec2<f64>(1.5707963267948966lf, 6.123233995736766e-17lf), t), x);
    }
    let t = quotient_d(sum_d(a, -1.0lf), sum_d(a, 1.0lf));
    return signed_f64(atan_sum_d(vec2<f64>(0.7853981633974483lf, 3.061616997868383e-17lf), t), x);
}
fn min_d(a: f64, b: f64) -> f64 { return select(a, b, b < a); }

fn atan2_f64(y: f64, x: f64) -> f64 {
    if isnan_f64(x) || isnan_f64(y) { return nan_d(); }
    let a = abs_f64(x);
    let b = abs_f64(y);
    let steep = b > a;
    var large = select(a, b, steep);
    var small = select(b, a, steep);
    if isinf_f64(large) {
        small = select(0.0lf, 1.0lf, isinf_f64(small));
        large = 1.0lf;
    }
    if large == 0.0lf { large = 1.0lf; }
    // Coordinates whose quotient, remainder and exact products stay normal numbers.
    var scale = 1.0lf;
    if large >= 1e290lf { scale = power_d(-100); }
    if large < 1e100lf && (large <= 1e-270lf || (small <= 1e-270lf && small > 0.0lf)) { scale = power_d(600); }
    large = large * scale;
    small = small * scale;
    let mid = small > 0.41421356237309503lf * large;
    var above = vec2<f64>(small, 0.0lf);
    var below = vec2<f64>(large, 0.0lf);
    if mid {
        above = sum_d(small, -large);
        below = sum_d(large, small);
    }
    var t = quotient_d(above, below);
    // Over the diagonal the angle is pi/2 less what was found, left of the axis pi less that.
    let left = (bitcast<u64>(x) & 0x8000000000000000lu) != 0lu;
    var quarters = select(0.0lf, 0.5lf, mid);
    if steep { quarters = 1.0lf - quarters; }
    if left { quarters = 2.0lf - quarters; }
    if steep != left { t = -t; }
    // Three halves of the first part of pi/2 do not fit a number.
    var base = vec2<f64>(quarters * 1.5707963267948966lf, 0.0lf);
    if quarters == 1.5lf { base = fast_sum_d(1.5707963267948966lf, 0.7853981633974483lf); }
    base.y += quarters * 6.123233995736766e-17lf;
    return signed_f64(atan_sum_d(base, t), y);
}

fn half_exp_d(a: f64) -> f64 {
    let t = exp_of_pair_d(min_d(a, 712.0lf), 0.0lf);
    return scaled_d(t.y + t.z, i32(t.x) - 1);
}

fn sinh_f64(x: f64) -> f64 {
    if isnan_f64(x) { return x; }
    let a = abs_f64(x);
    if a > 600.0lf { return signed_f64(half_exp_d(a), x); }
    let t = exp_parts_d(a);
    let whole = fast_sum_d(t.x, -1.0lf);
    let less = fast_sum_d(whole.x, t.y);
    let less_low = (less.y + whole.y) + t.z;
    let all = fast_sum_d(t.x, t.y);
    let q = quotient_d(vec2<f64>(less.x, less_low), vec2<f64>(all.x, all.y + t.z));
    let s = fast_sum_d(less.x, q.x);
    return signed_f64(0.5lf * (s.x + (s.y + (less_low + q.y))), x);
}

fn cosh_f64(x: f64) -> f64 {
    if isnan_f64(x) { return x; }
    let a = abs_f64(x);
    if a > 600.0lf { return half_exp_d(a); }
    let t = exp_parts_d(a);
    let all = fast_sum_d(t.x, t.y);
    let q = quotient_d(vec2<f64>(1.0lf, 0.0lf), vec2<f64>(all.x, all.y + t.z));
    let s = fast_sum_d(all.x, q.x);
    return 0.5lf * (s.x + (s.y + ((all.y + t.z) + q.y)));
}

fn tanh_f64(x: f64) -> f64 {
    if isnan_f64(x) { return x; }
    let t = exp_parts_d(2.0lf * min_d(abs_f64(x), 20.0lf));
    let above = fast_sum_d(t.x - 1.0lf, t.y);
    let whole = fast_sum_d(t.x, 1.0lf);
    let below = fast_sum_d(whole.x, t.y);
    let q = quotient_d(vec2<f64>(above.x, above.y + t.z), vec2<f64>(below.x, (below.y + whole.y) + t.z));
    return signed_f64(q.x + q.y, x);
}

// The root of a pair as a pair.
fn root_d(a: f64, low: f64) -> vec2<f64> {
    let root = sqrt(a);
    if !(a > 0.0lf) { return vec2<f64>(root, 0.0lf); }
    return vec2<f64>(root, (minus_product_d(a, root, root) + low) / (root + root));
}

// log(2 x) of a large number.
fn log_double_d(x: f64) -> f64 {
    let s = split_d(bitcast<u64>(x));
    return log_of_d(exponent_d(s.y) + 1.0lf, bitcast<f64>(s.x) - 1.0lf, 0.0lf);
}

fn asinh_f64(x: f64) -> f64 {
    if !isfinite_f64(x) { return x; }
    let a = abs_f64(x);
    if a >= 1e150lf { return signed_f64(log_double_d(a), x); }
    let square = product_d(a, a);
    let s = sum_d(1.0lf, square.x);
    let root = root_d(s.x, s.y + square.y);
    let above = sum_d(root.x, -1.0lf);
    let u = sum_d(a, above.x);
    return signed_f64(log1p_of_d(u.x, u.y + (above.y + root.y)), x);
}

fn acosh_f64(x: f64) -> f64 {
    if isnan_f64(x) || x < 1.0lf { return nan_d(); }
    if x == inf_d() { return x; }
    if x >= 1e150lf { return log_double_d(x); }
    let d = sum_d(x, -1.0lf);
    let s = sum_d(x, 1.0lf);
    let p = product_d(d.x, s.x);
    let root = root_d(p.x, p.y + (d.x * s.y + d.y * s.x));
    let u = fast_sum_d(root.x, d.x);
    return log1p_of_d(u.x, u.y + (d.y + root.y));
}

fn atanh_f64(x: f64) -> f64 {
    let a = abs_f64(x);
    if isnan_f64(x) || a > 1.0lf { return nan_d(); }
    if a == 1.0lf { return signed_f64(inf_d(), x); }
    let u = quotient_d(vec2<f64>(a + a, 0.0lf), fast_sum_d(1.0lf, -a));
    return signed_f64(0.5lf * log1p_of_d(u.x, u.y), x);
}

// erf x / x - 1 less its first term, over x^2, in x^2 up to 0.85.
fn erf_near_d(t: f64) -> f64 {
    return -0.3761263890318416lf + t * (0.11283791670977109lf + t * (-0.02686617064977409lf
        + t * (0.005223977675776619lf + t * (-0.0008548330206774643lf + t * (0.00012055458332167113lf
        + t * (-1.4928810035327324e-05lf + t * (1.6512918715223066e-06lf
        + t * (-1.6864916012030402e-07lf + t * (1.745066570910357e-08lf + t * (-1.6978291651274487e-09lf))))))))));
}

// e^(a^2) erfc a in (a - 3) / (a + 3) for a from 0.85 to 6.
fn erf_far_d(t: f64) -> f64 {
    return 0.17900115118137985lf + t * (-0.3262335600438579lf + t * (0.24560380169808305lf
        + t * (-0.15011593646908553lf + t * (0.07166584077510245lf + t * (-0.024392450203726684lf
        + t * (0.004269495736906941lf + t * (0.0007094062492138636lf + t * (-0.0005919611110653363lf
        + t * (5.575841130692077e-05lf + t * (7.805422603324135e-05lf + t * (-2.1283777532000585e-06lf
        + t * (-5.3058587539587025e-06lf))))))))))));
}

fn erf_f64(x: f64) -> f64 {
    if isnan_f64(x) { return x; }
    let a = min_d(abs_f64(x), 6.0lf);
    let square = product_d(a, a);
    if a <= 0.85lf {
        let p = product_d(square.x, erf_near_d(square.x));
        let s = sum_d(0.1283791670955126lf, p.x);
        let rest = s.y + (p.y - 0.3lf * square.y);
        return signed_f64(a + (a * s.x + a * rest), x);
    }
    let t = exp_of_pair_d(-square.x, -square.y);
    let q = quotient_d(fast_sum_d(-3.0lf, a), fast_sum_d(3.0lf, a));
    let g = (erf_far_d(q.x) + q.y * (1.13lf * q.x - 0.165lf)) * power_d(i32(t.x));
    let s = fast_sum_d(1.0lf, -(t.y * g));
    return signed_f64(s.x + (s.y - t.z * g), x);
}

fn pow_f64(a: f64, b: f64) -> f64 {
    if b == 0.0lf || a == 1.0lf { return 1.0lf; }
    if isnan_f64(a) || isnan_f64(b) { return nan_d(); }
    let x = abs_f64(a);
    let size = abs_f64(b);
    let whole = size >= 4503599627370496.0lf || trunc_f64(b) == b;
    let odd = whole && size < 9007199254740992.0lf && (u64(size) & 1lu) == 1lu;
    let negative = (bitcast<u64>(a) & 0x8000000000000000lu) != 0lu;
    let sign = select(1.0lf, -1.0lf, negative && odd);
    let up = b > 0.0lf;
    if isinf_f64(b) {
        if x == 1.0lf { return 1.0lf; }
        return select(0.0lf, inf_d(), (x > 1.0lf) == up);
    }
    if bitcast<u64>(x) == 0lu || isinf_f64(x) {
        return signed_f64(select(0.0lf, inf_d(), isinf_f64(x) == up), sign);
    }
    if negative && !whole { return nan_d(); }
    let s = split_d(bitcast<u64>(x));
    let f = log_pair_d(bitcast<f64>(s.x) - 1.0lf, 0.0lf);
    let k = exponent_d(s.y);
    let l = fast_sum_d(k * 0.6931471805598903lf, f.x);
    let low = l.y + (k * 5.497923018708371e-14lf + f.y);
    // Beyond 2^70 every x but one is out of range in one direction.
    let y = clamp_d(b, -1.2e21lf, 1.2e21lf);
    let p = product_d(y, l.x);
    if p.x > 750.0lf || p.x < -800.0lf { return signed_f64(select(0.0lf, inf_d(), p.x > 0.0lf), sign); }
    let t = exp_of_pair_d(clamp_d(p.x, -750.0lf, 712.0lf), p.y + y * low);
    return sign * scaled_d(t.y + t.z, i32(t.x));
}
