"""Every kind of finding, provoked; and nothing found where nothing is wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError, OutputError
from sinet.data.checks import KINDS, Finding, HeldOut, balance, collect, compare, inspect
from sinet.data.heldout import held_out_of, merged, read_hashes, save_hashes
from sinet.data.listing import list_folders, of_part
from sinet.data.rows import Header, Row, save_set, sha256


def picture(seed: int, size: tuple[int, int] = (120, 100)) -> Image.Image:
    """Blobs that look like nothing else."""
    rough = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((size[1], size[0]), Image.Resampling.BICUBIC)


def label(person: float = 0.5, size: tuple[int, int] = (120, 100)) -> np.ndarray:
    values = np.zeros(size, np.uint8)
    values[: round(person * size[0])] = 255
    return values


def add(folder: Path, name: str, image: Image.Image, mask: np.ndarray | None) -> None:
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    image.save(folder / "images" / f"{name}.png")
    if mask is not None:
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")


def make_set(folder: Path, rows: list[tuple[str, str, str, int]]) -> Path:
    """A set of (name, source, split, seed)."""
    made = []
    for name, source, split, seed in rows:
        add(folder, name, picture(seed), label())
        image, mask = f"images/{name}.png", f"masks/{name}.png"
        made.append(
            Row(
                name,
                source,
                "kept",
                split=split,  # type: ignore[arg-type]
                size=(120, 100),
                image=image,
                mask=mask,
                source_sha256=sha256(source.encode()),
                image_sha256=sha256((folder / image).read_bytes()),
                mask_sha256=sha256((folder / mask).read_bytes()),
            )
        )
    save_set(folder, Header("crop", {}), made)
    return folder


def check(*folders: Path, held_out: HeldOut | None = None, splits: tuple[Path, ...] = ()) -> tuple[list[Finding], int]:
    listings = list_folders(folders, splits)
    seen = [inspect(entry) for listing in listings for entry in listing.entries]
    between, expected = compare(listings, seen, held_out or HeldOut())
    return collect(listings, seen) + between, expected


def kinds(findings: list[Finding]) -> list[tuple[str, str]]:
    return sorted((finding.kind, finding.name) for finding in findings)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    for seed in range(4):
        add(tmp_path / "good", f"p{seed}", picture(seed), label())
    return tmp_path / "good"


def test_nothing_is_found_where_nothing_is_wrong(good: Path) -> None:
    assert check(good) == ([], 0)


MASKS = {
    "empty mask": label(0.0),
    "full mask": label(1.0),
    "wholly ignored mask": np.full((120, 100), 128, np.uint8),
    "nearly ignored mask": np.where(label(0.05) == 255, 255, 128).astype(np.uint8),
    "mask of another size": label(0.5, (60, 50)),
    "mask of 0 and 1": label() // 255,
    "strange mask values": label() // 2 * 2,
}


@pytest.mark.parametrize("kind", MASKS)
def test_a_wrong_mask_is_named(good: Path, kind: str) -> None:
    add(good, "bad", picture(9), MASKS[kind])
    findings, _ = check(good)
    assert kinds(findings) == [(kind, "good/bad")]


def test_soft_and_coloured_masks_are_told_apart(good: Path) -> None:
    soft = np.linspace(0, 255, 12_000).round().astype(np.uint8).reshape(120, 100)
    add(good, "soft", picture(9), soft)
    add(good, "rgb", picture(10), np.repeat(label()[..., None], 3, axis=2))
    details = {finding.name: finding.detail for finding in check(good)[0]}
    assert "soft" in details["good/soft"]
    assert "3 of 8" in details["good/rgb"]


def test_a_mask_of_one_bit_is_right(good: Path) -> None:
    add(good, "bit", picture(9), None)
    Image.fromarray(label()).convert("1").save(good / "masks" / "bit.png")
    assert check(good)[0] == []


def test_pictures_that_are_no_good(good: Path) -> None:
    add(good, "tiny", picture(20, (60, 70)), label(0.5, (60, 70)))
    add(good, "long", picture(21, (100, 400)), label(0.5, (100, 400)))
    add(good, "plain", Image.new("RGB", (100, 120), (9, 9, 9)), label())
    add(good, "broken", picture(22), label())
    add(good, "torn", picture(23), label())
    for path in (good / "images" / "broken.png", good / "masks" / "torn.png"):
        path.write_bytes(path.read_bytes()[:60])
    assert kinds(check(good)[0]) == [
        ("odd shape", "good/long"),
        ("plain picture", "good/plain"),
        ("tiny picture", "good/tiny"),
        ("unreadable mask", "good/torn"),
        ("unreadable picture", "good/broken"),
    ]


def test_files_that_do_not_fit(good: Path) -> None:
    add(good, "alone", picture(20), None)
    Image.fromarray(label()).save(good / "masks" / "nobody.png")
    picture(21).save(good / "images" / "p0.jpg")
    assert kinds(check(good)[0]) == [
        ("file without row", "good/masks/nobody.png"),
        ("no mask", "good/images/alone.png"),
        ("same stem", "good/images/p0.png"),
    ]


def test_a_folder_of_pictures_alone_needs_no_masks(tmp_path: Path) -> None:
    for seed in range(3):
        picture(seed).save(tmp_path / f"{seed}.png")
    assert check(tmp_path) == ([], 0)


def test_a_set_is_held_against_its_manifest(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", [(name, f"{name}.jpg", "train", ord(name)) for name in "abcd"])
    assert check(folder) == ([], 0)
    (folder / "images" / "a.png").unlink()
    picture(50).save(folder / "images" / "b.png")
    Image.fromarray(label(0.25)).save(folder / "masks" / "c.png")
    picture(51).save(folder / "images" / "stray.png")
    assert kinds(check(folder)[0]) == [
        ("changed file", "set/train/b"),
        ("changed file", "set/train/c"),
        ("file without row", "set/images/stray.png"),
        ("missing file", "set/images/a.png"),
    ]


def test_near_duplicates_within_and_across(good: Path, tmp_path: Path) -> None:
    flipped = picture(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((200, 240))
    add(good, "copy", flipped, label(0.5, (240, 200)))
    findings, _ = check(good)
    assert kinds(findings) == [("near-duplicate", "good/copy ~ good/p0")]
    assert "mirrored" in findings[0].detail
    add(tmp_path / "other", "again", picture(1), label())
    assert ("near-duplicate across splits", "good/p1 ~ other/again") in kinds(check(good, tmp_path / "other")[0])


def test_lists_make_splits(good: Path, tmp_path: Path) -> None:
    add(good, "copy", picture(0), label())
    (tmp_path / "train.txt").write_text("p0\np1\n")
    (tmp_path / "val.txt").write_text("copy.png\np2\n")
    splits = (tmp_path / "train.txt", tmp_path / "val.txt")
    assert kinds(check(good, splits=splits)[0]) == [("near-duplicate across splits", "good/val/copy ~ good/train/p0")]
    (listing,) = list_folders([good], splits)
    assert [entry.name for entry in of_part(listing, "val").entries] == ["copy", "p2"]
    with pytest.raises(ImageError, match="test"):
        of_part(listing, "test")


def test_crops_of_one_source_are_alike_by_design_within_a_split(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", [("a-1", "a.jpg", "train", 1), ("a-2", "a.jpg", "train", 1)])
    assert check(folder) == ([], 1)


def test_crops_of_one_source_in_two_splits_are_found_even_where_they_look_unlike(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", [("a-1", "a.jpg", "train", 1), ("a-2", "a.jpg", "val", 2)])
    assert kinds(check(folder)[0]) == [("source in two splits", "set/train/a-1 ~ set/val/a-2")]


def test_held_out_pictures_are_found_by_hash_alone(good: Path, tmp_path: Path) -> None:
    add(tmp_path / "test", "secret", picture(2).resize((150, 180)), None)
    add(tmp_path / "test", "other\nname", picture(77), None)
    add(tmp_path / "test", "plain", Image.new("RGB", (100, 100)), None)
    (tmp_path / "test" / "masks").rmdir()
    (listing,) = list_folders([tmp_path / "test"])
    seen = [inspect(entry) for entry in listing.entries]
    assert save_hashes(seen, tmp_path / "hashes.txt") == 3
    read = read_hashes(tmp_path / "hashes.txt")
    at_hand = held_out_of(seen, "test")
    assert read.digests == at_hand.digests
    for held_out in (read, at_hand, merged([read, HeldOut()])):
        findings, _ = check(good, held_out=held_out)
        assert [finding.kind for finding in findings] == ["held-out picture"]
        assert findings[0].name.startswith("good/p2 ~ ") and findings[0].name.endswith("secret")


def test_a_row_made_of_a_held_out_file_is_found_by_the_digest(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", [("a", "a.jpg", "train", 1)])
    held_out = HeldOut(["x"], [None], [sha256(b"a.jpg")])
    findings, _ = check(folder, held_out=held_out)
    assert findings == [Finding("held-out picture", "set/train/a ~ x", "made of this file")]


@pytest.mark.parametrize(
    "content", [b"", b"a\nb\n", b"# sinet-hashes-1\nzz 00 n\n", b"# sinet-hashes-1\n00\n", b"\xff\xfe", None]
)
def test_what_is_no_list_of_hashes_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "list").write_bytes(content)
    with pytest.raises(ImageError, match="list"):
        read_hashes(tmp_path / "list")
    with pytest.raises(OutputError, match="no hashes"):
        save_hashes([], tmp_path / "out")


def test_balance_is_counted_by_hand(tmp_path: Path) -> None:
    add(tmp_path, "a", picture(1), label(0.25))
    add(tmp_path, "b", picture(2), label(0.0))
    half = label(0.5)
    half[60:] = 128
    half[:30] = 0
    add(tmp_path, "c", picture(3), half)
    (listing,) = list_folders([tmp_path])
    found = balance([inspect(entry) for entry in listing.entries])
    assert found is not None
    assert (found.labels, found.person, found.empty, found.ignored) == (
        3,
        0.25,
        pytest.approx(1 / 3),
        pytest.approx(1 / 6),
    )
    assert found.quantiles["50%"] == 0.25
    assert balance([]) is None


def test_what_cannot_be_listed_is_refused(tmp_path: Path, good: Path) -> None:
    with pytest.raises(ImageError, match="no such folder"):
        list_folders([tmp_path / "none"])
    with pytest.raises(ImageError, match="twice"):
        list_folders([good, good])
    (tmp_path / "void").mkdir()
    with pytest.raises(ImageError, match="no pictures"):
        list_folders([tmp_path / "void"])


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for parent in ("x", "y"):
        add(tmp_path / parent / "set", "a", picture(1), label())
    titles = [listing.title for listing in list_folders([tmp_path / "x" / "set", tmp_path / "y" / "set"])]
    assert titles == ["x/set", "y/set"]


def test_every_kind_says_what_to_do() -> None:
    assert all(severity in ("error", "warning") and advice for severity, advice in KINDS.values())


def test_a_mask_whose_suffix_is_in_capitals_is_none_as_for_training(good: Path) -> None:
    add(good, "capital", picture(9), label())
    (good / "masks" / "capital.png").rename(good / "masks" / "capital.PNG")
    assert [(finding.kind, finding.name) for finding in check(good)[0]] == [("no mask", "good/images/capital.png")]


def test_a_palette_of_colours_is_no_mask(good: Path) -> None:
    add(good, "voc", picture(9), None)
    image = Image.fromarray(label())
    image.putpalette([value for grey in range(256) for value in (grey, grey // 2, 255 - grey)])
    image.save(good / "masks" / "voc.png")
    (finding,) = check(good)[0]
    assert (finding.kind, finding.name) == ("unreadable mask", "good/voc") and "palette" in finding.detail
