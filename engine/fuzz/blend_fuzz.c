/* Blending of any pictures: nothing outside them is touched, every instruction set gives the same bytes, so does
 * working in place, and wrong arguments are refused with nothing written. An alpha outside [0, 1] may give any code. */
#include "images.h"
#include "pixels.h"

struct scene {
    int height, width, isa, channels, spoilt, in_place, repeated, wild;
    struct image foreground, background, alpha, made, plain;
};

/* Pictures for one call; those of `made` hold the foreground already where it is worked on in place. */
static struct scene scene(struct draw *d, int height, int width, int channels, int alpha_size, int made_channels,
                          int ways) {
    struct scene s = {height,
                      width,
                      draw(d, 0, sinet_best_isa()),
                      channels,
                      draw_spoilt(d, ways),
                      0,
                      seldom(d, 3),
                      alpha_size == 4 && seldom(d, 4),
                      {0},
                      {0},
                      {0},
                      {0},
                      {0}};
    uint32_t seed = draw_bytes(d, 2);
    s.in_place = made_channels == channels && seldom(d, 3);
    s.foreground = image(d, height, width * channels, 1);
    s.background = image(d, s.repeated ? 1 : height, width * channels, 1);
    s.alpha = image(d, height, width, alpha_size);
    fill_bytes(&s.foreground, seed), fill_bytes(&s.background, seed + 1);
    if (alpha_size == 1) fill_bytes(&s.alpha, seed + 2);
    else fill_floats(&s.alpha, seed + 2, s.wild);
    s.made = s.in_place ? copy(&s.foreground) : image(d, height, width * made_channels, 1);
    s.plain = copy(&s.made);
    return s;
}

static void check_and_drop(struct scene *s, int answer, int answer_plain) {
    check(s->spoilt ? answer < 0 : answer == SINET_OK);
    check(answer_plain == SINET_OK);
    if (!s->spoilt && !s->wild) check(same(&s->made, &s->plain));
    drop(&s->foreground), drop(&s->background), drop(&s->alpha), drop(&s->made), drop(&s->plain);
}

static void fuzz_composite(struct draw *d, int height, int width) {
    struct scene s = scene(d, height, width, 3, 4, 3, 10);
    int spoilt = s.spoilt;
    const uint8_t *foreground = s.in_place ? s.made.first : s.foreground.first;
    ptrdiff_t background = s.repeated ? 0 : s.background.stride;
    int answer =
        sinet_composite(SPOIL(1, s.isa, wrong_isa()), SPOIL(2, foreground, NULL), SPOIL(3, s.foreground.stride, 0),
                        SPOIL(4, s.background.first, NULL), SPOIL(5, background, -1),
                        at(SPOIL(6, s.alpha.first, NULL), SPOIL(7, 0, 3)), SPOIL(8, s.alpha.stride, s.alpha.row - 4),
                        s.made.first, s.made.stride, SPOIL(9, height, 0), SPOIL(10, width, INT32_MAX));
    /* Another instruction set, and not in place. */
    int plain = sinet_composite(0, s.foreground.first, s.foreground.stride, s.background.first, background,
                                (float *)s.alpha.first, s.alpha.stride, s.plain.first, s.plain.stride, height, width);
    check_and_drop(&s, answer, plain);
}

static void fuzz_composite_u8(struct draw *d, int height, int width) {
    struct scene s = scene(d, height, width, draw(d, 1, 3), 1, 0, 9);
    int spoilt = s.spoilt;
    drop(&s.made), drop(&s.plain);
    s.in_place = seldom(d, 3);
    s.made = s.in_place ? copy(&s.foreground) : image(d, height, width * s.channels, 1);
    s.plain = copy(&s.made);
    const uint8_t *foreground = s.in_place ? s.made.first : s.foreground.first;
    ptrdiff_t background = s.repeated ? 0 : s.background.stride;
    int answer =
        sinet_composite_u8(SPOIL(1, s.isa, -1), foreground, SPOIL(2, s.foreground.stride, s.foreground.row - 1),
                           SPOIL(3, s.background.first, NULL), SPOIL(4, background, -background - 1),
                           SPOIL(5, s.alpha.first, NULL), SPOIL(6, s.alpha.stride, 0), SPOIL(7, s.channels, 4),
                           SPOIL(8, s.made.first, NULL), s.made.stride, SPOIL(9, height, -1), width);
    int plain =
        sinet_composite_u8(0, s.foreground.first, s.foreground.stride, s.background.first, background, s.alpha.first,
                           s.alpha.stride, s.channels, s.plain.first, s.plain.stride, height, width);
    check_and_drop(&s, answer, plain);
}

static void fuzz_alpha_u8(struct draw *d, int height, int width) {
    struct scene s = scene(d, height, width, 1, 4, 1, 7);
    int spoilt = s.spoilt;
    int answer = sinet_alpha_u8(SPOIL(1, s.isa, wrong_isa()), at(SPOIL(2, s.alpha.first, NULL), SPOIL(3, 0, 1)),
                                SPOIL(4, s.alpha.stride, s.alpha.stride + 2), SPOIL(5, s.made.first, NULL),
                                s.made.stride, SPOIL(6, height, 0), SPOIL(7, width, 0));
    int plain = sinet_alpha_u8(0, (float *)s.alpha.first, s.alpha.stride, s.plain.first, s.plain.stride, height, width);
    check_and_drop(&s, answer, plain);
}

