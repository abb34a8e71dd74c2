/* The filters on any pictures and grids: nothing outside them is touched, what scratch memory held does not matter to
 * the last bit, instruction sets differ by one code at most, answers stay in their range, and wrong arguments are
 * refused with nothing written. Floats that are not finite may give any answer, but not more than that. */
#include "images.h"
#include "pixels.h"

/* Planes of floats without gaps, in as many bytes. */
static float *grid(struct draw *d, int planes, int height, int width, float scale, int wild) {
    size_t count = (size_t)planes * height * width;
    float *values = block(4 * count, 4);
    uint32_t seed = draw_bytes(d, 2);
    for (size_t i = 0; i < count; i++) values[i] = scale * fill_value(&seed, wild);
    return values;
}

static int draw_radius(struct draw *d) { return seldom(d, 4) ? (int)draw(d, 0, INT32_MAX) : (int)draw(d, 0, 20); }

/* The three turns of every case: the drawn instruction set twice, on different scratch memory, and the plain one. */
enum { TURNS = 3 };

struct turns {
    int isa, spoilt;
    struct image made[TURNS];
};

static struct turns turns(struct draw *d, int height, int values, int size, int ways) {
    struct turns t = {draw(d, 0, sinet_best_isa()), draw_spoilt(d, ways), {{0}}};
    t.made[0] = image(d, height, values, size);
    for (int turn = 1; turn < TURNS; turn++) t.made[turn] = copy(&t.made[0]);
    return t;
}

static int isa_of(const struct turns *t, int turn) { return turn == 2 ? 0 : t->isa; }

static void *scratch_of(int turn, int64_t needed) { return scratch(needed, turn == 1 ? 0xff : 0); }

/* After a call: its answer is as it must be. */
static void check_turn(const struct turns *t, int answer, void *memory) {
    check(t->spoilt ? answer < 0 : answer == SINET_OK);
    release(memory);
}

/* After all calls. apart: how many codes instruction sets may differ by; -1 for no matter, and for floats. */
static void check_and_drop(struct turns *t, int apart) {
    check(same(&t->made[0], &t->made[1]));
    if (t->spoilt) check(same(&t->made[0], &t->made[2]));
    else if (apart >= 0) check(distance(&t->made[0], &t->made[2]) <= apart);
    for (int turn = 0; turn < TURNS; turn++) drop(&t->made[turn]);
}

static void check_range(const struct image *i, float low, float high) {
    for (int y = 0; y < i->height; y++)
        for (ptrdiff_t x = 0; x < i->row; x += 4) {
            float value;
            memcpy(&value, i->first + y * i->stride + x, 4);
            check(value >= low && value <= high);
        }
}

static void fuzz_box_mean(struct draw *d, int height, int width) {
    int channels = draw(d, 1, 16), radius = draw_radius(d), wild = seldom(d, 4);
    struct turns t = turns(d, height, width * channels, 4, 8);
    struct image source = image(d, height, width * channels, 4);
    int spoilt = t.spoilt;
    fill_floats(&source, draw_bytes(d, 2), wild);
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t needed = sinet_box_mean_scratch_size(isa_of(&t, turn), height, width, channels, radius);
        check(needed > 0);
        void *memory = scratch_of(turn, needed);
        check_turn(&t,
                   sinet_box_mean(SPOIL(1, isa_of(&t, turn), -1), at(source.first, SPOIL(2, 0, 2)),
                                  SPOIL(3, source.stride, source.row - 4), SPOIL(4, height, 0), width,
                                  SPOIL(5, channels, 17), SPOIL(6, radius, -1),
                                  (float *)SPOIL(7, t.made[turn].first, NULL), t.made[turn].stride, memory,
                                  SPOIL(8, needed, needed - 1)),
                   memory);
    }
    if (!spoilt && !wild) check_range(&t.made[0], -1e-5f, 1 + 1e-5f), check_range(&t.made[2], -1e-5f, 1 + 1e-5f);
    drop(&source);
    check_and_drop(&t, -1);
}

