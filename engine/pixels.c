/* Public entry points of the pixel kernels: every argument is checked here, once; then the kernel of an instruction set
 * is called. */
#include "deflate.h"
#include "kernels.h"
#include "resample.h"

enum { BYTE = 1, FLOAT = 4 };

/* ---- checks: 1 if all is well ---- */

static int side_fits(int side) { return side >= 1 && side <= SINET_MAX_SIDE; }

/* Rows of width * channels values of `size` bytes that can be addressed, `stride` bytes apart. */
static int rows_fit(const void *data, ptrdiff_t stride, int height, int width, int channels, int size) {
    if (!data || !side_fits(height) || !side_fits(width)) return 0;
    if ((uintptr_t)data % (unsigned)size || stride % size) return 0;
    return stride >= (ptrdiff_t)width * channels * size && stride <= PTRDIFF_MAX / height;
}

/* The same, or one row that is repeated: a stride of 0. */
static int background_fits(const void *data, ptrdiff_t stride, int height, int width, int channels) {
    return rows_fit(data, stride ? stride : (ptrdiff_t)width * channels, height, width, channels, BYTE);
}

static int memory_error(const void *scratch, size_t bytes, int64_t needed) {
    if (!scratch || (uintptr_t)scratch % 64) return SINET_ERROR_MEMORY;
    return (uint64_t)bytes < (uint64_t)needed ? SINET_ERROR_MEMORY : SINET_OK;
}

static struct source source_of(const void *data, ptrdiff_t stride, int height, int width, int channels) {
    return (struct source){data, stride, height, width, channels};
}

/* ---- resize.c ---- */

static int64_t resize_needs(const struct kernels *kernels, int height, int width, int channels, int made_height,
                            int made_width) {
    if (!kernels) return SINET_ERROR_ISA;
    if (!side_fits(height) || !side_fits(width) || channels < 1 || channels > 4) return SINET_ERROR_ARGUMENT;
    if (!side_fits(made_height) || !side_fits(made_width)) return SINET_ERROR_ARGUMENT;
    int bytes_each = channels == 1 ? (int)sizeof(float) : 1; /* a plane may be of floats */
    return plan_resize(height, width, channels, bytes_each, made_height, made_width, 0, kernels->shape.lanes, 0).bytes;
}

int64_t sinet_resize_scratch_size(int isa, int height, int width, int channels, int made_height, int made_width) {
    return resize_needs(find_pixel_kernels(isa), height, width, channels, made_height, made_width);
}

int sinet_resize_u8(int isa, const uint8_t *source, ptrdiff_t stride, int height, int width, int channels,
                    uint8_t *made, ptrdiff_t made_stride, int made_height, int made_width, void *scratch,
                    size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = resize_needs(kernels, height, width, channels, made_height, made_width);
    if (needed < 0) return (int)needed;
    if (!rows_fit(source, stride, height, width, channels, BYTE)) return SINET_ERROR_ARGUMENT;
    if (!rows_fit(made, made_stride, made_height, made_width, channels, BYTE)) return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    kernels->resize_u8(source_of(source, stride, height, width, channels),
                                 (struct target){made, made_stride}, made_height, made_width, scratch);
    return SINET_OK;
}

int sinet_resize_f32(int isa, const float *source, ptrdiff_t stride, int height, int width, float *made,
                     ptrdiff_t made_stride, int made_height, int made_width, void *scratch, size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = resize_needs(kernels, height, width, 1, made_height, made_width);
    if (needed < 0) return (int)needed;
    if (!rows_fit(source, stride, height, width, 1, FLOAT)) return SINET_ERROR_ARGUMENT;
    if (!rows_fit(made, made_stride, made_height, made_width, 1, FLOAT)) return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    kernels->resize_f32(source_of(source, stride, height, width, 1), (struct target){made, made_stride},
                                  made_height, made_width, scratch);
    return SINET_OK;
}

