/* One picture forward and backward through a portrait SINet whose batch norms are fixed and folded into the weights.
 *
 * The weights come as one row of floats in the order in which `read_network` below takes them, and their gradients are
 * added to another of the same order. `sinet.training.folded` in Python makes that row from the network and carries the
 * gradients back through the folding. A `trainer` is for one thread; several may share weights, not gradients.
 *
 * Source: the network is that of Park et al., SINet, arXiv:1911.09099v4, section 3, as `sinet.nets` has it; the loss is
 * the cross-entropy of two classes by the difference of their logits.
 */
#include <stdint.h>
#include <stdlib.h>

#include "kernels.h"
#include "scalar.h"

#define EXPORT __attribute__((visibility("default")))

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

static size_t read_network(struct trainer *t, const float *weights) {
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

/* Where the gradient of a weight is added. */
static float *grad(struct trainer *t, const float *weight) { return t->gradients + (weight - t->weights); }

/* --- laying out ---------------------------------------------------------------------------------------------------- */

static int max_of(int a, int b) { return a > b ? a : b; }

static void lay_out(struct trainer *t) {
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

/* --- parts, forward and backward ----------------------------------------------------------------------------------- */

static void clear(float *at, size_t count) { memset(at, 0, 4 * count); }

static void enlarge(const struct enlargement *e, const float *x, float *y, float *row) {
    const struct axis *r = &e->rows, *c = &e->columns;
    for (int i = 0; i < r->inputs; i++)
        for (int o = 0; o < c->outputs; o++) {
            const float *p = x + i * c->inputs + c->first[o];
            row[i * c->outputs + o] = p[0] + c->part[o] * (p[1] - p[0]);
        }
    for (int o = 0; o < r->outputs; o++) {
        const float *up = row + r->first[o] * c->outputs, *down = up + c->outputs;
        float part = r->part[o], *out = y + o * c->outputs;
        for (int i = 0; i < c->outputs; i++) out[i] = up[i] + part * (down[i] - up[i]);
    }
}

/* dx from dy; what lies behind the last pixel of dx becomes zero. */
static void enlarge_back(const struct enlargement *e, const float *dy, float *dx, float *row) {
    const struct axis *r = &e->rows, *c = &e->columns;
    clear(row, (size_t)r->inputs * c->outputs);
    for (int o = 0; o < r->outputs; o++) {
        float *up = row + r->first[o] * c->outputs, *down = up + c->outputs, part = r->part[o];
        const float *in = dy + o * c->outputs;
        for (int i = 0; i < c->outputs; i++) {
            up[i] += (1 - part) * in[i];
            down[i] += part * in[i];
        }
    }
    clear(dx, filled(r->inputs * c->inputs));
    for (int i = 0; i < r->inputs; i++)
        for (int o = 0; o < c->outputs; o++) {
            float *p = dx + i * c->inputs + c->first[o], d = row[i * c->outputs + o], part = c->part[o] * d;
            p[0] += d - part;
            p[1] += part;
        }
}

static void pool_plane(const float *x, int height, int width, int pool, float *y) {
    float share = 1.0f / (pool * pool);
    int w = width / pool;
    for (int r = 0; r < height / pool; r++)
        for (int c = 0; c < w; c++) {
            float sum = 0;
            for (int i = 0; i < pool; i++)
                for (int j = 0; j < pool; j++) sum += x[(r * pool + i) * width + c * pool + j];
            y[r * w + c] = sum * share;
        }
}

/* Adds to dx. */
static void pool_plane_back(const float *dy, int height, int width, int pool, float *dx) {
    float share = 1.0f / (pool * pool);
    int w = width / pool;
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++) dx[r * width + c] += share * dy[r / pool * w + c / pool];
}

static void kernel_offsets(int kernel, int row, int *offset, int flipped) {
    for (int i = 0; i < kernel; i++)
        for (int j = 0; j < kernel; j++)
            offset[flipped ? kernel * kernel - 1 - (i * kernel + j) : i * kernel + j] = i * row + j;
}

INLINE void depthwise(int kernel, const struct branch *b, int channels, int height, int width, float *wide, float *out) {
    int margin = kernel / 2, row = width + 2 * margin, offset[MAX_KERNEL * MAX_KERNEL];
    ptrdiff_t plane = filled(height * width);
    kernel_offsets(kernel, row, offset, 0);
    clear(wide, (size_t)(height + 2 * margin) * row + SLACK);
    for (int c = 0; c < channels; c++) {
        widen(b->pooled + c * plane, height, width, margin, wide);
        correlate(kernel * kernel, b->depthwise + c * kernel * kernel, offset, wide, b->act.bias[c], out,
                  height * row);
        narrow(out, row, height, width, b->z + c * plane);
        prelu(b->z + c * plane, b->act.slope[c], b->y + c * plane, (int)plane);
    }
}

/* dz at the branch's depthwise convolution -> dx, overwritten; margins of a plane behind its pixels are not touched. */
INLINE void depthwise_back(int kernel, const struct branch *b, int channels, int height, int width, const float *dz,
                           float *dx, float *dw, float *wide, float *wide2, float *out) {
    int margin = kernel / 2, row = width + 2 * margin;
    int offset[MAX_KERNEL * MAX_KERNEL], back[MAX_KERNEL * MAX_KERNEL];
    ptrdiff_t plane = filled(height * width);
    kernel_offsets(kernel, row, offset, 0);
    kernel_offsets(kernel, row, back, 1);
    clear(wide, (size_t)(height + 2 * margin) * row + SLACK);
    clear(wide2, (size_t)(height + 2 * margin) * row + SLACK);
    for (int c = 0; c < channels; c++) {
        widen(b->pooled + c * plane, height, width, margin, wide);
        widen(dz + c * plane, height, width, margin, wide2);
        correlate(kernel * kernel, b->depthwise + c * kernel * kernel, back, wide2, 0, out, height * row);
        narrow(out, row, height, width, dx + c * plane);
        correlate_back(kernel * kernel, wide2 + margin * row + margin, wide, offset, dw + c * kernel * kernel,
                       height * row);
    }
}

static void module_forward(struct trainer *t, struct module *m, int height, int width, const float *x) {
    int half = m->width / 2, in = m->inputs / 2, pixels = filled(height * width);
    for (int g = 0; g < 2; g++) {
        struct weights w = {m->reduce + (ptrdiff_t)g * half / 2 * in, in, 1};
        product(half / 2, in, w, x + (ptrdiff_t)g * in * pixels, pixels, NULL,
                m->reduced + (ptrdiff_t)g * half / 2 * pixels, pixels, pixels, 0);
    }
    for (int i = 0; i < 2; i++) {
        struct branch *b = &m->branch[i];
        int h = height / b->pool, w = width / b->pool, inner = filled(h * w);
        float *joined = m->z + (ptrdiff_t)i * half * pixels, *out = b->pool > 1 ? t->d_pooled : joined;
        if (b->pool > 1)
            for (int c = 0; c < half; c++)
                pool_plane(m->reduced + (ptrdiff_t)c * pixels, height, width, b->pool, b->pooled + (ptrdiff_t)c * inner);
        if (b->kernel == 3)
            depthwise(3, b, half, h, w, t->wide, t->row);
        else
            depthwise(5, b, half, h, w, t->wide, t->row);
        product(half, half, (struct weights){b->pointwise, half, 1}, b->y, inner, b->bias, out, inner, inner, 0);
        if (b->pool > 1) {
            for (int c = 0; c < half; c++)
                enlarge(&b->enlargement, out + (ptrdiff_t)c * inner, joined + (ptrdiff_t)c * pixels, t->row);
        }
    }
    for (int c = 0; c < m->width; c++) {
        float *z = m->z + (ptrdiff_t)c * pixels;
        if (m->residual) {
            const float *from = x + (ptrdiff_t)c * pixels;
            vec scale = splat(m->residual[c]);
            for (int i = 0; i < pixels; i += LANES) store(z + i, load(z + i) + scale * load(from + i));
        }
        prelu(z, m->slope[c], m->y + (ptrdiff_t)c * pixels, pixels);
    }
}

/* d: gradient at the module's output, used up. dx: gradient at its input, overwritten. */
static void module_back(struct trainer *t, struct module *m, int height, int width, const float *x, float *d,
                        float *dx) {
    int half = m->width / 2, in = m->inputs / 2, pixels = filled(height * width);
    float *d_bias[2] = {grad(t, m->branch[0].bias), grad(t, m->branch[1].bias)};
    for (int c = 0; c < m->width; c++) {
        float *at = d + (ptrdiff_t)c * pixels;
        prelu_back(at, m->z + (ptrdiff_t)c * pixels, m->slope[c], at, pixels, grad(t, m->slope) + c,
                   d_bias[c / half] + c % half);
        if (m->residual) {
            const float *from = x + (ptrdiff_t)c * pixels;
            float *to = dx + (ptrdiff_t)c * pixels;
            vec scale = splat(m->residual[c]), sum = splat(0);
            for (int i = 0; i < pixels; i += LANES) {
                vec v = load(at + i);
                sum += v * load(from + i);
                store(to + i, scale * v);
            }
            grad(t, m->residual)[c] += sum_of(sum);
        }
    }
    for (int i = 0; i < 2; i++) {
        struct branch *b = &m->branch[i];
        int h = height / b->pool, w = width / b->pool, inner = filled(h * w);
        float *d_half = d + (ptrdiff_t)i * half * pixels, *d_in = d_half;
        if (b->pool > 1) {
            d_in = t->d_pooled;
            for (int c = 0; c < half; c++)
                enlarge_back(&b->enlargement, d_half + (ptrdiff_t)c * pixels, d_in + (ptrdiff_t)c * inner, t->row);
        }
        outer(half, half, d_in, inner, b->y, inner, grad(t, b->pointwise), half, inner);
        product(half, half, (struct weights){b->pointwise, 1, half}, d_in, inner, NULL, t->d_branch, inner, inner, 0);
        for (int c = 0; c < half; c++) {
            float *at = t->d_branch + (ptrdiff_t)c * inner;
            prelu_back(at, b->z + (ptrdiff_t)c * inner, b->act.slope[c], at, inner, grad(t, b->act.slope) + c,
                       grad(t, b->act.bias) + c);
        }
        float *d_reduced = i || b->pool > 1 ? t->d_b : t->d_r;
        if (b->kernel == 3)
            depthwise_back(3, b, half, h, w, t->d_branch, d_reduced, grad(t, b->depthwise), t->wide, t->wide2, t->row);
        else
            depthwise_back(5, b, half, h, w, t->d_branch, d_reduced, grad(t, b->depthwise), t->wide, t->wide2, t->row);
        if (i == 0 && b->pool > 1) clear(t->d_r, (size_t)half * pixels);
        for (int c = 0; c < half && d_reduced != t->d_r; c++) {
            float *to = t->d_r + (ptrdiff_t)c * pixels, *from = d_reduced + (ptrdiff_t)c * inner;
            if (b->pool > 1)
                pool_plane_back(from, height, width, b->pool, to);
            else
                for (int p = 0; p < height * width; p++) to[p] += from[p];
        }
    }
    int beyond = pixels - height * width;
    for (int c = 0; beyond && c < half; c++) clear(t->d_r + (ptrdiff_t)c * pixels + height * width, beyond);
    for (int g = 0; g < 2; g++) {
        const float *w = m->reduce + (ptrdiff_t)g * half / 2 * in, *dr = t->d_r + (ptrdiff_t)g * half / 2 * pixels;
        outer(half / 2, in, dr, pixels, x + (ptrdiff_t)g * in * pixels, pixels, grad(t, w), in, pixels);
        product(in, half / 2, (struct weights){w, 1, in}, dr, pixels, NULL, dx + (ptrdiff_t)g * in * pixels, pixels,
                pixels, m->residual != NULL);
    }
}

/* The four planes of a picture's even and odd rows and columns, after a row and a column of zeros were put before it:
 * (height / 2 + 1) x (width / 2 + 1) each, one after another, `phase` floats apart. */
static void split(const float *x, int height, int width, float *out, int phase) {
    int row = width / 2 + 1;
    for (int y = 0; y < height; y++) {
        float *odd = out + ((y + 1) & 1) * 2 * phase + ((y + 1) >> 1) * row, *even = odd + phase;
        /* Column x is column x + 1 of the padded plane: even x are odd there. */
        for (int i = 0; i < width / 2; i++) {
            even[i] = x[y * width + 2 * i];
            odd[i + 1] = x[y * width + 2 * i + 1];
        }
    }
}

static void unite(const float *in, int height, int width, float *x, int phase) {
    int row = width / 2 + 1;
    for (int y = 0; y < height; y++) {
        const float *odd = in + ((y + 1) & 1) * 2 * phase + ((y + 1) >> 1) * row, *even = odd + phase;
        for (int i = 0; i < width / 2; i++) {
            x[y * width + 2 * i] = even[i];
            x[y * width + 2 * i + 1] = odd[i + 1];
        }
    }
}

static void halving_offsets(int row, int phase, int *offset) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            offset[3 * i + j] = ((i & 1) * 2 + (j & 1)) * phase + (i >> 1) * row + (j >> 1);
}

