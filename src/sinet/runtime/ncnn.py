"""ncnn behind the `Backend` protocol: the extra `export-ncnn`, to check its files."""

from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

from sinet.core.errors import MissingExtraError, ModelError
from sinet.core.types import Logits, NetInput
from sinet.runtime.backend import ModelFile

GIVEN, TAKEN = "in0", "out0"
"""What pnnx calls the first input and the first output."""


class NcnnBackend:
    """A network in ncnn's form, on the CPU. Any number of threads may run it at once.

    Args:
        model: the `.param` file, its `.bin` beside it, and its spec, of (1, 3, h, w) float32.
        threads: how many threads one run may use.

    Attributes:
        name: the engine and its version.
        spec: what the network expects and how to read its answer.
        free: that it takes no other size.

    Raises:
        MissingExtraError: ncnn is not installed.
        ModelError: the files are not such a network.
    """

    free = False

    def __init__(self, model: ModelFile, threads: int = 1) -> None:
        try:
            self._ncnn = import_module("ncnn")
        except ImportError as error:
            raise MissingExtraError(f"running {model.path.name} in ncnn", "export-ncnn") from error
        self.name, self.spec = f"ncnn {version('ncnn')}", model.spec
        if (model.spec.preprocess.layout, model.spec.preprocess.dtype) != ("nchw", "float32"):
            raise ModelError(f"{model.path}: ncnn takes nchw of float32, its spec says otherwise; correct the spec")
        weights = model.path.with_suffix(".bin")
        self._net: Any = self._ncnn.Net()
        self._net.opt.num_threads = threads
        if not weights.is_file() or self._net.load_param(str(model.path)) or self._net.load_model(str(weights)):
            raise ModelError(
                f"{model.path}: not a network that ncnn can run; export it again, .param and .bin together"
            )

    def run(self, x: NetInput) -> Logits:
        """Run the network once on one standardised input."""
        with self._net.create_extractor() as extractor:
            extractor.input(GIVEN, self._ncnn.Mat(np.ascontiguousarray(x[0])).clone())
            failed, answer = extractor.extract(TAKEN)
            if failed:
                raise ModelError(f"{self.spec.name}: ncnn cannot run it (status {failed}); export it again")
            return np.array(answer, np.float32)[None]
