/* The forward pass of a SINet: run_step walks through the network, one step after another.
 *
 * Feature maps are planes of values (real.h), one channel after another, rows dense, and vectors run along the pixels. Every map
 * at a quarter or an eighth of the input has a multiple of 16 pixels, so pointwise convolutions, most of the work, waste
 * no lane at any width of vector and any number of channels. What follows a convolution (bias, residual, activation)
 * happens before its result leaves the registers; a depthwise convolution and the pointwise one behind it work through
 * a few rows at a time, so that what is between them never leaves the nearest cache.
 *
 * Rows whose length is no multiple of LANES are stored whole vectors at a time, from the right to the left and from the
 * top to the bottom: what runs over the end of a row is overwritten by the next row, and every map ends with room for
 * the last. Reads run over in the same way, within the workspace; what they find there is masked, or ends in lanes and
 * rows that nobody uses.
 *
 * Sources: Park et al., SINet, arXiv:1911.09099v4, section 3; the exact rewrite of sinet/export/deploy.py. */

#include "kernels.h"
#include "sinet.h"
#include "vec.h"

/* Held in registers: a tile of a pointwise convolution, BLOCK output channels x TILE vectors, and CHANNELS tiles of a
 * depthwise one, of which each by itself has just as many sums as a multiply-add takes cycles. */
#if LANES == 16 || defined(__ARM_NEON) /* 32 registers */
enum { BLOCK = 6, TILE = 4, CHANNELS = 2 };
#elif LANES == 8
enum { BLOCK = 6, TILE = 2, CHANNELS = 1 };
#else
enum { BLOCK = 4, TILE = 2, CHANNELS = 1 };
#endif

/* --- the parts of the walk -------------------------------------------------------------------------------------- */

/* What one thread works with. */
struct context {
    const struct model *model;
    struct workspace *space;
    int part;
    real *scratch;
};

struct range {
    int begin, end;
};

/* This thread's share of `count` units. */
static struct range share(const struct context *ctx, int count) {
    int threads = ctx->space->threads;
    return (struct range){(int)((int64_t)count * ctx->part / threads),
                          (int)((int64_t)count * (ctx->part + 1) / threads)};
}

/* What a sum begins from, and how it ends: in floats it begins from the bias, which costs nothing; in halves each addition
 * rounds less while the bias is not in it. */
INLINE vf begun(real bias) { return vset(HALVES ? 0 : (float)bias); }

INLINE vf ended(vf sum, real bias) { return HALVES ? sum + vset((float)bias) : sum; }

INLINE vf prelu(vf x, vf slope) { return vmax(x, x * slope); } /* slopes are at most 1 */

/* What is done with a convolution's sum and bias before it is stored; null pointers are left out. */
struct finish {
    const real *scale, *residual; /* + scale[c] * residual[c * plane + pixel] */
    ptrdiff_t plane;
    const real *slope; /* PReLU */
};

INLINE vf finished(vf x, const struct finish *finish, int channel, ptrdiff_t pixel) {
    if (finish->residual)
        x = vfma(vload(finish->residual + channel * finish->plane + pixel), vset(finish->scale[channel]), x);
    if (finish->slope) x = prelu(x, vset(finish->slope[channel]));
    return x;
}

/* `block` output channels from `channel` on x `tile` vectors from `pixel` on. */
INLINE void pointwise_tile(int block, int tile, const struct pointwise *conv, const real *weights, const real *in,
                           ptrdiff_t in_plane, real *out, ptrdiff_t out_plane, int channel, ptrdiff_t pixel,
                           const struct finish *finish) {
    vf sum[BLOCK][TILE];
    UNROLL
    for (int c = 0; c < block; c++)
        UNROLL
        for (int v = 0; v < tile; v++) sum[c][v] = begun(conv->bias[channel + c]);
    in += pixel;
    for (int i = 0; i < conv->inputs; i++, in += in_plane, weights += block) {
        vf x[TILE];
        UNROLL
        for (int v = 0; v < tile; v++) x[v] = vload(in + v * LANES);
        UNROLL
        for (int c = 0; c < block; c++) {
            vf weight = vset(weights[c]);
            UNROLL
            for (int v = 0; v < tile; v++) sum[c][v] = vfma(x[v], weight, sum[c][v]);
        }
    }
    UNROLL
    for (int c = 0; c < block; c++) {
        if (channel + c == conv->outputs) break;
        UNROLL
        for (int v = 0; v < tile; v++) {
            ptrdiff_t at = pixel + v * LANES;
            vf made = ended(sum[c][v], conv->bias[channel + c]);
            vstore(out + (channel + c) * out_plane + at, finished(made, finish, channel + c, at));
        }
    }
}