static int phase_floats(int height, int width) { return filled((height / 2 + 1) * (width / 2 + 1)) + 4 * LANES; }

static void down_forward(struct trainer *t, struct stage *s, const float *x) {
    int height = s->height, width = s->width, row = width + 1, phase = phase_floats(2 * height, 2 * width);
    int pixels = filled(height * width), in_pixels = filled(4 * height * width), offset[9];
    halving_offsets(row, phase, offset);
    clear(t->wide, 4 * (size_t)phase);
    for (int c = 0; c < s->inputs; c++) {
        float *small = s->small + (ptrdiff_t)c * pixels, sum = 0;
        split(x + (ptrdiff_t)c * in_pixels, 2 * height, 2 * width, t->wide, phase);
        correlate(9, s->depthwise + 9 * c, offset, t->wide, 0, t->row, height * row);
        narrow(t->row, row, height, width, small);
        for (int i = 0; i < height * width; i++) sum += small[i];
        s->means[c] = sum / (float)(height * width);
    }
    const float *from = s->means;
    for (int l = 0; l < s->layers; l++) {
        struct dense *dense = &s->dense[l];
        for (int o = 0; o < dense->outputs; o++) {
            float sum = dense->act.bias[o];
            for (int i = 0; i < dense->inputs; i++) sum += dense->weights[o * dense->inputs + i] * from[i];
            dense->z[o] = sum;
            dense->y[o] = sum > 0 ? sum : sum * dense->act.slope[o];
        }
        from = dense->y;
    }
    for (int o = 0; o < s->down; o++)
        for (int i = 0; i < s->inputs; i++) s->scaled[o * s->inputs + i] = s->pointwise[o * s->inputs + i] * from[i];
    product(s->down, s->inputs, (struct weights){s->scaled, s->inputs, 1}, s->small, pixels, s->act.bias, s->z, pixels,
            pixels, 0);
    for (int c = 0; c < s->down; c++)
        prelu(s->z + (ptrdiff_t)c * pixels, s->act.slope[c], s->y + (ptrdiff_t)c * pixels, pixels);
}

