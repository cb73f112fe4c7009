// Functions of analysis on f32, within 4 units in the last place of the CPU's, on any vendor's device: of the driver only
// + - * / sqrt and conversions are used. Polynomials are minimax fits of the function named beside them.

// 2^n for n from -126 to 127.
fn power_of_two(n: i32) -> f32 { return bitcast<f32>(u32(n + 127) << 23u); }

// x * 2^n, for n from -252 to 254: in two steps, as 2^n alone may be no float.
fn scaled_f32(x: f32, n: i32) -> f32 {
    let half = n >> 1u;
    return (x * power_of_two(half)) * power_of_two(n - half);
}

// (e^r - 1 - r) / r^2 on half of ln 2 either side of zero.
fn exp_rest(r: f32) -> f32 {
    return 0.5 + r * (0.1666666716337204 + r * (0.04166622459888458 + r * (0.00833328440785408
        + r * (0.0013949763961136341 + r * 0.0001990890596061945))));
}

fn exp_f32(x: f32) -> f32 {
    if isnan_f32(x) { return x; }
    if x > 88.8 { return inf_f32(); }
    if x < -104.0 { return 0.0; }
    let n = round(x * 1.4426950216293335);
    // ln 2 in two parts, of which the first has 9 bits: its product is exact.
    let r = (x - n * 0.693359375) + n * 0.00021219444170128554;
    return scaled_f32(1.0 + (r + r * r * exp_rest(r)), i32(n));
}

fn expm1_f32(x: f32) -> f32 {
    if isnan_f32(x) { return x; }
    if x > 88.0 { return exp_f32(x); }
    if x < -17.5 { return -1.0; }
    let n = round(x * 1.4426950216293335);
    let r = (x - n * 0.693359375) + n * 0.00021219444170128554;
    let p = r + r * r * exp_rest(r);
    let t = power_of_two(i32(n));
    return signed_f32(t * p + (t - 1.0), x);
}

// The bits of a positive number as (bits of m, k), x = 2^k m with m between the roots of 1/2 and 2. Small numbers are made
// normal here: hardware may take them for zero.
fn split_f32(bits: u32) -> vec2<u32> {
    var b = bits;
    var k = 0;
    if b < 0x00800000u {
        let up = countLeadingZeros(b) - 8u;
        b = (b << up);
        k = 1 - i32(up);
        b = (b & 0x7fffffu) | 0x00800000u;
        k = k - 1;
    }
    let i = b + (0x3f800000u - 0x3f3504f3u);
    k = k + i32(i >> 23u) - 127;
    return vec2<u32>((i & 0x7fffffu) + 0x3f3504f3u, bitcast<u32>(k));
}

// (2 atanh(s) / s - 2) / s^2 in z = s^2.
fn atanh_rest(z: f32) -> f32 {
    return 0.6666666865348816 + z * (0.40000349283218384 + z * (0.28535327315330505 + z * 0.2363181859254837));
}

// k ln 2 + log(1 + f) + c for a small c.
fn log_of(k: f32, f: f32, c: f32) -> f32 {
    let s = f / (2.0 + f);
    let z = s * s;
    let half = 0.5 * f * f;
    return k * 0.693359375 + (f - (half - (s * (half + z * atanh_rest(z)) + (c - k * 0.00021219444170128554))));
}

// What a logarithm is where it is not a number between.
fn log_end(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    if (bits & 0x7fffffffu) == 0u { return -inf_f32(); }
    if isnan_f32(x) { return x; }
    return select(x, nan_f32(), bits >= 0x80000000u);
}
fn log_inside(x: f32) -> bool { return bitcast<u32>(x) - 1u < 0x7f7fffffu; }

fn log_f32(x: f32) -> f32 {
    if !log_inside(x) { return log_end(x); }
    let s = split_f32(bitcast<u32>(x));
    return log_of(f32(bitcast<i32>(s.y)), bitcast<f32>(s.x) - 1.0, 0.0);
}

fn log2_f32(x: f32) -> f32 {
    if !log_inside(x) { return log_end(x); }
    let s = split_f32(bitcast<u32>(x));
    return f32(bitcast<i32>(s.y)) + log_of(0.0, bitcast<f32>(s.x) - 1.0, 0.0) * 1.4426950216293335;
}