INLINE void pointwise_strip(int tile, const struct pointwise *conv, const real *in, ptrdiff_t in_plane, real *out,
                            ptrdiff_t out_plane, ptrdiff_t pixel, const struct finish *finish) {
    const real *weights = conv->weights;
    int channel = 0;
    for (; channel + BLOCK <= conv->outputs; channel += BLOCK, weights += BLOCK * conv->inputs)
        pointwise_tile(BLOCK, tile, conv, weights, in, in_plane, out, out_plane, channel, pixel, finish);
    for (; channel < conv->outputs; channel += REST, weights += REST * conv->inputs)
        pointwise_tile(REST, tile, conv, weights, in, in_plane, out, out_plane, channel, pixel, finish);
}

/* A pointwise convolution of `pixels` pixels, rounded up to whole vectors. */
static void run_pointwise(const struct pointwise *conv, const real *in, ptrdiff_t in_plane, real *out,
                          ptrdiff_t out_plane, ptrdiff_t pixels, const struct finish *finish) {
    ptrdiff_t pixel = 0;
    for (; pixels - pixel > (TILE - 1) * LANES; pixel += TILE * LANES)
        pointwise_strip(TILE, conv, in, in_plane, out, out_plane, pixel, finish);
    switch ((pixels - pixel + LANES - 1) / LANES) {
#if LANES == 16 || defined(__ARM_NEON) /* TILE is 4 */
    case 3: pointwise_strip(3, conv, in, in_plane, out, out_plane, pixel, finish); break;
    case 2: pointwise_strip(2, conv, in, in_plane, out, out_plane, pixel, finish); break;
#endif
    case 1: pointwise_strip(1, conv, in, in_plane, out, out_plane, pixel, finish); break;
    default: break;
    }
}

#if defined(SINET_HALF)

/* The same from floats by floats, summed in floats; `wide`: and without a finish left in floats. */
INLINE void exact_strip(int block, const struct pointwise *conv, const float *weights, const float *in,
                        ptrdiff_t in_plane, real *out, ptrdiff_t out_plane, int channel, ptrdiff_t pixels,
                        const struct finish *finish, int wide) {
    const float *bias = (const float *)conv->bias;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel += LANES) {
        vwide sum[BLOCK];
        UNROLL
        for (int c = 0; c < block; c++) sum[c] = bias[channel + c] - (vwide){0};
        for (int i = 0; i < conv->inputs; i++) {
            vwide x = vload_wide(in + i * in_plane + pixel);
            UNROLL
            for (int c = 0; c < block; c++) sum[c] += x * weights[i * block + c];
        }
        UNROLL
        for (int c = 0; c < block; c++) {
            if (channel + c == conv->outputs) break;
            ptrdiff_t at = (channel + c) * out_plane + pixel;
            if (wide) __builtin_memcpy((float *)out + at, &sum[c], sizeof sum[c]);
            else vstore(out + at, finished(__builtin_convertvector(sum[c], vf), finish, channel + c, pixel));
        }
    }
}

INLINE void run_exact(const struct pointwise *conv, const real *in, ptrdiff_t in_plane, real *out, ptrdiff_t out_plane,
                      ptrdiff_t pixels, const struct finish *finish, int wide) {
    const float *weights = (const float *)conv->weights, *from = (const float *)in;
    int channel = 0;
    for (; channel + BLOCK <= conv->outputs; channel += BLOCK, weights += BLOCK * conv->inputs)
        exact_strip(BLOCK, conv, weights, from, in_plane, out, out_plane, channel, pixels, finish, wide);
    for (; channel < conv->outputs; channel += REST, weights += REST * conv->inputs)
        exact_strip(REST, conv, weights, from, in_plane, out, out_plane, channel, pixels, finish, wide);
}

#else
#define run_exact(conv, in, in_plane, out, out_plane, pixels, finish, wide) \
    run_pointwise(conv, in, in_plane, out, out_plane, pixels, finish)
#endif

/* Depthwise kernels of 3 and of this size are worth code of their own. */
enum { LARGEST = 5 };

/* Which lanes count in the first vector of a row and in the last, for every column of a kernel: what that would read
 * beyond the left and the right border is zero. */
struct borders {
    vm left[LARGEST], right[LARGEST];
};