/* d: gradient at the halving's output, used up; dx: gradient at its input, overwritten. */
static void down_back(struct trainer *t, struct stage *s, const float *x, float *d, float *dx) {
    int height = s->height, width = s->width, row = width + 1, phase = phase_floats(2 * height, 2 * width);
    int pixels = filled(height * width), in_pixels = filled(4 * height * width), offset[9];
    for (int c = 0; c < s->down; c++) {
        float *at = d + (ptrdiff_t)c * pixels;
        prelu_back(at, s->z + (ptrdiff_t)c * pixels, s->act.slope[c], at, pixels, grad(t, s->act.slope) + c,
                   grad(t, s->act.bias) + c);
    }
    clear(t->square, (size_t)s->down * s->inputs);
    outer(s->down, s->inputs, d, pixels, s->small, pixels, t->square, s->inputs, pixels);
    struct dense *last = &s->dense[s->layers - 1];
    float d_y[2][MAX_INPUTS];
    clear(d_y[0], s->inputs);
    for (int o = 0; o < s->down; o++)
        for (int i = 0; i < s->inputs; i++) {
            int at = o * s->inputs + i;
            grad(t, s->pointwise)[at] += t->square[at] * last->y[i];
            d_y[0][i] += t->square[at] * s->pointwise[at];
        }
    product(s->inputs, s->down, (struct weights){s->scaled, 1, s->inputs}, d, pixels, NULL, t->d_branch, pixels, pixels,
            0);
    int now = 0;
    for (int l = s->layers - 1; l >= 0; l--, now = !now) {
        struct dense *dense = &s->dense[l];
        const float *in = l ? s->dense[l - 1].y : s->means;
        clear(d_y[!now], dense->inputs);
        for (int o = 0; o < dense->outputs; o++) {
            float g = d_y[now][o];
            if (dense->z[o] <= 0) {
                grad(t, dense->act.slope)[o] += g * dense->z[o];
                g *= dense->act.slope[o];
            }
            grad(t, dense->act.bias)[o] += g;
            for (int i = 0; i < dense->inputs; i++) {
                grad(t, dense->weights)[o * dense->inputs + i] += g * in[i];
                d_y[!now][i] += g * dense->weights[o * dense->inputs + i];
            }
        }
    }
    halving_offsets(row, phase, offset);
    clear(t->wide, 4 * (size_t)phase);
    clear(t->wide2, (size_t)(height + 2) * row + SLACK);
    for (int c = 0; c < s->inputs; c++) {
        float *dz = t->d_branch + (ptrdiff_t)c * pixels, mean = d_y[now][c] / (float)(height * width);
        for (int i = 0; i < height * width; i++) dz[i] += mean;
        split(x + (ptrdiff_t)c * in_pixels, 2 * height, 2 * width, t->wide, phase);
        /* A row of zeros above, a column before; the column before the next row serves as the one behind. */
        for (int y = 0; y < height; y++) memcpy(t->wide2 + (y + 1) * row + 1, dz + y * width, 4 * (size_t)width);
        correlate_back(9, t->wide2 + row + 1, t->wide, offset, grad(t, s->depthwise) + 9 * c, height * row);
        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++) {
                /* Taps of this phase: rows a and a + 2 of the kernel, columns b and b + 2, as far as there are. */
                float w[4], *out = t->row + (2 * a + b) * phase;
                int at[4], taps = 0;
                for (int i = a; i < 3; i += 2)
                    for (int j = b; j < 3; j += 2) {
                        w[taps] = s->depthwise[9 * c + 3 * i + j];
                        at[taps++] = (1 - (i >> 1)) * row + 1 - (j >> 1);
                    }
                int n = (height + 1) * row;
                if (taps == 4)
                    correlate(4, w, at, t->wide2, 0, out, n);
                else if (taps == 2)
                    correlate(2, w, at, t->wide2, 0, out, n);
                else
                    correlate(1, w, at, t->wide2, 0, out, n);
            }
        unite(t->row, 2 * height, 2 * width, dx + (ptrdiff_t)c * in_pixels, phase);
    }
}

