"""Names -> packaged artefacts. The rows stand in `models/catalog.json`, written by `sinet.export.build`.

An artefact is `NAME.safetensors` with the spec in its header, which the engine of our own runs; `NAME.onnx` is the same
network as ONNX engines take it, with the same spec; `NAME.md` is its model card.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

from sinet.core.errors import ModelError
from sinet.core.records import LEFT_OUT, from_plain
from sinet.core.spec import SPEC_KEY, ModelSpec, spec_from_json
from sinet.runtime.backend import ModelFile
from sinet.runtime.engines import ENGINES

MODELS_DIR = Path(__file__).parent / "models"
MAX_HEADER_BYTES = 1_000_000


@dataclass(frozen=True)
class Row:
    """One packaged model.

    Attributes:
        summary: what it is for, in one line.
        source_sha256: of the checkpoint that the artefact was made from.
        sha256: file suffix -> sha256 of the packaged file.
        classes: whether it tells many classes apart, and not a person from the background.
    """

    summary: str
    source_sha256: str
    sha256: dict[str, str]
    classes: bool = field(default=False, metadata=LEFT_OUT)


@dataclass(frozen=True)
class Catalog:
    """All packaged models and which one is the default."""

    default: str
    models: dict[str, Row]


@cache
def catalog() -> Catalog:
    """The packaged models, read once."""
    path = MODELS_DIR / "catalog.json"
    return from_plain(Catalog, json.loads(path.read_text("utf-8")), path.name)


def names() -> list[str]:
    """The names of the packaged models that find a person, the default first."""
    default = catalog().default
    return [default, *(name for name, row in catalog().models.items() if name != default and not row.classes)]


def class_names() -> list[str]:
    """The names of the packaged models of many classes; the first is used where none is asked for."""
    return [name for name, row in catalog().models.items() if row.classes]


def model_path(name: str, suffix: str) -> Path:
    """Path of a packaged model's file.

    Raises:
        ModelError: no packaged model has this name.
    """
    if name not in catalog().models:
        raise ModelError(
            f"no model is called {name!r}; the packaged ones are {', '.join(catalog().models)}, or give a file"
        )
    return MODELS_DIR / f"{name}{suffix}"


def verified(name: str, suffix: str) -> Path:
    """Path of a packaged model's file, its content checked against the catalogue.

    Raises:
        ModelError: the file is missing or not the one that was packaged.
    """
    path = model_path(name, suffix)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); reinstall sinet") from error
    if digest != catalog().models[name].sha256[suffix]:
        raise ModelError(f"{path}: not the file that was packaged (sha256 {digest[:12]}...); reinstall sinet")
    return path


def artefact_spec(path: Path) -> ModelSpec:
    """Read the spec from an artefact's header, without its weights.

    Raises:
        ModelError: the file cannot be read or is no safetensors file with a spec.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= MAX_HEADER_BYTES:
                raise ValueError(f"header of {length} bytes")
            header = cast("dict[str, dict[str, str]]", json.loads(file.read(length)))
        text = header["__metadata__"][SPEC_KEY]
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a sinet artefact ({error}); it needs a spec in its header") from error
    return spec_from_json(text, str(path))


def packaged_spec(name: str) -> ModelSpec:
    """The spec of a packaged model."""
    return artefact_spec(model_path(name, ".safetensors"))


def find_model(model: str | Path, spec: str | Path | None = None, engine: str = "auto") -> ModelFile:
    """Find the file to run and its spec.

    Args:
        model: a packaged model's name, or the path of a network.
        spec: a JSON file with the spec, for a network that carries none.
        engine: which engine will run it; "auto" is the engine of our own for a packaged model.

    Raises:
        ModelError: neither a packaged name nor a file, or a damaged one.
        SpecError: the spec is not what it must be, or there is none.
    """
    path = Path(model)
    if str(model) in catalog().models:
        if spec is not None:
            raise ModelError(f"{model} is a packaged model and carries its spec; leave out the spec file {spec}")
        suffix = ENGINES[engine if engine in ENGINES else "native"][0][0]
        if suffix not in catalog().models[str(model)].sha256:
            raise ModelError(f"{model} is not packaged for the {engine} engine; leave the engine out")
        return ModelFile(verified(str(model), suffix), packaged_spec(str(model)))
    if not path.is_file():
        raise ModelError(
            f"{model}: neither a packaged model ({', '.join(catalog().models)}) nor a file; check the name or the path"
        )
    return ModelFile(path, embedded_spec(path) if spec is None else _read_spec(Path(spec)))


def _read_spec(path: Path) -> ModelSpec:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: the spec file cannot be read ({error}); check the path") from error
    return spec_from_json(text, str(path))


def spec_beside(path: Path) -> Path:
    """Where the spec of a network lies whose own file can hold none: `net.tflite.spec.json` beside `net.tflite`."""
    return path.with_name(f"{path.name}.spec.json")


def embedded_spec(path: Path) -> ModelSpec:
    """Read the spec that a network's own file carries, or that `sinet export` has written beside it.

    Raises:
        ModelError: the file carries none; the message says how to give one.
    """
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return artefact_spec(path)
    if suffix == ".onnx":
        from sinet.runtime.onnx import read_metadata

        text = read_metadata(path).get(SPEC_KEY)
        if text is not None:
            return spec_from_json(text, str(path))
    if (beside := spec_beside(path)).is_file():
        return _read_spec(beside)
    raise ModelError(
        f"{path}: carries no spec, so its input and output are unknown; "
        f"give one: --spec FILE.json, or for a teacher {path.name}:FILE.json"
    )
