/* Everything that depends on the width of vectors, compiled once per instruction set into one table. */

#include "kernels.h"

#include "network.c"
/* The kernels for pixels wait for memory: those of AVX2 serve AVX-512 too, at half the size; and they are no halves. */
#if LANES < 16 && !defined(SINET_HALF)
#define WITH_PIXELS
#include "resize.c"
#include "blend.c"
#include "filter.c"
#include "motion.c"
#include "png.c"
#endif

#ifndef SINET_ISA
#define SINET_ISA baseline
#endif
#define JOINED(a, b) a##b
#define NAMED(a, b) JOINED(a, b)

#if defined(__AVX512F__)
#define ISA_NAME "avx512"
#elif defined(__AVX2__)
#define ISA_NAME "avx2"
#elif defined(__SSE2__)
#define ISA_NAME "baseline"
#elif defined(__ARM_NEON) && defined(SINET_HALF)
#define ISA_NAME "neon-fp16"
#elif defined(__ARM_NEON)
#define ISA_NAME "neon"
#elif defined(__wasm_relaxed_simd__)
#define ISA_NAME "relaxed-simd128"
#elif defined(__wasm_simd128__)
#define ISA_NAME "simd128"
#else
#define ISA_NAME "portable"
#endif

const struct kernels NAMED(kernels_, SINET_ISA) = {
    .name = ISA_NAME,
    .shape = {LANES, BLOCK, TILE},
    .model_size = model_size,
    .model_build = model_build,
    .workspace_size = workspace_size,
    .workspace_prepare = workspace_prepare,
    .run_step = run_step,
    .run_part = run_part,
#if defined(WITH_PIXELS)
    .resize_u8 = resize_u8,
    .resize_f32 = resize_f32,
    .resize_planes = resize_planes,
    .resize_yuv = resize_yuv,
    .composite = composite,
    .composite_u8 = composite_u8,
    .composite_chroma = composite_chroma,
    .alpha_u8 = alpha_u8,
    .cutout = cutout,
    .box_mean_floats = box_mean_floats,
    .box_mean = box_mean,
    .guided_fit_floats = guided_fit_floats,
    .guided_fit = guided_fit,
    .enlarger_floats = enlarger_floats,
    .guided_alpha = guided_alpha,
    .guided_alpha_yuv = guided_alpha_yuv,
    .local_colours_floats = local_colours_floats,
    .local_colours = local_colours,
    .clean_colours = clean_colours,
    .shrink = shrink,
    .lay_over = lay_over,
    .follow = follow,
    .move_blocks = move_blocks,
    .png_copy = png_copy,
    .png_filter = png_filter,
    .png_sum = png_sum,
#endif
};
