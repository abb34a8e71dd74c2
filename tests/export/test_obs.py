"""The drop-in for OBS's plugin has the form that the plugin wants and, fed as it feeds, answers like sinet."""

import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx", reason="the extra export is not installed")
pytest.importorskip("onnxslim", reason="the extra export is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

from sinet.core.errors import ModelError, OutputError  # noqa: E402
from sinet.core.resample import resize_rgb  # noqa: E402
from sinet.core.spec import PreprocessSpec  # noqa: E402
from sinet.core.types import Rgb8  # noqa: E402
from sinet.export import obs  # noqa: E402
from sinet.export.obs import FED, READ, export_obs, recoded  # noqa: E402
from sinet.media.image import load_image  # noqa: E402
from sinet.pipeline.segmenter import Segmenter  # noqa: E402
from sinet.runtime.catalog import MODELS_DIR, embedded_spec  # noqa: E402
from sinet.runtime.onnx import import_runtime  # noqa: E402

pytestmark = pytest.mark.torch

# src/models/ModelSINET.hpp of the plugin, as published: applied to red, green, blue in this order.
MEAN, STD = (102.890434, 111.25247, 126.91212), (62.93292, 62.82138, 66.355705)

# data/models/required_operators_and_types.with_runtime_opt.config of the plugin 1.4: what its engine has, in part.
HAS = {
    6: {"HardSigmoid", "LeakyRelu", "Relu", "Sigmoid", "Tanh"},
    7: {"Add", "Div", "Mul", "Sub"},
    8: {"Max", "Min"},
    9: {"MatMul", "PRelu"},
    11: {"AveragePool", "Concat", "Conv", "MaxPool", "ReduceMean", "Resize", "Slice", "Softmax"},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The drop-in of the packaged default as older and as newer versions of the plugin read it."""
    folder = tmp_path_factory.mktemp("obs")
    names = ("SINet_Softmax_simple.onnx", "SINet_Softmax_simple.with_runtime_opt.ort")
    made = tuple(export_obs("portrait-13", folder / name) for name in names)
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)
    return made[0], made[1]


@pytest.fixture(params=[0, 1], ids=["onnx", "ort"])
def session(request: pytest.FixtureRequest, files: tuple[Path, Path]):
    """One of them as the plugin opens it: every optimisation on, one thread."""
    ort = import_runtime("the test")
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(str(files[request.param]), options, providers=["CPUExecutionProvider"])


def fed(small: Rgb8) -> np.ndarray:
    """What the plugin makes of a frame of 320x320, in its own arithmetic."""
    made = (small.astype(np.float32) - np.array(MEAN, np.float32)) / (np.array(STD) * 255).astype(np.float32)
    return np.ascontiguousarray(made.transpose(2, 0, 1))[None]


def shrunk(rgb: Rgb8) -> Rgb8:
    """OpenCV's bilinear resize as the plugin calls it: four neighbours, however much it shrinks."""
    places = []
    for side in rgb.shape[:2]:
        at = np.clip((np.arange(320) + 0.5) * (side / 320) - 0.5, 0, side - 1)
        low = np.minimum(at.astype(int), max(side - 2, 0))
        places.append((low, np.minimum(low + 1, side - 1), at - low))
    (top, bottom, down), (left, right, over) = places
    down, over = down[:, None, None], over[None, :, None]
    rows = rgb[top] * (1 - down) + rgb[bottom] * down
    return np.floor(rows[:, left] * (1 - over) + rows[:, right] * over + 0.5).astype(np.uint8)


def answer(session, x: np.ndarray) -> np.ndarray:
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def test_it_has_the_form_of_the_file_it_replaces(session) -> None:
    (given,), (taken,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("data", "tensor(float)", [1, 3, 320, 320])
    assert (taken.name, taken.type, taken.shape) == ("Softmax/1", "tensor(float)", [1, 2, 320, 320])


def test_its_two_planes_are_probabilities(session, portrait_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal((1, 3, 320, 320), np.float32) / 255
    for x in (fed(resize_rgb(load_image(portrait_path).rgb, FED.size)), noise, 1000 * noise):
        planes = answer(session, x)
        assert planes.min() >= 0 and planes.max() <= 1
        np.testing.assert_allclose(planes.sum(1), 1, atol=1e-6)


def test_the_second_plane_is_the_person(session, portrait_path: Path) -> None:
    background, person = answer(session, fed(resize_rgb(load_image(portrait_path).rgb, FED.size)))[0]
    assert person[150, 160] > 0.99 and person[40, 300] < 0.01
    assert background[150, 160] < 0.01 and background[40, 300] > 0.99


def test_real_pictures_have_the_masks_that_sinet_gives_them(session, shared: Path) -> None:
    segmenter = Segmenter("portrait-13")
    for path in sorted((shared / "data" / "eg1800" / "images").iterdir())[:400:40]:
        rgb = load_image(path).rgb
        person = answer(session, fed(resize_rgb(rgb, FED.size)))[0, 1]
        assert np.abs(person - segmenter.coarse(rgb)).max() < 1e-4, path.name


def test_the_plugins_own_resize_changes_little(session, shared: Path) -> None:
    segmenter = Segmenter("portrait-13")
    for path in sorted((shared / "data" / "eg1800" / "images").iterdir())[:400:80]:
        rgb = load_image(path).rgb
        difference = np.abs(answer(session, fed(shrunk(rgb)))[0, 1] - segmenter.coarse(rgb))
        assert difference.mean() < 0.01 and (difference > 0.5).mean() < 0.001, path.name


def test_the_resize_is_opencvs() -> None:
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(0)
    for size in ((720, 1280), (321, 100), (320, 320), (37, 640)):
        rgb = rng.integers(0, 256, (*size, 3), np.uint8)
        assert np.abs(shrunk(rgb).astype(int) - cv2.resize(rgb, (320, 320))).max() <= 1


def test_the_plugins_numbers_are_those_of_its_source() -> None:
    assert FED.mean == MEAN and FED.colour_order == "rgb"
    np.testing.assert_allclose(FED.std, np.array(STD) * 255, rtol=1e-9)


def test_the_onnx_file_is_one_that_old_engines_and_sinet_read(files: tuple[Path, Path], portrait_path: Path) -> None:
    model = onnx.load(files[0])
    assert model.ir_version <= 6 and [(o.domain, o.version) for o in model.opset_import] == [("", 11)]
    spec = embedded_spec(files[0])
    assert (spec.preprocess, spec.output, spec.network) == (FED, READ, None)
    rgb = load_image(portrait_path).rgb
    assert np.abs(Segmenter(files[0]).coarse(rgb) - Segmenter("portrait-13").coarse(rgb)).max() < 1e-4


# ONNX Runtime's own reader of its format leaves the file open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_ort_file_needs_only_the_operators_that_the_plugins_engine_has(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    pytest.importorskip("flatbuffers")
    from onnxruntime.tools.ort_format_model import create_config_from_models

    config = tmp_path / "needed.config"
    create_config_from_models([files[1]], config, True)
    rows = [line.split(";") for line in config.read_text().splitlines() if not line.startswith("#")]
    assert len(rows) >= 4
    for domain, version, operators in rows:
        needed = set(re.sub(r"\{.*?\}\}|\{.*?\]\}", "", operators).replace("}", "").split(","))
        if domain == "com.microsoft":
            assert needed == {"FusedConv"}
        else:
            assert domain == "ai.onnx" and needed <= HAS[int(version)], version


@pytest.mark.parametrize("wanted", [FED, PreprocessSpec((9, 9), "nchw", "bgr", (1.0, 20.0, 300.0), (2.0, 50.0, 0.5))])
def test_any_standardisation_is_reached_from_the_plugins(wanted: PreprocessSpec) -> None:
    codes = np.random.default_rng(0).uniform(0, 255, (3, 5, 4))
    column = (3, 1, 1)
    given = (codes - np.reshape(FED.mean, column)) / np.reshape(FED.std, column)
    ordered = codes[::-1] if wanted.colour_order == "bgr" else codes
    expected = (ordered - np.reshape(wanted.mean, column)) / np.reshape(wanted.std, column)
    with torch.no_grad():
        made = recoded(FED, wanted)(torch.from_numpy(given[None]).float())[0].numpy()
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_the_command_writes_the_default_under_the_plugins_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, Path]] = []
    monkeypatch.setattr(obs, "export_obs", lambda *given: asked.append(given))
    obs.main([])
    obs.main(["portrait-wide", "-o", str(tmp_path / "x.ort")])
    assert asked == [
        (obs.catalog().default, Path("SINet_Softmax_simple.onnx")),
        ("portrait-wide", tmp_path / "x.ort"),
    ]


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path, root: Path) -> None:
    with pytest.raises(
        OutputError, match=r"reads \.onnx or, since 2026, \.ort; give the suffix of the file to replace"
    ):
        export_obs("portrait-13", tmp_path / "net.tflite")
    with pytest.raises(ModelError, match="not the artefact of a SINet"):
        export_obs(MODELS_DIR / "portrait-13.onnx", tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="needs a spec in its header"):
        export_obs(root / "weights" / "portrait-13.safetensors", tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="neither a packaged model"):
        export_obs("portrait-0", tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []
