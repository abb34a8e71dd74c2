/* What the kernels for pixels need of vectors besides: integers, bytes and shuffles; not for vectors of 16 floats, which
 * kernels.c leaves those kernels out for. */
#ifndef SINET_VEC_PIXELS_H
#define SINET_VEC_PIXELS_H

#include "vec.h"

INLINE vf vmin(vf a, vf b) {
#if defined(__AVX2__)
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
#elif defined(__ARM_NEON)
    return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b);
#elif defined(__wasm_simd128__)
    return (vf)__builtin_wasm_pmin_f32x4(b, a);
#else
    return vselect((vi)(a < b), a, b);
#endif
}

/* Integers: LANES of 32 bits (vi, vu), twice as many of 16 (vh), bytes only in memory. */
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef uint16_t vh __attribute__((vector_size(4 * LANES)));

INLINE vi vload_i(const void *from) {
    vi x;
    __builtin_memcpy(&x, from, sizeof x);
    return x;
}

INLINE void vstore_i(void *to, vi x) { __builtin_memcpy(to, &x, sizeof x); }

INLINE vi vset_i(int32_t x) { return x - (vi){0}; }

/* Each lane of 32 bits as two signed halves of 16: the sum of both halves' products. */
INLINE vi vdot2(vi a, vi b) {
#if defined(__AVX2__)
    return (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (vi)_mm_madd_epi16((__m128i)a, (__m128i)b);
#elif defined(__ARM_NEON)
    int16x8_t x = (int16x8_t)a, y = (int16x8_t)b;
    return (vi)vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y));
#elif defined(__wasm_simd128__)
    typedef int16_t half __attribute__((vector_size(16)));
    return (vi)__builtin_wasm_dot_s_i32x4_i16x8((half)a, (half)b);
#else
    return (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16);
#endif
}

/* 2 LANES bytes, each as 16 bits. */
INLINE vh vload_bytes(const uint8_t *from) {
#if defined(__AVX2__)
    return (vh)_mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)from));
#elif defined(__SSE2__)
    return (vh)_mm_unpacklo_epi8(_mm_loadl_epi64((const void *)from), _mm_setzero_si128());
#else
    typedef uint8_t bytes __attribute__((vector_size(2 * LANES)));
    bytes x;
    __builtin_memcpy(&x, from, sizeof x);
    return __builtin_convertvector(x, vh);
#endif
}

/* The lower bytes of 2 LANES numbers of at most 255. */
INLINE void vstore_bytes(uint8_t *to, vh x) {
#if defined(__AVX2__)
    __m256i y = (__m256i)x;
    _mm_storeu_si128((void *)to, _mm_packus_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1)));
#elif defined(__SSE2__)
    _mm_storel_epi64((void *)to, _mm_packus_epi16((__m128i)x, (__m128i)x));
#else
    typedef uint8_t bytes __attribute__((vector_size(2 * LANES)));
    bytes y = __builtin_convertvector(x, bytes);
    __builtin_memcpy(to, &y, sizeof y);
#endif
}

/* LANES bytes, each as 32 bits. */
INLINE vi vwiden_bytes(const uint8_t *from) {
#if defined(__AVX2__)
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)from));
#elif defined(__SSE2__)
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    __m128i zero = _mm_setzero_si128();
    return (vi)_mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(word), zero), zero);
#else
    typedef uint8_t bytes __attribute__((vector_size(LANES)));
    bytes x;
    __builtin_memcpy(&x, from, sizeof x);
    return __builtin_convertvector(x, vi);
#endif
}

/* The lower bytes of LANES numbers of 0 to 255. */
INLINE void vnarrow_bytes(uint8_t *to, vi x) {
#if defined(__AVX2__)
    __m256i y = (__m256i)x;
    __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    _mm_storel_epi64((void *)to, _mm_packus_epi16(half, half));
#elif defined(__SSE2__)
    __m128i half = _mm_packs_epi32((__m128i)x, (__m128i)x);
    int32_t word = _mm_cvtsi128_si32(_mm_packus_epi16(half, half));
    __builtin_memcpy(to, &word, sizeof word);
#else
    typedef uint8_t bytes __attribute__((vector_size(LANES)));
    bytes y = __builtin_convertvector(x, bytes);
    __builtin_memcpy(to, &y, sizeof y);
#endif
}

/* Of each block of 8 halves of a and b, the first or the last 4 of both: word i is a[i] below b[i]. vpack_halves undoes
 * it for words of 0 to 32767. */
#if LANES == 8
#define PAIR_LOW 0, 16, 1, 17, 2, 18, 3, 19, 8, 24, 9, 25, 10, 26, 11, 27
#define PAIR_HIGH 4, 20, 5, 21, 6, 22, 7, 23, 12, 28, 13, 29, 14, 30, 15, 31
#else
#define PAIR_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define PAIR_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#endif

INLINE vi vpair_low(vh a, vh b) { return (vi)__builtin_shufflevector(a, b, PAIR_LOW); }

INLINE vi vpair_high(vh a, vh b) { return (vi)__builtin_shufflevector(a, b, PAIR_HIGH); }

INLINE vh vpack_halves(vi low, vi high) {
#if defined(__AVX2__)
    return (vh)_mm256_packs_epi32((__m256i)low, (__m256i)high);
#elif defined(__SSE2__)
    return (vh)_mm_packs_epi32((__m128i)low, (__m128i)high);
#else
    return __builtin_shufflevector((vh)low, (vh)high, 0, 2, 4, 6, 8, 10, 12, 14);
#endif
}

