"""The library is found or the error says what to do; pointers are only given to memory that is what it seems."""

import _ctypes
import gc
import os
import subprocess
import sys
import weakref
from ctypes import c_int
from pathlib import Path

import numpy as np
import pytest

from sinet.core.errors import EngineError
from sinet.native.library import (
    ALIGNMENT,
    aligned_memory,
    best_isa,
    declare,
    instruction_sets,
    library,
    library_path,
    pointer,
    pointer_and_stride,
)


def asked(**variables: str) -> str:
    """What a fresh process that asks for the best instruction set answers, or its error."""
    code = "from sinet.native.library import best_isa, instruction_sets; print(instruction_sets()[best_isa()])"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SINET_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | variables, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def test_the_best_instruction_set_is_taken_unless_one_is_named() -> None:
    sets = instruction_sets()
    assert sets
    assert len(set(sets)) == len(sets)
    assert asked() == sets[-1]
    for name in sets:
        assert asked(SINET_ISA=name) == name


def test_an_instruction_set_that_is_not_there_is_refused() -> None:
    assert "no instruction set 'avx9' here; there are " in asked(SINET_ISA="avx9")
    assert asked(SINET_ISA="avx9").endswith("; name one or unset it")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            "/nowhere/libsinet.so",
            "/nowhere/libsinet.so: the engine's library is missing; SINET_LIBRARY names it; unset that",
        ),
        (__file__, "the engine's library cannot be loaded"),
        (_ctypes.__file__, "has no sinet_best_isa: older than this package"),
    ],
)
def test_another_file_is_not_taken_for_the_library(path: str, words: str) -> None:
    answer = asked(SINET_LIBRARY=path)
    assert words in answer
    assert "SINET_LIBRARY names it; unset that" in answer


def test_a_library_that_is_missing_where_it_belongs_can_be_had_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SINET_LIBRARY", raising=False)
    monkeypatch.setattr("sinet.native.library.__file__", str(tmp_path / "library.py"))
    with pytest.raises(EngineError, match=r"missing; in a checkout run: .*pip install --force-reinstall sinet"):
        library.__wrapped__()


def test_an_error_carries_the_engines_words_and_code() -> None:
    steps = declare("sinet_steps", c_int)  # a null pointer for a model
    with pytest.raises(EngineError, match=r"^sinet_steps: \w+") as caught:
        steps(0)
    assert caught.value.code == -7


def test_importing_loads_nothing() -> None:
    code = "import sinet.native.network, sinet.native.library as l; assert l.library.cache_info().currsize == 0"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"SINET_LIBRARY": "/nowhere"})


def test_the_library_stands_beside_its_module() -> None:
    assert best_isa() < len(instruction_sets())
    if "SINET_LIBRARY" not in os.environ:
        assert library_path().parent.name == "native"


def test_a_pointer_is_where_the_array_begins_and_keeps_it_alive() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert pointer(array).value == array.ctypes.data
    before = sys.getrefcount(array)
    held = pointer(array)
    assert sys.getrefcount(array) > before
    del held
    assert sys.getrefcount(array) == before
    with pytest.raises(EngineError, match="expected a C-contiguous array"):
        pointer(array.T)


def test_rows_may_lie_apart_but_must_be_whole() -> None:
    image = np.zeros((8, 10, 3), np.uint8)
    cropped = image[2:, :4]
    start, stride = pointer_and_stride(cropped)
    assert (start.value, stride) == (image.ctypes.data + 60, 30)
    assert pointer_and_stride(np.zeros((4, 5), np.float32))[1] == 20
    assert pointer_and_stride(np.zeros((1, 5), np.float32))[1] == 20
    for torn in (image[:, ::2], image[..., :2], image[::-1], np.broadcast_to(np.zeros((1, 4)), (3, 4)), image.T):
        with pytest.raises(EngineError, match="expected rows without gaps"):
            pointer_and_stride(torn)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 1000])
def test_the_engines_memory_is_aligned(size: int) -> None:
    for _ in range(20):
        memory = aligned_memory(size)
        assert memory.nbytes == max(size, 1)
        assert memory.ctypes.data % ALIGNMENT == 0


def test_a_pointer_keeps_its_array_alive_and_goes_without_the_collector() -> None:
    array = np.arange(8)
    gone = weakref.ref(array)
    where, (row, _) = pointer(array), pointer_and_stride(array.reshape(2, 4))
    del array
    assert gone() is not None
    gc.disable()
    try:
        del where, row
        assert gone() is None
    finally:
        gc.enable()
