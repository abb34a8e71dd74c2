"""Load weights, strictly: published ones, whose names one table maps to ours, and our own.

The community's retraining (anilsathyan7) keeps the authors' names, so the same table serves both.
"""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sinet.core.errors import ModelError
from sinet.nets.sinet import SINet

# Authors' prefix -> ours, first match wins. \N keeps a module's number.
_PREFIXES = [
    (r"encoder\.level1\.conv", r"encoder.stem.conv"),
    (r"encoder\.level1", r"encoder.stem.norm_act"),
    (r"encoder\.level([23])_0\.conv\.0", r"encoder.stages.\1.down.depthwise"),
    (r"encoder\.level([23])_0\.conv\.1\.dense", r"encoder.stages.\1.down.excitation.gate"),
    (r"encoder\.level([23])_0\.conv\.2", r"encoder.stages.\1.down.pointwise"),
    (r"encoder\.level([23])_0", r"encoder.stages.\1.down.norm_act"),
    (r"encoder\.level([23])\.(\d+)\.c1\.conv", r"encoder.stages.\1.modules_.\2.reduce"),
    (r"encoder\.level([23])\.(\d+)\.d([12])\.conv\.0", r"encoder.stages.\1.modules_.\2.branches.\3.depthwise"),
    (r"encoder\.level([23])\.(\d+)\.d([12])\.conv\.1", r"encoder.stages.\1.modules_.\2.branches.\3.norm_act.norm"),
    (
        r"encoder\.level([23])\.(\d+)\.d([12])\.act_conv1x1\.0",
        r"encoder.stages.\1.modules_.\2.branches.\3.norm_act.act",
    ),
    (r"encoder\.level([23])\.(\d+)\.d([12])\.act_conv1x1\.1", r"encoder.stages.\1.modules_.\2.branches.\3.pointwise"),
    (r"encoder\.level([23])\.(\d+)\.d([12])\.bn", r"encoder.stages.\1.modules_.\2.branches.\3.norm"),
    (r"encoder\.level([23])\.(\d+)\.BR", r"encoder.stages.\1.modules_.\2.norm_act"),
    (r"encoder\.BR([23])", r"encoder.stages.\1.join"),
    (r"encoder\.classifier\.conv", r"encoder.head"),
    (r"bn_3", r"decoder.coarse_norm"),
    (r"level2_C\.conv", r"decoder.project.conv"),
    (r"level2_C", r"decoder.project.norm_act"),
    (r"bn_2", r"decoder.fused_norm"),
    (r"classifier\.1", r"decoder.head"),
]


def our_name(theirs: str) -> str:
    """Translate one parameter name of the authors' portrait network into ours.

    Raises:
        ModelError: the name belongs to no part of the portrait network.
    """
    for pattern, replacement in _PREFIXES:
        match = re.match(pattern + r"\.", theirs)
        if match:
            name = match.expand(replacement)
            # Their stages count from 2 and their branches from 1; ours count from 0.
            name = re.sub(r"stages\.(\d)", lambda m: f"stages.{int(m[1]) - 2}", name)
            name = re.sub(r"branches\.(\d)", lambda m: f"branches.{int(m[1]) - 1}", name)
            rest = theirs[match.end() :]
            return f"{name}.{re.sub(r'^bn[.]', 'norm.', rest)}"
    raise ModelError(f"the parameter {theirs!r} belongs to no part of the portrait SINet; is this another network?")


def rename(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate a whole state dict of the authors' portrait network."""
    return {our_name(name): tensor for name, tensor in state.items()}


def load_published(path: Path) -> SINet:
    """Build the portrait network and fill it with a published checkpoint, strictly.

    Args:
        path: a `.pth` file that holds the authors' state dict and nothing else.

    Returns:
        The network in evaluation mode.

    Raises:
        ModelError: no such file, not such a state dict, or a parameter missing, left over or of another shape.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network = SINet()
        network.load_state_dict(rename(state), strict=True)
    except (OSError, EOFError, RuntimeError, AttributeError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path}: not the portrait SINet's weights ({reason}); give the authors' .pth file") from error
    return network.eval()


def load_weights(path: Path) -> SINet:
    """Build the portrait network and fill it with weights that `sinet train` wrote, strictly.

    Returns:
        The network in evaluation mode.

    Raises:
        ModelError: no such file, or not exactly the portrait network's parameters.
    """
    network = SINet()
    try:
        network.load_state_dict(load_file(path), strict=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{path}: not the portrait SINet's weights ({reason}); give a file of `sinet train`"
        ) from error
    return network.eval()


def load_network(path: Path) -> SINet:
    """Load published weights (`.pth`) or our own (`.safetensors`), told apart by their names.

    Raises:
        ModelError: as `load_published` and `load_weights` say.
    """
    return load_weights(path) if path.suffix == ".safetensors" else load_published(path)