fn log10_f32(x: f32) -> f32 {
    if !log_inside(x) { return log_end(x); }
    let s = split_f32(bitcast<u32>(x));
    let k = f32(bitcast<i32>(s.y));
    return k * 0.301025390625 + (k * 4.605039066518657e-06 + log_of(0.0, bitcast<f32>(s.x) - 1.0, 0.0) * 0.4342944920063019);
}

fn log1p_f32(x: f32) -> f32 {
    if isnan_f32(x) || x >= 1e30 { return log_f32(x); }
    if x <= -1.0 { return select(nan_f32(), -inf_f32(), x == -1.0); }
    if abs_f32(x) < 5e-8 { return x; }
    let u = 1.0 + x;
    // What the sum lost.
    let lost = select(x - (u - 1.0), 1.0 - (u - x), x > 1.0);
    let s = split_f32(bitcast<u32>(u));
    return log_of(f32(bitcast<i32>(s.y)), bitcast<f32>(s.x) - 1.0, lost / u);
}

// 2/pi in words, behind a word of zeros.
const TWO_OVER_PI = array<u32, 9>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u,
    0xfe5163abu, 0xdebbc561u);

// 32 bits of it from bit `at`.
fn bits_of_two_over_pi(at: u32) -> u32 {
    var table = TWO_OVER_PI;
    let w = at >> 5u;
    let s = at & 31u;
    let low = select(table[min(w + 1u, 8u)] >> (32u - s), 0u, s == 0u);
    return (table[w] << s) | low;
}

// |x| as a multiple of pi/2 and a rest: (rest, quarter turns as bits). x is finite.
fn turned_f32(x: f32) -> vec2<f32> {
    let a = abs_f32(x);
    if a < 2000.0 {
        let n = round(a * 0.6366197723675814);
        // pi/2 in parts of 11 bits, so that the products are exact.
        let r = (((a - n * 1.5703125) - n * 0.0004837512969970703) - n * 7.549533620476723e-08) - n * 2.5633440682570896e-12;
        return vec2<f32>(r, bitcast<f32>(u32(n) & 3u));
    }
    // Payne and Hanek: only those bits of 2/pi matter that are worth less than four turns and more than the result's end.
    let bits = bitcast<u32>(a);
    let m = (bits & 0x7fffffu) | 0x800000u;
    let at = (bits >> 23u) - 120u;
    let b = bits_of_two_over_pi(at + 32u);
    let c = bits_of_two_over_pi(at + 64u);
    let first = m * b;
    let low = first + high_u32(m, c);
    let carry = select(0u, 1u, low < first);
    let top = m * bits_of_two_over_pi(at) + high_u32(m, b) + carry;
    let q = ((top + 0x20000000u) >> 30u) & 3u;
    var hi = top - (q << 30u);
    var lo = low;
    let negative = (hi & 0x80000000u) != 0u;
    if negative {
        lo = ~lo + 1u;
        hi = ~hi + select(0u, 1u, lo == 0u);
    }
    let up = countLeadingZeros(hi | 1u);
    let word = (hi << up) | select(lo >> (32u - up), 0u, up == 0u);
    let head = f32(word & 0xffffff00u);
    let tail = f32(word & 0xffu);
    let r = head * 1.5707963705062866 + (tail * 1.5707963705062866 - head * 4.371138828673793e-08);
    let scaled = r * power_of_two(-30 - i32(up));
    return vec2<f32>(select(scaled, -scaled, negative), bitcast<f32>(q));
}

// On an eighth of a turn either side of zero.
fn sin_near(r: f32) -> f32 {
    let z = r * r;
    return r + r * z * (-0.1666666716337204 + z * (0.008333329111337662 + z * (-0.00019839245942421257
        + z * 2.7171968213224318e-06)));
}
fn cos_near(r: f32) -> f32 {
    let z = r * r;
    let h = 0.5 * z;
    let w = 1.0 - h;
    return w + (((1.0 - w) - h) + z * z * (0.0416666679084301 + z * (-0.0013888885732740164 + z * (2.479989780113101e-05
        + z * -2.7235893185206805e-07))));
}