static int planes_fit(const float *made, int height, int width, int reversed, const float *mean, const float *std) {
    if (!mean || !std || (reversed != 0 && reversed != 1)) return 0;
    if ((uintptr_t)mean % FLOAT || (uintptr_t)std % FLOAT) return 0;
    /* 3 * height rows lie one after another. */
    return rows_fit(made, (ptrdiff_t)width * FLOAT, height, width, 1, FLOAT) &&
           (ptrdiff_t)width * FLOAT <= PTRDIFF_MAX / height / 3;
}

int sinet_resize_planes(int isa, const uint8_t *source, ptrdiff_t stride, int height, int width, int channels,
                        int reversed, const float *mean, const float *std, float *made, int made_height, int made_width,
                        void *scratch, size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = resize_needs(kernels, height, width, channels, made_height, made_width);
    if (needed < 0) return (int)needed;
    if (channels < 3 || !rows_fit(source, stride, height, width, channels, BYTE)) return SINET_ERROR_ARGUMENT;
    if (!planes_fit(made, made_height, made_width, reversed, mean, std)) return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    kernels->resize_planes(source_of(source, stride, height, width, channels),
                                     (struct planes){made, made_height, made_width, reversed, mean, std}, scratch);
    return SINET_OK;
}

static int64_t resize_yuv_needs(const struct kernels *kernels, int height, int width, int made_height,
                                int made_width) {
    if (!kernels) return SINET_ERROR_ISA;
    if (!side_fits(height) || !side_fits(width)) return SINET_ERROR_ARGUMENT;
    if (!side_fits(made_height) || !side_fits(made_width)) return SINET_ERROR_ARGUMENT;
    /* Chroma, two channels of half the size, needs less than three channels of luma's. */
    return plan_resize(height, width, 3, 1, made_height, made_width, 3, kernels->shape.lanes, 0).bytes;
}

int64_t sinet_resize_yuv420_scratch_size(int isa, int height, int width, int made_height, int made_width) {
    return resize_yuv_needs(find_pixel_kernels(isa), height, width, made_height, made_width);
}

/* Video frames: the planes of chroma, or the one in which they alternate. */
struct chroma {
    uint8_t *plane[2]; /* u and v; or whichever comes first */
    int planes, channels, swapped;
};

static struct chroma chroma_of(const struct sinet_yuv420 *frame) {
    if (frame->uv_step == 1) return (struct chroma){{frame->u, frame->v}, 2, 1, 0};
    int swapped = frame->v < frame->u;
    return (struct chroma){{swapped ? frame->v : frame->u, 0}, 1, 2, swapped};
}

/* As the kernels read them, of a frame that fits. */
static void chroma_sources(const struct chroma *chroma, const struct sinet_yuv420 *frame, int height, int width,
                           struct source sources[2]) {
    for (int i = 0; i < 2; i++)
        sources[i] = source_of(chroma->plane[i], frame->uv_stride, (height + 1) / 2, (width + 1) / 2, chroma->channels);
}

/* repeat: strides of 0 are well, too. */
static int frame_fits(const struct sinet_yuv420 *frame, int height, int width, int repeat) {
    if (!frame || !frame->u || !frame->v || !side_fits(height) || !side_fits(width)) return 0;
    if (frame->uv_step != 1 && frame->uv_step != 2) return 0;
    uintptr_t u = (uintptr_t)frame->u, v = (uintptr_t)frame->v;
    if (frame->uv_step == 2 && u + 1 != v && v + 1 != u) return 0;
    if (!repeat && (frame->y_stride == 0 || frame->uv_stride == 0)) return 0;
    if (!background_fits(frame->y, frame->y_stride, height, width, 1)) return 0;
    struct chroma chroma = chroma_of(frame);
    for (int i = 0; i < chroma.planes; i++)
        if (!background_fits(chroma.plane[i], frame->uv_stride, (height + 1) / 2, (width + 1) / 2, chroma.channels)) return 0;
    return 1;
}

