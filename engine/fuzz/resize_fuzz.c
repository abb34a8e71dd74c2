/* Resizing of any picture to any size: nothing outside the pictures is touched, what scratch memory held does not
 * matter, every instruction set gives the same bytes, and wrong arguments are refused with nothing written. */
#include "images.h"
#include "pixels.h"

struct sizes {
    int height, width, made_height, made_width;
};

static void check_hostile_sizes(struct draw *d) {
    int isa = draw(d, 0, sinet_best_isa()), height = hostile(d), width = hostile(d), channels = draw(d, 0, 5);
    int made_height = hostile(d), made_width = hostile(d);
    int64_t needed = sinet_resize_scratch_size(isa, height, width, channels, made_height, made_width);
    int good = height > 0 && width > 0 && made_height > 0 && made_width > 0 && height <= SINET_MAX_SIDE &&
               width <= SINET_MAX_SIDE && made_height <= SINET_MAX_SIDE && made_width <= SINET_MAX_SIDE;
    check(good && channels >= 1 && channels <= 4 ? needed > 0 : needed < 0);
    needed = sinet_resize_yuv420_scratch_size(isa, height, width, made_height, made_width);
    check(good ? needed > 0 : needed < 0);
}

static void fuzz_u8(struct draw *d, struct sizes s, int isa) {
    int channels = draw(d, 1, 4), spoilt = draw_spoilt(d, 12);
    struct image source = image(d, s.height, s.width * channels, 1);
    struct image made = image(d, s.made_height, s.made_width * channels, 1), again = copy(&made), plain = copy(&made);
    fill_bytes(&source, draw_bytes(d, 2));
    int64_t needed = sinet_resize_scratch_size(isa, s.height, s.width, channels, s.made_height, s.made_width);
    void *memory = scratch(needed, 0);
    int answer = sinet_resize_u8(
        SPOIL(1, isa, wrong_isa()), SPOIL(2, source.first, NULL), SPOIL(3, source.stride, source.row - 1),
        SPOIL(4, s.height, 0), SPOIL(5, s.width, -s.width), SPOIL(6, channels, 5), SPOIL(7, made.first, NULL),
        SPOIL(8, made.stride, -made.stride), SPOIL(9, s.made_height, SINET_MAX_SIDE + 1), s.made_width,
        at(SPOIL(10, memory, NULL), SPOIL(11, 0, 4)), SPOIL(12, needed, needed - 1));
    check(spoilt ? answer < 0 : answer == SINET_OK);
    release(memory);
    if (spoilt) {
        check(same(&made, &again));
    } else {
        memory = scratch(needed, 0xff);
        check(!sinet_resize_u8(isa, source.first, source.stride, s.height, s.width, channels, again.first, again.stride,
                               s.made_height, s.made_width, memory, needed));
        release(memory);
        memory =
            scratch(needed = sinet_resize_scratch_size(0, s.height, s.width, channels, s.made_height, s.made_width), 0);
        check(!sinet_resize_u8(0, source.first, source.stride, s.height, s.width, channels, plain.first, plain.stride,
                               s.made_height, s.made_width, memory, needed));
        release(memory);
        check(same(&made, &again) && same(&made, &plain));
        if (s.height == s.made_height && s.width == s.made_width) check(same(&made, &source));
    }
    drop(&source), drop(&made), drop(&again), drop(&plain);
}

static void fuzz_f32(struct draw *d, struct sizes s, int isa) {
    int spoilt = draw_spoilt(d, 9);
    struct image source = image(d, s.height, s.width, 4), made = image(d, s.made_height, s.made_width, 4),
                 again = copy(&made);
    fill_floats(&source, draw_bytes(d, 2), seldom(d, 4));
    int64_t needed = sinet_resize_scratch_size(isa, s.height, s.width, 1, s.made_height, s.made_width);
    for (int turn = 0; turn < 2; turn++) {
        void *memory = scratch(needed, turn ? 0xff : 0);
        struct image *to = turn ? &again : &made;
        int answer = sinet_resize_f32(SPOIL(1, isa, -1), at(SPOIL(2, source.first, NULL), SPOIL(3, 0, 2)),
                                      SPOIL(4, source.stride, source.stride + 1), SPOIL(5, s.height, INT32_MIN),
                                      SPOIL(6, s.width, 0), at(to->first, SPOIL(7, 0, 1)), SPOIL(8, to->stride, 0),
                                      s.made_height, s.made_width, memory, SPOIL(9, needed, 0));
        check(spoilt ? answer < 0 : answer == SINET_OK);
        release(memory);
    }
    check(same(&made, &again));
    drop(&source), drop(&made), drop(&again);
}

