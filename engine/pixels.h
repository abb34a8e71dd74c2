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

/* Bytes of scratch for the resizes below; channels: those of the source (1 to 4), 1 for a plane of floats. */
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

/* Bytes of scratch for sinet_resize_yuv420. */
SINET_API int64_t sinet_resize_yuv420_scratch_size(int isa, int height, int width, int made_height, int made_width);

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

/* ---- filter.c ------------------------------------------------------------------------------------------------------
 * Local averages, the guided filter, clean colours, and a small background enlarged behind the person (core/smoothing.py,
 * core/guided.py, core/foreground.py, core/backdrop.py have the definitions). Float pictures and planes begin at a
 * multiple of 4 bytes and have strides that are one. Floats must be finite. Instruction sets may differ by rounding: in
 * bytes by one code.
 *
 * A grid is small planes of floats, `height` x `width` each, one behind another without gaps; they are enlarged on the
 * way, bilinearly, half-pixel centres, border repeated. A grid has at most the sides of the picture it is enlarged to. */

enum { SINET_MAX_WINDOWS = 8 };

/* Mean over a window of 2 radius + 1 pixels a side, cut at the border, of each of 1 to 16 channels (floats without gaps
 * in a row). The cost grows with the logarithm of the radius. `made` must not overlap the source. */
SINET_API int64_t sinet_box_mean_scratch_size(int isa, int height, int width, int channels, int radius);
SINET_API int sinet_box_mean(int isa, const float *source, ptrdiff_t stride, int height, int width, int channels,
                             int radius, float *made, ptrdiff_t made_stride, void *scratch, size_t scratch_bytes);

/* Fit alpha = slope . colour + offset, colours being codes / 255, in every window of 2 radius + 1 pixels a side, and
 * average the fits that cover a pixel: 4 planes (slopes for the first, second, third channel; offset) of the guide's
 * size. eps, from 1e-6 to 1e6, is added to the colours' variance. */
SINET_API int64_t sinet_guided_fit_scratch_size(int isa, int height, int width, int radius);
SINET_API int sinet_guided_fit(int isa, const uint8_t *guide, ptrdiff_t guide_stride, const float *alpha,
                               ptrdiff_t alpha_stride, int height, int width, int radius, float eps,
                               float *coefficients, void *scratch, size_t scratch_bytes);

/* Bytes of scratch for the three functions below that enlarge a grid. */
SINET_API int64_t sinet_enlarge_scratch_size(int isa);

/* Those coefficients, a grid, applied to a full-size picture: where they give `low` or less alpha is 0, where `high` or
 * more 1, in a line between. Alpha comes as floats, or rounded to 0..255 where made_bytes, the size of one, is 1 and not
 * 4. */
SINET_API int sinet_guided_alpha(int isa, const float *coefficients, int grid_height, int grid_width,
                                 const uint8_t *rgb, ptrdiff_t rgb_stride, int height, int width, float low, float high,
                                 void *made, ptrdiff_t made_stride, int made_bytes, void *scratch,
                                 size_t scratch_bytes);

/* The same for a video frame, by a fit to its codes of y, u and v; alpha in 0..255 at the size of luma. Chroma speaks for
 * the four pixels that it covers. `cells`, null or a byte for each place of the grid, say where there is no need to look:
 * of the pixels in a cell, 0 makes all alphas 0, 2 makes them 255, 1 has them fitted. */
SINET_API int sinet_guided_alpha_yuv420(int isa, const float *coefficients, int grid_height, int grid_width,
                                        const uint8_t *cells, const struct sinet_yuv420 *frame, int height, int width, float low, float high,
                                        uint8_t *made, ptrdiff_t made_stride, void *scratch, size_t scratch_bytes);

/* Mean colours of the person and of the background around every pixel: 6 planes (red, green, blue of the one, then of the
 * other) of the picture's size, codes. Windows of each radius count by their trust. */