static void join_part(struct stage *s, int from, int channels, const float *x, float *y, int pixels) {
    for (int c = 0; c < channels; c++) {
        vec scale = splat(s->scale[from + c]), bias = splat(s->bias[from + c]);
        for (int i = 0; i < pixels; i += LANES) {
            vec z = load(x + (ptrdiff_t)c * pixels + i) * scale + bias;
            store(y + (ptrdiff_t)(from + c) * pixels + i, z * steepness(z, s->slope[from + c]));
        }
    }
}

/* d: gradient at the joined map; dx: gradient at this part, overwritten. */
static void join_part_back(struct trainer *t, struct stage *s, int from, int channels, const float *x, const float *d,
                           float *dx, int pixels) {
    for (int c = 0; c < channels; c++) {
        int at = from + c;
        vec scale = splat(s->scale[at]), bias = splat(s->bias[at]);
        vec d_scale = splat(0), d_bias = splat(0), d_slope = splat(0);
        for (int i = 0; i < pixels; i += LANES) {
            vec in = load(x + (ptrdiff_t)c * pixels + i), z = in * scale + bias;
            vec g = load(d + (ptrdiff_t)at * pixels + i);
            d_slope += g * choose(z > 0, splat(0), z);
            g *= steepness(z, s->slope[at]);
            d_scale += g * in;
            d_bias += g;
            store(dx + (ptrdiff_t)c * pixels + i, g * scale);
        }
        grad(t, s->scale)[at] += sum_of(d_scale);
        grad(t, s->bias)[at] += sum_of(d_bias);
        grad(t, s->slope)[at] += sum_of(d_slope);
    }
}

