"""Which pictures are nearly the same: a print of 256 bits a picture, and the pairs of prints that differ in few.

A print is the signs of the 256 slowest waves of a picture (a discrete cosine transform of its grey, stretched onto
64x64), slowest first. Saving again as JPEG, resizing and brightening change a few bits, cutting off 4 % some more. A
mirrored picture has the same print with the bits of the odd horizontal waves turned over, so that one print serves
for both. The first 64 bits find a pair, all 256 confirm it.

Measured on 446 portraits of EG1800 against copies made of them, at 12 of 64 and 72 of 256 bits, share found: JPEG at
quality 30, half the size, 100 pixels high, mirrored, brightened by a fifth: 100 %; cut to 98 %, 96 %, 94 %, 90 % of
the sides: 99.8 %, 96 %, 60 %, 4 %; cut, mirrored, halved and JPEG together: 99 %. Of the 13.8 million pairs of five
sets (portraits, street, scenes, interiors) 29 were found, 21 of them rightly; the 8 others are of passport-like
photographs of different people in one place before one wall. So: a copy is found, a crop to another framing is not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sinet.core.resample import resize_rgb
from sinet.core.types import Rgb8

Prints: TypeAlias = NDArray[np.uint64]
"""(n, 4) uint64: one print of 256 bits a row, its slowest 64 waves in the first word."""

NEAR_BITS = 12
"""Pairs that differ in at most so many of the first 64 bits are looked at: the measurement above."""
MAX_NEAR_BITS = 15
CONFIRM_FACTOR = 6
"""... and they count where at most so many times as many of all 256 bits differ."""
PLAIN_DEVIATION = 2.0
"""A picture whose greys deviate less than this (standard deviation, of 255) has nothing to compare."""

_SIDE, _WAVES, _PART_BITS = 64, 256, 16
_GREY = np.array((0.299, 0.587, 0.114))
_ONES = np.array([bin(value).count("1") for value in range(1 << _PART_BITS)], np.uint8)
_CHUNK = 1 << 21
"""Candidates compared at a time: some 100 MB."""
MOST_PAIRS = 1_000_000


def _slowest() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(vertical, horizontal) numbers of the waves of a print, slowest first; the mean of all greys is left out."""
    numbers = sorted((u + v, max(u, v), u, v) for u in range(32) for v in range(32))[1 : _WAVES + 1]
    return np.array([n[2] for n in numbers], np.intp), np.array([n[3] for n in numbers], np.intp)


_DOWN, _ACROSS = _slowest()
_COSINES = np.cos(np.pi * np.arange(_SIDE)[:, None] * (2 * np.arange(_SIDE)[None] + 1) / (2 * _SIDE))


def _packed(bits: NDArray[np.bool_]) -> Prints:
    return np.packbits(bits, axis=-1, bitorder="little").view("<u8").astype(np.uint64)


_MIRROR = _packed(_ACROSS % 2 == 1)


def fingerprint(rgb: Rgb8) -> Prints | None:
    """The print of one picture.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (4,) uint64, or None for a plain picture: one that holds nothing to compare.
    """
    grey = resize_rgb(rgb, (_SIDE, _SIDE)) @ _GREY
    if float(grey.std()) < PLAIN_DEVIATION:
        return None
    waves = _COSINES @ grey @ _COSINES.T
    return _packed(waves[_DOWN, _ACROSS] > 0)


def mirrored(prints: Prints) -> Prints:
    """The prints, (4,) or (n, 4), of the same pictures with left and right exchanged."""
    return prints ^ _MIRROR


def differing_bits(first: Prints, second: Prints) -> NDArray[np.intp]:
    """How many bits differ between prints, or between any words of them: the sum over the last axis."""
    apart = np.ascontiguousarray(first ^ second)
    return _ONES[apart.view(np.uint16)].sum(axis=-1, dtype=np.intp)


