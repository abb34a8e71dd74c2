/* What is rare or small, in plain C and compiled once: the answer counts here, not the time. */

#include "network.h"

void depthwise_any(const struct depthwise *conv, int channel, const struct map *map, int y, int rows, real *out) {
    int kernel = conv->kernel, reach = kernel / 2;
    const real *plane = map->data + channel * map->plane;
    const real *weights = conv->weights + (ptrdiff_t)channel * kernel * kernel;
    for (int last = y + rows; y < last; y++)
        for (int x = 0; x < map->width; x++) {
            float sum = (float)conv->bias[channel];
            for (int r = most(0, reach - y); r < kernel && y + r - reach < map->height; r++)
                for (int k = most(0, reach - x); k < kernel && x + k - reach < map->width; k++)
                    sum += (float)weights[r * kernel + k] * (float)plane[(ptrdiff_t)(y + r - reach) * map->row + x + k - reach];
            *out++ = (real)(sum > 0 ? sum : sum * (float)conv->slope[channel]);
        }
}

void pool_any(const real *in, ptrdiff_t row, int pool, real *out, int width) {
    for (int x = 0; x < width; x++) {
        float sum = 0;
        for (int r = 0; r < pool; r++)
            for (int k = 0; k < pool; k++) sum += (float)in[r * row + x * pool + k];
        out[x] = (real)(sum / (float)(pool * pool));
    }
}

/* In double precision: what is off here is off in every pixel. */
void run_dense(const struct dense *dense, const float *in, float *out) {
    for (int o = 0; o < dense->outputs; o++) {
        double sum = dense->bias[o];
        for (int i = 0; i < dense->inputs; i++) sum += (double)dense->weights[(ptrdiff_t)o * dense->inputs + i] * in[i];
        out[o] = (float)(sum > 0 ? sum : sum * dense->slope[o]);
    }
}

void clear_values(real *values, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) values[i] = 0;
}
