"""`sinet cut` and `sinet eval` at addresses: what they do with folders, and sentences where that cannot be."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from cli.test_cluster import people, report, said, tree, trip
from ray_process import Cluster
from sinet.media.places import list_folder, open_place
from sinet.media.sinks import save_bytes

__all__ = ["people", "trip"]


@pytest.fixture
def store() -> str:
    """An address of its own in fsspec's store in memory."""
    pytest.importorskip("upath", reason="the extra cluster is not installed")
    return f"memory://{uuid4().hex}"


def send(folder: Path, address: str) -> None:
    """Copy a folder to an address."""
    for name, content in tree(folder).items():
        save_bytes(content, open_place(f"{address}/{name}"))


def fetch(place: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, is_folder in list_folder(place):
        below = fetch(place / name) if is_folder else {"": (place / name).read_bytes()}
        found |= {f"{name}/{rest}".rstrip("/"): content for rest, content in below.items()}
    return found


def cut_and_measure(trip: Path, people: Path, address: str, more: list[str]) -> None:
    """Both verbs at an address and in folders, with the same outcome."""
    send(trip, f"{address}/trip")
    send(people, f"{address}/people")
    assert said(["cut", str(trip)])[0] == 1
    status, out, err = said(["cut", f"{address}/trip", *more])
    assert (status, out) == (1, f"{address}/trip.out\n"), err
    assert fetch(open_place(f"{address}/trip.out")) == tree(trip.with_name("trip.out"))
    again = json.loads(said(["cut", f"{address}/trip", "--json", *more])[1])
    assert (again["totals"]["skipped"], again["totals"]["failed"]) == (7, 1)
    assert said(["cut", f"{address}/trip", "-o", str(trip.parent / "here"), *more])[0] == 1
    assert tree(trip.parent / "here") == tree(trip.with_name("trip.out"))
    assert said(["cut", f"{trip}/wall.png", f"{trip}/day0", "-o", f"{address}/there", *more])[0] == 0
    assert set(fetch(open_place(f"{address}/there"))) == {"wall.png", "day0/0.png", "day0/2.png", "day0/4.png"}

    here, there = trip.parent / "scores", f"{address}/scores"
    here.mkdir()
    for folder, where, options in ((str(people), str(here), []), (f"{address}/people", there, more)):
        files = ["--worst", f"{where}/worst.png", "--per-image", f"{where}/scores.csv"]
        status, out, err = said(["eval", folder, "--json", *files, *options])
        assert status == 0, err
        figures = report(out)
        assert figures["images"] == 14
    assert fetch(open_place(there)) == tree(here)


def test_folders_and_addresses_alike(trip: Path, people: Path, store: str) -> None:
    cut_and_measure(trip, people, store, [])


def test_one_picture_and_results_among_sources(trip: Path, store: str) -> None:
    send(trip, f"{store}/trip")
    place = open_place(store)
    assert said(["cut", f"{store}/trip/day0/0.jpg", "-q"])[0] == 0
    assert (place / "trip" / "day0" / "0.out.png").read_bytes()[:4] == b"\x89PNG"
    assert said(["cut", f"{store}/trip/day0/0.jpg", "-o", f"{store}/one.webp"])[1] == f"{store}/one.webp\n"
    totals = json.loads(said(["cut", f"{store}/trip", "-o", f"{store}/trip/cut", "--json"])[1])["totals"]
    assert (totals["ok"], totals["results"]) == (6, 1)
    assert "cut/day0/0.out.png" in fetch(place / "trip")
    assert json.loads(said(["cut", f"{store}/trip", "-o", f"{store}/trip/cut", "--json"])[1])["totals"]["results"] == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{store}/none"], "there is no such file or folder"),
        (["{store}/trip/*.jpg"], "a pattern"),
        (["{store}/trip", "-o", "{store}/trip"], "this is the folder of the sources"),
        (["{store}/trip/wall.png", "-o", "{store}/trip/wall.png"], "would replace a source"),
        (["nonesuch://bucket/a.jpg"], "nothing knows addresses of this kind"),
        (["https://example.com/a.jpg"], "nothing is fetched here"),
    ],
)
def test_mistakes_are_sentences(trip: Path, store: str, words: list[str], sentence: str) -> None:
    send(trip, f"{store}/trip")
    status, out, err = said(["cut", *(word.format(store=store) for word in words)])
    assert (status, out) == (2, "")
    assert sentence in err


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--workers", "2", "--cluster", "auto"]], ids=["alone", "cluster"])
def test_s3(trip: Path, people: Path, s3_store: Cluster, more: list[str]) -> None:
    s3_store.run(cut_and_measure, trip, people, f"s3://bucket/{uuid4().hex}", more)
