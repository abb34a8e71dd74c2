/* What the fuzzers share: memory of exactly so many bytes, and what must hold. */
#ifndef SINET_MEMORY_FUZZ_H
#define SINET_MEMORY_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define check(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

/* The sanitizer sees one byte read or written beyond it. `alignment` is exact: the address is no multiple of more. */
static inline void *block(size_t bytes, size_t alignment) {
    void *memory = NULL;
    if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, bytes ? bytes : 1)) abort();
    return memory;
}

static inline void release(void *memory) { free(memory); }

#endif
