"""Hold a Core ML package against sinet's own engine, on a Mac: `python coreml_check.py NAME.mlpackage PICTURE ...`.

pip install sinet coremltools; sinet export --to coreml makes the package, on any system with sinet[export-coreml].
"""

import sys
import time

import coremltools
import numpy as np
from PIL import Image

from sinet.core.resample import resize_rgb
from sinet.core.spec import spec_from_json
from sinet.media.image import load_image
from sinet.pipeline.segmenter import Segmenter

ALLOWED = 1e-2  # in probability, for halves


def main(package: str, pictures: list[str]) -> int:
    """Print a line for each picture; 1 where one is further off than `ALLOWED`."""
    model = coremltools.models.MLModel(package)
    spec = spec_from_json(model.user_defined_metadata["spec"], package)
    segmenter, worst = Segmenter(spec.name), 0.0
    for picture in pictures:
        rgb = load_image(picture).rgb
        small = Image.fromarray(resize_rgb(rgb, spec.preprocess.size))
        model.predict({"picture": small})
        begun = time.perf_counter()
        answer = np.asarray(model.predict({"picture": small})["person"], np.float32).reshape(spec.preprocess.size)
        took_ms = (time.perf_counter() - begun) * 1e3
        expected = segmenter.coarse(rgb)
        ours, theirs = answer > 0.5, expected > 0.5
        difference = np.abs(answer - expected)
        iou = (ours & theirs).sum() / max((ours | theirs).sum(), 1)
        words = f"max {difference.max():.1e}, mean {difference.mean():.1e}, mask IoU {iou:.5f}"
        print(f"{picture}: {words}, {took_ms:.1f} ms")
        worst = max(worst, float(difference.max()))
    return 0 if worst <= ALLOWED else 1


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
