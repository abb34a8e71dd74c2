"""What a run looks like in TensorBoard: curves as they come, and what the averaged network makes of a few pictures."""

from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from sinet.core.types import Rgb8
from sinet.data.manifest import Split
from sinet.data.pool import load_sample, shrink
from sinet.training.loop import Progress, Run, measured_part
from sinet.training.stages import stage_of
from sinet.training.validate import predict

SHOWN, SHORT_SIDE = 4, 224
"""Pictures of each source, and their short side in pixels."""


def open_board(folder: Path, step: int = 0) -> SummaryWriter:
    """The run's own log: `tensorboard --logdir runs` shows it beside others.

    What a killed run wrote after `step`, the one that is gone on from, is shown no more.
    """
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)


def show(board: SummaryWriter, progress: Progress, run: Run, splits: tuple[Split, ...]) -> None:
    """Add one word of a run: loss and speed always, scores and pictures where this step measured."""
    board.add_scalar("loss", progress.loss, progress.step)
    board.add_scalar("images_per_s", progress.images_per_s, progress.step)
    for source, scores in (progress.measured or {}).items():
        for name, value in scores.items():
            if isinstance(value, float):
                board.add_scalar(f"{source}/{name}", value, progress.step)
    if progress.measured:
        network = measured_part(run, stage_of(run.recipe, progress.step - 1))
        for split in splits:
            for item in split.validation[:SHOWN]:
                if split.labels is not None:
                    break  # maps of classes need their colours and a legend: sinet segment draws them
                sample = shrink(load_sample(item), SHORT_SIDE)
                alpha = predict(network, run.recipe.preprocess, sample.rgb)
                view = np.concatenate([sample.rgb, _grey(sample.label), _grey(alpha * 255)], axis=1)
                board.add_image(f"{split.row.name}/{item.name}", view, progress.step, dataformats="HWC")
    board.flush()


def _grey(values: np.ndarray[Any, Any]) -> Rgb8:
    return np.repeat(np.asarray(values, np.uint8)[..., None], 3, axis=2)
