"""What a run leaves for the running half: an artefact, or an ONNX file that answers like torch."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from sinet.core.errors import ModelError  # noqa: E402
from sinet.core.spec import OutputSpec, PreprocessSpec  # noqa: E402
from sinet.export.deploy import deploy  # noqa: E402
from sinet.export.trained import check_parity, export_trained  # noqa: E402
from sinet.nets.registry import NETWORKS, find_network  # noqa: E402
from sinet.pipeline.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
OTHER_FORMS = [name for name, entry in NETWORKS.items() if entry.config is None and entry.classes == 2]
PREPROCESS = PreprocessSpec((64, 96), "nchw", "rgb", (110.0, 110.0, 110.0), (60.0, 60.0, 60.0))


@pytest.fixture
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """Weights drawn by chance, with statistics as after training."""
    torch.manual_seed(0)
    network = find_network(request.param).build()
    for _ in range(3):
        network(torch.randn(2, 3, 64, 96))
    path = tmp_path / "drawn.safetensors"
    save_file(network.state_dict(), path)
    return request.param, path


@pytest.mark.parametrize("weights", OTHER_FORMS, indirect=True)
def test_a_baseline_leaves_onnx_that_answers_like_torch(weights: tuple[str, Path]) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    name, path = weights
    made = export_trained(path, name, PREPROCESS, "none", "drawn by chance")
    assert made == path.with_name("drawn.onnx")
    segmenter = Segmenter(made)
    assert segmenter.backend.spec.output == OutputSpec("nchw", "softmax", 1)
    alpha = segmenter.alpha(np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8))
    assert alpha.shape == (50, 40)
    with pytest.raises(
        ModelError, match=r"differs from the trained network by .* in a probability, where 0\.0001 is allowed"
    ):
        check_parity(find_network(name).build().eval(), segmenter.backend.spec, made)


@pytest.mark.parametrize("weights", ["portrait"], indirect=True)
def test_the_portrait_network_leaves_an_artefact(weights: tuple[str, Path]) -> None:
    name, path = weights
    made = export_trained(path, name, PREPROCESS, "none", "drawn by chance")
    assert made == path.with_name("drawn.artefact.safetensors")
    assert Segmenter(made).alpha(np.zeros((50, 40, 3), np.uint8)).shape == (50, 40)


def test_a_network_of_many_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the street SINet tells 19 classes apart, and none are named"):
        export_trained(tmp_path / "any.safetensors", "cityscapes", PREPROCESS, "none", "drawn by chance")


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_the_rewrite_refuses_what_it_does_not_know(name: str) -> None:
    with pytest.raises(ModelError, match=r"the rewrite knows .* only, .*; export it to ONNX"):
        deploy(find_network(name).build())