/* The shares of red and of blue in luma; green has the rest. */
static const double SHARES[3][2] = {
    [SINET_BT601] = {0.299, 0.114},
    [SINET_BT709] = {0.2126, 0.0722},
    [SINET_BT2020] = {0.2627, 0.0593},
};

static struct conversion conversion_of(int matrix, int full_range) {
    double red = SHARES[matrix][0], blue = SHARES[matrix][1], green = 1 - red - blue;
    double luma = full_range ? 1 : 255.0 / 219, chroma = full_range ? 1 : 255.0 / 224;
    double red_v = 2 * (1 - red) * chroma, blue_u = 2 * (1 - blue) * chroma;
    return (struct conversion){
        .black = full_range ? 0 : 16,
        .luma = (float)luma,
        .red_v = (float)red_v,
        .green_u = (float)(blue_u * blue / green),
        .green_v = (float)(red_v * red / green),
        .blue_u = (float)blue_u,
    };
}

int sinet_resize_yuv420(int isa, const struct sinet_yuv420 *frame, int height, int width, int matrix, int full_range,
                        int reversed, const float *mean, const float *std, float *made, int made_height, int made_width,
                        void *scratch, size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = resize_yuv_needs(kernels, height, width, made_height, made_width);
    if (needed < 0) return (int)needed;
    if (matrix < SINET_BT601 || matrix > SINET_BT2020 || (full_range != 0 && full_range != 1))
        return SINET_ERROR_ARGUMENT;
    if (!frame_fits(frame, height, width, 0)) return SINET_ERROR_ARGUMENT;
    if (!planes_fit(made, made_height, made_width, reversed, mean, std)) return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    struct chroma chroma = chroma_of(frame);
    struct source sources[2];
    chroma_sources(&chroma, frame, height, width, sources);
    kernels->resize_yuv(source_of(frame->y, frame->y_stride, height, width, 1), sources, chroma.swapped,
                                  conversion_of(matrix, full_range),
                                  (struct planes){made, made_height, made_width, reversed, mean, std}, scratch);
    return SINET_OK;
}

/* ---- blend.c ---- */

int sinet_composite(int isa, const uint8_t *foreground, ptrdiff_t foreground_stride, const uint8_t *background,
                    ptrdiff_t background_stride, const float *alpha, ptrdiff_t alpha_stride, uint8_t *made,
                    ptrdiff_t made_stride, int height, int width) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    if (!kernels) return SINET_ERROR_ISA;
    if (!rows_fit(foreground, foreground_stride, height, width, 3, BYTE)) return SINET_ERROR_ARGUMENT;
    if (!background_fits(background, background_stride, height, width, 3)) return SINET_ERROR_ARGUMENT;
    if (!rows_fit(alpha, alpha_stride, height, width, 1, FLOAT)) return SINET_ERROR_ARGUMENT;
    if (!rows_fit(made, made_stride, height, width, 3, BYTE)) return SINET_ERROR_ARGUMENT;
    kernels->composite(source_of(foreground, foreground_stride, height, width, 3),
                       source_of(background, background_stride, height, width, 3),
                       source_of(alpha, alpha_stride, height, width, 1), (struct target){made, made_stride});
    return SINET_OK;
}

int sinet_composite_u8(int isa, const uint8_t *foreground, ptrdiff_t foreground_stride, const uint8_t *background,
                       ptrdiff_t background_stride, const uint8_t *alpha, ptrdiff_t alpha_stride, int channels,
                       uint8_t *made, ptrdiff_t made_stride, int height, int width) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    if (!kernels) return SINET_ERROR_ISA;
    if (channels < 1 || channels > 3) return SINET_ERROR_ARGUMENT;
    if (!rows_fit(foreground, foreground_stride, height, width, channels, BYTE)) return SINET_ERROR_ARGUMENT;
    if (!background_fits(background, background_stride, height, width, channels)) return SINET_ERROR_ARGUMENT;
    if (!rows_fit(alpha, alpha_stride, height, width, 1, BYTE)) return SINET_ERROR_ARGUMENT;
    if (!rows_fit(made, made_stride, height, width, channels, BYTE)) return SINET_ERROR_ARGUMENT;
    kernels->composite_u8(source_of(foreground, foreground_stride, height, width, channels),
                          source_of(background, background_stride, height, width, channels),
                          source_of(alpha, alpha_stride, height, width, 1), (struct target){made, made_stride});
    return SINET_OK;
}