static void fuzz_guided_fit(struct draw *d, int height, int width) {
    static const float EPS[] = {1e-6f, 1e-4f, 1, 1e6f};
    int radius = draw_radius(d), wild = seldom(d, 4);
    float eps = EPS[draw(d, 0, 3)];
    struct turns t = turns(d, 1, 4 * height * width, 4, 9);
    struct image guide = image(d, height, width * 3, 1), alpha = image(d, height, width, 4);
    int spoilt = t.spoilt;
    fill_bytes(&guide, draw_bytes(d, 2)), fill_floats(&alpha, draw_bytes(d, 2), wild);
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t needed = sinet_guided_fit_scratch_size(isa_of(&t, turn), height, width, radius);
        check(needed > 0);
        void *memory = scratch_of(turn, needed);
        check_turn(&t,
                   sinet_guided_fit(SPOIL(1, isa_of(&t, turn), wrong_isa()), SPOIL(2, guide.first, NULL),
                                    SPOIL(3, guide.stride, 0), at(alpha.first, SPOIL(4, 0, 1)), alpha.stride,
                                    SPOIL(5, height, -height), width, SPOIL(6, radius, INT32_MIN), SPOIL(7, eps, NAN),
                                    (float *)SPOIL(8, t.made[turn].first, NULL), memory, SPOIL(9, needed, needed / 2)),
                   memory);
    }
    if (!spoilt && !wild) check_range(&t.made[0], -3e6f, 3e6f), check_range(&t.made[2], -3e6f, 3e6f);
    drop(&guide), drop(&alpha);
    check_and_drop(&t, -1);
}

static void fuzz_guided_alpha(struct draw *d, int height, int width) {
    int grid_height = draw(d, 1, height), grid_width = draw(d, 1, width), size = draw(d, 0, 1) ? 4 : 1,
        wild = seldom(d, 4);
    float low = (float)draw(d, -10, 5) / 8, high = low + (float)draw(d, 1, 20) / 16;
    struct turns t = turns(d, height, width, size, 10);
    struct image rgb = image(d, height, width * 3, 1);
    float *coefficients = grid(d, 4, grid_height, grid_width, 1, wild);
    int spoilt = t.spoilt;
    fill_bytes(&rgb, draw_bytes(d, 2));
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t needed = sinet_enlarge_scratch_size(isa_of(&t, turn));
        void *memory = scratch_of(turn, needed);
        check_turn(&t,
                   sinet_guided_alpha(isa_of(&t, turn), SPOIL(1, coefficients, NULL), SPOIL(2, grid_height, height + 1),
                                      SPOIL(3, grid_width, 0), SPOIL(4, rgb.first, NULL), rgb.stride, height,
                                      SPOIL(5, width, -1), SPOIL(6, low, INFINITY), SPOIL(7, high, low),
                                      SPOIL(8, t.made[turn].first, NULL), t.made[turn].stride, SPOIL(9, size, 2),
                                      memory, SPOIL(10, needed, needed - 1)),
                   memory);
    }
    if (!spoilt && !wild && size == 4) check_range(&t.made[0], 0, 1), check_range(&t.made[2], 0, 1);
    drop(&rgb), release(coefficients);
    check_and_drop(&t, size == 1 && !wild ? 1 : -1);
}

