"""The network in torch as a backend, which every exported file is held against."""

from dataclasses import replace

import torch

from sinet.core.spec import ModelSpec
from sinet.core.types import Logits, NetInput, Size
from sinet.export.artefact import load_artefact
from sinet.runtime.backend import ModelFile


class TorchBackend:
    """A deployed network in torch, float32.

    Attributes:
        name: the engine and its version.
        spec: what the network expects and how to read its answer.
        free: that it takes other sizes.
    """

    free = True

    def __init__(self, model: ModelFile, size: Size | None = None) -> None:
        """Read the artefact.

        Args:
            model: an artefact.
            size: (height, width) of the input, where it is not to be the spec's.

        Raises:
            ModelError: no artefact of a SINet, or a damaged one.
        """
        self.name = f"torch {torch.__version__}"
        preprocess = model.spec.preprocess
        self.spec: ModelSpec = replace(model.spec, preprocess=replace(preprocess, size=size or preprocess.size))
        self._network = load_artefact(model).eval()

    @torch.inference_mode()
    def run(self, x: NetInput) -> Logits:
        """Run the network once on one standardised input."""
        return self._network(torch.from_numpy(x)).numpy()
