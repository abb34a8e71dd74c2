/* Everything that depends on the width of vectors, compiled once per instruction set into one table. */

#include "kernels.h"

#include "network.c"

#ifndef SINET_ISA
#define SINET_ISA baseline
#endif
#define JOINED(a, b) a##b
#define NAMED(a, b) JOINED(a, b)

#if defined(__AVX512F__)
#define ISA_NAME "avx512"
#elif defined(__AVX2__)
#define ISA_NAME "avx2"
#elif defined(__SSE2__)
#define ISA_NAME "baseline"
#elif defined(__ARM_NEON)
#define ISA_NAME "neon"
#elif defined(__wasm_relaxed_simd__)
#define ISA_NAME "relaxed-simd128"
#elif defined(__wasm_simd128__)
#define ISA_NAME "simd128"
#else
#define ISA_NAME "portable"
#endif

const struct kernels NAMED(kernels_, SINET_ISA) = {
    .name = ISA_NAME,
    .lanes = LANES,
    .model_size = model_size,
    .model_build = model_build,
    .workspace_size = workspace_size,
    .workspace_prepare = workspace_prepare,
    .run_step = run_step,
    .run_part = run_part,
};
