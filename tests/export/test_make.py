"""Every kind of file that can be made here answers like the network, in its own engine."""

from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from sinet.core.architecture import PORTRAIT  # noqa: E402
from sinet.core.errors import MissingExtraError, ModelError, OutputError  # noqa: E402
from sinet.data.labelled import Item  # noqa: E402
from sinet.evaluation.parity import compare  # noqa: E402
from sinet.export import form as forms  # noqa: E402
from sinet.export.artefact import load_artefact, save_artefact  # noqa: E402
from sinet.export.calibration import last_stage  # noqa: E402
from sinet.export.deploy import deploy  # noqa: E402
from sinet.export.form import from_picture, from_tensor  # noqa: E402
from sinet.export.make import export  # noqa: E402
from sinet.export.reference import TorchBackend  # noqa: E402
from sinet.export.targets import TARGETS, Order, file_name  # noqa: E402
from sinet.export.words import feeding, next_step, size_bytes, written  # noqa: E402
from sinet.media.image import load_image  # noqa: E402
from sinet.native.resize import preprocess  # noqa: E402
from sinet.runtime.backend import ModelFile  # noqa: E402
from sinet.runtime.catalog import find_model  # noqa: E402
from sinet.runtime.engines import open_backend  # noqa: E402

# Converters and engines warn of what they import.
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

LIBRARIES = {
    "native": (),
    "onnx": ("onnx", "onnxslim", "onnxruntime"),
    "onnx-web": ("onnx", "onnxslim", "onnxruntime"),
    "onnx-obs": ("onnx", "onnxslim", "onnxruntime"),
    "tensorrt": ("onnx", "onnxslim", "onnxruntime"),
    "openvino": ("onnx", "onnxslim", "openvino"),
    "litert": ("litert_torch", "ai_edge_quantizer", "ai_edge_litert"),
    "mediapipe": ("litert_torch", "ai_edge_quantizer", "mediapipe"),
    "coreml": ("coremltools",),
    "ncnn": ("pnnx", "ncnn"),
    "executorch": ("executorch",),
}
SLOW = {"litert", "mediapipe", "executorch"}
"""Their converters take half a minute and more."""
MOST = {"float32": 1e-3, "float16": 1e-2}


