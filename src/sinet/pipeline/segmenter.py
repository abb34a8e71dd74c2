"""One picture in, one alpha out. Stateless: two threads may share a segmenter, two pictures never know each other."""

from pathlib import Path

import numpy as np

from sinet.core.errors import ModelError
from sinet.core.postprocess import person_probability
from sinet.core.spec import ModelSpec
from sinet.core.types import Alpha, Frame, Rgb8
from sinet.media.image import ImageSource, as_frame
from sinet.native.blend import on_paper
from sinet.native.resize import preprocess, resize_map
from sinet.pipeline.refine import refine as refine_edges
from sinet.runtime.catalog import catalog, find_model
from sinet.runtime.engines import open_backend

CORE_PROBABILITY, CORE_AREA = 0.9, 0.003
"""Somebody is there if the network is this sure on this share of the picture (docs/explanation/limits.md)."""


class Segmenter:
    """A network, ready to find the person in pictures.

    Args:
        model: a packaged model's name, or the path of a network; None is the catalogue's default.
        spec: a JSON file with the spec, for a network that carries none.
        engine: which engine runs it; "auto" chooses by the file.
        threads: how many threads one run may use.

    Raises:
        ModelError: no such model, or it cannot be run.
        SpecError: the spec is not what it must be.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        spec: str | Path | None = None,
        engine: str = "auto",
        threads: int = 1,
    ) -> None:
        if threads < 1:
            raise ModelError(f"a network runs on 1 thread or more, not {threads}")
        found = find_model(catalog().default if model is None else model, spec, engine)
        self.backend = open_backend(found, engine, threads)

    @property
    def spec(self) -> ModelSpec:
        """What the network expects and how its answer is read."""
        return self.backend.spec

    def coarse(self, rgb: Rgb8) -> Alpha:
        """The network's own mask of the whole picture, at the network's size.

        Args:
            rgb: (H, W, 3) uint8.

        Returns:
            (h, w) float32 in [0, 1].
        """
        x, _ = preprocess(rgb, self.spec.preprocess)
        return person_probability(self.backend.run(x), self.spec.output)

    def probability(self, rgb: Rgb8) -> Alpha:
        """The network's own mask brought bilinearly to the picture's size, (H, W) float32 in [0, 1]."""
        return resize_map(self.coarse(rgb), (rgb.shape[0], rgb.shape[1]))

    def alpha(self, picture: ImageSource | Frame, *, refine: bool = True) -> Alpha:
        """How opaque the person is at every pixel.

        Args:
            picture: a path, bytes, binary file, PIL image, NumPy array or `Frame`.
            refine: put the edges where the picture's edges are; otherwise enlarge the network's mask bilinearly.

        Returns:
            (H, W) float32 in [0, 1] at the picture's own upright size, never stretched to fill the range: all 0 where
            nobody is found. Transparent parts of the picture stay transparent.

        Raises:
            ImageError: the picture cannot be read.
        """
        frame = as_frame(picture)
        seen = on_paper(frame)
        coarse = self.coarse(seen)
        if not holds_person(coarse):
            return np.zeros(frame.size, np.float32)
        alpha = refine_edges(coarse, seen) if refine else resize_map(coarse, frame.size)
        if frame.alpha is not None:
            alpha *= frame.alpha / np.float32(255)
        return alpha


def holds_person(coarse: Alpha) -> bool:
    """Whether a network's mask is sure enough, on enough of the picture, that somebody is there at all."""
    return float((coarse > CORE_PROBABILITY).mean()) >= CORE_AREA
