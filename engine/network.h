/* The network in memory: what model_build makes of an artefact, read-only afterwards and shared by all threads. */
#ifndef SINET_NETWORK_H
#define SINET_NETWORK_H

#include "artefact.h"
#include "real.h"

struct kernels;

/* The channels that are left over go in blocks of this many. */
enum { REST = 2 };
/* Rows and vectors of a tile of a depthwise convolution. */
enum { ROWS = 4, COLUMNS = 2 };
/* Values around a map that vectors may read. Beyond its last pixel they write fewer than LANES: plane_values. */
enum { SLACK = 64 };
/* Rows that the head keeps: enlarged both ways, and along the rows only. Powers of two. */
enum { RING = 8, WIDE = 4 };
/* Pixels that the last convolution of the encoder joins and activates at a time. */
enum { CHUNK = 64 };

/* Of an instruction set: values in a vector, and a tile of a pointwise convolution, held in registers: `block` output
 * channels x `tile` vectors. */
struct shape {
    int lanes, block, tile;
};

/* A pointwise (1x1) convolution. Its weights are stored in the order in which they are read: blocks of output channels,
 * in each block one input channel after another; biases are filled up with zeros to whole blocks. */
struct pointwise {
    int inputs, outputs;
    const real *weights, *bias;
};

/* A depthwise convolution of stride 1 and its activation: kernel * kernel weights for each channel, of which the number
 * is even. */
struct depthwise {
    int channels, kernel;
    const real *weights, *bias, *slope;
};

struct branch {
    int pool;
    struct depthwise depthwise;
    struct pointwise pointwise;
};

/* A spatial squeeze module: two halves of the input reduced apart, two branches, residual and activation. */
struct module {
    int inputs, width;
    struct pointwise reduce[2];
    struct branch branches[2];
    const real *residual; /* scale of the input that is added; null where the widths differ */
    const real *slope;
};

/* A layer of the excitation; in floats, for what is off there is off in every pixel. */
struct dense {
    int inputs, outputs;
    const float *weights, *bias, *slope; /* weights: outputs x inputs */
};

struct down {
    int inputs, outputs;
    const float *depthwise; /* 9 for each channel */
    int layers;             /* of the excitation */
    struct dense excitation[2];
    const float *weights; /* outputs x inputs: packed anew in every run, scaled by the excitation */
    const real *bias, *slope; /* the first stage's biases: see below */
};

struct stage {
    struct down down;
    int modules;
    struct module module[MAX_MODULES];
    const real *join_scale, *join_bias, *join_slope;
};

/* Information blocking. The finer of two gates takes its stage's features as they are: nothing is projected, and its
 * scale and bias are 1 and 0. */
struct gate {
    int stage; /* whose features are its detail */
    struct pointwise project;
    const float *slope, *detail_scale, *scale, *bias; /* slope: null where nothing is projected */
};

enum step_kind { STEM, DEPTHWISE, DOWN, REDUCE, BRANCHES, ENLARGE, COARSE, GATE, FINE, HEAD };

struct step {
    enum step_kind kind;
    int stage, module;
    char name[32];
};

enum { MAX_STEPS = 1 + MAX_STAGES * (2 + 3 * MAX_MODULES) + 4 };

struct model {
    const struct kernels *kernels;
    int multiple, classes, outputs;
    struct pointwise stem; /* 27 inputs: plane, row and column of the kernel */
    const float *stem_slope;
    int stage_count;
    struct stage stages[MAX_STAGES];
    struct pointwise coarse;
    struct gate gates[MAX_STAGES - 1]; /* the coarsest first */
    int aligned;                       /* corners, where the decoder enlarges */
    int transposed;                    /* the head */
    const float *head;                 /* outputs x head_classes x 9; of a transposed head null */
    struct pointwise spread;           /* a transposed head: 4 outputs, two rows of two, for each of the model's */
    int steps;
    struct step step[MAX_STEPS];
};

/* Both ends of a network of halves are made of floats all the same, for what is rounded there shows most: the stem, the
 * first stage's depthwise convolution and biases, the last pointwise convolution of the encoder and all of the decoder,
 * their maps and tables included. What those keep in `struct pointwise`, `struct map` and `struct across` are floats. */

/* Planes; a channel is `plane` values after the one before it, a row `row` after the row above. */
struct map {
    real *data;
    ptrdiff_t plane;
    int row, height, width;
};

/* Bilinear enlargement along one axis: output i is the sum of three inputs from first[i] on. */
struct points {
    int from, to;
    int *first;
    float (*weight)[3];
};

/* The same along rows, a vector of outputs at a time: the sum of `taps` inputs, each times a vector of weights. */
struct across {
    int from, to, taps;
    int *first;    /* one for each vector */
    real *weights; /* taps x LANES for each vector */
};

struct enlargement {
    struct points down;
    struct across across;
};

struct stage_space {
    struct map strided;     /* depthwise output of the down-sampling */
    float *mean;            /* of each of its channels */
    struct map down;        /* output of the down-sampling, kept for the join */
    struct map features[2]; /* outputs of modules, in place where there is a residual */
    struct map reduced;     /* with `reach` rows of zeros above and below */
    int reach;
    struct enlargement enlarge[MAX_POOL + 1]; /* those of the pools that occur */
};

