/* Reading an artefact: a safetensors file whose header holds the network's configuration.
 *
 * Nothing in the file is trusted: lengths, offsets, shapes, numbers and nesting are checked before they are used, and
 * nothing outside the given bytes is ever read. No memory is allocated; strings are compared in place. The header is
 * read once, and each tensor's name compared a few hundred times at most, so a hostile file costs milliseconds.
 *
 * What the weights themselves are is not looked at: a NaN among them is a network that answers NaN. */
#ifndef SINET_ARTEFACT_H
#define SINET_ARTEFACT_H

#include <stddef.h>
#include <stdint.h>

enum { MAX_STAGES = 3, MAX_MODULES = 32, MAX_WIDTH = 1024, MAX_KERNEL = 15, MAX_POOL = 16, MAX_CLASSES = 64 };

enum {
    MAX_HEADER = 1000000, /* as sinet.runtime.catalog */
    MAX_DEPTH = 32,       /* of nested values that mean nothing to us */
    MAX_TENSORS = 2048,   /* the largest network within the limits above has some 1,300 */
};

struct branch_config {
    int kernel, pool; /* kernel: odd */
    int crossed;      /* its weights form a cross; they are stored as a square all the same */
};

struct module_config {
    int width; /* a multiple of 4: half of it from each branch, and that half computed in two groups */
    struct branch_config branches[2];
};

struct stage_config {
    int down;      /* output channels of the strided convolution; even where there are modules */
    int reduction; /* of its squeeze-and-excitation, at most its input channels; 1 means a single layer */
    int modules;   /* without any, nothing is joined after them either */
    struct module_config module[MAX_MODULES];
};

/* One member of the SINet family, as sinet.core.architecture.SINetConfig. */
struct config {
    int classes;
    int stem;
    int stage_count; /* 2 or 3; the first of three ends in `classes` channels */
    struct stage_config stages[MAX_STAGES];
    int transposed;  /* the head: a transposed 2x2 convolution, or an enlargement and a 3x3 one */
    int aligned;     /* corners, in the decoder's enlargements */
};

/* Channels of a stage's features, and of what it hands on: the same beside what came in, where there are modules. */
static inline int features_of(const struct stage_config *stage) {
    return stage->modules ? stage->module[stage->modules - 1].width : stage->down;
}

static inline int joined_of(const struct stage_config *stage) {
    return stage->modules ? stage->down + features_of(stage) : stage->down;
}

struct artefact {
    const unsigned char *header; /* JSON */
    size_t header_bytes;
    const unsigned char *data; /* what data_offsets are relative to */
    size_t data_bytes;
    uint32_t metadata;             /* where in the header its value begins; 0: nowhere */
    uint32_t tensors[MAX_TENSORS]; /* where in the header each tensor's name begins */
    int tensor_count;
};

/* Both return SINET_OK or an error code of sinet.h. */
int artefact_open(struct artefact *artefact, const void *file, size_t bytes);
int artefact_config(const struct artefact *artefact, struct config *config);

/* Find a tensor of float32 with exactly `count` values; *data may be unaligned, little-endian. */
int artefact_tensor(const struct artefact *artefact, const char *name, size_t count, const unsigned char **data);

#endif