/* Of a kernel of at most LARGEST. */
static struct borders make_borders(int kernel, int width) {
    struct borders borders;
    int last = (width - 1) / LANES * LANES;
    for (int k = 0; k < kernel; k++) {
        borders.left[k] = vlanes(kernel / 2 - k, LANES);
        borders.right[k] = vlanes(0, width - last - (k - kernel / 2));
    }
    return borders;
}

/* ROWS x `tile` vectors of one or two channels of a depthwise convolution are added to `sum`. rows: of the input, from
 * kernel / 2 above the first row of the tile on; `plane` and kernel * kernel lead from one channel to the next. borders:
 * null where the input is padded. */
INLINE void depthwise_tile(int kernel, int channels, int tile, const real *const *rows, ptrdiff_t plane, int column,
                           int width, const real *weights, const struct borders *borders,
                           vf sum[CHANNELS][ROWS][COLUMNS]) {
    int first = borders && column == 0, last = borders && column + tile * LANES >= width;
    /* Column by column of the kernel, whose weights then stay in registers; not unrolled, for then they would not. */
    ROLL
    for (int k = 0; k < kernel; k++) {
        vm left = first ? borders->left[k] : vlanes(0, LANES), right = last ? borders->right[k] : vlanes(0, LANES);
        vf weight[CHANNELS][LARGEST];
        UNROLL
        for (int c = 0; c < channels; c++)
            UNROLL
            for (int i = 0; i < kernel; i++) weight[c][i] = vset(weights[(c * kernel + i) * kernel + k]);
        UNROLL
        for (int r = 0; r < ROWS + kernel - 1; r++)
            UNROLL
            for (int c = 0; c < channels; c++) {
                const real *from = rows[r] + c * plane + column + k - kernel / 2;
                vf x[COLUMNS];
                x[0] = vload_lanes(from, tile == 1 ? left & right : left);
                if (tile > 1) x[tile - 1] = vload_lanes(from + (tile - 1) * LANES, right);
                UNROLL
                for (int o = 0; o < ROWS; o++)
                    if (r - o >= 0 && r - o < kernel)
                        UNROLL
                        for (int v = 0; v < tile; v++) sum[c][o][v] = vfma(x[v], weight[c][r - o], sum[c][o][v]);
            }
    }
}

INLINE void depthwise_columns(int kernel, int channels, int tile, const struct depthwise *conv, int channel,
                              const struct map *map, const real *in, int column, int count,
                              const struct borders *borders, real *out, ptrdiff_t out_plane) {
    const real *rows[ROWS + LARGEST - 1];
    vf sum[CHANNELS][ROWS][COLUMNS];
    UNROLL
    for (int r = 0; r < ROWS + kernel - 1; r++) rows[r] = in + (ptrdiff_t)(r - kernel / 2) * map->row;
    UNROLL
    for (int c = 0; c < channels; c++)
        UNROLL
        for (int o = 0; o < ROWS; o++)
            UNROLL
            for (int v = 0; v < tile; v++) sum[c][o][v] = begun(conv->bias[channel + c]);
    depthwise_tile(kernel, channels, tile, rows, map->plane, column, map->width,
                   conv->weights + (ptrdiff_t)channel * kernel * kernel, borders, sum);
    UNROLL
    for (int c = 0; c < channels; c++) {
        vf slope = vset(conv->slope[channel + c]);
        real bias = conv->bias[channel + c];
        real *to = out + c * out_plane + column;
        UNROLL
        for (int o = 0; o < ROWS; o++, to += map->width) {
            if (o == count) break;
            UNROLL
            for (int v = 0; v < tile; v++) vstore(to + v * LANES, prelu(ended(sum[c][o][v], bias), slope));
        }
    }
}

/* ROWS rows of one or two channels, or as many rows as there are left. */
INLINE void depthwise_rows(int kernel, int channels, const struct depthwise *conv, int channel, const struct map *map,
                           int y, int count, const struct borders *borders, real *out, ptrdiff_t out_plane) {
    const real *in = map->data + channel * map->plane + (ptrdiff_t)y * map->row;
    int vectors = (map->width + LANES - 1) / LANES, odd = vectors % COLUMNS, column = (vectors - odd) * LANES;
    out += channel * out_plane;
    /* From the right to the left: see the head of this file. */
    if (odd)
        depthwise_columns(kernel, channels, 1, conv, channel, map, in, column, count, borders, out, out_plane);
    while ((column -= COLUMNS * LANES) >= 0)
        depthwise_columns(kernel, channels, COLUMNS, conv, channel, map, in, column, count, borders, out, out_plane);
}

