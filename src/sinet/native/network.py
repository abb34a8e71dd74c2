"""The forward pass of the engine: an artefact's bytes in, logits out.

The model is opened once and only read afterwards; every run works in a workspace of its own. Workspaces that are not
in use wait in a pool, so threads may come and go: there are never more than runs going on at once, and those that wait
together hold at most `IDLE_BYTES`, or one. Only single operations on a dict touch the pool, which Python makes whole
or not at all: there is no lock that a fork could leave held.
"""

from collections.abc import Callable
from ctypes import c_char_p, c_int, c_int64, c_size_t, c_void_p
from itertools import count

import numpy as np

from sinet.core.architecture import check_size
from sinet.core.errors import EngineError, ShapeError
from sinet.core.types import AnyArray, Float, Logits, NetInput, Size
from sinet.native.crew import Crew, usable_cores
from sinet.native.library import POINTER, aligned_memory, best_isa, declare, isa_name, pointer

IDLE_BYTES = 64 * 2**20
"""What idle workspaces may hold together; a workspace takes 6 MB at 320x320, 23 MB at 640x640."""
MOST_THREADS = 64
"""What the engine shares a run among at most: MAX_THREADS of engine/sinet.c."""

_model_size = declare("sinet_model_size", POINTER, c_size_t, c_int, result=c_int64)
_model_open = declare("sinet_model_open", POINTER, c_size_t, c_int, POINTER, c_size_t)
_model_multiple = declare("sinet_model_multiple", POINTER)
_model_outputs = declare("sinet_model_outputs", POINTER)
_model_output_stride = declare("sinet_model_output_stride", POINTER)
_workspace_size = declare("sinet_workspace_size", POINTER, c_int, c_int, c_int, result=c_int64)
_workspace_prepare = declare("sinet_workspace_prepare", POINTER, c_int, c_int, c_int, POINTER, c_size_t)
_run = declare("sinet_run", POINTER, POINTER, POINTER, POINTER)
_run_part = declare("sinet_run_part", POINTER, POINTER, c_int, POINTER, POINTER)
_steps = declare("sinet_steps", POINTER)
_step_name = declare("sinet_step_name", POINTER, c_int, result=c_char_p)
_run_step = declare("sinet_run_step", POINTER, POINTER, c_int, c_int, POINTER, POINTER)


class Workspace:
    """Memory for one run at a time, and the threads that share the work where there are several."""

    def __init__(self, model: AnyArray, size: Size, threads: int) -> None:
        self.size = size
        try:
            self.bytes = int(_workspace_size(pointer(model), *size, threads))
        except EngineError as error:
            raise ShapeError(
                f"the engine refuses an input of {size[0]}x{size[1]} (height x width) on {threads} threads ({error}); "
                "use a smaller one"
            ) from error
        memory = aligned_memory(self.bytes)
        _workspace_prepare(pointer(model), *size, threads, pointer(memory), self.bytes)
        # These pointers keep their arrays alive, in threads that outlive an interrupted call too.
        self.model, self.memory = pointer(model), pointer(memory)
        self.crew = Crew(threads) if threads > 1 else None

    def run(self, x: c_void_p, logits: c_void_p) -> None:
        """One forward pass, by this thread alone or by the crew's."""
        if self.crew is None:
            _run(self.model, self.memory, x, logits)
        else:
            model, memory = self.model, self.memory
            self.crew.run(lambda part: _run_part(model, memory, part, x, logits))


