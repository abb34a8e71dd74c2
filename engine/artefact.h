/* Reading an artefact: a safetensors file whose header holds the network's configuration.
 *
 * Nothing in the file is trusted: lengths, offsets, shapes, numbers and nesting are checked before they are used, and
 * nothing outside the given bytes is ever read. No memory is allocated; strings are compared in place. */
#ifndef SINET_ARTEFACT_H
#define SINET_ARTEFACT_H

#include <stddef.h>
#include <stdint.h>

enum { MAX_MODULES = 32, MAX_WIDTH = 1024, MAX_KERNEL = 15, MAX_POOL = 16, MAX_CLASSES = 64 };

struct branch_config {
    int kernel, pool;
};

struct module_config {
    int width; /* even; half of it from each branch */
    struct branch_config branches[2];
};

struct stage_config {
    int down;      /* output channels of the strided convolution */
    int reduction; /* of its squeeze-and-excitation; 1 means a single layer */
    int modules;
    struct module_config module[MAX_MODULES];
};

/* One member of the SINet family, as sinet.core.architecture.SINetConfig. */
struct config {
    int classes;
    int stem;
    struct stage_config stages[2];
};

struct artefact {
    const unsigned char *header; /* JSON */
    size_t header_bytes;
    const unsigned char *data; /* what data_offsets are relative to */
    size_t data_bytes;
};

/* Both return SINET_OK or an error code of sinet.h. */
int artefact_open(struct artefact *artefact, const void *file, size_t bytes);
int artefact_config(const struct artefact *artefact, struct config *config);

/* Find a tensor of float32 with exactly `count` values; *data may be unaligned, little-endian. */
int artefact_tensor(const struct artefact *artefact, const char *name, size_t count, const unsigned char **data);

#endif
