"""The networks by name: what builds each, and the numbers it is built from.

A recipe's `network` names one: for a person and the background, or, where it can be built for any number of them, for
the classes that the recipe names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor, nn

from sinet.core.architecture import CITYSCAPES, PORTRAIT, SINetConfig, with_classes
from sinet.core.errors import ModelError
from sinet.nets import extremec3, fastscnn, lraspp, unet
from sinet.nets.published import extremec3_of_two, rename, rename_street
from sinet.nets.sinet import SINet


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        title: what messages call it.
        build: makes it, with weights drawn from torch's generator; it takes (n, 3, h, w) and answers with logits
            (n, classes, h / output_stride, w / output_stride).
        size_multiple: both sides of its input must be multiples of this.
        config: the row that the artefact's spec carries, or None where the rewrite does not know the network; a run of
            it leaves an ONNX file instead of an artefact.
        rename: the authors' state dict under our names, or None where nobody published weights.
        classes: how many it tells apart; with 2 they are background and person.
        output_stride: input size / size of its answer.
        of_classes: the builder for any number of classes, or None where it is known for its own alone.
        coarse: whether it has a second, coarser answer, `with_coarse`, for a recipe's `loss.auxiliary`.
    """

    title: str
    build: Callable[[], nn.Module]
    size_multiple: int
    config: SINetConfig | None = None
    rename: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] | None = None
    classes: int = 2
    output_stride: int = 1
    of_classes: Callable[[int], nn.Module] | None = None
    coarse: bool = False


def _family(config: SINetConfig) -> Callable[[int], nn.Module]:
    return lambda classes: SINet(with_classes(config, classes))


NETWORKS = {
    "portrait": Network(
        "the portrait SINet", SINet, PORTRAIT.size_multiple, PORTRAIT, rename, of_classes=_family(PORTRAIT), coarse=True
    ),
    # Variants of it, one difference each, for comparison.
    "portrait-plain": Network("the SINet without a gate", partial(SINet, skip="plain"), PORTRAIT.size_multiple),
    "portrait-learned": Network(
        "the SINet with a learned gate", partial(SINet, skip="learned"), PORTRAIT.size_multiple
    ),
    "portrait-dilation": Network(
        "the SINet with dilated kernels", partial(SINet, squeezing="dilation"), PORTRAIT.size_multiple
    ),
    # Streets: the same blocks by another row.
    "cityscapes": Network(
        "the street SINet",
        partial(SINet, CITYSCAPES),
        CITYSCAPES.size_multiple,
        CITYSCAPES,
        rename_street,
        classes=CITYSCAPES.classes,
        output_stride=CITYSCAPES.output_stride,
        of_classes=_family(CITYSCAPES),
        coarse=True,
    ),
    # Other architectures, for comparison.
    "extremec3": Network("ExtremeC3Net", extremec3.ExtremeC3, extremec3.SIZE_MULTIPLE, rename=extremec3_of_two),
    "lraspp": Network("MobileNetV3-small with LR-ASPP", lraspp.LrAspp, lraspp.SIZE_MULTIPLE),
    "unet": Network("the small U-Net", unet.UNet, unet.SIZE_MULTIPLE),
    "fastscnn": Network(
        "Fast-SCNN",
        partial(fastscnn.FastSCNN, 19),
        fastscnn.SIZE_MULTIPLE,
        classes=19,
        of_classes=fastscnn.FastSCNN,
        coarse=True,
    ),
}


def find_network(name: str, classes: int | None = None) -> Network:
    """The network of that name.

    Args:
        name: see `NETWORKS`.
        classes: how many it is to tell apart; its own number without.

    Raises:
        ModelError: there is none, and the message names those that there are; or it is not known for so many classes.
    """
    try:
        network = NETWORKS[name]
    except KeyError:
        raise ModelError(f"network: expected one of {', '.join(NETWORKS)}, got {name!r}") from None
    if classes in (None, network.classes):
        return network
    if network.of_classes is None:
        others = ", ".join(other for other, row in NETWORKS.items() if row.of_classes is not None)
        raise ModelError(
            f"network: {name} tells {network.classes} classes apart and {classes} are wanted; these can be built for "
            f"any number: {others}"
        )
    config = None if network.config is None else with_classes(network.config, classes)
    build = partial(network.of_classes, classes)
    return replace(network, build=build, config=config, rename=None, classes=classes)
