"""What stands in the package is what the checkpoints in `weights/` give."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from safetensors.numpy import load_file  # noqa: E402

from sinet.core.errors import OutputError  # noqa: E402
from sinet.core.preprocess import preprocess  # noqa: E402
from sinet.export.artefact import save_artefact  # noqa: E402
from sinet.export.build import PORTRAITS, SOURCES, build, packaged  # noqa: E402
from sinet.export.deploy import deploy  # noqa: E402
from sinet.export.onnx import export_onnx  # noqa: E402
from sinet.media.image import load_image  # noqa: E402
from sinet.nets.checkpoints import load_network  # noqa: E402
from sinet.runtime.catalog import MODELS_DIR, artefact_spec, catalog, embedded_spec, find_model  # noqa: E402
from sinet.runtime.engines import open_backend  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module", params=SOURCES, ids=lambda source: source.name)
def source(request):
    return request.param


def test_the_artefact_holds_the_deployed_weights(source, root) -> None:
    expected = packaged(source, root / "weights").state_dict()
    stored = load_file(MODELS_DIR / f"{source.name}.safetensors")
    assert set(stored) == set(expected)
    for name, tensor in expected.items():
        np.testing.assert_allclose(stored[name], tensor.numpy(), rtol=1e-6, atol=1e-12, err_msg=name)


def test_weights_are_rounded_to_eight_significant_bits_where_the_source_says_so(source, root) -> None:
    trained = deploy(load_network(root / "weights" / source.checkpoint, source.network)).state_dict()
    stored = load_file(MODELS_DIR / f"{source.name}.safetensors")
    for name, tensor in trained.items():
        np.testing.assert_allclose(stored[name], tensor.numpy(), rtol=2.0**-8 if source.rounded else 1e-6, atol=1e-12)
    short = all(not (weights.view(np.uint32) & 0xFFFF).any() for weights in stored.values())
    assert short == source.rounded


def test_both_files_carry_the_same_spec(source) -> None:
    spec = artefact_spec(MODELS_DIR / f"{source.name}.safetensors")
    assert spec == source.spec
    assert embedded_spec(MODELS_DIR / f"{source.name}.onnx") == source.spec


def test_every_form_of_the_street_network_answers_like_the_trained_one(root, portrait_path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    street = next(source for source in SOURCES if source.classes)
    network = load_network(root / "weights" / street.checkpoint, street.network)
    for size in ((128, 384), (256, 256)):
        x, _ = preprocess(load_image(portrait_path).rgb, replace(street.preprocess, size=size))
        with torch.no_grad():
            expected = network(torch.from_numpy(x)).numpy()
        for engine in ("native", "onnx"):
            answer = open_backend(find_model(street.name, engine=engine), engine).run(x)
            assert np.abs(answer - expected).max() < 1e-4 * np.abs(expected).max(), engine


@pytest.mark.parametrize("source", PORTRAITS, ids=lambda source: source.name)
def test_the_onnx_file_answers_like_the_trained_network(source, root, portrait_path) -> None:
    network, within = load_network(root / "weights" / source.checkpoint), 0.1 if source.rounded else 1e-4
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    backend = open_backend(find_model(source.name, engine="onnx"))
    rng = np.random.default_rng(0)
    for rgb in [load_image(portrait_path).rgb, rng.integers(0, 256, (64, 64, 3), np.uint8)]:
        x, _ = preprocess(rgb, source.spec.preprocess)
        with torch.no_grad():
            expected = network(torch.from_numpy(x)).softmax(1)[0, 1].numpy()
        answer = 1 / (1 + np.exp(-backend.run(x)[0, 0].astype(np.float64)))
        assert np.abs(answer - expected).max() < within
        assert np.abs(answer - expected).mean() < within / 20
        with torch.no_grad():
            rewritten = packaged(source, root / "weights")(torch.from_numpy(x)).sigmoid()[0, 0].numpy()
        assert np.abs(answer - rewritten).max() < 1e-4


@pytest.mark.slow
def test_building_again_gives_the_packaged_files(root, tmp_path) -> None:
    build(root / "weights", tmp_path)
    for name, row in catalog().models.items():
        stored, made = load_file(MODELS_DIR / f"{name}.safetensors"), load_file(tmp_path / f"{name}.safetensors")
        assert all(np.allclose(stored[key], made[key], rtol=1e-6, atol=1e-12) for key in stored)
        assert (tmp_path / "catalog.json").read_text("utf-8").count(row.source_sha256) == 1


def test_a_folder_that_is_not_there_is_one_sentence(root, tmp_path) -> None:
    source = SOURCES[0]
    network = deploy(load_network(root / "weights" / source.checkpoint))
    target = tmp_path / "missing" / "model"
    with pytest.raises(OutputError, match="cannot be written"):
        save_artefact(network, source.spec, target.with_suffix(".safetensors"))
    with pytest.raises(OutputError, match="cannot be written"):
        export_onnx(network, source.spec, target.with_suffix(".onnx"))