struct workspace {
    const struct model *model;
    int height, width, threads;
    int out_height, out_width;
    _Alignas(64) int arrived;    /* threads that wait at the barrier */
    _Alignas(64) unsigned phase; /* barriers passed; begins again at 0 after 2^32 */
    struct map stem;
    /* What enters each gate and, last, the head, before its enlargement; and that. What goes from a second gate straight
     * into a transposed head has neither. */
    struct map logits[MAX_STAGES];
    struct map skips[MAX_STAGES - 1]; /* what each gate takes its detail from: its stage's features, in floats */
    struct enlargement enlarge[MAX_STAGES]; /* by two, or, before a 3x3 head behind a single gate, in two steps of two */
    real *pooled[2], *small[2]; /* of the branches of one module; their shape is the module's */
    struct stage_space stages[MAX_STAGES];
    float *zero;                        /* a row that stands for all rows outside the input */
    char *scratch;                      /* of thread 0; those of the others follow */
    ptrdiff_t scratch_bytes;
};

/* --- small arithmetic ------------------------------------------------------------------------------------------- */

static inline ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t multiple) { return (n + multiple - 1) / multiple * multiple; }
static inline int least(int a, int b) { return a < b ? a : b; }
static inline int most(int a, int b) { return a > b ? a : b; }

static inline int gcd(int a, int b) {
    while (b) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Classes that the 3x3 head works on: an even number, so that two at a time are all; one more has weights of zero. */
static inline int head_classes(int classes) { return classes + classes % 2; }

static inline int lcm(int a, int b) { return a / gcd(a, b) * b; }

/* Channels after blocks of `block` and the rest in blocks of REST. */
static inline int padded(int outputs, int block) {
    return outputs / block * block + (int)round_up(outputs % block, REST);
}

/* A gate for each stage but the last; and input size / size of the answer, a power of 2. */
static inline int gate_count(const struct model *model) { return model->stage_count - 1; }
static inline int output_shift(const struct model *model) { return model->stage_count - 2; }

/* Channels of a stage's features. */
static inline int stage_outputs(const struct stage *stage) {
    return stage->modules ? stage->module[stage->modules - 1].width : stage->down.outputs;
}

/* Whether a branch works on a smaller map. */
static inline int squeezed(const struct branch *branch) { return branch->pool > 1; }

/* Room for the overrun of the last row; no two channels at a distance that falls into the same sets of a cache. */
static inline ptrdiff_t plane_values(ptrdiff_t pixels) { return round_up(pixels, 16) + 16; }

/* Rows of a map that are worked on together: whole vectors of pixels at any width of vector. */
static inline int band_rows(int width) { return most(ROWS, 16 / gcd(width, 16)); }

static inline ptrdiff_t band_values(int width) { return round_up((ptrdiff_t)band_rows(width) * width, 16); }

/* --- memory ----------------------------------------------------------------------------------------------------- */

/* Memory is handed out from a block; with no block at all, it is only counted, in 64 bits: it may be more than a pointer
 * of 32 reaches. */
struct arena {
    char *base;
    int64_t used;
};

static inline void *take(struct arena *arena, int64_t bytes) {
    void *taken = arena->base ? arena->base + arena->used : NULL;
    arena->used += (bytes + 63) / 64 * 64;
    return taken;
}

static inline float *take_floats(struct arena *arena, int64_t count) { return take(arena, count * (int64_t)sizeof(float)); }
static inline real *take_values(struct arena *arena, int64_t count) { return take(arena, count * (int64_t)sizeof(real)); }

/* Values that take as much memory as so many floats. */
static inline ptrdiff_t values_of_floats(ptrdiff_t floats) { return floats * (ptrdiff_t)(sizeof(float) / sizeof(real)); }

/* --- model.c, rare.c, workspace.c --------------------------------------------------------------------------------------- */

/* Bytes of a model, and reading one; SINET_OK or an error code. */
int64_t model_size(const struct config *config, const struct kernels *kernels);
int model_build(const struct artefact *artefact, const struct config *config, const struct kernels *kernels,
                struct model *model);

/* Bring rows of weights (float32, outputs x inputs or, turned, inputs x outputs, of any alignment) into the order of
 * struct pointwise. `scale`, if any, holds one factor for each input. */
#if defined(SINET_HALF)
#define pack pack_halves
void pack_halves(real *packed, int block, const unsigned char *weights, int outputs, int inputs, int turned,
                 const float *scale);
#else
#define pack pack_floats
#endif
void pack_floats(float *packed, int block, const unsigned char *weights, int outputs, int inputs, int turned,
                 const float *scale);

/* For what is rare, plain: `rows` rows from y on of one channel of a depthwise convolution by a kernel of any size, and
 * one row of averages over pools of any size. */
void depthwise_any(const struct depthwise *conv, int channel, const struct map *map, int y, int rows, real *out);
void pool_any(const real *in, ptrdiff_t row, int pool, real *out, int width);
void clear_values(real *values, ptrdiff_t count);
void run_dense(const struct dense *dense, const float *in, float *out);

/* The end of a step for all threads of a workspace: returns when each of them has called it. */
void wait_for_all(struct workspace *space);

/* The map of averages that a squeezed branch works on, with zeros around it as far as its kernel reaches, and the map of
 * its answers; `data` is memory for the whole. */
struct map pooled_map(const struct branch *branch, const struct map *reduced, real *data);
struct map small_map(const struct branch *branch, const struct map *reduced, real *data);

/* Where module `m` of a stage leaves its output; before the first, that of the down-sampling. */
const struct map *module_output(const struct stage *stage, const struct stage_space *space, int m);

/* Bytes of a workspace, and dividing one and filling its tables. */
int64_t workspace_size(const struct model *model, int height, int width, int threads);
void workspace_prepare(const struct model *model, int height, int width, int threads, void *memory);

#endif
