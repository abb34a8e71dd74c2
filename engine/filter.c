/* Local averages, the guided filter, clean colours, and a small background enlarged as it is laid behind.
 *
 * Two ideas carry this file. A box mean slides down the picture with one sum for each column, to which a row is added
 * and from which another is taken; what rounding loses is kept in a second sum, so nothing drifts however tall the
 * picture. Along the rows, sums of 2, 4, 8, ... neighbours are made from one another, and a window is a few of those.
 *
 * What is fitted or averaged on a small grid reaches the full size through an `enlarger`: the small rows are enlarged
 * along the row once, and every full-size row lies between two of them. Full-size pixels are read once and written once.
 *
 * The slow twins are in src/sinet/core: smoothing.py, guided.py, foreground.py, backdrop.py. */

#include "kernels.h"
#include "vec_pixels.h"

/* Columns of the full-size picture that are worked on at a time: two enlarged rows of six planes stay in the cache. */
enum { STRIP = 1024 };
/* Rows in scratch memory are followed by this many floats, so that whole vectors may be read and written. */
enum { ROOM = 16 };
enum { MOMENTS = 13, COEFFICIENTS = 4, COLOURS = 6 };

/* --- vectors that may be cut short by the end of a row ------------------------------------------------------------ */

static ptrdiff_t lesser(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t whole_vectors(ptrdiff_t n) { return (n + ROOM - 1) / ROOM * ROOM; }

/* Row y of a picture of floats; of one of bytes. */
INLINE const float *floats_of(struct source image, ptrdiff_t y) {
    return (const float *)((const char *)image.data + y * image.stride);
}

INLINE const uint8_t *bytes_of(struct source image, ptrdiff_t y) {
    return (const uint8_t *)image.data + y * image.stride;
}

/* Not worth a copy in each of its callers: what runs once a row, for its last pixels, or over a whole row at a time. */
#define RARE static __attribute__((noinline))

RARE vf load_last_floats(const float *from, ptrdiff_t count) {
    float part[LANES] = {0};
    for (ptrdiff_t i = 0; i < count; i++) part[i] = from[i];
    return vload(part);
}

INLINE vf load_floats(const float *from, ptrdiff_t count) {
    return count >= LANES ? vload(from) : load_last_floats(from, count);
}

RARE void store_last_floats(float *to, vf x, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) to[i] = x[i];
}

INLINE void store_floats(float *to, vf x, ptrdiff_t count) {
    if (count >= LANES)
        vstore(to, x);
    else
        store_last_floats(to, x, count);
}

RARE vi load_last_bytes(const uint8_t *from, ptrdiff_t count) {
    uint8_t part[LANES] = {0};
    for (ptrdiff_t i = 0; i < count; i++) part[i] = from[i];
    return vwiden_bytes(part);
}

INLINE vf load_bytes(const uint8_t *from, ptrdiff_t count) {
    return vto_float(count >= LANES ? vwiden_bytes(from) : load_last_bytes(from, count));
}

RARE void store_last_bytes(uint8_t *to, vi x, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) to[i] = (uint8_t)x[i];
}

/* Cut to whole numbers; x must be in [0, 256). */
INLINE void store_bytes(uint8_t *to, vf x, ptrdiff_t count) {
    if (count >= LANES)
        vnarrow_bytes(to, vtruncate(x));
    else
        store_last_bytes(to, vtruncate(x), count);
}

/* Pixels of three bytes as words of four, red lowest; the highest byte is undefined. Reads no byte beyond them. */
INLINE vi load_pixels(const uint8_t *from) {
#if LANES == 8
    __m256i halves = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)from));
    halves = _mm256_inserti128_si256(halves, _mm_loadu_si128((const __m128i *)(from + 8)), 1);
    const __m256i places = _mm256_set_epi32(0x0f0f0e0d, 0x0c0c0b0a, 0x09090807, 0x06060504, 0x0b0b0a09, 0x08080706,
                                            0x05050403, 0x02020100);
    return (vi)_mm256_shuffle_epi8(halves, places);
#else
    int32_t words[4];
    __builtin_memcpy(&words[0], from, 4);
    __builtin_memcpy(&words[1], from + 3, 4);
    __builtin_memcpy(&words[2], from + 6, 4);
    __builtin_memcpy(&words[3], from + 8, 4);
    return (vi){words[0], words[1], words[2], words[3] >> 8};
#endif
}

RARE vi load_last_rgb(const uint8_t *from, ptrdiff_t count) {
    uint8_t part[3 * LANES] = {0};
    for (ptrdiff_t i = 0; i < 3 * count; i++) part[i] = from[i];
    return load_pixels(part);
}

INLINE vi load_rgb(const uint8_t *from, ptrdiff_t count) {
    return count >= LANES ? load_pixels(from) : load_last_rgb(from, count);
}

INLINE vf red(vi pixels) { return vto_float(pixels & 255); }
INLINE vf green(vi pixels) { return vto_float(pixels >> 8 & 255); }
INLINE vf blue(vi pixels) { return vto_float(pixels >> 16 & 255); }