static void fuzz_local_colours(struct draw *d, int height, int width) {
    int windows = draw(d, 1, SINET_MAX_WINDOWS), wild = seldom(d, 4);
    struct turns t = turns(d, 1, 6 * height * width, 4, 9);
    struct image rgb = image(d, height, width * 3, 1), alpha = image(d, height, width, 4);
    int *radii = block(windows * sizeof *radii, 4), spoilt = t.spoilt;
    float *trusts = block(windows * sizeof *trusts, 4);
    for (int k = 0; k < windows; k++) {
        static const float TRUST[] = {0, 1, 1e-6f, 1e6f, 0.1f};
        radii[k] = draw_radius(d);
        trusts[k] = TRUST[draw(d, 0, 4)];
    }
    if (spoilt == 1) radii[windows - 1] = -1;
    if (spoilt == 2) trusts[windows - 1] = NAN;
    if (spoilt == 3) trusts[0] = -1;
    fill_bytes(&rgb, draw_bytes(d, 2)), fill_floats(&alpha, draw_bytes(d, 2), wild);
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t needed = sinet_local_colours_scratch_size(isa_of(&t, turn), height, width, radii, windows);
        check(spoilt == 1 ? needed < 0 : needed > 0);
        void *memory = scratch_of(turn, needed);
        check_turn(&t,
                   sinet_local_colours(isa_of(&t, turn), rgb.first, SPOIL(4, rgb.stride, 1), (float *)alpha.first,
                                       alpha.stride, SPOIL(5, height, 0), width, SPOIL(6, radii, NULL),
                                       SPOIL(7, trusts, NULL), SPOIL(8, windows, SINET_MAX_WINDOWS + 1),
                                       (float *)SPOIL(9, t.made[turn].first, NULL), memory, needed > 0 ? needed : 0),
                   memory);
    }
    if (!spoilt && !wild) check_range(&t.made[0], -1, 256), check_range(&t.made[2], -1, 256);
    drop(&rgb), drop(&alpha), release(radii), release(trusts);
    check_and_drop(&t, -1);
}

static void fuzz_clean_colours(struct draw *d, int height, int width) {
    int grid_height = draw(d, 1, height), grid_width = draw(d, 1, width), channels = draw(d, 3, 4), wild = seldom(d, 4);
    struct turns t = turns(d, height, width * channels, 1, 9);
    struct image rgb = image(d, height, width * 3, 1), alpha = image(d, height, width, 4);
    float *colours = grid(d, 6, grid_height, grid_width, 255, wild);
    int spoilt = t.spoilt, in_place = channels == 3 && !spoilt && seldom(d, 3);
    fill_bytes(&rgb, draw_bytes(d, 2)), fill_floats(&alpha, draw_bytes(d, 2), wild);
    if (in_place) {
        for (int turn = 0; turn < TURNS; turn++) drop(&t.made[turn]), t.made[turn] = copy(&rgb);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t needed = sinet_enlarge_scratch_size(isa_of(&t, turn));
        void *memory = scratch_of(turn, needed);
        const uint8_t *source = in_place && turn != 2 ? t.made[turn].first : rgb.first;
        check_turn(&t,
                   sinet_clean_colours(SPOIL(1, isa_of(&t, turn), -1), colours, SPOIL(2, grid_height, -1),
                                       SPOIL(3, grid_width, width + 1), SPOIL(4, source, NULL), rgb.stride,
                                       at(alpha.first, SPOIL(5, 0, 2)), SPOIL(6, alpha.stride, -4), height, width,
                                       t.made[turn].first, SPOIL(7, t.made[turn].stride, 2), SPOIL(8, channels, 5),
                                       memory, SPOIL(9, needed, 0)),
                   memory);
    }
    drop(&rgb), drop(&alpha), release(colours);
    check_and_drop(&t, wild ? -1 : 1);
}

static void fuzz_shrink(struct draw *d, int height, int width) {
    int channels = draw(d, 1, 4), factor = draw(d, 1, 64);
    struct turns t = turns(d, (height + factor - 1) / factor, (width + factor - 1) / factor * channels, 1, 8);
    struct image source = image(d, height, width * channels, 1);
    int spoilt = t.spoilt;
    fill_bytes(&source, draw_bytes(d, 2));
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t needed = sinet_shrink_scratch_size(isa_of(&t, turn), width, channels);
        void *memory = scratch_of(turn, needed);
        check_turn(&t,
                   sinet_shrink(isa_of(&t, turn), SPOIL(1, source.first, NULL), SPOIL(2, source.stride, -source.stride),
                                SPOIL(3, height, 0), SPOIL(4, width, INT32_MIN), SPOIL(5, channels, 0),
                                SPOIL(6, factor, 65), t.made[turn].first, SPOIL(7, t.made[turn].stride, 0), memory,
                                SPOIL(8, needed, needed - 1)),
                   memory);
    }
    drop(&source);
    check_and_drop(&t, 1);
}