/* --- the network --------------------------------------------------------------------------------------------------- */

static struct module *last_of(struct stage *s) { return &s->module[s->modules - 1]; }

static void forward(struct trainer *t, const float *image) {
    int h2 = t->height / 2, w2 = t->width / 2, p2 = filled(h2 * w2);
    int phase = phase_floats(t->height, t->width), offset[9];
    halving_offsets(w2 + 1, phase, offset);
    for (int c = 0; c < 3; c++) {
        clear(t->wide, 4 * (size_t)phase);
        split(image + (ptrdiff_t)c * t->height * t->width, t->height, t->width, t->wide, phase);
        for (int k = 0; k < 9; k++)
            narrow(t->wide + offset[k], w2 + 1, h2, w2, t->patches + (ptrdiff_t)(9 * c + k) * p2);
    }
    product(t->stem, 27, (struct weights){t->stem_weights, 27, 1}, t->patches, p2, t->stem_act.bias, t->stem_z, p2, p2,
            0);
    for (int c = 0; c < t->stem; c++)
        prelu(t->stem_z + (ptrdiff_t)c * p2, t->stem_act.slope[c], t->stem_y + (ptrdiff_t)c * p2, p2);
    const float *x = t->stem_y;
    for (int i = 0; i < 2; i++) {
        struct stage *s = &t->stage[i];
        int pixels = filled(s->height * s->width);
        down_forward(t, s, x);
        x = s->y;
        for (int m = 0; m < s->modules; m++) {
            module_forward(t, &s->module[m], s->height, s->width, x);
            x = s->module[m].y;
        }
        join_part(s, 0, s->down, s->y, s->out, pixels);
        join_part(s, s->down, s->joined - s->down, x, s->out, pixels);
        x = s->out;
    }
    struct stage *first = &t->stage[0], *second = &t->stage[1];
    struct module *skip = last_of(first);
    int p8 = filled(second->height * second->width), p4 = filled(first->height * first->width);
    int p1 = filled(t->height * t->width);
    product(2, second->joined, (struct weights){t->coarse, second->joined, 1}, second->out, p8, t->coarse_bias,
            t->logits8, p8, p8, 0);
    product(2, skip->width, (struct weights){t->project, skip->width, 1}, skip->y, p4, t->project_act.bias, t->detail_z,
            p4, p4, 0);
    for (int k = 0; k < 2; k++) {
        enlarge(&t->to_quarter, t->logits8 + k * p8, t->logits4 + k * p4, t->row);
        prelu(t->detail_z + k * p4, t->project_act.slope[k], t->detail + k * p4, p4);
    }
    for (int i = 0; i < p4; i += LANES) {
        vec z0 = load(t->logits4 + i), z1 = load(t->logits4 + p4 + i), g = sigmoid(-magnitude(z1 - z0));
        store(t->gate + i, g);
        store(t->fused + i, (z0 + load(t->detail + i) * g) * t->fused_scale[0] + t->fused_bias[0]);
        store(t->fused + p4 + i, (z1 + load(t->detail + p4 + i) * g) * t->fused_scale[1] + t->fused_bias[1]);
    }
    int row = t->width + 2, taps[9];
    kernel_offsets(3, row, taps, 0);
    for (int k = 0; k < 2; k++) {
        enlarge(&t->to_half, t->fused + k * p4, t->half + k * p2, t->row);
        enlarge(&t->to_whole, t->half + k * p2, t->whole + k * p1, t->row);
        clear(t->wide, (size_t)(t->height + 2) * row + SLACK);
        widen(t->whole + k * p1, t->height, t->width, 1, t->wide);
        correlate(9, t->head + 9 * k, taps, t->wide, 0, t->row, t->height * row);
        if (k == 0)
            narrow(t->row, row, t->height, t->width, t->answer);
        else
            for (int y = 0; y < t->height; y++)
                for (int i = 0; i < t->width; i++) t->answer[y * t->width + i] += t->row[y * row + i];
    }
}

