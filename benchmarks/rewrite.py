"""What each step of the exact rewrite is worth in ONNX Runtime; run `python benchmarks/rewrite.py` in the root.

Every form of the same weights takes turns in one run, one thread; ratios of minima against the plain export.
"""

import tempfile
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn

from sinet.evaluation.latency import interleave, network_task
from sinet.export.build import PORTRAITS, Source
from sinet.export.deploy import SMALLEST_NORMAL, deploy
from sinet.export.deployed import Act
from sinet.export.onnx import blocked, export_onnx
from sinet.media.image import load_image
from sinet.nets.checkpoints import load_published
from sinet.nets.sinet import SINet
from sinet.pipeline.segmenter import Segmenter

RUNS = 60


@torch.no_grad()
def without_subnormals(network: SINet) -> SINet:
    network = deepcopy(network)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor[tensor.abs() < SMALLEST_NORMAL] = 0
    return network


def with_prelu(network: nn.Module) -> nn.Module:
    network = deepcopy(network)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Act):
                prelu = nn.PReLU(child.slope.numel())
                prelu.weight.data = child.slope.detach().flatten()
                setattr(parent, name, prelu)
    return network


def forms(source: Source) -> dict[str, nn.Module]:
    trained = load_published(Path("weights") / source.checkpoint)
    deployed = deploy(trained)
    return {
        "plain export": trained,
        "subnormals zeroed": without_subnormals(trained),
        "folded, unshuffled, one logit": with_prelu(deployed),
        "and PReLU as a maximum": deployed,
        "and in blocked operators": blocked(deployed, source.spec.preprocess.size),
    }


def measure(source: Source, folder: Path) -> None:
    rgb = load_image(Path("examples/portrait.png")).rgb
    tasks = {}
    for index, (name, form) in enumerate(forms(source).items()):
        path = folder / f"{source.name}-{index}.onnx"
        export_onnx(form, source.spec, path)
        tasks[name] = network_task(Segmenter(path).backend, rgb)
    timings = interleave(tasks, RUNS)
    plain = timings["plain export"]
    print(f"{source.name}, {'x'.join(map(str, source.preprocess.size))}, 1 thread, {RUNS} turns")
    for name, timing in timings.items():
        ratio = f"{plain.min_ms / timing.min_ms:.2f}x by minimum, {plain.p50_ms / timing.p50_ms:.2f}x by median"
        print(f"  {name:32s} {timing.min_ms:7.2f} ms min {timing.p50_ms:7.2f} ms median   {ratio}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        for source in PORTRAITS:
            measure(source, Path(name))
