/* The forward pass of a SINet: model_build reads an artefact, layout divides a workspace, and run_step walks through
 * the network.
 *
 * Feature maps are planes of floats, one channel after another, rows dense, and vectors run along the pixels. Every map
 * at a quarter or an eighth of the input has a multiple of 16 pixels, so pointwise convolutions, most of the work, waste
 * no lane at any width of vector and any number of channels. What follows a convolution (bias, residual, activation)
 * happens before its result leaves the registers; a depthwise convolution and the pointwise one behind it work through
 * a few rows at a time, so that what is between them never leaves the nearest cache.
 *
 * Rows whose length is no multiple of LANES are stored whole vectors at a time, from the right to the left and from the
 * top to the bottom: what runs over the end of a row is overwritten by the next row, and every map ends with room for
 * the last. Reads run over in the same way, within the workspace.
 *
 * Sources: Park et al., SINet, arXiv:1911.09099v4, section 3; the exact rewrite of sinet/export/deploy.py. */

#include "kernels.h"
#include "sinet.h"
#include "vec.h"

/* A tile of a pointwise convolution: BLOCK output channels x TILE vectors, held in registers. */
#if LANES == 16
enum { BLOCK = 6, TILE = 4 };
#elif defined(__ARM_NEON)
enum { BLOCK = 6, TILE = 4 };
#elif LANES == 8
enum { BLOCK = 6, TILE = 2 };
#else
enum { BLOCK = 4, TILE = 2 };
#endif
/* The channels that are left over go in blocks of this many. */
enum { REST = 2 };
/* Loops over a tile are unrolled whole, whatever the compiler thinks of their length: what they index is registers. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define ROLL _Pragma("clang loop unroll(disable)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#define ROLL _Pragma("GCC unroll 1")
#endif
/* Rows and vectors of a tile of a depthwise convolution. */
enum { ROWS = 4, COLUMNS = 2 };
/* Floats that may be read before the first row of a map and beyond its last, and written beyond it. */
enum { SLACK = 64 };
/* Rows that the head keeps: enlarged both ways, and along the rows only. Powers of two. */
enum { RING = 8, WIDE = 4 };
/* Pixels that the last convolution of the encoder joins and activates at a time. */
enum { CHUNK = 64 };

static ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t multiple) { return (n + multiple - 1) / multiple * multiple; }
static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }

