/* Any member of the family at any size: it opens, and its answer depends on nothing but weights and input.
 *
 * The input's bytes choose a configuration, sizes and threads; an artefact is written from them, with weights by
 * chance. Then must hold: what memory held before does not matter, to the last bit; nor does the number of parts that
 * share a run; every instruction set answers the same up to rounding; and hostile sizes are refused or truly fit. */
#include "artefact.h"
#include "draw.h"
#include "memory_fuzz.h"
#include "sinet.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* ---- writing an artefact ------------------------------------------------------------------------------------------
 */

struct writer {
    char header[1 << 16];
    size_t length, floats;
    const char *prefix;
    float *weights;
    size_t room;
    uint32_t state;
};

static void print(struct writer *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    w->length += vsnprintf(w->header + w->length, sizeof w->header - w->length, format, arguments);
    va_end(arguments);
    check(w->length < sizeof w->header);
}

static float chance(struct writer *w) { /* -1 to 1 */
    w->state = w->state * 1664525 + 1013904223;
    return (float)(int32_t)w->state / 2147483648.0f;
}

/* A tensor of outputs x inputs. */
static void tensor(struct writer *w, const char *name, int outputs, int inputs) {
    size_t count = (size_t)outputs * inputs;
    print(w, ",\"%s%s\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%zu,%zu]}", w->prefix, name, outputs,
          inputs, 4 * w->floats, 4 * (w->floats + count));
    if (w->floats + count > w->room) check((w->weights = realloc(w->weights, 4 * (w->room = 2 * (w->floats + count)))));
    for (size_t i = 0; i < count; i++) w->weights[w->floats++] = chance(w) / sqrtf((float)inputs / 3);
}

static void conv(struct writer *w, const char *name, int outputs, int inputs, int biased) {
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    tensor(w, full, outputs, inputs);
    snprintf(full, sizeof full, "%s.bias", name);
    if (biased) tensor(w, full, outputs, 1);
}

static void write_module(struct writer *w, const struct module_config *module, int inputs) {
    int half = module->width / 2;
    char name[64];
    conv(w, "reduce", half, inputs / 2, 0);
    for (int i = 0; i < 2; i++) {
        int kernel = module->branches[i].kernel;
        snprintf(name, sizeof name, "branches.%d.depthwise", i);
        conv(w, name, half, kernel * kernel, 1);
        snprintf(name, sizeof name, "branches.%d.act.slope", i);
        tensor(w, name, half, 1);
        snprintf(name, sizeof name, "branches.%d.pointwise", i);
        conv(w, name, half, half, 1);
    }
    if (inputs == module->width) tensor(w, "residual", inputs, 1);
    tensor(w, "act.slope", module->width, 1);
}

static int write_stage(struct writer *w, const struct stage_config *stage, int number, int inputs) {
    char prefix[64];
    int inner = stage->reduction == 1 ? inputs : inputs / stage->reduction, channels = stage->down;
    snprintf(prefix, sizeof prefix, "stages.%d.", number);
    w->prefix = prefix;
    conv(w, "down.depthwise", inputs, 9, 0);
    conv(w, "down.excitation.0", inner, inputs, 1);
    tensor(w, "down.excitation.1.slope", inner, 1);
    if (stage->reduction > 1) {
        conv(w, "down.excitation.2", inputs, inner, 1);
        tensor(w, "down.excitation.3.slope", inputs, 1);
    }
    conv(w, "down.pointwise", stage->down, inputs, 1);
    tensor(w, "down.act.slope", stage->down, 1);
    for (int m = 0; m < stage->modules; m++) {
        snprintf(prefix, sizeof prefix, "stages.%d.squeezes.%d.", number, m);
        write_module(w, &stage->module[m], channels);
        channels = stage->module[m].width;
    }
    w->prefix = "";
    if (!stage->modules) return channels;
    channels += stage->down;
    w->prefix = prefix;
    snprintf(prefix, sizeof prefix, "stages.%d.", number);
    tensor(w, "join.scale", channels, 1);
    tensor(w, "join.bias", channels, 1);
    tensor(w, "act.slope", channels, 1);
    w->prefix = "";
    return channels;
}

