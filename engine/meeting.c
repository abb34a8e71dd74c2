/* The end of a step: where the threads of a run wait for each other. */

#include "network.h"

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
