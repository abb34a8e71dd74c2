/* What resizing needs besides vectors, compiled once for all instruction sets: weights, and where scratch memory goes. */
#ifndef SINET_RESAMPLE_H
#define SINET_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

enum {
    POINT = 22,       /* bits after the point of a weight */
    LOW_BITS = 15,    /* of them in its lower part */
    BLOCK_MADE = 64,  /* outputs of a row that are made from one transposed block ... */
    BLOCK_READ = 512, /* ... of about this many places, so that it stays in the first cache */
};

/* One axis: output i is the weighted sum of the `count[i]` places, or pairs of places, from `first[i]` on. */
struct axis {
    int source, made;
    int reach; /* pairs of places that an output has at most */
    int32_t *first, *count;
    int32_t *low, *high; /* made x reach: the two weights of a pair, in the halves of a word; lower and higher part */
    float *weights;      /* made x 2 reach, in the same memory, for floats */
};

/* Where scratch memory goes. */
struct work {
    struct axis across, down;
    ptrdiff_t plane; /* bytes from one plane to the next in a row that is resized across */
    uint8_t *rows;   /* the picture resized across */
    void *block, *sums;
    uint8_t *line, *codes;
    int64_t bytes;
};

/* Lay out scratch memory, or only count its bytes where `memory` is null. `bytes_each`: of a value; `codes`: planes of
 * bytes of the made size that are kept until the end; `lanes`: of a vector. */
struct work plan_resize(int height, int width, int channels, int bytes_each, int made_height, int made_width, int codes,
                        int lanes, char *memory);

/* Weights in fixed point. Where `even`, pairs begin at even places, with a weight of 0 before the first where needed. */
void fix_weights(struct axis *axis, int even);
void float_weights(struct axis *axis);

/* The end of the block of outputs that begins at `from`, and how many places it reads. */
int block_end(const struct axis *axis, int from, int places_each, int *places);

#endif
