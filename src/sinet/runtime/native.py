"""The engine of our own behind the `Backend` protocol: runs an artefact as it is."""

from sinet.core.architecture import check_size
from sinet.core.errors import EngineError, ModelError, ShapeError
from sinet.core.types import Logits, NetInput
from sinet.native.network import Network
from sinet.runtime.backend import ModelFile


class NativeBackend:
    """A network of the SINet family, ready to run on the CPU. Any number of threads may run it at once.

    It takes inputs of any size that is a multiple of the network's own (`SINetConfig.size_multiple`), not only the
    spec's.

    Args:
        model: a `.safetensors` artefact and its spec.
        threads: how many threads one run may use.

    Attributes:
        name: the engine and the instruction set that it runs on.
        spec: what the network expects and how to read its answer.
        free: that it takes other sizes.

    Raises:
        EngineError: the engine's library is missing or cannot be loaded.
        ModelError: the file is no such artefact, or its spec does not fit it.
    """

    free = True

    def __init__(self, model: ModelFile, threads: int = 1, isa: int | None = None) -> None:
        try:
            self.network = Network(model.path.read_bytes(), threads=threads, isa=isa)
        except OSError as error:
            raise ModelError(f"{model.path}: cannot be read ({error.strerror}); check the path") from error
        except EngineError as error:
            if error.code == 0:
                raise
            raise ModelError(
                f"{model.path}: not an artefact that the engine can run ({error}); make it with sinet.export"
            ) from error
        self.name = f"native {self.network.isa}"
        self.spec = model.spec
        _check_spec(self.network, model)

    def run(self, x: NetInput) -> Logits:
        """Run the network once on one standardised input, (1, 3, h, w) float32.

        Raises:
            ShapeError: an input of another shape, dtype or of a size that does not fit.
        """
        return self.network.run(x)


def _check_spec(network: Network, model: ModelFile) -> None:
    before, after = model.spec.preprocess, model.spec.output
    if (before.layout, after.layout) != ("nchw", "nchw"):
        raise ModelError(
            f"{model.path}: the engine takes and gives nchw, its spec says {before.layout} and {after.layout}; "
            "correct layout in the spec"
        )
    if after.classes and after.maps != network.outputs:
        raise ModelError(
            f"{model.path}: the network answers with {network.outputs} maps, but its spec names {len(after.classes)} "
            "classes; correct output in the spec"
        )
    if not (-1 if after.classes else 0) <= after.person_channel < network.outputs:
        raise ModelError(
            f"{model.path}: the network answers with {network.outputs} maps, but its spec names channel "
            f"{after.person_channel} as the person; correct output in the spec"
        )
    try:
        check_size(before.size, network.multiple)
    except ShapeError as error:
        raise ModelError(f"{model.path}: {error}, in preprocess.size of its spec") from error
