/* The weights of the triangle filter, and the scratch memory of a resize. */

#include "resample.h"

/* ---- weights ---- */

/* x as a double, here and now: a fused multiplication would differ from Pillow's in the last place. */
static double settled(double x) {
    volatile double y = x;
    return y;
}

struct window {
    double centre, sharpness;
    int first, end;
};

static struct window window_of(const struct axis *axis, int made) {
    double scale = (double)axis->source / axis->made, half = scale > 1 ? scale : 1;
    double centre = settled((made + 0.5) * scale);
    double first = centre - half + 0.5, end = centre + half + 0.5;
    return (struct window){centre, 1 / half, first < 0 ? 0 : (int)first, end > axis->source ? axis->source : (int)end};
}

static double triangle(const struct window *window, int place) {
    double x = settled((place - window->centre + 0.5) * window->sharpness);
    x = x < 0 ? -x : x;
    return x < 1 ? 1 - x : 0;
}

static double triangle_sum(const struct window *window) {
    double sum = 0;
    for (int place = window->first; place < window->end; place++) sum += triangle(window, place);
    return sum;
}

void fix_weights(struct axis *axis, int even) {
    for (int i = 0; i < axis->made; i++) {
        struct window window = window_of(axis, i);
        double sum = triangle_sum(&window);
        int first = even ? window.first & ~1 : window.first, count = (window.end - first + 1) / 2;
        int32_t *low = axis->low + (int64_t)i * axis->reach, *high = axis->high + (int64_t)i * axis->reach;
        axis->first[i] = first;
        axis->count[i] = count;
        for (int pair = 0; pair < count; pair++) {
            int32_t weight[2];
            for (int k = 0; k < 2; k++) {
                int place = first + 2 * pair + k;
                int inside = place >= window.first && place < window.end;
                weight[k] = inside ? (int32_t)(triangle(&window, place) / sum * (1 << POINT) + 0.5) : 0;
            }
            int32_t mask = (1 << LOW_BITS) - 1;
            low[pair] = (weight[0] & mask) | (weight[1] & mask) << 16;
            high[pair] = weight[0] >> LOW_BITS | weight[1] >> LOW_BITS << 16;
        }
    }
}

void float_weights(struct axis *axis) {
    for (int i = 0; i < axis->made; i++) {
        struct window window = window_of(axis, i);
        double sum = triangle_sum(&window);
        float *weights = axis->weights + (int64_t)i * 2 * axis->reach;
        axis->first[i] = window.first;
        axis->count[i] = window.end - window.first;
        for (int place = window.first; place < window.end; place++)
            weights[place - window.first] = (float)(triangle(&window, place) / sum);
    }
}

/* ---- scratch memory ---- */

static void *carve(struct work *work, char *memory, int64_t bytes) {
    int64_t begin = work->bytes;
    work->bytes += (bytes + 63) & ~(int64_t)63;
    return memory ? memory + begin : 0;
}

static void plan_axis(struct work *work, struct axis *axis, char *memory, int source, int made) {
    axis->source = source;
    axis->made = made;
    axis->reach = (source > made ? (source + made - 1) / made : 1) + 2;
    axis->first = carve(work, memory, (int64_t)made * 4);
    axis->count = carve(work, memory, (int64_t)made * 4);
    axis->low = carve(work, memory, (int64_t)made * axis->reach * 8);
    axis->high = memory ? axis->low + (int64_t)made * axis->reach : 0;
    axis->weights = (float *)axis->low;
}

/* Vectors are stored whole, hence the padding. */
struct work plan_resize(int height, int width, int channels, int bytes_each, int made_height, int made_width, int codes,
                        int lanes, char *memory) {
    struct work work = {0};
    plan_axis(&work, &work.across, memory, width, made_width);
    plan_axis(&work, &work.down, memory, height, made_height);
    int64_t places = 2 * (int64_t)work.across.reach > BLOCK_READ ? 2 * (int64_t)work.across.reach : BLOCK_READ;
    int64_t span = 4 * lanes, vector = 4 * lanes; /* places that are transposed at once; bytes */
    work.plane = (((int64_t)made_width * bytes_each + 63) & ~(int64_t)63) + 64;
    work.rows = carve(&work, memory, work.plane * channels * height);
    work.block = carve(&work, memory, (places + 2 * span) * channels * vector);
    work.sums = carve(&work, memory, (BLOCK_MADE + span) * channels * vector);
    work.line = carve(&work, memory, work.plane * channels);
    work.codes = carve(&work, memory, work.plane * codes * made_height);
    return work;
}

int block_end(const struct axis *axis, int from, int places_each, int *places) {
    int end = from;
    do {
        *places = axis->first[end] + places_each * axis->count[end] - axis->first[from];
        end++;
    } while (end < axis->made && end - from < BLOCK_MADE &&
             axis->first[end] + places_each * axis->count[end] - axis->first[from] <= BLOCK_READ);
    return end;
}