fn sin_f32(x: f32) -> f32 {
    if !isfinite_f32(x) { return nan_f32(); }
    let t = turned_f32(x);
    let q = bitcast<u32>(t.y);
    let y = select(sin_near(t.x), cos_near(t.x), (q & 1u) != 0u);
    // The sign of x, turned in the second half.
    return bitcast<f32>(bitcast<u32>(y) ^ (bitcast<u32>(x) & 0x80000000u) ^ ((q & 2u) << 30u));
}

fn cos_f32(x: f32) -> f32 {
    if !isfinite_f32(x) { return nan_f32(); }
    let t = turned_f32(x);
    let q = bitcast<u32>(t.y);
    let y = select(cos_near(t.x), sin_near(t.x), (q & 1u) != 0u);
    return bitcast<f32>(bitcast<u32>(y) ^ (((q + 1u) & 2u) << 30u));
}

fn tan_f32(x: f32) -> f32 {
    if !isfinite_f32(x) { return nan_f32(); }
    let t = turned_f32(x);
    let z = t.x * t.x;
    let y = t.x + t.x * z * (0.33333343267440796 + z * (0.13332761824131012 + z * (0.05405600368976593
        + z * (0.02127557061612606 + z * (0.010903577320277691 + z * (-4.406076914165169e-05 + z * 0.004459945484995842))))));
    let turned = select(y, -1.0 / y, (bitcast<u32>(t.y) & 1u) != 0u);
    return bitcast<f32>(bitcast<u32>(turned) ^ (bitcast<u32>(x) & 0x80000000u));
}

// (asin x - x) / x^3 in z = x^2, up to a half.
fn asin_rest(z: f32) -> f32 {
    return 0.16666662693023682 + z * (0.07500430196523666 + z * (0.04452338442206383 + z * (0.031801674515008926
        + z * (0.014326213859021664 + z * 0.037819456309080124))));
}

fn asin_f32(x: f32) -> f32 {
    let a = abs_f32(x);
    if isnan_f32(x) || a > 1.0 { return nan_f32(); }
    if a <= 0.5 { return x + x * (x * x) * asin_rest(x * x); }
    let w = 0.5 * (1.0 - a);
    let s = sqrt(w);
    let y = 1.5707963705062866 - (2.0 * (s + s * w * asin_rest(w)) + 4.371138828673793e-08);
    return signed_f32(y, x);
}

fn acos_f32(x: f32) -> f32 {
    let a = abs_f32(x);
    if isnan_f32(x) || a > 1.0 { return nan_f32(); }
    if a <= 0.5 { return 1.5707963705062866 - (x + (4.371138828673793e-08 + x * (x * x) * asin_rest(x * x))); }
    let w = 0.5 * (1.0 - a);
    let s = sqrt(w);
    let y = 2.0 * (s + s * w * asin_rest(w));
    return select(y, 3.1415927410125732 - (y + 8.742277657347586e-08), x < 0.0);
}

// Of y / x for 0 <= y <= x, x > 0.
fn atan_unit(t: f32) -> f32 {
    let far = t > 0.41421357;
    let y = select(t, (t - 1.0) / (t + 1.0), far);
    let z = y * y;
    let p = y * z * (-0.3333333134651184 + z * (0.199999138712883 + z * (-0.142820805311203 + z * (0.11043911427259445
        + z * (-0.08465291559696198 + z * 0.04711384326219559)))));
    return select(y + p, 0.7853981852531433 + (y + (p - 2.1855694143368964e-08)), far);
}

fn atan_f32(x: f32) -> f32 {
    if isnan_f32(x) { return x; }
    let a = abs_f32(x);
    if a <= 1.0 { return signed_f32(atan_unit(a), x); }
    return signed_f32(1.5707963705062866 - (atan_unit(1.0 / a) + 4.371138828673793e-08), x);
}

