"""Deployed network <-> artefact: a safetensors file with the spec in its header."""

from pathlib import Path

from safetensors.torch import load_file, save

from sinet.core.errors import ModelError, OutputError
from sinet.core.spec import SPEC_KEY, ModelSpec, spec_to_json
from sinet.export.deploy import deploy
from sinet.export.deployed import DeployedSINet
from sinet.nets.sinet import SINet
from sinet.runtime.backend import ModelFile


def save_artefact(network: DeployedSINet, spec: ModelSpec, path: Path) -> None:
    """Write the artefact: the deployed network's parameters under their names, float32, and the spec.

    Args:
        network: from `sinet.export.deploy.deploy`.
        spec: what the running half must know; `spec.network` must be the network's configuration.
        path: the file to write; nothing stands there until it is whole.

    Raises:
        OutputError: the file cannot be written.
    """
    assert spec.network == network.config
    write_whole(save(network.state_dict(), metadata={SPEC_KEY: spec_to_json(spec)}), path)


def load_artefact(model: ModelFile) -> DeployedSINet:
    """Read a network from its artefact, to export it elsewhere.

    Args:
        model: from `sinet.runtime.catalog.find_model`.

    Raises:
        ModelError: no artefact of a SINet, or a damaged one.
    """
    if model.spec.network is None or model.path.suffix != ".safetensors":
        raise ModelError(
            f"{model.path}: not the artefact of a SINet, which alone can be exported again; "
            "give a packaged model's name, or the NAME.artefact.safetensors of `sinet train`"
        )
    network = deploy(SINet(model.spec.network).eval())
    try:
        network.load_state_dict(load_file(model.path), strict=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{model.path}: its weights are not those of its spec ({reason}); make it again") from error
    return network


def write_whole(content: bytes, path: Path) -> None:
    """Write a file; nothing stands there until it is whole.

    Raises:
        OutputError: it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose a folder you may write to") from error
