"""Keep the memory that a step or a frame frees, for the next one needs as much."""

import ctypes

# Parameters of glibc's mallopt (malloc.h) and the greatest size from which it lets one map memory of its own.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
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
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl and macOS have no such function, Windows no such handle
        return False
    rows = (_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2 * _LARGEST)
    return all([mallopt(parameter, value) == 1 for parameter, value in rows])
