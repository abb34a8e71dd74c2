"""The state of a run on disk, whole or not at all; and plain weights under our own names."""

import io
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
        best: of the stage it is in, the averaged weights that measured best, where the stage keeps them.
        best_merit: how good they were.
        ranges: of the values that are rounded, where they are (`sinet.training.quantised`).
    """

    step: int
    recipe: dict[str, Any]
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    chance: Tensor
    best: dict[str, Tensor] | None = None
    best_merit: float = 0.0
    ranges: Tensor | None = None


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; the one before it stays until the new one is whole.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        content = io.BytesIO()
        torch.save(vars(checkpoint), content)
        write_whole(content.getvalue(), path)
    except OSError as error:
        raise OutputError(f"{path}: the checkpoint cannot be written ({error}); free some space and resume") from error


def write_whole(content: bytes, path: Path) -> None:
    """Write a file; what stood there stays until the new one is whole, and nothing half-written is left.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, EOFError, LookupError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path}: not a whole checkpoint of ours ({reason}); remove it to start afresh") from error


def save_weights(state: dict[str, Tensor], provenance: dict[str, Any], path: Path) -> None:
    """Write weights under our own names, not folded, as safetensors; what made them stands in the header.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {name: value.detach().contiguous().clone() for name, value in state.items()}
    try:
        write_whole(save(tensors, metadata={"provenance": json.dumps(provenance)}), path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); free some space, or choose a folder you may write to"
        ) from error