/* Colours in [0, 256), cut to whole numbers, as words with nothing in the highest byte. */
INLINE vi pack_rgb(vf r, vf g, vf b) {
    return vtruncate(r) | vtruncate(g) << 8 | vtruncate(b) << 16;
}

/* The way back of load_pixels. */
INLINE void store_pixels(uint8_t *to, vi pixels) {
#if LANES == 8
    const __m256i places =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    __m256i packed = _mm256_shuffle_epi8((__m256i)pixels, places);
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(packed));
    __m128i last = _mm256_extracti128_si256(packed, 1);
    _mm_storel_epi64((__m128i *)(to + 12), last);
    int32_t end = _mm_extract_epi32(last, 2);
    __builtin_memcpy(to + 20, &end, 4);
#else
    uint32_t a = (uint32_t)pixels[0] & 0xffffff, b = (uint32_t)pixels[1] & 0xffffff, c = (uint32_t)pixels[2] & 0xffffff;
    uint32_t words[3] = {a | b << 24, b >> 8 | c << 16, c >> 16 | (uint32_t)pixels[3] << 8};
    __builtin_memcpy(to, words, sizeof words);
#endif
}

RARE void store_last_pixels(uint8_t *to, vi pixels, int channels, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++)
        for (int c = 0; c < channels; c++) to[channels * i + c] = (uint8_t)(pixels[i] >> 8 * c);
}

INLINE void store_rgb(uint8_t *to, vi pixels, ptrdiff_t count) {
    if (count >= LANES)
        store_pixels(to, pixels);
    else
        store_last_pixels(to, pixels, 3, count);
}

INLINE void store_rgba(uint8_t *to, vi pixels, ptrdiff_t count) {
    if (count >= LANES)
        vstore_i(to, pixels);
    else
        store_last_pixels(to, pixels, 4, count);
}

INLINE int any(vi mask) {
#if LANES == 8
    return _mm256_movemask_ps((__m256)mask) != 0;
#elif defined(__SSE2__)
    return _mm_movemask_ps((__m128)mask) != 0;
#else
    return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
#endif
}

INLINE vf within(vf x, float low, float high) { return vmin(vmax(x, vset(low)), vset(high)); }

/* --- box means ---------------------------------------------------------------------------------------------------- */

/* Add to a sum that is kept in two parts, so that high + low is the sum of all that was added, to twice the digits
 * (Knuth's exact addition). */
INLINE void add_exactly(float *high, float *low, vf x) {
    vf before = vload(high), sum = before + x, part = sum - before;
    vstore(high, sum);
    vstore(low, vload(low) + ((before - (sum - part)) + (x - part)));
}

static void clear(float *row, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += LANES) vstore(row + i, vset(0));
}

/* Add a row of n floats to the columns' sums, or, with the sign -1, take it from them. */
RARE void add_row(float *high, float *low, const float *row, ptrdiff_t n, float sign) {
    for (ptrdiff_t i = 0; i < n; i += LANES) add_exactly(high + i, low + i, load_floats(row + i, n - i) * sign);
}

/* Floats of scratch that window_sums needs: the row with zeros to both sides. */
static ptrdiff_t bordered(ptrdiff_t n, ptrdiff_t reach) { return whole_vectors(n + 2 * reach) + ROOM; }

/* sums[i] = the sum of high + low over the places i - reach, ..., i - step, i, i + step, ..., i + reach. */
RARE void window_sums(const float *high, const float *low, ptrdiff_t n, ptrdiff_t step, ptrdiff_t radius, float *sums,
                        float *work) {
    ptrdiff_t reach = radius * step, length = 2 * radius + 1, offset = 0, total = n + 2 * reach;
    for (ptrdiff_t i = 0; i < reach; i++) work[i] = 0;
    for (ptrdiff_t i = 0; i < n; i += LANES) vstore(work + reach + i, vload(high + i) + vload(low + i));
    for (ptrdiff_t i = reach + n; i < bordered(n, reach); i++) work[i] = 0;
    /* work[i] is now the sum of one value, then of 2, 4, 8, ... from i on; each window takes those that make up its
     * length, one beside the other. */
    for (ptrdiff_t size = 1;; size *= 2) {
        if (length & size) {
            const float *part = work + offset * step;
            if (offset)
                for (ptrdiff_t i = 0; i < n; i += LANES) vstore(sums + i, vload(sums + i) + vload(part + i));
            else
                for (ptrdiff_t i = 0; i < n; i += LANES) vstore(sums + i, vload(part + i));
            offset += size;
        }
        if (2 * size > length) return;
        total -= size * step;
        for (ptrdiff_t i = 0; i < total; i += LANES) vstore(work + i, vload(work + i) + vload(work + i + size * step));
    }
}

/* One over the number of places in the window around place i of n, cut at the border. */
static float window_factor(ptrdiff_t n, ptrdiff_t i, ptrdiff_t radius) {
    return 1.0f / (float)(lesser(i, radius) + 1 + lesser(n - 1 - i, radius));
}

