import json
import shutil

import pytest

from sinet.core.errors import ModelError, SpecError
from sinet.core.spec import spec_to_json
from sinet.runtime import catalog as catalog_module
from sinet.runtime.catalog import (
    artefact_spec,
    catalog,
    class_names,
    find_model,
    model_path,
    names,
    packaged_spec,
    verified,
)


def test_the_default_comes_first_and_every_row_has_its_files() -> None:
    assert names()[0] == catalog().default == "portrait-13"
    assert set(names()) == {"portrait-13", "portrait-official", "portrait-wide"}
    assert class_names() == ["cityscapes"]
    assert set(catalog().models) == {*names(), *class_names()}
    for name, row in catalog().models.items():
        assert set(row.sha256) == {".safetensors", ".onnx"}
        for suffix in row.sha256:
            assert verified(name, suffix).is_file()
        assert model_path(name, ".md").is_file(), "no model card"
        assert packaged_spec(name).name == name


def test_an_artefact_fits_in_360_kilobytes() -> None:
    for name in names():
        assert model_path(name, ".safetensors").stat().st_size < 360_000


@pytest.mark.parametrize(("suffix", "engine"), [(".safetensors", "auto"), (".onnx", "onnx")])
def test_a_damaged_file_is_said(suffix: str, engine: str, tmp_path, monkeypatch) -> None:
    shutil.copytree(catalog_module.MODELS_DIR, tmp_path / "models")
    monkeypatch.setattr(catalog_module, "MODELS_DIR", tmp_path / "models")
    path = tmp_path / "models" / f"portrait-wide{suffix}"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"not the file that was packaged .* reinstall"):
        find_model("portrait-wide", engine=engine)
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        find_model("portrait-wide", engine=engine)


@pytest.mark.parametrize(
    ("engine", "suffix"),
    [("auto", ".safetensors"), ("native", ".safetensors"), ("onnx", ".onnx"), ("openvino", ".onnx")],
)
def test_each_engine_gets_the_file_that_it_runs(engine: str, suffix: str) -> None:
    assert find_model("portrait-wide", engine=engine).path == model_path("portrait-wide", suffix)


def test_an_engine_for_which_nothing_is_packaged_is_said() -> None:
    with pytest.raises(ModelError, match="not packaged for the litert engine; leave the engine out"):
        find_model("portrait-wide", engine="litert")


def test_what_is_neither_a_name_nor_a_file(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"portrait-narrow: neither a packaged model \(portrait-13"):
        find_model("portrait-narrow")
    with pytest.raises(ModelError, match="neither a packaged model"):
        find_model(tmp_path)


def test_a_packaged_model_takes_no_other_spec(tmp_path) -> None:
    with pytest.raises(ModelError, match="leave out the spec file"):
        find_model("portrait-wide", tmp_path / "spec.json")


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors"])
def test_a_copied_file_carries_its_spec(suffix: str, tmp_path) -> None:
    copied = shutil.copy(model_path("portrait-official", suffix), tmp_path / f"mine{suffix}")
    assert find_model(copied).spec == packaged_spec("portrait-official")


def test_a_network_without_spec_needs_one(tmp_path) -> None:
    path = tmp_path / "network.tflite"
    path.write_bytes(b"x")
    with pytest.raises(ModelError, match=r"carries no spec.*--spec FILE.json"):
        find_model(path)
    spec = tmp_path / "spec.json"
    spec.write_text(spec_to_json(packaged_spec("portrait-wide")))
    assert find_model(path, spec).spec == packaged_spec("portrait-wide")
    with pytest.raises(ModelError, match="spec file cannot be read"):
        find_model(path, tmp_path / "absent.json")
    spec.write_text(json.dumps({"name": "x"}))
    with pytest.raises(SpecError, match="missing field preprocess"):
        find_model(path, spec)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, (8).to_bytes(8, "little") + b'{"a":1} ', b"\x02" + b"\0" * 7])
def test_a_file_that_is_no_artefact_is_one_sentence(tmp_path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not a sinet artefact"):
        artefact_spec(path)
