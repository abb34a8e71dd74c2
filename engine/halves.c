/* Whether this processor computes in halves (Arm's FEAT_FP16), asked without a library. */

#include "kernels.h"

#if defined(__aarch64__)

#if defined(__APPLE__)

int has_halves(void) { return 1; } /* all of Apple's since the A11 and the M1 */

#elif defined(__linux__)

enum { OPENAT = 56, CLOSE = 57, READ = 63, HERE = -100, AT_HWCAP = 16, ASIMDHP = 1 << 10 };

static long system_call(long number, long a, long b, long c) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = 0;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}

/* The first bytes of a file; 0 where it cannot be read. */
static long read_start(const char *path, void *bytes, long most) {
    long file = system_call(OPENAT, HERE, (long)path, 0), read = 0, more = 1;
    if (file < 0) return 0;
    while (read < most && (more = system_call(READ, file, (long)bytes + read, most - read)) > 0) read += more;
    system_call(CLOSE, file, 0, 0);
    return read;
}

/* What the kernel hands to every program; phones keep it from apps, and say the same in words to everybody. */
static int ask_system(void) {
    static const char word[] = " asimdhp";
    union {
        uint64_t pairs[256];
        char text[2048];
    } start;
    long count = read_start("/proc/self/auxv", start.pairs, sizeof start.pairs) / 8;
    for (long i = 0; i + 1 < count; i += 2)
        if (start.pairs[i] == AT_HWCAP) return (start.pairs[i + 1] & ASIMDHP) != 0;
    count = read_start("/proc/cpuinfo", start.text, sizeof start.text);
    for (long i = 0, same = 0; i < count; i++) {
        same = start.text[i] == word[same] ? same + 1 : start.text[i] == word[0];
        if (same == sizeof word - 1) return 1;
    }
    return 0;
}

/* Asked once; all threads would store the same answer. */
int has_halves(void) {
    static int answer = -1;
    int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
    if (known < 0) __atomic_store_n(&answer, known = ask_system(), __ATOMIC_RELAXED);
    return known;
}

#else

int has_halves(void) { return 0; }

#endif

#endif
