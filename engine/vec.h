/* The vector layer: one type of LANES floats and the few operations that the engine needs, for every processor.
 *
 * Which one it is follows from the compiler's target alone; the same source is compiled once per instruction set.
 * Arithmetic is written with the operators of GCC's and Clang's vector extension, so a * b + c becomes one fused
 * multiply-add where the target has it (-ffp-contract=fast), except in WebAssembly, which asks by name. */
#ifndef SINET_VEC_H
#define SINET_VEC_H

#include <stddef.h>
#include <stdint.h>

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
#define LANES 4
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

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));

/* Loads and stores need no alignment. */
INLINE vf vload(const float *from) {
    vf x;
    __builtin_memcpy(&x, from, sizeof x);
    return x;
}

INLINE void vstore(float *to, vf x) { __builtin_memcpy(to, &x, sizeof x); }

INLINE vf vset(float x) { return x - (vf){0}; }

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
#elif defined(__ARM_NEON)
    return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
#elif defined(__wasm_simd128__)
    return (vf)__builtin_wasm_pmax_f32x4(b, a);
#else
    return vselect((vi)(a > b), a, b);
#endif
}

INLINE vf vmin(vf a, vf b) {
#if defined(__AVX512F__)
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
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

INLINE vf vand(vf x, vi mask) { return (vf)((vi)x & mask); }

INLINE vf vabs(vf x) { return (vf)((vi)x & 0x7fffffff); }

/* A choice of lanes. */
#if defined(__AVX512F__)
typedef __mmask16 vm;
#else
typedef vi vm;
#endif

/* The lanes from `first` up to `end`; either may lie beyond the lanes that there are. */
INLINE vm vlanes(int first, int end) {
    vi lane;
    for (int i = 0; i < LANES; i++) lane[i] = i;
    vi chosen = (lane >= first) & (lane < end);
#if defined(__AVX512F__)
    return _mm512_movepi32_mask((__m512i)chosen);
#else
    return chosen;
#endif
}

/* A load in which the other lanes are zero; their memory is read all the same, except with AVX-512. */
INLINE vf vload_lanes(const float *from, vm lanes) {
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_loadu_ps(lanes, from);
#else
    return vand(vload(from), lanes);
#endif
}

/* Store the first `count` lanes only. */
INLINE void vstore_lanes(float *to, vf x, int count) {
    if (count >= LANES) {
        vstore(to, x);
        return;
    }
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(to, vlanes(0, count), (__m512)x);
#else
    int i = 0;
#if LANES == 8
    for (; i + 4 <= count; i += 4) __builtin_memcpy(to, &x, 16);
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
    for (int i = 0; i < LANES; i++) sum += x[i];
    return sum;
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

INLINE vh vset_h(uint16_t x) { return x - (vh){0}; }

/* Each lane of 32 bits as two signed halves of 16: the sum of both halves' products. */
INLINE vi vdot2(vi a, vi b) {
#if defined(__AVX512F__)
    return (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
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
#if defined(__AVX512F__)
    return (vh)_mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)from));
#elif defined(__AVX2__)
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
#if defined(__AVX512F__)
    _mm256_storeu_si256((void *)to, _mm512_cvtepi16_epi8((__m512i)x));
#elif defined(__AVX2__)
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
#if defined(__AVX512F__)
    return (vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)from));
#elif defined(__AVX2__)
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
#if defined(__AVX512F__)
    _mm_storeu_si128((void *)to, _mm512_cvtepi32_epi8((__m512i)x));
#elif defined(__AVX2__)
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
#if LANES == 16
#define PAIR_LOW 0, 32, 1, 33, 2, 34, 3, 35, 8, 40, 9, 41, 10, 42, 11, 43, \
                 16, 48, 17, 49, 18, 50, 19, 51, 24, 56, 25, 57, 26, 58, 27, 59
#define PAIR_HIGH 4, 36, 5, 37, 6, 38, 7, 39, 12, 44, 13, 45, 14, 46, 15, 47, \
                  20, 52, 21, 53, 22, 54, 23, 55, 28, 60, 29, 61, 30, 62, 31, 63
#elif LANES == 8
#define PAIR_LOW 0, 16, 1, 17, 2, 18, 3, 19, 8, 24, 9, 25, 10, 26, 11, 27
#define PAIR_HIGH 4, 20, 5, 21, 6, 22, 7, 23, 12, 28, 13, 29, 14, 30, 15, 31
#else
#define PAIR_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define PAIR_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#endif

INLINE vi vpair_low(vh a, vh b) { return (vi)__builtin_shufflevector(a, b, PAIR_LOW); }

INLINE vi vpair_high(vh a, vh b) { return (vi)__builtin_shufflevector(a, b, PAIR_HIGH); }

INLINE vh vpack_halves(vi low, vi high) {
#if defined(__AVX512F__)
    return (vh)_mm512_packs_epi32((__m512i)low, (__m512i)high);
#elif defined(__AVX2__)
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
#if defined(__AVX512F__)
    __asm__("" : "+v"(x));
#elif defined(__x86_64__)
    __asm__("" : "+x"(x));
#elif defined(__aarch64__)
    __asm__("" : "+w"(x));
#endif
    return x; /* WebAssembly never fuses by itself */
}

/* Turn LANES rows of LANES words into columns: first each block of 4 words with the rows beside it, then the blocks. */
#if LANES == 16
#define ZIP_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define ZIP_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define ZIP_LOW_PAIRS 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define ZIP_HIGH_PAIRS 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define FIRST_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define SECOND_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define FIRST_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define SECOND_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#elif LANES == 8
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
#if LANES > 8
    for (int i = 0; i < 8; i++) {
        vi a = rows[i], b = rows[i + 8];
        rows[i] = __builtin_shufflevector(a, b, FIRST_8);
        rows[i + 8] = __builtin_shufflevector(a, b, SECOND_8);
    }
#endif
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
#if LANES == 16
#define SPREAD3_0 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5
#define SPREAD3_1 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10
#define SPREAD3_2 10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15
#define SPREAD_HALVES2_0 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, \
    14, 14, 15, 15
#define SPREAD_HALVES2_1 16, 16, 17, 17, 18, 18, 19, 19, 20, 20, 21, 21, 22, 22, 23, 23, 24, 24, 25, 25, 26, 26, 27, \
    27, 28, 28, 29, 29, 30, 30, 31, 31
#define SPREAD_HALVES3_0 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, \
    10, 10
#define SPREAD_HALVES3_1 10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15, 16, 16, 16, 17, 17, 17, 18, \
    18, 18, 19, 19, 19, 20, 20, 20, 21
#define SPREAD_HALVES3_2 21, 21, 22, 22, 22, 23, 23, 23, 24, 24, 24, 25, 25, 25, 26, 26, 26, 27, 27, 27, 28, 28, 28, \
    29, 29, 29, 30, 30, 30, 31, 31, 31
#elif LANES == 8
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
#if defined(__AVX2__) && !defined(__AVX512F__)
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