int sinet_composite_yuv420(int isa, const struct sinet_yuv420 *foreground, const struct sinet_yuv420 *background,
                           const uint8_t *alpha, ptrdiff_t alpha_stride, const struct sinet_yuv420 *made, int height,
                           int width) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    if (!kernels) return SINET_ERROR_ISA;
    if (!frame_fits(foreground, height, width, 0) || !frame_fits(background, height, width, 1) ||
        !frame_fits(made, height, width, 0) || !rows_fit(alpha, alpha_stride, height, width, 1, BYTE))
        return SINET_ERROR_ARGUMENT;
    struct chroma above = chroma_of(foreground), below = chroma_of(background), to = chroma_of(made);
    if (above.planes != below.planes || above.planes != to.planes) return SINET_ERROR_ARGUMENT;
    if (above.swapped != below.swapped || above.swapped != to.swapped) return SINET_ERROR_ARGUMENT;
    struct source opacity = source_of(alpha, alpha_stride, height, width, 1);
    kernels->composite_u8(source_of(foreground->y, foreground->y_stride, height, width, 1),
                          source_of(background->y, background->y_stride, height, width, 1), opacity,
                          (struct target){made->y, made->y_stride});
    int half_height = (height + 1) / 2, half_width = (width + 1) / 2;
    for (int i = 0; i < above.planes; i++)
        kernels->composite_chroma(
            source_of(above.plane[i], foreground->uv_stride, half_height, half_width, above.channels),
            source_of(below.plane[i], background->uv_stride, half_height, half_width, above.channels), opacity,
            (struct target){to.plane[i], made->uv_stride});
    return SINET_OK;
}

int sinet_alpha_u8(int isa, const float *alpha, ptrdiff_t alpha_stride, uint8_t *made, ptrdiff_t made_stride,
                   int height, int width) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    if (!kernels) return SINET_ERROR_ISA;
    if (!rows_fit(alpha, alpha_stride, height, width, 1, FLOAT)) return SINET_ERROR_ARGUMENT;
    if (!rows_fit(made, made_stride, height, width, 1, BYTE)) return SINET_ERROR_ARGUMENT;
    kernels->alpha_u8(source_of(alpha, alpha_stride, height, width, 1), (struct target){made, made_stride});
    return SINET_OK;
}

int sinet_cutout(int isa, const uint8_t *foreground, ptrdiff_t foreground_stride, const float *alpha,
                 ptrdiff_t alpha_stride, uint8_t *made, ptrdiff_t made_stride, int height, int width) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    if (!kernels) return SINET_ERROR_ISA;
    if (!rows_fit(foreground, foreground_stride, height, width, 3, BYTE)) return SINET_ERROR_ARGUMENT;
    if (!rows_fit(alpha, alpha_stride, height, width, 1, FLOAT)) return SINET_ERROR_ARGUMENT;
    if (!rows_fit(made, made_stride, height, width, 4, BYTE)) return SINET_ERROR_ARGUMENT;
    kernels->cutout(source_of(foreground, foreground_stride, height, width, 3),
                    source_of(alpha, alpha_stride, height, width, 1), (struct target){made, made_stride});
    return SINET_OK;
}

/* ---- filter.c ---- */

static int grid_fits(const float *planes, int grid_height, int grid_width, int height, int width) {
    return rows_fit(planes, (ptrdiff_t)FLOAT * grid_width, grid_height, grid_width, 1, FLOAT) && grid_height <= height &&
           grid_width <= width;
}