/* t->d_answer holds the gradient at the answer. */
static void backward(struct trainer *t) {
    struct stage *first = &t->stage[0], *second = &t->stage[1];
    struct module *skip = last_of(first);
    int p8 = filled(second->height * second->width), p4 = filled(first->height * first->width);
    int h2 = t->height / 2, w2 = t->width / 2, p2 = filled(h2 * w2), p1 = filled(t->height * t->width);
    int row = t->width + 2, taps[9], back[9];
    kernel_offsets(3, row, taps, 0);
    kernel_offsets(3, row, back, 1);
    clear(t->wide2, (size_t)(t->height + 2) * row + SLACK);
    widen(t->d_answer, t->height, t->width, 1, t->wide2);
    for (int k = 0; k < 2; k++) {
        clear(t->wide, (size_t)(t->height + 2) * row + SLACK);
        widen(t->whole + k * p1, t->height, t->width, 1, t->wide);
        correlate_back(9, t->wide2 + row + 1, t->wide, taps, grad(t, t->head) + 9 * k, t->height * row);
        correlate(9, t->head + 9 * k, back, t->wide2, 0, t->row, t->height * row);
        narrow(t->row, row, t->height, t->width, t->d_a);
        enlarge_back(&t->to_whole, t->d_a, t->d_a + p1, t->row);
        enlarge_back(&t->to_half, t->d_a + p1, t->d_b + k * p4, t->row);
    }
    vec d_scale[2] = {splat(0), splat(0)}, d_bias[2] = {splat(0), splat(0)};
    for (int i = 0; i < p4; i += LANES) {
        vec g = load(t->gate + i), d_gate = splat(0), d[2], z[2];
        for (int k = 0; k < 2; k++) {
            vec in = load(t->d_b + k * p4 + i), detail = load(t->detail + k * p4 + i);
            z[k] = load(t->logits4 + k * p4 + i);
            d_scale[k] += in * (z[k] + detail * g);
            d_bias[k] += in;
            d[k] = in * t->fused_scale[k];
            d_gate += d[k] * detail;
            store(t->d_skip + k * p4 + i, d[k] * g);
        }
        vec difference = z[1] - z[0], slope = d_gate * g * (1.0f - g);
        slope = choose(difference > 0, -slope, slope);
        store(t->d_b + i, d[0] - slope);
        store(t->d_b + p4 + i, d[1] + slope);
    }
    for (int k = 0; k < 2; k++) {
        grad(t, t->fused_scale)[k] += sum_of(d_scale[k]);
        grad(t, t->fused_bias)[k] += sum_of(d_bias[k]);
        prelu_back(t->d_skip + k * p4, t->detail_z + k * p4, t->project_act.slope[k], t->d_skip + k * p4, p4,
                   grad(t, t->project_act.slope) + k, grad(t, t->project_act.bias) + k);
        enlarge_back(&t->to_quarter, t->d_b + k * p4, t->d_a + k * p8, t->row);
        for (int i = 0; i < p8; i++) grad(t, t->coarse_bias)[k] += t->d_a[k * p8 + i];
    }
    outer(2, skip->width, t->d_skip, p4, skip->y, p4, grad(t, t->project), skip->width, p4);
    outer(2, second->joined, t->d_a, p8, second->out, p8, grad(t, t->coarse), second->joined, p8);
    product(second->joined, 2, (struct weights){t->coarse, 1, second->joined}, t->d_a, p8, NULL, t->d_join, p8, p8, 0);
    for (int i = 1; i >= 0; i--) {
        struct stage *s = &t->stage[i];
        struct module *last = last_of(s);
        int pixels = filled(s->height * s->width), now = 0;
        join_part_back(t, s, s->down, s->joined - s->down, last->y, t->d_join, t->d_out[0], pixels);
        join_part_back(t, s, 0, s->down, s->y, t->d_join, t->d_a, pixels);
        if (i == 0)
            product(skip->width, 2, (struct weights){t->project, 1, skip->width}, t->d_skip, p4, NULL, t->d_out[0], p4,
                    p4, 1);
        for (int m = s->modules - 1; m >= 0; m--, now = !now)
            module_back(t, &s->module[m], s->height, s->width, m ? s->module[m - 1].y : s->y, t->d_out[now],
                        t->d_out[!now]);
        for (int p = 0; p < s->down * pixels; p += LANES)
            store(t->d_out[now] + p, load(t->d_out[now] + p) + load(t->d_a + p));
        down_back(t, s, i ? first->out : t->stem_y, t->d_out[now], i ? t->d_join : t->d_x2);
    }
    for (int c = 0; c < t->stem; c++)
        prelu_back(t->d_x2 + (ptrdiff_t)c * p2, t->stem_z + (ptrdiff_t)c * p2, t->stem_act.slope[c],
                   t->d_x2 + (ptrdiff_t)c * p2, p2, grad(t, t->stem_act.slope) + c, grad(t, t->stem_act.bias) + c);
    outer(t->stem, 27, t->d_x2, p2, t->patches, p2, grad(t, t->stem_weights), 27, p2);
}