struct standard {
    float mean[3], std[3];
};

static const struct standard STANDARD = {{102.9f, 111.3f, 0}, {57.1f, 255, 1e4f}};

static void fuzz_planes(struct draw *d, struct sizes s, int isa) {
    int channels = draw(d, 3, 4), reversed = draw(d, 0, 1), spoilt = draw_spoilt(d, 9);
    struct image source = image(d, s.height, s.width * channels, 1);
    size_t bytes = 12 * (size_t)s.made_height * s.made_width;
    float *made = block(bytes, 4), *again = block(bytes, 4);
    fill_bytes(&source, draw_bytes(d, 2));
    int64_t needed = sinet_resize_scratch_size(isa, s.height, s.width, channels, s.made_height, s.made_width);
    for (int turn = 0; turn < 2; turn++) {
        void *memory = scratch(needed, turn ? 0xff : 0);
        memset(turn ? again : made, GAP, bytes);
        int answer = sinet_resize_planes(isa, SPOIL(1, source.first, NULL), source.stride, s.height, s.width,
                                         SPOIL(2, channels, 2), SPOIL(3, reversed, 2), SPOIL(4, STANDARD.mean, NULL),
                                         SPOIL(5, STANDARD.std, NULL), SPOIL(6, turn ? again : made, NULL),
                                         SPOIL(7, s.made_height, -1), SPOIL(8, s.made_width, 0), memory,
                                         SPOIL(9, needed, needed - 1));
        check(spoilt ? answer < 0 : answer == SINET_OK);
        release(memory);
    }
    check(memcmp(made, again, bytes) == 0);
    drop(&source), release(made), release(again);
}

static void fuzz_yuv420(struct draw *d, struct sizes s, int isa) {
    int matrix = draw(d, 0, 2), full = draw(d, 0, 1), step = draw(d, 1, 2), swapped = draw(d, 0, 1),
        spoilt = draw_spoilt(d, 11);
    int half_height = (s.height + 1) / 2, half_width = (s.width + 1) / 2;
    struct image y = image(d, s.height, s.width, 1), u = image(d, half_height, half_width * step, 1), v = copy(&u);
    uint32_t seed = draw_bytes(d, 2);
    fill_bytes(&y, seed), fill_bytes(&u, seed + 1), fill_bytes(&v, seed + 2);
    struct sinet_yuv420 frame = {y.first, u.first, v.first, y.stride, u.stride, step};
    if (step == 2) frame.u = u.first + swapped, frame.v = u.first + !swapped;
    size_t bytes = 12 * (size_t)s.made_height * s.made_width;
    float *made = block(bytes, 4), *again = block(bytes, 4);
    switch (spoilt) {
    case 1: frame.y = NULL; break;
    case 2: frame.u = NULL; break;
    case 3: frame.y_stride = 0; break;
    case 4: frame.uv_stride = -frame.uv_stride; break;
    case 5: frame.uv_step = 3; break;
    }
    int64_t needed = sinet_resize_yuv420_scratch_size(isa, s.height, s.width, s.made_height, s.made_width);
    for (int turn = 0; turn < 2; turn++) {
        void *memory = scratch(needed, turn ? 0xff : 0);
        memset(turn ? again : made, GAP, bytes);
        int answer =
            sinet_resize_yuv420(isa, SPOIL(6, &frame, NULL), SPOIL(7, s.height, 0), s.width, SPOIL(8, matrix, 3),
                                SPOIL(9, full, 2), SPOIL(10, swapped, -1), STANDARD.mean, STANDARD.std,
                                turn ? again : made, s.made_height, s.made_width, memory, SPOIL(11, needed, 0));
        check(spoilt ? answer < 0 : answer == SINET_OK);
        release(memory);
    }
    check(memcmp(made, again, bytes) == 0);
    drop(&y), drop(&u), drop(&v), release(made), release(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const cases[])(struct draw *, struct sizes, int) = {fuzz_u8, fuzz_f32, fuzz_planes, fuzz_yuv420};
    struct draw d = {data, data + size};
    int chosen = draw(&d, 0, 3), isa = draw(&d, 0, sinet_best_isa());
    struct sizes s;
    draw_sides(&d, &s.height, &s.width), draw_sides(&d, &s.made_height, &s.made_width);
    if (seldom(&d, 8)) s.made_height = s.height;
    if (seldom(&d, 8)) s.made_width = s.width;
    cases[chosen](&d, s, isa);
    check_hostile_sizes(&d);
    return 0;
}