SINET_API int64_t sinet_local_colours_scratch_size(int isa, int height, int width, const int *radii, int windows);
SINET_API int sinet_local_colours(int isa, const uint8_t *rgb, ptrdiff_t rgb_stride, const float *alpha,
                                  ptrdiff_t alpha_stride, int height, int width, const int *radii, const float *trusts,
                                  int windows, float *colours, void *scratch, size_t scratch_bytes);

/* The person's own colour wherever 0 < alpha < 1, by those colours, a grid; elsewhere the pixel as it is. made_channels is
 * 3, or 4: then alpha follows, rounded to 0..255, and where that is 0 the pixel is black. `made` of 3 channels may be
 * `rgb` itself. */
SINET_API int sinet_clean_colours(int isa, const float *colours, int grid_height, int grid_width, const uint8_t *rgb,
                                  ptrdiff_t rgb_stride, const float *alpha, ptrdiff_t alpha_stride, int height,
                                  int width, uint8_t *made, ptrdiff_t made_stride, int made_channels, void *scratch,
                                  size_t scratch_bytes);

/* Means of squares of `factor` (1 to 64) pixels a side, those at the right and lower border cut, rounded to bytes:
 * (height, width, channels) becomes (ceil(height / factor), ceil(width / factor), channels); 1 to 4 channels. */
SINET_API int64_t sinet_shrink_scratch_size(int isa, int width, int channels);
SINET_API int sinet_shrink(int isa, const uint8_t *source, ptrdiff_t stride, int height, int width, int channels,
                           int factor, uint8_t *made, ptrdiff_t made_stride, void *scratch, size_t scratch_bytes);

/* C = alpha F + (1 - alpha) B, rounded, where B is a grid of 1 or 3 planes, as many as F has channels. Alpha is floats in
 * [0, 1], or bytes where alpha_bytes is 1 and not 4. `made` may be the foreground. */
SINET_API int sinet_lay_over(int isa, const uint8_t *foreground, ptrdiff_t foreground_stride, int channels,
                             const float *background, int grid_height, int grid_width, const void *alpha,
                             ptrdiff_t alpha_stride, int alpha_bytes, int height, int width, uint8_t *made,
                             ptrdiff_t made_stride, void *scratch, size_t scratch_bytes);

/* ---- motion.c ------------------------------------------------------------------------------------------------------
 * A picture is cut into blocks of SINET_MOTION_BLOCK pixels a side, those at the right and lower border smaller; `vectors`
 * are two numbers for each, row after row: how many rows further down and how many columns further right it lay in the
 * picture before, at most SINET_MOTION_REACH either way. */

enum { SINET_MOTION_BLOCK = 8, SINET_MOTION_REACH = 32 };

/* Find the vectors of two pictures of height x width bytes; in: those of the picture before, or zeros. */
SINET_API int sinet_follow(int isa, const uint8_t *before, ptrdiff_t before_stride, const uint8_t *now,
                           ptrdiff_t now_stride, int height, int width, int8_t *vectors);

/* A plane of the picture before, its blocks moved to where they are now. A value has 1 or 4 bytes; `made` must not overlap
 * `before`. Vectors that lead out of the picture are cut. */
SINET_API int sinet_move(int isa, const void *before, ptrdiff_t before_stride, int height, int width,
                         const int8_t *vectors, int bytes, void *made, ptrdiff_t made_stride);

/* ---- png.c, deflate.c ----------------------------------------------------------------------------------------------
 * The content of a PNG's IDAT chunk: rows of (height, width, channels) bytes, 1, 3 or 4 channels, by Paeth's filter,
 * packed as a zlib stream of runs and single bytes. Pixels of 4 channels whose last is 0 are written as black. `made` may
 * need sinet_png_size bytes and mostly needs a small part of them; the answer is how many are used. */
SINET_API int64_t sinet_png_size(int height, int width, int channels);
SINET_API int64_t sinet_png_scratch_size(int width, int channels);
SINET_API int64_t sinet_png(int isa, const uint8_t *source, ptrdiff_t stride, int height, int width, int channels,
                            uint8_t *made, size_t made_bytes, void *scratch, size_t scratch_bytes);

#endif