/* The same for every value in a row, with room behind it. */
RARE void window_factors(float *factors, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t radius) {
    for (ptrdiff_t x = 0; x < width; x++)
        for (ptrdiff_t c = 0; c < channels; c++) factors[x * channels + c] = window_factor(width, x, radius);
    for (ptrdiff_t i = 0; i < ROOM; i++) factors[width * channels + i] = 0;
}

static int64_t box_mean_floats(int width, int channels, int radius) {
    ptrdiff_t n = (ptrdiff_t)width * channels;
    return 4 * (whole_vectors(n) + ROOM) + bordered(n, lesser(radius, width - 1) * channels);
}

RARE void box_mean(struct source planes, int radius, struct target made, float *scratch) {
    ptrdiff_t height = planes.height, width = planes.width, channels = planes.channels;
    ptrdiff_t n = width * channels, row = whole_vectors(n) + ROOM;
    ptrdiff_t down = lesser(radius, height - 1), across = lesser(radius, width - 1);
    float *high = scratch, *low = high + row, *factors = low + row, *sums = factors + row, *work = sums + row;
    window_factors(factors, width, channels, across);
    clear(high, 2 * row);
    for (ptrdiff_t y = -down; y < height; y++) {
        ptrdiff_t enter = y + down, leave = y - down - 1;
        /* A window of one row is that row, to the last bit. */
        if (!down) clear(high, 2 * row);
        if (leave >= 0 && down) add_row(high, low, floats_of(planes, leave), n, -1);
        if (enter < height) add_row(high, low, floats_of(planes, enter), n, 1);
        if (y < 0) continue;
        window_sums(high, low, n, channels, across, sums, work);
        float factor = window_factor(height, y, down), *means = (float *)((char *)made.data + y * made.stride);
        for (ptrdiff_t i = 0; i < n; i += LANES)
            store_floats(means + i, vload(sums + i) * (vload(factors + i) * factor), n - i);
    }
}

/* A plane of height x width floats without gaps. */
static struct source dense_plane(const float *plane, int height, int width) {
    return (struct source){plane, 4 * (ptrdiff_t)width, height, width, 1};
}

/* --- the guided filter's fit -------------------------------------------------------------------------------------- */

/* Add to the columns' sums, or take from them, what a row of colours c (in [-1/2, 1/2]) and alpha a has of
 * c, a, the products of two colours, and c a. */
RARE void add_moments(float *high, float *low, ptrdiff_t row, const uint8_t *rgb, const float *alpha, ptrdiff_t width,
                        float sign) {
    for (ptrdiff_t x = 0; x < width; x += LANES) {
        vi pixels = load_rgb(rgb + 3 * x, width - x);
        /* Around the middle of the range: covariances stay the same, and lose fewer digits. */
        vf r = (red(pixels) - 127.5f) * (1 / 255.0f), g = (green(pixels) - 127.5f) * (1 / 255.0f);
        vf b = (blue(pixels) - 127.5f) * (1 / 255.0f), a = load_floats(alpha + x, width - x);
        const vf moments[MOMENTS] = {r, g, b, a, r * r, r * g, r * b, g * g, g * b, b * b, r * a, g * a, b * a};
        for (int k = 0; k < MOMENTS; k++) add_exactly(high + k * row + x, low + k * row + x, moments[k] * sign);
    }
}

/* The fit alpha = slope . colour + offset from a window's mean moments, as the rows red, green, blue slope and offset.
 * The symmetric system is solved by elimination (L D L^T), which keeps digits where colours are nearly grey and the
 * matrix nearly singular; cofactors do not. */
static void solve_row(const float *mean, ptrdiff_t row, ptrdiff_t width, float eps, float *fit) {
    for (ptrdiff_t x = 0; x < width; x += LANES) {
        vf m[MOMENTS];
        for (int k = 0; k < MOMENTS; k++) m[k] = vload(mean + k * row + x);
        vf r = m[0], g = m[1], b = m[2], a = m[3];
        vf rr = m[4] - r * r + eps, rg = m[5] - r * g, rb = m[6] - r * b;
        vf gg = m[7] - g * g + eps, gb = m[8] - g * b, bb = m[9] - b * b + eps;
        vf ra = m[10] - r * a, ga = m[11] - g * a, ba = m[12] - b * a;
        vf first = 1 / rr, rg1 = rg * first, rb1 = rb * first;
        vf second = 1 / (gg - rg1 * rg), left = gb - rg1 * rb, gb1 = left * second;
        vf third = bb - rb1 * rb - gb1 * left;
        vf ga1 = ga - rg1 * ra, ba1 = ba - rb1 * ra - gb1 * ga1;
        vf s2 = ba1 / third, s1 = ga1 * second - gb1 * s2, s0 = ra * first - rg1 * s1 - rb1 * s2;
        vstore(fit + x, s0);
        vstore(fit + row + x, s1);
        vstore(fit + 2 * row + x, s2);
        vstore(fit + 3 * row + x, a - s0 * (r + 0.5f) - s1 * (g + 0.5f) - s2 * (b + 0.5f));
    }
}