/* Not a number is in no range. */
static int in_range(float x, float low, float high) { return x >= low && x <= high; }

static int64_t box_mean_needs(const struct kernels *kernels, int height, int width, int channels, int radius) {
    if (!kernels) return SINET_ERROR_ISA;
    if (!side_fits(height) || !side_fits(width)) return SINET_ERROR_ARGUMENT;
    if (channels < 1 || channels > 16 || radius < 0) return SINET_ERROR_ARGUMENT;
    return FLOAT * kernels->box_mean_floats(width, channels, radius);
}

int64_t sinet_box_mean_scratch_size(int isa, int height, int width, int channels, int radius) {
    return box_mean_needs(find_pixel_kernels(isa), height, width, channels, radius);
}

int sinet_box_mean(int isa, const float *source, ptrdiff_t stride, int height, int width, int channels, int radius,
                   float *made, ptrdiff_t made_stride, void *scratch, size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = box_mean_needs(kernels, height, width, channels, radius);
    if (needed < 0) return (int)needed;
    if (!rows_fit(source, stride, height, width, channels, FLOAT) ||
        !rows_fit(made, made_stride, height, width, channels, FLOAT))
        return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    kernels->box_mean(source_of(source, stride, height, width, channels), radius,
                                (struct target){made, made_stride}, scratch);
    return SINET_OK;
}

static int64_t guided_fit_needs(const struct kernels *kernels, int height, int width, int radius) {
    if (!kernels) return SINET_ERROR_ISA;
    if (!side_fits(height) || !side_fits(width)) return SINET_ERROR_ARGUMENT;
    if (radius < 0) return SINET_ERROR_ARGUMENT;
    return FLOAT * kernels->guided_fit_floats(height, width, radius);
}

int64_t sinet_guided_fit_scratch_size(int isa, int height, int width, int radius) {
    return guided_fit_needs(find_pixel_kernels(isa), height, width, radius);
}

int sinet_guided_fit(int isa, const uint8_t *guide, ptrdiff_t guide_stride, const float *alpha, ptrdiff_t alpha_stride,
                     int height, int width, int radius, float eps, float *coefficients, void *scratch,
                     size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = guided_fit_needs(kernels, height, width, radius);
    if (needed < 0) return (int)needed;
    if (!rows_fit(guide, guide_stride, height, width, 3, BYTE) ||
        !rows_fit(alpha, alpha_stride, height, width, 1, FLOAT) ||
        !grid_fits(coefficients, height, width, height, width) || !in_range(eps, 1e-6f, 1e6f))
        return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    kernels->guided_fit(source_of(guide, guide_stride, height, width, 3),
                                  source_of(alpha, alpha_stride, height, width, 1), radius, eps, coefficients,
                                  scratch);
    return SINET_OK;
}

static int64_t enlarge_needs(const struct kernels *kernels) {
    return kernels ? FLOAT * kernels->enlarger_floats() : SINET_ERROR_ISA;
}

int64_t sinet_enlarge_scratch_size(int isa) {
    return enlarge_needs(find_pixel_kernels(isa));
}

int sinet_guided_alpha(int isa, const float *coefficients, int grid_height, int grid_width, const uint8_t *rgb,
                       ptrdiff_t rgb_stride, int height, int width, float low, float high, void *made,
                       ptrdiff_t made_stride, int made_bytes, void *scratch, size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = enlarge_needs(kernels);
    if (needed < 0) return (int)needed;
    if (!grid_fits(coefficients, grid_height, grid_width, height, width) ||
        !rows_fit(rgb, rgb_stride, height, width, 3, BYTE) || (made_bytes != BYTE && made_bytes != FLOAT) ||
        !rows_fit(made, made_stride, height, width, 1, made_bytes) || !in_range(low, -10, 10) ||
        !in_range(high, low + 1e-3f, 10))
        return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    kernels->guided_alpha(source_of(rgb, rgb_stride, height, width, 3),
                                    (struct grid){coefficients, grid_height, grid_width}, low, high, made_bytes == 1,
                                    (struct target){made, made_stride}, scratch);
    return SINET_OK;
}

