/* Resizing: the triangle filter that widens when shrinking, on bytes exactly as Pillow computes it, and on floats.
 *
 * Rows first, then columns. Along a row a weighted sum of neighbours suits no vector, so LANES rows are taken at once:
 * their words are transposed, and lane i of every vector belongs to row i. Bytes are weighted two places at a time by
 * the processor's sum of two products of 16 bits; a weight has 22 bits after the point, so it goes in two parts. */
#include "kernels.h"
#include "resample.h"
#include "vec_pixels.h"

enum {
    SPAN = 4 * LANES, /* places that are transposed at once */
    PLANE_COLUMNS = BLOCK_MADE + SPAN
};

static struct work plan(const struct source *source, int bytes_each, int made_height, int made_width, char *scratch) {
    return plan_resize(source->height, source->width, source->channels, bytes_each, made_height, made_width, 0, LANES,
                       scratch);
}

/* In one place, for the size of the library: the arrays stay in the nearest cache anyway. */
static __attribute__((noinline)) void transpose(vi *rows) { vtranspose(rows); }

/* ---- bytes, across ---- */

/* LANES rows from `top` on (the last one again beyond the picture), SPAN places from `place` on: the transposed words. */
static __attribute__((noinline)) void read_words(const struct source *source, int top, int place, vi *words) {
    uint8_t edge[16 * LANES]; /* where a span runs over the end of a row */
    int channels = source->channels, bytes = (source->width - place) * channels;
    for (int lane = 0; lane < LANES; lane++) {
        int row = top + lane < source->height ? top + lane : source->height - 1;
        const uint8_t *from = (const uint8_t *)source->data + row * source->stride + (ptrdiff_t)place * channels;
        if (bytes < SPAN * channels) {
            for (int i = 0; i < SPAN * channels; i++) edge[i] = i < bytes ? from[i] : 0;
            from = edge;
        }
        for (int c = 0; c < channels; c++) words[c * LANES + lane] = vload_i(from + 4 * LANES * c);
    }
    for (int c = 0; c < channels; c++) transpose(words + c * LANES);
}

/* Byte number `index` of each lane's words. */
INLINE vi byte_of(const vi *words, int index) {
    vu word = (vu)words[index / 4];
    return (vi)(index % 4 == 3 ? word >> 24 : word >> (8 * (index % 4)) & 255);
}

/* Pairs of places, channel by channel, each pair in the halves of a word: 4 places fill `channels` words. */
INLINE void split_pairs(const vi *words, int channels, vi *pairs) {
    for (int group = 0; group < LANES; group++, words += channels, pairs += 2 * channels)
        for (int c = 0; c < channels; c++) {
            pairs[c] = byte_of(words, c) | byte_of(words, channels + c) << 16;
            pairs[channels + c] = byte_of(words, 2 * channels + c) | byte_of(words, 3 * channels + c) << 16;
        }
}

/* The sum of two parts, rounded to a byte. */
INLINE vi rounded_sum(vi low, vi high) {
    vu sum = ((vu)high << LOW_BITS) + (vu)low + (1u << (POINT - 1));
    return vmost((vi)(sum >> POINT), 255);
}

/* Outputs `begin` to `end` of LANES rows; the first of their places is the first of the block. */
INLINE void sum_block(const struct work *work, int channels, int planar, int begin, int end) {
    const struct axis *axis = &work->across;
    ptrdiff_t step = planar ? 1 : channels, channel_step = planar ? PLANE_COLUMNS : 1;
    vi *made = work->sums;
    for (int i = begin; i < end; i++, made += step) {
        const vi *pairs = (vi *)work->block + (axis->first[i] - axis->first[begin]) / 2 * channels;
        const int32_t *low = axis->low + (int64_t)i * axis->reach, *high = axis->high + (int64_t)i * axis->reach;
        vi sums[2][4] = {0};
        for (int pair = 0; pair < axis->count[i]; pair++)
            for (int c = 0; c < channels; c++) {
                vi x = pairs[pair * channels + c];
                sums[0][c] = (vi)((vu)sums[0][c] + (vu)vdot2(x, vset_i(low[pair])));
                sums[1][c] += vdot2(x, vset_i(high[pair]));
            }
        for (int c = 0; c < channels; c++) made[c * channel_step] = rounded_sum(sums[0][c], sums[1][c]);
    }
}

