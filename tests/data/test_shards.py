"""Laws of packed sets: nothing is lost, the same bytes each time, others read them, training learns the same."""

import dataclasses
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from sinet.__main__ import run
from sinet.core.errors import ImageError, LabelError, OutputError, SpecError
from sinet.data.labelled import find_items, load_label
from sinet.data.manifest import SourceRow, find_split, manifest_hash
from sinet.data.packing import pack
from sinet.data.pool import load_pool
from sinet.data.rows import Header, Row, row_from_line, save_set, sha256
from sinet.data.shards import INDEX_NAME, read_index
from sinet.media.image import load_image
from sinet.media.sinks import encode_image, save_bytes

NAMES = ["b.v1", "b_v1", "a", "ünï", "x" * 130, *(f"p{i}" for i in range(15))]


def write_row(folder: Path, name: str, seed: int, **more: object) -> Row:
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (48, 64, 3), np.uint8)
    mask = np.where(rng.random((48, 64)) < 0.5, 255, 0).astype(np.uint8)
    image, content = f"images/{name}.jpg", encode_image(rgb, ".jpg")
    files = {f"masks/{name}.png": encode_image(mask, ".png"), f"alphas/{name}.png": encode_image(255 - mask, ".png")}
    save_bytes(content, folder / image)
    for file, label in files.items():
        save_bytes(label, folder / file)
    row = Row(name, f"{name}.jpg", "kept", image=image, mask=f"masks/{name}.png", alpha=f"alphas/{name}.png",
              image_sha256=sha256(content), split="val" if seed % 4 == 3 else "train")  # fmt: skip
    return dataclasses.replace(row, **more)  # type: ignore[arg-type]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A made set of twenty kept rows, names that make trouble among them, one row without a mask, and two not kept."""
    folder = tmp_path / "set"
    rows = [write_row(folder, name, seed) for seed, name in enumerate(NAMES)]
    rows[2] = dataclasses.replace(rows[2], mask=None, alpha=None)
    rows.append(write_row(folder, "doubtful", 50, status="review"))
    rows.append(Row("gone", "gone.jpg", "failed", cause="failed", reason="gone.jpg: damaged"))
    save_set(folder, Header("label", {"teachers": ["a"]}), rows)
    return folder


def members(tar: Path) -> dict[str, bytes]:
    with tarfile.open(tar) as opened:
        return {info.name: opened.extractfile(info).read() for info in opened}  # type: ignore[union-attr]


def test_every_kept_row_and_its_files_are_there(made: Path, tmp_path: Path) -> None:
    index = pack(made, tmp_path / "out", size_mb=1)
    assert read_index(tmp_path / "out") == index
    assert index.counts == {"train": 15, "val": 5}
    rows: dict[str, Row] = {}
    for shard in index.shards:
        content = (tmp_path / "out" / shard.file).read_bytes()
        assert (len(content), sha256(content)) == (shard.bytes, shard.sha256)
        inside = members(tmp_path / "out" / shard.file)
        for name in (name for name in inside if name.endswith(".json")):
            row, key = row_from_line(inside[name].decode(), name), name.removesuffix(".json")
            assert row.split == shard.split and "." not in key
            rows[row.name] = row
            assert inside[f"{key}.jpg"] == (made / "images" / f"{row.name}.jpg").read_bytes()
            for kind in ("mask", "alpha") if row.mask else ():
                assert inside[f"{key}.{kind}.png"] == (made / f"{kind}s" / f"{row.name}.png").read_bytes()
    assert set(rows) == set(NAMES)


def test_tars_tell_no_times_and_owners_and_are_the_same_again(made: Path, tmp_path: Path) -> None:
    for name, shuffle in {"a": None, "b": None, "c": 1, "d": 1, "e": 2}.items():
        pack(made, tmp_path / name, shuffle=shuffle)
    content = {name: (tmp_path / name / "train-000000.tar").read_bytes() for name in "abcde"}
    assert content["a"] == content["b"] and content["c"] == content["d"]
    assert len({content[name] for name in "ace"}) == 3
    order = [name for name in members(tmp_path / "a" / "train-000000.tar") if name.endswith(".json")]
    assert order == sorted(order, key=lambda name: name.removesuffix(".json").removesuffix("_"))
    with tarfile.open(tmp_path / "a" / "train-000000.tar") as opened:
        assert {(info.mtime, info.uid, info.gid, info.uname, info.gname) for info in opened} == {(0, 0, 0, "", "")}


def test_tars_stay_below_their_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for index in range(9):
        image = f"images/{index}.png"
        save_bytes(encode_image(rng.integers(0, 256, (300, 300, 3), np.uint8), ".png"), tmp_path / "set" / image)
        rows.append(Row(str(index), "s", "kept", image=image))
    save_set(tmp_path / "set", Header("label", {}), rows)
    index = pack(tmp_path / "set", tmp_path / "out", size_mb=1)
    assert [shard.rows for shard in index.shards] == [3, 3, 3]
    assert all(500_000 < shard.bytes <= 1_000_000 for shard in index.shards)


