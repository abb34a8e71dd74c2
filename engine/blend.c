/* Blending: C = alpha F + (1 - alpha) B in code values, rounded to the nearest, at the speed of memory.
 *
 * Rows are taken in blocks of whole vectors; what remains at the end of a row goes through copies of a block's length.
 * Every block is read before it is written, so the result may lie over the foreground or the background. */
#include "kernels.h"
#include "vec_pixels.h"

INLINE const uint8_t *row_of(const struct source *source, int row) {
    return (const uint8_t *)source->data + row * source->stride;
}

INLINE const float *float_row(const struct source *source, int row) {
    return (const float *)((const char *)source->data + row * source->stride);
}

INLINE uint8_t *made_row(const struct target *made, int row) { return (uint8_t *)made->data + row * made->stride; }

/* What remains of rows at their ends, filled up to a whole block: a row of its own, of which the beginning is kept. */
struct ends {
    uint8_t foreground[3 * LANES], background[3 * LANES], made[4 * LANES];
    float alpha[LANES];
};

static __attribute__((noinline)) void copy_bytes(uint8_t *to, const uint8_t *from, int count) {
    for (int i = 0; i < count; i++) to[i] = from[i];
}

static __attribute__((noinline)) void copy_alpha(float *to, const float *from, int count) {
    for (int i = 0; i < LANES; i++) to[i] = i < count ? from[i] : 0;
}

/* x in [0, 1] as a code, the product rounded before the half is added, as core/composite.py has it. */
INLINE vi to_code(vf x) { return vtruncate(vrounded(x * vset(255)) + 0.5f); }

/* ---- alpha as float ---- */

/* LANES pixels of 3 channels, in the order of operations of core/composite.py. */
INLINE void composite_block(const uint8_t *foreground, const uint8_t *background, const float *alpha, uint8_t *made) {
    vf opacity = vload(alpha);
    vi codes[3];
    for (int part = 0; part < 3; part++) {
        vf above = vto_float(vwiden_bytes(foreground + part * LANES));
        vf below = vto_float(vwiden_bytes(background + part * LANES));
        codes[part] = vtruncate(below + vrounded((above - below) * vspread(opacity, part)) + 0.5f);
    }
    for (int part = 0; part < 3; part++) vnarrow_bytes(made + part * LANES, codes[part]);
}

static __attribute__((noinline)) void composite_row(const uint8_t *foreground, const uint8_t *background,
                                                    const float *alpha, int width, uint8_t *made) {
    int rest = width % LANES, x = 0;
    for (; x < width - rest; x += LANES)
        composite_block(foreground + 3 * x, background + 3 * x, alpha + x, made + 3 * x);
    if (rest) {
        struct ends ends = {0};
        copy_bytes(ends.foreground, foreground + 3 * x, 3 * rest);
        copy_bytes(ends.background, background + 3 * x, 3 * rest);
        copy_alpha(ends.alpha, alpha + x, rest);
        composite_row(ends.foreground, ends.background, ends.alpha, LANES, ends.made);
        copy_bytes(made + 3 * x, ends.made, 3 * rest);
    }
}

static void composite(struct source foreground, struct source background, struct source alpha, struct target made) {
    for (int row = 0; row < alpha.height; row++)
        composite_row(row_of(&foreground, row), row_of(&background, row), float_row(&alpha, row), alpha.width,
                      made_row(&made, row));
}

static __attribute__((noinline)) void alpha_row(const float *alpha, int width, uint8_t *made) {
    int rest = width % LANES, x = 0;
    for (; x < width - rest; x += LANES) vnarrow_bytes(made + x, to_code(vload(alpha + x)));
    if (rest) {
        struct ends ends;
        copy_alpha(ends.alpha, alpha + x, rest);
        alpha_row(ends.alpha, LANES, ends.made);
        copy_bytes(made + x, ends.made, rest);
    }
}

static void alpha_u8(struct source alpha, struct target made) {
    for (int row = 0; row < alpha.height; row++) alpha_row(float_row(&alpha, row), alpha.width, made_row(&made, row));
}

typedef int32_t four_words __attribute__((vector_size(16)));

/* 4 pixels of 3 bytes as words, their highest byte 0. */
INLINE four_words widen_pixels(const uint8_t *from) {
#if defined(__SSE2__) && !defined(__AVX2__)
    int32_t words[4]; /* no shuffle of bytes */
    for (int i = 0; i < 3; i++) {
        __builtin_memcpy(words + i, from + 3 * i, 4);
        words[i] &= 0xffffff;
    }
    __builtin_memcpy(words + 3, from + 8, 4);
    return (four_words){words[0], words[1], words[2], words[3] >> 8 & 0xffffff};
#else
    typedef uint8_t bytes __attribute__((vector_size(16)));
    bytes x = {0};
    __builtin_memcpy(&x, from, 12);
    return (four_words)__builtin_shufflevector(x, x, 0, 1, 2, 12, 3, 4, 5, 12, 6, 7, 8, 12, 9, 10, 11, 12);
#endif
}

/* LANES pixels. */
INLINE void cutout_block(const uint8_t *foreground, const float *alpha, uint8_t *made) {
    vi code = to_code(vload(alpha));
    int32_t codes[LANES], seen[LANES];
    vstore_i(codes, (vi)((vu)code << 24));
    vstore_i(seen, code > 0);
    four_words pixels[LANES / 4];
    for (int i = 0; i < LANES / 4; i++) {
        four_words opacity, mask;
        __builtin_memcpy(&opacity, codes + 4 * i, 16);
        __builtin_memcpy(&mask, seen + 4 * i, 16);
        pixels[i] = (widen_pixels(foreground + 12 * i) & mask) | opacity;
    }
    __builtin_memcpy(made, pixels, sizeof pixels);
}

