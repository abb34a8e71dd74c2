/* sinet: portrait segmentation by networks of the SINet family (arXiv:1911.09099), on any processor.
 *
 * No libc, no allocation, no state but what the caller holds. All memory is his: one block for a model, read-only once
 * opened and shared by any number of threads, and one workspace per thread that runs it. Both must be aligned to 64 bytes.
 *
 *     int isa = sinet_best_isa();
 *     int64_t bytes = sinet_model_size(file, length, isa);     negative: an error code
 *     int error = sinet_model_open(file, length, isa, model, bytes);
 *     bytes = sinet_workspace_size(model, height, width, 1);
 *     error = sinet_workspace_prepare(model, height, width, 1, workspace, bytes);
 *     error = sinet_run(model, workspace, input, logits);      as often as one likes
 */
#ifndef SINET_H
#define SINET_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define SINET_API __declspec(dllexport)
#else
#define SINET_API __attribute__((visibility("default")))
#endif

enum {
    SINET_OK = 0,
    SINET_ERROR_FILE = -1,      /* not a safetensors file, or damaged */
    SINET_ERROR_CONFIG = -2,    /* its configuration is missing, malformed or out of range */
    SINET_ERROR_TENSOR = -3,    /* a tensor is missing, of another type or of another size */
    SINET_ERROR_SIZE = -4,      /* the input size does not fit the network, or is out of range */
    SINET_ERROR_MEMORY = -5,    /* the caller's memory is too small or not aligned to 64 bytes */
    SINET_ERROR_ISA = -6,       /* this processor does not have that instruction set */
    SINET_ERROR_ARGUMENT = -7,  /* a null pointer, a count, stride or option out of range */
};

/* What an error code means, in a few words. */
SINET_API const char *sinet_error(int code);

/* Instruction sets are numbered from 0, the one that every processor of the platform has, upwards. */
SINET_API int sinet_best_isa(void);
SINET_API const char *sinet_isa_name(int isa); /* null beyond the last */
/* One more, on arm64 whose processor computes in halves (float16), as those since 2018 do: faster, and probabilities are
 * off by about 0.01 at most. It is never the best one; who wants it asks for it by this number. 0: there is none. */
SINET_API int sinet_half_isa(void);

/* Bytes that the model of an artefact needs; the file itself is not needed once the model is open. */
SINET_API int64_t sinet_model_size(const void *file, size_t length, int isa);
SINET_API int sinet_model_open(const void *file, size_t length, int isa, void *model, size_t bytes);

/* Both sides of the input must be multiples of this. */
SINET_API int sinet_model_multiple(const void *model);
/* Maps of logits that a run gives: 1 for two classes (person against background), else one per class. */
SINET_API int sinet_model_outputs(const void *model);
/* Input size / size of those maps: 1, or 2 for a network of three stages. */
SINET_API int sinet_model_output_stride(const void *model);

SINET_API int64_t sinet_workspace_size(const void *model, int height, int width, int threads);
SINET_API int sinet_workspace_prepare(const void *model, int height, int width, int threads, void *workspace,
                                      size_t bytes);

/* input: 3 planes of height x width, standardised as the artefact's spec says; logits: `outputs` planes of
 * height / s x width / s, where s is the model's output stride.
 * A workspace prepared for n threads is run by n threads that call sinet_run_part with part 0 to n - 1 at the same
 * time; each returns when all are done. sinet_run is sinet_run_part for a workspace of one thread. */
SINET_API int sinet_run(const void *model, void *workspace, const float *input, float *logits);
SINET_API int sinet_run_part(const void *model, void *workspace, int part, const float *input, float *logits);

/* One run is this many steps in order, each by all parts before the next begins: for measuring. */
SINET_API int sinet_steps(const void *model);
SINET_API const char *sinet_step_name(const void *model, int step); /* "stem", "stage 2 module 3 branches", ... */
SINET_API int sinet_run_step(const void *model, void *workspace, int step, int part, const float *input, float *logits);

#endif