static int64_t guided_fit_floats(int height, int width, int radius) {
    ptrdiff_t row = whole_vectors(width) + ROOM;
    return (int64_t)COEFFICIENTS * row * height + (3 * MOMENTS + 1) * row + bordered(width, lesser(radius, width - 1)) +
           box_mean_floats(width, 1, radius);
}

/* coefficients: 4 planes of height x width, slopes for red, green, blue in [0, 1] and the offset, averaged over all
 * windows that cover a pixel. */
static void guided_fit(struct source guide, struct source alpha, int radius, float eps, float *coefficients,
                       float *scratch) {
    int height = guide.height, width = guide.width;
    ptrdiff_t row = whole_vectors(width) + ROOM;
    ptrdiff_t down = lesser(radius, height - 1), across = lesser(radius, width - 1);
    float *fits = scratch, *high = fits + COEFFICIENTS * row * height, *low = high + MOMENTS * row;
    float *mean = low + MOMENTS * row, *factors = mean + MOMENTS * row, *work = factors + row;
    window_factors(factors, width, 1, across);
    clear(high, 3 * MOMENTS * row);
    for (ptrdiff_t y = -down; y < height; y++) {
        ptrdiff_t enter = y + down, leave = y - down - 1;
        if (leave >= 0) add_moments(high, low, row, bytes_of(guide, leave), floats_of(alpha, leave), width, -1);
        if (enter < height) add_moments(high, low, row, bytes_of(guide, enter), floats_of(alpha, enter), width, 1);
        if (y < 0) continue;
        float factor = window_factor(height, y, down);
        for (int k = 0; k < MOMENTS; k++) {
            float *sums = mean + k * row;
            window_sums(high + k * row, low + k * row, width, 1, across, sums, work);
            for (ptrdiff_t x = 0; x < width; x += LANES)
                vstore(sums + x, vload(sums + x) * (vload(factors + x) * factor));
        }
        solve_row(mean, row, width, eps, fits + y * COEFFICIENTS * row);
    }
    for (int k = 0; k < COEFFICIENTS; k++) {
        struct source plane = {fits + k * row, 4 * COEFFICIENTS * row, height, width, 1};
        struct target made = {coefficients + (ptrdiff_t)k * height * width, 4 * (ptrdiff_t)width};
        box_mean(plane, radius, made, work + bordered(width, across));
    }
}

/* --- enlarging small planes on the way to full-size pixels -------------------------------------------------------- */

/* Bilinear, half-pixel centres, border repeated. One strip of columns after another, row after row. */
struct enlarger {
    struct grid grid;
    int count, to_height, to_width;
    int32_t *index; /* for each column of the strip: which two values of `near` it lies between, */
    float *part;    /* and how far from the first to the second */
    float *near;    /* the part of a small row that the strip needs */
    float *rows[2]; /* two small rows enlarged, `count` planes of STRIP each; even rows in the first */
    ptrdiff_t held[2], first, span;
};

static int64_t enlarger_floats(void) { return 3 * (STRIP + ROOM) + ROOM + 2 * COLOURS * STRIP; }

static struct enlarger open_enlarger(struct grid grid, int count, int to_height, int to_width, float *scratch) {
    struct enlarger e = {.grid = grid, .count = count, .to_height = to_height, .to_width = to_width};
    e.rows[0] = scratch, e.rows[1] = scratch + count * STRIP;
    e.part = e.rows[1] + count * STRIP, e.near = e.part + STRIP + ROOM;
    e.index = (int32_t *)(e.near + STRIP + 2 * ROOM);
    return e;
}

/* Where pixel i of `to` lies among `from`: the number of its left neighbour, and the part of the way to its right one. */
RARE ptrdiff_t place(ptrdiff_t i, int from, int to, float *part) {
    double at = ((double)i + 0.5) * from / to - 0.5;
    if (at < 0) at = 0;
    if (at > from - 1) at = from - 1;
    ptrdiff_t whole = (ptrdiff_t)at;
    *part = (float)(at - (double)whole);
    return whole;
}

RARE void begin_strip(struct enlarger *e, ptrdiff_t left, ptrdiff_t columns) {
    e->first = place(left, e->grid.width, e->to_width, e->part);
    for (ptrdiff_t x = 0; x < columns; x++)
        e->index[x] = (int32_t)(place(left + x, e->grid.width, e->to_width, e->part + x) - e->first);
    e->span = e->index[columns - 1] + 2;
    /* Beyond the last column any place will do. */
    for (ptrdiff_t x = columns; x < whole_vectors(columns); x++) e->index[x] = e->index[columns - 1], e->part[x] = 0;
    e->held[0] = e->held[1] = -1;
}

/* from[index[i]] for LANES indices that rise by at most one from each to the next; LANES floats from from[index[0]] on
 * must be there. */