int sinet_guided_alpha_yuv420(int isa, const float *coefficients, int grid_height, int grid_width,
                              const uint8_t *cells, const struct sinet_yuv420 *frame, int height, int width, float low,
                              float high, uint8_t *made, ptrdiff_t made_stride, void *scratch, size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = enlarge_needs(kernels);
    if (needed < 0) return (int)needed;
    if (!grid_fits(coefficients, grid_height, grid_width, height, width) || !frame_fits(frame, height, width, 0) ||
        !rows_fit(made, made_stride, height, width, 1, BYTE) || !in_range(low, -10, 10) ||
        !in_range(high, low + 1e-3f, 10))
        return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    struct chroma chroma = chroma_of(frame);
    struct source sources[2];
    chroma_sources(&chroma, frame, height, width, sources);
    kernels->guided_alpha_yuv(source_of(frame->y, frame->y_stride, height, width, 1), sources, chroma.swapped,
                              (struct grid){coefficients, grid_height, grid_width}, cells, low, high,
                              (struct target){made, made_stride}, scratch);
    return SINET_OK;
}

static int64_t local_colours_needs(const struct kernels *kernels, int height, int width, const int *radii, int windows) {
    int widest = 0;
    if (!kernels) return SINET_ERROR_ISA;
    if (!side_fits(height) || !side_fits(width)) return SINET_ERROR_ARGUMENT;
    if (!radii || (uintptr_t)radii % sizeof *radii || windows < 1 || windows > SINET_MAX_WINDOWS) return SINET_ERROR_ARGUMENT;
    for (int k = 0; k < windows; k++) {
        if (radii[k] < 0) return SINET_ERROR_ARGUMENT;
        if (radii[k] > widest) widest = radii[k];
    }
    return FLOAT * kernels->local_colours_floats(height, width, widest);
}

int64_t sinet_local_colours_scratch_size(int isa, int height, int width, const int *radii, int windows) {
    return local_colours_needs(find_pixel_kernels(isa), height, width, radii, windows);
}

int sinet_local_colours(int isa, const uint8_t *rgb, ptrdiff_t rgb_stride, const float *alpha, ptrdiff_t alpha_stride,
                        int height, int width, const int *radii, const float *trusts, int windows, float *colours,
                        void *scratch, size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = local_colours_needs(kernels, height, width, radii, windows);
    if (needed < 0) return (int)needed;
    if (!rows_fit(rgb, rgb_stride, height, width, 3, BYTE) ||
        !rows_fit(alpha, alpha_stride, height, width, 1, FLOAT) ||
        !grid_fits(colours, height, width, height, width) || !trusts || (uintptr_t)trusts % FLOAT)
        return SINET_ERROR_ARGUMENT;
    for (int k = 0; k < windows; k++)
        if (!in_range(trusts[k], 0, 1e6f)) return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    kernels->local_colours(source_of(rgb, rgb_stride, height, width, 3),
                                     source_of(alpha, alpha_stride, height, width, 1),
                                     (struct windows){radii, trusts, windows}, colours, scratch);
    return SINET_OK;
}

int sinet_clean_colours(int isa, const float *colours, int grid_height, int grid_width, const uint8_t *rgb,
                        ptrdiff_t rgb_stride, const float *alpha, ptrdiff_t alpha_stride, int height, int width,
                        uint8_t *made, ptrdiff_t made_stride, int made_channels, void *scratch, size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = enlarge_needs(kernels);
    if (needed < 0) return (int)needed;
    if (!grid_fits(colours, grid_height, grid_width, height, width) ||
        !rows_fit(rgb, rgb_stride, height, width, 3, BYTE) ||
        !rows_fit(alpha, alpha_stride, height, width, 1, FLOAT) || (made_channels != 3 && made_channels != 4) ||
        !rows_fit(made, made_stride, height, width, made_channels, BYTE))
        return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    kernels->clean_colours(source_of(rgb, rgb_stride, height, width, 3),
                                     source_of(alpha, alpha_stride, height, width, 1),
                                     (struct grid){colours, grid_height, grid_width}, made_channels,
                                     (struct target){made, made_stride}, scratch);
    return SINET_OK;
}

