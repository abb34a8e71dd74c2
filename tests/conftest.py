"""Fixtures that every folder of tests shares, and the marks that depend on what is installed or lies beside us."""

import dataclasses
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ray_process import Cluster, running
from sinet.core.architecture import CITYSCAPES, PORTRAIT, Branch, SINetConfig, SqueezeModule, Stage, with_classes

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def portrait_path() -> Path:
    """NASA's public-domain photograph of Eileen Collins, 512x512."""
    return ROOT / "examples" / "portrait.png"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data beside the repository; its pictures never enter it."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the development data is not beside this checkout")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("torch") is None:
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason="torch is not installed"))


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Cluster]:
    """A Ray cluster of two cores for all tests that want one."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("the extra cluster is not installed")
    with running() as cluster:
        yield cluster


@pytest.fixture
def s3_store(ray_cluster: Cluster) -> Cluster:
    """The cluster's process and its workers with a store that speaks S3: `s3://bucket`."""
    for name in ("moto", "flask", "s3fs", "boto3"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    ray_cluster.start_store()
    return ray_cluster


@pytest.fixture(autouse=True)
def processor_as_it_was() -> Iterator[None]:
    """Training flushes subnormal numbers for the whole process; the next test computes with them again."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


def stage(down: int, reduction: int, *modules: tuple[int, tuple[int, int], tuple[int, int]]) -> Stage:
    return Stage(down, reduction, tuple(SqueezeModule(width, (Branch(*a), Branch(*b))) for width, a, b in modules))


FAMILY = {
    "portrait": PORTRAIT,
    "three classes": dataclasses.replace(PORTRAIT, classes=3),
    "five classes, uneven widths, large kernels": SINetConfig(
        5, 10, (stage(14, 3, (20, (7, 1), (9, 2))), stage(22, 4, (36, (3, 1), (11, 4)), (28, (5, 1), (1, 1))))
    ),
    "pools of three and five": SINetConfig(
        2, 7, (stage(6, 1, (12, (3, 3), (5, 1)), (12, (3, 1), (7, 3))), stage(12, 2, (12, (3, 5), (5, 3))))
    ),
    "wide": SINetConfig(
        2, 24, (stage(32, 2, (80, (3, 1), (3, 2))), stage(64, 8, (136, (3, 1), (5, 2)), (136, (7, 4), (3, 1))))
    ),
    "streets": CITYSCAPES,
    "streets of two classes": with_classes(CITYSCAPES, 2),
    "streets of eleven": with_classes(CITYSCAPES, 11),
    "streets by a 3x3 head, corners aligned": dataclasses.replace(
        with_classes(CITYSCAPES, 4), head="conv", aligned_corners=True
    ),
    "three stages with modules": SINetConfig(
        4, 3, (stage(6, 1, (4, (3, 1), (5, 2))), stage(8, 5, (8, (5, 1), (3, 4))), stage(9, 2)), "conv"
    ),
    "two stages without modules": SINetConfig(3, 5, (stage(7, 2), stage(9, 3)), "transposed"),
    "crossed kernels before a transposed head": dataclasses.replace(
        PORTRAIT,
        stages=(
            stage(6, 1, (16, (3, 1), (3, 2))),
            Stage(8, 2, (SqueezeModule(12, (Branch(7, 3, crossed=True), Branch(3, 1, crossed=True))),)),
        ),
        head="transposed",
        aligned_corners=False,
    ),
}


@pytest.fixture(params=sorted(FAMILY))
def family_member(request: pytest.FixtureRequest) -> SINetConfig:
    """One configuration of the SINet family after another."""
    return FAMILY[request.param]


@pytest.fixture
def random_network() -> Callable[..., Any]:
    """Builds a SINet whose every number is drawn: norms with negative scales, slopes below 0 and above 1."""

    def build(seed: int, config: SINetConfig = PORTRAIT, *, relu: bool = False) -> Any:
        import torch

        from sinet.nets.sinet import SINet

        torch.manual_seed(seed)
        network = SINet(config)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.normal_(module.weight, 0.5, 0.5)
                torch.nn.init.normal_(module.bias, 0, 0.3)
                torch.nn.init.normal_(module.running_mean, 0, 0.3)
                torch.nn.init.uniform_(module.running_var, 0.3, 2)
            if isinstance(module, torch.nn.PReLU):
                torch.nn.init.uniform_(module.weight, 0 if relu else -1, 0 if relu else 2.5)
        return network.eval()

    return build


SIZE = (60, 80)
RADII = {"ann": 10, "ben": 20, "cleo": 25}


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.hypot(x - 40, y - 30) < radius


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of a red disc, labelled, and a fourth with nobody."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for name, radius in {**RADII, "dune": 0}.items():
        rgb = rng.integers(0, 80, (*SIZE, 3), dtype=np.uint8)
        rgb[disc(radius)] = (250, 20, 20)
        Image.fromarray(rgb).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(np.where(disc(radius), 255, 0).astype(np.uint8)).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path
