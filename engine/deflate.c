/* Packing a filtered photograph: after PNG's row filter hardly anything but runs is left to find, so bytes are packed as
 * themselves or as a run of the byte before them, by Huffman codes made for each block. Searching for more costs ten
 * times the time and does not pay (the figures are in sinet/media/sinks.py).
 *
 * Sources: RFC 1951. Code lengths: Huffman's tree by two queues, then cut to the longest length allowed and Kraft's sum
 * mended from the rarest symbols up. */

#include "deflate.h"

enum { END_OF_BLOCK = 256, LITERALS = 286, DISTANCES = 1, LENGTHS = 19, LONGEST = 15, LONGEST_LENGTH = 7 };
enum { SHORTEST_RUN = 4, LONGEST_RUN = 258, RUN = 0x8000 };

struct code {
    uint16_t bits[LITERALS];
    uint8_t length[LITERALS];
};

/* --- bits ------------------------------------------------------------------------------------------------------- */

static void put(struct packed *packed, uint32_t bits, int count) {
    packed->bits |= (uint64_t)bits << packed->count;
    packed->count += count;
}

/* Write whole bytes away: at most 7 bits wait, and 57 more may be put. */
static void flush(struct packed *packed) {
    __builtin_memcpy(packed->to, &packed->bits, 8); /* every processor that we build for has the lowest byte first */
    packed->to += packed->count >> 3;
    packed->bits >>= packed->count & ~7;
    packed->count &= 7;
}

void finish_byte(struct packed *packed) {
    packed->count = (packed->count + 7) & ~7;
    flush(packed);
}

/* --- codes ------------------------------------------------------------------------------------------------------ */

/* Sort symbols by how often they occur, the rarest first (Shell's sort). */
static void sort(uint16_t *symbols, int count, const uint32_t *often) {
    for (int gap = 121; gap; gap /= 3)
        for (int i = gap; i < count; i++) {
            uint16_t symbol = symbols[i];
            int j = i;
            for (; j >= gap && often[symbols[j - gap]] > often[symbol]; j -= gap) symbols[j] = symbols[j - gap];
            symbols[j] = symbol;
        }
}

/* How many codes of each length Huffman's tree has over `count` weights in rising order; count is at least 2. */
static void tree_lengths(const uint32_t *weights, int count, int longest, int *of_length) {
    uint32_t joined[LITERALS];
    uint16_t parent[2 * LITERALS];
    uint8_t depth[2 * LITERALS];
    int leaf = 0, node = 0;
    for (int next = 0; next < count - 1; next++) {
        uint32_t sum = 0;
        for (int child = 0; child < 2; child++) {
            int takes_leaf = leaf < count && (node >= next || weights[leaf] <= joined[node]);
            parent[takes_leaf ? leaf : count + node] = (uint16_t)(count + next);
            sum += takes_leaf ? weights[leaf++] : joined[node++];
        }
        joined[next] = sum;
    }
    for (int i = 0; i <= LONGEST; i++) of_length[i] = 0;
    depth[2 * count - 2] = 0;
    for (int i = 2 * count - 3; i >= 0; i--) {
        depth[i] = (uint8_t)(depth[parent[i]] + 1);
        if (i < count) of_length[depth[i] < longest ? depth[i] : longest]++;
    }
    /* Codes that were cut leave too many: 2^-length summed up is above 1. */
    int sum = 0;
    for (int i = 1; i <= longest; i++) sum += of_length[i] << (longest - i);
    for (; sum > 1 << longest; sum--) {
        int i = longest - 1;
        while (!of_length[i]) i--;
        of_length[i]--, of_length[i + 1] += 2, of_length[longest]--;
    }
}