/* Words of 0 or more, none larger than `most`. */
INLINE vi vmost(vi x, int32_t most) {
    vi over = x > vset_i(most);
    return (x & ~over) | (vset_i(most) & over);
}

INLINE vf vto_float(vi x) { return __builtin_convertvector(x, vf); }

INLINE vi vtruncate(vf x) { return __builtin_convertvector(x, vi); }

/* x, rounded to float here: what follows is not fused with the multiplication that x comes from. */
INLINE vf vrounded(vf x) {
#if defined(__x86_64__)
    __asm__("" : "+x"(x));
#elif defined(__aarch64__)
    __asm__("" : "+w"(x));
#endif
    return x; /* WebAssembly never fuses by itself */
}

/* Turn LANES rows of LANES words into columns: first each block of 4 words with the rows beside it, then the blocks. */
#if LANES == 8
#define ZIP_LOW 0, 8, 1, 9, 4, 12, 5, 13
#define ZIP_HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define ZIP_LOW_PAIRS 0, 1, 8, 9, 4, 5, 12, 13
#define ZIP_HIGH_PAIRS 2, 3, 10, 11, 6, 7, 14, 15
#define FIRST_4 0, 1, 2, 3, 8, 9, 10, 11
#define SECOND_4 4, 5, 6, 7, 12, 13, 14, 15
#else
#define ZIP_LOW 0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
#define ZIP_LOW_PAIRS 0, 1, 4, 5
#define ZIP_HIGH_PAIRS 2, 3, 6, 7
#endif

INLINE void vtranspose(vi *rows) {
    for (int i = 0; i < LANES; i += 4) {
        vi *r = rows + i;
        vi low0 = __builtin_shufflevector(r[0], r[1], ZIP_LOW), high0 = __builtin_shufflevector(r[0], r[1], ZIP_HIGH);
        vi low1 = __builtin_shufflevector(r[2], r[3], ZIP_LOW), high1 = __builtin_shufflevector(r[2], r[3], ZIP_HIGH);
        r[0] = __builtin_shufflevector(low0, low1, ZIP_LOW_PAIRS);
        r[1] = __builtin_shufflevector(low0, low1, ZIP_HIGH_PAIRS);
        r[2] = __builtin_shufflevector(high0, high1, ZIP_LOW_PAIRS);
        r[3] = __builtin_shufflevector(high0, high1, ZIP_HIGH_PAIRS);
    }
#if LANES > 4
    for (int i = 0; i < LANES; i++) {
        if (i & 4) continue;
        vi a = rows[i], b = rows[i + 4];
        rows[i] = __builtin_shufflevector(a, b, FIRST_4);
        rows[i + 4] = __builtin_shufflevector(a, b, SECOND_4);
    }
#endif
}

/* Lanes of alpha for each of a pixel's channels: SPREADc_k, of LANES pixels; SPREAD_HALVESc_k, of 2 LANES. */
#if LANES == 8
#define SPREAD3_0 0, 0, 0, 1, 1, 1, 2, 2
#define SPREAD3_1 2, 3, 3, 3, 4, 4, 4, 5
#define SPREAD3_2 5, 5, 6, 6, 6, 7, 7, 7
#define SPREAD_HALVES2_0 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7
#define SPREAD_HALVES2_1 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15
#define SPREAD_HALVES3_0 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5
#define SPREAD_HALVES3_1 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10
#define SPREAD_HALVES3_2 10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15
#else
#define SPREAD3_0 0, 0, 0, 1
#define SPREAD3_1 1, 1, 2, 2
#define SPREAD3_2 2, 3, 3, 3
#define SPREAD_HALVES2_0 0, 0, 1, 1, 2, 2, 3, 3
#define SPREAD_HALVES2_1 4, 4, 5, 5, 6, 6, 7, 7
#define SPREAD_HALVES3_0 0, 0, 0, 1, 1, 1, 2, 2
#define SPREAD_HALVES3_1 2, 3, 3, 3, 4, 4, 4, 5
#define SPREAD_HALVES3_2 5, 5, 6, 6, 6, 7, 7, 7
#endif

/* Each of LANES floats three times: of the 3 LANES, the part-th LANES. */
INLINE vf vspread(vf x, int part) {
    return part == 0   ? __builtin_shufflevector(x, x, SPREAD3_0)
           : part == 1 ? __builtin_shufflevector(x, x, SPREAD3_1)
                       : __builtin_shufflevector(x, x, SPREAD3_2);
}

/* Each of 2 LANES bytes `channels` (1 to 3) times, as 16 bits: of all, the part-th 2 LANES. */
INLINE vh vspread_bytes(const uint8_t *from, int channels, int part) {
    if (channels == 1) return vload_bytes(from);
#if defined(__AVX2__)
    /* Bytes are shuffled before they are widened: there is no such shuffle of 16 halves. */
    typedef uint8_t bytes __attribute__((vector_size(16)));
    bytes x;
    __builtin_memcpy(&x, from, sizeof x);
#define SPREAD(mask) (vh)_mm256_cvtepu8_epi16((__m128i)__builtin_shufflevector(x, x, mask))
#else
    vh x = vload_bytes(from);
#define SPREAD(mask) __builtin_shufflevector(x, x, mask)
#endif
    if (channels == 2) return part == 0 ? SPREAD(SPREAD_HALVES2_0) : SPREAD(SPREAD_HALVES2_1);
    return part == 0 ? SPREAD(SPREAD_HALVES3_0) : part == 1 ? SPREAD(SPREAD_HALVES3_1) : SPREAD(SPREAD_HALVES3_2);
#undef SPREAD
}

#endif
