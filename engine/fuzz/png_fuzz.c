/* The PNG packer on any picture: what comes out unpacks, by the plain inflater below, to rows that Paeth's filter undone
 * makes the picture again; instruction sets and what scratch memory held make no difference; it is never longer than
 * promised, and wrong arguments are refused with nothing written. */
#include "images.h"
#include "pixels.h"

enum { CODES = 288, LONGEST = 15 };

struct input {
    const uint8_t *at, *end;
    uint32_t bits;
    int count;
};

static int take(struct input *in, int count) {
    for (; in->count < count; in->count += 8) {
        check(in->at < in->end);
        in->bits |= (uint32_t)*in->at++ << in->count;
    }
    int value = (int)(in->bits & ((1u << count) - 1));
    in->bits >>= count, in->count -= count;
    return value;
}

/* How many codes there are of each length, and the symbols in the order of their codes. */
struct tree {
    int of_length[LONGEST + 1], symbols[CODES];
};

static struct tree tree(const uint8_t *lengths, int count, int may_lack) {
    struct tree t = {{0}, {0}};
    int made = 0, left = 1;
    for (int length = 1; length <= LONGEST; length++) {
        for (int i = 0; i < count; i++)
            if (lengths[i] == length) t.symbols[made++] = i, t.of_length[length]++;
        left = 2 * left - t.of_length[length];
        check(left >= 0);
    }
    check(left == 0 || may_lack);
    return t;
}

static int decode(struct input *in, const struct tree *t) {
    for (int length = 1, code = 0, first = 0, index = 0; length <= LONGEST; length++) {
        code |= take(in, 1);
        if (code - first < t->of_length[length]) return t->symbols[index + code - first];
        index += t->of_length[length];
        first = (first + t->of_length[length]) << 1, code <<= 1;
    }
    check(!"a code that there is");
    return 0;
}

static void read_head(struct input *in, struct tree *literals, struct tree *distances) {
    static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[CODES + 32] = {0}, packed[19] = {0};
    int literal_count = take(in, 5) + 257, distance_count = take(in, 5) + 1, count = take(in, 4) + 4;
    for (int i = 0; i < count; i++) packed[order[i]] = take(in, 3);
    struct tree t = tree(packed, 19, 0);
    for (int i = 0; i < literal_count + distance_count;) {
        int symbol = decode(in, &t);
        check(symbol != 16 || i > 0);
        int value = symbol == 16 ? lengths[i - 1] : symbol < 16 ? symbol : 0;
        int run = symbol < 16 ? 1 : symbol == 16 ? 3 + take(in, 2) : symbol == 17 ? 3 + take(in, 3) : 11 + take(in, 7);
        check(i + run <= literal_count + distance_count);
        while (run--) lengths[i++] = value;
    }
    *literals = tree(lengths, literal_count, 0);
    *distances = tree(lengths + literal_count, distance_count, 1);
}

/* Gives how many bytes came out. */
static size_t inflate(struct input *in, uint8_t *made, size_t room) {
    size_t count = 0;
    for (int last = 0; !last;) {
        last = take(in, 1);
        int kind = take(in, 2);
        check(kind == 0 || kind == 2);
        if (kind == 0) {
            in->bits = 0, in->count = 0;
            int length = take(in, 16);
            check(take(in, 16) == (length ^ 0xffff));
            check(count + (size_t)length <= room);
            while (length--) made[count++] = take(in, 8);
            continue;
        }
        struct tree literals, distances;
        read_head(in, &literals, &distances);
        for (int symbol; (symbol = decode(in, &literals)) != 256;) {
            int run = 1, value = symbol;
            if (symbol > 256) {
                int extra = symbol < 265 || symbol == 285 ? 0 : (symbol - 261) / 4;
                int base = symbol == 285 ? 258 : symbol < 265 ? symbol - 254 : ((symbol - 265) % 4 + 4) * (1 << extra) + 3;
                run = base + take(in, extra);
                check(decode(in, &distances) == 0 && count > 0);
                value = made[count - 1];
            }
            check(count + (size_t)run <= room);
            while (run--) made[count++] = value;
        }
    }
    return count;
}

