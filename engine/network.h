/* The network in memory: what model_build makes of an artefact, read-only afterwards and shared by all threads. */
#ifndef SINET_NETWORK_H
#define SINET_NETWORK_H

#include "artefact.h"

struct kernels;

/* A pointwise (1x1) convolution. Its weights are stored in the order in which they are read: blocks of output channels,
 * in each block one input channel after another; biases are filled up with zeros to whole blocks. */
struct pointwise {
    int inputs, outputs;
    const float *weights, *bias;
};

/* A depthwise convolution of stride 1 and its activation: kernel * kernel weights for each channel. */
struct depthwise {
    int channels, kernel;
    const float *weights, *bias, *slope;
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
    const float *residual; /* scale of the input that is added; null where the widths differ */
    const float *slope;
};

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
    const float *bias, *slope;
};

struct stage {
    struct down down;
    int modules;
    struct module module[MAX_MODULES];
    const float *join_scale, *join_bias, *join_slope;
};

enum step_kind { STEM, DEPTHWISE, DOWN, REDUCE, BRANCHES, ENLARGE, COARSE, GATE, HEAD };

struct step {
    enum step_kind kind;
    int stage, module;
    char name[32];
};

enum { MAX_STEPS = 1 + 2 * (2 + 3 * MAX_MODULES) + 3 };

struct model {
    const struct kernels *kernels;
    int multiple, classes, outputs;
    struct pointwise stem; /* 27 inputs: plane, row and column of the kernel */
    const float *stem_slope;
    struct stage stages[2];
    struct pointwise coarse, project;
    const float *project_slope, *detail_scale, *fused_scale, *fused_bias;
    const float *head; /* outputs x classes x 9 */
    int steps;
    struct step step[MAX_STEPS];
};

/* What a workspace begins with. */
struct workspace_head {
    const struct model *model;
    int height, width, threads;
};

#endif
