"""The engine's C interface, called by a careless program: wrong arguments are refused, memory is exactly what it asks.

That nothing beyond that memory is read, and the pixel kernels' share of all this, is for the sanitizers and the fuzzers
(`make sanitize`, `make fuzz`); here bytes behind every block show that nothing is written there.
"""

from ctypes import c_char_p, c_int, c_int64, c_size_t
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest

from sinet.core.errors import EngineError
from sinet.native.library import POINTER, aligned_memory, declare, instruction_sets, pointer

SIZE, MEMORY, ISA, ARGUMENT = -4, -5, -6, -7
ISAS = range(len(instruction_sets()))
FENCE, MARK = 256, 0xA5

model_size = declare("sinet_model_size", POINTER, c_size_t, c_int, result=c_int64)
model_open = declare("sinet_model_open", POINTER, c_size_t, c_int, POINTER, c_size_t)
model_multiple = declare("sinet_model_multiple", POINTER)
model_outputs = declare("sinet_model_outputs", POINTER)
workspace_size = declare("sinet_workspace_size", POINTER, c_int, c_int, c_int, result=c_int64)
workspace_prepare = declare("sinet_workspace_prepare", POINTER, c_int, c_int, c_int, POINTER, c_size_t)
run = declare("sinet_run", POINTER, POINTER, POINTER, POINTER)
run_part = declare("sinet_run_part", POINTER, POINTER, c_int, POINTER, POINTER)
run_step = declare("sinet_run_step", POINTER, POINTER, c_int, c_int, POINTER, POINTER)
steps = declare("sinet_steps", POINTER)
step_name = declare("sinet_step_name", POINTER, c_int, result=c_char_p)


class Fenced:
    """A block of exactly so many bytes, full of `before`, with marks behind it."""

    def __init__(self, size_bytes: int, before: int = 0) -> None:
        self._whole = aligned_memory(size_bytes + FENCE)
        self._whole[:] = MARK
        self.bytes = self._whole[:size_bytes]
        self.bytes[:] = before

    @property
    def at(self) -> POINTER:
        return pointer(self.bytes)

    def check(self) -> None:
        assert (self._whole[len(self.bytes) :] == MARK).all()


def open_model(file: bytes, isa: int, before: int = 0) -> Fenced:
    artefact = np.frombuffer(file, np.uint8)
    model = Fenced(model_size(pointer(artefact), len(file), isa), before)
    model_open(pointer(artefact), len(file), isa, model.at, len(model.bytes))
    model.check()
    return model


def open_workspace(model: Fenced, size: tuple[int, int], threads: int = 1, before: int = 0) -> Fenced:
    workspace = Fenced(workspace_size(model.at, *size, threads), before)
    workspace_prepare(model.at, *size, threads, workspace.at, len(workspace.bytes))
    workspace.check()
    return workspace


def code(call, *arguments) -> int:
    with pytest.raises(EngineError) as caught:
        call(*arguments)
    return caught.value.code


@dataclass
class Scene:
    """A model that is ready to run at 64x96."""

    file: bytes
    model: Fenced
    workspace: Fenced
    x: np.ndarray
    logits: Fenced


HEIGHT, WIDTH = 64, 96


@pytest.fixture
def scene(members: ModuleType) -> Scene:
    file = members.artefact(members.MEMBERS["residual"])
    model = open_model(file, 0)
    x = np.random.default_rng(1).standard_normal((3, HEIGHT, WIDTH)).astype(np.float32)
    return Scene(file, model, open_workspace(model, (HEIGHT, WIDTH)), x, Fenced(4 * HEIGHT * WIDTH))


@pytest.mark.parametrize("name", ["smallest", "residual", "classes", "odd"])
@pytest.mark.parametrize("isa", ISAS, ids=instruction_sets())
def test_what_memory_held_before_does_not_matter(members: ModuleType, name: str, isa: int) -> None:
    """To the last bit, nor does how many parts share a run; and nothing is written where it should not be."""
    file = members.artefact(members.MEMBERS[name])
    answers = []
    for before, threads in [(0, 1), (0xFF, 1), (0x7F, 1), (0xFF, 2), (0xFF, 5)]:
        model = open_model(file, isa, before)
        side = model_multiple(model.at)
        x = np.random.default_rng(2).standard_normal((3, side, 2 * side)).astype(np.float32)
        workspace = open_workspace(model, (side, 2 * side), threads, before)
        logits = Fenced(4 * model_outputs(model.at) * x[0].size, before)
        opened, given = model.bytes.copy(), x.copy()
        if threads == 1:
            run(model.at, workspace.at, pointer(x), logits.at)
        for step in range(steps(model.at) if threads > 1 else 0):
            for part in reversed(range(threads)):
                run_step(model.at, workspace.at, step, part, pointer(x), logits.at)
        for block in (model, workspace, logits):
            block.check()
        np.testing.assert_array_equal(model.bytes, opened)  # a run only reads it: threads may share it
        np.testing.assert_array_equal(x, given)
        answers.append(logits.bytes.copy())
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def test_a_workspace_forgets_its_last_run(scene: Scene) -> None:
    def answer(x: np.ndarray) -> np.ndarray:
        run(scene.model.at, scene.workspace.at, pointer(x), scene.logits.at)
        return scene.logits.bytes.view(np.float32).copy()

    expected = answer(scene.x)
    assert np.isfinite(expected).all()
    assert np.isnan(answer(np.full_like(scene.x, np.nan))).any()
    np.testing.assert_array_equal(answer(scene.x), expected)


