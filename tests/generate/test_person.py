"""What of a label with ignored pixels can be cut out."""

from pathlib import Path

import numpy as np
import pytest

from sinet.core.metrics import dilate
from sinet.data.labelled import Item
from sinet.generate.person import LeftOutError, load_person
from sinet.media.sinks import save_image


def test_where_teachers_disagreed_the_alpha_decides(tmp_path: Path) -> None:
    mask = np.zeros((90, 90), np.bool_)
    mask[20:, 25:65] = True
    rim = dilate(mask, 7) & dilate(~mask, 7)
    label = np.where(rim, 128, np.where(mask, 255, 0)).astype(np.uint8)
    save_image(np.random.default_rng(1).integers(60, 200, (90, 90, 3), dtype=np.uint8), tmp_path / "ann.png")
    save_image(label, tmp_path / "mask.png")
    save_image(np.where(mask, 255, 0).astype(np.uint8), tmp_path / "alpha.png")
    item = Item("ann", tmp_path / "ann.png", tmp_path / "mask.png")
    with pytest.raises(LeftOutError, match="ignored"):
        load_person(item)
    person = load_person(item, tmp_path / "alpha.png")
    # What touches the picture's lower border loses its last rows.
    assert np.count_nonzero(person.alpha > 0.5) == pytest.approx(np.count_nonzero(mask), rel=0.05)
