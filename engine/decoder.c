/* From the coarsest logits to the answer: gates, enlargements, the head. A part of network.c, always made of floats. */

/* e^x for x <= 0, with a relative error below 2e-7; below -87.3 what it is there, 1e-38. */
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
INLINE vf doubt(const real *logits, ptrdiff_t plane, int classes) {
    vf first = vload(logits), second = vload(logits + plane), largest = vmax(first, second), sum = vset(0);
    vf one = vset(classes > 2), rest = vset(classes == 2); /* of two, the sum leaves the largest out: it is exact */
    for (int k = 2; k < classes; k++) largest = vmax(largest, vload(logits + k * plane));
    for (int k = classes == 2; k < classes; k++)
        sum += vexp(classes == 2 ? -vabs(first - second) : vload(logits + k * plane) - largest);
    return (sum - one) / (sum + rest);
}

/* ROWS rows from y on of an enlargement by two points along the columns and then across, dense. */
static void enlarge_band(const struct enlargement *e, int y, const real *plane, int row, real *scratch, real *out) {
    int to = e->across.to, wide = (int)round_up(e->across.from, LANES);
    int together = to % LANES ? 1 : ROWS; /* what runs over the end of a row must not meet the next one's begin */
    for (int o = 0; o < ROWS; o++) {
        int first = e->down.first[y + o];
        const real *a = plane + (ptrdiff_t)first * row;
        const real *b = plane + (ptrdiff_t)least(first + 1, e->down.from - 1) * row;
        vf weight = vset(e->down.weight[y + o][0]), other = vset(e->down.weight[y + o][1]);
        for (int x = 0; x < wide; x += LANES)
            vstore(scratch + o * wide + x, vfma(vload(a + x), weight, vload(b + x) * other));
    }
    for (int o = 0; o < ROWS; o += together)
        run_across(&e->across, scratch + o * wide, wide, out + (ptrdiff_t)o * to, to, together);
}

/* The same of what enters gate `g`, or the head, of all classes; their planes are `out_plane` apart. */
static void enlarge_bands(const struct context *ctx, int g, int y, real *scratch, real *out, ptrdiff_t out_plane) {
    const struct map *in = &ctx->space->logits[g];
    for (int k = 0; k < ctx->model->classes; k++)
        enlarge_band(&ctx->space->enlarge[g], y, in->data + k * in->plane, in->row, scratch, out + k * out_plane);
}

/* Information blocking: detail from the skip is let through where the coarse answer is in doubt. ROWS rows from y on. */
static void gate_band(const struct context *ctx, int g, int y, real *out, ptrdiff_t out_plane, real *scratch) {
    const struct model *model = ctx->model;
    const struct workspace *space = ctx->space;
    const struct gate *gate = &model->gates[g];
    const struct map *skip = &space->skips[g];
    int classes = model->classes, pixels = ROWS * skip->width;
    const real *detail = skip->data + (ptrdiff_t)y * skip->width;
    ptrdiff_t detail_plane = skip->plane;
    real *wide = scratch + (ptrdiff_t)classes * pixels, *rows = wide + (ptrdiff_t)classes * pixels + LANES;
    if (gate->slope) {
        struct finish finish = {NULL, NULL, 0, gate->slope};
        run_pointwise(&gate->project, detail, detail_plane, scratch, pixels, pixels, &finish);
        detail = scratch;
        detail_plane = pixels;
    }
    enlarge_bands(ctx, g, y, rows, wide, pixels);
    for (int i = 0; i < pixels; i += LANES) {
        vf open = doubt(wide + i, pixels, classes);
        for (int k = 0; k < classes; k++) {
            vf sum = vfma(vload(wide + (ptrdiff_t)k * pixels + i), vset(gate->scale[k]), vset(gate->bias[k]));
            vf fine = vload(detail + k * detail_plane + i) * vset(gate->detail_scale[k]);
            vstore(out + k * out_plane + i, vfma(fine, open, sum));
        }
    }
}

static void run_gate(const struct context *ctx, int g) {
    const struct map *out = &ctx->space->logits[g + 1];
    struct range units = share(ctx, out->height / ROWS);
    for (int y = units.begin * ROWS; y < units.end * ROWS; y += ROWS)
        gate_band(ctx, g, y, out->data + (ptrdiff_t)y * out->width, out->plane, ctx->scratch);
}

/* The rows of the head's input, of all classes, enlarged: those across only in `wide`, both ways in `ring`. */
struct head_rows {
    const struct enlargement *e;
    const struct map *in;
    int classes, filled; /* rows of the input that are in `wide` or were */
    ptrdiff_t row;
    real *wide, *ring; /* classes x WIDE rows, classes x RING rows */
};

static real *ring_row(const struct head_rows *h, int k, int y) {
    return h->ring + (k * RING + (y + RING) % RING) * h->row;
}

/* Row y, from -1 to the height: beyond the picture are zeros. */
static void head_row(struct head_rows *h, int y) {
    const struct points *down = &h->e->down;
    if (y < 0 || y >= down->to) {
        for (int k = 0; k < h->classes; k++) clear_values(ring_row(h, k, y), h->row);
        return;
    }
    int first = down->first[y], last = least(first + 2, down->from - 1);
    for (; h->filled <= last; h->filled++)
        for (int k = 0; k < h->classes; k++)
            run_across(&h->e->across, h->in->data + k * h->in->plane + (ptrdiff_t)h->filled * h->in->row, 0,
                       h->wide + (k * WIDE + h->filled % WIDE) * h->row, 0, 1);
    for (int k = 0; k < h->classes; k++) {
        const real *a = h->wide + (k * WIDE + first % WIDE) * h->row;
        const real *b = h->wide + (k * WIDE + least(first + 1, last) % WIDE) * h->row;
        const real *c = h->wide + (k * WIDE + last % WIDE) * h->row;
        vf weight[3];
        for (int i = 0; i < 3; i++) weight[i] = vset(down->weight[y][i]);
        real *out = ring_row(h, k, y);
        for (int x = 0; x < h->e->across.to; x += LANES)
            vstore(out + x,
                   vfma(vload(a + x), weight[0], vfma(vload(b + x), weight[1], vload(c + x) * weight[2])));
    }
}

