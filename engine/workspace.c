/* A workspace: memory for everything between the input and the logits at one size, and the tables of the enlargements.
 *
 * Feature maps begin and end with SLACK, for vectors that reach over the ends of rows: see network.c. */

#include "kernels.h"

struct map pooled_map(const struct branch *branch, const struct map *reduced, real *data) {
    int height = reduced->height / branch->pool, width = reduced->width / branch->pool;
    int padding = branch->depthwise.kernel / 2, row = width + padding;
    ptrdiff_t plane = padding + (ptrdiff_t)(height + 2 * padding) * row;
    if (data) data += padding + (ptrdiff_t)padding * row;
    return (struct map){data, plane, row, height, width};
}

struct map small_map(const struct branch *branch, const struct map *reduced, real *data) {
    int height = reduced->height / branch->pool, width = reduced->width / branch->pool;
    return (struct map){data, plane_values((ptrdiff_t)height * width), width, height, width};
}

const struct map *module_output(const struct stage *stage, const struct stage_space *space, int m) {
    int other = 0;
    for (int i = 1; i <= m; i++) other ^= !stage->module[i].residual;
    return m < 0 ? &space->down : &space->features[other];
}

static real *take_slack(struct arena *arena, int64_t values) {
    real *taken = take_values(arena, values + 2 * SLACK);
    return taken ? taken + SLACK : NULL;
}

static struct map take_map(struct arena *arena, int channels, int height, int width) {
    ptrdiff_t plane = plane_values((ptrdiff_t)height * width);
    return (struct map){take_slack(arena, (int64_t)channels * plane), plane, width, height, width};
}

/* A map of floats whatever the others are made of. */
static struct map take_exact_map(struct arena *arena, int channels, int height, int width) {
    ptrdiff_t plane = plane_values((ptrdiff_t)height * width);
    float *data = take_floats(arena, channels * plane + 2 * SLACK);
    return (struct map){(real *)(data ? data + SLACK : NULL), plane, width, height, width};
}

/* From height x width, by `times`. Its weights are written as floats first: see fill_across. */
static void take_enlargement(struct arena *arena, struct enlargement *e, int lanes, int height, int width, int times) {
    int high = times * height, wide = times * width;
    int vectors = (wide + lanes - 1) / lanes, taps = least(width, lanes / times + 4);
    e->down = (struct points){height, high, take(arena, high * (ptrdiff_t)sizeof(int)),
                              take(arena, high * (ptrdiff_t)sizeof(float[3]))};
    e->across = (struct across){width, wide, taps, take(arena, vectors * (ptrdiff_t)sizeof(int)),
                                (real *)take_floats(arena, (ptrdiff_t)vectors * taps * lanes)};
}

struct needs {
    ptrdiff_t pooled, small, scratch;
};

static void need(ptrdiff_t *values, ptrdiff_t more) {
    if (*values < more) *values = more;
}

static void need_for_branch(struct needs *n, const struct branch *branch, const struct map *reduced) {
    int channels = branch->depthwise.channels, rows = reduced->height;
    if (squeezed(branch)) {
        need(&n->pooled, channels * pooled_map(branch, reduced, NULL).plane);
        need(&n->small, channels * small_map(branch, reduced, NULL).plane);
        need(&n->scratch, (ptrdiff_t)(rows / branch->pool + 4) * (reduced->width + SLACK) + reduced->plane);
    }
    need(&n->scratch, channels * (band_values(reduced->width / branch->pool) + 16));
}

static int stage_width(const struct stage *stage) {
    int width = 0;
    for (int m = 0; m < stage->modules; m++) width = most(width, stage->module[m].width);
    return width;
}

static void layout_stage(struct arena *arena, struct needs *n, int lanes, struct stage_space *space,
                         const struct stage *stage, int first, int height, int width) {
    const struct down *down = &stage->down;
    int widest = stage_width(stage), again = 0;
    int reach = 0; /* rows of zeros above and below the reduced map, for its kernels */
    for (int m = 1; m < stage->modules; m++) again |= !stage->module[m].residual;
    for (int m = 0; m < stage->modules; m++)
        for (int i = 0; i < 2; i++) reach = most(reach, stage->module[m].branches[i].depthwise.kernel / 2);
    space->reach = reach;
    space->strided = (first ? take_exact_map : take_map)(arena, down->inputs, height, width);
    space->mean = take_floats(arena, down->inputs);
    space->down = take_map(arena, down->outputs, height, width);
    space->features[0] = take_map(arena, widest, height, width);
    space->features[1] = again ? take_map(arena, widest, height, width) : space->features[0];
    space->reduced = take_map(arena, widest / 2, height + 2 * reach, width);
    if (space->reduced.data) space->reduced.data += (ptrdiff_t)reach * width;
    space->reduced.height = height;
    for (int pool = 0; pool <= MAX_POOL; pool++) space->enlarge[pool].down.to = 0;
    for (int m = 0; m < stage->modules; m++)
        for (int i = 0; i < 2; i++) {
            const struct branch *branch = &stage->module[m].branches[i];
            struct enlargement *e = &space->enlarge[branch->pool];
            need_for_branch(n, branch, &space->reduced);
            if (squeezed(branch) && !e->down.to)
                take_enlargement(arena, e, lanes, height / branch->pool, width / branch->pool, branch->pool);
        }
    /* the excitation's two layers, and the weights that it has scaled */
    need(&n->scratch, values_of_floats((2 + round_up(down->outputs, REST)) * down->inputs));
}

