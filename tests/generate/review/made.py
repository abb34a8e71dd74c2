"""Small sets to look through: each picture is one colour with a disc in it, so that a pixel tells which is shown."""

from pathlib import Path

import numpy as np

from sinet.data.rows import Header, Row, save_set
from sinet.media.sinks import save_image

SIZE = (90, 120)


def colour(index: int) -> tuple[int, int, int]:
    """The colour of a picture: no two of 512 are alike."""
    return (index % 8) * 32 + 8, (index // 8 % 8) * 32 + 8, (index // 64 % 8) * 32 + 8


def save_pictures(folder: Path, index: int, name: str, *, soft: bool = False) -> None:
    """The picture and the label of one row: a disc in the middle of the right half."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    disc = np.hypot(x - 90, y - 45) < 20
    save_image(np.full((*SIZE, 3), colour(index), np.uint8), folder / "images" / f"{name}.png")
    label = np.where(disc, 255, 0).astype(np.uint8)
    save_image(label, folder / "masks" / f"{name}.png")
    if soft:
        save_image(label // 2, folder / "alphas" / f"{name}.png")


def made_row(index: int, status: str = "review", **more: object) -> Row:
    """A row whose score falls as the index grows: the last is the most doubtful."""
    name = f"p{index:04}"
    fields: dict[str, object] = {
        "name": name,
        "source": f"{name}.jpg",
        "status": status,
        "score": round(1 - index / 10_000, 4),
        "cause": "low agreement" if status == "review" else None,
        "reason": f"the teachers agree to {1 - index / 10_000:.4f}" if status == "review" else None,
        "image": f"images/{name}.png",
        "mask": f"masks/{name}.png",
    }
    return Row(**(fields | more))  # type: ignore[arg-type]


def save_made_set(folder: Path, rows: list[Row], *, pictures: bool = True) -> Path:
    """A finished set of such rows."""
    for index, row in enumerate(rows):
        if pictures and row.image is not None:
            save_pictures(folder, index, row.name, soft=row.alpha is not None)
    save_set(folder, Header("label", {}), rows)
    return folder