INLINE vf pick(const float *from, const int32_t *index) {
#if LANES == 8
    return (vf)_mm256_permutevar8x32_ps((__m256)vload(from + index[0]), (__m256i)(vload_i(index) - index[0]));
#else
    return (vf){from[index[0]], from[index[1]], from[index[2]], from[index[3]]};
#endif
}

RARE const float *enlarged_row(struct enlarger *e, ptrdiff_t row, ptrdiff_t columns) {
    float *made = e->rows[row & 1];
    if (e->held[row & 1] == row) return made;
    e->held[row & 1] = row;
    for (int k = 0; k < e->count; k++) {
        const float *plane = e->grid.planes + ((ptrdiff_t)k * e->grid.height + row) * e->grid.width;
        for (ptrdiff_t i = 0; i < e->span; i++) e->near[i] = plane[lesser(e->first + i, e->grid.width - 1)];
        for (ptrdiff_t i = 0; i < ROOM; i++) e->near[e->span + i] = 0;
        for (ptrdiff_t x = 0; x < columns; x += LANES) {
            vf before = pick(e->near, e->index + x), after = pick(e->near + 1, e->index + x);
            vstore(made + k * STRIP + x, before + vload(e->part + x) * (after - before));
        }
    }
    return made;
}

/* What a full-size row lies between: two enlarged rows, and how far from the first to the second. */
struct between {
    const float *upper, *lower;
    float part;
};

static struct between rows_around(struct enlarger *e, ptrdiff_t y, ptrdiff_t columns) {
    struct between b;
    ptrdiff_t row = place(y, e->grid.height, e->to_height, &b.part);
    b.upper = enlarged_row(e, row, columns);
    b.lower = enlarged_row(e, lesser(row + 1, e->grid.height - 1), columns);
    return b;
}

INLINE vf enlarged(struct between b, int plane, ptrdiff_t x) {
    vf above = vload(b.upper + plane * STRIP + x);
    return above + b.part * (vload(b.lower + plane * STRIP + x) - above);
}

/* --- the guided filter's result ----------------------------------------------------------------------------------- */

/* alpha = slope . colour + offset; what that gives as `low` becomes 0, as `high` 1. Floats in [0, 1], or bytes. */
static void guided_alpha(struct source rgb, struct grid coefficients, float low, float high, int bytes,
                         struct target alpha, float *scratch) {
    struct enlarger e = open_enlarger(coefficients, COEFFICIENTS, rgb.height, rgb.width, scratch);
    float top = bytes ? 255 : 1, gain = top / (high - low), shift = -low * gain, slope = gain / 255;
    for (ptrdiff_t left = 0; left < rgb.width; left += STRIP) {
        ptrdiff_t columns = lesser(STRIP, rgb.width - left);
        begin_strip(&e, left, columns);
        for (ptrdiff_t y = 0; y < rgb.height; y++) {
            struct between b = rows_around(&e, y, columns);
            const uint8_t *seen = bytes_of(rgb, y) + 3 * left;
            uint8_t *row = (uint8_t *)alpha.data + y * alpha.stride + (bytes ? 1 : 4) * left;
            for (ptrdiff_t x = 0; x < columns; x += LANES) {
                vi pixels = load_rgb(seen + 3 * x, columns - x);
                vf fitted = enlarged(b, 0, x) * red(pixels);
                fitted += enlarged(b, 1, x) * green(pixels);
                fitted += enlarged(b, 2, x) * blue(pixels);
                vf cut = within(fitted * slope + (enlarged(b, 3, x) * gain + shift), 0, top);
                if (bytes)
                    store_bytes(row + x, cut + 0.5f, columns - x);
                else
                    store_floats((float *)row + x, cut, columns - x);
            }
        }
    }
}

/* Chroma of a row as wide as luma: U, then V. */
struct wide_chroma {
    uint8_t u[STRIP + ROOM], v[STRIP + ROOM];
};

/* Each of 4 bytes twice. */
INLINE void double_bytes(uint8_t *to, uint64_t four) {
    four = (four | four << 16) & 0x0000ffff0000ffff;
    four = (four | four << 8) & 0x00ff00ff00ff00ff;
    four |= four << 8;
    __builtin_memcpy(to, &four, sizeof four);
}

/* Each of `count` bytes, `step` apart, twice. */
RARE void widen_bytes(const uint8_t *from, int step, ptrdiff_t count, uint8_t *to) {
    ptrdiff_t i = 0;
    for (; i + 4 <= count; i += 4, from += 4 * step) {
        uint64_t four = from[0] | from[step] << 8 | from[2 * step] << 16 | (uint64_t)from[3 * step] << 24;
        double_bytes(to + 2 * i, four);
    }
    for (; i < count; i++, from += step) to[2 * i] = to[2 * i + 1] = *from;
}

