"""The face detector's network against ONNX Runtime on the published file, and against its definition."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ModelError, ShapeError
from sinet.core.types import Float, Rgb8
from sinet.runtime.catalog import MODELS_DIR
from sinet.runtime.yunet import STRIDES, YuNet, _depthwise, _product

CHANNELS = {"cls": slice(0, 1), "bbox": slice(1, 5), "obj": slice(5, 6), "kps": slice(6, 16)}
GOLDEN = "yunet_portrait.npz"
"""What ONNX Runtime 1.32 gives on the published file for every fourth pixel of the portrait, by output name."""


@pytest.fixture(scope="module")
def network() -> YuNet:
    return YuNet()


@pytest.fixture(scope="module")
def portrait(portrait_path: Path) -> Rgb8:
    with Image.open(portrait_path) as image:
        return np.asarray(image.convert("RGB"))


def as_published(maps: Float, stride: int) -> dict[str, Float]:
    """Our maps under the names of the published outputs, (cells, channels), sigmoid where it has one."""
    cells = maps.reshape(16, -1).T.astype(np.float64)
    parts = {name: cells[:, channels] for name, channels in CHANNELS.items()}
    return {
        f"{name}_{stride}": (1 / (1 + np.exp(-part)) if name in ("cls", "obj") else part)
        for name, part in parts.items()
    }


def compare(network: YuNet, rgb: Rgb8, published: dict[str, Float]) -> None:
    ours = {
        name: part for stride, maps in network.run(rgb).items() for name, part in as_published(maps, stride).items()
    }
    assert ours.keys() == published.keys()
    for name, part in ours.items():
        np.testing.assert_allclose(part, published[name], atol=1e-4, rtol=0, err_msg=name)


def test_the_network_gives_what_onnx_runtime_gave(network: YuNet, portrait: Rgb8, root: Path) -> None:
    with np.load(root / "tests" / "golden" / GOLDEN) as stored:
        compare(network, np.ascontiguousarray(portrait[::4, ::4]), dict(stored))


@pytest.mark.shared
@pytest.mark.parametrize("size", [(32, 32), (320, 320), (480, 640), (96, 352)])
def test_the_network_gives_what_onnx_runtime_gives(network: YuNet, shared: Path, size: tuple[int, int]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    rgb = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    session = onnxruntime.InferenceSession(shared / "weights" / "detectors" / "yunet_n_dynamic.onnx")
    names = [output.name for output in session.get_outputs()]
    x = rgb[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)
    answers = session.run(None, {"input": x})
    compare(network, rgb, {name: answer[0] for name, answer in zip(names, answers, strict=True)})


@pytest.mark.shared
def test_the_packaged_weights_are_made_again_byte_for_byte(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("safetensors")
    from sinet.export.yunet import convert

    convert(shared / "weights" / "detectors" / "yunet_n_dynamic.onnx", tmp_path / "made.safetensors")
    assert (tmp_path / "made.safetensors").read_bytes() == (MODELS_DIR / "yunet.safetensors").read_bytes()


def test_the_parameters_are_as_many_as_the_card_says(network: YuNet) -> None:
    count = sum(tensor.size for tensor in network._weights.values())
    assert f"{count:,}" in (MODELS_DIR / "yunet.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [1, 63, 64, 65, 1000, 4096])
def test_a_product_in_parts_is_the_product(columns: int) -> None:
    rng = np.random.default_rng(columns)
    weight, x, bias = (rng.normal(size=shape).astype(np.float32) for shape in ((64, 64), (64, columns), (64,)))
    slow = np.einsum("mk,kn->mn", weight.astype(np.float64), x) + bias[:, None]
    np.testing.assert_allclose(_product(weight, x, bias), slow, atol=1e-4)


def test_the_depthwise_convolution_is_its_definition() -> None:
    rng = np.random.default_rng(0)
    padded, weight, bias = (rng.normal(size=shape).astype(np.float32) for shape in ((5, 7, 9), (5, 9), (5,)))
    slow = np.zeros((5, 5, 7))
    for c, y, x in np.ndindex(slow.shape):
        slow[c, y, x] = bias[c] + sum(
            weight[c, 3 * i + j] * padded[c, y + i, x + j] for i in range(3) for j in range(3)
        )
    np.testing.assert_allclose(_depthwise(padded, weight, bias), slow, atol=1e-5)


def test_candidates_come_strongest_first_and_none_below_the_score(network: YuNet, portrait: Rgb8) -> None:
    found = network.find(portrait, 0.5)
    assert len(found.scores) > 1
    assert np.all(np.diff(found.scores) <= 0) and found.scores[-1] >= 0.5
    assert len(network.find(portrait, 0.999).scores) == 0
    x0, y0, x1, y1 = found.boxes[0]
    assert 170 < x0 < 190 and 45 < y0 < 75 and 258 < x1 < 278 and 168 < y1 < 190
    assert np.all((found.landmarks[0] > (x0, y0)) & (found.landmarks[0] < (x1, y1)))


@pytest.mark.parametrize("shape", [(31, 32, 3), (32, 48, 3), (64, 64), (64, 64, 4), (0, 32, 3)])
def test_a_picture_of_another_shape_is_refused(network: YuNet, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="multiples of 32"):
        network.run(np.zeros(shape, np.uint8))


def test_strides_halve_down_to_the_multiple(network: YuNet) -> None:
    maps = network.run(np.zeros((64, 96, 3), np.uint8))
    assert {stride: part.shape for stride, part in maps.items()} == {s: (16, 64 // s, 96 // s) for s in STRIDES}


def test_a_damaged_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray((MODELS_DIR / "yunet.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "yunet.safetensors").write_bytes(content)
    monkeypatch.setattr("sinet.runtime.yunet.MODELS_DIR", tmp_path)
    with pytest.raises(ModelError, match=r"not the file that was packaged .* reinstall"):
        YuNet()
    (tmp_path / "yunet.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        YuNet()


@pytest.mark.parametrize("content", [b"", b"x" * 100, (20).to_bytes(8, "little") + b'{"__metadata__": {}}'])
def test_a_file_of_another_kind_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"no weights of YuNet.*sinet.export.yunet"):
        YuNet(tmp_path / "a.safetensors")
