"""Deployed network -> artefact: a safetensors file with the spec in its header."""

from pathlib import Path

from safetensors.torch import save

from sinet.core.errors import OutputError
from sinet.core.spec import SPEC_KEY, ModelSpec, spec_to_json
from sinet.export.deployed import DeployedSINet


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
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(save(network.state_dict(), metadata={SPEC_KEY: spec_to_json(spec)}))
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose a folder you may write to") from error