/* ROWS rows of all channels, of which the number is even, dense into `out`, whose channels are `out_plane` apart. */
INLINE void depthwise_channels(int kernel, const struct depthwise *conv, const struct map *map, int y, int count,
                               const struct borders *borders, real *out, ptrdiff_t out_plane) {
    for (int c = 0; c < conv->channels; c += CHANNELS)
        depthwise_rows(kernel, CHANNELS, conv, c, map, y, count, borders, out, out_plane);
}

/* A band of rows of all channels into scratch. A padded map has longer rows than its width. */
static void run_depthwise(const struct depthwise *conv, const struct map *in, struct range band, real *out,
                          ptrdiff_t out_plane) {
    if (conv->kernel != 3 && conv->kernel != LARGEST) {
        for (int c = 0; c < conv->channels; c++)
            depthwise_any(conv, c, in, band.begin, band.end - band.begin, out + c * out_plane);
        return;
    }
    struct borders made = make_borders(conv->kernel, in->width);
    const struct borders *borders = in->row > in->width ? NULL : &made;
    for (int y = band.begin; y < band.end; y += ROWS, out += ROWS * in->width) {
        int count = least(ROWS, band.end - y);
        if (conv->kernel == 3)
            depthwise_channels(3, conv, in, y, count, borders, out, out_plane);
        else
            depthwise_channels(LARGEST, conv, in, y, count, borders, out, out_plane);
    }
}

INLINE void across_rows(int rows, const struct across *across, const real *in, ptrdiff_t in_row, real *out,
                        ptrdiff_t out_row) {
    const real *weights = across->weights;
    for (int v = 0; v * LANES < across->to; v++) {
        const real *from = in + across->first[v];
        vf sum[ROWS];
        UNROLL
        for (int r = 0; r < rows; r++) sum[r] = vset(0);
        for (int k = 0; k < across->taps; k++, weights += LANES) {
            vf weight = vload(weights);
            UNROLL
            for (int r = 0; r < rows; r++) sum[r] = vfma(vset(from[r * in_row + k]), weight, sum[r]);
        }
        UNROLL
        for (int r = 0; r < rows; r++) vstore(out + r * out_row + v * LANES, sum[r]);
    }
}

/* Rows enlarged along their axis; `out` gets whole vectors. */
static void run_across(const struct across *across, const real *in, ptrdiff_t in_row, real *out, ptrdiff_t out_row,
                       int rows) {
    for (; rows >= ROWS; rows -= ROWS, in += ROWS * in_row, out += ROWS * out_row)
        across_rows(ROWS, across, in, in_row, out, out_row);
    for (; rows > 0; rows--, in += in_row, out += out_row) across_rows(1, across, in, in_row, out, out_row);
}

/* --- the steps, in the order of the walk -------------------------------------------------------------------------- */

#if !defined(SINET_HALF)

/* One row of the 27 values under the stem's kernel, each `plane` floats after the one before it. */
static void gather(const float *input, int height, int width, int y, const float *zero, real *out, ptrdiff_t plane) {
    for (int i = 0; i < 9; i++) {
        int row = 2 * y + i % 3 - 1;
        const float *from = row >= 0 && row < height ? input + ((ptrdiff_t)(i / 3) * height + row) * width : zero;
        real *left = out + 3 * i * plane, *centre = left + plane, *right = centre + plane;
        left[0] = 0;
        for (int x = 0; x < width / 2; x += LANES) {
            vf a = vload(from + 2 * x), b = vload(from + 2 * x + LANES), odd = vodd(a, b);
            vstore(left + x + 1, odd);
            vstore(centre + x, veven(a, b));
            vstore(right + x, odd);
        }
    }
}

static void run_stem(const struct context *ctx, const float *input) {
    const struct workspace *space = ctx->space;
    const struct map *out = &space->stem;
    struct range rows = share(ctx, out->height);
    struct finish finish = {NULL, NULL, 0, ctx->model->stem_slope};
    ptrdiff_t plane = out->width + LANES;
    for (int y = rows.begin; y < rows.end; y++) {
        gather(input, space->height, space->width, y, space->zero, ctx->scratch, plane);
        run_pointwise(&ctx->model->stem, ctx->scratch, plane, out->data + (ptrdiff_t)y * out->row, out->plane,
                      out->width, &finish);
    }
}

#endif

/* What a kernel of three columns and stride 2 reads of a row: the pixels before, at and after 2 LANES outputs. */
struct strided {
    vf before, at, after;
};

