/* The network alone: a standardised picture's floats from standard input, its logits to standard output.
 *
 *     cc -O3 -Iengine examples/c/network.c engine/one.c -o network
 *     ./network src/sinet/runtime/models/portrait-13.safetensors 320 320 < picture.f32 > logits.f32 */
#include <stdio.h>
#include <stdlib.h>

#include "sinet.h"

static int64_t checked(int64_t answer) {
    if (answer < 0) fprintf(stderr, "%s\n", sinet_error((int)answer)), exit(1);
    return answer;
}

int main(int count, char **words) {
    static char artefact[1 << 20]; /* of 350 KB */
    FILE *file = count == 4 ? fopen(words[1], "rb") : NULL;
    if (!file) return fprintf(stderr, "usage: %s ARTEFACT HEIGHT WIDTH < picture > logits\n", words[0]), 2;
    size_t length = fread(artefact, 1, sizeof artefact, file);
    int isa = sinet_best_isa(), height = atoi(words[2]), width = atoi(words[3]);
    int64_t bytes = checked(sinet_model_size(artefact, length, isa)); /* multiples of 64, as aligned_alloc wants */
    void *model = aligned_alloc(64, bytes);
    checked(sinet_model_open(artefact, length, isa, model, bytes));
    bytes = checked(sinet_workspace_size(model, height, width, 1));
    void *workspace = aligned_alloc(64, bytes);
    checked(sinet_workspace_prepare(model, height, width, 1, workspace, bytes));
    size_t pixels = (size_t)height * width, stride = sinet_model_output_stride(model);
    size_t answers = pixels / (stride * stride) * sinet_model_outputs(model);
    float *input = malloc(12 * pixels), *logits = malloc(4 * answers);
    while (fread(input, 12, pixels, stdin) == pixels && !checked(sinet_run(model, workspace, input, logits)))
        fwrite(logits, 4, answers, stdout);
}
