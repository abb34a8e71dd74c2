"""What is measured is right on pictures made for it; the page is whole, by itself, and safe."""

import re
from base64 import b64decode
from dataclasses import dataclass
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.data.listing import Entry, Listing, list_folders
from sinet.data.rows import Row
from sinet.generate.measures import GRID, Measures, Measuring, count_bodies, measure
from sinet.generate.properties import PROPERTIES
from sinet.generate.skin import CLASSES, EDGES, skin_angle, to_lab
from sinet.generate.stats import SetStats, count_rows, summarise
from sinet.generate.stats_page import render


@dataclass(frozen=True)
class Box:
    box: tuple[float, float, float, float]


def person(top: int = 20, bottom: int = 100) -> np.ndarray:
    label = np.zeros((100, 80), np.uint8)
    label[top:bottom, 30:50] = 255
    return label


GREY = np.full((100, 80, 3), 51, np.uint8)


def test_light_of_flat_and_split_pictures() -> None:
    flat = measure(GREY, None, None)
    assert (flat.brightness, flat.contrast, flat.sharpness) == pytest.approx((0.2, 0, 0), abs=1e-5)
    halves = GREY.copy()
    halves[:50], halves[50:] = 0, 255
    split = measure(halves, None, None)
    assert (split.brightness, split.contrast) == pytest.approx((0.5, 0.5), abs=1e-5)
    assert split.person_share is None and split.people is None and split.map is None


def test_sharpness_falls_with_blur(portrait_path: Path) -> None:
    with Image.open(portrait_path) as image:
        sharp = image.convert("RGB")
    blurred = sharp.resize((128, 128)).resize(sharp.size)
    sharpness = [measure(np.asarray(each), None, None).sharpness for each in (sharp, blurred)]
    assert sharpness[0] > 2 * sharpness[1]


def test_distance_is_counted_by_hand() -> None:
    found = measure(GREY, person(), lambda rgb: [])
    assert found.person_share == pytest.approx(80 * 20 / 8000)
    assert found.person_height == 0.8
    assert (found.face_height, found.people, found.framing, found.skin) == (0.0, 1, None, None)
    nobody = measure(GREY, np.zeros((100, 80), np.uint8), lambda rgb: [])
    assert (nobody.person_share, nobody.person_height, nobody.people) == (0.0, 0.0, 0)


@pytest.mark.parametrize(("height", "framing"), [(40, "close-up"), (20, "half body"), (8, "full body")])
def test_framing_follows_the_face(height: int, framing: str) -> None:
    found = measure(GREY, person(), lambda rgb: [Box((30, 20, 50, 20 + height))])
    assert found.face_height == pytest.approx(height / 100)
    assert found.framing == framing


def test_faces_beside_the_mask_and_beyond_the_border() -> None:
    faces = [Box((0, 0, 20, 20)), Box((32, 10, 48, 40)), Box((-50, -50, 500, 500))]
    found = measure(GREY, person(), lambda rgb: faces)
    assert found.people == 2
    assert found.face_height == pytest.approx(0.3)
    assert measure(GREY, None, lambda rgb: faces).people == 3


def test_bodies_are_connected_parts_and_crumbs_are_none() -> None:
    mask = np.zeros((200, 300), bool)
    assert count_bodies(mask) == 0
    mask[150:, 20:80] = True
    mask[20:160, 120:180] = True
    assert count_bodies(mask) == 2
    mask[5:10, 250:255] = True
    assert count_bodies(mask) == 2
    mask[150:158, 80:120] = True
    assert count_bodies(mask) == 1
    spiral = np.zeros((64, 64), bool)
    spiral[::4] = True
    for index, row in enumerate(range(0, 60, 4)):
        spiral[row : row + 4, -1 if index % 2 else 0] = True
    assert count_bodies(spiral) == 1
    dot = np.zeros((500, 500), bool)
    dot[3, 3] = True
    assert count_bodies(dot) == 1


def test_lab_of_known_colours() -> None:
    # CIE values for sRGB's primaries, as colour references print them.
    known = {
        (255, 255, 255): (100.0, 0.0, 0.0),
        (0, 0, 0): (0.0, 0.0, 0.0),
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
        (119, 119, 119): (50.03, 0.0, 0.0),
    }
    found = to_lab(np.array(list(known), np.uint8))
    assert np.allclose(found, list(known.values()), atol=0.05)


