import dataclasses
import json

import pytest

from sinet.core.architecture import PORTRAIT
from sinet.core.errors import SpecError
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec, spec_from_json, spec_to_json

SPEC = ModelSpec(
    name="tiny",
    preprocess=PreprocessSpec((32, 64), "nchw", "bgr", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
    output=OutputSpec("nchw", "sigmoid", 0),
    licence="MIT",
    origin="made in a test",
    network=PORTRAIT,
)


@pytest.mark.parametrize("spec", [SPEC, dataclasses.replace(SPEC, network=None)])
def test_json_there_and_back(spec: ModelSpec) -> None:
    assert spec_from_json(spec_to_json(spec), "here") == spec


def test_a_spec_of_floats_is_written_as_it_always_was() -> None:
    assert "dtype" not in spec_to_json(SPEC)
    codes = dataclasses.replace(SPEC.preprocess, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), dtype="uint8")
    spec = dataclasses.replace(SPEC, preprocess=codes)
    assert spec_from_json(spec_to_json(spec), "here") == spec


def test_the_shape_of_the_input() -> None:
    assert SPEC.preprocess.shape == (1, 3, 32, 64)
    assert dataclasses.replace(SPEC.preprocess, layout="nhwc").shape == (1, 32, 64, 3)


def test_a_spec_is_one_line_of_plain_json() -> None:
    text = spec_to_json(SPEC)
    assert "\n" not in text
    assert json.loads(text)["preprocess"]["colour_order"] == "bgr"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d["preprocess"].update(std=[1, 0, 1]), "std: expected positive values"),
        (
            lambda d: d["preprocess"].update(dtype="uint8"),
            r"dtype: uint8 takes the code values .* got \(1",
        ),
        (lambda d: d["preprocess"].update(size=[0, 32]), "size: expected two positive sides, got 0x32"),
        (lambda d: d["preprocess"].update(colour_order="rbg"), "colour_order: expected one of 'rgb', 'bgr'"),
        (lambda d: d.update(threshold=0.5), "here: unknown field threshold"),
        (lambda d: d.pop("licence"), "here: missing field licence"),
    ],
)
def test_mistakes_are_sentences(edit, message: str) -> None:
    plain = json.loads(spec_to_json(SPEC))
    edit(plain)
    with pytest.raises(SpecError, match=message):
        spec_from_json(json.dumps(plain), "here")


def test_what_is_not_json_is_said() -> None:
    with pytest.raises(SpecError, match="here: the spec is not JSON"):
        spec_from_json("{", "here")