/* From column `first` of a strip that begins at `left`, both even, up to `last`. */
static void widen_chroma(const struct source *chroma, int swapped, ptrdiff_t row, ptrdiff_t left, ptrdiff_t first,
                         ptrdiff_t last, struct wide_chroma *wide) {
    int step = chroma->channels;
    ptrdiff_t begin = (left + first) / 2, count = (last - first + 1) / 2;
    const uint8_t *one = bytes_of(chroma[0], row) + begin * step;
    const uint8_t *other = step == 2 ? one + 1 : bytes_of(chroma[1], row) + begin;
    widen_bytes(swapped ? other : one, step, count, wide->u + first);
    widen_bytes(swapped ? one : other, step, count, wide->v + first);
}

/* What is said of pixels by the cells of a grid that they lie in. */
enum { NOTHING = 0, FITTED = 1, ALL = 2 };

/* The same of a strip, along a row of cells: runs of vectors of one kind, FITTED where their pixels differ. */
struct said {
    int32_t cell[STRIP + ROOM];
    uint8_t pixels[STRIP + ROOM];
    struct run {
        int16_t first, last; /* columns; the last is behind it */
        uint8_t kind;
    } runs[STRIP / LANES];
    ptrdiff_t row;
    int count;
};

static ptrdiff_t cell_of(ptrdiff_t i, int cells, int pixels) {
    return (ptrdiff_t)((2 * (int64_t)i + 1) * cells / (2 * (int64_t)pixels));
}

RARE void say_strip(struct said *s, ptrdiff_t left, ptrdiff_t columns, int cells, int pixels) {
    s->row = -1;
    for (ptrdiff_t x = 0; x < columns; x++) s->cell[x] = (int32_t)cell_of(left + x, cells, pixels);
    for (ptrdiff_t x = columns; x < whole_vectors(columns); x++) s->cell[x] = s->cell[columns - 1];
}

RARE void say_row(struct said *s, const uint8_t *cells, ptrdiff_t row, int grid_width, ptrdiff_t columns) {
    s->row = row, s->count = 0;
    for (ptrdiff_t x = 0; x < columns; x += LANES) {
        /* Cells rise along the row: where the first and the last are of one kind and lie beside each other, all are. */
        int32_t first = s->cell[x], last = s->cell[x + LANES - 1];
        uint8_t kind = cells ? cells[row * grid_width + first] : FITTED;
        for (int32_t cell = first + 1; cells && cell <= last; cell++)
            if (cells[row * grid_width + cell] != kind) kind = FITTED;
        if (kind == FITTED)
            for (int i = 0; i < LANES; i++) s->pixels[x + i] = cells ? cells[row * grid_width + s->cell[x + i]] : FITTED;
        if (!s->count || s->runs[s->count - 1].kind != kind) s->runs[s->count++] = (struct run){(int16_t)x, 0, kind};
        s->runs[s->count - 1].last = (int16_t)lesser(x + LANES, columns);
    }
}

static void fill(uint8_t *to, uint8_t code, ptrdiff_t count) {
    vi codes = vset_i(code * 0x01010101);
    ptrdiff_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES) vstore_i(to + i, codes);
    for (; i < count; i++) to[i] = code;
}

/* The same for a video frame, colours being its codes; alpha as bytes, and 0 or 255 where `cells` say so. */
static void guided_alpha_yuv(struct source luma, const struct source *chroma, int swapped, struct grid coefficients,
                             const uint8_t *cells, float low, float high, struct target alpha, float *scratch) {
    struct enlarger e = open_enlarger(coefficients, COEFFICIENTS, luma.height, luma.width, scratch);
    struct wide_chroma wide;
    struct said said;
    float gain = 255 / (high - low), shift = -low * gain, slope = gain / 255;
    for (ptrdiff_t left = 0; left < luma.width; left += STRIP) {
        ptrdiff_t columns = lesser(STRIP, luma.width - left);
        begin_strip(&e, left, columns);
        say_strip(&said, left, columns, coefficients.width, luma.width);
        for (ptrdiff_t y = 0; y < luma.height; y++) {
            const uint8_t *seen = bytes_of(luma, y) + left;
            uint8_t *row = (uint8_t *)alpha.data + y * alpha.stride + left;
            ptrdiff_t cell = cell_of(y, coefficients.height, luma.height);
            if (cell != said.row) say_row(&said, cells, cell, coefficients.width, columns);
            for (int k = 0; k < said.count; k++) {
                struct run run = said.runs[k];
                if (run.kind != FITTED) {
                    fill(row + run.first, run.kind == ALL ? 255 : 0, run.last - run.first);
                    continue;
                }
                struct between b = rows_around(&e, y, columns);
                widen_chroma(chroma, swapped, y / 2, left, run.first, run.last, &wide);
                for (ptrdiff_t x = run.first; x < run.last; x += LANES) {
                    vf fitted = enlarged(b, 0, x) * load_bytes(seen + x, run.last - x);
                    fitted += enlarged(b, 1, x) * load_bytes(wide.u + x, run.last - x);
                    fitted += enlarged(b, 2, x) * load_bytes(wide.v + x, run.last - x);
                    vf cut = within(fitted * slope + (enlarged(b, 3, x) * gain + shift), 0, 255);
                    vf told = vto_float(vwiden_bytes(said.pixels + x));
                    cut = vselect((vi)(told == (float)FITTED), cut, told * 127.5f);
                    store_bytes(row + x, cut + 0.5f, run.last - x);
                }
            }
        }
    }
}