def test_the_angle_falls_as_skin_darkens_and_grey_has_none() -> None:
    shades = np.array([(244, 208, 177), (224, 172, 138), (198, 134, 100), (141, 85, 56), (90, 56, 40)], np.uint8)
    angles = [skin_angle(np.broadcast_to(shade, (40, 40, 3)).copy(), (5, 5, 35, 35), None) for shade in shades]
    assert all(angle is not None for angle in angles)
    assert all(one > other for one, other in pairwise(angles))  # type: ignore[operator]
    assert angles[0] > EDGES[4] and angles[-1] < EDGES[1]  # type: ignore[operator]
    assert skin_angle(np.full((40, 40, 3), 150, np.uint8), (0, 0, 40, 40), None) is None
    assert skin_angle(np.broadcast_to(shades[1], (40, 40, 3)).copy(), (0, 0, 40, 40), np.zeros((40, 40), bool)) is None
    assert len(CLASSES) == len(EDGES) - 1


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.key)
def test_bins_are_cut_where_their_labels_say(prop) -> None:  # type: ignore[no-untyped-def]
    if not prop.edges:
        assert [prop.bin_of(label) for label in prop.labels] == list(range(len(prop.labels)))
        return
    assert len(prop.edges) == len(prop.labels) + 1
    for index, (low, high) in enumerate(pairwise(prop.edges)):
        assert prop.bin_of(max(low, -1e6)) == index
        assert prop.bin_of(float(np.nextafter(min(high, 1e6), -np.inf))) == index


class Reader(HTMLParser):
    """Checks that tags close in order and collects what the page refers to."""

    VOID = frozenset({"meta", "img", "rect", "link", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.refers: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert all(not name.startswith("on") for name, _ in attrs)
        self.refers += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "xlink:href", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def read(page: bytes) -> Reader:
    reader = Reader()
    text = page.decode("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def stats_of(folder: Path, **options: object) -> SetStats:
    (listing,) = list_folders([folder])
    measured = [Measuring(**options)()(entry) for entry in listing.entries]  # type: ignore[arg-type]
    return summarise(listing, count_rows(listing, None), measured, PROPERTIES, 3)


def no_faces() -> object:
    return lambda rgb: []


def test_the_page_is_whole_and_needs_nothing(folder: Path) -> None:
    stats = stats_of(folder, open_detector=no_faces)
    assert stats.pictures == 4
    shares = next(plot for plot in stats.plots if plot.key == "person_share")
    assert sum(made.count for made in shares.bins) == 4 and shares.bins[0].count == 1
    page = render([stats])
    reader = read(page)
    assert "script" not in reader.seen and "link" not in reader.seen
    assert reader.refers and all(reference.startswith("data:image/jpeg;base64,") for reference in reader.refers)
    assert not re.search(
        rb"(?<!-)http|//|url\(|@import", re.sub(rb"base64,[^\"]+", b"", page).replace(b"http-equiv", b"")
    )
    with Image.open(BytesIO(b64decode(reader.refers[0].split(",")[1]))) as thumbnail:
        assert thumbnail.format == "JPEG" and thumbnail.height == 96
    assert page == render([stats])


def test_two_sets_stand_side_by_side(folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    Image.new("RGB", (400, 100), (200, 30, 30)).save(bare / "wall.png")
    (bare / "broken.png").write_bytes(b"no picture")
    stats = [stats_of(folder), stats_of(bare)]
    assert stats[1].unread[0][0] == "broken" and stats[1].heat is None
    page = render(stats).decode()
    read(page.encode())
    assert 'class="key s1"' in page and 'rect class="s1"' in page
    assert "1 could not be measured" in page
    assert "Not measured: 1 of 1 in bare" in page


def test_a_hostile_name_is_only_a_name() -> None:
    hostile = "<script>alert(1)</script>\" onload='x' &amp; \x00\x1b \udcff"
    entry = Entry(0, hostile, Path("nowhere.png"))
    rows = (Row("a", "a", "left out", cause=hostile, licence=hostile),)
    listing = Listing(hostile, Path("x"), (entry, entry), rows)
    measures = Measures((10, 10), 0.5, 0.1, 5.0)
    stats = summarise(listing, count_rows(listing, hostile), [measures, hostile], PROPERTIES, 3)
    reader = read(render([stats], lambda entry: b"jpeg"))
    assert "script" not in reader.seen
    assert "<script>alert(1)</script>\" onload='x' &amp; \ufffd\ufffd \ufffd" in reader.words


def test_rows_are_counted_by_what_became_of_them() -> None:
    rows = (
        Row("a", "a", "kept", split="val", licence="CC0"),
        Row("b", "b", "kept", licence="CC0"),
        Row("c", "c", "left out", cause="no face"),
        Row("d", "d", "failed", cause="failed"),
    )
    assert count_rows(Listing("t", Path("t"), (), rows), "crop") == {
        "status": {"kept": 2, "left out": 1, "failed": 1},
        "cause": {"left out: no face": 1, "failed: failed": 1},
        "split": {"val": 1, "train": 1},
        "step": {"crop": 4},
        "licence": {"CC0": 2},
    }


def test_the_map_is_the_mean_mask(folder: Path) -> None:
    heat = stats_of(folder).heat
    assert heat is not None and heat.shape == GRID
    assert heat[12, 12] == pytest.approx(0.75)
    assert heat[0, 0] == 0
