/* One picture forward and backward through a portrait SINet whose batch norms are fixed and folded into the weights.
 *
 * The weights come as one row of floats in the order in which `read_network` takes them, and their gradients are
 * added to another of the same order. `sinet.training.folded` in Python makes that row from the network and carries the
 * gradients back through the folding. A `trainer` is for one thread; several may share weights, not gradients.
 *
 * Source: the network is that of Park et al., SINet, arXiv:1911.09099v4, section 3, as `sinet.nets` has it; the loss is
 * the cross-entropy of two classes by the difference of their logits.
 */
#include <stdint.h>
#include <stdlib.h>

#include "network.h"
#include "scalar.h"

#define EXPORT __attribute__((visibility("default")))

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
