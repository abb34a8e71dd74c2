"""Laws of prints and of the search for near-duplicates, against comparing each with each."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.data.likeness import (
    CONFIRM_FACTOR,
    NEAR_BITS,
    Pairs,
    Prints,
    differing_bits,
    fingerprint,
    mirrored,
    near_pairs,
)


@pytest.fixture(scope="module")
def portrait(portrait_path: Path) -> Image.Image:
    with Image.open(portrait_path) as image:
        return image.convert("RGB")


def print_of(image: Image.Image) -> Prints:
    found = fingerprint(np.asarray(image))
    assert found is not None
    return found


def bits_apart(first: Prints, second: Prints) -> tuple[int, int]:
    """How many of the first 64 bits and of all 256 differ, counted by Python."""
    words = [(int(one) ^ int(other)).bit_count() for one, other in zip(first, second, strict=True)]
    return words[0], sum(words)


def near(first: Prints, second: Prints, bits: int = NEAR_BITS) -> bool:
    some, all_ = bits_apart(first, second)
    return some <= bits and all_ <= CONFIRM_FACTOR * bits


def saved_again(image: Image.Image) -> Image.Image:
    stream = BytesIO()
    image.save(stream, "JPEG", quality=30)
    return Image.open(stream)


CHANGES = {
    "jpeg": saved_again,
    "half": lambda image: image.resize((256, 256)),
    "other shape": lambda image: image.resize((300, 200)),
    "brighter": lambda image: image.point(lambda value: min(255, round(value * 1.15 + 8))),
    "border off": lambda image: image.crop((8, 8, 504, 504)),
    "one side off": lambda image: image.crop((0, 0, 500, 512)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_near(portrait: Image.Image, change: str) -> None:
    assert near(print_of(portrait), print_of(CHANGES[change](portrait)))


def test_the_same_picture_has_the_same_print(portrait: Image.Image) -> None:
    assert bits_apart(print_of(portrait), print_of(portrait.copy())) == (0, 0)


def test_a_mirrored_picture_has_the_mirrored_print(portrait: Image.Image) -> None:
    flipped = print_of(portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert bits_apart(mirrored(print_of(portrait)), flipped) <= (1, 4)
    assert not near(print_of(portrait), flipped)


def test_other_pictures_are_far(portrait: Image.Image) -> None:
    upside_down = print_of(portrait.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    corner = print_of(portrait.crop((0, 0, 256, 256)))
    for other in (upside_down, corner):
        assert not near(print_of(portrait), other)
        assert not near(print_of(portrait), mirrored(other))


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (300, 2)])
def test_any_size_has_a_print_or_is_plain(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert fingerprint(np.full((*size, 3), 77, np.uint8)) is None
    found = fingerprint(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    assert found is None or found.shape == (4,)


def test_mirroring_twice_is_nothing_and_distance_is_symmetric() -> None:
    prints = np.random.default_rng(1).integers(0, 1 << 64, (50, 4), dtype=np.uint64)
    assert np.array_equal(mirrored(mirrored(prints)), prints)
    there, back = differing_bits(prints[:25], prints[25:]), differing_bits(prints[25:], prints[:25])
    assert np.array_equal(there, back)
    assert [bits_apart(*pair)[1] for pair in zip(prints[:25], prints[25:], strict=True)] == there.tolist()
    # A picture is as far from another's mirror image as that one is from its own.
    crossed = differing_bits(mirrored(prints[:25]), prints[25:])
    assert np.array_equal(crossed, differing_bits(prints[:25], mirrored(prints[25:])))


def crowd() -> Prints:
    """Random prints, and copies of some with 0 to 15 of the first bits and some of the others turned over."""
    rng = np.random.default_rng(2)
    prints = rng.integers(0, 1 << 64, (100, 4), dtype=np.uint64)
    copies = prints[rng.integers(0, 100, 100)].copy()
    for copy in copies:
        for bit in rng.choice(64, rng.integers(0, 16), replace=False):
            copy[0] ^= np.uint64(1 << int(bit))
        for bit in rng.choice(192, rng.integers(0, 60), replace=False):
            copy[1 + bit // 64] ^= np.uint64(1 << int(bit % 64))
    copies[::2] = mirrored(copies[::2])
    return np.concatenate([prints, copies])


def as_set(pairs: Pairs) -> set[tuple[int, int, int, bool]]:
    columns = (pairs.first, pairs.second, pairs.bits, pairs.mirror)
    found = list(zip(*(column.tolist() for column in columns), strict=True))
    assert len(set(found)) == len(found)
    return set(found)


@pytest.mark.parametrize("bits", [0, 1, 3, 6, 12, 15])
def test_the_search_finds_what_comparing_each_with_each_finds(bits: int) -> None:
    prints = crowd()
    expected = set()
    for i in range(len(prints)):
        for j in range(i + 1, len(prints)):
            for mirror in (False, True):
                one = mirrored(prints[i]) if mirror else prints[i]
                if near(one, prints[j], bits):
                    expected.add((i, j, bits_apart(one, prints[j])[0], mirror))
                    break
    assert as_set(near_pairs(prints, bits)) == expected
    assert bits < 6 or len(expected) > 10


def test_equal_prints_make_a_star() -> None:
    prints = crowd()[:20]
    found = as_set(near_pairs(np.concatenate([prints, prints, prints])))
    assert found == {(i, i + 20, 0, False) for i in range(20)} | {(i, i + 40, 0, False) for i in range(20)}


def test_thousands_of_copies_are_no_trouble() -> None:
    prints = np.repeat(crowd()[:2], 20_000, axis=0)
    steps: list[tuple[int, int]] = []
    pairs = near_pairs(prints, 4, lambda done, total: steps.append((done, total)))
    assert len(pairs.first) == 39_998
    assert pairs.complete
    assert len(steps) == steps[0][1]
    assert len(near_pairs(prints[:1]).first) == 0


@pytest.mark.shared
def test_measured_recall_and_precision_hold(shared: Path) -> None:
    paths = sorted((shared / "data" / "eg1800" / "images").iterdir())[::8]
    pictures = [Image.open(path).convert("RGB") for path in paths]
    prints = [print_of(picture) for picture in pictures]

    def cut_and_flipped(image: Image.Image) -> Image.Image:
        width, height = image.size
        edge = (round(0.015 * width), round(0.015 * height))
        inner = image.crop((*edge, width - edge[0], height - edge[1])).resize((width // 2, height // 2))
        return saved_again(inner.transpose(Image.Transpose.FLIP_LEFT_RIGHT))

    changed = [print_of(cut_and_flipped(picture)) for picture in pictures]
    found = [near(mirrored(one), other) for one, other in zip(prints, changed, strict=True)]
    assert np.mean(found) > 0.97
    wrong = [(i, j) for i in range(len(prints)) for j in range(i) if near(prints[i], prints[j])]
    assert len(wrong) <= 2
