/* The vector layer: one type of LANES values (floats, or halves where SINET_HALF is defined) and the few operations that the engine needs, for every processor.
 *
 * Which one it is follows from the compiler's target alone; the same source is compiled once per instruction set.
 * Arithmetic is written with the operators of GCC's and Clang's vector extension, so a * b + c becomes one fused
 * multiply-add where the target has it (-ffp-contract=fast), except in WebAssembly, which asks by name. */
#ifndef SINET_VEC_H
#define SINET_VEC_H

#include <stddef.h>
#include <stdint.h>

#include "real.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#elif defined(__AVX2__)
#include <immintrin.h>
#define LANES 8
#elif defined(__SSE2__)
#include <immintrin.h>
#define LANES 4
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#if defined(SINET_HALF)
#define LANES 8
#else
#define LANES 4
#endif
#else
#define LANES 4
#endif

/* Loops over a tile are unrolled whole, whatever the compiler thinks of their length: what they index is registers. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define ROLL _Pragma("clang loop unroll(disable)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#define ROLL _Pragma("GCC unroll 1")
#endif

#define INLINE static inline __attribute__((always_inline))

#if defined(SINET_HALF)
typedef int16_t lane; /* an integer as wide as a value */
#else
typedef int32_t lane;
#endif
typedef real vf __attribute__((vector_size(sizeof(real) * LANES)));
typedef lane vi __attribute__((vector_size(sizeof(real) * LANES)));

/* Loads and stores need no alignment. */
INLINE vf vload(const real *from) {
    vf x;
    __builtin_memcpy(&x, from, sizeof x);
    return x;
}

INLINE void vstore(real *to, vf x) { __builtin_memcpy(to, &x, sizeof x); }

/* The same of memory that holds floats whatever values are. */
#if defined(SINET_HALF)
typedef float vwide __attribute__((vector_size(sizeof(float) * LANES)));

INLINE vwide vload_wide(const float *from) {
    vwide x;
    __builtin_memcpy(&x, from, sizeof x);
    return x;
}

INLINE void vstore_floats(float *to, vf x) {
    vwide wide = __builtin_convertvector(x, vwide);
    __builtin_memcpy(to, &wide, sizeof wide);
}
#else
INLINE void vstore_floats(float *to, vf x) { vstore(to, x); }
#endif

INLINE vf vset(float x) { return (real)x - (vf){0}; }

INLINE vf vfma(vf a, vf b, vf c) { /* a b + c */
#if defined(__wasm_relaxed_simd__)
    return (vf)__builtin_wasm_relaxed_madd_f32x4(a, b, c);
#else
    return a * b + c;
#endif
}

INLINE vf vselect(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }

INLINE vf vmax(vf a, vf b) {
#if defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
#elif defined(__ARM_NEON) && defined(SINET_HALF)
    return (vf)vmaxq_f16((float16x8_t)a, (float16x8_t)b);
#elif defined(__ARM_NEON)
    return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
#elif defined(__wasm_simd128__)
    return (vf)__builtin_wasm_pmax_f32x4(b, a);
#else
    return vselect((vi)(a > b), a, b);
#endif
}

INLINE vf vand(vf x, vi mask) { return (vf)((vi)x & mask); }

INLINE vf vabs(vf x) { return (vf)((vi)x & (lane)(((uint32_t)1 << (8 * sizeof(real) - 1)) - 1)); }

/* A choice of lanes. */
#if defined(__AVX512F__)
typedef __mmask16 vm;
#else
typedef vi vm;
#endif

/* The lanes from `first` up to `end`; either may lie beyond the lanes that there are. */
INLINE vm vlanes(int first, int end) {
    vi place;
    for (int i = 0; i < LANES; i++) place[i] = (lane)i;
    vi chosen = (place >= (lane)first) & (place < (lane)end);
#if defined(__AVX512F__)
    return _mm512_movepi32_mask((__m512i)chosen);
#else
    return chosen;
#endif
}

/* A load in which the other lanes are zero; their memory is read all the same, except with AVX-512. */
INLINE vf vload_lanes(const real *from, vm lanes) {
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_loadu_ps(lanes, from);
#else
    return vand(vload(from), lanes);
#endif
}

/* Store the first `count` lanes only. */
INLINE void vstore_lanes(real *to, vf x, int count) {
    if (count >= LANES) {
        vstore(to, x);
        return;
    }
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(to, vlanes(0, count), (__m512)x);
#else
    int i = 0;
#if LANES == 8
    for (; i + 4 <= count; i += 4) __builtin_memcpy(to, &x, 4 * sizeof(real));
#endif
    for (; i < count; i++) to[i] = x[i];
#endif
}

/* The elements at even and at odd places of the 2 LANES values a, b. */
INLINE vf veven(vf a, vf b) {
#if LANES == 16
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
#elif LANES == 8
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
#else
    return __builtin_shufflevector(a, b, 0, 2, 4, 6);
#endif
}

INLINE vf vodd(vf a, vf b) {
#if LANES == 16
    return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif LANES == 8
    return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#else
    return __builtin_shufflevector(a, b, 1, 3, 5, 7);
#endif
}

/* The 2 LANES values a[0], b[0], a[1], b[1], ...: the first half of them, and the second. */
INLINE vf vlow(vf a, vf b) {
#if LANES == 16
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#elif LANES == 8
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#else
    return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#endif
}

INLINE vf vhigh(vf a, vf b) {
#if LANES == 16
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif LANES == 8
    return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
    return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
}

/* The values from one before b to one before its last: a's last, then b's but the last. */
INLINE vf vafter(vf a, vf b) {
#if LANES == 16
    return __builtin_shufflevector(a, b, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
#elif LANES == 8
    return __builtin_shufflevector(a, b, 7, 8, 9, 10, 11, 12, 13, 14);
#else
    return __builtin_shufflevector(a, b, 3, 4, 5, 6);
#endif
}

INLINE float vsum(vf x) {
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += (float)x[i];
    return sum;
}

#endif
