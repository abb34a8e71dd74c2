"""The state of a run on disk, whole or not at all; and plain weights under our own names."""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from sinet.core.errors import ModelError, OutputError


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run needs to go on as if nothing had happened.

    Attributes:
        step: how many steps are done.
        recipe: as plain values; another recipe must not resume it.
        network, average, optimiser: states.
        chance: state of torch's own generator. Batches need none: they are functions of seed and step.
    """

    step: int
    recipe: dict[str, Any]
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    chance: Tensor


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; the one before it stays until the new one is whole.

    Raises:
        OutputError: it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        torch.save(vars(checkpoint), partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: the checkpoint cannot be written ({error}); free some space and resume") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, EOFError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise ModelError(f"{path}: not a checkpoint of ours ({error}); remove it to start afresh") from error


def save_weights(state: dict[str, Tensor], provenance: dict[str, Any], path: Path) -> None:
    """Write weights under our own names, not folded, as safetensors; what made them stands in the header.

    Raises:
        OutputError: the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        tensors = {name: value.detach().contiguous().clone() for name, value in state.items()}
        partial.write_bytes(save(tensors, metadata={"provenance": json.dumps(provenance)}))
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose a folder you may write to") from error
