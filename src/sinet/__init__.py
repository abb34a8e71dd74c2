"""Cut a person out of any photo, offline, with a network of 86.9 K parameters that is inside the package.

    segmenter = sinet.Segmenter()
    alpha = segmenter.alpha("photo.jpg")  # float32 (H, W) in [0, 1]
    result = sinet.cut(sinet.load_image("photo.jpg"), segmenter)
    sinet.save_image(result.pixels, "cutout.png", icc_profile=result.icc_profile)

Importing this package loads nothing heavy: each name is fetched at its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinet.core.errors import SinetError
    from sinet.core.types import Frame
    from sinet.media.image import load_image
    from sinet.media.sinks import save_image
    from sinet.pipeline.classes import ClassSegmenter
    from sinet.pipeline.cut import Cut, CutOptions, cut
    from sinet.pipeline.segmenter import Segmenter
    from sinet.pipeline.stream import Stream
    from sinet.runtime.catalog import names as models

__version__ = "0.1.0"
__all__ = [
    "ClassSegmenter",
    "Cut",
    "CutOptions",
    "Frame",
    "Segmenter",
    "SinetError",
    "Stream",
    "__version__",
    "cut",
    "load_image",
    "models",
    "save_image",
]

# name -> (module, its name there)
_HOMES = {
    "ClassSegmenter": ("sinet.pipeline.classes", "ClassSegmenter"),
    "Cut": ("sinet.pipeline.cut", "Cut"),
    "CutOptions": ("sinet.pipeline.cut", "CutOptions"),
    "Frame": ("sinet.core.types", "Frame"),
    "Segmenter": ("sinet.pipeline.segmenter", "Segmenter"),
    "SinetError": ("sinet.core.errors", "SinetError"),
    "Stream": ("sinet.pipeline.stream", "Stream"),
    "cut": ("sinet.pipeline.cut", "cut"),
    "load_image": ("sinet.media.image", "load_image"),
    "models": ("sinet.runtime.catalog", "names"),
    "save_image": ("sinet.media.sinks", "save_image"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'sinet' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
