/* Rows of a picture on their way into a PNG: filtered and summed. */

#include "deflate.h"
#include "kernels.h"
#include "vec_pixels.h"

/* Before the first pixel of a row in scratch memory lie as many zero bytes, and behind its last. */
enum { MARGIN = 64 };

typedef int16_t vs __attribute__((vector_size(4 * LANES)));

static vs magnitude(vs x) { return (x ^ (x >> 15)) - (x >> 15); }

/* A row into scratch memory; pixels of 4 channels that cannot be seen become black. */
static void png_copy(const uint8_t *pixels, ptrdiff_t bytes, int channels, uint8_t *row) {
    ptrdiff_t i = 0;
    if (channels == 4) {
        for (; i + 4 * LANES <= bytes; i += 4 * LANES) {
            vi pixel = vload_i(pixels + i);
            vstore_i(row + i, pixel & (vi)((pixel & (vi)vset_i((int32_t)0xff000000)) != 0));
        }
        for (; i < bytes; i += 4)
            for (int c = 0; c < 4; c++) row[i + c] = pixels[i + 3] ? pixels[i + c] : 0;
    } else {
        for (; i + 4 * LANES <= bytes; i += 4 * LANES) vstore_i(row + i, vload_i(pixels + i));
        for (; i < bytes; i++) row[i] = pixels[i];
    }
}

/* Paeth's filter (PNG specification, 9.4): each byte less whichever of left, above and above left is nearest to left +
 * above - above left. Writes whole vectors, up to MARGIN bytes too many. */
static void png_filter(const uint8_t *row, const uint8_t *above, ptrdiff_t bytes, int channels, uint8_t *filtered) {
    for (ptrdiff_t i = 0; i < bytes; i += 2 * LANES) {
        vs left = (vs)vload_bytes(row + i - channels), up = (vs)vload_bytes(above + i);
        vs corner = (vs)vload_bytes(above + i - channels);
        vs from_left = magnitude(up - corner), from_up = magnitude(left - corner);
        vs from_corner = magnitude(left + up - corner - corner);
        vs is_left = (vs)(from_left <= from_up) & (vs)(from_left <= from_corner), is_up = (vs)(from_up <= from_corner);
        vs nearest = (left & is_left) | (~is_left & ((up & is_up) | (corner & ~is_up)));
        vstore_bytes(filtered + i, (vh)(((vs)vload_bytes(row + i) - nearest) & 255));
    }
}

/* Adler-32 (RFC 1950) of what came before, `sum`, and of these bytes. */
static uint32_t png_sum(const uint8_t *bytes, ptrdiff_t count, uint32_t sum) {
    uint64_t low = sum & 0xffff, high = sum >> 16;
    while (count >= LANES) {
        /* In each lane the sum of its bytes, and the sum of those sums; 4096 turns do not overflow. */
        ptrdiff_t turns = count / LANES < 4096 ? count / LANES : 4096;
        vu lows = {0}, highs = {0};
        for (ptrdiff_t i = 0; i < turns; i++) {
            highs += lows;
            lows += (vu)vwiden_bytes(bytes + i * LANES);
        }
        high += low * (uint64_t)(turns * LANES);
        for (int lane = 0; lane < LANES; lane++) {
            high += (uint64_t)highs[lane] * LANES + (uint64_t)lows[lane] * (uint64_t)(LANES - lane);
            low += lows[lane];
        }
        low %= 65521, high %= 65521;
        bytes += turns * LANES, count -= turns * LANES;
    }
    for (; count; count--) low += *bytes++, high += low;
    return (uint32_t)(high % 65521 << 16 | low % 65521);
}
