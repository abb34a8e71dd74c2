"""What a run leaves for the running half: an artefact, or an ONNX file that answers like torch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from sinet.core.errors import ModelError  # noqa: E402
from sinet.core.preprocess import preprocess  # noqa: E402
from sinet.core.spec import OutputSpec, PreprocessSpec  # noqa: E402
from sinet.export.deploy import deploy  # noqa: E402
from sinet.export.trained import check_parity, export_trained, leaves_artefact  # noqa: E402
from sinet.nets.checkpoints import load_weights  # noqa: E402
from sinet.nets.registry import NETWORKS, find_network  # noqa: E402
from sinet.pipeline.classes import ClassSegmenter  # noqa: E402
from sinet.pipeline.segmenter import Segmenter  # noqa: E402
from sinet.runtime.catalog import find_model  # noqa: E402
from sinet.runtime.engines import open_backend  # noqa: E402

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
    with pytest.raises(ModelError, match=r"differs from the trained network by .* in alpha, where 0\.0001 is allowed"):
        check_parity(find_network(name).build().eval(), segmenter.backend.spec, made)


@pytest.mark.parametrize("weights", ["portrait"], indirect=True)
def test_the_portrait_network_leaves_an_artefact(weights: tuple[str, Path]) -> None:
    name, path = weights
    made = export_trained(path, name, PREPROCESS, "none", "drawn by chance")
    assert made == path.with_name("drawn.artefact.safetensors")
    assert Segmenter(made).alpha(np.zeros((50, 40, 3), np.uint8)).shape == (50, 40)


def drawn(folder: Path, network: str, classes: int, size: tuple[int, int]) -> Path:
    torch.manual_seed(0)
    built = find_network(network, classes).build()
    for _ in range(2):
        built(torch.randn(2, 3, *size))
    save_file(built.state_dict(), folder / "drawn.safetensors")
    return folder / "drawn.safetensors"


def test_a_network_of_many_classes_wants_their_names(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the street SINet tells 19 classes apart; give their names"):
        export_trained(tmp_path / "any.safetensors", "cityscapes", PREPROCESS, "none", "drawn by chance")
    with pytest.raises(ModelError, match="unet tells 2 classes apart and 3 are wanted"):
        export_trained(tmp_path / "any.safetensors", "unet", PREPROCESS, "none", "drawn by chance", ("a", "b", "c"))


@pytest.mark.parametrize(
    ("network", "classes", "person"),
    [
        ("cityscapes", ("sky", "road", "person", "car"), 2),
        ("cityscapes", ("sky", "road", "tree"), -1),
        ("portrait", ("sky", "pedestrian", "car"), 1),
    ],
)
def test_many_classes_leave_an_artefact_that_names_them(
    network: str, classes: tuple[str, ...], person: int, tmp_path: Path
) -> None:
    size = (128, 256)
    path = drawn(tmp_path, network, len(classes), size)
    made = export_trained(path, network, replace(PREPROCESS, size=size), "none", "drawn by chance", classes)
    assert made == path.with_name("drawn.artefact.safetensors")
    assert leaves_artefact(network)
    backend = open_backend(find_model(made))
    assert backend.spec.output == OutputSpec("nchw", "softmax", person, classes)
    x = torch.randn(1, 3, *size)
    with torch.no_grad():
        expected = load_weights(path, find_network(network, len(classes)))(x).numpy()
    np.testing.assert_allclose(backend.run(x.numpy()), expected, atol=1e-4 * np.abs(expected).max())


def test_two_named_classes_leave_an_artefact_of_one_map(tmp_path: Path) -> None:
    path = drawn(tmp_path, "portrait", 2, (64, 96))
    made = export_trained(path, "portrait", replace(PREPROCESS, size=(64, 96)), "none", "chance", ("floor", "person"))
    segmenter = ClassSegmenter(made)
    assert segmenter.spec.output == OutputSpec("nchw", "sigmoid", 0, ("floor", "person"))
    rgb = np.random.default_rng(2).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    x, _ = preprocess(rgb, segmenter.spec.preprocess)
    with torch.no_grad():
        expected = load_weights(path, "portrait")(torch.from_numpy(x))[0].argmax(0).numpy()
    assert np.mean(segmenter.map(rgb) != expected) < 0.001
    assert Segmenter(made).probability(rgb).shape == (64, 96)


@pytest.mark.parametrize(("network", "classes"), [("unet", ("sky", "person")), ("fastscnn", ("sky", "road", "car"))])
def test_what_has_no_artefact_leaves_onnx_of_the_named_classes(
    network: str, classes: tuple[str, ...], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    if network == "fastscnn":
        pytest.importorskip("pytorchcv", reason="pytorchcv is not installed")
    size = (64, 96)
    path = drawn(tmp_path, network, len(classes), size)
    assert not leaves_artefact(network)
    made = export_trained(path, network, replace(PREPROCESS, size=size), "none", "drawn by chance", classes)
    assert made == path.with_name("drawn.onnx")
    spec = find_model(made).spec
    assert spec.output == OutputSpec("nchw", "softmax", 1 if "person" in classes else -1, classes)
    with pytest.raises(ModelError, match=r"differs from the trained network by .* of the largest logit, where 0\.0001"):
        check_parity(find_network(network, len(classes)).build().eval(), spec, made)


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_the_rewrite_refuses_what_it_does_not_know(name: str) -> None:
    with pytest.raises(ModelError, match=r"the rewrite knows .* only, .*; export it to ONNX"):
        deploy(find_network(name).build())
