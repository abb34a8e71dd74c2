/* What is compiled once per instruction set: a table of functions, the same names in each.
 *
 * kernels.c includes network.c and the pixel kernels, all static, under one set of compiler flags, and defines one such
 * table; sinet.c checks every argument, chooses the table, and calls. A kernel trusts what it is given. */
#ifndef SINET_KERNELS_H
#define SINET_KERNELS_H

#include "network.h"
#include "pixels.h"

/* What a pixel kernel reads: checked, `channels` values to a pixel without gaps. */
struct source {
    const void *data;
    ptrdiff_t stride;
    int height, width, channels;
};

/* What it writes, of the size and channels that it is told. */
struct target {
    void *data;
    ptrdiff_t stride;
};

/* A network's input: 3 planes of height x width floats; plane i is (code - mean[i]) / std[i] of channel i, reversed of
 * channel 2 - i. */
struct planes {
    float *data;
    int height, width, reversed;
    const float *mean, *std;
};

/* red = luma (y - black) + red_v (v - 128), green = luma (y - black) - green_u (u - 128) - green_v (v - 128), ... */
struct conversion {
    float black, luma, red_v, green_u, green_v, blue_u;
};

/* Small planes of height x width floats, one after another without gaps, on their way to the full size. */
struct grid {
    const float *planes;
    int height, width;
};

/* Averaging windows that widen: each counts by its trust. */
struct windows {
    const int *radii;
    const float *trusts;
    int count;
};

struct kernels {
    const char *name; /* "baseline", "avx2", ...: see the end of kernels.c */
    struct shape shape;
    /* model.c and workspace.c, which know halves from floats, not one instruction set from another */
    int64_t (*model_size)(const struct config *config, const struct kernels *kernels);
    int (*model_build)(const struct artefact *artefact, const struct config *config, const struct kernels *kernels,
                       struct model *model);
    int64_t (*workspace_size)(const struct model *model, int height, int width, int threads);
    void (*workspace_prepare)(const struct model *model, int height, int width, int threads, void *memory);
    /* network.c */
    void (*run_step)(const struct model *model, void *workspace, int step, int part, const float *input, float *logits);
    void (*run_part)(const struct model *model, void *workspace, int part, const float *input, float *logits);
    /* resize.c; null, like all that follow, where those of the instruction set below serve as well */
    void (*resize_u8)(struct source source, struct target made, int made_height, int made_width, void *scratch);
    void (*resize_f32)(struct source source, struct target made, int made_height, int made_width, void *scratch);
    void (*resize_planes)(struct source source, struct planes made, void *scratch);
    /* chroma: two sources of one channel, or the first alone, of two channels; swapped: v comes before u */
    void (*resize_yuv)(struct source luma, const struct source *chroma, int swapped, struct conversion conversion,
                       struct planes made, void *scratch);
    /* blend.c; background.stride may be 0 */
    void (*composite)(struct source foreground, struct source background, struct source alpha, struct target made);
    void (*composite_u8)(struct source foreground, struct source background, struct source alpha, struct target made);
    void (*composite_chroma)(struct source foreground, struct source background, struct source alpha,
                             struct target made);
    void (*alpha_u8)(struct source alpha, struct target made);
    void (*cutout)(struct source foreground, struct source alpha, struct target made);
    /* filter.c; its scratch memory is counted in floats */
    int64_t (*box_mean_floats)(int width, int channels, int radius);
    void (*box_mean)(struct source planes, int radius, struct target made, float *scratch);
    int64_t (*guided_fit_floats)(int height, int width, int radius);
    void (*guided_fit)(struct source guide, struct source alpha, int radius, float eps, float *coefficients,
                       float *scratch);
    int64_t (*enlarger_floats)(void);
    void (*guided_alpha)(struct source rgb, struct grid coefficients, float low, float high, int bytes,
                         struct target alpha, float *scratch);
    /* chroma: as for resize_yuv; alpha as bytes; scratch as for guided_alpha */
    void (*guided_alpha_yuv)(struct source luma, const struct source *chroma, int swapped, struct grid coefficients,
                             const uint8_t *cells, float low, float high, struct target alpha, float *scratch);
    int64_t (*local_colours_floats)(int height, int width, int radius);
    void (*local_colours)(struct source rgb, struct source alpha, struct windows windows, float *colours,
                          float *scratch);
    void (*clean_colours)(struct source rgb, struct source alpha, struct grid colours, int channels,
                          struct target made, float *scratch);
    void (*shrink)(struct source image, int factor, struct target made, uint32_t *scratch);
    void (*lay_over)(struct source foreground, struct grid background, struct source alpha, int bytes,
                     struct target made, float *scratch);
    /* motion.c; two int8_t for each block */
    void (*follow)(struct source before, struct source now, int8_t *vectors);
    void (*move_blocks)(struct source before, const int8_t *vectors, int bytes, struct target made);
    /* png.c; rows have room for a vector on both sides */
    void (*png_copy)(const uint8_t *pixels, ptrdiff_t bytes, int channels, uint8_t *row);
    void (*png_filter)(const uint8_t *row, const uint8_t *above, ptrdiff_t bytes, int channels, uint8_t *filtered);
    uint32_t (*png_sum)(const uint8_t *bytes, ptrdiff_t count, uint32_t sum);
};

/* The table of an instruction set, null if there is none of that number or this processor does not have it: sinet.c. */
const struct kernels *find_kernels(int isa);

/* The same, or the nearest below that has kernels for pixels. */
const struct kernels *find_pixel_kernels(int isa);

extern const struct kernels kernels_baseline;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx512;
#elif defined(__aarch64__)
extern const struct kernels kernels_half;

int has_halves(void); /* whether this processor computes in them: halves.c */
#endif

#endif
