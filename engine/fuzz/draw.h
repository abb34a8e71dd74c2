/* Decisions drawn from a fuzzer's input: a byte each where that is enough; after the end, zeros. */
#ifndef SINET_DRAW_H
#define SINET_DRAW_H

#include <stddef.h>
#include <stdint.h>

struct draw {
    const uint8_t *at, *end;
};

static inline uint64_t draw_bytes(struct draw *d, int count) {
    uint64_t value = 0;
    while (count--) value = value << 8 | (d->at < d->end ? *d->at++ : 0);
    return value;
}

/* A whole number from low to high. */
static inline int64_t draw(struct draw *d, int64_t low, int64_t high) {
    uint64_t span = (uint64_t)(high - low);
    return low + (int64_t)(draw_bytes(d, span < 256 ? 1 : span < 65536 ? 2 : span < 1ull << 32 ? 4 : 8) % (span + 1));
}

/* Whether something that happens once in `times` happens; never after the end of the input. */
static inline int seldom(struct draw *d, int times) { return draw(d, 0, times - 1) == times - 1; }

/* A number that a careless or hostile caller may give. */
static inline int64_t hostile(struct draw *d) {
    static const int64_t numbers[] = {
        0, -1, 1, 2, 3, 4, 5, 31, 33, 255, 1 << 14, (1 << 14) + 32, 1 << 22, (1 << 22) + 1, 1 << 30,
        INT32_MAX, INT32_MIN, INT32_MAX - 31, (int64_t)1 << 32, (int64_t)1 << 33, (int64_t)1 << 61, INT64_MAX,
        INT64_MIN, INT64_MAX - 63, -64,
    };
    return numbers[draw(d, 0, sizeof numbers / sizeof *numbers - 1)];
}

#endif
