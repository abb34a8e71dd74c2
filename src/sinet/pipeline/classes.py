"""What is where in a picture: the likeliest of many classes for every pixel, and ways to show it.

segmenter = ClassSegmenter("cityscapes")
classes = segmenter.map("street.jpg")  # (H, W) uint8
areas(classes, segmenter.names)  # {"road": 0.31, ...}
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import ModelError
from sinet.core.palette import class_colours
from sinet.core.postprocess import class_map
from sinet.core.spec import ModelSpec, PreprocessSpec
from sinet.core.types import Frame, Logits, Rgb8, Size
from sinet.core.yuv import Yuv420
from sinet.media.image import ImageSource, as_frame
from sinet.native.blend import on_paper
from sinet.native.resize import preprocess, preprocess_yuv, resize_map
from sinet.runtime.catalog import find_model
from sinet.runtime.engines import open_backend

SAME_SHAPE = 1.1
"""A picture whose width over height differs by less than this factor from the spec's is stretched onto its size."""


class ClassSegmenter:
    """A network of many classes, ready for pictures. Stateless: several threads may share it.

    Args:
        model: a packaged model's name, or the path of a network.
        spec: a JSON file with the spec, for a network that carries none.
        engine: which engine runs it; "auto" chooses by the file.
        threads: how many threads one run may use.
        size: (height, width) of the network's input. Without it, a picture of another shape than the spec's is given
            an input of its own shape and about the spec's number of pixels, where the engine takes such.

    Attributes:
        names: of the classes, in the order of their numbers.
        colours: (K, 3) uint8, one for each.
        preprocess: how its input is made.

    Raises:
        ModelError: no such model, it cannot be run, or it tells a person from the background and nothing else.
        SpecError: the spec is not what it must be.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        spec: str | Path | None = None,
        engine: str = "auto",
        threads: int = 1,
        size: Size | None = None,
    ) -> None:
        found = find_model(model, spec, engine)
        if not found.spec.output.classes:
            raise ModelError(
                f"{model}: tells a person from the background, and no other classes; cut the person out with sinet "
                "cut, or name a network of many classes"
            )
        self.backend = open_backend(found, engine, threads)
        self.names = found.spec.output.classes
        self.colours = class_colours(self.names)
        before = found.spec.preprocess
        self._fits = size is None and self.backend.free and found.spec.network is not None
        self.preprocess: PreprocessSpec = before if size is None else replace(before, size=size)

    @property
    def spec(self) -> ModelSpec:
        """What the network expects and how its answer is read."""
        return self.backend.spec

    @property
    def multiple(self) -> int:
        """Both sides of an input must be multiples of this."""
        network = self.spec.network
        return 1 if network is None else network.size_multiple

    def input_size(self, size: Size) -> Size:
        """(height, width) of the input that a whole picture of `size` is stretched onto."""
        usual = self.preprocess.size
        if not self._fits or abs(math.log(size[0] / size[1] * usual[1] / usual[0])) < math.log(SAME_SHAPE):
            return usual
        height = math.sqrt(usual[0] * usual[1] * size[0] / size[1])
        return rounded((height, height * size[1] / size[0]), self.multiple)

    def logits(self, rgb: Rgb8, size: Size | None = None) -> Logits:
        """The network's answer for a whole picture (H, W, 3), stretched onto an input of `size`, or the usual one."""
        size = size or self.input_size((rgb.shape[0], rgb.shape[1]))
        return self.backend.run(preprocess(rgb, replace(self.preprocess, size=size))[0])

    def map(self, picture: ImageSource | Frame) -> NDArray[np.uint8]:
        """The likeliest class of every pixel.

        Args:
            picture: a path, bytes, binary file, PIL image, NumPy array or `Frame`.

        Returns:
            (H, W) uint8, numbers of `names`, at the picture's own upright size.

        Raises:
            ImageError: the picture cannot be read.
        """
        frame = as_frame(picture)
        return class_map(self.logits(on_paper(frame)), self.spec.output, frame.size, resize_map)

    def map_yuv(self, frame: Yuv420) -> NDArray[np.uint8]:
        """The same for a frame of a film."""
        x, _ = preprocess_yuv(frame, replace(self.preprocess, size=self.input_size(frame.size)))
        return class_map(self.backend.run(x), self.spec.output, frame.size, resize_map)


def rounded(size: tuple[float, float], multiple: int) -> Size:
    """The nearest size whose sides are multiples, at least one each."""
    height, width = (max(multiple, round(side / multiple) * multiple) for side in size)
    return height, width