/* Make a code for symbols that occur so often; those that never do get none, and there are at least two others. */
static void make_code(const uint32_t *often, int count, int longest, struct code *code) {
    uint16_t symbols[LITERALS];
    uint32_t weights[LITERALS], next = 0;
    int used = 0, of_length[LONGEST + 1];
    for (int i = 0; i < count; i++) {
        code->length[i] = 0;
        if (often[i]) symbols[used++] = (uint16_t)i;
    }
    sort(symbols, used, often);
    for (int i = 0; i < used; i++) weights[i] = often[symbols[i]];
    tree_lengths(weights, used, longest, of_length);
    for (int length = longest, i = 0; length; length--)
        for (int k = 0; k < of_length[length]; k++) code->length[symbols[i++]] = (uint8_t)length;
    for (int length = 1; length <= longest; length++, next <<= 1)
        for (int i = 0; i < count; i++) {
            if (code->length[i] != length) continue;
            uint32_t reversed = 0;
            for (int k = 0; k < length; k++) reversed |= (next >> k & 1) << (length - 1 - k);
            code->bits[i] = (uint16_t)reversed;
            next++;
        }
}

/* --- the block's head: the lengths of its codes, themselves packed ------------------------------------------------ */

struct head {
    uint8_t symbols[LITERALS + DISTANCES], extra[LITERALS + DISTANCES];
    int count, literals, lengths;
    struct code code;
};

