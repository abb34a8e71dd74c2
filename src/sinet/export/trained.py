"""A trained network -> the file that the running half takes: an artefact where the rewrite knows it, else ONNX."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from sinet.core.errors import ModelError
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec, output_of
from sinet.export.artefact import save_artefact
from sinet.export.deploy import deploy
from sinet.export.onnx import export_onnx
from sinet.nets.checkpoints import load_weights
from sinet.nets.registry import Network, find_network
from sinet.runtime.backend import ModelFile
from sinet.runtime.engines import open_backend

TOLERANCE = 1e-4
"""Between torch and a float32 engine, in alpha: docs/adr/0008."""


def export_trained(
    weights: Path,
    network: str | Network,
    preprocess: PreprocessSpec,
    licence: str,
    origin: str,
    classes: tuple[str, ...] = (),
) -> Path:
    """Make a trained network ready for `sinet cut`, `eval` and `bench`, or, of many classes, for `sinet segment`.

    Args:
        weights: `NAME.safetensors`, as training wrote it.
        network: its name in the registry, or its row there.
        preprocess: what it was shown in training.
        licence: for the spec.
        origin: for the spec.
        classes: the names of its classes; none where it finds a person.

    Returns:
        `NAME.artefact.safetensors` beside the weights where the network has an artefact, else `NAME.onnx`, compared
        with torch.

    Raises:
        ModelError: not that network's weights, names that are not as many as its classes, or the ONNX file answers
            differently.
        MissingExtraError: ONNX is wanted, and what writes or runs it is not installed.
        OutputError: the file cannot be written.
    """
    entry, name = find_network(network) if isinstance(network, str) else network, weights.stem
    if entry.classes != (len(classes) or 2):
        raise ModelError(
            f"{weights}: {entry.title} tells {entry.classes} classes apart, and {len(classes) or 'none'} are named; "
            "name them all, or none of a person and the background"
        )
    trained = load_weights(weights, entry)
    output = output_of(classes)
    if entry.config is not None:
        spec = ModelSpec(name, preprocess, output, licence, origin, entry.config)
        path = weights.with_name(f"{name}.artefact.safetensors")
        save_artefact(deploy(trained), spec, path)
        return path
    spec = ModelSpec(name, preprocess, output if classes else OutputSpec("nchw", "softmax", 1), licence, origin)
    path = weights.with_name(f"{name}.onnx")
    export_onnx(trained, spec, path)
    check_parity(trained, spec, path)
    return path


@torch.inference_mode()
def check_parity(network: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Compare an ONNX file with the network that it was made from, on one input of noise.

    Args:
        network: takes (1, 3, h, w), answers with the logits (1, k, h, w).
        spec: of the file.
        path: the file.

    Raises:
        ModelError: they differ by more than `TOLERANCE` in a probability.
        MissingExtraError: ONNX Runtime is not installed.
    """
    x = np.random.default_rng(0).standard_normal((1, 3, *spec.preprocess.size), np.float32)
    expected = network(torch.from_numpy(x)).softmax(1).numpy()
    answer = torch.from_numpy(open_backend(ModelFile(path, spec)).run(x)).softmax(1).numpy()
    if not (difference := float(np.abs(answer - expected).max())) <= TOLERANCE:
        raise ModelError(
            f"{path}: differs from the trained network by {difference:.2g} in a probability, where {TOLERANCE:g} is "
            "allowed; use the weights beside it, and tell us which versions of torch and onnxruntime these are"
        )