/* Numbers below the smallest normal one count as zero while we compute: with them many processors are a hundred times
 * slower, and batch norms whose scale decayed to nothing make them by the thousand. */
static unsigned flush_subnormals(void) {
#ifdef __SSE__
    unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040);
    return before;
#else
    return 0;
#endif
}

static void keep_subnormals_as(unsigned before) {
#ifdef __SSE__
    __builtin_ia32_ldmxcsr(before);
#else
    (void)before;
#endif
}

/* --- what Python calls --------------------------------------------------------------------------------------------- */

/* config: stem, then for each of two stages: down, reduction, number of modules, and for each of these width, kernel,
 * pool, kernel, pool. Null where there is no memory, or where the network or the size is not one of ours. */
EXPORT struct trainer *sinet_train_open(const int *config, int height, int width) {
    struct trainer *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->height = height, t->width = width, t->stem = *config++;
    int inputs = t->stem;
    for (int i = 0; i < 2; i++) {
        struct stage *s = &t->stage[i];
        s->inputs = inputs;
        s->height = height >> (i + 2), s->width = width >> (i + 2);
        s->down = *config++;
        int reduction = *config++;
        s->modules = *config++;
        if (s->modules < 1 || s->modules > MAX_MODULES || inputs > MAX_INPUTS || height > MAX_SIDE || width > MAX_SIDE)
            goto refused;
        s->layers = reduction == 1 ? 1 : 2;
        s->dense[0] = (struct dense){.inputs = inputs, .outputs = inputs / reduction};
        s->dense[1] = (struct dense){.inputs = inputs / reduction, .outputs = inputs};
        int channels = s->down;
        for (int m = 0; m < s->modules; m++) {
            struct module *module = &s->module[m];
            module->inputs = channels;
            module->width = channels = *config++;
            if (module->width % 4 || module->inputs % 2) goto refused;
            for (int b = 0; b < 2; b++) {
                struct branch *branch = &module->branch[b];
                branch->kernel = *config++;
                branch->pool = *config++;
                if ((branch->kernel != 3 && branch->kernel != 5) || s->height % branch->pool ||
                    s->width % branch->pool || s->height / branch->pool < 2 || s->width / branch->pool < 2)
                    goto refused;
            }
        }
        inputs = s->joined = s->down + channels;
    }
    t->parameters = read_network(t, NULL);
    lay_out(t);
    t->size = t->used;
    t->arena = aligned_alloc(64, (t->size + 63) / 64 * 64);
    if (!t->arena) goto refused;
    memset(t->arena, 0, t->size);
    lay_out(t);
    return t;
refused:
    free(t);
    return NULL;
}

