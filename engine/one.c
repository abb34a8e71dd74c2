/* The engine in one source and for one instruction set, for programs that bring a libc and any C compiler:
 *
 *     cc -O3 -Iengine program.c engine/one.c
 *
 * The instruction set is what the compiler's flags say: NEON on arm64, SSE2 on x86-64, or AVX2 with -mavx2 -mfma. The
 * package's own libraries hold several and choose as they run; build.py makes those. memory.c is what a libc has.
 *
 * On arm64 half.c may stand beside it, the network in halves for processors that compute in them (sinet_half_isa):
 *
 *     cc -O3 -march=armv8.2-a+fp16 -c engine/half.c
 *     cc -O3 -Iengine -DSINET_WITH_HALVES program.c engine/one.c half.o */

#if defined(__AVX512F__)
#error "the pixel kernels have no AVX-512 of their own: compile with -mavx2 -mfma, not for AVX-512 or -march=native"
#endif

#define SINET_ONE_ISA
#include "kernels.c"

#include "artefact.c"
#include "deflate.c"
#include "halves.c"
#include "meeting.c"
#include "model.c"
#include "pixels.c"
#include "rare.c"
#include "resample.c"
#include "sinet.c"
#include "workspace.c"
