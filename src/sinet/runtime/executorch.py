"""ExecuTorch behind the `Backend` protocol: the extra `export-executorch`, to check its files."""

import threading
from importlib import import_module
from importlib.metadata import version
from typing import Any

from sinet.core.errors import MissingExtraError, ModelError
from sinet.core.types import Logits, NetInput
from sinet.runtime.backend import ModelFile


class ExecuTorchBackend:
    """A program for ExecuTorch, on the CPU.

    Args:
        model: the `.pte` file and its spec.
        threads: how many threads XNNPACK may use; it is set for the whole process.

    Attributes:
        name: the engine and its version.
        spec: what the network expects and how to read its answer.
        free: that it takes no other size.

    Raises:
        MissingExtraError: ExecuTorch is not installed.
        ModelError: the file is no such program.
    """

    free = False

    def __init__(self, model: ModelFile, threads: int = 1) -> None:
        try:
            self._torch = import_module("torch")
            runtime = import_module("executorch.runtime").Runtime.get()
        except ImportError as error:
            raise MissingExtraError(f"running {model.path.name} in ExecuTorch", "export-executorch") from error
        self.name, self.spec = f"executorch {version('executorch')}", model.spec
        try:
            self._program: Any = runtime.load_program(str(model.path))
            self._method: Any = self._program.load_method("forward")
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{model.path}: not a program that ExecuTorch can run ({error}); export it again"
            ) from error
        # One method owns one set of buffers, so two threads must take turns.
        self._turn = threading.Lock()

    def run(self, x: NetInput) -> Logits:
        """Run the network once on one standardised input."""
        with self._turn:
            # A copy: NumPy gives an axis of one any stride, ExecuTorch wants the usual one.
            given = self._torch.from_numpy(x).clone(memory_format=self._torch.contiguous_format)
            return self._method.execute([given])[0].numpy().copy()