static const uint8_t length_order[LENGTHS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

static int extra_bits(int symbol) { return symbol == 16 ? 2 : symbol == 17 ? 3 : symbol == 18 ? 7 : 0; }

/* Gives the bits that the head takes. */
static int make_head(const struct code *code, struct head *head) {
    uint8_t lengths[LITERALS + DISTANCES];
    uint32_t often[LENGTHS] = {0};
    head->count = 0;
    for (head->literals = LITERALS; !code->length[head->literals - 1]; head->literals--) {}
    for (int i = 0; i < head->literals; i++) lengths[i] = code->length[i];
    lengths[head->literals] = 1; /* the one distance, 1 */
    int total = head->literals + DISTANCES;
    for (int i = 0, run; i < total; i += run) {
        int longest = lengths[i] ? 7 : 138, symbol = lengths[i], first = 0;
        for (run = 1; i + run < total && run < longest && lengths[i + run] == lengths[i]; run++) {}
        if (!lengths[i] && run >= 3) {
            symbol = run > 10 ? 18 : 17, first = run > 10 ? 11 : 3;
        } else if (lengths[i] && i && lengths[i - 1] == lengths[i] && run >= 3) {
            run = run > 6 ? 6 : run, symbol = 16, first = 3;
        } else {
            run = 1;
        }
        head->symbols[head->count] = (uint8_t)symbol;
        head->extra[head->count++] = (uint8_t)(first ? run - first : 0);
        often[symbol]++;
    }
    int used = 0;
    for (int i = 0; i < LENGTHS; i++) used += often[i] > 0;
    if (used < 2) often[often[0] ? 1 : 0] = 1; /* a code needs two symbols */
    make_code(often, LENGTHS, LONGEST_LENGTH, &head->code);
    for (head->lengths = LENGTHS; !head->code.length[length_order[head->lengths - 1]]; head->lengths--) {}
    int bits = 3 + 5 + 5 + 4 + 3 * head->lengths;
    for (int i = 0; i < head->count; i++) bits += head->code.length[head->symbols[i]] + extra_bits(head->symbols[i]);
    return bits;
}

static void put_head(struct packed *packed, const struct head *head, int last) {
    put(packed, (uint32_t)last | 2 << 1, 3);
    put(packed, (uint32_t)(head->literals - 257), 5);
    put(packed, DISTANCES - 1, 5);
    put(packed, (uint32_t)(head->lengths - 4), 4);
    for (int i = 0; i < head->lengths; i++) {
        put(packed, head->code.length[length_order[i]], 3);
        flush(packed);
    }
    for (int i = 0; i < head->count; i++) {
        int symbol = head->symbols[i];
        put(packed, head->code.bits[symbol], head->code.length[symbol]);
        put(packed, head->extra[i], extra_bits(symbol));
        flush(packed);
    }
}

/* --- tokens ----------------------------------------------------------------------------------------------------- */

/* The symbol of a run's length, and the bits that say the rest of it. */
static int run_symbol(int length, int *extra) {
    *extra = 0;
    if (length == LONGEST_RUN) return 285;
    int beyond = length - 3;
    while (beyond >> (*extra + 3)) ++*extra;
    return 257 + 4 * *extra + (beyond >> *extra);
}

/* A token is a byte, or RUN and how often the byte before is repeated. */
static int find_tokens(const uint8_t *bytes, int count, uint16_t *tokens, uint32_t *often) {
    uint32_t seen[4][256] = {{0}}; /* four, since adding to one number again and again waits for itself */
    int made = 0, i = 0, extra;
    while (i < count) {
        uint32_t here, before;
        if (i && count - i >= SHORTEST_RUN) {
            __builtin_memcpy(&here, bytes + i, 4);
            before = bytes[i - 1] * 0x01010101u;
            if (here == before) {
                int most = count - i < LONGEST_RUN ? count - i : LONGEST_RUN, run = SHORTEST_RUN;
                while (run + 4 <= most && (__builtin_memcpy(&here, bytes + i + run, 4), here == before)) run += 4;
                while (run < most && bytes[i + run] == bytes[i - 1]) run++;
                tokens[made++] = (uint16_t)(RUN | run);
                often[run_symbol(run, &extra)]++;
                i += run;
                continue;
            }
        }
        seen[i & 3][bytes[i]]++;
        tokens[made++] = bytes[i++];
    }
    for (int k = 0; k < 256; k++) often[k] += seen[0][k] + seen[1][k] + seen[2][k] + seen[3][k];
    often[END_OF_BLOCK]++;
    return made;
}

static void put_tokens(struct packed *packed, const uint16_t *tokens, int count, const struct code *code) {
    struct packed p = *packed; /* in registers */
    int waiting = 0;
    for (int i = 0; i < count; i++) {
        int token = tokens[i];
        if (token & RUN) {
            int length = token & ~RUN, extra, symbol = run_symbol(length, &extra);
            put(&p, code->bits[symbol], code->length[symbol]);
            if (length < LONGEST_RUN) put(&p, (uint32_t)(length - 3) & ((1u << extra) - 1), extra);
            put(&p, 0, 1); /* the distance */
            flush(&p);
            waiting = 0;
        } else {
            put(&p, code->bits[token], code->length[token]);
            if (++waiting == 3) flush(&p), waiting = 0; /* 7 bits and three bytes are 52; two and a run 58 */
        }
    }
    flush(&p);
    put(&p, code->bits[END_OF_BLOCK], code->length[END_OF_BLOCK]);
    flush(&p);
    *packed = p;
}

/* The block as it is, for noise. */
static void put_plain(struct packed *packed, const uint8_t *bytes, int count, int last) {
    put(packed, (uint32_t)last, 3);
    finish_byte(packed);
    put(packed, (uint32_t)count | (uint32_t)(count ^ 0xffff) << 16, 32);
    flush(packed);
    for (int i = 0; i < count; i++) packed->to[i] = bytes[i];
    packed->to += count;
}

void pack_block(struct packed *packed, const uint8_t *bytes, int count, int last, uint16_t *tokens) {
    uint32_t often[LITERALS] = {0};
    struct code code;
    struct head head;
    int made = find_tokens(bytes, count, tokens, often);
    make_code(often, LITERALS, LONGEST, &code);
    int64_t bits = make_head(&code, &head);
    for (int i = 0; i < LITERALS; i++) {
        int64_t extra = i < 265 || i == 285 ? 0 : (i - 261) / 4;
        bits += often[i] * (code.length[i] + (i > END_OF_BLOCK ? 1 + extra : 0));
    }
    if (bits > 8 * ((int64_t)count + 4)) {
        put_plain(packed, bytes, count, last);
    } else {
        put_head(packed, &head, last);
        put_tokens(packed, tokens, made, &code);
    }
}