/* `count` columns of LANES rows as bytes into those rows, as many of them as there are. Whole vectors are written. */
static __attribute__((noinline)) void write_columns(const vi *columns, int count, uint8_t *to, ptrdiff_t stride,
                                                    int rows) {
    for (int done = 0; done < count; done += SPAN) {
        vi words[LANES];
        for (int i = 0; i < LANES; i++) {
            const vi *four = columns + done + 4 * i;
            words[i] = four[0] | four[1] << 8 | four[2] << 16 | (vi)((vu)four[3] << 24);
        }
        transpose(words);
        for (int lane = 0; lane < rows; lane++) vstore_i(to + lane * stride + done, words[lane]);
    }
}

INLINE void across_block(const struct source *source, const struct work *work, int channels, int planar, int top,
                         int begin, int end, int places) {
    vi words[4 * LANES];
    for (int done = 0; done < places; done += SPAN) {
        read_words(source, top, work->across.first[begin] + done, words);
        split_pairs(words, channels, (vi *)work->block + done / 2 * channels);
    }
    sum_block(work, channels, planar, begin, end);
}

/* Resize rows to `rows` of work: planes side by side where `planar`, else the channels of a pixel. */
static void across(const struct source *source, struct work *work, int planar) {
    int channels = source->channels, end, places;
    ptrdiff_t stride = work->plane * channels;
    fix_weights(&work->across, 1);
    for (int top = 0; top < source->height; top += LANES) {
        int rows = source->height - top < LANES ? source->height - top : LANES;
        uint8_t *to = work->rows + top * stride;
        for (int begin = 0; begin < work->across.made; begin = end) {
            end = block_end(&work->across, begin, 2, &places);
            switch (channels) {
            case 1: across_block(source, work, 1, planar, top, begin, end, places); break;
            case 2: across_block(source, work, 2, planar, top, begin, end, places); break;
            case 3: across_block(source, work, 3, planar, top, begin, end, places); break;
            case 4: across_block(source, work, 4, planar, top, begin, end, places); break;
            }
            if (!planar) {
                write_columns(work->sums, (end - begin) * channels, to + (ptrdiff_t)begin * channels, stride, rows);
                continue;
            }
            for (int c = 0; c < channels; c++)
                write_columns((vi *)work->sums + c * PLANE_COLUMNS, end - begin, to + c * work->plane + begin, stride, rows);
        }
    }
}

/* ---- bytes, down ---- */

/* One made row of `bytes` bytes; beyond them nothing is written. */
static __attribute__((noinline)) void down(const struct work *work, int channels, int row, int64_t bytes, uint8_t *made) {
    const struct axis *axis = &work->down;
    ptrdiff_t stride = work->plane * channels;
    int count = axis->count[row], last = axis->source - 1;
    const int32_t *low = axis->low + (int64_t)row * axis->reach, *high = axis->high + (int64_t)row * axis->reach;
    for (int64_t x = 0; x < bytes; x += 2 * LANES) {
        vi sums[2][2] = {0};
        for (int pair = 0; pair < count; pair++) {
            int place = axis->first[row] + 2 * pair, next = place < last ? place + 1 : last; /* then its weight is 0 */
            vh a = vload_bytes(work->rows + place * stride + x), b = vload_bytes(work->rows + next * stride + x);
            vi pairs[2] = {vpair_low(a, b), vpair_high(a, b)};
            for (int k = 0; k < 2; k++) {
                sums[0][k] = (vi)((vu)sums[0][k] + (vu)vdot2(pairs[k], vset_i(low[pair])));
                sums[1][k] += vdot2(pairs[k], vset_i(high[pair]));
            }
        }
        vh codes = vpack_halves(rounded_sum(sums[0][0], sums[1][0]), rounded_sum(sums[0][1], sums[1][1]));
        if (x + 2 * LANES <= bytes) {
            vstore_bytes(made + x, codes);
        } else {
            uint8_t rest[2 * LANES];
            vstore_bytes(rest, codes);
            for (int i = 0; x + i < bytes; i++) made[x + i] = rest[i];
        }
    }
}

