/* Packing bytes as RFC 1951 wants them: deflate.c. */
#ifndef SINET_DEFLATE_H
#define SINET_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that are packed together, by one set of codes; also the most that a block without codes can hold. */
enum { BLOCK_BYTES = 65535 };

/* Where packed bits go: `bits` holds those, `count` of them and at most 7 between calls, that do not yet fill a byte. */
struct packed {
    uint8_t *to;
    uint64_t bits;
    int count;
};

/* Pack a block of 1 to BLOCK_BYTES bytes. It becomes at most 6 bytes longer, and up to 8 bytes beyond may be written.
 * tokens: room for as many as there are bytes. */
void pack_block(struct packed *packed, const uint8_t *bytes, int count, int last, uint16_t *tokens);

/* Fill up the last byte with zeros. */
void finish_byte(struct packed *packed);

#endif
