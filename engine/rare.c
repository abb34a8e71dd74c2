/* What is rare or small, in plain C and compiled once: the answer counts here, not the time. */

#include "network.h"

void depthwise_any(const struct depthwise *conv, int channel, const struct map *map, int y, int rows, float *out) {
    int kernel = conv->kernel, reach = kernel / 2;
    const float *plane = map->data + channel * map->plane;
    const float *weights = conv->weights + (ptrdiff_t)channel * kernel * kernel;
    for (int last = y + rows; y < last; y++)
        for (int x = 0; x < map->width; x++) {
            float sum = conv->bias[channel];
            for (int r = most(0, reach - y); r < kernel && y + r - reach < map->height; r++)
                for (int k = most(0, reach - x); k < kernel && x + k - reach < map->width; k++)
                    sum += weights[r * kernel + k] * plane[(ptrdiff_t)(y + r - reach) * map->row + x + k - reach];
            *out++ = sum > 0 ? sum : sum * conv->slope[channel];
        }
}

void pool_any(const float *in, ptrdiff_t row, int pool, float *out, int width) {
    for (int x = 0; x < width; x++) {
        float sum = 0;
        for (int r = 0; r < pool; r++)
            for (int k = 0; k < pool; k++) sum += in[r * row + x * pool + k];
        out[x] = sum / (float)(pool * pool);
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

void clear_floats(float *values, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) values[i] = 0;
}

/* Let another thread have this core, where that takes no library. */
static void give_way(void) {
#if defined(__linux__) && defined(__x86_64__)
    long answer = 24; /* sched_yield */
    __asm__ volatile("syscall" : "+a"(answer) : : "rcx", "r11", "memory");
#elif defined(__linux__) && defined(__aarch64__)
    register long number __asm__("x8") = 124; /* sched_yield */
    register long answer __asm__("x0");
    __asm__ volatile("svc 0" : "=r"(answer) : "r"(number) : "memory");
#endif
}

/* Spins at first, for the steps between two meetings are shorter than a thread's sleep; then gives way at every look, for
 * whom it waits for may be waiting for its core. */
void wait_for_all(struct workspace *space) {
    enum { PATIENCE = 4096 };
    unsigned phase = __atomic_load_n(&space->phase, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&space->arrived, 1, __ATOMIC_ACQ_REL) == space->threads) {
        __atomic_store_n(&space->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&space->phase, phase + 1, __ATOMIC_RELEASE);
        return;
    }
    for (int looks = 0; __atomic_load_n(&space->phase, __ATOMIC_ACQUIRE) == phase; looks += looks < PATIENCE) {
        if (looks == PATIENCE) give_way();
#if defined(__SSE2__)
        __builtin_ia32_pause();
#endif
    }
}
