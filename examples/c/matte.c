/* Read an artefact and a picture (PPM), write the picture's matte (PGM) to standard output. In the root of the sources:
 *
 *     cc -O3 -Iengine examples/c/matte.c engine/one.c -o matte -lm
 *     ./matte src/sinet/runtime/models/portrait-13.safetensors photo.ppm > matte.pgm
 *
 * On x86-64 add -mavx2 -mfma where the processor has them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pixels.h" /* resizing; it includes sinet.h, the network */

static int64_t checked(int64_t answer) {
    if (answer < 0) fprintf(stderr, "%s\n", sinet_error((int)answer)), exit(1);
    return answer;
}

static void *reserve(size_t bytes) { /* the engine wants its memory aligned to 64 bytes */
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!memory) fprintf(stderr, "no memory\n"), exit(1);
    return memory;
}

static FILE *opened(const char *name) {
    FILE *file = fopen(name, "rb");
    if (!file) perror(name), exit(1);
    return file;
}

/* Three numbers of the spec, which stands in the artefact's header as JSON in a string: \"mean\":[102.9,111.3,126.9] */
static void find(const char *header, const char *name, float numbers[3]) {
    const char *at = strstr(header, name);
    at = at ? strchr(at, '[') : NULL;
    if (!at || sscanf(at, "[%f,%f,%f", numbers, numbers + 1, numbers + 2) < 2)
        fprintf(stderr, "the artefact's spec has no %s\n", name), exit(1);
}

int main(int count, char **names) {
    if (count != 3) return fprintf(stderr, "usage: %s ARTEFACT PICTURE.ppm > MATTE.pgm\n", *names), 2;
    FILE *file = opened(names[1]);
    fseek(file, 0, SEEK_END);
    size_t length = ftell(file);
    rewind(file);
    char *artefact = reserve(length + 1);
    if (fread(artefact, 1, length, file) != length || length < 8)
        return fprintf(stderr, "%s: not an artefact\n", names[1]), 1;
    artefact[length] = 0;

    /* What the network expects of a picture. */
    float size[3], mean[3], std[3];
    const char *header = artefact + 8;
    find(header, "\\\"size\\\"", size), find(header, "\\\"mean\\\"", mean), find(header, "\\\"std\\\"", std);
    int height = (int)size[0], width = (int)size[1], pixels = height * width;
    int blue_first = strstr(header, "\\\"colour_order\\\":\\\"bgr\\\"") != NULL;

    /* The picture: red, green, blue, 8 bits each. */
    int columns, rows, most;
    file = opened(names[2]);
    if (fscanf(file, "P6 %d %d %d", &columns, &rows, &most) != 3 || most != 255 || fgetc(file) == EOF || rows < 1 ||
        columns < 1 || rows > 1 << 14 || columns > 1 << 14)
        return fprintf(stderr, "%s: not a PPM of 8 bits without comments\n", names[2]), 1;
    uint8_t *rgb = reserve((size_t)3 * rows * columns);
    if (fread(rgb, (size_t)3 * columns, rows, file) != (size_t)rows)
        return fprintf(stderr, "%s: cut off\n", names[2]), 1;

    /* Once per program: the model, read-only from here on, and a workspace for each thread that runs it. */
    int isa = sinet_best_isa();
    int64_t bytes = checked(sinet_model_size(artefact, length, isa));
    void *model = reserve(bytes);
    checked(sinet_model_open(artefact, length, isa, model, bytes));
    bytes = checked(sinet_workspace_size(model, height, width, 1));
    void *workspace = reserve(bytes);
    checked(sinet_workspace_prepare(model, height, width, 1, workspace, bytes));
    float *input = reserve(sizeof(float) * 3 * pixels), *person = reserve(sizeof(float) * pixels);
    if (sinet_model_outputs(model) != 1 || sinet_model_output_stride(model) != 1)
        return fprintf(stderr, "%s: more than one class; this example knows a person alone\n", names[1]), 1;

    /* Once per picture: stretch and standardise, run, make probabilities, stretch back. */
    bytes = checked(sinet_resize_scratch_size(isa, rows, columns, 3, height, width));
    void *scratch = reserve(bytes);
    checked(sinet_resize_planes(isa, rgb, 3 * columns, rows, columns, 3, blue_first, mean, std, input, height, width,
                                scratch, bytes));
    checked(sinet_run(model, workspace, input, person));
    for (int i = 0; i < pixels; i++) person[i] = 1 / (1 + expf(-person[i]));
    bytes = checked(sinet_resize_scratch_size(isa, height, width, 1, rows, columns));
    scratch = reserve(bytes);
    float *alpha = reserve(sizeof(float) * rows * columns);
    checked(sinet_resize_f32(isa, person, sizeof(float) * width, height, width, alpha, sizeof(float) * columns, rows,
                             columns, scratch, bytes));
    uint8_t *matte = rgb; /* of which nothing is needed any more */
    checked(sinet_alpha_u8(isa, alpha, sizeof(float) * columns, matte, columns, rows, columns));
    printf("P5\n%d %d\n255\n", columns, rows);
    return fwrite(matte, columns, rows, stdout) != (size_t)rows;
}