static void write_spec(struct writer *w, const struct config *c) {
    print(w, "{\"__metadata__\":{\"spec\":\"{\\\"network\\\":{\\\"classes\\\":%d,\\\"stem\\\":%d,\\\"stages\\\":[",
          c->classes, c->stem);
    for (int s = 0; s < c->stage_count; s++) {
        const struct stage_config *stage = &c->stages[s];
        print(w, "%s{\\\"down\\\":%d,\\\"reduction\\\":%d,\\\"modules\\\":[", s ? "," : "", stage->down,
              stage->reduction);
        for (int m = 0; m < stage->modules; m++) {
            const struct branch_config *b = stage->module[m].branches;
            print(w, "%s{\\\"width\\\":%d,\\\"branches\\\":[", m ? "," : "", stage->module[m].width);
            print(w, "{\\\"kernel\\\":%d,\\\"pool\\\":%d%s},{\\\"kernel\\\":%d,\\\"pool\\\":%d}]}", b[0].kernel,
                  b[0].pool, b[0].crossed ? ",\\\"crossed\\\":true" : "", b[1].kernel, b[1].pool);
        }
        print(w, "]}");
    }
    print(w, "]%s%s}}\"}", c->transposed ? ",\\\"head\\\":\\\"transposed\\\"" : "",
          c->aligned ? "" : ",\\\"aligned_corners\\\":false");
}

/* The whole file. */
static uint8_t *write_artefact(const struct config *c, uint32_t seed, size_t *bytes) {
    static struct writer w;
    w = (struct writer){.prefix = "", .weights = w.weights, .room = w.room, .state = seed};
    int channels = c->stem, outputs = c->classes == 2 ? 1 : c->classes;
    write_spec(&w, c);
    conv(&w, "stem.0", c->stem, 27, 1);
    tensor(&w, "stem.1.slope", c->stem, 1);
    for (int s = 0; s < c->stage_count; s++) channels = write_stage(&w, &c->stages[s], s, channels);
    conv(&w, "coarse", c->classes, channels, 1);
    conv(&w, "gate.project", c->classes, features_of(&c->stages[c->stage_count - 2]), 1);
    tensor(&w, "gate.act.slope", c->classes, 1);
    tensor(&w, "gate.detail_scale", c->classes, 1);
    tensor(&w, "gate.fused.scale", c->classes, 1);
    tensor(&w, "gate.fused.bias", c->classes, 1);
    if (c->stage_count == 3) tensor(&w, "fine_gate.detail_scale", c->classes, 1);
    tensor(&w, "head.weight", outputs, (c->transposed ? 4 : 9) * c->classes);
    print(&w, "}");
    uint64_t length = w.length;
    uint8_t *file = block(*bytes = 8 + length + 4 * w.floats, 1);
    memcpy(file, &length, 8);
    memcpy(file + 8, w.header, length);
    memcpy(file + 8 + length, w.weights, 4 * w.floats);
    return file;
}

static struct config draw_config(struct draw *d) {
    struct config c = {.classes = draw(d, 2, 8), .stem = draw(d, 1, 9), .stage_count = draw(d, 2, 3),
                       .transposed = draw(d, 0, 1), .aligned = draw(d, 0, 1)};
    int channels = c.stem;
    for (int s = 0; s < c.stage_count; s++) {
        struct stage_config *stage = &c.stages[s];
        *stage = (struct stage_config){
            .down = draw(d, 1, 10), .reduction = draw(d, 1, channels), .modules = draw(d, 0, 3)};
        if (stage->modules) stage->down += stage->down % 2;
        for (int m = 0; m < stage->modules; m++) {
            stage->module[m].width = 4 * draw(d, 1, 5);
            for (int b = 0; b < 2; b++)
                stage->module[m].branches[b] = (struct branch_config){1 + 2 * draw(d, 0, 7), draw(d, 1, 16), draw(d, 0, 1)};
        }
        if (s == 0 && c.stage_count == 3) { /* ends in as many channels as there are classes */
            if (!stage->modules) stage->down = c.classes;
            else if (c.classes % 4 == 0) stage->module[stage->modules - 1].width = c.classes;
            else stage->modules = 0, stage->down = c.classes;
        }
        channels = joined_of(stage);
    }
    return c;
}