static int64_t shrink_needs(const struct kernels *kernels, int width, int channels) {
    if (!kernels) return SINET_ERROR_ISA;
    if (!side_fits(width)) return SINET_ERROR_ARGUMENT;
    return channels < 1 || channels > 4 ? SINET_ERROR_ARGUMENT : FLOAT * ((int64_t)width * channels);
}

int64_t sinet_shrink_scratch_size(int isa, int width, int channels) {
    return shrink_needs(find_pixel_kernels(isa), width, channels);
}

int sinet_shrink(int isa, const uint8_t *source, ptrdiff_t stride, int height, int width, int channels, int factor,
                 uint8_t *made, ptrdiff_t made_stride, void *scratch, size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = shrink_needs(kernels, width, channels);
    if (needed < 0) return (int)needed;
    if (factor < 1 || factor > 64 || !rows_fit(source, stride, height, width, channels, BYTE) ||
        !rows_fit(made, made_stride, (height - 1) / factor + 1, (width - 1) / factor + 1, channels, BYTE))
        return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    kernels->shrink(source_of(source, stride, height, width, channels), factor,
                              (struct target){made, made_stride}, scratch);
    return SINET_OK;
}

int sinet_lay_over(int isa, const uint8_t *foreground, ptrdiff_t foreground_stride, int channels,
                   const float *background, int grid_height, int grid_width, const void *alpha, ptrdiff_t alpha_stride,
                   int alpha_bytes, int height, int width, uint8_t *made, ptrdiff_t made_stride, void *scratch,
                   size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    int64_t needed = enlarge_needs(kernels);
    if (needed < 0) return (int)needed;
    if ((channels != 1 && channels != 3) || !rows_fit(foreground, foreground_stride, height, width, channels, BYTE) ||
        !grid_fits(background, grid_height, grid_width, height, width) ||
        (alpha_bytes != BYTE && alpha_bytes != FLOAT) || !rows_fit(alpha, alpha_stride, height, width, 1, alpha_bytes) ||
        !rows_fit(made, made_stride, height, width, channels, BYTE))
        return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, needed);
    if (error) return error;
    kernels->lay_over(source_of(foreground, foreground_stride, height, width, channels),
                                (struct grid){background, grid_height, grid_width},
                                source_of(alpha, alpha_stride, height, width, 1), alpha_bytes == 1,
                                (struct target){made, made_stride}, scratch);
    return SINET_OK;
}

/* ---- motion.c ---- */

int sinet_follow(int isa, const uint8_t *before, ptrdiff_t before_stride, const uint8_t *now, ptrdiff_t now_stride,
                 int height, int width, int8_t *vectors) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    if (!kernels) return SINET_ERROR_ISA;
    if (!rows_fit(before, before_stride, height, width, 1, BYTE) || !rows_fit(now, now_stride, height, width, 1, BYTE) ||
        !vectors)
        return SINET_ERROR_ARGUMENT;
    kernels->follow(source_of(before, before_stride, height, width, 1), source_of(now, now_stride, height, width, 1),
                    vectors);
    return SINET_OK;
}

int sinet_move(int isa, const void *before, ptrdiff_t before_stride, int height, int width, const int8_t *vectors,
               int bytes, void *made, ptrdiff_t made_stride) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    if (!kernels) return SINET_ERROR_ISA;
    if ((bytes != BYTE && bytes != FLOAT) || !rows_fit(before, before_stride, height, width, 1, bytes) ||
        !rows_fit(made, made_stride, height, width, 1, bytes) || !vectors)
        return SINET_ERROR_ARGUMENT;
    kernels->move_blocks(source_of(before, before_stride, height, width, 1), vectors, bytes,
                         (struct target){made, made_stride});
    return SINET_OK;
}