static void fuzz_lay_over(struct draw *d, int height, int width) {
    int grid_height = draw(d, 1, height), grid_width = draw(d, 1, width), channels = draw(d, 0, 1) ? 3 : 1;
    int size = draw(d, 0, 1) ? 4 : 1, wild = seldom(d, 4);
    struct turns t = turns(d, height, width * channels, 1, 9);
    struct image foreground = image(d, height, width * channels, 1), alpha = image(d, height, width, size);
    float *background = grid(d, channels, grid_height, grid_width, 255, wild);
    int spoilt = t.spoilt, in_place = !spoilt && seldom(d, 3);
    fill_bytes(&foreground, draw_bytes(d, 2));
    if (size == 1) fill_bytes(&alpha, draw_bytes(d, 2));
    else fill_floats(&alpha, draw_bytes(d, 2), wild);
    if (in_place) {
        for (int turn = 0; turn < TURNS; turn++) drop(&t.made[turn]), t.made[turn] = copy(&foreground);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t needed = sinet_enlarge_scratch_size(isa_of(&t, turn));
        void *memory = scratch_of(turn, needed);
        const uint8_t *source = in_place && turn != 2 ? t.made[turn].first : foreground.first;
        check_turn(&t,
                   sinet_lay_over(isa_of(&t, turn), source, foreground.stride, SPOIL(1, channels, 2),
                                  SPOIL(2, background, NULL), SPOIL(3, grid_height, 0), SPOIL(4, grid_width, width + 1),
                                  SPOIL(5, alpha.first, NULL), SPOIL(6, alpha.stride, alpha.row - size),
                                  SPOIL(7, size, 3), SPOIL(8, height, INT32_MAX), width, t.made[turn].first,
                                  t.made[turn].stride, SPOIL(9, memory, NULL), needed),
                   memory);
    }
    drop(&foreground), drop(&alpha), release(background);
    check_and_drop(&t, wild ? -1 : 1);
}

static void fuzz_guided_alpha_yuv(struct draw *d, int height, int width) {
    int grid_height = draw(d, 1, height), grid_width = draw(d, 1, width), wild = seldom(d, 4), step = draw(d, 1, 2),
        swapped = draw(d, 0, 1);
    float low = (float)draw(d, -10, 5) / 8, high = low + (float)draw(d, 1, 20) / 16;
    struct turns t = turns(d, height, width, 1, 9);
    struct image y = image(d, height, width, 1), u = image(d, (height + 1) / 2, (width + 1) / 2 * step, 1), v = copy(&u);
    float *coefficients = grid(d, 4, grid_height, grid_width, 1, wild);
    uint8_t *cells = seldom(d, 3) ? NULL : block((size_t)grid_height * grid_width, 1);
    int spoilt = t.spoilt;
    uint32_t seed = draw_bytes(d, 2);
    for (int i = 0; cells && i < grid_height * grid_width; i++) cells[i] = chance(&seed) % 3;
    fill_bytes(&y, seed), fill_bytes(&u, seed + 1), fill_bytes(&v, seed + 2);
    struct sinet_yuv420 frame = {y.first, u.first, v.first, y.stride, u.stride, SPOIL(1, step, 0)};
    if (step == 2) frame.u = u.first + swapped, frame.v = u.first + !swapped;
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t needed = sinet_enlarge_scratch_size(isa_of(&t, turn));
        void *memory = scratch_of(turn, needed);
        check_turn(&t,
                   sinet_guided_alpha_yuv420(isa_of(&t, turn), SPOIL(2, coefficients, NULL),
                                             SPOIL(3, grid_height, height + 1), grid_width, cells,
                                             SPOIL(4, &frame, NULL),
                                             SPOIL(5, height, 0), width, SPOIL(6, low, NAN), SPOIL(7, high, low),
                                             SPOIL(8, t.made[turn].first, NULL), t.made[turn].stride, memory,
                                             SPOIL(9, needed, needed - 1)),
                   memory);
    }
    drop(&y), drop(&u), drop(&v), release(coefficients);
    if (cells) release(cells);
    check_and_drop(&t, wild ? -1 : 1);
}

