/* Exponential, logarithm and what is made of them, a vector at a time; errors are a few units in the last place. */
#ifndef SINET_TRAIN_SCALAR_H
#define SINET_TRAIN_SCALAR_H

#include "kernels.h"

/* exp(x) for x <= 0; below -87 it stays at what -87 gives, 1.6e-38. */
INLINE vec exp_below(vec x) {
    x = choose(x > -87.0f, x, splat(-87.0f));
    /* Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits. */
    vec shifted = x * 1.44269504f + 12582912.0f;
    vec whole = shifted - 12582912.0f;
    vec r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    vec p = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r +
             1.6666665459e-1f) *
                r +
            5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    ivec exponent = ((ivec)shifted - 0x4B400000) << 23;
    return (vec)((ivec)p + exponent);
}

/* log(1 + u) for u in [0, 1], by the series of the inverse hyperbolic tangent. */
INLINE vec log1p_of(vec u) {
    vec y = u / (u + 2.0f), s = y * y;
    vec p = ((((s * (1 / 11.0f) + 1 / 9.0f) * s + 1 / 7.0f) * s + 1 / 5.0f) * s + 1 / 3.0f) * s + 1.0f;
    return 2.0f * y * p;
}

INLINE vec magnitude(vec x) { return (vec)((ivec)x & 0x7FFFFFFF); }

INLINE vec sigmoid(vec x) {
    vec e = exp_below(-magnitude(x)), small = e / (e + 1.0f);
    return choose(x > 0, 1.0f - small, small);
}

#endif
