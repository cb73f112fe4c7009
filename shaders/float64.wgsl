// f64 beyond plain arithmetic.

// C's fmod, exact: the divisor is scaled up by powers of two and subtracted while it fits.
fn fmod_f64(a: f64, b: f64) -> f64 {
    let ua = bitcast<u64>(a) & 0x7ffffffffffffffflu;
    let ub = bitcast<u64>(b) & 0x7ffffffffffffffflu;
    if ub == 0lu || ua >= 0x7ff0000000000000lu || ub > 0x7ff0000000000000lu { return bitcast<f64>(0x7ff8000000000000lu); }
    if ua < ub { return a; }
    if ua == ub { return signed_f64(0.0lf, a); }
    var ea = max(i32(ua >> 52u), 1);
    let eb = max(i32(ub >> 52u), 1);
    let one = 0x10000000000000lu;
    var ma = select((ua & (one - 1lu)) | one, ua, (ua >> 52u) == 0lu);
    let mb = select((ub & (one - 1lu)) | one, ub, (ub >> 52u) == 0lu);
    ma = ma % mb;
    for (var e = ea; e > eb && ma != 0lu; e--) { ma = (ma << 1u) % mb; }
    if ma == 0lu { return signed_f64(0.0lf, a); }
    var exponent = eb;
    while exponent > 1 && ma < one {
        ma = ma << 1u;
        exponent--;
    }
    let normal = ma >= one;
    let bits = select(ma, (ma & (one - 1lu)) | (u64(u32(exponent)) << 52u), normal);
    return signed_f64(bitcast<f64>(bits), a);
}

fn floor_divide_f64(a: f64, b: f64) -> f64 {
    if b == 0.0lf || isinf_f64(a) { return a / b; }
    if isinf_f64(b) { return floor_f64(a / b); }
    let r = fmod_f64(a, b);
    var q = (a - r) / b;
    if !(r == 0.0lf) && (r < 0.0lf) != (b < 0.0lf) { q = q - 1.0lf; }
    if q == 0.0lf { return signed_f64(0.0lf, a / b); }
    return round_f64(q);
}

fn remainder_f64(a: f64, b: f64) -> f64 {
    let r = fmod_f64(a, b);
    if r == 0.0lf { return signed_f64(0.0lf, b); }
    return select(r, r + b, (r < 0.0lf) != (b < 0.0lf));
}

fn nextafter_f64(a: f64, b: f64) -> f64 {
    if isnan_f64(a) || isnan_f64(b) { return bitcast<f64>(0x7ff8000000000000lu); }
    if a == b { return b; }
    if a == 0.0lf { return bitcast<f64>(select(1lu, 0x8000000000000001lu, b < 0.0lf)); }
    let bits = bitcast<u64>(a);
    return bitcast<f64>(select(bits - 1lu, bits + 1lu, (a < b) == (a > 0.0lf)));
}