/* Vectors may be anything at all; all instruction sets find the same. */
static void fuzz_motion(struct draw *d, int height, int width) {
    int bytes = seldom(d, 2) ? 4 : 1, isa = draw(d, 0, sinet_best_isa()), spoilt = draw_spoilt(d, 8);
    struct image before = image(d, height, width, 1), now = image(d, height, width, 1);
    struct image plane = image(d, height, width, bytes), made = image(d, height, width, bytes), again = copy(&made);
    size_t count = 2 * (size_t)((height + 7) / 8) * ((width + 7) / 8);
    int8_t *vectors = block(count, 1), *plain = block(count, 1);
    uint32_t seed = draw_bytes(d, 2);
    fill_bytes(&before, seed), fill_bytes(&now, draw(d, 0, 1) ? seed : seed + 1), fill_bytes(&plane, seed + 2);
    for (size_t i = 0; i < count; i++) vectors[i] = plain[i] = (int8_t)chance(&seed);
    int answer = sinet_follow(SPOIL(1, isa, wrong_isa()), SPOIL(2, before.first, NULL), before.stride,
                              SPOIL(3, now.first, NULL), now.stride, SPOIL(4, height, 0), width, vectors);
    check(spoilt >= 1 && spoilt <= 4 ? answer < 0 : answer == SINET_OK);
    if (!(spoilt >= 1 && spoilt <= 4)) {
        check(!sinet_follow(0, before.first, before.stride, now.first, now.stride, height, width, plain));
        check(!memcmp(vectors, plain, count));
        for (size_t i = 0; i < count; i++) {
            check(abs(vectors[i]) <= SINET_MOTION_REACH);
            vectors[i] = (int8_t)chance(&seed);
        }
    }
    answer = sinet_move(isa, SPOIL(5, plane.first, NULL), plane.stride, height, width, SPOIL(6, vectors, NULL),
                        SPOIL(7, bytes, 2), made.first, SPOIL(8, made.stride, made.row - 1));
    check(spoilt >= 5 ? answer < 0 : answer == SINET_OK);
    if (spoilt >= 5) check(same(&made, &again));
    drop(&before), drop(&now), drop(&plane), drop(&made), drop(&again), release(vectors), release(plain);
}

static void check_hostile_sizes(struct draw *d) {
    int isa = draw(d, 0, sinet_best_isa()), height = hostile(d), width = hostile(d), channels = draw(d, 0, 17);
    int radii[2] = {(int)hostile(d), (int)hostile(d)}, radius = radii[0], radius_good = radius >= 0;
    int good = height > 0 && width > 0 && height <= SINET_MAX_SIDE && width <= SINET_MAX_SIDE;
    int64_t needed = sinet_box_mean_scratch_size(isa, height, width, channels, radius);
    check(good && radius_good && channels >= 1 && channels <= 16 ? needed > 0 : needed < 0);
    needed = sinet_guided_fit_scratch_size(isa, height, width, radius);
    check(good && radius_good ? needed > 0 : needed < 0);
    needed = sinet_local_colours_scratch_size(isa, height, width, radii, 2);
    check(good && radius_good && radii[1] >= 0 ? needed > 0 : needed < 0);
    needed = sinet_shrink_scratch_size(isa, width, channels);
    check(width > 0 && width <= SINET_MAX_SIDE && channels >= 1 && channels <= 4 ? needed > 0 : needed < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const cases[])(struct draw *, int, int) = {
        fuzz_box_mean,      fuzz_guided_fit, fuzz_guided_alpha, fuzz_local_colours,
        fuzz_clean_colours, fuzz_shrink,     fuzz_lay_over,     fuzz_guided_alpha_yuv, fuzz_motion,
    };
    struct draw d = {data, data + size};
    int chosen = draw(&d, 0, 8), height, width;
    draw_sides(&d, &height, &width);
    cases[chosen](&d, height, width);
    check_hostile_sizes(&d);
    return 0;
}