static int gcd(int a, int b) {
    while (b) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int lcm(int a, int b) { return a / gcd(a, b) * b; }

/* --- building a model ------------------------------------------------------------------------------------------- */

/* Memory is handed out from a block; with no block at all, it is only counted. */
struct arena {
    char *base;
    ptrdiff_t used;
};

static void *take(struct arena *arena, ptrdiff_t bytes) {
    void *taken = arena->base ? arena->base + arena->used : NULL;
    arena->used += round_up(bytes, 64);
    return taken;
}

static float *take_floats(struct arena *arena, ptrdiff_t count) { return take(arena, count * (ptrdiff_t)sizeof(float)); }

/* One walk reads the weights, or, without an artefact, counts what they need. */
struct builder {
    struct arena arena;
    const struct artefact *artefact;
    int error;
    char name[96]; /* of the tensor, grown and cut back along the walk */
    int length;
};

static int push(struct builder *b, const char *text) {
    int before = b->length;
    while (*text && b->length < (int)sizeof b->name - 1) b->name[b->length++] = *text++;
    b->name[b->length] = 0;
    return before;
}

static int push_number(struct builder *b, const char *text, int number) {
    char digits[4] = {(char)('0' + number / 10), (char)('0' + number % 10), '.', 0};
    int before = push(b, text);
    push(b, number < 10 ? digits + 1 : digits);
    return before;
}

static void cut(struct builder *b, int length) {
    b->length = length;
    b->name[length] = 0;
}

/* The raw bytes of a tensor; null while counting or after an error. */
static const unsigned char *find(struct builder *b, const char *name, size_t count) {
    const unsigned char *data = NULL;
    if (!b->artefact || b->error) return NULL;
    int before = push(b, name);
    b->error = artefact_tensor(b->artefact, b->name, count, &data);
    cut(b, before);
    return b->error ? NULL : data;
}

static float read_float(const unsigned char *data, ptrdiff_t index) {
    float value;
    __builtin_memcpy(&value, data + 4 * index, 4); /* little-endian, as every target of the engine is */
    return value;
}

static const float *tensor(struct builder *b, const char *name, int count) {
    const unsigned char *data = find(b, name, (size_t)count);
    float *values = take_floats(&b->arena, count);
    for (int i = 0; data && i < count; i++) values[i] = read_float(data, i);
    return values;
}

/* Channels after blocks of BLOCK and the rest in blocks of REST. */
static int padded(int outputs) { return outputs / BLOCK * BLOCK + (int)round_up(outputs % BLOCK, REST); }

static int block_at(int output, int outputs) { return output + BLOCK <= outputs ? BLOCK : REST; }

/* Bring rows of weights (float32, outputs x inputs, of any alignment) into the order of struct pointwise. `scale`, if
 * any, holds one factor for each input. */
static void pack(float *packed, const unsigned char *weights, int outputs, int inputs, const float *scale) {
    for (int first = 0, block; first < outputs; first += block) {
        block = block_at(first, outputs);
        for (int i = 0; i < inputs; i++)
            for (int c = first; c < first + block; c++) {
                float weight = c < outputs ? read_float(weights, (ptrdiff_t)c * inputs + i) : 0;
                *packed++ = scale ? weight * scale[i] : weight;
            }
    }
}

/* Outputs [first, first + outputs) of the `total` of a convolution. One without biases gets zeros. */
static struct pointwise pointwise(struct builder *b, const char *name, int first, int outputs, int inputs, int total,
                                  int biased) {
    int before = push(b, name);
    const unsigned char *weights = find(b, "weight", (size_t)total * (size_t)inputs);
    const unsigned char *biases = biased ? find(b, "bias", (size_t)total) : NULL;
    cut(b, before);
    float *packed = take_floats(&b->arena, (ptrdiff_t)padded(outputs) * inputs);
    float *bias = take_floats(&b->arena, padded(outputs));
    if (weights && !b->error) {
        pack(packed, weights + 4 * (ptrdiff_t)first * inputs, outputs, inputs, NULL);
        for (int c = 0; c < padded(outputs); c++) bias[c] = biases && c < outputs ? read_float(biases, first + c) : 0;
    }
    return (struct pointwise){inputs, outputs, packed, bias};
}

static void build_branch(struct builder *b, struct branch *branch, const struct branch_config *config, int half) {
    int kernel = config->kernel;
    branch->pool = config->pool;
    branch->depthwise = (struct depthwise){half, kernel, tensor(b, "depthwise.weight", half * kernel * kernel),
                                           tensor(b, "depthwise.bias", half), tensor(b, "act.slope", half)};
    branch->pointwise = pointwise(b, "pointwise.", 0, half, half, half, 1);
}

static void build_module(struct builder *b, struct module *module, const struct module_config *config, int inputs) {
    int half = config->width / 2, quarter = half / 2;
    module->inputs = inputs;
    module->width = config->width;
    module->reduce[0] = pointwise(b, "reduce.", 0, quarter, inputs / 2, half, 0);
    module->reduce[1] = pointwise(b, "reduce.", quarter, half - quarter, inputs / 2, half, 0);
    for (int i = 0; i < 2; i++) {
        int before = push_number(b, "branches.", i);
        build_branch(b, &module->branches[i], &config->branches[i], half);
        cut(b, before);
    }
    module->residual = inputs == config->width ? tensor(b, "residual", inputs) : NULL;
    module->slope = tensor(b, "act.slope", config->width);
}

static struct dense dense(struct builder *b, int layer, int inputs, int outputs) {
    struct dense made = {inputs, outputs, NULL, NULL, NULL};
    int before = push_number(b, "excitation.", 2 * layer);
    made.weights = tensor(b, "weight", outputs * inputs);
    made.bias = tensor(b, "bias", outputs);
    cut(b, before);
    push_number(b, "excitation.", 2 * layer + 1);
    made.slope = tensor(b, "slope", outputs);
    cut(b, before);
    return made;
}

static void build_down(struct builder *b, struct down *down, const struct stage_config *config, int inputs) {
    int before = push(b, "down."), inner = inputs / config->reduction;
    down->inputs = inputs;
    down->outputs = config->down;
    down->depthwise = tensor(b, "depthwise.weight", 9 * inputs);
    down->layers = config->reduction == 1 ? 1 : 2;
    down->excitation[0] = dense(b, 0, inputs, down->layers == 1 ? inputs : inner);
    if (down->layers == 2) down->excitation[1] = dense(b, 1, inner, inputs);
    down->weights = tensor(b, "pointwise.weight", config->down * inputs);
    down->bias = tensor(b, "pointwise.bias", config->down);
    down->slope = tensor(b, "act.slope", config->down);
    cut(b, before);
}

/* Gives the channels of the joined output. */
static int build_stage(struct builder *b, struct stage *stage, const struct stage_config *config, int inputs) {
    int channels = config->down;
    build_down(b, &stage->down, config, inputs);
    stage->modules = config->modules;
    for (int i = 0; i < config->modules; i++) {
        int before = push_number(b, "squeezes.", i);
        build_module(b, &stage->module[i], &config->module[i], channels);
        cut(b, before);
        channels = config->module[i].width;
    }
    channels += config->down;
    stage->join_scale = tensor(b, "join.scale", channels);
    stage->join_bias = tensor(b, "join.bias", channels);
    stage->join_slope = tensor(b, "act.slope", channels);
    return channels;
}

static void build_weights(struct builder *b, struct model *model, const struct config *config) {
    model->stem = pointwise(b, "stem.0.", 0, config->stem, 27, config->stem, 1);
    model->stem_slope = tensor(b, "stem.1.slope", config->stem);
    int channels = config->stem;
    for (int i = 0; i < 2; i++) {
        int before = push_number(b, "stages.", i);
        channels = build_stage(b, &model->stages[i], &config->stages[i], channels);
        cut(b, before);
    }
    const struct stage_config *first = &config->stages[0];
    model->coarse = pointwise(b, "coarse.", 0, config->classes, channels, config->classes, 1);
    model->project =
        pointwise(b, "gate.project.", 0, config->classes, first->module[first->modules - 1].width, config->classes, 1);
    model->project_slope = tensor(b, "gate.act.slope", config->classes);
    model->detail_scale = tensor(b, "gate.detail_scale", config->classes);
    model->fused_scale = tensor(b, "gate.fused.scale", config->classes);
    model->fused_bias = tensor(b, "gate.fused.bias", config->classes);
    model->head = tensor(b, "head.weight", model->outputs * config->classes * 9);
}

static void add_step(struct model *model, enum step_kind kind, int stage, int module) {
    static const char kinds[][11] = {"stem",   "depthwise", "pointwise", "reduce", "branches",
                                     "enlarge", "coarse",   "gate",      "head"};
    struct step *step = &model->step[model->steps++];
    struct builder name = {.length = 0};
    *step = (struct step){kind, stage, module, {0}};
    if (stage >= 0) {
        push_number(&name, "stage ", stage + 1);
        name.name[name.length - 1] = ' '; /* a point stood there */
        if (module >= 0) {
            push_number(&name, "module ", module);
            name.name[name.length - 1] = ' ';
        } else {
            push(&name, "down ");
        }
    }
    push(&name, kinds[kind]);
    for (int i = 0; i < name.length && i < (int)sizeof step->name - 1; i++) step->name[i] = name.name[i];
}

/* Whether a branch works on a smaller, padded copy; a very large kernel does, for what its borders ask. */
static int squeezed(const struct branch *branch) { return branch->pool > 1 || branch->depthwise.kernel > 9; }

static void list_steps(struct model *model) {
    model->steps = 0;
    add_step(model, STEM, -1, -1);
    for (int s = 0; s < 2; s++) {
        add_step(model, DEPTHWISE, s, -1);
        add_step(model, DOWN, s, -1);
        for (int m = 0; m < model->stages[s].modules; m++) {
            add_step(model, REDUCE, s, m);
            add_step(model, BRANCHES, s, m);
            const struct branch *branches = model->stages[s].module[m].branches;
            if (squeezed(&branches[0]) || squeezed(&branches[1])) add_step(model, ENLARGE, s, m);
        }
    }
    add_step(model, COARSE, -1, -1);
    add_step(model, GATE, -1, -1);
    add_step(model, HEAD, -1, -1);
}

static int size_multiple(const struct config *config) {
    int multiple = 32;
    for (int s = 0; s < 2; s++)
        for (int m = 0; m < config->stages[s].modules; m++)
            for (int i = 0; i < 2; i++)
                multiple = lcm(multiple, (4 << s) * config->stages[s].module[m].branches[i].pool);
    return multiple;
}

static int build(const struct artefact *artefact, const struct config *config, struct model *model, int64_t *bytes) {
    struct builder b = {.arena = {(char *)(artefact ? model : NULL), 0}, .artefact = artefact};
    take(&b.arena, sizeof *model);
    model->classes = config->classes;
    model->outputs = config->classes == 2 ? 1 : config->classes;
    model->multiple = size_multiple(config);
    build_weights(&b, model, config);
    list_steps(model);
    if (bytes) *bytes = b.arena.used;
    return b.error;
}

static int64_t model_size(const struct config *config) {
    struct model scratch;
    int64_t bytes;
    build(NULL, config, &scratch, &bytes);
    return bytes;
}

static int model_build(const struct artefact *artefact, const struct config *config, struct model *model) {
    return build(artefact, config, model, NULL);
}

/* --- dividing a workspace --------------------------------------------------------------------------------------- */

/* Planes of floats; a channel is `plane` floats after the one before it, a row `row` after the row above. */
struct map {
    float *data;
    ptrdiff_t plane;
    int row, height, width;
};

/* Bilinear enlargement with aligned corners along one axis: output i is the sum of three inputs from first[i] on. */
struct points {
    int from, to;
    int *first;
    float (*weight)[3];
};

/* The same along rows, a vector of outputs at a time: the sum of `taps` inputs, each times a vector of weights. */
struct across {
    int from, to, taps;
    int *first;     /* one for each vector */
    float *weights; /* taps x LANES for each vector */
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
    struct map reduced;
    struct enlargement enlarge[MAX_POOL + 1]; /* those of the pools that occur */
};

struct workspace {
    struct workspace_head head;
    _Alignas(64) int arrived; /* threads that wait at the barrier */
    _Alignas(64) int phase;   /* barriers passed */
    struct map stem, coarse, gate;
    float *pooled[2], *small[2]; /* of the branches of one module; their shape is the module's */
    struct stage_space stages[2];
    struct enlargement twice, fourfold; /* of the coarse answer; of the gate's, in two steps of two */
    float *zero;                        /* a row that stands for all rows outside a map */
    float *scratch;                     /* of thread 0; those of the others follow */
    ptrdiff_t scratch_floats;
};

static float *take_slack(struct arena *arena, ptrdiff_t floats) {
    float *taken = take_floats(arena, floats + 2 * SLACK);
    return taken ? taken + SLACK : NULL;
}

/* Room for the overrun of the last row; no two channels at a distance that falls into the same sets of a cache. */
static ptrdiff_t plane_floats(ptrdiff_t pixels) { return round_up(pixels, 16) + 16; }

static struct map take_map(struct arena *arena, int channels, int height, int width) {
    ptrdiff_t plane = plane_floats((ptrdiff_t)height * width);
    return (struct map){take_slack(arena, channels * plane), plane, width, height, width};
}

static int taps_limit(int from, int to) { return least(from, LANES * from / to + 4); }

static void take_enlargement(struct arena *arena, struct enlargement *e, const int from[2], const int to[2]) {
    int vectors = (to[1] + LANES - 1) / LANES;
    e->down = (struct points){from[0], to[0], take(arena, to[0] * (ptrdiff_t)sizeof(int)),
                              take(arena, to[0] * (ptrdiff_t)sizeof(float[3]))};
    e->across = (struct across){from[1], to[1], taps_limit(from[1], to[1]),
                                take(arena, vectors * (ptrdiff_t)sizeof(int)),
                                take_floats(arena, (ptrdiff_t)vectors * taps_limit(from[1], to[1]) * LANES)};
}

/* Rows of a map that are worked on together: whole vectors of pixels at any width of vector. */
static int band_rows(int width) { return most(ROWS, 16 / gcd(width, 16)); }

static ptrdiff_t band_floats(int width) { return round_up((ptrdiff_t)band_rows(width) * width, 16); }

static struct map pooled_map(const struct branch *branch, const struct map *reduced, float *data) {
    int height = reduced->height / branch->pool, width = reduced->width / branch->pool;
    int padding = branch->depthwise.kernel / 2, row = width + padding;
    return (struct map){data, padding + (ptrdiff_t)height * row, row, height, width};
}

static struct map small_map(const struct branch *branch, const struct map *reduced, float *data) {
    int height = reduced->height / branch->pool, width = reduced->width / branch->pool;
    return (struct map){data, plane_floats((ptrdiff_t)height * width), width, height, width};
}

struct needs {
    ptrdiff_t pooled, small, scratch;
};

static void need(ptrdiff_t *floats, ptrdiff_t more) {
    if (*floats < more) *floats = more;
}

static void need_for_branch(struct needs *n, const struct branch *branch, const struct map *reduced) {
    int channels = branch->depthwise.channels, rows = reduced->height;
    if (squeezed(branch)) {
        need(&n->pooled, channels * pooled_map(branch, reduced, NULL).plane);
        need(&n->small, channels * small_map(branch, reduced, NULL).plane);
        need(&n->scratch, (ptrdiff_t)(rows / branch->pool + 4) * (reduced->width + SLACK) + reduced->plane);
    }
    need(&n->scratch, channels * (band_floats(reduced->width / branch->pool) + 16));
}

static int stage_width(const struct stage *stage) {
    int width = 0;
    for (int m = 0; m < stage->modules; m++) width = most(width, stage->module[m].width);
    return width;
}

static void layout_stage(struct arena *arena, struct needs *n, struct stage_space *space, const struct stage *stage,
                         int height, int width) {
    const struct down *down = &stage->down;
    int widest = stage_width(stage), again = 0;
    for (int m = 1; m < stage->modules; m++) again |= !stage->module[m].residual;
    space->strided = take_map(arena, down->inputs, height, width);
    space->mean = take_floats(arena, down->inputs);
    space->down = take_map(arena, down->outputs, height, width);
    space->features[0] = take_map(arena, widest, height, width);
    space->features[1] = again ? take_map(arena, widest, height, width) : space->features[0];
    space->reduced = take_map(arena, widest / 2, height, width);
    for (int pool = 0; pool <= MAX_POOL; pool++) space->enlarge[pool].down.to = 0;
    for (int m = 0; m < stage->modules; m++)
        for (int i = 0; i < 2; i++) {
            const struct branch *branch = &stage->module[m].branches[i];
            struct enlargement *e = &space->enlarge[branch->pool];
            need_for_branch(n, branch, &space->reduced);
            if (squeezed(branch) && !e->down.to)
                take_enlargement(arena, e, (int[2]){height / branch->pool, width / branch->pool},
                                 (int[2]){height, width});
        }
    need(&n->scratch, (ptrdiff_t)padded(down->outputs) * down->inputs + 3 * down->inputs);
}

/* Divide the memory, or, without any, count what is needed. */
static int64_t layout(const struct model *model, int height, int width, int threads, struct workspace *space,
                      void *memory) {
    struct arena arena = {memory, 0};
    struct needs n = {0, 0, 0};
    int classes = model->classes;
    take(&arena, sizeof *space);
    space->head.model = model;
    space->head.height = height;
    space->head.width = width;
    space->head.threads = threads;
    space->arrived = space->phase = 0;
    space->stem = take_map(&arena, model->stem.outputs, height / 2, width / 2);
    for (int s = 0; s < 2; s++)
        layout_stage(&arena, &n, &space->stages[s], &model->stages[s], height >> (s + 2), width >> (s + 2));
    space->coarse = take_map(&arena, classes, height / 8, width / 8);
    space->gate = take_map(&arena, classes, height / 4, width / 4);
    take_enlargement(&arena, &space->twice, (int[2]){height / 8, width / 8}, (int[2]){height / 4, width / 4});
    take_enlargement(&arena, &space->fourfold, (int[2]){height / 4, width / 4}, (int[2]){height, width});
    need(&n.scratch, 27 * (ptrdiff_t)(width / 2 + SLACK));                          /* stem */
    need(&n.scratch, (ptrdiff_t)(height / 4) * (width / 4) + 2 * SLACK);            /* a joined plane */
    need(&n.scratch, (ptrdiff_t)model->coarse.inputs * CHUNK);                      /* coarse */
    need(&n.scratch, classes * (ptrdiff_t)(2 * width + SLACK) + width / 8 + SLACK); /* gate */
    need(&n.scratch, classes * (ptrdiff_t)(RING + WIDE) * (width + 2 * SLACK));     /* head */
    for (int i = 0; i < 2; i++) {
        space->pooled[i] = take_slack(&arena, n.pooled);
        space->small[i] = take_slack(&arena, n.small);
    }
    space->zero = take_slack(&arena, width + SLACK);
    space->scratch_floats = round_up(n.scratch, 16) + 2 * SLACK;
    space->scratch = take_floats(&arena, threads * space->scratch_floats);
    return arena.used;
}

static int64_t workspace_size(const struct model *model, int height, int width, int threads) {
    struct workspace scratch;
    return layout(model, height, width, threads, &scratch, NULL);
}

static void fill_points(const struct points *points) {
    float step = points->to > 1 ? (float)(points->from - 1) / (float)(points->to - 1) : 0;
    for (int i = 0; i < points->to; i++) {
        float place = step * (float)i;
        int first = least((int)place, points->from - 1);
        points->first[i] = first;
        points->weight[i][0] = 1 - (place - (float)first);
        points->weight[i][1] = place - (float)first;
        points->weight[i][2] = 0;
    }
}

/* From points that enlarge by two, those that do so twice; an output twice as far lies between two that reach over at
 * most three inputs. */
static void fill_points_twice(const struct points *points, const struct points *half) {
    struct points again = {half->to, points->to, points->first, points->weight};
    fill_points(&again);
    for (int i = points->to - 1; i >= 0; i--) {
        int near = points->first[i], far = least(near + 1, half->to - 1), base = half->first[near];
        float a = points->weight[i][0], b = points->weight[i][1], sum[4] = {0, 0, 0, 0};
        for (int k = 0; k < 2; k++) {
            sum[k] += a * half->weight[near][k];
            sum[half->first[far] - base + k] += b * half->weight[far][k];
        }
        points->first[i] = base;
        for (int k = 0; k < 3; k++) points->weight[i][k] = sum[k];
    }
}

/* The inputs that a vector of outputs reaches over are those from the first of its first lane on. */
static int taps_needed(const struct points *points) {
    int taps = 1;
    for (int start = 0; start < points->to; start += LANES)
        for (int i = start; i < points->to && i < start + LANES; i++)
            for (int k = 0; k < 3; k++)
                if (points->weight[i][k] != 0)
                    taps = most(taps, least(points->first[i] + k, points->from - 1) - points->first[start] + 1);
    return taps;
}

static void fill_across(struct across *across, const struct points *points) {
    int vectors = (across->to + LANES - 1) / LANES, from = across->from;
    across->taps = least(across->taps, taps_needed(points));
    for (int v = 0; v < vectors; v++) {
        int first = least(points->first[v * LANES], from - across->taps);
        float *weights = across->weights + (ptrdiff_t)v * across->taps * LANES;
        across->first[v] = first;
        for (int i = 0; i < across->taps * LANES; i++) weights[i] = 0;
        for (int lane = 0; lane < LANES && v * LANES + lane < across->to; lane++) {
            int place = v * LANES + lane;
            for (int k = 0; k < 3; k++) {
                int tap = least(points->first[place] + k, from - 1) - first;
                if (points->weight[place][k] != 0) weights[tap * LANES + lane] += points->weight[place][k];
            }
        }
    }
}

/* Fill the tables of an enlargement; `points` is scratch for the longer side. */
static void fill_enlargement(struct enlargement *e, int times, float *scratch) {
    struct points *down = &e->down;
    for (int axis = 0; axis < 2; axis++) {
        struct points points = axis ? (struct points){e->across.from, e->across.to, NULL, NULL} : *down;
        struct points half = {points.from, 2 * points.from, NULL, NULL};
        if (axis) {
            points.first = (int *)scratch;
            points.weight = (float(*)[3])(scratch + points.to);
            scratch += 4 * (ptrdiff_t)points.to;
        }
        half.first = (int *)scratch;
        half.weight = (float(*)[3])(scratch + half.to);
        if (times == 2) {
            fill_points(&half);
            fill_points_twice(&points, &half);
        } else {
            fill_points(&points);
        }
        if (axis) fill_across(&e->across, &points);
    }
}

static void workspace_prepare(const struct model *model, int height, int width, int threads, void *memory) {
    struct workspace *space = memory;
    layout(model, height, width, threads, space, memory);
    for (ptrdiff_t i = -SLACK; i < width + 2 * SLACK; i++) space->zero[i] = 0;
    for (int s = 0; s < 2; s++)
        for (int pool = 1; pool <= MAX_POOL; pool++)
            if (space->stages[s].enlarge[pool].down.to)
                fill_enlargement(&space->stages[s].enlarge[pool], 1, space->scratch);
    fill_enlargement(&space->twice, 1, space->scratch);
    fill_enlargement(&space->fourfold, 2, space->scratch);
}

/* --- the parts of the walk -------------------------------------------------------------------------------------- */

/* What one thread works with. */
struct context {
    const struct model *model;
    struct workspace *space;
    int part;
    float *scratch;
};

struct range {
    int begin, end;
};

/* This thread's share of `count` units. */
static struct range share(const struct context *ctx, int count) {
    int threads = ctx->space->head.threads;
    return (struct range){(int)((int64_t)count * ctx->part / threads),
                          (int)((int64_t)count * (ctx->part + 1) / threads)};
}

INLINE vf prelu(vf x, vf slope) { return vmax(x, x * slope); } /* slopes are at most 1 */

/* What is done with a convolution's sum and bias before it is stored; null pointers are left out. */
struct finish {
    const float *scale, *residual; /* + scale[c] * residual[c * plane + pixel] */
    ptrdiff_t plane;
    const float *slope; /* PReLU */
};

INLINE vf finished(vf x, const struct finish *finish, int channel, ptrdiff_t pixel) {
    if (finish->residual)
        x = vfma(vload(finish->residual + channel * finish->plane + pixel), vset(finish->scale[channel]), x);
    if (finish->slope) x = prelu(x, vset(finish->slope[channel]));
    return x;
}

/* `block` output channels from `channel` on x `tile` vectors from `pixel` on. */
INLINE void pointwise_tile(int block, int tile, const struct pointwise *conv, const float *weights, const float *in,
                           ptrdiff_t in_plane, float *out, ptrdiff_t out_plane, int channel, ptrdiff_t pixel,
                           const struct finish *finish) {
    vf sum[BLOCK][TILE];
    for (int c = 0; c < block; c++)
        for (int v = 0; v < tile; v++) sum[c][v] = vset(conv->bias[channel + c]);
    in += pixel;
    for (int i = 0; i < conv->inputs; i++, in += in_plane, weights += block) {
        vf x[TILE];
        for (int v = 0; v < tile; v++) x[v] = vload(in + v * LANES);
        for (int c = 0; c < block; c++) {
            vf weight = vset(weights[c]);
            for (int v = 0; v < tile; v++) sum[c][v] = vfma(x[v], weight, sum[c][v]);
        }
    }
    for (int c = 0; c < block && channel + c < conv->outputs; c++)
        for (int v = 0; v < tile; v++) {
            ptrdiff_t at = pixel + v * LANES;
            vstore(out + (channel + c) * out_plane + at, finished(sum[c][v], finish, channel + c, at));
        }
}

INLINE void pointwise_strip(int tile, const struct pointwise *conv, const float *in, ptrdiff_t in_plane, float *out,
                            ptrdiff_t out_plane, ptrdiff_t pixel, const struct finish *finish) {
    const float *weights = conv->weights;
    int channel = 0;
    for (; channel + BLOCK <= conv->outputs; channel += BLOCK, weights += BLOCK * conv->inputs)
        pointwise_tile(BLOCK, tile, conv, weights, in, in_plane, out, out_plane, channel, pixel, finish);
    for (; channel < conv->outputs; channel += REST, weights += REST * conv->inputs)
        pointwise_tile(REST, tile, conv, weights, in, in_plane, out, out_plane, channel, pixel, finish);
}

/* A pointwise convolution of `pixels` pixels, rounded up to whole vectors. */
static void run_pointwise(const struct pointwise *conv, const float *in, ptrdiff_t in_plane, float *out,
                          ptrdiff_t out_plane, ptrdiff_t pixels, const struct finish *finish) {
    ptrdiff_t pixel = 0;
    for (; pixels - pixel > (TILE - 1) * LANES; pixel += TILE * LANES)
        pointwise_strip(TILE, conv, in, in_plane, out, out_plane, pixel, finish);
    switch ((pixels - pixel + LANES - 1) / LANES) {
#if LANES == 16 || defined(__ARM_NEON) /* TILE is 4 */
    case 3: pointwise_strip(3, conv, in, in_plane, out, out_plane, pixel, finish); break;
    case 2: pointwise_strip(2, conv, in, in_plane, out, out_plane, pixel, finish); break;
#endif
    case 1: pointwise_strip(1, conv, in, in_plane, out, out_plane, pixel, finish); break;
    default: break;
    }
}

/* Which lanes count in the first vector of a row and in the last, for every column of a kernel: what that would read
 * beyond the left and the right border is zero. */
struct borders {
    vm left[MAX_KERNEL], right[MAX_KERNEL];
};

static struct borders make_borders(int kernel, int width) {
    struct borders borders;
    int last = (width - 1) / LANES * LANES;
    for (int k = 0; k < kernel; k++) {
        borders.left[k] = vlanes(kernel / 2 - k, LANES);
        borders.right[k] = vlanes(0, width - last - (k - kernel / 2));
    }
    return borders;
}

/* ROWS x `tile` vectors of a depthwise convolution are added to `sum`. rows: of the input, from kernel / 2 above the first
 * row of the tile on. borders: null where the input is padded. */
INLINE void depthwise_tile(int kernel, int tile, const float *const *rows, int column, int width, const float *weights,
                           const struct borders *borders, vf sum[ROWS][COLUMNS]) {
    int first = borders && column == 0, last = borders && column + tile * LANES >= width;
    /* Column by column of the kernel, whose weights then stay in registers; not unrolled, for then they would not. */
    ROLL
    for (int k = 0; k < kernel; k++) {
        vm left = first ? borders->left[k] : vlanes(0, LANES), right = last ? borders->right[k] : vlanes(0, LANES);
        vf weight[MAX_KERNEL];
        UNROLL
        for (int i = 0; i < kernel; i++) weight[i] = vset(weights[i * kernel + k]);
        UNROLL
        for (int r = 0; r < ROWS + kernel - 1; r++) {
            const float *from = rows[r] + column + k - kernel / 2;
            vf x[COLUMNS];
            x[0] = vload_lanes(from, tile == 1 ? left & right : left);
            if (tile > 1) x[tile - 1] = vload_lanes(from + (tile - 1) * LANES, right);
            UNROLL
            for (int o = 0; o < ROWS; o++)
                if (r - o >= 0 && r - o < kernel)
                    UNROLL
                    for (int v = 0; v < tile; v++) sum[o][v] = vfma(x[v], weight[r - o], sum[o][v]);
        }
    }
}

INLINE void depthwise_columns(int kernel, int tile, const float *const *rows, int column, int count, int width,
                              const float *weights, const struct borders *borders, vf bias, vf slope, float *out) {
    vf sum[ROWS][COLUMNS];
    for (int o = 0; o < ROWS; o++)
        for (int v = 0; v < tile; v++) sum[o][v] = bias;
    depthwise_tile(kernel, tile, rows, column, width, weights, borders, sum);
    for (int o = 0; o < ROWS; o++, out += width) {
        if (o == count) break;
        for (int v = 0; v < tile; v++) vstore(out + column + v * LANES, prelu(sum[o][v], slope));
    }
}

/* ROWS rows of all channels, or as many as there are left, dense into `out`, whose channels are `out_plane` apart. */
INLINE void depthwise_rows(int kernel, const struct depthwise *conv, const struct map *in, int y, int count,
                           const struct borders *borders, const float *zero, float *out, ptrdiff_t out_plane) {
    const float *rows[ROWS + MAX_KERNEL - 1], *weights = conv->weights;
    ptrdiff_t next[ROWS + MAX_KERNEL - 1]; /* from a row to the same row of the next channel */
    int width = in->width, vectors = (width + LANES - 1) / LANES, odd = vectors % COLUMNS;
    for (int r = 0; r < ROWS + kernel - 1; r++) {
        int above = y + r - kernel / 2, inside = above >= 0 && above < in->height;
        rows[r] = inside ? in->data + (ptrdiff_t)above * in->row : zero;
        next[r] = inside ? in->plane : 0;
    }
    for (int c = 0; c < conv->channels; c++, out += out_plane, weights += kernel * kernel) {
        vf bias = vset(conv->bias[c]), slope = vset(conv->slope[c]);
        int column = (vectors - odd) * LANES;
        /* From the right to the left: see the head of this file. */
        if (odd) depthwise_columns(kernel, 1, rows, column, count, width, weights, borders, bias, slope, out);
        while ((column -= COLUMNS * LANES) >= 0)
            depthwise_columns(kernel, COLUMNS, rows, column, count, width, weights, borders, bias, slope, out);
        for (int r = 0; r < ROWS + kernel - 1; r++) rows[r] += next[r];
    }
}

/* A band of rows of all channels into scratch. A padded map has longer rows than its width. */
static void run_depthwise(const struct depthwise *conv, const struct map *in, struct range band, const float *zero,
                          float *out, ptrdiff_t out_plane) {
    struct borders made = make_borders(conv->kernel, in->width);
    const struct borders *borders = in->row > in->width ? NULL : &made;
    for (int y = band.begin; y < band.end; y += ROWS, out += ROWS * in->width) {
        int count = least(ROWS, band.end - y);
        switch (conv->kernel) {
        case 3: depthwise_rows(3, conv, in, y, count, borders, zero, out, out_plane); break;
        case 5: depthwise_rows(5, conv, in, y, count, borders, zero, out, out_plane); break;
        default: depthwise_rows(conv->kernel, conv, in, y, count, borders, zero, out, out_plane);
        }
    }
}

INLINE void across_rows(int rows, const struct across *across, const float *in, ptrdiff_t in_row, float *out,
                        ptrdiff_t out_row) {
    const float *weights = across->weights;
    for (int v = 0; v * LANES < across->to; v++) {
        const float *from = in + across->first[v];
        vf sum[ROWS];
        for (int r = 0; r < rows; r++) sum[r] = vset(0);
        for (int k = 0; k < across->taps; k++, weights += LANES) {
            vf weight = vload(weights);
            for (int r = 0; r < rows; r++) sum[r] = vfma(vset(from[r * in_row + k]), weight, sum[r]);
        }
        for (int r = 0; r < rows; r++) vstore(out + r * out_row + v * LANES, sum[r]);
    }
}

/* Rows enlarged along their axis; `out` gets whole vectors. */
static void run_across(const struct across *across, const float *in, ptrdiff_t in_row, float *out, ptrdiff_t out_row,
                       int rows) {
    for (; rows >= ROWS; rows -= ROWS, in += ROWS * in_row, out += ROWS * out_row)
        across_rows(ROWS, across, in, in_row, out, out_row);
    for (; rows > 0; rows--, in += in_row, out += out_row) across_rows(1, across, in, in_row, out, out_row);
}

/* --- the steps, in the order of the walk -------------------------------------------------------------------------- */

/* One row of the 27 values under the stem's kernel, each `plane` floats after the one before it. */
static void gather(const float *input, int height, int width, int y, const float *zero, float *out, ptrdiff_t plane) {
    for (int i = 0; i < 9; i++) {
        int row = 2 * y + i % 3 - 1;
        const float *from = row >= 0 && row < height ? input + ((ptrdiff_t)(i / 3) * height + row) * width : zero;
        float *left = out + 3 * i * plane, *centre = left + plane, *right = centre + plane;
        left[0] = 0;
        for (int x = 0; x < width / 2; x += LANES) {
            vf a = vload(from + 2 * x), b = vload(from + 2 * x + LANES), odd = vodd(a, b);
            vstore(left + x + 1, odd);
            vstore(centre + x, veven(a, b));
            vstore(right + x, odd);
        }
    }
}

static void run_stem(const struct context *ctx, const float *input) {
    const struct workspace *space = ctx->space;
    const struct map *out = &space->stem;
    struct range rows = share(ctx, out->height);
    struct finish finish = {NULL, NULL, 0, ctx->model->stem_slope};
    ptrdiff_t plane = out->width + LANES;
    for (int y = rows.begin; y < rows.end; y++) {
        gather(input, space->head.height, space->head.width, y, space->zero, ctx->scratch, plane);
        run_pointwise(&ctx->model->stem, ctx->scratch, plane, out->data + (ptrdiff_t)y * out->row, out->plane,
                      out->width, &finish);
    }
}

/* One channel of a 3x3 depthwise convolution of stride 2. */
static void stride_plane(const float *in, int in_height, int in_width, const float *weights, const float *zero,
                         float *out, int height, int width) {
    vi first;
    for (int lane = 0; lane < LANES; lane++) first[lane] = lane ? -1 : 0;
    for (int y = 0; y < height; y++, out += width)
        for (int x = 0; x < width; x += LANES) {
            vf sum = vset(0);
            for (int r = 0; r < 3; r++) {
                int row = 2 * y + r - 1;
                const float *from = (row >= 0 && row < in_height ? in + (ptrdiff_t)row * in_width : zero) + 2 * x;
                vf a = vload(from), b = vload(from + LANES);
                vf before = vodd(vload(from - 2), vload(from - 2 + LANES));
                if (x == 0) before = vand(before, first);
                sum = vfma(before, vset(weights[3 * r]), sum);
                sum = vfma(veven(a, b), vset(weights[3 * r + 1]), sum);
                sum = vfma(vodd(a, b), vset(weights[3 * r + 2]), sum);
            }
            vstore(out + x, sum);
        }
}

static float plane_mean(const float *plane, ptrdiff_t pixels) {
    enum { BLOCK = 64 * LANES };
    double sum = 0; /* of blocks: one float for all of a large map rounds so often that probabilities move by 1e-4 */
    for (ptrdiff_t i = 0; i < pixels; i += BLOCK) {
        vf part = vset(0);
        for (ptrdiff_t k = i; k < pixels && k < i + BLOCK; k += LANES) part += vload(plane + k);
        sum += (double)vsum(part);
    }
    return (float)(sum / (double)pixels);
}

/* Channel `c` of a stage's joined output: what came in behind its down-sampling beside what its modules made of it. */
static const float *join_part(const struct stage_space *space, const struct map *features, int c, int down) {
    return c < down ? space->down.data + c * space->down.plane : features->data + (c - down) * features->plane;
}

INLINE void join(const struct stage *stage, int channel, const float *in, float *out, ptrdiff_t pixels) {
    vf scale = vset(stage->join_scale[channel]), bias = vset(stage->join_bias[channel]);
    vf slope = vset(stage->join_slope[channel]);
    for (ptrdiff_t i = 0; i < pixels; i += LANES) vstore(out + i, prelu(vfma(vload(in + i), scale, bias), slope));
}

/* Where module `m` of a stage leaves its output; before the first, that of the down-sampling. */
static const struct map *module_output(const struct stage *stage, const struct stage_space *space, int m) {
    int other = 0;
    for (int i = 1; i <= m; i++) other ^= !stage->module[i].residual;
    return m < 0 ? &space->down : &space->features[other];
}

static void run_strided(const struct context *ctx, int s) {
    const struct workspace *space = ctx->space;
    const struct stage_space *here = &space->stages[s];
    const struct map *out = &here->strided;
    struct range channels = share(ctx, ctx->model->stages[s].down.inputs);
    int height = 2 * out->height, width = 2 * out->width;
    for (int c = channels.begin; c < channels.end; c++) {
        const float *in = space->stem.data + c * space->stem.plane;
        if (s > 0) {
            const struct stage *before = &ctx->model->stages[s - 1];
            const struct stage_space *there = &space->stages[s - 1];
            float *joined = ctx->scratch + SLACK;
            in = join_part(there, module_output(before, there, before->modules - 1), c, before->down.outputs);
            join(before, c, in, joined, (ptrdiff_t)height * width);
            in = joined;
        }
        float *plane = out->data + c * out->plane;
        stride_plane(in, height, width, ctx->model->stages[s].down.depthwise + 9 * c, space->zero, plane, out->height,
                     out->width);
        here->mean[c] = plane_mean(plane, (ptrdiff_t)out->height * out->width);
    }
}

static void run_dense(const struct dense *dense, const float *in, float *out) {
    for (int o = 0; o < dense->outputs; o++) {
        float sum = dense->bias[o];
        for (int i = 0; i < dense->inputs; i++) sum += dense->weights[(ptrdiff_t)o * dense->inputs + i] * in[i];
        out[o] = sum > 0 ? sum : sum * dense->slope[o];
    }
}

/* The excitation scales the channels that the pointwise convolution reads, so it scales that one's weights instead. */
static void run_down(const struct context *ctx, int s) {
    const struct stage_space *here = &ctx->space->stages[s];
    const struct down *down = &ctx->model->stages[s].down;
    const struct map *in = &here->strided, *out = &here->down;
    float *scale = ctx->scratch, *hidden = scale + down->inputs, *packed = hidden + 2 * down->inputs, *bias;
    run_dense(&down->excitation[0], here->mean, down->layers == 2 ? hidden : scale);
    if (down->layers == 2) run_dense(&down->excitation[1], hidden, scale);
    pack(packed, (const unsigned char *)down->weights, down->outputs, down->inputs, scale);
    bias = packed + (ptrdiff_t)padded(down->outputs) * down->inputs;
    for (int c = 0; c < padded(down->outputs); c++) bias[c] = c < down->outputs ? down->bias[c] : 0;
    struct pointwise conv = {down->inputs, down->outputs, packed, bias};
    struct finish finish = {NULL, NULL, 0, down->slope};
    struct range rows = share(ctx, in->height / ROWS);
    ptrdiff_t first = (ptrdiff_t)rows.begin * ROWS * in->width;
    run_pointwise(&conv, in->data + first, in->plane, out->data + first, out->plane,
                  (ptrdiff_t)(rows.end - rows.begin) * ROWS * in->width, &finish);
}

/* The sums of neighbours in 2 LANES values that are themselves sums of `rows` rows. */
INLINE vf pair_sums(const float *in, ptrdiff_t row, int rows) {
    vf a = vload(in), b = vload(in + LANES);
    for (int r = 1; r < rows; r++) {
        a += vload(in + r * row);
        b += vload(in + r * row + LANES);
    }
    return veven(a, b) + vodd(a, b);
}

/* One row of averages over pool x pool pixels; exactly `width` values are written. */
static void pool_row(const float *in, ptrdiff_t row, int pool, float *out, int width) {
    switch (pool) {
    case 2:
        for (int x = 0; x < width; x += LANES)
            vstore_lanes(out + x, pair_sums(in + 2 * x, row, 2) * vset(1 / 4.0f), width - x);
        break;
    case 4:
        for (int x = 0; x < width; x += LANES) {
            vf a = pair_sums(in + 4 * x, row, 4), b = pair_sums(in + 4 * x + 2 * LANES, row, 4);
            vstore_lanes(out + x, (veven(a, b) + vodd(a, b)) * vset(1 / 16.0f), width - x);
        }
        break;
    default:
        for (int x = 0; x < width; x++) {
            float sum = 0;
            for (int r = 0; r < pool; r++)
                for (int k = 0; k < pool; k++) sum += in[r * row + x * pool + k];
            out[x] = sum / (float)(pool * pool);
        }
    }
}

/* Rows [begin, end) of the reduced map, pooled into the padded map of a branch. */
static void run_pool(const struct branch *branch, const struct map *reduced, const struct map *pooled,
                     struct range rows) {
    int padding = pooled->row - pooled->width, pool = branch->pool;
    for (int c = 0; c < branch->depthwise.channels; c++)
        for (int y = rows.begin / pool; y < rows.end / pool; y++) {
            const float *from = reduced->data + c * reduced->plane + (ptrdiff_t)y * pool * reduced->row;
            float *to = pooled->data + c * pooled->plane + padding + (ptrdiff_t)y * pooled->row;
            pool_row(from, reduced->row, pool, to, pooled->width);
            for (int i = 0; i < padding; i++) to[pooled->width + i] = 0;
            for (int i = 0; y == 0 && i < padding; i++) to[i - padding] = 0;
        }
}

static void run_reduce(const struct context *ctx, int s, int m) {
    const struct stage *stage = &ctx->model->stages[s];
    const struct module *module = &stage->module[m];
    const struct stage_space *here = &ctx->space->stages[s];
    const struct map *in = module_output(stage, here, m - 1), *out = &here->reduced;
    struct finish finish = {NULL, NULL, 0, NULL};
    int unit = lcm(lcm(ROWS, module->branches[0].pool), module->branches[1].pool);
    struct range units = share(ctx, (in->height + unit - 1) / unit);
    struct range rows = {units.begin * unit, least(units.end * unit, in->height)};
    ptrdiff_t first = (ptrdiff_t)rows.begin * in->width, pixels = (ptrdiff_t)(rows.end - rows.begin) * in->width;
    for (int half = 0; half < 2; half++)
        run_pointwise(&module->reduce[half], in->data + half * (module->inputs / 2) * in->plane + first, in->plane,
                      out->data + half * module->reduce[0].outputs * out->plane + first, out->plane, pixels, &finish);
    for (int i = 0; i < 2; i++)
        if (squeezed(&module->branches[i])) {
            struct map pooled = pooled_map(&module->branches[i], out, ctx->space->pooled[i]);
            run_pool(&module->branches[i], out, &pooled, rows);
        }
}

static struct finish module_finish(const struct module *module, const struct map *in, int channel) {
    struct finish finish = {NULL, NULL, in->plane, module->slope + channel};
    if (module->residual) {
        finish.scale = module->residual + channel;
        finish.residual = in->data + channel * in->plane;
    }
    return finish;
}

/* Depthwise and pointwise of one branch, a band of rows at a time. */
static void run_branch(const struct context *ctx, const struct branch *branch, const struct map *in, float *out,
                       ptrdiff_t out_plane, struct finish finish) {
    int unit = band_rows(in->width);
    ptrdiff_t plane = band_floats(in->width) + 16;
    struct range units = share(ctx, (in->height + unit - 1) / unit);
    for (int u = units.begin; u < units.end; u++) {
        struct range band = {u * unit, least((u + 1) * unit, in->height)};
        ptrdiff_t first = (ptrdiff_t)band.begin * in->width;
        struct finish there = finish;
        if (there.residual) there.residual += first;
        run_depthwise(&branch->depthwise, in, band, ctx->space->zero, ctx->scratch, plane);
        run_pointwise(&branch->pointwise, ctx->scratch, plane, out + first, out_plane,
                      (ptrdiff_t)(band.end - band.begin) * in->width, &there);
    }
}

static void run_branches(const struct context *ctx, int s, int m) {
    const struct stage *stage = &ctx->model->stages[s];
    const struct module *module = &stage->module[m];
    const struct stage_space *here = &ctx->space->stages[s];
    const struct map *in = module_output(stage, here, m - 1), *out = module_output(stage, here, m);
    for (int i = 0; i < 2; i++) {
        const struct branch *branch = &module->branches[i];
        int channel = i * (module->width / 2);
        if (squeezed(branch)) {
            struct map pooled = pooled_map(branch, &here->reduced, ctx->space->pooled[i]);
            struct map small = small_map(branch, &here->reduced, ctx->space->small[i]);
            pooled.data += pooled.row - pooled.width;
            run_branch(ctx, branch, &pooled, small.data, small.plane, (struct finish){NULL, NULL, 0, NULL});
        } else {
            run_branch(ctx, branch, &here->reduced, out->data + channel * out->plane, out->plane,
                       module_finish(module, in, channel));
        }
    }
}

/* Rows [begin, end) of one channel, enlarged from a small plane, finished and stored. */
static void enlarge_plane(const struct enlargement *e, const float *small, int small_row, struct range rows,
                          const struct finish *finish, int channel, float *out, float *scratch) {
    int width = e->across.to, from = e->down.first[rows.begin];
    int last = least(e->down.first[rows.end - 1] + 1, e->down.from - 1);
    ptrdiff_t wide = width + LANES, first_pixel = (ptrdiff_t)rows.begin * width;
    float *whole = scratch + (last - from + 1) * wide;
    run_across(&e->across, small + (ptrdiff_t)from * small_row, small_row, scratch, wide, last - from + 1);
    for (int y = rows.begin; y < rows.end; y++) {
        int first = e->down.first[y], next = least(first + 1, last);
        const float *a = scratch + (first - from) * wide, *b = scratch + (next - from) * wide;
        vf weight = vset(e->down.weight[y][0]), other = vset(e->down.weight[y][1]);
        for (int x = 0; x < width; x += LANES)
            vstore(whole + (ptrdiff_t)y * width - first_pixel + x, vfma(vload(a + x), weight, vload(b + x) * other));
    }
    /* In a second pass, for a load that reaches over two stores of just now would wait for both. */
    for (ptrdiff_t pixel = first_pixel; pixel < (ptrdiff_t)rows.end * width; pixel += LANES)
        vstore(out + pixel, finished(vload(whole + pixel - first_pixel), finish, channel, pixel));
}

static void run_enlarge(const struct context *ctx, int s, int m) {
    const struct stage *stage = &ctx->model->stages[s];
    const struct module *module = &stage->module[m];
    const struct stage_space *here = &ctx->space->stages[s];
    const struct map *in = module_output(stage, here, m - 1), *out = module_output(stage, here, m);
    struct range units = share(ctx, out->height / ROWS);
    struct range rows = {units.begin * ROWS, units.end * ROWS};
    for (int i = 0; i < 2 && rows.begin < rows.end; i++) {
        const struct branch *branch = &module->branches[i];
        if (!squeezed(branch)) continue;
        int half = module->width / 2;
        struct map small = small_map(branch, &here->reduced, ctx->space->small[i]);
        struct finish finish = module_finish(module, in, i * half);
        for (int c = 0; c < half; c++)
            enlarge_plane(&here->enlarge[branch->pool], small.data + c * small.plane, small.row, rows, &finish, c,
                          out->data + (i * half + c) * out->plane, ctx->scratch);
    }
}

static void run_coarse(const struct context *ctx) {
    const struct stage *stage = &ctx->model->stages[1];
    const struct stage_space *here = &ctx->space->stages[1];
    const struct map *features = module_output(stage, here, stage->modules - 1), *out = &ctx->space->coarse;
    struct finish finish = {NULL, NULL, 0, NULL};
    ptrdiff_t unit = (ptrdiff_t)ROWS * out->width;
    struct range units = share(ctx, out->height / ROWS);
    for (ptrdiff_t pixel = units.begin * unit; pixel < units.end * unit; pixel += CHUNK) {
        ptrdiff_t pixels = units.end * unit - pixel < CHUNK ? units.end * unit - pixel : CHUNK;
        for (int c = 0; c < ctx->model->coarse.inputs; c++)
            join(stage, c, join_part(here, features, c, stage->down.outputs) + pixel, ctx->scratch + c * CHUNK, pixels);
        run_pointwise(&ctx->model->coarse, ctx->scratch, CHUNK, out->data + pixel, out->plane, pixels, &finish);
    }
}

/* e^x for x <= 0, with a relative error below 2e-7; 0 below -87. */
INLINE vf vexp(vf x) {
    x = vmax(x, vset(-87.3f));
    vf turns = x * vset(1.44269504f);
    vf whole = (turns + vset(12582912.0f)) - vset(12582912.0f); /* 1.5 * 2^23: rounds to the nearest */
    vf rest = vfma(whole, vset(-0.693359375f), x);
    rest = vfma(whole, vset(2.12194440e-4f), rest);
    vf sum = vset(1.0f / 720);
    sum = vfma(sum, rest, vset(1.0f / 120));
    sum = vfma(sum, rest, vset(1.0f / 24));
    sum = vfma(sum, rest, vset(1.0f / 6));
    sum = vfma(sum, rest, vset(0.5f));
    sum = vfma(sum, rest, vset(1));
    sum = vfma(sum, rest, vset(1));
    vi exponent = __builtin_convertvector(whole, vi);
    return sum * (vf)((exponent + 127) << 23);
}

/* 1 - the largest probability of the classes, from their logits in planes. */
INLINE vf doubt(const float *logits, ptrdiff_t plane, int classes) {
    vf first = vload(logits), second = vload(logits + plane);
    if (classes == 2) {
        vf odds = vexp(-vabs(first - second));
        return odds / (odds + vset(1));
    }
    vf largest = vmax(first, second), sum = vset(0);
    for (int k = 2; k < classes; k++) largest = vmax(largest, vload(logits + k * plane));
    for (int k = 0; k < classes; k++) sum += vexp(vload(logits + k * plane) - largest);
    return (sum - vset(1)) / sum;
}

/* One row of an enlargement by two points along the columns and then across. */
static void enlarge_row(const struct enlargement *e, int y, const float *plane, int row, float *scratch, float *out) {
    const float *a = plane + (ptrdiff_t)e->down.first[y] * row;
    const float *b = plane + (ptrdiff_t)least(e->down.first[y] + 1, e->down.from - 1) * row;
    vf weight = vset(e->down.weight[y][0]), other = vset(e->down.weight[y][1]);
    for (int x = 0; x < e->across.from; x += LANES)
        vstore(scratch + x, vfma(vload(a + x), weight, vload(b + x) * other));
    run_across(&e->across, scratch, 0, out, 0, 1);
}

/* Information blocking: detail from the skip is let through where the coarse answer is in doubt. */
static void run_gate(const struct context *ctx) {
    const struct model *model = ctx->model;
    const struct workspace *space = ctx->space;
    const struct stage_space *here = &space->stages[0];
    const struct map *skip = module_output(&model->stages[0], here, model->stages[0].modules - 1);
    const struct map *coarse = &space->coarse, *out = &space->gate;
    struct finish finish = {NULL, NULL, 0, model->project_slope};
    struct range units = share(ctx, out->height / ROWS);
    int classes = model->classes, pixels = ROWS * out->width;
    float *detail = ctx->scratch, *wide = detail + (ptrdiff_t)classes * pixels;
    float *row = wide + (ptrdiff_t)classes * pixels + LANES;
    for (int u = units.begin; u < units.end; u++) {
        ptrdiff_t first = (ptrdiff_t)u * pixels;
        run_pointwise(&model->project, skip->data + first, skip->plane, detail, pixels, pixels, &finish);
        for (int k = 0; k < classes; k++)
            for (int o = 0; o < ROWS; o++)
                enlarge_row(&space->twice, u * ROWS + o, coarse->data + k * coarse->plane, coarse->row, row,
                            wide + (ptrdiff_t)k * pixels + o * out->width);
        for (int i = 0; i < pixels; i += LANES) {
            vf open = doubt(wide + i, pixels, classes);
            for (int k = 0; k < classes; k++) {
                vf sum = vfma(vload(wide + (ptrdiff_t)k * pixels + i), vset(model->fused_scale[k]),
                              vset(model->fused_bias[k]));
                vf fine = vload(detail + (ptrdiff_t)k * pixels + i) * vset(model->detail_scale[k]);
                vstore(out->data + k * out->plane + first + i, vfma(fine, open, sum));
            }
        }
    }
}

/* The rows of the head's input, of all classes, enlarged fourfold: those across only in `wide`, both ways in `ring`. */
struct head_rows {
    const struct enlargement *e;
    const struct map *in;
    int classes, filled; /* rows of the input that are in `wide` or were */
    ptrdiff_t row;
    float *wide, *ring; /* classes x WIDE rows, classes x RING rows */
};

static void head_row(struct head_rows *h, int y) {
    const struct points *down = &h->e->down;
    int first = down->first[y], last = least(first + 2, down->from - 1);
    for (; h->filled <= last; h->filled++)
        for (int k = 0; k < h->classes; k++)
            run_across(&h->e->across, h->in->data + k * h->in->plane + (ptrdiff_t)h->filled * h->in->row, 0,
                       h->wide + (k * WIDE + h->filled % WIDE) * h->row, 0, 1);
    for (int k = 0; k < h->classes; k++) {
        const float *a = h->wide + (k * WIDE + first % WIDE) * h->row;
        const float *b = h->wide + (k * WIDE + least(first + 1, last) % WIDE) * h->row;
        const float *c = h->wide + (k * WIDE + last % WIDE) * h->row;
        vf weight[3];
        for (int i = 0; i < 3; i++) weight[i] = vset(down->weight[y][i]);
        float *out = h->ring + (k * RING + y % RING) * h->row;
        for (int x = 0; x < h->e->across.to; x += LANES)
            vstore(out + x,
                   vfma(vload(a + x), weight[0], vfma(vload(b + x), weight[1], vload(c + x) * weight[2])));
    }
}

/* The 3x3 convolution of ROWS rows from y on. */
static void head_band(const struct context *ctx, const struct head_rows *h, int y, float *logits) {
    const struct workspace *space = ctx->space;
    const float *weights = ctx->model->head;
    struct borders borders = make_borders(3, space->head.width);
    for (int o = 0; o < ctx->model->outputs; o++, logits += (ptrdiff_t)space->head.height * space->head.width)
        for (int x = 0; x < space->head.width; x += COLUMNS * LANES) {
            vf sum[ROWS][COLUMNS];
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < COLUMNS; v++) sum[r][v] = vset(0);
            for (int k = 0; k < h->classes; k++) {
                const float *rows[ROWS + 2];
                for (int r = 0; r < ROWS + 2; r++) {
                    int row = y + r - 1, inside = row >= 0 && row < space->head.height;
                    rows[r] = inside ? h->ring + (k * RING + row % RING) * h->row : space->zero;
                }
                depthwise_tile(3, COLUMNS, rows, x, space->head.width, weights + 9 * (o * h->classes + k), &borders,
                               sum);
            }
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < COLUMNS; v++)
                    vstore(logits + (ptrdiff_t)(y + r) * space->head.width + x + v * LANES, sum[r][v]);
        }
}