/* What an input means, for the eye: SHOW=1 build/sanitized/network_fuzz FILE. */
static void show(const struct config *c, const char *isa) {
    fprintf(stderr, "%s, classes %d, stem %d%s%s", isa, c->classes, c->stem, c->transposed ? ", transposed" : "",
            c->aligned ? "" : ", not aligned");
    for (int s = 0; s < c->stage_count; s++) {
        fprintf(stderr, "; down %d, reduction %d", c->stages[s].down, c->stages[s].reduction);
        for (int m = 0; m < c->stages[s].modules; m++) {
            const struct module_config *module = &c->stages[s].module[m];
            const struct branch_config *b = module->branches;
            fprintf(stderr, ", %d (%d, %d) (%d, %d)", module->width, b[0].kernel, b[0].pool, b[1].kernel, b[1].pool);
        }
    }
    fprintf(stderr, "\n");
}

/* ---- running it ---------------------------------------------------------------------------------------------------
 */

struct run {
    const void *model;
    int height, width;
    size_t values; /* of the answer */
    const float *input;
};

static float *run(const struct run *r, int threads, int before) {
    int64_t bytes = sinet_workspace_size(r->model, r->height, r->width, threads);
    check(bytes > 0);
    size_t answer = 4 * r->values;
    void *workspace = block(bytes, 64);
    float *logits = block(answer, 4);
    memset(workspace, before, bytes);
    memset(logits, before, answer);
    check(sinet_workspace_prepare(r->model, r->height, r->width, threads, workspace, bytes - 1) == SINET_ERROR_MEMORY);
    check(sinet_workspace_prepare(r->model, r->height, r->width, threads, workspace, bytes) == SINET_OK);
    if (threads == 1) check(sinet_run(r->model, workspace, r->input, logits) == SINET_OK);
    for (int step = 0; threads > 1 && step < sinet_steps(r->model); step++)
        for (int part = threads - 1; part >= 0; part--)
            check(sinet_run_step(r->model, workspace, step, part, r->input, logits) == SINET_OK);
    release(workspace);
    return logits;
}

static void check_close(const float *a, const float *b, size_t count) {
    float largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(a[i]));
    for (size_t i = 0; i < count; i++) check(isfinite(a[i]) && fabsf(a[i] - b[i]) <= 1e-3f * largest);
}

static void *open_model(const uint8_t *file, size_t bytes, int isa) {
    int64_t needed = sinet_model_size(file, bytes, isa);
    check(needed > 0);
    void *model = block(needed, 64);
    check(sinet_model_open(file, bytes, isa, model, needed - 1) == SINET_ERROR_MEMORY);
    check(sinet_model_open(file, bytes, isa, model, needed) == SINET_OK);
    return model;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct draw d = {data, data + size};
    struct config config = draw_config(&d);
    size_t bytes;
    uint8_t *file = write_artefact(&config, draw_bytes(&d, 4), &bytes);
    int isa = draw(&d, 0, sinet_best_isa());
    if (getenv("SHOW")) show(&config, sinet_isa_name(isa));
    void *model = open_model(file, bytes, isa), *plain = open_model(file, bytes, 0);
    release(file);
    int multiple = sinet_model_multiple(model), limit = multiple < 96 ? 96 / multiple : 1;
    struct run r = {model, multiple * draw(&d, 1, limit), multiple * draw(&d, 1, limit), 0, NULL};
    int stride = sinet_model_output_stride(model);
    check(stride == config.stage_count - 1);
    r.values = (size_t)sinet_model_outputs(model) * (r.height / stride) * (r.width / stride);
    int64_t hostile_size = sinet_workspace_size(model, hostile(&d), hostile(&d), hostile(&d));
    check(hostile_size < 0 || hostile_size > 3 * 4 * 32 * 32);
    if (getenv("SHOW")) fprintf(stderr, "%d x %d\n", r.height, r.width);
    if (multiple <= 160) {
        size_t pixels = (size_t)r.height * r.width;
        float *input = block(12 * pixels, 4);
        for (size_t i = 0; i < 3 * pixels; i++) input[i] = (float)((i * 2654435761u >> 8) % 4096) / 1024 - 2;
        r.input = input;
        float *answer = run(&r, 1, 0), *again = run(&r, 1, 0xff), *shared = run(&r, draw(&d, 2, 5), 0xff);
        check(memcmp(answer, again, 4 * r.values) == 0);
        check(memcmp(answer, shared, 4 * r.values) == 0);
        r.model = plain;
        float *other = run(&r, 1, 0xff);
        check_close(other, answer, r.values);
        release(input), release(answer), release(again), release(shared), release(other);
    }
    release(model), release(plain);
    return 0;
}
