/* Pictures for the fuzzers of pixel kernels: as many bytes as they hold and not one more, at any address and distance
 * of rows; bytes between rows are poisoned for the sanitizer where it can tell, and must be found unchanged afterwards.
 */
#ifndef SINET_IMAGES_H
#define SINET_IMAGES_H

#include "draw.h"
#include "memory_fuzz.h"
#include "sinet.h"

#include <math.h>
#include <sanitizer/asan_interface.h>
#include <string.h>

enum { GAP = 0xa5 };

struct image {
    uint8_t *memory, *first;
    ptrdiff_t stride, row; /* bytes; `row` is what a row holds */
    int height;
};

static inline size_t image_bytes(const struct image *i) { return (size_t)(i->height - 1) * i->stride + i->row; }

static inline void poison(const struct image *i) {
    for (int y = 0; y + 1 < i->height; y++)
        ASAN_POISON_MEMORY_REGION(i->first + y * i->stride + i->row, i->stride - i->row);
}

/* `size`: bytes of a value; addresses and strides are multiples of it. A single row may have any stride at all. */
static inline struct image image(struct draw *d, int height, int values, int size) {
    ptrdiff_t row = (ptrdiff_t)values * size, stride = row + size * (seldom(d, 2) ? draw(d, 1, 70) : 0);
    struct image made = {NULL, NULL, stride, row, height};
    size_t shift = size * (seldom(d, 2) ? draw(d, 0, 15) : 0);
    if (height == 1 && seldom(d, 3)) {
        static const int64_t far[] = {0, 1 << 20, INT32_MAX, (int64_t)1 << 40, INT64_MAX};
        ptrdiff_t other = far[draw(d, 0, 4)] / size * size;
        if (other >= row) made.stride = other;
    }
    made.memory = block(shift + image_bytes(&made), 16);
    made.first = made.memory + shift;
    memset(made.first, GAP, image_bytes(&made));
    poison(&made);
    return made;
}

static inline uint32_t chance(uint32_t *state) { return (*state = *state * 1664525 + 1013904223) >> 8; }

static inline void fill_bytes(struct image *i, uint32_t seed) {
    for (int y = 0; y < i->height; y++)
        for (ptrdiff_t x = 0; x < i->row; x++) {
            uint32_t r = chance(&seed);
            i->first[y * i->stride + x] = r & 0x300 ? r : r & 0x400 ? 255 : 0;
        }
}

/* Values from 0 to 1, both included; where `wild`, anything that is a float. */
static inline float fill_value(uint32_t *seed, int wild) {
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-40f, -1, 2, 1e9f, -1e9f, 255.5f, -0.0f};
    uint32_t r = chance(seed);
    if (wild && r % 4 == 0) return odd[chance(seed) % (sizeof odd / sizeof *odd)];
    return r % 8 == 1 ? 0 : r % 8 == 2 ? 1 : (float)(chance(seed) % 65537) / 65536;
}

static inline void fill_floats(struct image *i, uint32_t seed, int wild) {
    for (int y = 0; y < i->height; y++)
        for (ptrdiff_t x = 0; x < i->row; x += 4) {
            float value = fill_value(&seed, wild);
            memcpy(i->first + y * i->stride + x, &value, 4);
        }
}

/* One more of the same geometry and content. */
static inline struct image copy(const struct image *i) {
    struct image made = *i;
    size_t shift = i->first - i->memory;
    made.memory = block(shift + image_bytes(i), 16);
    made.first = made.memory + shift;
    memset(made.first, GAP, image_bytes(i));
    for (int y = 0; y < i->height; y++) memcpy(made.first + y * i->stride, i->first + y * i->stride, i->row);
    poison(&made);
    return made;
}

static inline void check_gaps(const struct image *i) {
    for (int y = 0; y + 1 < i->height; y++) {
        uint8_t *gap = i->first + y * i->stride + i->row;
        ASAN_UNPOISON_MEMORY_REGION(gap, i->stride - i->row);
        for (ptrdiff_t x = 0; x < i->stride - i->row; x++) check(gap[x] == GAP);
    }
    poison(i);
}

static inline int same(const struct image *a, const struct image *b) {
    for (int y = 0; y < a->height; y++)
        if (memcmp(a->first + y * a->stride, b->first + y * b->stride, a->row)) return 0;
    return 1;
}

/* The greatest difference of two codes. */
static inline int distance(const struct image *a, const struct image *b) {
    int most = 0;
    for (int y = 0; y < a->height; y++)
        for (ptrdiff_t x = 0; x < a->row; x++) {
            int apart = abs(a->first[y * a->stride + x] - b->first[y * b->stride + x]);
            if (apart > most) most = apart;
        }
    return most;
}

static inline void drop(struct image *i) {
    check_gaps(i);
    ASAN_UNPOISON_MEMORY_REGION(i->first, image_bytes(i));
    release(i->memory);
}

/* Scratch memory: of the needed size, holding `before`. A negative size, an error, gives an empty one. */
static inline void *scratch(int64_t bytes, int before) {
    void *memory = block(bytes > 0 ? bytes : 0, 64);
    if (bytes > 0) memset(memory, before, bytes);
    return memory;
}

/* The sides of a picture: small, or one of them longer than any tile or vector. */
static inline void draw_sides(struct draw *d, int *height, int *width) {
    int shape = draw(d, 0, 15);
    *height = shape == 1 ? draw(d, 1, 300) : draw(d, 1, shape == 0 ? 3 : 24);
    *width = shape == 0 ? draw(d, 1, 300) : draw(d, 1, shape == 1 ? 3 : 24);
}

/* An address `bytes` further, where that is no address at all too. */
static inline void *at(const void *pointer, ptrdiff_t bytes) { return (void *)((uintptr_t)pointer + bytes); }

/* In a call of which argument number `spoilt` is to be wrong: the right or the wrong value of argument k. */
#define SPOIL(k, right, wrong) (spoilt == (k) ? (wrong) : (right))

/* Which of `count` ways to be wrong; 0 for none. */
static inline int draw_spoilt(struct draw *d, int count) { return seldom(d, 8) ? draw(d, 1, count) : 0; }

static inline int wrong_isa(void) { return sinet_best_isa() + 1; }

#endif
