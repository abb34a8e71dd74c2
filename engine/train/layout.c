/* Where everything lies: the weights in their row, and the memory of a picture. */
#include "network.h"

/* --- memory: everything is laid out once --------------------------------------------------------------------------- */

static void *take(struct trainer *t, size_t bytes) {
    size_t at = t->used;
    t->used += (bytes + 63) / 64 * 64;
    return t->arena ? t->arena + at : NULL;
}

static float *floats(struct trainer *t, size_t count) { return take(t, 4 * (count + SLACK)); }

static float *map(struct trainer *t, int planes, int pixels) { return floats(t, (size_t)planes * filled(pixels)); }

static void make_axis(struct trainer *t, struct axis *axis, int inputs, int factor) {
    int outputs = inputs * factor;
    *axis = (struct axis){inputs, outputs, take(t, sizeof(int) * outputs), take(t, 4 * (size_t)outputs)};
    if (!t->arena) return;
    for (int i = 0; i < outputs; i++) {
        double at = (double)i * (inputs - 1) / (outputs - 1);
        int first = (int)at < inputs - 2 ? (int)at : inputs - 2;
        axis->first[i] = first;
        axis->part[i] = (float)(at - first);
    }
}

static void make_enlargement(struct trainer *t, struct enlargement *e, int height, int width, int factor) {
    make_axis(t, &e->rows, height, factor);
    make_axis(t, &e->columns, width, factor);
}

/* --- reading the network ------------------------------------------------------------------------------------------- */

struct reader {
    const float *at;
};

static const float *next(struct reader *r, size_t count) {
    const float *here = r->at;
    r->at += count;
    return here;
}

static struct act next_act(struct reader *r, int channels) {
    const float *bias = next(r, channels);
    return (struct act){bias, next(r, channels)};
}

static void read_module(struct reader *r, struct module *m) {
    int half = m->width / 2;
    m->reduce = next(r, (size_t)half * m->inputs / 2);
    for (int b = 0; b < 2; b++) {
        struct branch *branch = &m->branch[b];
        branch->depthwise = next(r, (size_t)half * branch->kernel * branch->kernel);
        branch->act = next_act(r, half);
        branch->pointwise = next(r, (size_t)half * half);
        branch->bias = next(r, half);
    }
    m->residual = m->inputs == m->width ? next(r, m->width) : NULL;
    m->slope = next(r, m->width);
}

size_t read_network(struct trainer *t, const float *weights) {
    struct reader r = {weights};
    t->stem_weights = next(&r, 27 * (size_t)t->stem);
    t->stem_act = next_act(&r, t->stem);
    for (int s = 0; s < 2; s++) {
        struct stage *stage = &t->stage[s];
        stage->depthwise = next(&r, 9 * (size_t)stage->inputs);
        for (int i = 0; i < stage->layers; i++) {
            struct dense *dense = &stage->dense[i];
            dense->weights = next(&r, (size_t)dense->inputs * dense->outputs);
            dense->act = next_act(&r, dense->outputs);
        }
        stage->pointwise = next(&r, (size_t)stage->inputs * stage->down);
        stage->act = next_act(&r, stage->down);
        for (int i = 0; i < stage->modules; i++) read_module(&r, &stage->module[i]);
        stage->scale = next(&r, stage->joined);
        stage->bias = next(&r, stage->joined);
        stage->slope = next(&r, stage->joined);
    }
    t->coarse = next(&r, 2 * (size_t)t->stage[1].joined);
    t->coarse_bias = next(&r, 2);
    t->project = next(&r, 2 * (size_t)t->stage[0].module[t->stage[0].modules - 1].width);
    t->project_act = next_act(&r, 2);
    t->fused_scale = next(&r, 2);
    t->fused_bias = next(&r, 2);
    t->head = next(&r, 18);
    return (size_t)(r.at - weights);
}

/* --- laying out ---------------------------------------------------------------------------------------------------- */

static int max_of(int a, int b) { return a > b ? a : b; }

void lay_out(struct trainer *t) {
    int h2 = t->height / 2, w2 = t->width / 2, widest = 0, most = 0;
    t->used = 0;
    t->patches = map(t, 27, h2 * w2);
    t->stem_z = map(t, t->stem, h2 * w2);
    t->stem_y = map(t, t->stem, h2 * w2);
    for (int s = 0; s < 2; s++) {
        struct stage *stage = &t->stage[s];
        int height = stage->height, width = stage->width, pixels = height * width;
        stage->small = map(t, stage->inputs, pixels);
        stage->means = floats(t, stage->inputs);
        stage->scaled = floats(t, (size_t)stage->inputs * stage->down);
        for (int i = 0; i < stage->layers; i++) {
            stage->dense[i].z = floats(t, stage->dense[i].outputs);
            stage->dense[i].y = floats(t, stage->dense[i].outputs);
        }
        stage->z = map(t, stage->down, pixels);
        stage->y = map(t, stage->down, pixels);
        for (int i = 0; i < stage->modules; i++) {
            struct module *m = &stage->module[i];
            int half = m->width / 2;
            m->reduced = map(t, half, pixels);
            for (int b = 0; b < 2; b++) {
                struct branch *branch = &m->branch[b];
                int inner = height / branch->pool * (width / branch->pool);
                branch->pooled = branch->pool > 1 ? map(t, half, inner) : m->reduced;
                branch->z = map(t, half, inner);
                branch->y = map(t, half, inner);
                if (branch->pool > 1)
                    make_enlargement(t, &branch->enlargement, height / branch->pool, width / branch->pool, branch->pool);
            }
            m->z = map(t, m->width, pixels);
            m->y = map(t, m->width, pixels);
            widest = max_of(widest, m->width * filled(pixels));
        }
        stage->out = map(t, stage->joined, pixels);
        widest = max_of(widest, stage->joined * filled(pixels));
        most = max_of(most, stage->inputs * stage->down);
    }
    struct stage *first = &t->stage[0], *second = &t->stage[1];
    int p8 = second->height * second->width, p4 = first->height * first->width, p1 = t->height * t->width;
    make_enlargement(t, &t->to_quarter, second->height, second->width, 2);
    make_enlargement(t, &t->to_half, first->height, first->width, 2);
    make_enlargement(t, &t->to_whole, h2, w2, 2);
    t->logits8 = map(t, 2, p8);
    t->logits4 = map(t, 2, p4);
    t->detail_z = map(t, 2, p4);
    t->detail = map(t, 2, p4);
    t->gate = map(t, 1, p4);
    t->fused = map(t, 2, p4);
    t->half = map(t, 2, h2 * w2);
    t->whole = map(t, 2, p1);
    t->answer = map(t, 1, p1);
    /* Planes with zeros around them: of the whole picture for the head, four phases of a halving. */
    int wide = (t->height + 2 * MAX_KERNEL) * (t->width + 2 * MAX_KERNEL);
    t->wide = floats(t, wide);
    t->wide2 = floats(t, wide);
    t->row = floats(t, wide);
    t->d_a = floats(t, max_of(widest, 2 * filled(p1)));
    t->d_b = floats(t, widest);
    t->d_r = floats(t, widest);
    t->d_branch = floats(t, widest);
    t->d_pooled = floats(t, widest);
    t->d_out[0] = floats(t, widest);
    t->d_out[1] = floats(t, widest);
    t->d_skip = floats(t, widest);
    t->d_join = floats(t, widest);
    t->d_x2 = map(t, t->stem, h2 * w2);
    t->d_answer = map(t, 1, p1);
    t->square = floats(t, most);
}
