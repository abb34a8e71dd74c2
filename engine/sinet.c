/* The public entry points of the network: every argument is checked here, then a table of kernels does the work. */

#include "sinet.h"

#include "kernels.h"

enum { MAX_SIDE = 16384, MAX_PIXELS = 1 << 26, MAX_THREADS = 64, ALIGNMENT = 64 };

const char *sinet_error(int code) {
    switch (code) {
    case SINET_OK: return "no error";
    case SINET_ERROR_FILE: return "not a safetensors file, or a damaged one";
    case SINET_ERROR_CONFIG: return "the network's configuration is missing, malformed or out of range";
    case SINET_ERROR_TENSOR: return "a tensor is missing, not float32 or of another size than the configuration says";
    case SINET_ERROR_SIZE: return "the size does not fit the network or is out of range";
    case SINET_ERROR_MEMORY: return "the memory given is too small or not aligned to 64 bytes";
    case SINET_ERROR_ISA: return "this processor does not have that instruction set";
    case SINET_ERROR_ARGUMENT: return "an argument is null or out of range";
    default: return "unknown error";
    }
}

/* --- instruction sets ------------------------------------------------------------------------------------------- */

#if defined(__x86_64__) && !defined(SINET_ONE_ISA)

static const struct kernels *const tables[] = {&kernels_baseline, &kernels_avx2, &kernels_avx512};

static void cpuid(unsigned leaf, unsigned subleaf, unsigned r[4]) {
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(subleaf));
}

