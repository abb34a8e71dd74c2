"""The properties that `sinet data stats` shows, one row each: how they are read off and cut into bins."""

from itertools import pairwise

from sinet.generate.measures import CLOSE_UP, FULL_BODY, Measures
from sinet.generate.skin import CLASSES, EDGES
from sinet.generate.stats import Property

_INF = float("inf")


def _bins(inner: tuple[float, ...], unit: str = "%", scale: float = 100) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Labels and edges of bins between inner edges: "under a", "a to b", ..., "b and more"."""
    words = [f"{edge * scale:g}" for edge in inner]
    between = [f"{low} – {high} {unit}".rstrip() for low, high in pairwise(words)]
    return (f"under {words[0]} {unit}".rstrip(), *between, f"{words[-1]} {unit} and more".replace("  ", " ")), (
        -_INF,
        *inner,
        _INF,
    )


def _of(key: str, title: str, note: str, inner: tuple[float, ...], unit: str = "%", scale: float = 100) -> Property:
    labels, edges = _bins(inner, unit, scale)
    return Property(key, title, note, lambda measures: getattr(measures, key), labels, edges)


def _short_side(measures: Measures) -> float:
    return float(min(measures.size))


_LIGHT = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)

PROPERTIES: tuple[Property, ...] = (
    _of(
        "person_share",
        "Distance: share of the picture that is person",
        "By the mask. Near people fill the picture; a network that saw only those overlooks the far ones.",
        (0.001, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8),
    ),
    _of(
        "person_height",
        "Height of the person in the picture",
        "Height of the box around the mask, as a share of the picture's height.",
        (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.995),
    ),
    _of(
        "face_height",
        "Height of the face in the picture",
        "Largest face on the mask, as a share of the picture's height. Under 1 % is where no face was found.",
        (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.55),
    ),
    Property(
        "people",
        "How many people",
        "Faces on the mask: a lower bound, since who looks away is not counted. Where there is no face, connected "
        "parts of the mask: people who touch count as one, a person behind a bar may count as two.",
        lambda measures: None if measures.people is None else float(measures.people),
        ("nobody", "1", "2", "3", "4 and more"),
        (-_INF, 1, 2, 3, 4, _INF),
    ),
    Property(
        "framing",
        "Framing",
        f"Face height as a share of the person's height: from {CLOSE_UP:.0%} a close-up, under {FULL_BODY:.0%} a full "
        "body. Where there is no mask, as a share of the picture's height.",
        lambda measures: measures.framing,
        ("close-up", "half body", "full body"),
    ),
    _of("brightness", "Brightness", "Mean grey of the picture, of code values: 0 % is black.", _LIGHT),
    _of(
        "contrast",
        "Contrast",
        "Standard deviation of the grey, as a share of the full range.",
        (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35),
    ),
    Property(
        "skin",
        "How light skin comes out (ITA)",
        "Individual typology angle of likely skin pixels in the largest face, on the mask. It is a proxy of light and "
        "skin together: exposure and white balance move it by more than a class; grey pictures and coloured light are "
        "left out. Use it to see whether a set lacks faces that come out dark, or light. It must not be used to say "
        "anything of a person, to sort people or to guess their origin.",
        lambda measures: measures.skin,
        tuple(
            f"{name} ({'under -30' if low == -90 else 'over 55' if high == 90 else f'{low:g} – {high:g}'}°)"
            for name, low, high in zip(CLASSES, EDGES, EDGES[1:], strict=False)
        ),
        EDGES,
    ),
    _of(
        "sharpness",
        "Sharpness",
        "Standard deviation of the Laplacian in grey levels, at a long side of at most 512 pixels. Low: blurred, or "
        "little detail. High: fine detail, or noise.",
        (3, 6, 9, 12, 18, 25, 35),
        "",
        1,
    ),
    Property(
        "resolution",
        "Resolution",
        "The shorter side, in pixels.",
        _short_side,
        *_bins((128, 224, 320, 400, 512, 768, 1080), "px", 1),
    ),
)
"""In the order of the page."""