fn atan2_f32(y: f32, x: f32) -> f32 {
    if isnan_f32(x) || isnan_f32(y) { return nan_f32(); }
    let a = abs_f32(x);
    let b = abs_f32(y);
    let steep = b > a;
    let low = select(b, a, steep);
    let high = select(a, b, steep);
    var t = low / high;
    if high == 0.0 { t = 0.0; }
    if isinf_f32(high) { t = select(0.0, 1.0, isinf_f32(low)); }
    var r = atan_unit(t);
    if steep { r = 1.5707963705062866 - (r + 4.371138828673793e-08); }
    if (bitcast<u32>(x) & 0x80000000u) != 0u { r = 3.1415927410125732 - (r + 8.742277657347586e-08); }
    return signed_f32(r, y);
}

fn sinh_f32(x: f32) -> f32 {
    if isnan_f32(x) { return x; }
    let a = abs_f32(x);
    if a < 1.0 {
        let z = x * x;
        return x + x * z * (0.1666666716337204 + z * (0.008333350531756878 + z * (0.000198358713532798
            + z * 2.819029077727464e-06)));
    }
    if a > 88.0 {
        let h = exp_f32(0.5 * a);
        return signed_f32((0.5 * h) * h, x);
    }
    let e = exp_f32(a);
    return signed_f32(0.5 * e - 0.5 / e, x);
}

fn cosh_f32(x: f32) -> f32 {
    if isnan_f32(x) { return x; }
    let a = abs_f32(x);
    if a > 88.0 {
        let h = exp_f32(0.5 * a);
        return (0.5 * h) * h;
    }
    let e = exp_f32(a);
    return 0.5 * e + 0.5 / e;
}

fn tanh_f32(x: f32) -> f32 {
    if isnan_f32(x) { return x; }
    let a = abs_f32(x);
    if a < 0.6 {
        let z = x * x;
        let y = x + x * z * (-0.3333333134651184 + z * (0.13333255052566528 + z * (-0.05395268648862839
            + z * (0.021732311695814133 + z * (-0.00825508777052164 + z * 0.0022146995179355145)))));
        return signed_f32(y, x);
    }
    if a > 9.1 { return signed_f32(1.0, x); }
    return signed_f32(1.0 - 2.0 / (exp_f32(2.0 * a) + 1.0), x);
}

fn asinh_f32(x: f32) -> f32 {
    if !isfinite_f32(x) { return x; }
    let a = abs_f32(x);
    if a < 2e-4 { return x; }
    if a > 4096.0 { return signed_f32(log_f32(a) + 0.6931471824645996, x); }
    return signed_f32(log1p_f32(a + a * a / (1.0 + sqrt(a * a + 1.0))), x);
}

fn acosh_f32(x: f32) -> f32 {
    if isnan_f32(x) || x < 1.0 { return nan_f32(); }
    if x > 4096.0 { return log_f32(x) + 0.6931471824645996; }
    let t = x - 1.0;
    return log1p_f32(t + sqrt(2.0 * t + t * t));
}

fn atanh_f32(x: f32) -> f32 {
    let a = abs_f32(x);
    if isnan_f32(x) || a > 1.0 { return nan_f32(); }
    if a == 1.0 { return signed_f32(inf_f32(), x); }
    if a < 2e-4 { return x; }
    return signed_f32(0.5 * log1p_f32(2.0 * a + 2.0 * a * a / (1.0 - a)), x);
}

fn erf_f32(x: f32) -> f32 {
    if isnan_f32(x) { return x; }
    let a = abs_f32(x);
    if a < 0.9 {
        let z = x * x;
        return x + x * (0.12837916612625122 + z * (-0.37612634897232056 + z * (0.11283714324235916 + z * (-0.02686047926545143
            + z * (0.0052038198336958885 + z * (-0.0008175441180355847 + z * 8.513064676662907e-05))))));
    }
    if a > 4.0 { return signed_f32(1.0, x); }
    // log(erfc(a)) around 2.4.
    let t = a - 2.4;
    let p = -7.280975341796875 + t * (-5.164236545562744 + t * (-0.9405003786087036 + t * (-0.011762196198105812
        + t * (0.0023923523258417845 + t * (-0.00047741321031935513 + t * (7.034158625174314e-05
        + t * (-2.5238348825951107e-05 + t * -6.939640115888324e-07)))))));
    return signed_f32(1.0 - exp_f32(p), x);
}

