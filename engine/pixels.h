/* The pixel kernels: resizing, blending and filters of pictures of 8 bits and of float planes.
 *
 * The same rules as in sinet.h hold: no allocation, no global state, every argument checked, a negative answer is an
 * error code. `isa` is the number of an instruction set, 0 to sinet_best_isa(); sinet_best_isa() asks the processor, so
 * call it once and keep the answer. All instruction sets give the same bytes where bytes come out.
 *
 * A picture is a pointer to its first row and the bytes from one row to the next (its stride), which may be more than a
 * row holds; never is a byte between rows or beyond the last one read or written. Sides are 1 to SINET_MAX_SIDE pixels.
 * Scratch memory is aligned to 64 bytes; its content means nothing before or after a call. */
#ifndef SINET_PIXELS_H
#define SINET_PIXELS_H

#include "sinet.h"

enum { SINET_MAX_SIDE = 1 << 22 };

/* ---- resize.c ------------------------------------------------------------------------------------------------------
 * One resampler: the triangle filter with half-pixel centres that widens when shrinking (core/resample.py has the
 * definition). Bytes are rounded to 8 bits after each axis, rows first, exactly as Pillow does it. */

/* Bytes of scratch for any of the resizes below; channels: those of the source (1 to 4), 1 for float planes, 3 for
 * sinet_resize_yuv420. */
SINET_API int64_t sinet_resize_scratch_size(int isa, int height, int width, int channels, int made_height,
                                            int made_width);

/* (height, width, channels) bytes -> (made_height, made_width, channels) bytes; 1 to 4 channels, each by itself. */
SINET_API int sinet_resize_u8(int isa, const uint8_t *source, ptrdiff_t stride, int height, int width, int channels,
                              uint8_t *made, ptrdiff_t made_stride, int made_height, int made_width, void *scratch,
                              size_t scratch_bytes);

/* One plane of floats. */
SINET_API int sinet_resize_f32(int isa, const float *source, ptrdiff_t stride, int height, int width, float *made,
                               ptrdiff_t made_stride, int made_height, int made_width, void *scratch,
                               size_t scratch_bytes);

/* (height, width, 3 or 4) bytes -> the network's input: 3 planes of made_height x made_width floats without gaps, plane
 * i holding (code - mean[i]) / std[i] of channel i, or of channel 2 - i where `reversed` is 1 (blue first). A fourth
 * channel is not looked at. */
SINET_API int sinet_resize_planes(int isa, const uint8_t *source, ptrdiff_t stride, int height, int width, int channels,
                                  int reversed, const float *mean, const float *std, float *made, int made_height,
                                  int made_width, void *scratch, size_t scratch_bytes);

/* A video frame of height x width pixels: luma, and chroma of half the sides (rounded up), uv_step bytes from one sample
 * to the next: 1 for planes of their own; 2 where U and V alternate in one plane (NV12, NV21), u and v then being one
 * byte apart. */
struct sinet_yuv420 {
    uint8_t *y, *u, *v;
    ptrdiff_t y_stride, uv_stride;
    int uv_step;
};

enum { SINET_BT601 = 0, SINET_BT709 = 1, SINET_BT2020 = 2 };

/* A video frame -> the network's input, as sinet_resize_planes: each plane is shrunk to the made size and rounded to
 * bytes, then becomes red, green and blue, cut to 0..255 but not rounded (core/yuv.py has the definition). full_range: 1
 * where codes run over 0..255, 0 where luma runs over 16..235 and chroma over 16..240. */
SINET_API int sinet_resize_yuv420(int isa, const struct sinet_yuv420 *frame, int height, int width, int matrix,
                                  int full_range, int reversed, const float *mean, const float *std, float *made,
                                  int made_height, int made_width, void *scratch, size_t scratch_bytes);

/* ---- blend.c -------------------------------------------------------------------------------------------------------
 * C = alpha F + (1 - alpha) B, rounded to the nearest code. A background of stride 0 repeats its one row: one row of one
 * colour is a background of that colour. `made` may be the foreground or the background itself. */

/* (height, width, 3) bytes by alpha in [0, 1], in the arithmetic of core/composite.py to the last bit. */
SINET_API int sinet_composite(int isa, const uint8_t *foreground, ptrdiff_t foreground_stride,
                              const uint8_t *background, ptrdiff_t background_stride, const float *alpha,
                              ptrdiff_t alpha_stride, uint8_t *made, ptrdiff_t made_stride, int height, int width);

/* (height, width, channels) bytes, 1 to 3 channels, by alpha in 0..255. */
SINET_API int sinet_composite_u8(int isa, const uint8_t *foreground, ptrdiff_t foreground_stride,
                                 const uint8_t *background, ptrdiff_t background_stride, const uint8_t *alpha,
                                 ptrdiff_t alpha_stride, int channels, uint8_t *made, ptrdiff_t made_stride, int height,
                                 int width);

/* Video frames by alpha in 0..255 at the size of luma; chroma takes the rounded mean of the 4 (at odd borders, 2 or 1)
 * alphas that it covers. All three frames have the same uv_step and the same order of u and v. */
SINET_API int sinet_composite_yuv420(int isa, const struct sinet_yuv420 *foreground,
                                     const struct sinet_yuv420 *background, const uint8_t *alpha,
                                     ptrdiff_t alpha_stride, const struct sinet_yuv420 *made, int height, int width);

/* Alpha in [0, 1] -> 0..255, rounded to the nearest. */
SINET_API int sinet_alpha_u8(int isa, const float *alpha, ptrdiff_t alpha_stride, uint8_t *made, ptrdiff_t made_stride,
                             int height, int width);

/* (height, width, 3) bytes and alpha in [0, 1] -> straight RGBA; black where alpha rounds to 0. */
SINET_API int sinet_cutout(int isa, const uint8_t *foreground, ptrdiff_t foreground_stride, const float *alpha,
                           ptrdiff_t alpha_stride, uint8_t *made, ptrdiff_t made_stride, int height, int width);

#endif