/* ---- png.c, deflate.c ---- */

enum { PNG_MARGIN = 64, PNG_PAETH = 4 };

static int png_fits(int height, int width, int channels) {
    return side_fits(height) && side_fits(width) && (channels == 1 || channels == 3 || channels == 4);
}

int64_t sinet_png_size(int height, int width, int channels) {
    if (!png_fits(height, width, channels)) return SINET_ERROR_ARGUMENT;
    int64_t bytes = (int64_t)height * (1 + (int64_t)width * channels);
    return bytes + 6 * (bytes / BLOCK_BYTES + 1) + 16; /* head, sum, and what a block may grow and write too much */
}

/* A row in scratch memory: zeros before it, room behind it. */
static int64_t png_row_bytes(int width, int channels) {
    return ((int64_t)width * channels + 3 * PNG_MARGIN - 1) / PNG_MARGIN * PNG_MARGIN;
}

int64_t sinet_png_scratch_size(int width, int channels) {
    if (!png_fits(1, width, channels)) return SINET_ERROR_ARGUMENT;
    return 2 * png_row_bytes(width, channels) + (BLOCK_BYTES + 1 + PNG_MARGIN) + 2 * BLOCK_BYTES;
}

int64_t sinet_png(int isa, const uint8_t *source, ptrdiff_t stride, int height, int width, int channels, uint8_t *made,
                  size_t made_bytes, void *scratch, size_t scratch_bytes) {
    const struct kernels *kernels = find_pixel_kernels(isa);
    if (!kernels) return SINET_ERROR_ISA;
    if (!png_fits(height, width, channels) || !rows_fit(source, stride, height, width, channels, BYTE) || !made)
        return SINET_ERROR_ARGUMENT;
    int error = memory_error(scratch, scratch_bytes, sinet_png_scratch_size(width, channels));
    if (error) return error;
    if (made_bytes < (uint64_t)sinet_png_size(height, width, channels)) return SINET_ERROR_MEMORY;

    ptrdiff_t bytes = (ptrdiff_t)width * channels, whole = (ptrdiff_t)png_row_bytes(width, channels);
    uint8_t *row = (uint8_t *)scratch + PNG_MARGIN, *above = row + whole, *block = (uint8_t *)scratch + 2 * whole;
    uint16_t *tokens = (uint16_t *)(block + BLOCK_BYTES + 1 + PNG_MARGIN);
    for (ptrdiff_t i = 0; i < 2 * whole; i++) ((uint8_t *)scratch)[i] = 0;
    struct packed packed = {made + 2, 0, 0};
    made[0] = 0x78, made[1] = 0x01;
    uint32_t sum = 1;
    int filled = 0;
    for (int y = 0; y < height; y++) {
        kernels->png_copy(source + y * stride, bytes, channels, row);
        block[filled++] = PNG_PAETH;
        for (ptrdiff_t done = 0; done < bytes || filled == BLOCK_BYTES;) {
            ptrdiff_t part = bytes - done < BLOCK_BYTES - filled ? bytes - done : BLOCK_BYTES - filled;
            kernels->png_filter(row + done, above + done, part, channels, block + filled);
            done += part, filled += (int)part;
            int last = y == height - 1 && done == bytes;
            if (filled < BLOCK_BYTES && !last) continue;
            sum = kernels->png_sum(block, filled, sum);
            pack_block(&packed, block, filled, last, tokens);
            filled = 0;
        }
        uint8_t *swapped = above;
        above = row, row = swapped;
    }
    finish_byte(&packed);
    for (int i = 0; i < 4; i++) *packed.to++ = (uint8_t)(sum >> (24 - 8 * i));
    return packed.to - made;
}
