"""People laid over a background, one after another, each brought towards it: the picture and its alpha."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.random import Generator

from sinet.core.types import Alpha, Rgb8, Size
from sinet.generate.grain import MAX_BLUR_PX, add_noise, blur_rgb, estimate_blur, estimate_noise, missing
from sinet.generate.light import GREY, Light, match_light, measure_light, without_colours
from sinet.generate.person import LeftOutError, Person, defocused, resized, straight
from sinet.generate.placing import Place, is_grounded
from sinet.generate.shadow import choose_shadow, darken, shadow_map
from sinet.native.blend import composite

MIN_PERSON = 0.01
"""Least part of the frame that people cover together."""
SOFT_BEHIND = 0.8
"""A sharp person before a soft background is what lenses give, so of that difference only this part is taken away."""
FIRM = 0.95
"""Alpha above which a pixel is the person's alone, and tells of sharpness and noise."""
NEAR = 3.0
"""How much more than the rest of the background counts what is around the person, for light."""


@dataclass
class Layer:
    """A person in the frame, and what was chosen for them.

    Attributes:
        person: who.
        place: where.
        made: what the row says of them; grows as they are laid down.
        light, blur, noise: strengths of the matches, in [0, 1].
    """

    person: Person
    place: Place
    made: dict[str, object]
    light: float = 0.0
    blur: float = 0.0
    noise: float = 0.0


def render(
    scene: Rgb8, layers: list[Layer], shadows: float, rng: Generator, made: dict[str, object]
) -> tuple[Rgb8, Alpha]:
    """Lay people over a background.

    Args:
        scene: (H, W, 3) uint8, the background at the frame's size.
        layers: the people, farthest first.
        shadows: share of the people who throw one.
        rng: for grain and shadows.
        made: gets what was measured and done.

    Returns:
        The picture (H, W, 3) uint8, and the alpha of all people together (H, W) float32.

    Raises:
        LeftOutError: the people cover too little of the frame.
    """
    people = [straight(resized(layer.person, layer.place.size)) for layer in layers]
    lights = [measure_light(*person) for person in people]
    grey = any(light.colours < GREY for light in lights)
    made["grey"] = grey
    if grey:  # a grey person came from a grey picture
        scene = without_colours(scene)
        people = [(without_colours(colours), alpha) for colours, alpha in people]
    scene = _match_scene(scene, people[-1], layers[-1], rng, made)
    ground = _Ground(scene, estimate_blur(scene), estimate_noise(scene), grey)
    picture = scene
    alpha = np.zeros((scene.shape[0], scene.shape[1]), np.float32)
    for person, light, layer in zip(people, lights, layers, strict=True):
        shadowed = bool(rng.random() < shadows)
        above, over = _match_person(ground, person, light, layer, rng)
        if shadowed:
            shadow = choose_shadow(layer.place.size[0], not is_grounded(layer.person), rng)
            layer.made["shadow"] = {**asdict(shadow), "offset_xy": list(shadow.offset_xy)}
            picture = darken(picture, shadow_map(over, shadow))
        picture = composite(above, picture, over)
        alpha = (over + alpha * (1 - over)).astype(np.float32)
    area = float(np.mean(alpha > 0.5))
    if area < MIN_PERSON:
        raise LeftOutError("person too small", f"people cover {area:.2%} of the frame, {MIN_PERSON:.0%} is the least")
    return picture, alpha


@dataclass(frozen=True)
class _Ground:
    """The background before anybody stands on it, and what was measured of it."""

    scene: Rgb8
    blur: float
    noise: float
    grey: bool


def _match_scene(
    scene: Rgb8, nearest: tuple[Rgb8, Alpha], layer: Layer, rng: Generator, made: dict[str, object]
) -> Rgb8:
    """A background sharper, or cleaner, than the nearest person is blurred, and gets noise."""
    colours, inside = nearest[0], nearest[1] > FIRM
    own = estimate_blur(colours, inside)
    # A person without an edge to tell by tells nothing of the lens.
    sigma = layer.blur * missing(estimate_blur(scene), own) if own < MAX_BLUR_PX else 0.0
    scene = blur_rgb(scene, sigma)
    grain = layer.noise * missing(estimate_noise(scene), estimate_noise(colours, inside))
    made["background_blur_px"], made["background_noise_sigma"] = round(sigma, 4), round(grain, 4)
    return add_noise(scene, grain, rng)


def _match_person(
    ground: _Ground, person: tuple[Rgb8, Alpha], light: Light, layer: Layer, rng: Generator
) -> tuple[Rgb8, Alpha]:
    """The person with the background's light, no sharper and no cleaner than it, as planes of the frame's size."""
    colours = match_light(
        person[0], light, measure_light(ground.scene, _around(ground.scene, layer.place)), layer.light
    )
    if ground.grey:
        colours = without_colours(colours)
    # Nor does a background without an edge, a plain wall.
    gap = missing(estimate_blur(colours, person[1] > FIRM), ground.blur) if ground.blur < MAX_BLUR_PX else 0.0
    sigma = min(gap * layer.blur * SOFT_BEHIND, MAX_BLUR_PX)
    colours, alpha, room = defocused(colours, person[1], layer.person.cuts, sigma)
    grain = layer.noise * missing(estimate_noise(colours, alpha > FIRM), ground.noise)
    layer.made |= {
        "light": round(layer.light, 4),
        "blur": round(layer.blur, 4),
        "blur_px": round(sigma, 4),
        "noise": round(layer.noise, 4),
        "noise_sigma": round(grain, 4),
    }
    corner = layer.place.x - room[1], layer.place.y - room[0]
    return _in_frame(add_noise(colours, grain, rng), alpha, corner, (ground.scene.shape[0], ground.scene.shape[1]))


def _around(scene: Rgb8, place: Place) -> Alpha:
    """How much each pixel of the background counts for the light of a person who stands there."""
    weight = np.ones(scene.shape[:2], np.float32)
    margin = round(0.25 * max(place.size))
    rows = slice(max(0, place.y - margin), max(0, place.y + place.size[0] + margin))
    weight[rows, max(0, place.x - margin) : max(0, place.x + place.size[1] + margin)] = NEAR
    return weight


def _in_frame(colours: Rgb8, alpha: Alpha, corner_xy: tuple[int, int], frame: Size) -> tuple[Rgb8, Alpha]:
    """The person's planes at the frame's size; what lies outside it is lost."""
    made, over = np.zeros((*frame, 3), np.uint8), np.zeros(frame, np.float32)
    (x, y), (h, w) = corner_xy, alpha.shape
    top, left, bottom, right = max(0, y), max(0, x), min(frame[0], y + h), min(frame[1], x + w)
    here = slice(top, bottom), slice(left, right)
    there = slice(top - y, bottom - y), slice(left - x, right - x)
    made[here], over[here] = colours[there], np.minimum(alpha[there], np.float32(1))
    return made, over