static void resize_u8(struct source source, struct target made, int made_height, int made_width, void *scratch) {
    struct work work = plan(&source, 1, made_height, made_width, scratch);
    across(&source, &work, 0);
    fix_weights(&work.down, 0);
    for (int row = 0; row < made_height; row++)
        down(&work, source.channels, row, (int64_t)made_width * source.channels,
             (uint8_t *)made.data + row * made.stride);
}

/* ---- the network's input ---- */

static __attribute__((noinline)) void write_rest(float *to, const float *from, int count) {
    for (int i = 0; i < count; i++) to[i] = from[i];
}

/* The first `count` of LANES floats, or all. */
INLINE void write_floats(float *to, vf x, int count) {
    if (count >= LANES) {
        vstore(to, x);
    } else {
        float all[LANES];
        vstore(all, x);
        write_rest(to, all, count);
    }
}

INLINE float *plane_row(const struct planes *made, int plane, int row) {
    return made->data + ((int64_t)plane * made->height + row) * made->width;
}

static void resize_planes(struct source source, struct planes made, void *scratch) {
    struct work work = plan(&source, 1, made.height, made.width, scratch);
    across(&source, &work, 1);
    fix_weights(&work.down, 0);
    for (int row = 0; row < made.height; row++) {
        down(&work, source.channels, row, 2 * work.plane + made.width, work.line);
        for (int i = 0; i < 3; i++) {
            const uint8_t *codes = work.line + (made.reversed ? 2 - i : i) * work.plane;
            float *to = plane_row(&made, i, row);
            for (int x = 0; x < made.width; x += LANES)
                write_floats(to + x, (vto_float(vwiden_bytes(codes + x)) - made.mean[i]) / made.std[i], made.width - x);
        }
    }
}

/* Resize every channel of a source to a plane of codes, rows of work.plane bytes. */
static void shrink_planes(const struct source *source, struct planes made, uint8_t *const *codes, void *scratch) {
    struct work work = plan(source, 1, made.height, made.width, scratch);
    across(source, &work, 1);
    fix_weights(&work.down, 0);
    for (int row = 0; row < made.height; row++) {
        down(&work, source->channels, row, (source->channels - 1) * work.plane + made.width, work.line);
        for (int c = 0; c < source->channels; c++)
            for (ptrdiff_t x = 0; x < work.plane - 64; x += 2 * LANES)
                vstore_bytes(codes[c] + row * work.plane + x, vload_bytes(work.line + c * work.plane + x));
    }
}

INLINE vf in_codes(vf x) { return vmin(vmax(x, vset(0)), vset(255)); }