// The product as a pair: halves of 12 bits multiply exactly, whether or not the device fuses.
fn product_f32(a: f32, b: f32) -> vec2<f32> {
    let p = a * b;
    let ah = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
    let bh = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
    let al = a - ah;
    let bl = b - bh;
    return vec2<f32>(p, (((ah * bh - p) + ah * bl) + al * bh) + al * bl);
}
// The sum as a pair, for |a| >= |b|.
fn sum_f32(a: f32, b: f32) -> vec2<f32> {
    let s = a + b;
    return vec2<f32>(s, b - (s - a));
}

// log2 of a positive finite number as a pair of some 40 bits.
fn log2_pair_f32(x: f32) -> vec2<f32> {
    let parts = split_f32(bitcast<u32>(x));
    let f = bitcast<f32>(parts.x) - 1.0;
    let d = sum_f32(2.0, f);
    let s = f / d.x;
    let back = product_f32(s, d.x);
    let sl = (((f - back.x) - back.y) - s * d.y) / d.x;
    // log m = 2 s + s z (2/3 + z Q(z)).
    let z = product_f32(s, s);
    let zl = z.y + 2.0 * s * sl;
    let q = z.x * (0.4000000059604645 + z.x * (0.285717248916626 + z.x * (0.2219163477420807 + z.x * 0.1937577873468399)));
    let c = sum_f32(0.6666666865348816, q);
    let cl = c.y - 1.9868215517249155e-08;
    let u = product_f32(s, z.x);
    let ul = u.y + s * zl + sl * z.x;
    let v = product_f32(u.x, c.x);
    let vl = v.y + u.x * cl + ul * c.x;
    let l = sum_f32(2.0 * s, v.x);
    let ll = l.y + 2.0 * sl + vl;
    let g = product_f32(l.x, 1.4426950216293335);
    let gl = g.y + l.x * 1.925963033500011e-08 + ll * 1.4426950216293335;
    let k = f32(bitcast<i32>(parts.y));
    let r = select(sum_f32(g.x, k), sum_f32(k, g.x), !(k == 0.0));
    return sum_f32(r.x, r.y + gl);
}

fn pow_f32(a: f32, b: f32) -> f32 {
    if b == 0.0 || a == 1.0 { return 1.0; }
    if isnan_f32(a) || isnan_f32(b) { return nan_f32(); }
    let x = abs_f32(a);
    let size = abs_f32(b);
    let whole = size >= 16777216.0 || trunc(b) == b;
    let odd = whole && size < 16777216.0 && (i32(size) & 1) == 1;
    let negative = (bitcast<u32>(a) & 0x80000000u) != 0u;
    let sign = select(1.0, -1.0, negative && odd);
    let up = b > 0.0;
    if isinf_f32(b) {
        if x == 1.0 { return 1.0; }
        return select(0.0, inf_f32(), (x > 1.0) == up);
    }
    if (bitcast<u32>(x) == 0u) || isinf_f32(x) {
        return signed_f32(select(0.0, inf_f32(), isinf_f32(x) == up), sign);
    }
    if negative && !whole { return nan_f32(); }
    let l = log2_pair_f32(x);
    let p = product_f32(l.x, b);
    if abs_f32(p.x) > 300.0 || isnan_f32(p.x) {
        return signed_f32(select(0.0, inf_f32(), (l.x > 0.0) == up), sign);
    }
    let e = sum_f32(p.x, p.y + l.y * b);
    let n = round(e.x);
    if n > 140.0 || n < -160.0 { return signed_f32(select(0.0, inf_f32(), n > 0.0), sign); }
    let r = (e.x - n) + e.y;
    // (2^r - 1) / r on half either side of zero.
    let t = 0.6931472420692444 + r * (0.24022650718688965 + r * (0.055502962321043015 + r * (0.009618029929697514
        + r * (0.0013410308165475726 + r * 0.0001546999701531604))));
    return sign * scaled_f32(1.0 + r * t, i32(n));
}