@dataclass(frozen=True)
class Pairs:
    """Which of a row of prints are nearly alike.

    Attributes:
        first, second: (m,) the two prints' places in the row; first < second.
        bits: (m,) how many of their first 64 bits differ.
        mirror: (m,) bool, whether only the mirrored picture is alike.
        complete: False where there were so many that the search stopped at `MOST_PAIRS`.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    bits: NDArray[np.intp]
    mirror: NDArray[np.bool_]
    complete: bool = True


def near_pairs(
    prints: Prints, bits: int = NEAR_BITS, each: Callable[[int, int], None] = lambda done, total: None
) -> Pairs:
    """Find all pairs that differ in at most `bits` of their first 64 bits and confirm them by all 256.

    Prints that are equal make one star, not all of its pairs: the first of them with each of the others; and what is
    near to them is paired with the first alone. So a thousand copies are a thousand pairs.

    The search is exact, by the pigeonhole principle: the 64 bits are cut into four words of 16, and two prints that
    differ in at most `bits` must differ in few in one of the four. Buckets by word give the pairs; 100,000 prints take
    about a minute.

    Args:
        prints: (n, 4) uint64.
        bits: at most this many of 64 may differ, 0 to `MAX_NEAR_BITS`.
        each: called with (steps done, steps in all).

    Returns:
        The pairs, by first and then second.
    """
    assert 0 <= bits <= MAX_NEAR_BITS
    alone, firsts, which = np.unique(prints, axis=0, return_index=True, return_inverse=True)
    star = firsts[which.reshape(-1)]
    copies = np.flatnonzero(star != np.arange(len(prints)))
    found = [(star[copies], copies, np.zeros(len(copies), np.intp), np.zeros(len(copies), bool))]
    total, complete = len(copies), True
    for first, second, apart, mirror in _search(alone, bits, each):
        one, other = firsts[first], firsts[second]
        found.append((np.minimum(one, other), np.maximum(one, other), apart, np.full(len(apart), mirror)))
        total += len(apart)
        if total > MOST_PAIRS:
            complete = False
            break
    first, second, apart, mirror = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], apart[order], mirror[order], complete)


_Found: TypeAlias = "tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], bool]"


def _search(prints: Prints, bits: int, each: Callable[[int, int], None]) -> Iterator[_Found]:
    """Pairs of unlike prints, every pair once: straight where that is near, else mirrored."""
    # Radii r with sum of (r + 1) = bits + 1: prints further apart than r in every word differ in more than `bits`.
    radii = [(bits + 1) // 4 + (part < (bits + 1) % 4) - 1 for part in range(4)]
    steps = [(part, mask) for part in range(4) for mask in _masks(radii[part])]
    buckets = [_Buckets.of(prints, part) for part in range(4)]
    for done, (part, mask) in enumerate(steps):
        each(done, len(steps))
        for mirror in (False, True):
            asked = mirrored(prints) if mirror else prints
            for first, second in buckets[part].meet(asked, mask):
                apart = _ONES[(asked[first, 0] ^ prints[second, 0])[:, None].view(np.uint16)]
                # A pair may meet in several words; it counts in the first.
                near = np.flatnonzero(apart.sum(axis=-1, dtype=np.uint8) <= bits)
                near = near[(apart[near, :part] > radii[:part]).all(axis=-1)]
                first, second, apart = first[near], second[near], apart[near].sum(axis=-1, dtype=np.intp)
                if mirror:
                    straight = differing_bits(prints[first], prints[second]) <= CONFIRM_FACTOR * bits
                    straight &= differing_bits(prints[first, :1], prints[second, :1]) <= bits
                else:
                    straight = np.zeros(len(first), bool)
                sure = ~straight & (differing_bits(asked[first], prints[second]) <= CONFIRM_FACTOR * bits)
                yield first[sure], second[sure], apart[sure], mirror


def _masks(radius: int) -> list[int]:
    """All words of 16 bits with at most `radius` ones; none for a radius below 0."""
    return [sum(1 << bit for bit in ones) for count in range(radius + 1) for ones in combinations(range(16), count)]


@dataclass(frozen=True)
class _Buckets:
    """Prints sorted by one word of 16 bits: those with the word w are order[starts[w]:starts[w + 1]]."""

    part: int
    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, prints: Prints, part: int) -> "_Buckets":
        word = _word(prints, part)
        order = np.argsort(word, kind="stable")
        return cls(part, order, np.searchsorted(word[order], np.arange((1 << _PART_BITS) + 1)))

    def meet(self, asked: Prints, mask: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """(place in `asked`, place in these prints) whose words differ in just `mask`, in chunks; first < second."""
        word = _word(asked, self.part) ^ np.uint16(mask)
        begin, count = self.starts[word], self.starts[word.astype(np.intp) + 1] - self.starts[word]
        ends = np.cumsum(count)
        at = 0 if len(ends) and ends[-1] else len(asked)
        while at < len(asked):
            before = int(ends[at - 1]) if at else 0
            stop = max(at + 1, int(np.searchsorted(ends, before + _CHUNK, side="right")))
            counts = count[at:stop]
            first = np.repeat(np.arange(at, stop), counts)
            skipped = begin[at:stop] - (ends[at:stop] - counts - before)
            second = self.order[np.arange(len(first)) + np.repeat(skipped, counts)]
            ordered = first < second
            if ordered.any():
                yield first[ordered], second[ordered]
            at = stop


def _word(prints: Prints, part: int) -> NDArray[np.uint16]:
    return np.ascontiguousarray(prints[:, 0]).view(np.uint16).reshape(-1, 4)[:, part]