INLINE struct strided load_strided(const real *from, int first) {
    vf a = vload(from), b = vload(from + LANES), after = vodd(a, b);
    vf left = first ? vset(0) : vload(from - LANES); /* its last value */
    return (struct strided){vafter(left, after), veven(a, b), after};
}

INLINE vf add_strided(vf sum, struct strided x, const vf *weights) {
    return vfma(x.before, weights[0], vfma(x.at, weights[1], vfma(x.after, weights[2], sum)));
}

/* One channel of a 3x3 depthwise convolution of stride 2; vector by vector from the right to the left, each from the top
 * to the bottom, so that the last row of one output is the first of the next. */
static void stride_plane(const real *in, int in_width, const float *weights, real *out, int height, int width) {
    vf weight[9];
    UNROLL
    for (int k = 0; k < 9; k++) weight[k] = vset(weights[k]);
    for (int x = (width - 1) / LANES * LANES; x >= 0; x -= LANES) {
        const real *from = in + 2 * x;
        struct strided above = {vset(0), vset(0), vset(0)};
        for (int y = 0; y < height; y++, from += 2 * in_width) {
            struct strided middle = load_strided(from, x == 0), below = load_strided(from + in_width, x == 0);
            vf sum = add_strided(add_strided(add_strided(vset(0), above, weight), middle, weight + 3), below, weight + 6);
            vstore(out + (ptrdiff_t)y * width + x, sum);
            above = below;
        }
    }
}

static float plane_mean(const real *plane, ptrdiff_t pixels) {
    enum { STRETCH = (HALVES ? 4 : 64) * LANES };
    double sum = 0; /* of stretches: one float for all of a large map rounds so often that probabilities move by 1e-4 */
    for (ptrdiff_t i = 0; i < pixels; i += STRETCH) {
        vf part = vset(0);
        for (ptrdiff_t k = i; k < pixels && k < i + STRETCH; k += LANES) part += vload(plane + k);
        sum += (double)vsum(part);
    }
    return (float)(sum / (double)pixels);
}

/* What a stage's modules leave, or, without any, its down-sampling. */
static const struct map *stage_features(const struct stage *stage, const struct stage_space *space) {
    return module_output(stage, space, stage->modules - 1);
}

/* Channel `c` of a stage's joined output: what came in behind its down-sampling beside what its modules made of it. */
static const real *join_part(const struct stage_space *space, const struct map *features, int c, int down) {
    return c < down ? space->down.data + c * space->down.plane : features->data + (c - down) * features->plane;
}

struct join {
    vf scale, bias, slope;
};

INLINE struct join join_of(const struct stage *stage, int channel) {
    return (struct join){vset(stage->join_scale[channel]), vset(stage->join_bias[channel]),
                         vset(stage->join_slope[channel])};
}

INLINE vf joined(struct join join, const real *in) { return prelu(vfma(vload(in), join.scale, join.bias), join.slope); }

static void run_strided(const struct context *ctx, int s) {
    const struct workspace *space = ctx->space;
    const struct stage_space *here = &space->stages[s];
    const struct map *out = &here->strided;
    struct range channels = share(ctx, ctx->model->stages[s].down.inputs);
    int height = 2 * out->height, width = 2 * out->width;
    for (int c = channels.begin; c < channels.end; c++) {
        const real *in = space->stem.data + c * space->stem.plane;
        if (s > 0) {
            const struct stage *before = &ctx->model->stages[s - 1];
            const struct stage_space *there = &space->stages[s - 1];
            in = join_part(there, stage_features(before, there), c, before->down.outputs);
            if (before->modules) {
                struct join join = join_of(before, c);
                real *whole = ctx->scratch + SLACK;
                for (ptrdiff_t i = 0; i < (ptrdiff_t)height * width; i += LANES) vstore(whole + i, joined(join, in + i));
                in = whole;
            }
        }
        real *plane = out->data + c * out->plane;
        stride_plane(in, width, ctx->model->stages[s].down.depthwise + 9 * c, plane, out->height, out->width);
        here->mean[c] = plane_mean(plane, (ptrdiff_t)out->height * out->width);
    }
}

