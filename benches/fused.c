// The Gaussian chain of `b_gauss_*` as somebody who writes C would fuse it: one loop, everything in registers. For `benches/fused`.
//
// usage: fused REPEATS; prints the seconds of the best call of each of f64_10M, f64_10k, f32_10M, f32_10k, one line each.
//
// With -DEXPF=expf -DEXP=exp and -ffast-math it calls the C library's vectors (4 units of the last place); else an exponential
// written out here (Taylor's series on half of ln 2 to each side; about 1.5 units for f64, 2 for f32; nothing below the normal numbers).
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef EXP
#define EXP exp_f64
#define EXPF exp_f32

static inline float exp_f32(float x) {
    const float magic = 0x1.8p23f; // adding it rounds to a whole number, kept in the lowest bits
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float shifted = fmaf(x, 0x1.715476p0f, magic), n = shifted - magic;
    float r = fmaf(n, -0x1.7f7d1cp-20f, fmaf(n, -0x1.62e4p-1f, x));
    float p = 1.0f / 5040;
    p = fmaf(p, r, 1.0f / 720);
    p = fmaf(p, r, 1.0f / 120);
    p = fmaf(p, r, 1.0f / 24);
    p = fmaf(p, r, 1.0f / 6);
    p = fmaf(p, r, 0.5f);
    p = fmaf(p * r, r, r) + 1.0f;
    uint32_t bits;
    float scale;
    memcpy(&bits, &shifted, 4);
    bits = (bits << 23) + 0x3f800000;
    memcpy(&scale, &bits, 4);
    return p * scale;
}

static inline double exp_f64(double x) {
    const double magic = 0x1.8p52;
    x = x < -708.0 ? -708.0 : x > 709.0 ? 709.0 : x;
    double shifted = fma(x, 0x1.71547652b82fep0, magic), n = shifted - magic;
    double r = fma(n, -0x1.abc9e3b39803fp-56, fma(n, -0x1.62e42fefa39efp-1, x));
    double p = 1.0 / 6227020800;
    p = fma(p, r, 1.0 / 479001600);
    p = fma(p, r, 1.0 / 39916800);
    p = fma(p, r, 1.0 / 3628800);
    p = fma(p, r, 1.0 / 362880);
    p = fma(p, r, 1.0 / 40320);
    p = fma(p, r, 1.0 / 5040);
    p = fma(p, r, 1.0 / 720);
    p = fma(p, r, 1.0 / 120);
    p = fma(p, r, 1.0 / 24);
    p = fma(p, r, 1.0 / 6);
    p = fma(p, r, 0.5);
    p = fma(p * r, r, r) + 1.0;
    uint64_t bits;
    double scale;
    memcpy(&bits, &shifted, 8);
    bits = (bits << 52) + 0x3ff0000000000000u;
    memcpy(&scale, &bits, 8);
    return p * scale;
}
#endif

#define LOOP(name, T, exp_of)                                                                      \
    __attribute__((noinline)) static void name(const T *restrict x, T *restrict y, long n, T mu, T s, T k) { \
        for (long i = 0; i < n; i++) {                                                             \
            T z = (x[i] - mu) / s;                                                                 \
            y[i] = exp_of(-(z * z) / 2) / k;                                                       \
        }                                                                                          \
    }
LOOP(gauss_f32, float, EXPF)
LOOP(gauss_f64, double, EXP)

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

#define TIME(loop, T, n, repeats, calls)                                                           \
    do {                                                                                           \
        T *x = malloc(n * sizeof(T)), *y = malloc(n * sizeof(T));                                  \
        for (long i = 0; i < n; i++) x[i] = (T)(i * 7919 % n) / n * 6 - 3;                         \
        memset(y, 0, n * sizeof(T));                                                               \
        double best = 1e9, sum = 0;                                                                \
        for (int r = 0; r < repeats; r++) {                                                        \
            double start = now();                                                                  \
            for (int c = 0; c < calls; c++) {                                                      \
                loop(x, y, n, 0.3, 1.7, 1.7 * sqrt(6.283185307179586));                            \
                __asm__ volatile("" ::: "memory");                                                 \
            }                                                                                      \
            double took = now() - start;                                                           \
            if (took < best) best = took;                                                          \
        }                                                                                          \
        for (long i = 0; i < n; i++) sum += y[i] * 6 / n;                                          \
        /* The part of a Gaussian around 0.3 that lies between -3 and 3. */                        \
        if (fabs(sum - 0.9178) > 1e-3) exit(fprintf(stderr, "the sum is %g\n", sum));      \
        printf("%.9g\n", best);                                                                    \
        free(x), free(y);                                                                          \
    } while (0)

int main(int argc, char **argv) {
    int repeats = argc > 1 ? atoi(argv[1]) : 20;
    TIME(gauss_f64, double, 10000000L, repeats, 1);
    TIME(gauss_f64, double, 10000L, 5 * repeats, 100);
    TIME(gauss_f32, float, 10000000L, repeats, 1);
    TIME(gauss_f32, float, 10000L, 5 * repeats, 100);
}
