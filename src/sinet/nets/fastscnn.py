"""Fast-SCNN of pytorchcv, for comparison with the street network: ten times its parameters, the same task.

Source: Poudel et al., Fast-SCNN, arXiv:1902.04502, as pytorchcv (MIT) builds it; that library is asked for by who
compares, and is no dependency of any extra.
"""

from importlib import import_module
from typing import Any, cast

from torch import Tensor, nn

from sinet.core.architecture import check_size
from sinet.core.errors import ModelError

SIZE_MULTIPLE = 32


class FastSCNN(nn.Module):
    """Fast-SCNN for any number of classes.

    Args:
        classes: how many.

    Raises:
        ModelError: pytorchcv is not installed.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        try:
            module = import_module("pytorchcv.models.fastscnn")
        except ImportError as error:
            raise ModelError(
                "network: fastscnn is built by pytorchcv, which is not installed; pip install --no-deps pytorchcv"
            ) from error
        build = cast("Any", module).fastscnn_cityscapes
        self.network: nn.Module = build(num_classes=classes, aux=True, in_size=(1024, 2048), fixed_size=False)

    def forward(self, image: Tensor) -> Tensor:
        """(n, 3, h, w) to the logits (n, classes, h, w)."""
        return self.with_coarse(image)[0]

    def with_coarse(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The logits and those of its auxiliary head, both (n, classes, h, w).

        Raises:
            ShapeError: a side is no multiple of 32.
        """
        check_size((int(image.shape[2]), int(image.shape[3])), SIZE_MULTIPLE)
        logits, auxiliary = self.network(image)
        return logits, auxiliary
