/* From an artefact to a model: its weights are found by their names, checked, and stored in the order in which the
 * network reads them. */

#include "kernels.h"
#include "sinet.h"

/* One walk reads the weights, or, without an artefact, counts what they need. */
struct builder {
    struct arena arena;
    int block; /* of the instruction set */
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

/* Rows of `count` floats, each filled up with zeros to `room`. */
static const float *padded_rows(struct builder *b, const char *name, int rows, int count, int room) {
    const unsigned char *data = find(b, name, (size_t)rows * (size_t)count);
    float *values = take_floats(&b->arena, (int64_t)rows * room);
    for (int r = 0, i = 0; data && r < rows; r++)
        for (int k = 0; k < room; k++, i++) values[i] = k < count ? read_float(data, (ptrdiff_t)r * count + k) : 0;
    return values;
}

/* What stays in floats whatever the network is made of: see network.h. */
static const float *floats(struct builder *b, const char *name, int count) {
    return padded_rows(b, name, 1, count, count);
}

static const real *tensor(struct builder *b, const char *name, int count) {
    const unsigned char *data = find(b, name, (size_t)count);
    real *values = take_values(&b->arena, count);
    for (int i = 0; data && i < count; i++) values[i] = (real)read_float(data, i);
    return values;
}

void pack(real *packed, int block, const unsigned char *weights, int outputs, int inputs, int turned,
          const float *scale) {
    for (int first = 0; first < outputs; first += block) {
        if (first + block > outputs) block = REST;
        for (int i = 0; i < inputs; i++)
            for (int c = first; c < first + block; c++) {
                ptrdiff_t at = turned ? (ptrdiff_t)i * outputs + c : (ptrdiff_t)c * inputs + i;
                float weight = c < outputs ? read_float(weights, at) : 0;
                *packed++ = (real)(scale ? weight * scale[i] : weight);
            }
    }
}

/* Without biases it gets zeros; turned: the weights are stored input by input; exact: floats whatever maps are made of. */
enum { BIASED = 1, TURNED = 2, EXACT = 4 };

/* Outputs [first, first + outputs) of the `total` of a convolution. */
static struct pointwise pointwise(struct builder *b, const char *name, int first, int outputs, int inputs, int total,
                                  int kind) {
    int before = push(b, name);
    const unsigned char *weights = find(b, "weight", (size_t)total * (size_t)inputs);
    const unsigned char *biases = kind & BIASED ? find(b, "bias", (size_t)total) : NULL;
    cut(b, before);
    int64_t rows = padded(outputs, b->block);
    int exact = kind & EXACT;
    void *packed = exact ? (void *)take_floats(&b->arena, rows * inputs) : take_values(&b->arena, rows * inputs);
    void *bias = exact ? (void *)take_floats(&b->arena, rows) : take_values(&b->arena, rows);
    if (weights && !b->error) {
        weights += 4 * (ptrdiff_t)first * inputs;
        if (exact) pack_floats(packed, b->block, weights, outputs, inputs, kind & TURNED, NULL);
        else pack(packed, b->block, weights, outputs, inputs, kind & TURNED, NULL);
        for (int c = 0; c < rows; c++) {
            float value = biases && c < outputs ? read_float(biases, first + c) : 0;
            if (exact) ((float *)bias)[c] = value;
            else ((real *)bias)[c] = (real)value;
        }
    }
    return (struct pointwise){inputs, outputs, packed, bias};
}

static void build_branch(struct builder *b, struct branch *branch, const struct branch_config *config, int half) {
    int kernel = config->kernel;
    branch->pool = config->pool;
    branch->depthwise = (struct depthwise){half, kernel, tensor(b, "depthwise.weight", half * kernel * kernel),
                                           tensor(b, "depthwise.bias", half), tensor(b, "act.slope", half)};
    branch->pointwise = pointwise(b, "pointwise.", 0, half, half, half, BIASED);
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
    made.weights = floats(b, "weight", outputs * inputs);
    made.bias = floats(b, "bias", outputs);
    cut(b, before);
    push_number(b, "excitation.", 2 * layer + 1);
    made.slope = floats(b, "slope", outputs);
    cut(b, before);
    return made;
}

static void build_down(struct builder *b, struct down *down, const struct stage_config *config, int inputs, int first) {
    int before = push(b, "down."), inner = inputs / config->reduction;
    down->inputs = inputs;
    down->outputs = config->down;
    down->depthwise = floats(b, "depthwise.weight", 9 * inputs);
    down->layers = config->reduction == 1 ? 1 : 2;
    down->excitation[0] = dense(b, 0, inputs, down->layers == 1 ? inputs : inner);
    if (down->layers == 2) down->excitation[1] = dense(b, 1, inner, inputs);
    down->weights = floats(b, "pointwise.weight", config->down * inputs);
    down->bias = first ? (const real *)floats(b, "pointwise.bias", config->down) : tensor(b, "pointwise.bias", config->down);
    down->slope = tensor(b, "act.slope", config->down);
    cut(b, before);
}

/* Gives the channels of the joined output. */
static int build_stage(struct builder *b, struct stage *stage, const struct stage_config *config, int inputs, int first) {
    int channels = config->down;
    build_down(b, &stage->down, config, inputs, first);
    stage->modules = config->modules;
    for (int i = 0; i < config->modules; i++) {
        int before = push_number(b, "squeezes.", i);
        build_module(b, &stage->module[i], &config->module[i], channels);
        cut(b, before);
        channels = config->module[i].width;
    }
    if (!config->modules) return channels;
    channels += config->down;
    stage->join_scale = tensor(b, "join.scale", channels);
    stage->join_bias = tensor(b, "join.bias", channels);
    stage->join_slope = tensor(b, "act.slope", channels);
    return channels;
}

static void build_gates(struct builder *b, struct model *model, const struct config *config) {
    int classes = config->classes, coarser = config->stage_count - 2;
    struct gate *gate = &model->gates[0];
    gate->stage = coarser;
    gate->project = pointwise(b, "gate.project.", 0, classes, features_of(&config->stages[coarser]), classes,
                              BIASED | EXACT);
    gate->slope = floats(b, "gate.act.slope", classes);
    gate->detail_scale = floats(b, "gate.detail_scale", classes);
    gate->scale = floats(b, "gate.fused.scale", classes);
    gate->bias = floats(b, "gate.fused.bias", classes);
    if (coarser == 0) return;
    float *scale = take_floats(&b->arena, classes), *bias = take_floats(&b->arena, classes);
    for (int k = 0; b->artefact && k < classes; k++) {
        scale[k] = 1;
        bias[k] = 0;
    }
    model->gates[1] =
        (struct gate){.detail_scale = floats(b, "fine_gate.detail_scale", classes), .scale = scale, .bias = bias};
}

static void build_weights(struct builder *b, struct model *model, const struct config *config) {
    model->stem = pointwise(b, "stem.0.", 0, config->stem, 27, config->stem, BIASED | EXACT);
    model->stem_slope = floats(b, "stem.1.slope", config->stem);
    int channels = config->stem;
    for (int i = 0; i < config->stage_count; i++) {
        int before = push_number(b, "stages.", i);
        channels = build_stage(b, &model->stages[i], &config->stages[i], channels, i == 0);
        cut(b, before);
    }
    model->coarse = pointwise(b, "coarse.", 0, config->classes, channels, config->classes, BIASED | EXACT);
    build_gates(b, model, config);
    if (config->transposed)
        model->spread = pointwise(b, "head.", 0, 4 * model->outputs, config->classes, 4 * model->outputs,
                                  TURNED | EXACT);
    else
        model->head = padded_rows(b, "head.weight", model->outputs, 9 * config->classes, 9 * head_classes(config->classes));
}

static void add_step(struct model *model, enum step_kind kind, int stage, int module) {
    static const char kinds[][10] = {"stem",   "depthwise", "pointwise", "reduce", "branches",
                                     "enlarge", "coarse",   "gate",      "fine gate", "head"};
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

static void list_steps(struct model *model) {
    model->steps = 0;
    add_step(model, STEM, -1, -1);
    for (int s = 0; s < model->stage_count; s++) {
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
    if (gate_count(model) == 2 && !model->transposed) add_step(model, FINE, -1, -1);
    add_step(model, HEAD, -1, -1);
}

static int size_multiple(const struct config *config) {
    int multiple = 8 << config->stage_count; /* the coarsest map has 4 x 4 pixels at least */
    for (int s = 0; s < config->stage_count; s++)
        for (int m = 0; m < config->stages[s].modules; m++)
            for (int i = 0; i < 2; i++)
                multiple = lcm(multiple, (4 << s) * config->stages[s].module[m].branches[i].pool);
    return multiple;
}

static int build(const struct artefact *artefact, const struct config *config, const struct kernels *kernels,
                 struct model *model, int64_t *bytes) {
    struct builder b = {.arena = {(char *)(artefact ? model : NULL), 0}, .block = kernels->shape.block};
    b.artefact = artefact;
    take(&b.arena, sizeof *model);
    model->kernels = kernels;
    model->classes = config->classes;
    model->outputs = config->classes == 2 ? 1 : config->classes;
    model->multiple = size_multiple(config);
    model->stage_count = config->stage_count;
    model->aligned = config->aligned;
    model->transposed = config->transposed;
    build_weights(&b, model, config);
    list_steps(model);
    if (bytes) *bytes = b.arena.used;
    return b.error;
}

int64_t model_size(const struct config *config, const struct kernels *kernels) {
    struct model scratch;
    int64_t bytes;
    build(NULL, config, kernels, &scratch, &bytes);
    return bytes;
}

int model_build(const struct artefact *artefact, const struct config *config, const struct kernels *kernels,
                struct model *model) {
    return build(artefact, config, kernels, model, NULL);
}
