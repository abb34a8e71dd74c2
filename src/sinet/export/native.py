"""An artefact again: for the engine of our own, from a packaged model or from a trained one."""

from pathlib import Path

from sinet.core.spec import ModelSpec
from sinet.export.artefact import save_artefact
from sinet.export.deployed import DeployedSINet
from sinet.export.targets import Order


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the artefact; of any number of classes."""
    save_artefact(network, spec, path)
    return spec
