"""Keep the memory that a step or a frame frees, for the next one needs as much."""

import ctypes

# Parameters of glibc's mallopt (malloc.h) and the greatest size from which it lets one map memory of its own.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_ARENA_MAX = -8
_LARGEST = 32 << 20


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed instead of giving it back to the system.

    Maps and planes are megabytes each; by default every one of them is mapped anew, zeroed page by page at its first
    use, and given back: up to a fifth of a training step on a CPU, a twentieth of a film's frame. Not for what grows in
    small steps beside them, as the table of contents of a film that is written does: in memory that is kept it leaves
    holes behind, two megabytes a minute.

    Returns:
        Whether the library has taken the settings; elsewhere than in glibc there are none, and nothing changes.
    """
    return _mallopt((_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2 * _LARGEST))


def keep_bounded_memory() -> bool:
    """Let the C library keep what small pictures need, and give back what large ones took.

    For a process that answers for weeks, in many threads: one pool for all of them instead of eight for each core,
    of which every one would keep the most that was ever taken from it. What a picture of 3 megapixels needs is kept;
    larger blocks are mapped, and given back. To be called before threads are started.

    Returns:
        Whether the library has taken the settings; elsewhere than in glibc nothing changes.
    """
    kept = 12 << 20
    return _mallopt((_ARENA_MAX, 1), (_MMAP_THRESHOLD, kept), (_TRIM_THRESHOLD, 2 * kept), (_TOP_PAD, kept))


def _mallopt(*rows: tuple[int, int]) -> bool:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl and macOS have no such function, Windows no such handle
        return False
    return all([mallopt(parameter, value) == 1 for parameter, value in rows])
