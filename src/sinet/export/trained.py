"""A trained network -> the file that the running half takes: an artefact where the rewrite knows it, else ONNX."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from sinet.core.errors import ModelError
from sinet.core.postprocess import person_probability
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec
from sinet.export.artefact import save_artefact
from sinet.export.deploy import deploy
from sinet.export.onnx import export_onnx
from sinet.nets.checkpoints import load_weights
from sinet.nets.registry import find_network
from sinet.runtime.backend import ModelFile
from sinet.runtime.engines import open_backend

TOLERANCE = 1e-4
"""Between torch and a float32 engine, in alpha: docs/adr/0008."""


def export_trained(weights: Path, network: str, preprocess: PreprocessSpec, licence: str, origin: str) -> Path:
    """Make a trained network ready for `sinet cut`, `eval` and `bench`.

    Args:
        weights: `NAME.safetensors`, as training wrote it.
        network: its name in the registry.
        preprocess: what it was shown in training.
        licence: for the spec.
        origin: for the spec.

    Returns:
        `NAME.artefact.safetensors` beside the weights where the network has an artefact, else `NAME.onnx`, compared
        with torch.

    Raises:
        ModelError: not that network's weights, a network of more classes than a person and the background, or the
            ONNX file answers differently.
        MissingExtraError: ONNX is wanted, and what writes or runs it is not installed.
        OutputError: the file cannot be written.
    """
    entry, name = find_network(network), weights.stem
    if entry.classes != 2:
        raise ModelError(
            f"{weights}: {entry.title} tells {entry.classes} classes apart and the running half cuts out a person; "
            "use it from torch: sinet.nets.checkpoints.load_network"
        )
    trained = load_weights(weights, network)
    if entry.config is not None:
        spec = ModelSpec(name, preprocess, OutputSpec("nchw", "sigmoid", 0), licence, origin, entry.config)
        path = weights.with_name(f"{name}.artefact.safetensors")
        save_artefact(deploy(trained), spec, path)
        return path
    spec = ModelSpec(name, preprocess, OutputSpec("nchw", "softmax", 1), licence, origin)
    path = weights.with_name(f"{name}.onnx")
    export_onnx(trained, spec, path)
    check_parity(trained, spec, path)
    return path


@torch.inference_mode()
def check_parity(network: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Compare an ONNX file with the network that it was made from, on one input of noise.

    Args:
        network: takes (1, 3, h, w), answers with the logits (1, 2, h, w).
        spec: of the file.
        path: the file.

    Raises:
        ModelError: they differ by more than `TOLERANCE` somewhere in alpha.
        MissingExtraError: ONNX Runtime is not installed.
    """
    x = np.random.default_rng(0).standard_normal((1, 3, *spec.preprocess.size), np.float32)
    expected = network(torch.from_numpy(x)).softmax(1)[0, 1].numpy()
    answer = person_probability(open_backend(ModelFile(path, spec)).run(x), spec.output)
    if not (difference := float(np.abs(answer - expected).max())) <= TOLERANCE:
        raise ModelError(
            f"{path}: differs from the trained network by {difference:.2g} in alpha, where {TOLERANCE:g} is allowed; "
            "use the weights beside it, and tell us which versions of torch and onnxruntime these are"
        )
