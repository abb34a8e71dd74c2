"""One order -> its files, whole, with the spec inside or beside."""

from importlib import import_module
from pathlib import Path

import torch

from sinet.core.errors import OutputError
from sinet.core.spec import ModelSpec, spec_to_json
from sinet.export.artefact import load_artefact
from sinet.export.calibration import inputs_of
from sinet.export.equalised import equalised
from sinet.export.targets import TARGETS, Order, check_order
from sinet.export.whole import whole_files
from sinet.runtime.backend import ModelFile
from sinet.runtime.catalog import spec_beside


def export(model: ModelFile, order: Order, path: Path) -> ModelSpec:
    """Write a network in the form of another engine.

    Args:
        model: an artefact, from `sinet.runtime.catalog.find_model`.
        order: what is wanted.
        path: the file to write, ending as the target's files end; what stands there is replaced. Nothing stands there
            until all that belongs to it is whole.

    Returns:
        The spec of what was written: how to feed it and read its answer.

    Raises:
        ModelError: the target has no such form, or the model cannot be exported.
        MissingExtraError: the target's libraries are not installed.
        OutputError: the file cannot be written, or has another suffix than the target's.
    """
    check_order(order)
    suffixes = TARGETS[order.target].suffixes
    if path.suffix not in suffixes:
        raise OutputError(f"{path}: a file for {order.target} ends in {' or '.join(suffixes)}; give it that name")
    network = load_artefact(model)
    if order.precision == "int8" and network.config.portrait_form:
        network = equalised(network, (torch.from_numpy(x) for x in inputs_of(order.pictures, model.spec)))
    writer = import_module(f"sinet.export.{TARGETS[order.target].module}")
    with whole_files(path) as folder:
        spec: ModelSpec = writer.write(order, network, model.spec, folder / path.name)
        if not TARGETS[order.target].spec_inside:
            spec_beside(folder / path.name).write_text(spec_to_json(spec) + "\n", "utf-8")
    return spec
