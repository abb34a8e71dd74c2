"""Load weights, strictly, into a network of the registry: published ones, whose names a table maps, and our own."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from sinet.core.errors import ModelError
from sinet.nets.registry import Network, find_network


def load_published(path: Path, network: str | Network = "portrait") -> nn.Module:
    """Build a network of the registry and fill it with its authors' checkpoint, strictly.

    Args:
        path: a `.pth` file that holds the authors' state dict and nothing else.
        network: name of the network, or its row in the registry.

    Returns:
        The network in evaluation mode.

    Raises:
        ModelError: no such network, none was published for it, no such file, not such a state dict, or a parameter
            missing, left over or of another shape.
    """
    entry = find_network(network) if isinstance(network, str) else network
    if entry.rename is None:
        raise ModelError(f"{path}: nobody published weights of {entry.title}; give a .safetensors of `sinet train`")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        built = entry.build()
        built.load_state_dict(entry.rename(state), strict=True)
    except (OSError, EOFError, RuntimeError, AttributeError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path}: not {entry.title}'s weights ({reason}); give the authors' .pth file") from error
    return built.eval()


def load_weights(path: Path, network: str | Network = "portrait") -> nn.Module:
    """Build a network of the registry and fill it with weights that `sinet train` wrote, strictly.

    Returns:
        The network in evaluation mode.

    Raises:
        ModelError: no such network, no such file, or not exactly that network's parameters.
    """
    entry = find_network(network) if isinstance(network, str) else network
    built = entry.build()
    try:
        built.load_state_dict(load_file(path), strict=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: not {entry.title}'s weights ({reason}); give a file of `sinet train`") from error
    return built.eval()


def load_network(path: Path, network: str | Network = "portrait") -> nn.Module:
    """Load published weights (`.pth`) or our own (`.safetensors`), told apart by their names.

    Raises:
        ModelError: as `load_published` and `load_weights` say.
    """
    return load_weights(path, network) if path.suffix == ".safetensors" else load_published(path, network)
