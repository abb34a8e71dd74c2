"""The words for arrays. Each alias fixes shape, dtype, range and order; nothing else in the package may differ.

| name | shape | dtype | range |
|---|---|---|---|
| `Rgb8` | (H, W, 3) | uint8 | sRGB-like code values 0..255, red first |
| `Rgba8` | (H, W, 4) | uint8 | straight (not premultiplied) alpha last |
| `Alpha` | (H, W) | float32 | opacity in [0, 1] |
| `Alpha8` | (H, W) | uint8 | opacity in 0..255 |
| `Mask` | (H, W) | bool | an `Alpha` after a named threshold |
| `NetInput` | (1, C, h, w) or (1, h, w, C) | float32, or uint8 where the spec says so | standardised as the spec says |
| `Logits` | (1, K, h, w) or (1, h, w, K) | float32 | unbounded, before softmax or sigmoid |

A size is always (height, width).
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rgb8: TypeAlias = NDArray[np.uint8]
Rgba8: TypeAlias = NDArray[np.uint8]
Alpha: TypeAlias = NDArray[np.float32]
Alpha8: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
NetInput: TypeAlias = NDArray[np.float32] | NDArray[np.uint8]
Logits: TypeAlias = NDArray[np.float32]
Float: TypeAlias = NDArray[np.float32]
AnyArray: TypeAlias = NDArray[Any]
Size: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Frame:
    """One picture as it is looked at: upright, red first, 8 bits a channel.

    Attributes:
        rgb: `Rgb8` (H, W, 3).
        alpha: the source's own opacity `Alpha8` (H, W), or None where it has none.
        icc_profile: the colour profile that `rgb` is in, as stored in the source, or None.
    """

    rgb: Rgb8
    alpha: Alpha8 | None = None
    icc_profile: bytes | None = None

    @property
    def size(self) -> Size:
        """(height, width) in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


@dataclass(frozen=True)
class Geometry:
    """The way back: what `preprocess` did to a frame's coordinates.

    Attributes:
        source_size: (height, width) of the picture that came in.
        input_size: (height, width) of the network's input; the whole picture was stretched onto it.
    """

    source_size: Size
    input_size: Size
