/* Any bytes as an artefact: an error code, or a network that runs.
 *
 * Bytes changed blindly mostly fail at the header's length, so a mutator of our own changes the header and sets its
 * length again, changes a number in it, or changes the weights alone. */
#include "memory_fuzz.h"
#include "sinet.h"

#include <stdio.h>
#include <string.h>

static size_t header_bytes(const uint8_t *data, size_t size) {
    uint64_t length = 0;
    if (size < 8) return 0;
    memcpy(&length, data, 8);
    return length <= size - 8 ? length : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int isa = size % (sinet_best_isa() + 1);
    int64_t bytes = sinet_model_size(data, size, isa);
    if (bytes < 0 || bytes > 1 << 26) return 0;
    void *model = block(bytes, 64);
    if (sinet_model_open(data, size, isa, model, bytes) == SINET_OK) {
        int side = sinet_model_multiple(model), outputs = sinet_model_outputs(model);
        int stride = sinet_model_output_stride(model), end = side / stride;
        int64_t work = side <= 160 ? sinet_workspace_size(model, side, side, 1) : 0;
        if (work > 0 && work < 1 << 26) {
            void *workspace = block(work, 64);
            float *input = block(12 * (size_t)side * side, 4), *logits = block(4 * (size_t)outputs * end * end, 4);
            for (int i = 0; i < 3 * side * side; i++) input[i] = i % 7 - 3;
            check(sinet_workspace_prepare(model, side, side, 1, workspace, work) == SINET_OK);
            check(sinet_run(model, workspace, input, logits) == SINET_OK);
            release(workspace), release(input), release(logits);
        }
    }
    release(model);
    return 0;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Put a number where one stands in the text. */
static size_t change_number(uint8_t *text, size_t length, size_t room, unsigned seed) {
    static const char *numbers[] = {
        "0", "1", "2", "3", "4", "5", "8", "15", "16", "17", "32", "33", "64", "1024", "1028", "2147483647",
        "2147483648", "4294967296", "9223372036854775807", "18446744073709551616", "-1", "1.0", "1e1", "01",
    };
    const char *number = numbers[seed % (sizeof numbers / sizeof *numbers)];
    size_t start = seed / 32 % (length + 1), end, added = strlen(number);
    while (start < length && (text[start] < '0' || text[start] > '9')) start++;
    for (end = start; end < length && text[end] >= '0' && text[end] <= '9';) end++;
    if (start == length || length - (end - start) + added > room) return length;
    memmove(text + start + added, text + end, length - end);
    memcpy(text + start, number, added);
    return length - (end - start) + added;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size_t header = header_bytes(data, size), rest = size - 8 - header;
    if (header == 0 || seed % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 == 1 && rest > 0) return 8 + header + LLVMFuzzerMutate(data + 8 + header, rest, max_size - 8 - header);
    size_t room = max_size - 8 - rest;
    uint8_t *text = block(room, 1);
    memcpy(text, data + 8, header);
    size_t length = seed % 8 < 4 ? change_number(text, header, room, seed / 8) : LLVMFuzzerMutate(text, header, room);
    memmove(data + 8 + length, data + 8 + header, rest);
    memcpy(data + 8, text, length);
    for (int i = 0; i < 8; i++) data[i] = (uint64_t)length >> 8 * i;
    release(text);
    return 8 + length + rest;
}