/* The excitation scales the channels that the pointwise convolution reads, so it scales that one's weights instead. */
static void run_down(const struct context *ctx, int s) {
    const struct stage_space *here = &ctx->space->stages[s];
    const struct down *down = &ctx->model->stages[s].down;
    const struct map *in = &here->strided, *out = &here->down;
    float *scale = (float *)ctx->scratch, *hidden = scale + down->inputs;
    void *packed = hidden + down->inputs;
    run_dense(&down->excitation[0], here->mean, down->layers == 2 ? hidden : scale);
    if (down->layers == 2) run_dense(&down->excitation[1], hidden, scale);
    if (HALVES && s == 0)
        pack_floats(packed, BLOCK, (const unsigned char *)down->weights, down->outputs, down->inputs, 0, scale);
    else
        pack(packed, BLOCK, (const unsigned char *)down->weights, down->outputs, down->inputs, 0, scale);
    /* Where the number of outputs is odd, one bias more is read: behind an odd number of floats there is room. */
    struct pointwise conv = {down->inputs, down->outputs, packed, down->bias};
    struct finish finish = {NULL, NULL, 0, down->slope};
    struct range rows = share(ctx, in->height / ROWS);
    ptrdiff_t first = (ptrdiff_t)rows.begin * ROWS * in->width;
    ptrdiff_t pixels = (ptrdiff_t)(rows.end - rows.begin) * ROWS * in->width;
    if (HALVES && s == 0)
        run_exact(&conv, in->data + values_of_floats(first), in->plane, out->data + first, out->plane, pixels, &finish, 0);
    else
        run_pointwise(&conv, in->data + first, in->plane, out->data + first, out->plane, pixels, &finish);
}

/* The sums of neighbours in 2 LANES values that are themselves sums of `rows` rows. */
INLINE vf pair_sums(const real *in, ptrdiff_t row, int rows) {
    vf a = vload(in), b = vload(in + LANES);
    UNROLL
    for (int r = 1; r < rows; r++) {
        a += vload(in + r * row);
        b += vload(in + r * row + LANES);
    }
    return veven(a, b) + vodd(a, b);
}

/* One row of averages over pool x pool pixels; exactly `width` values are written. */
static void pool_row(const real *in, ptrdiff_t row, int pool, real *out, int width) {
    switch (pool) {
    case 2:
        for (int x = 0; x < width; x += LANES)
            vstore_lanes(out + x, pair_sums(in + 2 * x, row, 2) * vset(1 / 4.0f), width - x);
        break;
    case 4:
        for (int x = 0; x < width; x += LANES) {
            vf a = pair_sums(in + 4 * x, row, 4), b = pair_sums(in + 4 * x + 2 * LANES, row, 4);
            vstore_lanes(out + x, (veven(a, b) + vodd(a, b)) * vset(1 / 16.0f), width - x);
        }
        break;
    default: pool_any(in, row, pool, out, width);
    }
}

/* Rows [begin, end) of the reduced map, averaged into the padded map of a branch. */
static void run_pool(const struct branch *branch, const struct map *reduced, const struct map *pooled,
                     struct range rows) {
    int padding = pooled->row - pooled->width, pool = branch->pool;
    ptrdiff_t around = (ptrdiff_t)padding * pooled->row;
    for (int c = 0; c < branch->depthwise.channels; c++) {
        real *to = pooled->data + c * pooled->plane + (ptrdiff_t)(rows.begin / pool) * pooled->row;
        if (rows.begin == 0) clear_values(to - around - padding, around + padding);
        for (int y = rows.begin; y < rows.end; y += pool, to += pooled->row) {
            pool_row(reduced->data + c * reduced->plane + (ptrdiff_t)y * reduced->row, reduced->row, pool, to,
                     pooled->width);
            for (int i = 0; i < padding; i++) to[pooled->width + i] = 0;
        }
        if (rows.end == reduced->height) clear_values(to, around);
    }
}

static void run_reduce(const struct context *ctx, int s, int m) {
    const struct stage *stage = &ctx->model->stages[s];
    const struct module *module = &stage->module[m];
    const struct stage_space *here = &ctx->space->stages[s];
    const struct map *in = module_output(stage, here, m - 1), *out = &here->reduced;
    struct finish finish = {NULL, NULL, 0, NULL};
    int unit = lcm(lcm(ROWS, module->branches[0].pool), module->branches[1].pool);
    struct range units = share(ctx, (in->height + unit - 1) / unit);
    struct range rows = {units.begin * unit, least(units.end * unit, in->height)};
    ptrdiff_t first = (ptrdiff_t)rows.begin * in->width, pixels = (ptrdiff_t)(rows.end - rows.begin) * in->width;
    for (int half = 0; half < 2; half++)
        run_pointwise(&module->reduce[half], in->data + half * (module->inputs / 2) * in->plane + first, in->plane,
                      out->data + half * module->reduce[0].outputs * out->plane + first, out->plane, pixels, &finish);
    for (int i = 0; i < 2; i++)
        if (squeezed(&module->branches[i])) {
            struct map pooled = pooled_map(&module->branches[i], out, ctx->space->pooled[i]);
            run_pool(&module->branches[i], out, &pooled, rows);
        }
}

