"""The table of targets holds together, and what a target has not is refused in a sentence."""

import tomllib
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import pytest

from sinet.core.errors import ModelError
from sinet.export.targets import INPUTS, PRECISIONS, TARGETS, Order, check_order, file_name
from sinet.runtime.engines import ENGINES

EVERY = [(name, precision, given) for name in TARGETS for precision, given in product(PRECISIONS, INPUTS)]


def test_what_a_target_has_not_has_a_reason() -> None:
    for name, target in TARGETS.items():
        lacking = (set(PRECISIONS) | set(INPUTS)) - set(target.precisions) - set(target.inputs)
        assert set(target.refused) == lacking, name
        assert all(len(reason) > 30 and "use" in reason for reason in target.refused.values()), name


def test_rows_name_what_is_there(root: Path) -> None:
    extras = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for name, target in TARGETS.items():
        assert target.extra in extras, name
        assert find_spec(f"sinet.export.{target.module}") is not None, name
        assert target.unrun if target.engine is None else target.engine in ENGINES, name


@pytest.mark.parametrize(("name", "precision", "given"), EVERY)
def test_an_order_is_taken_or_refused_by_name(name: str, precision, given) -> None:
    order, target = Order(name, precision, given, (Path("photo.jpg"),)), TARGETS[name]
    if precision in target.precisions and given in target.inputs:
        check_order(order)
        return
    with pytest.raises(ModelError) as caught:
        check_order(order)
    lacking = precision if precision not in target.precisions else given
    assert str(caught.value).startswith(f"{name} has no --")
    assert str(caught.value).endswith(target.refused[lacking])


def test_int8_without_pictures_is_refused() -> None:
    with pytest.raises(ModelError, match="got none; give a folder of them: --calibrate FOLDER"):
        check_order(Order("litert", "int8", "tensor"))


def test_an_unknown_target_is_said() -> None:
    with pytest.raises(ModelError, match="nothing is exported to 'tflite'; the targets are native, onnx"):
        check_order(Order("tflite", "float32", "tensor"))


def test_files_of_one_model_never_meet() -> None:
    fitting = [
        Order(name, precision, given)
        for name, precision, given in EVERY
        if precision in TARGETS[name].precisions and given in TARGETS[name].inputs
    ]
    paths = [Path(file_name("net", order)) for order in fitting]
    beside = [
        path.with_suffix(end)
        for path, order in zip(paths, fitting, strict=True)
        for end in TARGETS[order.target].beside
    ]
    assert len({*paths, *beside}) == len(paths) + len(beside)
    assert all(path.suffix in TARGETS[order.target].suffixes for path, order in zip(paths, fitting, strict=True))