/* The states that the operating system saves: bits 1, 2 are SSE and AVX, 5 to 7 AVX-512. */
static unsigned saved_states(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int ask_processor(void) {
    unsigned r[4];
    cpuid(0, 0, r);
    if (r[0] < 7) return 0;
    cpuid(1, 0, r);
    int fma = r[2] >> 12 & 1, osxsave = r[2] >> 27 & 1, avx = r[2] >> 28 & 1;
    if (!(fma && osxsave && avx) || (saved_states() & 0x6) != 0x6) return 0;
    cpuid(7, 0, r);
    if (!(r[1] >> 5 & 1)) return 0;                                     /* AVX2 */
    unsigned wanted = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* AVX-512 F, DQ, BW, VL */
    return (r[1] & wanted) == wanted && (saved_states() & 0xe6) == 0xe6 ? 2 : 1;
}

/* Asked once: in a virtual machine each question costs tens of microseconds. All threads would store the same answer. */
int sinet_best_isa(void) {
    static int answer = -1;
    int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
    if (known < 0) __atomic_store_n(&answer, known = ask_processor(), __ATOMIC_RELAXED);
    return known;
}

int sinet_half_isa(void) { return 0; }

#elif defined(__aarch64__) && (!defined(SINET_ONE_ISA) || defined(SINET_WITH_HALVES))

static const struct kernels *const tables[] = {&kernels_baseline, &kernels_half};

int sinet_best_isa(void) { return 0; }

int sinet_half_isa(void) { return has_halves(); }

#else

static const struct kernels *const tables[] = {&kernels_baseline};

int sinet_best_isa(void) { return 0; }

int sinet_half_isa(void) { return 0; }

#endif

const char *sinet_isa_name(int isa) {
    return isa >= 0 && isa < (int)(sizeof tables / sizeof *tables) ? tables[isa]->name : NULL;
}

const struct kernels *find_kernels(int isa) {
    if (isa == 0) return tables[0]; /* no need to ask the processor */
    return isa > 0 && (isa <= sinet_best_isa() || isa == sinet_half_isa()) ? tables[isa] : NULL;
}

const struct kernels *find_pixel_kernels(int isa) {
    const struct kernels *kernels = find_kernels(isa);
    while (kernels && !kernels->resize_u8) kernels = tables[--isa];
    return kernels;
}

/* --- models ----------------------------------------------------------------------------------------------------- */

static int misaligned(const void *memory) { return !memory || (uintptr_t)memory % ALIGNMENT; }

/* What both entry points need: the kernels, the artefact, its configuration. */
static int read_file(const void *file, size_t length, int isa, const struct kernels **kernels,
                     struct artefact *artefact, struct config *config) {
    if (!file) return SINET_ERROR_ARGUMENT;
    if (!(*kernels = find_kernels(isa))) return SINET_ERROR_ISA;
    int error = artefact_open(artefact, file, length);
    return error ? error : artefact_config(artefact, config);
}

int64_t sinet_model_size(const void *file, size_t length, int isa) {
    const struct kernels *kernels;
    struct artefact artefact;
    struct config config;
    int error = read_file(file, length, isa, &kernels, &artefact, &config);
    return error ? error : kernels->model_size(&config, kernels);
}

int sinet_model_open(const void *file, size_t length, int isa, void *memory, size_t bytes) {
    const struct kernels *kernels;
    struct artefact artefact;
    struct config config;
    int error = read_file(file, length, isa, &kernels, &artefact, &config);
    if (error) return error;
    int64_t needed = kernels->model_size(&config, kernels);
    if (needed < 0) return (int)needed;
    if (misaligned(memory) || bytes < (uint64_t)needed) return SINET_ERROR_MEMORY;
    return kernels->model_build(&artefact, &config, kernels, memory);
}

int sinet_model_multiple(const void *model) {
    return model ? ((const struct model *)model)->multiple : SINET_ERROR_ARGUMENT;
}

int sinet_model_outputs(const void *model) {
    return model ? ((const struct model *)model)->outputs : SINET_ERROR_ARGUMENT;
}

int sinet_model_output_stride(const void *model) {
    return model ? 1 << output_shift(model) : SINET_ERROR_ARGUMENT;
}

/* --- workspaces ------------------------------------------------------------------------------------------------- */

int64_t sinet_workspace_size(const void *opened, int height, int width, int threads) {
    const struct model *model = opened;
    if (!model || threads < 1 || threads > MAX_THREADS) return SINET_ERROR_ARGUMENT;
    if (height < 1 || width < 1 || height > MAX_SIDE || width > MAX_SIDE || height % model->multiple ||
        width % model->multiple || (int64_t)height * width > MAX_PIXELS)
        return SINET_ERROR_SIZE;
    int64_t bytes = model->kernels->workspace_size(model, height, width, threads);
    return bytes <= PTRDIFF_MAX ? bytes : SINET_ERROR_SIZE; /* more than pointers of 32 bits reach */
}

int sinet_workspace_prepare(const void *opened, int height, int width, int threads, void *workspace, size_t bytes) {
    const struct model *model = opened;
    int64_t needed = sinet_workspace_size(opened, height, width, threads);
    if (needed < 0) return (int)needed;
    if (misaligned(workspace) || bytes < (uint64_t)needed) return SINET_ERROR_MEMORY;
    model->kernels->workspace_prepare(model, height, width, threads, workspace);
    return SINET_OK;
}

/* --- runs ------------------------------------------------------------------------------------------------------- */

int sinet_steps(const void *model) { return model ? ((const struct model *)model)->steps : SINET_ERROR_ARGUMENT; }

const char *sinet_step_name(const void *opened, int step) {
    const struct model *model = opened;
    return model && step >= 0 && step < model->steps ? model->step[step].name : NULL;
}

/* Whether a workspace was prepared for this model and has this part; `threads` is 0 where any number will do. */
static int unfit(const struct model *model, const struct workspace *space, int part, int threads,
                 const float *input, const float *logits) {
    return !model || !space || !input || !logits || space->model != model || part < 0 || part >= space->threads ||
           (threads && threads != space->threads);
}

int sinet_run_part(const void *model, void *workspace, int part, const float *input, float *logits) {
    if (unfit(model, workspace, part, 0, input, logits)) return SINET_ERROR_ARGUMENT;
    ((const struct model *)model)->kernels->run_part(model, workspace, part, input, logits);
    return SINET_OK;
}

int sinet_run(const void *model, void *workspace, const float *input, float *logits) {
    if (unfit(model, workspace, 0, 1, input, logits)) return SINET_ERROR_ARGUMENT;
    return sinet_run_part(model, workspace, 0, input, logits);
}

int sinet_run_step(const void *opened, void *workspace, int step, int part, const float *input, float *logits) {
    const struct model *model = opened;
    if (unfit(model, workspace, part, 0, input, logits) || step < 0 || step >= model->steps)
        return SINET_ERROR_ARGUMENT;
    model->kernels->run_step(model, workspace, step, part, input, logits);
    return SINET_OK;
}