EXPORT void sinet_train_close(struct trainer *t) {
    free(t->arena);
    free(t);
}

EXPORT size_t sinet_train_parameters(const struct trainer *t) { return t->parameters; }

EXPORT size_t sinet_train_bytes(const struct trainer *t) { return t->size; }

/* The difference of the two classes' logits, height x width, of an image of 3 x height x width. */
EXPORT void sinet_train_answer(struct trainer *t, const float *weights, const float *image, float *answer) {
    unsigned before = flush_subnormals();
    t->weights = weights;
    read_network(t, weights);
    forward(t, image);
    keep_subnormals_as(before);
    memcpy(answer, t->answer, 4 * (size_t)t->height * t->width);
}

/* One picture: adds its gradients and says its loss.
 *
 * target: the probability of a person, height x width, in [0, 1]. share: what the cross-entropy of each pixel counts. */
EXPORT double sinet_train_step(struct trainer *t, const float *weights, float *gradients, const float *image,
                               const float *target, const float *share) {
    unsigned before = flush_subnormals();
    int pixels = t->height * t->width;
    double loss = 0;
    t->weights = weights;
    t->gradients = gradients;
    read_network(t, weights);
    forward(t, image);
    clear(t->d_answer, filled(pixels));
    for (int y = 0; y < pixels; y += LANES * 64) {
        vec sum = splat(0);
        for (int i = y; i < pixels && i < y + LANES * 64; i += LANES) {
            vec d = load(t->answer + i), goal = load(target + i), w = load(share + i);
            vec entropy = choose(d > 0, d, splat(0)) - goal * d + log1p_of(exp_below(-magnitude(d)));
            sum += w * entropy;
            store(t->d_answer + i, w * (sigmoid(d) - goal));
        }
        loss += sum_of(sum);
    }
    backward(t);
    keep_subnormals_as(before);
    return loss;
}

/* The band around a person's border: 1 where a square of `side` around a pixel holds some of the person and some of
 * the rest, by what of it lies in the picture; else 0. person: 0 or 1. counts: int, height x width, to work in. */
EXPORT void sinet_train_band(const uint8_t *person, int height, int width, int side, int *counts, uint8_t *band) {
    int r = side / 2;
    for (int y = 0; y < height; y++) {
        int sum = 0;
        for (int x = 0; x < r && x < width; x++) sum += person[y * width + x];
        for (int x = 0; x < width; x++) {
            if (x + r < width) sum += person[y * width + x + r];
            if (x - r - 1 >= 0) sum -= person[y * width + x - r - 1];
            counts[y * width + x] = sum;
        }
    }
    for (int x = 0; x < width; x++) {
        int across = (x + r < width ? x + r : width - 1) - (x - r > 0 ? x - r : 0) + 1, sum = 0;
        for (int y = 0; y < r && y < height; y++) sum += counts[y * width + x];
        for (int y = 0; y < height; y++) {
            int down = (y + r < height ? y + r : height - 1) - (y - r > 0 ? y - r : 0) + 1;
            if (y + r < height) sum += counts[(y + r) * width + x];
            if (y - r - 1 >= 0) sum -= counts[(y - r - 1) * width + x];
            band[y * width + x] = sum > 0 && sum < across * down;
        }
    }
}