static struct finish module_finish(const struct module *module, const struct map *in, int channel) {
    struct finish finish = {NULL, NULL, in->plane, module->slope + channel};
    if (module->residual) {
        finish.scale = module->residual + channel;
        finish.residual = in->data + channel * in->plane;
    }
    return finish;
}

/* Depthwise and pointwise of one branch, a band of rows at a time. */
static void run_branch(const struct context *ctx, const struct branch *branch, const struct map *in, real *out,
                       ptrdiff_t out_plane, struct finish finish) {
    int unit = band_rows(in->width);
    ptrdiff_t plane = band_values(in->width) + 16;
    struct range units = share(ctx, (in->height + unit - 1) / unit);
    for (int u = units.begin; u < units.end; u++) {
        struct range band = {u * unit, least((u + 1) * unit, in->height)};
        ptrdiff_t first = (ptrdiff_t)band.begin * in->width;
        struct finish there = finish;
        if (there.residual) there.residual += first;
        run_depthwise(&branch->depthwise, in, band, ctx->scratch, plane);
        run_pointwise(&branch->pointwise, ctx->scratch, plane, out + first, out_plane,
                      (ptrdiff_t)(band.end - band.begin) * in->width, &there);
    }
}

static void run_branches(const struct context *ctx, int s, int m) {
    const struct stage *stage = &ctx->model->stages[s];
    const struct module *module = &stage->module[m];
    const struct stage_space *here = &ctx->space->stages[s];
    const struct map *in = module_output(stage, here, m - 1), *out = module_output(stage, here, m);
    for (int i = 0; i < 2; i++) {
        const struct branch *branch = &module->branches[i];
        int channel = i * (module->width / 2);
        if (squeezed(branch)) {
            struct map pooled = pooled_map(branch, &here->reduced, ctx->space->pooled[i]);
            struct map small = small_map(branch, &here->reduced, ctx->space->small[i]);
            run_branch(ctx, branch, &pooled, small.data, small.plane, (struct finish){NULL, NULL, 0, NULL});
        } else {
            run_branch(ctx, branch, &here->reduced, out->data + channel * out->plane, out->plane,
                       module_finish(module, in, channel));
        }
    }
}

/* Rows [begin, end) of one channel, enlarged from a small plane, finished and stored. */
static void enlarge_plane(const struct enlargement *e, const real *small, int small_row, struct range rows,
                          const struct finish *finish, int channel, real *out, real *scratch) {
    int width = e->across.to, from = e->down.first[rows.begin];
    int last = least(e->down.first[rows.end - 1] + 1, e->down.from - 1);
    ptrdiff_t wide = round_up(width, LANES), first_pixel = (ptrdiff_t)rows.begin * width;
    real *whole = scratch + (last - from + 1) * wide;
    run_across(&e->across, small + (ptrdiff_t)from * small_row, small_row, scratch, wide, last - from + 1);
    for (int y = rows.begin; y < rows.end; y++) {
        int first = e->down.first[y], next = least(first + 1, last);
        const real *a = scratch + (first - from) * wide, *b = scratch + (next - from) * wide;
        vf weight = vset(e->down.weight[y][0]), other = vset(e->down.weight[y][1]);
        for (int x = 0; x < width; x += LANES)
            vstore(whole + (ptrdiff_t)y * width - first_pixel + x, vfma(vload(a + x), weight, vload(b + x) * other));
    }
    /* In a second pass, for a load that reaches over two stores of just now would wait for both. */
    for (ptrdiff_t pixel = first_pixel; pixel < (ptrdiff_t)rows.end * width; pixel += LANES)
        vstore(out + pixel, finished(vload(whole + pixel - first_pixel), finish, channel, pixel));
}