static void fuzz_cutout(struct draw *d, int height, int width) {
    struct scene s = scene(d, height, width, 3, 4, 4, 6);
    int spoilt = s.spoilt;
    int answer =
        sinet_cutout(SPOIL(1, s.isa, -1), SPOIL(2, s.foreground.first, NULL), s.foreground.stride,
                     (float *)SPOIL(3, s.alpha.first, NULL), s.alpha.stride, s.made.first,
                     SPOIL(4, s.made.stride, s.made.row - 1), SPOIL(5, height, INT32_MIN), SPOIL(6, width, -width));
    int plain = sinet_cutout(0, s.foreground.first, s.foreground.stride, (float *)s.alpha.first, s.alpha.stride,
                             s.plain.first, s.plain.stride, height, width);
    check_and_drop(&s, answer, plain);
}

/* A frame's planes; the second plane of chroma is not used where both alternate in the first. */
struct frame {
    struct image y, u, v;
    struct sinet_yuv420 frame;
};

static struct frame frame(struct draw *d, int height, int width, int step, int swapped, int repeated) {
    int half_height = repeated ? 1 : (height + 1) / 2, half_width = (width + 1) / 2;
    struct frame f = {.y = image(d, repeated ? 1 : height, width, 1), .u = image(d, half_height, half_width * step, 1)};
    uint32_t seed = draw_bytes(d, 2);
    fill_bytes(&f.y, seed), fill_bytes(&f.u, seed + 1);
    f.v = copy(&f.u);
    fill_bytes(&f.v, seed + 2);
    f.frame = (struct sinet_yuv420){
        f.y.first, f.u.first, f.v.first, repeated ? 0 : f.y.stride, repeated ? 0 : f.u.stride, step};
    if (step == 2) f.frame.u = f.u.first + swapped, f.frame.v = f.u.first + !swapped;
    return f;
}

static struct frame frame_copy(const struct frame *f) {
    struct frame made = {copy(&f->y), copy(&f->u), copy(&f->v), f->frame};
    made.frame.y = made.y.first;
    made.frame.u = made.u.first + (f->frame.u - f->u.first);
    made.frame.v = f->frame.uv_step == 2 ? made.u.first + (f->frame.v - f->u.first) : made.v.first;
    return made;
}

static void frame_drop(struct frame *f) { drop(&f->y), drop(&f->u), drop(&f->v); }

static void fuzz_composite_yuv420(struct draw *d, int height, int width) {
    int isa = draw(d, 0, sinet_best_isa()), spoilt = draw_spoilt(d, 11), step = draw(d, 1, 2), swapped = draw(d, 0, 1);
    struct frame above = frame(d, height, width, step, swapped, 0),
                 below = frame(d, height, width, step, swapped, seldom(d, 3));
    int in_place = seldom(d, 3);
    struct frame made = in_place ? frame_copy(&above) : frame(d, height, width, step, swapped, 0),
                 plain = frame_copy(&made);
    struct image alpha = image(d, height, width, 1);
    fill_bytes(&alpha, draw_bytes(d, 2));
    struct sinet_yuv420 foreground = in_place ? made.frame : above.frame, to = made.frame;
    switch (spoilt) {
    case 1: foreground.y = NULL; break;
    case 2: foreground.u = NULL; break;
    case 3: foreground.uv_step = 0; break;
    case 4: to.y_stride = 0; break;
    case 5: to.uv_stride = -1; break;
    case 6: to.uv_step = 3 - step; break;
    }
    int answer = sinet_composite_yuv420(SPOIL(7, isa, wrong_isa()), &foreground, SPOIL(8, &below.frame, NULL),
                                        SPOIL(9, alpha.first, NULL), SPOIL(10, alpha.stride, alpha.row - 1), &to,
                                        SPOIL(11, height, 0), width);
    check(spoilt ? answer < 0 : answer == SINET_OK);
    check(
        !sinet_composite_yuv420(0, &above.frame, &below.frame, alpha.first, alpha.stride, &plain.frame, height, width));
    if (!spoilt) check(same(&made.y, &plain.y) && same(&made.u, &plain.u) && same(&made.v, &plain.v));
    frame_drop(&above), frame_drop(&below), frame_drop(&made), frame_drop(&plain), drop(&alpha);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const cases[])(struct draw *, int, int) = {fuzz_composite, fuzz_composite_u8, fuzz_alpha_u8,
                                                             fuzz_cutout, fuzz_composite_yuv420};
    struct draw d = {data, data + size};
    int chosen = draw(&d, 0, 4), height, width;
    draw_sides(&d, &height, &width);
    cases[chosen](&d, height, width);
    return 0;
}