static __attribute__((noinline)) void cutout_row(const uint8_t *foreground, const float *alpha, int width,
                                                 uint8_t *made) {
    int rest = width % LANES, x = 0;
    for (; x < width - rest; x += LANES) cutout_block(foreground + 3 * x, alpha + x, made + 4 * x);
    if (rest) {
        struct ends ends = {0};
        copy_bytes(ends.foreground, foreground + 3 * x, 3 * rest);
        copy_alpha(ends.alpha, alpha + x, rest);
        cutout_row(ends.foreground, ends.alpha, LANES, ends.made);
        copy_bytes(made + 4 * x, ends.made, 4 * rest);
    }
}

static void cutout(struct source foreground, struct source alpha, struct target made) {
    for (int row = 0; row < alpha.height; row++)
        cutout_row(row_of(&foreground, row), float_row(&alpha, row), alpha.width, made_row(&made, row));
}

/* ---- alpha as bytes ---- */

/* (alpha F + (255 - alpha) B) / 255 to the nearest. No sum lies halfway, 255 being odd; and (t + t / 256) / 256, t being
 * the sum and 128, is that quotient for every sum up to 255 * 255. */
INLINE vh blend(vh above, vh below, vh opacity) {
    vh sum = above * opacity + below * (255 - opacity) + 128;
    return (sum + (sum >> 8)) >> 8;
}

enum { PIXELS = 2 * LANES };

INLINE void blend_block(const uint8_t *foreground, const uint8_t *background, const uint8_t *alpha, int channels,
                        uint8_t *made) {
    vh codes[3];
    for (int part = 0; part < channels; part++)
        codes[part] = blend(vload_bytes(foreground + part * PIXELS), vload_bytes(background + part * PIXELS),
                            vspread_bytes(alpha, channels, part));
    for (int part = 0; part < channels; part++) vstore_bytes(made + part * PIXELS, codes[part]);
}

INLINE int blend_blocks(const uint8_t *foreground, const uint8_t *background, const uint8_t *alpha, int channels,
                        int width, uint8_t *made) {
    int x = 0;
    for (; x + PIXELS <= width; x += PIXELS)
        blend_block(foreground + channels * x, background + channels * x, alpha + x, channels, made + channels * x);
    return x;
}

static __attribute__((noinline)) void blend_row(const uint8_t *foreground, const uint8_t *background,
                                                const uint8_t *alpha, int channels, int width, uint8_t *made) {
    int x = channels == 1   ? blend_blocks(foreground, background, alpha, 1, width, made)
            : channels == 2 ? blend_blocks(foreground, background, alpha, 2, width, made)
                            : blend_blocks(foreground, background, alpha, 3, width, made);
    if (x < width) {
        uint8_t ends[4][3 * PIXELS] = {0};
        int rest = width - x, at = channels * x;
        copy_bytes(ends[0], foreground + at, channels * rest);
        copy_bytes(ends[1], background + at, channels * rest);
        copy_bytes(ends[2], alpha + x, rest);
        blend_row(ends[0], ends[1], ends[2], channels, PIXELS, ends[3]);
        copy_bytes(made + at, ends[3], channels * rest);
    }
}

static void composite_u8(struct source foreground, struct source background, struct source alpha, struct target made) {
    for (int row = 0; row < alpha.height; row++)
        blend_row(row_of(&foreground, row), row_of(&background, row), row_of(&alpha, row), foreground.channels,
                  alpha.width, made_row(&made, row));
}

/* Means of 2 x 2 alphas, rounded half up, of `count` pairs of columns; at an odd border the last column counts twice. */
INLINE void halve(const uint8_t *upper, const uint8_t *lower, int width, int count, uint8_t *made) {
    int x = 0;
    for (; x + PIXELS <= count && 2 * (x + PIXELS) <= width; x += PIXELS) {
        vh a = (vh)vload_i(upper + 2 * x), b = (vh)vload_i(lower + 2 * x);
        vstore_bytes(made + x, ((a & 255) + (a >> 8) + (b & 255) + (b >> 8) + 2) >> 2);
    }
    for (; x < count; x++) {
        int left = 2 * x, right = left + 1 < width ? left + 1 : left;
        made[x] = (uint8_t)((upper[left] + upper[right] + lower[left] + lower[right] + 2) / 4);
    }
}

/* Chroma of 1 or 2 channels by an alpha of twice its size. */
static void composite_chroma(struct source foreground, struct source background, struct source alpha,
                             struct target made) {
    enum { STRETCH = 16 * PIXELS };
    uint8_t means[STRETCH];
    int channels = foreground.channels;
    for (int row = 0; row < foreground.height; row++) {
        const uint8_t *upper = row_of(&alpha, 2 * row);
        const uint8_t *lower = 2 * row + 1 < alpha.height ? row_of(&alpha, 2 * row + 1) : upper;
        for (int x = 0; x < foreground.width; x += STRETCH) {
            int count = foreground.width - x < STRETCH ? foreground.width - x : STRETCH;
            ptrdiff_t at = (ptrdiff_t)x * channels;
            halve(upper + 2 * x, lower + 2 * x, alpha.width - 2 * x, count, means);
            blend_row(row_of(&foreground, row) + at, row_of(&background, row) + at, means, channels, count,
                      made_row(&made, row) + at);
        }
    }
}
