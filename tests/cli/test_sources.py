"""What is taken for a picture, and what is left alone."""

import os
import sys
from pathlib import Path

import pytest

from sinet.cli.sources import Found, find_pictures
from sinet.core.errors import ImageError

SUFFIXES = {".jpg", ".png"}


def plant(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.touch()


def paths(found: Found) -> list[str]:
    return [str(picture.path) for picture in found.pictures]


def places(found: Found) -> list[str]:
    return [str(picture.place) for picture in found.pictures]


def test_a_folder_is_searched_to_its_bottom_in_the_order_of_names(desk: Path) -> None:
    plant("in/b.jpg", "in/a/z.PNG", "in/a/y/x.jpg", "in/c.png", "in/notes.txt", "in/a/raw.cr2")
    found = find_pictures(["in"], SUFFIXES)
    assert paths(found) == ["in/a/y/x.jpg", "in/a/z.PNG", "in/b.jpg", "in/c.png"]
    assert places(found) == ["a/y/x.jpg", "a/z.PNG", "b.jpg", "c.png"]
    assert found.ignored == 2
    assert {picture.root for picture in found.pictures} == {Path("in")}


def test_a_folder_named_like_a_picture_is_listed_and_not_entered(desk: Path) -> None:
    plant("in/x.jpg/inside.jpg")
    assert paths(find_pictures(["in"], SUFFIXES)) == ["in/x.jpg"]


def test_such_a_folder_is_searched_where_it_is_the_source(desk: Path) -> None:
    plant("x.jpg/inside.jpg", "y.jpg")
    assert paths(find_pictures(["x.jpg"], SUFFIXES)) == ["x.jpg/inside.jpg"]
    assert paths(find_pictures(["x.jpg", "y.jpg"], SUFFIXES)) == ["x.jpg", "y.jpg"]


def test_hidden_things_are_ignored(desk: Path) -> None:
    plant("in/.hidden.jpg", "in/._a.jpg", "in/.git/a.jpg", "in/a.jpg")
    found = find_pictures(["in"], SUFFIXES)
    assert paths(found) == ["in/a.jpg"]
    assert found.ignored == 3


def test_earlier_results_are_never_sources(desk: Path) -> None:
    plant("in/a.jpg", "in/a.out.png", "in/sub.out/b.png", "in/cuts/a.png", "in/a.out")
    found = find_pictures(["in"], SUFFIXES, output=Path("in/cuts"))
    assert paths(found) == ["in/a.jpg"]
    assert (found.results, found.ignored) == (3, 1)


@pytest.mark.parametrize("sources", [["*"], ["a.jpg", "a.out.png", "in.out", "cuts"]], ids=["pattern", "shell"])
def test_nor_where_a_star_finds_them(desk: Path, sources: list[str]) -> None:
    plant("a.jpg", "a.out.png", "in.out/b.png", "cuts/a.png")
    found = find_pictures(sources, SUFFIXES, output=Path("cuts"))
    assert paths(found) == ["a.jpg"]
    assert found.results == 3


def test_a_result_named_alone_is_meant(desk: Path) -> None:
    plant("a.out.png")
    assert paths(find_pictures(["a.out.png"], SUFFIXES)) == ["a.out.png"]


def test_links_to_folders_are_counted_and_loops_end(desk: Path) -> None:
    plant("in/a.jpg", "in/sub/b.jpg")
    Path("in/sub/up").symlink_to(desk / "in", target_is_directory=True)
    Path("in/link.jpg").symlink_to("a.jpg")
    Path("in/round.jpg").symlink_to("round.jpg")
    for sources in (["in"], ["in/**/*"]):
        found = find_pictures(sources, SUFFIXES)
        assert paths(found) == ["in/a.jpg", "in/link.jpg", "in/round.jpg", "in/sub/b.jpg"]
        assert found.links == 1


def test_a_linked_folder_is_searched_where_it_is_the_source(desk: Path) -> None:
    plant("far/a.jpg")
    Path("near").symlink_to("far", target_is_directory=True)
    assert paths(find_pictures(["near"], SUFFIXES)) == ["near/a.jpg"]


def test_a_pattern_keeps_the_tree_below_its_fixed_part(desk: Path) -> None:
    plant("in/a/1.jpg", "in/b/2.jpg", "in/b/3.png", "in/4.jpg")
    found = find_pictures(["in/**/*.jpg"], SUFFIXES)
    assert places(found) == ["4.jpg", "a/1.jpg", "b/2.jpg"]
    assert {picture.root for picture in found.pictures} == {None}
    assert places(find_pictures([str(desk / "in" / "[ab]" / "*.jpg")], SUFFIXES)) == ["a/1.jpg", "b/2.jpg"]


def test_a_pattern_that_matches_folders_searches_them(desk: Path) -> None:
    plant("in/a/1.jpg", "in/b/c/2.jpg")
    assert places(find_pictures(["in/*"], SUFFIXES)) == ["a/1.jpg", "b/c/2.jpg"]


def test_what_exists_under_the_very_name_is_no_pattern(desk: Path) -> None:
    plant("a[1].jpg", "a1.jpg")
    assert paths(find_pictures(["a[1].jpg"], SUFFIXES)) == ["a[1].jpg"]


def test_every_picture_comes_once(desk: Path) -> None:
    plant("in/a.jpg", "in/b.jpg")
    found = find_pictures(["in/b.jpg", "in", str(desk / "in" / "a.jpg"), "in/*.jpg"], SUFFIXES)
    assert sorted(Path(path).name for path in paths(found)) == ["a.jpg", "b.jpg"]


def test_several_folders_keep_their_names(desk: Path) -> None:
    plant("here/in/a.jpg", "there/a.jpg")
    assert places(find_pictures(["here/in", "there"], SUFFIXES)) == ["in/a.jpg", "there/a.jpg"]
    os.chdir("there")
    assert places(find_pictures([".", "../here/in"], SUFFIXES)) == ["there/a.jpg", "in/a.jpg"]


def test_a_tree_deeper_than_the_stack_is_no_trouble(desk: Path) -> None:
    limit = sys.getrecursionlimit()
    folders = [Path("in", *["d"] * depth) for depth in range(300)]
    picture = folders[-1] / "a.jpg"
    try:
        for folder in folders:
            folder.mkdir()
        picture.touch()
        sys.setrecursionlimit(250)
        assert paths(find_pictures(["in"], SUFFIXES)) == [str(picture)]
    finally:  # whoever sweeps the desk may not go so deep
        sys.setrecursionlimit(limit)
        picture.unlink(missing_ok=True)
        for folder in reversed(folders):
            folder.rmdir()


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (["nowhere.jpg"], "nowhere.jpg: there is no such file or folder; check the name"),
        (["a.jpg", "b.png"], "if this is to be the output, write: -o b.png"),
        (["a.jpg", "b.png", "c.png"], "b.png: there is no such file"),
        (["*.tiff"], "no file matches this pattern"),
        (["**.jpg"], "this is not a pattern"),
        ([""], "a source is an empty word"),
    ],
)
def test_a_source_that_is_not_there_is_a_mistake(desk: Path, sources: list[str], words: str) -> None:
    plant("a.jpg")
    with pytest.raises(ImageError) as caught:
        find_pictures(sources, SUFFIXES)
    assert words in str(caught.value)