static void run_head(const struct context *ctx, float *logits) {
    const struct workspace *space = ctx->space;
    struct range units = share(ctx, space->head.height / ROWS);
    if (units.begin == units.end) return;
    ptrdiff_t row = space->head.width + 2 * SLACK;
    int classes = ctx->model->classes, next = most(units.begin * ROWS - 1, 0);
    struct head_rows h = {&space->fourfold, &space->gate, classes, space->fourfold.down.first[next], row,
                          ctx->scratch + SLACK, ctx->scratch + SLACK + classes * WIDE * row};
    for (int y = units.begin * ROWS; y < units.end * ROWS; y += ROWS) {
        for (; next <= least(y + ROWS, space->head.height - 1); next++) head_row(&h, next);
        head_band(ctx, &h, y, logits);
    }
}

static void run_step(const struct model *model, void *workspace, int step, int part, const float *input,
                     float *logits) {
    struct workspace *space = workspace;
    struct context ctx = {model, space, part, space->scratch + part * space->scratch_floats};
    int s = model->step[step].stage, m = model->step[step].module;
    switch (model->step[step].kind) {
    case STEM: run_stem(&ctx, input); break;
    case DEPTHWISE: run_strided(&ctx, s); break;
    case DOWN: run_down(&ctx, s); break;
    case REDUCE: run_reduce(&ctx, s, m); break;
    case BRANCHES: run_branches(&ctx, s, m); break;
    case ENLARGE: run_enlarge(&ctx, s, m); break;
    case COARSE: run_coarse(&ctx); break;
    case GATE: run_gate(&ctx); break;
    case HEAD: run_head(&ctx, logits); break;
    }
}

/* Wait until all threads are here. Spins: the steps between two barriers are shorter than a thread's sleep. */
static void barrier(struct workspace *space) {
    int phase = __atomic_load_n(&space->phase, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&space->arrived, 1, __ATOMIC_ACQ_REL) == space->head.threads) {
        __atomic_store_n(&space->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&space->phase, phase + 1, __ATOMIC_RELEASE);
        return;
    }
    while (__atomic_load_n(&space->phase, __ATOMIC_ACQUIRE) == phase) {
#if defined(__SSE2__)
        __builtin_ia32_pause();
#endif
    }
}

static void run_part(const struct model *model, void *workspace, int part, const float *input, float *logits) {
    struct workspace *space = workspace;
    for (int step = 0; step < model->steps; step++) {
        run_step(model, workspace, step, part, input, logits);
        if (space->head.threads > 1) barrier(space);
    }
}
