"""Large pictures are worked on in strips of rows, so that floats exist for a strip only and stay in the cache."""

from collections.abc import Iterator

STRIP_ROWS = 128


def strips(height: int) -> Iterator[slice]:
    """Slices that cover `height` rows in order."""
    for top in range(0, height, STRIP_ROWS):
        yield slice(top, min(top + STRIP_ROWS, height))
