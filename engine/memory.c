/* What a compiler takes for granted and other programs get from libc: functions that it may call whatever the source
 * says, and on Windows a DLL's entry and the probing of large stack frames.
 *
 * Compiled with -fno-builtin, so that the loops do not become calls to themselves. */
#include <stddef.h>
#include <stdint.h>

struct block {
    uint8_t bytes[16];
};

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    uint8_t *t = to;
    const uint8_t *f = from;
    for (; count >= sizeof(struct block); count -= 16, t += 16, f += 16) __builtin_memcpy(t, f, 16);
    while (count--) *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t - (uintptr_t)f >= count) return memcpy(to, from, count); /* to lies before from, or far behind it */
    while (count--) t[count] = f[count];
    return to;
}

void *memset(void *to, int value, size_t count) {
    uint8_t *t = to;
    struct block block;
    for (int i = 0; i < 16; i++) block.bytes[i] = (uint8_t)value;
    for (; count >= sizeof block; count -= 16, t += 16) __builtin_memcpy(t, &block, 16);
    while (count--) *t++ = (uint8_t)value;
    return to;
}

#if defined(__APPLE__)
/* Where it clears memory, a compiler for macOS calls one of these. */
void bzero(void *to, size_t count) { memset(to, 0, count); }
void __bzero(void *to, size_t count) { memset(to, 0, count); }
#endif

#if defined(_WIN32)
int _fltused; /* Microsoft's mark of a program that uses floating point */

int DllMainCRTStartup(void *library, uint32_t reason, void *reserved) {
    (void)library, (void)reason, (void)reserved;
    return 1;
}

/* Windows grows a stack by one page at a time, and only when the page below the last one is touched. A function whose
 * frame is larger calls this first, with the size in rax; every page is touched in turn, every register is kept. */
__attribute__((naked)) void ___chkstk_ms(void) {
    __asm__("pushq %rax\n"
            "pushq %rcx\n"
            "leaq 24(%rsp), %rcx\n" /* the caller's stack pointer */
            "0: cmpq $4096, %rax\n"
            "jb 1f\n"
            "subq $4096, %rcx\n"
            "orq $0, (%rcx)\n"
            "subq $4096, %rax\n"
            "jmp 0b\n"
            "1: subq %rax, %rcx\n"
            "orq $0, (%rcx)\n"
            "popq %rcx\n"
            "popq %rax\n"
            "ret");
}
#endif