@pytest.mark.parametrize("shuffle", [None, 7])
def test_training_learns_the_same_from_shards(made: Path, tmp_path: Path, shuffle: int | None) -> None:
    pack(made, tmp_path / "out", shuffle=shuffle)
    plain, packed = (find_split(SourceRow("people", folder, "none stated", 1.0), tmp_path) for folder in ("set", "out"))
    assert [item.name for item in packed.train] == [item.name for item in plain.train]
    assert [item.name for item in packed.validation] == [item.name for item in plain.validation]
    assert manifest_hash([packed]) == manifest_hash([plain])
    for one, other in zip(load_pool(plain, 32).samples, load_pool(packed, 32).samples, strict=True):
        assert np.array_equal(one.rgb, other.rgb) and np.array_equal(one.label, other.label)


def test_the_hash_covers_what_lies_in_a_shard(made: Path, tmp_path: Path) -> None:
    pack(made, tmp_path / "out")
    before = manifest_hash([find_split(SourceRow("people", "out", "none stated", 1.0), tmp_path)])
    tar = tmp_path / "out" / "train-000000.tar"
    sample = read_index(tmp_path / "out").shards[0].samples[0]
    content = bytearray(tar.read_bytes())
    content[sample.files["image"][1] + 100] ^= 1
    tar.write_bytes(content)
    assert manifest_hash([find_split(SourceRow("people", "out", "none stated", 1.0), tmp_path)]) != before


def test_one_part_and_a_list(made: Path, tmp_path: Path) -> None:
    index = pack(made, tmp_path / "out", split="val")
    assert [shard.file for shard in index.shards] == ["val-000000.tar"]
    (tmp_path / "list.txt").write_text("p10\nünï.jpg\n")
    assert [item.name for item in find_items(tmp_path / "out", tmp_path / "list.txt")] == ["p10", "ünï"]
    (tmp_path / "list.txt").write_text("a\n")
    with pytest.raises(ImageError, match="holds no picture called 'a'"):
        find_items(tmp_path / "out", tmp_path / "list.txt")


def test_webdataset_reads_them(made: Path, tmp_path: Path) -> None:
    pack(made, tmp_path / "out")
    samples: dict[str, dict[str, bytes]] = {}
    library = pytest.importorskip("webdataset.tariterators", reason="webdataset is not installed")
    with (tmp_path / "out" / "train-000000.tar").open("rb") as stream:
        for sample in library.group_by_keys(library.tar_file_expander([{"url": "a.tar", "stream": stream}])):
            samples[json.loads(sample["json"])["name"]] = sample
    assert len(samples) == 15
    for item in find_items(tmp_path / "out"):
        if item.split == "train":
            assert samples[item.name]["jpg"] == item.image.read_bytes()
            assert samples[item.name].get("mask.png") == (item.mask.read_bytes() if item.mask else None)


def test_nothing_is_replaced_and_a_failure_leaves_nothing(made: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "note.txt").touch()
    with pytest.raises(OutputError, match="something is there already"):
        pack(made, tmp_path / "there")
    (made / "masks" / "p14.png").unlink()
    with pytest.raises(LabelError, match=r"p14\.png"):
        pack(made, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))
    (made / "images" / "p1.jpg").write_bytes(b"another")
    with pytest.raises(LabelError, match=r"p1\.jpg: is not the file that the manifest tells of"):
        pack(made, tmp_path / "out")


def test_damage_is_a_sentence(made: Path, tmp_path: Path) -> None:
    pack(made, tmp_path / "out")
    item = find_items(tmp_path / "out")[-1]
    (tmp_path / "out" / "train-000000.tar").write_bytes(b"")
    (tmp_path / "out" / "val-000000.tar").write_bytes(b"")
    with pytest.raises(ImageError, match="cut short"):
        load_image(item.image)
    with pytest.raises(LabelError, match="cut short"):
        load_label(item, (48, 64))
    (tmp_path / "out" / INDEX_NAME).write_text("{}")
    with pytest.raises(SpecError, match="not an index of shards"):
        find_items(tmp_path / "out")


def test_the_command(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(["data", "shard", str(made), "-o", str(out), "--split", "train", "--shuffle", "3"]) == 0
    assert f"{out}: 15 rows (15 train) in 1 tars" in capsys.readouterr().err
    assert run(["data", "shard", str(made), "-o", str(out)]) == 2
    assert "something is there already" in capsys.readouterr().err
    assert run(["data", "shard", str(tmp_path), "-o", str(out)]) == 2
    assert run(["eval", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 15
