/* Matrix products and their gradients, in tiles that stay in registers. */
#include "kernels.h"

INLINE void product_tile(int rows, int vectors, int inputs, struct weights w, const float *x, ptrdiff_t plane_x,
                         const float *bias, float *y, ptrdiff_t plane_y, int add) {
    vec sums[TILE_ROWS][TILE_VECTORS];
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int v = 0; v < vectors; v++)
            sums[r][v] = add ? load(y + r * plane_y + v * LANES) : splat(bias ? bias[r] : 0);
    for (int i = 0; i < inputs; i++) {
        vec in[TILE_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++) in[v] = load(x + i * plane_x + v * LANES);
        UNROLL
        for (int r = 0; r < rows; r++) {
            vec weight = splat(w.at[r * w.row + i * w.column]);
            UNROLL
            for (int v = 0; v < vectors; v++) sums[r][v] += weight * in[v];
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int v = 0; v < vectors; v++) store(y + r * plane_y + v * LANES, sums[r][v]);
}

INLINE void product_rows(int rows, int inputs, struct weights w, const float *x, ptrdiff_t plane_x,
                         const float *bias, float *y, ptrdiff_t plane_y, int floats, int add) {
    int at = 0;
    for (; at + TILE_VECTORS * LANES <= floats; at += TILE_VECTORS * LANES)
        product_tile(rows, TILE_VECTORS, inputs, w, x + at, plane_x, bias, y + at, plane_y, add);
    for (; at < floats; at += LANES)
        product_tile(rows, 1, inputs, w, x + at, plane_x, bias, y + at, plane_y, add);
}

void product(int outputs, int inputs, struct weights w, const float *x, ptrdiff_t plane_x, const float *bias, float *y,
             ptrdiff_t plane_y, int floats, int add) {
    /* A panel of the inputs stays in the nearest cache while all outputs are computed from it. */
    enum { PANEL = 4 * TILE_VECTORS * LANES };
    for (int from = 0; from < floats; from += PANEL) {
        int part = floats - from < PANEL ? floats - from : PANEL;
        int o = 0;
#define ROWS(n)                                                                                                        \
    for (; outputs - o >= (n); o += (n)) {                                                                             \
        struct weights here = {w.at + o * w.row, w.row, w.column};                                                     \
        product_rows((n), inputs, here, x + from, plane_x, bias ? bias + o : NULL,                        \
                     y + o * plane_y + from, plane_y, part, add);                                                      \
    }
        ROWS(TILE_ROWS) ROWS(4) ROWS(2) ROWS(1)
#undef ROWS
    }
}

INLINE void outer_tile(int rows, int columns, int floats, const float *dy, ptrdiff_t plane_y, const float *x,
                       ptrdiff_t plane_x, float *dw, ptrdiff_t row) {
    vec sums[OUTER_ROWS][OUTER_COLUMNS];
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < columns; c++) sums[r][c] = splat(0);
    for (int at = 0; at < floats; at += LANES) {
        vec in[OUTER_COLUMNS];
        UNROLL
        for (int c = 0; c < columns; c++) in[c] = load(x + c * plane_x + at);
        UNROLL
        for (int r = 0; r < rows; r++) {
            vec d = load(dy + r * plane_y + at);
            UNROLL
            for (int c = 0; c < columns; c++) sums[r][c] += d * in[c];
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < columns; c++) dw[r * row + c] += sum_of(sums[r][c]);
}

INLINE void outer_rows(int rows, int inputs, int floats, const float *dy, ptrdiff_t plane_y, const float *x,
                       ptrdiff_t plane_x, float *dw, ptrdiff_t row) {
    int c = 0;
#define COLUMNS(n)                                                                                                     \
    for (; inputs - c >= (n); c += (n))                                                                                \
        outer_tile(rows, (n), floats, dy, plane_y, x + c * plane_x, plane_x, dw + c, row);
    COLUMNS(OUTER_COLUMNS) COLUMNS(2) COLUMNS(1)
#undef COLUMNS
}

void outer(int outputs, int inputs, const float *dy, ptrdiff_t plane_y, const float *x, ptrdiff_t plane_x, float *dw,
           ptrdiff_t row, int floats) {
    enum { PART = 64 * LANES };
    for (int from = 0; from < floats; from += PART) {
        int part = floats - from < PART ? floats - from : PART;
        int o = 0;
#define ROWS(n)                                                                                                        \
    for (; outputs - o >= (n); o += (n))                                                                               \
        outer_rows((n), inputs, part, dy + o * plane_y + from, plane_y, x + from, plane_x, dw + o * row, row);
        ROWS(OUTER_ROWS) ROWS(2) ROWS(1)
#undef ROWS
    }
}