def test_memory_that_does_not_fit_is_refused(scene: Scene) -> None:
    file, length = np.frombuffer(scene.file, np.uint8), len(scene.file)
    model, workspace = scene.model, scene.workspace
    for block, call in [
        (model, lambda at, size: model_open(pointer(file), length, 0, at, size)),
        (workspace, lambda at, size: workspace_prepare(model.at, HEIGHT, WIDTH, 1, at, size)),
    ]:
        needed = len(block.bytes)
        before = block.bytes.copy()
        for at, size in [
            (block.at, needed - 1),
            (block.at, 0),
            (None, needed),
            *((POINTER(block.at.value + shift), needed) for shift in (1, 4, 32)),
        ]:
            assert code(call, at, size) == MEMORY
        np.testing.assert_array_equal(block.bytes, before)


@pytest.mark.parametrize(
    ("height", "width"),
    [
        *((0, 32), (32, 0), (-32, 32), (32, -64), (31, 32), (32, 33), (48, 32), (16416, 32), (32, 16416)),
        *((16384, 16384), (2**31 - 32, 2**31 - 32), (-(2**31), -(2**31)), (2**31 - 1, 32), (32, -(2**31))),
    ],
)
def test_sizes_that_do_not_fit_are_refused(scene: Scene, height: int, width: int) -> None:
    assert code(workspace_size, scene.model.at, height, width, 1) == SIZE
    before = scene.workspace.bytes.copy()
    memory = scene.workspace
    assert code(workspace_prepare, scene.model.at, height, width, 1, memory.at, len(memory.bytes)) == SIZE
    np.testing.assert_array_equal(memory.bytes, before)


@pytest.mark.parametrize("threads", [0, -1, 65, 2**31 - 1, -(2**31)])
def test_so_many_threads_are_refused(scene: Scene, threads: int) -> None:
    assert code(workspace_size, scene.model.at, HEIGHT, WIDTH, threads) == ARGUMENT


@pytest.mark.parametrize("isa", [-1, len(ISAS), 99, 2**31 - 1, -(2**31)])
def test_an_instruction_set_that_is_not_there_is_refused(scene: Scene, isa: int) -> None:
    file = np.frombuffer(scene.file, np.uint8)
    assert code(model_size, pointer(file), len(file), isa) == ISA
    assert code(model_open, pointer(file), len(file), isa, scene.model.at, len(scene.model.bytes)) == ISA


def test_null_pointers_are_refused(scene: Scene) -> None:
    model, workspace, x, logits = scene.model.at, scene.workspace.at, pointer(scene.x), scene.logits.at
    assert code(model_size, None, 0, 0) == ARGUMENT
    assert code(model_size, None, 2**40, 0) == ARGUMENT
    assert code(model_open, None, 100, 0, model, len(scene.model.bytes)) == ARGUMENT
    for question in (model_multiple, model_outputs, steps):
        assert code(question, None) == ARGUMENT
    assert step_name(None, 0) is None
    assert code(workspace_size, None, HEIGHT, WIDTH, 1) == ARGUMENT
    assert code(workspace_prepare, None, HEIGHT, WIDTH, 1, workspace, len(scene.workspace.bytes)) == ARGUMENT
    for missing in range(4):
        arguments = [None if i == missing else given for i, given in enumerate((model, workspace, x, logits))]
        assert code(run, *arguments) == ARGUMENT
        assert code(run_part, *arguments[:2], 0, *arguments[2:]) == ARGUMENT
        assert code(run_step, *arguments[:2], 0, 0, *arguments[2:]) == ARGUMENT


def test_parts_and_steps_that_are_not_there_are_refused(scene: Scene) -> None:
    model, x, logits = scene.model.at, pointer(scene.x), scene.logits.at
    shared = open_workspace(scene.model, (HEIGHT, WIDTH), threads=2)
    count = steps(model)
    for part in (-1, 1, 64, 2**31 - 1, -(2**31)):
        assert code(run_part, model, scene.workspace.at, part, x, logits) == ARGUMENT
        assert code(run_step, model, scene.workspace.at, 0, part, x, logits) == ARGUMENT
    assert code(run_part, model, shared.at, 2, x, logits) == ARGUMENT
    assert code(run, model, shared.at, x, logits) == ARGUMENT  # it would wait for the second part for ever
    for step in (-1, count, 2**31 - 1, -(2**31)):
        assert code(run_step, model, scene.workspace.at, step, 0, x, logits) == ARGUMENT
        assert step_name(model, step) is None
    assert all(step_name(model, step) for step in range(count))
    assert not scene.logits.bytes.any()


def test_a_workspace_of_another_model_is_refused(scene: Scene) -> None:
    other = open_model(scene.file, 0)
    assert code(run, other.at, scene.workspace.at, pointer(scene.x), scene.logits.at) == ARGUMENT
    never_prepared = Fenced(len(scene.workspace.bytes))
    assert code(run, other.at, never_prepared.at, pointer(scene.x), scene.logits.at) == ARGUMENT