/* --- the person's own colours ------------------------------------------------------------------------------------- */

static int64_t local_colours_floats(int height, int width, int radius) {
    return 3 * whole_vectors((ptrdiff_t)height * width) + box_mean_floats(width, 1, radius);
}

/* A side's weight of each pixel: times one of its colours (0, 1, 2 for red, green, blue), or alone (3). Nearly pure
 * pixels speak; the others only where no pure one is near, for they carry the other side's colour. */
RARE void weigh(struct source rgb, struct source alpha, int side, int colour, float *plane) {
    ptrdiff_t width = rgb.width;
    for (ptrdiff_t y = 0; y < rgb.height; y++)
        for (ptrdiff_t x = 0; x < width; x += LANES) {
            vf weight = load_floats(floats_of(alpha, y) + x, width - x);
            if (side) weight = 1 - weight;
            vf pure = within(5 * weight - 4, 0, 1) + weight * weight * 1e-3f;
            if (colour < 3) pure *= vto_float(load_rgb(bytes_of(rgb, y) + 3 * x, width - x) >> 8 * colour & 255);
            store_floats(plane + y * width + x, pure, width - x);
        }
}

/* The sum of a plane's means over windows of these radii times their trusts, and of a trace of the mean of it all. */
RARE void widening_means(struct source plane, struct windows windows, float *sums, float *means, float *scratch) {
    ptrdiff_t n = (ptrdiff_t)plane.height * plane.width;
    double total = 0;
    for (ptrdiff_t i = 0; i < n; i += LANES) total += (double)vsum(load_floats((const float *)plane.data + i, n - i));
    vf trace = vset((float)(1e-6 * total / (double)n));
    for (int k = 0; k < windows.count; k++) {
        box_mean(plane, windows.radii[k], (struct target){means, plane.stride}, scratch);
        for (ptrdiff_t i = 0; i < n; i += LANES) {
            vf before = k ? load_floats(sums + i, n - i) : trace;
            store_floats(sums + i, before + load_floats(means + i, n - i) * windows.trusts[k], n - i);
        }
    }
}

/* colours: 6 planes of the picture's size, the person's mean red, green, blue around each pixel, then the background's. */
static void local_colours(struct source rgb, struct source alpha, struct windows windows, float *colours,
                          float *scratch) {
    ptrdiff_t n = (ptrdiff_t)rgb.height * rgb.width;
    float *plane = scratch, *means = plane + whole_vectors(n), *weights = means + whole_vectors(n);
    struct source weighed = dense_plane(plane, rgb.height, rgb.width);
    scratch = weights + whole_vectors(n);
    for (int side = 0; side < 2; side++) {
        weigh(rgb, alpha, side, 3, plane);
        widening_means(weighed, windows, weights, means, scratch);
        for (int colour = 0; colour < 3; colour++, colours += n) {
            weigh(rgb, alpha, side, colour, plane);
            widening_means(weighed, windows, colours, means, scratch);
            for (ptrdiff_t i = 0; i < n; i += LANES) {
                vf weight = vmax(load_floats(weights + i, n - i), vset(1e-12f));
                store_floats(colours + i, load_floats(colours + i, n - i) / weight, n - i);
            }
        }
    }
}

/* LANES pixels, and the person's local colours F and the background's B there: where 0 < alpha < 1, F corrected so that
 * alpha F + (1 - alpha) B gives the pixel again. */
INLINE vi clean(vi pixels, vf alpha, struct between b, ptrdiff_t x) {
    vi soft = (vi)(alpha > 0) & (vi)(alpha < 1);
    if (!any(soft)) return pixels;
    const vf seen[3] = {red(pixels), green(pixels), blue(pixels)};
    vf own[3];
    for (int c = 0; c < 3; c++) {
        vf person = enlarged(b, c, x), behind = enlarged(b, c + 3, x);
        person += alpha * (seen[c] - alpha * person - (1 - alpha) * behind);
        own[c] = within(person + 0.5f, 0, 255);
    }
    return (soft & pack_rgb(own[0], own[1], own[2])) | (~soft & pixels);
}

