/* What is compiled once per instruction set: a table of functions, the same names in each.
 *
 * kernels.c includes network.c and the pixel kernels, all static, under one set of compiler flags, and defines one such
 * table; sinet.c checks every argument, chooses the table, and calls. A kernel trusts what it is given. */
#ifndef SINET_KERNELS_H
#define SINET_KERNELS_H

#include "network.h"

struct kernels {
    const char *name; /* "baseline", "avx2", "avx512", "neon", "simd128", "relaxed" */
    int lanes;        /* floats in a vector */
    /* network.c */
    int64_t (*model_size)(const struct config *config);
    int (*model_build)(const struct artefact *artefact, const struct config *config, struct model *model);
    int64_t (*workspace_size)(const struct model *model, int height, int width, int threads);
    void (*workspace_prepare)(const struct model *model, int height, int width, int threads, void *memory);
    void (*run_step)(const struct model *model, void *workspace, int step, int part, const float *input, float *logits);
};

extern const struct kernels kernels_baseline;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx512;
#endif

#endif
