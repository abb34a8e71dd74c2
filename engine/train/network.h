/* A portrait SINet in training: its parts, where their weights are, and what a picture leaves behind in them. */
#ifndef SINET_TRAIN_NETWORK_H
#define SINET_TRAIN_NETWORK_H

#include "kernels.h"

enum { MAX_MODULES = 16, MAX_KERNEL = 5, MAX_INPUTS = 512, MAX_SIDE = 4096, SLACK = 128 };

struct act {
    const float *bias, *slope;
};

/* Bilinear enlargement with aligned corners along one axis: output i lies `part` of the way from input `first` on. */
struct axis {
    int inputs, outputs, *first;
    float *part;
};

struct enlargement {
    struct axis rows, columns;
};

struct branch {
    int pool, kernel;
    const float *depthwise, *pointwise, *bias;
    struct act act;
    struct enlargement enlargement; /* where pool > 1 */
    float *pooled, *z, *y; /* pooled: what the depthwise convolution reads */
};

struct module {
    int inputs, width;
    const float *reduce, *residual, *slope;
    struct branch branch[2];
    float *reduced, *z, *y;
};

struct dense {
    int inputs, outputs;
    const float *weights;
    struct act act;
    float *z, *y;
};

struct stage {
    int inputs, down, layers, modules, joined; /* joined: channels of what the next stage reads */
    int height, width;
    const float *depthwise, *pointwise, *scale, *bias, *slope;
    struct act act;
    struct dense dense[2];
    struct module module[MAX_MODULES];
    float *small, *means, *scaled, *z, *y, *out;
};

struct trainer {
    int height, width, stem;
    size_t parameters;
    const float *weights; /* of this step */
    float *gradients;
    char *arena;
    size_t used, size;
    const float *stem_weights, *coarse, *coarse_bias, *project, *fused_scale, *fused_bias, *head;
    struct act stem_act, project_act;
    struct stage stage[2];
    struct enlargement to_quarter, to_half, to_whole;
    float *patches, *stem_z, *stem_y;
    float *logits8, *logits4, *detail_z, *detail, *gate, *fused, *half, *whole, *answer;
    float *wide, *wide2, *row, *d_a, *d_b, *d_r, *d_branch, *d_pooled, *d_out[2], *d_skip, *d_join, *d_x2, *d_answer;
    float *square;
};

/* Where the gradient of a weight is added. */
INLINE float *grad(struct trainer *t, const float *weight) { return t->gradients + (weight - t->weights); }

/* layout.c: weights' places in the row, how many there are; memory for a picture, all of it laid out once. With no
 * arena they count only. */
size_t read_network(struct trainer *t, const float *weights);
void lay_out(struct trainer *t);

/* parts.c: forward into the part's own memory, backward from the gradient at its output, which is used up, to that at
 * its input; the weights' gradients are added. */
void enlarge(const struct enlargement *e, const float *x, float *y, float *row);
void enlarge_back(const struct enlargement *e, const float *dy, float *dx, float *row);
void module_forward(struct trainer *t, struct module *m, int height, int width, const float *x);
void module_back(struct trainer *t, struct module *m, int height, int width, const float *x, float *d, float *dx);
void down_forward(struct trainer *t, struct stage *s, const float *x);
void down_back(struct trainer *t, struct stage *s, const float *x, float *d, float *dx);
void join_part(struct stage *s, int from, int channels, const float *x, float *y, int pixels);
void join_part_back(struct trainer *t, struct stage *s, int from, int channels, const float *x, const float *d,
                    float *dx, int pixels);

/* The four planes that a picture's even and odd rows and columns make: floats of each, where they are made, and where
 * the nine taps of a kernel of stride 2 lie in them. */
int phase_floats(int height, int width);
void split(const float *x, int height, int width, float *out, int phase);
void halving_offsets(int row, int phase, int *offset);
void kernel_offsets(int kernel, int row, int *offset, int flipped);

INLINE void clear(float *at, size_t count) { memset(at, 0, 4 * count); }

#endif
