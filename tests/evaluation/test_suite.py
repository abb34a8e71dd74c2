"""The list of sets and networks: strict, and honest about what is not here."""

from pathlib import Path

import pytest

from sinet.core.errors import ImageError, LabelError, MissingExtraError, SpecError
from sinet.evaluation.suite import find_suite, load_suite, without
from sinet.runtime.catalog import names

SETS = '[[sets]]\nname = "discs"\ntitle = "red discs"\nfolder = "discs"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "list.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def root(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the discs lie."""
    root = tmp_path_factory.mktemp("root")
    folder.rename(root / "discs")
    return root


def test_the_list_of_the_repository_is_one(root: Path) -> None:
    suite = load_suite(Path(__file__).resolve().parents[2] / "benchmarks" / "report.toml")
    assert [one.name for one in suite.sets] == ["EG1800", "CCP", "VOC", "nobody"]


def test_packaged_models_come_first_and_sets_are_thinned(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = find_suite(write(tmp_path_factory.mktemp("list"), SETS + "every = 2\n"), root)
    assert [one.name for one in found.entrants] == names()
    assert [item.name for item in found.sets[0].items] == ["ann", "cleo"]
    assert found.skipped == []


def test_names_choose_before_every(root: Path) -> None:
    (root / "discs" / "val.txt").write_text("cleo\nann\nben\n")
    found = find_suite(write(root, SETS + 'names = "val.txt"\nevery = 2\n'), root)
    assert [item.name for item in found.sets[0].items] == ["cleo", "ben"]


def test_what_lies_beside_the_list_is_found_first(root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "net.onnx").touch()
    (root / "net.onnx").touch()
    text = SETS + '[[networks]]\nname = "net"\nfile = "net.onnx"\nspec = "net.json"\nparams = "1 K"\n'
    found = find_suite(write(root / "sub", text), root)
    assert (found.entrants[-1].model, found.entrants[-1].spec) == (root / "sub/net.onnx", root / "sub/net.json")


def test_what_is_not_here_is_skipped_and_said(root: Path) -> None:
    text = SETS + SETS.replace("discs", "balls") + '[[networks]]\nname = "net"\nfile = "weights/net.onnx"\n'
    found = find_suite(write(root, text), root)
    assert [one.about.name for one in found.sets] == ["discs"]
    assert [sentence.split(":")[0] for sentence in found.skipped] == ["set balls", "network net"]


def test_a_network_that_cannot_run_here_is_skipped_too(root: Path) -> None:
    found = find_suite(write(root, SETS), root)
    left = without(found, found.entrants[1], MissingExtraError("litert", "litert"))
    assert [one.name for one in left.entrants] == [names()[0], *names()[2:]]
    assert left.skipped[0].endswith("pip install 'sinet[litert]'")


def test_no_set_at_all_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none of the sets .* --root"):
        find_suite(write(tmp_path, SETS), tmp_path / "elsewhere")


def test_a_set_that_is_broken_is_not_skipped(root: Path) -> None:
    (root / "discs" / "masks" / "ann.png").unlink()
    with pytest.raises(LabelError, match=r"ann\.png"):
        find_suite(write(root, SETS), root)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[sets", "cannot be read"),
        (SETS + "evry = 2\n", "unknown field evry"),
        (SETS + SETS, "has 'discs' twice"),
        (SETS + "every = 0\n", "must be 1 or more"),
        (SETS + f'[[networks]]\nname = "{names()[0]}"\nfile = "x.onnx"\n', "packaged model"),
        ("networks = []\n", "missing field sets"),
    ],
)
def test_a_list_is_strict(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        load_suite(write(tmp_path, text))


def test_no_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        load_suite(tmp_path / "none.toml")