static uint32_t adler(const uint8_t *bytes, size_t count) {
    uint32_t low = 1, high = 0;
    for (size_t i = 0; i < count; i++) low = (low + bytes[i]) % 65521, high = (high + low) % 65521;
    return high << 16 | low;
}

/* The filter undone, byte for byte, against what the picture holds. */
static void check_rows(const struct image *source, int channels, uint8_t *filtered) {
    ptrdiff_t row = source->row + 1;
    for (int y = 0; y < source->height; y++) {
        uint8_t *now = filtered + y * row + 1, *before = now - row;
        const uint8_t *pixel = source->first + y * source->stride;
        check(now[-1] == 4);
        for (ptrdiff_t x = 0; x < source->row; x++) {
            int left = x < channels ? 0 : now[x - channels], up = y ? before[x] : 0;
            int corner = y && x >= channels ? before[x - channels] : 0, guess = left + up - corner;
            int a = abs(guess - left), b = abs(guess - up), c = abs(guess - corner);
            now[x] += a <= b && a <= c ? left : b <= c ? up : corner;
            check(now[x] == (channels == 4 && !pixel[x | 3] ? 0 : pixel[x]));
        }
    }
}

/* Bytes of every steepness: codes as long as they may be, and longer. */
static void fill(struct draw *d, struct image *i) {
    uint32_t seed = draw_bytes(d, 2), steep = draw(d, 0, 12), sticky = draw(d, 0, 8), value = 0;
    for (int y = 0; y < i->height; y++)
        for (ptrdiff_t x = 0; x < i->row; x++) {
            uint32_t r = chance(&seed);
            if (!sticky || r % sticky == 0) value = steep == 12 ? r >> 8 : (uint32_t)__builtin_ctz(r | 1 << 23) * steep;
            i->first[y * i->stride + x] = value;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int kinds[] = {1, 3, 4};
    struct draw d = {data, data + size};
    int channels = kinds[draw(&d, 0, 2)], height, width, isa = draw(&d, 0, sinet_best_isa());
    draw_sides(&d, &height, &width);
    if (seldom(&d, 64)) height = 1, width = draw(&d, 65500 / channels, 65600 / channels); /* about a block */
    int spoilt = draw_spoilt(&d, 9);
    struct image source = image(&d, height, width * channels, 1);
    fill(&d, &source);
    int64_t room = sinet_png_size(height, width, channels), needed = sinet_png_scratch_size(width, channels);
    int64_t used[2];
    uint8_t *made[2];
    for (int turn = 0; turn < 2; turn++) {
        void *memory = scratch(needed, turn ? 0xff : 0);
        made[turn] = block(room, 1);
        memset(made[turn], GAP, room);
        used[turn] = sinet_png(turn ? 0 : isa, SPOIL(1, source.first, NULL), SPOIL(2, source.stride, source.row - 1),
                               SPOIL(3, height, 0), SPOIL(4, width, SINET_MAX_SIDE + 1), SPOIL(5, channels, 2),
                               SPOIL(6, made[turn], NULL), SPOIL(7, room, room - 1), SPOIL(8, memory, NULL),
                               SPOIL(9, needed, needed - 1));
        release(memory);
    }
    if (spoilt) {
        check(used[0] < 0 && used[1] < 0);
        for (int64_t i = 0; i < room; i++) check(made[0][i] == GAP);
    } else {
        check(used[0] > 0 && used[0] <= room && used[0] == used[1] && !memcmp(made[0], made[1], used[0]));
        size_t count = (size_t)height * (source.row + 1);
        uint8_t *filtered = block(count, 1);
        struct input in = {made[0] + 2, made[0] + used[0] - 4, 0, 0};
        check((made[0][0] << 8 | made[0][1]) % 31 == 0 && made[0][0] == 0x78);
        check(inflate(&in, filtered, count) == count && in.at == in.end);
        uint32_t sum = adler(filtered, count);
        for (int i = 0; i < 4; i++) check(in.end[i] == (uint8_t)(sum >> (24 - 8 * i)));
        check_rows(&source, channels, filtered);
        release(filtered);
    }
    for (int turn = 0; turn < 2; turn++) release(made[turn]);
    drop(&source);
    return 0;
}
