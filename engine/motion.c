/* Where each block of a picture was in the one before, and planes moved accordingly.
 *
 * A block is likely to move as it did before, or as the blocks beside it do; what they say is tried first and the best of
 * it improved step by step. So neighbouring vectors agree where nothing tells them apart, which is what a mask needs, and
 * a block costs a few dozen comparisons. Sums are whole numbers: all instruction sets find the same vectors.
 *
 * The slow twin is src/sinet/core/motion.py. */

#include "kernels.h"
#include "vec_pixels.h"

enum { SIDE = SINET_MOTION_BLOCK, REACH = SINET_MOTION_REACH, TURNS = 8 };
/* What a vector must save over standing still: a code for each pixel of a block. Less is noise. */
enum { WORTH = SIDE * SIDE };

/* The sum of absolute differences of 8 bytes. */
INLINE uint32_t differences(const uint8_t *a, const uint8_t *b) {
#if defined(__SSE2__)
    return (uint32_t)_mm_cvtsi128_si32(_mm_sad_epu8(_mm_loadl_epi64((const void *)a), _mm_loadl_epi64((const void *)b)));
#elif defined(__ARM_NEON)
    return vaddlv_u8(vabd_u8(vld1_u8(a), vld1_u8(b)));
#else
    vh x = vload_bytes(a), y = vload_bytes(b), more = (vh)(x > y), apart = (more & (x - y)) | (~more & (y - x));
    uint32_t sum = 0;
    for (int i = 0; i < SIDE; i++) sum += apart[i];
    return sum;
#endif
}

struct block {
    struct source before, now;
    int top, left, rows, columns;
};

/* What it costs to say that the block was dy rows further down and dx columns further right: too much, if that was not
 * all in the picture; and no need to know how much, if it is `enough` or more. */
static uint32_t cost_of(const struct block *b, int dy, int dx, uint32_t enough) {
    int top = b->top + dy, left = b->left + dx;
    if (dy < -REACH || dy > REACH || dx < -REACH || dx > REACH) return UINT32_MAX;
    if (top < 0 || left < 0 || top + b->rows > b->before.height || left + b->columns > b->before.width) return UINT32_MAX;
    uint32_t sum = dy || dx ? WORTH : 0;
    for (int y = 0; y < b->rows && sum < enough; y++) {
        const uint8_t *was = (const uint8_t *)b->before.data + (top + y) * b->before.stride + left;
        const uint8_t *is = (const uint8_t *)b->now.data + (b->top + y) * b->now.stride + b->left;
        if (b->columns == SIDE)
            sum += differences(was, is);
        else
            for (int x = 0; x < b->columns; x++) sum += (uint32_t)(was[x] > is[x] ? was[x] - is[x] : is[x] - was[x]);
    }
    return sum;
}

struct found {
    int dy, dx;
    uint32_t cost;
};

/* Take the vector if it is better; whether it is. */
static int try_vector(const struct block *b, struct found *best, int dy, int dx) {
    uint32_t cost = cost_of(b, dy, dx, best->cost);
    if (cost >= best->cost) return 0;
    *best = (struct found){dy, dx, cost};
    return 1;
}

/* vectors: for each block, in order of rows, how many rows down and columns right it was; in: the same for the two
 * pictures before, or zeros. */
static void follow(struct source before, struct source now, int8_t *vectors) {
    int rows = (now.height + SIDE - 1) / SIDE, columns = (now.width + SIDE - 1) / SIDE;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            struct block b = {before, now, SIDE * y, SIDE * x, SIDE, SIDE};
            if (b.top + SIDE > now.height) b.rows = now.height - b.top;
            if (b.left + SIDE > now.width) b.columns = now.width - b.left;
            int8_t *own = vectors + 2 * ((ptrdiff_t)y * columns + x), *above = own - 2 * columns;
            struct found best = {0, 0, cost_of(&b, 0, 0, UINT32_MAX)};
            try_vector(&b, &best, own[0], own[1]);
            if (x) try_vector(&b, &best, own[-2], own[-1]);
            if (y) try_vector(&b, &best, above[0], above[1]);
            if (y && x + 1 < columns) try_vector(&b, &best, above[2], above[3]);
            for (int step = 4; step; step /= 2)
                for (int turn = 0; turn < TURNS; turn++) {
                    int dy = best.dy, dx = best.dx, better = try_vector(&b, &best, dy - step, dx);
                    better |= try_vector(&b, &best, dy + step, dx);
                    better |= try_vector(&b, &best, dy, dx - step);
                    better |= try_vector(&b, &best, dy, dx + step);
                    if (!better) break;
                }
            own[0] = (int8_t)best.dy, own[1] = (int8_t)best.dx;
        }
}

/* Each block of `made` from where its vector says it was, cut to the picture. */
static void move_blocks(struct source before, const int8_t *vectors, int bytes, struct target made) {
    int columns = (before.width + SIDE - 1) / SIDE;
    for (int y = 0; y < before.height; y++)
        for (int x = 0; x < columns; x++) {
            const int8_t *vector = vectors + 2 * ((ptrdiff_t)(y / SIDE) * columns + x);
            int left = SIDE * x, width = before.width - left < SIDE ? before.width - left : SIDE;
            int from_y = y + vector[0], from_x = left + vector[1];
            from_y = from_y < 0 ? 0 : from_y >= before.height ? before.height - 1 : from_y;
            from_x = from_x < 0 ? 0 : from_x + width > before.width ? before.width - width : from_x;
            const uint8_t *from = (const uint8_t *)before.data + from_y * before.stride + (ptrdiff_t)bytes * from_x;
            uint8_t *to = (uint8_t *)made.data + y * made.stride + (ptrdiff_t)bytes * left;
            for (int i = 0; i < width * bytes; i++) to[i] = from[i];
        }
}