/* Lanes of the kernels that compute the decoder. */
static int exact_lanes(const struct model *model) {
    return HALVES ? kernels_baseline.shape.lanes : model->kernels->shape.lanes;
}

/* How often `logits[g]` is doubled. */
static int doublings(const struct model *model, int g) {
    return g < gate_count(model) ? 1 : 3 - gate_count(model) - model->transposed;
}

static void layout_decoder(struct arena *arena, struct needs *n, struct workspace *space) {
    const struct model *model = space->model;
    int classes = model->classes, height = space->height >> (model->stage_count + 1);
    int width = space->width >> (model->stage_count + 1);
    for (int g = 0; g <= gate_count(model); g++) {
        int times = 1 << doublings(model, g);
        if (times == 1) break;
        space->logits[g] = take_exact_map(arena, classes, height, width);
        take_enlargement(arena, &space->enlarge[g], exact_lanes(model), height, width, times);
        height *= times;
        width *= times;
    }
    for (int g = 0; g < gate_count(model); g++) {
        int stage = model->gates[g].stage;
        const struct map *features = module_output(&model->stages[stage], &space->stages[stage], model->stages[stage].modules - 1);
        space->skips[g] = *features;
        if (HALVES)
            space->skips[g] = take_exact_map(arena, stage_outputs(&model->stages[stage]), features->height, features->width);
    }
    /* rows that are enlarged downwards only; what a gate lets through and what it makes that of */
    ptrdiff_t band = (ptrdiff_t)ROWS * width + 2 * SLACK, gate = 2 * classes * band;
    need(&n->scratch, values_of_floats(gate + band));
    if (model->transposed)
        need(&n->scratch, values_of_floats(gate + band + classes * band + 4 * (ptrdiff_t)model->outputs * CHUNK));
    else
        need(&n->scratch, values_of_floats(head_classes(classes) * (ptrdiff_t)(RING + WIDE) * (width + 2 * SLACK)));
}

/* Divide the memory, or, without any, count what is needed. */
static int64_t layout(const struct model *model, int height, int width, int threads, struct workspace *space,
                      void *memory) {
    int lanes = model->kernels->shape.lanes;
    struct arena arena = {memory, 0};
    struct needs n = {0, 0, 0};
    take(&arena, sizeof *space);
    space->model = model;
    space->height = height;
    space->width = width;
    space->out_height = height >> output_shift(model);
    space->out_width = width >> output_shift(model);
    space->threads = threads;
    space->arrived = space->phase = 0;
    space->stem = take_exact_map(&arena, model->stem.outputs, height / 2, width / 2);
    for (int s = 0; s < model->stage_count; s++)
        layout_stage(&arena, &n, lanes, &space->stages[s], &model->stages[s], s == 0, height >> (s + 2), width >> (s + 2));
    layout_decoder(&arena, &n, space);
    need(&n.scratch, values_of_floats(27 * (ptrdiff_t)(width / 2 + SLACK)));           /* stem */
    need(&n.scratch, (ptrdiff_t)(height / 4) * (width / 4) + 2 * SLACK);               /* a joined plane */
    need(&n.scratch, values_of_floats((ptrdiff_t)model->coarse.inputs * CHUNK));       /* coarse */
    need(&n.scratch, values_of_floats(6 * (ptrdiff_t)width + 2 * (ptrdiff_t)height)); /* fill_enlargement */
    for (int i = 0; i < 2; i++) {
        space->pooled[i] = take_slack(&arena, n.pooled);
        space->small[i] = take_slack(&arena, n.small);
    }
    space->zero = take_floats(&arena, width + 3 * SLACK);
    if (space->zero) space->zero += SLACK;
    /* Last, for reads run over what lies before it: a padded map's by up to ROWS - 1 of its rows. */
    space->scratch_bytes = (round_up(n.scratch, 32) + 2 * SLACK) * (ptrdiff_t)sizeof(real);
    space->scratch = take(&arena, (int64_t)threads * space->scratch_bytes);
    return arena.used;
}

int64_t workspace_size(const struct model *model, int height, int width, int threads) {
    struct workspace scratch;
    return layout(model, height, width, threads, &scratch, NULL);
}