static void resize_yuv(struct source luma, const struct source *chroma, int swapped, struct conversion conversion,
                       struct planes made, void *scratch) {
    struct work work = plan_resize(luma.height, luma.width, 3, 1, made.height, made.width, 3, LANES, scratch);
    int64_t size = work.plane * made.height;
    uint8_t *y = work.codes, *u = y + (swapped ? 2 : 1) * size, *v = y + (swapped ? 1 : 2) * size;
    uint8_t *const codes[3] = {y, y + size, y + 2 * size};
    shrink_planes(&luma, made, codes, scratch);
    shrink_planes(&chroma[0], made, codes + 1, scratch);
    if (chroma[0].channels == 1) shrink_planes(&chroma[1], made, codes + 2, scratch);
    struct conversion k = conversion;
    for (int row = 0; row < made.height; row++)
        for (int x = 0; x < made.width; x += LANES) {
            int64_t at = row * work.plane + x;
            vf light = (vto_float(vwiden_bytes(y + at)) - k.black) * k.luma;
            vf blue = vto_float(vwiden_bytes(u + at)) - 128.0f, red = vto_float(vwiden_bytes(v + at)) - 128.0f;
            vf rgb[3] = {in_codes(light + k.red_v * red), in_codes(light - k.green_u * blue - k.green_v * red),
                         in_codes(light + k.blue_u * blue)};
            for (int i = 0; i < 3; i++)
                write_floats(plane_row(&made, i, row) + x, (rgb[made.reversed ? 2 - i : i] - made.mean[i]) / made.std[i],
                             made.width - x);
        }
}

/* ---- floats ---- */

/* Weights of at most this many places are summed one after another: sums of sums lose fewer digits. */
enum { SUM = 32 };

INLINE void read_columns(const struct source *source, int top, int first, int places, vi *columns) {
    for (int place = first; place < first + places; place += LANES, columns += LANES) {
        float edge[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            int row = top + lane < source->height ? top + lane : source->height - 1;
            const float *from = (const float *)((const char *)source->data + row * source->stride) + place;
            if (place + LANES > source->width) {
                for (int i = 0; i < LANES; i++) edge[i] = place + i < source->width ? from[i] : 0;
                from = edge;
            }
            columns[lane] = vload_i(from);
        }
        transpose(columns);
    }
}

INLINE vf weighted(const float *weights, int count, const vf *columns) {
    vf sum = {0};
    for (int begin = 0; begin < count; begin += SUM) {
        vf part = {0};
        for (int i = begin; i < count && i < begin + SUM; i++) part = vfma(vset(weights[i]), columns[i], part);
        sum += part;
    }
    return sum;
}

static void across_f32(const struct source *source, struct work *work) {
    const struct axis *axis = &work->across;
    float_weights(&work->across);
    for (int top = 0; top < source->height; top += LANES) {
        int rows = source->height - top < LANES ? source->height - top : LANES, end, places;
        for (int begin = 0; begin < axis->made; begin = end) {
            end = block_end(axis, begin, 1, &places);
            int first = axis->first[begin];
            read_columns(source, top, first, places, work->block);
            vi *sums = work->sums;
            for (int i = begin; i < end; i++)
                sums[i - begin] = (vi)weighted(axis->weights + (int64_t)i * 2 * axis->reach, axis->count[i],
                                                     (const vf *)work->block + (axis->first[i] - first));
            for (int i = begin; i < end; i += LANES) {
                transpose(sums + (i - begin));
                for (int lane = 0; lane < rows; lane++)
                    vstore_i(work->rows + (top + lane) * work->plane + (ptrdiff_t)i * 4, sums[i - begin + lane]);
            }
        }
    }
}

static void resize_f32(struct source source, struct target made, int made_height, int made_width, void *scratch) {
    struct work work = plan(&source, 4, made_height, made_width, scratch);
    across_f32(&source, &work);
    float_weights(&work.down);
    for (int row = 0; row < made_height; row++) {
        float *to = (float *)((char *)made.data + row * made.stride);
        const float *weights = work.down.weights + (int64_t)row * 2 * work.down.reach;
        const uint8_t *from = work.rows + work.down.first[row] * work.plane;
        int count = work.down.count[row];
        for (int x = 0; x < made_width; x += LANES) {
            vf sum = {0};
            for (int begin = 0; begin < count; begin += SUM) {
                vf part = {0};
                for (int i = begin; i < count && i < begin + SUM; i++)
                    part = vfma(vset(weights[i]), vload((const float *)(from + i * work.plane) + x), part);
                sum += part;
            }
            write_floats(to + x, sum, made_width - x);
        }
    }
}
