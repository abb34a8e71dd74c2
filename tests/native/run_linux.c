/* Run the engine on another processor under qemu: reads a request from standard input, writes logits to standard output,
 * as machines.py speaks to it. Four system calls of Linux on arm64 instead of a libc for it. */

#include "../../engine/sinet.h"

#ifndef ISA
#define ISA sinet_best_isa()
#endif

enum { SYS_READ = 63, SYS_WRITE = 64, SYS_EXIT = 93, SYS_MMAP = 222 };

static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}

static void quit(long status) {
    call(SYS_EXIT, status, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}

/* An engine's answer; a negative one ends the program with its absolute value. */
static int64_t checked(int64_t answer) {
    if (answer < 0) quit(-answer);
    return answer;
}

static void *reserve(int64_t bytes) {
    long at = call(SYS_MMAP, 0, bytes, 3 /* read, write */, 0x22 /* private, anonymous */, -1, 0);
    if (at < 0 && at > -4096) quit(100);
    return (void *)at;
}

/* Whether `bytes` bytes came; an end in their middle is a failure. */
static int receive(void *to, int64_t bytes) {
    int64_t done = 0;
    while (done < bytes) {
        long got = call(SYS_READ, 0, (long)to + done, bytes - done, 0, 0, 0);
        if (got == 0 && done == 0) return 0;
        if (got <= 0) quit(101);
        done += got;
    }
    return 1;
}

static void send(const void *from, int64_t bytes) {
    for (int64_t done = 0; done < bytes;) {
        long put = call(SYS_WRITE, 1, (long)from + done, bytes - done, 0, 0, 0);
        if (put <= 0) quit(102);
        done += put;
    }
}

void _start(void) {
    uint32_t length;
    if (!receive(&length, 4)) quit(103);
    void *artefact = reserve(length);
    receive(artefact, length);
    int isa = checked(ISA);
    int64_t bytes = checked(sinet_model_size(artefact, length, isa));
    void *model = reserve(bytes);
    checked(sinet_model_open(artefact, length, isa, model, bytes));
    int outputs = checked(sinet_model_outputs(model)), stride = checked(sinet_model_output_stride(model));

    void *workspace = NULL;
    float *input = NULL, *logits = NULL;
    for (uint32_t size[2], last[2] = {0, 0}; receive(size, 8); last[0] = size[0], last[1] = size[1]) {
        int height = size[0], width = size[1];
        int64_t plane = 4 * (int64_t)height * width, answer = outputs * plane / stride / stride;
        if (size[0] != last[0] || size[1] != last[1]) { /* else all is there, as from frame to frame of a film */
            input = reserve(3 * plane);
            logits = reserve(answer);
            bytes = checked(sinet_workspace_size(model, height, width, 1));
            workspace = reserve(bytes);
            checked(sinet_workspace_prepare(model, height, width, 1, workspace, bytes));
        }
        receive(input, 3 * plane);
        checked(sinet_run(model, workspace, input, logits));
        send(logits, answer);
    }
    quit(0);
}