/* Corners are aligned, or, as torch has it otherwise, the edges of the first and the last pixel. */
static void fill_points(const struct points *points, int aligned) {
    float step = points->to > 1 ? (float)(points->from - 1) / (float)(points->to - 1) : 0, edge = 0;
    if (!aligned) {
        step = (float)points->from / (float)points->to;
        edge = step / 2 - 0.5f;
    }
    for (int i = 0; i < points->to; i++) {
        float place = step * (float)i + edge;
        if (place < 0) place = 0;
        int first = least((int)place, points->from - 1);
        points->first[i] = first;
        points->weight[i][0] = 1 - (place - (float)first);
        points->weight[i][1] = place - (float)first;
        points->weight[i][2] = 0;
    }
}

/* From points that enlarge by two, those that do so twice; an output twice as far lies between two that reach over at
 * most three inputs. */
static void fill_points_twice(const struct points *points, const struct points *half, int aligned) {
    struct points again = {half->to, points->to, points->first, points->weight};
    fill_points(&again, aligned);
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
static int taps_needed(const struct points *points, int lanes) {
    int taps = 1;
    for (int start = 0; start < points->to; start += lanes)
        for (int i = start; i < points->to && i < start + lanes; i++)
            for (int k = 0; k < 3; k++)
                if (points->weight[i][k] != 0)
                    taps = most(taps, least(points->first[i] + k, points->from - 1) - points->first[start] + 1);
    return taps;
}

/* The table of halves is made of one of floats, in place. */
static void narrow(void *table, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        float wide;
        __builtin_memcpy(&wide, (char *)table + i * (ptrdiff_t)sizeof wide, sizeof wide);
        real value = (real)wide;
        __builtin_memcpy((char *)table + i * (ptrdiff_t)sizeof value, &value, sizeof value);
    }
}

static void fill_across(struct across *across, const struct points *points, int lanes, int exact) {
    int vectors = (across->to + lanes - 1) / lanes, from = across->from;
    across->taps = least(across->taps, taps_needed(points, lanes));
    for (int v = 0; v < vectors; v++) {
        int first = least(points->first[v * lanes], from - across->taps);
        float *weights = (float *)across->weights + (ptrdiff_t)v * across->taps * lanes;
        across->first[v] = first;
        for (int i = 0; i < across->taps * lanes; i++) weights[i] = 0;
        for (int lane = 0; lane < lanes && v * lanes + lane < across->to; lane++) {
            int place = v * lanes + lane;
            for (int k = 0; k < 3; k++) {
                int tap = least(points->first[place] + k, from - 1) - first;
                if (points->weight[place][k] != 0) weights[tap * lanes + lane] += points->weight[place][k];
            }
        }
    }
    if (HALVES && !exact) narrow(across->weights, (ptrdiff_t)vectors * across->taps * lanes);
}

/* Fill the tables of an enlargement; scratch: 4 floats for each output of the rows, 8 for each input. */
static void fill_enlargement(struct enlargement *e, int times, int aligned, int lanes, int exact, void *memory) {
    float *scratch = memory;
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
            fill_points(&half, aligned);
            fill_points_twice(&points, &half, aligned);
        } else {
            fill_points(&points, aligned);
        }
        if (axis) fill_across(&e->across, &points, lanes, exact);
    }
}

/* The rows around the reduced map stay zero for good: nothing but its inside is ever written. */
static void clear_surroundings(const struct stage_space *space, int channels) {
    const struct map *map = &space->reduced;
    ptrdiff_t around = (ptrdiff_t)space->reach * map->width;
    for (int c = 0; c < channels; c++) {
        real *plane = map->data + c * map->plane;
        for (ptrdiff_t i = 0; i < around; i++) plane[i - around] = plane[(ptrdiff_t)map->height * map->width + i] = 0;
    }
}

void workspace_prepare(const struct model *model, int height, int width, int threads, void *memory) {
    struct workspace *space = memory;
    int lanes = model->kernels->shape.lanes;
    layout(model, height, width, threads, space, memory);
    for (ptrdiff_t i = -SLACK; i < width + 2 * SLACK; i++) space->zero[i] = 0;
    for (int s = 0; s < model->stage_count; s++) {
        for (int pool = 1; pool <= MAX_POOL; pool++)
            if (space->stages[s].enlarge[pool].down.to)
                fill_enlargement(&space->stages[s].enlarge[pool], 1, 1, lanes, 0, space->scratch);
        clear_surroundings(&space->stages[s], stage_width(&model->stages[s]) / 2);
    }
    for (int g = 0; g <= gate_count(model); g++)
        if (doublings(model, g))
            fill_enlargement(&space->enlarge[g], doublings(model, g), model->aligned, exact_lanes(model), 1, space->scratch);
}

