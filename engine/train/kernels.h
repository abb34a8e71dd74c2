/* The arithmetic of a training step: small, planar, single precision. A plane is height x width floats, row after row,
 * filled up to whole vectors; a map is planes one after another. What lies in a plane beyond its last pixel may be
 * anything finite in a map of values and is zero in a map of gradients. */
#ifndef SINET_TRAIN_KERNELS_H
#define SINET_TRAIN_KERNELS_H

#include <stddef.h>
#include <string.h>

/* Floats in a vector, and tiles that fill the registers: outputs x vectors of a product, outputs x inputs of a
 * gradient, taps of a kernel's gradient. */
#ifdef __AVX512F__
enum { LANES = 16, TILE_ROWS = 6, TILE_VECTORS = 4, OUTER_ROWS = 4, OUTER_COLUMNS = 6, TAPS = 25 };
#else
enum { LANES = 8, TILE_ROWS = 6, TILE_VECTORS = 2, OUTER_ROWS = 4, OUTER_COLUMNS = 3, TAPS = 10 };
#endif

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int ivec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* The loops over a tile disappear, so that its sums are registers. */
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

INLINE vec load(const float *p) { return *(const vec *)p; }
INLINE void store(float *p, vec v) { *(vec *)p = v; }
INLINE vec splat(float x) { return x - (vec){0}; }
INLINE vec choose(ivec mask, vec yes, vec no) { return (vec)(((ivec)yes & mask) | ((ivec)no & ~mask)); }

INLINE float sum_of(vec v) {
    float sum = 0;
    UNROLL
    for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
}

/* Floats of a plane, in whole vectors. */
INLINE int filled(int pixels) { return (pixels + LANES - 1) / LANES * LANES; }

/* --- matrix products (products.c) --------------------------------------------------------------------------------- */

/* Where the weight of an output row and an input row lies: `row` floats from one output to the next, `column` from one
 * input to the next. Exchanged, they give the transposed matrix. */
struct weights {
    const float *at;
    ptrdiff_t row, column;
};

/* y = w x + bias, or y += w x where `add`; maps of outputs and inputs planes. */
void product(int outputs, int inputs, struct weights w, const float *x, ptrdiff_t plane_x, const float *bias, float *y,
             ptrdiff_t plane_y, int floats, int add);

/* dw += dy x^T: the gradient of a matrix from that of its product. `row` floats from one output's weights to the next. */
void outer(int outputs, int inputs, const float *dy, ptrdiff_t plane_y, const float *x, ptrdiff_t plane_x, float *dw,
           ptrdiff_t row, int floats);

/* --- activations -------------------------------------------------------------------------------------------------- */

/* The derivative of the activation, 1 above zero and `slope` below; a product with it, since what is chosen from two
 * values of which one lies in memory becomes a masked store, which many processors are slow at. */
INLINE vec steepness(vec z, float slope) { return choose(z > 0, splat(1), splat(slope)); }

/* y = z above zero, slope z below. */
INLINE void prelu(const float *z, float slope, float *y, int floats) {
    for (int i = 0; i < floats; i += LANES) {
        vec v = load(z + i);
        store(y + i, v * steepness(v, slope));
    }
}

/* The gradient before the activation, dz from dy, in place if the same; adds what slope and bias receive. */
INLINE void prelu_back(const float *dy, const float *z, float slope, float *dz, int floats, float *dslope,
                       float *dbias) {
    vec of_slope = splat(0), of_bias = splat(0);
    for (int i = 0; i < floats; i += LANES) {
        vec d = load(dy + i), v = load(z + i);
        of_slope += d * choose(v > 0, splat(0), v);
        d *= steepness(v, slope);
        of_bias += d;
        store(dz + i, d);
    }
    *dslope += sum_of(of_slope);
    if (dbias) *dbias += sum_of(of_bias);
}

/* --- depthwise convolutions --------------------------------------------------------------------------------------- */

/* Both run over planes with zeros around them as if these were one long row: what is computed across a row's end is
 * never used. `n` places; what is read behind the last must exist. */

INLINE void correlate(int taps, const float *weights, const int *offset, const float *x, float bias, float *y, int n) {
    for (int i = 0; i < n; i += 4 * LANES) {
        vec s0 = splat(bias), s1 = s0, s2 = s0, s3 = s0;
        UNROLL
        for (int t = 0; t < taps; t++) {
            vec w = splat(weights[t]);
            const float *p = x + i + offset[t];
            s0 += w * load(p), s1 += w * load(p + LANES), s2 += w * load(p + 2 * LANES), s3 += w * load(p + 3 * LANES);
        }
        store(y + i, s0), store(y + i + LANES, s1), store(y + i + 2 * LANES, s2), store(y + i + 3 * LANES, s3);
    }
}

INLINE void correlate_back_some(int taps, const float *d, const float *x, const int *offset, float *dw, int n) {
    vec sums[TAPS];
    UNROLL
    for (int t = 0; t < taps; t++) sums[t] = splat(0);
    for (int i = 0; i < n; i += LANES) {
        vec v = load(d + i);
        UNROLL
        for (int t = 0; t < taps; t++) sums[t] += v * load(x + i + offset[t]);
    }
    UNROLL
    for (int t = 0; t < taps; t++) dw[t] += sum_of(sums[t]);
}

/* dw[t] += sum of d x over all places, x read at offset[t]. */
INLINE void correlate_back(int taps, const float *d, const float *x, const int *offset, float *dw, int n) {
    UNROLL
    for (int t = 0; t < taps; t += TAPS)
        correlate_back_some(taps - t < TAPS ? taps - t : TAPS, d, x, offset + t, dw + t, n);
}

/* A plane with `margin` zeros around it, rows of width + 2 margin. The zeros are there already. */
INLINE void widen(const float *plane, int height, int width, int margin, float *out) {
    int row = width + 2 * margin;
    for (int y = 0; y < height; y++) memcpy(out + (y + margin) * row + margin, plane + y * width, 4 * (size_t)width);
}

INLINE void narrow(const float *rows, int row, int height, int width, float *plane) {
    for (int y = 0; y < height; y++) memcpy(plane + y * width, rows + y * row, 4 * (size_t)width);
}

#endif