/* With 4 channels alpha follows, rounded, and where it rounds to 0 the colours are 0 too. */
static void clean_colours(struct source rgb, struct source alpha, struct grid colours, int channels, struct target made,
                          float *scratch) {
    struct enlarger e = open_enlarger(colours, COLOURS, rgb.height, rgb.width, scratch);
    for (ptrdiff_t left = 0; left < rgb.width; left += STRIP) {
        ptrdiff_t columns = lesser(STRIP, rgb.width - left);
        begin_strip(&e, left, columns);
        for (ptrdiff_t y = 0; y < rgb.height; y++) {
            struct between b = rows_around(&e, y, columns);
            const uint8_t *seen = bytes_of(rgb, y) + 3 * left;
            const float *opacity = floats_of(alpha, y) + left;
            uint8_t *row = (uint8_t *)made.data + y * made.stride + channels * left;
            for (ptrdiff_t x = 0; x < columns; x += LANES) {
                vf a = load_floats(opacity + x, columns - x);
                vi pixels = clean(load_rgb(seen + 3 * x, columns - x), a, b, x);
                vi opaque = vtruncate(within(a, 0, 1) * 255.0f + 0.5f);
                if (channels == 4)
                    store_rgba(row + 4 * x, ((pixels & 0xffffff) | opaque << 24) & (vi)(opaque > 0), columns - x);
                else
                    store_rgb(row + 3 * x, pixels, columns - x);
            }
        }
    }
}

/* --- a small background, enlarged behind the person --------------------------------------------------------------- */

/* sums[i] = row[i], or, further down the square, as much more. */
static void add_bytes(uint32_t *sums, const uint8_t *row, ptrdiff_t n, int further) {
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) vstore_i(sums + i, vwiden_bytes(row + i) + (further ? vload_i(sums + i) : (vi){0}));
    for (; i < n; i++) sums[i] = row[i] + (further ? sums[i] : 0);
}

/* Averages of squares of factor x factor pixels, cut at the right and lower border, rounded to the nearest code. */
static void shrink(struct source image, int factor, struct target made, uint32_t *sums) {
    ptrdiff_t channels = image.channels;
    if (factor == 2 && channels == 1) {
        for (ptrdiff_t y = 0; y < image.height; y += 2) {
            const uint8_t *upper = bytes_of(image, y), *lower = y + 1 < image.height ? bytes_of(image, y + 1) : upper;
            halve(upper, lower, image.width, (image.width + 1) / 2, (uint8_t *)made.data + y / 2 * made.stride);
        }
        return;
    }
    for (ptrdiff_t top = 0; top < image.height; top += factor) {
        ptrdiff_t rows = lesser(factor, image.height - top);
        for (ptrdiff_t y = 0; y < rows; y++) add_bytes(sums, bytes_of(image, top + y), image.width * channels, y > 0);
        uint8_t *means = (uint8_t *)made.data + top / factor * made.stride;
        for (ptrdiff_t left = 0; left < image.width; left += factor) {
            ptrdiff_t columns = lesser(factor, image.width - left);
            /* sum / count by a multiplication: exact, since sum * count is below 2^32. */
            uint32_t count = (uint32_t)(rows * columns);
            uint64_t inverse = (((uint64_t)1 << 32) + count - 1) / count;
            for (ptrdiff_t c = 0; c < channels; c++) {
                uint32_t sum = count / 2;
                for (ptrdiff_t x = 0; x < columns; x++) sum += sums[(left + x) * channels + c];
                *means++ = (uint8_t)(sum * inverse >> 32);
            }
        }
    }
}

INLINE vf mixed(vf front, vf behind, vf alpha) { return within(behind + alpha * (front - behind) + 0.5f, 0, 255); }

/* foreground: 1 or 3 channels; background: as many planes; alpha: floats in [0, 1], or bytes where `bytes` is 1. */
static void lay_over(struct source foreground, struct grid background, struct source alpha, int bytes,
                     struct target made, float *scratch) {
    ptrdiff_t channels = foreground.channels;
    struct enlarger e = open_enlarger(background, (int)channels, foreground.height, foreground.width, scratch);
    for (ptrdiff_t left = 0; left < foreground.width; left += STRIP) {
        ptrdiff_t columns = lesser(STRIP, foreground.width - left);
        begin_strip(&e, left, columns);
        for (ptrdiff_t y = 0; y < foreground.height; y++) {
            struct between b = rows_around(&e, y, columns);
            const uint8_t *front = bytes_of(foreground, y) + channels * left;
            const uint8_t *opacity = bytes_of(alpha, y) + (bytes ? 1 : 4) * left;
            uint8_t *row = (uint8_t *)made.data + y * made.stride + channels * left;
            for (ptrdiff_t x = 0; x < columns; x += LANES) {
                vf a = bytes ? load_bytes(opacity + x, columns - x) * (1 / 255.0f)
                             : load_floats((const float *)opacity + x, columns - x);
                if (channels == 1) {
                    store_bytes(row + x, mixed(load_bytes(front + x, columns - x), enlarged(b, 0, x), a), columns - x);
                    continue;
                }
                vi pixels = load_rgb(front + 3 * x, columns - x);
                vf r = mixed(red(pixels), enlarged(b, 0, x), a), g = mixed(green(pixels), enlarged(b, 1, x), a);
                store_rgb(row + 3 * x, pack_rgb(r, g, mixed(blue(pixels), enlarged(b, 2, x), a)), columns - x);
            }
        }
    }
}
