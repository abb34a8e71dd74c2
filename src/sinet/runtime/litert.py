"""Run a .tflite file by LiteRT on the CPU (XNNPACK): the extra `litert`, for networks that others publish."""

import threading
from importlib.metadata import version
from typing import Any, cast

import numpy as np

from sinet.core.errors import MissingExtraError, ModelError, ShapeError
from sinet.core.types import Logits, NetInput
from sinet.runtime.backend import ModelFile


class LiteRtBackend:
    """A network in LiteRT's own format.

    The engine itself writes a line, `Created TensorFlow Lite XNNPACK delegate`, to stderr and offers no way to stop it.

    Attributes:
        name: the engine and its version.
        spec: what the network expects and how to read its answer.
        free: that it takes no other size.
    """

    free = False

    def __init__(self, model: ModelFile, threads: int = 1) -> None:
        """Open the file and hold it against its spec.

        Raises:
            MissingExtraError: LiteRT is not installed.
            ModelError: not such a file, or its input or output is not what the spec says.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingTypeStubs]
        except ImportError as error:
            raise MissingExtraError(f"running {model.path.name}", "litert") from error
        self.name = f"litert {version('ai-edge-litert')}"
        self.spec = model.spec
        if not model.path.is_file():
            raise ModelError(f"{model.path}: there is no such file; give the path of a .tflite network")
        try:
            self._interpreter: Any = Interpreter(model_path=str(model.path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{model.path}: LiteRT cannot open it ({error}); fetch the .tflite file again") from error
        self._input, self._output = _checked_ends(self._interpreter, model)
        # One interpreter owns one set of buffers, so two threads must take turns.
        self._turn = threading.Lock()

    def run(self, x: NetInput) -> Logits:
        """Run the network once.

        Args:
            x: one standardised input, shaped as `spec.preprocess` says.

        Raises:
            ShapeError: an input of another shape or dtype.
        """
        with self._turn:
            try:
                self._interpreter.set_tensor(self._input, x)
            except ValueError as error:
                fed = self.spec.preprocess
                raise ShapeError(
                    f"{self.spec.name}: expected an input of {fed.shape} {fed.dtype}, "
                    f"got {x.shape} {x.dtype}; make it with sinet.core.preprocess"
                ) from error
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output)


def _checked_ends(interpreter: Any, model: ModelFile) -> tuple[int, int]:
    """Indices of the one input and the one output, when both are what the spec says."""
    inputs = cast("list[dict[str, Any]]", interpreter.get_input_details())
    outputs = cast("list[dict[str, Any]]", interpreter.get_output_details())
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{model.path}: the network has {len(inputs)} inputs and {len(outputs)} outputs; "
            "a segmentation network with one of each is needed"
        )
    for end, kind in ((inputs[0], model.spec.preprocess.dtype), (outputs[0], "float32")):
        if np.dtype(end["dtype"]).name != kind:
            raise ModelError(
                f"{model.path}: {end['name']} is {np.dtype(end['dtype']).name}, but {kind} is needed; "
                "convert the network with float inputs and outputs, or correct dtype under preprocess in the spec"
            )
    expected, actual = model.spec.preprocess.shape, tuple(int(side) for side in inputs[0]["shape"])
    if actual != expected:
        raise ModelError(
            f"{model.path}: the network takes {actual}, but its spec says {expected}; "
            "correct size and layout under preprocess in the spec"
        )
    answer, output = tuple(int(side) for side in outputs[0]["shape"]), model.spec.output
    if len(answer) != 4 or answer[0] != 1:
        raise ModelError(f"{model.path}: the network answers with {answer}, but one map of four axes is needed")
    channels = answer[1 if output.layout == "nchw" else 3]
    if output.person_channel >= channels:
        raise ModelError(
            f"{model.path}: the network answers with {answer}, which in {output.layout} has {channels} channels, but "
            f"its spec names channel {output.person_channel} as the person; correct output in the spec"
        )
    return int(inputs[0]["index"]), int(outputs[0]["index"])