static void run_enlarge(const struct context *ctx, int s, int m) {
    const struct stage *stage = &ctx->model->stages[s];
    const struct module *module = &stage->module[m];
    const struct stage_space *here = &ctx->space->stages[s];
    const struct map *in = module_output(stage, here, m - 1), *out = module_output(stage, here, m);
    struct range units = share(ctx, out->height / ROWS);
    struct range rows = {units.begin * ROWS, units.end * ROWS};
    for (int i = 0; i < 2 && rows.begin < rows.end; i++) {
        const struct branch *branch = &module->branches[i];
        if (!squeezed(branch)) continue;
        int half = module->width / 2;
        struct map small = small_map(branch, &here->reduced, ctx->space->small[i]);
        struct finish finish = module_finish(module, in, i * half);
        for (int c = 0; c < half; c++)
            enlarge_plane(&here->enlarge[branch->pool], small.data + c * small.plane, small.row, rows, &finish, c,
                          out->data + (i * half + c) * out->plane, ctx->scratch);
    }
}

#if defined(SINET_HALF)
/* What a gate takes its detail from, in floats for the decoder. */
static void copy_skip(const struct context *ctx, int g) {
    int stage = ctx->model->gates[g].stage;
    const struct map *features = stage_features(&ctx->model->stages[stage], &ctx->space->stages[stage]);
    const struct map *out = &ctx->space->skips[g];
    struct range channels = share(ctx, stage_outputs(&ctx->model->stages[stage]));
    for (int c = channels.begin; c < channels.end; c++)
        for (ptrdiff_t i = 0; i < (ptrdiff_t)out->height * out->width; i += LANES)
            vstore_floats((float *)out->data + c * out->plane + i, vload(features->data + c * features->plane + i));
}
#endif

static void run_coarse(const struct context *ctx) {
    const struct stage *stage = &ctx->model->stages[ctx->model->stage_count - 1];
    const struct stage_space *here = &ctx->space->stages[ctx->model->stage_count - 1];
    const struct map *features = stage_features(stage, here), *out = &ctx->space->logits[0];
    struct finish finish = {NULL, NULL, 0, NULL};
    ptrdiff_t unit = (ptrdiff_t)ROWS * out->width;
    struct range units = share(ctx, out->height / ROWS);
    float *in = (float *)ctx->scratch; /* CHUNK of each channel */
    for (ptrdiff_t pixel = units.begin * unit; pixel < units.end * unit; pixel += CHUNK) {
        ptrdiff_t pixels = units.end * unit - pixel < CHUNK ? units.end * unit - pixel : CHUNK;
        for (int c = 0; c < ctx->model->coarse.inputs; c++) {
            const real *from = join_part(here, features, c, stage->down.outputs) + pixel;
            struct join join = {vset(1), vset(0), vset(1)};
            if (stage->modules) join = join_of(stage, c);
            for (ptrdiff_t i = 0; i < pixels; i += LANES) vstore_floats(in + c * CHUNK + i, joined(join, from + i));
        }
        run_exact(&ctx->model->coarse, ctx->scratch, CHUNK, out->data + values_of_floats(pixel), out->plane, pixels,
                  &finish, 1);
    }
#if defined(SINET_HALF)
    for (int g = 0; g < gate_count(ctx->model); g++) copy_skip(ctx, g);
#endif
}

#if !defined(SINET_HALF)
#include "decoder.c"
#endif

static void run_step(const struct model *model, void *workspace, int step, int part, const float *input,
                     float *logits) {
    struct workspace *space = workspace;
    struct context ctx = {model, space, part, (real *)(space->scratch + part * space->scratch_bytes)};
    int s = model->step[step].stage, m = model->step[step].module;
    switch (model->step[step].kind) {
#if !defined(SINET_HALF)
    case STEM: run_stem(&ctx, input); break;
    case GATE:
    case FINE: run_gate(&ctx, model->step[step].kind == FINE); break;
    case HEAD:
        if (model->transposed) run_transposed(&ctx, logits);
        else run_head(&ctx, logits);
        break;
#else
    default: kernels_baseline.run_step(model, workspace, step, part, input, logits); break;
#endif
    case DEPTHWISE:
#if defined(SINET_HALF)
        if (s == 0) {
            kernels_baseline.run_step(model, workspace, step, part, input, logits);
            break;
        }
#endif
        run_strided(&ctx, s);
        break;
    case DOWN: run_down(&ctx, s); break;
    case REDUCE: run_reduce(&ctx, s, m); break;
    case BRANCHES: run_branches(&ctx, s, m); break;
    case ENLARGE: run_enlarge(&ctx, s, m); break;
    case COARSE: run_coarse(&ctx); break;
    }
}

static void run_part(const struct model *model, void *workspace, int part, const float *input, float *logits) {
    struct workspace *space = workspace;
    for (int step = 0; step < model->steps; step++) {
        run_step(model, workspace, step, part, input, logits);
        if (space->threads > 1) wait_for_all(space);
    }
}
