"""MediaPipe Tasks' ImageSegmenter behind the `Backend` protocol: the extra `export-mediapipe`, to check its files."""

import threading
import weakref
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

from sinet.core.errors import MissingExtraError, ModelError
from sinet.core.types import Logits, NetInput
from sinet.runtime.backend import ModelFile


class MediaPipeBackend:
    """A network with the metadata that MediaPipe wants, run as MediaPipe runs it.

    Args:
        model: the file; its spec must be of codes, (1, h, w, 3), red first, that are only divided by a number.
        threads: one; MediaPipe offers no choice.

    Attributes:
        name: the engine and its version.
        spec: what the network expects and how to read its answer.
        free: that it takes no other size.

    Raises:
        MissingExtraError: MediaPipe is not installed.
        ModelError: MediaPipe refuses the file, or it is not fed with codes.
    """

    free = False

    def __init__(self, model: ModelFile, threads: int = 1) -> None:
        fed = model.spec.preprocess
        if (fed.layout, fed.colour_order, set(fed.mean)) != ("nhwc", "rgb", {0}):
            raise ModelError(f"{model.path}: MediaPipe feeds pictures, and this takes others; use the litert engine")
        try:
            self._mediapipe = import_module("mediapipe")
            vision = import_module("mediapipe.tasks.python.vision")
            base = import_module("mediapipe.tasks.python").BaseOptions
        except ImportError as error:
            raise MissingExtraError(f"running {model.path.name} in MediaPipe", "export-mediapipe") from error
        self.name, self.spec = f"mediapipe {version('mediapipe')}", model.spec
        options = vision.ImageSegmenterOptions(
            base_options=base(model_asset_path=str(model.path)), output_confidence_masks=True
        )
        try:
            self._segmenter: Any = vision.ImageSegmenter.create_from_options(options)
        except (RuntimeError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"{model.path}: MediaPipe refuses it ({reason}); export it for mediapipe") from error
        weakref.finalize(self, _close, self._segmenter)
        self._turn = threading.Lock()

    def run(self, x: NetInput) -> Logits:
        """Give MediaPipe the picture that the input was made of; its confidence mask, (1, h, w, 1) float32."""
        codes = np.rint(x[0] * np.float32(self.spec.preprocess.std[0])).astype(np.uint8)
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(codes))
        with self._turn:
            masks = self._segmenter.segment(image).confidence_masks
        answer = np.array(masks[0].numpy_view(), np.float32)
        return answer.reshape(1, *answer.shape[:2], 1)


def _close(segmenter: Any) -> None:
    try:
        segmenter.close()
    except RuntimeError:  # the interpreter is leaving, and has stopped the thread that would close it
        segmenter._handle = None
