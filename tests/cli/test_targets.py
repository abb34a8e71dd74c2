"""Where results go: never onto a source, never onto one another."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinet.cli.sources import Found, Picture, find_pictures
from sinet.cli.targets import check_apart, name_outputs
from sinet.core.errors import OutputError
from sinet.pipeline.batch import Job

SUFFIXES = {".jpg", ".png", ".tif"}


def outputs(sources: list[str], output: str | None = None, suffix: str = ".png") -> dict[str, str]:
    folder = Path(output) if output else None
    jobs = name_outputs(find_pictures(sources, SUFFIXES, folder), folder, suffix)
    return {str(job.source): str(job.output) for job in jobs}


def plant(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def test_a_file_stays_beside_its_source(desk: Path) -> None:
    plant("in/ann.b.jpg")
    assert outputs(["in/ann.b.jpg"]) == {"in/ann.b.jpg": "in/ann.b.out.png"}
    assert outputs(["in/*.jpg"], suffix=".webp") == {"in/ann.b.jpg": "in/ann.b.out.webp"}


def test_a_folder_keeps_its_tree_beside_itself(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant("in/a.jpg", "in/sub/b.tif")
    assert outputs(["in"]) == {"in/a.jpg": "in.out/a.png", "in/sub/b.tif": "in.out/sub/b.png"}
    monkeypatch.chdir("in")
    assert outputs(["."]) == {"a.jpg": f"{desk}/in.out/a.png", "sub/b.tif": f"{desk}/in.out/sub/b.png"}
    monkeypatch.chdir("sub")
    assert outputs([".."])["../a.jpg"] == f"{desk}/in.out/a.png"


def test_a_folder_keeps_its_tree_in_the_folder_asked_for(desk: Path) -> None:
    plant("in/a.jpg", "in/sub/b.tif")
    assert outputs(["in"], "cuts") == {"in/a.jpg": "cuts/a.png", "in/sub/b.tif": "cuts/sub/b.png"}


def test_results_that_lie_among_their_sources_say_so(desk: Path) -> None:
    plant("in/a.jpg")
    assert outputs(["in"], "in/cuts") == {"in/a.jpg": "in/cuts/a.out.png"}


def test_pictures_of_one_stem_keep_their_whole_names(desk: Path) -> None:
    plant("in/ann.jpg", "in/ann.png", "in/ann.jpg.png", "in/Bob.jpg", "in/bob.png", "in/sub/ann.jpg")
    assert outputs(["in"], "cuts") == {
        "in/Bob.jpg": "cuts/Bob.jpg.png",
        "in/ann.jpg": "cuts/ann.jpg.png",
        "in/ann.jpg.png": "cuts/ann.jpg.png.png",
        "in/ann.png": "cuts/ann.png.png",
        "in/bob.png": "cuts/bob.png.png",
        "in/sub/ann.jpg": "cuts/sub/ann.png",
    }


names = st.lists(
    st.builds("".join, st.lists(st.sampled_from(["a", "A", "b", ".jpg", ".png", ".out"]), min_size=1, max_size=4)),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(names)
def test_no_two_pictures_ever_share_an_output(found: list[str]) -> None:
    root = Path("no-such-folder")
    pictures = [Picture(root / (name + ".jpg"), Path(name + ".jpg"), root) for name in found]
    jobs = name_outputs(Found(pictures), Path("no-such-output"), ".png")
    assert len({job.output for job in jobs}) == len(jobs)
    assert all(job.output.name.startswith(job.source.stem) for job in jobs)


@given(names)
def test_outputs_do_not_depend_on_the_order_of_sources(found: list[str]) -> None:
    root = Path("no-such-folder")
    pictures = [Picture(root / (name + ".jpg"), Path(name + ".jpg"), root) for name in found]
    forwards, backwards = (set(name_outputs(Found(p), None, ".png")) for p in (pictures, pictures[::-1]))
    assert forwards == backwards


def test_two_sources_of_one_place_are_refused_by_name(desk: Path) -> None:
    plant("here/a.jpg", "there/a.jpg")
    with pytest.raises(OutputError, match=r"here/a\.jpg and there/a\.jpg would both be written to cuts/a\.jpg\.png"):
        outputs(["here/a.jpg", "there/a.jpg"], "cuts")


def test_no_output_ever_replaces_a_source(desk: Path) -> None:
    plant("in/a.png", "in/b.png")
    Path("alias").symlink_to("in", target_is_directory=True)
    Path("c.png").symlink_to("in/b.png")
    for output in ("in/a.png", "in/b.png", "alias/b.png", "c.png", "in/../in/a.png"):
        with pytest.raises(OutputError, match="would replace a source"):
            check_apart([Job(Path("in/a.png"), Path(output)), Job(Path("in/b.png"), Path("far.png"))])
    for output in ("in", "alias"):
        with pytest.raises(OutputError, match="folder of the sources"):
            outputs(["in"], output)
    with pytest.raises(OutputError, match="would replace a source"):
        outputs(["in/a.png"], "in")


def test_a_folder_that_cannot_be_one_is_refused(desk: Path) -> None:
    plant("in/a.jpg", "file", "in.out")
    for output in ("file", "file/below"):
        with pytest.raises(OutputError, match="is not a folder"):
            outputs(["in"], output)
    with pytest.raises(OutputError, match="is not a folder"):
        outputs(["in"])
    with pytest.raises(OutputError, match="this names one picture"):
        outputs(["in"], "all.png")


def test_a_folder_of_any_name_that_exists_is_taken(desk: Path) -> None:
    plant("in/a.jpg")
    Path("all.png").mkdir()
    assert outputs(["in"], "all.png") == {"in/a.jpg": "all.png/a.png"}
