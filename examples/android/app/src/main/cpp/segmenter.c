/* The engine for Segmenter.kt: its native functions. One segmenter is used by one thread at a time. */
#include <jni.h>
#include <math.h>
#include <stdlib.h>

#include "pixels.h"

struct segmenter {
    int isa, height, width, reversed;
    float mean[3], std[3];
    void *model, *workspace, *scratch;
    float *input, *logits;
    int64_t scratch_bytes;
};

static void *reserve(int64_t bytes) { /* the engine wants its memory aligned to 64 bytes */
    void *memory = NULL;
    return bytes >= 0 && posix_memalign(&memory, 64, bytes ? bytes : 1) == 0 ? memory : NULL;
}

static void fail(JNIEnv *env, const char *kind, const char *words) {
    (*env)->ThrowNew(env, (*env)->FindClass(env, kind), words);
}

static void discard(struct segmenter *s) {
    if (!s) return;
    free(s->model), free(s->workspace), free(s->scratch), free(s->input), free(s->logits), free(s);
}

/* Open the model and prepare one workspace; an error code of the engine's. */
static int prepare(struct segmenter *s, const void *file, size_t length) {
    int64_t bytes = sinet_model_size(file, length, s->isa);
    if (bytes < 0) return (int)bytes;
    if (!(s->model = reserve(bytes))) return SINET_ERROR_MEMORY;
    int error = sinet_model_open(file, length, s->isa, s->model, bytes);
    if (error) return error;
    if (sinet_model_outputs(s->model) != 1 || sinet_model_output_stride(s->model) != 1) return SINET_ERROR_CONFIG;
    bytes = sinet_workspace_size(s->model, s->height, s->width, 1);
    if (bytes < 0) return (int)bytes;
    if (!(s->workspace = reserve(bytes))) return SINET_ERROR_MEMORY;
    int64_t pixels = (int64_t)s->height * s->width;
    if (!(s->input = reserve(12 * pixels)) || !(s->logits = reserve(4 * pixels))) return SINET_ERROR_MEMORY;
    return sinet_workspace_prepare(s->model, s->height, s->width, 1, s->workspace, bytes);
}

JNIEXPORT jlong JNICALL Java_sinet_example_Segmenter_open(JNIEnv *env, jobject self, jbyteArray artefact, jint height,
                                                          jint width, jboolean blue_first, jfloatArray mean,
                                                          jfloatArray std) {
    (void)self;
    struct segmenter *s = calloc(1, sizeof *s);
    if (!s) return fail(env, "java/lang/OutOfMemoryError", "a segmenter"), 0;
    s->isa = sinet_half_isa() ? sinet_half_isa() : sinet_best_isa(), s->height = height, s->width = width, s->reversed = blue_first;
    (*env)->GetFloatArrayRegion(env, mean, 0, 3, s->mean);
    (*env)->GetFloatArrayRegion(env, std, 0, 3, s->std);
    if ((*env)->ExceptionCheck(env)) return discard(s), 0;
    jsize length = (*env)->GetArrayLength(env, artefact);
    jbyte *file = (*env)->GetByteArrayElements(env, artefact, NULL);
    int error = file ? prepare(s, file, length) : SINET_ERROR_MEMORY;
    if (file) (*env)->ReleaseByteArrayElements(env, artefact, file, JNI_ABORT);
    if (error) return discard(s), fail(env, "java/lang/IllegalArgumentException", sinet_error(error)), 0;
    return (jlong)(intptr_t)s;
}

/* RGBA rows of a frame -> the network's probabilities in 0..255, height x width of them. */
JNIEXPORT void JNICALL Java_sinet_example_Segmenter_run(JNIEnv *env, jobject self, jlong handle, jobject rgba,
                                                        jint row_stride, jint height, jint width, jobject made) {
    (void)self;
    struct segmenter *s = (struct segmenter *)(intptr_t)handle;
    const uint8_t *frame = (*env)->GetDirectBufferAddress(env, rgba);
    uint8_t *alpha = (*env)->GetDirectBufferAddress(env, made);
    int64_t needed = (int64_t)row_stride * (height - 1) + 4 * (int64_t)width, pixels = (int64_t)s->height * s->width;
    if (!frame || !alpha || height < 1 || width < 1 || row_stride < 4 * (int64_t)width ||
        (*env)->GetDirectBufferCapacity(env, rgba) < needed || (*env)->GetDirectBufferCapacity(env, made) < pixels)
        return fail(env, "java/lang/IllegalArgumentException", "not a direct buffer of a frame of that size");

    int64_t bytes = sinet_resize_scratch_size(s->isa, height, width, 4, s->height, s->width);
    if (bytes > s->scratch_bytes) { /* only where frames have become larger */
        free(s->scratch);
        s->scratch = reserve(bytes);
        s->scratch_bytes = s->scratch ? bytes : 0;
    }
    int error = bytes < 0 ? (int)bytes : SINET_OK;
    if (!error)
        error = sinet_resize_planes(s->isa, frame, row_stride, height, width, 4, s->reversed, s->mean, s->std, s->input,
                                    s->height, s->width, s->scratch, s->scratch_bytes);
    if (!error) error = sinet_run(s->model, s->workspace, s->input, s->logits);
    if (error) return fail(env, "java/lang/IllegalStateException", sinet_error(error));
    for (int64_t i = 0; i < pixels; i++) alpha[i] = (uint8_t)(255 / (1 + expf(-s->logits[i])) + 0.5f);
}

JNIEXPORT void JNICALL Java_sinet_example_Segmenter_free(JNIEnv *env, jobject self, jlong handle) {
    (void)env, (void)self;
    discard((struct segmenter *)(intptr_t)handle);
}
