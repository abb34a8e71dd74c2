"""The engine's shared library: found, loaded once, and its functions declared where they are used.

A module of this layer declares a function of the library next to the Python that calls it:

    _fill = declare("sinet_fill", c_int, POINTER, c_int64)          # name, then the types of its arguments
    _fill(best_isa(), pointer(image), image.size)                   # loads the library at the first call

A negative answer is one of the engine's error codes and raises EngineError. While C runs, Python's lock is released.
"""

import os
import sys
from collections.abc import Callable
from ctypes import CDLL, c_char_p, c_int, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import EngineError

POINTER = c_void_p
ALIGNMENT = 64
"""Bytes; what the engine wants its own memory aligned to."""
_NAMES = {"win32": "sinet.dll", "darwin": "libsinet.dylib"}
_OF_ITS_OWN = (
    "in a checkout run: python engine/build.py; else run: pip install --force-reinstall sinet "
    "(where no ready-made wheel fits, pip builds the engine and fetches a compiler; SINET_CC names another)"
)


def library_path() -> Path:
    """Where the library is: beside this file, or where the environment variable SINET_LIBRARY says."""
    return Path(os.environ.get("SINET_LIBRARY") or Path(__file__).with_name(_NAMES.get(sys.platform, "libsinet.so")))


def _remedy() -> str:
    if os.environ.get("SINET_LIBRARY"):
        return "SINET_LIBRARY names it; unset that, or let it name a library that engine/build.py made"
    return _OF_ITS_OWN


@cache
def library() -> CDLL:
    """The loaded library.

    Raises:
        EngineError: it is missing, or is not one for this machine.
    """
    path = library_path()
    if not path.is_file():
        raise EngineError(f"{path}: the engine's library is missing; {_remedy()}")
    try:
        return CDLL(str(path))
    except OSError as error:
        raise EngineError(f"{path}: the engine's library cannot be loaded ({error}); {_remedy()}") from error


def declare(name: str, *arguments: type[Any], result: type[Any] = c_int) -> Callable[..., Any]:
    """A function of the library, bound at its first call, so that importing a module loads nothing.

    Args:
        name: what the C header calls it.
        arguments: the ctypes types of its arguments.
        result: the ctypes type of its answer; a negative integer raises EngineError with that code.
    """

    def check(answer: Any, *_: Any) -> Any:
        if isinstance(answer, int) and answer < 0:
            raise EngineError(f"{name}: {_error_text(answer)}", answer)
        return answer

    @cache
    def bound() -> Any:
        try:
            function = library()[name]  # as an attribute it would be shared with whoever else declares it
        except AttributeError as error:
            raise EngineError(f"{library_path()}: has no {name}: older than this package; {_remedy()}") from error
        function.argtypes, function.restype = arguments, result
        if result is not c_void_p:
            function.errcheck = check
        return function

    def call(*values: Any) -> Any:
        return bound()(*values)

    return call


_best_isa = declare("sinet_best_isa")
_half_isa = declare("sinet_half_isa")
_isa_name = declare("sinet_isa_name", c_int, result=c_char_p)
_error = declare("sinet_error", c_int, result=c_char_p)


def _error_text(code: int) -> str:
    text: bytes | None = _error(code)
    return text.decode() if text else f"error {code}"


def _first_byte(array: NDArray[Any]) -> c_void_p:
    # Not ndarray.ctypes.data_as: its cast leaves a reference cycle, and with it the array's memory, to the collector.
    where = c_void_p(array.ctypes.data)
    where.array = array  # type: ignore[attr-defined]
    return where


def pointer(array: NDArray[Any]) -> c_void_p:
    """Where an array's first element lies; the pointer keeps the array alive.

    Raises:
        EngineError: the array is not C-contiguous; `np.ascontiguousarray` makes it so.
    """
    if not array.flags.c_contiguous:
        raise EngineError(f"expected a C-contiguous array, got strides {array.strides}; use np.ascontiguousarray")
    return _first_byte(array)


def pointer_and_stride(image: NDArray[Any]) -> tuple[c_void_p, int]:
    """Where an image's first row lies, and how many bytes further each next row begins.

    Args:
        image: (H, W) or (H, W, C), each row without gaps, rows in order, at any distance: a cropped view will do.

    Raises:
        EngineError: the rows themselves have gaps, overlap or run backwards.
    """
    row = int(np.prod(image.shape[1:])) * image.itemsize
    if not image[:1].flags.c_contiguous or (image.shape[0] > 1 and image.strides[0] < row):
        raise EngineError(f"expected rows without gaps, got strides {image.strides}; use np.ascontiguousarray")
    return _first_byte(image), image.strides[0] if image.shape[0] > 1 else row


def aligned_memory(size_bytes: int) -> NDArray[np.uint8]:
    """Memory for the engine to work in: uint8 of this many bytes (at least one), aligned, not cleared."""
    size_bytes = max(size_bytes, 1)  # NumPy does not say where nothing begins
    block = np.empty(size_bytes + ALIGNMENT, np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return block[start : start + size_bytes]


@cache
def instruction_sets() -> tuple[str, ...]:
    """The instruction sets that this processor has and the library has code for, the plainest first.

    The one that computes in halves is not among them: `half_isa`.
    """
    # Asking the processor is slow inside a virtual machine, hence once.
    return tuple(_isa_name(isa).decode() for isa in range(_best_isa() + 1))


@cache
def half_isa() -> str | None:
    """The instruction set that computes in halves (float16), where this processor and the library have one (arm64).

    It is faster, and off by about 0.01 in probability at most; nobody takes it who does not name it.
    """
    number = _half_isa()
    return _isa_name(number).decode() if number else None


def isa_number(name: str) -> int:
    """The number of an instruction set.

    Raises:
        EngineError: this processor does not have it, or the library no code for it.
    """
    names = [*instruction_sets(), *filter(None, [half_isa()])]
    if name not in names:
        raise EngineError(f"no instruction set {name!r} here; there are {', '.join(names)}")
    return names.index(name)


@cache
def best_isa() -> int:
    """The number of the instruction set to run with: the best one, or what the environment variable SINET_ISA names.

    Raises:
        EngineError: SINET_ISA names one that this processor does not have.
    """
    wanted = os.environ.get("SINET_ISA")
    if not wanted:
        return len(instruction_sets()) - 1
    library()  # where it is missing, that is not the variable's fault
    try:
        return isa_number(wanted)
    except EngineError as error:
        raise EngineError(f"SINET_ISA={wanted}: {error}; name one or unset it") from error


def isa_name(number: int) -> str:
    """The name of an instruction set that `isa_number` numbers."""
    return str(_isa_name(number).decode())