class Network:
    """A network of the SINet family in the engine. Any number of threads may run it at once; Python's lock is free.

    Args:
        artefact: the content of a `.safetensors` artefact; not needed once this returns.
        threads: how many threads one run may use; at most one for each core that this process may use takes part,
            and at most `MOST_THREADS`.
        isa: number of the instruction set to use; the best one by default (`sinet.native.library.best_isa`).

    Attributes:
        isa: name of the instruction set.
        multiple: both sides of an input must be multiples of this: of 32, or 64 with three stages, and of what the
            network's pools ask for.
        outputs: maps of logits that a run gives: 1 for two classes, person against background, else one per class.
        output_stride: input size / size of those maps.

    Raises:
        EngineError: the library cannot be loaded, or the bytes are no artefact that it can run.
    """

    def __init__(self, artefact: bytes, *, threads: int = 1, isa: int | None = None) -> None:
        if threads < 1:
            raise EngineError(f"a network runs on 1 thread or more, not {threads}")
        chosen = best_isa() if isa is None else isa
        file = np.frombuffer(artefact, np.uint8)
        self._model = aligned_memory(int(_model_size(pointer(file), len(artefact), chosen)))
        _model_open(pointer(file), len(artefact), chosen, pointer(self._model), self._model.nbytes)
        self._threads = min(threads, usable_cores(), MOST_THREADS)
        self._idle: dict[int, Workspace] = {}
        self._tickets = count()
        self.isa = isa_name(chosen)
        self.multiple = int(_model_multiple(pointer(self._model)))
        self.outputs = int(_model_outputs(pointer(self._model)))
        self.output_stride = int(_model_output_stride(pointer(self._model)))

    def run(self, x: NetInput) -> Logits:
        """Run the network once.

        Args:
            x: (1, 3, h, w) float32, standardised as the artefact's spec says; h and w multiples of `multiple`.

        Returns:
            (1, outputs, h/s, w/s) float32 logits, unbounded, in memory of their own; s is `output_stride`.

        Raises:
            ShapeError: an input of another shape or dtype.
        """
        x, size = self._checked(x)
        logits = np.empty(self._answer_shape(size), np.float32)
        workspace = self._take(size)
        workspace.run(pointer(x), pointer(logits))  # a workspace whose run was interrupted is not used again
        self._give_back(workspace)
        return logits

    def steps(self, x: NetInput) -> tuple[dict[str, Callable[[], None]], Logits]:
        """One run as its steps, for measuring.

        Args:
            x: as for `run`.

        Returns:
            Name of each step -> what computes it, on one thread, in the order in which they must be called; and the
            logits, as from `run`, that the last step writes.
        """
        x, size = self._checked(x)
        workspace, logits = Workspace(self._model, size, 1), np.zeros(self._answer_shape(size), np.float32)
        model, memory, source, target = workspace.model, workspace.memory, pointer(x), pointer(logits)

        def compute(step: int) -> Callable[[], None]:
            return lambda: _run_step(model, memory, step, 0, source, target)

        names = [_step_name(model, step).decode() for step in range(_steps(model))]
        return {name: compute(step) for step, name in enumerate(names)}, logits

    def _checked(self, x: NetInput) -> tuple[Float, Size]:
        if x.ndim != 4 or x.shape[:2] != (1, 3) or x.dtype != np.float32:
            raise ShapeError(
                f"expected an input (1, 3, h, w) float32, got {x.shape} {x.dtype}; make it with sinet.core.preprocess"
            )
        size = x.shape[2], x.shape[3]
        check_size(size, self.multiple)
        return np.ascontiguousarray(x, np.float32), size

    def _answer_shape(self, size: Size) -> tuple[int, int, int, int]:
        return 1, self.outputs, size[0] // self.output_stride, size[1] // self.output_stride

    def _take(self, size: Size) -> Workspace:
        for ticket in reversed(list(self._idle)):
            waiting = self._idle.get(ticket)
            if waiting is not None and waiting.size == size and self._idle.pop(ticket, None) is not None:
                return waiting
        return Workspace(self._model, size, self._threads)

    def _give_back(self, workspace: Workspace) -> None:
        tickets = list(self._idle)
        held = workspace.bytes + sum(waiting.bytes for t in tickets if (waiting := self._idle.get(t)) is not None)
        for ticket in tickets:  # the one that has waited longest goes first
            if held <= IDLE_BYTES:
                break
            if (dropped := self._idle.pop(ticket, None)) is not None:
                held -= dropped.bytes
        self._idle[next(self._tickets)] = workspace
