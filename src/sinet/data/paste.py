"""A person of one picture over another that shows nobody: a labelled picture at a distance that no source holds."""

import numpy as np
from numpy.random import Generator

from sinet.core.metrics import BACKGROUND, IGNORED, PERSON, Label
from sinet.data.augment import AugmentRow
from sinet.data.pool import Sample
from sinet.native.blend import composite
from sinet.native.resize import resize_map, resize_rgb


def paste_person(person: Sample, scene: Sample, row: AugmentRow, rng: Generator) -> Sample:
    """Cut the person out, shrink, and lay over the scene.

    The mask is drawn in by a pixel before it is softened, so that no rim of the old background comes along. A person
    cut off by the picture's lower border stands on the scene's; one who touches the sides still may stand anywhere.

    Args:
        person: a picture with a label that holds a person.
        scene: a picture without people; its size is what comes out.
        row: how tall the person becomes.
        rng: the only source of chance.

    Returns:
        The new picture and its label. Where no person is labelled, the scene itself.
    """
    rows, columns = np.flatnonzero((person.label == PERSON).any(1)), np.flatnonzero((person.label == PERSON).any(0))
    if rows.size == 0 or (person.label == IGNORED).any():
        return scene
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    height, width = scene.label.shape
    h0, w0 = person.label[box].shape
    scale = min(rng.uniform(row.paste_height[0], row.paste_height[1]) * height / h0, width / w0, 1.0)
    size = max(2, round(h0 * scale)), max(2, round(w0 * scale))
    alpha = resize_map(drawn_in(person.label[box]).astype(np.float32) / np.float32(255), size)
    cut_off = rows[-1] >= person.label.shape[0] - 3
    free_y, free_x = max(0, height - size[0]), max(0, width - size[1])
    y = free_y if cut_off else int(rng.integers(free_y + 1))
    x = int(rng.integers(free_x + 1))
    place = slice(y, y + size[0]), slice(x, x + size[1])
    rgb, label = scene.rgb.copy(), np.full(scene.label.shape, BACKGROUND, np.uint8)
    rgb[place] = composite(resize_rgb(person.rgb[box], size), rgb[place], alpha)
    label[place] = np.where(alpha > 0.5, PERSON, BACKGROUND)
    return Sample(rgb, label)


def drawn_in(label: Label) -> Label:
    """The least of every 3x3 square: the mask drawn in by a pixel; what lies beyond the frame is as the frame."""
    wide = np.pad(label, 1, "edge")
    across = np.minimum(np.minimum(wide[:, :-2], wide[:, 1:-1]), wide[:, 2:])
    return np.minimum(np.minimum(across[:-2], across[1:-1]), across[2:])
