"""Make the packaged artefacts from the published checkpoints: `python -m sinet.export.build`.

This file says, once, which checkpoint becomes which artefact and with which preprocessing.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sinet.core.records import to_plain
from sinet.core.spec import ModelSpec, PreprocessSpec, output_of
from sinet.data.class_forms import CITYSCAPES_NAMES
from sinet.export.artefact import save_artefact
from sinet.export.deploy import deploy
from sinet.export.deployed import DeployedSINet
from sinet.export.onnx import blocked, export_onnx
from sinet.nets.checkpoints import load_network
from sinet.nets.registry import find_network
from sinet.runtime.catalog import MODELS_DIR, Row

Triple = tuple[float, float, float]
DEFAULT = "portrait-13"


@dataclass(frozen=True)
class Source:
    """One checkpoint: published by others, or trained here.

    Attributes:
        name: the artefact it becomes.
        summary: what it is for, in one line.
        checkpoint: file name in the folder of checkpoints.
        preprocess: what the network was shown.
        licence: SPDX identifier.
        origin: where the checkpoint comes from.
        network: its name in the registry.
        classes: the names of its classes; none where it finds a person.
        rounded: whether its deployed weights are rounded to the 8 significant bits of bfloat16. Not a figure of any
            table changes by more than 0.0003 (docs/adr/0021), and the browser's page loads half as much.
    """

    name: str
    summary: str
    checkpoint: str
    preprocess: PreprocessSpec
    licence: str
    origin: str
    network: str = "portrait"
    classes: tuple[str, ...] = ()
    rounded: bool = False

    @property
    def spec(self) -> ModelSpec:
        """The artefact's spec."""
        output = output_of(self.classes)
        return ModelSpec(
            self.name, self.preprocess, output, self.licence, self.origin, find_network(self.network).config
        )


def portrait(side: int, mean: Triple, std: Triple) -> PreprocessSpec:
    """As the authors standardise for portraits: blue first, in code values, and divided by 255 once more."""
    blue, green, red = (round(value * 255, 6) for value in std)
    return PreprocessSpec((side, side), "nchw", "bgr", mean, (blue, green, red))


SOURCES = [
    Source(
        name="portrait-13",
        summary="close portraits, half and full bodies, scenes, and knows an empty room; the default",
        checkpoint="portrait-13.safetensors",
        preprocess=portrait(320, (102.890434, 111.25247, 126.91212), (62.93292, 62.82138, 66.355705)),
        licence="MIT",
        origin="portrait-wide trained on here (recipes/portrait-1.toml to portrait-12.toml) and blended with "
        "portrait-wide",
        rounded=True,
    ),
    Source(
        name="portrait-wide",
        summary="the community's weights at 320x320: for comparisons",
        checkpoint="sinet_320_aisegment.pth",
        preprocess=portrait(320, (102.890434, 111.25247, 126.91212), (62.93292, 62.82138, 66.355705)),
        licence="MIT",
        origin="anilsathyan7/Portrait-Segmentation on GitHub, trained on AISegment and Baidu people at 320x320",
    ),
    Source(
        name="portrait-official",
        summary="the paper authors' own weights, for close portraits and comparisons",
        checkpoint="sinet_portrait.pth",
        preprocess=portrait(224, (107.304565, 115.69884, 132.35703), (63.97182, 65.1337, 68.29726)),
        licence="MIT",
        origin="clovaai/ext_portrait_segmentation on GitHub, NAVER Corp., trained on EG1800 and generated portraits",
    ),
    Source(
        name="cityscapes",
        summary="the paper authors' own street network: 19 classes, for sinet segment",
        checkpoint="sinet_cityscapes.pth",
        preprocess=PreprocessSpec((512, 1024), "nchw", "rgb", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        licence="MIT",
        origin="clovaai/ext_portrait_segmentation on GitHub, NAVER Corp., trained on Cityscapes at 1024x2048",
        network="cityscapes",
        classes=CITYSCAPES_NAMES,
    ),
]

PORTRAITS = [source for source in SOURCES if not source.classes]
"""Those that find a person."""


def build(checkpoints: Path, out: Path) -> None:
    """Write every artefact, its ONNX form and the catalogue.

    Args:
        checkpoints: the folder with the published `.pth` files.
        out: the folder to write to.
    """
    rows: dict[str, Any] = {}
    for source in SOURCES:
        checkpoint = checkpoints / source.checkpoint
        network = packaged(source, checkpoints)
        artefact, onnx = out / f"{source.name}.safetensors", out / f"{source.name}.onnx"
        save_artefact(network, source.spec, artefact)
        if source.classes:
            export_onnx(network, source.spec, onnx, multiple=network.config.size_multiple)
        else:
            export_onnx(blocked(network, source.spec.preprocess.size), source.spec, onnx)
        digests = {path.suffix: _sha256(path) for path in (artefact, onnx)}
        rows[source.name] = to_plain(Row(source.summary, _sha256(checkpoint), digests, bool(source.classes)))
    catalog = {"default": DEFAULT, "models": rows}
    (out / "catalog.json").write_text(json.dumps(catalog, indent=2, ensure_ascii=False) + "\n", "utf-8")


def packaged(source: Source, checkpoints: Path) -> DeployedSINet:
    """The deployed network of a checkpoint as it is packaged, its weights rounded where the source says so."""
    network = deploy(load_network(checkpoints / source.checkpoint, source.network))
    if source.rounded:
        round_weights(network)
    return network


def round_weights(network: nn.Module) -> None:
    """Round every weight, in place, to the nearest that bfloat16 holds: 8 significant bits."""
    with torch.no_grad():
        for weight in network.state_dict().values():
            weight.copy_(weight.bfloat16())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("weights"), MODELS_DIR)
