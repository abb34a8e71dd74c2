/* The parts of the network, each forward and backward. */
#include "network.h"

void enlarge(const struct enlargement *e, const float *x, float *y, float *row) {
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
void enlarge_back(const struct enlargement *e, const float *dy, float *dx, float *row) {
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

void kernel_offsets(int kernel, int row, int *offset, int flipped) {
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

void module_forward(struct trainer *t, struct module *m, int height, int width, const float *x) {
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
void module_back(struct trainer *t, struct module *m, int height, int width, const float *x, float *d,
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
void split(const float *x, int height, int width, float *out, int phase) {
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

void halving_offsets(int row, int phase, int *offset) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            offset[3 * i + j] = ((i & 1) * 2 + (j & 1)) * phase + (i >> 1) * row + (j >> 1);
}

int phase_floats(int height, int width) { return filled((height / 2 + 1) * (width / 2 + 1)) + 4 * LANES; }

void down_forward(struct trainer *t, struct stage *s, const float *x) {
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
void down_back(struct trainer *t, struct stage *s, const float *x, float *d, float *dx) {
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

void join_part(struct stage *s, int from, int channels, const float *x, float *y, int pixels) {
    for (int c = 0; c < channels; c++) {
        vec scale = splat(s->scale[from + c]), bias = splat(s->bias[from + c]);
        for (int i = 0; i < pixels; i += LANES) {
            vec z = load(x + (ptrdiff_t)c * pixels + i) * scale + bias;
            store(y + (ptrdiff_t)(from + c) * pixels + i, z * steepness(z, s->slope[from + c]));
        }
    }
}

/* d: gradient at the joined map; dx: gradient at this part, overwritten. */
void join_part_back(struct trainer *t, struct stage *s, int from, int channels, const float *x, const float *d,
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