def orders() -> list[object]:
    made = []
    for name, target in TARGETS.items():
        for precision, given in product(target.precisions, target.inputs):
            lacking = [library for library in LIBRARIES[name] if find_spec(library) is None]
            marks = [pytest.mark.skipif(bool(lacking), reason=f"{', '.join(lacking)} not installed")]
            marks += [pytest.mark.slow] * (name in SLOW)
            made.append(pytest.param(name, precision, given, id=f"{name}-{precision}-{given}", marks=marks))
    return made


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, portrait_path: Path) -> tuple[Path, ...]:
    """The portrait, cut narrower, turned over, and darker."""
    folder = tmp_path_factory.mktemp("pictures")
    with Image.open(portrait_path) as image:
        portrait = image.convert("RGB")
    for name, made in {
        "narrow": portrait.crop((100, 0, 350, 500)),
        "mirrored": portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "dark": portrait.point(lambda code: code // 2),
    }.items():
        made.save(folder / f"{name}.png")
    return (portrait_path, *sorted(folder.iterdir()))


@pytest.mark.parametrize(("target", "precision", "given"), orders())
def test_it_answers_like_the_network(target: str, precision, given, tmp_path: Path, pictures) -> None:
    model, order = find_model("portrait-13"), Order(target, precision, given, pictures)
    path = tmp_path / file_name("net", order)
    spec = export(model, order, path)
    assert set(tmp_path.iterdir()) == set(written(order, path))
    assert find_model(path).spec == spec if path.is_file() else True
    assert 100_000 < size_bytes(order, path) < 1_800_000
    engine = TARGETS[target].engine
    if engine is None:
        return
    backend = open_backend(find_model(path), engine)
    reference = {spec.preprocess.size: TorchBackend(model, spec.preprocess.size)}
    found = compare(reference, {"net": backend}, [Item(p.stem, p, None) for p in pictures])["net"]
    assert found.pictures == len(pictures)
    if precision == "int8":
        assert found.mask_iou > 0.985
        assert found.mean_difference < 0.01
    else:
        assert found.max_difference <= MOST[precision]
        assert found.mask_iou > 0.999


def test_a_picture_goes_in_as_it_is(portrait_path: Path) -> None:
    model = find_model("portrait-official")
    network, rgb = load_artefact(model), load_image(portrait_path).rgb
    with torch.no_grad():
        expected = network(torch.from_numpy(preprocess(rgb, model.spec.preprocess)[0])).sigmoid()[0, 0]
        for layout, dtype, unit in (("nhwc", "uint8", 1.0), ("nchw", "float32", 1.0), ("nhwc", "float32", 255.0)):
            form, fed = from_picture(network, model.spec, layout=layout, dtype=dtype, unit=unit)
            x, _ = preprocess(rgb, fed.preprocess)
            assert (x.shape, x.dtype.name) == (fed.preprocess.shape, dtype)
            answer = form(torch.from_numpy(x)).reshape(expected.shape)
            assert (answer - expected).abs().max() < 1e-5
    assert torch.equal(network.stem[0].weight, load_artefact(model).stem[0].weight), "the network itself was changed"


@pytest.mark.parametrize(("given", "name"), [(from_tensor, "stages.1"), (from_picture, "network.stages.1")])
def test_what_int8_rounds_has_most_of_the_weights(given, name: str) -> None:
    model = find_model("portrait-official")
    form, _ = given(load_artefact(model), model.spec)
    assert last_stage(form) == name
    weights, rounded = (sum(p.numel() for p in part.parameters()) for part in (form, form.get_submodule(name)))
    assert rounded / weights > 0.9


def test_shrinking_by_a_power_of_two_rounds_nothing() -> None:
    assert np.log2(forms.SHRUNK) % 1 == 0


@pytest.fixture
def street(tmp_path: Path, random_network) -> ModelFile:
    """An artefact of a network of three classes."""
    config = replace(PORTRAIT, classes=3)
    spec = replace(find_model("portrait-official").spec, network=config)
    path = tmp_path / "street.artefact.safetensors"
    save_artefact(deploy(random_network(0, config)), spec, path)
    return find_model(path)


@pytest.mark.parametrize("target", [name for name in TARGETS if name != "native"])
def test_many_classes_are_refused_in_one_sentence(target: str, street: ModelFile, tmp_path: Path) -> None:
    if any(find_spec(library) is None for library in LIBRARIES[target]):
        pytest.skip("its libraries are not installed")
    order = Order(target, TARGETS[target].precisions[0], TARGETS[target].inputs[0])
    path = tmp_path / "out" / file_name("net", order)
    path.parent.mkdir()
    with pytest.raises(ModelError, match="this one has 3 classes"):
        export(street, order, path)
    assert list(path.parent.iterdir()) == []


def test_the_engine_of_our_own_takes_many_classes(street: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "again.artefact.safetensors"
    export(street, Order("native", "float32", "tensor"), path)
    x = np.random.default_rng(0).standard_normal((1, 3, 32, 64)).astype(np.float32)
    with torch.no_grad():
        expected = load_artefact(street)(torch.from_numpy(x)).numpy()
    difference = np.abs(open_backend(find_model(path)).run(x) - expected)
    assert difference.max() < 1e-4 * np.abs(expected).max()


def test_a_file_by_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a file for litert ends in \.tflite; give it that name"):
        export(find_model("portrait-13"), Order("litert", "float32", "tensor"), tmp_path / "net.onnx")


@pytest.mark.parametrize(("target", "library", "extra"), [
    ("litert", "litert_torch", "export-litert"),
    ("mediapipe", "mediapipe.tasks.metadata.metadata_schema_py_generated", "export-mediapipe"),
    ("openvino", "openvino", "export-openvino"),
    ("coreml", "coremltools", "export-coreml"),
    ("ncnn", "pnnx", "export-ncnn"),
    ("executorch", "executorch.exir", "export-executorch"),
])  # fmt: skip
def test_a_missing_library_is_its_command(target, library, extra, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    order = Order(target, TARGETS[target].precisions[0], TARGETS[target].inputs[0])
    with pytest.raises(MissingExtraError, match=rf"run: pip install 'sinet\[{extra}\]'"):
        export(find_model("portrait-13"), order, tmp_path / file_name("net", order))
    assert list(tmp_path.iterdir()) == []


def test_words_say_how_to_feed_it(tmp_path: Path) -> None:
    model = find_model("portrait-13")
    assert feeding(model.spec) == (
        "takes (1, 3, 320, 320) float32: blue, green, red, (code - (102.89, 111.252, 126.912)) / "
        "(16047.9, 16019.5, 16920.7); answers with the logit of a person, (1, 1, 320, 320); "
        "1 / (1 + exp(-logit)) is its probability"
    )
    _, fed = from_picture(load_artefact(model), model.spec)
    assert feeding(fed) == (
        "takes (1, 320, 320, 3) uint8: red, green, blue, codes 0..255; "
        "answers with the probability of a person, 0..1, in channel 0"
    )
    order = Order("tensorrt", "float16", "tensor")
    assert next_step(order, tmp_path / "net.trt.onnx") == (
        "on the machine with the GPU: trtexec --onnx=net.trt.onnx --saveEngine=net.trt.engine --fp16"
    )