/* What classes [k, k + CHANNELS) add to ROWS rows from y on. */
INLINE void add_head(const struct head_rows *h, int y, int k, int x, const real *weights,
                     const struct borders *borders, vf sum[CHANNELS][ROWS][COLUMNS]) {
    const real *rows[ROWS + 2];
    UNROLL
    for (int r = 0; r < ROWS + 2; r++) rows[r] = ring_row(h, k, y + r - 1);
    depthwise_tile(3, CHANNELS, COLUMNS, rows, RING * h->row, x, h->e->across.to, weights, borders, sum);
}

/* The 3x3 convolution of ROWS rows from y on. */
static void head_band(const struct context *ctx, const struct head_rows *h, int y, float *logits) {
    const struct workspace *space = ctx->space;
    const real *weights = ctx->model->head;
    struct borders borders = make_borders(3, space->out_width);
    for (int o = 0; o < ctx->model->outputs; o++, weights += 9 * head_classes(h->classes))
        for (int x = 0; x < space->out_width; x += COLUMNS * LANES) {
            vf sum[CHANNELS][ROWS][COLUMNS];
            for (int c = 0; c < CHANNELS; c++)
                for (int r = 0; r < ROWS; r++)
                    for (int v = 0; v < COLUMNS; v++) sum[c][r][v] = vset(0);
            for (int k = 0; k < h->classes; k += CHANNELS) add_head(h, y, k, x, weights + 9 * k, &borders, sum);
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < COLUMNS; v++) {
                    vf logit = sum[0][r][v];
                    for (int c = 1; c < CHANNELS; c++) logit += sum[c][r][v];
                    vstore(logits + ((ptrdiff_t)o * space->out_height + y + r) * space->out_width + x + v * LANES, logit);
                }
        }
}

static void run_head(const struct context *ctx, float *logits) {
    const struct workspace *space = ctx->space;
    struct range units = share(ctx, space->out_height / ROWS);
    if (units.begin == units.end) return;
    ptrdiff_t row = space->out_width + 2 * SLACK;
    int classes = ctx->model->classes, next = units.begin * ROWS - 1;
    const struct enlargement *e = &space->enlarge[gate_count(ctx->model)];
    struct head_rows h = {e, &space->logits[gate_count(ctx->model)], classes, e->down.first[most(next, 0)], row,
                          ctx->scratch + SLACK, ctx->scratch + SLACK + classes * WIDE * row};
    if (CHANNELS > 1 && classes % 2) clear_values(h.ring + classes * RING * row, RING * row);
    for (int y = units.begin * ROWS; y < units.end * ROWS; y += ROWS) {
        for (; next <= y + ROWS; next++) head_row(&h, next);
        head_band(ctx, &h, y, logits);
    }
}

/* Of `count` pixels of a row, whole vectors; `four` gets CHUNK floats for each of the four maps. */
static void spread(const struct context *ctx, const real *in, ptrdiff_t in_plane, real *four, int count, float *out) {
    const struct workspace *space = ctx->space;
    struct finish finish = {NULL, NULL, 0, NULL};
    run_pointwise(&ctx->model->spread, in, in_plane, four, CHUNK, count, &finish);
    for (int m = 0; m < 2 * ctx->model->outputs; m++, four += 2 * CHUNK) {
        float *to = out + ((ptrdiff_t)(m / 2) * space->out_height + m % 2) * space->out_width;
        for (int i = 0; i < count; i += LANES) {
            vf left = vload(four + i), right = vload(four + CHUNK + i);
            vstore(to + 2 * i, vlow(left, right));
            vstore(to + 2 * i + LANES, vhigh(left, right));
        }
    }
}

/* A transposed 2x2 convolution of stride 2: each pixel becomes two rows of two, so it is a pointwise one to four maps
 * for each output, whose pixels are then put between each other. */
static void run_transposed(const struct context *ctx, float *logits) {
    const struct model *model = ctx->model;
    const struct workspace *space = ctx->space;
    struct range units = share(ctx, space->out_height / 2 / ROWS);
    int width = space->out_width / 2, pixels = ROWS * width;
    real *in = ctx->scratch, *four = in + (ptrdiff_t)model->classes * pixels + LANES;
    real *rest = four + 4 * (ptrdiff_t)model->outputs * CHUNK;
    for (int y = units.begin * ROWS; y < units.end * ROWS; y += ROWS) {
        if (gate_count(model) == 2) gate_band(ctx, 1, y, in, pixels, rest);
        else enlarge_bands(ctx, 1, y, rest, in, pixels);
        for (int r = 0; r < ROWS; r++)
            for (int x = 0; x < width; x += CHUNK)
                spread(ctx, in + r * width + x, pixels, four, least(CHUNK, width - x),
                       logits + (ptrdiff_t)(y + r) * 2 * space->out_width + 2 * x);
    }
}
