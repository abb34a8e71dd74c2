"""A trained network -> the file that the running half takes: an artefact where the rewrite knows it, else ONNX."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from sinet.core.errors import ModelError
from sinet.core.postprocess import person_probability
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec, output_of, person_in
from sinet.export.artefact import save_artefact
from sinet.export.deploy import deploy
from sinet.export.onnx import export_onnx
from sinet.nets.checkpoints import load_weights
from sinet.nets.registry import find_network
from sinet.runtime.backend import ModelFile
from sinet.runtime.engines import open_backend

TOLERANCE = 1e-4
"""Between torch and a float32 engine, in alpha: docs/adr/0008. Of many classes, in logits as parts of the largest."""


def leaves_artefact(network: str) -> bool:
    """Whether a run of this network leaves an artefact, and no ONNX file."""
    return find_network(network).config is not None


def export_trained(
    weights: Path,
    network: str,
    preprocess: PreprocessSpec,
    licence: str,
    origin: str,
    classes: tuple[str, ...] = (),
) -> Path:
    """Make a trained network ready for `sinet cut`, `eval` and `bench`.

    Args:
        weights: `NAME.safetensors`, as training wrote it.
        network: its name in the registry.
        preprocess: what it was shown in training.
        licence: for the spec.
        origin: for the spec.
        classes: the names of what it tells apart; none where that is a person and the background.

    Returns:
        `NAME.artefact.safetensors` beside the weights where `leaves_artefact`, else `NAME.onnx`, compared with torch.

    Raises:
        ModelError: not that network's weights, more classes than a person and the background without their names, a
            network that is not known for so many, or the ONNX file answers differently.
        MissingExtraError: ONNX is wanted, and what writes or runs it is not installed.
        OutputError: the file cannot be written.
    """
    entry, name = find_network(network, len(classes) or None), weights.stem
    if not classes and entry.classes != 2:
        raise ModelError(f"{weights}: {entry.title} tells {entry.classes} classes apart; give their names")
    trained = load_weights(weights, entry)
    if leaves_artefact(network):
        path = weights.with_name(f"{name}.artefact.safetensors")
        spec = ModelSpec(name, preprocess, output_of(classes), licence, origin, entry.config)
        save_artefact(deploy(trained), spec, path)
        return path
    output = OutputSpec("nchw", "softmax", person_in(classes) if classes else 1, classes)
    spec = ModelSpec(name, preprocess, output, licence, origin)
    path = weights.with_name(f"{name}.onnx")
    export_onnx(trained, spec, path)
    check_parity(trained, spec, path)
    return path


@torch.inference_mode()
def check_parity(network: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Compare an ONNX file with the network that it was made from, on one input of noise.

    Args:
        network: takes (1, 3, h, w), answers with the logits (1, k, h/s, w/s).
        spec: of the file; k is 2, or as many as it names classes.
        path: the file.

    Raises:
        ModelError: they differ by more than `TOLERANCE` somewhere in alpha; of named classes, by more than this part of
            the largest logit.
        MissingExtraError: ONNX Runtime is not installed.
    """
    x = np.random.default_rng(0).standard_normal((1, 3, *spec.preprocess.size), np.float32)
    logits, answer = network(torch.from_numpy(x)), open_backend(ModelFile(path, spec)).run(x)
    if spec.output.classes:
        unit, scale = "of the largest logit", float(logits.abs().max())
        difference = float(np.abs(answer - logits.numpy()).max()) / scale
    else:
        unit = "in alpha"
        difference = float(np.abs(person_probability(answer, spec.output) - logits.softmax(1)[0, 1].numpy()).max())
    if not difference <= TOLERANCE:
        raise ModelError(
            f"{path}: differs from the trained network by {difference:.2g} {unit}, where {TOLERANCE:g} is allowed; "
            "use the weights beside it, and tell us which versions of torch and onnxruntime these are"
        )
